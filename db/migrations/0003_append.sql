-- The one way to change anything: a function that changes the present, then takes the tenant's head row as its last
-- lock, gives sequence and time, hashes the leaf and the subtrees that it completes, and appends. Nothing waits for a
-- round trip while the head is locked.

-- Refusals of the function, told apart by SQLSTATE:
--   RP412 the resource is not at the version that the change was made for
--   RP404 the resource does not exist
--   RP409 a change with the same idempotency key is under way
--   RP422 a chain of references of the same type turns back on itself

-- Tells the planner how many resources there are now, within the transaction that adds them. A new database has no
-- statistics; PostgreSQL then takes any index that begins with tenant and type for as good as the primary key, and checks
-- each foreign key by walking through all resources of a type. Once there are some thousands, its own housekeeping is
-- soon enough. A cluster keeps statistics by shard, each on its own.
create function count_resources() returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if (select c.reltuples < 5000 from pg_class c where c.oid = 'resource'::regclass)
      and not exists (select from pg_extension where extname = 'citus') then
    analyze (skip_locked) resource (tenant_id, resource_type, resource_id, reference);
  end if;
end $$;

-- Changes i = 1..n stand in parallel arrays. Links and facets of all changes stand in arrays of their own, with the
-- number of the change that owns them. `p_content_hashes[i]` is SHA-256(nonce, canonical {content, reason}).
create function append_changes(
  p_tenant uuid, p_actor uuid, p_reason text,
  p_types text[], p_ids uuid[], p_references text[], p_names text[], p_versions integer[], p_operations text[],
  p_approved boolean[], p_approved_versions integer[], p_states text[], p_archived boolean[],
  p_created timestamptz[], p_updated timestamptz[], p_searched text[], p_ended date[],
  p_contents text[], p_nonces bytea[], p_content_hashes bytea[], p_trees text[],
  p_link_owners integer[], p_link_fields text[], p_link_types text[], p_link_ids uuid[],
  p_facet_owners integer[], p_facets text[], p_facet_values text[],
  p_key text, p_request_hash bytea, p_status smallint, p_headers text, p_body text
) returns table (sequence bigint, recorded_at text) language plpgsql as $$
declare
  v_count constant integer := array_length(p_types, 1);
  v_revised constant boolean := exists (select from unnest(p_versions) as v (version) where v.version > 1);
  v_written integer;
  v_size bigint;
  v_time timestamptz(3);
  v_time_text text;
  v_frontier bytea[];
  v_leaves bytea[];
  v_node bytea;
  v_level smallint;
  v_index bigint;
  v_levels smallint[] := '{}';
  v_indexes bigint[] := '{}';
  v_hashes bytea[] := '{}';
begin
  perform enter_tenant(p_tenant);

  if p_key is not null then
    if not pg_try_advisory_xact_lock(hashtextextended(p_tenant::text || p_actor::text || p_key, 0)) then
      raise exception 'a change with this idempotency key is under way' using errcode = 'RP409';
    end if;
    -- An answer that has outlived its day makes room for a new one.
    delete from idempotency i where i.tenant_id = p_tenant and i.actor_id = p_actor and i.key = p_key and i.created_at <= now() - interval '24 hours';
    insert into idempotency (tenant_id, actor_id, key, request_hash, status, headers, body, created_at)
      values (p_tenant, p_actor, p_key, p_request_hash, p_status, p_headers, p_body, now());
  end if;

  -- Several changes take their row locks in one order, whatever order they are logged in.
  if v_count > 1 and v_revised then
    perform from resource r
      join unnest(p_types, p_ids) as c (type, id) on r.resource_type = c.type and r.resource_id = c.id
      where r.tenant_id = p_tenant order by r.resource_type, r.resource_id for no key update of r;
  end if;

  -- The present. RETURNING, because a cluster forwards an INSERT … SELECT into one tenant only with it.
  with inserted as (
    insert into resource (tenant_id, resource_type, resource_id, reference, name, version, approved_version, state, archived, created_at, updated_at, searched)
      select p_tenant, c.type, c.id, c.reference, c.name, 1, c.approved_version, c.state, c.archived, c.created, c.updated, array_to_tsvector(string_to_array(c.searched, ' '))
      from unnest(p_types, p_ids, p_references, p_names, p_versions, p_approved_versions, p_states, p_archived, p_created, p_updated, p_searched, p_operations)
        as c (type, id, reference, name, version, approved_version, state, archived, created, updated, searched, operation)
      where c.version = 1 and c.operation <> 'delete'
      returning 1
  ) select count(*) into v_written from inserted;
  if v_revised then
    with updated as (
      update resource r set
          reference = c.reference, name = c.name, version = c.version, approved_version = c.approved_version,
          state = c.state, archived = c.archived, updated_at = c.updated, searched = array_to_tsvector(string_to_array(c.searched, ' '))
        from unnest(p_types, p_ids, p_references, p_names, p_versions, p_approved_versions, p_states, p_archived, p_updated, p_searched, p_operations)
          as c (type, id, reference, name, version, approved_version, state, archived, updated, searched, operation)
        where r.tenant_id = p_tenant and r.resource_type = c.type and r.resource_id = c.id and r.version = c.version - 1 and c.operation <> 'delete'
        returning 1
    ), deleted as (
      delete from resource r using unnest(p_types, p_ids, p_versions, p_operations) as c (type, id, version, operation)
        where r.tenant_id = p_tenant and r.resource_type = c.type and r.resource_id = c.id and r.version = c.version - 1 and c.operation = 'delete'
        returning 1
    ) select v_written + (select count(*) from updated) + (select count(*) from deleted) into v_written;
    if v_written < v_count then
      select count(*) into v_written from resource r
        join unnest(p_types, p_ids, p_versions) as c (type, id, version) on r.resource_type = c.type and r.resource_id = c.id
        where r.tenant_id = p_tenant and c.version > 1;
      if v_written < (select count(*) from unnest(p_versions) as v (version) where v.version > 1) then
        raise exception 'no such resource' using errcode = 'RP404';
      end if;
      raise exception 'version conflict' using errcode = 'RP412';
    end if;

    delete from link l using unnest(p_types, p_ids, p_versions) with ordinality as c (type, id, version, owner)
      where l.tenant_id = p_tenant and l.source_type = c.type and l.source_id = c.id and c.version > 1 and l.in_working and not l.was_approved
        and not exists (select from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id)
          where n.owner = c.owner and n.field = l.field and n.type = l.target_type and n.id = l.target_id);
    update link l set in_working = false
      from unnest(p_types, p_ids, p_versions) with ordinality as c (type, id, version, owner)
      where l.tenant_id = p_tenant and l.source_type = c.type and l.source_id = c.id and c.version > 1 and l.in_working
        and not exists (select from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id)
          where n.owner = c.owner and n.field = l.field and n.type = l.target_type and n.id = l.target_id);
    delete from facet f using unnest(p_types, p_ids, p_versions) with ordinality as c (type, id, version, owner)
      where f.tenant_id = p_tenant and f.resource_type = c.type and f.resource_id = c.id and c.version > 1
        and not exists (select from unnest(p_facet_owners, p_facets, p_facet_values) as n (owner, facet, value)
          where n.owner = c.owner and n.facet = f.facet and n.value = f.value);
  end if;
  if v_count >= 500 then
    perform count_resources();
  end if;
  -- Joined, not taken by subscript: to find an element of an array of texts PostgreSQL walks through those before it.
  with inserted as (
    insert into link as l (tenant_id, source_type, source_id, field, target_type, target_id, in_working, in_approved, was_approved)
      select p_tenant, c.type, c.id, n.field, n.type, n.id, true, c.approved, c.approved
      from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id)
      join unnest(p_types, p_ids, p_approved) with ordinality as c (type, id, approved, number) on c.number = n.owner
      on conflict on constraint link_pkey do update set in_working = true where not l.in_working
      returning 1
  ) select count(*) into v_written from inserted;
  with inserted as (
    insert into facet (tenant_id, resource_type, resource_id, facet, value)
      select p_tenant, c.type, c.id, n.facet, n.value
      from unnest(p_facet_owners, p_facets, p_facet_values) as n (owner, facet, value)
      join unnest(p_types, p_ids) with ordinality as c (type, id, number) on c.number = n.owner
      on conflict on constraint facet_pkey do nothing
      returning 1
  ) select count(*) into v_written from inserted;
  if v_revised then
    update link l set in_approved = l.in_working, was_approved = l.was_approved or l.in_working
      from unnest(p_types, p_ids, p_approved, p_versions) as c (type, id, approved, version)
      where l.tenant_id = p_tenant and l.source_type = c.type and l.source_id = c.id and c.approved and c.version > 1
        and (l.in_approved <> l.in_working or (l.in_working and not l.was_approved));
  end if;

  -- From here on the tenant's log is ours until the commit.
  select h.size, h.frontier, greatest(date_trunc('milliseconds', clock_timestamp()), h.recorded_at + interval '1 millisecond', (select max(u.updated) from unnest(p_updated) as u (updated)))
    into strict v_size, v_frontier, v_time
    from tenant_head h where h.tenant_id = p_tenant for no key update;
  v_time_text := to_char(v_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

  -- Chains are judged under the lock, where no other change can close a circle at the same moment; the working contents
  -- by themselves and the approved ones by themselves.
  if exists (
    with recursive above (type, start, field, id, approved) as (
      select c.type, c.id, c.tree, l.target_id, a.approved
        from unnest(p_types, p_ids, p_trees) as c (type, id, tree) cross join (values (false), (true)) as a (approved)
        join link l on l.tenant_id = p_tenant and l.source_type = c.type and l.source_id = c.id and l.field = c.tree
          and (case when a.approved then l.in_approved else l.in_working end)
        where c.tree is not null
      union
      select above.type, above.start, above.field, l.target_id, above.approved
        from above join link l on l.tenant_id = p_tenant and l.source_type = above.type and l.source_id = above.id
          and l.field = above.field and (case when above.approved then l.in_approved else l.in_working end)
    ) select from above where above.id = above.start
  ) then
    raise exception 'the chain turns back on itself' using errcode = 'RP422';
  end if;

  with named as (
    select n.owner, array_agg(distinct n.id) as refs, array_agg(distinct n.id) filter (where n.type = 'controller') as controllers,
        (array_agg(n.id) filter (where n.field in ('controllerId', 'processorId')))[1] as controller_id
      from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id) group by n.owner
  ), appended as (
    insert into revision (tenant_id, sequence, resource_type, resource_id, reference, version, operation, approved, content, reason, nonce, content_hash, leaf_hash, actor, recorded_at, ended_on, refs, controllers, controller_id)
      select p_tenant, v_size + c.number, c.type, c.id, c.reference, c.version, c.operation, c.approved, c.content, p_reason, c.nonce, c.content_hash,
        sha256('\x00'::bytea || convert_to(
          '{"actor":"' || p_actor || '","approved":' || (case when c.approved then 'true' else 'false' end)
          || ',"contentHash":"' || encode(c.content_hash, 'hex') || '","operation":"' || c.operation
          || '","recordedAt":"' || v_time_text || '","resourceId":"' || c.id || '","resourceType":"' || c.type
          || '","sequence":' || (v_size + c.number) || ',"tenant":"' || p_tenant || '","version":' || c.version || '}', 'UTF8')),
        p_actor, v_time, c.ended, coalesce(named.refs, '{}'), coalesce(named.controllers, '{}'), named.controller_id
      from unnest(p_types, p_ids, p_references, p_versions, p_operations, p_approved, p_contents, p_nonces, p_content_hashes, p_ended) with ordinality
        as c (type, id, reference, version, operation, approved, content, nonce, content_hash, ended, number)
      left join named on named.owner = c.number
      returning revision.sequence, revision.leaf_hash
  ) select array_agg(a.leaf_hash order by a.sequence) into v_leaves from appended a;

  if true = any (p_approved) then
    update approved_span s set valid_to = v_size + c.number
      from unnest(p_types, p_ids, p_approved) with ordinality as c (type, id, approved, number)
      where s.tenant_id = p_tenant and s.resource_type = c.type and s.resource_id = c.id and s.valid_to is null and c.approved;
    with inserted as (
      insert into approved_span (tenant_id, resource_type, resource_id, reference, valid_from, ended_on, refs, controllers, controller_id)
        select p_tenant, v.resource_type, v.resource_id, v.reference, v.sequence, v.ended_on, v.refs, v.controllers, v.controller_id
        from revision v where v.tenant_id = p_tenant and v.sequence > v_size and v.sequence <= v_size + v_count and v.approved and v.operation <> 'delete'
        returning 1
    ) select count(*) into v_written from inserted;
  end if;

  -- A leaf completes as many subtrees as its index has one-bits at the end (RFC 6962, section 2.1).
  for i in 1 .. v_count loop
    v_node := v_leaves[i];
    v_level := 0;
    v_index := v_size + i - 1;
    while v_index & 1 = 1 loop
      v_node := sha256('\x01'::bytea || v_frontier[array_length(v_frontier, 1)] || v_node);
      v_frontier := trim_array(v_frontier, 1);
      v_level := v_level + 1;
      v_index := v_index >> 1;
      v_levels := v_levels || v_level;
      v_indexes := v_indexes || v_index;
      v_hashes := v_hashes || v_node;
    end loop;
    v_frontier := v_frontier || v_node;
  end loop;
  if v_levels <> '{}' then
    with inserted as (
      insert into tree_node (tenant_id, level, index, hash)
        select p_tenant, n.level, n.index, n.hash from unnest(v_levels, v_indexes, v_hashes) as n (level, index, hash)
        returning 1
    ) select count(*) into v_written from inserted;
  end if;
  update tenant_head h set size = v_size + v_count, recorded_at = v_time, frontier = v_frontier where h.tenant_id = p_tenant;

  -- As often as the log of a tenant grows fourfold.
  if v_size + v_count >= 64 and trunc(log(4, (v_size + v_count)::numeric)) > trunc(log(4, greatest(v_size, 1)::numeric)) then
    perform count_resources();
  end if;

  return query select v_size + n.number, v_time_text from generate_series(1, v_count) as n (number);
end $$;
select delegate_by_tenant('append_changes(uuid, uuid, text, text[], uuid[], text[], text[], integer[], text[], boolean[], integer[], text[], boolean[], timestamptz[], timestamptz[], text[], date[], text[], bytea[], bytea[], text[], integer[], text[], text[], uuid[], integer[], text[], text[], text, bytea, smallint, text, text)');

-- A tenant begins with an empty log: sequence 0. Runs as the owner, since nobody is in the new tenant yet. Gives the
-- time of its making, or null when the reference is taken.
create function create_tenant(p_tenant uuid, p_reference text) returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_time constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
begin
  insert into tenant (tenant_id, reference, created_at) values (p_tenant, p_reference, v_time)
    on conflict on constraint tenant_reference_key do nothing;
  if not found then
    return null;
  end if;
  insert into tenant_head (tenant_id, size, recorded_at, frontier) values (p_tenant, 0, v_time, '{}');
  return to_char(v_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
end $$;

-- Tenants by reference, after one; for platform administrators, who are in no tenant.
create function list_tenants(p_after text, p_limit integer) returns table (id uuid, reference text, created_at text)
language sql stable security definer set search_path = public, pg_temp as $$
  select t.tenant_id, t.reference, to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  from tenant t where p_after is null or t.reference > p_after order by t.reference limit p_limit
$$;

-- Kept answers older than a day, of all tenants; says how many went.
create function forget_old_answers() returns integer language sql security definer set search_path = public, pg_temp as $$
  with gone as (
    delete from idempotency i where i.created_at <= now() - interval '24 hours' returning 1
  ) select count(*)::integer from gone
$$;
