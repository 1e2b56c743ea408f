/**
 * ATA hard disk "Virtual HD".
 *
 * Standards: ATA/ATAPI-5 (T13/1321D) clause 8; ATA/ATAPI-6 (T13/1410D) for 48-bit addresses.
 * Models: CHS, LBA and 48-bit addressing, PIO single and multiple sector transfers, multiword and Ultra DMA, verify, seek,
 * cache flush, SET FEATURES, INITIALIZE DEVICE PARAMETERS, SET MAX ADDRESS (volatile), power modes, buffers, and
 * (ATA8-ACS) DATA SET MANAGEMENT with TRIM where the medium can.
 * Does not model: SMART, security, streaming, queued commands, the long commands, SET MAX passwords, spin-up and seek
 * times. Commands of absent feature sets abort, as the standard asks.
 */
import type { DeviceHost } from '../device.ts';
import type { Field, StateDeclaration } from '../state.ts';
import type { Access } from './ata-accesses.ts';
import { ACCESSES } from './ata-accesses.ts';
import type { DiskGeometry } from './ata-identify.ts';
import { describeDisk, LBA28_SECTORS, MULTIPLE_MAX, TRIM_BLOCKS_MAX } from './ata-identify.ts';
import type { DmaEngine } from './drive.ts';
import { BUFFER_BYTES, DEVICE_LBA, ErrorBit, IdeDrive, Phase, Status } from './drive.ts';
import { decodeTransferMode } from './identify.ts';
import type { BlockMedia } from './media.ts';
import { SECTOR_BYTES } from './media.ts';

export type { DiskGeometry } from './ata-identify.ts';

export interface AtaDiskOptions {
  readonly name: string;
  readonly media: BlockMedia;
  /** The geometry reported at power-on; guests take it for the truth, so it must be the one the disk was made with. */
  readonly geometry: DiskGeometry;
  /** 40 characters at most; default `Virtual HD`. */
  readonly model?: string;
  /** 20 characters at most; default empty. */
  readonly serial?: string;
  /** 8 characters at most; default `1.1.0`. */
  readonly firmware?: string;
  /** Offers the 48-bit address feature set (default true). Without it the disk ends at 2^28 - 1 sectors. */
  readonly lba48?: boolean;
}

const DATA_SET_MANAGEMENT = 0x06;
/** One range: 48 bits of address, 16 bits of length. */
const TRIM_RANGE_BYTES = 8;
const PIO_MAX_SECTORS = BUFFER_BYTES / SECTOR_BYTES;

export class AtaDisk extends IdeDrive {
  readonly state: StateDeclaration;
  readonly #media: BlockMedia;
  readonly #options: AtaDiskOptions;

  // Transfer under way: the next sector for the medium, sectors not yet moved, sectors per DRQ block.
  lba = 0;
  remaining = 0;
  blockSectors = 1;

  // Settings.
  heads = 16;
  sectorsPerTrack = 63;
  cylinders = 1;
  multiple = 0;
  multiwordMode: number | undefined;
  ultraMode: number | undefined;
  writeCache = true;
  lookAhead = true;
  keepSettings = false;
  standby = false;
  /** Sectors accessible now; SET MAX ADDRESS lowers it. */
  accessible = 0;

  static readonly #ownFields: readonly Field[] = [
    { name: 'lba', type: 'f64' },
    { name: 'remaining', type: 'u32' },
    { name: 'blockSectors', type: 'u16' },
    { name: 'heads', type: 'u8' },
    { name: 'sectorsPerTrack', type: 'u8' },
    { name: 'cylinders', type: 'u16' },
    { name: 'multiple', type: 'u8' },
    { name: 'multiwordMode', type: { optional: 'u8' } },
    { name: 'ultraMode', type: { optional: 'u8' } },
    { name: 'writeCache', type: 'bool' },
    { name: 'lookAhead', type: 'bool' },
    { name: 'keepSettings', type: 'bool' },
    { name: 'standby', type: 'bool' },
    { name: 'accessible', type: 'f64' },
  ];

  constructor(host: DeviceHost, options: AtaDiskOptions) {
    super(host, options.name);
    this.#media = options.media;
    this.#options = options;
    this.state = {
      target: this,
      version: 1,
      fields: [...IdeDrive.fields, ...AtaDisk.#ownFields],
      loaded: () => {
        this.accessible = Math.min(this.accessible, this.#nativeSectors);
        this.heads = Math.max(1, Math.min(this.heads, 16));
        this.sectorsPerTrack = Math.max(1, this.sectorsPerTrack);
        this.blockSectors = Math.max(1, Math.min(this.blockSectors, PIO_MAX_SECTORS));
        this.restored();
      },
    };
    this.resetSettings(true);
  }

  get #nativeSectors(): number {
    const sectors = this.#media.sectorCount;
    return this.#options.lba48 === false ? Math.min(sectors, LBA28_SECTORS) : sectors;
  }

  // ---- reset ---------------------------------------------------------------------------------------------------

  protected override resetSettings(hard: boolean): void {
    this.remaining = 0;
    this.standby = false;
    if (hard) {
      this.keepSettings = false;
      this.accessible = this.#nativeSectors;
      this.multiwordMode = undefined;
      this.ultraMode = undefined;
    }
    if (this.keepSettings) return;
    const { geometry } = this.#options;
    this.heads = geometry.heads;
    this.sectorsPerTrack = geometry.sectorsPerTrack;
    this.cylinders = geometry.cylinders;
    this.multiple = 0;
    this.writeCache = true;
    this.lookAhead = true;
  }

  protected override sign(): void {
    this.mid = 0;
    this.high = 0;
    this.status = Status.DRDY | Status.DSC;
  }

  // ---- commands ------------------------------------------------------------------------------------------------

  protected override execute(): void {
    const { command } = this;
    const data = ACCESSES[command];
    if (data) return this.#startAccess(data);
    if (command >= 0x10 && command <= 0x1f) return this.complete(); // RECALIBRATE
    if (command >= 0x70 && command <= 0x7f) return this.#seek();
    switch (command) {
      case DATA_SET_MANAGEMENT:
        return this.#startTrim();
      case 0x91:
        return this.#initializeParameters();
      case 0x94: // STANDBY IMMEDIATE and STANDBY, old and new codes
      case 0xe0:
      case 0x96:
      case 0xe2:
      case 0x99: // SLEEP
      case 0xe6:
        return this.#enterStandby();
      case 0x95: // IDLE IMMEDIATE and IDLE
      case 0xe1:
      case 0x97:
      case 0xe3:
        this.standby = false;
        return this.complete();
      case 0x98: // CHECK POWER MODE
      case 0xe5:
        this.count = (this.count & 0xff00) | (this.standby ? 0x00 : 0xff);
        return this.complete();
      case 0xc6:
        return this.#setMultiple();
      case 0xe4: // READ BUFFER
        return this.offer(0, SECTOR_BYTES);
      case 0xe8: // WRITE BUFFER
        return this.demand(SECTOR_BYTES, false);
      case 0xe7:
        return this.#flush();
      case 0xea:
        return this.#lba48 ? this.#flush() : this.fail(ErrorBit.ABRT);
      case 0xec:
        this.#identify();
        return this.offer(0, SECTOR_BYTES);
      case 0xef:
        return this.#setFeatures();
      case 0xf8:
        return this.#readNativeMax(false);
      case 0x27:
        return this.#readNativeMax(true);
      case 0xf9:
        return this.#setMax(false);
      case 0x37:
        return this.#setMax(true);
      default:
        return this.fail(ErrorBit.ABRT);
    }
  }

  get #lba48(): boolean {
    return this.#options.lba48 !== false;
  }

  #startAccess(data: Access): void {
    if ((data.ext && !this.#lba48) || (data.via === 'multiple' && this.multiple === 0)) return this.fail(ErrorBit.ABRT);
    if (data.kind === 'write' && this.#media.readOnly) {
      this.host.log.guestError(this.name, 'write to a read-only medium');
      return this.fail(ErrorBit.ABRT);
    }
    const lba = this.#address(data.ext);
    const count = data.ext ? this.count || 0x10000 : this.count & 0xff || 0x100;
    if (lba === undefined || lba + count > this.accessible) {
      if (lba !== undefined) this.#showAddress(Math.max(lba, this.accessible));
      return this.fail(ErrorBit.IDNF);
    }
    this.standby = false;
    this.lba = lba;
    this.remaining = count;
    this.blockSectors = data.via === 'multiple' ? this.multiple : 1;
    if (data.via === 'dma') return this.requestDma();
    if (data.kind === 'read') return this.nextBlock();
    if (data.kind === 'write') return this.demand(this.#nextSectors * SECTOR_BYTES, false);
    return this.#verify();
  }

  /** Sector the address registers name, or `undefined` if CHS says something impossible. */
  #address(ext: boolean): number | undefined {
    const low = this.low & 0xff;
    const mid = this.mid & 0xff;
    const high = this.high & 0xff;
    if (ext) {
      const upper = (this.low >> 8) + (this.mid >> 8) * 0x100 + (this.high >> 8) * 0x10000;
      return upper * 0x1000000 + low + mid * 0x100 + high * 0x10000;
    }
    const head = this.device & 0x0f;
    if (this.device & DEVICE_LBA) return head * 0x1000000 + (high << 16) + (mid << 8) + low;
    if (low === 0 || low > this.sectorsPerTrack || head >= this.heads) return undefined;
    return (((high << 8) | mid) * this.heads + head) * this.sectorsPerTrack + low - 1;
  }

  /** Puts a sector's address into the registers, in the form the present command uses. */
  #showAddress(lba: number): void {
    const keep = (old: number, value: number): number => (old & 0xff00) | (value & 0xff);
    const ext = ACCESSES[this.command]?.ext ?? (this.command === 0x27 || this.command === 0x37);
    if (ext) {
      const upper = Math.floor(lba / 0x1000000);
      this.low = (lba & 0xff) | ((upper & 0xff) << 8);
      this.mid = ((lba >>> 8) & 0xff) | (upper & 0xff00);
      this.high = ((lba >>> 16) & 0xff) | ((upper >>> 8) & 0xff00);
      return;
    }
    if (this.device & DEVICE_LBA) {
      this.low = keep(this.low, lba);
      this.mid = keep(this.mid, lba >>> 8);
      this.high = keep(this.high, lba >>> 16);
      this.device = (this.device & 0xf0) | ((lba >>> 24) & 0x0f);
      return;
    }
    const track = Math.floor(lba / this.sectorsPerTrack);
    const cylinder = Math.floor(track / this.heads);
    this.low = keep(this.low, (lba % this.sectorsPerTrack) + 1);
    this.mid = keep(this.mid, cylinder);
    this.high = keep(this.high, cylinder >>> 8);
    this.device = (this.device & 0xf0) | (track % this.heads);
  }

  /** The registers after a data command: last sector moved, count 0. */
  #finishAccess(): void {
    this.#showAddress(this.lba - 1);
    this.count = 0;
  }

  /** Runs a medium operation; a thrown error ends the command at `lba`. */
  #tryMedium(what: string, error: number, operation: () => void): boolean {
    try {
      operation();
      return true;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.host.log.guestError(this.name, `${what} failed: ${reason}`, this.lba);
      this.#showAddress(this.lba);
      this.remaining = 0;
      this.fail(error);
      return false;
    }
  }

  // ---- PIO -----------------------------------------------------------------------------------------------------

  get #nextSectors(): number {
    return Math.min(this.remaining, this.blockSectors);
  }

  protected override nextBlock(): void {
    const sectors = this.#nextSectors;
    const bytes = sectors * SECTOR_BYTES;
    if (!this.#tryMedium('read', ErrorBit.UNC, () => this.#media.read(this.lba, this.buffer.subarray(0, bytes))))
      return;
    this.lba += sectors;
    this.remaining -= sectors;
    this.offer(0, bytes);
  }

  protected override drained(): void {
    if (this.remaining > 0) return this.fetchNext(this.#nextSectors * SECTOR_BYTES);
    this.phase = Phase.Idle;
    this.status = Status.DRDY | Status.DSC;
    if (ACCESSES[this.command]) this.#finishAccess();
  }

  protected override consume(): void {
    if (!ACCESSES[this.command]) return this.complete(); // WRITE BUFFER
    const sectors = this.limit / SECTOR_BYTES;
    if (!this.#write(this.limit)) return;
    this.lba += sectors;
    this.remaining -= sectors;
    if (this.remaining > 0) return this.demand(this.#nextSectors * SECTOR_BYTES, true);
    this.#finishWrite();
  }

  #write(bytes: number): boolean {
    return this.#tryMedium('write', ErrorBit.ABRT, () => this.#media.write(this.lba, this.buffer.subarray(0, bytes)));
  }

  /** With the write cache off, a write is finished only when it is safe. */
  #finishWrite(): void {
    if (!this.writeCache && !this.#tryMedium('flush', ErrorBit.ABRT, () => this.#media.flush())) return;
    this.#finishAccess();
    this.complete();
  }

  // ---- DMA -----------------------------------------------------------------------------------------------------

  override get dmaDirection(): 'in' | 'out' {
    const out = ACCESSES[this.command]?.kind === 'write' || this.command === DATA_SET_MANAGEMENT;
    return out ? 'out' : 'in';
  }

  override get dmaBytes(): number {
    if (this.position < this.limit) return this.limit - this.position;
    return Math.min(this.remaining * SECTOR_BYTES, BUFFER_BYTES);
  }

  /** The buffer keeps what the host's descriptors did not take, so a transfer may go on with a new table. */
  override transferDma(engine: DmaEngine): void {
    if (this.phase !== Phase.Dma) return;
    if (this.dmaDirection === 'in') this.#dmaIn(engine);
    else this.#dmaOut(engine);
  }

  #dmaIn(engine: DmaEngine): void {
    if (this.position === this.limit) {
      const bytes = this.dmaBytes;
      const into = this.buffer.subarray(0, bytes);
      if (!this.#tryMedium('read', ErrorBit.UNC, () => this.#media.read(this.lba, into))) return;
      this.position = 0;
      this.limit = bytes;
    }
    this.position += engine.toMemory(this.buffer.subarray(this.position, this.limit));
    if (this.position < this.limit) return;
    this.#dmaAdvance();
    if (this.remaining > 0) return;
    this.#finishAccess();
    this.complete();
  }

  #dmaOut(engine: DmaEngine): void {
    if (this.position === this.limit) {
      this.limit = this.dmaBytes;
      this.position = 0;
    }
    this.position += engine.fromMemory(this.buffer.subarray(this.position, this.limit));
    if (this.position < this.limit) return;
    if (this.command === DATA_SET_MANAGEMENT) return this.#trim(this.buffer.subarray(0, this.limit));
    if (!this.#write(this.limit)) return;
    this.#dmaAdvance();
    if (this.remaining === 0) this.#finishWrite();
  }

  #dmaAdvance(): void {
    const sectors = this.limit / SECTOR_BYTES;
    this.lba += sectors;
    this.remaining -= sectors;
    this.position = 0;
    this.limit = 0;
  }

  // ---- data set management -------------------------------------------------------------------------------------

  get #trims(): boolean {
    return this.#lba48 && this.#media.trim !== undefined && !this.#media.readOnly;
  }

  #startTrim(): void {
    const blocks = this.count;
    const isTrim = (this.feature & 0xff) === 0x01;
    if (!this.#trims || !isTrim || blocks === 0 || blocks > TRIM_BLOCKS_MAX) return this.fail(ErrorBit.ABRT);
    this.lba = 0;
    this.remaining = blocks;
    this.requestDma();
  }

  /** Gives up the ranges listed; none is given up unless all lie on the disk. */
  #trim(list: Uint8Array): void {
    const view = new DataView(list.buffer, list.byteOffset, list.length);
    const ranges: { lba: number; count: number }[] = [];
    this.remaining = 0;
    for (let at = 0; at < list.length; at += TRIM_RANGE_BYTES) {
      const lba = view.getUint32(at, true) + view.getUint16(at + 4, true) * 0x100000000;
      const count = view.getUint16(at + 6, true);
      if (count === 0) continue;
      if (lba + count > this.accessible) return this.fail(ErrorBit.IDNF);
      ranges.push({ lba, count });
    }
    for (const { lba, count } of ranges) {
      this.lba = lba;
      if (!this.#tryMedium('trim', ErrorBit.ABRT, () => this.#media.trim?.(lba, count))) return;
    }
    this.complete();
  }

  // ---- non-data commands ---------------------------------------------------------------------------------------

  /** Reads the sectors as a verify does, in pieces of the buffer. */
  #verify(): void {
    while (this.remaining > 0) {
      const sectors = Math.min(this.remaining, PIO_MAX_SECTORS);
      const into = this.buffer.subarray(0, sectors * SECTOR_BYTES);
      if (!this.#tryMedium('verify', ErrorBit.UNC, () => this.#media.read(this.lba, into))) return;
      this.lba += sectors;
      this.remaining -= sectors;
    }
    this.#finishAccess();
    this.complete();
  }

  #seek(): void {
    const lba = this.#address(false);
    if (lba === undefined || lba >= this.accessible) this.fail(ErrorBit.IDNF);
    else this.complete();
  }

  #flush(): void {
    if (this.#tryMedium('flush', ErrorBit.ABRT, () => this.#media.flush())) this.complete();
  }

  #enterStandby(): void {
    if (!this.#tryMedium('flush', ErrorBit.ABRT, () => this.#media.flush())) return;
    this.standby = true;
    this.complete();
  }

  /** Sets the CHS translation; the cylinder count follows from the capacity. */
  #initializeParameters(): void {
    const sectors = this.count & 0xff;
    if (sectors === 0) return this.fail(ErrorBit.ABRT);
    this.heads = (this.device & 0x0f) + 1;
    this.sectorsPerTrack = sectors;
    const { geometry } = this.#options;
    const chsSectors = geometry.cylinders * geometry.heads * geometry.sectorsPerTrack;
    this.cylinders = Math.min(0xffff, Math.floor(chsSectors / (this.heads * this.sectorsPerTrack)));
    this.complete();
  }

  #setMultiple(): void {
    const sectors = this.count & 0xff;
    if (sectors > MULTIPLE_MAX || (sectors & (sectors - 1)) !== 0) {
      this.multiple = 0;
      return this.fail(ErrorBit.ABRT);
    }
    this.multiple = sectors;
    this.complete();
  }

  #setFeatures(): void {
    switch (this.feature & 0xff) {
      case 0x02:
        this.writeCache = true;
        return this.complete();
      case 0x82:
        if (!this.#tryMedium('flush', ErrorBit.ABRT, () => this.#media.flush())) return;
        this.writeCache = false;
        return this.complete();
      case 0x03: {
        const mode = decodeTransferMode(this.count & 0xff);
        if (!mode) return this.fail(ErrorBit.ABRT);
        this.multiwordMode = mode.multiword;
        this.ultraMode = mode.ultra;
        return this.complete();
      }
      case 0x55:
        this.lookAhead = false;
        return this.complete();
      case 0xaa:
        this.lookAhead = true;
        return this.complete();
      case 0x66:
        this.keepSettings = true;
        return this.complete();
      case 0xcc:
        this.keepSettings = false;
        return this.complete();
      default:
        return this.fail(ErrorBit.ABRT);
    }
  }

  #readNativeMax(ext: boolean): void {
    if (ext ? !this.#lba48 : !(this.device & DEVICE_LBA)) return this.fail(ErrorBit.ABRT);
    this.#showAddress(Math.min(this.#nativeSectors, ext ? Infinity : LBA28_SECTORS) - 1);
    this.complete();
  }

  /** SET MAX ADDRESS (EXT), always volatile; the SET MAX security sub-commands (feature not 0) abort. */
  #setMax(ext: boolean): void {
    const last = this.#address(ext);
    const allowed = ext ? this.#lba48 : (this.device & DEVICE_LBA) !== 0 && (this.feature & 0xff) === 0;
    if (!allowed || last === undefined) return this.fail(ErrorBit.ABRT);
    if (last >= this.#nativeSectors) return this.fail(ErrorBit.IDNF);
    this.accessible = last + 1;
    this.complete();
  }

  #identify(): void {
    const { geometry, model = 'Virtual HD', serial = '', firmware = '1.1.0' } = this.#options;
    describeDisk(this.buffer, {
      geometry,
      model,
      serial,
      firmware,
      current: { cylinders: this.cylinders, heads: this.heads, sectorsPerTrack: this.sectorsPerTrack },
      sectors: this.accessible,
      multiple: this.multiple,
      mode: { multiword: this.multiwordMode, ultra: this.ultraMode },
      writeCache: this.writeCache,
      lookAhead: this.lookAhead,
      lba48: this.#lba48,
      trim: this.#trims,
    });
  }
}
