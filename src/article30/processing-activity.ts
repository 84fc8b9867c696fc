/** Processing activities: the entries of the record of a controller, Art. 30(1). */
import { type TProperties, Type } from 'typebox';
import { legalGroundKeys } from '../reference/legal-grounds.ts';
import { transferMechanismKeys } from '../reference/transfer-mechanisms.ts';
import { datesOutOfOrder, duplicateLineIds, severalMain } from './contradictions.ts';
import { dataKinds } from './data-category.ts';
import {
  Bool,
  CalendarDate,
  type Content,
  type Contradiction,
  Count,
  Country,
  component,
  Duration,
  defineResource,
  Email,
  Instant,
  KeyOf,
  KeysOf,
  Line,
  ListOf,
  OneOf,
  ShortText,
  Statement,
  Text,
  WebAddress,
  type Written,
} from './definition.ts';
import { unknownJurisdiction } from './reference-keys.ts';
import { lawReference } from './statements.ts';

/** What may be done with data, in the words and the order of Art. 4(2). */
export const processingOperations = [
  'collection',
  'recording',
  'organisation',
  'structuring',
  'storage',
  'adaptation',
  'alteration',
  'retrieval',
  'consultation',
  'use',
  'transmission',
  'dissemination',
  'makingAvailable',
  'alignment',
  'combination',
  'restriction',
  'erasure',
  'destruction',
] as const;

/** By which means data are processed, Art. 2(1). */
export const processingMeans = ['manual', 'automated'] as const;

/** What the test of Art. 6(4) came to. */
export const compatibilityConclusions = ['compatible', 'incompatible'] as const;

/** Where data come from, Art. 13, 14(2)(f). */
export const sourceKinds = ['dataSubject', 'thirdParty', 'observed', 'derived', 'public'] as const;

/** Purposes for which data may be kept longer, Art. 5(1)(e), 89(1). */
export const unlimitedStoragePurposes = ['archiving', 'research', 'statistics'] as const;

/** Why data are kept for that long. */
export const retentionGrounds = ['law', 'need', 'claims'] as const;

/** What happens to data when their time is over. */
export const endsOfRetention = ['erase', 'anonymise', 'archive', 'return'] as const;

/** Whether a transfer takes place, can happen, or is intended. */
export const transferStates = ['actual', 'possible', 'planned'] as const;

/** Of what an activity can be said to have none. */
export const declarableNone = [
  'recipients',
  'otherRecipients',
  'transfers',
  'jointControllers',
  'automatedDecisions',
] as const;

/** Sections for which the law asks "where possible" (Art. 30(1)(f), (g)), or of which it exempts what is impossible (Art. 14(5)(b), 14(2)(f)). */
export const sectionsThatMayBeImpossible = ['securityMeasures', 'retention', 'notices', 'sources'] as const;

/** What a decision does to the data subject, Art. 22(1). */
export const decisionEffects = ['legal', 'similarlySignificant', 'none'] as const;

/** Art. 22(2)(a), (b) and (c), in this order. */
export const decisionExceptions = ['contract', 'law', 'explicitConsent'] as const;

/** The safeguards of Art. 22(3). */
export const decisionSafeguards = ['humanIntervention', 'pointOfView', 'contest'] as const;

/** How far an impact assessment is. */
export const dpiaStates = ['notRequired', 'required', 'inProgress', 'done'] as const;

/** Art. 35(3)(a), (b), (c); then criteria 1 to 9 of WP 248 rev.01, in their order. */
export const dpiaCriteria = [
  'systematicEvaluation',
  'largeScaleSpecialOrCriminalData',
  'publicAreaMonitoring',
  'evaluationOrScoring',
  'automatedDecisionWithSignificantEffect',
  'systematicMonitoring',
  'sensitiveData',
  'largeScale',
  'matchingOrCombining',
  'vulnerableDataSubjects',
  'innovativeUse',
  'preventsRightOrService',
] as const;

/** Points (a) to (d) of Art. 35(7). */
export const dpiaContents = ['a', 'b', 'c', 'd'] as const;

const jointControllerLine = Line(
  'JointControllerLine',
  ['controllerId'],
  {
    controllerId: KeyOf('controller', { description: 'The joint controller, Art. 26(1).', examples: ['ref:beta'] }),
    arrangement: component(
      'JointControllerArrangement',
      Statement(
        {
          exists: Bool({ description: 'Whether there is an arrangement, Art. 26(1).', examples: [true] }),
          url: WebAddress({
            description: 'Where it is kept.',
            examples: ['https://files.example.com/arrangement'],
          }),
          essencePublished: Bool({
            description: 'Its essence is available to the data subjects, Art. 26(2).',
            examples: [true],
          }),
        },
        { description: 'The arrangement between joint controllers, Art. 26(1) and (2).' },
      ),
    ),
  },
  { description: 'A joint controller of this activity, Art. 26, 30(1)(a).' },
);

const purposeLine = Line(
  'PurposeLine',
  ['purposeId'],
  {
    purposeId: KeyOf('purpose', { description: 'The purpose, Art. 30(1)(b).', examples: ['ref:invoicing'] }),
    legalBasisIds: KeysOf(
      'legalBasis',
      { description: 'Bases of Art. 6(1) on which this purpose rests.', examples: [['ref:accounting-law']] },
      50,
    ),
    main: Bool({ description: 'The main purpose of the activity. One at most.', examples: [true] }),
    publicTask: Bool({
      description: 'A task that the public authority performs as such, Art. 6(1) second subparagraph.',
      examples: [false],
    }),
    furtherOf: KeyOf('purpose', {
      description: 'The purpose for which the data were collected first, when this is a further one, Art. 6(4).',
      examples: ['ref:invoicing'],
    }),
    compatibility: component(
      'CompatibilityTest',
      Statement(
        {
          url: WebAddress({
            description: 'Where the test is kept.',
            examples: ['https://files.example.com/compatibility'],
          }),
          completedOn: CalendarDate({ description: 'When it was done.' }),
          conclusion: OneOf(compatibilityConclusions, {
            description: 'Whether the further purpose is compatible with the first.',
            examples: ['compatible'],
          }),
          reasoning: Text({
            description: 'Why, in short, Art. 6(4)(a) to (e).',
            examples: ['Same relation, no special data, pseudonymised.'],
          }),
        },
        { description: 'Test of compatibility of a further purpose, Art. 6(4).' },
      ),
    ),
    optOut: Text({
      description: 'How the data subjects opt out of this purpose, or that they cannot, Art. 21.',
      examples: ['By the link in each e-mail.'],
    }),
  },
  { description: 'A purpose of the activity with its legal bases, Art. 30(1)(b), 6(1).' },
);

const dataSource = component(
  'DataSource',
  Statement(
    {
      kind: OneOf(sourceKinds, {
        description:
          '`dataSubject`: given by the data subject (Art. 13); `observed` in the use of a service; `derived` from other data; `thirdParty`; `public`: a publicly accessible source (Art. 14(2)(f)).',
        examples: ['dataSubject'],
      }),
      description: Text({ description: 'The source in words.', examples: ['The order form.'] }),
    },
    { description: 'A source of the data, Art. 14(2)(f), 15(1)(g).' },
  ),
);

const retention = component(
  'Retention',
  Statement(
    {
      period: Duration({
        description: 'How long the data are kept (ISO 8601), Art. 30(1)(f).',
        examples: ['P10Y'],
      }),
      maximum: Bool({ description: 'The period is a maximum: "up to".', examples: [false] }),
      startsOn: ShortText({
        description: 'The event from which the period runs.',
        examples: ['End of the financial year'],
      }),
      until: ShortText({
        description: 'The event until which the data are kept.',
        examples: ['Closing of the account'],
      }),
      criteria: Text({
        description: 'The criteria that determine the period, when it cannot be given, Art. 13(2)(a), 14(2)(a).',
        examples: ['As long as the customer may ask for a copy of the certificate.'],
      }),
      unlimited: Bool({ description: 'Kept without limit.', examples: [false] }),
      unlimitedFor: OneOf(unlimitedStoragePurposes, {
        description: 'The purpose that allows it, Art. 5(1)(e), 89(1).',
        examples: ['archiving'],
      }),
      ground: OneOf(retentionGrounds, {
        description: 'Why for that long: a `law` asks for it, the purpose has `need` of it, or legal `claims`.',
        examples: ['law'],
      }),
      law: lawReference,
      exceptions: ListOf(
        Text({ description: 'An exception.' }),
        {
          description: 'Exceptions to the period.',
          examples: [['Data that an authority orders us to keep stay as long as the order says.']],
        },
        50,
      ),
      afterwards: OneOf(endsOfRetention, {
        description: 'What happens to the data when the time is over.',
        examples: ['erase'],
      }),
      notPossibleReason: Text({
        description: 'Why no time limit can be given ("where possible", Art. 30(1)(f)).',
        examples: ['Depends on the length of the proceedings.'],
      }),
    },
    { description: 'The envisaged time limit for erasure, Art. 30(1)(f), 5(1)(e).' },
  ),
);

const dataLine = Line(
  'DataLine',
  ['dataCategoryId'],
  {
    dataCategoryId: KeyOf('dataCategory', {
      description: 'The category of personal data, Art. 30(1)(c).',
      examples: ['ref:invoice-data'],
    }),
    dataSubjectCategoryIds: KeysOf(
      'dataSubjectCategory',
      { description: 'Whose data they are, Art. 30(1)(c).', examples: [['ref:customers']] },
      100,
    ),
    purposeIds: KeysOf(
      'purpose',
      { description: 'The purposes of the activity that the data serve, Art. 5(1)(c).', examples: [['ref:invoicing']] },
      100,
    ),
    conditionIds: KeysOf(
      'legalBasis',
      {
        description: 'Conditions of Art. 9(2) or 10 for data of that kind, besides the basis of the purpose.',
        examples: [['ref:explicit-consent']],
      },
      50,
    ),
    sources: ListOf(
      dataSource,
      {
        description: 'Where the data come from, Art. 14(2)(f).',
        examples: [[{ kind: 'dataSubject', description: 'The order form.' }]],
      },
      50,
    ),
    required: Bool({
      description: 'Whether the data subject must provide them, Art. 13(2)(e).',
      examples: [true],
    }),
    retention,
  },
  {
    description:
      'A category of personal data in this activity: whose, for what, where from, how long. One category may stand in several lines.',
  },
);

const recipientLine = Line(
  'RecipientLine',
  ['recipientId'],
  {
    recipientId: KeyOf('recipient', { description: 'The recipient, Art. 30(1)(d).', examples: ['ref:stripe'] }),
    dataCategoryIds: KeysOf(
      'dataCategory',
      { description: 'What is disclosed; absent: not stated.', examples: [['ref:invoice-data']] },
      200,
    ),
    purpose: Text({ description: 'What for.', examples: ['Collecting card payments.'] }),
    circumstances: Text({
      description: 'When or under which conditions it is disclosed.',
      examples: ['Only when the customer pays by card.'],
    }),
    legalBasisIds: KeysOf(
      'legalBasis',
      {
        description: 'Basis of the disclosure, when it is another than that of the purpose.',
        examples: [['ref:accounting-law']],
      },
      50,
    ),
    particularInquiry: Bool({
      description: 'An authority in a particular inquiry: no recipient in law, Art. 4(9) second sentence.',
      examples: [false],
    }),
  },
  { description: 'Someone to whom data of this activity are disclosed, Art. 30(1)(d).' },
);

/** Of the processor's record too, Art. 30(2)(c). */
export const transferLine = Line(
  'TransferLine',
  [],
  {
    recipientId: KeyOf('recipient', {
      description: 'Who receives the data; absent: not stated.',
      examples: ['ref:stripe'],
    }),
    country: Country({
      description:
        'The third country (ISO 3166-1 alpha-2), Art. 30(1)(e). Absent while it is only known that data leave the EEA.',
      examples: ['US'],
    }),
    internationalOrganisation: ShortText({
      description: 'The international organisation, Art. 4(26), instead of a country.',
      examples: ['European Patent Organisation'],
    }),
    description: Text({
      description: 'What is known of the transfer, in words.',
      examples: ['Support staff read the data from the United States.'],
    }),
    state: OneOf(transferStates, {
      description: '`actual`: takes place; `possible`: can happen ("if data are transferred"); `planned`.',
      examples: ['actual'],
    }),
    safeguardIds: KeysOf(
      'safeguard',
      { description: 'The grounds of the transfer, Art. 44 to 49.', examples: [['ref:stripe-clauses']] },
      50,
    ),
    dataCategoryIds: KeysOf(
      'dataCategory',
      { description: 'What is transferred; absent: not stated.', examples: [['ref:invoice-data']] },
      200,
    ),
    hrData: Bool({
      description: 'Data of employees in the employment relation, which some decisions cover only on request.',
      examples: [false],
    }),
    occasional: Bool({
      description: 'Occasional, not systematic: Art. 49(1)(b), (c), (e), recital 111.',
      examples: [false],
    }),
  },
  {
    description:
      'A transfer to a third country or an international organisation, Art. 30(1)(e), 30(2)(c). Nothing is required: a source may say no more than "outside the EU".',
  },
);

/** The reason for each section, Art. 30(1)(f), (g). */
export const notPossible = component(
  'NotPossible',
  Statement(
    {
      securityMeasures: Text({
        description: 'Why no general description of the measures can be given, Art. 30(1)(g).',
        examples: ['The building is not chosen yet.'],
      }),
      retention: Text({
        description: 'Why no time limits can be given, Art. 30(1)(f).',
        examples: ['Depends on the length of the proceedings.'],
      }),
      notices: Text({
        description: 'Why the data subjects are not informed, Art. 13(4), 14(5).',
        examples: ['Informing them would take a disproportionate effort.'],
      }),
      sources: Text({
        description: 'Why the source cannot be told, recital 61.',
        examples: ['Several sources were merged.'],
      }),
    } satisfies Record<(typeof sectionsThatMayBeImpossible)[number], unknown>,
    { description: 'Why a section cannot be given: "where possible" is not "optional".' },
  ),
);

const automatedDecisions = component(
  'AutomatedDecisions',
  Statement(
    {
      exists: Bool({ description: 'Whether there are automated decisions, profiling included.', examples: [true] }),
      solely: Bool({ description: 'They are based solely on automated processing, Art. 22(1).', examples: [true] }),
      effect: OneOf(decisionEffects, {
        description: 'Effect on the data subject, Art. 22(1).',
        examples: ['similarlySignificant'],
      }),
      usesSpecialData: Bool({
        description: 'They are based on special categories of data, Art. 22(4).',
        examples: [false],
      }),
      logic: Text({
        description: 'The logic involved, Art. 13(2)(f), 14(2)(g).',
        examples: ['Orders above a limit are refused when the card check fails.'],
      }),
      consequences: Text({
        description: 'Significance and envisaged consequences, Art. 13(2)(f), 14(2)(g).',
        examples: ['The customer must pay in advance.'],
      }),
      exception: OneOf(decisionExceptions, {
        description:
          'What allows the decision: `contract` (Art. 22(2)(a)), `law` (22(2)(b)), `explicitConsent` (22(2)(c)).',
        examples: ['contract'],
      }),
      safeguards: ListOf(
        OneOf(decisionSafeguards, { description: 'A safeguard of Art. 22(3).' }),
        { description: 'Safeguards that are in place, Art. 22(3).', examples: [['humanIntervention', 'contest']] },
        decisionSafeguards.length,
      ),
    },
    { description: 'Automated individual decisions, Art. 22, 13(2)(f), 14(2)(g).' },
  ),
);

const dpia = component(
  'ImpactAssessment',
  Statement(
    {
      state: OneOf(dpiaStates, {
        description: 'Whether an assessment is needed, and how far it is, Art. 35(1).',
        examples: ['notRequired'],
      }),
      reason: Text({
        description: 'Why it is needed or not.',
        examples: ['Ordinary data of customers; no criterion of WP 248 is met.'],
      }),
      criteria: ListOf(
        OneOf(dpiaCriteria, { description: 'A criterion.' }),
        {
          description:
            'Criteria that are met. Art. 35(3)(a) `systematicEvaluation`, (b) `largeScaleSpecialOrCriminalData`, (c) `publicAreaMonitoring`; the others are criteria 1 to 9 of WP 248 rev.01.',
          examples: [['largeScale', 'vulnerableDataSubjects']],
        },
        dpiaCriteria.length,
      ),
      nationalListItem: ShortText({
        description: "Item of the authority's list of Art. 35(4) that fits.",
        examples: ['CNIL list, no. 4'],
      }),
      contents: ListOf(
        OneOf(dpiaContents, { description: 'A point of Art. 35(7).' }),
        {
          description: 'Points (a) to (d) of Art. 35(7) that the assessment contains.',
          examples: [['a', 'b', 'c', 'd']],
        },
        dpiaContents.length,
      ),
      dpoAdviceOn: CalendarDate({ description: 'When the data protection officer gave advice, Art. 35(2).' }),
      completedOn: CalendarDate({ description: 'When it was completed.' }),
      url: WebAddress({ description: 'Where it is kept.', examples: ['https://files.example.com/dpia'] }),
      residualRiskHigh: Bool({
        description: 'The risk stays high in spite of the measures, Art. 36(1).',
        examples: [false],
      }),
      priorConsultationOn: CalendarDate({ description: 'When the authority was consulted, Art. 36(1).' }),
    },
    { description: 'The data protection impact assessment, Art. 35 and 36.' },
  ),
);

const owner = component(
  'ActivityOwner',
  Statement(
    {
      name: ShortText({ description: 'Name or function.', examples: ['Head of accounting'] }),
      email: Email({ description: 'E-mail address.', examples: ['accounting@example.com'] }),
    },
    { description: 'Who answers for the entry inside the organisation.' },
  ),
);

/** How an entry of either record ends; set by the life step `retire`. */
const retirementOf = (type: 'processingActivity' | 'processorActivity', name: string) =>
  component(
    name,
    Statement(
      {
        endedOn: CalendarDate({
          description: 'When the processing ended; the period of keeping the entry runs from it.',
        }),
        dataDisposal: Text({
          description: 'What happened to the data.',
          examples: ['Erased; invoices handed over to the archive.'],
        }),
        replacedById: KeyOf(type, {
          description: 'The activity that takes its place.',
          examples: ['ref:invoicing-2027'],
        }),
      },
      { description: 'How and when the activity ended.' },
    ),
  );

const properties = {
  controllerId: KeyOf('controller', {
    description: 'The controller, Art. 30(1)(a). A record must show who is responsible for each activity.',
    examples: ['ref:acme'],
  }),
  description: Text({
    description: 'What is done, in words.',
    examples: ['Invoices are made each month and collected by card or transfer.'],
  }),
  jointControllers: ListOf(
    jointControllerLine,
    {
      description: 'Joint controllers, Art. 26, 30(1)(a).',
      examples: [[{ controllerId: 'ref:beta', arrangement: { exists: true } }]],
    },
    100,
  ),
  department: ShortText({ description: 'The department in charge.', examples: ['Accounting'] }),
  owner,
  startedOn: CalendarDate({ description: 'When the processing began or is to begin.' }),
  endedOn: CalendarDate({ description: 'When the processing ended or is to end.' }),
  operations: ListOf(
    OneOf(processingOperations, { description: 'An operation of Art. 4(2).' }),
    { description: 'What is done with the data, in the words of Art. 4(2).', examples: [['collection', 'storage']] },
    processingOperations.length,
  ),
  means: ListOf(
    OneOf(processingMeans, { description: 'By hand or automated, Art. 2(1).' }),
    { description: 'By which means the data are processed, Art. 2(1), 4(2).', examples: [['automated']] },
    processingMeans.length,
  ),
  largeScale: Bool({ description: 'On a large scale, Art. 35(3), 37(1), recital 91.', examples: [false] }),
  estimatedDataSubjects: Count({ description: 'Estimated number of data subjects.', examples: [12_000] }),
  occasional: Bool({ description: 'Only occasional, Art. 30(5), 27(2)(a).', examples: [false] }),
  likelyRisk: Bool({
    description: 'Likely to result in a risk to the rights and freedoms of data subjects, Art. 30(5).',
    examples: [false],
  }),
  purposes: ListOf(
    purposeLine,
    {
      description: 'The purposes, each with its legal bases, Art. 30(1)(b).',
      examples: [[{ purposeId: 'ref:invoicing', legalBasisIds: ['ref:accounting-law'], main: true }]],
    },
    100,
  ),
  dataLines: ListOf(
    dataLine,
    {
      description: 'The categories of data with data subjects, sources and time limits, Art. 30(1)(c) and (f).',
      examples: [[{ dataCategoryId: 'ref:invoice-data', dataSubjectCategoryIds: ['ref:customers'] }]],
    },
    500,
  ),
  recipients: ListOf(
    recipientLine,
    { description: 'Those to whom data are disclosed, Art. 30(1)(d).', examples: [[{ recipientId: 'ref:stripe' }]] },
    500,
  ),
  transfers: ListOf(
    transferLine,
    {
      description: 'Transfers to third countries and international organisations, Art. 30(1)(e).',
      examples: [[{ recipientId: 'ref:stripe', country: 'US', safeguardIds: ['ref:stripe-clauses'] }]],
    },
    500,
  ),
  securityMeasureIds: KeysOf(
    'securityMeasure',
    {
      description: 'Security measures, Art. 30(1)(g); those of the controller count too.',
      examples: [['ref:encryption']],
    },
    500,
  ),
  systemIds: KeysOf(
    'system',
    { description: 'Systems in which the data are processed.', examples: [['ref:billing-platform']] },
    500,
  ),
  noticeIds: KeysOf(
    'notice',
    { description: 'Notices that inform the data subjects, Art. 13, 14.', examples: [['ref:website-policy']] },
    100,
  ),
  declaredNone: ListOf(
    OneOf(declarableNone, { description: 'Of what there is none.' }),
    {
      description:
        'Of what it is stated that there is none. `otherRecipients`: none but those listed. `transfers`: none takes place or is planned.',
      examples: [['jointControllers', 'automatedDecisions']],
    },
    declarableNone.length,
  ),
  notPossible,
  sameRetentionConfirmed: Bool({
    description: 'It was checked that one time limit fits all categories of data, Art. 30(1)(f).',
    examples: [false],
  }),
  automatedDecisions,
  dpia,
} satisfies TProperties;

/** Members of an activity of either record that only life steps set. */
export const managedOf = (type: 'processingActivity' | 'processorActivity', retirementName: string) =>
  ({
    reviewedOn: CalendarDate({ description: 'When it was last reviewed.' }),
    reviewDueOn: CalendarDate({
      description: 'When the next review is due: the last one and the review interval of the settings.',
      examples: ['2027-03-03'],
    }),
    approvedAt: Instant({ description: 'When it was last approved (RFC 3339, UTC).' }),
    approvedBy: Type.String({
      format: 'uuid',
      description: 'Random id of the person who approved it last; the log maps it to the subject of the token.',
      examples: ['0198f0c2-6b1e-4c3a-9d55-2f6a1b0c4e79'],
    }),
    retirement: retirementOf(type, retirementName),
  }) satisfies TProperties;

/** When its next review is due. What has ended is not reviewed any more. */
export const dueForReview = ({ state, reviewDueOn }: Content): string | undefined =>
  state === 'retired' ? undefined : (reviewDueOn as string | undefined);

const managed = managedOf('processingActivity', 'Retirement');

const written = (content: Content) => content as Written<typeof properties & typeof managed>;

/** Lists whose elements have a `lineId`. */
const lineLists = ['jointControllers', 'purposes', 'dataLines', 'recipients', 'transfers'] as const;

export const processingActivity = defineResource({
  type: 'processingActivity',
  component: 'ProcessingActivity',
  plural: 'ProcessingActivities',
  path: 'processing-activities',
  nature: 'activity',
  description: 'One entry of the record of a controller: one main purpose, one controller.',
  article: 'Art. 30(1)',
  properties,
  managed,
  facets: {
    reviewDueOn: dueForReview,
    startedOn: (content) => written(content).startedOn,
    endedOn: (content) => written(content).retirement?.endedOn ?? written(content).endedOn,
    country: (content) => [...new Set((written(content).transfers ?? []).flatMap(({ country }) => country ?? []))],
    transfers: (content) => ((written(content).transfers ?? []).length > 0 ? 'true' : undefined),
    department: (content) => written(content).department,
    dpia: (content) => written(content).dpia?.state,
  },
  filters: {
    controllerId: {
      schema: KeyOf('controller', { description: 'The controller, or one of the joint controllers.' }),
      by: 'names',
      type: 'controller',
    },
    purposeId: { schema: KeyOf('purpose', { description: 'A purpose.' }), by: 'names', type: 'purpose' },
    ground: {
      schema: OneOf(legalGroundKeys, { description: 'The ground of one of its legal bases or conditions.' }),
      by: 'namesWith',
      type: 'legalBasis',
      facet: 'ground',
    },
    dataCategoryId: {
      schema: KeyOf('dataCategory', { description: 'A category of personal data.' }),
      by: 'names',
      type: 'dataCategory',
    },
    dataKind: {
      schema: OneOf(dataKinds, { description: 'The kind of one of its categories of data, Art. 9(1), 10.' }),
      by: 'namesWith',
      type: 'dataCategory',
      facet: 'kind',
    },
    recipientId: { schema: KeyOf('recipient', { description: 'A recipient.' }), by: 'names', type: 'recipient' },
    country: {
      schema: Country({ description: 'The country of one of its transfers or recipients.' }),
      by: 'namesWith',
      type: 'recipient',
      facet: 'country',
      own: 'country',
    },
    mechanism: {
      schema: OneOf(transferMechanismKeys, { description: 'The ground of one of its transfers.' }),
      by: 'namesWith',
      type: 'safeguard',
      facet: 'mechanism',
    },
    reviewDueBefore: {
      schema: CalendarDate({ description: 'The next review is due before this date.' }),
      by: 'before',
      facet: 'reviewDueOn',
    },
    inForce: {
      schema: Bool({ description: 'Begun and not ended today (true), or not (false).' }),
      by: 'inForce',
      from: 'startedOn',
      to: 'endedOn',
    },
  },
  searched: (content) => {
    const { department, owner, recipients, transfers } = written(content);
    return [
      department,
      owner?.name,
      ...(recipients ?? []).map(({ purpose }) => purpose),
      ...(transfers ?? []).map(({ internationalOrganisation }) => internationalOrganisation),
    ];
  },
  check: (content) => {
    const { purposes, dataLines, transfers } = written(content);
    return [
      ...datesOutOfOrder(content, '', 'startedOn', 'endedOn'),
      ...duplicateLineIds(content, lineLists),
      ...severalMain(purposes, '/purposes'),
      ...(dataLines ?? []).flatMap(({ retention }, index) =>
        retention === undefined ? [] : impossibleRetention(retention, `/dataLines/${index}/retention`),
      ),
      ...unclearDestinations(transfers),
      ...impossibleJointControllers(content),
      ...deniedButListed(content),
    ];
  },
  example: {
    name: 'Invoicing',
    reference: 'invoicing',
    controllerId: 'ref:acme',
    description: 'Invoices are made each month and collected by card or transfer.',
    department: 'Accounting',
    owner: { name: 'Head of accounting', email: 'accounting@example.com' },
    startedOn: '2024-01-01',
    operations: ['collection', 'storage', 'use', 'transmission', 'erasure'],
    means: ['automated'],
    largeScale: false,
    estimatedDataSubjects: 12_000,
    occasional: false,
    likelyRisk: false,
    purposes: [
      {
        lineId: 'main',
        purposeId: 'ref:invoicing',
        legalBasisIds: ['ref:accounting-law'],
        main: true,
        publicTask: false,
      },
    ],
    dataLines: [
      {
        lineId: 'invoice-data',
        dataCategoryId: 'ref:invoice-data',
        dataSubjectCategoryIds: ['ref:customers'],
        purposeIds: ['ref:invoicing'],
        sources: [{ kind: 'dataSubject', description: 'The order form.' }],
        required: true,
        retention: {
          period: 'P10Y',
          maximum: false,
          startsOn: 'End of the financial year',
          ground: 'law',
          law: { title: 'Code de commerce', reference: 'Art. L123-22', jurisdiction: 'FR', kind: 'statute' },
          afterwards: 'erase',
        },
      },
    ],
    recipients: [
      {
        lineId: 'payment-services',
        recipientId: 'ref:stripe',
        dataCategoryIds: ['ref:invoice-data'],
        purpose: 'Collecting card payments.',
        circumstances: 'Only when the customer pays by card.',
        particularInquiry: false,
      },
    ],
    transfers: [
      {
        lineId: 'stripe-us',
        recipientId: 'ref:stripe',
        country: 'US',
        description: 'Support staff read the data from the United States.',
        state: 'actual',
        safeguardIds: ['ref:stripe-clauses'],
        dataCategoryIds: ['ref:invoice-data'],
        hrData: false,
        occasional: false,
      },
    ],
    securityMeasureIds: ['ref:encryption'],
    systemIds: ['ref:billing-platform'],
    noticeIds: ['ref:website-policy'],
    declaredNone: ['jointControllers', 'automatedDecisions'],
    sameRetentionConfirmed: true,
    automatedDecisions: { exists: false },
    dpia: { state: 'notRequired', reason: 'Ordinary data of customers; no criterion of WP 248 is met.' },
  },
});

/** A transfer goes to one place. */
export function unclearDestinations(
  transfers: readonly { country?: string; internationalOrganisation?: string }[] | undefined,
): Contradiction[] {
  return (transfers ?? []).flatMap(({ country, internationalOrganisation }, index) =>
    country === undefined || internationalOrganisation === undefined
      ? []
      : [
          {
            pointer: `/transfers/${index}/internationalOrganisation`,
            code: 'contradiction',
            message: 'A transfer goes to a country or to an international organisation, not to both.',
          },
        ],
  );
}

type Activity = ReturnType<typeof written>;
type RetentionStatement = NonNullable<NonNullable<Activity['dataLines']>[number]['retention']>;

function impossibleRetention(retention: RetentionStatement, pointer: string): Contradiction[] {
  return [
    ...unknownJurisdiction(retention.law?.jurisdiction, `${pointer}/law/jurisdiction`),
    ...(retention.unlimited === true && retention.period !== undefined
      ? [
          {
            pointer: `${pointer}/unlimited`,
            code: 'contradiction',
            message: `The data are said to be kept without limit and for ${retention.period}.`,
          },
        ]
      : []),
  ];
}

/** A controller is joint with others, not with itself, and with each of them once. */
function impossibleJointControllers(content: Content): Contradiction[] {
  const { controllerId, jointControllers } = written(content);
  const named = new Set([controllerId]);
  return (jointControllers ?? []).flatMap((line, index) => {
    if (!named.has(line.controllerId)) {
      named.add(line.controllerId);
      return [];
    }
    return [
      {
        pointer: `/jointControllers/${index}/controllerId`,
        code: 'contradiction',
        message:
          line.controllerId === controllerId
            ? 'The controller of the activity cannot be its own joint controller.'
            : 'This joint controller is listed already.',
      },
    ];
  });
}

/**
 * Something is said not to exist and is listed. Recipients are left out: internal departments and authorities in a
 * particular inquiry may be listed although they are none in law.
 */
function deniedButListed(content: Content): Contradiction[] {
  const { declaredNone, transfers, jointControllers, automatedDecisions } = written(content);
  const listed = {
    transfers: (transfers ?? []).length > 0,
    jointControllers: (jointControllers ?? []).length > 0,
    automatedDecisions: automatedDecisions?.exists === true,
  };
  return (declaredNone ?? []).flatMap((word, index) =>
    word in listed && listed[word as keyof typeof listed]
      ? [
          {
            pointer: `/declaredNone/${index}`,
            code: 'contradiction',
            message: `It is stated that there are no \`${word}\`, and \`${word}\` says otherwise.`,
          },
        ]
      : [],
  );
}
