/** The numbers of a tenant: each is that of the list with the same filter. */
import t from 'tap';
import type { Content } from '../../../src/article30/definition.ts';
import { definitions } from '../../../src/article30/index.ts';
import { createJudge } from '../../../src/http/validation.ts';
import { poolFor } from '../../database.ts';
import { startService } from '../../service.ts';

const service = await startService(t);
const judge = createJudge({ isCountry: () => true }, service.app.getSchemas() as Record<string, object>);
const unconditional = { 'if-match': '*' };
const client = await service.client('counted', 'dpo');

async function made(path: string, body: object): Promise<Content> {
  const { status, text, json } = await client.post(`/v1/${path}`, body);
  if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  return json;
}
async function step(path: string, verb: string, body?: object): Promise<void> {
  const { status, text } = await client.post(`/v1/${path}/${verb}`, body, unconditional);
  if (status !== 200) throw new Error(`${path}/${verb}: ${status} ${text}`);
}

const none = { draft: 0, inReview: 0, approved: 0, retired: 0, archived: 0 };
const nothing = {
  inForce: 0,
  overdueReviews: 0,
  withTransfers: 0,
  grounds: [],
  dataKinds: [],
  countries: [],
  recipientRoles: [],
  mechanisms: [],
};
const today = new Date().toISOString().slice(0, 10);

t.test('where there is nothing, there are zeros', async (t) => {
  const answer = await client.get('/v1/statistics');
  t.equal(answer.status, 200);
  t.strictSame(answer.json, {
    judgedOn: today,
    types: definitions.map(({ type }) => ({ type, total: 0, ...none })),
    processingActivities: nothing,
    processorActivities: nothing,
    recipients: { roles: [], countries: [] },
  });
  t.strictSame(judge('Statistics', answer.json), []);
  t.equal(answer.headers['log-sequence'], '0');
  t.equal(answer.headers['cache-control'], 'private, no-cache');
});

t.test('resources count by state, activities by what they say and name', async (t) => {
  await made('controllers', { name: 'Acme', reference: 'acme' });
  await made('legal-bases', { name: 'Consent', reference: 'consent', ground: 'consent' });
  await made('legal-bases', { name: 'Law', reference: 'law', ground: 'legalObligation' });
  await made('legal-bases', { name: 'Health', reference: 'health-basis', ground: 'healthCare' });
  await made('purposes', { name: 'Purpose', reference: 'purpose' });
  await made('data-categories', { name: 'Plain', reference: 'plain', kind: 'ordinary' });
  await made('data-categories', { name: 'Health', reference: 'health', kind: 'special', specialKind: 'health' });
  await made('data-categories', { name: 'Offences', reference: 'offences', kind: 'criminal' });
  await made('recipients', {
    name: 'US',
    reference: 'us',
    role: 'processor',
    country: 'US',
    processingCountries: ['IE'],
  });
  await made('recipients', { name: 'FR', reference: 'fr', role: 'processor', country: 'FR' });
  await made('recipients', { name: 'Hidden', reference: 'hidden', role: 'controller', country: 'DE' });
  await step('recipients/ref:hidden', 'archive');
  await made('safeguards', { name: 'Clauses', reference: 'clauses', mechanism: 'standardClauses' });
  const purposes = (...bases: string[]) => [{ purposeId: 'ref:purpose', legalBasisIds: bases }];
  const dataLines = (...keys: string[]) => keys.map((dataCategoryId) => ({ dataCategoryId }));
  await made('processing-activities', {
    name: 'One',
    reference: 'one',
    purposes: purposes('ref:consent', 'ref:law'),
    dataLines: [...dataLines('ref:plain', 'ref:health'), { dataCategoryId: 'ref:health', required: true }],
    recipients: [{ recipientId: 'ref:us' }, { recipientId: 'ref:fr' }],
    // Said twice: by the recipient and by the transfer.
    transfers: [{ recipientId: 'ref:us', country: 'US', safeguardIds: ['ref:clauses'] }, { country: 'IN' }],
  });
  await made('processing-activities', {
    name: 'Two',
    reference: 'two',
    startedOn: '9999-01-01',
    purposes: purposes('ref:consent'),
    dataLines: dataLines('ref:plain', 'ref:offences'),
    recipients: [{ recipientId: 'ref:fr' }],
  });
  await made('processing-activities', {
    name: 'Three',
    reference: 'three',
    endedOn: '2020-01-01',
    dataLines: [{ dataCategoryId: 'ref:plain', conditionIds: ['ref:health-basis'] }],
  });
  await made('processing-activities', { name: 'Four', reference: 'four', purposes: purposes('ref:law') });
  await made('processing-activities', { name: 'Five', reference: 'five', purposes: purposes('ref:law') });
  await made('processing-activities', {
    name: 'Six',
    reference: 'six',
    purposes: purposes('ref:law'),
    transfers: [{}],
  });
  await step('processing-activities/ref:one', 'approve');
  await step('processing-activities/ref:two', 'submit');
  await step('processing-activities/ref:four', 'approve');
  await step('processing-activities/ref:four', 'retire', { endedOn: today });
  await step('processing-activities/ref:six', 'archive');
  await made('processor-activities', {
    name: 'Hosting',
    reference: 'hosting',
    subprocessors: [{ recipientId: 'ref:us' }],
    transfers: [{ recipientId: 'ref:us', country: 'US', safeguardIds: ['ref:clauses'] }],
  });
  const put = { body: { actsAs: 'controller' }, headers: {} };
  t.equal((await client.call('PUT', '/v1/processor-activities/ref:hosting/clients/ref:acme', put)).status, 201);

  const { json } = await client.get('/v1/statistics');
  t.strictSame(judge('Statistics', json), []);
  const types: Record<string, object> = {
    controller: { total: 1, ...none, approved: 1 },
    purpose: { total: 1, ...none, approved: 1 },
    legalBasis: { total: 3, ...none, approved: 3 },
    dataCategory: { total: 3, ...none, approved: 3 },
    recipient: { total: 2, ...none, approved: 2, archived: 1 },
    safeguard: { total: 1, ...none, approved: 1 },
    processingActivity: { total: 5, draft: 2, inReview: 1, approved: 1, retired: 1, archived: 1 },
    processorActivity: { total: 1, ...none, draft: 1 },
    processorClient: { total: 1, ...none, approved: 1 },
  };
  const tally = (counts: Record<string, number>) => Object.entries(counts).map(([value, count]) => ({ value, count }));
  t.strictSame(json, {
    judgedOn: today,
    types: definitions.map(({ type }) => ({ type, ...(types[type] ?? { total: 0, ...none }) })),
    processingActivities: {
      inForce: 2,
      overdueReviews: 0,
      withTransfers: 1,
      grounds: tally({ legalObligation: 3, consent: 2, healthCare: 1 }),
      dataKinds: tally({ ordinary: 3, criminal: 1, special: 1 }),
      countries: tally({ FR: 2, IE: 1, IN: 1, US: 1 }),
      recipientRoles: tally({ processor: 2 }),
      mechanisms: tally({ standardClauses: 1 }),
    },
    processorActivities: {
      ...nothing,
      inForce: 1,
      withTransfers: 1,
      countries: tally({ IE: 1, US: 1 }),
      recipientRoles: tally({ processor: 1 }),
      mechanisms: tally({ standardClauses: 1 }),
    },
    recipients: { roles: tally({ processor: 2 }), countries: tally({ FR: 1, IE: 1, US: 1 }) },
  });

  const listed = async (path: string, query: string) =>
    (await client.get(`/v1/${path}?limit=200&${query}`)).json.items.length;
  let compared = 0;
  for (const [path, counts] of [
    ['processing-activities', json.processingActivities],
    ['processor-activities', json.processorActivities],
  ]) {
    for (const [filter, member] of [
      ['ground', 'grounds'],
      ['dataKind', 'dataKinds'],
      ['country', 'countries'],
      ['mechanism', 'mechanisms'],
    ] as const) {
      for (const { value, count } of counts[member]) {
        t.equal(await listed(path, `${filter}=${value}`), count, `${path} ${filter}=${value}`);
        compared++;
      }
    }
  }
  t.ok(compared > 10);
  t.equal(await listed('processing-activities', 'inForce=true'), json.processingActivities.inForce);
  for (const { value, count } of json.recipients.roles) t.equal(await listed('recipients', `role=${value}`), count);
  for (const { type, archived, total } of json.types) {
    const definition = definitions.find((each) => each.type === type)!;
    if (definition.path.includes(':')) continue;
    t.equal(await listed(definition.path, ''), total, type);
    t.equal(await listed(definition.path, 'archived=true'), archived);
  }
  t.comment(`${compared} numbers compared with lists`);
});

t.test('of a controller count those of its own lists', async (t) => {
  const group = await service.client('group', 'dpo');
  const make = async (path: string, body: object) => {
    const { status, text, json } = await group.post(`/v1/${path}`, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
    return json;
  };
  const ids: string[] = [];
  for (const reference of ['acme', 'beta', 'idle'])
    ids.push((await make('controllers', { name: reference, reference })).id);
  await make('recipients', { name: 'Shared', reference: 'shared', role: 'processor', country: 'US' });
  await make('recipients', { name: 'Own', reference: 'own', role: 'controller', controllerId: 'ref:acme' });
  await make('legal-bases', { name: 'Consent', reference: 'consent', ground: 'consent' });
  await make('legal-bases', { name: 'Law', reference: 'law', ground: 'legalObligation', controllerId: 'ref:beta' });
  const purpose = (await make('purposes', { name: 'P' })).id;
  const activity = (reference: string, basis: string, body: object) =>
    make('processing-activities', {
      name: reference,
      reference,
      purposes: [{ purposeId: purpose, legalBasisIds: [basis] }],
      recipients: [{ recipientId: 'ref:shared' }],
      ...body,
    });
  await activity('a', 'ref:consent', { controllerId: 'ref:acme', transfers: [{ country: 'IN' }] });
  await activity('both', 'ref:law', { controllerId: 'ref:beta', jointControllers: [{ controllerId: 'ref:acme' }] });
  await activity('b', 'ref:law', { controllerId: 'ref:beta', startedOn: '9999-01-01' });
  await activity('nobody', 'ref:law', {});
  await make('processor-activities', { name: 'H', reference: 'h', processorId: 'ref:acme', transfers: [{}] });
  const put = { body: {}, headers: {} };
  t.equal((await group.call('PUT', '/v1/processor-activities/ref:h/clients/ref:beta', put)).status, 201);

  const whole = (await group.get('/v1/statistics')).json;
  const all = `controllerId=${ids.join('&controllerId=')}`;
  t.equal((await group.get(`/v1/statistics?${all}`)).json.processingActivities.inForce, 2);
  t.equal(whole.processingActivities.inForce, 3, 'with those of nobody');
  const acme = (await group.get('/v1/statistics?controllerId=ref:acme')).json;
  t.strictSame(judge('Statistics', acme), []);
  t.strictSame(acme.processingActivities.grounds, [
    { value: 'consent', count: 1 },
    { value: 'legalObligation', count: 1 },
  ]);
  t.match(acme.processorActivities, { inForce: 1, withTransfers: 1 });
  t.strictSame(acme.recipients.roles, [{ value: 'controller', count: 1 }]);
  const clients = ({ types }: { types: Content[] }) => types.find(({ type }) => type === 'processorClient')!.total;
  t.equal(clients(acme), 0);
  t.equal(clients((await group.get('/v1/statistics?controllerId=ref:beta')).json), 1);
  t.strictSame(
    (await group.get(`/v1/statistics?controllerId=${ids[0]}`)).text,
    (await group.get('/v1/statistics?controllerId=ref:acme')).text,
  );

  let compared = 0;
  for (const key of ['ref:acme', 'ref:beta', 'ref:idle', 'ref:nobody']) {
    const { json } = await group.get(`/v1/statistics?controllerId=${key}`);
    for (const { path, type, filters = {} } of definitions) {
      const filter = ['controllerId', 'processorId'].find((name) => name in filters);
      const query = type === 'controller' ? `id=${key}` : `${filter}=${key}`;
      if (path.includes(':') || (filter === undefined && type !== 'controller')) continue;
      const listed = (await group.get(`/v1/${path}?${query}`)).json.items.length;
      t.equal(json.types.find((each: Content) => each.type === type).total, listed, `${type} of ${key}`);
      compared++;
    }
    const ofActivities = `/v1/processing-activities?controllerId=${key}`;
    for (const [query, count] of [
      ['inForce=true', json.processingActivities.inForce],
      ...json.processingActivities.grounds.map((each: Content) => [`ground=${each.value}`, each.count]),
      ...json.processingActivities.countries.map((each: Content) => [`country=${each.value}`, each.count]),
    ]) {
      t.equal((await group.get(`${ofActivities}&${query}`)).json.items.length, count, `${key} ${query}`);
      compared++;
    }
  }
  t.ok(compared > 40);
  t.comment(`${compared} numbers compared with lists`);
});

t.test('a review is overdue from the day after it was due', async (t) => {
  const { json: before } = await client.get('/v1/statistics');
  await made('processing-activities', { name: 'Due', reference: 'due' });
  await step('processing-activities/ref:due', 'approve');
  const owner = poolFor(t, service.database.owner, 1);
  const { id } = (await client.get('/v1/processing-activities/ref:due')).json;
  const dueOn = (day: string) =>
    owner.query("update facet set value = $2 where facet = 'reviewDueOn' and resource_id = $1 returning 1", [id, day]);
  const listed = async () =>
    (await client.get(`/v1/processing-activities?reviewDueBefore=${today}`)).json.items.map((each: Content) => each.id);
  t.equal((await dueOn(today)).length, 1);
  t.equal((await client.get('/v1/statistics')).json.processingActivities.overdueReviews, 0, 'due today');
  t.same(await listed(), []);
  await dueOn('2026-01-01');
  const { json } = await client.get('/v1/statistics');
  t.equal(json.processingActivities.overdueReviews, 1);
  t.same(await listed(), [id], 'as many as the list has');
  t.equal(json.processingActivities.inForce, before.processingActivities.inForce + 1);
  await step('processing-activities/ref:due', 'retire', { endedOn: today });
  t.equal((await dueOn('2026-01-01')).length, 0, 'what has ended is due for no review');
  t.same(await listed(), []);
  const ended = (await client.get('/v1/statistics')).json.processingActivities;
  t.same([ended.overdueReviews, ended.inForce], [0, before.processingActivities.inForce], 'not when it has ended');
});

t.test('who asks again is told when nothing has changed', async (t) => {
  const { headers } = await client.get('/v1/statistics');
  const again = await client.get('/v1/statistics', { 'if-none-match': headers.etag! });
  t.strictSame([again.status, again.text, again.headers['log-sequence']], [304, '', headers['log-sequence']]);
  await made('purposes', { name: 'Another' });
  const { status, json } = await client.get('/v1/statistics', { 'if-none-match': headers.etag! });
  t.equal(status, 200);
  t.equal(json.types.find(({ type }: Content) => type === 'purpose').total, 2);
});

t.test('who reads drafts reads the numbers, of the own tenant', async (t) => {
  for (const role of ['viewer', 'editor', 'sync', 'approver'] as const)
    t.equal((await (await service.client('counted', role)).get('/v1/statistics')).status, 200, role);
  for (const role of ['auditor', 'admin'] as const)
    t.equal((await (await service.client('counted', role)).get('/v1/statistics')).status, 403, role);
  const stranger = await (await service.client('uncounted', 'viewer')).get('/v1/statistics');
  t.strictSame(stranger.json.processingActivities, nothing);
  t.ok(stranger.json.types.every(({ total, archived }: { total: number; archived: number }) => total + archived === 0));
});
