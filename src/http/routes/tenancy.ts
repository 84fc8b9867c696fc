/** Who am I here, and what did the tenant decide for itself. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { component } from '../../article30/definition.ts';
import { defaultSettings, type Settings, type SettingsBody, settings, settingsBody } from '../../article30/settings.ts';
import type { Change } from '../../db/records.ts';
import { canonicalize } from '../../history/canonical.ts';
import { answerWith, carryOut, matches, stale } from '../changes.ts';
import { type Databases, readSettings } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { headers, ifMatchHeader, writeHeaders } from '../parameters.ts';
import { PERMISSIONS, permissionsOf, ROLES } from '../permissions.ts';
import { Problem } from '../problems.ts';

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

  app.put(
    '/v1/settings',
    {
      config: { permission: 'settings' },
      schema: {
        operationId: 'replaceSettings',
        tags: ['Tenancy'],
        summary: 'Replaces the settings of the tenant',
        description: 'An absent member gets its default. An entry of the log like any other change.',
        headers: headers({ ...writeHeaders, 'if-match': ifMatchHeader }),
        body: settingsBody,
        response: responses(
          { 200: answers('The settings as they are now.', settings, ['ETag', 'Log-Sequence', 'Idempotency-Replayed']) },
          errors.replaces,
        ),
      },
    },
    async (request, reply) => {
      const { version: _version, updatedAt: _updatedAt, ...given } = request.body as SettingsBody;
      return carryOut(database.main, request, reply, {
        subject: { type: 'settings' },
        plan: (seen) => {
          const fits = matches(request, { version: seen.settings.version });
          const { version, updatedAt: _when, ...before } = seen.settings;
          const { version: _default, ...defaults } = defaultSettings;
          const after = { ...defaults, ...given };
          if (canonicalize(after) === canonicalize(before))
            return { unchanged: answerWith(canonicalize(seen.settings), version) };
          if (!fits) throw stale({ version });
          if (after.fourEyes && after.buildingBlockApproval !== 'required') {
            const message =
              'Four eyes need `buildingBlockApproval` to be `required`: what approves itself has one pair.';
            throw new Problem('unprocessable', message, {
              errors: [{ in: 'body', pointer: '/fourEyes', code: 'contradiction', message }],
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
    },
  );
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
