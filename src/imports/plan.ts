/**
 * The change plan, the same for every source: what a file wants is compared with what is stored, and comes back as what
 * would be created, what would be changed, and what stands against it. Nothing is written.
 */
import { contradictionsOf } from '../article30/contradictions.ts';
import { type Content, isObject, type ResourceDefinition } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import { approvesItself, stated, writableOf } from '../article30/life.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import type { Settings } from '../article30/settings.ts';
import { type NamedKey, namedKeys, withKeys } from '../article30/shape.ts';
import { clientReference } from '../db/clients.ts';
import { type PlannedItem, pagesOf } from '../db/imports.ts';
import { contentLimit, type Target, targetName, type Wanted } from '../db/records.ts';
import { Turns } from './turns.ts';

/** What is wrong with a file, or worth a look. */
export interface PlanProblem {
  /** With an error a plan cannot be applied. */
  readonly severity: 'error' | 'warning';
  /** JSON pointer into the file (RFC 6901). */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** A plan names at most so many problems; errors come first. */
const listedProblems = 200;

/** A name of the file can be as long as the file. */
const longestPointer = 500;
const longestMessage = 1_000;

export const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;

/** The problems of a file, bounded. */
export class Problems {
  errors = 0;
  warnings = 0;
  readonly #errors: PlanProblem[] = [];
  readonly #warnings: PlanProblem[] = [];

  error(pointer: string, code: string, message: string): void {
    this.errors++;
    if (this.errors <= listedProblems) this.#errors.push(told('error', pointer, code, message));
  }

  warn(pointer: string, code: string, message: string): void {
    this.warnings++;
    if (this.warnings <= listedProblems) this.#warnings.push(told('warning', pointer, code, message));
  }

  /** Those that are told, with a last one that says how many are not. */
  get listed(): PlanProblem[] {
    const shown = [...this.#errors, ...this.#warnings].slice(0, listedProblems);
    const left = this.errors + this.warnings - shown.length;
    if (left === 0) return shown;
    const severity = this.errors > listedProblems ? 'error' : 'warning';
    return [...shown, { severity, pointer: '', code: 'more', message: `There are ${left} more problems.` }];
  }
}

const told = (severity: PlanProblem['severity'], pointer: string, code: string, message: string): PlanProblem => ({
  ...{ severity, code, pointer: shortened(pointer, longestPointer), message: shortened(message, longestMessage) },
});

/** A resource as a file wants it. */
export interface WantedResource {
  readonly definition: ResourceDefinition;
  /** What the file says. Keys in it are ids of the file or of the tenant, or `ref:` keys. */
  readonly body: Content;
  /** Where it stands in the file. */
  readonly pointer: string;
  /** Absent where it follows from what the resource names. */
  readonly reference?: string;
  /** The id by which other resources of the file name it. */
  readonly id?: string;
  /** Something is wrong with the body, and was told: it is only there for others to name. */
  readonly flawed?: boolean;
}

/** What a plan must know of the tenant. */
export interface TenantView {
  /** Resources by their keys, named as by `targetName`; what does not exist is absent. */
  find(wanted: readonly Wanted[]): Promise<ReadonlyMap<string, Target>>;
  /** Bytes of working contents by id. */
  sizes(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Working contents by id. */
  contents(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Content>>;
  /** References by type and id, named as by `targetName`. */
  references(wanted: readonly Wanted[]): Promise<ReadonlyMap<string, string>>;
  /** Who names whom in a field, by id: the chains of a type that must not turn back on themselves. */
  chain(type: string, field: string): Promise<ReadonlyMap<string, string>>;
}

/** What would become of the tenant. */
export interface ChangePlan {
  readonly items: readonly PlannedItem[];
  /** How many resources of the file are stored as the file has them. */
  readonly unchanged: number;
}

/** So many resources are compared at a time, with other requests in between. */
const pageSize = 100;
/** A file names at most so many keys that it does not hold itself. */
const outsideLimit = 50_000;
/** Bytes of a value of a field that a plan tells, and of all that it tells of its items. */
const valueLimit = 64 * 1024;
const toldLimit = 8 * 1024 * 1024;
const longestName = 300;

/** A wanted resource with the id that it has, or will have, in the tenant. */
interface Entry {
  readonly wanted: WantedResource;
  reference: string;
  id: string;
  target: Target | undefined;
}

/**
 * Compares what a file wants with what the tenant has. Resources are matched by their reference within their type; a
 * resource that the file does not have is left alone.
 *
 * @param problems takes what stands against it
 */
export async function planChanges(
  wanted: readonly WantedResource[],
  tenant: TenantView,
  settings: Settings,
  newId: () => string,
  problems: Problems,
): Promise<ChangePlan> {
  const turns = new Turns();
  const file = indexed(wanted, newId, problems);
  const outside = await findAll(file, tenant, turns, problems);
  if (outside === undefined) return { items: [], unchanged: 0 };
  const items: PlannedItem[] = [];
  const room = new Room();
  let atOnce = 0;
  const chains = new Map<ResourceDefinition, Chain>();
  const unapproved: { id: string; pointer: string; type: string }[] = [];
  const processors = new Map<string, unknown>();
  const clients: PlannedClient[] = [];
  let unchanged = 0;

  for await (const entries of pagesByType(file.entries, tenant)) {
    const { definition } = entries[0]!.wanted;
    const stored = await tenant.contents(
      definition.type,
      entries.flatMap(({ target }) => target?.id ?? []),
    );
    const changed: Compared[] = [];
    const created: { entry: Entry; after: Content }[] = [];
    for (const entry of entries) {
      await turns.next();
      const working = stored.get(entry.id);
      const after = resolvedContent(entry, file, outside, working, newId, problems);
      if (after === undefined) continue;
      const { pointer } = entry.wanted;
      tellOfEnds(entry, working, problems);
      if (definition.tree !== undefined) {
        const chain: Chain = chains.get(definition) ?? new Map();
        chains.set(definition, chain.set(entry.id, { above: after[definition.tree] as string | undefined, pointer }));
      }
      if (definition.type === 'processorActivity') processors.set(entry.id, after.processorId);
      const before = working === undefined ? undefined : writableOf(definition, working);
      if (before !== undefined && isSame(before, after)) {
        unchanged++;
        continue;
      }
      if (definition.type === 'processorClient') clients.push({ pointer, isNew: before === undefined, content: after });
      if (working?.state === 'retired') {
        problems.error(pointer, 'state-conflict', 'It is retired here: its content no longer changes.');
        continue;
      }
      if (approvesItself(definition, settings)) {
        for (const { pointer: place, type, key } of namedKeys(definition, after)) {
          const named = file.byId.get(targetName({ type, key }))?.target ?? outside.get(targetName({ type, key }));
          if (named?.approvedVersion !== null || definitionOf(type).nature === 'activity') continue;
          unapproved.push({ id: key, pointer: pointer + place, type });
        }
      }
      if (isShownAtOnce(definition, settings, before !== undefined, after, file, outside)) atOnce++;
      if (working !== undefined && before !== undefined) {
        changed.push({ entry, version: working.version as number, before, after });
      } else created.push({ entry, after });
    }
    const names = await clientNames(definition, [...created, ...changed], file, tenant);
    const page = [...newItems(created, names, room)];
    page.push(...(await compared(definition, changed, names, file, tenant, room, turns)));
    for (const item of page) {
      if (Buffer.byteLength(item.content) <= contentLimit) items.push(item);
      else {
        const { pointer } = file.byId.get(targetName({ type: item.type, key: item.id }))!.wanted;
        problems.error(pointer, 'maxLength', 'With ids in place of its keys it is larger than 1 MiB.');
      }
    }
  }

  const planned = new Set(items.map(({ id }) => id));
  for (const { id, pointer, type } of unapproved) {
    // What the plan itself changes is approved with it.
    if (!planned.has(id)) problems.error(pointer, 'not-approved', `Nobody has approved this ${type}.`);
  }
  for (const [definition, chain] of chains) await refuseCircles(definition, chain, tenant, problems);
  await refuseUnservable(clients, processors, tenant, problems);
  if (atOnce > 0 && problems.errors === 0) {
    const message = `Building blocks and clients among them (${atOnce}) are approved as they are saved: the register shows them at once, the activities only when they are approved.`;
    problems.warn('', 'approved-at-once', message);
  }
  return { items, unchanged };
}

/** Whether the register shows a change as soon as it is saved: of what may be in it already, where nobody approves it. */
function isShownAtOnce(
  definition: ResourceDefinition,
  settings: Settings,
  isThere: boolean,
  content: Content,
  file: File,
  outside: ReadonlyMap<string, Target>,
): boolean {
  if (!approvesItself(definition, settings)) return false;
  if (isThere || definition.type !== 'processorClient') return isThere;
  const activity = targetName({ type: 'processorActivity', key: String(content.processorActivityId) });
  return (file.byId.get(activity)?.target ?? outside.get(activity)) !== undefined;
}

/** What is left of the bytes that a plan tells of its items. */
class Room {
  #left = toldLimit;

  /** The text, or nothing where there is no room for it. */
  take(text: string): string {
    const bytes = Buffer.byteLength(text) + 1;
    if (bytes > this.#left) return '';
    this.#left -= bytes;
    return text;
  }

  /** The texts with commas between them, or nothing where there is no room for all of them. */
  takeAll(texts: Iterable<string>): string {
    const taken: string[] = [];
    let bytes = 0;
    for (const text of texts) {
      bytes += Buffer.byteLength(text) + 1;
      if (bytes > this.#left) return '';
      taken.push(text);
    }
    this.#left -= bytes;
    return taken.join(',');
  }
}

function* newItems(
  created: readonly { readonly entry: Entry; readonly after: Content }[],
  names: ReadonlyMap<Entry, string>,
  room: Room,
): Generator<PlannedItem> {
  for (const { entry, after } of created) {
    const { reference, wanted } = entry;
    const name = shortened(names.get(entry) ?? String(after.name ?? reference), longestName);
    yield itemOf(entry, 0, after, room.take(JSON.stringify({ type: wanted.definition.type, reference, name })));
  }
}

/** What clients are called: their references are made of ids, and they have no names. */
async function clientNames(
  { type }: ResourceDefinition,
  clients: readonly { readonly entry: Entry; readonly after: Content }[],
  file: File,
  tenant: TenantView,
): Promise<ReadonlyMap<Entry, string>> {
  if (type !== 'processorClient') return new Map();
  const ends = ({ controllerId, processorActivityId }: Content): [Wanted, Wanted] => [
    { type: 'controller', key: String(controllerId) },
    { type: 'processorActivity', key: String(processorActivityId) },
  ];
  const unknown = clients.flatMap(({ after }) => ends(after)).filter((end) => !file.byId.has(targetName(end)));
  const references = await tenant.references(unknown);
  const called = (end: Wanted) =>
    file.byId.get(targetName(end))?.reference ?? references.get(targetName(end)) ?? end.key;
  return new Map(
    clients.map(({ entry, after }) => {
      const [controller, activity] = ends(after);
      return [entry, `${called(controller)}, client of ${called(activity)}`];
    }),
  );
}

/** A client of a processor activity that the plan adds or changes. */
interface PlannedClient {
  readonly pointer: string;
  readonly isNew: boolean;
  readonly content: Content;
}

/**
 * Whoever a processor activity is not carried out for: the processor itself, and nobody new when the work has ended.
 *
 * @param processors of the activities that the file has
 */
async function refuseUnservable(
  clients: readonly PlannedClient[],
  processors: ReadonlyMap<string, unknown>,
  tenant: TenantView,
  problems: Problems,
): Promise<void> {
  const served = [...new Set(clients.map(({ content }) => content.processorActivityId as string))];
  const stored = new Map<string, Content>();
  for await (const ids of pagesBySize('processorActivity', served, tenant)) {
    for (const [id, { state, processorId }] of await tenant.contents('processorActivity', ids)) {
      stored.set(id, { state, processorId });
    }
  }
  for (const { pointer, isNew, content } of clients) {
    const id = content.processorActivityId as string;
    const activity = stored.get(id);
    const processor = processors.has(id) ? processors.get(id) : activity?.processorId;
    if (processor === content.controllerId) {
      problems.error(
        `${pointer}/controllerId`,
        'contradiction',
        'The processor of the activity is no client of its own.',
      );
    }
    if (isNew && activity?.state === 'retired') {
      problems.error(pointer, 'state-conflict', 'The activity is retired here: it gets no new clients.');
    }
  }
}

interface File {
  readonly entries: readonly Entry[];
  /** By the keys that the file has for it. */
  readonly byKey: ReadonlyMap<string, Entry>;
  /** By the id that it has, or will have, in the tenant. */
  readonly byId: Map<string, Entry>;
}

function indexed(wanted: readonly WantedResource[], newId: () => string, problems: Problems): File {
  const byKey = new Map<string, Entry>();
  const entries: Entry[] = [];
  for (const each of wanted) {
    const { definition, pointer, reference, id } = each;
    const entry: Entry = { wanted: each, reference: reference ?? '', id: newId(), target: undefined };
    for (const key of [id, reference === undefined ? undefined : `ref:${reference}`]) {
      if (key === undefined) continue;
      const name = targetName({ type: definition.type, key });
      const first = byKey.get(name);
      if (first === undefined) byKey.set(name, entry);
      else if (key !== id) {
        const message = `The file has this reference already at ${first.wanted.pointer}.`;
        problems.error(`${pointer}/reference`, 'duplicate', message);
      } else problems.error(`${pointer}/id`, 'duplicate', `The file has this id already at ${first.wanted.pointer}.`);
    }
    entries.push(entry);
  }
  return { entries, byKey, byId: new Map() };
}

/**
 * Finds each resource of the file in the tenant, and what the file names outside of itself, which is answered; undefined
 * when that is too much, which is told.
 */
async function findAll(
  file: File,
  tenant: TenantView,
  turns: Turns,
  problems: Problems,
): Promise<ReadonlyMap<string, Target> | undefined> {
  const wanted = new Map<string, Wanted>();
  const want = (each: Wanted) => wanted.set(targetName(each), { type: each.type, key: each.key });
  for (const { wanted: each } of file.entries) {
    const { type } = each.definition;
    if (each.reference !== undefined) want({ type, key: `ref:${each.reference}` });
    if (each.flawed === true) continue;
    await turns.next();
    for (const named of keysOf(each)) if (!file.byKey.has(targetName(named))) want(named);
    if (wanted.size > file.entries.length + outsideLimit) {
      problems.error('', 'maxItems', `It names more than ${outsideLimit} resources that it does not hold.`);
      return undefined;
    }
  }
  const found = await tenant.find([...wanted.values()]);
  const settle = (entry: Entry, reference: string, targets: ReadonlyMap<string, Target>) => {
    const { type } = entry.wanted.definition;
    entry.reference = reference;
    entry.target = targets.get(targetName({ type, key: `ref:${reference}` }));
    entry.id = entry.target?.id ?? entry.id;
    file.byId.set(targetName({ type, key: entry.id }), entry);
  };
  const later: { entry: Entry; reference: string }[] = [];
  for (const entry of file.entries) {
    if (entry.wanted.reference !== undefined) settle(entry, entry.wanted.reference, found);
  }
  const idOf = (key: unknown, type: ResourceType) => {
    const name = targetName({ type, key: String(key) });
    return file.byKey.get(name)?.id ?? found.get(name)?.id;
  };
  for (const entry of file.entries) {
    if (entry.wanted.reference !== undefined) continue;
    const { processorActivityId, controllerId } = entry.wanted.body;
    const activity = idOf(processorActivityId, 'processorActivity');
    const controller = idOf(controllerId, 'controller');
    // What names something unknown is told of later, and has no reference.
    if (activity !== undefined && controller !== undefined) {
      later.push({ entry, reference: clientReference(activity, controller) });
    }
  }
  const clients = await tenant.find(
    later.map(({ entry, reference }) => ({ type: entry.wanted.definition.type, key: `ref:${reference}` })),
  );
  const pairs = new Map<string, Entry>();
  for (const { entry, reference } of later) {
    const first = pairs.get(reference);
    if (first === undefined) {
      pairs.set(reference, entry);
      settle(entry, reference, clients);
    } else {
      const message = `The file has this client of the activity already at ${first.wanted.pointer}.`;
      problems.error(entry.wanted.pointer, 'duplicate', message);
    }
  }
  return found;
}

const keysOf = ({ definition, body }: WantedResource): NamedKey[] =>
  namedKeys(definition, writableOf(definition, body));

/** Resources of one type at a time, no more than fit into the memory with what is stored of them. */
async function* pagesByType(entries: readonly Entry[], tenant: TenantView): AsyncGenerator<Entry[]> {
  for (const [{ type }, ofType] of Map.groupBy(entries, ({ wanted }) => wanted.definition)) {
    const sizes = await tenant.sizes(
      type,
      ofType.flatMap(({ target }) => target?.id ?? []),
    );
    yield* pagesOf(ofType, ({ id }) => sizes.get(id) ?? 0, pageSize);
  }
}

async function* pagesBySize(type: ResourceType, ids: readonly string[], tenant: TenantView): AsyncGenerator<string[]> {
  const sizes = await tenant.sizes(type, ids);
  yield* pagesOf(ids, (id) => sizes.get(id) ?? 0, pageSize);
}

/** What the file says, as the tenant would store it; undefined when it cannot be. */
function resolvedContent(
  entry: Entry,
  file: File,
  outside: ReadonlyMap<string, Target>,
  stored: Content | undefined,
  newId: () => string,
  problems: Problems,
): Content | undefined {
  const { definition, body, pointer, flawed } = entry.wanted;
  if (flawed === true) return undefined;
  let whole = true;
  const strangers = new Set<string>();
  const resolved = withKeys(definition, writableOf(definition, body), (named) => {
    const name = targetName(named);
    const id = file.byKey.get(name)?.id ?? outside.get(name)?.id;
    if (id !== undefined) return id;
    const place = /^(.+\/\d+)\/\w+$/.exec(named.pointer)?.[1];
    if (definitionOf(named.type).nature === 'activity' && !named.key.startsWith('ref:') && place !== undefined) {
      const message = `The file names a ${named.type} that it does not hold; this place is left out.`;
      problems.warn(pointer + named.pointer, 'left-out', message);
      strangers.add(place);
      return named.key;
    }
    whole = false;
    const message = `There is no ${named.type} with this key, neither in the file nor here.`;
    problems.error(pointer + named.pointer, 'unknown-reference', message);
    return named.key;
  });
  if (!whole) return undefined;
  const said = strangers.size === 0 ? resolved : withoutItems(resolved, strangers);
  const content = { ...stated(definition, said as Content, stored, newId), reference: entry.reference };
  const flaws = contradictionsOf(definition, content);
  for (const flaw of flaws) problems.error(pointer + flaw.pointer, flaw.code, flaw.message);
  return flaws.length === 0 ? content : undefined;
}

/**
 * The value without items of its lists, by their pointers. A notice tells of activities by their ids, of drafts and of the
 * other record too, and a register has neither: in that document these places lead nowhere.
 */
function withoutItems(value: unknown, places: ReadonlySet<string>, pointer = ''): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => {
      const place = `${pointer}/${index}`;
      return places.has(place) ? [] : [withoutItems(item, places, place)];
    });
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withoutItems(member, places, `${pointer}/${name}`)]),
  );
}

/** An end is a step of its own, which somebody decides, and so is hiding: neither comes with a content. */
function tellOfEnds({ wanted: { body, pointer } }: Entry, stored: Content | undefined, problems: Problems): void {
  if (body.state === 'retired' && stored?.state !== 'retired') {
    const message = 'The file says that it has ended. Approve it after the import, then retire it.';
    problems.warn(`${pointer}/state`, 'retired', message);
  }
  if (stored?.archived === true) problems.warn(pointer, 'archived', 'It is archived here, and stays so.');
}

function itemOf({ wanted, id, reference }: Entry, version: number, content: Content, told: string): PlannedItem {
  return {
    type: wanted.definition.type,
    id,
    reference,
    version,
    content: JSON.stringify(content),
    told,
  };
}

/** A resource that is stored otherwise than the file has it. */
interface Compared {
  readonly entry: Entry;
  readonly version: number;
  readonly before: Content;
  readonly after: Content;
}

/** Field by field what would change, with `ref:` keys on both sides: what is yet to be created has no id to show. */
async function compared(
  definition: ResourceDefinition,
  changed: readonly Compared[],
  names: ReadonlyMap<Entry, string>,
  file: File,
  tenant: TenantView,
  room: Room,
  turns: Turns,
): Promise<PlannedItem[]> {
  if (changed.length === 0) return [];
  const unknown = new Map<string, Wanted>();
  for (const { before, after } of changed) {
    for (const named of [...namedKeys(definition, before), ...namedKeys(definition, after)]) {
      if (!file.byId.has(targetName(named))) unknown.set(targetName(named), { type: named.type, key: named.key });
    }
  }
  const references = await tenant.references([...unknown.values()]);
  const shown = (content: Content) =>
    withKeys(definition, content, (named) => {
      const reference = file.byId.get(targetName(named))?.reference ?? references.get(targetName(named));
      return reference === undefined ? named.key : `ref:${reference}`;
    });
  const items: PlannedItem[] = [];
  for (const { entry, version, before, after } of changed) {
    await turns.next();
    const name = names.get(entry);
    const about = { type: definition.type, reference: entry.reference, ...(name === undefined ? {} : { name }) };
    items.push(itemOf(entry, version, after, room.takeAll(toldFields(about, shown(before), shown(after)))));
  }
  return items;
}

function* toldFields(about: object, before: Content, after: Content): Generator<string> {
  for (const { old, new: now, ...field } of differences(before, after)) {
    const told = {
      ...(old === undefined ? {} : { old: bounded(old) }),
      ...(now === undefined ? {} : { new: bounded(now) }),
    };
    yield JSON.stringify({ ...about, ...field, ...told });
  }
}

/** A value, or how many bytes of JSON it would take where that is too much to tell. */
function bounded(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  return bytes <= valueLimit ? value : { omitted: bytes };
}

/** One difference of two contents. Absent on one side: not stated there. */
export interface FieldChange {
  /** The line that it is in. */
  readonly lineId?: string;
  /** Path of the member without positions, e.g. `dataLines.retention.period`. */
  readonly field: string;
  readonly old?: unknown;
  readonly new?: unknown;
}

/**
 * Where two contents differ: member by member, and line by line where lines have a `lineId`. A line that comes or goes is
 * one difference; so is another order of the same lines, shown as their ids.
 */
export function* differences(before: Content, after: Content, path = '', lineId?: string): Generator<FieldChange> {
  const line = lineId === undefined ? {} : { lineId };
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const old = before[name];
    const now = after[name];
    if (isSame(old, now)) continue;
    const field = path === '' ? name : `${path}.${name}`;
    if (isObject(old) && isObject(now)) yield* differences(old, now, field, lineId);
    else if (lineId === undefined && areLines(old ?? now) && areLines(now ?? old)) {
      yield* lineDifferences(field, (old ?? []) as Line[], (now ?? []) as Line[]);
    } else {
      yield { ...line, field, ...(old === undefined ? {} : { old }), ...(now === undefined ? {} : { new: now }) };
    }
  }
}

type Line = Content & { lineId: string };

function* lineDifferences(field: string, before: readonly Line[], after: readonly Line[]): Generator<FieldChange> {
  const old = new Map(before.map((line) => [line.lineId, line]));
  const now = new Map(after.map((line) => [line.lineId, line]));
  for (const [lineId, line] of old) {
    const other = now.get(lineId);
    if (other === undefined) yield { lineId, field, old: line };
    else yield* differences(line, other, field, lineId);
  }
  for (const [lineId, line] of now) if (!old.has(lineId)) yield { lineId, field, new: line };
  const stay = [...old.keys()].filter((lineId) => now.has(lineId));
  const order = [...now.keys()].filter((lineId) => old.has(lineId));
  if (!isSame(stay, order)) yield { field, old: [...old.keys()], new: [...now.keys()] };
}

const areLines = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => isObject(each) && typeof each.lineId === 'string');

/** Whether two values are the same JSON; the order of members does not count. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => isSame(each, b[i]));
  }
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame((a as Content)[name], (b as Content)[name]))
  );
}

/** What stands above each resource of the file, by ids. */
type Chain = Map<string, { readonly above: string | undefined; readonly pointer: string }>;

/** A chain that would lead back to where it began, through the file or through what is stored. */
async function refuseCircles(
  definition: ResourceDefinition,
  chain: Chain,
  tenant: TenantView,
  problems: Problems,
): Promise<void> {
  const field = definition.tree!;
  if ([...chain.values()].every(({ above }) => above === undefined)) return;
  const stored = await tenant.chain(definition.type, field);
  const above = (id: string) => (chain.has(id) ? chain.get(id)!.above : stored.get(id));
  const ends = new Set<string>();
  for (const start of chain.keys()) {
    const path = new Set<string>();
    let at: string | undefined = start;
    while (at !== undefined && !ends.has(at) && !path.has(at)) {
      path.add(at);
      at = above(at);
    }
    if (at !== undefined && path.has(at)) {
      const pointer = chain.get(at)?.pointer ?? chain.get(start)!.pointer;
      problems.error(`${pointer}/${field}`, 'cycle', 'Names a resource that leads back to this one.');
    }
    for (const id of path) ends.add(id);
  }
}
