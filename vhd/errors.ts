/**
 * Errors of disk images. Every refusal of this layer is a `DiskError`: a stable code for programs, a sentence for people, the file,
 * the byte offset where that helps, and what to do about it.
 */

/** Codes of `DiskError`; stable. */
export const DiskErrorCode = {
  /** The file does not exist. */
  NotFound: 'disk-not-found',
  /** The host does not let us read or write the file. */
  AccessDenied: 'disk-access-denied',
  /** A regular file was expected. */
  NotAFile: 'disk-not-a-file',
  /** The content is none of the known image formats. */
  NotAnImage: 'disk-not-an-image',
  /** The image is of another kind than the drive takes, for example a diskette image as a hard disk. */
  WrongKind: 'disk-wrong-kind',
  /** The file ends before the data that it must contain. */
  Truncated: 'disk-truncated',
  /** Footer or header checksum does not agree with the bytes. */
  Checksum: 'disk-checksum',
  /** A field of a VHD structure has an impossible value. */
  BadField: 'disk-bad-field',
  /** A valid file of a kind that is not supported. */
  Unsupported: 'disk-unsupported',
  /** Block table entries point outside the file, into metadata or at each other. */
  BlockTable: 'disk-block-table',
  /** The parent of a differencing disk was not found. */
  ParentMissing: 'disk-parent-missing',
  /** Files were found where the parent should be, but none is the parent. */
  ParentMismatch: 'disk-parent-mismatch',
  /** A disk is, through its parents, its own parent. */
  ChainLoop: 'disk-chain-loop',
  /** A request outside the disk. */
  OutOfRange: 'disk-out-of-range',
  /** A write to an image opened read-only. */
  ReadOnly: 'disk-read-only',
  /** The image is open for writing elsewhere. */
  Locked: 'disk-locked',
  /** A write would invalidate an undo or differencing disk that depends on this one. */
  HasChild: 'disk-has-child',
  /** The file to create exists already. */
  Exists: 'disk-exists',
  /** The size asked for is not possible. */
  BadSize: 'disk-bad-size',
  /** The disk belongs to a machine in saved state, which the operation would make useless. */
  SavedState: 'disk-saved-state',
  /** A merge into this disk was interrupted; until it is repeated the disk is neither its old nor its new self. */
  MergePending: 'disk-merge-pending',
  /** The damage cannot be repaired, or not without giving up data. */
  NotRepairable: 'disk-not-repairable',
  /** The operation was cancelled. */
  Cancelled: 'disk-cancelled',
  /** The host's disk is full. */
  HostFull: 'disk-host-full',
  /** Any other failure of the host. */
  Io: 'disk-io',
} as const;
export type DiskErrorCode = (typeof DiskErrorCode)[keyof typeof DiskErrorCode];

/** Where the problem is and what to do about it. */
export interface DiskErrorDetail {
  /** Name of the file as the caller gave it. */
  readonly fileName?: string | undefined;
  /** Byte offset in that file. */
  readonly offset?: number | undefined;
  /** What the reader of the message can do. A full sentence. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** A problem with a disk image or its host file. Command lines end with exit code 4 on it. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: DiskErrorCode;
  /** The sentence alone, without file, place and remedy. */
  readonly problem: string;
  readonly fileName: string | undefined;
  readonly offset: number | undefined;
  readonly remedy: string | undefined;
  /** Exit code category of disk and image problems. */
  readonly exitCode = 4;

  constructor(code: DiskErrorCode, problem: string, detail: DiskErrorDetail = {}) {
    const where = detail.fileName === undefined ? '' : `${detail.fileName}: `;
    const at = detail.offset === undefined ? '' : ` (at byte ${detail.offset})`;
    const remedy = detail.remedy === undefined ? '' : ` ${detail.remedy}`;
    super(`${where}${problem}${at}.${remedy}`, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.problem = problem;
    this.fileName = detail.fileName;
    this.offset = detail.offset;
    this.remedy = detail.remedy;
  }
}
