/** The limit of requests: by token and tenant, told by the RateLimit fields. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify, { type onRequestAsyncHookHandler } from 'fastify';
import t from 'tap';
import { createGate } from '../../src/http/limits.ts';
import { installProblems } from '../../src/http/problems.ts';
import { installJsonParser } from '../../src/http/validation.ts';
import { startService } from '../service.ts';

t.test('who asks more often than allowed is told to wait, and nobody else is', async (t) => {
  const service = await startService(t, { REQUEST_LIMIT: '20' });
  const eager = await service.client('a', 'dpo');
  const calm = await service.client('a', 'viewer');
  const other = await service.client('b', 'dpo');
  const first = await eager.get('/v1/purposes');
  t.equal(first.status, 200);
  t.equal(first.headers['ratelimit-limit'], '20');
  const answers = await Promise.all(Array.from({ length: 100 }, () => eager.get('/v1/purposes')));
  const refused = answers.filter(({ status }) => status === 429);
  t.ok(refused.length > 0, 'a burst is refused');
  const [one] = refused;
  t.equal(one!.headers['content-type'], 'application/problem+json');
  t.equal(one!.json.type, 'https://ropa.example/problems/too-many-requests');
  t.equal(one!.headers['retry-after'], '1');
  await sleep(Number(one!.headers['retry-after']) * 1000 + 100);
  t.equal((await eager.get('/v1/purposes')).status, 200, 'served again after the time told');
  t.equal((await calm.get('/v1/purposes')).status, 200, 'another person of the tenant');
  t.equal((await other.get('/v1/purposes')).status, 200, 'another tenant');
});

t.test('0 is no limit', async (t) => {
  const service = await startService(t, { REQUEST_LIMIT: '0' });
  const eager = await service.client('a', 'dpo');
  const answers = await Promise.all(Array.from({ length: 100 }, () => eager.get('/v1/purposes')));
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
});

t.test('the gate is free again however a request ends', async (t) => {
  const app = Fastify({ bodyLimit: 1_000 });
  installProblems(app);
  installJsonParser(app);
  const gate = createGate(1);
  let entered = Promise.withResolvers<void>();
  let work = Promise.withResolvers<void>();
  app.decorateRequest('tenant', '');
  app.addHook('onRequest', async (request) => {
    request.tenant = String(request.headers.tenant);
  });
  const onRequest: onRequestAsyncHookHandler[] = [gate.enter, async () => entered.resolve()];
  app.post('/plans', { onRequest }, (request) =>
    gate.within(request, async () => {
      await work.promise;
      return {};
    }),
  );
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const plan = (tenant: string, init: RequestInit = {}) =>
    fetch(`${address}/plans`, {
      method: 'POST',
      body: '{}',
      headers: { tenant, 'content-type': 'application/json' },
      ...init,
    });
  const isFree = async () => {
    entered = Promise.withResolvers();
    work = Promise.withResolvers();
    work.resolve();
    t.equal((await plan('a')).status, 200);
    entered = Promise.withResolvers();
    work = Promise.withResolvers();
  };
  await isFree();

  const first = plan('a');
  await entered.promise;
  const [same, other] = [await plan('a'), await plan('b')];
  t.match([same.status, other.status], [429, 503]);
  t.match([same.headers.get('retry-after'), other.headers.get('retry-after')], [/^\d+$/, /^\d+$/]);
  work.resolve();
  t.equal((await first).status, 200);
  await isFree();

  t.equal((await plan('a', { body: '{' })).status, 400, 'a body that is none');
  await isFree();
  t.equal((await plan('a', { body: `"${'x'.repeat(2_000)}"` })).status, 413, 'a body that is too large');
  await isFree();

  const { port } = new URL(address);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    'POST /plans HTTP/1.1\r\nHost: x\r\nTenant: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
  );
  await entered.promise;
  t.equal((await plan('a')).status, 429, 'a body that has begun');
  const gone = Promise.withResolvers<void>();
  socket.once('close', () => gone.resolve());
  socket.destroy();
  await gone.promise;
  // The server hears of it after the client.
  while ((await plan('b', { body: '{' })).status === 503) await sleep(5);
  await isFree();

  const abort = new AbortController();
  const left = plan('a', { signal: abort.signal }).catch(() => 'gone');
  await entered.promise;
  abort.abort();
  t.equal(await left, 'gone');
  t.equal((await plan('a')).status, 429, 'who has gone leaves the work behind');
  work.resolve();
  while ((await plan('b', { body: '{' })).status === 503) await sleep(5);
  await isFree();
});
