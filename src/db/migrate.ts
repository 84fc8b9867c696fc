/** Brings a database up to date: numbered plain SQL, each file once, in one transaction. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Pool } from './connection.ts';

const folder = new URL('../../db/', import.meta.url);

/** A database that this version of the service cannot work with. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** Names of the migrations of this version, in their order. */
async function migrationFiles(): Promise<string[]> {
  const names = await readdir(new URL('migrations/', folder));
  return names.filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort();
}

/**
 * Applies the migrations that are missing and grants the service's role what it needs. Safe to run twice and side by
 * side: a lock lets one process at a time through.
 * @param owner connected as the role that owns the tables
 * @param serviceRole the role that the service logs in as
 * @returns the files that were applied
 */
export async function migrate(owner: Pool, serviceRole: string): Promise<string[]> {
  const files = await migrationFiles();
  const grants = await readFile(new URL('grants.sql', folder), 'utf8');
  return owner.transaction({}, async (session) => {
    await session.query("select pg_advisory_xact_lock(hashtextextended('article-30-register migrations', 0))");
    await session.simple(
      'create table if not exists migration (number integer primary key, name text not null, digest text not null, applied_at timestamptz not null default now())',
    );
    const applied = await session.query<{ number: number; name: string; digest: string }>(
      'select number, name, digest from migration order by number',
    );
    const known = new Map(applied.map((row) => [row.number, row]));
    const fresh: string[] = [];
    for (const file of files) {
      const number = Number(file.slice(0, 4));
      const text = await readFile(new URL(`migrations/${file}`, folder), 'utf8');
      const digest = createHash('sha256').update(text).digest('hex');
      const before = known.get(number);
      known.delete(number);
      if (before !== undefined) {
        if (before.digest !== digest) {
          throw new MigrationError(
            `The database was migrated with another text of ${before.name} than this version has.`,
          );
        }
        continue;
      }
      await session.simple(text);
      await session.query('insert into migration (number, name, digest) values ($1, $2, $3)', [number, file, digest]);
      fresh.push(file);
    }
    const newer = [...known.values()][0];
    if (newer !== undefined) {
      throw olderThan(newer.name);
    }
    await session.simple(grants.replaceAll(':service', quotedIdentifier(serviceRole)));
    return fresh;
  });
}

/**
 * The migrations of this version that the database lacks.
 * @throws MigrationError when the database is newer than this version
 */
export async function pendingMigrations(service: Pool): Promise<string[]> {
  const files = await migrationFiles();
  const [there] = await service.query<{ there: boolean }>("select to_regclass('migration') is not null as there");
  if (there?.there !== true) return files;
  const applied = await service.query<{ name: string }>('select name from migration');
  const newer = applied.find(({ name }) => !files.includes(name));
  if (newer !== undefined) throw olderThan(newer.name);
  const names = new Set(applied.map((row) => row.name));
  return files.filter((file) => !names.has(file));
}

function olderThan(migration: string): MigrationError {
  return new MigrationError(
    `The database has the migration ${migration}, which this version does not know: it is older than the database.`,
  );
}

function quotedIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
