/** Published privacy notices and policies, Art. 12 to 14, statement by statement. */
import { type TProperties, Type } from 'typebox';
import {
  Bool,
  CalendarDate,
  type Content,
  type Contradiction,
  component,
  Duration,
  defineResource,
  KeyOf,
  Language,
  ListOf,
  OneOf,
  referencePattern,
  ShortText,
  Statement,
  Text,
  WebAddress,
  type Written,
} from './definition.ts';
import { SupervisoryAuthority, unknownSupervisoryAuthorities } from './reference-keys.ts';
import { byController } from './statements.ts';

/** The rights of Art. 7(3), 15 to 18, 20 to 22 and 77; `other` is for those that national law adds. */
export const dataSubjectRights = [
  'access',
  'rectification',
  'erasure',
  'restriction',
  'portability',
  'objection',
  'automatedDecisions',
  'withdrawalOfConsent',
  'complaint',
  'other',
] as const;

/** How a site asks before it sets cookies; `byUse` takes the mere use of the site for consent. */
export const cookieConsents = ['beforehand', 'byUse', 'notAsked'] as const;

/** What a statement of a notice is about: first the points of Art. 13 and 14, then promises beyond them. */
export const noticeTopics = [
  'controller',
  'representative',
  'dataProtectionOfficer',
  'purposes',
  'legalBasis',
  'legitimateInterests',
  'consent',
  'dataSubjects',
  'dataCategories',
  'sources',
  'obligationToProvide',
  'recipients',
  'transfers',
  'storageLocation',
  'retention',
  'rights',
  'complaint',
  'automatedDecisions',
  'security',
  'cookies',
  'children',
  'directMarketing',
  'noSale',
  'breachNotice',
  'authorityRequests',
  'otherSites',
  'amendments',
  'scope',
  'contact',
  'other',
] as const;

const noticeRight = component(
  'NoticeRight',
  Statement(
    {
      right: OneOf(dataSubjectRights, {
        description:
          'Art. 15 `access`, 16 `rectification`, 17 `erasure`, 18 `restriction`, 20 `portability`, 21 `objection`, 22 `automatedDecisions`, 7(3) `withdrawalOfConsent`, 77 `complaint`; `other`: of national law.',
        examples: ['access'],
      }),
      how: Text({ description: 'How it is exercised, Art. 12(2).', examples: ['By e-mail to privacy@example.com.'] }),
      responseTime: Duration({
        description: 'Time to answer that the notice names (ISO 8601), Art. 12(3).',
        examples: ['P30D'],
      }),
      identityCheck: Text({
        description: 'Proof of identity that is asked for, Art. 12(6).',
        examples: ['Copy of an identity card, in case of doubt.'],
      }),
      exceptions: Text({
        description: 'When the right is refused or limited.',
        examples: ['Data that a law obliges us to keep are not erased.'],
      }),
    },
    { description: 'A right of the data subjects as the notice states it, Art. 13(2)(b) to (d), 14(2)(c) to (e).' },
  ),
);

const cookies = component(
  'CookieStatement',
  Statement(
    {
      used: Bool({ description: 'Cookies or similar means are used.', examples: [true] }),
      thirdParty: Bool({ description: 'Third parties set some of them.', examples: [false] }),
      consent: OneOf(cookieConsents, {
        description:
          '`beforehand`: asked before any is set that is not necessary; `byUse`: the use of the site is taken for consent (but see Art. 4(11), recital 32); `notAsked`.',
        examples: ['beforehand'],
      }),
      refusal: Text({
        description: 'How they are refused.',
        examples: ['In the settings at the foot of each page.'],
      }),
    },
    { description: 'What the notice says of cookies (Art. 5(3) of Directive 2002/58/EC).' },
  ),
);

/** The member of a place that names a resource, for each type of resource. */
const placeReferences = {
  controllerId: KeyOf('controller', { description: 'A controller.' }),
  purposeId: KeyOf('purpose', { description: 'A purpose.' }),
  legalBasisId: KeyOf('legalBasis', { description: 'A legal basis.' }),
  dataSubjectCategoryId: KeyOf('dataSubjectCategory', { description: 'A category of data subjects.' }),
  dataCategoryId: KeyOf('dataCategory', { description: 'A category of personal data.' }),
  recipientId: KeyOf('recipient', { description: 'A recipient.' }),
  safeguardId: KeyOf('safeguard', { description: 'A ground of a transfer.' }),
  securityMeasureId: KeyOf('securityMeasure', { description: 'A security measure.' }),
  systemId: KeyOf('system', { description: 'A system.' }),
  processingActivityId: KeyOf('processingActivity', { description: 'A processing activity.' }),
} satisfies TProperties;

const registerPlace = component(
  'RegisterPlace',
  Statement(
    {
      ...placeReferences,
      lineId: Type.String({
        pattern: referencePattern,
        maxLength: 64,
        description: 'The line within the resource; absent: the resource as a whole.',
        examples: ['payment-services'],
      }),
      pointer: Type.String({
        pattern: '^(/[^/]+)+$',
        maxLength: 300,
        description: 'The member within the resource or line (JSON pointer, RFC 6901); absent: all of it.',
        examples: ['/retention'],
      }),
    },
    {
      description:
        'A place of the register: a resource, a line or a member of it. Where no resource is named, a member of this notice.',
    },
  ),
);

const noticeStatement = component(
  'NoticeStatement',
  Statement(
    {
      topic: OneOf(noticeTopics, { description: 'What the statement is about.', examples: ['retention'] }),
      text: Text({
        description: 'What the notice says, in your own words.',
        examples: ['Invoices are kept for ten years, as French law requires.'],
      }),
      sourceLines: ListOf(
        Type.Integer({ minimum: 1, maximum: 100_000, description: 'Number of a line, from 1.' }),
        { description: 'Lines of the published text that say it, numbered from 1.', examples: [[28, 29]] },
        1_000,
      ),
      about: ListOf(
        registerPlace,
        {
          description: 'The places of the register that carry the statement; none for a mere promise.',
          examples: [[{ dataCategoryId: 'ref:invoice-data' }]],
        },
        100,
      ),
    },
    { description: 'One statement of a published notice, with the places of the register that carry it.' },
  ),
);

const properties = {
  controllerId: KeyOf('controller', { description: 'The controller whose notice it is.', examples: ['ref:acme'] }),
  url: WebAddress({ description: 'Where it is published.', examples: ['https://example.com/privacy'] }),
  language: Language({ description: 'Language of the text (BCP 47).', examples: ['en'] }),
  lastChangedOn: CalendarDate({ description: 'Date of the last change that the notice names.' }),
  laws: ListOf(
    ShortText({ description: 'One law.' }),
    { description: 'Laws that the notice says it follows.', examples: [['Regulation (EU) 2016/679']] },
    50,
  ),
  rights: ListOf(
    noticeRight,
    {
      description: 'Rights that the notice states, Art. 13(2)(b) to (d).',
      examples: [[{ right: 'access', how: 'By e-mail.', responseTime: 'P30D' }]],
    },
    50,
  ),
  complaintAuthorities: ListOf(
    SupervisoryAuthority({ description: 'Key of a supervisory authority in the list.' }),
    { description: 'Authorities that the notice names for complaints, Art. 13(2)(d).', examples: [['FR-CNIL']] },
    100,
  ),
  cookies,
  namesTransfers: Bool({
    description:
      'Whether the notice names the transfers, their safeguards and how to get a copy of these, Art. 13(1)(f), 14(1)(f).',
    examples: [true],
  }),
  statements: ListOf(
    noticeStatement,
    {
      description: 'The notice, statement by statement.',
      examples: [[{ topic: 'noSale', text: 'Personal data are not sold.', sourceLines: [31] }]],
    },
    1_000,
  ),
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

export const notice = defineResource({
  type: 'notice',
  component: 'Notice',
  plural: 'Notices',
  path: 'notices',
  nature: 'buildingBlock',
  description: 'A published privacy notice or policy, with each of its statements.',
  article: 'Art. 12, 13, 14',
  properties,
  facets: {
    language: (content) => written(content).language?.toLowerCase(),
    lastChangedOn: (content) => written(content).lastChangedOn,
    right: (content) => (written(content).rights ?? []).flatMap(({ right }) => right ?? []),
  },
  filters: {
    ...byController,
    language: {
      schema: Language({ description: 'Language of the notice (BCP 47, in upper or lower case), with its subtags.' }),
      by: 'facet',
      facet: 'language',
      inLowerCase: true,
    },
  },
  searched: (content) => [written(content).url, ...(written(content).statements ?? []).map(({ text }) => text)],
  check: (content) => {
    const { complaintAuthorities, statements } = written(content);
    return [
      ...unknownSupervisoryAuthorities(complaintAuthorities, '/complaintAuthorities'),
      ...(statements ?? []).flatMap(({ about }, statement) =>
        (about ?? []).flatMap((place, index) => unclearPlace(place, `/statements/${statement}/about/${index}`)),
      ),
    ];
  },
  example: {
    name: 'Privacy policy of the website',
    reference: 'website-policy',
    controllerId: 'ref:acme',
    url: 'https://example.com/privacy',
    language: 'en',
    lastChangedOn: '2026-02-01',
    laws: ['Regulation (EU) 2016/679', 'Loi n° 78-17 du 6 janvier 1978'],
    rights: [
      {
        right: 'access',
        how: 'By e-mail to privacy@example.com.',
        responseTime: 'P30D',
        identityCheck: 'Copy of an identity card, in case of doubt.',
      },
      { right: 'erasure', how: 'In the account.', exceptions: 'Data that a law obliges us to keep are not erased.' },
      { right: 'complaint', how: 'To the CNIL or the local authority.' },
    ],
    complaintAuthorities: ['FR-CNIL'],
    cookies: {
      used: true,
      thirdParty: false,
      consent: 'beforehand',
      refusal: 'In the settings at the foot of each page.',
    },
    namesTransfers: true,
    statements: [
      {
        topic: 'retention',
        text: 'Invoices are kept for ten years, as French law requires.',
        sourceLines: [28, 29],
        about: [{ dataCategoryId: 'ref:invoice-data' }, { legalBasisId: 'ref:accounting-law' }],
      },
      {
        topic: 'recipients',
        text: 'Payments are handled by Stripe.',
        sourceLines: [30],
        about: [{ recipientId: 'ref:stripe' }],
      },
      {
        topic: 'cookies',
        text: 'Cookies are set only after consent.',
        sourceLines: [33],
        about: [{ pointer: '/cookies' }],
      },
      { topic: 'noSale', text: 'Personal data are not sold.', sourceLines: [31] },
    ],
  },
});

/** With two resources named nobody could say which of them carries the statement; with nothing named, none does. */
function unclearPlace(place: Record<string, unknown>, pointer: string): Contradiction[] {
  const named = Object.keys(placeReferences).filter((member) => place[member] !== undefined);
  if (named.length > 1) {
    const message = `Name one resource, not ${named.length}: ${named.join(', ')}.`;
    return [{ pointer, code: 'unclearPlace', message }];
  }
  if (named.length === 1 || place.pointer !== undefined) return [];
  return [{ pointer, code: 'unclearPlace', message: 'Name the resource, or the member of this notice.' }];
}
