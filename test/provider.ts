/** A real OpenID Connect provider on loopback, `oidc-provider`, with clients of several roles and tenants. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import type { Test } from 'tap';

/** The identifier of the service, as clients name it by `resource` (RFC 8707), and of another one. */
export const RESOURCE = 'https://ropa.example.org';
export const OTHER_RESOURCE = 'https://other.example.org';

/** What the provider says of each client, beside what the standards say. */
const CLIENTS: Record<string, Record<string, unknown>> = {
  admin: { roles: ['admin'] },
  viewer: { tenant: 'acme', roles: ['viewer'] },
  editor: { tenant: ['acme', 'globex'], roles: ['editor', 'offline_access'] },
  stranger: { tenant: 'acme', roles: ['guest'] },
  // What counts, by the names that other providers use; and the usual names with something else.
  named: {
    tenant: 'globex',
    roles: ['dpo'],
    [`${RESOURCE}/tenant`]: ['acme'],
    realm_access: { roles: ['uma_authorization', 'viewer'] },
  },
};
const SECRET = 'not a secret';
const REDIRECT = 'https://app.example.org/callback';
const DAY = 86_400;

/** How the provider answers who asks for its keys; its other endpoints always work. */
type Mood = 'well' | 'silent' | 'away';

export interface TestProvider {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** How often the keys and the openid-configuration were asked for. */
  readonly asked: { keys: number; configuration: number };
  /** `silent`: takes the request and answers nothing until it is well again. */
  be(mood: Mood): void;
  /** Goes on with these keys, of which it signs with the first. */
  use(...keys: readonly JWK[]): void;
  readonly keys: readonly JWK[];
  /** An access token from the token endpoint, by client credentials. */
  token(client: string, parameters?: Readonly<Record<string, string>>): Promise<string>;
  /** The tokens of a person who has signed in to a program whose identifier is that of the service. */
  signIn(person: string): Promise<{ access_token: string; id_token: string }>;
  /** A token of a client with other claims or headers, signed as the provider signs. */
  changed(token: string, claims: JWTPayload, header?: object, key?: JWK): Promise<string>;
}

export async function makeKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}

export async function startProvider(t: Test): Promise<TestProvider> {
  const asked = { keys: 0, configuration: 0 };
  let keys: readonly JWK[] = [await makeKey('first')];
  let mood: Mood = 'well';
  let provider: Provider;
  let handle: ReturnType<Provider['callback']>;
  const held = new Set<() => void>();

  const server = createServer((request, response) => {
    const answer = () => void handle(request, response);
    const path = request.url;
    if (path === '/jwks') asked.keys++;
    else if (path === '/.well-known/openid-configuration') asked.configuration++;
    else return answer();
    if (mood === 'away') request.socket.destroy();
    else if (mood === 'silent') hold(held, response, answer);
    else answer();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const use = (...used: readonly JWK[]) => {
    keys = used;
    provider = new Provider(issuer, configurationOf(used));
    handle = provider.callback();
  };
  use(...keys);

  const ask = async (parameters: Record<string, string>) => {
    const response = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(parameters) });
    if (!response.ok) throw new Error(`The provider gives no token: ${await response.text()}`);
    return (await response.json()) as { access_token: string; id_token: string };
  };

  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    asked,
    use,
    get keys() {
      return keys;
    },
    be(next) {
      mood = next;
      if (next === 'well') for (const answer of held) answer();
    },
    async token(client, parameters = {}) {
      const credentials = { client_id: client, client_secret: SECRET };
      const resource = RESOURCE;
      const { access_token } = await ask({
        grant_type: 'client_credentials',
        ...credentials,
        resource,
        ...parameters,
      });
      return access_token;
    },
    async signIn(person) {
      // What the provider does when the person has signed in and agreed; the program then fetches its tokens.
      const client = (await provider.Client.find(RESOURCE))!;
      const grant = new provider.Grant({ clientId: RESOURCE, accountId: person });
      grant.addOIDCScope('openid');
      grant.addResourceScope(RESOURCE, 'viewer');
      const code = new provider.AuthorizationCode({
        client,
        accountId: person,
        grantId: await grant.save(),
        gty: 'authorization_code',
        redirectUri: REDIRECT,
        scope: 'openid viewer',
        resource: RESOURCE,
      });
      return ask({
        grant_type: 'authorization_code',
        code: await code.save(),
        redirect_uri: REDIRECT,
        client_id: RESOURCE,
        client_secret: SECRET,
        resource: RESOURCE,
      });
    },
    async changed(token, claims, header = {}, key = keys[0]!) {
      return new SignJWT({ ...decodeJwt(token), ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid!, typ: 'at+jwt', ...header })
        .sign(await importJWK(key, 'RS256'));
    },
  };
}

function hold(held: Set<() => void>, response: ServerResponse, answer: () => void): void {
  held.add(answer);
  response.once('close', () => held.delete(answer));
}

function configurationOf(keys: readonly JWK[]): Configuration {
  const credentials = { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' } as const;
  return {
    jwks: { keys: keys as never },
    cookies: { keys: ['of nobody'] },
    clients: [
      ...Object.keys(CLIENTS).map((client_id) => ({
        client_id,
        ...credentials,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        scope: 'viewer editor',
      })),
      {
        client_id: RESOURCE,
        ...credentials,
        grant_types: ['authorization_code'],
        redirect_uris: [REDIRECT],
        scope: 'openid viewer',
      },
    ],
    scopes: ['openid', 'viewer', 'editor'],
    pkce: { required: () => false },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    extraTokenClaims: (context) => CLIENTS[context.oidc.client!.clientId] ?? { tenant: 'acme', roles: ['viewer'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'viewer editor',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: DAY,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    ttl: { AccessToken: DAY, ClientCredentials: DAY, IdToken: DAY, AuthorizationCode: 60, Grant: DAY },
  };
}
