/**
 * Merkle tree of RFC 6962, section 2.1 (the same tree as RFC 9162, section 2.1): hashing, proofs, verification.
 *
 * Storage is the caller's. It keeps the hashes of *complete subtrees*: the subtree at `(level, index)` covers
 * the `2^level` leaves from leaf `index · 2^level` on, level 0 being the leaves. Complete subtrees never change
 * once they exist, so the tree of any past size can be read from them.
 *
 * Sizes and indexes are non-negative safe integers; hashes are 32 raw bytes.
 */
import { createHash } from 'node:crypto';

/** Place of a complete subtree. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** A complete subtree with its hash, as it is stored. */
export interface HashedSubtree extends Subtree {
  readonly hash: Buffer;
}

/** Gives the stored hash of a complete subtree; `undefined` when it is not there, which is an error. */
export type SubtreeLookup = (level: number, index: number) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** A run of leaves `[begin, end)` that is one node of some tree: aligned, complete or at the right edge. */
interface LeafRange {
  readonly begin: number;
  readonly end: number;
}

const HASH_BYTES = 32;
const LEAF_PREFIX = Buffer.of(0x00);
const NODE_PREFIX = Buffer.of(0x01);

/** Hash of a leaf: SHA-256(0x00 ‖ data). Text is taken as UTF-8. */
export function leafHash(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(LEAF_PREFIX).update(data).digest();
}

/** Hash of an inner node: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(NODE_PREFIX).update(left).update(right).digest();
}

/** Hash of the tree without leaves: SHA-256 of nothing. */
export function emptyRootHash(): Buffer {
  return createHash('sha256').digest();
}

/** Root hash of a tree of which all leaf hashes are at hand, oldest first. */
export function rootFromLeafHashes(leafHashes: Iterable<Uint8Array>): Buffer {
  const open: { level: number; hash: Uint8Array }[] = [];
  for (const leaf of leafHashes) {
    let node = { level: 0, hash: checkedHash(leaf) };
    for (let left = open.at(-1); left?.level === node.level; left = open.at(-1)) {
      node = { level: node.level + 1, hash: nodeHash(left.hash, node.hash) };
      open.pop();
    }
    open.push(node);
  }
  return foldFromRight(open.map(({ hash }) => hash));
}

/** The complete subtrees that make up the tree of `size` leaves, from left to right: one for each bit set in `size`. */
export function subtreesForRoot(size: number): Subtree[] {
  checkCount(size, 'size');
  return completeSubtrees({ begin: 0, end: size });
}

/** The complete subtrees that {@link inclusionProof} reads. */
export function subtreesForInclusion(index: number, size: number): Subtree[] {
  return inclusionRanges(index, size).flatMap(completeSubtrees);
}

/** The complete subtrees that {@link consistencyProof} reads. */
export function subtreesForConsistency(from: number, to: number): Subtree[] {
  return consistencyRanges(from, to).flatMap(completeSubtrees);
}

/** The complete subtrees, already stored, that {@link appendLeaf} reads for the leaf at `index`. */
export function subtreesForAppend(index: number): Subtree[] {
  return subtreesCompletedBy(index)
    .slice(0, -1)
    .map(({ level, index: right }) => ({ level, index: right - 1 }));
}

/** The places of the subtrees that are complete once the leaf at `index` is there: the leaf itself, then upward. */
export function subtreesCompletedBy(index: number): Subtree[] {
  checkCount(index, 'index');
  const completed = [{ level: 0, index }];
  for (let level = 1, rest = index; isOdd(rest); level++) {
    rest = half(rest);
    completed.push({ level, index: rest });
  }
  return completed;
}

/**
 * Appends a leaf to the tree of `index` leaves.
 * @returns every subtree that becomes complete, leaf first: exactly what has to be stored
 */
export async function appendLeaf(index: number, leaf: Uint8Array, lookup: SubtreeLookup): Promise<HashedSubtree[]> {
  let hash: Buffer = Buffer.from(checkedHash(leaf));
  const stored: HashedSubtree[] = [];
  for (const place of subtreesCompletedBy(index)) {
    if (place.level > 0) hash = nodeHash(await fetchHash(place.level - 1, place.index * 2, lookup), hash);
    stored.push({ ...place, hash });
  }
  return stored;
}

/** Root hash of the tree of the first `size` leaves, from stored subtrees (see {@link subtreesForRoot}). */
export async function rootFromSubtrees(size: number, lookup: SubtreeLookup): Promise<Buffer> {
  checkCount(size, 'size');
  return await rangeHash({ begin: 0, end: size }, lookup);
}

/**
 * Inclusion proof: PATH(index, D[size]) of RFC 6962, section 2.1.1.
 * @throws RangeError when the tree of `size` leaves has no leaf at `index`
 */
export async function inclusionProof(index: number, size: number, lookup: SubtreeLookup): Promise<Buffer[]> {
  return await rangeHashes(inclusionRanges(index, size), lookup);
}

/**
 * Consistency proof: PROOF(from, D[to]) of RFC 6962, section 2.1.2. It is empty when `from` is 0 or equals `to`.
 * @throws RangeError when `from` is beyond `to`
 */
export async function consistencyProof(from: number, to: number, lookup: SubtreeLookup): Promise<Buffer[]> {
  return await rangeHashes(consistencyRanges(from, to), lookup);
}

/** What an inclusion proof claims. All of it comes from outside. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly rootHash: Uint8Array;
}

/** Whether the leaf is in the tree: RFC 9162, section 2.1.3.2. Malformed claims are false, never an exception. */
export function verifyInclusion({ index, size, leafHash: leaf, path, rootHash }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (![leaf, rootHash, ...path].every(isHash)) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameHash(hash, rootHash);
}

/** What a consistency proof claims: the tree of size `to` begins with the tree of size `from`. */
export interface ConsistencyClaim {
  readonly from: number;
  readonly to: number;
  readonly path: readonly Uint8Array[];
  readonly fromRootHash: Uint8Array;
  readonly toRootHash: Uint8Array;
}

/**
 * Whether the later tree only appended to the earlier: RFC 9162, section 2.1.4.2. The empty tree, which the RFC
 * leaves out, is the beginning of every tree. Malformed claims are false, never an exception.
 */
export function verifyConsistency({ from, to, path, fromRootHash, toRootHash }: ConsistencyClaim): boolean {
  if (!isCount(from) || !isCount(to) || from > to) return false;
  if (![fromRootHash, toRootHash, ...path].every(isHash)) return false;
  if (from === to && from > 0) return path.length === 0 && sameHash(fromRootHash, toRootHash);
  if (from === 0) {
    const empty = emptyRootHash();
    return path.length === 0 && sameHash(fromRootHash, empty) && (to > 0 || sameHash(toRootHash, empty));
  }
  if (path.length === 0) return false;

  // A `from` that is a power of two is a single node of the later tree, which the proof leaves out.
  const [first, ...rest] = greatestPowerOfTwo(from) === from ? [fromRootHash, ...path] : path;
  let fn = from - 1;
  let sn = to - 1;
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  let fromHash = first as Uint8Array;
  let toHash = fromHash;
  for (const sibling of rest) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      fromHash = nodeHash(sibling, fromHash);
      toHash = nodeHash(sibling, toHash);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      toHash = nodeHash(toHash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameHash(fromHash, fromRootHash) && sameHash(toHash, toRootHash);
}

/** The siblings on the way from the leaf up to the root, lowest first. */
function inclusionRanges(index: number, size: number): LeafRange[] {
  checkCount(index, 'index');
  checkCount(size, 'size');
  if (index >= size) throw new RangeError(`A tree of ${size} leaves has no leaf ${index}`);
  const siblings: LeafRange[] = [];
  for (let begin = 0, end = size; end - begin > 1; ) {
    const middle = begin + splitPoint(end - begin);
    if (index < middle) {
      siblings.push({ begin: middle, end });
      end = middle;
    } else {
      siblings.push({ begin, end: middle });
      begin = middle;
    }
  }
  return siblings.reverse();
}

/** SUBPROOF of RFC 6962 unrolled: downward to the node where the earlier tree ends, collecting the other sides. */
function consistencyRanges(from: number, to: number): LeafRange[] {
  checkCount(from, 'from');
  checkCount(to, 'to');
  if (from > to) throw new RangeError(`The tree of ${from} leaves is later than the tree of ${to}`);
  if (from === 0) return [];
  const others: LeafRange[] = [];
  let begin = 0;
  let end = to;
  while (from < end) {
    const middle = begin + splitPoint(end - begin);
    if (from <= middle) {
      others.push({ begin: middle, end });
      end = middle;
    } else {
      others.push({ begin, end: middle });
      begin = middle;
    }
  }
  // From the leftmost edge it is the earlier tree itself, whose hash the verifier has.
  if (begin > 0) others.push({ begin, end });
  return others.reverse();
}

function completeSubtrees({ begin, end }: LeafRange): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let at = begin; at < end; ) {
    const leaves = greatestPowerOfTwo(end - at);
    subtrees.push({ level: Math.log2(leaves), index: at / leaves });
    at += leaves;
  }
  return subtrees;
}

async function rangeHashes(ranges: readonly LeafRange[], lookup: SubtreeLookup): Promise<Buffer[]> {
  const hashes: Buffer[] = [];
  for (const range of ranges) hashes.push(await rangeHash(range, lookup));
  return hashes;
}

async function rangeHash(range: LeafRange, lookup: SubtreeLookup): Promise<Buffer> {
  const hashes: Uint8Array[] = [];
  for (const { level, index } of completeSubtrees(range)) hashes.push(await fetchHash(level, index, lookup));
  return foldFromRight(hashes);
}

function foldFromRight(hashes: readonly Uint8Array[]): Buffer {
  if (hashes.length === 0) return emptyRootHash();
  return Buffer.from(hashes.reduceRight((right, left) => nodeHash(left, right)));
}

async function fetchHash(level: number, index: number, lookup: SubtreeLookup): Promise<Uint8Array> {
  const hash = await lookup(level, index);
  if (hash === undefined) throw new RangeError(`The subtree at level ${level}, index ${index} is not stored`);
  return checkedHash(hash);
}

/** The greatest power of two below `leaves`: where RFC 6962 splits a tree of more than one leaf. */
function splitPoint(leaves: number): number {
  return greatestPowerOfTwo(leaves - 1);
}

/** The greatest power of two up to `n`, by doubling: logarithms round wrongly near 2^53, and shifts end at 2^31. */
function greatestPowerOfTwo(n: number): number {
  let power = 1;
  while (power * 2 <= n) power *= 2;
  return power;
}

function isOdd(n: number): boolean {
  return n % 2 === 1;
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function checkCount(n: number, what: string): void {
  if (!isCount(n)) throw new RangeError(`The ${what} must be a non-negative safe integer`);
}

function isHash(hash: unknown): boolean {
  return hash instanceof Uint8Array && hash.length === HASH_BYTES;
}

function checkedHash(hash: Uint8Array): Uint8Array {
  if (!isHash(hash)) throw new TypeError(`A hash must be ${HASH_BYTES} bytes`);
  return hash;
}

function sameHash(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
