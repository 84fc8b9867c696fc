/** Where a register is read from: what the log gives at one sequence. */

/** Which register: of which role, of one controller or of all that are kept here, and what counts as content. */
export interface RegisterScope {
  /** `controller`: the record of Art. 30(1), with the notices of the controllers; `processor`: that of Art. 30(2), without. */
  readonly role: 'controller' | 'processor';
  /**
   * Id of the one controller, or with the role `processor` of the one processor. Absent: all whose register of this role is
   * kept here; a processor's is kept of those who say that they act as processor, or whom an entry names as processor.
   */
  readonly controllerId?: string;
  /** `approved`: what somebody approved; `drafts`: the newest content of everything, approved or not. */
  readonly include: 'approved' | 'drafts';
}

/** The roles of which there are registers. */
export const registerRoles = ['controller', 'processor'] as const satisfies RegisterScope['role'][];

/** The state of the log that a register shows. */
export interface RegisterMoment {
  /** Id of the tenant. */
  readonly tenant: string;
  /** Entries of the log up to this one count. */
  readonly sequence: number;
  /** When that entry was recorded, RFC 3339 in UTC with three decimals. */
  readonly recordedAt: string;
  /** Root of the tree over these entries, RFC 6962, in lower-case hex. */
  readonly rootHash: string;
}

/** What stands in the register: contents of the controllers, and where to find the rest. */
export interface Selection {
  /** Canonical contents of the controllers in scope, by reference. */
  readonly controllers: readonly string[];
  /** Sequences of the entries' contents, by reference. */
  readonly entries: readonly number[];
  /** Sequences of the blocks' contents, by type and id. */
  readonly blocks: readonly {
    readonly type: string;
    readonly ids: readonly string[];
    readonly sequences: readonly number[];
  }[];
}

export interface Block {
  readonly id: string;
  /** Canonical JSON text. */
  readonly content: string;
}

/** Reads at one moment, within one snapshot of the database. */
export interface RegisterSource {
  select(scope: RegisterScope): Promise<Selection>;
  /** One entry with all blocks that it reaches, controllers among them; undefined when the register does not have it. */
  selectEntry(id: string, include: RegisterScope['include']): Promise<Selection | undefined>;
  /** Contents of the blocks, page by page; types in order, ids in order within a type. */
  blocks(selection: Selection): AsyncIterable<{ type: string; blocks: Block[] }>;
  /** Canonical contents of the entries in their order, page by page. */
  entries(selection: Selection): AsyncIterable<string[]>;
}
