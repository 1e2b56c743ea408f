/** The data commands of an ATA disk; ATA/ATAPI-5 (T13/1321D) and ATA/ATAPI-6 (T13/1410D) clause 8. */

/** What a command does with the medium; the table below gives it for every data command. */
export interface Access {
  readonly kind: 'read' | 'write' | 'verify';
  readonly via: 'pio' | 'multiple' | 'dma' | 'none';
  readonly ext: boolean;
}

const access = (kind: Access['kind'], via: Access['via'], ext = false): Access => ({ kind, via, ext });

export const ACCESSES: Readonly<Record<number, Access>> = {
  0x20: access('read', 'pio'),
  0x21: access('read', 'pio'),
  0x24: access('read', 'pio', true),
  0x25: access('read', 'dma', true),
  0x29: access('read', 'multiple', true),
  0x30: access('write', 'pio'),
  0x31: access('write', 'pio'),
  0x34: access('write', 'pio', true),
  0x35: access('write', 'dma', true),
  0x39: access('write', 'multiple', true),
  0x3c: access('write', 'pio'), // WRITE VERIFY
  0x40: access('verify', 'none'),
  0x41: access('verify', 'none'),
  0x42: access('verify', 'none', true),
  0xc4: access('read', 'multiple'),
  0xc5: access('write', 'multiple'),
  0xc8: access('read', 'dma'),
  0xc9: access('read', 'dma'),
  0xca: access('write', 'dma'),
  0xcb: access('write', 'dma'),
};
