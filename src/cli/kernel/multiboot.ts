/**
 * Multiboot kernels: ELF for the i386, or any file whose header has its addresses.
 * Source: Multiboot Specification version 0.6.96; System V ABI, ELF-32.
 */
import { ErrorCode, VirtualServerError } from '../../machine/errors.ts';
import {
  alignUp,
  cString,
  MIB,
  PAGE,
  RESERVED_TOP,
  type KernelExtras,
  type LoadItem,
  type LoadPlan,
} from './load-plan.ts';

const MAGIC = 0x1badb002;
/** The header lies within so many bytes, on a multiple of 4. */
const SEARCH = 8192;
/** Flags a loader must know or refuse: bits 0 to 15. */
const REQUIRED = 0xffff;
const KNOWN = 0x0007;
const HAS_ADDRESSES = 0x10000;

/** Where the information structure and its strings go; loader.asm adds the memory map. */
const INFO = 0x10000;
const MODULES = INFO + 0x80;
const STRINGS = INFO + 0xa0;
const STRINGS_END = 0x11000;
/** Information flags: memory, command line, modules, memory map, loader name. */
const INFO_FLAGS = 0x1 | 0x4 | 0x8 | 0x40 | 0x200;
const LOW_MEMORY = 0x100000;
const MAX_SEGMENTS = 30;

const ELF_MAGIC = 0x464c457f;
const ELF_386 = 3;
const PT_LOAD = 1;

interface Segment {
  readonly to: number;
  readonly data: Uint8Array;
  /** Length in memory; what lies beyond `data` is zero. */
  readonly length: number;
}

interface Image {
  readonly entry: number;
  readonly segments: readonly Segment[];
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Offset of the header, if there is one. */
function findHeader(kernel: Uint8Array): number | undefined {
  const view = viewOf(kernel);
  for (let at = 0; at + 12 <= Math.min(kernel.length, SEARCH); at += 4) {
    if (view.getUint32(at, true) !== MAGIC) continue;
    const sum = MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum >>> 0 === 0) return at;
  }
  return undefined;
}

export const isMultiboot = (kernel: Uint8Array): boolean => findHeader(kernel) !== undefined;

/** @throws VirtualServerError `VS_MEDIA` for a kernel that cannot be loaded, `VS_INVALID_CONFIGURATION` for too little memory */
export function planMultiboot(kernel: Uint8Array, fileName: string, extras: KernelExtras): LoadPlan {
  const refuse: Refuse = (code, message) => {
    throw new VirtualServerError(code, `${fileName}: ${message}`, { subject: fileName });
  };
  const header = findHeader(kernel)!;
  const flags = viewOf(kernel).getUint32(header + 4, true);
  const unknown = flags & REQUIRED & ~KNOWN;
  if (unknown)
    refuse(ErrorCode.Media, `the multiboot header asks for unknown features (flags ${unknown.toString(16)}h)`);
  const { entry, segments } = flags & HAS_ADDRESSES ? readAddresses(kernel, header, refuse) : readElf(kernel, refuse);
  if (segments.length === 0 || segments.length > MAX_SEGMENTS) {
    refuse(ErrorCode.Media, `${segments.length} segments to load; 1 to ${MAX_SEGMENTS} are possible`);
  }
  let end = 0;
  for (const { to, length } of segments) {
    if (to < LOW_MEMORY) refuse(ErrorCode.Media, `a segment loads at ${to.toString(16)}h, below 1 MiB`);
    end = Math.max(end, to + length);
  }
  const { initrd } = extras;
  const moduleAt = alignUp(end, PAGE);
  const needed = initrd ? moduleAt + initrd.length : end;
  if (needed > extras.memoryBytes - RESERVED_TOP) {
    const mebibytes = Math.ceil((needed + RESERVED_TOP) / MIB);
    refuse(ErrorCode.InvalidConfiguration, `the kernel needs at least ${mebibytes} MiB; see --memory`);
  }
  const info = information(extras, moduleAt, refuse);
  const items: LoadItem[] = [{ name: 'INFO.BIN', to: INFO, length: info.length, data: info }];
  segments.forEach(({ to, data, length }, i) => {
    if (data.length > 0) items.push({ name: `SEG${i}.BIN`, to, length: data.length, data });
    const zeros = length - data.length;
    if (zeros > 0) items.push({ name: '', to: to + data.length, length: zeros, data: undefined });
  });
  if (initrd) items.push({ name: 'MODULE.BIN', to: moduleAt, length: initrd.length, data: initrd });
  return { protocol: 'multiboot', entry, info: INFO, items };
}

type Refuse = (code: ErrorCode, message: string) => never;

/** The header's own addresses (bit 16): one piece of the file and its bss. */
function readAddresses(kernel: Uint8Array, header: number, refuse: Refuse): Image {
  const view = viewOf(kernel);
  if (header + 32 > kernel.length) refuse(ErrorCode.Media, 'the file ends within its multiboot header');
  const field = (i: number): number => view.getUint32(header + 4 * i, true);
  const [headerAddress, loadAddress, loadEnd, bssEnd, entry] = [field(3), field(4), field(5), field(6), field(7)];
  const from = header - (headerAddress - loadAddress);
  if (loadAddress > headerAddress || from < 0)
    refuse(ErrorCode.Media, 'the addresses in the multiboot header are wrong');
  const length = loadEnd === 0 ? kernel.length - from : loadEnd - loadAddress;
  if (length <= 0 || from + length > kernel.length) refuse(ErrorCode.Media, 'the file ends before what it must load');
  const data = kernel.subarray(from, from + length);
  return { entry, segments: [{ to: loadAddress, data, length: Math.max(length, bssEnd - loadAddress) }] };
}

function readElf(kernel: Uint8Array, refuse: Refuse): Image {
  const view = viewOf(kernel);
  if (kernel.length < 52 || view.getUint32(0, true) !== ELF_MAGIC) {
    refuse(ErrorCode.Media, 'the multiboot header has no addresses, and the file is not ELF');
  }
  if (kernel[4] !== 1 || view.getUint16(18, true) !== ELF_386)
    refuse(ErrorCode.Media, 'the file is not ELF for the i386');
  const table = view.getUint32(28, true);
  const size = view.getUint16(42, true);
  const count = view.getUint16(44, true);
  if (size < 32 || table + size * count > kernel.length)
    refuse(ErrorCode.Media, 'the ELF program headers lie outside the file');
  let entry = view.getUint32(24, true);
  const segments: Segment[] = [];
  for (let at = table; at < table + size * count; at += size) {
    const [type, offset, virtual, physical, inFile, inMemory] = [0, 4, 8, 12, 16, 20].map((i) =>
      view.getUint32(at + i, true),
    ) as [number, number, number, number, number, number];
    if (type !== PT_LOAD || inMemory === 0) continue;
    if (offset + inFile > kernel.length || inFile > inMemory || physical + inMemory > 0x1_0000_0000) {
      refuse(ErrorCode.Media, 'an ELF segment lies outside the file');
    }
    // The entry point is a virtual address; paging is off, so what counts is where its segment was loaded.
    if (entry >= virtual && entry < virtual + inMemory && virtual !== physical) entry = entry - virtual + physical;
    segments.push({ to: physical, data: kernel.subarray(offset, offset + inFile), length: inMemory });
  }
  return { entry, segments };
}

function information({ commandLine, initrd }: KernelExtras, moduleAt: number, refuse: Refuse): Uint8Array {
  const bytes = new Uint8Array(STRINGS_END - INFO);
  const view = viewOf(bytes);
  const put = (at: number, value: number): void => view.setUint32(at - INFO, value, true);
  let next = STRINGS;
  const string = (text: string): number => {
    const encoded = cString(text);
    if (next + encoded.length > STRINGS_END) refuse(ErrorCode.InvalidConfiguration, 'the command line is too long');
    bytes.set(encoded, next - INFO);
    next += encoded.length;
    return next - encoded.length;
  };
  put(INFO, INFO_FLAGS);
  put(INFO + 16, string(commandLine));
  put(INFO + 64, string('virtualserver'));
  if (initrd) {
    put(INFO + 20, 1);
    put(INFO + 24, MODULES);
    put(MODULES, moduleAt);
    put(MODULES + 4, moduleAt + initrd.length);
    put(MODULES + 8, string('initrd'));
  }
  return bytes;
}
