/** Every instruction that runs as a TypeScript helper, by the name the opcode table gives. */
import { decimalHelpers } from '../decimal/index.ts';
import type { Helper } from '../helpers.ts';
import { controlHelpers } from './control.ts';
import { cpuidHelpers } from './cpuid.ts';
import { descriptorTableHelpers } from './descriptor-tables.ts';
import { farTransferHelpers } from './far-transfer.ts';
import { flagHelpers } from './flags.ts';
import { frameHelpers } from './frames.ts';
import { interruptHelpers } from './interrupts.ts';
import { msrHelpers } from './msr.ts';
import { portIoHelpers } from './port-io.ts';
import { segmentMoveHelpers } from './segment-moves.ts';

export const systemHelpers: Record<string, Helper> = {
  ...farTransferHelpers,
  ...interruptHelpers,
  ...flagHelpers,
  ...segmentMoveHelpers,
  ...descriptorTableHelpers,
  ...controlHelpers,
  ...msrHelpers,
  ...cpuidHelpers,
  ...portIoHelpers,
  ...frameHelpers,
  ...decimalHelpers,
};

export { type CpuidLeaf, CpuidTable, createCpuid, type FeatureName } from './cpuid.ts';
