/**
 * Media whose volume on the host is full: what the guest wrote waits in memory, the machine is paused before the guest can go on,
 * and everything is written when there is space again. To the guest it never happened.
 */
import { DiskError, DiskErrorCode } from '../../vhd/index.ts';

/** What is needed of a medium; positions and lengths in units of its own (sectors or bytes). */
export interface WritableMedium {
  read(position: number, into: Uint8Array): void;
  write(position: number, from: Uint8Array): void;
  flush(): void;
}

interface Waiting {
  /** Bytes from the start of the medium. */
  readonly offset: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** The processor stops at once; what transfers under way bring until then is far less than this. */
const MAX_WAITING = 64 << 20;

const isFull = (error: unknown): error is DiskError =>
  error instanceof DiskError && error.code === DiskErrorCode.HostFull;

class HeldMedium implements WritableMedium {
  readonly #medium: WritableMedium;
  readonly #unit: number;
  readonly #full: (error: DiskError) => void;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #flushWanted = false;

  /** @param unit bytes of a position */
  constructor(medium: WritableMedium, unit: number, full: (error: DiskError) => void) {
    this.#medium = medium;
    this.#unit = unit;
    this.#full = full;
  }

  get waits(): boolean {
    return this.#waiting.length > 0 || this.#flushWanted;
  }

  read(position: number, into: Uint8Array): void {
    this.#medium.read(position, into);
    const start = position * this.#unit;
    for (const { offset, bytes } of this.#waiting) {
      const from = Math.max(start, offset);
      const to = Math.min(start + into.length, offset + bytes.length);
      if (from < to) into.set(bytes.subarray(from - offset, to - offset), from - start);
    }
  }

  write(position: number, from: Uint8Array): void {
    if (this.#waiting.length === 0) {
      try {
        this.#medium.write(position, from);
        return;
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#full(error);
      }
    }
    if (this.#bytes + from.length > MAX_WAITING)
      throw new DiskError(DiskErrorCode.HostFull, 'the disk of the host is full, and too much waits for it already');
    this.#bytes += from.length;
    this.#waiting.push({ offset: position * this.#unit, position, bytes: from.slice() });
  }

  flush(): void {
    if (this.#waiting.length > 0) {
      this.#flushWanted = true;
      return;
    }
    try {
      this.#medium.flush();
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#flushWanted = true;
      this.#full(error);
    }
  }

  /** Writes what waits. @throws DiskError `disk-host-full` if there still is no space, others as the medium */
  retry(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      this.#medium.write(first.position, first.bytes);
      this.#waiting.shift();
      this.#bytes -= first.bytes.length;
    }
    if (!this.#flushWanted) return;
    this.#medium.flush();
    this.#flushWanted = false;
  }

  /** Gives up what waits. */
  forget(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#flushWanted = false;
  }
}

export class FullVolumes {
  readonly #media = new Map<string, HeldMedium>();
  readonly #told: (device: string, message: string) => void;

  /** @param told called when a medium begins to wait, from inside the access */
  constructor(told: (device: string, message: string) => void) {
    this.#told = told;
  }

  /** The medium of a device, with waiting. */
  hold(device: string, medium: WritableMedium, unit: number): WritableMedium {
    const held = new HeldMedium(medium, unit, (error) => this.#told(device, error.message));
    this.#media.set(device, held);
    return held;
  }

  /** The medium was taken out. */
  forget(device: string): void {
    this.#media.get(device)?.forget();
    this.#media.delete(device);
  }

  /** Something waits for space. */
  get waiting(): boolean {
    return [...this.#media.values()].some((medium) => medium.waits);
  }

  /**
   * Writes what waits.
   * @param failed told of each medium that has another trouble now; what it waited for is lost
   * @returns whether nothing waits any more
   */
  retry(failed: (device: string, error: Error) => void): boolean {
    let done = true;
    for (const [device, medium] of this.#media) {
      if (!medium.waits) continue;
      try {
        medium.retry();
      } catch (error) {
        if (isFull(error)) {
          done = false;
          continue;
        }
        medium.forget();
        failed(device, error as Error);
      }
    }
    return done;
  }
}
