/** Opens the databases of a service: the embedded PostgreSQL, or the server that the settings name. */
import { createPool, DatabaseUnavailable, type Pool, type Target } from './connection.ts';
import { type EmbeddedDatabase, runningEmbedded, startEmbedded } from './embedded.ts';
import { migrate, pendingMigrations } from './migrate.ts';
import { createTenant } from './tenants.ts';

/** What the settings say of databases. */
export interface DatabaseSettings {
  readonly dataDirectory: string;
  readonly database: { readonly url?: string; readonly readUrl?: string; readonly connections: number };
}

export interface OpenDatabases {
  readonly main: Pool;
  /** A hot standby where there is one, else `main`. */
  readonly reads: Pool;
  close(): Promise<void>;
}

/** The database cannot be worked with; the message is one line for the person who starts the service. */
export class DatabaseRefused extends Error {
  override readonly name = 'DatabaseRefused';
}

/** The bound on one statement, in milliseconds. */
const statementTimeoutMs = 60_000;

/**
 * Starts or reaches the database, makes sure that its tables are those of this version and that the service's role
 * cannot escape row-level security.
 * @param log gets notices, line by line
 */
export async function openDatabases(settings: DatabaseSettings, log: (line: string) => void): Promise<OpenDatabases> {
  const { url, readUrl, connections } = settings.database;
  if (url === undefined) return openEmbedded(settings, log);
  const main = createPool({ target: { url }, size: connections, statementTimeoutMs });
  const reads =
    readUrl === undefined ? main : createPool({ target: { url: readUrl }, size: connections, statementTimeoutMs });
  const pools = new Set([main, reads]);
  const close = async () => {
    await Promise.all([...pools].map((pool) => pool.close()));
  };
  try {
    for (const pool of pools) await requireSafeRole(pool, pool === main ? 'DATABASE_URL' : 'DATABASE_READ_URL');
    const pending = await pendingMigrations(main);
    if (pending.length > 0)
      throw new DatabaseRefused(
        `The database lacks ${pending.length} migrations (${pending[0]} and on); run npm run migrate first.`,
      );
  } catch (error) {
    await close();
    throw error instanceof DatabaseUnavailable ? unreachable(error.cause, 'DATABASE_URL') : error;
  }
  return { main, reads, close };
}

async function openEmbedded(
  { dataDirectory, database }: DatabaseSettings,
  log: (line: string) => void,
): Promise<OpenDatabases> {
  const embedded = await startEmbedded({ dataDirectory, log });
  try {
    await migrateEmbedded(embedded);
    const main = createPool({ target: embedded.service, size: database.connections, statementTimeoutMs });
    return {
      main,
      reads: main,
      async close() {
        await main.close();
        await embedded.stop();
      },
    };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

async function migrateEmbedded(embedded: EmbeddedDatabase): Promise<void> {
  const owner = createPool({ target: embedded.owner, size: 1 });
  try {
    await migrate(owner, embedded.service.username);
  } finally {
    await owner.close();
  }
}

/** A role that owns tables, is superuser, bypasses row-level security, or could become such a role, is refused. */
async function requireSafeRole(service: Pool, setting: string): Promise<void> {
  const [role] = await service
    .query<{ name: string; strong: boolean; makes: boolean; owns: boolean }>(
      `select current_user as name,
       exists (select from pg_roles r where (r.rolsuper or r.rolbypassrls) and pg_has_role(session_user, r.oid, 'member')) as strong,
       exists (select from pg_roles r where r.rolcreaterole and pg_has_role(session_user, r.oid, 'member')) as makes,
       exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_has_role(session_user, c.relowner, 'member'))
         or exists (select from pg_proc f join pg_namespace n on n.oid = f.pronamespace
         where n.nspname = 'public' and pg_has_role(session_user, f.proowner, 'member')) as owns`,
    )
    .catch((error: unknown) => {
      throw error instanceof DatabaseUnavailable ? unreachable(error.cause, setting) : error;
    });
  if (role!.strong || role!.owns || role!.makes) {
    const why = role!.strong
      ? 'is, or may become, a superuser or a role that bypasses row-level security'
      : role!.owns
        ? 'owns tables or functions, or may become their owner'
        : 'may make roles, and so give itself another';
    throw new DatabaseRefused(
      `The role ${role!.name} of ${setting} ${why}; tenants would not be kept apart. Use a role of its own.`,
    );
  }
}

/** Where a name has several addresses, Node reports a failure of each, and says nothing of all together. */
function unreachable(cause: unknown, setting: string): DatabaseRefused {
  const { message } = (cause instanceof AggregateError ? cause.errors[0] : cause) as Error;
  return new DatabaseRefused(`The database of ${setting} cannot be used: ${message.split('\n')[0]}`);
}

/** Makes tenants beside a service that may be running; the embedded PostgreSQL must be. */
export async function createTenantsBeside(settings: DatabaseSettings, references: readonly string[]): Promise<void> {
  const target: Target | undefined =
    settings.database.url === undefined
      ? (await runningEmbedded(settings.dataDirectory))?.service
      : { url: settings.database.url };
  if (target === undefined)
    throw new DatabaseRefused('The service is not running on this data folder; start it first, then make the tenant.');
  const pool = createPool({ target, size: 1 });
  try {
    for (const reference of references) await createTenant(pool, reference);
  } finally {
    await pool.close();
  }
}
