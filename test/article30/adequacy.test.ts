import t from 'tap';
import { type Adequacy, adequacyWords, isDecisionInForce, judgeAdequacy } from '../../src/article30/adequacy.ts';

t.test('a destination is judged by the decisions of the day', async (t) => {
  const cases: [destination: Parameters<typeof judgeAdequacy>[0], on: string, Adequacy, string[]][] = [
    [{ country: 'CH' }, '2026-01-01', 'yes', ['CH-2000-518']],
    [{ country: 'CH' }, '2000-01-01', 'no', []],
    [{ country: 'US' }, '2026-01-01', 'partial', ['US-2023-1795']],
    [{ country: 'US' }, '2015-10-05', 'partial', ['US-2000-520']],
    [{ country: 'US' }, '2015-10-06', 'no', []],
    [{ country: 'IN' }, '2026-01-01', 'no', []],
    [{ country: 'FR' }, '2026-01-01', 'notNeeded', []],
    [{ country: 'NO' }, '2026-01-01', 'notNeeded', []],
    [{ country: 'GB' }, '2019-01-01', 'notNeeded', []],
    [{ country: 'GB' }, '2026-01-01', 'yes', ['GB-2021-1772']],
    [{}, '2026-01-01', 'unknown', []],
    [{ internationalOrganisation: 'EPO' }, '2026-01-01', 'yes', ['EPO-2025-1382']],
    [{ internationalOrganisation: ' european patent organisation ' }, '2026-01-01', 'yes', ['EPO-2025-1382']],
    [{ internationalOrganisation: 'EPO' }, '2024-01-01', 'no', []],
    [{ internationalOrganisation: 'Interpol' }, '2026-01-01', 'no', []],
    // A name that is also the code of a country names no country.
    [{ internationalOrganisation: 'CH' }, '2026-01-01', 'no', []],
  ];
  for (const [destination, on, adequate, decisions] of cases)
    t.strictSame(judgeAdequacy(destination, on), { adequate, decisions }, `${JSON.stringify(destination)} on ${on}`);
  t.strictSame(new Set(cases.map((each) => each[2])), new Set(adequacyWords), 'every word');
  t.comment(`${cases.length} destinations`);
});

t.test('a decision is in force or not; what is no decision is not', async (t) => {
  t.ok(isDecisionInForce('US-2023-1795', '2026-01-01'));
  t.notOk(isDecisionInForce('US-2016-1250', '2026-01-01'));
  t.ok(isDecisionInForce('US-2016-1250', '2020-07-15'));
  t.notOk(isDecisionInForce('nothing', '2026-01-01'));
});
