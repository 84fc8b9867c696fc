/** An issuer of tokens on loopback whose answers a test decides, and what a verifier says of its tokens. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { Test } from 'tap';
import { type Config, readConfig } from '../src/config.ts';
import { Problem } from '../src/http/problems.ts';
import type { TokenVerifier } from '../src/http/tokens.ts';

export interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
}

export async function makeKey(alg: string, kid: string): Promise<Key> {
  const { privateKey, publicKey } =
    alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : alg.startsWith('ES')
        ? generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] ?? '' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export const AUDIENCE = 'https://ropa.example.org';

/** An issuer of tokens on loopback whose answers the test decides. */
export async function startIssuer(t: Test) {
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
export async function judge(verifier: TokenVerifier, token: string | undefined) {
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
