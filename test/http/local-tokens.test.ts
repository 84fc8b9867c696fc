/** Tokens that the service and the token script make and believe by a key in the data folder. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { readConfig } from '../../src/config.ts';
import { signLocalToken } from '../../src/http/local-tokens.ts';
import { createTokenVerifier } from '../../src/http/tokens.ts';
import { judge } from '../issuer.ts';

t.test('without an issuer the service and the token script share a key, whoever comes first', async (t) => {
  const folder = t.testdir({ other: {} });
  const dataDirectory = join(folder, 'new', 'data');
  const config = { auth: readConfig({}).auth, dataDirectory };
  const claims = { tenantReferences: ['acme'], roles: ['editor'] as const, subject: 'marie', ttlSeconds: 60 };
  const verifiers = await Promise.all(Array.from({ length: 8 }, () => createTokenVerifier(config)));
  const tokens = await Promise.all(Array.from({ length: 8 }, () => signLocalToken(config, claims)));
  for (const verifier of verifiers) {
    for (const token of tokens) t.match(await judge(verifier, token), { verified: { subject: 'marie' } });
  }
  t.strictSame(readdirSync(dataDirectory), ['token-key.json'], 'one key, nothing left behind');
  t.equal(statSync(join(dataDirectory, 'token-key.json')).mode & 0o777, 0o600);

  const elsewhere = { ...config, dataDirectory: join(folder, 'other') };
  t.match(await judge(verifiers[0]!, await signLocalToken(elsewhere, claims)), { status: 401 }, 'a key of others');
  const expired = await signLocalToken(config, { ...claims, ttlSeconds: -61 });
  t.match(await judge(verifiers[0]!, expired), { status: 401, detail: /expired/ });
});

t.test('a key file that is none is told by its name, without its content', async (t) => {
  const dataDirectory = t.testdir({ 'token-key.json': '{"kty":"EC","d":"hunter2"' });
  const failure = await createTokenVerifier({ auth: readConfig({}).auth, dataDirectory }).then(
    () => '',
    (error: Error) => error.message,
  );
  t.match(failure, /token-key\.json holds no key/);
  t.notMatch(failure, /hunter2/);
});

const run = promisify(execFile);
const script = new URL('../../scripts/token.ts', import.meta.url).pathname;

async function tokenScript(env: Record<string, string>, ...args: string[]) {
  try {
    const { stdout, stderr } = await run(process.execPath, [script, ...args], {
      env: { PATH: process.env.PATH, ...env },
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

t.test('the token script prints a token and nothing else', async (t) => {
  const dataDirectory = join(t.testdir({}), 'data');
  const args = [
    '--tenant',
    'acme',
    '--tenant',
    'globex',
    '--role',
    'editor',
    '--role',
    'approver',
    '--subject',
    'marie',
  ];
  const { code, stdout, stderr } = await tokenScript({ DATA_DIR: dataDirectory }, ...args, '--ttl', '2m');
  t.match({ code, stderr }, { code: 0, stderr: '' });
  t.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const verifier = await createTokenVerifier({ auth: readConfig({}).auth, dataDirectory });
  const verified = await verifier.verify(`Bearer ${stdout.trim()}`);
  t.match(verified, { subject: 'marie', roles: ['editor', 'approver'], tenantReferences: ['acme', 'globex'] });
  const left = verified.expiresAt - Date.now() / 1000;
  t.ok(left > 0 && left <= 120, 'valid for two minutes');

  const admin = await tokenScript({ DATA_DIR: dataDirectory }, '--role', 'admin');
  t.match(await verifier.verify(`Bearer ${admin.stdout.trim()}`), { roles: ['admin'], tenantReferences: [] });
});

t.test('the token script refuses with exit code 2, on standard error alone', async (t) => {
  const dataDirectory = join(t.testdir({}), 'data');
  const cases: [Record<string, string>, string[], RegExp][] = [
    [{}, [], /^--role is missing\.\nusage: /],
    [{}, ['--role', 'viewer'], /^--tenant is missing/],
    [{}, ['--role', 'king', '--tenant', 'acme'], /^--role "king" is none of viewer, editor/],
    [{}, ['--role', 'viewer', '--tenant', 'a b'], /^--tenant "a b" is no reference/],
    [{}, ['--role', 'viewer', '--tenant', 'acme', '--ttl', '1'], /^--ttl "1" is no length of time/],
    [{}, ['--role', 'viewer', '--tenant', 'acme', '--ttl', '366d'], /^--ttl "366d"/],
    [{}, ['--role', 'viewer', '--tenant', 'acme', '--subject', ''], /^--subject/],
    [{}, ['--role', 'admin', '--create-tenant'], /^--create-tenant needs --tenant/],
    [{}, ['--rolle', 'viewer'], /rolle.*\n.*usage: /s],
    [{ PORT: 'x' }, ['--role', 'admin'], /^PORT is "x"/],
    [{ AUTH_ISSUER: 'https://login.example.org', AUTH_AUDIENCE: 'ropa' }, ['--role', 'admin'], /^AUTH_ISSUER is set/],
  ];
  for (const [env, args, expected] of cases) {
    const { code, stdout, stderr } = await tokenScript({ DATA_DIR: dataDirectory, ...env }, ...args);
    t.match({ code, stdout }, { code: 2, stdout: '' }, args.join(' '));
    t.match(stderr, expected);
    t.notMatch(stderr, /\n {4}at /, 'no stack');
  }
  t.notOk(existsSync(dataDirectory), 'no key is made for it');
  writeFileSync(dataDirectory, '');
  const broken = await tokenScript({ DATA_DIR: dataDirectory }, '--role', 'admin');
  t.match(broken, { code: 2, stdout: '', stderr: /could not be made/ });
  t.equal(readFileSync(dataDirectory, 'utf8'), '');
  t.comment(`${cases.length} refusals`);
});
