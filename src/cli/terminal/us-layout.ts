/** The US keyboard: which key, with or without Shift, makes which character. Codes are those of `KeyboardEvent.code`. */

export interface KeyStroke {
  readonly code: string;
  readonly shift: boolean;
}

/** Code, character, character with Shift. */
const PRINTABLE: readonly (readonly [code: string, plain: string, shifted: string])[] = [
  ['Backquote', '`', '~'],
  ['Minus', '-', '_'],
  ['Equal', '=', '+'],
  ['BracketLeft', '[', '{'],
  ['BracketRight', ']', '}'],
  ['Backslash', '\\', '|'],
  ['Semicolon', ';', ':'],
  ['Quote', "'", '"'],
  ['Comma', ',', '<'],
  ['Period', '.', '>'],
  ['Slash', '/', '?'],
  ['Space', ' ', ' '],
  ...[...'1234567890'].map((digit, i) => [`Digit${digit}`, digit, '!@#$%^&*()'[i]!] as const),
  ...[...'abcdefghijklmnopqrstuvwxyz'].map(
    (letter) => [`Key${letter.toUpperCase()}`, letter, letter.toUpperCase()] as const,
  ),
];

const STROKES = new Map<string, KeyStroke>();
for (const [code, plain, shifted] of PRINTABLE) {
  STROKES.set(shifted, { code, shift: true });
  STROKES.set(plain, { code, shift: false });
}

/** The key stroke for a character, or `undefined` if the layout lacks it. */
export const strokeFor = (character: string): KeyStroke | undefined => STROKES.get(character);
