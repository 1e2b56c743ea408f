/**
 * The processor against itself: one runs programs in blocks, as always, the other one instruction at a time, as under a breakpoint. After
 * every stop of the first both must have the same registers and flags.
 */
import { STATE } from '../../cpu/layout.ts';
import { type RegisterState, StopReason } from '../../cpu/processor.ts';
import { runOurs } from './campaign.ts';
import { makeImage, parseReports } from './image.ts';
import { Machine } from './machines.ts';

const DR7 = STATE.DR + 28;
/** A breakpoint at linear address 0, which is not mapped. */
const WATCHING = 0x401;
const NOT_WATCHING = 0x400;
const USER = 3;
const NAMES = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip', 'eflags', 'cr2', 'cpl'] as const;
const SEGMENTS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;
/** x87 and SSE registers with their control words and pointers; between MXCSR and XMM0 lies what only the compiler counts. */
const MEDIA = [
  [STATE.X87_REGISTERS, STATE.MXCSR + 4],
  [STATE.XMM, STATE.XMM + 128],
] as const;
/** Instructions at a time in the harness itself, until it says that it goes back to the program. */
const HARNESS_BUDGET = 100_000;

export interface LockstepOutcome {
  /** Comparisons made within programs. */
  readonly stops: number;
  readonly instructions: number;
  readonly differences: readonly string[];
}

function differing(a: RegisterState, b: RegisterState): string[] {
  return [
    ...NAMES.filter((name) => a[name] !== b[name]).map(
      (name) => `${name} ${a[name].toString(16)}, in steps ${b[name].toString(16)}`,
    ),
    ...SEGMENTS.filter((name) => a[name].selector !== b[name].selector || a[name].base !== b[name].base),
  ];
}

/** Runs the programs of consecutive seeds until they end or differ. */
export function lockstep(folder: string, firstSeed: number, count: number): LockstepOutcome {
  const seeds = Array.from({ length: count }, (_, i) => firstSeed + i);
  const image = makeImage(folder, runOurs(folder, seeds, []).programs);
  const [blocks, steps] = [new Machine(image), new Machine(image)];
  const media = ({ cpu }: Machine): Buffer[] =>
    MEDIA.map(([from, to]) => Buffer.from(cpu.state.u8.buffer, from, to - from));
  const [mediaBlocks, mediaSteps] = [media(blocks), media(steps)];
  blocks.stopsAtResume = steps.stopsAtResume = true;
  let resuming = false;
  let stops = 0;
  let instructions = 0;
  let held: string[] = [];
  while (!blocks.finished) {
    const user = blocks.cpu.state.cpl === USER;
    steps.cpu.state.set(DR7, user ? WATCHING : NOT_WATCHING);
    const before = blocks.cpu.executed;
    resuming = blocks.cpu.run(user || resuming ? 1 : HARNESS_BUDGET) === StopReason.Requested || (resuming && !user);
    const count = blocks.cpu.executed - before;
    steps.cpu.run(count);
    const ours = blocks.cpu.registers();
    const differences = differing(ours, steps.cpu.registers());
    if (!mediaBlocks.every((bytes, i) => bytes.equals(mediaSteps[i]!))) differences.push('x87 or SSE state');
    // A fault of the fetch counts as no instruction: the one in blocks is in the handler already. After the next stop they are level.
    if (differences.length > 0 && held.length === 0) {
      held = differences;
      continue;
    }
    if (differences.length > 0) {
      const seed = seeds[parseReports(blocks.output).length];
      return { stops, instructions, differences: [`seed ${seed}, EIP ${ours.eip.toString(16)}`, ...differences] };
    }
    held = [];
    if (!user) continue;
    stops++;
    instructions += count;
  }
  const same = Buffer.from(blocks.output).equals(steps.output) && Buffer.from(blocks.cpu.ram).equals(steps.cpu.ram);
  return { stops, instructions, differences: same ? [] : ['memory'] };
}
