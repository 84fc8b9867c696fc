/**
 * The tests, as `npm test` runs them after lint and types: one throw-away PostgreSQL for the whole run, then tap over
 * `test/`, or over the files given as arguments. With `DATABASE_URL` the same tests use that server, which needs a role
 * that may create databases and roles.
 *
 * What a test file finds in its environment:
 * - `TEST_DATABASE_OWNER`, `TEST_DATABASE_SERVICE`: the two roles of the throw-away server, as JSON of `Target`; or
 * - `TEST_DATABASE_URL`: the server that was given.
 *
 * The last line is `N passed, N failed`. Assertions are counted, by tap; a file in which nothing ran, or a tap that ends
 * badly without a failed assertion, counts as failed too. The exit code is 0 only when something passed and nothing failed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { SETTINGS } from '../src/config.ts';
import { startEmbedded, type Target } from '../src/db/embedded.ts';

const root = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const tap = join(dirname(require.resolve('tap/package.json')), require('tap/package.json').bin.tap);

/** Time that tap gets, after a signal, to end its test processes. */
const GRACE_MILLISECONDS = 10_000;
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

let signal: keyof typeof SIGNALS | undefined;
const signalled = new EventTarget();
for (const name of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
  process.on(name, () => {
    signal = name;
    signalled.dispatchEvent(new Event('signal'));
  });
}

let outcome = { passed: 0, failed: 1 };
try {
  buildTap();
  outcome = await withDatabase((database) => runTap(process.argv.slice(2), database));
} catch (error) {
  console.error(error);
}
const interrupted = signal === undefined ? undefined : SIGNALS[signal];
if (interrupted !== undefined) outcome.failed ||= 1;
console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
process.exitCode = interrupted ?? (outcome.failed > 0 ? 1 : 0);

/**
 * tap compiles its own test class for the plugins that package.json chooses. As installed it holds the plugin for
 * TypeScript, which cannot load TypeScript 7; and tap's own rebuilding comes too late for the run that notices.
 */
function buildTap(): void {
  const printPlugins = "import { Test } from 'tap'; process.stdout.write(Test.prototype.pluginSignature)";
  const plugins = execFileSync(process.execPath, ['--input-type=module', '--eval', printPlugins], {
    cwd: root,
    encoding: 'utf8',
  });
  if (plugins.includes('@tapjs/typescript')) {
    execFileSync(process.execPath, [tap, 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** Runs the work with what test files need to find the database, and takes the throw-away server away in every case. */
async function withDatabase<T>(work: (environment: Record<string, string>) => Promise<T>): Promise<T> {
  const given = process.env.DATABASE_URL;
  if (given) return work({ TEST_DATABASE_URL: given });

  const dataDirectory = await mkdtemp(join(tmpdir(), 'register-test-'));
  try {
    const server = await startEmbedded({ dataDirectory });
    try {
      return await work({
        TEST_DATABASE_OWNER: forTestFiles(server.owner),
        TEST_DATABASE_SERVICE: forTestFiles(server.service),
      });
    } finally {
      await server.stop();
    }
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

/** A socket whose path is too long is reached through a folder that this process holds open; the tests are other processes. */
function forTestFiles(target: Target): string {
  return JSON.stringify({ ...target, path: target.path.replace('/proc/self/', `/proc/${process.pid}/`) });
}

/** Runs tap and prints what a reader wants of it: each file, each failure with its diagnosis, each comment. */
async function runTap(files: string[], database: Record<string, string>): Promise<typeof outcome> {
  if (signal !== undefined) return { passed: 0, failed: 1 };
  // Neither the settings of the person who runs the tests nor an outer tap may change what the tests see.
  const own = Object.fromEntries([...Object.keys(SETTINGS), 'TAP'].map((name) => [name, undefined]));
  const child = spawn(process.execPath, [tap, 'run', '--reporter=tap', ...files], {
    cwd: root,
    env: { ...process.env, ...own, ...database },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A process group of its own: a signal reaches it once, from here, and what outlives its grace can be ended whole.
    detached: true,
  });
  const ended = new Promise<boolean>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0));
  });
  let deadline: NodeJS.Timeout | undefined;
  signalled.addEventListener('signal', () => {
    child.kill(signal);
    deadline ??= setTimeout(() => child.pid && process.kill(-child.pid, 'SIGKILL'), GRACE_MILLISECONDS);
  });

  let passed = 0;
  let failed = 0;
  let emptyFiles = 0;
  const uninteresting =
    /^\s*$|^TAP version|^# No coverage|^\s*(?:\d+\.\.\d+|# Subtest: |# time=)|^\s+ok \d+(?!.*# (?:SKIP|TODO))/;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!uninteresting.test(line)) console.log(line);
    if (/^ok \d+ - .* # SKIP/.test(line)) emptyFiles++;
    // tap's own count of the run: the only such comment that is not indented.
    const total = /^# \{ total: \d+, pass: (\d+)(?:, fail: (\d+))?/.exec(line);
    if (total) [passed, failed] = [Number(total[1]), Number(total[2] ?? 0)];
  }
  const succeeded = await ended;
  clearTimeout(deadline);

  failed += emptyFiles;
  if (!succeeded || passed === 0) failed ||= 1;
  return { passed, failed };
}
