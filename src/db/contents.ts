/**
 * Contents of versions for lists. A content never changes, so what was read once is kept, within a bound; who may see it
 * is asked of the database each time, by the query for the keys.
 */
import type { Pool } from './connection.ts';

/** A version of a resource of the type that is listed. */
export interface VersionKey {
  readonly id: string;
  readonly version: number;
}

/** How many bytes of contents one answer holds at most; one content at least. */
export const pageBytes = 8 * 1024 * 1024;
const keptCharacters = 64 * 1024 * 1024;
/** Larger ones are rare, and would drive out many small ones. */
const keptAtMost = 64 * 1024;

/** Least recently used contents go first. */
class Kept {
  readonly #contents = new Map<string, string>();
  #characters = 0;

  get(key: string): string | undefined {
    const content = this.#contents.get(key);
    if (content === undefined) return undefined;
    // The map's order is the order of use.
    this.#contents.delete(key);
    this.#contents.set(key, content);
    return content;
  }

  set(key: string, content: string): void {
    if (content.length > keptAtMost || this.#contents.has(key)) return;
    this.#contents.set(key, content);
    this.#characters += content.length;
    for (const [oldest, { length }] of this.#contents) {
      if (this.#characters <= keptCharacters) break;
      this.#contents.delete(oldest);
      this.#characters -= length;
    }
  }
}

const keptBy = new WeakMap<Pool, Kept>();

/** Canonical contents in the order of the keys, as many as an answer may hold. */
export async function readVersions(
  pool: Pool,
  tenant: string,
  type: string,
  keys: readonly VersionKey[],
): Promise<string[]> {
  let kept = keptBy.get(pool);
  if (kept === undefined) {
    kept = new Kept();
    keptBy.set(pool, kept);
  }
  const name = ({ id, version }: VersionKey) => `${tenant} ${id} ${version}`;
  const known = keys.map((key) => kept.get(name(key)));
  const missing = keys.filter((_, i) => known[i] === undefined);
  const read =
    missing.length === 0
      ? []
      : await pool.query<{ content: string }>(
          'select content from read_versions($1, $2, $3::uuid[], $4::integer[], $5)',
          [tenant, type, missing.map(({ id }) => id), missing.map(({ version }) => version), pageBytes],
          { readOnly: true },
        );
  const contents: string[] = [];
  let taken = 0;
  let bytes = 0;
  for (const [i, key] of keys.entries()) {
    let content = known[i];
    if (content === undefined) {
      content = read[taken++]?.content;
      if (content === undefined) break;
      kept.set(name(key), content);
    }
    if (bytes > 0 && bytes + content.length > pageBytes) break;
    bytes += content.length;
    contents.push(content);
  }
  return contents;
}
