/** Where two contents differ, as a plan tells it; the problems of a plan. */
import t from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { differences, Problems } from '../../src/imports/plan.ts';

const cases: { title: string; before: Content; after: Content; told: object[] }[] = [
  { title: 'nothing', before: { a: [1, { b: 2 }] }, after: { a: [1, { b: 2 }] }, told: [] },
  { title: 'another order of members', before: { a: { b: 1, c: 2 } }, after: { a: { c: 2, b: 1 } }, told: [] },
  { title: 'a member that comes', before: {}, after: { a: 1 }, told: [{ field: 'a', new: 1 }] },
  { title: 'a member that goes', before: { a: false }, after: {}, told: [{ field: 'a', old: false }] },
  {
    title: 'a member within members',
    before: { contact: { email: 'a', address: { city: 'x' } } },
    after: { contact: { email: 'a', address: { city: 'y' } } },
    told: [{ field: 'contact.address.city', old: 'x', new: 'y' }],
  },
  {
    title: 'an object that comes whole',
    before: {},
    after: { contact: { email: 'a' } },
    told: [{ field: 'contact', new: { email: 'a' } }],
  },
  {
    title: 'a list without lines',
    before: { means: ['manual', 'automated'] },
    after: { means: ['automated'] },
    told: [{ field: 'means', old: ['manual', 'automated'], new: ['automated'] }],
  },
  {
    title: 'the first lines',
    before: {},
    after: { lines: [{ lineId: 'a', x: 1 }, { lineId: 'b' }] },
    told: [
      { lineId: 'a', field: 'lines', new: { lineId: 'a', x: 1 } },
      { lineId: 'b', field: 'lines', new: { lineId: 'b' } },
    ],
  },
  {
    title: 'the last lines',
    before: { lines: [{ lineId: 'a' }] },
    after: {},
    told: [{ lineId: 'a', field: 'lines', old: { lineId: 'a' } }],
  },
  {
    title: 'a member of a line, and lists within it',
    before: { lines: [{ lineId: 'a', retention: { period: 'P1Y' }, ids: ['x'] }] },
    after: { lines: [{ lineId: 'a', retention: { period: 'P2Y' }, ids: ['x', 'y'] }] },
    told: [
      { lineId: 'a', field: 'lines.retention.period', old: 'P1Y', new: 'P2Y' },
      { lineId: 'a', field: 'lines.ids', old: ['x'], new: ['x', 'y'] },
    ],
  },
  {
    title: 'the same lines in another order',
    before: { lines: [{ lineId: 'a' }, { lineId: 'b' }] },
    after: { lines: [{ lineId: 'b' }, { lineId: 'a' }] },
    told: [{ field: 'lines', old: ['a', 'b'], new: ['b', 'a'] }],
  },
];

t.test('differences', async (t) => {
  for (const { title, before, after, told } of cases) t.strictSame([...differences(before, after)], told, title);
  t.ok(cases.length > 0);
  t.comment(`${cases.length} pairs of contents`);
});

t.test('errors come first, and what is not told is counted', async (t) => {
  const problems = new Problems();
  for (let i = 0; i < 250; i++) problems.warn(`/${i}`, 'archived', 'It is archived.');
  t.equal(problems.listed.length, 201);
  t.match(problems.listed.at(-1), { severity: 'warning', code: 'more', message: /50 more/ });
  problems.error('/x', 'type', 'Must be a text.');
  t.match(problems.listed[0], { severity: 'error', pointer: '/x' });
  t.match(problems.listed.at(-1), { severity: 'warning', message: /51 more/ });
  for (let i = 0; i < 250; i++) problems.error(`/${i}`, 'type', 'Must be a text.');
  t.equal(problems.listed.length, 201);
  t.match(problems.listed.at(-1), { severity: 'error', message: /301 more/ });
  t.same([problems.errors, problems.warnings], [251, 250]);
});
