/** Failures of saved states as errors of the library. */
import { SavedStateError } from '../saved-state/index.ts';
import type { SavedStateSource } from './configuration.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';

/** The error with a stable code; others pass. */
export function savedStateError({ path }: Pick<SavedStateSource, 'path'>, error: unknown): unknown {
  if (!(error instanceof SavedStateError)) return error;
  const { code, message } = error;
  return new VirtualServerError(ErrorCode.SavedState, message, { subject: path, detail: code, cause: error });
}

/** Runs `act` and translates what it throws. */
export function asSavedStateError<T>(source: SavedStateSource, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw savedStateError(source, error);
  }
}
