/** Saved states on the command line: where the state of a machine is, whether it goes on from there, and what a signal does. */
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SavedStateSource } from '../machine/configuration.ts';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';
import { nodeStateFiles } from '../machine/node-state-files.ts';
import { stateAt } from '../machine/state-space.ts';
import { SavedStateErrorCode } from '../saved-state/index.ts';
import type { Step } from './script.ts';

/** What the first SIGINT or SIGTERM does to a running machine. */
export type SignalAction = 'shutdown' | 'save' | 'off';

export interface StateOptions {
  readonly state?: string;
  readonly resume?: string;
  readonly discardState?: boolean;
  readonly trustMedia?: boolean;
  readonly onSignal?: SignalAction;
}

/** What the target says of its state. */
export interface TargetState {
  /** Where its saved state is, or would be. */
  readonly path: string;
  /** The machine is to be saved when the program is told to end, and space is kept free for that. */
  readonly saveAtEnd: boolean;
}

/** How this run deals with states. */
export interface StatePlan {
  /** The state to go on from. */
  readonly from: SavedStateSource | undefined;
  /** Where saving writes. */
  readonly path: string | undefined;
  readonly onSignal: SignalAction;
  /** Keep space free at `path`. */
  readonly reserve: boolean;
  readonly remarks: readonly string[];
}

export function addStateOptions(command: Command, steps: Step[]): void {
  command
    .optionsGroup('Saved state:')
    .option('--state <file>', 'where the state is: go on from it if it is there, save to it (.vmc: its .vsv)')
    .option('--resume <file>', 'go on from this state and keep it; without a target, the machine that it holds')
    .option('--discard-state', 'start from the disks; a state of this product is deleted')
    .option('--trust-media', 'go on although the time of a disk is not what it was: it was copied')
    .addOption(
      new Option('--on-signal <action>', 'what INT and TERM do: shutdown asks the guest, save, off').choices([
        'shutdown',
        'save',
        'off',
      ]),
    )
    .optionsGroup('Steps, done in the order given:')
    .option('--save', 'save the machine, which ends it (needs --state, or a .vmc)')
    .on('option:save', () => steps.push({ kind: 'save' }));
}

/**
 * @param target undefined when the target is not one that has a place for its state
 * @throws VirtualServerError `VS_SAVED_STATE` for a foreign state; InvalidArgumentError for options that do not go together
 */
export function planState(options: StateOptions, target: TargetState | undefined): StatePlan {
  const { resume, discardState, trustMedia } = options;
  if (resume !== undefined && discardState)
    throw new InvalidArgumentError('--resume and --discard-state exclude each other');
  const file = options.state ?? target?.path;
  const onSignal = options.onSignal ?? (target?.saveAtEnd ? 'save' : 'shutdown');
  if (onSignal === 'save' && file === undefined)
    throw new InvalidArgumentError('--on-signal save needs --state: where to write it');
  const plan = { path: file, onSignal, reserve: onSignal === 'save', remarks: [] as string[] };
  const trust = trustMedia ? { trustMedia } : {};
  if (resume !== undefined) return { ...plan, from: { path: resume, ...trust } };
  const found = file === undefined ? 'none' : stateAt(file);
  if (found === 'foreign' && discardState) {
    plan.remarks.push(`${file} stays where it is and is not used; the machine starts from its disks`);
    // Saving must not destroy it.
    return {
      ...plan,
      path: options.state === undefined ? `${file}.new.vsv` : undefined,
      reserve: false,
      from: undefined,
    };
  }
  if (found === 'foreign')
    throw new VirtualServerError(
      ErrorCode.SavedState,
      `${file}: this is a saved state of another product, most likely the original one; no other can restore it. ` +
        'What was in memory can be used there only; the disks are as after a power cut. Restore and shut down the machine there, ' +
        'or give the state up with --discard-state, which leaves the file alone',
      { subject: file, detail: SavedStateErrorCode.Foreign },
    );
  if (found === 'state' && discardState) {
    nodeStateFiles.remove({ path: path.resolve(file!) });
    plan.remarks.push(`the saved state ${file} was deleted`);
    return { ...plan, from: undefined };
  }
  if (found === 'state') return { ...plan, from: { path: path.resolve(file!), once: true, ...trust } };
  return { ...plan, from: undefined };
}
