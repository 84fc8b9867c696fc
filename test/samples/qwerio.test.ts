/** The sample register of QWERIO against its policy; what it has in common with the others stands in `sample.ts`. */
import t from 'tap';
import type {
  DataCategory,
  LegalBasis,
  ProcessingActivity,
  Recipient,
  SecurityMeasure,
  System,
} from '../../src/article30/index.ts';
import { readSample, testSample } from './sample.ts';

const sample = readSample('qwerio');
const { activities, notice } = sample;
const activity = (name: string) => sample.one<ProcessingActivity>('processingActivity', name);
const recipient = (name: string) => sample.one<Recipient>('recipient', name);

testSample(sample, {
  stated: [
    ...['countries', 'processingCountries', 'email', 'url', 'publicBody', 'locationNote', 'hostedById', 'laws', 'kind'],
    ...['consent', 'claimedNonPersonal', 'objectives', 'criteria', 'afterwards', 'cookies'],
    ...['securityMeasureIds', 'responseTime', 'identityCheck', 'complaintAuthorities', 'declaredNone'],
  ],
  grounds: ['consent'],
  // What the policy is for, what QWERIO holds dear, and what it promises.
  promises: [
    ['security', [5]],
    ['scope', [5]],
    ['scope', [5]],
    ['noSale', [46]],
    ['other', [58]],
    ['security', [106]],
    ['security', [108]],
    ['amendments', [112]],
  ],
});

t.test('what the policy leaves open stays open', async (t) => {
  const named = [recipient('ovh'), recipient('plausible')];
  t.same(
    named.map(({ name, role, country }) => [name, role, country]),
    [
      ['OVH', undefined, undefined],
      ['Plausible', undefined, undefined],
    ],
    'named vendors: neither role nor seat is stated',
  );
  t.same(
    sample.all<Recipient>('recipient').filter(({ identified }) => identified === true),
    named,
    'all others are categories, or QWERIO itself',
  );
  for (const name of ['credit-card-companies', 'subcontractors', 'telecommunications-company'])
    t.equal(recipient(name).role, undefined, `${name}: a subcontractor is not said to be a processor`);
  t.same(activity('payments').purposes?.[0]?.legalBasisIds, undefined, 'payments: no basis is stated');
  t.same(activity('payments').dataLines?.[0]?.dataSubjectCategoryIds, undefined, 'payments: nor whose they are');
  t.ok(sample.all<DataCategory>('dataCategory').every(({ kind }) => kind === undefined));
  t.same(notice.cookies, { consent: 'beforehand' }, 'whether the site sets cookies of its own is not stated');
  t.equal(notice.lastChangedOn, undefined, 'the policy has no date');
  const { consent } = sample.one<LegalBasis>('legalBasis', 'consent');
  t.equal(consent, undefined, 'registering, or filling in a form, and agreeing: no means of consent is exactly that');

  let lines = 0;
  for (const { name, dataLines } of activities) {
    for (const { retention } of dataLines ?? []) {
      lines++;
      t.same([retention?.period, retention?.unlimited], [undefined, undefined], `${name}: no period is stated`);
    }
  }
  t.ok(lines > 0);
  t.comment(`${lines} lines of data`);
});

t.test('what the policy says stands in its field', async (t) => {
  t.match(sample.controllers, [
    { registerKept: true, contact: { email: 'contact@qwerio.net', url: 'https://qwerio.net/contact/' } },
  ]);
  const { ground, description } = sample.one<LegalBasis>('legalBasis', 'consent');
  t.equal(ground, 'consent');
  t.match(description, /^By registering .* or by filling in a contact form .* agrees and accepts/, 'how it is given');
  t.match(description, /Whoever consents keeps the right/);

  const main = activities.flatMap(({ name, purposes }) =>
    (purposes ?? []).filter((purpose) => 'main' in purpose).map(({ lineId }) => [name, lineId]),
  );
  t.same(main, [[activity('information').name, 'for-relevant-information']], 'the policy calls one purpose main');
  t.match(activity('accounts').description, /^People register for training courses\. Whoever registers on/);
  t.match(activity('payments').description, /may be disclosed, when that is required, for verification\.$/);

  for (const name of ['accounts', 'information', 'improvement']) {
    const lines = activity(name).dataLines ?? [];
    const ofAccounts = lines.filter(({ dataCategoryId }) => dataCategoryId !== 'ref:qwerio-form-data');
    t.equal(ofAccounts.length, 4);
    t.equal(
      lines.length - ofAccounts.length,
      name === 'accounts' ? 0 : 1,
      `${name}: forms serve the purposes of all data`,
    );
    for (const { dataCategoryId, retention } of ofAccounts) {
      t.match(retention?.criteria, /^As long as the person uses the services/, `${name}: ${dataCategoryId}`);
      t.equal(retention?.afterwards, 'erase', `${name}: ${dataCategoryId} is deleted with the account`);
    }
  }
  t.match(sample.one<System>('system', 'databases'), { hostedById: 'ref:qwerio-ovh', countries: ['FR'] });
  t.same(recipient('ovh').processingCountries, ['FR'], 'data are stored in France');
  for (const { name, declaredNone, transfers } of activities) {
    t.ok(declaredNone?.includes('transfers'), `${name}: nothing leaves the European Union`);
    t.equal(transfers, undefined);
  }

  const withAuthorities = activities.filter(({ recipients }) =>
    recipients?.some(({ recipientId }) => recipientId === 'ref:qwerio-authorities'),
  );
  t.equal(withAuthorities.length, 6);
  for (const { name, recipients, declaredNone, systemIds } of withAuthorities) {
    const line = recipients?.find(({ recipientId }) => recipientId === 'ref:qwerio-authorities');
    t.equal(line?.particularInquiry, undefined, `${name}: whether in a particular inquiry is not said`);
    t.match(
      line?.circumstances,
      /tell the people concerned at once when an administrative or judicial authority asks/,
      `${name}: who are told of any request`,
    );
    t.ok(declaredNone?.includes('otherRecipients'), `${name}: nobody but those listed`);
    const listed = recipients?.map(({ recipientId }) => recipientId) ?? [];
    for (const each of ['own-use', 'subcontractors', 'telecommunications-company', 'legal-claims', 'ovh'])
      t.ok(listed.includes(`ref:qwerio-${each}`), `${name}: ${each} is said of all personal data`);
    for (const each of ['databases', 'files'])
      t.ok(systemIds?.includes(`ref:qwerio-${each}`), `${name}: ${each} in France`);
  }
  t.equal(recipient('authorities').publicBody, true);
  t.match(recipient('authorities').notes, /particular inquiry.*left open/, 'the notes tell what is not said');
  t.equal(recipient('own-use').role, 'internal');
  t.ok(activity('payments').recipients?.some(({ recipientId }) => recipientId === 'ref:qwerio-credit-card-companies'));

  const claimed = sample.all<DataCategory>('dataCategory').filter(({ claimedNonPersonal }) => claimedNonPersonal);
  t.same(
    claimed.map(({ name }) => name),
    ['General statistics on the use of the site', 'Data necessary for the basic operation of the site'],
    'what is said to be anonymous is listed, with the claim',
  );
  t.match(activity('audience-measurement').recipients, [{ recipientId: 'ref:qwerio-plausible' }]);
  for (const name of ['audience-measurement', 'site-operation'])
    t.match(
      activity(name).notes,
      /not to transfer them outside .* of all its data, and not of/,
      `${name}: said of all`,
    );
  t.match(activity('audience-measurement').description, /internal collaborators are excluded/);

  for (const { name, securityMeasureIds } of activities) {
    const encrypted = securityMeasureIds?.includes('ref:qwerio-encryption') ?? false;
    t.equal(encrypted, name === 'Online payments', `${name}: encryption is stated of payment information`);
    for (const each of ['measures', 'precautions', 'standard-measures', 'procedures', 'breach-response'])
      t.ok(securityMeasureIds?.includes(`ref:qwerio-${each}`), `${name}: ${each} are stated of all data`);
  }
  t.match(sample.one<SecurityMeasure>('securityMeasure', 'encryption'), { objectives: ['encryption'] });

  const rights = notice.rights ?? [];
  t.same(
    rights.map(({ right }) => right),
    ['access', 'rectification', 'erasure', 'complaint'],
  );
  for (const { right, how, responseTime, identityCheck } of rights.slice(0, 3)) {
    t.match(how, /https:\/\/qwerio\.net\/contact\//, `${right}: through the contact page`);
    t.equal(responseTime, 'P30D', `${right}: within 30 days`);
    t.match(identityCheck, /photocopy/, `${right}: proof of identity`);
  }
  t.match(rights[1]?.how, /log in to the account/);
  t.match(notice, { complaintAuthorities: ['FR-CNIL'], language: 'en' });
  t.equal(notice.laws?.length, 2);
});
