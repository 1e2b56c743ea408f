import { describe, expect, it } from 'vitest';
import { KeyInput, type KeyEvent } from '../../../src/cli/terminal/key-input.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function keys(text: string): KeyEvent[] {
  const input = new KeyInput();
  return [...input.feed(bytes(text)), ...input.flush()];
}

/** `Ctrl+Alt+KeyX` for presses, with the order of the modifiers. */
function chords(text: string): string[] {
  return keys(text).map((event) => (event.kind === 'press' ? event.codes.join('+') : event.kind));
}

describe('plain terminal input', () => {
  it.each([
    ['a', 'KeyA'],
    ['Z', 'ShiftLeft+KeyZ'],
    ['7', 'Digit7'],
    ['&', 'ShiftLeft+Digit7'],
    ['_', 'ShiftLeft+Minus'],
    ['"', 'ShiftLeft+Quote'],
    [' ', 'Space'],
    ['\r', 'Enter'],
    ['\t', 'Tab'],
    ['\x7f', 'Backspace'],
    ['\x03', 'ControlLeft+KeyC'],
    ['\x1a', 'ControlLeft+KeyZ'],
    ['\x00', 'ControlLeft+Space'],
    ['\x1c', 'ControlLeft+Backslash'],
    ['\x1d', 'ControlLeft+BracketRight'],
    ['\x1b', 'Escape'],
    ['\x1bx', 'AltLeft+KeyX'],
    ['\x1bX', 'AltLeft+ShiftLeft+KeyX'],
    ['\x1b\r', 'AltLeft+Enter'],
    // xterm: cursor keys in both modes, editing keys, function keys
    ['\x1b[A', 'ArrowUp'],
    ['\x1bOB', 'ArrowDown'],
    ['\x1b[1;5C', 'ControlLeft+ArrowRight'],
    ['\x1b[1;4D', 'AltLeft+ShiftLeft+ArrowLeft'],
    ['\x1b[H', 'Home'],
    ['\x1b[4~', 'End'],
    ['\x1b[2~', 'Insert'],
    ['\x1b[3;5~', 'ControlLeft+Delete'],
    ['\x1b[5~', 'PageUp'],
    ['\x1b[6~', 'PageDown'],
    ['\x1b[Z', 'ShiftLeft+Tab'],
    ['\x1bOP', 'F1'],
    ['\x1b[1;2R', 'ShiftLeft+F3'],
    ['\x1b[15~', 'F5'],
    ['\x1b[17~', 'F6'],
    ['\x1b[21~', 'F10'],
    ['\x1b[24;3~', 'AltLeft+F12'],
    // Linux console
    ['\x1b[[A', 'F1'],
    ['\x1b[[E', 'F5'],
    ['\x1b[1~', 'Home'],
  ])('%j is %s', (text, chord) => {
    expect(chords(text)).toEqual([chord]);
  });

  it('takes keys that arrive together, and none for what it does not know', () => {
    expect(chords('ls\r\x1b[A\x1b[99~b')).toEqual(['KeyL', 'KeyS', 'Enter', 'ArrowUp', 'KeyB']);
  });

  it('waits for the rest of a sequence that arrives in pieces', () => {
    const input = new KeyInput();
    expect(input.feed(bytes('\x1b'))).toEqual([]);
    expect(input.pending).toBe(true);
    expect(input.feed(bytes('[1;'))).toEqual([]);
    expect(input.feed(bytes('5A'))).toEqual([{ kind: 'press', codes: ['ControlLeft', 'ArrowUp'] }]);
    expect(input.pending).toBe(false);
  });

  it('keeps multi-byte characters that arrive in pieces', () => {
    const input = new KeyInput();
    const [first, second] = bytes('ä');
    expect(input.feed(Uint8Array.of(first!))).toEqual([]);
    expect(input.feed(Uint8Array.of(second!))).toEqual([{ kind: 'character', character: 'ä' }]);
  });

  it('takes two escapes for two presses', () => {
    expect(chords('\x1b\x1b')).toEqual(['Escape', 'Escape']);
  });

  it('collects pasted text, also in pieces', () => {
    const input = new KeyInput();
    const events: KeyEvent[] = [];
    for (const character of 'x\x1b[200~two\r\nlines \x1b[A\x1b[201~y') events.push(...input.feed(bytes(character)));
    expect(events.map((event) => event.kind)).toEqual(['press', 'paste', 'press']);
    expect(events[1]).toEqual({ kind: 'paste', text: 'two\nlines \x1b[A' });
  });

  it('never throws and always gets on, whatever arrives', () => {
    let seed = 99;
    const pieces = [
      '\x1b',
      '[',
      'O',
      '1',
      ';',
      '5',
      ':',
      'u',
      '~',
      'A',
      '?',
      '\xff',
      'ü',
      '200~',
      '201~',
      '<',
      ' ',
      '99999999999',
    ];
    for (let round = 0; round < 300; round++) {
      const input = new KeyInput();
      let text = '';
      for (let i = 0; i < 20; i++) {
        seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
        text += pieces[(seed >> 8) % pieces.length];
      }
      input.releases = round % 2 === 0;
      input.feed(bytes(text));
      input.flush();
      input.feed(bytes('\x1b[201~'));
      expect(input.flush()).toEqual([]);
      expect(input.pending).toBe(false);
    }
  });
});

describe('kitty keyboard protocol', () => {
  function kitty(text: string): KeyEvent[] {
    const input = new KeyInput();
    input.releases = true;
    return input.feed(bytes(text));
  }

  it('notices the answer to its question', () => {
    expect(keys('\x1b[?0u')).toEqual([{ kind: 'kitty' }]);
  });

  it('reports keys going down and up', () => {
    expect(kitty('\x1b[97;1u\x1b[97;1:2u\x1b[97;1:3u')).toEqual([
      { kind: 'down', code: 'KeyA', character: 'a' },
      { kind: 'down', code: 'KeyA', character: 'a' },
      { kind: 'up', code: 'KeyA' },
    ]);
  });

  it('reports modifiers by themselves', () => {
    expect(kitty('\x1b[57442;5u\x1b[99;5u\x1b[99;5:3u\x1b[57442;1:3u')).toEqual([
      { kind: 'down', code: 'ControlLeft' },
      { kind: 'down', code: 'KeyC', character: 'c', control: 3 },
      { kind: 'up', code: 'KeyC' },
      { kind: 'up', code: 'ControlLeft' },
    ]);
  });

  it('goes by the place of the key, whatever the host layout prints on it', () => {
    // The key Q of a French keyboard stands where A is on a US one: code 113 'q', base layout 97 'a'.
    expect(kitty('\x1b[113::97;1u')).toEqual([{ kind: 'down', code: 'KeyA', character: 'q' }]);
  });

  it('reports function and cursor keys', () => {
    expect(kitty('\x1b[1;1A\x1b[1;1:3A\x1b[15;1:3~\x1b[P\x1b[27;1:1u')).toEqual([
      { kind: 'down', code: 'ArrowUp' },
      { kind: 'up', code: 'ArrowUp' },
      { kind: 'up', code: 'F5' },
      { kind: 'down', code: 'F1' },
      { kind: 'down', code: 'Escape' },
    ]);
  });
});
