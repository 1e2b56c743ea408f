/** Serial ROM and MII management, bit by bit as drivers do it. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ChipRig, MAC } from './rig.ts';

const SELECT = 0x4800;
const CS = 1;
const SK = 2;
const DI = 4;
const DO = 8;

/** Clocks bits in (first bit first) and gives what DO showed while the clock was high. */
function clock(rig: ChipRig, bits: string): string {
  return [...bits]
    .map((bit) => {
      const data = bit === '1' ? DI : 0;
      rig.write(9, SELECT | CS | data);
      rig.write(9, SELECT | CS | data | SK);
      return rig.read(9) & DO ? '1' : '0';
    })
    .join('');
}

function deselect(rig: ChipRig): void {
  rig.write(9, SELECT | CS);
  rig.write(9, SELECT);
}

const binary = (value: number, digits: number): string => value.toString(2).padStart(digits, '0');

function readWord(rig: ChipRig, address: number): number {
  deselect(rig);
  expect(clock(rig, `110${binary(address, 6)}`)).toBe('111111110');
  const word = Number.parseInt(clock(rig, '0'.repeat(16)), 2);
  deselect(rig);
  return word;
}

function contents(rig: ChipRig): Uint8Array {
  const words = Array.from({ length: 64 }, (_, i) => readWord(rig, i));
  return Uint8Array.from(words.flatMap((word) => [word & 0xff, word >> 8]));
}

describe('serial ROM', () => {
  it('has a valid checksum, the identification and the address', () => {
    const bytes = contents(new ChipRig(2));
    expect(bytes[126]! | (bytes[127]! << 8)).toBe(crc32(bytes.subarray(0, 126)) & 0xffff);
    expect([...bytes.subarray(0, 4)]).toEqual([0x02, 0x0a, 0x14, 0x21]);
    expect([...bytes.subarray(20, 26)]).toEqual([...MAC]);
    expect(bytes[19]).toBe(1);
    // Not the old layout, which drivers tell by bytes 0-7 repeated at 16.
    expect(bytes.subarray(0, 8)).not.toEqual(bytes.subarray(16, 24));
  });

  it('describes a fixed 100BASE-TX full-duplex medium and one PHY', () => {
    const bytes = contents(new ChipRig());
    const word = (at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
    const leaf = word(27);
    expect(word(leaf)).toBe(0x0205);
    expect(bytes[leaf + 3]).toBe(2);
    let at = leaf + 4;
    const blocks: number[][] = [];
    for (let i = 0; i < 2; i++) {
      // The length of an extended block counts what follows it; a compact block has four bytes.
      const length = bytes[at]! & 0x80 ? (bytes[at]! & 0x7f) + 1 : 4;
      blocks.push([...bytes.subarray(at, at + length)]);
      at += length;
    }
    expect(blocks).toEqual([
      [0x8c, 1, 0, 0, 0, 0x00, 0x78, 0xe1, 0x01, 0x00, 0x50, 0x00, 0x18],
      [5, 0, 0x6f, 0],
    ]);
    expect(at).toBeLessThanOrEqual(94);
  });

  it('tells its address width by the place of the dummy bit', () => {
    const rig = new ChipRig();
    deselect(rig);
    // Eight address bits sent, of which the ROM takes six: the dummy bit comes with the sixth.
    expect(clock(rig, '11011111111').slice(0, 9)).toBe('111111110');
  });

  it('reads on into the next word', () => {
    const rig = new ChipRig();
    const words = [62, 63, 0].map((address) => readWord(rig, address));
    clock(rig, `110${binary(62, 6)}`);
    const run = clock(rig, '0'.repeat(48));
    expect([0, 16, 32].map((at) => Number.parseInt(run.slice(at, at + 16), 2))).toEqual(words);
  });

  it('writes only after EWEN, and not after EWDS', () => {
    const rig = new ChipRig();
    const before = readWord(rig, 5);
    const write = (): void => {
      clock(rig, `101${binary(5, 6)}${binary(0xa55a, 16)}`);
      deselect(rig);
    };
    write();
    expect(readWord(rig, 5)).toBe(before);
    clock(rig, '100110000');
    deselect(rig);
    write();
    expect(readWord(rig, 5)).toBe(0xa55a);
    clock(rig, `111${binary(5, 6)}`);
    deselect(rig);
    expect(readWord(rig, 5)).toBe(0xffff);
    clock(rig, '100000000');
    deselect(rig);
    write();
    expect(readWord(rig, 5)).toBe(0xffff);
  });
});

const MDC = 1 << 16;
const MDO = 1 << 17;
const MII_READ = 1 << 18;
const MDI = 1 << 19;

function sendBits(rig: ChipRig, bits: string): void {
  for (const bit of bits) {
    const data = bit === '1' ? MDO : 0;
    rig.write(9, data);
    rig.write(9, data | MDC);
  }
}

/** As clause 22 has it: turnaround, then sixteen bits sampled before the rising edge. */
function readPhy(rig: ChipRig, phy: number, register: number): { turnaround: number; value: number } {
  sendBits(rig, `${'1'.repeat(32)}0110${binary(phy, 5)}${binary(register, 5)}`);
  let bits = '';
  for (let i = 0; i < 18; i++) {
    rig.write(9, MII_READ);
    bits += rig.read(9) & MDI ? '1' : '0';
    rig.write(9, MII_READ | MDC);
  }
  return { turnaround: Number(bits[1]), value: Number.parseInt(bits.slice(2), 2) };
}

const writePhy = (rig: ChipRig, phy: number, register: number, value: number): void =>
  sendBits(rig, `${'1'.repeat(32)}0101${binary(phy, 5)}${binary(register, 5)}10${binary(value, 16)}`);

describe('MII management', () => {
  it('finds one PHY, at address 0, with the registers that guests of the product saw', () => {
    const rig = new ChipRig();
    expect([0, 1, 2, 3, 4, 5, 16, 17, 18].map((register) => readPhy(rig, 0, register).value.toString(16))).toEqual([
      '3100',
      '782c',
      'fff',
      'fc41',
      '1e1',
      '41e1',
      '400',
      '8008',
      '7800',
    ]);
    expect(readPhy(rig, 0, 0).turnaround).toBe(0);
    for (let phy = 1; phy < 32; phy++) expect(readPhy(rig, phy, 1)).toEqual({ turnaround: 1, value: 0xffff });
  });

  it('stores what is writable; reset restores and clears itself', () => {
    const rig = new ChipRig();
    writePhy(rig, 0, 4, 0x0061);
    writePhy(rig, 0, 1, 0x0000);
    writePhy(rig, 7, 4, 0x1234);
    writePhy(rig, 0, 0, 0x1200);
    expect([4, 1, 0].map((register) => readPhy(rig, 0, register).value)).toEqual([0x61, 0x782c, 0x1000]);
    writePhy(rig, 0, 0, 0x8000);
    expect([4, 0].map((register) => readPhy(rig, 0, register).value)).toEqual([0x1e1, 0x3100]);
  });

  it('a lost link is latched until it was read', () => {
    const rig = new ChipRig();
    rig.chip.link = false;
    expect([readPhy(rig, 0, 1).value, readPhy(rig, 0, 5).value]).toEqual([0x7808, 0]);
    rig.chip.link = true;
    rig.chip.link = false;
    rig.chip.link = true;
    expect([readPhy(rig, 0, 1).value & 4, readPhy(rig, 0, 1).value & 4]).toEqual([0, 4]);
  });
});
