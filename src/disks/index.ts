/** Disk, diskette and CD images on Node. */
export { findVmcInFolder } from './machine-folder.ts';
export { createDisk, type NewDisk } from './create-disk.ts';
export { detectImage, FLOPPY_SIZES, type ImageKind } from './detect.ts';
export {
  commitUndo,
  discardUndo,
  openDisk,
  type OpenDisk,
  type OpenDiskOptions,
  type OpenOptions,
  type WriteMode,
} from './open-disk.ts';
export { CD_BLOCK_SIZE, openCd, openFloppy, type OpenCd, type OpenFloppy } from './open-removable.ts';
export { flushFolder } from './durable.ts';
export { productUndoName, undoPathFor } from './undo.ts';
export { journalOf, type UndoDisk } from './undo-journal.ts';
export { endUndoSession, recoverUndoSession, sessionUndoPath, type UndoAction } from './undo-session.ts';
