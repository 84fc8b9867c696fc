/**
 * What the catalogue of vendors suggests for a recipient. Suggestions, never more: what is made of them is marked as
 * `suggested`, and no contract, no check and no transfer follows from them.
 */
import { asOf, factsVersion } from '../reference/facts.ts';
import type { Vendor } from '../reference/vendors.ts';
import type { Content } from './definition.ts';

/** A role in which a vendor of the catalogue may receive data. */
export type VendorRole = Vendor['roles'][number];

/** Who says so, as recipients and answers name it. */
export const catalogueSource = `Vendor catalogue ${factsVersion}`;

/** The recipient that a vendor is in one of its roles: body of a new one, with everything marked as suggested. */
export function recipientFromVendor(vendor: Vendor, role: VendorRole): Content {
  return {
    name: vendor.name,
    ...suggestedFacts(vendor, role),
    vendor: { key: vendor.key, on: asOf },
    confirmation: { state: 'suggested', source: catalogueSource, on: asOf },
  };
}

/** What is known of a vendor in a role, as members of a recipient. */
function suggestedFacts(vendor: Vendor, role: VendorRole): Content {
  const { entities, urls } = vendor;
  const party = entities.find((entity) => role === 'controller' && entity.role === 'controller');
  const entity = party ?? entities.find((each) => each.role === 'contracting');
  // Nobody has seen it anywhere: not even a suggestion.
  const known = entity?.evidence === 'unverified' ? undefined : entity;
  const facts: Content = {
    role,
    identified: true,
    legalEntity: known?.name,
    country: known?.country,
    processingCountries: vendor.processingCountries,
    locationNote: vendor.processingNote,
    service: vendor.service,
    ...(role === 'processor'
      ? {
          changeNoticeDays: vendor.subprocessorNoticeDays,
          objectionDays: vendor.objectionDays,
          contract: urls.dataProcessingAgreement && { url: urls.dataProcessingAgreement },
          subprocessorList: urls.subprocessors && { url: urls.subprocessors },
        }
      : {}),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

/** A difference between a recipient and the catalogue. */
export interface VendorSuggestion {
  /** JSON pointer into the recipient, RFC 6901. */
  readonly pointer: string;
  /** Path of the member, e.g. `contract.url`. */
  readonly field: string;
  /** What the recipient says; absent: nothing. */
  readonly current?: unknown;
  readonly suggested: unknown;
  readonly source: string;
  readonly on: string;
}

/** Words of the recipient's own are not worse than those of the catalogue. */
const onlyWhenAbsent = ['locationNote', 'service'];

/** Where a recipient says less than the catalogue, or something else, member by member. */
export function vendorSuggestions(recipient: Content, vendor: Vendor): VendorSuggestion[] {
  const wanted = { ...factsFor(recipient, vendor), ...(recipient.vendor === undefined ? linkTo(vendor) : {}) };
  return Object.entries(wanted).flatMap(([name, value]): VendorSuggestion[] => {
    const current = recipient[name];
    if (name === 'contract' || name === 'subprocessorList') {
      return difference(`${name}.url`, (current as Content | undefined)?.url, (value as Content).url);
    }
    if (onlyWhenAbsent.includes(name) && current !== undefined) return [];
    if (name !== 'processingCountries') return difference(name, current, value);
    // The list of the catalogue is the least that is known: what the recipient has besides is not wrong.
    const stated = (current as string[] | undefined) ?? [];
    const missing = (value as string[]).filter((country) => !stated.includes(country));
    return missing.length === 0 ? [] : difference(name, current, [...stated, ...missing]);
  });
}

const linkTo = ({ key }: Vendor): Content => ({ vendor: { key, on: asOf } });

/** What is known of the vendor in the recipient's role; of an unknown role, what holds in each. */
function factsFor(recipient: Content, vendor: Vendor): Content {
  const role = rolesAs[String(recipient.role)];
  if (role !== undefined) {
    // The catalogue has it in that role or says nothing of the role.
    const { role: known, ...facts } = suggestedFacts(vendor, role);
    return vendor.roles.includes(known as VendorRole) ? facts : {};
  }
  const [first = {}, ...others] = vendor.roles.map((each) => suggestedFacts(vendor, each));
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) =>
      others.every((other) => JSON.stringify(other[name]) === JSON.stringify(value)),
    ),
  );
}

const rolesAs: Readonly<Record<string, VendorRole>> = {
  processor: 'processor',
  subprocessor: 'processor',
  controller: 'controller',
  jointController: 'controller',
};

function difference(field: string, current: unknown, suggested: unknown): VendorSuggestion[] {
  if (JSON.stringify(current) === JSON.stringify(suggested)) return [];
  return [
    {
      pointer: `/${field.replaceAll('.', '/')}`,
      field,
      ...(current === undefined ? {} : { current }),
      suggested,
      source: catalogueSource,
      on: asOf,
    },
  ];
}
