/** How many instructions one run of the processor is asked for, so that it takes about as long as it should. */

/** Host milliseconds that a run should take, and the instructions that may be asked for. */
const RUN_MS = 2;
const MIN_BUDGET = 2_000;
const MAX_BUDGET = 4_000_000;

export class RunBudget {
  #instructions = MIN_BUDGET;

  get instructions(): number {
    return this.#instructions;
  }

  reset(): void {
    this.#instructions = MIN_BUDGET;
  }

  /** A run used up its budget; the next one is chosen by how long it took. */
  ran(instructions: number, milliseconds: number): void {
    if (instructions < this.#instructions) return;
    const factor = Math.min(Math.max(RUN_MS / Math.max(milliseconds, 0.01), 0.5), 2);
    this.#instructions = Math.min(Math.max(Math.round(this.#instructions * factor), MIN_BUDGET), MAX_BUDGET);
  }
}
