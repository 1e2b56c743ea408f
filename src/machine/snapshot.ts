/**
 * What a saved state holds of a machine between two runs of its processor, and the way back. Memory is dealt with apart
 * (saving.ts): it is large.
 */
import { StateError, loadState, saveState } from '../../devices/state.ts';
import type { Field, SavedState, StateDeclaration } from '../../devices/state.ts';
import type { ProcessorSnapshot, SavableProcessor } from '../../cpu/processor.ts';
import { SavedStateError, SavedStateErrorCode } from '../saved-state/index.ts';
import type { StateObject, StateValue } from '../saved-state/index.ts';
import type { Board } from './board.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import type { ClockState, PendingAlarm } from './scheduler.ts';

interface Savable {
  readonly name: string;
  readonly state: StateDeclaration;
}

/** @throws VirtualServerError `VS_INVALID_STATE` for a processor without snapshots */
export function savable(board: Board): SavableProcessor {
  const processor = board.processor as SavableProcessor;
  if (typeof processor.capture !== 'function')
    throw new VirtualServerError(ErrorCode.InvalidState, 'this processor cannot be saved');
  return processor;
}

/**
 * Everything with a declared state, in the order of loading: drives before the IDE function whose bus masters drive them, then
 * the interrupt controllers, which override what the loading of other devices did to their inputs, and the PCI bus, which
 * places what the configuration registers of all functions say.
 */
function parts(board: Board): Savable[] {
  const rank = (name: string): number => ['piix4.ide', 'i8259', 'pci-bus'].indexOf(name);
  const devices = [...board.devices].sort((a, b) => rank(a.name) - rank(b.name));
  const wires = board.serial.map((wire, port) => ({ name: `serial-wire.${port}`, state: wire.state }));
  return [
    ...devices,
    ...wires,
    { name: board.inputs.name, state: board.inputs.state },
    { name: 'board', state: board.state },
  ];
}

const words = (...names: string[]): Field[] => names.map((name) => ({ name, type: 'u32' }));
const SEGMENT: Field['type'] = { record: words('selector', 'base', 'limit', 'attributes') };
const TABLE: Field['type'] = { record: words('base', 'limit') };

const REGISTERS: readonly Field[] = [
  ...words('eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip', 'eflags'),
  ...['cs', 'ds', 'es', 'ss', 'fs', 'gs', 'ldtr', 'tr'].map((name) => ({ name, type: SEGMENT })),
  { name: 'gdtr', type: TABLE },
  { name: 'idtr', type: TABLE },
  ...words('cr0', 'cr2', 'cr3', 'cr4', 'cpl'),
  { name: 'dr', type: { u32s: 8 } },
];

const X87: readonly Field[] = [
  { name: 'registers', type: { bytes: 128 } },
  ...words('control', 'status', 'top', 'inUse', 'instructionPointer', 'codeSelector', 'dataPointer', 'dataSelector'),
  ...words('opcode', 'reported'),
];

const PROCESSOR: readonly Field[] = [
  { name: 'registers', type: { record: REGISTERS } },
  { name: 'x87', type: { record: X87 } },
  { name: 'mxcsr', type: 'u32' },
  { name: 'xmm', type: { bytes: 128 } },
  { name: 'sysenter', type: { record: words('cs', 'esp', 'eip') } },
  { name: 'timeStampOffset', type: { record: words('low', 'high') } },
  { name: 'pointerTable', type: { u32s: 4 } },
  { name: 'halted', type: 'bool' },
  { name: 'shadow', type: 'string' },
  { name: 'trapPending', type: 'bool' },
];
const SHADOWS = ['none', 'interrupts', 'traps'];

/** The snapshot with typed arrays where the declaration has them. */
function processorTarget(snapshot: ProcessorSnapshot): object {
  const { registers, pointerTable } = snapshot;
  return {
    ...snapshot,
    registers: { ...registers, dr: Uint32Array.from(registers.dr) },
    pointerTable: Uint32Array.from(pointerTable),
  };
}

const CLOCK = ['base', 'sinceBase', 'nsPerInstruction', 'executed'] as const;

/** @param executed instructions since power-on */
export function captureBoard(board: Board, executed: number): StateObject {
  const snapshot = savable(board).capture();
  const { pending, ...time } = board.scheduler.capture();
  const processor = { target: processorTarget(snapshot), version: 1, fields: PROCESSOR };
  const devices = parts(board).map(({ name, state }) => [name, saveState(state)] as const);
  return {
    clock: { ...time, executed, alarms: pending.map((alarm) => [...alarm]) },
    processor: saveState(processor) as StateObject,
    devices: Object.fromEntries(devices) as StateObject,
  };
}

const isObject = (value: StateValue | undefined): value is StateObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** A field that this version of the device does not have; older versions may have had some that are gone. */
function checkFields(path: string, fields: readonly Field[], saved: StateObject): void {
  const known = new Map(fields.map((field) => [field.name, field.type]));
  for (const [name, value] of Object.entries(saved)) {
    const type = known.get(name);
    if (type === undefined) throw new StateError(`${path}.${name}: there is no such field`);
    if (typeof type !== 'object') continue;
    if ('record' in type) {
      if (!isObject(value)) throw new StateError(`${path}.${name}: expected named fields`);
      checkFields(`${path}.${name}`, type.record, value);
    } else if ('list' in type && Array.isArray(value)) {
      value.forEach((item: StateValue, i) => {
        if (!isObject(item)) throw new StateError(`${path}.${name}[${i}]: expected named fields`);
        checkFields(`${path}.${name}[${i}]`, type.list, item);
      });
    }
  }
}

function load(name: string, declaration: StateDeclaration, saved: StateValue | undefined): void {
  try {
    if (!isObject(saved)) throw new StateError(`${name}: expected named fields`);
    const { version, ...fields } = saved;
    if (version === declaration.version) checkFields(name, declaration.fields, fields);
    loadState(name, declaration, saved as SavedState);
  } catch (cause) {
    const message = cause instanceof StateError ? cause.message : `${name}: ${(cause as Error).message}`;
    throw new SavedStateError(SavedStateErrorCode.Device, message, { cause });
  }
}

function readClock(saved: StateValue | undefined): ClockState & { executed: number } {
  const wrong = (what: string): SavedStateError =>
    new SavedStateError(SavedStateErrorCode.Device, `clock.${what}: not a number that can be`);
  if (!isObject(saved)) throw wrong('base');
  const [base, sinceBase, nsPerInstruction, executed] = CLOCK.map((name) => {
    const value = saved[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw wrong(name);
    return value;
  }) as [number, number, number, number];
  if (nsPerInstruction === 0) throw wrong('nsPerInstruction');
  const { alarms } = saved;
  if (!Array.isArray(alarms)) throw wrong('alarms');
  const pending = (alarms as StateValue[]).map((alarm): PendingAlarm => {
    const [name, instance, deadline] = Array.isArray(alarm) ? (alarm as StateValue[]) : [];
    if (typeof name !== 'string' || typeof instance !== 'number' || typeof deadline !== 'number' || !(deadline >= 0))
      throw wrong('alarms');
    return [name, instance, deadline];
  });
  return { base, sinceBase, nsPerInstruction, executed, pending };
}

/** The processor's declaration over a snapshot to be filled, and that snapshot. */
function processorDeclaration(present: ProcessorSnapshot): {
  declaration: StateDeclaration;
  snapshot: ProcessorSnapshot;
} {
  const target = processorTarget(present) as ProcessorSnapshot;
  const loaded = (): void => {
    if (!SHADOWS.includes(target.shadow)) throw new StateError(`processor.shadow: unknown value ${target.shadow}`);
  };
  return { declaration: { target, version: 1, fields: PROCESSOR, loaded }, snapshot: target };
}

/**
 * Puts a state into a board that has just been made; its memory has been loaded before.
 * @returns instructions executed since power-on
 * @throws SavedStateError `state-device`; the board is then of no use
 */
export function restoreBoard(board: Board, saved: StateObject): number {
  const clock = readClock(saved['clock']);
  const { devices } = saved;
  if (!isObject(devices)) throw new SavedStateError(SavedStateErrorCode.Device, 'the state names no devices');
  const all = parts(board);
  const stranger = Object.keys(devices).find((name) => !all.some((part) => part.name === name));
  if (stranger !== undefined)
    throw new SavedStateError(SavedStateErrorCode.Device, `${stranger}: the machine has no such device`);
  board.scheduler.restoreTime(clock);
  // A device that the saving release did not have stays as after power-on.
  for (const { name, state } of all) if (devices[name] !== undefined) load(name, state, devices[name]);
  const processor = savable(board);
  const { declaration, snapshot } = processorDeclaration(processor.capture());
  load('processor', declaration, saved['processor']);
  processor.restore({ ...snapshot, pointerTable: [...snapshot.pointerTable], tripleFault: undefined });
  board.scheduler.restoreAlarms(clock.pending);
  return clock.executed;
}
