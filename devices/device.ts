import type { Clock } from './clock.ts';
import type { StateDeclaration } from './state.ts';

/** Why a reset happened. PowerOn clears everything; Hard is RSTDRV (port CF9h, power good); Soft keeps what a warm boot keeps. */
export const ResetCause = { PowerOn: 0, Hard: 1, Soft: 2 } as const;
export type ResetCause = (typeof ResetCause)[keyof typeof ResetCause];

/** Where a device reports what it does not model; each distinct message is logged once, with a count kept. */
export interface DeviceLog {
  /** The guest used something that the real part has and this model does not. `what` names register or command. */
  unimplemented(device: string, what: string, value?: number): void;
  /** The guest did something the real part leaves undefined or ignores. */
  guestError(device: string, what: string, value?: number): void;
}

/** What every device gets from the board. */
export interface DeviceHost {
  readonly clock: Clock;
  readonly log: DeviceLog;
}

export interface Device {
  /** Part number in lower case, plus an instance suffix where there are several: `i8254`, `ns16550.0`. */
  readonly name: string;
  /** The fields a saved state holds; see state.ts. */
  readonly state: StateDeclaration;
  reset(cause: ResetCause): void;
}
