/**
 * ATAPI CD-ROM drive "Virtual CD": the ATA side (packet protocol, phases, medium). Packet commands are in packet-commands.ts.
 *
 * Standards: ATA/ATAPI-5 (T13/1321D) clauses 8.16, 8.21 and 9.8-9.10; SFF-8020i 2.6.
 * Models: PACKET with PIO byte-count phases and DMA, IDENTIFY PACKET DEVICE, DEVICE RESET, unit attentions, tray, locking.
 * Does not model: audio playback, multi-session discs, writing, overlapped commands, spin-up and seek times.
 */
import type { DeviceHost } from '../device.ts';
import type { Field, StateDeclaration } from '../state.ts';
import { DEFAULT_AUDIO, DEFAULT_RECOVERY, MAXIMUM_SPEED, Sense } from './atapi-responses.ts';
import type { SectorSelection } from './cd-sector.ts';
import { rawSector, selectSector } from './cd-sector.ts';
import type { DmaEngine } from './drive.ts';
import { BUFFER_BYTES, DEVICE_SELECT, ErrorBit, IdeDrive, Phase, Status } from './drive.ts';
import { decodeTransferMode, describeTransferModes, IdentifyData } from './identify.ts';
import type { CdMedia } from './media.ts';
import { CD_BLOCK_BYTES } from './media.ts';
import { executePacket } from './packet-commands.ts';

/** Interrupt reason, in the count register. */
const Reason = { Command: 0x01, DataOut: 0x00, DataIn: 0x02, Status: 0x03 } as const;
const PACKET_BYTES = 12;
const USER_DATA = 0x10;
/** Blocks fetched ahead of PIO phases. */
const READ_AHEAD = 32;

/** Media class events of GET EVENT STATUS NOTIFICATION. */
export const MediaEvent = { None: 0, EjectRequest: 1, NewMedia: 2, Removal: 3 } as const;
export type MediaEvent = (typeof MediaEvent)[keyof typeof MediaEvent];

export interface AtapiCdromOptions {
  readonly name: string;
  /** The disc in the drive at power-on. */
  readonly media?: CdMedia;
  /** 40 characters at most; default `Virtual CD`. */
  readonly model?: string;
  /** The guest opened or closed the tray. The disc stays the drive's until `eject`. */
  readonly onTray?: (open: boolean) => void;
}

export class AtapiCdrom extends IdeDrive {
  readonly state: StateDeclaration;
  readonly #options: AtapiCdromOptions;
  #media: CdMedia | undefined;
  #selection: SectorSelection = selectSector(USER_DATA);

  // Drive.
  trayOpen = false;
  locked = false;
  senseKey = 0;
  senseCode = 0;
  senseQualifier = 0;
  attentionReset = true;
  attentionChanged = false;
  mediaEvent: MediaEvent = MediaEvent.None;
  readonly recovery = Uint8Array.from(DEFAULT_RECOVERY);
  readonly audio = Uint8Array.from(DEFAULT_AUDIO);
  speed = MAXIMUM_SPEED;
  multiwordMode: number | undefined;
  ultraMode: number | undefined;

  // Packet under way.
  readonly packet = new Uint8Array(PACKET_BYTES);
  /** The data phase open now takes the packet itself. */
  awaitingPacket = false;
  usesDma = false;
  outgoing = false;
  byteLimit = 0xfffe;
  /** Bytes the host still has to send, beyond the present phase. */
  outLeft = 0;
  nextBlockNumber = 0;
  blocksLeft = 0;
  selectionFlags = USER_DATA;
  /** Last block read, for READ SUB-CHANNEL. */
  head = 0;

  static readonly #ownFields: readonly Field[] = [
    { name: 'trayOpen', type: 'bool' },
    { name: 'locked', type: 'bool' },
    { name: 'senseKey', type: 'u8' },
    { name: 'senseCode', type: 'u8' },
    { name: 'senseQualifier', type: 'u8' },
    { name: 'attentionReset', type: 'bool' },
    { name: 'attentionChanged', type: 'bool' },
    { name: 'mediaEvent', type: 'u8' },
    { name: 'recovery', type: { bytes: DEFAULT_RECOVERY.length } },
    { name: 'audio', type: { bytes: DEFAULT_AUDIO.length } },
    { name: 'speed', type: 'u16' },
    { name: 'multiwordMode', type: { optional: 'u8' } },
    { name: 'ultraMode', type: { optional: 'u8' } },
    { name: 'packet', type: { bytes: PACKET_BYTES } },
    { name: 'awaitingPacket', type: 'bool' },
    { name: 'usesDma', type: 'bool' },
    { name: 'outgoing', type: 'bool' },
    { name: 'byteLimit', type: 'u16' },
    { name: 'outLeft', type: 'u32' },
    { name: 'nextBlockNumber', type: 'u32' },
    { name: 'blocksLeft', type: 'u32' },
    { name: 'selectionFlags', type: 'u8' },
    { name: 'head', type: 'u32' },
  ];

  constructor(host: DeviceHost, options: AtapiCdromOptions) {
    super(host, options.name);
    this.#options = options;
    this.#media = options.media;
    this.state = {
      target: this,
      version: 1,
      fields: [...IdeDrive.fields, ...AtapiCdrom.#ownFields],
      loaded: () => {
        this.#selection = selectSector(this.selectionFlags);
        if (this.#selection.bytes === 0) this.blocksLeft = 0;
        this.byteLimit = Math.max(2, this.byteLimit);
        if (this.limit + this.outLeft > BUFFER_BYTES) this.outLeft = 0;
        this.restored();
        if (this.phase === Phase.DataIn || (this.phase === Phase.Dma && !this.outgoing)) {
          this.filled = Math.max(this.filled, this.limit);
        }
      },
    };
  }

  // ---- the disc, from outside ----------------------------------------------------------------------------------

  /** Puts a disc in (replacing one that is there) and closes the tray; the guest sees a medium change. */
  insert(media: CdMedia): void {
    this.#media = media;
    this.trayOpen = false;
    this.#announceDisc();
  }

  /**
   * Takes the disc out.
   * @param force also when the guest has locked the drive
   * @returns false if it is locked; the guest is then told that somebody pressed the eject button
   */
  eject(force = false): boolean {
    if (this.locked && !force) {
      this.mediaEvent = MediaEvent.EjectRequest;
      return false;
    }
    if (this.#media) this.mediaEvent = MediaEvent.Removal;
    this.#media = undefined;
    this.locked = false;
    this.attentionChanged = false;
    return true;
  }

  /** The disc, unless there is none or the tray is open. */
  get disc(): CdMedia | undefined {
    return this.trayOpen ? undefined : this.#media;
  }

  #announceDisc(): void {
    this.attentionChanged = true;
    this.mediaEvent = MediaEvent.NewMedia;
  }

  /** START STOP UNIT with LoEj. */
  moveTray(open: boolean): void {
    if (open === this.trayOpen) return;
    this.trayOpen = open;
    if (open) this.mediaEvent = MediaEvent.Removal;
    else if (this.#media) this.#announceDisc();
    this.#options.onTray?.(open);
  }

  // ---- reset ---------------------------------------------------------------------------------------------------

  protected override resetSettings(hard: boolean): void {
    this.awaitingPacket = false;
    this.blocksLeft = 0;
    this.outLeft = 0;
    if (!hard) return;
    this.attentionReset = true;
    this.attentionChanged = false;
    this.mediaEvent = MediaEvent.None;
    this.locked = false;
    this.setSense(Sense.None);
    this.recovery.set(DEFAULT_RECOVERY);
    this.audio.set(DEFAULT_AUDIO);
    this.speed = MAXIMUM_SPEED;
    this.multiwordMode = undefined;
    this.ultraMode = undefined;
  }

  protected override sign(): void {
    this.mid = 0x14;
    this.high = 0xeb;
    this.status = 0;
  }

  protected override acceptsWhileBusy(command: number): boolean {
    return command === 0x08;
  }

  // ---- ATA commands --------------------------------------------------------------------------------------------

  protected override execute(): void {
    switch (this.command) {
      case 0x08:
        return this.#deviceReset();
      case 0xa0:
        return this.#acceptPacket();
      case 0xa1:
        this.#identify();
        return this.offer(0, 512);
      case 0xe0: // STANDBY IMMEDIATE, IDLE IMMEDIATE, SLEEP
      case 0xe1:
      case 0xe6:
        return this.complete();
      case 0xe5: // CHECK POWER MODE
        this.count = 0xff;
        return this.complete();
      case 0xef:
        return this.#setFeatures();
      case 0x20: // READ SECTORS and IDENTIFY DEVICE abort and show that this is a packet device
      case 0x21:
      case 0xec:
        this.count = 0x01;
        this.low = 0x01;
        this.sign();
        return this.fail(ErrorBit.ABRT);
      default:
        return this.fail(ErrorBit.ABRT);
    }
  }

  #deviceReset(): void {
    const unit = this.device & DEVICE_SELECT;
    this.resetSettings(false);
    this.finishReset();
    this.device = unit;
  }

  #setFeatures(): void {
    const feature = this.feature & 0xff;
    if (feature === 0x66 || feature === 0xcc) return this.complete();
    const mode = feature === 0x03 ? decodeTransferMode(this.count & 0xff) : undefined;
    if (!mode) return this.fail(ErrorBit.ABRT);
    this.multiwordMode = mode.multiword;
    this.ultraMode = mode.ultra;
    this.complete();
  }

  #identify(): void {
    const data = new IdentifyData(this.buffer)
      .word(0, 0x85c0) // CD-ROM, removable, DRQ within 50 us of PACKET, 12-byte packets
      .string(10, 10, '')
      .string(23, 4, '1.1.0')
      .string(27, 20, this.#options.model ?? 'Virtual CD')
      .word(49, 0x0b00)
      .word(50, 0x4000)
      .word(51, 0x0200)
      .word(71, 30)
      .word(72, 30)
      .word(80, 0x003e)
      .word(82, 0x4210) // NOP, DEVICE RESET, PACKET
      .word(83, 0x4000)
      .word(84, 0x4000)
      .word(85, 0x4210)
      .word(87, 0x4000)
      .word(93, 0x400b);
    describeTransferModes(data, { multiword: this.multiwordMode, ultra: this.ultraMode });
    data.seal();
  }

  // ---- packet protocol -----------------------------------------------------------------------------------------

  #acceptPacket(): void {
    if (this.feature & 0x02) return this.fail(ErrorBit.ABRT); // overlap
    this.usesDma = (this.feature & 0x01) !== 0;
    const limit = ((this.high & 0xff) << 8) | (this.mid & 0xff);
    this.byteLimit = limit === 0 || limit === 0xffff ? 0xfffe : limit;
    this.awaitingPacket = true;
    this.blocksLeft = 0;
    this.count = Reason.Command;
    this.demand(PACKET_BYTES, false);
  }

  protected override consume(): void {
    if (this.awaitingPacket) {
      this.awaitingPacket = false;
      this.packet.set(this.buffer.subarray(0, PACKET_BYTES));
      return executePacket(this);
    }
    if (this.outLeft > 0) return this.#demandMore(this.limit);
    this.#takeParameters(this.limit);
  }

  /** Data from the host is only ever a parameter list; its meaning is in the packet. */
  #takeParameters(length: number): void {
    executePacket(this, this.buffer.subarray(0, length));
  }

  /** Ends the packet command well. */
  good(): void {
    this.count = Reason.Status;
    this.complete();
  }

  setSense(sense: Sense): void {
    this.senseKey = sense.key;
    this.senseCode = sense.asc;
    this.senseQualifier = sense.ascq;
  }

  /** Ends the packet command with CHECK CONDITION. */
  check(sense: Sense): void {
    this.setSense(sense);
    this.blocksLeft = 0;
    this.outLeft = 0;
    this.count = Reason.Status;
    this.fail((sense.key << 4) | (sense.key === Sense.InvalidCommand.key ? ErrorBit.ABRT : 0));
  }

  /** Answers with `bytes`, cut to the allocation length. */
  respond(bytes: readonly number[], allocation: number): void {
    const length = Math.min(bytes.length, allocation);
    this.buffer.set(bytes.slice(0, length));
    this.#startIn(length);
  }

  /** Answers with blocks of the disc; the caller has checked that they exist. */
  sendBlocks(block: number, count: number, flags: number = USER_DATA): void {
    this.selectionFlags = flags;
    this.#selection = selectSector(flags);
    this.nextBlockNumber = block;
    this.blocksLeft = this.#selection.bytes > 0 ? count : 0;
    this.#startIn(0);
  }

  #startIn(filled: number): void {
    this.outgoing = false;
    if (filled === 0 && this.blocksLeft === 0) return this.good();
    if (this.usesDma) {
      this.requestDma();
      this.filled = filled;
      return;
    }
    this.limit = 0;
    this.position = 0;
    this.filled = filled;
    this.nextBlock();
  }

  /** Asks the host for a parameter list of `length` bytes; the packet is executed again when it is there. */
  receive(length: number): void {
    if (length === 0) return executePacket(this, this.buffer.subarray(0, 0));
    this.outgoing = true;
    this.outLeft = length;
    if (this.usesDma) {
      this.requestDma();
      this.limit = length;
      this.outLeft = 0;
      return;
    }
    this.#demandMore(0);
  }

  #demandMore(at: number): void {
    const length = Math.min(this.outLeft, this.byteLimit);
    this.outLeft -= length;
    this.#announce(Reason.DataOut, length);
    this.demand(length, true, at);
  }

  /** Interrupt reason and byte count of a data phase. */
  #announce(reason: number, length: number): void {
    this.count = reason;
    this.mid = length & 0xff;
    this.high = length >> 8;
  }

  /** Tops the buffer up with blocks behind what has not been sent yet; false if the command ended with an error. */
  #refill(blocks: number): boolean {
    const { buffer } = this;
    buffer.copyWithin(0, this.position, this.filled);
    this.filled -= this.position;
    this.position = 0;
    this.limit = 0;
    const { bytes } = this.#selection;
    const count = Math.min(this.blocksLeft, blocks, Math.floor((BUFFER_BYTES - this.filled) / bytes));
    try {
      this.#fetch(count);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.host.log.guestError(this.name, `read failed: ${reason}`, this.nextBlockNumber);
      this.check(Sense.ReadError);
      return false;
    }
    this.nextBlockNumber += count;
    this.blocksLeft -= count;
    this.filled += count * bytes;
    this.head = Math.max(0, this.nextBlockNumber - 1);
    return true;
  }

  #fetch(count: number): void {
    const { disc } = this;
    if (!disc) throw new Error('no disc');
    if (this.selectionFlags === USER_DATA) {
      disc.read(this.nextBlockNumber, this.buffer.subarray(this.filled, this.filled + count * CD_BLOCK_BYTES));
      return;
    }
    const user = new Uint8Array(CD_BLOCK_BYTES);
    for (let i = 0; i < count; i++) {
      const block = this.nextBlockNumber + i;
      disc.read(block, user);
      this.#selection.extract(rawSector(block, user), this.buffer, this.filled + i * this.#selection.bytes);
    }
  }

  protected override nextBlock(): void {
    if (this.command !== 0xa0) return;
    if (this.filled - this.position < this.byteLimit && this.blocksLeft > 0 && !this.#refill(READ_AHEAD)) return;
    const available = this.filled - this.position;
    if (available === 0) return this.good();
    // Only the last phase may be odd.
    const most = available > this.byteLimit ? this.byteLimit & ~1 || 2 : this.byteLimit;
    const length = Math.min(available, most);
    this.#announce(Reason.DataIn, length);
    this.offer(this.position, this.position + length, this.filled);
  }

  protected override drained(): void {
    if (this.command === 0xa0) {
      this.position = this.limit;
      return this.fetchNext(Math.min(this.byteLimit, this.filled - this.position));
    }
    this.phase = Phase.Idle; // IDENTIFY PACKET DEVICE
    this.status = Status.DRDY | Status.DSC;
  }

  // ---- DMA -----------------------------------------------------------------------------------------------------

  override get dmaDirection(): 'in' | 'out' {
    return this.outgoing ? 'out' : 'in';
  }

  override get dmaBytes(): number {
    if (this.outgoing) return this.limit - this.position;
    return Math.min(BUFFER_BYTES, this.filled - this.position + this.blocksLeft * this.#selection.bytes);
  }

  override transferDma(engine: DmaEngine): void {
    if (this.phase !== Phase.Dma) return;
    if (this.outgoing) {
      this.position += engine.fromMemory(this.buffer.subarray(this.position, this.limit));
      if (this.position >= this.limit) this.#takeParameters(this.limit);
      return;
    }
    if (this.position === this.filled && !this.#refill(Infinity)) return;
    this.position += engine.toMemory(this.buffer.subarray(this.position, this.filled));
    if (this.position === this.filled && this.blocksLeft === 0) this.good();
  }
}
