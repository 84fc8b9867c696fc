/** Access tokens (RFC 9068): whether one is good, and what it says of who calls. */
import { hash } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { referencePattern } from '../article30/definition.ts';
import type { Config, TokenIssuer } from '../config.ts';
import { insufficientScope, invalidToken, withoutToken } from './challenges.ts';
import { issuerKeys, type KeyLog, type TokenKeys } from './issuer-keys.ts';
import { LOCAL_AUDIENCE, LOCAL_ISSUER, localKeys } from './local-tokens.ts';
import { ROLES, type Role } from './permissions.ts';
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

/** Checks the header `Authorization`. */
export interface TokenVerifier {
  /** @throws {Problem} 401 `unauthenticated`, 403 `forbidden` (no known role), 503 `unavailable` (keys not to be had) */
  verify(authorization: string | undefined): Promise<VerifiedToken>;
  /** Whether there are keys to verify with. Begins to fetch them when they are missing or old, and does not wait. */
  isReady(): boolean;
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
const REFERENCE = new RegExp(referencePattern);

/**
 * Verifies access tokens (RFC 9068): signature, issuer, audience, `exp`, `nbf`, with 60 seconds of skew. Tokens that
 * were verified are remembered, at most 10,000, by their hash, for five minutes or as long as they are valid.
 * What was verified by keys that have changed since is verified anew.
 *
 * @param config `auth` says whose tokens; without an issuer it is the key in `dataDirectory`, made when it is not there
 * @param options.now milliseconds since 1970, for tests
 * @param options.log is told when the issuer's keys cannot be fetched
 */
export async function createTokenVerifier(
  config: Pick<Config, 'auth' | 'dataDirectory'>,
  { now = Date.now, log }: { readonly now?: () => number; readonly log?: KeyLog } = {},
): Promise<TokenVerifier> {
  const { auth } = config;
  const trusted: Trusted =
    auth.issuer === undefined ? await localTrust(config.dataDirectory) : issuerTrust(auth.issuer, now, log);
  const cache = new Map<string, { token: VerifiedToken; until: number; version: number }>();

  const check = async (token: string): Promise<VerifiedToken> => {
    const payload = await verifySignature(token, trusted, {
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
    isReady: () => trusted.keys.available(),
    async verify(authorization) {
      const header = boundedHeader(authorization);
      // Of the whole header, so that a token that is known is not even taken apart.
      const key = hash('sha256', header, 'base64');
      const version = trusted.keys.version();
      const cached = cache.get(key);
      if (cached !== undefined) {
        cache.delete(key);
        if (cached.until > now() && cached.version === version) {
          // Put back at the end: the map's order is the order of use, its beginning goes first.
          cache.set(key, cached);
          return cached.token;
        }
      }
      const verified = await check(bearerToken(header));
      const until = Math.min(now() + CACHED_MILLISECONDS, (verified.expiresAt + SKEW_SECONDS) * 1000);
      cache.set(key, { token: verified, until, version });
      if (cache.size > CACHED_TOKENS) cache.delete(cache.keys().next().value!);
      return verified;
    },
  };
}

/** Whose tokens are believed, and of which type (the header `typ`). */
interface Trusted extends Omit<TokenIssuer, 'url' | 'jwksUrl'> {
  readonly issuer: string;
  readonly keys: TokenKeys;
}

async function localTrust(dataDirectory: string): Promise<Trusted> {
  const keys = { find: await localKeys(dataDirectory), version: () => 0, available: () => true };
  return { issuer: LOCAL_ISSUER, audience: LOCAL_AUDIENCE, tokenType: 'at+jwt', keys };
}

function issuerTrust(issuer: TokenIssuer, now: () => number, log: KeyLog | undefined): Trusted {
  const { url, audience, tokenType } = issuer;
  return { issuer: url, audience, tokenType, keys: issuerKeys(issuer, now, log) };
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

async function verifySignature(
  token: string,
  { keys, tokenType }: Trusted,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys.find, options).catch(async (error: unknown) => {
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
    refuseOtherTypes(protectedHeader.typ, payload, tokenType);
    return payload;
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (error instanceof errors.JOSEError) throw invalidToken(describe(error), error);
    // Keys of a kind that this platform cannot import, and what else the cryptography throws about the token.
    throw invalidToken('The token cannot be verified.', error);
  }
}

/**
 * What an issuer signs is not all meant for access: an ID token says who somebody is, to a program that may not act for
 * them here. RFC 9068 tells access tokens by their type. Issuers that write `JWT`, or nothing, leave only signs: the claims
 * of ID tokens (OpenID Connect Core 1.0, sections 2 and 3.3.2.11) and of logout tokens (OpenID Connect Back-Channel Logout
 * 1.0, section 2.4), and the words of Keycloak and Amazon Cognito.
 */
function refuseOtherTypes(typ: string | undefined, payload: JWTPayload, accepted: TokenIssuer['tokenType']): void {
  const type = typ?.toLowerCase().replace(/^application\//, '');
  if (type === 'at+jwt') return;
  if (accepted === 'at+jwt') throw invalidToken('This is no access token: its type (typ) is not at+jwt.');
  if (type !== undefined && type !== 'jwt') throw invalidToken('This is no access token: its type (typ) is another.');
  const signs = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'].some((name) => Object.hasOwn(payload, name));
  const words = [payload.typ, payload.token_use].map((word) => String(word).toLowerCase());
  if (signs || words.some((word) => ['id', 'refresh', 'offline', 'logout'].includes(word))) {
    throw invalidToken('This is no access token: its claims are those of another kind.');
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
