/**
 * Writers that remember what they were told. Each works through a story of changes of its own, never gives one up, and
 * says afterwards what must stand in the log and what must not.
 *
 * Every change carries a `Change-Reason` of its own, by which the log shows whether it was made. Half of the changes
 * carry an `Idempotency-Key`: of these an unknown outcome is answered by sending the same bytes again. Of the others the
 * writer looks whether the change was made, and sends it again, under another reason, when it was not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Broken, call, type Reply } from './running.ts';

type Json = Readonly<Record<string, unknown>>;

/** What must be true of the log: under this reason stand these many entries, or none. */
export interface Claim {
  readonly reason: string;
  readonly key?: string;
  readonly entries: number;
  /** `either` as long as the outcome is unknown. */
  readonly stored: 'yes' | 'no' | 'either';
  /** The resource after the change, where the writer was told; null after a deletion. */
  readonly content?: Json | null;
  readonly sequence?: number;
}

/** A change that a story asks for. */
interface Wish {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
  /** How many entries it makes. */
  readonly entries: number;
  /** Where to look whether it was made: then the version there is at least this one; 0 when nothing is there. */
  readonly look: { readonly path: string; readonly version: number };
  /** Others write there too, so that looking would not tell. */
  readonly shared?: boolean;
}

export interface WriterOptions {
  readonly name: string;
  readonly token: string;
  /** Building blocks of this tenant wait for approval. */
  readonly approvalRequired: boolean;
  /** Writes the settings of the tenant, too: one writer of each tenant. */
  readonly settings: boolean;
  /** Changes a purpose that the other writers of the tenant change at the same time. */
  readonly contends: boolean;
  readonly onAcknowledged?: () => void;
  readonly onAnswer?: (what: string) => void;
}

/** Makes what the stories of a tenant's writers name. */
export async function prepare(address: string, token: string, approvalRequired: boolean): Promise<void> {
  const must = async (method: string, path: string, body: Json, headers: Record<string, string> = {}) => {
    const reply = await call(address, token, path, { method, body, headers });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
  };
  await must('POST', '/v1/controllers', { reference: 'acme', name: 'Acme', country: 'FR', registerKept: true });
  await must('POST', '/v1/purposes', { reference: 'delivery', name: 'Delivery' });
  await must('POST', '/v1/purposes', { reference: 'contended', name: 'Contended' });
  const settings = { buildingBlockApproval: approvalRequired ? 'required' : 'automatic' };
  if (approvalRequired) await must('PATCH', '/v1/settings', settings, { 'if-match': '*' });
}

export class Writer {
  readonly claims: Claim[] = [];
  /** What happened that must never happen. */
  readonly surprises: string[] = [];
  /** Changes whose outcome the writer was not told, by what came of them. */
  readonly unknown = { made: 0, notMade: 0 };
  /** The newest acknowledged change that carried a key, for blind repetition. */
  repeatable: { wish: Wish; headers: Record<string, string>; reply: Reply } | undefined;
  readonly #options: WriterOptions;
  readonly #story: Generator<Wish, void, Json>;
  #pending: { wish: Wish; reason: string; key?: string; unsure: boolean } | undefined;
  #content: Json = {};
  #count = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#story = this.#changes();
  }

  /** What the log must show now. */
  get expected(): readonly Claim[] {
    const { wish, reason, key, unsure } = this.#pending ?? {};
    if (wish === undefined || reason === undefined) return this.claims;
    const open: Claim = { reason, entries: wish.entries, stored: unsure ? 'either' : 'no' };
    return [...this.claims, key === undefined ? open : { ...open, key }];
  }

  /** Writes as long as it is told to go on. What is then without an answer stays pending. */
  async work(address: string, goOn: () => boolean): Promise<void> {
    while (goOn()) if (!(await this.#attempt(address))) await sleep(25);
  }

  /** Tries what is pending until it is done. */
  async settle(address: string): Promise<void> {
    while (this.#pending !== undefined) if (!(await this.#attempt(address))) await sleep(25);
  }

  /** Sends the newest change with a key again, as a client does that lost the answer: nothing may come of it. */
  async repeat(address: string): Promise<void> {
    if (this.repeatable === undefined) return;
    const { wish, headers, reply } = this.repeatable;
    const again = await call(address, this.#options.token, wish.path, asked(wish, headers));
    if (again.status === reply.status && again.text === reply.text && again.headers['idempotency-replayed'] === 'true')
      return;
    this.surprises.push(`${headers['change-reason']} repeated: ${again.status} ${again.text.slice(0, 200)}`);
  }

  /** One step on; false when it did not succeed and is to be tried again. */
  async #attempt(address: string): Promise<boolean> {
    this.#pending ??= this.#next();
    const { wish, reason, key, unsure } = this.#pending;
    if (unsure && key === undefined) return this.#lookFor(address);
    const headers: Record<string, string> = { ...wish.headers, 'change-reason': reason };
    if (key !== undefined) headers['idempotency-key'] = key;
    let reply: Reply;
    try {
      reply = await call(address, this.#options.token, wish.path, asked(wish, headers));
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#options.onAnswer?.(error.sent ? 'no answer' : 'nobody there');
      if (error.sent) this.#pending.unsure = true;
      return false;
    }
    const problem = reply.status >= 400 ? String(reply.json?.type).split('/').at(-1) : undefined;
    this.#options.onAnswer?.(problem === undefined ? String(reply.status) : `${reply.status} ${problem}`);
    if (problem === 'outcome-unknown') {
      this.#pending.unsure = true;
      return false;
    }
    if (problem === 'unavailable') {
      if (key === undefined) this.#notMade();
      return false;
    }
    // Somebody who was cut off in the middle may not yet have let go of the key.
    if (problem === 'idempotency-running' && unsure) return false;
    if (problem !== undefined) throw new Error(`${reason} ${wish.method} ${wish.path}: ${reply.status} ${reply.text}`);

    const replayed = reply.headers['idempotency-replayed'] === 'true';
    if (replayed && !unsure) this.surprises.push(`${reason} had been made, though nobody could have`);
    if (unsure) this.unknown[replayed ? 'made' : 'notMade']++;
    const sequence = reply.headers['log-sequence'];
    if (!replayed && sequence === undefined) this.surprises.push(`${reason} was acknowledged without an entry`);
    if (key !== undefined) this.repeatable = { wish, headers, reply };
    this.#made(reply.text === '' ? null : reply.json, sequence === undefined ? undefined : Number(sequence));
    this.#options.onAcknowledged?.();
    return true;
  }

  async #lookFor(address: string): Promise<boolean> {
    const { wish } = this.#pending!;
    let reply: Reply;
    try {
      reply = await call(address, this.#options.token, wish.look.path);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      return false;
    }
    if (reply.status !== 200 && reply.status !== 404) return false;
    const version: number = reply.status === 404 ? 0 : reply.json.version;
    const gone = wish.look.version === 0;
    const made = gone ? version === 0 : version >= wish.look.version;
    this.unknown[made ? 'made' : 'notMade']++;
    if (made) this.#made(gone ? null : reply.json);
    else this.#notMade();
    return made;
  }

  #made(content: Json | null, sequence?: number): void {
    const { wish, reason, key } = this.#pending!;
    this.claims.push({
      ...{ reason, entries: wish.entries, stored: 'yes', content },
      ...(key === undefined ? {} : { key }),
      ...(sequence === undefined ? {} : { sequence }),
    });
    this.#content = content ?? {};
    this.#pending = undefined;
  }

  /** The next attempt goes under another reason, so that the log shows which of them was made. */
  #notMade(): void {
    const { wish, reason } = this.#pending!;
    this.claims.push({ reason, entries: wish.entries, stored: 'no' });
    this.#pending = { wish, reason: this.#newReason(), unsure: false };
  }

  #newReason(): string {
    return `${this.#options.name}/${++this.#count}`;
  }

  #next() {
    const { value: wish } = this.#story.next(this.#content);
    if (wish === undefined) throw new Error('A story has no end');
    const reason = this.#newReason();
    const keyed = wish.shared === true || this.#count % 2 === 0;
    return { wish, reason, unsure: false, ...(keyed ? { key: `key-${reason}` } : {}) };
  }

  *#changes(): Generator<Wish, void, Json> {
    const { name, approvalRequired, settings, contends } = this.#options;
    let settingsVersion = approvalRequired ? 1 : 0;
    for (let n = 1; ; n++) {
      const reference = `${name}-${n}`;
      const recipient = { reference, name: `Recipient ${reference}`, role: 'processor', country: 'IE' };
      let processor = yield create('recipients', recipient);
      processor = yield replace('recipients', processor, {
        ...{ ...recipient, processingCountries: ['IE', 'US'], controllerId: 'ref:acme' },
      });
      const sub = yield create('recipients', {
        ...{ reference: `${reference}-sub`, name: `Sub ${reference}`, role: 'subprocessor', engagedById: processor.id },
      });
      let activity = yield create('processing-activities', {
        ...{ reference, name: `Activity ${reference}`, controllerId: 'ref:acme' },
        ...{ purposes: [{ purposeId: 'ref:delivery' }], recipients: [{ recipientId: sub.id }] },
      });
      activity = yield patch('processing-activities', activity, {
        ...{ description: 'First.', recipients: [{ recipientId: sub.id }, { recipientId: processor.id }] },
      });
      // With it go what it names, and what that names, where they wait for approval.
      activity = yield step('processing-activities', activity, 'approve', approvalRequired ? 3 : 1, {
        includeReferenced: true,
      });
      activity = yield patch('processing-activities', activity, { description: 'Second.', department: 'Post' });
      const spare = yield create('recipients', { ...recipient, reference: `${reference}-gone` });
      yield remove('recipients', spare);
      const draft = yield create('processing-activities', { reference: `${reference}-gone`, name: 'Draft' });
      if (contends)
        yield {
          ...{ method: 'PATCH', path: '/v1/purposes/ref:contended?allowMissing=true', entries: 1, shared: true },
          ...{ body: { notes: reference }, look: { path: '/v1/purposes/ref:contended', version: 1 } },
        };
      yield remove('processing-activities', draft);
      if (n % 3 === 0) {
        activity = yield step('processing-activities', activity, 'approve', 1, { includeReferenced: true });
        yield step('processing-activities', activity, 'retire', 1, { endedOn: new Date().toISOString().slice(0, 10) });
      }
      if (settings) {
        const body = {
          ...{ reviewInterval: n % 2 === 0 ? 'P1Y' : 'P6M' },
          ...{ buildingBlockApproval: approvalRequired ? 'required' : 'automatic' },
        };
        yield {
          ...{
            method: 'PATCH',
            path: '/v1/settings',
            body,
            headers: { 'if-match': `"${settingsVersion}"` },
            entries: 1,
          },
          look: { path: '/v1/settings', version: settingsVersion + 1 },
        };
        settingsVersion++;
      }
    }
  }
}

function asked({ method, body }: Wish, headers: Record<string, string>) {
  return { method, headers, ...(body === undefined ? {} : { body }) };
}

function create(collection: string, body: Json): Wish {
  const path = `/v1/${collection}`;
  return { method: 'POST', path, body, entries: 1, look: { path: `${path}/ref:${body.reference}`, version: 1 } };
}

/** What changes a resource that the writer knows, and nobody else changes. */
function onto(collection: string, stored: Json): Pick<Wish, 'path' | 'headers' | 'look' | 'entries'> {
  const path = `/v1/${collection}/${stored.id}`;
  const version = Number(stored.version);
  return { path, headers: { 'if-match': `"${version}"` }, look: { path, version: version + 1 }, entries: 1 };
}

function replace(collection: string, stored: Json, body: Json): Wish {
  return { ...onto(collection, stored), method: 'PUT', body };
}

function patch(collection: string, stored: Json, body: Json): Wish {
  return { ...onto(collection, stored), method: 'PATCH', body };
}

function step(collection: string, stored: Json, verb: string, entries: number, body: Json): Wish {
  const wish = onto(collection, stored);
  return { ...wish, method: 'POST', path: `${wish.path}/${verb}`, body, entries };
}

function remove(collection: string, stored: Json): Wish {
  const wish = onto(collection, stored);
  return { ...wish, method: 'DELETE', look: { path: wish.path, version: 0 } };
}
