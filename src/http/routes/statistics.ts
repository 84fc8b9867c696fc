/** What a tenant's records come to in numbers. */
import type { FastifyInstance } from 'fastify';
import { type TProperties, Type } from 'typebox';
import { today } from '../../article30/calendar.ts';
import { CalendarDate, component, KeyOf, OneOf } from '../../article30/definition.ts';
import { resourceTypes } from '../../article30/resource-types.ts';
import { readHead } from '../../db/log.ts';
import { readIds } from '../../db/resources.ts';
import { readStatistics } from '../../db/statistics.ts';
import type { Databases } from '../context.ts';
import { answers, errors, responses } from '../operations.ts';
import { isNotModified } from '../pages.ts';
import { anyOfParameter, headers, ifNoneMatchHeader, query } from '../parameters.ts';

const count = (description: string) => Type.Integer({ minimum: 0, description, examples: [3] });
const exactly = (name: string, properties: TProperties, description: string) =>
  component(name, Type.Object(properties, { additionalProperties: false, description }));

const tally = (description: string) =>
  Type.Array(
    exactly(
      'Tally',
      { value: Type.String({ description: 'The value.', examples: ['consent'] }), count: count('How many have it.') },
      'A value and how many have it.',
    ),
    { description: `${description} The greatest first.` },
  );

const ofActivities = exactly(
  'ActivityCounts',
  {
    inForce: count('Begun, not ended today, not retired.'),
    overdueReviews: count('Whose review was due before today; retired ones apart.'),
    withTransfers: count('That have at least one transfer.'),
    grounds: tally('By ground of their legal bases and conditions, Art. 6, 9, 10.'),
    dataKinds: tally('By kind of their categories of data, Art. 9(1), 10.'),
    countries: tally('By country of their transfers and recipients.'),
    recipientRoles: tally('By role of their recipients.'),
    mechanisms: tally('By ground of their transfers, Chapter V.'),
  },
  'Numbers of activities. One that has several values counts for each.',
);

const statistics = exactly(
  'Statistics',
  {
    judgedOn: CalendarDate({ description: 'Today: what is in force and what is overdue depends on it.' }),
    types: Type.Array(
      exactly(
        'TypeCount',
        {
          type: OneOf(resourceTypes, { description: 'The type.', examples: ['recipient'] }),
          total: count('In any state.'),
          draft: count('Drafts.'),
          inReview: count('In review.'),
          approved: count('Approved as they stand.'),
          retired: count('Retired.'),
          archived: count('Archived; they count nowhere else.'),
        },
        'Numbers of the resources of a type.',
      ),
      { description: 'For each type.' },
    ),
    processingActivities: ofActivities,
    processorActivities: ofActivities,
    recipients: exactly(
      'RecipientCounts',
      { roles: tally('By role.'), countries: tally('By country of establishment or processing.') },
      'Numbers of recipients.',
    ),
  },
  'Counts of working versions. What is archived counts only as such.',
);

export function statisticsRoutes(app: FastifyInstance, database: Databases): void {
  app.get(
    '/v1/statistics',
    {
      config: { permission: 'read' },
      schema: {
        operationId: 'getStatistics',
        tags: ['Statistics'],
        summary: 'Counts',
        description:
          'Resources by type and state; activities by ground, kind of data, country, role of recipient and transfer mechanism; what is in force and overdue. Working versions that are not archived: where a list has the same filter, it has as many items.',
        headers: headers({ 'if-none-match': ifNoneMatchHeader }),
        querystring: query({
          controllerId: anyOfParameter(
            KeyOf('controller', { description: 'A controller or processor.' }),
            'Only these, the activities of which one of them is controller, joint controller or processor, and the building blocks that belong to one of them alone (`controllerId`); clients of processor activities count where one of them is the client.',
          ),
        }),
        response: responses(
          {
            200: answers('The counts.', statistics, ['ETag', 'Log-Sequence']),
            304: { description: 'Nothing has changed since, and no day has passed.', type: 'null' },
          },
          errors.reads,
        ),
      },
    },
    async (request, reply) => {
      const { tenant } = request;
      const judgedOn = today();
      return database.reads.transaction(
        { readOnly: true, tenant, customPlan: true, isolation: 'repeatable read' },
        async (session) => {
          const { size } = await readHead(session, tenant);
          // They follow from the log and the day: who asks again and again makes the service count once.
          const tag = `"${size}-${judgedOn}"`;
          reply.headers({ 'cache-control': 'private, no-cache', 'log-sequence': size, etag: tag });
          if (isNotModified(request, tag)) return reply.code(304).send();
          const keys = (request.query as { controllerId?: readonly string[] }).controllerId;
          const controllers = keys?.map((key) => ({ type: 'controller', key }));
          const ids = controllers && [...(await readIds(session, tenant, controllers)).values()];
          return { judgedOn, ...(await readStatistics(session, tenant, judgedOn, ids)) };
        },
      );
    },
  );
}
