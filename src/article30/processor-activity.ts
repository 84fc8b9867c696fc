/** Activities of a processor: the entries of the record of Art. 30(2), and the clients for whom they are carried out. */
import type { TProperties } from 'typebox';
import { transferMechanismKeys } from '../reference/transfer-mechanisms.ts';
import { datesOutOfOrder, duplicateLineIds } from './contradictions.ts';
import {
  Bool,
  CalendarDate,
  type Content,
  type Contradiction,
  Country,
  component,
  defineResource,
  KeyOf,
  KeysOf,
  Line,
  ListOf,
  OneOf,
  ShortText,
  Statement,
  Text,
  type Written,
} from './definition.ts';
import { dueForReview, managedOf, transferLine, unclearDestinations } from './processing-activity.ts';
import { processorContract } from './statements.ts';

const subprocessorLine = Line(
  'SubprocessorLine',
  ['recipientId'],
  {
    recipientId: KeyOf('recipient', {
      description: 'The sub-processor, Art. 28(2) and (4).',
      examples: ['ref:hosting-provider'],
    }),
    clientIds: KeysOf(
      'controller',
      {
        description: 'The clients for whom it is engaged; absent: for all clients of the activity.',
        examples: [['ref:beta']],
      },
      10_000,
    ),
  },
  { description: 'A sub-processor that the processor engages for this activity.' },
);

/** Of what a processor can state that there is none. */
export const processorDeclarableNone = ['subprocessors', 'transfers'] as const;

const processorNotPossible = component(
  'ProcessorNotPossible',
  Statement(
    {
      securityMeasures: Text({
        description: 'Why no general description of the measures can be given, Art. 30(2)(d).',
        examples: ['The client decides on them.'],
      }),
    },
    { description: 'Why a section cannot be given: "where possible" is not "optional".' },
  ),
);

const properties = {
  processorId: KeyOf('controller', {
    description: 'The processor, a legal entity whose register is kept here, Art. 30(2)(a).',
    examples: ['ref:acme'],
  }),
  description: Text({ description: 'What is done, in words.', examples: ['Websites of clients are hosted.'] }),
  categoriesOfProcessing: ListOf(
    ShortText({ description: 'A category of processing.', examples: ['Hosting of web applications'] }),
    {
      description: 'The categories of processing carried out on behalf of each client, Art. 30(2)(b).',
      examples: [['Hosting of web applications', 'Backup']],
    },
    100,
  ),
  subprocessors: ListOf(
    subprocessorLine,
    { description: 'Sub-processors, Art. 28(2), (4).', examples: [[{ recipientId: 'ref:hosting-provider' }]] },
    500,
  ),
  transfers: ListOf(
    transferLine,
    {
      description: 'Transfers to third countries and international organisations, Art. 30(2)(c).',
      examples: [[{ recipientId: 'ref:stripe', country: 'US', safeguardIds: ['ref:stripe-clauses'] }]],
    },
    500,
  ),
  securityMeasureIds: KeysOf(
    'securityMeasure',
    {
      description: 'Security measures, Art. 30(2)(d); those of the processor count too.',
      examples: [['ref:encryption']],
    },
    500,
  ),
  declaredNone: ListOf(
    OneOf(processorDeclarableNone, { description: 'Of what there is none.' }),
    { description: 'Of what it is stated that there is none.', examples: [['transfers']] },
    processorDeclarableNone.length,
  ),
  notPossible: processorNotPossible,
  ownPurposes: Bool({
    description:
      'Data are also processed for purposes of the processor itself: for that it is a controller, Art. 28(10).',
    examples: [false],
  }),
} satisfies TProperties;

const managed = managedOf('processorActivity', 'ProcessorRetirement');

const written = (content: Content) => content as Written<typeof properties & typeof managed>;

export const processorActivity = defineResource({
  type: 'processorActivity',
  component: 'ProcessorActivity',
  plural: 'ProcessorActivities',
  path: 'processor-activities',
  nature: 'activity',
  description: 'One entry of the record of a processor: a category of processing carried out for named clients.',
  article: 'Art. 30(2)',
  properties,
  managed,
  facets: {
    reviewDueOn: dueForReview,
    country: (content) => [...new Set((written(content).transfers ?? []).flatMap(({ country }) => country ?? []))],
    transfers: (content) => ((written(content).transfers ?? []).length > 0 ? 'true' : undefined),
  },
  filters: {
    processorId: {
      schema: KeyOf('controller', { description: 'The processor.' }),
      by: 'names',
      type: 'controller',
      fields: ['processorId'],
    },
    recipientId: {
      schema: KeyOf('recipient', { description: 'A sub-processor or recipient.' }),
      by: 'names',
      type: 'recipient',
    },
    country: {
      schema: Country({ description: 'The country of one of its transfers or sub-processors.' }),
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
  },
  searched: (content) => written(content).categoriesOfProcessing ?? [],
  check: (content) => [
    ...duplicateLineIds(content, ['subprocessors', 'transfers']),
    ...unclearDestinations(written(content).transfers),
    ...deniedButListed(content),
  ],
  example: {
    name: 'Hosting for clients',
    reference: 'hosting-for-clients',
    processorId: 'ref:acme',
    description: 'Web applications of clients are hosted, monitored and backed up.',
    categoriesOfProcessing: ['Hosting of web applications', 'Backup'],
    subprocessors: [{ lineId: 'payment', recipientId: 'ref:stripe', clientIds: ['ref:beta'] }],
    transfers: [
      {
        lineId: 'stripe-us',
        recipientId: 'ref:stripe',
        country: 'US',
        state: 'actual',
        safeguardIds: ['ref:stripe-clauses'],
      },
    ],
    securityMeasureIds: ['ref:encryption'],
    ownPurposes: false,
  },
});

function deniedButListed(content: Content) {
  const { declaredNone, ...lists } = written(content);
  return (declaredNone ?? []).flatMap((word, index) =>
    (lists[word] ?? []).length === 0
      ? []
      : [
          {
            pointer: `/declaredNone/${index}`,
            code: 'contradiction',
            message: `It is stated that there are no \`${word}\`, and some are listed.`,
          },
        ],
  );
}

/** In which role the client receives the service: a processor passes on what it does for controllers of its own. */
export const clientRoles = ['controller', 'processor'] as const;

const clientProperties = {
  processorActivityId: KeyOf('processorActivity', {
    description: 'The activity that is carried out for the client. Given by the path.',
    examples: ['ref:hosting-for-clients'],
  }),
  controllerId: KeyOf('controller', {
    description: 'The client, with name and contact details, Art. 30(2)(a). Given by the path.',
    examples: ['ref:beta'],
  }),
  actsAs: OneOf(clientRoles, {
    description: 'Whether the client is controller or itself a processor.',
    examples: ['controller'],
  }),
  onBehalfOfIds: KeysOf(
    'controller',
    { description: 'The controllers for whom a client that is a processor acts.', examples: [['ref:gamma']] },
    1000,
  ),
  contract: processorContract,
  since: CalendarDate({ description: 'When the processing for the client began.' }),
  until: CalendarDate({ description: 'When it ended.' }),
  dataDisposal: Text({
    description:
      'What happened to the data after the end, at the choice of the client: returned or erased, Art. 28(3)(g).',
    examples: ['Handed over on 2026-10-31; erased on 2026-11-30, backups with them.'],
  }),
} satisfies TProperties;

const writtenOfClient = (content: Content) => content as Written<typeof clientProperties>;

/**
 * A client of a processor activity. A resource of its own, so that adding a client is one entry of the log and asks for
 * no new approval of the activity. Its reference follows from activity and client, which makes the pair unique.
 */
export const processorClient = defineResource({
  type: 'processorClient',
  component: 'ProcessorClient',
  plural: 'ProcessorClients',
  path: 'processor-activities/:key/clients',
  nature: 'buildingBlock',
  description: 'A controller, or another processor, on whose behalf a processor activity is carried out.',
  article: 'Art. 30(2)(a), 28(3)',
  properties: clientProperties,
  unnamed: true,
  required: ['processorActivityId', 'controllerId'],
  check: (content) => [
    ...datesOutOfOrder(content, '', 'since', 'until'),
    ...datesOutOfOrder(content.contract, '/contract', 'signedOn', 'expiresOn'),
    ...servedInTwoRoles(content),
  ],
  example: {
    processorActivityId: 'ref:hosting-for-clients',
    controllerId: 'ref:beta',
    actsAs: 'controller',
    contract: { exists: true, inWriting: true, signedOn: '2026-01-12' },
    since: '2026-02-01',
  },
});

/** Only a processor acts on behalf of others. */
function servedInTwoRoles(content: Content): Contradiction[] {
  const { actsAs, onBehalfOfIds = [], controllerId } = writtenOfClient(content);
  const flaws: Contradiction[] = [];
  if (actsAs === 'controller' && onBehalfOfIds.length > 0) {
    const message = 'A client that is the controller acts on behalf of nobody else.';
    flaws.push({ pointer: '/onBehalfOfIds', code: 'contradiction', message });
  }
  const itself = onBehalfOfIds.indexOf(controllerId!);
  if (itself >= 0) {
    const message = 'Nobody acts on behalf of itself.';
    flaws.push({ pointer: `/onBehalfOfIds/${itself}`, code: 'contradiction', message });
  }
  return flaws;
}
