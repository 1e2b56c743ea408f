/** The processor. `createProcessor` is the way in; the contract is in processor.ts. */
export { createProcessor, X86Processor } from './core.ts';
export * from './processor.ts';
