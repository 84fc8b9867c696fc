/** The clients of a processor activity, Art. 30(2)(a): a collection under the activity, each client by its controller. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { bodyOf } from '../../article30/components.ts';
import { Bool, type Content, component, KeyOf, resolved } from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import { approve, approvesItself, create, discard, edit, remove, stated, writableOf } from '../../article30/life.ts';
import type { ResourceType } from '../../article30/resource-types.ts';
import { clientReference, listClients, readClients } from '../../db/clients.ts';
import { newId } from '../../db/identifiers.ts';
import { sealCursor } from '../../db/lists.ts';
import {
  changeOf,
  type Key,
  type Look,
  look,
  readKey,
  targetName,
  type Wanted,
  type Writer,
} from '../../db/records.ts';
import { lastEditedBy, readId, readWorking, unapprovedReached } from '../../db/resources.ts';
import { canonicalize } from '../../history/canonical.ts';
import {
  answerWith,
  carryOut,
  checked,
  found,
  matches,
  momentOf,
  type Outcome,
  refuseUnapproved,
  requireApprovedTargets,
  stale,
  unapprovedTargets,
  wantedBy,
  withIds,
} from '../changes.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { allowed, approved, stepped } from '../outcomes.ts';
import { cursorAt, nextLink, pageText, sendStored } from '../pages.ts';
import {
  cursorParameter,
  headers,
  ifMatchHeader,
  ifNoneMatchHeader,
  isOnlyWhenNone,
  keyOf,
  keyParameter,
  keyPath,
  limitParameter,
  onlyWhenNoneHeader,
  query,
  writeHeaders,
} from '../parameters.ts';
import { Problem, type ProblemCode, type ProblemItem } from '../problems.ts';
import type { ResourceSchemas } from './resources.ts';

const definition = definitionOf('processorClient');

/** The most clients that are approved at once. */
const approvedAtOnce = 1_000;

const clientController = Type.Object(
  {
    reference: Type.String({ description: 'Its reference.', examples: ['beta'] }),
    name: Type.String({ description: 'Its name.', examples: ['Beta Ltd'] }),
  },
  { additionalProperties: false, description: 'The controller that the client is, as it is called now.' },
);

/** Activity and client are named by the path; the body may repeat them as they are read. */
const clientBody = (() => {
  const { properties } = resolved(bodyOf(definition)) as unknown as { properties: Record<string, TSchema> };
  const given = ['reference', 'processorActivityId', 'controllerId'].map((name) => [
    name,
    { ...properties[name], readOnly: true },
  ]);
  return component('ProcessorClientBody', {
    ...Type.Object(
      { ...properties, ...Object.fromEntries(given), controller: { ...clientController, readOnly: true } },
      {
        additionalProperties: false,
        description: `${definition.description} Serves ${definition.article} GDPR. Members that only the service sets are ignored when they are sent back; what the path says may be repeated, not contradicted.`,
      },
    ),
    required: [],
    examples: [
      {
        actsAs: 'controller',
        contract: { exists: true, inWriting: true, signedOn: '2026-01-12' },
        since: '2026-02-01',
      },
    ],
  });
})();

/** A page of clients: each as it is read, and who it is. */
function clientList(answer: TSchema): TSchema {
  const { $id: _, ...client } = resolved(answer) as TSchema & { $id?: string; properties: TProperties };
  const listed = component('ListedProcessorClient', {
    ...client,
    properties: { ...client.properties, controller: { ...clientController, readOnly: true } },
    description: 'A client of a processor activity, with the name of the controller that it is.',
  } as TSchema);
  return component(
    'ProcessorClientList',
    Type.Object(
      {
        items: Type.Array(listed, { description: 'The items of this page.' }),
        nextCursor: Type.Optional(Type.String({ description: 'For the next page; absent on the last.' })),
      },
      { additionalProperties: false, description: 'A page of ProcessorClients.' },
    ),
  );
}

const approvalBody = component(
  'ProcessorClientsApprovalBody',
  Type.Object(
    {
      clients: Type.Array(
        Type.Object(
          {
            controllerId: KeyOf('controller', { description: 'The client.', examples: ['ref:beta'] }),
            version: Type.Integer({ minimum: 1, description: 'The version that you have seen.', examples: [1] }),
          },
          { additionalProperties: false, description: 'A client, as it was seen.' },
        ),
        { minItems: 1, maxItems: approvedAtOnce, uniqueItems: true, description: 'The clients to approve, each once.' },
      ),
      includeReferenced: Type.Optional(
        Bool({
          description: 'Approve with them the controllers and other building blocks that they name.',
          examples: [true],
        }),
      ),
    },
    {
      additionalProperties: false,
      description: 'Clients to approve.',
      examples: [{ clients: [{ controllerId: 'ref:beta', version: 1 }], includeReferenced: true }],
    },
  ),
);

interface ApprovalBody {
  readonly clients: readonly { readonly controllerId: string; readonly version: number }[];
  readonly includeReferenced?: boolean;
}

const approvalResult = component(
  'ProcessorClientsApproval',
  Type.Object(
    {
      approved: Type.Integer({ minimum: 0, description: 'So many clients were approved.', examples: [998] }),
      unchanged: Type.Integer({ minimum: 0, description: 'So many were approved already.', examples: [2] }),
      referenced: Type.Integer({ minimum: 0, description: 'So many blocks were approved with them.', examples: [0] }),
    },
    { additionalProperties: false, description: 'What came of the approval of clients.' },
  ),
);

const clientPath = Type.Object(
  {
    ...keyPath.properties,
    controllerKey: { ...keyParameter, description: 'Id of the client, a controller, or `ref:` and its reference.' },
  },
  { additionalProperties: false },
);

export function clientRoutes(app: FastifyInstance, database: Databases, schemas: ResourceSchemas): void {
  const collection = '/v1/processor-activities/:key/clients';
  const one = `${collection}/:controllerKey`;
  const tags = ['ProcessorActivities'];
  const shown = (description: string, ...more: 'Location'[]) =>
    answers(description, schemas.answer, ['ETag', ...more, 'Log-Sequence', 'Idempotency-Replayed']);

  app.get(
    collection,
    {
      config: { permission: 'read' },
      schema: {
        operationId: 'listProcessorClients',
        tags,
        summary: 'Lists the clients of a processor activity',
        description: 'By the reference of the client, page by page, each with the name of the controller that it is.',
        params: keyPath,
        headers: headers({}),
        querystring: query({ limit: limitParameter(), cursor: cursorParameter }),
        response: responses({ 200: answers('A page of clients.', clientList(schemas.answer), ['Link']) }, [
          ...errors.readsOne,
          'invalid-cursor',
        ]),
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const { tenant } = request;
      return database.main.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
        const activity = await readId(session, tenant, 'processorActivity', keyOf(request.params));
        if (activity === undefined) throw missing();
        const bound = `clients ${activity}`;
        const after = cursor === undefined ? undefined : cursorAt(cursor, bound).key;
        const rows = await listClients(session, tenant, activity, after, limit + 1);
        const items = rows.slice(0, limit);
        const nextCursor = rows.length > limit ? sealCursor(bound, items.at(-1)!.reference, '') : undefined;
        if (nextCursor !== undefined) reply.header('link', nextLink(request, nextCursor));
        reply.header('cache-control', 'private, no-cache').type('application/json; charset=utf-8');
        return pageText(
          items.map(
            ({ content, ...controller }) => `${content.slice(0, -1)},"controller":${JSON.stringify(controller)}}`,
          ),
          nextCursor,
        );
      });
    },
  );

  app.get(
    one,
    {
      config: { permission: 'read' },
      schema: {
        operationId: 'getProcessorClient',
        tags,
        summary: 'Reads a client of a processor activity',
        description: 'The working version.',
        params: clientPath,
        headers: headers({ 'if-none-match': ifNoneMatchHeader }),
        response: responses(
          { 200: shown('The client.'), 304: { description: 'It is still the version that you have.', type: 'null' } },
          errors.readsOne,
        ),
      },
    },
    async (request, reply) => {
      const key = await clientKey(database, request);
      return sendStored(request, reply, await readWorking(database.main, request.tenant, definition.type, key));
    },
  );

  app.put(
    one,
    {
      config: { permission: 'clients' },
      schema: {
        operationId: 'replaceProcessorClient',
        tags,
        summary: 'Adds or replaces a client of a processor activity',
        description:
          'Adds the client when it is none yet, unless the activity is retired; replacing needs `If-Match`, and `If-None-Match: *` only adds. One entry of the log; the activity needs no new approval.',
        params: clientPath,
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader, 'if-none-match': onlyWhenNoneHeader }),
        body: clientBody,
        response: responses(
          { 200: shown('The client as it is now.'), 201: shown('The new client.', 'Location') },
          errors.replaces,
        ),
      },
    },
    async (request, reply) => {
      const { activity, controller } = await pathIds(database, request);
      const given = request.body as Content;
      const { reference: _reference, ...said } = given;
      const path = { processorActivityId: activity, controllerId: controller };
      const body: Content = { ...said, ...path };
      const onlyWhenNone = isOnlyWhenNone(request);
      return carryOut(database.main, request, reply, {
        subject: { type: definition.type, key: { reference: clientReference(activity, controller) } },
        wanted: [...wantedBy(definition, body), ...repeatedKeys(given)],
        plan: async (seen, writer): Promise<Outcome> => {
          const moment = momentOf(seen);
          const { working } = seen;
          if (working !== undefined && onlyWhenNone) throw stale(working);
          if (working === undefined && request.headers['if-match'] !== undefined) {
            throw new Problem('precondition-failed', 'It is no client of the activity yet: add it without If-Match.');
          }
          refuseContradicted(given, { ...path, reference: clientReference(activity, controller) }, seen);
          const writable = checked(definition, stated(definition, withIds(definition, body, seen), working, newId));
          if (working !== undefined) {
            const before = writableOf(definition, working);
            const fits = matches(request, working);
            if (canonicalize({ ...writable, reference: before.reference }) === canonicalize(before)) {
              return { unchanged: answerWith(canonicalize(working), working.version as number) };
            }
            if (!fits) throw stale(working);
          }
          const served = await look(database.main, writer, { type: 'processorActivity', key: { id: activity } });
          requireServable(found(served), controller, working === undefined);
          const step =
            working === undefined
              ? create(definition, writable, clientReference(activity, controller), moment)
              : allowed(() => edit(definition, working, writable, moment));
          if (step.approved) requireApprovedTargets(definition, writable, seen);
          const change = changeOf(definition, step);
          return {
            changes: [change],
            answer:
              working === undefined
                ? answerWith(
                    change.text!,
                    change.version,
                    201,
                    `/v1/processor-activities/${activity}/clients/${controller}`,
                  )
                : answerWith(change.text!, change.version),
          };
        },
      });
    },
  );

  app.delete(
    one,
    {
      config: { permission: 'clients' },
      schema: {
        operationId: 'deleteProcessorClient',
        tags,
        summary: 'Takes a client away from a processor activity',
        description: 'The register shows it no more from then on; say `until` instead when the work for it has ended.',
        params: clientPath,
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
        response: responses({ 204: { description: 'It is taken away.', type: 'null' } }, errors.deletes),
      },
    },
    async (request, reply) => {
      const key = await clientKey(database, request);
      return carryOut(database.main, request, reply, {
        subject: { type: definition.type, key },
        plan: (seen) => {
          const stored = found(seen);
          if (!matches(request, stored)) throw stale(stored);
          if (stored.approvedVersion !== undefined && !approvesItself(definition, seen.settings)) {
            const message =
              'Somebody approved it: nobody takes it away alone. Say `until` when the work for it has ended.';
            throw new Problem('state-conflict', message);
          }
          const change = changeOf(
            definition,
            allowed(() => remove(definition, stored, seen.settings)),
            stored,
          );
          return { changes: [change], answer: { status: 204, headers: {}, body: '' } };
        },
      });
    },
  );

  app.post(
    `${collection}/approve`,
    {
      config: { permission: 'approve' },
      schema: {
        operationId: 'approveProcessorClients',
        tags,
        summary: 'Approves clients of a processor activity, many at once',
        description: `All of them or none: up to ${approvedAtOnce.toLocaleString('en')}, each at the version that you have seen. The activity needs no new approval.`,
        params: keyPath,
        headers: headers(writeHeaders),
        body: approvalBody,
        response: responses(
          { 200: answers('What came of it.', approvalResult, ['Log-Sequence', 'Idempotency-Replayed']) },
          errors.steps.filter((code) => code !== 'precondition-required'),
        ),
      },
    },
    async (request, reply) => {
      const { clients } = request.body as ApprovalBody;
      return carryOut(database.main, request, reply, {
        subject: { type: 'processorActivity', key: keyOf(request.params) },
        wanted: clients.map(({ controllerId: key }) => ({ type: 'controller', key })),
        plan: (seen, writer) => approvedTogether(database, request, seen, writer),
      });
    },
  );

  const step = (
    method: 'POST' | 'DELETE',
    verb: string,
    permission: 'approve' | 'clients',
    words: { operationId: string; summary: string; description: string },
    plan: (seen: Look, request: FastifyRequest, writer: Writer) => Promise<Outcome>,
  ) =>
    app.route({
      method,
      url: `${one}/${verb}`,
      config: { permission },
      schema: {
        ...words,
        tags,
        params: clientPath,
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
        response: responses({ 200: shown('The client as it is now.') }, errors.steps),
      },
      handler: async (request, reply) => {
        const key = await clientKey(database, request);
        return carryOut(database.main, request, reply, {
          subject: { type: definition.type, key },
          plan: (seen, writer) => plan(seen, request, writer),
        });
      },
    });

  step(
    'POST',
    'approve',
    'approve',
    {
      operationId: 'approveProcessorClient',
      summary: 'Approves a client of a processor activity',
      description: 'From now on the register shows the working version. The activity needs no new approval.',
    },
    (seen, request, writer) => approved(database, definition, request, seen, writer, false),
  );
  step(
    'DELETE',
    'draft',
    'clients',
    {
      operationId: 'discardProcessorClientDraft',
      summary: 'Throws the changes of a client of a processor activity away',
      description: 'Goes back to the approved version; there must be one.',
    },
    (seen, request) =>
      stepped(definition, request, seen, () =>
        allowed(() => discard(definition, found(seen), seen.approved, momentOf(seen))),
      ),
  );
}

/** What a body repeats of the path, each with the type of what it names. */
const repeated = { processorActivityId: 'processorActivity', controllerId: 'controller' } as const;
const repeatedNames = Object.keys(repeated) as (keyof typeof repeated)[];

function repeatedKeys(given: Content): Wanted[] {
  return repeatedNames.flatMap((name) =>
    given[name] === undefined ? [] : [{ type: repeated[name], key: given[name] as string }],
  );
}

/** 422 when the body says another activity, client or reference than the path. */
function refuseContradicted(given: Content, path: Content, seen: Look): void {
  const said = (name: string) => {
    const type = (repeated as Record<string, string>)[name];
    return type === undefined ? given[name] : seen.targets.get(targetName({ type, key: given[name] as string }))?.id;
  };
  const [name] = [...repeatedNames, 'reference'].filter(
    (each) => given[each] !== undefined && said(each) !== path[each],
  );
  if (name === undefined) return;
  const message = 'The path says another one; leave it out, or say the same.';
  throw new Problem('unprocessable', message, {
    errors: [{ in: 'body', pointer: `/${name}`, code: 'contradiction', message }],
  });
}

/** What stands against serving a client: 422 when it is the processor itself, 409 when it is new and the work has ended. */
function requireServable(activity: Content, controller: string, isNew: boolean): void {
  if (activity.processorId === controller) {
    const message = 'The processor of the activity is no client of its own.';
    throw new Problem('unprocessable', message, {
      errors: [{ in: 'path', name: 'controllerKey', code: 'contradiction', message }],
    });
  }
  if (isNew && activity.state === 'retired') {
    throw new Problem('state-conflict', 'The activity is retired: it gets no new clients.');
  }
}

/** Approves the clients that the body names, and with `includeReferenced` what they name: all of them, or none. */
async function approvedTogether(
  database: Databases,
  request: FastifyRequest,
  seen: Look,
  writer: Writer,
): Promise<Outcome> {
  const { tenant } = request;
  const { clients: asked, includeReferenced = false } = request.body as ApprovalBody;
  const activity = found(seen);
  const references = asked.map(({ controllerId: key }) => {
    const target = seen.targets.get(targetName({ type: 'controller', key }));
    return target === undefined ? undefined : clientReference(activity.id as string, target.id);
  });
  const stored = await readClients(database.main, tenant, [...new Set(references.flatMap((each) => each ?? []))]);
  const clients = references.map((reference) => (reference === undefined ? undefined : stored.get(reference)));

  refuse('unknown-reference', 'Somebody is no client of the activity.', clients, (client, index) =>
    client === undefined
      ? { pointer: `/clients/${index}/controllerId`, code: 'unknown-reference', message: 'No client of the activity.' }
      : undefined,
  );
  refuse('unprocessable', 'A client is named twice.', references, (reference, index) =>
    references.indexOf(reference) < index
      ? { pointer: `/clients/${index}/controllerId`, code: 'duplicate', message: 'It is named already.' }
      : undefined,
  );
  const waiting = clients.flatMap((client, index) =>
    client!.state === 'approved' ? [] : [{ client: client!, index, version: asked[index]!.version }],
  );
  refuse('precondition-failed', 'Clients have changed since you have seen them.', waiting, ({ client, ...as }) =>
    client.version === as.version
      ? undefined
      : { pointer: `/clients/${as.index}/version`, code: 'stale', message: `It is at version ${client.version} now.` },
  );

  const moment = momentOf(seen);
  const changes = waiting.map(({ client }) =>
    changeOf(definition, allowed(() => approve(definition, client, moment))!),
  );
  const ids = waiting.map(({ client }) => client.id as string);
  const others = includeReferenced ? await unapprovedReached(database.main, tenant, definition.type, ids) : [];
  const referenced = others.map(({ type, content }) => {
    const other = definitionOf(type as ResourceType);
    return changeOf(other, allowed(() => approve(other, content, moment))!);
  });
  if (!includeReferenced) {
    const wanted = waiting.flatMap(({ client }) => wantedBy(definition, client));
    const targets = await look(database.main, writer, { type: definition.type }, wanted);
    refuseUnapproved(
      waiting.flatMap(({ client, index }) =>
        unapprovedTargets(definition, client, targets).map((flaw) => ({
          ...flaw,
          pointer: `/clients/${index}${flaw.pointer}`,
        })),
      ),
    );
  }
  if (seen.settings.fourEyes) {
    const own = await lastEditedBy(database.main, tenant, seen.actor, [...changes, ...referenced]);
    const message = 'You edited it last.';
    refuse(
      'four-eyes',
      'You edited some of them last, or something that would be approved with them: somebody else approves these.',
      own,
      ({ type, id }) => {
        const place = waiting.find(({ client }) => client.id === id)?.index;
        return place === undefined
          ? { pointer: '/includeReferenced', code: 'four-eyes', message: `The ${type} ${id}: ${message}` }
          : { pointer: `/clients/${place}`, code: 'four-eyes', message };
      },
    );
  }
  const result = {
    approved: changes.length,
    unchanged: clients.length - changes.length,
    referenced: referenced.length,
  };
  const answer = {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'private, no-cache' },
    body: JSON.stringify(result),
  };
  return changes.length === 0 ? { unchanged: answer } : { changes: [...referenced, ...changes], answer };
}

/** Refuses the request when something is wrong with any of the items. */
function refuse<T>(
  code: ProblemCode,
  detail: string,
  items: readonly T[],
  flawOf: (item: T, index: number) => Omit<ProblemItem, 'in'> | undefined,
): void {
  const flaws = items.flatMap((item, index) => flawOf(item, index) ?? []);
  if (flaws.length > 0) {
    throw new Problem(code, detail, { errors: flaws.slice(0, 50).map((flaw) => ({ in: 'body', ...flaw })) });
  }
}

/** Activity and client of the path, by their ids; 404 when one of them does not exist. */
async function pathIds(
  database: Databases,
  request: FastifyRequest,
): Promise<{ activity: string; controller: string }> {
  const { tenant } = request;
  const { controllerKey } = request.params as { controllerKey: string };
  return database.main.transaction({ readOnly: true, tenant }, async (session) => {
    const [activity, controller] = await Promise.all([
      readId(session, tenant, 'processorActivity', keyOf(request.params)),
      readId(session, tenant, 'controller', readKey(controllerKey)!),
    ]);
    if (activity === undefined || controller === undefined) throw missing();
    return { activity, controller };
  });
}

async function clientKey(database: Databases, request: FastifyRequest): Promise<Key> {
  const { activity, controller } = await pathIds(database, request);
  return { reference: clientReference(activity, controller) };
}

function missing(): Problem {
  return new Problem('not-found', 'There is no such activity, or no such client of it.');
}
