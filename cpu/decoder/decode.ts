/**
 * The decoder, as generated code: finds or makes the block of records for an address. Decoding in generated code costs some
 * tens of nanoseconds an instruction from the first one on, which is what code that runs once needs.
 */
import {
  type Expr,
  type FunctionRef,
  i32,
  type I32,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { BLOCK, CODE_PAGE, MODE, PAGE_SIZE, RECORD, REGION, SEGMENT, STATE, TLB_SLOW } from '../layout.ts';
import { defineDecodeOne } from './decode-one.ts';
import { type DecodeTables, HANDLER } from './tables.ts';

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

const hashSlot = (host: Expr<'i32'>): Expr<'i32'> =>
  i32.shl(i32.and(i32.xor(host, i32.shr_u(host, 14)), REGION.BLOCK_HASH_ENTRIES - 1), 4);
export const jumpSlot = (linear: Expr<'i32'>): Expr<'i32'> =>
  i32.shl(i32.and(i32.xor(linear, i32.shr_u(linear, 12)), REGION.JUMP_CACHE_ENTRIES - 1), 4);

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
    f.if(
      i32.gt_u(i32.load(0, STATE.NEXT_RECORD), REGION.RECORDS_END - (2 * MAX_BLOCK + 8) * RECORD.SIZE - CODE_PAGE.SIZE),
      () => f.run(imports.recordsFull),
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
      f.memoryFill(descriptor, 0, CODE_PAGE.SIZE);
      f.store(descriptorSlot, descriptor);
    });
    f.store(header, i32.load(descriptor, CODE_PAGE.FIRST_BLOCK), BLOCK.NEXT);
    f.store(descriptor, header, CODE_PAGE.FIRST_BLOCK);
    // The bits of its bytes, a word at a time.
    const word = f.let(i32.shr_u(start, 5));
    const last = f.let(i32.shr_u(i32.sub(offset, 1), 5));
    const mask = f.let(i32.shl(-1, start));
    f.loop((more) => {
      f.if(i32.eq(word, last), () => f.set(mask, i32.and(mask, i32.shr_u(-1, i32.sub(0, offset)))));
      const at = f.let(i32.add(descriptor, i32.shl(word, 2)));
      f.store(at, i32.or(i32.load(at, CODE_PAGE.COVERED), mask), CODE_PAGE.COVERED);
      f.set(mask, -1);
      f.set(word, i32.add(word, 1));
      f.brIf(more, i32.le_u(word, last));
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
