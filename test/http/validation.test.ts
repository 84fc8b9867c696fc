import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { installProblems, PROBLEM_BASE } from '../../src/http/problems.ts';
import { checkText, createValidator, installJsonParser } from '../../src/http/validation.ts';

const nullableText = { anyOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }] };

const thing = {
  $id: 'Thing',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 300, 'x-article': '30(1)(b)', example: 'Payroll' },
    count: { type: 'integer', minimum: 0, maximum: 10, 'x-article': '30(1)(c)' },
    on: { type: 'boolean' },
    state: { type: 'string', enum: ['draft', 'approved'] },
    note: nullableText,
    tags: { type: 'array', maxItems: 200, uniqueItems: true, items: { type: 'string', minLength: 1 } },
    places: { type: 'array', uniqueItems: true },
    lines: { type: 'array', maxItems: 2000, items: { $ref: 'Line' } },
    date: { type: 'string', format: 'date' },
    time: { type: 'string', format: 'date-time' },
    duration: { type: 'string', format: 'duration' },
    email: { type: 'string', format: 'email' },
    url: { type: 'string', format: 'web-address' },
    id: { type: 'string', format: 'uuid' },
    language: { type: 'string', format: 'language' },
    country: { type: 'string', format: 'country' },
    reference: { type: 'string', format: 'reference' },
    any: {},
  },
};
const line = {
  $id: 'Line',
  type: 'object',
  additionalProperties: false,
  properties: { text: { type: 'string', maxLength: 3, 'x-article': '30(2)(a)' }, more: { $ref: 'Line' } },
};

async function startApp(t: Test): Promise<FastifyInstance> {
  const isCountry = (code: string): boolean => ['FR', 'DE'].includes(code);
  const app = Fastify({
    schemaController: { compilersFactory: { buildValidator: createValidator({ isCountry, eager: true }) } },
  });
  t.teardown(() => app.close());
  installProblems(app);
  installJsonParser(app);
  app.addSchema(line);
  app.addSchema(thing);
  app.post('/things', { schema: { body: { $ref: 'Thing' } } }, async (request) => ({ body: request.body }));
  app.patch('/things', { schema: { body: { $ref: 'Thing' } } }, async (request) => ({ body: request.body }));
  app.post('/steps', async (request) => ({ body: request.body ?? null }));
  app.get(
    '/things/:key',
    {
      schema: {
        params: { type: 'object', properties: { key: { type: 'string', maxLength: 10 } } },
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
            archived: { type: 'boolean' },
            state: { type: 'array', maxItems: 3, items: { type: 'string', enum: ['draft', 'approved'] } },
            q: { type: 'string', maxLength: 20 },
            updatedSince: { type: 'string', format: 'date-time' },
          },
        },
        headers: { type: 'object', properties: { 'Change-Reason': { type: 'string', maxLength: 5 } } },
      },
    },
    async (request) => ({ query: request.query, params: request.params }),
  );
  await app.ready();
  return app;
}

const json = { 'content-type': 'application/json' };
const post = (app: FastifyInstance, payload: unknown) =>
  app.inject({
    method: 'POST',
    url: '/things',
    headers: json,
    payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });

t.test('a body that fits arrives as it was sent', async (t) => {
  const app = await startApp(t);
  const body = {
    name: 'Lohnabrechnung 💶',
    count: 0,
    on: false,
    state: 'draft',
    note: null,
    tags: ['a', 'b'],
    lines: [{ text: 'abc', more: { more: {} } }, {}],
    places: [1, '1', true, 'true', null, 'null', {}, '{}', { a: 1 }, { a: '1' }, [], [1], '"1', '"'],
    any: { deep: [{ __proto: 1, prototype: 2 }], empty: '' },
  };
  const answer = await post(app, body);
  t.equal(answer.statusCode, 200);
  t.strictSame(answer.json().body, body);
});

t.test('nothing in a body is changed to make it fit: each flaw is told with place, code and words', async (t) => {
  const app = await startApp(t);
  const cases: [string, unknown, string, string, RegExp][] = [
    ['null for a text', { name: null }, '/name', 'type', /^Must be a text\.$/],
    ['a number for a text', { name: 5 }, '/name', 'type', /^Must be a text\.$/],
    ['a text for a number', { name: 'a', count: '5' }, '/count', 'type', /^Must be a whole number\.$/],
    ['a fraction', { name: 'a', count: 1.5 }, '/count', 'type', /whole number/],
    ['too large a number', { name: 'a', count: 11 }, '/count', 'maximum', /^Must be at most 10\.$/],
    ['a number beyond all', '{"name":"a","count":1e999}', '/count', 'type', /whole number/],
    ['a text for a boolean', { name: 'a', on: 'true' }, '/on', 'type', /^Must be true or false\.$/],
    ['one for a list', { name: 'a', tags: 'x' }, '/tags', 'type', /^Must be a list\.$/],
    [
      'the same twice',
      { name: 'a', tags: ['x', 'y', 'x'] },
      '/tags',
      'uniqueItems',
      /^Items 0 and 2 .* are the same\.$/,
    ],
    [
      'the same objects twice, their members in another order',
      { name: 'a', places: [{ a: 1, b: [2] }, { a: 1 }, { b: [2], a: 1 }] },
      '/places',
      'uniqueItems',
      /^Items 0 and 2 .* are the same\.$/,
    ],
    ['an empty item', { name: 'a', tags: ['x', ''] }, '/tags/1', 'minLength', /^Must not be empty\.$/],
    ['nothing required', {}, '/name', 'required', /^"name" is missing\.$/],
    [
      'a misspelt name',
      { name: 'a', staet: 'draft' },
      '/staet',
      'unknown',
      /^The field "staet" is unknown; did you mean "state"\?$/,
    ],
    ['an unknown name', { name: 'a', 'x/y~z': 1 }, '/x~1y~0z', 'unknown', /^The field "x\/y~z" is unknown\.$/],
    [
      'a misspelt word',
      { name: 'a', state: 'aproved' },
      '/state',
      'enum',
      /^Must be one of draft, approved\. Did you mean "approved"\?$/,
    ],
    ['too long', { name: 'a'.repeat(301) }, '/name', 'maxLength', /^Must have at most 300 characters\.$/],
    ['too long where null is allowed', { name: 'a', note: 'toolong' }, '/note', 'maxLength', /at most 5/],
    ['a number where a text or null is allowed', { name: 'a', note: 7 }, '/note', 'type', /^Must be a text\.$/],
    [
      'far inside',
      { name: 'a', lines: [{}, { more: { text: 'long' } }] },
      '/lines/1/more/text',
      'maxLength',
      /at most 3/,
    ],
    ['no object', [], '', 'type', /^Must be an object\.$/],
    ['null', 'null', '', 'type', /^A JSON object is needed\.$/],
    ['a text', '"name"', '', 'type', /^Must be an object\.$/],
  ];
  for (const [title, body, pointer, code, message] of cases) {
    const answer = await post(app, body);
    t.equal(answer.statusCode, 400, title);
    t.equal(answer.json().type, `${PROBLEM_BASE}validation-failed`);
    t.equal(answer.json().errors?.length, 1, title);
    t.match(answer.json().errors?.[0], { in: 'body', pointer, code, message }, title);
  }
  t.comment(`${cases.length} flaws`);
});

t.test('several flaws are told together', async (t) => {
  const app = await startApp(t);
  const answer = await post(app, { count: 'x', state: 'gone', nmae: 'a' });
  t.strictSame(
    answer
      .json()
      .errors.map(({ pointer }: { pointer: string }) => pointer)
      .sort(),
    ['/count', '/name', '/nmae', '/state'],
  );
  t.match(answer.json().detail, /^The body of the request: \/\w+: .+\.$/);
});

t.test('a hostile body makes no more than 50 errors, and one beyond all bounds only one', async (t) => {
  const app = await startApp(t);
  const some = await post(app, { name: 'a', tags: Array.from({ length: 150 }, () => 1) });
  t.equal(some.json().errors.length, 50);
  t.match(some.json().detail, /15\d flaws were found; the first 50 are listed\.$/);
  const unknown = await post(app, Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`field${n}`, n])));
  t.equal(unknown.json().errors.length, 50);

  const large: [string, unknown][] = [
    ['unknown fields', Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`field${n}`, n]))],
    ['items of a wrong type', { name: 'a', tags: Array.from({ length: 200_000 }, () => 1) }],
    [
      'objects that are all different',
      { name: 'a', places: Array.from({ length: 60_000 }, (_, i) => ({ i })).concat([{ i: 0 }]) },
    ],
    ['items that are all alike objects', { name: 'a', tags: Array.from({ length: 100_000 }, () => ({})) }],
    ['wrong lines', { name: 'a', lines: Array.from({ length: 1999 }, () => ({ wrong: 1 })) }],
  ];
  for (const [title, body] of large) {
    const answer = await post(app, body);
    t.equal(answer.statusCode, 400, title);
    t.equal(answer.json().errors.length, 1, title);
  }
  const longName = await post(app, { name: 'a', ['x'.repeat(500_000)]: 1 });
  t.equal(longName.statusCode, 400);
  t.ok(longName.body.length < 5_000, 'what is too long does not come back');
  t.comment(`${large.length} hostile bodies`);
});

t.test('formats are strict', async (t) => {
  const app = await startApp(t);
  const cases: Record<string, { good: string[]; bad: string[] }> = {
    date: {
      good: ['2026-03-03', '2024-02-29', '2000-02-29', '0001-01-01', '9999-12-31'],
      bad: [
        '2026-02-29',
        '1900-02-29',
        '2026-13-01',
        '2026-00-10',
        '2026-04-31',
        '0000-01-01',
        '26-03-03',
        '2026-3-3',
        ' 2026-03-03',
        '2026-03-03T00:00:00Z',
        '٢٠٢٦-٠٣-٠٣',
        '',
      ],
    },
    time: {
      good: [
        '2026-03-03T09:30:00Z',
        '2026-03-03t09:30:00.123456z',
        '2026-03-03T09:30:00+05:30',
        '9999-12-31T23:59:59Z',
      ],
      bad: [
        '2026-02-30T09:30:00Z',
        '2026-03-03T24:00:00Z',
        '2026-03-03T09:60:00Z',
        '2026-03-03T09:30:60Z',
        '2026-12-31T23:59:60Z',
        '2026-03-03T09:30:00',
        '2026-03-03 09:30:00Z',
        '2026-03-03T09:30Z',
        '2026-03-03T09:30:00+24:00',
        '2026-03-03T09:30:00+0530',
        '9999-12-31T23:59:59-01:00',
        '0001-01-01T00:00:00+01:00',
        '0000-06-01T00:00:00Z',
        `2026-03-03T09:30:00.${'1'.repeat(50)}Z`,
      ],
    },
    duration: {
      good: ['P1Y', 'P30D', 'PT1H', 'P2W', 'P1Y2M3DT4H5M6S', 'P0D', 'PT36H'],
      bad: [
        'P',
        'PT',
        'P1',
        'P1YT',
        'P1.5Y',
        'P1,5Y',
        'PT0.5H',
        '1Y',
        'p1y',
        'P1D1Y',
        'P1H',
        'P-1Y',
        '-P1Y',
        'P1Y2W',
        'P1W2D',
        'P1000000000Y',
        'P1Y ',
        '',
      ],
    },
    email: {
      good: ['dpo@example.org', 'privacy+eu@sub.example.co.uk'],
      bad: [
        'dpo',
        'dpo@',
        '@example.org',
        'dpo@example',
        'a b@example.org',
        'dpo@example..org',
        'a@b.c\n',
        `${'a'.repeat(310)}@example.org`,
        `${'a.'.repeat(100_000)}@x`,
      ],
    },
    url: {
      good: [
        'https://example.org',
        'http://example.org:8080/a?b=c#d',
        'https://münchen.example/ü',
        'HTTPS://EXAMPLE.ORG',
      ],
      bad: [
        'example.org',
        '//example.org',
        'ftp://example.org',
        'javascript:alert(1)',
        'https://',
        'https:///path',
        'https://a b',
        'https://user:secret@example.org',
        'https://example.org/<script>',
        'https://[::1',
        'http:\\\\example.org',
        `https://example.org/${'a'.repeat(2000)}`,
      ],
    },
    id: {
      good: ['0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77', '0198F0C2-6B1E-7C3A-9D55-2F6A1B0C4E77'],
      bad: [
        'urn:uuid:0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77',
        '0198f0c26b1e7c3a9d552f6a1b0c4e77',
        '{0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77}',
        'g198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77',
      ],
    },
    language: {
      good: ['fr', 'pt-BR', 'zh-Hant-TW', 'de-CH-1901', 'EN'],
      bad: ['', 'f', 'fr_FR', 'fr-', '-fr', 'français', 'fr-FR-FR-FR', 'en us', `en${'-abcdefgh'.repeat(20)}`],
    },
    country: { good: ['FR', 'DE'], bad: ['fr', 'XX', 'FRA', '', 'constructor'] },
    reference: {
      good: ['stripe', 'A.b_c-9', 'a'.repeat(64)],
      bad: ['', 'a b', 'a/b', 'é', 'a'.repeat(65), 'ref:a', 'a\n'],
    },
  };
  let count = 0;
  for (const [field, { good, bad }] of Object.entries(cases)) {
    for (const value of [...good, ...bad]) {
      const answer = await post(app, { name: 'a', [field]: value });
      const shown = JSON.stringify(value).slice(0, 60);
      if (good.includes(value)) t.equal(answer.statusCode, 200, `${field} ${shown}`);
      else {
        t.equal(answer.statusCode, 400, `${field} ${shown}`);
        t.match(answer.json().errors, [
          { pointer: `/${field}`, code: 'format', message: /^Must be (an?|1 to 64) .{3,}\.$/ },
        ]);
        t.equal(answer.json().errors.length, 1);
      }
      count++;
    }
  }
  t.ok(count > 0);
  t.comment(`${count} values`);
});

t.test('text that cannot be kept is refused anywhere in a body, with its pointer', async (t) => {
  const app = await startApp(t);
  const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  const cases: [string, string, string, string][] = [
    ['NUL in a value', '{"name":"a\\u0000b"}', '/name', 'characters'],
    ['NUL in a name', '{"name":"a","any":{"a\\u0000b":1}}', '/any/a\uFFFDb', 'characters'],
    ['NUL far inside', '{"name":"a","any":[1,{"x":["\\u0000"]}]}', '/any/1/x/0', 'characters'],
    ['half a surrogate pair', '{"name":"\\ud800"}', '/name', 'characters'],
    ['the other half', '{"name":"a\\udc00b"}', '/name', 'characters'],
    ['half a pair in a name', '{"name":"a","any":{"\\ud83d":1}}', '/any/\uFFFD', 'characters'],
    ['33 levels', `{"name":"a","any":${deep(32)}}`, '', 'nesting'],
    ['33 levels of lists', `{"name":"a","any":${'['.repeat(32)}${']'.repeat(32)}}`, '', 'nesting'],
    ['500,000 levels', '['.repeat(500_000), '', 'nesting'],
    ['a prototype', '{"name":"a","any":{"__proto__":{"admin":true}}}', '/any/__proto__', 'unknown'],
    ['a prototype in disguise', '{"name":"a","\\u005f_proto__":{"admin":true}}', '/__proto__', 'unknown'],
    ['a constructor', '{"name":"a","constructor":{"prototype":{"admin":true}}}', '/constructor', 'unknown'],
  ];
  for (const [title, payload, pointer, code] of cases) {
    for (const url of ['/things', '/steps']) {
      const answer = await app.inject({ method: 'POST', url, headers: json, payload });
      t.equal(answer.statusCode, 400, title);
      t.match(
        answer.json(),
        { type: `${PROBLEM_BASE}validation-failed`, errors: [{ in: 'body', pointer, code }] },
        title,
      );
    }
  }
  const good = [
    '{"name":"😀"}',
    '{"name":"\\ud83d\\ude00"}',
    `{"name":"a","any":${deep(31)}}`,
    '{"name":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\"{{"}',
  ];
  for (const payload of good) t.equal((await post(app, payload)).statusCode, 200, payload.slice(0, 40));
  t.throws(() => checkText({ a: ['\0'] }), { code: 'validation-failed', errors: [{ pointer: '/a/0' }] });
  t.doesNotThrow(() => checkText({ a: ['b', null, 1, true] }));
  t.comment(`${cases.length} texts`);
});

t.test('what is no JSON in UTF-8 is refused without quoting it', async (t) => {
  const app = await startApp(t);
  const patch = { 'content-type': 'application/merge-patch+json' };
  const gzip = { ...json, 'content-encoding': 'gzip' };
  const cases: [string, InjectOptions, number, RegExp][] = [
    ['cut off', { payload: '{"name":"marie' }, 400, /^The body is not valid JSON\b/],
    [
      'too early an end',
      { payload: '{\n"name":' },
      400,
      /^The body is not valid JSON \(it ends too early, line 2 column 8\)/,
    ],
    ['no JSON at all', { payload: 'name=marie' }, 400, /^The body is not valid JSON\.$/],
    ['a comma too many', { payload: '{"name":"marie",}' }, 400, /not valid JSON \(line 1 column 17\)\.$/],
    ['two values', { payload: '{"name":"marie"}{}' }, 400, /not valid JSON/],
    [
      'invalid UTF-8',
      { payload: Buffer.from('{"name":"marie \xe9"}', 'latin1') },
      400,
      /^The body is not valid UTF-8\.$/,
    ],
    ['an encoded surrogate', { payload: Buffer.from('7b226e616d65223a22eda080227d', 'hex') }, 400, /not valid UTF-8/],
    ['UTF-16', { payload: Buffer.from('{"name":"marie"}', 'utf16le') }, 400, /not valid JSON/],
    [
      'another charset',
      { payload: '{}', headers: { 'content-type': 'application/json; charset=iso-8859-1' } },
      415,
      /UTF-8/,
    ],
    ['compressed', { payload: Buffer.from('1f8b', 'hex'), headers: gzip }, 415, /compressed/],
    ['a merge patch in POST', { payload: '{}', headers: patch }, 415, /PATCH/],
    [
      'a form',
      { payload: 'name=marie', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      /Content-Type/,
    ],
    ['plain text', { payload: '{}', headers: { 'content-type': 'text/plain' } }, 415, /Content-Type/],
    ['JSON lines', { payload: '{}', headers: { 'content-type': 'application/jsonl' } }, 415, /Content-Type/],
    ['too large', { payload: `{"name":"${'a'.repeat(2 ** 20)}"}` }, 413, /larger/],
  ];
  for (const [title, options, status, detail] of cases) {
    const answer = await app.inject({ method: 'POST', url: '/things', headers: json, ...options });
    t.equal(answer.statusCode, status, title);
    t.match(answer.json().detail, detail, title);
    t.equal(answer.headers['content-type'], 'application/problem+json');
    t.notMatch(answer.body, /marie/, title);
  }
  t.comment(`${cases.length} bodies`);
});

t.test('JSON is taken as application/json, a merge patch in PATCH too; no body is no body', async (t) => {
  const app = await startApp(t);
  const payload = '{"name":"a"}';
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/merge-patch+json',
  ]) {
    const answer = await app.inject({ method: 'PATCH', url: '/things', headers: { 'content-type': type }, payload });
    t.equal(answer.statusCode, 200, type);
  }
  const marked = await post(app, Buffer.from(`\uFEFF${payload}`));
  t.equal(marked.statusCode, 200, 'with a byte order mark, as some editors leave it');

  const step = { method: 'POST', url: '/steps', payload: '' } as const;
  t.same((await app.inject({ ...step, headers: json })).json(), { body: null }, 'an empty body of JSON');
  t.same((await app.inject({ method: 'POST', url: '/steps' })).json(), { body: null });
  for (const request of [{ ...step, url: '/things', headers: json }, { method: 'POST', url: '/things' } as const]) {
    const answer = await app.inject(request);
    t.equal(answer.statusCode, 400, 'where one is needed');
    t.match(answer.json().errors, [{ in: 'body', pointer: '', message: 'A JSON object is needed.' }]);
  }
});

t.test('query and path values are text: numbers, booleans and lists are made of it', async (t) => {
  const app = await startApp(t);
  const answer = await app.inject({ url: '/things/7?archived=true&state=draft&q=007' });
  t.strictSame(answer.json(), {
    query: { limit: 50, archived: true, state: ['draft'], q: '007' },
    params: { key: '7' },
  });
  const two = await app.inject({ url: '/things/7?state=draft&state=approved&limit=200' });
  t.strictSame(two.json().query, { limit: 200, state: ['draft', 'approved'] });

  const cases: [string, string, string, string, RegExp][] = [
    ['?limit=201', 'query', 'limit', 'maximum', /^Must be at most 200\.$/],
    ['?limit=0', 'query', 'limit', 'minimum', /at least 1/],
    ['?limit=ten', 'query', 'limit', 'type', /whole number/],
    ['?limit=', 'query', 'limit', 'type', /whole number/],
    ['?limit=1.5', 'query', 'limit', 'type', /whole number/],
    ['?limit=0x10', 'query', 'limit', 'type', /whole number/],
    ['?limit=%205', 'query', 'limit', 'type', /whole number/],
    ['?limit=1e400', 'query', 'limit', 'type', /whole number/],
    ['?archived=1', 'query', 'archived', 'type', /true or false/],
    ['?limit=Infinity', 'query', 'limit', 'type', /whole number/],
    ['?limit=1&limit=2', 'query', 'limit', 'type', /whole number/],
    ['?archived=yes', 'query', 'archived', 'type', /true or false/],
    ['?state=draft&state=gone', 'query', 'state', 'enum', /one of draft, approved/],
    ['?state=&', 'query', 'state', 'enum', /one of/],
    ['?updatedSince=yesterday', 'query', 'updatedSince', 'format', /RFC 3339/],
    ['?limt=5', 'query', 'limt', 'unknown', /^The parameter "limt" is unknown; did you mean "limit"\?$/],
    ['?__proto__=1', 'query', '__proto__', 'unknown', /not allowed/],
    ['?q=a%00b', 'query', 'q', 'characters', /NUL/],
    ['?q=%ED%A0%80%F0%28&q=2', 'query', 'q', 'type', /a text/],
  ];
  for (const [query, where, name, code, message] of cases) {
    const refused = await app.inject({ url: `/things/7${query}` });
    t.equal(refused.statusCode, 400, query);
    t.match(refused.json().errors, [{ in: where, name, code, message }], query);
  }
  const path = await app.inject({ url: '/things/01234567890' });
  t.match(path.json().errors, [{ in: 'path', name: 'key', code: 'maxLength' }]);
  const nul = await app.inject({ url: '/things/a%00b' });
  t.match(nul.json().errors, [{ in: 'path', name: 'key', code: 'characters' }]);
  const header = await app.inject({ url: '/things/7', headers: { 'change-reason': 'too long' } });
  t.match(header.json().errors, [{ in: 'header', name: 'change-reason', code: 'maxLength' }]);
  t.comment(`${cases.length} queries`);
});

t.test('a schema with a word or format that nobody knows stops the start', async (t) => {
  const wrong = [
    { type: 'string', maxLenght: 5 },
    { type: 'string', format: 'datum' },
    { type: 'text' },
    { $ref: 'Nothing' },
  ];
  for (const body of wrong) {
    const buildValidator = createValidator({ isCountry: () => true, eager: true });
    const app = Fastify({ schemaController: { compilersFactory: { buildValidator } } });
    app.post('/', { schema: { body } }, async () => ({}));
    await t.rejects(Promise.resolve(app.ready()), JSON.stringify(body));
  }
});
