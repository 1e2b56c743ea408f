/** VBE 2.0 of the video BIOS: the list by memory size, every mode set and looked at, windows, scrolling, palettes. */
import { describe, expect, it } from 'vitest';
import type { BiosRig } from './rig.ts';
import { BUFFER, poweredOn } from './rig.ts';

const OK = 0x004f;
const ES = BUFFER >> 4;
const FRAME_BUFFER = 0xe0000000;

function modeList(rig: BiosRig): number[] {
  rig.poke(BUFFER, ...Buffer.from('VBE2'));
  expect(rig.call({ ax: 0x4f00, es: ES }).ax).toBe(OK);
  const at = (rig.word(BUFFER + 16) << 4) + rig.word(BUFFER + 14);
  const modes: number[] = [];
  for (let i = 0; rig.word(at + 2 * i) !== 0xffff; i++) modes.push(rig.word(at + 2 * i));
  return modes;
}

interface ModeInfo {
  readonly attributes: number;
  readonly pitch: number;
  readonly width: number;
  readonly height: number;
  readonly planes: number;
  readonly bits: number;
  readonly model: number;
  readonly pages: number;
  readonly masks: readonly number[];
  readonly linear: number;
}

function modeInfo(rig: BiosRig, mode: number): ModeInfo {
  expect(rig.call({ ax: 0x4f01, cx: mode, es: ES }).ax).toBe(OK);
  return {
    attributes: rig.word(BUFFER),
    pitch: rig.word(BUFFER + 16),
    width: rig.word(BUFFER + 18),
    height: rig.word(BUFFER + 20),
    planes: rig.ram[BUFFER + 24]!,
    bits: rig.ram[BUFFER + 25]!,
    model: rig.ram[BUFFER + 27]!,
    pages: rig.ram[BUFFER + 29]! + 1,
    masks: [...rig.ram.subarray(BUFFER + 31, BUFFER + 39)],
    linear: rig.dword(BUFFER + 40),
  };
}

const EIGHT = poweredOn(8);
const MODES = modeList(EIGHT).map((mode) => {
  const info = modeInfo(EIGHT, mode);
  return [`${mode.toString(16)}h`, `${info.width} x ${info.height} x ${info.bits}`, mode, info] as const;
});

describe('mode list', () => {
  it('has the standard numbers with their resolutions', () => {
    const resolution = (mode: number): readonly number[] | undefined => {
      const found = MODES.find(([, , number]) => number === mode)?.[3];
      return found && [found.width, found.height, found.bits];
    };
    expect(resolution(0x100)).toEqual([640, 400, 8]);
    expect(resolution(0x101)).toEqual([640, 480, 8]);
    expect(resolution(0x102)).toEqual([800, 600, 4]);
    expect(resolution(0x105)).toEqual([1024, 768, 8]);
    expect(resolution(0x111)).toEqual([640, 480, 16]);
    expect(resolution(0x117)).toEqual([1024, 768, 16]);
    expect(resolution(0x11a)).toEqual([1280, 1024, 16]);
    expect(resolution(0x203)).toEqual([800, 600, 8]);
  });

  it.each([1, 2, 4, 8])('fits %i MiB', (mebibytes) => {
    const rig = poweredOn(mebibytes);
    const modes = modeList(rig);
    expect(rig.word(BUFFER + 18)).toBe(mebibytes * 16);
    expect(rig.word(BUFFER + 4)).toBe(0x0200);
    const expected = MODES.filter(
      ([, , , { pitch, height, planes }]) => pitch * height * planes <= mebibytes << 20,
    ).map(([, , mode]) => mode);
    expect(modes).toEqual(expected);
    const tooLarge = MODES.find(([, , mode]) => !modes.includes(mode))?.[2];
    if (tooLarge) expect(rig.call({ ax: 0x4f01, cx: tooLarge, es: ES }).ax).toBe(0x014f);
    if (tooLarge) expect(rig.call({ ax: 0x4f02, bx: tooLarge }).ax).toBe(0x014f);
  });
});

/** A pixel value of a colour by the masks of a mode. */
function pixelOf(info: ModeInfo, rgb: number): number {
  const [redSize, redAt, greenSize, greenAt, blueSize, blueAt] = info.masks as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const gun = (value: number, size: number, at: number): number => (value >> (8 - size)) << at;
  return (
    gun(rgb >> 16, redSize, redAt) | gun((rgb >> 8) & 0xff, greenSize, greenAt) | gun(rgb & 0xff, blueSize, blueAt)
  );
}

describe.each(MODES)('mode %s, %s', (_name, _what, mode, info) => {
  const bytes = Math.ceil(info.bits / 8);

  it('shows what is put into memory', () => {
    const rig = EIGHT;
    const shownBytes = info.pitch * info.height * info.planes;
    rig.video.fill(0x55, 0, shownBytes);
    const linear = info.bits === 4 ? 0 : 0x4000;
    expect(rig.call({ ax: 0x4f02, bx: mode | linear }).ax).toBe(OK);
    expect(rig.call({ ax: 0x4f03 }).bx).toBe(mode | linear);
    // Memory was cleared as far as it shows.
    expect(Buffer.from(rig.video.buffer, rig.video.byteOffset, shownBytes).equals(Buffer.alloc(shownBytes))).toBe(true);
    const frame = rig.frame();
    expect(frame).toMatchObject({ kind: 'graphics', blank: false, width: info.width, height: info.height });
    expect(1e9 / rig.chip.timing().frameTime).toBeGreaterThan(55);
    expect(1e9 / rig.chip.timing().frameTime).toBeLessThan(75);
    const corners = [
      [0, 0, 0xff0000],
      [info.width - 1, 0, 0x00ff00],
      [0, info.height - 1, 0x0000ff],
      [info.width - 1, info.height - 1, 0xffffff],
    ] as const;
    if (info.bits === 4) {
      rig.call({ ax: 0x0c0f, cx: info.width - 1, dx: (info.height - 1) & 0xffff });
      rig.call({ ax: 0x0c04, cx: 0, dx: 0 });
      expect(rig.pixel(0, 0)).toBe(0xaa0000);
      return;
    }
    expect(info.linear).toBe(FRAME_BUFFER);
    corners.forEach(([x, y, rgb], i) => {
      const value = info.bits === 8 ? [4, 2, 1, 15][i]! : pixelOf(info, rgb);
      const at = info.linear + y * info.pitch + x * bytes;
      rig.poke(at, ...Array.from({ length: bytes }, (_, n) => (value >>> (8 * n)) & 0xff));
    });
    const expected = info.bits === 8 ? [0xaa0000, 0x00aa00, 0x0000aa, 0xffffff] : corners.map(([, , rgb]) => rgb);
    corners.forEach(([x, y], i) => expect(rig.pixel(x, y).toString(16)).toBe(expected[i]!.toString(16)));
  });

  it('moves its window over all of memory', () => {
    const rig = EIGHT;
    rig.call({ ax: 0x4f02, bx: mode });
    const banks = Math.ceil((info.pitch * info.height) / 0x10000);
    for (const bank of new Set([0, 1, banks - 1])) {
      if (bank >= banks) continue;
      expect(rig.call({ ax: 0x4f05, dx: bank }).ax).toBe(OK);
      expect(rig.call({ ax: 0x4f05, bx: 0x0100 }).dx).toBe(bank);
      if (info.bits === 4) continue;
      rig.poke(0xa1234, 0x80 | bank);
      expect(rig.video[bank * 0x10000 + 0x1234]).toBe(0x80 | bank);
    }
    expect(rig.call({ ax: 0x4f05, dx: 0x200 }).ax).toBe(0x014f);
  });
});

describe('functions', () => {
  it('set the length of lines and the start of the display', () => {
    const rig = poweredOn(4);
    rig.call({ ax: 0x4f02, bx: 0x4111 });
    expect(rig.call({ ax: 0x4f06, bx: 0, cx: 800 })).toMatchObject({ ax: OK, bx: 1600, cx: 800, dx: 2621 });
    expect(rig.call({ ax: 0x4f06, bx: 1 })).toMatchObject({ bx: 1600, cx: 800 });
    expect(rig.call({ ax: 0x4f06, bx: 0, cx: 600 }).ax).toBe(0x014f);
    expect(rig.call({ ax: 0x4f07, bx: 0, cx: 160, dx: 100 }).ax).toBe(OK);
    expect(rig.call({ ax: 0x4f07, bx: 1 })).toMatchObject({ cx: 160, dx: 100 });
    rig.poke(FRAME_BUFFER + 100 * 1600 + 160 * 2, 0xff, 0xff);
    expect(rig.pixel(0, 0)).toBe(0xffffff);
    expect(rig.call({ ax: 0x4f07, bx: 0x80, cx: 0, dx: 0 }).ax).toBe(OK);
    expect(rig.pixel(0, 0)).toBe(0);
  });

  it('have a DAC of six bits and set palettes', () => {
    const rig = poweredOn(4);
    rig.call({ ax: 0x4f02, bx: 0x101 });
    expect(rig.call({ ax: 0x4f08, bx: 0x0800 })).toMatchObject({ ax: OK, bx: 0x0600 });
    rig.poke(BUFFER, 0x3f, 0x20, 0x10, 0, 1, 2, 3, 0);
    expect(rig.call({ ax: 0x4f09, cx: 2, dx: 0x20, es: ES }).ax).toBe(OK);
    expect(rig.call({ ax: 0x1015, bx: 0x20 })).toMatchObject({ cx: 0x203f, dx: 0x1000 });
    rig.call({ ax: 0x4f09, bx: 1, cx: 2, dx: 0x20, es: ES, di: 0x100 });
    expect([...rig.ram.subarray(BUFFER + 0x100, BUFFER + 0x108)]).toEqual([0x3f, 0x20, 0x10, 0, 1, 2, 3, 0]);
  });

  it('save and restore an enhanced mode', () => {
    const rig = poweredOn(4);
    rig.call({ ax: 0x4f02, bx: 0x4117 });
    const shown = JSON.stringify(rig.chip.scanout());
    expect(rig.call({ ax: 0x4f04, cx: 15 }).bx).toBeGreaterThan(14);
    expect(rig.call({ ax: 0x4f04, cx: 15, dx: 1, es: ES }).ax).toBe(OK);
    rig.call({ ax: 0x0003 });
    expect(rig.chip.scanout().kind).toBe('text');
    rig.call({ ax: 0x4f04, cx: 15, dx: 2, es: ES });
    expect(JSON.stringify(rig.chip.scanout())).toBe(shown);
  });

  it('return to text completely', () => {
    const rig = poweredOn(4);
    rig.call({ ax: 0x0003 });
    const shown = JSON.stringify(rig.chip.scanout());
    for (const mode of [0x4117, 0x102, 0x4112, 0x4142]) {
      rig.call({ ax: 0x4f02, bx: mode });
      expect(rig.call({ ax: 0x4f02, bx: 0x03 }).ax).toBe(OK);
      expect(JSON.stringify(rig.chip.scanout())).toBe(shown);
      expect(rig.call({ ax: 0x4f03 }).bx).toBe(3);
    }
    rig.call({ ax: 0x0e41 });
    expect(rig.lines()[0]).toBe('A');
  });

  it('switch the display off and on', () => {
    const rig = poweredOn(4);
    expect(rig.call({ ax: 0x4f10 })).toMatchObject({ ax: OK, bx: 0x0710 });
    rig.call({ ax: 0x4f10, bx: 0x0401 });
    expect(rig.chip.scanout().kind).toBe('blank');
    expect(rig.call({ ax: 0x4f10, bx: 2 }).bx >> 8).toBe(4);
    rig.call({ ax: 0x4f10, bx: 0x0001 });
    expect(rig.chip.scanout().kind).toBe('text');
  });

  it('hand out a protected-mode interface whose entries lie inside it', () => {
    const rig = poweredOn(4);
    const { ax, es, di, cx } = rig.call({ ax: 0x4f0a });
    expect(ax).toBe(OK);
    const table = (es << 4) + di;
    const entries = [0, 2, 4, 6].map((at) => rig.word(table + at));
    for (const entry of entries) expect(entry < cx && entry >= 8).toBe(true);
    // PUSH EAX; PUSHAD: what the routines begin with; and the ports they use.
    expect([rig.ram[table + entries[0]!], rig.ram[table + entries[2]!]]).toEqual([0x50, 0x60]);
    expect(rig.word(table + entries[3]!)).toBe(0x3c8);
  });

  it('refuse what does not exist', () => {
    const rig = poweredOn(4);
    for (const ax of [0x4f0b, 0x4f15, 0x4fff]) expect(rig.call({ ax }).ax >> 8).not.toBe(0);
    expect(rig.call({ ax: 0x4f02, bx: 0x1ff }).ax).toBe(0x014f);
    expect(rig.call({ ax: 0x4f05 }).ax).toBe(0x034f);
  });
});
