/** BT BTS BTR BTC BSF BSR BSWAP SETcc CMOVcc. Intel SDM volume 2. */
import { type Expr, i32, type Local, select } from '../emitter/index.ts';
import { core, type Emit } from './arithmetic.ts';
import { setCarryOnly } from './flags.ts';

export type BitName = 'bt' | 'bts' | 'btr' | 'btc';

const CHANGE: Record<BitName, ((a: Expr<'i32'>, mask: Expr<'i32'>) => Expr<'i32'>) | undefined> = {
  bt: undefined,
  bts: (a, mask) => i32.or(a, mask),
  btr: (a, mask) => i32.and(a, i32.not(mask)),
  btc: (a, mask) => i32.xor(a, mask),
};

/** With a register bit offset and a memory operand the offset is signed and reaches beyond the operand. Only CF changes. */
export function bitTest(name: BitName, from: 'reg' | 'imm'): Emit {
  return core((c) => {
    const w = c.width as 2 | 4;
    const { f } = c;
    const bits = 8 * w;
    const offset = f.let(from === 'imm' ? c.immediate() : c.readReg(w));
    if (from === 'reg' && c.isMemory) {
      const whole = w === 4 ? offset : i32.extend16_s(offset);
      const distance = i32.shl(i32.shr_s(whole, w === 4 ? 5 : 4), w === 4 ? 2 : 1);
      c.moveAddress(distance, w, CHANGE[name] !== undefined);
    }
    const change = CHANGE[name];
    const a: Local<'i32'> = f.let(change ? c.readForWrite(w) : c.readRm(w));
    const position = f.let(i32.and(offset, bits - 1));
    if (change) c.writeBack(w, change(a, i32.shl(1, position)));
    setCarryOnly(c, f.let(i32.and(i32.shr_u(a, position), 1)));
  });
}

/**
 * BSF and BSR: a zero source sets ZF and leaves the destination, as all real parts do. The undefined flags are 0 but PF, which
 * follows the bit number.
 */
export function bitScan(reverse: boolean): Emit {
  return core((c) => {
    const w = c.width;
    const a = c.f.let(c.readRm(w));
    const number = c.f.let(reverse ? i32.sub(31, i32.clz(a)) : i32.ctz(a));
    // Not zero in spite of bit number 0.
    c.setResult(4, select(a, i32.or(number, 0x100), i32.const(0)));
    c.setCarry(0);
    c.f.if(a, () => c.writeReg(w, number));
  });
}

/** BSWAP. With 16-bit operands the result is undefined; real parts give 0. */
export const byteSwap: Emit = core((c) => {
  if (c.width === 2) {
    c.writeReg(2, 0);
    return;
  }
  const a = c.f.let(c.readReg(4));
  c.writeReg(4, i32.or(i32.and(i32.rotl(a, 8), 0x00ff00ff), i32.and(i32.rotr(a, 8), 0xff00ff00)));
});

export const setcc = (code: number): Emit => core((c) => c.writeRm(1, c.condition(code)));

/** CMOVcc reads its source whether or not it moves. */
export function cmovcc(code: number): Emit {
  return core((c) => {
    const w = c.width;
    const source = c.f.let(c.readRm(w));
    c.writeReg(w, select(c.condition(code), source as Expr<'i32'>, c.readReg(w)));
  });
}
