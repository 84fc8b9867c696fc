import t from 'tap';
import { type TSchema, Type } from 'typebox';
import { answerOf, bodyOf, patchOf, reachableComponents } from '../../src/article30/components.ts';
import { component, metadataProperties, type ResourceDefinition, resolved } from '../../src/article30/definition.ts';
import { definitions } from '../../src/article30/index.ts';

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  readOnly?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
}
const whole = (schema: unknown) => resolved(schema as TSchema) as unknown as Schema;

/** What a resource cannot be without: its name, or what it stands between. */
const neededBy = ({ unnamed, required = [] }: ResourceDefinition) =>
  unnamed === true ? required : ['name', ...required];

t.test('an answer has all that a resource always has; a body needs a name only', async (t) => {
  for (const definition of definitions) {
    const answer = whole(answerOf(definition));
    t.strictSame(
      answer.required,
      ['id', 'reference', 'version', 'state', 'archived', 'createdAt', 'updatedAt', ...neededBy(definition)],
      definition.type,
    );
    const body = whole(bodyOf(definition));
    t.strictSame(body.required, neededBy(definition));
    t.strictSame(
      Object.keys(body.properties!).sort(),
      Object.keys(answer.properties!).sort(),
      'what is answered can be sent back',
    );
    const readOnly = [
      ...Object.keys(metadataProperties),
      ...Object.keys(definition.derived?.properties ?? {}),
      ...Object.keys(definition.managed ?? {}),
    ];
    for (const [name, property] of Object.entries(body.properties!)) {
      t.equal(property.readOnly === true, readOnly.includes(name), `${definition.type} ${name}`);
      t.notOk(
        property.$ref !== undefined && Object.keys(property).length > 1,
        'nothing stands beside a reference, where the document would lose it',
      );
    }
  }
});

t.test('a patch may take away all but the name, in objects too, and nothing within a list', async (t) => {
  const takesNull = (schema: Schema): boolean =>
    [schema.type].flat().includes('null') || (schema.anyOf ?? []).some(takesNull);
  let count = 0;
  for (const definition of definitions) {
    const patch = whole(patchOf(definition));
    t.strictSame(patch.required, []);
    const visit = (schema: Schema, path: string): void => {
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        count++;
        const kept = property.readOnly === true || (path === '' && neededBy(definition).includes(name));
        t.equal(takesNull(property), !kept, `${definition.type} ${path}/${name}`);
        if (property.enum !== undefined && !kept) t.ok(property.enum.includes(null), 'a word or null');
        const inner = property.anyOf?.map(whole).find(({ type }) => type === 'object');
        if (inner !== undefined) visit(inner, `${path}/${name}`);
        const item = property.items === undefined ? undefined : whole(property.items);
        for (const [member, each] of Object.entries(item?.properties ?? {}))
          t.notOk(takesNull(each), `${path}/${name}[]/${member}`);
      }
    };
    visit(patch, '');
  }
  t.comment(`${count} members`);
  t.ok(count > 200);
});

t.test('the components that schemas reach are found, each name once', async (t) => {
  const inner = component('Inner', Type.Object({ a: Type.String() }));
  const outer = component('Outer', Type.Object({ list: Type.Array(inner), other: Type.Optional(inner) }));
  t.strictSame([...reachableComponents([Type.Object({ outer })]).keys()], ['Outer', 'Inner']);
  const other = component('Inner', Type.Object({ b: Type.String() }));
  t.throws(() => reachableComponents([inner, other]), /Two schemas are named Inner/);
  t.strictSame(
    [...reachableComponents([inner, component('Inner', Type.Object({ a: Type.String() }))]).keys()],
    ['Inner'],
    'the same twice is the same',
  );
});
