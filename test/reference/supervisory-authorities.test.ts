import t from 'tap';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { countries, isEea } from '../../src/reference/countries.ts';
import { asOf } from '../../src/reference/facts.ts';
import {
  authoritySources,
  supervisoryAuthorities,
  supervisoryAuthority,
  supervisoryAuthorityKeys,
} from '../../src/reference/supervisory-authorities.ts';

const text = Type.String({ minLength: 1 });
const day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });
const schema = Type.Object(
  {
    key: Type.String({ pattern: '^[A-Z]{2}(-[A-Z]{2})?-[A-Z]+$' }),
    country: Type.String({ pattern: '^[A-Z]{2}$' }),
    region: Type.Optional(Type.String({ pattern: '^[A-Z]{2}-[A-Z]{2}$' })),
    name: text,
    englishName: Type.Optional(text),
    website: Type.String({ pattern: '^https://[a-z0-9.-]+/$' }),
    competence: Type.Optional(text),
    validFrom: Type.Optional(day),
    validTo: Type.Optional(day),
    fromMemory: Type.Optional(Type.Array(text, { minItems: 1 })),
    sources: Type.Array(text, { minItems: 1 }),
  },
  { additionalProperties: false },
);

t.test('an authority for each State of the EEA, and for none else', async (t) => {
  const states = countries.filter(({ code }) => isEea(code, asOf)).map(({ code }) => code);
  t.same([...new Set(supervisoryAuthorities.map(({ country }) => country))].sort(), states.sort());
  t.equal(states.length, 30);
  for (const state of states) {
    const national = supervisoryAuthorities.filter(({ country, region }) => country === state && region === undefined);
    t.equal(national.length, 1, state);
  }
});

t.test('keys, names and sources', async (t) => {
  t.equal(new Set(supervisoryAuthorityKeys).size, supervisoryAuthorities.length);
  for (const authority of supervisoryAuthorities) {
    const { key, country, region, fromMemory, sources } = authority;
    t.ok(Value.Check(schema, authority), `${key} has the form of an authority`);
    t.ok(key.startsWith(`${region ?? country}-`), key);
    t.equal(region === undefined || region.startsWith(`${country}-`), true, key);
    t.ok(sources.every((source) => source in authoritySources));
    t.equal(sources.includes('memory'), fromMemory !== undefined, `${key}: what rests on memory says so`);
    for (const member of fromMemory ?? []) t.ok(member in authority, `${key}: ${member}`);
    t.equal(supervisoryAuthority(key), authority);
  }
  t.equal(supervisoryAuthority('FR-CNIL')?.country, 'FR');
  t.equal(supervisoryAuthority('FR-CNILL'), undefined);
  t.comment(`${supervisoryAuthorities.length} authorities`);
});

t.test('Germany has the federal authority and those of all sixteen Länder', async (t) => {
  const regions = supervisoryAuthorities.filter(({ country }) => country === 'DE').map(({ region }) => region ?? 'DE');
  t.same(
    [...new Set(regions)].sort(),
    'DE DE-BB DE-BE DE-BW DE-BY DE-HB DE-HE DE-HH DE-MV DE-NI DE-NW DE-RP DE-SH DE-SL DE-SN DE-ST DE-TH'.split(' '),
  );
  t.equal(regions.filter((region) => region === 'DE-BY').length, 2, 'Bavaria divides private and public');
});
