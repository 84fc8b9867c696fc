/** The facts that registers are judged by, with their sources: of no tenant, the same for everybody, cacheable. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { today } from '../../article30/calendar.ts';
import { CalendarDate, component, OneOf } from '../../article30/definition.ts';
import {
  adequacyDecisions,
  adequacySources,
  decisionsInForce,
  expiryOf,
  internationalOrganisations,
  isInForce,
} from '../../reference/adequacy-decisions.ts';
import { countries, countrySources, isEea, isEu, isThirdCountry } from '../../reference/countries.ts';
import { asOf, factsVersion, gdpr, type IsoDate } from '../../reference/facts.ts';
import { legalGrounds } from '../../reference/legal-grounds.ts';
import { authoritySources, supervisoryAuthorities } from '../../reference/supervisory-authorities.ts';
import { transferMechanisms } from '../../reference/transfer-mechanisms.ts';
import { vendors } from '../../reference/vendors.ts';
import { answers, errors, responses } from '../operations.ts';
import { isNotModified } from '../pages.ts';
import { headers, ifNoneMatchHeader, query } from '../parameters.ts';

const text = (description: string, ...examples: string[]) =>
  Type.String({ description, ...(examples.length === 0 ? {} : { examples }) });
const optional = (description: string, ...examples: string[]) => Type.Optional(text(description, ...examples));
const flag = (description: string) => Type.Boolean({ description });
const date = (description: string) => CalendarDate({ description });
const days = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));
const texts = (description: string) => Type.Array(Type.String({ description: 'One of them.' }), { description });
const word = (values: readonly string[], description: string) => OneOf(values, { description, examples: [values[0]] });
const fact = (name: string, properties: TProperties, description: string) =>
  component(name, Type.Object(properties, { additionalProperties: false, description }));

const countryCode = (description = 'ISO 3166-1 alpha-2.') => text(description, 'US');
const sourceNames = texts('Names of `sources`.');
const fromMemory = Type.Optional(texts('Members that no source confirmed.'));

const source = fact(
  'FactSource',
  {
    title: text('What was read.'),
    url: optional('Where it is.'),
    kind: word(
      ['official', 'vendor', 'publicDataSet', 'secondary', 'memory'],
      '`official`: the body that made the fact; `vendor`: a page of the vendor, or a copy; `secondary`: somebody who reports it; `memory`: to be confirmed.',
    ),
    seenOn: date('When it was read.'),
  },
  'Where facts were read.',
);
const periods = (description: string) =>
  Type.Optional(
    Type.Array(
      fact(
        'FactPeriod',
        { from: date('First day.'), to: Type.Optional(date('Last day; absent: still so.')) },
        'A time in which something held.',
      ),
      { description },
    ),
  );

const country = fact(
  'CountryFact',
  {
    code: countryCode(),
    name: text('English name.', 'United States of America'),
    gdprStatus: word(
      ['euMember', 'eeaEfta', 'euTerritory', 'thirdCountry'],
      'The view of Chapter V on the day of the facts.',
    ),
    partOf: optional('Code of the State that the territory belongs to.', 'FR'),
    eu: periods('Membership of the European Union, or the Communities before it.'),
    eea: periods('Membership of the European Economic Area, provisional application included.'),
    euLawApplied: Type.Optional(
      Type.Array(
        fact(
          'EuLawPeriod',
          {
            from: date('First day.'),
            to: Type.Optional(date('Last day; absent: still so.')),
            ground: text('By which act.'),
          },
          'A time without membership in which a disclosure was no transfer to a third country.',
        ),
        { description: 'Times without membership in which EU law applied.' },
      ),
    ),
    note: optional('What has to be known besides.'),
    inEu: flag('Member State of the Union on `judgedOn`.'),
    inEea: flag('State of the European Economic Area on `judgedOn`.'),
    thirdCountry: flag('A disclosure to it on `judgedOn` is a transfer to a third country, Art. 44.'),
    adequacyDecisions: texts('Keys of the adequacy decisions in force for it on `judgedOn`, partial ones included.'),
    sources: sourceNames,
  },
  'A country or territory of ISO 3166-1, and how the GDPR looks at it.',
);

const decision = fact(
  'AdequacyDecisionFact',
  {
    key: text('Destination, year and number. Never reused.', 'US-2023-1795'),
    reference: text('As it is cited.', '(EU) 2023/1795'),
    name: optional('The name it goes by.', 'EU-U.S. Data Privacy Framework'),
    country: Type.Optional(countryCode('The country that it covers (ISO 3166-1 alpha-2).')),
    internationalOrganisation: optional('Key of the organisation that it covers.', 'EPO'),
    article: word(['45(3)', '45(9)'], '45(3) under the GDPR, 45(9) for those under Directive 95/46/EC.'),
    adoptedOn: date('When it was adopted.'),
    expiries: Type.Optional(
      Type.Array(
        fact(
          'DecisionExpiry',
          {
            from: date('Since when this limit is known.'),
            expiresOn: date('Last day.'),
            by: text('What limits it.'),
          },
          'How the time of a decision is limited, from a day on.',
        ),
        { description: 'Limits of its time; the latest applies.' },
      ),
    ),
    annulledOn: Type.Optional(date('First day on which it no longer held, by judgment.')),
    annulledBy: optional('The judgment.'),
    endedOn: Type.Optional(date('First day on which it no longer had an object.')),
    endedBy: optional('What ended it.'),
    coverage: word(
      ['full', 'partial'],
      '`partial`: whether it covers a transfer depends on the importer or the data; it never settles one by itself.',
    ),
    scope: text('What it covers.'),
    limits: Type.Optional(texts('What it does not cover.')),
    importerCheck: Type.Optional(
      fact(
        'DecisionImporterCheck',
        {
          what: text('What has to be found out.'),
          list: optional('Where importers are listed.'),
          staffDataApart: Type.Optional(flag('The list says apart whether data of staff are covered.')),
        },
        'What has to be found out about the importer, where the coverage is partial.',
      ),
    ),
    lastReview: Type.Optional(
      fact('DecisionReview', { on: date('When.'), outcome: text('What it came to.') }, 'The last review, Art. 45(3).'),
    ),
    notes: Type.Optional(texts('What has to be known besides.')),
    url: text('Its address at EUR-Lex.'),
    inForce: flag('In force on `judgedOn`.'),
    expiresOn: Type.Optional(date('Its last day, as known on `judgedOn`; absent: not limited.')),
    fromMemory,
    sources: sourceNames,
  },
  'An adequacy decision of the Commission, those that ended included, Art. 45.',
);

const organisation = fact(
  'InternationalOrganisationFact',
  {
    key: text('Key of the organisation.', 'EPO'),
    name: text('Its name.', 'European Patent Organisation'),
    sources: sourceNames,
  },
  'An international organisation that a decision names, Art. 4(26).',
);

const authority = fact(
  'SupervisoryAuthorityFact',
  {
    key: text('Country, region where there is one, and letters.', 'FR-CNIL'),
    country: countryCode(),
    region: optional('ISO 3166-2, for authorities of a part of the country.', 'DE-BE'),
    name: text('Its name.', 'Commission nationale de l’informatique et des libertés'),
    englishName: optional('Its name in English.'),
    website: text('Its website.', 'https://www.cnil.fr'),
    competence: optional('Whom it supervises, where a country has several.'),
    validFrom: Type.Optional(date('Its first day, where it came after the others.')),
    validTo: Type.Optional(date('Its last day.')),
    fromMemory,
    sources: sourceNames,
  },
  'A supervisory authority, Art. 51.',
);

const ground = fact(
  'LegalGroundFact',
  {
    key: word(
      legalGrounds.map(({ key }) => key),
      'The word of the closed list.',
    ),
    kind: word(
      [...new Set(legalGrounds.map(({ kind }) => kind))],
      'A ground of Art. 6, a condition of Art. 9(2), or one of Art. 10.',
    ),
    article: text('Where it stands.', '6(1)(a)'),
    label: text('In words.', 'Consent'),
    sources: sourceNames,
  },
  'A ground of processing, Art. 6(1), 9(2), 10.',
);

const mechanism = fact(
  'TransferMechanismFact',
  {
    key: word(
      transferMechanisms.map(({ key }) => key),
      'The word of the closed list.',
    ),
    kind: word(
      [...new Set(transferMechanisms.map(({ kind }) => kind))],
      'Adequacy (Art. 45), appropriate safeguards (46, 47), derogation (49).',
    ),
    article: text('Where it stands; 45(9) for adequacy decisions under Directive 95/46/EC.', '46(2)(c)'),
    label: text('In words.', 'Standard clauses of the Commission'),
    sources: sourceNames,
  },
  'A ground of a transfer, Art. 44 to 49.',
);

const vendorUrls = fact(
  'VendorUrls',
  {
    dataProcessingAgreement: optional('Contract of Art. 28(3).'),
    subprocessors: optional('List of sub-processors.'),
    transferTerms: optional('Terms for transfers.'),
    transferInformation: optional('What it says of transfers.'),
    bindingRules: optional('Binding corporate rules.'),
    privacy: optional('Privacy notice.'),
  },
  'Pages of the vendor.',
);
const vendor = fact(
  'VendorFact',
  {
    key: text('Key of the vendor.', 'stripe'),
    name: text('Its name.', 'Stripe'),
    category: text('What kind of vendor.', 'payments'),
    service: text('What it does.'),
    entities: Type.Array(
      fact(
        'VendorEntity',
        {
          name: text('Its name.', 'Stripe Payments Europe, Limited'),
          country: countryCode(),
          role: word(
            ['contracting', 'parent', 'affiliate', 'representative', 'controller'],
            '`contracting`: party to the contract of the customer; `representative`: Art. 27, contracts nothing.',
          ),
          note: optional('What has to be known besides.'),
          evidence: word(['seen', 'secondary', 'memory', 'unverified'], 'How it is known.'),
        },
        'A legal entity of the vendor.',
      ),
      { description: 'Its legal entities.' },
    ),
    roles: Type.Array(word(['processor', 'controller'], 'A role of Art. 4(7) or (8).'), {
      description: 'One vendor in two roles is two recipients.',
    }),
    roleNote: text('In which case it has which role.'),
    processingCountries: texts('The least that is known, never complete (ISO 3166-1 alpha-2).'),
    processingNote: text('What is known of the places.'),
    transfers: Type.Array(
      fact(
        'VendorTransfer',
        {
          mechanism: word(
            transferMechanisms.map(({ key }) => key),
            'The ground that it claims.',
          ),
          country: Type.Optional(countryCode('Where the data go, as far as one country can be named.')),
          importer: optional('Who receives them.'),
          adequacyDecision: optional('Key of the decision.', 'US-2023-1795'),
          clauses: Type.Optional(
            fact(
              'VendorClauses',
              {
                decision: text('The decision that they stand in.', '(EU) 2021/914'),
                modules: Type.Optional(
                  Type.Array(Type.Integer({ minimum: 1, maximum: 4 }), { description: 'Modules one to four.' }),
                ),
              },
              'Standard clauses.',
            ),
          ),
          note: optional('What has to be known besides.'),
          evidence: word(['vendorAssertion', 'memory', 'unverified'], 'How it is known: nobody checked it.'),
        },
        'A ground of transfers that the vendor claims.',
      ),
      { description: 'In its order of precedence; empty when its main processing stays in the EEA.' },
    ),
    urls: vendorUrls,
    urlsFromMemory: Type.Optional(texts('Pages that were not opened.')),
    agreementNote: optional('What has to be known of the contract.'),
    subprocessorsNote: optional('What has to be known of the sub-processors.'),
    subprocessorNoticeDays: days('Days of notice before a new sub-processor, Art. 28(2).'),
    objectionDays: days('Days to object.'),
    outsideGdpr: Type.Optional(texts('What it offers for other laws than the GDPR.')),
    cautions: texts('What to mind.'),
    confidence: word(['high', 'medium'], 'How far the entry can be relied upon.'),
    sources: Type.Array(source, { description: 'Where it was read.' }),
  },
  'What is known of a common vendor: suggestions, never more.',
);

const onParameter = Type.Optional(date('The day on which it is judged; today when absent.'));
type Asked = { readonly on?: IsoDate };

interface Facts {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly component: string;
  readonly item: TSchema;
  /** Members of the answer besides the items and what all answers have. */
  readonly members?: TProperties;
  /** The answer depends on the day. */
  readonly dated?: boolean;
  compose(on: IsoDate): { items: readonly object[]; [member: string]: unknown };
}

const sources = {
  sources: Type.Record(Type.String(), source, { description: 'Sources by the names that items use.' }),
};
const ofTheGdpr = { sources: { gdpr: { title: gdpr.title, url: gdpr.url, kind: gdpr.kind, seenOn: gdpr.seenOn } } };

const all: readonly Facts[] = [
  {
    path: 'countries',
    operationId: 'listCountries',
    summary: 'Lists countries',
    description: 'All of ISO 3166-1, with membership and adequacy on a day.',
    component: 'CountryFacts',
    item: country,
    members: sources,
    dated: true,
    compose: (on) => ({
      sources: countrySources,
      items: countries.map((each) => ({
        ...each,
        inEu: isEu(each.code, on),
        inEea: isEea(each.code, on),
        thirdCountry: isThirdCountry(each.code, on),
        adequacyDecisions: decisionsInForce(each.code, on).map(({ key }) => key),
      })),
    }),
  },
  {
    path: 'adequacy-decisions',
    operationId: 'listAdequacyDecisions',
    summary: 'Lists adequacy decisions',
    description:
      'Decisions of the Commission, annulled and expired ones included, and whether they are in force on a day.',
    component: 'AdequacyDecisionFacts',
    item: decision,
    members: {
      ...sources,
      internationalOrganisations: Type.Array(organisation, { description: 'Organisations that decisions name.' }),
    },
    dated: true,
    compose: (on) => ({
      sources: adequacySources,
      internationalOrganisations,
      items: adequacyDecisions.map((each) => {
        const expiresOn = expiryOf(each, on);
        return { ...each, inForce: isInForce(each, on), ...(expiresOn === undefined ? {} : { expiresOn }) };
      }),
    }),
  },
  {
    path: 'supervisory-authorities',
    operationId: 'listSupervisoryAuthorities',
    summary: 'Lists supervisory authorities',
    description: 'Of the States of the EEA, Art. 51.',
    component: 'SupervisoryAuthorityFacts',
    item: authority,
    members: sources,
    compose: () => ({ sources: authoritySources, items: supervisoryAuthorities }),
  },
  {
    path: 'legal-grounds',
    operationId: 'listLegalGrounds',
    summary: 'Lists grounds of processing',
    description: 'The closed list: Art. 6(1), the conditions of Art. 9(2), and Art. 10.',
    component: 'LegalGroundFacts',
    item: ground,
    members: sources,
    compose: () => ({ ...ofTheGdpr, items: legalGrounds.map((each) => ({ ...each, sources: ['gdpr'] })) }),
  },
  {
    path: 'transfer-mechanisms',
    operationId: 'listTransferMechanisms',
    summary: 'Lists grounds of transfers',
    description: 'The closed list: Chapter V.',
    component: 'TransferMechanismFacts',
    item: mechanism,
    members: sources,
    compose: () => ({ ...ofTheGdpr, items: transferMechanisms.map((each) => ({ ...each, sources: ['gdpr'] })) }),
  },
  {
    path: 'vendors',
    operationId: 'listVendors',
    summary: 'Lists vendors of the catalogue',
    description: 'What is known of common vendors: suggestions, which somebody has to confirm.',
    component: 'VendorFacts',
    item: vendor,
    compose: () => ({ items: vendors }),
  },
];

export function referenceRoutes(app: FastifyInstance): void {
  for (const facts of all) {
    const { path, operationId, summary, description, dated = false } = facts;
    const schema = component(
      facts.component,
      Type.Object(
        {
          factsVersion: text('Version of all facts; changes whenever one changes.', factsVersion),
          asOf: date('The day up to which they were looked up.'),
          ...(dated ? { judgedOn: date('The day on which they were judged.') } : {}),
          ...facts.members,
          items: Type.Array(facts.item, { description: 'All of them.' }),
        },
        { additionalProperties: false, description },
      ),
    );
    // They follow from the day alone, and nearly everybody asks for the same day: it is worked out once.
    let told: (Told & { readonly on: IsoDate }) | undefined;
    app.get(
      `/v1/reference/${path}`,
      {
        config: { permission: 'readReference' },
        schema: {
          operationId,
          tags: ['Reference'],
          summary,
          description,
          headers: headers({ 'if-none-match': ifNoneMatchHeader }),
          querystring: query(dated ? { on: onParameter } : {}),
          response: responses(
            {
              200: answers('The facts, all on one page.', schema, ['ETag']),
              304: { description: 'They are still those that you have.', type: 'null' },
            },
            errors.reads,
          ),
        },
      },
      async (request, reply) => {
        const { on = today() } = request.query as Asked;
        if (told?.on !== on) {
          told = { on, ...toldOf({ factsVersion, asOf, ...(dated ? { judgedOn: on } : {}), ...facts.compose(on) }) };
        }
        reply.headers({ 'cache-control': caching, etag: told.tag });
        if (isNotModified(request, told.tag)) return reply.code(304).send();
        return reply.type('application/json; charset=utf-8').send(told.body);
      },
    );
  }
}

/** Facts change with a release of the service: an hour late is early enough, and a day while they are asked for anew. */
const caching = 'public, max-age=3600, stale-while-revalidate=86400';

/** Facts as they are sent, with their entity tag. */
interface Told {
  readonly body: string;
  readonly tag: string;
}

function toldOf(facts: object): Told {
  const body = JSON.stringify(facts);
  // The version of the facts for people; the hash because the same facts may one day be told in another form.
  return { body, tag: `"${factsVersion}-${createHash('sha256').update(body).digest('hex').slice(0, 12)}"` };
}
