/** Decoded records as the compiler reads them. */
import { type DecodeTables, type EmitHandler, HANDLER } from '../decoder/tables.ts';
import { ENTRY_POINT, MODE, RECORD, REGION, SEGMENT, STATE } from '../layout.ts';
import type { CpuState } from '../state.ts';

/** The record in front of an instruction that computes its operand's address. */
export interface AddressRecord {
  readonly handler: number;
  readonly RM: number;
  readonly INDEX: number;
  readonly SEGMENT: number;
  readonly DISP: number;
  /** Bytes the operand takes, 0 = no limit check. */
  readonly IMM: number;
}

export interface Instruction {
  /** Linear-memory address of the record, for helpers. */
  readonly record: number;
  readonly handler: number;
  /** What it means; undefined: a helper. */
  readonly emitted: EmitHandler | undefined;
  readonly address: AddressRecord | undefined;
  /** Linear addresses of the instruction and of the one behind it, as compiled. */
  readonly linear: number;
  readonly next: number;
  readonly eip: number;
  readonly nextEip: number;
  readonly REG: number;
  readonly RM: number;
  readonly INDEX: number;
  readonly SEGMENT: number;
  readonly DISP: number;
  readonly IMM: number;
}

/** What stands at a record: an instruction, the way on to a page offset, or nothing that can be compiled. */
export type Read =
  | { kind: 'instruction'; instruction: Instruction; nextRecord: number }
  | { kind: 'continue'; offset: number }
  | { kind: 'none' };

export class RecordReader {
  readonly #state: CpuState;
  readonly #tables: DecodeTables;

  constructor(state: CpuState, tables: DecodeTables) {
    this.#state = state;
    this.#tables = tables;
  }

  /** The handler of a record; for a block's first one that leads to compiled code, the one it had. `entry`: the block's entry number. */
  #handler(record: number, entry: number): number {
    const { u16 } = this.#state;
    const handler = u16[record >> 1]!;
    if (handler !== HANDLER.region) return handler;
    return u16[(REGION.ENTRY_POINTS + entry * ENTRY_POINT.SIZE + ENTRY_POINT.HANDLER) >> 1]!;
  }

  /**
   * @param page linear address of the page the record's block lies in
   * @param base of the code segment
   * @param entry number of the block's entry, if this is its first record
   */
  read(record: number, page: number, base: number, entry: number): Read {
    const { u8, u16, i32 } = this.#state;
    let handler = this.#handler(record, entry);
    if (handler === HANDLER.end || handler === HANDLER.goto)
      return { kind: 'continue', offset: i32[(record + RECORD.DISP) >> 2]! };
    let address: AddressRecord | undefined;
    if (handler >= HANDLER.address32 && handler <= HANDLER.address16Write) {
      address = {
        handler,
        RM: u8[record + RECORD.RM]!,
        INDEX: u8[record + RECORD.INDEX]!,
        SEGMENT: u8[record + RECORD.SEGMENT]!,
        DISP: i32[(record + RECORD.DISP) >> 2]!,
        IMM: i32[(record + RECORD.IMM) >> 2]!,
      };
      record += RECORD.SIZE;
      handler = u16[record >> 1]!;
    }
    if (handler < HANDLER.first || handler >= this.#tables.firstHelper + this.#tables.helperHandlers.length)
      return { kind: 'none' };
    let emitted = handler < this.#tables.firstHelper ? this.#tables.emitted(handler) : undefined;
    // String instructions with a prefix, and all while segments are not flat.
    if (
      emitted?.isString &&
      (u8[record + RECORD.INDEX] !== 0 ||
        u8[record + RECORD.SEGMENT] !== 4 * SEGMENT.DS ||
        !(this.#state.get(STATE.MODE_KEY) & MODE.FLAT))
    ) {
      handler = emitted.fallback!;
      emitted = undefined;
    }
    const place = u16[(record + RECORD.PLACE) >> 1]!;
    const linear = (page + (place >> 4)) >>> 0;
    const next = (linear + (place & 15)) >>> 0;
    return {
      kind: 'instruction',
      nextRecord: record + RECORD.SIZE,
      instruction: {
        record,
        handler,
        emitted,
        address,
        linear,
        next,
        eip: (linear - base) >>> 0,
        nextEip: (next - base) >>> 0,
        REG: u8[record + RECORD.REG]!,
        RM: u8[record + RECORD.RM]!,
        INDEX: u8[record + RECORD.INDEX]!,
        SEGMENT: u8[record + RECORD.SEGMENT]!,
        DISP: i32[(record + RECORD.DISP) >> 2]!,
        IMM: i32[(record + RECORD.IMM) >> 2]!,
      },
    };
  }
}
