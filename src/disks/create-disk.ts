/** Making new hard disk images on Node. */
import fs from 'node:fs';
import path from 'node:path';
import { createDifferencing, createDynamic, createFixed } from '../../vhd/create.ts';
import { openVhd } from '../../vhd/open.ts';
import { openDiskFile } from './disk-file.ts';
import { NodeParentResolver } from './node-parents.ts';
import { createDurably } from './durable.ts';
import { locatorsFor } from './undo.ts';

export type NewDisk =
  /** Bytes of the disk; whole sectors, at most 2040 GiB. */
  | { readonly type: 'fixed'; readonly size: number }
  | { readonly type: 'dynamic'; readonly size: number; readonly blockSize?: number | undefined }
  | {
      readonly type: 'differencing';
      /** Path of the parent; it must not change afterwards. */
      readonly parent: string;
      readonly blockSize?: number | undefined;
      /** Where the parent's own parents may be besides its folder. */
      readonly parentFolders?: readonly string[] | undefined;
    };

/**
 * Makes a VHD under a name that is not in use; its folder is made if it is missing, as the original products did. The file appears
 * complete or not at all.
 * @throws DiskError `disk-exists`, `disk-bad-size`, `disk-access-denied`, `disk-host-full`; for a differencing disk also what opening
 * the parent throws.
 */
export function createDisk(diskPath: string, disk: NewDisk): void {
  const full = path.resolve(diskPath);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  if (disk.type === 'fixed') return createDurably(full, (file) => createFixed(file, disk));
  if (disk.type === 'dynamic') return createDurably(full, (file) => createDynamic(file, disk));
  const parentPath = path.resolve(disk.parent);
  const parentFile = openDiskFile(parentPath, true);
  try {
    const parent = openVhd(parentFile, { resolver: new NodeParentResolver(disk.parentFolders) });
    try {
      createDurably(full, (file) =>
        createDifferencing(file, {
          parent,
          parentName: path.basename(parentPath),
          parentTime: fs.statSync(parentPath).mtimeMs,
          locators: locatorsFor(full, parentPath),
          blockSize: disk.blockSize,
        }),
      );
    } finally {
      parent.close();
    }
  } finally {
    parentFile.close();
  }
}
