import { hash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import {
  createLocalJWKSet,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
  SignJWT,
} from 'jose';
import { type Config, isTrustworthyAddress, type TokenIssuer } from '../config.ts';
import { type Permission, ROLES, type Role } from './permissions.ts';
import { Problem } from './problems.ts';

/** Who calls, as the token says. Whether the tenant exists here, the token cannot know. */
export interface VerifiedToken {
  readonly issuer: string;
  readonly subject: string;
  /** At least one, in the order of `ROLES`. */
  readonly roles: readonly Role[];
  /** References of the tenants that the token is for; empty for platform administrators. */
  readonly tenantReferences: readonly string[];
  /** Seconds since 1970, the claim `exp`. */
  readonly expiresAt: number;
}

/** Who calls, and for which tenant. */
export interface Caller extends VerifiedToken {
  readonly tenantReference?: string;
}

/** Checks the header `Authorization`. */
export interface TokenVerifier {
  /** @throws {Problem} 401 `unauthenticated`, 403 `forbidden` (no known role), 503 `unavailable` (keys not to be had) */
  verify(authorization: string | undefined): Promise<VerifiedToken>;
}

/** Asymmetric algorithms only: with HMAC whoever verifies could also sign, and a public key could be passed as secret. */
export const TOKEN_ALGORITHMS: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const SKEW_SECONDS = 60;
const TOKEN_LENGTH_LIMIT = 8 * 1024;
const CACHED_TOKENS = 10_000;
const CACHED_MILLISECONDS = 5 * 60_000;
const SUBJECT_LENGTH_LIMIT = 255;
const REFERENCE = /^[A-Za-z0-9._-]{1,64}$/;
const REALM = 'Bearer realm="ropa"';

/**
 * Verifies access tokens (RFC 9068): signature, issuer, audience, `exp`, `nbf`, with 60 seconds of skew. Tokens that
 * were verified are remembered, at most 10,000, by their hash, for five minutes or as long as they are valid.
 *
 * @param config `auth` says whose tokens; without an issuer it is the key in `dataDirectory`, made when it is not there
 * @param now milliseconds since 1970, for tests
 */
export async function createTokenVerifier(
  config: Pick<Config, 'auth' | 'dataDirectory'>,
  now: () => number = Date.now,
): Promise<TokenVerifier> {
  const { auth } = config;
  const trusted =
    auth.issuer === undefined
      ? { issuer: LOCAL_ISSUER, audience: LOCAL_AUDIENCE, key: localKeySet(await localTokenKey(config.dataDirectory)) }
      : { issuer: auth.issuer.url, audience: auth.issuer.audience, key: issuerKeys(auth.issuer, now) };
  const cache = new Map<string, { token: VerifiedToken; until: number }>();

  const check = async (token: string): Promise<VerifiedToken> => {
    const payload = await verifySignature(token, trusted.key, {
      issuer: trusted.issuer,
      audience: trusted.audience,
      algorithms: [...TOKEN_ALGORITHMS],
      clockTolerance: SKEW_SECONDS,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now()),
    });
    return readClaims(payload, trusted.issuer, auth);
  };

  return {
    async verify(authorization) {
      const header = boundedHeader(authorization);
      // Of the whole header, so that a token that is known is not even taken apart.
      const key = hash('sha256', header, 'base64');
      const cached = cache.get(key);
      if (cached !== undefined) {
        cache.delete(key);
        if (cached.until > now()) {
          // Put back at the end: the map's order is the order of use, its beginning goes first.
          cache.set(key, cached);
          return cached.token;
        }
      }
      const verified = await check(bearerToken(header));
      const until = Math.min(now() + CACHED_MILLISECONDS, (verified.expiresAt + SKEW_SECONDS) * 1000);
      cache.set(key, { token: verified, until });
      if (cache.size > CACHED_TOKENS) cache.delete(cache.keys().next().value!);
      return verified;
    },
  };
}

/** The header, when it is there and short enough to be looked at. */
function boundedHeader(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') {
    throw withoutToken('The header Authorization with a Bearer token is missing.');
  }
  if (authorization.length > TOKEN_LENGTH_LIMIT + 'Bearer '.length)
    throw invalidToken('The token is longer than 8 KiB.');
  return authorization;
}

function bearerToken(header: string): string {
  if (!/^Bearer(?: |$)/i.test(header)) throw withoutToken('The header Authorization has another scheme than Bearer.');
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header)?.[1];
  if (token === undefined) throw invalidToken('The header Authorization is not "Bearer" and a token.');
  return token;
}

/** RFC 6750 section 3.1: who sent no token is told the scheme and no error. */
function withoutToken(detail: string): Problem {
  return new Problem('unauthenticated', detail, { headers: { 'www-authenticate': REALM } });
}

function invalidToken(detail: string, cause?: unknown): Problem {
  return new Problem('unauthenticated', detail, {
    headers: {
      'www-authenticate': `${REALM}, error="invalid_token", error_description="${detail.replace(/["\\]/g, "'")}"`,
    },
    cause,
  });
}

async function verifySignature(
  token: string,
  key: JWTVerifyGetKey,
  options: Parameters<typeof jwtVerify>[2],
): Promise<JWTPayload> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, key, options).catch(async (error: unknown) => {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // No `kid`, and several keys that could be meant: the signature tells which.
      for await (const candidate of error) {
        try {
          return await jwtVerify(token, candidate, options);
        } catch (failed) {
          if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    });
    const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, '');
    // RFC 9068 says at+jwt; many issuers still write JWT or nothing. Other kinds (logout+jwt, dpop+jwt) are no access.
    if (type !== undefined && type !== 'at+jwt' && type !== 'jwt') throw invalidToken('This is no access token.');
    return payload;
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (error instanceof errors.JOSEError) throw invalidToken(describe(error), error);
    // Keys of a kind that this platform cannot import, and what else the cryptography throws about the token.
    throw invalidToken('The token cannot be verified.', error);
  }
}

function describe(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return 'The token is from another issuer.';
    if (error.claim === 'aud') return 'The token is for another audience.';
    if (error.claim === 'nbf') return 'The token is not valid yet.';
    if (error.claim === 'exp') return 'The token has no usable time of expiry.';
    if (error.claim === 'sub') return 'The token has no subject.';
    return 'A claim of the token is not acceptable.';
  }
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return 'The token is signed with an algorithm that is not accepted.';
  }
  if (error instanceof errors.JWKSNoMatchingKey) return 'The token is signed with an unknown key.';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong.';
  return 'The token is not a signed JWT.';
}

function readClaims(payload: JWTPayload, issuer: string, auth: Config['auth']): VerifiedToken {
  const { sub, exp } = payload;
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_LENGTH_LIMIT || !isPlainText(sub)) {
    throw invalidToken('The subject of the token is empty, too long or not plain text.');
  }
  const claimed = new Set(words(claim(payload, auth.rolesClaim)).flatMap((word) => word.split(' ')));
  const roles = ROLES.filter((role) => claimed.has(role));
  if (roles.length === 0) throw insufficientScope('The token gives no role that is known here.');
  const references = words(claim(payload, auth.tenantClaim)).filter((reference) => REFERENCE.test(reference));
  return { issuer, subject: sub, roles, tenantReferences: [...new Set(references)], expiresAt: exp! };
}

/** The claim of that very name (names may be URIs), or else what the dots of the name lead to (`realm_access.roles`). */
function claim(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let found: unknown = payload;
  for (const step of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}

function words(value: unknown): string[] {
  return [value].flat().filter((each) => typeof each === 'string');
}

/** The subject is kept in the log for ever: what PostgreSQL cannot store or what steers a terminal has no place there. */
function isPlainText(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

// ---------------------------------------------------------------------------------------------------------------------
// The issuer's keys

const KEYS_FRESH_MS = 10 * 60_000;
const KEYS_WAIT_MS = 15 * 60_000;
const KEYS_USABLE_MS = 24 * 60 * 60_000;
const FETCH_COOLDOWN_MS = 10_000;
const FETCH_RETRY_MS = 2_000;
const FETCH_TIMEOUT_MS = 5_000;
const FETCH_BYTES = 256 * 1024;

/**
 * The keys of an issuer. They are fetched again after ten minutes, and when a token names a key that is not among them
 * (rotation), but never more often than every ten seconds, or two after a failure: a storm of made-up key names must
 * not become a storm on the issuer. While the issuer is away its last keys stay good for a day. The remote key set of
 * jose does neither for fetches that fail.
 */
function issuerKeys(issuer: TokenIssuer, now: () => number): JWTVerifyGetKey {
  let keys: { find: JWTVerifyGetKey; fetchedAt: number } | undefined;
  let lastAttempt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let running: Promise<void> | undefined;

  const refresh = (): Promise<void> => {
    if (running !== undefined) return running;
    if (now() - lastAttempt < (failed ? FETCH_RETRY_MS : FETCH_COOLDOWN_MS)) return Promise.resolve();
    lastAttempt = now();
    running = fetchKeys(issuer).then(
      (find) => {
        keys = { find, fetchedAt: now() };
        failed = false;
      },
      () => {
        failed = true;
      },
    );
    return running.finally(() => {
      running = undefined;
    });
  };
  const age = (): number => (keys === undefined ? Number.POSITIVE_INFINITY : now() - keys.fetchedAt);

  return async (header, token) => {
    if (age() > KEYS_FRESH_MS) {
      const refreshed = refresh();
      // Keys that have just grown old serve while new ones are on their way; with older ones a caller waits.
      if (age() > KEYS_WAIT_MS) await refreshed;
    }
    if (keys === undefined || age() > KEYS_USABLE_MS) throw issuerUnavailable();
    try {
      return await keys.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await refresh();
    try {
      return await keys.find(header, token);
    } catch (error) {
      if (failed && error instanceof errors.JWKSNoMatchingKey) throw issuerUnavailable();
      throw error;
    }
  };
}

function issuerUnavailable(): Problem {
  return new Problem('unavailable', 'The keys of the token issuer cannot be fetched at the moment.', {
    headers: { 'retry-after': String(FETCH_RETRY_MS / 1000) },
  });
}

async function fetchKeys(issuer: TokenIssuer): Promise<JWTVerifyGetKey> {
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const address = issuer.jwksUrl ?? (await discoverKeys(issuer, signal));
  return createLocalJWKSet((await fetchJson(address, signal)) as JSONWebKeySet);
}

/** OpenID Connect Discovery 1.0, section 4: the document must name the issuer that was asked for. */
async function discoverKeys(issuer: TokenIssuer, signal: AbortSignal): Promise<string> {
  const document = await fetchJson(`${issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`, signal);
  const { issuer: named, jwks_uri: address } = document as { issuer?: unknown; jwks_uri?: unknown };
  if (named !== issuer.url) throw new Error('The openid-configuration is of another issuer');
  if (typeof address !== 'string' || !URL.canParse(address) || !isTrustworthyAddress(new URL(address))) {
    throw new Error('The openid-configuration names no address of keys that can be trusted');
  }
  return address;
}

/** Fetches a small JSON object. No redirects: they would lead away from the address that was configured. */
async function fetchJson(address: string, signal: AbortSignal): Promise<object> {
  const response = await fetch(address, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Breaking out of the loop, by an error too, ends the transfer.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > FETCH_BYTES) throw new Error('The answer is too large');
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`The answer has status ${response.status}`);
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Error('The answer is no object');
  return value;
}

// ---------------------------------------------------------------------------------------------------------------------
// Local tokens: no issuer, one machine

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

function localKeySet({ kty, crv, x, y, kid }: JWK): JWTVerifyGetKey {
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

// ---------------------------------------------------------------------------------------------------------------------
// Fastify

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Only in the contexts where `requireCaller` was called; read it with `callerOf` elsewhere. */
    caller: Caller | null;
  }
}

export interface CallerOptions {
  /**
   * `required`: the routes are about one tenant. `optional`: they are about none (platform administration, `/v1/me`);
   * the tenant is set when the token or the header leave no doubt.
   */
  readonly tenant: 'required' | 'optional';
}

/**
 * Lets only callers with a valid token into the routes of this context, before body and schema are looked at, and sets
 * `request.caller`. Of several tenants in the token the header `Ropa-Tenant` chooses.
 */
export function requireCaller(app: FastifyInstance, verifier: TokenVerifier, options: CallerOptions): void {
  if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    // A path that does not exist gives 404 to everybody.
    if (request.is404) return;
    const token = await verifier.verify(request.headers.authorization);
    const tenantReference = chooseTenant(token, request.headers['ropa-tenant'], options.tenant);
    request.caller = tenantReference === undefined ? token : { ...token, tenantReference };
  });
}

function chooseTenant(
  token: VerifiedToken,
  header: string | string[] | undefined,
  need: CallerOptions['tenant'],
): string | undefined {
  const references = token.tenantReferences;
  if (header !== undefined) {
    const chosen = references.find((reference) => reference === header);
    // The same for a tenant of others and for one that does not exist: nobody learns which there are.
    if (chosen === undefined) throw new Problem('tenant-unknown', 'The token is not for the tenant of Ropa-Tenant.');
    return chosen;
  }
  if (references.length === 1) return references[0];
  if (need === 'optional') return undefined;
  if (references.length === 0) throw new Problem('tenant-unknown', 'The token names no tenant.');
  throw new Problem('tenant-ambiguous', `The token is for ${references.length} tenants; name one in Ropa-Tenant.`, {
    errors: [{ in: 'header', name: 'Ropa-Tenant', code: 'required', message: 'The header Ropa-Tenant is missing.' }],
  });
}

/** @throws {Problem} 403 `forbidden` with `error="insufficient_scope"` (RFC 6750) when the permission is not held */
export function requirePermission(held: ReadonlySet<Permission>, needed: Permission): void {
  if (!held.has(needed))
    throw insufficientScope(`This needs the permission "${needed}", which none of your roles has.`);
}

function insufficientScope(detail: string): Problem {
  return new Problem('forbidden', detail, {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope"` },
  });
}
