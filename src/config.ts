import { isIP } from 'node:net';
import { resolve } from 'node:path';

/**
 * The settings of the service. They come from the environment, are read once by `readConfig`, and reach every other part
 * as a value: no other file reads the environment.
 */
export interface Config {
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  readonly publicUrl?: string;
  readonly logLevel: LogLevel;
  /** Absolute path. */
  readonly dataDirectory: string;
  readonly database: {
    /** Absent: the embedded PostgreSQL in `dataDirectory`. */
    readonly url?: string;
    readonly ownerUrl?: string;
    readonly readUrl?: string;
    /** Connections that one process holds open at most. */
    readonly connections: number;
  };
  readonly auth: {
    /** Absent: the service trusts the key in its own data folder, and listens on loopback only. */
    readonly issuer?: TokenIssuer;
    readonly tenantClaim: string;
    readonly rolesClaim: string;
  };
  /** Absolute path of the key that signs exports and checkpoints; absent: one in `dataDirectory`. */
  readonly signingKeyFile?: string;
  readonly limits: {
    /** Bytes of a request's body. */
    readonly body: number;
    /** Bytes of a file to import. */
    readonly importFile: number;
    /** Requests a second of one token in one tenant; 0 is no limit. */
    readonly requests: number;
  };
}

/** Who issues the tokens: OpenID Connect or OAuth 2.0 (RFC 9068). */
export interface TokenIssuer {
  /** Compared with the claim `iss` as it stands. */
  readonly url: string;
  readonly audience: string;
  /** Absent: found by the issuer's `/.well-known/openid-configuration`. */
  readonly jwksUrl?: string;
  /** `JWT`: tokens whose header `typ` is `JWT` or absent are believed too, where their claims are no ID token's. */
  readonly tokenType: TokenType;
}

export const TOKEN_TYPES = ['at+jwt', 'JWT'] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A setting that stops the start. The message is one line for the person who starts the service; it holds no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Every setting with its default and meaning: the one list, for the reader, the documentation and the check of names. */
export const SETTINGS = {
  HOST: { default: '127.0.0.1', meaning: 'address to listen on; any but loopback needs AUTH_ISSUER' },
  PORT: { default: '3000', meaning: 'port to listen on; 0 takes a free one' },
  PUBLIC_URL: { meaning: 'address under which people reach the service, for links and metadata' },
  LOG_LEVEL: { default: 'info', meaning: LOG_LEVELS.join(', ') },
  DATA_DIR: { default: './data', meaning: 'folder of the embedded PostgreSQL and of the keys' },
  DATABASE_URL: { meaning: 'PostgreSQL 15 or newer; absent: the embedded one in DATA_DIR' },
  DATABASE_OWNER_URL: { meaning: 'the role that owns the tables; read by migrate alone' },
  DATABASE_READ_URL: { meaning: 'a hot standby, for exports and lists' },
  DATABASE_CONNECTIONS: { default: '10', meaning: 'connections to the database at most, 1 to 1000' },
  AUTH_ISSUER: { meaning: 'issuer of the tokens; absent: local tokens (npm run token), loopback only' },
  AUTH_AUDIENCE: { meaning: 'audience that a token must be for; needed with AUTH_ISSUER' },
  AUTH_JWKS_URL: { meaning: "the issuer's keys; absent: found by its openid-configuration" },
  AUTH_TYP_HEADER: {
    default: 'at+jwt',
    meaning: 'typ of access tokens; JWT for issuers that do not write at+jwt (RFC 9068)',
  },
  AUTH_TENANT_CLAIM: { default: 'tenant', meaning: 'claim with the references of tenants; dots lead into objects' },
  AUTH_ROLES_CLAIM: { default: 'roles', meaning: 'claim with the roles; dots lead into objects' },
  SIGNING_KEY_FILE: { meaning: 'key that signs exports and checkpoints; absent: one in DATA_DIR' },
  BODY_LIMIT: { default: '1048576', meaning: 'bytes of a request body, 1024 to 16777216' },
  IMPORT_LIMIT: { default: '26214400', meaning: 'bytes of a file to import, 1024 to 268435456' },
  REQUEST_LIMIT: { default: '2000', meaning: 'requests a second of one token in one tenant; 0 is no limit' },
} as const satisfies Record<string, { default?: string; meaning: string }>;
export type SettingName = keyof typeof SETTINGS;
type SettingWithDefault = {
  [Name in SettingName]: (typeof SETTINGS)[Name] extends { default: string } ? Name : never;
}[SettingName];

/**
 * Reads the settings. An empty value counts as absent, as compose files make them so.
 *
 * @param env the environment, `process.env`
 * @throws {ConfigError} when a value is wrong, two contradict each other, or a name is one of ours misspelt
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  refuseMisspelt(env);
  const given = (name: SettingName): string | undefined => env[name]?.trim() || undefined;
  const text = (name: SettingWithDefault): string => given(name) ?? SETTINGS[name].default;
  const integer = (name: SettingWithDefault, least: number, most: number): number => {
    const value = text(name);
    const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new ConfigError(`${name} is ${quoted(value)}; it must be a whole number from ${least} to ${most}.`);
  };
  const optional = <T>(name: SettingName, read: (name: SettingName, value: string) => T): T | undefined => {
    const value = given(name);
    return value === undefined ? undefined : read(name, value);
  };

  const host = hostName(text('HOST'));
  const issuer = readIssuer(given);
  if (issuer === undefined && !isLoopback(host)) {
    throw new ConfigError(
      `HOST is ${quoted(host)}, which other machines can reach; that needs AUTH_ISSUER. Without it use 127.0.0.1.`,
    );
  }
  const url = optional('DATABASE_URL', databaseUrl);
  const readUrl = optional('DATABASE_READ_URL', databaseUrl);
  if (readUrl !== undefined && url === undefined) {
    throw new ConfigError('DATABASE_READ_URL is set without DATABASE_URL; a standby needs its primary.');
  }
  const logLevel = LOG_LEVELS.find((level) => level === text('LOG_LEVEL'));
  if (logLevel === undefined) {
    throw new ConfigError(`LOG_LEVEL is ${quoted(text('LOG_LEVEL'))}; it must be one of ${LOG_LEVELS.join(', ')}.`);
  }

  return {
    host,
    port: integer('PORT', 0, 65_535),
    ...present({ publicUrl: optional('PUBLIC_URL', publicUrl) }),
    logLevel,
    dataDirectory: path('DATA_DIR', text('DATA_DIR')),
    database: {
      ...present({ url, ownerUrl: optional('DATABASE_OWNER_URL', databaseUrl), readUrl }),
      connections: integer('DATABASE_CONNECTIONS', 1, 1000),
    },
    auth: {
      ...present({ issuer }),
      tenantClaim: claimName('AUTH_TENANT_CLAIM', text('AUTH_TENANT_CLAIM')),
      rolesClaim: claimName('AUTH_ROLES_CLAIM', text('AUTH_ROLES_CLAIM')),
    },
    ...present({ signingKeyFile: optional('SIGNING_KEY_FILE', path) }),
    limits: {
      body: integer('BODY_LIMIT', 1024, 16 * 1024 * 1024),
      importFile: integer('IMPORT_LIMIT', 1024, 256 * 1024 * 1024),
      requests: integer('REQUEST_LIMIT', 0, 1_000_000),
    },
  };
}

/** Whether only this machine reaches the address: `localhost`, 127.0.0.0/8 or ::1. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Whether what is fetched from this address can be believed: by TLS, or because it never leaves this machine.
 * Keys that verify tokens are worth as much as the way they came.
 */
export function isTrustworthyAddress(address: URL): boolean {
  const host = address.hostname.replace(/^\[(.*)\]$/, '$1');
  return address.protocol === 'https:' || (address.protocol === 'http:' && isLoopback(host));
}

function readIssuer(given: (name: SettingName) => string | undefined): TokenIssuer | undefined {
  const issuer = given('AUTH_ISSUER');
  const audience = given('AUTH_AUDIENCE');
  const jwks = given('AUTH_JWKS_URL');
  const type = given('AUTH_TYP_HEADER') ?? SETTINGS.AUTH_TYP_HEADER.default;
  if (issuer === undefined) {
    const lone = (['AUTH_AUDIENCE', 'AUTH_JWKS_URL', 'AUTH_TYP_HEADER'] as const).find((name) => given(name));
    if (lone === undefined) return undefined;
    throw new ConfigError(`${lone} is set without AUTH_ISSUER; set both, or neither for local tokens.`);
  }
  const address = webAddress('AUTH_ISSUER', issuer);
  if (address.search !== '') throw new ConfigError('AUTH_ISSUER has a query (?), which no issuer has.');
  if (audience === undefined) {
    throw new ConfigError('AUTH_ISSUER is set without AUTH_AUDIENCE; name the audience that tokens must be for.');
  }
  const tokenType = TOKEN_TYPES.find((each) => each.toLowerCase() === type.toLowerCase());
  if (tokenType === undefined) {
    throw new ConfigError(`AUTH_TYP_HEADER is ${quoted(type)}; it must be one of ${TOKEN_TYPES.join(', ')}.`);
  }
  const named = { url: issuer, audience, tokenType };
  if (jwks === undefined) {
    keyAddress('AUTH_ISSUER', address);
    return named;
  }
  return { ...named, jwksUrl: keyAddress('AUTH_JWKS_URL', webAddress('AUTH_JWKS_URL', jwks)).href };
}

function keyAddress(name: SettingName, address: URL): URL {
  if (isTrustworthyAddress(address)) return address;
  throw new ConfigError(`${name} begins with http; the keys that verify tokens must come by https (or from loopback).`);
}

function webAddress(name: SettingName, value: string): URL {
  const address = URL.canParse(value) ? new URL(value) : undefined;
  const flaw =
    address === undefined || !/^https?:\/\//i.test(value)
      ? 'is not a web address'
      : address.username !== '' || address.password !== ''
        ? 'holds a user name or password'
        : address.hash !== ''
          ? 'has a fragment (#)'
          : undefined;
  if (address !== undefined && flaw === undefined) return address;
  throw new ConfigError(`${name} ${flaw}; it must be like https://example.org/path, without user, password, fragment.`);
}

function publicUrl(name: SettingName, value: string): string {
  const address = webAddress(name, value);
  if (address.search !== '')
    throw new ConfigError(`${name} has a query (?); it must be like https://example.org/path.`);
  return address.href.replace(/\/+$/, '');
}

/** The value is never shown: it holds a password. */
function databaseUrl(name: SettingName, value: string): string {
  const form = 'it must be like postgres://user:password@host:5432/database';
  const parts = /^postgres(?:ql)?:\/\/(?:[^@/?#]*@)?([^@/?#]*)(?:\/[^?#]*)?(?:\?[^#]*)?$/.exec(value);
  if (!/^postgres(ql)?:\/\//.test(value)) throw new ConfigError(`${name} does not begin with postgres://; ${form}.`);
  if (parts?.[1]?.includes(',')) throw new ConfigError(`${name} names several hosts; ${form}.`);
  if (parts?.[1] === '') throw new ConfigError(`${name} names no host; ${form}.`);
  if (parts !== null && URL.canParse(value)) return value;
  throw new ConfigError(
    `${name} cannot be read; ${form}, with / ? # @ : in user and password percent-encoded (%2F %3F %23 %40 %3A).`,
  );
}

function hostName(value: string): string {
  const host = value.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 || /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(host)) {
    // A number that is no address (127.0.0.1.1, 300.1.1.1) would be looked up as a name.
    if (isIP(host) !== 0 || /[a-z]/.test(host)) return host;
  }
  throw new ConfigError(`HOST is ${quoted(value)}; it must be an IP address or a host name, without port.`);
}

function claimName(name: SettingName, value: string): string {
  if (value.length <= 200 && !/\s/.test(value)) return value;
  throw new ConfigError(`${name} is ${quoted(value)}; it must be one name of at most 200 characters without spaces.`);
}

function path(name: SettingName, value: string): string {
  if (value.includes('\0')) throw new ConfigError(`${name} holds a NUL character; it must be a path.`);
  return resolve(value);
}

/**
 * Stops at names that are surely meant for us and are none of ours. Containers are full of foreign variables (a
 * Kubernetes service named `database` gives DATABASE_PORT and DATABASE_SERVICE_HOST), so a prefix alone proves nothing;
 * a name is taken for a misspelling of ours of eight or more letters when
 *   1. it is one slip away, two for names of 16 letters or more (DATABASE_URI, AUTH_ROLE_CLAIM, auth_issuer), or
 *   2. it has the same words in another order (AUTH_CLAIM_TENANT), or
 *   3. it is the beginning of ours, two words or more (AUTH_JWKS, SIGNING_KEY).
 */
function refuseMisspelt(env: Readonly<Record<string, string | undefined>>): void {
  const ours = Object.keys(SETTINGS).filter((name) => name.length >= 8);
  for (const [name, value] of Object.entries(env)) {
    if (!value || Object.hasOwn(SETTINGS, name)) continue;
    const written = name.toUpperCase();
    const words = written.split('_').sort().join();
    const meant =
      nearest(written, ours) ??
      ours.find((setting) => setting.split('_').sort().join() === words) ??
      ours.find((setting) => written.includes('_') && setting.startsWith(`${written}_`));
    if (meant !== undefined) throw new ConfigError(`${name} is no setting; did you mean ${meant}?`);
  }
}

/**
 * The word that was probably meant: the candidate that the fewest slips of the keyboard (a letter too many, missing,
 * wrong, or two swapped) turn into what was written; one slip for each eight letters, at least one.
 */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const allowed = Math.max(1, Math.floor(candidate.length / 8));
    if (Math.abs(candidate.length - written.length) > allowed) continue;
    const slips = slipsBetween(written, candidate);
    if (slips <= allowed && slips < fewest) [best, fewest] = [candidate, slips];
  }
  return best;
}

/** Optimal string alignment distance. */
function slipsBetween(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1, swapped ? before[j - 2]! + 1 : replaced));
    }
    [before, row] = [row, next];
  }
  return row[to.length]!;
}

/** Values that are there: an absent one gets no key, instead of the value undefined. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** A value on one line, cut, with what would break the line escaped. */
function quoted(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
