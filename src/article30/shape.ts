/**
 * What a definition's schema says of where a content names other resources and where its lines stand, compiled once,
 * and the walks over a content that follow from it.
 */
import type { TProperties, TSchema } from 'typebox';
import { type Content, isObject, type ResourceDefinition, resolved } from './definition.ts';
import type { ResourceType } from './resource-types.ts';

/** One key that a content names. */
export interface NamedKey {
  /** JSON pointer into the content. */
  pointer: string;
  /** Path without indices, e.g. `purposes.legalBasisIds`. */
  field: string;
  type: ResourceType;
  key: string;
}

interface Shape {
  /** A key stands here, or a list of keys. */
  readonly reference?: ResourceType;
  readonly items?: Shape;
  readonly line?: boolean;
  readonly members?: ReadonlyMap<string, Shape>;
}

const shapes = new WeakMap<object, Shape>();

function shapeOf(definition: ResourceDefinition): Shape {
  let shape = shapes.get(definition);
  if (shape === undefined) {
    shape = { members: shapesOf({ ...definition.properties, ...definition.managed }) };
    shapes.set(definition, shape);
  }
  return shape;
}

function shapesOf(properties: TProperties): ReadonlyMap<string, Shape> {
  const members = new Map<string, Shape>();
  for (const [name, property] of Object.entries(properties)) {
    const shape = compile(property);
    if (shape !== undefined) members.set(name, shape);
  }
  return members;
}

function compile(schema: TSchema): Shape | undefined {
  const plain = resolved(schema) as TSchema & {
    'x-reference'?: ResourceType;
    'x-line'?: boolean;
    items?: TSchema;
    properties?: TProperties;
  };
  if (plain['x-reference'] !== undefined) return { reference: plain['x-reference'] };
  if (plain.items !== undefined) {
    const items = compile(plain.items);
    return items === undefined ? undefined : { items };
  }
  if (plain.properties === undefined) return undefined;
  const members = shapesOf(plain.properties);
  if (members.size === 0 && plain['x-line'] !== true) return undefined;
  return { members, line: plain['x-line'] === true };
}

/** Every key that the content names, in the order of the definition. */
export function namedKeys(definition: ResourceDefinition, content: Content): NamedKey[] {
  const found: NamedKey[] = [];
  rewrite(shapeOf(definition), content, '', '', (named) => {
    found.push(named);
    return named.key;
  });
  return found;
}

/** The content with each key that it names replaced by what `replace` gives for it. */
export function withKeys(
  definition: ResourceDefinition,
  content: Content,
  replace: (named: NamedKey) => string,
): Content {
  return rewrite(shapeOf(definition), content, '', '', replace) as Content;
}

function rewrite(
  shape: Shape,
  value: unknown,
  pointer: string,
  field: string,
  replace: (named: NamedKey) => string,
): unknown {
  if (shape.reference !== undefined) {
    return typeof value === 'string' ? replace({ pointer, field, type: shape.reference, key: value }) : value;
  }
  if (shape.items !== undefined) {
    const items = shape.items;
    return Array.isArray(value)
      ? value.map((item, index) => rewrite(items, item, `${pointer}/${index}`, field, replace))
      : value;
  }
  if (value === null || typeof value !== 'object' || shape.members === undefined) return value;
  const result: Content = { ...(value as Content) };
  for (const [name, member] of shape.members) {
    if (result[name] === undefined) continue;
    result[name] = rewrite(
      member,
      result[name],
      `${pointer}/${name}`,
      field === '' ? name : `${field}.${name}`,
      replace,
    );
  }
  return result;
}

/**
 * The content with a `lineId` on each of its lines. A line sent without one takes that of the stored line that names the
 * same resources, else of the stored line at the same position, else a new one: so sending the same again changes
 * nothing. `given` holds ids, not `ref:` keys.
 */
export function withLineIds(
  definition: ResourceDefinition,
  given: Content,
  stored: Content | undefined,
  newId: () => string,
): Content {
  const result: Content = { ...given };
  for (const [name, shape] of shapeOf(definition).members ?? []) {
    const line = shape.items;
    if (line?.line !== true || !Array.isArray(result[name])) continue;
    result[name] = identified(line, result[name] as Content[], (stored?.[name] as Content[] | undefined) ?? [], newId);
  }
  return result;
}

function identified(
  shape: Shape,
  lines: readonly Content[],
  stored: readonly Content[],
  newId: () => string,
): Content[] {
  const taken = new Set<unknown>(lines.map((line) => line.lineId).filter((id) => id !== undefined));
  const signatures = stored.map((line) => signature(shape, line));
  const take = (line: Content | undefined): string | undefined => {
    if (line === undefined || taken.has(line.lineId)) return undefined;
    taken.add(line.lineId);
    return line.lineId as string;
  };
  // All lines that can be told by what they name are, before any is told by its place.
  const named = lines.map((line) => {
    if (line.lineId !== undefined) return line.lineId as string;
    const wanted = signature(shape, line);
    return take(stored.find((candidate, index) => signatures[index] === wanted && !taken.has(candidate.lineId)));
  });
  return lines.map((line, index) => ({ ...line, lineId: named[index] ?? take(stored[index]) ?? newId() }));
}

function signature(shape: Shape, line: Content): string {
  const keys: string[] = [];
  rewrite(shape, line, '', '', (named) => {
    keys.push(`${named.field}=${named.key}`);
    return named.key;
  });
  return keys.sort().join(' ');
}

/**
 * The content without members that say nothing: an empty list or object and an absent one are the same. Lines keep
 * their place even when they are empty.
 */
export function withoutEmpty<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutEmpty) as T;
  if (value === null || typeof value !== 'object') return value;
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const kept = withoutEmpty(member);
    if (kept === undefined || saysNothing(kept)) continue;
    result[name] = kept;
  }
  return result as T;
}

function saysNothing(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

/** JSON Merge Patch, RFC 7396. */
export function merged(value: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Content = isObject(value) ? { ...value } : {};
  for (const [name, member] of Object.entries(patch)) {
    if (member === null) delete result[name];
    else result[name] = merged(result[name], member);
  }
  return result;
}
