/** Whether the place that data go to has adequate protection by a decision of the Commission, Art. 45. */
import {
  adequacyDecision,
  decisionsInForce,
  internationalOrganisations,
  isInForce,
} from '../reference/adequacy-decisions.ts';
import { isThirdCountry } from '../reference/countries.ts';
import type { IsoDate } from '../reference/facts.ts';

/**
 * What the decisions in force say of a destination: `yes`; `partial`, where it depends on the importer or the data, so
 * that none is settled by it; `no` decision; `notNeeded` in the EEA; `unknown` while no destination is stated.
 */
export const adequacyWords = ['yes', 'partial', 'no', 'notNeeded', 'unknown'] as const;
export type Adequacy = (typeof adequacyWords)[number];

/** Where a transfer goes: a country, by its code of ISO 3166-1, or an organisation, by its key or name. */
export interface Destination {
  readonly country?: string;
  readonly internationalOrganisation?: string;
}

export interface AdequacyJudgement {
  readonly adequate: Adequacy;
  /** Keys of the decisions in force for the destination. */
  readonly decisions: readonly string[];
}

/** Judges a destination by the decisions of a day. They cover the importer, never an onward transfer. */
export function judgeAdequacy({ country, internationalOrganisation }: Destination, on: IsoDate): AdequacyJudgement {
  if (country === undefined && internationalOrganisation === undefined) return { adequate: 'unknown', decisions: [] };
  if (country !== undefined && !isThirdCountry(country, on)) return { adequate: 'notNeeded', decisions: [] };
  const destination = country ?? organisationKey(internationalOrganisation!);
  const found = destination === undefined ? [] : decisionsInForce(destination, on);
  const decisions = found.map(({ key }) => key);
  if (found.length === 0) return { adequate: 'no', decisions };
  return { adequate: found.some(({ coverage }) => coverage === 'full') ? 'yes' : 'partial', decisions };
}

/** Whether the decision with this key was in force on that day; one that is not in the list was not. */
export function isDecisionInForce(key: string, on: IsoDate): boolean {
  const decision = adequacyDecision(key);
  return decision !== undefined && isInForce(decision, on);
}

/** The key of an organisation that is named by key or name; undefined when no decision names it. */
function organisationKey(named: string): string | undefined {
  const same = (other: string) => other.toLowerCase() === named.trim().toLowerCase();
  return internationalOrganisations.find(({ key, name }) => same(key) || same(name))?.key;
}
