/** Tokens without an issuer: one machine, whose service trusts the key in its own data folder. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyGetKey,
  SignJWT,
} from 'jose';
import type { Config } from '../config.ts';
import type { Role } from './permissions.ts';

/** `.invalid` is reserved (RFC 2606): no issuer on the network can ever have this name. */
export const LOCAL_ISSUER = 'https://local.ropa.invalid';
export const LOCAL_AUDIENCE = 'ropa';
const LOCAL_KEY_FILE = 'token-key.json';

/** What a local token says. */
export interface LocalTokenClaims {
  readonly tenantReferences: readonly string[];
  readonly roles: readonly Role[];
  readonly subject: string;
  readonly ttlSeconds: number;
}

/**
 * Signs a token with the key in the data folder, which is made when it is not there. It works beside the running
 * service, before or after its start.
 */
export async function signLocalToken(
  config: Pick<Config, 'auth' | 'dataDirectory'>,
  claims: LocalTokenClaims,
): Promise<string> {
  const jwk = await localTokenKey(config.dataDirectory);
  const { tenantReferences, roles, subject, ttlSeconds } = claims;
  const issuedAt = Math.floor(Date.now() / 1000);
  const tenant = tenantReferences.length === 1 ? tenantReferences[0] : tenantReferences;
  return new SignJWT({
    ...(tenantReferences.length === 0 ? {} : { [config.auth.tenantClaim]: tenant }),
    [config.auth.rolesClaim]: roles,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: String(jwk.kid) })
    .setIssuer(LOCAL_ISSUER)
    .setAudience(LOCAL_AUDIENCE)
    .setSubject(subject)
    .setJti(randomBytes(16).toString('base64url'))
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ttlSeconds)
    .sign(await importJWK(jwk, 'ES256'));
}

/** The public half of the key in the data folder, which is made when it is not there. */
export async function localKeys(dataDirectory: string): Promise<JWTVerifyGetKey> {
  const { kty, crv, x, y, kid } = await localTokenKey(dataDirectory);
  return createLocalJWKSet({ keys: [{ kty, crv, x, y, kid, alg: 'ES256', use: 'sig' } as JWK] } as JSONWebKeySet);
}

/**
 * The private key of local tokens. The service and the token script may both come first: each writes a file of its own
 * and links it to the name, which succeeds once and never shows half a file; who comes second reads the first one's.
 */
async function localTokenKey(dataDirectory: string): Promise<JWK> {
  const file = join(dataDirectory, LOCAL_KEY_FILE);
  const existing = await readKey(file);
  if (existing !== undefined) return existing;

  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), alg: 'ES256', kid: randomBytes(8).toString('hex') };
  // With the usual mode: the embedded PostgreSQL, which may run as another user, keeps its folder in here.
  await mkdir(dataDirectory, { recursive: true });
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(jwk)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return (await readKey(file)) ?? jwk;
}

async function readKey(file: string): Promise<JWK | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const jwk = JSON.parse(text) as JWK;
    if (jwk.kty === 'EC' && jwk.crv === 'P-256' && typeof jwk.d === 'string' && typeof jwk.kid === 'string') return jwk;
  } catch {
    // Told below, without the content: it is a private key.
  }
  throw new Error(`${file} holds no key for local tokens; delete it, and a new one is made.`);
}
