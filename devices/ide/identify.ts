/** Building blocks of the 256-word IDENTIFY (PACKET) DEVICE data; ATA/ATAPI-6 (T13/1410D) clauses 8.15 and 8.16. */

export class IdentifyData {
  readonly bytes: Uint8Array;

  /** @param buffer where the 512 bytes go; cleared first */
  constructor(buffer: Uint8Array) {
    this.bytes = buffer.subarray(0, 512).fill(0);
  }

  word(index: number, value: number): this {
    this.bytes[2 * index] = value;
    this.bytes[2 * index + 1] = value >> 8;
    return this;
  }

  /** A 32-bit number, low word first. */
  double(index: number, value: number): this {
    return this.word(index, value & 0xffff).word(index + 1, (value >>> 16) & 0xffff);
  }

  /** ASCII padded with spaces, the first character of each pair in the high byte. */
  string(index: number, words: number, text: string): this {
    for (let i = 0; i < 2 * words; i++) {
      const code = i < text.length ? text.charCodeAt(i) : 0x20;
      this.bytes[2 * index + (i ^ 1)] = code >= 0x20 && code < 0x7f ? code : 0x20;
    }
    return this;
  }

  /** Word 255: signature A5h and a checksum that makes all bytes add up to 0. */
  seal(): void {
    this.word(255, 0xa5);
    let sum = 0;
    for (const byte of this.bytes) sum += byte;
    this.bytes[511] = -sum & 0xff;
  }
}

/** The transfer mode that SET FEATURES 03h chose: PIO when neither is set. */
export interface TransferMode {
  /** 0-2, or `undefined`. */
  multiword: number | undefined;
  /** 0-2, or `undefined`. */
  ultra: number | undefined;
}

/** Decodes the count register of SET FEATURES 03h; `undefined` for a mode that no drive on a PIIX4 has. */
export function decodeTransferMode(code: number): TransferMode | undefined {
  const mode = code & 7;
  switch (code >> 3) {
    case 0:
      return mode <= 1 ? { multiword: undefined, ultra: undefined } : undefined;
    case 1:
      return mode <= 4 ? { multiword: undefined, ultra: undefined } : undefined;
    case 4:
      return mode <= 2 ? { multiword: mode, ultra: undefined } : undefined;
    case 8:
      return mode <= 2 ? { multiword: undefined, ultra: mode } : undefined;
    default:
      return undefined;
  }
}

/** Words 53, 62-68 and 88: transfer modes up to PIO 4, multiword DMA 2, Ultra DMA 2. */
export function describeTransferModes(data: IdentifyData, mode: TransferMode): void {
  data
    .word(53, 0x0007)
    .word(63, 0x0007 | (mode.multiword === undefined ? 0 : 0x100 << mode.multiword))
    .word(64, 0x0003);
  for (let word = 65; word <= 68; word++) data.word(word, 120);
  data.word(88, 0x0007 | (mode.ultra === undefined ? 0 : 0x100 << mode.ultra));
}
