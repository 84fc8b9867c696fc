-- The hand-written contestant: ordinary normalised tables, as one draws them for one company.

create table controller (id uuid primary key, name text not null, description text);
create table purpose (id uuid primary key, name text not null, description text);
create table legal_basis (id uuid primary key, name text not null, description text);
create table data_subject_category (id uuid primary key, name text not null, description text);
create table data_category (id uuid primary key, name text not null, description text);
create table recipient (id uuid primary key, name text not null, description text);
create table safeguard (id uuid primary key, name text not null, description text);
create table security_measure (id uuid primary key, name text not null, description text);

create table activity (
  id uuid primary key default uuidv7(),
  reference text not null unique,
  name text not null,
  state text not null default 'draft',
  controller_id uuid not null references controller,
  description text,
  department text,
  owner_name text,
  owner_email text,
  started_on date,
  operations text[] not null,
  means text[] not null,
  large_scale boolean,
  estimated_data_subjects integer,
  notes text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index on activity (controller_id);

create table activity_purpose (
  id uuid primary key default uuidv7(),
  activity_id uuid not null references activity on delete cascade,
  purpose_id uuid not null references purpose,
  main boolean
);
create index on activity_purpose (activity_id);
create index on activity_purpose (purpose_id);

create table activity_purpose_legal_basis (
  activity_purpose_id uuid not null references activity_purpose on delete cascade,
  legal_basis_id uuid not null references legal_basis,
  primary key (activity_purpose_id, legal_basis_id)
);
create index on activity_purpose_legal_basis (legal_basis_id);

create table activity_data_line (
  id uuid primary key default uuidv7(),
  activity_id uuid not null references activity on delete cascade,
  data_category_id uuid not null references data_category,
  source text,
  required boolean,
  period text,
  starts_on text,
  ground text
);
create index on activity_data_line (activity_id);
create index on activity_data_line (data_category_id);

create table activity_data_line_subject (
  activity_data_line_id uuid not null references activity_data_line on delete cascade,
  data_subject_category_id uuid not null references data_subject_category,
  primary key (activity_data_line_id, data_subject_category_id)
);
create index on activity_data_line_subject (data_subject_category_id);

create table activity_recipient (
  id uuid primary key default uuidv7(),
  activity_id uuid not null references activity on delete cascade,
  recipient_id uuid not null references recipient,
  purpose text,
  circumstances text
);
create index on activity_recipient (activity_id);
create index on activity_recipient (recipient_id);

create table activity_transfer (
  id uuid primary key default uuidv7(),
  activity_id uuid not null references activity on delete cascade,
  recipient_id uuid references recipient,
  country text,
  state text,
  description text
);
create index on activity_transfer (activity_id);
create index on activity_transfer (recipient_id);

create table activity_transfer_safeguard (
  activity_transfer_id uuid not null references activity_transfer on delete cascade,
  safeguard_id uuid not null references safeguard,
  primary key (activity_transfer_id, safeguard_id)
);
create index on activity_transfer_safeguard (safeguard_id);

create table activity_security_measure (
  activity_id uuid not null references activity on delete cascade,
  security_measure_id uuid not null references security_measure,
  primary key (activity_id, security_measure_id)
);
create index on activity_security_measure (security_measure_id);
