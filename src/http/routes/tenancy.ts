/** Who am I here, and what did the tenant decide for itself. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { component } from '../../article30/definition.ts';
import {
  contradictionsOfSettings,
  defaultSettings,
  type Settings,
  type SettingsChoice,
  settings,
  settingsBody,
  settingsPatch,
} from '../../article30/settings.ts';
import type { Change } from '../../db/records.ts';
import { canonicalize } from '../../history/canonical.ts';
import { answerWith, carryOut, matches, stale } from '../changes.ts';
import { type Databases, readSettings } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { headers, ifMatchHeader, writeHeaders } from '../parameters.ts';
import { PERMISSIONS, permissionsOf, ROLES } from '../permissions.ts';
import { missingBody, Problem } from '../problems.ts';

const me = component(
  'Me',
  Type.Object(
    {
      subject: Type.String({ description: 'Subject of the token.', examples: ['dpo@example.com'] }),
      issuer: Type.String({ description: 'Issuer of the token.' }),
      roles: Type.Array(Type.Unsafe<string>({ type: 'string', enum: [...ROLES] }), {
        description: 'Roles that the token gives.',
      }),
      permissions: Type.Array(Type.Unsafe<string>({ type: 'string', enum: [...PERMISSIONS] }), {
        description: 'What you may do in this tenant.',
      }),
      tenant: Type.Optional(
        component(
          'MyTenant',
          Type.Object(
            {
              id: Type.String({ format: 'uuid', description: 'Id of the tenant.' }),
              reference: Type.String({ description: 'Its reference, as in the token.', examples: ['default'] }),
            },
            { additionalProperties: false, description: 'The tenant that you are in.' },
          ),
        ),
      ),
      tenants: Type.Array(Type.String(), {
        description: 'References of the tenants in the token; with several, `Ropa-Tenant` chooses.',
      }),
      expiresAt: Type.String({ format: 'date-time', description: 'When the token expires.' }),
    },
    { additionalProperties: false, description: 'The caller.' },
  ),
);

/** `/v1/me`: open to every valid token, of platform administrators too. */
export function meRoute(app: FastifyInstance, database: Databases): void {
  app.get(
    '/v1/me',
    {
      schema: {
        operationId: 'getMe',
        tags: ['Tenancy'],
        summary: 'Says who you are here',
        description: 'Tenant, subject, roles and permissions of the token.',
        headers: headers({}),
        response: responses({ 200: answers('The caller.', me) }, errors.reads),
      },
    },
    async (request, reply) => {
      const { subject, issuer, roles, tenantReference, tenantReferences, expiresAt } = request.caller!;
      const setting =
        tenantReference === undefined ? defaultSettings : await readSettings(database.main, request.tenant);
      reply.header('cache-control', 'private, no-store');
      return {
        subject,
        issuer,
        roles,
        permissions: [...permissionsOf(roles, setting)],
        ...(tenantReference === undefined ? {} : { tenant: { id: request.tenant, reference: tenantReference } }),
        tenants: tenantReferences,
        expiresAt: new Date(expiresAt * 1000).toISOString(),
      };
    },
  );
}

export function settingsRoutes(app: FastifyInstance, database: Databases): void {
  app.get(
    '/v1/settings',
    {
      config: { permission: 'readSettings' },
      schema: {
        operationId: 'getSettings',
        tags: ['Tenancy'],
        summary: 'Reads the settings of the tenant',
        description: 'The defaults, with version 0, while nobody changed them.',
        headers: headers({}),
        response: responses({ 200: answers('The settings.', settings, ['ETag']) }, errors.reads),
      },
    },
    async (request, reply) => {
      const current = await readSettings(database.main, request.tenant);
      const answer = answerWith(canonicalize(current), current.version);
      return reply.headers(answer.headers).send(answer.body);
    },
  );

  const write = {
    tags: ['Tenancy'],
    headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
    response: responses(
      { 200: answers('The settings as they are now.', settings, ['ETag', 'Log-Sequence', 'Idempotency-Replayed']) },
      errors.replaces,
    ),
  };
  app.put(
    '/v1/settings',
    {
      config: { permission: 'settings' },
      schema: {
        ...write,
        operationId: 'replaceSettings',
        summary: 'Replaces the settings of the tenant',
        description: 'All of them: 400 when one is absent. An entry of the log like any other change.',
        body: settingsBody,
      },
    },
    async (request, reply) => changed(database, request, reply),
  );
  app.patch(
    '/v1/settings',
    {
      config: { permission: 'settings' },
      // Fastify finds the schema by the media type: a request without a body has neither, and would not be judged.
      preValidation: async (request) => {
        if (request.body === undefined) throw missingBody();
      },
      schema: {
        ...write,
        operationId: 'updateSettings',
        summary: 'Changes settings of the tenant',
        description:
          'JSON Merge Patch (RFC 7396): members sent are changed, the others stay; none can be taken away. An entry of the log like any other change.',
        body: {
          content: {
            'application/merge-patch+json': { schema: settingsPatch },
            'application/json': { schema: settingsPatch },
          },
        },
      },
    },
    async (request, reply) => changed(database, request, reply),
  );
}

/** The settings with what the body says of them. */
function changed(database: Databases, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { version: _version, updatedAt: _updatedAt, ...given } = request.body as Partial<Settings>;
  return carryOut(database.main, request, reply, {
    subject: { type: 'settings' },
    plan: (seen) => {
      const fits = matches(request, { version: seen.settings.version });
      const { version, updatedAt: _when, ...before } = seen.settings;
      const after: SettingsChoice = { ...before, ...given };
      if (canonicalize(after) === canonicalize(before)) {
        return { unchanged: answerWith(canonicalize(seen.settings), version) };
      }
      if (!fits) throw stale({ version });
      const flaws = contradictionsOfSettings(after);
      if (flaws.length > 0) {
        throw new Problem('unprocessable', flaws[0]!.message, {
          errors: flaws.map((flaw) => ({ in: 'body', ...flaw })),
        });
      }
      const content: Settings = { ...after, version: version + 1, updatedAt: new Date().toISOString() };
      const text = canonicalize(content);
      return {
        changes: [settingsChange(request.tenant, content, text)],
        answer: answerWith(text, content.version),
      };
    },
  });
}

/** Settings are a resource of their tenant, approved by being saved. */
function settingsChange(tenant: string, content: Settings, text: string): Change {
  const metadata = {
    approvedVersion: content.version,
    state: 'approved',
    archived: false,
    createdAt: content.updatedAt,
  };
  return {
    type: 'settings',
    id: tenant,
    reference: 'settings',
    name: 'Settings',
    version: content.version,
    text,
    step: {
      operation: content.version === 1 ? 'create' : 'update',
      approved: true,
      content: { ...content, ...metadata },
    },
  };
}
