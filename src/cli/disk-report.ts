/** `disk info`, `check`, `map`, `diff`: what is known about disks; nothing is written. */
import path from 'node:path';
import { checkDisk, type CheckReport, type Finding } from '../../vhd/check.ts';
import { diffDisks } from '../../vhd/diff.ts';
import { mapDisk } from '../../vhd/map.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { inspectDisk } from '../inspect/disk.ts';
import { assemble } from '../inspect/report.ts';
import { findDisk, openPlace, type SourceFlags } from './disk-source.ts';
import { runTask, type DiskCommandContext } from './disk-task.ts';
import { ExitCode } from './exit-codes.ts';
import { formatReport, widthOf } from './inspect.ts';
import { lookOf, printable, sizeAndBytes } from './plain-text.ts';
import { formatBytes } from './status-line.ts';

export interface JsonFlag {
  readonly json?: boolean;
}

const print = ({ around }: DiskCommandContext, text: string): void => void around.output.write(`${text}\n`);

const printJson = (context: DiskCommandContext, value: unknown): void =>
  print(context, JSON.stringify(value, undefined, 2));

/** A disk with its chain and what is on it. */
export function info(context: DiskCommandContext, target: string, flags: JsonFlag & SourceFlags): number {
  const full = path.resolve(target);
  const disk = inspectDisk({ image: full, folders: flags.search ?? [] });
  const report = assemble(full, { machines: [], disks: [disk], media: [] }, []);
  if (flags.json) {
    printJson(context, { ...disk, summary: report.summary });
  } else {
    const look = lookOf(context.around.output);
    const top = disk.layers.find(({ role }) => role === 'image');
    if (top?.geometry !== undefined) {
      const { cylinders, heads, sectorsPerTrack } = top.geometry;
      const facts: [string, string | undefined][] = [
        ['size', disk.size === undefined ? undefined : sizeAndBytes(disk.size)],
        ['geometry', `${cylinders} cylinders, ${heads} heads, ${sectorsPerTrack} sectors`],
        ['identity', top.id],
        ['created', top.created],
        ['block size', top.blockSize === undefined ? undefined : formatBytes(top.blockSize)],
        ['parent identity', top.parent?.id],
        ['parent paths', top.parent?.paths.map(printable).join(', ')],
      ];
      for (const [name, value] of facts) if (value !== undefined) print(context, `${`${name}:`.padEnd(17)}${value}`);
    }
    context.around.output.write(formatReport(report, look, widthOf(context.around)));
  }
  return report.summary.errors > 0 ? ExitCode.Image : ExitCode.Success;
}

/** Every structure of a file, and with `chain` of its parents too. */
export async function check(
  context: DiskCommandContext,
  target: string,
  flags: JsonFlag & SourceFlags & { readonly chain?: boolean },
): Promise<number> {
  const full = path.resolve(target);
  const chain = flags.chain ? inspectDisk({ image: full, folders: flags.search ?? [] }) : undefined;
  const files = chain?.layers.filter(({ format }) => format !== 'raw').map((layer) => layer.path) ?? [full];
  const reports: CheckReport[] = [];
  for (const name of files) {
    const file = openDiskFile(name, true);
    try {
      reports.push(await runTask(context, checkDisk(file)));
    } finally {
      file.close();
    }
  }
  const broken = (chain?.problems ?? [])
    .concat(chain?.layers.flatMap(({ problems }) => problems) ?? [])
    .filter(({ severity, code }) => severity === 'error' && !code.startsWith('vhd-'));
  if (flags.json) printJson(context, flags.chain ? { files: reports, chain: broken } : reports[0]);
  else {
    for (const report of reports) printCheck(context, report);
    for (const { place, message, remedy } of broken)
      print(context, printable(`${place}: error: ${message}. ${remedy ?? ''}`));
  }
  return reports.every(({ clean }) => clean) && broken.length === 0 ? ExitCode.Success : ExitCode.Image;
}

const REPAIR = { none: '', lossless: ' (can be repaired)', lossy: ' (can be repaired with loss)' } as const;

export function formatFinding({ severity, message, offset, more, repair }: Finding): string {
  const where = offset === undefined ? '' : ` (at byte ${offset})`;
  const others = more ? `; ${more} more of this kind` : '';
  return `${severity}: ${printable(message)}${where}${others}${severity === 'note' ? '' : REPAIR[repair]}`;
}

function printCheck(context: DiskCommandContext, report: CheckReport): void {
  const { fileName, format, diskSize, blocks, allocatedBlocks, unusedBytes, findings, clean, readable } = report;
  const facts = [
    format ?? 'not a VHD',
    diskSize === undefined ? '' : formatBytes(diskSize),
    blocks > 0 ? `${allocatedBlocks} of ${blocks} blocks in use` : '',
    unusedBytes > 0 ? `${formatBytes(unusedBytes)} unused` : '',
  ].filter(Boolean);
  print(context, `${printable(fileName)}: ${facts.join(', ')}`);
  for (const finding of findings) print(context, `  ${formatFinding(finding)}`);
  print(context, clean ? '  clean' : readable ? '  damaged, but can be read' : '  cannot be opened');
}

/** Where every run of sectors lies. */
export function map(context: DiskCommandContext, target: string, flags: JsonFlag & SourceFlags): number {
  const place = findDisk(target, flags);
  const image = openPlace(place);
  try {
    if (!context.quiet) for (const remark of place.remarks) context.around.talk.write(`${remark}\n`);
    if (!flags.json) print(context, '      sector        count  kind  file offset   file');
    for (const { lba, count, kind, offset, fileName, level } of mapDisk(image)) {
      const line = flags.json
        ? JSON.stringify({ lba, count, kind, level, file: fileName, offset })
        : [
            String(lba).padStart(12),
            String(count).padStart(12),
            kind.padEnd(5),
            String(offset ?? '').padStart(12),
            fileName === undefined ? '' : ` ${printable(path.basename(fileName))}`,
          ]
            .join(' ')
            .trimEnd();
      print(context, line);
    }
  } finally {
    image.close();
  }
  return ExitCode.Success;
}

/** Compares two disks as `cmp` does: 0 equal, 1 different. */
export async function diff(
  context: DiskCommandContext,
  first: string,
  second: string,
  flags: JsonFlag & SourceFlags,
): Promise<number> {
  const a = openPlace(findDisk(first, flags));
  try {
    const b = openPlace(findDisk(second, flags));
    try {
      const report = await runTask(context, diffDisks(a, b));
      if (flags.json) printJson(context, report);
      else {
        for (const { lba, count } of report.ranges) print(context, `${lba} ${count}`);
        const [one, other] = report.sectorCounts;
        const sizes = one === other ? '' : `; the disks have ${one} and ${other} sectors`;
        const more = report.rangeCount > report.ranges.length ? ` (the first ${report.ranges.length} are shown)` : '';
        const text = report.equal
          ? `the contents are equal${sizes}`
          : `${report.differingSectors} sectors differ, in ${report.rangeCount} ranges${more}${sizes}`;
        if (!context.quiet) context.around.talk.write(`${text}\n`);
      }
      return report.equal ? ExitCode.Success : ExitCode.Failure;
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}
