/** Reading the log: what changed, the entries, the versions of one resource, the root of the tree at any size. */
import { emptyRootHash, rootFromSubtrees, subtreesForRoot } from '../history/tree.ts';
import type { Session } from './connection.ts';
import { pageBytes } from './contents.ts';

/** What a follower is told of an entry: no content. */
export interface LoggedChange {
  sequence: number;
  type: string;
  id: string;
  reference: string;
  version: number;
  operation: string;
  /** RFC 3339, UTC, three decimals. */
  at: string;
}

export interface FollowQuery {
  readonly after: number;
  readonly limit: number;
  readonly types?: readonly string[];
}

/** The head of the tenant's log. */
export interface Head {
  readonly size: number;
  readonly recordedAt: string;
}

/** A time as the log writes it: exactly three decimals, whatever PostgreSQL leaves out. */
export const logTime = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

export async function readHead(session: Session, tenant: string): Promise<Head> {
  const [row] = await session.query<Head>(
    `select size, ${logTime('recorded_at')} as "recordedAt" from tenant_head where tenant_id = $1`,
    [tenant],
  );
  if (row === undefined) throw new Error('The tenant has no log.');
  return row;
}

/** What changed after a sequence, in order and without a gap. */
export async function listChanges(session: Session, tenant: string, query: FollowQuery): Promise<LoggedChange[]> {
  return session.query<LoggedChange & Record<string, unknown>>(
    `select sequence, resource_type as type, resource_id as id, reference, version, operation, ${logTime('recorded_at')} as at
     from revision where tenant_id = $1 and sequence > $2 and ($3::text[] is null or resource_type = any ($3::text[]))
     order by sequence limit $4`,
    [tenant, query.after, query.types ?? null, query.limit],
  );
}

/** Whether an entry may be seen whole: those who see the approved only get the hashes of other entries. */
export type Sight = 'all' | 'approved';

interface EntryRow {
  sequence: number;
  resourceType: string;
  resourceId: string;
  version: number;
  operation: string;
  approved: boolean;
  actor: string;
  actorSubject: string | null;
  recordedAt: string;
  contentHash: string;
  leafHash: string;
  nonce: string | null;
  content: string | null;
  reason: string | null;
}

const entryColumns = `v.sequence, v.resource_type as "resourceType", v.resource_id as "resourceId", v.version, v.operation, v.approved, v.actor,
  (select a.subject from actor a where a.tenant_id = $1 and a.actor_id = v.actor) as "actorSubject", ${logTime('v.recorded_at')} as "recordedAt", encode(v.content_hash, 'hex') as "contentHash",
  encode(v.leaf_hash, 'hex') as "leafHash", encode(v.nonce, 'hex') as nonce, v.content, v.reason`;

/** Entries of the log after a sequence, fewer where contents are very large, each as the JSON text of `GET /v1/log`. */
export async function listEntries(
  session: Session,
  tenant: string,
  query: FollowQuery,
  sight: Sight,
): Promise<{ sequence: number; json: string }[]> {
  const rows = await session.query<EntryRow & Record<string, unknown>>(
    `select ${entryColumns} from (
       select e.*, sum(octet_length(e.content)) over (order by e.sequence) - coalesce(octet_length(e.content), 0) as before
       from (select * from revision r where r.tenant_id = $1 and r.sequence > $2 and ($3::text[] is null or r.resource_type = any ($3::text[]))
         order by r.sequence limit $4) e
     ) v where coalesce(v.before, 0) < $5 order by v.sequence`,
    [tenant, query.after, query.types ?? null, query.limit, pageBytes],
  );
  return rows.map((row) => ({ sequence: row.sequence, json: entryJson(tenant, row, sight) }));
}

function entryJson(tenant: string, row: EntryRow, sight: Sight): string {
  const { content, nonce, reason, actorSubject, ...plain } = row;
  const head = { ...plain, tenant, ...(actorSubject === null ? {} : { actorSubject }) };
  const open = sight === 'all' || row.approved;
  if (!open) return JSON.stringify(head);
  if (nonce === null) return JSON.stringify({ ...head, redacted: true });
  const shown = JSON.stringify({ ...head, nonce, ...(reason === null ? {} : { reason }) });
  // The stored text is what was hashed; it goes out as it is.
  return `${shown.slice(0, -1)},"content":${content ?? 'null'}}`;
}

/** A version of a resource without its content. */
export interface RevisionItem {
  version: number;
  sequence: number;
  operation: string;
  approved: boolean;
  actor: string;
  actorSubject?: string;
  recordedAt: string;
  reason?: string;
}

/** The versions of a resource, the newest first. */
export async function listRevisions(
  session: Session,
  tenant: string,
  type: string,
  id: string,
  before: number | undefined,
  limit: number,
): Promise<RevisionItem[]> {
  const rows = await session.query<EntryRow & Record<string, unknown>>(
    `select v.version, v.sequence, v.operation, v.approved, v.actor, a.subject as "actorSubject", ${logTime('v.recorded_at')} as "recordedAt", v.reason
     from revision v left join actor a on a.tenant_id = $1 and a.actor_id = v.actor
     where v.tenant_id = $1 and v.resource_type = $2 and v.resource_id = $3 and ($4::integer is null or v.version < $4)
     order by v.version desc limit $5`,
    [tenant, type, id, before ?? null, limit],
  );
  return rows.map(({ actorSubject, reason, ...row }) => ({
    ...(row as unknown as RevisionItem),
    ...(actorSubject === null ? {} : { actorSubject }),
    ...(reason === null ? {} : { reason }),
  }));
}

/** The content of one version; `redacted` when it was erased; undefined when there is none. */
export async function readRevision(
  session: Session,
  tenant: string,
  type: string,
  id: string,
  version: number,
): Promise<{ content: string | null; redacted: boolean; approved: boolean } | undefined> {
  const [row] = await session.query<{ content: string | null; redacted: boolean; approved: boolean }>(
    `select content, nonce is null as redacted, approved from revision where tenant_id = $1 and resource_type = $2 and resource_id = $3 and version = $4`,
    [tenant, type, id, version],
  );
  return row;
}

/** The root of the tree over the first `size` entries (RFC 6962), in lower-case hex; reads O(log size) hashes. */
export async function readRootHash(session: Session, tenant: string, size: number): Promise<string> {
  if (size === 0) return emptyRootHash().toString('hex');
  const wanted = subtreesForRoot(size);
  const rows = await session.query<{ level: number; index: number; hash: Buffer }>(
    `select n.level, n.index, n.hash from tree_node n join unnest($2::smallint[], $3::bigint[]) as w (level, index) on w.level = n.level and w.index = n.index where n.tenant_id = $1
     union all
     select 0, v.sequence - 1, v.leaf_hash from revision v where v.tenant_id = $1 and v.sequence = any ($4::bigint[])`,
    [
      tenant,
      wanted.filter(({ level }) => level > 0).map(({ level }) => level),
      wanted.filter(({ level }) => level > 0).map(({ index }) => index),
      wanted.filter(({ level }) => level === 0).map(({ index }) => index + 1),
    ],
  );
  const found = new Map(rows.map(({ level, index, hash }) => [`${level} ${index}`, hash]));
  const root = await rootFromSubtrees(size, (level, index) => found.get(`${level} ${index}`));
  return root.toString('hex');
}
