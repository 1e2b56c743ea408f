/**
 * Subsystem status and control (port 42E8h): what happened, and which of it interrupts.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 18, registers 42E8 read and write; CR11 bits 5-4, CR32 bit 4.
 * Models: the four status bits with their clears and enables, the VGA's vertical retrace interrupt on the same line, the
 * engine reset.
 * Does not model: FIFO overflow (bit 2 stays clear: nothing is lost).
 */
import type { Nanoseconds } from '../clock.ts';
import type { LevelSource } from '../interrupt-line.ts';
import type { Field } from '../state.ts';

const VERTICAL_SYNC = 0x01;
const ENGINE_DONE = 0x02;
const FIFO_EMPTY = 0x08;
const STATUS_BITS = 0x0f;
const EIGHT_BITS_PER_PIXEL = 0x80;
/** Monitor id of a multisync display. */
const MONITOR_ID = 0x60;
const ENGINE_CONTROL_SHIFT = 14;
const ENGINE_RESET = 2;

export class Subsystem {
  status = 0;
  /** Bits 8-11 enable interrupts, 14-15 control the engine. */
  control = 0;
  /** The VGA's own retrace interrupt. */
  vgaPending = false;
  vgaEnabled = false;
  /** Retraces up to this time are in `status`. */
  watchedSince: Nanoseconds = 0;
  #enabled = false;
  readonly #irq: LevelSource;

  constructor(irq: LevelSource) {
    this.#irq = irq;
  }

  reset(): void {
    this.status = 0;
    this.control = 0;
    this.vgaPending = false;
    this.vgaEnabled = false;
    this.setEnabled(false);
  }

  /** CR32 bit 4. */
  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.#drive();
  }

  get wantsRetrace(): boolean {
    return this.vgaEnabled || (this.control & (VERTICAL_SYNC << 8)) !== 0;
  }

  read(packed: boolean): number {
    return this.status | MONITOR_ID | (packed ? EIGHT_BITS_PER_PIXEL : 0);
  }

  /** @param bits those of the value that were written @returns whether the engine is reset */
  write(value: number, bits: number): boolean {
    this.status &= ~(value & bits & STATUS_BITS);
    if (bits & 0xff00) this.control = value & 0xcf00;
    this.#drive();
    return (bits & 0xff00) !== 0 && value >> ENGINE_CONTROL_SHIFT === ENGINE_RESET;
  }

  retrace(): void {
    this.status |= VERTICAL_SYNC;
    if (this.vgaEnabled) this.vgaPending = true;
    this.#drive();
  }

  engineDone(): void {
    this.status |= ENGINE_DONE | FIFO_EMPTY;
    this.#drive();
  }

  #drive(): void {
    const own = (this.status & (this.control >> 8) & STATUS_BITS) !== 0;
    this.#irq.set(this.#enabled && (own || (this.vgaPending && this.vgaEnabled)));
  }
}

/** What a saved state holds of a `Subsystem`. */
export const SUBSYSTEM_FIELDS: readonly Field[] = [
  { name: 'status', type: 'u8' },
  { name: 'control', type: 'u16' },
  { name: 'vgaPending', type: 'bool' },
  { name: 'vgaEnabled', type: 'bool' },
  { name: 'watchedSince', type: 'f64' },
];
