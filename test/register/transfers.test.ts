/** Until when the transfers of an activity that has ended are rows: as long as its entry is in the register. */
import t from 'tap';
import { hasLeft } from '../../src/register/transfers.ts';

t.test('an activity leaves on the day after the period for which ended ones are kept', async (t) => {
  const ended = (endedOn: string) => ({ retirement: { endedOn } });
  const cases: [endedOn: string, kept: string, last: string, next: string][] = [
    ['2021-03-03', 'P5Y', '2026-03-03', '2026-03-04'],
    ['2024-02-29', 'P1Y', '2025-02-28', '2025-03-01'],
    ['2026-01-31', 'P1M', '2026-02-28', '2026-03-01'],
    ['2026-12-31', 'P0D', '2026-12-31', '2027-01-01'],
  ];
  for (const [endedOn, kept, last, next] of cases) {
    t.equal(hasLeft(ended(endedOn), kept, last), false, `${endedOn} and ${kept}: there on ${last}`);
    t.equal(hasLeft(ended(endedOn), kept, next), true, `${endedOn} and ${kept}: gone on ${next}`);
  }
  t.equal(hasLeft({}, 'P0D', '9999-12-31'), false, 'one that has not ended stays');
  t.comment(`${cases.length} ends`);
});
