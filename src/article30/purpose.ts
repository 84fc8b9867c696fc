/** Purposes of processing, Art. 30(1)(b) and 5(1)(b). */
import { defineResource, Text } from './definition.ts';
import { byController, controllerId, vocabularyTerms } from './statements.ts';

export const purpose = defineResource({
  type: 'purpose',
  component: 'Purpose',
  plural: 'Purposes',
  path: 'purposes',
  nature: 'buildingBlock',
  description: 'A purpose for which personal data are processed: specified, explicit, legitimate (Art. 5(1)(b)).',
  article: 'Art. 30(1)(b)',
  properties: {
    controllerId,
    description: Text({
      description: 'The purpose in words.',
      examples: ['Collecting the fees for subscribed services.'],
    }),
    vocabularyTerms,
  },
  filters: byController,
  example: {
    name: 'Invoicing of subscribed services',
    reference: 'invoicing',
    description: 'Issuing invoices and collecting the fees for the services that the client subscribed to.',
    vocabularyTerms: ['dpv:PaymentManagement'],
  },
});
