/** Categories of data subjects, Art. 30(1)(c). */
import { Bool, defineResource, Text } from './definition.ts';
import { byController, controllerId, vocabularyTerms } from './statements.ts';

export const dataSubjectCategory = defineResource({
  type: 'dataSubjectCategory',
  component: 'DataSubjectCategory',
  plural: 'DataSubjectCategories',
  path: 'data-subject-categories',
  nature: 'buildingBlock',
  description: 'A category of people whose data are processed.',
  article: 'Art. 30(1)(c)',
  properties: {
    controllerId,
    description: Text({ description: 'Who belongs to it.', examples: ['People who subscribed to a paid service.'] }),
    vulnerable: Bool({
      description:
        'People who cannot easily consent or object: children, employees, patients (recital 75, WP 248 criterion 7).',
      examples: [false],
    }),
    vocabularyTerms,
  },
  facets: {
    vulnerable: (content) => (content.vulnerable === undefined ? undefined : String(content.vulnerable)),
  },
  filters: {
    ...byController,
    vulnerable: { schema: Bool({ description: 'Vulnerable people.' }), by: 'facet', facet: 'vulnerable' },
  },
  example: {
    name: 'Customers',
    reference: 'customers',
    description: 'People who subscribed to a paid service, and the contacts of companies that did.',
    vulnerable: false,
    vocabularyTerms: ['dpv:Customer'],
  },
});
