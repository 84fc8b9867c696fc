/** Plans in their tables: kept, found again, held for one who applies them, forgotten. */
import t, { type Test } from 'tap';
import { definitionOf } from '../../src/article30/index.ts';
import { create } from '../../src/article30/life.ts';
import { defaultSettings } from '../../src/article30/settings.ts';
import type { Pool } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import {
  findTargets,
  forgetOldPlans,
  type HeldItem,
  holdPlan,
  listPlans,
  markApplied,
  type NewPlan,
  readChain,
  readItems,
  readPlan,
  readReferences,
  storePlan,
} from '../../src/db/imports.ts';
import { append, changeOf, look, requestHash, targetName, type Writer } from '../../src/db/records.ts';
import { readContents } from '../../src/db/resources.ts';
import { createTenant } from '../../src/db/tenants.ts';
import { createDatabase, poolFor } from '../database.ts';

const database = await createDatabase(t);
const pool = poolFor(t, database.service);
const answer = { status: 201, headers: {}, body: '{}' };

async function newWriter(): Promise<Writer & { actor: string }> {
  const { id: tenant } = (await createTenant(pool, `tenant-${newId()}`))!;
  const writer = { tenant, issuer: 'https://issuer.example', subject: 'somebody' };
  const { actor } = await look(pool, writer, { type: 'import' });
  return { ...writer, actor };
}

const item = (number: number, version = 0) => ({
  ...{ type: 'purpose', id: newId(), reference: `purpose-${number}`, version },
  ...{ content: JSON.stringify({ name: `Purpose ${number}` }), told: JSON.stringify({ number }) },
});

const planOf = (items: NewPlan['items']): NewPlan => ({
  ...{ id: newId(), source: 'register', sequence: 0, unchanged: 2, errors: 0, warnings: 1 },
  ...{ problems: '[{"severity":"warning"}]', items, createdAt: new Date().toISOString() },
});

async function add(
  pool: Pool,
  writer: Writer & { actor: string },
  type: 'purpose' | 'recipient',
  content: Record<string, unknown>,
  reference: string,
) {
  const definition = definitionOf(type);
  const moment = { now: new Date().toISOString(), actor: writer.actor, settings: defaultSettings, newId };
  const change = changeOf(definition, create(definition, { ...content, reference }, reference, moment));
  await append(pool, writer, writer.actor, [change]);
  return change.id;
}

async function heldItems(writer: Writer, id: string): Promise<HeldItem[]> {
  return pool.transaction({ tenant: writer.tenant }, async (session) => {
    const all: HeldItem[] = [];
    for await (const page of readItems(session, writer.tenant, id)) all.push(...page);
    return all;
  });
}

t.test('a plan is found again as it was stored, by its tenant alone', async (t) => {
  const writer = await newWriter();
  const stranger = await newWriter();
  const plan = planOf(Array.from({ length: 1_200 }, (_, i) => item(i)));
  await storePlan(pool, writer, writer.actor, plan, answer);
  const read = await readPlan(pool, writer.tenant, plan.id);
  t.match(read, {
    ...{ id: plan.id, state: 'planned', created: 1_200, changed: 0, unchanged: 2, errors: 0, warnings: 1 },
  });
  t.equal(read?.problems, plan.problems);
  t.same(
    read?.createdItems,
    plan.items.map(({ told }) => told),
    'in their order',
  );
  const items = await heldItems(writer, plan.id);
  t.same(
    items.map(({ stored, ...rest }) => rest),
    plan.items.map(({ told, ...rest }) => rest),
    'page by page',
  );
  t.equal(await readPlan(pool, stranger.tenant, plan.id), undefined);
  t.same(await listPlans(pool, stranger.tenant, undefined, 10), []);
  t.same(await heldItems(stranger, plan.id), []);
  const seen = await pool.transaction({ tenant: stranger.tenant }, (session) =>
    session.query('select from import_plan union all select from import_item'),
  );
  t.same(seen, [], 'row-level security hides the rows');
  const refused = pool.transaction({ tenant: stranger.tenant }, (session) =>
    session.query(
      `insert into import_item (tenant_id, plan_id, number, resource_type, resource_id, reference, version, content, told)
       values ($1, $2, 9999, 'purpose', $2, 'x', 0, '{}', '{}')`,
      [writer.tenant, plan.id],
    ),
  );
  await t.rejects(refused, { code: '42501' }, 'and takes none of another tenant');
});

t.test('a plan is outdated when what it touches is not as it was', async (t) => {
  const writer = await newWriter();
  const id = await add(pool, writer, 'purpose', { name: 'A' }, 'a');
  const stateOf = async (items: NewPlan['items']) => {
    const plan = planOf(items);
    await storePlan(pool, writer, writer.actor, plan, answer);
    const [first] = await listPlans(pool, writer.tenant, undefined, 1);
    t.equal(first?.id, plan.id, 'the newest first');
    const read = await readPlan(pool, writer.tenant, plan.id);
    t.equal(first?.state, 'planned', 'a list does not ask whether it is outdated');
    return read?.state;
  };
  t.equal(await stateOf([item(1), { ...item(2, 1), id }]), 'planned');
  t.equal(await stateOf([{ ...item(1), reference: 'a' }]), 'outdated', 'the reference is taken');
  t.equal(await stateOf([{ ...item(2, 2), id }]), 'outdated', 'another version');
  t.equal(await stateOf([item(2, 1)]), 'outdated', 'no such resource');
  t.equal(await stateOf([{ ...item(1), type: 'system', reference: 'a' }]), 'planned', 'another type');
  const held = planOf([
    { ...item(2, 1), id },
    { ...item(3, 2), id },
  ]);
  await storePlan(pool, writer, writer.actor, held, answer);
  const [fits, stale] = await heldItems(writer, held.id);
  t.match(fits?.stored, { name: 'A', version: 1 });
  t.equal(stale?.stored, undefined, 'only what it was compared with is held');
});

t.test('one who applies holds the plan, and it stays applied', async (t) => {
  const writer = await newWriter();
  const plan = planOf([]);
  await storePlan(pool, writer, writer.actor, plan, answer);
  const order: string[] = [];
  const hold = (name: string) =>
    pool.transaction({ tenant: writer.tenant }, async (session) => {
      const held = await holdPlan(session, writer.tenant, plan.id);
      order.push(`${name} ${held?.state}`);
      await markApplied(session, writer.tenant, plan.id, new Date().toISOString(), writer.actor);
    });
  await Promise.all([hold('first'), hold('second')]);
  t.same(
    order.map((each) => each.split(' ')[1]),
    ['planned', 'applied'],
  );
  t.equal((await readPlan(pool, writer.tenant, plan.id))?.state, 'applied');
  const none = pool.transaction({ tenant: writer.tenant }, (session) => holdPlan(session, writer.tenant, newId()));
  t.equal(await none, undefined);
  const flawed = { ...planOf([]), errors: 1 };
  await storePlan(pool, writer, writer.actor, flawed, answer);
  const refused = pool.transaction({ tenant: writer.tenant }, (session) =>
    markApplied(session, writer.tenant, flawed.id, new Date().toISOString(), writer.actor),
  );
  await t.rejects(refused, { code: '23514' }, 'with errors it cannot be');
});

t.test('the answer is kept with the plan, or neither', async (t) => {
  const writer = await newWriter();
  const retry = { key: 'k', requestHash: requestHash(['a']) };
  await storePlan(pool, { ...writer, retry }, writer.actor, planOf([]), answer);
  const { kept } = await look(pool, { ...writer, retry }, { type: 'import' });
  t.same(kept, { same: true, answer });
  const again = storePlan(pool, { ...writer, retry }, writer.actor, planOf([item(1)]), answer);
  await t.rejects(again, { code: 'idempotency-done' });
  t.equal((await listPlans(pool, writer.tenant, undefined, 10)).length, 1);
});

t.test('what a plan must know of a tenant', async (t: Test) => {
  const writer = await newWriter();
  const { tenant } = writer;
  const purpose = await add(pool, writer, 'purpose', { name: 'A' }, 'a');
  const above = await add(pool, writer, 'recipient', { name: 'R' }, 'r');
  const below = await add(pool, writer, 'recipient', { name: 'S', engagedById: above }, 's');
  const wanted = [
    { type: 'purpose', key: 'ref:a' },
    { type: 'recipient', key: above },
    { type: 'purpose', key: 'ref:none' },
    ...Array.from({ length: 2_500 }, (_, i) => ({ type: 'system', key: `ref:system-${i}` })),
    { type: 'recipient', key: 'ref:s' },
  ];
  const found = await findTargets(pool, writer, wanted);
  t.equal(found.get(targetName({ type: 'purpose', key: 'ref:a' }))?.id, purpose);
  t.equal(found.get(targetName({ type: 'recipient', key: above }))?.version, 1);
  t.equal(found.get(targetName({ type: 'recipient', key: 'ref:s' }))?.id, below, 'beyond the first batch');
  t.notOk(found.has(targetName({ type: 'purpose', key: 'ref:none' })));
  const contentsOf = (ids: string[]) =>
    pool.transaction({ readOnly: true, tenant }, (session) => readContents(session, tenant, 'recipient', ids));
  t.match([...(await contentsOf([above, below])).values()].map(({ name }) => name).sort(), ['R', 'S']);
  t.equal((await contentsOf([])).size, 0);
  const names = await readReferences(pool, tenant, [
    { type: 'purpose', key: purpose },
    { type: 'purpose', key: above },
  ]);
  t.same([...names], [[targetName({ type: 'purpose', key: purpose }), 'a']]);
  t.same([...(await readChain(pool, tenant, 'recipient', 'engagedById'))], [[below, above]]);
});

t.test('of a tenant so many plans are kept: those with errors go first, then the oldest', async (t) => {
  const writer = await newWriter();
  const stranger = await newWriter();
  const { tenant } = writer;
  const store = async (who: typeof writer, plan: NewPlan) => {
    await storePlan(pool, who, who.actor, plan, answer);
    return plan.id;
  };
  const foreign = await store(stranger, planOf([item(1)]));
  const apply = (id: string) =>
    pool.transaction({ tenant }, (session) => markApplied(session, tenant, id, new Date().toISOString(), writer.actor));
  const applied = await store(writer, planOf([item(1)]));
  await apply(applied);
  const good: string[] = [];
  for (let i = 0; i < 99; i++) good.push(await store(writer, planOf([item(i)])));
  const flawed = await store(writer, { ...planOf([]), errors: 1 });
  const ids = async () => (await listPlans(pool, tenant, undefined, 200)).map(({ id }) => id);
  t.same((await ids()).toSorted(), [applied, ...good, flawed].toSorted(), 'as many as there may be');

  good.push(await store(writer, planOf([item(100)])));
  t.same((await ids()).toSorted(), [applied, ...good].toSorted(), 'the one with errors is newer, and goes');
  const again = await store(writer, { ...planOf([]), errors: 1 });
  t.same((await ids()).toSorted(), [applied, ...good.slice(1), again].toSorted(), 'the new one stays, whatever it is');
  t.same(await heldItems(writer, good[0]!), [], 'with its items the oldest has gone');

  const text = 'x'.repeat(1024 * 1024);
  const large = () => planOf(Array.from({ length: 60 }, (_, i) => ({ ...item(i), content: JSON.stringify(text) })));
  const sizes: string[] = [];
  for (let i = 0; i < 5; i++) sizes.push(await store(writer, large()));
  const left = await ids();
  t.same(left.filter((id) => sizes.includes(id)).toSorted(), sizes.slice(1).toSorted(), 'and so many bytes');
  t.ok(left.includes(applied), 'what was applied is counted by itself');
  t.equal((await readPlan(pool, stranger.tenant, foreign))?.id, foreign, 'and every tenant by itself');
});

t.test('old plans are forgotten with their items, of all tenants', async (t) => {
  const [one, two] = [await newWriter(), await newWriter()];
  const owner = poolFor(t, database.owner, 1);
  await forgetOldPlans(pool);
  const plans = await Promise.all(
    [one, two].map(async (writer) => {
      const plan = planOf([item(1)]);
      await storePlan(pool, writer, writer.actor, plan, answer);
      return plan.id;
    }),
  );
  t.equal(await forgetOldPlans(pool), 0);
  await owner.query(`update import_plan set created_at = now() - interval '7 days' where plan_id = any ($1::uuid[])`, [
    plans,
  ]);
  t.equal(await forgetOldPlans(pool), 2);
  t.equal(await readPlan(pool, one.tenant, plans[0]!), undefined);
  t.same(await owner.query('select from import_item where plan_id = any ($1::uuid[])', [plans]), []);
});
