/**
 * A PostgreSQL of the service's own: found, set up, started, watched, started again, stopped.
 *
 * Everything that belongs to one database lies in one folder, `<data folder>/postgres-<major version>`, which appears
 * whole or not at all. Clients come through the Unix socket in that folder, which only its owner may enter; there is no
 * network port. Two roles can log in, each with a random password that lies in the folder: `ropa_owner`, who owns the
 * database and its tables, and `ropa_service`, who owns nothing. The superuser of PostgreSQL cannot log in at all; the
 * way to it is `postgres --single` on a stopped folder.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Binaries, binaryPackage, run, usableBinaries } from './binaries.ts';
import { type Account, type Supervised, supervise } from './supervisor.ts';

/** How a client reaches a database: options of postgres.js, valid in the process that they were given to. */
export interface Target {
  /** Path of the Unix socket. */
  readonly path: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
}

/** What happened to the server: it died (`down`), or it was started again and takes connections (`up`). */
export type ServerEvent = 'down' | 'up';

/** An embedded PostgreSQL that takes connections. */
export interface EmbeddedDatabase {
  /** Owns the database and everything in it, runs migrations, may create databases. */
  readonly owner: Target;
  /** What the service works as: no superuser, bound by row-level security, owner of nothing. */
  readonly service: Target;
  /** Calls `listener` when the server died without `stop()`, and when it is there again; `reason` is one sentence. */
  onDown(listener: (event: ServerEvent, reason: string) => void): void;
  /** Shuts down fast (open transactions are rolled back), waits for the end, and gives the data folder free. */
  stop(): Promise<void>;
}

/** What `startEmbedded` is told. */
export interface EmbeddedOptions {
  /** Folder for the databases; created when missing. */
  readonly dataDirectory: string;
  /** Gets the server's own log and notices of this module, line by line; neither holds statements nor their values. */
  readonly log?: (line: string) => void;
  /** Settings of PostgreSQL that go before the ones here. */
  readonly settings?: Readonly<Record<string, string>>;
}

const OWNER = 'ropa_owner';
const SERVICE = 'ropa_service';
const DATABASE = 'ropa';
const SOCKET = '.s.PGSQL.5432';
const READY = 'database system is ready to accept connections';
/** Another server, or what is left of one, is still on the folder. Its back ends outlive a killed server by seconds. */
const OCCUPIED = /pre-existing shared memory block|lock file "[^"]+" already exists/;

const SQLITE_BUSY = 5;
const OCCUPIED_PATIENCE_MS = 60_000;
const SHUTDOWN_PATIENCE_MS = 60_000;
const LONGEST_PAUSE_MS = 10_000;
/** A server that ran this long before it died is started again at once. */
const STEADY_MS = 60_000;

const SETTINGS: Readonly<Record<string, string>> = {
  cluster_name: 'article-30-register',
  port: '5432',
  listen_addresses: '',
  // The server's working directory is its folder, so that the socket's path is short however deep the folder lies.
  unix_socket_directories: '.',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '128MB',
  // Statements are short and many: compiling them, or spreading one over several processes, costs more than it gives,
  // and parallel processes share memory in /dev/shm, of which a container has only 64 MB.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  // Statements and the details of errors hold personal data. "log" leaves out what a client's statement causes.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_statement: 'none',
  log_checkpoints: 'off',
  log_line_prefix: '[%p] ',
  // Functions keep the plans that they made for small tables until the tables are analysed.
  autovacuum_naptime: '10s',
};

/**
 * Starts the embedded PostgreSQL on a data folder, after creating the database when there is none, and resolves when it
 * takes connections. A server that died is started again until `stop()`. When this process ends without `stop()`,
 * however it ends, the server is shut down.
 *
 * @throws Error whose message is one line for the operator: the folder cannot be used, another service runs on it,
 *   PostgreSQL is not installed or does not start
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const { log = () => {}, settings = {} } = options;
  const programs = binaryPackage();
  const data = resolve(options.dataDirectory);
  const folder = join(data, `postgres-${programs.major}`);
  const account = accountFor(folder);
  openDataFolder(data);
  const giveUpLock = await takeLock(data);
  try {
    const binaries = await usableBinaries(programs, account ? '/var/cache/article-30-register' : data, account);
    if (existsSync(join(folder, 'PG_VERSION'))) adopt(data, folder, account);
    else await initialise(data, folder, binaries, account);
    const targets = targetsOf(folder);

    const stopping = new AbortController();
    const launch = () => launchServer(folder, binaries, account, { ...SETTINGS, ...settings }, log, stopping.signal);
    const first = await launch();
    const listeners: ((event: ServerEvent, reason: string) => void)[] = [];
    const tell = (event: ServerEvent, reason: string) => {
      log(reason);
      for (const listener of listeners) listener(event, reason);
    };
    const life = keepAlive(first, launch, tell, log, stopping.signal);

    let stopped: Promise<void> | undefined;
    const stop = async () => {
      // An immediate shutdown loses nothing: the next start recovers from the log.
      const late = setTimeout(() => signalServer(folder, 'SIGQUIT'), SHUTDOWN_PATIENCE_MS);
      stopping.abort();
      await life;
      clearTimeout(late);
      targets.close();
      giveUpLock();
    };
    return {
      owner: targets.owner,
      service: targets.service,
      onDown: (listener) => void listeners.push(listener),
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    giveUpLock();
    throw error;
  }
}

/**
 * The targets of the embedded PostgreSQL that another process of the same user (or of root) keeps running on a data
 * folder; nothing when none takes connections there. They stay valid as long as the calling process lives.
 *
 * @throws Error when the folder belongs to another user
 */
export async function runningEmbedded(dataDirectory: string): Promise<{ owner: Target; service: Target } | undefined> {
  const data = resolve(dataDirectory);
  const folder = join(data, `postgres-${binaryPackage().major}`);
  try {
    const state = serverState(folder);
    if (!state?.ready || !(await isServer(state.pid, folder))) return undefined;
    const { owner, service } = targetsOf(folder);
    return { owner, service };
  } catch (error) {
    throw unusable(data, error);
  }
}

/** Waits for the server to die, and starts it again, until it is to be stopped. */
async function keepAlive(
  first: Supervised,
  launch: () => Promise<Supervised>,
  tell: (event: ServerEvent, reason: string) => void,
  log: (line: string) => void,
  stopping: AbortSignal,
): Promise<void> {
  let server: Supervised | undefined = first;
  let pause = 0;
  while (server) {
    const since = performance.now();
    const reason = await server.ended;
    if (stopping.aborted) return;
    tell('down', `PostgreSQL died: ${reason}. It is being started again.`);
    if (performance.now() - since > STEADY_MS) pause = 0;
    server = undefined;
    while (!server && !stopping.aborted) {
      await sleep(pause, undefined, { signal: stopping }).catch(() => {});
      pause = Math.min(Math.max(2 * pause, 100), LONGEST_PAUSE_MS);
      try {
        if (!stopping.aborted) server = await launch();
      } catch (error) {
        if (!stopping.aborted) log((error as Error).message);
      }
    }
    if (server && !stopping.aborted) tell('up', 'PostgreSQL takes connections again.');
  }
}

/** Starts the server and waits until it takes connections, or until there is no hope of it. */
async function launchServer(
  folder: string,
  binaries: Binaries,
  account: Account | undefined,
  settings: Readonly<Record<string, string>>,
  log: (line: string) => void,
  stopping: AbortSignal,
): Promise<Supervised> {
  const deadline = performance.now() + OCCUPIED_PATIENCE_MS;
  for (;;) {
    await stopOrphan(folder, log);
    const directory = openSync(folder, 'r');
    const ready = Promise.withResolvers<undefined>();
    let complaint: string | undefined;
    const server = supervise(
      binaries.postgres,
      ['-D', folderFor(folder), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { account, directory, environment: strangerInLockFile(folder) },
      (line) => {
        if (line.includes(READY)) ready.resolve(undefined);
        else if (/FATAL|PANIC/.test(line)) complaint ??= line;
        log(line);
      },
    );
    closeSync(directory);
    if (stopping.aborted) server.finish();
    stopping.addEventListener('abort', server.finish);
    void server.ended.then(() => stopping.removeEventListener('abort', server.finish));

    const ended = await Promise.race([ready.promise, server.ended]);
    if (ended === undefined) {
      // It says so a moment before it writes so into its lock file, where other processes look.
      let gone = false;
      void server.ended.then(() => {
        gone = true;
      });
      while (!gone && serverState(folder)?.ready !== true) await sleep(2);
      return server;
    }
    if (stopping.aborted || !OCCUPIED.test(complaint ?? '') || performance.now() > deadline) {
      throw new Error(`PostgreSQL does not start on ${folder}: ${complaint ?? ended}`);
    }
    await sleep(200);
  }
}

/**
 * A server that is on the folder although we hold its lock has lost its service. Most often its supervisor is already
 * stopping it.
 */
async function stopOrphan(folder: string, log: (line: string) => void): Promise<void> {
  const pid = serverState(folder)?.pid;
  if (pid === undefined || !(await isServer(pid, folder))) return;
  log(`PostgreSQL (process ${pid}) runs without its service and is being stopped.`);
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    signalServer(folder, signal);
    const deadline = performance.now() + SHUTDOWN_PATIENCE_MS / 2;
    while (performance.now() < deadline) {
      if (!(await isServer(pid, folder))) return;
      await sleep(20);
    }
  }
  throw new Error(`PostgreSQL (process ${pid}) holds ${folder} and cannot be stopped.`);
}

/**
 * PostgreSQL refuses to start when the process named in its lock file lives, though the number may have come to another
 * process, as it does when a container starts anew. It makes an exception for the number in this variable, which its
 * own `pg_ctl` uses for the same purpose, and then still looks whether anything is attached to the shared memory of the
 * old server. So nobody here ever deletes a lock file.
 */
function strangerInLockFile(folder: string): Record<string, string> {
  const pid = serverState(folder)?.pid;
  return pid === undefined ? {} : { PG_GRANDPARENT_PID: String(pid) };
}

/** What the server's lock file says: the first line is its process, the eighth its state. */
function serverState(folder: string): { pid: number; ready: boolean } | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const pid = Number.parseInt(lines[0] ?? '', 10);
  return pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
}

/** Whether the process is the server on this folder: then it works in it. */
async function isServer(pid: number, folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return accepts(join(folder, SOCKET));
  try {
    const [its, ours] = [statSync(`/proc/${pid}/cwd`), statSync(folder)];
    return its.dev === ours.dev && its.ino === ours.ino;
  } catch {
    return false;
  }
}

/** Whether anything listens on the socket. */
function accepts(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(path);
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
    socket.once('connect', () => socket.destroy());
  });
}

function signalServer(folder: string, signal: NodeJS.Signals): void {
  try {
    const pid = serverState(folder)?.pid;
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

/**
 * Creates the database in a folder beside the final one, which then takes its name: a crash leaves no half database
 * that a later start would take for a whole one.
 */
async function initialise(
  data: string,
  folder: string,
  binaries: Binaries,
  account: Account | undefined,
): Promise<void> {
  for (const name of readdirSync(data)) {
    if (/^postgres-\d+\.new-/.test(name)) {
      // An initdb that lost its service may still be writing there; it fails as its files go, and then so may we.
      await rm(join(data, name), { recursive: true, force: true, maxRetries: 20 });
    }
    if (/^postgres-\d+$/.test(name) && join(data, name) !== folder) {
      throw new Error(
        `${join(data, name)} was written by another major version of PostgreSQL than ${folder} would be: ` +
          'start the version of this service that wrote it, or move it away to begin with an empty database.',
      );
    }
  }
  const draft = mkdtempSync(`${folder}.new-`);
  try {
    if (account) chownSync(draft, account.uid, account.gid);
    const directory = openSync(draft, 'r');
    try {
      await fill(draft, directory, binaries, account);
      if (account) handOver(draft, account);
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    renameSync(draft, folder);
    const parent = openSync(data, 'r');
    fsyncSync(parent);
    closeSync(parent);
  } catch (error) {
    await rm(draft, { recursive: true, force: true, maxRetries: 20 });
    throw new Error(`The database could not be created in ${folder}: ${reasonOf(error)}`, { cause: error });
  }
}

async function fill(
  draft: string,
  directory: number,
  { initdb, postgres }: Binaries,
  account: Account | undefined,
): Promise<void> {
  const surroundings = { account, directory };
  // The operating system need not know the locale: the builtin provider sorts and folds, on every machine alike.
  const locale = process.platform === 'darwin' ? 'C' : 'C.UTF-8';
  await run(
    initdb,
    [
      ...['-D', folderFor(draft), '--username=postgres', '--auth=reject', '--encoding=UTF8'],
      ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', `--locale=${locale}`],
    ],
    surroundings,
  );
  writeFileSync(
    join(draft, 'pg_hba.conf'),
    `# Only the two roles of the register come in, with their passwords, through the Unix socket.\nlocal all ${OWNER},${SERVICE} scram-sha-256\n`,
    { flush: true },
  );
  const password = (role: string) => {
    const secret = randomBytes(32).toString('hex');
    writeFileSync(passwordFile(draft, role), secret, { mode: 0o600, flush: true });
    return secret;
  };
  await run(
    postgres,
    ['--single', '-D', folderFor(draft), '-c', 'exit_on_error=on', '-c', 'log_min_error_statement=panic', 'postgres'],
    surroundings,
    [
      `CREATE ROLE ${OWNER} LOGIN CREATEDB PASSWORD '${password(OWNER)}'`,
      `CREATE ROLE ${SERVICE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '${password(SERVICE)}'`,
      `CREATE DATABASE ${DATABASE} OWNER ${OWNER}`,
      '',
    ].join('\n'),
  );
}

function passwordFile(folder: string, role: string): string {
  return join(folder, `${role}.password`);
}

/**
 * The folder's name for PostgreSQL, which finds it open as descriptor 3: so it need not be able to walk there (an
 * unprivileged user cannot enter what lies below /root), and no character in the path can trouble it.
 */
function folderFor(folder: string): string {
  return process.platform === 'linux' ? '/proc/self/fd/3' : folder;
}

/** How the two roles reach the server on a folder, from this process. */
function targetsOf(folder: string): { owner: Target; service: Target; close(): void } {
  let path = join(folder, SOCKET);
  let descriptor: number | undefined;
  // The address of a socket holds 107 bytes, on macOS 103. An open folder gives any path a short name.
  if (Buffer.byteLength(path) > (process.platform === 'linux' ? 107 : 103)) {
    if (process.platform !== 'linux')
      throw new Error(`The path ${path} is too long for a socket: choose a shorter one.`);
    descriptor = openSync(folder, 'r');
    path = `/proc/self/fd/${descriptor}/${SOCKET}`;
  }
  const target = (username: string): Target => ({
    path,
    username,
    password: readFileSync(passwordFile(folder, username), 'utf8'),
    database: DATABASE,
  });
  return {
    owner: target(OWNER),
    service: target(SERVICE),
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

/**
 * PostgreSQL does not run as root. It then runs as the user whom the folder belongs to already, else as `postgres`,
 * else as `nobody`; `initdb` needs one that /etc/passwd knows.
 */
function accountFor(folder: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(folder, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'PostgreSQL does not run as root, and /etc/passwd has neither "postgres" nor "nobody": ' +
      'start the service as an ordinary user, or set DATABASE_URL.',
  );
}

/** Makes an existing database readable for PostgreSQL alone: copied back from a backup it may belong to root, or be open. */
function adopt(data: string, folder: string, account: Account | undefined): void {
  try {
    if (account && statSync(folder).uid !== account.uid) handOver(folder, account);
    chmodSync(folder, 0o700);
  } catch (error) {
    throw unusable(data, error);
  }
}

function handOver(folder: string, { uid, gid }: Account): void {
  lchownSync(folder, uid, gid);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(folder, name), uid, gid);
}

function openDataFolder(data: string): void {
  try {
    // Only Linux lets an unprivileged PostgreSQL into a folder that it cannot walk to.
    mkdirSync(data, { recursive: true, mode: process.platform === 'linux' ? 0o700 : 0o711 });
    accessSync(data, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(data, error);
  }
}

/**
 * Takes the data folder for this process alone. Node has no `flock`, but SQLite, which comes with Node, locks files;
 * the kernel gives the lock up however the process ends, and it holds between containers that share the folder.
 */
async function takeLock(data: string): Promise<() => void> {
  // Loaded here, since who brings a DATABASE_URL has no need of it, and Node 24 calls it experimental on every load.
  const sqlite = await import('node:sqlite');
  const pidFile = join(data, 'service.pid');
  const lockFile = join(data, 'service.lock');
  let lock: DatabaseSync | undefined;
  try {
    lock = new sqlite.DatabaseSync(lockFile, { timeout: 0 });
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    chmodSync(lockFile, 0o600);
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw unusable(data, error);
    const holder = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : 'unknown';
    throw new Error(`Another service (process ${holder}) runs on the data folder ${data}: stop it or choose another.`);
  }
  return () => {
    rmSync(pidFile, { force: true });
    lock.close();
  };
}

function unusable(data: string, error: unknown): Error {
  return new Error(`The data folder ${data} cannot be used: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'it, or a part of its path, is a file.';
    case 'EACCES':
    case 'EPERM':
      return 'the user of this process has no permission there.';
    case 'EROFS':
      return 'the file system is read-only.';
    case 'ENOSPC':
      return 'the disk is full.';
    case 'ENOTEMPTY':
      return 'a folder of this name is there, but this user finds no database in it.';
    default:
      return message;
  }
}
