/** Lists of working versions: filtered, sorted in a total order, paged by key. */
import { createHash } from 'node:crypto';
import type { ListFilter, ResourceDefinition } from '../article30/definition.ts';
import type { Parameter, Pool } from './connection.ts';
import { readVersions, type VersionKey } from './contents.ts';
import { and, asc, desc, eq, gt, gte, inArray, lt, or, type PgColumn, QueryBuilder, type SQL, sql } from './drizzle.ts';
import { readKey } from './records.ts';
import { searchQuery } from './search.ts';
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

const build = new QueryBuilder();

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
  const bound = fingerprint(definition, query);
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
  const descending = query.sort.startsWith('-');
  const column = sortColumns[descending ? query.sort.slice(1) : query.sort]!;
  const order = descending ? desc : asc;
  const page = build
    .select({ key: sql`${column}`.as('key'), id: resource.resourceId, version: resource.version })
    .from(resource)
    .where(
      and(
        eq(resource.tenantId, tenant),
        eq(resource.resourceType, definition.type),
        ...common(query),
        ...Object.entries(query.filters).map(([name, value]) =>
          condition(tenant, definition, definition.filters![name]!, value),
        ),
        position === undefined ? undefined : after(column, descending, position),
      ),
    )
    .orderBy(order(column), order(resource.resourceId))
    .limit(query.limit + 1)
    .toSQL();
  return pool.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
    // The head first: what the list shows beyond it is told again by the log, and nothing is missed.
    const [[head], rows] = await Promise.all([
      session.values('select size from tenant_head where tenant_id = $1', [tenant]),
      session.values(page.sql, page.params as Parameter[]),
    ]);
    const keys = rows.map(([key, id, version]) => ({ key: String(key), id: id as string, version: version as number }));
    return { keys, logSequence: head![0] as number };
  });
}

function common(query: ListQuery): (SQL | undefined)[] {
  const words = query.q === undefined ? undefined : searchQuery(query.q);
  return [
    keysCondition(query),
    query.states === undefined ? undefined : inArray(resource.state, [...query.states]),
    query.archived === undefined ? undefined : eq(resource.archived, query.archived),
    query.updatedSince === undefined ? undefined : gte(resource.updatedAt, query.updatedSince),
    query.q === undefined
      ? undefined
      : words === undefined
        ? sql`false`
        : sql`${resource.searched} @@ to_tsquery('simple', ${words})`,
  ];
}

function keysCondition(query: ListQuery): SQL | undefined {
  if (query.ids === undefined && query.references === undefined) return undefined;
  return or(
    inArray(resource.resourceId, [...(query.ids ?? [])]),
    inArray(resource.reference, [...(query.references ?? [])]),
  );
}

function condition(
  tenant: string,
  definition: ResourceDefinition,
  filter: ListFilter,
  value: readonly string[] | boolean | string,
): SQL {
  const values = typeof value === 'string' || typeof value === 'boolean' ? [String(value)] : [...value];
  switch (filter.by) {
    case 'facet':
      return hasFacet(tenant, definition.type, filter.facet, inArray(facet.value, values));
    case 'before':
      return hasFacet(tenant, definition.type, filter.facet, lt(facet.value, values[0]!));
    case 'names':
      return names(tenant, definition.type, filter, values);
    case 'namesWith': {
      const other = build
        .select({ one: sql`1` })
        .from(link)
        .innerJoin(
          facet,
          and(eq(facet.tenantId, tenant), eq(facet.resourceType, link.targetType), eq(facet.resourceId, link.targetId)),
        )
        .where(
          and(
            eq(link.tenantId, tenant),
            eq(link.sourceType, definition.type),
            eq(link.sourceId, resource.resourceId),
            eq(link.targetType, filter.type),
            link.inWorking,
            eq(facet.facet, filter.facet),
            inArray(facet.value, values),
          ),
        );
      const named = sql`exists (${other})`;
      return filter.own === undefined
        ? named
        : or(named, hasFacet(tenant, definition.type, filter.own, inArray(facet.value, values)))!;
    }
    case 'inForce': {
      const today = new Date().toISOString().slice(0, 10);
      const running = and(
        sql`not ${hasFacet(tenant, definition.type, filter.from, gt(facet.value, today))}`,
        sql`not ${hasFacet(tenant, definition.type, filter.to, lt(facet.value, today))}`,
        sql`${resource.state} <> 'retired'`,
      )!;
      return value === false ? sql`not (${running})` : running;
    }
  }
}

function hasFacet(tenant: string, type: string, name: string, value: SQL): SQL {
  const found = build
    .select({ one: sql`1` })
    .from(facet)
    .where(
      and(
        eq(facet.tenantId, tenant),
        eq(facet.resourceType, type),
        eq(facet.facet, name),
        eq(facet.resourceId, resource.resourceId),
        value,
      ),
    );
  return sql`exists (${found})`;
}

function names(tenant: string, type: string, filter: Extract<ListFilter, { by: 'names' }>, values: string[]): SQL {
  const keys = values.map(readKey);
  const ids = keys.flatMap((key) => (key !== undefined && 'id' in key ? [key.id] : []));
  const references = keys.flatMap((key) => (key !== undefined && 'reference' in key ? [key.reference] : []));
  const named = sql.raw('named');
  const found = sql`exists (select 1 from ${link} join resource ${named} on ${named}.tenant_id = ${tenant} and ${named}.resource_type = ${link.targetType} and ${named}.resource_id = ${link.targetId}
    where ${link.tenantId} = ${tenant} and ${link.sourceType} = ${type} and ${link.sourceId} = ${resource.resourceId} and ${link.targetType} = ${filter.type} and ${link.inWorking}
    ${filter.fields === undefined ? sql`` : sql`and ${inArray(link.field, [...filter.fields])}`}
    and (${inArray(sql`${named}.resource_id`, ids)} or ${inArray(sql`${named}.reference`, references)}))`;
  return found;
}

function after(column: PgColumn, descending: boolean, position: Position): SQL {
  const beyond = descending ? sql`<` : sql`>`;
  return sql`(${column}, ${resource.resourceId}) ${beyond} (${position.key}, ${position.id}::uuid)`;
}

interface Position {
  key: string;
  id: string;
}

/** A cursor is bound to the list that gave it: type, filters and sort. */
function fingerprint(definition: ResourceDefinition, query: ListQuery): string {
  const { limit: _limit, cursor: _cursor, ...rest } = query;
  return createHash('sha256')
    .update(JSON.stringify([definition.type, rest]))
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
