/**
 * Ethernet addresses as the original product gave them to its adapters: 00-03-FF, then what tells hosts and machines apart.
 */

/** Bytes of an address. */
export const MAC_BYTES = 6;
/** Microsoft's block, which the product took its addresses from. */
const PREFIX = [0x00, 0x03, 0xff] as const;
/** Addresses taken from one adapter of the host before the next has its turn. */
const PER_ADAPTER = 256;

/** Reads `00-03-FF-12-34-56`, also with colons or without separators. @returns undefined if it is not an address */
export function parseMac(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/[-:]/g, '');
  if (!/^[0-9a-f]{12}$/i.test(digits) || !/^(?:[0-9a-f]{2}([-:]?))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)) {
    return undefined;
  }
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

/** `00-03-FF-12-34-56` */
export function formatMac(address: Uint8Array): string {
  return [...address].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('-');
}

/** An address that a station may have: not a group address, not all zeros. */
export function isStationAddress(address: Uint8Array): boolean {
  return address.length === MAC_BYTES && (address[0]! & 1) === 0 && address.some((byte) => byte !== 0);
}

/**
 * The address with a number.
 *
 * Byte 4 is byte 4 of an adapter of the host, exclusive-or the number, bytes 5 and 6 are the adapter's. The first 256
 * numbers use the first adapter, the next 256 the second, and after the last one the first again.
 * @param hostAdapters addresses of the host's adapters, loopback and bridges left out
 * @param number counts up with every address given, never back
 * @param random three random bytes, used if there is no adapter
 */
export function dynamicMac(hostAdapters: readonly Uint8Array[], number: number, random: Uint8Array): Uint8Array {
  if (hostAdapters.length === 0) return Uint8Array.of(...PREFIX, ...random.subarray(0, 3));
  const adapter = hostAdapters[Math.floor(number / PER_ADAPTER) % hostAdapters.length]!;
  return Uint8Array.of(...PREFIX, adapter[3]! ^ (number & 0xff), adapter[4]!, adapter[5]!);
}
