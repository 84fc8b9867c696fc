/**
 * Transfers as rows: each transfer of each activity, with who receives, on which grounds, and what was checked. Art. 30(1)(e),
 * 30(2)(c), 44 to 49.
 */
import { type Adequacy, isDecisionInForce, judgeAdequacy } from '../article30/adequacy.ts';
import { datePlus } from '../article30/calendar.ts';
import type { Content } from '../article30/definition.ts';
import { needsAssessment, needsImporterCheck } from '../article30/safeguard.ts';

/** What a row shows of the controller, or of the processor. */
export interface TransferController {
  readonly id: string;
  readonly reference: string;
  readonly name: string;
}

/** What a row shows of the recipient. */
export interface TransferRecipient {
  readonly id: string;
  readonly reference: string;
  readonly name: string;
  readonly role?: string;
  readonly legalEntity?: string;
  readonly country?: string;
}

/** What a row shows of a ground: the members of the safeguard that say whether it holds. */
export interface TransferSafeguard {
  readonly id: string;
  readonly reference: string;
  readonly name: string;
  readonly mechanism?: string;
  readonly kind?: string;
  readonly article?: string;
  readonly statedAs?: string;
  readonly adequacyDecision?: string;
  /** Whether the decision that it relies on is in force. */
  readonly decisionInForce?: boolean;
  readonly expiresOn?: string;
  readonly importerCheck?: Content;
  readonly impactAssessment?: Content;
  readonly confirmation?: Content;
}

export interface TransferRow {
  readonly activity: {
    readonly type: string;
    readonly id: string;
    readonly reference: string;
    readonly name: string;
    /** When the activity ended, for one that is retired. */
    readonly endedOn?: string;
  };
  /** Of an activity of a processor: the processor. */
  readonly controller?: TransferController;
  readonly lineId: string;
  readonly recipient?: TransferRecipient;
  readonly country?: string;
  readonly internationalOrganisation?: string;
  readonly description?: string;
  readonly state?: string;
  readonly hrData?: boolean;
  readonly occasional?: boolean;
  readonly safeguards: readonly TransferSafeguard[];
  readonly adequate: Adequacy;
  readonly decisions: readonly string[];
}

/** Which rows are wanted. Values of one member mean "or", members mean "and". */
export interface TransferFilters {
  readonly country?: readonly string[];
  /** Ids. */
  readonly recipientId?: readonly string[];
  readonly adequate?: readonly string[];
  /** These four ask for one ground to which all of them apply; {@link noMechanism} for a transfer of which none is named. */
  readonly mechanism?: readonly string[];
  /** A day since which what the ground needs was not done, be it that it never was. */
  readonly importerCheckedBefore?: string;
  readonly assessedBefore?: string;
  readonly expiresBefore?: string;
}

/** Among the mechanisms that are wanted: no ground that the transfer names says which ground of Chapter V it is. */
export const noMechanism = 'none';

/** One line of an activity, and what it names. */
export interface TransferLine {
  readonly activity: TransferRow['activity'];
  readonly line: Content;
  readonly controllerId?: string;
  readonly recipientId?: string;
  readonly safeguardIds: readonly string[];
}

/**
 * Whether a retired activity has left the register: the period for which ended ones are kept lies before the day.
 *
 * @param kept ISO 8601 duration
 */
export function hasLeft({ retirement }: Content, kept: string, on: string): boolean {
  const endedOn = (retirement as Content | undefined)?.endedOn;
  return typeof endedOn === 'string' && datePlus(endedOn, kept) < on;
}

/** The transfers of an activity, by their line ids. */
export function transferLines(type: string, content: Content): TransferLine[] {
  const { id, reference, name, retirement, controllerId, processorId } = content;
  const endedOn = (retirement as Content | undefined)?.endedOn;
  const activity = { type, id, reference, name, ...given({ endedOn }) } as TransferRow['activity'];
  return ((content.transfers as Content[] | undefined) ?? [])
    .map((line) => ({
      activity,
      line,
      ...(given({ controllerId: controllerId ?? processorId, recipientId: line.recipientId }) as {
        controllerId?: string;
        recipientId?: string;
      }),
      safeguardIds: (line.safeguardIds as string[] | undefined) ?? [],
    }))
    .sort((a, b) => (String(a.line.lineId) < String(b.line.lineId) ? -1 : 1));
}

/** What rows show of a controller or processor. */
export function transferController({ id, reference, name }: Content): TransferController {
  return { id, reference, name } as TransferController;
}

/** What rows show of a recipient. */
export function transferRecipient(content: Content): TransferRecipient {
  const { id, reference, name, role, legalEntity, country } = content;
  return { id, reference, name, ...given({ role, legalEntity, country }) } as unknown as TransferRecipient;
}

/** What rows show of a safeguard, judged on a day. */
export function transferSafeguard(content: Content, on: string): TransferSafeguard {
  const { id, reference, name, mechanism, kind, article, statedAs, adequacyDecision, confirmation } = content;
  const { importerCheck, impactAssessment, document } = content as Record<string, Content | undefined>;
  return {
    id,
    reference,
    name,
    ...given({
      mechanism,
      kind,
      article,
      statedAs,
      adequacyDecision,
      decisionInForce: typeof adequacyDecision === 'string' ? isDecisionInForce(adequacyDecision, on) : undefined,
      expiresOn: document?.expiresOn,
      importerCheck: importerCheck && given(pick(importerCheck, ['list', 'entity', 'result', 'checkedOn', 'coversHr'])),
      impactAssessment: impactAssessment && given(pick(impactAssessment, ['done', 'completedOn', 'conclusion'])),
      confirmation,
    }),
  } as unknown as TransferSafeguard;
}

/** The row of a line. What it names and is not in `named` is left out. */
export function transferRow(
  { activity, line, controllerId, recipientId, safeguardIds }: TransferLine,
  named: {
    readonly controllers: ReadonlyMap<string, TransferController>;
    readonly recipients: ReadonlyMap<string, TransferRecipient>;
    readonly safeguards: ReadonlyMap<string, TransferSafeguard>;
  },
  on: string,
): TransferRow {
  const { lineId, country, internationalOrganisation, description, state, hrData, occasional } = line;
  return {
    activity,
    ...(given({ controller: controllerId === undefined ? undefined : named.controllers.get(controllerId) }) as {
      controller?: TransferController;
    }),
    lineId: lineId as string,
    ...given({
      recipient: recipientId === undefined ? undefined : named.recipients.get(recipientId),
      country,
      internationalOrganisation,
      description,
      state,
      hrData,
      occasional,
    }),
    safeguards: safeguardIds.flatMap((id) => named.safeguards.get(id) ?? []),
    ...judgeAdequacy(given({ country, internationalOrganisation }), on),
  };
}

/** Whether a row is wanted. */
export function isWanted(row: TransferRow, filters: TransferFilters): boolean {
  const one = (values: readonly string[] | undefined, value: string | undefined) =>
    values === undefined || (value !== undefined && values.includes(value));
  return (
    one(filters.country, row.country) &&
    one(filters.recipientId, row.recipient?.id) &&
    one(filters.adequate, row.adequate) &&
    hasGround(row, filters)
  );
}

function hasGround({ safeguards, adequate }: TransferRow, filters: TransferFilters): boolean {
  const { mechanism: mechanisms, importerCheckedBefore, assessedBefore, expiresBefore } = filters;
  const dated = [importerCheckedBefore, assessedBefore, expiresBefore].some((each) => each !== undefined);
  const noneWanted = mechanisms?.includes(noMechanism) && safeguards.every(({ mechanism }) => mechanism === undefined);
  if (!dated && (mechanisms === undefined || noneWanted)) return true;
  const before = (limit: string | undefined, date: unknown, needed: boolean) =>
    limit === undefined || (typeof date === 'string' ? date < limit : needed);
  return safeguards.some((safeguard) => {
    const { mechanism, importerCheck, impactAssessment, expiresOn } = safeguard;
    return (
      (mechanisms === undefined || (mechanism === undefined ? noneWanted : mechanisms.includes(mechanism))) &&
      before(
        importerCheckedBefore,
        importerCheck?.checkedOn,
        needsImporterCheck(safeguard) ?? adequate === 'partial',
      ) &&
      before(assessedBefore, impactAssessment?.completedOn, needsAssessment(safeguard)) &&
      before(expiresBefore, expiresOn, false)
    );
  });
}

function pick(content: Content, names: readonly string[]): Content {
  return Object.fromEntries(names.map((name) => [name, content[name]]));
}

/** The members that are there. */
function given(members: Record<string, unknown>): Content {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
