/** What a machine's thread gets from its surroundings: Node or a page, and the other end of the line. */
import type { DiskTask } from '../../vhd/index.ts';
import type { UndoDisk } from '../disks/undo-journal.ts';
import type { FirmwareImages } from '../firmware/images.ts';
import type { CreateProcessor } from './board.ts';
import type { FirmwareConfiguration, MediaSource, UndoAction, VideoAdapterKind } from './configuration.ts';
import type { MachineEventData, MachineEventType, MachineReason } from './events.ts';
import type { MediaOpener } from './media.ts';
import type { NetworkServices } from '../network/networks.ts';
import type { StateFiles } from './state-files.ts';

/** What the machine needs of its host. */
export interface MachineHostServices {
  readonly opener: MediaOpener;
  readonly createProcessor: CreateProcessor;
  loadFirmware(configuration: FirmwareConfiguration, adapter: VideoAdapterKind): FirmwareImages;
  readonly stateFiles: StateFiles;
  /** Ends undo sessions of disks in files; absent where there are none. */
  readonly undo?: UndoSessions;
  /** Default: networks of guests only. */
  readonly network?: NetworkServices;
  /** Monotonic milliseconds. */
  hostTime(): number;
  /** Milliseconds since 1970. */
  wallClock(): number;
  /** Minutes by which the host's time zone is ahead of UTC. */
  zoneMinutes(): number;
}

/** What the machine needs to end undo sessions; see src/disks/undo-session.ts. */
export interface UndoSessions {
  end(disks: readonly UndoDisk[], action: UndoAction): DiskTask<void>;
  /** Finishes what was interrupted, for a disk as it is configured. */
  recover(source: MediaSource): void;
}

export type Emit = <T extends MachineEventType>(
  type: T,
  data: MachineEventData<T>,
  vtime: number,
  reason?: MachineReason,
) => void;
