/** The escape prefix: a control character, Ctrl-A by default, after which one key gives the program a command. */

export type EscapeCommand =
  | 'help'
  | 'exit'
  | 'view'
  | 'break'
  | 'attention'
  | 'status'
  | 'timestamps'
  | 'pause'
  | 'reset'
  | 'screenshot'
  | 'detach'
  | 'power-button'
  /** The prefix itself goes to the guest. */
  | 'literal'
  | 'unknown';

/** Commands in the order of the help text. */
export const ESCAPE_COMMANDS: readonly (readonly [key: string, command: EscapeCommand, meaning: string])[] = [
  ['h', 'help', 'this list'],
  ['x', 'exit', 'cut the power and leave'],
  ['o', 'power-button', 'press the power button: the guest shuts down by itself'],
  ['p', 'pause', 'pause, or go on'],
  ['r', 'reset', 'press the reset button'],
  ['v', 'screenshot', 'write a picture of the screen (PNG) to the present folder'],
  ['c', 'view', 'switch between the screen and the first serial port'],
  ['k', 'attention', 'Ctrl-Alt-Delete'],
  ['b', 'break', 'Ctrl-Break'],
  ['s', 'status', 'what the machine is doing'],
  ['t', 'timestamps', 'time stamps on serial lines, on or off'],
  ['d', 'detach', 'leave the terminal; the machine goes on without it'],
];

/** Parses `^A`, `Ctrl-A` or the control character itself. */
export function parseEscape(text: string): number | undefined {
  const match = /^(?:\^|ctrl[-+])([@-_a-z])$/i.exec(text);
  if (match) return match[1]!.toUpperCase().charCodeAt(0) & 0x1f;
  const code = text.charCodeAt(0);
  return text.length === 1 && code < 0x20 ? code : undefined;
}

/** `Ctrl-A` for 1. */
export const escapeName = (code: number): string => `Ctrl-${String.fromCharCode(code + 0x40)}`;

/** Watches a stream of keys or bytes for the prefix and the key behind it. */
export class EscapeFilter {
  readonly prefix: number;
  #armed = false;

  /** @param prefix control code, 0 to 31 */
  constructor(prefix: number) {
    this.prefix = prefix;
  }

  /** True between the prefix and the key behind it. */
  get armed(): boolean {
    return this.#armed;
  }

  /**
   * Takes one key. Returns a command; `armed` when the key was the prefix; `undefined` when it is for the guest.
   * `character` is what it types, `control` its control code, if any.
   */
  take(character: string | undefined, control: number | undefined): EscapeCommand | 'armed' | undefined {
    if (!this.#armed) {
      if (control !== this.prefix) return undefined;
      this.#armed = true;
      return 'armed';
    }
    this.#armed = false;
    if (control === this.prefix) return 'literal';
    const typed = character?.toLowerCase();
    const command = ESCAPE_COMMANDS.find(([key]) => key === typed)?.[1];
    if (command) return command;
    if (typed === '?') return 'help';
    return typed === String.fromCharCode(this.prefix + 0x60) ? 'literal' : 'unknown';
  }
}
