/** What a guest does to write to the disk of the primary master, as steps of a script. */
import type { Step } from './fake-processor.ts';

const BUSY = 0x80;
const DATA_REQUEST = 0x08;

/** Writes one sector by PIO (ATA-4, WRITE SECTORS, 30h), and flushes (FLUSH CACHE, E7h). */
export function ataWriteSector(lba: number, word: number): Step[] {
  const busy: Step = (cpu) => (cpu.in(0x1f7) & BUSY) !== 0;
  return [
    (cpu) => {
      // I/O space and the primary channel's decoding (PIIX4, PCICMD and IDETIM), as firmware leaves them.
      cpu.pciWrite(7, 1, 0x04, 0x0005, 2);
      cpu.pciWrite(7, 1, 0x40, 0x8000, 2);
      return false;
    },
    busy,
    (cpu) => {
      cpu.out(0x1f2, 1);
      cpu.out(0x1f3, lba & 0xff);
      cpu.out(0x1f4, (lba >> 8) & 0xff);
      cpu.out(0x1f5, (lba >> 16) & 0xff);
      cpu.out(0x1f6, 0xe0);
      cpu.out(0x1f7, 0x30);
      return false;
    },
    (cpu) => {
      if (!(cpu.in(0x1f7) & DATA_REQUEST)) return true;
      for (let n = 0; n < 256; n++) cpu.out(0x1f0, word, 2);
      return false;
    },
    busy,
    (cpu) => {
      cpu.out(0x1f7, 0xe7);
      return false;
    },
    busy,
  ];
}
