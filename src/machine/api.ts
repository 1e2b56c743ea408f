/** The library's machine, as programs see it. `createMachine` (src/index.ts) gives a `VirtualMachine`. */
import type { ProcessorProfile, RegisterState } from '../../cpu/processor.ts';
import type { NetworkPlug } from '../network/virtual-network.ts';
import type { AdapterStatistics } from './adapter-wire.ts';
import type { MachineConfiguration, MediaSource, SavedStateSource, UndoAction } from './configuration.ts';
import type { MachineEnd, MachineEvent, MachineEventOf, MachineEventType, MachineState } from './events.ts';

/** A medium: the path of an image, or a source with options. */
export type MediaArgument = string | MediaSource;

/** `MachineConfiguration` plus the usual drives by their short names. */
export interface MachineOptions extends MachineConfiguration {
  /** Hard disks on primary master, primary slave and secondary slave. */
  readonly hda?: MediaArgument;
  readonly hdb?: MediaArgument;
  readonly hdd?: MediaArgument;
  /** Optical drive on secondary master; `null` makes an empty drive (the default unless `ide` is given). */
  readonly cdrom?: MediaArgument | null;
  /** Drive A:. */
  readonly floppy?: MediaArgument;
}

/** How long to wait for text, and what may end the waiting. */
export interface WaitOptions {
  /** Host milliseconds; default 60 000. `Infinity` waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A text screen. Characters are code page 437 bytes; `lines` has them as Unicode. */
export interface TextScreen {
  readonly mode: 'text';
  readonly columns: number;
  readonly rows: number;
  /** `columns * rows` character bytes (CP437), row by row. */
  readonly characters: Uint8Array;
  /** As many attribute bytes: 0-3 foreground, 4-6 background, 7 blink or bright background (see `blink`). */
  readonly attributes: Uint8Array;
  /** True while attribute bit 7 means blinking. */
  readonly blink: boolean;
  /** The cursor's cell, or undefined while hidden; scan lines `start` .. `end` of a cell of `cellHeight`. */
  readonly cursor:
    | {
        readonly column: number;
        readonly row: number;
        readonly start: number;
        readonly end: number;
        readonly cellHeight: number;
      }
    | undefined;
  /** The 16 colours as 0xRRGGBB. */
  readonly palette: readonly number[];
  /** Rows as Unicode, trailing blanks removed. */
  readonly lines: readonly string[];
}

/** A graphics mode, by its size; `Screen.image` has the pixels. */
export interface GraphicsScreen {
  readonly mode: 'graphics';
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** A picture of the screen: `width * height` pixels, four bytes R G B A each. */
export interface ScreenImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What the guest shows: text with attributes, or graphics by their size. */
export type ScreenState = TextScreen | GraphicsScreen;

/** The guest's screen. Reading rejects with `VS_INVALID_STATE` while the machine is turned off; waiting may begin before. */
export interface Screen {
  /** The screen now. */
  read(): Promise<ScreenState>;
  /** Pixels of text and graphics modes alike. */
  image(): Promise<ScreenImage>;
  /**
   * Resolves once the text screen shows `text` (or matches the expression), with what matched.
   * @throws VirtualServerError `VS_TIMEOUT` (the message shows the screen), or `VS_ABORTED` if the machine ends first
   */
  waitForText(text: string | RegExp, options?: WaitOptions): Promise<string>;
  /**
   * Calls `listener` with the present screen and then after each change, at most every `intervalMs` (default 33).
   * In graphics modes it is called when the size changes and, with `pixels`, whenever pixels changed.
   */
  watch(
    listener: (screen: ScreenState) => void,
    options?: { readonly intervalMs?: number; readonly pixels?: boolean },
  ): Disposable;
}

/** The guest's keyboard. Keys are named as `KeyboardEvent.code`; unknown names reject with `VS_INVALID_CONFIGURATION`. */
export interface Keyboard {
  /**
   * Types text on a US keyboard, paced so that BIOS and DOS keep up: `\n` is Enter, `\t` Tab, `\b` Backspace, `\x1b` Escape.
   * Resolves when the last key has been taken.
   * @throws VirtualServerError `VS_INVALID_CONFIGURATION` for a character the layout lacks
   */
  type(text: string): Promise<void>;
  /** Presses keys together and releases them, by `KeyboardEvent.code` names: `press('ControlLeft', 'AltLeft', 'Delete')`. */
  press(...codes: string[]): Promise<void>;
  down(code: string): Promise<void>;
  up(code: string): Promise<void>;
  /** Scan codes of set 1 as they are, for tools that have them. */
  scancodes(bytes: readonly number[] | Uint8Array): Promise<void>;
}

/** The guest's PS/2 mouse. */
export interface Mouse {
  /** Relative motion in mouse counts (x right, y down), wheel in notches (positive towards the user). */
  move(dx: number, dy: number, wheel?: number): Promise<void>;
  buttons(state: { readonly left?: boolean; readonly right?: boolean; readonly middle?: boolean }): Promise<void>;
}

/** A serial port; iterating gives what the guest sends from now on. */
export interface SerialPort extends AsyncIterable<Uint8Array> {
  /** Sends bytes (or text as UTF-8) to the guest; resolves when they are in the machine's queue. */
  write(data: Uint8Array | string): Promise<void>;
  /** Everything the guest sent since the start, decoded as UTF-8; the last 1 MiB is kept. */
  readonly text: string;
  /** As `Screen.waitForText`, on what the port has sent since the start. */
  waitForText(text: string | RegExp, options?: WaitOptions): Promise<string>;
  onData(listener: (bytes: Uint8Array) => void): Disposable;
}

/** Counters of the present run. */
export interface MachineStatistics {
  /** Guest instructions executed since power-on. */
  readonly instructions: number;
  /** Virtual seconds since power-on. */
  readonly virtualSeconds: number;
  /** Host seconds the processor ran. */
  readonly busySeconds: number;
  /** Host seconds the machine slept because the guest was idle. */
  readonly idleSeconds: number;
  readonly diskBytesRead: number;
  readonly diskBytesWritten: number;
}

/** Accesses of the processor to a device's ports or memory. */
export interface DeviceProfile {
  readonly kind: 'port' | 'memory';
  /** Name of the ports or the memory; `nothing` where nothing answers. */
  readonly device: string;
  readonly reads: number;
  readonly writes: number;
  /** Host time inside the device. */
  readonly milliseconds: number;
}

/** Where the time of a run went. */
export interface MachineProfile {
  readonly statistics: MachineStatistics;
  readonly processor: ProcessorProfile;
  /** The most often used first. */
  readonly devices: readonly DeviceProfile[];
}

export interface TurnOffOptions {
  /** What becomes of the undo disks of all hard disks; default as the configuration's `undoAtEnd`. */
  readonly undo?: UndoAction;
}

/** A machine, turned off at first. Operations that its state does not allow reject with `VS_INVALID_STATE`. */
export interface VirtualMachine extends AsyncDisposable, AsyncIterable<MachineEvent> {
  readonly name: string;
  readonly state: MachineState;
  readonly configuration: MachineConfiguration;
  readonly screen: Screen;
  readonly keyboard: Keyboard;
  readonly mouse: Mouse;
  /** COM1 and COM2. */
  readonly serial: readonly SerialPort[];

  /**
   * Powers on: `TurningOn`, `Running`; a saved machine goes on from its state: `TurningOn`, `Restoring`, `Running`. Rejects if an
   * image, the firmware or the state cannot be opened; the machine is off, or saved, as before then.
   */
  start(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  reset(): Promise<void>;
  /**
   * Cuts the power: `TurningOff`, `DeleteMachine`, `TurnedOff`. Does nothing when off. If undo disks are to be committed,
   * `MergingDrives` comes after the first, with `vm.task.progress` events; it resolves when that is done.
   */
  turnOff(options?: TurnOffOptions): Promise<void>;
  /** Stops committing undo disks (state `MergingDrives`): they are kept, and can be committed later. */
  cancelCommit(): Promise<void>;
  /**
   * Saves the machine and turns it off: `Saving`, `TurningOff`, `DeleteMachine`, `TurnedOff`; `state` is `Saved` then, and the
   * next start goes on from there. If it fails, the machine goes on.
   * @param path file for the state; without one (always in a page) the state is bytes
   * @returns the state, for `savedState` of another machine's options
   */
  save(path?: string): Promise<SavedStateSource>;
  /** Gives up the state of a saved machine, and deletes its file: the disks are as after a power cut. */
  discardSavedState(): Promise<void>;
  /** Presses the ACPI power button: asks the guest to shut down. */
  pressPowerButton(): Promise<void>;
  /** Resolves when the machine is off, with the reason. Immediately if it is off. */
  finished(): Promise<MachineEnd>;

  /** Puts a hard disk (or an optical drive's disc) on an IDE location while the machine is off. */
  attachDisk(media: MediaArgument, location?: { readonly channel: 0 | 1; readonly position: 0 | 1 }): void;
  /** Inserts a disc in the first optical drive, also while running; `null` takes it out. */
  setCdrom(media: MediaArgument | null): Promise<void>;
  /** Inserts a floppy, also while running; `null` takes it out. */
  setFloppy(media: MediaArgument | null, drive?: 0 | 1): Promise<void>;

  /**
   * Plugs a network adapter (0 is the first) into a virtual network of the program while the machine is on: give it what
   * `VirtualNetwork.connect` gave. `undefined` unplugs it. To be done again after each power-on.
   */
  connectNetwork(adapter: number, plug: NetworkPlug | undefined): Promise<void>;
  /** Takes an adapter's link away, or gives it back, as pulling the cable does. */
  setLink(adapter: number, up: boolean): Promise<void>;
  networkStatistics(adapter: number): Promise<AdapterStatistics>;

  /** The screen as a PNG file. */
  screenshot(): Promise<Uint8Array>;
  statistics(): Promise<MachineStatistics>;
  /**
   * Where time went in this run or, when it is off, in the last one.
   * @throws VirtualServerError `VS_INVALID_STATE` unless it ran with `profile` in its configuration
   */
  profile(): Promise<MachineProfile>;
  registers(): Promise<RegisterState>;
  /** Guest physical memory; at most 16 MiB at once. */
  readMemory(address: number, length: number): Promise<Uint8Array>;

  /** All events from now on until the machine is disposed; each iteration has its own queue. */
  events(): AsyncIterableIterator<MachineEvent>;
  on<T extends MachineEventType>(type: T, listener: (event: MachineEventOf<T>) => void): Disposable;
  /** Every event, for logs. */
  onEvent(listener: (event: MachineEvent) => void): Disposable;
  /** Turns the machine off and ends its worker. Same as `[Symbol.asyncDispose]()`. */
  close(): Promise<void>;
}
