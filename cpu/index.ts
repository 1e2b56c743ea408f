/** The processor. `createProcessor` is the way in; the contract is in processor.ts. */
export { X86Processor } from './core.ts';
export { createProcessor, SavableX86Processor } from './savable.ts';
export * from './processor.ts';
