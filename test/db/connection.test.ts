import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  createPool,
  DatabaseUnavailable,
  type Parameter,
  type Pool,
  type PoolSettings,
  PostgresError,
  type Session,
  TransactionRolledBack,
} from '../../src/db/connection.ts';
import { startServer } from './server.ts';

const server = await startServer();
const escaped: unknown[] = [];
const noteEscape = (error: unknown) => escaped.push(error);
process.on('unhandledRejection', noteEscape);
process.on('uncaughtException', noteEscape);

const control = createPool({ target: server.target, size: 1, applicationName: 'control' });
await control.query('create table note (text text primary key)');
await control.query(
  'create table part (worker int, n int, part int, transaction xid8 default pg_current_xact_id(), primary key (worker, n, part))',
);
await control.query(`create function enter_tenant(tenant text) returns void language plpgsql as $$
  begin
    if tenant = 'nobody' then raise exception 'no such tenant' using errcode = '42501'; end if;
    perform set_config('app.tenant_id', tenant, true);
  end $$`);

t.teardown(async () => {
  await control.close();
  await server.remove();
});

function open(t: Test, settings: Partial<PoolSettings> = {}): Pool {
  const pool = createPool({ target: server.target, size: 4, ...settings });
  t.teardown(() => pool.close());
  return pool;
}

async function notes(): Promise<string[]> {
  return (await control.query<{ text: string }>('select text from note order by text')).map(({ text }) => text);
}

const insert = 'insert into note values ($1)';

/** Resolves with what the promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It should have been rejected with an error');
}

t.test('values', async (t) => {
  const pool = open(t);

  t.test('come back as documented', async (t) => {
    const [row] = await pool.query(`select true as bool, 7::int2 as int2, 1.5::float8 as float8, 12::int8 as int8,
      9007199254740993::int8 as big, 1.50::numeric as numeric, '{"a": 1.0}'::json as json, null as nothing,
      '2026-03-03 10:00:00.123456+02'::timestamptz as instant, 'infinity'::timestamptz as never,
      '2026-03-03'::date as date, '\\x00ff'::bytea as bytea,
      'a0000000-0000-4000-8000-000000000000'::uuid as uuid`);
    t.strictSame(row, {
      bool: true,
      int2: 7,
      float8: 1.5,
      int8: 12,
      big: '9007199254740993',
      numeric: '1.50',
      json: '{"a": 1.0}',
      nothing: null,
      instant: '2026-03-03T08:00:00.123456Z',
      never: 'infinity',
      date: '2026-03-03',
      bytea: Buffer.from([0, 255]),
      uuid: 'a0000000-0000-4000-8000-000000000000',
    });
  });

  const id = 'a0000000-0000-4000-8000-000000000000';
  const awkward = ['plain', '', 'NULL', 'a"b', 'c\\d', '{,}', ' space ', 'line\nbreak', "quote'", 'ß€𝄞', null];
  const cases: [type: string, sent: Parameter, back?: unknown][] = [
    ['text', 'a\\"b'],
    ['int4', 2_147_483_647],
    ['int8', 2n ** 60n, String(2n ** 60n)],
    ['bool', false],
    ['text', true, 'true'],
    ['jsonb', '{"a": [1, null]}'],
    ['timestamptz', '2026-01-01T00:00:00Z'],
    ['bytea', new Uint8Array([1, 0, 255]), Buffer.from([1, 0, 255])],
    ['bytea', Buffer.alloc(0)],
    ['text[]', awkward],
    ['text[]', []],
    ['text[][]', [awkward, awkward]],
    ['varchar[]', ['a']],
    ['uuid[]', [id, null]],
    ['bytea[]', [Buffer.from([0, 92, 34]), Buffer.alloc(0)]],
    ['int4[]', [1, null, -3]],
    ['int8[]', [1, 2n ** 60n], [1, String(2n ** 60n)]],
    ['bool[]', [true, false, null]],
    ['numeric[]', ['1.50']],
    ['jsonb[]', ['{"a": "b"}', 'null']],
    ['timestamptz[]', ['2026-01-01T00:00:00Z']],
    ['date[]', ['2026-01-01']],
  ];
  for (const [type, sent, back] of cases) {
    t.test(`survive the journey as ${type}`, async (t) => {
      t.strictSame(await pool.query(`select $1::${type} as value`, [sent]), [{ value: back ?? sent }]);
    });
  }
  t.comment(`${cases.length} cases`);

  t.test('with bounds of their own lose the bounds only', async (t) => {
    t.strictSame(await pool.query(`select '[0:1]={3,4}'::int[] as value`), [{ value: [3, 4] }]);
  });

  t.test('that cannot be sent are refused and harm no statement beside them', async (t) => {
    await pool.transaction({}, async (session) => {
      const before = session.query('select 1 as one');
      const refused = session.query('select $1::text', [undefined as unknown as null]);
      const after = session.query('select 2 as two');
      t.strictSame(await before, [{ one: 1 }]);
      await t.rejects(refused, TypeError);
      await t.rejects(session.query('select $1::text', [new Date(0) as unknown as string]), TypeError);
      t.strictSame(await after, [{ two: 2 }]);
    });
  });

  t.test('do not depend on the settings of the server', async (t) => {
    await control.query(`create role elsewhere superuser login`);
    await control.query(`alter role elsewhere set timezone = 'Asia/Tokyo'`);
    await control.query(`alter role elsewhere set datestyle = 'German'`);
    const pool = open(t, { target: { ...server.target, username: 'elsewhere' } });
    const [row] = await pool.query(
      `select '2026-03-03 10:00:00+00'::timestamptz as instant, '2026-03-03'::date as date`,
    );
    t.strictSame(row, { instant: '2026-03-03T10:00:00Z', date: '2026-03-03' });
  });
});

t.test('the target may be a URL', async (t) => {
  const { host, username, database } = server.target;
  const pool = open(t, { target: { url: `postgres://${username}@${encodeURIComponent(host)}/${database}` } });
  t.strictSame(await pool.query('select current_database() as name'), [{ name: database }]);
});

t.test('a transaction', async (t) => {
  const pool = open(t);

  t.test('commits and returns what the work returns', async (t) => {
    const result = await pool.transaction({}, async (session) => {
      await session.query(insert, ['committed']);
      return (await session.values('select text, 1 from note where text = $1', ['committed']))[0];
    });
    t.strictSame(result, ['committed', 1]);
    t.ok((await notes()).includes('committed'));
    t.strictSame(pool.stats, { open: 1, busy: 0, waiting: 0 });
  });

  t.test('has the wanted isolation, mode, plan and tenant, and leaves none of them behind', async (t) => {
    const pool = open(t, { size: 1 });
    const settings = `select current_setting('transaction_isolation') as isolation, current_setting('transaction_read_only')
      as read_only, current_setting('plan_cache_mode') as plan, current_setting('app.tenant_id', true) as tenant`;
    const wanted = { isolation: 'repeatable read', readOnly: true, tenant: 'acme', customPlan: true } as const;
    for (const round of [1, 2]) {
      t.strictSame(
        await pool.transaction(wanted, (session) => session.query(settings)),
        [{ isolation: 'repeatable read', read_only: 'on', plan: 'force_custom_plan', tenant: 'acme' }],
        `round ${round}`,
      );
    }
    t.match(await pool.transaction({}, (session) => session.query(settings)), [
      { isolation: 'read committed', read_only: 'off', plan: 'auto', tenant: '' },
    ]);
  });

  t.test('runs several statements at once', async (t) => {
    await pool.transaction({}, (session) =>
      session.simple(`create table several (id int); insert into several values (1), (2)`),
    );
    t.strictSame(await pool.query('select count(*) from several'), [{ count: 2 }]);
  });

  t.test('is rolled back when the work throws, whose error comes out', async (t) => {
    const reason = new Error('I changed my mind');
    const error = await failure(
      pool.transaction({}, async (session) => {
        await session.query(insert, ['regretted']);
        throw reason;
      }),
    );
    t.equal(error, reason);
    t.notOk((await notes()).includes('regretted'));
  });

  t.test('passes on what PostgreSQL reports, without the values of the key for all to see', async (t) => {
    const error = await failure(pool.transaction({}, (session) => session.query(insert, ['committed'])));
    t.ok(error instanceof PostgresError);
    t.match(error, { code: '23505', constraint_name: 'note_pkey', detail: /committed/ });
    t.notMatch(JSON.stringify(error), /committed/);
    t.notMatch(error.message, /committed/);
  });

  t.test('recovers at a savepoint', async (t) => {
    await pool.transaction({}, async (session) => {
      await session.simple('savepoint here');
      await t.rejects(session.query(insert, ['committed']), { code: '23505' });
      await session.simple('rollback to savepoint here');
      await session.query(insert, ['after the savepoint']);
    });
    t.ok((await notes()).includes('after the savepoint'));
  });

  t.test('is an error when PostgreSQL answers COMMIT with ROLLBACK', async (t) => {
    const error = await failure(
      pool.transaction({}, async (session) => {
        await session.query(insert, ['swallowed']);
        await session.query('select 1 / 0').catch(() => {});
      }),
    );
    t.ok(error instanceof TransactionRolledBack);
    t.match(error.cause, { code: '22012' });
    t.notOk((await notes()).includes('swallowed'));
  });

  t.test('fails with the error that made it fail, not with the one that says it has failed', async (t) => {
    await t.rejects(
      pool.transaction({ tenant: 'nobody' }, (session) => session.query(insert, ['nobody'])),
      { code: '42501', message: 'no such tenant' },
    );
    await t.rejects(
      pool.transaction({ tenant: 'nobody', readOnly: true }, async () => 'no statement'),
      { code: '42501' },
    );
    t.notOk((await notes()).includes('nobody'));
  });

  t.test('refuses to write when it is read-only', async (t) => {
    await t.rejects(
      pool.transaction({ readOnly: true }, (session) => session.query(insert, ['read-only'])),
      { code: '25006' },
    );
  });

  t.test('fails at COMMIT when a deferred constraint fails', async (t) => {
    await pool.query('create table once (id int unique deferrable initially deferred)');
    await t.rejects(
      pool.transaction({}, (session) => session.query('insert into once values (1), (1)')),
      { code: '23505' },
    );
    t.strictSame(await pool.query('select * from once'), []);
  });

  t.test('waits for a statement that nobody awaited', async (t) => {
    await pool.transaction({}, async (session) => {
      void session.query('select pg_sleep(0.05)');
      void session.query(insert, ['unawaited']);
    });
    t.ok((await notes()).includes('unawaited'));
  });

  t.test('does not commit when a statement that nobody awaited failed, and lets nothing escape', async (t) => {
    const error = await failure(
      pool.transaction({}, async (session) => {
        await session.query(insert, ['half']);
        void session.query('select 1 / 0');
      }),
    );
    t.ok(error instanceof TransactionRolledBack);
    t.notOk((await notes()).includes('half'));
  });

  t.test('runs nothing behind a BEGIN that failed', async (t) => {
    const target = await detour(t, (data) => Buffer.from(data.toString('latin1').replace('begin', 'bogus'), 'latin1'));
    const pool = open(t, { target });
    await t.rejects(
      pool.transaction({}, (session) => session.query(insert, ['behind'])),
      { code: '42601' },
    );
    t.equal(pool.stats.open, 0);
    t.notOk((await notes()).includes('behind'));
  });

  t.test('takes no statement after its end', async (t) => {
    const kept = await pool.transaction({}, async (session): Promise<Session> => session);
    await t.rejects(kept.query(insert, ['too late']), /has ended/);
    let late: Promise<unknown> = Promise.resolve();
    await t.rejects(
      pool.transaction({}, async (session) => {
        late = session.query('select 1').then(async () => {
          await sleep(20);
          await session.query(insert, ['too late']);
        });
        throw new Error('the other branch failed');
      }),
      /the other branch/,
    );
    await t.rejects(late, /has ended/);
    t.notOk((await notes()).includes('too late'));
  });
});

t.test('a statement of its own is committed, or fails and leaves the connection good', async (t) => {
  const pool = open(t, { size: 1 });
  await pool.query(insert, ['alone']);
  const [before] = await pool.query('select pg_backend_pid() as pid');
  await t.rejects(pool.query(insert, ['alone']), { code: '23505' });
  t.strictSame(await pool.query('select pg_backend_pid() as pid'), [before]);
  t.ok((await notes()).includes('alone'));
});

t.test('a statement beyond its time is cancelled, and the connection stays good', async (t) => {
  const pool = open(t, { size: 1, statementTimeoutMs: 200 });
  const [before] = await pool.query('select pg_backend_pid() as pid');
  await t.rejects(pool.query('select pg_sleep(5)'), { code: '57014' });
  await t.rejects(
    pool.transaction({}, async (session) => {
      await session.query(insert, ['slow']);
      await session.query('select pg_sleep(5)');
    }),
    { code: '57014' },
  );
  t.strictSame(await pool.query('select pg_backend_pid() as pid'), [before]);
  t.notOk((await notes()).includes('slow'));
});

t.test('callers wait in the order in which they came, and not longer than the bound', async (t) => {
  const pool = open(t, { size: 1, acquireTimeoutMs: 1000 });
  await pool.query('select 1');
  const served: number[] = [];
  const release = Promise.withResolvers<void>();
  const holder = pool.transaction({ readOnly: true }, () => release.promise);
  const callers = [1, 2, 3].map((n) => pool.query('select 1').then(() => served.push(n)));
  t.strictSame(pool.stats, { open: 1, busy: 1, waiting: 3 });
  release.resolve();
  await Promise.all([holder, ...callers]);
  t.strictSame(served, [1, 2, 3]);

  const held = Promise.withResolvers<void>();
  const second = pool.transaction({}, () => held.promise);
  const error = await failure(pool.query(insert, ['never sent']));
  t.ok(error instanceof DatabaseUnavailable && error.outcome === 'none');
  t.equal(pool.stats.waiting, 0);
  held.resolve();
  await second;
  t.notOk((await notes()).includes('never sent'));
});

t.test('where the server grants fewer connections than the pool may open, callers share these', async (t) => {
  await control.query('create role few login connection limit 2');
  const pool = open(t, { size: 6, target: { ...server.target, username: 'few' } });
  await Promise.all([1, 2].map(() => pool.query('select pg_sleep(0.05)')));
  await Promise.all(Array.from({ length: 12 }, () => pool.query('select pg_sleep(0.02)')));
  t.ok(pool.stats.open <= 2);
});

t.test('without a server to be had, callers fail at once with the reason', async (t) => {
  await control.query('create role unwelcome login connection limit 0');
  const targets = {
    53300: { ...server.target, username: 'unwelcome' },
    '3D000': { ...server.target, database: 'missing' },
    28000: { ...server.target, username: 'missing' },
    ENOENT: { ...server.target, host: '/nonexistent' },
    ECONNREFUSED: { ...server.target, host: '127.0.0.1', port: 1 },
  };
  for (const [code, target] of Object.entries(targets)) {
    const pool = open(t, { target, acquireTimeoutMs: 30_000 });
    const errors = await Promise.all(Array.from({ length: 6 }, () => failure(pool.query('select 1'))));
    for (const error of errors) {
      t.ok(error instanceof DatabaseUnavailable && error.outcome === 'none');
      t.match(error.cause, { code });
    }
    t.strictSame(pool.stats, { open: 0, busy: 0, waiting: 0 });
  }
});

t.test('close', async (t) => {
  t.test('waits for what runs and takes nothing new', async (t) => {
    const pool = createPool({ target: server.target, size: 1 });
    await pool.query('select 1');
    const running = pool.transaction({}, async (session) => {
      await session.query('select pg_sleep(0.05)');
      await session.query(insert, ['before the close']);
    });
    const waiting = pool.query('select 2 as two');
    const closed = pool.close();
    const refused = await failure(pool.query('select 1'));
    t.ok(refused instanceof DatabaseUnavailable && refused.outcome === 'none');
    await closed;
    await running;
    t.strictSame(await waiting, [{ two: 2 }]);
    t.ok((await notes()).includes('before the close'));
    t.strictSame(pool.stats, { open: 0, busy: 0, waiting: 0 });
  });

  t.test('ends what runs beyond the bound', async (t) => {
    const pool = createPool({ target: server.target, size: 1, closeTimeoutMs: 100 });
    await pool.query('select 1');
    const running = failure(pool.query('select pg_sleep(20)'));
    const waiting = failure(pool.query('select 1'));
    await pool.close();
    t.match(await running, { name: 'DatabaseUnavailable', outcome: 'unknown' });
    t.match(await waiting, { name: 'DatabaseUnavailable', outcome: 'none' });
  });

  t.test('of a pool that was never used, or twice', async (t) => {
    const pool = createPool({ target: server.target, size: 1 });
    await Promise.all([pool.close(), pool.close()]);
    t.strictSame(pool.stats, { open: 0, busy: 0, waiting: 0 });
  });
});

t.test('an old connection is replaced between two uses', async (t) => {
  const pool = open(t, { size: 1, maximumAgeMs: 1 });
  const pids = new Set<unknown>();
  for (let n = 0; n < 3; n++) {
    await sleep(5);
    pids.add((await pool.query('select pg_backend_pid() as pid'))[0]?.pid);
  }
  t.equal(pids.size, 3);
});

/** A way to the server on which a connection can be cut, reset or silenced at a chosen moment. */
async function detour(t: Test, onClientData: (data: Buffer, client: Socket, upstream: Socket) => unknown) {
  const sockets = new Set<Socket>();
  const listener: NetServer = createServer((client) => {
    const upstream = connect(join(server.target.host, '.s.PGSQL.5432'));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (data: Buffer) => {
      const changed = onClientData(data, client, upstream);
      upstream.write(changed instanceof Buffer ? changed : data);
    });
    upstream.on('data', (data) => client.write(data));
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('The detour listens on a port');
  return { ...server.target, host: '127.0.0.1', port: address.port };
}

t.test('an answer that is lost', async (t) => {
  t.test('leaves the outcome of a COMMIT unknown', async (t) => {
    const target = await detour(t, (data, client, upstream) => {
      if (data.includes('commit\0')) upstream.removeAllListeners('data').once('data', () => client.resetAndDestroy());
    });
    const pool = open(t, { target });
    const error = await failure(pool.transaction({}, (session) => session.query(insert, ['answer lost'])));
    t.match(error, { name: 'DatabaseUnavailable', outcome: 'unknown' });
    t.ok((await notes()).includes('answer lost'));
    t.equal(pool.stats.open, 0);
  });

  t.test('leaves nothing before COMMIT', async (t) => {
    const target = await detour(t, (data, client) => {
      if (data.includes('lost before')) client.resetAndDestroy();
    });
    const pool = open(t, { target });
    let seen: unknown;
    const error = await failure(
      pool.transaction({}, async (session) => {
        const pipelined = session.query(insert, ['lost before']).catch((error) => (seen = error));
        const second = session.query(insert, ['second']);
        await pipelined;
        await second;
      }),
    );
    t.match(error, { name: 'DatabaseUnavailable', outcome: 'none' });
    t.match(seen, { name: 'DatabaseUnavailable', outcome: 'none' });
    t.notOk((await notes()).includes('second'));
  });

  t.test('cannot be swallowed', async (t) => {
    const target = await detour(t, (data, client) => {
      if (data.includes('pg_sleep')) client.destroy();
    });
    const pool = open(t, { target });
    const error = await failure(
      pool.transaction({}, async (session) => {
        await session.query('select pg_sleep(0)').catch(() => {});
        await session.query(insert, ['outside']).catch(() => {});
      }),
    );
    t.match(error, { name: 'DatabaseUnavailable', outcome: 'none' });
    t.notOk((await notes()).includes('outside'));
  });

  t.test('is asked for once more when the statement only reads', async (t) => {
    let cuts = 0;
    const target = await detour(t, (data, client) => {
      if (data.includes('42') && cuts < 1) {
        cuts++;
        client.resetAndDestroy();
      }
    });
    const pool = open(t, { target });
    t.strictSame(await pool.query('select 42 as answer', [], { readOnly: true }), [{ answer: 42 }]);
    t.equal(cuts, 1);
    cuts = 0;
    t.match(await failure(pool.query('select 42 as other')), { name: 'DatabaseUnavailable', outcome: 'unknown' });
  });

  t.test('is asked for only once more', async (t) => {
    let cuts = 0;
    const target = await detour(t, (data, client) => {
      if (!data.includes('42')) return;
      cuts++;
      client.destroy();
    });
    const error = await failure(open(t, { target }).query('select 42', [], { readOnly: true }));
    t.match(error, { name: 'DatabaseUnavailable', outcome: 'none' });
    t.equal(cuts, 2);
  });
});

t.test('a server that falls silent is given up', async (t) => {
  let silent = false;
  const target = await detour(t, (_data, client, upstream) => {
    if (silent) upstream.removeAllListeners('data').on('data', () => client);
  });
  const pool = open(t, { target, statementTimeoutMs: 400, acquireTimeoutMs: 400 });
  await pool.query('select 1');
  silent = true;
  t.match(await failure(pool.query(insert, ['in silence'])), { name: 'DatabaseUnavailable', outcome: 'unknown' });
  const connecting = await failure(pool.query('select 1'));
  t.match(connecting, { name: 'DatabaseUnavailable', outcome: 'none' });
  silent = false;
  // The attempt that failed ends within the same bound.
  await sleep(50);
  t.strictSame(await pool.query('select 1 as one'), [{ one: 1 }]);
});

t.test('idle connections that are killed leave the pool', async (t) => {
  const pool = open(t, { applicationName: 'idle' });
  await Promise.all([1, 2, 3, 4].map(() => pool.query('select pg_sleep(0.02)')));
  t.equal(pool.stats.open, 4);
  await control.query(`select pg_terminate_backend(pid, 1000) from pg_stat_activity where application_name = 'idle'`);
  await sleep(50);
  t.strictSame(pool.stats, { open: 0, busy: 0, waiting: 0 });
  await pool.query(insert, ['after the killing']);
  t.ok((await notes()).includes('after the killing'));
});

interface Tally {
  acknowledged: Set<string>;
  unknown: Set<string>;
  none: Set<string>;
  /** Errors that are not DatabaseUnavailable. */
  other: unknown[];
}

/** Has 60 workers repeat a write, numbered for each worker, until the trouble is over. */
async function workThrough(write: (worker: number, n: number) => Promise<unknown>, trouble: () => Promise<void>) {
  const tally: Tally = { acknowledged: new Set(), unknown: new Set(), none: new Set(), other: [] };
  let over = false;
  const workers = Array.from({ length: 60 }, async (_, worker) => {
    for (let n = 0; !over; n++) {
      const key = `${worker}/${n}`;
      try {
        await write(worker, n);
        tally.acknowledged.add(key);
      } catch (error) {
        if (error instanceof DatabaseUnavailable) tally[error.outcome].add(key);
        else tally.other.push(error);
        await sleep(2);
      }
    }
  });
  try {
    await trouble();
  } finally {
    over = true;
  }
  await Promise.all(workers);
  return tally;
}

async function kill(count: number, applicationName: string): Promise<void> {
  for (let killed = 0; killed < count; ) {
    const victims = await control.query<{ killed: boolean }>(
      `select pg_terminate_backend(pid) as killed from pg_stat_activity
       where application_name = $1 order by random() limit 2`,
      [applicationName],
    );
    killed += victims.filter(({ killed }) => killed).length;
    await sleep(3);
  }
}

/** What is stored is what was acknowledged and a share of what is unknown; each in `parts` parts, of one transaction. */
async function checkStored(t: Test, tally: Tally, parts: number): Promise<void> {
  const rows = await control.query<{ key: string; parts: number; transactions: number }>(
    `select worker || '/' || n as key, count(*) as parts, count(distinct transaction::text) as transactions
     from part group by worker, n`,
  );
  const stored = new Set(rows.map(({ key }) => key));
  const { acknowledged, unknown, none, other } = tally;
  t.comment(`${acknowledged.size} acknowledged, ${none.size} failed, ${unknown.size} unknown`);
  t.strictSame(other, [], 'all errors say that the database is unavailable');
  t.ok(acknowledged.size > 100 && none.size + unknown.size > 10, 'there was work, and there was trouble');
  t.strictSame(
    rows.filter((row) => row.parts !== parts || row.transactions !== 1),
    [],
    'all transactions are whole',
  );
  t.strictSame(
    [...acknowledged].filter((key) => !stored.has(key)),
    [],
    'what was acknowledged is stored',
  );
  t.strictSame(
    [...none].filter((key) => stored.has(key)),
    [],
    'what was said not to be stored is not',
  );
  t.strictSame(
    [...stored].filter((key) => !acknowledged.has(key) && !unknown.has(key)),
    [],
  );
  t.strictSame(escaped, [], 'no error escaped');
}

const insertPart = 'insert into part (worker, n, part) values ($1, $2, $3)';

const writers: Record<string, { parts: number; write(pool: Pool, worker: number, n: number): Promise<unknown> }> = {
  'transactions that await each statement': {
    parts: 2,
    write: (pool, worker, n) =>
      pool.transaction({}, async (session) => {
        await session.query(insertPart, [worker, n, 1]);
        await session.query(insertPart, [worker, n, 2]);
      }),
  },
  'transactions that send all at once': {
    parts: 3,
    write: (pool, worker, n) =>
      pool.transaction({ tenant: 'acme' }, (session) =>
        Promise.all([1, 2, 3].map((part) => session.query(insertPart, [worker, n, part]))),
      ),
  },
  'statements of their own': { parts: 1, write: (pool, worker, n) => pool.query(insertPart, [worker, n, 1]) },
};

for (const [name, { parts, write }] of Object.entries(writers)) {
  t.test(`300 kills under ${name} give errors to the callers and nothing else`, async (t) => {
    await control.query('truncate part');
    const pool = open(t, { size: 10, applicationName: 'under fire' });
    const tally = await workThrough(
      (worker, n) => write(pool, worker, n),
      () => kill(300, 'under fire'),
    );
    await checkStored(t, tally, parts);
    t.match(pool.stats, { busy: 0, waiting: 0 });
    t.strictSame(await pool.query('select 1 as one'), [{ one: 1 }]);
  });
}

t.test('a server that is killed and comes back is served from again', async (t) => {
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    await control.query('truncate part');
    const pool = open(t, { size: 10 });
    const write = writers['transactions that await each statement'];
    const tally = await workThrough(
      async (worker, n) => write?.write(pool, worker, n),
      async () => {
        await sleep(300);
        await server.stop(signal);
        await sleep(200);
        await server.start();
        await sleep(300);
      },
    );
    // The connection of `control` died as well: the first call may be the one that finds out.
    await control.query('select 1', [], { readOnly: true });
    await checkStored(t, tally, 2);
    t.match(pool.stats, { busy: 0, waiting: 0 });
    t.strictSame(await pool.query('select 1 as one'), [{ one: 1 }]);
  }
});

t.test('nothing escaped', async (t) => {
  t.strictSame(escaped, []);
});
