/** Grounds of transfers to third countries and international organisations, Art. 44 to 49. */
import type { TProperties } from 'typebox';
import { adequacyDecision as decisionOf } from '../reference/adequacy-decisions.ts';
import { transferMechanism, transferMechanismKeys, transferMechanisms } from '../reference/transfer-mechanisms.ts';
import { datesOutOfOrder } from './contradictions.ts';
import {
  Bool,
  CalendarDate,
  type Content,
  component,
  defineResource,
  KeyOf,
  ListOf,
  OneOf,
  ShortText,
  Statement,
  Text,
  WebAddress,
  type Written,
} from './definition.ts';
import { AdequacyDecision, unknownAdequacyDecision, unknownJurisdiction } from './reference-keys.ts';
import { byController, confirmation, controllerId, lawReference } from './statements.ts';

const transferMechanismKinds = [...new Set(transferMechanisms.map(({ kind }) => kind))];

/**
 * Decisions of the Commission with clauses. (EU) 2021/914 holds the clauses in force for transfers; (EU) 2021/915 those between
 * controllers and processors, no ground of a transfer; the three before 2021 could not be used after 27 December 2022.
 */
export const clauseDecisions = ['(EU) 2021/914', '(EU) 2021/915', '2010/87/EU', '2004/915/EC', '2001/497/EC'] as const;

/** Modules one to four of the clauses of Decision (EU) 2021/914, in this order. */
export const clauseModules = [
  'controllerToController',
  'controllerToProcessor',
  'processorToProcessor',
  'processorToController',
] as const;

/** Binding corporate rules bind a group as controllers or as processors of others. */
export const bindingRulesKinds = ['controller', 'processor'] as const;

/** What an authority approved: Art. 46(2)(e), 46(2)(f), 46(3). */
export const approvalKinds = ['codeOfConduct', 'certification', 'authorisation'] as const;

/** Whether the importer is covered by a decision that covers only some. */
export const importerResults = ['covered', 'notCovered'] as const;

/** What the assessment of the law and practice of the third country came to. */
export const assessmentConclusions = ['equivalent', 'notEquivalent'] as const;

const document = component(
  'SafeguardDocument',
  Statement(
    {
      reference: ShortText({ description: 'Your reference of the document.', examples: ['SCC-2026-004'] }),
      url: WebAddress({
        description: 'Where a copy can be had, Art. 13(1)(f).',
        examples: ['https://files.example.com/scc-2026-004'],
      }),
      signedOn: CalendarDate({ description: 'Date of signature.' }),
      expiresOn: CalendarDate({ description: 'When it ends.', examples: ['2029-03-02'] }),
    },
    { description: 'The document that contains the ground.' },
  ),
);

const clauses = component(
  'StandardClauses',
  Statement(
    {
      decision: OneOf(clauseDecisions, {
        description:
          'The decision that the clauses stand in. `(EU) 2021/914` is the one in force for transfers; `(EU) 2021/915` is a contract of Art. 28 and no ground of a transfer.',
        examples: ['(EU) 2021/914'],
      }),
      modules: ListOf(
        OneOf(clauseModules, { description: 'A module of Decision (EU) 2021/914.' }),
        { description: 'The modules agreed on.', examples: [['processorToProcessor']] },
        clauseModules.length,
      ),
    },
    { description: 'Standard data protection clauses, Art. 46(2)(c).' },
  ),
);

const bindingRules = component(
  'BindingRules',
  Statement(
    {
      kind: OneOf(bindingRulesKinds, {
        description: 'Rules of the group as `controller`, or as `processor` for others.',
        examples: ['processor'],
      }),
      coversImporter: Bool({ description: 'The importer belongs to the group that is bound.', examples: [true] }),
      approval: ShortText({
        description: 'Reference of the approval by the authority, Art. 47(1).',
        examples: ['Decision of the Irish authority of 2024-05-02'],
      }),
    },
    { description: 'Binding corporate rules, Art. 46(2)(b), 47.' },
  ),
);

const approval = component(
  'SafeguardApproval',
  Statement(
    {
      kind: OneOf(approvalKinds, {
        description:
          '`codeOfConduct` (Art. 46(2)(e)), `certification` (46(2)(f)), `authorisation` of an authority (46(3)).',
        examples: ['certification'],
      }),
      reference: ShortText({ description: 'Number or name of the approval.', examples: ['Certificate 4711'] }),
      bindingCommitments: Bool({
        description: 'The importer made binding and enforceable commitments, Art. 46(2)(e) and (f).',
        examples: [true],
      }),
    },
    { description: 'Approval of a code, certification or authorisation, Art. 46(2)(e), (f), 46(3).' },
  ),
);

const importerCheck = component(
  'ImporterCheck',
  Statement(
    {
      list: ShortText({ description: 'The list or register looked at.', examples: ['Data Privacy Framework List'] }),
      entity: ShortText({ description: 'The exact legal entity that was found.', examples: ['Stripe, LLC'] }),
      result: OneOf(importerResults, {
        description: 'Whether the decision covers this importer.',
        examples: ['covered'],
      }),
      checkedOn: CalendarDate({ description: 'When it was looked at.' }),
      coversHr: Bool({ description: 'Data of employees are covered too.', examples: [false] }),
    },
    {
      description:
        'Check that an adequacy decision covers the importer, where it covers only some, Art. 45(1) and (3).',
    },
  ),
);

const impactAssessment = component(
  'TransferImpactAssessment',
  Statement(
    {
      done: Bool({ description: 'Whether the law and practice of the third country were assessed.', examples: [true] }),
      completedOn: CalendarDate({ description: 'When the assessment was completed.' }),
      url: WebAddress({
        description: 'Where it is kept.',
        examples: ['https://files.example.com/assessment-us'],
      }),
      conclusion: OneOf(assessmentConclusions, {
        description: 'Whether the protection is essentially equivalent to that in the Union.',
        examples: ['notEquivalent'],
      }),
      supplementaryMeasures: Text({
        description: 'Measures taken besides the clauses.',
        examples: ['Encryption with keys that stay in the Union.'],
      }),
      measuresEffective: Bool({ description: 'These measures close the gap that was found.', examples: [true] }),
    },
    {
      description:
        'Transfer impact assessment, Art. 46(1), Clause 14 of the clauses (EU) 2021/914, EDPB Recommendations 01/2020.',
    },
  ),
);

const derogation = component(
  'Derogation',
  Statement(
    {
      explicitConsent: Bool({ description: 'The consent is explicit, Art. 49(1)(a).', examples: [true] }),
      risksExplained: Bool({
        description: 'The data subjects were told of the risks beforehand, Art. 49(1)(a).',
        examples: [true],
      }),
      otherToolsConsidered: Bool({
        description:
          'It was considered whether Art. 45 or 46 could be used instead, Art. 49(1), EDPB Guidelines 2/2018.',
        examples: [true],
      }),
      law: lawReference,
      wholeRegister: Bool({
        description: 'The whole of the register, or whole categories of it, is transferred, Art. 49(2).',
        examples: [false],
      }),
      publicPowers: Bool({
        description: 'A public authority transfers in the exercise of its public powers, Art. 49(3).',
        examples: [false],
      }),
    },
    { description: 'What shows that a derogation of Art. 49(1)(a) to (g) holds; `law` is that of Art. 49(4).' },
  ),
);

const compellingInterest = component(
  'CompellingInterest',
  Statement(
    {
      notRepetitive: Bool({ description: 'The transfer is not repetitive.', examples: [true] }),
      limitedNumber: Bool({ description: 'It concerns a limited number of data subjects.', examples: [true] }),
      interest: Text({
        description: 'The compelling legitimate interest, not overridden by those of the data subjects.',
        examples: ['Averting serious and immediate harm to the company.'],
      }),
      assessment: Text({
        description: 'The assessment of all circumstances; must stand in the record, Art. 49(6).',
        examples: ['Twelve people, one transfer, encrypted, erased after use.'],
      }),
      suitableSafeguards: Text({
        description: 'The suitable safeguards; must stand in the record, Art. 30(1)(e), 49(6).',
        examples: ['Encrypted copy, use limited by contract, erasure after 30 days.'],
      }),
      authorityInformedOn: CalendarDate({ description: 'When the supervisory authority was informed.' }),
      dataSubjectsInformedOn: CalendarDate({ description: 'When the data subjects were informed.' }),
    },
    { description: 'Conditions of Art. 49(1) second subparagraph; all of them must be met.' },
  ),
);

const properties = {
  controllerId,
  mechanism: OneOf(transferMechanismKeys, {
    description: 'The ground of Chapter V. `kind` and `article` give back which. Absent: none is named.',
    examples: ['standardClauses'],
  }),
  statedAs: Text({
    description: 'The words of the source, when it names no mechanism.',
    examples: ['Adequate safeguards, such as standard contractual clauses.'],
  }),
  recipientId: KeyOf('recipient', {
    description: 'The importer, when the ground holds for one importer only.',
    examples: ['ref:stripe'],
  }),
  adequacyDecision: AdequacyDecision({
    description:
      'The adequacy decision relied on: its key in the list of reference data, so that an annulled one is seen as such. Only with `mechanism` `adequacyDecision`.',
  }),
  document,
  clauses,
  bindingRules,
  approval,
  importerCheck,
  impactAssessment,
  derogation,
  compellingInterest,
  confirmation,
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

/** What tells which care a ground of a transfer asks for. */
interface Ground {
  readonly mechanism?: string;
  readonly adequacyDecision?: string;
}

/**
 * Whether the importer has to be checked: where an adequacy decision is relied on that covers only some importers, Art. 45(1).
 * Undefined where no decision is named: then it depends on those for the destination.
 */
export function needsImporterCheck({ mechanism, adequacyDecision }: Ground): boolean | undefined {
  if (mechanism !== 'adequacyDecision') return false;
  return adequacyDecision === undefined ? undefined : decisionOf(adequacyDecision)?.coverage !== 'full';
}

/** Whether law and practice of the third country have to be assessed: for each of the appropriate safeguards, Art. 46(1). */
export function needsAssessment({ mechanism }: Ground): boolean {
  return transferMechanisms.find(({ key }) => key === mechanism)?.kind === 'appropriateSafeguards';
}

export const safeguard = defineResource({
  type: 'safeguard',
  component: 'Safeguard',
  plural: 'Safeguards',
  path: 'safeguards',
  nature: 'buildingBlock',
  description:
    'The ground of a transfer under Chapter V: an adequacy decision (Art. 45), appropriate safeguards (46, 47) or a derogation (49).',
  article: 'Art. 30(1)(e), 44 to 49',
  properties,
  derived: {
    properties: {
      kind: OneOf(transferMechanismKinds, {
        description:
          '`adequacy` (Art. 45), `appropriateSafeguards` (46, 47) or `derogation` (49). Follows from `mechanism`.',
        examples: ['appropriateSafeguards'],
      }),
      article: ShortText({
        description:
          'The article of the mechanism; 45(9) for an adequacy decision under Directive 95/46/EC. Follows from `mechanism` and `adequacyDecision`.',
        examples: ['46(2)(c)'],
      }),
    },
    compute: (content) => {
      const { mechanism, adequacyDecision } = written(content);
      if (mechanism === undefined) return {};
      const { kind, article } = transferMechanism(mechanism);
      const decision = adequacyDecision === undefined ? undefined : decisionOf(adequacyDecision);
      return { kind, article: decision?.article ?? article };
    },
  },
  facets: {
    mechanism: (content) => written(content).mechanism,
    adequacyDecision: (content) => written(content).adequacyDecision,
    expiresOn: (content) => written(content).document?.expiresOn,
    // The empty value lies before every day: what is not known to be done was not done since.
    importerCheckedOn: (content) =>
      written(content).importerCheck?.checkedOn ?? (needsImporterCheck(written(content)) === false ? undefined : ''),
    assessedOn: (content) =>
      written(content).impactAssessment?.completedOn ?? (needsAssessment(written(content)) ? '' : undefined),
  },
  filters: {
    ...byController,
    mechanism: {
      schema: OneOf(transferMechanismKeys, { description: 'The ground of Chapter V.' }),
      by: 'facet',
      facet: 'mechanism',
    },
    recipientId: {
      schema: KeyOf('recipient', { description: 'Only what holds for this importer.' }),
      by: 'names',
      type: 'recipient',
      fields: ['recipientId'],
    },
    expiresBefore: {
      schema: CalendarDate({ description: 'The document ends before this date.' }),
      by: 'before',
      facet: 'expiresOn',
    },
  },
  searched: (content) => [
    written(content).statedAs,
    written(content).document?.reference,
    written(content).importerCheck?.entity,
  ],
  check: (content) => {
    const { mechanism, adequacyDecision, document, derogation } = written(content);
    return [
      ...unknownAdequacyDecision(adequacyDecision, '/adequacyDecision'),
      ...(adequacyDecision !== undefined && mechanism !== undefined && mechanism !== 'adequacyDecision'
        ? [
            {
              pointer: '/adequacyDecision',
              code: 'contradiction',
              message: `An adequacy decision is named, but \`mechanism\` is \`${mechanism}\`.`,
            },
          ]
        : []),
      ...datesOutOfOrder(document, '/document', 'signedOn', 'expiresOn'),
      ...unknownJurisdiction(derogation?.law?.jurisdiction, '/derogation/law/jurisdiction'),
    ];
  },
  example: {
    name: 'Standard clauses with Stripe',
    reference: 'stripe-clauses',
    mechanism: 'standardClauses',
    recipientId: 'ref:stripe',
    document: {
      reference: 'SCC-2026-004',
      url: 'https://files.example.com/scc-2026-004',
      signedOn: '2026-01-12',
      expiresOn: '2029-01-11',
    },
    clauses: { decision: '(EU) 2021/914', modules: ['controllerToProcessor'] },
    impactAssessment: {
      done: true,
      completedOn: '2026-01-10',
      url: 'https://files.example.com/assessment-us',
      conclusion: 'notEquivalent',
      supplementaryMeasures: 'Encryption with keys that stay in the Union.',
      measuresEffective: true,
    },
    confirmation: { state: 'confirmed', source: 'Contract of 2026-01-12', on: '2026-01-12' },
  },
});
