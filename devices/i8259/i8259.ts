/**
 * The two cascaded 8259A interrupt controllers of the PIIX4 with their edge/level control registers.
 *
 * Data sheet: Intel 8259A (231468); Intel 82371AB PIIX4 (290562), section 8.6 "Interrupt controller" and the ELCR registers.
 * Models: initialisation and operation command words, fully nested, special fully nested and special mask modes,
 * rotation, automatic end of interrupt, polling, spurious IRQ 7 and 15, ELCR.
 * Does not model: MCS-80/85 vectors, buffered mode (no effect on a PC), a slave identity other than IR2.
 * An edge request stays latched until it is acknowledged, even if its line drops first; a level request follows its line.
 */
import type { BusRegion } from '../bus.ts';
import type { Device, DeviceHost } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';
import { Controller } from './controller.ts';

const CASCADE = 2;
/** Inputs that may be level-triggered: not IRQ 0, 1, 2, 8, 13. */
const ELCR_WRITABLE = [0xf8, 0xde] as const;

export interface I8259Options {
  /** INTR to the processor; called with each new level. */
  readonly request: (asserted: boolean) => void;
}

export class I8259Pair implements Device {
  readonly name = 'i8259';
  /** Ports 20h-21h. */
  readonly master: BusRegion;
  /** Ports A0h-A1h. */
  readonly slave: BusRegion;
  /** Ports 4D0h-4D1h: ELCR1 and ELCR2. */
  readonly edgeLevel: BusRegion;
  readonly state: StateDeclaration;
  readonly #request: (asserted: boolean) => void;
  readonly #inputs: readonly EdgeLine[];
  #requested = false;
  private readonly first: Controller;
  private readonly second: Controller;

  constructor(host: DeviceHost, options: I8259Options) {
    this.#request = options.request;
    this.first = new Controller('i8259 master', host.log, 1 << CASCADE);
    this.second = new Controller('i8259 slave', host.log, 0);
    this.#inputs = Array.from({ length: 16 }, (_, irq) => ({ set: (high: boolean) => this.#setLine(irq, high) }));
    this.master = this.#commandPorts('i8259 master', this.first);
    this.slave = this.#commandPorts('i8259 slave', this.second);
    const controllers = [this.first, this.second] as const;
    this.edgeLevel = {
      name: 'i8259 edge/level control',
      length: 2,
      read: (offset) => controllers[offset]!.elcr,
      write: (offset, _size, value) => {
        controllers[offset]!.setElcr(value & ELCR_WRITABLE[offset]!);
        this.#update();
      },
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'first', type: { record: Controller.fields } },
        { name: 'second', type: { record: Controller.fields } },
      ],
      loaded: () => {
        this.#requested = this.first.pending() >= 0;
        this.#request(this.#requested);
      },
    };
  }

  #commandPorts(name: string, controller: Controller): BusRegion {
    return {
      name,
      length: 2,
      read: (offset) => {
        const polled = controller.poll;
        const value = controller.read(offset);
        if (polled) this.#update();
        return value;
      },
      write: (offset, _size, value) => {
        controller.write(offset, value);
        this.#update();
      },
    };
  }

  /** RSTDRV forgets everything but the levels that devices drive. */
  reset(_cause: ResetCause): void {
    this.first.powerOn();
    this.second.powerOn();
    this.#update();
  }

  /**
   * The wire of an interrupt request; level-triggered or not is up to ELCR.
   * @throws RangeError for IRQ 2 (the cascade) and numbers outside 0 .. 15
   */
  input(irq: number): EdgeLine {
    const line = this.#inputs[irq];
    if (!line || irq === CASCADE) throw new RangeError(`no interrupt request line ${irq}`);
    return line;
  }

  /** Level of INTR. */
  get requested(): boolean {
    return this.#requested;
  }

  /** Whether ELCR makes the request level-triggered. */
  isLevel(irq: number): boolean {
    return (((this.first.elcr | (this.second.elcr << 8)) >> irq) & 1) !== 0;
  }

  /** The interrupt acknowledge cycle: puts the request in service and returns its vector (0 .. 255). */
  acknowledge(): number {
    const { first, second } = this;
    const input = first.pending();
    let vector = first.vector(input < 0 ? 7 : input);
    if (input >= 0) first.accept(input);
    if (input === CASCADE) {
      const behind = second.pending();
      vector = second.vector(behind < 0 ? 7 : behind);
      if (behind >= 0) second.accept(behind);
    }
    this.#update();
    return vector;
  }

  #setLine(irq: number, high: boolean): void {
    if (irq < 8) this.first.setLine(irq, high);
    else this.second.setLine(irq - 8, high);
    this.#update();
  }

  #update(): void {
    this.first.setLine(CASCADE, this.second.pending() >= 0);
    const requested = this.first.pending() >= 0;
    if (requested === this.#requested) return;
    this.#requested = requested;
    this.#request(requested);
  }
}
