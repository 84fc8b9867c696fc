import t from 'tap';
import { asOf, factsVersion, gdpr, holdsOn } from '../../src/reference/facts.ts';

t.test('the facts have a version and a day', async (t) => {
  t.match(factsVersion, /^\d{4}-\d\d-\d\d\.\d+$/);
  t.ok(factsVersion.startsWith(asOf));
  t.equal(gdpr.validFrom, '2018-05-25', 'Art. 99(2)');
});

t.test('a period holds on its first and on its last day', async (t) => {
  const periods = [{ from: '2001-01-01', to: '2001-12-31' }, { from: '2003-01-01' }];
  const days: [day: string, holds: boolean][] = [
    ['2000-12-31', false],
    ['2001-01-01', true],
    ['2001-12-31', true],
    ['2002-01-01', false],
    ['2003-01-01', true],
    ['2099-01-01', true],
  ];
  for (const [day, holds] of days) t.equal(holdsOn(periods, day), holds, day);
  t.notOk(holdsOn(undefined, '2001-01-01'));
  t.notOk(holdsOn([], '2001-01-01'));
});
