/**
 * Terminal input to keys. Two sources are understood: what every terminal sends (characters, control codes, CSI and SS3
 * sequences of xterm, the Linux console and rxvt), from which presses are made, and the kitty keyboard protocol
 * (progressive enhancement flags 1, 2, 4, 8), which reports keys going down and up by themselves.
 */
import { strokeFor } from '../../machine/us-layout.ts';

export type KeyEvent =
  /** Keys to press together and release, modifiers first. */
  | {
      readonly kind: 'press';
      readonly codes: readonly string[];
      readonly character?: string;
      readonly control?: number;
    }
  | { readonly kind: 'down'; readonly code: string; readonly character?: string; readonly control?: number }
  | { readonly kind: 'up'; readonly code: string }
  /** A character that no key of the US layout makes. */
  | { readonly kind: 'character'; readonly character: string }
  | { readonly kind: 'paste'; readonly text: string }
  /** The terminal answered that it knows the kitty keyboard protocol. */
  | { readonly kind: 'kitty' };

const ESC = '\x1b';
const PASTE_END = `${ESC}[201~`;
/** A paste longer than this is cut: the guest takes some thirty keys a second. */
const PASTE_MAX = 65_536;

const SHIFT = 1;
const ALT = 2;
const CTRL = 4;

/** Final bytes of CSI and SS3 sequences without a number of their own. */
const LETTER_KEYS: Readonly<Record<string, string>> = {
  A: 'ArrowUp',
  B: 'ArrowDown',
  C: 'ArrowRight',
  D: 'ArrowLeft',
  E: 'Numpad5',
  F: 'End',
  H: 'Home',
  M: 'NumpadEnter',
  P: 'F1',
  Q: 'F2',
  R: 'F3',
  S: 'F4',
};

/** `CSI number ~`. */
const TILDE_KEYS: Readonly<Record<number, string>> = {
  1: 'Home',
  2: 'Insert',
  3: 'Delete',
  4: 'End',
  5: 'PageUp',
  6: 'PageDown',
  7: 'Home',
  8: 'End',
  11: 'F1',
  12: 'F2',
  13: 'F3',
  14: 'F4',
  15: 'F5',
  17: 'F6',
  18: 'F7',
  19: 'F8',
  20: 'F9',
  21: 'F10',
  23: 'F11',
  24: 'F12',
  29: 'ContextMenu',
};

/** `CSI number u`: keys without a character (kitty keyboard protocol, functional key definitions). */
const KITTY_KEYS: Readonly<Record<number, string>> = {
  9: 'Tab',
  13: 'Enter',
  27: 'Escape',
  127: 'Backspace',
  57358: 'CapsLock',
  57359: 'ScrollLock',
  57360: 'NumLock',
  57361: 'PrintScreen',
  57362: 'Pause',
  57363: 'ContextMenu',
  57409: 'NumpadDecimal',
  57410: 'NumpadDivide',
  57411: 'NumpadMultiply',
  57412: 'NumpadSubtract',
  57413: 'NumpadAdd',
  57414: 'NumpadEnter',
  57417: 'Numpad4',
  57418: 'Numpad6',
  57419: 'Numpad8',
  57420: 'Numpad2',
  57421: 'Numpad9',
  57422: 'Numpad3',
  57423: 'Numpad7',
  57424: 'Numpad1',
  57425: 'Numpad0',
  57426: 'NumpadDecimal',
  57427: 'Numpad5',
  57441: 'ShiftLeft',
  57442: 'ControlLeft',
  57443: 'AltLeft',
  57444: 'MetaLeft',
  57447: 'ShiftRight',
  57448: 'ControlRight',
  57449: 'AltRight',
  57450: 'MetaRight',
  ...Object.fromEntries(Array.from({ length: 10 }, (_, digit) => [57399 + digit, `Numpad${digit}`])),
};

/** Characters that stand for a key of their own in plain terminal input. */
const CONTROL_KEYS: Readonly<Record<string, string>> = {
  '\t': 'Tab',
  '\r': 'Enter',
  '\n': 'Enter',
  '\b': 'Backspace',
  '\x7f': 'Backspace',
  [ESC]: 'Escape',
};

/** Control codes that no letter makes. */
const CONTROL_CODES: Readonly<Record<number, string>> = {
  0x00: 'Space',
  0x1c: 'Backslash',
  0x1d: 'BracketRight',
  0x1e: 'Digit6',
  0x1f: 'Minus',
};

function modifierKeys(modifiers: number): string[] {
  const keys: string[] = [];
  if (modifiers & CTRL) keys.push('ControlLeft');
  if (modifiers & ALT) keys.push('AltLeft');
  if (modifiers & SHIFT) keys.push('ShiftLeft');
  return keys;
}

/** The control code that Ctrl with this character makes (ECMA-48: columns 4 and 5 without two bits). */
function controlCode(character: string): number | undefined {
  const code = character.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code <= 0x5f ? code & 0x1f : undefined;
}

export class KeyInput {
  readonly #decoder = new TextDecoder();
  #buffer = '';
  #paste: string | undefined;
  /** True while releases are reported, so that keys go down and up instead of being pressed. */
  releases = false;

  /** True while the input may be the beginning of a longer sequence; call `flush` when nothing follows for a while. */
  get pending(): boolean {
    return this.#buffer !== '';
  }

  feed(bytes: Uint8Array): KeyEvent[] {
    this.#buffer += this.#decoder.decode(bytes, { stream: true });
    return this.#parse(false);
  }

  /** Takes what is pending for what it says literally: a lone ESC is the Escape key. */
  flush(): KeyEvent[] {
    return this.#parse(true);
  }

  #parse(final: boolean): KeyEvent[] {
    const events: KeyEvent[] = [];
    while (this.#buffer !== '') {
      if (this.#paste !== undefined) {
        if (!this.#takePaste(events)) break;
        continue;
      }
      const taken = this.#takeOne(events, final);
      if (taken === 0) break;
      this.#buffer = this.#buffer.slice(taken);
    }
    return events;
  }

  /** Collects pasted text; false while its end has not arrived. */
  #takePaste(events: KeyEvent[]): boolean {
    const end = this.#buffer.indexOf(PASTE_END);
    // The end marker may arrive in pieces: keep what could be its beginning.
    const length = end >= 0 ? end : Math.max(0, this.#buffer.length - (PASTE_END.length - 1));
    this.#paste = (this.#paste + this.#buffer.slice(0, length)).slice(0, PASTE_MAX);
    this.#buffer = this.#buffer.slice(length);
    if (end < 0) return false;
    events.push({ kind: 'paste', text: this.#paste.replaceAll(/\r\n?/g, '\n') });
    this.#paste = undefined;
    this.#buffer = this.#buffer.slice(PASTE_END.length);
    return true;
  }

  /** Parses one key at the start of the buffer; returns the characters used, 0 to wait for more. */
  #takeOne(events: KeyEvent[], final: boolean): number {
    const text = this.#buffer;
    if (text[0] !== ESC) {
      const character = String.fromCodePoint(text.codePointAt(0)!);
      events.push(plainKey(character, 0));
      return character.length;
    }
    const second = text[1];
    if (second === undefined) {
      if (!final) return 0;
      events.push({ kind: 'press', codes: ['Escape'] });
      return 1;
    }
    if (second === '[' || second === 'O') {
      const used = second === '[' ? this.#takeCsi(events) : this.#takeSs3(events);
      if (used > 0) return used;
      if (!final) return 0;
    }
    if (second === ESC) {
      events.push({ kind: 'press', codes: ['Escape'] });
      return 1;
    }
    const character = String.fromCodePoint(text.codePointAt(1)!);
    events.push(plainKey(character, ALT));
    return 1 + character.length;
  }

  #takeSs3(events: KeyEvent[]): number {
    const match = /^\x1bO([0-9]*)([A-Za-z])/.exec(this.#buffer);
    if (!match) return 0;
    const code = LETTER_KEYS[match[2]!];
    if (code !== undefined) this.#key(events, code, match[1] === '' ? 1 : Number(match[1]), 1);
    return match[0].length;
  }

  #takeCsi(events: KeyEvent[]): number {
    // The Linux console sends F1 to F5 as CSI [ A to CSI [ E.
    const linux = /^\x1b\[\[([A-E])/.exec(this.#buffer);
    if (linux) {
      this.#key(events, `F${linux[1]!.charCodeAt(0) - 0x40}`, 1, 1);
      return linux[0].length;
    }
    const match = /^\x1b\[([<=>?]?)([0-9;:]*)[ -/]*([@-Z\\-~])/.exec(this.#buffer);
    if (!match) return 0;
    const [whole, prefix, parameters, final] = match as unknown as [string, string, string, string];
    const fields = parameters.split(';').map((field) => field.split(':').map(Number));
    const number = fields[0]?.[0] ?? 0;
    const modifiers = fields[1]?.[0] || 1;
    const event = fields[1]?.[1] || 1;
    if (prefix === '?' && final === 'u') events.push({ kind: 'kitty' });
    else if (prefix !== '') return whole.length;
    else if (final === '~' && number === 200) this.#paste = '';
    else if (final === '~') {
      const code = TILDE_KEYS[number];
      if (code !== undefined) this.#key(events, code, modifiers, event);
    } else if (final === 'Z') this.#key(events, 'Tab', 1 + SHIFT, 1);
    else if (final === 'u') this.#kittyKey(events, fields[0]!, modifiers, event);
    else {
      const code = LETTER_KEYS[final];
      if (code !== undefined && number <= 1) this.#key(events, code, modifiers, event);
    }
    return whole.length;
  }

  /** A key without a character. `modifiers` as in the sequences: 1 plus a bit mask. `event`: 1 press, 2 repeat, 3 release. */
  #key(events: KeyEvent[], code: string, modifiers: number, event: number): void {
    if (!this.releases) events.push({ kind: 'press', codes: [...modifierKeys(modifiers - 1), code] });
    else events.push(event === 3 ? { kind: 'up', code } : { kind: 'down', code });
  }

  /** `codes`: the key's character, the same with Shift, the character in the US layout. */
  #kittyKey(events: KeyEvent[], codes: readonly number[], modifiers: number, event: number): void {
    const [plain = 0, shifted = 0, base = 0] = codes;
    const named = KITTY_KEYS[plain];
    if (named !== undefined) return this.#key(events, named, modifiers, event);
    if (plain > 0x10ffff) return;
    const typed = String.fromCodePoint((modifiers - 1) & SHIFT && shifted ? shifted : plain);
    const stroke = strokeFor(String.fromCodePoint(base || plain));
    if (!stroke) {
      if (event !== 3) events.push({ kind: 'character', character: typed });
      return;
    }
    if (event === 3) {
      events.push({ kind: 'up', code: stroke.code });
      return;
    }
    const control = (modifiers - 1) & CTRL ? controlCode(String.fromCodePoint(plain)) : undefined;
    events.push({
      kind: 'down',
      code: stroke.code,
      character: typed,
      ...(control === undefined ? {} : { control }),
    });
  }
}

/** What a character of plain input means. */
function plainKey(character: string, modifiers: number): KeyEvent {
  const named = CONTROL_KEYS[character];
  if (named !== undefined) {
    // Backspace is DEL on most terminals and BS on some; Ctrl-H cannot be told from it.
    return { kind: 'press', codes: [...modifierKeys(modifiers), named], control: character.charCodeAt(0) };
  }
  const code = character.codePointAt(0)!;
  if (code < 0x20) {
    const key = CONTROL_CODES[code] ?? `Key${String.fromCharCode(code + 0x40)}`;
    return { kind: 'press', codes: [...modifierKeys(modifiers | CTRL), key], control: code };
  }
  const stroke = strokeFor(character);
  if (!stroke) return { kind: 'character', character };
  return { kind: 'press', codes: [...modifierKeys(modifiers | (stroke.shift ? SHIFT : 0)), stroke.code], character };
}
