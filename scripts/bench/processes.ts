/** Processes that this one starts, watches and ends. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { SETTINGS } from '../../src/config.ts';

/** A server of a contestant, listening. */
export interface ServerProcess {
  /** e.g. `http://127.0.0.1:40123` */
  readonly address: string;
  /** Resident memory, in bytes. */
  memory(): number;
  stop(): Promise<void>;
}

const patienceMs = 60_000;
const alive = new Set<ChildProcess>();

/** Settings of the person who runs the bench do not change what is measured. */
const surroundings = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !Object.hasOwn(SETTINGS, name) && !name.startsWith('PG')),
);

/** Starts a server and resolves when it says where it listens. */
export async function startServer(
  file: URL,
  environment: Readonly<Record<string, string>>,
  nodeOptions: readonly string[] = [],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [...nodeOptions, file.pathname], {
    env: { ...surroundings, NODE_ENV: 'production', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  let said = '';
  const address = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${file.pathname.split('/').at(-1)} ${why}:\n${said}`));
    const late = setTimeout(() => fail('did not start in time'), patienceMs);
    const hear = (piece: Buffer) => {
      // What comes after the start is read, so that the pipe never fills, and not kept.
      if (said.length < 4_000) said += piece;
      const [, where] = /Listening on (http:\S+)/.exec(said) ?? [];
      if (where !== undefined) resolve(where);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', reject);
    child.once('exit', (code) => fail(`ended with ${code}`));
    child.once('exit', () => clearTimeout(late));
    child.stdout.once('data', () => clearTimeout(late));
  }).catch(async (error) => {
    await end(child);
    throw error;
  });
  return { address, memory: () => residentMemory(child.pid!), stop: () => end(child) };
}

/** A helper that answers messages, ended with this process at the latest. */
export function startHelper(file: URL): ChildProcess {
  const child = fork(file, { env: surroundings, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  return child;
}

/** Runs a program to its end and gives what it printed. */
export async function runProgram(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(file, args, {
    env: { ...surroundings, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 10 * patienceMs,
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  let printed = '';
  let complaints = '';
  child.stdout.on('data', (piece) => {
    printed += piece;
  });
  child.stderr.on('data', (piece) => {
    complaints += piece;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${complaints.slice(0, 2_000)}`);
  return printed;
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await gone;
  clearTimeout(late);
}

/** Ends all that still runs. */
export async function endAll(): Promise<void> {
  await Promise.all([...alive].map(end));
}

function residentMemory(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) throw new Error('The memory of a process can be read on Linux only.');
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) * 1024;
}
