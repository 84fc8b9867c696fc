/** Vendors of the catalogue: recipients made from them, compared with them, and one replaced by another everywhere. */
import t from 'tap';
import { buildApp } from '../../../src/app.ts';
import type { Content } from '../../../src/article30/definition.ts';
import { catalogueSource } from '../../../src/article30/vendor-suggestions.ts';
import type { Pool } from '../../../src/db/connection.ts';
import { createJudge } from '../../../src/http/validation.ts';
import { asOf, factsVersion } from '../../../src/reference/facts.ts';
import { vendor } from '../../../src/reference/vendors.ts';
import { type Answer, type Client, clientOf, startService } from '../../service.ts';

t.setTimeout(120_000);

const service = await startService(t);
const judge = createJudge({ isCountry: () => true }, service.app.getSchemas() as Record<string, object>);
const unconditional = { 'if-match': '*' };
const unknownId = '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77';
const problem = ({ status, json }: Answer) => [status, json.type.split('/').at(-1), json.errors?.[0]?.pointer];
const today = new Date().toISOString().slice(0, 10);

const logSize = async (client: Client) => Number((await client.get('/v1/purposes?limit=1')).headers['log-sequence']);

/** Somebody in a tenant of its own. */
let tenants = 0;
async function someone(settings: object = {}) {
  const name = `vendors-${++tenants}`;
  const client = await service.client(name, 'dpo');
  await client.call('PATCH', '/v1/settings', { body: settings, headers: unconditional });
  const done = async (wanted: number, answer: Promise<Answer>): Promise<Content> => {
    const { status, text, json } = await answer;
    if (status !== wanted) throw new Error(`${status} ${text}`);
    return json;
  };
  return {
    name,
    client,
    made: (path: string, body: object) => done(201, client.post(`/v1/${path}`, body)),
    step: (path: string, verb: string, body?: object) =>
      done(200, client.post(`/v1/${path}/${verb}`, body, unconditional)),
    patched: (path: string, body: object) =>
      done(200, client.call('PATCH', `/v1/${path}`, { body, headers: unconditional })),
    read: (path: string) => done(200, client.get(`/v1/${path}`)),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// From the catalogue

t.test('a vendor in two roles becomes two recipients, suggested through and through', async (t) => {
  const { client, read } = await someone();
  const answer = await client.post('/v1/recipients/from-vendor', { vendor: 'stripe' }, { 'change-reason': 'New' });
  t.equal(answer.status, 201);
  t.strictSame(judge('NewRecipients', answer.json), []);
  const metadata = { version: 1, approvedVersion: 1, state: 'approved', archived: false };
  const suggested = {
    vendor: { key: 'stripe', on: asOf },
    confirmation: { state: 'suggested', source: catalogueSource, on: asOf },
  };
  const { processingNote: locationNote, service: what } = vendor('stripe')!;
  const common = {
    name: 'Stripe',
    identified: true,
    country: 'IE',
    processingCountries: ['IE', 'US'],
    locationNote,
    service: what,
  };
  const [first, second] = answer.json.items.map(({ id: _i, createdAt: _c, updatedAt: _u, ...rest }: Content) => rest);
  t.strictSame(first, {
    ...common,
    ...metadata,
    ...suggested,
    reference: 'stripe',
    role: 'processor',
    legalEntity: 'Stripe Payments Europe, Limited',
    changeNoticeDays: 30,
    contract: { url: 'https://stripe.com/legal/dpa' },
    subprocessorList: { url: 'https://stripe.com/legal/service-providers' },
  });
  t.strictSame(second, {
    ...common,
    ...metadata,
    ...suggested,
    reference: 'stripe-controller',
    role: 'controller',
    legalEntity: 'Stripe Technology Company, Limited',
  });
  for (const item of answer.json.items) t.strictSame(await read(`recipients/${item.id}`), item, 'what is stored');
  const log = (await client.get('/v1/log')).json.items.slice(-2);
  t.match(log, [
    { resourceType: 'recipient', operation: 'create', reason: 'New' },
    { resourceType: 'recipient', operation: 'create', reason: 'New' },
  ]);
  t.equal(log[0].recordedAt, log[1].recordedAt, 'in one transaction');
  t.equal(answer.headers['log-sequence'], String(log[1].sequence));
  const missing = (await client.get('/v1/recipients?contractMissing=true')).json.items;
  t.strictSame(
    missing.map(({ role }: Content) => role),
    ['processor'],
    'no contract is claimed, and a controller needs none',
  );
});

t.test('roles and reference can be chosen; what is impossible is refused, and nothing made', async (t) => {
  const { client } = await someone();
  const from = (body: object, headers = {}) => client.post('/v1/recipients/from-vendor', body, headers);
  const references = (answer: Answer) => answer.json.items.map(({ reference, role }: Content) => [reference, role]);
  t.strictSame(references(await from({ vendor: 'stripe', roles: ['controller'], reference: 'fraud' })), [
    ['fraud', 'controller'],
  ]);
  t.strictSame(references(await from({ vendor: 'aws' })), [['aws', 'processor']]);
  t.strictSame(references(await from({ vendor: 'stripe', reference: 'pay' })), [
    ['pay', 'processor'],
    ['pay-controller', 'controller'],
  ]);
  t.strictSame(references(await from({ vendor: 'vultr', roles: [] })), [
    ['vultr', 'processor'],
    ['vultr-controller', 'controller'],
  ]);
  const size = await logSize(client);
  const cases: [body: object, status: number, type: string, pointer: string][] = [
    [{ vendor: 'nobody' }, 422, 'unknown-reference', '/vendor'],
    [{ vendor: 'aws', roles: ['controller'] }, 422, 'unprocessable', '/roles/0'],
    [{ vendor: 'stripe', roles: ['internal'] }, 400, 'validation-failed', '/roles/0'],
    [{ vendor: 'stripe', reference: 'no spaces' }, 400, 'validation-failed', '/reference'],
    [{ vendor: 'stripe', reference: 'x'.repeat(54) }, 400, 'validation-failed', '/reference'],
    [{}, 400, 'validation-failed', '/vendor'],
    [{ vendor: 'stripe', name: 'Mine' }, 400, 'validation-failed', '/name'],
    [{ vendor: 'aws' }, 409, 'reference-taken', '/reference'],
    // The second of the two is taken: the first is not made either.
    [{ vendor: 'vultr', roles: ['processor', 'controller'] }, 409, 'reference-taken', '/reference'],
  ];
  for (const [body, ...expected] of cases) t.strictSame(problem(await from(body)), expected, JSON.stringify(body));
  t.equal(await logSize(client), size);
  const key = { 'idempotency-key': 'vendor-1' };
  const first = await from({ vendor: 'hetzner' }, key);
  const again = await from({ vendor: 'hetzner' }, key);
  t.equal(again.text, first.text);
  t.equal(again.headers['idempotency-replayed'], 'true');
  t.match((await from({ vendor: 'aws', reference: 'aws-2' })).headers['ropa-warning'], /^name-taken/);
});

t.test('suggestions are differences, taken over one by one by an ordinary change', async (t) => {
  const { client, made, patched } = await someone();
  const { cautions } = vendor('stripe')!;
  await made('recipients', {
    name: 'Stripe',
    reference: 'stripe',
    role: 'processor',
    identified: true,
    legalEntity: 'Stripe, Inc.',
    country: 'US',
    processingCountries: ['US'],
    locationNote: 'Ours.',
    service: 'Payments',
    contract: { exists: true },
    vendor: { key: 'stripe', on: '2025-01-01' },
  });
  const url = '/v1/recipients/ref:stripe/vendor-suggestions';
  const told = { source: catalogueSource, on: asOf };
  const head = { vendor: { key: 'stripe', name: 'Stripe', cautions }, factsVersion, on: asOf };
  const answer = await client.get(url);
  t.strictSame(judge('VendorSuggestionList', answer.json), []);
  const items = [
    {
      pointer: '/legalEntity',
      field: 'legalEntity',
      current: 'Stripe, Inc.',
      suggested: 'Stripe Payments Europe, Limited',
      ...told,
    },
    { pointer: '/country', field: 'country', current: 'US', suggested: 'IE', ...told },
    {
      pointer: '/processingCountries',
      field: 'processingCountries',
      current: ['US'],
      suggested: ['US', 'IE'],
      ...told,
    },
    { pointer: '/changeNoticeDays', field: 'changeNoticeDays', suggested: 30, ...told },
    { pointer: '/contract/url', field: 'contract.url', suggested: 'https://stripe.com/legal/dpa', ...told },
    {
      pointer: '/subprocessorList/url',
      field: 'subprocessorList.url',
      suggested: 'https://stripe.com/legal/service-providers',
      ...told,
    },
  ];
  t.strictSame(answer.json, { ...head, version: 1, items });
  for (let left = items; left.length > 0; left = left.slice(1)) {
    const [{ field, suggested }] = left as [(typeof items)[0]];
    const [member, inner] = field.split('.') as [string, string?];
    await patched('recipients/ref:stripe', { [member]: inner === undefined ? suggested : { [inner]: suggested } });
    t.strictSame((await client.get(url)).json.items, left.slice(1), `${field} is settled`);
  }
  t.match((await client.get('/v1/recipients/ref:stripe')).json, { contract: { exists: true }, locationNote: 'Ours.' });

  await made('recipients', { name: 'By hand', reference: 'by-hand' });
  const own = '/v1/recipients/ref:by-hand/vendor-suggestions';
  t.strictSame(
    (await client.get(own)).json,
    { factsVersion, on: asOf, version: 1, items: [] },
    'without a vendor none',
  );
  const compared = (await client.get(`${own}?vendor=aws`)).json;
  t.equal(compared.vendor.key, 'aws');
  t.ok(
    compared.items.some(({ pointer }: Content) => pointer === '/vendor'),
    'that it is this vendor is a suggestion too',
  );
  await patched('recipients/ref:by-hand', { vendor: { key: 'unheard-of' } });
  t.strictSame((await client.get(own)).json.items, [], 'a vendor that the catalogue does not know');
  const refused = await client.get(`${own}?vendor=nobody`);
  t.match(refused, { status: 422, json: { errors: [{ in: 'query', name: 'vendor', code: 'unknown-reference' }] } });
  t.equal((await client.get('/v1/recipients/ref:nobody/vendor-suggestions')).status, 404);
});

// ---------------------------------------------------------------------------------------------------------------------
// Replacement

t.test('a vendor is replaced in all that names it, by a plan that is applied as imports are', async (t) => {
  const { client, made, step, patched, read } = await someone();
  const old = await made('recipients', { name: 'Old', reference: 'old', role: 'processor' });
  const next = await made('recipients', { name: 'New', reference: 'new', role: 'processor' });
  await made('recipients', { name: 'Sub', reference: 'sub', engagedById: 'ref:old' });
  await made('systems', { name: 'Shop', reference: 'shop', hostedById: 'ref:old', countries: ['FR'] });
  await made('systems', { name: 'Other', reference: 'other', hostedById: 'ref:new' });
  await made('safeguards', {
    name: 'Clauses',
    reference: 'clauses',
    recipientId: 'ref:old',
    confirmation: { state: 'confirmed', source: 'Contract', on: '2026-01-01' },
  });
  await made('processing-activities', {
    name: 'Orders',
    reference: 'orders',
    recipients: [
      { lineId: 'r1', recipientId: 'ref:old', purpose: 'Payment' },
      { lineId: 'r2', recipientId: 'ref:sub' },
      { lineId: 'r3', recipientId: 'ref:old', purpose: 'Fraud' },
    ],
    transfers: [{ lineId: 't1', recipientId: 'ref:old', country: 'US', safeguardIds: ['ref:clauses'] }],
  });
  await step('processing-activities/ref:orders', 'approve');
  await made('processor-activities', {
    name: 'Hosting',
    reference: 'hosting',
    subprocessors: [{ lineId: 's1', recipientId: 'ref:old' }],
  });
  await made('processing-activities', { name: 'Gone', reference: 'gone', recipients: [{ recipientId: 'ref:old' }] });
  await step('processing-activities/ref:gone', 'approve');
  await step('processing-activities/ref:gone', 'retire', { endedOn: '2026-01-31' });
  await made('processing-activities', {
    name: 'Former',
    reference: 'former',
    recipients: [{ recipientId: 'ref:old' }],
  });
  await step('processing-activities/ref:former', 'approve');
  await patched('processing-activities/ref:former', { recipients: null });

  const size = await logSize(client);
  const answer = await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' });
  t.equal(answer.status, 201);
  t.strictSame(judge('ImportPlan', answer.json), []);
  const { id, changed, problems, createdAt, ...head } = answer.json;
  t.match(createdAt, /^20.+Z$/);
  t.strictSame(head, {
    source: 'replacement',
    sequence: size,
    state: 'planned',
    created: [],
    unchanged: 0,
    proposals: [],
  });
  t.equal(answer.headers.location, `/v1/imports/${id}`);
  const by = { old: 'ref:old', new: 'ref:new' };
  const sorted = (changes: Content[]) => changes.map((each) => JSON.stringify(each)).sort();
  const confirmed = { type: 'safeguard', reference: 'clauses' };
  t.strictSame(
    sorted(changed),
    sorted([
      { type: 'processingActivity', reference: 'orders', lineId: 'r1', field: 'recipients.recipientId', ...by },
      { type: 'processingActivity', reference: 'orders', lineId: 'r3', field: 'recipients.recipientId', ...by },
      { type: 'processingActivity', reference: 'orders', lineId: 't1', field: 'transfers.recipientId', ...by },
      { type: 'processorActivity', reference: 'hosting', lineId: 's1', field: 'subprocessors.recipientId', ...by },
      { type: 'recipient', reference: 'sub', field: 'engagedById', ...by },
      { type: 'safeguard', reference: 'clauses', field: 'recipientId', ...by },
      { ...confirmed, field: 'confirmation.on', old: '2026-01-01', new: today },
      { ...confirmed, field: 'confirmation.source', old: 'Contract', new: 'Old was replaced by New.' },
      { ...confirmed, field: 'confirmation.state', old: 'confirmed', new: 'suggested' },
      { type: 'system', reference: 'shop', field: 'hostedById', ...by },
    ]),
  );
  t.strictSame(
    problems.map(({ severity, pointer, code }: Content) => [severity, pointer, code]),
    [
      ['warning', '/processingActivity/orders/transfers/0', 'check-transfer'],
      ['warning', '/recipient/sub/engagedById', 'check-engagement'],
      ['warning', '/safeguard/clauses/recipientId', 'check-ground'],
      ['warning', '/system/shop/countries', 'check-system'],
      ['warning', '', 'retired'],
      ['warning', '', 'approved-at-once'],
    ],
  );
  t.match(problems.at(-2).message, /\(1\)/);
  t.match(problems.at(-1).message, /\(3\)/);
  t.equal(await logSize(client), size, 'a plan writes nothing');
  t.strictSame((await client.get(`/v1/imports/${id}`)).json, answer.json, 'it is kept with those of imports');

  const applied = await client.post(`/v1/imports/${id}/apply`, undefined, { 'change-reason': 'Left Old' });
  const { appliedAt, appliedBy, ...told } = applied.json;
  t.strictSame(told, { ...answer.json, state: 'applied' });
  t.match({ appliedAt, appliedBy }, { appliedAt: /^20.+Z$/, appliedBy: /^[\da-f-]{36}$/ });
  const log = (await client.get(`/v1/log?after=${size}`)).json.items;
  t.strictSame(
    log.map(({ resourceType, operation, approved, reason }: Content) => [resourceType, operation, approved, reason]),
    [
      ['processingActivity', 'update', false, 'Left Old'],
      ['processorActivity', 'update', false, 'Left Old'],
      ['recipient', 'update', true, 'Left Old'],
      ['safeguard', 'update', true, 'Left Old'],
      ['system', 'update', true, 'Left Old'],
    ],
  );
  const orders = await read('processing-activities/ref:orders');
  t.match(orders, {
    state: 'draft',
    recipients: [
      { lineId: 'r1', recipientId: next.id, purpose: 'Payment' },
      { lineId: 'r2' },
      { lineId: 'r3', recipientId: next.id, purpose: 'Fraud' },
    ],
    transfers: [{ lineId: 't1', recipientId: next.id, country: 'US' }],
  });
  t.match(
    await read('processing-activities/ref:orders/approved'),
    { recipients: [{ recipientId: old.id }] },
    'until approved',
  );
  t.match(await read('safeguards/ref:clauses'), { recipientId: next.id, confirmation: { state: 'suggested' } });
  t.match(await read('recipients/ref:sub'), { engagedById: next.id });
  t.match(await read('systems/ref:shop'), { hostedById: next.id });
  t.match(await read('processing-activities/ref:gone'), { recipients: [{ recipientId: old.id }] }, 'what ended stays');
  t.strictSame(
    (await client.get('/v1/recipients/ref:old/usages')).json.items
      .filter(({ inWorking }: Content) => inWorking)
      .map(({ reference }: Content) => reference),
    ['gone'],
  );
  const again = (await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' })).json;
  t.strictSame(
    [again.changed, again.problems.map(({ code }: Content) => code)],
    [[], ['retired']],
    'then nothing is left',
  );
});

t.test('what would name the other twice, or lead back to itself, stands against the plan', async (t) => {
  const { client, made } = await someone();
  await made('recipients', { name: 'Old', reference: 'old', role: 'processor' });
  await made('recipients', { name: 'New', reference: 'new', role: 'controller', engagedById: 'ref:old' });
  const both = (extra: object = {}) => [{ recipientId: 'ref:new' }, { recipientId: 'ref:old', ...extra }];
  await made('processing-activities', { name: 'Both', reference: 'both', recipients: both() });
  await made('processor-activities', { name: 'Subs', reference: 'subs', subprocessors: both() });
  await made('processing-activities', {
    name: 'Elsewhere',
    reference: 'elsewhere',
    recipients: [{ recipientId: 'ref:old' }],
    transfers: both({ country: 'US' }),
  });
  await made('processing-activities', {
    name: 'Same place',
    reference: 'same-place',
    transfers: [
      { recipientId: 'ref:old', country: 'US' },
      { recipientId: 'ref:new', country: 'US' },
    ],
  });
  const { id, problems } = (await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' })).json;
  const errors = problems.filter(({ severity }: Content) => severity === 'error');
  t.strictSame(errors.map(({ pointer, code }: Content) => `${code} ${pointer}`).sort(), [
    'cycle /recipient/new/engagedById',
    'named-twice /processingActivity/both/recipients/1/recipientId',
    'named-twice /processingActivity/same-place/transfers/0/recipientId',
    'named-twice /processorActivity/subs/subprocessors/1/recipientId',
  ]);
  t.ok(
    problems.some(({ code }: Content) => code === 'role'),
    'another role is worth a look',
  );
  const size = await logSize(client);
  t.equal((await client.post(`/v1/imports/${id}/apply`)).status, 409);
  t.equal(await logSize(client), size);
});

t.test('what was changed since the plan outdates it', async (t) => {
  const { client, made, patched, read } = await someone();
  await made('recipients', { name: 'Old', reference: 'old' });
  await made('recipients', { name: 'New', reference: 'new' });
  for (const reference of ['a', 'b']) await made('systems', { name: reference, reference, hostedById: 'ref:old' });
  const { id } = (await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' })).json;
  await patched('systems/ref:b', { notes: 'changed' });
  t.equal((await client.get(`/v1/imports/${id}`)).json.state, 'outdated');
  t.strictSame(problem(await client.post(`/v1/imports/${id}/apply`)).slice(0, 2), [409, 'plan-outdated']);
  const old = await read('recipients/ref:old');
  t.match(await read('systems/ref:a'), { version: 1, hostedById: old.id }, 'all or nothing');
  const anew = (await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' })).json;
  t.equal((await client.post(`/v1/imports/${anew.id}/apply`)).status, 200);
  t.match(await read('systems/ref:b'), { notes: 'changed' }, 'what was changed meanwhile is kept');
});

t.test('what somebody changes while the plan is made is kept', async (t) => {
  const { client, made, read, patched } = await someone();
  await made('recipients', { name: 'Old', reference: 'old' });
  const { id } = await made('recipients', { name: 'New', reference: 'new' });
  await made('systems', { name: 'Shop', reference: 'shop', hostedById: 'ref:old' });
  // Between the reading of what names the recipient and the comparing.
  let changed = 0;
  const { pool } = service;
  const main: Pool = {
    query: pool.query.bind(pool),
    close: pool.close.bind(pool),
    stats: pool.stats,
    async transaction(options, work) {
      let reads = false;
      const result = await pool.transaction(options, (session) =>
        work({
          query: session.query.bind(session),
          simple: session.simple.bind(session),
          values(text, ...rest) {
            reads ||= text.includes('v.content from resource r');
            return session.values(text, ...rest);
          },
        }),
      );
      if (reads && changed++ === 0) await patched('systems/ref:shop', { description: 'Sells.' });
      return result;
    },
  };
  const app = await buildApp(service.config, { main, reads: pool });
  t.teardown(() => app.close());
  const planned = await clientOf(app, client.token).post('/v1/recipients/ref:old/replace', { by: 'ref:new' });
  t.equal(planned.status, 201);
  t.ok(changed > 0, 'it was changed meanwhile');
  t.equal((await client.post(`/v1/imports/${planned.json.id}/apply`)).status, 200);
  t.match(await read('systems/ref:shop'), { description: 'Sells.', hostedById: id });
});

t.test('where blocks are approved by somebody, the replacement waits for them', async (t) => {
  const { client, made, step, read } = await someone({ buildingBlockApproval: 'required' });
  for (const reference of ['old', 'new']) await made('recipients', { name: reference, reference });
  await made('systems', { name: 'Shop', reference: 'shop', hostedById: 'ref:old' });
  await step('recipients/ref:old', 'approve');
  await step('systems/ref:shop', 'approve');
  const { id, problems } = (await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' })).json;
  t.strictSame(problems, []);
  await step(`imports/${id}`, 'apply');
  t.match(await read('systems/ref:shop'), { state: 'draft', version: 3 });
  t.match(await read('systems/ref:shop/approved'), { version: 2 });
});

t.test('a replacement that makes no sense is refused', async (t) => {
  const { client, made, step } = await someone();
  const old = await made('recipients', { name: 'Old', reference: 'old' });
  await made('recipients', { name: 'Away', reference: 'away' });
  await step('recipients/ref:away', 'archive');
  const replace = (body: object, key = 'ref:old') => client.post(`/v1/recipients/${key}/replace`, body);
  t.strictSame(problem(await replace({ by: 'ref:nobody' })), [422, 'unknown-reference', '/by']);
  t.strictSame(problem(await replace({ by: unknownId })), [422, 'unknown-reference', '/by']);
  t.strictSame(problem(await replace({ by: 'ref:old' })), [422, 'unprocessable', '/by']);
  t.strictSame(problem(await replace({ by: old.id as string })), [422, 'unprocessable', '/by']);
  t.strictSame(problem(await replace({ by: 'ref:away' })), [422, 'unprocessable', '/by']);
  t.strictSame(problem(await replace({})), [400, 'validation-failed', '/by']);
  t.strictSame(problem(await replace({ by: 'old' })), [400, 'validation-failed', '/by']);
  t.strictSame(problem(await replace({ by: 'ref:old' }, 'ref:nobody')), [404, 'not-found', undefined]);
});

t.test('who may', async (t) => {
  const { name, made } = await someone();
  await made('recipients', { name: 'Old', reference: 'old' });
  await made('recipients', { name: 'New', reference: 'new' });
  for (const [role, reads, makes, plans, applies] of [
    ['viewer', 200, 403, 403, 403],
    ['editor', 200, 201, 201, 403],
    ['sync', 200, 201, 201, 200],
    ['approver', 200, 403, 403, 403],
    ['dpo', 200, 201, 201, 200],
    ['auditor', 403, 403, 403, 403],
    ['admin', 403, 403, 403, 403],
  ] as const) {
    const client = await service.client(name, role);
    const { id } = (
      await (await service.client(name, 'editor')).post('/v1/recipients/ref:old/replace', { by: 'ref:new' })
    ).json;
    t.strictSame(
      [
        (await client.get('/v1/recipients/ref:old/vendor-suggestions')).status,
        (await client.post('/v1/recipients/from-vendor', { vendor: 'aws', reference: role })).status,
        (await client.post('/v1/recipients/ref:old/replace', { by: 'ref:new' })).status,
        (await client.post(`/v1/imports/${id}/apply`)).status,
      ],
      [reads, makes, plans, applies],
      role,
    );
  }
  const stranger = await someone();
  await stranger.made('recipients', { name: 'Mine', reference: 'mine' });
  const foreign = await service.client(name, 'dpo');
  const { id } = (await foreign.get('/v1/recipients/ref:new')).json;
  t.equal((await stranger.client.post('/v1/recipients/ref:mine/replace', { by: id })).status, 422);
  t.equal((await stranger.client.post(`/v1/recipients/${id}/replace`, { by: 'ref:mine' })).status, 404);
  t.equal((await stranger.client.get(`/v1/recipients/${id}/vendor-suggestions`)).status, 404);
});
