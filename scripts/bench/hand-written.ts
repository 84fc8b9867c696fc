/** The contestant `handWritten`: its databases, on the same PostgreSQL as the service's, and its process. */
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import type { Target } from '../../src/db/embedded.ts';
import { newId } from '../../src/db/identifiers.ts';
import { type Activity, type Blocks, blockTypes, makeActivity } from './activities.ts';
import { connectionOf, withClient } from './databases.ts';
import { type ServerProcess, startServer } from './processes.ts';

export const handWrittenToken = 'constant-token';

/** Starts the server on one of its databases. */
export function startHandWritten(owner: Target, database: string): Promise<ServerProcess> {
  return startServer(new URL('./hand-written-server.ts', import.meta.url), {
    HAND_WRITTEN_TARGET: JSON.stringify(connectionOf(owner, database)),
    HAND_WRITTEN_TOKEN: handWrittenToken,
  });
}

const batch = 500;

/** Makes a database with the same activities, under the same ids, as a tenant of the service has. */
export async function loadHandWritten(
  owner: Target,
  database: string,
  blocks: Blocks,
  ids: readonly string[],
): Promise<void> {
  await withClient(owner, owner.database, (client) => client.query(`create database ${database} template template0`));
  await withClient(owner, database, async (client) => {
    await client.query(await readFile(new URL('./hand-written.sql', import.meta.url), 'utf8'));
    for (const type of blockTypes) await insert(client, tableOf(type), blocks[type]);
    for (let from = 0; from < ids.length; from += batch) {
      const some = ids.slice(from, from + batch).map((id, i) => ({ id, activity: makeActivity(blocks, from + i) }));
      const rows = tablesOf(some);
      for (const [table, ofTable] of Object.entries(rows)) await insert(client, table, ofTable);
    }
  });
}

/** The rows of activities, by table; members are named as the columns are, in camel case. */
function tablesOf(some: readonly { id: string; activity: Activity }[]): Record<string, object[]> {
  const tables: Record<string, object[]> = {
    activity: [],
    activity_purpose: [],
    activity_purpose_legal_basis: [],
    activity_data_line: [],
    activity_data_line_subject: [],
    activity_recipient: [],
    activity_transfer: [],
    activity_transfer_safeguard: [],
    activity_security_measure: [],
  };
  const add = (table: string, row: object) => void tables[table]!.push(row);
  for (const { id: activityId, activity } of some) {
    const { purposes, dataLines, recipients, transfers, securityMeasureIds, ...own } = activity;
    add('activity', { id: activityId, state: 'approved', ...own });
    for (const { legalBasisIds, ...line } of purposes) {
      const id = newId();
      add('activity_purpose', { id, activityId, ...line });
      for (const legalBasisId of legalBasisIds)
        add('activity_purpose_legal_basis', { activityPurposeId: id, legalBasisId });
    }
    for (const { dataSubjectCategoryIds, ...line } of dataLines) {
      const id = newId();
      add('activity_data_line', { id, activityId, ...line });
      for (const dataSubjectCategoryId of dataSubjectCategoryIds)
        add('activity_data_line_subject', { activityDataLineId: id, dataSubjectCategoryId });
    }
    for (const line of recipients) add('activity_recipient', { id: newId(), activityId, ...line });
    for (const { safeguardIds, ...line } of transfers) {
      const id = newId();
      add('activity_transfer', { id, activityId, ...line });
      for (const safeguardId of safeguardIds)
        add('activity_transfer_safeguard', { activityTransferId: id, safeguardId });
    }
    for (const securityMeasureId of securityMeasureIds)
      add('activity_security_measure', { activityId, securityMeasureId });
  }
  return tables;
}

function tableOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

async function insert(client: pg.Client, table: string, rows: readonly object[]): Promise<void> {
  const named = rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [tableOf(key), value])));
  const columns = Object.keys(named[0]!).join(', ');
  await client.query(
    `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`,
    [JSON.stringify(named)],
  );
}
