/** Reading resources by their keys; who names one; what it names that nobody approved. */
import type { Content } from '../article30/definition.ts';
import type { Pool, Session } from './connection.ts';
import { type Key, readKey, targetName, type Wanted } from './records.ts';

/** A content as it is stored and sent: canonical JSON text. */
export interface Stored {
  readonly text: string;
  readonly version: number;
}

/** The working version; undefined when the tenant has no such resource. */
export function readWorking(pool: Pool, tenant: string, type: string, key: Key): Promise<Stored | undefined> {
  return read(pool, 'select content as text, version from read_working($1, $2, $3, $4)', tenant, type, key);
}

/** The approved version; undefined when there is no such resource or nobody approved it. */
export function readApproved(pool: Pool, tenant: string, type: string, key: Key): Promise<Stored | undefined> {
  return read(pool, 'select content as text, version from read_approved($1, $2, $3, $4)', tenant, type, key);
}

async function read(
  pool: Pool,
  statement: string,
  tenant: string,
  type: string,
  key: Key,
): Promise<Stored | undefined> {
  const id = 'id' in key ? key.id : null;
  const reference = 'reference' in key ? key.reference : null;
  const [row] = await pool.query<{ text: string; version: number }>(statement, [tenant, type, id, reference], {
    readOnly: true,
  });
  return row;
}

/** The id of a resource by its key; undefined when there is none. */
export async function readId(session: Session, tenant: string, type: string, key: Key): Promise<string | undefined> {
  const [row] =
    'id' in key
      ? await session.query<{ id: string }>(
          'select resource_id as id from resource where tenant_id = $1 and resource_type = $2 and resource_id = $3',
          [tenant, type, key.id],
        )
      : await session.query<{ id: string }>(
          'select resource_id as id from resource where tenant_id = $1 and resource_type = $2 and reference = $3',
          [tenant, type, key.reference],
        );
  return row?.id;
}

/** Ids by keys, named as by `targetName`. An id stands for itself; a reference that names nothing is absent. */
export async function readIds(
  session: Session,
  tenant: string,
  wanted: readonly Wanted[],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  const referred: { type: string; reference: string }[] = [];
  for (const each of wanted) {
    const key = readKey(each.key);
    if (key === undefined) continue;
    if ('id' in key) ids.set(targetName(each), key.id);
    else referred.push({ type: each.type, reference: key.reference });
  }
  if (referred.length === 0) return ids;
  const rows = await session.values(
    'select r.resource_type, r.reference, r.resource_id from unnest($2::text[], $3::text[]) as n (type, reference) join resource r on r.tenant_id = $1 and r.resource_type = n.type and r.reference = n.reference',
    [tenant, referred.map(({ type }) => type), referred.map(({ reference }) => reference)],
  );
  for (const [type, reference, id] of rows as [string, string, string][]) {
    ids.set(targetName({ type, key: `ref:${reference}` }), id);
  }
  return ids;
}

/** Contents of resources of a type by their ids, working or approved ones; those that are not there are left out. */
export async function readContents(
  session: Session,
  tenant: string,
  type: string,
  ids: readonly string[],
  version: 'version' | 'approved_version' = 'version',
): Promise<ReadonlyMap<string, Content>> {
  if (ids.length === 0) return new Map();
  const rows = await session.values(
    `select r.resource_id, v.content from resource r
     join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.${version}
     where r.tenant_id = $1 and r.resource_type = $2 and r.resource_id = any ($3::uuid[])`,
    [tenant, type, ids],
  );
  return new Map((rows as [string, string][]).map(([id, content]) => [id, JSON.parse(content) as Content]));
}

/** Bytes of the working contents of resources of a type, by id. */
export async function readSizes(
  session: Session,
  tenant: string,
  type: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await session.values(
    `select r.resource_id, octet_length(v.content) from resource r
     join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
     where r.tenant_id = $1 and r.resource_type = $2 and r.resource_id = any ($3::uuid[])`,
    [tenant, type, ids],
  );
  return new Map(rows as [string, number][]);
}

/** A resource that is or was there: its id finds it after its deletion too, its reference only while it is there. */
export async function readOnceThere(
  session: Session,
  tenant: string,
  type: string,
  key: Key,
): Promise<{ id: string; reference: string } | undefined> {
  const [row] =
    'id' in key
      ? await session.query<{ id: string; reference: string }>(
          'select resource_id as id, reference from revision where tenant_id = $1 and resource_type = $2 and resource_id = $3 order by version desc limit 1',
          [tenant, type, key.id],
        )
      : await session.query<{ id: string; reference: string }>(
          'select resource_id as id, reference from resource where tenant_id = $1 and resource_type = $2 and reference = $3',
          [tenant, type, key.reference],
        );
  return row;
}

/** A resource under the name by which people know it. */
export interface NamedResource {
  id: string;
  reference: string;
  name: string;
}

/** A resource that names another, and in which of its fields. */
export interface Usage {
  type: string;
  id: string;
  reference: string;
  /** A client of a processor activity has none of its own: the activity's. */
  name: string;
  state: string;
  archived: boolean;
  fields: string[];
  inWorking: boolean;
  inApproved: boolean;
  /** Of a client: the activity that is carried out for it, and the controller that it is. */
  processorActivity?: NamedResource;
  controller?: NamedResource;
}

/** Who names a resource, in the working or in the approved content; by type and reference, after a position. */
export async function listUsages(
  session: Session,
  tenant: string,
  type: string,
  id: string,
  after: { type: string; reference: string } | undefined,
  limit: number,
): Promise<Usage[]> {
  const rows = await session.query<Usage & Record<string, unknown> & { client: string | null }>(
    `with usage as (
       select r.resource_type as type, r.resource_id as id, r.reference, r.name, r.state, r.archived,
         array_agg(distinct l.field order by l.field) as fields, bool_or(l.in_working) as "inWorking", bool_or(l.in_approved) as "inApproved"
       from link l join resource r on r.tenant_id = $1 and r.resource_type = l.source_type and r.resource_id = l.source_id
       where l.tenant_id = $1 and l.target_type = $2 and l.target_id = $3 and (l.in_working or l.in_approved)
         and ($4::text is null or (r.resource_type, r.reference) > ($4, $5))
       group by r.resource_type, r.resource_id, r.reference, r.name, r.state, r.archived
       order by r.resource_type, r.reference limit $6
     )
     select u.*, (
       select json_object_agg(t.resource_type, json_build_object('id', t.resource_id, 'reference', t.reference, 'name', t.name))::text
       from link l join resource t on t.tenant_id = $1 and t.resource_type = l.target_type and t.resource_id = l.target_id
       where u.type = 'processorClient' and l.tenant_id = $1 and l.source_type = u.type and l.source_id = u.id
         and l.field in ('processorActivityId', 'controllerId')
     ) as client
     from usage u order by u.type, u.reference`,
    [tenant, type, id, after?.type ?? null, after?.reference ?? null, limit],
  );
  return rows.map(({ client, ...usage }) => {
    if (client === null) return usage;
    const { processorActivity, controller } = JSON.parse(client) as Record<string, NamedResource>;
    return { ...usage, name: processorActivity!.name, processorActivity: processorActivity!, controller: controller! };
  });
}

/** Whether anything that is not archived itself names the resource. */
export async function isInUse(pool: Pool, tenant: string, type: string, id: string): Promise<boolean> {
  return pool.transaction({ readOnly: true, tenant }, async (session) => {
    const [row] = await session.query<{ used: boolean }>(
      `select exists (select from link l join resource r on r.tenant_id = $1 and r.resource_type = l.source_type and r.resource_id = l.source_id
         where l.tenant_id = $1 and l.target_type = $2 and l.target_id = $3 and (l.in_working or l.in_approved) and not r.archived) as used`,
      [tenant, type, id],
    );
    return row!.used;
  });
}

/**
 * What the working contents of resources of a type reach, through other blocks too, that is not approved as it stands.
 * They themselves and activities are left out.
 */
export async function unapprovedReached(
  pool: Pool,
  tenant: string,
  type: string,
  ids: readonly string[],
): Promise<{ type: string; content: Content }[]> {
  return pool.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
    const rows = await session.query<{ type: string; content: string }>(
      `with recursive reached (type, id) as (
         select l.target_type, l.target_id from link l where l.tenant_id = $1 and l.source_type = $2 and l.source_id = any ($3::uuid[]) and l.in_working
         union
         select l.target_type, l.target_id from reached join link l on l.tenant_id = $1 and l.source_type = reached.type and l.source_id = reached.id and l.in_working
           where reached.type not in ('processingActivity', 'processorActivity')
       )
       select r.resource_type as type, v.content from reached
       join resource r on r.tenant_id = $1 and r.resource_type = reached.type and r.resource_id = reached.id
       join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
       where r.state in ('draft', 'inReview') and r.resource_type not in ('processingActivity', 'processorActivity') and not (r.resource_type = $2 and r.resource_id = any ($3::uuid[]))
       order by r.resource_type, r.resource_id`,
      [tenant, type, ids],
    );
    return rows.map(({ type: each, content }) => ({ type: each, content: JSON.parse(content) as Content }));
  });
}

/** Of which of these resources the actor is the last editor. */
export async function lastEditedBy(
  pool: Pool,
  tenant: string,
  actor: string,
  resources: readonly { readonly type: string; readonly id: string }[],
): Promise<{ type: string; id: string }[]> {
  return pool.transaction({ readOnly: true, tenant }, (session) =>
    session.query<{ type: string; id: string }>(
      `select r.resource_type as type, r.resource_id as id
       from unnest($3::text[], $4::uuid[]) as n (type, id)
       join resource r on r.tenant_id = $1 and r.resource_type = n.type and r.resource_id = n.id
       where $2 = (select v.actor from revision v where v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id
         and v.operation in ('create', 'update') order by v.version desc limit 1)`,
      [tenant, actor, resources.map(({ type }) => type), resources.map(({ id }) => id)],
    ),
  );
}

/** A resource that names another, at a version. */
export interface Naming {
  type: string;
  id: string;
  reference: string;
  version: number;
  /** Of its working content. */
  bytes: number;
}

/** Those that name a resource in their working content, by type and id; at most `limit`. */
export function listNaming(pool: Pool, tenant: string, type: string, id: string, limit: number): Promise<Naming[]> {
  return pool.transaction({ readOnly: true, tenant, customPlan: true }, (session) =>
    session.query<Naming & Record<string, unknown>>(
      `select r.resource_type as type, r.resource_id as id, r.reference, r.version, octet_length(v.content) as bytes
       from (select distinct l.source_type, l.source_id from link l where l.tenant_id = $1 and l.target_type = $2 and l.target_id = $3 and l.in_working) n
       join resource r on r.tenant_id = $1 and r.resource_type = n.source_type and r.resource_id = n.source_id
       join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
       order by r.resource_type, r.resource_id limit $4`,
      [tenant, type, id, limit],
    ),
  );
}
