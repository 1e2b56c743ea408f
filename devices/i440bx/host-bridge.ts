/**
 * Intel 82443BX host bridge with AGP disabled (8086:7192).
 *
 * Data sheet: Intel 440BX AGPset 82443BX, 290633, sections 3.3 (registers) and 4.1 (memory map).
 * Models: identification, PAM0-PAM6 and SMRAM/ESMRAMC with lock, storage of NBXCFG, DRAM rows and timings, and the
 * temporary identity that firmware for another bridge needs (see `firmwareHandover`).
 * Does not model: AGP and the graphics aperture, TSEG, SMM address decoding (the processor has no SMM), DRAM timings,
 * ECC, power management of the bridge, HEN gaps (FDHC is storage).
 */
import type { AccessSize } from '../bus.ts';
import type { Device } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';

/** Who answers processor accesses to a stretch of the legacy area: system memory or PCI/ISA (ROM, video). */
export interface MemoryAttributes {
  readonly from: number;
  readonly length: number;
  readonly read: 'dram' | 'bus';
  readonly write: 'dram' | 'bus';
}

export interface I440bxOptions {
  /** Size of system memory in bytes; gives the DRAM row boundaries. */
  readonly memoryBytes: number;
  /** Receives the stretches whose routing changed. */
  onMemoryAttributes(changes: readonly MemoryAttributes[]): void;
  /**
   * Firmware handover. SeaBIOS knows how to shadow and write-protect itself behind an 82441FX (8086:1237) only. With this
   * hook the bridge shows that identity, with PAM0 saying that the F segment is already memory, from hard reset until the
   * firmware write-protects the F segment (PAM0 = 10h after 30h: its last act before booting). Then the hook runs, once
   * per reset; the board does its part and calls `finishPost`. The board must have copied the firmware image into memory
   * below 1 MiB at every hard reset.
   */
  readonly onPostFinished?: () => void;
}

const BRIDGE = { vendor: 0x8086, device: 0x7192, revision: 3, classCode: 0x060000 } as const;
const POST_DEVICE = 0x1237;
const POST_REVISION = 2;

const PAM0 = 0x59;
const PAM6 = 0x5f;
const DRB = 0x60;
const SMRAM = 0x72;
const ESMRAMC = 0x73;
const SMRAM_OPEN = 0x40;
const SMRAM_LOCK = 0x10;
const SMRAM_ENABLE = 0x08;
const MIB8 = 8 << 20;

export class I440bx extends PciFunction implements Device {
  readonly name = 'i440bx';
  readonly state: StateDeclaration;
  /** True from hard reset until `finishPost`, where a handover is configured. */
  inPost = false;
  readonly #options: I440bxOptions;
  #reported: MemoryAttributes[] = [];

  constructor(options: I440bxOptions) {
    super(BRIDGE);
    this.#options = options;
    const { writable } = this;
    writable[0x05] = 0x01; // SERR# enable; bus master and memory enable are wired to 1
    this.clearable[0x07] = 0x70;
    writable[0x0d] = 0xf8;
    writable.set([0xff, 0xff, 0xff, 0x7f], 0x50);
    writable[0x57] = 0x3f;
    writable[0x58] = 0x03;
    writable.fill(0x33, PAM0, PAM6 + 1);
    writable[PAM0] = 0x30;
    writable.fill(0xff, DRB, 0x68);
    writable.fill(0xff, 0x68, 0x69); // FDHC, kept as storage
    writable.fill(0xff, 0x69, 0x72);
    writable[0x74] = 0xff;
    writable[0x75] = 0xff;
    writable[0x76] = 0xff;
    writable[0x77] = 0x07;
    writable.fill(0xff, 0x78, 0x7a);
    writable[0x90] = 0x07; // ERRCMD
    this.clearable[0x91] = 0xff;
    this.clearable[0x92] = 0x1f;
    writable.fill(0xff, 0xca, 0xe0); // buffer strengths, scratch
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'config', type: { bytes: 256 } },
        { name: 'inPost', type: 'bool' },
      ],
      loaded: () => this.#report(),
    };
    this.#defaults();
  }

  #defaults(): void {
    const { config } = this;
    config[0x04] = 0x06;
    config[0x07] = 0x02; // medium DEVSEL#, no capability list
    config[0x10] = 0x08; // aperture: prefetchable memory, no address bits
    config[0x7a] = 0x02; // AGP disabled by strap
    config[SMRAM] = 0x02;
    config[ESMRAMC] = 0x38;
    config[0x57] = 0x01;
    for (let row = 0; row < 8; row++) config[DRB + row] = Math.min(0xff, this.#rowBoundary(row));
    this.inPost = this.#options.onPostFinished !== undefined;
    if (this.inPost) {
      config[0x02] = POST_DEVICE & 0xff;
      config[0x03] = POST_DEVICE >> 8;
      config[0x08] = POST_REVISION;
      config[PAM0] = 0x10;
    }
  }

  /** Upper boundary of a DRAM row in units of 8 MiB; all memory sits in as few 128 MiB or larger rows as the register can say. */
  #rowBoundary(row: number): number {
    const total = Math.ceil(this.#options.memoryBytes / MIB8);
    const rowUnits = Math.max(16, Math.ceil(total / 8));
    return Math.min(total, rowUnits * (row + 1));
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.resetConfig();
    this.#defaults();
    this.#report();
  }

  override writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const pam0 = this.config[PAM0]!;
    const smram = this.config[SMRAM]!;
    const locked = smram & SMRAM_LOCK;
    this.writable[SMRAM] = locked ? 0x20 : 0x78;
    this.writable[ESMRAMC] = locked ? 0 : 0x87;
    this.clearable[ESMRAMC] = 0x40;
    const changes = super.writeConfig(offset, size, value);
    if (this.config[SMRAM]! & SMRAM_LOCK) this.config[SMRAM]! &= ~SMRAM_OPEN;
    this.#report();
    if (this.inPost && pam0 === 0x30 && this.config[PAM0] === 0x10) this.#options.onPostFinished?.();
    return changes;
  }

  /** Ends the firmware handover: from now on the bridge is an 82443BX. Does nothing outside POST. */
  finishPost(): void {
    if (!this.inPost) return;
    this.inPost = false;
    this.config[0x02] = BRIDGE.device & 0xff;
    this.config[0x03] = BRIDGE.device >> 8;
    this.config[0x08] = BRIDGE.revision;
  }

  /** Routing of A0000-FFFFF now, ascending and without gaps. */
  memoryAttributes(): MemoryAttributes[] {
    const smram = this.config[SMRAM]!;
    const open = (smram & (SMRAM_ENABLE | SMRAM_OPEN)) === (SMRAM_ENABLE | SMRAM_OPEN) ? 'dram' : 'bus';
    const list: MemoryAttributes[] = [{ from: 0xa0000, length: 0x20000, read: open, write: open }];
    const field = (from: number, length: number, bits: number): void => {
      list.push({ from, length, read: bits & 1 ? 'dram' : 'bus', write: bits & 2 ? 'dram' : 'bus' });
    };
    for (let i = 0; i < 6; i++) {
      const pam = this.config[PAM0 + 1 + i]!;
      field(0xc0000 + i * 0x8000, 0x4000, pam);
      field(0xc4000 + i * 0x8000, 0x4000, pam >> 4);
    }
    field(0xf0000, 0x10000, this.config[PAM0]! >> 4);
    return list;
  }

  #report(): void {
    const now = this.memoryAttributes();
    const changes = now.filter((stretch, i) => {
      const old = this.#reported[i];
      return !old || old.read !== stretch.read || old.write !== stretch.write;
    });
    this.#reported = now;
    if (changes.length > 0) this.#options.onMemoryAttributes(changes);
  }
}
