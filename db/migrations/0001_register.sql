-- The register is a log with a relational present.
--
-- `revision` holds every change ever made, with its whole content, as the leaves of a Merkle tree (RFC 6962).
-- `resource`, `link` and `facet` are the present: keys, states, who names whom, what lists filter by. They point into
-- the log and never repeat a content, so that what is read is what is proved.
-- `approved_span` says from which entry to which an approved content stood, so that the register of any moment is a
-- range scan.
--
-- Every table of a tenant is led by tenant_id in each key, so that the same schema runs sharded by tenant.

-- Steps that only a cluster needs; on plain PostgreSQL they do nothing. Called between a table's CREATE and its
-- foreign keys.
create function distribute_by_tenant(p_table regclass) returns void language plpgsql as $$
begin
  if exists (select from pg_extension where extname = 'citus') then
    execute format('select create_distributed_table(%L, %L)', p_table::text, 'tenant_id');
  end if;
end $$;

create function distribute_everywhere(p_table regclass) returns void language plpgsql as $$
begin
  if exists (select from pg_extension where extname = 'citus') then
    execute format('select create_reference_table(%L)', p_table::text);
  end if;
end $$;

-- Functions that read or write one tenant run on the shard that holds it.
create function delegate_by_tenant(p_function regprocedure) returns void language plpgsql as $$
begin
  if exists (select from pg_extension where extname = 'citus') then
    execute format('select create_distributed_function(%L, %L, colocate_with := %L)', p_function::text, 'p_tenant', 'tenant_head');
  end if;
end $$;

-- Row-level security, fail closed: without a tenant there are no rows. The setting reads '' after a local one ended.
-- The array form reaches the shards of a cluster; on plain PostgreSQL it would mislead the planner.
create function isolate_by_tenant(p_table regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', p_table);
  if exists (select from pg_extension where extname = 'citus') then
    execute format('create policy tenant_isolation on %s using (tenant_id = any (array[nullif(current_setting(''app.tenant_id'', true), '''')::uuid]))', p_table);
  else
    execute format('create policy tenant_isolation on %s using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', p_table);
  end if;
end $$;

-- SET LOCAL, because set_config() does not reach the shards of a cluster.
create function enter_tenant(p_tenant uuid) returns void language plpgsql as $$
begin
  execute format('set local app.tenant_id = %L', p_tenant);
end $$;

create table tenant (
  tenant_id uuid not null,
  reference text collate "C" not null,
  created_at timestamptz(3) not null,
  constraint tenant_pkey primary key (tenant_id),
  constraint tenant_reference_key unique (reference),
  constraint tenant_reference_form check (reference ~ '^[A-Za-z0-9._-]{1,64}$')
);
select distribute_everywhere('tenant');
select isolate_by_tenant('tenant');

-- The newest state of a tenant's log: its size, the time of its last entry, and the roots of the complete subtrees
-- that its leaves make up, the largest first.
create table tenant_head (
  tenant_id uuid not null,
  size bigint not null,
  recorded_at timestamptz(3) not null,
  frontier bytea[] not null,
  constraint tenant_head_pkey primary key (tenant_id),
  constraint tenant_head_size_positive check (size >= 0)
) with (fillfactor = 20);
select distribute_by_tenant('tenant_head');
alter table tenant_head add constraint tenant_head_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
select isolate_by_tenant('tenant_head');

-- The log. The canonical text of a content (RFC 8785) is stored as it was hashed: text, not jsonb, which would reorder
-- keys; inline, because a register reads it row by row. `refs` and `controllers` are ids that the content names, so
-- that a past register finds its blocks without parsing.
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
  recorded_at timestamptz(3) not null,
  ended_on date,
  refs uuid[] not null,
  controllers uuid[] not null,
  controller_id uuid,
  constraint revision_pkey primary key (tenant_id, sequence),
  constraint revision_version_key unique (tenant_id, resource_type, resource_id, version),
  constraint revision_operation_known check (operation in ('create', 'update', 'discard', 'submit', 'approve', 'reject', 'retire', 'review', 'archive', 'restore', 'delete', 'redact', 'seal')),
  constraint revision_hash_lengths check (length(content_hash) = 32 and length(leaf_hash) = 32),
  constraint revision_nonce_length check (length(nonce) = 32)
) with (toast_tuple_target = 8160);
alter table revision alter column content set storage main;
select distribute_by_tenant('revision');
alter table revision add constraint revision_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
create index revision_recorded_at on revision (tenant_id, recorded_at);
select isolate_by_tenant('revision');

-- Complete subtrees above the leaves: level 1 holds pairs of leaves. A leaf's hash stands in its revision.
create table tree_node (
  tenant_id uuid not null,
  level smallint not null,
  index bigint not null,
  hash bytea not null,
  constraint tree_node_pkey primary key (tenant_id, level, index),
  constraint tree_node_hash_length check (length(hash) = 32)
);
select distribute_by_tenant('tree_node');
alter table tree_node add constraint tree_node_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
select isolate_by_tenant('tree_node');

-- Who acts: entries name a random id, and only this table knows the person behind it, so that a person can be
-- forgotten without touching the tree.
create table actor (
  tenant_id uuid not null,
  actor_id uuid not null,
  issuer text not null,
  subject text not null,
  constraint actor_pkey primary key (tenant_id, actor_id),
  constraint actor_subject_key unique (tenant_id, issuer, subject)
);
select distribute_by_tenant('actor');
alter table actor add constraint actor_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
select isolate_by_tenant('actor');

-- The present, one row a resource of any type: all types share one life, so they share one table. Its contents are the
-- revisions of `version` (working) and `approved_version`.
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
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  searched tsvector not null,
  constraint resource_pkey primary key (tenant_id, resource_type, resource_id),
  constraint resource_reference_key unique (tenant_id, resource_type, reference),
  constraint resource_reference_form check (reference ~ '^[A-Za-z0-9._-]{1,64}$'),
  constraint resource_type_known check (resource_type in ('controller', 'purpose', 'legalBasis', 'dataSubjectCategory', 'dataCategory', 'recipient', 'safeguard', 'securityMeasure', 'system', 'notice', 'processingActivity', 'processorActivity', 'processorClient', 'settings', 'review')),
  constraint resource_state_known check (state in ('draft', 'inReview', 'approved', 'retired', 'open', 'completed')),
  constraint resource_approved_before check (approved_version <= version)
) with (fillfactor = 80);
select distribute_by_tenant('resource');
alter table resource add constraint resource_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
create index resource_name on resource (tenant_id, resource_type, name, resource_id);
create index resource_updated_at on resource (tenant_id, resource_type, updated_at, resource_id);
create index resource_created_at on resource (tenant_id, resource_type, created_at, resource_id);
create index resource_state on resource (tenant_id, resource_type, state, reference);
-- What was changed since it was approved: the register shows something else than the facets tell.
create index resource_changed on resource (tenant_id, resource_type, resource_id) where approved_version is not null and state in ('draft', 'inReview');
create index resource_archived on resource (tenant_id, resource_type, reference) where archived;
-- Words begin with a sign of their tenant and type, so that a search reads no entry of another.
create index resource_searched on resource using gin (searched);
select isolate_by_tenant('resource');

-- Who names whom. The foreign key to what is named holds for the working content, the approved content and every
-- content that was once approved: what the register ever named cannot be deleted.
create table link (
  tenant_id uuid not null,
  source_type text collate "C" not null,
  source_id uuid not null,
  field text collate "C" not null,
  target_type text collate "C" not null,
  target_id uuid not null,
  in_working boolean not null,
  in_approved boolean not null,
  was_approved boolean not null,
  constraint link_pkey primary key (tenant_id, source_type, source_id, target_type, target_id, field),
  constraint link_in_use check (in_working or was_approved),
  constraint link_approved_is_past check (was_approved or not in_approved)
) with (fillfactor = 90);
select distribute_by_tenant('link');
alter table link add constraint link_source_fkey foreign key (tenant_id, source_type, source_id) references resource (tenant_id, resource_type, resource_id) on delete cascade;
alter table link add constraint link_target_fkey foreign key (tenant_id, target_type, target_id) references resource (tenant_id, resource_type, resource_id);
create index link_target on link (tenant_id, target_type, target_id, source_type, source_id) include (in_working);
select isolate_by_tenant('link');

-- What lists filter by, of the working content: a value for each facet of a resource.
create table facet (
  tenant_id uuid not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  facet text collate "C" not null,
  value text collate "C" not null,
  constraint facet_pkey primary key (tenant_id, resource_type, resource_id, facet, value)
);
select distribute_by_tenant('facet');
alter table facet add constraint facet_resource_fkey foreign key (tenant_id, resource_type, resource_id) references resource (tenant_id, resource_type, resource_id) on delete cascade;
create index facet_value on facet (tenant_id, resource_type, facet, value, resource_id);
select isolate_by_tenant('facet');

-- From which entry on, and until before which, an approved content stood in the register. Derivable from the log.
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
  controller_id uuid,
  constraint approved_span_pkey primary key (tenant_id, resource_type, resource_id, valid_from),
  constraint approved_span_forward check (valid_to > valid_from)
) with (fillfactor = 90);
select distribute_by_tenant('approved_span');
alter table approved_span add constraint approved_span_revision_fkey foreign key (tenant_id, valid_from) references revision (tenant_id, sequence);
create index approved_span_then on approved_span (tenant_id, resource_type, reference, valid_from, valid_to);
select isolate_by_tenant('approved_span');

-- Answers kept for a blind retry, stored with the change that they answer.
create table idempotency (
  tenant_id uuid not null,
  actor_id uuid not null,
  key text collate "C" not null,
  request_hash bytea not null,
  status smallint not null,
  headers text not null,
  body text not null,
  created_at timestamptz not null,
  constraint idempotency_pkey primary key (tenant_id, actor_id, key),
  constraint idempotency_key_length check (length(key) between 1 and 255)
);
select distribute_by_tenant('idempotency');
alter table idempotency add constraint idempotency_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
create index idempotency_created_at on idempotency (created_at);
select isolate_by_tenant('idempotency');
