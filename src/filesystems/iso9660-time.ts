/** Times in ISO 9660 directory records. */

/** ECMA-119, 9.1.5: seven bytes with the offset from Greenwich in quarters of an hour. */
export function recordTime(bytes: Uint8Array): string | undefined {
  const [year, month, day, hour, minute, second] = bytes;
  const zone = (bytes[6] << 24) >> 24;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return undefined;
  const time = Date.UTC(1900 + year, month - 1, day, hour, minute, second) - zone * 15 * 60_000;
  return new Date(time).toISOString().replace('.000Z', 'Z');
}
