/** Whether the service lives, and whether it can work; open to everybody. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { component } from '../../article30/definition.ts';
import type { Databases } from '../context.ts';
import { issuerUnavailable } from '../issuer-keys.ts';
import { answers, responses } from '../operations.ts';
import { Problem } from '../problems.ts';
import type { TokenVerifier } from '../tokens.ts';

const health = component(
  'Health',
  Type.Object(
    {
      status: Type.Unsafe<'ok'>({
        type: 'string',
        enum: ['ok'],
        description: 'Always `ok`; anything else is a problem.',
      }),
    },
    { additionalProperties: false, description: 'That it is well.' },
  ),
);

export function healthRoutes(
  app: FastifyInstance,
  database: Databases,
  isReady: () => boolean,
  verifier: Pick<TokenVerifier, 'isReady'>,
): void {
  app.get(
    '/health/live',
    {
      schema: {
        operationId: 'getLiveness',
        tags: ['Health'],
        summary: 'Says that the process lives',
        description: 'Asks nothing of the database.',
        security: [],
        response: responses({ 200: answers('It lives.', health) }, ['internal']),
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { status: 'ok' };
    },
  );

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'getReadiness',
        tags: ['Health'],
        summary: 'Says that it can work',
        description: "Reads from the database; needs the token issuer's keys to have been fetched once.",
        security: [],
        response: responses({ 200: answers('It can work.', health) }, ['internal', 'unavailable']),
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      if (!isReady())
        throw new Problem('unavailable', 'The service is still preparing.', { headers: { 'retry-after': '1' } });
      // Before its first keys it could only refuse; later the issuer may be away, and the service works on.
      if (!verifier.isReady()) throw issuerUnavailable();
      await database.main.query('select 1', [], { readOnly: true });
      return { status: 'ok' };
    },
  );
}
