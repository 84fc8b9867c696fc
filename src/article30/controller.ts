/** Controllers, joint controllers, clients and processors: legal entities, Art. 4(7), 26 to 28, 30(1)(a) and 37. */
import type { TProperties } from 'typebox';
import { severalMain } from './contradictions.ts';
import {
  Bool,
  type Content,
  Count,
  Country,
  component,
  defineResource,
  KeysOf,
  ListOf,
  OneOf,
  ShortText,
  Statement,
  type Written,
} from './definition.ts';
import { SupervisoryAuthority, unknownSupervisoryAuthority } from './reference-keys.ts';
import { contact } from './statements.ts';

/** Art. 27(2)(a) and (b), in this order. */
export const representativeExemptions = ['occasionalLowRisk', 'publicBody'] as const;

/** In which record an entity may have to be: that of Art. 30(1) or that of Art. 30(2). */
export const actingRoles = ['controller', 'processor'] as const;

const establishment = component(
  'Establishment',
  Statement(
    {
      country: Country({ description: 'Country of the establishment (ISO 3166-1 alpha-2).' }),
      main: Bool({ description: 'The main establishment, Art. 4(16).', examples: [true] }),
    },
    { description: 'A place from which the entity acts through stable arrangements, Art. 3(1), recital 22.' },
  ),
);

const registrationNumber = component(
  'RegistrationNumber',
  Statement(
    {
      scheme: ShortText({ description: 'The register or scheme that gave the number.', examples: ['SIREN'] }),
      value: ShortText({ description: 'The number.', examples: ['552100554'] }),
    },
    { description: 'A number under which the entity is registered.' },
  ),
);

const representative = component(
  'Representative',
  Statement(
    {
      name: ShortText({ description: 'Name of the representative, Art. 30(1)(a).', examples: ['Example Rep GmbH'] }),
      contact,
      country: Country({
        description: 'Member State where it is established: one where data subjects are, Art. 27(3).',
        examples: ['DE'],
      }),
      mandate: Bool({
        description:
          'Designated in writing, with the mandate to be addressed by authorities and data subjects, Art. 27(1) and (4).',
        examples: [true],
      }),
    },
    { description: 'Representative in the Union of an entity that is not established there, Art. 27.' },
  ),
);

const dataProtectionOfficer = component(
  'DataProtectionOfficer',
  Statement(
    {
      designated: Bool({
        description: 'Whether a data protection officer is designated; `false` is a statement.',
        examples: [true],
      }),
      name: ShortText({ description: 'Name, Art. 30(1)(a).', examples: ['Camille Martin'] }),
      company: ShortText({ description: 'The company, when the officer is external.', examples: ['Example DPO SARL'] }),
      contact,
      contactPublished: Bool({ description: 'The contact details are published, Art. 37(7).', examples: [true] }),
      notifiedToAuthority: Bool({
        description: 'The contact details were communicated to the supervisory authority, Art. 37(7).',
        examples: [true],
      }),
    },
    { description: 'The data protection officer, Art. 30(1)(a), 37 to 39.' },
  ),
);

const coreActivity = component(
  'CoreActivity',
  Statement(
    {
      monitoring: Bool({
        description: 'Regular and systematic monitoring of data subjects on a large scale, Art. 37(1)(b).',
        examples: [false],
      }),
      specialOrCriminalData: Bool({
        description: 'Processing of data of Art. 9 or 10 on a large scale, Art. 37(1)(c).',
        examples: [false],
      }),
    },
    { description: 'What the core activities consist of, as far as the duty of Art. 37(1) hangs on it.' },
  ),
);

const properties = {
  legalForm: ShortText({ description: 'Legal form.', examples: ['SAS'] }),
  registerKept: Bool({
    description:
      'Whether the record of this entity is kept here; `false`: it is only named in the records of others. Where it is absent, being named as the controller of an entry says it.',
    examples: [true],
  }),
  actsAs: ListOf(
    OneOf(actingRoles, { description: 'A role of Art. 4(7) or (8).' }),
    {
      description:
        'In which roles the entity is known to process data. An entity in both has two records, Art. 30(1) and 30(2).',
      examples: [['controller']],
    },
    2,
  ),
  country: Country({ description: 'Country of the seat (ISO 3166-1 alpha-2).' }),
  establishments: ListOf(
    establishment,
    {
      description: 'Establishments; whether one is in the EEA decides on Art. 3(1) and 27.',
      examples: [[{ country: 'FR', main: true }]],
    },
    300,
  ),
  article3Paragraph2: Bool({
    description:
      'Offers goods or services to people in the Union, or monitors them, without being established there, Art. 3(2).',
    examples: [false],
  }),
  dataSubjectCountries: ListOf(
    Country({ description: 'ISO 3166-1 alpha-2.' }),
    { description: 'Where the data subjects are, as far as Art. 27(3) hangs on it.', examples: [['FR', 'BE']] },
    300,
  ),
  registrationNumbers: ListOf(
    registrationNumber,
    {
      description: 'Numbers of the entity in public registers.',
      examples: [[{ scheme: 'SIREN', value: '552100554' }]],
    },
    50,
  ),
  contact,
  representative,
  representativeExemption: OneOf(representativeExemptions, {
    description: 'Why no representative is needed: `occasionalLowRisk`, Art. 27(2)(a); `publicBody`, Art. 27(2)(b).',
    examples: ['occasionalLowRisk'],
  }),
  dataProtectionOfficer,
  coreActivity,
  competentAuthority: SupervisoryAuthority({
    description: 'The competent supervisory authority, Art. 55 and 56: its key in the list.',
  }),
  publicAuthority: Bool({
    description: 'A public authority or body, Art. 6(1) second subparagraph, 27(2)(b), 37(1)(a).',
    examples: [false],
  }),
  actsJudicially: Bool({
    description: 'A court acting in its judicial capacity, Art. 37(1)(a) and 55(3).',
    examples: [false],
  }),
  employees: Count({ description: 'Number of persons employed, Art. 30(5).', examples: [48] }, 10_000_000),
  claimsExemption30Paragraph5: Bool({
    description: 'Relies on the exemption of Art. 30(5) for organisations with fewer than 250 persons.',
    examples: [false],
  }),
  securityMeasureIds: KeysOf(
    'securityMeasure',
    {
      description: 'Measures of the whole company, Art. 30(1)(g); its activities inherit them.',
      examples: [['ref:encryption']],
    },
    500,
  ),
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

export const controller = defineResource({
  type: 'controller',
  component: 'Controller',
  plural: 'Controllers',
  path: 'controllers',
  nature: 'buildingBlock',
  description:
    'A legal entity. Whether it is controller, joint controller, client or processor follows from where it is named.',
  article: 'Art. 4(7), 30(1)(a), 30(2)(a)',
  properties,
  facets: {
    registerKept: (content) => String(written(content).registerKept === true),
    country: (content) => written(content).country,
    competentAuthority: (content) => written(content).competentAuthority,
  },
  filters: {
    registerKept: {
      schema: Bool({ description: 'Only controllers whose record is kept here, or only the others.' }),
      by: 'facet',
      facet: 'registerKept',
    },
    country: { schema: Country({ description: 'Country of the seat.' }), by: 'facet', facet: 'country' },
  },
  searched: (content) => [
    written(content).dataProtectionOfficer?.name,
    written(content).representative?.name,
    ...(written(content).registrationNumbers ?? []).map(({ value }) => value),
  ],
  check: (content) => {
    const { establishments, competentAuthority, dataProtectionOfficer: officer } = written(content);
    return [
      ...severalMain(establishments, '/establishments'),
      ...unknownSupervisoryAuthority(competentAuthority, '/competentAuthority'),
      ...(officer?.designated === false && officer.name !== undefined
        ? [
            {
              pointer: '/dataProtectionOfficer/name',
              code: 'contradiction',
              message: 'A data protection officer is named, and said not to be designated.',
            },
          ]
        : []),
    ];
  },
  example: {
    name: 'Acme',
    reference: 'acme',
    legalForm: 'SAS',
    registerKept: true,
    actsAs: ['controller'],
    country: 'FR',
    establishments: [{ country: 'FR', main: true }],
    article3Paragraph2: false,
    dataSubjectCountries: ['FR', 'BE'],
    registrationNumbers: [{ scheme: 'SIREN', value: '552100554' }],
    contact: {
      email: 'privacy@example.com',
      phone: '+33 1 23 45 67 89',
      url: 'https://example.com/contact',
      address: { lines: ['1 rue de la Paix'], postalCode: '75002', city: 'Paris', country: 'FR' },
    },
    dataProtectionOfficer: {
      designated: true,
      name: 'Camille Martin',
      company: 'Example DPO SARL',
      contact: { email: 'dpo@example.com' },
      contactPublished: true,
      notifiedToAuthority: true,
    },
    coreActivity: { monitoring: false, specialOrCriminalData: false },
    competentAuthority: 'FR-CNIL',
    publicAuthority: false,
    actsJudicially: false,
    employees: 48,
    claimsExemption30Paragraph5: false,
    securityMeasureIds: ['ref:encryption'],
  },
});
