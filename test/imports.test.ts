/** Imports as somebody with a token meets them: plan, look, apply. */
import t, { type Test } from 'tap';
import { buildApp } from '../src/app.ts';
import { forgetOldPlans } from '../src/db/imports.ts';
import { poolFor } from './database.ts';
import { approveAll, bring, comparable, examples, many, sampleNames, sampleText } from './imports/documents.ts';
import { type Client, clientOf, startService } from './service.ts';

t.setTimeout(230_000);

const service = await startService(t, { IMPORT_LIMIT: String(3 * 1024 * 1024) });
let tenants = 0;
/** Somebody in a tenant that nobody else is in. */
const newClient = () => service.client(`tenant-${++tenants}`, 'dpo');
const source = '/v1/imports?source=register';
const problemType = (answer: { json: { type: string } }) => answer.json.type.split('/').at(-1);

const small = {
  controllers: [{ reference: 'acme', name: 'Acme' }],
  blocks: { purpose: { billing: { reference: 'billing', name: 'Billing' } } },
  entries: [
    {
      reference: 'invoices',
      name: 'Invoices',
      controllerId: 'ref:acme',
      purposes: [{ lineId: 'main', purposeId: 'ref:billing' }],
    },
  ],
};
const smallPlan = {
  source: 'register',
  state: 'planned',
  created: [
    { type: 'controller', reference: 'acme', name: 'Acme' },
    { type: 'purpose', reference: 'billing', name: 'Billing' },
    { type: 'processingActivity', reference: 'invoices', name: 'Invoices' },
  ],
  changed: [],
  unchanged: 0,
  proposals: [],
  problems: [],
};

t.test('a plan changes nothing, and is applied whole', async (t) => {
  const client = await newClient();
  const planned = await client.post(source, small);
  t.equal(planned.status, 201);
  const { id, sequence, createdAt, ...told } = planned.json;
  t.same(told, smallPlan);
  t.match(createdAt, /^20.+Z$/);
  t.equal(sequence, 0);
  t.equal(planned.headers.location, `/v1/imports/${id}`);
  t.same((await client.get(`/v1/imports/${id}`)).json, planned.json);
  t.same((await client.get('/v1/changes')).json.items, [], 'nothing is written');

  const applied = await client.post(`/v1/imports/${id}/apply`, undefined, { 'change-reason': 'Moved here' });
  t.equal(applied.status, 200);
  const { appliedAt, appliedBy, ...rest } = applied.json;
  t.same(rest, { ...planned.json, state: 'applied' });
  const [logged] = (await client.get('/v1/log')).json.items;
  t.same([appliedBy, appliedAt <= logged.recordedAt], [logged.actor, true], 'by whom, and when');
  t.equal(applied.headers['log-sequence'], '3');
  t.same((await client.get(`/v1/imports/${id}`)).json, applied.json);
  const log = (await client.get('/v1/log')).json.items;
  t.strictSame(
    log.map(({ resourceType, operation, approved, reason }: Record<string, unknown>) => [
      resourceType,
      operation,
      approved,
      reason,
    ]),
    [
      ['controller', 'create', true, 'Moved here'],
      ['purpose', 'create', true, 'Moved here'],
      ['processingActivity', 'create', false, 'Moved here'],
    ],
    'one entry each; the activity waits for its approval',
  );

  const again = await client.post(source, small);
  t.match(again.json, { created: [], changed: [], unchanged: 3, problems: [], sequence: 3 });
  t.equal(
    (await client.post(`/v1/imports/${again.json.id}/apply`)).status,
    200,
    'and can be applied, with nothing to do',
  );
  t.equal((await client.get('/v1/changes')).json.items.length, 3);

  const { items } = (await client.get('/v1/imports')).json;
  t.same(
    items.map(({ createdAt, appliedAt, appliedBy, ...item }: Record<string, unknown>) => item),
    [
      {
        ...{ id: again.json.id, source: 'register', sequence: 3, state: 'applied' },
        counts: { created: 0, changed: 0, unchanged: 3, errors: 0, warnings: 0 },
      },
      {
        ...{ id, source: 'register', sequence: 0, state: 'applied' },
        counts: { created: 3, changed: 0, unchanged: 0, errors: 0, warnings: 0 },
      },
    ],
  );
  const first = await client.get('/v1/imports?limit=1');
  const second = await client.get(`/v1/imports?limit=1&cursor=${first.json.nextCursor}`);
  t.same([...first.json.items, ...second.json.items], items, 'page by page');
  t.equal(second.json.nextCursor, undefined);
});

t.test('what would change is told field by field, with references', async (t) => {
  const client = await newClient();
  await bring(client, {
    ...small,
    blocks: {
      ...small.blocks,
      purpose: { ...small.blocks.purpose, reminders: { reference: 'reminders', name: 'Reminders' } },
    },
    entries: [
      {
        ...small.entries[0],
        description: 'Each month.',
        owner: { name: 'Accounting', email: 'accounting@example.com' },
        purposes: [
          { lineId: 'main', purposeId: 'ref:billing', main: true },
          { lineId: 'second', purposeId: 'ref:reminders' },
        ],
        securityMeasureIds: [],
      },
    ],
  });
  const changed = await client.post(source, {
    entries: [
      {
        reference: 'invoices',
        name: 'Invoicing',
        controllerId: 'ref:acme',
        owner: { name: 'Accounting', email: 'invoices@example.com' },
        purposes: [
          { lineId: 'third', purposeId: 'ref:reminders' },
          { lineId: 'main', purposeId: 'ref:new', main: true },
        ],
      },
    ],
    blocks: { purpose: { new: { name: 'New' } } },
  });
  const about = { type: 'processingActivity', reference: 'invoices' };
  const byField = (a: { field: string; lineId?: string }, b: typeof a) =>
    `${a.field} ${a.lineId}` < `${b.field} ${b.lineId}` ? -1 : 1;
  t.strictSame(
    changed.json.changed.sort(byField),
    [
      { ...about, field: 'description', old: 'Each month.' },
      { ...about, field: 'name', old: 'Invoices', new: 'Invoicing' },
      { ...about, field: 'owner.email', old: 'accounting@example.com', new: 'invoices@example.com' },
      { ...about, lineId: 'second', field: 'purposes', old: { lineId: 'second', purposeId: 'ref:reminders' } },
      { ...about, lineId: 'third', field: 'purposes', new: { lineId: 'third', purposeId: 'ref:reminders' } },
      { ...about, lineId: 'main', field: 'purposes.purposeId', old: 'ref:billing', new: 'ref:new' },
    ].sort(byField),
  );
  t.same(changed.json.created, [{ type: 'purpose', reference: 'new', name: 'New' }]);
  t.equal((await client.post(`/v1/imports/${changed.json.id}/apply`)).status, 200);
  const { name, description, purposes } = (await client.get('/v1/processing-activities/ref:invoices')).json;
  t.match({ name, description, lines: purposes.length }, { name: 'Invoicing', lines: 2 });
  t.equal(description, undefined);
  t.equal((await client.get('/v1/controllers/ref:acme')).json.version, 1, 'what the file does not have is left alone');
});

t.test('the samples: imported, approved, exported, imported elsewhere: the same register', async (t) => {
  const [here, there] = [await newClient(), await newClient()];
  for (const name of sampleNames) {
    const plan = await here.call('POST', source, { body: sampleText(name) });
    t.same(plan.json.problems, [], `${name} has no problem`);
    t.equal((await here.post(`/v1/imports/${plan.json.id}/apply`)).status, 200);
    const again = await here.call('POST', source, { body: sampleText(name) });
    t.match(
      again.json,
      { created: [], changed: [], unchanged: plan.json.created.length },
      'a second import plans nothing',
    );
  }
  await approveAll(here, 'processing-activities');
  const original = await here.get('/v1/register');
  const plan = await bring(there, original.text);
  t.ok((plan.created as unknown[]).length > 200);
  await approveAll(there, 'processing-activities');
  const copy = await there.get('/v1/register');
  t.same(comparable(copy.json), comparable(original.json), 'but for ids, versions and times, lines with their ids');
  t.notSame(copy.json.controllers[0].id, original.json.controllers[0].id);
  for (const client of [here, there]) {
    t.match((await client.post(source, original.text)).json, { created: [], changed: [], problems: [] });
  }
  t.comment(
    `${sampleNames.length} samples, ${original.json.entries.length} entries, ${original.text.length} characters`,
  );
});

for (const role of ['controller', 'processor'] as const) {
  t.test(`the examples of all definitions, in the record of a ${role}: the same register elsewhere`, async (t) => {
    const [here, there] = [await newClient(), await newClient()];
    const path = role === 'controller' ? 'processing-activities' : 'processor-activities';
    const file = examples(role);
    await bring(here, file, `&role=${role}`);
    await approveAll(here, path);
    const address = `/v1/register?role=${role}`;
    const original = await here.get(address);
    t.equal(original.json.entries.length, 1);
    t.equal(Object.keys(original.json.blocks.processorClient ?? {}).length, role === 'processor' ? 1 : 0);
    await bring(there, original.text);
    await approveAll(there, path);
    t.same(comparable((await there.get(address)).json), comparable(original.json));
    t.match((await there.post(source, original.text)).json, { created: [], changed: [], problems: [] });
    if (role === 'processor') {
      const body = { actsAs: 'processor' };
      const client = await there.call('PUT', '/v1/processor-activities/ref:hosting-for-clients/clients/ref:beta', {
        ...{ body, headers: { 'if-match': '*' } },
      });
      t.equal(client.status, 200, 'the client is found where clients are found');
      const { changed } = (await there.post(source, original.text)).json;
      t.match(changed[0], { type: 'processorClient', field: 'actsAs', old: 'processor', new: 'controller' });
    }
  });
}

t.test('an activity that has ended comes as a draft, and is told', async (t) => {
  const [here, there] = [await newClient(), await newClient()];
  await bring(here, small);
  await approveAll(here, 'processing-activities');
  const address = '/v1/processing-activities/ref:invoices';
  const retirement = { endedOn: '2026-10-31', dataDisposal: 'Erased.' };
  t.equal((await here.post(`${address}/retire`, retirement, { 'if-match': '*' })).status, 200);
  const original = await here.get('/v1/register');
  const plan = await bring(there, original.text);
  t.match(plan.problems, [{ severity: 'warning', pointer: '/entries/0/state', code: 'retired' }]);
  await approveAll(there, 'processing-activities');
  await there.post(`${address}/retire`, original.json.entries[0].retirement, { 'if-match': '*' });
  t.same(
    comparable((await there.get('/v1/register')).json),
    comparable(original.json),
    'retired as it was, it is the same',
  );
  t.match((await there.post(source, original.text)).json, { created: [], changed: [], problems: [] });
  const changed = { ...small, entries: [{ ...small.entries[0], name: 'Other' }] };
  t.match((await there.post(source, changed)).json.problems, [
    { severity: 'error', pointer: '/entries/0', code: 'state-conflict' },
  ]);
});

t.test('a notice tells of what the register does not have: that place is left out, and told', async (t) => {
  const [here, there] = [await newClient(), await newClient()];
  await bring(here, {
    ...small,
    controllers: [{ ...small.controllers[0], registerKept: true }],
    blocks: {
      ...small.blocks,
      notice: {
        policy: {
          ...{ reference: 'policy', name: 'Policy', controllerId: 'ref:acme' },
          statements: [
            {
              topic: 'purposes',
              text: 'We bill.',
              about: [{ processingActivityId: 'ref:invoices' }, { purposeId: 'ref:billing' }],
            },
          ],
        },
      },
    },
  });
  const register = await here.get('/v1/register');
  t.same(register.json.entries, [], 'nobody approved the activity');
  const elsewhere = await there.post(source, register.text);
  const [noticeId] = Object.keys(register.json.blocks.notice);
  t.match(elsewhere.json.problems, [
    {
      ...{ severity: 'warning', code: 'left-out' },
      pointer: `/blocks/notice/${noticeId}/statements/0/about/0/processingActivityId`,
    },
  ]);
  t.equal((await there.post(`/v1/imports/${elsewhere.json.id}/apply`)).status, 200);
  const [statement] = (await there.get('/v1/notices/ref:policy')).json.statements;
  t.equal(statement.about.length, 1);
  t.match((await there.post(source, register.text)).json, { created: [], changed: [] });
  t.match((await here.post(source, register.text)).json, { changed: [], problems: [] }, 'at home the id is known');
});

/** A file with something wrong in it, and where that is told. */
const flawed: { title: string; file: object; problems: [pointer: string, code: string][] }[] = [
  {
    title: 'a member that a register does not have',
    file: { ...small, comment: 'x' },
    problems: [['/comment', 'unknown']],
  },
  {
    title: 'a member that a body does not have, and a wrong type beside it',
    file: { controllers: [{ reference: 'acme', name: 5, employes: 3 }] },
    problems: [
      ['/controllers/0/employes', 'unknown'],
      ['/controllers/0/name', 'type'],
    ],
  },
  { title: 'a body that is none', file: { entries: ['x'] }, problems: [['/entries/0', 'type']] },
  { title: 'a list that is none', file: { controllers: {} }, problems: [['/controllers', 'type']] },
  { title: 'blocks that are none', file: { blocks: [] }, problems: [['/blocks', 'type']] },
  {
    title: 'blocks of a type that are none',
    file: { blocks: { purpose: [] } },
    problems: [['/blocks/purpose', 'type']],
  },
  {
    title: 'blocks of no type of building blocks',
    file: { blocks: { processingActivity: {}, 'a/b~c': {} } },
    problems: [
      ['/blocks/processingActivity', 'unknown'],
      ['/blocks/a~1b~0c', 'unknown'],
    ],
  },
  {
    title: 'an entry without a reference',
    file: { entries: [{ name: 'Invoices' }] },
    problems: [['/entries/0/reference', 'required']],
  },
  {
    title: 'a reference twice',
    file: { controllers: [small.controllers[0], { reference: 'acme', name: 'Other' }] },
    problems: [['/controllers/1/reference', 'duplicate']],
  },
  {
    title: 'a block under the name of another',
    file: { blocks: { purpose: { billing: { reference: 'other', name: 'Other' } } } },
    problems: [['/blocks/purpose/billing', 'contradiction']],
  },
  {
    title: 'a block under a name that is no reference',
    file: { blocks: { purpose: { 'a b': { name: 'Other' } } } },
    problems: [['/blocks/purpose/a b', 'pattern']],
  },
  {
    title: 'keys that lead nowhere, by reference and by id',
    file: {
      entries: [
        {
          ...small.entries[0],
          purposes: [{ purposeId: 'ref:billing' }, { purposeId: '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77' }],
        },
      ],
    },
    problems: [
      ['/entries/0/controllerId', 'unknown-reference'],
      ['/entries/0/purposes/0/purposeId', 'unknown-reference'],
      ['/entries/0/purposes/1/purposeId', 'unknown-reference'],
    ],
  },
  {
    title: 'a contradiction that no schema sees',
    file: { ...small, entries: [{ ...small.entries[0], startedOn: '2026-02-01', endedOn: '2026-01-01' }] },
    problems: [['/entries/0/endedOn', 'datesOutOfOrder']],
  },
  {
    title: 'a list that names one twice',
    file: {
      ...small,
      controllers: [{ ...small.controllers[0], securityMeasureIds: ['ref:a', 'ref:a'] }],
      blocks: { ...small.blocks, securityMeasure: { a: { name: 'A' } } },
    },
    problems: [['/controllers/0/securityMeasureIds', 'uniqueItems']],
  },
  {
    title: 'a chain that leads back to itself',
    file: {
      blocks: {
        recipient: {
          a: { name: 'A', engagedById: 'ref:b' },
          b: { name: 'B', engagedById: 'ref:c' },
          c: { name: 'C', engagedById: 'ref:a' },
        },
      },
    },
    problems: [['/blocks/recipient/a/engagedById', 'cycle']],
  },
  {
    title: 'a document that says of itself what it is not',
    file: {
      about: { kind: 'register', scope: { role: 'controller' } },
      controllers: [],
      integrity: { digest: 'sha-256:00' },
    },
    problems: [['/integrity/digest', 'digest']],
  },
  {
    title: 'a document of another kind',
    file: { about: { kind: 'diff' } },
    problems: [
      ['/about', 'unknown'],
      ['/integrity/digest', 'digest'],
    ],
  },
];

t.test('what is wrong with a file is told with its place, and the plan cannot be applied', async (t) => {
  const client = await newClient();
  for (const { title, file, problems } of flawed) {
    await t.test(title, async (t) => {
      const { status, json } = await client.post(source, file);
      t.equal(status, 201);
      t.same(
        json.problems.map(({ pointer, code }: Record<string, string>) => [pointer, code]).sort(),
        [...problems].sort(),
      );
      t.ok(json.problems.every(({ severity }: Record<string, string>) => severity === 'error'));
      const refused = await client.post(`/v1/imports/${json.id}/apply`);
      t.same([refused.status, problemType(refused)], [409, 'state-conflict']);
    });
  }
  t.same((await client.get('/v1/changes')).json.items, [], 'nothing was written');
  t.ok(flawed.length > 0);
  t.comment(`${flawed.length} files with something wrong`);
});

t.test('a register document that was touched is noticed', async (t) => {
  const client = await newClient();
  await bring(client, small);
  await approveAll(client, 'processing-activities');
  const register = await client.get('/v1/register');
  t.same((await client.post(source, register.text)).json.problems, []);
  const { controllers, entries, integrity } = register.json;
  const touched: [string, object][] = [
    ['a changed word', { ...register.json, controllers: [{ ...controllers[0], name: 'Other' }] }],
    ['an entry less', { ...register.json, entries: [] }],
    ['an entry twice', { ...register.json, entries: [...entries, ...entries] }],
    ['a wrong number of entries', { ...register.json, integrity: { ...integrity, entries: 2 } }],
    ['no integrity', { ...register.json, integrity: undefined }],
    ['no about', { ...register.json, about: undefined }],
  ];
  for (const [title, file] of touched) {
    const { problems } = (await client.post(source, file)).json;
    t.ok(
      problems.some(({ severity, code }: Record<string, string>) => severity === 'error' && code === 'digest'),
      title,
    );
  }
  const other = await client.post(`${source}&role=processor`, register.text);
  t.match(other.json.problems, [{ pointer: '/about/scope/role', code: 'contradiction' }]);
  t.comment(`${touched.length} documents that were touched`);
});

t.test('a circle through what is stored is seen', async (t) => {
  const client = await newClient();
  await bring(client, {
    blocks: {
      recipient: { a: { name: 'A' }, b: { name: 'B', engagedById: 'ref:a' }, c: { name: 'C', engagedById: 'ref:b' } },
    },
  });
  const { json } = await client.post(source, { blocks: { recipient: { a: { name: 'A', engagedById: 'ref:c' } } } });
  t.match(json.problems, [{ pointer: '/blocks/recipient/a/engagedById', code: 'cycle' }]);
});

t.test('a circle that somebody closes after the plan was made is refused as one', async (t) => {
  const client = await newClient();
  await bring(client, { blocks: { recipient: { a: { name: 'A' }, b: { name: 'B' } } } });
  const plan = await client.post(source, { blocks: { recipient: { a: { name: 'A', engagedById: 'ref:b' } } } });
  t.match(plan.json.problems, [{ severity: 'warning', code: 'approved-at-once' }], 'not of a circle');
  const body = { engagedById: 'ref:a' };
  t.equal((await client.call('PATCH', '/v1/recipients/ref:b', { body, headers: { 'if-match': '*' } })).status, 200);
  t.equal(problemType(await client.post(`/v1/imports/${plan.json.id}/apply`)), 'reference-cycle');
});

t.test('a chain that the file turns round is no circle, whatever is stored', async (t) => {
  const client = await newClient();
  await bring(client, { blocks: { recipient: { a: { name: 'A' }, b: { name: 'B', engagedById: 'ref:a' } } } });
  const turned = { blocks: { recipient: { a: { name: 'A', engagedById: 'ref:b' }, b: { name: 'B' } } } };
  t.match((await client.post(source, turned)).json.problems, [
    { severity: 'warning', code: 'approved-at-once', message: /\(2\)/ },
  ]);
  await bring(client, turned);
  const [above, below] = await Promise.all(['b', 'a'].map((key) => client.get(`/v1/recipients/ref:${key}`)));
  t.equal(below!.json.engagedById, above!.json.id);
  t.notOk('engagedById' in above!.json);
});

t.test('a client stands in a file once', async (t) => {
  const client = await newClient();
  const file = examples('processor');
  const [one] = Object.values(file.blocks.processorClient!);
  const twice = {
    ...file,
    blocks: { ...file.blocks, processorClient: { one, other: { ...one, actsAs: 'processor' } } },
  };
  const { json } = await client.post(`${source}&role=processor`, twice);
  t.match(json.problems, [{ pointer: '/blocks/processorClient/other', code: 'duplicate' }]);
});

t.test('a file holds so many resources and no more', async (t) => {
  const client = await newClient();
  const file = (count: number) =>
    `{"blocks":{"purpose":{${Array.from({ length: count }, (_, i) => `"${i}":{"name":"P"}`).join(',')}}}}`;
  const { json } = await client.call('POST', source, { body: file(25_001) });
  t.match(json.problems, [{ severity: 'error', pointer: '', code: 'maxItems' }]);
});

t.test('so many problems are told and no more', async (t) => {
  const client = await newClient();
  const { json } = await client.post(source, {
    entries: Array.from({ length: 300 }, (_, i) => ({ reference: `a-${i}` })),
  });
  t.equal(json.problems.length, 201);
  t.match(json.problems.at(-1), { severity: 'error', code: 'more', message: /100 more/ });
});

t.test('outdated is what the plan touches, and nothing else', async (t) => {
  const file = { ...small, controllers: [{ reference: 'acme', name: 'Acme SAS' }] };
  const change = (client: Client, path: string, body: object) =>
    client.call('PATCH', path, { body, headers: { 'if-match': '*' } });
  const apply = (client: Client, id: string) => client.post(`/v1/imports/${id}/apply`);

  const elsewhere = await newClient();
  await elsewhere.post('/v1/controllers', small.controllers[0]);
  await elsewhere.post('/v1/purposes', { reference: 'other', name: 'Other' });
  const harmless = await elsewhere.post(source, file);
  await elsewhere.post('/v1/systems', { reference: 'crm', name: 'CRM' });
  await change(elsewhere, '/v1/purposes/ref:other', { name: 'Others' });
  t.equal((await elsewhere.get(`/v1/imports/${harmless.json.id}`)).json.state, 'planned');
  t.equal((await apply(elsewhere, harmless.json.id)).status, 200, 'other writes do not matter');

  const meanwhile: [string, (client: Client) => Promise<unknown>][] = [
    ['what it changes was changed', (client) => change(client, '/v1/controllers/ref:acme', { notes: 'x' })],
    [
      'what it changes was approved or archived',
      (client) => client.post('/v1/controllers/ref:acme/archive', undefined, { 'if-match': '*' }),
    ],
    ['a reference that it takes was taken', (client) => client.post('/v1/purposes', small.blocks.purpose.billing)],
    [
      'what it changes was deleted',
      (client) => client.call('DELETE', '/v1/controllers/ref:acme', { headers: { 'if-match': '*' } }),
    ],
  ];
  for (const [title, happens] of meanwhile) {
    const client = await newClient();
    await client.post('/v1/controllers', small.controllers[0]);
    const { json } = await client.post(source, file);
    await happens(client);
    const { items: before } = (await client.get('/v1/changes')).json;
    t.equal((await client.get(`/v1/imports/${json.id}`)).json.state, 'outdated', title);
    const refused = await apply(client, json.id);
    t.same([refused.status, problemType(refused)], [409, 'plan-outdated'], title);
    t.same((await client.get('/v1/changes')).json.items, before, 'nothing of it was written');
    const anew = await client.post(source, file);
    t.equal((await apply(client, anew.json.id)).status, 200, 'planned anew it is applied');
  }
  const gone = await newClient();
  await gone.post('/v1/controllers', small.controllers[0]);
  const naming = await gone.post(source, { blocks: small.blocks, entries: small.entries });
  await gone.call('DELETE', '/v1/controllers/ref:acme', { headers: { 'if-match': '*' } });
  const refused = await apply(gone, naming.json.id);
  t.same([refused.status, problemType(refused)], [409, 'plan-outdated'], 'what it only names is gone');
  t.same((await gone.get('/v1/purposes')).json.items, []);
  t.comment(`${meanwhile.length + 1} things that happen meanwhile`);
});

t.test('building blocks follow the rule of approval', async (t) => {
  const client = await newClient();
  const rule = (buildingBlockApproval: string) =>
    client.call('PATCH', '/v1/settings', { body: { buildingBlockApproval }, headers: { 'if-match': '*' } });
  await rule('required');
  await bring(client, small);
  t.equal((await client.get('/v1/purposes/ref:billing')).json.state, 'draft');
  const naming = { blocks: { purpose: { other: { name: 'Other', controllerId: 'ref:acme' } } } };
  const early = await client.post(source, naming);
  t.same(early.json.problems, [], 'a draft may name a draft');
  await rule('automatic');
  const refused = await client.post(`/v1/imports/${early.json.id}/apply`);
  t.equal(problemType(refused), 'plan-outdated', 'the rule is another one now');
  const late = await client.post(source, naming);
  t.match(late.json.problems, [{ pointer: '/blocks/purpose/other/controllerId', code: 'not-approved' }]);
  const together = await bring(client, { ...naming, controllers: [{ reference: 'acme', name: 'Acme SAS' }] });
  t.match(
    together.problems,
    [{ severity: 'warning', code: 'approved-at-once' }],
    'what it changes is approved with it',
  );
  t.equal((await client.get('/v1/purposes/ref:other')).json.state, 'approved');
});

t.test('a notice may tell of an activity that nobody has approved', async (t) => {
  const client = await newClient();
  await bring(client, { entries: [{ reference: 'selling', name: 'Selling' }] });
  const about = [{ processingActivityId: 'ref:selling' }];
  const policy = { name: 'Policy', statements: [{ topic: 'purposes', text: 'We sell.', about }] };
  const { json } = await client.post(source, { blocks: { notice: { policy } } });
  t.same(json.problems, []);
  t.equal((await client.post(`/v1/imports/${json.id}/apply`)).status, 200);
  t.equal((await client.get('/v1/notices/ref:policy')).json.state, 'approved');
  t.equal((await client.get('/v1/processing-activities/ref:selling')).json.state, 'draft');
});

t.test('applied once', async (t) => {
  const client = await newClient();
  const retry = { 'idempotency-key': 'plan-1' };
  const planned = await client.post(source, small, retry);
  const again = await client.post(source, small, retry);
  t.same([again.status, again.headers['idempotency-replayed']], [201, 'true']);
  t.equal(again.text, planned.text, 'a retry makes no second plan');
  t.equal((await client.get('/v1/imports')).json.items.length, 1);
  t.equal(problemType(await client.post(source, { ...small, entries: [] }, retry)), 'idempotency-key-reused');

  const apply = `/v1/imports/${planned.json.id}/apply`;
  const key = { 'idempotency-key': 'apply-1' };
  // A second process has a gate of its own.
  const pool = poolFor(t, service.database.service);
  const app = await buildApp(service.config, { main: pool, reads: pool });
  t.teardown(() => app.close());
  const elsewhere = clientOf(app, client.token);
  const both = await Promise.all([client.post(apply, undefined, key), elsewhere.post(apply, undefined, key)]);
  for (const { status, json } of both) {
    if (status === 409) t.match(json.type, /idempotency-running$/);
    else t.equal(status, 200);
  }
  t.ok(both.some(({ status }) => status === 200));
  const replayed = await client.post(apply, undefined, key);
  t.same([replayed.status, replayed.headers['idempotency-replayed']], [200, 'true']);
  t.equal(replayed.text, both.find(({ status }) => status === 200)?.text);
  const twice = await client.post(apply);
  t.same([twice.status, problemType(twice)], [409, 'state-conflict']);
  t.equal((await client.get('/v1/changes')).json.items.length, 3);

  const same = await client.post(source, small);
  t.match(same.json, { created: [], changed: [], unchanged: 3 });
  const nothing = () => client.post(`/v1/imports/${same.json.id}/apply`, undefined, { 'idempotency-key': 'apply-2' });
  t.same([(await nothing()).status, (await nothing()).headers['idempotency-replayed']], [200, 'true']);

  const rival = await client.post(source, { controllers: [{ reference: 'acme', name: 'Rival' }] });
  const rivals = await Promise.all([client, elsewhere].map((one) => one.post(`/v1/imports/${rival.json.id}/apply`)));
  t.same(rivals.map(({ status }) => status).sort(), [200, 409], 'of two at once one applies it');
  t.equal((await client.get('/v1/changes')).json.items.length, 4);
});

t.test('who may', async (t) => {
  const tenant = `tenant-${++tenants}`;
  const as = (role: 'viewer' | 'editor' | 'sync' | 'auditor') => service.client(tenant, role);
  const editor = await as('editor');
  const planned = await editor.post(source, small);
  t.equal(planned.status, 201);
  const address = `/v1/imports/${planned.json.id}`;
  t.equal((await (await as('viewer')).get(address)).status, 200);
  t.equal((await (await as('viewer')).post(source, small)).status, 403);
  t.equal((await (await as('auditor')).get(address)).status, 403);
  t.equal((await editor.post(`${address}/apply`)).status, 403, 'an editor plans; another applies');

  const stranger = await newClient();
  t.equal((await editor.get(address)).status, 200);
  t.equal((await stranger.get(address)).status, 404);
  t.equal((await stranger.post(`${address}/apply`)).status, 404);
  t.same((await stranger.get('/v1/imports')).json.items, []);
  const foreign = await stranger.post(source, {
    entries: [
      {
        reference: 'x',
        name: 'X',
        controllerId: (await (await as('sync')).post('/v1/controllers', { name: 'Y' })).json.id,
      },
    ],
  });
  t.match(foreign.json.problems, [{ code: 'unknown-reference' }], 'an id of another tenant is unknown');
  t.equal((await (await as('sync')).post(`${address}/apply`)).status, 200);
});

t.test('a file may be large, other bodies not; what cannot be kept is refused', async (t) => {
  const client = await newClient();
  const notes = 'x'.repeat(9_000);
  const file = (count: number) => ({
    blocks: { purpose: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p-${i}`, { name: 'P', notes }])) },
  });
  const large = await client.post(source, file(200));
  t.same([large.status, large.json.created.length], [201, 200], 'beyond 1 MiB');
  t.equal(problemType(await client.post(source, file(400))), 'payload-too-large');
  t.equal(problemType(await client.post('/v1/purposes', file(200))), 'payload-too-large');
  const refused: [string, string][] = [
    ['{"entries":[{"name":"a\\u0000b"}]}', 'validation-failed'],
    ['{"entries":[{"name":"a\\ud800b"}]}', 'validation-failed'],
    [`{"entries":${'['.repeat(40)}${']'.repeat(40)}}`, 'validation-failed'],
    ['{"__proto__":{}}', 'validation-failed'],
    ['[]', 'validation-failed'],
    ['{"entries":', 'malformed-request'],
    ['', 'validation-failed'],
  ];
  for (const [body, code] of refused)
    t.equal(problemType(await client.call('POST', source, { body })), code, body.slice(0, 40));
  const csv = await client.call('POST', source, { body: 'a;b', headers: { 'content-type': 'text/csv' } });
  t.equal(problemType(csv), 'unsupported-media-type');
  for (const path of ['/v1/imports', '/v1/imports?source=fides', `${source}&role=auditor`, `${source}&approve=true`]) {
    t.equal(problemType(await client.post(path, small)), 'validation-failed', path);
  }
  t.equal((await client.get('/v1/imports/ref:x')).status, 400);
  t.equal((await client.get('/v1/imports/0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77')).status, 404);
});

t.test('a plan outlives the process that made it, and is seen by another', async (t) => {
  const client = await newClient();
  const pool = poolFor(t, service.database.service);
  const app = await buildApp(service.config, { main: pool, reads: pool });
  t.teardown(() => app.close());
  const other = clientOf(app, client.token);
  const planned = await client.post(source, small);
  t.same((await other.get(`/v1/imports/${planned.json.id}`)).json, planned.json);
  t.equal((await other.post(`/v1/imports/${planned.json.id}/apply`)).status, 200);
  t.equal((await client.get(`/v1/imports/${planned.json.id}`)).json.state, 'applied');
});

t.test('a plan is kept for seven days', async (t: Test) => {
  const client = await newClient();
  const [old, young] = [await client.post(source, small), await client.post(source, small)];
  const owner = poolFor(t, service.database.owner, 1);
  const age = (id: string, days: number) =>
    owner.query(`update import_plan set created_at = now() - interval '${days} days' where plan_id = $1`, [id]);
  await age(old.json.id, 7);
  await age(young.json.id, 6);
  t.equal(await forgetOldPlans(service.pool), 1);
  t.equal((await client.get(`/v1/imports/${young.json.id}`)).status, 200);
  t.equal((await client.get(`/v1/imports/${old.json.id}`)).status, 404);
  t.equal((await client.post(`/v1/imports/${old.json.id}/apply`)).status, 404);
});

t.test('many activities at once, and all of them changed', async (t) => {
  const client = await newClient();
  const count = 2_000;
  const plan = await bring(client, many(count));
  t.equal((plan.created as unknown[]).length, count + 21);
  t.match((await client.post(source, many(count))).json, { created: [], changed: [], unchanged: count + 21 });
  const changed = await bring(client, many(count, 'As the new law asks.'));
  t.same([(changed.changed as unknown[]).length, changed.unchanged], [count, 21]);
  const { json, headers } = await client.get(`/v1/processing-activities/ref:activity-${count - 1}`);
  t.same([json.version, json.description, headers.etag], [2, 'As the new law asks.', '"2"']);
  const [last] = (await client.get(`/v1/changes?after=${2 * count + 20}`)).json.items;
  t.match(last, { sequence: 2 * count + 21, type: 'processingActivity', operation: 'update' });
});
