/** The registers one by one, against the values and rules of the hardware reference manual. */
import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../../devices/device.ts';
import { hammer, transferState } from '../support.ts';
import { ChipRig } from './rig.ts';

const RESET_VALUES: readonly (readonly [csr: number, value: number])[] = [
  [0, 0xfe000000],
  [1, 0xffffffff],
  [2, 0xffffffff],
  [5, 0xfc000000],
  [6, 0x32000040],
  [7, 0xfffe0000],
  [8, 0xe0000000],
  [9, 0xfff097ff],
  [11, 0xfffe0000],
  [13, 0xffffffff],
  [14, 0x1c09fdc0],
  [15, 0xfffffec8],
];

describe('identification', () => {
  it('is the 21140A of the product, function by function', () => {
    for (const instance of [0, 1, 2, 3]) {
      const { chip } = new ChipRig(instance, true);
      expect(chip.readConfig(0x00, 4)).toBe(0x00091011);
      expect(chip.readConfig(0x08, 4)).toBe(0x02000020);
      expect(chip.readConfig(0x2c, 4)).toBe(0x21140a00 + instance);
      expect(chip.readConfig(0x3c, 4)).toBe(0x28140100);
      expect(chip.readConfig(0x0e, 1)).toBe(instance === 0 ? 0x80 : 0);
    }
    expect(new ChipRig().chip.readConfig(0x0e, 1)).toBe(0);
  });

  it('asks for 128 ports and a page of memory', () => {
    const { chip } = new ChipRig();
    chip.writeConfig(0x10, 4, 0xffffffff);
    chip.writeConfig(0x14, 4, 0xffffffff);
    // I/O ranges are 16 bits wide here; the upper half is storage too.
    expect(chip.readConfig(0x10, 4) & 0xffff).toBe(0xff81);
    expect(chip.readConfig(0x14, 4)).toBe(0xfffff000);
  });

  it('stores the power-down bits of CFDD', () => {
    const { chip } = new ChipRig();
    chip.writeConfig(0x40, 4, 0xffffffff);
    expect(chip.readConfig(0x40, 4)).toBe(0xc000ff00);
  });
});

describe('reset values', () => {
  for (const [csr, value] of RESET_VALUES) {
    it(`CSR${csr}`, () => {
      const rig = new ChipRig();
      expect(rig.read(csr).toString(16)).toBe(value.toString(16));
    });
  }

  it('come back with CSR0 bit 0, which clears itself, and with a bus reset', () => {
    for (const reset of ['software', 'bus'] as const) {
      const rig = new ChipRig();
      for (let csr = 0; csr < 16; csr++) if (csr !== 0) rig.write(csr, 0x12345678);
      rig.host.clock.advance(1e6);
      if (reset === 'software') rig.write(0, 1);
      else rig.chip.reset(ResetCause.Hard);
      for (const [csr, value] of RESET_VALUES) expect([csr, rig.read(csr)]).toEqual([csr, value]);
      expect(rig.irq.level).toBe(false);
    }
  });
});

describe('what can be written', () => {
  const STORED: readonly (readonly [csr: number, read: number])[] = [
    [0, 0xffbefffe],
    [3, 0xfffffffc],
    [4, 0xfffffffc],
    [7, 0xffffefef],
    [10, 0x0003ffff],
    [15, 0xfffffeff],
  ];
  for (const [csr, read] of STORED) {
    it(`CSR${csr}`, () => {
      const rig = new ChipRig();
      rig.write(csr, csr === 0 ? 0xfffffffe : 0xffffffff);
      expect(rig.read(csr).toString(16)).toBe(read.toString(16));
    });
  }

  it('CSR6 without the filter bits, which follow setup frames', () => {
    const rig = new ChipRig();
    rig.write(6, 0xffffffff);
    expect(rig.read(6).toString(16)).toBe('f2fefeea');
  });

  it('CSR1, CSR2, CSR13 and CSR14 store nothing', () => {
    const rig = new ChipRig();
    for (const csr of [1, 2, 13, 14]) rig.write(csr, 0);
    expect([1, 2, 13, 14].map((csr) => rig.read(csr))).toEqual([0xffffffff, 0xffffffff, 0xffffffff, 0x1c09fdc0]);
  });

  it('only whole longwords', () => {
    const rig = new ChipRig();
    rig.chip.bars[0]!.region.write(7 * 8, 2, 0xffff);
    expect(rig.read(7)).toBe(0xfffe0000);
    expect(rig.chip.bars[0]!.region.read(6 * 8 + 3, 1)).toBe(0x32);
    expect(rig.chip.bars[1]!.region.read(0x80 + 6 * 8, 4)).toBe(0x32000040);
  });
});

describe('CSR5 and CSR7', () => {
  it('causes are kept without being enabled; the summaries and the pin need CSR7', () => {
    const rig = new ChipRig();
    rig.write(11, 1);
    rig.host.clock.advance(1e6);
    expect(rig.read(5)).toBe(0xfc000800);
    expect(rig.irq.level).toBe(false);
    rig.write(7, 1 << 11);
    expect(rig.read(5)).toBe(0xfc010800);
    expect(rig.irq.level).toBe(false);
    rig.write(7, (1 << 11) | (1 << 16));
    expect(rig.irq.level).toBe(true);
    // The summary goes only with its cause.
    rig.write(5, 1 << 16);
    expect(rig.irq.level).toBe(true);
    rig.write(5, 1 << 11);
    expect([rig.read(5), rig.irq.level]).toEqual([0xfc000000, false]);
  });

  it('the abnormal summary gathers the stops', () => {
    const rig = new ChipRig();
    rig.receiveRing(0x1000, 2);
    rig.write(7, (1 << 15) | (1 << 8));
    rig.write(6, 2);
    expect(rig.read(5) & (7 << 17)).toBe(3 << 17);
    expect(rig.irq.level).toBe(false);
    rig.write(6, 0);
    expect(rig.read(5) & ((7 << 17) | 0x18100)).toBe(0x8100);
    expect(rig.irq.level).toBe(true);
    // Stopping what stands is no transition.
    rig.write(5, 0x100);
    rig.write(6, 0);
    expect([rig.read(5) & 0x100, rig.irq.level]).toEqual([0, false]);
  });

  it('an empty transmit ring suspends: state 6, TU', () => {
    const rig = new ChipRig();
    rig.put32(0x2000, 0, 1 << 25, 0, 0);
    rig.write(4, 0x2000);
    rig.write(6, 1 << 13);
    rig.host.clock.advance(10_000);
    expect(rig.read(5) & ((7 << 20) | 4)).toBe((6 << 20) | 4);
  });
});

describe('CSR11, general-purpose timer', () => {
  it('counts 819.2 us at 10 Mbit/s and 81.92 us at 100', () => {
    for (const [mode, tick] of [
      [0, 819_200],
      [1 << 18, 81_920],
      [(1 << 18) | (1 << 22), 819_200],
    ] as const) {
      const rig = new ChipRig();
      rig.write(6, mode);
      rig.write(11, 10);
      rig.host.clock.advance(10 * tick - 1000);
      expect(rig.read(5) & 0x800).toBe(0);
      expect(rig.read(11) & 0xffff).toBe(1);
      rig.host.clock.advance(2000);
      expect(rig.read(5) & 0x800).toBe(0x800);
      rig.write(5, 0x800);
      rig.host.clock.advance(20 * tick);
      expect(rig.read(5) & 0x800).toBe(0);
    }
  });

  it('repeats in continuous mode until 0 is written', () => {
    const rig = new ChipRig();
    rig.write(11, (1 << 16) | 2);
    for (let i = 0; i < 3; i++) {
      rig.host.clock.advance(2 * 819_200);
      expect(rig.read(5) & 0x800).toBe(0x800);
      rig.write(5, 0x800);
    }
    rig.write(11, 0);
    rig.host.clock.advance(1e9);
    expect(rig.read(5) & 0x800).toBe(0);
  });
});

describe('CSR12, general-purpose port', () => {
  it('bit 8 programs the direction; outputs show their latch, inputs the board', () => {
    const rig = new ChipRig();
    expect(rig.read(12)).toBe(0xfffffeff);
    rig.write(12, 0x10f);
    rig.write(12, 0x05);
    expect(rig.read(12) & 0x1ff).toBe(0xf5);
    rig.chip.link = false;
    expect(rig.read(12) & 0x1ff).toBe(0x75);
  });
});

describe('robustness', () => {
  it('survives random accesses', () => {
    const rig = new ChipRig();
    hammer(rig.chip.bars[0]!.region, rig.host.clock, 20_000, 7);
    let x = 99;
    for (let i = 0; i < 20_000; i++) {
      x = (Math.imul(x, 1103515245) + 12345) >>> 0;
      rig.write((x >>> 8) & 15, Math.imul(x, 2654435761) >>> 0);
      if ((x & 0x700) === 0) rig.host.clock.advance(1e6);
      expect(rig.read((x >>> 12) & 15)).toBeGreaterThanOrEqual(0);
    }
  });

  it('a saved state carries everything', () => {
    const rig = new ChipRig();
    rig.write(11, 0x10005);
    rig.write(6, 0x2002);
    rig.write(7, 0x1ffff);
    const other = new ChipRig();
    transferState(rig.chip, other.chip);
    for (let csr = 0; csr < 16; csr++) expect([csr, other.read(csr)]).toEqual([csr, rig.read(csr)]);
  });
});
