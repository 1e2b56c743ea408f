/**
 * Repeated string instructions against a model that does one element at a time: random operands over pages some of which follow
 * each other in memory and some do not, both directions, overlaps, and interruption after random numbers of elements.
 * STRING_CASES sets the number of cases.
 */
import { describe, expect, it } from 'vitest';
import { createProcessor, StopReason } from '../../../cpu/index.ts';
import { REGION } from '../../../cpu/layout.ts';
import { jit } from '../../lock-step/configurations.ts';

const CASES = Number(process.env['STRING_CASES'] ?? 600);
const CODE = 0x1000;
const PAGES = 24;
/** Guest pages 8-23 hold operands; they lie in memory in this order, so that only some neighbours are neighbours there, too. */
const ORDER = [8, 9, 10, 11, 15, 14, 13, 12, 16, 18, 17, 19, 20, 21, 22, 23];
const FIRST = 8 * 4096;
const BYTES = 16 * 4096;
const HLT = 0xf4;
const STATUS_FLAGS = 0x8d5;
const DF = 0x400;

const flat = (selector: number, access: number) => ({
  selector,
  base: 0,
  limit: 0xffffffff,
  attributes: 0xc000 | access,
});

const processor = createProcessor(
  { ramBytes: PAGES * 4096, videoBytes: 0, romBytes: 0, jit },
  {
    readPort: () => 0xff,
    writePort: () => {},
    readMemory: () => 0xff,
    writeMemory: () => {},
    acknowledgeInterrupt: () => 0,
    timeStamp: () => 0,
    log: () => {},
    setFerr: () => {},
  },
);
processor.mapPages(0, 8, { read: REGION.GUEST, write: REGION.GUEST });
ORDER.forEach((page, i) => {
  const at = REGION.GUEST + page * 4096;
  processor.mapPages(FIRST + i * 4096, 1, { read: at, write: at });
});

/** A small generator (xorshift32), so that failures repeat. */
let seed = 0x2545f491;
function random(below: number): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % below;
}

type Name = 'movs' | 'stos' | 'cmps' | 'scas' | 'lods';
const OPCODES: Readonly<Record<Name, number>> = { movs: 0xa4, cmps: 0xa6, stos: 0xaa, lods: 0xac, scas: 0xae };

interface Case {
  readonly name: Name;
  readonly width: 1 | 2 | 4;
  readonly rep: 0xf2 | 0xf3;
  readonly down: boolean;
  readonly registers: { eax: number; ecx: number; esi: number; edi: number };
}

/** Carries the instruction out on `memory` (by guest address), one element after the other. */
function model({ name, width, rep, down, registers }: Case, memory: Uint8Array) {
  const view = new DataView(memory.buffer);
  const read = (at: number): number =>
    width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  const write = (at: number, value: number): void => {
    if (width === 1) view.setUint8(at, value);
    else if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  };
  const step = down ? -width : width;
  const mask = 2 ** (8 * width) - 1;
  let { eax, ecx, esi, edi } = registers;
  let compared: readonly [number, number] | undefined;
  while (ecx !== 0) {
    if (name === 'movs') write(edi, read(esi));
    if (name === 'stos') write(edi, (eax & mask) >>> 0);
    if (name === 'lods') eax = ((eax & ~mask) | read(esi)) >>> 0;
    if (name === 'cmps') compared = [read(esi), read(edi)];
    if (name === 'scas') compared = [(eax & mask) >>> 0, read(edi)];
    if (name !== 'stos' && name !== 'scas') esi += step;
    if (name !== 'lods') edi += step;
    ecx--;
    if (compared && (compared[0] === compared[1]) !== (rep === 0xf3)) break;
  }
  return { eax, ecx, esi, edi, compared };
}

/** CF PF AF ZF SF OF of a comparison. */
function flagsOf([a, b]: readonly [number, number], width: number): number {
  const bits = 8 * width;
  const r = Number(BigInt.asUintN(bits, BigInt(a) - BigInt(b)));
  const sign = (x: number): number => Math.floor(x / 2 ** (bits - 1)) & 1;
  let parity = r & 0xff;
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (
    (a < b ? 1 : 0) |
    (parity & 1 ? 0 : 4) |
    ((a & 15) < (b & 15) ? 0x10 : 0) |
    (r === 0 ? 0x40 : 0) |
    (sign(r) ? 0x80 : 0) |
    (sign(a) !== sign(b) && sign(r) !== sign(a) ? 0x800 : 0)
  );
}

function randomCase(): Case {
  const name = (['movs', 'stos', 'cmps', 'scas', 'lods'] as const)[random(5)]!;
  const width = ([1, 2, 4] as const)[random(3)]!;
  const length = [random(6), random(80), random(3000), random(20000)][random(4)]!;
  const ecx = Math.floor(length / width);
  const down = random(3) === 0;
  const place = (): number => {
    const low = FIRST + random(BYTES - length - 8);
    return down ? low + Math.max(0, ecx - 1) * width : low;
  };
  const esi = place();
  // Often near each other, so that they overlap.
  const near = esi + random(64) - 32;
  const fits = near - (down ? length : 0) >= FIRST && near + length + 8 < FIRST + BYTES;
  const edi = random(3) === 0 && fits ? near : place();
  return {
    name,
    width,
    rep: random(2) ? 0xf3 : 0xf2,
    down,
    registers: { eax: random(4) === 0 ? 0 : random(2 ** 32), ecx, esi, edi },
  };
}

/** Memory with long equal stretches, so that comparisons go far. */
function randomMemory(): Uint8Array {
  const memory = new Uint8Array(PAGES * 4096);
  for (let n = random(40); n > 0; n--) {
    const at = FIRST + random(BYTES - 300);
    memory.fill(random(256), at, at + random(300));
  }
  for (let n = random(4); n > 0; n--) memory[FIRST + random(BYTES)] = random(256);
  return memory;
}

describe('repeated string instructions', () => {
  it(`do what one element after the other does (${CASES} cases)`, { timeout: 20_000 + 10 * CASES }, () => {
    const data = flat(16, 0x93);
    for (let n = 0; n < CASES; n++) {
      const test = randomCase();
      const memory = randomMemory();
      const prefix = test.width === 2 ? [0x66] : [];
      const code = [...prefix, test.rep, OPCODES[test.name] | (test.width === 1 ? 0 : 1), HLT];
      processor.reset();
      processor.writePhysical(0, memory);
      processor.writePhysical(CODE, Uint8Array.from(code));
      processor.setRegisters({
        cr0: 0x11,
        eip: CODE,
        eflags: 2 | (test.down ? DF : 0),
        ...test.registers,
        cs: flat(8, 0x9b),
        ds: data,
        es: data,
        ss: data,
      });
      const slice = random(2) ? 1_000_000 : 1 + random(3000);
      let executed = -processor.executed;
      let reason: StopReason;
      do reason = processor.run(slice);
      while (reason === StopReason.Budget);
      executed += processor.executed;
      const expected = model(test, memory);
      const registers = processor.registers();
      const found = new Uint8Array(PAGES * 4096);
      processor.readPhysical(0, found);
      const title = `case ${n}: ${JSON.stringify(test)}`;
      expect(reason, title).toBe(StopReason.Halted);
      for (const name of ['eax', 'ecx', 'esi', 'edi'] as const)
        expect(registers[name] >>> 0, `${title} ${name}`).toBe(expected[name] >>> 0);
      if (expected.compared)
        expect(registers.eflags & STATUS_FLAGS, `${title} flags`).toBe(flagsOf(expected.compared, test.width));
      const first = found.subarray(FIRST).findIndex((byte, i) => byte !== memory[FIRST + i]);
      expect(first, `${title} memory`).toBe(-1);
      // The iterations and HLT; without an iteration the instruction still counts as one.
      expect(executed, `${title} count`).toBe(Math.max(1, test.registers.ecx - expected.ecx) + 1);
    }
  });
});
