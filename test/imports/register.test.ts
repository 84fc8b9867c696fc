/** Reading a register as a file: which resources it wants, and where what is wrong with it stands. */
import t from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { Problems } from '../../src/imports/plan.ts';
import { type BodyJudge, readRegister } from '../../src/imports/register.ts';
import { digestOf } from '../../src/register/document.ts';
import { sampleNames, sampleText } from './documents.ts';

const everything: BodyJudge = () => [];
const id = (number: number) => `0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e${String(number).padStart(2, '0')}`;

async function read(file: Content, role?: 'controller' | 'processor', judge = everything) {
  const problems = new Problems();
  const wanted = await readRegister(file, { judge, ...(role === undefined ? {} : { role }) }, problems);
  return {
    problems: problems.listed.map(({ pointer, code }) => [pointer, code]),
    wanted: wanted.map(({ definition, pointer, reference, id, flawed }) => ({
      ...{ type: definition.type, pointer },
      ...(reference === undefined ? {} : { reference }),
      ...(id === undefined ? {} : { id }),
      ...(flawed === undefined ? {} : { flawed }),
    })),
  };
}

t.test('blocks under their references, in the order of the types', async (t) => {
  const { wanted, problems } = await read({
    entries: [{ reference: 'invoices', name: 'Invoices' }],
    blocks: { purpose: { billing: { name: 'Billing' } }, controller: { beta: { reference: 'beta', name: 'Beta' } } },
    controllers: [{ reference: 'acme', name: 'Acme' }],
  });
  t.same(problems, []);
  t.strictSame(wanted, [
    { type: 'controller', pointer: '/controllers/0', reference: 'acme' },
    { type: 'controller', pointer: '/blocks/controller/beta', reference: 'beta' },
    { type: 'purpose', pointer: '/blocks/purpose/billing', reference: 'billing' },
    { type: 'processingActivity', pointer: '/entries/0', reference: 'invoices' },
  ]);
});

t.test('a document, with ids by which its resources name each other', async (t) => {
  const content = {
    about: { kind: 'register', scope: { role: 'processor' } },
    blocks: {
      purpose: { [id(1)]: { id: id(1), reference: 'billing', name: 'Billing' } },
      processorClient: { [id(2)]: { id: id(2), reference: 'abc', processorActivityId: id(4), controllerId: id(3) } },
    },
    controllers: [{ id: id(3), reference: 'acme', name: 'Acme' }],
    entries: [{ id: id(4), reference: 'hosting', name: 'Hosting' }],
  };
  const file = { ...content, integrity: { digest: digestOf(content), entries: 1 } };
  const { wanted, problems } = await read(file);
  t.same(problems, []);
  t.strictSame(
    wanted,
    [
      { type: 'controller', pointer: '/controllers/0', reference: 'acme', id: id(3) },
      { type: 'purpose', pointer: `/blocks/purpose/${id(1)}`, reference: 'billing', id: id(1) },
      { type: 'processorActivity', pointer: '/entries/0', reference: 'hosting', id: id(4) },
      { type: 'processorClient', pointer: `/blocks/processorClient/${id(2)}`, id: id(2) },
    ],
    'the reference of a client follows from what it names',
  );
  t.same((await read({ ...file, entries: [] })).problems, [['/integrity/digest', 'digest']]);
  t.same((await read(file, 'controller')).problems, [['/about/scope/role', 'contradiction']]);
});

t.test('the role says which record the entries are of', async (t) => {
  const file = { entries: [{ reference: 'hosting', name: 'Hosting' }] };
  for (const [role, type] of [
    [undefined, 'processingActivity'],
    ['controller', 'processingActivity'],
    ['processor', 'processorActivity'],
  ] as const) {
    t.match((await read(file, role)).wanted, [{ type }], String(role));
  }
});

t.test('names that contradict each other', async (t) => {
  const cases: [title: string, blocks: Content, problems: string[][]][] = [
    ['under an id alone', { [id(1)]: { reference: 'billing', name: 'Billing' } }, []],
    ['under a reference that looks like an id', { [id(1)]: { reference: id(1), name: 'Billing' } }, []],
    [
      'under another reference',
      { other: { reference: 'billing', name: 'Billing' } },
      [['/blocks/purpose/other', 'contradiction']],
    ],
    [
      'under another id',
      { [id(1)]: { id: id(2), reference: 'billing' } },
      [[`/blocks/purpose/${id(1)}/id`, 'contradiction']],
    ],
    [
      'under an id, without a reference',
      { [id(1)]: { name: 'Billing' } },
      [[`/blocks/purpose/${id(1)}/reference`, 'required']],
    ],
  ];
  for (const [title, purpose, problems] of cases)
    t.same((await read({ blocks: { purpose } })).problems, problems, title);
  t.comment(`${cases.length} blocks`);
});

t.test('flaws of a body stand where the body stands, and it still can be named', async (t) => {
  const judge: BodyJudge = (type, body) =>
    (body as Content).name === undefined
      ? [{ pointer: '/name', code: 'required', message: `A ${type} has a name.` }]
      : [];
  const { wanted, problems } = await read(
    { blocks: { purpose: { 'a~b/c': { reference: 'a~b/c' }, good: { name: 'Good' } } } },
    undefined,
    judge,
  );
  t.same(problems, [['/blocks/purpose/a~0b~1c/name', 'required']]);
  t.match(wanted, [{ reference: 'a~b/c', flawed: true }, { reference: 'good' }]);
  t.notOk(wanted[1]!.flawed);
});

t.test('the samples are read whole', async (t) => {
  for (const name of sampleNames) {
    const file = JSON.parse(sampleText(name));
    const { wanted, problems } = await read(file);
    t.same(problems, [], name);
    const blocks = Object.values<object>(file.blocks).reduce((sum, all) => sum + Object.keys(all).length, 0);
    t.equal(wanted.length, file.controllers.length + blocks + file.entries.length);
  }
  t.ok(sampleNames.length > 0);
  t.comment(`${sampleNames.length} samples`);
});
