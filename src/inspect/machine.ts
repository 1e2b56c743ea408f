/** A machine by its `.vmc`: every drive with what is in it, the saved state, and what is wrong. */
import fs from 'node:fs';
import path from 'node:path';
import { findIgnoringCase } from '../disks/host-paths.ts';
import { VmcDocument } from '../vmc/document.ts';
import { listNotEmulated, listUnknownKeys } from '../vmc/not-emulated.ts';
import { candidatePaths, resolvePath } from '../vmc/paths.ts';
import { readConfiguration } from '../vmc/read.ts';
import type { VmcConfiguration, VmcDrive, VmcFloppy, VmcPath } from '../vmc/configuration.ts';
import { inspectDisk } from './disk.ts';
import { inspectMedium } from './medium.ts';
import { examineState } from './saved-state.ts';
import type { DriveReport, MachineReport, Problem, SavedStateReport } from './report.ts';

/** What a machine uses of its folder and elsewhere. */
export interface InspectedMachine {
  readonly report: MachineReport;
  /** Full paths of all files that it names. */
  readonly files: ReadonlySet<string>;
}

/** What a machine of this product has beyond the basic board. */
const EMULATED = { network: true } as const;

interface Context {
  readonly vmcPath: string;
  readonly folders: readonly string[];
  readonly files: Set<string>;
}

/**
 * @param bytes the whole `.vmc`
 * @param folders more folders to look for files in
 * @throws VmcError when the file is no configuration at all
 */
export function inspectMachine(vmcPath: string, bytes: Uint8Array, folders: readonly string[] = []): InspectedMachine {
  const document = VmcDocument.parse(bytes, vmcPath);
  const { configuration, problems: found } = readConfiguration(document);
  const context: Context = { vmcPath, folders, files: new Set([path.resolve(vmcPath)]) };
  const problems: Problem[] = found.map(({ severity, code, key, message, line }) => ({
    severity,
    code: `vmc-${code}`,
    place: key === '' ? vmcPath : `${vmcPath}: ${key}`,
    message: line === undefined ? message : `${message} (line ${line})`,
    ...(severity === 'error' ? { remedy: 'Correct the value in the file; as it is the machine does not start.' } : {}),
  }));
  for (const { key, reason } of listNotEmulated(configuration, document, EMULATED)) {
    // The saved state is told with its file.
    if (key.startsWith('settings/configuration/saved_state')) continue;
    problems.push({ severity: 'note', code: 'not-emulated', place: `${vmcPath}: ${key}`, message: reason });
  }
  const unknown = listUnknownKeys(document);
  if (unknown.length > 0) {
    const shown = unknown.slice(0, 10).join(', ');
    const message = `keys of no known product, kept and without effect: ${shown}${unknown.length > 10 ? ` and ${unknown.length - 10} more` : ''}`;
    problems.push({ severity: 'note', code: 'unknown-keys', place: vmcPath, message });
  }
  const savedState = inspectSavedState(configuration, context, problems);
  const drives = [
    ...configuration.drives.map((drive) => inspectDrive(drive, context)),
    ...configuration.floppies.map((floppy) => inspectFloppy(floppy, context)),
  ];
  checkStateOfDisks(drives, savedState, vmcPath, problems);
  return { report: { ...describe(configuration, vmcPath), savedState, drives, problems }, files: context.files };
}

function describe(
  configuration: VmcConfiguration,
  vmcPath: string,
): Omit<MachineReport, 'drives' | 'problems' | 'savedState'> {
  const { creator, modifier, integration, undoDrives } = configuration;
  const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('-');
  return {
    path: path.resolve(vmcPath),
    name: configuration.name,
    memoryMiB: configuration.memoryMiB,
    videoMemoryMiB: configuration.videoMemoryMiB,
    hardware: configuration.hardwareName,
    guestOs: integration.guestOs,
    additions: integration.additionsVersion,
    createdBy: `${creator.name} ${creator.build}`.trim(),
    savedBy: `${modifier.name} ${modifier.build}`.trim(),
    undo: { enabled: undoDrives.enabled, defaultAction: undoDrives.defaultAction },
    networkAdapters: configuration.networkAdapters.map(({ macAddress, networkName }) => ({
      mac: macAddress === undefined ? undefined : hex(macAddress),
      network: networkName,
    })),
    serialPorts: configuration.serialPorts
      .filter(({ target }) => target.kind !== 'none')
      .map(({ id, target }) => ({ id, target: target.kind === 'none' ? '' : `${target.kind} ${target.name}` })),
    notes: configuration.notes,
  };
}

const nameOf = ({ relative, absolute }: VmcPath): string => relative ?? absolute ?? '';

/** The file that a stored path means; notes when it is not where the configuration says first. */
function locate(
  stored: VmcPath,
  key: string,
  { vmcPath, folders, files }: Context,
  problems: Problem[],
): string | undefined {
  const options = { vmcPath, searchFolders: folders };
  const found = resolvePath(stored, options);
  if (found === undefined) return undefined;
  files.add(found);
  const first = candidatePaths(stored, options)[0];
  if (first !== undefined && findIgnoringCase(first) !== found) {
    problems.push({
      severity: 'note',
      code: 'path-stale',
      place: `${vmcPath}: ${key}`,
      message: `"${nameOf(stored)}" is not there; ${found} is used`,
      remedy: 'Put the file where the path points, or correct the path.',
    });
  }
  return found;
}

function missing(
  stored: VmcPath,
  key: string,
  { vmcPath, folders }: Context,
  what: string,
  severity: Problem['severity'],
): Problem {
  const places = candidatePaths(stored, { vmcPath, searchFolders: folders });
  return {
    severity,
    code: `${what.toLowerCase().replace(/ /g, '-')}-missing`,
    place: `${vmcPath}: ${key}`,
    message: `the ${what} "${nameOf(stored)}" was not found; searched: ${places.join(', ')}`,
    remedy: `Put it beside ${path.basename(vmcPath)}, name its folder with --search, or correct the path.`,
  };
}

function inspectDrive(drive: VmcDrive, context: Context): DriveReport {
  const problems: Problem[] = [];
  const { key, image, hostDrive, kind } = drive;
  const base = {
    name: `${drive.bus.toUpperCase()} ${drive.controller}:${drive.location}`,
    kind,
    key,
    ...(image === undefined ? {} : { stored: image }),
    ...(hostDrive === undefined ? {} : { hostDrive }),
  };
  if (image === undefined) return { ...base, problems };
  const found = locate(image, key, context, problems);
  if (kind === 'cd') {
    if (found === undefined) problems.push(missing(image, key, context, 'CD image', 'warning'));
    return { ...base, ...(found === undefined ? {} : { path: found, medium: inspectMedium(found) }), problems };
  }
  const productUndo = drive.undo && locate(drive.undo, `${key}/undo_pathname`, context, problems);
  if (drive.undo !== undefined && productUndo === undefined) {
    problems.push({
      ...missing(drive.undo, `${key}/undo_pathname`, context, 'undo disk', 'warning'),
      remedy:
        'Without it the disk has the state before the last session: look for the .vud file before anything is written.',
    });
  }
  if (found === undefined) {
    problems.push(missing(image, key, context, 'disk', 'error'));
    return { ...base, problems };
  }
  const folders = [path.dirname(path.resolve(context.vmcPath)), ...context.folders];
  const disk = inspectDisk({ image: found, productUndo, folders });
  for (const { path: file } of disk.layers) context.files.add(file);
  return { ...base, path: found, disk, problems };
}

function inspectFloppy({ id, image, key }: VmcFloppy, context: Context): DriveReport {
  const problems: Problem[] = [];
  const base = {
    name: `floppy ${id}`,
    kind: 'floppy',
    key,
    ...(image === undefined ? {} : { stored: image }),
  } as const;
  if (image === undefined) return { ...base, problems };
  const found = locate(image, key, context, problems);
  if (found === undefined) problems.push(missing(image, key, context, 'diskette image', 'warning'));
  return { ...base, ...(found === undefined ? {} : { path: found, medium: inspectMedium(found) }), problems };
}

const STATE_KEY = 'settings/configuration/saved_state/path';

/** The saved state that the configuration names, or the one beside it by the machine's name, which is where this product saves. */
function inspectSavedState(
  { savedState: stored }: VmcConfiguration,
  context: Context,
  problems: Problem[],
): SavedStateReport | undefined {
  const place = `${context.vmcPath}: ${STATE_KEY}`;
  const named = stored && locate(stored, STATE_KEY, context, problems);
  if (stored !== undefined && named === undefined) {
    const problem = missing(stored, STATE_KEY, context, 'saved state', 'warning');
    problems.push({ ...problem, remedy: 'Without it the machine starts from its disks, as after a power cut.' });
    return { path: nameOf(stored), kind: 'missing' };
  }
  const beside = `${path.resolve(context.vmcPath).replace(/\.vmc$/i, '')}.vsv`;
  const found = named ?? (fs.statSync(beside, { throwIfNoEntry: false })?.isFile() === true ? beside : undefined);
  if (found === undefined) return undefined;
  context.files.add(found);
  return examineState(found, named === undefined ? found : place, problems);
}
/** Disks marked as belonging to a saved machine, and a machine that is not saved. */
function checkStateOfDisks(
  drives: readonly DriveReport[],
  savedState: SavedStateReport | undefined,
  vmcPath: string,
  problems: Problem[],
): void {
  if (savedState !== undefined && savedState.kind !== 'placeholder') return;
  const marked = drives.filter(({ disk }) => disk?.layers.some((layer) => layer.savedState === true));
  for (const { name, path: place } of marked) {
    problems.push({
      severity: 'warning',
      code: 'saved-state-unknown',
      place: place ?? vmcPath,
      message: `the disk of ${name} is marked as belonging to a saved machine, but this configuration names no saved state`,
      remedy: 'Another configuration may have it. Used here, that state does not fit the disk any more.',
    });
  }
}
