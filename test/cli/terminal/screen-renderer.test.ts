import xterm from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import type { TextScreen } from '../../../src/machine/api.ts';
import { CP437, fromCp437 } from '../../../src/display/cp437.ts';
import { ANSI } from '../../../src/cli/terminal/ansi.ts';
import { type ColorDepth, ScreenRenderer } from '../../../src/cli/terminal/screen-renderer.ts';

/** The 16 VGA colours after the mode is set by the video BIOS. */
const PALETTE = [
  0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55,
  0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
];

function textScreen(
  changes: Partial<TextScreen> = {},
): TextScreen & { characters: Uint8Array; attributes: Uint8Array } {
  const columns = changes.columns ?? 80;
  const rows = changes.rows ?? 25;
  const characters = changes.characters ?? new Uint8Array(columns * rows).fill(0x20);
  return {
    mode: 'text',
    columns,
    rows,
    characters,
    attributes: new Uint8Array(columns * rows).fill(7),
    blink: true,
    cursor: { column: 0, row: 0, start: 13, end: 14, cellHeight: 16 },
    palette: PALETTE,
    lines: Array.from({ length: rows }, (_, row) =>
      fromCp437(characters.subarray(row * columns, (row + 1) * columns)).trimEnd(),
    ),
    ...changes,
  };
}

function put(screen: TextScreen, row: number, column: number, text: string, attribute = 7): void {
  [...text].forEach((character, i) => {
    const at = row * screen.columns + column + i;
    screen.characters[at] = CP437.indexOf(character);
    screen.attributes[at] = attribute;
  });
}

/** A terminal that shows what the renderer writes. */
class Screen {
  readonly terminal: xterm.Terminal;
  readonly renderer: ScreenRenderer;
  written = 0;

  constructor(columns = 80, rows = 26, colors: ColorDepth = 'true', unicode = true) {
    this.terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.renderer = new ScreenRenderer({ columns, rows, colors, unicode }, 'Ctrl-A v');
  }

  async show(screen: Parameters<ScreenRenderer['render']>[0], status?: string, urgent?: boolean): Promise<string> {
    const output = this.renderer.render(screen, status, urgent);
    this.written = output.length;
    await new Promise<void>((resolve) => this.terminal.write(ANSI.noAutowrap + output, resolve));
    return output;
  }

  line(row: number): string {
    return this.terminal.buffer.active.getLine(row)!.translateToString(true).trimEnd();
  }

  cell(row: number, column: number) {
    return this.terminal.buffer.active.getLine(row)!.getCell(column)!;
  }
}

describe('ScreenRenderer', () => {
  it('shows every character of code page 437 in its place', async () => {
    const characters = new Uint8Array(80 * 25).fill(0x20);
    for (let code = 0; code < 256; code++) characters[code] = code;
    const screen = new Screen();
    await screen.show(textScreen({ characters }));
    for (let code = 0; code < 256; code++) {
      const cell = screen.cell(Math.floor(code / 80), code % 80);
      const wanted = code === 0xff ? ' ' : CP437[code];
      expect([code, cell.getChars() || ' ', cell.getWidth()]).toEqual([code, wanted, 1]);
    }
  });

  it('draws colours, bright backgrounds and blinking from the attribute bytes', async () => {
    const text = textScreen({ blink: true });
    put(text, 3, 5, 'A', 0x1e); // yellow on blue
    put(text, 3, 6, 'B', 0x9e); // the same, blinking
    const screen = new Screen();
    await screen.show(text);
    const yellow = screen.cell(3, 5);
    expect([yellow.isFgRGB(), yellow.getFgColor(), yellow.isBgRGB(), yellow.getBgColor()]).toEqual([
      true,
      0xffff55,
      true,
      0x0000aa,
    ]);
    expect(yellow.isBlink()).toBeFalsy();
    expect(screen.cell(3, 6).isBlink()).toBeTruthy();
    expect(screen.cell(3, 6).getBgColor()).toBe(0x0000aa);
    await screen.show({ ...text, blink: false });
    expect(screen.cell(3, 6).isBlink()).toBeFalsy();
    expect(screen.cell(3, 6).getBgColor()).toBe(0x5555ff);
  });

  it('follows a changed palette', async () => {
    const text = textScreen();
    put(text, 0, 0, 'x', 0x04);
    const screen = new Screen();
    await screen.show(text);
    expect(screen.cell(0, 0).getFgColor()).toBe(0xaa0000);
    await screen.show({ ...text, palette: PALETTE.map((color, i) => (i === 4 ? 0x123456 : color)) });
    expect(screen.cell(0, 0).getFgColor()).toBe(0x123456);
  });

  it('turns VGA colour numbers into those of sixteen-colour terminals', async () => {
    const text = textScreen({ blink: false });
    // VGA 1 blue = ANSI 4, VGA 4 red = ANSI 1, VGA 12 bright red = ANSI 9, VGA 11 bright cyan = ANSI 14.
    put(text, 0, 0, 'a', 0x14);
    put(text, 0, 1, 'b', 0xcb);
    const screen = new Screen(80, 26, 'ansi16');
    await screen.show(text);
    expect([screen.cell(0, 0).getFgColor(), screen.cell(0, 0).getBgColor()]).toEqual([1, 4]);
    expect([screen.cell(0, 1).getFgColor(), screen.cell(0, 1).getBgColor()]).toEqual([14, 9]);
  });

  it('uses no colour where none is wanted, but keeps inverse text readable', async () => {
    const text = textScreen();
    put(text, 0, 0, 'n', 0x07);
    put(text, 0, 1, 'i', 0x70);
    const screen = new Screen(80, 26, 'none');
    const output = await screen.show(text);
    expect(output).not.toMatch(/\x1b\[[\d;]*[34][0-8]/);
    expect(screen.cell(0, 0).isInverse()).toBeFalsy();
    expect(screen.cell(0, 1).isInverse()).toBeTruthy();
  });

  it('writes only ASCII where the locale takes nothing else', async () => {
    const characters = Uint8Array.from({ length: 80 * 25 }, (_, i) => i & 0xff);
    const output = await new Screen(80, 26, 'true', false).show(textScreen({ characters }));
    expect(output).toMatch(/^[\x1b\x20-\x7e]+$/);
  });

  it('writes only what changed, and ends with the same grid as a full redraw', async () => {
    const screen = new Screen();
    const text = textScreen();
    await screen.show(text);
    expect(await screen.show(text)).toBe('');
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    for (let frame = 0; frame < 60; frame++) {
      for (let i = random(30); i >= 0; i--) {
        const at = random(2000);
        text.characters[at] = 0x21 + random(0xd0);
        text.attributes[at] = random(256);
      }
      await screen.show({ ...text, cursor: { ...text.cursor!, row: random(25), column: random(80) } });
    }
    const fresh = new Screen();
    await fresh.show(text);
    for (let row = 0; row < 25; row++) {
      for (let column = 0; column < 80; column++) {
        const [a, b] = [screen.cell(row, column), fresh.cell(row, column)];
        expect([row, column, a.getChars(), a.getFgColor(), a.getBgColor(), a.isBlink()]).toEqual([
          row,
          column,
          b.getChars(),
          b.getFgColor(),
          b.getBgColor(),
          b.isBlink(),
        ]);
      }
    }
    put(text, 10, 10, 'one word');
    await screen.show(text);
    expect(screen.written).toBeLessThan(200);
    expect(screen.line(10).slice(10, 18)).toBe('one word');
  });

  it('places and shapes the cursor', async () => {
    const screen = new Screen();
    const text = textScreen({ cursor: { column: 17, row: 4, start: 13, end: 14, cellHeight: 16 } });
    expect(await screen.show(text)).toContain(ANSI.underlineCursor);
    expect([screen.terminal.buffer.active.cursorY, screen.terminal.buffer.active.cursorX]).toEqual([4, 17]);
    const tall = { column: 79, row: 24, start: 0, end: 15, cellHeight: 16 };
    expect(await screen.show({ ...text, cursor: tall })).toContain(ANSI.blockCursor);
    expect([screen.terminal.buffer.active.cursorY, screen.terminal.buffer.active.cursorX]).toEqual([24, 79]);
    const hidden = await screen.show({ ...text, cursor: undefined });
    expect(hidden).toContain(ANSI.hideCursor);
    expect(hidden).not.toContain(ANSI.showCursor);
  });

  it('fills the last column and row without scrolling', async () => {
    const text = textScreen();
    put(text, 0, 0, 'top');
    put(text, 24, 79, 'Z');
    const screen = new Screen(80, 25);
    await screen.show(text);
    expect(screen.line(0)).toBe('top');
    expect(screen.cell(24, 79).getChars()).toBe('Z');
  });

  it('keeps the cursor in view on a terminal smaller than the guest', async () => {
    const text = textScreen({ cursor: { column: 70, row: 20, start: 0, end: 15, cellHeight: 16 } });
    put(text, 20, 65, 'here>');
    const screen = new Screen(40, 10);
    await screen.show(text);
    const row = screen.terminal.buffer.active.cursorY;
    const column = screen.terminal.buffer.active.cursorX;
    expect(screen.line(row).slice(column - 5, column)).toBe('here>');
  });

  it('draws everything again after a change of size', async () => {
    const text = textScreen();
    put(text, 12, 0, 'still here');
    const screen = new Screen(80, 26);
    await screen.show(text);
    screen.terminal.resize(100, 40);
    screen.renderer.resize(100, 40);
    await screen.show(text, 'status');
    expect(screen.line(12)).toBe('still here');
    expect(screen.line(39)).toBe('status');
  });

  it('shows the status below the guest, over it only when urgent', async () => {
    const text = textScreen();
    put(text, 24, 0, 'last line');
    const tall = new Screen(80, 26);
    await tall.show(text, 'running');
    expect([tall.line(24), tall.line(25)]).toEqual(['last line', 'running']);
    const exact = new Screen(80, 25);
    await exact.show(text, 'running');
    expect(exact.line(24)).toBe('last line');
    await exact.show(text, 'Ctrl-A pressed', true);
    expect(exact.line(24)).toBe('Ctrl-A pressed');
    await exact.show(text, 'running');
    expect(exact.line(24)).toBe('last line');
    const narrow = new Screen(20, 30);
    await narrow.show(text, 'a status that is longer than the line');
    expect(narrow.line(29)).toBe('a status that is lo…');
  });

  it('says so when the guest shows graphics', async () => {
    const screen = new Screen();
    const text = textScreen();
    put(text, 0, 0, 'text');
    await screen.show(text);
    await screen.show({ mode: 'graphics', width: 640, height: 480 }, 'status');
    const all = Array.from({ length: 26 }, (_, row) => screen.line(row)).join('\n');
    expect(all).toContain('640 x 480');
    expect(all).toContain('Ctrl-A v writes a picture');
    expect(all).not.toContain('text');
    await screen.show(text);
    expect(screen.line(0)).toBe('text');
  });

  it('handles 132 columns and 50 rows', async () => {
    const text = textScreen({ columns: 132, rows: 50 });
    put(text, 49, 120, 'corner');
    const screen = new Screen(140, 51);
    await screen.show(text);
    expect(screen.line(49).slice(120)).toBe('corner');
  });
});
