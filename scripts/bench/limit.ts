/** The contestant `limit`: bare Fastify for what is sent, and PostgreSQL's own programs for what is stored. */
import { accessSync, constants, globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { ResourceDefinition } from '../../src/article30/definition.ts';
import { definitionOf } from '../../src/article30/index.ts';
import { create, type Moment, stated } from '../../src/article30/life.ts';
import { namedKeys } from '../../src/article30/shape.ts';
import { createPool } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import { changeOf, look } from '../../src/db/records.ts';
import { type Blocks, makeActivity } from './activities.ts';
import { connectionOf, type EmbeddedTargets } from './databases.ts';
import { runProgram, type ServerProcess, startServer } from './processes.ts';
import { bodyOf } from './service.ts';

const processingActivity: ResourceDefinition = definitionOf('processingActivity');

/** Starts bare Fastify on a folder with the bytes that it sends. */
export function startLimit(folder: string): Promise<ServerProcess> {
  return startServer(new URL('./limit-server.ts', import.meta.url), { LIMIT_FOLDER: folder });
}

/** The path of a program of PostgreSQL; undefined where it is not installed. */
export function findProgram(name: 'psql' | 'pgbench'): string | undefined {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
  ];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** libpq takes the password from the environment, where other users do not see it. */
function environmentOf(target: EmbeddedTargets['service']): Record<string, string> {
  const { host, port, user, password, database } = connectionOf(target);
  return { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
}

/** Seconds that `\copy` takes for the contents of the tenant's register, as its owner, whom no policy binds. */
export async function copyContents(psql: string, targets: EmbeddedTargets, tenantId: string): Promise<number> {
  const rows = `select v.content from approved_span s join revision v on v.tenant_id = s.tenant_id and v.sequence = s.valid_from
    where s.tenant_id = '${tenantId}' and s.valid_to is null order by s.resource_type, s.reference`;
  const commands = ['\\timing on', `\\copy (${rows.replace(/\s+/g, ' ')}) to '/dev/null'`];
  const printed = await runProgram(
    psql,
    ['--no-psqlrc', '--set=ON_ERROR_STOP=1', ...commands.flatMap((command) => ['--command', command])],
    environmentOf(targets.owner),
  );
  const [, milliseconds] = /^Time: ([\d.]+) ms/m.exec(printed) ?? [];
  if (milliseconds === undefined) throw new Error('psql gave no time.');
  return Number(milliseconds) / 1_000;
}

/** The scripts of `pgbench`: the statements that the service sends for a read, a page, a create. */
export async function writeScripts(
  targets: EmbeddedTargets,
  folder: string,
  tenantId: string,
  blocks: Blocks,
  size: number,
): Promise<Readonly<Record<'read' | 'page' | 'create', string>>> {
  const anyReference = `'a' || lpad((:n)::text, 7, '0')`;
  const scripts = {
    read: `\\set n random(0, ${size - 1})
select content, version from read_working('${tenantId}', 'processingActivity', null, ${anyReference});
`,
    page: `\\set n random(0, ${Math.max(0, size - 52)})
begin isolation level read committed read only;
set local plan_cache_mode = force_custom_plan;
select enter_tenant('${tenantId}');
select size from tenant_head where tenant_id = '${tenantId}';
select v.content, r.reference, r.resource_id from resource r join revision v on v.tenant_id = '${tenantId}' and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version where r.tenant_id = '${tenantId}' and r.resource_type = 'processingActivity' and r.archived = false and (r.reference, r.resource_id) > (${anyReference}, '00000000-0000-0000-0000-000000000000') order by r.reference, r.resource_id limit 51;
commit;
`,
    create: await createScript(targets, tenantId, blocks),
  };
  const paths = { read: join(folder, 'read.sql'), page: join(folder, 'page.sql'), create: join(folder, 'create.sql') };
  for (const work of ['read', 'page', 'create'] as const) await writeFile(paths[work], scripts[work]);
  return paths;
}

async function createScript(targets: EmbeddedTargets, tenantId: string, blocks: Blocks): Promise<string> {
  const pool = createPool({ target: targets.service, size: 1 });
  const writer = { tenant: tenantId, issuer: 'bench', subject: 'bench' };
  const { actor, settings } = await look(pool, writer, { type: 'processingActivity' }).finally(() => pool.close());
  const moment: Moment = { now: new Date().toISOString(), actor, settings, newId };
  const body = bodyOf(makeActivity(blocks, 0));
  const change = changeOf(
    processingActivity,
    create(processingActivity, stated(processingActivity, body, undefined, newId), 'pgbench', moment),
  );
  const links = namedKeys(processingActivity, change.step.content!);
  const facets = Object.entries(processingActivity.facets!).flatMap(([facet, read]) => {
    const value = read(change.step.content!);
    return (value === undefined ? [] : [value].flat()).map((each) => [facet, each] as const);
  });
  const list = (values: readonly string[], type: string) =>
    `array[${values.map((value) => `'${value}'`).join(',')}]::${type}[]`;
  // pgbench takes a colon for a variable of its own, so that the content travels in base64.
  const content = `convert_from(decode('${Buffer.from(change.text!).toString('base64')}', 'base64'), 'utf8')`;
  const hash = `decode('${'00'.repeat(32)}', 'hex')`;
  return `select * from prepare_change('${tenantId}', 'bench', 'bench', null, 'processingActivity', null, null, 'pgbench', ${list(
    links.map(({ type }) => type),
    'text',
  )}, ${list(
    links.map(({ key }) => key),
    'uuid',
  )}, array[${links.map(() => 'null').join(',')}]::text[]);
select * from append_changes('${tenantId}', '${actor}', null, array['processingActivity'], array[gen_random_uuid()], array['p' || gen_random_uuid()], array['pgbench'], array[1], array['create'], array[false], array[null::integer], array['draft'], array[false], array[now()], array[now()], array['${body.description}'], array[null::date], array[${content}], array[${hash}], array[${hash}], array[null::text], ${list(
    links.map(() => '1'),
    'integer',
  )}, ${list(
    links.map(({ field }) => field),
    'text',
  )}, ${list(
    links.map(({ type }) => type),
    'text',
  )}, ${list(
    links.map(({ key }) => key),
    'uuid',
  )}, ${list(
    facets.map(() => '1'),
    'integer',
  )}, ${list(
    facets.map(([facet]) => facet),
    'text',
  )}, ${list(
    facets.map(([, value]) => value),
    'text',
  )}, null, null, null, null, null);
`;
}

/** Runs a script on as many connections and gives transactions a second. */
export async function runPgbench(
  pgbench: string,
  targets: EmbeddedTargets,
  script: string,
  connections: number,
  seconds: number,
): Promise<number> {
  const printed = await runProgram(
    pgbench,
    [
      '--no-vacuum',
      '--protocol=prepared',
      `--client=${connections}`,
      `--time=${Math.max(1, Math.floor(seconds))}`,
      `--file=${script}`,
    ],
    environmentOf(targets.service),
  );
  const [, perSecond] = /^tps = ([\d.]+)/m.exec(printed) ?? [];
  if (perSecond === undefined) throw new Error('pgbench gave no figure.');
  return Number(perSecond);
}
