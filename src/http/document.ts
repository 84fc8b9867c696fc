/** The OpenAPI 3.1 document: what stands at its head, and how its parts are shared. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';

const description = `The record of processing activities that Article 30 GDPR demands: entered, checked, approved, followed, exported, and provable.

**Keys.** \`{key}\` in a path, and every reference in a body, is an id or \`ref:\` and a reference. Answers give ids.

**Versions.** Each resource has a working and at most one approved version; the register shows the approved ones. Changes need \`If-Match\` with the \`ETag\` that you have seen.

**Retries.** Send \`Idempotency-Key\` with a write, and repeat it blindly until it is answered.

**Errors** are \`application/problem+json\` (RFC 9457); the types are listed in problems.md.`;

export function documentOptions(): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Register of processing activities',
        version: '1.0.0',
        description,
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      servers: [{ url: '/', description: 'This service' }],
      security: [{ bearer: [] }],
      tags,
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'An access token (RFC 9068) of the configured issuer.',
          },
        },
      },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
  };
}

/** What a reader finds under a tag that is not the plural of a resource. */
const tags = [
  { name: 'Register', description: 'The record of processing activities, now and as it stood.' },
  { name: 'Reviews', description: 'What somebody asked to be looked at, and what came of it.' },
  { name: 'Imports', description: 'Registers and tables brought in: a plan first, applied whole or not at all.' },
  { name: 'Transfers', description: 'Where data go outside the EEA, on which grounds.' },
  { name: 'Statistics', description: 'The records in numbers.' },
  { name: 'Reference', description: 'Facts that registers are judged by, with their sources.' },
  { name: 'Log', description: 'What changed, in order; entries with all that proves them.' },
  { name: 'Tenancy', description: 'Who you are here; settings; tenants.' },
  { name: 'Health', description: 'Whether the service lives and can work.' },
];

type Json = Record<string, unknown>;

/** Bodies that may be left out whole; Fastify knows no such thing. */
const optionalBodies = new Set(['#/components/schemas/ApprovalBody']);

/**
 * The document of an app that is ready. Responses and parameters that several operations share are components, so that
 * the document is a quarter of the size and a generated client has one type for each.
 */
export function documentOf(app: FastifyInstance): Json {
  const document = structuredClone(app.swagger()) as unknown as Json & {
    paths: Record<string, Record<string, Json>>;
    components: Record<string, Json>;
    tags: { name: string }[];
  };
  const shared = { responses: new Shared('responses'), parameters: new Shared('parameters') };
  for (const operation of operationsOf(document.paths)) {
    // What creates needs no version; what only changes does. The service says so itself, by 428 (RFC 6585, section 3).
    const creates = '201' in (operation.responses as Json);
    operation.parameters = ((operation.parameters as Json[] | undefined) ?? []).map((parameter) => {
      const needed = parameter.name === 'if-match' && !creates;
      return shared.parameters.share(parameterName(parameter), needed ? { ...parameter, required: true } : parameter);
    });
    if ((operation.parameters as Json[]).length === 0) delete operation.parameters;
    const body = operation.requestBody as { required?: boolean; content: Record<string, { schema: Json }> } | undefined;
    if (body !== undefined && Object.values(body.content).some(({ schema }) => optionalBodies.has(String(schema.$ref))))
      body.required = false;
    const responses = operation.responses as Record<string, Json>;
    for (const [status, response] of Object.entries(responses)) {
      if (Number(status) >= 400) responses[status] = shared.responses.share(`Problem${status}`, response);
    }
  }
  document.components = {
    ...document.components,
    responses: shared.responses.components,
    parameters: shared.parameters.components,
  };
  const named = new Set([...operationsOf(document.paths)].flatMap((operation) => operation.tags as string[]));
  const described = new Set(document.tags.map(({ name }) => name));
  document.tags = [...named]
    .filter((name) => !described.has(name))
    .map((name) => ({ name, description: `Operations of ${name}.` }))
    .concat(document.tags as never);
  return document;
}

function* operationsOf(paths: Record<string, Record<string, Json>>): Generator<Json> {
  for (const methods of Object.values(paths)) yield* Object.values(methods);
}

function parameterName({ name, in: place }: Json): string {
  const words = String(name)
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word[0]!.toUpperCase() + word.slice(1));
  return `${words.join('')}${place === 'header' ? 'Header' : place === 'path' ? 'Path' : ''}`;
}

/** Components of one kind: what is the same to the letter is kept once, what only has the same name is numbered. */
class Shared {
  readonly components: Json = {};
  readonly #names = new Map<string, string>();
  readonly #kind: string;
  constructor(kind: string) {
    this.#kind = kind;
  }
  share(name: string, component: Json): Json {
    const text = JSON.stringify(component);
    let known = this.#names.get(text);
    if (known === undefined) {
      known = name;
      for (let number = 2; known in this.components; number++) known = `${name}_${number}`;
      this.#names.set(text, known);
      this.components[known] = component;
    }
    return { $ref: `#/components/${this.#kind}/${known}` };
  }
}

/** `/openapi.json`: the document as it is committed; its bytes are made once. */
export function documentRoute(app: FastifyInstance): void {
  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= documentText(app);
    reply
      .header('cache-control', 'public, max-age=300, stale-while-revalidate=86400')
      .type('application/json; charset=utf-8');
    return text;
  });
}

/** The text of `openapi/openapi.json`. */
export function documentText(app: FastifyInstance): string {
  return `${JSON.stringify(documentOf(app), null, 1)}\n`;
}
