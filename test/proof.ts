/**
 * A verifier as an auditor would write it: recomputes the log, its tree and the digest of a register from answers alone.
 * It shares no code with the service.
 */
import { createHash } from 'node:crypto';

/** An item of `GET /v1/log`, as far as it is proved. */
export interface LogEntry {
  readonly sequence: number;
  readonly tenant: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly version: number;
  readonly operation: string;
  readonly approved: boolean;
  readonly actor: string;
  readonly recordedAt: string;
  readonly contentHash: string;
  readonly leafHash: string;
  readonly nonce?: string;
  readonly content?: Readonly<Record<string, unknown>> | null;
  readonly reason?: string;
  readonly redacted?: boolean;
}

/** JSON with sorted keys and without spaces, RFC 8785: JavaScript orders strings and writes numbers as that asks. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(',')}}`;
}

/**
 * What the entries hash to, from sequence 1 on: the leaf of each, and the root of the tree over all (RFC 6962), in
 * lower-case hex. The hash of a content is taken from nonce, content and reason where they are shown, else as it is said.
 */
export function recomputeLog(entries: readonly LogEntry[]): { leaves: string[]; root: string } {
  const leaves = entries.map(leafOf);
  return { leaves, root: rootOf(leaves) };
}

/** The root over leaf hashes by the definition of RFC 6962, section 2.1. */
export function rootOf(leaves: readonly string[]): string {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0] ?? '';
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return nodeOf(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** The complete subtrees above the leaves, by level and index: level 1 holds pairs of leaves. */
export function subtreesOf(leaves: readonly string[]): { level: number; index: number; hash: string }[] {
  const found: { level: number; index: number; hash: string }[] = [];
  let below = leaves;
  for (let level = 1; below.length > 1; level++) {
    const pairs = Math.floor(below.length / 2);
    below = Array.from({ length: pairs }, (_, index) => nodeOf(below[2 * index] ?? '', below[2 * index + 1] ?? ''));
    below.forEach((hash, index) => {
      found.push({ level, index, hash });
    });
  }
  return found;
}

/** The digest that a register document must state: over its canonical form without `integrity`. */
export function registerDigest(text: string): string {
  const { integrity: _, ...document } = JSON.parse(text) as Record<string, unknown>;
  return `sha-256:${sha256(Buffer.from(canonicalText(document)))}`;
}

function leafOf(entry: LogEntry): string {
  const { actor, approved, operation, recordedAt, resourceId, resourceType, sequence, tenant, version } = entry;
  const contentHash = entry.nonce === undefined ? entry.contentHash : contentHashOf(entry.nonce, entry);
  const named = { approved, operation, recordedAt, resourceId, resourceType, sequence, version };
  return sha256(Buffer.from([0]), Buffer.from(canonicalText({ ...named, actor, contentHash, tenant })));
}

function contentHashOf(nonce: string, { content, reason }: LogEntry): string {
  return sha256(Buffer.from(nonce, 'hex'), Buffer.from(canonicalText({ content, reason })));
}

function nodeOf(left: string, right: string): string {
  return sha256(Buffer.from([1]), Buffer.from(left, 'hex'), Buffer.from(right, 'hex'));
}

function sha256(...parts: readonly Buffer[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}
