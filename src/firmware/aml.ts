/**
 * Encoder for the part of ACPI Machine Language that a DSDT of this size needs. Each function returns the encoded term.
 * Source: Advanced Configuration and Power Interface Specification 2.0, chapter 17 (AML grammar).
 */

export type Aml = readonly number[];

const NULL_NAME = 0x00;

/** PkgLength and content: the length counts its own 1 to 4 bytes. */
function packaged(content: Aml): Aml {
  const { length } = content;
  if (length + 1 < 0x40) return [length + 1, ...content];
  for (let extra = 1; extra <= 3; extra++) {
    const total = length + 1 + extra;
    if (total >= 2 ** (4 + 8 * extra)) continue;
    const lead = (extra << 6) | (total & 0xf);
    return [lead, ...Array.from({ length: extra }, (_, i) => (total >>> (4 + 8 * i)) & 0xff), ...content];
  }
  throw new RangeError('AML package too long');
}

/** A name segment: four characters, padded with underscores. */
function segment(name: string): Aml {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(name)) throw new RangeError(`not an AML name segment: ${name}`);
  return Array.from(name.padEnd(4, '_'), (c) => c.charCodeAt(0));
}

/** A name or path, e.g. `_HID`, `\\_SB`, `^PIRA`, `\\_SB.PCI0.ISA`. */
export function path(name: string): Aml {
  const [, prefix, rest] = /^(\\|\^*)(.*)$/.exec(name)!;
  const lead = Array.from(prefix!, (c) => c.charCodeAt(0));
  const parts = rest === '' ? [] : rest!.split('.').map(segment);
  if (parts.length === 0) return [...lead, NULL_NAME];
  if (parts.length === 1) return [...lead, ...parts[0]!];
  if (parts.length === 2) return [...lead, 0x2e, ...parts.flat()];
  return [...lead, 0x2f, parts.length, ...parts.flat()];
}

const bytesOf = (value: number, count: number): Aml =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);

/** An integer constant of up to 32 bits, in its shortest form. */
export function integer(value: number): Aml {
  if (value === 0 || value === 1) return [value];
  if (value <= 0xff) return [0x0a, value];
  if (value <= 0xffff) return [0x0b, ...bytesOf(value, 2)];
  return [0x0c, ...bytesOf(value, 4)];
}

/** A compressed EISA identifier, e.g. `PNP0A03`. */
export function eisaId(id: string): Aml {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id)) throw new RangeError(`not an EISA identifier: ${id}`);
  const [a, b, c] = Array.from(id.slice(0, 3), (letter) => letter.charCodeAt(0) - 0x40);
  const vendor = (a! << 10) | (b! << 5) | c!;
  const product = Number.parseInt(id.slice(3), 16);
  return [0x0c, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
}

export const buffer = (bytes: Aml): Aml => [0x11, ...packaged([...integer(bytes.length), ...bytes])];
export const packageOf = (...elements: Aml[]): Aml => [0x12, ...packaged([elements.length, ...elements.flat()])];
export const name = (at: string, value: Aml): Aml => [0x08, ...path(at), ...value];
export const scope = (at: string, ...terms: Aml[]): Aml => [0x10, ...packaged([...path(at), ...terms.flat()])];
export const device = (at: string, ...terms: Aml[]): Aml => [0x5b, 0x82, ...packaged([...path(at), ...terms.flat()])];

/** @param args number of arguments 0-7. Methods are serialised, so that they may create named objects. */
export const method = (at: string, args: number, ...terms: Aml[]): Aml => [
  0x14,
  ...packaged([...path(at), args | 0x08, ...terms.flat()]),
];

export const RegionSpace = { SystemMemory: 0, SystemIO: 1, PciConfig: 2 } as const;
export const operationRegion = (at: string, space: number, offset: number, length: number): Aml => [
  0x5b,
  0x80,
  ...path(at),
  space,
  ...integer(offset),
  ...integer(length),
];

/** Byte-wide fields that follow each other from the start of a region (ByteAcc, NoLock, Preserve). */
export const byteFields = (region: string, names: readonly string[]): Aml => [
  0x5b,
  0x81,
  ...packaged([...path(region), 0x01, ...names.flatMap((field) => [...segment(field), 8])]),
];

export const ARG0: Aml = [0x68];
export const LOCAL0: Aml = [0x60];
const NO_TARGET: Aml = [0x00];

export const ret = (value: Aml): Aml => [0xa4, ...value];
export const store = (value: Aml, target: Aml): Aml => [0x70, ...value, ...target];
export const and = (a: Aml, b: Aml, target: Aml = NO_TARGET): Aml => [0x7b, ...a, ...b, ...target];
export const or = (a: Aml, b: Aml, target: Aml = NO_TARGET): Aml => [0x7d, ...a, ...b, ...target];
export const shiftLeft = (a: Aml, count: Aml, target: Aml = NO_TARGET): Aml => [0x79, ...a, ...count, ...target];
export const findSetRightBit = (value: Aml, target: Aml): Aml => [0x82, ...value, ...target];
export const decrement = (target: Aml): Aml => [0x76, ...target];
/** True (ones) where both are equal. */
export const equal = (a: Aml, b: Aml): Aml => [0x93, ...a, ...b];
export const createWordField = (source: Aml, offset: number, at: string): Aml => [
  0x8b,
  ...source,
  ...integer(offset),
  ...path(at),
];
export const when = (condition: Aml, ...terms: Aml[]): Aml => [0xa0, ...packaged([...condition, ...terms.flat()])];
