/** Why the register refuses a change. The HTTP side gives each its status; another caller may handle it by its code. */

export interface Flaw {
  /** JSON pointer into the body, RFC 6901. */
  pointer: string;
  code: string;
  message: string;
}

export type RefusalCode =
  | 'not-found'
  | 'version-conflict'
  | 'reference-taken'
  | 'in-use'
  | 'state-conflict'
  | 'outdated'
  | 'idempotency-running'
  | 'idempotency-done'
  | 'impossible';

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly flaws: readonly Flaw[];
  constructor(code: RefusalCode, message: string, flaws: readonly Flaw[] = []) {
    super(message);
    this.code = code;
    this.flaws = flaws;
  }
}
