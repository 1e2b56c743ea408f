/** What the drives read and write. Implementations are synchronous and may throw; the drive reports that to the guest as an ATA error. */

export const SECTOR_BYTES = 512;
export const CD_BLOCK_BYTES = 2048;

/** A hard disk's content. */
export interface BlockMedia {
  /** Sectors of 512 bytes, at least 1. */
  readonly sectorCount: number;
  readonly readOnly: boolean;
  /** Reads `into.length / 512` sectors from `lba` on. */
  read(lba: number, into: Uint8Array): void;
  write(lba: number, from: Uint8Array): void;
  /** Returns when everything written is safe. */
  flush(): void;
  /** The guest no longer needs these sectors' content. */
  trim?(lba: number, count: number): void;
}

/** A data CD: one session, one mode 1 track. */
export interface CdMedia {
  /** Blocks of 2048 bytes. */
  readonly blockCount: number;
  /** Reads `into.length / 2048` blocks from `block` on. */
  read(block: number, into: Uint8Array): void;
}
