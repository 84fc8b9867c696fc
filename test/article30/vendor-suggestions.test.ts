import t from 'tap';
import type { Content } from '../../src/article30/definition.ts';
import { catalogueSource, recipientFromVendor, vendorSuggestions } from '../../src/article30/vendor-suggestions.ts';
import { asOf } from '../../src/reference/facts.ts';
import { type Vendor, vendor, vendors } from '../../src/reference/vendors.ts';

const stripe = vendor('stripe')!;
const told = { source: catalogueSource, on: asOf };

t.test('a vendor makes a recipient of which everything is a suggestion', async (t) => {
  t.strictSame(recipientFromVendor(stripe, 'processor'), {
    name: 'Stripe',
    role: 'processor',
    identified: true,
    legalEntity: 'Stripe Payments Europe, Limited',
    country: 'IE',
    processingCountries: ['IE', 'US'],
    locationNote: stripe.processingNote,
    service: stripe.service,
    changeNoticeDays: 30,
    contract: { url: 'https://stripe.com/legal/dpa' },
    subprocessorList: { url: 'https://stripe.com/legal/service-providers' },
    vendor: { key: 'stripe', on: asOf },
    confirmation: { state: 'suggested', ...told },
  });
  t.strictSame(recipientFromVendor(stripe, 'controller'), {
    name: 'Stripe',
    role: 'controller',
    identified: true,
    legalEntity: 'Stripe Technology Company, Limited',
    country: 'IE',
    processingCountries: ['IE', 'US'],
    locationNote: stripe.processingNote,
    service: stripe.service,
    vendor: { key: 'stripe', on: asOf },
    confirmation: { state: 'suggested', ...told },
  });
  for (const each of vendors) {
    for (const role of each.roles) {
      const made = recipientFromVendor(each, role);
      t.match(made, { role, confirmation: { state: 'suggested' } }, `${each.key} as ${role}`);
      t.notOk('exists' in ((made.contract as object | undefined) ?? {}), 'whether there is a contract nobody knows');
      const entity = each.entities.find(({ name }) => name === made.legalEntity);
      t.ok(made.legalEntity === undefined || entity!.evidence !== 'unverified', 'what nobody saw is not suggested');
      t.not(entity?.role, 'representative', 'a representative contracts nothing');
    }
  }
});

t.test('differences are told member by member, and only those', async (t) => {
  const same = recipientFromVendor(stripe, 'processor');
  t.strictSame(vendorSuggestions(same, stripe), [], 'what was taken over is no difference');
  const cases: [title: string, change: Content, expected: object[]][] = [
    [
      'another entity',
      { legalEntity: 'Stripe, Inc.' },
      [
        {
          pointer: '/legalEntity',
          field: 'legalEntity',
          current: 'Stripe, Inc.',
          suggested: 'Stripe Payments Europe, Limited',
        },
      ],
    ],
    ['nothing stated', { country: undefined }, [{ pointer: '/country', field: 'country', suggested: 'IE' }]],
    [
      'fewer countries',
      { processingCountries: ['DE', 'IE'] },
      [
        {
          pointer: '/processingCountries',
          field: 'processingCountries',
          current: ['DE', 'IE'],
          suggested: ['DE', 'IE', 'US'],
        },
      ],
    ],
    ['more countries', { processingCountries: ['IE', 'IN', 'US'] }, []],
    ['own words', { locationNote: 'Dublin.', service: 'Zahlungen' }, []],
    ['no words', { service: undefined }, [{ pointer: '/service', field: 'service', suggested: stripe.service }]],
    [
      'a contract without address',
      { contract: { exists: true } },
      [{ pointer: '/contract/url', field: 'contract.url', suggested: 'https://stripe.com/legal/dpa' }],
    ],
    [
      'another address',
      { contract: { url: 'https://a.example' } },
      [
        {
          pointer: '/contract/url',
          field: 'contract.url',
          current: 'https://a.example',
          suggested: 'https://stripe.com/legal/dpa',
        },
      ],
    ],
    [
      'other days',
      { changeNoticeDays: 14 },
      [{ pointer: '/changeNoticeDays', field: 'changeNoticeDays', current: 14, suggested: 30 }],
    ],
    ['days of which the catalogue knows nothing', { objectionDays: 7 }, []],
    [
      'no vendor',
      { vendor: undefined },
      [{ pointer: '/vendor', field: 'vendor', suggested: { key: 'stripe', on: asOf } }],
    ],
  ];
  for (const [title, change, expected] of cases)
    t.strictSame(
      vendorSuggestions({ ...same, ...change }, stripe),
      expected.map((each) => ({ ...each, ...told })),
      title,
    );
  t.comment(`${cases.length} differences`);
});

t.test('what is compared is what holds in the role of the recipient', async (t) => {
  const fields = (recipient: Content, of: Vendor) =>
    vendorSuggestions({ vendor: {}, ...recipient }, of).map(({ field }) => field);
  t.strictSame(fields({ role: 'controller' }, stripe), [
    'identified',
    'legalEntity',
    'country',
    'processingCountries',
    'locationNote',
    'service',
  ]);
  t.strictSame(fields({ role: 'subprocessor' }, stripe), [
    ...['identified', 'legalEntity', 'country', 'processingCountries', 'locationNote', 'service'],
    ...['changeNoticeDays', 'contract.url', 'subprocessorList.url'],
  ]);
  t.strictSame(
    fields({}, stripe),
    ['identified', 'country', 'processingCountries', 'locationNote', 'service'],
    'of an unknown role what holds in both',
  );
  t.ok(fields({}, vendor('aws')!).includes('role'), 'a vendor in one role only suggests it');
  t.strictSame(
    fields({ role: 'controller' }, vendor('aws')!),
    [],
    'of a role that the catalogue does not know nothing',
  );
  t.strictSame(fields({ role: 'internal' }, stripe), fields({}, stripe));
});
