import { readFile } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Writable } from 'node:stream';
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import {
  installProblems,
  PROBLEM_BASE,
  PROBLEMS,
  Problem,
  ProblemItemSchema,
  ProblemSchema,
  problemOf,
  problemResponses,
  problemServerOptions,
  problemsPage,
} from '../../src/http/problems.ts';

/** An app whose route POST /throw throws what the test gives it, with everything it logs. */
async function throwing(
  t: Test,
): Promise<{ app: FastifyInstance; logged: () => string; fail: (error: unknown) => void }> {
  let log = '';
  let thrown: unknown;
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log += chunk;
      done();
    },
  });
  const app = Fastify({ logger: { level: 'debug', stream }, ...problemServerOptions });
  t.teardown(() => app.close());
  installProblems(app);
  app.addSchema(ProblemItemSchema);
  app.addSchema(ProblemSchema);
  app.post('/throw', { schema: { response: problemResponses(['internal', 'conflict']) } }, async () => {
    throw thrown;
  });
  app.get('/things/:key', async () => ({}));
  app.put('/things/:key', async () => ({}));
  app.get('/things/special.csv', async () => ({}));
  app.get('/files/*', async () => ({}));
  app.get('/absent', (_request, reply) => reply.callNotFound());
  await app.ready();
  return {
    app,
    logged: () => log,
    fail: (error) => {
      thrown = error;
    },
  };
}

t.test('a problem goes out with its type, title, status, detail, request id, places and further members', async (t) => {
  const { app, fail } = await throwing(t);
  fail(
    new Problem('precondition-failed', 'The version is 4.', {
      errors: [{ in: 'header', name: 'If-Match', code: 'version', message: 'Must be "4".' }],
      headers: { etag: '"4"' },
      members: { currentVersion: 4 },
    }),
  );
  const answer = await app.inject({ method: 'POST', url: '/throw' });
  t.equal(answer.statusCode, 412);
  t.equal(answer.headers['content-type'], 'application/problem+json');
  t.equal(answer.headers.etag, '"4"');
  const { requestId, ...body } = answer.json();
  t.strictSame(body, {
    type: 'https://ropa.example/problems/precondition-failed',
    title: 'The resource has changed',
    status: 412,
    detail: 'The version is 4.',
    errors: [{ in: 'header', name: 'If-Match', code: 'version', message: 'Must be "4".' }],
    currentVersion: 4,
  });
  t.match(requestId, /./);
});

t.test('an unforeseen error is 500 and tells nothing, neither to the caller nor to the log', async (t) => {
  const { app, logged, fail } = await throwing(t);
  const error = new TypeError('could not store marie.curie@example.org\n    at marie.curie (row:1:1)', {
    cause: new Error('secret'),
  });
  fail(error);
  const answer = await app.inject({ method: 'POST', url: '/throw', payload: { name: 'marie.curie' } });
  t.equal(answer.statusCode, 500);
  t.equal(answer.json().type, `${PROBLEM_BASE}internal`);
  t.notMatch(answer.body, /curie|secret|TypeError|problems\.test/);
  const entry = logged()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .find(({ msg }) => msg === 'request failed');
  t.match(entry, { level: 50, problem: 'internal', errorClass: 'TypeError', requestId: answer.json().requestId });
  t.match(entry.frames[0], /problems\.test\.ts/, 'the place can be found');
  t.notMatch(logged(), /curie|secret/, 'without what the message held');
});

t.test('what is thrown need not be an error', async (t) => {
  const { app, fail } = await throwing(t);
  for (const thrown of ['text', 42, null, undefined, { statusCode: 200 }, { statusCode: 600 }, Object.create(null)]) {
    fail(thrown);
    const answer = await app.inject({ method: 'POST', url: '/throw' });
    t.equal(answer.statusCode, 500, String(typeof thrown));
    t.equal(answer.headers['content-type'], 'application/problem+json');
  }
});

t.test('errors of PostgreSQL are told by their SQLSTATE, without constraint, value or statement', async (t) => {
  const { app, logged, fail } = await throwing(t);
  const cases: [string, number, string][] = [
    ['23505', 409, 'conflict'],
    ['23503', 409, 'conflict'],
    ['23514', 422, 'unprocessable'],
    ['22001', 400, 'validation-failed'],
    ['22003', 400, 'validation-failed'],
    ['22008', 400, 'validation-failed'],
    ['22021', 400, 'validation-failed'],
    ['22P02', 400, 'validation-failed'],
    ['40001', 503, 'unavailable'],
    ['40P01', 503, 'unavailable'],
    ['57014', 503, 'unavailable'],
    ['57P01', 503, 'unavailable'],
    ['53300', 503, 'unavailable'],
    ['08006', 503, 'unavailable'],
    ['25006', 503, 'unavailable'],
    ['23502', 500, 'internal'],
    ['42501', 500, 'internal'],
    ['42P01', 500, 'internal'],
    ['XX000', 500, 'internal'],
  ];
  for (const [code, status, problem] of cases) {
    const error = new (postgres.PostgresError as unknown as new (fields: object) => Error)({
      message: 'duplicate key value violates unique constraint "recipient_reference_key"',
      code,
      detail: 'Key (reference)=(stripe) already exists.',
      constraint_name: 'recipient_reference_key',
    });
    for (const thrown of [error, new Error('Failed query: insert into recipient … params: stripe', { cause: error })]) {
      fail(thrown);
      const answer = await app.inject({ method: 'POST', url: '/throw' });
      t.equal(answer.statusCode, status, code);
      t.equal(answer.json().type, PROBLEM_BASE + problem, code);
      t.equal(answer.headers['retry-after'] !== undefined, status === 503, 'when to come back');
      t.notMatch(answer.body, /stripe|recipient|constraint|insert/i);
    }
  }
  t.match(logged(), /"sqlState":"42501"/);
  t.notMatch(logged(), /stripe|recipient_reference|insert into/i);
  t.comment(`${cases.length} SQLSTATEs`);
});

t.test('an unavailable database is 503, and an unknown outcome says how to find out', async (t) => {
  class DatabaseUnavailable extends Error {
    override readonly name = 'DatabaseUnavailable';
    readonly outcome: string;
    constructor(outcome: string, cause?: unknown) {
      super('10.0.0.5:5432 refused', { cause });
      this.outcome = outcome;
    }
  }
  const { app, fail } = await throwing(t);
  fail(new DatabaseUnavailable('none'));
  const none = await app.inject({ method: 'POST', url: '/throw' });
  t.match(none.json(), { type: `${PROBLEM_BASE}unavailable`, status: 503, detail: /Nothing was changed/ });
  t.match(none.headers['retry-after'], /^\d+$/);
  t.notMatch(none.body, /10\.0\.0\.5/);

  const shutdown = Object.assign(new Error('terminating connection'), { name: 'PostgresError', code: '57P01' });
  fail(new Error('wrapped', { cause: new DatabaseUnavailable('unknown', shutdown) }));
  const unknown = await app.inject({ method: 'POST', url: '/throw' });
  t.match(unknown.json(), { type: `${PROBLEM_BASE}outcome-unknown`, status: 503, detail: /Idempotency-Key/ });
  t.match(unknown.headers['retry-after'], /^\d+$/);
});

t.test('an unknown path is 404, a known path with another method 405 with Allow', async (t) => {
  const { app } = await throwing(t);
  const cases: [string, string, number, string?][] = [
    ['GET', '/things/1', 200],
    ['GET', '/nothing', 404],
    ['POST', '/things/', 404],
    ['POST', '/nothing', 404],
    ['TRACE', '/nothing', 404],
    ['DELETE', '/things/1', 405, 'GET, HEAD, PUT'],
    ['POST', '/things/a%20b?x=1', 405, 'GET, HEAD, PUT'],
    ['OPTIONS', '/things/1', 405, 'GET, HEAD, PUT'],
    ['POST', '/things/special.csv', 405, 'GET, HEAD, PUT'],
    ['DELETE', '/files/a/b', 405, 'GET, HEAD'],
    ['GET', '/throw', 405, 'POST'],
    ['GET', '/absent', 404],
  ];
  for (const [method, url, status, allow] of cases) {
    const answer = await app.inject({ method: method as 'GET', url });
    t.equal(answer.statusCode, status, `${method} ${url}`);
    t.equal(answer.headers.allow, allow, `Allow of ${method} ${url}`);
    if (status !== 200) t.equal(answer.headers['content-type'], 'application/problem+json');
  }
  const broken = await app.inject({
    method: 'POST',
    url: '/nothing',
    headers: { 'content-type': 'application/json' },
    payload: '{',
  });
  t.equal(broken.statusCode, 404, 'before anything looks at the body');
  t.comment(`${cases.length} requests`);
});

t.test('errors of Fastify itself are problems', async (t) => {
  const { app } = await throwing(t);
  const json = { 'content-type': 'application/json' };
  const cases: [string, InjectOptions, number, string][] = [
    ['a broken escape in the path', { url: '/things/%E0%A4%A' }, 400, 'malformed-request'],
    ['a very long part of the path', { url: `/things/${'a'.repeat(2000)}` }, 414, 'uri-too-long'],
    [
      'too large a body',
      { method: 'POST', url: '/throw', headers: json, payload: '1'.repeat(2 ** 20 + 1) },
      413,
      'payload-too-large',
    ],
    [
      'an unknown media type',
      { method: 'POST', url: '/throw', headers: { 'content-type': 'text/csv' }, payload: 'a' },
      415,
      'unsupported-media-type',
    ],
    [
      'no media type',
      { method: 'POST', url: '/throw', headers: { 'content-length': '1' }, payload: 'a' },
      415,
      'unsupported-media-type',
    ],
    [
      'an impossible media type',
      { method: 'POST', url: '/throw', headers: { 'content-type': '???' }, payload: 'a' },
      415,
      'unsupported-media-type',
    ],
    [
      'malformed JSON',
      { method: 'POST', url: '/throw', headers: json, payload: '{"name": marie' },
      400,
      'malformed-request',
    ],
    [
      'an empty body announced as JSON',
      { method: 'POST', url: '/throw', headers: json, payload: '' },
      400,
      'malformed-request',
    ],
  ];
  for (const [title, request, status, problem] of cases) {
    const answer = await app.inject(request);
    t.equal(answer.statusCode, status, title);
    t.equal(answer.headers['content-type'], 'application/problem+json', title);
    t.equal(answer.json().type, PROBLEM_BASE + problem, title);
    t.match(answer.json().requestId, /./);
    t.notMatch(answer.body, /FST_|marie/, title);
  }
  t.comment(`${cases.length} errors`);
});

t.test('what Node refuses before there is a request is a problem too', async (t) => {
  const { app } = await throwing(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const cases: [string, string, number, string][] = [
    [
      'headers too large',
      `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed-request'],
    ['an unknown method', 'FETCH / HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'malformed-request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na',
      400,
      'malformed-request',
    ],
  ];
  for (const [title, bytes, status, problem] of cases) {
    const answer = await exchange(port, bytes);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    t.match(head, new RegExp(`^HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`), title);
    t.match(head, /\r\nContent-Type: application\/problem\+json\r\n/i);
    t.match(JSON.parse(body), { type: PROBLEM_BASE + problem, status, requestId: /^[0-9a-f-]{36}$/ });
    t.equal(Number(/content-length: (\d+)/i.exec(head)?.[1]), Buffer.byteLength(body));
  }
  t.comment(`${cases.length} requests`);
});

t.test('the page lists every problem as the service knows it', async (t) => {
  const page = await readFile(new URL('../../openapi/problems.md', import.meta.url), 'utf8');
  t.equal(page, problemsPage(), 'openapi/problems.md is as src/http/problems.ts makes it');
  for (const code of Object.keys(PROBLEMS)) t.match(page, new RegExp(`^## ${code}$`, 'm'));
});

t.test('every problem has a status of its own kind and words of its own', async (t) => {
  const titles = new Set<string>();
  for (const [code, { status, title, meaning, remedy }] of Object.entries(PROBLEMS)) {
    t.match(code, /^[a-z]+(-[a-z]+)*$/);
    t.ok(STATUS_CODES[status] !== undefined && status >= 400, `${code} has status ${status}`);
    t.ok(meaning.endsWith('.') && remedy.endsWith('.'), `${code} is explained in sentences`);
    titles.add(title);
  }
  t.equal(titles.size, Object.keys(PROBLEMS).length, 'no title twice');
});

t.test('the errors of an operation are described by status, each with its codes', async (t) => {
  const responses = problemResponses(['not-found', 'in-use', 'reference-taken', 'not-found']);
  t.strictSame(Object.keys(responses), ['404', '409']);
  t.equal(
    responses[409]?.description,
    'Something still uses it (`in-use`). The reference is taken (`reference-taken`).',
  );
  t.strictSame(responses[404]?.content, { 'application/problem+json': { schema: { $ref: 'Problem' } } });
});

t.test('a problem within errors of others is not looked for: only what was thrown counts', async (t) => {
  const inner = new Problem('not-found', 'There is no such recipient.');
  t.equal(problemOf(inner), inner);
  t.equal(problemOf(new Error('outer', { cause: inner })).code, 'internal');
});

function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}
