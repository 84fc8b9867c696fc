/** Lists of working versions: filtered, sorted in a total order, paged by key. */
import { createHash } from 'node:crypto';
import { today } from '../article30/calendar.ts';
import type { ListFilter, ResourceDefinition } from '../article30/definition.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import type { Parameter, Pool, Session } from './connection.ts';
import { readVersions, type VersionKey } from './contents.ts';
import { and, eq, gt, gte, inArray, lt, or, type PgColumn, PgDialect, type SQL, sql } from './drizzle.ts';
import { targetName } from './records.ts';
import { readIds } from './resources.ts';
import { searchPrefix, searchQuery } from './search.ts';
import { facet, link, resource } from './tables.ts';

/** What every list can be sorted by; a minus before the word turns the order round. */
export const sorts = [
  'reference',
  '-reference',
  'name',
  '-name',
  'createdAt',
  '-createdAt',
  'updatedAt',
  '-updatedAt',
] as const;
export type Sort = (typeof sorts)[number];

export interface ListQuery {
  readonly limit: number;
  readonly sort: Sort;
  readonly cursor?: string;
  /** Narrowing that every list has. */
  readonly ids?: readonly string[];
  readonly references?: readonly string[];
  readonly states?: readonly string[];
  readonly archived?: boolean;
  readonly q?: string;
  readonly updatedSince?: string;
  /** Values of the definition's own filters, by name. */
  readonly filters: Readonly<Record<string, readonly string[] | boolean | string>>;
}

export interface Page {
  /** Canonical contents, in order. */
  readonly contents: string[];
  /** Where the next page begins; undefined on the last. */
  readonly nextCursor: string | undefined;
  /** The sequence of the log up to which this list surely shows everything. */
  readonly logSequence: number;
}

/** The cursor does not belong to this list. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

const dialect = new PgDialect();

const sortColumns: Readonly<Record<string, PgColumn>> = {
  reference: resource.reference,
  name: resource.name,
  createdAt: resource.createdAt,
  updatedAt: resource.updatedAt,
};

/** One page of the working versions of a type; shorter than asked for where contents are very large. */
export async function listWorking(
  pool: Pool,
  tenant: string,
  definition: ResourceDefinition,
  query: ListQuery,
): Promise<Page> {
  const bound = fingerprint(definition.type, query);
  const position = query.cursor === undefined ? undefined : openCursor(query.cursor, bound);
  const { keys, logSequence } = isPlain(query)
    ? await plainKeys(pool, tenant, definition.type, position, query.limit + 1)
    : await narrowedKeys(pool, tenant, definition, query, position);
  const contents = await readVersions(pool, tenant, definition.type, keys.slice(0, query.limit));
  const last = keys[contents.length - 1];
  return {
    contents,
    nextCursor: contents.length < keys.length && last !== undefined ? sealCursor(bound, last.key, last.id) : undefined,
    logSequence,
  };
}

interface Keys {
  readonly keys: readonly (VersionKey & { readonly key: string })[];
  readonly logSequence: number;
}

/** What a browser or a sync asks for page after page: everything that is not archived, by reference. */
function isPlain(query: ListQuery): boolean {
  const { sort, archived, ids, references, states, q, updatedSince, filters } = query;
  const others = [ids, references, states, q, updatedSince, ...Object.values(filters)];
  return sort === 'reference' && archived === false && others.every((value) => value === undefined);
}

async function plainKeys(
  pool: Pool,
  tenant: string,
  type: string,
  position: Position | undefined,
  limit: number,
): Promise<Keys> {
  const [first, ...keys] = await pool.query<{ key: string; id: string; version: number; head: number }>(
    'select key, id, version, head from page_of_working($1, $2, $3, $4)',
    [tenant, type, position?.key ?? null, limit],
    { readOnly: true },
  );
  return { keys, logSequence: first!.head };
}

async function narrowedKeys(
  pool: Pool,
  tenant: string,
  definition: ResourceDefinition,
  query: ListQuery,
  position: Position | undefined,
): Promise<Keys> {
  return pool.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
    // The head first: what the list shows beyond it is told again by the log, and nothing is missed.
    const [[head], words, ids] = await Promise.all([
      session.values('select size from tenant_head where tenant_id = $1', [tenant]),
      wordsCondition(session, tenant, definition.type, query.q),
      namedIds(session, tenant, definition, query),
    ]);
    const filters = await Promise.all(
      [
        ...Object.entries(query.filters).map(([name, value]) =>
          alternatives(tenant, definition, definition.filters![name]!, valuesOf(value), ids),
        ),
        ...common(tenant, definition.type, query).map((condition) => [condition]),
      ].map((conditions) => Promise.all(conditions.map((condition) => narrowed(session, condition)))),
    );
    const page = narrowedPage(tenant, definition, query, position, words, filters);
    const { sql: statement, params } = dialect.sqlToQuery(page);
    const rows = await session.values(statement, params as Parameter[]);
    const keys = rows.map(([key, id, version]) => ({ key: String(key), id: id as string, version: version as number }));
    return { keys, logSequence: head![0] as number };
  });
}

/** The keys of a page of what fulfils the words and one condition of each filter. */
function narrowedPage(
  tenant: string,
  definition: ResourceDefinition,
  query: ListQuery,
  position: Position | undefined,
  words: SQL | undefined,
  filters: readonly SQL[][],
): SQL {
  const descending = query.sort.startsWith('-');
  const column = sortColumns[descending ? query.sort.slice(1) : query.sort]!;
  const order = descending ? sql.raw('desc') : sql.raw('asc');
  const always = and(
    eq(resource.tenantId, tenant),
    eq(resource.resourceType, definition.type),
    words,
    position === undefined ? undefined : after(column, descending, position),
  )!;
  const pages = combinations(filters).map(
    (chosen) =>
      sql`(select ${column} as key, ${resource.resourceId} as id, ${resource.version} as version from ${resource}
        where ${and(always, ...chosen)!} order by ${column} ${order}, ${resource.resourceId} ${order} limit ${query.limit + 1})`,
  );
  return pages.length === 1
    ? pages[0]!
    : sql`select * from (${sql.join(pages, sql` union `)}) found order by key ${order}, id ${order} limit ${query.limit + 1}`;
}

function common(tenant: string, type: string, query: ListQuery): Condition[] {
  // In the order of the index: when one tenant has most of the table, the planner would else read the table instead.
  const having = (holds: SQL, order: SQL): Condition => {
    const where = and(eq(resource.tenantId, tenant), eq(resource.resourceType, type), holds)!;
    return {
      holds,
      found: sql`select ${resource.resourceId} from ${resource} where ${where} order by ${order} limit ${rareAtMost + 1}`,
    };
  };
  const keys = keysCondition(query);
  const archived = query.archived === undefined ? undefined : eq(resource.archived, query.archived);
  return [
    ...(keys === undefined ? [] : [{ holds: keys }]),
    ...(query.states === undefined
      ? []
      : [having(inArray(resource.state, [...query.states]), sql`${resource.state}, ${resource.reference}`)]),
    // Few are archived: who asks for the others asks for nearly all.
    ...(archived === undefined
      ? []
      : [query.archived === true ? having(archived, sql`${resource.reference}`) : { holds: archived }]),
    ...(query.updatedSince === undefined
      ? []
      : [having(gte(resource.updatedAt, query.updatedSince), sql`${resource.updatedAt}`)]),
  ];
}

/** What more resources than this have in common is found soon by walking along the order of the list. */
const rareAtMost = 1000;

async function wordsCondition(
  session: Session,
  tenant: string,
  type: string,
  q: string | undefined,
): Promise<SQL | undefined> {
  if (q === undefined) return undefined;
  const words = searchQuery(q, searchPrefix(tenant, type));
  if (words === undefined) return sql`false`;
  const [row] = await session.values('select search_resources($1, $2, $3::tsquery, $4)', [
    tenant,
    type,
    words,
    rareAtMost,
  ]);
  const ids = row![0] as string[] | null;
  return ids === null ? sql`${resource.searched} @@ ${words}::tsquery` : anyOf(resource.resourceId, ids);
}

/** One array parameter, whatever its length: an empty one finds nothing. */
function anyOf(column: PgColumn, ids: readonly string[]): SQL {
  return sql`${column} = any (${sql.param([...ids])}::uuid[])`;
}

function keysCondition(query: ListQuery): SQL | undefined {
  if (query.ids === undefined && query.references === undefined) return undefined;
  return or(
    inArray(resource.resourceId, [...(query.ids ?? [])]),
    inArray(resource.reference, [...(query.references ?? [])]),
  );
}

type Value = ListQuery['filters'][string];

function valuesOf(value: Value): string[] {
  return typeof value === 'string' || typeof value === 'boolean' ? [String(value)] : [...value];
}

/** The ids of what the filters by name name, by `targetName`. As constants the planner knows how many name them. */
type NamedIds = ReadonlyMap<string, string>;

function namedIds(
  session: Session,
  tenant: string,
  definition: ResourceDefinition,
  query: ListQuery,
): Promise<NamedIds> {
  const wanted = Object.entries(query.filters).flatMap(([name, value]) => {
    const filter = definition.filters![name]!;
    return filter.by === 'names' ? valuesOf(value).map((key) => ({ type: filter.type, key })) : [];
  });
  return readIds(session, tenant, wanted);
}

/** What a filter asks. */
interface Condition {
  /** Asked of one resource. */
  readonly holds: SQL;
  /** Ids of the resources of which it holds: up to one more than are rare. */
  readonly found?: SQL;
}

/**
 * The condition as the list asks it: by ids when they are few, else of one resource after the other in the order of
 * the list. The planner could not tell: it takes tenant, type and value for independent, and knows nothing of what was
 * written since the last ANALYZE.
 */
async function narrowed(session: Session, { holds, found }: Condition): Promise<SQL> {
  if (found === undefined) return holds;
  const { sql: statement, params } = dialect.sqlToQuery(found);
  const rows = await session.values(statement, params as Parameter[]);
  return rows.length > rareAtMost
    ? holds
    : anyOf(
        resource.resourceId,
        rows.map((row) => row[0] as string),
      );
}

/**
 * Conditions of which one must hold. Joined by `or` they could not be led by an index, so each gets a page of its own,
 * and the page of the list is the first of all of them.
 */
function alternatives(
  tenant: string,
  definition: ResourceDefinition,
  filter: ListFilter,
  values: readonly string[],
  ids: NamedIds,
): Condition[] {
  const { type } = definition;
  const hasFacet = (name: string, value: SQL): Condition =>
    among(
      facet.resourceId,
      sql`${facet}`,
      and(eq(facet.tenantId, tenant), eq(facet.resourceType, type), eq(facet.facet, name), value)!,
    );
  const isValue = inArray(facet.value, [...values]);
  switch (filter.by) {
    case 'facet':
      return [
        filter.inLowerCase
          ? hasFacet(
              filter.facet,
              inArray(
                facet.value,
                values.map((value) => value.toLowerCase()),
              ),
            )
          : hasFacet(filter.facet, isValue),
      ];
    case 'before':
      return [hasFacet(filter.facet, lt(facet.value, values[0]!))];
    case 'names': {
      const named = values.flatMap((key) => ids.get(targetName({ type: filter.type, key })) ?? []);
      const inFields = filter.fields === undefined ? undefined : inArray(link.field, [...filter.fields]);
      return [
        among(
          link.sourceId,
          sql`${link}`,
          and(...namedBy(tenant, type, filter.type), anyOf(link.targetId, named), inFields)!,
        ),
      ];
    }
    case 'namesWith': {
      const named = among(
        link.sourceId,
        sql`${link} join ${facet} on ${facet.tenantId} = ${tenant} and ${facet.resourceType} = ${filter.type} and ${facet.resourceId} = ${link.targetId}`,
        and(...namedBy(tenant, type, filter.type), eq(facet.facet, filter.facet), isValue)!,
      );
      return filter.own === undefined ? [named] : [named, hasFacet(filter.own, isValue)];
    }
    case 'inForce': {
      const day = today();
      const notBegun = hasFacet(filter.from, gt(facet.value, day));
      const ended = hasFacet(filter.to, lt(facet.value, day));
      const retired = eq(resource.state, 'retired');
      return values[0] === 'false'
        ? [notBegun, ended, { holds: retired }]
        : [{ holds: sql`not ${notBegun.holds} and not ${ended.holds} and not ${retired}` }];
    }
  }
}

/** That the resource stands in `from` under a condition, by the column `id`. */
function among(id: PgColumn, from: SQL, where: SQL): Condition {
  return {
    found: sql`select ${id} from ${from} where ${where} limit ${rareAtMost + 1}`,
    // OFFSET keeps the planner from gathering all that fits before it looks at the first resource.
    holds: sql`exists (select from ${from} where ${where} and ${id} = ${resource.resourceId} offset 0)`,
  };
}

/** That a content of a type, as it stands, names something of another. */
function namedBy(tenant: string, type: string, target: ResourceType): SQL[] {
  return [eq(link.tenantId, tenant), eq(link.sourceType, type), eq(link.targetType, target), sql`${link.inWorking}`];
}

/** Every choice of one condition from each filter. */
function combinations(filters: readonly SQL[][]): SQL[][] {
  return filters.reduce<SQL[][]>(
    (chosen, conditions) => chosen.flatMap((each) => conditions.map((condition) => [...each, condition])),
    [[]],
  );
}

function after(column: PgColumn, descending: boolean, position: Position): SQL {
  const beyond = descending ? sql`<` : sql`>`;
  return sql`(${column}, ${resource.resourceId}) ${beyond} (${position.key}, ${position.id}::uuid)`;
}

interface Position {
  key: string;
  id: string;
}

/** What binds a cursor to the list that gave it: which list, its filters and its sort. */
export function fingerprint(
  list: string,
  { limit: _limit, cursor: _cursor, ...rest }: { readonly limit: number; readonly cursor?: string },
): string {
  return createHash('sha256')
    .update(JSON.stringify([list, rest]))
    .digest('base64url')
    .slice(0, 12);
}

/** Seals where a page ended, for the list that `bound` names. */
export function sealCursor(bound: string, key: string, id: string): string {
  return Buffer.from(JSON.stringify([bound, key, id])).toString('base64url');
}

/** @throws CursorError when the cursor is not one of this list */
export function openCursor(cursor: string, bound: string): Position {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (
      Array.isArray(parts) &&
      parts.length === 3 &&
      parts[0] === bound &&
      typeof parts[1] === 'string' &&
      typeof parts[2] === 'string'
    ) {
      return { key: parts[1], id: parts[2] };
    }
  } catch {
    // Not a cursor of ours: refused below.
  }
  throw new CursorError('The cursor does not belong to this list, its filters and its sort.');
}
