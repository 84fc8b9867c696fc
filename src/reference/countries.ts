/** Countries and territories by ISO 3166-1 alpha-2 code, and how the GDPR looks at each of them. */
import data from './countries.json' with { type: 'json' };
import { holdsOn, type IsoDate, type Period, type Sources } from './facts.ts';

/**
 * The view of Chapter V on the day that the facts were looked up. `euTerritory`: a part of a Member State that has
 * a code of its own and to which EU law applies. Judge a past day with {@link isThirdCountry}.
 */
export type GdprStatus = 'euMember' | 'eeaEfta' | 'euTerritory' | 'thirdCountry';

export interface Country {
  /** ISO 3166-1 alpha-2. */
  readonly code: string;
  /** English name. */
  readonly name: string;
  readonly gdprStatus: GdprStatus;
  /** Code of the State that the territory belongs to, where that matters to the GDPR. */
  readonly partOf?: string;
  /** Membership of the European Union, or the Communities before it. */
  readonly eu?: readonly Period[];
  /** Membership of the European Economic Area, provisional application included. */
  readonly eea?: readonly Period[];
  /** Times without membership in which a disclosure was nevertheless no transfer to a third country. */
  readonly euLawApplied?: readonly (Period & { readonly ground: string })[];
  readonly note?: string;
  /** Names in {@link countrySources}. */
  readonly sources: readonly string[];
}

export const countrySources: Sources = data.sources as Sources;

/** All 249 countries and territories of ISO 3166-1, by code. */
export const countries = data.countries as readonly Country[];

/** Codes that stand for several countries, where a place may be named as one of them. */
export const regions = ['EU', 'EEA'] as const;

const byCode = new Map(countries.map((country) => [country.code, country]));

/** Whether the text is an ISO 3166-1 alpha-2 code, in upper case. */
export function isCountry(code: string): boolean {
  return byCode.has(code);
}

/** The country with this code. */
export function country(code: string): Country | undefined {
  return byCode.get(code);
}

/** Whether the country was a Member State of the European Union on that day. */
export function isEu(code: string, on: IsoDate): boolean {
  return holdsOn(byCode.get(code)?.eu, on);
}

/**
 * Whether the country was one of the States of the European Economic Area on that day. Whether a disclosure to it
 * is a transfer is another question: ask {@link isThirdCountry}.
 */
export function isEea(code: string, on: IsoDate): boolean {
  return holdsOn(byCode.get(code)?.eea, on);
}

/**
 * Whether a disclosure to this place on that day is a transfer to a third country (Art. 44 GDPR). Not so for the
 * States of the EEA, their territories to which EU law applies, times in which EU law went on to apply, and the
 * regions `EU` and `EEA` as such.
 * @throws RangeError when the text is neither a country nor a region
 */
export function isThirdCountry(code: string, on: IsoDate): boolean {
  if (regions.some((region) => region === code)) return false;
  const found = byCode.get(code);
  if (found === undefined) throw new RangeError('Not an ISO 3166-1 alpha-2 code');
  if (found.gdprStatus === 'euTerritory' && found.partOf !== undefined) return isThirdCountry(found.partOf, on);
  return !holdsOn(found.eea, on) && !holdsOn(found.euLawApplied, on);
}
