/** The US keyboard: which key, with or without Shift, makes which character. Codes are those of `KeyboardEvent.code`. */

export interface KeyStroke {
  readonly code: string;
  readonly shift: boolean;
}

/** Code, then the characters without and with Shift. */
const SYMBOLS: readonly (readonly [code: string, characters: string])[] = [
  ['Backquote', '`~'],
  ['Minus', '-_'],
  ['Equal', '=+'],
  ['BracketLeft', '[{'],
  ['BracketRight', ']}'],
  ['Backslash', '\\|'],
  ['Semicolon', ';:'],
  ['Quote', '\'"'],
  ['Comma', ',<'],
  ['Period', '.>'],
  ['Slash', '/?'],
];
const SHIFTED_DIGITS = ')!@#$%^&*(';

const STROKES = new Map<string, KeyStroke>([
  [' ', { code: 'Space', shift: false }],
  ['\n', { code: 'Enter', shift: false }],
  ['\r', { code: 'Enter', shift: false }],
  ['\t', { code: 'Tab', shift: false }],
  ['\b', { code: 'Backspace', shift: false }],
  ['\x7f', { code: 'Backspace', shift: false }],
  ['\x1b', { code: 'Escape', shift: false }],
]);
for (const [code, characters] of SYMBOLS) {
  STROKES.set(characters[0]!, { code, shift: false });
  STROKES.set(characters[1]!, { code, shift: true });
}
for (let i = 0; i < 10; i++) {
  STROKES.set(String(i), { code: `Digit${i}`, shift: false });
  STROKES.set(SHIFTED_DIGITS[i]!, { code: `Digit${i}`, shift: true });
}
for (const letter of 'abcdefghijklmnopqrstuvwxyz') {
  const code = `Key${letter.toUpperCase()}`;
  STROKES.set(letter, { code, shift: false });
  STROKES.set(letter.toUpperCase(), { code, shift: true });
}

/** The key stroke for a character, or `undefined` if the layout lacks it. */
export const strokeFor = (character: string): KeyStroke | undefined => STROKES.get(character);
