/** What the command's exit code says; docs/cli.md has the same table. */
import { constants } from 'node:os';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';
import type { MachineEnd } from '../machine/events.ts';
import { FileSystemError } from '../filesystems/errors.ts';
import { VmcError } from '../vmc/errors.ts';
import { DiskError } from '../../vhd/errors.ts';

export const ExitCode = {
  /** The guest powered off in order, or the command is done. */
  Success: 0,
  /** Any other failure. */
  Failure: 1,
  /** The command line is wrong. */
  Usage: 2,
  /** The configuration is invalid: `.vmc`, option values. */
  Configuration: 3,
  /** A disk or image cannot be used. */
  Image: 4,
  /** The guest triple-faulted, and the policy was to stop. */
  TripleFault: 5,
  /** Something awaited did not happen in time. */
  Timeout: 6,
  /** The guest's heartbeat stopped. */
  Heartbeat: 7,
  /** A fault of the emulator itself. */
  Internal: 8,
  /** Plus what the guest wrote to the debug-exit port; 111 and more give 127. */
  DebugExit: 16,
  /** Plus the number of the signal. */
  Signal: 128,
} as const;

/** Codes from 128 on belong to signals. */
const DEBUG_EXIT_MAX = ExitCode.Signal - 1 - ExitCode.DebugExit;

export function exitCodeOfEnd(end: MachineEnd): number {
  switch (end.reason) {
    case 'guest':
    case 'host':
      return ExitCode.Success;
    case 'tripleFault':
      return ExitCode.TripleFault;
    case 'debugExit':
      return ExitCode.DebugExit + Math.min(end.code ?? 0, DEBUG_EXIT_MAX);
    case 'disk':
      return ExitCode.Image;
    case 'crash':
      return ExitCode.Internal;
  }
}

const BY_ERROR: Readonly<Record<ErrorCode, number>> = {
  [ErrorCode.InvalidConfiguration]: ExitCode.Configuration,
  [ErrorCode.InvalidState]: ExitCode.Failure,
  [ErrorCode.Media]: ExitCode.Image,
  [ErrorCode.SavedState]: ExitCode.Image,
  [ErrorCode.Firmware]: ExitCode.Configuration,
  [ErrorCode.Timeout]: ExitCode.Timeout,
  [ErrorCode.Aborted]: ExitCode.Failure,
  [ErrorCode.Host]: ExitCode.Failure,
  [ErrorCode.Crashed]: ExitCode.Internal,
};

export function exitCodeOfError(error: unknown): number {
  if (error instanceof VirtualServerError) return BY_ERROR[error.code] ?? ExitCode.Failure;
  if (error instanceof DiskError || error instanceof FileSystemError) return ExitCode.Image;
  if (error instanceof VmcError) return ExitCode.Configuration;
  return ExitCode.Failure;
}

export const exitCodeOfSignal = (signal: NodeJS.Signals): number => ExitCode.Signal + constants.signals[signal];
