/** The inspector: looks at a machine folder, a `.vmc` or an image, and changes nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError } from '../../vhd/errors.ts';
import { detectImage } from '../disks/detect.ts';
import { hostError, NodeFile } from '../disks/node-file.ts';
import { MAXIMUM_FILE_BYTES } from '../vmc/document.ts';
import { VmcError } from '../vmc/errors.ts';
import { inspectDisk } from './disk.ts';
import { shellWord } from './layers.ts';
import { inspectMachine } from './machine.ts';
import { inspectMedium } from './medium.ts';
import {
  assemble,
  type DiskReport,
  type InspectReport,
  type MachineReport,
  type MediumReport,
  type Problem,
} from './report.ts';

export interface InspectOptions {
  /** Folders besides the obvious ones in which disks and parents are looked for. */
  readonly searchFolders?: readonly string[] | undefined;
}

/** Files of a folder that are looked at, at most. */
const MAXIMUM_FILES = 1000;

/**
 * Never writes, locks or creates anything.
 * @param target a machine folder, a `.vmc`, a disk, a CD or a diskette image
 * @throws DiskError `disk-not-found`, `disk-access-denied` for the target itself; everything else is in the report
 */
export function inspect(target: string, options: InspectOptions = {}): InspectReport {
  const full = path.resolve(target);
  let status: fs.Stats;
  try {
    status = fs.statSync(full);
  } catch (error) {
    throw hostError(error, full, 'reading');
  }
  const collection = new Collection(options.searchFolders ?? []);
  if (status.isDirectory()) collection.addFolder(full);
  else collection.addFile(full);
  return collection.report(full);
}

/** `.avhd`, `.vud`: differencing disks by other names. */
const DISK_NAMES = /\.(vhd|vud|avhd)$/i;
const MEDIUM_NAMES = /\.(iso|vfd|flp|img|ima)$/i;

class Collection {
  readonly #folders: readonly string[];
  readonly #machines: MachineReport[] = [];
  readonly #disks: DiskReport[] = [];
  readonly #media: MediumReport[] = [];
  readonly #problems: Problem[] = [];
  /** Files that a machine uses, or that are told of already. */
  readonly #known = new Set<string>();

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  report(target: string): InspectReport {
    return assemble(target, { machines: this.#machines, disks: this.#disks, media: this.#media }, this.#problems);
  }

  addFile(file: string): void {
    if (/\.vmc$/i.test(file)) this.#addMachine(file);
    else this.#addImage(file);
  }

  addFolder(folder: string): void {
    let names: string[];
    try {
      names = fs.readdirSync(folder).sort();
    } catch (error) {
      throw hostError(error, folder, 'reading');
    }
    if (names.length > MAXIMUM_FILES) {
      const message = `the folder has ${names.length} entries; only the first ${MAXIMUM_FILES} are looked at`;
      this.#problems.push({ severity: 'warning', code: 'large-folder', place: folder, message });
      names = names.slice(0, MAXIMUM_FILES);
    }
    const files = names
      .map((name) => path.join(folder, name))
      .filter((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true);
    for (const file of files) if (/\.vmc$/i.test(file)) this.#addMachine(file);
    this.#lookForUnusedUndo(files);
    // Children before the parents that they lead to, so that those are not told of twice.
    const disks = files.filter((file) => DISK_NAMES.test(file));
    const order = (file: string): number => (/\.vud$/i.test(file) ? 0 : 1);
    const unused = disks.filter((file) => !this.#known.has(file)).sort((a, b) => order(a) - order(b));
    const reports = unused.map((file) => inspectDisk({ image: file, folders: [folder, ...this.#folders] }));
    const parents = new Set(reports.flatMap(({ layers }) => layers.slice(1).map((layer) => layer.path)));
    const undone = new Set(
      reports.flatMap(({ layers }) => layers.filter(({ role }) => role === 'undo').map((l) => l.path)),
    );
    for (const [index, report] of reports.entries()) {
      const file = unused[index]!;
      if (!parents.has(file) && !undone.has(file)) this.#disks.push(report);
    }
    for (const file of files.filter((one) => MEDIUM_NAMES.test(one) && !this.#known.has(one))) this.#addImage(file);
    this.#lookForStates(files);
    if (this.#machines.length + this.#disks.length + this.#media.length + this.#problems.length === 0) {
      const message = 'there is no machine and no image in this folder';
      this.#problems.push({ severity: 'error', code: 'nothing-found', place: folder, message });
    }
  }

  #addMachine(file: string): void {
    try {
      const status = fs.statSync(file);
      if (status.size > MAXIMUM_FILE_BYTES) {
        const message = `${status.size} bytes are too many for a machine configuration`;
        this.#problems.push({ severity: 'error', code: 'vmc-too-large', place: file, message });
        return;
      }
      const { report, files } = inspectMachine(file, new Uint8Array(fs.readFileSync(file)), this.#folders);
      this.#machines.push(report);
      for (const used of files) this.#known.add(used);
    } catch (error) {
      this.#problems.push(problemWith(file, error));
    }
  }

  #addImage(file: string): void {
    const isDisc = isMedium(file);
    if (isDisc) this.#media.push(inspectMedium(file));
    else this.#disks.push(inspectDisk({ image: file, folders: [path.dirname(file), ...this.#folders] }));
  }

  /** Undo disks of the original product that no configuration here names: the newest state, easily overlooked. */
  #lookForUnusedUndo(files: readonly string[]): void {
    for (const file of files) {
      if (!/^VirtualPCUndo_.*\.vud$/i.test(path.basename(file)) || this.#known.has(file)) continue;
      this.#problems.push({
        severity: 'warning',
        code: 'undo-unused',
        place: file,
        message:
          'an undo disk that no configuration here names; it can hold the newest state of a machine, and "boot --undo session" goes on with it',
        remedy: `To look into it: virtualserver inspect ${shellWord(path.basename(file))}. To get at its content: virtualserver disk flatten ${shellWord(path.basename(file))} OUTPUT.`,
      });
    }
  }

  #lookForStates(files: readonly string[]): void {
    for (const file of files) {
      if (!/\.vsv$/i.test(file) || this.#known.has(file)) continue;
      this.#problems.push({
        severity: 'note',
        code: 'saved-state-unused',
        place: file,
        message: 'no configuration here names this saved state; the product kept such files while machines ran',
      });
    }
  }
}

function isMedium(file: string): boolean {
  if (DISK_NAMES.test(file)) return false;
  try {
    const probe = NodeFile.open(file, true);
    try {
      const { kind } = detectImage(probe);
      return kind === 'iso' || kind === 'floppy' || kind === 'raw-cd';
    } finally {
      probe.close();
    }
  } catch (error) {
    // Telling what is wrong with the file is the inspection's part.
    if (error instanceof DiskError) return false;
    throw error;
  }
}

function problemWith(file: string, error: unknown): Problem {
  if (error instanceof VmcError) {
    const message = error.message.replace(`${file}: `, '').replace(/\.$/, '');
    return { severity: 'error', code: error.code, place: file, message };
  }
  const host = hostError(error, file, 'reading');
  return { severity: 'error', code: host.code, place: file, message: host.problem, remedy: host.remedy };
}
