import t from 'tap';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import {
  type Country,
  countries,
  country,
  countrySources,
  isCountry,
  isEea,
  isEu,
  isThirdCountry,
  regions,
} from '../../src/reference/countries.ts';
import { asOf } from '../../src/reference/facts.ts';

const day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });
const closed = { additionalProperties: false };
const period = { from: day, to: Type.Optional(day) };
const schema = Type.Object(
  {
    code: Type.String({ pattern: '^[A-Z]{2}$' }),
    name: Type.String({ minLength: 1 }),
    gdprStatus: Type.Union(['euMember', 'eeaEfta', 'euTerritory', 'thirdCountry'].map((value) => Type.Literal(value))),
    partOf: Type.Optional(Type.String({ pattern: '^[A-Z]{2}$' })),
    eu: Type.Optional(Type.Array(Type.Object(period, closed), { minItems: 1 })),
    eea: Type.Optional(Type.Array(Type.Object(period, closed), { minItems: 1 })),
    euLawApplied: Type.Optional(Type.Array(Type.Object({ ...period, ground: Type.String({ minLength: 1 }) }, closed))),
    note: Type.Optional(Type.String({ minLength: 1 })),
    sources: Type.Array(Type.String(), { minItems: 1 }),
  },
  closed,
);

const codesOf = (holds: (country: Country) => boolean): string =>
  countries
    .filter(holds)
    .map(({ code }) => code)
    .sort()
    .join(' ');
const EU = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK';
const EEA = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK';

t.test('every ISO 3166-1 code once, in form, with a source', async (t) => {
  t.equal(countries.length, 249);
  t.equal(new Set(countries.map(({ code }) => code)).size, 249);
  t.equal(new Set(countries.map(({ name }) => name)).size, 249);
  t.same(
    countries.filter((fact) => !Value.Check(schema, fact)),
    [],
  );
  for (const { code, partOf, sources } of countries) {
    if (partOf !== undefined && !isCountry(partOf)) t.fail(`${code} is part of no country`);
    if (!sources.every((source) => source in countrySources)) t.fail(`${code} has an unknown source`);
  }
  // Only codes in use: a name for each in CLDR, which prints the code itself where it knows none.
  const names = new Intl.DisplayNames('en', { type: 'region' });
  t.equal(
    codesOf(({ code }) => names.of(code) === code),
    '',
  );
  t.comment(`${countries.length} countries and territories`);
});

t.test('a code is a country only as ISO writes it', async (t) => {
  t.ok(isCountry('FR'));
  t.equal(country('FR')?.name, 'France');
  for (const code of ['fr', 'FRA', 'EU', 'EEA', 'UK', 'XK', '', 'toString', '__proto__']) {
    t.notOk(isCountry(code), code);
    t.equal(country(code), undefined);
  }
});

t.test('27 Member States and 30 States of the EEA', async (t) => {
  t.equal(
    codesOf(({ code }) => isEu(code, asOf)),
    EU,
  );
  t.equal(
    codesOf(({ code }) => isEea(code, asOf)),
    EEA,
  );
  t.equal(
    codesOf(({ gdprStatus }) => gdprStatus === 'euMember'),
    EU,
  );
  t.equal(
    codesOf(({ gdprStatus }) => gdprStatus === 'euMember' || gdprStatus === 'eeaEfta'),
    EEA,
  );
  t.equal(
    codesOf(({ code }) => isEea(code, '2004-04-30')),
    'AT BE DE DK ES FI FR GB GR IE IS IT LI LU NL NO PT SE',
    '18 before the enlargement of 2004',
  );
});

t.test('membership is a matter of the day', async (t) => {
  t.ok(isEu('GB', '2020-01-31'));
  t.notOk(isEu('GB', '2020-02-01'));
  t.notOk(isEea('GB', '2020-02-01'));
  t.notOk(isEu('HR', '2013-06-30'));
  t.ok(isEu('HR', '2013-07-01'));
  t.ok(isEea('NO', asOf));
  t.notOk(isEu('NO', asOf));
  t.notOk(isEea('CH', asOf), 'EFTA, but not EEA');
  t.notOk(isEea('XX', asOf));
});

t.test('whether a place is a third country', async (t) => {
  const cases: [code: string, on: string, third: boolean, why: string][] = [
    ['FR', asOf, false, 'Member State'],
    ['LI', asOf, false, 'EEA'],
    ['RE', asOf, false, 'territory of France to which EU law applies'],
    ['AX', asOf, false, 'territory of Finland to which EU law applies'],
    ['EU', asOf, false, 'the Union as such'],
    ['EEA', asOf, false, 'the EEA as such'],
    ['CH', asOf, true, 'adequate, and a third country all the same'],
    ['US', asOf, true, 'third country'],
    ['NC', asOf, true, 'overseas territory of France'],
    ['GL', asOf, true, 'overseas territory of Denmark'],
    ['SJ', asOf, true, 'outside the EEA Agreement'],
    ['GB', '2019-06-01', false, 'still a Member State'],
    ['GB', '2020-06-01', false, 'transition period'],
    ['GB', '2021-03-01', false, 'interim provision'],
    ['GB', '2021-06-28', true, 'from the adequacy decision on'],
    ['GB', asOf, true, 'third country'],
    ['GI', '2020-06-01', false, 'transition period'],
    ['GI', '2021-03-01', true, 'no interim provision'],
  ];
  for (const [code, on, third, why] of cases) t.equal(isThirdCountry(code, on), third, `${code} on ${on}: ${why}`);
  t.throws(() => isThirdCountry('XX', asOf), RangeError);
  t.throws(() => isThirdCountry('fr', asOf), RangeError);
  t.comment(`${cases.length} cases`);

  t.equal(
    countries.filter(({ code, gdprStatus }) => isThirdCountry(code, asOf) !== (gdprStatus === 'thirdCountry')).length,
    0,
    'the status of each country agrees with its periods',
  );
  for (const region of regions) t.notOk(isCountry(region));
});
