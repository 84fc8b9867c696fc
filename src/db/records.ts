/**
 * The one way to change anything.
 *
 * A change looks once at what it must know ({@link look}), is worked out in memory, and is written by one SQL function
 * that checks again under its locks what another writer may have changed meanwhile ({@link append}).
 */
import { createHash, randomFillSync } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Content, ResourceDefinition } from '../article30/definition.ts';
import type { Step } from '../article30/life.ts';
import { defaultSettings, type Settings } from '../article30/settings.ts';
import { namedKeys } from '../article30/shape.ts';
import { canonicalize } from '../history/canonical.ts';
import { contentHash, NONCE_BYTES } from '../history/entry.ts';
import { type Parameter, type Pool, PostgresError, type Session } from './connection.ts';
import { isUuid } from './identifiers.ts';
import { Refusal } from './refusals.ts';
import { searchPrefix, searchWords } from './search.ts';

/** Who changes something, and why. */
export interface Writer {
  readonly tenant: string;
  readonly issuer: string;
  readonly subject: string;
  readonly reason?: string;
  readonly retry?: Retry;
}

/** What makes a retry safe: the client's key and a hash of what it asks for. */
export interface Retry {
  readonly key: string;
  readonly requestHash: Buffer;
}

/** An answer that is kept for a retry. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A resource by its id or by its reference. */
export type Key = { readonly id: string } | { readonly reference: string };

/** Reads a key as it stands in a path or a body: an id, or `ref:` and a reference. Undefined when it is neither. */
export function readKey(text: string): Key | undefined {
  if (text.startsWith('ref:')) return { reference: text.slice(4) };
  return isUuid(text) ? { id: text.toLowerCase() } : undefined;
}

/** What a content names, as it stands now. */
export interface Target {
  readonly id: string;
  readonly version: number;
  readonly approvedVersion: number | null;
}

/** What a change must know before it is worked out. */
export interface Look {
  readonly actor: string;
  readonly settings: Settings;
  readonly working: Content | undefined;
  readonly approved: Content | undefined;
  /** The answer kept for this idempotency key, and whether it answered the same request. */
  readonly kept: { readonly same: boolean; readonly answer: Answer } | undefined;
  /** Targets by type and key as they were asked for; what does not exist is absent. */
  readonly targets: ReadonlyMap<string, Target>;
  readonly nameTaken: boolean;
}

export interface Wanted {
  readonly type: string;
  readonly key: string;
}

/** The name under which {@link Look.targets} keeps a wanted target. */
export const targetName = ({ type, key }: Wanted): string => `${type} ${key}`;

/** One look at everything, in one round trip. */
export async function look(
  pool: Pool,
  writer: Writer,
  subject: { type: string; key?: Key; name?: string },
  wanted: readonly Wanted[] = [],
): Promise<Look> {
  const distinct = [...new Map(wanted.map((target) => [targetName(target), target])).values()];
  const keys = distinct.map((target) => readKey(target.key) ?? { reference: '' });
  const [row] = await pool.query<LookRow>(
    'select * from prepare_change($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10::uuid[], $11::text[])',
    [
      writer.tenant,
      writer.issuer,
      writer.subject,
      writer.retry?.key ?? null,
      subject.type,
      subject.key !== undefined && 'id' in subject.key ? subject.key.id : null,
      subject.key !== undefined && 'reference' in subject.key ? subject.key.reference : null,
      subject.name ?? null,
      distinct.length === 0 ? null : distinct.map((target) => target.type),
      distinct.length === 0 ? null : keys.map((key) => ('id' in key ? key.id : null)),
      distinct.length === 0 ? null : keys.map((key) => ('reference' in key ? key.reference : null)),
    ],
    // At most it makes the row of somebody who never wrote before: no change of the register, and safe to repeat.
    { readOnly: true },
  );
  if (row === undefined) throw new Error('prepare_change answers with one row');
  const targets = new Map<string, Target>();
  for (const [number, id, version, approvedVersion] of JSON.parse(row.targets ?? '[]') as TargetRow[]) {
    const wantedTarget = distinct[number - 1]!;
    const target = { id, version, approvedVersion };
    // Under the key that was asked for, and under the id that takes its place in the content.
    targets.set(targetName(wantedTarget), target);
    targets.set(targetName({ type: wantedTarget.type, key: id }), target);
  }
  return {
    actor: row.actor,
    settings: row.settings === null ? defaultSettings : (JSON.parse(row.settings) as Settings),
    working: parsed(row.working),
    approved: row.approved === row.working ? parsed(row.working) : parsed(row.approved),
    kept:
      row.kept_hash === null || writer.retry === undefined
        ? undefined
        : {
            same: row.kept_hash.equals(writer.retry.requestHash),
            answer: { status: row.kept_status!, headers: JSON.parse(row.kept_headers!), body: row.kept_body! },
          },
    targets,
    nameTaken: row.name_taken ?? false,
  };
}

interface LookRow {
  actor: string;
  kept_hash: Buffer | null;
  kept_status: number | null;
  kept_headers: string | null;
  kept_body: string | null;
  settings: string | null;
  working: string | null;
  approved: string | null;
  targets: string | null;
  name_taken: boolean | null;
}
type TargetRow = [number: number, id: string, version: number, approvedVersion: number | null];

function parsed(text: string | null): Content | undefined {
  return text === null ? undefined : (JSON.parse(text) as Content);
}

/** One change of one resource, ready to be written. */
export interface Change {
  /** Undefined for what has no links and facets of its own, such as the settings. */
  readonly definition?: ResourceDefinition;
  readonly type: string;
  readonly id: string;
  readonly reference: string;
  readonly name: string;
  readonly version: number;
  readonly step: Step;
  /** The canonical text of the content (RFC 8785); null after a deletion. */
  readonly text: string | null;
}

/** The change that a step makes of a resource. `stored` is needed for a deletion, which leaves no content. */
export function changeOf(definition: ResourceDefinition, step: Step, stored?: Content): Change {
  const content = step.content ?? stored;
  if (content === undefined) throw new Error('A deletion needs the stored content.');
  return {
    definition,
    type: definition.type,
    id: content.id as string,
    reference: content.reference as string,
    name: (content.name ?? content.reference) as string,
    version: step.content === null ? (content.version as number) + 1 : (content.version as number),
    step,
    text: step.content === null ? null : canonicalize(step.content),
  };
}

/** Where the log stands after the change. */
export interface Appended {
  /** The sequence of the last of the changes. */
  readonly sequence: number;
  readonly recordedAt: string;
}

/**
 * Writes changes and their entries in one transaction: all or nothing.
 *
 * @param on the pool, or the session of a transaction that this is a part of
 * @throws Refusal when another writer was faster, when a reference is taken, when what is deleted is in use, when a
 * chain turns back on itself.
 */
export async function append(
  on: Pick<Pool | Session, 'query'>,
  writer: Writer,
  actor: string,
  changes: readonly Change[],
  answer?: Answer,
): Promise<Appended> {
  const columns = await pagedColumns(writer.tenant, changes, writer.reason);
  const retry = answer === undefined ? undefined : writer.retry;
  try {
    const rows = await on.query<{ sequence: number; recorded_at: string }>(appendStatement, [
      writer.tenant,
      actor,
      writer.reason ?? null,
      ...columns,
      retry?.key ?? null,
      retry?.requestHash ?? null,
      retry === undefined ? null : answer!.status,
      retry === undefined ? null : JSON.stringify(answer!.headers),
      retry === undefined ? null : answer!.body,
    ]);
    const last = rows.at(-1)!;
    return { sequence: last.sequence, recordedAt: last.recorded_at };
  } catch (error) {
    throw refusalOf(error, changes) ?? error;
  }
}

/** Bytes of one stored content: `ref:` keys grow when they become ids, and patches add up. */
export const contentLimit = 1024 * 1024;

/**
 * Keeps an answer for a blind retry where nothing of the register changes; part of the session's transaction.
 *
 * @throws Refusal when the key's first request is still carried out, or was meanwhile
 */
export async function keepAnswer(session: Session, writer: Writer, actor: string, answer: Answer): Promise<void> {
  const { tenant, retry } = writer;
  if (retry === undefined) return;
  try {
    await session.query('select keep_answer($1, $2, $3, $4, $5, $6, $7)', [
      ...[tenant, actor, retry.key, retry.requestHash],
      ...[answer.status, JSON.stringify(answer.headers), answer.body],
    ]);
  } catch (error) {
    throw refusalOf(error, []) ?? error;
  }
}

const appendStatement = `select * from append_changes($1, $2, $3,
  $4::text[], $5::uuid[], $6::text[], $7::text[], $8::integer[], $9::text[],
  $10::boolean[], $11::integer[], $12::text[], $13::boolean[],
  $14::timestamptz[], $15::timestamptz[], $16::text[], $17::date[],
  $18::text[], $19::bytea[], $20::bytea[], $21::text[],
  $22::integer[], $23::text[], $24::text[], $25::uuid[],
  $26::integer[], $27::text[], $28::text[],
  $29, $30, $31, $32, $33)`;

/** So many changes are made ready at a time, with other requests in between. */
const changesAtATime = 100;

async function pagedColumns(tenant: string, changes: readonly Change[], reason: string | undefined) {
  const pages = [columnsOf(tenant, changes.slice(0, changesAtATime), reason, 0)];
  for (let first = changesAtATime; first < changes.length; first += changesAtATime) {
    await setImmediate();
    pages.push(columnsOf(tenant, changes.slice(first, first + changesAtATime), reason, first));
  }
  return pages[0]!.map((_, column) => pages.flatMap((page) => page[column]!));
}

/**
 * The parallel arrays of `append_changes`, in its order.
 *
 * @param first how many changes stand before these
 */
function columnsOf(
  tenant: string,
  changes: readonly Change[],
  reason: string | undefined,
  first: number,
): Parameter[][] {
  const contents = changes.map((change) => change.step.content ?? {});
  const nonces = changes.map(() => randomFillSync(Buffer.alloc(NONCE_BYTES)));
  const hashes = changes.map((change, i) =>
    Buffer.from(contentHash(nonces[i]!, hashedText(change.text, reason)), 'hex'),
  );
  const links: [owner: number, field: string, type: string, id: string][] = [];
  const facets: [owner: number, facet: string, value: string][] = [];
  changes.forEach((change, i) => {
    if (change.definition === undefined || change.step.content === null) return;
    for (const link of linksOf(change.definition, change.step.content)) links.push([first + i + 1, ...link]);
    for (const facet of facetsOf(change.definition, change.step.content)) facets.push([first + i + 1, ...facet]);
  });
  return [
    changes.map((change) => change.type),
    changes.map((change) => change.id),
    changes.map((change) => change.reference),
    changes.map((change) => change.name),
    changes.map((change) => change.version),
    changes.map((change) => change.step.operation),
    changes.map((change) => change.step.approved),
    contents.map((content) => (content.approvedVersion as number | undefined) ?? null),
    contents.map((content) => (content.state as string | undefined) ?? 'approved'),
    contents.map((content) => (content.archived as boolean | undefined) ?? false),
    contents.map((content) => (content.createdAt as string | undefined) ?? null),
    contents.map((content) => (content.updatedAt as string | undefined) ?? null),
    changes.map((change, i) => searchedWords(tenant, change, contents[i]!)),
    contents.map((content) => endOf(content)),
    changes.map((change) => change.text),
    nonces,
    hashes,
    changes.map((change) => change.definition?.tree ?? null),
    links.map((link) => link[0]),
    links.map((link) => link[1]),
    links.map((link) => link[2]),
    links.map((link) => link[3]),
    facets.map((facet) => facet[0]),
    facets.map((facet) => facet[1]),
    facets.map((facet) => facet[2]),
  ];
}

/** The text that the content's hash covers: canonical JSON of `{content, reason}`. The content's text is canonical. */
function hashedText(text: string | null, reason: string | undefined): string {
  return `{"content":${text ?? 'null'}${reason === undefined ? '' : `,"reason":${canonicalize(reason)}`}}`;
}

/** The day on which a retired activity ended. */
function endOf(content: Content): string | null {
  if (content.state !== 'retired') return null;
  return ((content.retirement as Content | undefined)?.endedOn as string | undefined) ?? null;
}

function linksOf(definition: ResourceDefinition, content: Content): [field: string, type: string, id: string][] {
  const found = new Map<string, [string, string, string]>();
  for (const { field, type, key } of namedKeys(definition, content)) found.set(`${field} ${key}`, [field, type, key]);
  return [...found.values()];
}

function facetsOf(definition: ResourceDefinition, content: Content): [facet: string, value: string][] {
  return Object.entries(definition.facets ?? {}).flatMap(([facet, read]) => {
    const value = read(content);
    const values = value === undefined ? [] : typeof value === 'string' ? [value] : value;
    return [...new Set(values)].map((each): [string, string] => [facet, each]);
  });
}

/** The words that a resource is found by, each once, as the index of words has them. */
function searchedWords(tenant: string, change: Change, content: Content): string {
  const texts = [change.name, change.reference, content.description, ...(change.definition?.searched?.(content) ?? [])];
  const text = texts
    .filter((each) => typeof each === 'string')
    .join(' ')
    .slice(0, 20_000);
  const prefix = searchPrefix(tenant, change.type);
  return [...new Set(searchWords(text))].map((word) => `${prefix}${word}`).join(' ');
}

function refusalOf(error: unknown, changes: readonly Change[]): Refusal | undefined {
  if (!(error instanceof PostgresError)) return undefined;
  const constraint = error.constraint_name ?? '';
  switch (error.code) {
    case 'RP404':
      return new Refusal('not-found', 'It does not exist any more.');
    case 'RP412':
      return new Refusal('version-conflict', 'It was changed meanwhile.');
    case 'RP409':
      return new Refusal('idempotency-running', 'A request with this Idempotency-Key is still being carried out.');
    case 'RP422':
      return new Refusal('impossible', 'The chain turns back on itself.', [
        { pointer: `/${treeOf(changes)}`, code: 'cycle', message: 'Names a resource that leads back to this one.' },
      ]);
    case '23505':
      if (constraint.startsWith('resource_reference_key')) {
        return new Refusal('reference-taken', 'Another resource of this type has this reference.', [
          { pointer: '/reference', code: 'taken', message: 'Another resource of this type has this reference.' },
        ]);
      }
      if (constraint.startsWith('idempotency_pkey')) return new Refusal('idempotency-done', 'Carried out meanwhile.');
      if (constraint.startsWith('revision_version_key') || constraint.startsWith('resource_pkey')) {
        return new Refusal('version-conflict', 'It was changed meanwhile.');
      }
      return undefined;
    case '23503':
      if (constraint.startsWith('link_target_fkey')) {
        // Which side failed, the server says in words of its own language alone.
        return changes.some(({ step }) => step.operation === 'delete')
          ? new Refusal('in-use', 'Other resources name it, or the register named it once.')
          : new Refusal('impossible', 'Something that it names does not exist any more.');
      }
      return undefined;
    default:
      return undefined;
  }
}

/** The property whose chain turned back on itself. */
function treeOf(changes: readonly Change[]): string {
  return changes.find(({ definition }) => definition?.tree !== undefined)?.definition?.tree ?? '';
}

/** SHA-256 over the parts of a request that a retry repeats, each with its length. */
export function requestHash(parts: readonly string[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest();
}
