/**
 * Reads the lines that the Linux guests write: boot stages (`@@INIT`, `@@READY` …), and for each benchmark
 * `@@START name`, `BENCH name seconds rounds checksum verdict`, `@@END name`.
 */
import type { Measurement, SerialReader } from './types.ts';

const LINE_LIMIT = 4096;
const STAGES = ['GRUB', 'KERNEL', 'INIT', 'READY', 'LOGIN', 'DONE'];
// Colours and cursor movements that boot loaders and shells write between the words.
const ESCAPE_SEQUENCE = /\u001b\[[0-9;?]*[A-Za-z]/g;

interface Benchmark {
  start?: number;
  milliseconds?: number;
  checksum?: string;
  unstable?: boolean;
  wrong?: boolean;
}

export interface MarkerOptions {
  /** The marker that ends the run, `READY` for instance. */
  readonly until: string;
  /** Whose seconds count for a benchmark: the host's between its markers (the default), or those the guest reports. */
  readonly clock?: 'host' | 'guest';
  /** Whether stages of the boot are figures too; default true. */
  readonly stages?: boolean;
  /** Checksums by benchmark. A benchmark that is named here must have run. */
  readonly expected?: ReadonlyMap<string, string>;
}

export class MarkerReader implements SerialReader {
  complete = false;
  readonly #options: MarkerOptions;
  readonly #stages = new Map<string, number>();
  readonly #benchmarks = new Map<string, Benchmark>();
  #line = '';
  #last = '';

  constructor(options: MarkerOptions) {
    this.#options = options;
  }

  get position(): string {
    return this.#last === '' ? 'the guest had sent no line' : `the guest's last line was: ${this.#last}`;
  }

  byte(value: number, at: number): void {
    if (value === 10) {
      const line = this.#line.replace(ESCAPE_SEQUENCE, '').trim();
      this.#line = '';
      if (line !== '') this.#read(line, at);
    } else if (value !== 13 && this.#line.length < LINE_LIMIT) this.#line += String.fromCharCode(value);
  }

  #read(line: string, at: number): void {
    this.#last = line.slice(0, 160);
    const stage = /@@([A-Z]+)\b/.exec(line)?.[1];
    if (stage !== undefined && STAGES.includes(stage)) this.#stage(stage.toLowerCase(), at);
    if (line.includes('Linux version ')) this.#stage('linux', at);
    if (stage === this.#options.until) this.complete = true;
    const name = /@@(?:START|END) (\S+)/.exec(line)?.[1];
    if (name !== undefined && stage === 'START') this.#benchmark(name).start = at;
    if (name !== undefined && stage === 'END' && this.#options.clock !== 'guest') {
      const benchmark = this.#benchmark(name);
      if (benchmark.start !== undefined) benchmark.milliseconds = at - benchmark.start;
    }
    const figures = /\bBENCH (\S+) ([\d.]+) \d+ ([0-9a-f]{8})(.*)$/.exec(line);
    if (figures) this.#figures(figures[1]!, Number(figures[2]), figures[3]!, figures[4]!);
  }

  #figures(name: string, seconds: number, checksum: string, verdict: string): void {
    const benchmark = this.#benchmark(name);
    benchmark.checksum = checksum;
    if (this.#options.clock === 'guest') benchmark.milliseconds = seconds * 1000;
    // The guest compares rounds with each other, and with what the same program computed on a real processor.
    benchmark.unstable = verdict.includes('UNSTABLE');
    const expected = this.#options.expected?.get(name);
    benchmark.wrong = verdict.includes('BAD') || (expected !== undefined && expected !== checksum);
  }

  /** The first time counts: a shell may echo a marker later. */
  #stage(name: string, at: number): void {
    if (!this.#stages.has(name)) this.#stages.set(name, at);
  }

  #benchmark(name: string): Benchmark {
    const known = this.#benchmarks.get(name);
    if (known) return known;
    const benchmark: Benchmark = {};
    this.#benchmarks.set(name, benchmark);
    return benchmark;
  }

  /** @throws Error when a benchmark that was expected has no figures */
  measurements(): Measurement[] {
    const stages = [...this.#stages].map(([item, milliseconds]) => ({ item, milliseconds, group: 'boot' }));
    const missing = [...(this.#options.expected?.keys() ?? [])].filter(
      (name) => this.#benchmarks.get(name)?.milliseconds === undefined || !this.#benchmarks.get(name)?.checksum,
    );
    if (missing.length > 0) throw new Error(`no figures of ${missing.join(', ')}; ${this.position}`);
    const benchmarks = [...this.#benchmarks].flatMap(
      ([item, { milliseconds, checksum, unstable, wrong }]): Measurement[] =>
        milliseconds === undefined
          ? []
          : [
              {
                item,
                group: item.split('-')[0]!,
                milliseconds,
                ...(checksum === undefined ? {} : { checksum }),
                ...(unstable === true ? { unstable } : {}),
                ...(wrong === true ? { wrong } : {}),
              },
            ],
    );
    return [...(this.#options.stages === false ? [] : stages), ...benchmarks];
  }
}
