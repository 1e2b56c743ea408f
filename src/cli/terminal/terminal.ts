/** The terminal the program runs in, behind an interface that tests can stand in for. */
import { writeSync } from 'node:fs';
import type { ReadStream, WriteStream } from 'node:tty';
import { ANSI } from './ansi.ts';
import type { ColorDepth } from './screen-renderer.ts';

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly colors: ColorDepth;
  readonly unicode: boolean;
  /** True while output waits for the terminal to take it; frames are better left out then. */
  readonly congested: boolean;
  write(data: string | Uint8Array): void;
  onInput(listener: (bytes: Uint8Array) => void): Disposable;
  onResize(listener: () => void): Disposable;
  /** The terminal is gone (closed window, broken pipe). */
  onGone(listener: () => void): Disposable;
  /** Raw input and, for screens, the alternate screen. `release` undoes both, and so does the end of the process. */
  acquire(mode: 'screen' | 'bytes'): void;
  release(): void;
}

const ENTER_SCREEN = ANSI.alternateScreen + ANSI.noAutowrap + ANSI.bracketedPaste + ANSI.queryKittyKeyboard;
/** Also right where nothing of it was set; the kitty flags are popped on their own. */
const LEAVE_SCREEN =
  ANSI.resetAttributes +
  ANSI.noBracketedPaste +
  ANSI.autowrap +
  ANSI.defaultCursorShape +
  ANSI.showCursor +
  ANSI.normalScreen;

/** What the environment says about colours. `NO_COLOR` wins (no-color.org). */
export function colorDepth(environment: NodeJS.ProcessEnv): ColorDepth {
  const { NO_COLOR: none, COLORTERM: depth, TERM: term = '' } = environment;
  if ((none !== undefined && none !== '') || term === 'dumb') return 'none';
  if (depth === 'truecolor' || depth === '24bit' || /-direct$|kitty|alacritty|ghostty|wezterm/.test(term))
    return 'true';
  return 'ansi16';
}

/** Whether the locale's character set is UTF-8. Windows and macOS terminals always take it. */
export function takesUnicode(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (platform === 'win32' || platform === 'darwin') return true;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return /utf-?8/i.test(locale);
}

export class ProcessTerminal implements Terminal {
  readonly colors: ColorDepth;
  readonly unicode: boolean;
  readonly #input: ReadStream;
  readonly #output: WriteStream & { readonly fd?: number };
  #mode: 'screen' | 'bytes' | undefined;
  readonly #atExit = (): void => this.#restore(true);

  constructor(input: ReadStream, output: WriteStream, environment: NodeJS.ProcessEnv = process.env) {
    this.#input = input;
    this.#output = output;
    this.colors = colorDepth(environment);
    this.unicode = takesUnicode(environment, process.platform);
  }

  get columns(): number {
    return this.#output.columns || 80;
  }

  get rows(): number {
    return this.#output.rows || 25;
  }

  get congested(): boolean {
    return this.#output.writableNeedDrain;
  }

  write(data: string | Uint8Array): void {
    this.#output.write(data);
  }

  onInput(listener: (bytes: Uint8Array) => void): Disposable {
    return listen(this.#input, 'data', listener as (...values: unknown[]) => void);
  }

  onResize(listener: () => void): Disposable {
    return listen(this.#output, 'resize', listener);
  }

  onGone(listener: () => void): Disposable {
    const parts = [listen(this.#output, 'error', listener), listen(this.#input, 'end', listener)];
    return { [Symbol.dispose]: () => parts.forEach((part) => part[Symbol.dispose]()) };
  }

  acquire(mode: 'screen' | 'bytes'): void {
    this.#mode = mode;
    process.on('exit', this.#atExit);
    this.#input.setRawMode?.(true);
    this.#input.resume();
    if (mode === 'screen') this.#output.write(ENTER_SCREEN);
  }

  release(): void {
    process.off('exit', this.#atExit);
    this.#restore(false);
    this.#input.pause();
  }

  #restore(exiting: boolean): void {
    if (this.#mode === undefined) return;
    const sequence = this.#mode === 'screen' ? ANSI.popKittyKeyboard + LEAVE_SCREEN : ANSI.resetAttributes;
    this.#mode = undefined;
    try {
      // While the process ends, only synchronous writes arrive.
      if (exiting) writeSync(this.#output.fd ?? 1, sequence);
      else this.#output.write(sequence);
      this.#input.setRawMode?.(false);
    } catch {
      // The terminal is gone; there is nothing left to restore.
    }
  }
}

function listen(emitter: NodeJS.EventEmitter, event: string, listener: (...values: unknown[]) => void): Disposable {
  emitter.on(event, listener);
  return { [Symbol.dispose]: () => void emitter.off(event, listener) };
}
