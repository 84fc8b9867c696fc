-- Reviews that somebody asked for. Each is a resource with entries in the log like the others; this table is what the
-- list of reviews reads, and what keeps a second one from being open for the same subject and reason.
--
-- The subject is no foreign key: a draft that nobody approved may be deleted while a review of it is open, and the
-- review then tells what it was about.

-- `due_on` is infinity where no day was given, so that one order has a place for all.
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
  completed_by uuid,
  constraint review_pkey primary key (tenant_id, review_id),
  constraint review_state_known check (state in ('open', 'completed')),
  constraint review_completed_by_somebody check ((state = 'completed') = (completed_by is not null)),
  constraint review_reason_digest_length check (length(reason_digest) = 32)
);
select distribute_by_tenant('review');
alter table review add constraint review_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
create unique index review_open_once on review (tenant_id, subject_type, subject_id, reason_digest) where state = 'open';
create index review_due on review (tenant_id, due_on, review_id);
create index review_state on review (tenant_id, state, due_on, review_id);
create index review_assignee on review (tenant_id, assignee, state, due_on, review_id);
create index review_subject_type on review (tenant_id, subject_type, state, due_on, review_id);
create index review_subject on review (tenant_id, subject_type, subject_id, due_on, review_id);
select isolate_by_tenant('review');
