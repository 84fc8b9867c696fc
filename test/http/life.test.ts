/** The life of building blocks and activities: working and approved versions, and what each step allows. */
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { type Answer, type Client, startService } from '../service.ts';

const unconditional = { 'if-match': '*' };
const problem = (type: string) => `https://ropa.example/problems/${type}`;
const activities = '/v1/processing-activities';

const service = await startService(t);

const call = (client: Client, method: string, url: string, body?: unknown) =>
  client.call(method, url, { headers: unconditional, ...(body === undefined ? {} : { body }) });

/** The content of a success. */
async function content(answer: Promise<Answer>): Promise<Content> {
  const { status, text, json } = await answer;
  if (status >= 300) throw new Error(`${status} ${text}`);
  return json;
}

/** A tenant of its own, with its officer. */
async function tenant(name: string, settings?: object): Promise<Client> {
  const client = await service.client(name, 'dpo');
  if (settings !== undefined) await content(call(client, 'PATCH', '/v1/settings', settings));
  return client;
}
const required = { buildingBlockApproval: 'required' };

const create = (client: Client, path: string, body: object) => content(client.post(`/v1/${path}`, body));

async function entries(client: Client, query = ''): Promise<Content[]> {
  return (await client.get(`/v1/register${query}`)).json.entries;
}

interface Change {
  sequence: number;
  type: string;
  reference: string;
  version: number;
  operation: string;
  at: string;
}
async function changesAfter(client: Client, after: number): Promise<Change[]> {
  return (await client.get(`/v1/changes?after=${after}&limit=1000`)).json.items;
}
async function logSize(client: Client): Promise<number> {
  return Number((await client.get('/v1/purposes?limit=1')).headers['log-sequence']);
}

// ---------------------------------------------------------------------------------------------------------------------
// Building blocks

t.test('where approval is automatic, a saved change of a block is approved at once', async (t) => {
  const client = await tenant('automatic');
  const made = await create(client, 'systems', { name: 'Shop', reference: 'shop' });
  t.match(made, { version: 1, approvedVersion: 1, state: 'approved', archived: false });
  t.equal((await client.get('/v1/systems/ref:shop/approved')).text, (await client.get('/v1/systems/ref:shop')).text);
  const changed = await content(call(client, 'PATCH', '/v1/systems/ref:shop', { name: 'New shop' }));
  t.match(changed, { name: 'New shop', version: 2, approvedVersion: 2, state: 'approved' });
  t.equal((await client.get('/v1/systems/ref:shop/approved')).json.name, 'New shop');
  const { json } = await client.get('/v1/log');
  t.strictSame(
    json.items.map(({ operation, version, approved }: Change & { approved: boolean }) => [
      operation,
      version,
      approved,
    ]),
    [
      ['create', 1, true],
      ['update', 2, true],
    ],
    'one entry each',
  );
  const activity = await create(client, 'processing-activities', { name: 'Selling', systemIds: ['ref:shop'] });
  t.match(activity, { version: 1, state: 'draft' }, 'activities are approved by somebody');
  t.notHas(activity, { approvedVersion: 1 });
});

t.test('where approval is required, a block is a draft until somebody approves it', async (t) => {
  const client = await tenant('required', required);
  const url = '/v1/systems/ref:shop';
  const made = await create(client, 'systems', { name: 'Shop', reference: 'shop' });
  t.match(made, { version: 1, state: 'draft' });
  t.equal(made.approvedVersion, undefined);
  t.equal((await client.get(`${url}/approved`)).status, 404, 'nobody approved one');
  const discarded = await call(client, 'DELETE', `${url}/draft`);
  t.equal(discarded.status, 409, 'there is nothing to go back to');
  t.equal(discarded.json.type, problem('state-conflict'));

  const approved = await call(client, 'POST', `${url}/approve`);
  t.equal(approved.status, 200);
  t.match(approved.json, { version: 2, approvedVersion: 2, state: 'approved' });
  t.equal(approved.headers.etag, '"2"');
  t.notHas(approved.json, { approvedAt: String }, 'only activities carry who approved them');

  const edited = await content(call(client, 'PATCH', url, { name: 'New shop', countries: ['FR'] }));
  t.match(edited, { version: 3, approvedVersion: 2, state: 'draft', name: 'New shop' });
  t.strictSame((await client.get(`${url}/approved`)).json, approved.json, 'the approved one stays as it was');
  t.equal((await client.get(`${url}/approved`)).headers.etag, '"2"');

  const back = await content(call(client, 'DELETE', `${url}/draft`));
  const { updatedAt: _updatedAt, version, ...rest } = back;
  const { updatedAt: _before, version: _version, ...before } = approved.json;
  t.equal(version, 4, 'going back is a version of its own');
  t.strictSame(rest, before, 'with the content of the approved one');
  const log = (await client.get('/v1/log?after=1')).json.items;
  t.strictSame(
    log.map(({ operation, approved: shown }: Change & { approved: boolean }) => [operation, shown]),
    [
      ['create', false],
      ['approve', true],
      ['update', false],
      ['discard', false],
    ],
  );
});

t.test('a block names only what is approved when it becomes part of the register', async (t) => {
  const client = await tenant('naming', required);
  await create(client, 'recipients', { name: 'Host', reference: 'host' });
  await create(client, 'systems', { name: 'Shop', reference: 'shop', hostedById: 'ref:host' });
  const refused = await call(client, 'POST', '/v1/systems/ref:shop/approve');
  t.equal(refused.status, 409);
  t.match(refused.json, {
    type: problem('state-conflict'),
    errors: [{ in: 'body', pointer: '/hostedById', code: 'not-approved' }],
  });
  await content(call(client, 'PATCH', '/v1/settings', { buildingBlockApproval: 'automatic' }));
  const size = await logSize(client);
  const saved: [words: string, answer: Promise<Answer>][] = [
    ['a body that names it', call(client, 'PUT', '/v1/systems/ref:shop', { name: 'Shop', hostedById: 'ref:host' })],
    ['a patch that does', call(client, 'PATCH', '/v1/systems/ref:shop', { hostedById: 'ref:host', notes: 'x' })],
    ['a patch that leaves it as it is', call(client, 'PATCH', '/v1/systems/ref:shop', { notes: 'x' })],
    ['a new one', client.post('/v1/systems', { name: 'Other', hostedById: 'ref:host' })],
  ];
  for (const [words, answer] of saved) {
    const { status, json } = await answer;
    // The first is what is stored already: it changes nothing, so it approves nothing.
    if (words === 'a body that names it') {
      t.equal(status, 200);
      t.match(json, { state: 'draft', version: 1 });
      continue;
    }
    t.equal(status, 409, `${words} would approve what names an unapproved block`);
    t.match(json.errors, [{ pointer: '/hostedById', code: 'not-approved' }]);
  }
  t.equal(await logSize(client), size, 'nothing was written');
  await content(call(client, 'PATCH', '/v1/recipients/ref:host', { notes: 'x' }));
  t.match(await content(call(client, 'PATCH', '/v1/systems/ref:shop', { notes: 'x' })), { state: 'approved' });
});

// ---------------------------------------------------------------------------------------------------------------------
// The life of an activity

const steps: Record<string, (client: Client, id: unknown) => Promise<Answer>> = {
  edit: (client, id) => call(client, 'PATCH', `${activities}/${id}`, { notes: 'Edited.' }),
  submit: (client, id) => call(client, 'POST', `${activities}/${id}/submit`),
  reject: (client, id) => call(client, 'POST', `${activities}/${id}/reject`),
  approve: (client, id) => call(client, 'POST', `${activities}/${id}/approve`, { acceptedFindings: [] }),
  review: (client, id) => call(client, 'POST', `${activities}/${id}/review`),
  retire: (client, id) => call(client, 'POST', `${activities}/${id}/retire`, { endedOn: '2026-10-31' }),
  archive: (client, id) => call(client, 'POST', `${activities}/${id}/archive`),
  restore: (client, id) => call(client, 'POST', `${activities}/${id}/restore`),
  discard: (client, id) => call(client, 'DELETE', `${activities}/${id}/draft`),
  delete: (client, id) => call(client, 'DELETE', `${activities}/${id}`),
};

/** The steps that lead from nothing to a state, with the state they lead to. */
const states: Record<string, { by: string[]; state: string; approved: boolean; archived?: boolean }> = {
  draft: { by: [], state: 'draft', approved: false },
  inReview: { by: ['submit'], state: 'inReview', approved: false },
  approved: { by: ['approve'], state: 'approved', approved: true },
  changed: { by: ['approve', 'edit'], state: 'draft', approved: true },
  changedInReview: { by: ['approve', 'edit', 'submit'], state: 'inReview', approved: true },
  retired: { by: ['approve', 'retire'], state: 'retired', approved: true },
  archivedDraft: { by: ['archive'], state: 'draft', approved: false, archived: true },
  archivedRetired: { by: ['approve', 'retire', 'archive'], state: 'retired', approved: true, archived: true },
};

/**
 * What each step makes of each state: the state after it; `same` where it is so already (200, no version); `no` where
 * the state does not allow it (409); `gone` after a deletion.
 */
const outcomes: Record<string, Record<string, string>> = {
  //                edit             submit               reject              approve             review              retire             archive              restore            discard             delete
  draft: {
    edit: 'draft',
    submit: 'inReview',
    reject: 'no',
    approve: 'approved',
    review: 'no',
    retire: 'no',
    archive: 'archived',
    restore: 'same',
    discard: 'no',
    delete: 'gone',
  },
  inReview: {
    edit: 'draft',
    submit: 'no',
    reject: 'draft',
    approve: 'approved',
    review: 'no',
    retire: 'no',
    archive: 'archived',
    restore: 'same',
    discard: 'no',
    delete: 'gone',
  },
  approved: {
    edit: 'draft',
    submit: 'no',
    reject: 'no',
    approve: 'same',
    review: 'approved',
    retire: 'retired',
    archive: 'no',
    restore: 'same',
    discard: 'same',
    delete: 'no',
  },
  changed: {
    edit: 'draft',
    submit: 'inReview',
    reject: 'no',
    approve: 'approved',
    review: 'no',
    retire: 'no',
    archive: 'no',
    restore: 'same',
    discard: 'approved',
    delete: 'no',
  },
  changedInReview: {
    edit: 'draft',
    submit: 'no',
    reject: 'draft',
    approve: 'approved',
    review: 'no',
    retire: 'no',
    archive: 'no',
    restore: 'same',
    discard: 'approved',
    delete: 'no',
  },
  retired: {
    edit: 'no',
    submit: 'no',
    reject: 'no',
    approve: 'no',
    review: 'no',
    retire: 'same',
    archive: 'archived',
    restore: 'same',
    discard: 'same',
    delete: 'no',
  },
  archivedDraft: {
    edit: 'draft',
    submit: 'inReview',
    reject: 'no',
    approve: 'no',
    review: 'no',
    retire: 'no',
    archive: 'same',
    restore: 'restored',
    discard: 'no',
    delete: 'gone',
  },
  archivedRetired: {
    edit: 'no',
    submit: 'no',
    reject: 'no',
    approve: 'no',
    review: 'no',
    retire: 'same',
    archive: 'same',
    restore: 'restored',
    discard: 'same',
    delete: 'no',
  },
};

t.test('every step in every state', async (t) => {
  const client = await tenant('steps');
  let count = 0;
  for (const [name, { by, state, approved, archived = false }] of Object.entries(states)) {
    for (const [step, take] of Object.entries(steps)) {
      const words = `${step} of ${name}`;
      const expected = outcomes[name]![step]!;
      let before = await create(client, 'processing-activities', { name: words });
      for (const each of by) {
        // An edit that was made before would be no edit any more.
        const answer =
          each === 'edit'
            ? call(client, 'PATCH', `${activities}/${before.id}`, { notes: 'Before.' })
            : steps[each]!(client, before.id);
        before = await content(answer);
      }
      t.match(before, { state, archived }, `${name} is made`);
      t.equal(before.approvedVersion !== undefined, approved);
      const size = await logSize(client);
      const answer = await take(client, before.id);
      count++;
      if (expected === 'no') {
        t.equal(answer.status, 409, words);
        t.equal(answer.json.type, problem('state-conflict'));
        t.strictSame((await client.get(`${activities}/${before.id}`)).json, before, 'nothing changed');
        t.equal(await logSize(client), size);
      } else if (expected === 'gone') {
        t.equal(answer.status, 204, words);
        t.equal((await client.get(`${activities}/${before.id}`)).status, 404);
        t.equal(await logSize(client), size + 1);
      } else if (expected === 'same') {
        t.equal(answer.status, 200, words);
        t.strictSame(answer.json, before, 'it was so already');
        t.equal(await logSize(client), size, 'so there is no entry');
      } else {
        t.equal(answer.status, 200, words);
        const shows = { archived: { state, archived: true }, restored: { state, archived: false } }[expected] ?? {
          state: expected,
          archived,
        };
        t.match(answer.json, { ...shows, version: (before.version as number) + 1 });
        t.strictSame((await client.get(`${activities}/${before.id}`)).json, answer.json);
        t.equal(await logSize(client), size + 1);
        const [entry] = await changesAfter(client, size);
        t.match(entry, { operation: step === 'edit' ? 'update' : step, version: answer.json.version });
        const becomes = ['approve', 'review', 'retire'].includes(step);
        t.equal(
          answer.json.approvedVersion,
          becomes ? answer.json.version : before.approvedVersion,
          'the register shows it from now on, or what it showed',
        );
      }
    }
  }
  t.comment(`${count} cases`);
  t.equal(count, Object.keys(states).length * Object.keys(steps).length);
});

t.test('what is approved stays in the register while its draft is edited', async (t) => {
  const client = await tenant('editing');
  await create(client, 'controllers', { name: 'Acme', reference: 'acme', registerKept: true });
  await create(client, 'processing-activities', {
    name: 'Selling',
    reference: 'selling',
    controllerId: 'ref:acme',
    department: 'Sales',
  });
  const url = `${activities}/ref:selling`;
  t.strictSame(await entries(client), [], 'a draft is in no register');
  t.equal((await entries(client, '?include=drafts')).length, 1, 'unless drafts are asked for');
  await content(steps.submit!(client, 'ref:selling'));
  t.strictSame(await entries(client), [], 'nor is what is in review');
  const approved = await content(steps.approve!(client, 'ref:selling'));
  t.strictSame(await entries(client), [approved]);
  const edited = await content(call(client, 'PATCH', url, { name: 'Selling more', department: null }));
  t.match(edited, {
    state: 'draft',
    version: 4,
    approvedVersion: 3,
    approvedAt: approved.approvedAt,
    reviewDueOn: approved.reviewDueOn,
  });
  t.strictSame(await entries(client), [approved], 'as it was approved');
  t.strictSame((await client.get(`${url}/approved`)).json, approved);
  t.equal((await client.get('/v1/register/entries/ref:selling')).json.entry.name, 'Selling');
  t.strictSame(await entries(client, '?include=drafts'), [edited]);
  const back = await content(steps.discard!(client, 'ref:selling'));
  t.match(back, { name: 'Selling', department: 'Sales', state: 'approved', version: 5, approvedVersion: 3 });
  t.strictSame(await entries(client), [approved], 'going back changes nothing in the register');
  const again = await content(call(client, 'PATCH', url, { name: 'Selling again' }));
  t.match(again, { state: 'draft', version: 6, approvedVersion: 3 });
  const second = await content(steps.approve!(client, 'ref:selling'));
  t.match(second, { name: 'Selling again', version: 7, approvedVersion: 7, state: 'approved' });
  t.strictSame(await entries(client), [second]);
});

t.test('throwing changes away also gives up what only they named', async (t) => {
  const client = await tenant('discarding');
  for (const reference of ['old', 'new']) await create(client, 'systems', { name: reference, reference });
  await create(client, 'processing-activities', { name: 'A', reference: 'a', systemIds: ['ref:old'] });
  await content(steps.approve!(client, 'ref:a'));
  await content(call(client, 'PATCH', `${activities}/ref:a`, { systemIds: ['ref:new'], reference: 'b' }));
  t.equal((await call(client, 'DELETE', '/v1/systems/ref:new')).status, 409, 'the draft names it');
  t.equal((await call(client, 'DELETE', '/v1/systems/ref:old')).status, 409, 'the register names it');
  t.equal((await client.get(`${activities}/ref:a`)).status, 404, 'the draft has another reference');
  const taker = await create(client, 'processing-activities', { name: 'Taker', reference: 'a' });
  const refused = await steps.discard!(client, 'ref:b');
  t.equal(refused.status, 409, 'the old reference went to another activity');
  t.equal(refused.json.type, problem('reference-taken'));
  await content(call(client, 'PATCH', `${activities}/${taker.id}`, { reference: 'c' }));
  t.match(await content(steps.discard!(client, 'ref:b')), { reference: 'a', state: 'approved' });
  t.equal((await call(client, 'DELETE', '/v1/systems/ref:new')).status, 204, 'nobody names it any more');
});

t.test('the reason of a rejection and who approved stand in the versions', async (t) => {
  const client = await tenant('reasons');
  const approver = await service.client('reasons', 'approver');
  await create(client, 'processing-activities', { name: 'A', reference: 'a' });
  await content(steps.submit!(client, 'ref:a'));
  const rejected = await approver.call('POST', `${activities}/ref:a/reject`, {
    headers: { ...unconditional, 'change-reason': 'No controller.' },
  });
  t.match(rejected.json, { state: 'draft', version: 3 });
  const approved = await content(steps.approve!(approver, 'ref:a'));
  const { items } = (await client.get(`${activities}/ref:a/revisions`)).json;
  t.match(items, [
    { version: 4, operation: 'approve', approved: true, actorSubject: 'approver@reasons', actor: approved.approvedBy },
    { version: 3, operation: 'reject', approved: false, actorSubject: 'approver@reasons', reason: 'No controller.' },
    { version: 2, operation: 'submit', approved: false, actorSubject: 'dpo@reasons' },
    { version: 1, operation: 'create', approved: false, actorSubject: 'dpo@reasons' },
  ]);
  t.equal(items.length, 4);
});

// ---------------------------------------------------------------------------------------------------------------------
// Archiving and deleting

t.test('archiving hides from lists and leaves the register as it is', async (t) => {
  const client = await tenant('archiving');
  for (const reference of ['used', 'unused']) await create(client, 'systems', { name: reference, reference });
  await create(client, 'controllers', { name: 'Acme', reference: 'acme', registerKept: true });
  await create(client, 'processing-activities', {
    name: 'A',
    reference: 'a',
    controllerId: 'ref:acme',
    systemIds: ['ref:used'],
  });
  const inUse = async (words: string) => {
    const refused = await call(client, 'POST', '/v1/systems/ref:used/archive');
    t.equal(refused.status, 409, words);
    t.equal(refused.json.type, problem('in-use'));
  };
  await inUse('a draft names it');
  await content(steps.approve!(client, 'ref:a'));
  await inUse('the register names it');
  await content(call(client, 'PATCH', `${activities}/ref:a`, { systemIds: [] }));
  await inUse('the register still names it');
  await content(steps.approve!(client, 'ref:a'));
  const before = await entries(client);
  const archived = await content(call(client, 'POST', '/v1/systems/ref:used/archive'));
  t.match(archived, { archived: true, state: 'approved', version: 2, approvedVersion: 1 });
  t.strictSame(await entries(client), before);
  t.strictSame(
    (await client.get('/v1/systems')).json.items.map(({ reference }: Content) => reference),
    ['unused'],
  );
  t.strictSame((await client.get('/v1/systems?archived=true')).json.items, [archived]);
  t.equal((await client.get('/v1/systems/ref:used')).status, 200, 'it can be read');
  t.match(await content(call(client, 'POST', '/v1/systems/ref:used/restore')), {
    archived: false,
    version: 3,
    approvedVersion: 1,
  });
  t.equal((await client.get('/v1/systems')).json.items.length, 2);

  await content(call(client, 'PATCH', `${activities}/ref:a`, { systemIds: ['ref:used'] }));
  await content(steps.approve!(client, 'ref:a'));
  await content(steps.retire!(client, 'ref:a'));
  await inUse('an ended activity is still in the register');
  const standing = await entries(client);
  await content(steps.archive!(client, 'ref:a'));
  t.strictSame(await entries(client), standing, 'an archived one too, as it ended');
  t.match(
    await content(call(client, 'POST', '/v1/systems/ref:used/archive')),
    { archived: true },
    'what only archived ones name can be archived',
  );
});

t.test('what an approved activity ever named is kept; what nobody names can go', async (t) => {
  const client = await tenant('deleting');
  const names = ['never', 'drafted', 'once'];
  for (const reference of names) await create(client, 'systems', { name: reference, reference });
  const remove = (reference: string) => call(client, 'DELETE', `/v1/systems/ref:${reference}`);
  await create(client, 'processing-activities', { name: 'A', reference: 'a', systemIds: ['ref:drafted', 'ref:once'] });
  const patch = (systemIds: string[]) => content(call(client, 'PATCH', `${activities}/ref:a`, { systemIds }));
  for (const reference of ['drafted', 'once']) {
    const refused = await remove(reference);
    t.equal(refused.status, 409, `a draft names ${reference}`);
    t.equal(refused.json.type, problem('in-use'));
  }
  await patch(['ref:once']);
  t.equal((await remove('drafted')).status, 204, 'the draft gave it up');
  await content(steps.approve!(client, 'ref:a'));
  await patch([]);
  await content(steps.approve!(client, 'ref:a'));
  t.equal((await client.get('/v1/systems/ref:once/usages')).json.items.length, 0, 'nobody names it');
  const kept = await remove('once');
  t.equal(kept.status, 409, 'but the register once did');
  t.equal(kept.json.type, problem('in-use'));
  t.equal((await remove('never')).status, 204);
  t.equal((await client.get('/v1/systems/ref:never')).status, 404);
  t.match((await changesAfter(client, 0)).at(-1), { operation: 'delete', reference: 'never', version: 2 });
  t.equal(
    (await call(client, 'POST', '/v1/systems/ref:once/archive')).status,
    200,
    'what cannot be deleted can be archived',
  );

  await create(client, 'processing-activities', { name: 'B', reference: 'b', systemIds: ['ref:once'] });
  t.equal(
    (await call(client, 'DELETE', `${activities}/ref:b`)).status,
    204,
    'an activity that was never approved can go',
  );
  const refused = await call(client, 'DELETE', `${activities}/ref:a`);
  t.equal(refused.status, 409, 'one that was once approved is retired instead');
  t.equal(refused.json.type, problem('state-conflict'));
});

t.test('a reference to what is deleted at the same moment is not left dangling', async (t) => {
  const client = await tenant('racing');
  for (let round = 0; round < 10; round++) {
    await create(client, 'systems', { name: 'Racing', reference: `r${round}` });
    const [named, deleted] = await Promise.all([
      client.post(activities, { name: 'A', reference: `a${round}`, systemIds: [`ref:r${round}`] }),
      call(client, 'DELETE', `/v1/systems/ref:r${round}`),
    ]);
    const both = [named!.status, deleted!.status];
    t.ok(
      [
        [201, 409],
        [422, 204],
      ].some((pair) => pair.join() === both.join()),
      `one of them succeeds: ${both}`,
    );
  }
});

// ---------------------------------------------------------------------------------------------------------------------
// Approval

t.test('an activity is approved when its blocks are, or together with them', async (t) => {
  const client = await tenant('together', required);
  await create(client, 'recipients', { name: 'Parent', reference: 'parent' });
  await create(client, 'recipients', { name: 'Host', reference: 'host', engagedById: 'ref:parent' });
  await create(client, 'systems', { name: 'Shop', reference: 'shop', hostedById: 'ref:host' });
  await create(client, 'purposes', { name: 'Selling', reference: 'selling' });
  await create(client, 'purposes', { name: 'Unrelated', reference: 'unrelated' });
  await create(client, 'processing-activities', {
    name: 'A',
    reference: 'a',
    systemIds: ['ref:shop'],
    purposes: [{ purposeId: 'ref:selling' }],
  });
  const size = await logSize(client);
  const refused = await steps.approve!(client, 'ref:a');
  t.equal(refused.status, 409);
  t.equal(refused.json.type, problem('state-conflict'));
  t.strictSame(
    refused.json.errors.map(({ in: part, pointer, code }: Record<string, string>) => [part, pointer, code]),
    [
      ['body', '/purposes/0/purposeId', 'not-approved'],
      ['body', '/systemIds/0', 'not-approved'],
    ],
    'each unapproved block is named by its place',
  );
  t.equal(await logSize(client), size, 'nothing is written');

  const together = await call(client, 'POST', `${activities}/ref:a/approve`, {
    includeReferenced: true,
    acceptedFindings: [],
  });
  t.equal(together.status, 200);
  t.match(together.json, { state: 'approved', version: 2, approvedVersion: 2 });
  const written = await changesAfter(client, size);
  t.strictSame(
    written.map(({ operation, reference }) => `${operation} ${reference}`).sort(),
    ['approve a', 'approve host', 'approve parent', 'approve selling', 'approve shop'],
    'also what its blocks name in turn, and nothing else',
  );
  t.equal(written.at(-1)!.reference, 'a', 'the activity last');
  t.equal(new Set(written.map(({ at }) => at)).size, 1, 'in one transaction');
  t.equal(together.headers['log-sequence'], String(size + 5));
  t.equal((await client.get('/v1/purposes/ref:unrelated')).json.state, 'draft');

  await content(call(client, 'PATCH', '/v1/systems/ref:shop', { notes: 'Changed.' }));
  await content(call(client, 'PATCH', `${activities}/ref:a`, { notes: 'Changed.' }));
  const alone = await content(steps.approve!(client, 'ref:a'));
  t.equal(alone.state, 'approved', 'a block with an approved version may have a draft beside it');
  t.match((await client.get('/v1/systems/ref:shop')).json, { state: 'draft', approvedVersion: 2 }, 'which stays one');
  await content(call(client, 'PATCH', `${activities}/ref:a`, { notes: 'Again.' }));
  await content(call(client, 'POST', `${activities}/ref:a/approve`, { includeReferenced: true }));
  t.match(
    (await client.get('/v1/systems/ref:shop')).json,
    { state: 'approved', version: 4, approvedVersion: 4 },
    'unless it is approved with it',
  );
  t.equal(
    (await client.get('/v1/recipients/ref:host')).json.version,
    2,
    'what was approved already has no new version',
  );
});

t.test('the findings that are accepted may be none, and are ids', async (t) => {
  const client = await tenant('accepting');
  for (const [index, body] of [undefined, {}, { acceptedFindings: [] }, { includeReferenced: false }].entries()) {
    await create(client, 'processing-activities', { name: 'A', reference: `a${index}` });
    const answer = await call(client, 'POST', `${activities}/ref:a${index}/approve`, body);
    t.equal(answer.status, 200, JSON.stringify(body) ?? 'no body');
  }
  await create(client, 'processing-activities', { name: 'B', reference: 'b' });
  const id = 'a'.repeat(32);
  t.equal((await call(client, 'POST', `${activities}/ref:b/approve`, { acceptedFindings: ['x'] })).status, 400);
  t.equal((await call(client, 'POST', `${activities}/ref:b/approve`, { acceptedFindings: [id, id] })).status, 400);
  t.equal((await call(client, 'POST', `${activities}/ref:b/approve`, { acceptedFindings: [id] })).status, 200);
});

t.test('with four eyes the approver is not the last editor, of blocks neither', async (t) => {
  const client = await tenant('four-eyes', { ...required, fourEyes: true });
  const anna = await service.client('four-eyes', 'editor', 'approver');
  const bert = await service.client('four-eyes', 'approver', 'editor');
  const refused = (answer: Answer, words: string) => {
    t.equal(answer.status, 409, words);
    t.equal(answer.json.type, problem('four-eyes'));
  };
  await create(anna, 'systems', { name: 'Shop', reference: 'shop' });
  refused(await call(anna, 'POST', '/v1/systems/ref:shop/approve'), 'anna made the block');
  t.equal((await call(bert, 'POST', '/v1/systems/ref:shop/approve')).status, 200);

  await create(anna, 'processing-activities', { name: 'A', reference: 'a', systemIds: ['ref:shop'] });
  refused(await steps.approve!(anna, 'ref:a'), 'anna made it');
  await content(steps.submit!(anna, 'ref:a'));
  refused(await steps.approve!(anna, 'ref:a'), 'submitting makes nobody else its editor');
  await content(call(bert, 'PATCH', `${activities}/ref:a`, { notes: 'By bert.' }));
  refused(await steps.approve!(bert, 'ref:a'), 'bert edited it last');
  t.equal((await steps.approve!(anna, 'ref:a')).status, 200);
  t.equal(
    (await call(anna, 'POST', `${activities}/ref:a/review`)).status,
    200,
    'a review is no approval of one’s own words',
  );

  await content(call(anna, 'PATCH', '/v1/systems/ref:shop', { notes: 'By anna.' }));
  await content(call(bert, 'PATCH', `${activities}/ref:a`, { notes: 'Again by bert.' }));
  const together = (who: Client) => call(who, 'POST', `${activities}/ref:a/approve`, { includeReferenced: true });
  const size = await logSize(client);
  refused(await together(anna), 'anna edited a block that would be approved with it');
  refused(await together(bert), 'bert edited the activity');
  t.equal(await logSize(client), size);
  t.equal((await steps.approve!(anna, 'ref:a')).status, 200, 'without the block anna may');
  t.equal((await call(client, 'POST', '/v1/systems/ref:shop/approve')).status, 200, 'and a third person the block');
});

// ---------------------------------------------------------------------------------------------------------------------
// Settings

t.test('settings have a version like all else, and say what they contradict', async (t) => {
  const client = await tenant('settings');
  const defaults = {
    buildingBlockApproval: 'automatic',
    dpoApproves: true,
    endedEntriesKept: 'P5Y',
    fourEyes: false,
    reviewInterval: 'P1Y',
  };
  const first = await client.get('/v1/settings');
  t.strictSame(first.json, { ...defaults, version: 0 });
  t.equal(first.headers.etag, '"0"');
  const write = (method: string) => (body: unknown, match?: string) =>
    client.call(method, '/v1/settings', { body, headers: match === undefined ? {} : { 'if-match': match } });
  const [put, patch] = [write('PUT'), write('PATCH')];
  const half = { ...defaults, reviewInterval: 'P6M' };
  for (const [writes, body] of [
    [put, half],
    [patch, { reviewInterval: 'P6M' }],
  ] as const) {
    t.equal((await writes(body)).status, 428);
    const stale = await writes(body, '"4"');
    t.equal(stale.status, 412);
    t.match(stale.json, { type: problem('precondition-failed'), currentVersion: 0 });
    t.equal((await writes(defaults, '"4"')).json.version, 0, 'what is so already is no change');
  }
  for (const name of Object.keys(defaults)) {
    const { [name as keyof typeof defaults]: _, ...others } = half;
    const partial = await put(others, '"0"');
    t.equal(partial.status, 400, `${name} is not reset by being forgotten`);
    t.match(partial.json.errors, [{ in: 'body', pointer: `/${name}`, code: 'required' }]);
  }
  const second = await put({ ...half, version: 7, updatedAt: '2000-01-01T00:00:00Z' }, '"0"');
  t.equal(second.status, 200);
  t.match(second.json, { ...half, version: 1 });
  t.equal(second.headers.etag, '"1"');
  t.equal(second.headers['log-sequence'], '1');
  t.strictSame((await client.get('/v1/settings')).json, second.json);
  const read = await put(second.json, '"99"');
  t.equal(read.status, 200, 'what was read can be sent back');
  t.equal(read.text, second.text);
  t.equal((await patch({}, '"99"')).text, second.text, 'to change nothing is no change');
  const third = await patch({ endedEntriesKept: 'P10Y', version: 9 }, '"1"');
  t.match(third.json, { ...half, endedEntriesKept: 'P10Y', version: 2 }, 'an absent member stays as it is');
  t.equal((await patch({ reviewInterval: null }, '"2"')).status, 400, 'none can be taken away');
  t.equal((await client.call('PATCH', '/v1/settings', { headers: { 'if-match': '"2"' } })).status, 400, 'no body');

  for (const impossible of [await patch({ fourEyes: true }, '"2"'), await put({ ...half, fourEyes: true }, '"2"')]) {
    t.equal(impossible.status, 422, 'four eyes need approval to be required');
    t.match(impossible.json.errors, [{ in: 'body', pointer: '/fourEyes', code: 'contradiction' }]);
  }
  const periods: [reviewInterval: string, endedEntriesKept: string, status: number, pointer?: string][] = [
    ['P1M', 'P1M', 200],
    ['P4W', 'P28D', 200],
    ['P10Y', 'P100Y', 200],
    ['P9Y12M', 'P99Y11M28D', 200],
    ['P27D', 'P1Y', 422, '/reviewInterval'],
    ['P0D', 'P1Y', 422, '/reviewInterval'],
    ['P10Y1D', 'P1Y', 422, '/reviewInterval'],
    ['P1Y', 'P3W', 422, '/endedEntriesKept'],
    ['P1Y', 'P100Y1D', 422, '/endedEntriesKept'],
    ['P1Y', 'P999999Y', 422, '/endedEntriesKept'],
    ['PT1000H', 'P1Y', 400, '/reviewInterval'],
    ['P1Y', 'P1YT1H', 400, '/endedEntriesKept'],
  ];
  let version = 2;
  for (const [reviewInterval, endedEntriesKept, status, pointer] of periods) {
    const answer = await patch({ reviewInterval, endedEntriesKept }, '*');
    t.equal(answer.status, status, `${reviewInterval} ${endedEntriesKept}`);
    if (pointer === undefined) t.equal(answer.json.version, ++version);
    else t.match(answer.json.errors, [{ in: 'body', pointer }]);
  }
  t.match((await patch({ ...required, fourEyes: true }, `"${version}"`)).json, { fourEyes: true, version: ++version });
  t.strictSame(
    (await changesAfter(client, 0)).map(({ type, operation, version }) => [type, operation, version]),
    [['settings', 'create', 1], ...Array.from({ length: version - 1 }, (_, i) => ['settings', 'update', i + 2])],
  );
  t.equal(
    (await (await service.client('another-settings', 'dpo')).get('/v1/settings')).json.version,
    0,
    'another tenant has its own',
  );
});

t.test('where the officer only advises, others approve', async (t) => {
  const client = await tenant('advising', { dpoApproves: false });
  await create(client, 'processing-activities', { name: 'A', reference: 'a' });
  t.equal((await steps.approve!(client, 'ref:a')).status, 403);
  t.equal((await steps.approve!(await service.client('advising', 'approver'), 'ref:a')).status, 200);
});

// ---------------------------------------------------------------------------------------------------------------------
// Review and retirement

/** Calendar arithmetic by another way than the service's: the same day of that month, or the last there is. */
function monthsLater(date: string, months: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const index = year * 12 + month - 1 + months;
  const lengths = [31, (index / 12) % 4 < 1 ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const fitting = Math.min(day, lengths[index % 12]!);
  return `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}-${String(fitting).padStart(2, '0')}`;
}

t.test('an approval and a review say when the next review is due', async (t) => {
  const client = await tenant('reviewing');
  await create(client, 'processing-activities', { name: 'A', reference: 'a', notes: 'Stays.' });
  const approved = await content(steps.approve!(client, 'ref:a'));
  t.equal(approved.reviewDueOn, monthsLater((approved.approvedAt as string).slice(0, 10), 12), 'a year later');
  t.equal(approved.reviewedOn, undefined, 'an approval is no review');
  await content(call(client, 'PATCH', '/v1/settings', { reviewInterval: 'P6M' }));
  t.equal((await client.get(`${activities}/ref:a`)).json.reviewDueOn, approved.reviewDueOn, 'what is due stays due');
  const reviewed = await content(steps.review!(client, 'ref:a'));
  t.match(reviewed, {
    state: 'approved',
    version: 3,
    approvedVersion: 3,
    notes: 'Stays.',
    approvedAt: approved.approvedAt,
    approvedBy: approved.approvedBy,
  });
  t.equal(reviewed.reviewedOn, (reviewed.updatedAt as string).slice(0, 10));
  t.equal(reviewed.reviewDueOn, monthsLater(reviewed.reviewedOn as string, 6));
  t.strictSame((await client.get(`${activities}/ref:a/approved`)).json, reviewed, 'the register shows the review');
  await content(call(client, 'PATCH', `${activities}/ref:a`, { notes: 'New.' }));
  const again = await content(steps.approve!(client, 'ref:a'));
  t.equal(again.reviewDueOn, monthsLater((again.approvedAt as string).slice(0, 10), 6));
  t.equal(again.reviewedOn, reviewed.reviewedOn, 'the last review stays what it was');
});

t.test('a retired activity stays in the register for its period, then leaves it', async (t) => {
  const client = await tenant('retiring');
  await create(client, 'controllers', { name: 'Acme', reference: 'acme', registerKept: true });
  // The day must not end in the middle of what follows.
  const left = 86_400_000 - (Date.now() % 86_400_000);
  if (left < 30_000) await setTimeout(left);
  const today = new Date().toISOString().slice(0, 10);
  const dates = { recent: today, boundary: monthsLater(today, -60), long: '2001-01-01' };
  for (const [reference, endedOn] of Object.entries(dates)) {
    await create(client, 'processing-activities', { name: reference, reference, controllerId: 'ref:acme' });
    await content(steps.approve!(client, `ref:${reference}`));
    const retired = await content(
      call(client, 'POST', `${activities}/ref:${reference}/retire`, {
        endedOn,
        dataDisposal: 'Erased.',
        confirmLeaves: true,
      }),
    );
    t.match(retired, {
      state: 'retired',
      version: 3,
      approvedVersion: 3,
      retirement: { endedOn, dataDisposal: 'Erased.' },
    });
  }
  const shown = async (query = '') => (await entries(client, query)).map(({ reference }) => reference);
  const keep = (endedEntriesKept: string) => content(call(client, 'PATCH', '/v1/settings', { endedEntriesKept }));
  t.strictSame(await shown(), ['boundary', 'recent'], 'five years, the last day included');
  t.match((await entries(client))[1], { state: 'retired', retirement: { endedOn: today } }, 'marked as ended');
  t.strictSame(await shown('?include=drafts'), ['boundary', 'recent']);
  t.equal((await client.get('/v1/register/entries/ref:recent')).status, 200);
  t.equal((await client.get('/v1/register/entries/ref:long')).status, 404);
  t.equal((await client.get(`${activities}/ref:long`)).status, 200, 'it is not deleted');
  const before = await logSize(client);

  await keep('P100Y');
  t.strictSame(await shown(), ['boundary', 'long', 'recent'], 'a longer period brings it back');
  await keep('P4Y11M');
  t.strictSame(await shown(), ['recent'], 'a shorter one');
  await keep('P1M');
  t.strictSame(await shown(), ['recent'], 'the shortest');
  await keep('P99Y');
  t.strictSame(await shown(), ['boundary', 'long', 'recent']);
  t.equal((await client.get('/v1/register/entries/ref:long')).status, 200);
  t.strictSame(
    await shown(`?sequence=${before}`),
    ['boundary', 'recent'],
    'the past shows what it showed, by the settings of then',
  );
  t.strictSame(
    await shown(`?sequence=${before - 1}`),
    ['boundary', 'long', 'recent'],
    'and before it ended it was there',
  );
});

t.test('a retirement says when it ended and what took its place', async (t) => {
  const client = await tenant('replacing');
  for (const reference of ['old', 'new'])
    await create(client, 'processing-activities', { name: reference, reference, startedOn: '2024-01-01' });
  await content(steps.approve!(client, 'ref:old'));
  const retire = (body: unknown, match = '*') =>
    client.call('POST', `${activities}/ref:old/retire`, { body, headers: { 'if-match': match } });
  const cases: [words: string, body: unknown, status: number, pointer: string][] = [
    ['no date', {}, 400, '/endedOn'],
    ['no date that exists', { endedOn: '2026-02-30' }, 400, '/endedOn'],
    ['before it began', { endedOn: '2023-12-31' }, 422, '/endedOn'],
    ['replaced by nobody', { endedOn: '2026-10-31', replacedById: 'ref:nobody' }, 422, '/replacedById'],
    ['replaced by itself', { endedOn: '2026-10-31', replacedById: 'ref:old' }, 422, '/replacedById'],
    ['an unknown member', { endedOn: '2026-10-31', replacedBy: 'ref:new' }, 400, '/replacedBy'],
  ];
  for (const [words, body, status, pointer] of cases) {
    const refused = await retire(body);
    t.equal(refused.status, status, words);
    t.match(refused.json.errors, [{ in: 'body', pointer }]);
  }
  const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  const toCome = await retire({ endedOn: day(3) });
  t.equal(toCome.status, 422, 'what is still to come has not ended');
  t.match(toCome.json.errors, [{ in: 'body', pointer: '/endedOn', code: 'inFuture' }]);
  t.equal((await retire({ endedOn: '2023-12-31' }, '"1"')).status, 412, 'a stale one is told that first');
  const replacement = (await client.get(`${activities}/ref:new`)).json;
  const retired = await retire({ endedOn: '2026-10-31', replacedById: 'ref:new' });
  t.equal(retired.status, 200);
  t.strictSame(retired.json.retirement, { endedOn: '2026-10-31', replacedById: replacement.id }, 'given as an id');
  const usages = (await client.get(`${activities}/ref:new/usages`)).json.items;
  t.match(usages, [
    { type: 'processingActivity', reference: 'old', fields: ['retirement.replacedById'], inApproved: true },
  ]);
  t.equal((await call(client, 'DELETE', `${activities}/ref:new`)).status, 409, 'the register names it');
  const { json: document } = await client.get('/v1/register');
  t.strictSame(
    document.entries.map(({ reference }: Content) => reference),
    ['old'],
    'a draft does not come into the register by being named',
  );
  t.notMatch(JSON.stringify(document.blocks), new RegExp(String(replacement.id)));
});

t.test('a mistake in a retirement takes no entry away, and can be mended', async (t) => {
  const client = await tenant('mistaken');
  for (const [path, part, keeper] of [
    ['processing-activities', 'controller', 'controllerId'],
    ['processor-activities', 'processor', 'processorId'],
  ] as const) {
    await create(client, 'controllers', { name: part, reference: part, registerKept: true });
    await create(client, path, { name: 'Old', reference: 'old', [keeper]: `ref:${part}`, notes: 'Stays.' });
    const url = `/v1/${path}/ref:old`;
    const approved = await content(call(client, 'POST', `${url}/approve`));
    const retire = (body: unknown, match = '*') =>
      client.call('POST', `${url}/retire`, { body, headers: { 'if-match': match } });
    const shown = async () => (await entries(client, `?controllerId=ref:${part}&role=${part}`)).map(({ id }) => id);
    const due = async () =>
      (await client.get(`/v1/${path}?reviewDueBefore=9999-12-31`)).json.items.map(({ id }: Content) => id);
    t.strictSame(await due(), [approved.id]);

    const mistaken = await retire({ endedOn: '1990-01-01' });
    t.equal(mistaken.status, 422, 'it would leave the register at once');
    t.match(mistaken.json, { detail: /P5Y.* 1995-01-01.*confirmLeaves/, errors: [{ code: 'periodOver' }] });
    t.equal((await retire({ endedOn: '1990-01-01', confirmLeaves: false })).status, 422);
    t.strictSame((await client.get(url)).json, approved, 'nothing has happened');

    const left = await content(retire({ endedOn: '1990-01-01', confirmLeaves: true }));
    t.strictSame(left.retirement, { endedOn: '1990-01-01' }, 'the confirmation is no part of the record');
    t.strictSame(await shown(), [], 'when it is meant, it leaves');
    t.strictSame(await due(), [], 'and is due for no review');
    const again = await retire({ endedOn: '1990-01-01' }, '"1"');
    t.equal(again.status, 200, 'what is said already is no change');
    t.equal(again.json.version, left.version);

    t.equal((await retire({ endedOn: '2026-10-31' }, '"2"')).status, 412, 'a correction is made for a version');
    t.equal((await retire({ endedOn: '2999-01-01' })).status, 422, 'and judged like the first');
    const size = await logSize(client);
    const mended = await content(retire({ endedOn: '2026-10-31', dataDisposal: 'Erased.' }));
    const { version: _v, approvedVersion: _a, updatedAt: _u, retirement: _r, ...stays } = left;
    t.match(mended, stays);
    t.match(mended, {
      version: 4,
      approvedVersion: 4,
      state: 'retired',
      notes: 'Stays.',
      retirement: { endedOn: '2026-10-31', dataDisposal: 'Erased.' },
    });
    t.strictSame(await shown(), [mended.id], 'it is back');
    t.strictSame(
      (await changesAfter(client, size)).map(({ operation, version }) => [operation, version]),
      [['retire', 4]],
    );
    const shorter = await content(retire({ endedOn: '2026-10-31' }));
    t.strictSame(shorter.retirement, { endedOn: '2026-10-31' }, 'it is said anew, not added to');
    const editor = await service.client('mistaken', 'editor');
    t.equal((await call(editor, 'POST', `${url}/retire`, { endedOn: '2026-10-30' })).status, 403);
    t.equal((await call(client, 'PATCH', url, { notes: 'x' })).status, 409, 'its content no longer changes');
  }
});
