/**
 * The register document: the whole record of the controllers of a tenant at one sequence of its log, put together from
 * the stored canonical contents without parsing them.
 *
 * Its form is the canonical JSON (RFC 8785) of `{about, blocks, controllers, entries, integrity}`. Content only, no
 * finding, language or software version: the same tenant, scope and sequence give the same bytes today and in years.
 */
import { createHash } from 'node:crypto';
import type { RegisterMoment, RegisterScope, RegisterSource } from '../article30/register.ts';
import { canonicalize } from '../history/canonical.ts';

/** A part of the document, in its order. `json` is this part of the canonical text. */
export type Part =
  | { readonly kind: 'about'; readonly json: string; readonly about: string }
  | { readonly kind: 'blocks'; readonly json: string; readonly type: string; readonly contents: readonly string[] }
  | { readonly kind: 'controllers'; readonly json: string; readonly contents: readonly string[] }
  | { readonly kind: 'entries'; readonly json: string; readonly contents: readonly string[] }
  | { readonly kind: 'integrity'; readonly json: string; readonly integrity: Integrity };

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

  let opened: string | undefined;
  for await (const { type, blocks } of source.blocks(selection)) {
    const members = blocks.map(({ id, content }) => `"${id}":${content}`).join(',');
    const json =
      type === opened ? `,${members}` : `${opened === undefined ? '' : '},'}${JSON.stringify(type)}:{${members}`;
    opened = type;
    yield hashed({ kind: 'blocks', json, type, contents: blocks.map(({ content }) => content) });
  }

  const controllers = selection.controllers;
  yield hashed({
    kind: 'controllers',
    json: `${opened === undefined ? '' : '}'}},"controllers":[${controllers.join(',')}],"entries":[`,
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
  yield { kind: 'integrity', json: `],"integrity":${canonicalize(integrity)}}`, integrity };
}
