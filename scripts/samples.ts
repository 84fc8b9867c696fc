/** Brings a sample register in through the service's own API, as a person with a token would. */
import { readFile } from 'node:fs/promises';
import type { Content, ResourceDefinition } from '../src/article30/definition.ts';
import { definitions } from '../src/article30/index.ts';
import { namedKeys } from '../src/article30/shape.ts';

/** A register with `ref:` keys in place of ids: the form of `db/samples`. */
interface Sample {
  controllers: Content[];
  blocks: Record<string, Record<string, Content>>;
  entries: Content[];
}

interface Item {
  readonly definition: ResourceDefinition;
  readonly body: Content;
}

/**
 * Creates what the sample holds and approves its activities.
 * @param address of the service, e.g. `http://127.0.0.1:3000`
 * @param token of somebody who may write and approve
 * @returns how many resources and activities there are now, and the sequence of the log when half of them were approved
 */
export async function bringIn(
  file: URL,
  address: string,
  token: string,
): Promise<{ resources: number; activities: number; halfway: number }> {
  const sample = JSON.parse(await readFile(file, 'utf8')) as Sample;
  const items = itemsOf(sample);
  const call = caller(address, token);
  const there = new Set<string>();
  const later: Item[] = [];
  let waiting = [...items];
  while (waiting.length > 0) {
    const next = waiting.find((item) => unmet(item, there).size === 0);
    // A notice tells of activities, and the activities name the notice: one of them has to come first without.
    const item = next ?? withoutMembers(waiting[0]!, unmet(waiting[0]!, there));
    if (next === undefined) later.push(waiting[0]!);
    waiting = waiting.filter(({ body }) => body !== (next ?? waiting[0]!).body);
    await call('PUT', pathOf(item), item.body, { 'if-none-match': '*' });
    there.add(nameOf(item));
  }
  for (const item of later) await call('PUT', pathOf(item), item.body, { 'if-match': '*' });
  const activities = items.filter(({ definition }) => definition.nature === 'activity');
  let halfway = 0;
  for (const [index, activity] of activities.entries()) {
    const approval = { acceptedFindings: [], includeReferenced: true };
    const sequence = await call('POST', `${pathOf(activity)}/approve`, approval, { 'if-match': '*' });
    if (index === Math.floor((activities.length - 1) / 2)) halfway = sequence;
  }
  return { resources: items.length, activities: activities.length, halfway };
}

function itemsOf(sample: Sample): Item[] {
  const bodies = new Map<string, Content[]>([
    ...Object.entries(sample.blocks).map(([type, blocks]): [string, Content[]] => [type, Object.values(blocks)]),
    ['controller', sample.controllers],
    ['processingActivity', sample.entries],
  ]);
  return definitions.flatMap((definition) => (bodies.get(definition.type) ?? []).map((body) => ({ definition, body })));
}

const nameOf = ({ definition, body }: Item): string => `${definition.type} ref:${body.reference}`;
const pathOf = ({ definition, body }: Item): string => `/v1/${definition.path}/ref:${body.reference}`;

/** Members of the body that name what is not there yet. */
function unmet({ definition, body }: Item, there: ReadonlySet<string>): Set<string> {
  const keys = namedKeys(definition, body).filter(({ type, key }) => !there.has(`${type} ${key}`));
  return new Set(keys.map(({ pointer }) => pointer.split('/')[1]!));
}

function withoutMembers({ definition, body }: Item, members: ReadonlySet<string>): Item {
  return { definition, body: Object.fromEntries(Object.entries(body).filter(([name]) => !members.has(name))) };
}

function caller(address: string, token: string) {
  return async (method: string, path: string, body: unknown, headers: Record<string, string>): Promise<number> => {
    const response = await fetch(address + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok)
      throw new Error(`${method} ${path} was refused with ${response.status}: ${await response.text()}`);
    return Number(response.headers.get('log-sequence'));
  };
}
