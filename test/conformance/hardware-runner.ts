/**
 * Runs cases captured on a real processor on the whole processor: state is loaded, the code runs until the HLT behind it (or an
 * exception) has led to a handler in ring 0, and everything the case describes is compared.
 */
import { createProcessor } from '../../cpu/index.ts';
import { STATE } from '../../cpu/layout.ts';
import { type ProcessorBus, StopReason } from '../../cpu/processor.ts';
import { accessedCache, setSegment, writeNullSegment } from '../../cpu/segmentation/segment.ts';
import { parseDescriptor } from '../../cpu/segmentation/descriptor.ts';
import { approach, compilesFirst } from './compiled.ts';
import { adjusted } from './differences.ts';
import { bytesOf, compareMemory, type Outcome, type Suite } from './suite.ts';
import type { Case, Header, RegisterValue } from './vectors.ts';
import { jit as defaultJit, type JitConfiguration } from '../lock-step/configurations.ts';

const PAGE = 4096;
const GPRS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
/** In the order of the state page. */
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const HANDLERS = 0x2000;
const RF = 0x10000;
/** Instructions after which a case is taken to hang. */
const LIMIT = 2_000_000;
const HAS_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);
/** Groups whose cases leave the FPU alone. */
const INTEGER_GROUPS = new Set(['int', 'p16']);

/** A board without devices. */
export const silentBus: ProcessorBus = {
  readPort: () => 0xff,
  writePort: () => {},
  readMemory: () => 0xff,
  writeMemory: () => {},
  acknowledgeInterrupt: () => 0,
  timeStamp: () => 0,
  log: () => {},
  setFerr: () => {},
};

export interface RunnerOptions {
  /** CPUID features besides those of the default processor. */
  readonly features?: Readonly<Record<string, boolean>>;
  /**
   * `blocks` (default) runs as machines do; `stops` returns from the processor as often as it can; `steps` executes each
   * instruction alone, as under a breakpoint.
   */
  readonly mode?: 'blocks' | 'stops' | 'steps';
  /** Default: that of the environment. If it compiles from the first execution on, cases are compiled before they run. */
  readonly jit?: JitConfiguration;
}

export class HardwareRunner {
  readonly processor;
  readonly #header: Header;
  /** Memory as the header describes it, and as a case expects it. */
  readonly #image: Uint8Array;
  readonly #expected: Uint8Array;
  readonly #dirty: Uint8Array;
  readonly #budget: number;
  /** Where frames of handlers end. */
  readonly #ring0Stack: number;
  readonly #compiles: boolean;
  /** Cases that compiled code was made of. */
  compiled = 0;

  constructor(header: Header, { features = {}, mode = 'blocks', jit = defaultJit }: RunnerOptions = {}) {
    this.#header = header;
    this.processor = createProcessor(
      { ramBytes: header.memsize, videoBytes: 0, romBytes: 0, jit, cpuid: { features } },
      silentBus,
    );
    const { processor } = this;
    this.#compiles = mode === 'blocks' && compilesFirst(jit);
    this.#budget = mode === 'stops' ? 1 : LIMIT;
    // A code breakpoint that is never reached.
    if (mode === 'steps') processor.setRegisters({ dr: [header.memsize, 0, 0, 0, 0, 0, 0xffff0ff0, 0x401] });
    processor.mapPages(0, header.memsize / PAGE, { read: processor.ram.byteOffset, write: processor.ram.byteOffset });
    this.#image = new Uint8Array(header.memsize).fill(header.fill);
    for (const [at, hex] of header.mem) this.#image.set(bytesOf(hex), at);
    this.#expected = this.#image.slice();
    this.#dirty = new Uint8Array(header.memsize / PAGE);
    processor.writePhysical(0, this.#image);
    // ESP0 of the TSS that the GDT describes.
    const image = new DataView(this.#image.buffer);
    const descriptor = header.gdtr[0] + (header.tr & 0xfff8);
    const tss = parseDescriptor(
      header.tr,
      descriptor,
      image.getUint32(descriptor, true),
      image.getUint32(descriptor + 4, true),
    );
    this.#ring0Stack = image.getUint32(tss.base + 4, true);
  }

  /** Entry of the list of differences that changed what the last case was expected to do. */
  listed: string | undefined;

  /** What differs from the capture, empty if nothing does. */
  run(captured: Case): string[] {
    const { processor } = this;
    const initial = { ...this.#header.default, ...captured.i };
    this.#loadMemory(captured);
    const situation = { group: this.#header.group, test: captured, initial, memory: this.#expected };
    const { test, listed } = adjusted(situation);
    this.listed = listed;
    this.#loadRegisters(initial);
    if (this.#compiles && approach(processor, this.#header.code, this.#dirty.length)) this.compiled++;
    let reason: StopReason = StopReason.Budget;
    for (let left = LIMIT; reason === StopReason.Budget && left > 0; left -= this.#budget)
      reason = processor.run(this.#budget);
    if (reason !== StopReason.Halted) {
      const at = processor.registers();
      processor.reset();
      return [
        `did not reach a handler: stop reason ${reason}, CS:EIP ${at.cs.selector.toString(16)}:${at.eip.toString(16)}`,
      ];
    }
    return this.#compare(test, initial);
  }

  #loadMemory(test: Case): void {
    const { processor } = this;
    processor.takeDirty(processor.ram.byteOffset, this.#dirty.length, this.#dirty);
    this.#dirty.forEach((dirty, page) => {
      if (!dirty) return;
      const part = this.#image.subarray(page * PAGE, (page + 1) * PAGE);
      processor.writePhysical(page * PAGE, part);
      this.#expected.set(part, page * PAGE);
    });
    const put = (at: number, bytes: Uint8Array): void => {
      processor.writePhysical(at, bytes);
      this.#expected.set(bytes, at);
    };
    for (const [at, hex] of test.m ?? []) put(at, bytesOf(hex));
    put(this.#header.code, bytesOf(test.b));
  }

  #loadRegisters(initial: Readonly<Record<string, RegisterValue>>): void {
    const { processor } = this;
    const header = this.#header;
    const { state, ram } = processor;
    const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    const number = (name: string): number => initial[name] as number;
    const find = (selector: number) => {
      const table = selector & 4 ? state.getU(STATE.LDTR_BASE) : header.gdtr[0];
      const at = table + (selector & 0xfff8);
      return parseDescriptor(selector, at, view.getUint32(at, true), view.getUint32(at + 4, true));
    };
    const system = (selector: number) => {
      const { base, limit, attributes } = find(selector);
      return { selector, base, limit, attributes };
    };
    processor.setRegisters({
      cr0: header.cr0,
      cr4: header.cr4,
      cr3: 0,
      gdtr: { base: header.gdtr[0], limit: header.gdtr[1] },
      idtr: { base: header.idtr[0], limit: header.idtr[1] },
      ldtr: system(header.ldtr),
      tr: system(header.tr),
      cpl: number('cs') & 3,
    });
    SEGMENTS.forEach((name, n) => {
      const selector = number(name);
      if ((selector & 0xfffc) === 0) writeNullSegment(processor, n, selector);
      else setSegment(processor, n, selector, accessedCache(find(selector)));
    });
    GPRS.forEach((name, n) => state.setReg32(n, number(name)));
    state.eflags = number('efl');
    state.eip = number('eip');
    const top = (number('fsw') >> 11) & 7;
    const unmasked = number('fsw') & ~number('fcw') & 0x3f;
    state.set(STATE.X87_CONTROL, number('fcw'));
    state.set(STATE.X87_STATUS, (number('fsw') & ~0xb880) | (unmasked ? 0x8080 : 0));
    state.set(STATE.X87_TOP, top);
    state.set(STATE.X87_IN_USE, number('ftw'));
    for (let i = 0; i < 8; i++) {
      state.u8.set(bytesOf(initial[`st${i}`] as string), STATE.X87_REGISTERS + 16 * ((top + i) & 7));
      state.u8.set(bytesOf(initial[`x${i}`] as string), STATE.XMM + 16 * i);
    }
    state.set(STATE.MXCSR, number('mxcsr'));
    // Segments, CPL and flags were written without announcement.
    processor.setRegisters({});
  }

  #compare(test: Case, initial: Readonly<Record<string, RegisterValue>>): string[] {
    const { state, ram } = this.processor;
    const differences: string[] = [];
    const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    const final: Record<string, RegisterValue> = { ...initial, ...test.o };
    if (test.x === undefined && test.o?.['eip'] === undefined)
      final['eip'] = (((initial['eip'] as number) + test.b.length / 2) & 0xffffffff) >>> 0;

    const vector = (state.eip - 1 - HANDLERS) >> 4;
    const frame = this.#ring0Stack - 20;
    const error = HAS_ERROR_CODE.has(vector) ? view.getUint32(frame - 4, true) : 0;
    if (vector !== (test.x ?? 13) || error !== (test.x === undefined ? 0 : (test.e ?? 0)))
      differences.push(`exception ${vector}(${error}), expected ${test.x ?? 'none'}(${test.e ?? 0})`);

    const [eip, cs, eflags, esp, ss] = [0, 4, 8, 12, 16].map((at) => view.getUint32(frame + at, true)) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const compare = (name: string, actual: number, ignore = 0): void => {
      const expected = final[name] as number;
      if (((actual ^ expected) & ~(ignore | (test.ru?.[name] ?? 0))) !== 0)
        differences.push(`${name} ${(actual >>> 0).toString(16)}, expected ${(expected >>> 0).toString(16)}`);
    };
    GPRS.forEach((name, n) => compare(name, name === 'esp' ? esp : state.reg32(n)));
    SEGMENTS.forEach((name, n) => {
      if (name === 'cs') compare(name, cs & 0xffff);
      else if (name === 'ss') compare(name, ss & 0xffff);
      else compare(name, state.selector(n));
    });
    compare('eip', eip);
    compare('efl', eflags, RF | (test.u ?? 0));
    if (!INTEGER_GROUPS.has(this.#header.group)) this.#compareMedia(test, final, differences);
    this.#compareMemory(test, differences);
    return differences;
  }

  #compareMedia(test: Case, final: Readonly<Record<string, RegisterValue>>, differences: string[]): void {
    const { state } = this.processor;
    const top = state.get(STATE.X87_TOP);
    const number = (name: string, actual: number, ignore = 0): void => {
      if (((actual ^ (final[name] as number)) & ~ignore) !== 0)
        differences.push(`${name} ${actual.toString(16)}, expected ${(final[name] as number).toString(16)}`);
    };
    number('fcw', state.get(STATE.X87_CONTROL));
    number('fsw', (state.get(STATE.X87_STATUS) & 0xffff) | (top << 11), test.us ?? 0);
    number('ftw', state.get(STATE.X87_IN_USE));
    number('mxcsr', state.get(STATE.MXCSR));
    const text = (from: number, length: number): string =>
      Buffer.from(state.u8.subarray(from, from + length)).toString('hex');
    const isMmx = this.#header.group === 'mmx';
    for (let i = 0; i < 8; i++) {
      const physical = (top + i) & 7;
      if (!isMmx && !(((final['ftw'] as number) >> physical) & 1)) continue;
      const actual = text(STATE.X87_REGISTERS + 16 * physical, 10);
      const expected = final[`st${i}`] as string;
      if (
        actual === expected ||
        (test.t === 1 && closeExtended(actual, expected, 2n)) ||
        (test.t === 2 && closeExtended(actual, expected, 4n))
      )
        continue;
      differences.push(`st${i} ${actual}, expected ${expected}`);
    }
    for (let i = 0; i < 8; i++) {
      const actual = text(STATE.XMM + 16 * i, 16);
      const expected = final[`x${i}`] as string;
      if (actual === expected || (test.t === 3 && closeSingles(actual, expected))) continue;
      differences.push(`x${i} ${actual}, expected ${expected}`);
    }
  }

  #compareMemory(test: Case, differences: string[]): void {
    const { ram } = this.processor;
    const expected = this.#expected;
    for (const [at, hex] of test.w ?? []) expected.set(bytesOf(hex), at);
    const masks = new Map<number, number>();
    for (const [at, hex] of test.k ?? []) bytesOf(hex).forEach((mask, n) => masks.set(at + n, mask));
    differences.push(...compareMemory(ram, expected, masks, this.#header.ignore));
    // What the case expects to have changed must be restored for the next one.
    for (const [at, hex] of [...(test.w ?? []), ...(test.m ?? [])])
      for (let page = at >> 12; page <= (at + hex.length / 2 - 1) >> 12; page++) {
        const part = this.#image.subarray(page * PAGE, (page + 1) * PAGE);
        expected.set(part, page * PAGE);
        this.processor.writePhysical(page * PAGE, part);
      }
  }
}

/** Whether two extended numbers are at most so many units in the last place apart. */
function closeExtended(a: string, b: string, ulps: bigint): boolean {
  // Sign and magnitude as an integer: neighbours differ by one, also across a power of two.
  const rank = (text: string): bigint => {
    const buffer = bytesOf(text);
    const exponent = buffer.readUInt16LE(8);
    const magnitude = (BigInt(exponent & 0x7fff) << 63n) + BigInt.asUintN(63, buffer.readBigUInt64LE(0));
    return exponent & 0x8000 ? -magnitude : magnitude;
  };
  const distance = rank(a) - rank(b);
  return distance <= ulps && -distance <= ulps;
}

/** All lanes within the error the architecture allows RCP and RSQRT. */
function closeSingles(a: string, b: string): boolean {
  const left = bytesOf(a);
  const right = bytesOf(b);
  for (let i = 0; i < 16; i += 4) {
    if (left.readUInt32LE(i) === right.readUInt32LE(i)) continue;
    const x = left.readFloatLE(i);
    const y = right.readFloatLE(i);
    if (!(Math.abs(x - y) <= Math.abs(y) * 1.5 * 2 ** -12)) return false;
  }
  return true;
}

/** A file of schema `x86case-1`. */
export function hardwareSuite(lines: readonly string[]): Suite {
  const header = JSON.parse(lines[0]!) as Header & { readonly captured_on?: string };
  const runner = new HardwareRunner(header, { features: { sse3: true, ssse3: true } });
  const parse = (n: number): Case => JSON.parse(lines[n + 1]!) as Case;
  return {
    source: header.captured_on ?? 'not stated',
    group: header.group,
    length: lines.length - 1,
    form: (n) => parse(n).f,
    run(n): Outcome {
      const test = parse(n);
      const differences = runner.run(test);
      return {
        form: test.f,
        description: `${test.b} ${JSON.stringify(test.i ?? {})}`,
        differences,
        listed: runner.listed,
      };
    },
  };
}
