import t from 'tap';
import { datePlus, lastDate } from '../../src/article30/calendar.ts';

t.test('a period later is the same day of that month, or its last one', async (t) => {
  const cases: [date: string, duration: string, expected: string][] = [
    ['2026-03-03', 'P1Y', '2027-03-03'],
    ['2026-03-03', 'P6M', '2026-09-03'],
    ['2026-10-15', 'P6M', '2027-04-15'],
    ['2026-01-31', 'P1M', '2026-02-28'],
    ['2024-01-31', 'P1M', '2024-02-29'],
    ['2024-02-29', 'P1Y', '2025-02-28'],
    ['2024-02-29', 'P4Y', '2028-02-29'],
    ['2099-02-28', 'P1Y', '2100-02-28'],
    ['2096-02-29', 'P4Y', '2100-02-28'],
    ['2026-08-31', 'P1M', '2026-09-30'],
    ['2026-12-31', 'P2M', '2027-02-28'],
    ['2026-01-31', 'P1M1D', '2026-03-01'],
    ['2026-12-31', 'P1D', '2027-01-01'],
    ['2026-02-28', 'P1D', '2026-03-01'],
    ['2026-01-01', 'P2W', '2026-01-15'],
    ['2026-01-01', 'P30D', '2026-01-31'],
    ['2026-01-01', 'P18M', '2027-07-01'],
    ['2026-01-15', 'P1Y2M3D', '2027-03-18'],
    ['2026-01-01', 'P0D', '2026-01-01'],
    ['2026-03-28', 'P1D', '2026-03-29'],
    ['0099-12-31', 'P1Y', '0100-12-31'],
  ];
  for (const [date, duration, expected] of cases) t.equal(datePlus(date, duration), expected, `${date} + ${duration}`);
  t.comment(`${cases.length} cases`);
});

t.test('a begun day counts whole', async (t) => {
  t.equal(datePlus('2026-01-01', 'PT1S'), '2026-01-02');
  t.equal(datePlus('2026-01-01', 'PT24H'), '2026-01-02');
  t.equal(datePlus('2026-01-01', 'PT24H1S'), '2026-01-03');
  t.equal(datePlus('2026-01-01', 'P1DT23H59M60S'), '2026-01-03');
  t.equal(datePlus('2026-01-01', 'PT0H'), '2026-01-01');
});

t.test('beyond four digits of a year lies the last date', async (t) => {
  t.equal(lastDate, '9999-12-31');
  t.equal(datePlus('9998-12-31', 'P1Y'), '9999-12-31');
  for (const duration of ['P7974Y', 'P999999Y', 'P999999Y999999M999999D', 'P999999W'])
    t.equal(datePlus('2026-01-01', duration), lastDate, duration);
});

t.test('what is no duration is an error of the caller', async (t) => {
  for (const duration of ['', '1Y', 'P1', 'P-1Y', 'p1y', '1 year'])
    t.throws(() => datePlus('2026-01-01', duration), RangeError, duration);
});
