/**
 * What holds for every sample register, against the definitions and against the policy that it was made from. The policy
 * itself is not here: `<name>-lines.json` has the hash of each of its lines. With the texts in a folder named by
 * `POLICIES_DIR` the lines are compared too.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'csv-parse/sync';
import t from 'tap';
import { bodyOf, reachableComponents } from '../../src/article30/components.ts';
import { type Content, readOnlyMembers } from '../../src/article30/definition.ts';
import {
  definitionOf,
  definitions,
  type LegalBasis,
  type Notice,
  type ProcessingActivity,
  type Recipient,
  type Safeguard,
} from '../../src/article30/index.ts';
import type { ResourceType } from '../../src/article30/resource-types.ts';
import { namedKeys } from '../../src/article30/shape.ts';
import { writeCell } from '../../src/exports/cell.ts';
import { csvOf } from '../../src/exports/csv.ts';
import { isCountry } from '../../src/reference/countries.ts';
import { vendor } from '../../src/reference/vendors.ts';
import { partsOf, registerOf } from '../exports/registers.ts';

interface Resource {
  type: ResourceType;
  body: Content;
}

interface PolicyLine {
  line: number;
  sha256: string;
  /** `layout` is what the page shows around its text. */
  kind: 'statement' | 'heading' | 'pleasantry' | 'layout' | 'blank';
}

type Statements = NonNullable<Notice['statements']>;

/** A file of `db/samples` with the lines of its policy. */
export interface Sample {
  /** Of the files, and the reference of the controller. */
  name: string;
  controllers: Content[];
  blocks: Partial<Record<ResourceType, Record<string, Content>>>;
  entries: Content[];
  /** All of it, in the order of the file. */
  resources: Resource[];
  policy: PolicyLine[];
  notice: Notice;
  activities: ProcessingActivity[];
  all<T>(type: ResourceType): T[];
  /** The resource with the reference `<name>-<key>`. */
  one<T>(type: ResourceType, key: string): T;
}

/** What the author of a sample vouches for. */
export interface Particulars {
  /** Members of {@link guesses} that the policy does state. */
  stated: readonly string[];
  /** The grounds of the legal bases that the policy evokes. */
  grounds: readonly LegalBasis['ground'][];
  /** Topic and lines of the statements that no field of the register holds, in the order of the notice. */
  promises: readonly (readonly [topic: string, lines: readonly number[]])[];
}

/** Members that policies are silent about more often than not: where one is, any of these would be somebody's guess. */
const guesses = [
  ...['country', 'countries', 'processingCountries', 'remoteAccessCountries', 'dataSubjectCountries', 'establishments'],
  ...['email', 'phone', 'url', 'address', 'legalForm', 'registrationNumbers', 'representative', 'article3Paragraph2'],
  ...['dataProtectionOfficer', 'competentAuthority', 'publicAuthority', 'employees', 'coreActivity', 'actsAs'],
  ...['claimsExemption30Paragraph5', 'owner', 'department', 'startedOn', 'endedOn', 'estimatedDataSubjects'],
  ...['legalEntity', 'contract', 'subprocessorList', 'guarantees', 'authorisation', 'engagedById', 'website'],
  ...['publicBody', 'locationNote', 'internationalOrganisation', 'hostedById', 'particularInquiry', 'flowDown'],
  ...['law', 'laws', 'interest', 'consent', 'conditionIds', 'publicTask', 'compatibility', 'furtherOf', 'required'],
  ...['kind', 'specialKind', 'claimedNonPersonal', 'vulnerable', 'objectives', 'vocabularyTerms', 'means', 'optOut'],
  ...['period', 'maximum', 'startsOn', 'until', 'criteria', 'exceptions', 'afterwards', 'unlimited', 'ground'],
  ...['transfers', 'safeguardIds', 'mechanism', 'adequacyDecision', 'namesTransfers', 'securityMeasureIds', 'cookies'],
  ...['responseTime', 'identityCheck', 'complaintAuthorities', 'lastChangedOn', 'jointControllers', 'declaredNone'],
  ...['notPossible', 'sameRetentionConfirmed', 'automatedDecisions', 'dpia', 'largeScale', 'occasional', 'likelyRisk'],
] as const;

const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The sample of `db/samples/<name>.json`. */
export function readSample(name: string): Sample {
  const file = JSON.parse(read(`../../db/samples/${name}.json`)) as Pick<Sample, 'controllers' | 'blocks' | 'entries'>;
  const resources: Resource[] = [
    ...file.controllers.map((body) => ({ type: 'controller' as const, body })),
    ...Object.entries(file.blocks).flatMap(([type, blocks]) =>
      Object.values(blocks).map((body) => ({ type: type as ResourceType, body })),
    ),
    ...file.entries.map((body) => ({ type: 'processingActivity' as const, body })),
  ];
  const all = <T>(type: ResourceType) =>
    resources.filter((resource) => resource.type === type).map(({ body }) => body as unknown as T);
  const one = <T>(type: ResourceType, key: string): T => {
    const found = all<T & Content>(type).find(({ reference }) => reference === `${name}-${key}`);
    if (found === undefined) throw new Error(`There is no ${type} ${name}-${key}.`);
    return found;
  };
  const [notice, ...others] = all<Notice>('notice');
  if (notice === undefined || others.length > 0) throw new Error(`${name} has one notice, its policy.`);
  const policy = JSON.parse(read(`${name}-lines.json`)) as PolicyLine[];
  const activities = all<ProcessingActivity>('processingActivity');
  return { name, ...file, resources, policy, notice, activities, all, one };
}

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false });
ajv.addVocabulary(['x-reference', 'x-line']);
addFormats.default(ajv, ['date', 'date-time', 'duration', 'email', 'uuid']);
ajv.addFormat('country', isCountry);
ajv.addFormat('language', /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/);
ajv.addFormat('web-address', /^https?:\/\/[^\s/]+/);
for (const schema of reachableComponents(definitions.map(bodyOf)).values()) ajv.addSchema(schema);

const address = ({ type, body }: Resource) => `${type} ref:${body.reference}`;
const keysOf = ({ type, body }: Resource) =>
  namedKeys(definitionOf(type), body).map((key) => ({ ...key, address: `${key.type} ${key.key}` }));

/** What is wrong with a body by its schema; empty when it can be posted. */
function flaws({ type, body }: Resource): string[] {
  const validate = ajv.getSchema(`${definitionOf(type).component}Body`);
  if (validate === undefined) throw new Error(`There is no schema of a ${type}.`);
  return validate(body) ? [] : [ajv.errorsText(validate.errors ?? null)];
}

/**
 * Keys that name what is not there yet when the resources are created in this order, or never is. Only a notice may name
 * what comes later, and only activities: these name the notice in turn, and whoever creates both breaks the circle.
 */
function premature(given: readonly Resource[]): string[] {
  const made = new Set<string>();
  const entries = new Set(given.filter(({ type }) => type === 'processingActivity').map(address));
  return given.flatMap((resource) => {
    const missing = keysOf(resource).filter(
      (key) => !made.has(key.address) && !(resource.type === 'notice' && entries.has(key.address)),
    );
    made.add(address(resource));
    return missing.map((key) => `${address(resource)}${key.pointer} names ${key.address}`);
  });
}

/** Blocks that no entry reaches; the statements of a notice name blocks, but do not use them. */
function unused(given: readonly Resource[]): string[] {
  const byAddress = new Map(given.map((resource) => [address(resource), resource]));
  const reached = new Set<string>();
  const next = given.filter(({ type }) => type === 'processingActivity');
  for (let resource = next.pop(); resource !== undefined; resource = next.pop()) {
    if (reached.has(address(resource))) continue;
    reached.add(address(resource));
    if (resource.type !== 'notice') next.push(...keysOf(resource).flatMap((key) => byAddress.get(key.address) ?? []));
  }
  return [...byAddress.keys()].filter((each) => !reached.has(each));
}

/** Lines of the policy that say something and that no statement names. */
function uncovered(lines: readonly PolicyLine[], given: Statements): number[] {
  const covered = new Set(given.flatMap(({ sourceLines }) => sourceLines ?? []));
  return lines.filter(({ kind, line }) => kind === 'statement' && !covered.has(line)).map(({ line }) => line);
}

/** The embedded lines of a body. */
function linesOf(body: Content): Content[] {
  const lists = ['jointControllers', 'purposes', 'dataLines', 'recipients', 'transfers'];
  return lists.flatMap((name) => (body[name] as Content[] | undefined) ?? []);
}

/** The member of `value` at a JSON pointer, RFC 6901. */
function member(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce((inner, name) => (inner as Content | undefined)?.[name], value);
}

type Place = NonNullable<Statements[number]['about']>[number];

/** The address of the resource that a place names; undefined for the notice itself. */
function bearerOf(place: Place): string | undefined {
  const [key] = namedKeys(definitionOf('notice'), { statements: [{ about: [place] }] });
  return key === undefined ? undefined : `${key.type} ${key.key}`;
}

/** Places of statements at which nothing stands. */
function emptyPlaces({ resources, notice }: Pick<Sample, 'resources' | 'notice'>): string[] {
  const byAddress = new Map(resources.map((resource) => [address(resource), resource.body]));
  return (notice.statements ?? []).flatMap(({ text, about }) =>
    (about ?? []).flatMap((place) => {
      const bearer = bearerOf(place);
      const body = bearer === undefined ? (notice as Content) : byAddress.get(bearer);
      const within =
        place.lineId === undefined ? body : linesOf(body ?? {}).find(({ lineId }) => lineId === place.lineId);
      return member(within, place.pointer ?? '') === undefined ? [`${JSON.stringify(place)} of: ${text}`] : [];
    }),
  );
}

/** The cells of the register's CSV, row by row under the references of the activities. */
async function rowsOf(resources: readonly Resource[]): Promise<Map<string, string>> {
  const register = registerOf(resources.map(({ type, body }) => [type, body] as const));
  let text = '';
  for await (const piece of csvOf(partsOf(register))) text += piece;
  const rows = new Map<string, string>();
  for (const [first = '', ...cells] of parse(text, { bom: true, record_delimiter: '\r\n' }).slice(1)) {
    const reference = first.split('#')[0]!;
    rows.set(reference, [rows.get(reference) ?? '', ...cells, ''].join('\0'));
  }
  return rows;
}

/** The values below a member, as a cell has one of them: what names a resource by its reference. */
function cellsFor(value: unknown, name: string): string[][] {
  if (Array.isArray(value)) return value.flatMap((item) => cellsFor(item, name));
  if (value !== null && typeof value === 'object') {
    // Whose block it is says nothing of the policy.
    return Object.entries(value).flatMap(([key, inner]) => (key === 'controllerId' ? [] : cellsFor(inner, key)));
  }
  if (name === 'declaredNone') return [[value === 'otherRecipients' ? 'no others declared' : 'none declared']];
  if (typeof value !== 'string') return [[`${name}=${value}`, `\0${value}\0`]];
  if (value.startsWith('ref:')) return [[`[${value.slice(4)}]`]];
  return [[value, writeCell([{ name: value, parts: [] }])]];
}

/** What a statement of the policy says and no cell of the register's CSV has. */
async function untabled({ resources, notice }: Pick<Sample, 'resources' | 'notice'>): Promise<string[]> {
  const rows = await rowsOf(resources);
  const all = [...rows.values()].join();
  const byAddress = new Map(resources.map((resource) => [address(resource), resource.body]));
  return (notice.statements ?? []).flatMap(({ text = '', about }) => {
    const told = (where: string, value: unknown, name: string) =>
      cellsFor(value, name).filter((forms) => !forms.some((form) => where.includes(form)));
    const missing = (about ?? []).flatMap((place) => {
      const bearer = bearerOf(place);
      const body = bearer === undefined ? (notice as Content) : byAddress.get(bearer)!;
      const within = place.lineId === undefined ? body : linesOf(body).find(({ lineId }) => lineId === place.lineId);
      const where = bearer?.startsWith('processingActivity ') ? rows.get(body.reference as string)! : all;
      const names = (place.pointer ?? '').split('/').filter((name) => !/^\d*$/.test(name));
      return told(where, member(within, place.pointer ?? ''), names.at(-1) ?? '');
    });
    return (about === undefined ? told(all, text, 'text') : missing).map(([form]) => `${form} of: ${text}`);
  });
}

/** What the register says without a statement of the policy that names it: lines of activities, rights, authorities. */
function untold({ activities, notice }: Pick<Sample, 'activities' | 'notice'>): string[] {
  const places = (notice.statements ?? []).flatMap(({ about }) => about ?? []);
  const told = new Set(places.map((place) => `${bearerOf(place)} ${place.lineId}`));
  const lines = (activities as Content[]).flatMap((body) =>
    linesOf(body).map(({ lineId }) => `processingActivity ref:${body.reference} ${lineId}`),
  );
  const own = places.filter((place) => bearerOf(place) === undefined).map(({ pointer }) => pointer ?? '');
  const members = [
    ...(notice.rights ?? []).map((_, index) => `/rights/${index}`),
    ...(notice.complaintAuthorities ?? []).map((_, index) => `/complaintAuthorities/${index}`),
    ...['cookies', 'laws', 'lastChangedOn', 'url'].filter((name) => name in notice).map((name) => `/${name}`),
  ];
  return [
    ...lines.filter((line) => !told.has(line)),
    ...members.filter((pointer) => !own.some((each) => each === pointer || each.startsWith(`${pointer}/`))),
  ];
}

/** Names of all members below `value`. */
function memberNames(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap(memberNames);
  return Object.entries(value).flatMap(([name, inner]) => [name, ...memberNames(inner)]);
}

/** The members of {@link guesses} that these resources have. */
function guessed(given: readonly Resource[]): string[] {
  // Some members are part of the form: a basis has its ground, a source and a right their kind, a place its pointer.
  const names = given.flatMap(({ type, body }) => {
    const { statements, ...rest } = body;
    const plain = JSON.parse(JSON.stringify(rest), (name, inner) =>
      name === 'sources' ? undefined : inner,
    ) as Content;
    return memberNames(plain).filter((name) => !(type === 'legalBasis' && name === 'ground'));
  });
  return guesses.filter((name) => names.includes(name));
}

/** Runs what holds for every sample; what is special to one stands in its own test. */
export function testSample(sample: Sample, { stated, grounds, promises }: Particulars): void {
  const { name, resources, policy, notice, activities } = sample;
  const statements = notice.statements ?? [];

  t.test('the file has the form that the import takes', async (t) => {
    t.same(Object.keys(JSON.parse(read(`../../db/samples/${name}.json`))), ['controllers', 'blocks', 'entries']);
    const types = definitions.filter(({ nature, type }) => nature === 'buildingBlock' && type !== 'controller');
    for (const [type, blocks] of Object.entries(sample.blocks)) {
      t.ok(
        types.some((definition) => definition.type === type),
        `${type} is a type of block`,
      );
      t.same(
        Object.keys(blocks),
        Object.values(blocks).map(({ reference }) => reference),
        `${type}: blocks stand under their references`,
      );
    }
    t.equal(new Set(resources.map(address)).size, resources.length, 'each reference is unique in its type');
    t.equal(sample.controllers[0]?.reference, name, 'its controller comes first');
    for (const { type, body } of resources) {
      if (body === sample.controllers[0]) continue;
      t.ok(String(body.reference).startsWith(`${name}-`), `${body.reference} does not meet those of another sample`);
      if (type !== 'controller') t.equal(body.controllerId, `ref:${name}`, `${body.reference} belongs to ${name}`);
    }
    const counts = [...Object.entries(sample.blocks)].map(([type, blocks]) => `${Object.keys(blocks).length} ${type}`);
    t.comment(`${sample.controllers.length} controller, ${counts.join(', ')}, ${sample.entries.length} entries`);
  });

  t.test('every body can be posted', async (t) => {
    let bodies = 0;
    for (const resource of resources) {
      const { check } = definitionOf(resource.type);
      bodies++;
      t.same(flaws(resource), [], `${address(resource)} is valid`);
      t.same(check?.(resource.body) ?? [], [], `${address(resource)} does not contradict itself`);
      const readOnly = readOnlyMembers(definitionOf(resource.type)).filter((each) => each in resource.body);
      t.same(readOnly, [], `${address(resource)} leaves to the service what is the service's`);
      t.not(flaws({ ...resource, body: { ...resource.body, typo: 1 } }).length, 0, 'and an unknown member is noticed');
      for (const { lineId } of linesOf(resource.body))
        t.match(lineId, /^[a-z0-9]+(-[a-z0-9]+)*$/, `${address(resource)}: ${lineId} names a line`);
    }
    t.ok(bodies > 0);
    t.comment(`${bodies} bodies`);
  });

  t.test('in the order of the file each resource names only what exists', async (t) => {
    const references = resources.flatMap(keysOf);
    t.same(premature(resources), []);
    t.ok(references.length > 0);
    t.comment(`${references.length} references`);

    const fewer = (left: ResourceType) => resources.filter(({ type }) => type !== left);
    t.not(premature(fewer('purpose')).length, 0, 'a missing block is noticed');
    t.not(premature(fewer('notice')).length, 0, 'so is a missing notice');
    const astray = { ...notice, statements: [{ about: [{ processingActivityId: `ref:${name}-nowhere` }] }] };
    t.equal(premature([...sampleBlocks(), { type: 'notice', body: astray }]).length, 1, 'so is a missing activity');
    const turned = [...sampleBlocks()].reverse();
    t.not(premature(turned).length, 0, 'a block that names a later one is noticed');

    function sampleBlocks(): Resource[] {
      return resources.filter(({ type }) => type !== 'notice' && type !== 'processingActivity');
    }
  });

  t.test('every block stands in the register, since an entry reaches it', async (t) => {
    t.same(unused(resources), []);
    const idle = { type: 'purpose' as const, body: { reference: `${name}-idle`, name: 'x' } };
    t.same(unused([...resources, idle]), [address(idle)], 'a block that nothing names is noticed');
    t.comment(`${resources.length} resources, ${sample.entries.length} of them entries`);
  });

  t.test('every line of the policy that says something is named by a statement', async (t) => {
    t.same(
      policy.map(({ line }) => line),
      policy.map((_, index) => index + 1),
      'the lines are numbered from 1 without a gap',
    );
    for (const line of policy) {
      t.match(line.sha256, /^[0-9a-f]{64}$/);
      t.equal(line.sha256 === sha256(''), line.kind === 'blank', `line ${line.line} is ${line.kind}`);
    }
    t.same(uncovered(policy, statements), []);
    const counts = new Map<string, number>();
    for (const { kind } of policy) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    t.comment(`${policy.length} lines: ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);

    const last = policy.findLast(({ kind }) => kind === 'statement')?.line;
    if (last === undefined) throw new Error('The policy says nothing.');
    const added = { line: policy.length + 1, sha256: sha256(''), kind: 'statement' as const };
    t.same(uncovered([...policy, added], statements), [added.line], 'a line that no statement names is noticed');
    const fewer = statements.filter(({ sourceLines }) => !sourceLines?.includes(last));
    t.ok(uncovered(policy, fewer).includes(last), 'a statement that is taken away is noticed');
  });

  t.test('every statement says what, from which lines, and where the register has it', async (t) => {
    const said = new Set(
      policy.filter(({ kind }) => kind === 'statement' || kind === 'heading').map(({ line }) => line),
    );
    for (const { topic, text, sourceLines = [] } of statements) {
      t.ok(topic, `${text} has a topic`);
      t.ok(sourceLines.length > 0 && sourceLines.every((line) => said.has(line)), `${text} has its lines`);
    }
    t.same(
      statements.filter(({ about = [] }) => about.length === 0).map(({ topic, sourceLines }) => [topic, sourceLines]),
      promises,
      'only these stand nowhere else',
    );
    t.same(emptyPlaces(sample), []);
    const places = statements.flatMap(({ about = [] }) => about);
    t.ok(places.length > 0);
    t.comment(
      `${statements.length} statements, ${places.length} places, ${places.filter(({ lineId }) => lineId).length} of them lines`,
    );

    const nowhere = (place: Place) =>
      emptyPlaces({ ...sample, notice: { name: 'x', statements: [{ about: [place] }] } });
    const processingActivityId = `ref:${(activities[0] as Content).reference}`;
    t.same(nowhere({ processingActivityId }), []);
    t.equal(nowhere({ processingActivityId, lineId: 'nowhere' }).length, 1, 'a line that is not there is noticed');
    t.equal(nowhere({ controllerId: `ref:${name}`, pointer: '/nowhere' }).length, 1, 'so is a member');
  });

  t.test('every statement stands in the CSV of the register', async (t) => {
    t.same(await untabled(sample), []);
    const told = statements.flatMap(({ about = [] }) => about).length;
    t.comment(`${statements.length} statements, ${told} places, ${statements.length - promises.length} with a field`);

    const [right = {}, ...rights] = notice.rights ?? [];
    const other = { ...notice, rights: [{ ...right, how: 'In another way.' }, ...rights] };
    const elsewhere = { text: 'Nothing else says so.', about: undefined };
    const changed = { ...other, statements: [...statements, { text: 'x', about: [{ pointer: '/rights/0' }] }] };
    t.match(
      await untabled({ resources, notice: changed as Notice }),
      [/^In another way\. of: /],
      'a right that is not in it',
    );
    t.equal((await untabled({ resources, notice: { ...notice, statements: [elsewhere as never] } })).length, 1);
  });

  t.test('every line of an activity and every member of the notice is told by a statement', async (t) => {
    t.same(untold(sample), []);
    const lines = activities.flatMap((activity) => linesOf(activity as Content)).length;
    t.ok(lines > 0);
    t.comment(`${lines} lines of ${activities.length} activities`);
    const silent = { ...notice, statements: [] };
    t.ok(untold({ activities, notice: silent }).length >= lines, 'lines that no statement names are noticed');
  });

  t.test('what the policy does not say is absent', async (t) => {
    t.same(
      guessed(resources),
      guesses.filter((each) => stated.includes(each)),
    );
    t.same(
      stated.filter((each) => !(guesses as readonly string[]).includes(each)),
      [],
      'each of those stated is a member that could be guessed',
    );
    t.same(guessed([{ type: 'controller', body: { country: 'FR' } }]), ['country'], 'a country would be noticed');
    t.same(
      sample.all<LegalBasis>('legalBasis').map(({ ground }) => ground),
      grounds,
      'the bases that the policy evokes',
    );
    for (const { name, confirmation } of sample.all<Safeguard>('safeguard'))
      t.equal(confirmation?.state, 'stated', `${name} has only what is stated`);
    for (const { name, confirmation, vendor: catalogue, identified } of sample.all<Recipient>('recipient')) {
      t.equal(confirmation?.state, 'stated', `${name} has only what is stated`);
      t.ok(confirmation?.source, `${name}: by whom`);
      t.equal(confirmation?.on, notice.lastChangedOn, `${name}: when, if the policy has a date`);
      if (catalogue === undefined) continue;
      t.equal(identified, true, `${name}: only a named vendor has a key of the catalogue`);
      t.ok(vendor(catalogue.key ?? ''), `${catalogue.key} is in the catalogue`);
      t.equal(catalogue.on, undefined, `${name}: no fact is taken from the catalogue`);
    }
  });

  const folder = process.env.POLICIES_DIR;
  if (folder) {
    t.test('the lines are those of the policy', async (t) => {
      const hashesOf = (file: string) =>
        readFileSync(join(folder, file), 'utf8')
          .replace(/\r?\n$/, '')
          .split(/\r?\n/)
          .map(sha256);
      const same = (hashes: string[]) => policy.filter(({ sha256 }, index) => hashes[index] === sha256).length;
      const [nearest] = globSync('*.txt', { cwd: folder })
        .map(hashesOf)
        .sort((a, b) => same(b) - same(a));
      if (nearest === undefined) throw new Error('POLICIES_DIR has no text files.');
      t.equal(nearest.length, policy.length, 'as many lines');
      t.same(
        policy.filter(({ sha256 }, index) => nearest[index] !== sha256).map(({ line }) => line),
        [],
        'no line differs',
      );
      t.comment(`${same(nearest)} lines compared`);
    });
  } else {
    t.comment('POLICIES_DIR is not set: the hashes of the lines are not compared with a text.');
  }
}
