/**
 * Every entry is provable from the answers alone: contents, leaves, the root at every size and the digest of a register
 * are recomputed by code that shares nothing with the service, and whatever was changed behind its back is noticed.
 */
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Pool } from '../src/db/connection.ts';
import { poolFor } from './database.ts';
import { canonicalText, type LogEntry, recomputeLog, registerDigest, rootOf, subtreesOf } from './proof.ts';
import { type Answer, type Client, startService, type TestService } from './service.ts';

/** An item of `GET /v1/log` whole. */
interface Entry extends LogEntry {
  readonly actorSubject?: string;
}

/** A change that the service acknowledged, with what `GET` gave right after it. */
interface Done {
  readonly operation: string;
  readonly id: string;
  readonly version: number;
  readonly sequence: number;
  /** The body of `GET` as it came; null after a deletion. */
  readonly text: string | null;
}

const any = { 'if-match': '*' };
/** A header carries bytes; this one is UTF-8. */
const reason = (text: string) => ({ 'change-reason': Buffer.from(text).toString('latin1') });

/** A resource that a story goes on with. */
interface Thing {
  readonly type: string;
  readonly path: string;
  readonly id: string;
}

class Story {
  readonly done: Done[] = [];
  readonly #t: Test;
  readonly #client: Client;

  constructor(t: Test, client: Client) {
    this.#t = t;
    this.#client = client;
  }

  async create(type: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Thing> {
    const answer = await this.#sent('POST', `/v1/${path}`, body, headers);
    const thing = { type, path: `/v1/${path}/${answer.json.id}`, id: answer.json.id };
    await this.#note('create', thing, answer);
    return thing;
  }

  async change(operation: string, thing: Thing, body: object, headers: Record<string, string> = {}): Promise<void> {
    const method = operation === 'replace' ? 'PUT' : 'PATCH';
    await this.#note('update', thing, await this.#sent(method, thing.path, body, { ...any, ...headers }));
  }

  /** A step of life; `with` are things that the same transaction approves, in any order, before it. */
  async step(
    verb: string,
    thing: Thing,
    body?: object,
    headers: Record<string, string> = {},
    others: readonly Thing[] = [],
  ): Promise<void> {
    const answer = await this.#sent('POST', `${thing.path}/${verb}`, body, { ...any, ...headers });
    for (const other of others) await this.#note(verb, other, answer, 'some');
    await this.#note(verb, thing, answer);
  }

  async discard(thing: Thing): Promise<void> {
    await this.#note('discard', thing, await this.#sent('DELETE', `${thing.path}/draft`, undefined, any));
  }

  async remove(thing: Thing, headers: Record<string, string> = {}): Promise<void> {
    const { json } = await this.#client.get(thing.path);
    const answer = await this.#sent('DELETE', thing.path, undefined, { ...any, ...headers });
    const sequence = Number(answer.headers['log-sequence']);
    this.done.push({ operation: 'delete', id: thing.id, version: json.version + 1, sequence, text: null });
  }

  async settings(body: object): Promise<void> {
    const answer = await this.#sent('PATCH', '/v1/settings', body, any);
    const version = answer.json.version as number;
    const { text } = await this.#client.get('/v1/settings');
    const sequence = Number(answer.headers['log-sequence']);
    this.done.push({ operation: version === 1 ? 'create' : 'update', id: 'settings', version, sequence, text });
  }

  async #note(operation: string, thing: Thing, answer: Answer, place: 'last' | 'some' = 'last'): Promise<void> {
    const { text, json } = await this.#client.get(thing.path);
    const sequence = place === 'last' ? Number(answer.headers['log-sequence']) : Number.NaN;
    this.done.push({ operation, id: thing.id, version: json.version, sequence, text });
  }

  async #sent(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.#client.call(method, path, { ...(body === undefined ? {} : { body }), headers });
    if (answer.status >= 300) this.#t.fail(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }
}

/** Every operation that a request can cause, with texts that are hard to write in one way only. */
async function live(t: Test, client: Client): Promise<Done[]> {
  const story = new Story(t, client);
  const acme = await story.create(
    'controller',
    'controllers',
    {
      name: 'Acmé “SAS”',
      reference: 'acme',
      registerKept: true,
      customFields: { ö: '1', a: '\u2028</script>', '€': '' },
    },
    reason('Gründung, Köln 🙂'),
  );
  const purpose = await story.create('purpose', 'purposes', {
    name: 'Line\nbreak\tand \\ "quotes" \u007f',
    reference: 'p',
  });
  const stripe = await story.create('recipient', 'recipients', { name: 'Stripe', reference: 'stripe' });
  await story.change('patch', stripe, { notes: '😀 e\u0301 é ﬁ', reference: 'stripe-eu' }, reason('Renamed'));
  await story.change('replace', stripe, { name: 'Stripe Payments Europe' });
  const sub = await story.create('recipient', 'recipients', { name: 'Sub', reference: 'sub', engagedById: stripe.id });
  const activity = await story.create('processingActivity', 'processing-activities', {
    name: 'Invoicing',
    reference: 'invoicing',
    controllerId: acme.id,
    purposes: [{ purposeId: purpose.id, main: true }],
    recipients: [{ recipientId: sub.id }],
    estimatedDataSubjects: 9_999_999_999,
  });
  await story.step('submit', activity);
  await story.step('reject', activity, undefined, reason('Says nothing of retention'));
  await story.step('approve', activity, undefined, reason('Board of 3 March'));
  await story.change('patch', activity, { description: 'Changed after approval' });
  await story.discard(activity);
  await story.step('review', activity);

  await story.settings({ buildingBlockApproval: 'required' });
  const system = await story.create('system', 'systems', { name: 'Billing', reference: 'billing' });
  const measure = await story.create('securityMeasure', 'security-measures', { name: 'Keys', reference: 'keys' });
  await story.change('patch', activity, { systemIds: [system.id], securityMeasureIds: [measure.id] });
  await story.step('approve', activity, { includeReferenced: true }, reason('All three'), [system, measure]);
  await story.settings({ buildingBlockApproval: 'automatic' });

  const idle = await story.create('dataCategory', 'data-categories', { name: 'Idle', reference: 'idle' });
  await story.step('archive', idle);
  await story.step('restore', idle);
  await story.remove(idle, reason('Never used'));
  const draft = await story.create('processingActivity', 'processing-activities', {
    name: 'Draft',
    reference: 'draft',
  });
  await story.remove(draft);
  await story.step('retire', activity, { endedOn: '2026-10-31', dataDisposal: 'Erased.' });
  await story.step('archive', activity);
  return story.done;
}

async function entriesOf(client: Client): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after = 0; ; ) {
    const { json } = await client.get(`/v1/log?limit=200&after=${after}`);
    if (json.items.length === 0) return entries;
    entries.push(...json.items);
    after = json.nextAfter;
  }
}

/** What an auditor finds wrong with entries, who noted a root at some time. Nothing: an empty list. */
function faultsOf(entries: readonly Entry[], rootHash: string): string[] {
  const { leaves, root } = recomputeLog(entries);
  return [
    ...entries.flatMap((entry, i) =>
      entry.sequence === i + 1 ? [] : [`sequence ${entry.sequence} at place ${i + 1}`],
    ),
    ...entries.flatMap((entry, i) => (entry.leafHash === leaves[i] ? [] : [`leaf ${i + 1}`])),
    ...entries.flatMap((entry, i) => (contentHashOf(entry) === entry.contentHash ? [] : [`content ${i + 1}`])),
    ...(root === rootHash ? [] : ['root']),
  ];
}

function contentHashOf({ nonce, content, reason, contentHash }: Entry): string {
  if (nonce === undefined) return contentHash;
  const hash = createHash('sha256').update(Buffer.from(nonce, 'hex'));
  return hash.update(canonicalText({ content, reason })).digest('hex');
}

const rootAt = async (client: Client, sequence: number): Promise<string> =>
  (await client.get(`/v1/register?sequence=${sequence}`)).json.about.rootHash;

let service: TestService;
let dpo: Client;
let auditor: Client;
let done: Done[];
let entries: Entry[];
t.before(async () => {
  service = await startService(t);
  dpo = await service.client('acme', 'dpo');
  auditor = await service.client('acme', 'auditor');
  done = await live(t, dpo);
  entries = await entriesOf(dpo);
});

t.test('the log holds every change, gapless, and what GET gave after it byte for byte', async (t) => {
  t.same(
    entries.map(({ sequence }) => sequence),
    Array.from({ length: done.length }, (_, i) => i + 1),
  );
  t.same(new Set(entries.map(({ operation }) => operation)).size, 11, 'all operations that a request can cause');
  const whole = (await dpo.get('/v1/log?limit=200')).text;
  for (const { operation, id, version, sequence, text } of done) {
    const entry = entries.find(
      (each) =>
        each.version === version && (each.resourceId === id || (id === 'settings' && each.resourceType === 'settings')),
    );
    t.equal(entry?.operation, operation, `${operation} of ${id}`);
    if (!Number.isNaN(sequence)) t.equal(entry?.sequence, sequence, 'at the sequence that the answer told');
    if (text === null) t.equal(entry?.content, null, 'no content after a deletion');
    else {
      t.equal(canonicalText(entry?.content), text);
      t.ok(whole.includes(`"content":${text}`), 'the very bytes');
    }
  }
  t.comment(`${done.length} changes`);
});

t.test('leaves and the root at every size follow from the answers', async (t) => {
  const { leaves } = recomputeLog(entries);
  for (let size = 0; size <= entries.length; size++) {
    const { about } = (await dpo.get(`/v1/register?sequence=${size}`)).json;
    t.equal(about.rootHash, rootOf(leaves.slice(0, size)), `root of ${size}`);
    t.equal(about.sequence, size);
    if (size > 0) t.equal(about.recordedAt, entries[size - 1]?.recordedAt);
  }
  t.same(faultsOf(entries, await rootAt(dpo, entries.length)), []);
});

t.test('the digest of every register follows from its bytes, as JSON and as NDJSON', async (t) => {
  for (let size = 0; size <= entries.length; size++) {
    for (const include of ['approved', 'drafts']) {
      const at = `sequence=${size}&include=${include}`;
      const { text, json } = await dpo.get(`/v1/register?${at}`);
      t.equal(text, canonicalText(json), 'canonical');
      t.equal(json.integrity.digest, registerDigest(text), at);
      const lines = (await dpo.get(`/v1/register.ndjson?${at}`)).text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      t.same(lines.at(-1), { integrity: json.integrity });
      t.same(lines[0], { about: json.about });
    }
  }
});

t.test('times are strictly later from transaction to transaction, with three decimals', async (t) => {
  const groups = Map.groupBy(entries, ({ recordedAt }) => recordedAt);
  const times = [...groups.keys()];
  for (const time of times) t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.same(times, [...times].sort(), 'never backwards');
  const together = [...groups.values()].filter((group) => group.length > 1);
  t.same(
    together.map((group) => group.map(({ resourceType }) => resourceType).sort()),
    [['processingActivity', 'securityMeasure', 'system']],
    'only what one transaction approved shares its time',
  );
  const updated = entries.filter(({ content }) => content !== null);
  for (const { content, recordedAt, sequence } of updated) {
    t.ok(String(content?.updatedAt) <= recordedAt, `updatedAt of entry ${sequence} is not later than recordedAt`);
  }
  t.ok(updated.length > 20);
});

t.test('times stay strictly later under writers at once, and each names one state', async (t) => {
  const busy = await service.client('busy', 'dpo');
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => busy.post('/v1/purposes', { name: `P${i}`, reference: `p${i}` })),
  );
  t.same(new Set(answers.map(({ status }) => status)), new Set([201]));
  const all = await entriesOf(busy);
  t.equal(all.length, 40);
  t.equal(new Set(all.map(({ recordedAt }) => recordedAt)).size, 40);
  t.same(
    all.map(({ recordedAt }) => recordedAt),
    all.map(({ recordedAt }) => recordedAt).sort(),
  );
  t.same(faultsOf(all, await rootAt(busy, 40)), []);
  for (const { recordedAt, sequence } of all.filter((_, i) => i % 10 === 3)) {
    t.equal((await busy.get(`/v1/register?asOf=${recordedAt}`)).json.about.sequence, sequence);
  }
});

t.test('who did it is shown, and can be forgotten without touching the tree', async (t) => {
  const someone = await service.client('forgetful', 'dpo');
  await someone.post('/v1/purposes', { name: 'P' });
  const [before] = await entriesOf(someone);
  t.equal(before?.actorSubject, 'dpo@forgetful');
  t.match(before?.actor, /^[0-9a-f-]{36}$/);
  const root = await rootAt(someone, 1);
  await poolFor(t, service.database.owner, 1).query("delete from actor where subject = 'dpo@forgetful'");
  const after = await entriesOf(someone);
  t.notOk('actorSubject' in after[0]!);
  t.equal(after[0]?.actor, before?.actor);
  t.same(faultsOf(after, root), []);
});

t.test('an auditor sees contents of approved entries only, and can prove all', async (t) => {
  const seen = await entriesOf(auditor);
  t.equal(seen.length, entries.length);
  const approved = seen.filter((entry) => entry.approved);
  const others = seen.filter((entry) => !entry.approved);
  t.ok(approved.length > 5 && others.length > 5);
  for (const entry of approved) t.same(entry, entries[entry.sequence - 1], `entry ${entry.sequence} whole`);
  for (const entry of others) {
    const { nonce: _nonce, content: _content, reason: _reason, ...hashes } = entries[entry.sequence - 1]!;
    t.same(entry, hashes, `entry ${entry.sequence} without nonce, content and reason`);
  }
  t.same(faultsOf(seen, await rootAt(auditor, seen.length)), []);
});

t.test('whatever is changed in an answer is noticed', async (t) => {
  const root = await rootAt(dpo, entries.length);
  let cases = 0;
  const notice = (what: string, changed: readonly Entry[]) => {
    cases++;
    if (faultsOf(changed, root).length === 0) t.fail(`${what} went unnoticed`);
  };
  for (const [i, entry] of entries.entries()) {
    const others: Record<string, unknown> = {
      approved: !entry.approved,
      sequence: entry.sequence + 1,
      version: entry.version + 1,
      reason: entry.reason === undefined ? 'Made up' : undefined,
      content: entry.content === null ? {} : null,
    };
    for (const member of [
      'tenant',
      'resourceType',
      'resourceId',
      'operation',
      'actor',
      'recordedAt',
      'contentHash',
      'leafHash',
      'nonce',
      'reason',
    ] as const) {
      const text = entry[member];
      if (text !== undefined) others[member] = withOtherByte(text);
    }
    for (const [member, value] of Object.entries(others)) {
      notice(`${member} of ${entry.sequence}`, entries.with(i, { ...entry, [member]: value } as Entry));
    }
    for (const [name, value] of Object.entries(entry.content ?? {})) {
      const content = {
        ...entry.content,
        [name]: typeof value === 'string' ? withOtherByte(value) : { changed: value },
      };
      notice(`content/${name} of ${entry.sequence}`, entries.with(i, { ...entry, content }));
    }
    notice(`${entry.sequence} left out`, entries.toSpliced(i, 1));
    notice(`${entry.sequence} twice`, entries.toSpliced(i, 0, entry));
  }
  t.ok(cases > 400);
  t.comment(`${cases} changed answers`);
});

/** The text with one bit of its middle character changed. */
function withOtherByte(text: string): string {
  const at = Math.floor(text.length / 2);
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1 || 1) + text.slice(at + 1);
}

/** What a person who owns the database may do to it, as SQL that changes tenant `$1`. */
const forgeries: Record<string, string> = {
  'a content': `update revision set content = replace(content, 'Stripe', 'Strike') where tenant_id = $1 and content like '%Stripe%'`,
  'a content taken away': 'update revision set content = null where tenant_id = $1 and sequence = 3',
  'a reason': `update revision set reason = 'Somebody else wished it' where tenant_id = $1 and sequence = 1`,
  'a nonce': `update revision set nonce = sha256(nonce) where tenant_id = $1 and sequence = 2`,
  'a content hash': 'update revision set content_hash = sha256(content_hash) where tenant_id = $1 and sequence = 4',
  'a leaf': 'update revision set leaf_hash = sha256(leaf_hash) where tenant_id = $1 and sequence = 5',
  'a time': `update revision set recorded_at = recorded_at - interval '1 ms' where tenant_id = $1 and sequence = 6`,
  'an actor': `update revision set actor = gen_random_uuid() where tenant_id = $1 and sequence = 7`,
  approval: 'update revision set approved = not approved where tenant_id = $1 and sequence = 8',
  'an operation': `update revision set operation = 'archive' where tenant_id = $1 and sequence = 9`,
  'a version': 'update revision set version = 99 where tenant_id = $1 and sequence = 10',
  'the resource': `update revision set resource_id = gen_random_uuid() where tenant_id = $1 and sequence = 11`,
  'its type': `update revision set resource_type = 'notice' where tenant_id = $1 and sequence = 2`,
  'two entries in each other’s place':
    'update revision set sequence = case when sequence < 0 then -sequence when sequence = 2 then -3 else -2 end where tenant_id = $1 and sequence in (2, 3)',
  'an entry taken out': 'delete from revision where tenant_id = $1 and sequence = 4',
  'an entry taken out, the others moved up': `with gone as (delete from revision where tenant_id = $1 and sequence = 4 returning 1)
     update revision set sequence = -sequence + 1 where tenant_id = $1 and sequence > 4 and exists (select from gone)`,
  'the last entry':
    'delete from revision where tenant_id = $1 and sequence = (select max(sequence) from revision where tenant_id = $1)',
  // A subtree that is the right half of a greater one stands in no root, only in proofs.
  'a stored subtree': 'update tree_node set hash = sha256(hash) where tenant_id = $1 and level = 1 and index = 2',
  'a high subtree': 'update tree_node set hash = sha256(hash) where tenant_id = $1 and level = 3 and index = 0',
};

t.test('whatever the owner of the database rewrites is noticed', async (t) => {
  const owner = poolFor(t, service.database.owner, 1);
  const tenant = entries[0]!.tenant;
  // Sizes at which the forged subtrees stand in the root.
  const noted = new Map<number, string>();
  for (const size of [6, 8, entries.length]) noted.set(size, await rootAt(dpo, size));
  const faults = () => faultsFound(dpo, noted);
  t.same(await faults(), [], 'nothing is wrong before');

  const undo = await keepLog(owner);
  for (const [what, statement] of Object.entries(forgeries)) {
    await owner.query(statement, [tenant]);
    // Negative sequences stand in for what is moved, because a key is judged row by row.
    await owner.query('update revision set sequence = -sequence where tenant_id = $1 and sequence < 0', [tenant]);
    const found = await faults();
    t.ok(found.length > 0, `${what}: ${found.slice(0, 3).join(', ')}`);
    await undo();
  }
  t.same(await faults(), [], 'nothing is wrong after all was undone');
  t.comment(`${Object.keys(forgeries).length} forgeries`);
});

t.test('a forger who makes all hashes fit again is betrayed by a root that somebody noted', async (t) => {
  const owner = poolFor(t, service.database.owner, 1);
  const noted = await rootAt(dpo, entries.length);
  const { tenant } = entries[0]!;
  const undo = await keepLog(owner);
  const forged = entries.map((entry) => (entry.sequence === 5 ? { ...entry, approved: !entry.approved } : entry));
  const { leaves } = recomputeLog(forged);
  await owner.query(
    'update revision set approved = not approved, leaf_hash = $2 where tenant_id = $1 and sequence = 5',
    [tenant, Buffer.from(leaves[4]!, 'hex')],
  );
  for (const { level, index, hash } of subtreesOf(leaves)) {
    await owner.query('update tree_node set hash = $4 where tenant_id = $1 and level = $2 and index = $3', [
      tenant,
      level,
      index,
      Buffer.from(hash, 'hex'),
    ]);
  }
  const seen = await entriesOf(dpo);
  t.same(faultsOf(seen, await rootAt(dpo, seen.length)), [], 'the forged log agrees with itself');
  t.same(faultsOf(seen, noted), ['root']);
  await undo();
  t.same(faultsOf(await entriesOf(dpo), noted), []);
});

/** What is wrong with what the service gives now, to somebody who noted the root at some sizes, the last among them. */
async function faultsFound(client: Client, noted: ReadonlyMap<number, string>): Promise<string[]> {
  const seen = await entriesOf(client);
  const faults = faultsOf(seen, [...noted.values()].at(-1)!);
  for (const [size, root] of noted) {
    const { status, json } = await client.get(`/v1/register.ndjson?sequence=${size}`).then(firstLine);
    if (status !== 200 || json?.about?.rootHash !== root) faults.push(`root of ${size}`);
  }
  return faults;
}

function firstLine({ status, text }: Answer): { status: number; json: { about?: { rootHash?: string } } | undefined } {
  return { status, json: status === 200 ? JSON.parse(text.split('\n')[0]!) : undefined };
}

/** Takes the key away that holds the log in place, keeps a copy of the log, and gives the way back to it. */
async function keepLog(owner: Pool): Promise<() => Promise<void>> {
  await owner.query('alter table approved_span drop constraint if exists approved_span_revision_fkey');
  const tables = ['revision', 'tree_node'];
  for (const table of tables) await owner.query(`create table if not exists ${table}_kept as table ${table}`);
  return async () => {
    for (const table of tables) {
      await owner.query(`truncate ${table}`);
      await owner.query(`insert into ${table} select * from ${table}_kept`);
    }
  };
}

t.test('the log is read page by page, and by type', async (t) => {
  const pages: number[][] = [];
  for (let after = 0; ; ) {
    const { json } = await dpo.get(`/v1/log?limit=7&after=${after}`);
    if (json.items.length === 0) {
      t.equal(json.nextAfter, after, 'nothing new: the same as before');
      break;
    }
    pages.push(json.items.map((entry: Entry) => entry.sequence));
    t.equal(json.nextAfter, pages.at(-1)?.at(-1));
    after = json.nextAfter;
  }
  t.ok(pages.length > 3);
  t.same(
    pages.flat(),
    entries.map(({ sequence }) => sequence),
  );
  const some = (await dpo.get('/v1/log?type=recipient&type=settings&limit=200')).json.items as Entry[];
  t.same(
    some,
    entries.filter(({ resourceType }) => ['recipient', 'settings'].includes(resourceType)),
  );
  t.ok(new Set(some.map(({ resourceType }) => resourceType)).size === 2);
  for (const path of ['/v1/log', '/v1/changes'])
    t.same((await dpo.get(`${path}?type=notice`)).json, { items: [], nextAfter: entries.length }, 'none up to the end');
  t.same((await dpo.get('/v1/log?after=999999')).json, { items: [], nextAfter: 999_999 });
  t.equal((await dpo.get('/v1/log')).json.items.length, Math.min(entries.length, 100));
  for (const wrong of ['limit=0', 'limit=201', 'after=-1', 'after=x', 'type=cat', 'before=3']) {
    t.equal((await dpo.get(`/v1/log?${wrong}`)).status, 400, wrong);
  }
});

t.test('changes tell the same without a content', async (t) => {
  const { items, nextAfter } = (await dpo.get('/v1/changes?limit=1000')).json;
  t.equal(nextAfter, entries.length);
  const references = new Map<string, string>();
  t.same(
    items,
    entries.map(({ sequence, resourceType: type, resourceId: id, version, operation, recordedAt: at, content }) => {
      if (typeof content?.reference === 'string') references.set(id, content.reference);
      return { sequence, type, id, reference: references.get(id) ?? 'settings', version, operation, at };
    }),
  );
  t.same((await dpo.get(`/v1/changes?after=5&limit=3`)).json, { items: items.slice(5, 8), nextAfter: 8 });
  const recipients = (await dpo.get('/v1/changes?type=recipient')).json.items;
  t.ok(recipients.length > 0);
  t.same(
    recipients,
    items.filter((item: { type: string }) => item.type === 'recipient'),
  );
  t.same((await dpo.get(`/v1/changes?after=${nextAfter}`)).json, { items: [], nextAfter });
});

t.test('another tenant has a log of its own', async (t) => {
  const stranger = await service.client('stranger', 'dpo');
  t.same((await stranger.get('/v1/log')).json, { items: [], nextAfter: 0 });
  t.same((await stranger.get('/v1/changes')).json, { items: [], nextAfter: 0 });
  await stranger.post('/v1/purposes', { name: 'Mine' });
  const own = await entriesOf(stranger);
  t.same(
    own.map(({ sequence, content }) => [sequence, content?.name]),
    [[1, 'Mine']],
  );
  t.not(own[0]?.tenant, entries[0]?.tenant);
});
