/**
 * Contradictions that several resources can have. What a rule of the register judges is a finding and stands elsewhere;
 * here is only what cannot be meant: a contract that ends before it is signed, a key that is in no list.
 */
import { type Content, type Contradiction, customFieldsLimit, type ResourceDefinition } from './definition.ts';
import { namedKeys } from './shape.ts';

/** The end of a span of time lies before its beginning. Dates are ISO 8601, so their order is that of the characters. */
export function datesOutOfOrder(part: unknown, pointer: string, first: string, last: string): Contradiction[] {
  const { [first]: begin, [last]: end } = (part ?? {}) as Content;
  if (typeof begin !== 'string' || typeof end !== 'string' || begin <= end) return [];
  return [
    {
      pointer: `${pointer}/${last}`,
      code: 'datesOutOfOrder',
      message: `\`${last}\` (${end}) lies before \`${first}\` (${begin}).`,
    },
  ];
}

/** `value` is in no list of reference data; `list` names that list in the message. */
export function unknownKey(
  value: string | undefined,
  pointer: string,
  isKnown: (value: string) => boolean,
  list: string,
): Contradiction[] {
  if (value === undefined || isKnown(value)) return [];
  return [{ pointer, code: 'unknownKey', message: `\`${value}\` is not in the list of ${list}.` }];
}

/** The same as {@link unknownKey} for each value of a list. */
export function unknownKeys(
  values: readonly string[] | undefined,
  pointer: string,
  isKnown: (value: string) => boolean,
  list: string,
): Contradiction[] {
  return (values ?? []).flatMap((value, index) => unknownKey(value, `${pointer}/${index}`, isKnown, list));
}

/** Two lines of one resource have the same `lineId`: a finding could not say which of them it means. */
export function duplicateLineIds(content: Content, lists: readonly string[]): Contradiction[] {
  const seen = new Set<string>();
  return lists.flatMap((list) =>
    ((content[list] as { lineId?: string }[] | undefined) ?? []).flatMap(({ lineId }, index) => {
      if (lineId === undefined) return [];
      if (!seen.has(lineId)) {
        seen.add(lineId);
        return [];
      }
      return [
        {
          pointer: `/${list}/${index}/lineId`,
          code: 'duplicateLineId',
          message: `Another line of this resource has the \`lineId\` \`${lineId}\` already.`,
        },
      ];
    }),
  );
}

/** More than one element of a list is marked as the main one. */
export function severalMain(list: readonly { main?: boolean }[] | undefined, pointer: string): Contradiction[] {
  const second = (list ?? []).flatMap(({ main }, index) => (main === true ? [index] : []))[1];
  if (second === undefined) return [];
  return [
    { pointer: `${pointer}/${second}/main`, code: 'severalMain', message: 'Only one of them can be the main one.' },
  ];
}

/** Everything that a content cannot mean: what its definition checks, and what no resource can have. Keys in it are ids. */
export function contradictionsOf(definition: ResourceDefinition, content: Content): Contradiction[] {
  return [...(definition.check?.(content) ?? []), ...repeatedKeys(definition, content), ...tooManyFields(content)];
}

/** A list of keys that names one resource twice, once by its id and once by its reference. */
function repeatedKeys(definition: ResourceDefinition, content: Content): Contradiction[] {
  const seen = new Set<string>();
  return namedKeys(definition, content).flatMap(({ pointer, key }) => {
    const list = /^(.*)\/\d+$/.exec(pointer)?.[1];
    if (list === undefined) return [];
    const place = `${list} ${key}`;
    if (!seen.has(place)) {
      seen.add(place);
      return [];
    }
    return [{ pointer, code: 'uniqueItems', message: 'The list names this resource already.' }];
  });
}

/** A patch adds to the fields that are there: only together they can be too many. */
function tooManyFields({ customFields }: Content): Contradiction[] {
  if (Object.keys(customFields ?? {}).length <= customFieldsLimit) return [];
  const message = `There would be more than ${customFieldsLimit} custom fields.`;
  return [{ pointer: '/customFields', code: 'maxProperties', message }];
}
