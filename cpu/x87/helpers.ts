/** Helpers of the x87 instructions that are rare or long. */
import type { Helper } from '../helpers.ts';
import { decimalHelpers } from './decimal.ts';
import { environmentHelpers } from './environment.ts';
import { transcendentalHelpers } from './transcendental.ts';

export const x87Helpers: Record<string, Helper> = {
  ...environmentHelpers,
  ...decimalHelpers,
  ...transcendentalHelpers,
};
