/** Conversions between the clock registers of an MC146818 and a calendar time. */

/** Register numbers of the clock. */
export const Register = {
  Seconds: 0,
  SecondsAlarm: 1,
  Minutes: 2,
  MinutesAlarm: 3,
  Hours: 4,
  HoursAlarm: 5,
  DayOfWeek: 6,
  DayOfMonth: 7,
  Month: 8,
  Year: 9,
  A: 10,
  B: 11,
  C: 12,
  D: 13,
} as const;

/** Register B: binary data instead of BCD; 24-hour instead of 12-hour form. */
const BINARY = 0x04;
const HOURS_24 = 0x02;

function decode(value: number, b: number): number {
  return b & BINARY ? value : (value >> 4) * 10 + (value & 15);
}

function encode(value: number, b: number): number {
  return b & BINARY ? value : (Math.floor(value / 10) << 4) | (value % 10);
}

function decodeHours(value: number, b: number): number {
  if (b & HOURS_24) return decode(value, b);
  return (decode(value & 0x7f, b) % 12) + (value & 0x80 ? 12 : 0);
}

function encodeHours(hours: number, b: number): number {
  if (b & HOURS_24) return encode(hours, b);
  return encode(hours % 12 || 12, b) | (hours >= 12 ? 0x80 : 0);
}

/** Time that the registers show, in ms since 1970 as if they were UTC. Impossible dates are carried over as `Date.UTC` does. */
export function readCalendar(registers: Uint8Array, century: number): number {
  const b = registers[Register.B]!;
  const at = (register: number): number => decode(registers[register]!, b);
  const date = new Date(0);
  date.setUTCFullYear(
    decode(registers[century]!, b) * 100 + at(Register.Year),
    at(Register.Month) - 1,
    at(Register.DayOfMonth),
  );
  date.setUTCHours(decodeHours(registers[Register.Hours]!, b), at(Register.Minutes), at(Register.Seconds));
  return date.getTime();
}

/** Puts a time into the registers; the day of the week is left to the caller, since a guest may number it as it likes. */
export function writeCalendar(registers: Uint8Array, century: number, time: number): void {
  const b = registers[Register.B]!;
  const date = new Date(time);
  const year = ((date.getUTCFullYear() % 10000) + 10000) % 10000;
  registers[Register.Seconds] = encode(date.getUTCSeconds(), b);
  registers[Register.Minutes] = encode(date.getUTCMinutes(), b);
  registers[Register.Hours] = encodeHours(date.getUTCHours(), b);
  registers[Register.DayOfMonth] = encode(date.getUTCDate(), b);
  registers[Register.Month] = encode(date.getUTCMonth() + 1, b);
  registers[Register.Year] = encode(year % 100, b);
  registers[century] = encode(Math.floor(year / 100), b);
}

/** Whether an alarm register accepts the time register; both top bits set mean "don't care". */
export function alarmMatches(alarm: number, value: number): boolean {
  return alarm >= 0xc0 || alarm === value;
}
