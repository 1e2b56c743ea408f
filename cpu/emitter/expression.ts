/**
 * Typed WebAssembly expressions. An expression is a small tree built by ordinary function calls (`i32.add(a, 1)`) and
 * turned into bytes when a statement uses it; it is evaluated where that statement stands, each time it is used, so a
 * value needed twice goes into a local. Constants fold while the tree is built.
 */
import type { ByteWriter } from './bytes.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** Type bytes of the binary format. */
export const TYPE_CODE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

export abstract class Expr<T extends ValueType = ValueType> {
  readonly type: T;
  constructor(type: T) {
    this.type = type;
  }
  abstract emit(out: ByteWriter): void;
  /** The value of a constant i32 expression. */
  get constant(): number | undefined {
    return undefined;
  }
}

/** Wherever an i32 is wanted a number will do; wherever an i64 is wanted, a bigint. */
export type I32 = Expr<'i32'> | number;
export type I64 = Expr<'i64'> | bigint;
export type F64 = Expr<'f64'> | number;
export type F32 = Expr<'f32'>;
export type V128 = Expr<'v128'>;

class ConstI32 extends Expr<'i32'> {
  readonly value: number;
  constructor(value: number) {
    super('i32');
    this.value = value | 0;
  }
  override get constant(): number {
    return this.value;
  }
  emit(out: ByteWriter): void {
    out.u8(0x41);
    out.s32(this.value);
  }
}

class ConstI64 extends Expr<'i64'> {
  readonly value: bigint;
  constructor(value: bigint) {
    super('i64');
    this.value = value;
  }
  emit(out: ByteWriter): void {
    out.u8(0x42);
    out.s64(this.value);
  }
}

class ConstF64 extends Expr<'f64'> {
  readonly value: number;
  constructor(value: number) {
    super('f64');
    this.value = value;
  }
  emit(out: ByteWriter): void {
    out.u8(0x44);
    out.f64(this.value);
  }
}

class ConstV128 extends Expr<'v128'> {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    super('v128');
    this.bytes = bytes;
  }
  emit(out: ByteWriter): void {
    out.u8(0xfd);
    out.u32(12);
    out.append(this.bytes);
  }
}

/** An operator over operands already on the stack, one opcode byte. */
class Op<T extends ValueType> extends Expr<T> {
  readonly code: number;
  readonly operands: readonly Expr[];
  constructor(type: T, code: number, operands: readonly Expr[]) {
    super(type);
    this.code = code;
    this.operands = operands;
  }
  emit(out: ByteWriter): void {
    for (const operand of this.operands) operand.emit(out);
    out.u8(this.code);
  }
}

/** An operator with a prefix byte (FCh saturating conversions, FDh SIMD) and immediate bytes. */
class PrefixedOp<T extends ValueType> extends Expr<T> {
  readonly prefix: number;
  readonly code: number;
  readonly operands: readonly Expr[];
  readonly immediates: readonly number[];
  constructor(type: T, prefix: number, code: number, operands: readonly Expr[], immediates: readonly number[]) {
    super(type);
    this.prefix = prefix;
    this.code = code;
    this.operands = operands;
    this.immediates = immediates;
  }
  emit(out: ByteWriter): void {
    for (const operand of this.operands) operand.emit(out);
    out.u8(this.prefix);
    out.u32(this.code);
    out.append(this.immediates);
  }
}

class Load<T extends ValueType> extends Expr<T> {
  readonly code: number;
  readonly address: Expr<'i32'>;
  readonly offset: number;
  constructor(type: T, code: number, address: Expr<'i32'>, offset: number) {
    super(type);
    this.code = code;
    this.address = address;
    this.offset = offset;
  }
  emit(out: ByteWriter): void {
    this.address.emit(out);
    if (this.type === 'v128') {
      out.u8(0xfd);
      out.u32(this.code);
    } else out.u8(this.code);
    out.u8(0); // alignment hint: 2^0, always allowed
    out.u32(this.offset);
  }
}

class Call<T extends ValueType> extends Expr<T> {
  readonly index: number;
  readonly args: readonly Expr[];
  constructor(type: T, index: number, args: readonly Expr[]) {
    super(type);
    this.index = index;
    this.args = args;
  }
  emit(out: ByteWriter): void {
    for (const arg of this.args) arg.emit(out);
    out.u8(0x10);
    out.u32(this.index);
  }
}

class CallIndirect<T extends ValueType> extends Expr<T> {
  readonly typeIndex: number;
  readonly slot: Expr<'i32'>;
  readonly args: readonly Expr[];
  constructor(type: T, typeIndex: number, slot: Expr<'i32'>, args: readonly Expr[]) {
    super(type);
    this.typeIndex = typeIndex;
    this.slot = slot;
    this.args = args;
  }
  emit(out: ByteWriter): void {
    for (const arg of this.args) arg.emit(out);
    this.slot.emit(out);
    out.u8(0x11);
    out.u32(this.typeIndex);
    out.u8(0);
  }
}

class Select<T extends ValueType> extends Expr<T> {
  readonly condition: Expr<'i32'>;
  readonly whenTrue: Expr<T>;
  readonly whenFalse: Expr<T>;
  constructor(condition: Expr<'i32'>, whenTrue: Expr<T>, whenFalse: Expr<T>) {
    super(whenTrue.type);
    this.condition = condition;
    this.whenTrue = whenTrue;
    this.whenFalse = whenFalse;
  }
  emit(out: ByteWriter): void {
    this.whenTrue.emit(out);
    this.whenFalse.emit(out);
    this.condition.emit(out);
    out.u8(0x1b);
  }
}

/** A local variable of the function being built; as an expression it reads the variable. */
export class Local<T extends ValueType = ValueType> extends Expr<T> {
  readonly index: number;
  constructor(type: T, index: number) {
    super(type);
    this.index = index;
  }
  emit(out: ByteWriter): void {
    out.u8(0x20);
    out.u32(this.index);
  }
}

/** A global variable; as an expression it reads the variable. */
export class Global<T extends ValueType = ValueType> extends Expr<T> {
  readonly index: number;
  constructor(type: T, index: number) {
    super(type);
    this.index = index;
  }
  emit(out: ByteWriter): void {
    out.u8(0x23);
    out.u32(this.index);
  }
}

export const asI32 = (value: I32): Expr<'i32'> => (typeof value === 'number' ? new ConstI32(value) : value);
export const asI64 = (value: I64): Expr<'i64'> => (typeof value === 'bigint' ? new ConstI64(value) : value);
const asF64 = (value: F64): Expr<'f64'> => (typeof value === 'number' ? new ConstF64(value) : value);

/** `condition ? a : b`, both sides evaluated. */
export const select = <T extends ValueType>(condition: I32, whenTrue: Expr<T>, whenFalse: Expr<T>): Expr<T> =>
  new Select(asI32(condition), whenTrue, whenFalse);
export const callExpr = <T extends ValueType>(type: T, index: number, args: readonly Expr[]): Expr<T> =>
  new Call(type, index, args);

export const callIndirectExpr = <T extends ValueType>(
  type: T,
  typeIndex: number,
  slot: Expr<'i32'>,
  args: readonly Expr[],
): Expr<T> => new CallIndirect(type, typeIndex, slot, args);

type Fold = (a: number, b: number) => number;

function binary(code: number, fold?: Fold, neutral?: number) {
  return (a: I32, b: I32): Expr<'i32'> => {
    const left = asI32(a);
    const right = asI32(b);
    const y = right.constant;
    if (y !== undefined) {
      const x = left.constant;
      if (fold && x !== undefined) return new ConstI32(fold(x, y));
      if (y === neutral) return left;
    }
    return new Op('i32', code, [left, right]);
  };
}
const unary =
  (code: number) =>
  (a: I32): Expr<'i32'> =>
    new Op('i32', code, [asI32(a)]);
const load32 =
  (code: number) =>
  (address: I32, offset = 0): Expr<'i32'> =>
    new Load('i32', code, asI32(address), offset);

export const i32 = {
  const: (value: number): Expr<'i32'> => new ConstI32(value),
  eqz: unary(0x45),
  eq: binary(0x46),
  ne: binary(0x47),
  lt_s: binary(0x48),
  lt_u: binary(0x49),
  gt_s: binary(0x4a),
  gt_u: binary(0x4b),
  le_s: binary(0x4c),
  le_u: binary(0x4d),
  ge_s: binary(0x4e),
  ge_u: binary(0x4f),
  clz: unary(0x67),
  ctz: unary(0x68),
  popcnt: unary(0x69),
  add: binary(0x6a, (a, b) => a + b, 0),
  sub: binary(0x6b, (a, b) => a - b, 0),
  mul: binary(0x6c, (a, b) => Math.imul(a, b), 1),
  div_s: binary(0x6d),
  div_u: binary(0x6e),
  rem_s: binary(0x6f),
  rem_u: binary(0x70),
  and: binary(0x71, (a, b) => a & b, -1),
  or: binary(0x72, (a, b) => a | b, 0),
  xor: binary(0x73, (a, b) => a ^ b, 0),
  shl: binary(0x74, (a, b) => a << b, 0),
  shr_s: binary(0x75, (a, b) => a >> b, 0),
  shr_u: binary(0x76, (a, b) => a >>> b, 0),
  rotl: binary(0x77, undefined, 0),
  rotr: binary(0x78, undefined, 0),
  extend8_s: unary(0xc0),
  extend16_s: unary(0xc1),
  wrap: (a: I64): Expr<'i32'> => new Op('i32', 0xa7, [asI64(a)]),
  eqz64: (a: I64): Expr<'i32'> => new Op('i32', 0x50, [asI64(a)]),
  reinterpret: (a: F32): Expr<'i32'> => new Op('i32', 0xbc, [a]),
  trunc_f64_s: (a: F64): Expr<'i32'> => new Op('i32', 0xaa, [asF64(a)]),
  trunc_sat_f64_s: (a: F64): Expr<'i32'> => new PrefixedOp('i32', 0xfc, 2, [asF64(a)], []),
  load: load32(0x28),
  load8_s: load32(0x2c),
  load8_u: load32(0x2d),
  load16_s: load32(0x2e),
  load16_u: load32(0x2f),
  not: (a: I32): Expr<'i32'> => i32.xor(a, -1),
};

const binary64 =
  (code: number) =>
  (a: I64, b: I64): Expr<'i64'> =>
    new Op('i64', code, [asI64(a), asI64(b)]);
const compare64 =
  (code: number) =>
  (a: I64, b: I64): Expr<'i32'> =>
    new Op('i32', code, [asI64(a), asI64(b)]);
const unary64 =
  (code: number) =>
  (a: I64): Expr<'i64'> =>
    new Op('i64', code, [asI64(a)]);
const load64 =
  (code: number) =>
  (address: I32, offset = 0): Expr<'i64'> =>
    new Load('i64', code, asI32(address), offset);

export const i64 = {
  const: (value: bigint): Expr<'i64'> => new ConstI64(value),
  eqz: (a: I64): Expr<'i32'> => i32.eqz64(a),
  eq: compare64(0x51),
  ne: compare64(0x52),
  lt_s: compare64(0x53),
  lt_u: compare64(0x54),
  gt_s: compare64(0x55),
  gt_u: compare64(0x56),
  le_s: compare64(0x57),
  le_u: compare64(0x58),
  ge_s: compare64(0x59),
  ge_u: compare64(0x5a),
  clz: unary64(0x79),
  ctz: unary64(0x7a),
  popcnt: unary64(0x7b),
  add: binary64(0x7c),
  sub: binary64(0x7d),
  mul: binary64(0x7e),
  div_s: binary64(0x7f),
  div_u: binary64(0x80),
  rem_s: binary64(0x81),
  rem_u: binary64(0x82),
  and: binary64(0x83),
  or: binary64(0x84),
  xor: binary64(0x85),
  shl: binary64(0x86),
  shr_s: binary64(0x87),
  shr_u: binary64(0x88),
  rotl: binary64(0x89),
  rotr: binary64(0x8a),
  extend_s: (a: I32): Expr<'i64'> => new Op('i64', 0xac, [asI32(a)]),
  extend_u: (a: I32): Expr<'i64'> => new Op('i64', 0xad, [asI32(a)]),
  trunc_sat_f64_s: (a: F64): Expr<'i64'> => new PrefixedOp('i64', 0xfc, 6, [asF64(a)], []),
  reinterpret: (a: F64): Expr<'i64'> => new Op('i64', 0xbd, [asF64(a)]),
  load: load64(0x29),
  load8_u: load64(0x31),
  load16_u: load64(0x33),
  load32_s: load64(0x34),
  load32_u: load64(0x35),
  not: (a: I64): Expr<'i64'> => i64.xor(a, -1n),
};

const binaryF64 =
  (code: number) =>
  (a: F64, b: F64): Expr<'f64'> =>
    new Op('f64', code, [asF64(a), asF64(b)]);
const compareF64 =
  (code: number) =>
  (a: F64, b: F64): Expr<'i32'> =>
    new Op('i32', code, [asF64(a), asF64(b)]);
const unaryF64 =
  (code: number) =>
  (a: F64): Expr<'f64'> =>
    new Op('f64', code, [asF64(a)]);

export const f64 = {
  const: (value: number): Expr<'f64'> => new ConstF64(value),
  eq: compareF64(0x61),
  ne: compareF64(0x62),
  lt: compareF64(0x63),
  gt: compareF64(0x64),
  le: compareF64(0x65),
  ge: compareF64(0x66),
  abs: unaryF64(0x99),
  neg: unaryF64(0x9a),
  ceil: unaryF64(0x9b),
  floor: unaryF64(0x9c),
  trunc: unaryF64(0x9d),
  nearest: unaryF64(0x9e),
  sqrt: unaryF64(0x9f),
  add: binaryF64(0xa0),
  sub: binaryF64(0xa1),
  mul: binaryF64(0xa2),
  div: binaryF64(0xa3),
  convert_i32_s: (a: I32): Expr<'f64'> => new Op('f64', 0xb7, [asI32(a)]),
  convert_i64_s: (a: I64): Expr<'f64'> => new Op('f64', 0xb9, [asI64(a)]),
  promote: (a: F32): Expr<'f64'> => new Op('f64', 0xbb, [a]),
  reinterpret: (a: I64): Expr<'f64'> => new Op('f64', 0xbf, [asI64(a)]),
  load: (address: I32, offset = 0): Expr<'f64'> => new Load('f64', 0x2b, asI32(address), offset),
};

const binaryF32 =
  (code: number) =>
  (a: F32, b: F32): Expr<'f32'> =>
    new Op('f32', code, [a, b]);
const compareF32 =
  (code: number) =>
  (a: F32, b: F32): Expr<'i32'> =>
    new Op('i32', code, [a, b]);

export const f32 = {
  eq: compareF32(0x5b),
  ne: compareF32(0x5c),
  lt: compareF32(0x5d),
  gt: compareF32(0x5e),
  le: compareF32(0x5f),
  ge: compareF32(0x60),
  sqrt: (a: F32): Expr<'f32'> => new Op('f32', 0x91, [a]),
  add: binaryF32(0x92),
  sub: binaryF32(0x93),
  mul: binaryF32(0x94),
  div: binaryF32(0x95),
  convert_i32_s: (a: I32): Expr<'f32'> => new Op('f32', 0xb2, [asI32(a)]),
  demote: (a: F64): Expr<'f32'> => new Op('f32', 0xb6, [asF64(a)]),
  reinterpret: (a: I32): Expr<'f32'> => new Op('f32', 0xbe, [asI32(a)]),
  load: (address: I32, offset = 0): Expr<'f32'> => new Load('f32', 0x2a, asI32(address), offset),
};

export const v128 = {
  const: (bytes: Uint8Array): Expr<'v128'> => new ConstV128(bytes),
  load: (address: I32, offset = 0): Expr<'v128'> => new Load('v128', 0, asI32(address), offset),
  /** Loads 32 or 64 bits into lane 0, the rest zero. */
  load32_zero: (address: I32, offset = 0): Expr<'v128'> => new Load('v128', 92, asI32(address), offset),
  load64_zero: (address: I32, offset = 0): Expr<'v128'> => new Load('v128', 93, asI32(address), offset),
  /** Any SIMD operator by its number in the specification, with lane or shuffle immediates. */
  op: (code: number, operands: readonly Expr[], immediates: readonly number[] = []): Expr<'v128'> =>
    new PrefixedOp('v128', 0xfd, code, operands, immediates),
  /** A SIMD operator that yields a scalar (lane extraction, bitmask, any_true). */
  scalar: <T extends 'i32' | 'i64' | 'f32' | 'f64'>(
    type: T,
    code: number,
    operands: readonly Expr[],
    immediates: readonly number[] = [],
  ): Expr<T> => new PrefixedOp(type, 0xfd, code, operands, immediates),
};
