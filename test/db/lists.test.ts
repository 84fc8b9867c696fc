import t from 'tap';
import { CursorError, openCursor, sealCursor, sorts } from '../../src/db/lists.ts';

t.test('a cursor says where a page ended, to the list that gave it', async (t) => {
  for (const key of ['stripe', 'Élan "x"', '2026-03-03 09:30:00+00', '', '🎉']) {
    const cursor = sealCursor('list', key, '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77');
    t.match(cursor, /^[A-Za-z0-9_-]+$/, 'fit for an address');
    t.strictSame(openCursor(cursor, 'list'), { key, id: '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77' });
    t.throws(() => openCursor(cursor, 'another list'), CursorError);
  }
});

t.test('what is no cursor is refused', async (t) => {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const wrong = [
    '',
    'x',
    '%%%',
    encoded(null),
    encoded('list'),
    encoded({}),
    encoded(['list']),
    encoded(['list', 'a']),
    encoded(['list', 1, 'b']),
    encoded(['list', 'a', null]),
    encoded(['list', 'a', 'b', 'c']),
  ];
  for (const cursor of wrong) t.throws(() => openCursor(cursor, 'list'), CursorError, cursor);
});

t.test('every order has its reverse', async (t) => {
  t.strictSame(
    [...sorts].sort(),
    ['reference', 'name', 'createdAt', 'updatedAt'].flatMap((sort) => [sort, `-${sort}`]).sort(),
  );
});
