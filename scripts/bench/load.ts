/**
 * The load generator, a process of its own: `autocannon` on as many connections as asked for, each with requests of its
 * own in random order. What is counted is the answers after the warm-up.
 */
import autocannon from 'autocannon';

export interface Load {
  readonly address: string;
  readonly method: 'GET' | 'POST';
  /** Paths of which each request takes one. */
  readonly paths: readonly string[];
  /** Body of each request; `{{unique}}` in it is replaced by a text that no other request has. */
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** The status that each answer must have. */
  readonly status: number;
}

export type Loaded = { perSecond: number } | { failure: string };

const requestsOfConnection = 200;
let made = 0;

async function run(load: Load): Promise<Loaded> {
  const stamp = Date.now().toString(36);
  const requests = () =>
    Array.from({ length: requestsOfConnection }, () => ({
      method: load.method,
      path: load.paths[Math.floor(Math.random() * load.paths.length)]!,
      headers: { ...load.headers },
      ...(load.body === undefined ? {} : { body: load.body.replaceAll('{{unique}}', `${stamp}-${made++}`) }),
    }));
  const done = Promise.withResolvers<void>();
  const instance = autocannon(
    {
      url: load.address,
      connections: load.connections,
      duration: load.warmUpSeconds + load.seconds + 1,
      timeout: 30,
      setupClient: (client) => client.setRequests(requests()),
    },
    () => done.resolve(),
  );
  let failure: string | undefined;
  let counted = 0;
  let counting = false;
  instance.on('response', (_client, status) => {
    if (status !== load.status) failure ??= `An answer had the status ${status} instead of ${load.status}.`;
    if (counting) counted++;
  });
  instance.on('reqError', (error) => {
    failure ??= `A request failed: ${error}`;
  });
  const pause = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1_000));
  await pause(load.warmUpSeconds);
  counting = true;
  const begin = performance.now();
  await pause(load.seconds);
  counting = false;
  const seconds = (performance.now() - begin) / 1_000;
  instance.stop();
  await done.promise;
  if (counted === 0) failure ??= 'Nothing was answered.';
  return failure === undefined ? { perSecond: counted / seconds } : { failure };
}

process.on('message', (load: Load) => {
  run(load)
    .catch((error: unknown): Loaded => ({ failure: String(error) }))
    .then((loaded) => process.send!(loaded));
});
process.on('disconnect', () => process.exit());
