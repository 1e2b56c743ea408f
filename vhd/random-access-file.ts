import { DiskError, DiskErrorCode } from './errors.ts';

/**
 * What the image formats need from a host file. Synchronous: images are used inside a machine's own thread.
 * Implementations throw `DiskError` for host failures.
 */
export interface RandomAccessFile {
  /** Name for messages. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Length in bytes. */
  size(): number;
  /** Reads into the whole of `into` and returns how many bytes there were; fewer than asked only at the end of the file. */
  read(offset: number, into: Uint8Array): number;
  /** Writes all of `from`. Writing past the end extends the file; a gap reads as zeros. */
  write(offset: number, from: Uint8Array): void;
  /** Cuts or extends (with zeros) to `size` bytes. */
  truncate(size: number): void;
  /** Returns when everything written before is on stable storage. */
  flush(): void;
  close(): void;
}

/**
 * Reads exactly `into.length` bytes.
 * @throws DiskError `disk-truncated` when the file ends before.
 */
export function readExactly(file: RandomAccessFile, offset: number, into: Uint8Array, what: string): void {
  const count = file.read(offset, into);
  if (count !== into.length) {
    throw new DiskError(
      DiskErrorCode.Truncated,
      `the file ends inside ${what}: ${into.length - count} bytes are missing`,
      {
        fileName: file.name,
        offset: offset + count,
        remedy: 'The file was probably cut off while it was copied; copy it again from its source.',
      },
    );
  }
}

const ZEROS = new Uint8Array(65536);

/** Writes `length` zeros. */
export function writeZeros(file: RandomAccessFile, offset: number, length: number): void {
  for (let done = 0; done < length; done += ZEROS.length) {
    file.write(offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
  }
}
