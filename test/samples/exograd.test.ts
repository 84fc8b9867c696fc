/** The sample register of Exograd against its policy; what it has in common with the others stands in `sample.ts`. */
import t from 'tap';
import type { DataCategory, ProcessingActivity, Recipient } from '../../src/article30/index.ts';
import { readSample, testSample } from './sample.ts';

const sample = readSample('exograd');
const { activities, notice } = sample;

testSample(sample, {
  stated: [
    ...['email', 'hostedById', 'means', 'optOut', 'period', 'maximum', 'startsOn', 'exceptions', 'responseTime'],
    ...['identityCheck', 'complaintAuthorities', 'lastChangedOn', 'legalForm'],
  ],
  grounds: [],
  // What the policy is for, and that it may change.
  promises: [
    ['scope', [5]],
    ['amendments', [84]],
  ],
});

t.test('what the policy leaves open stays open', async (t) => {
  for (const { name, purposes } of activities) {
    const bases = purposes?.flatMap(({ legalBasisIds }) => legalBasisIds ?? []) ?? [];

    t.same(bases, [], `${name}: bases`);
  }
  t.ok(sample.all<DataCategory>('dataCategory').every(({ kind }) => kind === undefined));
  for (const { name, vendor, identified } of sample.all<Recipient>('recipient'))
    t.equal(vendor !== undefined, identified, `${name}: each named vendor, and only those, has a key of the catalogue`);
});

t.test('what the policy says stands in its field', async (t) => {
  const activity = (name: string) => sample.one<ProcessingActivity>('processingActivity', name);
  const retentions = (name: string) => activity(name).dataLines?.map(({ retention }) => retention) ?? [];
  const recipients = (name: string) => activity(name).recipients?.map(({ recipientId }) => recipientId) ?? [];
  const role = (name: string) => sample.one<Recipient>('recipient', name).role;

  for (const name of [
    'fourniture-des-services',
    'communication-avec-les-clients',
    'facturation',
    'communication-commerciale',
  ])
    t.same(activity(name).means, ['manual', 'automated'], `${name}: by hand or automatically`);
  t.equal(activity('obligations-legales').means, undefined, 'said of these uses only');
  const [visitors, ...otherVisitors] = retentions('consultation-des-sites');
  t.match(
    visitors,
    { period: 'P1Y', exceptions: [/prescrivent la conservation/] },
    'visitors: one year, and as prescribed',
  );
  t.same([visitors?.maximum, visitors?.startsOn, otherVisitors], [undefined, undefined, []]);
  let customerLines = 0;
  for (const { name, dataLines } of activities) {
    for (const { dataSubjectCategoryIds, retention } of dataLines ?? []) {
      if (!dataSubjectCategoryIds?.includes('ref:exograd-clients')) continue;
      customerLines++;
      const expected = { period: 'P3Y', maximum: true, startsOn: 'Clôture du compte client' };
      t.match(retention, expected, `${name}: up to three years after the account is closed`);
      t.equal(retention?.exceptions?.length, 1, `${name}: but for what authorities prescribe`);
    }
  }
  t.ok(customerLines > 0);
  t.comment(`${customerLines} lines of customers' data`);
  t.same(retentions('exercice-des-droits'), [undefined, undefined], 'requests: nothing is said');

  t.same([role('vultr'), role('stripe'), role('mailchimp')], ['processor', 'processor', 'processor']);
  t.same([role('employes'), role('partenaires')], ['internal', undefined]);
  const access = ['ref:exograd-employes', 'ref:exograd-sous-traitants', 'ref:exograd-partenaires'];
  const withAccess = [
    'consultation-des-sites',
    'fourniture-des-services',
    'communication-avec-les-clients',
    'facturation',
  ];
  for (const name of withAccess) {
    t.same(recipients(name).slice(0, 3), access, `${name}: employees, processors and partners`);
    for (const { purpose, dataCategoryIds } of activity(name).recipients?.slice(0, 3) ?? []) {
      t.match(purpose, /^Exécution des services/, `${name}: to carry out the services`);
      const categories = activity(name).dataLines?.map(({ dataCategoryId }) => dataCategoryId);
      t.same(dataCategoryIds?.toSorted(), categories?.toSorted(), `${name}: all the data collected`);
    }
  }
  for (const name of ['communication-commerciale', 'obligations-legales'])
    t.same(recipients(name), [], `${name}: not what the services are carried out for`);
  t.same(recipients('facturation').slice(3), ['ref:exograd-stripe']);
  t.same(recipients('newsletter'), ['ref:exograd-mailchimp']);
  t.ok(recipients('fourniture-des-services').includes('ref:exograd-vultr'));

  const [communication, essential] = activity('communication-avec-les-clients').purposes ?? [];
  t.same(
    [communication?.main, communication?.optOut],
    [true, undefined],
    'only the essential e-mails cannot be stopped',
  );
  t.match(essential?.optOut, /^Impossible/);
  for (const { lineId, purposeIds } of activity('communication-avec-les-clients').dataLines ?? []) {
    const serves = purposeIds?.includes('ref:exograd-informations-importantes') ?? false;
    t.equal(serves, lineId === 'adresse-de-contact', `${lineId}: essential e-mails use the contact address`);
  }
  t.match(activity('communication-commerciale').purposes?.[0]?.optOut, /^Désactivé par défaut/);

  const rights = notice.rights ?? [];
  t.same(
    rights.map(({ right }) => right),
    ['access', 'rectification', 'erasure', 'complaint'],
  );
  for (const right of rights.slice(0, 3)) {
    t.equal(right.responseTime, 'P30D', `${right.right}: within thirty days`);
    t.ok(right.identityCheck, `${right.right}: proof of identity`);
  }
  t.ok(rights[2]?.exceptions, 'not everything is erased');
  t.match(notice, { complaintAuthorities: ['FR-CNIL'], language: 'fr', lastChangedOn: '2022-12-26' });
  t.match(sample.controllers, [
    {
      reference: 'exograd',
      registerKept: true,
      contact: { email: 'contact@exograd.com' },
      notes: /information complémentaire/,
    },
  ]);
});
