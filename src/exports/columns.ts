/**
 * What a register shows as a table: a row for each activity, and the one list of its columns for every format; one list
 * for the record of a controller, one for that of a processor.
 *
 * First the content of Article 30(1), (a) to (g), or 30(2), (a) to (d), then the further members of an activity. Every
 * member of an activity is carried by a column, so that its cells hold the whole of it. Of the building blocks that it
 * names the columns of Article 30 show what it asks for and what helps to read it; such a part has the type of the block
 * before its key (`recipient.role`), or stands in a column that carries nothing. Columns behind show all else that these
 * blocks say.
 */
import type { Content } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import type { declarableNone, sectionsThatMayBeImpossible } from '../article30/processing-activity.ts';
import type { processorDeclarableNone } from '../article30/processor-activity.ts';
import type { RegisterScope } from '../article30/register.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import type { CellPart } from './cell.ts';
import {
  besideMembers,
  type Column,
  idsOf,
  itemsOf,
  itemsOfBlocks,
  kindsOf,
  type LinesColumn,
  lines,
  membersBesides,
  type NamedBlocks,
  named,
  objectOf,
  shown,
  text,
  viewOf,
  wholeView,
  withDeclaration,
  withImpossibility,
  withStatements,
  words,
} from './column.ts';

// --- What is shown of building blocks ---

const { representative, dataProtectionOfficer } = definitionOf('controller').properties;
const representativeOf = objectOf(representative!, 'name');
const officerOf = objectOf(dataProtectionOfficer!, 'name');
const officeMembers = ['representative', 'representativeExemption', 'dataProtectionOfficer'];
const entityMembers = ['legalForm', 'country', 'registrationNumbers', 'contact'];
const jointControllerMembers = ['legalForm', 'country', 'contact'];
const purposeMembers = ['description'];
const dataCategoryMembers = ['kind', 'specialKind', 'claimedNonPersonal', 'description', 'examples', 'group'];
const recipientMembers = [
  'role',
  'identified',
  'publicBody',
  'legalEntity',
  'country',
  'internationalOrganisation',
  'processingCountries',
  'remoteAccessCountries',
  'locationNote',
  'service',
  'confirmation',
];
const subprocessorMembers = [
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
];

const entityView = viewOf('controller', entityMembers);
const endControllerView = viewOf('controller', [...entityMembers, ...officeMembers]);
// Where somebody only suggested the country, the transfer must say so.
const importerView = besideMembers('recipient', ['role', 'country', 'internationalOrganisation', 'confirmation']);
const measureView = wholeView('securityMeasure', 'kind');
// Of what kind a ground is, its article says.
const safeguardFirst = ['mechanism', 'article', 'statedAs', 'adequacyDecision', 'recipientId'];
const safeguardView = viewOf('safeguard', [
  ...safeguardFirst,
  ...membersBesides('safeguard', ...safeguardFirst, 'kind', 'compellingInterest'),
]);
const suitableSafeguardView = viewOf('safeguard', ['document', 'compellingInterest']);
const dataSubjectView = wholeView('dataSubjectCategory');
const basisFirst = ['ground', 'article'];
// Of what kind a ground is, its article says.
const legalBasisView = viewOf('legalBasis', [...basisFirst, ...membersBesides('legalBasis', ...basisFirst, 'kind')]);
const systemView = wholeView('system');
const noticeFirst = ['url', 'language', 'lastChangedOn'];
const noticeView = viewOf('notice', [
  ...noticeFirst,
  ...membersBesides('notice', ...noticeFirst, 'rights', 'statements'),
]);
const rightsOf = itemsOfBlocks('notice', 'rights');
/** A statement that a field carries stands in the column of that field. */
const uncarriedStatementsOf = itemsOfBlocks('notice', 'statements', 'about');
const clientView = viewOf(
  'processorClient',
  membersBesides('processorClient', 'processorActivityId', 'controllerId', 'contract'),
);

/** What is left to say of a block of which these members are shown. */
const left = (type: ResourceType, ...members: readonly string[]) => viewOf(type, membersBesides(type, ...members));
/** The controller's measures have a column of their own. */
const leftOfController = left('controller', ...entityMembers, ...officeMembers, 'securityMeasureIds');
const leftOfJointController = left('controller', ...jointControllerMembers);
const leftOfClient = left('controller', ...entityMembers, ...officeMembers);
const leftOfPurpose = left('purpose', ...purposeMembers);
const leftOfDataCategory = left('dataCategory', ...dataCategoryMembers);
const leftOfRecipient = left('recipient', ...recipientMembers);
const leftOfSubprocessor = left('recipient', ...subprocessorMembers);
const nothingLeft = viewOf('securityMeasure', []);

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

const valuesOf = (entry: Content, list: string, member: string) => itemsOf(entry, list).map((line) => line[member]);

/** Measures of the other legal entities that an entry names. */
const otherMeasuresColumn = ({ details }: Kinds, entity: 'controllerId' | 'processorId') =>
  details('otherSecurityMeasures', 'Security measures of other entities', 'securityMeasure', (entry, blocks) => [
    [
      [...idsOf(entry, 'securityMeasureIds'), ...idsOf(blocks.content(entry[entity]), 'securityMeasureIds')],
      nothingLeft,
    ],
  ]);

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
const { lineList, othersThan, statement, details } = ofController;

const controllerColumns: readonly Column[] = [
  text('reference', '', 'Reference'),
  text('name', '30(1)', 'Processing activity'),

  lines('controller', '30(1)(a)', 'Controller', ['controllerId'], (entry, blocks) =>
    named(entry.controllerId === undefined ? [] : [entry.controllerId], entityView, blocks),
  ),
  withDeclaration<Declarable>(
    lineList('jointControllers', '30(1)(a)', 'Joint controllers', {
      list: 'jointControllers',
      lead: 'controllerId',
      view: besideMembers('controller', jointControllerMembers),
      members: othersThan('jointControllers', 'controllerId'),
      all: true,
    }),
    { jointControllers: 'none' },
  ),
  ...officeColumns('30(1)(a)', "Controller's representative", 'controllerId'),

  lineList('purposes', '30(1)(b)', 'Purposes', {
    list: 'purposes',
    lead: 'purposeId',
    view: besideMembers('purpose', purposeMembers),
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
    view: besideMembers('dataCategory', dataCategoryMembers),
    members: othersThan('dataLines', 'dataCategoryId', 'retention', 'conditionIds', 'sources'),
    all: true,
  }),

  withDeclaration<Declarable>(
    lineList('recipients', '30(1)(d)', 'Recipients', {
      list: 'recipients',
      lead: 'recipientId',
      view: besideMembers('recipient', recipientMembers),
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
  shown('rights', '12 to 22, 77', 'Rights of the data subjects', (entry, blocks) =>
    rightsOf(idsOf(entry, 'noticeIds'), blocks),
  ),
  shown('noticeStatements', '12', 'Further statements of the notices', (entry, blocks) =>
    uncarriedStatementsOf(idsOf(entry, 'noticeIds'), blocks),
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
  details('controllerDetails', 'Controllers: further details', 'controller', (entry) => [
    [[entry.controllerId], leftOfController],
    [valuesOf(entry, 'jointControllers', 'controllerId'), leftOfJointController],
  ]),
  details('purposeDetails', 'Purposes: further details', 'purpose', (entry) => [
    [valuesOf(entry, 'purposes', 'purposeId'), leftOfPurpose],
  ]),
  details('dataCategoryDetails', 'Categories of personal data: further details', 'dataCategory', (entry) => [
    [valuesOf(entry, 'dataLines', 'dataCategoryId'), leftOfDataCategory],
  ]),
  details('recipientDetails', 'Recipients: further details', 'recipient', (entry) => [
    [valuesOf(entry, 'recipients', 'recipientId'), leftOfRecipient],
  ]),
  otherMeasuresColumn(ofController, 'controllerId'),
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
    named(entry.processorId === undefined ? [] : [entry.processorId], entityView, blocks),
  ),
  ...officeColumns('30(2)(a)', "Processor's representative", 'processorId'),
  shown(
    'clients',
    '30(2)(a)',
    'Clients on whose behalf the processor acts',
    ofClients((client, blocks) => {
      const parts = [...blocks.parts(entityView, client.controllerId as string)];
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
      blocks.clients(entry.id).flatMap((client) => idsOf(client, 'onBehalfOfIds')),
      endControllerView,
      blocks,
    ),
  ),
  withDeclaration<ProcessorDeclarable>(
    ofProcessor.lineList('subprocessors', '30(2)(a), 28(2), 28(4)', 'Sub-processors', {
      list: 'subprocessors',
      lead: 'recipientId',
      view: besideMembers('recipient', subprocessorMembers),
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
  ofProcessor.details('entityDetails', 'Legal entities: further details', 'controller', (entry, blocks) => {
    const clients = blocks.clients(entry.id);
    return [
      [[entry.processorId], leftOfController],
      [
        clients.flatMap(({ controllerId, onBehalfOfIds = [] }) => [controllerId, ...(onBehalfOfIds as unknown[])]),
        leftOfClient,
      ],
    ];
  }),
  ofProcessor.details('recipientDetails', 'Sub-processors and recipients: further details', 'recipient', (entry) => [
    [valuesOf(entry, 'subprocessors', 'recipientId'), leftOfSubprocessor],
  ]),
  ofProcessor.details('dataCategoryDetails', 'Categories of personal data transferred', 'dataCategory', () => []),
  otherMeasuresColumn(ofProcessor, 'processorId'),
  ...lifeColumns(ofProcessor),
];

/** The columns of each record, in their order. */
export const columns: Readonly<Record<RegisterScope['role'], readonly Column[]>> = {
  controller: controllerColumns,
  processor: processorColumns,
};
