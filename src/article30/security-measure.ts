/** Technical and organisational security measures, Art. 30(1)(g) and 32(1). */
import type { TProperties } from 'typebox';
import { type Content, defineResource, ListOf, OneOf, Text, type Written } from './definition.ts';
import { byController, controllerId } from './statements.ts';

export const measureKinds = ['technical', 'organisational'] as const;

/**
 * What Art. 32(1) asks for: (a) pseudonymisation, encryption; (b) confidentiality, integrity, availability, resilience;
 * (c) restoration; (d) regular testing.
 */
export const securityObjectives = [
  'pseudonymisation',
  'encryption',
  'confidentiality',
  'integrity',
  'availability',
  'resilience',
  'restoration',
  'regularTesting',
] as const;

const properties = {
  controllerId,
  description: Text({
    description: 'General description of the measure, Art. 30(1)(g).',
    examples: ['Data are encrypted in transit (TLS 1.3) and at rest.'],
  }),
  kind: OneOf(measureKinds, { description: 'Technical or organisational, Art. 32(1).', examples: ['technical'] }),
  objectives: ListOf(
    OneOf(securityObjectives, { description: 'An objective of Art. 32(1).' }),
    {
      description:
        'What it serves. Art. 32(1)(a): `pseudonymisation`, `encryption`; (b): `confidentiality`, `integrity`, `availability`, `resilience`; (c): `restoration`; (d): `regularTesting`.',
      examples: [['encryption', 'confidentiality']],
    },
    securityObjectives.length,
  ),
} satisfies TProperties;

const written = (content: Content) => content as Written<typeof properties>;

export const securityMeasure = defineResource({
  type: 'securityMeasure',
  component: 'SecurityMeasure',
  plural: 'SecurityMeasures',
  path: 'security-measures',
  nature: 'buildingBlock',
  description: 'A measure that protects personal data, described in general terms.',
  article: 'Art. 30(1)(g), 32(1)',
  properties,
  facets: {
    kind: (content) => written(content).kind,
    objective: (content) => written(content).objectives,
  },
  filters: {
    ...byController,
    kind: { schema: OneOf(measureKinds, { description: 'Technical or organisational.' }), by: 'facet', facet: 'kind' },
  },
  example: {
    name: 'Encryption',
    reference: 'encryption',
    description: 'Data are encrypted in transit (TLS 1.3) and at rest (AES-256); keys are kept apart from the data.',
    kind: 'technical',
    objectives: ['encryption', 'confidentiality', 'integrity'],
  },
});
