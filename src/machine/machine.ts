/**
 * One machine in its own thread: power, run loop, resets, endings. Synchronous but for the run loop, which gives the
 * event loop a turn after each slice so that messages get through, and sleeps while the guest is idle.
 */
import type { ResetCause as Cause } from '../../devices/device.ts';
import { ResetCause } from '../../devices/device.ts';
import type { RegisterState } from '../../cpu/processor.ts';
import { StopReason } from '../../cpu/processor.ts';
import type { FramePort } from '../network/frame-pipe.ts';
import type { AdapterStatistics, AdapterWire } from './adapter-wire.ts';
import { openNetworks } from './adapters.ts';
import type { MachineProfile, MachineStatistics } from './api.ts';
import { Board } from './board.ts';
import type { BoardSignals } from './board.ts';
import type { MachineConfiguration, MediaSource, SavedStateSource, UndoAction } from './configuration.ts';
import { clockStart, resolveConfiguration, withDisc, withFloppy } from './defaults.ts';
import type { ResolvedConfiguration } from './defaults.ts';
import { closeDriveMedia, ideName, openDriveMedia } from './drives.ts';
import type { DiskTask, TaskProgress } from '../../vhd/index.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import type { Emit, MachineHostServices } from './host-services.ts';
import type { MachineEnd, MachineEventData, MachineEventType, MachineReason, MachineState } from './events.ts';
import { asMediaError } from './media.ts';
import { Outputs } from './outputs.ts';
import { createPacer, initialRate } from './pacing.ts';
import { statisticsOf, type Powered } from './powered.ts';
import { profileOf } from './profile.ts';
import { RunBudget } from './run-budget.ts';
import { saveMachine } from './save-task.ts';
import { OpenState } from './saving.ts';
import { Scheduler } from './scheduler.ts';
import { ScreenWatch } from './screen-watch.ts';
import { SpaceWatch } from './space-watch.ts';
import { asSavedStateError, savedStateError } from './state-errors.ts';
import { Sleeper, nextTurn } from './turns.ts';

/** Host milliseconds between two turns of the event loop. */
const SLICE_MS = 8;
/** Virtual time that one run may take: a wrong idea of the cost of an instruction is noticed before it does harm. */
const RUN_VIRTUAL_NS = 4e6;
/** Blocks of a saved state that are loaded after each slice. */
const BLOCKS_PER_SLICE = 4;
/** Shorter sleeps are not worth a timer. */
const MIN_SLEEP_MS = 0.3;

export class Machine {
  #configuration: ResolvedConfiguration;
  readonly #services: MachineHostServices;
  readonly #emit: Emit;
  readonly #sleeper = new Sleeper();
  #state: MachineState = 'TurnedOff';
  #powered: Powered | undefined;
  #pendingReset: Cause | undefined;
  #pendingEnd: MachineEnd | undefined;
  readonly #budget = new RunBudget();
  /** Lamps as last told. */
  #leds = '';
  /** The run loop is active; at most one is. */
  #looping = false;
  /** What the guest wrote waits for space on the host. */
  #hostFull = false;
  readonly #space = new SpaceWatch(
    () => this.#powered?.board.drives.retry() ?? true,
    () => this.#spaceIsBack(),
  );

  /** @throws VirtualServerError `VS_INVALID_CONFIGURATION` */
  constructor(configuration: MachineConfiguration, services: MachineHostServices, emit: Emit) {
    this.#configuration = resolveConfiguration(configuration);
    this.#services = services;
    this.#emit = emit;
  }

  /** With the media that are in the drives now. */
  get configuration(): ResolvedConfiguration {
    return this.#configuration;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Virtual seconds since power-on. */
  get vtime(): number {
    return (this.#powered?.scheduler.now() ?? 0) / 1e9;
  }

  // ---- lifecycle -------------------------------------------------------------------------------------------------

  /**
   * Builds the board, opens the media and starts the run loop; goes on from the saved state that the configuration names.
   * @throws VirtualServerError `VS_INVALID_STATE`, `VS_MEDIA`, `VS_FIRMWARE`, `VS_SAVED_STATE`; the machine stays off
   */
  powerOn(): void {
    this.#require('start', 'TurnedOff');
    const { savedState } = this.configuration;
    if (!savedState) return this.#powerOn(undefined);
    asSavedStateError(savedState, () => {
      const state = new OpenState(savedState, this.#services.stateFiles);
      try {
        state.checkHardware(this.configuration);
        this.#powerOn(state);
      } catch (error) {
        state.abandon();
        throw error;
      }
    });
  }

  #powerOn(state: OpenState | undefined): void {
    const { configuration, screenListener } = this;
    const services = this.#services;
    this.#leds = JSON.stringify({ scroll: false, num: false, caps: false });
    const supplied = services.loadFirmware(configuration.firmware, configuration.videoAdapter);
    const firmware = state ? { ...supplied, bios: state.bios() } : supplied;
    for (const { media: source } of configuration.ide)
      if (source) asMediaError(source, () => services.undo?.recover(source));
    const media = openDriveMedia(configuration, services.opener, (place) => state?.contents(place));
    try {
      state?.checkMedia(media);
      this.#enter('TurningOn', 'host');
      if (state) this.#enter('Restoring', 'host');
      media.disks.forEach((disk, at) => {
        for (const message of disk?.problems ?? [])
          this.#tell('disk.warning', { device: ideName(at), message }, 'disk');
      });
      const scheduler = new Scheduler(initialRate(configuration.clock));
      const outputs = new Outputs((type, data) => this.#emit(type, data, this.vtime));
      const board = new Board({
        configuration,
        firmware,
        media,
        scheduler,
        createProcessor: services.createProcessor,
        clockStart: clockStart(configuration, services.wallClock(), services.zoneMinutes()),
        signals: this.#signals(outputs),
        profileClock: { now: () => services.hostTime() },
      });
      const restored = state?.restore(board, (error) => this.#lost(error));
      const pacer = createPacer(configuration.clock, scheduler, () => services.hostTime());
      const screen = new ScreenWatch(board.vga, () => services.hostTime(), {
        changed: (state) => screenListener?.(state),
        mode: (mode) => this.#tell('vm.screen.mode', mode),
      });
      const networks = openNetworks({
        clock: scheduler,
        adapters: configuration.network,
        wires: board.network,
        services: services.network ?? { wallClock: () => services.wallClock() },
        wake: () => this.#sleeper.wake(),
        onLease: (lease) => this.#tell('net.lease', lease),
        onProblem: (problem) => this.#tell('net.problem', problem),
      });
      this.#powered = {
        board,
        networks,
        scheduler,
        pacer,
        media,
        screen,
        outputs,
        busyMs: 0,
        idleMs: 0,
        settleIn: Infinity,
        asleepSince: undefined,
        executedBefore: (restored?.executed ?? 0) - board.processor.executed,
        restoring: state && restored && { state, memory: restored.memory },
      };
    } catch (error) {
      closeDriveMedia(media, () => {});
      if (this.#state !== 'TurnedOff') this.#enter('TurnedOff', 'crash');
      throw error;
    }
    this.#pendingReset = undefined;
    this.#pendingEnd = undefined;
    this.#budget.reset();
    if (this.#watchIntervalMs !== undefined) this.#powered.screen.watch(this.#watchIntervalMs, this.#watchPixels);
    this.#run('host');
  }

  pause(): void {
    this.#require('pause', 'Running');
    this.#enter('Paused', 'host');
  }

  resume(): void {
    this.#require('resume', 'Paused');
    if (this.#powered!.board.processor.tripleFault)
      throw new VirtualServerError(
        ErrorCode.InvalidState,
        'the processor is shut down by a triple fault; reset the machine',
      );
    if (this.#hostFull) {
      if (!this.#powered!.board.drives.retry())
        throw new VirtualServerError(ErrorCode.InvalidState, 'the disk of the host is still full');
      return this.#spaceIsBack();
    }
    this.#run('host');
  }

  #spaceIsBack(): void {
    this.#space.stop();
    this.#hostFull = false;
    if (!this.#powered) return;
    this.#tell('disk.space', {}, 'disk');
    if (this.#state === 'Paused') this.#run('disk');
  }

  /** Tears the machine down and builds it again, as the reset button of the product does: four state changes. */
  reset(): void {
    this.#require('reset', 'Running', 'Paused');
    this.#enter('TurningOff', 'host');
    this.#enter('DeleteMachine', 'host');
    this.#enter('TurningOn', 'host');
    const { board, restoring } = this.#powered!;
    board.inputs.clear();
    restoring?.memory.abandon();
    board.processor.ram.fill(0);
    board.reset(ResetCause.PowerOn);
    this.#tell('vm.reset', { cause: 'host' }, 'host');
    this.#run('host');
  }

  /**
   * Cuts the power. Does nothing when off.
   * @param undo what becomes of the undo disks; by default what the configuration says, `keep` after a fault
   */
  powerOff(end: MachineEnd = { reason: 'host' }, undo?: UndoAction): void {
    const powered = this.#powered;
    if (!powered || this.#ending) return;
    powered.outputs.end();
    powered.restoring?.state.close();
    this.#space.stop();
    this.#enter('TurningOff', end.reason);
    if (this.#hostFull && !powered.board.drives.retry()) {
      const message = 'the disk of the host is full: what the guest wrote last is lost';
      this.#tell('disk.error', { device: 'disk', operation: 'write', message });
    }
    this.#hostFull = false;
    const vtime = this.vtime;
    closeDriveMedia(powered.media, (message) =>
      this.#tell('disk.error', { device: 'disk', operation: 'close', message }),
    );
    const orderly = end.reason === 'guest' || end.reason === 'host' || end.reason === 'debugExit';
    const action = undo ?? (orderly && !end.saved ? this.configuration.undoAtEnd : 'keep');
    const disks = powered.media.disks.flatMap((disk) => disk?.undo ?? []);
    const finish = (): void => {
      this.#enter('DeleteMachine', end.reason);
      this.#powered = undefined;
      this.#ending = undefined;
      this.#state = 'TurnedOff';
      this.#emit('vm.state.changed', { state: 'TurnedOff' }, vtime, end.reason);
      const { reason, ...data } = end;
      this.#emit('vm.ended', data, vtime, reason);
      this.#sleeper.wake();
    };
    if (action === 'keep' || disks.length === 0 || !this.#services.undo) return finish();
    this.#ending = this.#endUndo(this.#services.undo.end(disks, action), action, end).then(finish);
  }

  /** Resolves when a machine that is being turned off is off. */
  get ended(): Promise<void> {
    return this.#ending ?? Promise.resolve();
  }

  #ending: Promise<void> | undefined;
  #undoTask: DiskTask<void> | undefined;

  async #endUndo(task: DiskTask<void>, action: UndoAction, end: MachineEnd): Promise<void> {
    if (action === 'commit') this.#enter('MergingDrives', end.reason);
    this.#undoTask = task;
    const onProgress = ({ done, total }: TaskProgress): void =>
      this.#tell('vm.task.progress', { task: 'commit', done: done / total });
    // A failure is told and changes nothing: the undo disks are there.
    await task.run({ onProgress }).catch(({ message }: Error) => {
      this.#tell('disk.error', { device: 'undo disks', operation: action, message: `they are kept: ${message}` });
    });
    this.#undoTask = undefined;
  }

  /** Stops the commit of undo disks; they are kept then. @throws VirtualServerError `VS_INVALID_STATE` */
  cancelCommit(): void {
    this.#require('cancel the commit of undo disks', 'MergingDrives');
    this.#undoTask?.cancel();
  }

  /**
   * Writes the state of the machine and cuts its power.
   * @param path file; undefined for bytes
   * @throws VirtualServerError `VS_INVALID_STATE`, `VS_SAVED_STATE`: the machine goes on; `VS_ABORTED`: it was turned off meanwhile
   */
  async save(path: string | undefined): Promise<SavedStateSource> {
    this.#require('save', 'Running', 'Paused');
    const powered = this.#powered!;
    const before = this.#state;
    if (powered.board.processor.tripleFault)
      throw new VirtualServerError(ErrorCode.InvalidState, 'the processor is shut down by a triple fault');
    if (this.#hostFull)
      throw new VirtualServerError(
        ErrorCode.InvalidState,
        'the disk of the host is full, and what the guest wrote waits',
      );
    this.#enter('Saving', 'host');
    try {
      this.#carryOut(powered.board);
      if (this.#powered !== powered)
        throw new VirtualServerError(ErrorCode.Aborted, 'the guest ended before it could be saved');
      const saved = await saveMachine(powered, path, {
        configuration: this.configuration,
        files: this.#services.stateFiles,
        services: this.#services,
        progress: (done) => this.#tell('vm.task.progress', { task: 'save', done }),
        isOn: () => this.#powered === powered,
      });
      this.powerOff({ reason: 'host', saved: true });
      return saved;
    } catch (error) {
      if (this.#powered === powered) {
        if (before === 'Running') this.#run('host');
        else this.#enter(before, 'host');
      }
      throw savedStateError({ ...(path === undefined ? {} : { path }) }, error);
    }
  }

  /** A part of the memory of a saved state cannot be read any more. */
  #lost(error: unknown): void {
    this.#pendingEnd = { reason: 'crash', message: `the saved state cannot be read: ${(error as Error).message}` };
    this.#powered?.board.processor.stop();
  }

  /** Loads some of what a saved state still holds. @returns whether there is more */
  #provide(powered: Powered): boolean {
    const { restoring } = powered;
    if (!restoring) return false;
    restoring.memory.provideSome(BLOCKS_PER_SLICE);
    if (restoring.memory.missing > 0) return true;
    powered.restoring = undefined;
    restoring.state.close();
    return false;
  }

  pressPowerButton(): void {
    this.#require('press the power button', 'Running');
    this.#powered!.board.powerManagement.pressPowerButton();
    this.#tell('vm.shutdown.requested', {}, 'host');
    this.#sleeper.wake();
  }

  /** Something was done to a device from outside: an idle machine must look at it. */
  wake(): void {
    this.#sleeper.wake();
  }

  /** The board while the power is on. @throws VirtualServerError `VS_INVALID_STATE` */
  get board(): Board {
    return this.#on().board;
  }

  #on(): Powered {
    if (!this.#powered) throw new VirtualServerError(ErrorCode.InvalidState, 'the machine is turned off');
    return this.#powered;
  }

  #require(what: string, ...states: MachineState[]): void {
    if (!states.includes(this.#state))
      throw new VirtualServerError(ErrorCode.InvalidState, `cannot ${what}: the machine is ${this.#state}`);
  }

  #enter(state: MachineState, reason: MachineReason): void {
    this.#state = state;
    this.#tell('vm.state.changed', { state }, reason);
  }

  /** Emits an event after the output that came before it. */
  #tell<T extends MachineEventType>(type: T, data: MachineEventData<T>, reason?: MachineReason): void {
    this.#powered?.outputs.flush();
    this.#emit(type, data, this.vtime, reason);
  }

  // ---- media, screen, numbers ------------------------------------------------------------------------------------

  /** Changes the disc of the first optical drive. @throws VirtualServerError `VS_MEDIA`, `VS_INVALID_CONFIGURATION` */
  setDisc(source: MediaSource | undefined): void {
    this.#require('change media', 'Running', 'Paused');
    const device = this.#on().board.drives.setDisc(source, this.#services.opener);
    this.#configuration = withDisc(this.configuration, source);
    this.#mediaChanged(device, source, 'the machine has no optical drive');
  }

  /** As `setDisc` for floppy drive 0 (A:) or 1. */
  setFloppy(drive: number, source: MediaSource | undefined): void {
    this.#require('change media', 'Running', 'Paused');
    const device = this.#on().board.drives.setFloppy(drive, source, this.#services.opener);
    this.#configuration = withFloppy(this.configuration, drive, source);
    this.#mediaChanged(device, source, `the machine has no floppy drive ${drive}`);
  }

  #mediaChanged(device: string | undefined, source: MediaSource | undefined, missing: string): void {
    if (device === undefined) throw new VirtualServerError(ErrorCode.InvalidConfiguration, missing);
    this.#tell('drive.media', { device, inserted: source !== undefined }, 'host');
    this.wake();
  }

  /** Plugs a network adapter into a network that lives in another thread; undefined unplugs it. */
  connectNetwork(adapter: number, port: FramePort | undefined): void {
    this.#wireOf(adapter);
    this.#on().networks.connect(adapter, port);
    this.wake();
  }

  /** Takes the link of a network adapter away, or gives it back. */
  setLink(adapter: number, up: boolean): void {
    this.#wireOf(adapter).link = up;
    this.wake();
  }

  networkStatistics(adapter: number): AdapterStatistics {
    return this.#wireOf(adapter).statistics;
  }

  #wireOf(adapter: number): AdapterWire {
    const wire = this.board.network[adapter];
    if (wire) return wire;
    throw new VirtualServerError(ErrorCode.InvalidConfiguration, `the machine has no network adapter ${adapter}`);
  }

  /** Receives the screen when it has changed; see `watchScreen`. */
  screenListener: ((state: ReturnType<ScreenWatch['read']>) => void) | undefined;
  #watchIntervalMs: number | undefined;
  #watchPixels = false;

  /** Reports screen changes at most every `intervalMs`; undefined stops. Lasts over power cycles. */
  watchScreen(intervalMs: number | undefined, pixels: boolean): void {
    this.#watchIntervalMs = intervalMs;
    this.#watchPixels = pixels;
    this.#powered?.screen.watch(intervalMs, pixels);
    // A machine that stands still would not come round to it.
    if (this.#state === 'Paused') this.#powered?.screen.ranUntil(this.#services.hostTime());
    this.wake();
  }

  get screen(): ScreenWatch {
    return this.#on().screen;
  }

  statistics(): MachineStatistics {
    return statisticsOf(this.#powered, this.#services.hostTime());
  }

  profile(): MachineProfile | undefined {
    return profileOf(this.#powered, this.#services.hostTime());
  }

  registers(): RegisterState {
    return this.board.processor.registers();
  }

  // ---- running ---------------------------------------------------------------------------------------------------

  #signals(outputs: Outputs): BoardSignals {
    const stop = (): void => this.#powered?.board.processor.stop();
    return {
      onReset: (cause) => {
        // A hard reset wins over a soft one asked for by the same instruction.
        this.#pendingReset = Math.min(this.#pendingReset ?? cause, cause) as Cause;
        stop();
      },
      onPowerOff: () => {
        this.#pendingEnd = { reason: 'guest' };
        stop();
      },
      onDebugExit: (value) => {
        this.#tell('vm.debugExit', { code: value });
        this.#pendingEnd = { reason: 'debugExit', code: value };
        stop();
      },
      onSerialOutput: (port, byte) => outputs.serial(port, byte),
      onParallelOutput: (byte) => outputs.parallel(byte),
      onDebugOutput: (byte) => outputs.debug(byte),
      onLeds: (leds) => {
        const shown = JSON.stringify(leds);
        if (shown === this.#leds) return;
        this.#leds = shown;
        this.#tell('vm.keyboard.leds', leds);
      },
      onTray: (device, open) => this.#tell('drive.media', { device, inserted: !open }, 'guest'),
      onDiskError: (error) => this.#tell('disk.error', error, 'disk'),
      onHostFull: (device, message) => {
        this.#tell('disk.full', { device, message }, 'disk');
        this.#hostFull = true;
        stop();
      },
      onLog: (message) => this.#tell('vm.log', message),
    };
  }

  #run(reason: MachineReason): void {
    this.#powered!.pacer.start();
    this.#enter('Running', reason);
    this.#sleeper.wake();
    if (!this.#looping) void this.#loop();
  }

  async #loop(): Promise<void> {
    this.#looping = true;
    // Never inside the caller: `powerOn` returns before the guest's first instruction.
    await nextTurn();
    while (this.#state === 'Running') {
      try {
        const sleep = this.#slice();
        await this.#rest(sleep);
      } catch (error) {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.powerOff({ reason: 'crash', message });
      }
    }
    this.#looping = false;
  }

  async #rest(milliseconds: number): Promise<void> {
    if (this.#state !== 'Running' || milliseconds < MIN_SLEEP_MS) return nextTurn();
    const powered = this.#powered!;
    powered.asleepSince = this.#services.hostTime();
    await this.#sleeper.sleep(Math.min(milliseconds, powered.screen.nextReport(), powered.settleIn));
    powered.idleMs += this.#services.hostTime() - powered.asleepSince;
    powered.asleepSince = undefined;
  }

  /** Runs the machine for some milliseconds. @returns milliseconds to sleep before the next slice */
  #slice(): number {
    const powered = this.#powered!;
    const { board, scheduler, pacer, screen, outputs } = powered;
    const { processor } = board;
    const start = this.#services.hostTime();
    let now = start;
    let sleep = 0;
    while (this.#state === 'Running') {
      scheduler.runDue();
      if (this.#hostFull) {
        this.#space.start();
        this.#enter('Paused', 'disk');
        break;
      }
      if (this.#pendingEnd !== undefined || this.#pendingReset !== undefined) {
        this.#carryOut(board);
        continue;
      }
      const before = processor.executed;
      const ahead = Math.ceil(RUN_VIRTUAL_NS / scheduler.nsPerInstruction);
      const reason = processor.run(Math.min(scheduler.headroom(), this.#budget.instructions, ahead));
      const after = this.#services.hostTime();
      pacer.ran(processor.executed - before, after - now);
      if (reason === StopReason.Budget) this.#budget.ran(processor.executed - before, after - now);
      else if (reason === StopReason.Shutdown) this.#tripleFault(board);
      now = after;
      if (reason === StopReason.Halted && (sleep = pacer.idle(scheduler.nextDeadline)) > 0) break;
      if (now - start >= SLICE_MS) break;
    }
    powered.busyMs += now - start;
    if (this.#powered !== powered || this.#ending) return 0;
    outputs.flush();
    screen.ranUntil(now);
    powered.settleIn = board.drives.settle(now);
    if (this.#provide(powered)) return 0;
    return Math.max(sleep, pacer.hold());
  }

  /** Does what the guest asked for from inside an instruction. */
  #carryOut(board: Board): void {
    const end = this.#pendingEnd;
    const cause = this.#pendingReset;
    this.#pendingEnd = undefined;
    this.#pendingReset = undefined;
    if (end) {
      this.powerOff(end);
    } else if (cause !== undefined) {
      board.reset(cause);
      if (cause !== ResetCause.Soft) this.#tell('vm.reset', { cause: 'guest' }, 'guest');
    }
  }

  #tripleFault(board: Board): void {
    const policy = this.configuration.tripleFault;
    const report = board.processor.tripleFault ?? { chain: [], registers: board.processor.registers() };
    this.#tell('vm.tripleFault', { ...report, policy }, 'tripleFault');
    switch (policy) {
      case 'reset':
        board.reset(ResetCause.Hard);
        this.#tell('vm.reset', { cause: 'tripleFault' }, 'tripleFault');
        break;
      case 'stop':
        this.powerOff({ reason: 'tripleFault' });
        break;
      case 'pause':
        this.#enter('Paused', 'tripleFault');
        break;
    }
  }
}
