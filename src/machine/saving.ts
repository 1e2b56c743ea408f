/** Writing the state of a machine that stands still, and opening one: memory, media, hardware; the rest is in snapshot.ts. */
import {
  BLOCK_BYTES,
  SavedStateError,
  SavedStateErrorCode,
  StateReader,
  StateWriter,
  bytesSource,
  fileSource,
} from '../saved-state/index.ts';
import type { BlockSource, StateObject, StateValue } from '../saved-state/index.ts';
import type { Board } from './board.ts';
import { formatMac } from '../network/mac-address.ts';
import type { MachineConfiguration, MediaSource, SavedStateSource } from './configuration.ts';
import { checkConfiguration } from './configuration.ts';
import type { ResolvedConfiguration } from './defaults.ts';
import { ideName } from './drives.ts';
import type { DriveMedia } from './drives.ts';
import type { LazyMemory } from './lazy-memory.ts';
import type { OpenedMedium, SavedContents } from './media.ts';
import { captureBoard, restoreBoard } from './snapshot.ts';
import type { FileStamp, StateFiles } from './state-files.ts';

/** Every medium by the name of its place. */
function mediaByPlace(media: DriveMedia): Map<string, OpenedMedium> {
  const found = new Map<string, OpenedMedium>();
  const add = (place: string, medium: OpenedMedium | undefined): void => void (medium && found.set(place, medium));
  media.disks.forEach((disk, at) => add(ideName(at), disk));
  media.optical.forEach((drive, at) => add(ideName(at), drive?.disc));
  media.floppies.forEach((floppy, i) => add(`floppy${i}`, floppy));
  return found;
}

/** What the guest sees of the configuration. A state fits a machine that has the same. */
function hardware(configuration: ResolvedConfiguration): StateObject {
  const { memoryBytes, videoBytes, videoAdapter, cpuid, ide, floppies, serial, parallel, network, debugExit } =
    configuration;
  const drives = ide.map(({ channel, position, kind }) => [ideName(channel * 2 + position), kind] as const);
  return {
    memoryBytes,
    videoBytes,
    videoAdapter,
    networkAdapters: network.length,
    cpuid: { ...cpuid, features: { ...cpuid.features } } as unknown as StateObject,
    drives: Object.fromEntries(drives.sort(([a], [b]) => (a < b ? -1 : 1))),
    floppies: floppies.length,
    serial: serial.map(({ kind }) => kind !== 'none'),
    parallel: parallel.kind !== 'none',
    debugExit: debugExit ? { ...debugExit } : null,
  };
}

/** The configuration with which the state can be restored by itself; media that were bytes are in the state and `kept`. */
function keptConfiguration(configuration: ResolvedConfiguration): StateObject {
  const medium = (media: MediaSource | undefined): object => {
    if (!media) return {};
    const { bytes, ...rest } = media;
    return { media: bytes ? { kept: true } : rest };
  };
  const { name, memoryBytes, videoBytes, videoAdapter, ide, floppies, network, debugExit } = configuration;
  const { serial, parallel, boot, cpuid, tripleFault, clock, rtc, rtcOffsetMinutes, smbios } = configuration;
  const kept = {
    name,
    memoryMiB: memoryBytes / MIB,
    videoMemoryMiB: videoBytes / MIB,
    videoAdapter,
    ide: ide.map(({ media, ...drive }) => ({ ...drive, ...medium(media) })),
    floppies: floppies.map(({ media }) => medium(media)),
    network: network.map(({ macAddress }) => ({ macAddress: formatMac(macAddress) })),
    debugExit: debugExit ?? false,
    ...{ serial, parallel, boot, cpuid, tripleFault, clock, rtc, rtcOffsetMinutes, smbios },
  };
  // Through JSON, which leaves out what is undefined.
  return JSON.parse(JSON.stringify(kept)) as StateObject;
}

/**
 * The configuration that a state was saved with.
 * @throws SavedStateError for a file that is no state; VirtualServerError `VS_INVALID_CONFIGURATION`
 */
export function savedConfiguration(source: SavedStateSource, files: StateFiles): MachineConfiguration {
  const file = files.open(source);
  try {
    const { document } = new StateReader(file, files.compression);
    const kept = (value: StateValue): StateValue => {
      if (Array.isArray(value)) return value.map((item: StateValue) => kept(item));
      if (!isObject(value)) return value;
      // Its content comes out of the state.
      if (value['kept'] === true) return { bytes: new Uint8Array(0), mode: 'memory' };
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, kept(inner!)]));
    };
    const { configuration } = document;
    if (!isObject(configuration))
      throw new SavedStateError(SavedStateErrorCode.Damaged, 'it names no configuration', { fileName: file.name });
    const plain = kept(configuration) as unknown as MachineConfiguration;
    checkConfiguration(plain);
    return plain;
  } finally {
    file.close();
  }
}

export interface SaveParts {
  readonly configuration: ResolvedConfiguration;
  readonly board: Board;
  readonly media: DriveMedia;
  /** Instructions since power-on. */
  readonly executed: number;
  readonly files: StateFiles;
  /** Host time in milliseconds since 1970. */
  readonly now: number;
}

/**
 * Writes a state; the machine stands still and its media have been flushed. Gives the part that is done, from 0 to 1, after
 * each block, so that the caller may pause; when the caller stops early, the file is no state.
 * @throws SavedStateError
 */
export function* writeState(writer: StateWriter, parts: SaveParts): Generator<number, void> {
  const { board, configuration, media, files } = parts;
  const { ram, video, rom } = board.processor;
  const places = mediaByPlace(media);
  const sources = new Map<string, BlockSource>([
    ['ram', bytesSource(ram)],
    ['video', bytesSource(video)],
    ['rom', bytesSource(rom)],
  ]);
  for (const [place, { contents }] of places) if (contents) sources.set(`media/${place}`, fileSource(contents));
  const total = [...sources.values()].reduce((sum, { length }) => sum + length, 1);
  let done = 0;
  for (const [name, source] of sources)
    for (const bytes of writer.addMemory(name, source)) yield (done += bytes) / total;
  const stamps = [...places].map(([place, { files: names = [] }]): [string, StateValue] => [
    place,
    names.map((name) => ({ name, ...files.stamp(name) })),
  ]);
  writer.finish({
    product: 'virtualserver',
    created: new Date(parts.now).toISOString(),
    name: configuration.name,
    configuration: keptConfiguration(configuration),
    hardware: hardware(configuration),
    media: Object.fromEntries(stamps),
    ...captureBoard(board, parts.executed),
  });
  yield 1;
}

const isObject = (value: StateValue | undefined): value is StateObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** Copying programs keep whole seconds only. */
const sameTime = (saved: number, present: number): boolean =>
  saved === present || (present % 1000 === 0 && Math.floor(saved / 1000) * 1000 === present);

/** A state that is being restored. */
export class OpenState {
  readonly #reader: StateReader;
  readonly #files: StateFiles;
  readonly #source: SavedStateSource;

  /** @throws SavedStateError for a file that is damaged anywhere */
  constructor(source: SavedStateSource, files: StateFiles) {
    this.#source = source;
    this.#files = files;
    const file = files.open(source);
    try {
      this.#reader = new StateReader(file, files.compression);
      this.#reader.verify();
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #fail(code: SavedStateErrorCode, problem: string, remedy: string): SavedStateError {
    return new SavedStateError(code, problem, { fileName: this.#reader.fileName, remedy });
  }

  /** @throws SavedStateError `state-hardware` unless the machine is built as the one that was saved */
  checkHardware(configuration: ResolvedConfiguration): void {
    const saved = this.#reader.document['hardware'];
    const present = hardware(configuration);
    for (const [key, value] of Object.entries(present)) {
      const before = isObject(saved) ? saved[key] : undefined;
      if (JSON.stringify(sorted(before)) !== JSON.stringify(sorted(value)))
        throw this.#fail(
          SavedStateErrorCode.Hardware,
          `the machine was saved with ${key} ${JSON.stringify(before)} and now has ${JSON.stringify(value)}`,
          'Give it the hardware it had, or discard the state',
        );
    }
  }

  /** The firmware that the machine was started with, whatever there is now. */
  bios(): Uint8Array {
    const rom = this.#reader.memories.get('rom');
    if (!rom || rom.bytes === 0 || rom.bytes > MAX_ROM_BYTES || rom.bytes % PAGE)
      throw this.#fail(SavedStateErrorCode.Damaged, 'it holds no firmware', 'Discard the state');
    const bytes = new Uint8Array(rom.bytes);
    this.#reader.eachBlock('rom', (offset, part) => bytes.set(part, offset));
    return bytes;
  }

  /** What the state holds of the medium in a place. */
  contents(place: string): SavedContents | undefined {
    const name = `media/${place}`;
    const memory = this.#reader.memories.get(name);
    return memory && { size: memory.bytes, each: (take) => this.#reader.eachBlock(name, take) };
  }

  /**
   * Compares the media with those that were in the drives.
   * @throws SavedStateError `state-media` if one is another one or was changed since: its guest has parts of it in memory
   */
  checkMedia(media: DriveMedia): void {
    const saved = this.#reader.document['media'];
    const present = mediaByPlace(media);
    const places = new Set([...present.keys(), ...Object.keys(isObject(saved) ? saved : {})]);
    for (const place of places) {
      const stamps = isObject(saved) ? saved[place] : undefined;
      if (!Array.isArray(stamps) || !present.has(place))
        throw this.#fail(
          SavedStateErrorCode.Media,
          `${place} ${present.has(place) ? 'was empty when the machine was saved' : 'is empty now and was not when the machine was saved'}`,
          'Put the media into the drives that were there, or discard the state',
        );
      const held = present.get(place)!.contents !== undefined;
      if (held !== this.#reader.memories.has(`media/${place}`))
        throw this.#fail(
          SavedStateErrorCode.Media,
          `changes of ${place} ${held ? 'were not held in memory when the machine was saved' : 'were held in memory when the machine was saved, and are in the state'}`,
          'Start it with changes going to the same place as then, or discard the state',
        );
      if (this.#source.trustMedia) continue;
      const files = present.get(place)!.files ?? [];
      if (files.length !== stamps.length)
        throw this.#fail(
          SavedStateErrorCode.Media,
          `${place} was made of ${stamps.length} files and is now of ${files.length}`,
          'Use the disk with the same undo disk and parents, or discard the state',
        );
      files.forEach((name, i) => this.#checkFile(place, name, stamps[i] as StateValue));
    }
  }

  #checkFile(place: string, name: string, saved: StateValue): void {
    const stamp = this.#files.stamp(name);
    const before = saved as unknown as Partial<FileStamp> | null;
    const { size, modified } = before ?? {};
    if (size === stamp.size && typeof modified === 'number' && sameTime(modified, stamp.modified)) return;
    const time = (ms: number | undefined): string =>
      typeof ms === 'number' && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms);
    throw this.#fail(
      SavedStateErrorCode.Media,
      `${place}: ${name} is not as it was when the machine was saved: then ${size} bytes of ${time(modified)}, ` +
        `now ${stamp.size} bytes of ${time(stamp.modified)}`,
      'Restore the disk as it was, or discard the state; if only the time differs, say that the media are to be trusted',
    );
  }

  /**
   * Fills the memories of a board that has just been made and sets everything on it.
   * @param failed a block could not be read later on
   * @returns the memory that is still to come, and the instructions since power-on
   */
  restore(board: Board, failed: (error: unknown) => void): { memory: LazyMemory; executed: number } {
    const reader = this.#reader;
    const { ram, video } = board.processor;
    reader.memory('video', video.length);
    video.fill(0);
    reader.eachBlock('video', (offset, part) => video.set(part, offset));
    const { blocks } = reader.memory('ram', ram.length);
    // What construction left there: shadow RAM.
    ram.fill(0, 0, Math.min(ram.length, LOW_MEMORY));
    const memory = board.provideMemory({
      blockBytes: BLOCK_BYTES,
      blocks: blocks.keys(),
      load: (index, into) => reader.readBlock('ram', index, into),
      failed,
    });
    return { memory, executed: restoreBoard(board, reader.document) };
  }

  /** Ends the reading; a state that was to be used once is deleted. */
  close(): void {
    this.#reader.close();
    if (this.#source.once) this.#files.remove(this.#source);
  }

  /** Ends the reading after a failure. */
  abandon(): void {
    this.#reader.close();
  }
}

const MIB = 1 << 20;
const LOW_MEMORY = 0x100000;
const MAX_ROM_BYTES = 16 << 20;
const PAGE = 0x1000;

/** With keys in order, so that equal objects have equal texts. */
function sorted(value: StateValue | undefined): unknown {
  if (Array.isArray(value)) return value.map((item: StateValue) => sorted(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
