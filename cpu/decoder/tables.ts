/**
 * Decode tables in linear memory, and the list of handlers they name. One 16-byte entry tells the generated decoder how to
 * read the rest of an instruction and which handler carries it out.
 */
import type { InstructionDefinition } from '../opcodes/definition.ts';
import { REGION } from '../layout.ts';
import type { FormDescription } from '../interpreter/operand-context.ts';
import type { InstructionContext } from '../semantics/context.ts';
import { type Encoding, layoutOperands, type OperandLayout, parseEncoding, type Prefix } from './forms.ts';

/** Layout of a table entry. */
export const ENTRY = {
  SIZE: 16,
  /** u16 handler of the register form (or of the only form), u16 handler of the memory form. */
  REGISTER_HANDLER: 0,
  MEMORY_HANDLER: 2,
  FORM: 4,
  IMMEDIATE: 5,
  REG_KIND: 6,
  RM_KIND: 7,
  MEMORY_BYTES: 8,
  FLAGS: 9,
  /** Added to the handler for a stack that is not flat 32-bit, a branch out of the page, a 16-bit address size. */
  STACK_STRIDE: 10,
  FAR_STRIDE: 11,
  /** u32: address of the sub-table (groups), else u8 ADDRESS_STRIDE, u8 FIXED_REG. */
  GROUP: 12,
  ADDRESS_STRIDE: 12,
  FIXED_REG: 13,
} as const;

export const FORM = {
  plain: 0,
  modrm: 1,
  group: 2,
  x87: 3,
  prefix: 4,
  escape0f: 5,
  escape38: 6,
  escape3a: 7,
  moffs: 8,
} as const;
export const FLAG = {
  /** Nothing after this instruction belongs to the block. */
  endsBlock: 1,
  writesMemory: 2,
  lockable: 4,
  /** The memory operand is an offset only (LEA). */
  noSegment: 8,
  /** POP r/m: an ESP base counts after the pop. */
  popsFirst: 16,
  /** ModRM.mod is ignored: always a register (MOV CR, DR). */
  alwaysRegister: 32,
  /** 16-bit operand form of a relative branch. */
  word: 64,
  /** Conditional branch: the low opcode bits are the condition. */
  conditional: 128,
} as const;
/** Prefix classes, in ENTRY.IMMEDIATE of a prefix entry; a segment prefix has its number in REG_KIND. */
export const PREFIX = { operandSize: 0, addressSize: 1, segment: 2, rep: 3, repne: 4, lock: 5 } as const;

/** Handlers every interpreter has, by fixed index. */
export const HANDLER = {
  /** The record was thrown away: look the address up again. Must be 0. */
  stale: 0,
  /** Continue at page offset DISP (which may be beyond the page). */
  end: 1,
  /** Continue at page offset DISP of the same page, linked through IMM. */
  goto: 2,
  /** Address records: flat, with segment check for reading and writing, 16-bit ones. */
  address32: 3,
  address32Read: 4,
  address32Write: 5,
  address16: 6,
  address16Read: 7,
  address16Write: 8,
  /** First record of a block that a compiled region can be entered at. */
  region: 9,
  first: 10,
} as const;

export interface EmitHandler {
  readonly emit: (c: InstructionContext) => void;
  readonly form: FormDescription;
  readonly mnemonic: string;
  /** Its memory form stores: what follows in the block may be other code then. */
  readonly stores?: boolean;
  /** Handler of the helper that carries out what its meaning leaves to it. */
  readonly fallback?: number | undefined;
  /** It is a string instruction, whose meaning covers flat segments without repetition only. */
  readonly isString?: boolean;
  /** Its meaning may call functions of the module by name. */
  readonly callsFunctions?: boolean;
  /** How it may transfer control: to a constant distance, or to a computed address. */
  readonly transfer?: 'relative' | 'indirect' | undefined;
  /** Carries out the conditional branch of the next record too: its condition code. */
  readonly fusedCondition?: number;
}

/** What the decoder knows of each handler, to join it with its neighbours. */
export const INFO = {
  SIZE: 40,
  /** u16: variant that sets no status flags, 0 = none. */
  FLAGLESS: 0,
  /** u8: bits of INFO_FLAG. */
  FLAGS: 2,
  /** u16: variant of a memory form that adds a scaled index register itself, 0 = none. */
  INDEXED: 4,
  /** u16 x 16: handler that includes a conditional branch by code, 0 = none. */
  FUSED: 8,
} as const;
export const INFO_FLAG = {
  /** Sets all status flags, reads none, cannot fault. */
  overwritesFlags: 1,
  /** Neither reads nor sets status flags and cannot fault. */
  neutral: 2,
} as const;

/** Out of line: what the main dispatch can do without. */
const COLD_FEATURES = new Set(['fpu', 'mmx', 'sse', 'sse2', 'sse3', 'ssse3', 'fxsr']);
const COLD_MNEMONICS = new Set([
  'rcl',
  'rcr',
  'shld',
  'shrd',
  'bts',
  'btr',
  'btc',
  'xadd',
  'cmpxchg',
  'lahf',
  'sahf',
  'cmc',
  'stc',
  'clc',
  'prefetch',
  'prefetchw',
  'wait',
  'fwait',
]);

/** Register forms of these set every status flag without reading one. */
const OVERWRITING = new Set(['add', 'or', 'and', 'sub', 'xor', 'cmp', 'test', 'neg']);
/** Register forms of these leave the flags alone. */
const NEUTRAL = new Set(['mov', 'movzx', 'movsx', 'lea', 'not', 'bswap', 'cbw', 'cwd', 'nop', 'xchg']);
const FLAGLESS = new Set(['add', 'or', 'and', 'sub', 'xor', 'neg', 'inc', 'dec', 'imul', 'shl', 'shr', 'sar']);

/** Memory forms of these take an index register without an address record. */
const INDEXED = new Set(['mov', 'movzx', 'movsx', 'lea']);

/** Condition codes worth a handler together with a compare or test in front of them. */
const FUSED_CONDITIONS: Readonly<Record<string, readonly number[]>> = {
  cmp: [2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15],
  test: [4, 5, 8, 9, 14, 15],
  dec: [4, 5, 8, 9],
  and: [4, 5],
  sub: [2, 3, 4, 5],
  add: [4, 5],
  or: [4, 5],
};

export interface HelperHandler {
  readonly helper: string;
  readonly width: 1 | 2 | 4;
  readonly operandSize: 2 | 4;
  readonly isMemory: boolean;
  readonly mnemonic: string;
  readonly isX87: boolean;
  /** The record names a register operand by its state offset, as generated code wants it, not by its number. */
  readonly registerOffsets?: boolean;
}

const STACK_MNEMONICS = new Set(['push', 'pop', 'call', 'ret', 'leave', 'pushf', 'popf']);
const INDIRECT = new Set(['jmp', 'call', 'ret']);
const COUNTED_BRANCHES = new Set(['loop', 'loope', 'loopne', 'jcxz']);
/** Helpers after which the block goes on; everything else that may leave ends it anyway by returning 'jump'. */
const BRANCH_MNEMONICS = new Set([
  'jmp',
  'call',
  'ret',
  'retf',
  'iret',
  'int',
  'int3',
  'int1',
  'into',
  'hlt',
  'ud2',
  'sysenter',
  'sysexit',
]);

interface Handlers {
  index: number;
  cold: boolean;
  stackStride: number;
  farStride: number;
  addressStride: number;
}

export class DecodeTables {
  readonly emitHandlers: EmitHandler[] = [];
  /** Emitted handlers kept out of the main dispatch: x87, MMX, SSE and rare ones. Records number them from `firstCold` on. */
  readonly coldHandlers: EmitHandler[] = [];
  firstCold = 0;
  readonly helperHandlers: HelperHandler[] = [];
  /** Helpers that never go on with the next instruction. */
  readonly leaves = new Set<number>();
  /** Index of the first helper handler in records; all from here on are helpers. */
  firstHelper = 0;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #used = 0;
  readonly #emitIndex = new Map<string, number>();
  readonly #helperIndex = new Map<string, number>();
  readonly #emitIds = new Map<(c: InstructionContext) => void, number>();
  /** Entries of cold handlers and helpers hold a relative index until the number of handlers before them is known. */
  readonly #relocations = new Map<number, 'cold' | 'helper'>();
  readonly one: number;
  readonly map0f: number;
  readonly map38: number;
  readonly map3a: number;
  /** Position of the INFO table, as if it began with handler 0. */
  info = 0;
  /** Handlers with an entry in the INFO table: all below this number, from HANDLER.first on. */
  infoEnd = 0;
  readonly #undefined: number;

  constructor(definitions: readonly InstructionDefinition[], enabled: (feature: string) => boolean) {
    this.bytes = new Uint8Array(REGION.DECODE_TABLES_END - REGION.DECODE_TABLES);
    this.#view = new DataView(this.bytes.buffer);
    this.one = this.#allocate(512);
    this.map0f = this.#allocate(2048);
    this.map38 = this.#allocate(2048);
    this.map3a = this.#allocate(2048);
    this.#undefined = this.#helper({
      helper: 'ud2',
      width: 4,
      operandSize: 4,
      isMemory: false,
      mnemonic: '(undefined)',
      isX87: false,
    });
    for (const [table, count] of [
      [this.one, 512],
      [this.map0f, 2048],
      [this.map38, 2048],
      [this.map3a, 2048],
    ] as const)
      for (let i = 0; i < count; i++)
        this.#writeUndefined(table + i * ENTRY.SIZE, table === this.one ? FORM.plain : FORM.modrm);
    this.#writePrefixes();
    for (const definition of definitions) if (!definition.feature || enabled(definition.feature)) this.#add(definition);
    this.#addJoined();
    this.firstCold = HANDLER.first + this.emitHandlers.length;
    this.firstHelper = this.firstCold + this.coldHandlers.length;
    const absolute = (h: EmitHandler): EmitHandler =>
      h.fallback === undefined ? h : { ...h, fallback: h.fallback + this.firstHelper };
    for (const list of [this.emitHandlers, this.coldHandlers]) list.forEach((h, i) => (list[i] = absolute(h)));
    this.helperHandlers.forEach(({ mnemonic, helper }, i) => {
      if (BRANCH_MNEMONICS.has(mnemonic) || helper === 'ud2') this.leaves.add(this.firstHelper + i);
    });
    for (const [at, kind] of this.#relocations)
      this.#view.setUint16(
        at,
        this.#view.getUint16(at, true) + (kind === 'cold' ? this.firstCold : this.firstHelper),
        true,
      );
  }

  /** Flagless and fused variants of the handlers so far, and the table that leads the decoder to them. */
  #addJoined(): void {
    const base = this.emitHandlers.slice();
    const count = base.length;
    this.infoEnd = HANDLER.first + count;
    this.info = this.#used - HANDLER.first * INFO.SIZE;
    this.#used += count * INFO.SIZE;
    if (this.#used > this.bytes.length) throw new Error('decode tables are full');
    base.forEach((handler, i) => {
      const { form, mnemonic, stores } = handler;
      const at = this.info + (HANDLER.first + i) * INFO.SIZE;
      // A store may change the instruction that was to overwrite the flags.
      const flagless = FLAGLESS.has(mnemonic) && form.width === 4 && !(form.isMemory && stores);
      if (flagless) {
        this.emitHandlers.push({ ...handler, form: { ...form, flagsUnused: true } });
        this.#view.setUint16(at + INFO.FLAGLESS, HANDLER.first + this.emitHandlers.length - 1, true);
      }
      // What may be left to a helper may fault, and the handler of the fault sees the flags.
      if (!form.isMemory && form.x87Page === 0 && handler.fallback === undefined)
        this.bytes[at + INFO.FLAGS] =
          (OVERWRITING.has(mnemonic) ? INFO_FLAG.overwritesFlags : 0) | (NEUTRAL.has(mnemonic) ? INFO_FLAG.neutral : 0);
      if (mnemonic === 'lea') this.bytes[at + INFO.FLAGS] = INFO_FLAG.neutral;
      // Helpers find the address in the record, or where an address record left it.
      if (form.isMemory && INDEXED.has(mnemonic) && handler.fallback === undefined) {
        this.emitHandlers.push({ ...handler, form: { ...form, indexed: true } });
        this.#view.setUint16(at + INFO.INDEXED, HANDLER.first + this.emitHandlers.length - 1, true);
      }
      const compares = mnemonic === 'cmp' || mnemonic === 'test';
      if (form.width === 2 || (!compares && (form.isMemory || form.width === 1))) return;
      for (const code of FUSED_CONDITIONS[mnemonic] ?? []) {
        this.emitHandlers.push({ ...handler, fusedCondition: code });
        this.#view.setUint16(at + INFO.FUSED + 2 * code, HANDLER.first + this.emitHandlers.length - 1, true);
      }
    });
  }

  /** Linear-memory address of a table position. */
  address(position: number): number {
    return REGION.DECODE_TABLES + position;
  }

  #allocate(entries: number): number {
    const at = this.#used;
    this.#used += entries * ENTRY.SIZE;
    if (this.#used > this.bytes.length) throw new Error('decode tables are full');
    return at;
  }

  #setHandler(at: number, handler: { kind: 'hot' | 'cold' | 'helper'; index: number }): void {
    this.#view.setUint16(at, handler.index, true);
    if (handler.kind === 'hot') this.#relocations.delete(at);
    else this.#relocations.set(at, handler.kind);
  }

  #writeUndefined(at: number, form: number): void {
    this.bytes[at + ENTRY.FORM] = form;
    this.bytes[at + ENTRY.FLAGS] = FLAG.endsBlock | FLAG.alwaysRegister;
    this.#setHandler(at + ENTRY.REGISTER_HANDLER, { kind: 'helper', index: this.#undefined });
    this.#setHandler(at + ENTRY.MEMORY_HANDLER, { kind: 'helper', index: this.#undefined });
  }

  #writePrefixes(): void {
    const put = (byte: number, form: number, kind = 0, segment = 0): void => {
      for (const size of [0, 1]) {
        const at = this.one + (byte * 2 + size) * ENTRY.SIZE;
        this.bytes[at + ENTRY.FORM] = form;
        this.bytes[at + ENTRY.IMMEDIATE] = kind;
        this.bytes[at + ENTRY.REG_KIND] = segment;
      }
    };
    put(0x66, FORM.prefix, PREFIX.operandSize);
    put(0x67, FORM.prefix, PREFIX.addressSize);
    [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].forEach((byte, n) => put(byte, FORM.prefix, PREFIX.segment, n));
    put(0xf3, FORM.prefix, PREFIX.rep);
    put(0xf2, FORM.prefix, PREFIX.repne);
    put(0xf0, FORM.prefix, PREFIX.lock);
    put(0x0f, FORM.escape0f);
    for (const [byte, form] of [
      [0x38, FORM.escape38],
      [0x3a, FORM.escape3a],
    ] as const)
      for (let i = 0; i < 8; i++) this.bytes[this.map0f + (byte * 8 + i) * ENTRY.SIZE + ENTRY.FORM] = form;
  }

  /** What a handler number below `firstHelper` carries out; undefined for the fixed ones. */
  emitted(handler: number): EmitHandler | undefined {
    return handler < this.firstCold
      ? this.emitHandlers[handler - HANDLER.first]
      : this.coldHandlers[handler - this.firstCold];
  }

  #emitHandler(
    definition: InstructionDefinition,
    form: FormDescription,
    cold: boolean,
    relative: boolean,
    helper: number | undefined,
  ): number {
    const { mnemonic } = definition;
    const emit = definition.emit!;
    const stores = definition.writesMemory ?? false;
    let id = this.#emitIds.get(emit);
    if (id === undefined) this.#emitIds.set(emit, (id = this.#emitIds.size));
    const key = `${cold ? 1 : 0}/${id}/${form.width}${form.isMemory}${form.addressSize}${form.flatStack}${form.near}${form.x87Page}`;
    let index = this.#emitIndex.get(key);
    if (index === undefined) {
      const list = cold ? this.coldHandlers : this.emitHandlers;
      index = (cold ? 0 : HANDLER.first) + list.length;
      const transfer = relative ? 'relative' : INDIRECT.has(mnemonic) ? 'indirect' : undefined;
      const isString = /^(movs|stos|lods|scas|cmps)$/.test(mnemonic) && helper !== undefined;
      list.push({
        emit,
        form,
        mnemonic,
        stores,
        transfer,
        callsFunctions: cold || definition.callsFunctions === true,
        fallback: helper,
        isString,
      });
      this.#emitIndex.set(key, index);
    }
    return index;
  }

  #helper(info: HelperHandler): number {
    const key = JSON.stringify(info);
    let index = this.#helperIndex.get(key);
    if (index === undefined) {
      index = this.helperHandlers.push(info) - 1;
      this.#helperIndex.set(key, index);
    }
    return index;
  }

  /** Handlers for all variants of a form, consecutive so that strides select among them. */
  #variants(
    definition: InstructionDefinition,
    layout: OperandLayout,
    encoding: Encoding,
    isMemory: boolean,
    helper: number | undefined,
  ): Handlers {
    const stack = STACK_MNEMONICS.has(definition.mnemonic);
    const counted = COUNTED_BRANCHES.has(definition.mnemonic);
    const x87 = encoding.map === 'one' && encoding.opcode >= 0xd8 && encoding.opcode <= 0xdf;
    const x87Page = x87 ? encoding.opcode & 7 : 0;
    const cold = x87 || COLD_FEATURES.has(definition.feature ?? '') || COLD_MNEMONICS.has(definition.mnemonic);
    const indices: number[] = [];
    for (const addressSize of counted ? ([4, 2] as const) : ([4] as const))
      for (const near of layout.relative ? [true, false] : [true])
        for (const flatStack of stack ? [true, false] : [true]) {
          const form: FormDescription = {
            width: x87 ? 4 : layout.width,
            isMemory,
            addressSize,
            flatStack,
            near,
            x87Page,
          };
          indices.push(this.#emitHandler(definition, form, cold, layout.relative, helper));
        }
    indices.forEach((index, i) => {
      if (index !== indices[0]! + i) throw new Error(`variants of ${definition.mnemonic} are not consecutive`);
    });
    const stackStride = stack ? 1 : 0;
    const farStride = layout.relative ? (stack ? 2 : 1) : 0;
    return {
      index: indices[0]!,
      cold,
      stackStride,
      farStride,
      addressStride: counted ? (stack ? 2 : 1) * (layout.relative ? 2 : 1) : 0,
    };
  }

  #writeEntry(at: number, definition: InstructionDefinition, encoding: Encoding, operandSize: 2 | 4): void {
    const layout = layoutOperands(definition, operandSize);
    const hasModrm = encoding.modrm !== undefined || encoding.x87 !== undefined;
    const hasMemoryForm = (hasModrm && !encoding.x87 && !layout.registerOnly) || layout.moffs;
    const hasRegisterForm = !layout.memoryOnly && !layout.moffs;
    const { bytes } = this;
    bytes.fill(0, at, at + ENTRY.SIZE);
    bytes[at + ENTRY.FORM] = layout.moffs ? FORM.moffs : hasModrm ? FORM.modrm : FORM.plain;
    bytes[at + ENTRY.IMMEDIATE] = layout.immediate;
    bytes[at + ENTRY.REG_KIND] = layout.regKind;
    bytes[at + ENTRY.RM_KIND] = encoding.x87 ? 4 : layout.rmKind;
    bytes[at + ENTRY.MEMORY_BYTES] = Math.min(layout.memoryBytes, 255);
    const name = definition.mnemonic;
    const ends = BRANCH_MNEMONICS.has(name);
    bytes[at + ENTRY.FLAGS] =
      (ends ? FLAG.endsBlock : 0) |
      (definition.writesMemory ? FLAG.writesMemory : 0) |
      (definition.lockable ? FLAG.lockable : 0) |
      (name === 'lea' ? FLAG.noSegment : 0) |
      (name === 'pop' && hasModrm ? FLAG.popsFirst : 0) |
      (layout.registerOnly && (encoding.opcode & 0xfc) === 0x20 && encoding.map === '0f' ? FLAG.alwaysRegister : 0) |
      (layout.relative && operandSize === 2 ? FLAG.word : 0) |
      (layout.relative && /^j(?!mp|cxz)/.test(name) ? FLAG.conditional : 0);
    const undefinedHandler = { kind: 'helper' as const, index: this.#undefined };
    for (const [offset, exists, isMemory] of [
      [ENTRY.REGISTER_HANDLER, hasRegisterForm, false],
      [ENTRY.MEMORY_HANDLER, hasMemoryForm, true],
    ] as const) {
      if (!exists) {
        this.#setHandler(at + offset, undefinedHandler);
      } else if (definition.emit) {
        const helper = definition.helper
          ? this.#helper({
              helper: definition.helper,
              width: layout.width,
              operandSize,
              isMemory,
              mnemonic: name,
              isX87: false,
              registerOffsets: true,
            })
          : undefined;
        const handlers = this.#variants(definition, layout, encoding, isMemory, helper);
        this.#setHandler(at + offset, { kind: handlers.cold ? 'cold' : 'hot', index: handlers.index });
        bytes[at + ENTRY.STACK_STRIDE] = handlers.stackStride;
        bytes[at + ENTRY.FAR_STRIDE] = handlers.farStride;
        bytes[at + ENTRY.ADDRESS_STRIDE] = handlers.addressStride;
      } else {
        const isX87 = encoding.map === 'one' && encoding.opcode >= 0xd8 && encoding.opcode <= 0xdf;
        const index = this.#helper({
          helper: definition.helper!,
          width: layout.width,
          operandSize,
          isMemory,
          mnemonic: name,
          isX87,
        });
        this.#setHandler(at + offset, { kind: 'helper', index });
      }
    }
    if (layout.fixedReg !== undefined) bytes[at + ENTRY.FIXED_REG] = layout.fixedReg;
  }

  /** The group table behind a table position, made on first use. `entries`: 16 (reg x mem/register) or 72 (x87). */
  #group(at: number, form: number, entries: number): number {
    const present = this.bytes[at + ENTRY.FORM];
    if (present === form) return this.#view.getUint32(at + ENTRY.GROUP, true) - REGION.DECODE_TABLES;
    const group = this.#allocate(entries);
    for (let i = 0; i < entries; i++) this.#writeUndefined(group + i * ENTRY.SIZE, FORM.modrm);
    this.bytes[at + ENTRY.FORM] = form;
    this.#view.setUint32(at + ENTRY.GROUP, this.address(group), true);
    return group;
  }

  #writeAt(at: number, definition: InstructionDefinition, encoding: Encoding, operandSize: 2 | 4): void {
    const isX87 = encoding.map === 'one' && encoding.opcode >= 0xd8 && encoding.opcode <= 0xdf;
    if (isX87) {
      const group = this.#group(at, FORM.x87, 72);
      if (encoding.x87) {
        const count = encoding.x87.plusStack ? 8 : 1;
        for (let i = 0; i < count; i++)
          this.#writeEntry(
            group + (8 + (encoding.x87.modrm & 0x3f) + i) * ENTRY.SIZE,
            definition,
            encoding,
            operandSize,
          );
      } else this.#writeEntry(group + (encoding.modrm as number) * ENTRY.SIZE, definition, encoding, operandSize);
      return;
    }
    if (typeof encoding.modrm === 'number' || encoding.x87) {
      // Groups hold register and memory entries apart, so that one digit may mean different instructions.
      const group = this.#group(at, FORM.group, 16);
      const layout = layoutOperands(definition, operandSize);
      const digit = encoding.x87 ? (encoding.x87.modrm >> 3) & 7 : (encoding.modrm as number);
      if (!layout.registerOnly && !encoding.x87)
        this.#writeEntry(group + digit * 2 * ENTRY.SIZE, definition, encoding, operandSize);
      if (!layout.memoryOnly) this.#writeEntry(group + (digit * 2 + 1) * ENTRY.SIZE, definition, encoding, operandSize);
      return;
    }
    this.#writeEntry(at, definition, encoding, operandSize);
  }

  #add(definition: InstructionDefinition): void {
    const encoding = parseEncoding(definition.encoding);
    const prefixes: readonly Prefix[] = encoding.prefix ? [encoding.prefix] : ['np', '66', 'f3', 'f2'];
    const registers = encoding.plusRegister ? 8 : 1;
    for (let r = 0; r < registers; r++)
      for (const size of [0, 1]) {
        const operandSize = size ? 4 : 2;
        const opcode = encoding.opcode + r;
        if (encoding.map === 'one') {
          this.#writeAt(this.one + (opcode * 2 + size) * ENTRY.SIZE, definition, encoding, operandSize);
          continue;
        }
        const table = encoding.map === '0f' ? this.map0f : encoding.map === '0f38' ? this.map38 : this.map3a;
        for (const prefix of prefixes) {
          const p = ['np', '66', 'f3', 'f2'].indexOf(prefix);
          this.#writeAt(table + (opcode * 8 + p * 2 + size) * ENTRY.SIZE, definition, encoding, operandSize);
        }
      }
  }
}
