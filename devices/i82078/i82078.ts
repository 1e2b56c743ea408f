/**
 * 82078 floppy disk controller with up to two drives, in PC/AT mode.
 *
 * Data sheet: Intel 82078 44-pin (290468) and 82077AA (290166).
 * Models: reset and drive polling, all sector commands with multi-track, skip and implied seek, scan, format, verify,
 * seeks that overlap, DMA and non-DMA transfers, disk change line, write protection, data rates that must fit the disk.
 * Does not model: FM recording, sector sizes other than 512 bytes, deleted data marks (written as ordinary ones), gap
 * lengths, CRC errors, tape drives, the SAVE, RESTORE and FORMAT AND WRITE commands, PS/2 status registers A and B, the
 * endless wait of a drive without index pulses (no disk, motor off: the command ends with a missing address mark). Non-DMA transfers interrupt once per sector; the bytes of a sector are then ready without pause.
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { DmaChannel } from '../i8237/i8237.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';
import { decodeCommand, MFM, MULTI_TRACK, Opcode } from './commands.ts';
import { Drive } from './drive.ts';
import { Executor } from './executor.ts';
import type { FloppyMedia } from './media.ts';
import type { Operation } from './operation.ts';
import { St0 } from './operation.ts';
import { Seeker, UNITS } from './seeker.ts';

/** Digital output register. */
const DOR_NOT_RESET = 0x04;
const DOR_DMA_GATE = 0x08;
/** Main status register. */
const RQM = 0x80;
const DIO = 0x40;
const NON_DMA = 0x20;
const BUSY = 0x10;
/** CONFIGURE, second byte. */
const IMPLIED_SEEK = 0x40;
const POLL_DISABLED = 0x10;
const FIFO_DISABLED = 0x20;
const FIFO_THRESHOLD = 0x0f;

const MAX_COMMAND = 9;
const MAX_RESULT = 10;
const RESET_TIME: Nanoseconds = 50_000;
/** Unit of the step rate by data rate code. */
const STEP_UNITS = [1_000_000, 1_666_667, 2_000_000, 500_000] as const;
export interface I82078Options {
  /** IRQ 6. */
  readonly irq: EdgeLine;
  /** DMA channel 2. */
  readonly dma: DmaChannel;
  /** Which of drives A and B are connected (default: A only). */
  readonly drives?: readonly [boolean, boolean];
  /** Seeks and sectors take microseconds instead of what the mechanics need. */
  readonly fast?: boolean;
  /** A drive's motor went on or off, for an activity lamp. */
  readonly onMotor?: (drive: number, on: boolean) => void;
}

export class I82078 implements Device {
  readonly name = 'i82078';
  /** Ports 3F0h-3F5h. */
  readonly registers: BusRegion;
  /** Port 3F7h: digital input (read), configuration control (write). */
  readonly control: BusRegion;
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #options: I82078Options;
  readonly #resetAlarm: Alarm;
  private readonly drives: readonly Drive[];
  private readonly executor: Executor;
  private readonly seeker: Seeker;
  private dor = 0;
  private tdr = 0;
  private rate = 2;
  private command: number[] = [];
  private result: number[] = [];
  /** IRQ wire before the DMA gate. */
  private interrupt = false;
  private resetEnd: Nanoseconds = Infinity;
  private readonly specify = new Uint8Array(2);
  private configure = FIFO_DISABLED;
  private precompensation = 0;
  private perpendicular = 0;
  private lastEot = 0;
  private lock = false;
  /** DRIVE SPECIFICATION: data rate table and drive type, per drive; stored only. */
  private readonly driveSpecification = new Uint8Array(UNITS);

  constructor(host: DeviceHost, options: I82078Options) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#options = options;
    const connected = options.drives ?? [true, false];
    this.drives = Array.from({ length: UNITS }, (_, i) => new Drive(connected[i] ?? false));
    this.executor = new Executor({
      log: host.log,
      clock: host.clock,
      drives: this.drives,
      dma: options.dma,
      fast: options.fast ?? false,
      nonDma: () => (this.specify[1]! & 1) !== 0,
      motorOn: (drive) => (this.dor & (0x10 << drive)) !== 0,
      rate: () => this.rate,
      request: (asserted) => this.#raise(asserted),
      finish: (operation, code) => this.#finish(operation, code),
    });
    this.seeker = new Seeker(host.clock, this.drives, options.fast ?? false, () => this.#raise(true));
    this.#resetAlarm = host.clock.alarm('i82078 reset', () => this.#resetDone());
    this.registers = {
      name: 'i82078',
      length: 6,
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value),
    };
    this.control = {
      name: 'i82078 control',
      length: 1,
      read: () => this.#digitalInput(),
      write: (_offset, _size, value) => {
        this.rate = value & 3;
      },
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        ...['dor', 'tdr', 'rate', 'configure', 'precompensation', 'perpendicular', 'lastEot'].map(
          (name) => ({ name, type: 'u8' }) as const,
        ),
        { name: 'command', type: { buffer: MAX_COMMAND } },
        { name: 'result', type: { buffer: MAX_RESULT } },
        ...['interrupt', 'lock'].map((name) => ({ name, type: 'bool' }) as const),
        { name: 'resetEnd', type: 'f64' },
        { name: 'specify', type: { bytes: 2 } },
        { name: 'driveSpecification', type: { bytes: UNITS } },
        { name: 'seeker', type: { record: Seeker.fields } },
        { name: 'drives', type: { list: Drive.fields, length: UNITS } },
        { name: 'executor', type: { record: Executor.fields } },
      ],
      loaded: () => this.#loaded(),
    };
    this.reset(ResetCause.PowerOn);
  }

  #loaded(): void {
    this.command = [...this.command];
    this.result = [...this.result];
    this.rate &= 3;
    this.executor.loaded();
    this.seeker.loaded();
    this.#resetAlarm.set(this.resetEnd);
    this.#drive();
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.PowerOn) for (const drive of this.drives) drive.cylinder = 0;
    this.#setMotors(0);
    this.dor = 0;
    this.tdr = 0;
    this.rate = 2;
    this.lock = false;
    this.specify.fill(0);
    this.driveSpecification.fill(0);
    this.perpendicular = 0;
    this.#enterReset();
    this.#drive();
  }

  // ---- disks

  /**
   * Puts a disk into drive 0 (A) or 1 (B), in place of the one that is in it.
   * @throws RangeError if the drive is not connected or the image is larger than any floppy format
   */
  insert(drive: number, media: FloppyMedia): void {
    this.#connected(drive).insert(media);
  }

  /** Takes the disk out and returns it. @throws RangeError if the drive is not connected */
  eject(drive: number): FloppyMedia | undefined {
    const unit = this.#connected(drive);
    unit.media?.flush();
    return unit.eject();
  }

  /** The disk in a drive. */
  media(drive: number): FloppyMedia | undefined {
    return this.drives[drive]?.media;
  }

  #connected(drive: number): Drive {
    const unit = this.drives[drive];
    if (!unit?.present) throw new RangeError(`no floppy drive ${drive}`);
    return unit;
  }

  // ---- interrupt and reset

  #raise(asserted: boolean): void {
    this.interrupt = asserted;
    this.#drive();
  }

  #drive(): void {
    this.#options.irq.set(this.interrupt && (this.dor & DOR_DMA_GATE) !== 0);
  }

  #enterReset(): void {
    this.executor.abort();
    this.seeker.abort();
    this.command = [];
    this.result = [];
    this.interrupt = false;
    this.resetEnd = Infinity;
    this.#resetAlarm.cancel();
    if (this.lock) {
      // LOCK keeps the FIFO settings, not implied seek and polling.
      this.configure &= FIFO_DISABLED | FIFO_THRESHOLD;
    } else {
      this.configure = FIFO_DISABLED;
      this.precompensation = 0;
    }
  }

  #leaveReset(): void {
    this.resetEnd = this.#clock.now() + RESET_TIME;
    this.#resetAlarm.set(this.resetEnd);
  }

  #resetDone(): void {
    this.resetEnd = Infinity;
    if (this.configure & POLL_DISABLED) return;
    this.seeker.pollAll();
    this.#raise(true);
  }

  // ---- registers

  get #inReset(): boolean {
    return !(this.dor & DOR_NOT_RESET) || this.resetEnd !== Infinity;
  }

  #mainStatus(): number {
    if (this.#inReset) return 0;
    let status = this.seeker.busy;
    const { executor } = this;
    if (executor.operation.active) {
      status |= BUSY;
      if (this.specify[1]! & 1) status |= NON_DMA;
      if (executor.dataReady) status |= RQM | (executor.toHost ? DIO : 0);
    } else if (this.result.length > 0) {
      status |= RQM | DIO | BUSY;
    } else {
      status |= RQM | (this.command.length > 0 ? BUSY : 0);
    }
    return status;
  }

  #read(offset: number): number {
    switch (offset) {
      case 2:
        return this.dor;
      case 3:
        return 0xfc | this.tdr;
      case 4:
        return this.#mainStatus();
      case 5:
        return this.#readData();
      default:
        return 0xff;
    }
  }

  #readData(): number {
    if (this.#inReset) return 0;
    if (this.executor.toHost) return this.executor.readByte();
    const value = this.result.shift();
    if (value === undefined) return 0;
    this.#raise(this.seeker.attention !== 0 && !this.seeker.polled && this.result.length === 0);
    return value;
  }

  #write(offset: number, value: number): void {
    switch (offset) {
      case 2:
        this.#writeOutput(value);
        break;
      case 3:
        this.tdr = value & 3;
        break;
      case 4:
        this.rate = value & 3;
        if (value & 0x80) {
          this.#enterReset();
          this.#drive();
          if (this.dor & DOR_NOT_RESET) this.#leaveReset();
        }
        break;
      case 5:
        this.#writeData(value);
        break;
    }
  }

  #writeOutput(value: number): void {
    const before = this.dor;
    this.#setMotors(value);
    this.dor = value;
    if (!(value & DOR_NOT_RESET)) this.#enterReset();
    else if (!(before & DOR_NOT_RESET)) this.#leaveReset();
    this.#drive();
  }

  #setMotors(value: number): void {
    const changed = this.dor ^ value;
    for (let i = 0; i < UNITS; i++)
      if (changed & (0x10 << i) && this.drives[i]!.present) this.#options.onMotor?.(i, (value & (0x10 << i)) !== 0);
  }

  #digitalInput(): number {
    const selected = this.dor & 3;
    const drive = this.drives[selected]!;
    const turning = (this.dor & (0x10 << selected)) !== 0;
    return drive.present && turning && drive.changed ? 0x80 : 0;
  }

  // ---- commands

  #writeData(value: number): void {
    if (this.#inReset) return;
    const { executor } = this;
    if (executor.operation.active) {
      if (executor.dataReady && !executor.toHost) executor.writeByte(value);
      return;
    }
    if (this.result.length > 0) {
      this.#log.guestError(this.name, 'command byte while a result waits', value);
      return;
    }
    this.command.push(value);
    const decoded = decodeCommand(this.command[0]!);
    if (!decoded) {
      this.#log.unimplemented(this.name, 'command', value);
      this.#answer(St0.Invalid);
    } else if (decoded.opcode === Opcode.DriveSpecification) {
      if (this.command.length > 1) this.#specifyDrive(value);
    } else if (this.command.length >= decoded.length) {
      this.#execute(decoded.opcode);
    }
  }

  /** One byte of the open list that DRIVE SPECIFICATION takes: a drive's settings, or the end mark with bit 7 set. */
  #specifyDrive(value: number): void {
    if (value & 0x80) {
      // Bit 6 (NRP): no result phase.
      this.#answer(...(value & 0x40 ? [] : this.driveSpecification));
    } else {
      this.driveSpecification[(value >> 5) & 3] = value & 0x1f;
      this.command.pop();
    }
  }

  /** Ends a command without execution phase. */
  #answer(...bytes: readonly number[]): void {
    this.command = [];
    this.result = [...bytes];
  }

  #execute(opcode: number): void {
    const command = this.command;
    const unit = (command[1] ?? 0) & 3;
    switch (opcode) {
      case Opcode.Specify:
        this.specify.set(command.slice(1, 3));
        return this.#answer();
      case Opcode.SenseDrive:
        return this.#answer(this.#driveStatus(command[1]! & 7));
      case Opcode.Recalibrate:
        this.#answer();
        return this.seeker.recalibrate(unit, this.#stepTime);
      case Opcode.Seek:
        this.#answer();
        return this.seeker.seek(unit, command[2]!, this.#stepTime);
      case Opcode.RelativeSeek: {
        const steps = command[0]! & MFM ? command[2]! : -command[2]!;
        this.#answer();
        return this.seeker.seek(unit, (this.seeker.pcn[unit]! + steps) & 0xff, this.#stepTime);
      }
      case Opcode.SenseInterrupt:
        return this.#senseInterrupt();
      case Opcode.DumpRegisters:
        return this.#answer(
          ...this.seeker.pcn,
          ...this.specify,
          this.lastEot,
          (this.lock ? 0x80 : 0) | (this.perpendicular & 0x3f),
          this.configure,
          this.precompensation,
        );
      case Opcode.Version:
        return this.#answer(0x90);
      case Opcode.PartId:
        // Upper three bits 000: 82078; then the stepping.
        return this.#answer(0x01);
      case Opcode.Lock:
        this.lock = (command[0]! & MULTI_TRACK) !== 0;
        return this.#answer(this.lock ? 0x10 : 0x00);
      case Opcode.Configure:
        this.configure = command[2]!;
        this.precompensation = command[3]!;
        return this.#answer();
      case Opcode.Perpendicular:
        // Drive bits change only together with OW.
        this.perpendicular =
          command[1]! & 0x80 ? command[1]! & 0x3f : (this.perpendicular & 0x3c) | (command[1]! & 0x03);
        return this.#answer();
      case Opcode.PowerDown:
      case Opcode.Option:
        return this.#answer(command[1]!);
      default:
        return this.#startSectors(opcode);
    }
  }

  #startSectors(opcode: number): void {
    const { executor, command } = this;
    const { operation } = executor;
    operation.start(opcode, command);
    if (opcode === Opcode.Format) {
      operation.n = command[2]!;
      operation.left = command[3]!;
      operation.fill = command[5]!;
      operation.c = operation.h = operation.r = 0;
    } else if (opcode === Opcode.Verify) {
      // Bit 7 of the drive byte (EC) makes the last parameter a sector count.
      operation.left = command[1]! & 0x80 ? operation.dtl : 0;
    }
    if (command.length === MAX_COMMAND) this.lastEot = operation.eot;
    this.command = [];
    executor.start((this.configure & IMPLIED_SEEK) !== 0);
    if (this.configure & IMPLIED_SEEK && command.length === MAX_COMMAND) this.seeker.pcn[operation.drive] = operation.c;
  }

  #finish(operation: Operation, code: number): void {
    this.result = [
      code | operation.unit,
      operation.st1,
      operation.st2,
      operation.c,
      operation.h,
      operation.r,
      operation.n,
    ];
    this.#raise(true);
  }

  /** ST3 of the drive and head in `select`. */
  #driveStatus(select: number): number {
    const drive = this.drives[select & 3]!;
    const track0 = drive.present && drive.cylinder === 0;
    return 0x28 | select | (track0 ? 0x10 : 0) | (drive.media?.readOnly ? 0x40 : 0);
  }

  /** SRT of SPECIFY: 1 .. 16 units of 0.5 ms at 1 Mbit/s, longer at lower rates. */
  get #stepTime(): Nanoseconds {
    return (16 - (this.specify[0]! >> 4)) * STEP_UNITS[this.rate as 0 | 1 | 2 | 3];
  }

  #senseInterrupt(): void {
    const sensed = this.seeker.sense();
    if (!sensed) return this.#answer(St0.Invalid);
    this.#answer(...sensed);
    this.#raise(false);
  }
}
