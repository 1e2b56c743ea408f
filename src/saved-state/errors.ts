/** Why a saved state cannot be written or used. Codes are stable. */

export const SavedStateErrorCode = {
  /** There is no such file, or the host does not let us at it. */
  NotFound: 'state-not-found',
  AccessDenied: 'state-access-denied',
  /** The file only keeps space free for a state: the machine was never saved. */
  Placeholder: 'state-placeholder',
  /** A saved state of another product, or no saved state at all. */
  Foreign: 'state-foreign',
  /** The file ends before the state does: it was not written or copied completely. */
  Truncated: 'state-truncated',
  /** A part of the file is not what was written. */
  Checksum: 'state-checksum',
  /** The parts are whole and make no sense. */
  Damaged: 'state-damaged',
  /** Written by a later release. */
  Version: 'state-version',
  /** The machine is built otherwise than the one that was saved. */
  Hardware: 'state-hardware',
  /** A disk is another one, or was changed after the state was saved. */
  Media: 'state-media',
  /** A device cannot take what was saved for it. */
  Device: 'state-device',
  HostFull: 'state-host-full',
  Io: 'state-io',
} as const;
export type SavedStateErrorCode = (typeof SavedStateErrorCode)[keyof typeof SavedStateErrorCode];

export interface SavedStateErrorDetail {
  readonly fileName?: string | undefined;
  /** Where in the file, in bytes. */
  readonly offset?: number | undefined;
  /** One sentence. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** The message names file, place and what to do. */
export class SavedStateError extends Error {
  override readonly name = 'SavedStateError';
  readonly code: SavedStateErrorCode;
  readonly fileName: string | undefined;
  readonly offset: number | undefined;
  readonly remedy: string | undefined;

  constructor(code: SavedStateErrorCode, problem: string, detail: SavedStateErrorDetail = {}) {
    const { fileName, offset, remedy, cause } = detail;
    const where = offset === undefined ? '' : ` (at byte ${offset})`;
    const head = fileName === undefined ? '' : `${fileName}: `;
    super(
      `${head}${problem}${where}${remedy === undefined ? '' : `. ${remedy}`}`,
      cause === undefined ? {} : { cause },
    );
    this.code = code;
    this.fileName = fileName;
    this.offset = offset;
    this.remedy = remedy;
  }
}
