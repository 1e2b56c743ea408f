/**
 * The terminal attached to a machine: its text screen or its first serial port, the escape commands, the status line.
 */
import type { ScreenState, VirtualMachine } from '../machine/api.ts';
import { ESCAPE_COMMANDS, EscapeFilter, escapeName, type EscapeCommand } from './escape.ts';
import { KeyboardFeed } from './keyboard-feed.ts';
import { SerialStamper } from './serial-stamper.ts';
import { statusLine } from './status-line.ts';
import { ANSI, moveTo } from './terminal/ansi.ts';
import { KeyInput, type KeyEvent } from './terminal/key-input.ts';
import { ScreenRenderer } from './terminal/screen-renderer.ts';
import type { Terminal } from './terminal/terminal.ts';

export type View = 'text' | 'serial';

export interface AttachmentOptions {
  readonly view: View;
  /** Control code of the escape prefix. */
  readonly escape: number;
  readonly statusLine: boolean;
  /** Writes a screenshot; resolves to the file's name. */
  readonly screenshot: () => Promise<string>;
}

/** A lone ESC is the Escape key when nothing follows for this long; sequences arrive in one piece, or nearly so. */
const ESCAPE_MS = 40;
const STATUS_MS = 1000;
const NOTICE_MS = 4000;

export class Attachment {
  readonly #vm: VirtualMachine;
  readonly #terminal: Terminal;
  readonly #options: AttachmentOptions;
  readonly #filter: EscapeFilter;
  readonly #keys = new KeyInput();
  readonly #feed: KeyboardFeed;
  readonly #renderer: ScreenRenderer;
  readonly #stamper = new SerialStamper();
  readonly #always: Disposable[];
  #viewed: Disposable[] = [];
  #view: View;
  #screen: ScreenState | undefined;
  #status = '';
  #notice = '';
  #noticeTimer: NodeJS.Timeout | undefined;
  #escapeTimer: NodeJS.Timeout | undefined;
  #helpShown = false;
  #attached = true;
  readonly #ended: () => void;
  /** Resolves when the terminal has been given back. */
  readonly detached: Promise<void>;

  constructor(vm: VirtualMachine, terminal: Terminal, options: AttachmentOptions) {
    this.#vm = vm;
    this.#terminal = terminal;
    this.#options = options;
    this.#view = options.view;
    this.#filter = new EscapeFilter(options.escape);
    this.#feed = new KeyboardFeed(vm.keyboard);
    this.#renderer = new ScreenRenderer(terminal, `${escapeName(options.escape)} v`);
    let resolve = (): void => undefined;
    this.detached = new Promise((done) => (resolve = done));
    this.#ended = resolve;
    this.#always = [
      terminal.onInput((bytes) => this.#input(bytes)),
      terminal.onResize(() => this.#resize()),
      terminal.onGone(() => this.detach()),
      every(STATUS_MS, () => void this.#updateStatus()),
    ];
    this.#enter();
    this.#say(`${escapeName(options.escape)} h for help`);
  }

  get attached(): boolean {
    return this.#attached;
  }

  /** Gives the terminal back; the machine goes on. */
  detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.#leave();
    clearTimeout(this.#noticeTimer);
    clearTimeout(this.#escapeTimer);
    for (const part of this.#always) part[Symbol.dispose]();
    this.#ended();
  }

  /** Shows a message for a few seconds. */
  notify(message: string): void {
    if (this.#attached) this.#say(message);
  }

  #enter(): void {
    const vm = this.#vm;
    if (this.#view === 'text') {
      this.#terminal.acquire('screen');
      this.#renderer.invalidate();
      const watch = vm.screen.watch((screen) => {
        this.#screen = screen;
        this.#draw();
      });
      this.#viewed = [watch];
    } else {
      this.#terminal.acquire('bytes');
      const port = vm.serial[0];
      if (port) this.#viewed = [port.onData((bytes) => this.#terminal.write(this.#stamper.take(bytes)))];
    }
  }

  #leave(): void {
    for (const part of this.#viewed) part[Symbol.dispose]();
    this.#viewed = [];
    this.#keys.releases = false;
    this.#feed.releaseAll();
    this.#terminal.release();
  }

  #resize(): void {
    this.#renderer.resize(this.#terminal.columns, this.#terminal.rows);
    this.#draw();
  }

  #draw(): void {
    if (this.#view !== 'text' || !this.#screen || !this.#attached || this.#helpShown) return;
    // A slow line gets fewer frames, never a backlog of old ones: the status timer draws what was left out.
    if (this.#terminal.congested) return;
    const quiet = this.#options.statusLine ? this.#status : '';
    const output = this.#renderer.render(this.#screen, this.#notice || quiet, this.#notice !== '');
    if (output !== '') this.#terminal.write(output);
  }

  async #updateStatus(): Promise<void> {
    try {
      this.#status = statusLine(this.#vm, await this.#vm.statistics(), this.#options.escape);
    } catch {
      // The machine is on its way down.
    }
    this.#draw();
  }

  /** A notice: on the status row over the guest's screen, as a line of its own among serial output. */
  #say(message: string): void {
    if (this.#view === 'serial') {
      this.#terminal.write(`\r\n[${message}]\r\n`);
      return;
    }
    this.#notice = message;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => {
      this.#notice = '';
      this.#draw();
    }, NOTICE_MS);
    this.#draw();
  }

  #input(bytes: Uint8Array): void {
    if (this.#view === 'serial') return this.#serialInput(bytes);
    clearTimeout(this.#escapeTimer);
    for (const event of this.#keys.feed(bytes)) this.#key(event);
    if (this.#keys.pending) {
      this.#escapeTimer = setTimeout(() => {
        for (const event of this.#keys.flush()) this.#key(event);
      }, ESCAPE_MS);
    }
  }

  #key(event: KeyEvent): void {
    if (event.kind === 'kitty') {
      if (!this.#keys.releases) this.#terminal.write(ANSI.pushKittyKeyboard);
      this.#keys.releases = true;
      return;
    }
    if (this.#helpShown && (event.kind === 'press' || event.kind === 'down')) {
      if (event.kind === 'down' && isModifier(event.code)) return;
      this.#hideHelp();
      // The list says which key follows the prefix: it works from there too.
      if (event.control !== this.#options.escape) return;
    }
    if (event.kind === 'press' || (event.kind === 'down' && !isModifier(event.code))) {
      const taken = this.#filter.take(event.character, event.control);
      if (taken === 'armed')
        return this.#say(`${escapeName(this.#options.escape)} then: h help, x leave, v screenshot`);
      if (taken !== undefined) {
        this.#clearNotice();
        void this.#command(taken);
        return;
      }
    }
    this.#feed.send(event);
  }

  #clearNotice(): void {
    clearTimeout(this.#noticeTimer);
    this.#notice = '';
    this.#draw();
  }

  /** Bytes go through; only the prefix and the byte behind it are taken out. */
  #serialInput(bytes: Uint8Array): void {
    let through: number[] = [];
    const flush = (): void => {
      if (through.length > 0) void this.#vm.serial[0]?.write(Uint8Array.from(through)).catch(() => undefined);
      through = [];
    };
    for (const byte of bytes) {
      const taken = this.#filter.take(String.fromCharCode(byte), byte < 0x20 ? byte : undefined);
      if (taken === undefined) through.push(byte);
      else if (taken === 'literal') through.push(this.#options.escape);
      else if (taken !== 'armed') {
        flush();
        void this.#command(taken);
        if (this.#view !== 'serial') return;
      }
    }
    flush();
  }

  async #command(command: EscapeCommand): Promise<void> {
    try {
      await this.#run(command);
    } catch (error) {
      this.notify(error instanceof Error ? error.message : String(error));
    }
  }

  async #run(command: EscapeCommand): Promise<void> {
    const vm = this.#vm;
    switch (command) {
      case 'help':
        return this.#showHelp();
      case 'exit':
        return vm.turnOff();
      case 'power-button':
        this.#say('power button pressed');
        return vm.pressPowerButton();
      case 'pause':
        return vm.state === 'Paused' ? vm.resume() : vm.pause();
      case 'reset':
        return vm.reset();
      case 'screenshot':
        return this.#say(`wrote ${await this.#options.screenshot()}`);
      case 'view':
        return this.#switchView();
      case 'attention':
        return this.#feed.press('ControlLeft', 'AltLeft', 'Delete');
      case 'break':
        return this.#feed.press('ControlLeft', 'Pause');
      case 'status':
        return this.#say(statusLine(vm, await vm.statistics(), this.#options.escape));
      case 'timestamps':
        this.#stamper.enabled = !this.#stamper.enabled;
        return this.#say(`time stamps on serial lines ${this.#stamper.enabled ? 'on' : 'off'}`);
      case 'detach':
        return this.detach();
      case 'literal':
        return this.#feed.press('ControlLeft', `Key${String.fromCharCode(this.#options.escape + 0x40)}`);
      case 'unknown':
        return this.#say(`no such command; ${escapeName(this.#options.escape)} h for help`);
    }
  }

  #switchView(): void {
    if (this.#vm.serial.length === 0) return this.#say('the machine has no serial port');
    this.#leave();
    this.#view = this.#view === 'text' ? 'serial' : 'text';
    this.#notice = '';
    this.#enter();
    this.#say(this.#view === 'text' ? 'the screen' : 'the first serial port');
  }

  #showHelp(): void {
    const prefix = escapeName(this.#options.escape);
    const lines = [
      `${prefix}, then one of these keys:`,
      ...ESCAPE_COMMANDS.map(([key, , meaning]) => `  ${key}  ${meaning}`),
      `  ${prefix}  ${prefix} itself, for the guest`,
    ];
    if (this.#view === 'serial') {
      this.#terminal.write(`\r\n${lines.join('\r\n')}\r\n`);
      return;
    }
    this.#helpShown = true;
    this.#terminal.write(
      `${ANSI.resetAttributes}${ANSI.clear}${moveTo(0, 0)}${[...lines, '', 'Any key goes back.'].join('\r\n')}`,
    );
  }

  #hideHelp(): void {
    this.#helpShown = false;
    this.#renderer.invalidate();
    this.#draw();
  }
}

const isModifier = (code: string): boolean => /^(?:Shift|Control|Alt|Meta)(?:Left|Right)$|Lock$/.test(code);

function every(milliseconds: number, run: () => void): Disposable {
  const timer = setInterval(run, milliseconds);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
