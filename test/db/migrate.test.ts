/** Migrations: each once, side by side, refused when the database is not of this version; and what they grant. */
import t, { type Test } from 'tap';
import type { Pool, Target } from '../../src/db/connection.ts';
import { migrate, pendingMigrations } from '../../src/db/migrate.ts';
import { createDatabase, poolFor, type TestDatabase } from '../database.ts';

/** A database without anything in it. */
async function emptyDatabase(t: Test): Promise<{ database: TestDatabase; owner: Pool; service: Pool }> {
  const database = await createDatabase(t);
  const owner = poolFor(t, database.owner, 1);
  await owner.query('drop schema public cascade');
  await owner.query('create schema public');
  return { database, owner, service: poolFor(t, database.service, 2) };
}

const roleOf = (target: Target): string =>
  'url' in target ? decodeURIComponent(new URL(target.url).username) : target.username;

const schemaOf = async (owner: Pool): Promise<unknown> =>
  owner.query(
    `select relname, relacl::text, relrowsecurity from pg_class where relnamespace = 'public'::regnamespace order by relname`,
  );

t.test('an empty database gets everything, a second run finds nothing to do', async (t) => {
  const { database, owner, service } = await emptyDatabase(t);
  const role = roleOf(database.service);
  const files = await migrate(owner, role);
  t.match(files[0], /^0001_\w+\.sql$/);
  t.same(files, [...files].sort());
  const schema = await schemaOf(owner);
  t.same(await migrate(owner, role), []);
  t.same(await schemaOf(owner), schema);
  t.same(await pendingMigrations(service), [], 'the service finds it up to date');
  const rows = await owner.query('select number, name from migration order by number');
  t.same(
    rows,
    files.map((name, i) => ({ number: i + 1, name })),
  );
});

t.test('of several at once one does it, the others find it done', async (t) => {
  const { database, owner } = await emptyDatabase(t);
  const role = roleOf(database.service);
  const pools = [owner, ...Array.from({ length: 3 }, () => poolFor(t, database.owner, 1))];
  const outcomes = await Promise.all(pools.map((pool) => migrate(pool, role)));
  t.same(outcomes.map(({ length }) => Math.min(length, 1)).sort(), [0, 0, 0, 1]);
});

t.test('before a migration the service is told what is missing', async (t) => {
  const { database, owner, service } = await emptyDatabase(t);
  const files = await pendingMigrations(service);
  t.ok(files.length >= 3);
  t.same(await migrate(owner, roleOf(database.service)), files);
  await owner.query('delete from migration where number = 2');
  t.same(await pendingMigrations(service), [files[1]]);
});

t.test('a migration whose text changed after it ran is refused', async (t) => {
  const { database, owner } = await emptyDatabase(t);
  await migrate(owner, roleOf(database.service));
  const schema = await schemaOf(owner);
  await owner.query("update migration set digest = repeat('0', 64) where number = 2");
  await t.rejects(migrate(owner, roleOf(database.service)), {
    name: 'MigrationError',
    message: /another text of 0002_\w+\.sql/,
  });
  t.same(await schemaOf(owner), schema, 'nothing was changed');
});

t.test('a database that is newer is refused', async (t) => {
  const { database, owner } = await emptyDatabase(t);
  await migrate(owner, roleOf(database.service));
  await owner.query("insert into migration (number, name, digest) values (9999, '9999_later.sql', 'x')");
  await t.rejects(migrate(owner, roleOf(database.service)), {
    name: 'MigrationError',
    message: /9999_later\.sql.*older than the database/,
  });
});

t.test('a migration that cannot be finished leaves nothing behind', async (t) => {
  const { owner } = await emptyDatabase(t);
  await t.rejects(migrate(owner, 'nobody"; drop schema public cascade; --'), {
    code: '42704',
    message: 'role "nobody"; drop schema public cascade; --" does not exist',
  });
  t.same(await schemaOf(owner), [], 'no table, not even that of the migrations');
});

/** What a role may do with a table: the closed list of db/grants.sql. */
const allowed: Record<string, string> = {
  actor: 'SELECT INSERT',
  approved_span: 'SELECT INSERT',
  facet: 'SELECT INSERT DELETE',
  idempotency: 'SELECT INSERT DELETE',
  import_item: 'SELECT INSERT',
  import_plan: 'SELECT INSERT DELETE',
  link: 'SELECT INSERT UPDATE DELETE',
  migration: 'SELECT',
  resource: 'SELECT INSERT UPDATE DELETE',
  review: 'SELECT INSERT',
  revision: 'SELECT INSERT',
  tenant: 'SELECT',
  tenant_head: 'SELECT UPDATE',
  tree_node: 'SELECT INSERT',
};

async function privilegesOf(owner: Pool, role: string): Promise<Record<string, string>> {
  const rows = await owner.query<{ table: string; privileges: string }>(
    `select c.relname as table, coalesce(string_agg(p.name, ' ' order by p.place) filter (where has_table_privilege($1, c.oid, p.name)), '') as privileges
     from pg_class c cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) with ordinality as p (name, place)
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') group by c.relname order by c.relname`,
    [role],
  );
  return Object.fromEntries(rows.map(({ table, privileges }) => [table, privileges]));
}

t.test('the role of the service gets what is listed and no more', async (t) => {
  const { database, owner } = await emptyDatabase(t);
  const role = roleOf(database.service);
  await migrate(owner, role);
  t.same(await privilegesOf(owner, role), allowed);
  const columns = await owner.query(
    `select c.relname as table, a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
       and has_column_privilege($1, c.oid, a.attnum, 'UPDATE') and not has_table_privilege($1, c.oid, 'UPDATE')
     order by c.relname, a.attnum`,
    [role],
  );
  t.same(
    columns,
    [
      { table: 'approved_span', column: 'valid_to' },
      { table: 'import_plan', column: 'state' },
      { table: 'import_plan', column: 'applied_at' },
      { table: 'import_plan', column: 'applied_by' },
      { table: 'review', column: 'state' },
      { table: 'review', column: 'due_on' },
      { table: 'review', column: 'assignee' },
      { table: 'review', column: 'completed_by' },
    ],
    'of the spans it may set the end, of a plan that it was applied, of a review what an open one can change, and that it was completed',
  );
  const functions = await owner.query<{ name: string; public: boolean; role: boolean }>(
    `select p.proname as name, has_function_privilege($1, p.oid, 'execute') as role,
       p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0) as public
     from pg_proc p where p.pronamespace = 'public'::regnamespace order by 1`,
    [role],
  );
  t.same(
    functions.filter((each) => !each.role).map(({ name }) => name),
    ['delegate_by_tenant', 'distribute_by_tenant', 'distribute_everywhere', 'isolate_by_tenant'],
    'what lays out tables is for their owner',
  );
  t.same(
    functions.filter((each) => each.public),
    [],
    'nothing is for everybody',
  );
  const unprotected = await owner.query(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
       and (not relrowsecurity or not exists (select from pg_policy where polrelid = pg_class.oid)) order by 1`,
  );
  t.same(unprotected, [{ relname: 'migration' }], 'every table of tenants is isolated');
});

t.test('the service may have another role, and what was given too much is taken back', async (t) => {
  const { owner } = await emptyDatabase(t);
  // A role that every PostgreSQL has, since making one needs rights that an owner may lack.
  const role = 'pg_read_all_settings';
  await migrate(owner, role);
  t.same(await privilegesOf(owner, role), allowed);
  await owner.query(`grant all on revision, tenant to ${role}`);
  t.not((await privilegesOf(owner, role)).revision, allowed.revision);
  await migrate(owner, role);
  t.same(await privilegesOf(owner, role), allowed);
});
