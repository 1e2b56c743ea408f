/** CRC-32 as Ethernet and the serial ROM use it: polynomial 04C11DB7h, bits in wire order. Source: IEEE 802.3 clause 3.2.9. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc >>> 0;
});

/** The register after the bytes, preset to ones and not inverted: what address hashing takes its bits from. */
export function crcRegister(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return crc >>> 0;
}

/** The frame check sequence: sent low byte first after the data. */
export function ethernetCrc(bytes: Uint8Array): number {
  return ~crcRegister(bytes) >>> 0;
}
