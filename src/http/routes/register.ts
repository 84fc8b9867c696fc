/** The register, now and as it stood: the whole document in each format, and one entry. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { component, keyPattern, resolved } from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import { type RegisterMoment, type RegisterScope, registerRoles } from '../../article30/register.ts';
import type { ResourceType } from '../../article30/resource-types.ts';
import type { Pool, Session } from '../../db/connection.ts';
import { readKey } from '../../db/records.ts';
import {
  ErasedContent,
  entryType,
  FutureMoment,
  type MomentQuery,
  readMoment,
  registerSource,
} from '../../db/register-source.ts';
import { readOnceThere } from '../../db/resources.ts';
import { type Format, formats, json } from '../../exports/formats.ts';
import { composeEntry, composeRegister } from '../../register/document.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { headers, keyOf, keyPath, query } from '../parameters.ts';
import { Problem } from '../problems.ts';
import type { ResourceSchemas } from './resources.ts';

const momentParameters = {
  asOf: Type.Optional(
    Type.String({
      format: 'date-time',
      maxLength: 35,
      description: 'The register as it stood at this time (RFC 3339).',
      examples: ['2026-03-03T09:30:00.000Z'],
    }),
  ),
  sequence: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'The register as it stood after this entry of the log; 0 is the empty register.',
      examples: [17],
    }),
  ),
  include: Type.Optional(
    Type.Unsafe<'approved' | 'drafts'>({
      type: 'string',
      enum: ['approved', 'drafts'],
      default: 'approved',
      description: '`approved`: what somebody approved; `drafts`: the newest content of everything, approved or not.',
    }),
  ),
};

const role = Type.Unsafe<RegisterScope['role']>({
  type: 'string',
  enum: [...registerRoles],
  default: 'controller',
  description:
    '`controller`: the record of Art. 30(1), of controllers; `processor`: that of Art. 30(2), of those who act as processors.',
});
const roleParameter = Type.Optional(role);

const scopeParameters = {
  controllerId: Type.Optional(
    Type.String({
      pattern: keyPattern,
      maxLength: 68,
      description:
        'Only the register of this legal entity, with `role=processor` as processor: id, or `ref:` and its reference.',
      examples: ['ref:exograd'],
    }),
  ),
  role: roleParameter,
};

interface RegisterQuery extends MomentQuery {
  readonly include: 'approved' | 'drafts';
  readonly controllerId?: string;
  readonly role: RegisterScope['role'];
}

/** The component of the register document, from the components of what stands in it. */
export function registerSchema(schemas: Readonly<Record<string, ResourceSchemas>>): TSchema {
  const blocks = component(
    'RegisterBlocks',
    Type.Partial(
      Type.Object(
        Object.fromEntries(
          Object.entries(schemas)
            .filter(([type]) => definitionOf(type as ResourceType).nature === 'buildingBlock')
            .map(([type, { answer }]) => [
              type,
              Type.Record(Type.String(), answer, { description: `Each ${type} by its id.` }),
            ]),
        ),
        {},
      ),
      {
        additionalProperties: false,
        description:
          'Approved building blocks that the entries and controllers reach, by type and id; with `role=controller` the notices of the controllers too, and what these reach.',
      },
    ),
  );
  const activity = entryOf(schemas);
  return component(
    'Register',
    Type.Object(
      {
        about: component(
          'RegisterAbout',
          Type.Object(
            {
              kind: Type.Unsafe<'register'>({
                type: 'string',
                enum: ['register'],
                description: 'Which document this is.',
              }),
              tenant: Type.String({ format: 'uuid', description: 'Id of the tenant.' }),
              scope: component(
                'RegisterScope',
                Type.Object(
                  {
                    role,
                    controllerId: Type.Optional(
                      Type.String({
                        format: 'uuid',
                        description: 'Id of the one controller, where one was asked for.',
                      }),
                    ),
                    include: momentParameters.include,
                  },
                  { additionalProperties: false, description: 'Which register this is.' },
                ),
              ),
              sequence: Type.Integer({
                minimum: 0,
                description: 'The register shows the log up to this entry.',
                examples: [17],
              }),
              recordedAt: Type.String({ format: 'date-time', description: 'When that entry was recorded.' }),
              rootHash: Type.String({
                pattern: '^[0-9a-f]{64}$',
                description: 'Root of the tree over these entries (RFC 6962), SHA-256 in lower-case hex.',
              }),
            },
            { additionalProperties: false, description: 'What this register is of.' },
          ),
        ),
        blocks,
        controllers: Type.Array(schemas.controller!.answer, {
          description:
            'Whose record this is, by reference: the one asked for, or everybody whose record of this role is kept here.',
        }),
        entries: Type.Array(activity, { description: 'The entries of the record, by reference.' }),
        integrity: component(
          'RegisterIntegrity',
          Type.Object(
            {
              digest: Type.String({
                pattern: '^sha-256:[0-9a-f]{64}$',
                description: 'Of the canonical document without `integrity`.',
              }),
              entries: Type.Integer({ minimum: 0, description: 'The number of entries.' }),
            },
            { additionalProperties: false, description: 'What proves that nothing is missing.' },
          ),
        ),
      },
      {
        additionalProperties: false,
        description: 'The record of processing activities, Art. 30 GDPR, as it stood at one entry of the log.',
      },
    ),
  );
}

export function registerRoutes(
  app: FastifyInstance,
  database: Databases,
  schemas: Readonly<Record<string, ResourceSchemas>>,
): void {
  const document = registerSchema(schemas);
  const entry = component(
    'RegisterEntry',
    Type.Object(
      { blocks: blocksOf(document), entry: entryOf(schemas) },
      { additionalProperties: false, description: 'One entry of the record with the building blocks that it reaches.' },
    ),
  );
  const querystring = query({ ...scopeParameters, ...momentParameters });
  const problems = [...errors.reads, 'unprocessable', 'unknown-reference', 'gone'] as const;

  const download = (url: string, format: Format, operationId: string) =>
    app.get(
      url,
      {
        config: { permission: 'readApproved' },
        schema: {
          operationId,
          tags: ['Register'],
          summary:
            format === json && url === '/v1/register'
              ? 'Reads the register'
              : `Downloads the register as ${format.extension.toUpperCase()}`,
          description: `${format.description} Now, or as it stood at a time or an entry of the log.`,
          headers: headers({}),
          querystring,
          response: responses(
            {
              200: answers(
                'The register.',
                format === json ? document : Type.String({ description: format.description }),
                [],
                format.mediaType,
              ),
            },
            problems,
          ),
        },
      },
      (request, reply) => sendRegister(database.reads, request, reply, format, url !== '/v1/register'),
    );

  download('/v1/register', json, 'getRegister');
  for (const format of formats)
    download(
      `/v1/register.${format.extension}`,
      format,
      `downloadRegister${format.extension[0]!.toUpperCase()}${format.extension.slice(1)}`,
    );

  app.get(
    '/v1/register/entries/:key',
    {
      config: { permission: 'readApproved' },
      schema: {
        operationId: 'getRegisterEntry',
        tags: ['Register'],
        summary: 'Reads one entry of the register',
        description: 'The entry with every building block that it reaches, now or as it stood.',
        params: keyPath,
        headers: headers({}),
        querystring: query({ role: roleParameter, ...momentParameters }),
        response: responses({ 200: answers('The entry.', entry) }, [...problems, 'not-found', 'uri-too-long']),
      },
    },
    async (request, reply) => {
      const asked = request.query as RegisterQuery;
      requireDrafts(request, asked);
      const { tenant } = request;
      const { moment, activity } = await database.reads
        .transaction({ readOnly: true, tenant }, async (session) => ({
          moment: await momentOf(session, tenant, asked),
          activity: await readOnceThere(session, tenant, entryType[asked.role], keyOf(request.params)),
        }))
        .catch(refuseMoment);
      const source = registerSource(database.reads, moment);
      const selection = activity === undefined ? undefined : await source.selectEntry(activity.id, asked.include);
      if (selection === undefined) throw new Problem('not-found', 'The register has no such entry at that moment.');
      const text = await composeEntry(source, selection).catch(refuseMoment);
      reply.header('cache-control', 'private, no-cache').type('application/json; charset=utf-8');
      return text;
    },
  );
}

/** An entry of either record. */
function entryOf(schemas: Readonly<Record<string, ResourceSchemas>>): TSchema {
  return { anyOf: [schemas.processingActivity!.answer, schemas.processorActivity!.answer] } as unknown as TSchema;
}

/** The component of `blocks` within that of the document. */
function blocksOf(document: TSchema): TSchema {
  return (resolved(document) as unknown as { properties: { blocks: TSchema } }).properties.blocks;
}

/** Drafts are working content: who reads only the approved gets none of them. */
function requireDrafts(request: FastifyRequest, asked: RegisterQuery): void {
  if (asked.include === 'drafts') request.requirePermission('read');
}

/**
 * Streams a register. Everything that can be refused is judged before the first byte; a failure after it breaks the
 * connection, so that half a file never looks whole.
 */
async function sendRegister(
  pool: Pool,
  request: FastifyRequest,
  reply: FastifyReply,
  format: Format,
  asFile: boolean,
): Promise<FastifyReply> {
  const asked = request.query as RegisterQuery;
  requireDrafts(request, asked);
  const { tenant } = request;
  const { moment, scope, name } = await pool
    .transaction({ readOnly: true, tenant }, async (session) => ({
      moment: await momentOf(session, tenant, asked),
      ...(await scopeOf(session, tenant, asked)),
    }))
    .catch(refuseMoment);
  const pieces = format.render(composeRegister(registerSource(pool, moment), scope, moment));
  const record = scope.role === 'processor' ? 'processor-register' : 'register';
  const fileName = `${record}-${name}-${moment.recordedAt.slice(0, 10)}-${moment.sequence}.${format.extension}`;
  // Whoever asks for the headers alone gets no document made.
  const body =
    request.method === 'HEAD'
      ? ''
      : Readable.from(bytes(pieces, request), { objectMode: false, highWaterMark: 1024 * 1024 });
  reply.headers({
    'cache-control': 'private, no-cache',
    'log-sequence': moment.sequence,
    ...(asFile ? { 'content-disposition': `attachment; filename="${fileName}"` } : {}),
  });
  return reply
    .type(
      format.mediaType === 'text/csv' || format.mediaType === 'application/json'
        ? `${format.mediaType}; charset=utf-8`
        : format.mediaType,
    )
    .send(body);
}

async function* bytes(pieces: AsyncIterable<string>, request: FastifyRequest): AsyncGenerator<Buffer> {
  try {
    for await (const piece of pieces) yield Buffer.from(piece);
  } catch (error) {
    // The connection breaks, and the caller learns no more; its message may hold values, so the log gets the class alone.
    request.log.error({ requestId: request.id, errorClass: (error as Error).constructor.name }, 'a register broke off');
    throw new Error('The register broke off.');
  }
}

async function momentOf(session: Session, tenant: string, asked: RegisterQuery): Promise<RegisterMoment> {
  if (asked.asOf !== undefined && asked.sequence !== undefined) {
    const message = 'A moment is a time or a sequence, not both.';
    throw new Problem('unprocessable', message, {
      errors: [{ in: 'query', name: 'sequence', code: 'contradiction', message }],
    });
  }
  return readMoment(session, tenant, asked);
}

async function scopeOf(
  session: Session,
  tenant: string,
  asked: RegisterQuery,
): Promise<{ scope: RegisterScope; name: string }> {
  const { role, include, controllerId } = asked;
  if (controllerId === undefined) return { scope: { role, include }, name: 'all' };
  const controller = await readOnceThere(session, tenant, 'controller', readKey(controllerId)!);
  if (controller === undefined) {
    throw new Problem('unknown-reference', 'There is no controller with this key.', {
      errors: [
        {
          in: 'query',
          name: 'controllerId',
          code: 'unknown-reference',
          message: 'There is no controller with this key.',
        },
      ],
    });
  }
  return { scope: { role, controllerId: controller.id, include }, name: controller.reference };
}

function refuseMoment(error: unknown): never {
  if (error instanceof FutureMoment) {
    throw new Problem('unprocessable', error.message, {
      errors: [{ in: 'query', name: error.by, code: 'future', message: error.message }],
    });
  }
  if (error instanceof ErasedContent)
    throw new Problem('gone', 'A content of that register was erased on request; it cannot be given any more.');
  throw error;
}
