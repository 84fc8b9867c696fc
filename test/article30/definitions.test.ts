import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import t from 'tap';
import type { TSchema } from 'typebox';
import {
  type Content,
  commonProperties,
  metadataProperties,
  type ResourceDefinition,
  resolved,
} from '../../src/article30/definition.ts';
import { definitionOf, definitions, type ProcessingActivity } from '../../src/article30/index.ts';
import { type ResourceType, resourceTypes } from '../../src/article30/resource-types.ts';
import { isCountry } from '../../src/reference/countries.ts';

/** The parts of JSON Schema that the definitions use. */
interface Schema {
  $id?: string;
  $ref?: string;
  type?: string;
  description?: string;
  examples?: unknown[];
  enum?: string[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: string[];
  additionalProperties?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  'x-reference'?: ResourceType;
  'x-line'?: boolean;
}

const follow = (schema: Schema): Schema => resolved(schema as TSchema) as Schema;
const propertiesOf = (definition: ResourceDefinition) => definition.properties as unknown as Record<string, Schema>;

function bodySchema(definition: ResourceDefinition): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    required: [...(definition.unnamed === true ? [] : ['name']), ...(definition.required ?? [])],
    properties: { ...(commonProperties as unknown as Record<string, Schema>), ...propertiesOf(definition) },
  };
}

/** Calls `visit` for every property below `schema`, with its path: `contact.address`, `purposes[].main`. */
function walk(schema: Schema, path: string, visit: (property: Schema, path: string) => void): void {
  const target = follow(schema);
  for (const [name, property] of Object.entries(target.properties ?? {})) {
    const inner = path === '' ? name : `${path}.${name}`;
    visit(property, inner);
    walk(property, inner, visit);
  }
  if (target.items !== undefined) {
    visit(target.items, `${path}[]`);
    walk(target.items, `${path}[]`, visit);
  }
}

function everything(definition: ResourceDefinition): Schema {
  const schema = bodySchema(definition);
  return {
    ...schema,
    properties: {
      ...schema.properties,
      ...(definition.derived?.properties as Record<string, Schema> | undefined),
      ...(definition.managed as Record<string, Schema> | undefined),
    },
  };
}

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false });
ajv.addVocabulary(['x-reference', 'x-line']);
addFormats.default(ajv, ['date', 'date-time', 'duration', 'email', 'uuid']);
ajv.addFormat('country', isCountry);
ajv.addFormat('language', /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/);
ajv.addFormat('web-address', /^https?:\/\/[^\s/]+/);

const components = new Map<string, Schema>();
for (const definition of definitions) {
  walk(everything(definition), '', (property) => {
    const target = follow(property);
    if (target.$id === undefined || components.get(target.$id) === target) return;
    if (components.has(target.$id)) throw new Error(`Two components are named ${target.$id}.`);
    components.set(target.$id, target);
    ajv.addSchema(target as TSchema);
  });
}
const validators = new Map(
  definitions.map((definition) => [definition.type, ajv.compile(bodySchema(definition) as TSchema)]),
);
const accepts = (type: ResourceType, body: unknown) => validators.get(type)?.(body) === true;

/** Every object in `value`, with a pointer for messages. */
function objectsIn(value: unknown, pointer = ''): { object: Record<string, unknown>; pointer: string }[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => objectsIn(item, `${pointer}/${index}`));
  if (typeof value !== 'object' || value === null) return [];
  const object = value as Record<string, unknown>;
  return [
    { object, pointer },
    ...Object.entries(object).flatMap(([name, inner]) => objectsIn(inner, `${pointer}/${name}`)),
  ];
}

/** References in a body, found by the schema. */
function referencesIn(schema: Schema, value: unknown): { type: ResourceType; key: string }[] {
  const target = follow(schema);
  if (value === undefined) return [];
  if (target['x-reference'] !== undefined) return [{ type: target['x-reference'], key: value as string }];
  if (Array.isArray(value)) return value.flatMap((item) => referencesIn(target.items ?? {}, item));
  return Object.entries(target.properties ?? {}).flatMap(([name, property]) =>
    referencesIn(property, (value as Record<string, unknown>)[name]),
  );
}

t.test('there is one definition of each type, in the order of the types', async (t) => {
  t.same(
    definitions.map(({ type }) => type),
    [...resourceTypes],
  );
  for (const type of resourceTypes) t.equal(definitionOf(type).type, type);
  for (const member of ['component', 'plural', 'path'] as const) {
    t.equal(
      new Set(definitions.map((definition) => definition[member])).size,
      definitions.length,
      `${member} is unique`,
    );
  }
});

t.test('every example is valid, and free of contradictions', async (t) => {
  for (const { type, example, check } of definitions) {
    t.ok(accepts(type, example), `${type}: ${ajv.errorsText(validators.get(type)?.errors ?? null)}`);
    t.same(check?.(example) ?? [], [], `${type} has no contradiction`);
  }
});

t.test('only a name is required, or what a resource without a name stands between', async (t) => {
  for (const { type, check, unnamed, required = [], example } of definitions) {
    const needed = [...(unnamed === true ? [] : ['name']), ...required];
    const least = Object.fromEntries(needed.map((member) => [member, example[member]]));
    t.ok(accepts(type, least), type);
    for (const member of needed) {
      const { [member]: _left, ...rest } = least;
      t.notOk(accepts(type, rest), `${type} without ${member}`);
    }
    t.same(check?.(least) ?? [], [], `${type}: absent is not contradictory`);
  }
});

t.test('the references of the examples resolve, in an order in which each exists before it is named', async (t) => {
  const examples = new Map(definitions.map(({ type, example }) => [type, `ref:${example.reference}`]));
  const waiting = new Map(
    definitions.map((definition) => [definition.type, referencesIn(bodySchema(definition), definition.example)]),
  );
  const clients = ['ref:beta'];
  let counted = 0;
  for (const [type, references] of waiting) {
    for (const reference of references) {
      counted++;
      // A processor and its client are two controllers: only one can be the example.
      const known = [examples.get(reference.type), ...(type.startsWith('processor') ? clients : [])];
      t.ok(known.includes(reference.key), `${type} names the example ${reference.type}`);
    }
  }
  for (let made = -1; made !== 0; ) {
    const ready = [...waiting].filter(([, references]) => references.every(({ type }) => !waiting.has(type)));
    for (const [type] of ready) waiting.delete(type);
    made = ready.length;
  }
  t.same([...waiting.keys()], [], 'no circle');
  t.ok(counted > 0);
  t.comment(`${counted} references`);
});

t.test('an unknown member is refused in every object, and so is the lack of a required one', async (t) => {
  let unknown = 0;
  let missing = 0;
  for (const { type, example } of definitions) {
    for (const { pointer } of objectsIn(example)) {
      const body = structuredClone(example);
      const { object } = objectsIn(body).find((found) => found.pointer === pointer)!;
      object.typo = 'x';
      unknown++;
      t.notOk(accepts(type, body), `${type}${pointer} with an unknown member`);
    }
  }
  for (const definition of definitions) {
    for (const [name, property] of Object.entries(propertiesOf(definition))) {
      const line = follow(follow(property).items ?? {});
      for (const member of line.required ?? []) {
        const [first] = (definition.example[name] as Record<string, unknown>[] | undefined) ?? [];
        const { [member]: _, ...rest } = first ?? {};
        missing++;
        t.notOk(
          accepts(definition.type, { name: 'x', [name]: [rest] }),
          `${definition.type}/${name} without ${member}`,
        );
      }
    }
  }
  t.ok(unknown > 0 && missing > 0);
  t.comment(`${unknown} unknown members, ${missing} missing ones`);
});

t.test('null, texts for numbers, and values out of bounds are refused as they stand', async (t) => {
  for (const [type, body] of [
    ['controller', { name: null }],
    ['controller', { name: '' }],
    ['controller', { name: 'x'.repeat(301) }],
    ['controller', { name: 'Acme', employees: '48' }],
    ['controller', { name: 'Acme', employees: -1 }],
    ['controller', { name: 'Acme', country: 'France' }],
    ['legalBasis', { name: 'x', ground: 'because' }],
    ['legalBasis', { name: 'x', article: 'Art. 6(1)(a)' }],
    ['safeguard', { name: 'x', mechanism: 'privacyShield' }],
    ['processingActivity', { name: 'x', purposes: [{ main: true }] }],
    ['processingActivity', { name: 'x', startedOn: '2026-02-30' }],
    ['processingActivity', { name: 'x', controllerId: 'acme' }],
    ['processingActivity', { name: 'x', transfers: Array.from({ length: 501 }, (_, n) => ({ lineId: `l${n}` })) }],
    ['system', { name: 'x', countries: ['europe'] }],
  ] as const) {
    t.notOk(accepts(type, body), `${type} ${JSON.stringify(body).slice(0, 80)}`);
  }
});

t.test('every property says what it means, is bounded, and gives examples that are valid', async (t) => {
  let counted = 0;
  const judged = new Set<Schema>();
  for (const definition of definitions) {
    walk(everything(definition), '', (property, path) => {
      const where = `${definition.type} ${path}`;
      const target = follow(property);
      counted++;
      if (!((property.description ?? target.description ?? '').length > 3)) t.fail(`${where} has no description`);
      if (judged.has(target)) return;
      judged.add(target);
      const { type, maxLength, pattern, enum: words, format, maxItems, minimum, maximum, maxProperties } = target;
      const bounded =
        type === 'boolean' ||
        (type === 'object' && (target.additionalProperties === false || maxProperties !== undefined)) ||
        (type === 'array' && maxItems !== undefined) ||
        (type === 'integer' && minimum !== undefined && (maximum !== undefined || path === 'version')) ||
        (type === 'string' && (maxLength ?? pattern ?? words ?? format) !== undefined);
      if (!bounded) t.fail(`${where} is not bounded`);
      if (words !== undefined && new Set(words).size !== words.length) t.fail(`${where} repeats a word`);
      for (const example of [
        ...(property.examples ?? []),
        ...(target.$id === undefined ? [] : (target.examples ?? [])),
      ]) {
        const { examples: _, $id: __, ...bare } = target;
        if (!ajv.validate(bare as TSchema, example)) {
          t.fail(`${where}: example ${JSON.stringify(example)} ${ajv.errorsText()}`);
        }
      }
    });
  }
  t.ok(counted > 300, 'the walk reaches the nested properties');
  t.comment(`${counted} properties, ${components.size} components`);
});

t.test('components have names fit for types, and none that a resource has', async (t) => {
  const resources = new Set(definitions.map(({ component }) => component));
  for (const name of components.keys()) {
    t.match(name, /^[A-Z][A-Za-z0-9]+$/);
    t.notOk(resources.has(name), `${name} is no resource`);
  }
  for (const name of resources) t.match(name, /^[A-Z][A-Za-z]+$/);
});

t.test('no property has the name of a member that only the service sets', async (t) => {
  for (const definition of definitions) {
    const others = [
      ...Object.keys(metadataProperties),
      ...Object.keys(commonProperties),
      ...Object.keys(definition.derived?.properties ?? {}),
      ...Object.keys(definition.managed ?? {}),
    ];
    t.same(
      Object.keys(definition.properties).filter((name) => others.includes(name)),
      [],
      definition.type,
    );
    t.equal(new Set(others).size, others.length, `${definition.type}: each member has one source`);
  }
});

const contact = [
  'email',
  'phone',
  'url',
  'other',
  'address.lines[]',
  'address.postalCode',
  'address.city',
  'address.country',
];
const law = ['title', 'reference', 'url', 'jurisdiction', 'kind'];
const confirmation = ['state', 'source', 'on'];
const below = (path: string, names: readonly string[]) => names.map((name) => `${path}.${name}`);

/** What a register must be able to hold, resource by resource; a field that goes missing here loses statements. */
const fields: Record<ResourceType, readonly string[]> = {
  controller: [
    'legalForm',
    'registerKept',
    'country',
    'establishments[].country',
    'establishments[].main',
    'article3Paragraph2',
    'dataSubjectCountries[]',
    'registrationNumbers[].scheme',
    'registrationNumbers[].value',
    ...below('contact', contact),
    'representative.name',
    ...below('representative.contact', contact),
    'representative.country',
    'representative.mandate',
    'representativeExemption',
    'dataProtectionOfficer.designated',
    'dataProtectionOfficer.name',
    'dataProtectionOfficer.company',
    ...below('dataProtectionOfficer.contact', contact),
    'dataProtectionOfficer.contactPublished',
    'dataProtectionOfficer.notifiedToAuthority',
    'coreActivity.monitoring',
    'coreActivity.specialOrCriminalData',
    'competentAuthority',
    'publicAuthority',
    'actsJudicially',
    'employees',
    'claimsExemption30Paragraph5',
    'securityMeasureIds[]',
    'actsAs[]',
  ],
  purpose: ['controllerId', 'description', 'vocabularyTerms[]'],
  legalBasis: [
    'controllerId',
    'ground',
    'kind',
    'article',
    'description',
    ...below('law', law),
    'interest.text',
    'interest.holder',
    'balancingTest.url',
    'balancingTest.completedOn',
    'balancingTest.conclusion',
    'consent.obtainedBy',
    'consent.explicit',
    'consent.recordUrl',
    'consent.withdrawal',
    'consent.offeredToChildren',
    'consent.ageRule',
    'contract.title',
    'contract.dataSubjectIsParty',
    'contract.preContractual',
    'notForProfitAim',
    'disclosedOutside',
    'secrecy',
    'article89Safeguards',
  ],
  dataSubjectCategory: ['controllerId', 'description', 'vulnerable', 'vocabularyTerms[]'],
  dataCategory: [
    'controllerId',
    'description',
    'examples[]',
    'kind',
    'specialKind',
    'group',
    'claimedNonPersonal',
    'vocabularyTerms[]',
  ],
  recipient: [
    'controllerId',
    'role',
    'identified',
    'publicBody',
    'legalEntity',
    'country',
    'processingCountries[]',
    'remoteAccessCountries[]',
    'internationalOrganisation',
    'locationNote',
    'service',
    'engagedById',
    'authorisation',
    'changeNoticeDays',
    'objectionDays',
    'flowDown',
    'guarantees.checkedOn',
    'guarantees.evidence',
    'contract.exists',
    'contract.inWriting',
    'contract.reference',
    'contract.url',
    'contract.signedOn',
    'contract.expiresOn',
    'contract.missingPoints[]',
    ...below('contact', contact),
    'website',
    'subprocessorList.url',
    'subprocessorList.checkedOn',
    'vendor.key',
    'vendor.on',
    ...below('confirmation', confirmation),
  ],
  safeguard: [
    'controllerId',
    'mechanism',
    'kind',
    'article',
    'statedAs',
    'recipientId',
    'adequacyDecision',
    'document.reference',
    'document.url',
    'document.signedOn',
    'document.expiresOn',
    'clauses.decision',
    'clauses.modules[]',
    'bindingRules.kind',
    'bindingRules.coversImporter',
    'bindingRules.approval',
    'approval.kind',
    'approval.reference',
    'approval.bindingCommitments',
    'importerCheck.list',
    'importerCheck.entity',
    'importerCheck.result',
    'importerCheck.checkedOn',
    'importerCheck.coversHr',
    'impactAssessment.done',
    'impactAssessment.completedOn',
    'impactAssessment.url',
    'impactAssessment.conclusion',
    'impactAssessment.supplementaryMeasures',
    'impactAssessment.measuresEffective',
    'derogation.explicitConsent',
    'derogation.risksExplained',
    'derogation.otherToolsConsidered',
    ...below('derogation.law', law),
    'derogation.wholeRegister',
    'derogation.publicPowers',
    'compellingInterest.notRepetitive',
    'compellingInterest.limitedNumber',
    'compellingInterest.interest',
    'compellingInterest.assessment',
    'compellingInterest.suitableSafeguards',
    'compellingInterest.authorityInformedOn',
    'compellingInterest.dataSubjectsInformedOn',
    ...below('confirmation', confirmation),
  ],
  securityMeasure: ['controllerId', 'description', 'kind', 'objectives[]'],
  system: ['controllerId', 'description', 'hostedById', 'countries[]', 'locationNote', 'url'],
  notice: [
    'controllerId',
    'url',
    'language',
    'lastChangedOn',
    'laws[]',
    'rights[].right',
    'rights[].how',
    'rights[].responseTime',
    'rights[].identityCheck',
    'rights[].exceptions',
    'complaintAuthorities[]',
    'cookies.used',
    'cookies.thirdParty',
    'cookies.consent',
    'cookies.refusal',
    'namesTransfers',
    'statements[].topic',
    'statements[].text',
    'statements[].sourceLines[]',
    'statements[].about[].controllerId',
    'statements[].about[].purposeId',
    'statements[].about[].legalBasisId',
    'statements[].about[].dataSubjectCategoryId',
    'statements[].about[].dataCategoryId',
    'statements[].about[].recipientId',
    'statements[].about[].safeguardId',
    'statements[].about[].securityMeasureId',
    'statements[].about[].systemId',
    'statements[].about[].processingActivityId',
    'statements[].about[].lineId',
    'statements[].about[].pointer',
  ],
  processingActivity: [
    'controllerId',
    'description',
    'jointControllers[].lineId',
    'jointControllers[].controllerId',
    'jointControllers[].arrangement.exists',
    'jointControllers[].arrangement.url',
    'jointControllers[].arrangement.essencePublished',
    'department',
    'owner.name',
    'owner.email',
    'startedOn',
    'endedOn',
    'operations[]',
    'means[]',
    'largeScale',
    'estimatedDataSubjects',
    'occasional',
    'likelyRisk',
    'purposes[].lineId',
    'purposes[].purposeId',
    'purposes[].legalBasisIds[]',
    'purposes[].main',
    'purposes[].publicTask',
    'purposes[].furtherOf',
    'purposes[].compatibility.url',
    'purposes[].compatibility.completedOn',
    'purposes[].compatibility.conclusion',
    'purposes[].optOut',
    'dataLines[].lineId',
    'dataLines[].dataCategoryId',
    'dataLines[].dataSubjectCategoryIds[]',
    'dataLines[].purposeIds[]',
    'dataLines[].conditionIds[]',
    'dataLines[].sources[].kind',
    'dataLines[].sources[].description',
    'dataLines[].required',
    'dataLines[].retention.period',
    'dataLines[].retention.maximum',
    'dataLines[].retention.startsOn',
    'dataLines[].retention.until',
    'dataLines[].retention.criteria',
    'dataLines[].retention.unlimited',
    'dataLines[].retention.unlimitedFor',
    'dataLines[].retention.ground',
    ...below('dataLines[].retention.law', law),
    'dataLines[].retention.exceptions[]',
    'dataLines[].retention.afterwards',
    'dataLines[].retention.notPossibleReason',
    'recipients[].lineId',
    'recipients[].recipientId',
    'recipients[].dataCategoryIds[]',
    'recipients[].purpose',
    'recipients[].circumstances',
    'recipients[].legalBasisIds[]',
    'recipients[].particularInquiry',
    'transfers[].lineId',
    'transfers[].recipientId',
    'transfers[].country',
    'transfers[].internationalOrganisation',
    'transfers[].state',
    'transfers[].safeguardIds[]',
    'transfers[].dataCategoryIds[]',
    'transfers[].hrData',
    'transfers[].occasional',
    'securityMeasureIds[]',
    'systemIds[]',
    'noticeIds[]',
    'declaredNone[]',
    'notPossible.securityMeasures',
    'notPossible.retention',
    'sameRetentionConfirmed',
    'automatedDecisions.exists',
    'automatedDecisions.solely',
    'automatedDecisions.effect',
    'automatedDecisions.usesSpecialData',
    'automatedDecisions.logic',
    'automatedDecisions.consequences',
    'automatedDecisions.exception',
    'automatedDecisions.safeguards[]',
    'dpia.state',
    'dpia.reason',
    'dpia.criteria[]',
    'dpia.nationalListItem',
    'dpia.contents[]',
    'dpia.dpoAdviceOn',
    'dpia.completedOn',
    'dpia.url',
    'dpia.residualRiskHigh',
    'dpia.priorConsultationOn',
    'reviewedOn',
    'reviewDueOn',
    'approvedAt',
    'approvedBy',
    'retirement.endedOn',
    'retirement.dataDisposal',
    'retirement.replacedById',
  ],
  processorActivity: [
    'processorId',
    'description',
    'categoriesOfProcessing[]',
    'subprocessors[].lineId',
    'subprocessors[].recipientId',
    'subprocessors[].clientIds[]',
    'transfers[].lineId',
    'transfers[].recipientId',
    'transfers[].country',
    'transfers[].internationalOrganisation',
    'transfers[].state',
    'transfers[].safeguardIds[]',
    'securityMeasureIds[]',
    'declaredNone[]',
    'notPossible.securityMeasures',
    'ownPurposes',
    'reviewedOn',
    'reviewDueOn',
    'approvedAt',
    'approvedBy',
    'retirement.endedOn',
    'retirement.dataDisposal',
    'retirement.replacedById',
  ],
  processorClient: [
    'processorActivityId',
    'controllerId',
    'actsAs',
    'onBehalfOfIds[]',
    'contract.exists',
    'contract.inWriting',
    'contract.reference',
    'contract.url',
    'contract.signedOn',
    'contract.expiresOn',
    'contract.missingPoints[]',
    'since',
    'until',
    'dataDisposal',
  ],
};

t.test('no field that the register needs is missing', async (t) => {
  let counted = 0;
  for (const definition of definitions) {
    const present = new Set<string>();
    walk(everything(definition), '', (_, path) => present.add(path));
    for (const field of ['reference', 'name', 'notes', 'customFields', ...fields[definition.type]]) {
      counted++;
      if (!present.has(field)) t.fail(`${definition.type} lacks ${field}`);
    }
  }
  t.ok(counted > 200);
  t.comment(`${counted} fields`);
});

/** The closed lists on which rules, imports and clients rely, by resource and field. */
const lists: readonly [ResourceType, string, readonly string[]][] = [
  [
    'legalBasis',
    'ground',
    [
      ...['consent', 'contract', 'legalObligation', 'vitalInterests', 'publicTask', 'legitimateInterests'],
      ...['explicitConsent', 'employmentLaw', 'vitalInterestsIncapable', 'notForProfitBody', 'madePublic'],
      ...['legalClaims', 'substantialPublicInterest', 'healthCare', 'publicHealth', 'archivingResearchStatistics'],
      ...['officialAuthority', 'authorisingLaw'],
    ],
  ],
  ['legalBasis', 'law.kind', ['statute', 'collectiveAgreement', 'healthProfessionalContract']],
  ['legalBasis', 'interest.holder', ['controller', 'thirdParty']],
  ['dataCategory', 'kind', ['ordinary', 'special', 'criminal']],
  ['recipient', 'role', ['processor', 'subprocessor', 'controller', 'jointController', 'internal', 'unknown']],
  ['recipient', 'authorisation', ['specific', 'general', 'none']],
  ['recipient', 'contract.missingPoints[]', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']],
  ['recipient', 'confirmation.state', ['stated', 'suggested', 'confirmed']],
  [
    'safeguard',
    'mechanism',
    [
      ...['adequacyDecision', 'publicBodiesInstrument', 'bindingCorporateRules', 'standardClauses', 'authorityClauses'],
      ...['codeOfConduct', 'certification', 'authorisedClauses', 'administrativeArrangement', 'explicitConsent'],
      ...['contractWithDataSubject', 'contractInInterest', 'publicInterest', 'legalClaims', 'vitalInterests'],
      ...['publicRegister', 'compellingInterests'],
    ],
  ],
  ['safeguard', 'impactAssessment.conclusion', ['equivalent', 'notEquivalent']],
  ['securityMeasure', 'kind', ['technical', 'organisational']],
  ['processingActivity', 'means[]', ['manual', 'automated']],
  ['processingActivity', 'dataLines[].sources[].kind', ['dataSubject', 'thirdParty', 'observed', 'derived', 'public']],
  ['processingActivity', 'dataLines[].retention.ground', ['law', 'need', 'claims']],
  ['processingActivity', 'dataLines[].retention.afterwards', ['erase', 'anonymise', 'archive', 'return']],
  ['processingActivity', 'transfers[].state', ['actual', 'possible', 'planned']],
  [
    'processingActivity',
    'declaredNone[]',
    ['recipients', 'otherRecipients', 'transfers', 'jointControllers', 'automatedDecisions'],
  ],
  ['processingActivity', 'dpia.state', ['notRequired', 'required', 'inProgress', 'done']],
  ['processingActivity', 'dpia.contents[]', ['a', 'b', 'c', 'd']],
  ['processingActivity', 'dataLines[].retention.unlimitedFor', ['archiving', 'research', 'statistics']],
  ['processingActivity', 'automatedDecisions.exception', ['contract', 'law', 'explicitConsent']],
  ['processingActivity', 'automatedDecisions.safeguards[]', ['humanIntervention', 'pointOfView', 'contest']],
  ['safeguard', 'clauses.decision', ['(EU) 2021/914', '(EU) 2021/915', '2010/87/EU', '2004/915/EC', '2001/497/EC']],
  ['controller', 'representativeExemption', ['occasionalLowRisk', 'publicBody']],
];

t.test('the closed lists hold their words, no more and no less', async (t) => {
  for (const [type, field, words] of lists) {
    let found: readonly string[] | undefined;
    walk(everything(definitionOf(type)), '', (property, path) => {
      if (path === field) found = follow(property).enum;
    });
    t.same([...(found ?? [])].sort(), [...words].sort(), `${type} ${field}`);
  }
  t.comment(`${lists.length} lists`);
});

/** Contents that the schema lets pass and that cannot be meant: the place and the word of the answer. */
const contradictions: readonly [string, ResourceType, Content, pointer: string, code: string][] = [
  [
    'two main establishments',
    'controller',
    { establishments: [{ main: true }, { main: true }] },
    '/establishments/1/main',
    'severalMain',
  ],
  [
    'an officer who is not designated',
    'controller',
    { dataProtectionOfficer: { designated: false, name: 'C. Martin' } },
    '/dataProtectionOfficer/name',
    'contradiction',
  ],
  ['an authority in no list', 'controller', { competentAuthority: 'FR-CNILL' }, '/competentAuthority', 'unknownKey'],
  ['law of a country that is none', 'legalBasis', { law: { jurisdiction: 'XX' } }, '/law/jurisdiction', 'unknownKey'],
  [
    'a special kind of ordinary data',
    'dataCategory',
    { kind: 'ordinary', specialKind: 'health' },
    '/specialKind',
    'contradiction',
  ],
  ['a special kind of data of no kind', 'dataCategory', { specialKind: 'health' }, '/specialKind', 'contradiction'],
  [
    'a contract that ends before it is signed',
    'recipient',
    { contract: { signedOn: '2026-02-01', expiresOn: '2026-01-31' } },
    '/contract/expiresOn',
    'datesOutOfOrder',
  ],
  [
    'an adequacy decision in no list',
    'safeguard',
    { adequacyDecision: 'US-1999-1' },
    '/adequacyDecision',
    'unknownKey',
  ],
  [
    'an adequacy decision with clauses',
    'safeguard',
    { mechanism: 'standardClauses', adequacyDecision: 'US-2023-1795' },
    '/adequacyDecision',
    'contradiction',
  ],
  [
    'a document that ends before it is signed',
    'safeguard',
    { document: { signedOn: '2026-02-01', expiresOn: '2026-01-31' } },
    '/document/expiresOn',
    'datesOutOfOrder',
  ],
  ['a country that is none', 'system', { countries: ['EU', 'XX'] }, '/countries/1', 'unknownKey'],
  [
    'an authority for complaints in no list',
    'notice',
    { complaintAuthorities: ['FR-CNIL', 'CNIL'] },
    '/complaintAuthorities/1',
    'unknownKey',
  ],
  [
    'a place that is two',
    'notice',
    { statements: [{ about: [{ purposeId: 'ref:a', recipientId: 'ref:b', pointer: '/name' }] }] },
    '/statements/0/about/0',
    'unclearPlace',
  ],
  [
    'a place that is none',
    'notice',
    { statements: [{ about: [{ lineId: 'a' }] }] },
    '/statements/0/about/0',
    'unclearPlace',
  ],
  [
    'an end before the beginning',
    'processingActivity',
    { startedOn: '2026-02-01', endedOn: '2026-01-31' },
    '/endedOn',
    'datesOutOfOrder',
  ],
  [
    'two main purposes',
    'processingActivity',
    {
      purposes: [
        { purposeId: 'a', main: true },
        { purposeId: 'b', main: true },
      ],
    },
    '/purposes/1/main',
    'severalMain',
  ],
  [
    'one lineId twice in a list',
    'processingActivity',
    { purposes: [{ lineId: 'x' }, { lineId: 'x' }] },
    '/purposes/1/lineId',
    'duplicateLineId',
  ],
  [
    'one lineId in two lists',
    'processingActivity',
    { purposes: [{ lineId: 'x' }], transfers: [{ lineId: 'x' }] },
    '/transfers/0/lineId',
    'duplicateLineId',
  ],
  [
    'a transfer to a country and an organisation',
    'processingActivity',
    { transfers: [{ country: 'US', internationalOrganisation: 'EPO' }] },
    '/transfers/0/internationalOrganisation',
    'contradiction',
  ],
  [
    'data kept without limit for a year',
    'processingActivity',
    { dataLines: [{ retention: { unlimited: true, period: 'P1Y' } }] },
    '/dataLines/0/retention/unlimited',
    'contradiction',
  ],
  [
    'a period by the law of a country that is none',
    'processingActivity',
    { dataLines: [{ retention: { law: { jurisdiction: 'XX' } } }] },
    '/dataLines/0/retention/law/jurisdiction',
    'unknownKey',
  ],
  [
    'a controller joint with itself',
    'processingActivity',
    { controllerId: 'a', jointControllers: [{ controllerId: 'a' }] },
    '/jointControllers/0/controllerId',
    'contradiction',
  ],
  [
    'a joint controller twice',
    'processingActivity',
    { jointControllers: [{ controllerId: 'a' }, { controllerId: 'a' }] },
    '/jointControllers/1/controllerId',
    'contradiction',
  ],
  [
    'transfers that are denied',
    'processingActivity',
    { declaredNone: ['recipients', 'transfers'], transfers: [{}] },
    '/declaredNone/1',
    'contradiction',
  ],
  [
    'automated decisions that are denied',
    'processingActivity',
    { declaredNone: ['automatedDecisions'], automatedDecisions: { exists: true } },
    '/declaredNone/0',
    'contradiction',
  ],
];

t.test('what cannot be meant is refused, with its place', async (t) => {
  for (const [title, type, content, pointer, code] of contradictions) {
    t.match(definitionOf(type).check?.(content), [{ pointer, code, message: /.+/ }], title);
    t.equal(definitionOf(type).check?.(content).length, 1, `${title}: once`);
  }
  t.comment(`${contradictions.length} contradictions`);
});

t.test('what a rule judges, or what may be meant, is not refused', async (t) => {
  for (const [title, type, content] of [
    [
      'no recipients in law, but a department',
      'processingActivity',
      { declaredNone: ['recipients'], recipients: [{ recipientId: 'a' }] },
    ],
    [
      'one category in two lines',
      'processingActivity',
      { dataLines: [{ dataCategoryId: 'a' }, { dataCategoryId: 'a' }] },
    ],
    ['one day', 'processingActivity', { startedOn: '2026-02-01', endedOn: '2026-02-01' }],
    ['an annulled decision', 'safeguard', { mechanism: 'adequacyDecision', adequacyDecision: 'US-2016-1250' }],
    ['law of a third country', 'legalBasis', { ground: 'legalObligation', law: { jurisdiction: 'US' } }],
    ['law of the Union', 'legalBasis', { ground: 'legalObligation', law: { jurisdiction: 'EU' } }],
    ['no more than a part of the world', 'system', { countries: ['EU', 'EEA', 'CH'] }],
    ['a member of the notice itself', 'notice', { statements: [{ about: [{ pointer: '/cookies' }] }] }],
  ] as const) {
    t.same(definitionOf(type).check?.(content), [], title);
  }
});

t.test('the article is given back for each ground and each mechanism', async (t) => {
  const basis = definitionOf('legalBasis').derived!;
  const transfer = definitionOf('safeguard').derived!;
  t.match(basis.compute({ ground: 'legalObligation' }), { article: '6(1)(c)' });
  t.match(basis.compute({ ground: 'explicitConsent' }), { article: '9(2)(a)' });
  t.same(basis.compute({}), {}, 'no ground, no article');
  t.match(transfer.compute({ mechanism: 'standardClauses' }), { article: '46(2)(c)' });
  t.match(transfer.compute({ mechanism: 'adequacyDecision' }), { article: '45(3)' });
  t.match(
    transfer.compute({ mechanism: 'adequacyDecision', adequacyDecision: 'US-2023-1795' }),
    { article: '45(3)' },
    'a decision under the Regulation',
  );
  t.match(
    transfer.compute({ mechanism: 'adequacyDecision', adequacyDecision: 'CH-2000-518' }),
    { article: '45(9)' },
    'a decision under the Directive',
  );
  t.same(transfer.compute({}), {});
  for (const [definition, member] of [
    [definitionOf('legalBasis'), 'ground'],
    [definitionOf('safeguard'), 'mechanism'],
  ] as const) {
    const words = propertiesOf(definition)[member]?.enum ?? [];
    const schema = {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'article'],
      properties: definition.derived?.properties,
    };
    for (const word of words) {
      const derived = definition.derived?.compute({ [member]: word });
      t.ok(ajv.validate(schema, derived), `${word}: ${JSON.stringify(derived)} ${ajv.errorsText()}`);
    }
    t.ok(words.length > 0);
    t.comment(`${words.length} words of ${member}`);
  }
});

t.test('every filter finds what it looks at', async (t) => {
  let counted = 0;
  for (const definition of definitions) {
    const named: { type: ResourceType; field: string }[] = [];
    walk(everything(definition), '', (property, path) => {
      const type = property['x-reference'];
      if (type !== undefined) named.push({ type, field: path.replaceAll('[]', '') });
    });
    const facets = Object.keys(definition.facets ?? {});
    for (const [name, filter] of Object.entries(definition.filters ?? {})) {
      counted++;
      const where = `${definition.type}?${name}`;
      t.ok((filter.schema as Schema).description, `${where} says what it means`);
      if (filter.by === 'facet' || filter.by === 'before') t.ok(facets.includes(filter.facet), where);
      if (filter.by === 'inForce') t.ok(facets.includes(filter.from) && facets.includes(filter.to), where);
      if (filter.by === 'names' || filter.by === 'namesWith') {
        t.ok(
          named.some(({ type }) => type === filter.type),
          `${where}: names a ${filter.type}`,
        );
      }
      if (filter.by === 'names') {
        for (const field of filter.fields ?? []) {
          t.ok(
            named.some((reference) => reference.type === filter.type && reference.field === field),
            `${where}: ${field}`,
          );
        }
      }
      if (filter.by === 'namesWith') {
        t.ok(Object.keys(definitionOf(filter.type).facets ?? {}).includes(filter.facet), where);
        if (filter.own !== undefined) t.ok(facets.includes(filter.own), where);
      }
    }
  }
  t.ok(counted > 0);
  t.comment(`${counted} filters`);
});

t.test('the types of contents say what the schemas say', async (t) => {
  const activity: ProcessingActivity = {
    name: 'Invoicing',
    purposes: [{ purposeId: 'ref:invoicing', compatibility: { conclusion: 'compatible' } }],
    transfers: [{ state: 'possible' }],
  };
  t.ok(accepts('processingActivity', activity));
  // @ts-expect-error a purpose line names its purpose
  const nameless: ProcessingActivity = { name: 'Invoicing', purposes: [{ main: true }] };
  t.notOk(accepts('processingActivity', nameless));
  // @ts-expect-error a state of a transfer is one of three words
  const otherWord: ProcessingActivity = { name: 'Invoicing', transfers: [{ state: 'perhaps' }] };
  t.notOk(accepts('processingActivity', otherWord));
});

t.test('lists filter by what the examples say', async (t) => {
  const facetsOf = (type: ResourceType, content: Content) =>
    Object.fromEntries(Object.entries(definitionOf(type).facets ?? {}).map(([name, facet]) => [name, facet(content)]));
  const of = (type: ResourceType) => facetsOf(type, definitionOf(type).example);
  t.match(of('controller'), { registerKept: 'true', country: 'FR', competentAuthority: 'FR-CNIL' });
  t.match(of('legalBasis'), { ground: 'legalObligation' });
  t.match(of('dataCategory'), { kind: 'ordinary' });
  t.match(of('safeguard'), { mechanism: 'standardClauses', expiresOn: '2029-01-11', assessedOn: '2026-01-10' });
  t.match(of('system'), { country: ['IE', 'US'] });
  t.match(of('processingActivity'), { startedOn: '2024-01-01', country: ['US'] });
  t.match(facetsOf('processingActivity', { reviewDueOn: '2027-03-03', retirement: { endedOn: '2026-05-01' } }), {
    reviewDueOn: '2027-03-03',
    endedOn: '2026-05-01',
  });
  for (const type of ['processingActivity', 'processorActivity'] as const) {
    t.equal(facetsOf(type, { state: 'approved', reviewDueOn: '2027-03-03' }).reviewDueOn, '2027-03-03');
    t.equal(facetsOf(type, { state: 'retired', reviewDueOn: '2027-03-03' }).reviewDueOn, undefined, 'it has ended');
  }
  for (const { type, facets, searched } of definitions) {
    for (const [name, facet] of Object.entries(facets ?? {})) {
      t.doesNotThrow(() => facet({}), `${type}.${name} of what says nothing`);
    }
    t.doesNotThrow(() => searched?.({}));
  }
});
