/** Control sequences used on the terminal (ECMA-48, xterm control sequences, kitty keyboard protocol). */

const ESC = '\x1b';
const CSI = `${ESC}[`;

export const ANSI = {
  alternateScreen: `${CSI}?1049h`,
  normalScreen: `${CSI}?1049l`,
  /** Autowrap off: the last column can be written without moving on. */
  noAutowrap: `${CSI}?7l`,
  autowrap: `${CSI}?7h`,
  clear: `${CSI}2J`,
  clearToEndOfLine: `${CSI}K`,
  resetAttributes: `${CSI}0m`,
  hideCursor: `${CSI}?25l`,
  showCursor: `${CSI}?25h`,
  defaultCursorShape: `${CSI}0 q`,
  blockCursor: `${CSI}1 q`,
  underlineCursor: `${CSI}3 q`,
  /** Everything up to `endUpdate` appears at once, on terminals that know it (mode 2026). */
  beginUpdate: `${CSI}?2026h`,
  endUpdate: `${CSI}?2026l`,
  bracketedPaste: `${CSI}?2004h`,
  noBracketedPaste: `${CSI}?2004l`,
  /** Asks whether the kitty keyboard protocol is known; the answer is `CSI ? flags u`. */
  queryKittyKeyboard: `${CSI}?u`,
  /** Disambiguate (1), report releases (2), report the key of the base layout (4), report all keys as sequences (8). */
  pushKittyKeyboard: `${CSI}>15u`,
  popKittyKeyboard: `${CSI}<u`,
} as const;

/** Moves the cursor; row and column count from 0. */
export const moveTo = (row: number, column: number): string => `${CSI}${row + 1};${column + 1}H`;

/** Select graphic rendition. */
export const sgr = (...parameters: readonly (number | string)[]): string => `${CSI}${parameters.join(';')}m`;
