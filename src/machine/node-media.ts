/** Opens the image files of a configuration, on Node. */
import { openCd, openDisk, openFloppy } from '../disks/index.ts';
import type { OpenDisk, UndoDisk, WriteMode } from '../disks/index.ts';
import type { DiskMode, MediaSource } from './configuration.ts';
import type { MediaOpener } from './media.ts';
import { asMediaError, bytesOpener, savedFile } from './media.ts';

const MODES: Readonly<Record<DiskMode, WriteMode>> = {
  auto: 'auto',
  undo: 'undo-file',
  memory: 'undo-memory',
  direct: 'write-through',
  'read-only': 'read-only',
};

const modeOf = (source: MediaSource): { mode: WriteMode; undoPath?: string } => ({
  mode: MODES[source.mode ?? 'memory'],
  ...(source.undoPath === undefined ? {} : { undoPath: source.undoPath }),
});

/** Says where the undo disk is, if there is one. */
function withUndo(disk: OpenDisk, { parentFolders }: MediaSource): OpenDisk & { readonly undo: UndoDisk | undefined } {
  const { path, undoPath } = disk;
  return Object.assign(disk, { undo: undoPath === undefined ? undefined : { path, undoPath, parentFolders } });
}

export const nodeOpener: MediaOpener = {
  disk: (source, saved) =>
    source.path === undefined
      ? bytesOpener.disk(source, saved)
      : asMediaError(source, () =>
          withUndo(
            openDisk(source.path!, {
              ...modeOf(source),
              parentFolders: source.parentFolders,
              memoryUndo: saved && savedFile(`${source.path} (changes in memory)`, saved),
            }),
            source,
          ),
        ),
  cd: (source, saved) =>
    source.path === undefined
      ? bytesOpener.cd(source, saved)
      : asMediaError(source, () => {
          const disc = openCd(source.path!);
          return Object.assign(disc, { files: [disc.path] });
        }),
  floppy: (source, saved) =>
    source.path === undefined
      ? bytesOpener.floppy(source, saved)
      : asMediaError(source, () =>
          openFloppy(source.path!, {
            ...modeOf(source),
            memoryUndo: saved && savedFile(`${source.path} (changes in memory)`, saved),
          }),
        ),
};
