/**
 * A database of its own for each test file, copied from a template that is migrated once.
 *
 * The server is the one that the test run started (`scripts/test.ts`), the one of `DATABASE_URL`, or, when a file is run
 * by itself, a throw-away server for this file alone.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { createPool, type Pool, type Target } from '../src/db/connection.ts';
import { startEmbedded } from '../src/db/embedded.ts';
import { migrate } from '../src/db/migrate.ts';

export interface TestDatabase {
  /** The role that owns the tables. */
  readonly owner: Target;
  /** The role that the service works as. */
  readonly service: Target;
}

/** A migrated, empty database, dropped when the test ends. */
export async function createDatabase(t: Test): Promise<TestDatabase> {
  const server = await serverFor(t);
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = await templateOn(server);
  await withPool(server.owner, (pool) => pool.query(`create database ${name} template ${template}`));
  t.teardown(() =>
    withPool(server.owner, (pool) =>
      // Without FORCE it waits for those who are leaving and sends autovacuum away; FORCE would be refused while a process of
      // the superuser's, such as that, is there.
      pool.query(`drop database ${name}`).catch(() => pool.query(`drop database ${name} with (force)`)),
    ),
  );
  return { owner: named(server.owner, name), service: named(server.service, name) };
}

/** A pool that is closed when the test ends. */
export function poolFor(t: Test, target: Target, size = 4): Pool {
  const pool = createPool({ target, size, statementTimeoutMs: 60_000 });
  t.teardown(() => pool.close());
  return pool;
}

async function serverFor(t: Test): Promise<TestDatabase> {
  const { TEST_DATABASE_OWNER, TEST_DATABASE_SERVICE, TEST_DATABASE_URL } = process.env;
  if (TEST_DATABASE_OWNER !== undefined && TEST_DATABASE_SERVICE !== undefined) {
    return { owner: JSON.parse(TEST_DATABASE_OWNER), service: JSON.parse(TEST_DATABASE_SERVICE) };
  }
  if (TEST_DATABASE_URL !== undefined) return givenServer(TEST_DATABASE_URL);
  const dataDirectory = await mkdtemp(join(tmpdir(), 'register-test-'));
  const embedded = await startEmbedded({ dataDirectory });
  t.teardown(async () => {
    await embedded.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });
  return embedded;
}

const givenRole = 'ropa_test_service';

/** On a server that somebody else keeps, the service's role is made once; its password is no secret to its owner. */
async function givenServer(url: string): Promise<TestDatabase> {
  const password = createHash('sha256').update(url).digest('hex');
  const owner = { url };
  await withPool(owner, async (pool) => {
    await pool.transaction({}, async (session) => {
      await session.query("select pg_advisory_xact_lock(hashtextextended('article-30-register test role', 0))");
      const [role] = await session.query('select from pg_roles where rolname = $1', [givenRole]);
      if (role === undefined) await session.simple(`create role ${givenRole} login password '${password}'`);
    });
  });
  const service = new URL(url);
  service.username = givenRole;
  service.password = password;
  return { owner, service: { url: service.href } };
}

/** The template's name says which migrations it has; the first who needs it makes it. */
async function templateOn(server: TestDatabase): Promise<string> {
  const folder = new URL('../db/', import.meta.url);
  const hash = createHash('sha256').update(await readFile(new URL('grants.sql', folder)));
  for (const file of (await readdir(new URL('migrations/', folder))).sort())
    hash.update(await readFile(new URL(`migrations/${file}`, folder)));
  const template = `template_${hash.digest('hex').slice(0, 16)}`;
  await withPool(server.owner, async (pool) => {
    // CREATE DATABASE runs in no transaction, so the lock is the session's: a pool of one is one session.
    await pool.query("select pg_advisory_lock(hashtextextended('article-30-register test template', 0))");
    const [made] = await pool.query('select datallowconn from pg_database where datname = $1', [template]);
    if (made === undefined) {
      const draft = `${template}_draft`;
      await pool.query(`drop database if exists ${draft} with (force)`);
      await pool.query(`create database ${draft} template template0`);
      await withPool(named(server.owner, draft), (fresh) => migrate(fresh, roleOf(server.service)));
      await pool.query(`alter database ${draft} rename to ${template}`);
    }
    await pool.query("select pg_advisory_unlock(hashtextextended('article-30-register test template', 0))");
  });
  return template;
}

function roleOf(target: Target): string {
  return 'url' in target ? decodeURIComponent(new URL(target.url).username) : target.username;
}

function named(target: Target, database: string): Target {
  if (!('url' in target)) return { ...target, database };
  const url = new URL(target.url);
  url.pathname = `/${database}`;
  return { url: url.href };
}

async function withPool<T>(target: Target, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool({ target, size: 1 });
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}

/** The target as `DATABASE_URL` has it. */
export function addressOf(target: Target): string {
  if ('url' in target) return target.url;
  const host = 'path' in target ? encodeURIComponent(dirname(target.path)) : `${target.host}:${target.port}`;
  return `postgres://${target.username}:${target.password}@${host}/${target.database}`;
}
