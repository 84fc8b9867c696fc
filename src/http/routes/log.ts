/** Following the log: what changed, and the entries with all that proves them. */
import type { FastifyInstance } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { component } from '../../article30/definition.ts';
import { operations } from '../../article30/life.ts';
import { resourceTypes } from '../../article30/resource-types.ts';
import { type Head, listChanges, listEntries, readHead, type Sight } from '../../db/log.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { anyOfParameter, headers, limitParameter, query } from '../parameters.ts';
import { permissionsOf } from '../permissions.ts';

/** Types of entries: resources, and what else the log keeps. */
const loggedTypes = [...resourceTypes, 'settings', 'review'] as const;
const typeWord = Type.Unsafe<string>({
  type: 'string',
  enum: [...loggedTypes],
  description: 'Type of the resource.',
  examples: ['recipient'],
});
const operationWord = Type.Unsafe<string>({
  type: 'string',
  enum: [...operations],
  description: 'What was done.',
  examples: ['update'],
});
const hash = (description: string) =>
  Type.String({ pattern: '^[0-9a-f]{64}$', description: `${description} SHA-256 in lower-case hex.` });
const sequence = Type.Integer({
  minimum: 1,
  description: 'Place in the log, from 1, without gaps; the index of the leaf is one less.',
  examples: [17],
});
const at = Type.String({
  format: 'date-time',
  description:
    'RFC 3339, UTC, three decimals; strictly later than the one before, but the same for all entries of one transaction.',
});

const page = (name: string, item: TSchema, description: string) =>
  component(
    name,
    Type.Object(
      {
        items: Type.Array(item, { description: 'In the order of the log.' }),
        nextAfter: Type.Integer({
          minimum: 0,
          description:
            'Give this as `after` next time. Where a page is empty it is the end of the log, so that a type that hardly ever changes is not looked for in the same entries again.',
          examples: [17],
        }),
      },
      { additionalProperties: false, description },
    ),
  );

const changeList = page(
  'ChangeList',
  component(
    'LoggedChange',
    Type.Object(
      {
        sequence,
        type: typeWord,
        id: Type.String({ format: 'uuid', description: 'Id of the resource.' }),
        reference: Type.String({ description: 'Its reference at that moment.', examples: ['stripe'] }),
        version: Type.Integer({ minimum: 1, description: 'Its version after the change.', examples: [3] }),
        operation: operationWord,
        at,
      },
      { additionalProperties: false, description: 'That something changed; no content.' },
    ),
  ),
  'What changed, in order and gapless.',
);

const entryList = page(
  'LogEntryList',
  component(
    'LogEntry',
    Type.Object(
      {
        sequence,
        tenant: Type.String({ format: 'uuid', description: 'Id of the tenant.' }),
        resourceType: typeWord,
        resourceId: Type.String({ format: 'uuid', description: 'Id of the resource.' }),
        version: Type.Integer({ minimum: 1, description: 'Version of the resource after the change.' }),
        operation: operationWord,
        approved: Type.Boolean({ description: 'Whether the register shows this content from then on.' }),
        actor: Type.String({ format: 'uuid', description: 'Random id of who did it.' }),
        actorSubject: Type.Optional(Type.String({ description: 'Subject of their token, as long as it is kept.' })),
        recordedAt: at,
        contentHash: hash('Of the nonce and the canonical JSON of `{content, reason}`.'),
        leafHash: hash('Of 0x00 and the leaf data (RFC 6962).'),
        nonce: Type.Optional(hash('32 random bytes, not a hash:')),
        content: Type.Optional(
          Type.Unsafe<Record<string, unknown> | null>({
            type: ['object', 'null'],
            description: 'The resource after the change; null after a deletion.',
          }),
        ),
        reason: Type.Optional(Type.String({ description: 'Why, as `Change-Reason` said.' })),
        redacted: Type.Optional(Type.Boolean({ description: 'The content was erased on request.' })),
      },
      { additionalProperties: false, description: 'An entry of the log: a leaf of the Merkle tree with its content.' },
    ),
  ),
  'Entries of the log.',
);

const followParameters = (most: number) =>
  query({
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 0,
        description: 'Entries after this sequence.',
      }),
    ),
    limit: limitParameter(most, 100),
    type: anyOfParameter(typeWord, 'Only of these types; repeat it for several.'),
  });

interface Follow {
  after: number;
  limit: number;
  type?: string[];
}
const followOf = ({ after, limit, type }: Follow) => ({ after, limit, ...(type === undefined ? {} : { types: type }) });

export function logRoutes(app: FastifyInstance, database: Databases): void {
  app.get(
    '/v1/changes',
    {
      config: { permission: 'readChanges' },
      schema: {
        operationId: 'listChanges',
        tags: ['Log'],
        summary: 'Lists what changed',
        description: 'In order and gapless, without content: list once, then follow from `Log-Sequence`.',
        headers: headers({}),
        querystring: followParameters(1000),
        response: responses({ 200: answers('What changed.', changeList) }, errors.reads),
      },
    },
    async (request, reply) => {
      const follow = request.query as Follow;
      const { tenant } = request;
      const { head, items } = await database.main.transaction({ readOnly: true, tenant }, async (session) => ({
        head: await readHead(session, tenant),
        items: await listChanges(session, tenant, followOf(follow)),
      }));
      reply.header('cache-control', 'private, no-cache');
      return { items, nextAfter: nextAfter(items, follow, head) };
    },
  );

  app.get(
    '/v1/log',
    {
      config: { permission: 'readApprovedLog' },
      schema: {
        operationId: 'listLogEntries',
        tags: ['Log'],
        summary: 'Lists entries of the log',
        description:
          'With content and nonce, so that everything can be proved; auditors get these of approved versions, of others the hashes.',
        headers: headers({}),
        querystring: followParameters(200),
        response: responses({ 200: answers('Entries.', entryList) }, errors.reads),
      },
    },
    async (request, reply) => {
      const follow = request.query as Follow;
      const { tenant } = request;
      const sight: Sight = permissionsOf(request.caller!.roles, { dpoApproves: false }).has('readLog')
        ? 'all'
        : 'approved';
      const { head, entries } = await database.main.transaction({ readOnly: true, tenant }, async (session) => ({
        head: await readHead(session, tenant),
        entries: await listEntries(session, tenant, followOf(follow), sight),
      }));
      reply.header('cache-control', 'private, no-cache').type('application/json; charset=utf-8');
      return `{"items":[${entries.map(({ json }) => json).join(',')}],"nextAfter":${nextAfter(entries, follow, head)}}`;
    },
  );
}

/** Where to go on: after what is shown; where nothing is, after all that was there before it was looked for. */
function nextAfter(shown: readonly { sequence: number }[], { after }: Follow, { size }: Head): number {
  return shown.at(-1)?.sequence ?? Math.max(after, size);
}
