/** The one list of the formats that a register comes in. */
import type { Part } from '../register/document.ts';
import { csvOf } from './csv.ts';
import { jsonOf } from './json.ts';
import { ndjsonOf } from './ndjson.ts';

export interface Format {
  /** File name extension, and the last part of the path. */
  readonly extension: string;
  readonly mediaType: string;
  readonly description: string;
  /** Turns the parts of the document into the file, in pieces. */
  render(parts: AsyncIterable<Part>): AsyncIterable<string>;
}

export const json: Format = {
  extension: 'json',
  mediaType: 'application/json',
  description: 'The register document: canonical JSON (RFC 8785), the same bytes for the same moment and scope.',
  render: jsonOf,
};

export const formats: readonly Format[] = [
  json,
  {
    extension: 'ndjson',
    mediaType: 'application/x-ndjson',
    description:
      'A line for what it is about, each building block, controller and entry, and the digest of the document.',
    render: ndjsonOf,
  },
  {
    extension: 'csv',
    mediaType: 'text/csv',
    description:
      'A row for each activity: columns in the order of Article 30(1), or 30(2) for the role `processor`, then all else that the activity and the building blocks that it reaches say. What no cell of a spreadsheet holds (32,767 characters, 253 line ends), such as a thousand clients, goes on in rows below, with `#2`, `#3`, … after the reference. An apostrophe stands before a cell that a spreadsheet would take for a formula: one that begins, behind blanks and invisible signs too, with `=`, `+`, `-` or `@` (full-width ones too), with a control character or a line end; and before one that begins with an apostrophe. A reader takes it away. The last row names sequence and digest.',
    render: csvOf,
  },
];
