/** What holds for every operation: the order of judgement, versions, bodies, retries, headers, references. */
import t from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { changes, collections, exampleOf, hold, operationsOf, planning, prepare } from '../operations.ts';
import { type Answer, clientOf, startService } from '../service.ts';

const unconditional = { 'if-match': '*' };
const problem = (type: string) => `https://ropa.example/problems/${type}`;

const service = await startService(t);
const dpo = await service.client('ours', 'dpo');
const viewer = await service.client('strict', 'viewer');
const held = await hold(dpo, '', 'Our', { buildingBlockApproval: 'automatic' });
/** Where blocks are drafts until somebody approves them, so that every step has something to do. */
const strict = await hold(await service.client('strict', 'dpo'), 'strict-', 'Strict');

async function logSize(client = dpo): Promise<number> {
  return Number((await client.get('/v1/purposes?limit=1')).headers['log-sequence']);
}

/** Makes it, or fails. */
async function made(path: string, body: object, client = dpo): Promise<Content> {
  const { status, text, json } = await client.post(`/v1/${path}`, body);
  if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  return json;
}

const write = (method: string, url: string, body: unknown, headers: Record<string, string> = {}, client = dpo) =>
  client.call(method, url, { ...(body === undefined ? {} : { body }), headers });

// ---------------------------------------------------------------------------------------------------------------------
// Order of judgement

t.test('a request is judged in one order: who, what they may, whether it can be read, what it is about', async (t) => {
  const nobody = clientOf(service.app, 'none');
  const operations = operationsOf(service.app).filter((each) => changes(each) && each.definition !== undefined);
  t.ok(operations.length > 8 * collections.length, `${operations.length} operations`);
  const unreadable = { body: '{', headers: { 'content-type': 'application/json' } };
  const wrong: string[] = [];
  for (const operation of operations) {
    const absent = operation.path.replace(/\{\w*[kK]ey\}/g, 'ref:nobody');
    const bodiless = /delete|archive|restore|discard|submit|reject|review/i.test(operation.id);
    const expected: [words: string, status: number, Answer][] = [
      ['no token', 401, await nobody.call(operation.method, absent, unreadable)],
      ['no right', 403, await viewer.call(operation.method, absent, unreadable)],
      ['not readable', 400, await strict.client.call(operation.method, absent, unreadable)],
    ];
    if (operation.path.includes('{key}')) {
      const request = await prepare(operation, strict);
      const { 'if-match': _match, ...headers } = request.headers;
      const call = { headers, ...(request.body === undefined ? {} : { body: request.body }) };
      const unknownField = bodiless ? {} : { body: { ...(request.body as object), zzz: 1 } };
      expected.push(
        [
          'by no schema',
          bodiless ? 404 : 400,
          await strict.client.call(operation.method, absent, { ...call, ...unknownField }),
        ],
        ['absent', 404, await strict.client.call(operation.method, absent, call)],
        [
          'absent, with *',
          404,
          await strict.client.call(operation.method, absent, { ...call, headers: unconditional }),
        ],
        // Where many are approved at once, their versions stand in the body.
        ...(planning(operation) || operation.id === 'approveProcessorClients'
          ? []
          : ([
              ['without If-Match', 428, await strict.client.call(operation.method, request.url, call)],
              [
                'stale',
                412,
                await strict.client.call(operation.method, request.url, { ...call, headers: { 'if-match': '"99"' } }),
              ],
            ] as [string, number, Answer][])),
        [
          'in order',
          operation.id.startsWith('delete') ? 204 : planning(operation) ? 201 : 200,
          await strict.client.call(operation.method, request.url, { ...call, headers: request.headers }),
        ],
      );
      for (const [words, , stale] of expected) {
        if (words !== 'stale') continue;
        if (`"${stale.json?.currentVersion}"` !== request.headers['if-match'])
          wrong.push(`${operation.id}: currentVersion ${stale.text}`);
        if (stale.headers.etag !== request.headers['if-match'])
          wrong.push(`${operation.id}: ETag ${stale.headers.etag}`);
      }
    }
    for (const [words, status, answer] of expected) {
      if (answer.status !== status)
        wrong.push(`${operation.id}, ${words}: ${status} expected, ${answer.status} ${answer.text}`);
    }
  }
  t.strictSame(wrong.slice(0, 10), []);
});

t.test('of a stale request only that it is so already is answered; all else is told after it', async (t) => {
  const { id } = await made('recipients', { name: 'Order', reference: 'order', service: 'Hosting' });
  await made('recipients', { name: 'Taken', reference: 'taken' });
  const url = `/v1/recipients/${id}`;
  const stale = { 'if-match': '"7"' };
  const size = await logSize();
  const cases: [words: string, body: object, fresh: number, type: string][] = [
    ['an unknown reference', { name: 'Order', engagedById: 'ref:nobody' }, 422, 'unknown-reference'],
    [
      'a contradiction',
      { name: 'Order', contract: { signedOn: '2026-02-01', expiresOn: '2026-01-01' } },
      422,
      'unprocessable',
    ],
    ['a circle', { name: 'Order', engagedById: 'ref:order' }, 422, 'reference-cycle'],
    ['a taken reference', { name: 'Order', reference: 'taken' }, 409, 'reference-taken'],
  ];
  for (const [words, body, fresh, type] of cases) {
    for (const method of ['PUT', 'PATCH']) {
      const late = await write(method, url, body, stale);
      t.equal(late.status, 412, `${method} ${words}, stale`);
      t.match(late.json, {
        type: problem('precondition-failed'),
        currentVersion: 1,
        detail: 'It is at version 1 now.',
      });
      const early = await write(method, url, body, { 'if-match': '"1"' });
      t.equal(early.status, fresh, `${method} ${words}`);
      t.equal(early.json.type, problem(type));
    }
  }
  const same = { name: 'Order', reference: 'order', service: 'Hosting' };
  for (const [method, body] of [
    ['PUT', same],
    ['PATCH', { service: 'Hosting' }],
    ['PATCH', {}],
  ] as const) {
    const answer = await write(method, url, body, stale);
    t.equal(answer.status, 200, `${method} of what is there, stale`);
    t.equal(answer.headers.etag, '"1"');
    t.equal(answer.text, (await dpo.get(url)).text, 'the answer is the resource');
  }
  t.equal(await logSize(), size, 'nothing of all this made an entry');
});

t.test('a step that changes nothing is 200 without a new version, even when stale', async (t) => {
  const { id } = await made('systems', { name: 'Idle' });
  const url = `/v1/systems/${id}`;
  const size = await logSize();
  for (const [method, step] of [
    ['POST', 'approve'],
    ['POST', 'restore'],
    ['DELETE', 'draft'],
  ] as const) {
    for (const match of ['"1"', '"7"', '*']) {
      const answer = await write(method, `${url}/${step}`, undefined, { 'if-match': match });
      t.equal(answer.status, 200, `${step} ${match}`);
      t.equal(answer.headers.etag, '"1"');
    }
  }
  t.equal(await logSize(), size);
});

// ---------------------------------------------------------------------------------------------------------------------
// Versions

t.test('the entity tag is the version: 304 for those who have it', async (t) => {
  const { id } = await made('purposes', { name: 'Tagged', reference: 'tagged' });
  for (const path of [`/v1/purposes/${id}`, '/v1/purposes/ref:tagged', `/v1/purposes/${id}/approved`]) {
    const whole = await dpo.get(path);
    t.equal(whole.status, 200);
    t.match(whole.headers, {
      etag: '"1"',
      'cache-control': 'private, no-cache',
      'content-type': 'application/json; charset=utf-8',
    });
    for (const known of ['"1"', 'W/"1"', '"7", "1"', '*', ' "1" ']) {
      const same = await dpo.get(path, { 'if-none-match': known });
      t.equal(same.status, 304, `${path} ${known}`);
      t.equal(same.text, '');
      t.match(same.headers, { etag: '"1"', 'cache-control': 'private, no-cache' });
    }
    for (const known of ['"2"', '1', '"11"', ''])
      t.equal((await dpo.get(path, { 'if-none-match': known })).status, 200, known);
  }
  const changed = await write('PATCH', `/v1/purposes/${id}`, { notes: 'x' }, { 'if-match': '"1"' });
  t.equal(changed.headers.etag, '"2"');
  t.equal((await dpo.get(`/v1/purposes/${id}`, { 'if-none-match': '"1"' })).status, 200, 'a change makes another');
});

t.test('If-Match takes a version, one of several, or any', async (t) => {
  const { id } = await made('purposes', { name: 'Matched' });
  let version = 1;
  for (const match of ['"1"', '"9", "2"', '*', ' * ']) {
    const answer = await write('PATCH', `/v1/purposes/${id}`, { notes: `${version}` }, { 'if-match': match });
    t.equal(answer.status, 200, match);
    t.equal(answer.json.version, ++version);
  }
  t.equal(
    (await write('PATCH', '/v1/purposes/ref:nobody', { notes: 'x' }, unconditional)).status,
    404,
    '* means one that is there',
  );
});

t.test('PUT with If-None-Match: * creates under a reference, once', async (t) => {
  const url = '/v1/purposes/ref:put-once';
  const first = await write('PUT', url, { name: 'Put' }, { 'if-none-match': '*' });
  t.equal(first.status, 201);
  t.match(first.json, { name: 'Put', reference: 'put-once', version: 1, state: 'approved', archived: false });
  t.equal(first.headers.location, `/v1/purposes/${first.json.id}`);
  t.equal(first.headers.etag, '"1"');
  const second = await write('PUT', url, { name: 'Put' }, { 'if-none-match': '*' });
  t.equal(second.status, 412, 'even with the same content');
  t.match(second.json, { type: problem('precondition-failed'), currentVersion: 1 });
  t.equal(second.headers.etag, '"1"');
  const repeated = await write(
    'PUT',
    '/v1/purposes/ref:put-twice',
    { name: 'Put', reference: 'put-twice' },
    { 'if-none-match': '*' },
  );
  t.equal(repeated.status, 201, 'the body may repeat the reference');
  const other = await write(
    'PUT',
    '/v1/purposes/ref:put-third',
    { name: 'Put', reference: 'other' },
    { 'if-none-match': '*' },
  );
  t.equal(other.status, 422, 'and not contradict it');
  t.match(other.json.errors, [{ in: 'body', pointer: '/reference', code: 'contradiction' }]);
  const byId = await write(
    'PUT',
    '/v1/purposes/0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77',
    { name: 'Put' },
    { 'if-none-match': '*' },
  );
  t.equal(byId.status, 404, 'ids are given by the service');
  const race = await Promise.all(
    Array.from({ length: 6 }, () =>
      write('PUT', '/v1/purposes/ref:put-race', { name: 'Race' }, { 'if-none-match': '*' }),
    ),
  );
  t.strictSame(race.map(({ status }) => status).sort(), [201, 412, 412, 412, 412, 412], 'of six at once one creates');
});

t.test('writers of one version: one wins, the others learn which version is there', async (t) => {
  const { id } = await made('purposes', { name: 'Contended' });
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) => write('PATCH', `/v1/purposes/${id}`, { notes: `${i}` }, { 'if-match': '"1"' })),
  );
  t.equal(answers.filter(({ status }) => status === 200).length, 1);
  for (const { status, json } of answers.filter((each) => each.status !== 200)) {
    t.equal(status, 412);
    t.equal(json.currentVersion, 2);
  }
  const blind = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      write('PATCH', `/v1/purposes/${id}`, { customFields: { [`f${i}`]: 'x' } }, unconditional),
    ),
  );
  t.strictSame(
    blind.map(({ status }) => status),
    [200, 200, 200, 200, 200],
    'those who take any version all get through',
  );
  const { json } = await dpo.get(`/v1/purposes/${id}`);
  t.equal(json.version, 7);
  t.strictSame(
    Object.keys(json.customFields).sort(),
    ['f0', 'f1', 'f2', 'f3', 'f4'],
    'and none of their fields is lost',
  );
});

// ---------------------------------------------------------------------------------------------------------------------
// What is sent and what is kept

t.test('what was read can be sent back and changes nothing', async (t) => {
  for (const definition of collections) {
    const { id } = held.examples.get(definition.type)!;
    const url = `/v1/${definition.path}/${id}`;
    const read = await dpo.get(url);
    const size = await logSize();
    for (const [method, body] of [
      ['PUT', read.json],
      ['PATCH', read.json],
      ['PUT', withoutIds(read.json)],
    ] as const) {
      for (const match of [read.headers.etag!, '"99"']) {
        const answer = await write(method, url, body, { 'if-match': match });
        t.equal(answer.status, 200, `${method} ${definition.type} ${match}`);
        t.equal(answer.text, read.text);
        t.equal(answer.headers.etag, read.headers.etag);
      }
    }
    t.equal(await logSize(), size, `no entry for ${definition.type}`);
  }
});

/** As a client that keeps no ids of lines and nothing that only the service sets. */
function withoutIds(content: Content): Content {
  const {
    id: _id,
    version: _version,
    state: _state,
    archived: _archived,
    createdAt: _made,
    updatedAt: _changed,
    ...own
  } = content;
  const { approvedVersion: _approved, approvedAt: _when, approvedBy: _who, reviewDueOn: _due, ...written } = own;
  return JSON.parse(JSON.stringify(written, (name, value) => (name === 'lineId' ? undefined : value)));
}

t.test('members that only the service sets are ignored, whatever they say', async (t) => {
  const forged = {
    id: '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77',
    version: 41,
    approvedVersion: 40,
    state: 'retired',
    archived: true,
    createdAt: '2000-01-01T00:00:00.000Z',
    updatedAt: '2000-01-01T00:00:00.000Z',
  };
  const managed = {
    approvedAt: forged.createdAt,
    approvedBy: forged.id,
    reviewDueOn: '2000-01-01',
    reviewedOn: '2000-01-01',
    retirement: { endedOn: '2000-01-01', replacedById: 'ref:nobody' },
  };
  const created = await dpo.post('/v1/processing-activities', {
    name: 'Forged',
    reference: 'forged',
    ...forged,
    ...managed,
  });
  t.equal(created.status, 201);
  const { id, createdAt, updatedAt, ...rest } = created.json;
  t.strictSame(rest, { name: 'Forged', reference: 'forged', version: 1, state: 'draft', archived: false });
  t.not(id, forged.id);
  t.ok(createdAt > '2026' && updatedAt > '2026');
  const basis = await dpo.post('/v1/legal-bases', {
    name: 'Forged',
    ground: 'consent',
    kind: 'article10',
    article: 'Art. 10',
  });
  t.match(basis.json, { ground: 'consent', kind: 'article6', article: '6(1)(a)' }, 'what follows from the content too');
  for (const method of ['PUT', 'PATCH']) {
    const answer = await write(
      method,
      `/v1/processing-activities/${id}`,
      { name: 'Forged', reference: 'forged', ...forged, ...managed },
      unconditional,
    );
    t.equal(answer.status, 200);
    t.equal(answer.text, created.text, method);
  }
});

t.test('an empty list or object and an absent one are the same', async (t) => {
  const bare = await made('processing-activities', { name: 'Bare', reference: 'bare' });
  const empty = {
    name: 'Bare',
    reference: 'bare',
    purposes: [],
    transfers: [],
    owner: {},
    dpia: { criteria: [] },
    customFields: {},
    declaredNone: [],
  };
  const put = await write('PUT', `/v1/processing-activities/${bare.id}`, empty, unconditional);
  t.equal(put.status, 200);
  t.strictSame(put.json, bare);
  const posted = await dpo.post('/v1/processing-activities', { ...empty, reference: 'bare-2' });
  t.strictSame(Object.keys(posted.json).sort(), [
    'archived',
    'createdAt',
    'id',
    'name',
    'reference',
    'state',
    'updatedAt',
    'version',
  ]);
  const filled = await write(
    'PATCH',
    `/v1/processing-activities/${bare.id}`,
    { operations: ['use'], owner: { name: 'A' } },
    unconditional,
  );
  t.equal(filled.json.version, 2);
  const emptied = await write(
    'PATCH',
    `/v1/processing-activities/${bare.id}`,
    { operations: [], owner: { name: null } },
    unconditional,
  );
  t.strictSame({ ...emptied.json, version: 1, updatedAt: bare.updatedAt }, bare);
});

t.test('a patch merges: null takes away, objects are merged, lists replaced', async (t) => {
  const { id } = await made('controllers', {
    name: 'Merged',
    reference: 'merged',
    legalForm: 'SAS',
    notes: 'old',
    dataSubjectCountries: ['FR', 'BE'],
    contact: { email: 'a@example.com', phone: '1', address: { city: 'Paris', country: 'FR', lines: ['1', '2'] } },
    customFields: { a: '1', b: '2' },
  });
  const patch = (body: object, type = 'application/merge-patch+json') =>
    write('PATCH', `/v1/controllers/${id}`, body, { ...unconditional, 'content-type': type });
  const answer = await patch({
    legalForm: null,
    notes: 'new',
    dataSubjectCountries: ['DE'],
    contact: { phone: null, url: 'https://example.com/', address: { city: 'Lyon', lines: ['3'] } },
    customFields: { a: null, c: '3' },
  });
  t.equal(answer.status, 200);
  const { notes, legalForm, dataSubjectCountries, contact, customFields } = answer.json;
  t.strictSame(
    { notes, legalForm, dataSubjectCountries, contact, customFields },
    {
      notes: 'new',
      legalForm: undefined,
      dataSubjectCountries: ['DE'],
      contact: {
        email: 'a@example.com',
        url: 'https://example.com/',
        address: { city: 'Lyon', country: 'FR', lines: ['3'] },
      },
      customFields: { b: '2', c: '3' },
    },
  );
  t.strictSame((await dpo.get(`/v1/controllers/${id}`)).json, answer.json);
  const gone = await patch({
    contact: null,
    customFields: null,
    reference: null,
    dataSubjectCountries: null,
    actsAs: null,
  });
  t.equal(gone.status, 200);
  t.equal(gone.json.reference, 'merged', 'a resource always has a reference: to take it away is to keep it');
  t.strictSame(
    [gone.json.contact, gone.json.customFields, gone.json.dataSubjectCountries],
    [undefined, undefined, undefined],
  );
  const nameless = await patch({ name: null }, 'application/json');
  t.equal(nameless.status, 400);
  t.match(nameless.json.errors, [{ in: 'body', pointer: '/name' }], 'and a name');
  const made2 = await patch({ contact: { address: { city: 'Nice' } } });
  t.strictSame(made2.json.contact, { address: { city: 'Nice' } }, 'objects that are not there are made');
});

t.test('a patch with allowMissing creates, then changes only what differs: synchronising twice is once', async (t) => {
  const url = '/v1/recipients/ref:synced?allowMissing=true';
  const body = { name: 'Synced', country: 'IE', contract: { exists: true } };
  const first = await write('PATCH', url, body);
  t.equal(first.status, 201);
  t.match(first.headers, { etag: '"1"', location: `/v1/recipients/${first.json.id}` });
  const size = await logSize();
  const again = await write('PATCH', url, body);
  t.equal(again.status, 200);
  t.equal(again.text, first.text);
  t.equal(again.headers.etag, '"1"');
  t.equal(await logSize(), size, 'no new version');
  await write('PATCH', `/v1/recipients/${first.json.id}`, { notes: 'by hand' }, unconditional);
  const third = await write('PATCH', url, { ...body, country: 'FR' });
  t.equal(third.status, 200, 'without If-Match');
  t.match(
    third.json,
    { version: 3, country: 'FR', notes: 'by hand', contract: { exists: true } },
    'what others wrote stays',
  );
  t.equal(
    (await write('PATCH', url, { country: 'DE' }, { 'if-match': '"1"' })).status,
    412,
    'If-Match counts when it is sent',
  );
  t.equal(
    (await write('PATCH', '/v1/recipients/ref:synced-2', body)).status,
    404,
    'without the parameter nothing is created',
  );
  t.equal(
    (await write('PATCH', '/v1/recipients/0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77?allowMissing=true', body)).status,
    404,
    'nor under an id',
  );
  const nameless = await write('PATCH', '/v1/recipients/ref:synced-2?allowMissing=true', {
    country: 'IE',
    notes: null,
  });
  t.equal(nameless.status, 400);
  t.match(nameless.json.errors, [{ in: 'body', pointer: '/name', code: 'required' }]);
  const race = await Promise.all(
    Array.from({ length: 6 }, () => write('PATCH', '/v1/recipients/ref:synced-race?allowMissing=true', body)),
  );
  t.strictSame(race.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 201], 'six at once create one');
  t.equal((await dpo.get('/v1/recipients/ref:synced-race')).json.version, 1);
});

t.test('lines keep their ids when the same is sent without them', async (t) => {
  for (const name of ['one', 'two', 'three']) {
    await made('purposes', { name, reference: `line-${name}` });
    await made('recipients', { name, reference: `line-${name}` });
  }
  const purposes = ['one', 'two', 'three'].map((name) => ({ purposeId: `ref:line-${name}` }));
  const transfers = [{ country: 'US' }, { country: 'IN' }, { description: 'Somewhere.' }];
  const activity = await made('processing-activities', {
    name: 'Lines',
    purposes,
    transfers,
    recipients: [{ lineId: 'mine', recipientId: 'ref:line-one' }],
  });
  const url = `/v1/processing-activities/${activity.id}`;
  const ids = (content: Content, list: string) => (content[list] as { lineId: string }[]).map(({ lineId }) => lineId);
  const [one, two, three] = ids(activity, 'purposes');
  for (const id of [...ids(activity, 'purposes'), ...ids(activity, 'transfers')])
    t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/, 'a line gets an id');
  t.equal(new Set([...ids(activity, 'purposes'), ...ids(activity, 'transfers')]).size, 6);
  t.strictSame(ids(activity, 'recipients'), ['mine'], 'or keeps its own');

  const patch = async (body: object) => {
    const answer = await write('PATCH', url, body, unconditional);
    t.equal(answer.status, 200);
    return answer.json as Content;
  };
  t.equal(
    (await patch({ purposes, transfers, recipients: [{ recipientId: 'ref:line-one' }] })).version,
    1,
    'the same without ids is the same',
  );

  const turned = await patch({ purposes: [{ ...purposes[2], main: true }, purposes[0], purposes[1]] });
  t.strictSame(ids(turned, 'purposes'), [three, one, two], 'a line is known by what it names, wherever it stands');
  const others = await patch({
    purposes: [{ purposeId: 'ref:line-two', optOut: 'By e-mail.' }, { purposeId: 'ref:invoicing' }],
  });
  t.equal(ids(others, 'purposes')[0], two, 'also when others are gone');
  t.equal(
    ids(others, 'purposes')[1],
    one,
    'a line that names something new takes the place of the one that stood there',
  );

  const before = ids(activity, 'transfers');
  const moved = await patch({
    transfers: [{ country: 'GB' }, { country: 'JP' }, { country: 'KR' }, { country: 'BR' }],
  });
  t.strictSame(ids(moved, 'transfers').slice(0, 3), before, 'lines that name nothing keep the ids of their places');
  t.notOk(before.includes(ids(moved, 'transfers')[3]!), 'and one more is new');
  const chosen = await patch({ transfers: [{ lineId: before[1], country: 'CN' }, { country: 'GB' }] });
  t.strictSame(ids(chosen, 'transfers'), [before[1], before[0]], 'an id that is sent is the one that is meant');
});

// ---------------------------------------------------------------------------------------------------------------------
// Retries

t.test('a write with an Idempotency-Key can be repeated blindly: one effect, one answer', async (t) => {
  const operations = operationsOf(service.app).filter(
    (each) => changes(each) && (each.definition !== undefined || each.id === 'replaceSettings'),
  );
  const { client } = strict;
  let count = 0;
  for (const operation of operations) {
    const { method, url, headers, body } = await prepare(operation, strict);
    const call = {
      headers: { ...headers, 'idempotency-key': `retry-${count++}` },
      ...(body === undefined ? {} : { body }),
    };
    const first = await client.call(method, url, call);
    const size = await logSize(client);
    const second = await client.call(method, url, call);
    const { 'log-sequence': sequence, 'ropa-warning': _warning, date: _date, ...told } = first.headers;
    const { 'idempotency-replayed': replayed, date: _later, ...repeated } = second.headers;
    const same =
      first.status < 300 &&
      second.status === first.status &&
      second.text === first.text &&
      replayed === 'true' &&
      first.headers['idempotency-replayed'] === undefined;
    if (!same || (!planning(operation) && Number(sequence) !== size)) t.fail(operation.id, { first, second, size });
    t.strictSame(repeated, told, `${operation.id}: the same headers`);
    t.equal(await logSize(client), size, 'one effect');
    const other = { ...call, body: { name: 'Other', endedOn: '2026-01-02', zzz: 1 } };
    if (body === undefined) continue;
    t.equal(
      (await client.call(method, url, { ...call, body: { ...(body as object), ...differing(operation.id) } })).status,
      422,
      'another body',
    );
    t.equal((await client.call(method, url, other)).status, 400, 'what is no request at all is 400');
  }
  t.comment(`${count} operations`);
  t.ok(count > 8 * collections.length);
});

/** A member that makes a body another one and keeps it valid. */
const differing = (id: string): object => {
  if (id.startsWith('retire')) return { dataDisposal: 'Another.' };
  if (id === 'createRecipientsFromVendor') return { reference: 'another' };
  if (id === 'planRecipientReplacement') return { by: 'ref:another' };
  if (id.startsWith('approve')) return { includeReferenced: true };
  return id.endsWith('Settings') ? { reviewInterval: 'P77D' } : { notes: 'Another.' };
};

t.test('a key belongs to one request of one person in one tenant', async (t) => {
  const key = { 'idempotency-key': 'mine' };
  const body = { name: 'Once', reference: 'once' };
  const first = await write('POST', '/v1/systems', body, key);
  t.equal(first.status, 201);
  const others: [words: string, Promise<Answer>][] = [
    ['another body', write('POST', '/v1/systems', { ...body, notes: 'x' }, key)],
    ['another path', write('POST', '/v1/purposes', body, key)],
    ['another method', write('PATCH', '/v1/systems/ref:once', { notes: 'x' }, { ...key, ...unconditional })],
  ];
  for (const [words, answer] of others) {
    const { status, json } = await answer;
    t.equal(status, 422, words);
    t.equal(json.type, problem('idempotency-key-reused'));
  }
  const colleague = await service.client('ours', 'editor');
  t.equal(
    (await write('POST', '/v1/systems', { ...body, reference: 'once-2' }, key, colleague)).status,
    201,
    'a colleague’s key is another',
  );
  const elsewhere = await service.client('elsewhere', 'dpo');
  const there = await write('POST', '/v1/systems', body, key, elsewhere);
  t.equal(there.status, 201, 'and so is one in another tenant');
  t.not(there.json.id, first.json.id);
  t.equal((await write('POST', '/v1/systems', body, key, elsewhere)).text, there.text);
  t.equal((await write('POST', '/v1/systems', body, key)).text, first.text);

  const refused = await write('POST', '/v1/systems', body, { 'idempotency-key': 'refused' });
  t.equal(refused.status, 409, 'the reference is taken');
  const corrected = await write(
    'POST',
    '/v1/systems',
    { ...body, reference: 'corrected' },
    { 'idempotency-key': 'refused' },
  );
  t.equal(corrected.status, 201, 'a request that had no effect binds no key');
});

t.test('a retry comes before every precondition', async (t) => {
  const { id } = await made('systems', { name: 'Retried' });
  const url = `/v1/systems/${id}`;
  const change = () => write('PATCH', url, { notes: 'x' }, { 'if-match': '"1"', 'idempotency-key': 'change' });
  const first = await change();
  await write('PATCH', url, { notes: 'y' }, unconditional);
  const second = await change();
  t.equal(second.status, 200, 'although the version is stale by now');
  t.equal(second.text, first.text);
  const remove = () => write('DELETE', url, undefined, { ...unconditional, 'idempotency-key': 'remove' });
  t.equal((await remove()).status, 204);
  const again = await remove();
  t.equal(again.status, 204, 'although there is nothing any more');
  t.equal(again.headers['idempotency-replayed'], 'true');
  t.equal((await write('DELETE', url, undefined, unconditional)).status, 404, 'without the key it is not found');
});

t.test('two with the same key at once have one effect', async (t) => {
  const size = await logSize();
  const rounds = 12;
  for (let round = 0; round < rounds; round++) {
    const call = () => write('POST', '/v1/systems', { name: 'Twice' }, { 'idempotency-key': `twice-${round}` });
    const answers = await Promise.all([call(), call(), call()]);
    const succeeded = answers.filter(({ status }) => status === 201);
    t.ok(succeeded.length >= 1);
    t.equal(new Set(succeeded.map(({ text }) => text)).size, 1, 'whoever is answered gets the same resource');
    t.ok(
      answers.every(
        ({ status, json }) => status === 201 || (status === 409 && json.type === problem('idempotency-running')),
      ),
      'the others learn that it runs',
    );
    t.equal((await call()).text, succeeded[0]!.text);
  }
  t.equal(await logSize(), size + rounds);
});

// ---------------------------------------------------------------------------------------------------------------------
// Headers of answers

t.test('the reason of a change is kept with it, in any script', async (t) => {
  const { id } = await made('systems', { name: 'Reasons' });
  const reasons = [
    'New contract of 2026-11-20',
    'Verlängert bis März – „neu“',
    '契約更新 🎉',
    'é'.repeat(1000),
    '🎉'.repeat(1000),
  ];
  for (const [index, reason] of reasons.entries()) {
    const header = Buffer.from(reason).toString('latin1');
    t.equal(
      (await write('PATCH', `/v1/systems/${id}`, { notes: `${index}` }, { ...unconditional, 'change-reason': header }))
        .status,
      200,
    );
  }
  const { json } = await dpo.get(`/v1/systems/${id}/revisions`);
  t.strictSame(json.items.map(({ reason }: { reason?: string }) => reason).reverse(), [undefined, ...reasons]);
  const long = await write(
    'PATCH',
    `/v1/systems/${id}`,
    { notes: 'x' },
    { ...unconditional, 'change-reason': 'é'.repeat(1001) },
  );
  t.equal(long.status, 400);

  // Over a real connection, where the bytes of the header are what a browser or curl would send.
  const address = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const answer = await fetch(`${address}/v1/systems/${id}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${dpo.token}`,
      'content-type': 'application/json',
      'if-match': '*',
      'change-reason': Buffer.from('Über HTTP').toString('latin1'),
    },
    body: JSON.stringify({ notes: 'http' }),
  });
  t.equal(answer.status, 200);
  await answer.body?.cancel();
  t.equal((await dpo.get(`/v1/systems/${id}/revisions?limit=1`)).json.items[0].reason, 'Über HTTP');
});

t.test('a name that another of the type has is warned of in a header, never in the content', async (t) => {
  const name = 'Same name';
  const warning = 'name-taken; another of this type has the same name';
  const first = await dpo.post('/v1/systems', { name, reference: 'same-1' });
  t.equal(first.headers['ropa-warning'], undefined);
  const second = await dpo.post('/v1/systems', { name, reference: 'same-2' });
  t.equal(second.status, 201);
  t.equal(second.headers['ropa-warning'], warning);
  t.notMatch(second.text, /warning|taken/);
  t.equal(
    (await dpo.post('/v1/purposes', { name })).headers['ropa-warning'],
    undefined,
    'of another type it may have it',
  );
  const elsewhere = await service.client('elsewhere', 'dpo');
  t.equal((await elsewhere.post('/v1/systems', { name })).headers['ropa-warning'], undefined, 'and in another tenant');
  const third = await made('systems', { name: 'Not the same', reference: 'same-3' });
  t.equal(
    (await write('PATCH', `/v1/systems/${third.id}`, { notes: 'x' }, unconditional)).headers['ropa-warning'],
    undefined,
  );
  t.equal((await write('PATCH', `/v1/systems/${third.id}`, { name }, unconditional)).headers['ropa-warning'], warning);
  const put = await write('PUT', `/v1/systems/${third.id}`, { name, notes: 'y' }, unconditional);
  t.equal(put.headers['ropa-warning'], warning);
});

t.test('what is created says where it is, and every write where the log stands', async (t) => {
  for (const definition of collections) {
    const size = await logSize();
    const answer = await dpo.post(`/v1/${definition.path}`, { ...exampleOf(definition, held), reference: 'located' });
    t.equal(answer.status, 201, definition.type);
    const location = `/v1/${definition.path}/${answer.json.id}`;
    t.equal(answer.headers.location, location);
    t.equal(answer.headers['log-sequence'], String(size + 1));
    t.equal(answer.headers['cache-control'], 'private, no-cache');
    const there = await dpo.get(location);
    t.equal(there.text, answer.text, 'there is what was answered');
    t.equal((await dpo.get(`/v1/${definition.path}/ref:located`)).text, answer.text);
    const removed = await write('DELETE', location, undefined, { 'if-match': '"1"' });
    t.equal(removed.status, 204);
    t.equal(removed.text, '');
    t.equal(removed.headers['log-sequence'], String(size + 2));
    t.equal((await dpo.get(location)).status, 404);
  }
});

// ---------------------------------------------------------------------------------------------------------------------
// References

t.test('a reference is unique in its tenant and type, renamed at will, free after a deletion', async (t) => {
  const first = await made('systems', { name: 'Unique', reference: 'unique' });
  const refused = await dpo.post('/v1/systems', { name: 'Other', reference: 'unique' });
  t.equal(refused.status, 409);
  t.match(refused.json, {
    type: problem('reference-taken'),
    errors: [{ in: 'body', pointer: '/reference', code: 'taken' }],
  });
  await made('systems', { name: 'Other', reference: 'Unique' });
  t.pass('case counts');
  await made('purposes', { name: 'Other type', reference: 'unique' });
  await made('systems', { name: 'Other tenant', reference: 'unique' }, await service.client('elsewhere', 'dpo'));

  const naming = await made('processing-activities', { name: 'Naming', systemIds: ['ref:unique'] });
  t.strictSame(naming.systemIds, [first.id], 'answers give ids');
  const renamed = await write('PATCH', '/v1/systems/ref:unique', { reference: 'renamed' }, unconditional);
  t.match(renamed.json, { id: first.id, reference: 'renamed', version: 2 });
  t.equal((await dpo.get('/v1/systems/ref:unique')).status, 404);
  t.equal((await dpo.get('/v1/systems/ref:renamed')).json.id, first.id);
  t.equal((await dpo.get(`/v1/processing-activities/${naming.id}`)).json.version, 1, 'those who name it do not notice');
  const second = await made('systems', { name: 'Second', reference: 'unique' });
  t.equal(
    (await write('PUT', '/v1/systems/ref:renamed', { name: 'Unique', reference: 'unique' }, unconditional)).status,
    409,
  );
  t.equal(
    (await write('PUT', '/v1/systems/ref:renamed', { name: 'Unique kept' }, unconditional)).json.reference,
    'renamed',
    'a body without one keeps it',
  );

  t.equal((await write('DELETE', '/v1/systems/ref:unique', undefined, unconditional)).status, 204);
  const third = await made('systems', { name: 'Third', reference: 'unique' });
  t.not(third.id, second.id);
  t.equal(third.version, 1, 'a new resource with a life of its own');
  const { json } = await dpo.get('/v1/systems/ref:unique/revisions');
  t.equal(json.items.length, 1);
});

t.test('a reference that nobody chose is made from the name', async (t) => {
  const cases: [name: string, form: RegExp][] = [
    ['Straße & Söhne — GmbH', /^strasse-sohne-gmbh-[0-9a-f]{8}$/],
    ['  --x--  ', /^x-[0-9a-f]{8}$/],
    ['日本', /^[0-9a-f]{8}$/],
    ['n'.repeat(300), /^n{40}-[0-9a-f]{8}$/],
    [`${'ab '.repeat(13)}abc def`, /^(ab-){13}[0-9a-f]{8}$|^(ab-){13}a-[0-9a-f]{8}$/],
  ];
  for (const [name, form] of cases) t.match((await made('systems', { name })).reference, form, name);
  const many = await Promise.all(Array.from({ length: 20 }, () => made('systems', { name: 'Many at once' })));
  t.equal(new Set(many.map(({ reference }) => reference)).size, 20);
});
