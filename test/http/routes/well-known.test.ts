/** The metadata of the service as a protected resource (RFC 9728). */
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import { readConfig } from '../../../src/config.ts';
import { schemaController } from '../../../src/http/api.ts';
import { installProblems, PROBLEM_BASE } from '../../../src/http/problems.ts';
import { metadataAddressOf, wellKnownRoutes } from '../../../src/http/routes/well-known.ts';
import { startService } from '../../service.ts';

const PATH = '/.well-known/oauth-protected-resource';
const issuer = { AUTH_ISSUER: 'https://login.example.org/realms/ropa', AUTH_AUDIENCE: 'https://ropa.example.org' };

/** The routes alone, and a way to learn what a refusal would name. */
async function routesWith(t: Test, environment: Record<string, string>) {
  const config = readConfig(environment);
  const app = Fastify({ schemaController });
  t.teardown(() => app.close());
  installProblems(app);
  wellKnownRoutes(app, config);
  app.get('/refused', async (request) => ({ metadata: metadataAddressOf(request, config) }));
  return (url: string, host: string) => app.inject({ url, headers: { host } });
}

t.test('with PUBLIC_URL and an issuer it says all, whatever Host says', async (t) => {
  const get = await routesWith(t, { ...issuer, PUBLIC_URL: 'https://ropa.example.org/' });
  for (const host of ['ropa.example.org', 'evil.example.com', 'localhost:3000', '"']) {
    const answer = await get(PATH, host);
    t.equal(answer.statusCode, 200);
    t.match(answer.headers['content-type'], /^application\/json/);
    t.equal(answer.headers['cache-control'], 'public, max-age=3600, stale-while-revalidate=86400');
    t.strictSame(answer.json(), {
      resource: 'https://ropa.example.org',
      authorization_servers: ['https://login.example.org/realms/ropa'],
      bearer_methods_supported: ['header'],
      resource_name: 'Register of processing activities',
      resource_documentation: 'https://ropa.example.org/docs',
    });
    t.strictSame((await get('/refused', host)).json(), { metadata: `https://ropa.example.org${PATH}` });
  }
});

t.test('a PUBLIC_URL with a path is found as RFC 9728 forms the address, and by the plain path', async (t) => {
  const get = await routesWith(t, { ...issuer, PUBLIC_URL: 'https://example.org/tools/ropa' });
  t.strictSame((await get('/refused', 'x')).json(), { metadata: `https://example.org${PATH}/tools/ropa` });
  for (const path of [PATH, `${PATH}/tools/ropa`]) {
    t.match((await get(path, 'x')).json(), {
      resource: 'https://example.org/tools/ropa',
      resource_documentation: 'https://example.org/tools/ropa/docs',
    });
  }
  t.equal((await get(`${PATH}/tools`, 'x')).statusCode, 404);
});

t.test('roles are scopes only where they are read from the scope', async (t) => {
  const get = await routesWith(t, { ...issuer, PUBLIC_URL: 'https://ropa.example.org', AUTH_ROLES_CLAIM: 'scope' });
  t.strictSame((await get(PATH, 'x')).json().scopes_supported, [
    ...['viewer', 'editor', 'sync', 'approver', 'dpo', 'auditor', 'admin'],
  ]);
});

t.test('without PUBLIC_URL only names of this machine are believed', async (t) => {
  const get = await routesWith(t, {});
  const local = {
    'localhost:3000': 'http://localhost:3000',
    '127.0.0.1:8080': 'http://127.0.0.1:8080',
    '[::1]:3000': 'http://[::1]:3000',
  };
  for (const [host, resource] of Object.entries(local)) {
    const answer = await get(PATH, host);
    t.equal(answer.headers['cache-control'], 'no-store');
    t.strictSame(answer.json(), {
      resource,
      bearer_methods_supported: ['header'],
      resource_name: 'Register of processing activities',
      resource_documentation: `${resource}/docs`,
    });
    t.strictSame((await get('/refused', host)).json(), { metadata: `${resource}${PATH}` });
  }
  const strange = [
    ...['evil.example.com', '127.0.0.1.evil.example.com', 'localhost.evil.example.com', '10.0.0.1', '[::2]'],
    ...['localhost@evil.example.com', 'evil.example.com#localhost', 'a b', 'localhost:99999', '"'],
  ];
  for (const host of strange) {
    const answer = await get(PATH, host);
    t.equal(answer.statusCode, 404, host);
    t.match(answer.json(), { type: `${PROBLEM_BASE}not-found`, detail: /PUBLIC_URL/ });
    t.strictSame((await get('/refused', host)).json(), {}, 'and a refusal names no address');
  }
  for (const host of ['evil.example.com@localhost:3000', 'localhost:3000/"evil', 'LOCALHOST:3000?evil']) {
    t.equal((await get(PATH, host)).json().resource, 'http://localhost:3000', `${host}: only what is this machine`);
  }
  t.comment(`${strange.length} names of others`);
});

t.test('the service sends it without a token, and refusals lead to it', async (t) => {
  const { app } = await startService(t, { PUBLIC_URL: 'https://ropa.example.org' });
  for (const method of ['GET', 'HEAD'] as const) {
    const answer = await app.inject({ method, url: PATH });
    t.equal(answer.statusCode, 200, method);
    t.match(answer.headers['cache-control'], /^public/);
  }
  for (const url of ['/v1/me', '/v1/purposes']) {
    const refused = await app.inject({ url });
    t.equal(refused.statusCode, 401);
    t.equal(
      refused.headers['www-authenticate'],
      `Bearer realm="ropa", resource_metadata="https://ropa.example.org${PATH}"`,
    );
  }
});
