/** The register's source in the log: spans of approved contents, or the newest contents, as of a sequence. */
import { datePlus, lastDate } from '../article30/calendar.ts';
import { definitions } from '../article30/index.ts';
import type { Block, RegisterMoment, RegisterScope, RegisterSource, Selection } from '../article30/register.ts';
import { defaultSettings, type Settings } from '../article30/settings.ts';
import type { Pool, Session } from './connection.ts';
import { type Head, logTime, readHead, readRootHash } from './log.ts';

/** How many contents are fetched at a time, and how many bytes of them: at some 4 KB each, a page is 2 MB. */
const pageSize = 500;
const pageBytes = 4 * 1024 * 1024;

/** The time or sequence lies beyond the newest entry of the log. */
export class FutureMoment extends Error {
  override readonly name = 'FutureMoment';
  /** What names the moment. */
  readonly by: keyof MomentQuery;
  constructor(by: keyof MomentQuery, message: string) {
    super(message);
    this.by = by;
  }
}

/** A moment as a client names it: neither means now. */
export interface MomentQuery {
  /** RFC 3339: the state after the last entry recorded at or before it. */
  readonly asOf?: string;
  readonly sequence?: number;
}

/** @throws FutureMoment */
export async function readMoment(session: Session, tenant: string, query: MomentQuery): Promise<RegisterMoment> {
  const head = await readHead(session, tenant);
  const sequence = await sequenceOf(session, tenant, query, head);
  const recordedAt = sequence === head.size ? head.recordedAt : await recordedAtOf(session, tenant, sequence);
  return { tenant, sequence, recordedAt, rootHash: await readRootHash(session, tenant, sequence) };
}

async function sequenceOf(
  session: Session,
  tenant: string,
  query: MomentQuery,
  { size, recordedAt }: Head,
): Promise<number> {
  if (query.sequence !== undefined) {
    if (query.sequence > size) throw new FutureMoment('sequence', `The log ends at sequence ${size}.`);
    return query.sequence;
  }
  if (query.asOf === undefined) return size;
  const [row] = await session.query<{ future: boolean; sequence: number | null }>(
    // Entries in quick succession may be dated some milliseconds ahead of the clock.
    `select $2::timestamptz > greatest(clock_timestamp(), $3::timestamptz) as future,
       (select v.sequence from revision v where v.tenant_id = $1 and v.recorded_at <= $2::timestamptz order by v.recorded_at desc, v.sequence desc limit 1) as sequence`,
    [tenant, query.asOf, recordedAt],
  );
  if (row?.future) throw new FutureMoment('asOf', 'The time lies in the future.');
  return row?.sequence ?? 0;
}

async function recordedAtOf(session: Session, tenant: string, sequence: number): Promise<string> {
  const [row] = await session.query<{ at: string }>(
    sequence === 0
      ? `select ${logTime('created_at')} as at from tenant where tenant_id = $1`
      : `select ${logTime('recorded_at')} as at from revision where tenant_id = $1 and sequence = $2`,
    sequence === 0 ? [tenant] : [tenant, sequence],
  );
  return row!.at;
}

/** Which type the entries of a record are. */
export const entryType = { controller: 'processingActivity', processor: 'processorActivity' } as const;

/**
 * Which entries `e` are in the record of the controllers `$4`, or with `$5` of everybody. A controller's record holds what
 * it is controller or joint controller of; a processor's what it carries out itself. What names nobody belongs to everybody.
 */
const belongs = {
  controller: "(e.controllers && $4::uuid[] or ($5 and e.controllers = '{}'))",
  processor: '(e.controller_id = any ($4::uuid[]) or ($5 and e.controller_id is null))',
} as const;

/** What may stand in `blocks`. */
const blockTypes = definitions
  .filter((definition) => definition.nature === 'buildingBlock')
  .map((definition) => definition.type);

/**
 * The contents that stand at the moment, as a table: approved spans that cover the sequence; or, with drafts, the newest
 * entry of each resource, unless it was deleted. `$1` is the tenant, `$2` the sequence.
 */
const standing = {
  approved: `(select s.resource_type, s.resource_id, s.reference, s.valid_from as sequence, s.ended_on, s.refs, s.controllers, s.controller_id
    from approved_span s where s.tenant_id = $1 and s.valid_from <= $2 and (s.valid_to is null or s.valid_to > $2))`,
  drafts: `(select n.* from (select distinct on (v.resource_type, v.resource_id) v.resource_type, v.resource_id, v.reference, v.sequence, v.ended_on, v.refs, v.controllers, v.controller_id, v.operation
    from revision v where v.tenant_id = $1 and v.sequence <= $2 order by v.resource_type, v.resource_id, v.version desc) n where n.operation <> 'delete')`,
} as const;

/**
 * A source that reads from `pool`. What stood at a sequence never changes, so no snapshot is held: each page is a
 * transaction of its own, and a reader who takes hours keeps no connection from others.
 */
export function registerSource(pool: Pool, moment: RegisterMoment): RegisterSource {
  const { tenant, sequence } = moment;
  const read = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    pool.transaction({ readOnly: true, tenant, customPlan: true }, work);

  /** The contents of the first of these entries, as many as a page holds; at least one. */
  const pageOf = async (sequences: readonly number[]): Promise<string[]> => {
    if (sequences.length === 0) return [];
    const asked = sequences.slice(0, pageSize);
    const rows = await read((session) =>
      session.values(
        // The bytes are summed over lengths alone: rows with their contents would be sorted whole.
        // OFFSET has each entry found by its sequence: just after a large import the planner knows of no large log yet, and
        // would read it whole for every page.
        `select v.sequence, v.content from (
           select l.number, l.sequence, sum(l.length) over (order by l.number) - l.length as before from (
             select n.number, n.sequence, coalesce(octet_length(r.content), 0) as length
             from unnest($2::bigint[]) with ordinality as n (sequence, number)
             cross join lateral (select r.content from revision r where r.tenant_id = $1 and r.sequence = n.sequence offset 0) r
           ) l
         ) s cross join lateral (select r.sequence, r.content from revision r where r.tenant_id = $1 and r.sequence = s.sequence offset 0) v
         where s.before < $3`,
        [tenant, asked, pageBytes],
      ),
    );
    const found = new Map(rows as [number, string | null][]);
    return asked.slice(0, rows.length).map((each) => found.get(each) ?? erased(each));
  };

  /** Contents in the order of their entries, page by page; the next page is under way while one is used. */
  async function* pagesOf(sequences: readonly number[]): AsyncGenerator<string[]> {
    let from = 0;
    let next = pageOf(sequences);
    while (from < sequences.length) {
      const contents = await next;
      from += contents.length;
      next = pageOf(sequences.slice(from, from + pageSize));
      // Its failure is met when it is awaited.
      next.catch(() => {});
      yield contents;
    }
  }

  async function select(scope: RegisterScope): Promise<Selection> {
    const at = standing[scope.include];
    const found = await read(async (session) => {
      const controllers = await controllersInScope(session, at, moment, scope);
      const kept = controllers.map(({ id }) => id);
      const inScope = `${at} e where e.resource_type = $3 and ${belongs[scope.role]}
        and (e.ended_on is null or e.ended_on + $6::interval >= $7::date)`;
      const scoped = [
        tenant,
        sequence,
        entryType[scope.role],
        kept,
        scope.controllerId === undefined,
        await periodKept(session, moment),
        moment.recordedAt.slice(0, 10),
      ];
      const [entries] = await session.query<{ sequences: number[] | null }>(
        // By id where two have one reference: a draft may have given it up that the approved version still bears.
        `select array_agg(e.sequence order by e.reference, e.resource_id) as sequences from ${inScope}`,
        scoped,
      );
      const [named] = await session.query<{ ids: string[] | null }>(
        `select array_agg(distinct r.id) as ids from (select e.refs from ${inScope}) e cross join unnest(e.refs) as r (id)`,
        scoped,
      );
      const notices = await noticesOf(session, at, scope.role, kept);
      const clients = await clientsOf(session, at, entries?.sequences ?? []);
      const start = [...(named?.ids ?? []), ...controllers.flatMap(({ refs }) => refs), ...notices, ...clients];
      return {
        controllers,
        entries: entries?.sequences ?? [],
        blocks: await reached(session, at, start, new Set(kept)),
      };
    });
    return { ...found, controllers: await allOf(pagesOf(found.controllers.map((controller) => controller.sequence))) };
  }

  async function selectEntry(id: string, include: RegisterScope['include']): Promise<Selection | undefined> {
    const at = standing[include];
    return read(async (session) => {
      const [entry] = await session.query<{ sequence: number; refs: string[] }>(
        `select e.sequence, e.refs from ${at} e where e.resource_type = any ($3::text[]) and e.resource_id = $4 and (e.ended_on is null or e.ended_on + $5::interval >= $6::date)`,
        [
          tenant,
          sequence,
          Object.values(entryType),
          id,
          await periodKept(session, moment),
          moment.recordedAt.slice(0, 10),
        ],
      );
      if (entry === undefined) return undefined;
      const clients = await clientsOf(session, at, [entry.sequence]);
      const blocks = await reached(session, at, [...entry.refs, ...clients], new Set());
      return { controllers: [], entries: [entry.sequence], blocks };
    });
  }

  /**
   * The notices of controllers. They inform the data subjects of a controller's own processing (Art. 13, 14) and name its
   * purposes, data and recipients, of which the record of Art. 30(2) that clients and their auditors get to see has none.
   */
  async function noticesOf(
    session: Session,
    at: string,
    role: RegisterScope['role'],
    controllers: readonly string[],
  ): Promise<string[]> {
    if (role === 'processor') return [];
    const [found] = await session.query<{ ids: string[] | null }>(
      `select array_agg(n.resource_id) as ids from ${at} n where n.resource_type = 'notice' and n.controller_id = any ($3::uuid[])`,
      [tenant, sequence, controllers],
    );
    return found?.ids ?? [];
  }

  /** The clients of processor activities, who name the activity and not the other way round. */
  async function clientsOf(session: Session, at: string, entries: readonly number[]): Promise<string[]> {
    const [found] = await session.query<{ ids: string[] | null }>(
      `select array_agg(c.resource_id) as ids from ${at} c
       where c.resource_type = 'processorClient'
         and c.refs && array(select v.resource_id from revision v where v.tenant_id = $1 and v.sequence = any ($3::bigint[]))`,
      [tenant, sequence, entries],
    );
    return found?.ids ?? [];
  }

  /** Blocks that are named, by those that name them in turn too; controllers in scope stand elsewhere already. */
  async function reached(
    session: Session,
    at: string,
    start: readonly string[],
    elsewhere: ReadonlySet<string>,
  ): Promise<Selection['blocks']> {
    const found = new Map<string, { id: string; sequence: number }[]>();
    const seen = new Set<string>(elsewhere);
    let frontier = [...new Set(start)].filter((id) => !seen.has(id));
    while (frontier.length > 0) {
      for (const id of frontier) seen.add(id);
      const rows = await session.query<{ type: string; id: string; sequence: number; refs: string[] }>(
        `select b.resource_type as type, b.resource_id as id, b.sequence, b.refs from ${at} b where b.resource_type = any ($3::text[]) and b.resource_id = any ($4::uuid[])`,
        [tenant, sequence, blockTypes, frontier],
      );
      for (const { type, id, sequence: each } of rows) {
        const ofType = found.get(type) ?? [];
        ofType.push({ id, sequence: each });
        found.set(type, ofType);
      }
      frontier = [...new Set(rows.flatMap(({ refs }) => refs))].filter((id) => !seen.has(id));
    }
    return [...found.keys()].sort().map((type) => {
      const ofType = found.get(type)!.sort((a, b) => (a.id < b.id ? -1 : 1));
      return { type, ids: ofType.map(({ id }) => id), sequences: ofType.map((block) => block.sequence) };
    });
  }

  async function* blocks(selection: Selection): AsyncGenerator<{ type: string; blocks: Block[] }> {
    for (const { type, ids, sequences } of selection.blocks) {
      for (let from = 0; from < sequences.length; ) {
        const first = from;
        const contents = await pageOf(sequences.slice(from, from + pageSize));
        from += contents.length;
        yield { type, blocks: contents.map((content, i) => ({ id: ids[first + i]!, content })) };
      }
    }
  }

  const entries = (selection: Selection): AsyncGenerator<string[]> => pagesOf(selection.entries);

  return { select, selectEntry, blocks, entries };
}

async function allOf(pages: AsyncIterable<string[]>): Promise<string[]> {
  const all: string[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

/** A past content that was erased on request: a register that shows it cannot be given any more. */
export class ErasedContent extends Error {
  override readonly name = 'ErasedContent';
  readonly sequence: number;
  constructor(sequence: number) {
    super(`The content of entry ${sequence} was erased.`);
    this.sequence = sequence;
  }
}

function erased(sequence: number): never {
  throw new ErasedContent(sequence);
}

interface Kept {
  id: string;
  sequence: number;
  refs: string[];
}

/**
 * The controllers of the register, by reference: the one asked for, else those whose register is kept here. Where a
 * controller does not say whether its register is kept here, being named as the controller of an entry says it. The
 * record of a processor is that of those only who say that they act as one, or whom an entry names as processor.
 */
async function controllersInScope(
  session: Session,
  at: string,
  { tenant, sequence }: RegisterMoment,
  scope: RegisterScope,
): Promise<Kept[]> {
  const rows = await session.query<Kept & { content: string }>(
    `select c.resource_id as id, c.sequence, c.refs, v.content from ${at} c
     join revision v on v.tenant_id = $1 and v.sequence = c.sequence
     where c.resource_type = 'controller' and ($3::uuid is null or c.resource_id = $3::uuid) order by c.reference, c.resource_id`,
    [tenant, sequence, scope.controllerId ?? null],
  );
  if (scope.controllerId !== undefined) return rows;
  const saying = rows.map(({ content, ...row }) => ({ ...row, says: whatIsSaid(content, scope.role) }));
  const silent = saying.filter(({ says }) => says === undefined).map(({ id }) => id);
  const [named] = await session.query<{ ids: string[] | null }>(
    `select array_agg(distinct e.controller_id) as ids from ${at} e where e.resource_type = $3 and e.controller_id = any ($4::uuid[])`,
    [tenant, sequence, entryType[scope.role], silent],
  );
  const keepers = new Set(named?.ids ?? []);
  return saying.filter(({ id, says }) => says ?? keepers.has(id));
}

/** Whether a controller says that its record of the role is kept here, or is not; undefined: an entry may say it. */
function whatIsSaid(content: string, role: RegisterScope['role']): boolean | undefined {
  const { registerKept, actsAs } = JSON.parse(content) as { registerKept?: boolean; actsAs?: readonly string[] };
  if (role === 'controller' || registerKept !== true) return registerKept;
  return actsAs?.includes('processor') === true ? true : undefined;
}

/** How long ended activities stay in the register (ISO 8601 duration), as the tenant had set it at the moment. */
async function periodKept(session: Session, { tenant, sequence }: RegisterMoment): Promise<string> {
  const [row] = await session.query<{ content: string }>(
    `select v.content from revision v where v.tenant_id = $1 and v.resource_type = 'settings' and v.resource_id = $1 and v.sequence <= $2 order by v.version desc limit 1`,
    [tenant, sequence],
  );
  const settings = row === undefined ? defaultSettings : (JSON.parse(row.content) as Settings);
  // PostgreSQL has no date a million years from now: whoever sets such a period means for ever.
  const forever = datePlus('0001-01-01', settings.endedEntriesKept) === lastDate;
  return forever ? 'P9998Y' : settings.endedEntriesKept;
}
