/** `disk ls` and `disk cp`: files inside FAT and ISO 9660 file systems of disks, CDs and diskettes. */
import fs from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { flushFolder } from '../disks/durable.ts';
import { hostError } from '../disks/node-file.ts';
import {
  chooseVolume,
  FileSystemError,
  FileSystemErrorCode,
  findEntry,
  findVolumes,
  openFileSystem,
  splitPath,
  walk,
  type Entry,
  type FileSystem,
} from '../filesystems/index.ts';
import { openSource, type SourceFlags } from './disk-source.ts';
import type { JsonFlag } from './disk-report.ts';
import { interruptible, progressLine, type DiskCommandContext } from './disk-task.ts';
import { ExitCode } from './exit-codes.ts';
import { printable } from './plain-text.ts';
import { formatBytes } from './status-line.ts';

export interface FileFlags extends SourceFlags {
  readonly partition?: number;
}

/** Opens the file system that the options mean. */
function openInside(
  context: DiskCommandContext,
  target: string,
  flags: FileFlags,
): { system: FileSystem; close: () => void } {
  const { source, remarks, close } = openSource(target, flags);
  try {
    const volume = chooseVolume(findVolumes(source), target, flags.partition);
    const system = openFileSystem(volume);
    const { talk } = context.around;
    if (!context.quiet) for (const line of [...remarks, ...system.problems]) talk.write(`${printable(line)}\n`);
    return { system, close };
  } catch (error) {
    close();
    throw error;
  }
}

const LETTER = { file: '-', folder: 'd', link: 'l', other: '?' } as const;

export function list(
  context: DiskCommandContext,
  target: string,
  inside: string,
  flags: FileFlags & JsonFlag & { readonly long?: boolean; readonly recursive?: boolean },
): number {
  const { system, close } = openInside(context, target, flags);
  const { output, talk } = context.around;
  let failed = false;
  try {
    const start = findEntry(system, inside);
    const print = (names: readonly string[], entry: Entry): void => {
      const name = names.join('/');
      const { kind, size, modified, hidden, alias, target: link } = entry;
      if (flags.json) {
        output.write(`${JSON.stringify({ path: name, kind, size, modified, hidden, alias, target: link })}\n`);
        return;
      }
      const shown = `${printable(name)}${kind === 'folder' ? '/' : ''}${link === undefined ? '' : ` -> ${printable(link)}`}`;
      const details = `${LETTER[kind]} ${String(size).padStart(12)} ${(modified ?? '').replace('T', ' ').padEnd(20)} `;
      output.write(`${flags.long ? details : ''}${shown}\n`);
    };
    if (start.kind !== 'folder') print([start.name], start);
    else if (flags.recursive) {
      const problem = (names: readonly string[], error: unknown): void => {
        failed = true;
        talk.write(`${printable(names.join('/'))}: ${messageOf(error)}\n`);
      };
      for (const { path: names, entry } of walk(system, start, problem)) print(names, entry);
    } else for (const entry of system.entries(start)) print([entry.name], entry);
  } finally {
    close();
  }
  return failed ? ExitCode.Image : ExitCode.Success;
}

const messageOf = (error: unknown): string => printable(error instanceof Error ? error.message : String(error));

/** Copies files out of an image; `-` is standard output. Existing files are not replaced without `force`. */
export async function copy(
  context: DiskCommandContext,
  target: string,
  inside: string,
  destination: string,
  flags: FileFlags & { readonly recursive?: boolean; readonly force?: boolean },
): Promise<number> {
  const { system, close } = openInside(context, target, flags);
  try {
    const start = findEntry(system, inside);
    if (destination === '-') return await toStandardOutput(context, system, start);
    const isFolder = fs.statSync(destination, { throwIfNoEntry: false })?.isDirectory() === true;
    const name = splitPath(inside).at(-1) === undefined ? '' : hostName(start.name);
    const copier = new Copier(context, system, flags.force ?? false);
    return await interruptible(context, `copy from ${path.basename(target)}`, async (signal) => {
      if (start.kind !== 'folder')
        await copier.file(start, isFolder ? path.join(destination, name) : destination, signal);
      else if (flags.recursive) await copier.tree(start, isFolder ? path.join(destination, name) : destination, signal);
      else
        throw new FileSystemError(
          FileSystemErrorCode.NotAFile,
          inside,
          'this is a folder',
          'Copy it with --recursive.',
        );
      return copier.finish();
    });
  } finally {
    close();
  }
}

async function toStandardOutput(context: DiskCommandContext, system: FileSystem, file: Entry): Promise<number> {
  const { output } = context.around;
  for (const piece of system.content(file)) {
    // Each piece is good until the next one only.
    if (!output.write(piece.slice())) await roomIn(output);
    // Whoever read it has had enough.
    if (output.destroyed) break;
  }
  return ExitCode.Success;
}

/** Resolves when `output` takes more, or never will. */
function roomIn(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error'] as const;
    const go = (): void => {
      for (const event of events) output.off(event, go);
      resolve();
    };
    for (const event of events) output.on(event, go);
  });
}

/** Names that a host cannot have or that would lead elsewhere. Names of an image are not to be trusted. */
export function hostName(name: string, platform: NodeJS.Platform = process.platform): string {
  let safe = name.replace(/[\0-\x1f/\\\x7f]/g, '_');
  if (platform === 'win32') {
    safe = safe.replace(/[<>:"|?*]/g, '_').replace(/[. ]+$/, '_');
    if (/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(safe)) safe = `_${safe}`;
  }
  return safe === '' || safe === '.' || safe === '..' ? `_${safe}` : safe;
}

class Copier {
  readonly #context: DiskCommandContext;
  readonly #system: FileSystem;
  readonly #force: boolean;
  readonly #line;
  #files = 0;
  #bytes = 0;
  #failed = 0;

  constructor(context: DiskCommandContext, system: FileSystem, force: boolean) {
    this.#context = context;
    this.#system = system;
    this.#force = force;
    this.#line = progressLine(context, 'copy');
  }

  /** The file appears complete under its name or not at all. @throws FileSystemError, DiskError */
  async file(entry: Entry, target: string, signal: AbortSignal): Promise<void> {
    const flags = this.#force ? 'w' : 'wx';
    if (!this.#force && fs.existsSync(target)) {
      throw new DiskError(DiskErrorCode.Exists, 'the file exists already', {
        fileName: target,
        remedy: 'Replace it with --force.',
      });
    }
    const unfinished = `${target}.${process.pid}.new`;
    let descriptor: number | undefined;
    try {
      descriptor = fs.openSync(unfinished, flags);
      let done = 0;
      for (const piece of this.#system.content(entry)) {
        writeAll(descriptor, piece);
        done += piece.length;
        this.#line.show({ phase: printable(entry.name), done, total: Math.max(1, entry.size) });
        // The host's other work: a signal arrives only here.
        await new Promise((resolve) => setImmediate(resolve));
        if (signal.aborted) throw new DiskError(DiskErrorCode.Cancelled, 'cancelled');
      }
      setTime(descriptor, entry);
      fs.closeSync(descriptor);
      descriptor = undefined;
      fs.renameSync(unfinished, target);
      this.#files++;
      this.#bytes += done;
    } catch (error) {
      if (descriptor !== undefined) fs.closeSync(descriptor);
      fs.rmSync(unfinished, { force: true });
      this.#line.clear();
      throw error instanceof FileSystemError ? error : hostError(error, target, 'writing');
    }
  }

  /** A file that cannot be read does not keep the others from being copied. */
  async tree(folder: Entry, target: string, signal: AbortSignal): Promise<void> {
    makeFolder(target);
    const skip = (names: readonly string[], error: unknown): void => {
      this.#failed++;
      this.#line.clear();
      this.#context.around.talk.write(`${printable(names.join('/'))}: ${messageOf(error)}\n`);
    };
    /** Names that differ in the image can be the same here. */
    const used = new Set<string>();
    for (const { path: names, entry } of walk(this.#system, folder, skip)) {
      const to = path.join(target, ...names.map((name) => hostName(name)));
      if (entry.kind === 'link' || entry.kind === 'other') {
        const what = entry.kind === 'link' ? `a link to ${entry.target ?? 'nothing'}` : 'a special file';
        skip(names, new Error(`${what}, not copied`));
        continue;
      }
      const key = to.toLowerCase();
      if (used.has(key) && entry.kind === 'file') {
        skip(names, new Error('another file of this name was copied already'));
        continue;
      }
      used.add(key);
      try {
        if (entry.kind === 'folder') makeFolder(to);
        else await this.file(entry, to, signal);
      } catch (error) {
        if (error instanceof DiskError && error.code !== DiskErrorCode.Exists && !isReadError(error)) throw error;
        skip(names, error);
      }
    }
    flushFolder(target);
  }

  finish(): number {
    this.#line.clear();
    const { quiet, around } = this.#context;
    const files = `${this.#files} file${this.#files === 1 ? '' : 's'}, ${formatBytes(this.#bytes)}`;
    const failed = this.#failed === 0 ? '' : `; ${this.#failed} not copied`;
    if (!quiet) around.talk.write(`${files}${failed}\n`);
    return this.#failed === 0 ? ExitCode.Success : ExitCode.Image;
  }
}

/** Damage inside the image concerns one file; a full or vanished host disk concerns all. */
const isReadError = ({ code }: DiskError): boolean =>
  code === DiskErrorCode.Truncated || code === DiskErrorCode.BlockTable || code === DiskErrorCode.OutOfRange;

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw hostError(error, folder, 'creating');
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done);
}

/** Times without a zone are taken for local time, as the guest took them. */
function setTime(descriptor: number, { modified }: Entry): void {
  const time = modified === undefined ? Number.NaN : new Date(modified).getTime();
  if (!Number.isNaN(time)) fs.futimesSync(descriptor, time / 1000, time / 1000);
}
