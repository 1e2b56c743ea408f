/**
 * Captures in the pcapng format (IETF draft-ietf-opsawg-pcapng): a section header, one Ethernet interface with nanosecond time
 * stamps, and an enhanced packet block for each frame.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const SNAP_LENGTH = 65535;
const OPTION_END = 0;
const OPTION_NAME = 2;
const OPTION_USER_APPLICATION = 4;
const OPTION_TIME_RESOLUTION = 9;
/** Negative powers of ten. */
const NANOSECONDS = 9;

const padded = (length: number): number => (length + 3) & ~3;

function block(type: number, body: Uint8Array): Uint8Array {
  const length = 12 + padded(body.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(body, 8);
  view.setUint32(length - 4, length, true);
  return bytes;
}

function options(...list: readonly (readonly [code: number, value: Uint8Array])[]): number[] {
  const bytes: number[] = [];
  for (const [code, value] of list) {
    bytes.push(code & 0xff, code >> 8, value.length & 0xff, value.length >> 8, ...value);
    while (bytes.length & 3) bytes.push(0);
  }
  bytes.push(OPTION_END, 0, 0, 0);
  return bytes;
}

/** What a capture begins with. @param name of the interface */
export function pcapngHeader(name: string): Uint8Array {
  const text = new TextEncoder();
  const section = new Uint8Array([
    ...[0, 8, 16, 24].map((shift) => (BYTE_ORDER_MAGIC >>> shift) & 0xff),
    ...[1, 0, 0, 0], // version 1.0
    ...new Array<number>(8).fill(0xff), // length of the section: unknown
    ...options([OPTION_USER_APPLICATION, text.encode('virtualserver')]),
  ]);
  const description = new Uint8Array([
    ...[LINKTYPE_ETHERNET, 0, 0, 0],
    ...[SNAP_LENGTH & 0xff, SNAP_LENGTH >> 8, 0, 0],
    ...options([OPTION_NAME, text.encode(name)], [OPTION_TIME_RESOLUTION, Uint8Array.of(NANOSECONDS)]),
  ]);
  const first = block(SECTION_HEADER, section);
  const second = block(INTERFACE_DESCRIPTION, description);
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** One frame. @param nanoseconds since 1970 */
export function pcapngPacket(nanoseconds: bigint, frame: Uint8Array): Uint8Array {
  const body = new Uint8Array(20 + frame.length);
  const view = new DataView(body.buffer);
  view.setUint32(4, Number((nanoseconds >> 32n) & 0xffffffffn), true);
  view.setUint32(8, Number(nanoseconds & 0xffffffffn), true);
  view.setUint32(12, frame.length, true);
  view.setUint32(16, frame.length, true);
  body.set(frame, 20);
  return block(ENHANCED_PACKET, body);
}
