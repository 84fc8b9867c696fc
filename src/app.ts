/** Puts the service together: an app from a configuration and its databases. It does not listen. */
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import type { Config } from './config.ts';
import { newId } from './db/identifiers.ts';
import { installApi, schemaController } from './http/api.ts';
import { createTokenVerifier } from './http/caller.ts';
import type { Databases } from './http/context.ts';
import { problemServerOptions } from './http/problems.ts';

/** @param isReady what `/health/ready` asks besides the database */
export async function buildApp(
  config: Config,
  database: Databases,
  isReady: () => boolean = () => true,
): Promise<FastifyInstance> {
  const app = Fastify({
    ...problemServerOptions,
    bodyLimit: config.limits.body,
    genReqId: () => newId(),
    // What failed is logged where it is told; a line for each request would say where people have been.
    logController: new LogController({ disableRequestLogging: true }),
    logger: { level: config.logLevel },
    routerOptions: { maxParamLength: 200 },
    schemaController,
  });
  await installApi(app, database, await createTokenVerifier(config), isReady, config.limits);
  return app;
}
