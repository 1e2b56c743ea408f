/** The Node that runs the emulators: this one, or another that is named by version or path. */
import { spawnSync } from 'node:child_process';

export interface NodeBinary {
  readonly path: string;
  /** As `process.versions` has them, without a leading v. */
  readonly version: string;
  readonly v8: string;
}

const DESCRIBE = 'console.log(JSON.stringify([process.execPath, process.versions.node, process.versions.v8]))';

function describe(command: string, args: readonly string[]): NodeBinary {
  const { status, stdout, stderr, error } = spawnSync(command, [...args, '-e', DESCRIBE], { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command}: ${stderr.trim().slice(-500)}`);
  const [path, version, v8] = JSON.parse(stdout.trim().split('\n').at(-1)!) as [string, string, string];
  return { path, version, v8 };
}

/**
 * @param wanted a version that `npx node@…` understands (`24`), a path, or undefined for the Node that runs this
 * @throws Error when it cannot be run
 */
export function findNode(wanted: string | undefined): NodeBinary {
  if (wanted === undefined) return { path: process.execPath, version: process.versions.node, v8: process.versions.v8 };
  return /^\d[\d.]*$/.test(wanted) ? describe('npx', ['--yes', `node@${wanted}`]) : describe(wanted, []);
}
