import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import t from 'tap';
import { binaryPackage } from '../../src/db/binaries.ts';
import { type EmbeddedDatabase, runningEmbedded, startEmbedded, type Target } from '../../src/db/embedded.ts';

const FOLDER = `postgres-${binaryPackage().major}`;
const scratch = mkdtempSync(join(tmpdir(), 'embedded-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

/** One data folder, used by most tests in turn: each of them ends with nothing running on it. */
const data = join(scratch, 'data');
const folder = join(data, FOLDER);

async function using<T>(target: Target, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres({ ...target, max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

function addNote(database: EmbeddedDatabase, text: string) {
  return using(database.owner, async (sql) => {
    await sql`CREATE TABLE IF NOT EXISTS note (text text NOT NULL)`;
    await sql`INSERT INTO note VALUES (${text})`;
  });
}

function notes(database: EmbeddedDatabase): Promise<string[]> {
  return using(database.owner, async (sql) => (await sql`SELECT text FROM note ORDER BY text`).map((row) => row.text));
}

/** Starts another process that plays a service, and gives its first line: `ready`, or why not. */
async function service(dataDirectory: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'embedded-service.ts'), dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!child.stdout) throw new Error('no pipe');
  const [said] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, said };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** A back end at work, which outlives a killed server by seconds and keeps its shared memory. */
async function busyBackEnd(target: Target): Promise<{ busy: postgres.Sql; backEnd: number }> {
  const busy = postgres({ ...target, max: 1 });
  const [row] = await busy`SELECT pg_backend_pid() AS pid`;
  busy`SELECT count(*) FROM generate_series(1, 30000000)`.catch(() => {});
  await until(() => readFileSync(`/proc/${row?.pid}/cmdline`, 'utf8').includes('SELECT'));
  return { busy, backEnd: row?.pid };
}

function serverProcess(): number {
  return Number.parseInt(readFileSync(join(folder, 'postmaster.pid'), 'utf8'), 10);
}

function parentOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

t.test('a first start creates the database, a later one finds what was kept in it', async (t) => {
  const first = await startEmbedded({ dataDirectory: data });
  await addNote(first, 'kept');
  await first.stop();
  t.notOk(existsSync(join(folder, 'postmaster.pid')), 'nothing runs after the stop');

  const second = await startEmbedded({ dataDirectory: data });
  t.same(await notes(second), ['kept']);
  await second.stop();
  t.resolves(second.stop(), 'stopping twice does no harm');
});

t.test('only its own user reaches the database, and only through the socket', async (t) => {
  const lines: string[] = [];
  const database = await startEmbedded({ dataDirectory: data, log: (line) => lines.push(line) });
  t.teardown(() => database.stop());
  const mode = (...path: string[]) => (lstatSync(join(data, ...path)).mode & 0o777).toString(8);
  t.equal(mode(), '700');
  t.equal(mode(FOLDER), '700');
  t.equal(mode(FOLDER, '.s.PGSQL.5432'), '700');
  t.equal(mode(FOLDER, 'ropa_owner.password'), '600');
  t.equal(mode(FOLDER, 'ropa_service.password'), '600');
  t.not(database.owner.password, database.service.password);

  await using(database.owner, async (sql) => {
    t.same(
      await sql`SELECT current_setting('listen_addresses') AS addresses, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commit, current_setting('max_connections') AS connections`,
      [{ addresses: '', fsync: 'on', commit: 'on', connections: '60' }],
    );
    t.same(
      await sql`SELECT datcollate, datctype, datlocprovider, datlocale, pg_encoding_to_char(encoding) AS encoding
        FROM pg_database WHERE datname = current_database()`,
      [{ datcollate: 'C.UTF-8', datctype: 'C.UTF-8', datlocprovider: 'b', datlocale: 'C.UTF-8', encoding: 'UTF8' }],
    );
    await t.rejects(sql`INSERT INTO note VALUES (${null})`, { code: '23502' });
    await t.rejects(sql.unsafe("SELECT 'Mrs Miller'::int"), { code: '22P02' });
  });
  t.match(lines.join('\n'), 'ready to accept connections');
  t.notMatch(lines.join('\n'), 'Miller', 'what clients send does not reach the log');

  await t.rejects(
    using({ ...database.service, password: database.owner.password }, (sql) => sql`SELECT 1`),
    { code: '28P01' },
    'a wrong password',
  );
  await t.rejects(
    using({ ...database.service, username: 'postgres' }, (sql) => sql`SELECT 1`),
    { code: '28000' },
    'the superuser cannot log in',
  );
});

t.test('the service is no more than a client of the owner', async (t) => {
  const database = await startEmbedded({ dataDirectory: data });
  t.teardown(() => database.stop());
  const roles = (target: Target) =>
    using(target, (sql) =>
      sql.unsafe(
        'SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user',
      ),
    );
  t.same(await roles(database.owner), [
    { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: true },
  ]);
  t.same(await roles(database.service), [
    { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false },
  ]);
  await using(database.owner, async (sql) => {
    await sql.unsafe('GRANT SELECT ON note TO ropa_service');
  });
  await using(database.service, async (sql) => {
    t.same(await sql`SELECT text FROM note`, [{ text: 'kept' }], 'it reads what it was granted');
    for (const statement of [
      'SET ROLE ropa_owner',
      'SET SESSION AUTHORIZATION ropa_owner',
      'SET ROLE postgres',
      "INSERT INTO note VALUES ('forged')",
      'CREATE TABLE mine (id int)',
      'CREATE DATABASE mine',
      'DROP TABLE note',
    ]) {
      await t.rejects(sql.unsafe(statement), { code: '42501' }, statement);
    }
    t.same(await sql`SELECT FROM pg_class WHERE pg_get_userbyid(relowner) = current_user`, [], 'it owns nothing');
  });
});

t.test('another process of the user finds the running database', async (t) => {
  t.equal(await runningEmbedded(data), undefined, 'none runs');
  t.equal(await runningEmbedded(join(scratch, 'nowhere')), undefined, 'no such folder');
  const { child, said } = await service(data);
  t.equal(said, 'ready');
  const found = await runningEmbedded(data);
  if (!found) throw new Error('not found');
  t.same(await using(found.service, (sql) => sql`SELECT text FROM note`), [{ text: 'kept' }]);
  t.equal(found.owner.username, 'ropa_owner');
  await end(child, 'SIGTERM');
  await until(() => !existsSync(join(folder, 'postmaster.pid')));
  t.equal(await runningEmbedded(data), undefined, 'it runs no longer');
});

t.test('a second service on the folder is refused, with the number of the first', async (t) => {
  const database = await startEmbedded({ dataDirectory: data });
  const { child, said } = await service(data);
  await once(child, 'exit');
  t.equal(child.exitCode, 1);
  t.match(said, `process ${process.pid})`);
  t.match(said, data);
  await t.rejects(startEmbedded({ dataDirectory: data }), { message: `process ${process.pid})` }, 'in one process too');
  t.same(await notes(database), ['kept'], 'the first one works on');
  await database.stop();
});

t.test('PostgreSQL ends with a service that was killed', async (t) => {
  const { child, said } = await service(data);
  t.equal(said, 'ready');
  const pid = serverProcess();
  await end(child, 'SIGKILL');
  await until(() => !existsSync(`/proc/${pid}/cwd`));
  t.notOk(existsSync(join(folder, 'postmaster.pid')), 'it was shut down in order');

  const database = await startEmbedded({ dataDirectory: data });
  t.same(await notes(database), ['kept']);
  await database.stop();
});

t.test('a start that follows at once upon the kill works', async (t) => {
  const { child } = await service(data);
  await end(child, 'SIGKILL');
  const database = await startEmbedded({ dataDirectory: data });
  t.same(await notes(database), ['kept']);
  await database.stop();
});

t.test('a start waits for the back ends of a PostgreSQL that was killed together with its service', async (t) => {
  const { child } = await service(data);
  const found = await runningEmbedded(data);
  if (!found) throw new Error('not found');
  const { busy, backEnd } = await busyBackEnd(found.service);
  child.kill('SIGSTOP');
  process.kill(serverProcess(), 'SIGKILL');
  await end(child, 'SIGKILL');
  t.ok(existsSync(`/proc/${backEnd}/cwd`), 'a back end is at work');

  const lines: string[] = [];
  const database = await startEmbedded({ dataDirectory: data, log: (line) => lines.push(line) });
  t.match(lines.join('\n'), 'pre-existing shared memory block');
  t.notOk(existsSync(`/proc/${backEnd}/cwd`), 'it ended before the new server began');
  await busy.end({ timeout: 0 });
  t.same(await notes(database), ['kept']);
  await database.stop();
});

t.test('an orphan that lost its supervisor too is stopped, and a server started anew', async (t) => {
  const { child } = await service(data);
  const orphan = serverProcess();
  const supervisor = parentOf(orphan);
  const watchers = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== orphan && existsSync(`/proc/${pid}/stat`) && parentOf(pid) === supervisor);
  t.equal(watchers.length, 1);
  child.kill('SIGSTOP');
  for (const pid of [...watchers, supervisor]) process.kill(pid, 'SIGKILL');
  await end(child, 'SIGKILL');
  t.ok(existsSync(`/proc/${orphan}/cwd`), 'the orphan lives');

  const lines: string[] = [];
  const database = await startEmbedded({ dataDirectory: data, log: (line) => lines.push(line) });
  t.match(lines[0], `PostgreSQL (process ${orphan}) runs without its service`);
  t.not(serverProcess(), orphan);
  t.same(await notes(database), ['kept']);
  await database.stop();
});

t.test('a killed PostgreSQL comes up again by itself, with what was committed', async (t) => {
  const database = await startEmbedded({ dataDirectory: data });
  const told: string[] = [];
  let up = Promise.withResolvers<void>();
  database.onDown((event, reason) => {
    told.push(`${event}: ${reason}`);
    if (event === 'up') up.resolve();
  });
  await addNote(database, 'just committed');

  const { busy, backEnd } = await busyBackEnd(database.service);
  process.kill(serverProcess(), 'SIGKILL');
  await up.promise;
  t.match(told, ['down: PostgreSQL died: it was ended by signal 9.', 'up: PostgreSQL takes connections again.']);
  t.notOk(existsSync(`/proc/${backEnd}/cwd`), 'nothing of the dead server lives beside the new one');
  await busy.end({ timeout: 0 });
  t.same(await notes(database), ['just committed', 'kept']);

  up = Promise.withResolvers<void>();
  process.kill(parentOf(serverProcess()), 'SIGKILL');
  await up.promise;
  t.match(told[2], 'its supervisor was ended by SIGKILL');
  t.equal(told.length, 4);
  t.same(await notes(database), ['just committed', 'kept'], 'and so after the loss of its supervisor');
  await database.stop();
  t.equal(told.length, 4, 'a stop that was asked for is not told');
});

t.test('a number in the lock file that came to another process is no hindrance', async (t) => {
  const { child } = await service(data);
  const lockFiles = [join(folder, 'postmaster.pid'), join(folder, '.s.PGSQL.5432.lock')];
  const left = lockFiles.map((file) => readFileSync(file, 'utf8'));
  const pid = serverProcess();
  await end(child, 'SIGKILL');
  await until(() => !existsSync(lockFiles[0] ?? ''));

  const { uid, gid } = statSync(folder);
  const stranger = spawn('sleep', ['600'], { uid, gid, cwd: '/', stdio: 'ignore' });
  t.teardown(() => stranger.kill());
  for (const [index, file] of lockFiles.entries()) {
    writeFileSync(file, (left[index] ?? '').replace(String(pid), String(stranger.pid)));
  }
  const database = await startEmbedded({ dataDirectory: data });
  t.same(await notes(database), ['just committed', 'kept']);
  await database.stop();
  t.equal(stranger.exitCode ?? stranger.signalCode, null, 'the other process was left alone');
});

t.test('a crash while the database is being created leaves nothing that is taken for one', async (t) => {
  const fresh = join(scratch, 'fresh');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'embedded-service.ts'), fresh], { stdio: 'ignore' });
  const drafts = () => (existsSync(fresh) ? readdirSync(fresh).filter((name) => name.includes('.new-')) : []);
  await until(() => drafts().some((name) => existsSync(join(fresh, name, 'PG_VERSION'))));
  await end(child, 'SIGKILL');
  t.equal(drafts().length, 1);
  t.notOk(existsSync(join(fresh, FOLDER)));

  const database = await startEmbedded({ dataDirectory: fresh });
  t.same(drafts(), [], 'what was left has been removed');
  t.same(await using(database.service, (sql) => sql`SELECT 1 AS one`), [{ one: 1 }]);
  await database.stop();
});

t.test('a deep path with blanks, below a folder that only its owner may enter', async (t) => {
  const closed = join(scratch, 'closed to others');
  mkdirSync(closed, { mode: 0o700 });
  const deep = join(closed, 'far down/'.repeat(12), "the register's data");
  t.ok(deep.length > 107);
  const database = await startEmbedded({ dataDirectory: deep });
  await addNote(database, 'deep');
  t.same(await notes(database), ['deep']);
  const found = await runningEmbedded(deep);
  t.same(found && (await using(found.owner, (sql) => sql`SELECT text FROM note`)), [{ text: 'deep' }]);
  await database.stop();
  const again = await startEmbedded({ dataDirectory: deep });
  t.same(await notes(again), ['deep']);
  await again.stop();
});

t.test('settings of the caller go before ours', async (t) => {
  const database = await startEmbedded({ dataDirectory: data, settings: { max_connections: '20' } });
  t.same(await using(database.owner, (sql) => sql`SHOW max_connections`), [{ max_connections: '20' }]);
  await database.stop();
  await t.rejects(startEmbedded({ dataDirectory: data, settings: { max_connections: 'many' } }), {
    message: /^PostgreSQL does not start on .*max_connections.*$/,
  });
  t.equal(await runningEmbedded(data), undefined);
});

t.test('a folder that cannot be used is refused in one line', async (t) => {
  const place = (name: string) => join(scratch, 'refused', name);
  mkdirSync(place(''));
  const cases: [name: string, path: string, message: RegExp, arrange: (path: string) => void][] = [
    ['a file', 'file', /is a file/, (path) => writeFileSync(path, '')],
    ['below a file', 'file/data', /is a file/, () => {}],
    [
      'of another major version',
      'old',
      /another major version/,
      (path) => mkdirSync(join(path, 'postgres-15'), { recursive: true }),
    ],
    [
      'with something else in the place of the database',
      'else',
      /finds no database/,
      (path) => {
        mkdirSync(join(path, FOLDER), { recursive: true });
        writeFileSync(join(path, FOLDER, 'letter.txt'), '');
      },
    ],
  ];
  // Root may write everywhere.
  if (process.getuid?.() !== 0) {
    const closed = (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o500);
    };
    cases.push(['without permission to write', 'closed', /has no permission/, closed]);
    cases.push(['below a folder without permission to write', 'closed/data', /has no permission/, () => {}]);
  }
  for (const [name, path, message, arrange] of cases) {
    arrange(place(path));
    const error = await startEmbedded({ dataDirectory: place(path) }).catch((error) => error);
    t.type(error, Error, name);
    t.match(error.message, message, name);
    t.match(error.message, place(path), `${name}: names the path`);
    t.notMatch(error.message, '\n', `${name}: is one line`);
  }
  t.same(
    readdirSync(place('old')).filter((entry) => entry.includes('.new-')),
    [],
    'no half database is left',
  );
  t.comment(`${cases.length} folders`);
});
