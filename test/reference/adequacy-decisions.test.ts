import t from 'tap';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import {
  adequacyDecision,
  adequacyDecisionKeys,
  adequacyDecisions,
  adequacySources,
  decisionsInForce,
  expiryOf,
  internationalOrganisations,
  isInForce,
} from '../../src/reference/adequacy-decisions.ts';
import { countries, isCountry, isThirdCountry } from '../../src/reference/countries.ts';
import { asOf } from '../../src/reference/facts.ts';

const text = Type.String({ minLength: 1 });
const day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });
const closed = { additionalProperties: false };
const schema = Type.Object(
  {
    key: Type.String({ pattern: '^[A-Z]{2,3}-[0-9]{4}-[0-9]{1,4}$' }),
    reference: Type.String({ pattern: '^(\\(EU\\) [0-9]{4}/[0-9]+|[0-9]{4}/[0-9]+/E[CU])$' }),
    name: Type.Optional(text),
    country: Type.Optional(text),
    internationalOrganisation: Type.Optional(text),
    article: Type.Union([Type.Literal('45(3)'), Type.Literal('45(9)')]),
    adoptedOn: day,
    expiries: Type.Optional(Type.Array(Type.Object({ from: day, expiresOn: day, by: text }, closed))),
    annulledOn: Type.Optional(day),
    annulledBy: Type.Optional(text),
    endedOn: Type.Optional(day),
    endedBy: Type.Optional(text),
    coverage: Type.Union([Type.Literal('full'), Type.Literal('partial')]),
    scope: text,
    limits: Type.Optional(Type.Array(text, { minItems: 1 })),
    importerCheck: Type.Optional(
      Type.Object({ what: text, list: Type.Optional(text), staffDataApart: Type.Optional(Type.Boolean()) }, closed),
    ),
    lastReview: Type.Optional(Type.Object({ on: day, outcome: text }, closed)),
    notes: Type.Optional(Type.Array(text, { minItems: 1 })),
    url: Type.String({ pattern: '^https://eur-lex\\.europa\\.eu/.+CELEX:3[0-9]{4}D[0-9]{4}$' }),
    fromMemory: Type.Optional(Type.Array(text, { minItems: 1 })),
    sources: Type.Array(text, { minItems: 1 }),
  },
  closed,
);

const keys = (destination: string, on: string): string[] => decisionsInForce(destination, on).map(({ key }) => key);

t.test('each decision has a key made of destination, year and number, and sources', async (t) => {
  t.ok(adequacyDecisions.length >= 20);
  t.equal(new Set(adequacyDecisionKeys).size, adequacyDecisions.length);
  for (const decision of adequacyDecisions) {
    const { key, country, internationalOrganisation, reference, url, sources } = decision;
    t.ok(Value.Check(schema, decision), `${key} has the form of a decision`);
    t.equal(adequacyDecision(key), decision);
    const destination = country ?? internationalOrganisation ?? '';
    const [year, number] = reference.match(/\d+/g) as [string, string];
    t.equal(key, `${destination}-${year}-${number}`);
    t.ok(url.endsWith(`CELEX:3${year}D${number.padStart(4, '0')}`));
    t.ok(
      country === undefined
        ? internationalOrganisations.some(({ key }) => key === internationalOrganisation)
        : isCountry(country),
      `${destination} is a destination`,
    );
    t.ok(sources.every((source) => source in adequacySources));
    t.equal(decision.coverage === 'partial', decision.importerCheck !== undefined, 'partial asks for a check');
    if (sources.includes('memory')) t.ok(decision.fromMemory, 'what rests on memory says so');
    for (const path of decision.fromMemory ?? []) {
      const member = path.split('/').reduce<unknown>((value, step) => Reflect.get(Object(value), step), decision);
      t.not(member, undefined, `${key}: ${path}`);
    }
    for (const on of [decision.annulledOn, decision.endedOn]) if (on !== undefined) t.ok(decision.adoptedOn < on);
  }
  t.equal(adequacyDecision('US-1999-1'), undefined);
  t.comment(`${adequacyDecisions.length} decisions`);
});

t.test('decisions in force for a destination on a day', async (t) => {
  const cases: [destination: string, on: string, expected: string[]][] = [
    ['US', '2000-07-25', []],
    ['US', '2015-06-01', ['US-2000-520']],
    ['US', '2015-10-05', ['US-2000-520']],
    ['US', '2015-10-06', []],
    ['US', '2018-06-01', ['US-2016-1250']],
    ['US', '2020-07-15', ['US-2016-1250']],
    ['US', '2020-07-16', []],
    ['US', '2021-01-01', []],
    ['US', '2023-07-09', []],
    ['US', '2023-07-10', ['US-2023-1795']],
    ['US', '2024-01-01', ['US-2023-1795']],
    ['US', asOf, ['US-2023-1795']],
    ['GB', '2021-06-27', []],
    ['GB', '2021-06-28', ['GB-2021-1772']],
    ['GB', '2025-07-01', ['GB-2021-1772']],
    ['GB', asOf, ['GB-2021-1772']],
    ['GB', '2031-12-27', ['GB-2021-1772']],
    ['GB', '2031-12-28', []],
    ['BR', '2026-01-25', []],
    ['BR', asOf, ['BR-2026-179']],
    ['EPO', asOf, ['EPO-2025-1382']],
    ['HU', '2004-04-30', ['HU-2000-519']],
    ['HU', '2004-05-01', []],
    ['CH', '2010-01-01', ['CH-2000-518']],
    ['GI', asOf, []],
    ['IN', asOf, []],
    ['XX', asOf, []],
  ];
  for (const [destination, on, expected] of cases) t.same(keys(destination, on), expected, `${destination} on ${on}`);
  t.comment(`${cases.length} cases`);
});

t.test('the destinations that are adequate, and those where the importer has to be looked at', async (t) => {
  const adequate = countries.filter(({ code }) => keys(code, asOf).length > 0).map(({ code }) => code);
  t.same(adequate, 'AD AR BR CA CH FO GB GG IL IM JE JP KR NZ US UY'.split(' '));
  for (const code of adequate) {
    t.equal(keys(code, asOf).length, 1);
    t.ok(isThirdCountry(code, asOf), code);
  }
  const partial = adequate.filter((code) =>
    decisionsInForce(code, asOf).some(({ coverage }) => coverage === 'partial'),
  );
  t.same(partial, 'CA IL JP KR US'.split(' '));
  t.match(adequacyDecision('US-2023-1795')?.importerCheck, { list: /dataprivacyframework/, staffDataApart: true });
});

t.test('the end of a decision is the one that was known on the day', async (t) => {
  const unitedKingdom = adequacyDecision('GB-2021-1772')!;
  t.equal(expiryOf(unitedKingdom, '2025-06-01'), '2025-06-27');
  t.equal(expiryOf(unitedKingdom, '2025-07-01'), '2025-12-27');
  t.equal(expiryOf(unitedKingdom, asOf), '2031-12-27');
  t.equal(expiryOf(adequacyDecision('CH-2000-518')!, asOf), undefined);

  const limited = { ...unitedKingdom, expiries: [{ from: '2021-06-28', expiresOn: '2025-06-27', by: 'itself' }] };
  t.ok(isInForce(limited, '2025-06-27'));
  t.notOk(isInForce(limited, '2025-06-28'), 'without an extension it would have ended');
});
