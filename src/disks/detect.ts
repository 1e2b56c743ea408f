/** What kind of image a file is, judged by its content first and by its size and name where the content says nothing. */
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { looksLikeVhd } from '../../vhd/footer.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';

/** Sizes of diskette images in bytes, with the usual names. */
export const FLOPPY_SIZES: ReadonlyMap<number, string> = new Map([
  [163_840, '5.25" single-sided, 8 sectors, 160 KB'],
  [184_320, '5.25" single-sided, 9 sectors, 180 KB'],
  [327_680, '5.25" double-sided, 8 sectors, 320 KB'],
  [368_640, '5.25" double-sided, 360 KB'],
  [737_280, '3.5" double density, 720 KB'],
  [1_228_800, '5.25" high density, 1.2 MB'],
  [1_474_560, '3.5" high density, 1.44 MB'],
  [1_720_320, '3.5" DMF, 1.68 MB'],
  [2_949_120, '3.5" extra density, 2.88 MB'],
]);

export type ImageKind =
  | { readonly kind: 'vhd' | 'raw-disk' | 'floppy' | 'iso' | 'empty' }
  /** A CD image with 2352 bytes per sector, of the mode given in its first sector header (0 = audio or unknown). */
  | { readonly kind: 'raw-cd'; readonly mode: number }
  /** A format of other products that is recognized only in order to name it. */
  | { readonly kind: 'foreign'; readonly product: string; readonly remedy: string };

const FOREIGN: readonly { magic: string; product: string; remedy: string }[] = [
  convertible('QFI\xfb', 'a QEMU qcow image', 'qcow2'),
  convertible('KDMV', 'a VMware disk', 'vmdk'),
  convertible('# Disk DescriptorFile', 'a VMware disk descriptor', 'vmdk'),
  convertible('<<< ', 'a VirtualBox disk', 'vdi'),
  convertible('vhdxfile', 'a Hyper-V VHDX disk', 'vhdx'),
  { magic: 'CISO', product: 'a compressed CSO image', remedy: 'Unpack it to an ISO image.' },
  { magic: '\x1f\x8b', product: 'a gzip-compressed file', remedy: 'Unpack it first: gunzip.' },
  { magic: 'BZh', product: 'a bzip2-compressed file', remedy: 'Unpack it first: bunzip2.' },
  { magic: '\xfd7zXZ\0', product: 'an xz-compressed file', remedy: 'Unpack it first: unxz.' },
  { magic: 'PK\x03\x04', product: 'a ZIP archive', remedy: 'Unpack it first and name the image in it.' },
  { magic: '7z\xbc\xaf\x27\x1c', product: 'a 7-Zip archive', remedy: 'Unpack it first and name the image in it.' },
];

function convertible(magic: string, product: string, format: string) {
  const remedy = `Convert it first: qemu-img convert -f ${format} -O vpc <this file> <new file>.vhd`;
  return { magic, product, remedy };
}

const CD_SYNC = '\0' + '\xff'.repeat(10) + '\0';

function at(file: RandomAccessFile, offset: number, length: number): string {
  const bytes = new Uint8Array(length);
  const count = file.read(offset, bytes);
  return String.fromCharCode(...bytes.subarray(0, count));
}

/** Looks at the content; never at more than a few sectors of it. */
export function detectImage(file: RandomAccessFile): ImageKind {
  const size = file.size();
  if (size === 0) return { kind: 'empty' };
  if (looksLikeVhd(file)) return { kind: 'vhd' };
  if (at(file, 0, CD_SYNC.length) === CD_SYNC) return { kind: 'raw-cd', mode: at(file, 15, 1).charCodeAt(0) };
  for (const { magic, product, remedy } of FOREIGN) {
    if (at(file, 0, magic.length) === magic) return { kind: 'foreign', product, remedy };
  }
  // ISO 9660 volume descriptors begin at sector 16; a UDF-only disc has an extended area descriptor there (ECMA-119, ECMA-167).
  if (['CD001', 'BEA01'].includes(at(file, 16 * 2048 + 1, 5))) return { kind: 'iso' };
  if (FLOPPY_SIZES.has(size)) return { kind: 'floppy' };
  return { kind: 'raw-disk' };
}

/** The error for an image in the wrong drive. */
export function explainWrongKind(kind: ImageKind, fileName: string, drive: string): DiskError {
  switch (kind.kind) {
    case 'empty':
      return new DiskError(DiskErrorCode.NotAnImage, 'the file is empty', {
        fileName,
        remedy: 'Copy the image again from its source.',
      });
    case 'raw-cd':
      return new DiskError(
        DiskErrorCode.Unsupported,
        `this is a raw CD image with 2352 bytes per sector (mode ${kind.mode}), usually named .bin with a .cue beside it`,
        {
          fileName,
          remedy: 'Convert it to an ISO image with 2048 bytes per sector: bchunk <file>.bin <file>.cue <name>',
        },
      );
    case 'foreign':
      return new DiskError(DiskErrorCode.Unsupported, `this is ${kind.product}`, { fileName, remedy: kind.remedy });
    default: {
      const names = {
        vhd: 'a VHD',
        iso: 'a CD image',
        floppy: 'a diskette image',
        'raw-disk': 'not a known image',
      } as const;
      const remedies = {
        vhd: 'Use it as a hard disk.',
        iso: 'Put it into the CD drive.',
        floppy: 'Put it into the diskette drive.',
        'raw-disk': `A ${drive} image has another size or content.`,
      } as const;
      return new DiskError(DiskErrorCode.WrongKind, `this is ${names[kind.kind]}, which does not fit a ${drive}`, {
        fileName,
        remedy: remedies[kind.kind],
      });
    }
  }
}
