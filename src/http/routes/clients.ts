/** The clients of a processor activity, Art. 30(2)(a): a collection under the activity, each client by its controller. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { bodyOf } from '../../article30/components.ts';
import { type Content, component, resolved } from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import { approvesItself, create, discard, edit, remove, stated, writableOf } from '../../article30/life.ts';
import { clientReference, listClients } from '../../db/clients.ts';
import { newId } from '../../db/identifiers.ts';
import { sealCursor } from '../../db/lists.ts';
import { changeOf, type Key, type Look, readKey, type Writer } from '../../db/records.ts';
import { readId, readWorking } from '../../db/resources.ts';
import { canonicalize } from '../../history/canonical.ts';
import {
  answerWith,
  carryOut,
  checked,
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
import { allowed, approved, stepped } from '../outcomes.ts';
import { cursorAt, nextLink, sendStored } from '../pages.ts';
import {
  cursorParameter,
  headers,
  ifMatchHeader,
  ifNoneMatchHeader,
  keyOf,
  keyParameter,
  keyPath,
  limitParameter,
  query,
  writeHeaders,
} from '../parameters.ts';
import { Problem } from '../problems.ts';
import type { ResourceSchemas } from './resources.ts';

const definition = definitionOf('processorClient');

/** The body names neither activity nor client: the path does. */
const clientBody = (() => {
  const {
    name: _n,
    reference: _r,
    processorActivityId: _a,
    controllerId: _c,
    ...properties
  } = (resolved(bodyOf(definition)) as unknown as { properties: Record<string, never> }).properties;
  return component('ProcessorClientBody', {
    ...Type.Object(properties, {
      additionalProperties: false,
      description: `${definition.description} Serves ${definition.article} GDPR.`,
    }),
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
        description: 'By the reference of the client, page by page.',
        params: keyPath,
        headers: headers({}),
        querystring: query({ limit: limitParameter(), cursor: cursorParameter }),
        response: responses({ 200: answers('A page of clients.', schemas.list, ['Link']) }, [
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
        const contents = items.map(({ content }) => content).join(',');
        return `{"items":[${contents}]${nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(nextCursor)}`}}`;
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
          'Adds the client when it is none yet; replacing needs `If-Match`. One entry of the log; the activity needs no new approval.',
        params: clientPath,
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
        body: clientBody,
        response: responses(
          { 200: shown('The client as it is now.'), 201: shown('The new client.', 'Location') },
          errors.replaces,
        ),
      },
    },
    async (request, reply) => {
      const { activity, controller } = await pathIds(database, request);
      const body = {
        ...(request.body as Content),
        processorActivityId: activity,
        controllerId: controller,
      };
      return carryOut(database.main, request, reply, {
        subject: { type: definition.type, key: { reference: clientReference(activity, controller) } },
        wanted: wantedBy(definition, body),
        plan: (seen): Outcome => {
          const moment = momentOf(seen);
          const { working } = seen;
          const writable = checked(definition, stated(definition, withIds(definition, body, seen), working, newId));
          if (working !== undefined) {
            const before = writableOf(definition, working);
            const fits = matches(request, working);
            if (canonicalize({ ...writable, reference: before.reference }) === canonicalize(before)) {
              return { unchanged: answerWith(canonicalize(working), working.version as number) };
            }
            if (!fits) throw stale(working);
          }
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
