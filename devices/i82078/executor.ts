/**
 * Execution phase of the 82078's sector commands: finding sectors, moving data by DMA or through the data register.
 *
 * Source: Intel 82078 data sheet (290468), "Data transfer commands", "Scan", "Format track", "Read ID".
 */
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { DeviceLog } from '../device.ts';
import type { DmaChannel } from '../i8237/i8237.ts';
import type { Field } from '../state.ts';
import { Opcode } from './commands.ts';
import type { Drive } from './drive.ts';
import { SECTOR_SIZE } from './media.ts';
import { Operation, St0, St1, St2 } from './operation.ts';

/** N for 512-byte sectors. */
const N_512 = 2;
/** CHRN that FORMAT takes for each sector. */
const ID_SIZE = 4;
const FAST_SECTOR: Nanoseconds = 20_000;

const DataPhase = { None: 0, ToHost: 1, FromHost: 2 } as const;

/** What the controller's registers mean for an execution. */
export interface ExecutorHost {
  readonly log: DeviceLog;
  readonly clock: Clock;
  readonly drives: readonly Drive[];
  readonly dma: DmaChannel;
  readonly fast: boolean;
  /** Data goes through the data register (ND bit of SPECIFY). */
  readonly nonDma: () => boolean;
  readonly motorOn: (drive: number) => boolean;
  /** Rate select code in effect. */
  readonly rate: () => number;
  /** Data waits at the data register, or has been taken. */
  readonly request: (asserted: boolean) => void;
  /** The command is over; `code` holds interrupt code and flags of ST0. */
  readonly finish: (operation: Operation, code: number) => void;
}

export class Executor {
  static readonly fields: readonly Field[] = [
    { name: 'operation', type: { record: Operation.fields } },
    { name: 'buffer', type: { bytes: SECTOR_SIZE } },
    { name: 'phase', type: 'u8' },
    { name: 'position', type: 'u16' },
    { name: 'length', type: 'u16' },
    { name: 'deadline', type: 'f64' },
    { name: 'unreadable', type: 'bool' },
  ];

  readonly operation = new Operation();
  readonly #host: ExecutorHost;
  readonly #alarm: Alarm;
  readonly buffer = new Uint8Array(SECTOR_SIZE);
  private phase: number = DataPhase.None;
  private position = 0;
  private length = 0;
  private deadline: Nanoseconds = Infinity;
  /** Nothing on the track can be read: no disk, motor off, other density. */
  private unreadable = false;

  constructor(host: ExecutorHost) {
    this.#host = host;
    this.#alarm = host.clock.alarm('i82078 sector', () => this.#step());
  }

  get #drive(): Drive {
    return this.#host.drives[this.operation.drive]!;
  }

  /** The data register asks for, or offers, a byte in the execution phase. */
  get dataReady(): boolean {
    return this.phase !== DataPhase.None;
  }

  get toHost(): boolean {
    return this.phase === DataPhase.ToHost;
  }

  abort(): void {
    this.operation.active = false;
    this.phase = DataPhase.None;
    this.#schedule(Infinity);
  }

  loaded(): void {
    this.position = Math.min(this.position, SECTOR_SIZE - 1);
    this.length = Math.min(this.length, SECTOR_SIZE);
    this.operation.drive &= 3;
    this.#alarm.set(this.deadline);
  }

  #schedule(delay: Nanoseconds): void {
    this.deadline = this.#host.clock.now() + delay;
    this.#alarm.set(this.deadline);
  }

  get #revolution(): Nanoseconds {
    return 60e9 / (this.#drive.geometry?.speed ?? 300);
  }

  get #sectorTime(): Nanoseconds {
    if (this.#host.fast) return FAST_SECTOR;
    return this.#revolution / (this.#drive.geometry?.sectorsPerTrack ?? 18);
  }

  /** Begins the execution phase of `operation`. `impliedSeek` moves the head to the command's cylinder first. */
  start(impliedSeek: boolean): void {
    const { operation: op } = this;
    const drive = this.#drive;
    const { geometry } = drive;
    this.phase = DataPhase.None;
    this.unreadable =
      !geometry || !op.mfm || !this.#host.motorOn(op.drive) || !geometry.rates.includes(this.#host.rate());
    let delay = this.#sectorTime;
    // The search for an address mark is given up at the second index pulse.
    if (this.unreadable && !this.#host.fast) delay = 2 * this.#revolution;
    if (impliedSeek && op.opcode !== Opcode.ReadId && op.opcode !== Opcode.Format) drive.step(op.c);
    if (op.opcode === Opcode.ReadTrack) op.left = op.eot || 1;
    this.#schedule(delay);
  }

  #step(): void {
    this.deadline = Infinity;
    const { operation: op } = this;
    if (!op.active) return;
    if (this.unreadable) return this.#fail(St1.MissingMark);
    switch (op.opcode) {
      case Opcode.Read:
      case Opcode.ReadDeleted:
      case Opcode.ReadTrack:
        return this.#readSector();
      case Opcode.Write:
      case Opcode.WriteDeleted:
        if (this.#writable() && this.#find() !== undefined) this.#fetch(SECTOR_SIZE);
        return;
      case Opcode.Format:
        if (this.#writable()) this.#fetch(ID_SIZE);
        return;
      case Opcode.Verify:
        if (this.#find() !== undefined) this.#verified();
        return;
      case Opcode.ReadId:
        return this.#readId();
      default:
        if (this.#find() !== undefined) this.#fetch(SECTOR_SIZE);
    }
  }

  #fail(st1: number, st2 = 0, code: number = St0.Abnormal): void {
    this.operation.st1 |= st1;
    this.operation.st2 |= st2;
    this.#finish(code);
  }

  #finish(code: number): void {
    this.phase = DataPhase.None;
    this.operation.active = false;
    const { opcode } = this.operation;
    if (opcode === Opcode.Write || opcode === Opcode.WriteDeleted || opcode === Opcode.Format)
      this.#drive.media?.flush();
    this.#host.finish(this.operation, code);
  }

  #writable(): boolean {
    if (!this.#drive.media?.readOnly) return true;
    this.#fail(St1.NotWritable);
    return false;
  }

  /** Offset of the sector that C, H, R, N name; ends the command when the track does not have it. */
  #find(): number | undefined {
    const { operation: op } = this;
    const drive = this.#drive;
    const offset = drive.locate(op.head, op.r);
    if (drive.locate(op.head, 1) === undefined) this.#fail(St1.MissingMark);
    else if (op.c !== drive.cylinder) this.#fail(St1.NoData, St2.WrongCylinder);
    else if (offset === undefined || op.n !== N_512 || op.h !== op.head) this.#fail(St1.NoData);
    else return offset;
    return undefined;
  }

  #readSector(): void {
    const { operation: op } = this;
    let offset: number | undefined;
    if (op.opcode === Opcode.ReadTrack) {
      // Goes by the index hole, not by sector numbers; a number that differs is only noted.
      const sector = op.eot - op.left + 1;
      offset = this.#drive.locate(op.head, sector);
      if (offset === undefined) return this.#fail(St1.MissingMark);
      if (op.r !== sector || op.c !== this.#drive.cylinder) op.st1 |= St1.NoData;
    } else {
      offset = this.#find();
      if (offset === undefined) return;
      if (op.opcode === Opcode.ReadDeleted) {
        // No image holds deleted data marks, so every sector is of the other kind.
        op.st2 |= St2.ControlMark;
        if (op.skip) return this.#next(false);
      }
    }
    this.#drive.read(offset, this.buffer);
    if (this.#host.nonDma()) return this.#expose(DataPhase.ToHost, SECTOR_SIZE);
    const { done, terminalCount } = this.#host.dma.write(this.buffer);
    if (done < SECTOR_SIZE && !terminalCount) this.#fail(St1.Overrun);
    else this.#next(terminalCount);
  }

  /** Gets `length` bytes from the host, then goes on in `#fetched`. */
  #fetch(length: number): void {
    if (this.#host.nonDma()) return this.#expose(DataPhase.FromHost, length);
    const bytes = this.buffer.subarray(0, length);
    bytes.fill(0);
    const { done, terminalCount } = this.#host.dma.read(bytes);
    if (done < length && !terminalCount) this.#fail(St1.Overrun);
    else this.#fetched(done, terminalCount);
  }

  #expose(phase: number, length: number): void {
    this.phase = phase;
    this.position = 0;
    this.length = length;
    this.#host.request(true);
  }

  /** Data register in the execution phase: next byte of a sector for the guest. */
  readByte(): number {
    const value = this.buffer[this.position]!;
    this.#host.request(false);
    if (++this.position >= this.length) {
      this.phase = DataPhase.None;
      this.#next(false);
    }
    return value;
  }

  writeByte(value: number): void {
    this.buffer[this.position] = value;
    this.#host.request(false);
    if (++this.position < this.length) return;
    this.phase = DataPhase.None;
    this.#fetched(this.length, false);
  }

  #fetched(length: number, terminalCount: boolean): void {
    const { operation: op } = this;
    const drive = this.#drive;
    switch (op.opcode) {
      case Opcode.Write:
      case Opcode.WriteDeleted: {
        const offset = drive.locate(op.head, op.r);
        // What is missing of the last sector is written as zeros.
        if (offset !== undefined) drive.write(offset, this.buffer.fill(0, length));
        return this.#next(terminalCount);
      }
      case Opcode.Format:
        return this.#formatSector();
      default:
        return this.#compare(length, terminalCount);
    }
  }

  #formatSector(): void {
    const { operation: op, buffer } = this;
    const drive = this.#drive;
    const [c, h, r, n] = buffer as unknown as [number, number, number, number];
    const offset = n === N_512 && c === drive.cylinder && h === op.head ? drive.locate(op.head, r) : undefined;
    if (offset === undefined)
      this.#host.log.unimplemented('i82078', 'format of a sector the image has no place for', r);
    else drive.write(offset, buffer.fill(op.fill));
    if (op.left <= 1) return this.#finish(0);
    op.left--;
    this.#schedule(this.#sectorTime);
  }

  #compare(length: number, terminalCount: boolean): void {
    const { operation: op } = this;
    const disk = new Uint8Array(SECTOR_SIZE);
    const offset = this.#drive.locate(op.head, op.r);
    if (offset !== undefined) this.#drive.read(offset, disk);
    let equal = true;
    let satisfied = true;
    for (let i = 0; i < length && satisfied; i++) {
      const ours = disk[i]!;
      const wanted = this.buffer[i]!;
      // FFh on either side matches anything.
      if (ours === wanted || ours === 0xff || wanted === 0xff) continue;
      equal = false;
      satisfied =
        op.opcode === Opcode.ScanLowOrEqual
          ? ours < wanted
          : op.opcode === Opcode.ScanHighOrEqual
            ? ours > wanted
            : false;
      if (satisfied) break;
    }
    if (satisfied) {
      if (equal) op.st2 |= St2.ScanEqual;
      return this.#finish(0);
    }
    const more = op.advance(op.dtl === 2 ? 2 : 1) && !(op.dtl === 2 && op.r > op.eot);
    if (more && !terminalCount) return this.#schedule(this.#sectorTime);
    op.st2 |= St2.ScanNotSatisfied;
    this.#finish(0);
  }

  #verified(): void {
    const { operation: op } = this;
    if (op.left === 0) {
      if (op.advance()) this.#schedule(this.#sectorTime);
      else this.#finish(0);
      return;
    }
    this.#next(false);
  }

  #readId(): void {
    const { operation: op } = this;
    const drive = this.#drive;
    if (drive.locate(op.head, 1) === undefined) return this.#fail(St1.MissingMark);
    const perTrack = drive.geometry!.sectorsPerTrack;
    drive.nextId = (drive.nextId % perTrack) + 1;
    op.c = drive.cylinder;
    op.h = op.head;
    op.r = drive.nextId;
    op.n = N_512;
    this.#finish(0);
  }

  /** A sector is done: ends the command, or goes to the next. */
  #next(terminalCount: boolean): void {
    const { operation: op } = this;
    // A sector of the wrong kind that is not skipped is the last one.
    const stop = op.opcode === Opcode.ReadDeleted && !op.skip;
    const counted = op.left > 0 && --op.left === 0;
    const more = op.advance();
    if (terminalCount || stop || counted) this.#finish(0);
    else if (more) this.#schedule(this.#sectorTime);
    else this.#fail(St1.EndOfCylinder);
  }
}
