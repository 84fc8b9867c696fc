/**
 * Writes `db/schema.sql`: what the migrations make, read back from the catalog of a throw-away database. A test compares
 * it with what is there, so that every change of the schema shows in a review as what it comes to.
 *
 * The dump is the same on every supported version of PostgreSQL, names the role of the service `:service`, and is SQL
 * that makes the same schema again for whoever runs it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPool, type Session } from '../src/db/connection.ts';
import { startEmbedded } from '../src/db/embedded.ts';
import { migrate } from '../src/db/migrate.ts';

/** Where the dump is kept. */
export const schemaFile = new URL('../db/schema.sql', import.meta.url);

const header = `-- Made by \`npm run schema\` from the migrations; do not edit. The service logs in as :service.
set check_function_bodies = off;
`;

/**
 * The schema `public` as SQL. Collations, lengths and storage are told where they are not those of the type.
 * @param service the role that has been granted to
 */
export async function dumpSchema(session: Session, service: string): Promise<string> {
  const sections: string[][] = [];
  for (const statement of [tables, storage, keys, foreignKeys, indexes, security, policies, functions]) {
    sections.push(await lines(session, statement));
  }
  sections.push(await lines(session, revoked), await lines(session, granted, [service]));
  return `${[header.trimEnd(), ...sections.flatMap((section) => (section.length === 0 ? [] : section.join('\n')))].join('\n\n')}\n`;
}

async function lines(session: Session, statement: string, parameters: string[] = []): Promise<string[]> {
  return (await session.values(statement, parameters)).map(([line]) => line as string);
}

const ours = `n.nspname = 'public'`;
const relations = `pg_class c join pg_namespace n on n.oid = c.relnamespace and ${ours} and c.relkind in ('r', 'p')`;
const constraints = `pg_constraint k join ${relations} on c.oid = k.conrelid`;
/** Everything is sorted by the bytes of its name: the order of no locale. */
const byName = (...columns: string[]) =>
  `order by ${columns.map((column) => `${column}::text collate "C"`).join(', ')}`;

const tables = `
  select format(e'create table %I (\\n%s\\n)%s;', c.relname, string_agg(format('  %I %s%s%s%s',
      a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attcollation <> t.typcollation then format(' collate %I', l.collname) end,
      case when a.attnotnull then ' not null' end,
      ' default ' || pg_get_expr(d.adbin, d.adrelid)), e',\\n' order by a.attnum),
    ' with (' || array_to_string(c.reloptions, ', ') || ')')
  from ${relations}
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  left join pg_collation l on l.oid = a.attcollation
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  group by c.relname, c.reloptions ${byName('c.relname')}`;

const storage = `
  select format('alter table %I alter column %I set storage %s;', c.relname, a.attname,
    case a.attstorage when 'p' then 'plain' when 'm' then 'main' when 'e' then 'external' else 'extended' end)
  from ${relations}
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid and t.typstorage <> a.attstorage
  ${byName('c.relname', 'a.attname')}`;

// From PostgreSQL 18 on NOT NULL is a constraint too; it stands with the columns.
const keys = `
  select format('alter table %I add constraint %I %s;', c.relname, k.conname, pg_get_constraintdef(k.oid))
  from ${constraints} where k.contype not in ('f', 'n') ${byName('c.relname', 'k.conname')}`;

const foreignKeys = `
  select format('alter table %I add constraint %I %s;', c.relname, k.conname, pg_get_constraintdef(k.oid))
  from ${constraints} where k.contype = 'f' ${byName('c.relname', 'k.conname')}`;

const indexes = `
  select pg_get_indexdef(i.indexrelid) || ';' from pg_index i join ${relations} on c.oid = i.indrelid
  where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype <> 'f')
  ${byName('c.relname', 'i.indexrelid::regclass')}`;

const security = `
  select format('alter table %I %s row level security;', c.relname, case when c.relforcerowsecurity then 'force' else 'enable' end)
  from ${relations} where c.relrowsecurity ${byName('c.relname')}`;

const policies = `
  select format('create policy %I on %I as %s for %s to %s%s%s;', p.policyname, p.tablename, lower(p.permissive), lower(p.cmd),
    array_to_string(p.roles, ', '), ' using (' || p.qual || ')', ' with check (' || p.with_check || ')')
  from pg_policies p where p.schemaname = 'public' ${byName('p.tablename', 'p.policyname')}`;

const functions = `
  select rtrim(pg_get_functiondef(p.oid), e'\\n') || e';\\n'
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace and ${ours}
  ${byName('p.oid::regprocedure')}`;

const revoked = `
  select format('revoke all on function %s from public;', p.oid::regprocedure)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace and ${ours}
  where not exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
  ${byName('p.oid::regprocedure')}`;

/** What others than the owner may do, from the access lists of the schema, of tables, their columns, and functions. */
const granted = `
  select format('grant %s on %s to %s;', string_agg(lower(privilege) || columns, ', ' ${byName('privilege', 'columns')}), object, grantee) from (
    select 'schema public', '', n.nspowner, a.* from pg_namespace n cross join aclexplode(n.nspacl) a where ${ours} and a.grantee <> 0
    union all
    select format('table %I', c.relname), '', c.relowner, a.* from ${relations} cross join aclexplode(c.relacl) a
    union all
    select format('table %I', c.relname), format(' (%I)', t.attname), c.relowner, a.*
      from ${relations} join pg_attribute t on t.attrelid = c.oid cross join aclexplode(t.attacl) a
    union all
    select format('function %s', p.oid::regprocedure), '', p.proowner, a.*
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace and ${ours} cross join aclexplode(p.proacl) a
  ) as held (object, columns, owner, grantor, grantee_id, privilege, grantable)
  cross join lateral (select case when grantee_id = 0 then 'public' when pg_get_userbyid(grantee_id) = $1 then ':service'
    else quote_ident(pg_get_userbyid(grantee_id)) end) as g (grantee)
  where grantee_id <> owner group by object, grantee ${byName('object', 'grantee')}`;

async function writeSchema(): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'register-schema-'));
  try {
    const embedded = await startEmbedded({ dataDirectory });
    const owner = createPool({ target: embedded.owner, size: 1 });
    try {
      await migrate(owner, embedded.service.username);
      const { username } = embedded.service;
      await writeFile(
        schemaFile,
        await owner.transaction({ readOnly: true }, (session) => dumpSchema(session, username)),
      );
    } finally {
      await owner.close();
      await embedded.stop();
    }
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) await writeSchema();
