/** The clients of a processor activity, in the order of their references. */
import { createHash } from 'node:crypto';
import type { Content } from '../article30/definition.ts';
import type { Pool, Session } from './connection.ts';

/** The reference of a client follows from activity and controller, by their ids: the pair is unique because references are. */
export function clientReference(activity: string, controller: string): string {
  return createHash('sha256').update(`${activity} ${controller}`).digest('hex').slice(0, 32);
}

/** A client in a list: its working content, and who it is. */
export interface ListedClient {
  /** Reference and name of the controller that the client is. */
  readonly reference: string;
  readonly name: string;
  /** Canonical JSON text. */
  readonly content: string;
}

/** Working contents of the clients of an activity, after a client by its reference. */
export async function listClients(
  session: Session,
  tenant: string,
  activity: string,
  after: string | undefined,
  limit: number,
): Promise<ListedClient[]> {
  return session.query<ListedClient & Record<string, unknown>>(
    `select c.reference, c.name, v.content
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

/** Working contents of clients by the references that they have themselves; who is no client is absent. */
export async function readClients(
  pool: Pool,
  tenant: string,
  references: readonly string[],
): Promise<Map<string, Content>> {
  const rows = await pool.transaction({ readOnly: true, tenant, customPlan: true }, (session) =>
    session.query<{ reference: string; content: string }>(
      `select r.reference, v.content from resource r
       join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
       where r.tenant_id = $1 and r.resource_type = 'processorClient' and r.reference = any ($2::text[])`,
      [tenant, references],
    ),
  );
  return new Map(rows.map(({ reference, content }) => [reference, JSON.parse(content) as Content]));
}
