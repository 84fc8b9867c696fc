/** Who calls a request: the tenant that is chosen, the roles that suffice, and what others are told. */
import Fastify from 'fastify';
import type { JWTPayload } from 'jose';
import t, { type Test } from 'tap';
import { type CallerOptions, requireCaller, requirePermission } from '../../src/http/caller.ts';
import { permissionsOf } from '../../src/http/permissions.ts';
import { installProblems, PROBLEM_BASE } from '../../src/http/problems.ts';
import { createTokenVerifier } from '../../src/http/tokens.ts';
import { startIssuer } from '../issuer.ts';

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

t.test('who has no good token is told where the metadata stand', async (t) => {
  const metadata = 'https://ropa.example.org/.well-known/oauth-protected-resource';
  const { app, issuer } = await startApp(t, { tenant: 'required', metadataOf: () => metadata });
  const challenge = async (authorization?: string) =>
    (await app.inject({ url: '/who', headers: authorization === undefined ? {} : { authorization } })).headers[
      'www-authenticate'
    ];
  t.equal(await challenge(), `Bearer realm="ropa", resource_metadata="${metadata}"`);
  t.match(
    await challenge('Bearer abc'),
    /^Bearer realm="ropa", error="invalid_token", error_description="[^"]+", resource_metadata="https:\/\/ropa/,
  );
  t.equal(
    await challenge(`Bearer ${await issuer.token({ roles: [] })}`),
    'Bearer realm="ropa", error="insufficient_scope"',
    'another token of the same issuer would say the same',
  );
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
