/** The sample register of Certometer against its policy; what it has in common with the others stands in `sample.ts`. */
import t from 'tap';
import type {
  DataCategory,
  LegalBasis,
  ProcessingActivity,
  Purpose,
  Recipient,
  System,
} from '../../src/article30/index.ts';
import { readSample, testSample } from './sample.ts';

const sample = readSample('certometer');
const { activities, notice } = sample;
const activity = (name: string) => sample.one<ProcessingActivity>('processingActivity', name);

testSample(sample, {
  stated: [
    'email',
    'laws',
    'consent',
    'required',
    'kind',
    'claimedNonPersonal',
    'optOut',
    'exceptions',
    'securityMeasureIds',
  ],
  grounds: ['consent', 'consent'],
  // What a register has no field for: care, accountability, options on the use of data, and that the policy may change.
  promises: [
    ['scope', [2]],
    ['controller', [3]],
    ['rights', [3]],
    ['amendments', [73]],
  ],
});

t.test('what the policy leaves open stays open', async (t) => {
  for (const { name, role, identified, vendor } of sample.all<Recipient>('recipient'))
    t.same([role, identified, vendor], [undefined, false, undefined], `${name}: a mere category, in no stated role`);

  let lines = 0;
  for (const { name, purposes = [], dataLines = [] } of activities) {
    const bases = purposes.flatMap(({ legalBasisIds = [] }) => legalBasisIds);
    const stated = name === 'Contact with users about the services' ? ['ref:certometer-consent'] : [];
    t.same(bases, stated, `${name}: bases`);
    lines += dataLines.length;
    t.ok(
      dataLines.every(({ retention }) => retention === undefined),
      `${name}: no period`,
    );
  }
  t.ok(lines > 0);
  t.comment(`${lines} lines of data in ${activities.length} activities`);
  t.equal(activity('community').purposes, undefined, 'community website and blogs: no purpose is stated');
  t.same(notice.laws?.[0], 'IT Act of 2000', 'a law, and not whose');
  t.match(notice.laws?.[1], /not named/, 'among others');
  const { country, actsAs } = (sample.controllers[0] ?? {}) as { country?: string; actsAs?: string[] };
  t.same([country, actsAs], [undefined, undefined], 'neither where Certometer is nor that it is the controller');
});

t.test('what the policy says stands in its field', async (t) => {
  const categories = sample.all<DataCategory>('dataCategory');
  t.match(
    categories.filter(({ claimedNonPersonal }) => claimedNonPersonal).map(({ examples }) => examples),
    [['device type', 'browser type', 'location', 'language preference', 'time zone', 'screen size', /pages/]],
    'what the policy calls non-personal',
  );
  const understanding = activity('understanding-users');
  t.ok(understanding.operations?.includes('combination'), 'which it combines with personal information');
  t.same(
    understanding.dataLines?.map(({ lineId }) => lineId),
    ['non-identifying', 'personal-information'],
  );

  const payments = activity('payments');
  t.same(
    payments.dataLines?.map(({ lineId }) => lineId),
    ['account', 'card-digits', 'personal-information'],
    'four digits of the card',
  );
  const named = activities.filter(({ reference }) => !/-(community|contacts)$/.test(reference ?? ''));
  for (const { name, purposes = [], dataLines = [] } of named) {
    const [main] = purposes;
    t.same(
      dataLines.find(({ lineId }) => lineId === 'personal-information')?.purposeIds,
      [main?.purposeId],
      `${name}: personal information serves it, of whatever category`,
    );
  }
  t.equal(named.length, activities.length - 2);
  t.equal(payments.recipients?.[0]?.recipientId, 'ref:certometer-payment-gateways');

  const possible = [
    ...['notifications', 'business-needs', 'requested-information', 'account', 'marketing', 'user-transactions'],
    'behaviour-analysis',
  ];
  for (const name of possible)
    t.match(activity(name).description, /^Personal information may be used to /, `${name}: may, not does`);
  const aims: [RegExp, string[]][] = [
    [/to provide and manage the services/, ['registration', 'payments', 'support']],
    [/to improve the services/, ['personalisation', 'usage-trends', 'development']],
  ];
  for (const [aim, names] of aims)
    for (const name of names) t.match(sample.one<Purpose>('purpose', name).description, aim, `${name}: its aim`);
  t.match(sample.one<System>('system', 'website').description, /property of Certometer/);

  const unsaid = ['ref:certometer-ip-address', 'ref:certometer-geographic-location'];
  const measured = activities
    .flatMap(({ dataLines = [] }) => dataLines)
    .filter(({ dataCategoryId }) => unsaid.includes(dataCategoryId));
  t.equal(measured.length, 5, 'IP address and location in the activities that have them');
  for (const { lineId, sources = [] } of measured)
    t.same(
      sources.map(({ kind }) => kind),
      sources.map(() => undefined),
      `${lineId}: whether it is given or observed is left open`,
    );

  const [contact] = activity('engagement').purposes ?? [];
  t.match(contact?.optOut, /whether or not .* DND, DNC or NCPR/, 'a registration against calls does not help');
  t.match(sample.one<LegalBasis>('legalBasis', 'consent').consent, { obtainedBy: 'useOfService' });

  t.match(activity('contacts').dataLines, [
    { dataSubjectCategoryIds: ['ref:certometer-contacts'], sources: [{ kind: 'thirdParty' }] },
  ]);

  const shared = ['service-providers', 'affiliates', 'business-partners', 'business-transfers', 'by-consent'];
  let sharing = 0;
  for (const { name, recipients = [], systemIds = [] } of activities) {
    if (name === 'Data of contacts of users') continue;
    sharing++;
    t.same(
      systemIds.slice(0, 2),
      ['ref:certometer-website', 'ref:certometer-mobile-applications'],
      `${name}: through the website and the applications`,
    );
    const found = recipients.map(({ lineId }) => lineId).filter((lineId) => lineId !== 'payment-gateways');
    t.same(found, shared, `${name}: who may receive the data`);
    t.same(recipients.at(-1)?.legalBasisIds, ['ref:certometer-consent-to-disclosure'], `${name}: with consent`);
  }
  t.ok(sharing > 0);
  t.comment(`${sharing} activities whose data are shared`);

  const own = activities.flatMap(({ dataLines = [] }) => dataLines).filter(({ required }) => required === false);
  t.ok(own.length > 0, 'users may decline');
  t.same(
    activities
      .filter(({ dataLines = [] }) => dataLines.some(({ required }) => required !== false))
      .map(({ name }) => name),
    ['Data of contacts of users', 'Understanding of users'],
    'all that is said to come from users is given of their own will',
  );
  t.same(
    notice.rights?.map(({ right }) => right),
    ['access', 'rectification', 'erasure', 'restriction', 'objection', 'portability', 'withdrawalOfConsent'],
  );
  for (const { right, exceptions } of notice.rights?.slice(0, -1) ?? [])
    t.match(exceptions, /^Depending on the location/, `${right}: not everywhere`);
  t.match(sample.controllers, [
    { reference: 'certometer', contact: { email: 'support@certometer.com', other: /questions about the policy/ } },
  ]);
});
