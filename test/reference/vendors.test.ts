import t from 'tap';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { adequacyDecision } from '../../src/reference/adequacy-decisions.ts';
import { isCountry, isThirdCountry } from '../../src/reference/countries.ts';
import { asOf } from '../../src/reference/facts.ts';
import { transferMechanismKeys } from '../../src/reference/transfer-mechanisms.ts';
import { vendor, vendors } from '../../src/reference/vendors.ts';

const text = Type.String({ minLength: 1 });
const url = Type.String({ pattern: '^https://[^ ]+$' });
const code = Type.String({ pattern: '^[A-Z]{2}$' });
const oneOf = (...values: string[]) => Type.Union(values.map((value) => Type.Literal(value)));
const closed = { additionalProperties: false };
const schema = Type.Object(
  {
    key: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' }),
    name: text,
    category: Type.String({ pattern: '^[a-z][A-Za-z]+$' }),
    service: text,
    entities: Type.Array(
      Type.Object(
        {
          name: text,
          country: code,
          role: oneOf('contracting', 'parent', 'affiliate', 'representative', 'controller'),
          note: Type.Optional(text),
          evidence: oneOf('seen', 'secondary', 'memory', 'unverified'),
        },
        closed,
      ),
      { minItems: 1 },
    ),
    roles: Type.Array(oneOf('processor', 'controller'), { minItems: 1, uniqueItems: true }),
    roleNote: text,
    processingCountries: Type.Array(code, { minItems: 1, uniqueItems: true }),
    processingNote: text,
    transfers: Type.Array(
      Type.Object(
        {
          mechanism: oneOf(...transferMechanismKeys),
          country: Type.Optional(code),
          importer: Type.Optional(text),
          adequacyDecision: Type.Optional(text),
          clauses: Type.Optional(
            Type.Object(
              { decision: text, modules: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: 4 }))) },
              closed,
            ),
          ),
          note: Type.Optional(text),
          evidence: oneOf('vendorAssertion', 'memory', 'unverified'),
        },
        closed,
      ),
    ),
    urls: Type.Object(
      {
        dataProcessingAgreement: Type.Optional(url),
        subprocessors: Type.Optional(url),
        transferTerms: Type.Optional(url),
        transferInformation: Type.Optional(url),
        bindingRules: Type.Optional(url),
        privacy: Type.Optional(url),
      },
      closed,
    ),
    urlsFromMemory: Type.Optional(Type.Array(text, { minItems: 1 })),
    agreementNote: Type.Optional(text),
    subprocessorsNote: Type.Optional(text),
    subprocessorNoticeDays: Type.Optional(Type.Integer({ minimum: 1 })),
    objectionDays: Type.Optional(Type.Integer({ minimum: 1 })),
    outsideGdpr: Type.Optional(Type.Array(text, { minItems: 1 })),
    cautions: Type.Array(text, { minItems: 1 }),
    confidence: oneOf('high', 'medium'),
    sources: Type.Array(
      Type.Object(
        {
          title: text,
          url: Type.Optional(url),
          kind: oneOf('official', 'vendor', 'publicDataSet', 'secondary', 'memory'),
          seenOn: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }),
        },
        closed,
      ),
      { minItems: 1 },
    ),
  },
  closed,
);

t.test('every vendor has roles, an entity that contracts, countries, dated sources', async (t) => {
  t.ok(vendors.length >= 20);
  t.equal(new Set(vendors.map(({ key }) => key)).size, vendors.length);
  for (const one of vendors) {
    t.ok(Value.Check(schema, one), `${one.key} has the form of a vendor`);
    t.equal(vendor(one.key), one);
    t.ok(
      one.entities.some(({ role }) => role === 'contracting'),
      `${one.key}: somebody contracts`,
    );
    for (const { country } of one.entities) t.ok(isCountry(country), `${one.key}: ${country}`);
    for (const country of one.processingCountries) t.ok(isCountry(country), `${one.key}: ${country}`);
    for (const { seenOn } of one.sources) t.ok(seenOn <= asOf, `${one.key}: ${seenOn}`);
    for (const name of one.urlsFromMemory ?? []) t.ok(one.urls[name], `${one.key}: ${name}`);
  }
  t.equal(vendor('nobody'), undefined);
  t.comment(`${vendors.length} vendors`);
});

t.test('a suggested transfer names a decision or clauses that exist and a country that is third', async (t) => {
  let count = 0;
  for (const { key, transfers } of vendors) {
    for (const { mechanism, country, adequacyDecision: decision, clauses } of transfers) {
      count++;
      if (country !== undefined) t.ok(isThirdCountry(country, asOf), `${key}: ${country}`);
      t.equal(mechanism === 'adequacyDecision', decision !== undefined, key);
      if (decision !== undefined) t.equal(adequacyDecision(decision)?.country, country, `${key}: ${decision}`);
      t.equal(mechanism === 'standardClauses', clauses !== undefined, key);
      if (clauses !== undefined) t.equal(clauses.decision, '(EU) 2021/914', key);
    }
  }
  t.ok(count > 20);
  t.comment(`${count} suggested transfers`);
});

t.test('a vendor that is processed through outside the EEA suggests a ground for it', async (t) => {
  const without = vendors.filter(
    ({ processingCountries, transfers }) =>
      processingCountries.some((country) => isThirdCountry(country, asOf)) && transfers.length === 0,
  );
  t.same(without, []);
  t.same(vendor('stripe')?.roles, ['processor', 'controller'], 'two roles, so two recipients');
});
