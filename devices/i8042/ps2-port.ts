/** One PS/2 connector: what the 8042 sees of a keyboard or mouse, and the other way round. */

/** A keyboard or mouse, seen from the controller. */
export interface Ps2Device {
  /** A byte waits to be clocked out. */
  readonly pending: boolean;
  /** Takes the next byte out. Only called while `pending`. */
  take(): number;
  /** A byte from the host arrives. */
  receive(byte: number): void;
  /** Called by the controller once, with a function that the device calls whenever `pending` may have become true. */
  attach(ready: () => void): void;
}
