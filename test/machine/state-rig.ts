/** A machine without host time: runs exact numbers of instructions, saves, restores, and tells its state as a hash. */
import { createHash } from 'node:crypto';
import { createProcessor, StopReason } from '../../cpu/index.ts';
import { ResetCause } from '../../devices/device.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import { Board } from '../../src/machine/board.ts';
import type { BoardSignals } from '../../src/machine/board.ts';
import type { MachineOptions } from '../../src/machine/api.ts';
import type { SavedStateSource } from '../../src/machine/configuration.ts';
import { resolveConfiguration } from '../../src/machine/defaults.ts';
import type { ResolvedConfiguration } from '../../src/machine/defaults.ts';
import { closeDriveMedia, openDriveMedia } from '../../src/machine/drives.ts';
import type { DriveMedia } from '../../src/machine/drives.ts';
import type { LazyMemory } from '../../src/machine/lazy-memory.ts';
import { normaliseOptions } from '../../src/machine/machine-host.ts';
import { nodeOpener } from '../../src/machine/node-media.ts';
import { nodeStateFiles } from '../../src/machine/node-state-files.ts';
import { OpenState, writeState } from '../../src/machine/saving.ts';
import { Scheduler } from '../../src/machine/scheduler.ts';
import { captureBoard } from '../../src/machine/snapshot.ts';
import { StateWriter, stringifyState } from '../../src/saved-state/index.ts';

const INSTRUCTIONS_PER_SECOND = 100e6;
/** 2006-02-22 12:34:56: the guests' clock does not depend on the day of the test. */
const CLOCK_START = Date.UTC(2006, 1, 22, 12, 34, 56);

/** Where two descriptions differ, `path: one | other`; nothing if they are equal. */
export function differences(one: string, other: string): string[] {
  const found: string[] = [];
  const walk = (path: string, a: unknown, b: unknown): void => {
    if (typeof a === 'object' && a && typeof b === 'object' && b)
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        walk(`${path}.${key}`, (a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]);
    else if (a !== b) found.push(`${path}: ${String(a)} | ${String(b)}`);
  };
  walk('', JSON.parse(one), JSON.parse(other));
  return found;
}

/**
 * Runs both to the same number of instructions. A run ends with the block it is in, and blocks of code that was decoded in another
 * order may be longer: the one behind catches up until they meet.
 */
export function runTogether(one: StateRig, other: StateRig, until: number): void {
  one.run(until);
  other.run(until);
  for (let tries = 0; tries < 1000 && one.executed !== other.executed; tries++)
    if (one.executed < other.executed) one.run(other.executed);
    else other.run(one.executed);
}

export class StateRig {
  readonly board: Board;
  readonly scheduler = new Scheduler(1e9 / INSTRUCTIONS_PER_SECOND);
  readonly configuration: ResolvedConfiguration;
  readonly media: DriveMedia;
  /** What COM1 sent. */
  serial = '';
  ended: string | undefined;
  readonly #executedBefore: number = 0;
  readonly #restoring: { state: OpenState; memory: LazyMemory } | undefined;
  #reset: ResetCause | undefined;

  constructor(options: MachineOptions, from?: SavedStateSource) {
    this.configuration = resolveConfiguration(normaliseOptions(options));
    const state = from && new OpenState(from, nodeStateFiles);
    const firmware = loadFirmware();
    this.media = openDriveMedia(this.configuration, nodeOpener, (place) => state?.contents(place));
    this.board = new Board({
      configuration: this.configuration,
      firmware: state ? { ...firmware, bios: state.bios() } : firmware,
      media: this.media,
      scheduler: this.scheduler,
      createProcessor,
      clockStart: CLOCK_START,
      signals: this.#signals(),
    });
    if (!state) return;
    state.checkHardware(this.configuration);
    state.checkMedia(this.media);
    const fail = (error: unknown): never => {
      throw error as Error;
    };
    const { memory, executed } = state.restore(this.board, fail);
    this.#restoring = { state, memory };
    this.#executedBefore = executed - this.board.processor.executed;
  }

  #signals(): BoardSignals {
    const stop = (): void => this.board.processor.stop();
    return {
      onReset: (cause) => {
        this.#reset = Math.min(this.#reset ?? cause, cause) as ResetCause;
        stop();
      },
      onPowerOff: () => {
        this.ended = 'off';
        stop();
      },
      onDebugExit: (value) => {
        this.ended = `exit ${value}`;
        stop();
      },
      onSerialOutput: (port, byte) => {
        if (port === 0) this.serial += String.fromCharCode(byte);
      },
      onParallelOutput: () => {},
      onDebugOutput: () => {},
      onLeds: () => {},
      onTray: () => {},
      onDiskError: ({ message }) => {
        throw new Error(message);
      },
      onLog: () => {},
    };
  }

  /** Instructions since power-on. */
  get executed(): number {
    return this.#executedBefore + this.board.processor.executed;
  }

  /** Blocks of memory that nobody has wanted yet. */
  get missing(): number {
    return this.#restoring?.memory.missing ?? 0;
  }

  /** Runs until `until` instructions have been executed since power-on, or until virtual second `seconds`. */
  run(until: number, seconds = Infinity): void {
    const { board, scheduler } = this;
    const { processor } = board;
    while (this.ended === undefined && this.executed < until && scheduler.now() < seconds * 1e9) {
      scheduler.runDue();
      if (this.#reset !== undefined) {
        board.reset(this.#reset);
        this.#reset = undefined;
        continue;
      }
      const reason = processor.run(Math.min(scheduler.headroom(), until - this.executed, 1_000_000));
      if (reason === StopReason.Shutdown) this.ended = 'triple fault';
      if (reason === StopReason.Halted) scheduler.advanceTo(Math.min(scheduler.nextDeadline, seconds * 1e9));
    }
  }

  /** Runs until COM1 has sent `text`, looking every million instructions. */
  runUntil(text: string, limit = 20_000e6): void {
    while (!this.serial.includes(text) && this.ended === undefined && this.executed < limit)
      this.run(this.executed + 1e6, this.scheduler.now() / 1e9 + 0.1);
  }

  /** Writes the state; the machine stays as it is. */
  save(path?: string): SavedStateSource {
    const { board, media, configuration, executed } = this;
    this.#restoring?.memory.provideAll();
    board.drives.flush();
    const pending = nodeStateFiles.create(path);
    const parts = { configuration, board, media, executed, files: nodeStateFiles, now: 0 };
    for (const _ of writeState(new StateWriter(pending.file, nodeStateFiles.compression), parts));
    return pending.commit();
  }

  /** Everything that a later instruction could depend on. */
  hash(): string {
    this.#restoring?.memory.provideAll();
    const hash = createHash('sha256');
    hash.update(this.describe());
    const { ram, video, rom } = this.board.processor;
    for (const bytes of [ram, video, rom]) hash.update(bytes);
    for (const { contents } of [...this.media.disks, ...this.media.floppies].flatMap((medium) => medium ?? []))
      if (contents) {
        const bytes = new Uint8Array(contents.size());
        contents.read(0, bytes);
        hash.update(bytes);
      }
    return hash.digest('hex');
  }

  /** All but memory, as text, for the comparison of two machines that differ. */
  describe(): string {
    // The timer counts when somebody looks, and loading it is such a look: reading port 61h makes both machines look.
    this.board.ports.read(0x61, 1);
    const { clock, ...rest } = captureBoard(this.board, this.executed);
    // The time is compared, not the moment since when it is counted.
    return stringifyState({
      ...rest,
      clock: { ...(clock as object), base: 0, sinceBase: 0, now: this.scheduler.now() },
    });
  }

  close(): void {
    this.#restoring?.state.abandon();
    closeDriveMedia(this.media, () => {});
  }
}
