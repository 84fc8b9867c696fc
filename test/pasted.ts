/** Documents as their readers use them: the commands that they print, run as they stand there. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Test } from 'tap';

export const root = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** What stands between the fences of a language. */
export function fenced(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) =>
    block!.trim(),
  );
}

/** Runs an npm script on a folder of its own and a free port, until it has printed `last`; gives what it printed. */
export async function start(
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

export async function shell(command: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await run('bash', ['-c', command], { cwd: root, env: environment, maxBuffer: 32 * 1024 * 1024 });
  return stdout;
}
