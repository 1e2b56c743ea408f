/** What devices report as not modelled or misused: told once for each distinct message, counted afterwards. */
import type { DeviceLog } from '../../devices/device.ts';

/** Distinct messages kept; a guest that makes up ever new ones is no longer listened to. */
const LIMIT = 1000;

export interface LoggedMessage {
  readonly level: 'info' | 'warning';
  readonly source: string;
  readonly message: string;
}

export class OnceLog implements DeviceLog {
  readonly #counts = new Map<string, number>();
  readonly #report: (message: LoggedMessage) => void;

  /** @param report called at the first occurrence of each message */
  constructor(report: (message: LoggedMessage) => void) {
    this.#report = report;
  }

  /** `what` with the value of its first occurrence: the same register used with other values is no news. */
  #add(level: LoggedMessage['level'], source: string, what: string, value: number | undefined): void {
    const key = `${source}: ${what}`;
    const count = this.#counts.get(key) ?? 0;
    if (count === 0 && this.#counts.size >= LIMIT) return;
    this.#counts.set(key, count + 1);
    if (count > 0) return;
    const shown = value === undefined ? '' : ` (value ${value.toString(16).toUpperCase()}h)`;
    this.#report({ level, source, message: `${what}${shown}` });
  }

  unimplemented(device: string, what: string, value?: number): void {
    this.#add('warning', device, `not modelled: ${what}`, value);
  }

  guestError(device: string, what: string, value?: number): void {
    this.#add('info', device, what, value);
  }

  /** Occurrences by message. */
  counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}
