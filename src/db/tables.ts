/** The tables as drizzle knows them. The migrations make them; a test holds both together. */
import { bigint, boolean, customType, date, integer, pgTable, smallint, text, timestamp, uuid } from './drizzle.ts';

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });
const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'string' });
const sequence = (name: string) => bigint(name, { mode: 'number' });

export const tenant = pgTable('tenant', {
  tenantId: uuid('tenant_id').notNull(),
  reference: text('reference').notNull(),
  createdAt: instant('created_at').notNull(),
});

export const tenantHead = pgTable('tenant_head', {
  tenantId: uuid('tenant_id').notNull(),
  size: sequence('size').notNull(),
  recordedAt: instant('recorded_at').notNull(),
  frontier: bytes('frontier').array().notNull(),
});

export const revision = pgTable('revision', {
  tenantId: uuid('tenant_id').notNull(),
  sequence: sequence('sequence').notNull(),
  resourceType: text('resource_type').notNull(),
  resourceId: uuid('resource_id').notNull(),
  reference: text('reference').notNull(),
  version: integer('version').notNull(),
  operation: text('operation').notNull(),
  approved: boolean('approved').notNull(),
  content: text('content'),
  reason: text('reason'),
  nonce: bytes('nonce'),
  contentHash: bytes('content_hash').notNull(),
  leafHash: bytes('leaf_hash').notNull(),
  actor: uuid('actor').notNull(),
  recordedAt: instant('recorded_at').notNull(),
  endedOn: date('ended_on', { mode: 'string' }),
  refs: uuid('refs').array().notNull(),
  controllers: uuid('controllers').array().notNull(),
  controllerId: uuid('controller_id'),
});

export const treeNode = pgTable('tree_node', {
  tenantId: uuid('tenant_id').notNull(),
  level: smallint('level').notNull(),
  index: bigint('index', { mode: 'number' }).notNull(),
  hash: bytes('hash').notNull(),
});

export const actor = pgTable('actor', {
  tenantId: uuid('tenant_id').notNull(),
  actorId: uuid('actor_id').notNull(),
  issuer: text('issuer').notNull(),
  subject: text('subject').notNull(),
});

export const resource = pgTable('resource', {
  tenantId: uuid('tenant_id').notNull(),
  resourceType: text('resource_type').notNull(),
  resourceId: uuid('resource_id').notNull(),
  reference: text('reference').notNull(),
  name: text('name').notNull(),
  version: integer('version').notNull(),
  approvedVersion: integer('approved_version'),
  state: text('state').notNull(),
  archived: boolean('archived').notNull(),
  createdAt: instant('created_at').notNull(),
  updatedAt: instant('updated_at').notNull(),
  searched: tsvector('searched').notNull(),
});

export const link = pgTable('link', {
  tenantId: uuid('tenant_id').notNull(),
  sourceType: text('source_type').notNull(),
  sourceId: uuid('source_id').notNull(),
  field: text('field').notNull(),
  targetType: text('target_type').notNull(),
  targetId: uuid('target_id').notNull(),
  inWorking: boolean('in_working').notNull(),
  inApproved: boolean('in_approved').notNull(),
  wasApproved: boolean('was_approved').notNull(),
});

export const facet = pgTable('facet', {
  tenantId: uuid('tenant_id').notNull(),
  resourceType: text('resource_type').notNull(),
  resourceId: uuid('resource_id').notNull(),
  facet: text('facet').notNull(),
  value: text('value').notNull(),
});

export const approvedSpan = pgTable('approved_span', {
  tenantId: uuid('tenant_id').notNull(),
  resourceType: text('resource_type').notNull(),
  resourceId: uuid('resource_id').notNull(),
  reference: text('reference').notNull(),
  validFrom: sequence('valid_from').notNull(),
  validTo: sequence('valid_to'),
  endedOn: date('ended_on', { mode: 'string' }),
  refs: uuid('refs').array().notNull(),
  controllers: uuid('controllers').array().notNull(),
  controllerId: uuid('controller_id'),
});

export const idempotency = pgTable('idempotency', {
  tenantId: uuid('tenant_id').notNull(),
  actorId: uuid('actor_id').notNull(),
  key: text('key').notNull(),
  requestHash: bytes('request_hash').notNull(),
  status: smallint('status').notNull(),
  headers: text('headers').notNull(),
  body: text('body').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true, mode: 'string' }).notNull(),
});

export const importPlan = pgTable('import_plan', {
  tenantId: uuid('tenant_id').notNull(),
  planId: uuid('plan_id').notNull(),
  source: text('source').notNull(),
  sequence: sequence('sequence').notNull(),
  state: text('state').notNull(),
  created: integer('created').notNull(),
  changed: integer('changed').notNull(),
  unchanged: integer('unchanged').notNull(),
  errors: integer('errors').notNull(),
  warnings: integer('warnings').notNull(),
  problems: text('problems').notNull(),
  actorId: uuid('actor_id').notNull(),
  createdAt: instant('created_at').notNull(),
  bytes: bigint('bytes', { mode: 'number' }).notNull(),
  appliedAt: instant('applied_at'),
  appliedBy: uuid('applied_by'),
});

export const importItem = pgTable('import_item', {
  tenantId: uuid('tenant_id').notNull(),
  planId: uuid('plan_id').notNull(),
  number: integer('number').notNull(),
  resourceType: text('resource_type').notNull(),
  resourceId: uuid('resource_id').notNull(),
  reference: text('reference').notNull(),
  version: integer('version').notNull(),
  content: text('content').notNull(),
  told: text('told').notNull(),
});

export const review = pgTable('review', {
  tenantId: uuid('tenant_id').notNull(),
  reviewId: uuid('review_id').notNull(),
  subjectType: text('subject_type').notNull(),
  subjectId: uuid('subject_id').notNull(),
  reasonDigest: bytes('reason_digest').notNull(),
  state: text('state').notNull(),
  dueOn: date('due_on', { mode: 'string' }).notNull(),
  assignee: text('assignee'),
  askedBy: uuid('asked_by').notNull(),
  completedBy: uuid('completed_by'),
});
