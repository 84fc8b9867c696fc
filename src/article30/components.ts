/** The OpenAPI components that follow from a definition: what is answered, what is sent, what is patched. */
import { type TProperties, type TSchema, Type } from 'typebox';
import {
  type ComponentRef,
  commonProperties,
  component,
  metadataProperties,
  type ResourceDefinition,
  resolved,
  target,
} from './definition.ts';

type JsonSchema = TSchema & {
  $id?: string;
  $ref?: string;
  type?: string;
  enum?: unknown[];
  items?: TSchema;
  properties?: TProperties;
  required?: string[];
  [target]?: TSchema;
};

/** Members of every body; without a name where the resource has none of its own. */
function commonPropertiesOf({ unnamed }: ResourceDefinition): TProperties {
  const { name, ...others } = commonProperties;
  return unnamed === true ? others : { ...others, name };
}

/** What a body must have. */
function requiredOf({ unnamed, required = [] }: ResourceDefinition): string[] {
  return unnamed === true ? [...required] : ['name', ...required];
}

/** What `GET` gives and every write answers with. */
export function answerOf(definition: ResourceDefinition): ComponentRef<Record<string, unknown>> {
  const schema = Type.Object(
    {
      ...metadataProperties,
      ...commonPropertiesOf(definition),
      ...definition.properties,
      ...(definition.derived?.properties ?? {}),
      ...(definition.managed ?? {}),
    },
    { additionalProperties: false, description: describe(definition) },
  );
  return component(definition.component, {
    ...schema,
    required: ['id', 'reference', 'version', 'state', 'archived', 'createdAt', 'updatedAt', ...requiredOf(definition)],
  } as unknown as TSchema) as ComponentRef<Record<string, unknown>>;
}

/** What `POST` and `PUT` take. Read-only members sent back are allowed and ignored. */
export function bodyOf(definition: ResourceDefinition): ComponentRef<Record<string, unknown>> {
  const readOnly = { ...metadataProperties, ...(definition.derived?.properties ?? {}), ...(definition.managed ?? {}) };
  const schema = Type.Object(
    {
      ...commonPropertiesOf(definition),
      ...definition.properties,
      ...Object.fromEntries(Object.entries(readOnly).map(([name, property]) => [name, markedReadOnly(property)])),
    },
    {
      additionalProperties: false,
      description: `${describe(definition)} Members that only the service sets are ignored when they are sent back.`,
      examples: [definition.example],
    },
  );
  return component(`${definition.component}Body`, {
    ...schema,
    required: requiredOf(definition),
  } as unknown as TSchema) as ComponentRef<Record<string, unknown>>;
}

/** Beside a `$ref` the document keeps nothing, so a component is marked from outside. */
function markedReadOnly(property: TSchema): TSchema {
  return { ...((property as JsonSchema).$ref === undefined ? property : { allOf: [property] }), readOnly: true };
}

/** What `PATCH` takes (JSON Merge Patch, RFC 7396): members sent are changed, `null` takes a member away. */
export function patchOf(definition: ResourceDefinition): ComponentRef<Record<string, unknown>> {
  const made = new Map<string, TSchema>();
  const body = resolved(bodyOf(definition)) as JsonSchema;
  const schema = {
    ...body,
    properties: Object.fromEntries(
      Object.entries(body.properties ?? {}).map(([name, property]) => [
        name,
        // What a body must have cannot be taken away.
        (property as { readOnly?: boolean }).readOnly || body.required?.includes(name)
          ? property
          : nullable(property, made),
      ]),
    ),
    required: [],
    minProperties: 0,
    description: `Members of a ${definition.component} to change; \`null\` takes a member away, lists are replaced whole (RFC 7396).`,
    examples: [{ notes: 'Checked with the vendor.' }],
  };
  return component(`${definition.component}Patch`, schema as unknown as TSchema) as ComponentRef<
    Record<string, unknown>
  >;
}

function nullable(schema: TSchema, made: Map<string, TSchema>): TSchema {
  const { $id, $ref, ...own } = schema as JsonSchema;
  if ($ref !== undefined) {
    const inner = resolved(schema) as JsonSchema;
    if (inner.type !== 'object') return { anyOf: [schema, { type: 'null' }] } as unknown as TSchema;
    return { anyOf: [patchedComponent(inner, made), { type: 'null' }] } as unknown as TSchema;
  }
  if (own.enum !== undefined)
    return { ...own, type: [own.type, 'null'], enum: [...own.enum, null] } as unknown as TSchema;
  if (own.type === 'object' && own.properties === undefined)
    return { ...own, type: ['object', 'null'], ...nullableRecord(own) } as unknown as TSchema;
  return { ...own, type: [own.type, 'null'] } as unknown as TSchema;
}

/** A record of texts under a merge patch: `null` takes an entry away. */
function nullableRecord(schema: JsonSchema): Record<string, unknown> {
  const patterns = (schema as { patternProperties?: Record<string, TSchema> }).patternProperties;
  if (patterns === undefined) return {};
  return {
    patternProperties: Object.fromEntries(
      Object.entries(patterns).map(([pattern, value]) => [pattern, { ...value, type: ['string', 'null'] }]),
    ),
  };
}

function patchedComponent(schema: JsonSchema, made: Map<string, TSchema>): TSchema {
  const name = `${schema.$id}Patch`;
  const known = made.get(name);
  if (known !== undefined) return known;
  const patched = component(name, {
    ...schema,
    properties: Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([member, property]) => [member, nullable(property, made)]),
    ),
    required: [],
  } as unknown as TSchema);
  made.set(name, patched);
  return patched;
}

function describe(definition: ResourceDefinition): string {
  return `${definition.description} Serves ${definition.article} GDPR.`;
}

/** All components that the schemas reach, by name; the same name always stands for the same schema. */
export function reachableComponents(schemas: Iterable<TSchema>): Map<string, TSchema> {
  const found = new Map<string, TSchema>();
  const visit = (schema: unknown): void => {
    if (Array.isArray(schema)) {
      for (const item of schema) visit(item);
      return;
    }
    if (schema === null || typeof schema !== 'object') return;
    const referred = (schema as JsonSchema)[target] as JsonSchema | undefined;
    if (referred?.$id !== undefined) {
      const known = found.get(referred.$id);
      if (known === undefined) {
        found.set(referred.$id, referred);
        visit(referred);
      } else if (known !== referred && JSON.stringify(known) !== JSON.stringify(referred)) {
        throw new Error(`Two schemas are named ${referred.$id}.`);
      }
      return;
    }
    for (const member of Object.values(schema)) visit(member);
  };
  for (const schema of schemas) visit(schema);
  return found;
}
