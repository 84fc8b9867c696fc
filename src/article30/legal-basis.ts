/** Legal bases of Art. 6(1), conditions of Art. 9(2) and 10, with what each of them needs to be shown. */
import type { TProperties } from 'typebox';
import { legalGround, legalGroundKeys, legalGrounds } from '../reference/legal-grounds.ts';
import {
  Bool,
  CalendarDate,
  type Content,
  component,
  defineResource,
  OneOf,
  ShortText,
  Statement,
  Text,
  WebAddress,
  type Written,
} from './definition.ts';
import { unknownJurisdiction } from './reference-keys.ts';
import { byController, controllerId, lawReference } from './statements.ts';

const legalGroundKinds = [...new Set(legalGrounds.map(({ kind }) => kind))];

/** Whose interest it is, Art. 6(1)(f). */
export const interestHolders = ['controller', 'thirdParty'] as const;

/** What the weighing of Art. 6(1)(f) came to. */
export const balancingConclusions = ['notOverridden', 'overridden'] as const;

/**
 * By what the consent is given. The first three are the ways of recital 32; the others are ways in which sources say
 * that consent is given, and which are none by Art. 4(11), 7(2) and recital 32.
 */
export const consentMeans = [
  'writtenStatement',
  'oralStatement',
  'electronicAction',
  'acceptanceOfTerms',
  'preTickedBox',
  'useOfService',
] as const;

const interest = component(
  'LegitimateInterest',
  Statement(
    {
      text: Text({
        description: 'The interest pursued, Art. 13(1)(d), 14(2)(b).',
        examples: ['Preventing payment fraud.'],
      }),
      holder: OneOf(interestHolders, {
        description: 'Whose interest: of the controller or of a third party, Art. 6(1)(f).',
        examples: ['controller'],
      }),
    },
    { description: 'The legitimate interest, Art. 6(1)(f).' },
  ),
);

const balancingTest = component(
  'BalancingTest',
  Statement(
    {
      url: WebAddress({
        description: 'Where the test is kept.',
        examples: ['https://files.example.com/balancing-test'],
      }),
      completedOn: CalendarDate({ description: 'When it was done.' }),
      conclusion: OneOf(balancingConclusions, {
        description:
          'Whether the interests and rights of the data subjects override the interest (`overridden`) or not (`notOverridden`).',
        examples: ['notOverridden'],
      }),
      reasoning: Text({ description: 'Why, in short.', examples: ['Customers expect it; little data; short period.'] }),
    },
    { description: 'The weighing that Art. 6(1)(f) asks for.' },
  ),
);

const consent = component(
  'ConsentDetails',
  Statement(
    {
      obtainedBy: OneOf(consentMeans, {
        description:
          'How it is given. `writtenStatement`, `oralStatement`, `electronicAction` (ticking a box, choosing a setting): recital 32. `acceptanceOfTerms`, `preTickedBox`, `useOfService`: what a source calls consent, against Art. 4(11) and 7(2).',
        examples: ['electronicAction'],
      }),
      explicit: Bool({ description: 'Given explicitly, Art. 9(2)(a), 22(2)(c).', examples: [true] }),
      recordUrl: WebAddress({
        description: 'Where the proof of consent is kept, Art. 7(1).',
        examples: ['https://consents.example.com'],
      }),
      withdrawal: Text({
        description: 'How it is withdrawn, Art. 7(3).',
        examples: ['By the link in each e-mail, or in the account.'],
      }),
      offeredToChildren: Bool({
        description: 'An online service offered directly to children, Art. 8(1).',
        examples: [false],
      }),
      ageRule: Text({
        description: 'The age limit, and how the holder of parental responsibility consents, Art. 8(1) and (2).',
        examples: ['From 15 years; below, a parent confirms by e-mail.'],
      }),
    },
    { description: 'What shows that the consent is valid, Art. 4(11), 7, 8.' },
  ),
);

const contract = component(
  'DataSubjectContract',
  Statement(
    {
      title: ShortText({
        description: 'The contract, or the request before it, Art. 6(1)(b).',
        examples: ['General terms of the subscription'],
      }),
      dataSubjectIsParty: Bool({ description: 'The data subject is a party to it, Art. 6(1)(b).', examples: [true] }),
      preContractual: Bool({
        description: 'Steps at the request of the data subject before a contract, Art. 6(1)(b).',
        examples: [false],
      }),
    },
    { description: 'The contract with the data subject, Art. 6(1)(b).' },
  ),
);

const properties = {
  controllerId,
  ground: OneOf(legalGroundKeys, {
    description:
      'The ground: of Art. 6(1), a condition of Art. 9(2), or a condition of Art. 10. `kind` and `article` give back which.',
    examples: ['legalObligation'],
  }),
  description: Text({
    description: 'What the basis covers, in words.',
    examples: ['Keeping of invoices and accounting records.'],
  }),
  law: lawReference,
  interest,
  balancingTest,
  consent,
  contract,
  notForProfitAim: Bool({
    description:
      'The controller is a not-for-profit body with a political, philosophical, religious or trade-union aim, Art. 9(2)(d).',
    examples: [false],
  }),
  disclosedOutside: Bool({
    description: 'Data are disclosed outside that body without the consent of the data subjects, Art. 9(2)(d).',
    examples: [false],
  }),
  secrecy: Bool({
    description: 'The data are processed by or under a professional bound by secrecy, Art. 9(2)(h) with 9(3).',
    examples: [true],
  }),
  article89Safeguards: Text({
    description: 'The safeguards for archiving, research or statistics, Art. 9(2)(j) with 89(1).',
    examples: ['Pseudonymised before analysis; only aggregates are published.'],
  }),
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

export const legalBasis = defineResource({
  type: 'legalBasis',
  component: 'LegalBasis',
  plural: 'LegalBases',
  path: 'legal-bases',
  nature: 'buildingBlock',
  description:
    'A legal basis of Art. 6(1), or a condition of Art. 9(2) or 10, as it holds for the purposes that name it.',
  article: 'Art. 6(1), 9(2), 10',
  properties,
  derived: {
    properties: {
      kind: OneOf(legalGroundKinds, {
        description: 'What the ground answers: Art. 6(1), the ban of Art. 9(1), or Art. 10. Follows from `ground`.',
        examples: ['article6'],
      }),
      article: ShortText({ description: 'The article of the ground. Follows from `ground`.', examples: ['6(1)(c)'] }),
    },
    compute: (content) => {
      const { ground } = written(content);
      if (ground === undefined) return {};
      const { kind, article } = legalGround(ground);
      return { kind, article };
    },
  },
  facets: { ground: (content) => written(content).ground },
  filters: {
    ...byController,
    ground: {
      schema: OneOf(legalGroundKeys, { description: 'The ground, Art. 6(1), 9(2), 10.' }),
      by: 'facet',
      facet: 'ground',
    },
  },
  searched: (content) => {
    const { law, interest, contract } = written(content);
    return [law?.title, law?.reference, interest?.text, contract?.title];
  },
  check: (content) => unknownJurisdiction(written(content).law?.jurisdiction, '/law/jurisdiction'),
  example: {
    name: 'Duty to keep accounts',
    reference: 'accounting-law',
    ground: 'legalObligation',
    description: 'Keeping of invoices and accounting records.',
    law: {
      title: 'Code de commerce',
      reference: 'Art. L123-22',
      url: 'https://www.legifrance.gouv.fr/codes/id/LEGITEXT000005634379',
      jurisdiction: 'FR',
      kind: 'statute',
    },
  },
});
