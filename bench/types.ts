/** What the parts of the suite say to each other. Everything here is plain data or a small interface. */

/** What an emulator is given to run. */
export type Guest =
  /** A multiboot image (a.out fields) that reports over COM1; `scale` lengthens its work. */
  | { readonly kind: 'multiboot'; readonly path: string; readonly scale: number }
  /** A raw hard disk image, booted through the firmware; never written to. */
  | { readonly kind: 'disk'; readonly path: string; readonly memoryMiB: number };

/** A guest that runs, in this process or in a child of it. */
export interface RunningGuest {
  /** Milliseconds of processor time that an emulator outside this process has used; absent when it runs inside. */
  processorTime?(): number | undefined;
  stop(): void | Promise<void>;
}

export interface Peer {
  readonly id: string;
  /** For tables: short. */
  readonly title: string;
  /** Name and version for the description of a run. Only called when the peer is available. */
  version(): string;
  /** Why this peer cannot run here, or undefined. */
  unavailable(): string | undefined;
  /**
   * Powers a machine with this guest on. `received` gets each byte of COM1 as it comes, `ended` is called when the
   * emulator stopped by itself (with the reason).
   */
  start(guest: Guest, received: (byte: number) => void, ended: (reason: string) => void): Promise<RunningGuest>;
}

/** One figure of one sample. */
export interface Measurement {
  readonly item: string;
  /** Items of a group share a geometric mean. */
  readonly group?: string;
  /** Host milliseconds; the shortest of the repetitions after the first where there are several. */
  readonly milliseconds: number;
  readonly repetitions?: readonly number[];
  /** What the guest computed; all emulators must agree. */
  readonly checksum?: string;
  /** Repetitions gave different checksums. */
  readonly unstable?: boolean;
}

/** Reads a guest's serial line. Times are host milliseconds since power-on. */
export interface SerialReader {
  byte(value: number, at: number): void;
  readonly complete: boolean;
  measurements(): Measurement[];
  /** What was seen last, for the message when the end never comes. */
  readonly position: string;
}

export interface SuiteSettings {
  /** Folder with the bare images and their sources. */
  readonly kernels: string;
  /** Folder with guest disks. */
  readonly images: string;
  /** Factor on the work of bare images. */
  readonly scale: number;
}

export interface Suite {
  readonly id: string;
  readonly title: string;
  /** One paragraph for the page: what is measured, from when to when. */
  readonly about: string;
  /** Limit of one sample, milliseconds. */
  readonly timeout: number;
  /** The guest, or why it cannot run here. */
  guest(settings: SuiteSettings): Guest | { readonly missing: string };
  reader(): SerialReader;
  /**
   * Name of an item for the processor time of the whole sample, all threads: what the work costs whether or not the host
   * was busy with something else. Absent: not measured.
   */
  readonly processorTime?: string;
}

/** What the parent asks of a child process. */
export interface Job {
  readonly suite: string;
  readonly peer: string;
  readonly settings: SuiteSettings;
}

export type Outcome = { readonly measurements: readonly Measurement[] } | { readonly error: string };

/** One run of one suite in one emulator. */
export interface Sample {
  readonly suite: string;
  readonly peer: string;
  /** From 0; samples of one round ran one after the other. */
  readonly round: number;
  /** Load average of the host (1 minute) when the sample began. */
  readonly load: number;
  readonly outcome: Outcome;
}

export interface Skip {
  readonly suite?: string;
  readonly peer?: string;
  readonly reason: string;
}

export interface MachineDescription {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** Emulators by identifier, with version. */
  readonly peers: Readonly<Record<string, string>>;
}

/** A whole run, as written to the JSON file. */
export interface Result {
  readonly format: 1;
  readonly machine: MachineDescription;
  readonly samples: readonly Sample[];
  readonly skips: readonly Skip[];
}
