/**
 * Draws the guest's screen on a terminal by difference: only cells that changed are written. Text modes appear cell by
 * cell; for graphics modes a notice says what is shown and how to get a picture.
 */
import type { ScreenState, TextScreen } from '../../machine/api.ts';
import { ANSI, moveTo, sgr } from './ansi.ts';
import { glyphs } from './glyphs.ts';

/** What the terminal shows of colours: 24-bit, the sixteen of ECMA-48 and aixterm, or none. */
export type ColorDepth = 'true' | 'ansi16' | 'none';

export interface RendererOptions {
  /** Size of the terminal in cells. */
  readonly columns: number;
  readonly rows: number;
  readonly colors: ColorDepth;
  /** False: only ASCII is written. */
  readonly unicode: boolean;
}

/** VGA colour numbers have blue in bit 0 and red in bit 2; ANSI the other way round. */
const ANSI_OF_VGA = [0, 4, 2, 6, 1, 5, 3, 7] as const;

/** Cells whose rewriting costs no more than moving the cursor over them. */
const GAP = 4;

const STATUS = -1;

/** A cell as it stands on the terminal: glyph and rendition, compared as strings. */
interface Cell {
  readonly glyph: string;
  readonly style: string;
}

const BLANK: Cell = { glyph: ' ', style: '' };

export class ScreenRenderer {
  #columns: number;
  #rows: number;
  readonly #colors: ColorDepth;
  readonly #glyphs: readonly string[];
  readonly #ellipsis: string;
  readonly #screenshotKeys: string;
  /** What the terminal shows, row by row; undefined after it was cleared or resized. */
  #shown: Cell[][] | undefined;
  #shownCursor = '';
  #styles = new Map<number, string>();
  #palette = '';
  #blink = false;

  /** @param screenshotKeys keys that write a picture, for the notice in graphics modes */
  constructor(options: RendererOptions, screenshotKeys: string) {
    this.#columns = options.columns;
    this.#rows = options.rows;
    this.#colors = options.colors;
    this.#glyphs = glyphs(options.unicode);
    this.#ellipsis = options.unicode ? '…' : '~';
    this.#screenshotKeys = screenshotKeys;
  }

  /** The terminal has another size; the next `render` draws everything. */
  resize(columns: number, rows: number): void {
    this.#columns = columns;
    this.#rows = rows;
    this.invalidate();
  }

  /** The terminal's content is unknown; the next `render` draws everything. */
  invalidate(): void {
    this.#shown = undefined;
  }

  /**
   * Bytes that bring the terminal from what it shows to `screen`; empty when nothing changed.
   * `status` stands on the row below the guest's screen. Where there is no such row it is left out, unless `urgent`
   * asks for it to cover the last row.
   */
  render(screen: ScreenState, status = '', urgent = false): string {
    const next = Array.from({ length: this.#rows }, () => Array.from({ length: this.#columns }, () => BLANK));
    const cursor = screen.mode === 'text' ? this.#layText(next, screen) : this.#layNotice(next, screen);
    const guestRows = screen.mode === 'text' ? screen.rows : this.#rows - 1;
    if (status !== '' && (urgent || this.#rows > guestRows)) this.#layStatus(next, status);
    const changes = this.#difference(next);
    this.#shown = next;
    if (changes === '' && cursor === this.#shownCursor) return '';
    this.#shownCursor = cursor;
    return ANSI.beginUpdate + ANSI.hideCursor + changes + cursor + ANSI.endUpdate;
  }

  /** Puts the guest's cells into the grid; returns the sequence that places the cursor. */
  #layText(grid: Cell[][], screen: TextScreen): string {
    this.#learnColors(screen);
    const top = this.#firstRow(screen);
    const left = this.#firstColumn(screen);
    const rows = Math.min(this.#rows, screen.rows - top);
    const columns = Math.min(this.#columns, screen.columns - left);
    for (let row = 0; row < rows; row++) {
      const line = grid[row]!;
      const from = (row + top) * screen.columns + left;
      for (let column = 0; column < columns; column++) {
        const glyph = this.#glyphs[screen.characters[from + column]!]!;
        line[column] = { glyph, style: this.#style(screen.attributes[from + column]!, screen.palette) };
      }
    }
    const { cursor } = screen;
    if (!cursor || cursor.start > cursor.end) return '';
    const row = cursor.row - top;
    const column = cursor.column - left;
    if (row < 0 || row >= this.#rows || column < 0 || column >= this.#columns) return '';
    const tall = cursor.end - cursor.start + 1 > cursor.cellHeight / 2;
    return moveTo(row, column) + (tall ? ANSI.blockCursor : ANSI.underlineCursor) + ANSI.showCursor;
  }

  /** First row of the guest's screen to show: all of it where it fits, else the part with the cursor. */
  #firstRow(screen: TextScreen): number {
    const hidden = screen.rows - this.#rows;
    if (hidden <= 0) return 0;
    const row = screen.cursor?.row ?? 0;
    return Math.min(hidden, Math.max(0, row - this.#rows + 1));
  }

  #firstColumn(screen: TextScreen): number {
    const hidden = screen.columns - this.#columns;
    if (hidden <= 0) return 0;
    const column = screen.cursor?.column ?? 0;
    return Math.min(hidden, Math.max(0, column - this.#columns + 1));
  }

  #layNotice(grid: Cell[][], screen: { width: number; height: number }): string {
    const lines = [
      `The guest shows graphics: ${screen.width} x ${screen.height} pixels.`,
      `${this.#screenshotKeys} writes a picture of it.`,
    ];
    const top = Math.max(0, Math.floor((this.#rows - lines.length) / 2));
    lines.forEach((line, i) => {
      const row = grid[top + i];
      const left = Math.max(0, Math.floor((this.#columns - line.length) / 2));
      if (row) this.#layString(row, left, line, '');
    });
    return '';
  }

  #layStatus(grid: Cell[][], status: string): void {
    const line = grid[this.#rows - 1];
    if (!line) return;
    const style = this.#colors === 'none' ? sgr(7) : this.#style(STATUS, []);
    const room = this.#columns;
    const text = status.length > room ? status.slice(0, Math.max(0, room - 1)) + this.#ellipsis : status.padEnd(room);
    this.#layString(line, 0, text, style);
  }

  #layString(line: Cell[], left: number, text: string, style: string): void {
    [...text].forEach((glyph, i) => {
      if (left + i < line.length) line[left + i] = { glyph, style };
    });
  }

  #learnColors(screen: TextScreen): void {
    const palette = screen.palette.join();
    if (palette === this.#palette && screen.blink === this.#blink) return;
    this.#palette = palette;
    this.#blink = screen.blink;
    this.#styles.clear();
  }

  /** The rendition for an attribute byte. */
  #style(attribute: number, palette: readonly number[]): string {
    if (attribute === STATUS) return sgr(0, 7);
    const known = this.#styles.get(attribute);
    if (known !== undefined) return known;
    const blinking = this.#blink && (attribute & 0x80) !== 0;
    const foreground = attribute & 0x0f;
    const background = (attribute >> 4) & (this.#blink ? 0x07 : 0x0f);
    const parameters: (number | string)[] = [0];
    if (blinking) parameters.push(5);
    switch (this.#colors) {
      case 'true':
        parameters.push(`38;2;${components(palette[foreground] ?? 0)}`, `48;2;${components(palette[background] ?? 0)}`);
        break;
      case 'ansi16':
        parameters.push((foreground & 8 ? 90 : 30) + ANSI_OF_VGA[foreground & 7]!);
        parameters.push((background & 8 ? 100 : 40) + ANSI_OF_VGA[background & 7]!);
        break;
      case 'none':
        if (background > foreground) parameters.push(7);
        if (foreground & 8) parameters.push(1);
        break;
    }
    const style = sgr(...parameters);
    this.#styles.set(attribute, style);
    return style;
  }

  /** Sequences that turn the shown grid into `next`. */
  #difference(next: Cell[][]): string {
    const shown = this.#shown;
    let out = shown ? '' : ANSI.resetAttributes + ANSI.clear;
    let style: string | undefined;
    next.forEach((line, row) => {
      const before = shown?.[row];
      const changed = (column: number): boolean => {
        const old = before?.[column] ?? BLANK;
        const cell = line[column]!;
        return old.glyph !== cell.glyph || old.style !== cell.style;
      };
      let column = 0;
      let at = -1;
      while (column < line.length) {
        if (!changed(column)) {
          column++;
          continue;
        }
        // A short stretch of unchanged cells is cheaper to write again than to jump over.
        let from = column;
        if (at >= 0 && column - at <= GAP) from = at;
        else out += moveTo(row, column);
        for (; from <= column; from++) {
          const cell = line[from]!;
          if (cell.style !== style) {
            out += cell.style === '' ? ANSI.resetAttributes : cell.style;
            style = cell.style;
          }
          out += cell.glyph;
        }
        at = ++column;
      }
    });
    return out === '' ? '' : out + ANSI.resetAttributes;
  }
}

const components = (rgb: number): string => `${rgb >> 16};${(rgb >> 8) & 0xff};${rgb & 0xff}`;
