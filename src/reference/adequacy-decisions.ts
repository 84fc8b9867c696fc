/**
 * Adequacy decisions of the Commission (Art. 45 GDPR), those that ended included: a record that names one of these
 * can be told so.
 *
 * A decision covers the receiving importer; onward transfers need a ground of their own (Art. 44). A partial one
 * never settles a transfer by itself. United Kingdom and Swiss law have lists of their own.
 */
import data from './adequacy-decisions.json' with { type: 'json' };
import type { IsoDate, Sources } from './facts.ts';

export interface AdequacyDecision {
  /** Destination, year and number: `US-2023-1795` is Decision (EU) 2023/1795. Never reused, never removed. */
  readonly key: string;
  /** As it is cited: `(EU) 2023/1795`, `2000/518/EC`. */
  readonly reference: string;
  /** The name it goes by. */
  readonly name?: string;
  /** Code of the country it covers. Either this or `internationalOrganisation`. */
  readonly country?: string;
  /** Key of the organisation it covers. */
  readonly internationalOrganisation?: string;
  /** 45(3) for decisions under the GDPR, 45(9) for those under Directive 95/46/EC. */
  readonly article: '45(3)' | '45(9)';
  readonly adoptedOn: IsoDate;
  /** How its time was limited, each from the day on which that was decided; the latest applies. */
  readonly expiries?: readonly { readonly from: IsoDate; readonly expiresOn: IsoDate; readonly by: string }[];
  /** First day on which it no longer held, by judgment. */
  readonly annulledOn?: IsoDate;
  readonly annulledBy?: string;
  /** First day on which it no longer had an object. */
  readonly endedOn?: IsoDate;
  readonly endedBy?: string;
  /** `partial`: whether it covers the transfer depends on the importer or the data, see `importerCheck`. */
  readonly coverage: 'full' | 'partial';
  readonly scope: string;
  readonly limits?: readonly string[];
  /** What has to be found out about the importer. Present exactly when the coverage is partial. */
  readonly importerCheck?: {
    readonly what: string;
    /** Where importers are listed. */
    readonly list?: string;
    /** Whether the list says apart if data of staff are covered. */
    readonly staffDataApart?: boolean;
  };
  readonly lastReview?: { readonly on: IsoDate; readonly outcome: string };
  readonly notes?: readonly string[];
  /** Address at EUR-Lex, made from the number. */
  readonly url: string;
  /** Members that no source confirmed, as paths: `adoptedOn`, `limits/1`. */
  readonly fromMemory?: readonly string[];
  /** Names in {@link adequacySources}. */
  readonly sources: readonly string[];
}

/** An international organisation (Art. 4(26) GDPR) that a decision names. */
export interface InternationalOrganisation {
  readonly key: string;
  readonly name: string;
  readonly sources: readonly string[];
}

export const adequacySources: Sources = data.sources as Sources;

export const adequacyDecisions = data.decisions as readonly AdequacyDecision[];

/** The closed list of keys. */
export const adequacyDecisionKeys: readonly string[] = adequacyDecisions.map(({ key }) => key);

export const internationalOrganisations = data.internationalOrganisations as readonly InternationalOrganisation[];

const byKey = new Map(adequacyDecisions.map((decision) => [decision.key, decision]));

/** The decision with this key. */
export function adequacyDecision(key: string): AdequacyDecision | undefined {
  return byKey.get(key);
}

/** The last day of a decision as it was known on the given day; `undefined` when its time was not limited. */
export function expiryOf(decision: AdequacyDecision, on: IsoDate): IsoDate | undefined {
  return decision.expiries?.findLast(({ from }) => from <= on)?.expiresOn;
}

/** Whether a decision was in force on that day: adopted, not annulled, not ended, not expired. */
export function isInForce(decision: AdequacyDecision, on: IsoDate): boolean {
  if (on < decision.adoptedOn) return false;
  if (decision.annulledOn !== undefined && on >= decision.annulledOn) return false;
  if (decision.endedOn !== undefined && on >= decision.endedOn) return false;
  const expiresOn = expiryOf(decision, on);
  return expiresOn === undefined || on <= expiresOn;
}

/**
 * The decisions in force for a destination on that day. Those with partial coverage are among them: look at
 * `importerCheck` before relying on one.
 * @param destination code of a country, or key of an international organisation
 */
export function decisionsInForce(destination: string, on: IsoDate): readonly AdequacyDecision[] {
  return adequacyDecisions.filter(
    (decision) => (decision.country ?? decision.internationalOrganisation) === destination && isInForce(decision, on),
  );
}
