/** Supervisory authorities of the States of the EEA (Art. 51 GDPR). */
import type { IsoDate, Sources } from './facts.ts';
import data from './supervisory-authorities.json' with { type: 'json' };

export interface SupervisoryAuthority {
  /** Country, region where there is one, and the letters that the authority is known by: `FR-CNIL`, `DE-BE-BLNBDI`. */
  readonly key: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  /** ISO 3166-2, for authorities of a part of the country. */
  readonly region?: string;
  readonly name: string;
  readonly englishName?: string;
  readonly website: string;
  /** Whom it supervises, where a country has several. */
  readonly competence?: string;
  /** First day of the authority, where it came after the others. */
  readonly validFrom?: IsoDate;
  /** Last day of the authority. */
  readonly validTo?: IsoDate;
  /** Members that no source confirmed. */
  readonly fromMemory?: readonly string[];
  /** Names in {@link authoritySources}. */
  readonly sources: readonly string[];
}

export const authoritySources: Sources = data.sources as Sources;

export const supervisoryAuthorities = data.authorities as readonly SupervisoryAuthority[];

/** The closed list of keys. */
export const supervisoryAuthorityKeys: readonly string[] = supervisoryAuthorities.map(({ key }) => key);

const byKey = new Map(supervisoryAuthorities.map((authority) => [authority.key, authority]));

/** The authority with this key. */
export function supervisoryAuthority(key: string): SupervisoryAuthority | undefined {
  return byKey.get(key);
}
