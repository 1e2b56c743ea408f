/** Opening VHD files and chains of them. */
import { equalBytes, formatUuid } from './bytes.ts';
import { readDynamicHeader, type DynamicHeader } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { FixedImage } from './flat-image.ts';
import { locateFooter, VhdType, type LocatedFooter } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import { openParent, type ParentResolver } from './parents.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { SparseImage } from './sparse-image.ts';
import { headerPlace } from './structure.ts';

/** Where a differencing disk gets its parent from. */
export interface OpenVhdOptions {
  /** Where the parents of differencing disks may be; without it such disks are refused. */
  readonly resolver?: ParentResolver | undefined;
  /**
   * The disk below a differencing file, already open; its identity must be the recorded one. The resolver is then not asked.
   * On success it belongs to the image, which closes it.
   */
  readonly parent?: DiskImage | undefined;
  /**
   * Opens a disk for the rest of the merge of the child with this id. Otherwise a disk into which a merge was interrupted is read-only.
   */
  readonly mergingChild?: Uint8Array | undefined;
}

/**
 * Opens a fixed, dynamic or differencing VHD. On success the file belongs to the image, which closes it; on failure it stays open
 * and the parents that were opened on the way are closed.
 * @throws DiskError as `locateFooter`, `readDynamicHeader`, `openParent`; `disk-chain-loop`; `disk-parent-mismatch`.
 */
export function openVhd(file: RandomAccessFile, options: OpenVhdOptions = {}): DiskImage {
  // From the top of the chain down, without recursion: a chain may have any depth.
  const opened: { file: RandomAccessFile; located: LocatedFooter }[] = [];
  let base: DiskImage | undefined;
  try {
    let next: RandomAccessFile = file;
    for (;;) {
      const located = locateFooter(next);
      const loop = opened.find((link) => equalBytes(link.located.footer.uniqueId, located.footer.uniqueId));
      opened.push({ file: next, located });
      if (loop !== undefined) {
        throw new DiskError(DiskErrorCode.ChainLoop, `the chain of parents comes back to ${loop.file.name}`, {
          fileName: file.name,
          remedy: 'The unique ids or parent paths of these files were changed; restore them from a copy.',
        });
      }
      if (located.footer.diskType !== VhdType.Differencing) break;
      if (opened.length === 1 && options.parent !== undefined) {
        base = options.parent;
        break;
      }
      next = openParent(headerOf(next, located), next.name, options.resolver);
    }
    for (let i = opened.length - 1; i >= 0; i--) {
      base = openLink(opened[i].file, opened[i].located, base, i === 0 ? options.mergingChild : undefined);
    }
    return base!;
  } catch (error) {
    for (const link of opened.slice(1)) link.file.close();
    throw error;
  }
}

/**
 * The dynamic header that counts: the one in its place, or, after an interrupted change, the new one that is not there yet.
 * @throws DiskError as `readDynamicHeader`.
 */
export function headerOf(file: RandomAccessFile, located: LocatedFooter): DynamicHeader {
  return readDynamicHeader(file, headerPlace(file, located), located.footer.currentSize);
}

function openLink(
  file: RandomAccessFile,
  located: LocatedFooter,
  parent: DiskImage | undefined,
  mergingChild: Uint8Array | undefined,
): DiskImage {
  const { footer } = located;
  if (footer.diskType === VhdType.Fixed) return new FixedImage(file, located, mergingChild);
  const header = headerOf(file, located);
  if (footer.diskType === VhdType.Dynamic || parent === undefined) {
    return new SparseImage(file, located, header, { mergingChild });
  }
  // The fingerprint of a raw parent changes while the child is merged into it.
  const drained = footer.pending?.kind === 'merge-into-raw' && parent.format === 'raw';
  if (!equalBytes(parent.identity, header.parentId) && !drained) {
    throw new DiskError(
      DiskErrorCode.ParentMismatch,
      `its parent has the id ${formatUuid(header.parentId)}, but ${parent.name} has ${formatUuid(parent.identity)}`,
      { fileName: file.name, remedy: 'The parent was replaced or changed; put the original parent back.' },
    );
  }
  if (parent.sectorCount !== footer.currentSize / SECTOR_SIZE) {
    throw new DiskError(
      DiskErrorCode.ParentMismatch,
      `it has ${footer.currentSize / SECTOR_SIZE} sectors, but its parent ${parent.name} has ${parent.sectorCount}`,
      {
        fileName: file.name,
        remedy: 'The parent was resized after this disk was made; restore the parent from a copy.',
      },
    );
  }
  return new SparseImage(file, located, header, { parent, mergingChild });
}
