/**
 * Brings the database of `DATABASE_OWNER_URL` up to date and grants the role of `DATABASE_URL` (or `ropa_service`, when
 * that is absent) what the service needs. Safe to run twice and side by side. The embedded database does this by itself.
 */
import { ConfigError, readConfig } from '../src/config.ts';
import { createPool } from '../src/db/connection.ts';
import { migrate } from '../src/db/migrate.ts';

try {
  // Where the service listens is no concern of a migration.
  const { DATABASE_URL, DATABASE_OWNER_URL } = process.env;
  const { database } = readConfig({ DATABASE_URL, DATABASE_OWNER_URL });
  if (database.ownerUrl === undefined) {
    throw new ConfigError(
      'DATABASE_OWNER_URL is absent; the embedded database migrates itself, another one needs its owner.',
    );
  }
  const service = database.url === undefined ? 'ropa_service' : decodeURIComponent(new URL(database.url).username);
  const owner = createPool({ target: { url: database.ownerUrl }, size: 1 });
  try {
    const applied = await migrate(owner, service);
    console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`);
  } finally {
    await owner.close();
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
