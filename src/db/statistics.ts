/** Counts over the present of a tenant: from keys, links and facets of working versions, no content is read. */
import { resourceTypes } from '../article30/resource-types.ts';
import type { Parameter, Session } from './connection.ts';
import { isOfController } from './transfers.ts';

/** How many have a value; the greatest first. */
export interface Tally {
  value: string;
  count: number;
}

/** How many resources of a type there are in each state; archived ones apart. */
export interface TypeCount {
  type: string;
  total: number;
  draft: number;
  inReview: number;
  approved: number;
  retired: number;
  archived: number;
}

/** Counts of the entries of one record. Retired ones are neither overdue nor in force. */
export interface ActivityCounts {
  inForce: number;
  overdueReviews: number;
  withTransfers: number;
  grounds: Tally[];
  dataKinds: Tally[];
  countries: Tally[];
  recipientRoles: Tally[];
  mechanisms: Tally[];
}

export interface Statistics {
  types: TypeCount[];
  processingActivities: ActivityCounts;
  processorActivities: ActivityCounts;
  recipients: { roles: Tally[]; countries: Tally[] };
}

/** Whether a row is of a resource that is archived; few are. */
const archived = (type: string, id: string) =>
  `exists (select from resource a where a.tenant_id = $1 and a.resource_type = ${type} and a.resource_id = ${id} and a.archived)`;

/**
 * @param today `YYYY-MM-DD`: what is in force and what is overdue depends on it
 * @param controllers ids of controllers or processors: only these, and what is theirs, counts
 */
export async function readStatistics(
  session: Session,
  tenant: string,
  today: string,
  controllers?: readonly string[],
): Promise<Statistics> {
  /** That a resource counts, with the ids as the last of the parameters. */
  const theirs = (type: string, id: string, parameter: number) =>
    controllers === undefined
      ? 'true'
      : `(${type} = 'controller' and ${id} = any ($${parameter}::uuid[]) or exists (
           select from link o where o.tenant_id = $1 and o.source_type = ${type} and o.source_id = ${id} and o.target_type = 'controller'
             and o.target_id = any ($${parameter}::uuid[]) and o.in_working and ${isOfController('o')}))`;
  const ids: Parameter[] = controllers === undefined ? [] : [controllers];
  const [states, activities, named, recipients] = await Promise.all([
    session.query<{ type: string; state: string; archived: boolean; count: number }>(
      `select r.resource_type as type, r.state, r.archived, count(*) from resource r
       where r.tenant_id = $1 and r.resource_type = any ($2::text[]) and ${theirs('r.resource_type', 'r.resource_id', 3)} group by r.resource_type, r.state, r.archived`,
      [tenant, [...resourceTypes], ...ids],
    ),
    session.query<{ type: string; what: 'in force' | 'overdue' | 'transferring'; count: number }>(
      `select r.resource_type as type, 'in force' as what, count(*) from resource r
         where r.tenant_id = $1 and r.resource_type in ('processingActivity', 'processorActivity') and not r.archived and r.state <> 'retired'
           and not exists (select from facet f where f.tenant_id = $1 and f.resource_type = r.resource_type and f.resource_id = r.resource_id and f.facet = 'startedOn' and f.value > $2)
           and not exists (select from facet f where f.tenant_id = $1 and f.resource_type = r.resource_type and f.resource_id = r.resource_id and f.facet = 'endedOn' and f.value < $2)
           and ${theirs('r.resource_type', 'r.resource_id', 3)}
         group by r.resource_type
       union all
       select f.resource_type, 'overdue', count(*) from facet f join resource r on r.tenant_id = $1 and r.resource_type = f.resource_type and r.resource_id = f.resource_id
         where f.tenant_id = $1 and f.facet = 'reviewDueOn' and f.value < $2 and not r.archived and r.state <> 'retired'
           and ${theirs('f.resource_type', 'f.resource_id', 3)}
         group by f.resource_type
       union all
       select f.resource_type, 'transferring', count(*) from facet f
         where f.tenant_id = $1 and f.facet = 'transfers' and f.value = 'true' and not ${archived('f.resource_type', 'f.resource_id')}
           and ${theirs('f.resource_type', 'f.resource_id', 3)}
         group by f.resource_type`,
      [tenant, today, ...ids],
    ),
    // What an activity names and what it says itself, each value once.
    session.query<{ type: string; facet: string; value: string; count: number }>(
      `select n.type, n.facet, n.value, count(*) from (
         select l.source_type as type, l.source_id as id, f.facet, f.value
         from link l join facet f on f.tenant_id = $1 and f.resource_type = l.target_type and f.resource_id = l.target_id
         where l.tenant_id = $1 and l.source_type in ('processingActivity', 'processorActivity') and l.in_working
           and (l.target_type, f.facet) in (('legalBasis', 'ground'), ('dataCategory', 'kind'), ('recipient', 'country'), ('recipient', 'role'), ('safeguard', 'mechanism'))
         union
         select f.resource_type, f.resource_id, f.facet, f.value from facet f
         where f.tenant_id = $1 and f.resource_type in ('processingActivity', 'processorActivity') and f.facet = 'country'
       ) n where not ${archived('n.type', 'n.id')} and ${theirs('n.type', 'n.id', 2)} group by n.type, n.facet, n.value`,
      [tenant, ...ids],
    ),
    session.query<{ facet: string; value: string; count: number }>(
      `select f.facet, f.value, count(*) from facet f
       where f.tenant_id = $1 and f.resource_type = 'recipient' and f.facet in ('role', 'country') and not ${archived('f.resource_type', 'f.resource_id')}
         and ${theirs('f.resource_type', 'f.resource_id', 2)}
       group by f.facet, f.value`,
      [tenant, ...ids],
    ),
  ]);
  const countsOf = (type: string): ActivityCounts => {
    const number = (what: string) => activities.find((each) => each.type === type && each.what === what)?.count ?? 0;
    const tally = (facet: string) => tallyOf(named.filter((each) => each.type === type && each.facet === facet));
    return {
      inForce: number('in force'),
      overdueReviews: number('overdue'),
      withTransfers: number('transferring'),
      grounds: tally('ground'),
      dataKinds: tally('kind'),
      countries: tally('country'),
      recipientRoles: tally('role'),
      mechanisms: tally('mechanism'),
    };
  };
  return {
    types: resourceTypes.map((type) => typeCount(type, states)),
    processingActivities: countsOf('processingActivity'),
    processorActivities: countsOf('processorActivity'),
    recipients: {
      roles: tallyOf(recipients.filter(({ facet }) => facet === 'role')),
      countries: tallyOf(recipients.filter(({ facet }) => facet === 'country')),
    },
  };
}

function tallyOf(rows: readonly Tally[]): Tally[] {
  return rows
    .map(({ value, count }) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

function typeCount(
  type: string,
  rows: readonly { type: string; state: string; archived: boolean; count: number }[],
): TypeCount {
  const sum = (wanted: (row: { state: string; archived: boolean }) => boolean) =>
    rows.filter((row) => row.type === type && wanted(row)).reduce((total, { count }) => total + count, 0);
  const inState = (state: string) => sum((row) => row.state === state && !row.archived);
  return {
    type,
    total: sum((row) => !row.archived),
    draft: inState('draft'),
    inReview: inState('inReview'),
    approved: inState('approved'),
    retired: inState('retired'),
    archived: sum((row) => row.archived),
  };
}
