/** What the parts of the suite say to each other. Everything here is plain data or a small interface. */

/** What an emulator is given to run. */
export type Guest =
  /** A multiboot image (a.out fields) that reports over COM1; `scale` lengthens its work. */
  { readonly kind: 'multiboot'; readonly path: string; readonly scale: number } | DiskGuest;

/** A raw hard disk image, booted through the firmware; never written to, unless it says so. */
export interface DiskGuest {
  readonly kind: 'disk';
  readonly path: string;
  readonly memoryMiB: number;
  /** Changes go to the image itself, so that they take no memory of the emulator. */
  readonly direct?: boolean;
  /** What the guest runs, for a host that can run it without an emulator. */
  readonly benchmark?: BenchmarkRun;
}

/** The programs that a guest of `linux-bench` runs: what a host needs to run them without an emulator. */
export interface BenchmarkRun {
  /** The disk as it was built; its partition holds the programs. */
  readonly source: string;
  readonly scale: number;
  readonly groups: readonly string[];
}

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
  /**
   * Whose clock times benchmarks that run for themselves: the host's between the markers (the default), or the guest's own,
   * for programs that run on the host.
   */
  readonly clock?: 'host' | 'guest';
  /** Name and version for the description of a run. Only called when the peer is available. */
  version(): string;
  /** Why this peer cannot run here, or undefined. */
  unavailable(): string | undefined;
  /** Whether this kind of guest can run here; absent: every one. */
  runs?(guest: Guest): boolean;
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
  /** The checksum is not that of the same program on a real processor. */
  readonly wrong?: boolean;
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
  /** Folder for disks made from those with another command line. */
  readonly work: string;
  /** Factor on the work of bare images. */
  readonly kernelScale: number;
  /**
   * What times are made of: the host's clock, or the processor time of the emulator with all its threads, which depends less
   * on what else the host does.
   */
  readonly clock: 'host' | 'processor';
  /** Factors on the work of `linux-bench`: a suite for each. */
  readonly scales: readonly number[];
  /** Groups of `linux-bench`, or beginnings of names: `int`, `x87-nbody`. Empty: all. */
  readonly groups: readonly string[];
}

export interface Suite {
  readonly id: string;
  /** Suites of one family are chosen together: `linux-bench` for `linux-bench-1` and `linux-bench-4`. */
  readonly family?: string;
  readonly title: string;
  /** One paragraph for the page: what is measured, from when to when. */
  readonly about: string;
  /** Limit of one sample, milliseconds. */
  readonly timeout: number;
  /** The guest, or why it cannot run here. */
  guest(settings: SuiteSettings): Guest | { readonly missing: string };
  /** Makes what `guest` names, once before the first sample. */
  prepare?(settings: SuiteSettings): void;
  /** @param clock see `Peer.clock` */
  reader(settings: SuiteSettings, clock: 'host' | 'guest'): SerialReader;
  /** Emulators that would take hours here; they run when they are asked for by name. */
  readonly leavesOut?: readonly string[];
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

/** The same for something that is watched over a time: see observe.ts. */
export interface WatchJob {
  readonly watch: 'idle' | 'memory';
  readonly peer: string;
  readonly settings: SuiteSettings;
  readonly seconds: number;
}

export type Outcome = { readonly measurements: readonly Measurement[] } | { readonly error: string };

/** Share of one host core that an idle guest at its prompt uses. */
export interface IdleObservation {
  readonly watch: 'idle';
  readonly seconds: number;
  /** 0.03 is 3 % of one core. */
  readonly share: number;
}

/** Resident memory of the emulator's process while the guest repeats `linux-bench`. */
export interface MemoryObservation {
  readonly watch: 'memory';
  readonly guestMiB: number;
  /** In order. */
  readonly loops: readonly MemoryLoop[];
}

export interface MemoryLoop {
  /** Seconds from power-on to the end of this loop. */
  readonly end: number;
  /** Resident set size over this loop, MiB, from one look a second. */
  readonly medianMiB: number;
  readonly largestMiB: number;
  /** Benchmarks whose checksum was wrong in this loop. */
  readonly wrong: number;
}

export type Observation = (IdleObservation | MemoryObservation) & { readonly peer: string };

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
  /** Version of the Node that ran the emulators. */
  readonly node: string;
  readonly v8: string;
  /** Emulators by identifier, with version. */
  readonly peers: Readonly<Record<string, string>>;
}

/** A whole run, as written to the JSON file. */
export interface Result {
  readonly format: 2;
  /** See `SuiteSettings.clock`. */
  readonly clock: 'host' | 'processor';
  readonly machine: MachineDescription;
  readonly samples: readonly Sample[];
  readonly observations: readonly Observation[];
  readonly skips: readonly Skip[];
}
