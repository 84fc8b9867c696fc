/** The operations that every resource has, from its definition. */
import type { FastifyInstance } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { answerOf, bodyOf, patchOf } from '../../article30/components.ts';
import { type Content, component, type ResourceDefinition } from '../../article30/definition.ts';
import { archive, discard, remove, restore, type Step, writableOf } from '../../article30/life.ts';
import { merged } from '../../article30/shape.ts';
import { clientReference, readClients } from '../../db/clients.ts';
import { type ListQuery, listWorking, type Sort, sealCursor } from '../../db/lists.ts';
import { listRevisions, readRevision } from '../../db/log.ts';
import { changeOf, type Look, look } from '../../db/records.ts';
import { isInUse, listUsages, readApproved, readId, readWorking } from '../../db/resources.ts';
import { carryOut, found, matches, momentOf, type Outcome, stale, wantedBy, withIds } from '../changes.ts';
import type { Databases } from '../context.ts';
import { answers, errors, pageOf, responses, spaced } from '../operations.ts';
import { allowed, approved, created, edited, missingName, referenceOf, stepped } from '../outcomes.ts';
import { cursorAt, refuseCursor, sendContents, sendItems, sendStored, versionAt } from '../pages.ts';
import {
  anyOfParameter,
  cursorParameter,
  headers,
  ifMatchHeader,
  ifNoneMatchHeader,
  isOnlyWhenNone,
  keyOf,
  keyPath,
  limitParameter,
  listParameters,
  onlyWhenNoneHeader,
  query,
  writeHeaders,
} from '../parameters.ts';
import { missing, missingBody, Problem } from '../problems.ts';

/** What the routes of a definition send and take. */
export interface ResourceSchemas {
  readonly answer: TSchema;
  readonly body: TSchema;
  readonly patch: TSchema;
  readonly list: TSchema;
}

export function schemasOf(definition: ResourceDefinition): ResourceSchemas {
  const answer = answerOf(definition);
  return {
    answer,
    body: bodyOf(definition),
    patch: patchOf(definition),
    list: pageOf(`${definition.component}List`, answer, {
      items: 'The items of this page.',
      page: `A page of ${definition.plural}.`,
    }),
  };
}

export const revisionList = component(
  'RevisionList',
  Type.Object(
    {
      items: Type.Array(
        component(
          'Revision',
          Type.Object(
            {
              version: Type.Integer({ description: 'The version that the change made.', examples: [3] }),
              sequence: Type.Integer({ description: 'Its entry in the log.', examples: [17] }),
              operation: Type.String({ description: 'What was done.', examples: ['update'] }),
              approved: Type.Boolean({ description: 'Whether the register showed this version from then on.' }),
              actor: Type.String({ format: 'uuid', description: 'Random id of who did it.' }),
              actorSubject: Type.Optional(
                Type.String({
                  description: 'The subject of their token, as long as it is kept.',
                  examples: ['dpo@example.com'],
                }),
              ),
              recordedAt: Type.String({ format: 'date-time', description: 'When (RFC 3339, UTC).' }),
              reason: Type.Optional(Type.String({ description: 'Why, as `Change-Reason` said.' })),
            },
            { additionalProperties: false, description: 'One version of a resource.' },
          ),
        ),
        { description: 'Versions, the newest first.' },
      ),
      nextCursor: Type.Optional(Type.String({ description: 'For the next page; absent on the last.' })),
    },
    { additionalProperties: false, description: 'A page of the versions of a resource.' },
  ),
);

/** A resource under the name by which people know it. */
const namedResource = (description: string) =>
  Type.Object(
    {
      id: Type.String({ format: 'uuid', description: 'Its id.' }),
      reference: Type.String({ description: 'Its reference.', examples: ['hosting-for-clients'] }),
      name: Type.String({ description: 'Its name.', examples: ['Hosting for clients'] }),
    },
    { additionalProperties: false, description },
  );

export const usageList = component(
  'UsageList',
  Type.Object(
    {
      items: Type.Array(
        component(
          'Usage',
          Type.Object(
            {
              type: Type.String({
                description: 'Type of the resource that names this one.',
                examples: ['processingActivity'],
              }),
              id: Type.String({ format: 'uuid', description: 'Its id.' }),
              reference: Type.String({ description: 'Its reference.', examples: ['invoicing'] }),
              name: Type.String({
                description: 'Its name; of a client, which has none of its own, that of the processor activity.',
                examples: ['Invoicing'],
              }),
              processorActivity: Type.Optional(
                namedResource('Of a client of a processor activity: the activity that is carried out for it.'),
              ),
              controller: Type.Optional(
                namedResource('Of a client of a processor activity: the controller that it is.'),
              ),
              state: Type.String({ description: 'Its state.', examples: ['approved'] }),
              archived: Type.Boolean({ description: 'Whether it is archived.' }),
              fields: Type.Array(Type.String({ examples: ['recipients.recipientId'] }), {
                description: 'In which fields.',
              }),
              inWorking: Type.Boolean({ description: 'Its working version names this resource.' }),
              inApproved: Type.Boolean({ description: 'Its approved version names this resource.' }),
            },
            { additionalProperties: false, description: 'A resource that names this one.' },
          ),
        ),
        { description: 'By type and reference.' },
      ),
      nextCursor: Type.Optional(Type.String({ description: 'For the next page; absent on the last.' })),
    },
    { additionalProperties: false, description: 'A page of what names a resource.' },
  ),
);

/** Adds the operations of a definition to a context of tenants. */
export function resourceRoutes(
  app: FastifyInstance,
  database: Databases,
  definition: ResourceDefinition,
  schemas: ResourceSchemas,
): void {
  const { type, path, component: name, plural } = definition;
  const collection = `/v1/${path}`;
  const one = `${collection}/:key`;
  const tags = [plural];
  const noun = spaced(name);
  const nouns = spaced(plural);
  const shown = (description: string, status = 200) => ({
    [status]: answers(
      description,
      schemas.answer,
      status === 201
        ? ['ETag', 'Location', 'Log-Sequence', 'Ropa-Warning', 'Idempotency-Replayed']
        : ['ETag', 'Log-Sequence', 'Ropa-Warning', 'Idempotency-Replayed'],
    ),
  });
  const writes = headers({ ...writeHeaders, 'if-match': ifMatchHeader });

  app.get(
    collection,
    {
      config: { permission: 'read' },
      schema: {
        operationId: `list${plural}`,
        tags,
        summary: `Lists ${nouns}`,
        description: `Working versions, page by page. A repeated filter means "or", different filters mean "and".`,
        headers: headers({}),
        querystring: query({
          ...listParameters,
          ...filterParameters(definition),
        }),
        response: responses(
          { 200: answers(`A page of ${nouns}.`, schemas.list, ['Link', 'Log-Sequence']) },
          errors.lists,
        ),
      },
    },
    async (request, reply) => {
      const wanted = readListQuery(definition, request.query as Record<string, unknown>);
      const page = await listWorking(database.main, request.tenant, definition, wanted).catch(refuseCursor);
      reply.header('log-sequence', page.logSequence);
      return sendContents(request, reply, page.contents, page.nextCursor);
    },
  );

  app.post(
    collection,
    {
      config: { permission: 'write' },
      schema: {
        operationId: `create${name}`,
        tags,
        summary: `Creates a ${noun}`,
        description: 'Only a name is needed: what is absent is not stated.',
        headers: headers(writeHeaders),
        body: schemas.body,
        response: responses(shown(`The new ${noun}.`, 201), errors.creates),
      },
    },
    async (request, reply) => {
      const body = request.body as Content;
      return carryOut(database.main, request, reply, {
        subject: { type, name: body.name as string },
        wanted: wantedBy(definition, body),
        plan: (seen) => created(definition, body, body.reference as string | undefined, seen),
      });
    },
  );

  app.get(
    one,
    {
      config: { permission: 'read' },
      schema: {
        operationId: `get${name}`,
        tags,
        summary: `Reads a ${noun}`,
        description: 'The working version.',
        params: keyPath,
        headers: headers({ 'if-none-match': ifNoneMatchHeader }),
        response: responses(
          { ...shown(`The ${noun}.`), 304: { description: 'It is still the version that you have.', type: 'null' } },
          errors.readsOne,
        ),
      },
    },
    async (request, reply) =>
      sendStored(request, reply, await readWorking(database.main, request.tenant, type, keyOf(request.params))),
  );

  app.put(
    one,
    {
      config: { permission: 'write' },
      schema: {
        operationId: `replace${name}`,
        tags,
        summary: `Replaces a ${noun}`,
        description: 'Replaces the working version. With `If-None-Match: *` and a `ref:` key it creates.',
        params: keyPath,
        headers: headers({
          ...writeHeaders,
          'if-match': ifMatchHeader,
          'if-none-match': onlyWhenNoneHeader,
        }),
        body: schemas.body,
        response: responses(
          { ...shown(`The ${noun} as it is now.`), ...shown(`The new ${noun}.`, 201) },
          errors.replaces,
        ),
      },
    },
    async (request, reply) => {
      const body = request.body as Content;
      const key = keyOf(request.params);
      return carryOut(database.main, request, reply, {
        subject: { type, key, name: body.name as string },
        wanted: wantedBy(definition, body),
        plan: async (seen) => {
          if (!isOnlyWhenNone(request)) {
            return servingOthers(database, request.tenant, await edited(definition, request, seen, () => body));
          }
          if (seen.working !== undefined) throw stale(seen.working);
          return created(definition, body, referenceOf(key, body), seen);
        },
      });
    },
  );

  app.patch(
    one,
    {
      config: { permission: 'write' },
      // Fastify finds the schema by the media type: a request without a body has neither, and would not be judged.
      preValidation: async (request) => {
        if (request.body === undefined) throw missingBody();
      },
      schema: {
        operationId: `update${name}`,
        tags,
        summary: `Changes fields of a ${noun}`,
        description:
          'JSON Merge Patch (RFC 7396): members sent are changed, `null` takes one away, lists are replaced whole. With `allowMissing` and a `ref:` key it creates what is missing and needs no `If-Match`: the operation for synchronising.',
        params: keyPath,
        querystring: query({
          allowMissing: Type.Optional(Type.Boolean({ default: false, description: 'Create it when it is missing.' })),
        }),
        headers: writes,
        body: {
          content: {
            'application/merge-patch+json': { schema: schemas.patch },
            'application/json': { schema: schemas.patch },
          },
        },
        response: responses(
          { ...shown(`The ${noun} as it is now.`), ...shown(`The new ${noun}.`, 201) },
          errors.replaces,
        ),
      },
    },
    async (request, reply) => {
      const patch = request.body as Content;
      const key = keyOf(request.params);
      const { allowMissing } = request.query as { allowMissing?: boolean };
      return carryOut(database.main, request, reply, {
        subject: { type, key, ...(typeof patch.name === 'string' ? { name: patch.name } : {}) },
        wanted: wantedBy(definition, patch),
        plan: async (seen, writer) => {
          if (seen.working === undefined && allowMissing === true && 'reference' in key) {
            const body = merged({}, patch) as Content;
            if (body.name === undefined) throw missingName(name);
            return created(definition, body, referenceOf(key, body), seen);
          }
          const unconditional = allowMissing === true && request.headers['if-match'] === undefined;
          const outcome = await edited(
            definition,
            request,
            seen,
            (stored) => merged(writableOf(definition, stored), withIds(definition, patch, seen)) as Content,
            {
              unconditional,
              resolved: true,
              // What a patch leaves as it is was not looked at yet.
              lookAt: (content) => look(database.main, writer, { type }, wantedBy(definition, content)),
            },
          );
          return servingOthers(database, request.tenant, outcome);
        },
      });
    },
  );

  app.delete(
    one,
    {
      config: { permission: 'write' },
      schema: {
        operationId: `delete${name}`,
        tags,
        summary: `Deletes a ${noun}`,
        description:
          'Only what nothing uses and no approved activity ever named. Its entries stay in the log; its reference may be used again.',
        params: keyPath,
        headers: writes,
        response: responses({ 204: { description: 'It is deleted.', type: 'null' } }, errors.deletes),
      },
    },
    async (request, reply) =>
      carryOut(database.main, request, reply, {
        subject: { type, key: keyOf(request.params) },
        plan: (seen) => {
          const stored = found(seen);
          if (!matches(request, stored)) throw stale(stored);
          const step = allowed(() => remove(definition, stored, seen.settings));
          return { changes: [changeOf(definition, step, stored)], answer: { status: 204, headers: {}, body: '' } };
        },
      }),
  );

  const step = (
    verb: string,
    operationId: string,
    permission: 'archive' | 'write',
    summary: string,
    description: string,
    plan: (stored: Content, seen: Look, tenant: string) => Promise<Step | undefined> | Step | undefined,
    method: 'POST' | 'DELETE' = 'POST',
  ) =>
    app.route({
      method,
      url: `${one}/${verb}`,
      config: { permission },
      schema: {
        operationId,
        tags,
        summary,
        description,
        params: keyPath,
        headers: writes,
        response: responses(shown(`The ${noun} as it is now.`), errors.steps),
      },
      handler: async (request, reply) =>
        carryOut(database.main, request, reply, {
          subject: { type, key: keyOf(request.params) },
          plan: (seen) => stepped(definition, request, seen, () => plan(found(seen), seen, request.tenant)),
        }),
    });

  step(
    'archive',
    `archive${name}`,
    'archive',
    `Archives a ${noun}`,
    'Hides it from lists. The register does not change; what stands in it cannot be archived.',
    async (stored, seen, tenant) => {
      const next = allowed(() => archive(definition, stored, momentOf(seen)));
      if (
        next !== undefined &&
        definition.nature === 'buildingBlock' &&
        (await isInUse(database.main, tenant, type, stored.id as string))
      ) {
        throw new Problem('in-use', 'Something that is not archived names it; see its usages.');
      }
      return next;
    },
  );
  step('restore', `restore${name}`, 'archive', `Restores a ${noun}`, 'Shows it in lists again.', (stored, seen) =>
    allowed(() => restore(definition, stored, momentOf(seen))),
  );
  step(
    'draft',
    `discard${name}Draft`,
    'write',
    `Throws the changes of a ${noun} away`,
    'Goes back to the approved version; there must be one.',
    (stored, seen) => allowed(() => discard(definition, stored, seen.approved, momentOf(seen))),
    'DELETE',
  );

  app.get(
    `${one}/approved`,
    {
      config: { permission: 'readApproved' },
      schema: {
        operationId: `getApproved${name}`,
        tags,
        summary: `Reads the approved version of a ${noun}`,
        description: 'What the register shows. 404 while nobody approved one.',
        params: keyPath,
        headers: headers({ 'if-none-match': ifNoneMatchHeader }),
        response: responses(
          {
            ...shown(`The approved version.`),
            304: { description: 'It is still the version that you have.', type: 'null' },
          },
          errors.readsOne,
        ),
      },
    },
    async (request, reply) =>
      sendStored(request, reply, await readApproved(database.main, request.tenant, type, keyOf(request.params))),
  );

  app.get(
    `${one}/revisions`,
    {
      config: { permission: 'read' },
      schema: {
        operationId: `list${name}Revisions`,
        tags,
        summary: `Lists the versions of a ${noun}`,
        description: 'Who changed it, when and why; the newest first.',
        params: keyPath,
        querystring: query({ limit: limitParameter(), cursor: cursorParameter }),
        headers: headers({}),
        response: responses({ 200: answers('A page of versions.', revisionList, ['Link']) }, [
          ...errors.readsOne,
          'invalid-cursor',
        ]),
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const { tenant } = request;
      return database.main.transaction({ readOnly: true, tenant }, async (session) => {
        const id = (await readId(session, tenant, type, keyOf(request.params))) ?? missing();
        const bound = `revisions ${id}`;
        const before = cursor === undefined ? undefined : versionAt(cursor, bound);
        const items = await listRevisions(session, tenant, type, id, before, limit + 1);
        return sendItems(request, reply, items, limit, (last) => sealCursor(bound, String(last.version), ''));
      });
    },
  );

  app.get(
    `${one}/revisions/:version`,
    {
      config: { permission: 'read' },
      schema: {
        operationId: `get${name}Revision`,
        tags,
        summary: `Reads one version of a ${noun}`,
        description: 'The whole content as it was after that change.',
        params: Type.Object(
          {
            ...keyPath.properties,
            version: Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'The version.', examples: [2] }),
          },
          { additionalProperties: false },
        ),
        headers: headers({}),
        response: responses({ 200: answers('The version.', schemas.answer) }, [...errors.readsOne, 'gone']),
      },
    },
    async (request, reply) => {
      const { version } = request.params as { version: number };
      const { tenant } = request;
      const revision = await database.main.transaction({ readOnly: true, tenant }, async (session) => {
        const id = (await readId(session, tenant, type, keyOf(request.params))) ?? missing();
        return readRevision(session, tenant, type, id, version);
      });
      if (revision === undefined) return missing();
      if (revision.redacted) throw new Problem('gone', 'The content of this version was erased on request.');
      reply.header('cache-control', 'private, no-cache').type('application/json; charset=utf-8');
      return revision.content;
    },
  );

  app.get(
    `${one}/usages`,
    {
      config: { permission: 'read' },
      schema: {
        operationId: `list${name}Usages`,
        tags,
        summary: `Lists what names a ${noun}`,
        description: 'Resources whose working or approved version names it.',
        params: keyPath,
        querystring: query({ limit: limitParameter(), cursor: cursorParameter }),
        headers: headers({}),
        response: responses({ 200: answers('A page of usages.', usageList, ['Link']) }, [
          ...errors.readsOne,
          'invalid-cursor',
        ]),
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const { tenant } = request;
      return database.main.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
        const id = (await readId(session, tenant, type, keyOf(request.params))) ?? missing();
        const bound = `usages ${id}`;
        const position = cursor === undefined ? undefined : cursorAt(cursor, bound);
        const items = await listUsages(
          session,
          tenant,
          type,
          id,
          position && { type: position.key, reference: position.id },
          limit + 1,
        );
        return sendItems(request, reply, items, limit, (last) => sealCursor(bound, last.type, last.reference));
      });
    },
  );

  if (definition.nature === 'buildingBlock') {
    app.post(
      `${one}/approve`,
      {
        config: { permission: 'approve' },
        schema: {
          operationId: `approve${name}`,
          tags,
          summary: `Approves a ${noun}`,
          description: 'From now on the register shows the working version.',
          params: keyPath,
          headers: writes,
          response: responses(shown(`The ${noun} as it is now.`), errors.steps),
        },
      },
      async (request, reply) =>
        carryOut(database.main, request, reply, {
          subject: { type, key: keyOf(request.params) },
          plan: async (seen, writer) => approved(database, definition, request, seen, writer, false),
        }),
    );
  }
}

/** The change of a processor activity, unless its new processor is one of its own clients: 422. */
async function servingOthers(database: Databases, tenant: string, outcome: Outcome): Promise<Outcome> {
  const [change] = 'changes' in outcome ? outcome.changes : [];
  const processor = change?.step.content?.processorId;
  if (change?.type !== 'processorActivity' || processor === undefined) return outcome;
  const reference = clientReference(change.id, processor as string);
  if ((await readClients(database.main, tenant, [reference])).size === 0) return outcome;
  const message = 'It is a client of this activity: nobody is its own processor.';
  throw new Problem('unprocessable', message, {
    errors: [{ in: 'body', pointer: '/processorId', code: 'contradiction', message }],
  });
}

function readListQuery(definition: ResourceDefinition, given: Record<string, unknown>): ListQuery {
  const keys = ((given.id as string[] | undefined) ?? []).map((key) => keyOf({ key }));
  const named = given.id !== undefined;
  const filters = Object.fromEntries(
    Object.keys(definition.filters ?? {})
      .filter((name) => given[name] !== undefined)
      .map((name) => [name, given[name] as string[]]),
  );
  return {
    limit: given.limit as number,
    sort: given.sort as Sort,
    filters,
    ...(given.cursor === undefined ? {} : { cursor: given.cursor as string }),
    ...(named
      ? {
          ids: keys.flatMap((key) => ('id' in key ? [key.id] : [])),
          references: keys.flatMap((key) => ('reference' in key ? [key.reference] : [])),
        }
      : {}),
    ...(given.state === undefined ? {} : { states: given.state as string[] }),
    ...(given.q === undefined ? {} : { q: given.q as string }),
    ...(given.updatedSince === undefined ? {} : { updatedSince: given.updatedSince as string }),
    archived: given.archived as boolean,
  };
}

/** The query parameters of the definition's own filters: repeatable, where a list of values makes sense. */
function filterParameters(definition: ResourceDefinition): TProperties {
  return Object.fromEntries(
    Object.entries(definition.filters ?? {}).map(([name, { by, schema }]) => [
      name,
      by === 'before' || by === 'inForce' || (schema as { type?: string }).type === 'boolean'
        ? Type.Optional(schema)
        : anyOfParameter(schema, (schema as { description?: string }).description ?? ''),
    ]),
  );
}
