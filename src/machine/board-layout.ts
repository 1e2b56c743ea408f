/**
 * Addresses and interrupt numbers of the Virtual Server board, shared by the wiring and by the tables that describe it
 * to guests. As seen from inside guests of the original product, except where a comment says otherwise.
 */

export const PM_BASE = 0x400;
export const SMBUS_BASE = 0x440;
export const SCI_IRQ = 9;

/** PCI device numbers. */
export const Slot = { HostBridge: 0, SouthBridge: 7, Video: 8, FirstFree: 9, Network: 10, Last: 15 } as const;

/** Function numbers in the south bridge's slot. Function 2 (USB) is absent. */
export const SouthBridgeFunction = { Isa: 0, Ide: 1, PowerManagement: 3 } as const;

/** PIRQ routing at hand-over: A to IRQ 9 (shared with the SCI), D to IRQ 11, B and C disabled (80h). */
export const PIRQ_ROUTES: readonly number[] = [9, 0x80, 0x80, 11];

/** Edge/level control at hand-over: IRQ 9 and 11 level. Low byte port 4D0h, high byte 4D1h. */
export const ELCR = 0x0a00;
export const ELCR_PORT = 0x4d0;

/** IRQs that an operating system may route a PIRQ to: those without an ISA device. */
export const PIRQ_CHOICES: readonly number[] = [9, 10, 11];

export interface SerialPlace {
  readonly base: number;
  readonly irq: number;
}
export const SERIAL_PORTS: readonly SerialPlace[] = [
  { base: 0x3f8, irq: 4 },
  { base: 0x2f8, irq: 3 },
];
export const PARALLEL_PORT = { base: 0x378, length: 8, irq: 7 } as const;
export const FLOPPY = { base: 0x3f0, irq: 6, dma: 2 } as const;
export const FW_CFG_BASE = 0x510;

/** First address of the processor's interrupt controllers' range; PCI memory ends below. */
export const PCI_MEMORY_END = 0xfec00000;

/**
 * Identity that the display adapter shows until the firmware boots if its video BIOS is not made for it: SeaVGABIOS looks
 * for the linear frame buffer of no other adapter. Afterwards the adapter is what guests of the original find.
 */
export const FIRMWARE_VIDEO = { vendor: 0x1234, device: 0x1111 } as const;

/** PCI interrupt wiring: pins are not rotated, INTA# of every slot is PIRQA#, INTB# PIRQB# and so on. */
export function pirqOf(_slot: number, pin: 1 | 2 | 3 | 4): number {
  return pin - 1;
}
