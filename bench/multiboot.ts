/**
 * Reads a multiboot 1 header with address fields ("a.out kludge"): Multiboot Specification 0.6.96, section 3.1.
 * ELF images without those fields are refused. Starts such an image as a boot loader would.
 */
import type { Processor } from '../cpu/index.ts';

const MAGIC = 0x1badb002;
const HEADER_BYTES = 32;
/** The header lies within this much of the file, on a multiple of 4. */
const SEARCH_BYTES = 8192;
const ADDRESS_FIELDS = 1 << 16;

/** What a boot loader leaves in EAX. */
export const LOADER_MAGIC = 0x2badb002;

export interface MultibootImage {
  /** Physical address of the first byte. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Physical address of the first byte behind the cleared part (`bss_end_addr`). */
  readonly end: number;
  readonly entry: number;
}

/** @throws Error when there is no such header, or its addresses contradict each other or the file */
export function readMultiboot(file: Uint8Array): MultibootImage {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const last = Math.min(SEARCH_BYTES, file.length) - HEADER_BYTES;
  for (let at = 0; at <= last; at += 4) {
    const [magic, flags, check] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true)) as [
      number,
      number,
      number,
    ];
    if (magic !== MAGIC || (magic + flags + check) >>> 0 !== 0) continue;
    if ((flags & ADDRESS_FIELDS) === 0) throw new Error('the multiboot header has no address fields');
    return located(file, view, at);
  }
  throw new Error('no multiboot header');
}

function located(file: Uint8Array, view: DataView, at: number): MultibootImage {
  const field = (index: number): number => view.getUint32(at + 12 + index * 4, true);
  const [header, address, loadEnd, bssEnd, entry] = [0, 1, 2, 3, 4].map(field) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const from = at - (header - address);
  // Zero: up to the end of the file, and nothing to clear.
  const length = loadEnd === 0 ? file.length - from : loadEnd - address;
  if (from < 0 || length <= 0 || from + length > file.length)
    throw new Error('the multiboot header points outside the file');
  const end = bssEnd === 0 ? address + length : bssEnd;
  if (end < address + length || entry < address || entry >= address + length)
    throw new Error('the addresses of the multiboot header contradict each other');
  return { address, bytes: file.subarray(from, from + length), end, entry };
}

/** Section 3.2: protected mode, paging and interrupts off, flat segments. */
const CR0_PE_ET = 0x11;
const flat = (selector: number, access: number) => ({
  selector,
  base: 0,
  limit: 0xffffffff,
  attributes: 0xc000 | access,
});

/** Places an image in memory and has the processor begin it as a boot loader would. */
export function startMultiboot(
  processor: Pick<Processor, 'writePhysical' | 'setRegisters'>,
  image: MultibootImage,
): void {
  const data = flat(16, 0x93);
  processor.writePhysical(image.address, image.bytes);
  processor.setRegisters({
    cr0: CR0_PE_ET,
    eip: image.entry,
    eax: LOADER_MAGIC,
    eflags: 2,
    cs: flat(8, 0x9b),
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
  });
}
