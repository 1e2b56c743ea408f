/** One WebAssembly module under construction. Binary format: core specification 2.0, section 5. */
import { ByteWriter } from './bytes.ts';
import { Global, TYPE_CODE, type ValueType } from './expression.ts';
import { FunctionBuilder, type FunctionRef, type SignatureRef } from './function.ts';

interface Signature {
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
}
type Ref<R extends ValueType | undefined> = FunctionRef & { result: R };

export class ModuleBuilder {
  readonly #types: Signature[] = [];
  readonly #typeIndex = new Map<string, number>();
  readonly #imports: { module: string; name: string; type: number }[] = [];
  readonly #functions: { type: number; builder: FunctionBuilder | undefined }[] = [];
  readonly #exports: { name: string; kind: 0 | 3; index: number }[] = [];
  readonly #globals: { type: ValueType; value: number }[] = [];
  #memory: { module: string; name: string; pages: number } | undefined;
  #table: { module: string; name: string; size: number } | undefined;

  #type(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.result ?? ''}`;
    let index = this.#typeIndex.get(key);
    if (index === undefined) {
      index = this.#types.push(signature) - 1;
      this.#typeIndex.set(key, index);
    }
    return index;
  }

  importMemory(module: string, name: string, pages: number): void {
    this.#memory = { module, name, pages };
  }

  /** A table of functions for `callIndirect`, of at least `size` entries. */
  importTable(module: string, name: string, size: number): void {
    this.#table = { module, name, size };
  }

  /** A signature to call through the table with. */
  signature<R extends ValueType | undefined>(params: readonly ValueType[], result: R): SignatureRef<R> {
    return { typeIndex: this.#type({ params, result }), result };
  }

  /** Imports come before every declared function. */
  importFunction<R extends ValueType | undefined>(
    module: string,
    name: string,
    params: readonly ValueType[],
    result: R,
  ): Ref<R> {
    if (this.#functions.length) throw new Error('imports must precede functions');
    this.#imports.push({ module, name, type: this.#type({ params, result }) });
    return { index: this.#imports.length - 1, params, result };
  }

  /** Reserves a function, so that others may call it before it is defined. */
  declare<R extends ValueType | undefined>(params: readonly ValueType[], result: R): Ref<R> {
    this.#functions.push({ type: this.#type({ params, result }), builder: undefined });
    return { index: this.#imports.length + this.#functions.length - 1, params, result };
  }

  define(ref: FunctionRef, build: (f: FunctionBuilder) => void): void {
    const builder = new FunctionBuilder(ref.params, ref.result);
    build(builder);
    this.#functions[ref.index - this.#imports.length]!.builder = builder;
  }

  /** Declares and defines at once. */
  function<R extends ValueType | undefined>(
    params: readonly ValueType[],
    result: R,
    build: (f: FunctionBuilder) => void,
  ): Ref<R> {
    const ref = this.declare(params, result);
    this.define(ref, build);
    return ref;
  }

  export(name: string, ref: FunctionRef): void {
    this.#exports.push({ name, kind: 0, index: ref.index });
  }

  /** A mutable i32 or i64 global. */
  global<T extends 'i32' | 'i64'>(type: T, value = 0, exportName?: string): Global<T> {
    const index = this.#globals.push({ type, value }) - 1;
    if (exportName) this.#exports.push({ name: exportName, kind: 3, index });
    return new Global(type, index);
  }

  build(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter(1 << 16);
    out.append([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    const section = (id: number, count: number, write: (w: ByteWriter) => void): void => {
      if (!count) return;
      const inner = new ByteWriter(1 << 12);
      inner.u32(count);
      write(inner);
      out.u8(id);
      out.sized(inner);
    };
    section(1, this.#types.length, (w) => {
      for (const { params, result } of this.#types) {
        w.u8(0x60);
        w.u32(params.length);
        for (const p of params) w.u8(TYPE_CODE[p]);
        w.u32(result ? 1 : 0);
        if (result) w.u8(TYPE_CODE[result]);
      }
    });
    section(2, this.#imports.length + (this.#memory ? 1 : 0) + (this.#table ? 1 : 0), (w) => {
      for (const { module, name, type } of this.#imports) {
        w.name(module);
        w.name(name);
        w.u8(0);
        w.u32(type);
      }
      if (this.#memory) {
        w.name(this.#memory.module);
        w.name(this.#memory.name);
        w.u8(2);
        w.u8(0);
        w.u32(this.#memory.pages);
      }
      if (this.#table) {
        w.name(this.#table.module);
        w.name(this.#table.name);
        w.append([1, 0x70, 0]);
        w.u32(this.#table.size);
      }
    });
    section(3, this.#functions.length, (w) => {
      for (const { type } of this.#functions) w.u32(type);
    });
    section(6, this.#globals.length, (w) => {
      for (const { type, value } of this.#globals) {
        w.u8(TYPE_CODE[type]);
        w.u8(1);
        w.u8(type === 'i32' ? 0x41 : 0x42);
        w.s32(value);
        w.u8(0x0b);
      }
    });
    section(7, this.#exports.length, (w) => {
      for (const { name, kind, index } of this.#exports) {
        w.name(name);
        w.u8(kind);
        w.u32(index);
      }
    });
    section(10, this.#functions.length, (w) => {
      this.#functions.forEach(({ builder }, i) => {
        if (!builder) throw new Error(`function ${i} is declared but not defined`);
        w.sized(builder.body());
      });
    });
    return out.view().slice();
  }
}
