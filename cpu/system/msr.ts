/**
 * RDMSR, WRMSR, RDTSC, RDPMC (Intel SDM volume 2; volume 4 for the P6 family's registers).
 * Modelled: the time-stamp counter and SYSENTER registers. The P6 family's microcode and performance-counter registers, which
 * systems touch on sight of the family, read 0 and keep nothing. Everything else raises #GP(0).
 */
import type { Core, Helper } from '../helpers.ts';
import { GPR, STATE } from '../layout.ts';
import { CpuFault, CR4, VECTOR } from '../state.ts';
import { requireRing0 } from './resume.ts';

const MSR = {
  TSC: 0x10,
  PLATFORM_ID: 0x17,
  EBL_CR_POWERON: 0x2a,
  BIOS_UPDT_TRIG: 0x79,
  BIOS_SIGN_ID: 0x8b,
  PERFCTR0: 0xc1,
  PERFCTR1: 0xc2,
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  PERFEVTSEL0: 0x186,
  PERFEVTSEL1: 0x187,
} as const;

/** Registers of the P6 family that read 0 and ignore what is written. */
const P6_INERT: ReadonlySet<number> = new Set([
  MSR.PLATFORM_ID,
  MSR.EBL_CR_POWERON,
  MSR.BIOS_UPDT_TRIG,
  MSR.BIOS_SIGN_ID,
  MSR.PERFCTR0,
  MSR.PERFCTR1,
  MSR.PERFEVTSEL0,
  MSR.PERFEVTSEL1,
]);
const P6_COUNTERS = 2;

const TWO_32 = 0x100000000;
const SYSENTER_SLOTS: Readonly<Record<number, number>> = {
  [MSR.SYSENTER_CS]: STATE.SYSENTER_CS,
  [MSR.SYSENTER_ESP]: STATE.SYSENTER_ESP,
  [MSR.SYSENTER_EIP]: STATE.SYSENTER_EIP,
};

/** Numbers already logged, by core: a guest may probe in a loop. */
const logged = new WeakMap<Core, Set<number>>();
const LOG_LIMIT = 256;

function unknown(core: Core, index: number, access: string): CpuFault {
  let seen = logged.get(core);
  if (seen === undefined) logged.set(core, (seen = new Set()));
  if (!seen.has(index) && seen.size < LOG_LIMIT) {
    seen.add(index);
    core.bus.log(`${access} of unknown MSR ${index.toString(16)}h`);
  }
  return new CpuFault(VECTOR.GP, 0);
}

/** The time-stamp counter, low and high half. */
function timeStamp(core: Core): { low: number; high: number } {
  const { state } = core;
  const now = Math.floor(core.bus.timeStamp());
  const offsetLow = state.getU(STATE.TSC_OFFSET);
  const offsetHigh = state.getU(STATE.TSC_OFFSET + 4);
  const low = (now % TWO_32) + offsetLow;
  const high = Math.floor(now / TWO_32) + offsetHigh + (low >= TWO_32 ? 1 : 0);
  return { low: low >>> 0, high: high >>> 0 };
}

function writeTimeStamp(core: Core, low: number, high: number): void {
  const { state } = core;
  const now = Math.floor(core.bus.timeStamp());
  const difference = low - (now % TWO_32);
  state.set(STATE.TSC_OFFSET, difference >>> 0);
  state.set(STATE.TSC_OFFSET + 4, (high - Math.floor(now / TWO_32) - (difference < 0 ? 1 : 0)) >>> 0);
}

function setEdxEax(core: Core, low: number, high: number): void {
  core.state.setReg32(GPR.EAX, low);
  core.state.setReg32(GPR.EDX, high);
}

const rdmsr: Helper = (core) => {
  requireRing0(core);
  const { state } = core;
  const index = state.reg32(GPR.ECX);
  const slot = SYSENTER_SLOTS[index];
  if (index === MSR.TSC && core.cpuid.has('tsc')) {
    const { low, high } = timeStamp(core);
    setEdxEax(core, low, high);
  } else if (slot !== undefined && core.cpuid.has('sep')) setEdxEax(core, state.getU(slot), 0);
  else if (P6_INERT.has(index) && core.cpuid.family === 6) setEdxEax(core, 0, 0);
  else throw unknown(core, index, 'read');
};

const wrmsr: Helper = (core) => {
  requireRing0(core);
  const { state } = core;
  const index = state.reg32(GPR.ECX);
  const low = state.reg32(GPR.EAX);
  const slot = SYSENTER_SLOTS[index];
  if (index === MSR.TSC && core.cpuid.has('tsc')) writeTimeStamp(core, low, state.reg32(GPR.EDX));
  else if (slot !== undefined && core.cpuid.has('sep')) state.set(slot, low);
  else if (!P6_INERT.has(index) || core.cpuid.family !== 6) throw unknown(core, index, 'write');
};

const rdtsc: Helper = (core) => {
  const { state } = core;
  if (state.cr4 & CR4.TSD && state.cpl !== 0) throw new CpuFault(VECTOR.GP, 0);
  const { low, high } = timeStamp(core);
  setEdxEax(core, low, high);
};

/** The two counters of the P6 family, which never count. */
const rdpmc: Helper = (core) => {
  const { state } = core;
  const allowed = state.cpl === 0 || (state.cr4 & CR4.PCE) !== 0;
  if (!allowed || state.reg32(GPR.ECX) >= P6_COUNTERS) throw new CpuFault(VECTOR.GP, 0);
  setEdxEax(core, 0, 0);
};

export const msrHelpers: Record<string, Helper> = { rdmsr, wrmsr, rdtsc, rdpmc };
