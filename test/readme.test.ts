/** The README: its commands do what it says, as it prints them. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);
const readme = await readFile(join(root, 'README.md'), 'utf8');

/** What stands between the fences of a language. */
function fenced(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) =>
    block!.trim(),
  );
}

/** Runs an npm script on a folder of its own and a free port, until it has printed `last`; gives what it printed. */
async function start(
  t: Test,
  script: string,
  last: RegExp,
): Promise<{ printed: string; environment: NodeJS.ProcessEnv }> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'register-readme-'));
  const environment = { ...process.env, DATA_DIR: join(dataDirectory, 'data'), PORT: '0', LOG_LEVEL: 'warn' };
  // A process group of its own, so that npm and what it starts are ended together.
  const child = spawn('npm', ['run', script], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null) {
      process.kill(-child.pid!, 'SIGTERM');
      await ended;
    }
    await rm(dataDirectory, { recursive: true, force: true });
  });
  let printed = '';
  for await (const line of createInterface({ input: child.stdout })) {
    printed += `${line}\n`;
    if (last.test(line)) return { printed, environment };
  }
  throw new Error(`npm run ${script} ended early: ${printed}`);
}

async function shell(command: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await run('bash', ['-c', command], { cwd: root, env: environment, maxBuffer: 32 * 1024 * 1024 });
  return stdout;
}

t.test('npm start, a token, the request and its answer', async (t) => {
  const { printed, environment } = await start(t, 'start', /^Token:/);
  const address = /Listening on (\S+)/.exec(printed)?.[1];
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  const commands = fenced(readme, 'sh').map((block) => block.replaceAll('http://127.0.0.1:3000', address!));
  const exported = commands.find((block) => block.startsWith('export TOKEN='));
  const patch = commands.find((block) => block.includes('-X PATCH'));
  t.ok(exported !== undefined && patch !== undefined, 'the README has both commands');

  const answer = JSON.parse(await shell(`${exported}\n${patch}`, environment));
  const shown = JSON.parse(fenced(readme, 'json')[0]!);
  const { id, createdAt, updatedAt, ...content } = answer;
  const { id: _id, createdAt: _created, updatedAt: _updated, ...promised } = shown;
  t.same(content, promised, 'the answer is the one that the README shows, but for id and times');
  t.ok(id && createdAt && updatedAt);
  t.same(JSON.parse(await shell(`${exported}\n${patch}`, environment)), answer, 'sent again it changes nothing');

  const entry = commands.find((block) => block.startsWith('export API='))!;
  const approved = (await shell(`${exported}\n${entry}`, environment))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(approved.length, 6);
  t.match(
    approved.at(-1),
    { reference: 'billing', state: 'approved', approvedVersion: 2 },
    'a whole entry, to its approval',
  );

  const registers = commands.find((block) => block.includes('/v1/register.csv'))!;
  const output = await shell(
    `cd ${t.testdir()} && TOKEN=$(cd '${root}' && npm run --silent token -- --tenant default --role dpo)\n${registers}\nhead -c 60 register.csv`,
    environment,
  );
  t.match(output, /^\{"about":\{"kind":"register"/, 'the register is there');
  t.match(output, /Reference,/, 'and its CSV');
});

t.test('npm run demo, and what it says to paste', async (t) => {
  const { printed, environment } = await start(t, 'demo', /^To change something/);
  const exported = /^export TOKEN=\S+$/m.exec(printed)?.[0];
  const requests = [...printed.matchAll(/^curl .*$/gm)].map(([line]) => line.replace(/ -o \S+$/, ''));
  t.equal(requests.length, 3, 'three requests are offered');
  const [now, table, then] = await Promise.all(
    requests.map((request) => shell(`${exported}\n${request}`, environment)),
  );
  const register = JSON.parse(now!);
  t.equal(register.controllers[0].name, 'Exograd');
  t.ok(register.entries.length >= 5, 'its activities are there');
  t.match(table, /Stripe/);
  t.match(table, /#register/);
  const earlier = JSON.parse(then!);
  t.ok(earlier.entries.length > 0 && earlier.entries.length < register.entries.length, 'and fewer of them earlier');
  t.equal((await fetch(`${/http:\/\/[^\s/]+/.exec(printed)![0]}/health/ready`)).status, 200);
});
