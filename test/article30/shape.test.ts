import t from 'tap';
import { definitionOf } from '../../src/article30/index.ts';
import { merged, namedKeys, withKeys, withLineIds, withoutEmpty } from '../../src/article30/shape.ts';

const activity = definitionOf('processingActivity');

t.test('a merge patch does what the appendix of RFC 7396 says', async (t) => {
  const cases: [original: unknown, patch: unknown, result: unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [original, patch, result] of cases) {
    const before = JSON.stringify(original);
    t.strictSame(merged(original, patch), result, `${before} and ${JSON.stringify(patch)}`);
    t.equal(JSON.stringify(original), before, 'the original stays as it is');
  }
  t.comment(`${cases.length} cases`);
});

t.test('the keys that a content names are found with place and type', async (t) => {
  const content = {
    name: 'A',
    controllerId: 'ref:acme',
    purposes: [
      { purposeId: 'ref:one', legalBasisIds: ['ref:a', 'ref:b'] },
      { purposeId: 'ref:two', furtherOf: 'ref:one' },
    ],
    dataLines: [{ dataCategoryId: 'ref:data', conditionIds: ['ref:c'] }],
    systemIds: ['ref:system'],
    notes: 'ref:not-a-key',
    customFields: { purposeId: 'ref:not-a-key' },
    retirement: { endedOn: '2026-01-01', replacedById: 'ref:next' },
  };
  t.strictSame(
    namedKeys(activity, content).map(({ pointer, field, type, key }) => [pointer, field, type, key]),
    [
      ['/controllerId', 'controllerId', 'controller', 'ref:acme'],
      ['/purposes/0/purposeId', 'purposes.purposeId', 'purpose', 'ref:one'],
      ['/purposes/0/legalBasisIds/0', 'purposes.legalBasisIds', 'legalBasis', 'ref:a'],
      ['/purposes/0/legalBasisIds/1', 'purposes.legalBasisIds', 'legalBasis', 'ref:b'],
      ['/purposes/1/purposeId', 'purposes.purposeId', 'purpose', 'ref:two'],
      ['/purposes/1/furtherOf', 'purposes.furtherOf', 'purpose', 'ref:one'],
      ['/dataLines/0/dataCategoryId', 'dataLines.dataCategoryId', 'dataCategory', 'ref:data'],
      ['/dataLines/0/conditionIds/0', 'dataLines.conditionIds', 'legalBasis', 'ref:c'],
      ['/systemIds/0', 'systemIds', 'system', 'ref:system'],
      ['/retirement/replacedById', 'retirement.replacedById', 'processingActivity', 'ref:next'],
    ],
  );
  t.strictSame(
    namedKeys(activity, { name: 'A', purposes: null, systemIds: 'no list' }),
    [],
    'a patch may take away or be wrong',
  );
  const before = JSON.stringify(content);
  const replaced = withKeys(activity, content, ({ type, key }) => `${type}:${key}`);
  t.equal(JSON.stringify(content), before, 'the content stays as it is');
  t.match(replaced, {
    controllerId: 'controller:ref:acme',
    notes: 'ref:not-a-key',
    customFields: content.customFields,
    systemIds: ['system:ref:system'],
  });
});

t.test(
  'a line takes the id of the one that names the same, else of the one that stood there, else a new one',
  async (t) => {
    let made = 0;
    const newId = () => `new-${++made}`;
    const stored = {
      purposes: [
        { lineId: 'a', purposeId: '1' },
        { lineId: 'b', purposeId: '2' },
        { lineId: 'c', purposeId: '2', main: true },
      ],
    };
    const idsOf = (purposes: object[], before: object = stored) => {
      made = 0;
      const { purposes: lines } = withLineIds(activity, { purposes }, before as typeof stored, newId);
      return (lines as { lineId: string }[]).map(({ lineId }) => lineId);
    };
    const cases: [words: string, lines: object[], ids: string[]][] = [
      ['the same', [{ purposeId: '1' }, { purposeId: '2' }, { purposeId: '2', main: true }], ['a', 'b', 'c']],
      ['turned round', [{ purposeId: '2' }, { purposeId: '2' }, { purposeId: '1' }], ['b', 'c', 'a']],
      ['one gone', [{ purposeId: '2' }], ['b']],
      [
        'one put first',
        [{ purposeId: '9' }, { purposeId: '1' }, { purposeId: '2' }, { purposeId: '2' }],
        ['new-1', 'a', 'b', 'c'],
      ],
      ['one replaced', [{ purposeId: '9' }, { purposeId: '2' }, { purposeId: '2' }], ['a', 'b', 'c']],
      [
        'one more at the end',
        [{ purposeId: '1' }, { purposeId: '2' }, { purposeId: '2' }, { purposeId: '1' }],
        ['a', 'b', 'c', 'new-1'],
      ],
      ['ids given', [{ lineId: 'b', purposeId: '9' }, { purposeId: '2' }], ['b', 'c']],
      ['an own id', [{ lineId: 'mine', purposeId: '1' }, { purposeId: '1' }], ['mine', 'a']],
      ['none', [], []],
    ];
    for (const [words, lines, ids] of cases) t.strictSame(idsOf(lines), ids, words);
    t.strictSame(idsOf([{ purposeId: '1' }, { purposeId: '1' }], {}), ['new-1', 'new-2'], 'nothing was there');
    t.strictSame(
      withLineIds(activity, { purposes: null, systemIds: ['x'] }, stored, newId),
      { purposes: null, systemIds: ['x'] },
      'what is no list of lines stays',
    );
  },
);

t.test('what says nothing is left out: empty lists and objects, at any depth', async (t) => {
  const content = {
    a: [],
    b: {},
    c: { d: [], e: { f: {} } },
    g: [{}, { h: [] }, []],
    i: '',
    j: 0,
    k: false,
    l: null,
    m: undefined,
    n: ['x'],
  };
  t.strictSame(withoutEmpty(content), { g: [{}, {}, []], i: '', j: 0, k: false, l: null, n: ['x'] });
  t.strictSame(withoutEmpty([]), []);
  t.equal(withoutEmpty('x'), 'x');
});
