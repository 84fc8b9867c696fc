/** Reviews: asking that something be looked at, the list of what is to be done, and saying what came of it. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { CalendarDate, type Content, component, keyPattern, OneOf, ShortText } from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import type { Moment } from '../../article30/life.ts';
import {
  askReview,
  changeReview,
  completeReview,
  confirmed,
  type Review,
  type ReviewableType,
  type ReviewCompletion,
  type ReviewPatch,
  type ReviewRequest,
  type ReviewState,
  review,
  reviewableTypes,
  reviewCompletion,
  reviewPatch,
  reviewRequest,
  reviewStates,
  type StoredReview,
} from '../../article30/review.ts';
import type { Pool } from '../../db/connection.ts';
import { fingerprint, sealCursor } from '../../db/lists.ts';
import { readHead } from '../../db/log.ts';
import { type Change, changeOf, type Look, targetName, type Writer } from '../../db/records.ts';
import { readId, readWorking } from '../../db/resources.ts';
import {
  closeReview,
  listReviews,
  moveReview,
  openReviews,
  type ReviewFilters,
  readAskedSubjects,
  readReviews,
  subjectName,
  type ToldReview,
} from '../../db/reviews.ts';
import { canonicalize } from '../../history/canonical.ts';
import { answerOf, answerWith, carryOut, etag, found, matches, momentOf, type Outcome, stale } from '../changes.ts';
import type { Databases } from '../context.ts';
import { answers, errors, pageOf, responses } from '../operations.ts';
import { allowed } from '../outcomes.ts';
import { cursorAt, pageText, refuseCursor, sendContents } from '../pages.ts';
import {
  anyOfParameter,
  cursorParameter,
  headers,
  ifMatchHeader,
  keyOf,
  keyPath,
  limitParameter,
  query,
  writeHeaders,
} from '../parameters.ts';
import { missing, missingBody, Problem, type ProblemItem } from '../problems.ts';

const type = 'review';
const tags = ['Reviews'];

const reviewList = pageOf('ReviewList', review, { items: 'The reviews of this page.', page: 'A page of reviews.' });

const askedReviews = component(
  'AskedReviews',
  Type.Object(
    { items: Type.Array(review, { description: 'A review for each subject, in the order of the subjects.' }) },
    { additionalProperties: false, description: 'What was asked for, or was open already.' },
  ),
);

interface ReviewQuery {
  readonly state?: readonly ReviewState[];
  readonly subjectType?: readonly ReviewableType[];
  readonly subject?: readonly string[];
  readonly assignee?: readonly string[];
  readonly dueBefore?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const querystring = query({
  state: anyOfParameter(OneOf(reviewStates, { description: 'A state.' }), 'Only in one of these states.'),
  subjectType: anyOfParameter(
    OneOf(reviewableTypes, { description: 'A type.' }),
    'Only of subjects of one of these types.',
  ),
  subject: anyOfParameter(
    Type.String({
      pattern: `^(${reviewableTypes.join('|')}):${keyPattern.slice(1)}`,
      maxLength: 90,
      description: 'Type of the subject, a colon, and its id or `ref:` and its reference.',
      examples: ['processingActivity:ref:invoicing'],
    }),
    'Only of one of these subjects. What was deleted is found by its id.',
  ),
  assignee: anyOfParameter(
    ShortText({ description: 'An assignee, word for word.', examples: ['Sales'] }),
    'Only of one of these assignees.',
  ),
  dueBefore: Type.Optional(
    CalendarDate({ description: 'Only what is due before this day; with `state=open` and today: what is overdue.' }),
  ),
  limit: limitParameter(),
  cursor: cursorParameter,
});

export function reviewRoutes(app: FastifyInstance, database: Databases): void {
  const pool = database.main;
  const shown = (description: string) => answers(description, review, ['ETag', 'Log-Sequence', 'Idempotency-Replayed']);

  app.get(
    '/v1/reviews',
    {
      config: { permission: 'read' },
      schema: {
        operationId: 'listReviews',
        tags,
        summary: 'Lists reviews',
        description:
          'Open and completed ones, by the day they are due, then by id; those that are due on no day come last. A repeated filter means "or", different filters mean "and".',
        headers: headers({}),
        querystring,
        response: responses({ 200: answers('A page of reviews.', reviewList, ['Link', 'Log-Sequence']) }, errors.lists),
      },
    },
    async (request, reply) => {
      const asked = request.query as ReviewQuery;
      const { limit, cursor } = asked;
      const { tenant } = request;
      const bound = fingerprint('reviews', asked);
      const position = cursor === undefined ? undefined : cursorAt(cursor, bound);
      const after = position && { due: position.key, id: position.id };
      return pool.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
        const { size } = await readHead(session, tenant);
        const places = await listReviews(session, tenant, filtersOf(asked), after, limit + 1).catch(refuseCursor);
        const page = places.slice(0, limit);
        const told = await readReviews(
          session,
          tenant,
          page.map(({ id }) => id),
        );
        const last = places.length > limit ? page.at(-1) : undefined;
        const nextCursor = last && sealCursor(bound, last.due, last.id);
        reply.header('log-sequence', size);
        const texts = page.flatMap(({ id }) => told.get(id)?.text ?? []);
        return sendContents(request, reply, texts, nextCursor);
      });
    },
  );

  app.post(
    '/v1/reviews',
    {
      config: { permission: 'askReview' },
      schema: {
        operationId: 'createReviews',
        tags,
        summary: 'Asks that activities or building blocks be looked at',
        description:
          'One or many, all or none. For a subject one review is open for each reason: asking again for what is open gives that one back as it is, with the day and the assignee that it has, and makes no entry. 201 when something new was asked for, 200 when everything was open already. The subjects themselves do not change, nor does the register.',
        headers: headers(writeHeaders),
        body: reviewRequest,
        response: responses(
          {
            200: answers('Everything was open already.', askedReviews),
            201: answers('The reviews.', askedReviews, ['Log-Sequence', 'Idempotency-Replayed']),
          },
          errors.creates,
        ),
      },
    },
    async (request, reply) => {
      const body = request.body as ReviewRequest;
      return carryOut(pool, request, reply, {
        subject: { type },
        wanted: body.subjects,
        plan: (seen, writer) => asked(pool, seen, writer, body),
      });
    },
  );

  app.get(
    '/v1/reviews/:key',
    {
      config: { permission: 'read' },
      schema: {
        operationId: 'getReview',
        tags,
        summary: 'Reads a review',
        description:
          'With the subject under the name that it has now, or had last. The `ETag` follows the review, not that name.',
        params: keyPath,
        headers: headers({}),
        response: responses({ 200: answers('The review.', review, ['ETag']) }, errors.readsOne),
      },
    },
    async (request, reply) => {
      const { tenant } = request;
      const told = await pool.transaction({ readOnly: true, tenant }, async (session) => {
        const id = (await readId(session, tenant, type, keyOf(request.params))) ?? missing();
        return (await readReviews(session, tenant, [id])).get(id) ?? missing();
      });
      reply.headers({ 'cache-control': 'private, no-cache', etag: etag(told.version) });
      return reply.type('application/json; charset=utf-8').send(told.text);
    },
  );

  app.patch(
    '/v1/reviews/:key',
    {
      config: { permission: 'askReview' },
      // Fastify finds the schema by the media type: a request without a body has neither, and would not be judged.
      preValidation: async (request) => {
        if (request.body === undefined) throw missingBody();
      },
      schema: {
        operationId: 'updateReview',
        tags,
        summary: 'Postpones or reassigns a review',
        description:
          'JSON Merge Patch (RFC 7396): `null` takes the day or the person away. Only while the review is open; to withdraw it, complete it with `withdrawn`.',
        params: keyPath,
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
        body: {
          content: {
            'application/merge-patch+json': { schema: reviewPatch },
            'application/json': { schema: reviewPatch },
          },
        },
        response: responses({ 200: shown('The review as it is now.') }, errors.steps),
      },
    },
    async (request, reply) =>
      carryOut(pool, request, reply, {
        subject: { type, key: keyOf(request.params) },
        plan: async (seen, writer) => {
          const stored = found(seen) as unknown as StoredReview;
          const fits = matches(request, seen.working!);
          const told = await readOne(pool, writer.tenant, stored.id);
          const review = changeReview(stored, request.body as ReviewPatch);
          if (review === undefined) return { unchanged: answerWith(told.text, told.version) };
          if (!fits) throw stale(seen.working!);
          if (stored.state === 'completed') throw new Problem('state-conflict', 'It is completed: ask anew.');
          return moved(pool, seen, review, told);
        },
      }),
  );

  app.post(
    '/v1/reviews/:key/complete',
    {
      config: { permission: 'review' },
      schema: {
        operationId: 'completeReview',
        tags,
        summary: 'Completes a review',
        description:
          'Says what came of it. `nothingToChange` on an approved activity confirms the activity in the same transaction, as its own `…/review` does: it gets a new version with the date of this review and of the next one. Where the activity was changed since it was approved this is 409: approve the changes or throw them away first, or complete with `changed`. What has no such date is left as it is: building blocks, activities that nobody approved yet or that have ended, and what was deleted. `changed` changes nothing but the review, and so does `withdrawn`, which needs a `note`. A completed review does not open again: the same once more is 200, anything else 409; ask anew.',
        params: keyPath,
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
        body: reviewCompletion,
        response: responses({ 200: shown('The review as it is now.') }, errors.steps),
      },
    },
    async (request, reply) => {
      const body = request.body as ReviewCompletion;
      return carryOut(pool, request, reply, {
        subject: { type, key: keyOf(request.params) },
        plan: async (seen, writer) => {
          const stored = found(seen) as unknown as StoredReview;
          const fits = matches(request, seen.working!);
          const told = await readOne(pool, writer.tenant, stored.id);
          if (stored.state === 'completed' && stored.outcome === body.outcome && stored.note === body.note) {
            return { unchanged: answerWith(told.text, told.version) };
          }
          if (!fits) throw stale(seen.working!);
          if (stored.state === 'completed') {
            throw new Problem('state-conflict', 'It was completed already, with another outcome or note.');
          }
          if (body.outcome === 'withdrawn' && body.note === undefined) {
            const message = 'Say why it is withdrawn.';
            throw new Problem('unprocessable', message, {
              errors: [{ in: 'body', pointer: '/note', code: 'required', message }],
            });
          }
          return completed(pool, seen, writer, stored, told, body);
        },
      });
    },
  );
}

function filtersOf({ state, subjectType, subject, assignee, dueBefore }: ReviewQuery): ReviewFilters {
  return {
    ...(state === undefined ? {} : { states: state }),
    ...(subjectType === undefined ? {} : { subjectTypes: subjectType }),
    ...(subject === undefined ? {} : { subjects: subject }),
    ...(assignee === undefined ? {} : { assignees: assignee }),
    ...(dueBefore === undefined ? {} : { dueBefore }),
  };
}

function readOne(pool: Pool, tenant: string, id: string): Promise<ToldReview> {
  return pool.transaction(
    { readOnly: true, tenant },
    async (session) => (await readReviews(session, tenant, [id])).get(id) ?? missing(),
  );
}

/** What a request asks for: the reviews that are open, and new ones for the other subjects. */
async function asked(pool: Pool, seen: Look, writer: Writer, body: ReviewRequest): Promise<Outcome> {
  const { tenant } = writer;
  const { subjects, reason } = body;
  const ids = subjects.map((subject) => ({ type: subject.type, id: seen.targets.get(targetName(subject))?.id }));
  const known = ids.filter((each): each is { type: ReviewableType; id: string } => each.id !== undefined);
  const { standing, open } = await pool.transaction({ readOnly: true, tenant }, async (session) => {
    const standing = await readAskedSubjects(session, tenant, known, reason);
    const open = known.flatMap((subject) => standing(subject)?.open ?? []);
    return { standing, open: await readReviews(session, tenant, open) };
  });
  const flaws = ids.flatMap((subject, index): ProblemItem[] => {
    if (subject.id !== undefined && standing({ type: subject.type, id: subject.id }) !== undefined) return [];
    const message = `There is no ${subject.type} with this key.`;
    return [{ in: 'body', pointer: `/subjects/${index}/key`, code: 'unknown-reference', message }];
  });
  if (flaws.length > 0) {
    throw new Problem('unknown-reference', 'The body names something that does not exist.', {
      errors: flaws.slice(0, 50),
    });
  }
  const moment = momentOf(seen);
  /** New ones by their subject, which may be named twice: by its id and by its reference. */
  const fresh = new Map<string, StoredReview>();
  const items = known.map((subject) => {
    const { reference, name, open: openId } = standing(subject)!;
    if (openId !== null) return open.get(openId)!.text;
    const place = subjectName(subject);
    const made = fresh.get(place) ?? askReview({ ...subject, reference, name }, body, moment);
    fresh.set(place, made);
    return canonicalize({ ...made, askedBySubject: writer.subject } satisfies Review);
  });
  const answer = answerOf(pageText(items), fresh.size > 0 ? 201 : 200);
  if (fresh.size === 0) return { unchanged: answer };
  return { answer, write: () => openReviews(pool, writer, [...fresh.values()], answer) };
}

/** An open review with another day or person. */
function moved(pool: Pool, seen: Look, changed: StoredReview, told: ToldReview): Outcome {
  const { subject, askedBySubject } = JSON.parse(told.text) as Review;
  const { now, actor } = momentOf(seen);
  // The entry of the log tells the name that the subject has now, as the answer does.
  const review: StoredReview = { ...changed, subject };
  const shown: Review = { ...review, ...(askedBySubject === undefined ? {} : { askedBySubject }) };
  const answer = answerWith(canonicalize(shown), review.version);
  return { answer, write: (writer) => moveReview(pool, writer, review, { actor, at: now }, answer) };
}

/** An open review completed, and an activity confirmed with it. */
async function completed(
  pool: Pool,
  seen: Look,
  writer: Writer,
  open: StoredReview,
  told: ToldReview,
  body: ReviewCompletion,
): Promise<Outcome> {
  const moment = momentOf(seen);
  const consequences = body.outcome === 'nothingToChange' ? await confirmation(pool, writer, open, moment) : [];
  const { subject, askedBySubject } = JSON.parse(told.text) as Review;
  // The entry of the log tells the name that the subject has now, as the answer does.
  const review = completeReview({ ...open, subject }, body, moment);
  const shown: Review = {
    ...review,
    ...(askedBySubject === undefined ? {} : { askedBySubject }),
    completedBySubject: writer.subject,
  };
  const answer = answerWith(canonicalize(shown), review.version);
  return { answer, write: () => closeReview(pool, writer, review, consequences, answer) };
}

async function confirmation(pool: Pool, writer: Writer, { subject }: StoredReview, moment: Moment): Promise<Change[]> {
  const definition = definitionOf(subject.type);
  const stored = await readWorking(pool, writer.tenant, subject.type, { id: subject.id });
  if (stored === undefined) return [];
  const step = allowed(() => confirmed(definition, JSON.parse(stored.text) as Content, moment));
  return step === undefined ? [] : [changeOf(definition, step)];
}
