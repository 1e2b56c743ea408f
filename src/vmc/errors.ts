export const VmcErrorCode = {
  NotFound: 'vmc-not-found',
  /** The host does not let us read or write the file. */
  AccessDenied: 'vmc-access-denied',
  Io: 'vmc-io',
  /** Larger or more deeply nested than any configuration. */
  TooLarge: 'vmc-too-large',
  /** The bytes are not text in the encoding they claim. */
  Encoding: 'vmc-encoding',
  /** Not well-formed XML, or XML that declares a document type. */
  Xml: 'vmc-xml',
  /** XML, but not a machine configuration. */
  NotAConfiguration: 'vmc-not-a-configuration',
  /** A required key is missing. */
  MissingKey: 'vmc-missing-key',
  /** A value does not have its type's form or lies outside its range. */
  BadValue: 'vmc-bad-value',
  /** A key path that cannot be read or set. */
  BadKey: 'vmc-bad-key',
  /** No or several configurations in a machine folder. */
  Folder: 'vmc-folder',
} as const;
export type VmcErrorCode = (typeof VmcErrorCode)[keyof typeof VmcErrorCode];

export interface VmcErrorDetail {
  readonly fileName?: string | undefined;
  /** Key path without the root, for example `hardware/memory/ram_size`. */
  readonly key?: string | undefined;
  /** Line in the file, from 1. */
  readonly line?: number | undefined;
  /** Characters (UTF-16 code units) from the start of the text, or bytes for encoding problems. */
  readonly offset?: number | undefined;
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** A problem with a machine configuration. Command lines end with exit code 3 on it. */
export class VmcError extends Error {
  override readonly name = 'VmcError';
  readonly code: VmcErrorCode;
  readonly fileName: string | undefined;
  readonly key: string | undefined;
  readonly line: number | undefined;
  readonly offset: number | undefined;
  readonly remedy: string | undefined;
  /** Exit code category of invalid configurations. */
  readonly exitCode = 3;

  constructor(code: VmcErrorCode, problem: string, detail: VmcErrorDetail = {}) {
    const { fileName, key, line, offset, remedy } = detail;
    const place = line !== undefined ? ` (line ${line})` : offset !== undefined ? ` (at byte ${offset})` : '';
    const where = [fileName, key].filter((part) => part !== undefined).join(': ');
    super(
      `${where === '' ? '' : `${where}: `}${problem}${place}.${remedy === undefined ? '' : ` ${remedy}`}`,
      detail.cause === undefined ? undefined : { cause: detail.cause },
    );
    this.code = code;
    this.fileName = fileName;
    this.key = key;
    this.line = line;
    this.offset = offset;
    this.remedy = remedy;
  }
}
