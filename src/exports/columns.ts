/**
 * What a register shows as a table: a row for each activity, and the one list of its columns for every format; one list
 * for the record of a controller, one for that of a processor.
 *
 * First the content of Article 30(1), (a) to (g), or 30(2), (a) to (d), then the further members of an activity. Every
 * member of an activity is carried by a column, so that its cells hold the whole of it. Of the building blocks that it
 * names they show what Article 30 asks for and what helps to read it; such a part has the type of the block before its
 * key (`recipient.role`), or stands in a column that carries nothing.
 */
import type { Content } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import type { declarableNone, sectionsThatMayBeImpossible } from '../article30/processing-activity.ts';
import type { processorDeclarableNone } from '../article30/processor-activity.ts';
import type { RegisterScope } from '../article30/register.ts';
import type { CellPart } from './cell.ts';
import {
  besideMembers,
  type Column,
  idsOf,
  itemsOf,
  keep,
  kindsOf,
  type LinesColumn,
  lines,
  type NamedBlocks,
  named,
  objectOf,
  shown,
  text,
  viewOf,
  withDeclaration,
  withImpossibility,
  withStatements,
  words,
} from './column.ts';

// --- What is shown of building blocks ---

const { representative, dataProtectionOfficer } = definitionOf('controller').properties;
const representativeOf = objectOf(representative!, 'name');
const officerOf = objectOf(dataProtectionOfficer!, 'name');
keep('controller', ['representative', 'representativeExemption', 'dataProtectionOfficer', 'securityMeasureIds']);

const controllerView = viewOf('controller', ['legalForm', 'country', 'registrationNumbers', 'contact']);
const jointControllerView = besideMembers('controller', ['legalForm', 'country', 'contact']);
const purposeView = besideMembers('purpose', ['description']);
const dataSubjectView = viewOf('dataSubjectCategory', ['description', 'vulnerable']);
const dataCategoryView = besideMembers('dataCategory', ['kind', 'specialKind', 'description', 'examples']);
const recipientView = besideMembers('recipient', [
  'role',
  'country',
  'internationalOrganisation',
  'processingCountries',
  'remoteAccessCountries',
  'legalEntity',
  'service',
  'confirmation',
]);
const importerView = besideMembers('recipient', ['role', 'country', 'internationalOrganisation']);
const safeguardView = viewOf('safeguard', [
  'mechanism',
  'article',
  'statedAs',
  'adequacyDecision',
  'recipientId',
  'document',
  'clauses',
  'bindingRules',
  'approval',
  'confirmation',
]);
const suitableSafeguardView = viewOf('safeguard', ['document', 'compellingInterest']);
const measureView = viewOf('securityMeasure', ['kind', 'description', 'objectives']);
const legalBasisView = viewOf('legalBasis', ['ground', 'article', 'description', 'law', 'interest']);
const systemView = viewOf('system', ['description', 'hostedById', 'countries', 'locationNote', 'url']);
const noticeView = viewOf('notice', ['url', 'language', 'lastChangedOn']);

const clientView = viewOf('processorClient', [
  'actsAs',
  'onBehalfOf',
  'since',
  'until',
  'dataDisposal',
  'notes',
  'customFields',
]);
keep('processorClient', ['contract']);
const clientEntityView = viewOf('controller', ['legalForm', 'country', 'registrationNumbers', 'contact']);
const endControllerView = viewOf('controller', [
  'legalForm',
  'country',
  'registrationNumbers',
  'contact',
  'representative',
  'representativeExemption',
  'dataProtectionOfficer',
]);
const subprocessorView = besideMembers('recipient', [
  'legalEntity',
  'country',
  'internationalOrganisation',
  'contact',
  'processingCountries',
  'remoteAccessCountries',
  'locationNote',
  'service',
  'engagedById',
  'authorisation',
  'changeNoticeDays',
  'objectionDays',
  'flowDown',
  'guarantees',
  'contract',
  'confirmation',
]);

const lawfulnessMembers = ['legalBasisIds', 'publicTask', 'furtherOf', 'compatibility', 'optOut'];

const safeguardsOf = (entry: Content) => itemsOf(entry, 'transfers').flatMap((line) => idsOf(line, 'safeguardIds'));

// --- Columns that both records have ---

type Kinds = ReturnType<typeof kindsOf>;

/** The representative and the data protection officer of the legal entity that the entry names. */
const officeColumns = (point: string, heading: string, entity: 'controllerId' | 'processorId') => [
  shown('representative', point, heading, (entry, blocks) => {
    const { representative, representativeExemption } = blocks.content(entry[entity]);
    return [
      ...representativeOf(representative, blocks),
      ...(representativeExemption === undefined
        ? []
        : [{ parts: [{ key: 'representativeExemption', value: String(representativeExemption) }] }]),
    ];
  }),
  shown('dataProtectionOfficer', point, 'Data protection officer', (entry, blocks) =>
    officerOf(blocks.content(entry[entity]).dataProtectionOfficer, blocks),
  ),
];

const transferColumns = (point: string, { lineList, othersThan }: Kinds) => [
  withDeclaration<'transfers'>(
    lineList('transfers', point, 'Transfers to third countries and international organisations', {
      list: 'transfers',
      lead: 'recipientId',
      view: importerView,
      members: othersThan('transfers', 'recipientId'),
      all: true,
    }),
    { transfers: 'none' },
  ),
  shown('safeguards', '44 to 49', 'Grounds of the transfers', (entry, blocks) =>
    named(safeguardsOf(entry), safeguardView, blocks),
  ),
  shown(
    'suitableSafeguards',
    `${point}, 49(6)`,
    'Documentation of suitable safeguards (Article 49(1), second subparagraph)',
    (entry, blocks) =>
      named(
        safeguardsOf(entry).filter((id) => {
          const { mechanism, compellingInterest } = blocks.content(id);
          return mechanism === 'compellingInterests' || compellingInterest !== undefined;
        }),
        suitableSafeguardView,
        blocks,
      ),
  ),
];

const measureColumns = (point: string, entity: 'controllerId' | 'processorId') => [
  withImpossibility<'securityMeasures'>(
    lines('securityMeasures', point, 'Security measures', ['securityMeasureIds'], (entry, blocks) =>
      named(idsOf(entry, 'securityMeasureIds'), measureView, blocks),
    ),
    'securityMeasures',
  ),
  shown('companySecurityMeasures', point, 'Security measures of the whole company', (entry, blocks) =>
    named(idsOf(blocks.content(entry[entity]), 'securityMeasureIds'), measureView, blocks),
  ),
];

const lifeColumns = ({ statement }: Kinds): Column[] => [
  statement('retirement', '', 'Retirement'),
  text('reviewedOn', '5(2)', 'Reviewed on'),
  text('reviewDueOn', '5(2)', 'Review due on'),
  text('approvedAt', '', 'Approved at'),
  text('approvedBy', '', 'Approved by'),
  text('notes', '', 'Notes'),
  lines('customFields', '', 'Custom fields', ['customFields'], (entry) =>
    Object.entries((entry.customFields as Record<string, string> | undefined) ?? {}).map(([key, value]) => ({
      parts: [{ key, value }],
    })),
  ),
  text('state', '', 'State'),
  text('archived', '', 'Archived'),
  text('id', '', 'Id'),
  text('version', '', 'Version'),
  text('approvedVersion', '', 'Approved version'),
  text('createdAt', '', 'Created at'),
  text('updatedAt', '', 'Updated at'),
];

// --- The record of a controller ---

type Declarable = (typeof declarableNone)[number];
type Section = (typeof sectionsThatMayBeImpossible)[number];

const ofController = kindsOf('processingActivity');
const { lineList, othersThan, statement } = ofController;

const controllerColumns: readonly Column[] = [
  text('reference', '', 'Reference'),
  text('name', '30(1)', 'Processing activity'),

  lines('controller', '30(1)(a)', 'Controller', ['controllerId'], (entry, blocks) =>
    named(entry.controllerId === undefined ? [] : [entry.controllerId], controllerView, blocks),
  ),
  withDeclaration<Declarable>(
    lineList('jointControllers', '30(1)(a)', 'Joint controllers', {
      list: 'jointControllers',
      lead: 'controllerId',
      view: jointControllerView,
      members: othersThan('jointControllers', 'controllerId'),
      all: true,
    }),
    { jointControllers: 'none' },
  ),
  ...officeColumns('30(1)(a)', "Controller's representative", 'controllerId'),

  lineList('purposes', '30(1)(b)', 'Purposes', {
    list: 'purposes',
    lead: 'purposeId',
    view: purposeView,
    members: othersThan('purposes', 'purposeId', ...lawfulnessMembers),
    all: true,
  }),

  shown('dataSubjectCategories', '30(1)(c)', 'Categories of data subjects', (entry, blocks) =>
    named(
      itemsOf(entry, 'dataLines').flatMap((line) => idsOf(line, 'dataSubjectCategoryIds')),
      dataSubjectView,
      blocks,
    ),
  ),
  lineList('dataCategories', '30(1)(c)', 'Categories of personal data', {
    list: 'dataLines',
    lead: 'dataCategoryId',
    view: dataCategoryView,
    members: othersThan('dataLines', 'dataCategoryId', 'retention', 'conditionIds', 'sources'),
    all: true,
  }),

  withDeclaration<Declarable>(
    lineList('recipients', '30(1)(d)', 'Recipients', {
      list: 'recipients',
      lead: 'recipientId',
      view: recipientView,
      members: othersThan('recipients', 'recipientId'),
      all: true,
    }),
    { recipients: 'none', otherRecipients: 'noOthers' },
  ),

  ...transferColumns('30(1)(e)', ofController),

  withStatements(
    withImpossibility<Section>(
      lineList('timeLimits', '30(1)(f)', 'Time limits for erasure', {
        list: 'dataLines',
        lead: 'dataCategoryId',
        members: ['retention'],
        all: false,
      }),
      'retention',
    ),
    ['sameRetentionConfirmed'],
    ({ sameRetentionConfirmed: value }) =>
      value === undefined ? [] : [{ parts: [{ key: 'sameRetentionConfirmed', value: String(value) }] }],
  ),

  ...measureColumns('30(1)(g)', 'controllerId'),

  text('description', '', 'Description'),
  lineList('lawfulness', '6(1), 6(4), 21', 'Lawfulness of the purposes', {
    list: 'purposes',
    lead: 'purposeId',
    members: lawfulnessMembers,
    all: false,
  }),
  lineList('conditions', '9(2), 10', 'Conditions for special and criminal data', {
    list: 'dataLines',
    lead: 'dataCategoryId',
    members: ['conditionIds'],
    all: false,
  }),
  shown('legalBases', '6(1), 9(2), 10', 'Legal bases', (entry, blocks) =>
    named(
      [
        ...itemsOf(entry, 'purposes').flatMap((line) => idsOf(line, 'legalBasisIds')),
        ...itemsOf(entry, 'dataLines').flatMap((line) => idsOf(line, 'conditionIds')),
        ...itemsOf(entry, 'recipients').flatMap((line) => idsOf(line, 'legalBasisIds')),
      ],
      legalBasisView,
      blocks,
    ),
  ),
  withImpossibility<Section>(
    lineList('sources', '14(2)(f)', 'Sources of the data', {
      list: 'dataLines',
      lead: 'dataCategoryId',
      members: ['sources'],
      all: false,
    }),
    'sources',
  ),
  withImpossibility<Section>(
    lines('notices', '13, 14', 'Notices', ['noticeIds'], (entry, blocks) =>
      named(idsOf(entry, 'noticeIds'), noticeView, blocks),
    ),
    'notices',
  ),
  withDeclaration<Declarable>(statement('automatedDecisions', '22', 'Automated decisions'), {
    automatedDecisions: 'none',
  }),
  statement('dpia', '35, 36', 'Data protection impact assessment'),
  lines('systems', '32(1)', 'Systems', ['systemIds'], (entry, blocks) =>
    named(idsOf(entry, 'systemIds'), systemView, blocks),
  ),
  words('operations', '4(2)', 'Operations'),
  words('means', '2(1)', 'Means'),
  text('largeScale', '35(3), 37(1)', 'Large scale'),
  text('estimatedDataSubjects', '', 'Estimated number of data subjects'),
  text('occasional', '30(5)', 'Occasional'),
  text('likelyRisk', '30(5)', 'Likely to result in a risk'),
  text('department', '', 'Department'),
  statement('owner', '', 'Owner', 'name'),
  text('startedOn', '', 'Started on'),
  text('endedOn', '', 'Ended on'),
  ...lifeColumns(ofController),
];

// --- The record of a processor ---

type ProcessorDeclarable = (typeof processorDeclarableNone)[number];

const ofProcessor = kindsOf('processorActivity');

/** A line for each client of whom there is something to say, or for every client. */
const ofClients =
  (partsOf: (client: Content, blocks: NamedBlocks) => readonly CellPart[], all = false): LinesColumn['lines'] =>
  (entry, blocks) =>
    blocks.clients(entry.id).flatMap((client) => {
      const parts = partsOf(client, blocks);
      return all || parts.length > 0 ? [{ ...blocks.label(client.controllerId as string), parts }] : [];
    });

const wholeRepresentativeOf = objectOf(representative!);
const wholeOfficerOf = objectOf(dataProtectionOfficer!);
const contractOf = objectOf(definitionOf('processorClient').properties.contract!);

const processorColumns: readonly Column[] = [
  text('reference', '', 'Reference'),
  text('name', '30(2)', 'Processing activity'),

  lines('processor', '30(2)(a)', 'Processor', ['processorId'], (entry, blocks) =>
    named(entry.processorId === undefined ? [] : [entry.processorId], controllerView, blocks),
  ),
  ...officeColumns('30(2)(a)', "Processor's representative", 'processorId'),
  shown(
    'clients',
    '30(2)(a)',
    'Clients on whose behalf the processor acts',
    ofClients((client, blocks) => {
      const parts = [...blocks.parts(clientEntityView, client.controllerId as string)];
      clientView.write(client, parts, blocks);
      // The register shows what is approved; what is not says so.
      return client.state === 'approved' ? parts : [...parts, { key: 'state', value: String(client.state) }];
    }, true),
  ),
  shown(
    'clientRepresentatives',
    '30(2)(a)',
    "Clients' representatives",
    ofClients(({ controllerId }, blocks) => {
      const { representative, representativeExemption: key } = blocks.content(controllerId);
      const parts = wholeRepresentativeOf(representative, blocks).flatMap((line) => line.parts);
      return key === undefined ? parts : [...parts, { key: 'representativeExemption', value: String(key) }];
    }),
  ),
  shown(
    'clientOfficers',
    '30(2)(a)',
    "Clients' data protection officers",
    ofClients(({ controllerId }, blocks) =>
      wholeOfficerOf(blocks.content(controllerId).dataProtectionOfficer, blocks).flatMap(({ parts }) => parts),
    ),
  ),
  shown('endControllers', '30(2)(a)', 'Controllers for whom clients act as processors', (entry, blocks) =>
    named(
      blocks.clients(entry.id).flatMap((client) => idsOf(client, 'onBehalfOf')),
      endControllerView,
      blocks,
    ),
  ),
  withDeclaration<ProcessorDeclarable>(
    ofProcessor.lineList('subprocessors', '30(2)(a), 28(2), 28(4)', 'Sub-processors', {
      list: 'subprocessors',
      lead: 'recipientId',
      view: subprocessorView,
      members: ofProcessor.othersThan('subprocessors', 'recipientId'),
      all: true,
    }),
    { subprocessors: 'none' },
  ),

  words('categoriesOfProcessing', '30(2)(b)', 'Categories of processing'),

  ...transferColumns('30(2)(c)', ofProcessor),

  ...measureColumns('30(2)(d)', 'processorId'),

  text('description', '', 'Description'),
  shown(
    'clientContracts',
    '28(3), 28(9)',
    'Contracts with clients',
    ofClients(({ contract }, blocks) => contractOf(contract, blocks).flatMap(({ parts }) => parts)),
  ),
  text('ownPurposes', '28(10)', 'Own purposes of the processor'),
  ...lifeColumns(ofProcessor),
];

/** The columns of each record, in their order. */
export const columns: Readonly<Record<RegisterScope['role'], readonly Column[]>> = {
  controller: controllerColumns,
  processor: processorColumns,
};
