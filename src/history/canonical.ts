/**
 * Canonical JSON after RFC 8785 (JSON Canonicalization Scheme): one text for one value, so that whoever
 * hashes the same content gets the same hash.
 */

/**
 * A value that has no canonical form. `pointer` (RFC 6901) says where it stands; it is kept out of the
 * message because keys come from whoever sent the content.
 */
export class CanonicalizationError extends TypeError {
  override readonly name = 'CanonicalizationError';
  pointer = '';
}

/** Levels of nesting that are accepted. Deeper input is refused in words instead of exhausting the stack. */
export const MAX_DEPTH = 1000;

/**
 * The canonical text of a JSON value (RFC 8785, section 3.2): no white space, members sorted by the UTF-16
 * code units of their names, numbers and strings as ECMAScript prints them.
 *
 * Members whose value is `undefined` are left out, as absent is not null. Everything else that JSON cannot
 * carry is refused rather than altered.
 *
 * @param value null, boolean, number, string, array or plain object of these
 * @throws CanonicalizationError for `undefined` (at the top or in an array), NaN, infinities, lone surrogates in
 *   strings or names, bigints, symbols, functions, objects with a class, and nesting deeper than {@link MAX_DEPTH}
 */
export function canonicalize(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new CanonicalizationError('NaN and infinities have no JSON form');
      // Section 3.2.2.3 takes ECMAScript's Number::toString, which also prints -0 as 0.
      return `${value}`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      // The bound also ends a value that contains itself.
      if (depth >= MAX_DEPTH) throw new CanonicalizationError(`Nested deeper than ${MAX_DEPTH} levels`);
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
    default:
      throw new CanonicalizationError(`A value of type ${typeof value} has no JSON form`);
  }
}

/** Up to so many names are sorted by insertion. */
const FEW = 32;

/** Text that stands in JSON as it is: no quote, backslash, control character or surrogate. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function writeString(text: string): string {
  // Nearly all text is plain; calling JSON.stringify for each piece of it takes most of the time.
  if (PLAIN.test(text)) return `"${text}"`;
  // JSON.stringify would write a lone surrogate as an escape, which section 3.2.2.2 forbids.
  if (!text.isWellFormed()) throw new CanonicalizationError('A lone surrogate has no UTF-8 form');
  return JSON.stringify(text);
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = '';
  let index = 0;
  try {
    for (; index < items.length; index++) {
      if (index > 0) text += ',';
      text += write(items[index], depth);
    }
  } catch (error) {
    throw located(error, String(index));
  }
  return `[${text}]`;
}

function writeObject(object: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new CanonicalizationError('An object with a class of its own has no single JSON form');
  }
  const names = sortedNames(object);
  let text = '';
  let current = '';
  try {
    for (const name of names) {
      const member = (object as Record<string, unknown>)[name];
      if (member === undefined) continue;
      current = name;
      if (text !== '') text += ',';
      text += `${writeString(name)}:${write(member, depth)}`;
    }
  } catch (error) {
    throw located(error, current);
  }
  return `{${text}}`;
}

/** Names in the order of section 3.2.3: both `>` and sort() without a function compare UTF-16 code units. */
function sortedNames(object: object): string[] {
  const names = Object.keys(object);
  if (names.length > FEW) return names.sort();
  // sort() costs more than all the rest for the few names that an object mostly has.
  for (let from = 1; from < names.length; from++) {
    const name = names[from]!;
    let to = from;
    for (; to > 0 && names[to - 1]! > name; to--) names[to] = names[to - 1]!;
    names[to] = name;
  }
  return names;
}

function located(error: unknown, step: string): unknown {
  if (error instanceof CanonicalizationError) {
    error.pointer = `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}${error.pointer}`;
  }
  return error;
}
