/** Transfers of all activities, one row each: where data go, to whom, on which grounds, and what was checked. */
import type { FastifyInstance } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { adequacyWords } from '../../article30/adequacy.ts';
import { today } from '../../article30/calendar.ts';
import { CalendarDate, type Content, Country, component, KeyOf, OneOf, resolved } from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import { transferLine } from '../../article30/processing-activity.ts';
import type { RegisterScope } from '../../article30/register.ts';
import type { Settings } from '../../article30/settings.ts';
import type { Session } from '../../db/connection.ts';
import { isUuid } from '../../db/identifiers.ts';
import { CursorError, fingerprint, sealCursor } from '../../db/lists.ts';
import { readHead } from '../../db/log.ts';
import { readContents, readIds } from '../../db/resources.ts';
import { listTransferring, type TransferSearch } from '../../db/transfers.ts';
import { factsVersion } from '../../reference/facts.ts';
import { transferMechanismKeys } from '../../reference/transfer-mechanisms.ts';
import {
  hasLeft,
  isWanted,
  noMechanism,
  type TransferController,
  type TransferFilters,
  type TransferLine,
  type TransferRecipient,
  type TransferRow,
  type TransferSafeguard,
  transferController,
  transferLines,
  transferRecipient,
  transferRow,
  transferSafeguard,
} from '../../register/transfers.ts';
import { type Databases, readSettings } from '../context.ts';
import { answers, errors, pageOf, responses } from '../operations.ts';
import { cursorAt, nextLink, refuseCursor } from '../pages.ts';
import { anyOfParameter, cursorParameter, headers, limitParameter, query } from '../parameters.ts';

/** Both records, in the order of the rows. */
const activityTypes = ['processingActivity', 'processorActivity'] as const;

/** A page that finds little ends after so many activities, and the next goes on from there. */
const lookedThroughAtMost = 1000;
/** Activities, and blocks, that are in memory at a time. */
const batch = 50;

const day = (description: string) => Type.Optional(CalendarDate({ description }));

interface TransferQuery extends Omit<TransferFilters, 'recipientId'> {
  readonly include: RegisterScope['include'];
  readonly judgedOn?: string;
  readonly controllerId?: readonly string[];
  readonly recipientId?: readonly string[];
  readonly limit: number;
  readonly cursor?: string;
}

const querystring = query({
  include: Type.Optional(
    OneOf(['approved', 'drafts'], {
      default: 'approved',
      description: '`approved`: what stands in the register; `drafts`: working versions that are not archived.',
    }),
  ),
  judgedOn: day('The day on which adequacy is judged; today when absent.'),
  controllerId: anyOfParameter(
    KeyOf('controller', { description: 'A controller or processor.' }),
    'Only of activities of which one of these is controller or joint controller; in the record of a processor, the processor.',
  ),
  country: anyOfParameter(Country({ description: 'ISO 3166-1 alpha-2.' }), 'Only to these countries.'),
  recipientId: anyOfParameter(KeyOf('recipient', { description: 'A recipient.' }), 'Only to these recipients.'),
  adequate: anyOfParameter(OneOf(adequacyWords, { description: 'What the decisions say.' }), 'Only with these words.'),
  mechanism: anyOfParameter(
    OneOf([...transferMechanismKeys, noMechanism], { description: 'A ground of Chapter V, or none.' }),
    'Only with one of these grounds; `none`: no ground of Chapter V is named, be it that no safeguard is, or only such as have no `mechanism`. Whether one is needed `adequate` tells.',
  ),
  importerCheckedBefore: day(
    'Only with a ground whose importer was not checked since this date: last checked before it, or without a date of a check though one is needed, that is for `adequacyDecision` where the decision it names, or without one those for the destination, cover only some importers.',
  ),
  assessedBefore: day(
    'Only with a ground for which law and practice of the third country were not assessed since this date: the assessment was completed before it, or there is no date of one though it is needed, that is for each of the `appropriateSafeguards`, Art. 46.',
  ),
  expiresBefore: day('Only with a ground whose document ends before this date.'),
  limit: limitParameter(),
  cursor: cursorParameter,
});

/** Properties of a schema of a resource, to be shown again. */
const shownOf = (schema: TSchema, names: readonly string[]): TProperties => {
  const { properties } = resolved(schema) as unknown as { properties: TProperties };
  return Object.fromEntries(names.map((name) => [name, Type.Optional(properties[name]!)]));
};
const id = Type.String({ format: 'uuid', description: 'Its id.' });
const reference = Type.String({ description: 'Its reference.', examples: ['stripe'] });
const name = Type.String({ description: 'Its name.', examples: ['Stripe'] });
const exactly = (properties: TProperties, description: string) =>
  Type.Object(properties, { additionalProperties: false, description });

const safeguard = definitionOf('safeguard');
const recipient = definitionOf('recipient');
const row = component(
  'Transfer',
  exactly(
    {
      activity: component(
        'TransferActivity',
        exactly(
          {
            type: OneOf(activityTypes, { description: 'In which record it stands.', examples: ['processingActivity'] }),
            id,
            reference,
            name,
            endedOn: Type.Optional(CalendarDate({ description: 'When it ended, for one that is retired.' })),
          },
          'The activity that the transfer belongs to.',
        ),
      ),
      controller: Type.Optional(
        component(
          'TransferController',
          exactly({ id, reference, name }, 'The controller of the activity, or the processor whose activity it is.'),
        ),
      ),
      lineId: Type.String({ description: 'The line of the transfer in the activity.', examples: ['stripe-us'] }),
      recipient: Type.Optional(
        component(
          'TransferRecipient',
          exactly(
            { id, reference, name, ...shownOf(Type.Object(recipient.properties), ['role', 'legalEntity', 'country']) },
            'Who receives the data.',
          ),
        ),
      ),
      ...shownOf(transferLine, [
        'country',
        'internationalOrganisation',
        'description',
        'state',
        'hrData',
        'occasional',
      ]),
      safeguards: Type.Array(
        component(
          'TransferSafeguard',
          exactly(
            {
              id,
              reference,
              name,
              ...shownOf(Type.Object({ ...safeguard.properties, ...safeguard.derived!.properties }), [
                'mechanism',
                'kind',
                'article',
                'statedAs',
                'adequacyDecision',
              ]),
              decisionInForce: Type.Optional(
                Type.Boolean({ description: 'Whether the decision that it relies on was in force on `judgedOn`.' }),
              ),
              expiresOn: Type.Optional(CalendarDate({ description: 'When its document ends.' })),
              ...shownOf(Type.Object(safeguard.properties), ['importerCheck', 'impactAssessment', 'confirmation']),
            },
            'A ground of the transfer: what says whether it holds.',
          ),
        ),
        { description: 'The grounds that the line names.' },
      ),
      adequate: OneOf(adequacyWords, {
        description:
          'By the decisions in force on `judgedOn`: `partial` depends on the importer or the data; `notNeeded` in the EEA; `unknown` without a destination.',
        examples: ['partial'],
      }),
      decisions: Type.Array(Type.String({ description: 'Key of a decision.', examples: ['US-2023-1795'] }), {
        description: 'Adequacy decisions in force for the destination.',
      }),
    },
    'A transfer to a third country or an international organisation, Art. 30(1)(e), 30(2)(c).',
  ),
);
const page = pageOf(
  'TransferList',
  row,
  { items: 'The transfers of this page.', page: 'A page of transfers.' },
  {
    judgedOn: CalendarDate({ description: 'The day on which adequacy was judged.' }),
    factsVersion: Type.String({ description: 'Version of the facts that it was judged by.', examples: [factsVersion] }),
  },
);

export function transferRoutes(app: FastifyInstance, database: Databases): void {
  app.get(
    '/v1/transfers',
    {
      config: { permission: 'readApproved' },
      schema: {
        operationId: 'listTransfers',
        tags: ['Transfers'],
        summary: 'Lists transfers',
        description:
          'One row for each transfer of any activity, by type and id of the activity and line. A page may hold fewer rows than `limit`, even none: only without `nextCursor` it is the last.',
        headers: headers({}),
        querystring,
        response: responses({ 200: answers('A page of transfers.', page, ['Link', 'Log-Sequence']) }, errors.lists),
      },
    },
    async (request, reply) => {
      const asked = request.query as TransferQuery;
      const { include, judgedOn = today() } = asked;
      if (include === 'drafts') request.requirePermission('read');
      const { tenant } = request;
      const settings = await readSettings(database.main, tenant);
      return database.main.transaction({ readOnly: true, tenant, customPlan: true }, async (session) => {
        const { size } = await readHead(session, tenant);
        const { rows, position } = await readPage(session, tenant, asked, judgedOn, settings);
        reply.headers({ 'cache-control': 'private, no-cache', 'log-sequence': size });
        const answer = { judgedOn, factsVersion, items: rows };
        if (position === undefined) return answer;
        const nextCursor = sealCursor(
          fingerprint('transfers', asked),
          `${position.type} ${position.lineId}`,
          position.id,
        );
        reply.header('link', nextLink(request, nextCursor));
        return { ...answer, nextCursor };
      });
    },
  );
}

/** The last row that was given; without a line id, the last activity of which all rows were. */
interface Position {
  readonly type: string;
  readonly id: string;
  readonly lineId: string;
}

function positionOf(asked: TransferQuery): Position | undefined {
  if (asked.cursor === undefined) return undefined;
  const { key, id } = cursorAt(asked.cursor, fingerprint('transfers', asked));
  const [type, lineId] = key.split(' ');
  if (!activityTypes.some((each) => each === type) || lineId === undefined || !isUuid(id)) {
    return refuseCursor(new CursorError('The cursor is not one of this list.'));
  }
  return { type: type!, id, lineId };
}

async function readPage(
  session: Session,
  tenant: string,
  asked: TransferQuery,
  judgedOn: string,
  settings: Settings,
): Promise<{ rows: TransferRow[]; position: Position | undefined }> {
  const { include, limit, country, mechanism, importerCheckedBefore, assessedBefore, expiresBefore } = asked;
  const from = positionOf(asked);
  const recipients = asked.recipientId && (await idsOf(session, tenant, 'recipient', asked.recipientId));
  const controllers = asked.controllerId && (await idsOf(session, tenant, 'controller', asked.controllerId));
  const filters = { ...asked, ...(recipients === undefined ? {} : { recipientId: recipients }) };
  const before = { importerCheckedOn: importerCheckedBefore, assessedOn: assessedBefore, expiresOn: expiresBefore };
  const search: TransferSearch = {
    ...(country === undefined ? {} : { countries: country }),
    ...(recipients === undefined ? {} : { recipients }),
    ...(controllers === undefined ? {} : { controllers }),
    // What names no ground is found by none.
    ...(mechanism === undefined || mechanism.includes(noMechanism) ? {} : { mechanisms: mechanism }),
    before: Object.fromEntries(
      Object.entries(before).filter((each): each is [string, string] => each[1] !== undefined),
    ),
  };
  const blocks = new Blocks(session, tenant, include, judgedOn);
  const rows: TransferRow[] = [];
  let looked = 0;
  for (const type of activityTypes) {
    if (from !== undefined && type < from.type) continue;
    let resumed = from?.type === type && from.lineId !== '' ? from : undefined;
    // The activity in whose midst the page before ended is read once more.
    let after = from?.type !== type ? undefined : resumed === undefined ? from.id : precedingId(from.id);
    for (;;) {
      const found = await listTransferring(session, tenant, type, include, search, after, batch);
      for (const { id, content } of found) {
        const activity = JSON.parse(content) as Content;
        const left = hasLeft(activity, settings.endedEntriesKept, today());
        const lines = left ? [] : transferLines(type, activity);
        const wanted = resumed?.id === id ? lines.filter(({ line }) => String(line.lineId) > resumed!.lineId) : lines;
        resumed = undefined;
        for (let start = 0; start < wanted.length; start += batch) {
          const some = wanted.slice(start, start + batch);
          await blocks.read(some);
          for (const line of some) {
            const made = transferRow(line, blocks, judgedOn);
            if (!isWanted(made, filters)) continue;
            if (rows.length === limit) return { rows, position: positionAfter(rows.at(-1)!) };
            rows.push(made);
          }
        }
        looked++;
        after = id;
      }
      if (found.length < batch) break;
      if (looked >= lookedThroughAtMost) return { rows, position: { type, id: after!, lineId: '' } };
    }
  }
  return { rows, position: undefined };
}

function positionAfter({ activity, lineId }: TransferRow): Position {
  return { type: activity.type, id: activity.id, lineId };
}

/** The greatest id that is less: the rows from this one on come after it. */
function precedingId(id: string): string {
  const number = BigInt(`0x${id.replaceAll('-', '')}`) - 1n;
  return number
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

async function idsOf(
  session: Session,
  tenant: string,
  type: 'controller' | 'recipient',
  keys: readonly string[],
): Promise<string[]> {
  const wanted = keys.map((key) => ({ type, key }));
  return [...(await readIds(session, tenant, wanted)).values()];
}

type BlockType = 'controller' | 'recipient' | 'safeguard';

/** Controllers, recipients and safeguards that rows name, each read once, and no more than some thousands kept. */
class Blocks {
  readonly controllers = new Map<string, TransferController>();
  readonly recipients = new Map<string, TransferRecipient>();
  readonly safeguards = new Map<string, TransferSafeguard>();
  readonly #read: (type: BlockType, ids: readonly string[]) => Promise<Content[]>;
  readonly #on: string;

  constructor(session: Session, tenant: string, version: RegisterScope['include'], on: string) {
    const read = version === 'approved' ? 'approved_version' : 'version';
    this.#read = async (type, ids) => [...(await readContents(session, tenant, type, ids, read)).values()];
    this.#on = on;
  }

  async read(lines: readonly TransferLine[]): Promise<void> {
    for (const kept of [this.controllers, this.recipients, this.safeguards]) if (kept.size > 5_000) kept.clear();
    await this.#fill(
      'controller',
      this.controllers,
      lines.flatMap(({ controllerId }) => controllerId ?? []),
      transferController,
    );
    await this.#fill(
      'recipient',
      this.recipients,
      lines.flatMap(({ recipientId }) => recipientId ?? []),
      transferRecipient,
    );
    await this.#fill(
      'safeguard',
      this.safeguards,
      lines.flatMap(({ safeguardIds }) => safeguardIds),
      (content) => transferSafeguard(content, this.#on),
    );
  }

  async #fill<T>(
    type: BlockType,
    kept: Map<string, T>,
    ids: readonly string[],
    shown: (content: Content) => T,
  ): Promise<void> {
    const missing = [...new Set(ids)].filter((each) => !kept.has(each));
    for (let start = 0; start < missing.length; start += batch) {
      for (const content of await this.#read(type, missing.slice(start, start + batch)))
        kept.set(content.id as string, shown(content));
    }
  }
}
