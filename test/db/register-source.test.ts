/** What a register is read from: which moment is meant, and contents page by page, at most two pages ahead of nobody. */
import t from 'tap';
import { definitionOf } from '../../src/article30/index.ts';
import { create, remove } from '../../src/article30/life.ts';
import type { RegisterMoment, RegisterSource } from '../../src/article30/register.ts';
import type { ResourceType } from '../../src/article30/resource-types.ts';
import { defaultSettings } from '../../src/article30/settings.ts';
import type { Pool, Session } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import { append, type Change, changeOf, look, type Writer } from '../../src/db/records.ts';
import { type MomentQuery, readMoment, registerSource } from '../../src/db/register-source.ts';
import { createTenant, type Tenant } from '../../src/db/tenants.ts';
import { createDatabase, poolFor } from '../database.ts';

let pool: Pool;
let owner: Pool;
t.before(async () => {
  const database = await createDatabase(t);
  [pool, owner] = [poolFor(t, database.service), poolFor(t, database.owner, 1)];
});

async function tenancy() {
  const tenant = (await createTenant(pool, `t-${newId()}`))!;
  const writer: Writer = { tenant: tenant.id, issuer: 'https://issuer.example', subject: 'someone' };
  const { actor } = await look(pool, writer, { type: 'purpose' });
  const made = (type: ResourceType, reference: string, body: object = {}): Change => {
    const definition = definitionOf(type);
    const moment = { now: new Date().toISOString(), actor, settings: defaultSettings, newId };
    const step = create(definition, { name: reference, ...body }, reference, moment);
    return changeOf(definition, {
      ...step,
      content: { ...step.content, state: 'approved', approvedVersion: 1 },
      approved: true,
    });
  };
  return { tenant, made, write: (changes: readonly Change[]) => append(pool, writer, actor, changes) };
}

const momentOf = (tenant: Tenant, query: MomentQuery = {}): Promise<RegisterMoment> =>
  pool.transaction({ readOnly: true, tenant: tenant.id }, (session) => readMoment(session, tenant.id, query));

t.test('a moment is the last entry recorded at or before a time', async (t) => {
  const { tenant, made, write } = await tenancy();
  const empty = await momentOf(tenant);
  t.match(empty, { tenant: tenant.id, sequence: 0, recordedAt: tenant.createdAt });
  t.same(await momentOf(tenant, { asOf: '1999-01-01T00:00:00Z' }), empty, 'before the tenant was');

  const times: string[] = [];
  for (let i = 0; i < 4; i++)
    times.push((await write([made('purpose', `a${i}`), made('purpose', `b${i}`)])).recordedAt);
  const last = await momentOf(tenant);
  t.match(last, { sequence: 8, recordedAt: times[3] });
  for (const [i, time] of times.entries()) {
    const at = await momentOf(tenant, { asOf: time });
    t.match(at, { sequence: 2 * i + 2, recordedAt: time }, 'all entries of a transaction');
    t.same(await momentOf(tenant, { sequence: at.sequence }), at, 'the same moment by its sequence');
    const earlier = new Date(Date.parse(time) - 1).toISOString();
    t.equal((await momentOf(tenant, { asOf: earlier })).sequence, 2 * i, 'a millisecond before');
  }
  const [year, rest] = [times[3]!.slice(0, 19), times[3]!.slice(19, 23)];
  t.same(await momentOf(tenant, { asOf: `${year}${rest}999+00:00` }), last);
  t.same(await momentOf(tenant, { sequence: 0 }), empty);
  t.equal((await momentOf(tenant, { sequence: 3 })).recordedAt, times[1], 'in the middle of a transaction');
  await t.rejects(momentOf(tenant, { sequence: 9 }), {
    name: 'FutureMoment',
    by: 'sequence',
    message: /ends at sequence 8/,
  });
  await t.rejects(momentOf(tenant, { asOf: '2999-01-01T00:00:00Z' }), { name: 'FutureMoment', by: 'asOf' });
});

const scope = { role: 'controller', include: 'approved' } as const;

/** A pool that tells of each page of contents when it is asked for. */
function watched(onPage: () => void): Pool {
  return {
    query: (...call) => pool.query(...call),
    close: () => pool.close(),
    stats: pool.stats,
    transaction: (options, work) =>
      pool.transaction(options, (session) =>
        work({
          query: (...call) => session.query(...call),
          simple: (text) => session.simple(text),
          values(...call) {
            onPage();
            return session.values(...call);
          },
        } satisfies Session),
      ),
  };
}

t.test('contents come page by page, one page ahead of the reader, and no connection is held between', async (t) => {
  const { tenant, made, write } = await tenancy();
  const purposes = Array.from({ length: 1100 }, (_, i) => made('purpose', `p${i}`));
  await write(purposes);
  const activities = purposes.map(({ id }, i) =>
    made('processingActivity', `a${String(i).padStart(5, '0')}`, { purposes: [{ lineId: 'main', purposeId: id }] }),
  );
  await write(activities);
  let asked = 0;
  const source: RegisterSource = registerSource(
    watched(() => {
      asked++;
    }),
    await momentOf(tenant),
  );
  const selection = await source.select(scope);
  t.same(
    selection.blocks.map(({ type, ids }) => [type, ids.length]),
    [['purpose', 1100]],
  );
  t.equal(asked, 0, 'no content was read to know what is in it');

  const blocks: string[] = [];
  for await (const page of source.blocks(selection)) {
    t.ok(page.blocks.length <= 500);
    for (const { id, content } of page.blocks) {
      t.equal(JSON.parse(content).id, id);
      blocks.push(id);
    }
    t.equal(asked, Math.ceil(blocks.length / 500), 'no block is read ahead');
  }
  t.same(blocks, purposes.map(({ id }) => id).sort());

  asked = 0;
  const entries: string[] = [];
  for await (const page of source.entries(selection)) {
    t.ok(page.length <= 500);
    entries.push(...page);
    t.ok(asked <= entries.length / 500 + 1, 'at most one page ahead');
    while (pool.stats.busy > 0) await new Promise(setImmediate);
  }
  t.same(
    entries,
    activities.map(({ text }) => text),
    'the stored texts, by reference',
  );
});

t.test('a reader who stops early leaves no page behind', async (t) => {
  const { tenant, made, write } = await tenancy();
  await write(Array.from({ length: 1100 }, (_, i) => made('processingActivity', `a${i}`)));
  const source = registerSource(pool, await momentOf(tenant));
  for await (const page of source.entries(await source.select(scope))) {
    t.equal(page.length, 500);
    break;
  }
  while (pool.stats.busy > 0) await new Promise(setImmediate);
  t.equal(pool.stats.waiting, 0);
});

t.test('an entry is selected by its id, with what it reaches', async (t) => {
  const { tenant, made, write } = await tenancy();
  const first = made('recipient', 'first');
  const second = made('recipient', 'second', { engagedById: first.id });
  const activity = made('processingActivity', 'a', { recipients: [{ lineId: 'l', recipientId: second.id }] });
  await write([first, second, activity]);
  const source = registerSource(pool, await momentOf(tenant));
  const selection = (await source.selectEntry(activity.id, 'approved'))!;
  t.same(selection.entries, [3]);
  t.same(selection.blocks, [
    { type: 'recipient', ids: [first.id, second.id].sort(), sequences: first.id < second.id ? [1, 2] : [2, 1] },
  ]);
  t.equal(await source.selectEntry(second.id, 'approved'), undefined, 'a block is no entry');
  t.equal(await source.selectEntry(newId(), 'approved'), undefined);
  const before = registerSource(pool, await momentOf(tenant, { sequence: 2 }));
  t.equal(await before.selectEntry(activity.id, 'approved'), undefined);
  const stranger = registerSource(pool, {
    ...(await momentOf(tenant)),
    tenant: (await createTenant(pool, `x-${newId()}`))!.id,
  });
  t.equal(await stranger.selectEntry(activity.id, 'approved'), undefined);
  t.same((await stranger.select(scope)).entries, []);
});

t.test('a content that was erased is told, not left out', async (t) => {
  const { tenant, made, write } = await tenancy();
  const gone = made('purpose', 'gone');
  const activity = made('processingActivity', 'a', { purposes: [{ lineId: 'l', purposeId: gone.id }] });
  await write([gone, activity]);
  const source = registerSource(pool, await momentOf(tenant));
  const selection = await source.select(scope);
  await owner.query(
    'update revision set content = null, nonce = null, reason = null where tenant_id = $1 and sequence = 1',
    [tenant.id],
  );
  const readAll = async () => {
    for await (const _page of source.blocks(selection));
  };
  await t.rejects(readAll(), { name: 'ErasedContent', sequence: 1 });
});

t.test('what was deleted is gone from then on, with drafts too', async (t) => {
  const { tenant, made, write } = await tenancy();
  const controller = made('controller', 'c', { registerKept: true });
  await write([controller]);
  await write([
    changeOf(
      definitionOf('controller'),
      remove(definitionOf('controller'), controller.step.content!, defaultSettings),
      controller.step.content!,
    ),
  ]);
  for (const include of ['approved', 'drafts'] as const) {
    const [before, after] = [await momentOf(tenant, { sequence: 1 }), await momentOf(tenant)];
    t.equal((await registerSource(pool, before).select({ role: 'controller', include })).controllers.length, 1);
    t.equal((await registerSource(pool, after).select({ role: 'controller', include })).controllers.length, 0);
  }
});
