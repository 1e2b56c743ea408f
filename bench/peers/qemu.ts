/** QEMU's own translator (TCG), one virtual processor, no acceleration by the host. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processorTimeOf } from '../processor-time.ts';
import type { Peer } from '../types.ts';
import { guestImage } from './images.ts';

const PROGRAM = 'qemu-system-i386';
const BARE_MEMORY_MIB = 64;

export const qemu: Peer = {
  id: 'qemu',
  title: 'QEMU TCG',
  version: () => {
    const { stdout } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
    return `QEMU ${/version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version'}, TCG, one thread`;
  },
  unavailable: () =>
    spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).status === 0 ? undefined : `${PROGRAM} is not installed`,
  start: async (guest, received, ended) => {
    let scaled: string | undefined;
    const args = ['-accel', 'tcg,thread=single', '-cpu', 'qemu32,+sse2', '-display', 'none', '-no-reboot'];
    args.push('-serial', 'stdio', '-nic', 'none', '-parallel', 'null');
    if (guest.kind === 'disk') {
      args.push('-M', 'pc,hpet=off', '-m', String(guest.memoryMiB), '-vga', 'std');
      if (guest.direct !== true) args.push('-snapshot');
      args.push('-drive', `file=${guest.path.replaceAll(',', ',,')},format=raw,if=ide,index=0`);
    } else {
      let kernel = guest.path;
      if (guest.scale !== 1) {
        scaled = mkdtempSync(join(tmpdir(), 'virtualserver-bench-'));
        kernel = join(scaled, 'image.bin');
        writeFileSync(kernel, guestImage(guest));
      }
      args.push('-m', String(BARE_MEMORY_MIB), '-kernel', kernel);
    }
    const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    let stopped = false;
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-1000)));
    child.stdout.on('data', (bytes: Buffer) => bytes.forEach((byte) => received(byte)));
    const gone = new Promise<void>((resolve) => {
      child.on('error', (error) => {
        ended(error.message);
        resolve();
      });
      child.on('exit', (code) => {
        if (scaled !== undefined) rmSync(scaled, { recursive: true, force: true });
        if (!stopped) ended(`QEMU ended with code ${code}: ${errors.trim()}`);
        resolve();
      });
    });
    return {
      processorTime: () => processorTimeOf(child.pid),
      stop: () => {
        stopped = true;
        child.kill();
        return gone;
      },
    };
  },
};
