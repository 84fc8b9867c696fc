/** What a file, a plan or a tenant can cost the service has bounds, and whoever meets one is told. */
import t, { type Test } from 'tap';
import { startService } from '../service.ts';
import { bring, examples } from './documents.ts';

t.setTimeout(230_000);

const service = await startService(t, { IMPORT_LIMIT: String(3 * 1024 * 1024) });
let tenants = 0;
const newClient = () => service.client(`bounded-${++tenants}`, 'dpo');
const source = '/v1/imports?source=register';
type Told = Record<string, unknown>;

t.test('a body of more values than any register has is refused before it is parsed', async (t) => {
  const client = await newClient();
  const body = (count: number) => `{"entries":[${Array.from({ length: count }, () => '{}').join(',')}]}`;
  const refused = await client.call('POST', source, { body: body(1_000_001) });
  t.match(refused, { status: 413, json: { errors: [{ in: 'body', pointer: '', code: 'values' }] } });
  const many = await client.call('POST', source, { body: body(30_000) });
  t.match(many, { status: 201, json: { problems: [{ code: 'required' }] } });
  t.equal(many.json.problems.at(-1).code, 'more');
});

t.test('of a tenant one plan at a time is made, and of all a few', async (t) => {
  const [one, two, three] = await Promise.all([newClient(), newClient(), newClient()]);
  const file = {
    blocks: { purpose: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`p-${i}`, { name: 'P' }])) },
  };
  const same = await Promise.all([one, one, one].map((client) => client.post(source, file)));
  t.same(same.map(({ status }) => status).sort(), [201, 429, 429]);
  for (const { status, headers } of same) if (status === 429) t.match(headers['retry-after'], /^\d+$/);
  const all = await Promise.all([one, two, three].map((client) => client.post(source, file)));
  t.same(all.map(({ status }) => status).sort(), [201, 201, 503]);
  for (const client of [one, two, three]) t.equal((await client.post(source, file)).status, 201, 'then there is room');
  for (const body of ['{', '[]', '{"entries":5}']) {
    await one.call('POST', source, { body });
    t.equal((await one.post(source, {})).status, 201, 'a refused body leaves no one inside');
  }
});

t.test('a value that is large is told by its bytes', async (t) => {
  const client = await newClient();
  const file = examples('processor');
  const own = { ...Object.values(file.blocks.processorClient!)[0], actsAs: 'processor' };
  const references = Array.from({ length: 1_000 }, (_, i) => `group-${String(i).padStart(4, '0')}-${'x'.repeat(53)}`);
  const onBehalfOfIds = references.map((reference) => `ref:${reference}`);
  const controller = Object.fromEntries(references.map((reference) => [reference, { name: 'C', registerKept: false }]));
  const processorClient = { one: { ...own, onBehalfOfIds } };
  const blocks = { ...file.blocks, controller: { ...file.blocks.controller, ...controller }, processorClient };
  await bring(client, { ...file, blocks }, '&role=processor');
  const { json } = await client.post(source, {
    blocks: { processorClient: { one: { ...own, onBehalfOfIds: undefined } } },
  });
  t.match(json.changed, [{ field: 'onBehalfOfIds', old: { omitted: JSON.stringify(onBehalfOfIds).length } }]);
});

t.test('a plan that changes much tells a part, counts the rest, and is applied whole', async (t: Test) => {
  const client = await newClient();
  const notes = 'x'.repeat(9_900);
  const purposes = (from: number, to: number, more: object) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`p-${from + i}`, { name: 'P', ...more }]));
  for (let from = 0; from < 1_000; from += 250) {
    await bring(client, { blocks: { purpose: purposes(from, from + 250, { notes }) } });
  }
  const retry = { 'idempotency-key': 'large' };
  const file = { blocks: { purpose: purposes(0, 1_000, {}) } };
  const plan = await client.post(source, file, retry);
  t.equal(plan.status, 201);
  t.ok(plan.text.length < 9 * 1024 * 1024, `${plan.text.length} characters`);
  const { changed, omitted } = plan.json;
  t.ok(omitted.changed > 0);
  t.equal(changed.length + omitted.changed, 1_000);
  t.equal((await client.post(source, file, retry)).text, plan.text);
  t.equal((await client.get(`/v1/imports/${plan.json.id}`)).text, plan.text);
  t.match((await client.get('/v1/imports?limit=1')).json.items, [{ counts: { changed: 1_000 } }]);
  t.equal((await client.post(`/v1/imports/${plan.json.id}/apply`)).status, 200);
  t.match((await client.post(source, file)).json, { changed: [], unchanged: 1_000, omitted: undefined });
});

t.test('a plan with errors is not kept in detail', async (t) => {
  const client = await newClient();
  const plan = await client.post(source, { blocks: { purpose: { a: { name: 'A' }, b: { name: 5 } } } });
  t.match(plan.json, { created: [], changed: [], problems: [{ code: 'type' }] });
  t.equal((await client.get(`/v1/imports/${plan.json.id}`)).text, plan.text);
  t.match((await client.get('/v1/imports')).json.items, [{ counts: { created: 0, errors: 1 } }]);
});

t.test('what is no name is told shortened', async (t) => {
  const client = await newClient();
  const long = 'x'.repeat(500_000);
  const { json, text } = await client.post(source, {
    blocks: { purpose: { [long]: { name: 'P' } } },
    controllers: [{ reference: long, id: long, name: long }],
    [long]: 1,
  });
  t.same(json.problems.map(({ code }: Told) => code).sort(), ['pattern', 'pattern', 'unknown']);
  t.ok(text.length < 10_000, `${text.length} characters`);
});

t.test('a content that is larger than any stored one stands against the plan', async (t) => {
  const client = await newClient();
  const statements = Array.from({ length: 150 }, (_, i) => ({ topic: 'purposes', text: `${i}${'x'.repeat(9_000)}` }));
  const { json } = await client.post(source, { blocks: { notice: { policy: { name: 'Policy', statements } } } });
  t.match(json.problems, [{ severity: 'error', pointer: '/blocks/notice/policy', code: 'maxLength' }]);
});

t.test('places of a list that lead nowhere are left out, and no others', async (t) => {
  const client = await newClient();
  await bring(client, {
    entries: [{ reference: 'here', name: 'Here' }],
    blocks: { purpose: { billing: { name: 'B' } } },
  });
  const gone = (i: number) => ({ processingActivityId: `0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e${10 + i}` });
  const kept = [{ processingActivityId: 'ref:here' }, { purposeId: 'ref:billing' }];
  const statement = (about: object[]) => ({ topic: 'purposes', text: 'We bill.', about });
  const statements = [
    statement([gone(0), kept[0]!, gone(1), gone(2), kept[1]!, gone(3)]),
    statement(Array.from({ length: 15 }, (_, i) => gone(i))),
    statement([kept[1]!]),
  ];
  const { problems } = await bring(client, { blocks: { notice: { policy: { name: 'Policy', statements } } } });
  t.equal((problems as Told[]).filter(({ code }) => code === 'left-out').length, 19);
  const stored = (await client.get('/v1/notices/ref:policy')).json.statements;
  t.same(
    stored.map(({ about = [] }: { about?: object[] }) => about.map((each) => Object.keys(each).join())),
    [['processingActivityId', 'purposeId'], [], ['purposeId']],
  );
});

t.test('clients are called by what they are, and what is shown at once is told', async (t) => {
  const client = await newClient();
  const file = examples('processor');
  const planned = await client.post(`${source}&role=processor`, file);
  const isClient = ({ type }: Told) => type === 'processorClient';
  const name = 'beta, client of hosting-for-clients';
  t.match(planned.json.created.filter(isClient), [{ name }]);
  t.same(
    planned.json.problems.filter(({ code }: Told) => code === 'approved-at-once'),
    [],
    'all is new',
  );
  t.equal((await client.post(`/v1/imports/${planned.json.id}/apply`)).status, 200);
  const [own] = Object.values(file.blocks.processorClient!);
  const changed = await client.post(source, { blocks: { processorClient: { x: { ...own, actsAs: 'processor' } } } });
  t.match(changed.json, {
    changed: [{ name, field: 'actsAs' }],
    problems: [{ code: 'approved-at-once', message: /\(1\)/ }],
  });
  await client.post('/v1/controllers', { reference: 'gamma', name: 'Gamma' });
  const added = await client.post(source, {
    blocks: { processorClient: { y: { ...own, controllerId: 'ref:gamma' } } },
  });
  t.match(added.json, {
    created: [{ name: 'gamma, client of hosting-for-clients' }],
    problems: [{ severity: 'warning', code: 'approved-at-once' }],
  });
});

t.test('what is missing in a document is named', async (t) => {
  const client = await newClient();
  const register = (await client.get('/v1/register')).json;
  const half = await client.post(source, { ...register, integrity: undefined });
  t.match(half.json.problems, [{ pointer: '/integrity/digest', message: /leave out both `about` and `integrity`/ }]);
  const wrong = await client.post(source, examples('processor'));
  t.match(wrong.json.problems[0], { code: 'role', message: /role=processor/ });
});
