/** Joining of neighbouring instructions while a block is decoded: flags that nobody sees, compare and branch. */
import { type Expr, type FunctionBuilder, i32, type Local, select } from '../emitter/index.ts';
import { RECORD, STATE } from '../layout.ts';
import { type DecodeTables, ENTRY, FLAG, HANDLER, INFO, INFO_FLAG } from './tables.ts';

const known = (tables: DecodeTables, h: Local<'i32'>): Expr<'i32'> =>
  i32.lt_u(i32.sub(h, HANDLER.first), tables.infoEnd - HANDLER.first);
const infoOf = (tables: DecodeTables, h: Expr<'i32'>): Expr<'i32'> =>
  i32.add(tables.address(tables.info), i32.mul(h, INFO.SIZE));

/** A memory form that can add the index itself needs no address record: its handler changes, `addressHandler` becomes 0. */
export function takeIndex(
  f: FunctionBuilder,
  tables: DecodeTables,
  handler: Local<'i32'>,
  addressHandler: Local<'i32'>,
  ownIndex: Local<'i32'>,
): void {
  f.if(known(tables, handler), () => {
    const indexed = f.let(i32.load16_u(infoOf(tables, handler), INFO.INDEXED));
    f.if(indexed, () => {
      f.set(handler, indexed);
      f.set(addressHandler, 0);
      f.set(ownIndex, 1);
    });
  });
}

/**
 * Joins a decoded instruction with those before it in the block: an instruction whose status flags this one overwrites unseen gets
 * the variant that computes none, and a compare in front of a conditional branch takes the branch along.
 */
export function joinNeighbours(
  f: FunctionBuilder,
  tables: DecodeTables,
  at: { out: Local<'i32'>; handler: Local<'i32'>; flags: Local<'i32'>; opcode: Local<'i32'>; entry: Local<'i32'> },
): void {
  const { out, handler, flags, opcode, entry } = at;
  f.if(
    known(tables, handler),
    () => {
      const info = f.let(infoOf(tables, handler));
      const kind = f.let(i32.load8_u(info, INFO.FLAGS));
      const pending = f.let(i32.load(0, STATE.PENDING_FLAGS));
      f.if(i32.and(i32.and(kind, INFO_FLAG.overwritesFlags), i32.ne(pending, 0)), () =>
        f.store16(
          pending,
          i32.load16_u(infoOf(tables, i32.load16_u(pending, RECORD.HANDLER)), INFO.FLAGLESS),
          RECORD.HANDLER,
        ),
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
          f.if(known(tables, before), () => {
            const fused = f.let(
              i32.load16_u(i32.add(infoOf(tables, before), i32.shl(i32.and(opcode, 15), 1)), INFO.FUSED),
            );
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
