/** Imports: a file becomes a plan, and a plan is applied whole or not at all. */
import type { FastifyInstance } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { bodyOf, reachableComponents } from '../../article30/components.ts';
import { type Content, component, OneOf } from '../../article30/definition.ts';
import { definitions } from '../../article30/index.ts';
import { type RegisterScope, registerRoles } from '../../article30/register.ts';
import { resourceTypes } from '../../article30/resource-types.ts';
import type { Pool } from '../../db/connection.ts';
import { newId } from '../../db/identifiers.ts';
import {
  findTargets,
  listPlans,
  type PlanSummary,
  readChain,
  readPlan,
  readReferences,
  storePlan,
  type ToldPlan,
  toldItems,
} from '../../db/imports.ts';
import { sealCursor } from '../../db/lists.ts';
import { readHead } from '../../db/log.ts';
import type { Look, Writer } from '../../db/records.ts';
import { readContents, readSizes } from '../../db/resources.ts';
import { applyPlan } from '../../imports/apply.ts';
import { type SourceName, sourceNames, sources } from '../../imports/index.ts';
import { Problems, planChanges, type TenantView, type WantedResource } from '../../imports/plan.ts';
import type { BodyJudge } from '../../imports/register.ts';
import { isCountry } from '../../reference/countries.ts';
import { answerOf, carryOut, momentOf, type Outcome } from '../changes.ts';
import type { Databases } from '../context.ts';
import type { Gate } from '../limits.ts';
import { answers, errors, pageOf, responses } from '../operations.ts';
import { cursorAt, sendItems } from '../pages.ts';
import { cursorParameter, headers, limitParameter, query, writeHeaders } from '../parameters.ts';
import { missing } from '../problems.ts';
import { createJudge } from '../validation.ts';

const typeWord = OneOf(resourceTypes, { description: 'Type of the resource.', examples: ['recipient'] });
const referenceWord = Type.String({ description: 'Its reference.', examples: ['stripe'] });
const anything = (description: string) => Type.Optional(Type.Unsafe<unknown>({ description, examples: ['FR'] }));

/** What plans are made from: files, and the wish to replace a recipient. */
const planSources = [...sourceNames, 'replacement'] as const;
type PlanSource = (typeof planSources)[number];

const planMembers = {
  id: Type.String({ format: 'uuid', description: 'Id of the plan.' }),
  source: OneOf(planSources, {
    description: 'What the file was; `replacement`: no file, one recipient takes the place of another.',
    examples: ['register'],
  }),
  sequence: Type.Integer({
    minimum: 0,
    description: 'The entry of the log up to which the plan was compared.',
    examples: [17],
  }),
};
const createdAt = Type.String({ format: 'date-time', description: 'When it was made (RFC 3339, UTC).' });
const applied = {
  appliedAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it was applied (RFC 3339, UTC).' })),
  appliedBy: Type.Optional(Type.String({ format: 'uuid', description: 'Who applied it, as the log names them.' })),
};
const unchanged = Type.Integer({
  minimum: 0,
  description: 'How many resources of the file are stored as the file has them.',
  examples: [12],
});

const count = (description: string) => Type.Integer({ minimum: 0, description, examples: [3] });

export const importPlan = component(
  'ImportPlan',
  Type.Object(
    {
      ...planMembers,
      state: OneOf(['planned', 'applied', 'outdated'] satisfies PlanSummary['state'][], {
        description: '`outdated`: what it would touch has changed since; import the file again.',
        examples: ['planned'],
      }),
      createdAt,
      ...applied,
      created: Type.Array(
        component(
          'PlannedCreation',
          Type.Object(
            {
              type: typeWord,
              reference: referenceWord,
              name: Type.String({
                description: 'Its name; of a client, who it is client of, by their references.',
                examples: ['Stripe'],
              }),
            },
            { additionalProperties: false, description: 'A resource that would be created.' },
          ),
        ),
        { description: 'What would be created; nothing while there are errors.' },
      ),
      changed: Type.Array(
        component(
          'PlannedChange',
          Type.Object(
            {
              type: typeWord,
              reference: referenceWord,
              name: Type.Optional(
                Type.String({
                  description: 'Of a client, whose reference is made of ids: who it is client of.',
                  examples: ['beta, client of hosting'],
                }),
              ),
              lineId: Type.Optional(Type.String({ description: 'The line that it is in.', examples: ['main'] })),
              field: Type.String({
                description: 'The member that changes; a whole line that comes or goes is a change of its list.',
                examples: ['dataLines.retention.period'],
              }),
              old: anything(
                'What it says now, with `ref:` keys; absent: nothing. Of more than 64 KiB only how many bytes: `{"omitted": 70000}`.',
              ),
              new: anything('What it would say, likewise.'),
            },
            { additionalProperties: false, description: 'One field that would be changed.' },
          ),
        ),
        { description: 'What would be changed, field by field; nothing while there are errors.' },
      ),
      omitted: Type.Optional(
        component(
          'PlanOmission',
          Type.Object(
            {
              created: count('So many more would be created.'),
              changed: count('So many more resources would be changed.'),
            },
            { additionalProperties: false, description: 'What would happen too, and is not told in detail.' },
          ),
        ),
      ),
      unchanged,
      proposals: Type.Array(
        Type.Object({}, { additionalProperties: true, description: 'One name, and what may be meant.' }),
        { description: 'Names that may mean what is there already; none for this source.' },
      ),
      problems: Type.Array(
        component(
          'PlanProblem',
          Type.Object(
            {
              severity: OneOf(['error', 'warning'], { description: 'With an error the plan cannot be applied.' }),
              pointer: Type.String({
                description: 'JSON Pointer (RFC 6901) into the file.',
                examples: ['/entries/3/controllerId'],
              }),
              code: Type.String({
                description: 'What is wrong, as a word for programs.',
                examples: ['unknown-reference'],
              }),
              message: Type.String({ description: 'What is wrong, as a sentence for people.' }),
            },
            { additionalProperties: false, description: 'Something about the file that is wrong, or worth a look.' },
          ),
        ),
        { description: 'Errors first; 200 at most, then one says how many there are more.' },
      ),
    },
    {
      additionalProperties: false,
      description:
        'What an import would do, bound to the state of the register that it was compared with. It tells 8 MiB of it at most, and counts the rest in `omitted`.',
    },
  ),
);

const planList = pageOf(
  'ImportPlanList',
  component(
    'ImportPlanSummary',
    Type.Object(
      {
        ...planMembers,
        state: OneOf(['planned', 'applied'] satisfies PlanSummary['state'][], {
          description: 'Whether it is outdated, the plan by itself says.',
          examples: ['planned'],
        }),
        createdAt,
        ...applied,
        counts: Type.Object(
          {
            created: count('Resources that would be created.'),
            changed: count('Resources that would be changed.'),
            unchanged,
            errors: count('Problems that stand against it.'),
            warnings: count('Problems that are worth a look.'),
          },
          { additionalProperties: false, description: 'How much it is.' },
        ),
      },
      { additionalProperties: false, description: 'A plan, without what it would do in detail.' },
    ),
  ),
  { items: 'The newest first.', page: 'A page of plans.' },
);

const importFile = component(
  'ImportFile',
  Type.Object(
    {},
    {
      additionalProperties: true,
      description: `The file as it is. ${sourceNames.map((name) => `\`${name}\`: ${sources[name].description}`).join(' ')}`,
      examples: [
        {
          controllers: [{ reference: 'acme', name: 'Acme SAS', registerKept: true }],
          blocks: { purpose: { invoicing: { reference: 'invoicing', name: 'Invoicing' } } },
          entries: [
            {
              reference: 'invoicing',
              name: 'Invoicing',
              controllerId: 'ref:acme',
              purposes: [{ lineId: 'main', purposeId: 'ref:invoicing' }],
            },
          ],
        },
      ],
    },
  ),
);

const noSuchPlan = 'There is no such plan; plans are kept for seven days, the last hundred of a tenant.';
const kept =
  'A plan is kept for seven days, and of a tenant the last hundred that were not applied, 256 MiB at most; those with errors go first.';
const oneAtATime = 'Of a tenant one plan at a time is made or applied, others get 429 and `Retry-After`.';

const planPath = Type.Object(
  { key: Type.String({ format: 'uuid', maxLength: 36, description: 'Id of the plan.' }) },
  { additionalProperties: false },
);

/**
 * @param gate lets in who makes or applies a plan
 * @param fileLimit bytes of a file to import
 */
export function importRoutes(app: FastifyInstance, database: Databases, gate: Gate, fileLimit: number): void {
  const pool = database.main;
  const tags = ['Imports'];
  const judge = bodyJudge();

  app.post(
    '/v1/imports',
    {
      bodyLimit: fileLimit,
      onRequest: gate.enter,
      config: { permission: 'planImports' },
      schema: {
        operationId: 'planImport',
        tags,
        summary: 'Plans an import',
        description: `Compares a file with what is stored and changes nothing. Resources are matched by their reference within their type; what the file does not have is left alone. ${kept} ${oneAtATime}`,
        querystring: query({
          source: OneOf(sourceNames, { description: 'What the file is.', examples: ['register'] }),
          role: Type.Optional(
            OneOf(registerRoles, {
              description:
                'Which record the entries are of, where the file does not say it: Art. 30(1), which is meant when this is absent, or Art. 30(2).',
            }),
          ),
        }),
        headers: headers({ 'idempotency-key': writeHeaders['idempotency-key'] }),
        body: importFile,
        response: responses(
          { 201: answers('The plan.', importPlan, ['Location', 'Idempotency-Replayed']) },
          errors.plans,
        ),
      },
    },
    async (request, reply) => {
      const { source, role } = request.query as { source: SourceName; role?: RegisterScope['role'] };
      const file = request.body as Content;
      const read = (problems: Problems) =>
        sources[source].read(file, { judge, ...(role === undefined ? {} : { role }) }, problems);
      return gate.within(request, () =>
        carryOut(pool, request, reply, {
          subject: { type: 'import' },
          plan: async (seen, writer) => planned(pool, source, read, seen, writer),
        }),
      );
    },
  );

  app.get(
    '/v1/imports',
    {
      config: { permission: 'readImports' },
      schema: {
        operationId: 'listImports',
        tags,
        summary: 'Lists plans of imports',
        description:
          'Of the last seven days, the newest first. Whether a plan is outdated says `GET /v1/imports/{key}`.',
        headers: headers({}),
        querystring: query({ limit: limitParameter(), cursor: cursorParameter }),
        response: responses({ 200: answers('A page of plans.', planList, ['Link']) }, errors.lists),
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const bound = 'imports';
      const before = cursor === undefined ? undefined : cursorAt(cursor, bound).id;
      const plans = await listPlans(pool, request.tenant, before, limit + 1);
      return sendItems(request, reply, plans.map(summaryOf), limit, (last) => sealCursor(bound, '', last.id));
    },
  );

  app.get(
    '/v1/imports/:key',
    {
      config: { permission: 'readImports' },
      schema: {
        operationId: 'getImport',
        tags,
        summary: 'Reads the plan of an import',
        description: 'With its state as it is now.',
        params: planPath,
        headers: headers({}),
        response: responses({ 200: answers('The plan.', importPlan) }, errors.readsOne),
      },
    },
    async (request, reply) => {
      const plan = await readPlan(pool, request.tenant, planIdOf(request.params));
      if (plan === undefined) return missing(noSuchPlan);
      reply.header('cache-control', 'private, no-cache').type('application/json; charset=utf-8');
      return textOf(plan);
    },
  );

  app.post(
    '/v1/imports/:key/apply',
    {
      onRequest: gate.enter,
      config: { permission: 'applyImports' },
      schema: {
        operationId: 'applyImport',
        tags,
        summary: 'Applies the plan of an import',
        description: `In one transaction: all or nothing. Building blocks follow the rule of approval of the tenant; activities become drafts. 409 \`plan-outdated\` when what the plan touches has changed since it was made, \`state-conflict\` when it has errors or was applied already. ${oneAtATime}`,
        params: planPath,
        headers: headers(writeHeaders),
        response: responses(
          { 200: answers('The plan, applied.', importPlan, ['Log-Sequence', 'Idempotency-Replayed']) },
          [
            ...errors.readsOne,
            'plan-outdated',
            'state-conflict',
            'reference-cycle',
            'idempotency-running',
            'idempotency-key-reused',
            'outcome-unknown',
          ],
        ),
      },
    },
    async (request, reply) => {
      const id = planIdOf(request.params);
      const plan = async (seen: Look): Promise<Outcome> => {
        const found = await readPlan(pool, request.tenant, id);
        if (found === undefined) return missing(noSuchPlan);
        const moment = momentOf(seen);
        const told = { ...found, state: 'applied' as const, appliedAt: moment.now, appliedBy: moment.actor };
        const answer = answerOf(textOf(told), 200);
        return { answer, write: (writer) => applyPlan(pool, writer, moment, id, answer) };
      };
      return gate.within(request, () => carryOut(pool, request, reply, { subject: { type: 'import' }, plan }));
    },
  );
}

/**
 * Compares what is wanted with what is stored, and keeps what comes of it.
 *
 * @param read gives the resources as they are wanted, and tells what stands against them
 */
export async function planned(
  pool: Pool,
  source: PlanSource,
  read: (problems: Problems) => Promise<readonly WantedResource[]>,
  { settings, actor }: Look,
  writer: Writer,
): Promise<Outcome> {
  const { tenant } = writer;
  // The head first: what is compared after it may be newer, and is held to its version when the plan is applied.
  const { size } = await pool.transaction({ readOnly: true, tenant }, (session) => readHead(session, tenant));
  const problems = new Problems();
  const wanted = await read(problems);
  const changes = await planChanges(wanted, viewOf(pool, writer), settings, newId, problems);
  // What cannot be applied is not kept.
  const items = problems.errors > 0 ? [] : changes.items;
  const id = newId();
  const plan = {
    ...{ id, source, sequence: size, unchanged: changes.unchanged, items, createdAt: new Date().toISOString() },
    ...{ errors: problems.errors, warnings: problems.warnings, problems: JSON.stringify(problems.listed) },
  };
  const told = textOf({
    ...plan,
    state: 'planned',
    appliedAt: null,
    appliedBy: null,
    ...toldItems(items),
  });
  const answer = answerOf(told, 201, { location: `/v1/imports/${id}` });
  return {
    answer,
    write: async () => {
      await storePlan(pool, writer, actor, plan, answer);
      return undefined;
    },
  };
}

function viewOf(pool: Pool, writer: Writer): TenantView {
  const { tenant } = writer;
  return {
    find: (wanted) => findTargets(pool, writer, wanted),
    sizes: (type, ids) =>
      pool.transaction({ readOnly: true, tenant, customPlan: true }, (session) =>
        readSizes(session, tenant, type, ids),
      ),
    contents: (type, ids) =>
      pool.transaction({ readOnly: true, tenant, customPlan: true }, (session) =>
        readContents(session, tenant, type, ids),
      ),
    references: (wanted) => readReferences(pool, tenant, wanted),
    chain: (type, field) => readChain(pool, tenant, type, field),
  };
}

/** Judges bodies within a file as they are judged when they come by themselves. */
function bodyJudge(): BodyJudge {
  const bodies = new Map<string, TSchema>(definitions.map((definition) => [definition.type, bodyOf(definition)]));
  const judge = createJudge({ isCountry }, Object.fromEntries(reachableComponents(bodies.values())));
  const names = new Map(definitions.map(({ type, component: name }) => [type as string, `${name}Body`]));
  return (type, body) => judge(names.get(type)!, body);
}

type Told = Omit<ToldPlan, 'created' | 'changed' | 'errors' | 'warnings'>;

/** The JSON of a plan, put together from pieces that are JSON already. */
function textOf(plan: Told): string {
  const { id, source, sequence, state, createdItems, changedItems, omitted, unchanged: same, problems } = plan;
  const head = JSON.stringify({ id, source, sequence, state, ...timesOf(plan) }).slice(0, -1);
  const rest = omitted.created + omitted.changed === 0 ? '' : `"omitted":${JSON.stringify(omitted)},`;
  return `${head},"created":[${createdItems.join(',')}],"changed":[${changedItems.join(',')}],${rest}"unchanged":${same},"proposals":[],"problems":${problems}}`;
}

function timesOf({
  createdAt: made,
  appliedAt,
  appliedBy,
}: Pick<PlanSummary, 'createdAt' | 'appliedAt' | 'appliedBy'>) {
  return { createdAt: made, ...(appliedAt === null ? {} : { appliedAt, appliedBy }) };
}

function summaryOf(plan: PlanSummary) {
  const { id, source, sequence, state, created, changed, unchanged: same, errors: wrong, warnings } = plan;
  const counts = { created, changed, unchanged: same, errors: wrong, warnings };
  return { id, source, sequence, state, ...timesOf(plan), counts };
}

function planIdOf(params: unknown): string {
  return (params as { key: string }).key.toLowerCase();
}
