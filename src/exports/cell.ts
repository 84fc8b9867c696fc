/**
 * The form of a table's cell that holds more than one text: written here and read back here, so that what a table shows
 * can be taken in again.
 *
 * - Each value stands on a line of its own.
 * - A line is `name [reference]; key=value; key=value [reference]; …`, of which anything may be missing.
 * - `\` before `;`, `[`, `]`, `=`, `\` or any other character makes it an ordinary one; a line feed within a text is
 *   `\n`, a carriage return `\r`, so that a tool that changes line ends changes no value.
 * - The empty cell says nothing: not stated. That there is none is said in words, {@link declaredWords}.
 */

/** One `key=value`. `value` is absent when only a reference is known. */
export interface CellPart {
  readonly key: string;
  readonly value?: string;
  /** The reference of the resource that `value` is the name of. */
  readonly reference?: string;
}

/** One value with what belongs to it. */
export interface CellValue {
  readonly name?: string;
  /** The reference of the resource that `name` is the name of. */
  readonly reference?: string;
  readonly parts: readonly CellPart[];
}

/** The statement that there is none, or none besides the values of the cell. */
export interface CellDeclaration {
  readonly declared: keyof typeof declaredWords;
}

export type CellLine = CellValue | CellDeclaration;

export const declaredWords = { none: 'none declared', noOthers: 'no others declared' } as const;

const escapable = /[\\;[\]=\n\r]/;

const declarations = new Map<string, CellDeclaration>(
  Object.entries(declaredWords).map(([declared, word]) => [word, { declared } as CellDeclaration]),
);

/** The text of a cell. A value that says nothing at all has no line. */
export function writeCell(lines: readonly CellLine[]): string {
  return lines
    .map(writeLine)
    .filter((line) => line !== '')
    .join('\n');
}

/**
 * What a cell holds in a spreadsheet: Excel takes 32,767 characters and 253 line ends, and drops what is beyond without
 * a word. One character is left for {@link neutralised}.
 */
export const cellLimits = { characters: 32_766, lines: 254 } as const;

/**
 * The texts of the cells that hold the lines together, each within the limits. A line that is too long for a cell of
 * its own goes on in the next one: under the same name and reference, and with the same `lineId`. None when there is
 * nothing to say.
 */
export function writeCells(lines: readonly CellLine[]): string[] {
  const cells: string[] = [];
  let length = 0;
  let cell: string[] = [];
  for (const text of lines.flatMap(fittingLines)) {
    if (cell.length === cellLimits.lines || (cell.length > 0 && length + 1 + text.length > cellLimits.characters)) {
      cells.push(cell.join('\n'));
      cell = [];
      length = 0;
    }
    length += text.length + (cell.length === 0 ? 0 : 1);
    cell.push(text);
  }
  return cell.length === 0 ? cells : [...cells, cell.join('\n')];
}

/** The text of a line, in as many lines as it takes; a single part fits, by the bounds of the definitions. */
function fittingLines(line: CellLine): string[] {
  const whole = writeLine(line);
  if (whole === '') return [];
  if (whole.length <= cellLimits.characters || 'declared' in line) return [whole];
  const { parts, ...label } = line;
  const told = parts.filter(({ key }) => key === 'lineId');
  const empty = writeLine({ ...label, parts: told }).length;
  const pieces: CellPart[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    if (part.key === 'lineId') continue;
    const more = writeLine({ parts: [part] }).length + '; '.length;
    if (length + more > cellLimits.characters) {
      pieces.push([]);
      length = empty;
    }
    pieces.at(-1)!.push(part);
    length += more;
  }
  return pieces.map((piece) => writeLine({ ...label, parts: [...piece, ...told] }));
}

function writeLine(line: CellLine): string {
  if ('declared' in line) return declaredWords[line.declared];
  let text = writeLabel(line.name, line.reference);
  for (const { key, value, reference } of line.parts) {
    text += `${text === '' && line.name === undefined ? '' : '; '}${escaped(key)}=${writeLabel(value, reference)}`;
  }
  // A name that happens to be one of the words stays a name, and one of blanks alone is no empty line.
  if (declarations.has(text)) return text.replace(' ', '\\ ');
  return text !== '' && text.trim() === '' ? `\\${text}` : text;
}

function writeLabel(name: string | undefined, reference: string | undefined): string {
  if (reference === undefined) return name === undefined ? '' : escaped(name);
  return name === undefined ? `[${escaped(reference)}]` : `${escaped(name)} [${escaped(reference)}]`;
}

function escaped(text: string): string {
  // Few texts have something to escape, and looking takes less time than replacing nothing.
  if (!escapable.test(text)) return text;
  return text.replace(new RegExp(escapable, 'g'), (character) =>
    character === '\n' ? '\\n' : character === '\r' ? '\\r' : `\\${character}`,
  );
}

/** A cell that is not of the form. The message names the line of the cell, from 1, and not what stands in it. */
export class CellSyntaxError extends SyntaxError {
  override readonly name = 'CellSyntaxError';
}

/**
 * The values of a cell, the inverse of {@link writeCell}. Takes what people write by hand as well: empty lines, other
 * line ends, a line end after `\`, an unescaped `=` in a value.
 *
 * @throws CellSyntaxError
 */
export function readCell(text: string): CellLine[] {
  return cut(text.replace(/\r\n?/g, '\n'), '\n').flatMap((line, index) =>
    line.trim() === '' ? [] : [declarations.get(line) ?? readLine(line, index + 1)],
  );
}

function readLine(line: string, number: number): CellValue {
  const [first = '', ...others] = cut(line, ';');
  const segments = others.map((segment) => (segment.startsWith(' ') ? segment.slice(1) : segment));
  const lead = keyEnd(first) === undefined ? readLabel(first, number) : undefined;
  if (lead === undefined) segments.unshift(first);
  const parts = segments
    .filter((segment) => segment !== '')
    .map((segment) => {
      const end = keyEnd(segment);
      if (end === undefined) throw new CellSyntaxError(`Line ${number}: after \`;\` stands no \`key=value\`.`);
      const { name: value, reference } = readLabel(segment.slice(end + 1), number);
      return {
        key: unescaped(segment.slice(0, end), number),
        // `key=` says that the value is empty, `key=[reference]` that none is known.
        ...(value !== undefined ? { value } : reference === undefined ? { value: '' } : {}),
        ...(reference === undefined ? {} : { reference }),
      };
    });
  // A line that begins with `;` has an empty name.
  return { ...(first === '' ? { name: '' } : lead), parts };
}

function readLabel(raw: string, number: number): { name?: string; reference?: string } {
  const [before = '', inside, ...more] = cut(raw, '[');
  if (inside === undefined) {
    if (cut(raw, ']').length > 1) throw new CellSyntaxError(`Line ${number}: a \`]\` without \`[\`.`);
    return before === '' ? {} : { name: unescaped(before, number) };
  }
  const [reference = '', after, ...rest] = cut(inside.trimEnd(), ']');
  if (after !== '' || rest.length > 0 || more.length > 0 || cut(before, ']').length > 1) {
    throw new CellSyntaxError(
      `Line ${number}: \`[reference]\` stands once, at the end; other brackets need a \`\\\` before them.`,
    );
  }
  return {
    ...(before === '' ? {} : { name: unescaped(before.replace(/ $/, ''), number) }),
    reference: unescaped(reference, number),
  };
}

/** Where the first `=` that is none of the text stands. */
function keyEnd(segment: string): number | undefined {
  const key = cut(segment, '=')[0]!;
  return key.length === segment.length ? undefined : key.length;
}

function unescaped(raw: string, number: number): string {
  return raw.replace(/\\(.?)/gs, (_, character: string) => {
    if (character === '') throw new CellSyntaxError(`Line ${number}: nothing stands after \`\\\`.`);
    return character === 'n' ? '\n' : character === 'r' ? '\r' : character;
  });
}

/** The pieces between the `at`s that have no `\` before them. */
function cut(text: string, at: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === at) {
      pieces.push(text.slice(start, index));
      start = index + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

/**
 * What a spreadsheet may take for a formula: `=`, `+`, `-` or `@`, full-width too, at the start of a cell or behind what
 * is not seen there (blanks, byte order mark, zero-width signs); and a cell that begins with a control character or a
 * line end. So the OWASP rule on CSV injection. Only the start of a cell counts: within a cell, after a line end too, no
 * spreadsheet begins a formula.
 */
const formula = String.raw`[\s\p{Cf}\p{Cc}]*[=+\-@＝＋－＠]|[\p{Cc}\u2028\u2029]`;
const dangerous = new RegExp(`^(?:${formula}|')`, 'u');
const neutral = new RegExp(`^'(?:${formula}|')`, 'u');

/** The cell with a `'` before it where a spreadsheet would take it for a formula, and where it begins with a `'`. */
export function neutralised(cell: string): string {
  return dangerous.test(cell) ? `'${cell}` : cell;
}

/** The inverse of {@link neutralised}. An apostrophe before anything else was written by hand, and stays. */
export function restored(cell: string): string {
  return neutral.test(cell) ? cell.slice(1) : cell;
}
