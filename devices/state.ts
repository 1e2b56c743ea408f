/**
 * Declared device state. A device lists its fields once; saving, loading, comparing, hashing and documentation derive
 * from the list. Host wiring (lines, callbacks, file handles) never appears in it.
 */

export type Scalar = 'bool' | 'u8' | 'u16' | 'u32' | 'i32' | 'f64' | 'string';

/** `bytes`, `u16s`, `u32s`: a typed array of fixed length, loaded in place. `buffer`: a `Uint8Array` or number list of any length up to `max`. */
export type FieldType =
  | Scalar
  | { readonly bytes: number }
  | { readonly u16s: number }
  | { readonly u32s: number }
  | { readonly buffer: number }
  | { readonly optional: Scalar }
  | { readonly record: readonly Field[] }
  | { readonly list: readonly Field[]; readonly length: number };

export interface Field {
  /** Property name on the object that holds the field. */
  readonly name: string;
  readonly type: FieldType;
  /** Version of the device's state in which the field appeared (default 1); absent in older states, where the present value stays. */
  readonly since?: number;
}

export interface StateDeclaration {
  /** The object that holds the fields. */
  readonly target: object;
  readonly version: number;
  readonly fields: readonly Field[];
  /** Called after loading, to rebuild what derives from the fields (alarms, lines, caches). */
  readonly loaded?: () => void;
}

export type SavedValue =
  boolean | number | string | null | Uint8Array | Uint16Array | Uint32Array | number[] | SavedState | SavedState[];
export interface SavedState {
  [field: string]: SavedValue;
}

/** A state that cannot be loaded; the message names device, field and what was found. */
export class StateError extends Error {
  override name = 'StateError';
}

type Holder = Record<string, unknown>;

function saveFields(target: Holder, fields: readonly Field[]): SavedState {
  const out: SavedState = {};
  for (const { name, type } of fields) {
    const value = target[name];
    if (typeof type === 'string') out[name] = value as SavedValue;
    else if ('record' in type) out[name] = saveFields(value as Holder, type.record);
    else if ('list' in type) out[name] = (value as Holder[]).map((item) => saveFields(item, type.list));
    else if ('optional' in type) out[name] = (value ?? null) as SavedValue;
    else out[name] = (value as Uint8Array | number[]).slice();
  }
  return out;
}

const RANGES: Partial<Record<Scalar, readonly [number, number]>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffffffff],
  i32: [-0x80000000, 0x7fffffff],
};

function checkScalar(path: string, type: Scalar, value: SavedValue): void {
  const fail = (): never => {
    throw new StateError(`${path}: expected ${type}, found ${JSON.stringify(value)}`);
  };
  if (type === 'bool') return typeof value === 'boolean' ? undefined : fail();
  if (type === 'string') return typeof value === 'string' ? undefined : fail();
  if (typeof value !== 'number') return fail();
  const range = RANGES[type];
  if (range && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) fail();
}

function loadFields(path: string, target: Holder, version: number, fields: readonly Field[], saved: SavedState): void {
  for (const { name, type, since = 1 } of fields) {
    if (since > version) continue;
    const at = `${path}.${name}`;
    const value = saved[name];
    if (value === undefined) throw new StateError(`${at}: missing`);
    if (typeof type === 'string') {
      checkScalar(at, type, value);
      target[name] = value;
    } else if ('record' in type) {
      loadFields(at, target[name] as Holder, version, type.record, value as SavedState);
    } else if ('list' in type) {
      if (!Array.isArray(value) || value.length !== type.length)
        throw new StateError(`${at}: expected ${type.length} items`);
      value.forEach((item, i) =>
        loadFields(`${at}[${i}]`, (target[name] as Holder[])[i]!, version, type.list, item as SavedState),
      );
    } else if ('optional' in type) {
      if (value === null) {
        target[name] = undefined;
      } else {
        checkScalar(at, type.optional, value);
        target[name] = value;
      }
    } else if ('buffer' in type) {
      const list = value as Uint8Array | number[];
      if (!(Array.isArray(list) || list instanceof Uint8Array) || list.length > type.buffer)
        throw new StateError(`${at}: expected at most ${type.buffer} bytes`);
      target[name] = list.slice();
    } else {
      const own = target[name] as Uint8Array;
      const list = value as Uint8Array;
      if (!ArrayBuffer.isView(list) || list.length !== own.length)
        throw new StateError(`${at}: expected ${own.length} items`);
      own.set(list);
    }
  }
}

/** Copies the declared fields out; the result holds no reference into the device. */
export function saveState(declaration: StateDeclaration): SavedState {
  return { version: declaration.version, ...saveFields(declaration.target as Holder, declaration.fields) };
}

/**
 * Loads what `saveState` gave, from this version or an earlier one.
 * @throws StateError if the version is newer, a field is missing or out of range
 */
export function loadState(device: string, declaration: StateDeclaration, saved: SavedState): void {
  const version = saved['version'];
  if (typeof version !== 'number' || version < 1 || version > declaration.version)
    throw new StateError(
      `${device}: state version ${String(version)} cannot be read by version ${declaration.version}`,
    );
  loadFields(device, declaration.target as Holder, version, declaration.fields, saved);
  declaration.loaded?.();
}
