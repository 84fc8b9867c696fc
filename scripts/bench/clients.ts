/** Those who ask: many at once by the load generator, and one who downloads a register. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import type { Load, Loaded } from './load.ts';
import { end, startHelper } from './processes.ts';

/** The load generator, a process of its own on the same machine. */
export class Generator {
  readonly #child = startHelper(new URL('./load.ts', import.meta.url));

  /** Answers a second. @throws Error when an answer was not as wanted. */
  async run(load: Load): Promise<number> {
    const finished = new AbortController();
    const { signal } = finished;
    const died = once(this.#child, 'exit', { signal }).then((): [Loaded] => [{ failure: 'The load generator died.' }]);
    died.catch(() => {});
    const answered = once(this.#child, 'message', { signal }) as Promise<[Loaded]>;
    this.#child.send(load);
    const [loaded] = await Promise.race([answered, died]);
    finished.abort();
    if ('failure' in loaded) throw new Error(`${load.method} ${load.paths[0]}: ${loaded.failure}`);
    return loaded.perSecond;
  }

  stop(): Promise<void> {
    return end(this.#child);
  }
}

export interface Download {
  readonly seconds: number;
  readonly firstByteSeconds: number;
  readonly bytes: number;
}

/** Takes everything that an address sends, into a file or into nothing. */
export async function download(url: string, token: string, file?: string): Promise<Download> {
  const begin = performance.now();
  const elapsed = () => (performance.now() - begin) / 1_000;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false, headers: { authorization: `Bearer ${token}` }, timeout: 300_000 }, resolve)
      .once('timeout', () => reject(new Error(`${url} did not answer in time.`)))
      .once('error', reject);
  });
  if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}.`);
  const copy = file === undefined ? undefined : createWriteStream(file);
  let firstByteSeconds: number | undefined;
  let bytes = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    firstByteSeconds ??= elapsed();
    bytes += piece.length;
    if (copy !== undefined && !copy.write(piece)) await once(copy, 'drain');
  }
  const seconds = elapsed();
  copy?.end();
  if (copy !== undefined) await once(copy, 'finish');
  return { seconds, firstByteSeconds: firstByteSeconds ?? seconds, bytes };
}

/** One answer as JSON, for a look at whether a contestant does its work. */
export async function read(url: string, token: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as Record<string, unknown>;
}
