/** Transfers of all activities as rows: what is in them, which are found, how they are paged, who sees which. */
import t from 'tap';
import type { Content } from '../../../src/article30/definition.ts';
import { createJudge } from '../../../src/http/validation.ts';
import { factsVersion } from '../../../src/reference/facts.ts';
import { type Client, startService } from '../../service.ts';

t.setTimeout(120_000);

const service = await startService(t);
const judge = createJudge({ isCountry: () => true }, service.app.getSchemas() as Record<string, object>);
const unconditional = { 'if-match': '*' };

const maker = (client: Client) => ({
  async made(path: string, body: object): Promise<Content> {
    const { status, text, json } = await client.post(`/v1/${path}`, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
    return json;
  },
  async step(path: string, verb: string, body?: object): Promise<Content> {
    const { status, text, json } = await client.post(`/v1/${path}/${verb}`, body, unconditional);
    if (status !== 200) throw new Error(`${path}/${verb}: ${status} ${text}`);
    return json;
  },
  async patched(path: string, body: object): Promise<Content> {
    const { status, text, json } = await client.call('PATCH', `/v1/${path}`, { body, headers: unconditional });
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return json;
  },
  /** All rows as `activity line`, page by page. */
  async rows(query = '', limit = 200): Promise<string[]> {
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const answer = await client.get(`/v1/transfers?limit=${limit}${query}${cursor}`);
      if (answer.status !== 200) throw new Error(`${query}: ${answer.status} ${answer.text}`);
      const flaws = judge('TransferList', answer.json);
      if (flaws.length > 0) throw new Error(JSON.stringify(flaws));
      const { items, nextCursor } = answer.json;
      found.push(...items.map((row: Content) => `${(row.activity as Content).reference} ${row.lineId}`));
      if ((nextCursor === undefined) !== (answer.headers.link === undefined)) throw new Error('Link and cursor differ');
      if (nextCursor === undefined) return found;
      cursor = `&cursor=${nextCursor}`;
    }
  },
});

const client = await service.client('transfers', 'dpo');
const { made, step, patched, rows } = maker(client);

const stripe = await made('recipients', {
  name: 'Stripe',
  reference: 'stripe',
  role: 'processor',
  legalEntity: 'Stripe Payments Europe, Limited',
  country: 'IE',
  service: 'Payments',
});
const clauses = await made('safeguards', {
  name: 'Clauses',
  reference: 'clauses',
  mechanism: 'standardClauses',
  document: { reference: 'SCC-1', expiresOn: '2029-01-11' },
  impactAssessment: {
    done: true,
    completedOn: '2024-01-10',
    conclusion: 'notEquivalent',
    url: 'https://a.example/tia',
  },
  confirmation: { state: 'confirmed', source: 'Contract', on: '2024-01-12' },
});
const framework = await made('safeguards', {
  name: 'Framework',
  reference: 'framework',
  mechanism: 'adequacyDecision',
  adequacyDecision: 'US-2023-1795',
  importerCheck: { entity: 'Stripe, LLC', result: 'covered', checkedOn: '2025-02-01' },
});
const shield = await made('safeguards', {
  name: 'Shield',
  reference: 'shield',
  mechanism: 'adequacyDecision',
  adequacyDecision: 'US-2016-1250',
  importerCheck: { result: 'notCovered', checkedOn: '2019-02-01' },
});
const vague = await made('safeguards', { name: 'Vague', reference: 'vague', statedAs: 'Adequate safeguards.' });
await made('recipients', { name: 'EPO', reference: 'epo' });

const billing = await made('processing-activities', {
  name: 'Billing',
  reference: 'billing',
  transfers: [
    {
      lineId: 'us',
      recipientId: 'ref:stripe',
      country: 'US',
      description: 'Support reads the data.',
      state: 'actual',
      hrData: false,
      occasional: false,
      safeguardIds: ['ref:clauses', 'ref:framework'],
    },
    { lineId: 'elsewhere', description: 'Outside the EU.', state: 'possible' },
    { lineId: 'ch', recipientId: 'ref:stripe', country: 'CH', safeguardIds: ['ref:shield'] },
  ],
});
await step('processing-activities/ref:billing', 'approve');
await made('processing-activities', { name: 'No transfers', reference: 'none' });
await step('processing-activities/ref:none', 'approve');
const hosting = await made('processor-activities', {
  name: 'Hosting',
  reference: 'hosting',
  transfers: [
    {
      lineId: 'epo',
      recipientId: 'ref:epo',
      internationalOrganisation: 'European Patent Organisation',
      safeguardIds: ['ref:vague'],
    },
  ],
});
await step('processor-activities/ref:hosting', 'approve');

const billingRows = ['billing ch', 'billing elsewhere', 'billing us'];

t.test('a row says who transfers what to whom, where, and on which grounds', async (t) => {
  const answer = await client.get('/v1/transfers?judgedOn=2026-06-01');
  t.equal(answer.status, 200);
  t.equal(answer.headers['cache-control'], 'private, no-cache');
  t.equal(answer.headers['log-sequence'], (await client.get('/v1/purposes?limit=1')).headers['log-sequence']);
  t.strictSame(judge('TransferList', answer.json), []);
  const activity = { type: 'processingActivity', id: billing.id, reference: 'billing', name: 'Billing' };
  const recipient = {
    id: stripe.id,
    reference: 'stripe',
    name: 'Stripe',
    role: 'processor',
    legalEntity: 'Stripe Payments Europe, Limited',
    country: 'IE',
  };
  t.strictSame(answer.json, {
    judgedOn: '2026-06-01',
    factsVersion,
    items: [
      {
        activity,
        lineId: 'ch',
        recipient,
        country: 'CH',
        safeguards: [
          {
            id: shield.id,
            reference: 'shield',
            name: 'Shield',
            mechanism: 'adequacyDecision',
            kind: 'adequacy',
            article: '45(9)',
            adequacyDecision: 'US-2016-1250',
            decisionInForce: false,
            importerCheck: { result: 'notCovered', checkedOn: '2019-02-01' },
          },
        ],
        adequate: 'yes',
        decisions: ['CH-2000-518'],
      },
      {
        activity,
        lineId: 'elsewhere',
        description: 'Outside the EU.',
        state: 'possible',
        safeguards: [],
        adequate: 'unknown',
        decisions: [],
      },
      {
        activity,
        lineId: 'us',
        recipient,
        country: 'US',
        description: 'Support reads the data.',
        state: 'actual',
        hrData: false,
        occasional: false,
        safeguards: [
          {
            id: clauses.id,
            reference: 'clauses',
            name: 'Clauses',
            mechanism: 'standardClauses',
            kind: 'appropriateSafeguards',
            article: '46(2)(c)',
            expiresOn: '2029-01-11',
            impactAssessment: { done: true, completedOn: '2024-01-10', conclusion: 'notEquivalent' },
            confirmation: { state: 'confirmed', source: 'Contract', on: '2024-01-12' },
          },
          {
            id: framework.id,
            reference: 'framework',
            name: 'Framework',
            mechanism: 'adequacyDecision',
            kind: 'adequacy',
            article: '45(3)',
            adequacyDecision: 'US-2023-1795',
            decisionInForce: true,
            importerCheck: { entity: 'Stripe, LLC', result: 'covered', checkedOn: '2025-02-01' },
          },
        ],
        adequate: 'partial',
        decisions: ['US-2023-1795'],
      },
      {
        activity: { type: 'processorActivity', id: hosting.id, reference: 'hosting', name: 'Hosting' },
        lineId: 'epo',
        recipient: { id: (await client.get('/v1/recipients/ref:epo')).json.id, reference: 'epo', name: 'EPO' },
        internationalOrganisation: 'European Patent Organisation',
        safeguards: [{ id: vague.id, reference: 'vague', name: 'Vague', statedAs: 'Adequate safeguards.' }],
        adequate: 'yes',
        decisions: ['EPO-2025-1382'],
      },
    ],
  });
  const past = (await client.get('/v1/transfers?judgedOn=2019-06-01&country=US')).json;
  t.match(past, { judgedOn: '2019-06-01', items: [{ adequate: 'partial', decisions: ['US-2016-1250'] }] });
  t.equal(past.items[0].safeguards[1].decisionInForce, false, 'it had not been adopted yet');
  t.equal((await client.get('/v1/transfers')).json.judgedOn, new Date().toISOString().slice(0, 10));
});

t.test('each filter finds what it says; values mean or, filters mean and', async (t) => {
  const cases: [query: string, rows: string[]][] = [
    ['country=US', ['billing us']],
    ['country=US&country=CH', ['billing ch', 'billing us']],
    ['country=FR', []],
    ['recipientId=ref:stripe', ['billing ch', 'billing us']],
    [`recipientId=${stripe.id}&country=CH`, ['billing ch']],
    ['recipientId=ref:stripe&recipientId=ref:epo', ['billing ch', 'billing us', 'hosting epo']],
    ['recipientId=ref:nobody', []],
    ['recipientId=0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77', []],
    ['mechanism=standardClauses', ['billing us']],
    ['mechanism=adequacyDecision', ['billing ch', 'billing us']],
    ['mechanism=adequacyDecision&mechanism=standardClauses', ['billing ch', 'billing us']],
    ['mechanism=explicitConsent', []],
    // Of the office it is only said that there are "adequate safeguards".
    ['mechanism=none', ['billing elsewhere', 'hosting epo']],
    ['mechanism=none&mechanism=standardClauses', ['billing elsewhere', 'billing us', 'hosting epo']],
    ['mechanism=none&adequate=no&adequate=unknown', ['billing elsewhere']],
    ['mechanism=none&assessedBefore=9999-01-01', []],
    ['adequate=yes', ['billing ch', 'hosting epo']],
    ['adequate=partial', ['billing us']],
    ['adequate=unknown&adequate=no', ['billing elsewhere']],
    ['adequate=notNeeded', []],
    ['adequate=no&judgedOn=2021-01-01', ['billing us', 'hosting epo']],
    ['importerCheckedBefore=2019-02-02', ['billing ch']],
    ['importerCheckedBefore=2019-02-01', []],
    ['importerCheckedBefore=2025-02-02', ['billing ch', 'billing us']],
    ['assessedBefore=2024-01-11', ['billing us']],
    ['assessedBefore=2024-01-10', []],
    ['expiresBefore=2029-01-12', ['billing us']],
    ['expiresBefore=2029-01-11', []],
    ['mechanism=standardClauses&assessedBefore=2025-01-01', ['billing us']],
    // One ground has to fit in all: the clauses were assessed, the importer was checked for the framework.
    ['mechanism=standardClauses&importerCheckedBefore=2026-01-01', []],
    ['assessedBefore=2025-01-01&importerCheckedBefore=2026-01-01', []],
    ['country=US&adequate=partial&mechanism=adequacyDecision&recipientId=ref:stripe', ['billing us']],
    ['country=CH&adequate=partial', []],
  ];
  for (const include of ['approved', 'drafts'])
    for (const [query, expected] of cases) t.strictSame(await rows(`&include=${include}&${query}`), expected, query);
  t.comment(`${2 * cases.length} queries`);
  const refused = [
    'country=XX',
    'adequate=true',
    'mechanism=nothing',
    'controllerId=no key',
    'assessedBefore=soon',
    'limit=0',
    'limit=201',
    'q=x',
  ];
  for (const query of refused) t.equal((await client.get(`/v1/transfers?${query}`)).status, 400, query);
});

t.test('what was never checked or assessed was not since any day, where it is needed', async (t) => {
  const other = maker(await service.client('never', 'dpo'));
  const grounds: [reference: string, ground: object, country: string][] = [
    ['clauses', { mechanism: 'standardClauses' }, 'IN'],
    ['undated', { mechanism: 'standardClauses', impactAssessment: { done: true } }, 'IN'],
    ['planned', { mechanism: 'bindingCorporateRules', impactAssessment: { done: false } }, 'IN'],
    ['assessed', { mechanism: 'certification', impactAssessment: { done: true, completedOn: '2026-01-01' } }, 'IN'],
    ['consent', { mechanism: 'explicitConsent' }, 'IN'],
    ['stated', { statedAs: 'Safeguards.' }, 'IN'],
    ['framework', { mechanism: 'adequacyDecision', adequacyDecision: 'US-2023-1795' }, 'US'],
    ['unnamed', { mechanism: 'adequacyDecision' }, 'US'],
    ['undated-check', { mechanism: 'adequacyDecision', importerCheck: { result: 'covered' } }, 'CA'],
    ['checked', { mechanism: 'adequacyDecision', importerCheck: { checkedOn: '2026-01-01' } }, 'US'],
    ['full', { mechanism: 'adequacyDecision', adequacyDecision: 'CH-2000-518' }, 'CH'],
    ['unnamed-full', { mechanism: 'adequacyDecision' }, 'CH'],
  ];
  for (const [reference, ground] of grounds) await other.made('safeguards', { name: reference, reference, ...ground });
  await other.made('processing-activities', {
    name: 'A',
    reference: 'a',
    transfers: grounds.map(([lineId, , country]) => ({ lineId, country, safeguardIds: [`ref:${lineId}`] })),
  });
  await other.step('processing-activities/ref:a', 'approve');
  const cases: [query: string, lines: string[]][] = [
    ['assessedBefore=2026-01-01', ['clauses', 'planned', 'undated']],
    ['assessedBefore=2026-01-02', ['assessed', 'clauses', 'planned', 'undated']],
    ['assessedBefore=2026-01-02&mechanism=standardClauses', ['clauses', 'undated']],
    ['importerCheckedBefore=2026-01-01', ['framework', 'undated-check', 'unnamed']],
    ['importerCheckedBefore=2026-01-02', ['checked', 'framework', 'undated-check', 'unnamed']],
    ['importerCheckedBefore=2026-01-02&judgedOn=2022-01-01&country=US', ['checked', 'framework']],
    ['assessedBefore=2026-01-02&importerCheckedBefore=2026-01-02', []],
    ['expiresBefore=9999-01-01', []],
    ['mechanism=none', ['stated']],
  ];
  for (const include of ['approved', 'drafts'])
    for (const [query, lines] of cases)
      t.strictSame(
        await other.rows(`&include=${include}&${query}`),
        lines.map((line) => `a ${line}`),
        query,
      );
  t.comment(`${2 * cases.length} queries`);
});

t.test('a row names the controller or the processor, and each has its list', async (t) => {
  const group = await service.client('group', 'dpo');
  const other = maker(group);
  const named: Record<string, Content> = {};
  for (const reference of ['acme', 'beta', 'gamma', 'idle']) {
    const { id, name } = await other.made('controllers', { name: reference.toUpperCase(), reference });
    named[reference] = { id, reference, name };
  }
  const transfers = [{ lineId: 'l', country: 'IN' }];
  await other.made('processing-activities', { name: 'A', reference: 'a', controllerId: 'ref:acme', transfers });
  await other.made('processing-activities', {
    name: 'B',
    reference: 'b',
    controllerId: 'ref:beta',
    jointControllers: [{ controllerId: 'ref:acme' }],
    transfers,
  });
  await other.made('processing-activities', { name: 'C', reference: 'c', transfers });
  await other.made('processor-activities', {
    name: 'P',
    reference: 'p',
    processorId: 'ref:acme',
    subprocessors: [{ recipientId: (await other.made('recipients', { name: 'S' })).id, clientIds: ['ref:gamma'] }],
    transfers,
  });
  const put = { body: {}, headers: {} };
  t.equal((await group.call('PUT', '/v1/processor-activities/ref:p/clients/ref:gamma', put)).status, 201);
  for (const path of ['processing-activities/ref:a', 'processing-activities/ref:b', 'processing-activities/ref:c'])
    await other.step(path, 'approve');
  await other.step('processor-activities/ref:p', 'approve');
  // Whose it is in the draft is another's.
  await other.patched('processing-activities/ref:a', { controllerId: 'ref:gamma' });

  const controllersOf = async (query: string) => {
    const { json } = await group.get(`/v1/transfers?${query}`);
    t.strictSame(judge('TransferList', json), []);
    return json.items.map((row: Content & { activity: Content }) => [row.activity.reference, row.controller]);
  };
  const [acme, beta, gamma] = [named.acme, named.beta, named.gamma];
  t.strictSame(await controllersOf('include=approved'), [
    ['a', acme],
    ['b', beta],
    ['c', undefined],
    ['p', acme],
  ]);
  t.strictSame((await controllersOf('include=drafts'))[0], ['a', gamma]);
  const cases: [query: string, approved: string[], drafts: string[]][] = [
    ['controllerId=ref:acme', ['a l', 'b l', 'p l'], ['b l', 'p l']],
    [`controllerId=${beta!.id}`, ['b l'], ['b l']],
    ['controllerId=ref:gamma', [], ['a l']],
    ['controllerId=ref:beta&controllerId=ref:gamma', ['b l'], ['a l', 'b l']],
    ['controllerId=ref:idle', [], []],
    ['controllerId=ref:nobody', [], []],
    ['controllerId=0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77', [], []],
    ['controllerId=ref:nobody&controllerId=ref:beta', ['b l'], ['b l']],
    ['controllerId=ref:acme&country=CH', [], []],
  ];
  for (const [query, approved, drafts] of cases) {
    t.strictSame(await other.rows(`&${query}`), approved, query);
    t.strictSame(await other.rows(`&${query}&include=drafts`), drafts, `${query}, drafts`);
    t.strictSame(await other.rows(`&${query}&include=drafts`, 1), drafts, `${query}, row by row`);
  }
  t.comment(`${3 * cases.length} lists`);
});

t.test('approved is what the register shows, drafts what is worked on', async (t) => {
  const all = [...billingRows, 'hosting epo'];
  t.strictSame(await rows(), all);
  const draft = await made('processing-activities', {
    name: 'Draft',
    reference: 'draft',
    transfers: [{ lineId: 'x', country: 'IN' }],
  });
  t.strictSame(await rows(), all, 'a draft is not in the register');
  t.strictSame(await rows('&include=drafts'), [...billingRows, 'draft x', 'hosting epo']);

  await patched('processing-activities/ref:billing', { transfers: [{ lineId: 'jp', country: 'JP' }] });
  t.strictSame(await rows(), all, 'the approved version stands until the new one is approved');
  t.strictSame(await rows('&country=US'), ['billing us'], 'and is found by what it says');
  t.strictSame(await rows('&mechanism=standardClauses'), ['billing us']);
  t.strictSame(await rows('&recipientId=ref:stripe'), ['billing ch', 'billing us']);
  t.strictSame(await rows('&country=JP'), []);
  t.strictSame(await rows('&include=drafts&country=JP'), ['billing jp']);
  t.strictSame(await rows('&include=drafts&recipientId=ref:stripe'), []);
  await patched('processing-activities/ref:billing', { transfers: null });
  t.strictSame(await rows(), all, 'also when the draft has none any more');
  t.strictSame(await rows('&include=drafts'), ['draft x', 'hosting epo']);
  await step('processing-activities/ref:billing', 'submit');
  t.strictSame(await rows(), all);
  await client.call('DELETE', '/v1/processing-activities/ref:billing/draft', { headers: unconditional });
  t.strictSame(await rows('&include=drafts&country=US'), ['billing us'], 'thrown away, it is as it was');

  await step('processing-activities/ref:draft', 'archive');
  t.strictSame(await rows('&include=drafts'), [...billingRows, 'hosting epo'], 'what is archived is hidden');
  const gone = await client.call('DELETE', `/v1/processing-activities/${draft.id}`, { headers: unconditional });
  t.equal(gone.status, 204);

  await step('processing-activities/ref:billing', 'retire', { endedOn: '2026-03-31' });
  t.strictSame(await rows(), all, 'what has ended stands in the register for its time');
  const [ended] = (await client.get('/v1/transfers?country=US')).json.items;
  t.equal(ended.activity.endedOn, '2026-03-31');
  const settings = { endedEntriesKept: 'P1M' };
  t.equal((await client.call('PATCH', '/v1/settings', { body: settings, headers: unconditional })).status, 200);
  t.strictSame(await rows(), ['hosting epo'], 'and leaves it with it');
  t.strictSame(await rows('&include=drafts'), ['hosting epo']);
});

t.test('rows show building blocks in the version that is asked for', async (t) => {
  const strict = await service.client('strict', 'dpo');
  const other = maker(strict);
  const body = { buildingBlockApproval: 'required' };
  t.equal((await strict.call('PATCH', '/v1/settings', { body, headers: unconditional })).status, 200);
  await other.made('recipients', { name: 'Vendor', reference: 'vendor', country: 'US' });
  await other.made('safeguards', { name: 'Ground', reference: 'ground', mechanism: 'standardClauses' });
  const transfers = [{ lineId: 'l', recipientId: 'ref:vendor', country: 'US', safeguardIds: ['ref:ground'] }];
  await other.made('processing-activities', { name: 'A', reference: 'a', transfers });
  await other.step('processing-activities/ref:a', 'approve', { includeReferenced: true });
  await other.patched('recipients/ref:vendor', { name: 'Renamed' });
  await other.patched('safeguards/ref:ground', {
    mechanism: 'adequacyDecision',
    importerCheck: { checkedOn: '2025-01-01' },
  });
  const shown = async (include: string) => {
    const [row] = (await strict.get(`/v1/transfers?include=${include}`)).json.items;
    return [row.recipient.name, row.safeguards[0].mechanism];
  };
  t.strictSame(await shown('approved'), ['Vendor', 'standardClauses']);
  t.strictSame(await shown('drafts'), ['Renamed', 'adequacyDecision']);
  for (const [query, approved, drafts] of [
    ['mechanism=standardClauses', ['a l'], []],
    ['mechanism=adequacyDecision', [], ['a l']],
    ['importerCheckedBefore=2026-01-01', [], ['a l']],
  ] as const) {
    t.strictSame(await other.rows(`&${query}`), approved, `${query}, approved`);
    t.strictSame(await other.rows(`&${query}&include=drafts`), drafts, `${query}, drafts`);
  }
});

t.test('pages neither skip nor repeat a row, whatever their size', async (t) => {
  const many = await service.client('many', 'dpo');
  const other = maker(many);
  const expected: string[] = [];
  for (const [type, path] of [
    ['c', 'processing-activities'],
    ['p', 'processor-activities'],
  ] as const) {
    for (let i = 0; i < 60; i++) {
      // Two of three have transfers, one of them so many that it spans pages.
      const lines =
        i % 3 === 0 ? [] : Array.from({ length: i === 7 ? 130 : 2 }, (_, k) => `l${String(k).padStart(3, '0')}`);
      const reference = `${type}${i}`;
      await other.made(path, {
        name: reference,
        reference,
        transfers: lines.map((lineId, k) => ({ lineId, country: k === 0 ? 'CH' : 'IN' })).reverse(),
      });
      if (i % 2 === 0) await other.step(`${path}/ref:${reference}`, 'approve');
      if (i % 4 === 0) await other.patched(`${path}/ref:${reference}`, { notes: 'changed since' });
      expected.push(...lines.map((lineId) => `${reference} ${lineId}`));
    }
  }
  const approved = expected.filter((row) => Number(/\d+/.exec(row)![0]) % 2 === 0);
  for (const limit of [1, 3, 7, 50, 200]) {
    t.strictSame(await other.rows('&include=drafts', limit), expected, `drafts by ${limit}`);
    t.strictSame(await other.rows('', limit), approved, `approved by ${limit}`);
  }
  t.strictSame(
    await other.rows('&include=drafts&adequate=yes', 3),
    expected.filter((row) => row.endsWith('l000')),
    'filtered',
  );

  const first = (await many.get('/v1/transfers?limit=2&include=drafts')).json;
  const next = (query: string) => many.get(`/v1/transfers?${query}&cursor=${first.nextCursor}`);
  t.equal((await next('limit=5&include=drafts')).status, 200, 'another size goes on');
  const wrong = [
    await next('limit=2'),
    await next('limit=2&include=drafts&country=CH'),
    await next('limit=2&include=drafts&judgedOn=2020-01-01'),
    await many.get('/v1/transfers?include=drafts&cursor=x'),
  ];
  const [bound] = JSON.parse(Buffer.from(first.nextCursor, 'base64url').toString());
  for (const forged of [
    [bound, 'recipient x', '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77'],
    [bound, 'processingActivity', '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77'],
    [bound, 'processingActivity x', 'zz'],
  ])
    wrong.push(
      await many.get(
        `/v1/transfers?include=drafts&cursor=${Buffer.from(JSON.stringify(forged)).toString('base64url')}`,
      ),
    );
  for (const answer of wrong) t.match(answer, { status: 400, json: { type: /invalid-cursor$/ } });
});

t.test('a page that finds little among many activities ends, and the next goes on behind it', async (t) => {
  const large = await service.client('large', 'dpo');
  const entries = Array.from({ length: 1_050 }, (_, i) => {
    const transfers = [{ lineId: 'l', country: i % 7 === 0 ? 'CH' : 'IN' }];
    return { reference: `a${i}`, name: `A ${i}`, transfers };
  });
  const planned = await large.post('/v1/imports?source=register', { entries });
  t.equal((await large.post(`/v1/imports/${planned.json.id}/apply`)).status, 200);
  const { items, nextCursor } = (await large.get('/v1/transfers?include=drafts&adequate=yes&limit=200')).json;
  t.ok(items.length < 200, 'fewer than the limit');
  t.type(nextCursor, 'string', 'and yet not the last page');
  const expected = entries
    .filter(({ transfers }) => transfers[0]!.country === 'CH')
    .map((each) => `${each.reference} l`);
  t.strictSame((await maker(large).rows('&include=drafts&adequate=yes')).sort(), expected.sort());
});

t.test('auditors see what is approved, strangers nothing', async (t) => {
  const auditor = await service.client('transfers', 'auditor');
  t.equal((await auditor.get('/v1/transfers')).text, (await client.get('/v1/transfers')).text);
  t.equal((await auditor.get('/v1/transfers?include=drafts')).status, 403);
  t.equal((await (await service.client('transfers', 'viewer')).get('/v1/transfers?include=drafts')).status, 200);
  t.equal((await (await service.client('transfers', 'admin')).get('/v1/transfers')).status, 403);
  const stranger = await service.client('elsewhere', 'dpo');
  t.strictSame((await stranger.get(`/v1/transfers?recipientId=${stripe.id}`)).json.items, []);
  t.strictSame((await stranger.get('/v1/transfers')).json.items, []);
});
