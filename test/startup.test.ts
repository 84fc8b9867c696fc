/** How the service starts, why it refuses to, and how it stops: what the person sees who runs it. */
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { addressOf, createDatabase, poolFor } from './database.ts';
import { call, lives, newSite, type Process, type Site, start } from './running.ts';
import { clientOf } from './stored.ts';

t.setTimeout(230_000);

/** The service ends by itself, with one line that says why. */
async function refused(t: Test, process: Process, line: RegExp, why: string): Promise<void> {
  const ended = await process.ended;
  t.same(ended, { code: 1, signal: null }, `${why}: it ends`);
  t.match(process.stderr(), line, `${why}: it says so`);
  t.equal(process.stderr().trimEnd().split('\n').length, 1, `${why}: in one line`);
  t.equal(process.stdout(), '', `${why}: and nothing else`);
}

async function stopped(t: Test, process: Process): Promise<void> {
  process.child.kill('SIGTERM');
  t.same(await process.ended, { code: 0, signal: null }, 'it stops when it is asked to');
}

async function ready(process: Process): Promise<number> {
  return (await call(await process.listening, '', '/health/ready')).status;
}

t.test('wrong settings', async (t) => {
  const folder = t.testdir({ file: 'not a folder' });
  const cases: [settings: Record<string, string>, line: RegExp][] = [
    [{ PORT: 'abc' }, /^PORT is "abc"; it must be a whole number from 0 to 65535\./],
    [{ HOST: '0.0.0.0' }, /^HOST is "0\.0\.0\.0".* needs AUTH_ISSUER/],
    [{ DATABSE_URL: 'postgres://a@b/c' }, /^DATABSE_URL is no setting; did you mean DATABASE_URL\?/],
    [{ DATABASE_URL: 'mysql://user:secret@host/database' }, /^DATABASE_URL does not begin with postgres:/],
    [{ DATA_DIR: join(folder, 'file') }, /The data folder .*file cannot be used: .* is a file\./],
  ];
  for (const [settings, line] of cases) {
    const process = start({ DATA_DIR: join(folder, 'data'), ...settings });
    await refused(t, process, line, Object.keys(settings).join());
    t.notMatch(process.stderr(), 'secret');
  }
  t.comment(`${cases.length} wrong settings`);
});

t.test('a second service on the same data folder', async (t) => {
  const site = newSite(t);
  const first = site.start();
  t.equal(await ready(first), 200, 'the first one works');
  const line = new RegExp(
    `Another service \\(process ${first.child.pid}\\) runs on the data folder ${site.dataDirectory}`,
  );
  await refused(t, site.start(), line, 'second service');
  t.equal(await ready(first), 200, 'the first one works on');
  const postgres = site.postgres();
  await stopped(t, first);
  t.notOk(postgres === undefined || lives(postgres), 'PostgreSQL ended with it');
});

t.test('a port that is taken', async (t) => {
  const taken = await listeningServer(t);
  const site = newSite(t, { PORT: String(taken) });
  await refused(t, site.start(), new RegExp(`^PORT ${taken} is taken by another process`), 'port taken');
  t.equal(site.postgres(), undefined, 'PostgreSQL is not left running');
});

t.test('a database of DATABASE_URL', async (t) => {
  const database = await createDatabase(t);
  const DATA_DIR = t.testdir();
  const [service, owner] = [addressOf(database.service), addressOf(database.owner)];

  const process = start({ DATA_DIR, DATABASE_URL: service });
  t.equal(await ready(process), 200, 'the role of the service on a migrated database');
  await stopped(t, process);

  const strong = /^The role \S+ of DATABASE_URL (owns tables|is, or may become, a superuser)/;
  await refused(t, start({ DATA_DIR, DATABASE_URL: owner }), strong, 'the role that owns the tables');

  const pool = poolFor(t, database.owner, 1);
  await pool.query('delete from migration where number = (select max(number) from migration)');
  const pending = /^The database lacks 1 migrations \(.*\); run npm run migrate first\./;
  await refused(t, start({ DATA_DIR, DATABASE_URL: service }), pending, 'a migration is missing');

  const nobody = await listeningServer(t, { andClose: true });
  const unreachable = /^The database of DATABASE_URL cannot be used: connect ECONNREFUSED 127\.0\.0\.1/;
  const address = `postgres://user:secret@127.0.0.1:${nobody}/database`;
  const alone = start({ DATA_DIR, DATABASE_URL: address });
  await refused(t, alone, unreachable, 'nobody listens there');
  t.notMatch(alone.stderr(), 'secret');

  const unknown = /^The database of DATABASE_URL cannot be used: database "nowhere" does not exist/;
  const elsewhere = new URL(service);
  elsewhere.pathname = '/nowhere';
  await refused(t, start({ DATA_DIR, DATABASE_URL: elsewhere.href }), unknown, 'there is no such database');
});

t.test('a stop while requests run', async (t) => {
  const site = newSite(t);
  const process = site.start();
  const address = await process.listening;
  const token = await site.token('someone@default', ['default'], 'editor');
  const creating = await heldBack(site, () =>
    [1, 2, 3, 4, 5].map((number) => create(address, token, `purpose-${number}`)),
  );
  const postgres = site.postgres();

  process.child.kill('SIGTERM');
  while (await accepts(address)) await sleep(10);
  process.child.kill('SIGTERM');
  t.equal(process.child.exitCode, null, 'it takes no new connection, and waits');
  await creating.release();
  const answers = await Promise.all(creating.answers);
  t.same(
    answers.map(({ status }) => status),
    [201, 201, 201, 201, 201],
    'what ran is answered',
  );
  t.same(await process.ended, { code: 0, signal: null });
  t.equal(process.stderr(), '');
  t.notOk(postgres === undefined || lives(postgres), 'PostgreSQL ended with it');

  const again = site.start();
  const found = await call(await again.listening, token, '/v1/purposes?sort=reference');
  t.same(
    found.json.items,
    answers.map(({ json }) => json),
    'and what was answered is there',
  );
});

function create(address: string, token: string, reference: string) {
  return call(address, token, '/v1/purposes', { method: 'POST', body: { reference, name: reference } });
}

/** Holds back all changes of all tenants, sends some, and waits until each of them is waiting. */
async function heldBack(site: Site, send: () => ReturnType<typeof create>[]) {
  const owner = await clientOf(site.dataDirectory, 'owner');
  await owner.query('begin');
  await owner.query('select from tenant_head for update');
  const answers = send();
  for (let waiting = 0; waiting < answers.length; ) {
    const { rows } = await owner.query('select count(distinct pid)::int as waiting from pg_locks where not granted');
    waiting = rows[0].waiting;
    await sleep(5);
  }
  const release = async () => {
    await owner.query('rollback');
    await owner.end();
  };
  return { answers, release };
}

function accepts(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** The port of a server on loopback; closed at once when only its number is wanted. */
async function listeningServer(t: Test, { andClose = false } = {}): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const close = () => new Promise((resolve) => server.close(resolve));
  if (andClose) await close();
  else t.teardown(close);
  return port;
}
