/** The task-state segment (Intel SDM volume 3, sections 7.2.1 and 7.6): layouts and the fields looked up outside task switches. */
import type { Core } from '../helpers.ts';
import { STATE } from '../layout.ts';
import { CpuFault, VECTOR } from '../state.ts';
import { selectorError } from '../segmentation/descriptor.ts';

/** Offsets within a 32-bit TSS. */
export const TSS32 = {
  LINK: 0x00,
  ESP0: 0x04,
  CR3: 0x1c,
  EIP: 0x20,
  EFLAGS: 0x24,
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  GPR: 0x28,
  /** ES CS SS DS FS GS, 4 bytes apart. */
  SEGMENTS: 0x48,
  LDT: 0x60,
  TRAP: 0x64,
  IO_MAP: 0x66,
  LIMIT: 0x67,
} as const;

/** Offsets within a 16-bit TSS. */
export const TSS16 = {
  LINK: 0x00,
  SP0: 0x02,
  IP: 0x0e,
  FLAGS: 0x10,
  GPR: 0x12,
  /** ES CS SS DS, 2 bytes apart. */
  SEGMENTS: 0x22,
  LDT: 0x2a,
  LIMIT: 0x2b,
} as const;

/** True if TR holds a 32-bit TSS. */
export function currentTssWide(core: Core): boolean {
  return (core.state.get(STATE.TR_ATTRIBUTES) & 0x0d) === 0x09;
}

/** Stack pointer of an inner privilege level. @throws CpuFault #TS(TR selector) if the TSS ends before it */
export function innerStack(core: Core, cpl: number, ext: number): { selector: number; pointer: number } {
  const { state, memory } = core;
  const base = state.getU(STATE.TR_BASE);
  const limit = state.getU(STATE.TR_LIMIT);
  const wide = currentTssWide(core);
  const offset = wide ? TSS32.ESP0 + cpl * 8 : TSS16.SP0 + cpl * 4;
  if (offset + (wide ? 5 : 3) > limit) throw new CpuFault(VECTOR.TS, selectorError(state.get(STATE.TR_SELECTOR), ext));
  const address = base + offset;
  return wide
    ? { pointer: memory.readSystem32(address >>> 0), selector: memory.readSystem16((address + 4) >>> 0) }
    : { pointer: memory.readSystem16(address >>> 0), selector: memory.readSystem16((address + 2) >>> 0) };
}

/** Offset of the I/O permission bit map, or undefined without a 32-bit TSS that is long enough to name one. */
function ioMapBase(core: Core): number | undefined {
  const { state, memory } = core;
  if (!currentTssWide(core) || state.getU(STATE.TR_LIMIT) < TSS32.LIMIT) return undefined;
  return memory.readSystem16((state.get(STATE.TR_BASE) + TSS32.IO_MAP) >>> 0);
}

/**
 * I/O permission (SDM volume 1, section 19.5.2): all bits of the ports must be 0. The processor reads two bytes, so the one after
 * the last port's must lie within the limit too.
 */
export function ioPermitted(core: Core, port: number, size: number): boolean {
  const { state, memory } = core;
  const base = ioMapBase(core);
  if (base === undefined) return false;
  const offset = base + (port >> 3);
  if (offset + 1 > state.getU(STATE.TR_LIMIT)) return false;
  const bits = memory.readSystem16((state.get(STATE.TR_BASE) + offset) >>> 0);
  return (bits & (((1 << size) - 1) << (port & 7))) === 0;
}

/**
 * VME software interrupt redirection (SDM volume 3, section 20.3.3): true if INT `vector` of V86 code goes through the interrupt
 * table of the 8086 program, false if to the protected-mode handler. @throws CpuFault #GP(0) when the map is outside the TSS
 */
export function interruptRedirected(core: Core, vector: number): boolean {
  const { state, memory } = core;
  const base = ioMapBase(core);
  const offset = (base ?? 0) - 32 + (vector >> 3);
  if (base === undefined || offset < 0 || offset > state.getU(STATE.TR_LIMIT)) throw new CpuFault(VECTOR.GP, 0);
  const bits = memory.readSystem8((state.get(STATE.TR_BASE) + offset) >>> 0);
  return ((bits >> (vector & 7)) & 1) === 0;
}
