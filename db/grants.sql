-- What the service's role may do, and no more: it reads and appends to the log, never changes it. Run after every
-- migration with :service as the name of that role.
revoke all on all tables in schema public from public;
revoke all on all functions in schema public from public;
revoke all on all tables in schema public from :service;
grant select on migration to :service;
grant usage on schema public to :service;
grant select on tenant, tenant_head, revision, tree_node, actor, resource, link, facet, approved_span, idempotency, import_plan, import_item, review to :service;
grant insert on revision, tree_node, actor, resource, link, facet, approved_span, idempotency, import_plan, import_item, review to :service;
grant update on resource, link, tenant_head to :service;
grant update (valid_to) on approved_span to :service;
grant update (state, applied_at, applied_by) on import_plan to :service;
grant update (state, due_on, assignee, completed_by) on review to :service;
grant delete on resource, link, facet, idempotency, import_plan to :service;
grant execute on all functions in schema public to :service;
revoke execute on function distribute_by_tenant, distribute_everywhere, delegate_by_tenant, isolate_by_tenant from :service;
