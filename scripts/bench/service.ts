/** The contestant `service`: the service as its own process, with its embedded PostgreSQL, tokens and isolation. */

import type { Content, ResourceDefinition } from '../../src/article30/definition.ts';
import { definitionOf } from '../../src/article30/index.ts';
import { approve, create, edit, type Moment, stated } from '../../src/article30/life.ts';
import { readConfig } from '../../src/config.ts';
import { createPool } from '../../src/db/connection.ts';
import { newId } from '../../src/db/identifiers.ts';
import { append, type Change, changeOf, look } from '../../src/db/records.ts';
import { createTenant } from '../../src/db/tenants.ts';
import { signLocalToken } from '../../src/http/local-tokens.ts';
import { type Activity, type Block, type Blocks, type BlockType, blockTypes, makeActivity } from './activities.ts';
import { type EmbeddedTargets, settle } from './databases.ts';
import { type ServerProcess, startServer } from './processes.ts';

const processingActivity: ResourceDefinition = definitionOf('processingActivity');

/** Starts the service as `npm start` does, on a free port. */
export function startService(dataDirectory: string, nodeOptions: readonly string[] = []): Promise<ServerProcess> {
  return startServer(
    new URL('../../src/server.ts', import.meta.url),
    // One caller makes all requests, which the limit of a token would forbid.
    { DATA_DIR: dataDirectory, PORT: '0', REQUEST_LIMIT: '0' },
    nodeOptions,
  );
}

/** A token of an editor in the tenant, who reads and writes. */
export function tokenFor(dataDirectory: string, tenant: string): Promise<string> {
  return signLocalToken(readConfig({ DATA_DIR: dataDirectory }), {
    tenantReferences: [tenant],
    roles: ['editor'],
    subject: 'bench',
    ttlSeconds: 24 * 3600,
  });
}

/** A tenant with its register. */
export interface LoadedTenant {
  readonly id: string;
  /** Ids of the activities, by number. */
  readonly ids: readonly string[];
  /** When each version of the last activity was approved. */
  readonly recordedAt: readonly string[];
}

/** Activities in one statement, and statements under way: what loads fastest on two cores. */
const activitiesOfStatement = 8;
const statementsAtOnce = 3;
/** After so many activities statistics are gathered, as autovacuum does a minute after the first writes. */
const settledAfter = 200;

/**
 * Makes a tenant with `size` approved activities, each in `versions` approved versions, by the service's own way to
 * change anything: every version is an entry of the log, and its approval another.
 */
export async function loadService(
  targets: EmbeddedTargets,
  tenant: string,
  blocks: Blocks,
  size: number,
  versions = 1,
): Promise<LoadedTenant> {
  const pool = createPool({ target: targets.service, size: statementsAtOnce, statementTimeoutMs: 60_000 });
  try {
    const made = await createTenant(pool, tenant);
    if (made === undefined) throw new Error(`The tenant ${tenant} is there already.`);
    const writer = { tenant: made.id, issuer: 'bench', subject: 'bench' };
    const { actor, settings } = await look(pool, writer, { type: 'processingActivity' });
    const moment = (): Moment => ({ now: new Date().toISOString(), actor, settings, newId });
    for (const type of blockTypes) {
      const changes = blocks[type].map((block) => blockChange(type, block, moment()));
      await append(pool, writer, actor, changes);
    }

    const ids: string[] = [];
    const recordedAt: string[] = [];
    // Kept only as long as another version will follow.
    const contents = new Map<number, Content>();
    for (let version = 1; version <= versions; version++) {
      let next = 0;
      let until = Math.min(size, settledAfter);
      let last = '';
      const work = async () => {
        while (next < until) {
          const numbers = Array.from({ length: Math.min(activitiesOfStatement, until - next) }, () => next++);
          const edits: Change[] = [];
          const approvals: Change[] = [];
          for (const number of numbers) {
            const body = bodyOf(makeActivity(blocks, number), version);
            const before = contents.get(number);
            const writable = stated(processingActivity, body, before, newId);
            const step =
              before === undefined
                ? create(processingActivity, writable, body.reference as string, moment())
                : edit(processingActivity, before, writable, moment());
            const approved = approve(processingActivity, step.content!, moment())!;
            ids[number] = approved.content!.id as string;
            if (version < versions) contents.set(number, approved.content!);
            edits.push(changeOf(processingActivity, step));
            approvals.push(changeOf(processingActivity, approved));
          }
          await append(pool, writer, actor, edits);
          const { recordedAt: at } = await append(pool, writer, actor, approvals);
          if (at > last) last = at;
        }
      };
      await Promise.all(Array.from({ length: statementsAtOnce }, work));
      if (version === 1) await settle(targets.owner, targets.owner.database);
      until = size;
      await Promise.all(Array.from({ length: statementsAtOnce }, work));
      recordedAt.push(last);
    }
    return { id: made.id, ids, recordedAt };
  } finally {
    await pool.close();
  }
}

function blockChange(type: BlockType, { id, name, description }: Block, moment: Moment): Change {
  const definition: ResourceDefinition = definitionOf(type);
  const body = Object.hasOwn(definition.properties, 'description')
    ? { name, description }
    : { name, notes: description };
  const writable = stated(definition, body, undefined, newId);
  return changeOf(definition, create(definition, writable, name.replace(' ', '-'), { ...moment, newId: () => id }));
}

/** The activity as the service's API takes it. */
export function bodyOf(activity: Activity, version = 1): Content {
  const { ownerName, ownerEmail, dataLines, ...same } = activity;
  return {
    ...same,
    notes: version === 1 ? activity.notes : `Version ${version}. ${activity.notes}`,
    owner: { name: ownerName, email: ownerEmail },
    dataLines: dataLines.map(({ source, period, startsOn, ground, ...line }) => ({
      ...line,
      sources: [{ kind: 'dataSubject', description: source }],
      retention: { period, startsOn, ground },
    })),
  };
}
