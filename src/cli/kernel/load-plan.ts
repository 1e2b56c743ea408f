/** What the boot loader of the kernel disc (loader.asm) has to do. */

/** Bytes for a place in memory; without `data` the place is filled with zeros. */
export interface LoadItem {
  /** File name on the disc; for people who look at it. */
  readonly name: string;
  /** Physical address. */
  readonly to: number;
  readonly length: number;
  readonly data: Uint8Array | undefined;
}

export interface LoadPlan {
  readonly protocol: 'linux' | 'multiboot';
  /** Linux: segment of the real-mode part. Multiboot: physical address of the entry point. */
  readonly entry: number;
  /** Multiboot: physical address of the information structure. */
  readonly info: number;
  readonly items: readonly LoadItem[];
}

/** What goes with a kernel. */
export interface KernelExtras {
  readonly commandLine: string;
  readonly initrd: Uint8Array | undefined;
  /** Guest RAM in bytes. */
  readonly memoryBytes: number;
}

/** RAM below its end that firmware keeps for ACPI tables and itself. */
export const RESERVED_TOP: number = 1 << 20;
export const MIB: number = 1 << 20;
export const PAGE: number = 4096;

export const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** A zero-terminated string of bytes; characters beyond Latin-1 become `?`. */
export const cString = (text: string): Uint8Array =>
  Uint8Array.from([...text.replace(/[^\x01-\xff]/g, '?')].map((c) => c.charCodeAt(0)).concat(0));
