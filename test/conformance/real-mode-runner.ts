/** Runs files of schema `x86case-real-1`: single instructions in real mode, up to and including the HLT behind them. */
import { REGION } from '../../cpu/layout.ts';
import { createProcessor, type X86Processor, type RegisterState, StopReason } from '../../cpu/index.ts';
import { approach, compilesFirst } from './compiled.ts';
import { silentBus } from './hardware-runner.ts';
import { bytesOf, compareMemory, hexOf, type Outcome, type Suite } from './suite.ts';
import { jit } from '../lock-step/configurations.ts';

interface RealModeHeader {
  readonly source?: string;
  /** Names of the registers in the order of the array `i` of each case. */
  readonly regs: readonly string[];
}

interface RealModeCase {
  readonly f: string;
  readonly b: string;
  readonly i: readonly number[];
  readonly m?: readonly (readonly [number, string])[];
  readonly o?: Readonly<Record<string, number>>;
  readonly w?: readonly (readonly [number, string])[];
  /** Undefined flags. */
  readonly u?: number;
  /** Interrupt or exception taken, and linear address of the flags it pushed. */
  readonly x?: number;
  readonly xf?: number;
}

const RAM_BYTES = 16 << 20;
/** Highest address real mode reaches, rounded up to a page: FFFF:FFFF. */
const REACH = 0x110000;
const PAGE = 4096;
/** FLAGS of an 80286 in real mode. */
const FLAGS = 0x0fd7;
/** Instructions after which a case is taken to hang. */
const LIMIT = 1_000_000;
const GPRS = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'] as const;
const SEGMENTS = ['es', 'cs', 'ss', 'ds'] as const;
/** Every segment is writable data in real mode, CS too. */
const ATTRIBUTES = 0x93;

export class RealModeRunner {
  readonly #names: readonly string[];
  readonly #processor: X86Processor;
  readonly #expected = new Uint8Array(REACH);
  readonly #blank = new Uint8Array(PAGE);

  constructor(header: RealModeHeader) {
    this.#names = header.regs;
    // Ports of the machine the answers come from read all ones.
    this.#processor = createProcessor(
      { ramBytes: RAM_BYTES, videoBytes: 0, romBytes: 0, jit },
      { ...silentBus, readPort: (_, size) => (size === 4 ? 0xffffffff : (1 << (8 * size)) - 1) },
    );
    this.#processor.mapPages(0, RAM_BYTES / PAGE, { read: REGION.GUEST, write: REGION.GUEST });
  }

  run(test: RealModeCase): string[] {
    const processor = this.#processor;
    const initial: Record<string, number> = Object.fromEntries(this.#names.map((name, n) => [name, test.i[n]!]));
    const put = (at: number, bytes: Uint8Array): void => {
      processor.writePhysical(at, bytes);
      this.#expected.set(bytes, at);
    };
    for (const [at, hex] of test.m ?? []) put(at, bytesOf(hex));
    processor.setRegisters(this.#registers(initial));
    const { cs, eip } = processor.registers();
    if (compilesFirst(jit)) approach(processor, cs.base + eip, REACH / PAGE);
    const reason = processor.run(LIMIT);
    const differences = reason === StopReason.Halted ? this.#compare(test, initial) : [`did not halt: ${reason}`];
    this.#restore(test, differences.length > 0);
    return differences;
  }

  #registers(initial: Readonly<Record<string, number>>): Partial<RegisterState> {
    const segment = (name: string) => {
      const selector = initial[name] ?? 0;
      return { selector, base: selector * 16, limit: 0xffff, attributes: ATTRIBUTES };
    };
    const changes: Record<string, unknown> = { cr0: 0, cpl: 0, eip: initial['ip'], eflags: initial['flags']! | 2 };
    for (const name of GPRS) changes[`e${name}`] = initial[name];
    for (const name of [...SEGMENTS, 'fs', 'gs']) changes[name] = segment(name);
    changes['idtr'] = { base: 0, limit: 0x3ff };
    return changes as Partial<RegisterState>;
  }

  #compare(test: RealModeCase, initial: Readonly<Record<string, number>>): string[] {
    const registers = this.#processor.registers();
    const differences: string[] = [];
    const final = { ...initial, ...test.o };
    const compare = (name: string, actual: number, mask = -1): void => {
      const expected = final[name]!;
      if (((actual ^ expected) & mask) !== 0) differences.push(`${name} ${hexOf(actual)}, expected ${hexOf(expected)}`);
    };
    for (const name of GPRS) compare(name, registers[`e${name}`]);
    for (const name of SEGMENTS) compare(name, registers[name].selector);
    compare('ip', registers.eip, 0xffff);
    compare('flags', registers.eflags, FLAGS & ~(test.u ?? 0));
    for (const [at, hex] of test.w ?? []) this.#expected.set(bytesOf(hex), at);
    const masks = new Map<number, number>();
    if (test.xf !== undefined) {
      const mask = FLAGS & ~(test.u ?? 0);
      masks.set(test.xf, mask & 0xff).set(test.xf + 1, mask >> 8);
    }
    const actual = this.#processor.ram.subarray(0, REACH);
    return [...differences, ...compareMemory(actual, this.#expected, masks, [0, 0])];
  }

  /** Memory is empty again for the next case. What a correct case changes is named in it. */
  #restore(test: RealModeCase, failed: boolean): void {
    for (const [at, hex] of [...(test.m ?? []), ...(test.w ?? [])]) {
      this.#expected.fill(0, at, at + hex.length / 2);
      this.#processor.writePhysical(at, new Uint8Array(hex.length / 2));
    }
    if (!failed) return;
    const { ram } = this.#processor;
    for (let at = 0; at < RAM_BYTES; at += PAGE)
      if (Buffer.compare(ram.subarray(at, at + PAGE), this.#blank)) this.#processor.writePhysical(at, this.#blank);
  }
}

export function realModeSuite(lines: readonly string[]): Suite {
  const header = JSON.parse(lines[0]!) as RealModeHeader;
  const runner = new RealModeRunner(header);
  const parse = (n: number): RealModeCase => JSON.parse(lines[n + 1]!) as RealModeCase;
  return {
    source: header.source ?? 'not stated',
    group: 'realmode',
    length: lines.length - 1,
    form: (n) => parse(n).f,
    run(n): Outcome {
      const test = parse(n);
      const initial = header.regs.map((name, i) => `${name}=${hexOf(test.i[i]!)}`).join(' ');
      return { form: test.f, description: `${test.b} ${initial}`, differences: runner.run(test) };
    },
  };
}
