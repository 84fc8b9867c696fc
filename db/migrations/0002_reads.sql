-- Reads that take one round trip: each sets its tenant itself, so that it can be sent alone.

-- A tenant by its reference. Runs as the owner because nobody is in a tenant yet when a token is first seen.
create function find_tenant(p_reference text) returns uuid language sql stable security definer set search_path = public, pg_temp as $$
  select t.tenant_id from tenant t where t.reference = p_reference
$$;

-- The working content by id or by reference, the other being null.
create function read_working(p_tenant uuid, p_type text, p_id uuid, p_reference text)
returns table (content text, version integer) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query
    select v.content, v.version
    from resource r
    join revision v on v.tenant_id = p_tenant and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
    where r.tenant_id = p_tenant and r.resource_type = p_type and r.resource_id = p_id;
  if not found and p_reference is not null then
    return query
      select v.content, v.version
      from resource r
      join revision v on v.tenant_id = p_tenant and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
      where r.tenant_id = p_tenant and r.resource_type = p_type and r.reference = p_reference;
  end if;
end $$;
select delegate_by_tenant('read_working(uuid, text, uuid, text)');

-- The approved content. Its reference is that of the present, as everywhere a key is given.
create function read_approved(p_tenant uuid, p_type text, p_id uuid, p_reference text)
returns table (content text, version integer) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query
    select v.content, v.version
    from resource r
    join revision v on v.tenant_id = p_tenant and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.approved_version
    where r.tenant_id = p_tenant and r.resource_type = p_type and r.resource_id = p_id;
  if not found and p_reference is not null then
    return query
      select v.content, v.version
      from resource r
      join revision v on v.tenant_id = p_tenant and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.approved_version
      where r.tenant_id = p_tenant and r.resource_type = p_type and r.reference = p_reference;
  end if;
end $$;
select delegate_by_tenant('read_approved(uuid, text, uuid, text)');

-- Everything that a change must know, in one look: who acts, an answer kept for this idempotency key, the tenant's
-- settings, the resource as it stands, what the body refers to, and whether another of its type has the same name.
-- Keys are given by id or by reference, the other being null; a target that does not exist is absent from `targets`.
create function prepare_change(
  p_tenant uuid, p_issuer text, p_subject text, p_key text,
  p_type text, p_id uuid, p_reference text, p_name text,
  p_target_types text[], p_target_ids uuid[], p_target_references text[]
) returns table (
  actor uuid, kept_hash bytea, kept_status smallint, kept_headers text, kept_body text,
  settings text, working text, approved text, targets jsonb, name_taken boolean
) language plpgsql as $$
declare
  v_id uuid;
  v_version integer;
  v_approved_version integer;
begin
  perform enter_tenant(p_tenant);
  select a.actor_id into actor from actor a where a.tenant_id = p_tenant and a.issuer = p_issuer and a.subject = p_subject;
  if actor is null then
    insert into actor (tenant_id, actor_id, issuer, subject) values (p_tenant, gen_random_uuid(), p_issuer, p_subject)
      on conflict on constraint actor_subject_key do nothing;
    select a.actor_id into actor from actor a where a.tenant_id = p_tenant and a.issuer = p_issuer and a.subject = p_subject;
  end if;
  if p_key is not null then
    select i.request_hash, i.status, i.headers, i.body into kept_hash, kept_status, kept_headers, kept_body
      from idempotency i where i.tenant_id = p_tenant and i.actor_id = actor and i.key = p_key and i.created_at > now() - interval '24 hours';
  end if;
  select v.content into settings
    from resource r
    join revision v on v.tenant_id = p_tenant and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
    where r.tenant_id = p_tenant and r.resource_type = 'settings' and r.resource_id = p_tenant;
  if p_id is not null then
    select r.resource_id, r.version, r.approved_version into v_id, v_version, v_approved_version
      from resource r where r.tenant_id = p_tenant and r.resource_type = p_type and r.resource_id = p_id;
  elsif p_reference is not null then
    select r.resource_id, r.version, r.approved_version into v_id, v_version, v_approved_version
      from resource r where r.tenant_id = p_tenant and r.resource_type = p_type and r.reference = p_reference;
  end if;
  if v_id is not null then
    select v.content into working from revision v
      where v.tenant_id = p_tenant and v.resource_type = p_type and v.resource_id = v_id and v.version = v_version;
    if v_approved_version = v_version then
      approved := working;
    elsif v_approved_version is not null then
      select v.content into approved from revision v
        where v.tenant_id = p_tenant and v.resource_type = p_type and v.resource_id = v_id and v.version = v_approved_version;
    end if;
  end if;
  if p_name is not null then
    name_taken := exists (
      select from resource r
        where r.tenant_id = p_tenant and r.resource_type = p_type and r.name = p_name and r.resource_id is distinct from v_id);
  end if;
  if p_target_types is not null then
    select jsonb_agg(jsonb_build_array(t.number, r.resource_id, r.version, r.approved_version)) into targets
      from unnest(p_target_types, p_target_ids, p_target_references) with ordinality as t (type, id, reference, number)
      join lateral (
        select s.resource_id, s.version, s.approved_version from resource s
          where s.tenant_id = p_tenant and s.resource_type = t.type and s.resource_id = t.id
        union all
        select s.resource_id, s.version, s.approved_version from resource s
          where s.tenant_id = p_tenant and s.resource_type = t.type and t.id is null and s.reference = t.reference
      ) r on true;
  end if;
  return next;
end $$;
select delegate_by_tenant('prepare_change(uuid, text, text, text, text, uuid, text, text, text[], uuid[], text[])');

-- The keys of a page of a list that nothing narrows, in the order of references; the first row carries the size of the
-- log before the list was read, so that what the list shows beyond it is told again by the log.
create function page_of_working(p_tenant uuid, p_type text, p_after text, p_limit integer)
returns table (key text, id uuid, version integer, head bigint) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query select null::text, null::uuid, null::integer, h.size from tenant_head h where h.tenant_id = p_tenant;
  if p_after is null then
    return query
      select r.reference, r.resource_id, r.version, null::bigint from resource r
      where r.tenant_id = p_tenant and r.resource_type = p_type and not r.archived order by r.reference limit p_limit;
  else
    return query
      select r.reference, r.resource_id, r.version, null::bigint from resource r
      where r.tenant_id = p_tenant and r.resource_type = p_type and not r.archived and r.reference > p_after order by r.reference limit p_limit;
  end if;
end $$;
select delegate_by_tenant('page_of_working(uuid, text, text, integer)');

-- Contents of versions, in the order given, as many as the budget of bytes holds, and one at least: contents differ in
-- size a thousandfold, and a page is bounded by both.
create function read_versions(p_tenant uuid, p_type text, p_ids uuid[], p_versions integer[], p_budget bigint)
returns table (content text) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query
    select s.content from (
      select v.content, n.number, sum(octet_length(v.content)) over (order by n.number) - octet_length(v.content) as before
      from unnest(p_ids, p_versions) with ordinality as n (id, version, number)
      join revision v on v.tenant_id = p_tenant and v.resource_type = p_type and v.resource_id = n.id and v.version = n.version
    ) s where s.before < p_budget order by s.number;
end $$;
select delegate_by_tenant('read_versions(uuid, text, uuid[], integer[], bigint)');

-- Which resources have the words of a query: their ids, or null when they are more than p_limit. Runs as the owner,
-- because under row-level security the index of words would never be used: its operator is not leakproof, so PostgreSQL
-- asks it only of rows that the policy has let through. Hence it asks itself whose rows they are.
create function search_resources(p_tenant uuid, p_type text, p_query tsquery, p_limit integer) returns uuid[]
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  if p_tenant is distinct from nullif(current_setting('app.tenant_id', true), '')::uuid then
    return '{}';
  end if;
  return (
    select case when count(*) <= p_limit then coalesce(array_agg(f.resource_id), '{}') end
    from (
      select r.resource_id from resource r
      where r.tenant_id = p_tenant and r.resource_type = p_type and r.searched @@ p_query limit p_limit + 1
    ) f);
end $$;
