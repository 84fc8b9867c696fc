/** How many requests a second one token may make in one tenant, and how many imports are worked on: nobody starves the others. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
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

/** So many plans are made or applied at once: each can take several hundred megabytes while it is. */
const plansAtOnce = 2;

/** Lets a few requests of a kind in at a time, and of each tenant one. */
export interface Gate {
  /** `onRequest` of a route: refuses before anything of the body is read. */
  enter(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Does the work of the handler; others may enter when it is done, whether or not somebody still waits for it. */
  within<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T>;
}

/**
 * The gate for those who make or apply plans: call it once for each process.
 *
 * `enter` throws 429 `too-many-requests` when the tenant is inside already, and 503 `unavailable` when there is no room.
 */
export function createGate(room = plansAtOnce): Gate {
  const tenants = new Set<string>();
  const inside = new Map<FastifyRequest, () => void>();
  return {
    async enter(request, reply) {
      const { tenant } = request;
      if (tenants.has(tenant)) {
        throw new Problem('too-many-requests', 'Another import or plan of the tenant is being worked on.', {
          headers: { 'retry-after': '2' },
        });
      }
      if (tenants.size >= room) {
        throw new Problem('unavailable', 'Other imports are being worked on. Nothing was changed; send it again.', {
          headers: { 'retry-after': '5' },
        });
      }
      tenants.add(tenant);
      inside.set(request, () => tenants.delete(tenant));
      // Whatever ends a request before its handler begins: a flaw of the body, or the loss of the connection.
      const leave = () => {
        inside.get(request)?.();
        inside.delete(request);
      };
      reply.raw.once('finish', leave).once('close', leave);
    },
    async within(request, work) {
      const leave = inside.get(request);
      inside.delete(request);
      try {
        return await work();
      } finally {
        leave?.();
      }
    },
  };
}
