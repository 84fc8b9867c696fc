/** The keys of the issuer of tokens: fetched, kept, and fetched again when they change. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { isTrustworthyAddress, type TokenIssuer } from '../config.ts';
import { Problem } from './problems.ts';

/** Where a verifier of tokens has its keys from. */
export interface TokenKeys {
  /** @throws {Problem} 503 `unavailable` when whether the key is one of the issuer's cannot be told at the moment */
  readonly find: JWTVerifyGetKey;
  /** Another number once the keys are others than before: a key by which a token was verified may have been withdrawn. */
  version(): number;
  /** Whether there are keys. Begins to fetch them when they are missing or old, and does not wait for it. */
  available(): boolean;
}

/** Who is told that the issuer went away or came back. */
export interface KeyLog {
  warn(line: string): void;
  info(line: string): void;
}

const FRESH_MS = 10 * 60_000;
const WAIT_MS = 15 * 60_000;
const USABLE_MS = 24 * 60 * 60_000;
const COOLDOWN_MS = 5_000;
const RETRY_MS = 2_000;
const TIMEOUT_MS = 5_000;
const BYTES = 256 * 1024;

/**
 * The keys of an issuer. They are fetched again after ten minutes, and when a token names a key that is not among them
 * (rotation), but never more often than every five seconds, or two after a failure: a storm of made-up key names must
 * not become a storm on the issuer. While the issuer is away its last keys stay good for a day, and nobody waits who
 * has one of them; who names another waits five seconds at most. The remote key set of jose does neither for fetches
 * that fail.
 *
 * @param now milliseconds since 1970
 */
export function issuerKeys(issuer: TokenIssuer, now: () => number, log?: KeyLog): TokenKeys {
  let keys: { find: JWTVerifyGetKey; text: string; fetchedAt: number } | undefined;
  let version = 0;
  let lastAttempt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let running: Promise<void> | undefined;

  const age = (): number => (keys === undefined ? Number.POSITIVE_INFINITY : now() - keys.fetchedAt);
  const usable = (): boolean => age() <= USABLE_MS;

  const refresh = (): Promise<void> => {
    if (running !== undefined) return running;
    if (now() - lastAttempt < (failed ? RETRY_MS : COOLDOWN_MS)) return Promise.resolve();
    lastAttempt = now();
    running = fetchKeys(issuer)
      .then(
        ({ find, text }) => {
          if (keys !== undefined && text !== keys.text) version++;
          keys = { find, text, fetchedAt: now() };
          if (failed) log?.info('The keys of the token issuer are there again.');
          failed = false;
        },
        (error: unknown) => {
          if (!failed) log?.warn(`The keys of the token issuer ${issuer.url} cannot be fetched: ${reason(error)}`);
          failed = true;
        },
      )
      .finally(() => {
        running = undefined;
      });
    return running;
  };

  return {
    version: () => version,
    available() {
      if (age() > FRESH_MS) void refresh();
      return usable();
    },
    async find(header, token) {
      if (age() > FRESH_MS) {
        const refreshed = refresh();
        // Keys that have just grown old serve while new ones are on their way. After a long silence they may have been
        // withdrawn: then a caller waits, unless the issuer is known to be away.
        if (!usable() || (age() > WAIT_MS && !failed)) await refreshed;
      }
      if (keys === undefined || !usable()) throw issuerUnavailable();
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
    },
  };
}

/** 503: the issuer's keys are not to be had, so nobody can tell whether a token is good. */
export function issuerUnavailable(): Problem {
  return new Problem('unavailable', 'The keys of the token issuer cannot be fetched at the moment.', {
    headers: { 'retry-after': String(RETRY_MS / 1000) },
  });
}

async function fetchKeys(issuer: TokenIssuer): Promise<{ find: JWTVerifyGetKey; text: string }> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const address = issuer.jwksUrl ?? (await discoverKeys(issuer, signal));
  const set = await fetchJson(address, signal);
  return { find: createLocalJWKSet(set as JSONWebKeySet), text: JSON.stringify(set) };
}

/** OpenID Connect Discovery 1.0, section 4: the document must name the issuer that was asked for. */
async function discoverKeys(issuer: TokenIssuer, signal: AbortSignal): Promise<string> {
  const document = await fetchJson(`${issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`, signal);
  const { issuer: named, jwks_uri: address } = document as { issuer?: unknown; jwks_uri?: unknown };
  if (named !== issuer.url) throw new Error('the openid-configuration is of another issuer');
  if (typeof address !== 'string' || !URL.canParse(address) || !isTrustworthyAddress(new URL(address))) {
    throw new Error('the openid-configuration names no address of keys that can be trusted');
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
    if (size > BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`the answer has status ${response.status}`);
  return parseObject(Buffer.concat(chunks).toString('utf8'));
}

/** The parser's own message would quote what the answer says. */
function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('the answer is no JSON');
  }
  if (typeof value !== 'object' || value === null) throw new Error('the answer is no object');
  return value;
}

/** In one line: `fetch` says only that it failed, its cause says why. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
