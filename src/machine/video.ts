/** The display adapter that a configuration asks for, and who it must seem to be while its video BIOS starts. */
import type { Device, DeviceHost } from '../../devices/device.ts';
import type { LevelSource } from '../../devices/interrupt-line.ts';
import type { PciFunction } from '../../devices/pci.ts';
import type { LinearWindow } from '../../devices/s3-trio64/linear.ts';
import { PciTrio64 } from '../../devices/s3-trio64/pci-trio64.ts';
import { Trio64 } from '../../devices/s3-trio64/trio64.ts';
import { PciVga } from '../../devices/vga/pci-vga.ts';
import type { VgaOptions } from '../../devices/vga/vga.ts';
import { Vga } from '../../devices/vga/vga.ts';
import { FIRMWARE_VIDEO } from './board-layout.ts';
import type { VideoAdapterKind } from './configuration.ts';

export interface PciIdentifier {
  readonly vendor: number;
  readonly device: number;
}

export interface VideoOptions extends VgaOptions {
  /** INTA#, for adapters that interrupt. */
  readonly irq: LevelSource;
  /** For adapters that place their frame buffer themselves. */
  readonly onLinearWindow: (window: LinearWindow | undefined) => void;
}

export interface Video {
  readonly adapter: Vga;
  readonly pci: PciFunction & Device;
}

export function createVideo(kind: VideoAdapterKind, host: DeviceHost, options: VideoOptions): Video {
  if (kind === 'dispi') {
    const adapter = new Vga(host, options);
    return { adapter, pci: new PciVga(adapter) };
  }
  const adapter = new Trio64(host, options);
  return { adapter, pci: new PciTrio64(adapter) };
}

/** Offset of the pointer to the PCI data structure in an expansion ROM, and its signature "PCIR". */
const DATA_POINTER = 0x18;
const DATA_SIGNATURE = [0x50, 0x43, 0x49, 0x52];

/**
 * Who the adapter must seem to be while the firmware runs: itself if the video BIOS says that it is made for it.
 * Source: PCI Local Bus Specification 2.1, section 6.3 "PCI Expansion ROMs".
 */
export function firmwareIdentity(videoBios: Uint8Array, adapter: PciIdentifier): PciIdentifier {
  const word = (at: number): number => (videoBios[at] ?? 0) | ((videoBios[at + 1] ?? 0) << 8);
  const data = word(DATA_POINTER);
  const described = DATA_SIGNATURE.every((byte, i) => videoBios[data + i] === byte);
  const own = described && word(data + 4) === adapter.vendor && word(data + 6) === adapter.device;
  return own ? { vendor: adapter.vendor, device: adapter.device } : FIRMWARE_VIDEO;
}
