/** Where the rows of transfers come from: the activities that have transfers, and what these name. */
import type { RegisterScope } from '../article30/register.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import type { Parameter, Session } from './connection.ts';

/** What is known of the activities that are wanted. More may be found than fit, never fewer. */
export interface TransferSearch {
  /** Ids of controllers, joint controllers or processors; of others nothing is found. */
  readonly controllers?: readonly string[];
  readonly countries?: readonly string[];
  /** Ids of recipients. */
  readonly recipients?: readonly string[];
  readonly mechanisms?: readonly string[];
  /** Days by the facet of a safeguard that lies before them. */
  readonly before?: Readonly<Record<string, string>>;
}

/**
 * Whether a link to a controller says whose the resource is: an activity is also that of each joint controller, and what
 * a processor does for a client is not the client's.
 */
export const isOfController = (link: string): string =>
  `(${link}.source_type = 'processingActivity' or ${link}.field in ('controllerId', 'processorId'))`;

/** The id of an activity, and its content as canonical JSON. */
export interface Transferring {
  readonly id: string;
  readonly content: string;
}

/**
 * Activities of a type that have transfers, after an id, in the order of the ids. The facets are those of working
 * contents: what was changed since its approval is looked at whatever they say.
 */
export async function listTransferring(
  session: Session,
  tenant: string,
  type: ResourceType,
  version: RegisterScope['include'],
  search: TransferSearch,
  after: string | undefined,
  limit: number,
): Promise<Transferring[]> {
  const parameters: Parameter[] = [tenant, type, after ?? '00000000-0000-0000-0000-000000000000', limit];
  const parameter = (value: Parameter): string => `$${parameters.push(value)}`;
  const named = version === 'approved' ? 'l.in_approved' : 'l.in_working';
  const current = version === 'approved' ? 'approved_version' : 'version';
  const { controllers, countries, recipients } = search;

  const anyway: string[] = [];
  if (controllers !== undefined) {
    anyway.push(
      `exists (select from link l where l.tenant_id = $1 and l.source_type = $2 and l.source_id = r.resource_id and l.target_type = 'controller'
         and l.target_id = any (${parameter(controllers)}::uuid[]) and ${isOfController('l')} and ${named})`,
    );
  }
  if (recipients !== undefined) {
    anyway.push(
      `exists (select from link l where l.tenant_id = $1 and l.source_type = $2 and l.source_id = r.resource_id and l.target_type = 'recipient'
         and l.target_id = any (${parameter(recipients)}::uuid[]) and l.field = 'transfers.recipientId' and ${named})`,
    );
  }
  const safeguards = safeguardsWith(search, version, parameter);
  if (safeguards !== undefined) {
    anyway.push(
      `exists (select from link l where l.tenant_id = $1 and l.source_type = $2 and l.source_id = r.resource_id and l.target_type = 'safeguard'
         and l.target_id in (${safeguards}) and l.field = 'transfers.safeguardIds' and ${named})`,
    );
  }
  const byFacet =
    countries === undefined
      ? []
      : [
          `exists (select from facet c where c.tenant_id = $1 and c.resource_type = $2 and c.resource_id = r.resource_id
             and c.facet = 'country' and c.value = any (${parameter(countries)}::text[]))`,
        ];
  const first = (from: string, conditions: readonly string[]) =>
    `(select r.resource_id, r.${current} as version from ${from} where ${conditions.join(' and ')} order by r.resource_id limit $4)`;
  const present = 'r.tenant_id = $1 and r.resource_type = $2 and r.resource_id > $3';
  const asFaceted = first(
    'facet f join resource r on r.tenant_id = $1 and r.resource_type = $2 and r.resource_id = f.resource_id',
    [
      `f.tenant_id = $1 and f.resource_type = $2 and f.facet = 'transfers' and f.value = 'true' and f.resource_id > $3`,
      version === 'approved' ? `r.state in ('approved', 'retired')` : 'not r.archived',
      ...byFacet,
      ...anyway,
    ],
  );
  const changedSince = first('resource r', [
    present,
    `r.approved_version is not null and r.state in ('draft', 'inReview')`,
    ...anyway,
  ]);
  const found = version === 'approved' ? `${asFaceted} union all ${changedSince}` : asFaceted;
  return session.query<Transferring & Record<string, unknown>>(
    `select p.resource_id as id, v.content
     from (select * from (${found}) u order by resource_id limit $4) p
     join revision v on v.tenant_id = $1 and v.resource_type = $2 and v.resource_id = p.resource_id and v.version = p.version
     order by p.resource_id`,
    parameters,
  );
}

/** A statement for the ids of safeguards that may be wanted; undefined when nothing is asked of them. */
function safeguardsWith(
  { mechanisms, before = {} }: TransferSearch,
  version: RegisterScope['include'],
  parameter: (value: Parameter) => string,
): string | undefined {
  const having = (facet: string, condition: string) =>
    `select s.resource_id from facet s where s.tenant_id = $1 and s.resource_type = 'safeguard' and s.facet = '${facet}' and s.value ${condition}`;
  const sets = [
    ...(mechanisms === undefined ? [] : [having('mechanism', `= any (${parameter(mechanisms)}::text[])`)]),
    ...Object.entries(before).map(([facet, day]) => having(facet, `< ${parameter(day)}`)),
  ];
  if (sets.length === 0) return undefined;
  const all = sets.join(' intersect ');
  return version === 'drafts'
    ? all
    : `(${all}) union all select s.resource_id from resource s where s.tenant_id = $1 and s.resource_type = 'safeguard' and s.approved_version is not null and s.state in ('draft', 'inReview')`;
}
