/** Signing in by a provider of one's own: the service as a process beside a real OpenID Connect provider. */
import { createHmac, createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import t, { type Test } from 'tap';
import { addressOf, createDatabase } from './database.ts';
import { makeKey, OTHER_RESOURCE, RESOURCE, startProvider } from './provider.ts';
import { type Asked, call, type Reply, start } from './running.ts';

t.setTimeout(120_000);

const METADATA = '/.well-known/oauth-protected-resource';
const minute = 60_000;

const provider = await startProvider(t);
const issuer = { AUTH_ISSUER: provider.issuer, AUTH_AUDIENCE: RESOURCE };
const database = { DATABASE_URL: addressOf((await createDatabase(t)).service) };

interface Service {
  readonly address: string;
  /** What it logged. */
  log(): string;
  get(path: string, token: string, headers?: Record<string, string>): Promise<Reply>;
  ask(path: string, token: string, asked: Asked): Promise<Reply>;
  /** Its clock stands still, so many milliseconds after now. */
  stopClock(later: number): void;
}

/** A process of the service whose clock the test can move. */
async function serve(t: Test, settings: Record<string, string> = {}): Promise<Service> {
  const folder = t.testdir({ clock: '', data: {} });
  const clock = join(folder, 'clock');
  const preload = `import { readFileSync } from 'node:fs';
    const running = Date.now;
    Date.now = () => Number(readFileSync(${JSON.stringify(clock)}, 'utf8')) || running();`;
  const process = start({ DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn', ...database, ...issuer, ...settings }, [
    `--import=data:text/javascript,${encodeURIComponent(preload)}`,
  ]);
  t.teardown(async () => {
    process.child.kill('SIGTERM');
    await process.ended;
  });
  const address = await process.listening;
  return {
    address,
    log: process.stdout,
    get: (path, token, headers = {}) => call(address, token, path, { headers }),
    ask: (path, token, asked) => call(address, token, path, asked),
    stopClock: (later) => writeFileSync(clock, String(Date.now() + later)),
  };
}

/** Asks until the answer is the one that is waited for; at last says which one came instead. */
async function until(t: Test, ask: () => Promise<Reply>, status: number, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  let last = await ask();
  while (last.status !== status && Date.now() < deadline) {
    await sleep(50);
    last = await ask();
  }
  t.equal(last.status, status, what);
}

async function condition(met: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!met()) {
    if (Date.now() > deadline) throw new Error('What was waited for does not come.');
    await sleep(10);
  }
}

const service = await serve(t, { AUTH_JWKS_URL: provider.jwksUrl, PUBLIC_URL: RESOURCE });

t.test('an administrator of the platform makes tenants', async (t) => {
  const token = await provider.token('admin');
  for (const reference of ['acme', 'globex']) {
    const { status } = await service.ask('/v1/tenants', token, { method: 'POST', body: { reference } });
    t.equal(status, 201, reference);
  }
});

t.test('a token by client credentials works with its role, in its tenant', async (t) => {
  const token = await provider.token('viewer');
  t.match(decodeProtectedHeader(token), { typ: 'at+jwt', alg: 'RS256', kid: 'first' }, 'as RFC 9068 has it');
  t.match((await service.get('/v1/me', token)).json, {
    subject: 'viewer',
    issuer: provider.issuer,
    roles: ['viewer'],
    tenant: { reference: 'acme' },
    tenants: ['acme'],
    expiresAt: new Date(decodeJwt(token).exp! * 1000).toISOString(),
  });
  t.equal((await service.get('/v1/purposes', token)).status, 200);
  const body = { reference: 'billing', name: 'Billing' };
  const refused = await service.ask('/v1/purposes', token, { method: 'POST', body });
  t.equal(refused.status, 403, 'a viewer changes nothing');
  t.match(refused.headers['www-authenticate'], /error="insufficient_scope"/);

  const stranger = await service.get('/v1/me', await provider.token('stranger'));
  t.equal(stranger.status, 403, 'a role that is none of ours');
});

t.test('a token of several tenants needs Ropa-Tenant', async (t) => {
  const token = await provider.token('editor');
  t.match((await service.get('/v1/purposes', token)).json, { status: 400, title: /several tenants/ });
  const body = { reference: 'payroll', name: 'Payroll' };
  const headers = { 'ropa-tenant': 'globex' };
  t.equal((await service.ask('/v1/purposes', token, { method: 'POST', body, headers })).status, 201);
  t.equal((await service.get('/v1/purposes/ref:payroll', token, headers)).status, 200);
  t.equal((await service.get('/v1/purposes/ref:payroll', token, { 'ropa-tenant': 'acme' })).status, 404);
  t.equal((await service.get('/v1/purposes', token, { 'ropa-tenant': 'initech' })).status, 403);
});

t.test('a person who signed in works with the access token, not with the ID token', async (t) => {
  const tokens = await provider.signIn('marie');
  t.match((await service.get('/v1/me', tokens.access_token)).json, { subject: 'marie', roles: ['viewer'] });
  t.match(decodeJwt(tokens.id_token), { iss: provider.issuer, aud: RESOURCE, sub: 'marie' }, 'all but the type fits');
  const refused = await service.get('/v1/me', tokens.id_token);
  t.equal(refused.status, 401);
  t.match(refused.headers['www-authenticate'], /error="invalid_token", error_description="This is no access token/);
});

t.test('a client finds the way from a refusal', async (t) => {
  const refused = await service.get('/v1/me', 'abc');
  const [, metadataAddress] = /resource_metadata="([^"]+)"/.exec(String(refused.headers['www-authenticate'])) ?? [];
  t.equal(metadataAddress, `${RESOURCE}${METADATA}`);
  // The name is not on any network: the test goes where it would lead.
  const metadata = (await service.get(new URL(metadataAddress!).pathname, '')).json;
  t.match(metadata, { resource: RESOURCE, authorization_servers: [provider.issuer] });
  const found = await fetch(`${metadata.authorization_servers[0]}/.well-known/openid-configuration`);
  t.match(await found.json(), { token_endpoint: `${provider.issuer}/token` });
  const token = await provider.token('viewer', { resource: metadata.resource });
  t.equal((await service.get('/v1/me', token)).status, 200, 'a token for that resource is good');
});

t.test('tokens that are not for the service are 401 invalid_token', async (t) => {
  const good = await provider.token('viewer');
  const [key] = provider.keys;
  const [, payload] = good.split('.');
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hmac = (secret: string | Buffer) => {
    const signed = `${part({ alg: 'HS256', typ: 'at+jwt', kid: key!.kid })}.${payload}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const published = createPublicKey({ key: key as never, format: 'jwk' });
  const past = Math.floor(Date.now() / 1000) - 120;
  const elsewhere = await startProvider(t);
  elsewhere.use(...provider.keys);
  const cases: Record<string, [token: string, why: RegExp]> = {
    'for another service': [await provider.token('viewer', { resource: OTHER_RESOURCE }), /another audience/],
    'of another provider with the same key': [await elsewhere.token('viewer'), /another issuer/],
    expired: [await provider.changed(good, { exp: past }), /expired/],
    'of a type that is no access': [await provider.changed(good, {}, { typ: 'JWT' }), /no access token/],
    'of alg none': [`${part({ alg: 'none', typ: 'at+jwt' })}.${payload}.`, /./],
    'of HS256 by the PEM of the public key': [hmac(published.export({ type: 'spki', format: 'pem' })), /algorithm/],
    'of HS256 by its DER': [hmac(published.export({ type: 'spki', format: 'der' })), /algorithm/],
    'of HS256 by its modulus': [hmac(Buffer.from(key!.n!, 'base64url')), /algorithm/],
    'of a stranger with the name of the key': [
      await provider.changed(good, {}, {}, await makeKey(key!.kid!)),
      /signature/,
    ],
  };
  for (const [title, [token, why]] of Object.entries(cases)) {
    const { status, json, headers } = await service.get('/v1/me', token);
    t.equal(status, 401, title);
    t.match(json.detail, why, title);
    t.match(
      headers['www-authenticate'],
      /^Bearer realm="ropa", error="invalid_token", error_description="[^"]+", resource_metadata="[^"]+"$/,
    );
  }
  t.equal((await service.get('/v1/me', await provider.changed(good, {}))).status, 200, 'a token made likewise is good');
  t.comment(`${Object.keys(cases).length} bad tokens`);
});

t.test('claims by other names, and keys found by discovery', async (t) => {
  const before = provider.asked.configuration;
  const named = await serve(t, { AUTH_TENANT_CLAIM: `${RESOURCE}/tenant`, AUTH_ROLES_CLAIM: 'realm_access.roles' });
  const token = await provider.token('named');
  t.match((await named.get('/v1/me', token)).json, { roles: ['viewer'], tenant: { reference: 'acme' } });
  t.match((await service.get('/v1/me', token)).json, { roles: ['dpo'], tenant: { reference: 'globex' } }, 'elsewhere');
  const usual = await named.get('/v1/me', await provider.token('viewer'));
  t.equal(usual.status, 403, 'the usual names count no more');
  t.ok(provider.asked.configuration > before, 'the openid-configuration was asked for');
});

t.test('a new key is taken up without a restart, and a withdrawn one forgotten', async (t) => {
  const [first] = provider.keys;
  const second = await makeKey('second');
  const old = await provider.token('viewer');
  t.equal((await service.get('/v1/me', old)).status, 200);

  provider.use(second, first!);
  const fresh = await provider.token('viewer');
  t.equal(decodeProtectedHeader(fresh).kid, 'second');
  await until(t, () => service.get('/v1/me', fresh), 200, 'a token of the new key');
  t.equal((await service.get('/v1/me', old)).status, 200, 'and one of the old key, which is still published');

  service.stopClock(0);
  const before = provider.asked.keys;
  const strangers = await Promise.all(
    Array.from({ length: 200 }, (_, number) => provider.changed(fresh, {}, { kid: `made-up-${number}` })),
  );
  const answers = await Promise.all(strangers.map((token) => service.get('/v1/me', token)));
  t.same([...new Set(answers.map(({ status }) => status))], [401], `${answers.length} tokens of unknown keys`);
  t.ok(provider.asked.keys <= before + 1, 'do not fetch the keys once each');

  provider.use(second);
  t.equal((await service.get('/v1/me', old)).status, 200, 'of a withdrawal nobody has heard');
  service.stopClock(11 * minute);
  const later = provider.asked.keys;
  await until(t, () => service.get('/v1/me', old), 401, 'until the keys that are kept have grown old');
  t.equal(provider.asked.keys, later + 1);
  t.equal((await service.get('/v1/me', fresh)).status, 200, 'while the key that stayed is good');
});

t.test('a slow provider delays nobody whose key is known', async (t) => {
  // The keys that are kept have grown old as well.
  service.stopClock(22 * minute);
  provider.be('silent');
  const known = await provider.token('viewer');
  const unknown = await provider.changed(known, {}, {}, await makeKey('third'));
  const before = provider.asked.keys;
  let answered = false;
  const waiting = service.get('/v1/me', unknown).finally(() => {
    answered = true;
  });
  await condition(() => provider.asked.keys > before);
  t.equal((await service.get('/v1/me', known)).status, 200, 'a token that was not seen before, of a known key');
  t.notOk(answered, 'is answered while another waits for its key');
  const refused = await waiting;
  t.equal(refused.status, 503, 'which after some seconds is told that nobody knows: neither 401 nor 500');
  t.match(refused.headers['retry-after'], /^\d+$/);
  t.match(refused.json, { type: /unavailable$/, detail: /keys of the token issuer/ });
  t.equal(refused.headers['www-authenticate'], undefined, 'the token may be good');

  provider.be('well');
  service.stopClock(23 * minute);
  t.equal((await service.get('/v1/me', unknown)).status, 401, 'once it answers, the key is known to be unknown');
});

t.test('a provider that is away, at the start and later', async (t) => {
  provider.be('away');
  const alone = await serve(t);
  const token = await provider.token('viewer');
  t.equal((await alone.get('/health/live', '')).status, 200, 'the service starts, and lives');
  t.match((await alone.get('/health/ready', '')).json, { status: 503, detail: /keys of the token issuer/ });
  t.equal((await alone.get(METADATA, '')).status, 200, 'what needs no token works');
  const refused = await alone.get('/v1/me', token);
  t.equal(refused.status, 503);
  t.match(refused.headers['retry-after'], /^\d+$/);
  await condition(() => /cannot be fetched/.test(alone.log()));
  t.equal(alone.log().match(/cannot be fetched/g)?.length, 1, 'the log says so, once');
  t.notMatch(alone.log(), token.split('.')[2], 'without the token');

  provider.be('well');
  await until(t, () => alone.get('/health/ready', ''), 200, 'when the provider is there it becomes ready by itself');
  t.equal((await alone.get('/v1/me', token)).status, 200);

  provider.be('away');
  alone.stopClock(120 * minute);
  const another = await provider.token('viewer');
  t.equal((await alone.get('/v1/me', another)).status, 200, 'the last keys serve on');
  t.equal((await alone.get('/health/ready', '')).status, 200, 'and it stays ready');
  provider.be('well');
});
