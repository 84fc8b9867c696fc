-- Made by `npm run schema` from the migrations; do not edit. The service logs in as :service.
set check_function_bodies = off;

create table actor (
  tenant_id uuid not null,
  actor_id uuid not null,
  issuer text not null,
  subject text not null
);
create table approved_span (
  tenant_id uuid not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  reference text collate "C" not null,
  valid_from bigint not null,
  valid_to bigint,
  ended_on date,
  refs uuid[] not null,
  controllers uuid[] not null,
  controller_id uuid
) with (fillfactor=90);
create table facet (
  tenant_id uuid not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  facet text collate "C" not null,
  value text collate "C" not null
);
create table idempotency (
  tenant_id uuid not null,
  actor_id uuid not null,
  key text collate "C" not null,
  request_hash bytea not null,
  status smallint not null,
  headers text not null,
  body text not null,
  created_at timestamp with time zone not null
);
create table link (
  tenant_id uuid not null,
  source_type text collate "C" not null,
  source_id uuid not null,
  field text collate "C" not null,
  target_type text collate "C" not null,
  target_id uuid not null,
  in_working boolean not null,
  in_approved boolean not null,
  was_approved boolean not null
) with (fillfactor=90);
create table migration (
  number integer not null,
  name text not null,
  digest text not null,
  applied_at timestamp with time zone not null default now()
);
create table resource (
  tenant_id uuid not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  reference text collate "C" not null,
  name text collate "C" not null,
  version integer not null,
  approved_version integer,
  state text collate "C" not null,
  archived boolean not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  searched tsvector not null
) with (fillfactor=80);
create table revision (
  tenant_id uuid not null,
  sequence bigint not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  reference text collate "C" not null,
  version integer not null,
  operation text collate "C" not null,
  approved boolean not null,
  content text,
  reason text,
  nonce bytea,
  content_hash bytea not null,
  leaf_hash bytea not null,
  actor uuid not null,
  recorded_at timestamp(3) with time zone not null,
  ended_on date,
  refs uuid[] not null,
  controllers uuid[] not null,
  controller_id uuid
) with (toast_tuple_target=8160);
create table tenant (
  tenant_id uuid not null,
  reference text collate "C" not null,
  created_at timestamp(3) with time zone not null
);
create table tenant_head (
  tenant_id uuid not null,
  size bigint not null,
  recorded_at timestamp(3) with time zone not null,
  frontier bytea[] not null
) with (fillfactor=20);
create table tree_node (
  tenant_id uuid not null,
  level smallint not null,
  index bigint not null,
  hash bytea not null
);

alter table revision alter column content set storage main;

alter table actor add constraint actor_pkey PRIMARY KEY (tenant_id, actor_id);
alter table actor add constraint actor_subject_key UNIQUE (tenant_id, issuer, subject);
alter table approved_span add constraint approved_span_forward CHECK ((valid_to > valid_from));
alter table approved_span add constraint approved_span_pkey PRIMARY KEY (tenant_id, resource_type, resource_id, valid_from);
alter table facet add constraint facet_pkey PRIMARY KEY (tenant_id, resource_type, resource_id, facet, value);
alter table idempotency add constraint idempotency_key_length CHECK (((length(key) >= 1) AND (length(key) <= 255)));
alter table idempotency add constraint idempotency_pkey PRIMARY KEY (tenant_id, actor_id, key);
alter table link add constraint link_approved_is_past CHECK ((was_approved OR (NOT in_approved)));
alter table link add constraint link_in_use CHECK ((in_working OR was_approved));
alter table link add constraint link_pkey PRIMARY KEY (tenant_id, source_type, source_id, target_type, target_id, field);
alter table migration add constraint migration_pkey PRIMARY KEY (number);
alter table resource add constraint resource_approved_before CHECK ((approved_version <= version));
alter table resource add constraint resource_pkey PRIMARY KEY (tenant_id, resource_type, resource_id);
alter table resource add constraint resource_reference_form CHECK ((reference ~ '^[A-Za-z0-9._-]{1,64}$'::text));
alter table resource add constraint resource_reference_key UNIQUE (tenant_id, resource_type, reference);
alter table resource add constraint resource_state_known CHECK ((state = ANY (ARRAY['draft'::text, 'inReview'::text, 'approved'::text, 'retired'::text])));
alter table resource add constraint resource_type_known CHECK ((resource_type = ANY (ARRAY['controller'::text, 'purpose'::text, 'legalBasis'::text, 'dataSubjectCategory'::text, 'dataCategory'::text, 'recipient'::text, 'safeguard'::text, 'securityMeasure'::text, 'system'::text, 'notice'::text, 'processingActivity'::text, 'settings'::text])));
alter table revision add constraint revision_hash_lengths CHECK (((length(content_hash) = 32) AND (length(leaf_hash) = 32)));
alter table revision add constraint revision_nonce_length CHECK ((length(nonce) = 32));
alter table revision add constraint revision_operation_known CHECK ((operation = ANY (ARRAY['create'::text, 'update'::text, 'discard'::text, 'submit'::text, 'approve'::text, 'reject'::text, 'retire'::text, 'review'::text, 'archive'::text, 'restore'::text, 'delete'::text, 'redact'::text, 'seal'::text])));
alter table revision add constraint revision_pkey PRIMARY KEY (tenant_id, sequence);
alter table revision add constraint revision_version_key UNIQUE (tenant_id, resource_type, resource_id, version);
alter table tenant add constraint tenant_pkey PRIMARY KEY (tenant_id);
alter table tenant add constraint tenant_reference_form CHECK ((reference ~ '^[A-Za-z0-9._-]{1,64}$'::text));
alter table tenant add constraint tenant_reference_key UNIQUE (reference);
alter table tenant_head add constraint tenant_head_pkey PRIMARY KEY (tenant_id);
alter table tenant_head add constraint tenant_head_size_positive CHECK ((size >= 0));
alter table tree_node add constraint tree_node_hash_length CHECK ((length(hash) = 32));
alter table tree_node add constraint tree_node_pkey PRIMARY KEY (tenant_id, level, index);

alter table actor add constraint actor_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table approved_span add constraint approved_span_revision_fkey FOREIGN KEY (tenant_id, valid_from) REFERENCES revision(tenant_id, sequence);
alter table facet add constraint facet_resource_fkey FOREIGN KEY (tenant_id, resource_type, resource_id) REFERENCES resource(tenant_id, resource_type, resource_id) ON DELETE CASCADE;
alter table idempotency add constraint idempotency_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table link add constraint link_source_fkey FOREIGN KEY (tenant_id, source_type, source_id) REFERENCES resource(tenant_id, resource_type, resource_id) ON DELETE CASCADE;
alter table link add constraint link_target_fkey FOREIGN KEY (tenant_id, target_type, target_id) REFERENCES resource(tenant_id, resource_type, resource_id);
alter table resource add constraint resource_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table revision add constraint revision_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table tenant_head add constraint tenant_head_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table tree_node add constraint tree_node_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);

CREATE INDEX approved_span_then ON public.approved_span USING btree (tenant_id, resource_type, reference, valid_from, valid_to);
CREATE INDEX facet_value ON public.facet USING btree (tenant_id, resource_type, facet, value, resource_id);
CREATE INDEX idempotency_created_at ON public.idempotency USING btree (created_at);
CREATE INDEX link_target ON public.link USING btree (tenant_id, target_type, target_id, source_type, source_id);
CREATE INDEX resource_created_at ON public.resource USING btree (tenant_id, resource_type, created_at, resource_id);
CREATE INDEX resource_name ON public.resource USING btree (tenant_id, resource_type, name, resource_id);
CREATE INDEX resource_searched ON public.resource USING gin (searched);
CREATE INDEX resource_updated_at ON public.resource USING btree (tenant_id, resource_type, updated_at, resource_id);
CREATE INDEX revision_recorded_at ON public.revision USING btree (tenant_id, recorded_at);

alter table actor enable row level security;
alter table approved_span enable row level security;
alter table facet enable row level security;
alter table idempotency enable row level security;
alter table link enable row level security;
alter table resource enable row level security;
alter table revision enable row level security;
alter table tenant enable row level security;
alter table tenant_head enable row level security;
alter table tree_node enable row level security;

create policy tenant_isolation on actor as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on approved_span as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on facet as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on idempotency as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on link as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on resource as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on revision as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on tenant as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on tenant_head as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on tree_node as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));

CREATE OR REPLACE FUNCTION public.append_changes(p_tenant uuid, p_actor uuid, p_reason text, p_types text[], p_ids uuid[], p_references text[], p_names text[], p_versions integer[], p_operations text[], p_approved boolean[], p_approved_versions integer[], p_states text[], p_archived boolean[], p_created timestamp with time zone[], p_updated timestamp with time zone[], p_searched text[], p_ended date[], p_contents text[], p_nonces bytea[], p_content_hashes bytea[], p_trees text[], p_link_owners integer[], p_link_fields text[], p_link_types text[], p_link_ids uuid[], p_facet_owners integer[], p_facets text[], p_facet_values text[], p_key text, p_request_hash bytea, p_status smallint, p_headers text, p_body text)
 RETURNS TABLE(sequence bigint, recorded_at text)
 LANGUAGE plpgsql
AS $function$
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
        (array_agg(n.id) filter (where n.field = 'controllerId'))[1]
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
end $function$;

CREATE OR REPLACE FUNCTION public.create_tenant(p_tenant uuid, p_reference text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.delegate_by_tenant(p_function regprocedure)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if exists (select from pg_extension where extname = 'citus') then
    execute format('select create_distributed_function(%L, %L, colocate_with := %L)', p_function::text, 'p_tenant', 'tenant_head');
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.distribute_by_tenant(p_table regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if exists (select from pg_extension where extname = 'citus') then
    execute format('select create_distributed_table(%L, %L)', p_table::text, 'tenant_id');
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.distribute_everywhere(p_table regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if exists (select from pg_extension where extname = 'citus') then
    execute format('select create_reference_table(%L)', p_table::text);
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.enter_tenant(p_tenant uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('set local app.tenant_id = %L', p_tenant);
end $function$;

CREATE OR REPLACE FUNCTION public.find_tenant(p_reference text)
 RETURNS uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select t.tenant_id from tenant t where t.reference = p_reference
$function$;

CREATE OR REPLACE FUNCTION public.forget_old_answers()
 RETURNS integer
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  with gone as (
    delete from idempotency i where i.created_at <= now() - interval '24 hours' returning 1
  ) select count(*)::integer from gone
$function$;

CREATE OR REPLACE FUNCTION public.isolate_by_tenant(p_table regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('alter table %s enable row level security', p_table);
  if exists (select from pg_extension where extname = 'citus') then
    execute format('create policy tenant_isolation on %s using (tenant_id = any (array[nullif(current_setting(''app.tenant_id'', true), '''')::uuid]))', p_table);
  else
    execute format('create policy tenant_isolation on %s using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', p_table);
  end if;
end $function$;

CREATE OR REPLACE FUNCTION public.list_tenants(p_after text, p_limit integer)
 RETURNS TABLE(id uuid, reference text, created_at text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select t.tenant_id, t.reference, to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  from tenant t where p_after is null or t.reference > p_after order by t.reference limit p_limit
$function$;

CREATE OR REPLACE FUNCTION public.page_of_working(p_tenant uuid, p_type text, p_after text, p_limit integer)
 RETURNS TABLE(key text, id uuid, version integer, head bigint)
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.prepare_change(p_tenant uuid, p_issuer text, p_subject text, p_key text, p_type text, p_id uuid, p_reference text, p_name text, p_target_types text[], p_target_ids uuid[], p_target_references text[])
 RETURNS TABLE(actor uuid, kept_hash bytea, kept_status smallint, kept_headers text, kept_body text, settings text, working text, approved text, targets jsonb, name_taken boolean)
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.read_approved(p_tenant uuid, p_type text, p_id uuid, p_reference text)
 RETURNS TABLE(content text, version integer)
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.read_versions(p_tenant uuid, p_type text, p_ids uuid[], p_versions integer[], p_budget bigint)
 RETURNS TABLE(content text)
 LANGUAGE plpgsql
AS $function$
begin
  perform enter_tenant(p_tenant);
  return query
    select s.content from (
      select v.content, n.number, sum(octet_length(v.content)) over (order by n.number) - octet_length(v.content) as before
      from unnest(p_ids, p_versions) with ordinality as n (id, version, number)
      join revision v on v.tenant_id = p_tenant and v.resource_type = p_type and v.resource_id = n.id and v.version = n.version
    ) s where s.before < p_budget order by s.number;
end $function$;

CREATE OR REPLACE FUNCTION public.read_working(p_tenant uuid, p_type text, p_id uuid, p_reference text)
 RETURNS TABLE(content text, version integer)
 LANGUAGE plpgsql
AS $function$
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
end $function$;


revoke all on function append_changes(uuid,uuid,text,text[],uuid[],text[],text[],integer[],text[],boolean[],integer[],text[],boolean[],timestamp with time zone[],timestamp with time zone[],text[],date[],text[],bytea[],bytea[],text[],integer[],text[],text[],uuid[],integer[],text[],text[],text,bytea,smallint,text,text) from public;
revoke all on function create_tenant(uuid,text) from public;
revoke all on function delegate_by_tenant(regprocedure) from public;
revoke all on function distribute_by_tenant(regclass) from public;
revoke all on function distribute_everywhere(regclass) from public;
revoke all on function enter_tenant(uuid) from public;
revoke all on function find_tenant(text) from public;
revoke all on function forget_old_answers() from public;
revoke all on function isolate_by_tenant(regclass) from public;
revoke all on function list_tenants(text,integer) from public;
revoke all on function page_of_working(uuid,text,text,integer) from public;
revoke all on function prepare_change(uuid,text,text,text,text,uuid,text,text,text[],uuid[],text[]) from public;
revoke all on function read_approved(uuid,text,uuid,text) from public;
revoke all on function read_versions(uuid,text,uuid[],integer[],bigint) from public;
revoke all on function read_working(uuid,text,uuid,text) from public;

grant execute on function append_changes(uuid,uuid,text,text[],uuid[],text[],text[],integer[],text[],boolean[],integer[],text[],boolean[],timestamp with time zone[],timestamp with time zone[],text[],date[],text[],bytea[],bytea[],text[],integer[],text[],text[],uuid[],integer[],text[],text[],text,bytea,smallint,text,text) to :service;
grant execute on function create_tenant(uuid,text) to :service;
grant execute on function enter_tenant(uuid) to :service;
grant execute on function find_tenant(text) to :service;
grant execute on function forget_old_answers() to :service;
grant execute on function list_tenants(text,integer) to :service;
grant execute on function page_of_working(uuid,text,text,integer) to :service;
grant execute on function prepare_change(uuid,text,text,text,text,uuid,text,text,text[],uuid[],text[]) to :service;
grant execute on function read_approved(uuid,text,uuid,text) to :service;
grant execute on function read_versions(uuid,text,uuid[],integer[],bigint) to :service;
grant execute on function read_working(uuid,text,uuid,text) to :service;
grant usage on schema public to :service;
grant insert, select on table actor to :service;
grant insert, select, update (valid_to) on table approved_span to :service;
grant delete, insert, select on table facet to :service;
grant delete, insert, select on table idempotency to :service;
grant delete, insert, select, update on table link to :service;
grant select on table migration to :service;
grant delete, insert, select, update on table resource to :service;
grant insert, select on table revision to :service;
grant select on table tenant to :service;
grant select, update on table tenant_head to :service;
grant insert, select on table tree_node to :service;
