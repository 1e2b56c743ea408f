/** What two reports of the same program may differ in, and in what they do. */
import { type Group, STATUS_FLAGS } from './forms.ts';
import type { Program } from './generator.ts';
import { FRAME, type Frame, type Report } from './image.ts';

const RF = 0x10000;
/** QEMU 7.2 lets a program in ring 3 change them, and IRET in ring 0 does not restore them. */
const VIF_VIP = 0x180000;
const DB = 1;
const PF = 14;
/** W/R of a page-fault error code. QEMU reports the read of a read-modify-write, where the access is checked as a write. */
const WRITE = 2;
/** DE in MXCSR and in the x87 status word: QEMU 7.2 does not report denormal operands in all cases. */
const DE = 2;
/** PUSHA in QEMU begins with the lowest address. */
const PUSHA = 0x60;
/** QEMU keeps no instruction and data pointers and no last opcode. */
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67]);
const FPU_POINTERS = [6, 24] as const;
/** The mask of MXCSR bits is the processor model's. */
const MXCSR_MASK = [28, 32] as const;

const hex = (value: number): string => value.toString(16);

function frames(name: string, ours: Frame, theirs: Frame, opcode = 0): string[] {
  // QEMU leaves RF clear in what a fault pushes, where it is set (SDM volume 3, section 17.3.1.1).
  let mask = ~(RF | VIF_VIP);
  // A single step shows the flags that the instruction before it leaves undefined.
  if (ours.vector === DB) mask &= ~STATUS_FLAGS;
  return [...FRAME, 'cr2' as const]
    .filter((field) => {
      if ((field === 'cr2' || field === 'error') && opcode === PUSHA) return false;
      const bits = field === 'eflags' ? mask : field === 'error' && ours.vector === PF ? ~WRITE : -1;
      return (ours[field] & bits) !== (theirs[field] & bits);
    })
    .map((field) => `${name} ${field}: ${hex(ours[field])}, QEMU ${hex(theirs[field])}`);
}

function fpuMasked(group: Group, image: Uint8Array): Uint8Array {
  const masked = image.slice();
  masked.fill(0, ...FPU_POINTERS);
  masked.fill(0, ...MXCSR_MASK);
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
  return code[at] ?? 0;
}

/** The differences, in words; none if the reports agree. */
export function compareReports({ group, code }: Program, ours: Report, theirs: Report): string[] {
  const found: string[] = [];
  for (let i = 0; i < Math.max(ours.events.length, theirs.events.length); i++) {
    const [a, b] = [ours.events[i], theirs.events[i]];
    if (!a || !b) {
      const one = (a ?? b)!;
      return [...found, `exception ${i}: only ${a ? 'here' : 'in QEMU'}: vector ${one.vector} at ${hex(one.eip)}`];
    }
    found.push(...frames(`exception ${i}`, a, b, opcodeAt(code, a.eip)));
    if (found.length > 0) return [...found, `@${hex(a.eip)}`];
  }
  found.push(...frames('end', ours.final, theirs.final));
  ours.hashes.forEach((hash, i) => {
    if (hash !== theirs.hashes[i]) found.push(`memory from ${hex(0x50000 + i * 1024)}`);
  });
  const [a, b] = [fpuMasked(group, ours.fpu), fpuMasked(group, theirs.fpu)];
  a.forEach((byte, i) => {
    if (byte !== b[i]) found.push(`FXSAVE image, byte ${i}: ${hex(byte)}, QEMU ${hex(b[i]!)}`);
  });
  return found;
}
