/** What two reports of the same program may differ in, and in what they do. */
import { type Group, STATUS_FLAGS } from './forms.ts';
import type { Program } from './generator.ts';
import { FRAME, type Frame, type Report } from './image.ts';

const RF = 0x10000;
const VIF_VIP = 0x180000;
const VECTOR = { DB: 1, SS: 12, GP: 13, PF: 14 } as const;
/** DE in MXCSR and in the x87 status word. */
const DE = 2;
/** W/R of a page-fault error code. */
const WRITE = 2;
const POINTERS = [6, 24] as const;
const MXCSR_MASK = [28, 32] as const;
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** What one exception shows of an instruction: the frames, and the opcode behind the prefixes (0Fxx for two bytes). */
interface Situation {
  readonly ours: Frame;
  readonly theirs: Frame;
  readonly opcode: number;
  readonly fields: readonly string[];
}

const isPageFault = ({ ours, theirs }: Situation): boolean =>
  ours.vector === VECTOR.PF && theirs.vector === VECTOR.PF && ours.eip === theirs.eip;

/**
 * Where QEMU 7.2 is known to be wrong, or the manual leaves it open. What follows in such a program has other registers or flags, so that
 * the comparison ends there.
 */
const KNOWN: readonly { reason: string; applies: (situation: Situation) => boolean }[] = [
  {
    reason:
      'SETcc, rotates and shifts whose store faults: QEMU has computed flags in place already and loses those before',
    applies: (at) =>
      isPageFault(at) &&
      at.fields.every((field) => field === 'eflags') &&
      ((at.opcode & ~15) === 0x0f90 || (at.opcode & ~3) === 0xd0 || (at.opcode & ~1) === 0xc0),
  },
  {
    reason: 'a stack or data access that wraps around its segment: QEMU checks no limits (SDM volume 3, section 5.3)',
    applies: ({ ours, theirs }) =>
      (ours.vector === VECTOR.SS || ours.vector === VECTOR.GP) &&
      ours.error === 0 &&
      theirs.vector === VECTOR.PF &&
      ours.eip === theirs.eip,
  },
  {
    reason:
      "two operands that fault (CMPS, BOUND) or several pages (PUSHA, ENTER, RCx): the order of accesses is the processor's own",
    applies: (at) =>
      isPageFault(at) &&
      at.fields.every((field) => field === 'cr2' || field === 'error') &&
      [0x60, 0x62, 0xa6, 0xa7, 0xc8].includes(at.opcode),
  },
  {
    reason: 'a null selector: QEMU lets it be used',
    applies: ({ ours }) =>
      ours.vector === VECTOR.GP &&
      ours.error === 0 &&
      [ours.ds, ours.es, ours.fs, ours.gs].some((selector) => selector < 4),
  },
  {
    reason: 'RETF reads its frame in QEMU as ring 0 does',
    applies: ({ opcode }) => opcode === 0xca || opcode === 0xcb,
  },
  {
    reason:
      "MOVS and STOS over their own code: what has been fetched is the processor's own (SDM volume 3, section 11.6)",
    applies: ({ ours, opcode }) => ours.cr2 >>> 12 === 0x54 && [0xa4, 0xa5, 0xaa, 0xab].includes(opcode),
  },
];

const hex = (value: number): string => value.toString(16);

/** Fields that differ. */
function fields(ours: Frame, theirs: Frame): string[] {
  // QEMU leaves RF clear in what a fault pushes, where it is set (SDM volume 3, section 17.3.1.1). It lets ring 3 change VIF and VIP,
  // which IRET in ring 0 does not restore.
  let flags = ~(RF | VIF_VIP);
  // A single step shows the flags that the instruction before it leaves undefined.
  if (ours.vector === VECTOR.DB) flags &= ~STATUS_FLAGS;
  return [...FRAME, 'cr2' as const].filter((field) => {
    let bits = -1;
    if (field === 'eflags') bits = flags;
    // QEMU reports the read of a read-modify-write, where the access is checked as a write.
    else if (field === 'error' && ours.vector === VECTOR.PF) bits = ~WRITE;
    return (ours[field] & bits) !== (theirs[field] & bits);
  });
}

const describe = (name: string, ours: Frame, theirs: Frame): string[] =>
  fields(ours, theirs).map((field) => {
    const of = field as keyof Frame;
    return `${name} ${field}: ${hex(ours[of])}, QEMU ${hex(theirs[of])}`;
  });

function fpuMasked(group: Group, image: Uint8Array): Uint8Array {
  const masked = image.slice();
  // QEMU keeps no instruction and data pointers and no last opcode; the mask of MXCSR is the model's.
  masked.fill(0, ...POINTERS);
  masked.fill(0, ...MXCSR_MASK);
  // QEMU 7.2 does not report all denormal operands.
  masked[2]! &= ~DE;
  masked[24]! &= ~DE;
  // Condition codes are undefined after most instructions; comparisons read them at once with FNSTSW.
  masked[3]! &= 0xb8;
  // MMX results have an exponent of all ones, which QEMU does not write (SDM volume 1, section 9.6.2).
  if (group !== 'x87') for (let at = 32; at < 160; at += 16) masked.fill(0, at + 8, at + 16);
  return masked;
}

/** The opcode of the instruction at `eip`, behind its prefixes. */
function opcodeAt(code: Uint8Array, eip: number): number {
  let at = eip & 0xfff;
  while (PREFIXES.has(code[at] ?? 0)) at++;
  const opcode = code[at] ?? 0;
  return opcode === 0x0f ? 0xf00 | (code[at + 1] ?? 0) : opcode;
}

export interface Comparison {
  /** In words; none if the reports agree. */
  readonly differences: readonly string[];
  /** Why the comparison ended before the end. */
  readonly known: string | undefined;
}

export function compareReports({ group, code }: Program, ours: Report, theirs: Report): Comparison {
  for (let i = 0; i < Math.max(ours.events.length, theirs.events.length); i++) {
    const [a, b] = [ours.events[i], theirs.events[i]];
    if (!a || !b) {
      const one = (a ?? b)!;
      const differences = [`exception ${i}: only ${a ? 'here' : 'in QEMU'}: vector ${one.vector} at ${hex(one.eip)}`];
      return { differences, known: undefined };
    }
    const differing = fields(a, b);
    if (differing.length === 0) continue;
    const situation = { ours: a, theirs: b, opcode: opcodeAt(code, a.eip), fields: differing };
    const known = KNOWN.find(({ applies }) => applies(situation))?.reason;
    return { differences: known ? [] : [...describe(`exception ${i}`, a, b), `at ${hex(a.eip)}`], known };
  }
  const differences = describe('end', ours.final, theirs.final);
  ours.hashes.forEach((hash, i) => {
    if (hash !== theirs.hashes[i]) differences.push(`memory from ${hex(0x50000 + i * 1024)}`);
  });
  const [a, b] = [fpuMasked(group, ours.fpu), fpuMasked(group, theirs.fpu)];
  a.forEach((byte, i) => {
    if (byte !== b[i]) differences.push(`FXSAVE image, byte ${i}: ${hex(byte)}, QEMU ${hex(b[i]!)}`);
  });
  return { differences, known: undefined };
}
