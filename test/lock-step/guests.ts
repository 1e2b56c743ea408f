/** Guests for lock step: whole machines with a fixed time per instruction, and bare images on the processor alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StopReason } from '../../cpu/processor.ts';
import { ResetCause } from '../../devices/device.ts';
import { readMultiboot, startMultiboot } from '../../bench/multiboot.ts';
import { bootTarget, demoTarget } from '../../src/cli/boot-target.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import type { MachineOptions } from '../../src/machine/api.ts';
import { Board } from '../../src/machine/board.ts';
import { resolveConfiguration } from '../../src/machine/defaults.ts';
import { closeDriveMedia, openDriveMedia } from '../../src/machine/drives.ts';
import { normaliseOptions } from '../../src/machine/machine-host.ts';
import { nodeOpener } from '../../src/machine/node-media.ts';
import { Scheduler } from '../../src/machine/scheduler.ts';
import type { JitConfiguration } from './configurations.ts';
import { type LockStepProcessor, type Subject, Trace, tracedProcessor } from './subject.ts';

const NS_PER_INSTRUCTION = 20;
const CLOCK_START = Date.UTC(2006, 1, 22, 12, 34, 56);
const PAGE = 4096;

const nameOf = (reason: StopReason): string =>
  Object.entries(StopReason).find(([, value]) => value === reason)?.[0] ?? String(reason);

/** A machine as the product builds it, without host time. */
export class MachineSubject implements Subject {
  readonly processor: LockStepProcessor;
  readonly trace = new Trace();
  output = '';
  ended: string | undefined;
  readonly #board: Board;
  readonly #scheduler = new Scheduler(NS_PER_INSTRUCTION);
  readonly #media;
  #reset: ResetCause | undefined;

  constructor(options: MachineOptions, jit: JitConfiguration) {
    const configuration = resolveConfiguration(normaliseOptions({ ...options, jit }));
    this.#media = openDriveMedia(configuration, nodeOpener);
    const stop = (why: string) => () => {
      this.ended = why;
      this.processor.stop();
    };
    this.#board = new Board({
      configuration,
      firmware: loadFirmware(),
      media: this.#media,
      scheduler: this.#scheduler,
      createProcessor: (processorOptions, bus) => tracedProcessor(processorOptions, bus, this.trace),
      clockStart: CLOCK_START,
      signals: {
        onReset: (cause) => {
          this.#reset = cause;
          this.#board.processor.stop();
        },
        onPowerOff: () => stop('powered off')(),
        onDebugExit: (value) => stop(`debug exit ${value}`)(),
        onSerialOutput: (port, byte) => {
          if (port === 0) this.output += String.fromCharCode(byte);
        },
        onParallelOutput: () => {},
        onDebugOutput: (byte) => {
          this.output += String.fromCharCode(byte);
        },
        onLeds: () => {},
        onTray: () => {},
        onDiskError: ({ message }) => {
          throw new Error(message);
        },
        onLog: () => {},
      },
    });
    this.processor = this.#board.processor as LockStepProcessor;
  }

  step(instructions: number): string {
    const scheduler = this.#scheduler;
    scheduler.runDue();
    if (this.#reset !== undefined) {
      this.#board.reset(this.#reset);
      this.#reset = undefined;
    }
    const reason = this.processor.run(Math.min(scheduler.headroom(), instructions));
    if (reason === StopReason.Halted) scheduler.advanceTo(scheduler.nextDeadline);
    else if (reason === StopReason.Shutdown) this.ended = 'triple fault';
    return nameOf(reason);
  }

  now(): number {
    return this.#scheduler.now();
  }

  close(): void {
    closeDriveMedia(this.#media, () => {});
  }
}

const COM1 = 0x3f8;
const DEBUG_CONSOLE = 0xe9;
const DEBUG_EXIT = 0xf4;
const BARE_RAM = 64 << 20;

/** A multiboot image alone with the processor; it prints to COM1 or port E9h. */
export class BareSubject implements Subject {
  readonly processor: LockStepProcessor;
  readonly trace = new Trace();
  output = '';
  ended: string | undefined;

  constructor(file: Uint8Array, jit: JitConfiguration) {
    const image = readMultiboot(file);
    this.processor = tracedProcessor(
      { ramBytes: BARE_RAM, videoBytes: PAGE, romBytes: PAGE, jit },
      {
        readPort: (_port, size) => 2 ** (8 * size) - 1,
        writePort: (port, _size, value) => {
          if (port === COM1 || port === DEBUG_CONSOLE) this.output += String.fromCharCode(value & 0xff);
          else if (port === DEBUG_EXIT) {
            this.ended = `debug exit ${value}`;
            this.processor.stop();
          }
        },
        readMemory: (_address, size) => 2 ** (8 * size) - 1,
        writeMemory: () => {},
        acknowledgeInterrupt: () => 0,
        timeStamp: () => this.processor.executed,
        log: () => {},
        setFerr: () => {},
      },
      this.trace,
    );
    const { processor } = this;
    const { byteOffset } = processor.ram;
    processor.mapPages(0, BARE_RAM / PAGE, { read: byteOffset, write: byteOffset });
    startMultiboot(processor, image);
  }

  step(instructions: number): string {
    const reason = this.processor.run(instructions);
    if (reason === StopReason.Halted) this.ended = 'halted';
    else if (reason === StopReason.Shutdown) this.ended = 'triple fault';
    return nameOf(reason);
  }

  now(): number {
    return this.processor.executed;
  }

  close(): void {}
}

export type MakeSubject = (jit: JitConfiguration) => Subject;

/**
 * @param name `demo`, `kernels`, `footprint` (bare images of the benchmarks), or the path of an image or a `.vmc`
 * @param options what is different from the machine's defaults
 */
export function guest(root: string, name: string, options: MachineOptions = {}): MakeSubject {
  if (name === 'kernels' || name === 'footprint') {
    const file = readFileSync(join(root, 'bench', 'kernels', `${name}.bin`));
    return (jit) => new BareSubject(file, jit);
  }
  const { configuration } =
    name === 'demo' ? demoTarget(join(root, 'src', 'demo', 'demo.img')) : bootTarget(name, {}, 'memory');
  return (jit) => new MachineSubject({ ...configuration, ...options }, jit);
}
