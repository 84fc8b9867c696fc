/** Systems: applications and stores in which data are processed, and where they stand. */
import type { TProperties } from 'typebox';
import {
  type Content,
  CountryOrUnion,
  defineResource,
  KeyOf,
  ListOf,
  Text,
  WebAddress,
  type Written,
} from './definition.ts';
import { unknownJurisdictions } from './reference-keys.ts';
import { byController, controllerId } from './statements.ts';

const properties = {
  controllerId,
  description: Text({ description: 'What it is and does.', examples: ['Makes and sends the invoices.'] }),
  hostedById: KeyOf('recipient', {
    description: 'The recipient that hosts it.',
    examples: ['ref:stripe'],
  }),
  countries: ListOf(
    CountryOrUnion({ description: 'ISO 3166-1 alpha-2, or `EU` or `EEA`.' }),
    {
      description: 'Where the data are stored: countries, or `EU` or `EEA` when no more is known.',
      examples: [['EU']],
    },
    300,
  ),
  locationNote: Text({
    description: 'What is known of the place, in words.',
    examples: ['Hosted primarily within the European Union.'],
  }),
  url: WebAddress({
    description: 'Address of the system or of its description.',
    examples: ['https://billing.example.com'],
  }),
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

export const system = defineResource({
  type: 'system',
  component: 'System',
  plural: 'Systems',
  path: 'systems',
  nature: 'buildingBlock',
  description: 'An application or a store in which personal data are processed.',
  article: 'Art. 4(6), 30(1)(d), 32(1)',
  properties,
  facets: { country: (content) => written(content).countries },
  filters: {
    ...byController,
    country: {
      schema: CountryOrUnion({ description: 'Where the data are stored.' }),
      by: 'facet',
      facet: 'country',
    },
  },
  check: (content) => unknownJurisdictions(written(content).countries, '/countries'),
  example: {
    name: 'Billing platform',
    reference: 'billing-platform',
    description: 'Makes and sends the invoices and follows the payments.',
    hostedById: 'ref:stripe',
    countries: ['IE', 'US'],
    locationNote: 'The application runs in Ireland; support staff read it from the United States.',
    url: 'https://billing.example.com',
  },
});
