import t from 'tap';
import { isUuid, newId } from '../../src/db/identifiers.ts';

t.test('an id is a UUID of version 7 with the time of its making', async (t) => {
  const now = Date.UTC(2026, 2, 3, 9, 30);
  const id = newId(now);
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.equal(
    Number.parseInt(id.replace('-', '').slice(0, 12), 16),
    now,
    'RFC 9562, section 5.7: 48 bits of Unix milliseconds',
  );
  const before = Date.now();
  const made = Number.parseInt(newId().replace('-', '').slice(0, 12), 16);
  t.ok(before <= made && made <= Date.now());
});

t.test('ids sort by time and never repeat', async (t) => {
  const times = [0, 1, 1_000_000_000_000, 1_900_000_000_000, 1_900_000_000_001, 2 ** 48 - 1];
  const ids = times.map((time) => newId(time));
  t.strictSame([...ids].sort(), ids);
  const many = Array.from({ length: 100_000 }, () => newId(1_900_000_000_000));
  t.equal(new Set(many).size, many.length);
  t.ok(
    many.every((id) => id[14] === '7' && '89ab'.includes(id[19]!)),
    'version and variant in each',
  );
});

t.test('a UUID is told from what is none', async (t) => {
  const id = newId();
  t.ok(isUuid(id));
  t.ok(isUuid(id.toUpperCase()));
  for (const other of ['', `${id} `, `ref:${id}`, id.slice(1), id.replaceAll('-', ''), id.replace(/^./, 'g')]) {
    t.notOk(isUuid(other), JSON.stringify(other));
  }
});
