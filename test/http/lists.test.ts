/** Lists: pages in a total order, filters, search; and following what changes from where a list ended. */
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Content, ResourceDefinition } from '../../src/article30/definition.ts';
import { collections, hold } from '../operations.ts';
import { type Answer, type Client, startService } from '../service.ts';

const unconditional = { 'if-match': '*' };

const service = await startService(t);

async function logSize(client: Client): Promise<number> {
  return Number((await client.get('/v1/purposes?limit=1')).headers['log-sequence']);
}

/** Makes it, or fails. */
async function made(path: string, body: object, client: Client): Promise<Content> {
  const { status, text, json } = await client.post(`/v1/${path}`, body);
  if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  return json;
}

const write = (method: string, url: string, body: unknown, headers: Record<string, string>, client: Client) =>
  client.call(method, url, { ...(body === undefined ? {} : { body }), headers });

/** Every page of a list, from first to last. */
async function* pagesOf(client: Client, url: string): AsyncGenerator<Answer> {
  for (let next: string | undefined = url; next !== undefined; ) {
    const page: Answer = await client.get(next);
    if (page.status !== 200) throw new Error(`${next}: ${page.status} ${page.text}`);
    yield page;
    const link: string | undefined = page.headers.link;
    if ((link === undefined) !== (page.json.nextCursor === undefined)) throw new Error('Link and nextCursor differ');
    next = link === undefined ? undefined : /^<([^>]+)>; rel="next"$/.exec(link)![1];
  }
}

async function all(client: Client, url: string): Promise<Content[]> {
  const items: Content[] = [];
  for await (const page of pagesOf(client, url)) items.push(...page.json.items);
  return items;
}

t.test('pages neither skip nor repeat an unchanged row, in any order, while others come and go', async (t) => {
  const client = await service.client('paging', 'dpo');
  const names = ['Élan', 'élan', 'Zebra', 'apple', 'Apple', '🎉', '\ufffd', 'ß', '10', '9'];
  const rows: Content[] = [];
  for (let from = 0; from < 120; from += 10) {
    const some = Array.from({ length: 10 }, (_, i) =>
      made('systems', { name: names[(from + i) % 10], reference: `row-${(from + i) * 7919}` }, client),
    );
    rows.push(...(await Promise.all(some)));
  }
  const bytes = (value: unknown) => Buffer.from(String(value));
  let inserted = 0;
  for (const sort of [
    'reference',
    '-reference',
    'name',
    '-name',
    'createdAt',
    '-createdAt',
    'updatedAt',
    '-updatedAt',
  ]) {
    const key = sort.replace('-', '');
    const seen: Content[] = [];
    let number = 0;
    for await (const page of pagesOf(client, `/v1/systems?sort=${sort}&limit=11`)) {
      seen.push(...page.json.items);
      // On both sides of where the reader stands, something new; and something of it goes again.
      const reference = `${number++ % 2 === 0 ? 'aaa' : 'zzz'}-${inserted++}`;
      await made('systems', { name: names[inserted % 10], reference }, client);
      if (inserted % 3 === 0) await write('DELETE', `/v1/systems/ref:${reference}`, undefined, unconditional, client);
    }
    const ours = seen.filter(({ reference }) => String(reference).startsWith('row-'));
    const ordered = [...rows].sort(
      (a, b) => Buffer.compare(bytes(a[key]), bytes(b[key])) || Buffer.compare(bytes(a.id), bytes(b.id)),
    );
    if (sort.startsWith('-')) ordered.reverse();
    t.strictSame(
      ours.map(({ id }) => id),
      ordered.map(({ id }) => id),
      sort,
    );
    t.equal(new Set(seen.map(({ id }) => id)).size, seen.length, 'nothing twice');
    t.ok(number >= 11);
  }
});

t.test('a page has its size, its link and the sequence of the log', async (t) => {
  const client = await service.client('paging', 'dpo');
  const first = await client.get('/v1/systems?limit=200&state=approved&q=zebra&state=draft');
  t.equal(first.json.nextCursor, undefined, 'the last page has no next one');
  t.equal(first.headers.link, undefined);
  t.strictSame(Object.keys(first.json), ['items']);
  const page = await client.get('/v1/systems?limit=5&state=approved&q=zebra&state=draft');
  t.equal(page.json.items.length, 5);
  t.strictSame(Object.keys(page.json), ['items', 'nextCursor']);
  t.equal(
    page.headers.link,
    `</v1/systems?limit=5&state=approved&q=zebra&state=draft&cursor=${page.json.nextCursor}>; rel="next"`,
  );
  t.match(page.headers, { 'cache-control': 'private, no-cache', 'content-type': 'application/json; charset=utf-8' });
  t.equal(page.headers['log-sequence'], String(await logSize(client)));
  t.equal((await client.get('/v1/systems')).json.items.length, 50, '50 unless told otherwise');
  t.equal((await client.get('/v1/systems?limit=1')).json.items.length, 1);
  const exact = (await client.get('/v1/systems?limit=200&q=zebra')).json.items.length;
  t.equal(
    (await client.get(`/v1/systems?limit=${exact}&q=zebra`)).json.nextCursor,
    undefined,
    'a page that is just full is the last',
  );
  const other = await client.get(
    `/v1/systems?limit=3&state=approved&q=zebra&state=draft&cursor=${page.json.nextCursor}`,
  );
  t.equal(other.json.items.length, 3, 'the size of the page may change on the way');
});

t.test('id names many at once, state and archived narrow, different filters mean and', async (t) => {
  const client = await service.client('narrow', 'dpo');
  const list = async (query: string) =>
    (await all(client, `/v1/processing-activities?limit=2&${query}`)).map(({ reference }) => reference);
  const ids: Record<string, unknown> = {};
  for (const reference of ['a', 'b', 'c', 'd'])
    ids[reference] = (
      await made(
        'processing-activities',
        { name: reference, reference, ...(reference < 'c' ? { department: 'Sales' } : {}) },
        client,
      )
    ).id;
  const step = (key: string, verb: string) =>
    write('POST', `/v1/processing-activities/ref:${key}/${verb}`, undefined, unconditional, client);
  await step('b', 'approve');
  await step('c', 'submit');
  await step('d', 'archive');
  t.strictSame(await list(''), ['a', 'b', 'c'], 'what is archived is hidden');
  t.strictSame(await list('archived=true'), ['d']);
  t.strictSame(await list('archived=false'), ['a', 'b', 'c']);
  t.strictSame(
    await list(
      `id=${ids.a}&id=ref:c&id=ref:nobody&id=0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77&id=${String(ids.b).toUpperCase()}`,
    ),
    ['a', 'b', 'c'],
  );
  t.strictSame(await list(`id=${ids.d}`), [], 'filters narrow each other');
  t.strictSame(await list(`id=${ids.d}&archived=true`), ['d']);
  t.strictSame(await list('id=ref:nobody'), []);
  t.strictSame(await list('state=draft'), ['a']);
  t.strictSame(await list('state=draft&state=inReview'), ['a', 'c'], 'a repeated filter means or');
  t.strictSame(await list('state=draft&state=approved&q=sales'), ['a', 'b'], 'different ones mean and');
  t.strictSame(await list('state=inReview&q=sales'), []);
  t.strictSame(await list('state=retired'), []);
});

t.test('updatedSince includes the moment itself', async (t) => {
  const client = await service.client('since', 'dpo');
  const rows: Content[] = [];
  for (const reference of ['a', 'b', 'c']) {
    rows.push(await made('systems', { name: reference, reference }, client));
    // Times have milliseconds; a moment must lie between the rows.
    await setTimeout(5);
  }
  const since = async (time: string) =>
    (await client.get(`/v1/systems?updatedSince=${encodeURIComponent(time)}`)).json.items.map(
      ({ reference }: Content) => reference,
    );
  const at = Date.parse(rows[1]!.updatedAt as string);
  t.ok((rows[0]!.updatedAt as string) < (rows[1]!.updatedAt as string) && rows[1]!.updatedAt! < rows[2]!.updatedAt!);
  t.strictSame(await since(new Date(at).toISOString()), ['b', 'c']);
  t.strictSame(await since(new Date(at + 1).toISOString()), ['c']);
  const paris = `${new Date(at + 3_600_000).toISOString().slice(0, -1)}+01:00`;
  t.strictSame(await since(paris), ['b', 'c'], 'in any time zone');
  await write('PATCH', '/v1/systems/ref:a', { notes: 'x' }, unconditional, client);
  t.strictSame(await since(rows[2]!.updatedAt as string), ['a', 'c'], 'what changed since is there again');
  t.strictSame(await since('9999-12-31T23:59:59Z'), []);
});

t.test('q finds every word by its beginning; case, accents and signs do not count', async (t) => {
  const client = await service.client('search', 'dpo');
  const found = async (q: string, path = 'systems') =>
    (await client.get(`/v1/${path}?q=${encodeURIComponent(q)}`)).json.items.map(({ name }: Content) => name);
  const cases: [name: string, hits: string[], misses: string[]][] = [
    [
      'Société générale',
      ['societe', 'GENERALE', 'soc gén', 'générale société'],
      ['ociete', 'societes', 'société privée'],
    ],
    ['Zürcher Straße', ['strasse', 'straße', 'ZURCHER', 'zü'], ['zuercher']],
    ['Łódź Ørsted Œuvre', ['lodz', 'orsted', 'oeuvre', 'œuv'], ['odz']],
    ['Λογιστήριο', ['λογιστηριο', 'ΛΟΓ'], ['γιστ']],
    ['Бухгалтерия', ['бухг', 'БУХГАЛТЕРИЯ'], ['галт']],
    ['会計処理', ['会計', '会計処理'], ['処理x']],
    ['ﬁle ＡＢＣ', ['file', 'abc'], ['abcd']],
    ['dpo@example.com', ['dpo', 'example', 'dpo@example.com', 'com'], ['dpo@example.org']],
    ['Contract 2026-017', ['017', '2026-017', 'contract 2026'], ['26-017', '18']],
    ['https://vendor.test/privacy_policy', ['vendor', 'privacy', 'policy', 'vendor.test/privacy'], ['rivacy']],
    ["L'été c'est fini", ['ete', "l'été", 'c est'], ['hiver']],
    ['R&D (3.5)', ['r&d', '3.5', '5', 'd'], ['r&q']],
  ];
  for (const [index, [name]] of cases.entries()) await made('systems', { name, reference: `x${index}-` }, client);
  for (const [name, hits, misses] of cases) {
    for (const q of hits) t.ok((await found(q)).includes(name), `${q} finds ${name}`);
    for (const q of misses) t.notOk((await found(q)).includes(name), `${q} does not find ${name}`);
  }
  t.strictSame(await found('&!'), [], 'no word finds nothing');
  t.strictSame(await found("':* | !abc & <-> !"), ['ﬁle ＡＢＣ'], 'signs of the query language are signs');
  t.strictSame(await found('x0'), ['Société générale'], 'the reference counts');
  await made(
    'processing-activities',
    {
      name: 'Elsewhere',
      description: 'Reclamaciones',
      department: 'Atención',
      owner: { name: 'Jefa' },
      transfers: [{ internationalOrganisation: 'Interpol' }],
    },
    client,
  );
  for (const q of ['reclam', 'atencion', 'jefa', 'interpol', 'jefa reclam'])
    t.strictSame(await found(q, 'processing-activities'), ['Elsewhere'], q);
  await made(
    'controllers',
    {
      name: 'Kept',
      registrationNumbers: [{ scheme: 'SIREN', value: '552-100-554' }],
      dataProtectionOfficer: { name: 'Camille' },
    },
    client,
  );
  for (const q of ['552-100', '100', 'camille']) t.strictSame(await found(q, 'controllers'), ['Kept'], q);
  await write('PATCH', '/v1/systems/ref:x0-', { name: 'Renamed' }, unconditional, client);
  t.strictSame(await found('societe'), [], 'what was renamed is found no more');
  t.strictSame(await found('renamed'), ['Renamed']);
});

/** For each filter of each type, a value by which the example is found, and one by which it is not. */
const filterValues: Record<string, Record<string, [hit: string, miss: string]>> = {
  controller: { registerKept: ['true', 'false'], country: ['FR', 'DE'] },
  purpose: { controllerId: ['ref:acme', 'ref:other'] },
  legalBasis: { controllerId: ['ref:acme', 'ref:other'], ground: ['legalObligation', 'consent'] },
  dataSubjectCategory: { controllerId: ['ref:acme', 'ref:other'], vulnerable: ['false', 'true'] },
  dataCategory: { controllerId: ['ref:acme', 'ref:other'], kind: ['ordinary', 'special'] },
  recipient: {
    controllerId: ['ref:acme', 'ref:other'],
    role: ['processor', 'internal'],
    country: ['US', 'DE'],
    contractExpiresBefore: ['2027-01-02', '2027-01-01'],
    contractMissing: ['false', 'true'],
  },
  safeguard: {
    controllerId: ['ref:acme', 'ref:other'],
    mechanism: ['standardClauses', 'adequacyDecision'],
    recipientId: ['ref:stripe', 'ref:other'],
    expiresBefore: ['2029-01-12', '2029-01-11'],
  },
  securityMeasure: { controllerId: ['ref:acme', 'ref:other'], kind: ['technical', 'organisational'] },
  system: { controllerId: ['ref:acme', 'ref:other'], country: ['IE', 'FR'] },
  notice: { controllerId: ['ref:acme', 'ref:other'], language: ['en', 'fr'] },
  processingActivity: {
    controllerId: ['ref:acme', 'ref:other'],
    purposeId: ['ref:invoicing', 'ref:other'],
    ground: ['legalObligation', 'consent'],
    dataCategoryId: ['ref:invoice-data', 'ref:other'],
    dataKind: ['ordinary', 'special'],
    recipientId: ['ref:stripe', 'ref:other'],
    country: ['US', 'DE'],
    mechanism: ['standardClauses', 'adequacyDecision'],
    reviewDueBefore: ['9999-12-31', '2000-01-01'],
    inForce: ['true', 'false'],
  },
  processorActivity: {
    processorId: ['ref:acme', 'ref:other'],
    recipientId: ['ref:stripe', 'ref:other'],
    country: ['US', 'DE'],
    mechanism: ['standardClauses', 'adequacyDecision'],
    reviewDueBefore: ['9999-12-31', '2000-01-01'],
  },
};

t.test('every filter of every type finds what has the value, and nothing else', async (t) => {
  const client = await service.client('filters', 'dpo');
  const { examples } = await hold(client, '', 'Filtered', { buildingBlockApproval: 'automatic' });
  for (const path of ['controllers', 'purposes', 'data-categories', 'recipients'])
    await made(path, { name: 'Other', reference: 'other' }, client);
  const url = (definition: ResourceDefinition) => `/v1/${definition.path}/${examples.get(definition.type)!.id}`;
  for (const definition of collections.filter(({ filters }) => filters !== undefined && 'controllerId' in filters)) {
    const body = {
      controllerId: 'ref:acme',
      ...(definition.type === 'recipient' ? { contract: { expiresOn: '2027-01-01' } } : {}),
    };
    t.equal((await write('PATCH', url(definition), body, unconditional, client)).status, 200);
  }
  const finds = async (definition: ResourceDefinition, query: string) =>
    (await all(client, `/v1/${definition.path}?${query}`)).some(({ id }) => id === examples.get(definition.type)!.id);
  let count = 0;
  for (const definition of collections) {
    const values = filterValues[definition.type]!;
    t.strictSame(
      Object.keys(values).sort(),
      Object.keys(definition.filters ?? {}).sort(),
      `all filters of ${definition.type}`,
    );
    for (const [name, [hit, miss]] of Object.entries(values)) {
      count++;
      t.ok(await finds(definition, `${name}=${hit}`), `${definition.type} ${name}=${hit}`);
      t.notOk(await finds(definition, `${name}=${miss}`), `${definition.type} ${name}=${miss}`);
      const repeatable = !/Before$|^inForce$|^registerKept$|^contractMissing$|^vulnerable$/.test(name);
      if (repeatable) t.ok(await finds(definition, `${name}=${miss}&${name}=${hit}`), 'a repeated filter means or');
      if (name.endsWith('Id')) {
        const type = {
          controllerId: 'controller',
          purposeId: 'purpose',
          dataCategoryId: 'dataCategory',
          recipientId: 'recipient',
          processorId: 'controller',
        }[name]!;
        t.ok(await finds(definition, `${name}=${examples.get(type)!.id}`), 'an id is as good as a reference');
      }
    }
    const [first, ...others] = Object.entries(values);
    const everything = [first!, ...others].map(([name, [hit]]) => `${name}=${hit}`).join('&');
    t.ok(await finds(definition, everything), 'all filters at once');
    t.notOk(
      await finds(definition, `${everything.replace(/^(\w+)=[^&]*/, `$1=${first![1][1]}`)}`),
      'one that does not fit is enough',
    );
  }
  t.comment(`${count} filters`);

  // What no longer has the value is no longer found. A list shows working versions, so drafts count.
  for (const definition of [...collections].reverse()) {
    const { id, name } = examples.get(definition.type)!;
    t.equal((await write('PUT', `/v1/${definition.path}/${id}`, { name }, unconditional, client)).status, 200);
    for (const [filter, [hit]] of Object.entries(filterValues[definition.type]!)) {
      if (filter === 'reviewDueBefore' || filter === 'inForce') continue;
      t.notOk(
        await finds(definition, `${filter}=${hit}`),
        `${definition.type} ${filter}=${hit} after it was taken away`,
      );
    }
  }
});

t.test('a contract is missing where one is needed', async (t) => {
  const client = await service.client('contracts', 'dpo');
  const roles = ['processor', 'subprocessor', 'controller', 'jointController', 'internal', 'unknown', undefined];
  for (const role of roles)
    for (const exists of [true, false, undefined])
      await made(
        'recipients',
        { name: `${role} ${exists}`, ...(role && { role }), ...(exists === undefined ? {} : { contract: { exists } }) },
        client,
      );
  const found = async (missing: boolean) =>
    (await all(client, `/v1/recipients?contractMissing=${missing}&sort=name`)).map(({ name }) => name);
  t.strictSame(await found(true), [
    'processor false',
    'processor undefined',
    'subprocessor false',
    'subprocessor undefined',
  ]);
  t.strictSame(await found(false), roles.map((role) => `${role} true`).sort());
});

t.test('tags of languages are the same in upper and lower case', async (t) => {
  const client = await service.client('languages', 'dpo');
  for (const language of ['fr', 'FR', 'de-AT', 'DE-at', 'en'])
    await made('notices', { name: language, language }, client);
  for (const [language, names] of Object.entries({
    fr: ['FR', 'fr'],
    Fr: ['FR', 'fr'],
    'de-at': ['DE-at', 'de-AT'],
    DE: [],
  }))
    t.strictSame(
      (await all(client, `/v1/notices?language=${language}&sort=name`)).map(({ name }) => name),
      names,
    );
});

t.test('in force is what has begun, has not ended and is not retired', async (t) => {
  const client = await service.client('in-force', 'dpo');
  const today = new Date().toISOString().slice(0, 10);
  const cases: [reference: string, dates: object, inForce: boolean][] = [
    ['undated', {}, true],
    ['begun', { startedOn: '2020-01-01' }, true],
    ['today', { startedOn: today, endedOn: today }, true],
    ['planned', { startedOn: '9999-01-01' }, false],
    ['ended', { startedOn: '2020-01-01', endedOn: '2020-12-31' }, false],
    ['ending', { endedOn: '9999-01-01' }, true],
    ['retired', {}, false],
  ];
  for (const [reference, dates] of cases)
    await made('processing-activities', { name: reference, reference, ...dates }, client);
  await write('POST', '/v1/processing-activities/ref:retired/approve', undefined, unconditional, client);
  await write('POST', '/v1/processing-activities/ref:retired/retire', { endedOn: today }, unconditional, client);
  for (const inForce of [true, false]) {
    const found = await all(client, `/v1/processing-activities?inForce=${inForce}`);
    t.strictSame(
      found.map(({ reference }) => reference),
      cases
        .filter((each) => each[2] === inForce)
        .map(([reference]) => reference)
        .sort(),
    );
  }
});

t.test('usages and revisions are paged lists too', async (t) => {
  const client = await service.client('usages', 'dpo');
  await made('recipients', { name: 'Used', reference: 'used' }, client);
  for (let i = 0; i < 7; i++) {
    await made('systems', { name: `S${i}`, reference: `s${i}`, hostedById: 'ref:used' }, client);
    await made(
      'processing-activities',
      {
        name: `A${i}`,
        reference: `a${i}`,
        recipients: [{ recipientId: 'ref:used' }],
        transfers: [{ recipientId: 'ref:used' }],
      },
      client,
    );
    await write('PATCH', '/v1/recipients/ref:used', { notes: `${i}` }, unconditional, client);
  }
  const usages = await all(client, '/v1/recipients/ref:used/usages?limit=3');
  t.strictSame(
    usages.map(({ type, reference }) => `${type} ${reference}`),
    [
      ...Array.from({ length: 7 }, (_, i) => `processingActivity a${i}`),
      ...Array.from({ length: 7 }, (_, i) => `system s${i}`),
    ],
  );
  const { id: _id, ...activity } = usages[0]!;
  t.strictSame(activity, {
    type: 'processingActivity',
    reference: 'a0',
    name: 'A0',
    state: 'draft',
    archived: false,
    fields: ['recipients.recipientId', 'transfers.recipientId'],
    inWorking: true,
    inApproved: false,
  });
  const { id: _systemId, ...system } = usages[7]!;
  t.strictSame(system, {
    type: 'system',
    reference: 's0',
    name: 'S0',
    state: 'approved',
    archived: false,
    fields: ['hostedById'],
    inWorking: true,
    inApproved: true,
  });
  const revisions = await all(client, '/v1/recipients/ref:used/revisions?limit=3');
  t.strictSame(
    revisions.map(({ version, operation, approved }) => [version, operation, approved]),
    [...Array.from({ length: 7 }, (_, i) => [8 - i, 'update', true]), [1, 'create', true]],
  );
  t.match(revisions[0], {
    actor: /^[0-9a-f-]{36}$/,
    actorSubject: 'dpo@usages',
    recordedAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  });
  const old = await client.get('/v1/recipients/ref:used/revisions/3');
  t.match(old.json, { version: 3, notes: '1', name: 'Used' }, 'each version can be read as it was');
});

t.test('who lists once and follows from there misses nothing', async (t) => {
  const client = await service.client('following', 'dpo');
  for (let i = 0; i < 40; i++) await made('systems', { name: `S${i}`, reference: `s${i}` }, client);
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; i < 20; i++) {
      const row = `/v1/systems/ref:s${(writer * 10 + i * 3) % 40}`;
      await made('systems', { name: 'New', reference: `new-${writer}-${i}` }, client);
      await write('PATCH', row, { notes: `${writer} ${i}` }, unconditional, client);
      if (i % 4 === 0) await write('DELETE', `/v1/systems/ref:new-${writer}-${i}`, undefined, unconditional, client);
      await made('purposes', { name: 'Another type' }, client);
    }
  });
  const known = new Map<string, number>();
  let after: number | undefined;
  for await (const page of pagesOf(client, '/v1/systems?limit=4')) {
    after ??= Number(page.headers['log-sequence']);
    for (const { id, version } of page.json.items) known.set(id, version);
  }
  await Promise.all(writers);
  const started = after!;
  for (;;) {
    const { json } = await client.get(`/v1/changes?after=${after}&type=system&limit=7`);
    if (json.items.length === 0) {
      t.ok(json.nextAfter >= after!, 'nothing new: go on after all that is of other types');
      break;
    }
    for (const { id, version, operation, sequence } of json.items) {
      t.ok(sequence > after!, 'in order');
      after = sequence;
      if (operation === 'delete') known.delete(id);
      else known.set(id, Math.max(version, known.get(id) ?? 0));
    }
    t.equal(json.nextAfter, after);
  }
  const now = await all(client, '/v1/systems?limit=200');
  t.strictSame([...known].sort(), now.map(({ id, version }) => [id, version]).sort());
  t.ok(after! > started, 'there was something to follow');

  const followed: Content[] = [];
  for (let from = 0; ; ) {
    const { json, headers } = await client.get(`/v1/changes?after=${from}&limit=100`);
    t.equal(headers['cache-control'], 'private, no-cache');
    if (json.items.length === 0) break;
    followed.push(...json.items);
    from = json.nextAfter;
  }
  t.strictSame(
    followed.map(({ sequence }) => sequence),
    Array.from({ length: await logSize(client) }, (_, i) => i + 1),
    'without type every entry, gapless',
  );
  t.strictSame(
    Object.keys(followed[0]!).sort(),
    ['at', 'id', 'operation', 'reference', 'sequence', 'type', 'version'],
    'no content',
  );
  t.ok(
    followed.every(({ at }, i) => i === 0 || followed[i - 1]!.at! < at!),
    'each time is later than the one before',
  );
});
