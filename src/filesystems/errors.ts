/** Errors of partition tables and file systems inside disk images. */

/** Codes of `FileSystemError`; stable. */
export const FileSystemErrorCode = {
  /** A structure of the file system contradicts itself or leaves the disk. */
  Damaged: 'fs-damaged',
  /** No file or folder of that name. */
  NotFound: 'fs-not-found',
  /** A folder was expected. */
  NotAFolder: 'fs-not-a-folder',
  /** A file was expected. */
  NotAFile: 'fs-not-a-file',
  /** The disk, or the partition named, has no file system that can be read here. */
  NoFileSystem: 'fs-none',
  /** A valid file or file system of a kind that is not read. */
  Unsupported: 'fs-unsupported',
} as const;
export type FileSystemErrorCode = (typeof FileSystemErrorCode)[keyof typeof FileSystemErrorCode];

/** A problem with what is inside an image. Command lines end with exit code 4 on it. */
export class FileSystemError extends Error {
  override readonly name = 'FileSystemError';
  readonly code: FileSystemErrorCode;
  /** Path inside the file system, or name of the image. */
  readonly place: string;
  readonly remedy: string | undefined;
  /** Exit code category of disk and image problems. */
  readonly exitCode = 4;

  /** @param remedy what the reader of the message can do; a full sentence */
  constructor(code: FileSystemErrorCode, place: string, problem: string, remedy?: string) {
    super(`${place}: ${problem}.${remedy === undefined ? '' : ` ${remedy}`}`);
    this.code = code;
    this.place = place;
    this.remedy = remedy;
  }
}
