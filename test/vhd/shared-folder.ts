/** The folder `shared` beside the checkout holds sample files that are not part of this repository. */
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../../shared');

/** Full path of a file there; undefined when it is absent, which outside CI skips the tests that need it. */
export function sharedPath(relative: string): string | undefined {
  const full = path.join(root, relative);
  if (fs.existsSync(full)) return full;
  if (process.env['CI'] !== undefined) throw new Error(`../shared/${relative} is needed in CI`);
  return undefined;
}
