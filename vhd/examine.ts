/** Taking a possibly damaged VHD apart: what is there, what is wrong, and what can be relied on. The ground of check and repair. */
import {
  judgeTable,
  LISTED,
  metadataRanges,
  readBlockTable,
  type EntryProblem,
  type TableLayout,
} from './block-table.ts';
import { formatUuid, getAscii } from './bytes.ts';
import type { Finding } from './check.ts';
import { readDynamicHeader, type DynamicHeader } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import {
  changedFooter,
  checkFooter,
  decodeFooter,
  footerChecksumIsGood,
  FOOTER_SIZE,
  hasFooterCookie,
  sameDisk,
  VhdType,
  type LocatedFooter,
} from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { bitmapSizeOf } from './sector-bitmaps.ts';
import { headerPlace } from './structure.ts';

/** What a damaged file still says. */
export interface Examination {
  readonly findings: Finding[];
  /** The footer to be used, with a good checksum whatever the file has; undefined when there is none. */
  located: LocatedFooter | undefined;
  header: DynamicHeader | undefined;
  /** Only the checksum of the header is wrong. */
  headerChecksumBad: boolean;
  table: Uint32Array | undefined;
  layout: TableLayout | undefined;
}

interface Candidate {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly good: boolean;
}

function candidateAt(file: RandomAccessFile, offset: number): Candidate | undefined {
  if (offset < 0) return undefined;
  const bytes = new Uint8Array(FOOTER_SIZE);
  file.read(offset, bytes);
  return hasFooterCookie(bytes) ? { offset, bytes, good: footerChecksumIsGood(bytes) } : undefined;
}

/** A dynamic header is at the place where products put it. */
export function hasHeaderAt512(file: RandomAccessFile): boolean {
  const cookie = new Uint8Array(8);
  return file.read(FOOTER_SIZE, cookie) === 8 && getAscii(cookie, 0, 8) === 'cxsparse';
}

/**
 * @param listed damaged table entries of each kind that are listed one by one.
 * @throws DiskError only what the file throws.
 */
export function examine(file: RandomAccessFile, listed?: number): Examination {
  const result = nothingKnown();
  examineFooters(file, result);
  if (result.located !== undefined) examineRest(file, result.located, result, listed);
  return result;
}

/** Examines a file as if it had this footer. */
export function examineWith(file: RandomAccessFile, located: LocatedFooter, listed: number): Examination {
  const result = { ...nothingKnown(), located };
  examineRest(file, located, result, listed);
  return result;
}

function nothingKnown(): Examination {
  return {
    findings: [],
    located: undefined,
    header: undefined,
    headerChecksumBad: false,
    table: undefined,
    layout: undefined,
  };
}

function examineRest(
  file: RandomAccessFile,
  located: LocatedFooter,
  result: Examination,
  listed: number | undefined,
): void {
  try {
    checkFooter(located.footer, file.name, located.endOffset ?? 0);
  } catch (error) {
    result.located = undefined;
    add(result, 'footer-field', 'error', sentence(error), 'none', located.endOffset ?? 0);
    return;
  }
  examineNotes(located, result);
  if (located.footer.diskType === VhdType.Fixed) examineFixed(file, located, result);
  else examineHeader(file, located, result, listed);
}

function add(
  result: Examination,
  kind: Finding['kind'],
  severity: Finding['severity'],
  message: string,
  repair: Finding['repair'],
  offset?: number,
): void {
  result.findings.push({ kind, severity, message, repair, ...(offset === undefined ? {} : { offset }) });
}

function sentence(error: unknown): string {
  if (!(error instanceof DiskError) || error.code === DiskErrorCode.Io) throw error;
  return error.problem;
}

function examineFooters(file: RandomAccessFile, result: Examination): void {
  const size = file.size();
  const last = candidateAt(file, size - FOOTER_SIZE) ?? candidateAt(file, size - FOOTER_SIZE + 1);
  // In a fixed disk offset 0 is the guest's own first sector.
  const surelyFixed = last?.good === true && decodeFooter(last.bytes).diskType === VhdType.Fixed;
  const first = surelyFixed || last?.offset === 0 ? undefined : candidateAt(file, 0);
  const copy = first !== undefined && decodeFooter(first.bytes).diskType !== VhdType.Fixed ? first : undefined;
  const chosen = [last, copy].find((one) => one?.good) ?? [last, copy].find((one) => one !== undefined);
  if (chosen === undefined) {
    const hasHeader = hasHeaderAt512(file);
    const rest = hasHeader ? 'but there is a dynamic header: the block map can be used' : 'this is not a VHD';
    const message = `there is no footer, neither at the end nor at the start; ${rest}`;
    add(result, 'footer-missing', 'error', message, hasHeader ? 'lossy' : 'none', Math.max(0, size - FOOTER_SIZE));
    return;
  }
  const usable = chosen.good ? 'warning' : 'error';
  if (last === undefined) {
    const message = 'the footer at the end is missing; its copy at the start is there';
    add(result, 'footer-missing', usable, message, 'lossless', Math.max(0, size - FOOTER_SIZE));
  } else if (!last.good) {
    add(result, 'footer-checksum', usable, 'the footer at the end has a wrong checksum', 'lossless', last.offset);
  } else if (last.offset + FOOTER_SIZE > size) {
    add(result, 'footer-short', 'note', 'the footer has 511 bytes, as old products wrote it', 'lossless', last.offset);
  }
  const isFixed = decodeFooter(chosen.bytes).diskType === VhdType.Fixed;
  if (!isFixed && last !== undefined) {
    if (copy === undefined || !copy.good) {
      add(result, 'footer-copy', 'warning', 'the copy of the footer at the start is damaged', 'lossless', 0);
    } else if (last.good && !sameDisk(copy.bytes, last.bytes)) {
      add(
        result,
        'footers-differ',
        'note',
        'the footer and its copy at the start differ; the one at the end counts',
        'lossless',
        0,
      );
    }
  } else if (copy !== undefined && !copy.good) {
    add(result, 'footer-copy', 'error', 'the copy of the footer at the start has a wrong checksum', 'lossless', 0);
  }
  // With its checksum made good, whatever it was.
  const { footer, bytes } = chosen.good
    ? { footer: decodeFooter(chosen.bytes), bytes: chosen.bytes }
    : changedFooter({ footer: decodeFooter(chosen.bytes), bytes: chosen.bytes }, {});
  const endOffset = chosen === last ? last.offset : undefined;
  result.located = { footer, bytes, endOffset, copyGood: copy?.good === true, problems: [] };
}

function examineNotes({ footer }: LocatedFooter, result: Examination): void {
  if (footer.savedState) {
    add(result, 'saved-state', 'note', 'the disk belongs to a machine in saved state', 'none');
  }
  const { pending } = footer;
  if (pending?.kind === 'header') {
    const message = 'a change of the header was interrupted after it took effect; it is finished at the next write';
    add(result, 'pending-header', 'note', message, 'lossless', pending.offset);
  } else if (pending?.kind === 'zero') {
    const message = 'resizing was interrupted after it took effect; it is finished at the next write';
    add(result, 'pending-zero', 'note', message, 'lossless', pending.offset);
  } else if (pending?.kind === 'merge') {
    const message = `a merge of the disk ${formatUuid(pending.childId)} into this one was interrupted; repeat it`;
    add(result, 'pending-merge', 'warning', message, 'none');
  } else if (pending?.kind === 'merge-into-raw') {
    const message =
      'merging this disk into its parent was interrupted; until it is repeated the parent must not be used alone';
    add(result, 'pending-merge', 'warning', message, 'none');
  }
}

function examineFixed(file: RandomAccessFile, { footer, endOffset }: LocatedFooter, result: Examination): void {
  const dataEnd = endOffset ?? file.size();
  if (footer.currentSize <= dataEnd) return;
  const message = `the footer states a disk of ${footer.currentSize} bytes, but only ${dataEnd} bytes are before it`;
  add(result, 'data-cut', 'error', message, 'none', dataEnd);
}

function examineHeader(
  file: RandomAccessFile,
  located: LocatedFooter,
  result: Examination,
  listed: number | undefined,
): void {
  const { footer } = located;
  const at = headerPlace(file, located);
  try {
    result.header = readDynamicHeader(file, at, footer.currentSize);
  } catch (error) {
    const problem = sentence(error);
    // Rebuilding needs nothing but the block table, and of a differencing disk the parent's identity, which is lost.
    const repair = footer.diskType === VhdType.Dynamic ? 'lossy' : 'none';
    if (!(error instanceof DiskError) || error.code !== DiskErrorCode.Checksum) {
      const cookie = new Uint8Array(8);
      const there = at + 8 <= file.size() && file.read(at, cookie) === 8 && getAscii(cookie, 0, 8) === 'cxsparse';
      add(result, there ? 'header-field' : 'header-missing', 'error', problem, repair, at);
      return;
    }
    try {
      result.header = readDynamicHeader(file, at, footer.currentSize, true);
      result.headerChecksumBad = true;
      add(result, 'header-checksum', 'error', problem, 'lossless', at);
    } catch (second) {
      add(result, 'header-field', 'error', `${problem}, and ${sentence(second)}`, repair, at);
      return;
    }
  }
  const { header } = result;
  for (const locator of header.locators) {
    if (locator.text !== undefined || locator.platform === 'Mac ') continue;
    if (locator.dataOffset + locator.dataLength <= file.size()) continue;
    const message = `the parent locator ${locator.slot} (${locator.platform}) points outside the file`;
    add(result, 'locator', 'warning', message, 'none', locator.dataOffset);
  }
  const entries = Math.ceil(footer.currentSize / header.blockSize);
  result.table = readBlockTable(file, header, entries);
  result.layout = judgeTable(
    located.endOffset ?? file.size(),
    result.table,
    header,
    footer.dataOffset,
    footer.currentSize,
    listed,
  );
  // The last of its kind says how many were left out.
  const last = new Map(result.layout.problems.map((problem) => [problem.kind, problem]));
  for (const problem of result.layout.problems) {
    const rest = last.get(problem.kind) === problem ? result.layout.counts[problem.kind] - (listed ?? LISTED) : 0;
    result.findings.push(entryFinding(problem, header, rest));
  }
}

const ENTRY_FINDINGS: Readonly<
  Record<EntryProblem['kind'], { kind: Finding['kind']; repair: Finding['repair']; say: (p: EntryProblem) => string }>
> = {
  outside: {
    kind: 'table-outside',
    repair: 'lossy',
    say: ({ block }) => `block ${block} lies behind the end of the file`,
  },
  cut: { kind: 'tail-cut', repair: 'lossy', say: ({ block }) => `the file ends inside block ${block}` },
  metadata: {
    kind: 'table-metadata',
    repair: 'lossy',
    say: ({ block }) => `block ${block} lies over the header or the block table`,
  },
  overlap: {
    kind: 'table-overlap',
    repair: 'lossless',
    say: ({ block, other }) => `block ${block} lies over block ${other} in the file`,
  },
};

function entryFinding(problem: EntryProblem, header: DynamicHeader, more: number): Finding {
  const { kind, repair, say } = ENTRY_FINDINGS[problem.kind];
  return {
    kind,
    severity: 'error',
    message: say(problem),
    repair,
    block: problem.block,
    offset: header.tableOffset + problem.block * 4,
    ...(more > 0 ? { more } : {}),
  };
}

/** Behind the last byte of a dynamic file that something uses, the footer at the end apart; a whole number of sectors. */
export function usedEnd({ located, header, table, layout }: Examination): number {
  if (located === undefined || header === undefined || table === undefined || layout === undefined) return 0;
  const ends = metadataRanges(header, located.footer.dataOffset, table.length).map(([, to]) => to);
  return Math.ceil(Math.max(layout.end, ...ends) / SECTOR_SIZE) * SECTOR_SIZE;
}

/** Bytes of the file that nothing uses. */
export function unusedBytes(file: RandomAccessFile, { located, header, table, layout }: Examination): number {
  if (located === undefined || header === undefined || table === undefined || layout === undefined) return 0;
  const span = bitmapSizeOf(header.blockSize) + header.blockSize;
  let used = FOOTER_SIZE;
  for (const [from, to] of metadataRanges(header, located.footer.dataOffset, table.length)) {
    used += Math.ceil((to - from) / SECTOR_SIZE) * SECTOR_SIZE;
  }
  return Math.max(0, file.size() - used - layout.allocated * span);
}
