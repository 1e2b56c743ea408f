/** All instruction tables, helpers and generated functions of the processor, in one place. */
import type { Helper } from '../helpers.ts';
import type { ModulePart } from '../interpreter/generate.ts';
import { mediaHelpers } from '../media/helpers.ts';
import { defineMedia } from '../media/index.ts';
import { defineFastSegmentLoad } from '../segmentation/fast-load.ts';
import { stringHelpers } from '../strings/index.ts';
import { systemHelpers } from '../system/index.ts';
import { x87Helpers } from '../x87/helpers.ts';
import { defineX87 } from '../x87/index.ts';
import type { InstructionDefinition } from './definition.ts';
import { integerDefinitions } from './integer.ts';
import { mmxDefinitions } from './mmx.ts';
import { sseDefinitions } from './sse.ts';
import { systemDefinitions } from './system.ts';
import { x87Definitions } from './x87.ts';

export const definitions: readonly InstructionDefinition[] = [
  ...integerDefinitions,
  ...systemDefinitions,
  ...x87Definitions,
  ...mmxDefinitions,
  ...sseDefinitions,
];

export const helpers: Readonly<Record<string, Helper>> = {
  ...systemHelpers,
  ...stringHelpers,
  ...x87Helpers,
  ...mediaHelpers,
};

export const moduleParts: readonly ModulePart[] = [defineX87, defineMedia, defineFastSegmentLoad];
