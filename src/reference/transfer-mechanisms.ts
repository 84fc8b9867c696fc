/** Grounds of a transfer to a third country or an international organisation: Chapter V GDPR. Source: `gdpr` in facts.ts. */

/** Adequacy: Art. 45. Appropriate safeguards: Arts. 46 and 47. Derogation: Art. 49. */
export type TransferMechanismKind = 'adequacy' | 'appropriateSafeguards' | 'derogation';

/**
 * The closed list, in the order of the articles. The article of an adequacy decision is 45(9) for the old ones: it
 * stands with the decision.
 */
export const transferMechanisms = [
  { key: 'adequacyDecision', kind: 'adequacy', article: '45(3)', label: 'Adequacy decision' },
  {
    key: 'publicBodiesInstrument',
    kind: 'appropriateSafeguards',
    article: '46(2)(a)',
    label: 'Binding instrument between public bodies',
  },
  {
    key: 'bindingCorporateRules',
    kind: 'appropriateSafeguards',
    article: '46(2)(b)',
    label: 'Binding corporate rules',
  },
  {
    key: 'standardClauses',
    kind: 'appropriateSafeguards',
    article: '46(2)(c)',
    label: 'Standard clauses of the Commission',
  },
  {
    key: 'authorityClauses',
    kind: 'appropriateSafeguards',
    article: '46(2)(d)',
    label: 'Standard clauses of a supervisory authority',
  },
  {
    key: 'codeOfConduct',
    kind: 'appropriateSafeguards',
    article: '46(2)(e)',
    label: 'Approved code of conduct',
  },
  { key: 'certification', kind: 'appropriateSafeguards', article: '46(2)(f)', label: 'Approved certification' },
  {
    key: 'authorisedClauses',
    kind: 'appropriateSafeguards',
    article: '46(3)(a)',
    label: 'Contractual clauses with authorisation',
  },
  {
    key: 'administrativeArrangement',
    kind: 'appropriateSafeguards',
    article: '46(3)(b)',
    label: 'Administrative arrangement with authorisation',
  },
  { key: 'explicitConsent', kind: 'derogation', article: '49(1)(a)', label: 'Explicit consent after warning' },
  {
    key: 'contractWithDataSubject',
    kind: 'derogation',
    article: '49(1)(b)',
    label: 'Contract with the data subject',
  },
  {
    key: 'contractInInterest',
    kind: 'derogation',
    article: '49(1)(c)',
    label: 'Contract in the interest of the data subject',
  },
  { key: 'publicInterest', kind: 'derogation', article: '49(1)(d)', label: 'Important reasons of public interest' },
  { key: 'legalClaims', kind: 'derogation', article: '49(1)(e)', label: 'Legal claims' },
  { key: 'vitalInterests', kind: 'derogation', article: '49(1)(f)', label: 'Vital interests' },
  { key: 'publicRegister', kind: 'derogation', article: '49(1)(g)', label: 'Public register' },
  {
    key: 'compellingInterests',
    kind: 'derogation',
    article: '49(1), second subparagraph',
    label: 'Compelling legitimate interests',
  },
] as const satisfies readonly {
  readonly key: string;
  readonly kind: TransferMechanismKind;
  readonly article: string;
  readonly label: string;
}[];

export type TransferMechanism = (typeof transferMechanisms)[number];
export type TransferMechanismKey = TransferMechanism['key'];

/** The closed list of keys. */
export const transferMechanismKeys: readonly TransferMechanismKey[] = transferMechanisms.map(({ key }) => key);

const byKey = new Map<TransferMechanismKey, TransferMechanism>(
  transferMechanisms.map((mechanism) => [mechanism.key, mechanism]),
);

/** The mechanism with this key. */
export function transferMechanism(key: TransferMechanismKey): TransferMechanism {
  return byKey.get(key)!;
}
