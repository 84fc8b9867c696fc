/** The OpenAPI document: as committed, whole, and fit for generators of clients. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { documentOf, documentText } from '../src/http/document.ts';
import { startService } from './service.ts';

type Json = Record<string, unknown>;
interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters?: Json[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, Json>;
}

const verbs =
  /^(list|get|create|replace|update|delete|archive|restore|discard|approve|submit|reject|review|retire|complete|download|plan|apply)[A-Z]\w+$/;

const { app } = await startService(t);

t.test('the committed document is the one that the service sends', async (t) => {
  const committed = await readFile(new URL('../openapi/openapi.json', import.meta.url), 'utf8');
  t.ok(committed === documentText(app), 'openapi/openapi.json is fresh; else run npm run openapi');
  const answer = await app.inject('/openapi.json');
  t.equal(answer.statusCode, 200);
  t.match(answer.headers['content-type'], /^application\/json/);
  t.ok(answer.body === committed, '/openapi.json sends these bytes, without a token');
});

t.test('every operation is named, described, and answers with named components', async (t) => {
  const document = documentOf(app) as unknown as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: Record<string, Record<string, Json>>;
    tags: { name: string }[];
  };
  t.equal(document.openapi, '3.1.0');
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ place: `${method} ${path}`, operation })),
  );
  t.ok(operations.length > 150, 'there are operations');
  const flaws: string[] = [];
  const names = new Map<string, string>();
  const tags = new Set(document.tags.map(({ name }) => name));
  for (const { place, operation } of operations) {
    const { operationId } = operation;
    if (!verbs.test(operationId)) flaws.push(`${place}: ${operationId} is no verb and noun`);
    if (names.has(operationId)) flaws.push(`${place}: ${operationId} is also ${names.get(operationId)}`);
    names.set(operationId, place);
    if (!operation.summary || !operation.description) flaws.push(`${place}: has no summary or description`);
    for (const tag of operation.tags) if (!tags.has(tag)) flaws.push(`${place}: tag ${tag} is not described`);
    for (const [media, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
      if (typeof schema.$ref !== 'string') flaws.push(`${place}: the body as ${media} is no component`);
    }
    for (const [status, response] of Object.entries(operation.responses)) {
      const content = Object.values((resolve(document, response).content ?? {}) as Record<string, { schema: Json }>);
      if (content.length > 1) flaws.push(`${place}: ${status} has several media types`);
      for (const { schema } of content) {
        if (typeof schema.$ref !== 'string' && schema.type !== 'string')
          flaws.push(`${place}: ${status} is no component`);
      }
    }
    for (const status of ['400', '401', '403', '503']) {
      if (place.includes('/v1/') && operation.responses[status] === undefined)
        flaws.push(`${place}: does not say ${status}`);
    }
  }
  t.comment(`${operations.length} operations`);
  t.same(flaws, []);
});

t.test('the document asks for If-Match where a request without it is 428', async (t) => {
  const document = documentOf(app) as unknown as Json & { paths: Record<string, Record<string, Json>> };
  const needed = new Map<string, boolean>();
  for (const methods of Object.values(document.paths)) {
    for (const { operationId, parameters = [] } of Object.values(methods)) {
      const header = (parameters as Json[])
        .map((each) => resolve(document, each))
        .find(({ name }) => name === 'if-match');
      if (header !== undefined) needed.set(String(operationId), header.required === true);
    }
  }
  const named = (wanted: boolean) => [...needed].flatMap(([id, is]) => (is === wanted ? [id] : []));
  t.comment(`${named(true).length} need it, with ${named(false).length} it depends`);
  for (const id of [
    'approveController',
    'deletePurpose',
    'retireProcessingActivity',
    'completeReview',
    'updateSettings',
  ]) {
    t.equal(needed.get(id), true, id);
  }
  t.ok(named(true).length > 50);
  t.same(
    named(false).filter((id) => !/^(replace|update)/.test(id)),
    [],
    'only what may create can do without',
  );
  t.equal(needed.get('replaceProcessorClient'), false);
  t.equal(needed.get('updateRecipient'), false);
});

t.test('every reference leads somewhere, every property is described', async (t) => {
  const document = documentOf(app);
  const dangling: string[] = [];
  let references = 0;
  walk(document, (node) => {
    if (typeof node.$ref !== 'string') return;
    references++;
    if (at(document, node.$ref) === undefined) dangling.push(node.$ref);
  });
  t.comment(`${references} references`);
  t.ok(references > 1000);
  t.same(dangling, []);

  const schemas = (
    document.components as { schemas: Record<string, { properties?: Record<string, Json>; description?: string }> }
  ).schemas;
  const silent: string[] = [];
  let properties = 0;
  for (const [name, schema] of Object.entries(schemas)) {
    if (schema.description === undefined) silent.push(name);
    for (const [property, { description, $ref, anyOf, allOf }] of Object.entries(schema.properties ?? {})) {
      properties++;
      if (description === undefined && $ref === undefined && anyOf === undefined && allOf === undefined)
        silent.push(`${name}.${property}`);
    }
  }
  t.comment(`${Object.keys(schemas).length} components, ${properties} properties`);
  t.same(silent, []);
});

t.test('the documentation page loads nothing from elsewhere', async (t) => {
  const page = await app.inject('/docs/');
  t.equal(page.statusCode, 200);
  t.match(page.headers['content-security-policy'], /default-src 'none'/);
  t.notMatch(page.body, /(?:src|href)="(?:https?:)?\/\//, 'no address of another host');
});

function resolve(document: unknown, node: Json): Json {
  return typeof node.$ref === 'string' ? (at(document, node.$ref) as Json) : node;
}

function at(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>(
      (node, name) => (node as Json | undefined)?.[name.replaceAll('~1', '/').replaceAll('~0', '~')],
      document,
    );
}

function walk(node: unknown, visit: (node: Json) => void): void {
  if (node === null || typeof node !== 'object') return;
  visit(node as Json);
  for (const member of Object.values(node)) walk(member, visit);
}
