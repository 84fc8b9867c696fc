/** The register's resources: one definition each. */
import type { Static, TObject, TProperties } from 'typebox';
import { controller } from './controller.ts';
import { dataCategory } from './data-category.ts';
import { dataSubjectCategory } from './data-subject-category.ts';
import type { commonProperties, ResourceDefinition } from './definition.ts';
import { legalBasis } from './legal-basis.ts';
import { notice } from './notice.ts';
import { processingActivity } from './processing-activity.ts';
import { processorActivity, processorClient } from './processor-activity.ts';
import { purpose } from './purpose.ts';
import { recipient } from './recipient.ts';
import type { ResourceType } from './resource-types.ts';
import { safeguard } from './safeguard.ts';
import { securityMeasure } from './security-measure.ts';
import { system } from './system.ts';

/** By type, in the order of the types. */
const byType = {
  controller,
  purpose,
  legalBasis,
  dataSubjectCategory,
  dataCategory,
  recipient,
  safeguard,
  securityMeasure,
  system,
  notice,
  processingActivity,
  processorActivity,
  processorClient,
} as const satisfies Record<ResourceType, unknown>;

/** All definitions, in the order of the types. */
export const definitions: readonly ResourceDefinition[] = Object.values<ResourceDefinition>(
  byType as unknown as Record<ResourceType, ResourceDefinition>,
);

/** The definition of a type. */
export function definitionOf(type: ResourceType): ResourceDefinition {
  return byType[type] as unknown as ResourceDefinition;
}

/** What a client writes of a resource: a name, and what it states. */
type Writable<P extends TProperties> = { name: string } & Partial<Static<TObject<typeof commonProperties>>> &
  Partial<Static<TObject<P>>>;

export type Controller = Writable<typeof controller.properties>;
export type Purpose = Writable<typeof purpose.properties>;
export type LegalBasis = Writable<typeof legalBasis.properties>;
export type DataSubjectCategory = Writable<typeof dataSubjectCategory.properties>;
export type DataCategory = Writable<typeof dataCategory.properties>;
export type Recipient = Writable<typeof recipient.properties>;
export type Safeguard = Writable<typeof safeguard.properties>;
export type SecurityMeasure = Writable<typeof securityMeasure.properties>;
export type System = Writable<typeof system.properties>;
export type Notice = Writable<typeof notice.properties>;
export type ProcessingActivity = Writable<typeof processingActivity.properties>;
export type ProcessorActivity = Writable<typeof processorActivity.properties>;
export type ProcessorClient = Writable<typeof processorClient.properties>;
