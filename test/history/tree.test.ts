import t from 'tap';
import {
  appendLeaf,
  consistencyProof,
  emptyRootHash,
  inclusionProof,
  leafHash,
  nodeHash,
  rootFromLeafHashes,
  rootFromSubtrees,
  type Subtree,
  type SubtreeLookup,
  subtreesCompletedBy,
  subtreesForAppend,
  subtreesForConsistency,
  subtreesForInclusion,
  subtreesForRoot,
  verifyConsistency,
  verifyInclusion,
} from '../../src/history/tree.ts';

const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => Buffer.from(hash).toString('hex'));
const fromHex = (hashes: readonly string[]): Buffer[] => hashes.map((hash) => Buffer.from(hash, 'hex'));
const place = ({ level, index }: Subtree): string => `${level}/${index}`;

/** Subtree storage as the database has it: whatever {@link appendLeaf} gives is kept, nothing else. */
class Storage {
  readonly nodes = new Map<string, Buffer>();
  readonly leaves: Buffer[] = [];
  lookup: SubtreeLookup = (level, index) => this.nodes.get(place({ level, index }));

  async append(data: string | Uint8Array): Promise<void> {
    const hash = leafHash(data);
    for (const node of await appendLeaf(this.leaves.length, hash, this.lookup)) this.nodes.set(place(node), node.hash);
    this.leaves.push(hash);
  }

  /** A lookup over the named subtrees only, as after one query of the database for just these. */
  only(places: readonly Subtree[]): SubtreeLookup {
    const named = new Set(places.map(place));
    return (level, index) => (named.has(place({ level, index })) ? this.lookup(level, index) : undefined);
  }
}

/** The definitions of RFC 6962, section 2.1, word for word: recursive, over the whole list. */
class Definition {
  readonly leaves: readonly Buffer[];
  readonly memo = new Map<string, Buffer>();

  constructor(leaves: readonly Buffer[]) {
    this.leaves = leaves;
  }

  split(n: number): number {
    let k = 1;
    while (k * 2 < n) k *= 2;
    return k;
  }

  /** MTH(D[begin:end]) */
  mth(begin: number, end: number): Buffer {
    const n = end - begin;
    if (n === 0) return emptyRootHash();
    if (n === 1) return this.leaves[begin]!;
    const known = this.memo.get(`${begin}:${end}`);
    if (known) return known;
    const k = this.split(n);
    const hash = nodeHash(this.mth(begin, begin + k), this.mth(begin + k, end));
    this.memo.set(`${begin}:${end}`, hash);
    return hash;
  }

  /** PATH(m, D[begin:end]) */
  path(m: number, begin: number, end: number): Buffer[] {
    const n = end - begin;
    if (n === 1) return [];
    const k = this.split(n);
    return m < k
      ? [...this.path(m, begin, begin + k), this.mth(begin + k, end)]
      : [...this.path(m - k, begin + k, end), this.mth(begin, begin + k)];
  }

  /** SUBPROOF(m, D[begin:end], b) */
  subproof(m: number, begin: number, end: number, b: boolean): Buffer[] {
    const n = end - begin;
    if (m === n) return b ? [] : [this.mth(begin, end)];
    const k = this.split(n);
    return m <= k
      ? [...this.subproof(m, begin, begin + k, b), this.mth(begin + k, end)]
      : [...this.subproof(m - k, begin + k, end, false), this.mth(begin, begin + k)];
  }
}

// Leaves, roots and proofs of the Certificate Transparency reference implementations.
const published = {
  leaves: ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'],
  roots: [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
  inclusion: [
    { index: 0, size: 1, path: [] },
    {
      index: 0,
      size: 8,
      path: [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    },
    {
      index: 5,
      size: 8,
      path: [
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    },
    { index: 2, size: 3, path: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
    {
      index: 1,
      size: 5,
      path: [
        '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    },
  ],
  consistency: [
    { from: 1, to: 1, path: [] },
    {
      from: 1,
      to: 8,
      path: [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    },
    {
      from: 6,
      to: 8,
      path: [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    },
    {
      from: 2,
      to: 5,
      path: [
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    },
    {
      from: 6,
      to: 7,
      path: [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    },
  ],
};

t.test('published vectors: roots of 0 to 8 leaves, inclusion and consistency paths', async (t) => {
  // printf '' | sha256sum
  t.equal(emptyRootHash().toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  t.same(rootFromLeafHashes([]), emptyRootHash());

  const storage = new Storage();
  for (const leaf of published.leaves) await storage.append(Buffer.from(leaf, 'hex'));
  t.same(await rootFromSubtrees(0, storage.lookup), emptyRootHash());
  for (const [at, root] of published.roots.entries()) {
    t.equal((await rootFromSubtrees(at + 1, storage.lookup)).toString('hex'), root, `${at + 1} leaves, stored`);
    t.equal(rootFromLeafHashes(storage.leaves.slice(0, at + 1)).toString('hex'), root, `${at + 1} leaves, listed`);
  }
  for (const { index, size, path } of published.inclusion) {
    t.same(hex(await inclusionProof(index, size, storage.lookup)), path, `leaf ${index} of ${size}`);
    t.ok(
      verifyInclusion({
        index,
        size,
        leafHash: storage.leaves[index]!,
        path: fromHex(path),
        rootHash: Buffer.from(published.roots[size - 1]!, 'hex'),
      }),
    );
  }
  for (const { from, to, path } of published.consistency) {
    t.same(hex(await consistencyProof(from, to, storage.lookup)), path, `${from} to ${to}`);
    t.ok(
      verifyConsistency({
        from,
        to,
        path: fromHex(path),
        fromRootHash: Buffer.from(published.roots[from - 1]!, 'hex'),
        toRootHash: Buffer.from(published.roots[to - 1]!, 'hex'),
      }),
    );
  }
});

t.test('against the definition, every size to 130', async (t) => {
  const MOST = 130;
  const storage = new Storage();
  for (let at = 0; at < MOST; at++) await storage.append(`leaf ${at}`);
  const definition = new Definition(storage.leaves);
  const wrong: string[] = [];
  const expect = (what: string, holds: boolean): void => {
    if (!holds) wrong.push(what);
  };
  const counts = { roots: 0, inclusion: 0, consistency: 0 };

  for (let size = 0; size <= MOST; size++) {
    const rootHash = definition.mth(0, size);
    const needed = subtreesForRoot(size);
    expect(`root ${size}`, rootHash.equals(await rootFromSubtrees(size, storage.only(needed))));
    expect(`root ${size}, listed`, rootHash.equals(rootFromLeafHashes(storage.leaves.slice(0, size))));
    expect(`root ${size}, one subtree for each bit`, needed.length === size.toString(2).replaceAll('0', '').length);
    counts.roots++;

    for (let index = 0; index < size; index++) {
      const path = await inclusionProof(index, size, storage.only(subtreesForInclusion(index, size)));
      expect(`inclusion ${index} ${size}`, `${hex(path)}` === `${hex(definition.path(index, 0, size))}`);
      const claim = { index, size, leafHash: storage.leaves[index]!, path, rootHash };
      expect(`inclusion ${index} ${size} verifies`, verifyInclusion(claim));
      counts.inclusion++;
    }
    for (let from = 0; from <= size; from++) {
      const path = await consistencyProof(from, size, storage.only(subtreesForConsistency(from, size)));
      const defined = from === 0 ? [] : definition.subproof(from, 0, size, true);
      expect(`consistency ${from} ${size}`, `${hex(path)}` === `${hex(defined)}`);
      const claim = { from, to: size, path, fromRootHash: definition.mth(0, from), toRootHash: rootHash };
      expect(`consistency ${from} ${size} verifies`, verifyConsistency(claim));
      counts.consistency++;
    }
  }
  t.same(wrong, []);
  t.same(counts, { roots: 131, inclusion: 8515, consistency: 8646 });
  t.comment(`${counts.roots} roots, ${counts.inclusion} inclusion and ${counts.consistency} consistency proofs`);
});

t.test('an append stores exactly the subtrees that become complete', async (t) => {
  const storage = new Storage();
  const wrong: number[] = [];
  for (let at = 0; at < 130; at++) {
    const places = subtreesCompletedBy(at);
    const read = storage.only(subtreesForAppend(at));
    const nodes = await appendLeaf(at, leafHash(`leaf ${at}`), read);
    if (`${nodes.map(place)}` !== `${places.map(place)}`) wrong.push(at);
    await storage.append(`leaf ${at}`);
  }
  t.same(wrong, []);
  const definition = new Definition(storage.leaves);
  const stored = [...storage.nodes].filter(([key, hash]) => {
    const [level, index] = key.split('/').map(Number) as [number, number];
    return !hash.equals(definition.mth(index * 2 ** level, (index + 1) * 2 ** level));
  });
  t.same(stored, [], 'each stored hash is the one of its leaves');
  // floor(130/1) + floor(130/2) + floor(130/4) + …
  t.equal(storage.nodes.size, 130 + 65 + 32 + 16 + 8 + 4 + 2 + 1);
  t.same(subtreesCompletedBy(7).map(place), ['0/7', '1/3', '2/1', '3/0']);
  t.same(subtreesForAppend(7).map(place), ['0/6', '1/2', '2/0']);
  t.same(subtreesForAppend(8), []);
});

t.test('places stay right where doubles and 32-bit shifts go wrong', async (t) => {
  for (let level = 0; level <= 52; level++) t.same(subtreesForRoot(2 ** level), [{ level, index: 0 }], `2^${level}`);
  t.same(subtreesForRoot(Number.MAX_SAFE_INTEGER).length, 53);
  t.same(subtreesForRoot(2 ** 33 + 2 ** 31 + 1).map(place), ['33/0', '31/4', '0/10737418240']);
  t.equal(subtreesCompletedBy(2 ** 40 - 1).length, 41);
  t.equal(subtreesForInclusion(0, 2 ** 40).length, 40);
  t.equal(subtreesForConsistency(2 ** 40, 2 ** 40 + 1).length, 1);
});

t.test('a mutated claim is refused', async (t) => {
  const MOST = 33;
  const storage = new Storage();
  for (let at = 0; at < MOST; at++) await storage.append(`leaf ${at}`);
  const definition = new Definition(storage.leaves);
  const other = leafHash('not in the tree');
  const accepted: string[] = [];
  let inclusions = 0;
  let consistencies = 0;

  const mutatedPaths = function* (path: readonly Buffer[], more: readonly Buffer[]): Generator<[string, Buffer[]]> {
    for (const [at, hash] of path.entries()) {
      for (const byte of [0, 31]) {
        const flipped = Buffer.from(hash);
        flipped[byte]! ^= 1;
        yield [`bit flipped in ${at}`, path.with(at, flipped)];
      }
      yield [`short hash ${at}`, path.with(at, hash.subarray(0, 31))];
      yield [`without ${at}`, path.toSpliced(at, 1)];
      if (at > 0) yield [`${at - 1} and ${at} swapped`, path.with(at - 1, hash).with(at, path[at - 1]!)];
    }
    for (const extra of [Buffer.alloc(0), other, ...more]) {
      yield ['one more at the end', [...path, extra]];
      yield ['one more in front', [extra, ...path]];
    }
  };

  for (let size = 1; size <= MOST; size++) {
    for (let index = 0; index < size; index++) {
      const path = await inclusionProof(index, size, storage.lookup);
      const claim = { index, size, leafHash: storage.leaves[index]!, path, rootHash: definition.mth(0, size) };
      const mutants: [string, typeof claim][] = [
        ['other leaf', { ...claim, leafHash: other }],
        ['other root', { ...claim, rootHash: other }],
        ['empty root', { ...claim, rootHash: emptyRootHash() }],
        ['short leaf', { ...claim, leafHash: Buffer.alloc(0) }],
        ['short root', { ...claim, rootHash: claim.rootHash.subarray(1) }],
        ['twice the size', { ...claim, size: size * 2 }],
        ['half the size', { ...claim, size: Math.floor(size / 2) }],
        ['size as the index', { ...claim, index: size }],
        ['negative index', { ...claim, index: -1 }],
        ['fraction', { ...claim, index: index + 0.5 }],
        ['not a number', { ...claim, size: Number.NaN }],
      ];
      for (let at = 0; at < size; at++) if (at !== index) mutants.push([`index ${at}`, { ...claim, index: at }]);
      for (const [what, mutated] of mutatedPaths(path, [claim.rootHash]))
        mutants.push([what, { ...claim, path: mutated }]);
      for (const [what, mutant] of mutants) {
        inclusions++;
        if (verifyInclusion(mutant)) accepted.push(`inclusion ${index} ${size}: ${what}`);
      }
    }
    for (let from = 0; from <= size; from++) {
      const path = await consistencyProof(from, size, storage.lookup);
      const claim = {
        from,
        to: size,
        path,
        fromRootHash: definition.mth(0, from),
        toRootHash: definition.mth(0, size),
      };
      const mutants: [string, typeof claim][] = [
        ['other earlier root', { ...claim, fromRootHash: other }],
        ['short earlier root', { ...claim, fromRootHash: Buffer.alloc(0) }],
        ['short later root', { ...claim, toRootHash: Buffer.alloc(0) }],
        ['backwards', { ...claim, from: size + 1 }],
        ['negative', { ...claim, from: -1 }],
        ['not a number', { ...claim, to: Number.NaN }],
      ];
      // The empty tree is the beginning of any tree, so that nothing is said about the later one.
      if (from > 0) {
        mutants.push(
          ['other later root', { ...claim, toRootHash: other }],
          ['half the size', { ...claim, to: Math.floor(size / 2) }],
          ['twice the size', { ...claim, to: size * 2 }],
        );
        for (let at = 0; at <= size; at++) if (at !== from) mutants.push([`from ${at}`, { ...claim, from: at }]);
      }
      if (from < size) {
        mutants.push(['swapped roots', { ...claim, fromRootHash: claim.toRootHash, toRootHash: claim.fromRootHash }]);
      }
      if (path.length > 0) mutants.push(['empty path', { ...claim, path: [] }]);
      for (const [what, mutated] of mutatedPaths(path, [claim.fromRootHash, claim.toRootHash])) {
        mutants.push([what, { ...claim, path: mutated }]);
      }
      for (const [what, mutant] of mutants) {
        consistencies++;
        if (verifyConsistency(mutant)) accepted.push(`consistency ${from} ${size}: ${what}`);
      }
    }
  }
  t.same(accepted, []);
  t.ok(inclusions > 10_000 && consistencies > 10_000);
  t.comment(`${inclusions} mutated inclusion and ${consistencies} mutated consistency claims`);
});

t.test('questions without an answer are refused', async (t) => {
  const storage = new Storage();
  await storage.append('only leaf');
  await t.rejects(inclusionProof(1, 1, storage.lookup), RangeError);
  await t.rejects(inclusionProof(-1, 1, storage.lookup), RangeError);
  await t.rejects(consistencyProof(2, 1, storage.lookup), RangeError);
  await t.rejects(rootFromSubtrees(1.5, storage.lookup), RangeError);
  await t.rejects(rootFromSubtrees(2, storage.lookup), {
    name: 'RangeError',
    message: /level 1, index 0 is not stored/,
  });
  await t.rejects(
    rootFromSubtrees(1, () => Buffer.alloc(31)),
    TypeError,
  );
  await t.rejects(appendLeaf(1, Buffer.alloc(20), storage.lookup), TypeError);
  t.throws(() => rootFromLeafHashes([Buffer.alloc(33)]), TypeError);
});
