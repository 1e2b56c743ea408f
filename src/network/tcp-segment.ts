/** TCP segments as bytes (RFC 9293), with the options for the segment size and the window scale (RFC 7323). */
import { IpProtocol, checksum, read16, read32, transportChecksum, write16, write32 } from './packet.ts';

export const TcpFlag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16 } as const;
export const TCP_HEADER = 20;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;

export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  /** As in the header, not scaled. */
  readonly window: number;
  readonly mss?: number | undefined;
  readonly windowScale?: number | undefined;
  readonly data: Uint8Array;
}

/** @returns undefined for what is too short or has a wrong checksum */
export function readTcp(source: number, destination: number, bytes: Uint8Array): TcpSegment | undefined {
  if (bytes.length < TCP_HEADER) return undefined;
  const header = (bytes[12]! >> 4) * 4;
  if (header < TCP_HEADER || header > bytes.length) return undefined;
  const pseudo = (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  if (checksum(bytes, 0, bytes.length, pseudo + IpProtocol.Tcp + bytes.length) !== 0) return undefined;
  let mss: number | undefined;
  let windowScale: number | undefined;
  for (let at = TCP_HEADER; at < header && bytes[at] !== OPTION_END;) {
    if (bytes[at] === OPTION_NOP) {
      at++;
      continue;
    }
    const length = bytes[at + 1]!;
    if (length < 2 || at + length > header) break;
    if (bytes[at] === OPTION_MSS && length === 4) mss = read16(bytes, at + 2);
    if (bytes[at] === OPTION_WINDOW_SCALE && length === 3) windowScale = bytes[at + 2];
    at += length;
  }
  return {
    sourcePort: read16(bytes, 0),
    destinationPort: read16(bytes, 2),
    sequence: read32(bytes, 4),
    acknowledgement: read32(bytes, 8),
    flags: bytes[13]!,
    window: read16(bytes, 14),
    mss,
    windowScale,
    data: bytes.subarray(header),
  };
}

export function tcpSegment(source: number, destination: number, segment: TcpSegment): Uint8Array {
  const { mss, windowScale, data } = segment;
  const options: number[] = [];
  if (mss !== undefined) options.push(OPTION_MSS, 4, mss >> 8, mss & 0xff);
  if (windowScale !== undefined) options.push(OPTION_NOP, OPTION_WINDOW_SCALE, 3, windowScale);
  const header = TCP_HEADER + options.length;
  const bytes = new Uint8Array(header + data.length);
  write16(bytes, 0, segment.sourcePort);
  write16(bytes, 2, segment.destinationPort);
  write32(bytes, 4, segment.sequence);
  write32(bytes, 8, segment.acknowledgement);
  bytes[12] = (header >> 2) << 4;
  bytes[13] = segment.flags;
  write16(bytes, 14, segment.window);
  bytes.set(options, TCP_HEADER);
  bytes.set(data, header);
  write16(bytes, 16, transportChecksum(source, destination, IpProtocol.Tcp, bytes));
  return bytes;
}

/** Distance from `b` to `a` in sequence space, negative when `a` is before `b`. */
export const sequenceDifference = (a: number, b: number): number => (a - b) | 0;
