/**
 * The register, now and as it stood: what is in it, in which order, and that the same moment gives the same bytes
 * whatever happened since. A file that looks whole is whole.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { buildApp } from '../src/app.ts';
import { definitionOf } from '../src/article30/index.ts';
import { create } from '../src/article30/life.ts';
import type { ResourceType } from '../src/article30/resource-types.ts';
import { defaultSettings } from '../src/article30/settings.ts';
import type { Pool, Session } from '../src/db/connection.ts';
import { newId } from '../src/db/identifiers.ts';
import { append, changeOf, look } from '../src/db/records.ts';
import { poolFor } from './database.ts';
import { canonicalText, registerDigest } from './proof.ts';
import { type Answer, type Client, clientOf, startService, type TestService } from './service.ts';

interface Content {
  readonly id: string;
  readonly reference: string;
  readonly name: string;
  readonly version: number;
  readonly [member: string]: unknown;
}
interface Register {
  readonly about: {
    sequence: number;
    recordedAt: string;
    scope: Record<string, string>;
    tenant: string;
    rootHash: string;
  };
  readonly blocks: Readonly<Record<string, Readonly<Record<string, Content>>>>;
  readonly controllers: readonly Content[];
  readonly entries: readonly Content[];
  readonly integrity: { digest: string; entries: number };
}

let service: TestService;
t.before(async () => {
  service = await startService(t);
});

const any = { 'if-match': '*' };

/** Writes that must succeed, in a tenant of its own. */
class Register30 {
  readonly client: Client;
  readonly auditor: Client;
  readonly tenant: string;

  constructor(tenant: string, client: Client, auditor: Client) {
    this.tenant = tenant;
    this.client = client;
    this.auditor = auditor;
  }

  async sent(method: string, path: string, body?: object): Promise<Content> {
    const answer = await this.client.call(method, `/v1/${path}`, {
      ...(body === undefined ? {} : { body }),
      headers: any,
    });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  make = (path: string, reference: string, body: object = {}): Promise<Content> =>
    this.sent('POST', path, { name: reference, reference, ...body });
  change = (path: string, key: string, body: object): Promise<Content> => this.sent('PATCH', `${path}/${key}`, body);
  activity = async (reference: string, body: object = {}): Promise<Content> => {
    const { id } = await this.make('processing-activities', reference, body);
    return this.sent('POST', `processing-activities/${id}/approve`, {});
  };
  approve = (key: string, body: object = {}): Promise<Content> =>
    this.sent('POST', `processing-activities/${key}/approve`, body);
  retire = (key: string, endedOn: string): Promise<Content> =>
    this.sent('POST', `processing-activities/${key}/retire`, { endedOn, confirmLeaves: true });

  async register(query = ''): Promise<Register> {
    const answer = await this.client.get(`/v1/register?${query}`);
    if (answer.status !== 200) throw new Error(`register ${query}: ${answer.status} ${answer.text}`);
    return answer.json;
  }
  async sequence(): Promise<number> {
    return (await this.register()).about.sequence;
  }
}

async function begin(tenant: string): Promise<Register30> {
  return new Register30(tenant, await service.client(tenant, 'dpo'), await service.client(tenant, 'auditor'));
}

const referencesOf = (contents: readonly Content[]): string[] => contents.map(({ reference }) => reference);
const blocksOf = ({ blocks }: Pick<Register, 'blocks'>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(blocks).map(([type, byId]) => [type, referencesOf(Object.values(byId)).sort()]));
/** The day that lies so many years before today. */
const yearsAgo = (years: number): string => {
  const today = new Date().toISOString().slice(0, 10);
  return `${Number(today.slice(0, 4)) - years}-01-01`;
};

/** A company with a block of each type that reaches others. */
async function company(register: Register30) {
  const keys = await register.make('security-measures', 'keys');
  const company = await register.make('security-measures', 'company-wide');
  const acme = await register.make('controllers', 'acme', { registerKept: true, securityMeasureIds: [company.id] });
  const purpose = await register.make('purposes', 'invoicing');
  const basis = await register.make('legal-bases', 'law');
  const people = await register.make('data-subject-categories', 'customers');
  const data = await register.make('data-categories', 'invoices');
  const processor = await register.make('recipients', 'processor');
  const sub = await register.make('recipients', 'sub', { engagedById: processor.id });
  const importer = await register.make('recipients', 'importer', { engagedById: sub.id });
  const clauses = await register.make('safeguards', 'clauses', { recipientId: importer.id });
  const hosted = await register.make('systems', 'billing', { hostedById: processor.id });
  const notice = await register.make('notices', 'policy', { controllerId: acme.id });
  const body = {
    controllerId: acme.id,
    purposes: [{ purposeId: purpose.id, legalBasisIds: [basis.id], main: true }],
    dataLines: [{ dataCategoryId: data.id, dataSubjectCategoryIds: [people.id], purposeIds: [purpose.id] }],
    transfers: [{ country: 'US', safeguardIds: [clauses.id] }],
    securityMeasureIds: [keys.id],
    systemIds: [hosted.id],
  };
  return {
    acme,
    notice,
    body,
    blocks: { keys, company, purpose, basis, people, data, processor, sub, importer, clauses, hosted },
  };
}

const paths: Readonly<Record<string, string>> = {
  keys: 'security-measures',
  company: 'security-measures',
  purpose: 'purposes',
  basis: 'legal-bases',
  people: 'data-subject-categories',
  data: 'data-categories',
  processor: 'recipients',
  sub: 'recipients',
  importer: 'recipients',
  clauses: 'safeguards',
  hosted: 'systems',
};

t.test('the register as of an approval is the same bytes ever after', async (t) => {
  const register = await begin('bytes');
  const { acme, notice, body, blocks } = await company(register);
  const activity = await register.activity('invoicing', body);

  const urls = ['register?', 'register.ndjson?'].flatMap((start) =>
    ['', '&include=drafts', `&controllerId=${acme.id}`].map((rest) => `/v1/${start}x${rest}`.replace('?x', '?')),
  );
  const first: Register = await register.register();
  const { sequence, recordedAt } = first.about;
  t.equal(first.entries[0]?.version, activity.version, 'the approved version is in it');
  const then = new Map<string, string>();
  for (const url of urls) then.set(url, (await register.client.get(url)).text);
  const entry = (await register.client.get(`/v1/register/entries/${activity.id}`)).text;

  const same = async (client: Client, after: string) => {
    for (const url of urls) {
      for (const moment of [`sequence=${sequence}`, `asOf=${recordedAt}`, `asOf=${recordedAt.replace('Z', '999Z')}`]) {
        const answer = await client.get(`${url}&${moment}`);
        if (answer.status !== 200) t.fail(answer.text);
        t.ok(answer.text === then.get(url), `${url}&${moment} ${after}`);
      }
    }
    const key = `${activity.id}?sequence=${sequence}`;
    t.ok((await client.get(`/v1/register/entries/${key}`)).text === entry, `the entry ${after}`);
  };
  await same(register.client, 'at once');

  await register.change('processing-activities', activity.id, {
    name: 'Changed',
    reference: 'changed',
    transfers: null,
  });
  const changed = await register.client.get(`/v1/register?`);
  t.equal(changed.json.entries[0].name, 'invoicing', 'a draft is not in the register');
  await register.approve(activity.id);
  t.equal((await register.register()).entries[0]?.name, 'Changed');
  await same(register.client, 'after a change was approved');

  for (const [name, block] of Object.entries(blocks)) {
    await register.change(paths[name]!, block.id, { name: `Renamed ${name}`, reference: `renamed-${name}` });
  }
  await register.change('controllers', acme.id, { name: 'Renamed', reference: 'renamed', registerKept: false });
  await register.change('notices', notice.id, { name: 'Renamed', controllerId: null });
  await same(register.client, 'after all blocks were renamed');

  await register.change('recipients', blocks.importer.id, { engagedById: null });
  await register.change('safeguards', blocks.clauses.id, { recipientId: blocks.processor.id });
  await same(register.client, 'after blocks name others');

  await register.retire(activity.id, '2020-01-01');
  await register.sent('POST', `processing-activities/${activity.id}/archive`);
  for (const path of [`notices/${notice.id}`, `safeguards/${blocks.clauses.id}`, `systems/${blocks.hosted.id}`]) {
    await register.sent('POST', `${path}/archive`);
  }
  await register.sent('POST', `purposes/${blocks.purpose.id}/archive`);
  t.same((await register.register()).entries, [], 'it left the register of today');
  await same(register.client, 'after it ended and was archived');

  await register.sent('PATCH', 'settings', { endedEntriesKept: 'P1M', buildingBlockApproval: 'required' });
  await same(register.client, 'after the settings changed');

  const restarted = await buildApp(service.config, { main: service.pool, reads: service.pool });
  t.teardown(() => restarted.close());
  await same(clientOf(restarted, register.client.token), 'after a restart');
});

t.test('a controller that is gone still has the register that it had', async (t) => {
  const register = await begin('gone');
  const measure = await register.make('security-measures', 'm');
  const acme = await register.make('controllers', 'acme', { registerKept: true, securityMeasureIds: [measure.id] });
  const { text, json } = await register.client.get(`/v1/register?controllerId=${acme.id}`);
  t.same(referencesOf(json.controllers), ['acme']);
  await register.sent('DELETE', `controllers/${acme.id}`);
  await register.sent('DELETE', `security-measures/${measure.id}`);
  t.same((await register.register()).controllers, []);
  const then = await register.client.get(`/v1/register?controllerId=${acme.id}&sequence=${json.about.sequence}`);
  t.equal(then.text, text);
});

t.test('an activity is in the register of its controller and of each joint controller', async (t) => {
  const register = await begin('scopes');
  const acme = await register.make('controllers', 'acme', { registerKept: true });
  const beta = await register.make('controllers', 'beta', { registerKept: true });
  const other = await register.make('controllers', 'other', { registerKept: false });
  const silent = await register.make('controllers', 'silent');
  const mute = await register.make('controllers', 'mute');
  const joint = (...controllers: Content[]) => ({
    jointControllers: controllers.map(({ id }) => ({ controllerId: id })),
  });
  await register.activity('of-acme', { controllerId: acme.id });
  await register.activity('of-both', { controllerId: acme.id, ...joint(beta) });
  await register.activity('of-other', { controllerId: other.id });
  await register.activity('of-other-with-beta', { controllerId: other.id, ...joint(beta, mute) });
  await register.activity('of-silent', { controllerId: silent.id });
  await register.activity('of-nobody');

  const scope = async (query: string) => {
    const found = await register.register(query);
    t.equal(found.integrity.entries, found.entries.length);
    return [referencesOf(found.controllers), referencesOf(found.entries), blocksOf(found)];
  };
  t.same(await scope(''), [
    ['acme', 'beta', 'silent'],
    ['of-acme', 'of-both', 'of-nobody', 'of-other-with-beta', 'of-silent'],
    { controller: ['mute', 'other'] },
  ]);
  t.same(await scope('controllerId=ref:acme'), [['acme'], ['of-acme', 'of-both'], { controller: ['beta'] }]);
  t.same(await scope(`controllerId=${beta.id}`), [
    ['beta'],
    ['of-both', 'of-other-with-beta'],
    { controller: ['acme', 'mute', 'other'] },
  ]);
  t.same(await scope('controllerId=ref:other'), [
    ['other'],
    ['of-other', 'of-other-with-beta'],
    { controller: ['beta', 'mute'] },
  ]);
  t.same(await scope('controllerId=ref:mute'), [['mute'], ['of-other-with-beta'], { controller: ['beta', 'other'] }]);
  t.same((await register.register('controllerId=ref:acme')).about.scope, {
    role: 'controller',
    controllerId: acme.id,
    include: 'approved',
  });
  t.same((await register.register('role=controller')).about.scope, { role: 'controller', include: 'approved' });
  const unknown = await register.client.get('/v1/register?controllerId=ref:nobody');
  t.equal(unknown.status, 422);
  t.match(unknown.json.errors[0], { in: 'query', name: 'controllerId' });
});

t.test(
  'entries stand in the order of their references, by code points, and then always in the same order',
  async (t) => {
    const register = await begin('order');
    for (const reference of ['b', 'B', 'a', '_', '10', '9', 'a.b', 'a-b', 'ab']) await register.activity(reference);
    const expected = ['10', '9', 'B', '_', 'a', 'a-b', 'a.b', 'ab', 'b'];
    t.same(referencesOf((await register.register()).entries), expected);
    t.same(referencesOf((await register.register('include=drafts')).entries), expected);

    // An approved version may bear a reference that its draft gave up and another activity took since.
    const older = await register.make('processing-activities', 'taken-later');
    const younger = await register.activity('shared');
    await register.change('processing-activities', younger.id, { reference: 'given-up' });
    await register.change('processing-activities', older.id, { reference: 'shared' });
    await register.approve(older.id);
    const shared = (await register.register()).entries.filter(({ reference }) => reference === 'shared');
    t.same(
      shared.map(({ id }) => id),
      [older.id, younger.id],
      'by id where the reference is the same',
    );
  },
);

t.test('blocks are those that entries and controllers reach, through others too, each once', async (t) => {
  const register = await begin('reach');
  const { body, blocks } = await company(register);
  for (const path of ['purposes', 'recipients', 'security-measures']) await register.make(path, 'idle');
  const beta = await register.make('controllers', 'beta', { registerKept: false });
  await register.make('notices', 'of-beta', { controllerId: beta.id });
  await register.make('notices', 'about-acme', {
    controllerId: beta.id,
    statements: [{ text: 'Acme does it.', about: [{ controllerId: 'ref:acme' }] }],
  });
  t.same(
    blocksOf(await register.register()),
    { notice: ['policy'], securityMeasure: ['company-wide'] },
    'without entries',
  );
  await register.activity('invoicing', body);
  await register.activity('again', body);
  const all = {
    dataCategory: ['invoices'],
    dataSubjectCategory: ['customers'],
    legalBasis: ['law'],
    notice: ['policy'],
    purpose: ['invoicing'],
    recipient: ['importer', 'processor', 'sub'],
    safeguard: ['clauses'],
    securityMeasure: ['company-wide', 'keys'],
    system: ['billing'],
  };
  const found = await register.register();
  t.same(blocksOf(found), all);
  t.same(blocksOf(await register.register('controllerId=ref:acme')), all);
  t.same(
    blocksOf(await register.register('controllerId=ref:beta')),
    { controller: ['acme'], notice: ['about-acme', 'of-beta'], securityMeasure: ['company-wide'] },
    'what a notice of its own is about, but no notice of others',
  );
  for (const byId of Object.values(found.blocks)) {
    for (const [id, content] of Object.entries(byId)) t.equal(content.id, id);
  }
  const { text } = await register.client.get('/v1/register');
  for (const { id } of Object.values(blocks)) t.equal(text.split(`"id":"${id}"`).length, 2, 'once');
  const stored = (await register.client.get(`/v1/recipients/${blocks.sub.id}`)).text;
  t.ok(text.includes(`"${blocks.sub.id}":${stored}`), 'as it is stored');
});

t.test('the record of a processor says nothing of what it does as a controller', async (t) => {
  const register = await begin('both-roles');
  const { acme, body, notice, blocks } = await company(register);
  await register.change('controllers', acme.id, { actsAs: ['controller', 'processor'] });
  await register.change('notices', notice.id, {
    statements: [
      { text: 'We bill.', about: [{ purposeId: body.purposes[0]!.purposeId }] },
      { text: 'Of customers.', about: [{ dataCategoryId: body.dataLines[0]!.dataCategoryId }] },
      { text: 'Through others.', about: [{ recipientId: blocks.sub.id }] },
    ],
  });
  await register.activity('invoicing', body);
  const ownFacts = { securityMeasure: ['company-wide'] };
  for (const include of ['approved', 'drafts']) {
    const of = (query: string) => register.register(`include=${include}&${query}`);
    for (const query of ['role=processor', 'role=processor&controllerId=ref:acme'])
      t.same(blocksOf(await of(query)), ownFacts, `${query}, without entries`);
    t.ok(blocksOf(await of('role=controller')).notice, 'the record of a controller has its notices');
  }

  const hosting = await register.make('processor-activities', 'hosting', {
    processorId: acme.id,
    subprocessors: [{ recipientId: blocks.importer.id }],
    transfers: [{ country: 'US', safeguardIds: [blocks.clauses.id] }],
    securityMeasureIds: [blocks.keys.id],
  });
  await register.sent('POST', `processor-activities/${hosting.id}/approve`, {});
  const beta = await register.make('controllers', 'beta');
  const client = `/v1/processor-activities/${hosting.id}/clients/${beta.id}`;
  t.equal((await register.client.call('PUT', client, { body: {} })).status, 201);
  await register.make('notices', 'of-beta', { controllerId: beta.id });
  const found = blocksOf(await register.register('role=processor&controllerId=ref:acme'));
  t.same(Object.keys(found), ['controller', 'processorClient', 'recipient', 'safeguard', 'securityMeasure']);
  t.same(found, {
    controller: ['beta'],
    processorClient: found.processorClient,
    recipient: ['importer', 'processor', 'sub'],
    safeguard: ['clauses'],
    securityMeasure: ['company-wide', 'keys'],
  });
});

t.test('drafts are shown when they are asked for, now and in the past', async (t) => {
  const register = await begin('drafts');
  const purpose = await register.make('purposes', 'p');
  await register.sent('PATCH', 'settings', { buildingBlockApproval: 'required' });
  const hidden = await register.make('purposes', 'hidden');
  const activity = await register.activity('a', { purposes: [{ purposeId: purpose.id }] });
  await register.make('processing-activities', 'b', { purposes: [{ purposeId: hidden.id }] });
  await register.change('purposes', purpose.id, { name: 'Draft name' });
  await register.change('processing-activities', activity.id, { name: 'Draft of a' });

  const approved = await register.register();
  t.same(
    approved.entries.map(({ name }) => name),
    ['a'],
  );
  t.same(
    Object.values(approved.blocks.purpose!).map(({ name }) => name),
    ['p'],
  );
  const drafts = await register.register('include=drafts');
  t.equal(drafts.about.scope.include, 'drafts');
  t.same(
    drafts.entries.map(({ name }) => name),
    ['Draft of a', 'b'],
  );
  t.same(
    Object.values(drafts.blocks.purpose!).map(({ name }) => name),
    ['Draft name', 'hidden'],
  );

  const { sequence } = drafts.about;
  const then = (await register.client.get('/v1/register?include=drafts')).text;
  await register.sent('DELETE', 'processing-activities/ref:b');
  await register.sent('DELETE', `processing-activities/${activity.id}/draft`);
  await register.sent('DELETE', `purposes/${hidden.id}`);
  const after = await register.register('include=drafts');
  t.same(
    after.entries.map(({ name }) => name),
    ['a'],
    'deleted and discarded drafts are gone',
  );
  t.equal((await register.client.get(`/v1/register?include=drafts&sequence=${sequence}`)).text, then);
  t.same((await register.register(`include=drafts&sequence=1`)).blocks, {}, 'nothing names the purpose yet');
});

t.test('a log without entries gives the empty register', async (t) => {
  const register = await begin('empty');
  const now = await register.register();
  t.match(now, { blocks: {}, controllers: [], entries: [], about: { sequence: 0 }, integrity: { entries: 0 } });
  t.equal(now.integrity.digest, registerDigest(JSON.stringify(now)));
  const { createdAt } = (await (await service.client('empty', 'admin')).get('/v1/tenants?limit=200')).json.items.find(
    ({ reference }: Content) => reference === 'empty',
  );
  t.equal(now.about.recordedAt, createdAt, 'at the tenant’s creation');
  await register.activity('a');
  t.same(await register.register('sequence=0'), now);
  t.same(await register.register('asOf=2001-01-01T00:00:00Z'), now);
  t.same(await register.register('asOf=2001-01-01T02:00:00%2B02:00'), now);
  t.equal((await register.register()).entries.length, 1);
});

t.test('a moment that is not there yet, or two moments, are refused', async (t) => {
  const register = await begin('moments');
  await register.activity('a');
  t.equal((await register.client.get('/v1/register?sequence=2')).status, 200);
  for (const path of ['register', 'register.ndjson', 'register/entries/ref:a']) {
    for (const [query, status] of [
      ['sequence=3', 422],
      ['sequence=999999999999999', 422],
      ['asOf=2999-01-01T00:00:00Z', 422],
      ['asOf=2026-01-01T00:00:00Z&sequence=1', 422],
      ['sequence=-1', 400],
      ['sequence=1.5', 400],
      ['sequence=9007199254740993', 400],
      ['asOf=2026-02-30T00:00:00Z', 400],
      ['asOf=yesterday', 400],
      ['include=all', 400],
      ['at=3', 400],
    ] as const) {
      const answer = await register.client.get(`/v1/${path}?${query}`);
      t.equal(answer.status, status, `${path}?${query}`);
      t.match(answer.headers['content-type'], 'application/problem+json');
    }
  }
});

t.test('what ended leaves the register after the period of the settings', async (t) => {
  const register = await begin('ended');
  const old = await register.activity('old');
  const recent = await register.activity('recent');
  await register.activity('running');
  await register.retire(old.id, yearsAgo(7));
  await register.retire(recent.id, yearsAgo(3));
  const entries = async (query = '') => referencesOf((await register.register(query)).entries);
  const before = await register.sequence();
  t.same(await entries(), ['recent', 'running'], 'five years unless the settings say otherwise');
  t.same(await entries(`sequence=${before - 2}`), ['old', 'recent', 'running'], 'before they ended');
  t.equal((await register.register()).entries[0]?.state, 'retired');
  t.equal((await register.client.get('/v1/register/entries/ref:recent')).status, 200);
  t.equal((await register.client.get('/v1/register/entries/ref:old')).status, 404);

  for (const [period, left] of [
    ['P10Y', ['old', 'recent', 'running']],
    ['P1M', ['running']],
    ['P100Y', ['old', 'recent', 'running']],
    ['P99Y11M28D', ['old', 'recent', 'running']],
    ['P5000W', ['old', 'recent', 'running']],
    ['P4Y', ['recent', 'running']],
    ['P28D', ['running']],
  ] as const) {
    await register.sent('PATCH', 'settings', { endedEntriesKept: period });
    t.same(await entries(), left, period);
    t.same(await entries('include=drafts'), left, `${period}, drafts`);
  }
  t.same(await entries(`sequence=${before}`), ['recent', 'running'], 'the settings of that moment count');

  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  for (const days of [28, 29]) {
    const { id } = await register.activity(`ended-${days}-days-ago`);
    await register.retire(id, daysAgo(days));
  }
  t.same(await entries(), ['ended-28-days-ago', 'running'], 'on the last day it still stands there');
});

t.test('NDJSON has the same parts as the document, a line each', async (t) => {
  const register = await begin('lines');
  const { body } = await company(register);
  for (const reference of ['x', 'y', 'z']) await register.activity(reference, body);
  for (const query of ['', 'controllerId=ref:acme', 'include=drafts', 'sequence=0']) {
    const { text: document, json } = await register.client.get(`/v1/register?${query}`);
    const { text, headers } = await register.client.get(`/v1/register.ndjson?${query}`);
    t.equal(headers['content-type'], 'application/x-ndjson');
    t.ok(text.endsWith('\n'));
    const lines = text.trimEnd().split('\n');
    for (const line of lines) t.equal(line, canonicalText(JSON.parse(line)));
    const whole: Register = json;
    t.same(
      lines.map((line) => JSON.parse(line)),
      [
        { about: whole.about },
        ...Object.entries(whole.blocks).flatMap(([type, byId]) =>
          Object.values(byId).map((block) => ({ block, type })),
        ),
        ...whole.controllers.map((controller) => ({ controller })),
        ...whole.entries.map((entry) => ({ entry })),
        { integrity: whole.integrity },
      ],
      query,
    );
    t.equal(whole.integrity.digest, registerDigest(document));
  }
});

t.test('a download has a name, a sequence and a type', async (t) => {
  const register = await begin('names');
  await register.make('controllers', 'acme', { registerKept: true });
  await register.activity('a', { controllerId: 'ref:acme' });
  const { about } = await register.register();
  const date = about.recordedAt.slice(0, 10);
  const shown = await register.client.get('/v1/register');
  t.notOk('content-disposition' in shown.headers);
  t.match(shown.headers, { 'content-type': 'application/json; charset=utf-8', 'log-sequence': 3 });
  t.match(shown.headers['cache-control'], /private/);
  for (const [path, name] of [
    ['register.json', `register-all-${date}-3.json`],
    ['register.json?controllerId=ref:acme', `register-acme-${date}-3.json`],
    ['register.ndjson?controllerId=ref:acme', `register-acme-${date}-3.ndjson`],
    ['register.csv', `register-all-${date}-3.csv`],
  ]) {
    const { headers } = await register.client.get(`/v1/${path}`);
    t.equal(headers['content-disposition'], `attachment; filename="${name}"`);
  }
  t.equal((await register.client.get('/v1/register.json')).text, shown.text);
  t.equal(Number((await register.client.get('/v1/register?sequence=1')).headers['log-sequence']), 1);
});

t.test('one entry comes with the blocks that it reaches', async (t) => {
  const register = await begin('entry');
  const { acme, body } = await company(register);
  const activity = await register.activity('invoicing', body);
  await register.activity('other');
  const { text, json } = await register.client.get(`/v1/register/entries/ref:invoicing`);
  t.same(Object.keys(json), ['blocks', 'entry']);
  t.equal(text, canonicalText(json));
  t.equal(json.entry.id, activity.id);
  const whole = await register.register();
  t.same(json.entry, whole.entries[0]);
  const { notice: _, ...reached } = whole.blocks;
  t.same(json.blocks, { controller: { [acme.id]: whole.controllers[0] }, ...reached }, 'the controller among them');
  t.same((await register.client.get('/v1/register/entries/ref:other')).json.blocks, {});

  const draft = await register.make('processing-activities', 'draft');
  const { sequence } = (await register.register()).about;
  t.equal((await register.client.get(`/v1/register/entries/${draft.id}`)).status, 404, 'nobody approved it');
  const seen = await register.client.get(`/v1/register/entries/${draft.id}?include=drafts`);
  t.equal(seen.json.entry.id, draft.id);
  await register.sent('DELETE', `processing-activities/${draft.id}`);
  t.equal((await register.client.get(`/v1/register/entries/${draft.id}?include=drafts`)).status, 404);
  const then = await register.client.get(`/v1/register/entries/${draft.id}?include=drafts&sequence=${sequence}`);
  t.equal(then.text, seen.text, 'as it stood before it was deleted');
  t.equal((await register.client.get(`/v1/register/entries/${newId()}`)).status, 404);
  t.equal((await register.client.get('/v1/register/entries/ref:nobody')).status, 404);
  t.equal((await register.client.get(`/v1/register/entries/${activity.id}?sequence=0`)).status, 404);
});

t.test('an auditor reads what was approved, and no drafts', async (t) => {
  const register = await begin('audited');
  await register.activity('a');
  await register.make('processing-activities', 'b');
  for (const path of ['register', 'register.json', 'register.ndjson', 'register.csv', 'register/entries/ref:a']) {
    const seen = await register.auditor.get(`/v1/${path}?include=approved`);
    t.equal(seen.status, 200, path);
    t.equal(seen.text, (await register.client.get(`/v1/${path}`)).text);
    t.equal((await register.client.get(`/v1/${path}?include=drafts`)).status, 200);
    const refused = await register.auditor.get(`/v1/${path}?include=drafts`);
    t.equal(refused.status, 403, `${path} with drafts`);
    t.notMatch(refused.text, 'entries');
  }
});

t.test('a large register', async (t) => {
  const tenant = 'large';
  const register = await begin(tenant);
  const count = 3000;
  const written = await fill(register, count);
  const folder = await mkdtemp(join(tmpdir(), 'register-socket-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 's');

  let pages = 0;
  let rows = 0;
  const counted = counting(service.pool, (read) => {
    pages++;
    rows += read;
  });
  const app = await buildApp(service.config, { main: service.pool, reads: counted });
  t.teardown(() => app.close());
  await app.listen({ path: socketPath });
  const open = (path: string) => download(socketPath, path, register.client.token);

  await t.test('is whole, in order, and agrees with its digest', async (t) => {
    const response = await open('/v1/register');
    const text = await whole(response);
    const document: Register = JSON.parse(text);
    t.equal(document.entries.length, count);
    t.equal(document.integrity.entries, count);
    t.same(referencesOf(document.entries), [...written].sort());
    t.equal(Object.keys(document.blocks.purpose!).length, 700, 'more blocks than a page has');
    t.same(Object.keys(document.blocks.purpose!), Object.keys(document.blocks.purpose!).sort());
    t.equal(text, canonicalText(document));
    t.equal(document.integrity.digest, registerDigest(text));
    t.equal(rows, count + 700, 'each content is fetched once');
    const lines = (await whole(await open('/v1/register.ndjson'))).trimEnd().split('\n');
    t.equal(lines.length, count + 700 + 2);
    t.same(JSON.parse(lines.at(-1)!), { integrity: document.integrity });
  });

  await t.test('waits for a slow reader instead of filling the memory', async (t) => {
    [pages, rows] = [0, 0];
    const response = await open('/v1/register.ndjson');
    response.pause();
    let settled = -1;
    while (settled !== rows || rows === 0) {
      settled = rows;
      await sleep(300);
    }
    t.ok(rows > 0 && rows <= 700 + 4 * 500, `${rows} of ${count + 700} contents were fetched while nobody read`);
    const lines = (await whole(response)).trimEnd().split('\n');
    t.equal(lines.length, count + 700 + 2, 'the rest comes when it is read');
    t.equal(rows, count + 700);
    t.ok(pages > 6);
  });

  await t.test('shows one state, whatever is written while it is read', async (t) => {
    const response = await open('/v1/register');
    response.pause();
    const before = await register.sequence();
    await register.activity('00000', { notes: 'Written during the download' });
    await register.change('purposes', 'ref:purpose-699', { name: 'Renamed during the download' });
    const document: Register = JSON.parse(await whole(response));
    t.equal(document.about.sequence, before);
    t.equal(document.entries.length, count);
    t.notMatch(JSON.stringify(document.blocks.purpose), 'Renamed');
    t.match(JSON.stringify((await register.register()).blocks.purpose), 'Renamed');
  });

  for (const path of ['/v1/register', '/v1/register.json', '/v1/register.ndjson', '/v1/register.csv']) {
    await t.test(`${path} never looks whole when the database goes away in the middle`, async (t) => {
      const response = await open(path);
      t.equal(response.statusCode, 200);
      response.pause();
      const comeBack = await takeDatabaseAway(t);
      const { text, ended, error } = await read(response);
      t.ok(text.length > 0, 'it had begun');
      t.notOk(ended, 'it does not come to its end');
      t.notOk(response.complete);
      t.ok(error, 'the client is told');
      t.notMatch(text.slice(-300), 'sha-256:');
      t.equal((await open(path)).statusCode, 503, 'the next is refused before its first byte');
      await comeBack();
      t.match((await whole(await open(path))).slice(-400), 'sha-256:', 'and whole when the database is there again');
    });
  }

  await t.test('holds no connection while nobody reads, nor after the reader left', async (t) => {
    const responses: IncomingMessage[] = [];
    for (let i = 0; i < 12; i++) {
      const response = await open('/v1/register.ndjson');
      response.on('error', () => {});
      response.pause();
      responses.push(response);
    }
    await quiet();
    t.equal((await register.client.get('/v1/purposes?limit=1')).status, 200, 'others are served beside 12 readers');
    for (const response of responses) response.destroy();
    await quiet();
    t.equal(service.pool.stats.waiting, 0);
    const lines = (await whole(await open('/v1/register.ndjson'))).trimEnd().split('\n');
    t.equal(lines.length, count + 1 + 700 + 2);
  });

  await t.test('answers a HEAD with the headers alone', async (t) => {
    const { status, text, headers } = await register.client.call('HEAD', '/v1/register');
    t.equal(status, 200);
    t.equal(text, '');
    t.ok(headers['log-sequence']);
    await quiet();
  });
});

/** Writes approved activities of some 10 KB, each with a purpose, in a few transactions; gives their references. */
async function fill({ client }: Register30, count: number): Promise<string[]> {
  const { tenant } = (await client.get('/v1/me')).json;
  const writer = { tenant: tenant.id as string, issuer: 'test', subject: 'generator' };
  const { actor } = await look(service.pool, writer, { type: 'controller' });
  const moment = { now: new Date().toISOString(), actor, settings: defaultSettings, newId };
  const made = (type: ResourceType, reference: string, body: object) => {
    const definition = definitionOf(type);
    const step = create(definition, { name: reference, ...body }, reference, moment);
    const content = { ...step.content, state: 'approved', approvedVersion: 1 };
    return changeOf(definition, { ...step, content, approved: true });
  };
  const purposes = Array.from({ length: 700 }, (_, i) => made('purpose', `purpose-${i}`, {}));
  await append(service.pool, writer, actor, purposes);
  const references: string[] = [];
  for (let from = 0; from < count; from += 500) {
    const changes = Array.from({ length: Math.min(500, count - from) }, (_, i) => {
      const number = from + i;
      const reference = `activity-${(number * 7919) % 100_003}`;
      references.push(reference);
      return made('processingActivity', reference, {
        notes: `${number} `.repeat(1_900).slice(0, 9_500),
        purposes: [{ lineId: 'main', purposeId: purposes[number % 700]!.id }],
      });
    });
    await append(service.pool, writer, actor, changes);
  }
  return references;
}

/** A pool that tells how many contents each page of a register has read. */
function counting(pool: Pool, onPage: (rows: number) => void): Pool {
  return {
    query: (...call) => pool.query(...call),
    close: () => pool.close(),
    get stats() {
      return pool.stats;
    },
    transaction: (options, work) =>
      pool.transaction(options, (session) =>
        work({
          query: (...call) => session.query(...call),
          simple: (text) => session.simple(text),
          async values(...call) {
            const found = await session.values(...call);
            onPage(found.length);
            return found;
          },
        } satisfies Session),
      ),
  } satisfies Pool;
}

function download(socketPath: string, path: string, token: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, agent: false, headers: { authorization: `Bearer ${token}` } }, resolve)
      .on('error', reject)
      .end();
  });
}

interface Received {
  readonly text: string;
  /** Whether the body came to its end as HTTP has it. */
  readonly ended: boolean;
  readonly error: Error | undefined;
}

function read(response: IncomingMessage): Promise<Received> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let ended = false;
    let error: Error | undefined;
    response
      .on('data', (piece: Buffer) => pieces.push(piece))
      .on('end', () => {
        ended = true;
      })
      .on('error', (reason) => {
        error = reason;
      })
      .on('close', () => resolve({ text: Buffer.concat(pieces).toString(), ended, error }));
    response.resume();
  });
}

async function whole(response: IncomingMessage): Promise<string> {
  const { text, ended, error } = await read(response);
  if (!ended || !response.complete) throw error ?? new Error('The response did not come to its end.');
  return text;
}

/** Waits until no connection is in use. */
async function quiet(): Promise<void> {
  while (service.pool.stats.busy > 0) await sleep(20);
}

/** Ends all connections of the service and lets it make no new ones, until the way back is called. */
async function takeDatabaseAway(t: Test): Promise<() => Promise<void>> {
  const owner = poolFor(t, service.database.owner, 1);
  const ofService = poolFor(t, service.database.service, 1);
  const [{ name }] = (await ofService.query('select current_database() as name')) as [{ name: string }];
  await owner.query(`revoke connect on database ${name} from public`);
  await ofService.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and usename = current_user and pid <> pg_backend_pid()`,
  );
  return async () => {
    await owner.query(`grant connect on database ${name} to public`);
  };
}

t.test('answers of other formats agree on the moment', async (t) => {
  const register = await begin('agree');
  await register.activity('a');
  const answers: Answer[] = [];
  for (const path of ['register', 'register.json', 'register.ndjson', 'register.csv']) {
    answers.push(await register.client.get(`/v1/${path}?sequence=2`));
  }
  const { digest } = answers[0]!.json.integrity;
  for (const { text, headers } of answers) {
    t.match(text, digest);
    t.equal(Number(headers['log-sequence']), 2);
  }
});
