/**
 * The decoder, as generated code: reads the tables of tables.ts and writes records. Decoding in generated code costs some tens of
 * nanoseconds an instruction from the first one on, which is what code that runs once needs.
 */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type I32,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { BLOCK, CODE_PAGE, GPR, MODE, PAGE_SIZE, RECORD, REGION, SEGMENT, STATE, TLB_SLOW } from '../layout.ts';
import { IMMEDIATE } from './forms.ts';
import { type DecodeTables, ENTRY, FLAG, FORM, HANDLER, INFO, INFO_FLAG } from './tables.ts';

/** Call-outs of the decoder. */
export interface DecoderImports {
  /** (linear) Makes the page readable for instruction fetch: 0 = STATE.FAULT is set, 1 = the fetch table has it, 2 = use the window. */
  readonly codeMiss: FunctionRef & { result: 'i32' };
  /** (linear) Gathers bytes into FETCH_WINDOW, as far as they can be fetched; returns how many, and keeps the fault of the next one. */
  readonly fetchWindow: FunctionRef & { result: 'i32' };
  /** Sets STATE.FAULT to the fault kept by fetchWindow. */
  readonly fetchFault: FunctionRef;
  /** (host page address) A page gets its first decoded code: writes to it must be seen from now on. */
  readonly protectPage: FunctionRef;
  /** The record ring is full: forget everything decoded. */
  readonly recordsFull: FunctionRef;
}

export interface DecoderFunctions {
  /** (linear) -> record, or 0 with STATE.FAULT and STATE.EIP set. Sets CODE_PAGE and CODE_EIP. */
  readonly lookup: FunctionRef & { result: 'i32' };
  /** (record, linear) -> as lookup, and links the record to the result. */
  readonly link: FunctionRef & { result: 'i32' };
}

const MAX_BLOCK = 64;
const MAX_LENGTH = 15;

const hashSlot = (host: Expr<'i32'>): Expr<'i32'> =>
  i32.shl(i32.and(i32.xor(host, i32.shr_u(host, 14)), REGION.BLOCK_HASH_ENTRIES - 1), 4);
export const jumpSlot = (linear: Expr<'i32'>): Expr<'i32'> =>
  i32.shl(i32.and(i32.xor(linear, i32.shr_u(linear, 12)), REGION.JUMP_CACHE_ENTRIES - 1), 4);

/** (host bytes, page offset, key, record, window) -> records written | 0x100 if the block ends; STATE.DECODED_LENGTH. */
function defineDecodeOne(
  m: ModuleBuilder,
  tables: DecodeTables,
  generalProtection: number,
): FunctionRef & { result: 'i32' } {
  return m.function(['i32', 'i32', 'i32', 'i32', 'i32'], 'i32', (f) => {
    const [bytes, offset, key, out, window] = f.params as Local<'i32'>[] as [
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
    ];
    const p = f.let(bytes as Expr<'i32'>);
    const defaultSize = f.let(i32.and(key, MODE.CODE32));
    const size = f.let(defaultSize as Expr<'i32'>);
    const wide = f.let(defaultSize as Expr<'i32'>); // 32-bit addresses
    const segment = f.let(i32.const(0xff));
    const rep = f.let(i32.const(0));
    const lock = f.let(i32.const(0));
    const has66 = f.let(i32.const(0));
    const entry = f.local('i32');
    const opcode = f.local('i32');
    const form = f.local('i32');
    const tooLong = f.let(i32.const(0));
    const field = (at: number): Expr<'i32'> => i32.load8_u(entry, at);
    const nextByte = (): void => {
      f.set(opcode, i32.load8_u(p));
      f.set(p, i32.add(p, 1));
    };
    const entryAt = (table: I32, index: Expr<'i32'>): void => {
      f.set(entry, i32.add(table, i32.shl(index, 4)));
      f.set(form, field(ENTRY.FORM));
    };

    f.loop((again) => {
      nextByte();
      entryAt(tables.address(tables.one), i32.or(i32.shl(opcode, 1), size));
      f.if(i32.eq(form, FORM.prefix), () => {
        const kind = f.let(field(ENTRY.IMMEDIATE));
        f.block((done) => {
          f.block((onLock) => {
            f.block((onRepne) => {
              f.block((onRep) => {
                f.block((onSegment) => {
                  f.block((onAddress) => {
                    f.block((onOperand) => {
                      f.brTable(kind, [onOperand, onAddress, onSegment, onRep, onRepne, onLock], onLock);
                    });
                    f.set(size, i32.xor(defaultSize, 1));
                    f.set(has66, 1);
                    f.br(done);
                  });
                  f.set(wide, i32.xor(defaultSize, 1));
                  f.br(done);
                });
                f.set(segment, field(ENTRY.REG_KIND));
                f.br(done);
              });
              f.set(rep, 1);
              f.br(done);
            });
            f.set(rep, 2);
            f.br(done);
          });
          f.set(lock, 1);
        });
        f.brIf(again, i32.lt_u(i32.sub(p, bytes), MAX_LENGTH));
        f.set(tooLong, 1);
      });
    });

    f.if(i32.eq(form, FORM.escape0f), () => {
      nextByte();
      const variant = f.let(i32.or(i32.shl(select(rep, i32.add(rep, 1), has66 as Expr<'i32'>), 1), size));
      entryAt(tables.address(tables.map0f), i32.or(i32.shl(opcode, 3), variant));
      f.if(i32.eq(form, FORM.escape38), () => {
        nextByte();
        entryAt(tables.address(tables.map38), i32.or(i32.shl(opcode, 3), variant));
      });
      f.if(i32.eq(form, FORM.escape3a), () => {
        nextByte();
        entryAt(tables.address(tables.map3a), i32.or(i32.shl(opcode, 3), variant));
      });
    });
    const modrm = f.let(i32.load8_u(p));
    const isX87 = f.let(i32.const(0));
    const regField = f.let(i32.and(i32.shr_u(modrm, 3), 7));
    f.if(i32.eq(form, FORM.group), () => {
      entryAt(i32.load(entry, ENTRY.GROUP), i32.or(i32.shl(regField, 1), i32.ge_u(modrm, 0xc0)));
    });
    f.if(i32.eq(form, FORM.x87), () => {
      f.set(isX87, 1);
      entryAt(
        i32.load(entry, ENTRY.GROUP),
        select(i32.ge_u(modrm, 0xc0), i32.add(i32.and(modrm, 0x3f), 8), regField as Expr<'i32'>),
      );
    });

    const flags = f.let(field(ENTRY.FLAGS));
    const handler = f.let(i32.load16_u(entry, ENTRY.REGISTER_HANDLER));
    const reg = f.let(field(ENTRY.FIXED_REG));
    const rm = f.let(i32.const(0));
    const disp = f.let(i32.const(0));
    const imm = f.let(i32.const(0));
    const memory = f.let(i32.const(0));
    const base = f.let(i32.const(STATE.ZERO));
    const index = f.let(i32.const(STATE.ZERO));
    const indexed = f.let(i32.const(0));
    const usesStack = f.let(i32.const(0));

    const registerByte = (kind: Expr<'i32'>, number: Local<'i32'>, into: Local<'i32'>): void => {
      f.block((done) => {
        f.block((asNumber) => {
          f.block((media) => {
            f.block((general) => {
              f.block((byte) => {
                f.block((none) => {
                  f.brTable(kind, [none, byte, general, media, asNumber], none);
                });
                f.br(done);
              });
              f.set(into, i32.or(i32.shl(i32.and(number, 3), 2), i32.shr_u(number, 2)));
              f.br(done);
            });
            f.set(into, i32.shl(number, 2));
            f.br(done);
          });
          f.set(into, i32.shl(number, 4));
          f.br(done);
        });
        f.set(into, number);
      });
    };

    const decode32 = (): void => {
      const mod = f.let(i32.shr_u(modrm, 6));
      const low = f.let(i32.and(modrm, 7));
      f.if(i32.eq(low, 4), () => {
        const sib = f.let(i32.load8_u(p));
        f.set(p, i32.add(p, 1));
        const indexNumber = f.let(i32.and(i32.shr_u(sib, 3), 7));
        f.if(i32.ne(indexNumber, 4), () => {
          f.set(indexed, 1);
          f.set(index, i32.or(i32.shl(indexNumber, 2), i32.shr_u(sib, 6)));
        });
        f.set(low, i32.and(sib, 7));
      });
      f.if(
        i32.and(i32.eq(low, 5), i32.eqz(mod)),
        () => {
          f.set(disp, i32.load(p));
          f.set(p, i32.add(p, 4));
        },
        () => {
          f.set(base, i32.shl(low, 2));
          f.set(usesStack, i32.or(i32.eq(low, GPR.ESP), i32.eq(low, GPR.EBP)));
        },
      );
      f.if(i32.eq(mod, 1), () => {
        f.set(disp, i32.load8_s(p));
        f.set(p, i32.add(p, 1));
      });
      f.if(i32.eq(mod, 2), () => {
        f.set(disp, i32.load(p));
        f.set(p, i32.add(p, 4));
      });
    };
    const decode16 = (): void => {
      const mod = f.let(i32.shr_u(modrm, 6));
      const low = f.let(i32.and(modrm, 7));
      // Base by r/m: BX BX BP BP SI DI BP BX; index: SI DI SI DI; four bits each.
      f.set(base, i32.shl(i32.and(i32.shr_u(0x35765533, i32.shl(low, 2)), 7), 2));
      f.if(i32.lt_u(low, 4), () => f.set(index, i32.add(i32.shl(i32.and(low, 1), 2), GPR.ESI << 2)));
      f.set(usesStack, i32.eq(base, GPR.EBP << 2));
      f.if(i32.and(i32.eq(low, 6), i32.eqz(mod)), () => {
        f.set(base, STATE.ZERO);
        f.set(usesStack, 0);
        f.set(disp, i32.load16_u(p));
        f.set(p, i32.add(p, 2));
      });
      f.if(i32.eq(mod, 1), () => {
        f.set(disp, i32.load8_s(p));
        f.set(p, i32.add(p, 1));
      });
      f.if(i32.eq(mod, 2), () => {
        f.set(disp, i32.load16_u(p));
        f.set(p, i32.add(p, 2));
      });
    };

    f.if(
      i32.eq(form, FORM.modrm),
      () => {
        f.set(p, i32.add(p, 1));
        registerByte(field(ENTRY.REG_KIND), regField, reg);
        f.if(
          i32.or(i32.ge_u(modrm, 0xc0), i32.and(flags, FLAG.alwaysRegister)),
          () => {
            const number = f.let(i32.and(modrm, 7));
            registerByte(field(ENTRY.RM_KIND), number, rm);
          },
          () => {
            f.set(memory, 1);
            f.set(handler, i32.load16_u(entry, ENTRY.MEMORY_HANDLER));
            f.if(wide, decode32, decode16);
          },
        );
      },
      () => {
        f.if(i32.eq(form, FORM.moffs), () => {
          f.set(memory, 1);
          f.set(handler, i32.load16_u(entry, ENTRY.MEMORY_HANDLER));
          f.if(
            wide,
            () => {
              f.set(disp, i32.load(p));
              f.set(p, i32.add(p, 4));
            },
            () => {
              f.set(disp, i32.load16_u(p));
              f.set(p, i32.add(p, 2));
            },
          );
        });
        f.if(field(ENTRY.REG_KIND), () => {
          const number = f.let(i32.and(opcode, 7));
          registerByte(field(ENTRY.REG_KIND), number, reg);
        });
      },
    );

    // Immediates.
    const readInto = (into: Local<'i32'>, value: Expr<'i32'>, count: number): void => {
      f.set(into, value);
      f.set(p, i32.add(p, count));
    };
    const readers: Record<keyof typeof IMMEDIATE, () => void> = {
      none: () => {},
      byte: () => readInto(imm, i32.load8_u(p), 1),
      signedByte: () => readInto(imm, i32.load8_s(p), 1),
      word: () => readInto(imm, i32.load16_u(p), 2),
      dword: () => readInto(imm, i32.load(p), 4),
      far16: () => {
        readInto(disp, i32.load16_u(p), 2);
        readInto(imm, i32.load16_u(p), 2);
      },
      far32: () => {
        readInto(disp, i32.load(p), 4);
        readInto(imm, i32.load16_u(p), 2);
      },
      relativeByte: () => readInto(disp, i32.load8_s(p), 1),
      relativeWord: () => readInto(disp, i32.load16_s(p), 2),
      relativeDword: () => readInto(disp, i32.load(p), 4),
      wordAndByte: () => {
        readInto(imm, i32.load16_u(p), 2);
        readInto(disp, i32.load8_u(p), 1);
      },
    };
    const kinds = Object.keys(IMMEDIATE) as (keyof typeof IMMEDIATE)[];
    const immediateKind = f.let(field(ENTRY.IMMEDIATE));
    f.if(immediateKind, () => {
      const done = f.openBlock();
      const labels = kinds.map(() => f.openBlock()).reverse();
      f.brTable(immediateKind, labels, done);
      for (const kind of kinds) {
        f.end();
        readers[kind]();
        f.br(done);
      }
      f.end();
    });

    const length = f.let(i32.sub(p, bytes));
    f.store(0, length, STATE.DECODED_LENGTH);
    const place = f.let(i32.or(i32.shl(offset, 4), i32.and(length, 15)));
    const count = f.let(i32.const(1));

    // Segment of the memory operand, and whether the address needs a record of its own.
    f.if(i32.eq(segment, 0xff), () => f.set(segment, select(usesStack, i32.const(SEGMENT.SS), i32.const(SEGMENT.DS))));
    // Neither looks at its operand: #UD and #GP(0) come before any fault of the address.
    const badLock = f.let(i32.and(lock, i32.or(i32.eqz(i32.and(flags, FLAG.lockable)), i32.eqz(memory))));
    f.set(tooLong, i32.or(tooLong, i32.gt_u(length, MAX_LENGTH)));
    f.if(i32.or(badLock, tooLong), () => f.set(memory, 0));
    f.if(memory, () => {
      const addressHandler = f.let(i32.const(0));
      const bytesTouched = f.let(field(ENTRY.MEMORY_BYTES));
      f.if(i32.eq(bytesTouched, 0xff), () => f.set(bytesTouched, 512));
      f.if(i32.and(flags, FLAG.popsFirst), () =>
        f.if(i32.and(i32.eq(base, GPR.ESP << 2), wide), () => f.set(disp, i32.add(disp, i32.shl(i32.add(size, 1), 1)))),
      );
      f.if(
        i32.and(flags, FLAG.noSegment),
        () =>
          f.if(
            wide,
            () => f.if(indexed, () => f.set(addressHandler, HANDLER.address32)),
            () => f.set(addressHandler, HANDLER.address16),
          ),
        () =>
          f.if(
            wide,
            () =>
              f.if(
                i32.and(
                  i32.ne(i32.and(key, MODE.FLAT), 0),
                  // ES, SS and DS are 0, 2 and 3.
                  i32.and(i32.shr_u(0b1101, segment), 1),
                ),
                () => f.if(indexed, () => f.set(addressHandler, HANDLER.address32)),
                () =>
                  f.set(
                    addressHandler,
                    select(
                      i32.and(flags, FLAG.writesMemory),
                      i32.const(HANDLER.address32Write),
                      i32.const(HANDLER.address32Read),
                    ),
                  ),
              ),
            () =>
              f.set(
                addressHandler,
                select(
                  i32.and(flags, FLAG.writesMemory),
                  i32.const(HANDLER.address16Write),
                  i32.const(HANDLER.address16Read),
                ),
              ),
          ),
      );
      f.set(rm, base);
      f.if(addressHandler, () => {
        f.store16(out, addressHandler, RECORD.HANDLER);
        f.store16(out, place, RECORD.PLACE);
        f.store8(out, 0, RECORD.REG);
        f.store8(out, base, RECORD.RM);
        f.store8(out, index, RECORD.INDEX);
        f.store8(out, i32.shl(segment, 2), RECORD.SEGMENT);
        f.store(out, disp, RECORD.DISP);
        f.store(out, bytesTouched, RECORD.IMM);
        f.set(out, i32.add(out, RECORD.SIZE));
        f.set(rm, STATE.ADDRESS);
        f.set(disp, 0);
        f.set(count, 2);
      });
    });

    // Handler variants.
    f.if(i32.ne(i32.and(key, MODE.STACK32 | MODE.FLAT), MODE.STACK32 | MODE.FLAT), () =>
      f.set(handler, i32.add(handler, field(ENTRY.STACK_STRIDE))),
    );
    f.if(field(ENTRY.FAR_STRIDE), () => {
      const target = i32.add(i32.add(offset, length), disp);
      // A branch with 16-bit operands in a 32-bit segment truncates EIP: never in place.
      f.if(
        i32.or(
          i32.or(i32.ge_u(target, PAGE_SIZE), window),
          i32.and(i32.ne(i32.and(flags, FLAG.word), 0), i32.ne(i32.and(key, MODE.CODE32), 0)),
        ),
        () => f.set(handler, i32.add(handler, field(ENTRY.FAR_STRIDE))),
      );
      f.if(i32.eqz(wide), () => f.set(handler, i32.add(handler, field(ENTRY.ADDRESS_STRIDE))));
    });
    f.if(badLock, () => {
      f.set(handler, tables.firstHelper);
      f.set(flags, i32.or(flags, FLAG.endsBlock));
    });
    f.if(tooLong, () => {
      f.set(handler, generalProtection);
      f.set(flags, i32.or(flags, FLAG.endsBlock));
      // Only the first 15 bytes are ever fetched.
      f.store(0, MAX_LENGTH, STATE.DECODED_LENGTH);
      f.set(place, i32.or(i32.shl(offset, 4), MAX_LENGTH));
    });

    // Not across what may turn out to be something else: window records, and an instruction that leaves the page.
    f.if(i32.eqz(i32.or(window, i32.gt_u(i32.add(offset, length), PAGE_SIZE))), () =>
      joinNeighbours(f, tables, { out, handler, flags, opcode, entry }),
    );
    f.store16(out, handler, RECORD.HANDLER);
    f.store16(out, place, RECORD.PLACE);
    f.store8(out, reg, RECORD.REG);
    f.store8(out, rm, RECORD.RM);
    f.store8(
      out,
      select(isX87, modrm as Expr<'i32'>, i32.or(i32.or(i32.eqz(wide), i32.shl(rep, 1)), i32.shl(lock, 3))),
      RECORD.INDEX,
    );
    f.store8(out, i32.shl(segment, 2), RECORD.SEGMENT);
    f.store(out, disp, RECORD.DISP);
    f.store(out, imm, RECORD.IMM);
    f.return(i32.or(count, i32.shl(i32.and(flags, FLAG.endsBlock), 8)));
    f.unreachable();
  });
}

/**
 * Joins a decoded instruction with those before it in the block: an instruction whose status flags this one overwrites unseen gets
 * the variant that computes none, and a compare in front of a conditional branch takes the branch along.
 */
function joinNeighbours(
  f: FunctionBuilder,
  tables: DecodeTables,
  at: { out: Local<'i32'>; handler: Local<'i32'>; flags: Local<'i32'>; opcode: Local<'i32'>; entry: Local<'i32'> },
): void {
  const { out, handler, flags, opcode, entry } = at;
  const known = (h: Local<'i32'>): Expr<'i32'> => i32.lt_u(i32.sub(h, HANDLER.first), tables.infoEnd - HANDLER.first);
  const infoOf = (h: Expr<'i32'>): Expr<'i32'> => i32.add(tables.address(tables.info), i32.mul(h, INFO.SIZE));
  f.if(
    known(handler),
    () => {
      const info = f.let(infoOf(handler));
      const kind = f.let(i32.load8_u(info, INFO.FLAGS));
      const pending = f.let(i32.load(0, STATE.PENDING_FLAGS));
      f.if(i32.and(i32.and(kind, INFO_FLAG.overwritesFlags), i32.ne(pending, 0)), () =>
        f.store16(pending, i32.load16_u(infoOf(i32.load16_u(pending, RECORD.HANDLER)), INFO.FLAGLESS), RECORD.HANDLER),
      );
      f.if(i32.eqz(i32.and(kind, INFO_FLAG.neutral)), () =>
        f.store(0, select(i32.load16_u(info, INFO.FLAGLESS), out as Expr<'i32'>, i32.const(0)), STATE.PENDING_FLAGS),
      );
      const previous = f.let(i32.load(0, STATE.PREVIOUS_RECORD));
      f.if(
        i32.and(
          i32.and(i32.ne(i32.and(flags, FLAG.conditional), 0), i32.ne(previous, 0)),
          // The variant within the page: no stride has been added.
          i32.eq(handler, i32.load16_u(entry, ENTRY.REGISTER_HANDLER)),
        ),
        () => {
          const before = f.let(i32.load16_u(previous, RECORD.HANDLER));
          f.if(known(before), () => {
            const fused = f.let(i32.load16_u(i32.add(infoOf(before), i32.shl(i32.and(opcode, 15), 1)), INFO.FUSED));
            f.if(fused, () => f.store16(previous, fused, RECORD.HANDLER));
          });
        },
      );
      f.store(0, out, STATE.PREVIOUS_RECORD);
    },
    () => {
      f.store(0, 0, STATE.PENDING_FLAGS);
      f.store(0, 0, STATE.PREVIOUS_RECORD);
    },
  );
}

export function defineDecoder(
  m: ModuleBuilder,
  tables: DecodeTables,
  imports: DecoderImports,
  generalProtection: number,
): DecoderFunctions {
  const decodeOne = defineDecodeOne(m, tables, generalProtection);

  const writeContinue = (
    f: Parameters<Parameters<ModuleBuilder['function']>[2]>[0],
    record: Local<'i32'>,
    handler: number,
    at: I32,
    link: I32,
  ): void => {
    f.store16(record, handler, RECORD.HANDLER);
    f.store16(record, 0, RECORD.PLACE);
    f.store(record, 0, RECORD.REG);
    f.store(record, at, RECORD.DISP);
    f.store(record, link, RECORD.IMM);
  };

  /** (linear, key) -> record: one instruction that cannot be decoded in place and is not kept. */
  const decodeWindow = m.function(['i32', 'i32'], 'i32', (f) => {
    const [linear, key] = f.params as [Local<'i32'>, Local<'i32'>];
    const available = f.let(f.call(imports.fetchWindow, linear));
    const offset = f.let(i32.and(linear, PAGE_SIZE - 1));
    const result = f.let(f.call(decodeOne, STATE.FETCH_WINDOW, offset, key, STATE.WINDOW_RECORDS, 1));
    const length = f.let(i32.load(0, STATE.DECODED_LENGTH));
    f.if(i32.gt_u(length, available), () => {
      f.run(imports.fetchFault);
      f.return(0);
    });
    const end = f.let(i32.add(STATE.WINDOW_RECORDS, i32.shl(i32.and(result, 0xff), 4)));
    writeContinue(f, end, HANDLER.end, i32.add(offset, length), 0);
    f.return(STATE.WINDOW_RECORDS);
    f.unreachable();
  });

  /** (linear, host, key) -> first record of a new block. */
  const decodeBlock = m.function(['i32', 'i32', 'i32'], 'i32', (f) => {
    const [linear, host, key] = f.params as [Local<'i32'>, Local<'i32'>, Local<'i32'>];
    const page = f.let(i32.and(host, ~(PAGE_SIZE - 1)));
    const start = f.let(i32.and(linear, PAGE_SIZE - 1));
    f.if(i32.gt_u(i32.load(0, STATE.NEXT_RECORD), REGION.RECORDS_END - (2 * MAX_BLOCK + 8) * RECORD.SIZE), () =>
      f.run(imports.recordsFull),
    );
    const descriptorSlot = f.let(i32.add(REGION.CODE_PAGES, i32.shl(i32.shr_u(host, 12), 2)));
    const header = f.local('i32');
    const record = f.local('i32');
    const offset = f.let(start as Expr<'i32'>);
    const n = f.let(i32.const(0));
    const result = f.local('i32');
    const length = f.local('i32');
    const descriptor = f.let(i32.load(descriptorSlot));
    f.store(0, 0, STATE.PENDING_FLAGS);
    f.store(0, 0, STATE.PREVIOUS_RECORD);
    f.set(header, i32.load(0, STATE.NEXT_RECORD));
    f.set(record, i32.add(header, BLOCK.SIZE));
    f.block((done) => {
      f.loop((again) => {
        f.set(result, f.call(decodeOne, i32.add(page, offset), offset, key, record, 0));
        f.set(length, i32.load(0, STATE.DECODED_LENGTH));
        f.if(i32.gt_u(i32.add(offset, length), PAGE_SIZE), () => {
          f.if(i32.eqz(n), () => f.return(f.call(decodeWindow, linear, key)));
          writeContinue(f, record, HANDLER.end, offset, 0);
          f.set(record, i32.add(record, RECORD.SIZE));
          f.br(done);
        });
        f.set(record, i32.add(record, i32.shl(i32.and(result, 0xff), 4)));
        f.set(offset, i32.add(offset, length));
        f.set(n, i32.add(n, 1));
        f.brIf(done, i32.shr_u(result, 8));
        f.if(i32.eq(offset, PAGE_SIZE), () => {
          writeContinue(f, record, HANDLER.end, PAGE_SIZE, 0);
          f.set(record, i32.add(record, RECORD.SIZE));
          f.br(done);
        });
        // Join a block that starts here already.
        const slot = f.let(i32.add(REGION.BLOCK_HASH, hashSlot(i32.add(page, offset))));
        const known = f.let(
          i32.and(i32.eq(i32.load(slot), i32.add(page, offset)), i32.eq(i32.load(slot, 4), i32.add(key, 1))),
        );
        f.if(i32.or(known, i32.ge_u(n, MAX_BLOCK)), () => {
          writeContinue(f, record, HANDLER.goto, offset, select(known, i32.load(slot, 8), i32.const(0)));
          f.set(record, i32.add(record, RECORD.SIZE));
          f.br(done);
        });
        f.br(again);
      });
    });
    f.store16(header, start, BLOCK.START);
    f.store16(header, offset, BLOCK.END);
    f.store(header, i32.sub(i32.shr_u(i32.sub(record, header), 4), 1), BLOCK.COUNT);
    f.store(header, key, BLOCK.KEY);
    f.if(i32.eqz(descriptor), () => {
      f.run(imports.protectPage, page);
      f.set(descriptor, record);
      f.set(record, i32.add(record, CODE_PAGE.SIZE));
      f.store64(descriptor, 0n);
      f.store64(descriptor, 0n, 8);
      f.store(descriptorSlot, descriptor);
    });
    f.store(header, i32.load(descriptor, CODE_PAGE.FIRST_BLOCK), BLOCK.NEXT);
    f.store(descriptor, header, CODE_PAGE.FIRST_BLOCK);
    // Chunk bits from first to last.
    const chunk = f.let(i32.shr_u(start, 6));
    const last = f.let(i32.shr_u(i32.sub(offset, 1), 6));
    f.loop((more) => {
      const word = f.let(i32.add(descriptor, i32.shl(i32.shr_u(chunk, 5), 2)));
      f.store(word, i32.or(i32.load(word, CODE_PAGE.CHUNKS_LO), i32.shl(1, chunk)), CODE_PAGE.CHUNKS_LO);
      f.set(chunk, i32.add(chunk, 1));
      f.brIf(more, i32.le_u(chunk, last));
    });
    f.store(0, record, STATE.NEXT_RECORD);
    const slot = f.let(i32.add(REGION.BLOCK_HASH, hashSlot(host)));
    f.store(slot, host);
    f.store(slot, i32.add(key, 1), 4);
    f.store(slot, i32.add(header, BLOCK.SIZE), 8);
    f.return(i32.add(header, BLOCK.SIZE));
    f.unreachable();
  });

  const lookup = m.function(['i32'], 'i32', (f) => {
    const [linear] = f.params as [Local<'i32'>];
    const slot = f.let(i32.add(REGION.JUMP_CACHE, jumpSlot(linear)));
    const record = f.let(i32.load(slot, 8));
    const base = i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS);
    const page = f.let(i32.and(linear, ~(PAGE_SIZE - 1)));
    f.store(0, page, STATE.CODE_PAGE);
    const pageEip = f.let(i32.sub(page, base));
    f.store(0, pageEip, STATE.CODE_EIP);
    f.if(
      i32.and(i32.eq(i32.load(slot), linear), i32.eq(i32.load(slot, 4), i32.load(0, STATE.CODE_TAG))),
      // A stale record must not be found again.
      () => f.if(i32.load16_u(record), () => f.return(record)),
    );
    f.store(0, i32.sub(linear, base), STATE.EIP);
    const key = f.let(i32.load(0, STATE.MODE_KEY));
    const limit = f.let(i32.load(0, STATE.SEGMENT_LIMIT + 4 * SEGMENT.CS));
    const table = i32.load(0, STATE.TLB_FETCH);
    const entryAt = f.let(i32.add(table, i32.shl(i32.shr_u(linear, 12), 2)));
    // The segment ends inside this page (or begins in it and wraps): check each instruction.
    const lastEip = f.let(i32.add(pageEip, PAGE_SIZE - 1));
    const checked = f.let(i32.or(i32.gt_u(lastEip, limit), i32.lt_u(lastEip, pageEip)));
    f.if(checked, () => f.set(key, i32.or(key, MODE.CHECKED)));
    f.if(i32.eq(i32.and(i32.load(entryAt), 0xfff), TLB_SLOW), () => {
      const outcome = f.let(f.call(imports.codeMiss, linear));
      f.if(i32.eqz(outcome), () => f.return(0));
      f.if(i32.eq(outcome, 2), () => f.set(checked, 1));
    });
    f.if(checked, () => f.return(f.call(decodeWindow, linear, key)));
    const host = f.let(i32.add(linear, i32.load(entryAt)));
    const hash = f.let(i32.add(REGION.BLOCK_HASH, hashSlot(host)));
    f.if(
      i32.and(i32.eq(i32.load(hash), host), i32.eq(i32.load(hash, 4), i32.add(key, 1))),
      () => f.set(record, i32.load(hash, 8)),
      () => f.set(record, f.call(decodeBlock, linear, host, key)),
    );
    f.if(i32.gt_u(record, REGION.RECORDS - 1), () => {
      f.store(slot, linear);
      f.store(slot, i32.load(0, STATE.CODE_TAG), 4);
      f.store(slot, record, 8);
    });
    f.return(record);
    f.unreachable();
  });

  const link = m.function(['i32', 'i32'], 'i32', (f) => {
    const [from, linear] = f.params as [Local<'i32'>, Local<'i32'>];
    const epoch = f.let(i32.load(0, STATE.RECORD_EPOCH));
    const record = f.let(f.call(lookup, linear));
    // Not into a window record, and not if the ring was emptied meanwhile: `from` may be part of something else now.
    f.if(i32.and(i32.gt_u(record, REGION.RECORDS - 1), i32.eq(epoch, i32.load(0, STATE.RECORD_EPOCH))), () =>
      f.store(from, record, RECORD.IMM),
    );
    f.return(record);
    f.unreachable();
  });

  return { lookup, link };
}
