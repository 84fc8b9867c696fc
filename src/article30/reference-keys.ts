/** Members that hold a key of reference data. The lists are checked apart from the schema, so that the answer can name the list, and the document stays small. */
import { Type } from 'typebox';
import { adequacyDecision } from '../reference/adequacy-decisions.ts';
import { isCountry, regions } from '../reference/countries.ts';
import { supervisoryAuthority } from '../reference/supervisory-authorities.ts';
import { unknownKey, unknownKeys } from './contradictions.ts';
import type { Contradiction, Words } from './definition.ts';

const Key = (words: Words) => Type.String({ pattern: '^[A-Za-z0-9-]{2,40}$', maxLength: 40, ...words });

/** Key of a supervisory authority, e.g. `FR-CNIL`. */
export const SupervisoryAuthority = (words: Words) => Key({ examples: ['FR-CNIL'], ...words });

/** Key of an adequacy decision, e.g. `US-2023-1795`. */
export const AdequacyDecision = (words: Words) => Key({ examples: ['US-2023-1795'], ...words });

const isJurisdiction = (code: string) => isCountry(code) || regions.some((region) => region === code);
const isAuthority = (key: string) => supervisoryAuthority(key) !== undefined;
const isDecision = (key: string) => adequacyDecision(key) !== undefined;

/** Contradiction where `code` is neither a country of ISO 3166-1 nor `EU` or `EEA`. */
export function unknownJurisdiction(code: string | undefined, pointer: string): Contradiction[] {
  return unknownKey(code, pointer, isJurisdiction, 'countries (ISO 3166-1 alpha-2, `EU`, `EEA`)');
}

export function unknownJurisdictions(codes: readonly string[] | undefined, pointer: string): Contradiction[] {
  return unknownKeys(codes, pointer, isJurisdiction, 'countries (ISO 3166-1 alpha-2, `EU`, `EEA`)');
}

/** Contradiction where `key` is no supervisory authority of the list. */
export function unknownSupervisoryAuthority(key: string | undefined, pointer: string): Contradiction[] {
  return unknownKey(key, pointer, isAuthority, 'supervisory authorities');
}

export function unknownSupervisoryAuthorities(keys: readonly string[] | undefined, pointer: string): Contradiction[] {
  return unknownKeys(keys, pointer, isAuthority, 'supervisory authorities');
}

/** Contradiction where `key` is no adequacy decision of the list; annulled ones are in it. */
export function unknownAdequacyDecision(key: string | undefined, pointer: string): Contradiction[] {
  return unknownKey(key, pointer, isDecision, 'adequacy decisions');
}
