/** Going through a folder and everything below it. */
import { MAXIMUM_DEPTH, type Entry, type FileSystem } from './file-system.ts';

export interface Visit<E extends Entry> {
  /** Names from the folder where the walk began; without that folder. */
  readonly path: readonly string[];
  readonly entry: E;
}

/**
 * Every entry below `folder`, a folder before what is in it. Each folder is entered once: in a damaged file system folders can contain
 * each other, or be in several places.
 * @param problem told about folders that cannot be read or are left out; without it such a folder ends the walk with its error
 * @throws FileSystemError `fs-damaged`; DiskError of the image.
 */
export function* walk<E extends Entry>(
  system: FileSystem<E>,
  folder: E,
  problem?: (path: readonly string[], error: unknown) => void,
): Generator<Visit<E>> {
  const seen = new Set<number>([system.root.place, folder.place]);
  const waiting: Visit<E>[] = [{ path: [], entry: folder }];
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    const { path, entry } = visit;
    if (visit.path.length > 0) yield visit;
    if (entry.kind !== 'folder') continue;
    let entries: E[];
    try {
      entries = system.entries(entry);
    } catch (error) {
      if (problem === undefined) throw error;
      problem(path, error);
      continue;
    }
    // Last first, because they are taken from the end.
    for (const child of [...entries].reverse()) {
      const childPath = [...path, child.name];
      if (child.kind === 'folder') {
        if (seen.has(child.place) || childPath.length > MAXIMUM_DEPTH) {
          problem?.(childPath, new Error('the folder is in several places, or folders are nested too deeply'));
          continue;
        }
        seen.add(child.place);
      }
      waiting.push({ path: childPath, entry: child });
    }
  }
}
