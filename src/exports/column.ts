/**
 * What the columns of a table are made of: how the values of an activity, and of the building blocks that it names, are
 * written into cells as their definitions say. Which columns there are stands in `columns.ts`.
 */
import { type Content, commonProperties, metadataProperties, resolved } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import { type NamedKey, namedKeys } from '../article30/shape.ts';
import { type CellDeclaration, type CellLine, type CellPart, type CellValue, writeCells } from './cell.ts';

interface Heading {
  /** Stable name of the column, the same in every language. */
  readonly key: string;
  /** The paragraph or article of the GDPR that asks for it, e.g. `30(1)(a)`; empty where none does. */
  readonly article: string;
  /** English; no two columns of a record have the same. */
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

/** The cells of an entry in a column: the one of its row, then those of the rows that continue it. */
export function cellsOf(column: Column, entry: Content, blocks: NamedBlocks): string[] {
  return column.form === 'text' ? [column.text(entry)] : writeCells(column.lines(entry, blocks));
}

// --- Values of a content, written as the definitions say ---

type Schema = ReturnType<typeof resolved> & {
  readonly 'x-reference'?: ResourceType;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
};
type Schemas = Readonly<Record<string, Schema>>;

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
  if (plain.patternProperties !== undefined) {
    return (value, parts) => {
      for (const [name, text] of Object.entries(value as Content))
        parts.push({ key: `${key}.${name}`, value: String(text) });
    };
  }
  return (value, parts) => {
    parts.push({ key, value: String(value) });
  };
}

function membersWriter(properties: Schemas, members: readonly string[], prefix = ''): Writer {
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
export interface View {
  readonly type: ResourceType;
  readonly write: Writer;
}

function propertiesOf(type: ResourceType): Schemas {
  const { properties, derived, managed } = definitionOf(type);
  return {
    ...metadataProperties,
    ...commonProperties,
    ...properties,
    ...derived?.properties,
    ...managed,
  } as unknown as Schemas;
}

/**
 * What a block says besides its name and these members, in the order of its definition: so that a member that is added
 * to the definition is shown at once. Whose block it is (`controllerId`) keeps the blocks of several controllers apart
 * and says nothing of the processing; whose notice it is does.
 */
export function membersBesides(type: ResourceType, ...members: readonly string[]): string[] {
  const { properties, derived } = definitionOf(type);
  const own = Object.keys({ ...properties, ...derived?.properties }).filter(
    (member) => member !== 'controllerId' || type === 'notice',
  );
  return [...own, 'notes', 'customFields'].filter((member) => !members.includes(member));
}

export function viewOf(type: ResourceType, members: readonly string[], prefix = ''): View {
  return { type, write: membersWriter(propertiesOf(type), members, prefix) };
}

/** View of all that a block says, these members first. */
export const wholeView = (type: ResourceType, ...first: readonly string[]) =>
  viewOf(type, [...first, ...membersBesides(type, ...first)]);

/** View of a block beside members of what names it: its keys have the type before them. */
export const besideMembers = (type: ResourceType, members: readonly string[]) => viewOf(type, members, `${type}.`);

type EntryType = 'processingActivity' | 'processorActivity';

const nothing: Content = {};

/** The building blocks that entries name, read once. */
export class NamedBlocks {
  readonly #contents = new Map<string, Content>();
  /** Of each block what it names. */
  readonly #names = new Map<string, readonly NamedKey[]>();
  readonly #shown = new Map<View, Map<string, readonly CellPart[]>>();
  readonly #clients = new Map<string, Content[]>();
  readonly #reached = new WeakMap<Content, ReadonlyMap<string, ReadonlySet<string>>>();

  /** Takes a block's content as JSON. To be called for every block before the first entry is shown. */
  add(type: string, json: string): void {
    const content = JSON.parse(json) as Content;
    if (type === 'processorClient') {
      const activity = content.processorActivityId as string;
      const clients = this.#clients.get(activity);
      if (clients === undefined) this.#clients.set(activity, [content]);
      else clients.push(content);
      return;
    }
    this.#contents.set(content.id as string, content);
    this.#names.set(
      content.id as string,
      // Whose block it is, and where the register carries a statement of a notice, belongs to no entry.
      namedKeys(definitionOf(type as ResourceType), content).filter(
        ({ field }) => field !== 'controllerId' && !field.startsWith('statements.'),
      ),
    );
  }

  /** The content of the block; nothing of one that is not there. */
  content(id: unknown): Content {
    return this.#contents.get(id as string) ?? nothing;
  }

  /** Name and reference; of a resource that is not among the blocks `id:` and its id, which no reference can be. */
  label(id: string): { name?: string; reference: string } {
    const content = this.#contents.get(id);
    if (content === undefined) return { reference: `id:${id}` };
    return { name: content.name as string, reference: content.reference as string };
  }

  /** The clients of a processor activity, by the reference of the controller that each is. */
  clients(activity: unknown): Content[] {
    const clients = (this.#clients.get(activity as string) ?? []).map((client) => ({
      client,
      reference: this.label(client.controllerId as string).reference,
    }));
    return clients.sort((a, b) => (a.reference < b.reference ? -1 : 1)).map(({ client }) => client);
  }

  /** The blocks of a type that an entry reaches, through its clients and other blocks too: the nearest first. */
  reached(entryType: EntryType, entry: Content, type: ResourceType): Iterable<string> {
    let found = this.#reached.get(entry);
    if (found === undefined) {
      found = this.#reachedBy(namedKeys(definitionOf(entryType), entry), this.clients(entry.id));
      this.#reached.set(entry, found);
    }
    return found.get(type) ?? [];
  }

  #reachedBy(named: readonly NamedKey[], clients: readonly Content[]): ReadonlyMap<string, ReadonlySet<string>> {
    const found = new Map<string, Set<string>>();
    const waiting = [...named];
    for (const client of clients) waiting.push(...namedKeys(definitionOf('processorClient'), client));
    // What is added while they are gone through is gone through too.
    for (const { type, key } of waiting) {
      const ofType = found.get(type) ?? new Set();
      found.set(type, ofType);
      if (ofType.has(key)) continue;
      ofType.add(key);
      waiting.push(...(this.#names.get(key) ?? []));
    }
    return found;
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
export function named(ids: Iterable<unknown>, view: View, blocks: NamedBlocks): CellLine[] {
  return Array.from(new Set(ids as Iterable<string>), (id) => ({ ...blocks.label(id), parts: blocks.parts(view, id) }));
}

// --- Kinds of columns ---

export const itemsOf = (entry: Content, list: string) => (entry[list] as Content[] | undefined) ?? [];
export const idsOf = (content: Content, member: string) => (content[member] as string[] | undefined) ?? [];

export const text = (key: string, article: string, heading: string): TextColumn => ({
  key,
  article,
  heading,
  carries: [key],
  form: 'text',
  text: (entry) => (entry[key] === undefined ? '' : String(entry[key])),
});

export const lines = (
  key: string,
  article: string,
  heading: string,
  carries: readonly string[],
  linesOf: LinesColumn['lines'],
): LinesColumn => ({ key, article, heading, carries, form: 'lines', lines: linesOf });

/** A column that shows what named blocks say. */
export const shown = (key: string, article: string, heading: string, linesOf: LinesColumn['lines']) =>
  lines(key, article, heading, [], linesOf);

/**
 * A line for each item of a list of objects in named blocks, under the name of the block; only for those that leave
 * `unless` out.
 */
export function itemsOfBlocks(
  type: ResourceType,
  list: string,
  unless?: string,
): (ids: Iterable<unknown>, blocks: NamedBlocks) => CellLine[] {
  const { properties = {} } = resolved((resolved(propertiesOf(type)[list]!) as Schema).items!) as Schema;
  const write = membersWriter(
    properties,
    Object.keys(properties).filter((member) => member !== unless),
  );
  return (ids, blocks) =>
    Array.from(new Set(ids as Iterable<string>)).flatMap((id) =>
      itemsOf(blocks.content(id), list)
        .filter((item) => unless === undefined || item[unless] === undefined)
        .map((item) => {
          const parts: CellPart[] = [];
          write(item, parts, blocks);
          return { ...blocks.label(id), parts };
        }),
    );
}

/** A list of words. */
export const words = (key: string, article: string, heading: string) =>
  lines(key, article, heading, [key], (entry) =>
    ((entry[key] as string[] | undefined) ?? []).map((name) => ({ name, parts: [] })),
  );

/** An object, of which the member `lead` stands as the name. */
export function objectOf(schema: Schema, lead?: string): (value: unknown, blocks: NamedBlocks) => CellValue[] {
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

/** How blocks are shown in the columns before: what of them is left to say. */
export type LeftToSay = readonly [ids: readonly unknown[], view: View];

/** The kinds of columns that follow from the definition of the activities of a record. */
export function kindsOf(type: EntryType) {
  const activity = propertiesOf(type);
  const lineProperties = (list: string) =>
    (resolved((resolved(activity[list]!) as Schema).items!) as Schema).properties!;

  return {
    /** An object, see {@link objectOf}. */
    statement(key: string, article: string, heading: string, lead?: string): LinesColumn {
      const linesOf = objectOf(activity[key]!, lead);
      return lines(key, article, heading, [key], (entry, blocks) => linesOf(entry[key], blocks));
    },

    /** Lines of an activity: what they name, what is shown of it, their members, and the line's id at the end. */
    lineList(key: string, article: string, heading: string, { list, lead, view, members, all }: LineList): LinesColumn {
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
    },

    /**
     * What the columns before leave unsaid of the blocks of a type: a line for each that an entry reaches, with all of it
     * where none of them shows it. Of two ways in which a block is shown, the first counts.
     */
    details(
      key: string,
      heading: string,
      blockType: ResourceType,
      shownAs: (entry: Content, blocks: NamedBlocks) => readonly LeftToSay[],
    ): LinesColumn {
      const whole = wholeView(blockType);
      return shown(key, '', heading, (entry, blocks) => {
        const left = new Map<unknown, View>();
        for (const [ids, view] of shownAs(entry, blocks)) {
          for (const id of ids) if (!left.has(id)) left.set(id, view);
        }
        return Array.from(blocks.reached(type, entry, blockType)).flatMap((id) => {
          const parts = blocks.parts(left.get(id) ?? whole, id);
          return parts.length === 0 && left.has(id) ? [] : [{ ...blocks.label(id), parts }];
        });
      });
    },

    /** The members of the lines besides these, so that a member that is added to the definition is in a column at once. */
    othersThan: (list: string, ...members: readonly string[]) =>
      Object.keys(lineProperties(list)).filter((member) => member !== 'lineId' && !members.includes(member)),
  };
}

/** The column with statements after its lines that belong to the same matter but stand elsewhere in the activity. */
export function withStatements(column: LinesColumn, carries: readonly string[], more: (entry: Content) => CellLine[]) {
  return lines(column.key, column.article, column.heading, [...column.carries, ...carries], (entry, blocks) => [
    ...column.lines(entry, blocks),
    ...more(entry),
  ]);
}

/** With the statement that there are none, as words: what the words in `declaredNone` mean in this column. */
export function withDeclaration<Word extends string>(
  column: LinesColumn,
  declared: Partial<Record<Word, CellDeclaration['declared']>>,
) {
  const meanings = Object.entries(declared) as [Word, CellDeclaration['declared']][];
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
export function withImpossibility<Section extends string>(column: LinesColumn, section: Section) {
  return withStatements(column, [`notPossible.${section}`], (entry) => {
    const value = (entry.notPossible as Partial<Record<Section, string>> | undefined)?.[section];
    return value === undefined ? [] : [{ parts: [{ key: 'notPossible', value }] }];
  });
}
