/**
 * The configurations of the compiling tier that everything must work in. Tests of the processor take theirs from the
 * environment variable VS_JIT: one of these names, or options as JSON.
 */
import type { JitOptions } from '../../cpu/processor.ts';

export type JitConfiguration = boolean | JitOptions;

/** Whatever is executed is compiled, at the first branch behind it. */
const FIRST: JitOptions = { threshold: 1, interval: 1, patience: 1 };

export const CONFIGURATIONS: Readonly<Record<string, JitConfiguration>> = {
  interpreter: false,
  default: true,
  /** Compiled from the first execution on. */
  first: FIRST,
  /** Compiled code leaves at every third memory access. */
  exits: { ...FIRST, forcedExits: 3 },
  /** Regions begin and end in other places, and are compiled together. */
  soon: { threshold: 2, interval: 50, patience: 8 },
};

/** @throws Error for what is neither a name nor JSON */
export function jitConfiguration(text: string): JitConfiguration {
  const named = CONFIGURATIONS[text];
  if (named !== undefined) return named;
  if (/^(true|false|\{.*\})$/.test(text)) return JSON.parse(text) as JitConfiguration;
  throw new Error(
    `'${text}' is no configuration of the compiler: ${Object.keys(CONFIGURATIONS).join(', ')}, or options as JSON`,
  );
}

/** The configuration that this run of the tests is about. */
export const jit: JitConfiguration = jitConfiguration(process.env['VS_JIT'] ?? 'default');
