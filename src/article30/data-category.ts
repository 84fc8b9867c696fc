/** Categories of personal data, Art. 30(1)(c), with those of Art. 9(1) and 10 told apart. */
import type { TProperties } from 'typebox';
import { Bool, type Content, defineResource, ListOf, OneOf, ShortText, Text, type Written } from './definition.ts';
import { byController, controllerId, vocabularyTerms } from './statements.ts';

/** `special` is Art. 9(1), `criminal` Art. 10, `ordinary` neither. */
export const dataKinds = ['ordinary', 'special', 'criminal'] as const;

/** The kinds of Art. 9(1), in the order of the text. */
export const specialKinds = [
  'racialOrEthnicOrigin',
  'politicalOpinions',
  'religiousOrPhilosophicalBeliefs',
  'tradeUnionMembership',
  'genetic',
  'biometric',
  'health',
  'sexLifeOrSexualOrientation',
] as const;

/** The groups by which the authorities' templates list ordinary data (CNIL, simplified and basic register). */
export const dataGroups = [
  'identity',
  'personalLife',
  'professionalLife',
  'economicAndFinancial',
  'connection',
  'location',
  'internet',
  'nationalIdentifier',
  'other',
] as const;

const properties = {
  controllerId,
  description: Text({ description: 'What the category holds.', examples: ['What an invoice shows.'] }),
  examples: ListOf(
    ShortText({ description: 'One kind of datum.' }),
    { description: 'Data that belong to it.', examples: [['name', 'billing address', 'amount']] },
    100,
  ),
  kind: OneOf(dataKinds, {
    description:
      '`ordinary`; `special`: reveals what Art. 9(1) names; `criminal`: convictions and offences, Art. 10. Absent: not stated.',
    examples: ['ordinary'],
  }),
  specialKind: OneOf(specialKinds, {
    description: 'Which of the kinds of Art. 9(1). Only with `kind` `special`.',
    examples: ['health'],
  }),
  group: OneOf(dataGroups, {
    description: "Group of the category in the authorities' templates.",
    examples: ['economicAndFinancial'],
  }),
  claimedNonPersonal: Bool({
    description:
      'The source says that these are no personal data (e.g. device type, IP address); whether that holds is for Art. 4(1) and recitals 26 and 30.',
    examples: [false],
  }),
  vocabularyTerms,
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

export const dataCategory = defineResource({
  type: 'dataCategory',
  component: 'DataCategory',
  plural: 'DataCategories',
  path: 'data-categories',
  nature: 'buildingBlock',
  description: 'A category of personal data, concrete enough to have a period of its own.',
  article: 'Art. 30(1)(c), 9(1), 10',
  properties,
  facets: {
    kind: (content) => written(content).kind,
    specialKind: (content) => written(content).specialKind,
    group: (content) => written(content).group,
  },
  filters: {
    ...byController,
    kind: { schema: OneOf(dataKinds, { description: 'Ordinary, Art. 9(1), Art. 10.' }), by: 'facet', facet: 'kind' },
  },
  searched: (content) => written(content).examples ?? [],
  check: (content) => {
    const { kind, specialKind } = written(content);
    if (specialKind === undefined || kind === 'special') return [];
    return [
      {
        pointer: '/specialKind',
        code: 'contradiction',
        message: `A kind of Art. 9(1) is named, so \`kind\` must be \`special\`, not ${kind === undefined ? 'absent' : `\`${kind}\``}.`,
      },
    ];
  },
  example: {
    name: 'Invoice data',
    reference: 'invoice-data',
    description: 'What an invoice shows and what is needed to collect it.',
    examples: ['name', 'billing address', 'amount', 'date of payment'],
    kind: 'ordinary',
    group: 'economicAndFinancial',
    claimedNonPersonal: false,
    vocabularyTerms: ['pd:Financial'],
  },
});
