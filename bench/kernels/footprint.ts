/**
 * Writes the assembly source of an image with a large instruction footprint: 4,000 small functions, about 87,000 distinct
 * instructions, no loop but the one over passes. What a guest's boot is like: much code that runs once or a few times.
 */

const FUNCTIONS = 4000;
const REGISTERS = ['eax', 'ebx', 'ecx', 'edx', 'esi'];
/** Passes of each timed run. The first two show what unknown and barely known code costs. */
export const FOOTPRINT_PASSES: readonly number[] = [1, 1, 10, 100, 1000];

/** Random whole numbers below a bound, the same for the same seed (xorshift32: Marsaglia, "Xorshift RNGs", 2003). */
export function randomBelow(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** The source, for NASM with this folder as include path. The same seed gives the same text. */
export function footprintSource(seed = 1): string {
  const below = randomBelow(seed);
  const pick = (list: readonly string[]): string => list[below(list.length)]!;
  const register = (): string => pick(REGISTERS);
  const dword = (): string => `[BUFFER + ${below(50_000) & ~3}]`;
  const kinds: ((label: string) => string[])[] = [
    () => [`lea ${register()}, [${register()} + ${register()} * 4 + ${below(100)}]`],
    () => [`${pick(['and', 'or', 'xor'])} ${register()}, ${below(2 ** 31)}`],
    () => [`${pick(['shl', 'shr', 'sar', 'rol'])} ${register()}, ${1 + below(14)}`],
    () => [`mov ${dword()}, ${register()}`],
    () => [`mov ${register()}, ${dword()}`],
    () => [`add ${register()}, ${below(1024)}`],
    () => [`${pick(['add', 'sub', 'xor'])} ${register()}, ${register()}`],
    () => [`imul ${register()}, ${register()}, ${(3 + below(96)) | 1}`],
    (label) => [
      `cmp ${register()}, ${below(2 ** 28)}`,
      `${pick(['jb', 'jg', 'jz', 'js'])} ${label}`,
      `sub ${register()}, ${below(128)}`,
      `${label}:`,
    ],
  ];
  const lines = [
    '%define REPETITIONS 1',
    '%include "frame.inc"',
    'align 4',
    'tests:',
    ...FOOTPRINT_PASSES.map((passes) => `dd cold, ${passes}`),
    'dd 0, 0',
    'align 16',
    'cold: mov ebp, ecx',
    ...REGISTERS.map((name) => `xor ${name}, ${name}`),
    '.again:',
  ];
  for (let i = 0; i < FUNCTIONS; i++) lines.push(`call f${i}`);
  lines.push('dec ebp', 'jnz .again', 'ret');
  for (let i = 0; i < FUNCTIONS; i++) {
    lines.push(`f${i}: push ebp`, 'mov ebp, esp');
    const length = 14 + below(4);
    for (let k = 0; k < length; k++) lines.push(...kinds[below(kinds.length)]!(`.l${k}`));
    lines.push('pop ebp', 'ret');
  }
  lines.push('image_end:');
  return `${lines.join('\n')}\n`;
}
