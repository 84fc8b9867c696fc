/**
 * The register document: the whole record of the controllers of a tenant at one sequence of its log, put together from
 * the stored canonical contents without parsing them.
 *
 * Its form is the canonical JSON (RFC 8785) of `{about, blocks, controllers, entries, integrity}`. Content only, no
 * finding, language or software version: the same tenant, scope and sequence give the same bytes today and in years.
 */
import { createHash } from 'node:crypto';
import type { Block, RegisterMoment, RegisterScope, RegisterSource, Selection } from '../article30/register.ts';
import { canonicalize } from '../history/canonical.ts';

/** A part of the document, in its order. `json` is this part of the canonical text. */
export type Part =
  | { readonly kind: 'about'; readonly json: string; readonly about: string }
  | { readonly kind: 'blocks'; readonly json: string; readonly type: string; readonly contents: readonly string[] }
  | { readonly kind: 'controllers'; readonly json: string; readonly contents: readonly string[] }
  | { readonly kind: 'entries'; readonly json: string; readonly contents: readonly string[] }
  | { readonly kind: 'integrity'; readonly json: string; readonly integrity: Integrity; readonly text: string };

export interface Integrity {
  /** `sha-256:` and the hash, in lower-case hex, of the canonical document without `integrity`. */
  readonly digest: string;
  /** The number of entries. */
  readonly entries: number;
}

/**
 * The document part by part, in one pass: hashed as it is given out, with no more than a page of contents in memory.
 */
export async function* composeRegister(
  source: RegisterSource,
  scope: RegisterScope,
  moment: RegisterMoment,
): AsyncGenerator<Part> {
  const hash = createHash('sha256');
  const hashed = <P extends Part>(part: P): P => {
    hash.update(part.json);
    return part;
  };

  const about = canonicalize({
    kind: 'register',
    tenant: moment.tenant,
    scope,
    sequence: moment.sequence,
    recordedAt: moment.recordedAt,
    rootHash: moment.rootHash,
  });
  yield hashed({ kind: 'about', json: `{"about":${about},"blocks":{`, about });

  const selection = await source.select(scope);

  const blocks = new BlockMembers();
  for await (const { type, blocks: page } of source.blocks(selection)) {
    yield hashed({ kind: 'blocks', json: blocks.add(type, page), type, contents: page.map(({ content }) => content) });
  }

  const controllers = selection.controllers;
  yield hashed({
    kind: 'controllers',
    json: `${blocks.end()}},"controllers":[${controllers.join(',')}],"entries":[`,
    contents: controllers,
  });

  let count = 0;
  for await (const contents of source.entries(selection)) {
    if (contents.length === 0) continue;
    const json = `${count === 0 ? '' : ','}${contents.join(',')}`;
    count += contents.length;
    yield hashed({ kind: 'entries', json, contents });
  }

  hash.update(']}');
  const integrity: Integrity = { digest: `sha-256:${hash.digest('hex')}`, entries: count };
  const text = canonicalize(integrity);
  yield { kind: 'integrity', json: `],"integrity":${text}}`, integrity, text };
}

/** The digest of a document that was read, as its `integrity` must have it. */
export function digestOf(document: Readonly<Record<string, unknown>>): string {
  const { integrity: _, ...content } = document;
  return `sha-256:${createHash('sha256').update(canonicalize(content)).digest('hex')}`;
}

/** One entry with the blocks that it reaches: the canonical JSON of `{blocks, entry}`. */
export async function composeEntry(source: RegisterSource, selection: Selection): Promise<string> {
  const members = new BlockMembers();
  let blocks = '';
  for await (const { type, blocks: page } of source.blocks(selection)) blocks += members.add(type, page);
  let entry = '';
  for await (const contents of source.entries(selection)) entry += contents.join();
  return `{"blocks":{${blocks}${members.end()}},"entry":${entry}}`;
}

/** Writes the members of `blocks`, `type: {id: content}`, page by page; types come one after another. */
class BlockMembers {
  #type: string | undefined;

  add(type: string, blocks: readonly Block[]): string {
    const members = blocks.map(({ id, content }) => `"${id}":${content}`).join(',');
    const json =
      type === this.#type
        ? `,${members}`
        : `${this.#type === undefined ? '' : '},'}${JSON.stringify(type)}:{${members}`;
    this.#type = type;
    return json;
  }

  end(): string {
    return this.#type === undefined ? '' : '}';
  }
}
