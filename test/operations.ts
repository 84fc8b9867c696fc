/**
 * Every operation of the running service, and a request that each answers with success.
 *
 * The operations come from the app's own document, so whatever is generated from them grows with the routes. How an
 * operation is called stands here by its form; one that has none is an error, never left out.
 */
import type { FastifyInstance } from 'fastify';
import type { Content, ResourceDefinition } from '../src/article30/definition.ts';
import { definitions } from '../src/article30/index.ts';
import { namedKeys } from '../src/article30/shape.ts';
import type { Answer, Client } from './service.ts';

export interface Operation {
  readonly id: string;
  readonly method: string;
  /** As the document has it: `/v1/controllers/{key}`. */
  readonly path: string;
  /** Method and path, with `{resource}` or `{activity}` where only the resource differs: `GET /v1/{resource}/{key}`. HEAD has that of its GET. */
  readonly form: string;
  /** Whose operation it is, when it is one of a resource. */
  readonly definition: ResourceDefinition | undefined;
  /** The document says that it needs no token. */
  readonly open: boolean;
}

/** Forms that mean another thing, or only exist, for activities. */
const ofActivities = ['submit', 'approve', 'reject', 'retire', 'review'];

/** The operations of the document, and the HEAD that goes with each GET. */
export function operationsOf(app: FastifyInstance): Operation[] {
  const { paths } = app.swagger() as unknown as Paths;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([word, { operationId, security }]) => {
      const [, collection, ...rest] = path.slice(1).split('/');
      const definition = definitions.find((each) => each.path === collection);
      const kind = definition?.nature === 'activity' && ofActivities.includes(rest[1] ?? '') ? 'activity' : 'resource';
      const form = definition === undefined ? path : ['', 'v1', `{${kind}}`, ...rest].join('/');
      const operation = { path, definition, open: security?.length === 0 };
      const method = word.toUpperCase();
      const named = { ...operation, id: operationId, method, form: `${method} ${form}` };
      return method === 'GET' ? [named, { ...named, id: `${operationId} (HEAD)`, method: 'HEAD' }] : [named];
    }),
  );
}
type Paths = { paths: Record<string, Record<string, { operationId: string; security?: unknown[] }>> };

/** Whether it is one of those that change something. */
export const changes = ({ method }: Operation): boolean => method !== 'GET' && method !== 'HEAD';

/** Method and path of every route that the app really answers, keys as `{key}`. */
export function routesOf(app: FastifyInstance): string[] {
  const above: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, text, methods] = /^([\s│]*)[├└]── (\S+)(?: \((.+)\))?$/.exec(line) ?? [];
      if (indent === undefined) return [];
      const depth = indent.length / 4;
      const path = `${depth === 0 ? '' : above[depth - 1]}${text}`;
      above[depth] = path;
      return (methods?.split(', ') ?? []).map((method) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    });
}

/** Somebody's example register: one of each resource, approved, with all that it names. */
export interface Holding {
  readonly client: Client;
  /** Before each reference, so that the examples of two holders have none in common. */
  readonly prefix: string;
  /** In every name. */
  readonly word: string;
  /** The approved example of each type. */
  readonly examples: ReadonlyMap<string, Content>;
}

/** The definition's example in the words of the holder. */
export function exampleOf(definition: ResourceDefinition, { prefix, word }: Pick<Holding, 'prefix' | 'word'>): Content {
  const text = JSON.stringify(definition.example).replaceAll('"ref:', `"ref:${prefix}`);
  const { name, reference, ...rest } = JSON.parse(text) as Content;
  return { ...rest, name: `${word} ${name}`, reference: `${prefix}${reference}` };
}

/** Creates and approves the examples, what is named before what names it. In this tenant nothing approves itself. */
export async function hold(client: Client, prefix: string, word: string, settings: object = {}): Promise<Holding> {
  const examples = new Map<string, Content>();
  const body = { buildingBlockApproval: 'required', ...settings };
  await succeed(client.call('PUT', '/v1/settings', { body, headers: { 'if-match': '*' } }));
  const waiting = new Set(definitions);
  while (waiting.size > 0) {
    const ready = [...waiting].filter((definition) =>
      namedKeys(definition, definition.example).every(({ type }) => examples.has(type)),
    );
    if (ready.length === 0) throw new Error('The examples name each other in a circle.');
    for (const definition of ready) {
      const made = await succeed(client.post(`/v1/${definition.path}`, exampleOf(definition, { prefix, word })));
      examples.set(definition.type, await approve(client, definition, made));
      waiting.delete(definition);
    }
  }
  return { client, prefix, word, examples };
}

/** The content of a success. */
async function succeed(answer: Promise<Answer>): Promise<Content> {
  const { status, text, json } = await answer;
  if (status >= 300) throw new Error(`A preparation was answered with ${status}: ${text}`);
  return json as Content;
}

const unconditional = { 'if-match': '*' };

function approve(client: Client, { path }: ResourceDefinition, { id }: Content): Promise<Content> {
  return succeed(client.post(`/v1/${path}/${id}/approve`, undefined, unconditional));
}

let count = 0;
/** A reference that nobody has. */
export const freshReference = (): string => `fresh-${++count}`;

/** A draft of its own, with the content of the example. */
export function draft({ client, ...words }: Holding, definition: ResourceDefinition): Promise<Content> {
  return succeed(
    client.post(`/v1/${definition.path}`, { ...exampleOf(definition, words), reference: freshReference() }),
  );
}

export interface PreparedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
  /** What the path's key names. */
  readonly target?: Content;
}

/** Asks the request of an operation in another's name. */
export function ask(client: Client, { method, url, headers, body }: PreparedRequest): Promise<Answer> {
  return client.call(method, url, { headers, ...(body === undefined ? {} : { body }) });
}

type Ready = { target?: Content; headers?: Record<string, string>; body?: unknown; query?: string };
type Preparation = (holding: Holding, definition: ResourceDefinition) => Ready | Promise<Ready>;

const step = async (holding: Holding, { path }: ResourceDefinition, { id }: Content, word: string, body?: object) =>
  succeed(holding.client.post(`/v1/${path}/${id}/${word}`, body, unconditional));
const example: Preparation = ({ examples }, { type }) => ({ target: examples.get(type)! });
const asDraft: Preparation = async (holding, definition) => ({ target: await draft(holding, definition) });
const asApproved = async (holding: Holding, definition: ResourceDefinition) => ({
  target: await approve(holding.client, definition, await draft(holding, definition)),
});
const asSubmitted: Preparation = async (holding, definition) => ({
  target: await step(holding, definition, await draft(holding, definition), 'submit'),
});
const nothing: Preparation = () => ({});

/** What must be there before an operation, and what is sent with it. */
const preparations: Record<string, Preparation> = {
  'GET /health/live': nothing,
  'GET /health/ready': nothing,
  'GET /v1/me': nothing,
  'GET /v1/tenants': nothing,
  'POST /v1/tenants': () => ({ body: { reference: freshReference() } }),
  'GET /v1/settings': nothing,
  'PUT /v1/settings': async ({ client }) => {
    const { updatedAt: _updatedAt, version: _version, ...settings } = await succeed(client.get('/v1/settings'));
    return { headers: unconditional, body: { ...settings, reviewInterval: `P${++count}D` } };
  },
  'GET /v1/changes': nothing,
  'GET /v1/log': nothing,
  'GET /v1/register': nothing,
  'GET /v1/register.json': nothing,
  'GET /v1/register.ndjson': nothing,
  'GET /v1/register.csv': nothing,
  'GET /v1/register/entries/{key}': ({ examples }) => ({ target: examples.get('processingActivity')! }),

  'GET /v1/{resource}': nothing,
  'POST /v1/{resource}': (holding, definition) => ({
    body: { ...exampleOf(definition, holding), reference: freshReference() },
  }),
  'GET /v1/{resource}/{key}': example,
  'PUT /v1/{resource}/{key}': async (holding, definition) => ({
    ...(await asDraft(holding, definition)),
    body: { ...exampleOf(definition, holding), reference: freshReference(), notes: 'Replaced.' },
  }),
  'PATCH /v1/{resource}/{key}': async (holding, definition) => ({
    ...(await asDraft(holding, definition)),
    body: { notes: 'Changed.' },
  }),
  'DELETE /v1/{resource}/{key}': asDraft,
  'POST /v1/{resource}/{key}/archive': asDraft,
  'POST /v1/{resource}/{key}/restore': async (holding, definition) => ({
    target: await step(holding, definition, await draft(holding, definition), 'archive'),
  }),
  'DELETE /v1/{resource}/{key}/draft': async (holding, definition) => {
    const { target } = await asApproved(holding, definition);
    const body = { notes: 'Not to be kept.' };
    const url = `/v1/${definition.path}/${target.id}`;
    return { target: await succeed(holding.client.call('PATCH', url, { body, headers: unconditional })) };
  },
  'GET /v1/{resource}/{key}/approved': example,
  'GET /v1/{resource}/{key}/revisions': example,
  'GET /v1/{resource}/{key}/revisions/{version}': example,
  'GET /v1/{resource}/{key}/usages': example,
  'POST /v1/{resource}/{key}/approve': asDraft,

  'POST /v1/{activity}/{key}/submit': asDraft,
  'POST /v1/{activity}/{key}/approve': async (holding, definition) => ({
    ...(await asSubmitted(holding, definition)),
    body: { acceptedFindings: [] },
  }),
  'POST /v1/{activity}/{key}/reject': asSubmitted,
  'POST /v1/{activity}/{key}/review': asApproved,
  'POST /v1/{activity}/{key}/retire': async (holding, definition) => ({
    ...(await asApproved(holding, definition)),
    body: { endedOn: '2026-10-31', replacedById: holding.examples.get(definition.type)!.id },
  }),
};

/** A request that the operation answers with success, made for the holder's register; what it needs is created first. */
export async function prepare(operation: Operation, holding: Holding): Promise<PreparedRequest> {
  const preparation = preparations[operation.form];
  if (preparation === undefined) throw new Error(`Nobody said how ${operation.form} is called: test/operations.ts`);
  const { target, headers, body } = await preparation(holding, operation.definition!);
  const conditional = target !== undefined && changes(operation);
  return {
    method: operation.method,
    url: urlOf(operation, target === undefined ? {} : { key: String(target.id), version: '1' }),
    headers: { ...(conditional ? { 'if-match': `"${target.version}"` } : {}), ...headers },
    ...(body === undefined ? {} : { body }),
    ...(target === undefined ? {} : { target }),
  };
}

/** The path with its parameters filled in; one that is not given is an error. */
export function urlOf({ path }: Operation, values: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`Nothing is known for {${name}} of ${path}: test/operations.ts`);
    return value;
  });
}
