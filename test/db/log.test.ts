/** Reading the log from the database, and what the service's role may do to it: append and read, nothing else. */
import t from 'tap';
import { definitionOf } from '../../src/article30/index.ts';
import { create, edit, remove } from '../../src/article30/life.ts';
import { defaultSettings } from '../../src/article30/settings.ts';
import type { Pool, Session } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import { listChanges, listEntries, listRevisions, readHead, readRevision, readRootHash } from '../../src/db/log.ts';
import { append, changeOf, look } from '../../src/db/records.ts';
import { createTenant, type Tenant } from '../../src/db/tenants.ts';
import { rootFromLeafHashes } from '../../src/history/tree.ts';
import { createDatabase, poolFor } from '../database.ts';

const definition = definitionOf('purpose');
let pool: Pool;
let owner: Pool;
let tenant: string;
let other: Tenant;
let createdAt: string;
/** A resource that was created, changed three times and deleted, among others. */
let id: string;
const size = 37;

t.before(async () => {
  const database = await createDatabase(t);
  pool = poolFor(t, database.service);
  owner = poolFor(t, database.owner, 1);
  const made = (await createTenant(pool, 'acme'))!;
  [tenant, createdAt] = [made.id, made.createdAt];
  other = (await createTenant(pool, 'other'))!;
  const writer = { tenant, issuer: 'https://issuer.example', subject: 'someone@example.com' };
  const { actor } = await look(pool, writer, { type: 'purpose' });
  const moment = () => ({ now: new Date().toISOString(), actor, settings: defaultSettings, newId });
  const name = 'p';
  let step = create(definition, { name }, 'p', moment());
  id = step.content!.id as string;
  await append(pool, { ...writer, reason: 'Because' }, actor, [changeOf(definition, step)]);
  for (let i = 2; i <= 4; i++) {
    step = edit(definition, step.content!, { name: `p${i}` }, moment());
    await append(pool, writer, actor, [changeOf(definition, step)]);
  }
  await append(pool, writer, actor, [
    changeOf(definition, remove(definition, step.content!, defaultSettings), step.content!),
  ]);
  const draft = { ...moment(), settings: { ...defaultSettings, buildingBlockApproval: 'required' as const } };
  const rest = Array.from({ length: size - 5 }, (_, i) => create(definition, { name: `r${i}` }, `r${i}`, draft));
  await append(
    pool,
    writer,
    actor,
    rest.map((each) => changeOf(definition, each)),
  );
});

const read = <T>(work: (session: Session) => Promise<T>, as = tenant): Promise<T> =>
  pool.transaction({ readOnly: true, tenant: as }, work);
const all = { after: 0, limit: 1000 };

t.test('the head has the size of the log and the time of its last entry', async (t) => {
  const head = await read((session) => readHead(session, tenant));
  const changes = await read((session) => listChanges(session, tenant, all));
  t.same(head, { size, recordedAt: changes.at(-1)?.at });
  t.same(
    await read((session) => readHead(session, other.id), other.id),
    { size: 0, recordedAt: other.createdAt },
    'an empty log has the time of its tenant',
  );
  await t.rejects(
    read((session) => readHead(session, newId())),
    /no log/,
  );
});

t.test('the root of every size is that of the leaves before it', async (t) => {
  const rows = await owner.query<{ leaf_hash: Buffer }>(
    'select leaf_hash from revision where tenant_id = $1 order by sequence',
    [tenant],
  );
  const leaves = rows.map((row) => row.leaf_hash);
  for (let n = 0; n <= size; n++) {
    t.equal(
      await read((session) => readRootHash(session, tenant, n)),
      rootFromLeafHashes(leaves.slice(0, n)).toString('hex'),
      `root of ${n}`,
    );
  }
  await t.rejects(
    read((session) => readRootHash(session, tenant, 64)),
    RangeError,
    'there is no tree of 64 yet',
  );
});

t.test('entries and changes follow a sequence, bounded and by type', async (t) => {
  const entries = await read((session) => listEntries(session, tenant, all, 'all'));
  t.same(
    entries.map(({ sequence }) => sequence),
    Array.from({ length: size }, (_, i) => i + 1),
  );
  const first = JSON.parse(entries[0]!.json);
  t.match(first, {
    tenant,
    sequence: 1,
    resourceId: id,
    version: 1,
    operation: 'create',
    approved: true,
    reason: 'Because',
  });
  t.equal(first.actorSubject, 'someone@example.com');
  t.ok(first.recordedAt >= createdAt);
  const deletion = JSON.parse(entries[4]!.json);
  t.match(deletion, { operation: 'delete', version: 5, approved: true, content: null, nonce: /^[0-9a-f]{64}$/ });
  t.notOk('reason' in deletion);

  const middle = await read((session) => listEntries(session, tenant, { after: 3, limit: 2 }, 'all'));
  t.same(middle, entries.slice(3, 5));
  t.same(await read((session) => listChanges(session, tenant, { after: size, limit: 2 })), []);
  t.equal((await read((session) => listChanges(session, tenant, { ...all, types: ['purpose'] }))).length, size);
  t.same(await read((session) => listChanges(session, tenant, { ...all, types: ['notice'] })), []);
});

t.test('who sees the approved only gets of other entries the hashes', async (t) => {
  const entries = await read((session) => listEntries(session, tenant, all, 'approved'));
  t.equal(entries.length, size);
  const seen = entries.map(({ json }) => JSON.parse(json));
  t.same(seen.filter((entry) => 'content' in entry).length, 5);
  for (const entry of seen) {
    t.equal('nonce' in entry, entry.approved);
    t.match(entry, { contentHash: /^[0-9a-f]{64}$/, leafHash: /^[0-9a-f]{64}$/ });
  }
});

t.test('versions of a resource are listed newest first, and read one by one', async (t) => {
  const versions = await read((session) => listRevisions(session, tenant, 'purpose', id, undefined, 10));
  t.same(
    versions.map(({ version, operation }) => [version, operation]),
    [
      [5, 'delete'],
      [4, 'update'],
      [3, 'update'],
      [2, 'update'],
      [1, 'create'],
    ],
  );
  t.match(versions.at(-1), { reason: 'Because', actorSubject: 'someone@example.com', approved: true, sequence: 1 });
  const before = await read((session) => listRevisions(session, tenant, 'purpose', id, 4, 2));
  t.same(before, versions.slice(2, 4));
  const third = await read((session) => readRevision(session, tenant, 'purpose', id, 3));
  t.equal(JSON.parse(third!.content!).name, 'p3');
  t.same(await read((session) => readRevision(session, tenant, 'purpose', id, 5)), {
    content: null,
    redacted: false,
    approved: true,
  });
  t.equal(await read((session) => readRevision(session, tenant, 'purpose', id, 6)), undefined);
});

t.test('an erased content is said to be erased', async (t) => {
  await owner.query(
    'update revision set content = null, reason = null, nonce = null where tenant_id = $1 and sequence = 2',
    [tenant],
  );
  const [entry] = await read((session) => listEntries(session, tenant, { after: 1, limit: 1 }, 'all'));
  const shown = JSON.parse(entry!.json);
  t.equal(shown.redacted, true);
  for (const member of ['content', 'nonce', 'reason']) t.notOk(member in shown);
  t.match(await read((session) => readRevision(session, tenant, 'purpose', id, 2)), { redacted: true });
});

t.test('another tenant sees and reads nothing of it', async (t) => {
  t.equal((await read((session) => listEntries(session, tenant, all, 'all'))).length, size, 'the owner does');
  for (const as of [tenant, other.id]) {
    t.same(await read((session) => listEntries(session, as, all, 'all'), other.id), []);
    t.same(await read((session) => listChanges(session, as, all), other.id), []);
    t.same(await read((session) => listRevisions(session, as, 'purpose', id, undefined, 10), other.id), []);
    t.equal(await read((session) => readRevision(session, as, 'purpose', id, 1), other.id), undefined);
  }
  await t.rejects(
    read((session) => readHead(session, tenant), other.id),
    /no log/,
  );
  const without = (table: string) => pool.query(`select from ${table}`);
  for (const table of ['revision', 'tree_node', 'tenant_head', 'resource', 'approved_span', 'actor', 'tenant']) {
    t.same(await without(table), [], `${table}: without a tenant there are no rows`);
  }
});

t.test('the service cannot change what is logged', async (t) => {
  const denied = { code: '42501' };
  const attempt = (statement: string) => pool.transaction({ tenant }, (session) => session.query(statement));
  t.equal((await attempt('select from revision')).length, size, 'it can read');
  for (const statement of [
    "update revision set content = '{}'",
    'delete from revision',
    'truncate revision',
    'update tree_node set hash = hash',
    'delete from tree_node',
    'truncate tree_node',
    'update approved_span set valid_from = 1',
    'delete from approved_span',
    'delete from tenant_head',
    "update actor set subject = 'x'",
    'delete from actor',
    'update tenant set reference = reference',
    'delete from tenant',
    'insert into tenant_head select * from tenant_head',
    'alter table revision disable row level security',
    'drop policy tenant_isolation on revision',
    'create table public.mine (a integer)',
    "insert into migration (number, name, digest) values (9, 'x', 'x')",
  ]) {
    await t.rejects(attempt(statement), denied, statement);
  }
  const [before] = await owner.query<{ count: number }>('select count(*) from revision');
  t.equal(before?.count, size);
  // What it may append is its tenant's alone.
  await t.rejects(
    pool.transaction({ tenant: other.id }, (session) =>
      session.query(
        "insert into actor (tenant_id, actor_id, issuer, subject) values ($1, gen_random_uuid(), 'i', 's')",
        [tenant],
      ),
    ),
    denied,
    'a row of another tenant',
  );
});
