import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface SourceFile {
  /** Path from the root of the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file below the given top-level folders. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => {
        const full = join(entry.parentPath, entry.name);
        return { path: full.slice(ROOT.length + 1).replaceAll('\\', '/'), text: readFileSync(full, 'utf8') };
      }),
  );
}

/** The source without comments and without the contents of template strings' text; good enough to look for identifiers and imports. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`\\])\/\/[^\n]*/g, '$1');
}

/** Module specifiers a file imports or re-exports, as written. */
export function importsOf(text: string): string[] {
  const found: string[] = [];
  const pattern = /\b(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g;
  for (const match of withoutComments(text).matchAll(pattern)) found.push((match[1] ?? match[2])!);
  return found;
}

/** Where an import leads: a path from the root for relative ones, the specifier itself otherwise. */
export function resolveImport(from: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : specifier;
}
