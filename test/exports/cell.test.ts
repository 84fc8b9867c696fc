import t from 'tap';
import {
  type CellLine,
  type CellPart,
  CellSyntaxError,
  type CellValue,
  cellLimits,
  neutralised,
  readCell,
  restored,
  writeCell,
  writeCells,
} from '../../src/exports/cell.ts';
import { awkward, visible } from './registers.ts';

t.test('a cell reads as the form says', async (t) => {
  const cases: [string, CellLine[], string][] = [
    ['nothing is stated', [], ''],
    ['there is none', [{ declared: 'none' }], 'none declared'],
    [
      'there are no others',
      [{ name: 'Stripe', reference: 'stripe', parts: [] }, { declared: 'noOthers' }],
      'Stripe [stripe]\nno others declared',
    ],
    ['a name', [{ name: 'Stripe', parts: [] }], 'Stripe'],
    [
      'parts',
      [
        {
          name: 'Invoice data',
          reference: 'invoice-data',
          parts: [
            { key: 'dataSubjectCategoryIds', value: 'Customers', reference: 'customers' },
            { key: 'retention.period', value: 'P10Y' },
          ],
        },
      ],
      'Invoice data [invoice-data]; dataSubjectCategoryIds=Customers [customers]; retention.period=P10Y',
    ],
    ['parts alone', [{ parts: [{ key: 'exists', value: 'false' }] }], 'exists=false'],
    ['a reference alone', [{ reference: 'id:1', parts: [{ key: 'x', reference: 'id:2' }] }], '[id:1]; x=[id:2]'],
    ['an empty value', [{ parts: [{ key: 'costCentre', value: '' }] }], 'costCentre='],
    [
      'several lines',
      [
        { name: 'collection', parts: [] },
        { name: 'storage', parts: [] },
      ],
      'collection\nstorage',
    ],
    [
      'escapes',
      [{ name: 'A; B [old] = \\C\r\nD', reference: 'a', parts: [{ key: 'url', value: 'https://x/?a=1' }] }],
      'A\\; B \\[old\\] \\= \\\\C\\r\\nD [a]; url=https://x/?a\\=1',
    ],
    ['a name like a declaration', [{ name: 'none declared', parts: [] }], 'none\\ declared'],
    ['a name of blanks', [{ name: '  ', parts: [] }], '\\  '],
  ];
  for (const [title, lines, cell] of cases) {
    t.equal(writeCell(lines), cell, `${title}: written`);
    t.strictSame(readCell(cell), lines, `${title}: read`);
  }
  t.ok(cases.length > 0);
  t.comment(`${cases.length} cells`);
});

t.test('lines stand in as many cells as hold them', async (t) => {
  t.same(writeCells([]), []);
  t.same(writeCells([{ parts: [] }]), [], 'a value that says nothing needs none');
  const some: CellLine[] = [{ name: 'Stripe', reference: 'stripe', parts: [] }, { declared: 'noOthers' }];
  t.same(writeCells(some), [writeCell(some)]);

  const { characters, lines: most } = cellLimits;
  const texts = (count: number, length: number): CellLine[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${index}`.padEnd(length, '='), parts: [] }));
  const cases: [title: string, lines: CellLine[]][] = [
    ['as many lines as a cell holds', texts(most, 3)],
    ['one more', texts(most + 1, 3)],
    ['a thousand of some length', texts(1000, 200)],
    ['long ones', texts(20, 10_000)],
  ];
  for (const [title, lines] of cases) {
    const cells = writeCells(lines);
    t.ok(
      cells.every((cell) => cell.length <= characters && cell.split('\n').length <= most),
      `${title}: within the limits`,
    );
    t.equal(cells.join('\n'), writeCell(lines), `${title}: nothing is lost`);
    const full = cells.slice(0, -1).every((cell, index) => {
      const next = cells[index + 1]!.split('\n')[0]!;
      return cell.split('\n').length === most || cell.length + 1 + next.length > characters;
    });
    t.ok(full, `${title}: no cell ends too early`);
  }
  t.equal(writeCells(texts(most, 3)).length, 1);
  t.equal(writeCells(texts(most + 1, 3)).length, 2);
  t.comment(`${cases.length} lists`);

  const parts: CellPart[] = Array.from({ length: 5_000 }, (_, index) => ({
    key: 'clientIds',
    value: `Client; ${index}`,
    reference: `c${index}`,
  }));
  for (const told of [[{ key: 'lineId', value: 'a' }], []] as CellPart[][]) {
    const cells = writeCells([
      { name: 'before', parts: [] },
      { name: 'Sub', reference: 'sub', parts: [...parts, ...told] },
      { name: 'after', parts: [] },
    ]);
    const lines = cells.flatMap(readCell) as CellValue[];
    t.ok(cells.every((cell) => cell.length <= characters));
    t.same([lines[0]!.name, lines.at(-1)!.name], ['before', 'after']);
    const pieces = lines.slice(1, -1);
    t.ok(pieces.length > 2);
    t.ok(
      pieces.every(({ name, reference, parts: [...own] }) => {
        const last = told.length === 0 ? undefined : own.at(-1);
        return name === 'Sub' && reference === 'sub' && last?.value === told[0]?.value;
      }),
      'each piece says what it is of',
    );
    t.strictSame(
      pieces.flatMap((piece) => piece.parts.filter(({ key }) => key === 'clientIds')),
      parts,
      'no part is lost, and none is cut',
    );
  }
});

t.test('what people write by hand is read as they mean it', async (t) => {
  const cases: [string, CellLine[]][] = [
    [
      'one\r\n\r\ntwo\rthree\n',
      [
        { name: 'one', parts: [] },
        { name: 'two', parts: [] },
        { name: 'three', parts: [] },
      ],
    ],
    ['two\\\nlines', [{ name: 'two\nlines', parts: [] }]],
    ['url=https://x/?a=1&b=2', [{ parts: [{ key: 'url', value: 'https://x/?a=1&b=2' }] }]],
    [
      'Stripe [stripe] ;role=processor;',
      [{ name: 'Stripe', reference: 'stripe', parts: [{ key: 'role', value: 'processor' }] }],
    ],
    ['[stripe]', [{ reference: 'stripe', parts: [] }]],
  ];
  for (const [cell, lines] of cases) t.strictSame(visible(readCell(cell)), visible(lines), `case ${cases}`);
  t.ok(cases.length > 0);
  t.comment(`${cases.length} cells`);
});

t.test('a cell that is not of the form is refused, with its line and without its words', async (t) => {
  const cases = [
    'secret [a] b',
    'secret ]',
    'secret [a',
    'secret [a] [b]',
    'secret [a]]',
    'x]y [secret]',
    'a; secret',
    'secret\\',
    'k=secret]',
  ];
  for (const cell of cases) {
    try {
      readCell(`fine\n${cell}`);
      t.fail(`${cell}: was read`);
    } catch (error) {
      t.type(error, CellSyntaxError, cell);
      t.match((error as Error).message, /^Line 2: /);
      t.notMatch((error as Error).message, /secret/);
    }
  }
  t.ok(cases.length > 0);
  t.comment(`${cases.length} cells`);
});

t.test('whatever stands in them, cells give back what was written', async (t) => {
  const random = mulberry32(30);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const word = () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(awkward)).join(pick(['', ' ', '; ']));
  const maybe = <T>(value: () => T): T | undefined => (random() < 0.5 ? value() : undefined);
  const label = (member: 'name' | 'value') => {
    const [name, reference] = [maybe(() => (random() < 0.1 ? '' : word())), maybe(word)];
    return { ...(name === undefined ? {} : { [member]: name }), ...(reference === undefined ? {} : { reference }) };
  };
  const part = (): CellPart => {
    const given = label('value');
    return { key: random() < 0.05 ? '' : word(), ...('reference' in given ? given : { value: word(), ...given }) };
  };
  const line = (): CellLine => {
    if (random() < 0.05) return { declared: pick(['none', 'noOthers']) };
    const parts = Array.from({ length: Math.floor(random() * 4) }, part);
    const value = { ...label('name'), parts };
    // A value that says nothing has no line.
    return parts.length > 0 || 'reference' in value || ('name' in value && value.name !== '')
      ? value
      : { name: word(), parts };
  };
  const seen = new Map<string, string>();
  let cases = 0;
  let differing = 0;
  let spoiled = 0;
  for (; cases < 30_000; cases++) {
    const lines = Array.from({ length: Math.floor(random() * 4) }, line);
    const cell = writeCell(lines);
    // Through a table as well.
    const meant = JSON.stringify(lines, sorted);
    if (JSON.stringify(readCell(restored(neutralised(cell))), sorted) !== meant) {
      if (differing++ < 3) t.strictSame(visible(readCell(cell)), visible(lines), `case ${cases}`);
    }
    if (seen.has(cell) && seen.get(cell) !== meant) spoiled++;
    seen.set(cell, meant);
  }
  t.equal(differing, 0, 'all are the same after reading');
  t.equal(spoiled, 0, 'no two meanings have the same cell');
  t.ok(seen.size > 10_000);
  t.comment(`${cases} cells, ${seen.size} different ones`);
});

t.test('no cell begins a formula, and every cell comes back', async (t) => {
  const signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
  const unseen = [
    '',
    ' ',
    '\t',
    '\r',
    '\n',
    '\u00a0',
    '\ufeff',
    '\u200b',
    '\u2009 ',
    '\u3000',
    '\u00ad',
    '\u0000',
    '\u2028',
  ];
  const dangerous = [
    ...signs.flatMap((sign) => unseen.flatMap((before) => [`${before}${sign}1+1`, `${before}${sign}`])),
    ...['\t', '\ra', '\na', '\u0000', '\u2028a', "'", "'=1", "''=1", "' a", "'a"],
  ];
  const harmless = ['', ' ', ' a', '\u00a0a', 'a=1', 'a\n=1', '#register', '"=1"', '1-2', '·=1', '\u200ba=1'];
  for (const cell of dangerous) {
    t.equal(neutralised(cell), `'${cell}`);
    t.equal(restored(neutralised(cell)), cell);
  }
  for (const cell of harmless) {
    t.equal(neutralised(cell), cell);
    t.equal(restored(cell), cell);
  }
  for (const cell of ["'tis", "' a", "'"]) t.equal(restored(cell), cell, 'an apostrophe that nobody put there stays');
  t.comment(`${dangerous.length + harmless.length} cells`);
});

function sorted(_: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Numbers from 0 to 1, the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
