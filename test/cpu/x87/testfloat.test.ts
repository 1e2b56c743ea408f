/** x87 arithmetic against vectors of Berkeley TestFloat 3e. All of them with X87_ALL_VECTORS set, every 7th otherwise. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { STATUS } from '../../../cpu/x87/format.ts';
import { Fpu } from './fpu-module.ts';

const FILE = new URL('../../../../shared/conformance/testfloat/vectors.txt.gz', import.meta.url);
const STEP = process.env['X87_ALL_VECTORS'] ? 1 : 7;
const missing = !existsSync(FILE);
if (missing && process.env['CI']) throw new Error('conformance vectors are missing');

interface Group {
  readonly name: string;
  readonly rounding: string;
  readonly precision: string;
  readonly lines: string[];
}

function readGroups(): Group[] {
  const groups: Group[] = [];
  for (const line of gunzipSync(readFileSync(FILE)).toString('latin1').split('\n')) {
    if (line.startsWith('=')) {
      const [, name, rounding, precision] = line.split(' ') as [string, string, string, string];
      groups.push({ name, rounding, precision, lines: [] });
    } else if (line) groups[groups.length - 1]!.lines.push(line);
  }
  return groups;
}

const ROUNDING: Record<string, number> = { n: 0, d: 0x400, u: 0x800, z: 0xc00 };
const PRECISION: Record<string, number> = { '0': 0x300, '80': 0x300, '64': 0x200, '32': 0 };
/** TestFloat's flags as status bits; DE is not part of the vectors. */
const FLAGS = [STATUS.PE, STATUS.UE, STATUS.OE, STATUS.ZE, STATUS.IE];
const MEASURED = 0x3d;

const fpu = new Fpu();
const BINARY: Record<string, string> = { add: 'Add', sub: 'Subtract', mul: 'Multiply', div: 'Divide' };
const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value);

/** Runs one operation and returns its result, or undefined if the instruction is not made for it. */
function run(name: string, operands: bigint[]): bigint {
  const [a, b] = operands as [bigint, bigint];
  const register = (operation: string, ...args: number[]): bigint => {
    fpu.call(operation, ...args);
    return fpu.register(0);
  };
  const compare = (quiet: boolean, holds: (codes: number) => boolean): bigint => {
    fpu.call('Compare', 1, quiet ? 0x100 : 0);
    return holds(fpu.get(STATE.X87_STATUS) & 0x4500) ? 1n : 0n;
  };
  const load = (operation: string, value: number | bigint): bigint => {
    fpu.set(STATE.X87_IN_USE, 0);
    fpu.call(operation, value);
    return fpu.register(7);
  };
  fpu.setRegister(0, a);
  fpu.setRegister(1, b ?? 0n);
  const less = (codes: number): boolean => codes === STATUS.C0;
  const lessOrEqual = (codes: number): boolean => codes === STATUS.C0 || codes === STATUS.C3;
  const binary = BINARY[name.slice('extF80_'.length)];
  if (binary) return register(binary, 0, 0, 1);
  switch (name) {
    case 'extF80_sqrt':
      return register('SquareRoot');
    case 'extF80_roundToInt':
      return register('Round');
    case 'extF80_rem':
      for (let i = 0; i < 2000; i++) {
        fpu.call('PartialRemainder', 1);
        if (!(fpu.get(STATE.X87_STATUS) & STATUS.C2)) break;
      }
      return fpu.register(0);
    case 'extF80_to_f32':
      fpu.call('StoreSingle');
      return fpu.converted(4);
    case 'extF80_to_f64':
      fpu.call('StoreDouble');
      return fpu.converted(8);
    case 'extF80_to_i32':
      fpu.call('StoreInteger', 4, 0);
      return fpu.converted(4);
    case 'extF80_to_i64':
      fpu.call('StoreInteger', 8, 0);
      return fpu.converted(8);
    case 'f32_to_extF80':
      return load('LoadSingle', Number(a));
    case 'f64_to_extF80':
      return load('LoadDouble', signed(a, 64));
    case 'i32_to_extF80':
      return load('LoadInteger', signed(a, 32));
    case 'i64_to_extF80':
      return load('LoadInteger', signed(a, 64));
    case 'extF80_eq':
      return compare(true, (codes) => codes === STATUS.C3);
    case 'extF80_lt':
      return compare(false, less);
    case 'extF80_le':
      return compare(false, lessOrEqual);
    case 'extF80_lt_quiet':
      return compare(true, less);
    case 'extF80_le_quiet':
      return compare(true, lessOrEqual);
    default:
      throw new Error(`no instruction for ${name}`);
  }
}

describe.skipIf(missing)('x87 against TestFloat vectors (skipped without ../shared/conformance)', () => {
  const groups = missing ? [] : readGroups().filter(({ name }) => name.includes('extF80'));
  for (const { name, rounding, precision, lines } of groups)
    it(`${name} ${rounding} ${precision}`, () => {
      const wrong: string[] = [];
      for (let i = 0; i < lines.length; i += STEP) {
        const words = lines[i]!.split(' ');
        const flags = parseInt(words.pop()!, 16);
        const expected = BigInt(`0x${words.pop()!}`);
        const operands = words.map((word) => BigInt(`0x${word}`));
        fpu.reset(0x7f | ROUNDING[rounding]! | PRECISION[precision]!);
        const result = run(name, operands);
        const expectedFlags = FLAGS.reduce((sum, bit, n) => sum | (flags & (1 << n) ? bit : 0), 0);
        const actualFlags = fpu.get(STATE.X87_STATUS) & MEASURED;
        if (result !== expected || actualFlags !== expectedFlags)
          wrong.push(`${lines[i]}: ${result.toString(16)} ${actualFlags.toString(16)}`);
      }
      expect(wrong.slice(0, 5), `${wrong.length} of ${Math.ceil(lines.length / STEP)} wrong`).toEqual([]);
    });
});
