/** The record of a processor with 1,000 clients, as a hosting provider keeps it: Art. 30(2). */
import { parse } from 'csv-parse/sync';
import t, { type Test } from 'tap';
import type { Content } from '../src/article30/definition.ts';
import { readCell } from '../src/exports/cell.ts';
import { approveAll, bring } from './imports/documents.ts';
import { type Answer, type Client, startService } from './service.ts';

t.setTimeout(230_000);

const service = await startService(t, { IMPORT_LIMIT: String(16 * 1024 * 1024) });
const provider = await service.client('provider', 'dpo');
const register = '/v1/register?role=processor';
const unconditional = { 'if-match': '*' };

const clientCount = 1_000;
const activityCount = 20;
/** The first activity is carried out for all clients, each of the others for some. */
const clientsOfOthers = 40;
const referenceOf = (client: number) => `client-${String(client).padStart(4, '0')}`;

const clientsOf = (activity: number) =>
  Array.from({ length: activity === 0 ? clientCount : clientsOfOthers }, (_, i) => (activity * 37 + i) % clientCount);

const provided = {
  controllers: [
    {
      reference: 'provider',
      name: 'Provider SAS',
      registerKept: true,
      contact: { email: 'privacy@provider.example' },
      securityMeasureIds: ['ref:company'],
    },
  ],
  blocks: {
    securityMeasure: {
      company: { reference: 'company', name: 'Access control' },
      backup: { reference: 'backup', name: 'Backup' },
    },
    recipient: { centre: { reference: 'centre', name: 'Data centre', role: 'subprocessor', country: 'FR' } },
    controller: Object.fromEntries(
      Array.from({ length: clientCount }, (_, client) => {
        const reference = referenceOf(client);
        return [
          reference,
          { reference, name: `Client ${client} Ltd`, contact: { email: `privacy@${reference}.example` } },
        ];
      }),
    ),
    processorClient: Object.fromEntries(
      Array.from({ length: activityCount }, (_, activity) =>
        clientsOf(activity).map((client) => [
          `${activity}-${client}`,
          {
            processorActivityId: `ref:activity-${activity}`,
            controllerId: `ref:${referenceOf(client)}`,
            contract: { exists: true, inWriting: true, signedOn: '2026-01-12' },
          },
        ]),
      ).flat(),
    ),
  },
  entries: Array.from({ length: activityCount }, (_, activity) => ({
    reference: `activity-${activity}`,
    name: `Activity ${activity}`,
    processorId: 'ref:provider',
    categoriesOfProcessing: ['Hosting of web applications'],
    subprocessors: [{ lineId: 'centre', recipientId: 'ref:centre' }],
    securityMeasureIds: ['ref:backup'],
    declaredNone: ['transfers'],
  })),
};

await bring(provider, provided, '&role=processor');
await approveAll(provider, 'processor-activities');

/** Adds a client; where there is one already, it is replaced as it is. */
async function put(activity: number, key: string, body: Content = {}, headers?: Record<string, string>) {
  const url = `/v1/processor-activities/ref:activity-${activity}/clients/${key}`;
  const answer = await provider.call('PUT', url, { body, headers: headers ?? {} });
  return answer.status === 428 && headers === undefined
    ? provider.call('PUT', url, { body, headers: unconditional })
    : answer;
}

/** What a register says of the clients of its activities: by activity and client, name, e-mail and end. */
type Clients = Map<string, string>;
const told = (name: unknown, email: unknown, until: unknown = '') => `${name} <${email}> ${until}`;

const readers: Record<string, (text: string) => Clients> = {
  json: (text) => {
    const { blocks, controllers, entries } = JSON.parse(text);
    return clientsFrom(entries, [...controllers, ...Object.values<Content>(blocks.controller)], blocks.processorClient);
  },
  ndjson: (text) => {
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const blocks = (type: string) => lines.filter((line) => line.type === type).map(({ block }) => block as Content);
    return clientsFrom(
      lines.flatMap(({ entry }) => entry ?? []),
      blocks('controller'),
      blocks('processorClient'),
    );
  },
  csv: (text) => {
    const [headings = [], ...rows] = parse(text, { bom: true, record_delimiter: '\r\n' });
    const column = headings.indexOf('Clients on whose behalf the processor acts');
    const found: Clients = new Map();
    for (const row of rows.slice(0, -1)) {
      for (const line of readCell(row[column]!)) {
        if ('declared' in line) throw new Error('Clients are never declared to be none.');
        const part = (key: string) => line.parts.find((each) => each.key === key)?.value;
        const activity = row[0]!.split('#')[0];
        found.set(`${activity} ${line.reference}`, told(line.name, part('contact.email'), part('until')));
      }
    }
    return found;
  },
};

function clientsFrom(
  entries: Content[],
  controllers: Content[],
  clients: Record<string, Content> | Content[],
): Clients {
  const names = new Map([...entries, ...controllers].map((content) => [content.id, content]));
  return new Map(
    Object.values(clients).map(({ processorActivityId, controllerId, until }) => {
      const controller = names.get(controllerId)!;
      const { email } = controller.contact as { email: string };
      const key = `${names.get(processorActivityId)!.reference} ${controller.reference}`;
      return [key, told(controller.name, email, until)];
    }),
  );
}

const formats = Object.keys(readers);
const addressOf = (format: string) => `/v1/register.${format}?role=processor`;

/** The register in every format, as it stands or stood. */
async function texts(moment = ''): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const format of formats) {
    const { status, text } = await provider.get(`${addressOf(format)}${moment}`);
    if (status !== 200) throw new Error(text);
    found.set(format, text);
  }
  return found;
}

/** The clients that a register names: the same in every format. */
function clientsIn(t: Test, register: Map<string, string>): Clients {
  const [first, ...others] = formats.map((format) => readers[format]!(register.get(format)!));
  for (const [index, other] of others.entries()) {
    t.strictSame(new Map([...other].sort()), new Map([...first!].sort()), `${formats[index + 1]} names the same`);
  }
  return first!;
}

const head = async (): Promise<number> => (await provider.get(register)).json.about.sequence;
const activities = async () => (await provider.get('/v1/processor-activities?limit=200')).text;

t.test('the register names every client with name and contact details', async (t) => {
  const all = clientsIn(t, await texts());
  const expected = Array.from({ length: activityCount }, (_, activity) =>
    clientsOf(activity).map((client): [string, string] => [
      `activity-${activity} ${referenceOf(client)}`,
      told(`Client ${client} Ltd`, `privacy@${referenceOf(client)}.example`),
    ]),
  ).flat();
  t.strictSame(new Map([...all].sort()), new Map(expected.sort()));
  t.equal(all.size, clientCount + (activityCount - 1) * clientsOfOthers);
  t.comment(`${all.size} clients of ${activityCount} activities, in ${formats.length} formats`);

  const { text } = await provider.get(addressOf('csv'));
  const rows = parse(text, { bom: true, record_delimiter: '\r\n' });
  t.ok(
    rows.flat().every((cell) => cell.length <= 32_767),
    'a spreadsheet holds every cell',
  );
  t.ok(rows.filter(([first]) => first?.startsWith('activity-0#')).length > 1, 'the long list goes on in further rows');
  t.ok(rows.at(-1)!.includes(`entries=${activityCount}`));
  const { json } = await provider.get('/v1/register/entries/ref:activity-0?role=processor');
  t.equal(Object.keys(json.blocks.processorClient).length, clientCount, 'the entry alone has them too');
});

t.test('a client is one entry of the log, and the activities stay as they are', async (t) => {
  const { json: made } = await provider.post('/v1/controllers', {
    reference: 'newcomer',
    name: 'Newcomer Ltd',
    contact: { email: 'privacy@newcomer.example' },
  });
  const [before, from] = [await activities(), await head()];
  const entriesOf = async () => JSON.stringify((await provider.get(register)).json.entries);
  const entriesBefore = await entriesOf();
  const steps: [string, () => Promise<Answer>, number, string][] = [
    ['added', () => put(0, 'ref:newcomer', { actsAs: 'controller', since: '2026-02-01' }), 201, 'create'],
    ['changed', () => put(0, made.id, { actsAs: 'controller', since: '2026-03-01' }), 200, 'update'],
    [
      'taken away',
      () =>
        provider.call('DELETE', '/v1/processor-activities/ref:activity-0/clients/ref:newcomer', {
          headers: unconditional,
        }),
      204,
      'delete',
    ],
  ];
  for (const [index, [title, step, status, operation]] of steps.entries()) {
    const answer = await step();
    t.equal(answer.status, status, title);
    const { items } = (await provider.get(`/v1/log?after=${from + index}`)).json;
    t.match(items, [{ resourceType: 'processorClient', operation, approved: true, sequence: from + index + 1 }]);
    t.equal(items.length, 1, `${title}: one entry`);
    t.equal(answer.headers['log-sequence'], String(from + index + 1));
    t.equal(await activities(), before, `${title}: no activity changed its version, state or dates`);
    t.equal(await entriesOf(), entriesBefore, `${title}: nor what the register says of it`);
  }
  const again = await put(0, 'ref:newcomer', { since: '2026-02-01' });
  t.equal(again.status, 201, 'it can come back');
  t.match((await provider.get(again.headers.location!)).json, { controllerId: made.id, version: 1 });
  const same = await put(0, 'ref:newcomer', { since: '2026-02-01' });
  t.equal(same.status, 200);
  t.equal(await head(), from + steps.length + 1, 'the same again is no entry');
});

t.test('as it stood then: the clients of then, with the contact details of then', async (t) => {
  const then = await texts();
  const { sequence, recordedAt } = JSON.parse(then.get('json')!).about;
  const clientsThen = clientsIn(t, then);
  const entry = '/v1/register/entries/ref:activity-0?role=processor';
  const entryThen = (await provider.get(entry)).text;

  await provider.post('/v1/controllers', { reference: 'later', name: 'Later', contact: { email: 'a@later.example' } });
  t.equal((await put(0, 'ref:later')).status, 201);
  const removed = '/v1/processor-activities/ref:activity-0/clients/ref:client-0001';
  t.equal((await provider.call('DELETE', removed, { headers: unconditional })).status, 204);
  const moved = { body: { contact: { email: 'new@client.example' } }, headers: unconditional };
  t.equal((await provider.call('PATCH', '/v1/controllers/ref:client-0002', moved)).status, 200);
  t.equal((await put(0, 'ref:client-0003', { until: '2026-06-30' })).status, 200);

  const now = clientsIn(t, await texts());
  const expected = new Map(clientsThen).set('activity-0 later', told('Later', 'a@later.example'));
  expected.delete('activity-0 client-0001');
  for (const [key, value] of clientsThen) {
    if (key.endsWith('client-0002')) expected.set(key, value.replace(/<.*>/, '<new@client.example>'));
  }
  expected.set('activity-0 client-0003', told('Client 3 Ltd', 'privacy@client-0003.example', '2026-06-30'));
  t.strictSame(new Map([...now].sort()), new Map([...expected].sort()), 'now');

  for (const moment of [`&sequence=${sequence}`, `&asOf=${recordedAt}`]) {
    const again = await texts(moment);
    for (const format of formats) t.ok(again.get(format) === then.get(format), `${format}${moment}: the same bytes`);
    t.ok((await provider.get(`${entry}${moment}`)).text === entryThen, `the entry${moment}: the same bytes`);
  }
  t.not(clientsThen.get('activity-0 client-0001'), undefined, 'who left later stands there');
  t.notOk(clientsThen.has('activity-0 later'), 'who came later does not');
  t.match(clientsThen.get('activity-0 client-0002'), 'privacy@client-0002.example');
});

t.test('a client whose time is over is shown with its dates', async (t) => {
  const ended = { actsAs: 'controller', since: '2019-02-01', until: '2020-01-31' };
  t.equal((await put(1, 'ref:client-0037', ended)).status, 200);
  const { json } = await provider.get('/v1/processor-activities/ref:activity-1/clients/ref:client-0037');
  t.match(json, ended);
  t.equal(
    clientsIn(t, await texts()).get('activity-1 client-0037'),
    told('Client 37 Ltd', 'privacy@client-0037.example', '2020-01-31'),
  );
  const wrong = await put(1, 'ref:client-0037', { since: '2020-02-01', until: '2020-01-31' });
  t.equal(wrong.status, 422, 'an end before the beginning');
});

t.test('what is said of a client must fit together', async (t) => {
  const agency = { actsAs: 'processor', onBehalfOfIds: ['ref:client-0005', 'ref:client-0006'] };
  t.equal((await put(2, 'ref:client-0074', agency)).status, 200);
  const { json } = await provider.get('/v1/register/entries/ref:activity-2?role=processor');
  const behind = Object.values<Content>(json.blocks.controller).map(({ reference }) => reference);
  t.ok(behind.includes('client-0005') && behind.includes('client-0006'), 'the controllers behind it come with it');
  for (const [title, body] of [
    ['a controller acts for nobody', { actsAs: 'controller', onBehalfOfIds: ['ref:client-0005'] }],
    ['nobody acts for itself', { actsAs: 'processor', onBehalfOfIds: ['ref:client-0074'] }],
    ['a contract ends after it begins', { contract: { signedOn: '2026-02-01', expiresOn: '2026-01-31' } }],
  ] as const) {
    const { status, json: problem } = await put(2, 'ref:client-0074', body);
    t.equal(status, 422, title);
    t.equal(problem.errors.length, 1, problem.detail);
  }
  t.equal((await put(2, 'ref:nobody')).status, 404);
  t.equal((await put(2, 'ref:client-0074', { onBehalfOfIds: ['ref:nobody'], actsAs: 'processor' })).status, 422);
});

t.test('the clients of an activity, page by page', async (t) => {
  const collection = '/v1/processor-activities/ref:activity-0/clients';
  const found: string[] = [];
  const listed: Content[] = [];
  let pages = 0;
  for (let url: string | undefined = `${collection}?limit=130`; url !== undefined; pages++) {
    const { status, json, headers }: Answer = await provider.get(url);
    t.equal(status, 200);
    t.ok(json.items.length <= 130);
    listed.push(...json.items);
    found.push(...json.items.map(({ controllerId }: Content) => controllerId));
    const next: string | undefined = json.nextCursor;
    url = next === undefined ? undefined : `${collection}?limit=130&cursor=${next}`;
    t.equal(headers.link, url === undefined ? undefined : `<${url}>; rel="next"`);
  }
  t.equal(pages, 8);
  // One left, two came.
  t.equal(found.length, clientCount + 1);
  t.equal(new Set(found).size, found.length, 'each once');
  const { json } = await provider.get(register);
  const references = new Map(
    Object.values<Content>(json.blocks.controller).map(({ id, reference }) => [id, reference]),
  );
  const inOrder = found.map((id) => references.get(id) as string);
  t.same(inOrder, [...inOrder].sort(), 'by reference');

  const names = new Map(Object.values<Content>(json.blocks.controller).map(({ id, name }) => [id, name]));
  t.strictSame(
    listed.map(({ controller }) => controller),
    found.map((id) => ({ reference: references.get(id), name: names.get(id) })),
    'each with the name of the controller that it is',
  );
  const { controller: _, ...alone } = listed[0]!;
  t.strictSame((await provider.get(`${collection}/${alone.controllerId}`)).json, alone, 'which is no part of it');

  const { nextCursor } = (await provider.get(`${collection}?limit=1`)).json;
  const elsewhere = await provider.get(`/v1/processor-activities/ref:activity-1/clients?limit=1&cursor=${nextCursor}`);
  t.equal(elsewhere.status, 400, 'the cursor of another activity');
  t.equal((await provider.get('/v1/processor-activities/ref:nothing/clients')).status, 404);
});

t.test('a controller that is a client tells so, and cannot be taken away', async (t) => {
  const client = '/v1/controllers/ref:client-0038';
  const { json } = await provider.get(`${client}/usages`);
  const serving = Array.from({ length: activityCount }, (_, activity) => activity).filter((activity) =>
    clientsOf(activity).includes(38),
  );
  t.equal(json.items.length, serving.length);
  t.match(json.items[0], { type: 'processorClient', fields: ['controllerId'], inWorking: true, inApproved: true });
  const told = json.items.map(({ name, processorActivity, controller }: Content) => [
    name,
    processorActivity,
    controller,
  ]);
  const { json: self } = await provider.get(client);
  const whole: Content[] = (await provider.get('/v1/processor-activities?limit=200')).json.items;
  const expected = serving.map((activity) => {
    const { id, reference, name } = whole.find((each) => each.reference === `activity-${activity}`)!;
    return [name, { id, reference, name }, { id: self.id, reference: 'client-0038', name: 'Client 38 Ltd' }];
  });
  const byName = (all: unknown[][]) => all.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  t.strictSame(byName(told), byName(expected), 'of which activity, by its name');
  const ofActivity = (await provider.get('/v1/processor-activities/ref:activity-1/usages?limit=200')).json.items;
  t.equal(
    new Set(ofActivity.map(({ controller }: { controller: Content }) => controller.reference)).size,
    clientsOfOthers,
  );
  const [measure] = (await provider.get('/v1/security-measures/ref:company/usages')).json.items;
  t.match(measure, { type: 'controller', name: 'Provider SAS' });
  t.notOk('processorActivity' in measure, 'what is no client says nothing of an activity');
  const refused = async (method: string, path: string) => {
    const answer = await provider.call(method, path, { headers: unconditional });
    t.equal(answer.status, 409, `${method} ${path}`);
    t.match(answer.json.type, /in-use$/);
  };
  await refused('POST', `${client}/archive`);
  await refused('DELETE', client);
  await refused('DELETE', '/v1/controllers/ref:client-0005');

  await provider.post('/v1/controllers', { reference: 'mistaken', name: 'Mistaken' });
  await put(3, 'ref:mistaken');
  await refused('DELETE', '/v1/controllers/ref:mistaken');
  const taken = await provider.call('DELETE', '/v1/processor-activities/ref:activity-3/clients/ref:mistaken', {
    headers: unconditional,
  });
  t.equal(taken.status, 204);
  const gone = await provider.call('DELETE', '/v1/controllers/ref:mistaken', { headers: unconditional });
  t.equal(gone.status, 204, 'whom nothing names any more');
  t.equal((await provider.get('/v1/processor-activities/ref:activity-3/clients/ref:mistaken')).status, 404);
});

t.test('who is not served: the processor itself, and nobody new when the work has ended', async (t) => {
  const own = await put(4, 'ref:provider');
  t.equal(own.status, 422);
  t.match(own.json.errors, [{ in: 'path', name: 'controllerKey', code: 'contradiction' }]);

  const ending = '/v1/processor-activities/ref:ending';
  await provider.post('/v1/processor-activities', { reference: 'ending', name: 'Ending', processorId: 'ref:provider' });
  const client = (reference: string, body: Content = {}, headers: Record<string, string> = {}) =>
    provider.call('PUT', `${ending}/clients/ref:${reference}`, { body, headers });
  t.equal((await client('client-0001')).status, 201);
  const step = (word: string, body: Content = {}) =>
    provider.call('POST', `${ending}/${word}`, { body, headers: unconditional });
  t.equal((await step('approve')).status, 200);
  t.equal((await step('retire', { endedOn: '2026-10-31' })).status, 200);
  const refused = await client('client-0002');
  t.equal(refused.status, 409);
  t.match(refused.json.type, /state-conflict$/);
  t.equal(
    (await client('client-0001', { until: '2026-10-31' }, unconditional)).status,
    200,
    'who was served is told of still',
  );

  const importing = async (activity: string, controller: string, more: Content = {}) => {
    const block = { processorActivityId: `ref:${activity}`, controllerId: `ref:${controller}`, ...more };
    const file = { controllers: [], blocks: { processorClient: { a: block } }, entries: [] };
    const { json } = await provider.post('/v1/imports?source=register&role=processor', file);
    return json.problems.map(({ severity, code }: Content) => `${severity} ${code}`);
  };
  t.same(await importing('activity-4', 'provider'), ['error contradiction'], 'nor by an import');
  t.same(await importing('ending', 'client-0002'), ['error state-conflict']);
  t.same(await importing('ending', 'client-0001', { until: '2026-09-30' }), ['warning approved-at-once']);
});

t.test('the record of a processor names those who act as processors', async (t) => {
  const dpo = await service.client('several', 'dpo');
  for (const [reference, said] of Object.entries({
    named: { registerKept: true, actsAs: ['controller'] },
    silent: {},
    says: { registerKept: true, actsAs: ['controller', 'processor'] },
    controller: { registerKept: true, actsAs: ['controller'] },
    unsaid: { registerKept: true },
    elsewhere: { registerKept: false, actsAs: ['processor'] },
    bystander: { actsAs: ['processor'] },
  })) {
    t.equal((await dpo.post('/v1/controllers', { reference, name: reference, ...said })).status, 201);
  }
  for (const processor of ['named', 'silent', 'elsewhere']) {
    const body = { reference: `by-${processor}`, name: processor, processorId: `ref:${processor}` };
    t.equal((await dpo.post('/v1/processor-activities', body)).status, 201);
  }
  await approveAll(dpo, 'processor-activities');
  const named = async (query: string) => {
    const { controllers, entries } = (await dpo.get(`/v1/register?${query}`)).json;
    return [controllers, entries].map((all: Content[]) => all.map(({ reference }) => reference));
  };
  t.same(await named('role=processor'), [
    ['named', 'says', 'silent'],
    ['by-named', 'by-silent'],
  ]);
  t.same(await named('role=processor&include=drafts'), await named('role=processor'));
  t.same(await named('role=processor&controllerId=ref:unsaid'), [['unsaid'], []], 'whoever is asked for');
  t.same(await named('role=controller'), [['controller', 'named', 'says', 'unsaid'], []]);

  const fileName = async (query: string) =>
    (await dpo.get(`/v1/register.csv?${query}`)).headers['content-disposition']?.match(/filename="(.*?)-\d{4}-/)?.[1];
  t.equal(await fileName('role=processor'), 'processor-register-all');
  t.equal(await fileName('role=processor&controllerId=ref:says'), 'processor-register-says');
  t.equal(await fileName('controllerId=ref:says'), 'register-says');
});

t.test('a thousand clients are approved at once, by somebody else', async (t) => {
  const editor = await service.client('bulk', 'editor');
  const approver = await service.client('bulk', 'approver');
  const dpo = await service.client('bulk', 'dpo');
  const { controllers, blocks, entries } = provided;
  const [entry] = entries;
  const clients = Object.entries(blocks.processorClient).filter(([key]) => key.startsWith('0-'));
  const part = { controllers, blocks: { ...blocks, processorClient: Object.fromEntries(clients) }, entries: [entry] };
  const settings = { buildingBlockApproval: 'required', fourEyes: true };
  t.equal((await dpo.call('PATCH', '/v1/settings', { body: settings, headers: unconditional })).status, 200);
  await bring(dpo, part, '&role=processor');

  const activity = '/v1/processor-activities/ref:activity-0';
  const waiting = async () => {
    const found: { controllerId: string; version: number; state: string }[] = [];
    for (let url: string | undefined = `${activity}/clients?limit=200`; url !== undefined; ) {
      const { json }: Answer = await approver.get(url);
      found.push(...json.items);
      url = json.nextCursor === undefined ? undefined : `${activity}/clients?limit=200&cursor=${json.nextCursor}`;
    }
    return found.filter(({ state }) => state !== 'approved');
  };
  const seen = (await waiting()).map(({ controllerId, version }) => ({ controllerId, version }));
  t.equal(seen.length, clientCount);
  const head = async () => (await dpo.get(register)).json.about.sequence as number;
  const before = await head();
  const approve = (who: Client, body: Content) => who.post(`${activity}/clients/approve`, body);
  const refused = async (title: string, who: Client, body: Content, status: number, type: RegExp, error = {}) => {
    const answer = await approve(who, body);
    t.equal(answer.status, status, title);
    t.match(answer.json.type, type, title);
    t.match(answer.json.errors?.[0] ?? {}, error, title);
    t.equal(await head(), before, `${title}: nothing is approved`);
  };
  const [first, ...others] = seen;
  const one = { clients: seen.slice(0, 1) };
  await refused('an editor', editor, one, 403, /forbidden$/);
  await refused('none', approver, { clients: [] }, 400, /validation-failed$/);
  await refused('too many', approver, { clients: [...seen, first] }, 400, /validation-failed$/);
  await refused('what they name is not approved', approver, one, 409, /state-conflict$/, {
    pointer: '/clients/0/controllerId',
    code: 'not-approved',
  });
  await refused('who wrote them', dpo, { clients: seen, includeReferenced: true }, 409, /four-eyes$/);
  await refused('twice', approver, { clients: [first, { ...first, version: 2 }] }, 422, /unprocessable$/, {
    pointer: '/clients/1/controllerId',
  });
  const stranger = { clients: [first, { controllerId: 'ref:provider', version: 1 }] };
  await refused('who is no client', approver, stranger, 422, /unknown-reference$/, {
    pointer: '/clients/1/controllerId',
  });
  const unseen = { clients: [{ ...first, version: 2 }, ...others], includeReferenced: true };
  await refused('changed since', approver, unseen, 412, /precondition-failed$/, { pointer: '/clients/0/version' });
  t.equal((await approver.post('/v1/processor-activities/ref:nothing/clients/approve', one)).status, 404);

  const headers = { 'idempotency-key': 'all-of-them' };
  const body = { clients: seen, includeReferenced: true };
  const all = await approver.call('POST', `${activity}/clients/approve`, { body, headers });
  t.equal(all.status, 200, JSON.stringify(all.json));
  t.strictSame(all.json, { approved: clientCount, unchanged: 0, referenced: clientCount }, 'with their controllers');
  t.equal(await head(), before + 2 * clientCount);
  t.same(await waiting(), []);
  const again = await approver.call('POST', `${activity}/clients/approve`, { body, headers });
  t.match(again, { json: all.json, headers: { 'idempotency-replayed': 'true' } });
  t.strictSame((await approve(approver, body)).json, { approved: 0, unchanged: clientCount, referenced: 0 });
  t.equal(await head(), before + 2 * clientCount, 'approved already: nothing to do');
  t.match((await dpo.get(activity)).json, { state: 'draft', version: 1 }, 'the activity has its own approval');
  const opening = await approver.call('POST', `${activity}/approve`, {
    body: { includeReferenced: true },
    headers: unconditional,
  });
  t.equal(opening.status, 200);
  const shown = (await dpo.get(register)).json.blocks.processorClient;
  t.equal(Object.keys(shown).length, clientCount, 'the register shows them');
});

t.test('where building blocks wait for approval, clients wait as well', async (t) => {
  const editor = await service.client('careful', 'editor');
  const approver = await service.client('careful', 'approver');
  const dpo = await service.client('careful', 'dpo');
  const settings = { buildingBlockApproval: 'required', fourEyes: true };
  t.equal((await dpo.call('PATCH', '/v1/settings', { body: settings, headers: unconditional })).status, 200);
  for (const reference of ['provider', 'beta', 'gamma']) {
    await editor.post('/v1/controllers', { reference, name: reference, contact: { email: `${reference}@a.example` } });
  }
  await editor.post('/v1/processor-activities', { reference: 'hosting', name: 'Hosting', processorId: 'ref:provider' });
  const approve = (who: Client, path: string) => who.call('POST', `/v1/${path}/approve`, { headers: unconditional });
  for (const path of ['controllers/ref:provider', 'processor-activities/ref:hosting']) {
    t.equal((await approve(approver, path)).status, 200, path);
  }
  const beta = 'processor-activities/ref:hosting/clients/ref:beta';
  const made = await editor.call('PUT', `/v1/${beta}`, { body: { since: '2026-02-01' } });
  t.match(made.json, { state: 'draft', version: 1, approvedVersion: undefined });
  const shown = async (query = '') =>
    Object.values<Content>((await dpo.get(`${register}${query}`)).json.blocks.processorClient ?? {});
  t.same(await shown(), [], 'the register does not show it');
  t.match(await shown('&include=drafts'), [{ state: 'draft' }]);
  t.match(
    (await dpo.get(`${addressOf('csv')}&include=drafts`)).text,
    'beta [beta]; contact.email=beta@a.example; since=2026-02-01; state=draft',
  );

  t.equal((await approve(editor, beta)).status, 403, 'an editor does not approve');
  const early = await approve(approver, beta);
  t.equal(early.status, 409, 'nobody has approved the controller yet');
  t.match(early.json.errors, [{ pointer: '/controllerId', code: 'not-approved' }]);
  t.equal((await approve(approver, 'controllers/ref:beta')).status, 200);
  const approved = await approve(approver, beta);
  t.match(approved, { status: 200, json: { state: 'approved', version: 2, approvedVersion: 2 } });
  t.match(await shown(), [{ since: '2026-02-01' }]);
  t.match((await dpo.get('/v1/processor-activities/ref:hosting')).json, { version: 2, state: 'approved' });

  const edited = { body: { since: '2026-03-01' }, headers: { 'if-match': '"2"' } };
  t.match((await editor.call('PUT', `/v1/${beta}`, edited)).json, { state: 'draft', version: 3, approvedVersion: 2 });
  t.match(await shown(), [{ since: '2026-02-01' }], 'the register shows what was approved');
  const taken = await editor.call('DELETE', `/v1/${beta}`, { headers: unconditional });
  t.equal(taken.status, 409, 'what somebody approved nobody takes away alone');
  t.match(taken.json.detail, 'until');
  const discarded = await editor.call('DELETE', `/v1/${beta}/draft`, { headers: { 'if-match': '"3"' } });
  t.match(discarded, { status: 200, json: { state: 'approved', version: 4, since: '2026-02-01' } });

  const gamma = 'processor-activities/ref:hosting/clients/ref:gamma';
  t.equal((await approve(approver, 'controllers/ref:gamma')).status, 200);
  t.equal((await dpo.call('PUT', `/v1/${gamma}`, { body: {} })).status, 201);
  const own = await approve(dpo, gamma);
  t.equal(own.status, 409);
  t.match(own.json.type, /four-eyes$/, 'nobody approves what they wrote');
  t.equal((await approve(approver, gamma)).status, 200);
  t.equal((await approve(approver, gamma)).status, 200, 'approved already: nothing to do');
  t.equal((await approve(approver, 'processor-activities/ref:hosting/clients/ref:provider')).status, 404);
});

t.test('a client is added, or replaced, as the conditions of the request say', async (t) => {
  const { client, url } = await serving('conditions');
  const put = (body: Content, headers: Record<string, string> = {}) => client.call('PUT', url, { body, headers });
  for (const match of ['"7"', '*']) {
    const none = await put({}, { 'if-match': match });
    t.equal(none.status, 412, `If-Match: ${match} where there is none`);
    t.match(none.json.type, /precondition-failed$/);
  }
  t.equal((await put({}, { 'if-none-match': '"1"' })).status, 400);
  t.equal((await client.get(url)).status, 404, 'nothing was added');
  const added = await put({ actsAs: 'controller' }, { 'if-none-match': '*' });
  t.equal(added.status, 201);
  const twice = await put({ actsAs: 'controller' }, { 'if-none-match': '*' });
  t.equal(twice.status, 412, 'there is one already');
  t.equal(twice.json.currentVersion, 1);
  t.equal((await put({ since: '2026-01-01' })).status, 428);
  t.equal((await put({ since: '2026-01-01' }, { 'if-match': '"7"' })).status, 412);
  t.equal((await put({ since: '2026-01-01' }, { 'if-match': '"1"' })).json.version, 2);
});

t.test('what was read of a client can be sent back', async (t) => {
  const { client, url, activity } = await serving('sent-back');
  await client.call('PUT', url, { body: { actsAs: 'controller' } });
  const put = (body: Content) => client.call('PUT', url, { body, headers: { 'if-match': '*' } });
  const { json: read } = await client.get(url);
  const [listed] = (await client.get(`/v1/processor-activities/${activity.id}/clients`)).json.items;
  for (const body of [read, listed, { ...read, controllerId: 'ref:served', processorActivityId: 'ref:work' }]) {
    const same = await put(body);
    t.equal(same.status, 200, same.text);
    t.strictSame(same.json, read, 'nothing changes');
  }
  const changed = await put({ ...listed, since: '2026-01-01' });
  t.match(changed.json, { version: 2, since: '2026-01-01', controllerId: read.controllerId });
  const { id: other } = (await client.get('/v1/controllers/ref:host')).json;
  for (const [member, value] of [
    ['controllerId', other],
    ['controllerId', 'ref:host'],
    ['controllerId', 'ref:nobody'],
    ['processorActivityId', 'ref:elsewhere'],
    ['processorActivityId', read.id],
    ['reference', 'another'],
  ]) {
    const refused = await put({ ...read, [member]: value });
    t.equal(refused.status, 422, `${member}: ${value}`);
    t.match(refused.json.errors, [{ in: 'body', pointer: `/${member}`, code: 'contradiction' }]);
  }
  t.strictSame((await client.get(url)).json, changed.json);
});

t.test('a processor activity cannot go to one of its own clients', async (t) => {
  const { client, url, activity } = await serving('own-client');
  await client.call('PUT', url, { body: {} });
  const target = `/v1/processor-activities/${activity.id}`;
  const body = { processorId: 'ref:served' };
  for (const method of ['PATCH', 'PUT']) {
    const whole = method === 'PUT' ? { ...body, name: 'Work' } : body;
    const refused = await client.call(method, target, { body: whole, headers: unconditional });
    t.equal(refused.status, 422, method);
    t.match(refused.json.errors, [{ in: 'body', pointer: '/processorId', code: 'contradiction' }]);
  }
  const missing = `${target.replace(String(activity.id), 'ref:work')}?allowMissing=true`;
  t.equal((await client.call('PATCH', missing, { body })).status, 422, 'nor by synchronising');
  t.strictSame((await client.get(target)).json, activity);
  t.equal((await client.call('PATCH', target, { body: { notes: 'x' }, headers: unconditional })).status, 200);
  await client.call('DELETE', url, { headers: unconditional });
  t.equal((await client.call('PATCH', target, { body, headers: unconditional })).status, 200, 'it is none any more');
});

/** A tenant with an activity of a processor, and the address of the client that it may get. */
async function serving(tenant: string) {
  const client = await service.client(tenant, 'dpo');
  for (const reference of ['host', 'served']) await client.post('/v1/controllers', { reference, name: reference });
  const body = { reference: 'work', name: 'Work', processorId: 'ref:host' };
  const activity: Content = (await client.post('/v1/processor-activities', body)).json;
  return { client, activity, url: `/v1/processor-activities/${activity.id}/clients/ref:served` };
}
