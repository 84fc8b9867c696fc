/** Everything that the service answers, put onto an app: who may enter which context, and the routes in it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { reachableComponents } from '../article30/components.ts';
import { definitions } from '../article30/index.ts';
import type { Config } from '../config.ts';
import { isCountry } from '../reference/countries.ts';
import { requireCaller } from './caller.ts';
import { type Databases, requireTenant } from './context.ts';
import { documentOptions, documentRoute } from './document.ts';
import { createGate, limitRequests } from './limits.ts';
import { query } from './parameters.ts';
import { installProblems, Problem, ProblemItemSchema, ProblemSchema } from './problems.ts';
import { activityRoutes } from './routes/activities.ts';
import { clientRoutes } from './routes/clients.ts';
import { healthRoutes } from './routes/health.ts';
import { importRoutes } from './routes/imports.ts';
import { logRoutes } from './routes/log.ts';
import { referenceRoutes } from './routes/reference.ts';
import { registerRoutes } from './routes/register.ts';
import { resourceRoutes, schemasOf } from './routes/resources.ts';
import { reviewRoutes } from './routes/reviews.ts';
import { statisticsRoutes } from './routes/statistics.ts';
import { meRoute, settingsRoutes } from './routes/tenancy.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { transferRoutes } from './routes/transfers.ts';
import { vendorRoutes } from './routes/vendors.ts';
import { metadataAddressOf, wellKnownRoutes } from './routes/well-known.ts';
import type { TokenVerifier } from './tokens.ts';
import { createValidator, installJsonParser } from './validation.ts';

/** What the constructor of the app must be told, so that schemas are judged as the document says. */
export const schemaController = {
  compilersFactory: {
    buildValidator: createValidator({ isCountry }),
    // Answers are stored text, or small objects of our own: no schema has a say in what goes out.
    buildSerializer: () => () => (data: unknown) => JSON.stringify(data),
  },
};

/**
 * @param isReady whether the service may say that it is ready; what it was started for may have to be done first
 * @param config `limits` in bytes
 */
export async function installApi(
  app: FastifyInstance,
  database: Databases,
  verifier: TokenVerifier,
  isReady: () => boolean,
  config: Pick<Config, 'auth' | 'limits' | 'publicUrl'>,
): Promise<void> {
  const { limits } = config;
  const metadataOf = (request: FastifyRequest) => metadataAddressOf(request, config);
  installProblems(app);
  installJsonParser(app);
  app.addSchema(ProblemItemSchema);
  app.addSchema(ProblemSchema);
  addComponentsWithRoutes(app);
  refuseUnasked(app);
  await app.register(swagger, documentOptions());
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: documentationPolicy,
    uiConfig: { deepLinking: true, validatorUrl: null },
  });

  await app.register(async (open) => {
    healthRoutes(open, database, isReady, verifier);
    wellKnownRoutes(open, config);
    documentRoute(open);
  });
  await app.register(async (callers) => {
    requireCaller(callers, verifier, { tenant: 'optional', metadataOf });
    await limitRequests(callers, limits.requests);
    requireTenant(callers, database);
    meRoute(callers, database);
    tenantRoutes(callers, database);
  });
  await app.register(async (tenants) => {
    requireCaller(tenants, verifier, { tenant: 'required', metadataOf });
    await limitRequests(tenants, limits.requests);
    requireTenant(tenants, database);
    const schemas = Object.fromEntries(definitions.map((definition) => [definition.type, schemasOf(definition)]));
    for (const definition of definitions) {
      // Clients stand under the activity that is carried out for them.
      if (definition.type === 'processorClient') continue;
      resourceRoutes(tenants, database, definition, schemas[definition.type]!);
      if (definition.nature === 'activity') activityRoutes(tenants, database, definition, schemas[definition.type]!);
    }
    clientRoutes(tenants, database, schemas.processorClient!);
    const plans = createGate();
    vendorRoutes(tenants, database, plans, schemas.recipient!);
    registerRoutes(tenants, database, schemas);
    transferRoutes(tenants, database);
    reviewRoutes(tenants, database);
    statisticsRoutes(tenants, database);
    referenceRoutes(tenants);
    logRoutes(tenants, database);
    importRoutes(tenants, database, plans, limits.importFile);
    settingsRoutes(tenants, database);
  });
}

/** Named components of the document come with the routes that name them. */
function addComponentsWithRoutes(app: FastifyInstance): void {
  const added = new Set<string>();
  app.addHook('onRoute', ({ schema }) => {
    if (schema === undefined) return;
    for (const [name, component] of reachableComponents([schema as never])) {
      if (added.has(name)) continue;
      added.add(name);
      app.addSchema(component);
    }
  });
}

/**
 * A query parameter or a body where an operation takes none is refused, not ignored: whoever sends one means something
 * by it.
 */
function refuseUnasked(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { schema, url } = route;
    if (schema === undefined || !url.startsWith('/v1/')) return;
    schema.querystring ??= query({});
    if (schema.body !== undefined) return;
    const given = [route.preValidation ?? []].flat();
    route.preValidation = [...given, async ({ body }) => refuseBody(body)];
  });
}

function refuseBody(body: unknown): void {
  // Clients that always send JSON send `{}` where they have nothing to say.
  if (body === undefined || JSON.stringify(body) === '{}') return;
  const message = 'This operation takes no body.';
  throw new Problem('validation-failed', message, { errors: [{ in: 'body', pointer: '', code: 'unknown', message }] });
}

/** The documentation page loads nothing from another host and may not be framed. */
const documentationPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
