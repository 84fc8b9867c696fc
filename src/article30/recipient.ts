/** Recipients: anyone to whom personal data are disclosed, Art. 4(9), 28 and 30(1)(d). */

import { datesOutOfOrder } from './contradictions.ts';
import {
  Bool,
  CalendarDate,
  type Content,
  Count,
  Country,
  component,
  defineResource,
  KeyOf,
  ListOf,
  OneOf,
  ShortText,
  Statement,
  Text,
  WebAddress,
} from './definition.ts';
import { byController, confirmation, contact, controllerId, processorContract } from './statements.ts';

export const recipientRoles = [
  'processor',
  'subprocessor',
  'controller',
  'jointController',
  'internal',
  'unknown',
] as const;

/** The roles in which a contract is needed, Art. 28(3), (4). */
const rolesUnderContract: ReadonlySet<string | undefined> = new Set<(typeof recipientRoles)[number]>([
  'processor',
  'subprocessor',
]);

export const recipient = defineResource({
  type: 'recipient',
  component: 'Recipient',
  plural: 'Recipients',
  path: 'recipients',
  nature: 'buildingBlock',
  description:
    'Anyone to whom personal data are disclosed. One vendor with two roles is two recipients. Internal departments may be listed, but are no recipients in law.',
  article: 'Art. 4(9), 28, 30(1)(d)',
  properties: {
    controllerId,
    role: OneOf(recipientRoles, {
      description: 'In which role the recipient receives the data, Art. 4(7) to (10), 26 and 28.',
      examples: ['processor'],
    }),
    identified: Bool({
      description: 'A named body (true) or a mere category of recipients (false).',
      examples: [true],
    }),
    publicBody: Bool({ description: 'A public authority or body.', examples: [false] }),
    legalEntity: ShortText({
      description: 'The legal entity that contracts.',
      examples: ['Stripe Payments Europe, Limited'],
    }),
    country: Country({ description: 'Country of establishment (ISO 3166-1 alpha-2).', examples: ['IE'] }),
    processingCountries: ListOf(Country({ description: 'ISO 3166-1 alpha-2.' }), {
      description: 'Countries where the recipient processes the data.',
      examples: [['IE', 'US']],
    }),
    remoteAccessCountries: ListOf(Country({ description: 'ISO 3166-1 alpha-2.' }), {
      description:
        'Countries from which the data are accessed remotely; remote access is a transfer (EDPB Guidelines 05/2021).',
      examples: [['US']],
    }),
    internationalOrganisation: ShortText({
      description: 'The international organisation that the recipient is, Art. 4(26).',
      examples: ['European Patent Organisation'],
    }),
    locationNote: Text({
      description: 'What is known of the places of processing, in words.',
      examples: ['Region chosen by the customer.'],
    }),
    service: ShortText({ description: 'What the recipient does for you.', examples: ['Payment services'] }),
    engagedById: KeyOf('recipient', {
      description:
        'The processor that engaged this sub-processor, Art. 28(2) and (4). The chain never turns back on itself.',
    }),
    authorisation: OneOf(['specific', 'general', 'none'], {
      description: 'Written authorisation of the controller for this sub-processor, Art. 28(2).',
      examples: ['general'],
    }),
    changeNoticeDays: Count(
      { description: 'Days of notice before a change of sub-processors, Art. 28(2).', examples: [30] },
      3650,
    ),
    objectionDays: Count({ description: 'Days to object to such a change, Art. 28(2).', examples: [14] }, 3650),
    flowDown: Bool({ description: 'The same obligations bind the sub-processor, Art. 28(4).', examples: [true] }),
    guarantees: component(
      'Guarantees',
      Statement(
        {
          checkedOn: CalendarDate({ description: 'When the sufficient guarantees were checked.' }),
          evidence: Text({ description: 'What was looked at.', examples: ['ISO/IEC 27001 certificate of 2026'] }),
        },
        { description: 'Check of the sufficient guarantees that a processor provides, Art. 28(1).' },
      ),
    ),
    contract: processorContract,
    contact,
    website: WebAddress({ description: 'Website of the recipient.', examples: ['https://stripe.com'] }),
    subprocessorList: component(
      'SubprocessorList',
      Statement(
        {
          url: WebAddress({ description: 'Where the processor publishes its sub-processors.' }),
          checkedOn: CalendarDate({ description: 'When the list was last looked at.' }),
        },
        { description: 'The list of sub-processors of this processor (EDPB Opinion 22/2024).' },
      ),
    ),
    vendor: component(
      'VendorReference',
      Statement(
        {
          key: ShortText({ description: 'Key of the vendor in the catalogue.', examples: ['stripe'] }),
          on: CalendarDate({ description: 'The date of the catalogue that the facts were taken from.' }),
        },
        { description: 'The vendor of the catalogue that this recipient is.' },
      ),
    ),
    confirmation,
  },
  tree: 'engagedById',
  facets: {
    role: (content) => content.role as string | undefined,
    country: (content) => [
      ...new Set([content.country, ...((content.processingCountries as string[] | undefined) ?? [])].filter(isText)),
    ],
    contractExpiresOn: (content) => (content.contract as Content | undefined)?.expiresOn as string | undefined,
    contractMissing: (content) => {
      if ((content.contract as Content | undefined)?.exists === true) return 'false';
      return rolesUnderContract.has(content.role as string) ? 'true' : undefined;
    },
  },
  filters: {
    ...byController,
    role: { schema: OneOf(recipientRoles, { description: 'The role.' }), by: 'facet', facet: 'role' },
    country: {
      schema: Country({ description: 'Country of establishment or of processing.' }),
      by: 'facet',
      facet: 'country',
    },
    contractExpiresBefore: {
      schema: CalendarDate({ description: 'The contract ends before this date.' }),
      by: 'before',
      facet: 'contractExpiresOn',
    },
    contractMissing: {
      schema: Bool({
        description:
          '`true`: processors and sub-processors of whom no contract is recorded, Art. 28(3), (4); in any other role, or none, no such contract is needed. `false`: whose contract is recorded, in any role.',
      }),
      by: 'facet',
      facet: 'contractMissing',
    },
  },
  searched: (content) => [content.legalEntity as string | undefined, content.service as string | undefined],
  check: (content) => datesOutOfOrder(content.contract, '/contract', 'signedOn', 'expiresOn'),
  example: {
    name: 'Stripe',
    reference: 'stripe',
    role: 'processor',
    identified: true,
    legalEntity: 'Stripe Payments Europe, Limited',
    country: 'IE',
    processingCountries: ['IE', 'US'],
    service: 'Payment services',
    contract: { exists: true, inWriting: true, url: 'https://stripe.com/legal/dpa' },
    confirmation: { state: 'confirmed', source: 'Contract of 2026-01-12', on: '2026-01-12' },
  },
});

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
