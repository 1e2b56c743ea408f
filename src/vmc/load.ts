/** Loading and saving `.vmc` files on Node. */
import fs from 'node:fs';
import type { VmcConfiguration, VmcProblem } from './configuration.ts';
import { MAXIMUM_FILE_BYTES, VmcDocument } from './document.ts';
import { VmcError, VmcErrorCode } from './errors.ts';
import { listNotEmulated, listUnknownKeys, type EmulatedFeatures, type NotEmulated } from './not-emulated.ts';
import { readConfiguration } from './read.ts';

export interface LoadedVmc {
  readonly document: VmcDocument;
  readonly configuration: VmcConfiguration;
  /** Warnings only: errors were thrown. */
  readonly problems: readonly VmcProblem[];
  readonly notEmulated: readonly NotEmulated[];
  readonly unknownKeys: readonly string[];
}

/**
 * @param bytes the whole file.
 * @throws VmcError, exit code 3: for the first problem that keeps the machine from starting, naming its key and line.
 */
export function parseVmc(bytes: Uint8Array, fileName: string, features: EmulatedFeatures = {}): LoadedVmc {
  const document = VmcDocument.parse(bytes, fileName);
  const { configuration, problems } = readConfiguration(document);
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) {
    const [first, ...others] = errors;
    const also = others.length === 0 ? undefined : `Also wrong: ${others.map((problem) => problem.key).join(', ')}.`;
    const code = first.code === 'missing-key' ? VmcErrorCode.MissingKey : VmcErrorCode.BadValue;
    throw new VmcError(code, first.message, { fileName, key: first.key, line: first.line, remedy: also });
  }
  return {
    document,
    configuration,
    problems,
    notEmulated: listNotEmulated(configuration, document, features),
    unknownKeys: listUnknownKeys(document),
  };
}

/** @throws VmcError, exit code 3; `vmc-not-found` and `vmc-access-denied` besides those of `parseVmc`. */
export function loadVmc(path: string, features: EmulatedFeatures = {}): LoadedVmc {
  return parseVmc(readFile(path), path, features);
}

function readFile(path: string): Uint8Array {
  try {
    const status = fs.statSync(path);
    if (!status.isFile()) throw new VmcError(VmcErrorCode.NotAConfiguration, 'this is not a file', { fileName: path });
    if (status.size > MAXIMUM_FILE_BYTES) {
      throw new VmcError(VmcErrorCode.TooLarge, `${status.size} bytes are too many for a machine configuration`, {
        fileName: path,
      });
    }
    return new Uint8Array(fs.readFileSync(path));
  } catch (error) {
    throw hostError(error, path);
  }
}

function hostError(error: unknown, fileName: string): VmcError {
  if (error instanceof VmcError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new VmcError(VmcErrorCode.NotFound, 'the file does not exist', {
      fileName,
      cause: error,
      remedy: 'Check the path.',
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new VmcError(VmcErrorCode.AccessDenied, 'the host does not allow access', {
      fileName,
      cause: error,
      remedy: 'Check the permissions of the file and its folder.',
    });
  }
  return new VmcError(VmcErrorCode.Io, message, { fileName, cause: error });
}

/**
 * Saves a configuration so that at any instant either the old or the new file is there whole; the old one stays as `.vpcbackup`.
 * Does nothing when the bytes are those of the file already.
 * @throws VmcError `vmc-access-denied`, `vmc-io`.
 */
export function saveVmc(document: VmcDocument, path: string): void {
  const bytes = document.toBytes();
  const unfinished = `${path}.${process.pid}.new`;
  try {
    const existing = fs.existsSync(path) ? fs.readFileSync(path) : undefined;
    if (existing?.equals(bytes)) return;
    const descriptor = fs.openSync(unfinished, 'w');
    try {
      fs.writeFileSync(descriptor, bytes);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    if (existing !== undefined) fs.copyFileSync(path, path.replace(/\.vmc$/i, '') + '.vpcbackup');
    fs.renameSync(unfinished, path);
  } catch (error) {
    fs.rmSync(unfinished, { force: true });
    throw hostError(error, path);
  }
}
