/** The NBD server against the clients of other projects: qemu-img, qemu-io, nbdinfo, nbdcopy. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { createDisk, openDisk, type OpenDisk, type OpenDiskOptions } from '../../src/disks/index.ts';
import { exportOfImage, NbdServer, type NbdAddress } from '../../src/nbd/index.ts';
import { lacking, testFolder } from '../filesystems/tools.ts';
import { pattern, seededRandom } from '../vhd/random.ts';

const folder = testFolder();
const run = promisify(execFile);
const SIZE = 20 << 20;

let server: NbdServer | undefined;
let disk: OpenDisk | undefined;
afterEach(async () => {
  await server?.close();
  disk?.close();
  server = disk = undefined;
});

/** The clients run beside the server, which is in this thread. */
const client = async (program: string, ...args: string[]): Promise<string> =>
  (await run(program, args, { timeout: 60_000, maxBuffer: 1 << 26 })).stdout;

async function serve(image: string, options: OpenDiskOptions, address?: NbdAddress): Promise<string> {
  disk = openDisk(image, options);
  server = new NbdServer([exportOfImage(disk, 'disk', 'a test disk')]);
  const at = await server.listen(address ?? { host: '127.0.0.1', port: 0 });
  return 'path' in at ? `nbd+unix:///disk?socket=${at.path}` : `nbd://127.0.0.1:${at.port}/disk`;
}

/** A dynamic disk with some blocks in use, and its whole content. */
function makeDisk(): { image: string; model: Buffer } {
  const image = join(folder(), 'disk.vhd');
  createDisk(image, { type: 'dynamic', size: SIZE });
  const made = openDisk(image, { mode: 'write-through' });
  const model = Buffer.alloc(SIZE);
  const random = seededRandom(7);
  for (let i = 0; i < 12; i++) {
    const lba = random(SIZE / 512 - 200);
    const bytes = pattern(1 + random(200), i);
    made.write(lba, bytes);
    model.set(bytes, lba * 512);
  }
  made.close();
  return { image, model };
}

describe.skipIf(lacking('qemu-img', 'qemu-io'))('qemu-img and qemu-io (skipped: not installed)', () => {
  it('reads a disk whole, over TCP and over a socket in the file system', async () => {
    const { image, model } = makeDisk();
    for (const address of [undefined, { path: join(folder(), 'nbd.sock') }]) {
      const uri = await serve(image, { mode: 'read-only' }, address);
      const copy = join(folder(), 'copy.raw');
      await client('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, copy);
      expect(readFileSync(copy).equals(model)).toBe(true);
      await server!.close();
      disk!.close();
    }
  });

  it('writes, zeroes and discards go into the undo layer; the image stays', async () => {
    const { image, model } = makeDisk();
    const before = readFileSync(image);
    const uri = await serve(image, { mode: 'undo-file' });
    const commands = [
      'write -P 0xa5 1000 100001',
      'write -z 4M 3M',
      'discard 10M 1M',
      'write -f -P 0x5a 19M 1M',
      'flush',
    ];
    await client('qemu-io', '-f', 'raw', '-t', 'writeback', ...commands.flatMap((c) => ['-c', c]), uri);
    model.fill(0xa5, 1000, 101_001);
    model.fill(0, 4 << 20, 7 << 20);
    model.fill(0x5a, 19 << 20);
    const copy = join(folder(), 'copy.raw');
    await client('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, copy);
    const seen = readFileSync(copy);
    // A discarded range may read as anything.
    for (const bytes of [seen, model]) bytes.fill(0, 10 << 20, 11 << 20);
    expect(seen.equals(model)).toBe(true);
    expect(readFileSync(image).equals(before)).toBe(true);
  });

  it('a write to a read-only export fails', async () => {
    const { image } = makeDisk();
    const uri = await serve(image, { mode: 'read-only' });
    await expect(client('qemu-io', '-f', 'raw', '-c', 'write 0 512', uri)).rejects.toThrow(
      /read-only|permitted|denied/i,
    );
  });

  it('requests behind the end fail and the connection lives on', async () => {
    const { image } = makeDisk();
    const uri = await serve(image, { mode: 'undo-memory' });
    const out = await client(
      'qemu-io',
      '-f',
      'raw',
      '-c',
      'read -P 0 1 1',
      '-c',
      'write -P 3 0 1',
      '-c',
      'read -P 3 0 1',
      uri,
    );
    expect(out).not.toMatch(/verification failed/);
  });
});

describe.skipIf(lacking('nbdcopy', 'nbdinfo'))('nbdinfo and nbdcopy (skipped: no libnbd-bin)', () => {
  it('nbdinfo sees what the export is', async () => {
    const { image } = makeDisk();
    const uri = await serve(image, { mode: 'read-only' });
    const { exports } = JSON.parse(await client('nbdinfo', '--json', '--list', uri)) as { exports: unknown[] };
    expect(exports).toEqual([
      expect.objectContaining({
        'export-name': 'disk',
        description: 'a test disk',
        'export-size': SIZE,
        is_read_only: true,
        can_multi_conn: true,
        can_flush: true,
        can_df: true,
        block_size_maximum: 32 << 20,
        contexts: ['base:allocation'],
      }),
    ]);
  });

  it('nbdcopy with several connections, holes left out', async () => {
    const { image, model } = makeDisk();
    const uri = await serve(image, { mode: 'read-only' });
    const copy = join(folder(), 'copy.raw');
    await client('nbdcopy', '--connections=4', '--requests=16', uri, copy);
    expect(readFileSync(copy).equals(model)).toBe(true);
  });

  it('nbdcopy writes a whole disk', async () => {
    const { image } = makeDisk();
    const model = Buffer.alloc(SIZE);
    for (let i = 0; i < 30; i++) model.set(pattern(100, i), i * 600_000);
    const raw = join(folder(), 'new.raw');
    writeFileSync(raw, model);
    const uri = await serve(image, { mode: 'undo-memory' });
    await client('nbdcopy', '--flush', '--connections=2', raw, uri);
    const seen = Buffer.alloc(SIZE);
    disk!.read(0, seen);
    expect(seen.equals(model)).toBe(true);
  });

  it('an export that does not exist', async () => {
    const { image } = makeDisk();
    const uri = await serve(image, { mode: 'read-only' });
    await expect(client('nbdinfo', uri.replace('/disk', '/other'))).rejects.toThrow(/no export|unknown|No such/i);
  });
});
