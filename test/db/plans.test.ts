/**
 * What PostgreSQL does for the lists of a large tenant among small ones: every filter, order and search is led by an
 * index. The plans are those of the service's own role, since row-level security keeps the planner from some indexes.
 *
 * Which index it is matters, and is demanded, where there are many rows: for the activities of the large tenant. Of a few
 * dozen the planner may take any that is led by the tenant.
 *
 * `TEST_ACTIVITIES` is how many activities the large tenant has, for a run with more of them.
 */
import t from 'tap';
import type { ListFilter, ResourceDefinition } from '../../src/article30/definition.ts';
import { definitionOf, definitions } from '../../src/article30/index.ts';
import type { Parameter, Pool, Session } from '../../src/db/connection.ts';
import { type ListQuery, listWorking, sorts } from '../../src/db/lists.ts';
import { searchPrefix, searchQuery } from '../../src/db/search.ts';
import { readStatistics } from '../../src/db/statistics.ts';
import { listTransferring, type TransferSearch } from '../../src/db/transfers.ts';
import { createDatabase, poolFor } from '../database.ts';
import { populate } from '../population.ts';

const activities = Number(process.env.TEST_ACTIVITIES ?? 20_000);
t.setTimeout(230_000 + activities * 10);

const database = await createDatabase(t);
const owner = poolFor(t, database.owner, 1);
const service = poolFor(t, database.service, 2);
const [large, small] = (await populate(owner, service, { activities, smallTenants: 20 })) as [string, string];

/** The tables that grow with what a tenant keeps. */
const grown = ['resource', 'link', 'facet', 'revision'];

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Node[];
}

interface Seen {
  readonly indexes: ReadonlySet<string>;
  /** Tables that were read from one end to the other. */
  readonly scanned: readonly string[];
  /** Indexes that were not led by a tenant. */
  readonly shared: readonly string[];
  /** Rows of `resource` that were looked at. */
  readonly looked: number;
  /** How often the index of words was used. */
  readonly searches: number;
}

/** Lets `work` run, and plans each of its statements as it was sent. */
async function plansOf(tenant: string, work: (pool: Pool, session: Session) => Promise<unknown>): Promise<Seen> {
  return service.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
    const sent: [text: string, parameters: readonly Parameter[]][] = [];
    const noted = (text: string, parameters: readonly Parameter[] = []) => {
      sent.push([text, parameters]);
      return [text, parameters] as const;
    };
    const watched: Session = {
      query: <Row extends object>(text: string, parameters?: readonly Parameter[]) =>
        session.query<Row>(...noted(text, parameters)),
      values: (...given) => session.values(...noted(...given)),
      simple: (text) => session.simple(text),
    };
    // Counts that PostgreSQL has not added up yet may hold those of earlier transactions.
    const counted = async () =>
      new Map(
        (await session.values(
          `select relname, pg_stat_get_xact_numscans(oid) from pg_class where relname in ('resource_searched', 'resource_reference_key')
           union all select 'resource', sum(pg_stat_get_xact_tuples_fetched(of))::int from (
             select indexrelid from pg_index where indrelid = 'resource'::regclass union all select 'resource'::regclass) r (of)`,
        )) as [string, number][],
      );
    const before = await counted();
    await work({ ...service, query: watched.query, transaction: (_options, inside) => inside(watched) }, watched);
    // What a function reads inside shows in no plan of its caller, but is counted.
    const after = await counted();
    const since = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const indexes = new Set<string>(since('resource_reference_key') > 0 ? ['resource_reference_key'] : []);
    const scanned: string[] = [];
    const shared: string[] = [];
    const visit = (node: Node) => {
      const index = node['Index Name'];
      if (index !== undefined) indexes.add(index);
      if (index !== undefined && !/\(tenant_id = /.test(node['Index Cond'] ?? '')) shared.push(index);
      const table = node['Relation Name'] ?? '';
      if (node['Node Type'] === 'Seq Scan' && grown.includes(table)) scanned.push(table);
      for (const inner of node.Plans ?? []) visit(inner);
    };
    for (const [text, parameters] of sent) {
      const [row] = await session.values(`explain (format json) ${text}`, parameters);
      for (const { Plan } of JSON.parse(row![0] as string) as { Plan: Node }[]) visit(Plan);
    }
    return { indexes, scanned, shared, looked: since('resource'), searches: since('resource_searched') };
  });
}

const plain: ListQuery = { limit: 50, sort: 'reference', archived: false, filters: {} };
const list = (definition: ResourceDefinition, query: Partial<ListQuery>) => (pool: Pool) =>
  listWorking(pool, current, definition, { ...plain, ...query });
/** The tenant that lists are read in. */
let current = large;

/** The index that an order follows. */
const orderIndex = {
  reference: 'resource_reference_key',
  name: 'resource_name',
  createdAt: 'resource_created_at',
  updatedAt: 'resource_updated_at',
} as const;

/** Values to ask a filter for: what many have, what few have, what none has. */
function valuesFor(filter: ListFilter): ListQuery['filters'][string][] {
  switch (filter.by) {
    case 'names':
      return [0, 1, 39].map((i) => [`ref:${filter.type}-${i}`]).concat([['ref:nobody']]);
    case 'before':
      return ['2026-01-05', '2028-01-01', '9999-12-31', '1999-01-01'];
    case 'inForce':
      return [true, false];
    default: {
      const { enum: words, type } = filter.schema as { enum?: string[]; type?: string };
      if (type === 'boolean') return [true, false];
      return (words ?? ['FR', 'CN', 'ZZ', 'en', 'fr']).map((word) => [word]);
    }
  }
}

/** The index that finds what a filter asks for. */
const filterIndex: Record<ListFilter['by'], string> = {
  facet: 'facet_value',
  before: 'facet_value',
  names: 'link_target',
  namesWith: 'link_target',
  inForce: 'facet_value',
};

const listed = definitions.filter(({ path }) => !path.includes(':'));

t.test('every filter of every list is led by an index', async (t) => {
  let count = 0;
  for (const tenant of [large, small]) {
    current = tenant;
    for (const definition of listed) {
      for (const [name, filter] of Object.entries(definition.filters ?? {})) {
        for (const value of valuesFor(filter)) {
          for (const sort of ['reference', '-updatedAt'] as const) {
            const query = { sort, filters: { [name]: value } };
            const { indexes, scanned, shared } = await plansOf(tenant, list(definition, query));
            const title = `${definition.type} ${name}=${value} by ${sort}, ${tenant === large ? 'large' : 'small'}`;
            t.strictSame([...scanned, ...shared], [], title);
            count++;
            if (tenant !== large || definition.nature !== 'activity') continue;
            // What is not in force is looked for; what is, is nearly everything.
            const wanted = filter.by === 'inForce' && value === true ? 'facet_pkey' : filterIndex[filter.by];
            t.ok(
              indexes.has(wanted) || (filter.by === 'inForce' && indexes.has('facet_value')),
              `${title}: ${wanted}`,
              { indexes: [...indexes] },
            );
          }
        }
      }
    }
  }
  t.ok(count > 300);
  t.comment(`${count} lists`);
});

t.test('every order is that of an index, on every page', async (t) => {
  let count = 0;
  for (const tenant of [large, small]) {
    current = tenant;
    for (const definition of listed) {
      for (const sort of sorts) {
        const first = await listWorking(service, tenant, definition, { ...plain, sort, limit: 10 });
        const cursor = first.nextCursor === undefined ? {} : { cursor: first.nextCursor };
        for (const query of [{}, cursor]) {
          const { indexes, scanned } = await plansOf(tenant, list(definition, { ...query, sort, limit: 10 }));
          t.strictSame(scanned, [], `${definition.type} by ${sort}`);
          // A few dozen rows are sorted sooner than read in order.
          const index = orderIndex[sort.replace('-', '') as keyof typeof orderIndex];
          if (tenant === large && definition.nature === 'activity')
            t.ok(indexes.has(index), `${definition.type} by ${sort}: ${index}`, { indexes: [...indexes] });
          count++;
        }
      }
    }
  }
  t.ok(count > 300);
  t.comment(`${count} lists`);
});

t.test('states, what is archived, what changed since and single keys have their index', async (t) => {
  const activity = definitionOf('processingActivity');
  const cases: [query: Partial<ListQuery>, index: string][] = [
    ...['draft', 'inReview', 'approved', 'retired'].map((state): [Partial<ListQuery>, string] => [
      { states: [state] },
      'resource_state',
    ]),
    [{ states: ['inReview', 'retired'] }, 'resource_state'],
    [{ archived: true }, 'resource_archived'],
    [{ updatedSince: '9998-01-01T00:00:00Z' }, 'resource_updated_at'],
    [{ updatedSince: '2000-01-01T00:00:00Z' }, 'resource_updated_at'],
    [{ ids: ['0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77'], references: ['processingActivity-3'] }, 'resource_pkey'],
  ];
  for (const tenant of [large, small]) {
    current = tenant;
    for (const sort of sorts) {
      for (const [query, index] of cases) {
        const { indexes, scanned } = await plansOf(tenant, list(activity, { ...query, sort }));
        const title = `${JSON.stringify(query)} by ${sort}`;
        t.strictSame(scanned, [], title);
        if (tenant === large) t.ok(indexes.has(index), `${title}: ${index}`, { indexes: [...indexes] });
      }
    }
  }
  t.comment(`${2 * sorts.length * cases.length} lists`);
});

t.test('a search reads the index of words, and finds the same as a look at every row', async (t) => {
  const activity = definitionOf('processingActivity');
  let count = 0;
  for (const tenant of [large, small]) {
    current = tenant;
    for (const q of ['copy7', 'copy', 'billing', 'payroll visitor', 'data', 'nothing', 'no 17', 'copy7 billing']) {
      for (const sort of ['reference', '-updatedAt'] as const) {
        const { scanned, searches, looked } = await plansOf(tenant, list(activity, { q, sort }));
        t.strictSame(scanned, [], `${q} by ${sort}`);
        // Of a few dozen rows each is looked at sooner, and what nearly all say is found anywhere.
        if (tenant === large) t.ok(searches > 0 || looked < 3_000, `${q} by ${sort}: resource_searched`, { looked });
        count++;
      }
    }
  }
  const found = await wholeList(activity, { ...plain, q: 'copy7 billing' });
  const [row] = await owner.query<{ count: number }>(
    `select count(*) from resource where tenant_id = $1 and resource_type = 'processingActivity' and not archived
       and searched::text ~ 'copy7' and searched::text ~ 'billing'`,
    [large],
  );
  t.ok(row!.count > 0);
  t.equal(found.length, row!.count);
  const asked = await service.transaction({ readOnly: true, tenant: small }, (session) =>
    session.values('select search_resources($1, $2, $3::tsquery, 1000)', [
      large,
      activity.type,
      searchQuery('billing', searchPrefix(large, activity.type))!,
    ]),
  );
  t.strictSame(asked, [[[]]], 'within another tenant nothing is found');
  t.comment(`${count} searches`);
});

/** Contents of all pages of a list of the large tenant. */
async function wholeList(definition: ResourceDefinition, query: ListQuery): Promise<string[]> {
  const whole: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const asked = { ...query, limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
    const { contents, nextCursor } = await listWorking(service, large, definition, asked);
    whole.push(...contents);
    if (nextCursor === undefined) return whole;
    cursor = nextCursor;
  }
}

t.test('what few have is found without a look at the others, and of what many have nothing is left out', async (t) => {
  const activity = definitionOf('processingActivity');
  const having = async (condition: string): Promise<number> => {
    const [row] = await owner.query<{ count: number }>(
      `select count(*) from resource r where r.tenant_id = $1 and r.resource_type = 'processingActivity' and ${condition}`,
      [large],
    );
    return row!.count;
  };
  const facet = (condition: string) =>
    `exists (select from facet f where f.tenant_id = $1 and f.resource_type = r.resource_type and f.resource_id = r.resource_id and ${condition})`;
  current = large;

  const all: ListQuery = { limit: 50, sort: 'reference', filters: {} };
  const listOf = (query: ListQuery) => (pool: Pool) => listWorking(pool, large, activity, query);

  // Some dozens spread over everything: a list that walks in its order passes most of the others.
  const [early] = await owner.query<{ day: string }>(
    `select f.value as day from facet f where f.tenant_id = $1 and f.resource_type = 'processingActivity' and f.facet = 'reviewDueOn'
     order by f.value offset 60 limit 1`,
    [large],
  );
  const { day } = early!;
  const rare: [query: Partial<ListQuery>, count: number][] = [
    [{ filters: { reviewDueBefore: day } }, await having(facet(`f.facet = 'reviewDueOn' and f.value < '${day}'`))],
    [{ filters: { country: ['ZZ'] } }, 0],
    [{ filters: { recipientId: ['ref:nobody'] } }, 0],
    [{ updatedSince: '9998-01-01T00:00:00Z' }, 0],
  ];
  t.ok(rare[0]![1] > 0 && rare[0]![1] <= 60, `${rare[0]![1]} are rare`);
  for (const [query, count] of rare) {
    for (const sort of ['reference', '-updatedAt'] as const) {
      const asked = { ...all, ...query, sort };
      const { looked } = await plansOf(large, listOf(asked));
      // Twice: their keys, and their contents.
      t.ok(looked <= 2 * count, `${JSON.stringify(query)} by ${sort}: ${looked} rows for ${count}`);
      t.equal((await wholeList(activity, asked)).length, count);
    }
  }

  const many = await having(facet(`f.facet = 'reviewDueOn' and f.value < '2024-06-01'`));
  t.ok(many > 2_000, `${many} are many`);
  for (const sort of ['reference', '-updatedAt'] as const) {
    const asked = { ...all, sort, filters: { reviewDueBefore: '2024-06-01' } };
    t.equal(new Set(await wholeList(activity, asked)).size, many, `by ${sort}`);
    const { looked } = await plansOf(large, listOf(asked));
    t.ok(looked < activities / 10, `${looked} rows for a page of ${many}`);
  }
  t.comment(`${2 * rare.length + 2} lists`);
});

t.test('several filters at once are led by an index too', async (t) => {
  const activity = definitionOf('processingActivity');
  const several: ListQuery['filters'][] = [
    { controllerId: ['ref:controller-0'], country: ['FR'] },
    { country: ['CN'], inForce: false, mechanism: ['explicitConsent'] },
    { ground: ['consent'], dataKind: ['special'], recipientId: ['ref:recipient-1'], reviewDueBefore: '2026-03-01' },
  ];
  current = large;
  for (const filters of several) {
    const { scanned } = await plansOf(large, list(activity, { filters, q: 'billing', states: ['draft'] }));
    t.strictSame(scanned, [], JSON.stringify(filters));
  }
});

t.test('transfers are found by index; statistics of a small tenant read no other’s rows', async (t) => {
  const [recipient] = await owner.query<{ id: string }>(
    `select resource_id as id from resource where tenant_id = $1 and resource_type = 'recipient' and reference = 'recipient-3'`,
    [large],
  );
  const [controller] = await owner.query<{ id: string }>(
    `select resource_id as id from resource where tenant_id = $1 and resource_type = 'controller' and reference = 'controller-30'`,
    [large],
  );
  const searches: TransferSearch[] = [
    {},
    { countries: ['FR'] },
    { countries: ['CN'] },
    { recipients: [recipient!.id] },
    { controllers: [controller!.id] },
    { controllers: [controller!.id], countries: ['US'] },
    { controllers: ['0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77'] },
    { mechanisms: ['standardClauses'] },
    { mechanisms: ['explicitConsent'], before: { assessedOn: '2020-01-01' } },
    { before: { expiresOn: '2028-01-01', importerCheckedOn: '2020-01-01' } },
  ];
  let count = 0;
  let rows = 0;
  for (const tenant of [large, small]) {
    for (const type of ['processingActivity', 'processorActivity'] as const) {
      for (const version of ['approved', 'drafts'] as const) {
        for (const search of searches) {
          for (const after of [undefined, '80000000-0000-0000-0000-000000000000']) {
            const { scanned } = await plansOf(tenant, async (_, session) => {
              rows += (await listTransferring(session, tenant, type, version, search, after, 50)).length;
            });
            t.strictSame(scanned, [], `${type} ${version} ${JSON.stringify(search)}`);
            count++;
          }
        }
      }
    }
  }
  t.ok(rows > 100, 'transfers were found');
  for (const controllers of [undefined, [controller!.id]]) {
    const { scanned, shared } = await plansOf(small, (_, session) =>
      readStatistics(session, small, '2026-11-22', controllers),
    );
    t.strictSame([...scanned, ...shared], []);
  }
  t.comment(`${count} lists of transfers`);
});
