/** Reads the protocol of the bare images: see kernels/frame.inc. */
import { steady, steadyMean } from './statistics.ts';
import type { Measurement, SerialReader, SuiteSettings } from './types.ts';

const CHECKSUM = /^[a-p]{8}$/;
/**
 * Milliseconds. An emulator in another process is heard through a pipe; on a busy host both bytes of a repetition may be read
 * at once, and nothing is known of the time between them. No image works for so short a time.
 */
const READ_AT_ONCE = 0.05;

interface Repetition {
  readonly milliseconds: number;
  readonly checksum: string;
}

export class KernelReader implements SerialReader {
  complete = false;
  readonly #items: readonly string[];
  readonly #repetitions: number;
  readonly #clock: SuiteSettings['clock'];
  readonly #runs: Repetition[] = [];
  #started = 0;
  #milliseconds = 0;
  #line = '';

  /**
   * @param items names of the image's entries, in order; each runs `repetitions` times
   * @param clock what the times given to `byte` are made of
   */
  constructor(items: readonly string[], repetitions: number, clock: SuiteSettings['clock'] = 'host') {
    this.#items = items;
    this.#repetitions = repetitions;
    this.#clock = clock;
  }

  get position(): string {
    return `${this.#runs.length} of ${this.#items.length * this.#repetitions} repetitions were complete`;
  }

  byte(value: number, at: number): void {
    const character = String.fromCharCode(value);
    if (character === 'S') {
      this.#started = at;
      this.#line = '';
    } else if (character === 'E') this.#milliseconds = at - this.#started;
    else if (character === 'Q') this.complete = true;
    else if (character === '\n') this.#endOfLine();
    // Firmware may talk on the same line before the image runs.
    else this.#line = (this.#line + character).slice(-80);
  }

  #endOfLine(): void {
    if (CHECKSUM.test(this.#line)) this.#runs.push({ milliseconds: this.#milliseconds, checksum: this.#line });
    this.#line = '';
  }

  /** @throws Error when the image did not run all its entries */
  measurements(): Measurement[] {
    const expected = this.#items.length * this.#repetitions;
    if (this.#runs.length !== expected)
      throw new Error(`the image reported ${this.#runs.length} repetitions, not ${expected}`);
    return this.#items.map((item, i) => {
      const runs = this.#runs.slice(i * this.#repetitions, (i + 1) * this.#repetitions);
      const repetitions = runs.map(({ milliseconds }) => milliseconds);
      // The first repetition stays the first, since it is not like the others.
      const timed = repetitions.filter((milliseconds, k) => k === 0 || milliseconds > READ_AT_ONCE);
      if (this.#clock === 'host' && !(timed.at(-1)! > READ_AT_ONCE))
        throw new Error(`${item}: the host was too busy to time any repetition`);
      const checksum = runs[0]!.checksum;
      return {
        item,
        milliseconds: this.#clock === 'host' ? steady(timed) : steadyMean(repetitions),
        repetitions,
        checksum,
        ...(runs.some((run) => run.checksum !== checksum) ? { unstable: true } : {}),
      };
    });
  }
}
