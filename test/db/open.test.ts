/** Opening the databases that the settings name: a role that could see through the tenants is refused. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createPool } from '../../src/db/connection.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createTenantsBeside, type DatabaseSettings, openDatabases } from '../../src/db/open.ts';
import { findTenant } from '../../src/db/tenants.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
const url = (role: string, database = 'register') =>
  `postgres://${role}@${encodeURIComponent(server.target.host as string)}/${database}`;
const settings = (given: { url?: string; readUrl?: string }): DatabaseSettings => ({
  dataDirectory: join(tmpdir(), 'register-nowhere'),
  database: { connections: 2, ...given },
});
const silent = () => {};

t.before(async () => {
  server = await startServer();
  t.teardown(() => server.remove());
  const superuser = createPool({ target: server.target, size: 1 });
  for (const statement of [
    'create role owner login createrole',
    'create role service login',
    'create role seer login bypassrls',
    'create role "friend of seer" login in role seer',
    'create role "friend of owner" login in role owner',
    'create role "friend of a friend" login in role "friend of owner"',
    'create role "reluctant friend" login noinherit in role owner',
    'create database register owner owner',
    'create database empty owner owner',
  ]) {
    await superuser.query(statement);
  }
  await superuser.close();
  const owner = createPool({ target: { url: url('owner') }, size: 1 });
  await migrate(owner, 'service');
  await owner.close();
});

async function opened(t: Test, given: { url: string; readUrl?: string }) {
  const databases = await openDatabases(settings(given), silent);
  t.teardown(() => databases.close());
  return databases;
}

t.test('a role of its own that owns nothing is taken', async (t) => {
  const { main, reads } = await opened(t, { url: url('service') });
  t.equal(reads, main, 'reads go to the same database');
  const [row] = await main.query('select current_user as name, count(*) from tenant group by 1');
  t.equal(row, undefined, 'and sees no tenant');
  t.equal(await findTenant(main, 'nobody'), undefined);
});

t.test('reads may go to a database of their own', async (t) => {
  const { main, reads } = await opened(t, { url: url('service'), readUrl: url('service') });
  t.not(reads, main);
  t.same(await reads.query('select 1 as one'), [{ one: 1 }]);
});

const strong: Record<string, RegExp> = {
  postgres: /superuser/,
  seer: /bypasses row-level security/,
  'friend of seer': /bypasses row-level security/,
  owner: /owns tables/,
  'friend of owner': /owner/,
  'friend of a friend': /owner/,
  'reluctant friend': /owner/,
};

for (const [role, why] of Object.entries(strong)) {
  t.test(`the role "${role}" is refused`, async (t) => {
    const name = encodeURIComponent(role);
    const refusal = { name: 'DatabaseRefused', message: why };
    await t.rejects(openDatabases(settings({ url: url(name) }), silent), refusal);
    await t.rejects(
      openDatabases(settings({ url: url('service'), readUrl: url(name) }), silent),
      { name: 'DatabaseRefused', message: new RegExp(`${role} of DATABASE_READ_URL`) },
      'for reads too',
    );
  });
}

t.test('a database that lacks migrations is refused, with what to do', async (t) => {
  const opening = openDatabases(settings({ url: url('service', 'empty') }), silent);
  await t.rejects(opening, {
    name: 'DatabaseRefused',
    message: /lacks \d+ migrations \(0001_\w+\.sql and on\).*npm run migrate/,
  });
});

t.test('a database that is not there is told in one line', async (t) => {
  for (const wrong of [url('service', 'nowhere'), 'postgres://service@127.0.0.1:1/register']) {
    const error = await openDatabases(settings({ url: wrong }), silent).then(
      () => t.fail('it was opened'),
      (reason: Error) => reason,
    );
    t.match(error, { name: 'DatabaseRefused', message: /^The database of DATABASE_URL cannot be used: .+$/ });
  }
});

t.test('tenants are made beside a service that runs', async (t) => {
  const { main } = await opened(t, { url: url('service') });
  await createTenantsBeside(settings({ url: url('service') }), ['one', 'two', 'one']);
  t.type(await findTenant(main, 'one'), 'string');
  t.not(await findTenant(main, 'one'), await findTenant(main, 'two'));
});

t.test('the embedded database is migrated, closed and opened again', async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'register-open-'));
  t.teardown(() => rm(dataDirectory, { recursive: true, force: true }));
  const embedded = { dataDirectory, database: { connections: 2 } };
  await t.rejects(createTenantsBeside(embedded, ['early']), { name: 'DatabaseRefused', message: /start it first/ });
  const first = await openDatabases(embedded, silent);
  await createTenantsBeside(embedded, ['kept']);
  const id = await findTenant(first.main, 'kept');
  t.type(id, 'string');
  await first.close();
  await t.rejects(first.main.query('select 1'));
  const second = await openDatabases(embedded, silent);
  t.teardown(() => second.close());
  t.equal(await findTenant(second.main, 'kept'), id);
  const [role] = await second.main.query<{ strong: boolean }>(
    'select rolsuper or rolbypassrls or rolcreaterole as strong from pg_roles where rolname = current_user',
  );
  t.equal(role?.strong, false);
});
