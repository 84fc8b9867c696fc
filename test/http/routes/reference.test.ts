/** The facts as clients get them. */
import t from 'tap';
import { createJudge } from '../../../src/http/validation.ts';
import { adequacyDecisions } from '../../../src/reference/adequacy-decisions.ts';
import { countries } from '../../../src/reference/countries.ts';
import { asOf, factsVersion, gdpr } from '../../../src/reference/facts.ts';
import { legalGrounds } from '../../../src/reference/legal-grounds.ts';
import { supervisoryAuthorities } from '../../../src/reference/supervisory-authorities.ts';
import { transferMechanisms } from '../../../src/reference/transfer-mechanisms.ts';
import { vendors } from '../../../src/reference/vendors.ts';
import { startService } from '../../service.ts';

const service = await startService(t);
const viewer = await service.client('facts', 'viewer');

const paths = [
  'countries',
  'adequacy-decisions',
  'supervisory-authorities',
  'legal-grounds',
  'transfer-mechanisms',
  'vendors',
];
const dated = ['countries', 'adequacy-decisions'];

t.test('each list has all facts, with their sources, by its schema', async (t) => {
  const source = { title: gdpr.title, url: gdpr.url, kind: gdpr.kind, seenOn: gdpr.seenOn };
  const ofTheLaw = (items: readonly object[]) => ({
    factsVersion,
    asOf,
    sources: { gdpr: source },
    items: items.map((item) => ({ ...item, sources: ['gdpr'] })),
  });
  t.strictSame((await viewer.get('/v1/reference/legal-grounds')).json, ofTheLaw(legalGrounds));
  t.strictSame((await viewer.get('/v1/reference/transfer-mechanisms')).json, ofTheLaw(transferMechanisms));
  t.strictSame((await viewer.get('/v1/reference/vendors')).json, { factsVersion, asOf, items: vendors });
  const { sources, ...authorities } = (await viewer.get('/v1/reference/supervisory-authorities')).json;
  t.strictSame(authorities, { factsVersion, asOf, items: supervisoryAuthorities });
  t.type(sources.datenanfragen.title, 'string');
  t.equal((await viewer.get('/v1/reference/countries')).json.items.length, countries.length);
  t.equal((await viewer.get('/v1/reference/adequacy-decisions')).json.items.length, adequacyDecisions.length);

  const isCountry = (code: string) => countries.some((each) => each.code === code);
  const judge = createJudge({ isCountry }, service.app.getSchemas() as Record<string, object>);
  const named: Record<string, string> = {
    countries: 'CountryFacts',
    'adequacy-decisions': 'AdequacyDecisionFacts',
    'supervisory-authorities': 'SupervisoryAuthorityFacts',
    'legal-grounds': 'LegalGroundFacts',
    'transfer-mechanisms': 'TransferMechanismFacts',
    vendors: 'VendorFacts',
  };
  for (const path of paths) {
    const { json } = await viewer.get(`/v1/reference/${path}`);
    t.strictSame(judge(named[path]!, json), [], `${path} is as its schema says`);
    for (const name of json.items.flatMap((item: { sources: unknown[] }) => item.sources)) {
      if (path !== 'vendors') t.ok(json.sources[name], `${path}: the source ${name} is there`);
    }
  }
});

t.test('membership and adequacy are those of the day that is asked for', async (t) => {
  const country = async (code: string, on: string) => {
    const { json } = await viewer.get(`/v1/reference/countries?on=${on}`);
    t.equal(json.judgedOn, on);
    const {
      inEu,
      inEea,
      thirdCountry,
      adequacyDecisions: keys,
    } = json.items.find((each: { code: string }) => each.code === code);
    return { inEu, inEea, thirdCountry, keys };
  };
  const member = { inEu: true, inEea: true, thirdCountry: false, keys: [] };
  t.strictSame(await country('GB', '2019-06-01'), member);
  t.match(await country('GB', '2020-06-01'), { inEu: false, thirdCountry: false }, 'EU law went on to apply');
  t.match(await country('GB', '2022-06-01'), { inEu: false, inEea: false, thirdCountry: true, keys: [/^GB-2021-/] });
  t.strictSame(await country('FR', '2026-01-01'), member);
  t.strictSame((await country('US', '2023-01-01')).keys, [], 'after the Privacy Shield, before the Framework');
  t.strictSame((await country('US', '2024-01-01')).keys, ['US-2023-1795']);

  const decision = async (key: string, on: string) => {
    const { json } = await viewer.get(`/v1/reference/adequacy-decisions?on=${on}`);
    const { inForce, expiresOn } = json.items.find((each: { key: string }) => each.key === key);
    return { inForce, expiresOn };
  };
  const shield = adequacyDecisions.find(({ country: code, annulledOn }) => code === 'US' && annulledOn !== undefined)!;
  t.strictSame(await decision(shield.key, shield.adoptedOn), { inForce: true, expiresOn: undefined });
  t.strictSame(await decision(shield.key, shield.annulledOn!), { inForce: false, expiresOn: undefined });
  t.equal((await decision('GB-2021-1772', '2022-01-01')).expiresOn, '2025-06-27', 'as it was known then');

  const today = (await viewer.get('/v1/reference/countries')).json;
  t.equal(today.judgedOn, new Date().toISOString().slice(0, 10), 'today unless told otherwise');
  for (const path of dated) {
    for (const on of ['2026-02-30', 'today', ''])
      t.equal((await viewer.get(`/v1/reference/${path}?on=${on}`)).status, 400, `${path}?on=${on}`);
  }
  for (const path of paths.filter((each) => !dated.includes(each)))
    t.equal((await viewer.get(`/v1/reference/${path}?on=2026-01-01`)).status, 400, `${path} does not depend on a day`);
});

t.test('facts are kept by caches and asked for again by their version', async (t) => {
  for (const path of paths) {
    const url = `/v1/reference/${path}`;
    const { headers, status } = await viewer.get(url);
    t.equal(status, 200);
    t.equal(headers['cache-control'], 'public, max-age=3600, stale-while-revalidate=86400');
    t.ok(headers.etag!.startsWith(`"${factsVersion}-`), 'the version of the facts stands in the tag');
    for (const known of [headers.etag!, `W/${headers.etag}`, `"other", ${headers.etag}`, '*']) {
      const again = await viewer.get(url, { 'if-none-match': known });
      t.strictSame([again.status, again.text, again.headers.etag], [304, '', headers.etag], known);
    }
    t.equal((await viewer.get(url, { 'if-none-match': '"other"' })).status, 200);
  }
  const [then, now] = await Promise.all(
    ['2019-01-01', '2026-01-01'].map((on) => viewer.get(`/v1/reference/countries?on=${on}`)),
  );
  t.not(then!.headers.etag, now!.headers.etag, 'another day, another answer');
});

t.test('who reads a register reads the facts', async (t) => {
  for (const role of ['viewer', 'editor', 'sync', 'approver', 'dpo', 'auditor'] as const)
    t.equal((await (await service.client('facts', role)).get('/v1/reference/vendors')).status, 200, role);
  t.equal((await (await service.client('facts', 'admin')).get('/v1/reference/vendors')).status, 403);
});
