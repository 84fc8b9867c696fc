-- Plans of imports: what a file would change, worked out at one sequence of the log and applied later, perhaps by another
-- process. A plan is never changed but for its state; seven days later it is forgotten. `bytes`: of what its items hold;
-- a plan with errors holds none.

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
  created_at timestamptz(3) not null,
  bytes bigint not null,
  applied_at timestamptz(3),
  applied_by uuid,
  constraint import_plan_pkey primary key (tenant_id, plan_id),
  constraint import_plan_state_known check (state in ('planned', 'applied')),
  constraint import_plan_flawless check (state = 'planned' or errors = 0),
  constraint import_plan_applied check ((state = 'applied') = (applied_at is not null) and (state = 'applied') = (applied_by is not null))
);
select distribute_by_tenant('import_plan');
alter table import_plan add constraint import_plan_tenant_fkey foreign key (tenant_id) references tenant (tenant_id);
create index import_plan_created_at on import_plan (created_at);
select isolate_by_tenant('import_plan');

-- One resource that a plan creates (version 0) or changes (the version that it was compared with). `content` is what it
-- would say, with ids for keys; `told` what the plan's answer says of it, empty where the answer has no room for it.
create table import_item (
  tenant_id uuid not null,
  plan_id uuid not null,
  number integer not null,
  resource_type text collate "C" not null,
  resource_id uuid not null,
  reference text collate "C" not null,
  version integer not null,
  content text not null,
  told text not null,
  constraint import_item_pkey primary key (tenant_id, plan_id, number),
  constraint import_item_version_form check (version >= 0)
);
select distribute_by_tenant('import_item');
alter table import_item add constraint import_item_plan_fkey foreign key (tenant_id, plan_id) references import_plan (tenant_id, plan_id) on delete cascade;
select isolate_by_tenant('import_item');

-- Keeps an answer for a blind retry beside what is no change of the register, as append_changes does beside a change.
-- Waits for nobody: RP409 while another request with the key is under way.
create function keep_answer(p_tenant uuid, p_actor uuid, p_key text, p_request_hash bytea, p_status smallint, p_headers text, p_body text)
returns void language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  if not pg_try_advisory_xact_lock(hashtextextended(p_tenant::text || p_actor::text || p_key, 0)) then
    raise exception 'a change with this idempotency key is under way' using errcode = 'RP409';
  end if;
  delete from idempotency i where i.tenant_id = p_tenant and i.actor_id = p_actor and i.key = p_key and i.created_at <= now() - interval '24 hours';
  insert into idempotency (tenant_id, actor_id, key, request_hash, status, headers, body, created_at)
    values (p_tenant, p_actor, p_key, p_request_hash, p_status, p_headers, p_body, now());
end $$;
select delegate_by_tenant('keep_answer(uuid, uuid, text, bytea, smallint, text, text)');

-- Plans older than seven days, of all tenants; says how many went.
create function forget_old_plans() returns integer language sql security definer set search_path = public, pg_temp as $$
  with gone as (
    delete from import_plan p where p.created_at <= now() - interval '7 days' returning 1
  ) select count(*)::integer from gone
$$;
