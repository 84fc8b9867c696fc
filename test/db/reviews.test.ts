/** What PostgreSQL does for the list of reviews of a large tenant, and what it refuses by itself. */
import t from 'tap';
import { askReview } from '../../src/article30/review.ts';
import { defaultSettings } from '../../src/article30/settings.ts';
import { type Parameter, PostgresError, type Session } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import { listReviews, openReviews, type ReviewFilters, type ReviewPosition } from '../../src/db/reviews.ts';
import { createTenant } from '../../src/db/tenants.ts';
import { createDatabase, poolFor } from '../database.ts';

const database = await createDatabase(t);
const owner = poolFor(t, database.owner, 1);
const service = poolFor(t, database.service, 2);

const tenants: string[] = [];
for (const reference of ['large', 'small']) {
  await createTenant(service, reference);
  const [row] = await owner.query<{ id: string }>('select tenant_id as id from tenant where reference = $1', [
    reference,
  ]);
  tenants.push(row!.id);
}
const [large, small] = tenants as [string, string];

/** The id of a subject that everybody has. */
const subject = '00000000-0000-7000-8000-000000000007';

/** Of twenty reviews one is open; a team has two in five, one person three in all; one in ten is due on no day. */
for (const [tenant, count] of [
  [large, 60_000],
  [small, 200],
] as const) {
  await owner.query(
    `insert into review (tenant_id, review_id, subject_type, subject_id, reason_digest, state, due_on, assignee, asked_by, completed_by)
     select $1, gen_random_uuid(), case when n % 5 = 0 then 'recipient' when n % 997 = 0 then 'notice' else 'processingActivity' end,
       ('00000000-0000-7000-8000-' || lpad((n % 2000)::text, 12, '0'))::uuid, sha256(n::text::bytea),
       case when n % 20 = 0 then 'open' else 'completed' end,
       case when n % 10 = 3 then 'infinity' else date '2020-01-01' + n / 24 end,
       case when n % 5 < 2 then 'Sales' when n % 20000 = 17 then 'Rare' when n % 5 = 4 then null else 'Team ' || n % 50 end,
       gen_random_uuid(), case when n % 20 = 0 then null else gen_random_uuid() end
     from generate_series(1, $2::integer) as g (n)`,
    [tenant, count],
  );
}
await owner.query('analyze review');

interface Node {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Node[];
}

/** The page, the indexes that its statement used, and how many rows of the table it looked at. */
async function looked(tenant: string, filters: ReviewFilters, after?: ReviewPosition) {
  return service.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
    let sent: [string, readonly Parameter[]] | undefined;
    const watched: Session = {
      ...session,
      query: <Row extends object>(text: string, parameters: readonly Parameter[] = []) => {
        sent = [text, parameters];
        return session.query<Row>(text, parameters);
      },
    };
    const found = await listReviews(watched, tenant, filters, after, 51);
    const [row] = await session.values(`explain (analyze, format json) ${sent![0]}`, sent![1]);
    const indexes = new Set<string>();
    const scans = new Set<string>();
    let rows = 0;
    const visit = (node: Node) => {
      if (node['Index Name'] !== undefined) indexes.add(node['Index Name']);
      if (node['Node Type'].endsWith('Scan')) {
        scans.add(node['Node Type']);
        rows += node['Actual Loops'] * (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
      }
      for (const inner of node.Plans ?? []) visit(inner);
    };
    visit((JSON.parse(row![0] as string) as { Plan: Node }[])[0]!.Plan);
    return { found, indexes, scans, rows };
  });
}

const filters: ReviewFilters[] = [
  {},
  { states: ['open'] },
  { states: ['completed'] },
  { assignees: ['Sales'] },
  { assignees: ['Rare'] },
  { assignees: ['Nobody'] },
  { states: ['open'], assignees: ['Sales'] },
  { states: ['open'], assignees: ['Rare'] },
  { subjectTypes: ['processingActivity'] },
  { subjectTypes: ['notice'] },
  { subjectTypes: ['safeguard'] },
  { states: ['open'], subjectTypes: ['recipient'] },
  { subjects: [`processingActivity:${subject}`] },
  { states: ['open'], subjects: [`processingActivity:${subject}`, `recipient:${subject}`] },
  { dueBefore: '2020-01-05' },
  { dueBefore: '9999-12-31' },
  { states: ['open'], dueBefore: '2024-01-01' },
  { states: ['open'], dueBefore: '2024-01-01', assignees: ['Sales'], subjectTypes: ['recipient'] },
];

t.test('every filter is led by an index, on every page', async (t) => {
  let count = 0;
  let most = 0;
  for (const tenant of [large, small]) {
    for (const filter of filters) {
      let after: ReviewPosition | undefined;
      for (let page = 1; page <= 3; page++) {
        const { found, indexes, scans, rows } = await looked(tenant, filter, after);
        const title = `${JSON.stringify(filter)}, page ${page} of the ${tenant === large ? 'large' : 'small'} tenant`;
        t.notOk(scans.has('Seq Scan'), title);
        t.ok(
          [...indexes].some((name) => name.startsWith('review_')),
          title,
        );
        // A choice that few fulfil may read all that have one of its values, never what others have.
        t.ok(rows <= 1_000, `${title}: ${rows} rows were looked at`, { indexes: [...indexes] });
        most = Math.max(most, rows);
        count++;
        if (found.length <= 50) break;
        after = found[49];
      }
    }
  }
  t.comment(`${count} pages; ${most} rows looked at for one at the most`);
});

t.test('pages follow each other in one order, whatever stands there', async (t) => {
  const read: ReviewPosition[] = [];
  for (let after: ReviewPosition | undefined; ; ) {
    const { found } = await looked(small, { states: ['completed'] }, after);
    read.push(...found.slice(0, 50));
    if (found.length <= 50) break;
    after = found[49];
  }
  const rows = await owner.query<ReviewPosition & Record<string, unknown>>(
    `select review_id as id, due_on::text as due from review where tenant_id = $1 and state = 'completed' order by due_on, review_id`,
    [small],
  );
  t.strictSame(read, rows);
  t.equal(read.at(-1)?.due, 'infinity', 'what is due on no day comes last');
});

t.test('the database itself keeps a second one from being open', async (t) => {
  const insert = (state: string, tenant = large, reason = 'reason') =>
    owner.query(
      `insert into review (tenant_id, review_id, subject_type, subject_id, reason_digest, state, due_on, asked_by, completed_by)
       values ($1, gen_random_uuid(), 'system', $2, sha256($3::bytea), $4, 'infinity', $2, case when $4 = 'open' then null else $2::uuid end)`,
      [tenant, subject, reason, state],
    );
  await insert('completed');
  await insert('open');
  await insert('open', large, 'another');
  await insert('open', small);
  await insert('completed');
  const refused = (error: unknown) => error instanceof PostgresError && error.constraint_name === 'review_open_once';
  t.ok(await insert('open').then(() => false, refused), 'for the same subject and reason in the same tenant');
});

t.test('who asks for the same in another order waits, and is told', async (t) => {
  const writer = { tenant: small, issuer: 'issuer', subject: 'somebody' };
  const answer = { status: 201, headers: {}, body: '' };
  const actor = '00000000-0000-7000-8000-000000000001';
  const moment = { now: new Date().toISOString(), actor, settings: defaultSettings, newId };
  const open = (...ids: string[]) => {
    const reviews = ids.map((id) =>
      askReview({ type: 'purpose', id, reference: 'a', name: 'A' }, { reason: 'Order' }, moment),
    );
    return openReviews(service, writer, reviews, answer);
  };
  const [first, second] = ['00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-00000000000b'];
  const other = poolFor(t, database.owner, 1);
  /** Until so many connections wait for others. */
  const waiting = async (count: number) => {
    for (let blocked = -1; blocked !== count; ) {
      const [row] = await other.query<{ blocked: number }>(
        `select count(*)::integer as blocked from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
      );
      blocked = row!.blocked;
    }
  };
  const undone = new Error('undone');
  const asked: Promise<PromiseSettledResult<number>[]>[] = [];
  // Somebody holds the second subject while two ask for both, so that both are under way at once.
  const held = owner.transaction({}, async (session) => {
    await session.query(
      `insert into review (tenant_id, review_id, subject_type, subject_id, reason_digest, state, due_on, asked_by)
       values ($1, gen_random_uuid(), 'purpose', $2, sha256('Order'), 'open', 'infinity', $2)`,
      [small, second],
    );
    asked.push(Promise.allSettled([open(second, first)]));
    await waiting(1);
    asked.push(Promise.allSettled([open(first, second)]));
    await waiting(2);
    throw undone;
  });
  await t.rejects(held, undone);
  const [one, two] = (await Promise.all(asked)).flat();
  t.match(one, { status: 'fulfilled' }, 'who came first asks');
  t.match(
    two,
    { status: 'rejected', reason: { name: 'Refusal', code: 'version-conflict' } },
    'the other may look again',
  );
});
