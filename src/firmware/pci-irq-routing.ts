/**
 * The `$PIR` table for guests without ACPI: which PIRQ each PCI interrupt pin is wired to.
 * Source: Microsoft, PCI IRQ Routing Table Specification 1.0.
 */
import { PIRQ_CHOICES, Slot, pirqOf } from '../machine/board-layout.ts';

const HEADER = 32;
const ENTRY = 16;
const ROUTER_DEVICE = 0x7110;
const INTEL = 0x8086;
/** Link values are the configuration registers of the router: PIRQRC 60h-63h. */
const FIRST_LINK = 0x60;

export function buildPciIrqRouting(): Uint8Array {
  const slots = Slot.Last - Slot.SouthBridge + 1;
  const bytes = new Uint8Array(HEADER + ENTRY * slots);
  const view = new DataView(bytes.buffer);
  bytes.set([0x24, 0x50, 0x49, 0x52]); // "$PIR"
  view.setUint16(4, 0x0100, true);
  view.setUint16(6, bytes.length, true);
  bytes[9] = Slot.SouthBridge << 3;
  view.setUint16(12, INTEL, true);
  view.setUint16(14, ROUTER_DEVICE, true);
  const choices = PIRQ_CHOICES.reduce((mask, irq) => mask | (1 << irq), 0);
  for (let i = 0; i < slots; i++) {
    const slot = Slot.SouthBridge + i;
    const at = HEADER + ENTRY * i;
    bytes[at + 1] = slot << 3;
    for (const pin of [1, 2, 3, 4] as const) {
      const place = at + 2 + 3 * (pin - 1);
      bytes[place] = FIRST_LINK + pirqOf(slot, pin);
      view.setUint16(place + 1, choices, true);
    }
  }
  bytes[31] = -bytes.reduce((sum, byte) => sum + byte, 0);
  return bytes;
}
