/**
 * What is known about common vendors. Everything here is a suggestion: whoever takes it into a register marks it
 * `suggested`, with vendor and day, and no transfer and no contract is settled by it. Lists of countries are the
 * least that is known, never complete.
 */

import type { Source } from './facts.ts';
import type { TransferMechanismKey } from './transfer-mechanisms.ts';
import data from './vendors.json' with { type: 'json' };

export interface VendorEntity {
  readonly name: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  /** `contracting`: party to the customer's contract; `representative`: Art. 27, contracts nothing. */
  readonly role: 'contracting' | 'parent' | 'affiliate' | 'representative' | 'controller';
  readonly note?: string;
  /** How it is known. */
  readonly evidence: 'seen' | 'secondary' | 'memory' | 'unverified';
}

export interface VendorTransfer {
  readonly mechanism: TransferMechanismKey;
  /** Where the data go, as far as one country can be named. */
  readonly country?: string;
  readonly importer?: string;
  /** Key of the decision, when the mechanism is one. */
  readonly adequacyDecision?: string;
  readonly clauses?: { readonly decision: string; readonly modules?: readonly number[] };
  readonly note?: string;
  /** `vendorAssertion`: the vendor says so, and nobody checked the list of certified importers. */
  readonly evidence: 'vendorAssertion' | 'memory' | 'unverified';
}

export interface VendorUrls {
  readonly dataProcessingAgreement?: string;
  readonly subprocessors?: string;
  readonly transferTerms?: string;
  readonly transferInformation?: string;
  readonly bindingRules?: string;
  readonly privacy?: string;
}

export interface Vendor {
  readonly key: string;
  readonly name: string;
  readonly category: string;
  readonly service: string;
  readonly entities: readonly VendorEntity[];
  /** Roles under Art. 4(7) and (8). One vendor in two roles is two recipients. */
  readonly roles: readonly ('processor' | 'controller')[];
  readonly roleNote: string;
  readonly processingCountries: readonly string[];
  readonly processingNote: string;
  /** Grounds that the vendor claims, in its order of precedence. Empty when its main processing stays in the EEA. */
  readonly transfers: readonly VendorTransfer[];
  readonly urls: VendorUrls;
  /** Addresses that were not opened. */
  readonly urlsFromMemory?: readonly (keyof VendorUrls)[];
  readonly agreementNote?: string;
  readonly subprocessorsNote?: string;
  /** Days between notice of a new sub-processor and its use (Art. 28(2)). */
  readonly subprocessorNoticeDays?: number;
  /** Days in which the customer may object. */
  readonly objectionDays?: number;
  /** Instruments that the vendor offers for other laws than the GDPR. */
  readonly outsideGdpr?: readonly string[];
  readonly cautions: readonly string[];
  /** How far the entry as a whole can be relied upon. */
  readonly confidence: 'high' | 'medium';
  readonly sources: readonly Source[];
}

export const vendors = data.vendors as readonly Vendor[];

const byKey = new Map(vendors.map((vendor) => [vendor.key, vendor]));

/** The vendor with this key. */
export function vendor(key: string): Vendor | undefined {
  return byKey.get(key);
}
