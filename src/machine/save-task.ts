/** Saving a machine that stands still, in portions between which messages get through. */
import { StopReason } from '../../cpu/processor.ts';
import { StateWriter } from '../saved-state/index.ts';
import type { Board } from './board.ts';
import type { SavedStateSource } from './configuration.ts';
import type { ResolvedConfiguration } from './defaults.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import type { Powered } from './powered.ts';
import { writeState } from './saving.ts';
import { savable } from './snapshot.ts';
import type { StateFiles } from './state-files.ts';
import { nextTurn } from './turns.ts';

export interface SaveTask {
  readonly configuration: ResolvedConfiguration;
  readonly files: StateFiles;
  readonly services: { hostTime(): number; wallClock(): number };
  /** Told the part that is done, 0 to 1. */
  progress(done: number): void;
  /** The machine has not been turned off. */
  isOn(): boolean;
}

/** Host milliseconds between two turns of the event loop. */
const SLICE_MS = 50;
/** An NMI handler has to return within so many runs of so many instructions. */
const SETTLE_RUNS = 10_000;
const SETTLE_INSTRUCTIONS = 2_000;

/** Runs on until the processor can be saved. */
function settle(board: Board): void {
  const processor = savable(board);
  const { scheduler } = board;
  for (let runs = 0; !processor.settled; runs++) {
    if (runs === SETTLE_RUNS)
      throw new VirtualServerError(ErrorCode.InvalidState, 'the processor does not return from an NMI');
    scheduler.runDue();
    if (processor.run(Math.min(SETTLE_INSTRUCTIONS, scheduler.headroom())) === StopReason.Halted)
      scheduler.advanceTo(scheduler.nextDeadline);
  }
}

/**
 * Writes the state; on failure there is no new file and the machine can go on.
 * @param path file; undefined for bytes
 * @throws SavedStateError; VirtualServerError `VS_ABORTED` when the machine was turned off meanwhile, `VS_INVALID_STATE`
 */
export async function saveMachine(
  powered: Powered,
  path: string | undefined,
  task: SaveTask,
): Promise<SavedStateSource> {
  const { board, media, executedBefore } = powered;
  const { configuration, files, services } = task;
  settle(board);
  powered.restoring?.memory.provideAll();
  powered.outputs.flush();
  board.drives.flush();
  const pending = files.create(path);
  try {
    const executed = executedBefore + board.processor.executed;
    const parts = { configuration, board, media, executed, files, now: services.wallClock() };
    let turn = services.hostTime();
    for (const done of writeState(new StateWriter(pending.file, files.compression), parts)) {
      if (services.hostTime() - turn < SLICE_MS) continue;
      task.progress(done);
      await nextTurn();
      if (!task.isOn())
        throw new VirtualServerError(ErrorCode.Aborted, 'the machine was turned off while it was saved');
      turn = services.hostTime();
    }
    return pending.commit();
  } catch (error) {
    pending.abort();
    throw error;
  }
}
