import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, sourceFiles } from './sources.ts';

/** Lines; tests may be a little longer, since each is read by itself. */
const LIMIT = 600;
const TEST_LIMIT = 700;

/** Long files that are one table each. */
const TABLES: readonly RegExp[] = [/^cpu\/opcodes\//, /^test\/.*(?:vectors|fixtures)\.ts$/];

describe('files', () => {
  it(`has no file of more than ${LIMIT} lines, tables apart`, () => {
    const long = sourceFiles('cpu', 'devices', 'vhd', 'src', 'test', 'bench')
      .filter(({ path }) => !TABLES.some((table) => table.test(path)))
      .map(({ path, text }) => [path, text.split('\n').length] as const)
      .filter(([path, lines]) => lines > (path.startsWith('test/') ? TEST_LIMIT : LIMIT) + 1);
    expect(long).toEqual([]);
  });

  it('names no registry, no machine path, no unfinished work', () => {
    const forbidden =
      /registry\.[a-z]+\.(?:org|com)|deb\.debian|\/work\/|\/tmp\/bash_jobs|\b(?:it|test|describe)\.(?:only|todo)\(|\b(?:FIXME|XXX|TODO)\b/;
    const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
      .toString()
      .split('\0')
      .filter((path) => /\.(?:ts|mjs|json|md|asm|inc|yml)$|^\.ci\//.test(path))
      .filter((path) => path !== 'test/architecture/files.test.ts' && existsSync(join(ROOT, path)));
    expect(tracked.length).toBeGreaterThan(20);
    const lines = tracked.flatMap((path) =>
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .flatMap((line, i) => (forbidden.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])),
    );
    expect(lines).toEqual([]);
  });

  it('every device says what it follows, what it models and what it does not, on the page too', () => {
    const page = readFileSync(join(ROOT, 'docs', 'devices.md'), 'utf8');
    const parts = sourceFiles('devices').filter(({ path }) => /^devices\/[^/]+\//.test(path));
    const described = parts.filter(({ text }) => {
      const header = /^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? '';
      return (
        /(?:Data sheets?|Sources?|Standards?):/.test(header) && /Models:/.test(header) && /Does not model:/.test(header)
      );
    });
    const folders = (files: typeof parts): string[] =>
      [...new Set(files.map(({ path }) => path.split('/')[1]!))].sort();
    expect(folders(described)).toEqual(folders(parts));
    // `npm run docs` writes the page.
    expect(described.map(({ path }) => path).filter((path) => !page.includes(path))).toEqual([]);
  });
});
