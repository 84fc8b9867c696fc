/** Parameters that many operations share, each with its one definition. */
import type { FastifyRequest } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { keyPattern, states } from '../article30/definition.ts';
import { sorts } from '../db/lists.ts';
import { type Key, readKey } from '../db/records.ts';
import { missing, Problem } from './problems.ts';

/** `{key}` in a path. */
export const keyParameter = Type.String({
  pattern: keyPattern,
  maxLength: 68,
  description: 'Id of the resource, or `ref:` and its reference.',
  examples: ['ref:stripe'],
});

export const limitParameter = (most = 200, usual = 50) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: most,
      default: usual,
      description: `How many items at most; ${usual} when absent.`,
      examples: [usual],
    }),
  );

export const cursorParameter = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 2_000,
    description: '`nextCursor` of the page before, with the same filters and sort.',
  }),
);

/** A repeatable query parameter: any of the values. */
export const anyOfParameter = (items: TSchema, description: string) =>
  Type.Optional(Type.Array(items, { maxItems: 100, description }));

/** Query parameters of every list of working versions. */
export const listParameters = {
  limit: limitParameter(),
  cursor: cursorParameter,
  sort: Type.Optional(
    Type.Unsafe<(typeof sorts)[number]>({
      type: 'string',
      enum: [...sorts],
      default: 'reference',
      description:
        'Order of the items; a minus turns it round. `name` and `reference` follow the code points of Unicode, the same in every language: capitals come before small letters, letters with accents last.',
    }),
  ),
  id: anyOfParameter(keyParameter, 'Only these, by id or `ref:` key; repeat it for several.'),
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Words that must all occur; beginnings suffice, case and accents do not count. Searched are name, reference and `description`, and of processing activities the department, the name of the owner, `purpose` of recipients and `internationalOrganisation` of transfers; of processor activities the categories of processing; of controllers the names of data protection officer and representative, and the registration numbers; of legal bases title and reference of the law, the interest, and the title of the contract; of recipients `legalEntity` and `service`; of safeguards `statedAs`, the reference of the document and `entity` of the check; of notices address and texts of the statements: together the first 20,000 characters. What a resource names is not searched with it.',
      examples: ['payment'],
    }),
  ),
  state: anyOfParameter(Type.Unsafe<string>({ type: 'string', enum: [...states] }), 'Only in one of these states.'),
  archived: Type.Optional(
    Type.Boolean({ default: false, description: '`false`: what is not archived; `true`: only what is.' }),
  ),
  updatedSince: Type.Optional(
    Type.String({ format: 'date-time', maxLength: 35, description: 'Changed at or after this time (RFC 3339).' }),
  ),
} satisfies TProperties;

export const ifMatchHeader = Type.Optional(
  Type.String({
    maxLength: 200,
    description: 'The `ETag` of the version that the change is made for, or `*` (RFC 9110, section 13.1.1).',
    examples: ['"3"'],
  }),
);
export const ifNoneMatchHeader = Type.Optional(
  Type.String({
    maxLength: 2_000,
    description: 'The `ETag` that you have: 304 when it is still the present one (RFC 9110, section 13.1.2).',
    examples: ['"3"'],
  }),
);
/** The header of a write that only creates (RFC 9110, section 13.1.2). */
export const onlyWhenNoneHeader = Type.Optional(
  Type.String({ maxLength: 200, description: '`*`: only when there is none yet.', examples: ['*'] }),
);

/**
 * Whether `If-None-Match: *` stands before a write.
 *
 * @throws {Problem} 400 `validation-failed` for anything but `*`
 */
export function isOnlyWhenNone(request: FastifyRequest): boolean {
  const header = request.headers['if-none-match'];
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  const message = 'Only `*` makes sense here.';
  throw new Problem('validation-failed', `The header If-None-Match is not valid. ${message}`, {
    errors: [{ in: 'header', name: 'If-None-Match', code: 'enum', message }],
  });
}

/** Headers that every write takes. */
export const writeHeaders = {
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'A key of your own that makes a blind retry safe: the same request with the same key within 24 hours gets the first answer again.',
      examples: ['5f0c1e8a-sync-2026-11-22'],
    }),
  ),
  'change-reason': Type.Optional(
    Type.String({
      maxLength: 4_000,
      description: 'Why this is changed; kept in the log. Up to 1,000 characters.',
      examples: ['New contract of 2026-11-20'],
    }),
  ),
} satisfies TProperties;

/** The header that chooses among the tenants of a token. */
export const tenantHeader = {
  'ropa-tenant': Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'Which tenant of the token is meant, when it is for several.',
      examples: ['default'],
    }),
  ),
} satisfies TProperties;

/** Headers of a request: those named, and others that are none of our business. */
export const headers = (properties: TProperties) =>
  Type.Object({ ...tenantHeader, ...properties }, { additionalProperties: true });

/** A query in which nothing unknown may stand. */
export const query = (properties: TProperties) => Type.Object(properties, { additionalProperties: false });

export const keyPath = Type.Object({ key: keyParameter }, { additionalProperties: false });

/** The key of a path, whose form the schema has judged. */
export function keyOf(params: unknown): Key {
  return readKey((params as { key: string }).key) ?? missing();
}
