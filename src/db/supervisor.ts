/**
 * Runs a PostgreSQL server that cannot outlive this process.
 *
 * Between the two stands a shell of a few lines that holds the reading end of a pipe. The writing end belongs to this
 * process alone, so the kernel closes it however this process ends, `kill -9` included, and the shell then asks
 * PostgreSQL for a fast shutdown. It is a shell rather than a second Node process because it needs 1 MB instead of 40,
 * and `initdb` cannot run without `/bin/sh` anyway.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** The operating system user that a program runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How PostgreSQL's programs are started: nothing of our own environment reaches them. */
export interface Surroundings {
  /** The user to become, when this process is root; otherwise absent. */
  readonly account?: Account | undefined;
  /** An open directory that the program finds as its file descriptor 3. */
  readonly directory?: number | undefined;
  /** Environment variables beside the fixed ones. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** A supervised server. */
export interface Supervised {
  /** Resolves, with a sentence that says how, when the server has ended for whatever reason. Never rejects. */
  readonly ended: Promise<string>;
  /** Asks for a fast shutdown and returns at once. */
  readonly finish: () => void;
}

/** Options of `spawn` that every program of PostgreSQL gets. */
export function spawnOptions({ account, environment }: Surroundings) {
  return {
    ...account,
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...environment },
  };
}

// The signal is repeated because a server that has only just been started may not listen to it yet.
const SCRIPT = `
trap '' HUP INT TERM
exec 4<&0
"$@" 4<&- </dev/null &
server=$!
{ read -r _; while kill -INT "$server"; do sleep 1; done; } <&4 2>/dev/null &
watcher=$!
wait "$server"
status=$?
kill -KILL "$watcher"
exit "$status"
`;

/**
 * Starts `command` under supervision.
 *
 * @param onLine called with each line that the program writes to its standard error
 */
export function supervise(
  command: string,
  args: readonly string[],
  surroundings: Surroundings,
  onLine: (line: string) => void,
): Supervised {
  // A session of its own keeps Ctrl-C in the terminal away from PostgreSQL: the service ends first and says when.
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'supervisor', command, ...args], {
    ...spawnOptions(surroundings),
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', surroundings.directory ?? 'ignore'],
  });
  const { stdin, stderr } = child;
  if (stdin === null || stderr === null) throw new TypeError('the supervisor has no pipes');
  // The shell may be gone already when the pipe is closed; that is no news.
  stdin.on('error', () => {});
  createInterface({ input: stderr }).on('line', onLine);

  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started (${error.message})`));
    child.once('exit', async (code, signal) => {
      stdin.destroy();
      // The last lines may still be in the pipe, and dying back ends may hold it open for seconds.
      await Promise.race([new Promise((closed) => child.once('close', closed)), sleep(200)]);
      // A shell reports a program that a signal ended as 128 and the signal's number.
      if (signal !== null) resolve(`its supervisor was ended by ${signal}`);
      else
        resolve(code !== null && code > 128 ? `it was ended by signal ${code - 128}` : `it exited with code ${code}`);
    });
  });
  return { ended, finish: () => void stdin.end() };
}
