/** IN, OUT, INS, OUTS (Intel SDM volume 1, chapter 19; volume 2): permission, I/O breakpoints, interruptible repetition. */
import { dataBreakpoint } from '../debug/index.ts';
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { GPR, PAGE_SIZE, SEGMENT, STATE } from '../layout.ts';
import { readWidth, readAddress, writeAddress, writeWidth } from '../segmentation/access.ts';
import { CpuFault, EFLAGS, VECTOR } from '../state.ts';
import { repeat } from '../strings/repeat.ts';
import { ioPermitted } from '../tasks/tss.ts';
import { readGpr, readIndex, writeGpr, writeIndex } from './resume.ts';

type Size = 1 | 2 | 4;

/** @throws CpuFault #GP(0) unless IOPL or the I/O permission bit map of the task allow the ports */
function requirePort(core: Core, port: number, size: Size): void {
  const { state } = core;
  if (!state.protectedMode || (!state.virtual8086 && state.cpl <= state.iopl)) return;
  if (!ioPermitted(core, port, size)) throw new CpuFault(VECTOR.GP, 0);
}

function watch(core: Core, port: number, size: Size): void {
  if (dataBreakpoint(core, port, size, 'io')) core.debugTrap();
}

function input(core: Core, port: number, width: Size): void {
  requirePort(core, port, width);
  writeGpr(core, GPR.EAX, width, core.bus.readPort(port, width));
  watch(core, port, width);
}

function output(core: Core, port: number, width: Size): void {
  requirePort(core, port, width);
  core.bus.writePort(port, width, readGpr(core, GPR.EAX, width) >>> 0);
  watch(core, port, width);
}

/** What the elements of one INS share: the number of the page found writable, or -1. */
interface Run {
  page: number;
}

/** One element of INS: nothing is read from the port before the destination is known to accept it. */
function insertElement(core: Core, op: DecodedOperands, port: number, run: Run): void {
  const { width, addressSize } = op;
  const offset = readIndex(core, GPR.EDI, addressSize);
  const address = writeAddress(core, SEGMENT.ES, offset, width);
  if (address >>> 12 !== run.page || (address & 0xfff) + width > PAGE_SIZE) {
    core.memory.probeWrite(address, width);
    run.page = address >>> 12;
  }
  writeWidth(core, address, width, core.bus.readPort(port, width));
  writeIndex(core, GPR.EDI, addressSize, offset + step(core, width));
}

function outputElement(core: Core, op: DecodedOperands, port: number): void {
  const { width, addressSize } = op;
  const offset = readIndex(core, GPR.ESI, addressSize);
  const value = readWidth(core, readAddress(core, op.segment, offset, width), width);
  core.bus.writePort(port, width, value >>> 0);
  writeIndex(core, GPR.ESI, addressSize, offset + step(core, width));
}

function step(core: Core, width: Size): number {
  return core.state.get(STATE.EFLAGS) & EFLAGS.DF ? -width : width;
}

const stringIo =
  (element: (core: Core, op: DecodedOperands, port: number, run: Run) => void): Helper =>
  (core, op) => {
    const { addressSize, width } = op;
    const port = core.state.reg16(GPR.EDX);
    if (op.rep !== 0 && readIndex(core, GPR.ECX, addressSize) === 0) return undefined;
    requirePort(core, port, width);
    const run = { page: -1 };
    return repeat(core, op, () => {
      element(core, op, port, run);
      watch(core, port, width);
    });
  };

const immediatePort = (op: DecodedOperands): number => op.imm & 0xff;

export const portIoHelpers: Record<string, Helper> = {
  in_imm: (core, op) => input(core, immediatePort(op), op.width),
  out_imm: (core, op) => output(core, immediatePort(op), op.width),
  in_dx: (core, op) => input(core, core.state.reg16(GPR.EDX), op.width),
  out_dx: (core, op) => output(core, core.state.reg16(GPR.EDX), op.width),
  ins: stringIo(insertElement),
  outs: stringIo(outputElement),
};
