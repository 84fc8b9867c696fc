import { setImmediate } from 'node:timers/promises';

/** So many milliseconds are worked in a row. */
const turn = 15;

/** Long work in turns, so that others are served in between. */
export class Turns {
  #began = performance.now();

  /** Call it between pieces of the work: gives way when the turn is over. */
  async next(): Promise<void> {
    if (performance.now() - this.#began < turn) return;
    await setImmediate();
    this.#began = performance.now();
  }
}
