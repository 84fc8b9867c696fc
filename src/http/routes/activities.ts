/** The life of an activity: submit, approve, reject, review, retire. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { datePlus } from '../../article30/calendar.ts';
import { datesOutOfOrder } from '../../article30/contradictions.ts';
import {
  Bool,
  CalendarDate,
  type Content,
  component,
  KeyOf,
  ListOf,
  type ResourceDefinition,
  Text,
} from '../../article30/definition.ts';
import { type Moment, type Retirement, reject, retire, review, type Step, submit } from '../../article30/life.ts';
import type { Look, Writer } from '../../db/records.ts';
import { targetName } from '../../db/records.ts';
import { hasLeft } from '../../register/transfers.ts';
import { carryOut, found, momentOf, type Outcome } from '../changes.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses, spaced } from '../operations.ts';
import { allowed, approved, stepped } from '../outcomes.ts';
import { headers, ifMatchHeader, keyOf, keyPath, writeHeaders } from '../parameters.ts';
import type { Permission } from '../permissions.ts';
import { Problem } from '../problems.ts';
import type { ResourceSchemas } from './resources.ts';

/** What an approver says. */
const approvalBody = component(
  'ApprovalBody',
  Type.Partial(
    Type.Object(
      {
        acceptedFindings: ListOf(
          Type.String({ pattern: '^[0-9a-f]{32}$', maxLength: 32, description: 'Id of a finding.' }),
          {
            description:
              'Ids of findings that the approver has seen and accepts. No checks run yet: an empty list says all there is to say.',
            examples: [[]],
          },
          1000,
        ),
        includeReferenced: Bool({
          description: 'Approve with it the building blocks that it names and that are not approved as they stand.',
          examples: [true],
        }),
      },
      { additionalProperties: false },
    ),
    {
      additionalProperties: false,
      description: 'What goes with an approval.',
      examples: [{ acceptedFindings: [], includeReferenced: true }],
    },
  ),
);

const retirementBody = (definition: ResourceDefinition) =>
  component(`${definition.component}RetirementBody`, {
    ...Type.Object(
      {
        endedOn: CalendarDate({
          description:
            'When the processing ended, today at the latest; the entry is kept for the period of the settings from then on.',
          examples: ['2026-10-31'],
        }),
        dataDisposal: Type.Optional(
          Text({
            description: 'What happened to the data.',
            examples: ['Erased on 2026-11-15; invoices kept for 10 years.'],
          }),
        ),
        replacedById: Type.Optional(
          KeyOf(definition.type, { description: 'The activity that takes its place.', examples: ['ref:successor'] }),
        ),
        confirmLeaves: Type.Optional(
          Bool({
            description:
              'It ended so long ago that the period of the settings is over, and the entry leaves the register at once: say `true` when that is meant.',
            default: false,
            examples: [false],
          }),
        ),
      },
      { additionalProperties: false, description: 'How and when an activity ended.' },
    ),
  });

/** Adds the steps of life of an activity to a context of tenants. */
export function activityRoutes(
  app: FastifyInstance,
  database: Databases,
  definition: ResourceDefinition,
  schemas: ResourceSchemas,
): void {
  const { type, component: name } = definition;
  const noun = spaced(name);

  const step = (
    verb: string,
    permission: Permission,
    words: { summary: string; description: string },
    plan: (seen: Look, request: FastifyRequest, writer: Writer) => Outcome | Promise<Outcome>,
    body?: TSchema,
  ) =>
    app.post(
      `/v1/${definition.path}/:key/${verb}`,
      {
        config: { permission },
        // An approval without a body says nothing more.
        preValidation: async (request) => {
          if (request.body === undefined && verb === 'approve') request.body = {};
        },
        schema: {
          operationId: `${verb}${name}`,
          tags: [definition.plural],
          ...words,
          params: keyPath,
          headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
          ...(body === undefined ? {} : { body }),
          response: responses(
            {
              200: answers(`The ${noun} as it is now.`, schemas.answer, [
                'ETag',
                'Log-Sequence',
                'Idempotency-Replayed',
              ]),
            },
            errors.steps,
          ),
        },
      },
      async (request, reply) => {
        const replacement = (request.body as { replacedById?: string } | undefined)?.replacedById;
        return carryOut(database.main, request, reply, {
          subject: { type, key: keyOf(request.params) },
          wanted: replacement === undefined ? [] : [{ type, key: replacement }],
          plan: (seen, writer) => plan(seen, request, writer),
        });
      },
    );

  const plain =
    (take: (stored: Content, seen: Look, request: FastifyRequest) => Step | undefined) =>
    (seen: Look, request: FastifyRequest) => {
      const stored = found(seen);
      return stepped(definition, request, seen, () => allowed(() => take(stored, seen, request)));
    };

  step(
    'submit',
    'submit',
    { summary: `Submits a ${noun} for approval`, description: 'A draft goes to those who may approve it.' },
    plain((stored, seen) => submit(definition, stored, momentOf(seen))),
  );
  step(
    'reject',
    'reject',
    {
      summary: `Rejects a ${noun}`,
      description: 'What is in review goes back to its editors; say why in `Change-Reason`.',
    },
    plain((stored, seen) => reject(definition, stored, momentOf(seen))),
  );
  step(
    'review',
    'review',
    {
      summary: `Confirms a ${noun} after a review`,
      description: 'Looked at, nothing to change: sets the date of this review and of the next one.',
    },
    plain((stored, seen) => review(definition, stored, momentOf(seen))),
  );
  step(
    'approve',
    'approve',
    { summary: `Approves a ${noun}`, description: 'From now on the register shows the working version.' },
    (seen, request, writer) =>
      approved(
        database,
        definition,
        request,
        seen,
        writer,
        (request.body as { includeReferenced?: boolean } | undefined)?.includeReferenced === true,
      ),
    approvalBody,
  );
  step(
    'retire',
    'retire',
    {
      summary: `Retires a ${noun}`,
      description:
        'It has ended. Its entry stays in the register, marked as ended, for the period of the settings (`endedEntriesKept`). Of what is retired already it corrects when and how it ended: one more version, and the content stays as it is.',
    },
    plain((stored, seen, request) => {
      const { confirmLeaves = false, ...given } = request.body as Retirement & { confirmLeaves?: boolean };
      const retirement = withSuccessor(definition, given, seen, stored);
      const moment = momentOf(seen);
      const next = retire(definition, stored, retirement, moment);
      if (next !== undefined) refuseImpossibleEnd(stored, retirement, moment, confirmLeaves);
      return next;
    }),
    retirementBody(definition),
  );
}

/** What stands against the day on which it is said to have ended: 422. */
function refuseImpossibleEnd(
  { startedOn }: Content,
  retirement: Retirement,
  { now, settings }: Moment,
  leaving: boolean,
): void {
  const { endedOn } = retirement;
  const today = now.slice(0, 10);
  const [flaw] = datesOutOfOrder({ startedOn, endedOn }, '', 'startedOn', 'endedOn');
  if (flaw !== undefined) refuseEnd(flaw.code, flaw.message);
  // Where the sun rises first it is tomorrow already.
  if (endedOn > datePlus(today, 'P1D')) {
    refuseEnd('inFuture', `${endedOn} is still to come: retire it when it has ended.`);
  }
  const { endedEntriesKept } = settings;
  if (!leaving && hasLeft({ retirement }, endedEntriesKept, today)) {
    refuseEnd(
      'periodOver',
      `The period for which ended entries are kept (${endedEntriesKept}) is over since ${datePlus(endedOn, endedEntriesKept)}: the entry would leave the register at once. Say \`confirmLeaves\` when that is meant.`,
    );
  }
}

function refuseEnd(code: string, message: string): never {
  throw new Problem('unprocessable', message, { errors: [{ in: 'body', pointer: '/endedOn', code, message }] });
}

/** A retirement with the id of the activity that takes its place. */
function withSuccessor(definition: ResourceDefinition, given: Retirement, seen: Look, stored: Content): Retirement {
  if (given.replacedById === undefined) return given;
  const target = seen.targets.get(targetName({ type: definition.type, key: given.replacedById }));
  if (target === undefined) {
    throw new Problem('unknown-reference', 'The body names something that does not exist.', {
      errors: [
        {
          in: 'body',
          pointer: '/replacedById',
          code: 'unknown-reference',
          message: 'There is no activity with this key.',
        },
      ],
    });
  }
  if (target.id === stored.id) {
    const message = 'An activity cannot take its own place.';
    throw new Problem('unprocessable', message, {
      errors: [{ in: 'body', pointer: '/replacedById', code: 'contradiction', message }],
    });
  }
  return { ...given, replacedById: target.id };
}
