import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';

/**
 * What goes wrong, told by RFC 9457: every error of the service, those of the parser and of the network included, is an
 * `application/problem+json` whose `type` is one of this closed list. `openapi/problems.md` is made from it.
 */
export const PROBLEMS = {
  'malformed-request': {
    status: 400,
    title: 'The request cannot be read',
    meaning: 'The body is no valid JSON in UTF-8, or the address, a header or the request itself breaks its syntax.',
    remedy: 'Correct the syntax. Sending the same request again gives the same answer.',
  },
  'validation-failed': {
    status: 400,
    title: 'The request does not fit its schema',
    meaning: 'A field, query parameter, path part or header is missing, unknown, of the wrong type or out of bounds.',
    remedy: 'See `errors`: each entry names the place, a code and what is expected. At most 50 are listed.',
  },
  'invalid-cursor': {
    status: 400,
    title: 'The cursor is not for this list',
    meaning: 'A cursor belongs to the filters and the sort it was given with.',
    remedy: 'Repeat the filters and sort of the first page, or begin again without a cursor.',
  },
  'tenant-ambiguous': {
    status: 400,
    title: 'The token is for several tenants',
    meaning: 'The request does not say for which of the tenants of the token it is meant.',
    remedy: 'Name one in the header `Ropa-Tenant`.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid token is needed',
    meaning:
      'There is no Bearer token, or it is expired, not yet valid, for another audience, or not signed by the issuer.',
    remedy: 'Get a new token. `WWW-Authenticate` has `error="invalid_token"` when a token was sent (RFC 6750).',
  },
  forbidden: {
    status: 403,
    title: 'The role does not allow this',
    meaning: 'The token is valid, but none of its roles has the right that the operation needs.',
    remedy: 'Ask for a role that has it; `GET /v1/me` lists the rights you have.',
  },
  'tenant-unknown': {
    status: 403,
    title: 'The token does not open this tenant',
    meaning: 'The token names no tenant, or not the one asked for, or one that does not exist here.',
    remedy: 'Ask for a token whose tenant claim holds the reference of the tenant.',
  },
  'not-found': {
    status: 404,
    title: 'There is nothing here',
    meaning: 'No operation has this path, or the tenant has no such resource.',
    remedy: 'Check the path and the id or `ref:` reference.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The path does not know this method',
    meaning: 'The path exists, with other methods.',
    remedy: 'See the header `Allow`.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request came too slowly',
    meaning: 'The request was not complete in time.',
    remedy: 'Send it again.',
  },
  'reference-taken': {
    status: 409,
    title: 'The reference is taken',
    meaning: 'Another resource of this kind has the reference.',
    remedy: 'Choose another reference, or change the resource that has it.',
  },
  'in-use': {
    status: 409,
    title: 'Something still uses it',
    meaning: 'Other resources name this one, or an approved activity once named it.',
    remedy: 'See `…/usages`; remove the uses, or archive it.',
  },
  'state-conflict': {
    status: 409,
    title: 'The state does not allow this',
    meaning: 'The step does not follow from the state that the resource is in.',
    remedy: 'Read the resource and take a step that its state allows.',
  },
  'findings-not-accepted': {
    status: 409,
    title: 'Findings stand against approval',
    meaning: 'The checks found gaps that have to be mended, or accepted by name, before approval.',
    remedy: 'See `findings`: mend them, or accept those that may be accepted.',
  },
  'four-eyes': {
    status: 409,
    title: 'Somebody else has to approve',
    meaning: 'The tenant asks for four eyes: who changed it last does not approve it.',
    remedy: 'Let another person with the right to approve do it.',
  },
  'plan-outdated': {
    status: 409,
    title: 'The plan no longer fits',
    meaning: 'What the plan touches has changed since it was made.',
    remedy: 'Make the plan again.',
  },
  'idempotency-running': {
    status: 409,
    title: 'The first request is still running',
    meaning: 'A request with this `Idempotency-Key` has begun and has no outcome yet.',
    remedy: 'Wait a moment and send the same request with the same key again.',
  },
  conflict: {
    status: 409,
    title: 'Another change came first',
    meaning: 'A change at the same time made this one impossible. Nothing was changed.',
    remedy: 'Read again and repeat the change if it still makes sense.',
  },
  gone: {
    status: 410,
    title: 'It existed and is gone',
    meaning: 'A link expired or was withdrawn, or the content was erased at the request of a person (Art. 17 GDPR).',
    remedy: 'Ask for a new link; erased content does not come back.',
  },
  'precondition-failed': {
    status: 412,
    title: 'The resource has changed',
    meaning: '`If-Match` names another version than the present one, or `If-None-Match: *` met something that exists.',
    remedy: 'Read the resource, apply the change to the present version, send its `ETag`. See `currentVersion`.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    meaning:
      'The body has more bytes than the operation takes: 1 MiB unless set otherwise, 25 MiB for imports. Or it holds more than two million values.',
    remedy: 'Send less at once.',
  },
  'uri-too-long': {
    status: 414,
    title: 'The address is too long',
    meaning: 'A part of the path is longer than any id or reference.',
    remedy: 'Check the id or reference in the path.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The media type is not taken here',
    meaning: '`Content-Type` is missing or is none that the operation takes, or the body is compressed.',
    remedy: 'Send JSON as `application/json` (or `application/merge-patch+json` for PATCH), in UTF-8, uncompressed.',
  },
  'unknown-reference': {
    status: 422,
    title: 'It names something that does not exist',
    meaning: 'The body names a resource that the tenant does not have.',
    remedy: 'See `errors` for the places; create the resource first or name another.',
  },
  'reference-cycle': {
    status: 422,
    title: 'It would contain itself',
    meaning: 'The references would form a circle.',
    remedy: 'See `errors` for the place; break the circle.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'The Idempotency-Key belongs to another request',
    meaning: 'The key was used within 24 hours with another method, path or body.',
    remedy: 'Use a new key for a new request.',
  },
  unprocessable: {
    status: 422,
    title: 'The request is readable but impossible',
    meaning: 'The values fit the schema, but together they make no sense.',
    remedy: 'See `detail` and `errors`.',
  },
  'precondition-required': {
    status: 428,
    title: 'If-Match is needed',
    meaning: 'The change has to say which version it is based on, so that nobody overwrites what they have not seen.',
    remedy: 'Read the resource and send its `ETag` in `If-Match`.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    meaning:
      'The token made more requests a second than it may, or another import or plan of the tenant is being worked on.',
    remedy: 'Wait as long as `Retry-After` says.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    meaning: 'Address and headers together are larger than 16 KiB.',
    remedy: 'Send fewer or shorter headers; put long lists of filters into several requests.',
  },
  internal: {
    status: 500,
    title: 'The service failed',
    meaning: 'An error of the service itself.',
    remedy:
      'Report the `requestId`: the log of the service says more under it. Repeat a change with the same `Idempotency-Key`.',
  },
  unavailable: {
    status: 503,
    title: 'The service is not able to answer now',
    meaning:
      'The service, or something that it depends on (database, token issuer), is not there or too busy. Nothing was changed.',
    remedy: 'Send the same request again after `Retry-After` seconds.',
  },
  'outcome-unknown': {
    status: 503,
    title: 'It is not known whether the change was made',
    meaning: 'The connection to the database broke while the change was being committed.',
    remedy: 'Repeat the request with the same `Idempotency-Key`, or read the resource to see whether it changed.',
  },
} as const satisfies Record<string, { status: number; title: string; meaning: string; remedy: string }>;
export type ProblemCode = keyof typeof PROBLEMS;

export const PROBLEM_BASE = 'https://ropa.example/problems/';
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** One place in the request that is wrong. */
export interface ProblemItem {
  readonly in: 'body' | 'query' | 'path' | 'header';
  /** JSON Pointer (RFC 6901) into the body; the empty string is the whole body. */
  readonly pointer?: string;
  /** Name of the query parameter, path part or header. */
  readonly name?: string;
  /** A word for programs: a keyword of JSON Schema (`required`, `maxLength`, `format` …) or one of ours. */
  readonly code: string;
  /** A sentence for people. */
  readonly message: string;
}

/** What a problem can carry besides `detail`. */
export interface ProblemOptions {
  readonly errors?: readonly ProblemItem[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem, named in `ProblemSchema`. */
  readonly members?: { readonly findings?: readonly unknown[]; readonly currentVersion?: number };
  readonly cause?: unknown;
}

/** An error whose `detail` is written for the caller: it goes out as it stands, so it holds no fact of other tenants. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly status: number;
  /** The same, under the name by which Fastify looks for it. */
  readonly statusCode: number;
  readonly errors: readonly ProblemItem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: NonNullable<ProblemOptions['members']>;

  /** @param detail what happened this time, a sentence */
  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.statusCode = this.status;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }

  /** The body of the answer. */
  toBody(requestId: string): ProblemBody {
    return {
      type: PROBLEM_BASE + this.code,
      title: PROBLEMS[this.code].title,
      status: this.status,
      detail: this.message,
      requestId,
      ...(this.errors === undefined || this.errors.length === 0 ? {} : { errors: this.errors }),
      ...this.members,
    };
  }
}

/** @throws {Problem} 404 `not-found` */
export function missing(detail = 'There is no such resource.'): never {
  throw new Problem('not-found', detail);
}

/** 400: a body is needed, and there is none. */
export function missingBody(): Problem {
  const message = 'A JSON object is needed.';
  return new Problem('validation-failed', `The body of the request: the whole body: ${message}`, {
    errors: [{ in: 'body', pointer: '', code: 'type', message }],
  });
}

/** The body of every error. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly errors?: readonly ProblemItem[];
  readonly findings?: readonly unknown[];
  readonly currentVersion?: number;
}

/** Component `ProblemItem` of the API description. */
export const ProblemItemSchema = Type.Object(
  {
    in: Type.Unsafe<ProblemItem['in']>({
      type: 'string',
      enum: ['body', 'query', 'path', 'header'],
      description: 'The part of the request.',
    }),
    pointer: Type.Optional(
      Type.String({
        description: 'JSON Pointer (RFC 6901) into the body; empty for the whole body.',
        examples: ['/retention/period'],
      }),
    ),
    name: Type.Optional(
      Type.String({ description: 'Name of the query parameter, path part or header.', examples: ['limit'] }),
    ),
    code: Type.String({ description: 'What is wrong, as a word for programs.', examples: ['required'] }),
    message: Type.String({ description: 'What is wrong, as a sentence for people.' }),
  },
  {
    $id: 'ProblemItem',
    description: 'One place in the request that is wrong.',
    examples: [{ in: 'body', pointer: '/name', code: 'required', message: '"name" is missing.' }],
  },
);

/** Component `Problem` of the API description; names `ProblemItem`, so add both. */
export const ProblemSchema = Type.Object(
  {
    type: Type.Unsafe<string>({
      type: 'string',
      format: 'uri',
      enum: Object.keys(PROBLEMS).map((code) => PROBLEM_BASE + code),
      description: 'The kind of problem, from a closed list.',
    }),
    title: Type.String({ description: 'The kind of problem in words, always the same for a type.' }),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status.' }),
    detail: Type.String({ description: 'What happened this time.' }),
    requestId: Type.String({ description: 'Under this id the log of the service has the request.' }),
    errors: Type.Optional(
      Type.Array(Type.Unsafe<ProblemItem>({ $ref: 'ProblemItem' }), {
        maxItems: 50,
        description: 'The places in the request that are wrong.',
      }),
    ),
    findings: Type.Optional(
      Type.Array(Type.Object({}, { additionalProperties: true, description: 'A finding of the checks.' }), {
        description: 'With `findings-not-accepted`: what stands against approval.',
      }),
    ),
    currentVersion: Type.Optional(
      Type.Integer({ minimum: 1, description: 'With `precondition-failed`: the version that the resource has now.' }),
    ),
  },
  {
    $id: 'Problem',
    description: 'An error (RFC 9457). The types are listed with what to do in problems.md.',
    examples: [
      {
        type: `${PROBLEM_BASE}validation-failed`,
        title: PROBLEMS['validation-failed'].title,
        status: 400,
        detail: 'The body does not fit its schema: "name" is missing.',
        requestId: '0199b0c4-7d3e-7c1a-9d52-0d6c1f0a7b11',
        errors: [{ in: 'body', pointer: '/name', code: 'required', message: '"name" is missing.' }],
      },
    ],
  },
);

/** The description of one status in a route's `response`. */
export interface ProblemResponse {
  readonly description: string;
  readonly content: { readonly [PROBLEM_MEDIA_TYPE]: { readonly schema: { readonly $ref: string } } };
}

/**
 * The errors of an operation, for `schema.response`: one entry for each status, which names its codes.
 *
 * @param codes what the operation can answer
 */
export function problemResponses(codes: readonly ProblemCode[]): Record<number, ProblemResponse> {
  const responses: Record<number, ProblemResponse> = {};
  for (const status of new Set(codes.map((code) => PROBLEMS[code].status).sort())) {
    const named = [...new Set(codes)].filter((code) => PROBLEMS[code].status === status);
    responses[status] = {
      description: named.map((code) => `${PROBLEMS[code].title} (\`${code}\`).`).join(' '),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: 'Problem' } } },
    };
  }
  return responses;
}

/** The text of `openapi/problems.md`. */
export function problemsPage(): string {
  const sections = Object.entries(PROBLEMS).map(
    ([code, { status, title, meaning, remedy }]) =>
      `## ${code}\n\n**${title}.** ${status} ${STATUS_CODES[status]}. Type \`${PROBLEM_BASE}${code}\`.\n\n` +
      `${meaning}\n\nWhat to do: ${remedy}\n`,
  );
  return (
    '# Problems\n\n<!-- Made from src/http/problems.ts; a test compares. -->\n\n' +
    'Every error of the service is an `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail` ' +
    'and `requestId`; where places in the request are to blame, `errors` lists them. ' +
    'Programs should look at `type` or `status`; `title` and `detail` are for people.\n\n' +
    sections.join('\n')
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Turning whatever was thrown into a Problem

interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly retryAfter?: number;
}

/** Fastify's own errors, by code. Those that are not here and have no status below 500 are errors of ours. */
const frameworkErrors: Readonly<Record<string, Refusal>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'payload-too-large', detail: 'The body is larger than this operation takes.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported-media-type',
    detail: 'This operation does not take a body of this Content-Type.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'malformed-request',
    detail: 'Content-Length is not the length of the body.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'malformed-request', detail: 'The body is empty; JSON was announced.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'malformed-request', detail: 'The body is not valid JSON.' },
  FST_ERR_BAD_URL: { code: 'malformed-request', detail: 'The path of the address is wrongly percent-encoded.' },
  FST_ERR_INVALID_URL: { code: 'malformed-request', detail: 'The address is not valid.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'uri-too-long', detail: 'A part of the path is longer than any id or reference.' },
  FST_ERR_NOT_FOUND: { code: 'not-found', detail: 'No operation has this path.' },
  FST_ERR_VALIDATION: { code: 'validation-failed', detail: 'The request does not fit its schema.' },
  FST_ERR_HANDLER_TIMEOUT: { code: 'unavailable', detail: 'The request took too long.', retryAfter: 1 },
};

/** Client errors for which no code of Fastify's is known, by status. */
const statusRefusals: Readonly<Record<number, Refusal>> = {
  408: { code: 'request-timeout', detail: 'The request was not complete in time.' },
  413: frameworkErrors.FST_ERR_CTP_BODY_TOO_LARGE!,
  414: frameworkErrors.FST_ERR_MAX_PARAM_LENGTH!,
  415: frameworkErrors.FST_ERR_CTP_INVALID_MEDIA_TYPE!,
};
const malformed: Refusal = { code: 'malformed-request', detail: 'The request cannot be read.' };

const badValue: Refusal = { code: 'validation-failed', detail: 'A value cannot be stored in the form it has.' };
const tooBusy: Refusal = {
  code: 'unavailable',
  detail: 'The database is too busy or not there. Nothing was changed; send the same request again.',
  retryAfter: 2,
};
const raced: Refusal = {
  code: 'unavailable',
  detail: 'Changes at the same time got into each other’s way. Nothing was changed; send the same request again.',
  retryAfter: 1,
};

/**
 * What PostgreSQL reports, by SQLSTATE, or by class (the first two characters). Whatever is not here is an error of
 * ours: 500. Constraint names and details are never looked at: they differ between shards and hold values.
 */
const sqlStates: Readonly<Record<string, Refusal>> = {
  '23505': { code: 'conflict', detail: 'Something with the same key was made at the same time. Nothing was changed.' },
  '23503': {
    code: 'conflict',
    detail: 'Something that this names is gone, or something else still uses it. Nothing was changed.',
  },
  '23514': { code: 'unprocessable', detail: 'The values contradict a rule of the register. Nothing was changed.' },
  // Values that the schema should have refused: too long, out of range, not a date or an id, not storable as text.
  '22001': badValue,
  '22003': badValue,
  '22007': badValue,
  '22008': badValue,
  '22021': badValue,
  '22P02': badValue,
  '22P05': badValue,
  '40001': raced,
  '40P01': raced,
  '25006': tooBusy,
  '55P03': tooBusy,
  '57014': {
    code: 'unavailable',
    detail: 'The database took too long. Nothing was changed; ask for less or send the same request again.',
    retryAfter: 2,
  },
  '57': tooBusy,
  '53': tooBusy,
  '08': tooBusy,
};

/** The problem that an error is told as. A `Problem` stays what it is; what nobody foresaw becomes `internal`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  // First: its cause may be an error of PostgreSQL, which does not know the outcome.
  const unavailable = inChain(error, (link) => link.name === 'DatabaseUnavailable');
  if (unavailable !== undefined) return databaseUnavailable(unavailable);
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) {
    return refuse(sqlStates[sqlState] ?? sqlStates[sqlState.slice(0, 2)], error);
  }

  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(frameworkErrors, code) ? frameworkErrors[code] : undefined;
  if (known !== undefined) return refuse(known, error);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return refuse(statusRefusals[statusCode] ?? malformed, error);
  }
  return refuse(undefined, error);
}

function refuse(refusal: Refusal | undefined, cause: unknown): Problem {
  if (refusal === undefined) return new Problem('internal', 'The service failed; its log has the details.', { cause });
  return new Problem(refusal.code, refusal.detail, {
    cause,
    ...(refusal.retryAfter === undefined ? {} : { headers: { 'retry-after': String(refusal.retryAfter) } }),
  });
}

/** Known by name, not by class: the database part does not know of HTTP, and this part not of its pool. */
function databaseUnavailable(error: object): Problem {
  const headers = { 'retry-after': '2' };
  if ((error as { outcome?: unknown }).outcome === 'unknown') {
    return new Problem(
      'outcome-unknown',
      'The connection to the database broke during the commit: the change may have been made or not. ' +
        'Send the same request with the same Idempotency-Key again; without a key, read first.',
      { headers, cause: error },
    );
  }
  return new Problem('unavailable', tooBusy.detail, { headers, cause: error });
}

function sqlStateOf(error: unknown): string | undefined {
  // drizzle wraps the error of the driver; its own message holds the parameters, so only the code is taken.
  const found = inChain(error, (link) => link.name === 'PostgresError') as { code?: unknown } | undefined;
  return typeof found?.code === 'string' ? found.code : undefined;
}

function inChain(error: unknown, matches: (link: Error) => boolean): object | undefined {
  let link = error;
  for (let depth = 0; depth < 5 && link instanceof Error; depth++) {
    if (matches(link)) return link;
    link = link.cause;
  }
  return undefined;
}

// ---------------------------------------------------------------------------------------------------------------------
// Fastify

/**
 * Options for the constructor of the app: errors that come before any route, in Fastify (a bad address) or in Node's
 * parser (a broken request line, headers too large, a request that never ends).
 */
export const problemServerOptions = {
  frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
    sendProblem(error, request, reply);
  },
  clientErrorHandler: answerClientError,
};

/**
 * Makes the app answer every error as a problem: thrown ones, unknown paths (404), and known paths with another method
 * (405 with `Allow`). Call it on the root before routes are added.
 */
export function installProblems(app: FastifyInstance): void {
  const paths = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  // Fastify answers 404 for a known path with another method and has no question "which methods has this address";
  // so the routes are remembered as they come.
  app.addHook('onRoute', ({ url, method }) => {
    const known = paths.get(url) ?? { pattern: pathPattern(url), methods: new Set() };
    for (const each of [method].flat()) known.methods.add(each);
    paths.set(url, known);
  });
  const missing = (request: FastifyRequest): Problem => {
    const path = request.raw.url?.split('?', 1)[0] ?? '/';
    const methods = [...paths.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((each) => [...each.methods]);
    if (methods.length === 0) return new Problem('not-found', 'No operation has this path.');
    const allow = [...new Set(methods)].sort().join(', ');
    return new Problem('method-not-allowed', `This path knows ${allow}.`, { headers: { allow } });
  };
  // Before the body is read: what has no path needs no parsing.
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw missing(request);
  });
  app.setNotFoundHandler((request, reply) => {
    // Reached by `reply.callNotFound()` of a route, where the path exists and what it names does not.
    sendProblem(new Problem('not-found', 'There is nothing here.'), request, reply);
  });
  app.setErrorHandler((error, request, reply) => {
    sendProblem(error, request, reply);
  });
}

function pathPattern(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/:[A-Za-z]\w*/g, '[^/]+')}$`);
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  logProblem(problem, error, request);
  reply
    .code(problem.status)
    .headers({ ...problem.headers, 'cache-control': 'no-store' })
    .type(PROBLEM_MEDIA_TYPE)
    // As bytes: a route's serializer for this status has no say, and no charset is added to the media type.
    .send(Buffer.from(JSON.stringify(problem.toBody(request.id))));
}

/**
 * Errors of ours are logged in full, except for what could hold personal data: no message (PostgreSQL's and drizzle's
 * hold values and parameters), no body, no address. Class, SQLSTATE and the frames of the stack find the place.
 */
function logProblem(problem: Problem, error: unknown, request: FastifyRequest): void {
  const sqlState = sqlStateOf(error);
  const entry = {
    requestId: request.id,
    problem: problem.code,
    status: problem.status,
    route: request.routeOptions?.url,
    ...(sqlState === undefined ? {} : { sqlState }),
  };
  if (problem.status >= 500) {
    const cause = error instanceof Problem ? (error.cause ?? error) : error;
    request.log.error({ ...entry, errorClass: classOf(cause), frames: framesOf(cause) }, 'request failed');
  } else if (sqlState !== undefined) {
    // The caller got a 4xx, but the schema should have noticed before the database did.
    request.log.warn(entry, 'refused by the database');
  } else {
    request.log.debug(entry, 'request refused');
  }
}

function classOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}

function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return [];
  // The stack begins with the message, which may have lines that look like frames.
  const end = error.stack.indexOf(error.message) + error.message.length;
  const lines = error.stack.slice(end).split('\n');
  return lines.filter((line) => /^ {4}at \S/.test(line)).map((line) => line.trim().slice(0, 200));
}

/** Node's parser refused the request; there is no request, only a socket. */
function answerClientError(this: { log: FastifyBaseLogger }, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new Problem('headers-too-large', 'Address and headers together are larger than 16 KiB.')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? refuse(statusRefusals[408], error)
        : new Problem('malformed-request', 'This is no valid HTTP/1.1 request.');
  const requestId = randomUUID();
  this.log.debug({ requestId, problem: problem.code, errorCode: error.code }, 'request refused');
  // Bytes of an answer to an earlier request on this connection must not get this one in their middle.
  const answering = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent === true;
  if (!socket.writable || answering) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(problem.toBody(requestId));
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      `Content-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
