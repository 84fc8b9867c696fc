/** The databases of the contestants, on the embedded PostgreSQL that the service runs. */
import { dirname } from 'node:path';
import pg from 'pg';
import { runningEmbedded, type Target } from '../../src/db/embedded.ts';

export type EmbeddedTargets = NonNullable<Awaited<ReturnType<typeof runningEmbedded>>>;

/** The database of the service that runs on the folder. */
export async function databasesOf(dataDirectory: string): Promise<EmbeddedTargets> {
  const targets = await runningEmbedded(dataDirectory);
  if (targets === undefined) throw new Error('The embedded PostgreSQL does not run.');
  return targets;
}

/** How `pg`, and with the same words libpq, reach a database of the embedded PostgreSQL. */
export function connectionOf(target: Target, database = target.database) {
  return { host: dirname(target.path), port: 5432, user: target.username, password: target.password, database };
}

/** Brings statistics and visibility up to date, as autovacuum would in time. */
export async function settle(owner: Target, database: string): Promise<void> {
  await withClient(owner, database, (client) => client.query('vacuum (analyze)'));
}

export async function withClient<T>(
  owner: Target,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(connectionOf(owner, database));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
