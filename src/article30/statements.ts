/** Statements that several resources make: contact details, contracts, who said so. */
import { Type } from 'typebox';
import {
  Bool,
  CalendarDate,
  Country,
  CountryOrUnion,
  component,
  Email,
  KeyOf,
  type ListFilter,
  ListOf,
  OneOf,
  ShortText,
  Statement,
  Text,
  WebAddress,
} from './definition.ts';

export const address = component(
  'PostalAddress',
  Statement(
    {
      lines: ListOf(
        ShortText({ description: 'One line of the address.' }),
        { description: 'Street and what stands before it.', examples: [['1 rue de la Paix']] },
        8,
      ),
      postalCode: ShortText({ description: 'Postal code.', examples: ['75002'] }),
      city: ShortText({ description: 'City.', examples: ['Paris'] }),
      country: Country({ description: 'Country (ISO 3166-1 alpha-2).' }),
    },
    { description: 'A postal address.' },
  ),
);

export const contact = component(
  'Contact',
  Statement(
    {
      email: Email({ description: 'E-mail address.' }),
      phone: ShortText({ description: 'Telephone number.', examples: ['+33 1 23 45 67 89'] }),
      url: WebAddress({ description: 'Contact page.' }),
      other: Text({ description: 'Another way to reach them.', examples: ['Chat on example.com'] }),
      address,
    },
    { description: 'Contact details, Art. 30(1)(a) and 30(2)(a).' },
  ),
);

/** Points (a) to (h) of Art. 28(3). */
export const contractPoints = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

export const processorContract = component(
  'ProcessorContract',
  Statement(
    {
      exists: Bool({
        description: 'Whether a contract or other legal act governs the processing, Art. 28(3).',
        examples: [true],
      }),
      inWriting: Bool({ description: 'In writing, electronic form included, Art. 28(9).', examples: [true] }),
      reference: ShortText({ description: 'Your reference of the contract.', examples: ['DPA-2026-017'] }),
      url: WebAddress({ description: 'Where the contract can be read.' }),
      signedOn: CalendarDate({ description: 'Date of signature.' }),
      expiresOn: CalendarDate({ description: 'When it ends.' }),
      missingPoints: ListOf(
        OneOf(contractPoints, { description: 'A point of Art. 28(3).' }),
        { description: 'Points (a) to (h) of Art. 28(3) that the contract lacks.', examples: [['h']] },
        8,
      ),
    },
    { description: 'The contract with a processor, Art. 28(3) and (9).' },
  ),
);

/** What a basis in law is: an act, a collective agreement (Art. 9(2)(b), 88), a contract with a health professional (Art. 9(2)(h)). */
export const lawKinds = ['statute', 'collectiveAgreement', 'healthProfessionalContract'] as const;

export const lawReference = component(
  'LawReference',
  Statement(
    {
      title: ShortText({ description: 'Title of the law or agreement.', examples: ['Code de commerce'] }),
      reference: ShortText({ description: 'The article or section relied on.', examples: ['Art. L123-22'] }),
      url: WebAddress({
        description: 'Where it can be read.',
        examples: ['https://www.legifrance.gouv.fr/codes/id/LEGITEXT000005634379'],
      }),
      jurisdiction: CountryOrUnion({
        description:
          'Whose law it is: a country (ISO 3166-1 alpha-2) or `EU`. The law of a third country is no basis under Art. 6(3).',
        examples: ['FR'],
      }),
      kind: OneOf(lawKinds, {
        description:
          '`statute`: Union or Member State law; `collectiveAgreement` (Art. 9(2)(b)); `healthProfessionalContract` (Art. 9(2)(h)).',
        examples: ['statute'],
      }),
    },
    { description: 'A law that is cited as basis, Art. 6(3), 9(2), 10, 49(4).' },
  ),
);

/** `stated` and `confirmed` facts count as grounds; a `suggested` one may raise a finding, never settle one. */
export const confirmationStates = ['stated', 'suggested', 'confirmed'] as const;

export const confirmation = component(
  'Confirmation',
  Statement(
    {
      state: OneOf(confirmationStates, {
        description:
          '`stated` by the source named; `suggested` by a vendor list or a guess; `confirmed` by someone who checked.',
        examples: ['confirmed'],
      }),
      source: Text({ description: 'Who said so.', examples: ['Vendor catalogue of 2026-11-22'] }),
      on: CalendarDate({ description: 'When.' }),
    },
    { description: 'Who said so. A suggested fact never settles a finding.' },
  ),
);

export const vocabularyTerms = ListOf(
  Type.String({
    pattern: '^[a-z][a-z0-9-]*:[A-Za-z0-9_-]{1,100}$',
    maxLength: 140,
    description: 'A prefixed name, e.g. `dpv:PaymentManagement`.',
  }),
  {
    description: 'Terms of the W3C Data Privacy Vocabulary (DPV) 2.3 that say the same.',
    examples: [['dpv:PaymentManagement']],
  },
  20,
);

/** Any building block may belong to one controller only. */
export const controllerId = KeyOf('controller', {
  description: 'The controller, when this belongs to one controller only.',
});

/** The blocks that belong to one controller only, in lists of them. */
export const byController = {
  controllerId: {
    schema: KeyOf('controller', { description: 'Only what belongs to this controller.' }),
    by: 'names',
    type: 'controller',
    fields: ['controllerId'],
  },
} as const satisfies Record<string, ListFilter>;
