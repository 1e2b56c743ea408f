/**
 * Values of a saved state as JSON: what JSON has no notation for becomes an object with one key that begins with `$`.
 *
 * | value                     | JSON                                     |
 * | ------------------------- | ---------------------------------------- |
 * | Uint8Array                | `{ "$u8": base64 }`                      |
 * | Uint16Array, Uint32Array  | `{ "$u16": base64 }`, `{ "$u32": … }`, little endian |
 * | Infinity, NaN, -0         | `{ "$f64": "Infinity" }` …               |
 */

export type StateValue =
  boolean | number | string | null | Uint8Array | Uint16Array | Uint32Array | readonly StateValue[] | StateObject;
export interface StateObject {
  readonly [name: string]: StateValue | undefined;
}

/** Deeper values are refused; real ones have less than half of it. */
const MAX_DEPTH = 32;
const CHUNK = 0x8000;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** 16- and 32-bit elements as bytes, little endian on every host. */
function elementBytes(values: Uint16Array | Uint32Array): Uint8Array {
  const size = values.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(values.length * size);
  values.forEach((value, i) => {
    for (let n = 0; n < size; n++) bytes[i * size + n] = value >>> (8 * n);
  });
  return bytes;
}

function elements<T extends Uint16Array | Uint32Array>(bytes: Uint8Array, into: T): T {
  const size = into.BYTES_PER_ELEMENT;
  for (let i = 0; i < into.length; i++) for (let n = 0; n < size; n++) into[i]! |= bytes[i * size + n]! << (8 * n);
  return into;
}

function encode(value: StateValue | undefined): unknown {
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { $f64: Object.is(value, -0) ? '-0' : `${value}` };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $u8: toBase64(value) };
  if (value instanceof Uint16Array) return { $u16: toBase64(elementBytes(value)) };
  if (value instanceof Uint32Array) return { $u32: toBase64(elementBytes(value)) };
  if (Array.isArray(value)) return value.map(encode);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, encode(inner as StateValue)]));
}

function decodeSpecial(name: string, text: unknown): StateValue {
  if (typeof text !== 'string') throw new Error(`${name} is no text`);
  switch (name) {
    case '$f64':
      if (!['Infinity', '-Infinity', 'NaN', '-0'].includes(text)) throw new Error(`unknown number ${text}`);
      return Number(text);
    case '$u8':
      return fromBase64(text);
    case '$u16': {
      const bytes = fromBase64(text);
      return elements(bytes, new Uint16Array(bytes.length >> 1));
    }
    case '$u32': {
      const bytes = fromBase64(text);
      return elements(bytes, new Uint32Array(bytes.length >> 2));
    }
    default:
      throw new Error(`unknown kind of value ${name}`);
  }
}

function decode(value: unknown, depth: number): StateValue {
  if (depth > MAX_DEPTH) throw new Error('values are nested too deeply');
  if (typeof value !== 'object' || value === null) return value as StateValue;
  if (Array.isArray(value)) return value.map((item) => decode(item, depth + 1));
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first![0].startsWith('$')) return decodeSpecial(first![0], first![1]);
  // Without prototype: names out of a file mean nothing but themselves.
  const out = Object.create(null) as Record<string, StateValue>;
  for (const [name, inner] of entries) out[name] = decode(inner, depth + 1);
  return out;
}

export const stringifyState = (value: StateObject): string => JSON.stringify(encode(value));

/** @throws Error, SyntaxError for text that `stringifyState` cannot have made */
export function parseState(text: string): StateObject {
  const value = decode(JSON.parse(text), 0);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    throw new Error('not an object');
  return value as StateObject;
}
