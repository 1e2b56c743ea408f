/** Makes WebAssembly modules out of selected regions, several at a time: a module costs about as much as fifty instructions. */
import { ModuleBuilder } from '../emitter/index.ts';
import type { FunctionRef } from '../emitter/index.ts';
import { type EmittedRegion, emitRegion } from './emit.ts';
import type { Region } from './regions.ts';

export interface CompilerEnvironment {
  readonly memory: WebAssembly.Memory;
  readonly helper: (record: number, handler: number) => number;
  /** Functions of the processor's module that semantics call, by name: signatures and the functions themselves. */
  readonly functions: ReadonlyMap<string, FunctionRef>;
  readonly exports: WebAssembly.Exports;
  /** JitOptions.forcedExits, 0 = none. */
  readonly forcedExits: number;
}

export interface CompiledRegion {
  readonly region: Region;
  readonly emitted: EmittedRegion;
  readonly code: unknown;
}

export function compileRegions(
  regions: readonly Region[],
  environment: CompilerEnvironment,
): { bytes: number; compiled: CompiledRegion[] } {
  const m = new ModuleBuilder();
  m.importMemory('env', 'memory', environment.memory.buffer.byteLength / 65536);
  const helper = m.importFunction('env', 'helper', ['i32', 'i32'], 'i32');
  const functions = new Map<string, FunctionRef>();
  const cold = regions.some(({ selection }) =>
    [...selection.nodes.values()].some(({ instructions }) =>
      instructions.some(({ emitted }) => emitted?.callsFunctions === true),
    ),
  );
  if (cold)
    for (const [name, { params, result }] of environment.functions)
      functions.set(name, m.importFunction('fn', name, params, result));
  const results = regions.map((region, i) => {
    let result: EmittedRegion = { roots: [], shift: 0 };
    const code = m.function(['i32'], 'i32', (f) => {
      result = emitRegion(f, region.selection, region.address, {
        helper,
        functions,
        forcedExits: environment.forcedExits,
      });
    });
    m.export(`r${i}`, code);
    return result;
  });
  const bytes = m.build();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: environment.memory, helper: environment.helper },
    fn: environment.exports as WebAssembly.ModuleImports,
  });
  const compiled = regions.map((region, i) => ({ region, emitted: results[i]!, code: instance.exports[`r${i}`] }));
  return { bytes: bytes.length, compiled };
}
