/**
 * One recipient in the place of another, wherever working versions name it: not a file, but planned and applied as one.
 * What a person has to look at then, because it was said of the other, comes back as a warning.
 */
import type { Content, ResourceDefinition } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import { writableOf } from '../article30/life.ts';
import type { ResourceType } from '../article30/resource-types.ts';
import { type NamedKey, namedKeys, withKeys } from '../article30/shape.ts';
import type { Problems, WantedResource } from './plan.ts';
import { Turns } from './turns.ts';

export interface Replacement {
  /** The recipient that is replaced. */
  readonly from: Content;
  /** The recipient that takes its place. */
  readonly by: Content;
  /** `YYYY-MM-DD` */
  readonly today: string;
}

/**
 * The resources that name the one, as they would name the other. A pointer begins with type and reference.
 *
 * @param named with their working contents, but for notices
 * @param notices that name the one
 */
export async function replaced(
  named: AsyncIterable<{ readonly type: string; readonly content: Content }>,
  notices: readonly { readonly reference: string }[],
  replacement: Replacement,
  problems: Problems,
): Promise<WantedResource[]> {
  const { from, by } = replacement;
  const turns = new Turns();
  if (from.role !== undefined && by.role !== undefined && from.role !== by.role) {
    problems.warn('', 'role', `The one is recorded as \`${from.role}\`, the other as \`${by.role}\`.`);
  }
  for (const { reference } of notices) {
    const message =
      'The notice records what was published and keeps naming the recipient that is replaced: publish another, then record that.';
    problems.warn(`/notice/${reference}`, 'published-notice', message);
  }
  let ended = 0;
  const wanted: WantedResource[] = [];
  for await (const { type, content } of named) {
    await turns.next();
    if (content.state === 'retired') {
      ended++;
      continue;
    }
    const definition = definitionOf(type as ResourceType);
    const pointer = `/${type}/${content.reference}`;
    tellOfDoubles(definition, content, pointer, replacement, problems);
    tellOfTransfers(definition, content, pointer, replacement, problems);
    tellOfFacts(type, content, pointer, replacement, problems);
    const body = withKeys(definition, writableOf(definition, content), (each) =>
      isKeyOf(each, from) ? String(by.id) : each.key,
    );
    wanted.push({
      definition,
      pointer,
      reference: String(content.reference),
      body: type === 'safeguard' ? doubted(body, content, pointer, replacement, problems) : body,
    });
  }
  if (ended > 0) {
    problems.warn(
      '',
      'retired',
      `Activities that have ended keep naming it (${ended}): their content no longer changes.`,
    );
  }
  return wanted;
}

/** What was said because of the one, and of which nobody has said that it is so with the other. */
function tellOfFacts(type: string, content: Content, pointer: string, { from }: Replacement, problems: Problems): void {
  if (type === 'recipient' && content.engagedById === from.id) {
    const message = 'The recipient that is replaced engaged this one: check whether the other engages it.';
    problems.warn(`${pointer}/engagedById`, 'check-engagement', message);
  }
  if (type === 'system' && content.hostedById === from.id && content.countries !== undefined) {
    const message = 'The system keeps its countries: check where the other recipient stores the data.';
    problems.warn(`${pointer}/countries`, 'check-system', message);
  }
}

const isKeyOf = ({ type, key }: NamedKey, { id }: Content): boolean => type === 'recipient' && key === id;

/** A list that names both already would name the other twice. Of transfers only what goes to the same place is the same. */
function tellOfDoubles(
  definition: ResourceDefinition,
  content: Content,
  pointer: string,
  { from, by }: Replacement,
  problems: Problems,
): void {
  const keys = namedKeys(definition, content);
  const placeOf = (named: NamedKey): string => {
    const [, list, index] = /^\/(\w+)\/(\d+)/.exec(named.pointer) ?? [];
    if (list === undefined) return named.pointer;
    const { country, internationalOrganisation } = (content[list] as Content[])[Number(index)]!;
    return JSON.stringify([named.field, ...(list === 'transfers' ? [country, internationalOrganisation] : [])]);
  };
  const taken = new Set(keys.filter((each) => isKeyOf(each, by)).map(placeOf));
  for (const each of keys.filter((named) => isKeyOf(named, from))) {
    if (!taken.has(placeOf(each))) continue;
    problems.error(
      pointer + each.pointer,
      'named-twice',
      'The list names the other recipient already: join the two lines first.',
    );
  }
}

/** Where a transfer goes and on which ground was said of the one that is replaced. */
function tellOfTransfers(
  { properties }: ResourceDefinition,
  content: Content,
  pointer: string,
  { from }: Replacement,
  problems: Problems,
): void {
  if (!('transfers' in properties)) return;
  ((content.transfers as Content[] | undefined) ?? []).forEach((line, index) => {
    if (line.recipientId !== from.id) return;
    const message = 'The transfer keeps its destination and its grounds: check that they hold for the other recipient.';
    problems.warn(`${pointer}/transfers/${index}`, 'check-transfer', message);
  });
}

/**
 * A ground that holds for one importer only: nobody has said that it holds for another, so it is no more than suggested
 * until somebody does.
 */
function doubted(
  body: Content,
  content: Content,
  pointer: string,
  { from, by, today }: Replacement,
  problems: Problems,
): Content {
  const message =
    'The ground was made with the recipient that is replaced: it is marked as suggested until somebody confirms it.';
  problems.warn(`${pointer}/recipientId`, 'check-ground', message);
  if ((content.confirmation as Content | undefined)?.state === 'suggested') return body;
  const source = `${from.name} was replaced by ${by.name}.`;
  return { ...body, confirmation: { state: 'suggested', source, on: today } };
}
