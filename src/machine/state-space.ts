/**
 * Space kept free for a saved state while a machine runs, as the original product does: a file of zeros under the state's own name,
 * so that saving cannot fail for lack of space. A leftover after a crash of the host is harmless: it is told from a state by
 * its content.
 */
import fs from 'node:fs/promises';
import path from 'node:path';
import { NodeFile } from '../disks/node-file.ts';
import { SavedStateError, SavedStateErrorCode, detectState } from '../saved-state/index.ts';

/** Room for devices and directory besides memory. */
const EXTRA_BYTES = 10 << 20;
const CHUNK = 4 << 20;

/** What is under a state's name. */
export function stateAt(file: string): 'none' | 'state' | 'placeholder' | 'foreign' {
  let probe: NodeFile;
  try {
    probe = NodeFile.open(path.resolve(file), true);
  } catch {
    return 'none';
  }
  try {
    return detectState(probe);
  } finally {
    probe.close();
  }
}

export interface StateSpace {
  /** Gives the space free, unless a state was written into it. */
  release(): Promise<void>;
}

/**
 * Writes a file of zeros, in portions between which the host's other work goes on. A placeholder that is there already is used; a state
 * is never touched.
 * @param memoryBytes RAM of the machine
 * @throws SavedStateError `state-host-full`, `state-access-denied`; nothing is left behind then
 */
export async function reserveStateSpace(file: string, memoryBytes: number, signal?: AbortSignal): Promise<StateSpace> {
  const target = path.resolve(file);
  const present = stateAt(target);
  if (present === 'state' || present === 'foreign') return { release: async () => {} };
  const release = async (): Promise<void> => {
    if (stateAt(target) === 'placeholder') await fs.rm(target, { force: true });
  };
  try {
    const handle = await fs.open(target, present === 'placeholder' ? 'r+' : 'wx');
    try {
      const zeros = new Uint8Array(CHUNK);
      const wanted = memoryBytes + EXTRA_BYTES;
      for (let at = 0; at < wanted && !signal?.aborted; at += CHUNK)
        await handle.write(zeros, 0, Math.min(CHUNK, wanted - at), at);
      if (!signal?.aborted) await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    await release().catch(() => undefined);
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
    throw new SavedStateError(
      full ? SavedStateErrorCode.HostFull : SavedStateErrorCode.AccessDenied,
      full ? 'there is no room for the state of this machine' : message,
      { fileName: target, cause },
    );
  }
  return { release };
}
