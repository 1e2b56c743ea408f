/**
 * Random programs that store into themselves, run three ways: at full speed, in slices of one instruction, and with a breakpoint
 * register set (which executes one instruction at a time). Registers, flags, memory and counts must agree.
 */
import { describe, expect, it } from 'vitest';
import { StopReason } from '../../../cpu/processor.ts';
import { Board, le32 } from './board.ts';

const CODE = 0x8000;
/** Programs are this long; their data follow at once, so that most stores hit a page with code. */
const LENGTH = 0x180;
const GDT = 0x1800;
const GATES = 0x2000;
const HALT = 0x3000;
const PROGRAMS = Number(process.env['BEHAVIOUR_PROGRAMS'] ?? 60);

/** A small generator of uniform numbers (Marsaglia's xorshift, 32 bits). */
function generator(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One instruction, mostly of register and memory arithmetic. EBX points into the code, ESI and EDI at data, ESP at a stack. */
function instruction(random: (below: number) => number): number[] {
  const byte = (): number => random(256);
  const register = (): number => [0, 1, 2, 5][random(4)]!;
  /** ModRM (and displacement) of [EBX + disp8], [ESI + disp8], [EDI + disp8] or a register. */
  const modrm = (reg: number): number[] => {
    const kind = random(5);
    if (kind === 0) return [0x43 | (reg << 3), byte()];
    if (kind === 1) return [0x46 | (reg << 3), byte()];
    if (kind === 2) return [0x47 | (reg << 3), byte()];
    return [0xc0 | (reg << 3) | register()];
  };
  const prefix = random(8) === 0 ? [0x66] : [];
  const immediate = (): number[] => (prefix.length ? [byte(), byte()] : [byte(), byte(), byte(), byte()]);
  switch (random(20)) {
    case 0:
    case 1:
    case 2:
      return [...prefix, (random(8) << 3) | random(4), ...modrm(register())];
    case 3:
      return [...prefix, 0x81, ...modrm(random(8)), ...immediate()];
    case 4:
      return [...prefix, 0x83, ...modrm(random(8)), byte()];
    case 5:
      return [...prefix, 0x88 | random(4), ...modrm(register())];
    case 6:
      return [0xc6, ...modrm(0), byte()];
    case 7:
      return [...prefix, 0xc7, ...modrm(0), ...immediate()];
    case 8:
      return [...prefix, 0x40 | (random(2) << 3) | register()];
    case 9:
      return [0x70 | random(16), random(24)];
    case 10:
      return [0x70 | random(16), 0x100 - random(40)];
    case 11:
      return [...prefix, 0xc1, ...modrm(random(8)), byte()];
    case 12:
      return [...prefix, 0xd3, ...modrm(random(8))];
    case 13:
      return [0x0f, 0x90 | random(16), ...modrm(0)];
    case 14:
      return [...prefix, 0x0f, 0x40 | random(16), ...modrm(register())];
    case 15:
      return [[0x50 | register()], [0x58 | register()], [0x9c, 0x58], [0xf5], [0xf8], [0xf9]][random(6)]!;
    case 16:
      return [
        ...prefix,
        0x0f,
        [0xaf, 0xb6, 0xb7, 0xbe, 0xbf, 0xa3, 0xab, 0xc1, 0xb1, 0xbc][random(10)]!,
        ...modrm(register()),
      ];
    case 17:
      return [...prefix, 0xf7, ...modrm([0, 2, 3, 4, 5][random(5)]!), ...(random(3) === 0 ? [0x90] : [])];
    case 18:
      return [0xb9, ...le32(random(40)), 0xf3, [0xaa, 0xab, 0xa4, 0xa5][random(4)]!];
    default:
      return [0x8d, ...modrm(register()).map((value, n) => (n === 0 && value >= 0xc0 ? 0x43 : value)), 0x90];
  }
}

const board = new Board();
const { cpu } = board;

function start(seed: number, watch: boolean): void {
  const random = generator(seed);
  board.reset();
  board.load(GDT, le32(0), le32(0), [0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0], [0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0]);
  for (let vector = 0; vector < 32; vector++)
    board.load(GATES + vector * 8, [(HALT + vector) & 0xff, HALT >> 8, 8, 0, 0, 0x8e, 0, 0]);
  board.load(HALT, Array<number>(32).fill(0xf4));
  const at = CODE + random(0x1000);
  const code: number[] = [];
  while (code.length < LENGTH) code.push(...instruction(random));
  board.load(at, code, [0xf4, 0xf4, 0xf4, 0xf4]);
  board.load(
    at + code.length + 4,
    Array.from({ length: 0x200 }, () => random(256)),
  );
  board.enterFlat(at, {
    eax: random(2 ** 32),
    ecx: random(2 ** 32),
    edx: random(2 ** 32),
    ebp: random(2 ** 32),
    ebx: at + random(LENGTH),
    esi: at + LENGTH + random(0x100),
    edi: at + random(LENGTH),
    esp: 0x7000,
    gdtr: { base: GDT, limit: 0x17 },
    idtr: { base: GATES, limit: 0xff },
    ...(watch ? { dr: [0xfffff000, 0, 0, 0, 0, 0, 0xffff0ff0, 0x402] } : {}),
  });
}

const STEPS = 3000;

function outcome(seed: number, slice: number, watch: boolean) {
  start(seed, watch);
  const before = cpu.executed;
  let reason: StopReason = StopReason.Budget;
  while (reason === StopReason.Budget && cpu.executed - before < STEPS)
    reason = cpu.run(Math.min(slice, STEPS - (cpu.executed - before)));
  // A run overshoots to the end of its block: only programs that end within the steps can be compared.
  const ended = reason !== StopReason.Budget && cpu.executed - before <= STEPS;
  const { dr, ...registers } = cpu.registers();
  let sum = 0;
  const words = new Uint32Array(cpu.ram.buffer, cpu.ram.byteOffset + 0x1000, 0x4000);
  for (const word of words) sum = (Math.imul(sum, 31) + word) | 0;
  return { ended, executed: cpu.executed - before, reason, registers, sum, watched: dr[6]! & 0xf };
}

describe('random programs', () => {
  it('do the same at full speed, in slices, and step by step', () => {
    let compared = 0;
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const whole = outcome(seed, STEPS, false);
      const sliced = outcome(seed, 1, false);
      const stepped = outcome(seed, STEPS, true);
      expect([sliced.ended, stepped.ended], `program ${seed}`).toEqual([whole.ended, whole.ended]);
      if (!whole.ended) continue;
      compared++;
      expect(sliced, `program ${seed} in slices`).toEqual(whole);
      expect(stepped, `program ${seed} step by step`).toEqual(whole);
    }
    expect(compared).toBeGreaterThan(PROGRAMS / 6);
  });
});
