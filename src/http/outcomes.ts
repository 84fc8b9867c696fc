/** What each operation on a resource makes of what stands there: the outcomes of {@link carryOut}. */
import type { FastifyRequest } from 'fastify';
import type { Content, ResourceDefinition } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import { approve, create, edit, StateConflict, type Step, stated, writableOf } from '../article30/life.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import { newId } from '../db/identifiers.ts';
import { type Answer, changeOf, type Key, type Look, look, type Wanted, type Writer } from '../db/records.ts';
import { lastEditedBy, unapprovedReached } from '../db/resources.ts';
import { folded } from '../db/search.ts';
import { canonicalize } from '../history/canonical.ts';
import {
  answerWith,
  checked,
  found,
  matches,
  momentOf,
  type Outcome,
  requireApprovedTargets,
  stale,
  wantedBy,
  withIds,
} from './changes.ts';
import type { Databases } from './context.ts';
import { spaced } from './operations.ts';
import { Problem } from './problems.ts';

/** A new resource under `reference`, or under one made from its name. */
export function created(
  definition: ResourceDefinition,
  body: Content,
  reference: string | undefined,
  seen: Look,
): Outcome {
  const writable = checked(definition, stated(definition, withIds(definition, body, seen), undefined, newId));
  const step = create(definition, writable, reference ?? newReference(body.name as string), momentOf(seen));
  if (step.approved) requireApprovedTargets(definition, writable, seen);
  const change = changeOf(definition, step);
  return {
    changes: [change],
    answer: answerWith(change.text!, change.version, 201, `/v1/${definition.path}/${change.id}`),
  };
}

/** A reference made from a name, readable and free: what chance makes equal is refused by the database. */
function newReference(name: string): string {
  const words = folded(name)
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  const chance = newId().replaceAll('-', '').slice(-8);
  return words === '' ? chance : `${words}-${chance}`;
}

/** The reference under which a resource is created at a `ref:` key; the body may repeat it, not contradict it. */
export function referenceOf(key: Key, body: Content): string {
  if (!('reference' in key))
    throw new Problem('not-found', 'There is no such resource. Only a `ref:` key can be created.');
  if (body.reference !== undefined && body.reference !== key.reference) {
    const message = 'Must be the reference of the path, or absent.';
    throw new Problem('unprocessable', message, {
      errors: [{ in: 'body', pointer: '/reference', code: 'contradiction', message }],
    });
  }
  return key.reference;
}

/**
 * Another working content: nothing to do when it is equal, even for a stale `If-Match`.
 * @param bodyFor the body that is meant, given what is stored
 */
export async function edited(
  definition: ResourceDefinition,
  request: FastifyRequest,
  seen: Look,
  bodyFor: (stored: Content) => Content,
  {
    unconditional = false,
    resolved = false,
    lookAt,
  }: { unconditional?: boolean; resolved?: boolean; lookAt?: (content: Content) => Promise<Look> } = {},
): Promise<Outcome> {
  const stored = found(seen);
  const fits = unconditional || matches(request, stored);
  let body: Content;
  try {
    const given = bodyFor(stored);
    body = resolved ? given : withIds(definition, given, seen);
  } catch (error) {
    // What names something unknown equals nothing that is stored: of a stale request it is told that it is stale.
    throw fits || !(error instanceof Problem) ? error : stale(stored);
  }
  const before = writableOf(definition, stored);
  const writable = {
    ...stated(definition, body, stored, newId),
    ...(body.reference === undefined ? { reference: before.reference } : {}),
  };
  if (canonicalize(writable) === canonicalize(before)) return { unchanged: show(stored) };
  if (!fits) throw stale(stored);
  const step = allowed(() => edit(definition, stored, checked(definition, writable), momentOf(seen)));
  if (step.approved) {
    // What is approved as it stands names only what is approved: then what the body names is all that can be wrong.
    const targets = lookAt === undefined || stored.state === 'approved' ? seen : await lookAt(writable);
    requireApprovedTargets(definition, writable, targets);
  }
  const change = changeOf(definition, step);
  return { changes: [change], answer: answerWith(change.text!, change.version) };
}

/** The outcome of a step of life: nothing when it is so already, even for a stale `If-Match`. */
export async function stepped(
  definition: ResourceDefinition,
  request: FastifyRequest,
  seen: Look,
  take: () => Step | undefined | Promise<Step | undefined>,
): Promise<Outcome> {
  const stored = found(seen);
  const fits = matches(request, stored);
  if (!fits) {
    // Of a stale request only "it is so already" is answered; what the state refuses was asked of another state.
    const idle = await Promise.resolve()
      .then(take)
      .then(
        (step) => step === undefined,
        () => false,
      );
    if (idle) return { unchanged: show(stored) };
    throw stale(stored);
  }
  const step = await take();
  if (step === undefined) return { unchanged: show(stored) };
  const change = changeOf(definition, step);
  return { changes: [change], answer: answerWith(change.text!, change.version) };
}

/** Approves a resource, and with `includeReferenced` what it names that is not approved as it stands. */
export async function approved(
  database: Databases,
  definition: ResourceDefinition,
  request: FastifyRequest,
  seen: Look,
  writer: Writer,
  includeReferenced: boolean,
): Promise<Outcome> {
  const stored = found(seen);
  const fits = matches(request, stored);
  const moment = momentOf(seen);
  if (stored.state === 'approved') return { unchanged: show(stored) };
  if (!fits) throw stale(stored);
  const step = allowed(() => approve(definition, stored, moment))!;
  const { tenant } = request;
  const others = includeReferenced
    ? await unapprovedReached(database.main, tenant, definition.type, [stored.id as string])
    : [];
  const changes = others.map(({ type, content }) => {
    const other = definitionOf(type as ResourceType);
    return changeOf(other, allowed(() => approve(other, content, moment))!);
  });
  if (!includeReferenced) {
    const wanted: Wanted[] = wantedBy(definition, stored);
    requireApprovedTargets(definition, stored, await look(database.main, writer, { type: definition.type }, wanted));
  }
  if (seen.settings.fourEyes) {
    const approvedHere = [{ type: definition.type as string, id: stored.id as string }, ...changes];
    if ((await lastEditedBy(database.main, tenant, seen.actor, approvedHere)).length > 0) {
      throw new Problem(
        'four-eyes',
        'You edited it last, or something that would be approved with it: somebody else approves it.',
      );
    }
  }
  const change = changeOf(definition, step);
  return { changes: [...changes, change], answer: answerWith(change.text!, change.version) };
}

/** Turns a step that the state does not allow into 409. */
export function allowed<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    if (error instanceof StateConflict) throw new Problem('state-conflict', error.message);
    throw error;
  }
}

function show(stored: Content): Answer {
  return answerWith(canonicalize(stored), stored.version as number);
}

export function missingName(component: string): Problem {
  const message = `A new ${spaced(component)} needs a name.`;
  return new Problem('validation-failed', message, {
    errors: [{ in: 'body', pointer: '/name', code: 'required', message }],
  });
}
