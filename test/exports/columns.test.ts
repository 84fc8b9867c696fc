import t from 'tap';
import { type Content, commonProperties, metadataProperties } from '../../src/article30/definition.ts';
import { definitionOf } from '../../src/article30/index.ts';
import { declarableNone, sectionsThatMayBeImpossible } from '../../src/article30/processing-activity.ts';
import { processorDeclarableNone } from '../../src/article30/processor-activity.ts';
import { type ResourceType, resourceTypes } from '../../src/article30/resource-types.ts';
import { entryType } from '../../src/db/register-source.ts';
import { cellsOf, NamedBlocks } from '../../src/exports/column.ts';
import { columns as columnsOf } from '../../src/exports/columns.ts';
import { filledRegister, follow, type Register, type Role, registerOf, type Schema } from './registers.ts';

const activityOf = (role: Role) => {
  const { properties, managed } = definitionOf(entryType[role]);
  return { ...commonProperties, ...properties, ...managed, ...metadataProperties } as Record<string, Schema>;
};

/** Of each record what its lists have to do with: its name in the law, its points, and what is peculiar to it. */
const records = {
  controller: {
    paragraph: '30(1)',
    points: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    declarable: declarableNone,
    // What tells a line stands wherever members of that line stand.
    told: ['purposes.purposeId', 'purposes.lineId', 'dataLines.dataCategoryId', 'dataLines.lineId'],
    members: 80,
    removals: 200,
  },
  processor: {
    paragraph: '30(2)',
    points: ['a', 'b', 'c', 'd'],
    declarable: processorDeclarableNone,
    told: [],
    members: 35,
    removals: 60,
  },
} as const;
const roles = ['controller', 'processor'] as const;

/** Paths of the members that hold no members themselves; a word that can be declared is one of its own. */
function leaves(members: Record<string, Schema>, declarable: readonly string[], prefix = ''): string[] {
  return Object.entries(members).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    if (path === 'declaredNone') return declarable.map((word) => `${path}.${word}`);
    const plain = follow(property);
    const inner = plain.items === undefined ? plain : follow(plain.items);
    return inner.properties === undefined ? [path] : leaves(inner.properties, declarable, `${path}.`);
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

/** Whatever the number of cells is. */
const rowOf = (entry: Content, blocks: NamedBlocks, role: Role = 'controller') =>
  new Map(columnsOf[role].map((column) => [column.key, cellsOf(column, entry, blocks).join('\n')]));

for (const role of roles) {
  const { paragraph, points, declarable, told, members, removals: least } = records[role];
  const columns = columnsOf[role];

  t.test(`${role}: every member of an activity is carried by a column`, async (t) => {
    const paths = leaves(activityOf(role), declarable);
    const uncarried = paths.filter(
      (path) => !columns.some(({ carries }) => carries.some((each) => covers(each, path))),
    );
    t.same(uncarried, []);
    t.ok(paths.length > members);
    t.comment(`${paths.length} members, ${columns.length} columns`);
  });

  t.test(`${role}: a column carries only what there is, and no other column carries it too`, async (t) => {
    const paths = leaves(activityOf(role), declarable);
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
    t.same(
      [...carriers]
        .filter(([, count]) => count > 1)
        .map(([path]) => path)
        .sort(),
      [...told].sort(),
    );
    t.ok(cases > 0);
    t.comment(`${cases} paths`);
  });

  t.test(
    `${role}: keys and headings are unique, and the points of Article ${paragraph} stand in their order`,
    async (t) => {
      for (const member of ['key', 'heading'] as const) {
        t.same(new Set(columns.map((column) => column[member])).size, columns.length, member);
        t.ok(
          columns.every((column) => column[member] !== ''),
          member,
        );
      }
      const point = new RegExp(`^${paragraph.replace(/[()]/g, '\\$&')}\\(([a-g])\\)`);
      const found = columns.flatMap(({ article }) => point.exec(article)?.[1] ?? []);
      t.same(found, [...found].sort());
      t.same([...new Set(found)], points);
      const last = columns.findLastIndex(({ article }) => article.startsWith(paragraph));
      t.same(
        columns
          .slice(0, last)
          .filter(({ article }) => !(article === '' || article.startsWith(paragraph) || article.startsWith('44')))
          .map(({ key }) => key),
        [],
        'nothing of other articles stands between them but the grounds of transfers',
      );
    },
  );

  t.test(
    `${role}: whatever is taken out of a full activity, its row changes in a column that carries it`,
    async (t) => {
      const register = filledRegister(1, role);
      const [entry] = register.entries;
      const blocks = blocksOf(register);
      const before = rowOf(entry!, blocks, role);
      let cases = 0;
      for (const { path, without } of removals(entry!)) {
        cases++;
        // Clients name the activity by its id.
        const after = rowOf(path === 'id' ? { ...(without as Content), id: '' } : (without as Content), blocks, role);
        const changed = columns.filter(({ key }) => before.get(key) !== after.get(key));
        if (!changed.some(({ carries }) => carries.some((each) => covers(each, path) || covers(path, each)))) {
          t.fail(`${path}: changes ${changed.map(({ key }) => key).join(', ') || 'nothing'}`);
        }
      }
      t.ok(cases > least);
      t.comment(`${cases} members and items taken out`);
    },
  );
}

t.test('whatever is taken out of a client, the row of its activity changes', async (t) => {
  const register = filledRegister(1, 'processor');
  const [entry] = register.entries;
  const [id, client] = Object.entries(register.blocks.processorClient!)[0]!;
  const row = (content: Content) => {
    const blocks = { ...register.blocks, processorClient: { ...register.blocks.processorClient, [id]: content } };
    return JSON.stringify([...rowOf(entry!, blocksOf({ ...register, blocks }), 'processor')]);
  };
  const before = row(client);
  // What the service says of the client as a resource; that it is approved is said by its being there.
  const others = new Set(['id', 'reference', 'version', 'approvedVersion', 'archived', 'createdAt', 'updatedAt']);
  let cases = 0;
  for (const { path, without } of removals(client)) {
    if (others.has(path)) continue;
    cases++;
    if (row(without as Content) === before) t.fail(`${path}: changes nothing`);
  }
  t.ok(cases > 15);
  t.comment(`${cases} members and items taken out`);
  t.match(row({ ...client, state: 'draft' }), /; state=draft/, 'what nobody approved says so');
});

// --- What the building blocks say ---

const filing = 'Keeps the blocks of several controllers apart; says nothing of the processing.';
const saidByArticle = 'The article, which stands beside it, says it.';

/** The members that no cell shows, and why. Besides them, only what the service says of a block as a resource. */
const leftOut: Readonly<Record<string, string>> = {
  'purpose.controllerId': filing,
  'legalBasis.controllerId': filing,
  'dataSubjectCategory.controllerId': filing,
  'dataCategory.controllerId': filing,
  'recipient.controllerId': filing,
  'safeguard.controllerId': filing,
  'securityMeasure.controllerId': filing,
  'system.controllerId': filing,
  'legalBasis.kind': saidByArticle,
  'safeguard.kind': saidByArticle,
  'notice.statements.about': 'Points to fields, and what it points to stands in their columns.',
  'processorClient.reference': 'Made of the ids of activity and client.',
};

/** Names a controller, of whom no more is told. */
const namesOnly = ['notice.controllerId'];

const isLeftOut = (path: string) => Object.keys(leftOut).some((each) => covers(each, path));

function membersOf(type: ResourceType): Record<string, Schema> {
  const { properties, derived, managed, unnamed, nature } = definitionOf(type);
  const { name, ...common } = commonProperties;
  const ofEntries = nature === 'activity' ? { ...managed, ...metadataProperties } : {};
  return { ...common, ...(unnamed ? {} : { name }), ...properties, ...derived?.properties, ...ofEntries } as Record<
    string,
    Schema
  >;
}

/** A resource that was made for a test: what it names, and under which path. */
interface Made {
  readonly type: ResourceType;
  readonly content: Content;
  readonly names: { path: string; to: Made }[];
}

/** An entry with a resource of its own for each member that names one, every member filled, each with another value. */
function unlike(role: Role): { root: Made; client: Made } {
  let counter = 0;
  const made = new Map<string, Made>();

  const value = (schema: Schema, path: string, bearer: Made): unknown => {
    const plain = follow(schema);
    const number = ++counter;
    if (plain['x-reference'] !== undefined) {
      const to = resource(plain['x-reference'], path);
      bearer.names.push({ path, to });
      return to.content.id;
    }
    if (plain.items !== undefined) return [value(plain.items, path, bearer)];
    if (plain.properties !== undefined) return object(plain.properties, path, bearer);
    if (plain.patternProperties !== undefined) return { [`name ${number}`]: `value ${number}` };
    if (plain.enum !== undefined) return plain.enum[0];
    if (plain.type === 'boolean') return true;
    if (plain.type === 'integer') return 1_000_000 + number;
    const day = new Date(Date.UTC(1900, 0, number)).toISOString();
    const forms: Record<string, string> = {
      date: day.slice(0, 10),
      'date-time': day,
      duration: `P${number}D`,
      country: 'FR',
      'web-address': `https://example.com/${number}`,
      email: `a${number}@example.com`,
      uuid: `0198f0c2-0000-4000-8000-${String(number).padStart(12, '0')}`,
    };
    return forms[plain.format ?? ''] ?? `value-${number}`;
  };
  const object = (members: Record<string, Schema>, path: string, bearer: Made): Content =>
    Object.fromEntries(
      Object.entries(members).map(([name, member]) => [name, value(member, `${path}.${name}`, bearer)]),
    );
  const resource = (type: ResourceType, by: string): Made => {
    const known = made.get(`${type} ${by}`);
    if (known !== undefined) return known;
    const id = `0198f0c2-0000-7000-8000-${String(++counter).padStart(12, '0')}`;
    const one: Made = { type, content: { id }, names: [] };
    made.set(`${type} ${by}`, one);
    Object.assign(one.content, object(membersOf(type), type, one), { id });
    if (type === 'notice') {
      // What it points to, its own column shows.
      const [{ about: _, ...statement }] = one.content.statements as [Content];
      one.content.statements = [statement];
    }
    return one;
  };

  const root = resource(entryType[role], '');
  const client = resource('processorClient', '');
  Object.assign(client.content, { processorActivityId: root.content.id, state: 'approved' });
  return { root, client };
}

/** The content without the member at a path, in each item of the lists on the way; the member's texts. */
function taken(content: Content, path: readonly string[], texts: string[]): Content {
  const [name = '', ...rest] = path;
  const { [name]: member, ...others } = content;
  if (member === undefined) return content;
  if (rest.length === 0) {
    texts.push(...textsIn(member));
    return others;
  }
  const within = Array.isArray(member)
    ? member.map((item) => taken(item as Content, rest, texts))
    : taken(member as Content, rest, texts);
  return { ...others, [name]: within };
}

/** The values that nothing else has: not yes, no, and words of closed lists. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return /\d/.test(value) ? [value] : [];
  if (typeof value === 'number') return [String(value)];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, member]) => [
    ...(Array.isArray(value) ? [] : textsIn(name)),
    ...textsIn(member),
  ]);
}

/** Paths of the members that hold no members themselves. */
function pathsOf(members: Record<string, Schema>, prefix: readonly string[] = []): string[][] {
  return Object.entries(members).flatMap(([name, property]) => {
    const plain = follow(property);
    const { properties } = plain.items === undefined ? plain : follow(plain.items);
    return properties === undefined ? [[...prefix, name]] : pathsOf(properties, [...prefix, name]);
  });
}

for (const role of roles) {
  t.test(`${role}: every member of whatever an entry reaches stands in its row`, async (t) => {
    const { root, client } = unlike(role);
    const reached = new Set<Made>(role === 'processor' ? [root, client] : [root]);
    for (const { names } of reached) {
      for (const { path, to } of names) {
        if (definitionOf(to.type).nature === 'activity' || isLeftOut(path) || namesOnly.includes(path)) continue;
        reached.add(to);
      }
    }
    const row = (changed?: Made, content?: Content) => {
      const blocks = new NamedBlocks();
      for (const one of reached) {
        if (one === root) continue;
        blocks.add(one.type, JSON.stringify(one === changed ? content : one.content));
      }
      return [...rowOf(changed === root ? content! : root.content, blocks, role).values()].join('\u0000');
    };
    const before = row();
    const types = new Map<string, number>();
    let members = 0;
    for (const one of reached) {
      types.set(one.type, (types.get(one.type) ?? 0) + 1);
      for (const path of pathsOf(membersOf(one.type))) {
        const at = [one.type, ...path].join('.');
        const texts: string[] = [];
        const without = taken(one.content, path, texts);
        if (isLeftOut(at)) continue;
        members++;
        if (without === one.content) t.fail(`${at} is not filled`);
        if (path.at(-1) !== 'id' && row(one, without) === before) t.fail(`${at} stands in no cell`);
        const isKey = one.names.some((named) => named.path === at);
        if (!isKey) for (const text of texts) if (!before.includes(text)) t.fail(`${at}: ${text} stands in no cell`);
      }
    }
    t.ok(members > 300);
    t.comment(`${members} members: ${[...types].map(([type, count]) => `${count} ${type}`).join(', ')}`);
    const all = [...types.keys()] as ResourceType[];
    const wanted: ResourceType[] =
      role === 'controller'
        ? resourceTypes.filter((type) => !type.startsWith('processor'))
        : ['processorActivity', 'processorClient', 'controller', 'recipient', 'safeguard', 'dataCategory'];
    t.same(
      wanted.filter((type) => !all.includes(type)),
      [],
      'all types that this record is made of',
    );
  });
}

t.test('what is left out is there, and has a reason', async (t) => {
  for (const [path, reason] of Object.entries(leftOut)) {
    const [type = '', ...names] = path.split('.');
    let members = membersOf(type as ResourceType);
    for (const name of names) {
      t.ok(members[name], path);
      const plain = follow(members[name]!);
      members = (plain.items === undefined ? plain : follow(plain.items)).properties ?? {};
    }
    t.ok(reason.length > 20, path);
  }
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
