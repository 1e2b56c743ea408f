/** The guest's clock as a configuration stores it. */

export interface GuestClock {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

function fromBcd(byte: number): number {
  return (byte >> 4) * 10 + (byte & 15);
}

/**
 * The date and time in RTC registers 0 to 9 (MC146818 layout, BCD, 24 hours): seconds, minutes, hours at 0, 2, 4, day, month, year at
 * 7, 8, 9. Undefined when it is no possible time.
 * @param century CMOS 32h in BCD; 20h when absent.
 */
export function decodeGuestClock(timeBytes: Uint8Array, century = 0x20): GuestClock | undefined {
  const [second, , minute, , hour, , , day, month, year] = Array.from(timeBytes, fromBcd);
  const clock = { year: fromBcd(century) * 100 + year, month, day, hour, minute, second };
  const date = new Date(Date.UTC(clock.year, month - 1, day, hour, minute, second));
  const same =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute;
  return same && date.getUTCSeconds() === second ? clock : undefined;
}
