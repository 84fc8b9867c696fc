/**
 * A large tenant among small ones, made fast: some hundreds of resources are written as the service writes them, and the
 * activities among them are then multiplied within the database.
 */
import type { Content } from '../src/article30/definition.ts';
import { definitionOf } from '../src/article30/index.ts';
import { approve, create } from '../src/article30/life.ts';
import type { ResourceType } from '../src/article30/resource-types.ts';
import { defaultSettings } from '../src/article30/settings.ts';
import type { Pool } from '../src/db/connection.ts';
import { newId } from '../src/db/identifiers.ts';
import { append, changeOf, look } from '../src/db/records.ts';
import { searchPrefix } from '../src/db/search.ts';
import { createTenant, findTenant } from '../src/db/tenants.ts';

export interface Population {
  /** Activities of the large tenant. */
  readonly activities: number;
  readonly smallTenants: number;
}

/** Written one by one, with all their words and links; the others repeat them. */
const originals = 500;
/** Activities of each small tenant. */
const few = 40;

/** Ids of the tenants, the large one first. Statistics are gathered. */
export async function populate(
  owner: Pool,
  service: Pool,
  { activities, smallTenants }: Population,
): Promise<string[]> {
  const large = await made(service, 'large');
  await writeOriginals(service, large);
  // What is copied names what is copied: to look for it row by row would take most of the time.
  for (const [table, constraint] of [
    ['link', 'link_source_fkey'],
    ['link', 'link_target_fkey'],
    ['facet', 'facet_resource_fkey'],
    ['resource', 'resource_tenant_fkey'],
    ['revision', 'revision_tenant_fkey'],
  ])
    await owner.query(`alter table ${table} drop constraint ${constraint}`);
  const copies = Math.max(0, Math.ceil(activities / originals) - 1);
  await multiply(owner, large, copies);
  const small: string[] = [];
  for (let i = 0; i < smallTenants; i++) small.push(await made(service, `small-${i}`));
  await copyTo(owner, large, small);
  for (const table of ['resource', 'link', 'facet', 'revision', 'tenant', 'tenant_head'])
    await owner.query(`vacuum analyze ${table}`);
  return [large, ...small];
}

async function made(pool: Pool, reference: string): Promise<string> {
  await createTenant(pool, reference);
  return (await findTenant(pool, reference))!;
}

const countries = ['FR', 'DE', 'US', 'IN', 'CA', 'JP', 'BR', 'GB', 'CH', 'CN'];
const grounds = ['consent', 'contract', 'legalObligation', 'legitimateInterests', 'vitalInterests'];
const words = 'billing payroll archive support customer staff security research survey visitor'.split(' ');

async function writeOriginals(pool: Pool, tenant: string): Promise<void> {
  const writer = { tenant, issuer: 'test', subject: 'population' };
  const { actor } = await look(pool, writer, { type: 'settings' });
  const moment = { now: new Date().toISOString(), actor, settings: defaultSettings, newId };
  const write = async (type: ResourceType, count: number, contentOf: (i: number) => Content): Promise<string[]> => {
    const definition = definitionOf(type);
    const steps = Array.from({ length: count }, (_, i) =>
      create(definition, { name: `${type} ${i}`, ...contentOf(i) }, `${type}-${i}`, moment),
    );
    // Half of what somebody has to approve is approved.
    const approvals = steps.flatMap(({ approved, content }, i) =>
      approved || i % 2 === 1 ? [] : approve(definition, content!, moment)!,
    );
    for (const some of [steps, approvals].filter(({ length }) => length > 0))
      await append(
        pool,
        writer,
        actor,
        some.map((step) => changeOf(definition, step)),
      );
    return steps.map(({ content }) => content!.id as string);
  };
  /** The i-th choice, unevenly: the first ones often, the last ones rarely. */
  const of = <T>(values: readonly T[], i: number): T => values[Math.floor(values.length * ((i * 0.618034) % 1) ** 2)]!;

  const controllers = await write('controller', 40, (i) => ({ registerKept: i < 20, country: of(countries, i) }));
  const own = (i: number) => (i % 10 === 0 ? { controllerId: of(controllers, i) } : {});
  const purposes = await write('purpose', 100, own);
  const bases = await write('legalBasis', 60, (i) => ({ ...own(i), ground: of(grounds, i) }));
  const subjects = await write('dataSubjectCategory', 50, (i) => ({ ...own(i), vulnerable: i % 20 === 0 }));
  const data = await write('dataCategory', 120, (i) => ({
    ...own(i),
    kind: i % 50 === 0 ? 'special' : i % 75 === 1 ? 'criminal' : 'ordinary',
  }));
  const recipients = await write('recipient', 200, (i) => ({
    ...own(i),
    role: of(['processor', 'controller', 'subprocessor', 'unknown'], i),
    country: of(countries, i),
    contract: { exists: i % 4 !== 0, expiresOn: `20${27 + (i % 9)}-05-01` },
  }));
  const safeguards = await write('safeguard', 100, (i) => ({
    ...own(i),
    mechanism: of(['standardClauses', 'adequacyDecision', 'bindingCorporateRules', 'explicitConsent'], i),
    recipientId: recipients[i]!,
    document: { expiresOn: `20${27 + (i % 9)}-05-01` },
    importerCheck: { result: 'covered', checkedOn: `20${18 + (i % 8)}-01-01` },
    impactAssessment: { done: true, completedOn: `20${18 + (i % 8)}-01-01` },
  }));
  const measures = await write('securityMeasure', 50, (i) => ({ kind: i % 2 === 0 ? 'technical' : 'organisational' }));
  const systems = await write('system', 100, (i) => ({
    ...own(i),
    hostedById: of(recipients, i),
    countries: [of(countries, i)],
  }));
  const notices = await write('notice', 50, (i) => ({ ...own(i), language: i % 9 === 0 ? 'fr' : 'en' }));
  const transfersOf = (i: number) =>
    i % 10 === 0
      ? {
          transfers: [
            {
              lineId: 't',
              recipientId: of(recipients, i),
              country: of(countries, i),
              safeguardIds: [of(safeguards, i)],
            },
          ],
        }
      : {};
  await write('processorActivity', 50, (i) => ({
    processorId: of(controllers, i),
    subprocessors: [{ lineId: 's', recipientId: of(recipients, i) }],
    ...transfersOf(i),
  }));
  await write('processingActivity', originals, (i) => ({
    controllerId: of(controllers, i),
    description: `The ${of(words, i)} of ${of(words, i * 3)}, no. ${i}. ${'Data are kept as long as needed. '.repeat(40)}`,
    department: `Department ${i % 7}`,
    ...(i % 25 === 0 ? { startedOn: '9998-01-01' } : { startedOn: '2020-01-01' }),
    ...(i % 30 === 0 ? { endedOn: '9999-01-01' } : {}),
    purposes: [{ lineId: 'p', purposeId: of(purposes, i), legalBasisIds: [of(bases, i)] }],
    dataLines: [0, 1, 2].map((k) => ({
      lineId: `d${k}`,
      dataCategoryId: of(data, 3 * i + k),
      dataSubjectCategoryIds: [of(subjects, i)],
    })),
    recipients: [0, 1].map((k) => ({ lineId: `r${k}`, recipientId: of(recipients, 2 * i + k) })),
    ...transfersOf(i),
    securityMeasureIds: [of(measures, i)],
    systemIds: [of(systems, i)],
    noticeIds: [of(notices, i)],
  }));
}

/** An id of a copy: the n-th of the resource with this id. */
const copyId = (id: string, n: string) => `md5(${id}::text || ${n}::text)::uuid`;

/** Copies of the activities of a tenant, each with a word, a day of review and a state that few others have. */
async function multiply(owner: Pool, tenant: string, copies: number): Promise<void> {
  if (copies === 0) return;
  const types = `('processingActivity', 'processorActivity')`;
  await owner.query(
    `insert into resource (tenant_id, resource_type, resource_id, reference, name, version, approved_version, state, archived, created_at, updated_at, searched)
     select tenant_id, resource_type, ${copyId('resource_id', 'n')}, reference || '-' || n, name || ' ' || n, version, approved_version,
       case when n % 20 = 1 then 'inReview' when n % 37 = 2 then 'retired' else state end, n % 39 = 3, created_at + n * interval '1 minute', updated_at + n * interval '1 minute',
       searched || array_to_tsvector(array[case resource_type when 'processingActivity' then $3 else $4 end || 'copy' || n])
     from resource, generate_series(1, $2::int) n where tenant_id = $1 and resource_type in ${types} returning 1`,
    [tenant, copies, searchPrefix(tenant, 'processingActivity'), searchPrefix(tenant, 'processorActivity')],
  );
  await owner.query(
    `insert into revision (tenant_id, sequence, resource_type, resource_id, reference, version, operation, approved, content, reason, nonce, content_hash, leaf_hash, actor, recorded_at, ended_on, refs, controllers, controller_id)
     select tenant_id, 100000 * n + sequence, resource_type, ${copyId('resource_id', 'n')}, reference || '-' || n, version, operation, approved,
       replace(replace(content, resource_id::text, ${copyId('resource_id', 'n')}::text), '"' || reference || '"', '"' || reference || '-' || n || '"'),
       reason, nonce, content_hash, leaf_hash, actor, recorded_at, ended_on, refs, controllers, controller_id
     from revision, generate_series(1, $2::int) n where tenant_id = $1 and resource_type in ${types} returning 1`,
    [tenant, copies],
  );
  await owner.query(
    `insert into link select tenant_id, source_type, ${copyId('source_id', 'n')}, field, target_type, target_id, in_working, in_approved, was_approved
     from link, generate_series(1, $2::int) n where tenant_id = $1 and source_type in ${types} returning 1`,
    [tenant, copies],
  );
  await owner.query(
    `insert into facet select tenant_id, resource_type, ${copyId('resource_id', 'n')}, facet, value
     from facet, generate_series(1, $2::int) n where tenant_id = $1 and resource_type in ${types} returning 1`,
    [tenant, copies],
  );
  await owner.query(
    `insert into facet select tenant_id, resource_type, resource_id, 'reviewDueOn', (date '2026-01-01' + (hashtext(reference) % 1000))::text
     from resource where tenant_id = $1 and resource_type in ${types} on conflict do nothing returning 1`,
    [tenant],
  );
}

/** Small tenants: the blocks of the large one, and its first activities. */
async function copyTo(owner: Pool, from: string, to: readonly string[]): Promise<void> {
  const prefixes = (type: string) => to.map((tenant) => searchPrefix(tenant, type));
  const tenants = 'unnest($2::uuid[]) t (id)';
  const chosen = (type: string, id: string) =>
    `(${type} not in ('processingActivity', 'processorActivity') or ${id} in (select resource_id from resource where tenant_id = $1 and resource_type = 'processingActivity' order by created_at, resource_id limit ${few}))`;
  const copy = (table: string, columns: string, where: string) =>
    owner.query(
      `insert into ${table} (tenant_id, ${columns}) select t.id, ${columns} from ${table}, ${tenants} where tenant_id = $1 and ${where} returning 1`,
      [from, to],
    );
  await owner.query(
    `insert into resource (tenant_id, resource_type, resource_id, reference, name, version, approved_version, state, archived, created_at, updated_at, searched)
     select t.id, resource_type, resource_id, reference, name, version, approved_version, state, archived, created_at, updated_at,
       replace(searched::text, $4, t.prefix)::tsvector
     from resource, unnest($2::uuid[], $3::text[]) t (id, prefix) where tenant_id = $1 and ${chosen('resource_type', 'resource_id')} returning 1`,
    [from, to, prefixes('processingActivity'), searchPrefix(from, 'processingActivity')],
  );
  await copy(
    'revision',
    'sequence, resource_type, resource_id, reference, version, operation, approved, content, reason, nonce, content_hash, leaf_hash, actor, recorded_at, ended_on, refs, controllers, controller_id',
    chosen('resource_type', 'resource_id'),
  );
  await copy(
    'link',
    'source_type, source_id, field, target_type, target_id, in_working, in_approved, was_approved',
    chosen('source_type', 'source_id'),
  );
  await copy('facet', 'resource_type, resource_id, facet, value', chosen('resource_type', 'resource_id'));
}
