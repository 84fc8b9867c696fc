import { execFile } from 'node:child_process';
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Fastify from 'fastify';
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { type Config, readConfig } from '../../src/config.ts';
import {
  type CallerOptions,
  createTokenVerifier,
  requireCaller,
  requirePermission,
  signLocalToken,
  type TokenVerifier,
} from '../../src/http/caller.ts';
import { permissionsOf } from '../../src/http/permissions.ts';
import { installProblems, PROBLEM_BASE, Problem } from '../../src/http/problems.ts';

interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
}

async function makeKey(alg: string, kid: string): Promise<Key> {
  const { privateKey, publicKey } =
    alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : alg.startsWith('ES')
        ? generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] ?? '' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

const AUDIENCE = 'https://ropa.example.org';

/** An issuer of tokens on loopback whose answers the test decides. */
async function startIssuer(t: Test) {
  const keys: Key[] = [await makeKey('ES256', 'first')];
  const state = {
    keys,
    fetches: 0,
    discoveries: 0,
    /** Instead of the keys. */
    answer: undefined as ((request: IncomingMessage, response: ServerResponse) => void) | undefined,
    /** Changes the openid-configuration. */
    configuration: {} as Record<string, unknown>,
  };
  const server = createServer((request, response) => {
    if (request.url === '/realm/.well-known/openid-configuration') {
      state.discoveries++;
      response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys`, ...state.configuration }));
      return;
    }
    state.fetches++;
    if (state.answer !== undefined) state.answer(request, response);
    else response.end(JSON.stringify({ keys: state.keys.map(({ publicJwk }) => publicJwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realm`;
  const seconds = Math.floor(Date.now() / 1000);
  const token = (claims: JWTPayload = {}, key: Key = state.keys[0]!, header: Record<string, unknown> = {}) =>
    new SignJWT({
      iss: url,
      aud: AUDIENCE,
      sub: 'marie',
      exp: seconds + 600,
      tenant: 'acme',
      roles: ['viewer'],
      ...claims,
    })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
      .sign(key.privateKey);
  const config = (env: Record<string, string> = {}): Config =>
    readConfig({ AUTH_ISSUER: url, AUTH_AUDIENCE: AUDIENCE, AUTH_JWKS_URL: `${url}/keys`, ...env });
  return { url, state, token, config, seconds };
}

/** What the verifier says of a token: the verified token, or status and challenge of the refusal. */
async function judge(verifier: TokenVerifier, token: string | undefined) {
  try {
    return { verified: await verifier.verify(token === undefined ? undefined : `Bearer ${token}`) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return {
      code: error.code,
      status: error.status,
      detail: error.message,
      challenge: error.headers['www-authenticate'],
    };
  }
}

t.test('a token of the issuer tells who calls', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  const token = await issuer.token({ tenant: ['acme', 'globex'], roles: 'editor viewer offline_access' });
  t.strictSame(await verifier.verify(`Bearer ${token}`), {
    issuer: issuer.url,
    subject: 'marie',
    roles: ['viewer', 'editor'],
    tenantReferences: ['acme', 'globex'],
    expiresAt: issuer.seconds + 600,
  });
  t.match(await verifier.verify(`bearer  ${token}`), { subject: 'marie' }, 'the scheme in any case (RFC 9110)');
});

t.test('every asymmetric algorithm of the list is accepted', async (t) => {
  const issuer = await startIssuer(t);
  const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
  issuer.state.keys = await Promise.all(algorithms.map((alg) => makeKey(alg, `key-${alg}`)));
  const verifier = await createTokenVerifier(issuer.config());
  for (const key of issuer.state.keys) {
    t.match(await judge(verifier, await issuer.token({}, key)), { verified: { subject: 'marie' } }, key.alg);
  }
  t.equal(issuer.state.fetches, 1, 'one fetch for all');
  t.comment(`${algorithms.length} algorithms`);
});

t.test('a bad token is 401 invalid_token, and the caller learns what is wrong with it', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  const stranger = await makeKey('ES256', 'first');
  const rsa = await makeKey('RS256', 'rsa');
  issuer.state.keys.push(rsa);
  const good = await issuer.token();
  const [head = '', payload = '', signature = ''] = good.split('.');
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const hmac = (header: object, secret: string): string => {
    const signed = `${part(header)}.${payload}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
  const cases: [string, string, RegExp][] = [
    ['expired', await issuer.token({ exp: issuer.seconds - 61 }), /expired/],
    ['not valid yet', await issuer.token({ nbf: issuer.seconds + 90 }), /not valid yet/],
    ['without expiry', await issuer.token({ exp: undefined as unknown as number }), /expiry/],
    ['without subject', await issuer.token({ sub: undefined as unknown as string }), /subject/],
    ['empty subject', await issuer.token({ sub: '' }), /subject/],
    ['subject with NUL', await issuer.token({ sub: 'a\0b' }), /subject/],
    ['long subject', await issuer.token({ sub: 'a'.repeat(256) }), /subject/],
    ['other audience', await issuer.token({ aud: 'https://other.example.org' }), /audience/],
    ['no audience', await issuer.token({ aud: undefined as unknown as string }), /audience/],
    ['other issuer', await issuer.token({ iss: `${issuer.url}/` }), /issuer/],
    ['an ID token by its type', await issuer.token({}, undefined, { typ: 'logout+jwt' }), /no access token/],
    ['signed by a stranger', await issuer.token({}, stranger), /signature/],
    ['changed claims', `${head}.${part({ ...claims, roles: ['dpo'] })}.${signature}`, /signature/],
    ['signature cut off', `${head}.${payload}.`, /./],
    ['alg none', `${part({ alg: 'none' })}.${payload}.`, /./],
    ['alg none, signature kept', `${part({ alg: 'None', kid: 'first' })}.${payload}.${signature}`, /algorithm/],
    ['HS256 with the public key as secret', hmac({ alg: 'HS256', kid: 'rsa' }, String(pem)), /algorithm/],
    ['HS256 with the JWK as secret', hmac({ alg: 'HS256', kid: 'rsa' }, JSON.stringify(rsa.publicJwk)), /algorithm/],
    ['a key in the header', await issuer.token({}, stranger, { kid: 'x', jwk: stranger.publicJwk }), /unknown key/],
    ['a key by address', await issuer.token({}, stranger, { kid: 'x', jku: 'http://127.0.0.1:1/' }), /unknown key/],
    [
      'unknown critical header',
      await issuer.token().then(() => `${part({ alg: 'ES256', crit: ['x'], x: 1 })}.${payload}.${signature}`),
      /./,
    ],
    ['no JWT', 'abc', /not a signed JWT/],
    ['an encrypted token', 'a.b.c.d.e', /./],
    ['not JSON', `${Buffer.from('{').toString('base64url')}.${payload}.${signature}`, /./],
    ['deeply nested header', `${Buffer.from('['.repeat(5000)).toString('base64url')}.e30.`, /./],
    ['longer than 8 KiB', `${head}.${'a'.repeat(8300)}.${signature}`, /8 KiB/],
    ['characters that no token has', `${good}é`, /Bearer/],
    ['two tokens', `${good} ${good}`, /Bearer/],
    ['nothing after Bearer', '', /Bearer/],
  ];
  for (const [title, token, detail] of cases) {
    const judged = await judge(verifier, token);
    t.match(judged, { status: 401, code: 'unauthenticated', detail }, title);
    t.match(judged.challenge, /^Bearer realm="ropa", error="invalid_token", error_description="[\x20-\x7e]+"$/);
  }
  t.match(await judge(verifier, good), { verified: { subject: 'marie' } }, 'the good one is still good');
  t.comment(`${cases.length} bad tokens`);
});

t.test('who sends no token is told the scheme and no error', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  for (const header of [undefined, '', 'Basic bWFyaWU6c2VjcmV0']) {
    await t.rejects(verifier.verify(header), {
      code: 'unauthenticated',
      headers: { 'www-authenticate': 'Bearer realm="ropa"' },
    });
  }
  t.equal(issuer.state.fetches, 0, 'no key is fetched for it');
});

t.test('clocks may differ by 60 seconds', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config(), () => issuer.seconds * 1000);
  t.match(await judge(verifier, await issuer.token({ exp: issuer.seconds - 59 })), { verified: {} });
  t.match(await judge(verifier, await issuer.token({ exp: issuer.seconds - 60 })), { status: 401 });
  t.match(await judge(verifier, await issuer.token({ nbf: issuer.seconds + 60 })), { verified: {} });
  t.match(await judge(verifier, await issuer.token({ nbf: issuer.seconds + 61 })), { status: 401 });
});

t.test('at+jwt, application/at+jwt, JWT and no type are access tokens', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', undefined]) {
    t.match(await judge(verifier, await issuer.token({}, undefined, { typ })), { verified: {} }, String(typ));
  }
});

t.test('claims are found by their name, by a URI, or by dots', async (t) => {
  const issuer = await startIssuer(t);
  const cases: [string, string, JWTPayload][] = [
    ['org', 'groups', { org: 'acme', groups: 'editor' }],
    [
      'https://ropa.example.org/tenant',
      'https://ropa.example.org/roles',
      {
        'https://ropa.example.org/tenant': 'acme',
        'https://ropa.example.org/roles': ['editor'],
      },
    ],
    ['app.tenant', 'realm_access.roles', { app: { tenant: ['acme'] }, realm_access: { roles: ['uma', 'editor'] } }],
  ];
  for (const [tenantClaim, rolesClaim, claims] of cases) {
    const verifier = await createTokenVerifier(
      issuer.config({ AUTH_TENANT_CLAIM: tenantClaim, AUTH_ROLES_CLAIM: rolesClaim }),
    );
    const token = await issuer.token({ tenant: 'other', roles: 'dpo', ...claims });
    t.match(await verifier.verify(`Bearer ${token}`), { tenantReferences: ['acme'], roles: ['editor'] }, rolesClaim);
  }
  t.comment(`${cases.length} claim names`);
});

t.test('a token without a known role is 403', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  const none = [
    undefined,
    '',
    [],
    'Viewer',
    'viewers',
    ['superuser'],
    { viewer: true },
    7,
    'constructor',
    [['viewer']],
  ];
  for (const roles of none) {
    const judged = await judge(verifier, await issuer.token({ roles: roles as string }));
    t.match(judged, { status: 403, code: 'forbidden', challenge: 'Bearer realm="ropa", error="insufficient_scope"' });
  }
  t.comment(`${none.length} claims`);
});

t.test('what cannot be a reference of a tenant is none', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  const token = await issuer.token({ tenant: ['acme', 'acme', 'a b', '', 'ü', 'a'.repeat(65), 7] as string[] });
  t.strictSame((await verifier.verify(`Bearer ${token}`)).tenantReferences, ['acme']);
});

t.test('the keys are found by the openid-configuration when no address is set', async (t) => {
  const issuer = await startIssuer(t);
  const config = () => readConfig({ AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: AUDIENCE });
  t.match(await judge(await createTokenVerifier(config()), await issuer.token()), { verified: { subject: 'marie' } });
  t.equal(issuer.state.discoveries, 1);

  const wrong: [string, Record<string, unknown>][] = [
    ['of another issuer', { issuer: 'https://evil.example.org' }],
    ['without keys', { jwks_uri: undefined }],
    ['with keys in the clear', { jwks_uri: 'http://keys.example.org/' }],
    ['with keys in a file', { jwks_uri: 'file:///etc/passwd' }],
  ];
  for (const [title, configuration] of wrong) {
    issuer.state.configuration = configuration;
    const judged = await judge(await createTokenVerifier(config()), await issuer.token());
    t.match(judged, { status: 503, code: 'unavailable' }, `an openid-configuration ${title}`);
  }
  t.comment(`${wrong.length} wrong documents`);
});

t.test('a new key of the issuer is taken up, a withdrawn one forgotten', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), () => now);
  const old = issuer.state.keys[0]!;
  t.match(await judge(verifier, await issuer.token()), { verified: {} });

  issuer.state.keys = [await makeKey('ES256', 'second')];
  now += 11_000;
  t.match(await judge(verifier, await issuer.token()), { verified: {} }, 'the new key at once');
  t.equal(issuer.state.fetches, 2);
  t.match(await judge(verifier, await issuer.token({ jti: 'other' }, old)), { status: 401 }, 'the old key no more');
});

t.test('made-up key names do not become a storm on the issuer', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), () => now);
  const stranger = await makeKey('ES256', 'stranger');
  const storm = async (): Promise<void> => {
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, n) => issuer.token({}, stranger, { kid: `made-up-${n}` })),
    );
    const judged = await Promise.all(tokens.map((token) => judge(verifier, token)));
    t.strictSame([...new Set(judged.map(({ status }) => status))], [401]);
  };
  await storm();
  t.equal(issuer.state.fetches, 1, '100 requests at once');
  now += 9_000;
  await storm();
  t.equal(issuer.state.fetches, 1, 'and soon after');
  now += 2_000;
  await storm();
  t.equal(issuer.state.fetches, 2, 'then one more');
});

t.test('while the issuer is away its last keys serve; a key it never gave is 503, not 401', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const clock = () => now;
  const answers: [string, (request: IncomingMessage, response: ServerResponse) => void][] = [
    ['closes the connection', (request) => request.destroy()],
    ['fails', (_request, response) => response.writeHead(500).end('{"keys": []}')],
    ['redirects', (_request, response) => response.writeHead(302, { location: `${issuer.url}/elsewhere` }).end()],
    ['sends no JSON', (_request, response) => response.end('<html>')],
    [
      'sends too much',
      (_request, response) => {
        const keys = issuer.state.keys.map(({ publicJwk }) => publicJwk);
        response.end(JSON.stringify({ keys, padding: 'x'.repeat(300_000) }));
      },
    ],
    ['sends no key set', (_request, response) => response.end('{"keys": {}}')],
    [
      'sends without end',
      (_request, response) => {
        const more = (): void => {
          while (response.write('x'.repeat(65_536)));
          response.once('drain', more);
        };
        more();
      },
    ],
  ];
  for (const [title, answer] of answers) {
    const known = await createTokenVerifier(issuer.config(), clock);
    const fresh = await createTokenVerifier(issuer.config(), clock);
    const token = await issuer.token({ exp: issuer.seconds + 3 * 86_400 });
    t.match(await judge(known, token), { verified: {} });

    issuer.state.answer = answer;
    const before = issuer.state.fetches;
    t.match(await judge(fresh, token), { status: 503, code: 'unavailable' }, `an issuer that ${title}, at the start`);
    t.match(await judge(fresh, token), { status: 503 }, 'again');
    t.equal(issuer.state.fetches - before, 1, 'one attempt, not one for each request');
    now += 2 * 3_600_000;
    t.match(await judge(known, token), { verified: {} }, 'hours later the known keys still serve');
    const unknown = await issuer.token({}, await makeKey('ES256', 'third'));
    t.match(await judge(known, unknown), { status: 503 }, 'a new key might be good: nobody can tell');
    now += 23 * 3_600_000;
    t.match(await judge(known, token), { status: 503 }, 'after a day they do not');

    issuer.state.answer = undefined;
    now += 3_000;
    t.match(await judge(known, token), { verified: {} }, 'when it is back, all is well');
    t.match(await judge(fresh, token), { verified: {} });
    now = issuer.seconds * 1000;
  }
  t.comment(`${answers.length} ways to be away`);
});

t.test('an issuer that does not answer is given up after seconds', async (t) => {
  const issuer = await startIssuer(t);
  issuer.state.answer = () => {};
  const verifier = await createTokenVerifier(issuer.config());
  const tokens = await Promise.all([1, 2, 3].map((n) => issuer.token({ jti: String(n) })));
  const judged = await Promise.all(tokens.map((token) => judge(verifier, token)));
  t.strictSame(
    judged.map(({ status }) => status),
    [503, 503, 503],
  );
  t.equal(issuer.state.fetches, 1, 'all waited for one attempt');
});

t.test('keys without names: the signature tells which', async (t) => {
  const issuer = await startIssuer(t);
  const keys = await Promise.all(['a', 'b', 'c'].map((kid) => makeKey('ES256', kid)));
  issuer.state.keys = keys.map((key) => {
    const { kid: _kid, ...publicJwk } = key.publicJwk;
    return { ...key, publicJwk: publicJwk as JWK };
  });
  const verifier = await createTokenVerifier(issuer.config());
  for (const key of keys) {
    t.match(await judge(verifier, await issuer.token({}, key, { kid: undefined })), { verified: {} }, key.kid);
  }
  const stranger = await makeKey('ES256', 'd');
  t.match(await judge(verifier, await issuer.token({}, stranger, { kid: undefined })), { status: 401 });
});

t.test('a verified token is remembered for five minutes, and never beyond its own end', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), () => now);
  const long = await issuer.token({ exp: issuer.seconds + 86_400 });
  const short = await issuer.token({ exp: issuer.seconds + 30 });
  const first = await verifier.verify(`Bearer ${long}`);
  await verifier.verify(`Bearer ${short}`);
  issuer.state.keys = [await makeKey('ES256', 'second')];
  now += 89_000;
  t.equal(await verifier.verify(`Bearer ${long}`), first, 'the same answer, without verifying');
  t.match(await judge(verifier, short), { verified: {} });
  now += 1_000;
  t.match(await judge(verifier, short), { status: 401 }, 'its end and the skew are over');
  now += 16 * 60_000;
  t.match(await judge(verifier, long), { status: 401 }, 'verified anew: the key is gone');
});

t.test('without an issuer the service and the token script share a key, whoever comes first', async (t) => {
  const folder = t.testdir({ other: {} });
  const dataDirectory = join(folder, 'new', 'data');
  const config = { auth: readConfig({}).auth, dataDirectory };
  const claims = { tenantReferences: ['acme'], roles: ['editor'] as const, subject: 'marie', ttlSeconds: 60 };
  const verifiers = await Promise.all(Array.from({ length: 8 }, () => createTokenVerifier(config)));
  const tokens = await Promise.all(Array.from({ length: 8 }, () => signLocalToken(config, claims)));
  for (const verifier of verifiers) {
    for (const token of tokens) t.match(await judge(verifier, token), { verified: { subject: 'marie' } });
  }
  t.strictSame(readdirSync(dataDirectory), ['token-key.json'], 'one key, nothing left behind');
  t.equal(statSync(join(dataDirectory, 'token-key.json')).mode & 0o777, 0o600);

  const elsewhere = { ...config, dataDirectory: join(folder, 'other') };
  t.match(await judge(verifiers[0]!, await signLocalToken(elsewhere, claims)), { status: 401 }, 'a key of others');
  const expired = await signLocalToken(config, { ...claims, ttlSeconds: -61 });
  t.match(await judge(verifiers[0]!, expired), { status: 401, detail: /expired/ });
});

t.test('a key file that is none is told by its name, without its content', async (t) => {
  const dataDirectory = t.testdir({ 'token-key.json': '{"kty":"EC","d":"hunter2"' });
  const failure = await createTokenVerifier({ auth: readConfig({}).auth, dataDirectory }).then(
    () => '',
    (error: Error) => error.message,
  );
  t.match(failure, /token-key\.json holds no key/);
  t.notMatch(failure, /hunter2/);
});

async function startApp(t: Test, options: CallerOptions) {
  const issuer = await startIssuer(t);
  const app = Fastify();
  t.teardown(() => app.close());
  installProblems(app);
  const verifier = await createTokenVerifier(issuer.config());
  app.get('/open', async (request) => ({ caller: (request as { caller?: unknown }).caller ?? null }));
  app.register(async (guarded) => {
    requireCaller(guarded, verifier, options);
    guarded.get('/who', async (request) => request.caller);
    guarded.post('/write', { schema: { body: { type: 'object', required: ['name'] } } }, async (request) => {
      requirePermission(permissionsOf(request.caller?.roles ?? [], { dpoApproves: true }), 'write');
      return request.caller;
    });
  });
  const get = async (claims: JWTPayload, tenant?: string) =>
    app.inject({
      url: '/who',
      headers: {
        authorization: `Bearer ${await issuer.token(claims)}`,
        ...(tenant === undefined ? {} : { 'ropa-tenant': tenant }),
      },
    });
  return { app, issuer, get };
}

t.test('the tenant is the one of the token, or of several the one that Ropa-Tenant names', async (t) => {
  const { get } = await startApp(t, { tenant: 'required' });
  const one = await get({ tenant: 'acme' });
  t.match(one.json(), { subject: 'marie', roles: ['viewer'], tenantReference: 'acme', tenantReferences: ['acme'] });
  t.match((await get({ tenant: ['acme'] }, 'acme')).json(), { tenantReference: 'acme' });
  t.match((await get({ tenant: ['acme', 'globex'] }, 'globex')).json(), { tenantReference: 'globex' });

  const ambiguous = await get({ tenant: ['acme', 'globex'] });
  t.equal(ambiguous.statusCode, 400);
  t.match(ambiguous.json(), {
    type: `${PROBLEM_BASE}tenant-ambiguous`,
    errors: [{ in: 'header', name: 'Ropa-Tenant', code: 'required' }],
  });
  const refused: [JWTPayload, string?][] = [
    [{ tenant: 'acme' }, 'globex'],
    [{ tenant: ['acme', 'globex'] }, 'initech'],
    [{ tenant: ['acme', 'globex'] }, 'acme, globex'],
    [{ tenant: 'acme' }, ''],
    [{ tenant: undefined }],
    [{ tenant: [] }],
    [{ tenant: 'not a reference' }],
    [{ tenant: undefined, roles: 'admin' }],
  ];
  for (const [claims, header] of refused) {
    const answer = await get(claims, header);
    t.equal(answer.statusCode, 403, `${JSON.stringify(claims)} ${header}`);
    t.equal(answer.json().type, `${PROBLEM_BASE}tenant-unknown`);
    t.notMatch(answer.body, /acme|globex|initech/);
  }
  t.comment(`${refused.length} refused`);
});

t.test('where no tenant is needed, a platform administrator has none', async (t) => {
  const { get } = await startApp(t, { tenant: 'optional' });
  const admin = (await get({ tenant: undefined, roles: 'admin' })).json();
  t.match(admin, { roles: ['admin'], tenantReferences: [] });
  t.notOk('tenantReference' in admin);
  t.match((await get({ tenant: 'acme', roles: 'admin viewer' })).json(), { tenantReference: 'acme' });
  t.notOk('tenantReference' in (await get({ tenant: ['acme', 'globex'] })).json());
  t.equal((await get({ tenant: 'acme' }, 'globex')).statusCode, 403);
});

t.test('401 comes before 400, and only where a caller is required', async (t) => {
  const { app, issuer } = await startApp(t, { tenant: 'required' });
  const body = {
    method: 'POST',
    url: '/write',
    headers: { 'content-type': 'application/json' },
    payload: '{',
  } as const;
  const anonymous = await app.inject(body);
  t.equal(anonymous.statusCode, 401);
  t.equal(anonymous.headers['www-authenticate'], 'Bearer realm="ropa"');
  t.equal(anonymous.headers['content-type'], 'application/problem+json');
  t.equal(anonymous.json().type, `${PROBLEM_BASE}unauthenticated`);

  const authorization = `Bearer ${await issuer.token()}`;
  t.equal((await app.inject({ ...body, headers: { ...body.headers, authorization } })).statusCode, 400);
  const forbidden = await app.inject({ ...body, payload: '{"name":1}', headers: { ...body.headers, authorization } });
  t.equal(forbidden.statusCode, 403);
  t.equal(forbidden.headers['www-authenticate'], 'Bearer realm="ropa", error="insufficient_scope"');
  t.match(forbidden.json(), { type: `${PROBLEM_BASE}forbidden`, detail: /"write"/ });
  const editor = `Bearer ${await issuer.token({ roles: 'editor' })}`;
  const allowed = await app.inject({
    ...body,
    payload: '{"name":1}',
    headers: { ...body.headers, authorization: editor },
  });
  t.equal(allowed.statusCode, 200);

  t.same((await app.inject({ url: '/open' })).json(), { caller: null });
  t.equal((await app.inject({ url: '/unknown' })).statusCode, 404);
});

const run = promisify(execFile);
const script = new URL('../../scripts/token.ts', import.meta.url).pathname;

async function tokenScript(env: Record<string, string>, ...args: string[]) {
  try {
    const { stdout, stderr } = await run(process.execPath, [script, ...args], {
      env: { PATH: process.env.PATH, ...env },
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

t.test('the token script prints a token and nothing else', async (t) => {
  const dataDirectory = join(t.testdir({}), 'data');
  const args = [
    '--tenant',
    'acme',
    '--tenant',
    'globex',
    '--role',
    'editor',
    '--role',
    'approver',
    '--subject',
    'marie',
  ];
  const { code, stdout, stderr } = await tokenScript({ DATA_DIR: dataDirectory }, ...args, '--ttl', '2m');
  t.match({ code, stderr }, { code: 0, stderr: '' });
  t.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const verifier = await createTokenVerifier({ auth: readConfig({}).auth, dataDirectory });
  const verified = await verifier.verify(`Bearer ${stdout.trim()}`);
  t.match(verified, { subject: 'marie', roles: ['editor', 'approver'], tenantReferences: ['acme', 'globex'] });
  const left = verified.expiresAt - Date.now() / 1000;
  t.ok(left > 0 && left <= 120, 'valid for two minutes');

  const admin = await tokenScript({ DATA_DIR: dataDirectory }, '--role', 'admin');
  t.match(await verifier.verify(`Bearer ${admin.stdout.trim()}`), { roles: ['admin'], tenantReferences: [] });
});

t.test('the token script refuses with exit code 2, on standard error alone', async (t) => {
  const dataDirectory = join(t.testdir({}), 'data');
  const cases: [Record<string, string>, string[], RegExp][] = [
    [{}, [], /^--role is missing\.\nusage: /],
    [{}, ['--role', 'viewer'], /^--tenant is missing/],
    [{}, ['--role', 'king', '--tenant', 'acme'], /^--role "king" is none of viewer, editor/],
    [{}, ['--role', 'viewer', '--tenant', 'a b'], /^--tenant "a b" is no reference/],
    [{}, ['--role', 'viewer', '--tenant', 'acme', '--ttl', '1'], /^--ttl "1" is no length of time/],
    [{}, ['--role', 'viewer', '--tenant', 'acme', '--ttl', '366d'], /^--ttl "366d"/],
    [{}, ['--role', 'viewer', '--tenant', 'acme', '--subject', ''], /^--subject/],
    [{}, ['--role', 'admin', '--create-tenant'], /^--create-tenant needs --tenant/],
    [{}, ['--rolle', 'viewer'], /rolle.*\n.*usage: /s],
    [{ PORT: 'x' }, ['--role', 'admin'], /^PORT is "x"/],
    [{ AUTH_ISSUER: 'https://login.example.org', AUTH_AUDIENCE: 'ropa' }, ['--role', 'admin'], /^AUTH_ISSUER is set/],
  ];
  for (const [env, args, expected] of cases) {
    const { code, stdout, stderr } = await tokenScript({ DATA_DIR: dataDirectory, ...env }, ...args);
    t.match({ code, stdout }, { code: 2, stdout: '' }, args.join(' '));
    t.match(stderr, expected);
    t.notMatch(stderr, /\n {4}at /, 'no stack');
  }
  t.notOk(existsSync(dataDirectory), 'no key is made for it');
  writeFileSync(dataDirectory, '');
  const broken = await tokenScript({ DATA_DIR: dataDirectory }, '--role', 'admin');
  t.match(broken, { code: 2, stdout: '', stderr: /could not be made/ });
  t.equal(readFileSync(dataDirectory, 'utf8'), '');
  t.comment(`${cases.length} refusals`);
});
