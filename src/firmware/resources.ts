/**
 * Resource descriptors as they stand in _CRS and _PRS buffers.
 * Source: ACPI 2.0, section 6.4; Plug and Play ISA Specification 1.0a.
 */
import type { Aml } from './aml.ts';
import { buffer } from './aml.ts';

const u16 = (value: number): Aml => [value & 0xff, (value >>> 8) & 0xff];
const u32 = (value: number): Aml => [...u16(value), ...u16(value >>> 16)];

/** Fixed ports with 16-bit decode. */
export const ports = (base: number, length: number): Aml => [0x47, 0x01, ...u16(base), ...u16(base), 1, length];

const irqMask = (irqs: readonly number[]): number => irqs.reduce((mask, irq) => mask | (1 << irq), 0);

/** Edge-triggered, active high, exclusive. */
export const irq = (number: number): Aml => [0x22, ...u16(1 << number)];

/** Level-triggered, active low, shared. Bytes 1 and 2 hold the mask. */
export const sharedIrq = (irqs: readonly number[]): Aml => [0x23, ...u16(irqMask(irqs)), 0x18];

/** An 8-bit DMA channel that is no bus master, or (`width16`) a 16-bit one. */
export const dma = (channel: number, width16 = false): Aml => [0x2a, 1 << channel, width16 ? 0x02 : 0x00];

/** Address space ranges that a bridge passes on; `last` inclusive. */
export const busNumbers = (first: number, last: number): Aml => word(0x02, 0x0c, 0x00, first, last);
export const bridgePorts = (first: number, last: number): Aml => word(0x01, 0x0c, 0x03, first, last);
export const bridgeMemory = (first: number, last: number): Aml => [
  0x87,
  ...u16(23),
  0x00,
  0x0c,
  0x01, // read and write, not cacheable
  ...u32(0),
  ...u32(first),
  ...u32(last),
  ...u32(0),
  ...u32(last - first + 1),
];

function word(type: number, general: number, specific: number, first: number, last: number): Aml {
  return [
    0x88,
    ...u16(13),
    type,
    general,
    specific,
    ...u16(0),
    ...u16(first),
    ...u16(last),
    ...u16(0),
    ...u16(last - first + 1),
  ];
}

/** A resource template: the descriptors and the end tag (checksum 0: not checked). */
export const template = (...descriptors: Aml[]): Aml => buffer([...descriptors.flat(), 0x79, 0x00]);
