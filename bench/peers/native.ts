/**
 * The host itself: the programs of `linux-bench` without an emulator, in the guest's own file system, which is unpacked
 * beside the disk. Their own seconds count, since guest and host have the same clock here.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { cpus } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { BenchmarkRun, Guest, Peer } from '../types.ts';

/** The first partition, 2,048 sectors into the disk. */
const PARTITION_OFFSET = 2048 * 512;
const TOOLS = ['debugfs', 'unshare', 'mount', 'chroot'];
/** debugfs and chroot are the administrator's. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
const env = { ...process.env, PATH };

/** In a mount name space of its own, so that nothing is left behind. $1 root, $2 scale, $3 groups. */
const SCRIPT =
  'mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/tmp" && ' +
  'exec chroot "$1" /bench/run.sh "$2" "$3"';

const found = (tool: string): boolean => PATH.split(delimiter).some((folder) => existsSync(join(folder, tool)));

function reasonAgainst(): string | undefined {
  if (process.platform !== 'linux' || !['x64', 'ia32'].includes(process.arch)) return 'the host is not an x86 Linux';
  if (process.getuid?.() !== 0) return 'the host runs the programs in a root folder of their own, which needs root';
  const missing = TOOLS.filter((tool) => !found(tool));
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
}

/** The root folder of the guest's system. Unpacked again when the disk is newer. @throws Error with what debugfs says */
function unpack({ source }: BenchmarkRun, folder: string): string {
  const root = join(folder, 'linux-bench-root');
  if (existsSync(root) && statSync(root).mtimeMs > statSync(source).mtimeMs) return root;
  rmSync(root, { recursive: true, force: true });
  // Another run may unpack at the same time.
  const part = `${root}-${process.pid}`;
  mkdirSync(part, { recursive: true });
  const disk = `${source}?offset=${PARTITION_OFFSET}`;
  const { status, stderr, error } = spawnSync('debugfs', ['-R', `rdump / "${part}"`, disk], { encoding: 'utf8', env });
  if (error) throw error;
  if (status !== 0 || !existsSync(join(part, 'bench', 'run.sh')))
    throw new Error(`debugfs did not unpack ${source}: ${stderr.trim().slice(-500)}`);
  // debugfs gave it the time of the guest's folder.
  const now = new Date();
  utimesSync(part, now, now);
  renameSync(part, root);
  return root;
}

const benchmarkOf = (guest: Guest): BenchmarkRun | undefined => (guest.kind === 'disk' ? guest.benchmark : undefined);

export const native: Peer = {
  id: 'native',
  title: 'native',
  clock: 'guest',
  version: () => `native: the same programs on the host's ${cpus()[0]?.model.trim() ?? 'processor'}`,
  unavailable: reasonAgainst,
  runs: (guest) => benchmarkOf(guest) !== undefined,
  start: async (guest, received, ended) => {
    const run = benchmarkOf(guest);
    if (!run) throw new Error('only benchmarks run on the host itself');
    const root = unpack(run, dirname(guest.path));
    const args = ['--mount', 'sh', '-c', SCRIPT, 'sh', root, String(run.scale), run.groups.join(',')];
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-1000)));
    child.stdout.on('data', (bytes: Buffer) => bytes.forEach((byte) => received(byte)));
    child.on('error', (error) => ended(error.message));
    child.on('close', (code) => {
      // The guest's own start script says this when run.sh has ended.
      if (code === 0) Buffer.from('@@DONE\n').forEach((byte) => received(byte));
      ended(`the programs ended with code ${code}: ${errors.trim()}`);
    });
    return { stop: () => void child.kill('SIGKILL') };
  },
};
