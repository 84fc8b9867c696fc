/** The sample register of Exograd against its policy; what it has in common with the others stands in `sample.ts`. */
import t from 'tap';
import type { DataCategory, ProcessingActivity, Recipient } from '../../src/article30/index.ts';
import { readSample, testSample } from './sample.ts';

const sample = readSample('exograd');
const { activities, notice } = sample;

testSample(sample, {
  stated: [
    ...['email', 'hostedById', 'means', 'optOut', 'period', 'maximum', 'startsOn', 'exceptions', 'responseTime'],
    ...['identityCheck', 'complaintAuthorities', 'lastChangedOn'],
  ],
  grounds: ['legalObligation'],
  // What the policy is for, and that it may change.
  promises: [
    ['scope', [5]],
    ['amendments', [84]],
  ],
});

t.test('what the policy leaves open stays open', async (t) => {
  for (const { name, purposes } of activities) {
    const bases = purposes?.flatMap(({ legalBasisIds }) => legalBasisIds ?? []) ?? [];
    const stated = name === 'Respect des obligations légales' ? ['ref:exograd-obligation-legale'] : [];
    t.same(bases, stated, `${name}: bases`);
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

  t.same(retentions('consultation-des-sites'), [{ period: 'P1Y' }], 'visitors: one year');
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
  t.same(recipients('facturation'), ['ref:exograd-stripe']);
  t.same(recipients('newsletter'), ['ref:exograd-mailchimp']);
  t.ok(recipients('fourniture-des-services').includes('ref:exograd-vultr'));

  t.match(activity('fourniture-des-services').means, ['manual', 'automated']);
  t.match(activity('communication-essentielle').purposes?.[0]?.optOut, /^Impossible/);
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
    { reference: 'exograd', registerKept: true, contact: { email: 'contact@exograd.com' } },
  ]);
});
