/** Puts the service together: an app from a configuration and its databases. It does not listen. */
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import type { Config } from './config.ts';
import { newId } from './db/identifiers.ts';
import { installApi, schemaController } from './http/api.ts';
import type { Databases } from './http/context.ts';
import { problemServerOptions } from './http/problems.ts';
import { createTokenVerifier } from './http/tokens.ts';

/** @param isReady what `/health/ready` asks besides the database */
export async function buildApp(
  config: Config,
  database: Databases,
  isReady: () => boolean = () => true,
): Promise<FastifyInstance> {
  const app = Fastify({
    ...problemServerOptions,
    bodyLimit: config.limits.body,
    // Node's own bound, which Fastify lifts: who never ends a request does not hold its connection for ever.
    requestTimeout: 300_000,
    // Who still comes while it stops, on a connection that is open, is served; then the connection is closed.
    return503OnClosing: false,
    genReqId: () => newId(),
    // What failed is logged where it is told; a line for each request would say where people have been.
    logController: new LogController({ disableRequestLogging: true }),
    logger: { level: config.logLevel },
    routerOptions: { maxParamLength: 200 },
    schemaController,
  });
  const verifier = await createTokenVerifier(config, { log: app.log });
  // The first caller need not wait for the keys, and who set a wrong address reads of it at once.
  app.addHook('onListen', async () => void verifier.isReady());
  await installApi(app, database, verifier, isReady, config);
  return app;
}
