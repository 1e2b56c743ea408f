/** The one error type of the library. Codes are stable: programs test `code`, people read `message`. */

/** Codes of `VirtualServerError`. */
export const ErrorCode = {
  /** An option or configuration value is missing, of the wrong type or out of range. */
  InvalidConfiguration: 'VS_INVALID_CONFIGURATION',
  /** The operation is not allowed in the machine's present state. */
  InvalidState: 'VS_INVALID_STATE',
  /** A disk, CD or floppy image cannot be opened, read or written. */
  Media: 'VS_MEDIA',
  /** A saved state cannot be written, is damaged, or does not fit the machine; `detail` has the code of the cause. */
  SavedState: 'VS_SAVED_STATE',
  /** The BIOS or video BIOS image cannot be found or is not one. */
  Firmware: 'VS_FIRMWARE',
  /** Something awaited did not happen in time. */
  Timeout: 'VS_TIMEOUT',
  /** The operation was given up through an `AbortSignal`, or because the machine ended. */
  Aborted: 'VS_ABORTED',
  /** A host resource (serial file, socket) failed. */
  Host: 'VS_HOST',
  /** The machine's worker died: a fault of the emulator itself. */
  Crashed: 'VS_CRASHED',
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** What an error is about, and the error behind it. */
export interface ErrorDetails {
  readonly subject?: string | undefined;
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

/** What went wrong, where: `subject` names the option, file or device. */
export class VirtualServerError extends Error {
  override readonly name = 'VirtualServerError';
  readonly code: ErrorCode;
  readonly subject: string | undefined;
  /** Code of the error behind this one, e.g. `disk-truncated`. */
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.subject = details.subject;
    this.detail = details.detail;
  }
}
