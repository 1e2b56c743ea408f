/**
 * What is on a partition, told by the marks that file systems leave at fixed places.
 * Sources: the on-disk descriptions of each system (Linux kernel documentation for ext2-4, XFS, JFS, Btrfs, ReiserFS and swap;
 * Microsoft's NTFS and exFAT boot sectors; the OS/2 HPFS super block; ECMA-167 for UDF; Apple TN1150 for HFS+).
 */
import { latin1, peek, type ByteSource } from './byte-source.ts';
import { fatLayout } from './fat.ts';
import { isoVolumes } from './iso9660.ts';

export interface Identified {
  /** Name that people use, for example `NTFS` or `ext3`. */
  readonly type: string;
  /** Empty when there is none or it lies deeper than is read here. */
  readonly label: string;
  /** Its files can be listed and copied by this product. */
  readonly readable: boolean;
}

interface Mark {
  readonly type: string;
  readonly offset: number;
  readonly bytes: string;
}

const MARKS: readonly Mark[] = [
  { type: 'NTFS', offset: 3, bytes: 'NTFS    ' },
  { type: 'exFAT', offset: 3, bytes: 'EXFAT   ' },
  { type: 'HPFS', offset: 8192, bytes: '\x49\xe8\x95\xf9' },
  { type: 'XFS', offset: 0, bytes: 'XFSB' },
  { type: 'JFS', offset: 32_768, bytes: 'JFS1' },
  { type: 'ReiserFS', offset: 65_588, bytes: 'ReIsErFs' },
  { type: 'ReiserFS', offset: 65_588, bytes: 'ReIsEr2Fs' },
  { type: 'ReiserFS', offset: 65_588, bytes: 'ReIsEr3Fs' },
  { type: 'ReiserFS', offset: 8244, bytes: 'ReIsErFs' },
  { type: 'Btrfs', offset: 65_600, bytes: '_BHRfS_M' },
  { type: 'Linux LVM', offset: 512, bytes: 'LABELONE' },
  { type: 'LUKS', offset: 0, bytes: 'LUKS\xba\xbe' },
  { type: 'UFS', offset: 9564, bytes: '\x54\x19\x01\x00' },
  { type: 'UFS2', offset: 66_908, bytes: '\x19\x01\x54\x19' },
  { type: 'BFS', offset: 544, bytes: '1SFB' },
  { type: 'HFS+', offset: 1024, bytes: 'H+\0\x04' },
  { type: 'HFS', offset: 1024, bytes: 'BD' },
];

/** Linux swap has its mark at the end of the first page, whose size depends on the processor. */
const PAGE_SIZES = [4096, 8192, 16_384, 65_536];

function hasMark(source: ByteSource, offset: number, mark: string): boolean {
  const bytes = peek(source, offset, mark.length);
  return bytes !== undefined && latin1(bytes) === mark;
}

/** What `source` holds; undefined when nothing is recognized. Never throws for contents. @throws DiskError of the image. */
export function identify(source: ByteSource): Identified | undefined {
  const ext = identifyExt(source);
  if (ext !== undefined) return ext;
  const swap = identifySwap(source);
  if (swap !== undefined) return swap;
  const mark = MARKS.find(({ offset, bytes }) => hasMark(source, offset, bytes));
  if (mark !== undefined) return { type: mark.type, label: '', readable: false };
  const iso = isoVolumes(source);
  if (iso !== undefined) return { type: 'ISO 9660', label: (iso.joliet ?? iso.primary).label, readable: true };
  const udf = [16, 17, 18, 19].some((sector) =>
    /^NSR0[23]$/.test(latin1(peek(source, sector * 2048 + 1, 5) ?? new Uint8Array())),
  );
  if (udf) return { type: 'UDF', label: '', readable: false };
  const fat = fatLayout(source);
  return fat === undefined ? undefined : { type: fat.type, label: fat.label, readable: true };
}

/** The super block lies at byte 1024; which of the three it is, its feature bits say. */
function identifyExt(source: ByteSource): Identified | undefined {
  const block = peek(source, 1024, 256);
  if (block === undefined) return undefined;
  const view = new DataView(block.buffer);
  if (view.getUint16(56, true) !== 0xef53) return undefined;
  const compatible = view.getUint32(92, true);
  const incompatible = view.getUint32(96, true);
  const readOnly = view.getUint32(100, true);
  // Extents, 64-bit, flexible groups; huge files, group checksums, many links, large inodes, metadata checksums.
  const isExt4 = (incompatible & 0x2c0) !== 0 || (readOnly & 0x478) !== 0;
  const hasJournal = (compatible & 4) !== 0;
  return {
    type: isExt4 ? 'ext4' : hasJournal ? 'ext3' : 'ext2',
    label: text(block.subarray(120, 136)),
    readable: false,
  };
}

function identifySwap(source: ByteSource): Identified | undefined {
  for (const page of PAGE_SIZES) {
    if (hasMark(source, page - 10, 'SWAP-SPACE') || hasMark(source, page - 10, 'SWAPSPACE2')) {
      const label = peek(source, 1024 + 28, 16) ?? new Uint8Array();
      return { type: 'Linux swap', label: text(label), readable: false };
    }
  }
  return undefined;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
