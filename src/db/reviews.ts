/** Reviews: what the list of them is read from, and the writing of it together with the entries of the log. */
import { createHash } from 'node:crypto';
import type { ReviewableType, ReviewState, StoredReview } from '../article30/review.ts';
import { canonicalize } from '../history/canonical.ts';
import { type Parameter, type Pool, PostgresError, type Session } from './connection.ts';
import { type Answer, append, type Change, targetName, type Writer } from './records.ts';
import { Refusal } from './refusals.ts';
import { readIds } from './resources.ts';

/** What a review is about, by type and id. */
export interface SubjectKey {
  readonly type: string;
  readonly id: string;
}

/** The name that tells subjects apart. */
export const subjectName = ({ type, id }: SubjectKey): string => `${type} ${id}`;

/** Reasons are compared word for word; they are too long for a key. */
function digestOf(reason: string): Buffer {
  return createHash('sha256').update(reason).digest();
}

/** What stands there of some subjects: how they are called, and the review that is open for the reason. */
export interface AskedSubject {
  readonly reference: string;
  readonly name: string;
  /** Id of the review. */
  readonly open: string | null;
}

/** By type and id; a subject that does not exist is absent. */
export async function readAskedSubjects(
  session: Session,
  tenant: string,
  subjects: readonly SubjectKey[],
  reason: string,
): Promise<(subject: SubjectKey) => AskedSubject | undefined> {
  const rows = await session.query<SubjectKey & AskedSubject>(
    `select r.resource_type as type, r.resource_id as id, r.reference, r.name,
       (select w.review_id from review w where w.tenant_id = $1 and w.subject_type = r.resource_type and w.subject_id = r.resource_id
          and w.reason_digest = $4 and w.state = 'open') as open
     from unnest($2::text[], $3::uuid[]) as n (type, id)
     join resource r on r.tenant_id = $1 and r.resource_type = n.type and r.resource_id = n.id`,
    [tenant, subjects.map(({ type }) => type), subjects.map(({ id }) => id), digestOf(reason)],
  );
  const found = new Map(rows.map((row) => [subjectName(row), row]));
  return (subject) => found.get(subjectName(subject));
}

/** A review as it is told: canonical JSON, with the subject under its present name and people by the subjects of their tokens. */
export interface ToldReview {
  readonly text: string;
  readonly version: number;
}

interface ReviewRow {
  id: string;
  content: string;
  version: number;
  reference: string | null;
  name: string | null;
  lastReference: string | null;
  lastName: string | null;
  askedBySubject: string | null;
  completedBySubject: string | null;
}

const actorSubject = (id: string) => `(select a.subject from actor a where a.tenant_id = $1 and a.actor_id = ${id})`;
/** Of a subject that is gone, the last that the log has of it. */
const lastKnown = (value: string) =>
  `case when s.resource_id is null then (select ${value} from revision g where g.tenant_id = $1 and g.resource_type = w.subject_type
     and g.resource_id = w.subject_id and g.content is not null order by g.version desc limit 1) end`;

/** Reviews by their ids. */
export async function readReviews(
  session: Session,
  tenant: string,
  ids: readonly string[],
): Promise<Map<string, ToldReview>> {
  if (ids.length === 0) return new Map();
  const rows = await session.query<ReviewRow>(
    `select w.review_id as id, v.content, v.version, s.reference, s.name,
       ${lastKnown('g.reference')} as "lastReference", ${lastKnown("g.content::jsonb ->> 'name'")} as "lastName",
       ${actorSubject('w.asked_by')} as "askedBySubject", ${actorSubject('w.completed_by')} as "completedBySubject"
     from review w
     join resource r on r.tenant_id = $1 and r.resource_type = 'review' and r.resource_id = w.review_id
     join revision v on v.tenant_id = $1 and v.resource_type = r.resource_type and v.resource_id = r.resource_id and v.version = r.version
     left join resource s on s.tenant_id = $1 and s.resource_type = w.subject_type and s.resource_id = w.subject_id
     where w.tenant_id = $1 and w.review_id = any ($2::uuid[])`,
    [tenant, ids],
  );
  return new Map(rows.map((row) => [row.id, { text: toldText(row), version: row.version }]));
}

function toldText({ content, reference, name, lastReference, lastName, ...people }: ReviewRow): string {
  const stored = JSON.parse(content) as StoredReview;
  const { subject } = stored;
  return canonicalize({
    ...stored,
    subject: {
      ...subject,
      reference: reference ?? lastReference ?? subject.reference,
      name: name ?? lastName ?? subject.name,
      deleted: reference === null,
    },
    ...(people.askedBySubject === null ? {} : { askedBySubject: people.askedBySubject }),
    ...(people.completedBySubject === null ? {} : { completedBySubject: people.completedBySubject }),
  });
}

/** How the list is narrowed: values of one member are alternatives, different members all hold. */
export interface ReviewFilters {
  readonly states?: readonly ReviewState[];
  readonly subjectTypes?: readonly ReviewableType[];
  /** Each as type, colon and key. */
  readonly subjects?: readonly string[];
  readonly assignees?: readonly string[];
  /** `YYYY-MM-DD`: due before this day. */
  readonly dueBefore?: string;
}

/** Where a review stands in the list. */
export interface ReviewPosition {
  /** `YYYY-MM-DD`, or `infinity` for one that is due on no day. */
  readonly due: string;
  readonly id: string;
}

/** Reviews by the day they are due, those without one last, then by id; after a position. */
export async function listReviews(
  session: Session,
  tenant: string,
  { states, subjectTypes, subjects, assignees, dueBefore }: ReviewFilters,
  after: ReviewPosition | undefined,
  limit: number,
): Promise<ReviewPosition[]> {
  const parameters: Parameter[] = [tenant, limit];
  const conditions = ['w.tenant_id = $1'];
  const parameter = (value: Parameter): string => `$${parameters.push(value)}`;
  const oneOf = (column: string, values: readonly string[] | undefined) => {
    if (values === undefined) return;
    // Equality keeps the order of an index, which a choice among several does not.
    const [only, ...others] = values;
    conditions.push(
      only !== undefined && others.length === 0
        ? `w.${column} = ${parameter(only)}`
        : `w.${column} = any (${parameter(values)}::text[])`,
    );
  };
  oneOf('state', states);
  oneOf('subject_type', subjectTypes);
  oneOf('assignee', assignees);
  if (dueBefore !== undefined) conditions.push(`w.due_on < ${parameter(dueBefore)}::date`);
  if (subjects !== undefined) {
    const found = await subjectIds(session, tenant, subjects);
    if (found.length === 0) return [];
    const pairs = found.map(({ type, id }) => `(${parameter(type)}, ${parameter(id)}::uuid)`);
    conditions.push(`(w.subject_type, w.subject_id) in (${pairs.join(', ')})`);
  }
  if (after !== undefined) {
    conditions.push(`(w.due_on, w.review_id) > (${parameter(after.due)}::date, ${parameter(after.id)}::uuid)`);
  }
  return session.query<ReviewPosition & Record<string, unknown>>(
    `select w.review_id as id, w.due_on::text as due from review w where ${conditions.join(' and ')} order by w.due_on, w.review_id limit $2`,
    parameters,
  );
}

/** Subjects that a filter names. What is gone is found by its id. */
async function subjectIds(session: Session, tenant: string, subjects: readonly string[]): Promise<SubjectKey[]> {
  const named = subjects.map((subject) => {
    const colon = subject.indexOf(':');
    return { type: subject.slice(0, colon), key: subject.slice(colon + 1) };
  });
  const ids = await readIds(session, tenant, named);
  return named.flatMap(({ type, key }) => {
    const id = ids.get(targetName({ type, key }));
    return id === undefined ? [] : [{ type, id }];
  });
}

/** The entry of the log for a review; the register shows none. */
function reviewChange(review: StoredReview, updatedAt = review.completedAt ?? review.askedAt): Change {
  const dates = { createdAt: review.askedAt, updatedAt };
  return {
    type: 'review',
    id: review.id,
    reference: review.reference,
    name: review.reference,
    version: review.version,
    text: canonicalize(review),
    step: {
      operation: review.version === 1 ? 'create' : 'update',
      approved: false,
      content: { ...review, ...dates },
    },
  };
}

/**
 * Opens reviews, all or none.
 *
 * @returns the sequence of the last entry
 * @throws Refusal `version-conflict` when one of them was opened by somebody else meanwhile
 */
export async function openReviews(
  pool: Pool,
  writer: Writer,
  reviews: readonly StoredReview[],
  answer: Answer,
): Promise<number> {
  const { tenant } = writer;
  // In one order, whatever order they are asked in: two who ask for the same at once wait, they do not block each other.
  const rows = [...reviews].sort((a, b) => (subjectName(a.subject) < subjectName(b.subject) ? -1 : 1));
  return pool.transaction({ tenant }, async (session) => {
    try {
      await session.query(
        `insert into review (tenant_id, review_id, subject_type, subject_id, reason_digest, state, due_on, assignee, asked_by)
         select $1, n.id, n.subject_type, n.subject_id, n.reason_digest, 'open', n.due_on, n.assignee, n.asked_by
         from unnest($2::uuid[], $3::text[], $4::uuid[], $5::bytea[], $6::date[], $7::text[], $8::uuid[])
           as n (id, subject_type, subject_id, reason_digest, due_on, assignee, asked_by)
         returning 1`,
        [
          tenant,
          rows.map(({ id }) => id),
          rows.map(({ subject }) => subject.type),
          rows.map(({ subject }) => subject.id),
          rows.map(({ reason }) => digestOf(reason)),
          rows.map(({ dueOn }) => dueOn ?? 'infinity'),
          rows.map(({ assignee }) => assignee ?? null),
          rows.map(({ askedBy }) => askedBy),
        ],
      );
    } catch (error) {
      if (error instanceof PostgresError && error.constraint_name?.startsWith('review_open_once')) {
        throw new Refusal('version-conflict', 'Somebody asked for the same meanwhile.');
      }
      throw error;
    }
    const { sequence } = await append(
      session,
      writer,
      reviews[0]!.askedBy,
      reviews.map((review) => reviewChange(review)),
      answer,
    );
    return sequence;
  });
}

/**
 * Gives an open review its day and its person.
 *
 * @returns the sequence of the entry
 * @throws Refusal `version-conflict` when somebody else was faster
 */
export async function moveReview(
  pool: Pool,
  writer: Writer,
  review: StoredReview,
  by: { readonly actor: string; readonly at: string },
  answer: Answer,
): Promise<number> {
  const { tenant } = writer;
  return pool.transaction({ tenant }, async (session) => {
    await session.query('update review set due_on = $3::date, assignee = $4 where tenant_id = $1 and review_id = $2', [
      ...[tenant, review.id, review.dueOn ?? 'infinity'],
      review.assignee ?? null,
    ]);
    const { sequence } = await append(session, writer, by.actor, [reviewChange(review, by.at)], answer);
    return sequence;
  });
}

/**
 * Completes a review, with what follows from it.
 *
 * @param consequences changes of what was reviewed; they stand before the review in the log
 * @returns the sequence of the last entry
 * @throws Refusal `version-conflict` when somebody else was faster
 */
export async function closeReview(
  pool: Pool,
  writer: Writer,
  review: StoredReview,
  consequences: readonly Change[],
  answer: Answer,
): Promise<number> {
  const { tenant } = writer;
  const completedBy = review.completedBy!;
  return pool.transaction({ tenant }, async (session) => {
    await session.query(
      "update review set state = 'completed', completed_by = $3 where tenant_id = $1 and review_id = $2",
      [tenant, review.id, completedBy],
    );
    const changes = [...consequences, reviewChange(review)];
    const { sequence } = await append(session, writer, completedBy, changes, answer);
    return sequence;
  });
}
