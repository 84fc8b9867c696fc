/** The limit of requests: by token and tenant, told by the RateLimit fields. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
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
