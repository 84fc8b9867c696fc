/** Plans of imports: kept in tables, so that they outlive the process that made them and every process sees them. */
import type { Content } from '../article30/definition.ts';
import type { Parameter, Pool, Session } from './connection.ts';
import { pageBytes } from './contents.ts';
import { logTime } from './log.ts';
import { type Answer, keepAnswer, look, type Target, targetName, type Wanted, type Writer } from './records.ts';

/** One resource that a plan creates or changes. */
export interface PlannedItem {
  readonly type: string;
  readonly id: string;
  readonly reference: string;
  /** The version that it was compared with; 0 when it is to be created. */
  readonly version: number;
  /** What it would say: JSON with ids for keys, without what the service adds. */
  readonly content: string;
  /** What the plan tells of it: one JSON object, or several with commas between them; empty where there is no room. */
  readonly told: string;
}

/** A plan without its items. */
export interface PlanSummary {
  readonly id: string;
  readonly source: string;
  /** The log that it was compared with. */
  readonly sequence: number;
  readonly state: 'planned' | 'applied' | 'outdated';
  /** How many resources. */
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  /** How many problems. */
  readonly errors: number;
  readonly warnings: number;
  /** RFC 3339, UTC, three decimals. */
  readonly createdAt: string;
  /** When, and the random id that stands for whom; null before. */
  readonly appliedAt: string | null;
  readonly appliedBy: string | null;
}

/** A plan as it is told, in pieces of JSON. */
export interface ToldPlan extends PlanSummary {
  readonly problems: string;
  /** Only of those for which there is room. */
  readonly createdItems: readonly string[];
  readonly changedItems: readonly string[];
  /** How many resources are not told for want of room. */
  readonly omitted: { readonly created: number; readonly changed: number };
}

/** Of what a plan tells of its items. */
export function toldItems(items: readonly Pick<PlannedItem, 'version' | 'told'>[]) {
  const told = (all: typeof items) => all.flatMap((item) => (item.told === '' ? [] : item.told));
  const created = items.filter(({ version }) => version === 0);
  const changed = items.filter(({ version }) => version > 0);
  const [createdItems, changedItems] = [told(created), told(changed)];
  const omitted = { created: created.length - createdItems.length, changed: changed.length - changedItems.length };
  return { createdItems, changedItems, omitted };
}

/** So many keys are looked up, and so many items are stored, with one statement. */
const batch = 2_000;
const itemBatch = 500;

function* batches<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

/** Pages of so many at most, and of no more bytes than one answer of the database should have; one at least. */
export function* pagesOf<T>(all: readonly T[], bytesOf: (each: T) => number, most: number): Generator<T[]> {
  let page: T[] = [];
  let bytes = 0;
  for (const each of all) {
    const size = bytesOf(each);
    if (page.length > 0 && (page.length === most || bytes + size > pageBytes)) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(each);
    bytes += size;
  }
  if (page.length > 0) yield page;
}

/** Resources by their keys, each under the name of its key and of its id. */
export async function findTargets(
  pool: Pool,
  writer: Writer,
  wanted: readonly Wanted[],
): Promise<ReadonlyMap<string, Target>> {
  const found = new Map<string, Target>();
  const { retry: _, ...who } = writer;
  for (const some of batches(wanted, batch)) {
    const { targets } = await look(pool, who, { type: some[0]!.type }, some);
    for (const [name, target] of targets) found.set(name, target);
  }
  return found;
}

/** References of resources, by the names of their types and ids. */
export async function readReferences(
  pool: Pool,
  tenant: string,
  wanted: readonly Wanted[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const some of batches(wanted, batch)) {
    const rows = await read(pool, tenant, (session) =>
      session.values(
        `select r.resource_type, r.resource_id, r.reference from unnest($2::text[], $3::uuid[]) as w (type, id)
         join resource r on r.tenant_id = $1 and r.resource_type = w.type and r.resource_id = w.id`,
        [tenant, some.map(({ type }) => type), some.map(({ key }) => key)],
      ),
    );
    for (const [type, key, reference] of rows as [string, string, string][]) {
      found.set(targetName({ type, key }), reference);
    }
  }
  return found;
}

/** Whom the resources of a type name in a field, by id, in their working contents. */
export async function readChain(
  pool: Pool,
  tenant: string,
  type: string,
  field: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await read(pool, tenant, (session) =>
    session.values(
      'select source_id, target_id from link where tenant_id = $1 and source_type = $2 and field = $3 and in_working',
      [tenant, type, field],
    ),
  );
  return new Map(rows as [string, string][]);
}

function read<T>(pool: Pool, tenant: string, work: (session: Session) => Promise<T>): Promise<T> {
  return pool.transaction({ readOnly: true, tenant, customPlan: true }, work);
}

export interface NewPlan extends Omit<PlanSummary, 'state' | 'created' | 'changed' | 'appliedAt' | 'appliedBy'> {
  /** JSON. */
  readonly problems: string;
  readonly items: readonly PlannedItem[];
}

/**
 * A tenant keeps so many plans that were not applied, and so many that were, and of each so many bytes: of the former
 * those with errors go first, of all the oldest.
 */
const keptPlans = 100;
const keptBytes = 256 * 1024 * 1024;

/**
 * Keeps a plan, and the answer for a retry with it; forgets what the tenant has too much of then.
 *
 * @throws Refusal when a request with the same idempotency key was faster
 */
export async function storePlan(
  pool: Pool,
  writer: Writer,
  actor: string,
  plan: NewPlan,
  answer: Answer,
): Promise<void> {
  const { tenant } = writer;
  await pool.transaction({ tenant }, async (session) => {
    await keepAnswer(session, writer, actor, answer);
    const created = plan.items.filter(({ version }) => version === 0).length;
    await session.query(
      `insert into import_plan (tenant_id, plan_id, source, sequence, state, created, changed, unchanged, errors, warnings, problems, actor_id, created_at, bytes)
       values ($1, $2, $3, $4, 'planned', $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [
        ...[tenant, plan.id, plan.source, plan.sequence, created, plan.items.length - created, plan.unchanged],
        ...[plan.errors, plan.warnings, plan.problems, actor, plan.createdAt, bytesOf(plan)],
      ],
    );
    await session.query(
      `delete from import_plan p using (
         select q.plan_id, row_number() over kept as number, sum(q.bytes) over kept as bytes from import_plan q where q.tenant_id = $1
         window kept as (partition by q.state order by q.plan_id = $2 desc, q.errors = 0 desc, q.plan_id desc)
       ) k where p.tenant_id = $1 and p.plan_id = k.plan_id and p.plan_id <> $2 and (k.number > $3 or k.bytes > $4)`,
      [tenant, plan.id, keptPlans, keptBytes],
    );
    let number = 0;
    for (const items of pagesOf(plan.items, ({ content, told }) => content.length + told.length, itemBatch)) {
      await session.query(
        `insert into import_item (tenant_id, plan_id, number, resource_type, resource_id, reference, version, content, told)
         select $1, $2, i.number, i.type, i.id, i.reference, i.version, i.content, i.told
         from unnest($3::integer[], $4::text[], $5::uuid[], $6::text[], $7::integer[], $8::text[], $9::text[])
           as i (number, type, id, reference, version, content, told)
         returning 1`,
        [tenant, plan.id, items.map(() => ++number), ...columnsOf(items)],
      );
    }
  });
}

function bytesOf({ items, problems }: NewPlan): number {
  return items.reduce((sum, { content, told }) => sum + content.length + told.length, problems.length);
}

const columnsOf = (items: readonly PlannedItem[]): Parameter[] =>
  (['type', 'id', 'reference', 'version', 'content', 'told'] as const).map((name) => items.map((item) => item[name]));

/**
 * What a plan would touch is no longer as it was: a version that it changes has gone on, a reference that it would take is
 * taken. `p` is the plan.
 */
const outdated = `(
  exists (select from import_item i join resource r on r.tenant_id = $1 and r.resource_type = i.resource_type and r.reference = i.reference
    where i.tenant_id = $1 and i.plan_id = p.plan_id and i.version = 0)
  or exists (select from import_item i where i.tenant_id = $1 and i.plan_id = p.plan_id and i.version > 0
    and not exists (select from resource r where r.tenant_id = $1 and r.resource_type = i.resource_type and r.resource_id = i.resource_id and r.version = i.version)))`;

const summary = `p.plan_id as id, p.source, p.sequence,
  p.created, p.changed, p.unchanged, p.errors, p.warnings, ${logTime('p.created_at')} as "createdAt",
  ${logTime('p.applied_at')} as "appliedAt", p.applied_by as "appliedBy"`;

/** Nothing is outdated while the log has not gone on. */
const stateNow = `case when p.state = 'planned' and p.sequence < (select h.size from tenant_head h where h.tenant_id = $1) and ${outdated}
  then 'outdated' else p.state end as state`;

/** A plan with what it tells; undefined when there is none. */
export async function readPlan(pool: Pool, tenant: string, id: string): Promise<ToldPlan | undefined> {
  return read(pool, tenant, async (session) => {
    const [[plan], items] = await Promise.all([
      session.query<PlanSummary & { problems: string }>(
        `select ${summary}, ${stateNow}, p.problems from import_plan p where p.tenant_id = $1 and p.plan_id = $2`,
        [tenant, id],
      ),
      session.values('select version, told from import_item where tenant_id = $1 and plan_id = $2 order by number', [
        tenant,
        id,
      ]) as Promise<[number, string][]>,
    ]);
    if (plan === undefined) return undefined;
    return { ...plan, ...toldItems(items.map(([version, told]) => ({ version, told }))) };
  });
}

/**
 * Plans without their items, the newest first, before one of them. Whether one is outdated would take a look at all that
 * it touches: of that {@link readPlan} tells.
 */
export async function listPlans(
  pool: Pool,
  tenant: string,
  before: string | undefined,
  limit: number,
): Promise<PlanSummary[]> {
  return read(pool, tenant, (session) =>
    session.query<PlanSummary>(
      `select ${summary}, p.state from import_plan p where p.tenant_id = $1 and ($2::uuid is null or p.plan_id < $2) order by p.plan_id desc limit $3`,
      [tenant, before ?? null, limit],
    ),
  );
}

/** Holds a plan, so that nobody else applies it; undefined when there is none. Part of the session's transaction. */
export async function holdPlan(
  session: Session,
  tenant: string,
  id: string,
): Promise<{ state: 'planned' | 'applied'; errors: number } | undefined> {
  const [plan] = await session.query<{ state: 'planned' | 'applied'; errors: number }>(
    'select state, errors from import_plan where tenant_id = $1 and plan_id = $2 for no key update',
    [tenant, id],
  );
  return plan;
}

/** An item with the working content that it was compared with, where that is still the working content. */
export interface HeldItem extends Omit<PlannedItem, 'told'> {
  readonly stored: Content | undefined;
}

/** The items of a plan in their order, page by page. Part of the session's transaction. */
export async function* readItems(session: Session, tenant: string, id: string): AsyncGenerator<HeldItem[]> {
  const sizes = (await session.values(
    `select i.number, octet_length(i.content) + coalesce(octet_length(v.content), 0)
     from import_item i ${itemVersions} where i.tenant_id = $1 and i.plan_id = $2 order by i.number`,
    [tenant, id],
  )) as [number, number][];
  for (const page of pagesOf(sizes, ([, bytes]) => bytes, itemBatch)) {
    yield await readItemPage(session, tenant, id, page[0]![0], page.at(-1)![0]);
  }
}

/** With the version that an item was compared with, where it is the working version still. */
const itemVersions = `
  left join resource r on r.tenant_id = $1 and r.resource_type = i.resource_type and r.resource_id = i.resource_id and r.version = i.version
  left join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version`;

async function readItemPage(
  session: Session,
  tenant: string,
  id: string,
  first: number,
  last: number,
): Promise<HeldItem[]> {
  const rows = await session.values(
    `select i.resource_type, i.resource_id, i.reference, i.version, i.content, v.content
     from import_item i ${itemVersions}
     where i.tenant_id = $1 and i.plan_id = $2 and i.number >= $3 and i.number <= $4 order by i.number`,
    [tenant, id, first, last],
  );
  return (rows as [string, string, string, number, string, string | null][]).map(
    ([type, resource, reference, version, content, stored]) => ({
      ...{ type, id: resource, reference, version, content },
      stored: stored === null ? undefined : (JSON.parse(stored) as Content),
    }),
  );
}

/** Whether one of these was never approved. Part of the session's transaction. */
export async function anyUnapproved(session: Session, tenant: string, wanted: readonly Wanted[]): Promise<boolean> {
  const [row] = await session.query<{ found: boolean }>(
    `select exists (select from unnest($2::text[], $3::uuid[]) as w (type, id)
       join resource r on r.tenant_id = $1 and r.resource_type = w.type and r.resource_id = w.id
       where r.approved_version is null) as found`,
    [tenant, wanted.map(({ type }) => type), wanted.map(({ key }) => key)],
  );
  return row!.found;
}

/**
 * @param at RFC 3339
 * @param by the random id of who applied it
 */
export async function markApplied(session: Session, tenant: string, id: string, at: string, by: string): Promise<void> {
  await session.query(
    "update import_plan set state = 'applied', applied_at = $3, applied_by = $4 where tenant_id = $1 and plan_id = $2",
    [tenant, id, at, by],
  );
}

/** Forgets plans older than seven days, of all tenants; says how many. */
export async function forgetOldPlans(pool: Pool): Promise<number> {
  const [row] = await pool.query<{ count: number }>('select forget_old_plans() as count');
  return row?.count ?? 0;
}
