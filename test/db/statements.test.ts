/**
 * The rules that let the same schema and statements run sharded by tenant, as far as text and catalog show them: keys led
 * by the tenant, a tenant predicate of its own for every table in every statement, and none of the forms that a cluster
 * refuses. Looked at are the functions of the database and the statements that the service really sends.
 */
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.ts';
import type { Pool, Session } from '../../src/db/connection.ts';
import { createTenant } from '../../src/db/tenants.ts';
import { poolFor } from '../database.ts';
import { ask, hold, operationsOf, prepare } from '../operations.ts';
import { type Client, clientOf, startService, type TestService } from '../service.ts';

/** Tables that every shard holds whole, or that only migrations touch. */
const everywhere = ['tenant', 'migration'];

/** What reaches across tenants on purpose, and therefore is a function of its own that takes no tenant. */
const acrossTenants: Record<string, string> = {
  forget_old_answers: 'answers kept for a retry end after a day, whoever they were for',
  forget_old_plans: 'plans of imports end after seven days, whoever made them',
};

/** Names of the database that the checker must know. */
interface Names {
  /** Tables whose rows belong to a tenant. */
  readonly tables: readonly string[];
  /** Functions that give another value each time. */
  readonly volatile: readonly string[];
}

/** The value that a tenant must be compared with: the first parameter, whatever its number, or that of a function. */
const tenantValue = String.raw`(?:\$\d+|p_tenant)(?:::uuid)?(?![\w.])`;

/** What a cluster would refuse in a statement, or send to every shard. Comments and texts in it do not count. */
function faultsOf(text: string, { tables, volatile }: Names): string[] {
  const statement = plain(text);
  const faults: string[] = [];
  const table = `(?:${tables.join('|')})`;
  const anyTable = `(?:${[...tables, 'tenant'].join('|')})`;
  const all = (pattern: string) => [...statement.matchAll(new RegExp(pattern, 'g'))];

  const references = new Map<string, number>();
  for (const [, name, alias] of all(
    String.raw`(?<!\binsert )\b(?:from|join|update|using) (?:only )?(${table})\b(?: (?:as )?(\w+))?`,
  )) {
    const called = alias === undefined || keywords.has(alias) ? name! : alias;
    references.set(called, (references.get(called) ?? 0) + 1);
  }
  for (const [called, count] of references) {
    const own = String.raw`(?<![\w.])(?:${called}\.${references.size === 1 && tables.includes(called) ? '|' : ''})tenant_id = ${tenantValue}`;
    const found = all(own).length;
    if (found < count) faults.push(`${count} × ${called}, ${found} × with its own tenant`);
  }
  if (all(String.raw`\bfrom ${table}\b(?: (?:as )?\w+)? ?,`).length > 0) faults.push('tables joined by a comma');

  for (const { index } of all(String.raw`\binsert into ${table}\b`)) {
    const insert = upToItsEnd(statement, index);
    const [head, source = ''] = splitAt(insert, /\b(?:values|select)\b/);
    if (!/\( ?tenant_id\b/.test(head)) faults.push('an insert whose first column is not the tenant');
    if (!new RegExp(`^(?:values ?\\( ?|select )${tenantValue}`).test(source))
      faults.push('an insert of another tenant');
    if (source.startsWith('select') && !/\breturning\b/.test(source)) faults.push('INSERT … SELECT without RETURNING');
    if (source.startsWith('values') && /\( ?select\b/.test(splitAt(source, /\b(?:on conflict|returning)\b/)[0])) {
      faults.push('a sub-select in VALUES');
    }
  }
  const changed = [...all(String.raw`\bupdate ${table}\b`), ...all(String.raw`\bon conflict\b`)];
  for (const { index } of changed) {
    const call = new RegExp(String.raw`\b(${volatile.join('|')}) ?\(`).exec(upToItsEnd(statement, index))?.[1];
    if (call !== undefined) faults.push(`the volatile function ${call} in UPDATE or ON CONFLICT`);
  }
  if (/\bmerge into\b/.test(statement)) faults.push('MERGE');
  if (/\bset_config ?\(/.test(statement)) faults.push('the tenant, or another setting, by set_config');
  if (/\bdeclare \w+ .*cursor\b|\bfetch \w+ /.test(statement)) faults.push('a cursor');

  const shortLived = all(String.raw`\b(\w+)(?: ?\([^()]*\))? as (?:not )?(?:materialized )?\(`).map(
    ([, name]) => name!,
  );
  for (const { index } of all(
    String.raw`\b(?:left|full)(?: outer)? join (?:lateral )?\(?(?:select\b[^()]*\bfrom )?${table}\b`,
  )) {
    const first = firstOfJoin(statement, index);
    const name = /^\w+/.exec(first)?.[0];
    if (name !== undefined && [...shortLived, ...everywhere].includes(name)) faults.push(`a LEFT JOIN from ${name}`);
    else if (first.startsWith('(') && /\blimit\b/.test(first)) faults.push('a LEFT JOIN from a LIMIT');
    else if (!new RegExp(`^(?:${anyTable}\\b|\\()`).test(first))
      faults.push(`a LEFT JOIN from ${name ?? first.slice(0, 20)}`);
  }
  return faults;
}

const keywords = new Set(
  'as cross for full group having inner join lateral left limit natural offset on order returning right set union using where window when then loop except intersect'.split(
    ' ',
  ),
);

/** Lower case, one space between words, no comments, texts emptied, names without their quotes. */
function plain(text: string): string {
  return text
    .replace(/--[^\n]*/g, ' ')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/'(?:[^']|'')*'/g, "''")
    .replace(/"(\w+)"/g, '$1')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

/** The part of a statement from `start` to the end of it, or of the parentheses that it stands in. */
function upToItsEnd(statement: string, start: number): string {
  let depth = 0;
  for (let at = start; at < statement.length; at++) {
    if (statement[at] === '(') depth++;
    else if (statement[at] === ')' && --depth < 0) return statement.slice(start, at);
  }
  return statement.slice(start);
}

function splitAt(text: string, separator: RegExp): [string, string?] {
  const at = text.search(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at)];
}

/** What follows the FROM whose joins the word at `position` belongs to. */
function firstOfJoin(statement: string, position: number): string {
  let depth = 0;
  for (let at = position - 1; at >= 0; at--) {
    if (statement[at] === ')') depth++;
    else if (statement[at] === '(') depth--;
    else if (depth === 0 && statement.startsWith('from ', at) && /\W/.test(statement[at - 1] ?? ' ')) {
      return statement.slice(at + 5, position);
    }
  }
  return '';
}

let service: TestService;
let owner: Pool;
let names: Names;
t.before(async () => {
  service = await startService(t);
  owner = poolFor(t, service.database.owner, 1);
  const [row] = await owner.query<{ tables: string[]; volatile: string[] }>(
    `select
       (select array_agg(relname::text order by relname) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')) as tables,
       (select array_agg(distinct proname::text) from pg_proc where provolatile = 'v' and pronamespace in ('pg_catalog'::regnamespace, 'public'::regnamespace)
          and proname ~ '^[a-z_0-9]+$') as volatile`,
  );
  names = { tables: row!.tables.filter((name) => !everywhere.includes(name)), volatile: row!.volatile };
});

t.test('the checker accepts what is sound and finds each fault', async (t) => {
  const sound = [
    'select content from revision where tenant_id = $1 and sequence = $2',
    'select "revision"."content" from "resource" inner join "revision" on ("revision"."tenant_id" = $1 and "revision"."version" = "resource"."version") where "resource"."tenant_id" = $2',
    'select v.content from resource r join revision v on v.tenant_id = p_tenant where r.tenant_id = p_tenant',
    `select '; from revision' as text from link l where l.tenant_id = $1 -- from facet`,
    'select s.a from link s where s.tenant_id = $1 union all select s.a from link s where s.tenant_id = $1',
    'insert into actor (tenant_id, issuer) values (p_tenant, $2) on conflict on constraint actor_pkey do nothing',
    'with i as (insert into facet (tenant_id, value) select p_tenant, n.v from unnest($2) as n (v) returning 1) select count(*) from i',
    'select v.a from revision v left join actor a on a.tenant_id = $1 and a.actor_id = v.actor where v.tenant_id = $1',
    "update idempotency i set created_at = now() where i.tenant_id = $1 and i.key = ''",
    'select t.tenant_id from tenant t where t.reference = $1',
    'select clock_timestamp(), h.size into strict v from tenant_head h where h.tenant_id = p_tenant for no key update',
  ];
  for (const statement of sound) t.same(faultsOf(statement, names), [], statement);

  const unsound: Record<string, RegExp> = {
    'select content from revision where sequence = $1': /1 × revision, 0 ×/,
    'select content from revision where tenant_id = any ($1)': /1 × revision, 0 ×/,
    'select v.content from resource r join revision v on v.tenant_id = r.tenant_id where r.tenant_id = $1':
      /1 × v, 0 ×/,
    'select v.content from resource r join revision v on v.version = r.version where v.tenant_id = $1': /1 × r, 0 ×/,
    'select s.a from link s where s.tenant_id = $1 union all select s.a from link s': /2 × s, 1 ×/,
    'select (select max(size) from tenant_head), a from link l where l.tenant_id = $1': /1 × tenant_head, 0 ×/,
    'select a from link l where l.tenant_id = l.tenant_id': /1 × l, 0 ×/,
    'update resource set name = $2': /1 × resource, 0 ×/,
    'delete from facet f where f.value = $1 and tenant_id = $2': /1 × f, 0 ×/,
    'delete from link l using resource r where l.tenant_id = $1': /1 × r, 0 ×/,
    'select a from link l, facet f where l.tenant_id = $1 and f.tenant_id = $1': /comma/,
    'insert into facet (resource_type, tenant_id) values ($1, $2)': /first column/,
    'insert into facet (tenant_id, value) values (gen_random_uuid(), $2)': /another tenant/,
    'insert into facet (tenant_id, value) select f.tenant_id, f.value from facet f where f.tenant_id = $1 returning 1':
      /another tenant/,
    'insert into facet (tenant_id, value) select $1, n.v from unnest($2) as n (v)': /without RETURNING/,
    'insert into facet (tenant_id, value) values ($1, (select max(h.size) from tenant_head h where h.tenant_id = $1))':
      /in VALUES/,
    'update resource r set updated_at = clock_timestamp() where r.tenant_id = $1': /clock_timestamp/,
    'update resource r set name = $2 where r.tenant_id = $1 and r.resource_id = gen_random_uuid()': /gen_random_uuid/,
    'insert into actor as a (tenant_id) values ($1) on conflict (tenant_id) do update set actor_id = gen_random_uuid()':
      /gen_random_uuid/,
    'merge into facet f using (values (1)) as v (a) on f.tenant_id = $1 when matched then delete': /MERGE/,
    "select set_config('app.tenant_id', $1, true)": /set_config/,
    'declare c no scroll cursor for select 1': /cursor/,
    'with c as (select 1 as id) select c.id from c left join link l on l.tenant_id = $1': /LEFT JOIN from c/,
    'with c (id) as materialized (select 1) select c.id from c cross join c d left join link l on l.tenant_id = $1':
      /LEFT JOIN from c/,
    'select 1 from (select r.name from resource r where r.tenant_id = $1 limit 3) r left join link l on l.tenant_id = $1':
      /LIMIT/,
    'select 1 from tenant t left join actor a on a.tenant_id = $1': /LEFT JOIN from tenant/,
    'select 1 from unnest($2) as n (id) left join lateral (select l.a from link l where l.tenant_id = $1) x on true':
      /LEFT JOIN from unnest/,
  };
  for (const [statement, says] of Object.entries(unsound)) {
    const faults = faultsOf(statement, names);
    t.equal(faults.length, 1, `${statement}: ${faults.join('; ')}`);
    t.match(faults[0] ?? '', says);
  }
  t.comment(`${sound.length} sound, ${Object.keys(unsound).length} unsound`);
});

t.test('every key of a tenant’s table is led by the tenant, foreign keys are plain and named', async (t) => {
  const rows = await owner.query<{
    table: string;
    name: string;
    kind: string;
    first: string;
    definition: string;
    deferrable: boolean;
    refers: string | null;
    refers_first: string | null;
    on_delete: string;
    on_update: string;
  }>(
    `select c.relname as table, k.conname as name, k.contype as kind, k.condeferrable as deferrable, pg_get_constraintdef(k.oid) as definition,
       (select attname from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) as first,
       f.relname as refers, (select attname from pg_attribute a where a.attrelid = k.confrelid and a.attnum = k.confkey[1]) as refers_first,
       k.confdeltype as on_delete, k.confupdtype as on_update
     from pg_constraint k join pg_class c on c.oid = k.conrelid left join pg_class f on f.oid = k.confrelid
     where k.connamespace = 'public'::regnamespace and k.contype <> 'n' order by 1, 2`,
  );
  t.same(
    new Set(rows.map(({ kind }) => kind)),
    new Set(['p', 'u', 'f', 'c']),
    'primary, unique, foreign keys and checks are looked at',
  );
  for (const { table, name, kind, first, definition, deferrable, refers, refers_first, on_delete, on_update } of rows) {
    if (everywhere.includes(table)) continue;
    t.ok(name.startsWith(`${table}_`), `${name} is named after its table`);
    // PostgreSQL names a check after its columns, or numbers it, when nobody did.
    if (kind === 'c') t.notMatch(name, /_check\d*$/, `${name} says what it checks`);
    else t.equal(first, 'tenant_id', `${name}: ${definition}`);
    if (kind !== 'f') continue;
    t.notOk(deferrable, `${name} is not deferrable`);
    t.equal(refers_first, 'tenant_id');
    t.match(on_delete, /^[ac]$/, `${name}: NO ACTION or CASCADE`);
    t.equal(on_update, 'a');
    t.match(name, new RegExp(`^${table}_\\w+_fkey$`), `${name} is a name that was given`);
    t.ok(refers === 'tenant' || names.tables.includes(refers!));
  }
  const unique = await owner.query<{ name: string; first: string }>(
    `select i.indexrelid::regclass::text as name, (select attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0]) as first
     from pg_index i join pg_class c on c.oid = i.indrelid
     where c.relnamespace = 'public'::regnamespace and i.indisunique and c.relname <> all ($1::text[])`,
    [everywhere],
  );
  for (const { name, first } of unique) t.equal(first, 'tenant_id', `the unique index ${name}`);
  t.comment(`${rows.length} constraints, ${unique.length} unique indexes`);
});

t.test('every table of tenants is isolated, by the form of the policy that plain PostgreSQL plans well', async (t) => {
  const rows = await owner.query<{
    table: string;
    secured: boolean;
    forced: boolean;
    policy: string;
    type: string;
    required: boolean;
  }>(
    `select c.relname as table, c.relrowsecurity as secured, c.relforcerowsecurity as forced, pg_get_expr(p.polqual, p.polrelid) as policy,
       format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required
     from pg_class c left join pg_policy p on p.polrelid = c.oid left join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'migration' order by 1`,
  );
  t.same(
    rows.map(({ table }) => table),
    [...names.tables, 'tenant'].sort(),
    'one policy each',
  );
  for (const { table, ...rest } of rows) {
    t.same(
      rest,
      {
        secured: true,
        forced: false,
        policy: "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)",
        type: 'uuid',
        required: true,
      },
      table,
    );
  }
});

t.test('the functions of the database keep to the rules', async (t) => {
  const functions = await owner.query<{ name: string; source: string; arguments: string }>(
    `select proname as name, prosrc as source, pg_get_function_identity_arguments(oid) as arguments
     from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
  );
  let statements = 0;
  let tables = 0;
  for (const { name, source, arguments: parameters } of functions) {
    const faults: string[] = [];
    for (const statement of plain(source).split(';')) {
      statements++;
      if (new RegExp(`\\b(?:from|join|update|into) (?:${names.tables.join('|')})\\b`).test(statement)) tables++;
      faults.push(...faultsOf(statement, names).map((fault) => `${fault}: ${statement.trim().slice(0, 120)}`));
    }
    if (name in acrossTenants) t.ok(faults.length > 0, `${name} reaches across tenants: ${acrossTenants[name]}`);
    else t.same(faults, [], name);
    if (name in acrossTenants) t.notMatch(parameters, /p_tenant/);
  }
  for (const name of Object.keys(acrossTenants))
    t.ok(
      functions.some((each) => each.name === name),
      `${name} is there`,
    );
  t.ok(tables > 20);
  t.comment(`${functions.length} functions, ${statements} statements, ${tables} of them on tables of tenants`);
});

t.test('the statements that the service sends keep to the rules', async (t) => {
  const sent = new Map<string, string>();
  let operation = 'start';
  const note = (text: string) => {
    if (!sent.has(text)) sent.set(text, operation);
  };
  const pool = noting(service.pool, note);
  const app = await buildApp(service.config, { main: pool, reads: pool });
  t.teardown(() => app.close());
  const roles = ['viewer', 'editor', 'sync', 'approver', 'dpo', 'auditor', 'admin'] as const;
  const client = clientOf(app, (await service.client('statements', ...roles)).token);
  await createTenant(pool, 'another');

  const holding = await hold(client, '', 'Example');
  const operations = operationsOf(app);
  for (const each of operations) {
    operation = each.id;
    const request = await prepare(each, holding);
    const { status, text } = await ask(client, request);
    if (status >= 300) t.fail(`${each.id}: ${status} ${text}`);
  }
  t.ok(operations.length > 100);
  for (const url of [...listsOf(app), ...views(holding.examples)]) {
    operation = url;
    const { status, text } = await client.get(url);
    if (status !== 200) t.fail(`${url}: ${status} ${text}`);
  }
  operation = 'four eyes, names taken, approval with what is named';
  await rareSteps(t, client);

  let tables = 0;
  for (const [text, from] of sent) {
    const faults = faultsOf(text, names);
    if (faults.length > 0) t.fail(`${faults.join('; ')}, sent by ${from}: ${text}`);
    if (new RegExp(`\\b(?:${names.tables.join('|')})\\b`).test(plain(text))) tables++;
  }
  t.ok(sent.size > 50 && tables > 40);
  t.ok(
    [...sent.keys()].some((text) => text.includes('append_changes')),
    'writes were among them',
  );
  t.comment(`${operations.length} operations, ${sent.size} statements, ${tables} of them on tables of tenants`);
});

/** A pool that tells each statement that goes through it. */
function noting(pool: Pool, note: (text: string) => void): Pool {
  return {
    query(text, ...rest) {
      note(text);
      return pool.query(text, ...rest);
    },
    close: () => pool.close(),
    get stats() {
      return pool.stats;
    },
    transaction: (options, work) =>
      pool.transaction(options, (session) =>
        work({
          query(text, ...rest) {
            note(text);
            return session.query(text, ...rest);
          },
          values(text, ...rest) {
            note(text);
            return session.values(text, ...rest);
          },
          simple(text) {
            note(text);
            return session.simple(text);
          },
        } satisfies Session),
      ),
  };
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: {
    type?: string;
    enum?: unknown[];
    format?: string;
    examples?: unknown[];
    items?: Parameter['schema'];
  };
}

/** Each list with each of its parameters, from the document. */
function listsOf(app: TestService['app']): string[] {
  const { paths } = app.swagger() as unknown as { paths: Record<string, { get?: { parameters?: Parameter[] } }> };
  return Object.entries(paths).flatMap(([path, { get }]) => {
    const parameters = (get?.parameters ?? []).filter(
      (each) => each.in === 'query' && !['cursor', 'after'].includes(each.name),
    );
    if (path.includes('{') || !parameters.some(({ name }) => name === 'sort')) return [];
    return parameters.flatMap(({ name, schema }) => {
      const item = schema.items ?? schema;
      const values = item.enum ?? (item.type === 'boolean' ? [true, false] : [sampleOf(item)]);
      return values.map((value) => `${path}?${name}=${encodeURIComponent(String(value))}`);
    });
  });
}

function sampleOf({ type, format, examples }: Parameter['schema']): unknown {
  if (examples?.[0] !== undefined) return examples[0];
  if (type === 'integer') return 1;
  return { date: '2026-01-01', 'date-time': '2026-01-01T00:00:00Z', country: 'FR' }[format ?? ''] ?? 'word';
}

/** The register and what else has views of the past. */
function views(examples: ReadonlyMap<string, { readonly id?: unknown }>): string[] {
  const entry = `/v1/register/entries/${examples.get('processingActivity')!.id}`;
  const scopes = ['', `controllerId=${examples.get('controller')!.id}`, 'controllerId=ref:acme'];
  const moments = ['', '&include=drafts', '&sequence=0', '&sequence=13', `&asOf=${new Date().toISOString()}`];
  return [
    ...scopes.flatMap((scope) => moments.map((moment) => `/v1/register?${scope}${moment}`.replace('?&', '?'))),
    ...moments.slice(0, 2).map((moment) => `${entry}?${moment}`.replace('?&', '?')),
    '/v1/reviews?state=open&subjectType=purpose&subject=purpose:ref:invoicing&assignee=Sales&dueBefore=2027-01-01',
    '/v1/log?type=purpose',
    '/v1/changes?type=purpose',
  ];
}

/** Ways through an operation that its plain call does not take. */
async function rareSteps(t: Test, client: Client): Promise<void> {
  let count = 0;
  const must = async (method: string, path: string, body?: object, allowed: readonly number[] = []) => {
    const headers = { 'if-match': '*', 'idempotency-key': `rare-${++count}` };
    const answer = await client.call(method, `/v1/${path}`, { ...(body && { body }), headers });
    if (answer.status >= 300 && !allowed.includes(answer.status))
      t.fail(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  };
  await must('PATCH', 'purposes/ref:by-patch?allowMissing=true', { name: 'By patch' });
  await must('PATCH', 'purposes/ref:by-patch?allowMissing=true', { name: 'By patch' });
  await must('POST', 'purposes', { name: 'By patch', reference: 'same-name' });
  await must('POST', 'processing-activities', {
    name: 'A',
    reference: 'rare',
    purposes: [{ purposeId: 'ref:same-name' }],
  });
  await must('PATCH', 'settings', { buildingBlockApproval: 'required', fourEyes: true });
  await must('POST', 'processing-activities/ref:rare/approve', { includeReferenced: true }, [409]);
  await must('PATCH', 'settings', { buildingBlockApproval: 'required', fourEyes: false, reviewInterval: 'P2Y' });
  await must('GET', 'purposes?limit=1');
  const { nextCursor } = await must('GET', 'purposes?limit=1&sort=-updatedAt');
  await must('GET', `purposes?limit=1&sort=-updatedAt&cursor=${nextCursor}`);
}
