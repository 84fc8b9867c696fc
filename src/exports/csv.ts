/**
 * The register as CSV, RFC 4180: a row of headings, a row for each activity, and a last row `#register` that names the
 * sequence and the digest of the JSON document that the table was made of.
 *
 * What a cell cannot hold goes on in rows below, so that a spreadsheet drops nothing, be it the thousandth client of a
 * processor: such a row has the reference of the activity with `#2`, `#3`, … after it, its name, and in the cells that go
 * on the next lines; its other cells are empty and say nothing.
 *
 * UTF-8 with a byte order mark: without one, Excel reads the file in the code page of the machine and spoils every
 * letter that is not ASCII. Readers of CSV know the mark or have an option for it.
 */
import type { Content } from '../article30/definition.ts';
import type { RegisterMoment, RegisterScope } from '../article30/register.ts';
import type { Integrity, Part } from '../register/document.ts';
import { neutralised, writeCell } from './cell.ts';
import { type Column, cellsOf, NamedBlocks } from './column.ts';
import { columns } from './columns.ts';

const byteOrderMark = '\ufeff';

/** First cell of the last row; no reference can be so. */
export const registerMark = '#register';

/** Stands between the reference of an activity and the number of a row that continues it; in no reference. */
export const continuationMark = '#';

type About = RegisterMoment & { readonly scope: RegisterScope };

/** A piece of the text is given out when it is so long, in characters, and at the end of each page of entries. */
const pieceLength = 4 * 1024 * 1024;

/**
 * The rows, those of a page of entries at a time. A table without the last row is not whole: the document it was made of
 * broke off.
 */
export async function* csvOf(parts: AsyncIterable<Part>): AsyncGenerator<string> {
  const blocks = new NamedBlocks();
  let about: About | undefined;
  let shown: readonly Column[] = [];
  for await (const part of parts) {
    switch (part.kind) {
      case 'about':
        about = JSON.parse(part.about) as About;
        shown = columns[about.scope.role];
        yield byteOrderMark + record(shown.map(({ heading }) => heading));
        break;
      case 'blocks':
        for (const content of part.contents) blocks.add(part.type, content);
        break;
      case 'controllers':
        for (const content of part.contents) blocks.add('controller', content);
        break;
      case 'entries':
        yield* rowsOf(part.contents, shown, blocks);
        break;
      case 'integrity':
        yield record(lastRow(about!, part.integrity, shown.length));
        break;
    }
  }
}

function* rowsOf(contents: readonly string[], shown: readonly Column[], blocks: NamedBlocks): Generator<string> {
  let piece = '';
  for (const content of contents) {
    for (const cells of rowsOfEntry(JSON.parse(content) as Content, shown, blocks)) piece += record(cells);
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** The row of an entry, and those that continue it. */
function* rowsOfEntry(entry: Content, shown: readonly Column[], blocks: NamedBlocks): Generator<string[]> {
  const cells = shown.map((column) => cellsOf(column, entry, blocks));
  const count = Math.max(...cells.map(({ length }) => length));
  yield cells.map(([first = '']) => first);
  for (let row = 1; row < count; row++) {
    yield shown.map(({ key }, index) => {
      if (key === 'reference') return `${cells[index]![0]}${continuationMark}${row + 1}`;
      return (key === 'name' ? cells[index]![0] : cells[index]![row]) ?? '';
    });
  }
}

/** Facts of the document in cells `key=value`, filled up to the width of the table. */
function lastRow(
  { sequence, recordedAt, tenant, rootHash, scope }: About,
  { digest, entries }: Integrity,
  width: number,
): string[] {
  const { role, include, controllerId } = scope;
  const facts = { sequence, digest, recordedAt, entries, tenant, rootHash, role, include, controllerId };
  const cells = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => writeCell([{ parts: [{ key, value: String(value) }] }]));
  return Array.from({ length: width }, (_, index) => (index === 0 ? registerMark : (cells[index - 1] ?? '')));
}

/** One record, RFC 4180, section 2. */
function record(cells: readonly string[]): string {
  return `${cells.map((cell) => quoted(neutralised(cell))).join(',')}\r\n`;
}

/** Quoted too where a reader might trim the cell, or take another character than the comma for the separator. */
function quoted(cell: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
