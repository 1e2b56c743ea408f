/**
 * SSE arithmetic against vectors of Berkeley TestFloat 3e: scalar and packed forms, with the inexact flag clear (all flags must be
 * found) and set (where the host's arithmetic may serve). Every 11th vector; all with VIRTUALSERVER_ALL_VECTORS=1.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { absence, vectorsPresent } from '../../conformance/vectors.ts';
import { FloatMachine } from './float-machine.ts';

const FILE = new URL('../../../../shared/conformance/testfloat/vectors.txt.gz', import.meta.url);
const STEP = process.env['VIRTUALSERVER_ALL_VECTORS'] ? 1 : 11;

const ROUNDING: Readonly<Record<string, number>> = { n: 0, d: 0x2000, u: 0x4000, z: 0x6000 };
const MASKED = 0x1f80;
const PE = 0x20;
const MEASURED = 0x3d;
/** TestFloat's flags 1, 2, 4, 8, 16 as PE UE OE ZE IE. */
const FLAGS = [0x20, 0x10, 0x08, 0x04, 0x01];
/** MXCSR before the instruction: clean, and with an inexact result on record. */
const BEFORE = [0, PE];

const ARITHMETIC: Readonly<Record<string, number>> = { add: 0x58, mul: 0x59, sub: 0x5c, div: 0x5e, sqrt: 0x51 };
const SCALAR = { f32: 0xf3, f64: 0xf2 } as const;
type Kind = keyof typeof SCALAR;

interface Form {
  readonly code: readonly number[];
  /** How many lanes hold the operands and the result. */
  readonly lanes: 'one' | 'all';
  readonly result: Kind | 'eax' | ((eflags: number) => boolean);
}
const COMPARE: Readonly<Record<string, readonly [opcode: number, holds: (eflags: number) => boolean]>> = {
  eq: [0x2e, (flags) => (flags & 0x45) === 0x40],
  lt: [0x2f, (flags) => (flags & 0x45) === 0x01],
  le: [0x2f, (flags) => (flags & 0x04) === 0 && (flags & 0x41) !== 0],
  lt_quiet: [0x2e, (flags) => (flags & 0x45) === 0x01],
};

function formsOf(kind: Kind, operation: string): Form[] {
  const packed = kind === 'f64' ? [0x66] : [];
  const prefix = SCALAR[kind];
  const opcode = ARITHMETIC[operation];
  if (opcode !== undefined)
    return [
      { code: [prefix, 0x0f, opcode, 0xc1], lanes: 'one', result: kind },
      { code: [...packed, 0x0f, opcode, 0xc1], lanes: 'all', result: kind },
    ];
  const comparison = COMPARE[operation];
  if (comparison) return [{ code: [...packed, 0x0f, comparison[0], 0xc1], lanes: 'one', result: comparison[1] }];
  if (operation === 'to_i32') return [{ code: [prefix, 0x0f, 0x2d, 0xc1], lanes: 'one', result: 'eax' }];
  if (operation === 'to_f64' || operation === 'to_f32') {
    const result = operation.slice(3) as Kind;
    return [
      { code: [prefix, 0x0f, 0x5a, 0xc1], lanes: 'one', result },
      { code: [...packed, 0x0f, 0x5a, 0xc1], lanes: 'all', result },
    ];
  }
  return [];
}

const laneBytes = (kind: Kind, digits: string): Buffer =>
  Buffer.from(digits.padStart(kind === 'f32' ? 8 : 16, '0'), 'hex').reverse();

function fill(kind: Kind, digits: string, lanes: 'one' | 'all'): Uint8Array {
  const lane = laneBytes(kind, digits);
  const bytes = new Uint8Array(16);
  for (let at = 0; at < (lanes === 'all' ? 16 : lane.length); at += lane.length) bytes.set(lane, at);
  return bytes;
}

describe.skipIf(!vectorsPresent)(`SSE against Berkeley TestFloat${absence}`, () => {
  it('gives the same results and flags on both paths', { timeout: 300_000 }, () => {
    const machine = new FloatMachine();
    const failures: string[] = [];
    let forms: Form[] = [];
    let kind: Kind = 'f32';
    let title = '';
    let mode = 0;
    let ran = 0;
    gunzipSync(readFileSync(FILE))
      .toString('latin1')
      .split('\n')
      .forEach((line, number) => {
        if (line.startsWith('=')) {
          const [, name, rounding] = line.split(' ') as [string, string, string];
          title = `${name} ${rounding}`;
          kind = name.slice(0, 3) as Kind;
          forms = kind in SCALAR ? formsOf(kind, name.slice(4)) : [];
          mode = ROUNDING[rounding]!;
          return;
        }
        if (!line || number % STEP !== 0) return;
        const words = line.split(' ');
        const wantedFlags = FLAGS.reduce((sum, bit, n) => sum | (parseInt(words.at(-1)!, 16) & (1 << n) ? bit : 0), 0);
        const wanted = words.at(-2)!;
        const [a, b] = words.length === 4 ? [words[0]!, words[1]!] : ['0', words[0]!];
        for (const form of forms) {
          machine.load(form.code);
          for (const before of BEFORE) {
            ran++;
            machine.run(fill(kind, a, form.lanes), fill(kind, b, form.lanes), MASKED | mode | before);
            const { result } = form;
            let same: boolean;
            if (result === 'eax') same = machine.eax === parseInt(wanted, 16);
            else if (typeof result === 'function') same = result(machine.eflags) === (wanted === '1');
            else {
              const expected = fill(result, wanted, form.lanes);
              // Conversions to single precision fill half of the lanes.
              const count =
                form.lanes === 'one' ? (result === 'f32' ? 4 : 8) : kind === 'f64' && result === 'f32' ? 8 : 16;
              same = Buffer.compare(machine.xmm0.subarray(0, count), expected.subarray(0, count)) === 0;
            }
            const flags = machine.mxcsr & MEASURED;
            if (!same || flags !== (wantedFlags | before))
              failures.push(
                `${title} ${form.lanes} ${before}: ${line} -> ${Buffer.from(machine.xmm0).toString('hex')} flags ${flags}`,
              );
          }
        }
      });
    expect(failures.slice(0, 10)).toEqual([]);
    expect(ran).toBeGreaterThan(15_000);
  });
});
