/** The log entry as it is hashed into the tenant's Merkle tree. */
import { createHash } from 'node:crypto';
import { canonicalize } from './canonical.ts';
import { leafHash } from './tree.ts';

/** The members of an entry that make its leaf. The content is covered through its hash, so that it can be erased. */
export interface LeafEntry {
  /** Random id of who acted; the mapping to a person is kept, and can be forgotten, elsewhere. */
  readonly actor: string;
  /** Whether the register shows this content from now on. */
  readonly approved: boolean;
  /** See {@link contentHash}: 64 lower-case hex digits. */
  readonly contentHash: string;
  /** What was done, a word in lower case: `create`, `approve` … */
  readonly operation: string;
  /** UTC with exactly three decimals: `2026-03-03T09:15:00.000Z`. */
  readonly recordedAt: string;
  readonly resourceId: string;
  readonly resourceType: string;
  /** From 1, without gaps within the tenant. The leaf's index is one less. */
  readonly sequence: number;
  readonly tenant: string;
  /** Version of the resource, from 1. */
  readonly version: number;
}

/** Length of an entry's nonce in bytes. */
export const NONCE_BYTES = 32;

const HASH_HEX = /^[0-9a-f]{64}$/;
const OPERATION = /^[a-z]+$/;
const RECORDED_AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * The text that a content hash covers: canonical JSON of `{content, reason}`, without `reason` when there is none.
 * @param content the resource after the change; null after a deletion
 * @throws CanonicalizationError when the content has no canonical form
 * @throws TypeError when no content is given at all
 */
export function contentText(content: unknown, reason?: string): string {
  if (content === undefined) throw new TypeError('content is required; after a deletion it is null');
  return canonicalize({ content, reason });
}

/**
 * SHA-256(nonce ‖ UTF-8 of the text), in lower-case hex. The nonce keeps an erased content from being guessed.
 * @param nonce 32 random raw bytes of this entry alone
 * @param text of {@link contentText}, or the same text as it was stored
 */
export function contentHash(nonce: Uint8Array, text: string): string {
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`A nonce must be ${NONCE_BYTES} bytes`);
  return createHash('sha256').update(nonce).update(text).digest('hex');
}

/**
 * Leaf data: canonical JSON of exactly the members of {@link LeafEntry}; others are left out.
 * @throws TypeError when a member has not the one form that verifiers expect
 */
export function leafData(entry: LeafEntry): string {
  const { actor, approved, contentHash, operation, recordedAt, resourceId, resourceType, sequence, tenant, version } =
    entry;
  if (!HASH_HEX.test(contentHash)) throw new TypeError('contentHash must be 64 lower-case hex digits');
  if (!RECORDED_AT.test(recordedAt)) throw new TypeError('recordedAt must be UTC with three decimals and Z');
  if (!OPERATION.test(operation)) throw new TypeError('operation must be a word in lower case');
  if (!isPositive(sequence) || !isPositive(version)) throw new TypeError('sequence and version count from 1');
  for (const text of [actor, resourceId, resourceType, tenant]) {
    if (typeof text !== 'string' || text === '') throw new TypeError('actor, resource and tenant must be named');
  }
  if (typeof approved !== 'boolean') throw new TypeError('approved must be true or false');
  return canonicalize({
    actor,
    approved,
    contentHash,
    operation,
    recordedAt,
    resourceId,
    resourceType,
    sequence,
    tenant,
    version,
  });
}

/** SHA-256(0x00 ‖ leaf data), in lower-case hex (RFC 6962, section 2.1). */
export function entryLeafHash(entry: LeafEntry): string {
  return leafHash(leafData(entry)).toString('hex');
}

function isPositive(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 1;
}
