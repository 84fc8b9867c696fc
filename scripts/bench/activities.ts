/**
 * What stands in the registers that are measured: the same facts for every contestant.
 *
 * An activity has 15 links: 2 purposes (each with a legal basis), 4 data lines (each with its data subjects), 3
 * recipients, 2 transfers (each with a safeguard) and 4 measures; as JSON it has about 4 KB. Everything but ids follows
 * from numbers, so that a register of a size is alike each time.
 */

/** The types of building blocks, with how many of each a register has. */
export const blockCounts = {
  controller: 1,
  purpose: 20,
  legalBasis: 10,
  dataSubjectCategory: 10,
  dataCategory: 40,
  recipient: 30,
  safeguard: 15,
  securityMeasure: 40,
} as const;
export type BlockType = keyof typeof blockCounts;
export const blockTypes = Object.keys(blockCounts) as BlockType[];

export interface Block {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}
export type Blocks = Readonly<Record<BlockType, readonly Block[]>>;

/** The blocks of a register. */
export function makeBlocks(newId: () => string): Blocks {
  const entries = blockTypes.map((type) => {
    const made = Array.from({ length: blockCounts[type] }, (_, number) => ({
      id: newId(),
      name: `${type} ${number + 1}`,
      description: textOf(90, number),
    }));
    return [type, made] as const;
  });
  return Object.fromEntries(entries) as unknown as Blocks;
}

/** An activity as a form would send it. */
export interface Activity {
  readonly reference: string;
  readonly name: string;
  readonly controllerId: string;
  readonly description: string;
  readonly department: string;
  readonly ownerName: string;
  readonly ownerEmail: string;
  readonly startedOn: string;
  readonly operations: readonly string[];
  readonly means: readonly string[];
  readonly largeScale: boolean;
  readonly estimatedDataSubjects: number;
  readonly notes: string;
  readonly purposes: readonly { purposeId: string; legalBasisIds: readonly string[]; main: boolean }[];
  readonly dataLines: readonly {
    dataCategoryId: string;
    dataSubjectCategoryIds: readonly string[];
    source: string;
    required: boolean;
    period: string;
    startsOn: string;
    ground: string;
  }[];
  readonly recipients: readonly { recipientId: string; purpose: string; circumstances: string }[];
  readonly transfers: readonly {
    recipientId: string;
    country: string;
    state: string;
    safeguardIds: readonly string[];
    description: string;
  }[];
  readonly securityMeasureIds: readonly string[];
}

/** Activity number `number`, from 0. */
export function makeActivity(blocks: Blocks, number: number, reference = referenceOf(number)): Activity {
  const pick = (type: BlockType, which: number): string => {
    const some = blocks[type];
    // A step that shares no factor with the lists' lengths, so that neighbours differ and no line repeats another.
    return some[(number * 7 + which) % some.length]!.id;
  };
  const each = <T>(count: number, make: (which: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  return {
    reference,
    name: `Activity ${reference}`,
    controllerId: pick('controller', 0),
    description: textOf(220, number),
    department: ['Accounting', 'Support', 'Sales', 'Operations', 'People'][number % 5]!,
    ownerName: 'Head of department',
    ownerEmail: `owner-${number % 50}@example.com`,
    startedOn: `20${10 + (number % 15)}-0${1 + (number % 9)}-01`,
    operations: ['collection', 'storage', 'use', 'transmission', 'erasure'],
    means: ['automated'],
    largeScale: number % 10 === 0,
    estimatedDataSubjects: 100 + ((number * 37) % 100_000),
    notes: textOf(120, number + 5),
    purposes: each(2, (i) => ({
      purposeId: pick('purpose', i),
      legalBasisIds: [pick('legalBasis', i)],
      main: i === 0,
    })),
    dataLines: each(4, (i) => ({
      dataCategoryId: pick('dataCategory', i),
      dataSubjectCategoryIds: [pick('dataSubjectCategory', i)],
      source: textOf(60, number + i),
      required: i < 2,
      period: `P${1 + ((number + i) % 10)}Y`,
      startsOn: 'End of the contract',
      ground: 'law',
    })),
    recipients: each(3, (i) => ({
      recipientId: pick('recipient', i),
      purpose: textOf(70, number + i),
      circumstances: textOf(70, number + 2 * i),
    })),
    transfers: each(2, (i) => ({
      recipientId: pick('recipient', i),
      country: i === 0 ? 'US' : 'IN',
      state: 'actual',
      safeguardIds: [pick('safeguard', i)],
      description: textOf(60, number + i),
    })),
    securityMeasureIds: each(4, (i) => pick('securityMeasure', i)),
  };
}

export function referenceOf(number: number): string {
  return `a${String(number).padStart(7, '0')}`;
}

const words =
  'the data of customers are collected when an order is placed kept for as long as the contract runs and then erased unless a law asks for more'.split(
    ' ',
  );

/** Words, `length` characters long. */
function textOf(length: number, from: number): string {
  let text = '';
  for (let at = from; text.length < length; at++) text += `${words[at % words.length]} `;
  return text.slice(0, length).trimEnd();
}
