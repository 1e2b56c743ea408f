/** Finding and opening files of vectors. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { hardwareSuite } from './hardware-runner.ts';
import { realModeSuite } from './real-mode-runner.ts';
import type { Suite } from './suite.ts';
import { testFloatSuite } from './testfloat-runner.ts';

/** The data in the folder `shared` beside the checkout. */
export const sharedFolder = (root: string): string => join(root, '..', 'shared', 'conformance');

export interface VectorFile {
  readonly path: string;
  /** Path from the folder it was found in. */
  readonly name: string;
}

/** Files with names of vector files in a folder and those below it, by name. @throws Error if the folder is not there */
export function findVectorFiles(folder: string): VectorFile[] {
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  if (statSync(folder).isFile()) return [{ path: folder, name: basename(folder) }];
  // By name, then statSync: links to files count like files.
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:jsonl|txt)(?:\.gz)?$/.test(name))
    .map((name) => ({ path: join(folder, name), name: name.replaceAll('\\', '/') }))
    .filter(({ path }) => statSync(path).isFile())
    .filter(({ path, name }) => !name.endsWith('.txt') || readFileSync(path, 'latin1').startsWith('='))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readLines(path: string): string[] {
  const bytes = readFileSync(path);
  // By content, not by name: the file may have been unpacked on its way.
  const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  return text
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

function schemaOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { schema?: string } | null)?.schema;
  } catch {
    return undefined;
  }
}

/** @throws Error if the file is in none of the known formats */
export function openSuite(path: string): Suite {
  const lines = readLines(path);
  if (lines[0]?.startsWith('=')) return testFloatSuite(lines);
  const schema = schemaOf(lines[0] ?? '');
  if (schema === 'x86case-1') return hardwareSuite(lines);
  if (schema === 'x86case-real-1') return realModeSuite(lines);
  throw new Error(`${path}: unknown schema ${schema}`);
}

/** Root of the checkout when this runs from its sources. */
export const sourceRoot = (): string => fileURLToPath(new URL('../..', import.meta.url));
