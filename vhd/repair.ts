/** Repairing VHD structures in place. */
import { judgeTable, readBlockTable, writeTableEntries, type TableLayout } from './block-table.ts';
import { randomUuid, vhdTime } from './bytes.ts';
import { checkSteps, type CheckReport, type Finding, type FindingKind } from './check.ts';
import { checkSize } from './create.ts';
import {
  DYNAMIC_HEADER_SIZE,
  encodeDynamicHeader,
  MAXIMUM_TABLE_ENTRIES,
  patchTable,
  readDynamicHeader,
  UNALLOCATED,
  type DynamicHeader,
} from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { examine, examineWith, usedEnd, type Examination } from './examine.ts';
import {
  encodeFooter,
  FOOTER_SIZE,
  hasFooterCookie,
  MAXIMUM_DISK_BYTES,
  newFooter,
  VhdType,
  type LocatedFooter,
} from './footer.ts';
import { geometryForSectors, SECTOR_SIZE } from './geometry.ts';
import { isFinishedByWriting } from './pending.ts';
import { writeZeros, type RandomAccessFile } from './random-access-file.ts';
import { bitmapSizeOf } from './sector-bitmaps.ts';
import { headerPlace, settle, writeFooters } from './structure.ts';
import { DiskTask, type TaskSteps } from './task.ts';

/** How far a repair may go. */
export interface RepairOptions {
  /** Also does what gives up data that the file does not hold any more; without it such findings are left. */
  readonly allowLoss?: boolean | undefined;
  /** The size of the disk in bytes, when both footers are lost and it is known from elsewhere. */
  readonly size?: number | undefined;
  /** The disk's identity (16 bytes), when both footers are lost and it is known from elsewhere, for example from a child. */
  readonly uniqueId?: Uint8Array | undefined;
  /** Changes nothing; the report says what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** What a repair did. */
export interface RepairReport {
  /** One sentence for each change. */
  readonly actions: readonly string[];
  /** Ranges of sectors whose content is lost; they read as zeros, or as the parent. */
  readonly lost: readonly { readonly lba: number; readonly count: number }[];
  /** Findings that were left. */
  readonly remaining: readonly Finding[];
  /** The check afterwards; of the unchanged file in a dry run. */
  readonly check: CheckReport;
}

/**
 * Repairs what `checkDisk` finds. Every single change is one write of one sector, or a write to space that nothing uses yet, made durable
 * before the next: interrupted at any instant the file is no worse than before, and repeating the repair completes it.
 * @throws DiskError `disk-not-repairable`, `disk-read-only`, `disk-host-full`, `disk-io`, `disk-cancelled`.
 */
export function repairDisk(file: RandomAccessFile, options: RepairOptions = {}): DiskTask<RepairReport> {
  return new DiskTask(`repair ${file.name}`, repairSteps(file, options));
}

function* repairSteps(file: RandomAccessFile, options: RepairOptions): TaskSteps<RepairReport> {
  const dryRun = options.dryRun === true;
  if (file.readOnly && !dryRun) {
    throw new DiskError(DiskErrorCode.ReadOnly, 'the file is open read-only', { fileName: file.name });
  }
  yield { phase: 'reading structures', done: 0, total: 1 };
  const repair = new Repair(file, options);
  repair.footers();
  repair.header();
  yield* repair.dropEntries();
  repair.placeFooters();
  yield* repair.separateBlocks();
  const check = yield* checkSteps(file, {});
  const left = ({ severity, repair: way }: Finding): boolean =>
    severity !== 'note' && (!dryRun || way === 'none' || (way === 'lossy' && options.allowLoss !== true));
  return { actions: repair.actions, lost: repair.lost, remaining: check.findings.filter(left), check };
}

/** Findings that writing the footers mends. */
const FOOTER_KINDS: readonly FindingKind[] = [
  'footer-missing',
  'footer-checksum',
  'footer-copy',
  'footers-differ',
  'footer-short',
  'pending-header',
  'pending-zero',
];

/** Damaged table entries of each kind that are mended at once: a table may hold millions, and memory may not. */
const AT_ONCE = 20_000;

/** One repair; the methods are called in their order. In a dry run nothing is written and each says what it would do. */
class Repair {
  readonly actions: string[] = [];
  readonly lost: { lba: number; count: number }[] = [];
  private readonly file: RandomAccessFile;
  private readonly options: RepairOptions;
  private examination: Examination;
  /** Both footers were lost; the one in `examination` is new. */
  private footerIsNew = false;

  constructor(file: RandomAccessFile, options: RepairOptions) {
    this.file = file;
    this.options = options;
    this.examination = examine(file, AT_ONCE);
  }

  private change(action: string, run: () => void): void {
    this.actions.push(action);
    if (this.options.dryRun !== true) run();
  }

  /** Where blocks must end. */
  private dataEnd(): number {
    return this.examination.located?.endOffset ?? this.file.size();
  }

  private lose(lba: number, count: number): void {
    const last = this.lost.at(-1);
    if (last !== undefined && last.lba + last.count === lba)
      this.lost[this.lost.length - 1] = { ...last, count: last.count + count };
    else this.lost.push({ lba, count });
  }

  /** Makes sure that there is a footer to go by. @throws DiskError `disk-not-repairable`. */
  footers(): void {
    if (this.examination.located !== undefined) return;
    const [problem] = this.examination.findings;
    const located = problem?.repair === 'lossy' && this.options.allowLoss === true ? this.newFooter() : undefined;
    if (located === undefined) {
      throw new DiskError(DiskErrorCode.NotRepairable, problem?.message ?? 'nothing of a VHD is there', {
        fileName: this.file.name,
        remedy:
          problem?.repair === 'lossy'
            ? 'A new footer can be made up: allow a repair with loss, and give the size of the disk if you know it.'
            : 'Restore it from a copy; if it holds the plain sectors of a disk, convert it as a raw image.',
      });
    }
    this.actions.push('a new footer, with another identity unless one was given');
    this.footerIsNew = true;
    this.examination = examineWith(this.file, located, AT_ONCE);
  }

  /** A footer for a file that has lost both, from its dynamic header. */
  private newFooter(): LocatedFooter | undefined {
    const { file, options } = this;
    const header = readableHeader(file);
    if (header === undefined) return undefined;
    const most = Math.min(header.maxTableEntries * header.blockSize, MAXIMUM_DISK_BYTES);
    const currentSize = options.size ?? most;
    checkSize(file, currentSize);
    if (currentSize > most) {
      throw new DiskError(DiskErrorCode.BadSize, `the block table covers only ${most} bytes`, { fileName: file.name });
    }
    const footer = newFooter({
      diskType: header.parentId.every((byte) => byte === 0) ? VhdType.Dynamic : VhdType.Differencing,
      dataOffset: FOOTER_SIZE,
      currentSize,
      geometry: geometryForSectors(currentSize / SECTOR_SIZE),
      uniqueId: options.uniqueId ?? randomUuid(),
      timeStamp: vhdTime(Date.now()),
    });
    return { footer, bytes: encodeFooter(footer), endOffset: undefined, copyGood: false, problems: [] };
  }

  header(): void {
    const { located, header, headerChecksumBad } = this.examination;
    const { footer } = located!;
    if (footer.diskType === VhdType.Fixed) return;
    const at = headerPlace(this.file, located!);
    if (headerChecksumBad) {
      this.change('the checksum of the dynamic header is made good', () => {
        const bytes = new Uint8Array(DYNAMIC_HEADER_SIZE);
        this.file.read(at, bytes);
        patchTable(bytes, header!.tableOffset, header!.maxTableEntries);
        // The checksum is in the first sector: one undivided write.
        this.file.write(at, bytes.subarray(0, SECTOR_SIZE));
        this.file.flush();
      });
    } else if (header === undefined && footer.diskType === VhdType.Dynamic && this.options.allowLoss === true) {
      // Elsewhere a new one might lie over something else.
      if (footer.dataOffset !== FOOTER_SIZE) return;
      const found = guessHeader(this.file, footer.currentSize);
      if (found === undefined) return;
      const { bytes, blockSize } = found;
      this.change(`a new dynamic header, for blocks of ${blockSize} bytes, as the block table suggests`, () => {
        this.file.write(footer.dataOffset, bytes);
        this.file.flush();
        this.examination = this.footerIsNew ? examineWith(this.file, located!, AT_ONCE) : examine(this.file, AT_ONCE);
      });
    }
  }

  /** Takes away table entries that lead nowhere, and accounts for what a cut file has lost. */
  *dropEntries(): TaskSteps<void> {
    const { located, header, table } = this.examination;
    if (header === undefined || table === undefined || this.options.allowLoss !== true) return;
    const { footer } = located!;
    const dataEnd = this.dataEnd();
    const bitmapSize = bitmapSizeOf(header.blockSize);
    const dataStart = (block: number): number => table[block] * SECTOR_SIZE + bitmapSize;
    for (;;) {
      const { problems } = this.examination.layout!;
      const dropped = new Set<number>();
      for (const { kind, block } of problems) {
        const nowhere = kind === 'outside' || kind === 'metadata' || (kind === 'cut' && dataStart(block) >= dataEnd);
        if (nowhere) dropped.add(block);
      }
      if (dropped.size === 0) break;
      for (const block of dropped) {
        table[block] = UNALLOCATED;
        this.loseOf(block, 0);
      }
      this.change(`${dropped.size} entries of the block table that lead nowhere are taken away`, () => {
        writeTableEntries(this.file, header.tableOffset, table, dropped);
        this.file.flush();
      });
      this.examination.layout = judgeTable(dataEnd, table, header, footer.dataOffset, footer.currentSize, AT_ONCE);
      yield { phase: 'mending the block table', done: 0, total: 1 };
    }
    for (const { kind, block } of this.examination.layout!.problems) {
      if (kind !== 'cut') continue;
      this.loseOf(block, Math.floor((dataEnd - dataStart(block)) / SECTOR_SIZE));
      this.actions.push(`what is missing of block ${block} reads as zeros`);
    }
  }

  /** The sectors of a block from `from` on are lost. */
  private loseOf(block: number, from: number): void {
    const sectors = this.examination.header!.blockSize / SECTOR_SIZE;
    const first = block * sectors;
    const inDisk = Math.min(sectors, this.examination.located!.footer.currentSize / SECTOR_SIZE - first);
    this.lose(first + from, inDisk - from);
  }

  /** Writes both footers where one is missing or damaged, and finishes what was interrupted. */
  placeFooters(): void {
    const { file, examination } = this;
    const { findings, layout } = examination;
    const located = examination.located!;
    const { footer } = located;
    const fixed = footer.diskType === VhdType.Fixed;
    const oldFooter = located.endOffset;
    const cut = (layout?.counts.cut ?? 0) > 0;
    if (!cut && !this.footerIsNew && !findings.some(({ kind }) => FOOTER_KINDS.includes(kind))) return;
    // Without a block table nobody knows where the file may end; inside a block a footer would be taken for its data.
    if (!fixed && (layout === undefined || (cut && this.options.allowLoss !== true))) return;
    const lastSector = Math.max(0, Math.floor((file.size() - FOOTER_SIZE) / SECTOR_SIZE) * SECTOR_SIZE);
    let place = located.endOffset ?? lastSector;
    if (!fixed && (place < usedEnd(examination) || place % SECTOR_SIZE !== 0)) {
      place = Math.max(usedEnd(examination), lastSector);
    }
    this.change(fixed ? 'the footer is written' : 'both footers are written', () => {
      if (isFinishedByWriting(footer.pending)) {
        settle(file, { ...located, endOffset: place, copyGood: false });
      } else {
        writeFooters(file, place, located.bytes, !fixed);
      }
      if (oldFooter !== undefined && oldFooter < place && cut) {
        // It lay inside a block.
        writeZeros(file, oldFooter, FOOTER_SIZE);
        file.flush();
      }
      if (file.size() > place + FOOTER_SIZE) {
        file.truncate(place + FOOTER_SIZE);
        file.flush();
      }
      this.examination = examine(file, AT_ONCE);
    });
  }

  /** Gives blocks that lie over others a place of their own, with what they read as now. */
  *separateBlocks(): TaskSteps<void> {
    const { file } = this;
    const { located, header, table } = this.examination;
    const dryRun = this.options.dryRun === true;
    if (header === undefined || table === undefined || (located!.endOffset === undefined && !dryRun)) return;
    const { footer, bytes } = located!;
    const span = bitmapSizeOf(header.blockSize) + header.blockSize;
    let end = located!.endOffset ?? usedEnd(this.examination);
    for (;;) {
      const { problems } = this.examination.layout!;
      // Only on a file whose structures are otherwise right is there a place for them.
      if (problems.length === 0 || problems.some(({ kind }) => kind !== 'overlap')) return;
      for (const [i, { block, other }] of problems.entries()) {
        const start = end;
        this.change(`block ${block}, which lay over block ${other}, gets a copy of its own`, () => {
          file.write(start + span, bytes);
          copyBytes(file, table[block] * SECTOR_SIZE, start, span);
          file.flush();
          table[block] = start / SECTOR_SIZE;
          writeTableEntries(file, header.tableOffset, table, [block]);
          file.flush();
        });
        end += span;
        yield { phase: 'separating blocks', done: i + 1, total: problems.length };
      }
      if (dryRun) return;
      this.examination.layout = judgeTable(end, table, header, footer.dataOffset, footer.currentSize, AT_ONCE);
    }
  }
}

/** The header at the usual place as far as it makes sense without a footer; undefined when it does not. */
function readableHeader(file: RandomAccessFile): DynamicHeader | undefined {
  try {
    return readDynamicHeader(file, FOOTER_SIZE, SECTOR_SIZE, true);
  } catch (error) {
    if (error instanceof DiskError && error.code !== DiskErrorCode.Io) return undefined;
    throw error;
  }
}

/** Copies a part of the file to another place in it; what lies behind the end of the file counts as zeros. */
function copyBytes(file: RandomAccessFile, from: number, to: number, length: number): void {
  const buffer = new Uint8Array(Math.min(length, 1024 * 1024));
  for (let done = 0; done < length; done += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, length - done));
    part.fill(0, file.read(from + done, part));
    file.write(to + done, part);
  }
}

/** Where every product puts the block table of a dynamic disk. */
const USUAL_TABLE_OFFSET = 1536;

/** A header for a dynamic disk that has lost it: with the block size for which the table at the usual place makes sense. */
function guessHeader(
  file: RandomAccessFile,
  currentSize: number,
): { readonly bytes: Uint8Array; readonly blockSize: number } | undefined {
  for (let blockSize = 256 * 1024 * 1024; blockSize >= 4096; blockSize /= 2) {
    const maxTableEntries = Math.ceil(currentSize / blockSize);
    if (maxTableEntries > MAXIMUM_TABLE_ENTRIES || USUAL_TABLE_OFFSET + maxTableEntries * 4 > file.size()) continue;
    const header = {
      tableOffset: USUAL_TABLE_OFFSET,
      maxTableEntries,
      blockSize,
      parentId: new Uint8Array(16),
      parentTimeStamp: 0,
      parentName: '',
      locators: [],
    };
    const table = readBlockTable(file, header, maxTableEntries);
    const layout = judgeTable(file.size(), table, header, FOOTER_SIZE, currentSize);
    if (layout.allocated === 0 || layout.problems.length > 0 || !fits(file, layout, maxTableEntries)) continue;
    return { bytes: encodeDynamicHeader(header, 0).bytes, blockSize };
  }
  return undefined;
}

/** True when nothing but padding and an old footer is between the table and the first block: a table that goes on has smaller blocks. */
function fits(file: RandomAccessFile, layout: TableLayout, entries: number): boolean {
  const tableEnd = USUAL_TABLE_OFFSET + Math.ceil((entries * 4) / SECTOR_SIZE) * SECTOR_SIZE;
  const rest = new Uint8Array(tableEnd - USUAL_TABLE_OFFSET - entries * 4);
  file.read(tableEnd - rest.length, rest);
  if (!isPadding(rest)) return false;
  const end = Math.min(layout.starts[0] * SECTOR_SIZE, tableEnd + 65536);
  const sector = new Uint8Array(SECTOR_SIZE);
  for (let at = tableEnd; at < end; at += SECTOR_SIZE) {
    file.read(at, sector);
    if (!hasFooterCookie(sector) && !isPadding(sector)) return false;
  }
  return true;
}

function isPadding(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0 || byte === 0xff);
}
