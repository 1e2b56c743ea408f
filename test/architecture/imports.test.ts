import { describe, expect, it } from 'vitest';
import { importsOf, resolveImport, sourceFiles, withoutComments } from './sources.ts';

/** The parts that know nothing of each other, of Node or of the DOM. */
const CORE = ['cpu', 'devices', 'vhd'];

/**
 * Height of each part of the house; a file imports from its own part or from a lower one. Parts of `src` that are not
 * named stand beside the machine.
 */
const HEIGHTS: readonly (readonly [prefix: string, height: number])[] = [
  ['cpu/', 0],
  ['devices/', 0],
  ['vhd/', 0],
  ['src/cli/', 5],
  ['src/machine/', 1],
];

function heightOf(path: string): number {
  const named = HEIGHTS.find(([prefix]) => path.startsWith(prefix));
  if (named) return named[1];
  // Files directly in src/ are the package's entry points.
  return /^src\/[^/]+$/.test(path) ? 3 : 1;
}

const inPart = (path: string, part: string): boolean => path.startsWith(`${part}/`);

const files = sourceFiles(...CORE, 'src');

/** Where a part's code, comments apart, has what the expression finds. */
const uses = (part: string, what: RegExp): string[] =>
  files
    .filter(({ path }) => inPart(path, part))
    .flatMap(({ path, text }) => {
      const found = what.exec(withoutComments(text));
      return found ? [`${path}: ${found[0]}`] : [];
    });

describe('imports point downwards', () => {
  it('finds the sources', () => {
    for (const part of [...CORE, 'src']) expect(files.some(({ path }) => inPart(path, part))).toBe(true);
  });

  it.each(CORE)('%s imports nothing but itself', (part) => {
    const strangers = files
      .filter(({ path }) => inPart(path, part))
      .flatMap(({ path, text }) => importsOf(text).map((specifier) => [path, resolveImport(path, specifier)] as const))
      .filter(([, target]) => !inPart(target, part));
    expect(strangers).toEqual([]);
  });

  it.each(CORE)('%s uses neither Node nor the page', (part) => {
    const host =
      /\b(?:Buffer\.|process\.(?:env|argv|stdin|stdout|stderr|exit|on|hrtime|nextTick)|document\.|globalThis\.|setTimeout\(|setInterval\(|require\()/;
    expect(uses(part, host)).toEqual([]);
  });

  it.each(['cpu', 'devices'])('%s does not know host time', (part) => {
    expect(uses(part, /\bDate\.now|\bnew Date\(\)|\bperformance\.now/)).toEqual([]);
  });

  it('no part of src imports from a higher one', () => {
    const upward = files
      .flatMap(({ path, text }) => importsOf(text).map((specifier) => [path, resolveImport(path, specifier)] as const))
      .filter(([, target]) => /^(?:cpu|devices|vhd|src)\//.test(target))
      .filter(([path, target]) => heightOf(target) > heightOf(path));
    expect(upward).toEqual([]);
  });

  it('nothing in the product imports tests or benchmarks', () => {
    const wrong = files
      .flatMap(({ path, text }) => importsOf(text).map((specifier) => [path, resolveImport(path, specifier)] as const))
      .filter(([, target]) => /^(?:test|bench|\.\.)\//.test(target));
    expect(wrong).toEqual([]);
  });
});

describe('the checks themselves', () => {
  it('sees every form of import', () => {
    const text = `
      import a from './a.ts';
      import { b,
        c } from "./b.ts";
      import type { D } from '../d.ts';
      export * from './e.ts';
      import './f.ts';
      const g = await import('./g.ts');
      // import h from './h.ts';
      /* import i from './i.ts'; */
    `;
    expect(importsOf(text)).toEqual(['./a.ts', './b.ts', '../d.ts', './e.ts', './f.ts', './g.ts']);
  });

  it('resolves relative imports', () => {
    expect(resolveImport('src/machine/board.ts', '../cli/main.ts')).toBe('src/cli/main.ts');
    expect(resolveImport('cpu/processor.ts', '../../elsewhere.ts')).toBe('../elsewhere.ts');
    expect(resolveImport('cpu/processor.ts', 'node:fs')).toBe('node:fs');
  });
});
