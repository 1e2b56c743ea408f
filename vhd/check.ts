/** Examining a VHD without changing it: everything that is wrong with the file itself, and how much of it is in use. */
import { UNALLOCATED } from './dynamic-header.ts';
import { examine, unusedBytes, type Examination } from './examine.ts';
import { VhdType } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { bitmapSizeOf, SectorBitmap } from './sector-bitmaps.ts';
import { DiskTask, type TaskSteps } from './task.ts';

/**
 * What `checkDisk` can find.
 * `footer-missing`: no good footer at the end. `footer-checksum`: only its checksum is wrong. `footer-copy`: the copy at the start is
 * damaged. `footers-differ`. `footer-field`: an impossible value. `footer-short`: 511 bytes, of an old product. `header-missing`,
 * `header-checksum`, `header-field`: the dynamic header. `locator`: a parent locator points outside the file. `table-outside`,
 * `table-metadata`, `table-overlap`: a block table entry behind the end of the file, over the metadata, over another block. `tail-cut`:
 * the file ends inside a block. `data-cut`: a fixed disk whose data is incomplete. `pending-header`, `pending-zero`: a resize or
 * re-parenting that was interrupted after it took effect. `pending-merge`: an interrupted merge into this disk. `saved-state`: the disk
 * belongs to a suspended machine. `partial-bitmap`: a dynamic disk with sectors marked absent, which some readers ignore.
 */
export type FindingKind =
  | 'footer-missing'
  | 'footer-checksum'
  | 'footer-copy'
  | 'footers-differ'
  | 'footer-field'
  | 'footer-short'
  | 'header-missing'
  | 'header-checksum'
  | 'header-field'
  | 'locator'
  | 'table-outside'
  | 'table-metadata'
  | 'table-overlap'
  | 'tail-cut'
  | 'data-cut'
  | 'pending-header'
  | 'pending-zero'
  | 'pending-merge'
  | 'saved-state'
  | 'partial-bitmap';

/** One thing that is wrong, or worth knowing. */
export interface Finding {
  readonly kind: FindingKind;
  /** `note`: harmless. `warning`: readable and repairable without loss. `error`: not readable, or only in part. */
  readonly severity: 'note' | 'warning' | 'error';
  /** A sentence for people. */
  readonly message: string;
  /** Byte offset in the file. */
  readonly offset?: number;
  /** Block number. */
  readonly block?: number;
  /** How many more of this kind there are; only the first are listed one by one. */
  readonly more?: number;
  /** What `repairDisk` can do: nothing, repair without loss, or repair giving up what is lost anyway (`allowLoss`). */
  readonly repair: 'none' | 'lossless' | 'lossy';
}

/** What `checkDisk` found. */
export interface CheckReport {
  readonly fileName: string;
  /** Undefined when the file is too damaged to tell. */
  readonly format: 'fixed' | 'dynamic' | 'differencing' | undefined;
  readonly findings: readonly Finding[];
  /** No findings but notes. */
  readonly clean: boolean;
  /** The disk can be opened as it is. */
  readonly readable: boolean;
  /** Bytes. */
  readonly fileSize: number;
  readonly diskSize: number | undefined;
  readonly blockSize: number | undefined;
  readonly blocks: number;
  readonly allocatedBlocks: number;
  /** Bytes of the file that nothing uses; compaction gives them back. */
  readonly unusedBytes: number;
}

/** What is examined. */
export interface CheckOptions {
  /** Reads the sector bitmap of every block too. On by default. */
  readonly bitmaps?: boolean | undefined;
}

/**
 * Examines one file (its parents are other files) and changes nothing.
 * @throws DiskError only `disk-io` and `disk-cancelled`: damage is what it reports.
 */
export function checkDisk(file: RandomAccessFile, options: CheckOptions = {}): DiskTask<CheckReport> {
  return new DiskTask(`check ${file.name}`, checkSteps(file, options));
}

/** The steps of `checkDisk`. */
export function* checkSteps(file: RandomAccessFile, options: CheckOptions): TaskSteps<CheckReport> {
  yield { phase: 'reading structures', done: 0, total: 1 };
  const examination = examine(file);
  const { findings, located, header, layout } = examination;
  if (options.bitmaps !== false && located?.footer.diskType === VhdType.Dynamic) yield* checkBitmaps(file, examination);
  // What keeps `openVhd` from opening the disk; a damaged block table only makes it read-only.
  const fatal = findings.some(
    ({ kind, severity }) => severity === 'error' && !kind.startsWith('table-') && kind !== 'tail-cut',
  );
  return {
    fileName: file.name,
    format: located === undefined ? undefined : FORMATS.get(located.footer.diskType),
    findings,
    clean: findings.every(({ severity }) => severity === 'note'),
    readable: located !== undefined && !fatal,
    fileSize: file.size(),
    diskSize: located?.footer.currentSize,
    blockSize: header?.blockSize,
    blocks: examination.table?.length ?? 0,
    allocatedBlocks: layout?.allocated ?? 0,
    unusedBytes: unusedBytes(file, examination),
  };
}

const FORMATS: ReadonlyMap<number, 'fixed' | 'dynamic' | 'differencing'> = new Map([
  [VhdType.Fixed, 'fixed'],
  [VhdType.Dynamic, 'dynamic'],
  [VhdType.Differencing, 'differencing'],
]);

/** Blocks looked at between two steps. */
const BLOCKS_A_STEP = 256;

/** Some readers take every sector of an allocated block of a dynamic disk for present, whatever its bitmap says. */
function* checkBitmaps(file: RandomAccessFile, { findings, header, table, layout }: Examination): TaskSteps<void> {
  if (header === undefined || table === undefined || layout === undefined) return;
  const damaged = new Set(layout.problems.map(({ block }) => block));
  const bits = new Uint8Array(bitmapSizeOf(header.blockSize));
  let first: number | undefined;
  let count = 0;
  for (let block = 0; block < table.length; block++) {
    if (block % BLOCKS_A_STEP === 0) yield { phase: 'checking bitmaps', done: block, total: table.length };
    const offset = table[block] * SECTOR_SIZE;
    if (table[block] === UNALLOCATED || damaged.has(block) || offset + bits.length > file.size()) continue;
    file.read(offset, bits);
    if (new SectorBitmap(bits, header.blockSize / SECTOR_SIZE).full) continue;
    first ??= block;
    count++;
  }
  if (first === undefined) return;
  findings.push({
    kind: 'partial-bitmap',
    severity: 'note',
    message: `block ${first} has sectors that are marked absent; some readers take them for present`,
    repair: 'none',
    block: first,
    ...(count > 1 ? { more: count - 1 } : {}),
  });
}
