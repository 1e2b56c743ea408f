/**
 * Linux kernels of the boot protocol 2.02 and later, as `bzImage`.
 * Source: The Linux/x86 Boot Protocol (Documentation/arch/x86/boot.rst).
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

const SECTOR = 512;
/** Segment where loaders put the real-mode part, and what follows from it. */
const REAL_MODE_SEGMENT = 0x9000;
const REAL_MODE = REAL_MODE_SEGMENT << 4;
const COMMAND_LINE = REAL_MODE + 0xe000;
const HEAP_END = 0xe000 - 0x200;
const PROTECTED_MODE = 0x100000;

/** Offsets in the setup header. */
const Header = {
  SetupSectors: 0x1f1,
  VideoMode: 0x1fa,
  BootFlag: 0x1fe,
  Magic: 0x202,
  Version: 0x206,
  LoaderType: 0x210,
  LoadFlags: 0x211,
  RamdiskImage: 0x218,
  RamdiskSize: 0x21c,
  HeapEnd: 0x224,
  CommandLine: 0x228,
  InitrdMaximum: 0x22c,
  CommandLineSize: 0x238,
  PreferredAddress: 0x258,
  InitSize: 0x260,
} as const;

const MAGIC = 0x53726448; // 'HdrS'
const LOADED_HIGH = 0x01;
const CAN_USE_HEAP = 0x80;
const UNKNOWN_LOADER = 0xff;
const NORMAL_VIDEO = 0xffff;
const OLD_INITRD_MAXIMUM = 0x37ffffff;
const OLD_COMMAND_LINE_SIZE = 255;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function isLinux(kernel: Uint8Array): boolean {
  if (kernel.length < 0x268) return false;
  const view = viewOf(kernel);
  return view.getUint16(Header.BootFlag, true) === 0xaa55 && view.getUint32(Header.Magic, true) === MAGIC;
}

/** @throws VirtualServerError `VS_MEDIA` for a kernel that cannot be loaded, `VS_INVALID_CONFIGURATION` for too little memory */
export function planLinux(kernel: Uint8Array, fileName: string, extras: KernelExtras): LoadPlan {
  const refuse = (code: ErrorCode, message: string): never => {
    throw new VirtualServerError(code, `${fileName}: ${message}`, { subject: fileName });
  };
  const given = viewOf(kernel);
  const version = given.getUint16(Header.Version, true);
  if (version < 0x202) refuse(ErrorCode.Media, 'the kernel is older than boot protocol 2.02 (Linux 2.4)');
  if (!(kernel[Header.LoadFlags]! & LOADED_HIGH)) refuse(ErrorCode.Media, 'a zImage loads low; build a bzImage');
  const setupBytes = ((kernel[Header.SetupSectors]! || 4) + 1) * SECTOR;
  if (kernel.length <= setupBytes) refuse(ErrorCode.Media, 'the file ends within its real-mode part');

  const limit = version >= 0x206 ? given.getUint32(Header.CommandLineSize, true) : OLD_COMMAND_LINE_SIZE;
  const commandLine = cString(extras.commandLine);
  // The real-mode segment has room for this much behind the heap.
  if (commandLine.length - 1 > Math.min(limit, 0x1f00))
    refuse(ErrorCode.InvalidConfiguration, 'the command line is too long');

  const setup = kernel.slice(0, setupBytes);
  const view = viewOf(setup);
  view.setUint16(Header.VideoMode, NORMAL_VIDEO, true);
  setup[Header.LoaderType] = UNKNOWN_LOADER;
  setup[Header.LoadFlags] = setup[Header.LoadFlags]! | CAN_USE_HEAP;
  view.setUint16(Header.HeapEnd, HEAP_END, true);
  view.setUint32(Header.CommandLine, COMMAND_LINE, true);

  const code = kernel.subarray(setupBytes);
  let kernelEnd = PROTECTED_MODE + code.length;
  if (version >= 0x20a) {
    const preferred = Number(given.getBigUint64(Header.PreferredAddress, true));
    kernelEnd = Math.max(kernelEnd, preferred + given.getUint32(Header.InitSize, true));
  }
  const top = extras.memoryBytes - RESERVED_TOP;
  const items: LoadItem[] = [
    { name: 'SETUP.BIN', to: REAL_MODE, length: setup.length, data: setup },
    { name: 'CMDLINE.TXT', to: COMMAND_LINE, length: commandLine.length, data: commandLine },
    { name: 'KERNEL.BIN', to: PROTECTED_MODE, length: code.length, data: code },
  ];
  let needed = kernelEnd;
  const { initrd } = extras;
  if (initrd) {
    const maximum = version >= 0x203 ? given.getUint32(Header.InitrdMaximum, true) : OLD_INITRD_MAXIMUM;
    const end = Math.min(maximum + 1, top);
    const at = Math.floor((end - initrd.length) / PAGE) * PAGE;
    needed = alignUp(kernelEnd, PAGE) + initrd.length;
    view.setUint32(Header.RamdiskImage, Math.max(0, at), true);
    view.setUint32(Header.RamdiskSize, initrd.length, true);
    items.push({ name: 'INITRD.BIN', to: at, length: initrd.length, data: initrd });
  }
  if (needed > top) {
    const mebibytes = Math.ceil((needed + RESERVED_TOP) / MIB);
    refuse(ErrorCode.InvalidConfiguration, `the kernel needs at least ${mebibytes} MiB to start; see --memory`);
  }
  return { protocol: 'linux', entry: REAL_MODE_SEGMENT, info: 0, items };
}
