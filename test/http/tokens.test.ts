/** Tokens: which are believed, and what they say. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import type { JWTPayload } from 'jose';
import t from 'tap';
import { createTokenVerifier } from '../../src/http/tokens.ts';
import { judge, makeKey, startIssuer } from '../issuer.ts';

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
  const verifier = await createTokenVerifier(issuer.config(), { now: () => issuer.seconds * 1000 });
  t.match(await judge(verifier, await issuer.token({ exp: issuer.seconds - 59 })), { verified: {} });
  t.match(await judge(verifier, await issuer.token({ exp: issuer.seconds - 60 })), { status: 401 });
  t.match(await judge(verifier, await issuer.token({ nbf: issuer.seconds + 60 })), { verified: {} });
  t.match(await judge(verifier, await issuer.token({ nbf: issuer.seconds + 61 })), { status: 401 });
});

t.test('the type tells access tokens; JWT and no type only where the setting says so', async (t) => {
  const issuer = await startIssuer(t);
  const verifier = await createTokenVerifier(issuer.config());
  const lenient = await createTokenVerifier(issuer.config({ AUTH_TYP_HEADER: 'JWT' }));
  const cases: [string | undefined, JWTPayload, strict: boolean, lenient: boolean][] = [
    ['at+jwt', {}, true, true],
    ['AT+JWT', {}, true, true],
    ['application/at+jwt', {}, true, true],
    ['at+jwt', { nonce: 'of an old Keycloak' }, true, true],
    ['JWT', {}, false, true],
    [undefined, {}, false, true],
    ['JWT', { typ: 'Bearer', token_use: 'access' }, false, true],
    ['logout+jwt', {}, false, false],
    ['dpop+jwt', {}, false, false],
    ['JWT', { nonce: 'n' }, false, false],
    ['JWT', { at_hash: 'h' }, false, false],
    [undefined, { c_hash: 'h' }, false, false],
    ['JWT', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, false, false],
    ['JWT', { typ: 'ID' }, false, false],
    ['JWT', { typ: 'Refresh' }, false, false],
    [undefined, { token_use: 'id' }, false, false],
  ];
  for (const [typ, claims, ...expected] of cases) {
    const token = await issuer.token(claims, undefined, { typ });
    for (const [index, each] of [verifier, lenient].entries()) {
      const title = `${typ} ${JSON.stringify(claims)}${index === 0 ? '' : ', AUTH_TYP_HEADER=JWT'}`;
      const refused = { status: 401, challenge: /error="invalid_token", error_description="This is no access token/ };
      t.match(await judge(each, token), expected[index] ? { verified: { subject: 'marie' } } : refused, title);
    }
  }
  t.comment(`${cases.length} kinds of tokens`);
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

t.test('a verified token is remembered for five minutes, and never beyond its own end', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), { now: () => now });
  const long = await issuer.token({ exp: issuer.seconds + 86_400 });
  const short = await issuer.token({ exp: issuer.seconds + 30 });
  const first = await verifier.verify(`Bearer ${long}`);
  await verifier.verify(`Bearer ${short}`);
  now += 89_000;
  t.equal(await verifier.verify(`Bearer ${long}`), first, 'the same answer, without verifying');
  t.match(await judge(verifier, short), { verified: {} });
  now += 1_000;
  t.match(await judge(verifier, short), { status: 401 }, 'its end and the skew are over');
  now += 5 * 60_000;
  t.not(await verifier.verify(`Bearer ${long}`), first, 'verified anew');
  t.equal(issuer.state.fetches, 1, 'by the same keys');
});

t.test('a remembered token is forgotten with its key', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), { now: () => now });
  const old = await issuer.token({ exp: issuer.seconds + 86_400 });
  t.match(await judge(verifier, old), { verified: {} });
  issuer.state.keys = [await makeKey('ES256', 'second')];
  now += 6_000;
  t.match(await judge(verifier, old), { verified: {} }, 'nobody has heard of the change yet');
  t.match(await judge(verifier, await issuer.token()), { verified: {} }, 'a token of the new key');
  t.match(await judge(verifier, old), { status: 401, detail: /unknown key/ }, 'tells of the old one too');
});
