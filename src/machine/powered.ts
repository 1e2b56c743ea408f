/** What a machine has while its power is on. */
import type { Networks } from '../network/networks.ts';
import type { MachineStatistics } from './api.ts';
import type { Board } from './board.ts';
import type { DriveMedia } from './drives.ts';
import type { LazyMemory } from './lazy-memory.ts';
import type { Outputs } from './outputs.ts';
import type { Pacer } from './pacing.ts';
import type { OpenState } from './saving.ts';
import type { Scheduler } from './scheduler.ts';
import type { ScreenWatch } from './screen-watch.ts';

export interface Powered {
  readonly board: Board;
  readonly scheduler: Scheduler;
  readonly pacer: Pacer;
  readonly media: DriveMedia;
  readonly screen: ScreenWatch;
  readonly outputs: Outputs;
  readonly networks: Networks;
  busyMs: number;
  idleMs: number;
  /** Host milliseconds until unflushed writes are due on the disk. */
  settleIn: number;
  /** Host time at which the present sleep began. */
  asleepSince: number | undefined;
  /** Instructions executed before the machine was saved. */
  readonly executedBefore: number;
  /** What is still to come of a saved state. */
  restoring: { readonly state: OpenState; readonly memory: LazyMemory } | undefined;
}

/** Counters of a run, or of none. */
export function statisticsOf(powered: Powered | undefined, hostTime: number): MachineStatistics {
  const asleep = powered?.asleepSince === undefined ? 0 : hostTime - powered.asleepSince;
  return {
    instructions: powered ? powered.executedBefore + powered.board.processor.executed : 0,
    virtualSeconds: (powered?.scheduler.now() ?? 0) / 1e9,
    busySeconds: (powered?.busyMs ?? 0) / 1000,
    idleSeconds: ((powered?.idleMs ?? 0) + asleep) / 1000,
    diskBytesRead: powered?.board.drives.bytesRead ?? 0,
    diskBytesWritten: powered?.board.drives.bytesWritten ?? 0,
  };
}
