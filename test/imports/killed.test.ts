/**
 * An import that is killed in the middle: at each table that it writes to, the service by `kill -9` or its connection by
 * the database. Nothing of it is there, and it can be applied as if nothing had been.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { poolFor } from '../database.ts';
import { startService } from '../service.ts';
import type { Order } from './applying.ts';
import { many } from './documents.ts';

t.setTimeout(230_000);

/** In the order in which the import comes to them. */
const places = [
  ...[
    'import_plan',
    'idempotency',
    'resource',
    'link',
    'facet',
    'tenant_head',
    'revision',
    'approved_span',
    'tree_node',
  ],
];

const service = await startService(t);
const client = await service.client('killed', 'dpo');
const owner = poolFor(t, service.database.owner, 2);
const headers = { 'idempotency-key': 'import-1' };

/** Runs the work while nobody else can write to the table; it is told who waits for that, as soon as somebody does. */
async function blocking(table: string, work: (waiting: Promise<number>) => Promise<void>): Promise<number> {
  let pid = 0;
  await owner.transaction({}, async (session) => {
    await session.simple(`lock table ${table} in share mode`);
    const waiting = (async () => {
      for (;;) {
        const [row] = await owner.query<{ pid: number }>(
          'select pid from pg_locks where not granted and relation = $1::regclass and database = (select oid from pg_database where datname = current_database())',
          [table],
        );
        if (row !== undefined) {
          pid = row.pid;
          return row.pid;
        }
        await sleep(5);
      }
    })();
    await work(waiting);
  });
  return pid;
}

/** Waits until the database has noticed that a connection is no more. */
async function gone(pid: number): Promise<void> {
  while ((await owner.query('select from pg_stat_activity where pid = $1', [pid])).length > 0) await sleep(5);
}

const children: ChildProcess[] = [];
t.teardown(() => {
  for (const child of children) child.kill('SIGKILL');
});

const deaths: Record<string, (table: string, path: string) => Promise<void>> = {
  'the service is killed': async (table, path) => {
    const order: Order = {
      ...{ target: service.database.service, dataDirectory: service.config.dataDirectory },
      ...{ token: client.token, path, headers },
    };
    const child = spawn(process.execPath, [join(import.meta.dirname, 'applying.ts'), JSON.stringify(order)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.push(child);
    const exited = once(child, 'exit');
    const pid = await blocking(table, async (waiting) => {
      await Promise.race([waiting, exited.then(() => Promise.reject(new Error('It ended too early.')))]);
      child.kill('SIGKILL');
      await exited;
    });
    await gone(pid);
  },
  'its connection is cut': async (table, path) => {
    const pid = await blocking(table, async (waiting) => {
      const answer = client.post(path, undefined, headers);
      const [row] = await service.pool.query<{ cut: boolean }>('select pg_terminate_backend($1) as cut', [
        await waiting,
      ]);
      t.equal(row?.cut, true);
      t.equal((await answer).status, 503, 'the client is told that nothing was changed');
    });
    await gone(pid);
  },
};

let rounds = 0;
for (const [title, file, ends] of [
  ['an import that creates', many(30), Object.keys(deaths)],
  [
    'an import that changes',
    { ...many(30, 'Otherwise.'), controllers: [{ reference: 'acme', name: 'Acme SAS', registerKept: true }] },
    ['its connection is cut'],
  ],
] as const) {
  await t.test(title, async (t) => {
    const { json: plan } = await client.post('/v1/imports?source=register', file);
    t.same(
      plan.problems.filter(({ severity }: { severity: string }) => severity === 'error'),
      [],
    );
    const { items: before } = (await client.get('/v1/changes?limit=1000')).json;
    const register = (await client.get('/v1/register?include=drafts')).text;
    for (const place of places) {
      for (const death of ends) {
        await deaths[death]!(place, `/v1/imports/${plan.id}/apply`);
        rounds++;
        t.same((await client.get('/v1/changes?limit=1000')).json.items, before, `${death} at ${place}: no entry`);
        t.equal((await client.get('/v1/register?include=drafts')).text, register, 'the register is as it was');
        t.same((await client.get(`/v1/imports/${plan.id}`)).json, plan, 'and so is the plan');
      }
    }
    const applied = await client.post(`/v1/imports/${plan.id}/apply`, undefined, headers);
    t.same([applied.status, applied.json.state], [200, 'applied'], applied.text.slice(0, 300));
    const { items: after } = (await client.get('/v1/changes?limit=1000')).json;
    const touched =
      plan.created.length + new Set(plan.changed.map(({ reference }: { reference: string }) => reference)).size;
    t.equal(after.length, before.length + touched, 'in the end all of it is there');
    headers['idempotency-key'] += '+';
  });
}
t.ok(rounds >= 20);
t.comment(`${rounds} times killed in the middle`);
