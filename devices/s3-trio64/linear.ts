/**
 * Where the linear frame buffer is, and how the graphics engine sees memory.
 * Data sheet: S3 Trio32/Trio64 (DB014-B), registers CR31, CR50, CR58-CR5A and port 4AE8.
 */
import type { Layout } from './engine/surface.ts';
import { Cr } from './registers.ts';

/** A stretch of physical addresses that shows video memory from its start. */
export interface LinearWindow {
  readonly base: number;
  readonly length: number;
}

/** CR58 bits 1-0. */
const WINDOW_SIZES = [0x10000, 0x100000, 0x200000, 0x400000] as const;
const LARGEST = 0x400000;

/** @param advanced 4AE8, whose bit 4 opens the window too */
export function linearWindow(crtc: Uint8Array, advanced: number, videoBytes: number): LinearWindow | undefined {
  const control = crtc[Cr.LinearControl]!;
  if (!(control & 0x10) && !(advanced & 0x10)) return undefined;
  // The chip ends at 4 MiB; with more memory its largest window shows all.
  const size = WINDOW_SIZES[control & 3]!;
  const length = size === LARGEST ? Math.max(size, videoBytes) : size;
  const address = ((crtc[Cr.LinearHigh]! << 24) | (crtc[Cr.LinearLow]! << 16)) >>> 0;
  const base = address - (address % length);
  return base === 0 ? undefined : { base, length: Math.min(length, videoBytes) };
}

/** Pixels per line by CR50 bits 7, 6 and 0; others are 1024. */
const WIDTHS: Readonly<Record<number, number>> = { 0x01: 1152, 0x40: 640, 0x80: 800, 0x81: 1600, 0xc0: 1280 };

/** @param advanced 4AE8, whose bit 2 makes 1600 of 800 */
export function engineLayout(crtc: Uint8Array, advanced: number): Pick<Layout, 'bytes' | 'pitch'> {
  const control = crtc[Cr.SystemControl1]!;
  const width = control & 0xc1;
  let pitch = WIDTHS[width] ?? 1024;
  if (width === 0 && crtc[Cr.MemoryConfiguration]! & 0x02) pitch = 2048;
  if (width === 0x80 && advanced & 0x04) pitch = 1600;
  const length = (control >> 4) & 3;
  return { pitch, bytes: length === 3 ? 4 : length === 1 ? 2 : 1 };
}
