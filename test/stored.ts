/**
 * Whether what a tenant has stored is whole: the answers prove themselves, every table says what follows from the log,
 * and what clients were told is what stands there. Each flaw is a sentence; a test wants to see none.
 */
import { dirname } from 'node:path';
import pg from 'pg';
import { definitionOf } from '../src/article30/index.ts';
import type { ResourceType } from '../src/article30/resource-types.ts';
import { namedKeys } from '../src/article30/shape.ts';
import { runningEmbedded } from '../src/db/embedded.ts';
import { canonicalText, type LogEntry, recomputeLog, registerDigest, subtreesOf } from './proof.ts';
import { call, type Reply } from './running.ts';
import type { Claim } from './writers.ts';

type Row = readonly unknown[];

/** A client of the embedded PostgreSQL that runs on a data folder. The owner sees all tenants. */
export async function clientOf(dataDirectory: string, role: 'owner' | 'service'): Promise<pg.Client> {
  const target = (await runningEmbedded(dataDirectory))?.[role];
  if (target === undefined) throw new Error('PostgreSQL does not run');
  const { path, username: user, password, database } = target;
  const client = new pg.Client({ host: dirname(path), user, password, database });
  await client.connect();
  return client;
}

/** A tenant as somebody sees it who may read the log. */
export interface View {
  readonly address: string;
  readonly token: string;
}

/** Everything that is wrong with a tenant, and its log. Nobody may be writing. */
export async function flawsOf(
  view: View,
  owner: pg.Client,
  claims: readonly Claim[],
): Promise<{ flaws: string[]; entries: LogEntry[] }> {
  const entries = await readLog(view);
  const flaws = [
    ...(await flawsOfAnswers(view, entries)),
    ...(await flawsOfTables(owner, entries)),
    ...flawsOfClaims(entries, claims),
    ...(await flawsOfKeys(owner, entries, claims)),
  ];
  return { flaws, entries };
}

/** What is answered for each of these resources is the newest content in the log, or 404 after its deletion. */
export async function flawsOfResources(view: View, entries: readonly LogEntry[], from: number): Promise<string[]> {
  const newest = new Map(entries.map((entry) => [entry.resourceId, entry]));
  const flaws: string[] = [];
  for (const { resourceType, resourceId, sequence, content } of newest.values()) {
    if (sequence < from) continue;
    const path = resourceType === 'settings' ? 'settings' : `${pathOf(resourceType)}/${resourceId}`;
    const reply = await call(view.address, view.token, `/v1/${path}`);
    const fits = content == null ? reply.status === 404 : reply.text === canonicalText(content);
    if (!fits) flaws.push(`${path} is answered with ${reply.status} ${reply.text.slice(0, 200)}`);
  }
  return flaws;
}

async function readLog(view: View): Promise<LogEntry[]> {
  return follow(view, '/v1/log', 200) as Promise<unknown> as Promise<LogEntry[]>;
}

async function follow(view: View, path: string, limit: number): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for (let after = 0; ; ) {
    const page = await must(view, `${path}?after=${after}&limit=${limit}`);
    items.push(...page.json.items);
    if (page.json.items.length === 0) return items;
    after = page.json.nextAfter;
  }
}

async function must(view: View, path: string): Promise<Reply> {
  const reply = await call(view.address, view.token, path);
  if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
  return reply;
}

/** What an auditor sees from outside. */
async function flawsOfAnswers(view: View, entries: readonly LogEntry[]): Promise<string[]> {
  const flaws: string[] = [];
  const { leaves, root } = recomputeLog(entries);
  entries.forEach((entry, index) => {
    if (entry.sequence !== index + 1) flaws.push(`the log has sequence ${entry.sequence} at place ${index + 1}`);
    if (entry.leafHash !== leaves[index]) flaws.push(`entry ${entry.sequence} does not hash to its leaf`);
    const before = entries[index - 1];
    const together = before?.recordedAt === entry.recordedAt;
    if (before !== undefined && !together && before.recordedAt > entry.recordedAt)
      flaws.push(`entry ${entry.sequence} is older than the one before`);
    if (together && (before.reason !== entry.reason || before.actor !== entry.actor))
      flaws.push(`entry ${entry.sequence} has the time of another change`);
  });

  const changes = await follow(view, '/v1/changes', 1000);
  flaws.push(
    ...differences(
      'changes',
      entries.map((e) => [e.sequence, e.resourceType, e.resourceId, e.version, e.operation, e.recordedAt]),
      changes.map((c) => [c.sequence, c.type, c.id, c.version, c.operation, c.at]),
    ),
  );

  const register = await must(view, '/v1/register');
  const { about, integrity, entries: shown } = register.json;
  if (about.sequence !== entries.length) flaws.push(`the register is of sequence ${about.sequence}`);
  if (about.rootHash !== root) flaws.push(`the register names the root ${about.rootHash}, the entries give ${root}`);
  if (integrity.digest !== registerDigest(register.text)) flaws.push('the register has another digest than it says');
  const approved = [...standing(entries).approved.values()].filter((e) => e.resourceType === 'processingActivity');
  flaws.push(
    ...differences(
      'entries of the register',
      approved.map(({ content }) => [canonicalText(content)]),
      shown.map((content: unknown) => [canonicalText(content)]),
    ),
  );
  return flaws;
}

/** The newest entry of each resource that was not deleted, and the newest approved one. */
function standing(entries: readonly LogEntry[]) {
  const newest = new Map<string, LogEntry>();
  const approved = new Map<string, LogEntry>();
  for (const entry of entries) {
    const { resourceId, operation } = entry;
    newest.set(resourceId, entry);
    if (entry.approved) approved.set(resourceId, entry);
    if (operation !== 'delete') continue;
    newest.delete(resourceId);
    approved.delete(resourceId);
  }
  return { newest, approved };
}

async function flawsOfTables(owner: pg.Client, entries: readonly LogEntry[]): Promise<string[]> {
  const tenant = entries[0]?.tenant;
  const { leaves } = recomputeLog(entries);
  const nodes = subtreesOf(leaves);
  const { newest, approved } = standing(entries);
  const read = async (statement: string) =>
    (await owner.query<unknown[]>({ text: statement, values: [tenant], rowMode: 'array' })).rows;

  return [
    ...differences(
      'tree_node',
      nodes.map(({ level, index, hash }) => [level, index, hash]),
      await read(`select level::int, index::int, encode(hash, 'hex') from tree_node where tenant_id = $1`),
    ),
    ...differences(
      'tenant_head',
      [[entries.length, entries.at(-1)?.recordedAt, frontierOf(leaves, nodes)]],
      await read(
        `select size::int, ${time('recorded_at')}, array(select encode(f, 'hex') from unnest(frontier) with ordinality as u (f, n) order by n)
         from tenant_head where tenant_id = $1`,
      ),
    ),
    ...differences(
      'revision',
      revisionsOf(entries),
      await read(`select sequence::int, reference, ${named} from revision where tenant_id = $1`),
    ),
    ...differences(
      'approved_span',
      spansOf(entries),
      await read(
        `select resource_type, resource_id, valid_from::int, valid_to::int, reference, ${named} from approved_span where tenant_id = $1`,
      ),
    ),
    ...differences(
      'resource',
      [...newest.values()].map((entry) => presentOf(entry, entries)),
      await read(
        `select resource_type, resource_id, reference, name, version, approved_version, state, archived, ${time('created_at')}, ${time('updated_at')}
         from resource where tenant_id = $1`,
      ),
    ),
    ...differences(
      'link',
      linksOf(entries, newest, approved),
      await read(
        'select source_type, source_id, field, target_type, target_id, in_working, in_approved, was_approved from link where tenant_id = $1',
      ),
    ),
    ...differences(
      'facet',
      [...newest.values()].flatMap(facetsOf),
      await read('select resource_type, resource_id, facet, value from facet where tenant_id = $1'),
    ),
    ...differences(
      'actor',
      [...new Set(entries.map(({ actor }) => actor))].map((actor) => [actor]),
      await read(
        'select actor_id from actor a where tenant_id = $1 and exists (select from revision v where v.tenant_id = $1 and v.actor = a.actor_id)',
      ),
    ),
  ];
}

const time = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const sorted = (column: string) => `array(select u::text from unnest(${column}) as u order by u::text collate "C")`;
const named = `ended_on::text, ${sorted('refs')}, ${sorted('controllers')}, controller_id`;

/** Columns of the log that follow from the content: when it ended, and what it names. */
function namedBy(entry: LogEntry): Row {
  const { content } = entry;
  const links = keysOf(entry);
  const ids = (list: typeof links) => [...new Set(list.map(({ key }) => key))].sort();
  const retirement = content?.state === 'retired' ? (content.retirement as { endedOn: string }) : undefined;
  return [
    retirement?.endedOn ?? null,
    ids(links),
    ids(links.filter(({ type }) => type === 'controller')),
    links.find(({ field }) => field === 'controllerId')?.key ?? null,
  ];
}

/** A deletion leaves no content: what is deleted keeps its last reference. */
function revisionsOf(entries: readonly LogEntry[]): Row[] {
  const references = new Map<string, unknown>();
  return entries.map((entry) => {
    const reference = entry.content === null ? references.get(entry.resourceId) : referenceOf(entry);
    references.set(entry.resourceId, reference);
    return [entry.sequence, reference, ...namedBy(entry)];
  });
}

function referenceOf({ content }: LogEntry): unknown {
  return content?.reference ?? 'settings';
}

function spansOf(entries: readonly LogEntry[]): Row[] {
  const spans: unknown[][] = [];
  const open = new Map<string, unknown[]>();
  for (const entry of entries) {
    if (!entry.approved) continue;
    const before = open.get(entry.resourceId);
    if (before !== undefined) before[3] = entry.sequence;
    open.delete(entry.resourceId);
    if (entry.operation === 'delete') continue;
    const span = [entry.resourceType, entry.resourceId, entry.sequence, null, referenceOf(entry), ...namedBy(entry)];
    spans.push(span);
    open.set(entry.resourceId, span);
  }
  return spans;
}

function presentOf({ resourceType, resourceId, version, content }: LogEntry, entries: readonly LogEntry[]): Row {
  if (resourceType === 'settings') {
    const first = entries.find((entry) => entry.resourceId === resourceId);
    const times = [first?.content?.updatedAt, content?.updatedAt];
    return [resourceType, resourceId, 'settings', 'Settings', version, version, 'approved', false, ...times];
  }
  const { reference, name, approvedVersion = null, state, archived, createdAt, updatedAt } = content ?? {};
  return [
    ...[resourceType, resourceId, reference, name, version, approvedVersion, state, archived],
    ...[createdAt, updatedAt],
  ];
}

function linksOf(
  entries: readonly LogEntry[],
  newest: ReadonlyMap<string, LogEntry>,
  approved: ReadonlyMap<string, LogEntry>,
): Row[] {
  const ever = Map.groupBy(
    entries.filter((entry) => entry.approved),
    (entry) => entry.resourceId,
  );
  const linkTexts = (entry: LogEntry | undefined) =>
    new Set((entry === undefined ? [] : keysOf(entry)).map(({ field, type, key }) => `${field} ${type} ${key}`));
  return [...newest.values()].flatMap((entry) => {
    const working = linkTexts(entry);
    const shown = linkTexts(approved.get(entry.resourceId));
    const past = new Set((ever.get(entry.resourceId) ?? []).flatMap((each) => [...linkTexts(each)]));
    return [...new Set([...working, ...past])].map((link) => [
      ...[entry.resourceType, entry.resourceId, ...link.split(' ')],
      ...[working.has(link), shown.has(link), past.has(link)],
    ]);
  });
}

function facetsOf({ resourceType, resourceId, content }: LogEntry): Row[] {
  if (resourceType === 'settings' || content == null) return [];
  return Object.entries(definitionOf(resourceType as ResourceType).facets ?? {}).flatMap(([facet, read]) => {
    const values = new Set([read({ ...content }) ?? []].flat());
    return [...values].map((value) => [resourceType, resourceId, facet, value]);
  });
}

function keysOf({ resourceType, content }: LogEntry) {
  if (resourceType === 'settings' || content == null) return [];
  return namedKeys(definitionOf(resourceType as ResourceType), { ...content });
}

function pathOf(type: string): string {
  return definitionOf(type as ResourceType).path;
}

/** The roots of the complete subtrees that the leaves make up, the largest first. */
function frontierOf(leaves: readonly string[], nodes: readonly { level: number; index: number; hash: string }[]) {
  const hashes = new Map(nodes.map(({ level, index, hash }) => [`${level} ${index}`, hash]));
  const frontier: (string | undefined)[] = [];
  let done = 0;
  for (let level = Math.floor(Math.log2(Math.max(leaves.length, 1))); level >= 0; level--) {
    const size = 2 ** level;
    if (leaves.length - done < size) continue;
    frontier.push(level === 0 ? leaves[done] : hashes.get(`${level} ${done / size}`));
    done += size;
  }
  return frontier;
}

/** What writers were told is what the log shows; what is said to have failed left nothing; nothing was done twice. */
function flawsOfClaims(entries: readonly LogEntry[], claims: readonly Claim[]): string[] {
  const byReason = Map.groupBy(entries, ({ reason }) => reason ?? '');
  const flaws: string[] = [];
  for (const { reason, entries: count, stored, content, sequence } of claims) {
    const found = byReason.get(reason) ?? [];
    byReason.delete(reason);
    const allowed = { yes: [count], no: [0], either: [0, count] }[stored];
    if (!allowed.includes(found.length))
      flaws.push(`${reason}: ${found.length} entries, ${allowed.join(' or ')} should be`);
    const last = found.at(-1);
    if (last === undefined) continue;
    if (found.some((entry) => entry.recordedAt !== last.recordedAt)) flaws.push(`${reason} was not one change`);
    if (content !== undefined && canonicalText(content) !== canonicalText(last.content))
      flaws.push(`${reason} was answered with another content than the log has`);
    if (sequence !== undefined && sequence !== last.sequence)
      flaws.push(`${reason} was said to be entry ${sequence}, it is ${last.sequence}`);
  }
  byReason.delete('');
  for (const reason of byReason.keys()) flaws.push(`${reason} stands in the log, and nobody wrote it`);
  return flaws;
}

/** The answer to a key is kept with the change, and only with it. */
async function flawsOfKeys(
  owner: pg.Client,
  entries: readonly LogEntry[],
  claims: readonly Claim[],
): Promise<string[]> {
  const made = new Set(entries.map(({ reason }) => reason));
  const { rows } = await owner.query<[string]>({
    text: 'select key from idempotency where tenant_id = $1',
    values: [entries[0]?.tenant],
    rowMode: 'array',
  });
  const kept = claims.flatMap(({ key, reason }) => (key !== undefined && made.has(reason) ? [[key]] : []));
  return differences('idempotency', kept, rows);
}

/** Rows that should be there and are not, and rows that are there and should not be: the first of each. */
function differences(what: string, expected: readonly Row[], stored: readonly Row[]): string[] {
  const wanted = new Set(expected.map(canonicalText));
  const found = new Set(stored.map(canonicalText));
  const lacks = [...wanted].filter((row) => !found.has(row));
  const extra = [...found].filter((row) => !wanted.has(row));
  const flaws: string[] = [];
  if (lacks.length > 0) flaws.push(`${what} lacks ${lacks.length} rows, e.g. ${lacks[0]}`);
  if (extra.length > 0) flaws.push(`${what} has ${extra.length} rows too many, e.g. ${extra[0]}`);
  if (flaws.length === 0 && expected.length !== stored.length) flaws.push(`${what} has rows twice`);
  return flaws;
}
