import t from 'tap';
import { type Content, commonProperties, metadataProperties } from '../../src/article30/definition.ts';
import { definitionOf } from '../../src/article30/index.ts';
import { declarableNone, sectionsThatMayBeImpossible } from '../../src/article30/processing-activity.ts';
import { cellOf, columns, NamedBlocks } from '../../src/exports/columns.ts';
import { filledRegister, follow, type Register, registerOf, type Schema } from './registers.ts';

const { properties, managed } = definitionOf('processingActivity');
const activity = { ...commonProperties, ...properties, ...managed, ...metadataProperties } as Record<string, Schema>;

/** Paths of the members that hold no members themselves; a word that can be declared is one of its own. */
function leaves(members: Record<string, Schema>, prefix = ''): string[] {
  return Object.entries(members).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    if (path === 'declaredNone') return declarableNone.map((word) => `${path}.${word}`);
    const plain = follow(property);
    const inner = plain.items === undefined ? plain : follow(plain.items);
    return inner.properties === undefined ? [path] : leaves(inner.properties, `${path}.`);
  });
}

const covers = (carried: string, path: string) => path === carried || path.startsWith(`${carried}.`);

function blocksOf(register: Register): NamedBlocks {
  const blocks = new NamedBlocks();
  for (const content of register.controllers) blocks.add('controller', JSON.stringify(content));
  for (const [type, contents] of Object.entries(register.blocks)) {
    for (const content of Object.values(contents)) blocks.add(type, JSON.stringify(content));
  }
  return blocks;
}

const rowOf = (entry: Content, blocks: NamedBlocks) =>
  new Map(columns.map((column) => [column.key, cellOf(column, entry, blocks)]));

t.test('every member of a processing activity is carried by a column', async (t) => {
  const paths = leaves(activity);
  const uncarried = paths.filter((path) => !columns.some(({ carries }) => carries.some((each) => covers(each, path))));
  t.same(uncarried, []);
  t.ok(paths.length > 80);
  t.comment(`${paths.length} members, ${columns.length} columns`);
});

t.test('a column carries only what there is, and no other column carries it too', async (t) => {
  const paths = leaves(activity);
  const carriers = new Map<string, number>();
  let cases = 0;
  for (const { key, carries } of columns) {
    for (const each of carries) {
      cases++;
      const carried = paths.filter((path) => covers(each, path));
      t.not(carried.length, 0, `${key}: ${each}`);
      for (const path of carried) carriers.set(path, (carriers.get(path) ?? 0) + 1);
    }
  }
  // What tells a line stands wherever members of that line stand.
  const told = ['purposes.purposeId', 'purposes.lineId', 'dataLines.dataCategoryId', 'dataLines.lineId'];
  t.same(
    [...carriers]
      .filter(([, count]) => count > 1)
      .map(([path]) => path)
      .sort(),
    told.sort(),
  );
  t.ok(cases > 0);
  t.comment(`${cases} paths`);
});

t.test('keys and headings are unique, and the points of Article 30(1) stand in their order', async (t) => {
  for (const member of ['key', 'heading'] as const) {
    t.same(new Set(columns.map((column) => column[member])).size, columns.length, member);
    t.ok(
      columns.every((column) => column[member] !== ''),
      member,
    );
  }
  const points = columns.flatMap(({ article }) => /^30\(1\)\(([a-g])\)/.exec(article)?.[1] ?? []);
  t.same(points, [...points].sort());
  t.same([...new Set(points)], ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  const last = columns.findLastIndex(({ article }) => article.startsWith('30(1)'));
  t.same(
    columns
      .slice(0, last)
      .filter(({ article }) => !/^(30\(1\)|44|$)/.test(article))
      .map(({ key }) => key),
    [],
    'nothing of other articles stands between them but the grounds of transfers',
  );
});

t.test('whatever is taken out of a full activity, its row changes in a column that carries it', async (t) => {
  const register = filledRegister(1);
  const [entry] = register.entries;
  const blocks = blocksOf(register);
  const before = rowOf(entry!, blocks);
  let cases = 0;
  for (const { path, without } of removals(entry!)) {
    cases++;
    const after = rowOf(without as Content, blocks);
    const changed = columns.filter(({ key }) => before.get(key) !== after.get(key));
    if (!changed.some(({ carries }) => carries.some((each) => covers(each, path) || covers(path, each)))) {
      t.fail(`${path}: changes ${changed.map(({ key }) => key).join(', ') || 'nothing'}`);
    }
  }
  t.ok(cases > 200);
  t.comment(`${cases} members and items taken out`);
});

/** The value without each of its members and items in turn, at every depth. */
function* removals(value: unknown, path = ''): Generator<{ path: string; without: unknown }> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield { path: path === 'declaredNone' ? `${path}.${item as string}` : path, without: value.toSpliced(index, 1) };
      for (const inner of removals(item, path)) {
        yield { path: inner.path, without: value.with(index, inner.without) };
      }
    }
  } else if (value !== null && typeof value === 'object') {
    for (const [name, member] of Object.entries(value)) {
      const { [name]: _, ...without } = value as Content;
      // Names of custom fields are anybody's.
      const at = path === 'customFields' ? path : path === '' ? name : `${path}.${name}`;
      yield { path: at, without };
      for (const inner of removals(member, at))
        yield { path: inner.path, without: { ...value, [name]: inner.without } };
    }
  }
}

t.test('what is not stated is empty, what is declared reads as words', async (t) => {
  const register = registerOf([
    ['controller', { reference: 'acme', name: 'Acme', registerKept: true }],
    ['processingActivity', { reference: 'a', name: 'Nothing stated' }],
    [
      'processingActivity',
      { reference: 'b', name: 'Declared', controllerId: 'ref:acme', declaredNone: [...declarableNone] },
    ],
    [
      'processingActivity',
      {
        reference: 'c',
        name: 'Not possible',
        notPossible: Object.fromEntries(
          sectionsThatMayBeImpossible.map((section) => [section, `Because; of ${section}`]),
        ),
      },
    ],
  ]);
  const blocks = blocksOf(register);
  const [silent, declared, impossible] = register.entries.map((entry) => rowOf(entry, blocks));
  const stated = ['reference', 'name', 'reviewDueOn', 'approvedAt', 'approvedBy', ...Object.keys(metadataProperties)];
  const filled = [...silent!].filter(([, cell]) => cell !== '').map(([key]) => key);
  t.same(filled.sort(), stated.sort());

  t.equal(declared!.get('controller'), 'Acme [acme]');
  t.equal(declared!.get('recipients'), 'none declared\nno others declared');
  for (const key of ['jointControllers', 'transfers', 'automatedDecisions'])
    t.equal(declared!.get(key), 'none declared');

  const columnOf = {
    securityMeasures: 'securityMeasures',
    retention: 'timeLimits',
    notices: 'notices',
    sources: 'sources',
  };
  for (const section of sectionsThatMayBeImpossible) {
    t.equal(impossible!.get(columnOf[section]), `notPossible=Because\\; of ${section}`);
  }
});

t.test('a block that is not there is shown by its id', async (t) => {
  const blocks = new NamedBlocks();
  const id = '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77';
  const row = rowOf({ controllerId: id, systemIds: [id], transfers: [{ safeguardIds: [id], lineId: '1' }] }, blocks);
  t.equal(row.get('controller'), `[id:${id}]`);
  t.equal(row.get('systems'), `[id:${id}]`);
  t.equal(row.get('transfers'), `safeguardIds=[id:${id}]; lineId=1`);
  t.equal(row.get('companySecurityMeasures'), '');
});
