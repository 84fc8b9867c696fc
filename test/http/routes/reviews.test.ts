/** Reviews: asked for once, listed by the day they are due, completed with what follows for the activity. */
import t from 'tap';
import { datePlus } from '../../../src/article30/calendar.ts';
import type { Content } from '../../../src/article30/definition.ts';
import { reviewableTypes } from '../../../src/article30/review.ts';
import { createJudge } from '../../../src/http/validation.ts';
import { collections, hold } from '../../operations.ts';
import { type Answer, type Client, startService } from '../../service.ts';

const service = await startService(t);
const judge = createJudge({ isCountry: () => true }, service.app.getSchemas() as Record<string, object>);
const any = { 'if-match': '*' };
const today = new Date().toISOString().slice(0, 10);
const problem = (type: string) => `https://ropa.example/problems/${type}`;

async function made(client: Client, path: string, body: object): Promise<Content> {
  const { status, text, json } = await client.post(`/v1/${path}`, body);
  if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  return json;
}

/** An activity that stands in the register. */
async function activity(client: Client, reference: string, name = reference): Promise<Content> {
  await made(client, 'processing-activities', { name, reference });
  const { status, text, json } = await client.post(`/v1/processing-activities/ref:${reference}/approve`, {}, any);
  if (status !== 200) throw new Error(`${reference}: ${status} ${text}`);
  return json;
}

const of = (...references: string[]) => references.map((each) => ({ type: 'processingActivity', key: `ref:${each}` }));
const asking = (client: Client, body: object, headers?: Record<string, string>) =>
  client.post('/v1/reviews', body, headers);
const completing = (client: Client, { id }: { id: string }, body: object, headers: Record<string, string> = any) =>
  client.post(`/v1/reviews/${id}/complete`, body, headers);
const current = async (client: Client, reference: string): Promise<Content> =>
  (await client.get(`/v1/processing-activities/ref:${reference}`)).json;
const sizeOf = async (client: Client) => Number((await client.get('/v1/purposes?limit=1')).headers['log-sequence']);

t.test('asked for, found in the list, looked at, completed: the activity is confirmed with it', async (t) => {
  const client = await service.client('story', 'dpo');
  const before = await activity(client, 'invoicing', 'Invoicing');
  const size = await sizeOf(client);
  const register = await client.get(`/v1/register?sequence=${size}`);

  const answer = await asking(
    client,
    { subjects: of('invoicing'), reason: 'The payment provider was replaced.', dueOn: '2027-01-31', assignee: 'Sales' },
    { 'change-reason': 'As agreed with sales' },
  );
  t.equal(answer.status, 201);
  t.strictSame(judge('AskedReviews', answer.json), []);
  const [review] = answer.json.items;
  const { id, reference, askedAt, askedBy, ...said } = review;
  t.strictSame(said, {
    version: 1,
    state: 'open',
    subject: { type: 'processingActivity', id: before.id, reference: 'invoicing', name: 'Invoicing', deleted: false },
    reason: 'The payment provider was replaced.',
    dueOn: '2027-01-31',
    assignee: 'Sales',
    askedBySubject: 'dpo@story',
  });
  t.match(reference, /^invoicing-[0-9a-f]{8}$/);
  t.equal(answer.headers['log-sequence'], String(size + 1), 'one entry of the log');

  for (const key of [id, `ref:${reference}`]) {
    const read = await client.get(`/v1/reviews/${key}`);
    t.equal(read.status, 200);
    t.strictSame(read.json, review, 'what is read is what was answered');
    t.equal(read.headers.etag, '"1"');
    t.equal(read.headers['cache-control'], 'private, no-cache');
  }
  const list = await client.get('/v1/reviews?state=open');
  t.strictSame(list.json, { items: [review] });
  t.equal(list.headers['log-sequence'], String(size + 1));

  t.strictSame(await current(client, 'invoicing'), before, 'the activity did not change');
  t.equal((await client.get(`/v1/register?sequence=${size}`)).text, register.text);
  const { about: _about, integrity: _integrity, ...content } = register.json;
  t.match((await client.get('/v1/register')).json, content, 'nor did the register');

  const done = await completing(
    client,
    review,
    { outcome: 'nothingToChange', note: 'Compared.' },
    { 'if-match': '"1"' },
  );
  t.equal(done.status, 200, done.text);
  t.strictSame(judge('Review', done.json), []);
  const { completedAt, ...rest } = done.json;
  t.strictSame(rest, {
    ...review,
    version: 2,
    state: 'completed',
    completedBy: askedBy,
    completedBySubject: 'dpo@story',
    outcome: 'nothingToChange',
    note: 'Compared.',
  });
  t.ok(completedAt >= askedAt);
  t.equal(done.headers.etag, '"2"');
  t.equal(done.headers['log-sequence'], String(size + 3), 'two entries in one transaction');
  t.strictSame((await client.get(`/v1/reviews/${id}`)).json, done.json);

  const after = await current(client, 'invoicing');
  t.match(after, {
    version: (before.version as number) + 1,
    approvedVersion: (before.version as number) + 1,
    state: 'approved',
    reviewedOn: today,
    reviewDueOn: datePlus(today, 'P1Y'),
  });
  const { version: _v, approvedVersion: _a, updatedAt: _u, reviewedOn: _r, reviewDueOn: _d, ...kept } = before;
  t.match(after, kept, 'all else of the activity is as it was');

  const changes = (await client.get(`/v1/changes?after=${size}`)).json.items;
  t.match(changes, [
    { type: 'review', id, reference, version: 1, operation: 'create' },
    { type: 'processingActivity', id: before.id, operation: 'review' },
    { type: 'review', id, reference, version: 2, operation: 'update' },
  ]);
  t.equal(changes[1].at, changes[2].at, 'at one time');
  t.equal((await client.get('/v1/changes?type=review')).json.items.length, 2);

  const entries = (await client.get('/v1/log?type=review')).json.items;
  t.equal(entries.length, 2);
  t.match(entries[0], { approved: false, actor: askedBy, actorSubject: 'dpo@story', reason: 'As agreed with sales' });
  const { askedBySubject: _s, ...kept1 } = review;
  t.strictSame(entries[0].content, kept1, 'the log knows people by their random ids alone');
  const { askedBySubject: _s1, completedBySubject: _s2, ...kept2 } = done.json;
  t.strictSame(entries[1].content, kept2);
  const bare = (await (await service.client('story', 'auditor')).get('/v1/log?type=review')).json.items;
  t.ok(bare.length === 2 && bare.every((entry: object) => !('content' in entry)), 'auditors get the hashes alone');
});

t.test('what is open is asked for once, by whatever key and by whomever', async (t) => {
  const client = await service.client('once', 'dpo');
  const { id } = await activity(client, 'a');
  await activity(client, 'b');
  const first = await asking(client, { subjects: of('a'), reason: 'Why', dueOn: '2027-01-01' });
  const size = await sizeOf(client);
  const again = await asking(await service.client('once', 'approver'), {
    subjects: [{ type: 'processingActivity', key: id }],
    reason: 'Why',
    dueOn: '2028-01-01',
    assignee: 'Somebody else',
  });
  t.equal(again.status, 200);
  t.strictSame(again.json, first.json, 'the open one comes back as it is');
  t.equal(await sizeOf(client), size, 'without an entry');

  const both = await asking(client, { subjects: of('b', 'a'), reason: 'Why' });
  t.equal(both.status, 201, 'something new was among them');
  t.match(both.json.items, [{ subject: { reference: 'b' } }, { id: first.json.items[0].id, dueOn: '2027-01-01' }]);
  t.equal(await sizeOf(client), size + 1);
  t.equal(
    (await asking(client, { subjects: of('a'), reason: 'Another' })).status,
    201,
    'another reason is another review',
  );

  const twice = await asking(client, {
    subjects: [...of('a'), { type: 'processingActivity', key: id }],
    reason: 'Named twice',
  });
  t.equal(twice.status, 201);
  t.strictSame(twice.json.items[0], twice.json.items[1], 'a subject named by id and by reference is one');

  const [review] = first.json.items;
  t.equal((await completing(client, review, { outcome: 'changed' })).status, 200);
  const anew = await asking(client, { subjects: of('a'), reason: 'Why' });
  t.equal(anew.status, 201, 'what is completed can be asked for anew');
  t.not(anew.json.items[0].id, review.id);
});

t.test('who asks for the same at the same moment gets the same', async (t) => {
  const client = await service.client('race', 'dpo');
  const references = Array.from({ length: 12 }, (_, i) => `r${i}`);
  for (const reference of references) await activity(client, reference);
  let cases = 0;
  for (const reference of references) {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => asking(client, { subjects: of(reference), reason: 'Race' })),
    );
    t.strictSame(answers.map(({ status }) => status).sort(), [200, 200, 200, 201], reference);
    t.equal(new Set(answers.map(({ json }) => json.items[0].id)).size, 1);
    cases++;
  }
  const size = await sizeOf(client);
  // Many at once, in orders that would block each other if they were taken as they come.
  const orders = [references, [...references].reverse(), [...references.slice(6), ...references.slice(0, 6)]];
  const answers = await Promise.all(
    orders.map((order) => asking(client, { subjects: of(...order), reason: 'Many at once' })),
  );
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 200, 201], 'one asks, the others find it');
  const named = answers.map(({ json }) => json.items.map(({ id }: Content) => id).sort());
  t.strictSame(named[1], named[0]);
  t.strictSame(named[2], named[0]);
  t.equal(await sizeOf(client), size + references.length, 'and each is open once');
  const [review] = answers[0]!.json.items;
  const ends = await Promise.all(
    ['One', 'Two', 'Three'].map((note) =>
      completing(client, review, { outcome: 'nothingToChange', note }, { 'if-match': '"1"' }),
    ),
  );
  t.strictSame(ends.map(({ status }) => status).sort(), [200, 412, 412], 'one of several completes it');
  t.comment(`${cases} races of 4`);
});

t.test('many in one call: all or none', async (t) => {
  const client = await service.client('many', 'dpo');
  const { examples } = await hold(client, '', 'Example', { dpoApproves: true });
  const subjects = reviewableTypes.map((type) => ({ type, key: `ref:${examples.get(type)!.reference}` }));
  t.ok(subjects.length === collections.length && subjects.length > 10, 'of every type that has a collection');
  const size = await sizeOf(client);
  const body = { subjects, reason: 'The vendor was replaced.', dueOn: '2027-03-31', assignee: 'Privacy team' };
  const answer = await asking(client, body);
  t.equal(answer.status, 201, answer.text);
  t.strictSame(
    answer.json.items.map(({ subject }: { subject: Content }) => [subject.type, subject.id, subject.name]),
    subjects.map(({ type }) => [type, examples.get(type)!.id, examples.get(type)!.name]),
    'a review for each subject, in their order',
  );
  t.equal(answer.headers['log-sequence'], String(size + subjects.length));

  const wrong = await asking(client, {
    ...body,
    reason: 'Another',
    subjects: [
      subjects[0],
      { type: 'recipient', key: 'ref:nobody' },
      { type: 'purpose', key: examples.get('system')!.id },
    ],
  });
  t.equal(wrong.status, 422);
  t.match(wrong.json, {
    type: problem('unknown-reference'),
    errors: [
      { in: 'body', pointer: '/subjects/1/key', code: 'unknown-reference' },
      { in: 'body', pointer: '/subjects/2/key', code: 'unknown-reference' },
    ],
  });
  t.equal(await sizeOf(client), size + subjects.length, 'nothing of it was written');

  const bad: [words: string, body: object, pointer: string][] = [
    ['no subject', { ...body, subjects: [] }, '/subjects'],
    [
      'too many',
      { ...body, subjects: Array.from({ length: 501 }, (_, i) => ({ type: 'purpose', key: `ref:${i}` })) },
      '/subjects',
    ],
    ['the same twice', { ...body, subjects: [subjects[0], subjects[0]] }, '/subjects'],
    ['another type', { ...body, subjects: [{ type: 'processorClient', key: 'ref:a' }] }, '/subjects/0/type'],
    ['no key', { ...body, subjects: [{ type: 'purpose' }] }, '/subjects/0/key'],
    ['an unknown field', { ...body, due: '2027-01-01' }, '/due'],
    ['an unknown field of a subject', { ...body, subjects: [{ ...subjects[0], name: 'A' }] }, '/subjects/0/name'],
    ['no reason', { subjects }, '/reason'],
    ['an empty reason', { ...body, reason: '' }, '/reason'],
    ['a long reason', { ...body, reason: 'a'.repeat(1001) }, '/reason'],
    ['no day', { ...body, dueOn: '2027-02-30' }, '/dueOn'],
    ['a long assignee', { ...body, assignee: 'a'.repeat(301) }, '/assignee'],
  ];
  for (const [words, given, pointer] of bad) {
    const { status, json } = await asking(client, given);
    t.equal(status, 400, words);
    t.match(json.errors?.[0], { in: 'body', pointer }, words);
  }
  t.comment(`${subjects.length} types, ${bad.length} bodies`);
});

t.test('a blind retry gets the first answer, and no second review', async (t) => {
  const client = await service.client('retry', 'dpo');
  await activity(client, 'a');
  const body = { subjects: of('a'), reason: 'Retry' };
  const key = { 'idempotency-key': 'ask-1' };
  const first = await asking(client, body, key);
  const size = await sizeOf(client);
  const again = await asking(client, body, key);
  t.equal(again.status, 201);
  t.equal(again.headers['idempotency-replayed'], 'true');
  t.equal(again.text, first.text);
  t.equal((await asking(client, { ...body, reason: 'Other' }, key)).status, 422, 'the key belongs to that request');

  const [review] = first.json.items;
  const step = { outcome: 'nothingToChange' };
  const headers = { 'idempotency-key': 'complete-1', 'if-match': '"1"' };
  const done = await completing(client, review, step, headers);
  const after = await current(client, 'a');
  const repeated = await completing(client, review, step, headers);
  t.equal(repeated.headers['idempotency-replayed'], 'true');
  t.equal(repeated.text, done.text);
  t.strictSame(await current(client, 'a'), after, 'the activity is confirmed once');
  t.equal(await sizeOf(client), size + 2);

  const both = await Promise.all(
    [1, 2, 3].map(() => asking(client, { ...body, reason: 'At once' }, { 'idempotency-key': 'ask-2' })),
  );
  t.ok(
    both.every(({ status }) => status === 201 || status === 409),
    'at once: the first answer, or that it is under way',
  );
  t.equal((await client.get('/v1/reviews?state=open')).json.items.length, 1);
});

t.test('completed is completed', async (t) => {
  const client = await service.client('done', 'dpo');
  await activity(client, 'a');
  const ask = async (reason: string) => (await asking(client, { subjects: of('a'), reason })).json.items[0];
  const review = await ask('Done');
  const body = { outcome: 'changed', note: 'New contract recorded.' };
  const without = await completing(client, review, body, {});
  t.match([without.status, without.json.type], [428, problem('precondition-required')]);
  const stale = await completing(client, review, body, { 'if-match': '"7"' });
  t.match(stale, { status: 412, json: { currentVersion: 1 }, headers: { etag: '"1"' } });
  const done = await completing(client, review, body, { 'if-match': '"1"' });
  t.equal(done.status, 200);
  const size = await sizeOf(client);

  for (const headers of [any, { 'if-match': '"1"' }, { 'if-match': '"2"' }]) {
    const same = await completing(client, review, body, headers);
    t.equal(same.status, 200, 'the same once more is so already, even when stale');
    t.strictSame(same.json, done.json);
    t.equal(same.headers.etag, '"2"');
  }
  const others = [{ outcome: 'nothingToChange' }, { outcome: 'changed' }, { ...body, note: 'Another.' }];
  for (const other of others) {
    const { status, json } = await completing(client, review, other);
    t.match([status, json.type], [409, problem('state-conflict')], JSON.stringify(other));
    t.equal((await completing(client, review, other, { 'if-match': '"1"' })).status, 412, 'stale: it has changed');
  }
  t.equal(await sizeOf(client), size, 'nothing was written');
  t.equal((await completing(client, { id: 'ref:nobody' }, body)).status, 404);
  const next = await ask('Bad bodies');
  for (const bad of [{}, { outcome: 'maybe' }, { ...body, by: 'me' }, { outcome: 'changed', note: '' }]) {
    t.equal((await completing(client, next, bad)).status, 400, JSON.stringify(bad));
  }
});

t.test('nothing to change confirms what the register shows, and says where it cannot', async (t) => {
  const client = await service.client('states', 'dpo');
  const cases: {
    words: string;
    prepare: (reference: string) => Promise<unknown>;
    status: number;
    moved: boolean;
  }[] = [
    { words: 'approved', prepare: (r) => activity(client, r), status: 200, moved: true },
    {
      words: 'a draft that nobody approved',
      prepare: (name) => made(client, 'processing-activities', { name, reference: name }),
      status: 200,
      moved: false,
    },
    {
      words: 'in review, never approved',
      async prepare(name) {
        await made(client, 'processing-activities', { name, reference: name });
        return client.post(`/v1/processing-activities/ref:${name}/submit`, undefined, any);
      },
      status: 200,
      moved: false,
    },
    {
      words: 'changed since it was approved',
      async prepare(name) {
        await activity(client, name);
        return client.call('PATCH', `/v1/processing-activities/ref:${name}`, { body: { notes: 'New.' }, headers: any });
      },
      status: 409,
      moved: false,
    },
    {
      words: 'retired',
      async prepare(name) {
        await activity(client, name);
        return client.post(`/v1/processing-activities/ref:${name}/retire`, { endedOn: '2026-10-31' }, any);
      },
      status: 200,
      moved: false,
    },
  ];
  for (const [i, { words, prepare, status, moved }] of cases.entries()) {
    const reference = `s${i}`;
    await prepare(reference);
    const before = await current(client, reference);
    const [review] = (await asking(client, { subjects: of(reference), reason: 'State' })).json.items;
    const size = await sizeOf(client);
    const answer = await completing(client, review, { outcome: 'nothingToChange' });
    t.equal(answer.status, status, `${words}: ${answer.text}`);
    const after = await current(client, reference);
    t.equal(after.version, (before.version as number) + (moved ? 1 : 0), words);
    t.equal(after.reviewedOn, moved ? today : undefined, words);
    t.equal(await sizeOf(client), size + (status === 409 ? 0 : moved ? 2 : 1), words);
    if (status !== 409) continue;
    t.match(answer.json, { type: problem('state-conflict'), detail: /changed since it was approved/ });
    t.match(
      (await client.get(`/v1/reviews/${review.id}`)).json,
      { state: 'open', version: 1 },
      'the review stays open',
    );
    t.equal((await completing(client, review, { outcome: 'changed' })).status, 200, 'that it was changed can be said');
  }

  const purpose = await made(client, 'purposes', { name: 'Purpose', reference: 'purpose' });
  const [ofBlock] = (await asking(client, { subjects: [{ type: 'purpose', key: 'ref:purpose' }], reason: 'Block' }))
    .json.items;
  t.equal((await completing(client, ofBlock, { outcome: 'nothingToChange' })).status, 200);
  t.strictSame((await client.get('/v1/purposes/ref:purpose')).json, purpose, 'a building block stays as it is');

  const hosting = await made(client, 'processor-activities', { name: 'Hosting', reference: 'hosting' });
  await client.post(`/v1/processor-activities/${hosting.id}/approve`, {}, any);
  const subject = { type: 'processorActivity', key: 'ref:hosting' };
  const settings = { reviewInterval: 'P2Y' };
  t.equal((await client.call('PATCH', '/v1/settings', { body: settings, headers: any })).status, 200);
  const due = datePlus(today, 'P1Y');
  const overdue = async (day: string) =>
    (await client.get(`/v1/processor-activities?reviewDueBefore=${day}`)).json.items;
  t.strictSame(await overdue(due), [], 'a processor activity is due a year after its approval');
  t.match(await overdue(datePlus(due, 'P1D')), [{ reference: 'hosting', reviewDueOn: due }]);
  const [ofProcessor] = (await asking(client, { subjects: [subject], reason: 'Processor' })).json.items;
  t.equal((await completing(client, ofProcessor, { outcome: 'nothingToChange' })).status, 200);
  t.strictSame(await overdue(datePlus(due, 'P1D')), [], 'and after the review by the interval of the settings');
  t.match(await overdue(datePlus(today, 'P3Y')), [{ reviewedOn: today, reviewDueOn: datePlus(today, 'P2Y') }]);
  t.comment(`${cases.length} states of an activity`);
});

t.test('four eyes bind the approval, and the review confirms what two have seen', async (t) => {
  const roles = ['editor', 'approver', 'dpo'] as const;
  const author = await service.client('eyes', ...roles);
  const other = await service.client('eyes', 'approver');
  const settings = { buildingBlockApproval: 'required', fourEyes: true };
  t.equal((await author.call('PATCH', '/v1/settings', { body: settings, headers: any })).status, 200);
  await made(author, 'processing-activities', { name: 'A', reference: 'a' });
  const approve = (client: Client) => client.post('/v1/processing-activities/ref:a/approve', {}, any);
  t.match((await approve(author)).json, { type: problem('four-eyes') });
  t.equal((await approve(other)).status, 200);
  const plain = await author.post('/v1/processing-activities/ref:a/review', undefined, any);
  const [review] = (await asking(other, { subjects: of('a'), reason: 'Eyes' })).json.items;
  const done = await completing(author, review, { outcome: 'nothingToChange' });
  t.equal(done.status, plain.status, 'the same as the review of the activity itself');
  t.match(done.json, { askedBySubject: 'approver@eyes', completedBySubject: 'editor+approver+dpo@eyes' });
  t.not(done.json.askedBy, done.json.completedBy);
});

t.test('who may ask, complete and read', async (t) => {
  const dpo = await service.client('roles', 'dpo');
  await activity(dpo, 'a');
  const [review] = (await asking(dpo, { subjects: of('a'), reason: 'Roles' })).json.items;
  const expected = {
    viewer: [200, 403, 403],
    editor: [200, 403, 403],
    sync: [200, 403, 403],
    approver: [200, 201, 200],
    dpo: [200, 201, 200],
    auditor: [403, 403, 403],
  } as const;
  for (const [role, [reads, asks, completes]] of Object.entries(expected)) {
    const client = await service.client('roles', role as keyof typeof expected);
    t.equal((await client.get('/v1/reviews')).status, reads, `${role} lists`);
    t.equal((await client.get(`/v1/reviews/${review.id}`)).status, reads, `${role} reads`);
    const answer = await asking(client, { subjects: of('a'), reason: `As ${role}` });
    t.equal(answer.status, asks, `${role} asks`);
    const mine = answer.json.items?.[0] ?? review;
    t.equal((await completing(client, mine, { outcome: 'changed' })).status, completes, `${role} completes`);
  }
  t.equal((await dpo.call('PATCH', '/v1/settings', { body: { dpoApproves: false }, headers: any })).status, 200);
  const asked = await asking(dpo, { subjects: of('a'), reason: 'Monitoring' });
  t.equal(asked.status, 201, 'a data protection officer who does not decide still asks');
  t.equal(
    (await completing(dpo, asked.json.items[0], { outcome: 'changed' })).status,
    403,
    'and leaves the rest to others',
  );
});

t.test('another tenant sees nothing and asks nothing of it', async (t) => {
  const [ours, theirs] = [await service.client('ours', 'dpo'), await service.client('theirs', 'dpo')];
  const { id } = await activity(ours, 'secret', 'Secret');
  const subject = { type: 'processingActivity', key: String(id) };
  const [review] = (await asking(ours, { subjects: [subject], reason: 'Ours' })).json.items;
  t.equal((await ours.get(`/v1/reviews/${review.id}`)).status, 200);
  t.equal((await theirs.get(`/v1/reviews/${review.id}`)).status, 404);
  t.equal((await theirs.get(`/v1/reviews/ref:${review.reference}`)).status, 404);
  t.equal((await completing(theirs, review, { outcome: 'changed' })).status, 404);
  t.equal((await asking(theirs, { subjects: [subject], reason: 'Ours' })).status, 422);
  t.strictSame((await theirs.get(`/v1/reviews?subject=processingActivity:${id}`)).json.items, []);
  t.strictSame((await theirs.get('/v1/reviews')).json.items, []);
  t.equal((await ours.get(`/v1/reviews?subject=processingActivity:${id}`)).json.items.length, 1);
  await activity(theirs, 'secret');
  const own = await asking(theirs, { subjects: of('secret'), reason: 'Ours' });
  t.equal(own.status, 201, 'the same reference and reason are free in another tenant');
});

t.test('a subject may be renamed, and a draft deleted, while a review of it is open', async (t) => {
  const client = await service.client('gone', 'dpo');
  const draft = await made(client, 'processing-activities', { name: 'First name', reference: 'first' });
  const block = await made(client, 'purposes', { name: 'Block', reference: 'block' });
  const { items } = (
    await asking(client, { subjects: [...of('first'), { type: 'purpose', key: 'ref:block' }], reason: 'Gone' })
  ).json;
  const url = `/v1/processing-activities/${draft.id}`;
  const renamed = { name: 'Second name', reference: 'second' };
  t.equal((await client.call('PATCH', url, { body: renamed, headers: any })).status, 200);
  const subjectOf = async (id: string) => (await client.get(`/v1/reviews/${id}`)).json.subject;
  t.match(await subjectOf(items[0].id), { ...renamed, deleted: false }, 'the name is the present one');
  t.equal((await client.get(`${url}/usages`)).json.items.length, 0, 'a review is no use of its subject');
  const archived = await client.post(`/v1/purposes/${block.id}/archive`, undefined, any);
  t.equal(archived.status, 200, 'and does not keep it from being archived');

  for (const path of [url, `/v1/purposes/${block.id}`])
    t.equal((await client.call('DELETE', path, { headers: any })).status, 204);
  t.match(await subjectOf(items[0].id), { ...renamed, id: draft.id, deleted: true }, 'the last name is kept');
  const listed = await client.get('/v1/reviews?state=open');
  t.strictSame(judge('ReviewList', listed.json), []);
  t.strictSame(
    listed.json.items.map(({ subject }: Content) => (subject as Content).deleted),
    [true, true],
  );
  t.equal(
    (await client.get(`/v1/reviews?subject=processingActivity:${draft.id}`)).json.items.length,
    1,
    'found by its id',
  );
  t.equal((await client.get('/v1/reviews?subject=processingActivity:ref:second')).json.items.length, 0);
  t.equal((await asking(client, { subjects: [{ type: 'purpose', key: block.id }], reason: 'Gone' })).status, 422);

  await made(client, 'processing-activities', { name: 'Another', reference: 'second' });
  t.match(
    await subjectOf(items[0].id),
    { name: 'Second name', deleted: true },
    'who takes the reference over is another',
  );
  for (const review of items) {
    const done = await completing(client, review, { outcome: 'nothingToChange', note: 'It is gone.' });
    t.equal(done.status, 200, 'it can be completed');
    t.equal(done.json.subject.deleted, true);
  }
  t.strictSame((await client.get('/v1/reviews?state=open')).json.items, []);
});

t.test('the list is sorted by the day, narrowed by each filter, and read page by page', async (t) => {
  const client = await service.client('listed', 'dpo');
  for (const reference of ['a', 'b']) await activity(client, reference);
  await made(client, 'recipients', { name: 'R', reference: 'r' });
  const days = ['2027-03-01', undefined, '2026-01-01', '2027-03-01', '2030-12-31'];
  const recipient = { type: 'recipient', key: 'ref:r' };
  for (const [i, dueOn] of days.entries()) {
    const assignee = i % 2 === 0 ? 'Sales' : 'IT';
    const answer = await asking(client, {
      subjects: [...of('a', 'b'), recipient],
      reason: `Reason ${i}`,
      ...(dueOn === undefined ? {} : { dueOn }),
      ...(i === 4 ? {} : { assignee }),
    });
    t.equal(answer.status, 201);
    if (i === 0) t.equal((await completing(client, answer.json.items[2], { outcome: 'changed' })).status, 200);
  }
  interface Listed {
    id: string;
    state: string;
    dueOn?: string;
    assignee?: string;
    subject: { type: string; reference: string };
  }
  const all: Listed[] = (await client.get('/v1/reviews?limit=200')).json.items;
  t.equal(all.length, 15);
  const place = ({ dueOn, id }: Listed) => `${dueOn ?? '~'} ${id}`;
  t.strictSame(all.map(place), all.map(place).sort(), 'by day, those without one last, then by id');

  const filters: [query: string, holds: (review: Listed) => boolean][] = [
    ['state=open', ({ state }) => state === 'open'],
    ['state=completed', ({ state }) => state === 'completed'],
    ['state=open&state=completed', () => true],
    ['subjectType=recipient', ({ subject }) => subject.type === 'recipient'],
    ['subjectType=recipient&subjectType=processingActivity', () => true],
    ['subjectType=notice', () => false],
    ['subject=processingActivity:ref:a', ({ subject }) => subject.reference === 'a'],
    ['subject=processingActivity:ref:a&subject=recipient:ref:r', ({ subject }) => subject.reference !== 'b'],
    ['subject=recipient:ref:a', () => false],
    ['assignee=Sales', ({ assignee }) => assignee === 'Sales'],
    ['assignee=Sales&assignee=IT', ({ assignee }) => assignee !== undefined],
    ['assignee=sales', () => false],
    ['dueBefore=2027-03-01', ({ dueOn }) => dueOn !== undefined && dueOn < '2027-03-01'],
    ['dueBefore=9999-12-31', ({ dueOn }) => dueOn !== undefined],
    [
      'state=open&assignee=Sales&subjectType=recipient&dueBefore=2027-03-02',
      ({ state, assignee, subject, dueOn = '9' }) =>
        state === 'open' && assignee === 'Sales' && subject.type === 'recipient' && dueOn < '2027-03-02',
    ],
  ];
  let pages = 0;
  for (const [query, holds] of filters) {
    const wanted = all.filter(holds).map(({ id }) => id);
    for (const limit of [2, 200]) {
      const found: string[] = [];
      let path: string | undefined = `/v1/reviews?${query}&limit=${limit}`;
      while (path !== undefined) {
        const answer: Answer = await client.get(path);
        t.equal(answer.status, 200);
        t.ok(answer.json.items.length <= limit);
        found.push(...answer.json.items.map(({ id }: Listed) => id));
        const next: string | undefined = /^<(.+)>; rel="next"$/.exec(answer.headers.link ?? '')?.[1];
        t.equal(next !== undefined, answer.json.nextCursor !== undefined, 'the next page is linked');
        path = next;
        pages++;
      }
      t.strictSame(found, wanted, `${query}, ${limit} at a time`);
    }
  }
  const { nextCursor } = (await client.get('/v1/reviews?limit=1&state=open')).json;
  for (const query of [`cursor=${nextCursor}`, `state=completed&cursor=${nextCursor}`, 'cursor=abc']) {
    const { status, json } = await client.get(`/v1/reviews?${query}`);
    t.match([status, json.type], [400, problem('invalid-cursor')], query);
  }
  const forged = JSON.parse(Buffer.from(nextCursor, 'base64url').toString());
  for (const position of [
    ['never', forged[2]],
    [forged[1], 'nobody'],
  ]) {
    const cursor = Buffer.from(JSON.stringify([forged[0], ...position])).toString('base64url');
    t.equal((await client.get(`/v1/reviews?state=open&cursor=${cursor}`)).status, 400, 'a cursor made by hand');
  }
  const bad = [
    'limit=201',
    'state=done',
    'subject=a',
    'subject=purpose',
    'subject=processorClient:ref:a',
    'overdue=yes',
    'dueBefore=soon',
  ];
  for (const query of bad) t.equal((await client.get(`/v1/reviews?${query}`)).status, 400, query);
  t.comment(`${filters.length} filters, ${pages} pages`);
});

t.test('an open review is postponed and given to somebody else', async (t) => {
  const client = await service.client('moving', 'dpo');
  await activity(client, 'billing');
  const [review] = (await asking(client, { subjects: of('billing'), reason: 'Yearly', dueOn: '2027-01-31' })).json
    .items;
  const url = `/v1/reviews/${review.id}`;
  const patch = (body: object, match = '*', who = client) =>
    who.call('PATCH', url, { body, headers: match === '' ? {} : { 'if-match': match } });
  const listed = async (query: string) =>
    (await client.get(`/v1/reviews?${query}`)).json.items.map(({ id }: Content) => id);
  const size = await sizeOf(client);

  t.equal((await patch({ assignee: 'Legal' }, '')).status, 428);
  t.equal((await patch({ assignee: 'Legal' }, '"4"')).status, 412);
  t.equal((await patch({ dueOn: '2027-02-30' })).status, 400);
  t.equal((await patch({ reason: 'Another' })).status, 400, 'why it was asked for stays');
  t.equal((await client.call('PATCH', url, { headers: any })).status, 400, 'no body');
  const same = await patch({ dueOn: '2027-01-31' }, '"4"');
  t.equal(same.status, 200);
  t.strictSame(same.json, review, 'what is so already is no change');
  t.equal(await sizeOf(client), size);

  const approver = await service.client('moving', 'approver');
  const moved = await patch({ dueOn: '2027-03-31', assignee: 'Legal' }, '"1"', approver);
  t.equal(moved.status, 200, moved.text);
  t.strictSame(judge('Review', moved.json), []);
  t.strictSame(moved.json, { ...review, version: 2, dueOn: '2027-03-31', assignee: 'Legal' });
  t.equal(moved.headers['log-sequence'], String(size + 1), 'one entry of the log');
  const [entry] = (await client.get(`/v1/log?after=${size}`)).json.items;
  t.match(entry, { operation: 'update', resourceType: 'review', version: 2, actorSubject: 'approver@moving' });
  t.equal(entry.content.dueOn, '2027-03-31');
  t.strictSame((await client.get(url)).json, moved.json);
  t.strictSame(await listed('assignee=Legal'), [review.id]);
  t.strictSame(await listed('dueBefore=2027-03-31'), [], 'it is not due on the old day');
  t.strictSame(await listed('dueBefore=2027-04-01'), [review.id]);

  const bare = await patch({ dueOn: null, assignee: null });
  const { dueOn: _dueOn, ...without } = review;
  t.strictSame(bare.json, { ...without, version: 3 });
  t.strictSame(await listed('dueBefore=9999-12-31'), [], 'due on no day');
  t.strictSame(await listed('assignee=Legal'), []);
  t.equal((await patch({ assignee: 'x' }, '*', await service.client('moving', 'editor'))).status, 403);

  await completing(client, review, { outcome: 'changed' });
  const closed = await patch({ assignee: 'Sales' });
  t.equal(closed.status, 409, 'only while it is open');
  t.match(closed.json, { type: problem('state-conflict') });
});

t.test('a review is withdrawn, with a word why, and changes nothing', async (t) => {
  const client = await service.client('withdrawing', 'dpo');
  const before = await activity(client, 'billing');
  const ask = () => asking(client, { subjects: of('billing'), reason: 'By mistake' });
  const [review] = (await ask()).json.items;
  const silent = await completing(client, review, { outcome: 'withdrawn' });
  t.equal(silent.status, 422);
  t.match(silent.json.errors, [{ in: 'body', pointer: '/note', code: 'required' }]);
  const done = await completing(client, review, { outcome: 'withdrawn', note: 'Asked of the wrong one.' });
  t.equal(done.status, 200);
  t.match(done.json, { state: 'completed', outcome: 'withdrawn', note: 'Asked of the wrong one.' });
  t.strictSame(judge('Review', done.json), []);
  t.strictSame(await current(client, 'billing'), before, 'the activity is not confirmed');
  t.same((await client.get('/v1/reviews?state=open')).json.items, []);
  t.equal((await ask()).status, 201, 'it can be asked for anew');
});
