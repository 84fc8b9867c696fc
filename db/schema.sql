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
create table import_item (
  tenant_id uuid not null,
  plan_id uuid not null,
  number integer not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  reference text collate "C" not null,
  version integer not null,
  content text not null,
  told text not null
);
create table import_plan (
  tenant_id uuid not null,
  plan_id uuid not null,
  source text collate "C" not null,
  sequence bigint not null,
  state text collate "C" not null,
  created integer not null,
  changed integer not null,
  unchanged integer not null,
  errors integer not null,
  warnings integer not null,
  problems text not null,
  actor_id uuid not null,
  created_at timestamp(3) with time zone not null,
  bytes bigint not null,
  applied_at timestamp(3) with time zone,
  applied_by uuid
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
create table review (
  tenant_id uuid not null,
  review_id uuid not null,
  subject_type text collate "C" not null,
  subject_id uuid not null,
  reason_digest bytea not null,
  state text collate "C" not null,
  due_on date not null,
  assignee text collate "C",
  asked_by uuid not null,
  completed_by uuid
);
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
alter table import_item add constraint import_item_pkey PRIMARY KEY (tenant_id, plan_id, number);
alter table import_item add constraint import_item_version_form CHECK ((version >= 0));
alter table import_plan add constraint import_plan_applied CHECK ((((state = 'applied'::text) = (applied_at IS NOT NULL)) AND ((state = 'applied'::text) = (applied_by IS NOT NULL))));
alter table import_plan add constraint import_plan_flawless CHECK (((state = 'planned'::text) OR (errors = 0)));
alter table import_plan add constraint import_plan_pkey PRIMARY KEY (tenant_id, plan_id);
alter table import_plan add constraint import_plan_state_known CHECK ((state = ANY (ARRAY['planned'::text, 'applied'::text])));
alter table link add constraint link_approved_is_past CHECK ((was_approved OR (NOT in_approved)));
alter table link add constraint link_in_use CHECK ((in_working OR was_approved));
alter table link add constraint link_pkey PRIMARY KEY (tenant_id, source_type, source_id, target_type, target_id, field);
alter table migration add constraint migration_pkey PRIMARY KEY (number);
alter table resource add constraint resource_approved_before CHECK ((approved_version <= version));
alter table resource add constraint resource_pkey PRIMARY KEY (tenant_id, resource_type, resource_id);
alter table resource add constraint resource_reference_form CHECK ((reference ~ '^[A-Za-z0-9._-]{1,64}$'::text));
alter table resource add constraint resource_reference_key UNIQUE (tenant_id, resource_type, reference);
alter table resource add constraint resource_state_known CHECK ((state = ANY (ARRAY['draft'::text, 'inReview'::text, 'approved'::text, 'retired'::text, 'open'::text, 'completed'::text])));
alter table resource add constraint resource_type_known CHECK ((resource_type = ANY (ARRAY['controller'::text, 'purpose'::text, 'legalBasis'::text, 'dataSubjectCategory'::text, 'dataCategory'::text, 'recipient'::text, 'safeguard'::text, 'securityMeasure'::text, 'system'::text, 'notice'::text, 'processingActivity'::text, 'processorActivity'::text, 'processorClient'::text, 'settings'::text, 'review'::text])));
alter table review add constraint review_completed_by_somebody CHECK (((state = 'completed'::text) = (completed_by IS NOT NULL)));
alter table review add constraint review_pkey PRIMARY KEY (tenant_id, review_id);
alter table review add constraint review_reason_digest_length CHECK ((length(reason_digest) = 32));
alter table review add constraint review_state_known CHECK ((state = ANY (ARRAY['open'::text, 'completed'::text])));
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
alter table import_item add constraint import_item_plan_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES import_plan(tenant_id, plan_id) ON DELETE CASCADE;
alter table import_plan add constraint import_plan_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table link add constraint link_source_fkey FOREIGN KEY (tenant_id, source_type, source_id) REFERENCES resource(tenant_id, resource_type, resource_id) ON DELETE CASCADE;
alter table link add constraint link_target_fkey FOREIGN KEY (tenant_id, target_type, target_id) REFERENCES resource(tenant_id, resource_type, resource_id);
alter table resource add constraint resource_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table review add constraint review_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table revision add constraint revision_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table tenant_head add constraint tenant_head_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);
alter table tree_node add constraint tree_node_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id);

CREATE INDEX approved_span_then ON public.approved_span USING btree (tenant_id, resource_type, reference, valid_from, valid_to);
CREATE INDEX facet_value ON public.facet USING btree (tenant_id, resource_type, facet, value, resource_id);
CREATE INDEX idempotency_created_at ON public.idempotency USING btree (created_at);
CREATE INDEX import_plan_created_at ON public.import_plan USING btree (created_at);
CREATE INDEX link_target ON public.link USING btree (tenant_id, target_type, target_id, source_type, source_id) INCLUDE (in_working);
CREATE INDEX resource_archived ON public.resource USING btree (tenant_id, resource_type, reference) WHERE archived;
CREATE INDEX resource_changed ON public.resource USING btree (tenant_id, resource_type, resource_id) WHERE ((approved_version IS NOT NULL) AND (state = ANY (ARRAY['draft'::text, 'inReview'::text])));
CREATE INDEX resource_created_at ON public.resource USING btree (tenant_id, resource_type, created_at, resource_id);
CREATE INDEX resource_name ON public.resource USING btree (tenant_id, resource_type, name, resource_id);
CREATE INDEX resource_searched ON public.resource USING gin (searched);
CREATE INDEX resource_state ON public.resource USING btree (tenant_id, resource_type, state, reference);
CREATE INDEX resource_updated_at ON public.resource USING btree (tenant_id, resource_type, updated_at, resource_id);
CREATE INDEX review_assignee ON public.review USING btree (tenant_id, assignee, state, due_on, review_id);
CREATE INDEX review_due ON public.review USING btree (tenant_id, due_on, review_id);
CREATE UNIQUE INDEX review_open_once ON public.review USING btree (tenant_id, subject_type, subject_id, reason_digest) WHERE (state = 'open'::text);
CREATE INDEX review_state ON public.review USING btree (tenant_id, state, due_on, review_id);
CREATE INDEX review_subject ON public.review USING btree (tenant_id, subject_type, subject_id, due_on, review_id);
CREATE INDEX review_subject_type ON public.review USING btree (tenant_id, subject_type, state, due_on, review_id);
CREATE INDEX revision_recorded_at ON public.revision USING btree (tenant_id, recorded_at);

alter table actor enable row level security;
alter table approved_span enable row level security;
alter table facet enable row level security;
alter table idempotency enable row level security;
alter table import_item enable row level security;
alter table import_plan enable row level security;
alter table link enable row level security;
alter table resource enable row level security;
alter table review enable row level security;
alter table revision enable row level security;
alter table tenant enable row level security;
alter table tenant_head enable row level security;
alter table tree_node enable row level security;

create policy tenant_isolation on actor as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on approved_span as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on facet as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on idempotency as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on import_item as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on import_plan as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on link as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on resource as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
create policy tenant_isolation on review as permissive for all to public using ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));
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
end $function$;

CREATE OR REPLACE FUNCTION public.count_resources()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  if (select c.reltuples < 5000 from pg_class c where c.oid = 'resource'::regclass)
      and not exists (select from pg_extension where extname = 'citus') then
    analyze (skip_locked) resource (tenant_id, resource_type, resource_id, reference);
  end if;
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

CREATE OR REPLACE FUNCTION public.forget_old_plans()
 RETURNS integer
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  with gone as (
    delete from import_plan p where p.created_at <= now() - interval '7 days' returning 1
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

CREATE OR REPLACE FUNCTION public.keep_answer(p_tenant uuid, p_actor uuid, p_key text, p_request_hash bytea, p_status smallint, p_headers text, p_body text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform enter_tenant(p_tenant);
  if not pg_try_advisory_xact_lock(hashtextextended(p_tenant::text || p_actor::text || p_key, 0)) then
    raise exception 'a change with this idempotency key is under way' using errcode = 'RP409';
  end if;
  delete from idempotency i where i.tenant_id = p_tenant and i.actor_id = p_actor and i.key = p_key and i.created_at <= now() - interval '24 hours';
  insert into idempotency (tenant_id, actor_id, key, request_hash, status, headers, body, created_at)
    values (p_tenant, p_actor, p_key, p_request_hash, p_status, p_headers, p_body, now());
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

CREATE OR REPLACE FUNCTION public.search_resources(p_tenant uuid, p_type text, p_query tsquery, p_limit integer)
 RETURNS uuid[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
end $function$;


revoke all on function append_changes(uuid,uuid,text,text[],uuid[],text[],text[],integer[],text[],boolean[],integer[],text[],boolean[],timestamp with time zone[],timestamp with time zone[],text[],date[],text[],bytea[],bytea[],text[],integer[],text[],text[],uuid[],integer[],text[],text[],text,bytea,smallint,text,text) from public;
revoke all on function count_resources() from public;
revoke all on function create_tenant(uuid,text) from public;
revoke all on function delegate_by_tenant(regprocedure) from public;
revoke all on function distribute_by_tenant(regclass) from public;
revoke all on function distribute_everywhere(regclass) from public;
revoke all on function enter_tenant(uuid) from public;
revoke all on function find_tenant(text) from public;
revoke all on function forget_old_answers() from public;
revoke all on function forget_old_plans() from public;
revoke all on function isolate_by_tenant(regclass) from public;
revoke all on function keep_answer(uuid,uuid,text,bytea,smallint,text,text) from public;
revoke all on function list_tenants(text,integer) from public;
revoke all on function page_of_working(uuid,text,text,integer) from public;
revoke all on function prepare_change(uuid,text,text,text,text,uuid,text,text,text[],uuid[],text[]) from public;
revoke all on function read_approved(uuid,text,uuid,text) from public;
revoke all on function read_versions(uuid,text,uuid[],integer[],bigint) from public;
revoke all on function read_working(uuid,text,uuid,text) from public;
revoke all on function search_resources(uuid,text,tsquery,integer) from public;

grant execute on function append_changes(uuid,uuid,text,text[],uuid[],text[],text[],integer[],text[],boolean[],integer[],text[],boolean[],timestamp with time zone[],timestamp with time zone[],text[],date[],text[],bytea[],bytea[],text[],integer[],text[],text[],uuid[],integer[],text[],text[],text,bytea,smallint,text,text) to :service;
grant execute on function count_resources() to :service;
grant execute on function create_tenant(uuid,text) to :service;
grant execute on function enter_tenant(uuid) to :service;
grant execute on function find_tenant(text) to :service;
grant execute on function forget_old_answers() to :service;
grant execute on function forget_old_plans() to :service;
grant execute on function keep_answer(uuid,uuid,text,bytea,smallint,text,text) to :service;
grant execute on function list_tenants(text,integer) to :service;
grant execute on function page_of_working(uuid,text,text,integer) to :service;
grant execute on function prepare_change(uuid,text,text,text,text,uuid,text,text,text[],uuid[],text[]) to :service;
grant execute on function read_approved(uuid,text,uuid,text) to :service;
grant execute on function read_versions(uuid,text,uuid[],integer[],bigint) to :service;
grant execute on function read_working(uuid,text,uuid,text) to :service;
grant execute on function search_resources(uuid,text,tsquery,integer) to :service;
grant usage on schema public to :service;
grant insert, select on table actor to :service;
grant insert, select, update (valid_to) on table approved_span to :service;
grant delete, insert, select on table facet to :service;
grant delete, insert, select on table idempotency to :service;
grant insert, select on table import_item to :service;
grant delete, insert, select, update (applied_at), update (applied_by), update (state) on table import_plan to :service;
grant delete, insert, select, update on table link to :service;
grant select on table migration to :service;
grant delete, insert, select, update on table resource to :service;
grant insert, select, update (assignee), update (completed_by), update (due_on), update (state) on table review to :service;
grant insert, select on table revision to :service;
grant select on table tenant to :service;
grant select, update on table tenant_head to :service;
grant insert, select on table tree_node to :service;
