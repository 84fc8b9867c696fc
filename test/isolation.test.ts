/**
 * Strangers: what one tenant holds, another can neither read, list, count, change, delete, name nor guess, through no
 * operation and with no statement of the service's own connection.
 */
import t, { type Test } from 'tap';
import type { TProperties, TSchema } from 'typebox';
import { type Content, type ResourceDefinition, resolved } from '../src/article30/definition.ts';
import { definitionOf } from '../src/article30/index.ts';
import type { ResourceType } from '../src/article30/resource-types.ts';
import { type Pool, PostgresError, type Session } from '../src/db/connection.ts';
import { createTenant } from '../src/db/tenants.ts';
import { signLocalToken } from '../src/http/local-tokens.ts';
import type { Role } from '../src/http/permissions.ts';
import { poolFor } from './database.ts';
import {
  ask,
  changes,
  collections,
  draft,
  exampleOf,
  type Holding,
  heldOf,
  hold,
  type Operation,
  operationsOf,
  type PreparedRequest,
  planning,
  prepare,
  urlOf,
} from './operations.ts';
import { type Answer, type Client, clientOf, startService, type TestService } from './service.ts';

const everyRole: Role[] = ['viewer', 'editor', 'sync', 'approver', 'dpo', 'auditor', 'admin'];

/** Operations that belong to no tenant: nothing of one can be asked of them. The last is the administrators'. */
const ofNoTenant = [
  ...['GET /health/live', 'GET /health/ready', 'GET /.well-known/oauth-protected-resource'],
  ...['GET /v1/me', 'GET /v1/tenants', 'POST /v1/tenants'],
];

const unknownId = '01a204c9-0000-7000-8000-000000000000';
const unknownReference = 'ref:never-existed';

t.test('through every operation a stranger meets what never existed', async (t) => {
  const service = await startService(t);
  const owner = poolFor(t, service.database.owner, 2);
  const operations = operationsOf(service.app).filter(({ form }) => !ofNoTenant.includes(form));
  const attempted = new Map(operations.map(({ id }) => [id, 0]));
  const attempt = ({ id }: Operation) => attempted.set(id, attempted.get(id)! + 1);
  let cases = 0;

  const stranger = await caller(service, ['beta'], ...everyRole);
  const b = await hold(stranger, 'b-', 'Betaville');
  const before = await surface(operations, b);
  const a = await hold(await caller(service, ['alpha'], ...everyRole), '', 'Alphaville');

  const fields = collections.flatMap(referenceFields);
  /** Another of each type than the example: some fields may not name what the example names elsewhere. */
  const spare = new Map<string, Content>();

  // What the owner does with each operation, the key it is retried with, and a second target for the stranger.
  const owned: { operation: Operation; first: PreparedRequest; target: PreparedRequest }[] = [];
  await t.test('each works for its owner', async (t) => {
    for (const operation of operations) {
      const request = await prepare(operation, a);
      const headers = { ...request.headers, 'idempotency-key': operation.id.replace(/\W+/g, '-') };
      const first = { ...request, headers };
      const answer = await ask(a.client, first);
      t.ok(answer.status < 300, `${operation.id} (${answer.status})`, { text: answer.text });
      if (changes(operation)) {
        const again = await ask(a.client, first);
        t.equal(again.headers['idempotency-replayed'], 'true', `${operation.id} again gets the first answer`);
        t.equal(again.text, answer.text);
      }
      owned.push({ operation, first, target: await prepare(operation, a) });
    }
    t.equal(owned.length, operations.length);
    for (const definition of collections) spare.set(definition.type, await draft(a, definition));
    for (const { definition, type, title, bodyWith } of fields) {
      const answer = await a.client.post(`/v1/${definition.path}`, bodyWith(a, String(spare.get(type)!.id)));
      t.equal(answer.status, 201, `${title} names what the tenant has`, { text: answer.text });
    }
    t.ok(fields.length > collections.length);
    const ending = { name: 'Alphaville Cloud', contract: { exists: true, expiresOn: '2029-12-31' } };
    t.equal(
      (await a.client.post('/v1/recipients', ending)).status,
      201,
      'which no example says and a filter looks for',
    );
  });

  const ids = await idsOf(a);
  t.ok(ids.size > operations.length / 4, 'the owner has many resources');
  const nothingOf = (answer: Answer) => {
    const text = `${JSON.stringify(answer.headers)} ${answer.text}`;
    const found = text.match(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g)?.filter((id) => ids.has(id)) ?? [];
    return /Alphaville/.test(text) ? [...found, 'Alphaville'] : found;
  };

  await t.test('what a stranger reads of its own is the same to the byte, whatever others do', async (t) => {
    const after = await surface(operations, b);
    t.strictSame([...after.keys()], [...before.keys()]);
    for (const [request, { operation, answer }] of after) {
      attempt(operation);
      cases++;
      const seen = { ...plain(answer), ofOthers: nothingOf(answer) };
      const wanted = { ...plain(before.get(request)!.answer), status: 200, ofOthers: [] };
      t.strictSame(seen, wanted, `${request} is the same as before`);
    }
    const register = await stranger.get('/v1/register');
    t.equal(register.json.about.sequence, heldAt, 'the register counts what the stranger did');
    t.equal(register.json.integrity.entries, 1, 'and has its one entry');
    t.equal((await stranger.get('/v1/changes?limit=1000')).json.items.length, heldAt);
    t.equal((await stranger.get('/v1/log?limit=200')).json.items.length, heldAt);
    for (const definition of collections) {
      const { path } = definition;
      const list = await stranger.get(`/v1/${path}`);
      t.equal(list.json.items.length, heldOf(definition), `its ${path}`);
      t.equal(list.headers['log-sequence'], String(heldAt));
    }
  });

  const rowsBefore = await snapshot(owner, a);
  const logBefore = await everything(a);

  await t.test('a key of another tenant is a key of nothing', async (t) => {
    let inThis = 0;
    for (const { operation, first, target } of owned) {
      if (target.target === undefined) continue;
      const { id, reference, version } = target.target;
      const { keys } = target;
      const body = inWordsOf(b, a, target.body);
      const bare = { method: target.method, headers: {}, body, url: '' };
      const asked = { ...bare, headers: target.headers };
      const any = { ...bare, headers: { 'if-match': '*' } };
      const known = { ...bare, headers: { 'if-none-match': `"${version}"` } };
      const requests = changes(operation) ? [asked, any, bare] : [bare, known];
      const answered: Record<string, object> = {};
      const wanted: Record<string, object> = {};
      for (const [key, unknown] of [
        [String(id), unknownId],
        [String(id).toUpperCase(), unknownId.toUpperCase()],
        ...(reference === undefined ? [] : [[`ref:${reference}`, unknownReference] as const]),
      ] as const) {
        for (const request of requests) {
          const at = (wanted: string) => ({
            ...request,
            url: urlOf(operation, { key: wanted, version: '1', ...keys }),
          });
          const title = `${key} ${JSON.stringify(request.headers)}`;
          answered[title] = plain(await ask(stranger, at(key)));
          wanted[title] = { ...plain(await ask(stranger, at(unknown))), status: 404 };
          inThis++;
        }
      }
      t.strictSame(answered, wanted, `${operation.id} of what a stranger has is as if it had never been`);
      // The very request that the owner made, with the owner's key for retries.
      if (changes(operation)) {
        const { status, headers } = await ask(stranger, first);
        const replayed = headers['idempotency-replayed'];
        t.strictSame({ status, replayed }, { status: 404, replayed: undefined }, `${operation.id}: no first answer`);
        inThis++;
      }
      attempt(operation);
    }
    t.ok(inThis > 0);
    cases += inThis;
  });

  await t.test('lists, the register and cursors give nothing of another tenant', async (t) => {
    let inThis = 0;
    const get = (path: string) => stranger.get(path);
    for (const definition of collections) {
      const { path, type } = definition;
      const mine = a.examples.get(type)!;
      const own = b.examples.get(type)!;
      const searches: [query: string, unknown: string][] = [
        [`id=${mine.id}`, `id=${unknownId}`],
        [`id=ref:${mine.reference}`, `id=${unknownReference}`],
        [`id=${mine.id}&id=${own.id}`, `id=${unknownId}&id=${own.id}`],
        ['q=Alphaville', 'q=Nowhereville'],
        ...keyFilters(definition, [a.examples, spare]).flatMap(([name, keys, references]): [string, string][] => [
          [queryOf(name, keys), queryOf(name, [unknownId, unknownId])],
          [queryOf(name, references), queryOf(name, [unknownReference, unknownReference])],
        ]),
      ];
      for (const [query, unknown] of searches) {
        const url = `/v1/${path}?${query}`;
        t.ok((await a.client.get(url)).json.items.length > 0, `${url} finds something for its owner`);
        const answer = await get(url);
        t.strictSame(nothingOf(answer), [], `${url} finds nothing of it for a stranger`);
        t.strictSame(plain(answer), plain(await get(`/v1/${path}?${unknown}`)), 'and is as if it had never been');
        inThis++;
      }
      for (const [name, value] of otherFilters(definition, a)) {
        const url = `/v1/${path}?${queryOf(name, [value])}`;
        t.ok((await a.client.get(url)).json.items.length > 0, `${url} finds something for its owner`);
        t.strictSame(nothingOf(await get(url)), [], `${url} finds nothing of it for a stranger`);
        inThis++;
      }
      const { nextCursor } = (await a.client.get(`/v1/${path}?limit=1`)).json;
      t.type(nextCursor, 'string', `the owner's list of ${path} has a second page`);
      const continued = await get(`/v1/${path}?limit=1&cursor=${nextCursor}`);
      t.strictSame(nothingOf(continued), [], 'whose cursor leads a stranger nowhere');
      const versions = (await a.client.get(`/v1/${path}/${mine.id}/revisions?limit=1`)).json.nextCursor;
      t.type(versions, 'string');
      const foreign = await get(`/v1/${path}/${own.id}/revisions?limit=1&cursor=${versions}`);
      t.match(foreign, { status: 400, json: { type: /invalid-cursor$/ } }, 'and neither does that of its versions');
      inThis += 2;
    }
    const controller = a.examples.get('controller')!;
    const size = (await a.client.get('/v1/register')).json.about.sequence;
    for (const path of ['/v1/register', '/v1/register.json', '/v1/register.ndjson', '/v1/register.csv']) {
      for (const [query, unknown] of [
        [`controllerId=${controller.id}`, `controllerId=${unknownId}`],
        [`controllerId=ref:${controller.reference}`, `controllerId=${unknownReference}`],
        [`sequence=${size}`, 'sequence=999999999999999'],
      ]) {
        t.equal((await a.client.get(`${path}?${query}`)).status, 200, `${path}?${query} answers its owner`);
        const answer = await get(`${path}?${query}`);
        t.equal(answer.status, 422, `${path}?${query} refuses a stranger`);
        t.strictSame(plain(answer), plain(await get(`${path}?${unknown}`)), 'as if it had never been');
        inThis++;
      }
    }
    for (const path of ['/v1/changes', '/v1/log']) {
      t.ok((await a.client.get(`${path}?after=${size - 1}`)).json.items.length > 0);
      t.strictSame(
        (await get(`${path}?after=${size - 1}`)).json.items,
        [],
        `${path} ends where the stranger's log ends`,
      );
      inThis++;
    }
    cases += inThis;
  });

  await t.test('no field of a body names what another tenant has', async (t) => {
    let inThis = 0;
    for (const { definition, type, title, bodyWith } of fields) {
      const theirs = spare.get(type)!;
      const { id } = b.examples.get(definition.type)!;
      const answered: Record<string, object> = {};
      const wanted: Record<string, object> = {};
      for (const [key, unknown] of [
        [String(theirs.id), unknownId],
        [`ref:${theirs.reference}`, unknownReference],
      ] as const) {
        for (const [method, url] of [
          ['POST', `/v1/${definition.path}`],
          ['PUT', `/v1/${definition.path}/${id}`],
          ['PATCH', `/v1/${definition.path}/${id}`],
        ] as const) {
          const naming = (named: string) =>
            ask(stranger, { method, url, headers: { 'if-match': '*' }, body: bodyWith(b, named) });
          const answer = await naming(key);
          if (!String(answer.json.type).endsWith('/unknown-reference'))
            t.fail(`${method} ${title}`, { text: answer.text });
          answered[`${method} ${key}`] = plain(answer);
          wanted[`${method} ${key}`] = { ...plain(await naming(unknown)), status: 422 };
          inThis++;
        }
      }
      t.strictSame(answered, wanted, `${title} of another tenant is as if it had never been`);
    }
    const activity = definitionOf('processingActivity');
    const own = b.examples.get('processingActivity')!;
    const retire = (replacedById: unknown) =>
      stranger.post(
        `/v1/${activity.path}/${own.id}/retire`,
        { endedOn: '2026-10-31', replacedById },
        { 'if-match': '*' },
      );
    const answer = await retire(a.examples.get('processingActivity')!.id);
    t.equal(answer.status, 422, 'an activity is not replaced by that of another tenant');
    t.strictSame(plain(answer), plain(await retire(unknownId)), 'as if it had never been');
    t.equal(inThis, 6 * fields.length);
    cases += inThis + 1;
    const served = `/v1/processor-activities/${b.examples.get('processorActivity')!.id}/clients`;
    const theirs = a.examples.get('controller')!;
    const mine = String(b.examples.get('processorClient')!.controllerId);
    for (const [key, unknown] of [
      [String(theirs.id), unknownId],
      [`ref:${theirs.reference}`, unknownReference],
    ] as const) {
      for (const [title, attempt, status] of [
        ['a client of the path', (key: string) => stranger.call('PUT', `${served}/${key}`, { body: {} }), 404],
        [
          'a controller behind a client',
          (key: string) => {
            const body = { actsAs: 'processor', onBehalfOfIds: [key] };
            return stranger.call('PUT', `${served}/${mine}`, { body, headers: { 'if-match': '*' } });
          },
          422,
        ],
        [
          'a recipient that takes the place of another',
          (by: string) => stranger.post(`/v1/recipients/${b.examples.get('recipient')!.id}/replace`, { by }),
          422,
        ],
        [
          'a key in a file to import',
          (controllerId: string) =>
            stranger.post('/v1/imports?source=register', {
              controllers: [],
              blocks: {},
              entries: [{ reference: 'stolen', name: 'Stolen', controllerId }],
            }),
          201,
        ],
      ] as const) {
        const bare = (answer: Answer, key: string) => {
          const { id: _id, ...said } = answer.json as Content;
          const { location: _location, date: _date, ...headers } = answer.headers;
          const text = JSON.stringify({ said: { ...said, requestId: '', createdAt: '' }, headers });
          return {
            status: answer.status,
            text: text.replaceAll(key, 'KEY').replaceAll(key.replace('ref:', ''), 'KEY'),
          };
        };
        const naming = bare(await attempt(key), key);
        t.equal(naming.status, status, `${title} that is another's`, { ...naming });
        t.strictSame(naming, bare(await attempt(unknown), unknown), 'is as if it had never been');
        cases++;
      }
    }
  });

  await t.test('a stranger may use the same references, names and keys, and notices nobody', async (t) => {
    let inThis = 0;
    for (const { operation, first } of owned) {
      const { definition, form } = operation;
      if (!changes(operation) || first.target !== undefined) continue;
      const body = inWordsOf(b, a, first.body) as Content;
      const same = { ...body, ...(definition === undefined ? {} : { name: (first.body as Content).name }) };
      const answer = await ask(stranger, { ...first, body: same });
      t.ok(answer.status < 300, `${operation.id} with what the other sent`, { text: answer.text });
      t.equal(answer.headers['idempotency-replayed'], undefined, 'is carried out, not replayed');
      t.equal(answer.headers['ropa-warning'], undefined, 'without a word of a name that is taken elsewhere');
      t.notOk(ids.has(answer.json.id), `and is the stranger's own (${form})`);
      attempt(operation);
      inThis++;
    }
    for (const definition of collections) {
      const reference = `ref:${a.examples.get(definition.type)!.reference}`;
      const url = `/v1/${definition.path}/${reference}`;
      const { reference: _reference, ...body } = exampleOf(definition, b);
      const made = await stranger.call('PUT', url, { body, headers: { 'if-none-match': '*' } });
      t.equal(made.status, 201, `${url} is free for a stranger`, { text: made.text });
      t.notOk(ids.has(made.json.id));
      const gone = await stranger.call('DELETE', url, { headers: { 'if-match': '*' } });
      t.equal(gone.status, 204, 'who takes its own away again', { text: gone.text });
      const merged = await stranger.call('PATCH', `${url}?allowMissing=true`, { body });
      t.equal(merged.status, 201, 'and makes it by a merge, too', { text: merged.text });
      inThis += 3;
    }
    cases += inThis;
  });

  await t.test('a token opens the tenants that it names and no third', async (t) => {
    let inThis = 0;
    const both = await caller(service, ['alpha', 'gamma'], ...everyRole);
    const one = await caller(service, ['alpha'], ...everyRole);
    for (const operation of operations) {
      const id = definitionTarget(operation, b)?.id;
      const path = urlOf(operation, id === undefined ? {} : { key: String(id), version: '1', ...otherKeys(b) });
      const url = operation.form === 'POST /v1/imports' ? `${path}?source=register` : path;
      const request = { method: operation.method, url };
      const as = (client: Client, tenant?: string) =>
        ask(client, { ...request, headers: tenant === undefined ? {} : { 'ropa-tenant': tenant } });
      if (!changes(operation)) t.equal((await as(stranger, 'beta')).status, 200, `${operation.id} in its own tenant`);
      const unknown = { ...plain(await as(both, 'no-such-tenant')), status: 403 };
      const answered = [await as(both, 'beta'), await as(one, 'beta'), await as(one, 'no-such-tenant')].map(plain);
      t.strictSame(answered, [unknown, unknown, unknown], `${operation.id} with a token for others`);
      t.equal((await as(both)).status, 400, `${operation.id} with a token for two, none chosen`);
      inThis += 3;
    }
    const chosen = await both.get('/v1/me', { 'ropa-tenant': 'gamma' });
    t.match(chosen.json, { tenant: { reference: 'gamma' } }, 'one of its own is chosen by the header');
    cases += inThis;
  });

  await t.test('afterwards everything is as it was, to the byte', async (t) => {
    t.strictSame(await everything(a), logBefore, 'the log and the register that the owner reads');
    const rows = await snapshot(owner, a);
    for (const [table, before] of rowsBefore) t.strictSame(rows.get(table), before, `no row of ${table} was touched`);
    t.ok([...rowsBefore.values()].every(({ length }) => length > 0));
  });

  await t.test('and each still works for its owner, by reference, too', async (t) => {
    for (const { operation, target } of owned) {
      const { reference, id } = target.target ?? {};
      const key = reference === undefined ? String(id) : `ref:${reference}`;
      const url = target.target === undefined ? target.url : urlOf(operation, { key, version: '1', ...target.keys });
      const answer = await ask(a.client, { ...target, url });
      t.ok(answer.status < 300, `${operation.id} (${answer.status})`, { text: answer.text });
      if (changes(operation) && !planning(operation))
        t.ok(answer.headers['log-sequence'], `${operation.id} was not done by anybody before`);
    }
  });

  const forgotten = [...attempted].filter(([, times]) => times === 0).map(([id]) => id);
  t.strictSame(forgotten, [], 'there is no operation that no stranger tried');
  t.ok(cases > operations.length);
  t.comment(`${cases} cases of strangers, ${operations.length} operations of tenants`);
});

/** A caller with the same subject in whatever tenants: a person who works for several. */
async function caller({ app, config, pool }: TestService, tenants: string[], ...roles: Role[]): Promise<Client> {
  for (const reference of tenants) await createTenant(pool, reference);
  const claims = { tenantReferences: tenants, roles, subject: 'dana', ttlSeconds: 3600 };
  return clientOf(app, await signLocalToken(config, claims));
}

/** What may be compared of an answer: all but the time and the number of the request. */
function plain({ status, headers, text, json }: Answer): object {
  const { date: _date, ...kept } = headers;
  const { requestId: _requestId, ...problem } = status >= 400 && json !== undefined ? json : {};
  return { status, headers: kept, ...(status >= 400 ? { problem } : { text }) };
}

/** The size of the log of who holds one of each resource, created and approved, has settings, a client and a review. */
const heldAt = 2 * collections.reduce((sum, definition) => sum + heldOf(definition), 0) + 3;

type Surface = Map<string, { operation: Operation; answer: Answer }>;

/** Everything that a holder can read, by request. */
async function surface(operations: readonly Operation[], holding: Holding): Promise<Surface> {
  const read: Surface = new Map();
  for (const operation of operations.filter((each) => !changes(each))) {
    const { definition, form } = operation;
    const target = definitionTarget(operation, holding);
    const keys =
      target === undefined
        ? [undefined]
        : [target.id, ...(target.reference === undefined ? [] : [`ref:${target.reference}`])];
    const queries = [''];
    if (form === 'GET /v1/{resource}') {
      queries.push('?limit=1', '?archived=true', `?q=${holding.word}`, '?sort=-updatedAt');
      for (const [name, keys] of keyFilters(definition!, [holding.examples])) queries.push(`?${queryOf(name, keys)}`);
      for (const [name, value] of otherFilters(definition!, holding)) queries.push(`?${queryOf(name, [value])}`);
    }
    if (form.startsWith('GET /v1/register')) queries.push('?include=drafts', `?sequence=${heldAt}`);
    for (const key of keys) {
      const path = urlOf(operation, key === undefined ? {} : { key: String(key), version: '1', ...otherKeys(holding) });
      for (const query of queries) {
        const answer = await holding.client.call(operation.method, `${path}${query}`);
        read.set(`${operation.method} ${path}${query}`, { operation, answer });
      }
    }
  }
  return read;
}

/** The holder's example that a path's key names; undefined for a path without one. */
function definitionTarget({ path, keyed }: Operation, { examples }: Holding): Content | undefined {
  return path.includes('{key}') ? examples.get(keyed)! : undefined;
}

/** The other keys that a path may have, of what the holder has. */
const otherKeys = ({ examples }: Holding) => ({
  controllerKey: String(examples.get('processorClient')!.controllerId),
});

const queryOf = (name: string, values: readonly string[]) =>
  values.map((value) => `${name}=${encodeURIComponent(value)}`).join('&');

/** Filters of a list that take keys, each with ids, and with references, of what is held. */
function keyFilters(
  { filters = {} }: ResourceDefinition,
  held: readonly ReadonlyMap<string, Content>[],
): [name: string, keys: string[], references: string[]][] {
  return Object.entries(filters).flatMap(([name, filter]): [string, string[], string[]][] => {
    if (filter.by !== 'names') return [];
    const named = held.map((each) => each.get(filter.type)!);
    return [[name, named.map(({ id }) => String(id)), named.map(({ reference }) => `ref:${reference}`)]];
  });
}

/** The other filters of a list, each with a value that the holder's example has. */
function otherFilters(definition: ResourceDefinition, { examples }: Holding): [string, string][] {
  return Object.entries(definition.filters ?? {}).flatMap(([name, filter]): [string, string][] => {
    if (filter.by === 'names') return [];
    if (filter.by === 'before') return [[name, '9999-12-31']];
    if (filter.by === 'inForce') return [[name, 'true']];
    const [from, type] =
      filter.by === 'facet' ? [definition, definition.type] : [definitionOf(filter.type), filter.type];
    const [value] = [from.facets?.[filter.facet]?.(examples.get(type)!) ?? []].flat();
    if (value === undefined) throw new Error(`The example of ${type} has no ${filter.facet}.`);
    return [[name, value]];
  });
}

/** A body in the words of another holder: names and keys of its own instead of the other's. */
function inWordsOf(to: Holding, from: Holding, body: unknown): unknown {
  if (body === undefined) return undefined;
  let text = JSON.stringify(body).replaceAll(from.word, to.word).replaceAll('"ref:', `"ref:${to.prefix}`);
  for (const [type, { id }] of from.examples) text = text.replaceAll(String(id), String(to.examples.get(type)!.id));
  return JSON.parse(text);
}

interface ReferenceField {
  definition: ResourceDefinition;
  /** What it names. */
  type: ResourceType;
  title: string;
  /** The holder's example, with a key in this field. */
  bodyWith(holding: Holding, key: string): unknown;
}

type Schema = TSchema & {
  'x-reference'?: ResourceType;
  enum?: unknown[];
  examples?: unknown[];
  type?: string;
  items?: TSchema;
  properties?: TProperties;
  required?: string[];
};

/** Every field of a definition that names another resource, however deep. */
function referenceFields(definition: ResourceDefinition): ReferenceField[] {
  const whole = { type: 'object', properties: definition.properties } as unknown as TSchema;
  const walk = (schema: TSchema, path: readonly string[]): { path: readonly string[]; type: ResourceType }[] => {
    const { items, properties, 'x-reference': type } = resolved(schema) as Schema;
    if (type !== undefined) return [{ path, type }];
    if (items !== undefined) return walk(items, [...path, '0']);
    return Object.entries(properties ?? {}).flatMap(([name, each]) => walk(each, [...path, name]));
  };
  return walk(whole, []).map(({ path, type }) => ({
    definition,
    type,
    title: `${definition.type} ${path.join('.')}`,
    bodyWith(holding, key) {
      const { reference: _reference, declaredNone: _none, ...body } = exampleOf(definition, holding);
      return placed(whole, body, path, key);
    },
  }));
}

/** The value with `key` at the path; what the way there needs is made up from the schema. */
function placed(schema: TSchema, value: unknown, [name, ...rest]: readonly string[], key: string): unknown {
  if (name === undefined) return key;
  const { items, properties } = resolved(schema) as Schema;
  if (items !== undefined) {
    const [first, ...others] = (value as unknown[] | undefined) ?? [];
    return [placed(items, least(items, first), rest, key), ...others];
  }
  const object = (value ?? sample(schema)) as Content;
  return { ...object, [name]: placed(properties![name]!, object[name], rest, key) };
}

/** What an item must have and nothing else, since some fields exclude each other. */
function least(schema: TSchema, item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return sample(schema);
  const { required = [] } = resolved(schema) as Schema;
  return Object.fromEntries(required.map((name) => [name, (item as Content)[name]]));
}

/** The least that a schema allows. */
function sample(schema: TSchema): unknown {
  const { enum: words, examples, type, properties = {}, required = [] } = resolved(schema) as Schema;
  if (type === 'object') return Object.fromEntries(required.map((name) => [name, sample(properties[name]!)]));
  return words?.[0] ?? examples?.[0] ?? (type === 'array' ? [] : type === 'boolean' ? true : 'Something');
}

/** The ids of everything that a holder ever had, and of its tenant and people. */
async function idsOf({ client }: Holding): Promise<Set<string>> {
  const entries = await pagesOf(client, '/v1/log?limit=200');
  return new Set(entries.flatMap(({ resourceId, tenant, actor }) => [resourceId, tenant, actor].map(String)));
}

async function pagesOf(client: Client, path: string): Promise<Content[]> {
  const found: Content[] = [];
  for (let after = 0; ; ) {
    const { items, nextAfter } = (await client.get(`${path}&after=${after}`)).json;
    if (items.length === 0) return found;
    found.push(...items);
    after = nextAfter;
  }
}

/** The log and the register, as their owner reads them. */
async function everything({ client }: Holding): Promise<unknown[]> {
  const texts = ['/v1/register', '/v1/register?include=drafts', '/v1/register.csv'].map((path) => client.get(path));
  return [...(await Promise.all(texts)).map(({ text }) => text), await pagesOf(client, '/v1/log?limit=200')];
}

/** Every row of a tenant, with the transaction that wrote it, by table; as the owner of the tables sees it. */
async function snapshot(owner: Pool, { client }: Holding): Promise<Map<string, string[]>> {
  const tenant = await tenantOf(client);
  const rows = new Map<string, string[]>();
  for (const table of await tenantTables(owner)) {
    const found = await owner.query<{ row: string }>(
      `select x.xmin || ' ' || x::text as row from ${table} x where tenant_id = $1 order by 1`,
      [tenant],
    );
    rows.set(
      table,
      found.map(({ row }) => row),
    );
  }
  return rows;
}

async function tenantOf(client: Client): Promise<string> {
  return (await client.get('/v1/me')).json.tenant.id;
}

/** The tables that hold something of tenants, from the catalog. */
async function tenantTables(owner: Pool): Promise<string[]> {
  const tables = await owner.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`,
  );
  return tables.map(({ name }) => name);
}

/** What the service's role may do with each table; a column stands for the right to change it alone. */
const grants: Record<string, string[]> = {
  migration: ['SELECT'],
  tenant: ['SELECT'],
  tenant_head: ['SELECT', 'UPDATE'],
  revision: ['SELECT', 'INSERT'],
  tree_node: ['SELECT', 'INSERT'],
  actor: ['SELECT', 'INSERT'],
  resource: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  link: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  facet: ['SELECT', 'INSERT', 'DELETE'],
  approved_span: ['SELECT', 'INSERT', 'UPDATE valid_to'],
  idempotency: ['SELECT', 'INSERT', 'DELETE'],
  import_plan: ['SELECT', 'INSERT', 'DELETE', 'UPDATE state', 'UPDATE applied_at', 'UPDATE applied_by'],
  import_item: ['SELECT', 'INSERT'],
  review: ['SELECT', 'INSERT', 'UPDATE state', 'UPDATE due_on', 'UPDATE assignee', 'UPDATE completed_by'],
};

/** Tables that belong to no tenant, and keys that no tenant leads: what tenants are found by, before one is known. */
const globalTables = ['migration'];
const globalKeys = ['tenant_reference_key'];

/** Functions that run as the owner of the tables. */
const definers = [
  'count_resources',
  'create_tenant',
  'find_tenant',
  'forget_old_answers',
  'forget_old_plans',
  'list_tenants',
  'search_resources',
];

t.test('the database itself keeps tenants apart', async (t) => {
  const service = await startService(t);
  const owner = poolFor(t, service.database.owner, 1);
  // One connection, so that what a transaction leaves behind on it would show in the next.
  const pool = poolFor(t, service.database.service, 1);
  const clients = {
    a: await caller(service, ['alpha'], ...everyRole),
    b: await caller(service, ['beta'], ...everyRole),
  };
  await hold(clients.a, '', 'Alphaville');
  await hold(clients.b, 'b-', 'Betaville');
  for (const client of Object.values(clients)) {
    const made = await client.post('/v1/purposes', { name: 'Retried' }, { 'idempotency-key': 'one' });
    t.equal(made.status, 201);
  }
  const [a, b] = [await tenantOf(clients.a), await tenantOf(clients.b)];
  const tables = await tenantTables(owner);
  const [{ role, ownerRole } = { role: '', ownerRole: '' }] = await pool.query<{ role: string; ownerRole: string }>(
    `select current_user as role, tableowner as "ownerRole" from pg_tables where tablename = 'tenant'`,
  );
  let cases = 0;
  t.teardown(() => t.comment(`${cases} cases in ${tables.length} tables of tenants`));

  const within = <T>(tenant: string | undefined, work: (session: Session) => Promise<T>): Promise<T> =>
    pool.transaction(tenant === undefined ? {} : { tenant }, work);
  /** Does the work and takes it back. */
  const tried = async <T>(tenant: string | undefined, work: (session: Session) => Promise<T>): Promise<T> => {
    let result: T | undefined;
    const undo = new Error('taken back');
    await within(tenant, async (session) => {
      result = await work(session);
      throw undo;
    }).catch((error: unknown) => {
      if (error !== undo) throw error;
    });
    return result as T;
  };
  /** The SQLSTATE and message that a statement is refused with; undefined when it is carried out, and then taken back. */
  const refusal = async (t: Test, tenant: string | undefined, text: string, parameters: string[] = []) => {
    cases++;
    try {
      await tried<unknown>(tenant, (session) =>
        parameters.length === 0 ? session.simple(text) : session.query(text, parameters),
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      t.type(error.code, 'string');
      return `${error.code} ${error.message}`;
    }
  };
  const count = async (session: Session, table: string, condition = 'true', parameters: string[] = []) => {
    const [row] = await session.query<{ n: number }>(
      `select count(*)::integer as n from ${table} where ${condition}`,
      parameters,
    );
    return row!.n;
  };

  await t.test('every table is known, and what holds tenants is led by the tenant', async (t) => {
    const all = await owner.query<{ name: string; secured: boolean; policies: string | null }>(
      `select c.relname as name, c.relrowsecurity as secured,
         (select string_agg(p.polcmd || p.polpermissive || p.polroles::text || pg_get_expr(p.polqual, p.polrelid) || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''), ' ')
          from pg_policy p where p.polrelid = c.oid) as policies
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 'I', 't') order by 1`,
    );
    t.strictSame(
      all.map(({ name }) => name),
      [...tables, ...globalTables].sort(),
      'each table (there are no views and no sequences) has a tenant, or is known to have none',
    );
    for (const { name, secured, policies } of all.filter((table) => tables.includes(table.name))) {
      cases++;
      t.ok(secured, `${name} has row-level security`);
      t.equal(
        policies,
        `*true{0}(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)`,
        `${name} has one policy, for every role and command`,
      );
    }
    const keys = await owner.query<{ name: string; table: string; first: string }>(
      `select i.indexrelid::regclass::text as name, i.indrelid::regclass::text as table, a.attname as first
       from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
       where i.indisunique and i.indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace) order by 1`,
    );
    for (const { name, first } of keys.filter((key) => tables.includes(key.table))) {
      cases++;
      if (!globalKeys.includes(name)) t.equal(first, 'tenant_id', `the unique key ${name} begins with the tenant`);
    }
    t.strictSame(
      [...new Set(keys.map(({ table }) => table))].sort(),
      [...tables, ...globalTables].sort(),
      'each has a key',
    );
    const references = await owner.query<{ name: string; from: string; to: string }>(
      `select c.conname as name, a.attname as from, b.attname as to from pg_constraint c
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
       join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.confkey[1] where c.contype = 'f' order by 1`,
    );
    for (const { name, from, to } of references) {
      cases++;
      t.strictSame([from, to], ['tenant_id', 'tenant_id'], `the foreign key ${name} begins with the tenant`);
    }
    t.ok(references.length >= tables.length - 1, 'each table is bound to its tenant');
  });

  await t.test('the role of the service is nobody, and may what it needs', async (t) => {
    const [attributes] = await owner.query(
      `select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
         exists (select from pg_auth_members m where m.member = r.oid) as "inRoles",
         exists (select from pg_class c where c.relowner = r.oid) or exists (select from pg_proc p where p.proowner = r.oid)
           or exists (select from pg_namespace n where n.nspowner = r.oid) or exists (select from pg_database d where d.datdba = r.oid) as owns
       from pg_roles r where rolname = $1`,
      [role],
    );
    t.strictSame(new Set(Object.values(attributes!)), new Set([false]), 'it is no superuser, in no role, owns nothing');
    for (const [name, expected] of Object.entries(grants)) {
      const held = await owner.query<{ privilege: string }>(
        `select p.privilege from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p (privilege)
         where has_table_privilege($1, $2, p.privilege)
         union all
         select p.privilege || ' ' || a.attname from unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) as p (privilege)
         join pg_attribute a on a.attrelid = $2::regclass and a.attnum > 0
         where has_column_privilege($1, $2, a.attname, p.privilege) and not has_table_privilege($1, $2, p.privilege)`,
        [role, name],
      );
      t.strictSame(held.map(({ privilege }) => privilege).sort(), [...expected].sort(), `what it may do with ${name}`);
      cases++;
    }
    t.strictSame(Object.keys(grants).sort(), [...tables, ...globalTables].sort(), 'every table has its rights here');
    const functions = await owner.query<{ name: string; definer: boolean; settings: string[] | null; open: boolean }>(
      `select p.proname as name, p.prosecdef as definer, p.proconfig as settings, has_function_privilege('public', p.oid, 'execute') as open
       from pg_proc p where p.pronamespace = 'public'::regnamespace order by 1`,
    );
    const asOwner = functions.filter(({ definer }) => definer);
    t.strictSame(
      asOwner.map(({ name }) => name),
      definers,
      'the functions that run as the owner are these',
    );
    for (const { name, settings } of asOwner) {
      cases++;
      t.strictSame(settings, ['search_path=public, pg_temp'], `${name} has a fixed search path`);
    }
    t.strictSame(
      functions.filter(({ open }) => open).map(({ name }) => name),
      [],
      'no function is open to everybody',
    );
  });

  await t.test('without a tenant there are no rows', async (t) => {
    for (const table of tables) {
      t.ok(await within(a, (session) => count(session, table)), `${table} has rows for the tenant that is set`);
      t.equal(await within(undefined, (session) => count(session, table)), 0, `${table} has none without`);
      for (const statement of [
        "set local app.tenant_id = ''",
        'reset app.tenant_id',
        'set local app.tenant_id = default',
        `set local app.tenant_id = '${unknownId}'`,
      ]) {
        const seen = await within(undefined, async (session) => {
          await session.simple(statement);
          return count(session, table);
        });
        t.equal(seen, 0, `${table} has none after ${statement}`);
        cases++;
      }
    }
    t.match(
      await refusal(t, undefined, "set local app.tenant_id = 'anybody'; select * from resource"),
      /^22P02 /,
      'what is no tenant is an error',
    );
    const [guess] = await within(undefined, (session) =>
      session.query('select 1 from revision where 1 / (version - version) = 1'),
    );
    t.equal(guess, undefined, 'no expression meets a row before the policy does');
  });

  await t.test('with one tenant set the rows of another do not exist', async (t) => {
    for (const table of tables) {
      const mine = await within(a, (session) => count(session, table));
      t.equal(
        await within(a, (session) => count(session, table, 'tenant_id = $1', [a])),
        mine,
        `${table} shows the tenant`,
      );
      t.equal(await within(a, (session) => count(session, table, 'tenant_id <> $1', [a])), 0, 'and nobody else');
      t.ok(await within(b, (session) => count(session, table)), `${table} has rows of a stranger`);
      t.equal(await within(b, (session) => count(session, table, 'tenant_id = $1', [a])), 0, `who sees none of them`);
      cases++;
      const [{ row } = { row: '' }] = await owner.query<{ row: string }>(
        `select to_jsonb(x)::text as row from ${table} x where tenant_id = $1 limit 1`,
        [a],
      );
      const rights = grants[table] ?? [];
      const columns = await columnsOf(owner, table);
      if (rights.includes('INSERT')) {
        const insert = `insert into ${table} select (jsonb_populate_record(null::${table}, $1::jsonb)).*`;
        t.match(await refusal(t, a, insert, [row]), /^23505 /, `${table}: the tenant itself has this row already`);
        t.match(await refusal(t, b, insert, [row]), /^42501 .*row-level security/, 'a stranger cannot add it');
      }
      for (const column of columns) {
        const update = `update ${table} set ${column} = ${column} where tenant_id = $1 returning 1`;
        if (rights.includes('UPDATE') || rights.includes(`UPDATE ${column}`)) {
          const touched = (as: string) => tried(as, (session) => session.query(update, [a]));
          t.ok((await touched(a)).length > 0, `${table}.${column} is changed by its tenant`);
          t.equal((await touched(b)).length, 0, 'and not by a stranger');
          cases++;
        } else t.match(await refusal(t, a, update, [a]), /^42501 /, `${table}.${column} is changed by nobody`);
      }
      if (rights.includes('UPDATE')) {
        const move = await refusal(t, b, `update ${table} set tenant_id = '${a}'`);
        t.match(move, /^42501 .*row-level security/, `no row of ${table} is moved to another tenant`);
      }
      const remove = `delete from ${table} where tenant_id = $1 returning 1`;
      if (rights.includes('DELETE')) {
        t.equal(
          (await tried(b, (session) => session.query(remove, [a]))).length,
          0,
          `${table}: a stranger deletes nothing`,
        );
        cases++;
      } else t.match(await refusal(t, a, remove, [a]), /^42501 /, `${table}: nobody deletes`);
      t.match(await refusal(t, a, `truncate ${table} cascade`), /^42501 /, `${table}: nobody empties it`);
    }
    const [mine] = await within(b, (session) =>
      session.query<{ id: string }>("select resource_id as id from resource where resource_type = 'notice'"),
    );
    const [theirs] = await within(a, (session) =>
      session.query<{ id: string }>("select resource_id as id from resource where resource_type = 'controller'"),
    );
    const name = (id: string) =>
      refusal(
        t,
        b,
        `insert into link (tenant_id, source_type, source_id, field, target_type, target_id, in_working, in_approved, was_approved)
         values ($1, 'notice', $2, 'other', 'controller', $3, true, false, false)`,
        [b, mine!.id, id],
      );
    t.match(await name(theirs!.id), /^23503 /, 'a foreign key does not reach into another tenant');
    t.equal(await name(theirs!.id), await name(unknownId), 'and does not tell that there is something');
  });

  await t.test('the role of the service cannot become more than it is', async (t) => {
    for (const table of tables) {
      const seen = await refusal(t, b, `set local row_security = off; select * from ${table}`);
      t.match(seen, /^42501 .*row-level security/, `${table} without row security gives an error, no rows`);
      for (const statement of [
        `alter table ${table} disable row level security`,
        `drop policy tenant_isolation on ${table}`,
        `create policy mine on ${table} using (true)`,
        `create trigger mine before insert on ${table} execute function create_tenant()`,
        `create rule mine as on insert to ${table} do also nothing`,
        `drop table ${table} cascade`,
      ]) {
        t.match(await refusal(t, b, statement), /^42501 /, statement);
      }
      const granted = await tried(b, async (session) => {
        await session.simple(`grant all on ${table} to ${role}`);
        return session.query('select has_table_privilege($1, $2, $3) as more', [role, table, 'TRUNCATE']);
      }).catch((error: unknown) => [{ more: !(error instanceof PostgresError && error.code === '42501') }]);
      t.strictSame(granted, [{ more: false }], `it cannot grant itself ${table}`);
    }
    for (const statement of [
      `set role "${ownerRole}"`,
      `set session authorization "${ownerRole}"`,
      `alter role "${role}" bypassrls`,
      `alter role "${role}" superuser`,
      'create role another',
      `grant "${ownerRole}" to "${role}"`,
      'set session_replication_role = replica',
      'create schema mine',
      'create table public.mine (x integer)',
      'create view public.mine as select * from revision',
      "create function public.mine() returns integer language sql as 'select 1'",
      "create or replace function public.find_tenant(p_reference text) returns uuid language sql as 'select null::uuid'",
      'alter function public.find_tenant(text) security invoker',
      'drop function public.find_tenant(text)',
      'create extension dblink',
      "copy tenant to program 'cat'",
      "select pg_read_file('PG_VERSION')",
      'select * from pg_authid',
      'select * from pg_statistic',
      "select isolate_by_tenant('migration')",
      "update migration set name = ''",
    ]) {
      t.match(await refusal(t, b, statement), /^42501 /, statement);
    }
    await owner.query('analyze');
    const statistics = 'select tablename from pg_stats where schemaname = $1 and tablename = any ($2::text[])';
    t.ok((await owner.query(statistics, ['public', tables])).length > 0, 'there are statistics of columns');
    t.strictSame(
      await within(b, (session) => session.query(statistics, ['public', tables])),
      [],
      'whose commonest values the service does not see',
    );
    const shadowed = await tried(b, async (session) => {
      await session.simple('create temporary table tenant (tenant_id uuid, reference text)');
      await session.query("insert into pg_temp.tenant values ($1, 'alpha')", [unknownId]);
      return session.query("select find_tenant('alpha') as id");
    });
    t.strictSame(shadowed, [{ id: a }], 'a table of its own does not stand before that of the owner');
  });
  t.ok(cases > tables.length);
});

async function columnsOf(owner: Pool, table: string): Promise<string[]> {
  const rows = await owner.query<{ name: string }>(
    'select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum',
    [table],
  );
  return rows.map(({ name }) => name);
}

t.test('tenants that work at the same moment do not meet on a connection', async (t) => {
  const service = await startService(t);
  const words = ['Alphaville', 'Betaville', 'Gammaville'];
  const clients = await Promise.all(words.map((word) => caller(service, [word], ...everyRole)));
  const url = '/v1/purposes/ref:twin';
  const rounds = 60;
  let cases = 0;
  for (const client of clients)
    t.equal((await client.post('/v1/purposes', { name: 'Twin', reference: 'twin' })).status, 201);
  // More at once than the pool has connections, and refusals among them, after which a connection is used again.
  for (let round = 0; round < rounds; round++) {
    const asked = clients.flatMap((client, i) => {
      const word = words[i]!;
      const write = client.call('PATCH', `${url}?allowMissing=true`, { body: { name: `${word} ${round}` } });
      const reads = [url, '/v1/purposes', '/v1/purposes?q=ville', '/v1/log?limit=200'].map((path) => client.get(path));
      const refused = [client.post('/v1/purposes', { name: word, reference: 'twin' })];
      return [write, ...reads, ...refused].map(async (answer) => ({ word, answer: await answer }));
    });
    for (const { word, answer } of await Promise.all(asked)) {
      const others = words.filter((each) => each !== word && answer.text.includes(each));
      if (others.length > 0) t.fail(`${word} was answered with ${others}`, { text: answer.text });
      if (answer.status >= 500) t.fail(`${word} was answered with ${answer.status}`, { text: answer.text });
      cases++;
    }
  }
  for (const [i, client] of clients.entries()) {
    const { json } = await client.get(url);
    t.match(
      json,
      { name: `${words[i]} ${rounds - 1}`, version: rounds + 1 },
      `${words[i]} has its own, each change once`,
    );
    t.equal((await client.get('/v1/changes?limit=1000')).json.items.length, rounds + 1, 'and its own log');
  }
  t.ok(cases > 0);
  t.comment(`${cases} cases`);
});
