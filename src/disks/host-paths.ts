/** Files whose names were written on a system that does not tell upper from lower case. */
import fs from 'node:fs';
import path from 'node:path';

/**
 * The existing file or folder that `wanted` (an absolute host path) means: exactly, or, component by component, the first entry that
 * differs only in case. Undefined when there is none.
 */
export function findIgnoringCase(wanted: string): string | undefined {
  if (fs.existsSync(wanted)) return wanted;
  const parent = path.dirname(wanted);
  if (parent === wanted) return undefined;
  const folder = findIgnoringCase(parent);
  if (folder === undefined) return undefined;
  const name = path.basename(wanted).toLowerCase();
  let entries: string[];
  try {
    entries = fs.readdirSync(folder);
  } catch {
    return undefined;
  }
  const match = entries.filter((entry) => entry.toLowerCase() === name).sort()[0];
  return match === undefined ? undefined : path.join(folder, match);
}
