/** The sample register of Examera against its policy; what it has in common with the others stands in `sample.ts`. */
import t from 'tap';
import type {
  LegalBasis,
  ProcessingActivity,
  Recipient,
  Safeguard,
  SecurityMeasure,
  System,
} from '../../src/article30/index.ts';
import { readSample, testSample } from './sample.ts';

const sample = readSample('examera');
const { activities, notice } = sample;
const activity = (name: string) => sample.one<ProcessingActivity>('processingActivity', name);

testSample(sample, {
  stated: [
    ...['countries', 'actsAs', 'publicBody', 'locationNote', 'law', 'laws', 'interest', 'consent', 'required'],
    ...['objectives', 'optOut', 'period', 'maximum', 'until', 'exceptions', 'ground', 'transfers', 'safeguardIds'],
    ...['securityMeasureIds', 'cookies', 'complaintAuthorities', 'declaredNone'],
  ],
  grounds: ['contract', 'consent', 'legitimateInterests', 'legalObligation'],
  // What is not done, and that the policy may change.
  promises: [
    ['noSale', [32]],
    ['amendments', [45]],
  ],
});

t.test('what the policy leaves open stays open', async (t) => {
  for (const { name, role, identified, vendor } of sample.all<Recipient>('recipient'))
    t.same([role, identified, vendor], [undefined, false, undefined], `${name}: a mere category, in no stated role`);

  const { mechanism, clauses, statedAs } = sample.one<Safeguard>('safeguard', 'outside-eu');
  t.same([mechanism, clauses], [undefined, undefined], 'clauses are an example, not the ground');
  t.match(statedAs, /such as/);

  const { law, description } = sample.one<LegalBasis>('legalBasis', 'legal-obligations');
  t.same(law, { jurisdiction: 'FR' }, 'French law, and no act');
  t.match(description, /financial records/);
  t.equal(activity('optional-profile-data').purposes, undefined, 'optional profile data: no purpose is stated');

  const unstated = [
    ...['identification-data', 'contact-data', 'payment-data', 'usage-data', 'simulation-data'],
    ...['cookie-data', 'optional-profile-data', 'personal-data'],
  ];
  const without = activities.flatMap(({ dataLines = [] }) =>
    dataLines.filter(({ retention }) => retention === undefined).map(({ dataCategoryId }) => dataCategoryId),
  );
  t.same(
    [...new Set(without)].sort(),
    unstated.map((key) => `ref:examera-${key}`).sort(),
    'no period is stated for these',
  );
  for (const { name, kind } of sample.all<SecurityMeasure>('securityMeasure'))
    t.equal(kind, undefined, `${name}: which measures are technical and which organisational is not stated`);
});

t.test('each legal basis carries the purposes that the policy gives it, and no others', async (t) => {
  const bases = Object.fromEntries(
    activities.map(({ name, purposes = [] }) => [name, purposes.flatMap(({ legalBasisIds = [] }) => legalBasisIds)]),
  );
  t.same(bases, {
    'Access to the exam simulators and digital services': ['ref:examera-contract'],
    'Compliance with legal obligations': ['ref:examera-legal-obligations'],
    'Cookies on the site': ['ref:examera-consent'],
    'Customer support by chat': [],
    'Fraud prevention': ['ref:examera-legitimate-interests'],
    'Improvement of the services': ['ref:examera-legitimate-interests'],
    'Optional profile data': [],
    'Orders, payments and invoices': [],
    'Performance analytics and progress reports': [],
    Security: ['ref:examera-legitimate-interests'],
  });
  t.match(sample.one<LegalBasis>('legalBasis', 'consent').consent, {
    obtainedBy: 'useOfService',
    withdrawal: /any time/,
  });
});

t.test('what the policy says stands in its field', async (t) => {
  const retention = (name: string, line: string) =>
    activity(name).dataLines?.find(({ lineId }) => lineId === line)?.retention;
  const active = { until: 'The account is no longer active' };
  t.same(retention('access', 'account-data'), active, 'account data: while the account is active');
  t.same(retention('access', 'training-data'), active, 'training data as well');
  const tenYears = { period: 'P10Y', ground: 'law', law: { jurisdiction: 'FR' } };
  t.same(retention('orders', 'financial-data'), tenYears, 'financial data: ten years, French law');
  t.same(retention('legal-obligations', 'financial-data'), tenYears);
  t.match(retention('performance-analytics', 'simulation-results'), {
    period: 'P3Y',
    maximum: true,
    ground: 'need',
    exceptions: [/^Earlier/],
  });
  t.same(
    activity('performance-analytics').dataLines?.find(({ lineId }) => lineId === 'simulation-results')?.purposeIds,
    ['ref:examera-progress-tracking'],
    'results and analytics: so that users can track their progress',
  );

  for (const { name, declaredNone, recipients = [], transfers = [], securityMeasureIds, systemIds } of activities) {
    t.same(declaredNone, ['otherRecipients'], `${name}: shared with these only`);
    t.ok(
      recipients.some(({ recipientId }) => recipientId === 'ref:examera-technical-providers'),
      `${name}: hosting`,
    );
    const authorities = recipients.find(({ recipientId }) => recipientId === 'ref:examera-public-authorities');
    t.equal(authorities?.circumstances, 'Personal data may be shared if required by law.', `${name}: authorities`);
    for (const { circumstances } of recipients) t.match(circumstances, /^Personal data may be shared/, `${name}: may`);
    t.same(
      transfers.map(({ state, country, recipientId, safeguardIds }) => [state, country, recipientId, safeguardIds]),
      [['possible', undefined, undefined, ['ref:examera-outside-eu']]],
      `${name}: a transfer may happen, nobody says where to`,
    );
    t.equal(securityMeasureIds?.length, 4, `${name}: measures`);
    t.same(systemIds, ['ref:examera-site', 'ref:examera-hosting'], `${name}: where the data are`);
  }
  t.ok(activities.length > 0);
  t.comment(`${activities.length} activities`);
  const listed = ['access', 'orders', 'performance-analytics', 'support', 'improvement', 'legal-obligations'];
  for (const name of listed) {
    const { dataLines = [] } = activity(name);
    t.same(
      dataLines.find(({ lineId }) => lineId === 'personal-data')?.purposeIds,
      [`ref:examera-${name}`],
      `${name}: personal data serve it, of whatever category`,
    );
  }
  const { dataLines: collected = [] } = activity('access');
  t.match(collected[0]?.sources, [{ description: /when the services are used/ }]);
  const payment = activities.map(({ name, recipients = [] }) => ({
    name,
    line: recipients.find(({ recipientId }) => recipientId === 'ref:examera-payment-providers'),
  }));
  for (const { name, line } of payment)
    t.equal(line?.circumstances, 'Personal data may be shared.', `${name}: payment providers, for whatever purpose`);
  t.same(
    payment.filter(({ line }) => line?.dataCategoryIds || line?.purpose).map(({ name }) => name),
    ['Orders, payments and invoices'],
    'what they process is said of payment data only',
  );

  t.match(sample.one<System>('system', 'hosting'), { countries: ['EU'], locationNote: /^Primarily/ });
  t.same(
    sample.all<SecurityMeasure>('securityMeasure').map(({ name }) => name),
    [
      'Appropriate technical and organisational measures',
      'Encryption',
      'Restricted access',
      'Secure hosting environments',
    ],
  );
  t.match(notice, {
    language: 'en',
    laws: [/GDPR/],
    complaintAuthorities: ['FR-CNIL'],
    cookies: { consent: 'byUse', refusal: /browser/ },
  });
  t.equal(notice.cookies?.used, undefined, 'the site may use cookies, which does not say that it does');
  t.match(activity('cookies').description, /^The site may use cookies/);
  const rights = notice.rights ?? [];
  t.same(
    rights.map(({ right }) => right),
    [
      ...['access', 'rectification', 'erasure', 'restriction', 'objection', 'portability', 'withdrawalOfConsent'],
      'complaint',
    ],
  );
  for (const { right, how } of rights.slice(0, -1))
    t.match(how, /only through the chat on examera\.org/i, `${right}: by chat`);
  t.match(activity('cookies').purposes?.[0]?.optOut, /browser/);
  t.same(sample.controllers[0]?.contact, {
    other: 'Only the chat on examera.org. No support by e-mail, telephone or post.',
  });
});
