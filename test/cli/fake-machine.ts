import type {
  Keyboard,
  MachineOptions,
  MachineProfile,
  MachineStatistics,
  ScreenState,
  SerialPort,
  TextScreen,
  VirtualMachine,
  WaitOptions,
} from '../../src/machine/api.ts';
import { ErrorCode, VirtualServerError } from '../../src/machine/errors.ts';
import type { MachineEnd, MachineEvent, MachineState } from '../../src/machine/events.ts';

/** What a test sets in motion and looks at; `vm` is what the program gets. */
export class FakeMachine {
  readonly options: MachineOptions;
  readonly vm: VirtualMachine;
  /** Calls in order, such as `type dir` or `press ControlLeft KeyC`. */
  readonly calls: string[] = [];
  state: MachineState = 'TurnedOff';
  screenText: string[] = [];
  serialSent = '';
  startError: Error | undefined;
  saveError: Error | undefined;
  profile: MachineProfile | undefined;
  /** Called when the machine runs. */
  started: () => void = () => undefined;
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  readonly #watchers = new Set<(screen: ScreenState) => void>();
  readonly #dataListeners = new Set<(bytes: Uint8Array) => void>();
  readonly #waiters = new Set<() => void>();
  readonly #finished: Promise<MachineEnd>;
  #finish: (end: MachineEnd) => void = () => undefined;
  #seq = 0;

  constructor(options: MachineOptions = {}) {
    this.options = options;
    this.#finished = new Promise((resolve) => (this.#finish = resolve));
    this.vm = this.#makeMachine();
  }

  get textScreen(): TextScreen {
    const characters = new Uint8Array(80 * 25).fill(0x20);
    this.screenText.forEach((line, row) => {
      for (let i = 0; i < line.length; i++) characters[80 * row + i] = line.charCodeAt(i);
    });
    return {
      mode: 'text',
      columns: 80,
      rows: 25,
      characters,
      attributes: new Uint8Array(80 * 25).fill(7),
      blink: true,
      cursor: undefined,
      palette: Array.from({ length: 16 }, () => 0),
      lines: Array.from({ length: 25 }, (_, row) => this.screenText[row] ?? ''),
    };
  }

  /** The guest writes on its screen. */
  print(...lines: string[]): void {
    this.screenText = lines;
    for (const watcher of this.#watchers) watcher(this.textScreen);
    for (const waiter of this.#waiters) waiter();
  }

  /** The guest sends on COM1. */
  send(text: string): void {
    this.serialSent += text;
    for (const listener of this.#dataListeners) listener(new TextEncoder().encode(text));
    for (const waiter of this.#waiters) waiter();
  }

  emit(event: Pick<MachineEvent, 'type' | 'data'>): void {
    const whole = {
      seq: ++this.#seq,
      time: '2026-01-01T00:00:00.000Z',
      vtime: 1,
      vm: 'fake',
      ...event,
    } as MachineEvent;
    for (const listener of this.#listeners) listener(whole);
  }

  /** The machine goes off by itself. */
  end(end: MachineEnd): void {
    this.state = 'TurnedOff';
    this.emit({ type: 'vm.state.changed', data: { state: 'TurnedOff' } });
    this.#finish(end);
  }

  #call(text: string): Promise<void> {
    this.calls.push(text);
    return Promise.resolve();
  }

  #waitFor(
    where: () => string,
    text: string | RegExp,
    { timeoutMs = 60_000, signal }: WaitOptions = {},
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        settle();
      };
      const look = (): void => {
        const found = typeof text === 'string' ? where().includes(text) : text.test(where());
        if (found) done(() => resolve(String(text)));
      };
      const timer = setTimeout(
        () => done(() => reject(new VirtualServerError(ErrorCode.Timeout, `'${String(text)}' did not appear`))),
        timeoutMs,
      );
      const abort = (): void => done(() => reject(new VirtualServerError(ErrorCode.Aborted, 'given up')));
      signal?.addEventListener('abort', abort);
      this.#waiters.add(look);
      look();
    });
  }

  #makeMachine(): VirtualMachine {
    const keyboard: Keyboard = {
      type: (text) => this.#call(`type ${text}`),
      press: (...codes) => this.#call(`press ${codes.join(' ')}`),
      down: (code) => this.#call(`down ${code}`),
      up: (code) => this.#call(`up ${code}`),
      scancodes: (bytes) => this.#call(`scancodes ${[...bytes].join(' ')}`),
    };
    const port = {
      write: (data: Uint8Array | string) =>
        this.#call(`serial ${JSON.stringify(typeof data === 'string' ? data : new TextDecoder().decode(data))}`),
      text: '',
      waitForText: (text: string | RegExp, options?: WaitOptions) =>
        this.#waitFor(() => this.serialSent, text, options),
      onData: (listener: (bytes: Uint8Array) => void) => subscribe(this.#dataListeners, listener),
    } as unknown as SerialPort;
    // The getter below belongs to another object.
    const state = (): MachineState => this.state;
    return {
      name: this.options.name ?? 'fake',
      get state() {
        return state();
      },
      configuration: {},
      keyboard,
      serial: [port],
      screen: {
        read: () => Promise.resolve(this.textScreen),
        image: () => Promise.resolve({ width: 1, height: 1, data: new Uint8Array(4) }),
        waitForText: (text: string | RegExp, options?: WaitOptions) =>
          this.#waitFor(() => this.screenText.join('\n'), text, options),
        watch: (listener: (screen: ScreenState) => void) => {
          listener(this.textScreen);
          return subscribe(this.#watchers, listener);
        },
      },
      start: () => {
        if (this.startError) return Promise.reject(this.startError);
        this.state = 'Running';
        this.emit({ type: 'vm.state.changed', data: { state: 'TurningOn' } });
        this.emit({ type: 'vm.state.changed', data: { state: 'Running' } });
        queueMicrotask(() => this.started());
        return this.#call('start');
      },
      pause: () => {
        this.state = 'Paused';
        return this.#call('pause');
      },
      resume: () => {
        this.state = 'Running';
        return this.#call('resume');
      },
      reset: () => this.#call('reset'),
      turnOff: () => {
        this.end({ reason: 'host' });
        return this.#call('turnOff');
      },
      save: (path?: string) => {
        void this.#call(`save ${path}`);
        if (this.saveError) return Promise.reject(this.saveError);
        this.end({ reason: 'host', saved: true });
        this.state = 'Saved';
        return Promise.resolve(path === undefined ? {} : { path });
      },
      pressPowerButton: () => this.#call('pressPowerButton'),
      finished: () => this.#finished,
      screenshot: () => Promise.resolve(new TextEncoder().encode('a picture')),
      statistics: () =>
        Promise.resolve({
          instructions: 2e8,
          virtualSeconds: 65,
          busySeconds: 2,
          idleSeconds: 2,
          diskBytesRead: 3 << 20,
          diskBytesWritten: 0,
        } satisfies MachineStatistics),
      profile: () =>
        this.profile
          ? Promise.resolve(this.profile)
          : Promise.reject(new VirtualServerError(ErrorCode.InvalidState, 'no profile is kept')),
      onEvent: (listener: (event: MachineEvent) => void) => subscribe(this.#listeners, listener),
      close: () => this.#call('close'),
    } as unknown as VirtualMachine;
  }
}

function subscribe<T>(set: Set<T>, listener: T): Disposable {
  set.add(listener);
  return { [Symbol.dispose]: () => void set.delete(listener) };
}
