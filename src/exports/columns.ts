/**
 * What a register shows as a table: a row for each processing activity, and the one list of its columns for every format.
 *
 * First the content of Article 30(1), (a) to (g), then the further members of an activity. Every member of an activity
 * is carried by a column, so that a row holds the whole of it. Of the building blocks that it names a row shows what
 * Article 30 asks for and what helps to read it; such a part has the type of the block before its key
 * (`recipient.role`), or stands in a column that carries nothing.
 */
import { type Content, commonProperties, metadataProperties, resolved } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import type { declarableNone, sectionsThatMayBeImpossible } from '../article30/processing-activity.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import { type CellDeclaration, type CellLine, type CellPart, type CellValue, writeCell } from './cell.ts';

interface Heading {
  /** Stable name of the column, the same in every language. */
  readonly key: string;
  /** The paragraph or article of the GDPR that asks for it, e.g. `30(1)(a)`; empty where none does. */
  readonly article: string;
  /** English; no two columns have the same. */
  readonly heading: string;
  /**
   * The members of an activity that can be read back from this column: paths without indices, e.g. `purposes.main`, a
   * path standing for all below it; `declaredNone.transfers` is the word `transfers` in that list. Empty: the column
   * shows building blocks only.
   */
  readonly carries: readonly string[];
}

/** A column whose cell is one text as it stands, without the escapes of {@link CellLine}; empty: not stated. */
export interface TextColumn extends Heading {
  readonly form: 'text';
  text(entry: Content): string;
}

/** A column whose cell holds several values, or a value with parts. */
export interface LinesColumn extends Heading {
  readonly form: 'lines';
  lines(entry: Content, blocks: NamedBlocks): CellLine[];
}

export type Column = TextColumn | LinesColumn;

/** The text of the cell of an entry in a column. */
export function cellOf(column: Column, entry: Content, blocks: NamedBlocks): string {
  return column.form === 'text' ? column.text(entry) : writeCell(column.lines(entry, blocks));
}

// --- Values of a content, written as the definitions say ---

type Schema = ReturnType<typeof resolved> & {
  readonly 'x-reference'?: ResourceType;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
};

/** Appends the parts that say the value. */
type Writer = (value: unknown, parts: CellPart[], blocks: NamedBlocks) => void;

/**
 * Members of members have dotted keys, several plain values the same key, several objects numbered ones from 1; what
 * names a resource shows its name and reference.
 */
function writerOf(schema: Schema, key: string): Writer {
  const plain = resolved(schema) as Schema;
  if (plain['x-reference'] !== undefined) {
    return (value, parts, blocks) => {
      const { name, reference } = blocks.label(value as string);
      parts.push({ key, ...(name === undefined ? {} : { value: name }), reference });
    };
  }
  if (plain.items !== undefined) {
    const items = plain.items;
    if ((resolved(items) as Schema).properties === undefined) {
      const write = writerOf(items, key);
      return (value, parts, blocks) => {
        for (const item of value as unknown[]) write(item, parts, blocks);
      };
    }
    const numbered: Writer[] = [];
    return (value, parts, blocks) => {
      for (const [index, item] of (value as unknown[]).entries()) {
        numbered[index] ??= writerOf(items, `${key}.${index + 1}`);
        numbered[index](item, parts, blocks);
      }
    };
  }
  if (plain.properties !== undefined) return membersWriter(plain.properties, Object.keys(plain.properties), `${key}.`);
  return (value, parts) => {
    parts.push({ key, value: String(value) });
  };
}

function membersWriter(properties: Readonly<Record<string, Schema>>, members: readonly string[], prefix = ''): Writer {
  const writers = members.map((member) => {
    const schema = properties[member];
    if (schema === undefined) throw new Error(`There is no member ${member}.`);
    return [member, writerOf(schema, `${prefix}${member}`)] as const;
  });
  return (value, parts, blocks) => {
    const content = value as Content;
    for (const [member, write] of writers) {
      if (content[member] !== undefined) write(content[member], parts, blocks);
    }
  };
}

// --- Building blocks ---

/** What a column shows of the blocks of a type. */
interface View {
  readonly type: ResourceType;
  readonly write: Writer;
}

/** The members of the blocks that some column shows; the others are not kept. */
const keptMembers = new Map<string, Set<string>>();

function keep(type: ResourceType, members: readonly string[]): void {
  const kept = keptMembers.get(type) ?? new Set(['name', 'reference']);
  for (const member of members) kept.add(member);
  keptMembers.set(type, kept);
}

function propertiesOf(type: ResourceType): Readonly<Record<string, Schema>> {
  const { properties, derived, managed } = definitionOf(type);
  return { ...properties, ...derived?.properties, ...managed } as unknown as Readonly<Record<string, Schema>>;
}

function viewOf(type: ResourceType, members: readonly string[], prefix = ''): View {
  keep(type, members);
  return { type, write: membersWriter(propertiesOf(type), members, prefix) };
}

/** View of a block beside members of the activity: its keys have the type before them. */
const besideMembers = (type: ResourceType, members: readonly string[]) => viewOf(type, members, `${type}.`);

const nothing: Content = {};

/** The building blocks that entries name: of each what the columns show, read once. */
export class NamedBlocks {
  readonly #contents = new Map<string, Content>();
  readonly #shown = new Map<View, Map<string, readonly CellPart[]>>();

  /** Takes a block's content as JSON. To be called for every block before the first entry is shown. */
  add(type: string, json: string): void {
    const members = keptMembers.get(type);
    if (members === undefined) return;
    const content = JSON.parse(json) as Content;
    const kept: Content = {};
    for (const member of members) {
      if (content[member] !== undefined) kept[member] = content[member];
    }
    this.#contents.set(content.id as string, kept);
  }

  /** The members of the block that some column shows; none of one that is not there. */
  content(id: unknown): Content {
    return this.#contents.get(id as string) ?? nothing;
  }

  /** Name and reference; of a resource that is not among the blocks `id:` and its id, which no reference can be. */
  label(id: string): { name?: string; reference: string } {
    const content = this.#contents.get(id);
    if (content === undefined) return { reference: `id:${id}` };
    return { name: content.name as string, reference: content.reference as string };
  }

  /** What a view shows of the block. */
  parts(view: View, id: string): readonly CellPart[] {
    const shown = this.#shown.get(view) ?? new Map<string, readonly CellPart[]>();
    this.#shown.set(view, shown);
    const known = shown.get(id);
    if (known !== undefined) return known;
    const parts: CellPart[] = [];
    view.write(this.content(id), parts, this);
    shown.set(id, parts);
    return parts;
  }
}

/** The blocks with these ids, each once, as a view shows them. */
function named(ids: Iterable<unknown>, view: View, blocks: NamedBlocks): CellLine[] {
  return Array.from(new Set(ids as Iterable<string>), (id) => ({ ...blocks.label(id), parts: blocks.parts(view, id) }));
}

// --- Kinds of columns ---

const activity: Readonly<Record<string, Schema>> = {
  ...propertiesOf('processingActivity'),
  ...(metadataProperties as unknown as Readonly<Record<string, Schema>>),
  ...(commonProperties as unknown as Readonly<Record<string, Schema>>),
};

const itemsOf = (entry: Content, list: string) => (entry[list] as Content[] | undefined) ?? [];
const idsOf = (content: Content, member: string) => (content[member] as string[] | undefined) ?? [];

const text = (key: string, article: string, heading: string): TextColumn => ({
  key,
  article,
  heading,
  carries: [key],
  form: 'text',
  text: (entry) => (entry[key] === undefined ? '' : String(entry[key])),
});

const lines = (
  key: string,
  article: string,
  heading: string,
  carries: readonly string[],
  linesOf: LinesColumn['lines'],
): LinesColumn => ({ key, article, heading, carries, form: 'lines', lines: linesOf });

/** A column that shows what named blocks say. */
const shown = (key: string, article: string, heading: string, linesOf: LinesColumn['lines']) =>
  lines(key, article, heading, [], linesOf);

/** A list of words. */
const words = (key: string, article: string, heading: string) =>
  lines(key, article, heading, [key], (entry) =>
    ((entry[key] as string[] | undefined) ?? []).map((name) => ({ name, parts: [] })),
  );

/** An object, of which the member `lead` stands as the name. */
function objectOf(schema: Schema, lead?: string): (value: unknown, blocks: NamedBlocks) => CellValue[] {
  const properties = (resolved(schema) as Schema).properties ?? {};
  const write = membersWriter(
    properties,
    Object.keys(properties).filter((member) => member !== lead),
  );
  return (value, blocks) => {
    if (value === undefined) return [];
    const parts: CellPart[] = [];
    write(value, parts, blocks);
    const name = lead === undefined ? undefined : (value as Content)[lead];
    return [{ ...(name === undefined ? {} : { name: name as string }), parts }];
  };
}

function statement(key: string, article: string, heading: string, lead?: string): LinesColumn {
  const linesOf = objectOf(activity[key]!, lead);
  return lines(key, article, heading, [key], (entry, blocks) => linesOf(entry[key], blocks));
}

interface LineList {
  /** The member of an activity that holds the lines. */
  readonly list: string;
  /** The member of a line whose name stands first. */
  readonly lead: string;
  /** What is shown of the block that `lead` names. */
  readonly view?: View;
  /** The members of a line that stand in this column. */
  readonly members: readonly string[];
  /** Whether a line that states none of them stands here too. */
  readonly all: boolean;
}

/** Lines of an activity: what they name, what is shown of it, their members, and the line's id at the end. */
function lineList(key: string, article: string, heading: string, { list, lead, view, members, all }: LineList) {
  const properties = lineProperties(list);
  const write = membersWriter(properties, [...members, 'lineId']);
  const carries = [lead, ...members, 'lineId'].map((member) => `${list}.${member}`);
  return lines(key, article, heading, carries, (entry, blocks) =>
    itemsOf(entry, list)
      .filter((line) => all || members.some((member) => line[member] !== undefined))
      .map((line) => {
        const id = line[lead] as string | undefined;
        const parts = view === undefined || id === undefined ? [] : [...blocks.parts(view, id)];
        write(line, parts, blocks);
        return { ...(id === undefined ? {} : blocks.label(id)), parts };
      }),
  );
}

function lineProperties(list: string): Readonly<Record<string, Schema>> {
  return (resolved((resolved(activity[list]!) as Schema).items!) as Schema).properties!;
}

/** The members of the lines besides these, so that a member that is added to the definition is in a column at once. */
const othersThan = (list: string, ...members: readonly string[]) =>
  Object.keys(lineProperties(list)).filter((member) => member !== 'lineId' && !members.includes(member));

/** The column with statements after its lines that belong to the same matter but stand elsewhere in the activity. */
function withStatements(column: LinesColumn, carries: readonly string[], more: (entry: Content) => CellLine[]) {
  return lines(column.key, column.article, column.heading, [...column.carries, ...carries], (entry, blocks) => [
    ...column.lines(entry, blocks),
    ...more(entry),
  ]);
}

/** With the statement that there are none, as words. */
function withDeclaration(
  column: LinesColumn,
  declared: Partial<Record<(typeof declarableNone)[number], CellDeclaration['declared']>>,
) {
  const meanings = Object.entries(declared);
  return withStatements(
    column,
    meanings.map(([word]) => `declaredNone.${word}`),
    (entry) => {
      const stated = idsOf(entry, 'declaredNone');
      return meanings.filter(([word]) => stated.includes(word)).map(([, meaning]) => ({ declared: meaning }));
    },
  );
}

/** With the reason why it is not possible to state it. */
function withImpossibility(column: LinesColumn, section: (typeof sectionsThatMayBeImpossible)[number]) {
  return withStatements(column, [`notPossible.${section}`], (entry) => {
    const value = (entry.notPossible as Partial<Record<typeof section, string>> | undefined)?.[section];
    return value === undefined ? [] : [{ parts: [{ key: 'notPossible', value }] }];
  });
}

// --- The columns ---

const controllerSchemas = propertiesOf('controller');
const representativeOf = objectOf(controllerSchemas.representative!, 'name');
const officerOf = objectOf(controllerSchemas.dataProtectionOfficer!, 'name');
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

const lawfulnessMembers = ['legalBasisIds', 'publicTask', 'furtherOf', 'compatibility', 'optOut'];

const safeguardsOf = (entry: Content) => itemsOf(entry, 'transfers').flatMap((line) => idsOf(line, 'safeguardIds'));

/** The columns of the record of a controller, in their order. */
export const columns: readonly Column[] = [
  text('reference', '', 'Reference'),
  text('name', '30(1)', 'Processing activity'),

  lines('controller', '30(1)(a)', 'Controller', ['controllerId'], (entry, blocks) =>
    named(entry.controllerId === undefined ? [] : [entry.controllerId], controllerView, blocks),
  ),
  withDeclaration(
    lineList('jointControllers', '30(1)(a)', 'Joint controllers', {
      list: 'jointControllers',
      lead: 'controllerId',
      view: jointControllerView,
      members: othersThan('jointControllers', 'controllerId'),
      all: true,
    }),
    { jointControllers: 'none' },
  ),
  shown('representative', '30(1)(a)', "Controller's representative", (entry, blocks) => {
    const { representative, representativeExemption } = blocks.content(entry.controllerId);
    return [
      ...representativeOf(representative, blocks),
      ...(representativeExemption === undefined
        ? []
        : [{ parts: [{ key: 'representativeExemption', value: String(representativeExemption) }] }]),
    ];
  }),
  shown('dataProtectionOfficer', '30(1)(a)', 'Data protection officer', (entry, blocks) =>
    officerOf(blocks.content(entry.controllerId).dataProtectionOfficer, blocks),
  ),

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

  withDeclaration(
    lineList('recipients', '30(1)(d)', 'Recipients', {
      list: 'recipients',
      lead: 'recipientId',
      view: recipientView,
      members: othersThan('recipients', 'recipientId'),
      all: true,
    }),
    { recipients: 'none', otherRecipients: 'noOthers' },
  ),

  withDeclaration(
    lineList('transfers', '30(1)(e)', 'Transfers to third countries and international organisations', {
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
    '30(1)(e), 49(6)',
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

  withStatements(
    withImpossibility(
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

  withImpossibility(
    lines('securityMeasures', '30(1)(g)', 'Security measures', ['securityMeasureIds'], (entry, blocks) =>
      named(idsOf(entry, 'securityMeasureIds'), measureView, blocks),
    ),
    'securityMeasures',
  ),
  shown('companySecurityMeasures', '30(1)(g)', 'Security measures of the whole company', (entry, blocks) =>
    named(idsOf(blocks.content(entry.controllerId), 'securityMeasureIds'), measureView, blocks),
  ),

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
  withImpossibility(
    lineList('sources', '14(2)(f)', 'Sources of the data', {
      list: 'dataLines',
      lead: 'dataCategoryId',
      members: ['sources'],
      all: false,
    }),
    'sources',
  ),
  withImpossibility(
    lines('notices', '13, 14', 'Notices', ['noticeIds'], (entry, blocks) =>
      named(idsOf(entry, 'noticeIds'), noticeView, blocks),
    ),
    'notices',
  ),
  withDeclaration(statement('automatedDecisions', '22', 'Automated decisions'), { automatedDecisions: 'none' }),
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
