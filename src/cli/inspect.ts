/** `virtualserver inspect`: the inspector's report as a tree for people or as JSON. */
import path from 'node:path';
import type { Command } from 'commander';
import {
  inspect,
  type DiskReport,
  type DriveReport,
  type InspectReport,
  type LayerReport,
  type MachineReport,
  type MediumReport,
  type Problem,
  type VolumeReport,
} from '../inspect/index.ts';
import { ExitCode } from './exit-codes.ts';
import { lookOf, printable, treeLines, wrap, type Look, type TreeNode } from './plain-text.ts';
import type { Surroundings } from './run-machine.ts';
import { formatBytes } from './status-line.ts';

interface InspectFlags {
  readonly json?: boolean;
  readonly search?: string[];
  readonly quiet?: boolean;
}

export function addInspectCommand(program: Command, around: Surroundings, done: (code: number) => void): void {
  program
    .command('inspect')
    .description('show machines, disks, undo disks, saved states, file systems and problems; never writes')
    .argument('<target>', 'a machine folder, a .vmc, a disk, a CD or a floppy image')
    .option('--json', 'the report as JSON')
    .option('--search <folder>', 'look for disks and parents there too; can be given several times', collect)
    .option('-q, --quiet', 'problems only')
    .action((target: string, flags: InspectFlags) => {
      const report = inspect(target, { searchFolders: flags.search });
      if (flags.json) around.output.write(`${JSON.stringify(report, undefined, 2)}\n`);
      else around.output.write(formatReport(report, lookOf(around.output), widthOf(around), flags.quiet ?? false));
      done(codeOf(report));
    });
}

export const collect = (value: string, list: string[] = []): string[] => [...list, value];

export const widthOf = ({ output }: Surroundings): number =>
  Math.max(60, Math.min(160, (output as { columns?: number }).columns ?? 100));

/** An error in a configuration counts before one of a disk. */
function codeOf({ problems }: InspectReport): number {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return ExitCode.Success;
  return errors.some(({ code }) => code.startsWith('vmc-')) ? ExitCode.Configuration : ExitCode.Image;
}

export function formatReport(report: InspectReport, look: Look, width: number, problemsOnly = false): string {
  const inFolder = [...report.machines.map((machine) => machine.path), ...report.media.map((medium) => medium.path)]
    .concat(report.disks.flatMap(({ layers }) => layers.map((layer) => layer.path)))
    .some((file) => file.startsWith(report.target + path.sep));
  const base = inFolder ? report.target : path.dirname(report.target);
  const words = new Words(look, width, base);
  const trees = problemsOnly
    ? report.problems.map((problem) => words.problem(problem, true))
    : [
        ...report.machines.map((machine) => words.machine(machine)),
        ...report.disks.map((disk) =>
          words.disk(disk, path.basename(disk.layers.find(({ role }) => role === 'image')?.path ?? '')),
        ),
        ...report.media.map((medium) => words.medium(medium, path.basename(medium.path))),
        ...words.rest(report),
      ];
  const { errors, warnings, notes } = report.summary;
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const total = `${count(errors, 'error')}, ${count(warnings, 'warning')}, ${count(notes, 'note')}`;
  const lines = trees.flatMap((tree) => treeLines(tree, look));
  return `${[...lines, look.bold(total)].join('\n')}\n`;
}

/** Turns parts of a report into lines of a tree. */
export class Words {
  readonly #look: Look;
  readonly #width: number;
  readonly #base: string;

  /** @param base folder from which paths are shown */
  constructor(look: Look, width: number, base: string) {
    this.#look = look;
    this.#width = width;
    this.#base = base;
  }

  machine(machine: MachineReport): TreeNode {
    const facts = [
      `${machine.memoryMiB} MiB RAM, ${machine.videoMemoryMiB} MiB video memory`,
      machine.hardware && printable(machine.hardware),
      machine.guestOs && `guest: ${printable(machine.guestOs)}`,
      machine.additions && `additions ${printable(machine.additions)}`,
    ].filter(Boolean);
    const makers = [
      machine.createdBy && `made by ${printable(machine.createdBy)}`,
      machine.savedBy && machine.savedBy !== machine.createdBy && `last saved by ${printable(machine.savedBy)}`,
    ].filter(Boolean);
    const lines: TreeNode[] = [{ text: facts.join(', ') }];
    if (makers.length > 0) lines.push({ text: makers.join(', ') });
    if (machine.undo.enabled) lines.push({ text: `undo disks on; at power-off: ${machine.undo.defaultAction}` });
    if (machine.savedState !== undefined) {
      const { kind, path: file, fileSize } = machine.savedState;
      const kinds = {
        own: 'saved state',
        foreign: 'saved state of another product',
        placeholder: 'space kept for a saved state',
        missing: 'saved state, missing',
      };
      lines.push({
        text: `${kinds[kind]}: ${this.#path(file)}${fileSize === undefined ? '' : `, ${formatBytes(fileSize)}`}`,
      });
    }
    for (const { mac, network } of machine.networkAdapters) {
      lines.push({ text: `network adapter ${mac ?? 'without address'}: ${printable(network) || 'not connected'}` });
    }
    for (const { id, target } of machine.serialPorts) lines.push({ text: `COM${id + 1}: ${printable(target)}` });
    return {
      text: `${this.#look.bold(printable(machine.name))} ${this.#look.faint(this.#path(machine.path))}`,
      children: [
        ...lines,
        ...machine.problems.map((problem) => this.problem(problem)),
        ...machine.drives.map((drive) => this.#drive(drive)),
      ],
    };
  }

  #drive(drive: DriveReport): TreeNode {
    const kinds = { disk: 'hard disk', cd: 'CD drive', floppy: 'diskette drive' } as const;
    const name = `${drive.name} ${drive.kind === 'floppy' ? '' : kinds[drive.kind]}`.trim();
    const problems = drive.problems.map((problem) => this.problem(problem));
    const shown = drive.path === undefined ? this.#stored(drive) : this.#path(drive.path);
    if (drive.disk !== undefined) return this.disk(drive.disk, `${name}: ${shown}`, problems);
    if (drive.medium !== undefined) return this.medium(drive.medium, `${name}: ${shown}`, problems);
    return { text: `${name}: ${shown}`, children: problems };
  }

  #stored({ stored, hostDrive }: DriveReport): string {
    if (hostDrive !== undefined) return `drive ${hostDrive}: of the host`;
    const text = stored?.relative ?? stored?.absolute;
    return text === undefined ? 'empty' : `${printable(text)} ${this.#look.red('missing')}`;
  }

  disk(disk: DiskReport, title: string, before: readonly TreeNode[] = []): TreeNode {
    const size = disk.size ?? disk.layers.at(-1)?.diskSize;
    const text = `${title}${size === undefined ? '' : `, ${formatBytes(size)}`}`;
    const layers = disk.layers.map((layer) => this.#layer(layer));
    return {
      text,
      children: [
        ...before,
        ...layers,
        ...disk.volumes.map((volume) => this.#volume(volume)),
        ...disk.problems.map((problem) => this.problem(problem)),
      ],
    };
  }

  #layer(layer: LayerReport): TreeNode {
    const roles = {
      image: 'image',
      parent: 'parent',
      undo: 'undo disk',
      'product-undo': 'undo disk of the product',
    } as const;
    const facts = [
      layer.format,
      `file of ${formatBytes(layer.fileSize)}`,
      layer.allocatedBlocks !== undefined && layer.blocks
        ? `${layer.allocatedBlocks} of ${layer.blocks} blocks in use`
        : '',
      layer.creator && `made by "${layer.creator}" ${layer.created?.slice(0, 10) ?? ''}`.trim(),
      layer.modified && `changed ${layer.modified.slice(0, 10)}`,
      layer.savedState && 'of a saved machine',
    ].filter(Boolean);
    return {
      text: wrap(`${roles[layer.role]} ${this.#path(layer.path)}: ${facts.join(', ')}`, this.#width - 12).replaceAll(
        '\n',
        '\n  ',
      ),
      children: layer.problems.map((problem) => this.problem(problem)),
    };
  }

  #volume({ number, length, partitionType, active, fileSystem }: VolumeReport): TreeNode {
    const where = number === 0 ? 'no partitions' : `partition ${number}${active ? ' (active)' : ''}`;
    const label = fileSystem?.label ? ` "${printable(fileSystem.label)}"` : '';
    const extended = partitionType !== undefined && ['05', '0F', '85'].includes(partitionType.code);
    const nothing = extended ? 'logical drives' : 'no file system recognized';
    const type = partitionType === undefined ? '' : this.#look.faint(` [${partitionType.name}]`);
    return {
      text: `${where}: ${fileSystem === undefined ? nothing : `${fileSystem.type}${label}`}, ${formatBytes(length)}${type}`,
    };
  }

  medium(medium: MediumReport, title: string, before: readonly TreeNode[] = []): TreeNode {
    return {
      text: `${title}: ${medium.kind}, ${formatBytes(medium.fileSize)}`,
      children: [
        ...before,
        ...medium.volumes
          .filter(({ fileSystem, number }) => fileSystem !== undefined || number > 0)
          .map((volume) => this.#volume(volume)),
        ...medium.problems.map((problem) => this.problem(problem)),
      ],
    };
  }

  /** @param withPlace says where, for lists outside the tree */
  problem({ severity, message, remedy, place }: Problem, withPlace = false): TreeNode {
    const { red, yellow, faint } = this.#look;
    const paint = { error: red, warning: yellow, note: faint }[severity];
    const where = withPlace ? `${this.#path(place)}: ` : '';
    const body = wrap(printable(`${where}${message}.`), this.#width - 12);
    const text = `${paint(severity)}: ${body.replaceAll('\n', '\n  ')}`;
    return {
      text:
        remedy === undefined
          ? text
          : `${text}\n  ${wrap(printable(remedy), this.#width - 12).replaceAll('\n', '\n  ')}`,
    };
  }

  /** Problems of the folder itself: files that no machine uses, configurations that cannot be read. */
  rest(report: InspectReport): TreeNode[] {
    const told = new Set(
      [...report.machines, ...report.disks, ...report.media]
        .flatMap((part) => problemsIn(part))
        .map((p) => JSON.stringify(p)),
    );
    return report.problems.filter((p) => !told.has(JSON.stringify(p))).map((p) => this.problem(p, true));
  }

  #path(file: string): string {
    const relative = path.relative(this.#base, file);
    return printable(relative.startsWith('..') || relative === '' ? file : relative);
  }
}

/** Every problem in a part of a report, however deep. */
function problemsIn(part: object): Problem[] {
  return Object.entries(part).flatMap(([key, value]): Problem[] => {
    if (key === 'problems') return value as Problem[];
    return typeof value === 'object' && value !== null ? problemsIn(value as object) : [];
  });
}
