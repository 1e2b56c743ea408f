/**
 * MMX and SSE instructions with an immediate: the code for an immediate known when code is generated against the code that takes it from
 * the decoded instruction, for all 256 immediates and random operands.
 */
import { describe, expect, it } from 'vitest';
import {
  asI64,
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  i64,
  type I32,
  type I64,
  type Local,
  ModuleBuilder,
  v128,
  type V128,
} from '../../../cpu/emitter/index.ts';
import { STATE } from '../../../cpu/layout.ts';
import { defineMedia } from '../../../cpu/media/index.ts';
import type { InstructionDefinition } from '../../../cpu/opcodes/definition.ts';
import { mmxDefinitions } from '../../../cpu/opcodes/mmx.ts';
import { sseDefinitions } from '../../../cpu/opcodes/sse.ts';
import type { InstructionContext, Width } from '../../../cpu/semantics/context.ts';

const ROUNDS = 6;
const REG = 0;
const RM = 1;
const MASKED = 0x1f80;

/** Register forms with XMM0, MM0, EAX as ModRM.reg and XMM1, MM1, ECX as ModRM.rm. */
function context(
  f: FunctionBuilder,
  functions: Record<string, FunctionRef>,
  immediate: () => Expr<'i32'>,
): InstructionContext {
  const xmm = (n: number): number => STATE.XMM + 16 * n;
  const mmx = (n: number): number => STATE.X87_REGISTERS + 16 * n;
  const part: Partial<InstructionContext> = {
    f,
    width: 4,
    isMemory: false,
    immediate,
    readXmmReg: () => v128.load(0, xmm(REG)),
    readXmmRm: () => v128.load(0, xmm(RM)),
    writeXmmReg: (value: V128) => f.storeV128(0, value, xmm(REG)),
    writeXmmRm: (value: V128) => f.storeV128(0, value, xmm(RM)),
    readMmxReg: () => i64.load(0, mmx(REG)),
    readMmxRm: () => i64.load(0, mmx(RM)),
    writeMmxReg: (value: I64) => f.store64(0, asI64(value), mmx(REG)),
    writeMmxRm: (value: I64) => f.store64(0, asI64(value), mmx(RM)),
    readRm: (_width: Width) => i32.load(0, 4 * RM),
    writeReg: (_width: Width, value: I32) => f.store(0, value, 4 * REG),
    raiseIf: (condition: I32) => f.if(condition, () => f.unreachable()),
    fn: (name: string) => functions[name] as FunctionRef & { result: 'i32' },
  };
  return part as InstructionContext;
}

const withImmediate = [...mmxDefinitions, ...sseDefinitions].filter(
  (definition): definition is InstructionDefinition & { emit: NonNullable<InstructionDefinition['emit']> } =>
    definition.emit !== undefined && definition.operands.endsWith('Ib'),
);

/** A small generator (xorshift32), so that failures repeat. */
let seed = 0x3c6ef35f;
function bits(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}

describe('immediates known when code is generated', () => {
  it('are those of shuffles, shifts, word moves and comparisons', () => {
    expect(withImmediate.length).toBeGreaterThan(30);
  });
  for (const { encoding, mnemonic, operands, emit } of withImmediate)
    it(`${mnemonic} ${operands} (${encoding})`, () => {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const m = new ModuleBuilder();
      m.importMemory('e', 'memory', 1);
      const functions = defineMedia(m);
      m.export(
        'any',
        m.function(['i32'], 'i32', (f) => {
          emit(context(f, functions, () => f.params[0] as Local<'i32'>));
          f.return(0);
        }),
      );
      for (let k = 0; k < 256; k++)
        m.export(
          `known${k}`,
          m.function(['i32'], 'i32', (f) => {
            emit(context(f, functions, () => i32.const(k)));
            f.return(0);
          }),
        );
      const instance = new WebAssembly.Instance(new WebAssembly.Module(m.build()), { e: { memory } });
      const exports = instance.exports as Record<string, (immediate: number) => number>;
      const view = new DataView(memory.buffer);
      const special = mnemonic.startsWith('cmp') && operands.startsWith('V');
      for (let k = 0; k < 256; k++)
        for (let round = 0; round < ROUNDS; round++) {
          const words = Array.from({ length: 64 }, bits);
          if (special && round & 1)
            // Zeros, equal numbers, denormals and NaNs for comparisons.
            words.forEach((_word, i) => (words[i] = [0, 0x3f80_0000, 1, 0x7fc0_0000, 0xff80_0000][bits() % 5]!));
          const run = (name: string): string => {
            words.forEach((word, i) => {
              view.setUint32(STATE.XMM + 4 * (i % 8), words[i % 8]!, true);
              view.setUint32(STATE.X87_REGISTERS + 4 * (i % 8), word, true);
            });
            view.setUint32(4 * RM, words[9]!, true);
            view.setUint32(4 * REG, 0, true);
            view.setUint32(STATE.MXCSR, MASKED, true);
            exports[name]!(k);
            return (
              Buffer.from(memory.buffer, STATE.XMM, 32).toString('hex') +
              Buffer.from(memory.buffer, STATE.X87_REGISTERS, 32).toString('hex') +
              `${view.getUint32(4 * REG, true)} ${view.getUint32(STATE.MXCSR, true)}`
            );
          };
          const expected = run('any');
          expect(run(`known${k}`), `immediate ${k}: ${words.slice(0, 8).join(' ')}`).toBe(expected);
        }
    });
});
