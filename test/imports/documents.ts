/** Registers to import: the samples, and what makes registers of two tenants comparable. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Content } from '../../src/article30/definition.ts';
import { definitions } from '../../src/article30/index.ts';
import { namedKeys } from '../../src/article30/shape.ts';
import type { Client } from '../service.ts';

/** A register with `ref:` keys. */
export interface Document {
  controllers: Content[];
  blocks: Record<string, Record<string, Content>>;
  entries: Content[];
}

const folder = new URL('../../db/samples/', import.meta.url);
export const sampleNames = readdirSync(folder).filter((name) => name.endsWith('.json'));

export const sampleText = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

/** The examples of the definitions as one register of the role, all that the entry reaches. */
export function examples(role: 'controller' | 'processor'): Document {
  const blocks: Document['blocks'] = {};
  for (const { type, nature, example } of definitions) {
    if (nature === 'activity' || type === 'controller') continue;
    if (type === 'processorClient' && role === 'controller') continue;
    blocks[type] = { [String(example.reference ?? 'client')]: example };
  }
  const example = (type: string) => definitions.find((each) => each.type === type)!.example;
  const acme = example('controller');
  return {
    controllers: [acme],
    // The others that the examples name.
    blocks: { ...blocks, controller: others(role) },
    entries: [example(role === 'controller' ? 'processingActivity' : 'processorActivity')],
  };
}

/** A body for each resource that the examples name and that is no example itself. */
function others(role: 'controller' | 'processor'): Record<string, Content> {
  const there = new Set(definitions.map(({ type, example }) => `${type} ref:${example.reference}`));
  const wanted = definitions
    .filter(({ type }) => role === 'processor' || !type.startsWith('processor'))
    .flatMap((definition) => namedKeys(definition, definition.example))
    .filter(({ type, key }) => !there.has(`${type} ${key}`));
  for (const { type, key } of wanted) if (type !== 'controller') throw new Error(`Nobody makes the ${type} ${key}.`);
  return Object.fromEntries(
    wanted.map(({ key }) => [key.slice(4), { reference: key.slice(4), name: key.slice(4), registerKept: false }]),
  );
}

/** So many activities with the blocks that they share. */
export function many(count: number, words = 'As the law asks.'): Document {
  const purposes = Array.from({ length: 20 }, (_, i) => `purpose-${i}`);
  return {
    controllers: [{ reference: 'acme', name: 'Acme', registerKept: true }],
    blocks: { purpose: Object.fromEntries(purposes.map((reference) => [reference, { reference, name: reference }])) },
    entries: Array.from({ length: count }, (_, i) => ({
      reference: `activity-${i}`,
      name: `Activity ${i}`,
      controllerId: 'ref:acme',
      description: words,
      purposes: [{ lineId: 'main', purposeId: `ref:purpose-${i % 20}`, main: true }],
    })),
  };
}

/** Imports a file and applies the plan; throws where that is not possible. */
export async function bring(client: Client, file: unknown, role = ''): Promise<Content> {
  const plan = await client.post(`/v1/imports?source=register${role}`, file);
  const applied = await client.post(`/v1/imports/${plan.json.id}/apply`);
  if (applied.status !== 200) throw new Error(`${applied.text}: ${plan.text.slice(0, 2_000)}`);
  return applied.json;
}

/** Approves every draft of a path. */
export async function approveAll(client: Client, path: string): Promise<void> {
  const { json } = await client.get(`/v1/${path}?limit=200&state=draft`);
  for (const { id, version } of json.items) {
    const { status, text } = await client.post(`/v1/${path}/${id}/approve`, undefined, { 'if-match': `"${version}"` });
    if (status !== 200) throw new Error(text);
  }
}

/** Members that are of a tenant, of a version or of a time. */
const local = ['id', 'version', 'approvedVersion', 'createdAt', 'updatedAt', 'approvedAt', 'approvedBy', 'reviewDueOn'];

/** A register without what is its tenant's own, and with references in place of ids. */
// biome-ignore lint/suspicious/noExplicitAny: a register as it was answered
export function comparable(register: any): unknown {
  const names = new Map<string, string>();
  const blocks = Object.entries<Record<string, Content>>(register.blocks);
  for (const content of [
    ...register.controllers,
    ...blocks.flatMap(([, all]) => Object.values(all)),
    ...register.entries,
  ]) {
    names.set(content.id, `ref:${content.reference}`);
  }
  // The reference of a client is made of ids.
  for (const { id, controllerId } of Object.values<Content>(register.blocks.processorClient ?? {})) {
    names.set(String(id), `client ${names.get(String(controllerId))}`);
  }
  const plain = (value: unknown): unknown => {
    if (typeof value === 'string') return names.get(value) ?? value;
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== 'object') return value;
    const kept = Object.entries(value).filter(([name]) => !local.includes(name));
    return Object.fromEntries(kept.map(([name, member]) => [name, plain(member)]));
  };
  const client = (content: Content) => ({ ...content, reference: names.get(String(content.id)) });
  return {
    controllers: register.controllers.map(plain),
    blocks: Object.fromEntries(
      blocks.map(([type, all]) => [
        type,
        Object.entries(all)
          .map(
            ([id, content]) => [names.get(id), plain(type === 'processorClient' ? client(content) : content)] as const,
          )
          .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      ]),
    ),
    entries: register.entries.map(plain),
  };
}
