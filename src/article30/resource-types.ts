/** The types of resource that the register keeps, as the log, references and the database name them. */
export const resourceTypes = [
  'controller',
  'purpose',
  'legalBasis',
  'dataSubjectCategory',
  'dataCategory',
  'recipient',
  'safeguard',
  'securityMeasure',
  'system',
  'notice',
  'processingActivity',
  'processorActivity',
  'processorClient',
] as const;

export type ResourceType = (typeof resourceTypes)[number];
