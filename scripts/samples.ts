/** Brings a sample register in through the service's own API, as a person with a token would. */
import { readFile } from 'node:fs/promises';
import { definitionOf } from '../src/article30/index.ts';
import type { ResourceType } from '../src/article30/resource-types.ts';

/** What the answer to an import says, as far as it is looked at here. */
interface Plan {
  readonly id: string;
  readonly created: readonly { readonly type: ResourceType; readonly reference: string }[];
  readonly problems: readonly { readonly pointer: string; readonly message: string }[];
}

/**
 * Imports what the sample holds and approves its activities, one by one.
 * @param address of the service, e.g. `http://127.0.0.1:3000`
 * @param token of somebody who may import and approve
 * @returns how many resources and activities there are now, and the sequence of the log when half of them were approved
 */
export async function bringIn(
  file: URL,
  address: string,
  token: string,
): Promise<{ resources: number; activities: number; halfway: number }> {
  const post = poster(address, token);
  const { json } = await post('/v1/imports?source=register', await readFile(file, 'utf8'));
  const { id, created, problems } = json as Plan;
  if (problems.length > 0) {
    throw new Error(`${file.pathname}: ${problems.map(({ pointer, message }) => `${pointer}: ${message}`).join('\n')}`);
  }
  await post(`/v1/imports/${id}/apply`);
  const activities = created.filter(({ type }) => definitionOf(type).nature === 'activity');
  let halfway = 0;
  for (const [index, { type, reference }] of activities.entries()) {
    const approval = JSON.stringify({ acceptedFindings: [], includeReferenced: true });
    const { sequence } = await post(`/v1/${definitionOf(type).path}/ref:${reference}/approve`, approval);
    if (index === Math.floor((activities.length - 1) / 2)) halfway = sequence;
  }
  return { resources: created.length, activities: activities.length, halfway };
}

function poster(address: string, token: string) {
  return async (path: string, body?: string): Promise<{ json: unknown; sequence: number }> => {
    const response = await fetch(address + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'if-match': '*',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    if (!response.ok) throw new Error(`POST ${path} was refused with ${response.status}: ${await response.text()}`);
    return { json: await response.json(), sequence: Number(response.headers.get('log-sequence')) };
  };
}
