/** Read the serial line of guests that are watched over a time instead of timed. */

const PROMPT = /[~/] # $/;
const LINE_LIMIT = 4096;

/** Tells when a shell on COM1 has shown its prompt. */
export class PromptReader {
  complete = false;
  #line = '';

  byte(value: number): void {
    if (value === 10) this.#line = '';
    else if (value !== 13 && this.#line.length < LINE_LIMIT) this.#line += String.fromCharCode(value);
    if (PROMPT.test(this.#line)) this.complete = true;
  }

  get position(): string {
    return this.#line === '' ? 'the guest showed no prompt' : `no prompt; the line was: ${this.#line.slice(-160)}`;
  }
}

/** Follows repeated runs of `linux-bench`: each ends with a line `@@LOOP`. */
export class LoopReader {
  /** Checksums in the present loop that the guest or the list of expected ones calls wrong. */
  wrong = 0;
  /** Benchmarks in the present loop that gave figures. */
  results = 0;
  readonly #expected: ReadonlyMap<string, string>;
  readonly #ended: () => void;
  #line = '';
  #last = '';

  constructor(expected: ReadonlyMap<string, string>, loopEnded: () => void) {
    this.#expected = expected;
    this.#ended = loopEnded;
  }

  byte(value: number): void {
    if (value === 10) {
      const line = this.#line.trim();
      this.#line = '';
      if (line !== '') this.#read(line);
    } else if (this.#line.length < LINE_LIMIT) this.#line += String.fromCharCode(value);
  }

  #read(line: string): void {
    this.#last = line;
    const figures = /\bBENCH (\S+) [\d.]+ \d+ ([0-9a-f]{8})(.*)$/.exec(line);
    if (figures) {
      this.results++;
      const known = this.#expected.get(figures[1]!);
      if ((known !== undefined && known !== figures[2]) || /BAD|UNSTABLE/.test(figures[3]!)) this.wrong++;
    }
    // The line that starts the shell's loop may be echoed; only a line of its own counts.
    if (line !== '@@LOOP') return;
    this.#ended();
    this.wrong = 0;
    this.results = 0;
  }

  get position(): string {
    return this.#last === '' ? 'the guest had sent no line' : `the guest's last line was: ${this.#last.slice(0, 160)}`;
  }
}
