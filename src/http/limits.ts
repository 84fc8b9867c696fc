/** How many requests a second one token may make in one tenant, so that nobody starves the others. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problems.ts';

/**
 * Counts the requests of a context by tenant, issuer and subject; answers carry the `RateLimit` fields, and 429 says when to
 * come again. Call it after `requireCaller`, which says who calls.
 * @param requestsPerSecond 0 is no limit
 */
export async function limitRequests(app: FastifyInstance, requestsPerSecond: number): Promise<void> {
  if (requestsPerSecond === 0) return;
  await app.register(rateLimit, {
    max: requestsPerSecond,
    timeWindow: 1000,
    cache: 10_000,
    enableDraftSpec: true,
    keyGenerator: ({ caller }) => JSON.stringify([caller?.tenantReference, caller?.issuer, caller?.subject]),
    errorResponseBuilder: (_request, { max }) =>
      new Problem('too-many-requests', `More than ${max} requests within a second.`, {
        headers: { 'retry-after': '1' },
      }),
  });
}
