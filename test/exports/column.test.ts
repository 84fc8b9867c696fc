import t from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { writeCell } from '../../src/exports/cell.ts';
import {
  besideMembers,
  cellsOf,
  itemsOfBlocks,
  kindsOf,
  membersBesides,
  NamedBlocks,
  named,
  objectOf,
  text,
  viewOf,
  wholeView,
  withDeclaration,
  withImpossibility,
  words,
} from '../../src/exports/column.ts';

const id = (number: number) => `0198f0c2-6b1e-7c3a-9d55-${String(number).padStart(12, '0')}`;

function blocksOf(...contents: (Content & { type: string })[]): NamedBlocks {
  const blocks = new NamedBlocks();
  for (const { type, ...content } of contents) blocks.add(type, JSON.stringify(content));
  return blocks;
}

t.test('a view shows members by their schema, of blocks that are there', async (t) => {
  const view = viewOf('recipient', ['country', 'processingCountries', 'engagedById', 'contract', 'customFields']);
  const beside = besideMembers('controller', ['registrationNumbers', 'contact']);
  const blocks = blocksOf(
    {
      type: 'recipient',
      id: id(1),
      name: 'Stripe',
      reference: 'stripe',
      country: 'IE',
      processingCountries: ['IE', 'US'],
      engagedById: id(2),
      contract: { exists: true, missingPoints: ['a', 'h'] },
      customFields: { 'cost centre': '4711' },
      website: 'https://example.com',
    },
    { type: 'recipient', id: id(2), name: 'Acquirer', reference: 'acquirer' },
    {
      type: 'controller',
      id: id(3),
      name: 'Acme',
      reference: 'acme',
      registrationNumbers: [{ scheme: 'SIREN', value: '1' }, { scheme: 'VAT' }],
      contact: { address: { lines: ['Door 7', '1 rue'], city: 'Paris' } },
    },
  );
  t.equal(
    writeCell(named([id(1), id(2), id(1)], view, blocks)),
    'Stripe [stripe]; country=IE; processingCountries=IE; processingCountries=US; engagedById=Acquirer [acquirer]; contract.exists=true; contract.missingPoints=a; contract.missingPoints=h; customFields.cost centre=4711\nAcquirer [acquirer]',
    'each once; what no view shows is left out',
  );
  t.equal(
    writeCell(named([id(3)], beside, blocks)),
    'Acme [acme]; controller.registrationNumbers.1.scheme=SIREN; controller.registrationNumbers.1.value=1; controller.registrationNumbers.2.scheme=VAT; controller.contact.address.lines=Door 7; controller.contact.address.lines=1 rue; controller.contact.address.city=Paris',
  );
  t.equal(writeCell(named([id(4)], view, blocks)), `[id:${id(4)}]`, 'a block that is not there is shown by its id');
  t.same(blocks.content(id(4)), {});
  t.throws(() => viewOf('recipient', ['nothing']), /There is no member nothing/);
});

t.test('what is left to say of a block follows from its definition', async (t) => {
  const { purpose, notice } = { purpose: membersBesides('purpose'), notice: membersBesides('notice', 'statements') };
  t.same(purpose, ['description', 'vocabularyTerms', 'notes', 'customFields'], 'not whose block it is');
  t.ok(notice.includes('controllerId'), 'but whose notice it is');
  t.notOk(notice.includes('statements'));
  t.ok(membersBesides('legalBasis').includes('article'), 'what follows from the content too');
  const basis = { type: 'legalBasis', id: id(1), name: 'B', reference: 'b', ground: 'consent', kind: 'article6' };
  t.equal(
    writeCell(named([id(1)], wholeView('legalBasis', 'kind'), blocksOf({ ...basis, notes: 'N', version: 7 }))),
    'B [b]; kind=article6; ground=consent; notes=N',
  );
});

t.test('a line for each item of a list in blocks, unless it has a member', async (t) => {
  const statementsOf = itemsOfBlocks('notice', 'statements', 'about');
  const blocks = blocksOf({
    type: 'notice',
    id: id(1),
    name: 'Policy',
    reference: 'policy',
    statements: [
      { topic: 'noSale', text: 'Never sold.', sourceLines: [31, 32] },
      { topic: 'recipients', text: 'Stripe.', about: [{ recipientId: id(2) }] },
      { text: 'May change.' },
    ],
  });
  t.equal(
    writeCell(statementsOf([id(1), id(2), id(1)], blocks)),
    'Policy [policy]; topic=noSale; text=Never sold.; sourceLines=31; sourceLines=32\nPolicy [policy]; text=May change.',
  );
  t.throws(() => itemsOfBlocks('notice', 'url'));
});

t.test('the blocks that an entry reaches, through others too, but not by whose they are', async (t) => {
  const blocks = blocksOf(
    { type: 'recipient', id: id(1), name: 'Sub', reference: 'sub', engagedById: id(2), controllerId: id(20) },
    { type: 'recipient', id: id(2), name: 'Processor', reference: 'processor', engagedById: id(1) },
    { type: 'notice', id: id(3), name: 'N', reference: 'n', statements: [{ about: [{ recipientId: id(4) }] }] },
    { type: 'recipient', id: id(4), name: 'Elsewhere', reference: 'elsewhere' },
    { type: 'system', id: id(5), name: 'S', reference: 's', hostedById: id(6) },
    { type: 'processorClient', id: id(7), processorActivityId: id(8), controllerId: id(9), onBehalfOfIds: [id(10)] },
    { type: 'controller', id: id(9), name: 'C', reference: 'c', securityMeasureIds: [id(11)] },
  );
  const entry = { id: id(12), recipients: [{ recipientId: id(1) }], noticeIds: [id(3)], systemIds: [id(5)] };
  const reached = (type: 'recipient' | 'controller') => [...blocks.reached('processingActivity', entry, type)];
  t.same(reached('recipient').sort(), [id(1), id(2), id(6)], 'what is not there too');
  t.same(reached('controller'), []);
  const activity = { id: id(8) };
  t.same([...blocks.reached('processorActivity', activity, 'controller')], [id(9), id(10)], 'through clients');
  t.same([...blocks.reached('processorActivity', activity, 'securityMeasure')], [id(11)]);

  const { details } = kindsOf('processingActivity');
  const column = details('recipientDetails', 'R', 'recipient', () => [
    [[id(2)], viewOf('recipient', ['notes'])],
    [[id(2), id(1)], viewOf('recipient', ['engagedById'])],
  ]);
  t.same(cellsOf(column, entry, blocks), [`Sub [sub]; engagedById=Processor [processor]\n[id:${id(6)}]`]);
  t.same(column.carries, []);
});

t.test('the clients of an activity, by the references of the controllers', async (t) => {
  const client = (activity: number, controllerId: string, since: string) => ({
    type: 'processorClient',
    id: id(100),
    processorActivityId: id(activity),
    controllerId,
    since,
  });
  const blocks = blocksOf(
    client(1, id(12), '2026-01-01'),
    client(2, id(12), '2026-01-02'),
    client(1, id(11), '2026-01-03'),
    client(1, id(13), '2026-01-04'),
    { type: 'controller', id: id(11), name: 'Z', reference: 'a' },
    { type: 'controller', id: id(12), name: 'Y', reference: 'B' },
    { type: 'controller', id: id(13), name: 'X', reference: 'c' },
  );
  const since = (activity: number) => blocks.clients(id(activity)).map((each) => each.since);
  t.same(since(1), ['2026-01-01', '2026-01-03', '2026-01-04'], 'in the order of code points');
  t.same(since(2), ['2026-01-02']);
  t.same(since(3), []);
});

t.test('kinds of columns', async (t) => {
  const blocks = blocksOf({ type: 'recipient', id: id(1), name: 'Stripe', reference: 'stripe' });
  const { lineList, othersThan, statement } = kindsOf('processorActivity');
  const subprocessors = lineList('subprocessors', '28', 'Sub-processors', {
    list: 'subprocessors',
    lead: 'recipientId',
    members: othersThan('subprocessors', 'recipientId'),
    all: true,
  });
  t.same(subprocessors.carries, ['subprocessors.recipientId', 'subprocessors.clientIds', 'subprocessors.lineId']);
  const declared = withDeclaration<'subprocessors'>(subprocessors, { subprocessors: 'none' });
  const impossible = withImpossibility<'securityMeasures'>(
    words('categoriesOfProcessing', '', 'C'),
    'securityMeasures',
  );
  const cases = [
    [text('ownPurposes', '', 'O'), { ownPurposes: false }, ['false']],
    [text('ownPurposes', '', 'O'), {}, ['']],
    [words('categoriesOfProcessing', '', 'C'), { categoriesOfProcessing: ['A; b', 'C'] }, ['A\\; b\nC']],
    [statement('retirement', '', 'R'), { retirement: { endedOn: '2026-10-31' } }, ['endedOn=2026-10-31']],
    [statement('retirement', '', 'R'), {}, []],
    [
      subprocessors,
      { subprocessors: [{ recipientId: id(1), lineId: 'a' }, { lineId: 'b' }] },
      ['Stripe [stripe]; lineId=a\nlineId=b'],
    ],
    [declared, { declaredNone: ['subprocessors', 'transfers'] }, ['none declared']],
    [declared, { declaredNone: ['transfers'] }, []],
    [impossible, { notPossible: { securityMeasures: 'Why' } }, ['notPossible=Why']],
  ] as const;
  for (const [column, entry, cells] of cases) t.same(cellsOf(column, entry as Content, blocks), cells, column.key);
  t.comment(`${cases.length} columns`);
  const contact = { type: 'object', properties: { email: { type: 'string' }, name: { type: 'string' } } };
  t.same(objectOf(contact as never, 'name')({ name: 'A', email: 'a@b' }, blocks), [
    { name: 'A', parts: [{ key: 'email', value: 'a@b' }] },
  ]);
});
