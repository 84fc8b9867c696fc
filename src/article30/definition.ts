/**
 * The one definition of a resource of the register.
 *
 * From it follow the validation of requests, the TypeScript types, the OpenAPI components, the routes, the references
 * that the database enforces, and the facets that lists filter by. A property's schema says all that is to be said of
 * it: meaning, bounds, example, and, where it names another resource, which type (`x-reference`).
 */
import { type Static, type TObject, type TProperties, type TSchema, type TUnsafe, Type } from 'typebox';
import type { ResourceType } from './resource-types.ts';

/** Where a `$ref` made by {@link component} keeps the schema it stands for; a symbol, so that it never reaches JSON. */
export const target: unique symbol = Symbol('the schema a reference stands for');

/** A schema that stands as `$ref` in the document and is still typed and walked as what it refers to. */
export type ComponentRef<T> = TUnsafe<T> & { $ref: string; [target]: TSchema };

/** Makes `schema` a named component of the OpenAPI document and gives the reference to it. */
export function component<S extends TSchema>(name: string, schema: S): ComponentRef<Static<S>> {
  return referTo<Static<S>>({ ...schema, $id: name });
}

/** A reference to a schema that has its `$id` already. */
export function referTo<T>(schema: TSchema): ComponentRef<T> {
  const name = (schema as { $id?: string }).$id;
  if (name === undefined) throw new Error('A component needs an $id.');
  return { ...Type.Unsafe<T>({ $ref: name }), [target]: schema } as ComponentRef<T>;
}

/** The schema itself, where `schema` is a reference to a component; else `schema`. */
export function resolved(schema: TSchema): TSchema {
  return (schema as Partial<ComponentRef<unknown>>)[target] ?? schema;
}

/** Options every property takes: what it means, which article it serves, an example. */
export interface Words {
  description: string;
  examples?: unknown[];
  default?: unknown;
}

/** A short text: a name, a title, a label; 1 to 300 characters. */
export const ShortText = (words: Words) => Type.String({ minLength: 1, maxLength: 300, ...words });
/** A text of 1 to 10,000 characters. */
export const Text = (words: Words) => Type.String({ minLength: 1, maxLength: 10_000, ...words });
export const Bool = (words: Words) => Type.Boolean({ ...words });
/** A calendar date, ISO 8601 `YYYY-MM-DD`, that exists. */
export const CalendarDate = (words: Words) =>
  Type.String({ format: 'date', maxLength: 10, examples: ['2026-03-03'], ...words });
/** A point in time, RFC 3339 in UTC with three decimals. */
export const Instant = (words: Words) =>
  Type.String({ format: 'date-time', maxLength: 35, examples: ['2026-03-03T09:30:00.000Z'], ...words });
/** A length of time, ISO 8601, e.g. `P3Y`. */
export const Duration = (words: Words) =>
  Type.String({ format: 'duration', maxLength: 64, examples: ['P3Y'], ...words });
/** ISO 3166-1 alpha-2. */
export const Country = (words: Words) =>
  Type.String({ format: 'country', minLength: 2, maxLength: 2, examples: ['FR'], ...words });
/** ISO 3166-1 alpha-2, or `EU` or `EEA`; that the country exists is for the definition's `check` to say. */
export const CountryOrUnion = (words: Words) =>
  Type.String({ pattern: '^([A-Z]{2}|EEA)$', maxLength: 3, examples: ['EU', 'FR'], ...words });
/** BCP 47. */
export const Language = (words: Words) =>
  Type.String({ format: 'language', maxLength: 35, examples: ['fr'], ...words });
export const Email = (words: Words) =>
  Type.String({ format: 'email', maxLength: 320, examples: ['privacy@example.com'], ...words });
/** An absolute http or https address. */
export const WebAddress = (words: Words) =>
  Type.String({ format: 'web-address', maxLength: 2_000, examples: ['https://example.com/privacy'], ...words });
/** A whole number of at least 0. */
export const Count = (words: Words, maximum = 10_000_000_000) => Type.Integer({ minimum: 0, maximum, ...words });

/** One word of a closed list. */
export function OneOf<const Values extends readonly string[]>(values: Values, words: Words) {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: [...values], ...words });
}

/** A list of at most `maxItems` different values; an empty list and an absent one are the same. */
export function ListOf<S extends TSchema>(items: S, words: Words, maxItems = 200) {
  return Type.Array(items, { maxItems, uniqueItems: true, ...words });
}

/** How a body names another resource: its id or `ref:` and its reference; answers give the id. */
export const keyPattern =
  '^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|ref:[A-Za-z0-9._-]{1,64})$';
/** A reference: the short unique name of a resource in its tenant and type. */
export const referencePattern = '^[A-Za-z0-9._-]{1,64}$';

/** The references of the examples, which tell one story; a test holds them together. */
const exampleReferences: Readonly<Record<ResourceType, string>> = {
  controller: 'acme',
  purpose: 'invoicing',
  legalBasis: 'accounting-law',
  dataSubjectCategory: 'customers',
  dataCategory: 'invoice-data',
  recipient: 'stripe',
  safeguard: 'stripe-clauses',
  securityMeasure: 'encryption',
  system: 'billing-platform',
  notice: 'website-policy',
  processingActivity: 'invoicing',
  processorActivity: 'hosting-for-clients',
  processorClient: 'hosting-for-beta',
};

/** The key of another resource of the given type. */
export function KeyOf(type: ResourceType, words: Words) {
  return Type.String({
    pattern: keyPattern,
    maxLength: 68,
    examples: ['0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77', `ref:${exampleReferences[type]}`],
    'x-reference': type,
    ...words,
  });
}

/** Keys of other resources of the given type, each once. */
export const KeysOf = (type: ResourceType, words: Words, maxItems = 200) =>
  ListOf(KeyOf(type, { description: `Id or \`ref:\` key of a ${type}.` }), words, maxItems);

/** All members optional: absent means "not stated". */
export function Statement<P extends TProperties>(properties: P, words: Words) {
  // Type.Partial keeps none of the options of the object it is given, so they are said here.
  return Type.Partial(Type.Object(properties), { additionalProperties: false, ...words });
}

/**
 * One embedded line of a resource. Everything but `required` is optional; `lineId` keeps findings, acknowledgements and
 * differences on their line when other lines come and go.
 */
export function Line<P extends TProperties, R extends keyof P & string>(
  name: string,
  required: readonly R[],
  properties: P,
  words: Words,
) {
  const all = { lineId: LineId, ...properties };
  const schema = {
    ...Type.Object(all, { additionalProperties: false, ...words, 'x-line': true }),
    required: [...required],
  };
  type Full = Static<TObject<P>>;
  type Value = { lineId?: string } & Pick<Full, R & keyof Full> & Partial<Full>;
  return component(name, Type.Unsafe<Value>(schema));
}

const LineId = Type.String({
  pattern: referencePattern,
  maxLength: 64,
  description:
    'Stable name of this line within its resource. Chosen by the client or given by the service; a line sent without one takes that of the stored line with the same references, else of the same position.',
  examples: ['0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e78'],
});

/** Something readable that is impossible: the answer is 422 with these. */
export interface Contradiction {
  /** JSON pointer into the body, RFC 6901. */
  pointer: string;
  code: string;
  message: string;
}

/** Resources of both natures have the same operations; they differ in what approval asks for. */
export type Nature = 'buildingBlock' | 'activity';

/**
 * How a list is narrowed by a query parameter. A repeated parameter means "or", different ones mean "and".
 * - `facet`: the resource has this value, `inLowerCase` where case does not count and the facet is so; `before`: its value, a date, lies before the one given;
 * - `names`: it names this resource, in any of `fields` or anywhere;
 * - `namesWith`: it names a resource of `type` that has the value for `facet`; `own` looks at its own facet as well;
 * - `inForce`: today lies between the dates of two facets.
 */
export type ListFilter = { readonly schema: TSchema } & (
  | { readonly by: 'facet'; readonly facet: string; readonly inLowerCase?: true }
  | { readonly by: 'before'; readonly facet: string }
  | { readonly by: 'names'; readonly type: ResourceType; readonly fields?: readonly string[] }
  | { readonly by: 'namesWith'; readonly type: ResourceType; readonly facet: string; readonly own?: string }
  | { readonly by: 'inForce'; readonly from: string; readonly to: string }
);

export interface ResourceDefinition<P extends TProperties = TProperties> {
  /** Name of the type in the log, in references and in the database. */
  readonly type: ResourceType;
  /** Name of the OpenAPI component and, with a verb before it, of the operations. */
  readonly component: string;
  /** The plural of `component`, for the operation that lists. */
  readonly plural: string;
  /** Path segment under `/v1`. */
  readonly path: string;
  readonly nature: Nature;
  /** What it is, in a sentence. */
  readonly description: string;
  /** The article of the GDPR that the resource serves. */
  readonly article: string;
  /** What a client may write, besides the members that every resource has. */
  readonly properties: P;
  /** It has no name of its own: what it names has one. */
  readonly unnamed?: boolean;
  /** Members besides `name` that a body must have. */
  readonly required?: readonly (keyof P & string)[];
  /** Members that the service adds to the answer and that follow from the content alone. */
  readonly derived?: {
    readonly properties: TProperties;
    compute(content: Content): Record<string, unknown>;
  };
  /** Members that only life steps set (approval, review, retirement). */
  readonly managed?: TProperties;
  /** A chain of references to the same type that must not turn back on itself: the property's name. */
  readonly tree?: keyof P & string;
  /** Values that lists filter and sort by; a facet absent from the answer has no value. */
  readonly facets?: Readonly<Record<string, (content: Content) => string | readonly string[] | undefined>>;
  /** Query parameters that narrow the list, besides those that every list has. */
  readonly filters?: Readonly<Record<string, ListFilter>>;
  /** Texts that `q` searches, besides name, reference and description. */
  readonly searched?: (content: Content) => readonly (string | undefined)[];
  /** Contradictions that a schema cannot see. */
  readonly check?: (content: Content) => Contradiction[];
  /** A full, valid body as a DPO would write it: the example of the document. References are `ref:` keys. */
  readonly example: Record<string, unknown>;
}

/** Content as JSON; the definition's schema has judged it. */
export type Content = Record<string, unknown>;

/** Whether a JSON value is an object: neither null nor a list. */
export function isObject(value: unknown): value is Content {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Content with the properties of one definition: any of them may be absent. */
export type Written<P extends TProperties> = Partial<Static<TObject<P>>>;

/** Keeps the literal property types of a definition. */
export function defineResource<P extends TProperties>(definition: ResourceDefinition<P>): ResourceDefinition<P> {
  return definition;
}

/** How many fields of their own a resource can have. */
export const customFieldsLimit = 50;

/** Members of every body. */
export const commonProperties = {
  reference: Type.String({
    pattern: referencePattern,
    description: 'Short key, unique in the tenant and type. Chosen by the client or generated.',
    examples: ['stripe'],
  }),
  name: ShortText({ description: 'Name by which people know it. Need not be unique.', examples: ['Stripe'] }),
  notes: Text({
    description: 'Notes. Part of the record: auditors and exports show them.',
    examples: ['Contract is with the Irish entity.'],
  }),
  // The name's bounds stand in its pattern: TypeBox keeps no other. Without `additionalProperties` a name that does not
  // fit could have any value.
  customFields: Type.Record(Type.String({ pattern: '^.{1,100}$' }), Type.String({ maxLength: 2_000 }), {
    additionalProperties: false,
    maxProperties: customFieldsLimit,
    description: 'Your own fields: a text for each name.',
    examples: [{ costCentre: '4711' }],
  }),
} satisfies TProperties;

/** The states of a resource's life. */
export const states = ['draft', 'inReview', 'approved', 'retired'] as const;
export type State = (typeof states)[number];

/** Members that only the service sets; sent back in a body they are ignored. */
export const metadataProperties = {
  id: Type.String({
    format: 'uuid',
    description: 'UUIDv7 (RFC 9562).',
    examples: ['0198f0c2-6b1e-7c3a-9d55-2f6a1b0c4e77'],
  }),
  version: Type.Integer({ minimum: 1, description: 'Counts the changes of this resource; the ETag.', examples: [3] }),
  approvedVersion: Type.Integer({
    minimum: 1,
    description: 'The version that the register shows; absent while nobody approved one.',
    examples: [2],
  }),
  state: OneOf(states, {
    description:
      '`draft`: never approved, or changed since; `inReview`: handed to an approver; `approved`; `retired`: ended, still in the register for the period of the settings.',
    examples: ['approved'],
  }),
  archived: Bool({ description: 'Hidden from lists; the register does not change.', examples: [false] }),
  createdAt: Instant({ description: 'When it was created (RFC 3339, UTC).' }),
  updatedAt: Instant({ description: 'When its content was last changed (RFC 3339, UTC).' }),
} satisfies TProperties;

/** Names of the members of the answer that a client does not write. */
export function readOnlyMembers(definition: ResourceDefinition): readonly string[] {
  return [
    ...Object.keys(metadataProperties),
    ...Object.keys(definition.derived?.properties ?? {}),
    ...Object.keys(definition.managed ?? {}),
  ];
}
