/** One WebAssembly function under construction: locals from a pool, statements, structured control flow. */
import { ByteWriter } from './bytes.ts';
import {
  asI32,
  asI64,
  callExpr,
  callIndirectExpr,
  Expr,
  Global,
  type I32,
  type I64,
  Local,
  TYPE_CODE,
  type ValueType,
} from './expression.ts';

/** A function of the module by index, with its signature; may be called before it is defined. */
export interface FunctionRef {
  readonly index: number;
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
}

/** A signature of the module that functions of its table may have. */
export interface SignatureRef<R extends ValueType | undefined = ValueType | undefined> {
  readonly typeIndex: number;
  readonly result: R;
}

/** A branch target: the block (branch leaves it) or loop (branch repeats it) that opened at this depth. */
export class Label {
  readonly depth: number;
  constructor(depth: number) {
    this.depth = depth;
  }
}

const STORE_CODE = { store: 0x36, store8: 0x3a, store16: 0x3b, store64: 0x37, storeF32: 0x38, storeF64: 0x39 } as const;

export class FunctionBuilder {
  readonly code: ByteWriter = new ByteWriter(1024);
  readonly params: readonly Local[];
  readonly result: ValueType | undefined;
  #depth = 0;
  readonly #localTypes: ValueType[] = [];
  /** Locals free for reuse, by type: sharing a small pool keeps V8's compile time linear. */
  readonly #free: Record<ValueType, Local[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  #scope: Local[] | undefined;

  constructor(params: readonly ValueType[], result?: ValueType) {
    this.params = params.map((type, i) => new Local(type, i));
    this.result = result;
  }

  /** A local of the given type. Inside `scope` it returns to the pool when the scope ends; its value is not cleared. */
  local<T extends ValueType>(type: T): Local<T> {
    let local = this.#free[type].pop() as Local<T> | undefined;
    if (!local) {
      local = new Local(type, this.params.length + this.#localTypes.length);
      this.#localTypes.push(type);
    }
    this.#scope?.push(local);
    return local;
  }

  /** Runs `build`; locals made in it are free for reuse afterwards. */
  scope(build: () => void): void {
    const outer = this.#scope;
    const own: Local[] = [];
    this.#scope = own;
    build();
    this.#scope = outer;
    for (let i = own.length - 1; i >= 0; i--) this.#free[own[i]!.type].push(own[i]!);
  }

  /** A fresh local holding `value`. */
  let<T extends ValueType>(value: Expr<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  set<T extends ValueType>(
    local: Local<T>,
    value: Expr<T> | (T extends 'i32' ? number : T extends 'i64' ? bigint : never),
  ): void {
    (typeof value === 'number' ? asI32(value) : typeof value === 'bigint' ? asI64(value) : (value as Expr)).emit(
      this.code,
    );
    this.code.u8(0x21);
    this.code.u32(local.index);
  }

  setGlobal<T extends ValueType>(global: Global<T>, value: Expr<T>): void {
    value.emit(this.code);
    this.code.u8(0x24);
    this.code.u32(global.index);
  }

  #store(code: number, address: I32, value: Expr, offset: number): void {
    asI32(address).emit(this.code);
    value.emit(this.code);
    this.code.u8(code);
    this.code.u8(0);
    this.code.u32(offset);
  }
  store(address: I32, value: I32, offset = 0): void {
    this.#store(STORE_CODE.store, address, asI32(value), offset);
  }
  store8(address: I32, value: I32, offset = 0): void {
    this.#store(STORE_CODE.store8, address, asI32(value), offset);
  }
  store16(address: I32, value: I32, offset = 0): void {
    this.#store(STORE_CODE.store16, address, asI32(value), offset);
  }
  store64(address: I32, value: I64, offset = 0): void {
    this.#store(STORE_CODE.store64, address, asI64(value), offset);
  }
  storeF32(address: I32, value: Expr<'f32'>, offset = 0): void {
    this.#store(STORE_CODE.storeF32, address, value, offset);
  }
  storeF64(address: I32, value: Expr<'f64'>, offset = 0): void {
    this.#store(STORE_CODE.storeF64, address, value, offset);
  }
  storeV128(address: I32, value: Expr<'v128'>, offset = 0): void {
    asI32(address).emit(this.code);
    value.emit(this.code);
    this.code.append([0xfd, 11, 0]);
    this.code.u32(offset);
  }

  /** The value of a call; use `run` for functions without result. */
  call<T extends ValueType>(target: FunctionRef & { result: T }, ...args: (Expr | number)[]): Expr<T> {
    return callExpr(
      target.result,
      target.index,
      args.map((a) => (typeof a === 'number' ? asI32(a) : a)),
    );
  }
  /** The value of a call through the module's table. */
  callIndirect<T extends ValueType>(signature: SignatureRef<T>, slot: Expr<'i32'>, ...args: Expr[]): Expr<T> {
    return callIndirectExpr(signature.result, signature.typeIndex, slot, args);
  }
  /** Calls for effect; a result is dropped. */
  run(target: FunctionRef, ...args: (Expr | number)[]): void {
    for (const arg of args) (typeof arg === 'number' ? asI32(arg) : arg).emit(this.code);
    this.code.u8(0x10);
    this.code.u32(target.index);
    if (target.result) this.code.u8(0x1a);
  }
  drop(value: Expr): void {
    value.emit(this.code);
    this.code.u8(0x1a);
  }

  #open(code: number): Label {
    this.code.u8(code);
    this.code.u8(0x40);
    return new Label(++this.#depth);
  }
  /** Opens a block without closing it; `end` closes the innermost. For dispatch tables; prefer `block` and `loop`. */
  openBlock(): Label {
    return this.#open(0x02);
  }
  openLoop(): Label {
    return this.#open(0x03);
  }
  end(): void {
    this.code.u8(0x0b);
    this.#depth--;
  }
  block(build: (leave: Label) => void): void {
    build(this.#open(0x02));
    this.end();
  }
  loop(build: (repeat: Label) => void): void {
    build(this.#open(0x03));
    this.end();
  }
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    asI32(condition).emit(this.code);
    this.#open(0x04);
    then();
    if (otherwise) {
      this.code.u8(0x05);
      otherwise();
    }
    this.end();
  }
  br(label: Label): void {
    this.code.u8(0x0c);
    this.code.u32(this.#depth - label.depth);
  }
  brIf(label: Label, condition: I32): void {
    asI32(condition).emit(this.code);
    this.code.u8(0x0d);
    this.code.u32(this.#depth - label.depth);
  }
  brTable(index: I32, labels: readonly Label[], otherwise: Label): void {
    asI32(index).emit(this.code);
    this.code.u8(0x0e);
    this.code.u32(labels.length);
    for (const label of labels) this.code.u32(this.#depth - label.depth);
    this.code.u32(this.#depth - otherwise.depth);
  }
  return(value?: Expr | number): void {
    if (value !== undefined) (typeof value === 'number' ? asI32(value) : value).emit(this.code);
    this.code.u8(0x0f);
  }
  unreachable(): void {
    this.code.u8(0x00);
  }
  /** memory.copy (also right for overlap) and memory.fill, byte counts. */
  memoryCopy(to: I32, from: I32, count: I32): void {
    for (const value of [to, from, count]) asI32(value).emit(this.code);
    this.code.append([0xfc, 10, 0, 0]);
  }
  memoryFill(to: I32, value: I32, count: I32): void {
    for (const v of [to, value, count]) asI32(v).emit(this.code);
    this.code.append([0xfc, 11, 0]);
  }

  /** The code-section entry. */
  body(): ByteWriter {
    if (this.#depth !== 0) throw new Error(`function has ${this.#depth} unclosed blocks`);
    const out = new ByteWriter(this.code.length + 64);
    const runs: [number, ValueType][] = [];
    for (const type of this.#localTypes) {
      const last = runs[runs.length - 1];
      if (last && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    out.u32(runs.length);
    for (const [count, type] of runs) {
      out.u32(count);
      out.u8(TYPE_CODE[type]);
    }
    out.append(this.code.view());
    out.u8(0x0b);
    return out;
  }
}
