/** Registers to write out: the examples of the definitions, and contents with every member filled with awkward values. */
import type { TSchema } from 'typebox';
import { type Content, commonProperties, type ResourceDefinition, resolved } from '../../src/article30/definition.ts';
import { definitionOf, definitions } from '../../src/article30/index.ts';
import { approve, create, type Moment, stated } from '../../src/article30/life.ts';
import type { RegisterMoment, RegisterScope, RegisterSource } from '../../src/article30/register.ts';
import { type ResourceType, resourceTypes } from '../../src/article30/resource-types.ts';
import { defaultSettings } from '../../src/article30/settings.ts';
import { withKeys } from '../../src/article30/shape.ts';
import { entryType } from '../../src/db/register-source.ts';
import { canonicalize } from '../../src/history/canonical.ts';
import { composeRegister, type Part } from '../../src/register/document.ts';

/** The parts of JSON Schema that the definitions use. */
export interface Schema {
  type?: string;
  enum?: string[];
  format?: string;
  pattern?: string;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  'x-reference'?: ResourceType;
}

export const follow = (schema: Schema): Schema => resolved(schema as TSchema) as Schema;

export interface Register {
  controllers: Content[];
  /** Building blocks but the controllers above, by type and id. */
  blocks: Record<string, Record<string, Content>>;
  entries: Content[];
}

/** The document as it is read back from its JSON. */
export interface Document extends Register {
  about: RegisterMoment & { scope: RegisterScope };
  integrity: { digest: string; entries: number };
}

export const moment: RegisterMoment = {
  tenant: '0198f0c2-0000-7000-8000-000000000000',
  sequence: 4711,
  recordedAt: '2026-03-03T09:30:00.000Z',
  rootHash: 'ab'.repeat(32),
};

/** Reads from memory what the service reads from the log. */
export function sourceOf(register: Register, pageSize = 500): RegisterSource {
  const pages = <T>(items: readonly T[]) =>
    Array.from({ length: Math.ceil(items.length / pageSize) }, (_, page) =>
      items.slice(page * pageSize, (page + 1) * pageSize),
    );
  return {
    select: async () => ({
      controllers: register.controllers.map(canonicalize),
      entries: register.entries.map((_, index) => index),
      blocks: Object.entries(register.blocks).map(([type, blocks]) => ({
        type,
        ids: Object.keys(blocks).sort(),
        sequences: Object.keys(blocks).map((_, index) => index),
      })),
    }),
    selectEntry: async () => undefined,
    blocks: async function* (selection) {
      for (const { type, ids } of selection.blocks) {
        for (const page of pages(ids)) {
          yield { type, blocks: page.map((id) => ({ id, content: canonicalize(register.blocks[type]![id]!) })) };
        }
      }
    },
    entries: async function* (selection) {
      for (const page of pages(selection.entries)) yield page.map((index) => canonicalize(register.entries[index]!));
    },
  };
}

export function partsOf(register: Register, scope: Partial<RegisterScope> = {}): AsyncGenerator<Part> {
  return composeRegister(sourceOf(register), { role: 'controller', include: 'approved', ...scope }, moment);
}

/** The document that the same parts make as JSON. */
export async function documentOf(parts: AsyncIterable<Part>): Promise<Document> {
  let json = '';
  for await (const part of parts) json += part.json;
  return JSON.parse(json) as Document;
}

let ids = 0;
const newId = () => `0198f0c2-6b1e-7c3a-9d55-${String(++ids).padStart(12, '0')}`;
const now: Moment = {
  now: moment.recordedAt,
  actor: '0198f0c2-6b1e-4c3a-9d55-2f6a1b0c4e79',
  settings: defaultSettings,
  newId,
};

/** A resource as the service stores it, approved. */
function approved(definition: ResourceDefinition, body: Content, idOf: (type: ResourceType, key: string) => string) {
  const writable = stated(
    definition,
    withKeys(definition, body, ({ type, key }) => idOf(type, key)),
    undefined,
    newId,
  );
  const { content } = create(definition, writable, body.reference as string, now);
  const step = approve(definition, content!, now);
  return (step?.content ?? content)!;
}

export type Role = RegisterScope['role'];

/** Activities of the other record, and clients in that of a controller, are in no register of this role. */
function put(register: Register, type: ResourceType, content: Content, role: Role): void {
  if (type === entryType[role]) register.entries.push(content);
  else if (definitionOf(type).nature === 'activity' || (type === 'processorClient' && role === 'controller')) return;
  else if (type === 'controller' && content.registerKept === true) register.controllers.push(content);
  else {
    register.blocks[type] ??= {};
    register.blocks[type][content.id as string] = content;
  }
}

/** Puts resources together; a body names another one by `ref:`, whichever stands first. */
export function registerOf(bodies: readonly (readonly [ResourceType, Content])[], role: Role = 'controller'): Register {
  const register: Register = { controllers: [], blocks: {}, entries: [] };
  const known = new Map<string, string>();
  const idOf = (type: ResourceType, key: string) => {
    const id = known.get(`${type} ${key}`);
    if (id === undefined) throw new Error(`Nothing is ${type} ${key}.`);
    return id;
  };
  for (const [type, body] of bodies) known.set(`${type} ref:${body.reference as string}`, newId());
  for (const [type, body] of bodies) {
    const content = approved(definitionOf(type), body, idOf);
    put(register, type, { ...content, id: idOf(type, `ref:${body.reference as string}`) }, role);
  }
  return register;
}

/** The story that the examples of the definitions tell, with the client of whom they speak. */
export const exampleBodies: readonly (readonly [ResourceType, Content])[] = [
  ...definitions.map(({ type, example }) => [type, { reference: type, ...example }] as const),
  [
    'controller',
    {
      reference: 'beta',
      name: 'Beta Ltd',
      country: 'IE',
      contact: { email: 'privacy@beta.example' },
      dataProtectionOfficer: { designated: true, name: 'Niamh Byrne', contact: { email: 'dpo@beta.example' } },
    },
  ],
];

/** What a text may hold that means something to CSV, to the form of a cell, or to a spreadsheet. */
export const awkward = [
  ...['plain', 'a; b=c', '; ', ';', '=', '=1+1', '+49 30 1', '-2', '@SUM(A1)', "'quoted", '\t=1', '\r=1', '\n=1'],
  ...['name [reference]', '[x]', ']', '[', ' [', '\\', '\\n', '\\\\;', 'ends with \\', 'two\nlines', 'two\r\nlines'],
  ...['a "word"', '""', 'a,b', ' space before', 'space after ', ' ', 'none declared', 'no others declared'],
  ...['none\ndeclared', '#register', 'id:1', 'é ü ß ł Ω я', '日本語', '\u{1f4a5}', '\u2028', '\ufeff', '1e5', '007'],
] as const;

/**
 * A value with every text in ASCII, for messages and comparisons: tap takes U+2028 in its output for the end of a line,
 * and can take a failure for a success then.
 */
export function visible<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ) as T;
}

/** Fills every member of a schema; each text is another one, and has something awkward in it. */
function fill(schema: Schema, count: () => number, idOf: (type: ResourceType, index: number) => string): unknown {
  const plain = follow(schema);
  const index = count();
  if (plain['x-reference'] !== undefined) return idOf(plain['x-reference'], index);
  if (plain.items !== undefined) {
    const words = follow(plain.items).enum;
    if (words !== undefined) return [...words];
    return [...new Set([0, 1, 2].map(() => fill(plain.items!, count, idOf)))];
  }
  if (plain.properties !== undefined) {
    return Object.fromEntries(
      Object.entries(plain.properties).map(([name, property]) => [name, fill(property, count, idOf)]),
    );
  }
  if (plain.patternProperties !== undefined) {
    return Object.fromEntries(
      awkward.map((text) => [`${text}${count()}`, count() % 9 === 0 ? '' : `${count()}${text}`]),
    );
  }
  if (plain.enum !== undefined) return plain.enum[index % plain.enum.length];
  if (plain.type === 'boolean') return index % 2 === 0;
  if (plain.type === 'integer' || plain.type === 'number') return index;
  const day = `2026-03-${String((index % 28) + 1).padStart(2, '0')}`;
  switch (plain.format) {
    case 'date':
      return day;
    case 'date-time':
      return `${day}T09:30:00.000Z`;
    case 'duration':
      return `P${index}D`;
    case 'country':
      return index % 2 === 0 ? 'FR' : 'US';
    case 'web-address':
      return `https://example.com/${index}?a=[1];b=2`;
    case 'email':
      return `a+${index}@example.com`;
    case 'uuid':
      return newId();
  }
  if (plain.pattern !== undefined) return `key-${index}`;
  const text = awkward[index % awkward.length]!;
  return index % 3 === 0 ? `${text}${index}` : text;
}

/** Two or more resources of each type and some entries, all members filled. */
export function filledRegister(entries = 60, role: Role = 'controller'): Register {
  let counter = 0;
  const count = () => ++counter;
  const lengths: Partial<Record<ResourceType, number>> = {
    [entryType[role]]: entries,
    processorClient: role === 'processor' ? 3 * entries : 5,
  };
  const each = new Map(resourceTypes.map((type) => [type, Array.from({ length: lengths[type] ?? 5 }, newId)]));
  const idOf = (type: ResourceType, index: number) => each.get(type)![index % each.get(type)!.length]!;
  const register: Register = { controllers: [], blocks: {}, entries: [] };
  for (const type of resourceTypes) {
    const definition = definitionOf(type);
    const { name, ...common } = commonProperties;
    const named = definition.unnamed === true ? common : { ...common, name };
    const schema = { ...named, ...definition.properties, ...definition.managed } as Record<string, Schema>;
    for (const [index, id] of each.get(type)!.entries()) {
      const body = fill({ properties: schema }, count, idOf) as Content;
      body.reference = `${type}.${index}_-`;
      if (type === 'controller') body.registerKept = index < 2;
      // Of the statements of a notice some are carried by a field, some are not.
      if (type === 'notice') delete (body.statements as Content[])[1]!.about;
      if (type === 'processorActivity') body.processorId = idOf('controller', 0);
      if (type === 'processorClient') {
        // Each pair of activity and controller once, and nobody is a client of its own.
        body.processorActivityId = idOf('processorActivity', index);
        body.controllerId = idOf('controller', 1 + Math.floor(index / each.get('processorActivity')!.length));
      }
      const content = approved(definition, body, (_, key) => key);
      const managed = Object.keys(definition.managed ?? {}).map((member) => [member, body[member]] as const);
      put(register, type, { ...content, ...Object.fromEntries(managed), id }, role);
    }
  }
  return register;
}
