/**
 * Disks split into pieces: `name.vhd`, `name.v01`, `name.v02` and so on, one stream of bytes cut at arbitrary places. Old products made
 * them on hosts whose files were limited to 2 or 4 GB.
 */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { RandomAccessFile } from './random-access-file.ts';

/** Pieces that the products made at most. */
export const MAXIMUM_PIECES = 64;

/** The parts of a split disk (`.vhd`, `.v01`, …) as one file. */
export class SplitFile implements RandomAccessFile {
  readonly name: string;
  readonly readOnly: boolean;
  private readonly pieces: readonly RandomAccessFile[];
  /** Offset of each piece in the stream. */
  private readonly starts: readonly number[];

  /** @param pieces in order, at least one; the name of the first stands for all. */
  constructor(pieces: readonly RandomAccessFile[]) {
    this.name = pieces[0].name;
    this.readOnly = pieces.some((piece) => piece.readOnly);
    this.pieces = pieces;
    let start = 0;
    this.starts = pieces.map((piece) => {
      start += piece.size();
      return start - piece.size();
    });
  }

  private get last(): number {
    return this.pieces.length - 1;
  }

  size(): number {
    return this.starts[this.last] + this.pieces[this.last].size();
  }

  read(offset: number, into: Uint8Array): number {
    let done = 0;
    this.eachPiece(offset, into, (piece, at, part) => {
      done += piece.read(at, part);
    });
    return done;
  }

  /** Growth goes into the last piece. */
  write(offset: number, from: Uint8Array): void {
    this.eachPiece(offset, from, (piece, at, part) => piece.write(at, part));
  }

  truncate(size: number): void {
    if (size < this.starts[this.last]) {
      throw new DiskError(DiskErrorCode.Unsupported, 'a split disk is not cut before its last piece', {
        fileName: this.name,
      });
    }
    this.pieces[this.last].truncate(size - this.starts[this.last]);
  }

  flush(): void {
    for (const piece of this.pieces) piece.flush();
  }

  close(): void {
    for (const piece of this.pieces) piece.close();
  }

  private eachPiece(
    offset: number,
    buffer: Uint8Array,
    visit: (piece: RandomAccessFile, at: number, part: Uint8Array) => void,
  ): void {
    for (const [i, piece] of this.pieces.entries()) {
      const start = this.starts[i];
      const end = i === this.last ? Infinity : this.starts[i + 1];
      const from = Math.max(offset, start);
      const to = Math.min(offset + buffer.length, end);
      if (from < to) visit(piece, from - start, buffer.subarray(from - offset, to - offset));
    }
  }
}
