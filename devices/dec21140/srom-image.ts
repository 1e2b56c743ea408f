/**
 * What the serial ROM of the adapter holds: identification, station address and the media of its 21140 port.
 *
 * Source: Digital Semiconductor 21X4 Serial ROM Format 4.09. The default medium is fixed 100BASE-TX full duplex, as guests
 * of the original product report it; an MII block and a medium with a link-sensing pin serve drivers that sense.
 */
import { ethernetCrc } from './ethernet-crc.ts';

export const SROM_BYTES = 128;
/** General-purpose pin that is high while there is a link. */
export const LINK_PIN = 7;

/** Extended blocks exist since this version of the format. */
const FORMAT_VERSION = 3;
const LEAF = 0x1e;
const MEDIA_100TX_FD = 5;
/** Default connection: 100BASE-TX full duplex without autosensing. */
const CONNECTION_100TX_FD = 0x0205;
const BLOCK_EXTENDED = 0x80;
const BLOCK_MII = 1;
/** PS, PCS and SCR of CSR6 for the symbol port; bits 3-1 sense pin, active high. */
const COMMAND_100TX = 0x61 | (LINK_PIN << 1);
/** 100TX-FD, 100TX, 10T-FD, 10T. */
const MII_CAPABILITIES = 0x7800;
const MII_ADVERTISEMENT = 0x01e1;
const MII_FULL_DUPLEX = 0x5000;
const MII_10_MBIT = 0x1800;
const CHECKSUM = 126;
const ID_BLOCK_CRC = 16;

export interface SromContents {
  /** Six bytes. */
  readonly macAddress: Uint8Array;
  readonly subsystemVendor: number;
  readonly subsystem: number;
}

/** CRC-8 (x8 + x2 + x + 1, preset to ones) over the ID block: words 0-7 and the high byte of word 8, high bits first. */
function idBlockCrc(bytes: Uint8Array): number {
  let crc = 0xff;
  const feed = (byte: number): void => {
    for (let bit = 7; bit >= 0; bit--) {
      const out = ((byte >> bit) & 1) ^ (crc >> 7);
      crc = ((crc << 1) & 0xff) ^ (out ? 0x07 : 0);
    }
  };
  for (let word = 0; word < 8; word++) {
    feed(bytes[2 * word + 1]!);
    feed(bytes[2 * word]!);
  }
  feed(bytes[ID_BLOCK_CRC + 1]!);
  return crc;
}

export function buildSromImage({ macAddress, subsystemVendor, subsystem }: SromContents): Uint8Array {
  const bytes = new Uint8Array(SROM_BYTES);
  const word = (at: number, value: number): void => {
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
  };
  word(0, subsystemVendor);
  word(2, subsystem);
  bytes[ID_BLOCK_CRC] = idBlockCrc(bytes);
  bytes[18] = FORMAT_VERSION;
  bytes[19] = 1; // controllers
  bytes.set(macAddress.subarray(0, 6), 20);
  word(27, LEAF); // byte 26: device number 0, the only controller
  word(LEAF, CONNECTION_100TX_FD);
  bytes[LEAF + 2] = 0; // every general-purpose pin is an input
  const blocks = [
    [BLOCK_MII, 0, 0, 0, ...[MII_CAPABILITIES, MII_ADVERTISEMENT, MII_FULL_DUPLEX, MII_10_MBIT].flatMap(littleEndian)],
    [MEDIA_100TX_FD, 0, ...littleEndian(COMMAND_100TX)],
  ];
  bytes[LEAF + 3] = blocks.length;
  let at = LEAF + 4;
  for (const block of blocks) {
    if (block[0] === BLOCK_MII) bytes[at++] = BLOCK_EXTENDED | block.length;
    bytes.set(block, at);
    at += block.length;
  }
  word(CHECKSUM, ethernetCrc(bytes.subarray(0, CHECKSUM)));
  return bytes;
}

function littleEndian(word: number): [number, number] {
  return [word & 0xff, word >> 8];
}
