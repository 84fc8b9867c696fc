/** Tenants, for platform administrators: they make and list them, and open none. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { component, Instant, referencePattern } from '../../article30/definition.ts';
import { createTenant, listTenants } from '../../db/tenants.ts';
import { requirePermission } from '../caller.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { headers, limitParameter, query } from '../parameters.ts';
import { permissionsOf } from '../permissions.ts';
import { Problem } from '../problems.ts';

const reference = Type.String({
  pattern: referencePattern,
  maxLength: 64,
  description: 'What tokens name the tenant by.',
  examples: ['acme'],
});
const tenant = component(
  'Tenant',
  Type.Object(
    {
      id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
      reference,
      createdAt: Instant({ description: 'When it was made; sequence 0 of its log.' }),
    },
    {
      additionalProperties: false,
      description: 'An organisation that keeps registers here: the boundary of isolation.',
    },
  ),
);
const tenantBody = component(
  'TenantBody',
  Type.Object(
    { reference },
    { additionalProperties: false, description: 'A new tenant.', examples: [{ reference: 'acme' }] },
  ),
);
const tenantList = component(
  'TenantList',
  Type.Object(
    {
      items: Type.Array(tenant, { description: 'By reference.' }),
      nextAfter: Type.Optional(
        Type.String({ description: 'Give this as `after` for the next page; absent on the last.' }),
      ),
    },
    { additionalProperties: false, description: 'A page of tenants.' },
  ),
);

export function tenantRoutes(app: FastifyInstance, database: Databases): void {
  // Administrators are in no tenant, so their permission does not wait for one.
  const administrators = async (request: { caller: { roles: readonly never[] } | null }) =>
    requirePermission(permissionsOf(request.caller!.roles, { dpoApproves: false }), 'tenants');

  app.get(
    '/v1/tenants',
    {
      onRequest: administrators as never,
      schema: {
        operationId: 'listTenants',
        tags: ['Tenancy'],
        summary: 'Lists tenants',
        description: 'For platform administrators.',
        headers: headers({}),
        querystring: query({ limit: limitParameter(), after: Type.Optional(reference) }),
        response: responses({ 200: answers('A page of tenants.', tenantList) }, errors.reads),
      },
    },
    async (request, reply) => {
      const { limit, after } = request.query as { limit: number; after?: string };
      const found = await listTenants(database.main, after, limit + 1);
      reply.header('cache-control', 'private, no-store');
      const items = found.slice(0, limit);
      return { items, ...(found.length > limit ? { nextAfter: items.at(-1)!.reference } : {}) };
    },
  );

  app.post(
    '/v1/tenants',
    {
      onRequest: administrators as never,
      schema: {
        operationId: 'createTenant',
        tags: ['Tenancy'],
        summary: 'Creates a tenant',
        description: 'With an empty log. 409 when the reference is taken.',
        headers: headers({}),
        body: tenantBody,
        response: responses({ 201: answers('The new tenant.', tenant) }, [
          ...errors.reads,
          'payload-too-large',
          'unsupported-media-type',
          'reference-taken',
          'outcome-unknown',
          'request-timeout',
        ]),
      },
    },
    async (request, reply) => {
      const { reference: wanted } = request.body as { reference: string };
      const made = await createTenant(database.main, wanted);
      if (made === undefined)
        throw new Problem('reference-taken', 'Another tenant has this reference.', {
          errors: [{ in: 'body', pointer: '/reference', code: 'taken', message: 'Another tenant has this reference.' }],
        });
      reply.code(201).header('cache-control', 'private, no-store');
      return made;
    },
  );
}
