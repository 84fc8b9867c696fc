/** The service as it really runs: a process of its own, called over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { type Config, readConfig } from '../src/config.ts';
import { binaryPackage } from '../src/db/binaries.ts';
import { signLocalToken } from '../src/http/local-tokens.ts';
import type { Role } from '../src/http/permissions.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the service, from its start on. */
export interface Process {
  readonly child: ChildProcess;
  /** The address that it listens on; rejects with what it said when it ends before. */
  readonly listening: Promise<string>;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Starts the service. Nothing of this process's own settings reaches it. */
export function start(settings: Readonly<Record<string, string>>, nodeOptions: readonly string[] = []): Process {
  const child = spawn(process.execPath, [...nodeOptions, join(import.meta.dirname, '../src/server.ts')], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', LOG_LEVEL: 'error', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const listening = Promise.withResolvers<string>();
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const [, address] = /^Listening on (\S+)$/m.exec(stdout) ?? [];
    if (address !== undefined) listening.resolve(address);
  });
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal }));
  void ended.then(({ code, signal }) =>
    listening.reject(new Error(`The service ended (${signal ?? code}) and said: ${stderr}`)),
  );
  listening.promise.catch(() => {});
  return { child, listening: listening.promise, ended, stdout: () => stdout, stderr: () => stderr };
}

/** A data folder with the settings of a service on it, and what belongs to them. */
export interface Site {
  readonly dataDirectory: string;
  readonly settings: Readonly<Record<string, string>>;
  token(subject: string, tenants: readonly string[], ...roles: Role[]): Promise<string>;
  /** Starts the service here; it is stopped when the test ends. */
  start(nodeOptions?: readonly string[]): Process;
  /** The process of PostgreSQL; undefined when none holds the folder. */
  postgres(): number | undefined;
}

/** A site in a new folder, with the embedded PostgreSQL; it is taken away when the test ends. */
export function newSite(t: Test, settings: Readonly<Record<string, string>> = {}): Site {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'register-site-'));
  const config: Config = readConfig({ DATA_DIR: dataDirectory });
  const started: Process[] = [];
  const postgres = () => {
    const file = join(dataDirectory, `postgres-${binaryPackage().major}`, 'postmaster.pid');
    if (!existsSync(file)) return undefined;
    return Number.parseInt(readFileSync(file, 'utf8'), 10);
  };
  t.teardown(async () => {
    for (const { child, ended } of started) {
      child.kill('SIGTERM');
      await ended;
    }
    await gone(postgres());
    rmSync(dataDirectory, { recursive: true, force: true });
  });
  return {
    dataDirectory,
    settings: { DATA_DIR: dataDirectory, ...settings },
    token: (subject, tenantReferences, ...roles) =>
      signLocalToken(config, { subject, tenantReferences, roles, ttlSeconds: 3600 }),
    start(nodeOptions) {
      const process = start({ DATA_DIR: dataDirectory, ...settings }, nodeOptions);
      started.push(process);
      return process;
    },
    postgres,
  };
}

/** Waits until a process is no more. */
export async function gone(pid: number | undefined): Promise<void> {
  while (pid !== undefined && lives(pid)) await sleep(20);
}

export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** Undefined when the body is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what is there
  readonly json: any;
}

export interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The connection broke before the answer; `sent` is whether the request may have reached the service. */
export class Broken extends Error {
  readonly sent: boolean;
  constructor(cause: NodeJS.ErrnoException) {
    super(`No answer: ${cause.message}`, { cause });
    this.sent = cause.code !== 'ECONNREFUSED';
  }
}

const agent = new Agent({ keepAlive: true });

/** More than any request may take: what lasts longer hangs. */
const patienceMs = 60_000;

/**
 * Sends a request and reads the whole answer.
 *
 * @throws Broken when there is no whole answer; Error when none comes
 */
export function call(address: string, token: string, path: string, asked: Asked = {}): Promise<Reply> {
  const { method = 'GET', body, headers = {} } = asked;
  return new Promise((resolve, reject) => {
    const sending = request(`${address}${path}`, {
      agent,
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    const hung = setTimeout(() => {
      reject(new Error(`${method} ${path} hangs`));
      sending.destroy();
    }, patienceMs);
    const broken = (error: Error) => {
      clearTimeout(hung);
      reject(new Broken(error));
    };
    sending.on('error', broken);
    sending.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', broken);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        clearTimeout(hung);
        const text = Buffer.concat(chunks).toString();
        const isJson = /[/+]json/.test(String(response.headers['content-type'])) && text !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        });
      });
    });
    sending.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
