/**
 * The sample register of Exograd against the definitions and against the policy that it was made from. The policy itself
 * is not here: `exograd-lines.json` has the hash of each of its lines. With the text in a folder named by `POLICIES_DIR`
 * the lines are compared too.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import t from 'tap';
import { bodyOf, reachableComponents } from '../../src/article30/components.ts';
import { type Content, readOnlyMembers } from '../../src/article30/definition.ts';
import {
  type DataCategory,
  definitionOf,
  definitions,
  type LegalBasis,
  type Notice,
  type ProcessingActivity,
  type Recipient,
} from '../../src/article30/index.ts';
import type { ResourceType } from '../../src/article30/resource-types.ts';
import { namedKeys } from '../../src/article30/shape.ts';
import { isCountry } from '../../src/reference/countries.ts';
import { vendor } from '../../src/reference/vendors.ts';

interface Sample {
  controllers: Content[];
  blocks: Partial<Record<ResourceType, Record<string, Content>>>;
  entries: Content[];
}

interface Resource {
  type: ResourceType;
  body: Content;
}

interface PolicyLine {
  line: number;
  sha256: string;
  kind: 'statement' | 'heading' | 'pleasantry' | 'blank';
}

const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');
const sample = JSON.parse(read('../../db/samples/exograd.json')) as Sample;
const policy = JSON.parse(read('exograd-lines.json')) as PolicyLine[];

const resources: Resource[] = [
  ...sample.controllers.map((body) => ({ type: 'controller' as const, body })),
  ...Object.entries(sample.blocks).flatMap(([type, blocks]) =>
    Object.values(blocks).map((body) => ({ type: type as ResourceType, body })),
  ),
  ...sample.entries.map((body) => ({ type: 'processingActivity' as const, body })),
];

const address = ({ type, body }: Resource) => `${type} ref:${body.reference}`;
const named = ({ type, body }: Resource) =>
  namedKeys(definitionOf(type), body).map((key) => ({ pointer: key.pointer, address: `${key.type} ${key.key}` }));
const all = <T>(type: ResourceType) =>
  resources.filter((resource) => resource.type === type).map(({ body }) => body as unknown as T);
const one = <T>(type: ResourceType, reference: string): T => {
  const found = all<T & Content>(type).find((body) => body.reference === reference);
  if (found === undefined) throw new Error(`There is no ${type} ${reference}.`);
  return found;
};
const [notice] = all<Notice>('notice');
const statements = notice?.statements ?? [];
const activities = all<ProcessingActivity>('processingActivity');

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false });
ajv.addVocabulary(['x-reference', 'x-line']);
addFormats.default(ajv, ['date', 'date-time', 'duration', 'email', 'uuid']);
ajv.addFormat('country', isCountry);
ajv.addFormat('language', /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/);
ajv.addFormat('web-address', /^https?:\/\/[^\s/]+/);
for (const schema of reachableComponents(definitions.map(bodyOf)).values()) ajv.addSchema(schema);

/** What is wrong with a body by its schema; empty when it can be posted. */
function flaws({ type, body }: Resource): string[] {
  const validate = ajv.getSchema(`${definitionOf(type).component}Body`);
  if (validate === undefined) throw new Error(`There is no schema of a ${type}.`);
  return validate(body) ? [] : [ajv.errorsText(validate.errors ?? null)];
}

/** Keys that name what is not there yet when the resources are created in this order, or never is. */
function premature(given: readonly Resource[]): string[] {
  const made = new Set<string>();
  return given.flatMap((resource) => {
    const missing = named(resource).filter((key) => !made.has(key.address));
    made.add(address(resource));
    return missing.map((key) => `${address(resource)}${key.pointer} names ${key.address}`);
  });
}

/** Lines of the policy that say something and that no statement names. */
function uncovered(lines: readonly PolicyLine[], given: NonNullable<Notice['statements']>): number[] {
  const covered = new Set(given.flatMap(({ sourceLines }) => sourceLines ?? []));
  return lines.filter(({ kind, line }) => kind === 'statement' && !covered.has(line)).map(({ line }) => line);
}

/** The member of `value` at a JSON pointer, RFC 6901. */
function member(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce((inner, name) => (inner as Content | undefined)?.[name], value);
}

/** Places of statements at which nothing stands. */
function emptyPlaces(given: Notice): string[] {
  return (given.statements ?? []).flatMap(({ about }, index) =>
    (about ?? []).flatMap((place) => {
      const [key] = namedKeys(definitionOf('notice'), { statements: [{ about: [place] }] });
      const bearer = key === undefined ? given : one<Content>(key.type, key.key.replace('ref:', ''));
      const found = member(bearer, place.pointer ?? '');
      return found === undefined ? [`statement ${index}: ${JSON.stringify(place)}`] : [];
    }),
  );
}

/** Names of all members below `value`. */
function memberNames(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap(memberNames);
  return Object.entries(value).flatMap(([name, inner]) => [name, ...memberNames(inner)]);
}

/** What the policy is silent about: each of these would be somebody's guess. */
const SILENT = [
  ...['country', 'countries', 'processingCountries', 'remoteAccessCountries', 'dataSubjectCountries', 'establishments'],
  ...['address', 'legalForm', 'registrationNumbers', 'representative', 'dataProtectionOfficer', 'competentAuthority'],
  ...['legalEntity', 'contract', 'subprocessorList', 'guarantees', 'authorisation', 'engagedById', 'website', 'url'],
  ...['law', 'laws', 'interest', 'consent', 'specialKind', 'ground', 'conditionIds', 'afterwards', 'unlimited'],
  ...['transfers', 'safeguardIds', 'mechanism', 'namesTransfers', 'securityMeasureIds', 'cookies', 'jointControllers'],
  ...[
    'declaredNone',
    'notPossible',
    'sameRetentionConfirmed',
    'automatedDecisions',
    'dpia',
    'largeScale',
    'occasional',
  ],
];
const guessed = (value: unknown) => [...new Set(memberNames(value))].filter((name) => SILENT.includes(name));

t.test('the file has the form that the import takes', async (t) => {
  t.same(Object.keys(sample), ['controllers', 'blocks', 'entries']);
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
  for (const { type, body } of resources) {
    t.match(body.reference, /^exograd(-|$)/, `${type} ${body.reference} does not meet those of another sample`);
    if (type !== 'controller') t.equal(body.controllerId, 'ref:exograd', `${body.reference} belongs to Exograd`);
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
    const readOnly = readOnlyMembers(definitionOf(resource.type)).filter((name) => name in resource.body);
    t.same(readOnly, [], `${address(resource)} leaves to the service what is the service's`);
    t.not(flaws({ ...resource, body: { ...resource.body, typo: 1 } }).length, 0, 'and an unknown member is noticed');
  }
  t.ok(bodies > 0);
  t.comment(`${bodies} bodies`);
});

t.test('in the order of the file each resource names only what exists', async (t) => {
  const references = resources.flatMap(named);
  t.same(premature(resources), []);
  t.ok(references.length > 0);
  t.comment(`${references.length} references`);

  const withoutPurposes = resources.filter(({ type }) => type !== 'purpose');
  t.not(premature(withoutPurposes).length, 0, 'a missing block is noticed');
  const statement = { about: [{ processingActivityId: 'ref:exograd-facturation' }] };
  const tied = resources.map(({ type, body }) => ({
    type,
    body: type === 'notice' ? { ...body, statements: [statement] } : body,
  }));
  t.equal(premature(tied).length, 1, 'a circle of a notice and an activity is noticed');
});

t.test('every block stands in the register, since an entry reaches it', async (t) => {
  const byAddress = new Map(resources.map((resource) => [address(resource), resource]));
  const reached = new Set<string>();
  // Not through the statements of the notice: they name the blocks that carry them, wherever these are used.
  const next = resources.filter(({ type }) => type === 'processingActivity');
  for (let resource = next.pop(); resource !== undefined; resource = next.pop()) {
    if (reached.has(address(resource))) continue;
    reached.add(address(resource));
    if (resource.type !== 'notice') next.push(...named(resource).flatMap((key) => byAddress.get(key.address) ?? []));
  }
  t.same(
    [...byAddress.keys()].filter((each) => !reached.has(each)),
    [],
  );
  t.comment(`${reached.size} resources reached from ${sample.entries.length} entries`);
});

t.test('every line of the policy that says something is named by a statement', async (t) => {
  t.same(
    policy.map(({ line }) => line),
    policy.map((_, index) => index + 1),
    'the lines are numbered from 1 without a gap',
  );
  const empty = createHash('sha256').digest('hex');
  for (const { line, sha256, kind } of policy) {
    t.match(sha256, /^[0-9a-f]{64}$/);
    t.equal(sha256 === empty, kind === 'blank', `line ${line} is ${kind}`);
  }
  t.same(uncovered(policy, statements), []);
  const counts = new Map<string, number>();
  for (const { kind } of policy) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  t.ok((counts.get('statement') ?? 0) > 0);
  t.comment(`${policy.length} lines: ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);

  const added = { line: policy.length + 1, sha256: empty, kind: 'statement' as const };
  t.same(uncovered([...policy, added], statements), [added.line], 'a line that no statement names is noticed');
  const fewer = statements.filter(({ sourceLines }) => !sourceLines?.includes(84));
  t.same(uncovered(policy, fewer), [84], 'a statement that is taken away is noticed');
});

t.test('every statement says what, from which lines, and where the register has it', async (t) => {
  const said = new Set(policy.filter(({ kind }) => kind === 'statement' || kind === 'heading').map(({ line }) => line));
  let places = 0;
  for (const { topic, text, sourceLines = [], about = [] } of statements) {
    t.ok(topic, `${text} has a topic`);
    t.ok(sourceLines.length > 0 && sourceLines.every((line) => said.has(line)), `${text} has its lines`);
    places += about.length;
    // What the policy is for, and that it may change, is said of the policy; no field of the register holds it.
    const promise = topic === 'scope' || (topic === 'amendments' && !sourceLines.includes(86));
    t.equal(about.length === 0, promise, `${text} has its places`);
  }
  t.same(emptyPlaces(notice!), []);
  t.ok(places > 0);
  t.comment(`${statements.length} statements, ${places} places`);

  const astray = { name: 'x', statements: [{ about: [{ controllerId: 'ref:exograd', pointer: '/contact/phone' }] }] };
  t.equal(emptyPlaces(astray).length, 1, 'a place at which nothing stands is noticed');
});

t.test('what the policy does not say is absent', async (t) => {
  // A legal basis must have its ground; anywhere else `ground` says why data are kept.
  t.same(guessed(resources.filter(({ type }) => type !== 'legalBasis').map(({ body }) => body)), []);
  t.same(guessed([{ country: 'FR' }]), ['country'], 'a country would be noticed');
  t.same(
    all<LegalBasis>('legalBasis').map(({ ground, law }) => ({ ground, law })),
    [{ ground: 'legalObligation', law: undefined }],
    'the one basis that the policy evokes, without a law',
  );
  for (const { name, purposes } of activities) {
    const bases = purposes?.flatMap(({ legalBasisIds }) => legalBasisIds ?? []) ?? [];
    const stated = name === 'Respect des obligations légales' ? ['ref:exograd-obligation-legale'] : [];
    t.same(bases, stated, `${name}: bases`);
  }
  t.ok(all<DataCategory>('dataCategory').every(({ kind }) => kind === undefined));
  const recipients = all<Recipient>('recipient');
  for (const { name, confirmation, vendor: catalogue, identified } of recipients) {
    t.match(confirmation, { state: 'stated', on: '2022-12-26' }, `${name} has only what is stated`);
    t.equal(catalogue !== undefined, identified, `${name}: only a named vendor has a key of the catalogue`);
    if (catalogue?.key !== undefined) t.ok(vendor(catalogue.key), `${catalogue.key} is in the catalogue`);
    t.equal(catalogue?.on, undefined, `${name}: no fact is taken from the catalogue`);
  }
  t.ok(recipients.length > 0);
});

t.test('what the policy says stands in its field', async (t) => {
  const activity = (name: string) => one<ProcessingActivity>('processingActivity', `exograd-${name}`);
  const retentions = (name: string) => activity(name).dataLines?.map(({ retention }) => retention) ?? [];
  const recipients = (name: string) => activity(name).recipients?.map(({ recipientId }) => recipientId) ?? [];
  const role = (name: string) => one<Recipient>('recipient', `exograd-${name}`).role;

  t.same(retentions('consultation-des-sites'), [{ period: 'P1Y' }], 'visitors: one year');
  let customerLines = 0;
  for (const { name, dataLines } of activities) {
    for (const { dataSubjectCategoryIds, retention } of dataLines ?? []) {
      if (!dataSubjectCategoryIds?.includes('ref:exograd-clients')) continue;
      customerLines++;
      const expected = { period: 'P3Y', maximum: true, startsOn: 'Clôture du compte client' };
      t.match(retention, expected, `${name}: up to three years after the account is closed`);
      t.equal(retention?.exceptions?.length, 1, `${name}: but for what authorities prescribe`);
    }
  }
  t.ok(customerLines > 0);
  t.comment(`${customerLines} lines of customers' data`);
  t.same(retentions('exercice-des-droits'), [undefined, undefined], 'requests: nothing is said');

  t.same([role('vultr'), role('stripe'), role('mailchimp')], ['processor', 'processor', 'processor']);
  t.same([role('employes'), role('partenaires')], ['internal', undefined]);
  t.same(recipients('facturation'), ['ref:exograd-stripe']);
  t.same(recipients('newsletter'), ['ref:exograd-mailchimp']);
  t.ok(recipients('fourniture-des-services').includes('ref:exograd-vultr'));

  t.match(activity('fourniture-des-services').means, ['manual', 'automated']);
  t.match(activity('communication-essentielle').purposes?.[0]?.optOut, /^Impossible/);
  t.match(activity('communication-commerciale').purposes?.[0]?.optOut, /^Désactivé par défaut/);

  const rights = notice?.rights ?? [];
  t.same(
    rights.map(({ right }) => right),
    ['access', 'rectification', 'erasure', 'complaint'],
  );
  for (const right of rights.slice(0, 3)) {
    t.equal(right.responseTime, 'P30D', `${right.right}: within thirty days`);
    t.ok(right.identityCheck, `${right.right}: proof of identity`);
  }
  t.ok(rights[2]?.exceptions, 'not everything is erased');
  t.match(notice, { complaintAuthorities: ['FR-CNIL'], language: 'fr', lastChangedOn: '2022-12-26' });
  t.match(sample.controllers, [
    { reference: 'exograd', registerKept: true, contact: { email: 'contact@exograd.com' } },
  ]);
});

const folder = process.env.POLICIES_DIR;
if (folder) {
  t.test('the lines are those of the policy', async (t) => {
    const hashesOf = (file: string) =>
      readFileSync(join(folder, file), 'utf8')
        .replace(/\r?\n$/, '')
        .split(/\r?\n/)
        .map((line) => createHash('sha256').update(line).digest('hex'));
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
