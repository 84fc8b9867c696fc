import t from 'tap';
import {
  transferMechanism,
  transferMechanismKeys,
  transferMechanisms,
} from '../../src/reference/transfer-mechanisms.ts';

const expected: [key: string, kind: string, article: string][] = [
  ['adequacyDecision', 'adequacy', '45(3)'],
  ['publicBodiesInstrument', 'appropriateSafeguards', '46(2)(a)'],
  ['bindingCorporateRules', 'appropriateSafeguards', '46(2)(b)'],
  ['standardClauses', 'appropriateSafeguards', '46(2)(c)'],
  ['authorityClauses', 'appropriateSafeguards', '46(2)(d)'],
  ['codeOfConduct', 'appropriateSafeguards', '46(2)(e)'],
  ['certification', 'appropriateSafeguards', '46(2)(f)'],
  ['authorisedClauses', 'appropriateSafeguards', '46(3)(a)'],
  ['administrativeArrangement', 'appropriateSafeguards', '46(3)(b)'],
  ['explicitConsent', 'derogation', '49(1)(a)'],
  ['contractWithDataSubject', 'derogation', '49(1)(b)'],
  ['contractInInterest', 'derogation', '49(1)(c)'],
  ['publicInterest', 'derogation', '49(1)(d)'],
  ['legalClaims', 'derogation', '49(1)(e)'],
  ['vitalInterests', 'derogation', '49(1)(f)'],
  ['publicRegister', 'derogation', '49(1)(g)'],
  ['compellingInterests', 'derogation', '49(1), second subparagraph'],
];

t.test('every ground of Chapter V is there and no other, with kind and article', async (t) => {
  t.same(
    transferMechanisms.map(({ key, kind, article }) => [key, kind, article]),
    expected,
  );
  t.equal(new Set(transferMechanismKeys).size, 17);
  t.equal(new Set(transferMechanisms.map(({ label }) => label)).size, 17);
  t.equal(transferMechanism('standardClauses').article, '46(2)(c)');
});
