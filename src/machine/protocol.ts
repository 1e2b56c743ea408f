/** Messages between a machine's thread and its host. Plain data; nothing but speed would change without a thread. */
import type { RegisterState } from '../../cpu/processor.ts';
import type { FramePort } from '../network/frame-pipe.ts';
import type { AdapterStatistics } from './adapter-wire.ts';
import type { MachineProfile, MachineStatistics, ScreenImage, ScreenState } from './api.ts';
import type { MachineConfiguration, MediaSource, SavedStateSource, UndoAction } from './configuration.ts';
import type { ErrorCode } from './errors.ts';
import { ErrorCode as Codes, VirtualServerError } from './errors.ts';
import type { MachineEvent } from './events.ts';
import type { KeyEvent } from './inputs.ts';

/** Operations: arguments and result. */
export interface Operations {
  start: [MachineConfiguration, void];
  pause: [undefined, void];
  resume: [undefined, void];
  reset: [undefined, void];
  turnOff: [UndoAction | undefined, void];
  cancelCommit: [undefined, void];
  /** Writes the machine's state to the file, or gives it as bytes, and turns the machine off. */
  save: [string | undefined, SavedStateSource];
  pressPowerButton: [undefined, void];
  readScreen: [undefined, ScreenState];
  screenImage: [undefined, ScreenImage];
  watchScreen: [{ intervalMs: number | undefined; pixels: boolean }, void];
  /** Resolves when the last key has been taken, or the machine ends. */
  keys: [readonly KeyEvent[], void];
  scancodes: [Uint8Array, void];
  moveMouse: [{ dx: number; dy: number; wheel: number }, void];
  mouseButtons: [number, void];
  /** @returns the bytes taken into the queue */
  serialInput: [{ port: number; bytes: Uint8Array }, number];
  setDisc: [MediaSource | undefined, void];
  setFloppy: [{ drive: number; media: MediaSource | undefined }, void];
  /** The port goes to the machine's thread; undefined unplugs the adapter. */
  connectNetwork: [{ adapter: number; port: FramePort | undefined }, void];
  setLink: [{ adapter: number; up: boolean }, void];
  networkStatistics: [number, AdapterStatistics];
  statistics: [undefined, MachineStatistics];
  profile: [undefined, MachineProfile];
  registers: [undefined, RegisterState];
  readMemory: [{ address: number; length: number }, Uint8Array];
}

export type Operation = keyof Operations;

export type Request = {
  [O in Operation]: { readonly id: number; readonly operation: O; readonly argument: Operations[O][0] };
}[Operation];

export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly subject: string | undefined;
  /** Code of the error behind, e.g. of a disk image. */
  readonly detail: string | undefined;
}

export type Message =
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorMessage }
  | { readonly kind: 'event'; readonly event: MachineEvent }
  | { readonly kind: 'screen'; readonly screen: ScreenState }
  /** The whole run's, before its last event. */
  | { readonly kind: 'profile'; readonly profile: MachineProfile };

/** One end of the line: a `MessagePort`, a worker, or a pair in one thread. */
export interface Line<Out, In> {
  /** @param transfer what the other side gets and this one loses: message ports */
  send(message: Out, transfer?: readonly Transferable[]): void;
  receive(listener: (message: In) => void): void;
}

export function toErrorMessage(error: unknown): ErrorMessage {
  if (error instanceof VirtualServerError) {
    const { cause } = error;
    const detail = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
    return { code: error.code, message: error.message, subject: error.subject, detail: error.detail ?? detail };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: Codes.Crashed, message, subject: undefined, detail: undefined };
}

export function fromErrorMessage({ code, message, subject, detail }: ErrorMessage): VirtualServerError {
  return new VirtualServerError(code, message, { subject, detail });
}
