/**
 * The PC's small control ports: NMI status and speaker (61h), fast A20 and reset (92h), POST code (80h), delay (EDh),
 * coprocessor error (F0h-F1h) and the APM shutdown port of emulator firmware (8900h).
 *
 * Data sheet: Intel 82371AB PIIX4 (290562), NMI, port 92 and coprocessor error registers.
 * Models: speaker gate and data, refresh toggle, timer 2 output, NMI enables with latched sources, INIT on the rising
 * edge of bit 0 of port 92h, IRQ 13 and IGNNE# handling for FERR#.
 * Does not model: the NMI mask of port 70h (with the clock, in mc146818), separate reset of an 80287 (F1h).
 */
import type { BusRegion } from '../bus.ts';
import type { Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import type { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';

/** Half period of the refresh request: 18 clocks of 1.193182 MHz. */
const REFRESH: Nanoseconds = 15_085;
const SHUTDOWN_TEXT = 'Shutdown';

/** Port 61h. */
const GATE_2 = 0x01;
const SPEAKER = 0x02;
const SERR_DISABLE = 0x04;
const IOCHK_DISABLE = 0x08;
const REFRESH_TOGGLE = 0x10;
const OUT_2 = 0x20;
const IOCHK_STATUS = 0x40;
const SERR_STATUS = 0x80;

/** Port 92h. */
const FAST_INIT = 0x01;
const FAST_A20 = 0x02;

export interface SystemControlOptions {
  /** Gate of timer 2. */
  readonly setGate2: (high: boolean) => void;
  /** Output of timer 2. */
  readonly output2: () => boolean;
  /** The speaker amplifier is connected to timer 2's output. */
  readonly onSpeaker?: (enabled: boolean) => void;
  /** Non-maskable interrupt, before the mask of port 70h. */
  readonly onNmi: () => void;
  /** Bit 1 of port 92h changed or was written. */
  readonly onA20: (enabled: boolean) => void;
  /** Processor reset through bit 0 of port 92h. */
  readonly onReset: () => void;
  /** IRQ 13. */
  readonly coprocessorIrq: EdgeLine;
  /** IGNNE#: the processor goes on in spite of an unmasked floating-point error while `true`. */
  readonly onIgnne: (asserted: boolean) => void;
  /** A diagnostic code was written to port 80h. */
  readonly onPost?: (code: number) => void;
  /** The guest's BIOS asked for power-off through port 8900h. */
  readonly onShutdown?: () => void;
}

export class SystemControl implements Device {
  readonly name = 'system-control';
  /** Port 61h. */
  readonly nmiStatus: BusRegion;
  /** Port 92h. */
  readonly fast: BusRegion;
  /** Port 80h; covers the unused DMA page register there. */
  readonly post: BusRegion;
  /** Port EDh. */
  readonly delay: BusRegion;
  /** Ports F0h-F1h. */
  readonly coprocessor: BusRegion;
  /** Port 8900h. */
  readonly shutdown: BusRegion;
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #options: SystemControlOptions;
  private control = 0;
  private serr = false;
  private iochk = false;
  private fastControl = 0;
  private postCode = 0;
  private ferr = false;
  private ignne = false;
  private shutdownMatched = 0;

  constructor(host: DeviceHost, options: SystemControlOptions) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#options = options;
    const port = (name: string, read: () => number, write: (value: number) => void, length = 1): BusRegion => ({
      name,
      length,
      read,
      write: (_offset, _size, value) => write(value),
    });
    this.nmiStatus = port(
      'nmi status and control',
      () => this.#readControl(),
      (value) => this.#writeControl(value),
    );
    this.fast = port(
      'fast A20 and reset',
      () => this.fastControl,
      (value) => this.#writeFast(value),
    );
    this.post = port(
      'post code',
      () => this.postCode,
      (value) => {
        this.postCode = value;
        options.onPost?.(value);
      },
    );
    this.delay = port(
      'delay',
      () => 0xff,
      () => undefined,
    );
    this.coprocessor = {
      name: 'coprocessor error',
      length: 2,
      read: () => 0xff,
      write: (offset, _size, value) => this.#writeCoprocessor(offset, value),
    };
    this.shutdown = port(
      'apm shutdown',
      () => 0xff,
      (value) => this.#writeShutdown(value),
    );
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'control', type: 'u8' },
        { name: 'serr', type: 'bool' },
        { name: 'iochk', type: 'bool' },
        { name: 'fastControl', type: 'u8' },
        { name: 'postCode', type: 'u8' },
        { name: 'ferr', type: 'bool' },
        { name: 'ignne', type: 'bool' },
        { name: 'shutdownMatched', type: 'u8' },
      ],
      loaded: () => {
        options.setGate2((this.control & GATE_2) !== 0);
        options.onSpeaker?.((this.control & SPEAKER) !== 0);
        options.coprocessorIrq.set(this.ferr && !this.ignne);
        options.onIgnne(this.ignne);
      },
    };
  }

  reset(_cause: ResetCause): void {
    this.control = 0;
    this.serr = this.iochk = this.ferr = this.ignne = false;
    this.fastControl = 0;
    this.postCode = 0;
    this.shutdownMatched = 0;
    this.#options.setGate2(false);
    this.#options.onSpeaker?.(false);
    this.#options.coprocessorIrq.set(false);
    this.#options.onIgnne(false);
  }

  /** FERR# from the processor: an unmasked floating-point error waits while CR0.NE = 0. */
  setFerr(asserted: boolean): void {
    if (asserted === this.ferr) return;
    this.ferr = asserted;
    if (!asserted && this.ignne) {
      this.ignne = false;
      this.#options.onIgnne(false);
    }
    this.#options.coprocessorIrq.set(asserted && !this.ignne);
  }

  /** SERR# on PCI: latches the status bit and raises an NMI unless port 61h disables it. */
  raiseSerr(): void {
    if (this.control & SERR_DISABLE) return;
    this.serr = true;
    this.#options.onNmi();
  }

  /** IOCHK# on ISA, as `raiseSerr`. */
  raiseIochk(): void {
    if (this.control & IOCHK_DISABLE) return;
    this.iochk = true;
    this.#options.onNmi();
  }

  #readControl(): number {
    return (
      this.control |
      (Math.floor(this.#clock.now() / REFRESH) & 1 ? REFRESH_TOGGLE : 0) |
      (this.#options.output2() ? OUT_2 : 0) |
      (this.iochk ? IOCHK_STATUS : 0) |
      (this.serr ? SERR_STATUS : 0)
    );
  }

  #writeControl(value: number): void {
    const changed = this.control ^ value;
    this.control = value & 0x0f;
    if (value & SERR_DISABLE) this.serr = false;
    if (value & IOCHK_DISABLE) this.iochk = false;
    if (changed & GATE_2) this.#options.setGate2((value & GATE_2) !== 0);
    if (changed & SPEAKER) this.#options.onSpeaker?.((value & SPEAKER) !== 0);
  }

  #writeFast(value: number): void {
    const init = (value & ~this.fastControl & FAST_INIT) !== 0;
    this.fastControl = value & (FAST_A20 | FAST_INIT);
    this.#options.onA20((value & FAST_A20) !== 0);
    if (init) this.#options.onReset();
  }

  #writeCoprocessor(offset: number, value: number): void {
    if (offset === 1) {
      this.#log.unimplemented(this.name, '80287 reset (port F1h)', value);
      return;
    }
    this.#options.coprocessorIrq.set(false);
    // IGNNE# lets the handler run floating-point instructions; it lasts until FERR# goes away.
    if (this.ferr && !this.ignne) {
      this.ignne = true;
      this.#options.onIgnne(true);
    }
  }

  #writeShutdown(value: number): void {
    const matches = value === SHUTDOWN_TEXT.charCodeAt(this.shutdownMatched);
    if (matches) this.shutdownMatched++;
    else this.shutdownMatched = value === SHUTDOWN_TEXT.charCodeAt(0) ? 1 : 0;
    if (this.shutdownMatched < SHUTDOWN_TEXT.length) return;
    this.shutdownMatched = 0;
    this.#options.onShutdown?.();
  }
}
