import t from 'tap';
import { legalGround, legalGroundKeys, legalGrounds } from '../../src/reference/legal-grounds.ts';

// The six points of Art. 6(1), the ten of Art. 9(2) and the two ways of Art. 10, in their order.
const expected: Record<string, string[]> = {
  article6: ['consent', 'contract', 'legalObligation', 'vitalInterests', 'publicTask', 'legitimateInterests'],
  article9: [
    'explicitConsent',
    'employmentLaw',
    'vitalInterestsIncapable',
    'notForProfitBody',
    'madePublic',
    'legalClaims',
    'substantialPublicInterest',
    'healthCare',
    'publicHealth',
    'archivingResearchStatistics',
  ],
  article10: ['officialAuthority', 'authorisingLaw'],
};

t.test('every ground of the articles is there and no other', async (t) => {
  t.same(legalGroundKeys, Object.values(expected).flat());
  t.equal(new Set(legalGroundKeys).size, 18);
  for (const [kind, keys] of Object.entries(expected)) {
    t.same(
      legalGrounds.filter((ground) => ground.kind === kind).map(({ key }) => key),
      keys,
      kind,
    );
  }
});

t.test('each ground cites its own point', async (t) => {
  const letters = (article: string, last: string): string[] =>
    [...'abcdefghij'].slice(0, 'abcdefghij'.indexOf(last) + 1).map((letter) => `${article}(${letter})`);
  t.same(
    legalGrounds.map(({ article }) => article),
    [...letters('6(1)', 'f'), ...letters('9(2)', 'j'), '10', '10'],
  );
  t.equal(new Set(legalGrounds.map(({ label }) => label)).size, 18);
  t.equal(legalGround('explicitConsent').article, '9(2)(a)');
});
