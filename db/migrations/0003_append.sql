-- The one way to change anything: a function that changes the present, then takes the tenant's head row as its last
-- lock, gives sequence and time, hashes the leaf and the subtrees that it completes, and appends. Nothing waits for a
-- round trip while the head is locked.

-- Refusals of the function, told apart by SQLSTATE:
--   RP412 the resource is not at the version that the change was made for
--   RP404 the resource does not exist
--   RP409 a change with the same idempotency key is under way
--   RP422 a chain of references of the same type turns back on itself

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
  v_size bigint;
  v_time timestamptz(3);
  v_time_text text;
  v_frontier bytea[];
  v_leaf bytea;
  v_node bytea;
  v_level smallint;
  v_index bigint;
  v_levels smallint[] := '{}';
  v_indexes bigint[] := '{}';
  v_hashes bytea[] := '{}';
  v_refs uuid[];
  v_controllers uuid[];
  v_controller uuid;
  v_turns boolean;
  v_written bigint;
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
  if v_count > 1 then
    perform from resource r
      join unnest(p_types, p_ids) as t (type, id) on r.resource_type = t.type and r.resource_id = t.id
      where r.tenant_id = p_tenant order by r.resource_type, r.resource_id for no key update of r;
  end if;

  for i in 1 .. v_count loop
    if p_operations[i] = 'delete' then
      delete from resource r
        where r.tenant_id = p_tenant and r.resource_type = p_types[i] and r.resource_id = p_ids[i] and r.version = p_versions[i] - 1;
    elsif p_versions[i] = 1 then
      insert into resource (tenant_id, resource_type, resource_id, reference, name, version, approved_version, state, archived, created_at, updated_at, searched)
        values (p_tenant, p_types[i], p_ids[i], p_references[i], p_names[i], 1, p_approved_versions[i], p_states[i], p_archived[i], p_created[i], p_updated[i], to_tsvector('simple', p_searched[i]));
    else
      update resource r set
          reference = p_references[i], name = p_names[i], version = p_versions[i], approved_version = p_approved_versions[i],
          state = p_states[i], archived = p_archived[i], updated_at = p_updated[i], searched = to_tsvector('simple', p_searched[i])
        where r.tenant_id = p_tenant and r.resource_type = p_types[i] and r.resource_id = p_ids[i] and r.version = p_versions[i] - 1;
    end if;
    if not found then
      if exists (select from resource r where r.tenant_id = p_tenant and r.resource_type = p_types[i] and r.resource_id = p_ids[i]) then
        raise exception 'version conflict' using errcode = 'RP412';
      end if;
      raise exception 'no such resource' using errcode = 'RP404';
    end if;

    continue when p_operations[i] = 'delete';

    if p_versions[i] > 1 then
      delete from link l
        where l.tenant_id = p_tenant and l.source_type = p_types[i] and l.source_id = p_ids[i] and l.in_working and not l.was_approved
          and not exists (select from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id)
            where n.owner = i and n.field = l.field and n.type = l.target_type and n.id = l.target_id);
      update link l set in_working = false
        where l.tenant_id = p_tenant and l.source_type = p_types[i] and l.source_id = p_ids[i] and l.in_working
          and not exists (select from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id)
            where n.owner = i and n.field = l.field and n.type = l.target_type and n.id = l.target_id);
      delete from facet f
        where f.tenant_id = p_tenant and f.resource_type = p_types[i] and f.resource_id = p_ids[i]
          and not exists (select from unnest(p_facet_owners, p_facets, p_facet_values) as n (owner, facet, value)
            where n.owner = i and n.facet = f.facet and n.value = f.value);
    end if;
    -- RETURNING, because a cluster forwards an INSERT … SELECT into one tenant only with it.
    with inserted as (
      insert into link as l (tenant_id, source_type, source_id, field, target_type, target_id, in_working, in_approved, was_approved)
        select p_tenant, p_types[i], p_ids[i], n.field, n.type, n.id, true, p_approved[i], p_approved[i]
        from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id) where n.owner = i
        on conflict on constraint link_pkey do update set in_working = true where not l.in_working
        returning 1
    ) select count(*) into v_written from inserted;
    with inserted as (
      insert into facet (tenant_id, resource_type, resource_id, facet, value)
        select p_tenant, p_types[i], p_ids[i], n.facet, n.value
        from unnest(p_facet_owners, p_facets, p_facet_values) as n (owner, facet, value) where n.owner = i
        on conflict on constraint facet_pkey do nothing
        returning 1
    ) select count(*) into v_written from inserted;
    if p_approved[i] and p_versions[i] > 1 then
      update link l set in_approved = l.in_working, was_approved = l.was_approved or l.in_working
        where l.tenant_id = p_tenant and l.source_type = p_types[i] and l.source_id = p_ids[i]
          and (l.in_approved <> l.in_working or (l.in_working and not l.was_approved));
    end if;
  end loop;

  -- From here on the tenant's log is ours until the commit.
  select h.size, h.frontier, greatest(date_trunc('milliseconds', clock_timestamp()), h.recorded_at + interval '1 millisecond')
    into strict v_size, v_frontier, v_time
    from tenant_head h where h.tenant_id = p_tenant for no key update;
  for i in 1 .. v_count loop
    v_time := greatest(v_time, p_updated[i]);
  end loop;
  v_time_text := to_char(v_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

  for i in 1 .. v_count loop
    -- A chain is judged under the lock, where no other change can close the circle at the same moment; the working
    -- contents by themselves and the approved ones by themselves.
    if p_trees[i] is not null then
      with recursive above (id, approved) as (
        select l.target_id, a.approved from link l cross join (values (false), (true)) as a (approved)
          where l.tenant_id = p_tenant and l.source_type = p_types[i] and l.source_id = p_ids[i] and l.field = p_trees[i]
            and (case when a.approved then l.in_approved else l.in_working end)
        union
        select l.target_id, above.approved from above join link l on l.tenant_id = p_tenant and l.source_type = p_types[i] and l.source_id = above.id
          and l.field = p_trees[i] and (case when above.approved then l.in_approved else l.in_working end)
      ) select exists (select from above where above.id = p_ids[i]) into v_turns;
      if v_turns then
        raise exception 'the chain turns back on itself' using errcode = 'RP422';
      end if;
    end if;

    v_size := v_size + 1;
    v_leaf := sha256('\x00'::bytea || convert_to(
      '{"actor":"' || p_actor || '","approved":' || (case when p_approved[i] then 'true' else 'false' end)
      || ',"contentHash":"' || encode(p_content_hashes[i], 'hex') || '","operation":"' || p_operations[i]
      || '","recordedAt":"' || v_time_text || '","resourceId":"' || p_ids[i] || '","resourceType":"' || p_types[i]
      || '","sequence":' || v_size || ',"tenant":"' || p_tenant || '","version":' || p_versions[i] || '}', 'UTF8'));

    select coalesce(array_agg(distinct n.id), '{}'), coalesce(array_agg(distinct n.id) filter (where n.type = 'controller'), '{}'),
        (array_agg(n.id) filter (where n.field in ('controllerId', 'processorId')))[1]
      into v_refs, v_controllers, v_controller
      from unnest(p_link_owners, p_link_fields, p_link_types, p_link_ids) as n (owner, field, type, id) where n.owner = i;

    insert into revision (tenant_id, sequence, resource_type, resource_id, reference, version, operation, approved, content, reason, nonce, content_hash, leaf_hash, actor, recorded_at, ended_on, refs, controllers, controller_id)
      values (p_tenant, v_size, p_types[i], p_ids[i], p_references[i], p_versions[i], p_operations[i], p_approved[i], p_contents[i], p_reason, p_nonces[i], p_content_hashes[i], v_leaf, p_actor, v_time, p_ended[i], v_refs, v_controllers, v_controller);

    if p_approved[i] then
      update approved_span s set valid_to = v_size
        where s.tenant_id = p_tenant and s.resource_type = p_types[i] and s.resource_id = p_ids[i] and s.valid_to is null;
      if p_operations[i] <> 'delete' then
        insert into approved_span (tenant_id, resource_type, resource_id, reference, valid_from, ended_on, refs, controllers, controller_id)
          values (p_tenant, p_types[i], p_ids[i], p_references[i], v_size, p_ended[i], v_refs, v_controllers, v_controller);
      end if;
    end if;

    -- The leaf completes as many subtrees as its index has one-bits at the end (RFC 6962, section 2.1).
    v_node := v_leaf;
    v_level := 0;
    v_index := v_size - 1;
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

    sequence := v_size;
    recorded_at := v_time_text;
    return next;
  end loop;

  if v_levels <> '{}' then
    with inserted as (
      insert into tree_node (tenant_id, level, index, hash)
        select p_tenant, n.level, n.index, n.hash from unnest(v_levels, v_indexes, v_hashes) as n (level, index, hash)
        returning 1
    ) select count(*) into v_written from inserted;
  end if;
  update tenant_head h set size = v_size, recorded_at = v_time, frontier = v_frontier where h.tenant_id = p_tenant;
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

-- Kept answers older than a day, of all tenants, in portions; says how many went.
create function forget_old_answers() returns integer language sql security definer set search_path = public, pg_temp as $$
  with gone as (
    delete from idempotency i where i.created_at <= now() - interval '24 hours' returning 1
  ) select count(*)::integer from gone
$$;
