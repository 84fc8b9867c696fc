/** Who names a resource in its working content. */
import type { Pool } from './connection.ts';

/** A resource that names another, at a version. */
export interface Naming {
  type: string;
  id: string;
  version: number;
}

/** Those that name a resource, by type and id; at most `limit`. */
export function listNaming(pool: Pool, tenant: string, type: string, id: string, limit: number): Promise<Naming[]> {
  return pool.transaction({ readOnly: true, tenant, customPlan: true }, (session) =>
    session.query<Naming & Record<string, unknown>>(
      `select r.resource_type as type, r.resource_id as id, r.version
       from (select distinct l.source_type, l.source_id from link l where l.tenant_id = $1 and l.target_type = $2 and l.target_id = $3 and l.in_working) n
       join resource r on r.tenant_id = $1 and r.resource_type = n.source_type and r.resource_id = n.source_id
       order by r.resource_type, r.resource_id limit $4`,
      [tenant, type, id, limit],
    ),
  );
}
