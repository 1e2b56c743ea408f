/** `VirtualMachine` for programs: keeps state and events on the host's side and leaves the work to the machine's thread. */
import type { RegisterState } from '../../cpu/processor.ts';
import { encodePng } from '../display/png.ts';
import type { NetworkPlug } from '../network/virtual-network.ts';
import type { AdapterStatistics } from './adapter-wire.ts';
import type {
  Keyboard,
  MachineOptions,
  MachineProfile,
  MachineStatistics,
  MediaArgument,
  Mouse,
  SerialPort,
  TurnOffOptions,
  VirtualMachine,
} from './api.ts';
import { Client } from './client.ts';
import type { MachineThread } from './client.ts';
import type { IdeDriveConfiguration, MachineConfiguration, MediaSource, SavedStateSource } from './configuration.ts';
import { checkConfiguration } from './configuration.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import { EventHub } from './event-hub.ts';
import type { MachineEnd, MachineEvent, MachineEventOf, MachineEventType, MachineState } from './events.ts';
import { HostScreen } from './host-screen.ts';
import { HostSerial } from './host-serial.ts';
import { HostKeyboard, hostMouse } from './host-inputs.ts';
import type { Message, Operation, Operations } from './protocol.ts';

export interface MachineHostOptions {
  /** Starts a thread that serves one machine. */
  startThread(): Promise<MachineThread>;
  /** Deletes the file of a saved state. */
  removeState?(path: string): Promise<void>;
  /** Connects what the configuration places on the host (serial files, sockets); disposed at the end of the run. */
  attach?(machine: VirtualMachine): Promise<AsyncDisposable>;
}

const sourceOf = (media: MediaArgument): MediaSource => (typeof media === 'string' ? { path: media } : media);

/** Turns the short drive names into IDE locations. */
export function normaliseOptions(options: MachineOptions): MachineConfiguration {
  const { hda, hdb, hdd, cdrom, floppy, ...configuration } = options;
  const ide: IdeDriveConfiguration[] = [...(options.ide ?? [])];
  const disk = (media: MediaArgument | undefined, channel: 0 | 1, position: 0 | 1): void => {
    if (media !== undefined) ide.push({ channel, position, kind: 'disk', media: sourceOf(media) });
  };
  disk(hda, 0, 0);
  disk(hdb, 0, 1);
  disk(hdd, 1, 1);
  if (cdrom !== undefined && cdrom !== null)
    ide.push({ channel: 1, position: 0, kind: 'cdrom', media: sourceOf(cdrom) });
  else if (cdrom === null || !options.ide) ide.push({ channel: 1, position: 0, kind: 'cdrom' });
  const floppies =
    floppy === undefined ? options.floppies : [{ media: sourceOf(floppy) }, ...(options.floppies ?? []).slice(1)];
  return { ...configuration, ide, ...(floppies ? { floppies } : {}) };
}

export class MachineHost implements VirtualMachine {
  readonly screen: HostScreen;
  readonly keyboard: Keyboard;
  readonly mouse: Mouse;
  readonly serial: readonly SerialPort[];
  readonly #serial: readonly HostSerial[];
  readonly #options: MachineHostOptions;
  readonly #hub = new EventHub();
  #configuration!: MachineConfiguration;
  #client: Client | undefined;
  #attached: AsyncDisposable | undefined;
  #state: MachineState = 'TurnedOff';
  #sequence = 0;
  #vtime = 0;
  #end: MachineEnd = { reason: 'host' };
  /** Of the last run. */
  #profile: MachineProfile | undefined;
  /** Threads that are being closed. */
  #closing: Promise<unknown> = Promise.resolve();
  #disposed = false;
  #starting = false;

  /** @throws VirtualServerError `VS_INVALID_CONFIGURATION` */
  constructor(configuration: MachineConfiguration, options: MachineHostOptions) {
    checkConfiguration(configuration);
    this.#setConfiguration(configuration);
    this.#options = options;
    const onEnd = (listener: () => void): Disposable => this.#hub.on('vm.ended', listener);
    this.screen = new HostScreen({
      read: () => this.#ask('readScreen', undefined),
      image: () => this.#ask('screenImage', undefined),
      watch: (intervalMs, pixels) => {
        this.#client?.request('watchScreen', { intervalMs, pixels }).catch(() => {});
      },
      onEnd,
    });
    const ask = <O extends Operation>(operation: O, argument: Operations[O][0]): Promise<Operations[O][1]> =>
      this.#ask(operation, argument);
    this.keyboard = new HostKeyboard(ask);
    this.mouse = hostMouse(ask);
    this.#serial = [0, 1].map(
      (port) =>
        new HostSerial({ name: `COM${port + 1}`, send: (bytes) => this.#ask('serialInput', { port, bytes }), onEnd }),
    );
    this.serial = this.#serial;
  }

  #setConfiguration(configuration: MachineConfiguration): void {
    this.#configuration = configuration;
    if (!this.#client) this.#state = configuration.savedState ? 'Saved' : 'TurnedOff';
  }

  get name(): string {
    return this.#configuration.name ?? 'machine';
  }

  get state(): MachineState {
    return this.#state;
  }

  get configuration(): MachineConfiguration {
    return this.#configuration;
  }

  #ask<O extends Operation>(
    operation: O,
    argument: Operations[O][0],
    transfer?: readonly Transferable[],
  ): Promise<Operations[O][1]> {
    if (!this.#client)
      return Promise.reject(new VirtualServerError(ErrorCode.InvalidState, 'the machine is turned off'));
    return this.#client.request(operation, argument, transfer);
  }

  // ---- lifecycle -------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    if (this.#disposed) throw new VirtualServerError(ErrorCode.InvalidState, 'the machine is closed');
    if (this.#client || this.#starting)
      throw new VirtualServerError(ErrorCode.InvalidState, `cannot start: the machine is ${this.#state}`);
    this.#starting = true;
    for (const port of this.#serial) port.clear();
    this.#profile = undefined;
    let thread: MachineThread;
    try {
      thread = await this.#options.startThread();
    } finally {
      this.#starting = false;
    }
    const client = new Client(
      thread,
      (message) => this.#receive(client, message),
      (message) => this.#died(client, message),
    );
    this.#client = client;
    try {
      this.#attached = await this.#options.attach?.(this);
      this.screen.request();
      await client.request('start', this.#configuration);
    } catch (error) {
      if (this.#client === client) this.#release();
      await this.#closing;
      // A state that could not be restored is still there.
      this.#setConfiguration(this.#configuration);
      throw error;
    }
    this.#forgetState();
  }

  /** The next start is one from the disks. */
  #forgetState(): void {
    const { savedState: _, ...rest } = this.#configuration;
    this.#setConfiguration(rest);
  }

  async save(path?: string): Promise<SavedStateSource> {
    const savedState = await this.#ask('save', path);
    await this.#closing;
    this.#setConfiguration({ ...this.#configuration, savedState });
    return savedState;
  }

  async discardSavedState(): Promise<void> {
    const { savedState } = this.#configuration;
    if (this.#client || !savedState)
      throw new VirtualServerError(ErrorCode.InvalidState, `there is no saved state: the machine is ${this.#state}`);
    if (savedState.path !== undefined) await this.#options.removeState?.(savedState.path);
    this.#forgetState();
  }

  pause(): Promise<void> {
    return this.#ask('pause', undefined);
  }

  resume(): Promise<void> {
    return this.#ask('resume', undefined);
  }

  reset(): Promise<void> {
    return this.#ask('reset', undefined);
  }

  async turnOff(options: TurnOffOptions = {}): Promise<void> {
    if (this.#client && this.#state !== 'TurnedOff' && this.#state !== 'Saved')
      await this.#ask('turnOff', options.undo);
    await this.#closing;
  }

  cancelCommit(): Promise<void> {
    return this.#ask('cancelCommit', undefined);
  }

  pressPowerButton(): Promise<void> {
    return this.#ask('pressPowerButton', undefined);
  }

  finished(): Promise<MachineEnd> {
    if (!this.#client) return Promise.resolve(this.#end);
    return new Promise((resolve) => {
      const subscription = this.#hub.on('vm.ended', () => {
        subscription[Symbol.dispose]();
        resolve(this.#end);
      });
    });
  }

  async close(): Promise<void> {
    this.#disposed = true;
    await this.turnOff();
    if (this.#client) this.#release();
    await this.#closing;
    this.#hub.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- what the thread says --------------------------------------------------------------------------------------

  #receive(client: Client, message: Message): void {
    if (client !== this.#client) return;
    if (message.kind === 'screen') this.screen.update(message.screen);
    else if (message.kind === 'profile') this.#profile = message.profile;
    else if (message.kind === 'event') this.#deliver(message.event);
  }

  /** Numbers events anew, as each run has a thread of its own. */
  #deliver(received: MachineEvent): void {
    const event: MachineEvent = { ...received, seq: ++this.#sequence };
    this.#vtime = event.vtime;
    if (event.type === 'vm.state.changed') this.#state = event.data.state;
    if (event.type === 'vm.ended') {
      this.#end = { reason: event.reason ?? 'host', ...event.data };
      this.#release();
    }
    if (event.type === 'vm.serial.output') this.#serial[event.data.port]?.received(event.data.bytes);
    this.#hub.emit(event);
  }

  #died(client: Client, message: string): void {
    if (client !== this.#client) return;
    const envelope = {
      seq: 0,
      time: new Date().toISOString(),
      vtime: this.#vtime,
      vm: this.name,
      reason: 'crash' as const,
    };
    if (this.#state !== 'TurnedOff')
      this.#deliver({ ...envelope, type: 'vm.state.changed', data: { state: 'TurnedOff' } });
    this.#deliver({ ...envelope, type: 'vm.ended', data: { message } });
  }

  /** Lets go of the thread of a run that is over. */
  #release(): void {
    const client = this.#client;
    const attached = this.#attached;
    this.#client = undefined;
    this.#attached = undefined;
    this.screen.clear();
    this.#closing = Promise.all([this.#closing, client?.close(), attached?.[Symbol.asyncDispose]()]);
  }

  // ---- media and the rest ----------------------------------------------------------------------------------------

  attachDisk(
    media: MediaArgument,
    location: { readonly channel: 0 | 1; readonly position: 0 | 1 } = { channel: 0, position: 0 },
  ): void {
    if (this.#client)
      throw new VirtualServerError(ErrorCode.InvalidState, 'hard disks can be attached while the machine is off only');
    if (this.#configuration.savedState)
      throw new VirtualServerError(ErrorCode.InvalidState, 'the hardware of a saved machine cannot be changed');
    const { channel, position } = location;
    const others = (this.#configuration.ide ?? []).filter((d) => d.channel !== channel || d.position !== position);
    const configuration: MachineConfiguration = {
      ...this.#configuration,
      ide: [...others, { channel, position, kind: 'disk', media: sourceOf(media) }],
    };
    checkConfiguration(configuration);
    this.#configuration = configuration;
  }

  async setCdrom(media: MediaArgument | null): Promise<void> {
    const source = media === null ? undefined : sourceOf(media);
    if (this.#client) await this.#ask('setDisc', source);
    let replaced = false;
    const ide = (this.#configuration.ide ?? []).map((drive): IdeDriveConfiguration => {
      if (drive.kind !== 'cdrom' || replaced) return drive;
      replaced = true;
      const { channel, position, kind } = drive;
      return { channel, position, kind, ...(source ? { media: source } : {}) };
    });
    if (!replaced) throw new VirtualServerError(ErrorCode.InvalidConfiguration, 'the machine has no optical drive');
    this.#configuration = { ...this.#configuration, ide };
  }

  async setFloppy(media: MediaArgument | null, drive: 0 | 1 = 0): Promise<void> {
    const source = media === null ? undefined : sourceOf(media);
    if (this.#client) await this.#ask('setFloppy', { drive, media: source });
    const floppies = [...(this.#configuration.floppies ?? [{}])];
    if (drive >= floppies.length)
      throw new VirtualServerError(ErrorCode.InvalidConfiguration, `the machine has no floppy drive ${drive}`);
    floppies[drive] = source ? { media: source } : {};
    this.#configuration = { ...this.#configuration, floppies };
  }

  connectNetwork(adapter: number, plug: NetworkPlug | undefined): Promise<void> {
    const port = plug?.port;
    return this.#ask('connectNetwork', { adapter, port }, port ? [port as unknown as Transferable] : []);
  }

  setLink(adapter: number, up: boolean): Promise<void> {
    return this.#ask('setLink', { adapter, up });
  }

  networkStatistics(adapter: number): Promise<AdapterStatistics> {
    return this.#ask('networkStatistics', adapter);
  }

  async screenshot(): Promise<Uint8Array> {
    return encodePng(await this.screen.image());
  }

  statistics(): Promise<MachineStatistics> {
    return this.#ask('statistics', undefined);
  }

  profile(): Promise<MachineProfile> {
    return !this.#client && this.#profile ? Promise.resolve(this.#profile) : this.#ask('profile', undefined);
  }

  registers(): Promise<RegisterState> {
    return this.#ask('registers', undefined);
  }

  readMemory(address: number, length: number): Promise<Uint8Array> {
    return this.#ask('readMemory', { address, length });
  }

  events(): AsyncIterableIterator<MachineEvent> {
    return this.#hub.iterate();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<MachineEvent> {
    return this.#hub.iterate();
  }

  on<T extends MachineEventType>(type: T, listener: (event: MachineEventOf<T>) => void): Disposable {
    return this.#hub.on(type, listener);
  }

  onEvent(listener: (event: MachineEvent) => void): Disposable {
    return this.#hub.onEvent(listener);
  }
}
