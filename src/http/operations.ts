/** What operations say of themselves in the OpenAPI document: bodies, errors, headers of answers. */
import { type TProperties, type TSchema, Type } from 'typebox';
import { component } from '../article30/definition.ts';
import { type ProblemCode, problemResponses } from './problems.ts';

/** Errors that every operation of a tenant can answer with. */
const always: readonly ProblemCode[] = [
  'malformed-request',
  'validation-failed',
  'tenant-ambiguous',
  'unauthenticated',
  'forbidden',
  'tenant-unknown',
  'headers-too-large',
  'too-many-requests',
  'internal',
  'unavailable',
];
const whenNamed: readonly ProblemCode[] = ['not-found', 'uri-too-long'];
const whenWriting: readonly ProblemCode[] = [
  'payload-too-large',
  'unsupported-media-type',
  'idempotency-running',
  'idempotency-key-reused',
  'outcome-unknown',
  'request-timeout',
];
const whenPutting: readonly ProblemCode[] = [
  'reference-taken',
  'unknown-reference',
  'reference-cycle',
  'unprocessable',
  'state-conflict',
  'conflict',
];
const whenMatched: readonly ProblemCode[] = ['precondition-failed', 'precondition-required'];

/** Groups of errors by what an operation does. */
export const errors = {
  reads: [...always],
  readsOne: [...always, ...whenNamed],
  lists: [...always, 'invalid-cursor'],
  plans: [...always, ...whenWriting],
  creates: [...always, ...whenWriting, ...whenPutting],
  replaces: [...always, ...whenNamed, ...whenWriting, ...whenPutting, ...whenMatched],
  deletes: [...always, ...whenNamed, ...whenWriting, ...whenMatched, 'in-use', 'state-conflict', 'conflict'],
  steps: [
    ...always,
    ...whenNamed,
    ...whenWriting,
    ...whenMatched,
    'state-conflict',
    'in-use',
    'findings-not-accepted',
    'four-eyes',
    'unknown-reference',
    'unprocessable',
    'conflict',
    'reference-cycle',
  ],
} as const satisfies Record<string, readonly ProblemCode[]>;

interface AnswerHeader {
  readonly description: string;
  readonly type: 'string' | 'integer';
}

/** Headers of answers, by name. */
export const answerHeaders = {
  ETag: { description: 'The version, for If-Match and If-None-Match.', type: 'string' },
  Location: { description: 'Where the new resource is.', type: 'string' },
  'Log-Sequence': {
    description: 'The sequence of the log that this answer reflects; follow `/v1/changes` from there.',
    type: 'integer',
  },
  'Idempotency-Replayed': { description: '`true` when this is the first answer again.', type: 'string' },
  'Ropa-Warning': { description: 'Something worth a look that is no error.', type: 'string' },
  Link: { description: 'The next page (RFC 8288).', type: 'string' },
} as const satisfies Record<string, AnswerHeader>;

/** A success answer of one media type. */
export function answers(
  description: string,
  schema: TSchema,
  headers: readonly (keyof typeof answerHeaders)[] = [],
  mediaType = 'application/json',
) {
  return {
    description,
    headers: Object.fromEntries(headers.map((name) => [name, answerHeaders[name]])),
    content: { [mediaType]: { schema } },
  };
}

/**
 * The component of a page of items.
 *
 * @param members what the page has besides
 */
export function pageOf(
  name: string,
  item: TSchema,
  words: { readonly items: string; readonly page: string },
  members: TProperties = {},
) {
  return component(
    name,
    Type.Object(
      {
        ...members,
        items: Type.Array(item, { description: words.items }),
        nextCursor: Type.Optional(Type.String({ description: 'For the next page; absent on the last.' })),
      },
      { additionalProperties: false, description: words.page },
    ),
  );
}

/** The responses of an operation: its successes, and its errors as problems. */
export function responses(successes: Record<number, object>, problems: readonly ProblemCode[]) {
  return { ...successes, ...problemResponses(problems) };
}

/** "ProcessingActivity" as words in a sentence. */
export function spaced(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, ' $1').toLowerCase();
}
