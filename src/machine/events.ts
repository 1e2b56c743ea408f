/**
 * Events of a machine: one envelope, a discriminated union over `type`. Every event but `vm.serial.output` and
 * `vm.parallel.output` is plain JSON; those two carry bytes.
 */
import type { RegisterState, TripleFaultReport } from '../../cpu/processor.ts';

/** States in the order of the product; the constant names are those of `VMVMState` without its prefix. */
export type MachineState =
  | 'TurnedOff'
  | 'Saved'
  | 'TurningOn'
  | 'Restoring'
  | 'Running'
  | 'Paused'
  | 'Saving'
  | 'TurningOff'
  | 'MergingDrives'
  | 'DeleteMachine';

/** Who caused a state change or an ending. */
export type MachineReason = 'host' | 'guest' | 'tripleFault' | 'debugExit' | 'crash' | 'disk';

/** Who reset the machine. */
export type ResetReason =
  /** `reset()` was called. */
  | 'host'
  /** Port CF9h, port 92h or the keyboard controller. */
  | 'guest'
  | 'tripleFault';

interface EventData {
  'vm.state.changed': { readonly state: MachineState };
  'vm.reset': { readonly cause: ResetReason };
  'vm.tripleFault': {
    readonly chain: TripleFaultReport['chain'];
    readonly registers: RegisterState;
    readonly policy: 'reset' | 'stop' | 'pause';
  };
  /** The power button was pressed: the guest has been asked to shut down. */
  'vm.shutdown.requested': Record<string, never>;
  /** The guest chose an exit code through the debug-exit port. */
  'vm.debugExit': { readonly code: number };
  /** The last event of a run. `code` is the debug-exit code, if that ended it; `saved` tells that a state was written. */
  'vm.ended': { readonly code?: number; readonly message?: string; readonly saved?: boolean };
  /** A long operation goes on: the part that is done, 0 to 1. */
  'vm.task.progress': { readonly task: 'save' | 'commit'; readonly done: number };
  /** Another video mode; for text `width` and `height` count characters, else pixels. */
  'vm.screen.mode': { readonly mode: 'text' | 'graphics'; readonly width: number; readonly height: number };
  'vm.serial.output': { readonly port: number; readonly bytes: Uint8Array };
  'vm.parallel.output': { readonly bytes: Uint8Array };
  /** Text the firmware or guest wrote to the debug port (E9h, 402h), line by line. */
  'vm.debug.output': { readonly text: string };
  /** First occurrence of something the guest used and the machine does not model, or used wrongly. */
  'vm.log': { readonly level: 'info' | 'warning'; readonly source: string; readonly message: string };
  /** Lock lights of the keyboard. */
  'vm.keyboard.leds': { readonly scroll: boolean; readonly num: boolean; readonly caps: boolean };
  /** Told when a disk is opened: its image is damaged but can be used, a lock or an undo disk is stale. */
  'disk.warning': { readonly device: string; readonly message: string };
  /** The DHCP server of one of the machine's networks gave an address to `macAddress`. */
  'net.lease': { readonly macAddress: string; readonly address: string };
  /** What an adapter is plugged into does not work as configured: a peer that is not there, a port that is taken. */
  'net.problem': { readonly adapter: number; readonly message: string };
  'disk.error': { readonly device: string; readonly operation: string; readonly message: string };
  /** The host has no space for what the guest wrote. The machine is paused until there is; nothing is lost. */
  'disk.full': { readonly device: string; readonly message: string };
  /** There is space again, and what waited has been written. */
  'disk.space': Record<string, never>;
  /** A drive's medium changed: `inserted` false after an eject. */
  'drive.media': { readonly device: string; readonly inserted: boolean };
}

/** The names of all events. */
export type MachineEventType = keyof EventData;

/** The envelope of an event of one type. */
export interface MachineEventOf<T extends MachineEventType> {
  /** Counts from 1 within a machine. */
  readonly seq: number;
  /** Host time, ISO 8601 with milliseconds, UTC. */
  readonly time: string;
  /** Virtual seconds since power-on. */
  readonly vtime: number;
  /** Name of the machine. */
  readonly vm: string;
  readonly type: T;
  readonly reason?: MachineReason;
  readonly data: EventData[T];
}

/** Any event, told apart by `type`. */
export type MachineEvent = { [T in MachineEventType]: MachineEventOf<T> }[MachineEventType];
/** What an event of type `T` carries. */
export type MachineEventData<T extends MachineEventType> = EventData[T];

/** Why and how a run ended. */
export interface MachineEnd {
  readonly reason: MachineReason;
  /** What the guest wrote to the debug-exit port (8, 16 or 32 bits) when `reason` is `debugExit`. */
  readonly code?: number;
  readonly message?: string;
  /** The machine was saved and can be started from there. */
  readonly saved?: boolean;
}
