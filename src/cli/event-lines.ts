/** Machine events as JSON lines. */
import type { MachineEvent } from '../machine/events.ts';

/** One line for an event; bytes become base64 strings. */
export function eventLine(event: MachineEvent): string {
  return `${JSON.stringify(event, (_key, value: unknown) => (value instanceof Uint8Array ? toBase64(value) : value))}\n`;
}

const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
