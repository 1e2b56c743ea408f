/** Runs one machine from power-on to its end for the command line: terminal, events, script, signals, exit code. */
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { VirtualMachine } from '../machine/api.ts';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';
import type { MachineEnd, MachineEvent } from '../machine/events.ts';
import { reserveStateSpace, type StateSpace } from '../machine/state-space.ts';
import { Attachment, type View } from './attachment.ts';
import { eventLine } from './event-lines.ts';
import type { DebugConsole } from './option-values.ts';
import { ExitCode, exitCodeOfEnd, exitCodeOfError, exitCodeOfSignal } from './exit-codes.ts';
import { formatProfile } from './profile-report.ts';
import { formatEnd, formatError, formatTripleFault } from './report.ts';
import { runStep, type Step } from './script.ts';
import type { SignalAction } from './state-options.ts';
import { statusLine } from './status-line.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface RunSettings {
  /** `none`: nothing of the guest is shown. `pipe`: the first serial port on the standard streams. */
  readonly view: View | 'pipe' | 'none';
  readonly statusLine: boolean;
  readonly escape: number;
  /** File for events as JSON lines; `-` is standard output. */
  readonly events?: string;
  /** Where text of the debug console (port E9h) goes; default nowhere. */
  readonly debugConsole?: DebugConsole;
  readonly steps: readonly Step[];
  /** Limit of each expected text, in seconds. */
  readonly timeout: number;
  /** Turn the machine off after the last step. */
  readonly quit: boolean;
  /** Take a picture that many seconds after power-on. */
  readonly screenshotAt?: number;
  /** File of pictures; default the machine's name with date and time. */
  readonly screenshotPath?: string;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Where the machine's state is saved. */
  readonly statePath?: string;
  /** Keep space free there for so many bytes of memory. */
  readonly reserveBytes?: number;
  /** Where the profile goes at the end: `-` with the program's messages, a file as text or, by its name `.json`, as data. */
  readonly profile?: string;
  /** What the first INT or TERM does; default `shutdown`. */
  readonly onSignal?: SignalAction;
}

/** The program's surroundings, for tests to stand in. */
export interface Surroundings {
  /** Undefined when the program has no terminal. */
  readonly terminal: Terminal | undefined;
  readonly input: Readable;
  readonly output: Writable;
  /** Where the program talks to people. */
  readonly talk: Writable;
  /** Emits signals by their names. */
  readonly signals: NodeJS.EventEmitter;
}

/** A guest that was asked to shut down and has not done so by then loses its power. */
const SHUTDOWN_MS = 60_000;

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** Runs `vm` until it is off; resolves to the exit code. Never rejects. The machine is closed. */
export async function runMachine(vm: VirtualMachine, settings: RunSettings, around: Surroundings): Promise<number> {
  const run = new MachineRun(vm, settings, around);
  try {
    return await run.run();
  } catch (error) {
    run.giveBackTerminal();
    around.talk.write(`virtualserver: ${formatError(error)}\n`);
    return exitCodeOfError(error);
  } finally {
    await vm.close().catch(() => undefined);
    await run.close();
  }
}

class MachineRun {
  readonly #vm: VirtualMachine;
  readonly #settings: RunSettings;
  readonly #around: Surroundings;
  readonly #parts: Disposable[] = [];
  readonly #ending = new AbortController();
  #attachment: Attachment | undefined;
  /** What to say once the screen is the user's again. */
  #afterwards: string[] = [];
  #eventStream: Writable | undefined;
  #debugStream: Writable | undefined;
  #signal: EndingSignal | undefined;
  /** Space kept free for the machine's state, and what stops keeping it. */
  #space: { stop(): void; readonly space: Promise<StateSpace> } | undefined;
  /** Steps done. */
  #done = 0;

  constructor(vm: VirtualMachine, settings: RunSettings, around: Surroundings) {
    this.#vm = vm;
    this.#settings = settings;
    this.#around = around;
  }

  async run(): Promise<number> {
    const settings = this.#settings;
    const vm = this.#vm;
    await this.#openEvents();
    await this.#openDebugConsole();
    this.#parts.push(vm.onEvent((event) => this.#event(event)));
    this.#watchSignals();
    await vm.start();
    this.#reserve();
    const finished = vm.finished();
    this.#show();
    const script = this.#runSteps();
    // A failing script ends the run; a finished one lets the machine go on.
    const end = await Promise.race([finished, script.then(() => finished)]);
    this.#ending.abort();
    await script.catch(() => undefined);
    this.giveBackTerminal();
    if (!settings.quiet) this.#say(formatEnd(end));
    await this.#tellProfile();
    const undone = end.reason === 'guest' && this.#signal === undefined ? this.#undone() : undefined;
    if (undone === undefined) return this.#exitCode(end);
    this.#say(`virtualserver: the machine ended before ${undone}`);
    return ExitCode.Timeout;
  }

  /** A profile that cannot be had or written is told, and changes no result. */
  async #tellProfile(): Promise<void> {
    const { profile: path } = this.#settings;
    if (path === undefined) return;
    try {
      const profile = await this.#vm.profile();
      if (path === '-') this.#around.talk.write(formatProfile(profile));
      else
        await writeFile(
          path,
          path.endsWith('.json') ? `${JSON.stringify(profile, null, 2)}\n` : formatProfile(profile),
        );
    } catch (error) {
      this.#say(`virtualserver: no profile: ${formatError(error)}`);
    }
  }

  #exitCode(end: MachineEnd): number {
    // A guest that broke is news even when somebody had asked it to stop.
    const code = exitCodeOfEnd(end);
    return this.#signal !== undefined && code === 0 ? exitCodeOfSignal(this.#signal) : code;
  }

  /** What the steps still wanted to see; typing that the guest no longer reads is no loss. */
  #undone(): string | undefined {
    for (const step of this.#settings.steps.slice(this.#done)) {
      if (step.kind === 'save') return 'it was saved';
      if (step.kind === 'expect') return `${String(step.pattern)} appeared`;
      if (step.kind === 'screenshot') return `the picture ${step.path} was taken`;
    }
    return undefined;
  }

  async close(): Promise<void> {
    for (const part of this.#parts) part[Symbol.dispose]();
    await this.#releaseSpace();
    for (const stream of [this.#eventStream, this.#debugStream]) {
      if (!stream || stream === this.#around.output) continue;
      stream.end();
      await once(stream, 'close').catch(() => undefined);
    }
  }

  giveBackTerminal(): void {
    this.#attachment?.detach();
    this.#attachment = undefined;
    for (const line of this.#afterwards) this.#around.talk.write(`${line}\n`);
    this.#afterwards = [];
  }

  /** Talks to the user: at once, or when the guest's screen no longer covers the terminal. */
  #say(text: string): void {
    if (this.#attachment?.attached) this.#afterwards.push(text);
    else this.#around.talk.write(`${text}\n`);
  }

  async #openEvents(): Promise<void> {
    const { events } = this.#settings;
    if (events === '-') this.#eventStream = this.#around.output;
    else if (events !== undefined) this.#eventStream = await this.#openFile(events, 'the events');
  }

  async #openDebugConsole(): Promise<void> {
    const { debugConsole } = this.#settings;
    if (debugConsole?.kind === 'stdio') this.#debugStream = this.#around.output;
    else if (debugConsole?.kind === 'file')
      this.#debugStream = await this.#openFile(debugConsole.path, 'the debug console');
  }

  async #openFile(path: string, what: string): Promise<Writable> {
    const stream = createWriteStream(path);
    try {
      await once(stream, 'open');
    } catch (cause) {
      throw new VirtualServerError(
        ErrorCode.Host,
        `${path}: ${what} cannot be written there: ${(cause as Error).message}`,
        { subject: path, cause },
      );
    }
    stream.on('error', (error) => this.#say(`${path}: ${error.message}`));
    return stream;
  }

  #event(event: MachineEvent): void {
    this.#eventStream?.write(eventLine(event));
    const { quiet, verbose } = this.#settings;
    if (event.type === 'vm.tripleFault' && !quiet) this.#say(formatTripleFault(event.data));
    else if (event.type === 'disk.warning' && !quiet) this.#say(`${event.data.device}: ${event.data.message}`);
    else if (event.type === 'disk.error' && !quiet) this.#say(`${event.data.device}: ${event.data.message}`);
    else if (event.type === 'net.problem' && !quiet)
      this.#say(`network adapter ${event.data.adapter}: ${event.data.message}`);
    else if (event.type === 'vm.log' && verbose) this.#say(`${event.data.source}: ${event.data.message}`);
    else if (event.type === 'vm.debug.output' && this.#debugStream) this.#debugStream.write(`${event.data.text}\n`);
    else if (event.type === 'vm.debug.output' && verbose) this.#say(`debug port: ${event.data.text}`);
  }

  #show(): void {
    const { view, escape } = this.#settings;
    const { terminal } = this.#around;
    if (view === 'pipe') this.#pipeSerial();
    if (!terminal || view === 'pipe' || view === 'none') return;
    const attachment = new Attachment(this.#vm, terminal, {
      view,
      escape,
      statusLine: this.#settings.statusLine,
      screenshot: () => this.#screenshot(),
    });
    this.#attachment = attachment;
    void attachment.detached.then(() => {
      if (this.#attachment !== attachment) return;
      this.giveBackTerminal();
      if (!this.#settings.quiet) this.#say('Detached. The machine goes on; Ctrl-C asks it to shut down.');
    });
  }

  /** Standard input and output are the other end of the first serial port's wire. */
  #pipeSerial(): void {
    const [port] = this.#vm.serial;
    if (!port) return;
    const { input, output } = this.#around;
    this.#parts.push(port.onData((bytes) => void output.write(bytes)));
    const listener = (bytes: Uint8Array): void => void port.write(bytes).catch(() => undefined);
    input.on('data', listener);
    this.#parts.push({
      [Symbol.dispose]: () => {
        input.off('data', listener);
        input.pause();
      },
    });
  }

  async #runSteps(): Promise<void> {
    const { steps, timeout, quit, screenshotAt } = this.#settings;
    const signal = this.#ending.signal;
    const inOrder = async (): Promise<void> => {
      for (const step of steps) {
        await runStep(this.#vm, step, { timeout, signal, statePath: this.#settings.statePath });
        this.#done++;
      }
    };
    const work = [inOrder()];
    if (screenshotAt !== undefined) {
      work.push(
        runStep(this.#vm, { kind: 'wait', seconds: screenshotAt }, { timeout, signal }).then(() => this.#picture()),
      );
    }
    try {
      await Promise.all(work);
    } catch (error) {
      // The machine ended during the script: its end is the result, unless a text was still expected.
      const aborted = error instanceof VirtualServerError && error.code === ErrorCode.Aborted;
      if (signal.aborted || aborted || this.#vm.state === 'TurnedOff' || this.#vm.state === 'Saved') return;
      throw error;
    }
    if (quit && this.#vm.state !== 'Saved') await this.#vm.turnOff();
  }

  async #picture(): Promise<void> {
    const path = await this.#screenshot();
    if (!this.#settings.quiet) this.#say(`wrote ${path}`);
  }

  async #screenshot(): Promise<string> {
    const stamp = new Date().toISOString().replace(/\..*/, '').replaceAll(':', '');
    const path = this.#settings.screenshotPath ?? `${this.#vm.name.replace(/[^\w.-]+/g, '_')}-${stamp}.png`;
    await writeFile(path, await this.#vm.screenshot());
    return path;
  }

  #watchSignals(): void {
    const { signals } = this.#around;
    const on = (signal: string, listener: () => void): void => {
      signals.on(signal, listener);
      this.#parts.push({ [Symbol.dispose]: () => void signals.off(signal, listener) });
    };
    for (const signal of ENDING_SIGNALS) on(signal, () => this.#end(signal));
    on('SIGUSR1', () => void this.#tellStatus().catch(() => undefined));
  }

  async #tellStatus(): Promise<void> {
    const status = statusLine(this.#vm, await this.#vm.statistics(), this.#settings.escape).trim();
    if (this.#attachment?.attached) this.#attachment.notify(status);
    else this.#around.talk.write(`${status}\n`);
  }

  /** Keeps space free for the machine's state, while the guest runs already. */
  #reserve(): void {
    const { statePath, reserveBytes } = this.#settings;
    if (statePath === undefined || reserveBytes === undefined) return;
    const ending = new AbortController();
    const space = reserveStateSpace(statePath, reserveBytes, ending.signal);
    this.#space = { stop: () => ending.abort(), space };
    space.catch((error: unknown) => this.#say(formatError(error)));
  }

  async #releaseSpace(): Promise<void> {
    this.#space?.stop();
    const space = await this.#space?.space.catch(() => undefined);
    await space?.release().catch(() => undefined);
  }

  /** Saves the machine because the program has to end; if that fails, the guest is asked to shut down. */
  async #saveAtEnd(): Promise<void> {
    if (!this.#settings.quiet) this.#say('Saving the machine; once more to cut the power.');
    try {
      // The space must be whole, or not there, before it is written to.
      this.#space?.stop();
      await this.#space?.space.catch(() => undefined);
      await this.#vm.save(this.#settings.statePath);
    } catch (error) {
      if (this.#vm.state === 'TurnedOff') return;
      this.#say(`The machine could not be saved: ${formatError(error)}`);
      this.#askToShutDown();
    }
  }

  /** The first INT or TERM does what `onSignal` says; a second one, a hang-up that is not to save, or time running out cuts the power. */
  #end(signal: EndingSignal): void {
    const again = this.#signal !== undefined;
    this.#signal = signal;
    const { state } = this.#vm;
    const { onSignal = 'shutdown' } = this.#settings;
    const turnOff = (): void => void this.#vm.turnOff().catch(() => undefined);
    if (again || onSignal === 'off') return turnOff();
    if (onSignal === 'save' && (state === 'Running' || state === 'Paused')) return void this.#saveAtEnd();
    if (signal === 'SIGHUP' || state !== 'Running') return turnOff();
    this.#askToShutDown();
  }

  #askToShutDown(): void {
    if (!this.#settings.quiet) {
      const message = `The guest was asked to shut down and has ${SHUTDOWN_MS / 1000} seconds for it; once more to cut the power.`;
      if (this.#attachment) this.#attachment.notify(message);
      else this.#say(message);
    }
    const turnOff = (): void => void this.#vm.turnOff().catch(() => undefined);
    void this.#vm.pressPowerButton().catch(() => undefined);
    const timer = setTimeout(turnOff, SHUTDOWN_MS);
    this.#parts.push({ [Symbol.dispose]: () => clearTimeout(timer) });
  }
}
