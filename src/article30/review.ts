/**
 * Reviews: somebody asks that an activity or a building block be looked at, and somebody says what came of it. What is
 * recorded has to be reviewed and updated where necessary, Art. 24(1), and compliance monitored, Art. 39(1)(b).
 *
 * A review is a resource of its own with entries in the log. It is no part of the register: asking for one changes nothing
 * of what it is about.
 */
import { type Static, type TSchema, Type } from 'typebox';
import {
  CalendarDate,
  type Content,
  component,
  Instant,
  keyPattern,
  ListOf,
  metadataProperties,
  OneOf,
  type ResourceDefinition,
  ShortText,
} from './definition.ts';
import { type Moment, review as reviewStep, StateConflict, type Step } from './life.ts';
import { type ResourceType, resourceTypes } from './resource-types.ts';

/** What can be asked to be looked at. Clients of a processor activity are looked at with it, or as controllers. */
export type ReviewableType = Exclude<ResourceType, 'processorClient'>;
export const reviewableTypes = resourceTypes.filter((type): type is ReviewableType => type !== 'processorClient');

export const reviewStates = ['open', 'completed'] as const;
export type ReviewState = (typeof reviewStates)[number];

/** So many things can be asked to be looked at in one call. */
const subjectsAtMost = 500;

const subjectType = OneOf(reviewableTypes, { description: 'Type of the subject.', examples: ['processingActivity'] });

const asked = {
  reason: Type.String({
    minLength: 1,
    maxLength: 1_000,
    description: 'Why it should be looked at. Word for word the same reason asks for the same review.',
    examples: ['The payment provider was replaced.'],
  }),
  dueOn: CalendarDate({ description: 'The day until which it should be done.', examples: ['2027-01-31'] }),
  assignee: ShortText({ description: 'Who should do it: a person or a team, as you call them.', examples: ['Sales'] }),
};

const came = {
  outcome: OneOf(['nothingToChange', 'changed', 'withdrawn'], {
    description:
      '`nothingToChange`: it stands as it is; `changed`: it was changed, by changes of its own; `withdrawn`: nobody looks at it any more, and `note` says why.',
    examples: ['nothingToChange'],
  }),
  note: Type.String({
    minLength: 1,
    maxLength: 4_000,
    description: 'What was looked at, in words.',
    examples: ['Contract and sub-processors compared with the record.'],
  }),
};

/** What somebody asks for. */
export const reviewRequest = component(
  'ReviewRequest',
  Type.Object(
    {
      subjects: {
        ...ListOf(
          component(
            'ReviewSubjectKey',
            Type.Object(
              {
                type: subjectType,
                key: Type.String({
                  pattern: keyPattern,
                  maxLength: 68,
                  description: 'Its id, or `ref:` and its reference.',
                  examples: ['ref:invoicing'],
                }),
              },
              { additionalProperties: false, description: 'An activity or a building block.' },
            ),
          ),
          { description: `What is to be looked at: a review each, up to ${subjectsAtMost}.` },
          subjectsAtMost,
        ),
        minItems: 1,
      },
      reason: asked.reason,
      dueOn: Type.Optional(asked.dueOn),
      assignee: Type.Optional(asked.assignee),
    },
    {
      additionalProperties: false,
      description: 'That something be looked at: for all subjects the same reason, day and person.',
      examples: [
        {
          subjects: [
            { type: 'processingActivity', key: 'ref:invoicing' },
            { type: 'recipient', key: 'ref:stripe' },
          ],
          reason: 'The payment provider was replaced.',
          dueOn: '2027-01-31',
          assignee: 'Sales',
        },
      ],
    },
  ),
);
export type ReviewRequest = Static<typeof reviewRequest>;

/** What came of it. */
export const reviewCompletion = component(
  'ReviewCompletion',
  Type.Object(
    { outcome: came.outcome, note: Type.Optional(came.note) },
    {
      additionalProperties: false,
      description: 'What came of a review.',
      examples: [{ outcome: 'nothingToChange', note: 'Contract and sub-processors compared with the record.' }],
    },
  ),
);
export type ReviewCompletion = Static<typeof reviewCompletion>;

const orNull = <S extends TSchema>(schema: S) => ({ ...schema, type: ['string', 'null'] });

/** What changes an open review (JSON Merge Patch, RFC 7396). */
export const reviewPatch = component(
  'ReviewPatch',
  Type.Unsafe<ReviewPatch>(
    Type.Partial(Type.Object({ dueOn: orNull(asked.dueOn), assignee: orNull(asked.assignee) }), {
      additionalProperties: false,
      description: 'Another day or another person; `null` takes it away.',
      examples: [{ dueOn: '2027-02-28', assignee: 'Legal' }],
    }),
  ),
);
export interface ReviewPatch {
  readonly dueOn?: string | null;
  readonly assignee?: string | null;
}

const actor = (words: string) => Type.String({ format: 'uuid', description: `Random id of who ${words}.` });
const actorSubject = (words: string) =>
  Type.String({
    description: `Subject of the token of who ${words}, as long as it is kept.`,
    examples: ['dpo@example.com'],
  });

/** A review as answered. */
export const review = component(
  'Review',
  Type.Object(
    {
      id: metadataProperties.id,
      reference: Type.String({ description: 'Its short key, generated.', examples: ['invoicing-6b1e7c3a'] }),
      version: metadataProperties.version,
      state: OneOf(reviewStates, { description: '`open` until it is completed.', examples: ['open'] }),
      subject: component(
        'ReviewSubject',
        Type.Object(
          {
            type: subjectType,
            id: Type.String({ format: 'uuid', description: 'Its id.' }),
            reference: Type.String({ description: 'Its reference.', examples: ['invoicing'] }),
            name: Type.String({ description: 'Its name.', examples: ['Invoicing'] }),
            deleted: Type.Boolean({
              description: 'It is not there any more: reference and name are the last that it had.',
              examples: [false],
            }),
          },
          { additionalProperties: false, description: 'What is looked at, under the name that it has now.' },
        ),
      ),
      reason: asked.reason,
      dueOn: Type.Optional(asked.dueOn),
      assignee: Type.Optional(asked.assignee),
      askedAt: Instant({ description: 'When it was asked for (RFC 3339, UTC).' }),
      askedBy: actor('asked for it'),
      askedBySubject: Type.Optional(actorSubject('asked for it')),
      completedAt: Type.Optional(Instant({ description: 'When it was completed (RFC 3339, UTC).' })),
      completedBy: Type.Optional(actor('completed it')),
      completedBySubject: Type.Optional(actorSubject('completed it')),
      outcome: Type.Optional(came.outcome),
      note: Type.Optional(came.note),
    },
    { additionalProperties: false, description: 'That something was asked to be looked at, and what came of it.' },
  ),
);
export type Review = Static<typeof review>;

/** What the log keeps: people by their random ids only. */
export type StoredReview = Omit<Review, 'askedBySubject' | 'completedBySubject'>;

/** A review that somebody asks for. */
export function askReview(
  subject: Omit<Review['subject'], 'deleted'>,
  { reason, dueOn, assignee }: Pick<ReviewRequest, 'reason' | 'dueOn' | 'assignee'>,
  moment: Moment,
): StoredReview {
  const id = moment.newId();
  return {
    id,
    // Readable, and free: the end of an id is chance.
    reference: `${subject.reference.slice(0, 55)}-${id.replaceAll('-', '').slice(-8)}`,
    version: 1,
    state: 'open',
    subject: { ...subject, deleted: false },
    reason,
    ...(dueOn === undefined ? {} : { dueOn }),
    ...(assignee === undefined ? {} : { assignee }),
    askedAt: moment.now,
    askedBy: moment.actor,
  };
}

/** An open review with another day or person. Undefined when it has them already. */
export function changeReview(open: StoredReview, patch: ReviewPatch): StoredReview | undefined {
  const { dueOn: day, assignee: person, ...rest } = open;
  const dueOn = patch.dueOn === undefined ? day : (patch.dueOn ?? undefined);
  const assignee = patch.assignee === undefined ? person : (patch.assignee ?? undefined);
  if (dueOn === day && assignee === person) return undefined;
  return {
    ...rest,
    version: open.version + 1,
    ...(dueOn === undefined ? {} : { dueOn }),
    ...(assignee === undefined ? {} : { assignee }),
  };
}

/** An open review, completed. */
export function completeReview(
  open: StoredReview,
  { outcome, note }: ReviewCompletion,
  { now, actor: completedBy }: Moment,
): StoredReview {
  return {
    ...open,
    version: open.version + 1,
    state: 'completed',
    completedAt: now,
    completedBy,
    outcome,
    ...(note === undefined ? {} : { note }),
  };
}

/**
 * What "nothing to change" makes of the subject itself: of an approved activity its own review step, which sets the date of
 * the next one. Undefined where there is no such date: building blocks, what was never approved, what has ended.
 *
 * @throws StateConflict when the register shows an approved version and the working one differs: confirming it would leave
 * the activity overdue while the review looks done
 */
export function confirmed(definition: ResourceDefinition, subject: Content, moment: Moment): Step | undefined {
  if (definition.nature !== 'activity' || subject.approvedVersion === undefined || subject.state === 'retired') {
    return undefined;
  }
  if (subject.state !== 'approved') {
    throw new StateConflict(
      'The activity was changed since it was approved: approve the changes or throw them away first, or complete the review with `changed`.',
    );
  }
  return reviewStep(definition, subject, moment);
}
