/**
 * Keeping two writers away from one image: a file `<image>.lock` beside it, made exclusively, that says who holds it.
 * Source of the rule that a lock names process and host: common practice of mail and editor lock files.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { hostError } from './node-file.ts';

interface LockContent {
  readonly pid: number;
  readonly host: string;
  /** Start time of the process in the host's own units; tells a process from a later one with the same number. */
  readonly started: string;
  readonly since: string;
}

/** Field 22 of `/proc/<pid>/stat`, the start time in clock ticks since boot; empty where there is no such file. */
function processStart(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(content: LockContent): boolean {
  try {
    process.kill(content.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const started = processStart(content.pid);
  return content.started === '' || started === '' || started === content.started;
}

function readLock(lockPath: string): LockContent | undefined {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(lockPath, 'utf8'));
    const content = value as Partial<LockContent> | null;
    if (typeof content?.pid !== 'number' || !Number.isInteger(content.pid) || content.pid <= 0) return undefined;
    return {
      pid: content.pid,
      host: String(content.host),
      started: String(content.started ?? ''),
      since: String(content.since),
    };
  } catch {
    return undefined;
  }
}

function refusal(imagePath: string, lockPath: string, content: LockContent | undefined): DiskError {
  const byWhom =
    content === undefined
      ? 'a lock file that cannot be read is beside it'
      : content.host !== os.hostname()
        ? `it is in use by process ${content.pid} on the host ${content.host} since ${content.since}`
        : content.pid === process.pid
          ? `it is already open in this process since ${content.since}`
          : `it is in use by process ${content.pid} since ${content.since}`;
  return new DiskError(DiskErrorCode.Locked, byWhom, {
    fileName: imagePath,
    remedy: `Close the machine that uses it. If you are sure that nothing does, delete ${path.basename(lockPath)} beside it.`,
  });
}

export interface FileLock {
  /** Gives the lock up; a second call does nothing. */
  unlock(): void;
  /** What there is to know about a lock that was found and taken over. */
  readonly warning: string | undefined;
}

/**
 * Locks `imagePath` for writing. The lock of a process that no longer runs on this host is taken over, with a warning that says so.
 * @throws DiskError `disk-locked`, `disk-access-denied`.
 */
export function lockFile(imagePath: string): FileLock {
  const lockPath = `${imagePath}.lock`;
  const warning = takeOverStaleLock(imagePath, lockPath);
  const content: LockContent = {
    pid: process.pid,
    host: os.hostname(),
    started: processStart(process.pid),
    since: new Date().toISOString(),
  };
  try {
    createComplete(lockPath, `${JSON.stringify(content)}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw refusal(imagePath, lockPath, readLock(lockPath));
    throw hostError(error, lockPath, 'writing');
  }
  let held = true;
  const unlock = (): void => {
    if (held) fs.rmSync(lockPath, { force: true });
    held = false;
  };
  return { unlock, warning };
}

/** Makes a file that must not exist, complete or not at all: a process killed in between must not leave a lock that nobody can read. */
function createComplete(target: string, text: string): void {
  const unfinished = `${target}.${randomUUID()}`;
  fs.writeFileSync(unfinished, text);
  try {
    fs.linkSync(unfinished, target);
  } catch (error) {
    // Some file systems have no hard links.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    fs.writeFileSync(target, text, { flag: 'wx' });
  } finally {
    fs.rmSync(unfinished, { force: true });
  }
}

/**
 * Makes sure that nobody has `imagePath` open for writing.
 * @throws DiskError `disk-locked`.
 */
export function checkUnlocked(imagePath: string): void {
  const lockPath = `${imagePath}.lock`;
  if (!fs.existsSync(lockPath)) return;
  const content = readLock(lockPath);
  if (!isStale(content)) throw refusal(imagePath, lockPath, content);
}

function isStale(content: LockContent | undefined): content is LockContent {
  return content !== undefined && content.host === os.hostname() && !isAlive(content);
}

function takeOverStaleLock(imagePath: string, lockPath: string): string | undefined {
  if (!fs.existsSync(lockPath)) return undefined;
  const content = readLock(lockPath);
  if (!isStale(content)) throw refusal(imagePath, lockPath, content);
  // Moved away first and looked at again: another process may have taken it over in the meantime.
  const aside = `${lockPath}.${process.pid}`;
  fs.renameSync(lockPath, aside);
  const moved = readLock(aside);
  if (!isStale(moved)) {
    fs.renameSync(aside, lockPath);
    throw refusal(imagePath, lockPath, moved);
  }
  fs.rmSync(aside);
  return `${imagePath}: process ${content.pid} used it since ${content.since} and ended without closing it; its lock is taken over`;
}
