/** The sample register of POINT3 against its policy; what it has in common with the others stands in `sample.ts`. */
import t from 'tap';
import type { DataCategory, ProcessingActivity, Recipient } from '../../src/article30/index.ts';
import { readSample, testSample } from './sample.ts';

const sample = readSample('point3');
const { activities, notice } = sample;
const activity = (name: string) => sample.one<ProcessingActivity>('processingActivity', name);

testSample(sample, {
  stated: ['required', 'means', 'optOut', 'declaredNone'],
  grounds: [],
  promises: [['noSale', [43]]],
});

t.test('what the policy leaves open stays open', async (t) => {
  t.same(Object.keys(sample.controllers[0] ?? {}), ['reference', 'name', 'registerKept', 'notes'], 'only a name');
  for (const { name, purposes } of activities) {
    const bases = purposes?.flatMap(({ legalBasisIds }) => legalBasisIds ?? []) ?? [];
    t.same(bases, [], `${name}: no basis is stated`);
  }
  t.equal(activity('visites').purposes, undefined, 'automatic collection: no purpose of its own is stated');
  let lines = 0;
  for (const { name, dataLines } of activities) {
    for (const { retention } of dataLines ?? []) {
      lines++;
      t.equal(retention, undefined, `${name}: no period is stated`);
    }
  }
  t.ok(lines > 0);
  t.comment(`${lines} lines of data`);

  const { role, publicBody, country, vendor } = sample.one<Recipient>('recipient', 'chambre-de-commerce');
  t.same([role, publicBody, country, vendor], [undefined, undefined, undefined, undefined]);
  const { dataCategoryIds } = activity('examens').recipients?.[0] ?? {};
  t.same(dataCategoryIds, ['ref:point3-certaines-donnees'], 'some data are disclosed, which is not stated');
  t.equal(
    notice.cookies,
    undefined,
    'cookies may be used: whether they are is not stated, nor whether consent is asked',
  );
  t.match(notice.notes, /cookies peuvent servir/);
  t.same([notice.complaintAuthorities, notice.laws, notice.lastChangedOn], [undefined, undefined, undefined]);
});

t.test('what the policy says stands in its field', async (t) => {
  t.match(activity('examens'), {
    recipients: [{ recipientId: 'ref:point3-chambre-de-commerce', purpose: 'Inscriptions aux examens.' }],
    declaredNone: ['otherRecipients'],
  });
  for (const each of activities) {
    if (each === activity('examens')) continue;
    // The team is listed where it is contacted; a list cannot stand beside the word that there is none.
    const none = each === activity('demandes') ? 'otherRecipients' : 'recipients';
    t.equal(each.recipients === undefined, none === 'recipients', `${each.name}: a list, or none`);
    t.same(each.declaredNone, [none], `${each.name}: data are disclosed in no other way`);
    const roles = each.recipients?.map(
      ({ recipientId }) => sample.one<Recipient>('recipient', recipientId.replace('ref:point3-', '')).role,
    );
    t.ok(roles?.every((role) => role === 'internal') ?? true, `${each.name}: at most within POINT3`);
  }

  // Some data go to the chamber; a device and accounts are what others may be associated with.
  const apart = ['certaines-donnees', 'appareil', 'compte-associe', 'comptes-externes'].map(
    (key) => `ref:point3-${key}`,
  );
  const collected = sample
    .all<DataCategory>('dataCategory')
    .map(({ reference }) => `ref:${reference}`)
    .filter((key) => !apart.includes(key));
  t.equal(collected.length, 12);
  for (const name of ['comptes', 'services', 'amelioration', 'communication', 'promotion', 'demandes']) {
    const { dataLines = [], purposes } = activity(name);
    t.same(
      dataLines.map(({ dataCategoryId }) => dataCategoryId),
      collected,
      `${name}: all that is collected serves it`,
    );
    const served = (purposes ?? [])
      .map(({ purposeId }) => purposeId)
      .filter((key) => key !== 'ref:point3-courriels-non-promotionnels');
    for (const { dataCategoryId, purposeIds } of dataLines)
      t.same(purposeIds, served, `${name}: ${dataCategoryId}, not for e-mails of which the policy does not say it`);
    const optional = dataLines.filter(({ required }) => required === false).map(({ lineId }) => lineId);
    t.same(optional, ['facultatives', 'autres'], `${name}: what is given by choice`);
  }
  t.match(sample.one<DataCategory>('dataCategory', 'examen').examples, [
    'date de naissance',
    'numéro de carte d’identité',
    'numéro de passeport',
  ]);

  const { operations, means, dataLines = [] } = activity('visites');
  t.same([operations, means], [['collection', 'combination'], ['automated']]);
  t.same(
    dataLines.filter(({ sources }) => sources?.some(({ kind }) => kind === 'observed')).map(({ lineId }) => lineId),
    ['provenance', 'recherche', 'interaction', 'frequentation', 'activites-en-ligne'],
  );
  t.same(
    dataLines.filter(({ sources }) => sources === undefined).map(({ dataCategoryId }) => dataCategoryId),
    ['compte-associe', 'appareil', 'comptes-externes'].map((key) => `ref:point3-${key}`),
    'what is collected may be associated with these',
  );

  t.same(activity('visites').systemIds, ['ref:point3-site']);
  t.match(activity('promotion').purposes?.[0]?.optOut, /^Désabonnement .* à tout moment/);
  t.match(activity('communication').purposes?.[1]?.optOut, /peuvent continuer/);
  t.match(activity('comptes').purposes?.[0]?.optOut, /désactivé/);
  t.same(
    notice.rights?.map(({ right }) => right),
    ['access', 'rectification'],
  );
  t.equal(notice.language, 'fr');
});
