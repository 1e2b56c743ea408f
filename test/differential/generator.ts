/** Makes random programs: what QEMU and the processor are given to run. See harness.asm for the memory they live in. */
import { assemble, little, type Piece } from './assembler.ts';
import { type Form, FORMS, type Group, STATUS_FLAGS, UNDEFINED_FLAGS } from './forms.ts';
import { Random } from './random.ts';

/** Addresses and selectors of the harness. */
export const SANDBOX = 0x50000;
export const CODE_OFFSET = 0x3000;
const CODE_PAGE = 0x53;
const READ_ONLY_END = SANDBOX + 0x5000;
const CONSTANTS = SANDBOX + 0x100;
const DATA_SELECTORS = [0x23, 0x33, 0x3b, 0x43] as const;
const BASES: Readonly<Record<number, number>> = { 0x23: 0, 0x33: SANDBOX, 0x3b: SANDBOX, 0x43: 0x4f321 };
/** Selectors that cannot be loaded: ring 0, not present, beyond the table, system segment, code, LDT. */
const BAD_SELECTORS = [0x10, 0x58, 0x5b, 0x204, 0x60, 0x4b, 0x08, 0x1c, 0xfff8] as const;
/** All exceptions masked, full precision: QEMU 7.2 rounds what is loaded to a lower one, too. */
const CONTROL_WORD = 0x37f;
export const CODE_BYTES = 1024;
const SEGMENT_PREFIX = { es: 0x26, cs: 0x2e, ss: 0x36, ds: 0x3e, fs: 0x64, gs: 0x65 } as const;
type SegmentName = keyof typeof SEGMENT_PREFIX;
const SEGMENT_NAMES = ['es', 'ss', 'ds', 'fs', 'gs'] as const;
const ESP = 4;

export interface Program {
  readonly group: Group;
  readonly code: Uint8Array;
  readonly starts: readonly number[];
  /** In the order of the record: EAX ECX EDX EBX ESP EBP ESI EDI EIP EFLAGS CS SS DS ES FS GS. */
  readonly registers: readonly number[];
  /** FXSAVE image of 512 bytes. */
  readonly fpu: Uint8Array;
  /** 256 bytes at the beginning of the sandbox: numbers worth computing with. */
  readonly constants: Uint8Array;
}

/** Without NaN: of two, QEMU 7.2 takes the one that x87 would take in SSE instructions, too. */
const DOUBLES = [0, -0, 1, -1, 0.1, -2.5, 1e300, -1e-300, 5e-324, 2.2e-308, Infinity, -Infinity, 3, 1e10, 65535.5];
const SINGLES = [0, -0, 1, -1, 0.1, 2.5, 1e38, -1e-38, 1e-45, 1.2e-38, Infinity, -Infinity, 3, 2147483648, 0.5];

/** Ten bytes of an extended real: a normal number, now and then 0, infinity or NaN. */
function extended(random: Random): number[] {
  const sign = random.below(2) << 15;
  const [low, high] = [random.bits(), (random.bits() | 0x80000000) >>> 0];
  switch (random.below(10)) {
    case 0:
      return [...little(0, 8), ...little(sign, 2)];
    case 1:
      return [...little(0, 4), ...little(0x80000000, 4), ...little(sign | 0x7fff, 2)];
    case 2:
      return [...little(low, 4), ...little((high | 0x40000000) >>> 0, 4), ...little(sign | 0x7fff, 2)];
    case 3:
      return [...little(0, 4), ...little((high & 0xff000000) >>> 0, 4), ...little(sign | 0x3fff, 2)];
    default:
      return [...little(low, 4), ...little(high, 4), ...little(sign | (0x3fff + random.below(80) - 40), 2)];
  }
}

function makeConstants(random: Random): Uint8Array {
  const constants = new Uint8Array(256);
  const view = new DataView(constants.buffer);
  for (let at = 0; at < 64; at += 8) view.setFloat64(at, random.pick(DOUBLES), true);
  for (let at = 64; at < 128; at += 4) view.setFloat32(at, random.pick(SINGLES), true);
  for (let at = 128; at < 192; at += 16) constants.set(extended(random), at);
  for (let at = 192; at < 256; at += 4) view.setUint32(at, random.value(), true);
  return constants;
}

function makeFpu(random: Random, depth: number): Uint8Array {
  const image = new Uint8Array(512);
  const view = new DataView(image.buffer);
  view.setUint16(0, CONTROL_WORD | (random.below(4) << 10), true);
  view.setUint16(2, ((8 - depth) & 7) << 11, true);
  for (let i = 0; i < depth; i++) image[4]! |= 1 << (7 - i);
  // Without DAZ and FTZ: QEMU 7.2 does not apply them to all instructions.
  view.setUint32(24, 0x1f80 | (random.below(4) << 13), true);
  for (let i = 0; i < 8; i++) image.set(extended(random), 32 + 16 * i);
  for (let at = 160; at < 288; at += 16) {
    if (random.chance(40)) for (let i = 0; i < 4; i++) view.setFloat32(at + 4 * i, random.pick(SINGLES), true);
    else if (random.chance(60)) for (let i = 0; i < 2; i++) view.setFloat64(at + 8 * i, random.pick(DOUBLES), true);
    else for (let i = 0; i < 16; i += 4) view.setUint32(at + i, random.value(), true);
  }
  return image;
}

class Generator {
  readonly #random: Random;
  readonly #group: Group;
  readonly #pieces: Piece[] = [];
  readonly #big: boolean;
  readonly #codeOrigin: number;
  readonly #bases: Record<SegmentName, number>;
  readonly #selectors: Record<SegmentName, number>;
  readonly #stackBig: boolean;
  #depth: number;
  #labels = 0;
  /** Labels that wait for a piece, and those that are to be placed some pieces later. */
  #pending: number[] = [];
  #later: { label: number; pieces: number }[] = [];
  #bytes = 0;

  constructor(seed: number) {
    const random = new Random(seed);
    this.#random = random;
    this.#group = random.pick(['integer', 'integer', 'integer', 'x87', 'mmx', 'sse', 'sse']);
    this.#depth = random.below(6);
    const cs = random.pick([0x1b, 0x1b, 0x1b, 0x2b, 0x53]);
    this.#big = cs !== 0x2b;
    this.#codeOrigin = CODE_OFFSET + (cs === 0x1b ? SANDBOX : 0);
    const flat = random.chance(50) && this.#big;
    const data = (): number => (flat ? 0x23 : random.pick(this.#big ? DATA_SELECTORS : DATA_SELECTORS.slice(1)));
    const ss = flat ? 0x23 : random.pick(this.#big ? [0x23, 0x33, 0x3b] : [0x33, 0x3b, 0x3b]);
    this.#selectors = { cs, ss, ds: data(), es: data(), fs: data(), gs: data() };
    this.#bases = { cs: cs === 0x1b ? 0 : SANDBOX, ss: 0, ds: 0, es: 0, fs: 0, gs: 0 };
    for (const name of SEGMENT_NAMES) this.#bases[name] = BASES[this.#selectors[name]]!;
    this.#stackBig = ss !== 0x3b;
  }

  make(): Program {
    const random = this.#random;
    const registers = Array.from({ length: 8 }, () => random.value());
    registers[ESP] = SANDBOX + 0x2800 - this.#bases.ss + 4 * random.below(8);
    if (!this.#stackBig && random.chance(30)) registers[ESP] = (registers[ESP]! | (random.bits() & 0xffff0000)) >>> 0;
    const eflags = 0x202 | (random.bits() & (STATUS_FLAGS | (random.chance(20) ? 0x400 : 0)));
    const fpu = makeFpu(random, this.#depth);
    const constants = makeConstants(random);
    const count = 10 + random.below(40);
    for (let i = 0; i < count && this.#bytes < CODE_BYTES - 200; i++) this.#step();
    this.#add([0xcd, 0x30]);
    const { code, starts } = assemble(this.#pieces);
    const { cs, ss, ds, es, fs, gs } = this.#selectors;
    return {
      group: this.#group,
      code,
      starts,
      registers: [...registers, this.#codeOrigin, eflags, cs, ss, ds, es, fs, gs],
      fpu,
      constants,
    };
  }

  // Pieces

  #add(bytes: number[], target?: Piece['target']): void {
    this.#pieces.push({ bytes, labels: this.#pending, ...(target ? { target } : {}) });
    this.#pending = [];
    this.#bytes += bytes.length + (target?.size ?? 0);
    for (const entry of this.#later) entry.pieces--;
    this.#pending.push(...this.#later.filter(({ pieces }) => pieces <= 0).map(({ label }) => label));
    this.#later = this.#later.filter(({ pieces }) => pieces > 0);
  }
  #label(): number {
    return this.#labels++;
  }
  /** A label a few pieces ahead. */
  #ahead(): number {
    const label = this.#label();
    this.#later.push({ label, pieces: 1 + this.#random.below(6) });
    return label;
  }
  /** Operand-size and address-size prefixes for the sizes wanted. */
  #operandSize(size: 2 | 4): number[] {
    return (size === 4) === this.#big ? [] : [0x66];
  }
  #addressSize(size: 2 | 4): number[] {
    return (size === 4) === this.#big ? [] : [0x67];
  }
  #load(register: number, value: number): void {
    this.#add([...this.#operandSize(4), 0xb8 + register, ...little(value, 4)]);
  }

  // Operands

  /** A linear address; `safe` ones are in the writable pages, at a multiple of `size`. */
  #address(safe: boolean, size: number): number {
    const random = this.#random;
    const roll = safe ? random.below(80) : random.below(100);
    if (roll < 40) {
      const at = SANDBOX + random.below(0x1f80);
      return safe || random.chance(60) ? at - (at % size) : at;
    }
    if (roll < 80) return CONSTANTS + Math.floor(random.below(240) / size) * size;
    if (roll < 88) return SANDBOX + 0x2000 + random.below(0xff0);
    if (roll < 91) return SANDBOX + 0x1000 - 1 - random.below(8);
    if (roll < 94) return SANDBOX + 0x4000 + random.below(0xff0);
    if (roll < 95) return SANDBOX + 0x5000 - 1 - random.below(8);
    if (roll < 96) return SANDBOX - 1 - random.below(8);
    if (roll < 97) return SANDBOX + CODE_OFFSET + random.below(0x200);
    return random.bits();
  }

  /** A memory operand: prefixes, and ModRM without its register field; registers it needs are loaded before. */
  #memory(safe: boolean, size: number, writes: boolean): { prefixes: number[]; modrm: number; rest: number[] } {
    const random = this.#random;
    let linear = this.#address(safe, size);
    // Stores to the page of the code leave the code itself, so that what makes undefined flags defined stays there.
    // A store that begins in the read-only page and ends in the one that is not present: QEMU faults for the second.
    if (writes && linear >> 12 === CODE_PAGE) linear = (CODE_PAGE << 12) + CODE_BYTES + (linear & 0xff);
    if (writes && linear >= READ_ONLY_END - 32 && linear < READ_ONLY_END) linear -= 0x1000;
    const bits16 = random.chance(this.#big ? 8 : 75);
    let override: SegmentName | undefined;
    if (random.chance(25))
      override = writes ? random.pick(SEGMENT_NAMES) : random.pick<SegmentName>([...SEGMENT_NAMES, 'cs']);
    // QEMU does not check the limit where an operand wraps around the segment.
    const offset = (segment: SegmentName): number => {
      const at = (linear - this.#bases[override ?? segment]) >>> 0;
      return at > 0xffffffe0 ? 0x100 : at;
    };
    const prefixes: number[] = override ? [SEGMENT_PREFIX[override]] : [];
    const small = (): number => random.below(256) - 128;
    if (bits16) {
      prefixes.push(...this.#addressSize(2));
      const form = random.below(8);
      const usesBp = form === 2 || form === 3;
      const at = offset(usesBp ? 'ss' : 'ds');
      if (safe && at > 0xff00)
        return this.#memory32(
          offset,
          prefixes.filter((byte) => byte !== 0x67),
          small,
        );
      const mode = form === 6 ? 0 : random.pick([1, 2]);
      if (form === 6) return { prefixes, modrm: 6, rest: little(at, 2) };
      const disp = mode === 1 ? small() : random.bits() & 0xffff;
      const [base, index] = [
        [3, 6],
        [3, 7],
        [5, 6],
        [5, 7],
        [6, undefined],
        [7, undefined],
        [5, undefined],
        [3, undefined],
      ][form]!;
      let value = at - disp;
      if (index !== undefined) {
        const part = random.bits() & 0xffff;
        this.#load(index, part);
        value -= part;
      }
      // The upper halves do not count.
      this.#load(base!, ((value & 0xffff) | (random.bits() & 0xffff0000)) >>> 0);
      return { prefixes, modrm: (mode << 6) | form, rest: little(disp, mode) };
    }
    return this.#memory32(offset, prefixes, small);
  }

  #memory32(
    offset: (segment: SegmentName) => number,
    prefixes: number[],
    small: () => number,
  ): { prefixes: number[]; modrm: number; rest: number[] } {
    const random = this.#random;
    prefixes.push(...this.#addressSize(4));
    const shape = random.below(10);
    if (shape < 2) return { prefixes, modrm: 5, rest: little(offset('ds'), 4) };
    const base = random.pick([0, 1, 2, 3, 5, 6, 7]);
    const at = offset(base === 5 ? 'ss' : 'ds');
    const mode = base === 5 ? random.pick([1, 2]) : random.below(3);
    const disp = mode === 0 ? 0 : mode === 1 ? small() : random.bits() | 0;
    const rest = mode === 2 ? little(disp, 4) : little(disp, mode);
    if (shape < 7) {
      this.#load(base, (at - disp) >>> 0);
      return { prefixes, modrm: (mode << 6) | base, rest };
    }
    const index = random.pick([0, 1, 2, 3, 5, 6, 7].filter((n) => n !== base));
    const scale = random.below(4);
    const part = random.bits();
    this.#load(index, part);
    this.#load(base, (at - disp - (part << scale)) >>> 0);
    return { prefixes, modrm: (mode << 6) | 4, rest: [(scale << 6) | (index << 3) | base, ...rest] };
  }

  // Instructions

  #step(): void {
    const random = this.#random;
    const roll = random.below(100);
    if (this.#group === 'integer') {
      if (roll < 6) return this.#string();
      if (roll < 9) return this.#stack();
      if (roll < 16) return this.#jump();
      if (roll < 19) return this.#loop();
      if (roll < 22) return this.#call();
      if (roll < 25) return this.#segment();
      if (roll < 27) return this.#interrupt();
    } else if (roll < 25 && this.#group !== 'x87') return this.#form(random.pick(FORMS.integer));
    else if (this.#group === 'x87' && roll < 12) return this.#control();
    this.#form(random.pick(FORMS[this.#group]));
  }

  #form(form: Form): void {
    const random = this.#random;
    const x87 = this.#group === 'x87';
    if (x87 && !this.#fits(form)) return;
    const media = form.group === 'mmx' || form.group === 'sse';
    const size: 2 | 4 = random.chance(this.#big ? 75 : 50) ? 4 : 2;
    // BSWAP of 16 bits is undefined.
    const prefixes = media || x87 ? [] : this.#operandSize(form.mnemonic === 'bswap' ? 4 : size);
    const shift = form.mnemonic === 'shld' || form.mnemonic === 'shrd';
    // Counts above 16 leave the 16-bit destination undefined.
    if (shift && form.operands[2] === 'CL') this.#add([0xb1, random.below(17)]);
    const tail: number[] = [];
    if (form.modrm !== undefined) {
      const control = form.operands.some((operand) => operand === 'Cd' || operand === 'Dd');
      // QEMU checks the privilege of MOV CRn before the number.
      const register = form.modrm !== 'r' ? form.modrm : control ? random.pick([0, 2, 3]) : random.below(8);
      // QEMU changes the x87 stack to MMX whether the memory operand of a conversion is there or not.
      const conversion = form.group === 'sse' && form.operands.some((operand) => operand === 'Qq' || operand === 'Pq');
      const kind = conversion ? 'register' : form.rm === 'any' ? (random.chance(55) ? 'register' : 'memory') : form.rm;
      if (kind === 'register') {
        let rm = random.below(8);
        // A stack pointer with any value ends most programs early.
        if (rm === ESP && !media && random.chance(80)) rm = 0;
        tail.push(0xc0 | (register << 3) | rm);
      } else {
        const wide = form.operands.some((operand) => /^[WM](?:dq|ps|pd)$/.test(operand));
        // In QEMU RCL and RCR change flags before the store faults, and ARPL stores if nothing is adjusted, too;
        // PUNPCKL reads 8 bytes where 4 are needed.
        const safe = x87 || wide || /^(rc[lr]|arpl|punpckl.*)$/.test(form.mnemonic) || random.chance(50);
        const { prefixes: more, modrm, rest } = this.#memory(safe, wide ? 16 : 8, form.writesMemory);
        prefixes.push(...more);
        tail.push(modrm | (register << 3), ...rest);
        // QEMU does not check where LOCK is not allowed.
        if (form.lockable && random.chance(10)) prefixes.push(0xf0);
      }
    }
    const opcode = [...form.opcode];
    if (form.plus) opcode[opcode.length - 1]! |= x87 ? random.below(Math.max(1, this.#depth)) : random.below(8);
    for (const operand of form.operands) tail.push(...this.#immediate(operand, size, shift, prefixes));
    if (form.prefix !== undefined) prefixes.push(form.prefix);
    this.#add([...prefixes, ...opcode, ...tail]);
    if (x87) this.#afterX87(form);
    this.#define(UNDEFINED_FLAGS[form.mnemonic] ?? 0, size);
  }

  #immediate(operand: string, size: 2 | 4, shift: boolean, prefixes: readonly number[]): number[] {
    const random = this.#random;
    switch (operand) {
      case 'Ib':
        return [shift ? random.below(17) : random.value() & 0xff];
      case 'Is':
        return [random.value() & 0xff];
      case 'Iw':
        return little(random.below(64), 2);
      case 'Il':
        return [random.below(4)];
      case 'Iz':
        return little(random.value(), size);
      case 'Ob':
      case 'Ov': {
        const at = (this.#address(true, 4) - this.#bases.ds) >>> 0;
        return little(at, this.#big !== prefixes.includes(0x67) ? 4 : 2);
      }
      default:
        return [];
    }
  }

  /** Makes undefined flags defined: cleared by the harness, or by an instruction that sets them all. */
  #define(flags: number, size: 2 | 4): void {
    if (flags === 0) return;
    if (this.#random.chance(60)) this.#add([0xcd, 0x32, ...little(flags, 2)]);
    else {
      const opcode = this.#random.pick([0x39, 0x01, 0x29, 0x3b]);
      this.#add([...this.#operandSize(size), opcode, 0xc0 | (this.#random.below(8) << 3)]);
    }
  }

  #string(): void {
    const random = this.#random;
    const opcode = random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]);
    // CMPS reads its second operand first in QEMU, so that only one may fault.
    const compares = opcode === 0xa6 || opcode === 0xa7;
    const size: 2 | 4 = compares || random.chance(this.#big ? 90 : 30) ? 4 : 2;
    const at = (segment: SegmentName): number => {
      const linear = this.#address((segment === 'es' && compares) || random.chance(70), 1);
      return (linear - this.#bases[segment]) >>> 0;
    };
    this.#load(6, at('ds'));
    this.#load(7, at('es'));
    this.#load(1, random.chance(10) ? random.below(0x300) : random.below(40));
    if (random.chance(40)) this.#add([random.pick([0xfc, 0xfd])]);
    const repeat = random.chance(75) ? [random.pick([0xf2, 0xf3])] : [];
    const wide = random.chance(30) ? [0x66] : [];
    this.#add([...repeat, ...wide, ...this.#addressSize(size), opcode]);
  }

  #stack(): void {
    const random = this.#random;
    const wide = random.chance(20) ? [0x66] : [];
    switch (random.below(6)) {
      case 0:
        this.#add([...wide, 0x60]);
        return this.#add([...wide, 0x61]);
      case 1:
        // In one piece, so that no jump leads to ENTER with another frame pointer.
        this.#add([...this.#operandSize(4), 0x89, 0xe5, ...wide, 0xc8, random.below(32), 0, random.below(5)]);
        return this.#add([...wide, 0xc9]);
      case 2: {
        // POPF with a value of ours; now and then with TF.
        const value = (random.bits() & 0x2cd5) | (random.chance(15) ? 0x100 : 0);
        this.#add([...this.#operandSize(4), 0x68, ...little(value, 4)]);
        return this.#add([...this.#operandSize(4), 0x9d]);
      }
      case 3:
        this.#add([...wide, 0x9c]);
        return this.#add([...wide, 0x58]);
      case 4:
        // MOV ESP, EBP and back
        this.#add([...this.#operandSize(4), 0x89, 0xe5]);
        return this.#add([...this.#operandSize(4), 0x89, 0xec]);
      default:
        this.#add([...wide, 0x50 + random.below(8)]);
        return this.#add([...wide, 0x58 + random.pick([0, 1, 2, 3, 5, 6, 7])]);
    }
  }

  #jump(): void {
    const random = this.#random;
    const label = this.#ahead();
    const near = this.#big ? 4 : 2;
    switch (random.below(5)) {
      case 0:
        return this.#add([0x70 + random.below(16)], { label, size: 1 });
      case 1:
        return this.#add([0x0f, 0x80 + random.below(16)], { label, size: near });
      case 2:
        return this.#add([random.pick([0xe0, 0xe1, 0xe2, 0xe3])], { label, size: 1 });
      case 3: {
        // Through a register, or RET
        this.#add([...this.#operandSize(4), random.chance(50) ? 0xb8 : 0x68], {
          label,
          size: 4,
          absolute: this.#codeOrigin,
        });
        const push = this.#pieces.at(-1)!.bytes.at(-1) === 0x68;
        if (push) this.#add([...this.#operandSize(4), 0xc3]);
        else this.#add([...this.#operandSize(4), 0xff, 0xe0]);
        return;
      }
      default:
        return random.chance(50) ? this.#add([0xeb], { label, size: 1 }) : this.#add([0xe9], { label, size: near });
    }
  }

  /** A bounded loop over some straight code; the harness counts its rounds. */
  #loop(): void {
    const random = this.#random;
    this.#load(1, 1 + random.below(6));
    const label = this.#label();
    this.#pending.push(label);
    for (let n = random.below(4); n >= 0; n--) this.#form(random.pick(FORMS.integer));
    this.#add([0xcd, 0x31]);
    if (random.chance(50)) this.#add([0xe2], { label, size: 1 });
    else {
      this.#add([...this.#operandSize(4), 0x49]);
      this.#add([0x75], { label, size: 1 });
    }
  }

  /** CALL over a jump to a body that returns. */
  #call(): void {
    const random = this.#random;
    const body = this.#label();
    const over = this.#label();
    if (random.chance(50)) this.#add([0xe8], { label: body, size: this.#big ? 4 : 2 });
    else {
      this.#add([...this.#operandSize(4), 0xbb], { label: body, size: 4, absolute: this.#codeOrigin });
      this.#add([0xff, 0xd3]);
    }
    this.#add([0xeb], { label: over, size: 1 });
    this.#pending.push(body);
    for (let n = random.below(3); n > 0; n--) this.#form(random.pick(FORMS.integer));
    this.#add(random.chance(60) ? [0xc3] : [0xc2, 2 * random.below(5), 0]);
    this.#pending.push(over);
  }

  #segment(): void {
    const random = this.#random;
    const name = random.pick(['es', 'ds', 'fs', 'gs'] as const);
    const bad = random.chance(30);
    const selector = bad ? random.pick(BAD_SELECTORS) : random.pick(DATA_SELECTORS);
    const code = { es: 0, ds: 3, fs: 4, gs: 5 }[name];
    const pop = { es: [0x07], ds: [0x1f], fs: [0x0f, 0xa1], gs: [0x0f, 0xa9] }[name];
    if (random.chance(50)) {
      this.#load(0, ((random.bits() & 0xffff0000) | selector) >>> 0);
      this.#add([0x8e, 0xc0 | (code << 3)]);
    } else {
      this.#add([...this.#operandSize(4), 0x68, ...little(selector, 4)]);
      this.#add([...this.#operandSize(4), ...pop]);
    }
    if (!bad) this.#bases[name] = BASES[selector]!;
  }

  #interrupt(): void {
    const random = this.#random;
    switch (random.below(6)) {
      case 0:
        return this.#add([0xcd, random.pick([0, 1, 3, 4, 8, 13, 14, 0x20, 0x2f, 0x34, 0x80, 0xff])]);
      case 1:
        return this.#add([0xcc]);
      case 2:
        return this.#add([0xce]);
      case 3:
        // A far jump to a selector that is no good
        return this.#add([
          ...this.#operandSize(4),
          random.pick([0x9a, 0xea]),
          ...little(0x1234, 4),
          ...little(random.pick([0, ...BAD_SELECTORS]), 2),
        ]);
      case 4: {
        // A far jump to the next instruction, through the present segment
        const label = this.#label();
        this.#add([...this.#operandSize(4), 0x68, ...little(this.#selectors.cs, 4)]);
        this.#add([...this.#operandSize(4), 0x68], { label, size: 4, absolute: this.#codeOrigin });
        this.#add([...this.#operandSize(4), 0xcb]);
        this.#pending.push(label);
        return;
      }
      default:
        return this.#add([0x0f, 0x0b]);
    }
  }

  // x87: QEMU has no stack faults, so the stack is kept in order

  #fits(form: Form): boolean {
    const { mnemonic, operands } = form;
    const depth = this.#depth;
    if (/^(fn?op|wait|fnclex|fneni|fndisi|fnsetpm)$/.test(mnemonic)) return true;
    if (/^(fld|fild|fbld)/.test(mnemonic)) return depth < 8 && (operands[0] !== 'STi' || depth > 0);
    if (mnemonic === 'fxtract') return depth > 0 && depth < 8;
    if (mnemonic.endsWith('pp') || /^(fprem1?|fscale)$/.test(mnemonic)) return depth >= 2;
    // After a pop there must be something left for the register that was named.
    return depth >= 1;
  }

  #afterX87({ mnemonic }: Form): void {
    if (/^(fld|fild|fbld)/.test(mnemonic) || mnemonic === 'fxtract') this.#depth++;
    else if (mnemonic.endsWith('pp')) this.#depth -= 2;
    else if (/^f.*p$/.test(mnemonic) && mnemonic !== 'fnop') this.#depth--;
    // Condition codes of a comparison; C1 and DE are masked, and the quotient (undefined for a NaN).
    if (/^(f(u?com|icom)p?p?|ftst|fxam|fprem1?)$/.test(mnemonic) && this.#random.chance(70)) {
      this.#add([0xdf, 0xe0]);
      this.#add([
        ...this.#operandSize(2),
        0x25,
        0xfd,
        mnemonic === 'fxam' ? 0xff : mnemonic.startsWith('fprem') ? 0xbc : 0xfd,
      ]);
      this.#define(0x10, 4);
    }
  }

  /** FLDCW with another rounding mode. */
  #control(): void {
    const random = this.#random;
    const word = CONTROL_WORD | (random.below(4) << 10);
    this.#add([...this.#operandSize(4), 0x68, ...little(word, 4)]);
    // FLDCW [ESP], with an address of 32 bits: the stack of 16 bits has ESP below 64 KiB or faults on both.
    this.#add([...this.#addressSize(4), 0xd9, 0x2c, 0x24]);
  }
}

/** The program of a seed. */
export const generate = (seed: number): Program => new Generator(seed).make();
