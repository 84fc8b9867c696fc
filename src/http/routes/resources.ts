/** The operations that every resource has, from its definition. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { answerOf, bodyOf, patchOf } from '../../article30/components.ts';
import { type Content, component, type ResourceDefinition } from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import {
  approve,
  archive,
  create,
  discard,
  edit,
  remove,
  restore,
  StateConflict,
  type Step,
  stated,
  writableOf,
} from '../../article30/life.ts';
import type { ResourceType } from '../../article30/resource-types.ts';
import { merged } from '../../article30/shape.ts';
import { newId } from '../../db/identifiers.ts';
import { CursorError, type ListQuery, listWorking, openCursor, type Sort, sealCursor } from '../../db/lists.ts';
import { listRevisions, readRevision } from '../../db/log.ts';
import { type Answer, changeOf, type Key, type Look, look, type Wanted, type Writer } from '../../db/records.ts';
import {
  isInUse,
  lastEditor,
  listUsages,
  readApproved,
  readId,
  readWorking,
  unapprovedReached,
} from '../../db/resources.ts';
import { folded } from '../../db/search.ts';
import { canonicalize } from '../../history/canonical.ts';
import {
  answerWith,
  carryOut,
  checked,
  etag,
  found,
  matches,
  momentOf,
  type Outcome,
  requireApprovedTargets,
  stale,
  wantedBy,
  withIds,
} from '../changes.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import {
  anyOfParameter,
  cursorParameter,
  headers,
  ifMatchHeader,
  ifNoneMatchHeader,
  keyOf,
  keyPath,
  limitParameter,
  listParameters,
  query,
  writeHeaders,
} from '../parameters.ts';
import { Problem } from '../problems.ts';

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
    list: component(
      `${definition.component}List`,
      Type.Object(
        {
          items: Type.Array(answer, { description: 'The items of this page.' }),
          nextCursor: Type.Optional(Type.String({ description: 'For the next page; absent on the last.' })),
        },
        { additionalProperties: false, description: `A page of ${definition.plural}.` },
      ),
    ),
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
              name: Type.String({ description: 'Its name.', examples: ['Invoicing'] }),
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
  const keep = { 'cache-control': 'private, no-cache' };
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
      const page = await database.main.transaction(
        { readOnly: true, tenant: request.tenant, customPlan: true },
        (session) => listWorking(session, request.tenant, definition, wanted).catch(refuseCursor),
      );
      if (page.nextCursor !== undefined) reply.header('link', nextLink(request, page.nextCursor));
      reply.headers({ ...keep, 'log-sequence': page.logSequence }).type('application/json; charset=utf-8');
      return pageText(page.contents, page.nextCursor);
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
        description:
          'Only a name is needed: what is absent is not stated, and comes back as a finding, not as an error.',
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
          'if-none-match': Type.Optional(
            Type.String({ maxLength: 200, description: '`*`: only when there is none yet.', examples: ['*'] }),
          ),
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
        plan: (seen) => {
          if (request.headers['if-none-match'] === undefined) return edited(definition, request, seen, () => body);
          if (request.headers['if-none-match'].trim() !== '*')
            throw invalidHeader('If-None-Match', 'Only `*` makes sense here.');
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
        plan: (seen) => {
          if (seen.working === undefined && allowMissing === true && 'reference' in key) {
            const body = merged({}, patch) as Content;
            if (body.name === undefined) throw missingName(name);
            return created(definition, body, referenceOf(key, body), seen);
          }
          const unconditional = allowMissing === true && request.headers['if-match'] === undefined;
          return edited(
            definition,
            request,
            seen,
            (stored) => merged(writableOf(definition, stored), withIds(definition, patch, seen)) as Content,
            { unconditional, resolved: true },
          );
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
          const step = allowed(() => remove(definition, stored));
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
        const before = cursor === undefined ? undefined : Number(cursorAt(cursor, bound).key);
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
      reply.headers(keep).type('application/json; charset=utf-8');
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

/** "ProcessingActivity" as words in a sentence. */
export function spaced(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, ' $1').toLowerCase();
}

function created(definition: ResourceDefinition, body: Content, reference: string | undefined, seen: Look): Outcome {
  const writable = checked(definition, stated(definition, withIds(definition, body, seen), undefined, newId));
  const step = create(definition, writable, reference ?? newReference(body.name as string), momentOf(seen));
  if (step.approved) requireApprovedTargets(definition, writable, seen);
  const change = changeOf(definition, step);
  return {
    changes: [change],
    answer: answerWith(change.text!, change.version, 201, `/v1/${definition.path}/${change.id}`),
  };
}

/** A reference made from a name, readable and free: what chance makes equal is refused by the database. */
function newReference(name: string): string {
  const words = folded(name)
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  const chance = newId().replaceAll('-', '').slice(-8);
  return words === '' ? chance : `${words}-${chance}`;
}

/** The reference under which a resource is created at a `ref:` key; the body may repeat it, not contradict it. */
function referenceOf(key: Key, body: Content): string {
  if (!('reference' in key))
    throw new Problem('not-found', 'There is no such resource. Only a `ref:` key can be created.');
  if (body.reference !== undefined && body.reference !== key.reference) {
    const message = 'Must be the reference of the path, or absent.';
    throw new Problem('unprocessable', message, {
      errors: [{ in: 'body', pointer: '/reference', code: 'contradiction', message }],
    });
  }
  return key.reference;
}

function edited(
  definition: ResourceDefinition,
  request: FastifyRequest,
  seen: Look,
  bodyFor: (stored: Content) => Content,
  { unconditional = false, resolved = false } = {},
): Outcome {
  const stored = found(seen);
  const fits = unconditional || matches(request, stored);
  let body: Content;
  try {
    const given = bodyFor(stored);
    body = resolved ? given : withIds(definition, given, seen);
  } catch (error) {
    // What names something unknown equals nothing that is stored: of a stale request it is told that it is stale.
    throw fits || !(error instanceof Problem) ? error : stale(stored);
  }
  const before = writableOf(definition, stored);
  const writable = {
    ...stated(definition, body, stored, newId),
    ...(body.reference === undefined ? { reference: before.reference } : {}),
  };
  if (canonicalize(writable) === canonicalize(before)) return { unchanged: show(stored) };
  if (!fits) throw stale(stored);
  const step = allowed(() => edit(definition, stored, checked(definition, writable), momentOf(seen)));
  if (step.approved) requireApprovedTargets(definition, writable, seen);
  const change = changeOf(definition, step);
  return { changes: [change], answer: answerWith(change.text!, change.version) };
}

/** The outcome of a step of life: nothing when it is so already, even for a stale `If-Match`. */
export async function stepped(
  definition: ResourceDefinition,
  request: FastifyRequest,
  seen: Look,
  take: () => Step | undefined | Promise<Step | undefined>,
): Promise<Outcome> {
  const stored = found(seen);
  const fits = matches(request, stored);
  if (!fits) {
    // Of a stale request only "it is so already" is answered; what the state refuses was asked of another state.
    const idle = await Promise.resolve()
      .then(take)
      .then(
        (step) => step === undefined,
        () => false,
      );
    if (idle) return { unchanged: show(stored) };
    throw stale(stored);
  }
  const step = await take();
  if (step === undefined) return { unchanged: show(stored) };
  const change = changeOf(definition, step);
  return { changes: [change], answer: answerWith(change.text!, change.version) };
}

/** Approves a resource, and with `includeReferenced` what it names that is not approved as it stands. */
export async function approved(
  database: Databases,
  definition: ResourceDefinition,
  request: FastifyRequest,
  seen: Look,
  writer: Writer,
  includeReferenced: boolean,
): Promise<Outcome> {
  const stored = found(seen);
  const fits = matches(request, stored);
  const moment = momentOf(seen);
  if (stored.state === 'approved') return { unchanged: show(stored) };
  if (!fits) throw stale(stored);
  const step = allowed(() => approve(definition, stored, moment))!;
  const { tenant } = request;
  const others = includeReferenced
    ? await unapprovedReached(database.main, tenant, definition.type, stored.id as string)
    : [];
  const changes = others.map(({ type, content }) => {
    const other = definitionOf(type as ResourceType);
    return changeOf(other, allowed(() => approve(other, content, moment))!);
  });
  if (!includeReferenced) {
    const wanted: Wanted[] = wantedBy(definition, stored);
    requireApprovedTargets(definition, stored, await look(database.main, writer, { type: definition.type }, wanted));
  }
  if (seen.settings.fourEyes) {
    for (const { type, id } of [{ type: definition.type as string, id: stored.id as string }, ...changes]) {
      if ((await lastEditor(database.main, tenant, type, id)) === seen.actor) {
        throw new Problem(
          'four-eyes',
          'You edited it last, or something that would be approved with it: somebody else approves it.',
        );
      }
    }
  }
  const change = changeOf(definition, step);
  return { changes: [...changes, change], answer: answerWith(change.text!, change.version) };
}

/** Turns a step that the state does not allow into 409. */
export function allowed<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    if (error instanceof StateConflict) throw new Problem('state-conflict', error.message);
    throw error;
  }
}

function show(stored: Content): Answer {
  return answerWith(canonicalize(stored), stored.version as number);
}

function missing(): never {
  throw new Problem('not-found', 'There is no such resource.');
}

function missingBody(): Problem {
  const message = 'A JSON object is needed.';
  return new Problem('validation-failed', `The body of the request: the whole body: ${message}`, {
    errors: [{ in: 'body', pointer: '', code: 'type', message }],
  });
}

function missingName(component: string): Problem {
  const message = `A new ${spaced(component)} needs a name.`;
  return new Problem('validation-failed', message, {
    errors: [{ in: 'body', pointer: '/name', code: 'required', message }],
  });
}

function invalidHeader(header: string, message: string): Problem {
  return new Problem('validation-failed', `The header ${header} is not valid. ${message}`, {
    errors: [{ in: 'header', name: header, code: 'enum', message }],
  });
}

export function sendStored(
  request: FastifyRequest,
  reply: FastifyReply,
  stored: { text: string; version: number } | undefined,
): FastifyReply {
  if (stored === undefined) return missing();
  const tag = etag(stored.version);
  reply.headers({ 'cache-control': 'private, no-cache', etag: tag });
  const known = request.headers['if-none-match'];
  if (
    known !== undefined &&
    (known.trim() === '*' || known.split(',').some((each) => each.trim().replace(/^W\//, '') === tag))
  ) {
    return reply.code(304).send();
  }
  return reply.type('application/json; charset=utf-8').send(stored.text);
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

/** A page put together from stored texts. */
function pageText(contents: readonly string[], nextCursor: string | undefined): string {
  return `{"items":[${contents.join(',')}]${nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(nextCursor)}`}}`;
}

function sendItems<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  items: T[],
  limit: number,
  cursorOf: (last: T) => string,
): { items: T[]; nextCursor?: string } {
  const shown = items.slice(0, limit);
  reply.header('cache-control', 'private, no-cache');
  if (items.length <= limit) return { items: shown };
  const nextCursor = cursorOf(shown.at(-1)!);
  reply.header('link', nextLink(request, nextCursor));
  return { items: shown, nextCursor };
}

/** RFC 8288: the same request with the next cursor. */
export function nextLink(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, 'http://localhost');
  url.searchParams.set('cursor', cursor);
  return `<${url.pathname}${url.search}>; rel="next"`;
}

export function cursorAt(cursor: string, bound: string): { key: string; id: string } {
  try {
    return openCursor(cursor, bound);
  } catch (error) {
    return refuseCursor(error);
  }
}

export function refuseCursor(error: unknown): never {
  if (error instanceof CursorError) {
    throw new Problem('invalid-cursor', error.message, {
      errors: [{ in: 'query', name: 'cursor', code: 'cursor', message: error.message }],
    });
  }
  throw error;
}
