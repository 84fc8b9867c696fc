/**
 * The one way to change anything: what the SQL function hashes is what `src/history` hashes, what stands in the tables
 * follows from the log alone after any life, and a change happens whole or not at all.
 */
import { randomInt } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { definitionOf } from '../../src/article30/index.ts';
import { create, edit } from '../../src/article30/life.ts';
import type { ResourceType } from '../../src/article30/resource-types.ts';
import { defaultSettings } from '../../src/article30/settings.ts';
import type { Pool } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import { readRootHash } from '../../src/db/log.ts';
import {
  append,
  type Change,
  changeOf,
  type Look,
  look,
  readKey,
  requestHash,
  type Writer,
} from '../../src/db/records.ts';
import { createTenant } from '../../src/db/tenants.ts';
import { contentHash, contentText, entryLeafHash, type LeafEntry } from '../../src/history/entry.ts';
import { appendLeaf, rootFromLeafHashes, subtreesForRoot } from '../../src/history/tree.ts';
import { poolFor } from '../database.ts';
import { type Answer, type Client, startService, type TestService } from '../service.ts';

interface Tenancy {
  readonly pool: Pool;
  readonly writer: Writer;
  readonly actor: string;
}

let service: TestService;
let owner: Pool;
t.before(async () => {
  service = await startService(t);
  owner = poolFor(t, service.database.owner, 1);
});

/** A tenant without entries. */
async function tenancy(): Promise<Tenancy> {
  const { pool } = service;
  const tenant = (await createTenant(pool, `t-${newId()}`))!.id;
  const writer = { tenant, issuer: 'https://issuer.example', subject: 'someone' };
  const { actor } = await look(pool, writer, { type: 'purpose' });
  return { pool, writer, actor };
}

const moment = (actor: string) => ({ now: new Date().toISOString(), actor, settings: defaultSettings, newId });

function made(actor: string, type: ResourceType, reference: string, body: object = {}): Change {
  const definition = definitionOf(type);
  return changeOf(definition, create(definition, { name: reference, ...body }, reference, moment(actor)));
}

function edited(actor: string, before: Change, body: object): Change {
  const definition = definitionOf(before.type as ResourceType);
  return changeOf(definition, edit(definition, before.step.content!, { name: before.name, ...body }, moment(actor)));
}

interface Revision {
  sequence: number;
  resource_type: string;
  resource_id: string;
  reference: string;
  version: number;
  operation: LeafEntry['operation'];
  approved: boolean;
  content: string | null;
  reason: string | null;
  nonce: Buffer;
  content_hash: Buffer;
  leaf_hash: Buffer;
  actor: string;
  recorded: string;
  ended_on: string | null;
  refs: string[];
  controllers: string[];
  controller_id: string | null;
}

const revisionsOf = (owner: Pool, tenant: string): Promise<Revision[]> =>
  owner.query<Revision>(
    `select v.*, to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded
     from revision v where tenant_id = $1 order by sequence`,
    [tenant],
  );

t.test('hashes, subtrees and frontier are those of src/history, for one change or many at once', async (t) => {
  const { pool, writer, actor } = await tenancy();
  const { tenant } = writer;
  const stored = new Map<string, string>();
  const leaves: Buffer[] = [];
  for (let number = 0; leaves.length < 70; number++) {
    const together = 1 + ((number * 5) % 7);
    const changes = Array.from({ length: together }, (_, i) =>
      made(actor, 'purpose', `p-${number}-${i}`, { description: `“${number}” \\ \n 🙂` }),
    );
    const reason = number % 2 === 0 ? {} : { reason: `Grund ${number}: "é"` };
    const { sequence, recordedAt } = await append(pool, { ...writer, ...reason }, actor, changes);

    const revisions = (await revisionsOf(owner, tenant)).slice(leaves.length);
    t.equal(revisions.length, together);
    t.equal(sequence, leaves.length + together, 'the last sequence is told');
    for (const [i, revision] of revisions.entries()) {
      t.equal(revision.recorded, recordedAt, 'one time for the transaction');
      t.equal(revision.content, changes[i]!.text, 'in the order of the changes');
      const text = contentText(JSON.parse(revision.content!), revision.reason ?? undefined);
      t.equal(revision.content_hash.toString('hex'), contentHash(revision.nonce, text));
      const leaf = entryLeafHash({
        actor: revision.actor,
        approved: revision.approved,
        contentHash: revision.content_hash.toString('hex'),
        operation: revision.operation,
        recordedAt: revision.recorded,
        resourceId: revision.resource_id,
        resourceType: revision.resource_type,
        sequence: revision.sequence,
        tenant,
        version: revision.version,
      });
      t.equal(revision.leaf_hash.toString('hex'), leaf, `leaf ${revision.sequence}`);
      const lookup = (level: number, index: number) => {
        const hash = stored.get(`${level} ${index}`);
        return hash === undefined ? undefined : Buffer.from(hash, 'hex');
      };
      const completed = await appendLeaf(leaves.length, revision.leaf_hash, lookup);
      for (const { level, index, hash } of completed) stored.set(`${level} ${index}`, hash.toString('hex'));
      leaves.push(revision.leaf_hash);
    }

    const nodes = await owner.query<{ level: number; index: number; hash: Buffer }>(
      'select level, index, hash from tree_node where tenant_id = $1',
      [tenant],
    );
    t.same(
      Object.fromEntries(nodes.map(({ level, index, hash }) => [`${level} ${index}`, hash.toString('hex')])),
      Object.fromEntries([...stored].filter(([place]) => !place.startsWith('0 '))),
      `subtrees of ${leaves.length}`,
    );
    const [head] = await owner.query<{ size: number; frontier: Buffer[]; same: boolean }>(
      'select size, frontier, recorded_at = (select max(recorded_at) from revision where tenant_id = $1) as same from tenant_head where tenant_id = $1',
      [tenant],
    );
    t.equal(head?.size, leaves.length);
    t.ok(head?.same, 'the head has the time of the last entry');
    t.same(
      head?.frontier.map((hash) => hash.toString('hex')),
      subtreesForRoot(leaves.length).map(({ level, index }) => stored.get(`${level} ${index}`)),
      'the frontier is what makes up the root',
    );
  }
  const session = { readOnly: true, tenant };
  const root = await pool.transaction(session, (reading) => readRootHash(reading, tenant, leaves.length));
  t.equal(root, rootFromLeafHashes(leaves).toString('hex'));
  t.comment(`${leaves.length} entries`);
});

t.test(
  'an entry is dated after the one before and not before its content, even when the clock runs ahead',
  async (t) => {
    const { pool, writer, actor } = await tenancy();
    const ahead = new Date(Date.now() + 60_000).toISOString();
    const definition = definitionOf('purpose');
    const from = (now: string, reference: string) =>
      changeOf(definition, create(definition, { name: reference }, reference, { ...moment(actor), now }));
    const first = await append(pool, writer, actor, [from(ahead, 'ahead')]);
    t.equal(first.recordedAt, ahead);
    const second = await append(pool, writer, actor, [from(new Date().toISOString(), 'behind')]);
    t.equal(second.recordedAt, new Date(Date.parse(ahead) + 1).toISOString(), 'a millisecond later');
    t.equal((await revisionsOf(owner, writer.tenant)).length, 2);
  },
);

t.test('a change happens whole or not at all', async (t) => {
  const { pool, writer, actor } = await tenancy();
  const first = made(actor, 'purpose', 'first');
  await append(pool, writer, actor, [first]);
  const state = async () => {
    const tables = [
      'revision',
      'resource',
      'link',
      'facet',
      'tree_node',
      'tenant_head',
      'approved_span',
      'idempotency',
    ];
    const rows = tables.map((table) =>
      owner.query(`select r::text as row from ${table} r where tenant_id = $1 order by 1`, [writer.tenant]),
    );
    return JSON.stringify(await Promise.all(rows));
  };
  const before = await state();
  const good = () => made(actor, 'recipient', 'good', { locations: ['FR'] });
  const answer = { status: 200, headers: {}, body: '' };
  const retry = { key: 'k', requestHash: requestHash(['x']) };
  const refused = async (what: string, code: string, ...changes: Change[]) => {
    const writing = append(pool, { ...writer, retry }, actor, [good(), ...changes], answer);
    await t.rejects(writing, { name: 'Refusal', code }, what);
    t.equal(await state(), before, 'nothing was written');
  };
  const sub = made(actor, 'recipient', 'sub', {});
  const circle = made(actor, 'recipient', 'circle', { engagedById: sub.id });
  await refused('a reference that is taken', 'reference-taken', made(actor, 'purpose', 'first'));
  await refused('a version that is old', 'version-conflict', { ...edited(actor, first, { name: 'x' }), version: 3 });
  await refused('what is not there', 'not-found', edited(actor, made(actor, 'purpose', 'nowhere'), { name: 'x' }));
  await refused('a name for what is not there', 'impossible', made(actor, 'recipient', 'r', { engagedById: newId() }));
  await refused('a circle', 'impossible', sub, circle, edited(actor, sub, { engagedById: circle.id }));
  await refused('a circle of one', 'impossible', sub, edited(actor, sub, { engagedById: sub.id }));

  await append(pool, { ...writer, retry }, actor, [good()], answer);
  t.not(await state(), before, 'without the refused part it is written');
  await t.rejects(append(pool, { ...writer, retry }, actor, [made(actor, 'purpose', 'again')], answer), {
    code: 'idempotency-done',
  });
});

t.test('of writers at once one wins, and chains that would meet in a circle do not', async (t) => {
  const { pool, writer, actor } = await tenancy();
  const things = Array.from({ length: 6 }, (_, i) => made(actor, 'recipient', `r${i}`));
  await append(pool, writer, actor, things);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => append(pool, writer, actor, [edited(actor, things[0]!, { name: `N${i}` })])),
  );
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'version-conflict' });
  }
  // Each names the next, the last the first: any of them may be refused, but not none.
  const ring = things.slice(1);
  const links = await Promise.allSettled(
    ring.map((thing, i) =>
      append(pool, writer, actor, [edited(actor, thing, { engagedById: ring[(i + 1) % ring.length]!.id })]),
    ),
  );
  const refused = links.filter((link) => link.status === 'rejected');
  t.equal(refused.length, 1, 'the one that would have closed the circle');
  t.match(refused[0]?.reason, { code: 'impossible', flaws: [{ code: 'cycle' }] });
  t.equal((await revisionsOf(owner, writer.tenant)).length, 6 + 1 + 4);
});

t.test('a look shows settings, contents, targets and a kept answer', async (t) => {
  const { pool, writer, actor } = await tenancy();
  const named = made(actor, 'purpose', 'named');
  await append(pool, writer, actor, [named]);
  const wanted = [
    { type: 'purpose', key: 'ref:named' },
    { type: 'purpose', key: named.id.toUpperCase() },
    { type: 'purpose', key: 'ref:nobody' },
    { type: 'recipient', key: named.id },
  ];
  const seen: Look = await look(pool, writer, { type: 'purpose', key: { id: named.id }, name: 'named' }, wanted);
  t.equal(seen.actor, actor, 'the same person has the same id');
  t.same(seen.settings, defaultSettings);
  t.same(seen.working, named.step.content);
  t.same(seen.approved, named.step.content);
  t.equal(seen.nameTaken, false, 'its own name is not taken');
  const target = { id: named.id, version: 1, approvedVersion: 1 };
  t.same(Object.fromEntries(seen.targets), {
    'purpose ref:named': target,
    [`purpose ${named.id}`]: target,
    [`purpose ${named.id.toUpperCase()}`]: target,
  });
  t.equal((await look(pool, writer, { type: 'purpose', name: 'named' })).nameTaken, true);
  const other = await look(pool, { ...writer, subject: 'someone else' }, { type: 'purpose' });
  t.not(other.actor, actor);
  const stranger = (await createTenant(pool, 'other'))!.id;
  const unseen = await look(
    pool,
    { ...writer, tenant: stranger },
    { type: 'purpose', key: { id: named.id }, name: 'named' },
    wanted,
  );
  t.equal(unseen.working, undefined);
  t.equal(unseen.targets.size, 0);
  t.equal(unseen.nameTaken, false);
});

t.test('keys are ids or references', (t) => {
  t.same(readKey('0198F0C2-6b1e-7c3a-9d55-2f6a1b0c4e77'), { id: '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77' });
  t.same(readKey('ref:stripe'), { reference: 'stripe' });
  t.equal(readKey('stripe'), undefined);
  t.equal(readKey('0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e7'), undefined);
  t.not(requestHash(['a', 'bc']).toString('hex'), requestHash(['ab', 'c']).toString('hex'));
  t.end();
});

t.test('after a random life every table says what follows from the log', async (t) => {
  const seed = randomInt(2 ** 31);
  t.comment(`seed ${seed}`);
  const client = await service.client('life', 'dpo');
  const done = await liveAtRandom(t, client, seed, 600);
  t.comment(`${[...done].map(([what, count]) => `${count} ${what}`).join(', ')}`);
  for (const operation of [
    'create',
    'update',
    'approve',
    'submit',
    'reject',
    'discard',
    'archive',
    'restore',
    'delete',
    'retire',
    'review',
  ]) {
    t.ok((done.get(operation) ?? 0) > 0, `${operation} happened`);
  }

  const tenant = (await client.get('/v1/me')).json.tenant.id;
  const log = await revisionsOf(owner, tenant);
  const derived = derive(log);
  const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
  for (const [table, columns] of Object.entries({
    revision: 'sequence, refs, controllers, controller_id, ended_on',
    approved_span:
      'resource_type, resource_id, reference, valid_from, valid_to, ended_on, refs, controllers, controller_id',
    link: 'source_type, source_id, field, target_type, target_id, in_working, in_approved, was_approved',
    resource:
      'resource_type, resource_id, reference, name, version, approved_version, state, archived, created_at, updated_at',
  })) {
    const rows = await owner.query(`select ${columns} from ${table} where tenant_id = $1`, [tenant]);
    const stored = rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, Array.isArray(value) ? [...value].sort() : value]),
      ),
    );
    t.same(sorted(stored), sorted(derived[table as keyof typeof derived]), table);
    t.ok(rows.length > 50, `${rows.length} rows of ${table}`);
  }
});

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Requests as chance has them; refusals are part of life, failures are not. Says how often each operation succeeded. */
async function liveAtRandom(t: Test, client: Client, seed: number, requests: number): Promise<Map<string, number>> {
  const random = generator(seed);
  const chance = (probability: number) => random() < probability;
  const oneOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const things: { path: string; id: string }[] = [];
  const done = new Map<string, number>();
  const idOf = (path: string) => oneOf(things.filter((thing) => thing.path === path))?.id;
  const some = (path: string, name: string) => {
    const id = chance(0.6) ? idOf(path) : undefined;
    return id === undefined ? {} : { [name]: id };
  };
  const several = (path: string) => [...new Set([idOf(path), idOf(path)])].filter((id) => id !== undefined);
  let counter = 0;
  let thing: (typeof things)[number] | undefined;

  const bodies: Record<string, () => object> = {
    controllers: () => ({ registerKept: chance(0.5), securityMeasureIds: several('security-measures') }),
    purposes: () => some('controllers', 'controllerId'),
    'security-measures': () => ({}),
    recipients: () => some('recipients', 'engagedById'),
    safeguards: () => some('recipients', 'recipientId'),
    systems: () => some('recipients', 'hostedById'),
    notices: () => ({
      ...some('controllers', 'controllerId'),
      statements: [
        {
          text: 'It says so.',
          about: [
            some('processing-activities', 'processingActivityId'),
            { ...some('purposes', 'purposeId'), pointer: '/name' },
          ],
        },
      ],
    }),
    'processing-activities': () => ({
      ...some('controllers', 'controllerId'),
      jointControllers: several('controllers').map((controllerId) => ({ controllerId })),
      purposes: several('purposes').map((purposeId) => ({ purposeId })),
      recipients: several('recipients').map((recipientId) => ({ recipientId })),
      transfers: [{ country: 'US', ...some('recipients', 'recipientId'), safeguardIds: several('safeguards') }],
      systemIds: several('systems'),
      noticeIds: several('notices'),
      securityMeasureIds: several('security-measures'),
    }),
  };
  const paths = Object.keys(bodies);
  const bodyFor = (path: string) => ({ name: `Name ${Math.floor(random() * 1e6)}`, ...bodies[path]!() });

  const send = async (method: string, path: string, operation: string, body?: object): Promise<Answer | undefined> => {
    const answer = await client.call(method, `/v1/${path}`, { ...(body && { body }), headers: { 'if-match': '*' } });
    // Of what is impossible the service says what; the database alone would not.
    const said =
      answer.status === 404 || answer.status === 409 || (answer.status === 422 && answer.json.errors?.length > 0);
    if (answer.status >= 300 && !said) {
      t.fail(`${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`);
    }
    if (answer.status >= 300 || answer.headers['log-sequence'] === undefined) return undefined;
    done.set(operation, (done.get(operation) ?? 0) + 1);
    return answer;
  };

  for (let i = 0; i < requests; i++) {
    // Much happens to one thing in a row.
    thing = chance(0.4) && thing !== undefined && things.includes(thing) ? thing : oneOf(things);
    const roll = random();
    let [method, path, body, operation]: [string, string, object | undefined, string] = ['', '', undefined, ''];
    if (i % 60 === 59) {
      body = { buildingBlockApproval: i % 120 === 59 ? 'required' : 'automatic' };
      [method, path, operation] = ['PATCH', 'settings', 'settings'];
    } else if (thing === undefined || roll < 0.25) {
      const kind = chance(0.3) ? 'processing-activities' : oneOf(paths)!;
      [method, path, body, operation] = ['POST', kind, { reference: `r${counter++}`, ...bodyFor(kind) }, 'create'];
    } else {
      const one = `${thing.path}/${thing.id}`;
      const activity = thing.path === 'processing-activities';
      [method, path] = ['POST', one];
      if (roll < 0.45) {
        const reference = chance(0.3) ? { reference: `r${counter++}` } : {};
        [method, body, operation] = [chance(0.5) ? 'PATCH' : 'PUT', { ...bodyFor(thing.path), ...reference }, 'update'];
      } else if (roll < 0.6) {
        operation = 'approve';
        path += '/approve';
        if (activity) body = { includeReferenced: chance(0.7) };
      } else if (roll < 0.67) {
        [method, path, operation] = ['DELETE', one, 'delete'];
      } else if (roll < 0.74) {
        [method, path, operation] = ['DELETE', `${one}/draft`, 'discard'];
      } else if (roll < 0.77 && activity) {
        [path, body, operation] = [
          `${one}/retire`,
          { endedOn: '2026-01-31', ...some('processing-activities', 'replacedById') },
          'retire',
        ];
      } else {
        operation = oneOf(
          activity ? ['archive', 'restore', 'submit', 'submit', 'reject', 'reject', 'review'] : ['archive', 'restore'],
        )!;
        path += `/${operation}`;
      }
    }
    const answer = await send(method, path, operation, body);
    if (operation === 'create' && answer !== undefined) things.push({ path, id: answer.json.id });
    if (operation === 'delete' && answer !== undefined) things.splice(things.indexOf(thing!), 1);
  }

  // Whatever chance did: one whole life, so that every operation happens.
  const { id } = (await send('POST', 'processing-activities', 'create', { name: 'Whole life' }))!.json;
  const one = `processing-activities/${id}`;
  for (const [method, path, operation, body] of [
    ['POST', `${one}/submit`, 'submit'],
    ['POST', `${one}/reject`, 'reject'],
    ['POST', `${one}/approve`, 'approve'],
    ['PATCH', one, 'update', { name: 'Changed' }],
    ['DELETE', `${one}/draft`, 'discard'],
    ['POST', `${one}/review`, 'review'],
    ['POST', `${one}/retire`, 'retire', { endedOn: '2026-01-31' }],
    ['POST', `${one}/archive`, 'archive'],
    ['POST', `${one}/restore`, 'restore'],
  ] as const) {
    t.ok(await send(method, path, operation, body), `${operation} in a whole life`);
  }
  const unused = (await send('POST', 'purposes', 'create', { name: 'Unused' }))!.json;
  t.ok(await send('DELETE', `purposes/${unused.id}`, 'delete'), 'delete in a whole life');
  return done;
}

/** What the tables must hold, from the contents in the log alone: an id is a name of another resource wherever it stands. */
function derive(log: readonly Revision[]) {
  const typeOf = new Map(log.map(({ resource_id, resource_type }) => [resource_id, resource_type]));
  const names = (content: Content | null): { field: string; id: string }[] => {
    const found = new Map<string, { field: string; id: string }>();
    const walk = (value: unknown, field: string): void => {
      if (typeof value === 'string' && typeOf.has(value) && field !== 'id')
        found.set(`${field} ${value}`, { field, id: value });
      else if (Array.isArray(value)) for (const item of value) walk(item, field);
      else if (value !== null && typeof value === 'object') {
        for (const [name, member] of Object.entries(value)) walk(member, field === '' ? name : `${field}.${name}`);
      }
    };
    if (content !== null) walk(content, '');
    return [...found.values()];
  };
  const entries = log.map((revision) => {
    const content: Content | null = revision.content === null ? null : JSON.parse(revision.content);
    // Settings are named by no one, and have the id of their tenant.
    const named = revision.resource_type === 'settings' ? [] : names(content);
    const retirement = content?.retirement as { endedOn: string } | undefined;
    return {
      ...revision,
      parsed: content,
      named,
      columns: {
        ended_on: content?.state === 'retired' ? retirement!.endedOn : null,
        refs: [...new Set(named.map(({ id }) => id))].sort(),
        controllers: [...new Set(named.map(({ id }) => id).filter((id) => typeOf.get(id) === 'controller'))].sort(),
        controller_id: named.find(({ field }) => field === 'controllerId')?.id ?? null,
      },
    };
  });

  const spans: object[] = [];
  const links: object[] = [];
  const resources: object[] = [];
  for (const [id, versions] of Map.groupBy(entries, ({ resource_id }) => resource_id)) {
    const approvals = versions.filter(({ approved }) => approved);
    for (const [i, { resource_type, resource_id, reference, sequence, operation, columns }] of approvals.entries()) {
      if (operation === 'delete') continue;
      const { refs, controllers, controller_id, ended_on } = columns;
      const next = approvals[i + 1]?.sequence ?? null;
      spans.push({
        resource_type,
        resource_id,
        reference,
        valid_from: sequence,
        valid_to: next,
        ended_on,
        refs,
        controllers,
        controller_id,
      });
    }
    const last = versions.at(-1)!;
    if (last.parsed === null) continue;
    const { parsed: content } = last;
    resources.push({
      resource_type: last.resource_type,
      resource_id: id,
      reference: content.reference ?? 'settings',
      name: content.name ?? 'Settings',
      version: content.version,
      approved_version: approvals.at(-1)?.version ?? null,
      state: content.state ?? 'approved',
      archived: content.archived ?? false,
      // Settings do not say when they were first set.
      created_at: instant(content.createdAt ?? versions[0]!.parsed!.updatedAt),
      updated_at: instant(content.updatedAt),
    });
    const all = new Map(versions.flatMap(({ named }) => named).map((name) => [JSON.stringify(name), name]));
    for (const { field, id: target } of all.values()) {
      const has = ({ named }: (typeof versions)[number]) =>
        named.some((name) => name.field === field && name.id === target);
      const link = {
        source_type: last.resource_type,
        source_id: id,
        field,
        target_type: typeOf.get(target),
        target_id: target,
        in_working: has(last),
        in_approved: approvals.length > 0 && has(approvals.at(-1)!),
        was_approved: approvals.some(has),
      };
      if (link.in_working || link.was_approved) links.push(link);
    }
  }
  return {
    revision: entries.map(({ sequence, columns: { refs, controllers, controller_id, ended_on } }) => ({
      sequence,
      refs,
      controllers,
      controller_id,
      ended_on,
    })),
    approved_span: spans,
    link: links,
    resource: resources,
  };
}

/** As the pool reads a timestamptz: without the zeros at its end. */
function instant(text: unknown): string {
  return String(text).replace(/\.?0+Z$/, 'Z');
}
