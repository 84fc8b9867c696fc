/**
 * How a request becomes a change: one look, a judgement in a fixed order, one write.
 *
 * The order (after 401, 403 and 400): the answer kept for the idempotency key; 404; 428; equal content; 412; then what
 * the state and the references allow. A retry of a deletion so gets its first answer, though nothing is there any more.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { contradictionsOf } from '../article30/contradictions.ts';
import type { Content, ResourceDefinition } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import { type Moment, writableOf } from '../article30/life.ts';
import { namedKeys, withKeys } from '../article30/shape.ts';
import type { Pool } from '../db/connection.ts';
import { newId } from '../db/identifiers.ts';
import {
  type Answer,
  append,
  type Change,
  contentLimit,
  type Key,
  type Look,
  look,
  requestHash,
  targetName,
  type Wanted,
  type Writer,
} from '../db/records.ts';
import { Refusal } from '../db/refusals.ts';
import { writerOf } from './context.ts';
import { missing, Problem, type ProblemItem } from './problems.ts';

/** What a plan makes of a look: changes to write, or nothing to do because it is so already. */
export type Outcome =
  | { readonly changes: readonly Change[]; readonly answer: Answer }
  | { readonly unchanged: Answer }
  /** Writes in a way of its own, and keeps the answer with what it writes; gives the sequence of its last entry, if any. */
  | { write(writer: Writer): Promise<number | undefined>; readonly answer: Answer };

export interface Intent {
  /** What is looked at: the type, the resource by its key, and a name to compare with the others of its type. */
  readonly subject: { readonly type: string; readonly key?: Key; readonly name?: string };
  readonly wanted?: readonly Wanted[];
  /**
   * Works the change out of what stands there. Called again when another writer was faster, unless the client said which
   * version it means.
   */
  plan(look: Look, writer: Writer): Outcome | Promise<Outcome>;
}

/** More writers than this in a row were faster: then the client is told. */
const attempts = 8;

/** Carries a change out and sends its answer. */
export async function carryOut(
  pool: Pool,
  request: FastifyRequest,
  reply: FastifyReply,
  intent: Intent,
): Promise<FastifyReply> {
  const writer = { ...writerOf(request), ...retryOf(request) };
  for (let attempt = 1; ; attempt++) {
    const seen = await look(pool, writer, intent.subject, intent.wanted);
    if (seen.kept !== undefined) {
      if (!seen.kept.same) {
        throw new Problem(
          'idempotency-key-reused',
          'This Idempotency-Key was used for another request within the last 24 hours.',
        );
      }
      return send(reply.header('idempotency-replayed', 'true'), seen.kept.answer);
    }
    const outcome = await intent.plan(seen, writer);
    if ('unchanged' in outcome) {
      // A plan that reads on its own may have met what the first request with this key wrote after the look.
      const kept = writer.retry && (await look(pool, writer, intent.subject, intent.wanted)).kept;
      if (kept !== undefined) continue;
      return send(reply, outcome.unchanged);
    }
    try {
      const sequence =
        'write' in outcome
          ? await outcome.write(writer)
          : (await append(pool, writer, seen.actor, outcome.changes, outcome.answer)).sequence;
      if (seen.nameTaken) reply.header('ropa-warning', 'name-taken; another of this type has the same name');
      if (sequence !== undefined) reply.header('log-sequence', sequence);
      return send(reply, outcome.answer);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // The next look shows what the other writer did, and the plan judges it anew.
      const again =
        error.code === 'version-conflict' || error.code === 'idempotency-done' || error.code === 'reference-taken';
      if (!again || attempt === attempts) throw problemOfRefusal(error);
      if (error.code === 'reference-taken' && attempt > 1) throw problemOfRefusal(error);
    }
  }
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status).headers(answer.headers);
  return answer.body === '' ? reply.send() : reply.send(answer.body);
}

const codes = {
  'not-found': 'not-found',
  'version-conflict': 'conflict',
  'reference-taken': 'reference-taken',
  'in-use': 'in-use',
  'state-conflict': 'state-conflict',
  outdated: 'plan-outdated',
  'idempotency-running': 'idempotency-running',
  'idempotency-done': 'conflict',
  impossible: 'unprocessable',
} as const;

export function problemOfRefusal(refusal: Refusal): Problem {
  const cycle = refusal.flaws.some(({ code }) => code === 'cycle');
  return new Problem(cycle ? 'reference-cycle' : codes[refusal.code], refusal.message, {
    errors: refusal.flaws.map((flaw) => ({ in: 'body', ...flaw })),
  });
}

const keyForm = /^[\x21-\x7e]{1,255}$/;

/** The idempotency key of a request with a hash of what the request asks for. */
function retryOf(request: FastifyRequest): Pick<Writer, 'retry'> {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return {};
  if (typeof key !== 'string' || !keyForm.test(key)) {
    const message = 'Must be 1 to 255 printable ASCII characters.';
    throw new Problem('validation-failed', `The header Idempotency-Key is not valid. ${message}`, {
      errors: [{ in: 'header', name: 'Idempotency-Key', code: 'pattern', message }],
    });
  }
  return {
    retry: { key, requestHash: requestHash([request.method, request.url, JSON.stringify(request.body ?? null)]) },
  };
}

/** Time, actor and settings of a step. */
export function momentOf(seen: Look): Moment {
  return { now: new Date().toISOString(), actor: seen.actor, settings: seen.settings, newId };
}

/** The working content, or 404. */
export function found(seen: Look): Content {
  return seen.working ?? missing();
}

/** Judges `If-Match` against the stored version: 428 when it is absent. Says whether it fits. */
export function matches(request: FastifyRequest, stored: Content): boolean {
  const header = request.headers['if-match'];
  if (header === undefined)
    throw new Problem('precondition-required', 'Send the ETag of the version that you have seen in If-Match.');
  if (header.trim() !== '*' && !listed(header).every((tag) => /^(W\/)?"[^"]*"$/.test(tag))) {
    const message = 'An ETag stands in quotes, as in If-Match: "3".';
    throw new Problem('validation-failed', `The header If-Match is not valid. ${message}`, {
      errors: [{ in: 'header', name: 'If-Match', code: 'pattern', message }],
    });
  }
  return header.trim() === '*' || listed(header).includes(etag(stored.version as number));
}

/** The entity tags of a header; weak ones never match (RFC 9110, section 8.8.3.2). */
function listed(header: string): string[] {
  return header.split(',').map((tag) => tag.trim());
}

export function stale(stored: Content): Problem {
  return new Problem('precondition-failed', `It is at version ${stored.version} now.`, {
    members: { currentVersion: stored.version as number },
    headers: { etag: etag(stored.version as number) },
  });
}

/** The entity tag of a version. */
export function etag(version: number): string {
  return `"${version}"`;
}

/** The answer that shows a content. */
export function answerWith(text: string, version: number, status = 200, location?: string): Answer {
  return answerOf(text, status, { etag: etag(version), ...(location === undefined ? {} : { location }) });
}

/** An answer of JSON text. */
export function answerOf(text: string, status: number, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'private, no-cache', ...headers },
    body: text,
  };
}

/** The targets that a body names, for a look. */
export function wantedBy(definition: ResourceDefinition, body: Content): Wanted[] {
  return namedKeys(definition, body);
}

/** What a body says, with ids for its keys. What does not exist, here or in this tenant, is named: 422. */
export function withIds(definition: ResourceDefinition, body: Content, seen: Look): Content {
  const flaws: ProblemItem[] = [];
  // Read-only members are ignored, whatever they name.
  const resolved = withKeys(definition, writableOf(definition, body), (named) => {
    const target = seen.targets.get(targetName(named));
    if (target !== undefined) return target.id;
    flaws.push({
      in: 'body',
      pointer: named.pointer,
      code: 'unknown-reference',
      message: `There is no ${named.type} with this key.`,
    });
    return named.key;
  });
  if (flaws.length > 0) {
    throw new Problem('unknown-reference', 'The body names something that does not exist.', {
      errors: flaws.slice(0, 50),
    });
  }
  return resolved;
}

/** Contradictions in a content that its schema cannot see: 422. */
export function checked(definition: ResourceDefinition, content: Content): Content {
  const flaws = contradictionsOf(definition, content);
  if (flaws.length > 0) {
    throw new Problem('unprocessable', flaws[0]!.message, {
      errors: flaws.slice(0, 50).map((flaw) => ({ in: 'body', ...flaw })),
    });
  }
  if (Buffer.byteLength(JSON.stringify(content)) > contentLimit) {
    const message = 'With ids in place of its keys it is larger than 1 MiB; say less in one resource.';
    throw new Problem('unprocessable', message, { errors: [{ in: 'body', pointer: '', code: 'maxLength', message }] });
  }
  return content;
}

/**
 * What becomes part of the register may name only building blocks that are approved themselves: else 409. Activities
 * that it names have their own life.
 */
export function requireApprovedTargets(definition: ResourceDefinition, content: Content, seen: Look): void {
  refuseUnapproved(unapprovedTargets(definition, content, seen));
}

/** What a content names that nobody has approved. */
export function unapprovedTargets(definition: ResourceDefinition, content: Content, seen: Look): ProblemItem[] {
  return namedKeys(definition, content).flatMap(({ pointer, type, key }): ProblemItem[] => {
    const target = seen.targets.get(targetName({ type, key }));
    if (target === undefined || target.approvedVersion !== null || definitionOf(type).nature === 'activity') return [];
    return [{ in: 'body', pointer, code: 'not-approved', message: `Nobody has approved this ${type}.` }];
  });
}

export function refuseUnapproved(flaws: readonly ProblemItem[]): void {
  if (flaws.length > 0) {
    throw new Problem(
      'state-conflict',
      'It names what nobody has approved; approve that first, or with it (includeReferenced).',
      { errors: flaws.slice(0, 50) },
    );
  }
}
