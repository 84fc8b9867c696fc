/** Grounds of processing: Art. 6(1), the conditions of Art. 9(2), and Art. 10 GDPR. Source: `gdpr` in facts.ts. */

/** What a ground answers: the lawfulness of any processing, or the ban on special or criminal data. */
export type LegalGroundKind = 'article6' | 'article9' | 'article10';

/** The closed list, in the order of the articles. */
export const legalGrounds = [
  { key: 'consent', kind: 'article6', article: '6(1)(a)', label: 'Consent' },
  { key: 'contract', kind: 'article6', article: '6(1)(b)', label: 'Contract with the data subject' },
  { key: 'legalObligation', kind: 'article6', article: '6(1)(c)', label: 'Legal obligation' },
  { key: 'vitalInterests', kind: 'article6', article: '6(1)(d)', label: 'Vital interests' },
  {
    key: 'publicTask',
    kind: 'article6',
    article: '6(1)(e)',
    label: 'Task in the public interest or official authority',
  },
  { key: 'legitimateInterests', kind: 'article6', article: '6(1)(f)', label: 'Legitimate interests' },
  { key: 'explicitConsent', kind: 'article9', article: '9(2)(a)', label: 'Explicit consent' },
  { key: 'employmentLaw', kind: 'article9', article: '9(2)(b)', label: 'Employment and social protection law' },
  {
    key: 'vitalInterestsIncapable',
    kind: 'article9',
    article: '9(2)(c)',
    label: 'Vital interests of a person who cannot consent',
  },
  { key: 'notForProfitBody', kind: 'article9', article: '9(2)(d)', label: 'Not-for-profit body and its members' },
  { key: 'madePublic', kind: 'article9', article: '9(2)(e)', label: 'Made public by the data subject' },
  { key: 'legalClaims', kind: 'article9', article: '9(2)(f)', label: 'Legal claims and courts' },
  { key: 'substantialPublicInterest', kind: 'article9', article: '9(2)(g)', label: 'Substantial public interest' },
  { key: 'healthCare', kind: 'article9', article: '9(2)(h)', label: 'Health care and occupational medicine' },
  { key: 'publicHealth', kind: 'article9', article: '9(2)(i)', label: 'Public health' },
  {
    key: 'archivingResearchStatistics',
    kind: 'article9',
    article: '9(2)(j)',
    label: 'Archiving, research or statistics',
  },
  { key: 'officialAuthority', kind: 'article10', article: '10', label: 'Control of official authority' },
  { key: 'authorisingLaw', kind: 'article10', article: '10', label: 'Law that authorises it, with safeguards' },
] as const satisfies readonly {
  readonly key: string;
  readonly kind: LegalGroundKind;
  readonly article: string;
  readonly label: string;
}[];

export type LegalGround = (typeof legalGrounds)[number];
export type LegalGroundKey = LegalGround['key'];

/** The closed list of keys. */
export const legalGroundKeys: readonly LegalGroundKey[] = legalGrounds.map(({ key }) => key);

const byKey = new Map<LegalGroundKey, LegalGround>(legalGrounds.map((ground) => [ground.key, ground]));

/** The ground with this key. */
export function legalGround(key: LegalGroundKey): LegalGround {
  return byKey.get(key)!;
}
