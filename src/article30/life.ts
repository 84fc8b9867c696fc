/**
 * The life of a resource: how its content becomes the next version.
 *
 * Each step takes the stored content and gives the content after it, with the operation that the log names and whether
 * that content is what the register shows from then on. A step that the state does not allow throws
 * {@link StateConflict}. Pure: time, identifiers and settings are given.
 */
import { datePlus } from './calendar.ts';
import {
  type Content,
  commonProperties,
  metadataProperties,
  type ResourceDefinition,
  type State,
} from './definition.ts';
import type { Settings } from './settings.ts';
import { withLineIds, withoutEmpty } from './shape.ts';

/** What happened, as entries of the log name it. */
export const operations = [
  'create',
  'update',
  'discard',
  'submit',
  'approve',
  'reject',
  'retire',
  'review',
  'archive',
  'restore',
  'delete',
  'redact',
  'seal',
] as const;
export type Operation = (typeof operations)[number];

/** When, under which settings and by whom a step is taken. */
export interface Moment {
  /** RFC 3339 in UTC, three decimals. */
  readonly now: string;
  /** The random id that stands for the person in the log. */
  readonly actor: string;
  readonly settings: Settings;
  newId(): string;
}

/** One change of one resource: an entry of the log. */
export interface Step {
  readonly operation: Operation;
  /** The content after the change; null after a deletion. */
  readonly content: Content | null;
  /** Whether the register shows this content from now on. */
  readonly approved: boolean;
}

/** The state of the resource does not allow the step. */
export class StateConflict extends Error {
  override readonly name = 'StateConflict';
}

/** Metadata that every version carries. */
interface Metadata {
  id: string;
  reference: string;
  version: number;
  approvedVersion?: number;
  state: State;
  archived: boolean;
  createdAt: string;
  updatedAt: string;
}

function metadataOf(content: Content): Metadata {
  const kept: Content = {};
  for (const name of ['reference', ...Object.keys(metadataProperties)]) {
    if (content[name] !== undefined) kept[name] = content[name];
  }
  return kept as unknown as Metadata;
}

/** The members that only life steps set, as they stand in `content`. */
function managedOf(definition: ResourceDefinition, content: Content): Content {
  return pick(content, Object.keys(definition.managed ?? {}));
}

function pick(content: Content, names: readonly string[]): Content {
  return Object.fromEntries(names.filter((name) => content[name] !== undefined).map((name) => [name, content[name]]));
}

/** What a client wrote, without what the service adds: two contents with equal writable parts are the same. */
export function writableOf(definition: ResourceDefinition, content: Content): Content {
  return pick(content, [...Object.keys(commonProperties), ...Object.keys(definition.properties)]);
}

/**
 * What a body says: read-only members, empty lists and empty objects left out, and a line id on each line. Keys in it
 * are ids already.
 */
export function stated(
  definition: ResourceDefinition,
  body: Content,
  stored: Content | undefined,
  newId: () => string,
): Content {
  return withLineIds(definition, withoutEmpty(writableOf(definition, body)), stored, newId);
}

function compose(definition: ResourceDefinition, writable: Content, managed: Content, metadata: Metadata): Content {
  return { ...writable, ...(definition.derived?.compute(writable) ?? {}), ...managed, ...metadata };
}

/** Whether a saved change of this resource is approved by itself. */
export function approvesItself(definition: ResourceDefinition, settings: Settings): boolean {
  return definition.nature === 'buildingBlock' && settings.buildingBlockApproval === 'automatic';
}

/** A new resource. `writable` is as {@link stated} gives it. */
export function create(definition: ResourceDefinition, writable: Content, reference: string, moment: Moment): Step {
  const approved = approvesItself(definition, moment.settings);
  const content = compose(
    definition,
    writable,
    {},
    {
      id: moment.newId(),
      reference,
      version: 1,
      ...(approved ? { approvedVersion: 1 } : {}),
      state: approved ? 'approved' : 'draft',
      archived: false,
      createdAt: moment.now,
      updatedAt: moment.now,
    },
  );
  return { operation: 'create', content, approved };
}

/** The working version gets another content. The approved one stays in the register until this one is approved. */
export function edit(definition: ResourceDefinition, stored: Content, writable: Content, moment: Moment): Step {
  const before = metadataOf(stored);
  if (before.state === 'retired') throw new StateConflict('It is retired: its content no longer changes.');
  const approved = approvesItself(definition, moment.settings);
  const version = before.version + 1;
  const content = compose(definition, writable, managedOf(definition, stored), {
    ...before,
    reference: (writable.reference as string | undefined) ?? before.reference,
    version,
    ...(approved ? { approvedVersion: version } : {}),
    state: approved ? 'approved' : 'draft',
    updatedAt: moment.now,
  });
  return { operation: 'update', content, approved };
}

/** A step that leaves what was written as it is. */
function advance(
  definition: ResourceDefinition,
  stored: Content,
  operation: Operation,
  moment: Moment,
  approved: boolean,
  changes: Partial<Metadata>,
  managed: Content = {},
): Step {
  const before = metadataOf(stored);
  const version = before.version + 1;
  const content = compose(
    definition,
    writableOf(definition, stored),
    { ...managedOf(definition, stored), ...managed },
    {
      ...before,
      version,
      ...(approved ? { approvedVersion: version } : {}),
      updatedAt: moment.now,
      ...changes,
    },
  );
  return { operation, content, approved };
}

/** Hands a draft to those who may approve it. */
export function submit(definition: ResourceDefinition, stored: Content, moment: Moment): Step {
  const { state } = metadataOf(stored);
  if (state !== 'draft') throw new StateConflict(`Only a draft can be submitted; this is ${words[state]}.`);
  return advance(definition, stored, 'submit', moment, false, { state: 'inReview' });
}

/** Gives a submitted version back to its editors. */
export function reject(definition: ResourceDefinition, stored: Content, moment: Moment): Step {
  const { state } = metadataOf(stored);
  if (state !== 'inReview') throw new StateConflict(`Only what is in review can be rejected; this is ${words[state]}.`);
  return advance(definition, stored, 'reject', moment, false, { state: 'draft' });
}

/** From now on the register shows the working version. Undefined when it shows it already. */
export function approve(definition: ResourceDefinition, stored: Content, moment: Moment): Step | undefined {
  const { state, archived } = metadataOf(stored);
  if (state === 'approved') return undefined;
  if (state === 'retired') throw new StateConflict('It is retired: there is nothing to approve.');
  if (definition.nature === 'activity' && archived) {
    throw new StateConflict('It is archived, and what stands in the register is not hidden: restore it first.');
  }
  const managed =
    definition.nature === 'activity'
      ? {
          approvedAt: moment.now,
          approvedBy: moment.actor,
          reviewDueOn: datePlus(moment.now.slice(0, 10), moment.settings.reviewInterval),
        }
      : {};
  return advance(definition, stored, 'approve', moment, true, { state: 'approved' }, managed);
}

/** Looked at, nothing to change: an approved activity stays as it is, with the dates of this review. */
export function review(definition: ResourceDefinition, stored: Content, moment: Moment): Step {
  const { state } = metadataOf(stored);
  if (state !== 'approved') {
    throw new StateConflict(`Only an approved version can be confirmed by a review; this is ${words[state]}.`);
  }
  const today = moment.now.slice(0, 10);
  return advance(
    definition,
    stored,
    'review',
    moment,
    true,
    {},
    {
      reviewedOn: today,
      reviewDueOn: datePlus(today, moment.settings.reviewInterval),
    },
  );
}

/** What ends an activity. */
export interface Retirement {
  endedOn: string;
  dataDisposal?: string;
  replacedById?: string;
}

/**
 * The activity has ended; its entry stays in the register, marked as ended, for the period of the settings. Of one that is
 * retired it corrects when and how it ended; undefined when that is said already.
 */
export function retire(
  definition: ResourceDefinition,
  stored: Content,
  retirement: Retirement,
  moment: Moment,
): Step | undefined {
  const { state } = metadataOf(stored);
  if (state !== 'approved' && state !== 'retired') {
    throw new StateConflict(
      `Only an approved version can be retired; this is ${words[state]}. Approve it, or throw its changes away first.`,
    );
  }
  const said = (stored.retirement ?? {}) as Partial<Retirement>;
  const same = (['endedOn', 'dataDisposal', 'replacedById'] as const).every((name) => said[name] === retirement[name]);
  if (state === 'retired' && same) return undefined;
  return advance(definition, stored, 'retire', moment, true, { state: 'retired' }, { retirement });
}

/** Hides it from lists. The register does not change. Undefined when it is hidden already. */
export function archive(definition: ResourceDefinition, stored: Content, moment: Moment): Step | undefined {
  const { archived, state, approvedVersion } = metadataOf(stored);
  if (archived) return undefined;
  if (definition.nature === 'activity' && approvedVersion !== undefined && state !== 'retired') {
    throw new StateConflict('It stands in the register: retire it before it is archived.');
  }
  return advance(definition, stored, 'archive', moment, false, { archived: true });
}

/** Shows it in lists again. Undefined when it is shown already. */
export function restore(definition: ResourceDefinition, stored: Content, moment: Moment): Step | undefined {
  if (!metadataOf(stored).archived) return undefined;
  return advance(definition, stored, 'restore', moment, false, { archived: false });
}

/** Throws the changes since the approved version away. Undefined when there are none. */
export function discard(
  definition: ResourceDefinition,
  stored: Content,
  approved: Content | undefined,
  moment: Moment,
): Step | undefined {
  if (approved === undefined)
    throw new StateConflict('No version was ever approved: there is nothing to go back to. Delete it instead.');
  const before = metadataOf(stored);
  if (before.state === 'approved' || before.state === 'retired') return undefined;
  const content = compose(definition, writableOf(definition, approved), managedOf(definition, approved), {
    ...before,
    reference: metadataOf(approved).reference,
    version: before.version + 1,
    state: 'approved',
    updatedAt: moment.now,
  });
  return { operation: 'discard', content, approved: false };
}

/** Takes it away. What the register ever named stays: the database refuses it. */
export function remove(definition: ResourceDefinition, stored: Content, settings: Settings): Step {
  const { approvedVersion } = metadataOf(stored);
  if (definition.nature === 'activity' && approvedVersion !== undefined) {
    throw new StateConflict('It was approved once and belongs to the register: retire it instead.');
  }
  if (approvedVersion !== undefined && !approvesItself(definition, settings)) {
    throw new StateConflict('Somebody approved it: nobody takes it away alone. Archive it instead.');
  }
  return { operation: 'delete', content: null, approved: approvedVersion !== undefined };
}

const words: Record<State, string> = {
  draft: 'a draft',
  inReview: 'in review',
  approved: 'approved',
  retired: 'retired',
};
