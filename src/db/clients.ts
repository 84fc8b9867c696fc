/** The clients of a processor activity, in the order of their references. */
import { createHash } from 'node:crypto';
import type { Session } from './connection.ts';

/** The reference of a client follows from activity and controller, by their ids: the pair is unique because references are. */
export function clientReference(activity: string, controller: string): string {
  return createHash('sha256').update(`${activity} ${controller}`).digest('hex').slice(0, 32);
}

/** Working contents of the clients of an activity, after a client by its reference. */
export async function listClients(
  session: Session,
  tenant: string,
  activity: string,
  after: string | undefined,
  limit: number,
): Promise<{ reference: string; content: string }[]> {
  return session.query<{ reference: string; content: string }>(
    `select c.reference, v.content
     from link a
     join resource r on r.tenant_id = $1 and r.resource_type = a.source_type and r.resource_id = a.source_id
     join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
     join link l on l.tenant_id = $1 and l.source_type = r.resource_type and l.source_id = r.resource_id and l.field = 'controllerId' and l.in_working
     join resource c on c.tenant_id = $1 and c.resource_type = l.target_type and c.resource_id = l.target_id
     where a.tenant_id = $1 and a.target_type = 'processorActivity' and a.target_id = $2 and a.source_type = 'processorClient' and a.in_working
       and ($3::text is null or c.reference > $3)
     order by c.reference limit $4`,
    [tenant, activity, after ?? null, limit],
  );
}
