/** The WebAssembly emitter: typed expressions, function and module builders. */
export { ByteWriter } from './bytes.ts';
export * from './expression.ts';
export { FunctionBuilder, type FunctionRef, Label, type SignatureRef } from './function.ts';
export { ModuleBuilder } from './module.ts';
