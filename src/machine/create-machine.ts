import { ErrorCode, VirtualServerError } from './errors.ts';
import type { MachineOptions, VirtualMachine } from './api.ts';

/** Makes a machine that is turned off. Nothing is opened before `start()`. */
export function createMachine(_options: MachineOptions = {}): VirtualMachine {
  throw new VirtualServerError(ErrorCode.Crashed, 'the board is not complete yet');
}
