/** Programs of the host that make or read file systems; in CI a missing one is a failure, elsewhere it skips the tests that need it. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

const FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin'];

function find(program: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find((full) => {
    try {
      accessSync(full, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** True when one of the programs is not installed and that may be so. */
export function lacking(...programs: string[]): boolean {
  return process.env['CI'] === undefined && programs.some((program) => find(program) === undefined);
}

export function tool(program: string, args: readonly string[], input?: string | Buffer): Buffer {
  const full = find(program);
  if (full === undefined) throw new Error(`${program} is not installed`);
  return execFileSync(full, args, {
    ...(input === undefined ? {} : { input }),
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
    timeout: 60_000,
    env: { ...process.env, MTOOLS_SKIP_CHECK: '1', TZ: 'UTC', LC_ALL: 'C.UTF-8' },
  });
}

/** A host with other work takes its time. */
const HOOK_MS = 60_000;

/** A folder for each test; gone afterwards. */
export function testFolder(): () => string {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtualserver-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }), HOOK_MS);
  return () => folder;
}
