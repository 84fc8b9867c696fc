/** Applies a plan: one transaction, all or nothing. */
import type { Content } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import { create, edit, type Moment, StateConflict } from '../article30/life.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import { namedKeys } from '../article30/shape.ts';
import type { Pool, Session } from '../db/connection.ts';
import { anyUnapproved, type HeldItem, holdPlan, markApplied, readItems } from '../db/imports.ts';
import {
  type Answer,
  append,
  type Change,
  changeOf,
  keepAnswer,
  targetName,
  type Wanted,
  type Writer,
} from '../db/records.ts';
import { Refusal } from '../db/refusals.ts';

/**
 * Creates and changes what the plan says, and marks it as applied. Activities become drafts; building blocks follow the
 * tenant's rule of approval.
 *
 * @param moment the plan keeps the ids, so `newId` is not asked
 * @returns the sequence of the last entry; undefined when the plan had nothing to do
 * @throws Refusal `outdated` when what the plan touches has changed since, `state-conflict` when it was applied or has
 * errors, `not-found` when there is none
 */
export async function applyPlan(
  pool: Pool,
  writer: Writer,
  moment: Moment,
  plan: string,
  answer: Answer,
): Promise<number | undefined> {
  const { tenant } = writer;
  return pool.transaction({ tenant }, async (session) => {
    const held = await holdPlan(session, tenant, plan);
    if (held === undefined) throw new Refusal('not-found', 'There is no such plan.');
    // Of two at once with the same key the slower finds the answer of the faster.
    if (held.state === 'applied' && writer.retry !== undefined) await keepAnswer(session, writer, moment.actor, answer);
    if (held.state === 'applied') throw new Refusal('state-conflict', 'The plan was applied already.');
    if (held.errors > 0) throw new Refusal('state-conflict', 'The plan has errors: mend the file and import it again.');
    const changes = await changesOf(session, tenant, readItems(session, tenant, plan), moment);
    await markApplied(session, tenant, plan, moment.now, moment.actor);
    if (changes.length === 0) {
      await keepAnswer(session, writer, moment.actor, answer);
      return undefined;
    }
    const { sequence } = await append(session, writer, moment.actor, changes, answer).catch(refuseOutdated);
    return sequence;
  });
}

async function changesOf(
  session: Session,
  tenant: string,
  pages: AsyncIterable<HeldItem[]>,
  moment: Moment,
): Promise<Change[]> {
  const changes: Change[] = [];
  const mustBeApproved = new Map<string, Wanted>();
  for await (const items of pages) {
    for (const item of items) {
      const change = changeFrom(item, moment);
      changes.push(change);
      if (!change.step.approved) continue;
      for (const { type, key } of namedKeys(change.definition!, change.step.content!)) {
        if (definitionOf(type).nature === 'buildingBlock') mustBeApproved.set(targetName({ type, key }), { type, key });
      }
    }
  }
  // What is written with it is approved with it.
  for (const { type, id } of changes) mustBeApproved.delete(targetName({ type, key: id }));
  if (mustBeApproved.size > 0 && (await anyUnapproved(session, tenant, [...mustBeApproved.values()]))) {
    throw new Refusal('outdated', 'It names what nobody has approved, which the tenant’s rule did not ask for before.');
  }
  return changes;
}

function changeFrom({ type, id, reference, version, content, stored }: HeldItem, moment: Moment): Change {
  const definition = definitionOf(type as ResourceType);
  const writable = JSON.parse(content) as Content;
  if (stored !== undefined)
    return changeOf(
      definition,
      allowed(() => edit(definition, stored, writable, moment)),
    );
  if (version > 0) throw new Refusal('outdated', `The ${type} ${reference} has changed since.`);
  return changeOf(definition, create(definition, writable, reference, { ...moment, newId: () => id }));
}

function allowed<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    if (error instanceof StateConflict) throw new Refusal('outdated', error.message);
    throw error;
  }
}

/** What another writer did since the plan was made, or is doing now, as the database meets it. */
function refuseOutdated(error: unknown): never {
  if (!(error instanceof Refusal) || error.code === 'idempotency-running' || error.code === 'idempotency-done')
    throw error;
  if (error.flaws.some(({ code }) => code === 'cycle')) throw error;
  throw new Refusal('outdated', 'What the plan touches, or names, has changed since it was made.');
}
