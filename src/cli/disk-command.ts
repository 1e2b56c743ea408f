/** The `disk` and `undo` families of commands: their options and help texts. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import * as change from './disk-change.ts';
import { copy, list } from './disk-files.ts';
import * as report from './disk-report.ts';
import { listenAddress, serve } from './disk-serve.ts';
import { Interrupted, type DiskCommandContext } from './disk-task.ts';
import { undoCommit, undoDiscard, undoStatus } from './disk-undo.ts';
import { collect } from './inspect.ts';
import type { Surroundings } from './run-machine.ts';

type Flags = Record<string, unknown> & { readonly quiet?: boolean };

/** `512`, `512M`, `2G`: MiB without a unit; `1048576B`: bytes. In bytes. */
export function diskSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(b|[kmgt](?:i?b)?)?$/i.exec(text);
  if (!match) throw new InvalidArgumentError('A size is a number of MiB, or a number with B, K, M, G or T.');
  const power = 'bkmgt'.indexOf((match[2] ?? 'm')[0]!.toLowerCase());
  const bytes = Number(match[1]) * 1024 ** power;
  if (bytes % 512 !== 0 || bytes === 0) throw new InvalidArgumentError('A size is a multiple of 512 bytes.');
  return bytes;
}

function partitionNumber(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Not the number of a partition; 0 is the whole disk.');
  return Number(text);
}

const SEARCH = ['--search <folder>', 'look for disks and parents there too; can be given several times'] as const;

/** Adds `inspect`'s relatives. `done` gets the exit code. */
export function addDiskCommands(program: Command, around: Surroundings, done: (code: number) => void): void {
  const disk = family(program, 'disk', 'images: look into them, convert, repair, copy files out, serve them');
  /** A command whose last two arguments are what commander hands over: options and the command itself. */
  const add = (parent: Command, usage: string, description: string, act: Act): Command => {
    const command = parent.command(usage).description(description).option('-q, --quiet', 'say nothing but errors');
    return command.action(async (...parts: unknown[]) => {
      const flags = parts.at(-2) as Flags;
      const context: DiskCommandContext = { around, quiet: flags.quiet ?? false };
      try {
        done(await act(context, parts.slice(0, -2) as string[], flags as never));
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        around.talk.write(`${error.message}\n`);
        done(error.exitCode);
      }
    });
  };
  addReading(disk, add);
  addMaking(disk, add);
  addChanging(disk, add);
  const undo = family(program, 'undo', 'the undo disks of an image, or of all disks of a machine');
  add(undo, 'status <target>', 'is there one, how large, in use', (c, [target], flags) => undoStatus(c, target!, flags))
    .option('--json', 'as JSON')
    .option(...SEARCH, collect);
  const commit = 'write the changes into the images for good, and delete the undo disks';
  add(undo, 'commit <target>', commit, (c, [target], flags) => undoCommit(c, target!, flags)).option(
    ...SEARCH,
    collect,
  );
  const discard = 'delete the undo disks: the images are as they were before';
  add(undo, 'discard <target>', discard, (c, [target], flags) => undoDiscard(c, target!, flags)).option(
    ...SEARCH,
    collect,
  );
}

type Act = (context: DiskCommandContext, names: readonly string[], flags: never) => number | Promise<number>;
type Add = (parent: Command, usage: string, description: string, act: Act) => Command;

function family(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand('help [command]', 'print help');
}

function sourceOptions(command: Command): Command {
  return command
    .option('--drive <where>', 'which disk of a machine: 0:0 (channel:position) or scsi:0:0')
    .option(...SEARCH, collect)
    .option('--without-undo', 'leave undo disks out: the state before them');
}

/** `--without-undo` as the sources want it. */
const source = <T extends object>(flags: T): T & { undo?: false } =>
  (flags as { withoutUndo?: boolean }).withoutUndo ? { ...flags, undo: false } : flags;

function addReading(disk: Command, add: Add): void {
  add(disk, 'info <file>', 'a disk, its chain of parents, its partitions', (c, [file], flags) =>
    report.info(c, file!, flags),
  )
    .option('--json', 'as JSON')
    .option(...SEARCH, collect);
  add(disk, 'check <file>', 'examine every structure; changes nothing', (c, [file], flags) =>
    report.check(c, file!, flags),
  )
    .option('--chain', 'and the parents')
    .option('--json', 'as JSON')
    .option(...SEARCH, collect);
  sourceOptions(
    add(disk, 'map <target>', 'where each run of sectors lies', (c, [target], flags) =>
      report.map(c, target!, source(flags)),
    ).option('--json', 'as JSON lines'),
  );
  add(disk, 'diff <first> <second>', 'compare contents: exit code 0 equal, 1 different', (c, [a, b], flags) =>
    report.diff(c, a!, b!, source(flags)),
  )
    .option('--json', 'as JSON')
    .option('--without-undo', 'leave undo disks out')
    .option(...SEARCH, collect);
  const partition = [
    '--partition <number>',
    'which one; default: the first that can be read',
    partitionNumber,
  ] as const;
  sourceOptions(
    add(disk, 'ls <target> [path]', 'list files inside FAT and ISO 9660', (c, [target, inside], flags) =>
      list(c, target!, inside ?? '/', source(flags)),
    )
      .option(...partition)
      .option('-l, --long', 'with kind, size and time')
      .option('-R, --recursive', 'and everything below')
      .option('--json', 'as JSON lines'),
  );
  sourceOptions(
    add(
      disk,
      'cp <target> <path> <destination>',
      'copy files out; "-" is standard output',
      (c, [target, inside, to], flags) => copy(c, target!, inside!, to!, source(flags)),
    )
      .option(...partition)
      .option('-r, --recursive', 'folders with everything below')
      .option('-f, --force', 'replace existing files'),
  );
  sourceOptions(
    add(
      disk,
      'serve <target>',
      'export over NBD for the tools of the host; read-only unless --writable',
      (c, [target], flags) => serve(c, target!, source(flags)),
    )
      .addOption(
        new Option('--listen <address>', 'PORT or HOST:PORT (default: 127.0.0.1:10809)').argParser(listenAddress),
      )
      .option('--socket <path>', 'a socket in the file system instead')
      .option('--name <text>', 'name of the export (default: of the file)')
      .addOption(
        new Option('--writable <where>', 'take writes: into memory, or into the undo disk').choices([
          'memory',
          'beside',
        ]),
      ),
  );
}

const blockSize = (): Option =>
  new Option('--block-size <size>', 'of dynamic disks: 2M by default, or 512K').argParser(diskSize);
const newType = (): Option =>
  new Option('--type <type>', 'of the new file; by default dynamic for .vhd, else raw').choices([
    'raw',
    'fixed',
    'dynamic',
  ]);

function addMaking(disk: Command, add: Add): void {
  add(disk, 'create <file>', 'make a new VHD', (c, [file], flags) => change.create(c, file!, flags))
    .addOption(new Option('--size <size>', 'of the disk, MiB without a unit').argParser(diskSize))
    .addOption(new Option('--type <type>', 'by default dynamic').choices(['fixed', 'dynamic', 'differencing']))
    .option('--parent <file>', 'of a differencing disk')
    .addOption(blockSize())
    .option(...SEARCH, collect);
  const flatten = 'the newest state of a machine or disk, undo disks and parents included, as one new file';
  sourceOptions(
    add(disk, 'flatten <target> <output>', flatten, (c, [target, output], flags) =>
      change.flatten(c, target!, output!, source(flags)),
    )
      .addOption(newType())
      .addOption(blockSize()),
  );
  add(
    disk,
    'convert <file> <output>',
    'a disk with its parents, without undo disks, as a new file',
    (c, [file, output], flags) => change.flatten(c, file!, output!, { ...(flags as object), undo: false }),
  )
    .addOption(newType())
    .addOption(blockSize())
    .option(...SEARCH, collect);
}

function addChanging(disk: Command, add: Add): void {
  const output = ['-o, --output <file>', 'work on a copy of this name; the original stays'] as const;
  const saved = ['--ignore-saved-state', 'although it belongs to a machine in saved state'] as const;
  const children = ['--ignore-children', 'although other disks depend on it'] as const;
  add(disk, 'repair <file>', 'repair what "check" finds, in the file itself', (c, [file], flags) =>
    change.repair(c, file!, flags),
  )
    .option(...output)
    .option('--dry-run', 'only say what would be done')
    .option('--allow-loss', 'give up data that the file does not hold any more')
    .addOption(new Option('--size <size>', 'of the disk, when both footers are lost').argParser(diskSize))
    .option('--json', 'as JSON');
  add(disk, 'compact <file>', 'make the file smaller: blocks of zeros go; its content stays', (c, [file], flags) =>
    change.compact(c, file!, flags),
  )
    .option(...output)
    .option(...saved)
    .option(...SEARCH, collect);
  const merge =
    'write a differencing disk into its parent and delete it; with --output, the chain into a new file and nothing else changes';
  add(disk, 'merge <file>', merge, (c, [file], flags) => change.merge(c, file!, flags))
    .option('-o, --output <file>', 'new file; no other file changes')
    .addOption(newType())
    .addOption(blockSize())
    .option('--keep-child', 'do not delete the differencing disk')
    .option(...children)
    .option(...saved)
    .option(...SEARCH, collect);
  const reparent = 'record in a differencing disk where its parent is';
  add(disk, 'reparent <file> <parent>', reparent, (c, [file, parent], flags) =>
    change.reparent(c, file!, parent!, flags),
  )
    .option(...output)
    .option('--accept-identity', 'take a parent of another identity: right only if its content is the same')
    .option(...SEARCH, collect);
  add(disk, 'resize <file> <size>', 'make a disk larger; partitions stay as they are', (c, [file, size], flags) =>
    change.resize(c, file!, diskSize(size!), flags),
  )
    .option(...output)
    .option(...children)
    .option(...saved);
}
