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
  /** Which of the things that a holder has `{key}` names. */
  readonly keyed: string;
  /** The document says that it needs no token. */
  readonly open: boolean;
}

/** The resources that have a collection of their own. Clients stand under the activity that is carried out for them. */
export const collections = definitions.filter(({ type }) => type !== 'processorClient');

/** What the keys of other collections name. */
const otherCollections: Readonly<Record<string, string>> = { imports: 'importPlan', reviews: 'review' };

/** Forms that mean another thing, or only exist, for activities. */
const ofActivities = ['submit', 'approve', 'reject', 'retire', 'review'];

/** The operations of the document, and the HEAD that goes with each GET. */
export function operationsOf(app: FastifyInstance): Operation[] {
  const { paths } = app.swagger() as unknown as Paths;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([word, { operationId, security }]) => {
      const [, collection, ...rest] = path.slice(1).split('/');
      const definition = collections.find((each) => each.path === collection);
      const kind = definition?.nature === 'activity' && ofActivities.includes(rest[1] ?? '') ? 'activity' : 'resource';
      const form = definition === undefined ? path : ['', 'v1', `{${kind}}`, ...rest].join('/');
      const keyed = definition?.type ?? otherCollections[collection ?? ''] ?? 'processingActivity';
      const operation = { path, definition, keyed, open: security?.length === 0 };
      const method = word.toUpperCase();
      const named = { ...operation, id: operationId, method, form: `${method} ${form}` };
      return method === 'GET' ? [named, { ...named, id: `${operationId} (HEAD)`, method: 'HEAD' }] : [named];
    }),
  );
}
type Paths = { paths: Record<string, Record<string, { operationId: string; security?: unknown[] }>> };

/** Whether it is one of those that change something. */
export const changes = ({ method }: Operation): boolean => method !== 'GET' && method !== 'HEAD';

/** Those that only work out what would change: the register and its log stay as they are. */
export const planning = ({ form }: Operation): boolean =>
  form === 'POST /v1/imports' || form === 'POST /v1/{resource}/{key}/replace';

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
  /** The approved example of each type, and what else has a key. */
  readonly examples: ReadonlyMap<string, Content>;
}

/** The definition's example in the words of the holder. */
export function exampleOf(definition: ResourceDefinition, { prefix, word }: Pick<Holding, 'prefix' | 'word'>): Content {
  const text = JSON.stringify(definition.example).replaceAll('"ref:', `"ref:${prefix}`);
  const { name, reference, ...rest } = JSON.parse(text) as Content;
  return { ...rest, name: `${word} ${name}`, reference: `${prefix}${reference}` };
}

const unconditional = { 'if-match': '*' };

/** A second controller, whom the examples of the processor's record name as client. */
const client = { reference: 'beta', name: 'Beta Ltd', contact: { email: 'privacy@beta.example' } };

/** How many resources of a type a holder has. */
export const heldOf = ({ type }: ResourceDefinition): number => (type === 'controller' ? 2 : 1);

/** Creates and approves the examples, what is named before what names it. In this tenant nothing approves itself. */
export async function hold(caller: Client, prefix: string, word: string, settings: object = {}): Promise<Holding> {
  const examples = new Map<string, Content>();
  const body = { buildingBlockApproval: 'required', ...settings };
  await succeed(caller.call('PATCH', '/v1/settings', { body, headers: unconditional }));
  const controller = collections.find(({ type }) => type === 'controller')!;
  const named = { ...client, reference: `${prefix}${client.reference}`, name: `${word} ${client.name}` };
  await approve(caller, controller, await succeed(caller.post(`/v1/${controller.path}`, named)));
  const waiting = new Set(collections);
  while (waiting.size > 0) {
    const ready = [...waiting].filter((definition) =>
      namedKeys(definition, definition.example).every(({ type }) => examples.has(type)),
    );
    if (ready.length === 0) throw new Error('The examples name each other in a circle.');
    for (const definition of ready) {
      const made = await succeed(caller.post(`/v1/${definition.path}`, exampleOf(definition, { prefix, word })));
      examples.set(definition.type, await approve(caller, definition, made));
      waiting.delete(definition);
    }
  }
  const holding = { client: caller, prefix, word, examples };
  examples.set('processorClient', await asClient(holding, examples.get('processorActivity')!));
  examples.set('importPlan', await planned(holding, `${prefix}imported`));
  examples.set('review', await asked(holding, 'Example'));
  return holding;
}

/** The second controller made a client of an activity. */
async function asClient({ client: caller, prefix }: Holding, { id }: Content): Promise<Content> {
  const url = `/v1/processor-activities/${id}/clients/ref:${prefix}${client.reference}`;
  return succeed(caller.call('PUT', url, { body: { actsAs: 'controller' } }));
}

const reviewOf = (prefix: string, reason: string) => ({
  subjects: [{ type: 'processingActivity', key: `ref:${prefix}invoicing` }],
  reason,
});

/** A review that is open, of the activity of the examples. */
async function asked({ client: caller, prefix, word }: Holding, reason: string): Promise<Content> {
  const { items } = await succeed(caller.post('/v1/reviews', reviewOf(prefix, `${word}: ${reason}`)));
  return (items as Content[])[0]!;
}

/** The plan of an import that creates one purpose. */
function planned({ client: caller, word }: Holding, reference: string): Promise<Content> {
  return succeed(caller.post('/v1/imports?source=register', importOf(word, reference)));
}

const importOf = (word: string, reference: string) => ({
  controllers: [],
  blocks: { purpose: { [reference]: { reference, name: `${word} from a file` } } },
  entries: [],
});

/** The content of a success. */
async function succeed(answer: Promise<Answer>): Promise<Content> {
  const { status, text, json } = await answer;
  if (status >= 300) throw new Error(`A preparation was answered with ${status}: ${text}`);
  return json as Content;
}

function approve(client: Client, { path }: ResourceDefinition, { id }: Content): Promise<Content> {
  return succeed(client.post(`/v1/${path}/${id}/approve`, undefined, unconditional));
}

let count = 0;
/** A reference that nobody has. */
export const freshReference = (): string => `fresh-${++count}`;
/** An interval of reviews that the settings of nobody have just now. */
const freshInterval = (): string => `P${31 + (++count % 3000)}D`;

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
  /** The other keys of the path. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** Asks the request of an operation in another's name. */
export function ask(client: Client, { method, url, headers, body }: PreparedRequest): Promise<Answer> {
  return client.call(method, url, { headers, ...(body === undefined ? {} : { body }) });
}

interface Ready {
  target?: Content;
  keys?: Record<string, string>;
  /** The version for `If-Match`, when it is not that of the target; null where there is none yet. */
  version?: unknown;
  headers?: Record<string, string>;
  body?: unknown;
  query?: string;
}
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
/** A draft of a processor activity with a client. */
const withClient: Preparation = async (holding, definition) => {
  const target = await draft(holding, definition);
  const { controllerId, version } = await asClient(holding, target);
  return { target, keys: { controllerKey: String(controllerId) }, version };
};

/** What must be there before an operation, and what is sent with it. */
const preparations: Record<string, Preparation> = {
  'GET /health/live': nothing,
  'GET /health/ready': nothing,
  'GET /.well-known/oauth-protected-resource': nothing,
  'GET /v1/me': nothing,
  'GET /v1/tenants': nothing,
  'POST /v1/tenants': () => ({ body: { reference: freshReference() } }),
  'GET /v1/settings': nothing,
  'PUT /v1/settings': async ({ client }) => {
    const { updatedAt: _updatedAt, version: _version, ...settings } = await succeed(client.get('/v1/settings'));
    return { headers: unconditional, body: { ...settings, reviewInterval: freshInterval() } };
  },
  'PATCH /v1/settings': () => ({ headers: unconditional, body: { reviewInterval: freshInterval() } }),
  'GET /v1/changes': nothing,
  'GET /v1/log': nothing,
  'GET /v1/register': nothing,
  'GET /v1/register.json': nothing,
  'GET /v1/register.ndjson': nothing,
  'GET /v1/register.csv': nothing,
  'GET /v1/register/entries/{key}': ({ examples }) => ({ target: examples.get('processingActivity')! }),

  'GET /v1/transfers': nothing,
  'GET /v1/statistics': nothing,
  'GET /v1/reference/countries': nothing,
  'GET /v1/reference/adequacy-decisions': nothing,
  'GET /v1/reference/supervisory-authorities': nothing,
  'GET /v1/reference/legal-grounds': nothing,
  'GET /v1/reference/transfer-mechanisms': nothing,
  'GET /v1/reference/vendors': nothing,

  'POST /v1/{resource}/from-vendor': () => ({
    body: { vendor: 'stripe', roles: ['processor'], reference: freshReference() },
  }),
  'GET /v1/{resource}/{key}/vendor-suggestions': example,
  'POST /v1/{resource}/{key}/replace': async (holding, definition) => ({
    ...(await asDraft(holding, definition)),
    body: { by: holding.examples.get(definition.type)!.id },
  }),

  'POST /v1/imports': ({ word }) => ({ query: '?source=register', body: importOf(word, freshReference()) }),
  'GET /v1/imports': nothing,
  'GET /v1/imports/{key}': ({ examples }) => ({ target: examples.get('importPlan')! }),
  'POST /v1/imports/{key}/apply': async (holding) => ({
    target: await planned(holding, freshReference()),
    version: null,
  }),

  'GET /v1/reviews': nothing,
  'POST /v1/reviews': ({ prefix, word }) => ({ body: reviewOf(prefix, `${word}: ${freshReference()}`) }),
  'GET /v1/reviews/{key}': ({ examples }) => ({ target: examples.get('review')! }),
  'PATCH /v1/reviews/{key}': async (holding) => ({
    target: await asked(holding, freshReference()),
    body: { dueOn: '2027-02-28', assignee: 'Legal' },
  }),
  'POST /v1/reviews/{key}/complete': async (holding) => ({
    target: await asked(holding, freshReference()),
    body: { outcome: 'changed' },
  }),

  'GET /v1/{resource}/{key}/clients': example,
  'GET /v1/{resource}/{key}/clients/{controllerKey}': ({ examples }, { type }) => ({
    target: examples.get(type)!,
    keys: { controllerKey: String(examples.get('processorClient')!.controllerId) },
  }),
  'PUT /v1/{resource}/{key}/clients/{controllerKey}': async (holding, definition) => ({
    ...(await withClient(holding, definition)),
    body: { since: '2026-02-01' },
  }),
  'DELETE /v1/{resource}/{key}/clients/{controllerKey}': withClient,
  'POST /v1/{resource}/{key}/clients/{controllerKey}/approve': withClient,
  'POST /v1/{resource}/{key}/clients/approve': async (holding, definition) => {
    const { target, keys, version } = await withClient(holding, definition);
    return { target: target!, version: null, body: { clients: [{ controllerId: keys!.controllerKey, version }] } };
  },
  'DELETE /v1/{resource}/{key}/clients/{controllerKey}/draft': async (holding, definition) => {
    const { target, keys } = await withClient(holding, definition);
    const url = `/v1/${definition.path}/${target!.id}/clients/${keys!.controllerKey}`;
    await succeed(holding.client.post(`${url}/approve`, undefined, unconditional));
    const body = { notes: 'Not to be kept.' };
    const { version } = await succeed(holding.client.call('PUT', url, { body, headers: unconditional }));
    return { target: target!, keys: keys!, version };
  },

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
  const ready = await preparation(holding, operation.definition!);
  const { target, keys, version = target?.version ?? null, headers, body, query = '' } = ready;
  const conditional = version !== null && changes(operation);
  return {
    method: operation.method,
    url: `${urlOf(operation, target === undefined ? {} : { key: String(target.id), version: '1', ...keys })}${query}`,
    headers: { ...(conditional ? { 'if-match': `"${version}"` } : {}), ...headers },
    ...(body === undefined ? {} : { body }),
    ...(target === undefined ? {} : { target }),
    ...(keys === undefined ? {} : { keys }),
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
