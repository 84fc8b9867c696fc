/**
 * The pool of connections to PostgreSQL.
 *
 * Each connection is a postgres.js client of its own with one socket, which is never opened a second time. postgres.js
 * would reconnect by itself, and when a connection dies within a transaction it may then run the rest of that
 * transaction outside of any, never answer, or throw where nobody can catch. So BEGIN and COMMIT are sent from here;
 * and whatever breaks a connection ends it, rejects all that waits on it, and takes it out of the pool for good.
 */
import { connect, type Socket } from 'node:net';
import postgres from 'postgres';

/** Where the database is. A URL names one host; `sslmode` and further start-up parameters may follow its `?`. */
export type Target =
  | { url: string }
  /** A Unix socket, by its path. */
  | { path: string; username: string; password: string; database: string }
  | {
      /** Host name, address, or the folder of the Unix socket. */
      host: string;
      port: number;
      username: string;
      password: string;
      database: string;
    };

export interface PoolSettings {
  target: Target;
  /** The most connections that are open at a time. They are opened when needed. */
  size: number;
  /** Bound on the wait for a connection, and on the making of one, in milliseconds. */
  acquireTimeoutMs?: number;
  /** Bound on one statement, in milliseconds. The server cancels it (57014); a server that is silent is given up. */
  statementTimeoutMs?: number;
  /** Bound on what still runs when the pool is closed, in milliseconds. */
  closeTimeoutMs?: number;
  /** After this age, in milliseconds, a connection is replaced: the server keeps every statement it ever prepared. */
  maximumAgeMs?: number;
  applicationName?: string;
  /** The statement that sets the tenant, given as `$1`, for the transaction it runs in. */
  enterTenant?: string;
}

/** A json parameter is its text; `undefined`, a Date or an object is a TypeError. */
export type Parameter = string | number | bigint | boolean | null | Uint8Array | readonly Parameter[];

/**
 * Values come back as: bool boolean; int2, int4, float number; int8 number, or a string where a number would lose
 * digits; numeric string; json and jsonb their text, not parsed; timestamptz a string in UTC as in RFC 3339, with the
 * microseconds; date, time and timestamp as PostgreSQL writes them; bytea Buffer; arrays of these arrays; all else text.
 */
export interface Session {
  /** Runs one prepared statement: rows as objects. Must not contain BEGIN, COMMIT or ROLLBACK. */
  query<Row extends object = Record<string, unknown>>(text: string, parameters?: readonly Parameter[]): Promise<Row[]>;
  /** The same, rows as arrays. */
  values(text: string, parameters?: readonly Parameter[]): Promise<unknown[][]>;
  /** Runs several statements without parameters, separated by semicolons. */
  simple(text: string): Promise<void>;
}

export interface TransactionOptions {
  readOnly?: boolean;
  isolation?: 'read committed' | 'repeatable read';
  /** The tenant to set before the first statement of the work. */
  tenant?: string;
  /** Plan each statement for its parameters: for lists and joins, whose best plan differs from tenant to tenant. */
  customPlan?: boolean;
}

export interface Pool {
  /**
   * Runs one statement that is a transaction of its own, in one round trip.
   * With `readOnly` it is sent once more, on another connection, when its connection turns out to be dead.
   */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    parameters?: readonly Parameter[],
    options?: { readOnly?: boolean },
  ): Promise<Row[]>;
  /**
   * Runs `work` between BEGIN and COMMIT. BEGIN and the tenant travel together with its first statement. When the work
   * throws, the transaction is rolled back and the error rethrown. A transaction that PostgreSQL answers with ROLLBACK
   * instead of COMMIT, because the work swallowed the error of a statement, throws TransactionRolledBack. A read-only
   * one resolves before COMMIT is answered, so its connection is in use for a moment longer.
   */
  transaction<T>(options: TransactionOptions, work: (session: Session) => Promise<T>): Promise<T>;
  /** Takes no new work, waits for what runs, then ends all connections. */
  close(): Promise<void>;
  /** Connections that are open, those of them in use, callers that wait for one. */
  readonly stats: { open: number; busy: number; waiting: number };
}

/** What is known of the writes of a call that met a dead connection: surely none, or nobody can tell. */
export type Outcome = 'none' | 'unknown';

/** There was no connection to be had, or the connection died. The reason is the `cause`. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
  /** `none`: nothing can have been committed. `unknown`: a COMMIT or a write of its own was under way. */
  readonly outcome: Outcome;
  constructor(outcome: Outcome, cause: unknown) {
    super(
      outcome === 'none'
        ? 'The database is unavailable; nothing was committed'
        : 'The connection to the database broke; whether the change was committed is unknown',
      { cause },
    );
    this.outcome = outcome;
  }
}

/** PostgreSQL rolled back where COMMIT was asked. The `cause` is the last error of a statement. */
export class TransactionRolledBack extends Error {
  override readonly name = 'TransactionRolledBack';
  constructor(cause: unknown) {
    super('The transaction was rolled back: a statement had failed and its error was swallowed', { cause });
  }
}

/** An error that PostgreSQL reports: `code` is its SQLSTATE. `detail` and `where` may hold personal data. */
export const PostgresError = postgres.PostgresError;
export type PostgresError = postgres.PostgresError;

/** Opens no connection yet. */
export function createPool(settings: PoolSettings): Pool {
  return new ConnectionPool(settings);
}

/** SQLSTATE classes and codes after which a connection is of no use: connection exceptions, shutdown, crash, start. */
const gone = /^(?:08...|57P0[1-5])$/;

// Everything goes to PostgreSQL as text, of which it infers the type: what is sent then never throws halfway into
// postgres.js, which would blame the statement before it, and a text is prepared once, whatever its parameters are.
function asText(value: Parameter): string | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Uint8Array) {
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  }
  if (Array.isArray(value)) return `{${value.map(asElement).join(',')}}`;
  throw new TypeError(`A parameter of type ${typeof value} cannot be sent to PostgreSQL`);
}

function asElement(value: Parameter): string {
  const text = asText(value);
  if (text === null) return 'NULL';
  return Array.isArray(value) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const arrayToken = /"([^"\\]*(?:\\.[^"\\]*)*)"|([^{},"]+)|[{}]/gs;

/** Reads the text of an array, as the PostgreSQL documentation has it in "Array Input and Output Syntax". */
function readArray(text: string, read: (element: string) => unknown): unknown {
  const open: unknown[][] = [[]];
  for (const [mark, quoted, bare] of text.matchAll(arrayToken)) {
    if (mark === '{') open.push([]);
    else if (mark === '}') {
      const complete = open.pop();
      open.at(-1)?.push(complete);
    } else if (quoted !== undefined) open.at(-1)?.push(read(quoted.replace(/\\(.)/gs, '$1')));
    else open.at(-1)?.push(bare === 'NULL' ? null : read(bare ?? ''));
  }
  // Bounds other than 1 precede the braces ("[0:1]={…}"), so the array is what was read last.
  return open[0]?.at(-1);
}

const unchanged = (text: string): string => text;

/** How values are read, with the oids of the types and of their arrays (catalog pg_type). */
// biome-ignore format: a line for each way of reading
const readers: [read: (text: string) => unknown, types: [oid: number, array: number][]][] = [
  [(text) => text === 't', [[16, 1000]]],
  [(text) => Buffer.from(text.slice(2), 'hex'), [[17, 1001]]],
  [(text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text), [[20, 1016]]],
  [Number, [[21, 1005], [23, 1007], [26, 1028], [700, 1021], [701, 1022]]],
  [(text) => (text.endsWith('+00') ? `${text.slice(0, -3).replace(' ', 'T')}Z` : text), [[1184, 1185]]],
  // name, text, json, character, character varying, date, time, timestamp, numeric, uuid, jsonb
  [unchanged, [[19, 1003], [25, 1009], [114, 199], [1042, 1014], [1043, 1015], [1082, 1182], [1083, 1183], [1114, 1115],
    [1700, 1231], [2950, 2951], [3802, 3807]]],
];

const types = Object.fromEntries(
  readers.flatMap(([read, oids]) =>
    oids.flatMap(([oid, array]) => [
      [oid, { to: oid, from: [oid], serialize: unchanged, parse: read }],
      [array, { to: array, from: [array], serialize: unchanged, parse: (text: string) => readArray(text, read) }],
    ]),
  ),
);

const prepared: { prepare: boolean } & { simple: boolean } = { prepare: true, simple: false };

type Form = 'rows' | 'values' | 'simple';

class Connection {
  /** Set once the connection must not be used any more. */
  lost = false;
  /** How many statements were answered, for the watch over silent servers. */
  answered = 0;
  readonly expires: number;
  readonly #client: postgres.Sql;
  readonly #onLost: (connection: Connection) => void;
  /** Statements without an answer: how to reject them, and what then is known. */
  readonly #waiting = new Map<(error: Error) => void, Outcome>();
  #socket: Socket | undefined;
  #cause: unknown;

  constructor(settings: PoolSettings, onLost: (connection: Connection) => void) {
    const { target, statementTimeoutMs, applicationName = 'article-30-register' } = settings;
    this.expires = performance.now() + (settings.maximumAgeMs ?? 30 * 60_000);
    this.#onLost = onLost;
    const options: postgres.Options<Record<string, postgres.PostgresType>> = {
      max: 1,
      fetch_types: false,
      types,
      idle_timeout: 0,
      max_lifetime: null,
      connect_timeout: 0,
      backoff: () => 0,
      onnotice: () => {},
      onclose: () => this.lose(new Error('The server closed the connection')),
      connection: {
        application_name: applicationName,
        TimeZone: 'UTC',
        DateStyle: 'ISO',
        ...(statementTimeoutMs ? { statement_timeout: statementTimeoutMs } : {}),
      },
    };
    // postgres.js asks for a socket again when it wants to reconnect, which is thereby impossible. (Its types lack this.)
    Object.assign(options, { socket: (to: SocketAddress) => this.#openSocket(to) });
    this.#client = 'url' in target ? postgres(target.url, options) : postgres({ ...target, ...options });
  }

  /** @throws PostgresError when the server refuses, DatabaseUnavailable when it is not there. */
  async open(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.lose(new Error('The server did not answer in time')), timeoutMs);
    try {
      await this.run('simple', 'select 1', [], 'none');
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends one statement behind those that were sent before.
   * @param outcome what is known when the connection dies before the answer
   */
  run(form: Form, text: string, parameters: readonly Parameter[], outcome: Outcome): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.lost) return reject(new DatabaseUnavailable('none', this.#cause));
      if (parameters.length > 65_533) throw new RangeError('PostgreSQL takes at most 65533 parameters');
      const query =
        form === 'simple' ? this.#client.unsafe(text) : this.#client.unsafe(text, parameters.map(asText), prepared);
      this.#waiting.set(reject, outcome);
      const answer: PromiseLike<Answer> = form === 'values' ? query.values() : query;
      answer.then(
        (rows) => {
          this.answered++;
          this.#waiting.delete(reject);
          // postgres.js answers with a class of its own, which holds on to the statement and its columns.
          resolve(form === 'simple' ? rows : rows.slice());
        },
        (error: unknown) => {
          this.answered++;
          this.#waiting.delete(reject);
          if (error instanceof PostgresError && !gone.test(error.code)) return reject(guarded(error));
          this.lose(error);
          reject(new DatabaseUnavailable(outcome, this.#cause));
        },
      );
    });
  }

  /** Whether a statement waits for its answer. */
  get expectant(): boolean {
    return this.#waiting.size > 0;
  }

  /** Ends the connection at once and rejects all that waits on it. */
  lose(cause: unknown): void {
    if (this.lost) return;
    this.lost = true;
    this.#cause = cause;
    this.#socket?.destroy();
    // The pool forgets the connection before anybody who is told of the loss can ask the pool for another.
    this.#onLost(this);
    for (const [reject, outcome] of this.#waiting) reject(new DatabaseUnavailable(outcome, cause));
    this.#waiting.clear();
  }

  /** Takes leave of the server. Nothing may be under way. */
  async end(): Promise<void> {
    this.lost = true;
    this.#cause = new Error('The connection was ended');
    await this.#client.end({ timeout: 1 });
    this.#socket?.destroy();
  }

  #openSocket({ path, host, port }: SocketAddress): Promise<Socket> {
    return new Promise((resolve, reject) => {
      if (this.#socket || this.lost) throw new Error('A connection is never opened a second time');
      // As with libpq the host of a URL may be a folder, percent-encoded, which postgres.js does not know.
      const name = decodeURIComponent(host[0] ?? '');
      const folder = path || (name.startsWith('/') && `${name}/.s.PGSQL.${port[0]}`);
      const socket = folder ? connect(folder) : connect({ host: name, port: port[0] ?? 5432, noDelay: true });
      // postgres.js reads here the name that the certificate of the server must bear.
      this.#socket = Object.assign(socket, { host: name });
      const broken = (error: Error) => {
        this.lose(error);
        reject(error);
      };
      socket.on('error', broken);
      socket.on('end', () => broken(new Error('The server closed the connection')));
      socket.on('close', () => broken(new Error('The connection was closed')));
      socket.once('connect', () => resolve(socket));
    });
  }
}

interface SocketAddress {
  path: string | false;
  host: string[];
  port: number[];
}

/** Rows; or of a single statement that was sent as `simple`, its command tag. */
type Answer = unknown[] & { command?: string | null };

// `detail` quotes the values of a key, `where` those of a function's arguments: a logger that copies what is enumerable
// must not meet them.
function guarded(error: PostgresError): PostgresError {
  for (const name of ['detail', 'where', 'internal_query']) {
    if (name in error) Object.defineProperty(error, name, { enumerable: false });
  }
  return error;
}

const ignore = (): void => {};

class Transaction implements Session {
  readonly #connection: Connection;
  readonly #options: TransactionOptions;
  #ended = false;
  /**
   * The newest statement: answers come in order, so when it is answered all are. (One that was refused unsent ends the
   * wait early; COMMIT is behind the others all the same.)
   */
  #newest: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  #entered: Promise<unknown> | undefined;

  constructor(connection: Connection, options: TransactionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  query<Row extends object>(text: string, parameters: readonly Parameter[] = []): Promise<Row[]> {
    return this.#send('rows', text, parameters) as Promise<unknown> as Promise<Row[]>;
  }

  values(text: string, parameters: readonly Parameter[] = []): Promise<unknown[][]> {
    return this.#send('values', text, parameters) as Promise<unknown> as Promise<unknown[][]>;
  }

  simple(text: string): Promise<void> {
    const done = this.#send('simple', text, []).then(ignore);
    done.catch(ignore);
    return done;
  }

  async begin(enterTenant: string): Promise<void> {
    const { isolation = 'read committed', readOnly = false, customPlan = false, tenant } = this.#options;
    const plan = customPlan ? '; set local plan_cache_mode = force_custom_plan' : '';
    const begun = this.#send(
      'simple',
      `begin isolation level ${isolation} ${readOnly ? 'read only' : 'read write'}${plan}`,
      [],
    );
    // What is sent behind a BEGIN that failed would run outside of a transaction: no more of it, then.
    begun.catch((error) => this.#connection.lose(error));
    if (tenant !== undefined) this.#entered = this.#send('rows', enterTenant, [tenant]);
    // What was sent by then is harmless if it reads, and where a tenant ought to have been set, row-level security
    // refuses it. A write without a tenant is held back until BEGIN is answered.
    else if (!readOnly) await begun;
  }

  /** Waits until all is answered; from now on the session takes nothing. */
  async finish(): Promise<void> {
    this.#ended = true;
    await this.#newest.catch(ignore);
    await this.#entered;
  }

  /** Whether some statement failed. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async commit(): Promise<void> {
    const { command } = await this.#connection.run('simple', 'commit', [], this.#options.readOnly ? 'none' : 'unknown');
    if (command !== 'COMMIT') throw new TransactionRolledBack(this.#failure);
  }

  async rollBack(): Promise<void> {
    await this.finish().catch(ignore);
    if (this.#connection.lost) return;
    await this.#connection.run('simple', 'rollback', [], 'none').catch((error) => this.#connection.lose(error));
  }

  #send(form: Form, text: string, parameters: readonly Parameter[]): Promise<Answer> {
    const answer = this.#ended
      ? Promise.reject(new Error('The transaction of this session has ended'))
      : this.#connection.run(form, text, parameters, 'none').catch((error) => {
          // 25P02 only says that some statement before failed: the caller wants to know with what.
          if (error instanceof PostgresError && error.code === '25P02' && this.#failure) throw this.#failure;
          this.#failure = error;
          throw error;
        });
    // Whoever awaits the answer gets its error; a statement that nobody awaits must not end the process.
    answer.catch(ignore);
    if (!this.#ended) this.#newest = answer;
    return answer;
  }
}

interface Waiter {
  resolve(connection: Connection): void;
  reject(error: Error): void;
}

class ConnectionPool implements Pool {
  readonly #settings: PoolSettings;
  readonly #timeoutMs: number;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** First come, first served. */
  readonly #waiting = new Set<Waiter>();
  readonly #quiet = Promise.withResolvers<void>();
  readonly #watch: NodeJS.Timeout | undefined;
  #opening = 0;
  #closed: Promise<void> | undefined;
  #ended = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#timeoutMs = settings.acquireTimeoutMs ?? 5_000;
    const { statementTimeoutMs: bound } = settings;
    if (bound) this.#watch = this.#watchSilence(bound + Math.min(bound, 5_000));
  }

  get stats(): Pool['stats'] {
    const open = this.#connections.size;
    return { open, busy: open - this.#idle.length, waiting: this.#waiting.size };
  }

  async query<Row extends object>(
    text: string,
    parameters: readonly Parameter[] = [],
    { readOnly = false }: { readOnly?: boolean } = {},
  ): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      const connection = await this.#acquire();
      try {
        const rows: unknown = await connection.run('rows', text, parameters, readOnly ? 'none' : 'unknown');
        return rows as Row[];
      } catch (error) {
        if (!(readOnly && connection.lost && attempt === 1)) throw error;
        // The idle ones may have died the same death, and not know it yet.
        for (const idle of this.#idle.splice(0)) this.#discard(idle);
      } finally {
        this.#release(connection);
      }
    }
  }

  async transaction<T>(options: TransactionOptions, work: (session: Session) => Promise<T>): Promise<T> {
    const connection = await this.#acquire();
    const transaction = new Transaction(connection, options);
    let result: T;
    try {
      await transaction.begin(this.#settings.enterTenant ?? 'select enter_tenant($1)');
      result = await work(transaction);
      await transaction.finish();
    } catch (error) {
      await transaction.rollBack();
      this.#release(connection);
      throw error;
    }
    const committed = transaction.commit().finally(() => this.#release(connection));
    // What was read stays true however COMMIT ends, so the caller is spared the round trip.
    if (options.readOnly && !transaction.failed) committed.catch(ignore);
    else await committed;
    return result;
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    const late = setTimeout(() => this.#quiet.resolve(), this.#settings.closeTimeoutMs ?? 10_000);
    // After this turn, so that #closed is set when quiet is looked for.
    queueMicrotask(() => this.#noticeQuiet());
    await this.#quiet.promise;
    this.#ended = true;
    clearTimeout(late);
    clearInterval(this.#watch);
    const closing = new Error('The pool is closed');
    for (const waiter of this.#waiting) waiter.reject(new DatabaseUnavailable('none', closing));
    const idle = this.#idle.splice(0);
    for (const connection of idle) this.#connections.delete(connection);
    for (const connection of this.#connections) connection.lose(closing);
    await Promise.all(idle.map((connection) => connection.end()));
  }

  async #acquire(): Promise<Connection> {
    if (this.#closed) throw new DatabaseUnavailable('none', new Error('The pool is closed'));
    return this.#idle.pop() ?? (await this.#wait());
  }

  #wait(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        resolve(connection) {
          leave();
          resolve(connection);
        },
        reject(error) {
          leave();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        waiter.reject(new DatabaseUnavailable('none', new Error('No connection became free in time')));
        this.#noticeQuiet();
      }, this.#timeoutMs);
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  #release(connection: Connection): void {
    if (!connection.lost && performance.now() > connection.expires) this.#discard(connection);
    else if (!connection.lost) this.#idle.push(connection);
    this.#serve();
  }

  #discard(connection: Connection): void {
    this.#connections.delete(connection);
    void connection.end().catch(ignore);
  }

  /** Hands free connections to those who wait, and opens as many more as there are callers for. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      const connection = this.#idle.pop();
      if (!connection) break;
      waiter.resolve(connection);
    }
    while (this.#opening < this.#waiting.size && this.#connections.size + this.#opening < this.#settings.size) {
      void this.#open();
    }
    this.#noticeQuiet();
  }

  async #open(): Promise<void> {
    this.#opening++;
    const connection = new Connection(this.#settings, (lost) => this.#forget(lost));
    try {
      await connection.open(this.#timeoutMs);
      this.#opening--;
      if (this.#ended) connection.lose(new Error('The pool is closed'));
      // It may also have died in the very turn in which it became ready.
      if (!connection.lost) {
        this.#connections.add(connection);
        this.#idle.push(connection);
      }
      this.#serve();
    } catch (error) {
      this.#opening--;
      connection.lose(error);
      this.#refuse(error);
    }
  }

  // While other connections live, those who wait will be served by them. Without any, waiting would be in vain; the
  // next caller is the next attempt.
  #refuse(error: unknown): void {
    const cause = error instanceof DatabaseUnavailable ? error.cause : error;
    if (this.#connections.size === 0 && this.#opening === 0) {
      for (const waiter of this.#waiting) waiter.reject(new DatabaseUnavailable('none', cause));
    }
    this.#noticeQuiet();
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#serve();
  }

  #noticeQuiet(): void {
    if (this.#closed && this.#waiting.size + this.#opening === 0 && this.#connections.size === this.#idle.length) {
      this.#quiet.resolve();
    }
  }

  /** Gives up a connection on which a statement waits and none was answered from one look to the next. */
  #watchSilence(intervalMs: number): NodeJS.Timeout {
    const seen = new WeakMap<Connection, number>();
    const look = () => {
      for (const connection of this.#connections) {
        if (!connection.expectant) seen.delete(connection);
        else if (seen.get(connection) !== connection.answered) seen.set(connection, connection.answered);
        else connection.lose(new Error('The server fell silent'));
      }
    };
    return setInterval(look, intervalMs).unref();
  }
}
