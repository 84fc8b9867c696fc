/**
 * The register as CSV, RFC 4180: a row of headings, a row for each activity, and a last row `#register` that names the
 * sequence and the digest of the JSON document that the table was made of.
 *
 * UTF-8 with a byte order mark: without one, Excel reads the file in the code page of the machine and spoils every
 * letter that is not ASCII. Readers of CSV know the mark or have an option for it.
 */
import type { Content } from '../article30/definition.ts';
import type { RegisterMoment, RegisterScope } from '../article30/register.ts';
import type { Integrity, Part } from '../register/document.ts';
import { neutralised, writeCell } from './cell.ts';
import { cellOf, columns, NamedBlocks } from './columns.ts';

const byteOrderMark = '\ufeff';

/** First cell of the last row; no reference can be so. */
export const registerMark = '#register';

type About = RegisterMoment & { readonly scope: RegisterScope };

/**
 * The rows, those of a page of entries at a time. A table without the last row is not whole: the document it was made of
 * broke off.
 */
export async function* csvOf(parts: AsyncIterable<Part>): AsyncGenerator<string> {
  const blocks = new NamedBlocks();
  let about: About | undefined;
  for await (const part of parts) {
    switch (part.kind) {
      case 'about':
        about = JSON.parse(part.about) as About;
        yield byteOrderMark + record(columns.map(({ heading }) => heading));
        break;
      case 'blocks':
        for (const content of part.contents) blocks.add(part.type, content);
        break;
      case 'controllers':
        for (const content of part.contents) blocks.add('controller', content);
        break;
      case 'entries':
        yield part.contents.map((content) => row(JSON.parse(content) as Content, blocks)).join('');
        break;
      case 'integrity':
        yield record(lastRow(about!, part.integrity));
        break;
    }
  }
}

function row(entry: Content, blocks: NamedBlocks): string {
  return record(columns.map((column) => cellOf(column, entry, blocks)));
}

/** Facts of the document in cells `key=value`, filled up to the width of the table. */
function lastRow({ sequence, recordedAt, tenant, rootHash, scope }: About, { digest, entries }: Integrity): string[] {
  const { role, include, controllerId } = scope;
  const facts = { sequence, digest, recordedAt, entries, tenant, rootHash, role, include, controllerId };
  const cells = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => writeCell([{ parts: [{ key, value: String(value) }] }]));
  return Array.from(columns, (_, index) => (index === 0 ? registerMark : (cells[index - 1] ?? '')));
}

/** One record, RFC 4180, section 2. */
function record(cells: readonly string[]): string {
  return `${cells.map((cell) => quoted(neutralised(cell))).join(',')}\r\n`;
}

/** Quoted too where a reader might trim the cell, or take another character than the comma for the separator. */
function quoted(cell: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
