/**
 * The table is read back by a CSV library and, cell by cell, by the code at the foot of this file, which shares nothing
 * with the code that writes: the entries are put together again out of the cells and compared with those of the document.
 */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parse } from 'csv-parse/sync';
import t, { type Test } from 'tap';
import { type Content, commonProperties, metadataProperties } from '../../src/article30/definition.ts';
import { definitionOf } from '../../src/article30/index.ts';
import type { RegisterScope } from '../../src/article30/register.ts';
import type { ResourceType } from '../../src/article30/resource-types.ts';
import { entryType } from '../../src/db/register-source.ts';
import { columns } from '../../src/exports/columns.ts';
import { csvOf } from '../../src/exports/csv.ts';
import { canonicalize } from '../../src/history/canonical.ts';
import { composeRegister } from '../../src/register/document.ts';
import {
  awkward,
  type Document,
  documentOf,
  exampleBodies,
  filledRegister,
  follow,
  moment,
  partsOf,
  type Register,
  type Role,
  registerOf,
  type Schema,
  sourceOf,
  visible,
} from './registers.ts';

interface Table {
  text: string;
  headings: string[];
  /** Cells by the key of their column. */
  rows: Map<string, string>[];
  last: string[];
  document: Document;
}

async function tableOf(register: Register, scope: Partial<RegisterScope> = {}): Promise<Table> {
  const { role = 'controller' } = scope;
  let text = '';
  for await (const piece of csvOf(partsOf(register, scope))) text += piece;
  const [headings = [], ...records] = parse(text, { bom: true, record_delimiter: '\r\n' });
  const last = records.pop() ?? [];
  const keys = headings.map((heading) => columns[role].find((column) => column.heading === heading)!.key);
  const rows = wholeRows(records.map((cells) => cells.map((cell, index) => [keys[index]!, withoutApostrophe(cell)])));
  return { text, headings, rows, last, document: await documentOf(partsOf(register, scope)) };
}

/** What a spreadsheet may take for a formula: see the description of the format. */
const formula = /^(?:[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]|[\p{Cc}\u2028\u2029])/u;
const withoutApostrophe = (cell: string) =>
  cell.startsWith("'") && (cell[1] === "'" || formula.test(cell.slice(1))) ? cell.slice(1) : cell;

/** Two cells of a column, one below the other: a line that was cut stands in both, under one name and one `lineId`. */
function joined(above: string, below: string): string {
  const [end = '', begin = ''] = [above.split('\n').at(-1), below.split('\n')[0]];
  const label = /^(?:\\.|[^;=\\])*; /.exec(end)?.[0] ?? '';
  const id = /; lineId=[^;]*$/.exec(end)?.[0] ?? '';
  if (label === '' || !begin.startsWith(label) || !begin.endsWith(id)) return `${above}\n${below}`;
  return `${above.slice(0, above.length - id.length)}; ${below.slice(label.length)}`;
}

/** Rows, each with the cells of the rows that continue it. */
function wholeRows(records: [string, string][][]): Map<string, string>[] {
  const rows: Map<string, string>[] = [];
  for (const [[, first] = ['', ''], ...others] of records) {
    const [reference = '', number] = first.split('#');
    const row = rows.at(-1);
    if (number === undefined) rows.push(new Map([['reference', reference], ...others]));
    else if (row?.get('reference') !== reference) throw new Error('A row continues nothing.');
    else {
      for (const [key, cell] of others) {
        if (key === 'name' ? cell !== row.get(key) : cell !== '' && row.get(key) === '') throw new Error(key);
        if (key !== 'name' && cell !== '') row.set(key, joined(row.get(key)!, cell));
      }
    }
  }
  return rows;
}

t.test('the register of the examples', async (t) => {
  const { text, headings, rows, last, document } = await tableOf(registerOf(exampleBodies));
  t.ok(text.startsWith('\ufeffReference,Processing activity,Controller,'), 'begins with the mark and the headings');
  t.ok(text.endsWith('\r\n'));
  t.equal(headings.length, columns.controller.length);
  t.equal(rows.length, 1);

  const row = rows[0]!;
  const { lineId: purposeLine } = (document.entries[0]!.purposes as Content[])[0]!;
  t.equal(purposeLine, 'main');
  const expected = {
    reference: 'invoicing',
    name: 'Invoicing',
    controller:
      'Acme [acme]; legalForm=SAS; country=FR; registrationNumbers.1.scheme=SIREN; registrationNumbers.1.value=552100554; ' +
      'contact.email=privacy@example.com; contact.phone=+33 1 23 45 67 89; contact.url=https://example.com/contact; ' +
      'contact.address.lines=1 rue de la Paix; contact.address.postalCode=75002; contact.address.city=Paris; contact.address.country=FR',
    jointControllers: 'none declared',
    representative: '',
    dataProtectionOfficer:
      'Camille Martin; designated=true; company=Example DPO SARL; contact.email=dpo@example.com; contactPublished=true; notifiedToAuthority=true',
    purposes:
      'Invoicing of subscribed services [invoicing]; purpose.description=Issuing invoices and collecting the fees for the services that the client subscribed to.; main=true; lineId=main',
    dataCategories:
      'Invoice data [invoice-data]; dataCategory.kind=ordinary; dataCategory.claimedNonPersonal=false; dataCategory.description=What an invoice shows and what is needed to collect it.; ' +
      'dataCategory.examples=name; dataCategory.examples=billing address; dataCategory.examples=amount; dataCategory.examples=date of payment; dataCategory.group=economicAndFinancial; ' +
      'dataSubjectCategoryIds=Customers [customers]; purposeIds=Invoicing of subscribed services [invoicing]; required=true; lineId=invoice-data',
    timeLimits:
      'Invoice data [invoice-data]; retention.period=P10Y; retention.maximum=false; retention.startsOn=End of the financial year; retention.ground=law; ' +
      'retention.law.title=Code de commerce; retention.law.reference=Art. L123-22; retention.law.jurisdiction=FR; retention.law.kind=statute; ' +
      'retention.afterwards=erase; lineId=invoice-data\nsameRetentionConfirmed=true',
    automatedDecisions: 'exists=false\nnone declared',
    lawfulness:
      'Invoicing of subscribed services [invoicing]; legalBasisIds=Legal duty to keep accounts [accounting-law]; publicTask=false; lineId=main',
    owner: 'Head of accounting; email=accounting@example.com',
    means: 'automated',
    estimatedDataSubjects: '12000',
    endedOn: '',
    customFields: '',
  };
  const basis = Object.values(document.blocks.legalBasis!)[0]!;
  expected.lawfulness = expected.lawfulness.replace('Legal duty to keep accounts', basis.name as string);
  for (const [key, cell] of Object.entries(expected)) t.equal(row.get(key), cell, key);
  t.match(
    row.get('recipients'),
    /^Stripe \[stripe\]; recipient\.role=processor; .*; recipient\.country=IE; .*; recipient\.confirmation\.state=confirmed; /,
  );
  t.match(row.get('transfers'), /; country=US; .*; safeguardIds=Standard clauses with Stripe \[stripe-clauses\]; /);
  t.match(row.get('safeguards'), /\[stripe-clauses\]; mechanism=standardClauses; article=46\(2\)\(c\); /);
  t.match(row.get('legalBases'), /\[accounting-law\]; ground=legalObligation; article=6\(1\)\(c\); /);
  t.match(row.get('securityMeasures'), /^Encryption \[encryption\]; kind=technical; /);
  t.equal(row.get('companySecurityMeasures'), row.get('securityMeasures'), 'inherited from the controller');
  t.same(last.slice(0, 9), [
    '#register',
    'sequence=4711',
    `digest=${document.integrity.digest}`,
    'recordedAt=2026-03-03T09:30:00.000Z',
    'entries=1',
    `tenant=${moment.tenant}`,
    `rootHash=${moment.rootHash}`,
    'role=controller',
    'include=approved',
  ]);
  t.ok(last.slice(9).every((cell) => cell === ''));
  compare(t, [{ rows, document }]);
});

for (const role of ['controller', 'processor'] as const) {
  t.test(`the record of a ${role} with every member filled, whatever stands in the texts`, (t) => filled(t, role));
}

async function filled(t: Test, role: Role) {
  const register = filledRegister(60, role);
  const { rows, last, document } = await tableOf(register, { role });
  t.equal(rows.length, register.entries.length);
  t.equal(last[2], `digest=${document.integrity.digest}`);
  t.equal(last[4], `entries=${register.entries.length}`);
  const said = JSON.stringify([document.entries, document.blocks]);
  t.ok(
    awkward.every((each) => said.includes(JSON.stringify(each).slice(1, -1))),
    'all awkward texts are in it',
  );
  compare(t, [{ rows, document }], role);
}

t.test('the record of a processor, as the examples tell it', async (t) => {
  const { text, rows, last, document } = await tableOf(registerOf(exampleBodies, 'processor'), { role: 'processor' });
  t.ok(text.startsWith('\ufeffReference,Processing activity,Processor,'));
  t.equal(rows.length, 1);
  const expected = {
    reference: 'hosting-for-clients',
    name: 'Hosting for clients',
    representative: '',
    dataProtectionOfficer:
      'Camille Martin; designated=true; company=Example DPO SARL; contact.email=dpo@example.com; contactPublished=true; notifiedToAuthority=true',
    clients: 'Beta Ltd [beta]; country=IE; contact.email=privacy@beta.example; actsAs=controller; since=2026-02-01',
    clientRepresentatives: '',
    clientOfficers: 'Beta Ltd [beta]; designated=true; name=Niamh Byrne; contact.email=dpo@beta.example',
    endControllers: '',
    categoriesOfProcessing: 'Hosting of web applications\nBackup',
    clientContracts: 'Beta Ltd [beta]; exists=true; inWriting=true; signedOn=2026-01-12',
    ownPurposes: 'false',
  };
  for (const [key, cell] of Object.entries(expected)) t.equal(rows[0]!.get(key), cell, key);
  t.match(rows[0]!.get('processor'), /^Acme \[acme\]; legalForm=SAS; .*contact\.email=privacy@example\.com; /);
  t.match(rows[0]!.get('subprocessors'), /^Stripe \[stripe\]; .*; clientIds=Beta Ltd \[beta\]; lineId=payment$/);
  t.match(
    rows[0]!.get('transfers'),
    /; country=US; .*; safeguardIds=Standard clauses with Stripe \[stripe-clauses\]; /,
  );
  t.match(rows[0]!.get('securityMeasures'), /^Encryption \[encryption\]; kind=technical; /);
  t.equal(rows[0]!.get('companySecurityMeasures'), rows[0]!.get('securityMeasures'), 'inherited from the processor');
  t.ok(last.includes('role=processor'));
  compare(t, [{ rows, document }], 'processor');
});

t.test(
  'what nobody stated of a client is empty, but every client is named; a client that is a processor',
  async (t) => {
    const register = registerOf(
      [
        ['controller', { reference: 'us', name: 'Us', registerKept: true }],
        ['controller', { reference: 'silent', name: 'Silent' }],
        ['controller', { reference: 'agency', name: 'Agency', contact: { phone: '+33 1' } }],
        [
          'controller',
          {
            reference: 'end',
            name: 'End',
            contact: { email: 'end@example.com' },
            representative: { name: 'Rep', contact: { email: 'rep@example.com' } },
          },
        ],
        ['controller', { reference: 'abroad', name: 'Abroad', representativeExemption: 'publicBody' }],
        ['processorActivity', { reference: 'a', name: 'A', processorId: 'ref:us' }],
        [
          'processorActivity',
          { reference: 'b', name: 'B', processorId: 'ref:us', declaredNone: ['subprocessors', 'transfers'] },
        ],
        ...[
          { controllerId: 'ref:silent' },
          {
            controllerId: 'ref:agency',
            actsAs: 'processor',
            onBehalfOfIds: ['ref:end', 'ref:silent'],
            until: '2020-01-31',
          },
          { controllerId: 'ref:abroad', customFields: { 'cost; centre': '=4711' } },
        ].map(
          (each) =>
            [
              'processorClient',
              { reference: each.controllerId.slice(4), processorActivityId: 'ref:a', ...each },
            ] as const,
        ),
      ],
      'processor',
    );
    const { rows, document } = await tableOf(register, { role: 'processor' });
    t.same(rows[0]!.get('clients')!.split('\n'), [
      'Abroad [abroad]; customFields.cost\\; centre=\\=4711',
      'Agency [agency]; contact.phone=+33 1; actsAs=processor; onBehalfOfIds=End [end]; onBehalfOfIds=Silent [silent]; until=2020-01-31',
      'Silent [silent]',
    ]);
    t.same(rows[0]!.get('endControllers')!.split('\n'), [
      'End [end]; contact.email=end@example.com; representative.name=Rep; representative.contact.email=rep@example.com',
      'Silent [silent]',
    ]);
    t.equal(rows[0]!.get('clientRepresentatives'), 'Abroad [abroad]; representativeExemption=publicBody');
    t.equal(rows[0]!.get('clientOfficers'), '');
    t.equal(rows[0]!.get('clientContracts'), '');
    t.equal(rows[1]!.get('clients'), '');
    t.equal(rows[1]!.get('subprocessors'), 'none declared');
    t.equal(rows[1]!.get('transfers'), 'none declared');
    compare(t, [{ rows, document }], 'processor');
  },
);

/** A record with so many clients; each is there in both activities. */
function withClients(count: number, words: string) {
  const references = Array.from({ length: count }, (_, index) => `c${index}`);
  const clients = (activity: string) =>
    references.map(
      (reference) =>
        [
          'processorClient',
          {
            reference: `${activity}-${reference}`,
            processorActivityId: `ref:${activity}`,
            controllerId: `ref:${reference}`,
          },
        ] as const,
    );
  return registerOf(
    [
      ...references.map(
        (reference) =>
          [
            'controller',
            { reference, name: `Client ${reference}`, contact: { other: words, email: 'c@example.com' } },
          ] as const,
      ),
      ['recipient', { reference: 'sub', name: 'Sub; processor', role: 'subprocessor' }],
      ['recipient', { reference: 'other', name: 'Other', role: 'subprocessor' }],
      [
        'processorActivity',
        {
          reference: 'hosting',
          name: '=Hosting',
          subprocessors: [
            { lineId: 's', recipientId: 'ref:sub', clientIds: references.map((reference) => `ref:${reference}`) },
            { lineId: 't', recipientId: 'ref:other' },
          ],
        },
      ],
      ['processorActivity', { reference: 'support', name: 'Support' }],
      ...clients('hosting'),
      ...clients('support'),
    ],
    'processor',
  );
}

t.test('what a cell cannot hold goes on in the rows below', async (t) => {
  const register = withClients(1_500, 'Büro; "Haupt"haus\nTor 7');
  const { text, rows, last, document } = await tableOf(register, { role: 'processor' });
  const records = parse(text, { bom: true, record_delimiter: '\r\n' }).slice(1, -1);
  const references = records.map(([first]) => first);
  const hosting = references.filter((reference) => reference?.startsWith('hosting')).length;
  const support = references.length - hosting;
  t.same(references, [
    ...['hosting', ...Array.from({ length: hosting - 1 }, (_, index) => `hosting#${index + 2}`)],
    ...['support', ...Array.from({ length: support - 1 }, (_, index) => `support#${index + 2}`)],
  ]);
  t.ok(support > 5);
  t.same(new Set(records.slice(0, hosting).map(([, name]) => name)), new Set(["'=Hosting"]), 'each says its name');
  t.ok(
    records.flat().every((cell) => cell.length <= 32_767 && cell.split('\n').length <= 254),
    'a spreadsheet holds every cell',
  );
  t.ok(last.includes('entries=2'), 'rows that go on are no entries');
  for (const row of rows) {
    const named = row.get('clients')!.split('\n');
    t.equal(named.length, 1_500);
    t.ok(named.every((line) => line.endsWith('; contact.other=Büro\\; "Haupt"haus\\nTor 7')));
  }
  const position = columns.processor.findIndex(({ key }) => key === 'subprocessors');
  const lines = records.flatMap((cells) => cells[position]!.split('\n')).filter((line) => line !== '');
  t.ok(lines.length > 2, 'a line too long for a cell goes on as well');
  t.ok(lines.slice(0, -1).every((line) => line.startsWith('Sub\\; processor [sub]; ') && line.endsWith('; lineId=s')));
  t.equal(lines.at(-1), 'Other [other]; lineId=t');
  compare(t, [{ rows, document }], 'processor');
  t.comment(`${records.length} rows for ${rows.length} activities of 1,500 clients each`);
});

t.test('activities of many clients go out in pieces', async (t) => {
  const register = withClients(200, 'x'.repeat(1_000));
  const [, support] = register.entries;
  const clients = Object.values(register.blocks.processorClient!).filter(
    ({ processorActivityId }) => processorActivityId === support!.id,
  );
  const copies = Array.from({ length: 60 }, (_, index) => ({ ...support, id: `id-${index}`, reference: `a${index}` }));
  const all = copies.flatMap(({ id }, index) =>
    clients.map((client) => [
      `${index} ${client.id}`,
      { ...client, id: `${index} ${client.id}`, processorActivityId: id },
    ]),
  );
  const blocks = { ...register.blocks, processorClient: Object.fromEntries(all) as Record<string, Content> };
  let longest = 0;
  let whole = 0;
  for await (const piece of csvOf(partsOf({ ...register, blocks, entries: copies }, { role: 'processor' }))) {
    longest = Math.max(longest, piece.length);
    whole += piece.length;
  }
  t.ok(longest < 5 * 1024 * 1024, `${longest} characters in the longest piece`);
  t.ok(whole > 2 * longest);
  t.comment(`${whole} characters, ${longest} in the longest piece`);
});

t.test('no cell begins a formula', async (t) => {
  const beginnings = ['=HYPERLINK("https://example.com")', '+1', '-1+1', '@SUM(A1)', '\tx', '\rx', "'x", "'=x"];
  const bodies = beginnings.flatMap((name, index) => [
    ['controller', { reference: `c${index}`, name, registerKept: true }] as const,
    [
      'processingActivity',
      {
        reference: `-a${index}`,
        name,
        description: name,
        controllerId: `ref:c${index}`,
        customFields: { [name]: name },
      },
    ] as const,
  ]);
  const register = registerOf(bodies);
  const { text, rows, document } = await tableOf(register);
  const cells = parse(text, { bom: true, record_delimiter: '\r\n' }).flat();
  t.same(
    cells.filter((cell) => formula.test(cell)),
    [],
    'as a spreadsheet sees them',
  );
  for (const [index, name] of beginnings.entries()) {
    const row = rows[index]!;
    t.equal(row.get('name'), name, 'the apostrophe is taken away on reading');
    t.equal(row.get('description'), name);
    t.equal(row.get('reference'), `-a${index}`);
  }
  t.equal(cells.filter((cell) => cell.startsWith("'")).length >= beginnings.length * 3, true);
  t.comment(`${beginnings.length} beginnings`);
  compare(t, [{ rows, document }]);
});

t.test('one recipient in several lines, one category of data in several lines', async (t) => {
  const lines = [
    { recipientId: 'ref:post', purpose: 'Letters; "registered" ones', dataCategoryIds: ['ref:address'] },
    { recipientId: 'ref:post', purpose: 'Parcels\nand pallets', dataCategoryIds: ['ref:address', 'ref:health'] },
    { recipientId: 'ref:post', lineId: 'third', legalBasisIds: ['ref:consent'] },
  ];
  const register = registerOf([
    ['recipient', { reference: 'post', name: 'Post; "Logistics" [AG]\nSpedition', role: 'controller', country: 'CH' }],
    ['legalBasis', { reference: 'consent', name: 'Consent', ground: 'consent' }],
    ['dataCategory', { reference: 'address', name: 'Address', kind: 'ordinary' }],
    ['dataCategory', { reference: 'health', name: 'Health', kind: 'special', specialKind: 'health' }],
    ['dataCategory', { reference: 'record', name: 'Criminal record', kind: 'criminal' }],
    [
      'processingActivity',
      {
        reference: 'dispatch',
        name: 'Dispatch',
        recipients: lines,
        dataLines: [
          { dataCategoryId: 'ref:address', retention: { period: 'P1Y' } },
          { dataCategoryId: 'ref:health' },
          { dataCategoryId: 'ref:address', retention: { period: 'P3Y' } },
          { dataCategoryId: 'ref:record', lineId: 'fourth' },
        ],
      },
    ],
  ]);
  const { rows, document } = await tableOf(register);
  const cell = rows[0]!.get('recipients')!.split('\n');
  t.equal(cell.length, 3);
  t.ok(
    cell.every((line) =>
      line.startsWith(
        'Post\\; "Logistics" \\[AG\\]\\nSpedition [post]; recipient.role=controller; recipient.country=CH',
      ),
    ),
  );
  t.ok(cell[2]!.endsWith('; legalBasisIds=Consent [consent]; lineId=third'));
  t.equal(rows[0]!.get('legalBases'), 'Consent [consent]; ground=consent; article=6(1)(a)');
  const data = rows[0]!.get('dataCategories')!.split('\n');
  t.match(data[1], /^Health \[health\]; dataCategory\.kind=special; dataCategory\.specialKind=health; /);
  t.equal(data[3], 'Criminal record [record]; dataCategory.kind=criminal; lineId=fourth');
  const limits = rows[0]!.get('timeLimits')!.split('\n');
  t.equal(limits.length, 2, 'lines without a time limit do not stand there');
  compare(t, [{ rows, document }]);
});

t.test('the documentation that Article 49(1), second subparagraph, asks for', async (t) => {
  const compellingInterest = { assessment: 'Twelve people; one transfer.', suitableSafeguards: 'Encrypted copy.' };
  const register = registerOf([
    ['safeguard', { reference: 'scc', name: 'Clauses', mechanism: 'standardClauses' }],
    ['safeguard', { reference: 'compelling', name: 'Harm', mechanism: 'compellingInterests', compellingInterest }],
    ['safeguard', { reference: 'bare', name: 'Bare', mechanism: 'compellingInterests' }],
    [
      'processingActivity',
      {
        reference: 'a',
        name: 'A',
        transfers: [
          { country: 'US', safeguardIds: ['ref:scc', 'ref:compelling'] },
          { internationalOrganisation: 'European Patent Organisation', safeguardIds: ['ref:compelling', 'ref:bare'] },
        ],
      },
    ],
  ]);
  const { rows, document } = await tableOf(register);
  t.equal(
    rows[0]!.get('suitableSafeguards'),
    'Harm [compelling]; compellingInterest.assessment=Twelve people\\; one transfer.; compellingInterest.suitableSafeguards=Encrypted copy.\nBare [bare]',
  );
  t.same(rows[0]!.get('safeguards')!.split('\n'), [
    'Clauses [scc]; mechanism=standardClauses; article=46(2)(c)',
    'Harm [compelling]; mechanism=compellingInterests; article=49(1), second subparagraph',
    'Bare [bare]; mechanism=compellingInterests; article=49(1), second subparagraph',
  ]);
  t.match(rows[0]!.get('transfers')!.split('\n')[1], /^internationalOrganisation=European Patent Organisation; /);
  compare(t, [{ rows, document }]);
});

t.test('an empty register has headings and the last row; drafts and one controller are said there', async (t) => {
  const controllerId = '0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77';
  const { rows, last, headings, document } = await tableOf(registerOf([]), { include: 'drafts', controllerId });
  t.equal(headings.length, columns.controller.length);
  t.same(rows, []);
  t.equal(last[0], '#register');
  t.equal(last[2], `digest=${document.integrity.digest}`);
  t.ok(last.includes('entries=0'));
  t.ok(last.includes('include=drafts'));
  t.ok(last.includes(`controllerId=${controllerId}`));
});

t.test('a document that breaks off makes a table that breaks', async (t) => {
  async function* broken() {
    for await (const part of partsOf(registerOf(exampleBodies))) {
      yield part;
      if (part.kind === 'entries') throw new Error('connection lost');
    }
  }
  let text = '';
  await t.rejects(async () => {
    for await (const piece of csvOf(broken())) text += piece;
  }, /connection lost/);
  t.match(text, 'invoicing');
  t.notMatch(text, '#register');
});

t.test('10,000 entries go through with a page of them in memory', async (t) => {
  const register = registerOf(exampleBodies);
  const [entry] = register.entries;
  const pageSize = 500;
  const wanted = 10_000;
  const pages: WeakRef<string[]>[] = [];
  const source = sourceOf({ ...register, entries: [] });
  const parts = composeRegister(
    {
      ...source,
      entries: async function* () {
        for (let page = 0; page < wanted / pageSize; page++) {
          const contents = Array.from({ length: pageSize }, (_, index) =>
            canonicalize({ ...entry, reference: `a${page * pageSize + index}` }),
          );
          pages.push(new WeakRef(contents));
          yield contents;
        }
      },
    },
    { role: 'controller', include: 'approved' },
    moment,
  );
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  let rows = 0;
  let mostAhead = 0;
  let mostHeld = 0;
  let longest = 0;
  for await (const piece of csvOf(parts)) {
    if (piece.startsWith('#register')) continue;
    if (!piece.startsWith('\ufeff')) rows += piece.split('\r\n').length - 1;
    mostAhead = Math.max(mostAhead, pages.length * pageSize - rows);
    longest = Math.max(longest, piece.length);
    // A reference that was looked at stays alive until the end of the turn.
    await setImmediate();
    collectGarbage();
    mostHeld = Math.max(mostHeld, pages.filter((page) => page.deref() !== undefined).length * pageSize);
  }
  t.equal(rows, wanted);
  t.equal(mostAhead, 0, 'nothing is read before what was read is given out');
  t.ok(mostHeld > 0 && mostHeld <= 2 * pageSize, `${mostHeld} contents held`);
  t.comment(`${wanted} contents, at most ${mostHeld} held at a time, ${longest} characters in the longest piece`);
});

// --- Reading the table without the code that writes it ---

/** A line of a cell: what stands first, then each key with what it is said to be. */
interface Line {
  name?: string;
  reference?: string;
  word?: string;
  parts: [key: string, value: string, reference: string | undefined][];
}

/** Characters of a private use plane stand for the escaped ones while a cell is cut up. */
const hidden = (character: string) => String.fromCodePoint(0xf0000 + character.charCodeAt(0));
const shownAgain = (text: string) =>
  text.replace(/[\u{f0000}-\u{fffff}]/gu, (character) => String.fromCharCode(character.codePointAt(0)! - 0xf0000));

function linesOf(cell: string): Line[] {
  if (cell === '') return [];
  const plain = cell.replace(/\\(.)/gs, (_, c: string) => hidden(c === 'n' ? '\n' : c === 'r' ? '\r' : c));
  return plain.split('\n').map((line) => {
    if (line === 'none declared' || line === 'no others declared') return { word: line, parts: [] };
    const segments = line.split('; ');
    const first = segments[0]!.includes('=') ? undefined : labelOf(segments.shift()!);
    const parts = segments.map((segment): Line['parts'][number] => {
      const at = segment.indexOf('=');
      const { name, reference } = labelOf(segment.slice(at + 1));
      return [shownAgain(segment.slice(0, at)), name ?? '', reference];
    });
    return { ...first, parts };
  });
}

function labelOf(text: string): { name?: string; reference?: string } {
  const found = /^(?:(.*) )?\[([^[\]]*)\]$/su.exec(text);
  if (found === null) return { name: shownAgain(text) };
  return { ...(found[1] === undefined ? {} : { name: shownAgain(found[1]) }), reference: shownAgain(found[2]!) };
}

const activityOf = (role: Role): Record<string, Schema> => {
  const { properties, managed } = definitionOf(entryType[role]);
  return { ...commonProperties, ...properties, ...managed, ...metadataProperties } as Record<string, Schema>;
};

interface Spec {
  text: readonly string[];
  words: readonly string[];
  /** Objects, and which of their members stands as the name. */
  objects: Readonly<Record<string, string | undefined>>;
  /** Columns of references, and the members that hold them. */
  references: Readonly<Record<string, string>>;
  /** Columns of lines: the list, the member that a line begins with, and the type of the block that is shown beside. */
  lines: Readonly<Record<string, readonly [string, string, ResourceType | undefined]>>;
}

/** How the columns hold what: the test's own list, so that a column that is added has to be added here. */
const heldByController: Spec = {
  text: [
    ...[
      'reference',
      'name',
      'description',
      'largeScale',
      'estimatedDataSubjects',
      'occasional',
      'likelyRisk',
      'department',
    ],
    ...[
      'startedOn',
      'endedOn',
      'reviewedOn',
      'reviewDueOn',
      'approvedAt',
      'approvedBy',
      'notes',
      'state',
      'archived',
      'id',
    ],
    ...['version', 'approvedVersion', 'createdAt', 'updatedAt'],
  ],
  words: ['operations', 'means'],
  objects: { owner: 'name', automatedDecisions: undefined, dpia: undefined, retirement: undefined },
  references: {
    controller: 'controllerId',
    securityMeasures: 'securityMeasureIds',
    notices: 'noticeIds',
    systems: 'systemIds',
  },
  lines: {
    jointControllers: ['jointControllers', 'controllerId', 'controller'],
    purposes: ['purposes', 'purposeId', 'purpose'],
    dataCategories: ['dataLines', 'dataCategoryId', 'dataCategory'],
    recipients: ['recipients', 'recipientId', 'recipient'],
    transfers: ['transfers', 'recipientId', 'recipient'],
    lawfulness: ['purposes', 'purposeId', undefined],
    conditions: ['dataLines', 'dataCategoryId', undefined],
    sources: ['dataLines', 'dataCategoryId', undefined],
    timeLimits: ['dataLines', 'dataCategoryId', undefined],
  },
};

/** The same of the record of a processor. */
const heldByProcessor: Spec = {
  text: [
    ...['reference', 'name', 'description', 'ownPurposes', 'reviewedOn', 'reviewDueOn', 'approvedAt', 'approvedBy'],
    ...['notes', 'state', 'archived', 'id', 'version', 'approvedVersion', 'createdAt', 'updatedAt'],
  ],
  words: ['categoriesOfProcessing'],
  objects: { retirement: undefined },
  references: { processor: 'processorId', securityMeasures: 'securityMeasureIds' },
  lines: {
    subprocessors: ['subprocessors', 'recipientId', 'recipient'],
    transfers: ['transfers', 'recipientId', 'recipient'],
  },
};
const heldBy: Record<Role, Spec> = { controller: heldByController, processor: heldByProcessor };

/** All that a resource says but whose block it is, and these members. */
function besides(type: ResourceType, ...members: string[]): string[] {
  const { properties, derived } = definitionOf(type);
  return [...Object.keys({ ...properties, ...derived?.properties }), 'notes', 'customFields'].filter(
    (member) => !members.includes(member) && (member !== 'controllerId' || type === 'notice'),
  );
}

/** What the columns show of the blocks: which blocks, and which members a reader finds there if they are stated. */
type Shown = Record<
  string,
  { type: ResourceType; ids: (entry: Content, entity: Content, clients: Content[]) => unknown; members: string[] }
>;
const shownToController: Shown = {
  controller: {
    type: 'controller',
    ids: ({ controllerId }) => controllerId,
    members: ['legalForm', 'country', 'registrationNumbers', 'contact'],
  },
  dataSubjectCategories: {
    type: 'dataSubjectCategory',
    ids: ({ dataLines }) => list(dataLines).map(({ dataSubjectCategoryIds }) => dataSubjectCategoryIds),
    members: besides('dataSubjectCategory'),
  },
  safeguards: {
    type: 'safeguard',
    ids: ({ transfers }) => list(transfers).map(({ safeguardIds }) => safeguardIds),
    members: besides('safeguard', 'kind', 'compellingInterest'),
  },
  securityMeasures: {
    type: 'securityMeasure',
    ids: ({ securityMeasureIds }) => securityMeasureIds,
    members: besides('securityMeasure'),
  },
  companySecurityMeasures: {
    type: 'securityMeasure',
    ids: (_, { securityMeasureIds }) => securityMeasureIds,
    members: besides('securityMeasure'),
  },
  legalBases: {
    type: 'legalBasis',
    ids: ({ purposes, dataLines, recipients }) => [
      ...[...list(purposes), ...list(recipients)].map(({ legalBasisIds }) => legalBasisIds),
      ...list(dataLines).map(({ conditionIds }) => conditionIds),
    ],
    members: besides('legalBasis', 'kind'),
  },
  systems: {
    type: 'system',
    ids: ({ systemIds }) => systemIds,
    members: besides('system'),
  },
  notices: { type: 'notice', ids: ({ noticeIds }) => noticeIds, members: besides('notice', 'rights', 'statements') },
};

const legalEntity = ['legalForm', 'country', 'registrationNumbers', 'contact'];
const { safeguards, securityMeasures, companySecurityMeasures } = shownToController;
const shownToProcessor = {
  safeguards,
  securityMeasures,
  companySecurityMeasures,
  processor: { type: 'controller', ids: ({ processorId }) => processorId, members: legalEntity },
  endControllers: {
    type: 'controller',
    ids: (_, __, clients) => clients.map(({ onBehalfOfIds }) => onBehalfOfIds),
    members: [...legalEntity, 'representative', 'representativeExemption', 'dataProtectionOfficer'],
  },
} as Shown;
const shownTo: Record<Role, Shown> = { controller: shownToController, processor: shownToProcessor };

/** What stands beside the members of a line, of the block that the line names. */
const besideOf: Record<string, string[]> = {
  jointControllers: ['legalForm', 'country', 'contact'],
  purposes: ['description'],
  dataCategories: ['kind', 'specialKind', 'claimedNonPersonal', 'group', 'description', 'examples'],
  recipients: [
    ...['role', 'identified', 'publicBody', 'legalEntity', 'country', 'internationalOrganisation'],
    ...['processingCountries', 'remoteAccessCountries', 'locationNote', 'service', 'confirmation'],
  ],
  transfers: ['role', 'country', 'internationalOrganisation', 'confirmation'],
  subprocessors: [
    ...['legalEntity', 'country', 'internationalOrganisation', 'contact', 'processingCountries'],
    ...['remoteAccessCountries', 'locationNote', 'service', 'engagedById', 'authorisation', 'changeNoticeDays'],
    ...['objectionDays', 'flowDown', 'guarantees', 'contract', 'confirmation'],
  ],
};

const offices = ['representative', 'representativeExemption', 'dataProtectionOfficer'];

/** What the columns behind show: the blocks that an entry reaches, but what the columns before show of them. */
type Details = Record<
  string,
  { type: ResourceType; shown: (entry: Content, entity: Content, clients: Content[]) => [unknown, string[]][] }
>;
const everything: string[] = besides('securityMeasure');
const detailsToController: Details = {
  controllerDetails: {
    type: 'controller',
    shown: ({ controllerId, jointControllers }) => [
      [controllerId, [...legalEntity, ...offices, 'securityMeasureIds']],
      [list(jointControllers).map(({ controllerId }) => controllerId), besideOf.jointControllers!],
    ],
  },
  purposeDetails: {
    type: 'purpose',
    shown: ({ purposes }) => [[list(purposes).map(({ purposeId }) => purposeId), besideOf.purposes!]],
  },
  dataCategoryDetails: {
    type: 'dataCategory',
    shown: ({ dataLines }) => [[list(dataLines).map(({ dataCategoryId }) => dataCategoryId), besideOf.dataCategories!]],
  },
  recipientDetails: {
    type: 'recipient',
    shown: ({ recipients }) => [[list(recipients).map(({ recipientId }) => recipientId), besideOf.recipients!]],
  },
  otherSecurityMeasures: {
    type: 'securityMeasure',
    shown: ({ securityMeasureIds }, entity) => [[[securityMeasureIds, entity.securityMeasureIds], everything]],
  },
};
const detailsToProcessor: Details = {
  entityDetails: {
    type: 'controller',
    shown: ({ processorId }, _, clients) => [
      [processorId, [...legalEntity, ...offices, 'securityMeasureIds']],
      [clients.map(({ controllerId, onBehalfOfIds }) => [controllerId, onBehalfOfIds]), [...legalEntity, ...offices]],
    ],
  },
  recipientDetails: {
    type: 'recipient',
    shown: ({ subprocessors }) => [
      [list(subprocessors).map(({ recipientId }) => recipientId), besideOf.subprocessors!],
    ],
  },
  dataCategoryDetails: { type: 'dataCategory', shown: () => [] },
  otherSecurityMeasures: detailsToController.otherSecurityMeasures!,
};
const detailsTo: Record<Role, Details> = { controller: detailsToController, processor: detailsToProcessor };

/** Every id in the value, at any depth, but those behind these members. */
function idsIn(value: unknown, known: ReadonlyMap<unknown, Content>, without: readonly string[] = []): string[] {
  if (typeof value === 'string') return known.has(value) ? [value] : [];
  if (value === null || typeof value !== 'object') return [];
  const members = Array.isArray(value) ? Object.entries(value) : Object.entries(value as Content);
  return members.flatMap(([name, member]) => (without.includes(name) ? [] : idsIn(member, known)));
}

const list = (value: unknown) => (value ?? []) as Content[];

/** Every cell of every row against the document; a cell that nothing was done with fails. */
function compare(
  t: Test,
  tables: readonly { rows: Map<string, string>[]; document: Document }[],
  role: Role = 'controller',
): void {
  let cells = 0;
  for (const { rows, document } of tables) {
    const blocks = new Map<unknown, Content>();
    const idOf = new Map<string, unknown>();
    const typed: [string, Content][] = [
      ...document.controllers.map((content): [string, Content] => ['controller', content]),
      ...Object.entries(document.blocks).flatMap(([type, each]) =>
        Object.values(each).map((content): [string, Content] => [type, content]),
      ),
    ];
    const types = new Map<unknown, string>();
    for (const [type, content] of typed) {
      types.set(content.id, type);
      blocks.set(content.id, content);
      idOf.set(`${type} ${content.reference as string}`, content.id);
    }
    const resolve = (type: ResourceType, reference: string | undefined) =>
      reference?.startsWith('id:') ? reference.slice(3) : idOf.get(`${type} ${reference}`);

    t.equal(rows.length, document.entries.length, 'as many rows as entries');
    for (const [index, row] of rows.entries()) {
      const entry = document.entries[index]!;
      const reader = new RowReader(role, row, entry, blocks, types, resolve);
      const rebuilt = reader.rebuild();
      if (canonicalize(rebuilt) !== canonicalize(entry))
        t.strictSame(visible(rebuilt), visible(entry), `row ${index}: what the cells carry`);
      for (const [what, found, wanted] of reader.shown()) {
        if (canonicalize(found) !== canonicalize(wanted))
          t.strictSame(visible(found), visible(wanted), `row ${index}: ${what}`);
      }
      t.same(
        columns[role].map(({ key }) => key).filter((key) => !reader.used.has(key)),
        [],
        `row ${index}: every cell was compared`,
      );
      cells += reader.used.size;
    }
  }
  t.ok(cells > 0);
  t.comment(`${cells} cells compared with the document`);
}

class RowReader {
  readonly used = new Set<string>();
  readonly role: Role;
  readonly row: Map<string, string>;
  readonly entry: Content;
  readonly blocks: Map<unknown, Content>;
  readonly types: Map<unknown, string>;
  readonly resolve: (type: ResourceType, reference: string | undefined) => unknown;

  constructor(
    role: Role,
    row: Map<string, string>,
    entry: Content,
    blocks: Map<unknown, Content>,
    types: Map<unknown, string>,
    resolve: (type: ResourceType, reference: string | undefined) => unknown,
  ) {
    this.role = role;
    this.row = row;
    this.entry = entry;
    this.blocks = blocks;
    this.types = types;
    this.resolve = resolve;
  }

  cell(key: string): string {
    this.used.add(key);
    return this.row.get(key)!;
  }

  /** The entry, out of the cells alone. */
  rebuild(): Content {
    const heldAs = heldBy[this.role];
    const activity = activityOf(this.role);
    const entry: Content = {};
    const declared = new Set<string>();
    const notPossible: Content = {};
    const statements = (key: string, lines: Line[]): Line[] =>
      lines.filter(({ word, name, reference, parts }) => {
        if (word !== undefined) {
          declared.add(word === 'no others declared' ? 'otherRecipients' : key);
          return false;
        }
        const [only] = parts;
        if (name !== undefined || reference !== undefined || parts.length !== 1) return true;
        if (only![0] === 'notPossible') notPossible[key === 'timeLimits' ? 'retention' : key] = only![1];
        else if (only![0] === 'sameRetentionConfirmed') entry.sameRetentionConfirmed = only![1] === 'true';
        else return true;
        return false;
      });

    for (const key of heldAs.text) {
      const cell = this.cell(key);
      if (cell !== '') entry[key] = typedAs(activity[key]!, cell);
    }
    for (const key of heldAs.words) {
      const lines = linesOf(this.cell(key));
      if (lines.length > 0) entry[key] = lines.map(({ name }) => name);
    }
    for (const [key, lead] of Object.entries(heldAs.objects)) {
      for (const line of statements(key, linesOf(this.cell(key)))) {
        entry[key] = {
          ...(lead === undefined || line.name === undefined ? {} : { [lead]: line.name }),
          ...this.objectOf(activity[key]!, line.parts),
        };
      }
    }
    for (const [key, member] of Object.entries(heldAs.references)) {
      const lines = statements(key, linesOf(this.cell(key)));
      const type = follow(follow(activity[member]!).items ?? activity[member]!)['x-reference']!;
      const keys = lines.map(({ name, reference }) => this.named(type, name, reference));
      if (keys.length > 0) entry[member] = follow(activity[member]!).items === undefined ? keys[0] : keys;
    }
    for (const [key, [member, lead, beside]] of Object.entries(heldAs.lines)) {
      const schema = follow(follow(activity[member]!).items!);
      for (const line of statements(key, linesOf(this.cell(key)))) {
        const own = line.parts.filter(([name]) => beside === undefined || !name.startsWith(`${beside}.`));
        const content = this.objectOf(schema, own);
        if (line.reference !== undefined) {
          content[lead] = this.named(schema.properties![lead]!['x-reference']!, line.name, line.reference);
        }
        entry[member] ??= [];
        const known = list(entry[member]).find(({ lineId }) => lineId === content.lineId);
        if (known === undefined) list(entry[member]).push(content);
        else Object.assign(known, content);
      }
    }
    const custom = linesOf(this.cell('customFields')).map(({ parts }) => [parts[0]![0], parts[0]![1]] as const);
    if (custom.length > 0) entry.customFields = Object.fromEntries(custom);
    if (Object.keys(notPossible).length > 0) entry.notPossible = notPossible;
    if (declared.size > 0) {
      // A set in the cells: the order of the words is the document's.
      const order = (this.entry.declaredNone as string[] | undefined) ?? [];
      entry.declaredNone = [...declared].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    }
    return entry;
  }

  /** The id of what is named; the name must be the one of that reference. */
  named(type: ResourceType, name: string | undefined, reference: string | undefined): unknown {
    const id = this.resolve(type, reference);
    if (id === undefined) throw new Error(`${type} [${visible(reference)}] is not in the document.`);
    if (this.blocks.get(id)?.name !== name)
      throw new Error(`${type} [${visible(reference)}] is shown under another name.`);
    return id;
  }

  /** An object out of its parts, typed by its schema: dotted keys, numbered and repeated ones. */
  objectOf(schema: Schema, parts: Line['parts']): Content {
    const result: Content = {};
    for (const [key, value, reference] of parts) {
      let place: Content = result;
      let at = follow(schema);
      const names = key.split('.');
      for (const [depth, name] of names.entries()) {
        const property = at.properties?.[name];
        if (property === undefined) throw new Error(`No member is ${visible(key)}.`);
        at = follow(property);
        if (at.patternProperties !== undefined) {
          // Its own names may have dots in them.
          place[name] ??= {};
          (place[name] as Content)[names.slice(depth + 1).join('.')] = value;
          break;
        }
        const single = at.items === undefined ? at : follow(at.items);
        if (single.properties !== undefined && at.items !== undefined) {
          const number = Number(names[depth + 1]) - 1;
          names.splice(depth + 1, 1);
          place[name] ??= [];
          list(place[name])[number] ??= {};
          place = list(place[name])[number]!;
          at = single;
        } else if (single.properties !== undefined) {
          place[name] ??= {};
          place = place[name] as Content;
        } else {
          const type = single['x-reference'];
          const read =
            type === undefined ? typedAs(single, value) : this.named(type, value === '' ? undefined : value, reference);
          if (at.items === undefined) place[name] = read;
          else place[name] = [...((place[name] as unknown[] | undefined) ?? []), read];
        }
      }
    }
    return result;
  }

  /** What the cells show of the blocks, each with what the document says. */
  *shown(): Generator<[string, unknown, unknown]> {
    const membersOf = (id: unknown, members: readonly string[]) => {
      const content = this.blocks.get(id) ?? {};
      return Object.fromEntries(
        members.filter((name) => content[name] !== undefined).map((name) => [name, content[name]]),
      );
    };
    const controller = this.blocks.get(this.entry.controllerId ?? this.entry.processorId) ?? {};
    const clients = [...this.blocks.values()].filter(
      ({ processorActivityId }) => this.role === 'processor' && processorActivityId === this.entry.id,
    );
    if (this.role === 'processor') yield* this.shownOfClients(clients, membersOf);
    for (const [key, { type, ids, members }] of Object.entries(shownTo[this.role])) {
      const lines = linesOf(this.cell(key)).filter(({ reference }) => reference !== undefined);
      const wanted = [
        ...new Set([ids(this.entry, controller, this.inOrder(clients))].flat(3).filter((id) => id !== undefined)),
      ];
      const found = lines.map((line) => [
        this.named(type, line.name, line.reference),
        this.objectOf(schemaOf(type), line.parts),
      ]);
      yield [key, found, wanted.map((id) => [id, membersOf(id, members)])];
    }
    yield* this.detailed(controller, clients, membersOf);
    if (this.role === 'controller') yield* this.itemsOfNotices();
    for (const [key, [member, lead, type]] of Object.entries(heldBy[this.role].lines)) {
      const members = besideOf[key];
      if (members === undefined) continue;
      const lines = linesOf(this.cell(key)).filter(({ parts }) => parts.some(([name]) => name === 'lineId'));
      const found = lines.map(({ parts }) => {
        const beside = parts.filter(([name]) => name.startsWith(`${type}.`));
        return this.objectOf(
          schemaOf(type!),
          beside.map(([name, ...rest]) => [name.slice(type!.length + 1), ...rest]),
        );
      });
      yield [key, found, list(this.entry[member]).map((line) => membersOf(line[lead], members))];
    }
    for (const key of ['representative', 'dataProtectionOfficer']) {
      const [line, ...others] = linesOf(this.cell(key)).filter(
        ({ parts }) => parts[0]?.[0] !== 'representativeExemption',
      );
      const found =
        line === undefined
          ? undefined
          : {
              ...(line.name === undefined ? {} : { name: line.name }),
              ...this.objectOf(schemaOf('controller').properties![key]!, line.parts),
            };
      yield [key, [found ?? null, others], [controller[key] ?? null, []]];
    }
    const exemption = linesOf(this.cell('representative')).flatMap(({ parts }) =>
      parts.filter(([name]) => name === 'representativeExemption').map(([, value]) => value),
    );
    yield ['representativeExemption', exemption, [controller.representativeExemption].flatMap((each) => each ?? [])];
    const safeguards = [
      ...new Set(list(this.entry.transfers).flatMap(({ safeguardIds }) => (safeguardIds ?? []) as string[])),
    ];
    yield [
      'suitableSafeguards',
      linesOf(this.cell('suitableSafeguards')).map((line) => [
        this.named('safeguard', line.name, line.reference),
        this.objectOf(schemaOf('safeguard'), line.parts),
      ]),
      safeguards
        .filter((id) => {
          const content = this.blocks.get(id) ?? {};
          return content.mechanism === 'compellingInterests' || content.compellingInterest !== undefined;
        })
        .map((id) => [id, membersOf(id, ['document', 'compellingInterest'])]),
    ];
  }

  /** The columns behind: each block that the entry reaches, with what no column before says of it. */
  *detailed(
    entity: Content,
    clients: Content[],
    membersOf: (id: unknown, members: readonly string[]) => Content,
  ): Generator<[string, unknown, unknown]> {
    const reached = new Set<unknown>();
    const walk = (ids: readonly string[]): void => {
      for (const id of ids) {
        if (reached.has(id)) continue;
        reached.add(id);
        const content = this.blocks.get(id)!;
        walk(idsIn(content, this.blocks, ['id', 'controllerId', 'statements', 'notes', 'customFields']));
      }
    };
    walk(idsIn(this.entry, this.blocks, ['id']));
    for (const client of clients) walk(idsIn(client, this.blocks, ['id', 'processorActivityId']));
    for (const [key, { type, shown }] of Object.entries(detailsTo[this.role])) {
      const lines = linesOf(this.cell(key));
      const found = lines.map((line) => [
        this.named(type, line.name, line.reference),
        this.objectOf(schemaOf(type), line.parts),
      ]);
      const told = shown(this.entry, entity, clients);
      const wanted = [...reached]
        .filter((id) => this.types.get(id) === type)
        .flatMap((id) => {
          const before = told.find(([ids]) => [ids].flat(4).includes(id))?.[1];
          const content = membersOf(id, besides(type, ...(before ?? [])));
          return before !== undefined && Object.keys(content).length === 0 ? [] : [[id, content] as const];
        });
      const byId = (all: readonly unknown[]) =>
        (all as (readonly [string, Content])[]).toSorted(([a], [b]) => (a < b ? -1 : 1));
      yield [key, byId(found), byId(wanted)];
    }
  }

  /** The rights of the notices, and the statements that no field carries. */
  *itemsOfNotices(): Generator<[string, unknown, unknown]> {
    const notices = ((this.entry.noticeIds as string[] | undefined) ?? []).map((id) => this.blocks.get(id)!);
    for (const [key, member] of [
      ['rights', 'rights'],
      ['noticeStatements', 'statements'],
    ] as const) {
      const schema = follow(schemaOf('notice').properties![member]!).items!;
      const found = linesOf(this.cell(key)).map((line) => [
        this.named('notice', line.name, line.reference),
        this.objectOf(schema, line.parts),
      ]);
      const wanted = notices.flatMap((notice) =>
        list(notice[member])
          .filter(({ about }) => about === undefined)
          .map((item) => [notice.id, item]),
      );
      yield [key, found, wanted];
    }
  }

  /** By the references of the controllers. */
  inOrder(clients: Content[]): Content[] {
    const reference = ({ controllerId }: Content) => this.blocks.get(controllerId)!.reference as string;
    return clients.toSorted((a, b) => (reference(a) < reference(b) ? -1 : 1));
  }

  /** Each client: what it says itself, and what the legal entity says that it is. */
  *shownOfClients(
    clients: Content[],
    membersOf: (id: unknown, members: readonly string[]) => Content,
  ): Generator<[string, unknown, unknown]> {
    const ordered = this.inOrder(clients);
    const read = (key: string) =>
      linesOf(this.cell(key)).map((line) => {
        const isEntity = ([name]: Line['parts'][number]) => legalEntity.includes(name.split('.')[0]!);
        const isCustom = ([name]: Line['parts'][number]) => name.startsWith('customFields.');
        return {
          id: this.named('controller', line.name, line.reference),
          parts: line.parts,
          entity: this.objectOf(schemaOf('controller'), key === 'clients' ? line.parts.filter(isEntity) : []),
          own: line.parts.filter((part) => !isEntity(part) && !isCustom(part)),
          custom: line.parts.filter(isCustom).map(([name, value]) => [name.slice('customFields.'.length), value]),
        };
      });
    const ownMembers = ['actsAs', 'onBehalfOfIds', 'since', 'until', 'dataDisposal', 'notes'];
    yield [
      'clients',
      read('clients').map(({ id, entity, own, custom }) => ({
        id,
        entity,
        own: this.objectOf(schemaOf('processorClient'), own),
        custom: Object.fromEntries(custom),
      })),
      ordered.map(({ id, controllerId, customFields = {} }) => ({
        id: controllerId,
        entity: membersOf(controllerId, legalEntity),
        own: membersOf(id, ownMembers),
        custom: customFields,
      })),
    ];
    const members = { ...schemaOf('processorClient').properties, ...schemaOf('controller').properties };
    for (const [key, member, beside] of [
      ['clientContracts', 'contract', undefined],
      ['clientRepresentatives', 'representative', 'representativeExemption'],
      ['clientOfficers', 'dataProtectionOfficer', undefined],
    ] as const) {
      const isBeside = ([name]: Line['parts'][number]) => name === beside;
      yield [
        key,
        read(key).map(({ id, parts }) => [
          id,
          this.objectOf(
            members[member]!,
            parts.filter((part) => !isBeside(part)),
          ),
          parts.find(isBeside)?.[1] ?? null,
        ]),
        ordered
          .map((client) => ({ ...this.blocks.get(client.controllerId), ...client }) as Content)
          .map((shown) => [shown.controllerId, shown[member] ?? {}, (beside && shown[beside]) ?? null] as const)
          .filter(([, object, other]) => Object.keys(object).length > 0 || other !== null),
      ];
    }
  }
}

function schemaOf(type: ResourceType): Schema {
  const { properties, derived } = definitionOf(type);
  return { properties: { ...commonProperties, ...properties, ...derived?.properties } as Record<string, Schema> };
}

function typedAs(schema: Schema, text: string): unknown {
  const { type } = follow(schema);
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return type === 'integer' ? Number(text) : text;
}
