/** What the inspector tells. The same shape is the JSON of `virtualserver inspect --json`, described in docs/disk-commands.md. */

/** Something that is wrong, or worth knowing, and what to do about it. */
export interface Problem {
  /** `error`: something cannot be used. `warning`: it can, but look at it first. `note`: harmless. */
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable; docs/disk-commands.md has them all. */
  readonly code: string;
  /** File, or file and key path. */
  readonly place: string;
  /** A sentence without its full stop. */
  readonly message: string;
  /** Full sentences. */
  readonly remedy?: string | undefined;
}

/** A file system, or what else a partition holds. */
export interface VolumeReport {
  /** Number of the partition; 0 for the whole disk. */
  readonly number: number;
  /** Byte offset and bytes on the disk. */
  readonly start: number;
  readonly length: number;
  /** Two hexadecimal digits or a GUID, and what they stand for; undefined for a whole disk. */
  readonly partitionType?: { readonly code: string; readonly name: string } | undefined;
  readonly active: boolean;
  readonly fileSystem?: { readonly type: string; readonly label: string; readonly readable: boolean } | undefined;
}

/** One file of a chain. */
export interface LayerReport {
  readonly path: string;
  /** `undo`: an undo disk of this product. `product-undo`: one that the configuration names. `parent`: below the image. */
  readonly role: 'image' | 'parent' | 'undo' | 'product-undo';
  readonly format: 'fixed' | 'dynamic' | 'differencing' | 'raw' | 'unknown';
  /** Bytes of the file. */
  readonly fileSize: number;
  /** ISO 8601. */
  readonly modified: string;
  /** Bytes of the disk in it. */
  readonly diskSize?: number | undefined;
  /** Of the footer. */
  readonly geometry?:
    { readonly cylinders: number; readonly heads: number; readonly sectorsPerTrack: number } | undefined;
  readonly id?: string | undefined;
  readonly creator?: string | undefined;
  readonly created?: string | undefined;
  readonly savedState?: boolean | undefined;
  readonly blockSize?: number | undefined;
  readonly blocks?: number | undefined;
  readonly allocatedBlocks?: number | undefined;
  /** What a differencing disk says about its parent. */
  readonly parent?:
    | {
        readonly id: string;
        readonly name: string;
        readonly changed: string | undefined;
        readonly paths: readonly string[];
      }
    | undefined;
  readonly problems: readonly Problem[];
}

export interface DiskReport {
  /** Bytes that a guest sees; undefined when the chain is not complete. */
  readonly size?: number | undefined;
  /** From the newest changes down to the base. */
  readonly layers: readonly LayerReport[];
  readonly partitionScheme?: 'mbr' | 'gpt' | 'none' | undefined;
  readonly volumes: readonly VolumeReport[];
  readonly problems: readonly Problem[];
}

/** A CD or diskette image. */
export interface MediumReport {
  readonly path: string;
  readonly kind: string;
  /** Bytes. */
  readonly fileSize: number;
  readonly volumes: readonly VolumeReport[];
  readonly problems: readonly Problem[];
}

export interface DriveReport {
  /** `IDE 0:0`, `SCSI 1:3`, `floppy 0`. */
  readonly name: string;
  readonly kind: 'disk' | 'cd' | 'floppy';
  /** Key path in the configuration. */
  readonly key: string;
  /** The path as the configuration has it, twice. */
  readonly stored?: { readonly absolute?: string | undefined; readonly relative?: string | undefined } | undefined;
  /** The file that it means here; undefined when the drive is empty or the file is missing. */
  readonly path?: string | undefined;
  readonly hostDrive?: string | undefined;
  readonly disk?: DiskReport | undefined;
  readonly medium?: MediumReport | undefined;
  readonly problems: readonly Problem[];
}

export interface SavedStateReport {
  readonly path: string;
  /** `own`: can be restored here. `foreign`: cannot. `placeholder`: only keeps space free. `missing`: the file is not there. */
  readonly kind: 'own' | 'foreign' | 'placeholder' | 'missing';
  /** Bytes. */
  readonly fileSize?: number | undefined;
}

export interface MachineReport {
  readonly path: string;
  readonly name: string;
  readonly memoryMiB: number;
  readonly videoMemoryMiB: number;
  readonly hardware: string;
  readonly guestOs: string;
  readonly additions: string;
  readonly createdBy: string;
  readonly savedBy: string;
  readonly undo: { readonly enabled: boolean; readonly defaultAction: 'discard' | 'keep' | 'commit' };
  readonly savedState?: SavedStateReport | undefined;
  readonly drives: readonly DriveReport[];
  readonly networkAdapters: readonly { readonly mac: string | undefined; readonly network: string }[];
  readonly serialPorts: readonly { readonly id: number; readonly target: string }[];
  readonly notes: string;
  readonly problems: readonly Problem[];
}

export interface InspectReport {
  /** Grows when the shape changes so that old readers would be wrong. */
  readonly version: 1;
  readonly target: string;
  readonly machines: readonly MachineReport[];
  /** Disks that no machine here uses. */
  readonly disks: readonly DiskReport[];
  readonly media: readonly MediumReport[];
  /** All problems of all parts, errors first. */
  readonly problems: readonly Problem[];
  readonly summary: { readonly errors: number; readonly warnings: number; readonly notes: number };
}

const ORDER = { error: 0, warning: 1, note: 2 } as const;

/** Puts the parts together and collects their problems. */
export function assemble(
  target: string,
  parts: Pick<InspectReport, 'machines' | 'disks' | 'media'>,
  own: readonly Problem[],
): InspectReport {
  const ofDisk = ({ layers, problems }: DiskReport): Problem[] => [
    ...layers.flatMap((layer) => layer.problems),
    ...problems,
  ];
  const ofDrive = ({ problems, disk, medium }: DriveReport): Problem[] => [
    ...problems,
    ...(disk === undefined ? [] : ofDisk(disk)),
    ...(medium?.problems ?? []),
  ];
  const found = [
    ...own,
    ...parts.machines.flatMap(({ problems, drives }) => [...problems, ...drives.flatMap(ofDrive)]),
    ...parts.disks.flatMap(ofDisk),
    ...parts.media.flatMap(({ problems }) => problems),
  ];
  // Two drives over one parent tell of it twice.
  const unique = [...new Map(found.map((problem) => [JSON.stringify(problem), problem])).values()];
  const problems = unique.sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
  const count = (severity: Problem['severity']): number =>
    problems.filter((problem) => problem.severity === severity).length;
  const summary = { errors: count('error'), warnings: count('warning'), notes: count('note') };
  return { version: 1, target, ...parts, problems, summary };
}
