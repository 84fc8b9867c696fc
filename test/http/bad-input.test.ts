/**
 * Whatever is wrong with a request is told, with its place, and nothing of the request is written.
 *
 * The cases come from the app's own document: every operation that writes, every property of its body, every parameter.
 */
import t, { type Test } from 'tap';
import { defaultSettings } from '../../src/article30/settings.ts';
import { hold } from '../operations.ts';
import { type Answer, type Client, startService } from '../service.ts';

/** The parts of JSON Schema that the document uses. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  anyOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  examples?: unknown[];
  readOnly?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: boolean | Schema;
  'x-reference'?: string;
}
interface Operation {
  readonly id: string;
  readonly method: string;
  /** With the key of an example in place of `{key}`. */
  readonly url: string;
  readonly schema: Schema | undefined;
  readonly parameters: { name: string; in: string; schema: Schema }[];
  readonly client: Client;
}
interface Case {
  readonly label: string;
  readonly ask: () => Promise<Answer>;
  readonly status: number;
  readonly type: string;
  /** A place that `errors` must name. */
  readonly in?: 'body' | 'query' | 'path' | 'header';
  readonly at?: string;
  readonly codes?: readonly string[];
  readonly says?: RegExp;
}

const unconditional = { 'if-match': '*' };

const service = await startService(t);
const dpo = await service.client('ours', 'dpo');
const held = await hold(dpo, '', 'Our', { buildingBlockApproval: 'automatic' });
const theirs = await hold(await service.client('theirs', 'dpo'), 'their-', 'Their');
const administrator = await service.client([], 'admin');

const { paths, components } = service.app.swagger() as unknown as {
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema> };
};
interface DocumentedOperation {
  operationId: string;
  requestBody?: { content: Record<string, { schema: Schema }> };
  parameters?: { name: string; in: string; schema: Schema }[];
}

const operations: Operation[] = Object.entries(paths)
  .filter(([path]) => path.startsWith('/v1/'))
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([word, { operationId, requestBody, parameters }]) => ({
      id: operationId,
      method: word.toUpperCase(),
      url: urlOf(path),
      schema: requestBody?.content['application/json']?.schema,
      parameters: parameters ?? [],
      client: path.startsWith('/v1/tenants') ? administrator : dpo,
    })),
  );
const writes = operations.filter(({ method }) => method !== 'GET');
const withBody = writes.filter(({ schema }) => schema !== undefined);
/** What is sent there is a file: what is wrong with it is told by the plan. */
const withFile = ['planImport'];

function urlOf(path: string): string {
  const { controllerId } = held.examples.get('processorClient')!;
  const url = path
    .replace('{key}', keyFor(path))
    .replace('{version}', '1')
    .replace('{controllerKey}', String(controllerId));
  return path === '/v1/imports' ? `${url}?source=register` : url;
}

function keyFor(path: string): string {
  if (path.startsWith('/v1/imports/')) return String(held.examples.get('importPlan')!.id);
  const type = Object.entries(components.schemas).length > 0 ? path.split('/')[2]! : '';
  const own = [...held.examples.entries()].find(([each]) => pathOf(each) === type);
  return `ref:${(own?.[1] ?? held.examples.get('processingActivity')!).reference}`;
}

function pathOf(type: string): string {
  const spelled = type.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return spelled.endsWith('y')
    ? `${spelled.slice(0, -1)}ies`
    : spelled.endsWith('is')
      ? `${spelled.slice(0, -2)}es`
      : `${spelled}s`;
}

/** What is wrong with an answer to a bad request; undefined when it is as it should be. */
function flawOf(answer: Answer, { status, type, in: part, at, codes, says }: Case): string | undefined {
  const { json, headers, text } = answer;
  const told = `${answer.status} ${text.slice(0, 400)}`;
  if (answer.status !== status) return `status ${status} expected: ${told}`;
  if (headers['content-type'] !== 'application/problem+json') return `content type ${headers['content-type']}: ${told}`;
  if (headers['cache-control'] !== 'no-store') return `cache-control ${headers['cache-control']}`;
  if (json.type !== `https://ropa.example/problems/${type}` || json.status !== status)
    return `type ${type} expected: ${told}`;
  if (typeof json.title !== 'string' || typeof json.detail !== 'string' || json.detail === '')
    return `no words: ${told}`;
  if (!/^[0-9a-f-]{36}$/.test(json.requestId)) return `no request id: ${told}`;
  const known = ['type', 'title', 'status', 'detail', 'requestId', 'errors', 'currentVersion'];
  const unknown = Object.keys(json).filter((name) => !known.includes(name));
  if (unknown.length > 0) return `unknown members ${unknown}`;
  if (/node_modules|postgres|\bselect\b .* \bfrom\b|constraint|_pkey|_fkey/i.test(text))
    return `says too much: ${told}`;
  if (part === undefined) return undefined;
  const items = (json.errors ?? []) as { in: string; pointer?: string; name?: string; code: string; message: string }[];
  const found = items.filter((item) => item.in === part && (part === 'body' ? item.pointer : item.name) === at);
  if (found.length === 0) return `no error at ${part} ${at}: ${told}`;
  if (codes !== undefined && !found.some(({ code }) => codes.includes(code))) return `code ${codes} expected: ${told}`;
  if (says !== undefined && !found.some(({ message }) => says.test(message))) return `${says} expected: ${told}`;
  return undefined;
}

let total = 0;
t.teardown(() => t.comment(`${total} bad requests in all`));

/** Every case is refused as it says, and the log is as long as before. */
async function refuseAll(t: Test, cases: Iterable<Case>): Promise<void> {
  const before = await logSize();
  const flaws: string[] = [];
  let count = 0;
  for (const each of cases) {
    count++;
    const flaw = flawOf(await each.ask(), each);
    if (flaw !== undefined) flaws.push(`${each.label}: ${flaw}`);
  }
  t.comment(`${count} cases`);
  total += count;
  t.ok(count > 0, 'there are cases');
  t.equal(flaws.length, 0, flaws.slice(0, 20).join('\n') || 'each is refused with its place');
  t.equal(await logSize(), before, 'nothing was written');
}

async function logSize(): Promise<string> {
  return (await dpo.get('/v1/purposes?limit=1')).headers['log-sequence']!;
}

const send =
  ({ client, method, url }: Operation, body: unknown, headers: Record<string, string> = {}) =>
  () =>
    client.call(method, url, { body, headers: { ...unconditional, ...headers } });

// ---------------------------------------------------------------------------------------------------------------------
// The body as a whole

t.test('what is no readable JSON object is refused by every operation that writes', async (t) => {
  t.ok(withBody.length >= 3 * held.examples.size, 'operations with a body');
  t.ok(writes.length > withBody.length, 'and without');
  await refuseAll(t, wholeBodies());
});

function* wholeBodies(): Generator<Case> {
  const malformed = { status: 400, type: 'malformed-request' };
  const invalid = { status: 400, type: 'validation-failed', in: 'body', at: '' } as const;
  const unsupported = { status: 415, type: 'unsupported-media-type' };
  const large = Buffer.alloc(1024 * 1024 + 1, ' ');
  large.write(JSON.stringify({ name: 'x' }));
  const brackets = { '[': Buffer.alloc(100_000, '['), '{"a":': Buffer.alloc(500_000, '{"a":') };
  for (const operation of writes) {
    const { id, method, schema } = operation;
    const label = (words: string) => `${id}: ${words}`;
    for (const text of [
      '{',
      '{"name":}',
      '{"name":"x"',
      '{"name":"x",}',
      "{'name':'x'}",
      '[1',
      'nul',
      '{"name":"x"} {}',
      '\u0001',
    ]) {
      yield { label: label(`malformed ${text}`), ask: send(operation, text), ...malformed };
    }
    const latin1 = Buffer.from([0x7b, 0x22, 0x6e, 0x22, 0x3a, 0x22, 0xe9, 0x22, 0x7d]);
    yield { label: label('not UTF-8'), ask: send(operation, latin1), ...malformed };
    for (const text of ['null', '5', '"text"', 'true', '[]']) {
      const codes = [schema === undefined ? 'unknown' : 'type'];
      yield { label: label(`${text} for an object`), ask: send(operation, text), ...invalid, codes };
    }
    if (schema === undefined) {
      yield {
        label: label('a body where there is none'),
        ask: send(operation, { name: 'x' }),
        ...invalid,
        codes: ['unknown'],
      };
    } else if (!id.startsWith('approveProcess')) {
      const none = () => operation.client.call(method, operation.url, { headers: unconditional });
      yield { label: label('no body'), ask: none, ...invalid, codes: ['type'] };
      yield { label: label('an empty body'), ask: send(operation, ''), ...invalid, codes: ['type'] };
    }
    for (const mediaType of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonp',
      'application/json; charset=iso-8859-1',
    ]) {
      yield {
        label: label(mediaType),
        ask: send(operation, '{"name":"x"}', { 'content-type': mediaType }),
        ...unsupported,
      };
    }
    yield {
      label: label('compressed'),
      ask: send(operation, '{"name":"x"}', { 'content-encoding': 'gzip' }),
      ...unsupported,
    };
    if (method !== 'PATCH') {
      const patch = { 'content-type': 'application/merge-patch+json' };
      yield { label: label('a merge patch'), ask: send(operation, '{"name":"x"}', patch), ...unsupported };
    }
    // Files to import may be larger; what is no register is a problem of the plan.
    if (!withFile.includes(id)) {
      yield {
        label: label('one byte more than 1 MiB'),
        ask: send(operation, large),
        status: 413,
        type: 'payload-too-large',
      };
    }
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = (depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
      yield { label: label(`33 levels of ${open}`), ask: send(operation, nested(33)), ...invalid, codes: ['nesting'] };
      yield {
        label: label(`100,000 × ${open}`),
        ask: send(operation, brackets[open]),
        ...invalid,
        codes: ['nesting'],
      };
    }
    for (const name of ['__proto__', 'constructor']) {
      for (const spelled of [name, name.replace('o', '\\u006f')]) {
        yield {
          label: label(spelled),
          ask: send(operation, `{"name":"x","${spelled}":{"a":1}}`),
          ...invalid,
          at: `/${name}`,
        };
      }
    }
    for (const [key, shown] of [
      ['a\\u0000b', '/a\ufffdb'],
      ['a\\ud800b', '/a\ufffdb'],
    ] as const) {
      yield {
        label: label(`the key ${key}`),
        ask: send(operation, `{"name":"x","${key}":1}`),
        ...invalid,
        at: shown,
        codes: ['characters'],
      };
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Each property

/** A place in a body: its schema, and the body in which only this place holds `value`. */
interface Place {
  readonly schema: Schema;
  readonly pointer: string;
  readonly readOnly: boolean;
  readonly put: (value: unknown) => unknown;
}

const follow = (schema: Schema): Schema => {
  if (schema.$ref !== undefined) return components.schemas[schema.$ref.split('/').at(-1)!]!;
  if (schema.allOf !== undefined) return { ...follow(schema.allOf[0]!), readOnly: true };
  const meant = schema.anyOf?.find(({ type }) => type !== 'null');
  return meant === undefined ? schema : { ...follow(meant), type: ['object', 'null'] };
};

function* placesIn(given: Schema, pointer: string, put: Place['put'], readOnly = false): Generator<Place> {
  const schema = follow(given);
  yield { schema, pointer, put, readOnly };
  const required = Object.fromEntries(
    (schema.required ?? []).map((name) => [name, sampleOf(schema.properties![name]!)]),
  );
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    yield* placesIn(
      property,
      `${pointer}/${name}`,
      (value) => put({ ...required, [name]: value }),
      readOnly || property.readOnly === true,
    );
  }
  if (schema.items !== undefined) yield* placesIn(schema.items, `${pointer}/0`, (value) => put([value]), readOnly);
}

function sampleOf(given: Schema): unknown {
  const schema = follow(given);
  const type = [schema.type].flat()[0];
  const fallback = { string: 'x', boolean: true, integer: 1, array: [], object: {} }[type ?? 'object'];
  return schema.examples?.[0] ?? schema.enum?.[0] ?? fallback;
}

const values: Record<string, unknown> = { null: null, number: 7.5, string: 'x', boolean: true, array: [], object: {} };

/** What is not in the format, though it looks like it. */
const misformatted: Record<string, readonly string[]> = {
  date: [
    '2026-02-30',
    '2026-13-01',
    '0000-01-01',
    '2025-02-29',
    '20260101',
    '2026-1-1',
    '2026-01-01T00:00:00Z',
    'today',
  ],
  'date-time': [
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00',
  ],
  duration: ['P', 'PT', '1Y', 'P1', 'P-1Y', '-P1Y', 'P1.5Y', 'P1W1D', 'p1y', 'P1S', 'PT1D', 'P1YT', '3 years', 'P1Y2'],
  country: ['XX', 'fr', 'UK', 'ZZ', 'EU', 'F1', '  '],
  email: ['x', '@example.com', 'a@', 'a b@example.com', 'a@@example.com', 'mailto:a@example.com'],
  'web-address': [
    'example.com',
    'ftp://example.com',
    'javascript:alert(1)',
    '//example.com',
    'http://',
    'https://a b',
    'https://user:secret@example.com',
    '/privacy',
  ],
  language: ['e', 'en_US', 'en-', '1', 'x-private', 'en--US'],
  uuid: ['1', '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e7', '0198f0c26b1e7c3a9d552f6a1b0c4e77', 'ref:x'],
};

t.test('no property takes a value of another type, form or size', async (t) => {
  await refuseAll(t, wrongValues());
});

function* wrongValues(): Generator<Case> {
  for (const operation of withBody.filter(({ id }) => !withFile.includes(id))) {
    const place = (words: string, { pointer, put }: Place, value: unknown, ...codes: string[]): Case => ({
      label: `${operation.id} ${pointer}: ${words}`,
      ask: send(operation, put(value)),
      ...{ status: 400, type: 'validation-failed', in: 'body', at: pointer, codes },
    });
    for (const each of placesIn(operation.schema!, '', (value) => value)) {
      const { schema, pointer } = each;
      const types = [schema.type].flat() as string[];
      // Of the whole body, that is another test.
      if (pointer !== '') {
        for (const [type, value] of Object.entries(values)) {
          if (!types.includes(type)) yield place(type, each, value, 'type');
        }
        if (schema.maximum !== undefined) yield place('a huge number', each, 1e300, 'maximum');
      }
      if (types.includes('string')) {
        const { enum: words, pattern, format, maxLength, minLength } = schema;
        if (words !== undefined) yield place('another word', each, 'zzz', 'enum');
        if (pattern !== undefined) yield place('another form', each, '!', 'pattern');
        for (const value of misformatted[format ?? ''] ?? []) yield place(value, each, value, 'format');
        if (minLength !== undefined) yield place('empty', each, '', 'minLength');
        if (maxLength !== undefined) {
          yield place('too long', each, 'a'.repeat(maxLength + 1), 'maxLength');
        }
        yield place('NUL', each, 'a\0b', 'characters');
        yield place('half a surrogate pair', each, 'a\ud83d', 'characters');
        yield place('the other half', each, '\ude00a', 'characters');
      }
      if (types.includes('integer')) {
        yield place('half', each, 1.5, 'type');
        if (schema.minimum !== undefined) yield place('too small', each, schema.minimum - 1, 'minimum');
        if (schema.maximum !== undefined) yield place('too large', each, schema.maximum + 1, 'maximum');
      }
      if (types.includes('array')) {
        const item = sampleOf(schema.items!);
        yield place('twice the same', each, [item, item], 'uniqueItems');
        if (schema.maxItems !== undefined) {
          yield place(
            'too many',
            each,
            Array.from({ length: schema.maxItems + 1 }, () => item),
            'maxItems',
            'uniqueItems',
          );
        }
      }
      if (types.includes('object') && schema.properties !== undefined) yield* unknownFields(operation, each);
      if (pointer === '/customFields') yield* customFields(operation, each);
    }
  }
}

function* unknownFields(operation: Operation, { schema, pointer, put }: Place): Generator<Case> {
  const required = Object.fromEntries(
    (schema.required ?? []).map((name) => [name, sampleOf(schema.properties![name]!)]),
  );
  const refused = { status: 400, type: 'validation-failed', in: 'body', codes: ['unknown'] } as const;
  const fields = {
    zzz: /unknown\.$/,
    [`${Object.keys(schema.properties!).sort((a, b) => b.length - a.length)[0]}s`]: /did you mean "/,
  };
  for (const [name, says] of Object.entries(fields)) {
    yield {
      label: `${operation.id} ${pointer}: the unknown field ${name}`,
      ask: send(operation, put({ ...required, [name]: 1 })),
      ...{ ...refused, at: `${pointer}/${name}`, says },
    };
  }
}

function* customFields(operation: Operation, { put }: Place): Generator<Case> {
  const refused = { status: 400, type: 'validation-failed', in: 'body' } as const;
  const named = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`field ${i}`, 'x']));
  const cases: [words: string, value: object, at: string, code: string][] = [
    ['too many', named(51), '', 'maxProperties'],
    ['no name', { '': 'x' }, '/', 'unknown'],
    ['a long name', { ['n'.repeat(101)]: 'x' }, `/${'n'.repeat(101)}`, 'unknown'],
    ['a name of two lines', { 'a\nb': 'x' }, '/a\nb', 'unknown'],
    ['a name of two lines and no text', { 'a\nb': 5 }, '/a\nb', 'unknown'],
    ['a number', { a: 5 }, '/a', 'type'],
    ['a list', { a: [] }, '/a', 'type'],
    ['a name to be escaped', { 'a/b~c': 5 }, '/a~1b~0c', 'type'],
    ['a long text', { a: 'x'.repeat(2001) }, '/a', 'maxLength'],
    ['NUL in a name', { 'a\0': 'x' }, '/a\ufffd', 'characters'],
    ['NUL in a text', { a: '\0' }, '/a', 'characters'],
  ];
  for (const [words, value, at, code] of cases) {
    yield {
      label: `${operation.id} custom fields: ${words}`,
      ask: send(operation, put(value)),
      ...refused,
      at: `/customFields${at}`,
      codes: [code],
    };
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// What a body names

t.test('what does not exist, is of another type or of another tenant cannot be named', async (t) => {
  await refuseAll(t, unknownReferences());
});

function* unknownReferences(): Generator<Case> {
  for (const operation of withBody) {
    for (const { schema, pointer, put, readOnly } of placesIn(operation.schema!, '', (value) => value)) {
      const type = schema['x-reference'];
      if (type === undefined || readOnly) continue;
      const label = (key: string) => `${operation.id} ${pointer}: ${key}`;
      const foreign = theirs.examples.get(type)!;
      const otherType = held.examples.get(type === 'purpose' ? 'system' : 'purpose')!;
      const unknown = [
        'ref:nobody',
        '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77',
        foreign.id,
        `ref:${foreign.reference}`,
        otherType.id,
      ];
      for (const key of unknown as string[]) {
        yield {
          label: label(key),
          ask: send(operation, put(key)),
          status: 422,
          type: 'unknown-reference',
          in: 'body',
          at: pointer,
          codes: ['unknown-reference'],
        };
      }
      for (const key of [
        'nobody',
        'ref:',
        'ref:a b',
        `ref:${'a'.repeat(65)}`,
        'REF:stripe',
        `${otherType.id} `,
        'id:1',
      ]) {
        yield {
          label: label(key),
          ask: send(operation, put(key)),
          status: 400,
          type: 'validation-failed',
          in: 'body',
          at: pointer,
          codes: ['pattern'],
        };
      }
    }
  }
}

t.test('a list that names one resource by its id and by its reference is refused', async (t) => {
  const { id, reference } = held.examples.get('securityMeasure')!;
  const { url } = operations.find((each) => each.id === 'replaceController')!;
  const body = { name: 'Twice', securityMeasureIds: [`ref:${reference}`, String(id).toUpperCase()] };
  await refuseAll(t, [
    {
      label: 'twice',
      ask: () => dpo.call('PUT', url, { body, headers: unconditional }),
      ...{ status: 422, type: 'unprocessable', in: 'body', at: '/securityMeasureIds/1', codes: ['uniqueItems'] },
    },
  ]);
});

t.test('values that fit the schema and contradict each other are refused', async (t) => {
  const cases: [path: string, content: object, at: string, code: string][] = [
    ['systems', { countries: ['FR', 'ZZ'] }, '/countries/1', 'unknownKey'],
    ['legal-bases', { law: { jurisdiction: 'QQ' } }, '/law/jurisdiction', 'unknownKey'],
    ['controllers', { competentAuthority: 'FR-NOBODY' }, '/competentAuthority', 'unknownKey'],
    [
      'controllers',
      {
        establishments: [
          { country: 'FR', main: true },
          { country: 'DE', main: true },
        ],
      },
      '/establishments/1/main',
      'severalMain',
    ],
    [
      'recipients',
      { contract: { signedOn: '2026-02-01', expiresOn: '2026-01-31' } },
      '/contract/expiresOn',
      'datesOutOfOrder',
    ],
    ['data-categories', { kind: 'ordinary', specialKind: 'health' }, '/specialKind', 'contradiction'],
    ['safeguards', { adequacyDecision: 'FR-1999-1' }, '/adequacyDecision', 'unknownKey'],
    [
      'processing-activities',
      { transfers: [{ lineId: 'a', country: 'US' }], purposes: [{ lineId: 'a', purposeId: 'ref:invoicing' }] },
      '/transfers/0/lineId',
      'duplicateLineId',
    ],
    [
      'processing-activities',
      { declaredNone: ['transfers'], transfers: [{ country: 'US' }] },
      '/declaredNone/0',
      'contradiction',
    ],
    [
      'processing-activities',
      { controllerId: 'ref:acme', jointControllers: [{ controllerId: 'ref:acme' }] },
      '/jointControllers/0/controllerId',
      'contradiction',
    ],
  ];
  await refuseAll(
    t,
    cases.flatMap(([path, content, at, code]) => {
      const example = [...held.examples.entries()].find(([type]) => pathOf(type) === path)![1];
      const one = `/v1/${path}/${example.id}`;
      // A patch takes what it does not mention from the example, so it takes away what the case leaves out.
      const gone = Object.fromEntries(
        ['declaredNone', 'transfers', 'purposes'].filter((name) => name in example).map((name) => [name, null]),
      );
      const refused = { status: 422, type: 'unprocessable', in: 'body', at, codes: [code] } as const;
      return [
        { label: `POST ${path}`, ask: () => dpo.post(`/v1/${path}`, { name: 'x', ...content }), ...refused },
        {
          label: `PUT ${path}`,
          ask: () => dpo.call('PUT', one, { body: { name: 'x', ...content }, headers: unconditional }),
          ...refused,
        },
        {
          label: `PATCH ${path}`,
          ask: () => dpo.call('PATCH', one, { body: { ...gone, ...content }, headers: unconditional }),
          ...refused,
        },
      ];
    }),
  );
});

t.test('patches together cannot exceed what one body may hold', async (t) => {
  const fields = (prefix: string) => Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${prefix}${i}`, 'x']));
  const made = await dpo.post('/v1/purposes', { name: 'Fields', reference: 'fields', customFields: fields('a') });
  t.equal(made.status, 201);
  await refuseAll(t, [
    {
      label: '60 fields',
      ask: () =>
        dpo.call('PATCH', '/v1/purposes/ref:fields', { body: { customFields: fields('b') }, headers: unconditional }),
      ...{ status: 422, type: 'unprocessable', in: 'body', at: '/customFields', codes: ['maxProperties'] },
    },
  ]);
  const more = {
    customFields: {
      ...Object.fromEntries(
        Object.keys(fields('a'))
          .slice(10)
          .map((name) => [name, null]),
      ),
      ...fields('b'),
    },
  };
  const changed = await dpo.call('PATCH', '/v1/purposes/ref:fields', { body: more, headers: unconditional });
  t.equal(changed.status, 200);
  t.equal(Object.keys(changed.json.customFields).length, 40, 'fewer and others together can be');
});

// ---------------------------------------------------------------------------------------------------------------------
// Paths, queries, headers

t.test('a key in another form is refused, an unknown one is not found', async (t) => {
  await refuseAll(t, keysInPaths());
});

function* keysInPaths(): Generator<Case> {
  for (const operation of operations.filter(({ parameters }) => parameters.some(({ name }) => name === 'key'))) {
    const { id, client, method, url, schema, parameters } = operation;
    const { format } = parameters.find(({ name }) => name === 'key')!.schema;
    const ask = (key: string) => () =>
      client.call(method, url.replace(/(?<=\/)(ref:[\w.-]+|[0-9a-f-]{36})/, key), {
        headers: unconditional,
        ...(schema === undefined ? {} : { body: validBody(id) }),
      });
    for (const key of [
      'nobody',
      '1',
      'ref:',
      'ref:a%20b',
      `ref:${'a'.repeat(65)}`,
      'ref:%00',
      'REF:acme',
      'ref%3A%2F',
      '0198f0c2-6b1e-7c3a-9d55',
      '%F0%9F%92%A9',
    ]) {
      yield {
        label: `${id} ${key}`,
        ask: ask(key),
        status: 400,
        type: 'validation-failed',
        in: 'path',
        at: 'key',
        codes: ['pattern', 'characters', 'format', 'maxLength'],
      };
    }
    yield { label: `${id} wrongly encoded`, ask: ask('%zz'), status: 400, type: 'malformed-request' };
    yield { label: `${id} too long`, ask: ask(`ref:${'a'.repeat(300)}`), status: 414, type: 'uri-too-long' };
    for (const key of [
      ...(format === 'uuid' ? [] : ['ref:nobody']),
      '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77',
      String(theirs.examples.get('purpose')!.id),
    ]) {
      yield { label: `${id} ${key}`, ask: ask(key), status: 404, type: 'not-found' };
    }
  }
}

/** A body that fits the schema of an operation, so that only what the case is about is wrong. */
function validBody(id: string): object {
  if (id.startsWith('retire')) return { endedOn: '2026-01-01' };
  if (id === 'replaceProcessorClient' || id === 'planImport') return {};
  if (id === 'createRecipientsFromVendor') return { vendor: 'stripe' };
  if (id === 'planRecipientReplacement') return { by: 'ref:acme' };
  if (id === 'createTenant') return { reference: 'x' };
  if (id === 'createReviews') return { subjects: [{ type: 'purpose', key: 'ref:invoicing' }], reason: 'x' };
  if (id === 'completeReview') return { outcome: 'changed' };
  if (id === 'updateReview') return { assignee: 'x' };
  if (id === 'approveProcessorClients') return { clients: [{ controllerId: 'ref:acme', version: 1 }] };
  if (id === 'replaceSettings') {
    const { version: _, ...settings } = defaultSettings;
    return settings;
  }
  return id.startsWith('approve') || id === 'updateSettings' ? {} : { name: 'x' };
}

t.test('a version in another form is refused, an unknown one is not found', async (t) => {
  const url = (version: string) => `/v1/purposes/ref:invoicing/revisions/${version}`;
  const bad = ['0', '-1', 'x', '1.5', '2147483648', '1e1', '0x1'];
  await refuseAll(t, [
    ...bad.map((version) => ({
      label: version,
      ask: () => dpo.get(url(version)),
      ...({ status: 400, type: 'validation-failed', in: 'path', at: 'version' } as const),
    })),
    { label: '99', ask: () => dpo.get(url('99')), status: 404, type: 'not-found' },
  ]);
});

t.test('no query parameter takes another value, and none is ignored', async (t) => {
  await refuseAll(t, badQueries());
});

function* badQueries(): Generator<Case> {
  for (const operation of operations) {
    const { id, method, client, schema, parameters } = operation;
    const [url, needed] = operation.url.split('?');
    const ask = (query: string) => () =>
      client.call(method, `${url}?${query}${needed === undefined || query.startsWith('source=') ? '' : `&${needed}`}`, {
        headers: method === 'GET' ? {} : unconditional,
        ...(schema === undefined ? {} : { body: validBody(id) }),
      });
    const refused = (name: string, query: string, ...codes: string[]): Case => ({
      label: `${id} ?${query}`,
      ask: ask(query),
      ...{ status: 400, type: 'validation-failed', in: 'query', at: name, codes },
    });
    yield refused('zzz', 'zzz=1', 'unknown');
    yield refused('__proto__', '__proto__=1', 'unknown');
    for (const { name, in: place, schema: given } of parameters) {
      if (place !== 'query') continue;
      const list = given.type === 'array';
      const one = list ? given.items! : given;
      const value = (text: string) => `${name}=${encodeURIComponent(text)}`;
      if (!list) yield refused(name, `${name}=1&${name}=2`, 'type', 'enum', 'format', 'pattern');
      yield { ...refused(`${name}s`, `${name}s=1`, 'unknown'), says: name.length > 1 ? /did you mean/ : /unknown/ };
      const at = list ? undefined : name;
      const wrong = (text: string): Case => {
        const { at: _at, codes: _codes, in: _in, ...rest } = refused(name, value(text));
        return at === undefined ? rest : { ...rest, in: 'query', at };
      };
      if (one.type === 'integer') {
        yield* [
          'abc',
          '',
          '1.5',
          ' 5',
          '0x10',
          '1e2',
          'Infinity',
          '+1',
          String(one.minimum! - 1),
          String(one.maximum! + 1),
        ].map(wrong);
      }
      if (one.type === 'boolean') yield* ['yes', '1', 'TRUE', ''].map(wrong);
      if (one.enum !== undefined) yield* ['zzz', ''].map(wrong);
      if (one.pattern !== undefined) yield* ['!', ''].map(wrong);
      yield* (misformatted[one.format ?? ''] ?? []).map(wrong);
      if (one.maxLength !== undefined) yield wrong('a'.repeat(one.maxLength + 1));
      if (one.minLength !== undefined) yield wrong('');
      if (one.type === 'string') yield wrong('a\0b');
      if (list) {
        const many = Array.from({ length: 101 }, () => value(String(sampleOf(one)))).join('&');
        yield refused(name, many, 'maxItems');
      }
    }
  }
}

t.test('the limit of a list is 1 to 200, the cursor its own', async (t) => {
  for (let i = 0; i < 3; i++) await dpo.post('/v1/systems', { name: `Paged ${i}`, reference: `paged-${i}` });
  const pages = {
    systems: await dpo.get('/v1/systems?limit=1&q=paged'),
    revisions: await dpo.get('/v1/purposes/ref:fields/revisions?limit=1'),
    usages: await dpo.get('/v1/recipients/ref:stripe/usages?limit=1'),
  };
  const { systems, revisions, usages } = Object.fromEntries(
    Object.entries(pages).map(([name, { status, json }]) => {
      t.equal(status, 200);
      t.type(json.nextCursor, 'string', `${name} has a second page`);
      return [name, json.nextCursor as string];
    }),
  ) as Record<'systems' | 'revisions' | 'usages', string>;
  const forged = (cursor: string, key: unknown, id: unknown) => {
    const [bound] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Buffer.from(JSON.stringify([bound, key, id])).toString('base64url');
  };
  const invalid = { status: 400, type: 'invalid-cursor', in: 'query', at: 'cursor', codes: ['cursor'] } as const;
  const urls = [
    `/v1/systems?cursor=${systems}`,
    `/v1/systems?cursor=${systems}&q=other`,
    `/v1/systems?cursor=${systems}&q=paged&sort=name`,
    `/v1/systems?cursor=${systems}&q=paged&archived=true`,
    `/v1/purposes?cursor=${systems}&q=paged`,
    `/v1/systems?cursor=${revisions}&q=paged`,
    '/v1/systems?cursor=x&q=paged',
    '/v1/systems?cursor=bnVsbA&q=paged',
    `/v1/systems?cursor=${forged(systems, 1, 2)}&q=paged`,
    `/v1/purposes/ref:fields/revisions?cursor=${usages}`,
    `/v1/purposes/ref:invoicing/revisions?cursor=${revisions}`,
    `/v1/systems/ref:paged-0/usages?cursor=${usages}`,
    `/v1/recipients/ref:stripe/usages?cursor=${systems}`,
  ];
  const again = await dpo.get(`/v1/systems?limit=1&q=paged&cursor=${systems}`);
  t.equal(again.status, 200, 'where it belongs it is taken');
  await refuseAll(t, [
    ...urls.map((url) => ({ label: url, ask: () => dpo.get(url), ...invalid })),
    // One that was never given out can be made by hand.
    ...[
      `/v1/systems?cursor=${forged(systems, 'x', 'no id')}&q=paged`,
      `/v1/purposes/ref:fields/revisions?cursor=${forged(revisions, 'x', '')}`,
    ].map((url) => ({ label: url, ask: () => dpo.get(url), ...invalid })),
  ]);
});

t.test('a moment of the register lies in the past and is said once', async (t) => {
  const size = Number(await logSize());
  const paths = [
    '/v1/register',
    '/v1/register.json',
    '/v1/register.ndjson',
    '/v1/register.csv',
    '/v1/register/entries/ref:invoicing',
  ];
  const future = new Date(Date.now() + 3_600_000).toISOString();
  const impossible = { status: 422, type: 'unprocessable', in: 'query' } as const;
  await refuseAll(
    t,
    paths.flatMap((path): Case[] => [
      {
        label: `${path} future`,
        ask: () => dpo.get(`${path}?asOf=${future}`),
        ...impossible,
        at: 'asOf',
        codes: ['future'],
      },
      {
        label: `${path} year 9999`,
        ask: () => dpo.get(`${path}?asOf=9999-12-31T23:59:59Z`),
        ...impossible,
        at: 'asOf',
      },
      {
        label: `${path} beyond`,
        ask: () => dpo.get(`${path}?sequence=${size + 1}`),
        ...impossible,
        at: 'sequence',
        codes: ['future'],
      },
      {
        label: `${path} far beyond`,
        ask: () => dpo.get(`${path}?sequence=${999_999_999_999_999}`),
        ...impossible,
        at: 'sequence',
      },
      {
        label: `${path} both`,
        ask: () => dpo.get(`${path}?sequence=1&asOf=2026-01-01T00:00:00Z`),
        ...impossible,
        at: 'sequence',
        codes: ['contradiction'],
      },
      ...(path.includes('entries')
        ? []
        : [
            {
              label: `${path} nobody`,
              ask: () => dpo.get(`${path}?controllerId=ref:nobody`),
              status: 422,
              type: 'unknown-reference',
              in: 'query',
              at: 'controllerId',
            } as const,
          ]),
    ]),
  );
  t.equal((await dpo.get(`/v1/register?sequence=${size}`)).status, 200, 'the head itself is there');
});

t.test('headers in another form are refused by every operation that writes', async (t) => {
  await refuseAll(t, badHeaders());
});

function* badHeaders(): Generator<Case> {
  const example = operations.find(({ id }) => id === 'updatePurpose')!;
  const stale = { status: 412, type: 'precondition-failed' };
  const unquoted = { status: 400, type: 'validation-failed', in: 'header', at: 'If-Match', codes: ['pattern'] };
  for (const [value, expected] of [
    ...['"999"', 'W/"1"', '""', '"*"'].map((value) => [value, stale] as const),
    ...['garbage', '1', ', ,'].map((value) => [value, unquoted] as const),
  ]) {
    yield { label: `If-Match: ${value}`, ask: send(example, { notes: 'x' }, { 'if-match': value }), ...expected };
  }
  for (const operation of writes.filter(({ client }) => client === dpo)) {
    const { id, schema } = operation;
    const refused = (name: string, value: string): Case => ({
      label: `${id} ${name}: ${value.slice(0, 20)}`,
      ask: send(operation, schema === undefined ? undefined : validBody(id), { [name]: value }),
      ...{ status: 400, type: 'validation-failed' },
    });
    yield { ...refused('idempotency-key', 'k'.repeat(256)), in: 'header', at: 'idempotency-key', codes: ['maxLength'] };
    yield { ...refused('idempotency-key', ''), in: 'header', at: 'idempotency-key', codes: ['minLength'] };
    yield { ...refused('idempotency-key', 'a b'), in: 'header', at: 'Idempotency-Key', codes: ['pattern'] };
    yield { ...refused('idempotency-key', 'é'), in: 'header', at: 'Idempotency-Key', codes: ['pattern'] };
    // What is only planned is no change and has no reason.
    if (id.startsWith('plan')) continue;
    yield { ...refused('change-reason', 'r'.repeat(1001)), in: 'header', at: 'Change-Reason' };
    yield { ...refused('change-reason', 'r'.repeat(4001)), in: 'header', at: 'change-reason', codes: ['maxLength'] };
    if (!id.startsWith('create') && id !== 'applyImport' && id !== 'approveProcessorClients')
      yield {
        ...refused('if-match', '"'.repeat(201)),
        ...(operation.parameters.some(({ name }) => name === 'if-match')
          ? { in: 'header', at: 'if-match', codes: ['maxLength'] }
          : {}),
      };
    if (operation.parameters.some(({ name }) => name === 'if-none-match'))
      yield { ...refused('if-none-match', '"1"'), in: 'header', at: 'If-None-Match', codes: ['enum'] };
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Chains of recipients

t.test('a chain of sub-processors never turns back on itself', async (t) => {
  for (const letter of 'abcd') {
    const engagedById =
      letter === 'a' ? {} : { engagedById: `ref:chain-${String.fromCharCode(letter.charCodeAt(0) - 1)}` };
    t.equal(
      (await dpo.post('/v1/recipients', { name: letter, reference: `chain-${letter}`, ...engagedById })).status,
      201,
    );
  }
  const cycle = { status: 422, type: 'reference-cycle', in: 'body', at: '/engagedById', codes: ['cycle'] } as const;
  const under = (letter: string, by: string) => ({
    label: `${letter} under ${by}`,
    ask: () =>
      dpo.call('PATCH', `/v1/recipients/ref:chain-${letter}`, {
        body: { engagedById: `ref:chain-${by}` },
        headers: unconditional,
      }),
    ...cycle,
  });
  await refuseAll(t, [
    under('a', 'a'),
    under('a', 'b'),
    under('a', 'c'),
    under('a', 'd'),
    under('b', 'd'),
    {
      label: 'PUT',
      ask: () =>
        dpo.call('PUT', '/v1/recipients/ref:chain-a', {
          body: { name: 'a', engagedById: 'ref:chain-c' },
          headers: unconditional,
        }),
      ...cycle,
    },
    {
      label: 'sync',
      ask: () =>
        dpo.call('PATCH', '/v1/recipients/ref:chain-a?allowMissing=true', { body: { engagedById: 'ref:chain-c' } }),
      ...cycle,
    },
  ]);
  const other = await under('d', 'a').ask();
  t.equal(other.status, 200, 'another place in the chain is possible');
});

t.test('two who close a circle at the same moment do not both succeed', async (t) => {
  const colleague = await service.client('ours', 'editor');
  const rounds = 10;
  for (let round = 0; round < rounds; round++) {
    const names = [`left-${round}`, `middle-${round}`, `right-${round}`];
    for (const reference of names) await dpo.post('/v1/recipients', { name: reference, reference });
    await dpo.call('PATCH', `/v1/recipients/ref:${names[1]}`, {
      body: { engagedById: `ref:${names[0]}` },
      headers: unconditional,
    });
    const before = Number(await logSize());
    const put = (client: Client, one: string, other: string) =>
      client.call('PATCH', `/v1/recipients/ref:${one}`, {
        body: { engagedById: `ref:${other}` },
        headers: unconditional,
      });
    // middle → left is there; left → right and right → middle together would close the circle of three.
    const answers = await Promise.all([put(dpo, names[0]!, names[2]!), put(colleague, names[2]!, names[1]!)]);
    t.strictSame(answers.map(({ status }) => status).sort(), [200, 422], `round ${round}`);
    t.equal(answers.find(({ status }) => status === 422)!.json.type, 'https://ropa.example/problems/reference-cycle');
    t.equal(Number(await logSize()), before + 1, 'only one of them is written');
  }
});

t.test('where approval is required, neither the drafts nor what is approved forms a circle', async (t) => {
  const strict = await service.client('strict', 'dpo');
  await strict.call('PATCH', '/v1/settings', { body: { buildingBlockApproval: 'required' }, headers: unconditional });
  const url = (letter: string) => `/v1/recipients/ref:${letter}`;
  const patch = (letter: string, engagedById: string | null) =>
    strict.call('PATCH', url(letter), { body: { engagedById }, headers: unconditional });
  const approve = (letter: string) => strict.post(`${url(letter)}/approve`, undefined, unconditional);
  for (const reference of ['a', 'b']) await strict.post('/v1/recipients', { name: reference, reference });
  t.equal((await patch('b', 'ref:a')).status, 200);
  t.equal((await approve('a')).status, 200);
  t.equal((await approve('b')).status, 200, 'b under a is approved');

  t.equal((await patch('b', null)).status, 200, 'in the draft b is nobody’s');
  t.equal((await patch('a', 'ref:b')).status, 200, 'so a can be under b in the draft');
  const size = (await strict.get('/v1/recipients')).headers['log-sequence'];
  const circle = await approve('a');
  t.equal(circle.status, 422, 'but not in the register, where b is still under a');
  t.equal(circle.json.type, 'https://ropa.example/problems/reference-cycle');
  const back = await strict.call('DELETE', `${url('b')}/draft`, { headers: unconditional });
  t.equal(back.status, 422, 'nor can b go back to its approved version, while the draft of a is under it');
  t.equal(back.json.type, 'https://ropa.example/problems/reference-cycle');
  t.equal((await strict.get('/v1/recipients')).headers['log-sequence'], size, 'nothing was written');
  t.equal((await strict.get(`${url('a')}/approved`)).json.engagedById, undefined);

  t.equal((await approve('b')).status, 200, 'once b is free in the register too');
  t.equal((await approve('a')).status, 200, 'a can be approved');
});
