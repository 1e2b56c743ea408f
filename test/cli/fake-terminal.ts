import xterm from '@xterm/headless';
import type { Terminal } from '../../src/cli/terminal/terminal.ts';

/** A terminal in memory; what the program writes can be read from its cells. */
export class FakeTerminal implements Terminal {
  readonly colors = 'true';
  readonly unicode = true;
  congested = false;
  readonly modes: string[] = [];
  readonly xterm: xterm.Terminal;
  written = '';
  readonly #input = new Set<(bytes: Uint8Array) => void>();
  readonly #resize = new Set<() => void>();
  readonly #gone = new Set<() => void>();

  constructor(columns = 80, rows = 26) {
    this.xterm = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  }

  get columns(): number {
    return this.xterm.cols;
  }

  get rows(): number {
    return this.xterm.rows;
  }

  write(data: string | Uint8Array): void {
    this.written += typeof data === 'string' ? data : new TextDecoder().decode(data);
    this.xterm.write(data);
  }

  onInput(listener: (bytes: Uint8Array) => void): Disposable {
    return subscribe(this.#input, listener);
  }

  onResize(listener: () => void): Disposable {
    return subscribe(this.#resize, listener);
  }

  onGone(listener: () => void): Disposable {
    return subscribe(this.#gone, listener);
  }

  acquire(mode: 'screen' | 'bytes'): void {
    this.modes.push(mode);
  }

  release(): void {
    this.modes.push('released');
  }

  /** The user types; what was written until then has reached the cells afterwards. */
  async input(text: string): Promise<void> {
    for (const listener of this.#input) listener(new TextEncoder().encode(text));
    await this.settle();
  }

  resize(columns: number, rows: number): void {
    this.xterm.resize(columns, rows);
    for (const listener of this.#resize) listener();
  }

  vanish(): void {
    for (const listener of this.#gone) listener();
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise<void>((resolve) => this.xterm.write('', resolve));
  }

  line(row: number): string {
    const { active } = this.xterm.buffer;
    return active
      .getLine(active.baseY + row)!
      .translateToString(true)
      .trimEnd();
  }

  get text(): string {
    return Array.from({ length: this.rows }, (_, row) => this.line(row)).join('\n');
  }
}

function subscribe<T>(set: Set<T>, listener: T): Disposable {
  set.add(listener);
  return { [Symbol.dispose]: () => void set.delete(listener) };
}
