/** x87 instructions against results of a real processor. All cases with X87_ALL_VECTORS set, every 9th otherwise. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { CR0 } from '../../../cpu/state.ts';
import { Machine } from './instruction-module.ts';

const FILE = new URL('../../../../shared/conformance/hw/x87.jsonl.gz', import.meta.url);
const STEP = process.env['X87_ALL_VECTORS'] ? 1 : 9;
const missing = !existsSync(FILE);
if (missing && process.env['CI']) throw new Error('conformance vectors are missing');

interface Header {
  readonly default: Registers;
  readonly code: number;
  readonly mem: readonly [number, string][];
}
type Registers = Record<string, number | string>;
interface Case {
  readonly f: string;
  readonly b: string;
  readonly i: Registers;
  readonly o: Registers;
  readonly m?: [number, string][];
  readonly w?: [number, string][];
  readonly k?: [number, string][];
  readonly x?: number;
  readonly us?: number;
  readonly t?: number;
}

const machine = new Machine();
const { state, guest } = machine;
const GPRS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const top = (fsw: number): number => (fsw >> 11) & 7;

/** The bytes that are not about memory of 0xF4, so that a failing instruction cannot spoil the next case. */
function load(header: Header, test: Case): void {
  const initial = { ...header.default, ...test.i };
  GPRS.forEach((name, n) => state.setReg32(n, initial[name] as number));
  const fsw = initial['fsw'] as number;
  state.set(STATE.CR0, CR0.PE | CR0.NE | CR0.MP);
  state.set(STATE.CR4, 0x600);
  state.set(STATE.X87_CONTROL, initial['fcw'] as number);
  state.set(STATE.X87_STATUS, fsw & ~0x3800);
  state.set(STATE.X87_TOP, top(fsw));
  state.set(STATE.X87_IN_USE, initial['ftw'] as number);
  state.set(STATE.MXCSR, initial['mxcsr'] as number);
  for (let i = 0; i < 8; i++) {
    const at = STATE.X87_REGISTERS + 16 * ((top(fsw) + i) & 7);
    state.u8.set(hex(initial[`st${i}`] as string), at);
    state.u8.set(hex(initial[`x${i}`] as string), STATE.XMM + 16 * i);
  }
  machine.eflags = initial['efl'] as number;
  guest.fill(0xf4, 0, 0x20000);
  guest.set(hex(test.b), header.code);
  for (const [address, bytes] of test.m ?? []) guest.set(hex(bytes), address);
}

/** Distance of two extended numbers in units of the last place, for transcendental results. */
function ulps(a: Uint8Array, b: Uint8Array): bigint {
  const value = (bytes: Uint8Array): bigint => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const exponent = view.getUint16(8, true);
    const magnitude = (BigInt(exponent & 0x7fff) << 63n) + (view.getBigUint64(0, true) & (2n ** 63n - 1n));
    return exponent & 0x8000 ? -magnitude : magnitude;
  };
  const difference = value(a) - value(b);
  return difference < 0n ? -difference : difference;
}

function check(header: Header, test: Case): string[] {
  load(header, test);
  const before = guest.slice(0, 0x20000);
  const outcome = machine.run(header.code);
  const problems: string[] = [];
  const want = { ...header.default, ...test.i, ...test.o };
  const compare = (name: string, actual: number, mask = ~0): void => {
    if ((actual ^ (want[name] as number)) & mask)
      problems.push(`${name} ${(actual >>> 0).toString(16)} not ${(want[name] as number).toString(16)}`);
  };
  if (outcome.vector !== test.x) problems.push(`exception ${outcome.vector} not ${test.x}`);
  GPRS.forEach((name, n) => compare(name, state.reg32(n)));
  compare('efl', machine.eflags, 0x8d5);
  const fsw = state.get(STATE.X87_STATUS) | (state.get(STATE.X87_TOP) << 11);
  compare('fcw', state.get(STATE.X87_CONTROL));
  compare('fsw', fsw, ~(test.us ?? 0));
  compare('ftw', state.get(STATE.X87_IN_USE));
  compare('mxcsr', state.get(STATE.MXCSR));
  for (let i = 0; i < 8; i++) {
    const n = (top(fsw) + i) & 7;
    const at = STATE.X87_REGISTERS + 16 * n;
    const expected = hex(want[`st${i}`] as string);
    const actual = state.u8.slice(at, at + 10);
    if ((want['ftw'] as number) & (1 << n) && Buffer.compare(actual, expected)) {
      const allowed = test.t === undefined ? 0n : test.t === 1 ? 2n : 4n;
      if (ulps(actual, expected) > allowed)
        problems.push(`st${i} ${Buffer.from(actual).toString('hex')} not ${want[`st${i}`]}`);
    }
    const xmm = Buffer.from(state.u8.slice(STATE.XMM + 16 * i, STATE.XMM + 16 * i + 16)).toString('hex');
    if (xmm !== want[`x${i}`]) problems.push(`x${i} ${xmm} not ${want[`x${i}`]}`);
  }
  const mask = new Map<number, number>();
  for (const [address, bytes] of test.k ?? []) hex(bytes).forEach((byte, i) => mask.set(address + i, byte));
  for (const [address, bytes] of test.w ?? []) before.set(hex(bytes), address);
  for (let address = 0; address < before.length; address++)
    if (before[address] !== guest[address] && (before[address]! ^ guest[address]!) & (mask.get(address) ?? 255))
      problems.push(`[${address.toString(16)}] ${guest[address]!.toString(16)} not ${before[address]!.toString(16)}`);
  return problems;
}

describe.skipIf(missing)('x87 against a real processor (skipped without ../shared/conformance)', () => {
  const lines = missing ? [] : gunzipSync(readFileSync(FILE)).toString('latin1').trim().split('\n');
  const header = missing ? undefined : (JSON.parse(lines[0]!) as Header);
  if (header) {
    for (const [address, bytes] of header.mem) guest.set(hex(bytes), address);
    // FS and GS are the first two descriptors of the LDT, which GDT entry 6 describes.
    const base = (at: number): number =>
      guest[at + 2]! | (guest[at + 3]! << 8) | (guest[at + 4]! << 16) | (guest[at + 7]! << 24);
    const ldt = base(2048 + 48);
    machine.segmentBases = [base(ldt), base(ldt + 8)];
  }
  const forms = new Map<string, Case[]>();
  for (let i = 1; i < lines.length; i += STEP) {
    const test = JSON.parse(lines[i]!) as Case;
    // EMMS and other MMX instructions have tests of their own.
    if (/0f(77|6f|7f)/.test(test.b.slice(0, 6))) continue;
    const cases = forms.get(test.f) ?? [];
    cases.push(test);
    forms.set(test.f, cases);
  }
  for (const [form, cases] of forms)
    it(form, () => {
      const wrong: string[] = [];
      for (const test of cases) {
        const problems = check(header!, test);
        if (problems.length) wrong.push(`${test.b} ${JSON.stringify(test.i)}: ${problems.slice(0, 6).join('; ')}`);
      }
      expect(wrong.slice(0, 4), `${wrong.length} of ${cases.length} wrong`).toEqual([]);
    });
});
