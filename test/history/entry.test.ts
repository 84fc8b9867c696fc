import t from 'tap';
import { contentHash, contentText, entryLeafHash, type LeafEntry, leafData } from '../../src/history/entry.ts';

const content = {
  purposes: [],
  name: 'Gehaltsabrechnung – Überweisung €',
  retired: undefined,
  id: '0198c0de-0000-7000-8000-000000000001',
};
const text =
  '{"content":{"id":"0198c0de-0000-7000-8000-000000000001","name":"Gehaltsabrechnung – Überweisung €","purposes":[]},' +
  '"reason":"Jährliche Prüfung"}';
const nonce = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
const entry: LeafEntry = {
  version: 3,
  tenant: '0198c0de-0000-7000-8000-00000000000f',
  sequence: 42,
  resourceType: 'processingActivity',
  resourceId: '0198c0de-0000-7000-8000-000000000001',
  recordedAt: '2026-03-03T09:15:00.000Z',
  operation: 'approve',
  contentHash: 'a54d1a48f4d6b6b70094747b2dd6e0b2c9b5013abbd5462516dea65d4b9a9b54',
  approved: true,
  actor: '0198c0de-0000-7000-8000-0000000000aa',
};

t.test('content hash: golden', async (t) => {
  t.equal(contentText(content, 'Jährliche Prüfung'), text);
  // (printf 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f | xxd -r -p;
  //  printf '%s' '{"content":{"id":"0198c0de-0000-7000-8000-000000000001","name":"Gehaltsabrechnung – Überweisung €",
  //  "purposes":[]},"reason":"Jährliche Prüfung"}') | openssl dgst -sha256     (the text on one line, without the break)
  t.equal(contentHash(nonce, text), 'a54d1a48f4d6b6b70094747b2dd6e0b2c9b5013abbd5462516dea65d4b9a9b54');

  // (head -c 32 /dev/zero; printf '%s' '{"content":null}') | sha256sum
  t.equal(contentText(null), '{"content":null}', 'after a deletion');
  t.equal(
    contentHash(Buffer.alloc(32), contentText(null)),
    '1895dd656292084e9d2f0ee5bca0d85f4691f6dc3465c4d521068714e293c34e',
  );
});

t.test('leaf data and leaf hash: golden', async (t) => {
  t.equal(
    leafData(entry),
    '{"actor":"0198c0de-0000-7000-8000-0000000000aa","approved":true,' +
      '"contentHash":"a54d1a48f4d6b6b70094747b2dd6e0b2c9b5013abbd5462516dea65d4b9a9b54","operation":"approve",' +
      '"recordedAt":"2026-03-03T09:15:00.000Z","resourceId":"0198c0de-0000-7000-8000-000000000001",' +
      '"resourceType":"processingActivity","sequence":42,"tenant":"0198c0de-0000-7000-8000-00000000000f","version":3}',
  );
  // (printf '\000'; printf '%s' '{"actor":…,"version":3}') | sha256sum     (the text above, in full)
  t.equal(entryLeafHash(entry), '03fb2ab95f6d0abb875bc140c2d755fcab13aed0af0dbb5c9e7fe1abbaea6fe0');
});

t.test('the leaf covers its ten members and nothing else', async (t) => {
  const more = { ...entry, content, reason: 'Jährliche Prüfung', actorSubject: 'someone', redacted: true };
  t.equal(entryLeafHash(more), entryLeafHash(entry), 'what can be forgotten does not touch the tree');

  const changes: Partial<LeafEntry>[] = [
    { actor: '0198c0de-0000-7000-8000-0000000000ab' },
    { approved: false },
    { contentHash: 'b'.repeat(64) },
    { operation: 'update' },
    { recordedAt: '2026-03-03T09:15:00.001Z' },
    { resourceId: '0198c0de-0000-7000-8000-000000000002' },
    { resourceType: 'purpose' },
    { sequence: 43 },
    { tenant: '0198c0de-0000-7000-8000-00000000000e' },
    { version: 4 },
  ];
  const hashes = new Set(changes.map((change) => entryLeafHash({ ...entry, ...change })));
  t.equal(hashes.size, Object.keys(entry).length, 'each member changes the hash');
  t.notOk(hashes.has(entryLeafHash(entry)));
});

t.test('nonce, content and reason each change the content hash', async (t) => {
  const hashes = new Set([
    contentHash(nonce, text),
    contentHash(Buffer.alloc(32), text),
    contentHash(nonce, contentText(content)),
    contentHash(nonce, contentText(content, '')),
    contentHash(nonce, contentText({ ...content, name: 'x' }, 'Jährliche Prüfung')),
  ]);
  t.equal(hashes.size, 5);
});

t.test('a form that another verifier would not take is refused', async (t) => {
  t.throws(() => contentHash(Buffer.alloc(31), text), RangeError);
  t.throws(() => contentText(undefined), TypeError);
  const malformed: [string, Record<string, unknown>][] = [
    ['upper-case hash', { contentHash: entry.contentHash.toUpperCase() }],
    ['short hash', { contentHash: 'ab' }],
    ['time without milliseconds', { recordedAt: '2026-03-03T09:15:00Z' }],
    ['time with microseconds', { recordedAt: '2026-03-03T09:15:00.000000Z' }],
    ['time with an offset', { recordedAt: '2026-03-03T09:15:00.000+00:00' }],
    ['operation that is no plain word', { operation: 'create"' }],
    ['sequence 0', { sequence: 0 }],
    ['sequence as text', { sequence: '42' }],
    ['version 0', { version: 0 }],
    ['no tenant', { tenant: undefined }],
    ['no actor', { actor: '' }],
    ['approved as text', { approved: 'true' }],
  ];
  for (const [what, change] of malformed) {
    t.throws(() => leafData({ ...entry, ...change } as LeafEntry), TypeError, what);
  }
  t.comment(`${malformed.length} malformed entries`);
});
