/** `db/schema.sql` says what the migrations make, and makes the same. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { dumpSchema, schemaFile } from '../../scripts/schema.ts';
import type { Pool, Target } from '../../src/db/connection.ts';
import { createDatabase, poolFor } from '../database.ts';

let owner: Pool;
let service: string;
let file: string;
t.before(async () => {
  const database = await createDatabase(t);
  owner = poolFor(t, database.owner, 1);
  service = roleOf(database.service);
  file = await readFile(schemaFile, 'utf8');
});

const roleOf = (target: Target): string =>
  'url' in target ? decodeURIComponent(new URL(target.url).username) : target.username;
const dumped = (): Promise<string> => owner.transaction({ readOnly: true }, (session) => dumpSchema(session, service));

t.test('the committed schema is that of the migrations (else run: npm run schema)', async (t) => {
  t.equal(await dumped(), file);
  t.equal(await dumped(), file, 'again the same');
});

t.test('everything belongs to one role', async (t) => {
  const owners = await owner.query(
    `select distinct pg_get_userbyid(o) = current_user as mine from (
       select relowner from pg_class where relnamespace = 'public'::regnamespace union
       select proowner from pg_proc where pronamespace = 'public'::regnamespace) as objects (o)`,
  );
  t.same(owners, [{ mine: true }]);
});

t.test('a change of any kind shows', async (t) => {
  const changes = [
    'alter table facet add column extra text',
    'alter table actor alter column issuer drop not null',
    "alter table facet alter column value set default 'x'",
    'alter table facet alter column value type varchar(10)',
    'alter table facet alter column value type text collate "POSIX"',
    'alter table revision alter column content set storage extended',
    'alter table link reset (fillfactor)',
    'alter table resource drop constraint resource_state_known',
    'alter table facet drop constraint facet_resource_fkey',
    'drop index revision_recorded_at',
    'create index other on facet (tenant_id)',
    'alter table facet disable row level security',
    'drop policy tenant_isolation on facet',
    'alter policy tenant_isolation on facet using (true)',
    'alter function find_tenant(text) security invoker',
    'drop function forget_old_answers()',
    'create table other (a integer)',
    'grant update on revision to public',
    `grant delete on revision to "${service}"`,
    `grant update (content) on revision to "${service}"`,
    `revoke update (valid_to) on approved_span from "${service}"`,
    'grant execute on function isolate_by_tenant(regclass) to public',
  ];
  for (const change of changes) {
    const undone = new Error('undone');
    const trial = owner.transaction({}, async (session) => {
      await session.query(change);
      t.not(await dumpSchema(session, service), file, change);
      throw undone;
    });
    await t.rejects(trial, undone);
  }
  t.equal(await dumped(), file);
  t.comment(`${changes.length} changes`);
});

t.test('it makes the same schema in an empty database', async (t) => {
  await owner.query('drop schema public cascade');
  await owner.query('create schema public');
  await owner.transaction({}, (session) => session.simple(file.replaceAll(':service', `"${service}"`)));
  t.equal(await dumped(), file);
});
