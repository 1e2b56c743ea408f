/**
 * Seeks of the 82078's four units, and the interrupts that SENSE INTERRUPT STATUS fetches.
 *
 * Source: Intel 82078 data sheet (290468), "Seek", "Recalibrate", "Sense interrupt status", "Drive polling".
 */
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Field } from '../state.ts';
import type { Drive } from './drive.ts';
import { St0 } from './operation.ts';

/** Units that the controller addresses, connected or not. */
export const UNITS = 4;
/** Head settling, and a whole seek of a drive in a hurry. */
const SETTLE: Nanoseconds = 2_000_000;
const FAST_SEEK: Nanoseconds = 20_000;
/** RECALIBRATE gives up after this many step pulses. */
const MAX_STEPS = 80;

export class Seeker {
  static readonly fields: readonly Field[] = [
    { name: 'attention', type: 'u8' },
    { name: 'polled', type: 'bool' },
    { name: 'st0', type: { bytes: UNITS } },
    { name: 'pcn', type: { bytes: UNITS } },
    {
      name: 'seeks',
      type: {
        list: [
          { name: 'end', type: 'f64' },
          { name: 'recalibrate', type: 'bool' },
        ],
        length: UNITS,
      },
    },
  ];

  /** Units with an interrupt that has not been fetched, one bit each. */
  attention = 0;
  /** The interrupts come from polling after a reset: four behind one request. */
  polled = false;
  /** Cylinder number that the controller believes in, per unit. */
  readonly pcn = new Uint8Array(UNITS);
  private readonly st0 = new Uint8Array(UNITS);
  private readonly seeks = Array.from({ length: UNITS }, () => ({ end: Infinity, recalibrate: false }));
  readonly #clock: Clock;
  readonly #drives: readonly Drive[];
  readonly #fast: boolean;
  readonly #done: () => void;
  readonly #alarms: readonly Alarm[];

  /** @param done called when a seek has ended and asks for an interrupt */
  constructor(clock: Clock, drives: readonly Drive[], fast: boolean, done: () => void) {
    this.#clock = clock;
    this.#drives = drives;
    this.#fast = fast;
    this.#done = done;
    this.#alarms = this.seeks.map((_, unit) => clock.alarm(`i82078 seek ${unit}`, () => this.#finish(unit)));
  }

  /** Forgets seeks under way and interrupts; the heads stay where they are. */
  abort(): void {
    this.attention = 0;
    this.seeks.forEach((seek, unit) => {
      seek.end = Infinity;
      this.#alarms[unit]!.cancel();
    });
  }

  loaded(): void {
    this.attention &= 0x0f;
    this.seeks.forEach((seek, unit) => this.#alarms[unit]!.set(seek.end));
  }

  /** Bits 0-3 of the main status register: units that are seeking. */
  get busy(): number {
    let busy = 0;
    this.seeks.forEach((seek, unit) => {
      if (seek.end !== Infinity) busy |= 1 << unit;
    });
    return busy;
  }

  /** Polling after reset finds every unit's ready line changed. */
  pollAll(): void {
    this.attention = 0x0f;
    this.polled = true;
    for (let unit = 0; unit < UNITS; unit++) this.st0[unit] = St0.Ready | unit;
  }

  /** Steps by the difference to the believed cylinder. `stepTime` is the rate of SPECIFY. */
  seek(unit: number, cylinder: number, stepTime: Nanoseconds): void {
    const drive = this.#drives[unit]!;
    const steps = cylinder - this.pcn[unit]!;
    if (drive.present) drive.step(drive.cylinder + steps);
    this.#start(unit, cylinder, false, Math.abs(steps) * stepTime);
  }

  /** Steps outwards until the track 0 signal comes. */
  recalibrate(unit: number, stepTime: Nanoseconds): void {
    const drive = this.#drives[unit]!;
    const steps = Math.min(drive.cylinder, MAX_STEPS);
    if (drive.present) {
      if (steps > 0) drive.step(drive.cylinder - steps);
      else drive.pulse();
    }
    this.#start(unit, 0, true, steps * stepTime);
  }

  #start(unit: number, cylinder: number, recalibrate: boolean, time: Nanoseconds): void {
    this.pcn[unit] = cylinder;
    const seek = this.seeks[unit]!;
    seek.recalibrate = recalibrate;
    seek.end = this.#clock.now() + (this.#fast ? FAST_SEEK : SETTLE + time);
    this.#alarms[unit]!.set(seek.end);
  }

  #finish(unit: number): void {
    const seek = this.seeks[unit]!;
    const drive = this.#drives[unit]!;
    seek.end = Infinity;
    const lost = seek.recalibrate && !(drive.present && drive.cylinder === 0);
    this.st0[unit] = St0.SeekEnd | unit | (lost ? St0.Abnormal | St0.EquipmentCheck : 0);
    this.attention |= 1 << unit;
    this.polled = false;
    this.#done();
  }

  /** Fetches the interrupt of the lowest unit: ST0 and cylinder; `undefined` when there is none. */
  sense(): readonly [st0: number, pcn: number] | undefined {
    for (let unit = 0; unit < UNITS; unit++) {
      if (!(this.attention & (1 << unit))) continue;
      this.attention &= ~(1 << unit);
      return [this.st0[unit]!, this.pcn[unit]!];
    }
    return undefined;
  }
}
