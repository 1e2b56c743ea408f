/** The slow paths of memory accesses as generated code imports them: faults become state words, not exceptions. */
import { STATE } from '../layout.ts';
import type { Mmu } from '../mmu/mmu.ts';
import type { AccessSize } from '../processor.ts';
import { CpuFault, type CpuState } from '../state.ts';
import type { Imports } from './generate.ts';

/** Leaves a fault for the run loop to deliver. @throws whatever is no `CpuFault`: a defect of the processor itself */
export function recordFault(state: CpuState, error: unknown): void {
  if (!(error instanceof CpuFault)) throw error;
  state.set(STATE.FAULT, 1);
  state.set(STATE.FAULT_VECTOR, error.vector);
  state.set(STATE.FAULT_ERROR, error.errorCode ?? -1);
}

export function memoryImports(
  state: CpuState,
  mmu: Mmu,
): Pick<Imports, 'read' | 'write' | 'readForWrite' | 'readBlock' | 'writeBlock' | 'probeWrite' | 'codeMiss'> {
  const user = (): boolean => state.cpl === 3;
  const guard =
    <T extends unknown[]>(body: (...args: T) => number | void) =>
    (...args: T): number => {
      try {
        return body(...args) ?? 0;
      } catch (error) {
        recordFault(state, error);
        return 0;
      }
    };
  return {
    read: guard((linear: number, size: number) => mmu.readSlow(linear, size as AccessSize, user())),
    write: guard((linear: number, size: number, value: number) =>
      mmu.writeSlow(linear, size as AccessSize, value, user()),
    ),
    readForWrite: guard((linear: number, size: number) => {
      mmu.probe(linear, size, true, user());
      return mmu.readSlow(linear, size as AccessSize, user());
    }),
    readBlock: guard((linear: number, size: number) => {
      if (size === 16 && user()) mmu.checkAlignment(linear, size);
      mmu.probe(linear, size, false, user());
      for (let i = 0; i < size; i += 4) state.set(STATE.TRANSFER + i, mmu.readSlow(linear + i, 4, user()));
    }),
    writeBlock: guard((linear: number, size: number) => {
      if (size === 16 && user()) mmu.checkAlignment(linear, size);
      mmu.probe(linear, size, true, user());
      for (let i = 0; i < size; i += 4) mmu.writeSlow(linear + i, 4, state.getU(STATE.TRANSFER + i), user());
    }),
    probeWrite: guard((linear: number, size: number) => mmu.probe(linear, size, true, user())),
    codeMiss: guard((linear: number) => (mmu.translateCode(linear) ? 1 : 2)),
  };
}
