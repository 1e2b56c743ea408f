/** The two kinds of interrupt wire. They are different types because wiring one as the other is a bug worth catching. */

/** An edge-sensitive input: the receiver latches a request at each low-to-high transition. */
export interface EdgeLine {
  /** Drives the wire. Repeating the present level does nothing. */
  set(high: boolean): void;
}

/** One driver of a level-sensitive line. */
export interface LevelSource {
  /** Asserts or releases this driver's share of the line. */
  set(asserted: boolean): void;
}

/** A level-sensitive line: a wired-OR over all its sources (PCI INTx#, SCI). */
export class LevelLine {
  #asserted = 0;
  readonly #drive: (asserted: boolean) => void;

  /** @param drive called with the new level whenever the OR of all sources changes */
  constructor(drive: (asserted: boolean) => void) {
    this.#drive = drive;
  }

  get asserted(): boolean {
    return this.#asserted > 0;
  }

  /** Adds a driver, released at first. */
  source(): LevelSource {
    let mine = false;
    return {
      set: (asserted) => {
        if (asserted === mine) return;
        mine = asserted;
        this.#asserted += asserted ? 1 : -1;
        if (this.#asserted === (asserted ? 1 : 0)) this.#drive(asserted);
      },
    };
  }
}
