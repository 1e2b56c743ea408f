/** One instruction: reads the tables of tables.ts and writes its record or records. */
import {
  type Expr,
  type FunctionRef,
  i32,
  type I32,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { GPR, MODE, PAGE_SIZE, RECORD, SEGMENT, STATE } from '../layout.ts';
import { IMMEDIATE } from './forms.ts';
import { joinNeighbours, takeIndex } from './join.ts';
import { type DecodeTables, ENTRY, FLAG, FORM, HANDLER } from './tables.ts';

const MAX_LENGTH = 15;

/** (host bytes, page offset, key, record, window) -> records written | 0x100 if the block ends; STATE.DECODED_LENGTH. */
export function defineDecodeOne(
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
    const ownIndex = f.let(i32.const(0));

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
    // None of these looks at its operand: #UD and #GP(0) come before any fault of the address.
    const badLock = f.let(i32.and(lock, i32.or(i32.eqz(i32.and(flags, FLAG.lockable)), i32.eqz(memory))));
    f.set(tooLong, i32.or(tooLong, i32.gt_u(length, MAX_LENGTH)));
    const undefinedForm = i32.eq(handler, tables.firstHelper);
    f.if(i32.or(i32.or(badLock, tooLong), undefinedForm), () => f.set(memory, 0));
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
      f.if(i32.eq(addressHandler, HANDLER.address32), () => takeIndex(f, tables, handler, addressHandler, ownIndex));
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
      select(
        ownIndex,
        index as Expr<'i32'>,
        select(isX87, modrm as Expr<'i32'>, i32.or(i32.or(i32.eqz(wide), i32.shl(rep, 1)), i32.shl(lock, 3))),
      ),
      RECORD.INDEX,
    );
    f.store8(out, i32.shl(segment, 2), RECORD.SEGMENT);
    f.store(out, disp, RECORD.DISP);
    f.store(out, imm, RECORD.IMM);
    f.return(i32.or(count, i32.shl(i32.and(flags, FLAG.endsBlock), 8)));
    f.unreachable();
  });
}
