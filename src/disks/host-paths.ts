/** Files whose names were written on a system that does not tell upper from lower case. */
import fs from 'node:fs';
import path from 'node:path';

/**
 * The existing file or folder that `wanted` (an absolute host path) means: exactly, or, component by component, the first entry that
 * differs only in case. Undefined when there is none.
 */
export function findIgnoringCase(wanted: string): string | undefined {
  if (fs.existsSync(wanted)) return wanted;
  const { root } = path.parse(wanted);
  let found = root;
  for (const name of wanted.slice(root.length).split(path.sep)) {
    if (name === '') continue;
    const exact = path.join(found, name);
    if (fs.existsSync(exact)) {
      found = exact;
      continue;
    }
    const match = entriesOf(found)
      .filter((entry) => entry.toLowerCase() === name.toLowerCase())
      .sort()[0];
    if (match === undefined) return undefined;
    found = path.join(found, match);
  }
  return found;
}

function entriesOf(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}
