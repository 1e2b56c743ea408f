/**
 * Generates the processor's WebAssembly module: decoder, helper functions, and the interpreter, one function that
 * loops over decoded records with a br_table. `stepping` makes the variant that returns after each instruction (trap flag,
 * breakpoints, interrupt shadow).
 */
import { type Expr, type FunctionBuilder, type FunctionRef, i32, type Local, ModuleBuilder } from '../emitter/index.ts';
import { defineDecoder, jumpSlot } from '../decoder/decode.ts';
import { type DecodeTables, HANDLER } from '../decoder/tables.ts';
import {
  BLOCK,
  COMPILED,
  ENTRY_POINT,
  EXIT_COUNT,
  PAGE_SIZE,
  RECORD,
  REGION,
  SEGMENT,
  STATE,
  TLB_SLOW,
} from '../layout.ts';
import { VECTOR } from '../state.ts';
import { countedLookup, type Frame, InterpreterContext, type SlowAccess } from './context.ts';

/** Why the interpreter function returned. STATE.EIP is the instruction to continue at, for Fault the faulting one. */
export const EXIT = {
  /** Budget used up. */
  budget: 0,
  /** STATE.FAULT_VECTOR and FAULT_ERROR are to be delivered. */
  fault: 1,
  /** A helper asked to look again: EIP, mode or interrupts have changed. */
  helper: 2,
  /** One instruction done (stepping variant only). */
  step: 3,
  /** Budget used up inside compiled code. */
  budgetCompiled: 4,
} as const;

/** What a compiled region's function returns; STATE holds everything, STATE.EIP where to continue unless a helper left. */
export const LEAVE = {
  /** By a branch: the budget is looked at. */
  branch: 0,
  /** In front of an instruction that the interpreter must carry out. */
  side: 1,
  /** To the instruction behind its last one. */
  fall: 2,
  /** As EXIT.helper. */
  helper: 3,
} as const;

/** Entries of the table of compiled regions. */
export const REGION_SLOTS = (REGION.COMPILED_END - REGION.COMPILED) / COMPILED.SIZE;

export interface GeneratedProcessor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Functions that semantics call by name, exported under it. */
  readonly functions: ReadonlyMap<string, FunctionRef>;
}

/** Functions the module imports, by name: see the types of SlowAccess and DecoderImports for their meaning. */
export type ImportName =
  | 'read'
  | 'write'
  | 'readForWrite'
  | 'readBlock'
  | 'writeBlock'
  | 'probeWrite'
  | 'helper'
  | 'codeMiss'
  | 'fetchWindow'
  | 'fetchFault'
  | 'protectPage'
  | 'recordsFull'
  | 'probeCode';
export type Imports = Record<ImportName, (...args: never[]) => unknown>;

/** Adds functions that semantics call by name. */
export type ModulePart = (m: ModuleBuilder) => Record<string, FunctionRef>;

export function generateProcessor(
  tables: DecodeTables,
  parts: readonly ModulePart[],
  memoryPages: number,
  stepping: boolean,
): GeneratedProcessor {
  const m = new ModuleBuilder();
  m.importMemory('env', 'memory', memoryPages);
  m.importTable('env', 'table', REGION_SLOTS);
  const slow: SlowAccess = {
    read: m.importFunction('env', 'read', ['i32', 'i32'], 'i32'),
    write: m.importFunction('env', 'write', ['i32', 'i32', 'i32'], undefined),
    readForWrite: m.importFunction('env', 'readForWrite', ['i32', 'i32'], 'i32'),
    readBlock: m.importFunction('env', 'readBlock', ['i32', 'i32'], undefined),
    writeBlock: m.importFunction('env', 'writeBlock', ['i32', 'i32'], undefined),
    probeWrite: m.importFunction('env', 'probeWrite', ['i32', 'i32'], undefined),
  };
  const helper = m.importFunction('env', 'helper', ['i32', 'i32'], 'i32');
  const probeCode = m.importFunction('env', 'probeCode', ['i32', 'i32'], 'i32');
  const decoderImports = {
    codeMiss: m.importFunction('env', 'codeMiss', ['i32'], 'i32'),
    fetchWindow: m.importFunction('env', 'fetchWindow', ['i32'], 'i32'),
    fetchFault: m.importFunction('env', 'fetchFault', [], undefined),
    protectPage: m.importFunction('env', 'protectPage', ['i32'], undefined),
    recordsFull: m.importFunction('env', 'recordsFull', [], undefined),
  };
  const functions = new Map<string, FunctionRef>();
  for (const part of parts) for (const [name, ref] of Object.entries(part(m))) functions.set(name, ref);
  const firstEmitted = HANDLER.first;
  const generalProtection = tables.firstHelper + tables.helperHandlers.length;
  const { lookup, link } = defineDecoder(m, tables, decoderImports, generalProtection);

  const validate = defineValidate(m, probeCode);
  const region = m.signature(['i32'], 'i32');
  const cold = defineCold(m, tables, slow, link, functions, stepping);

  const run = m.function([], 'i32', (f) => {
    const pc = f.local('i32');
    const budget = f.let(i32.load(0, STATE.BUDGET));
    const tlbRead = f.let(i32.load(0, STATE.TLB_READ));
    const tlbWrite = f.let(i32.load(0, STATE.TLB_WRITE));
    const target = f.let(i32.add(i32.load(0, STATE.EIP), i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)));
    const reason = f.local('i32');
    const handler = f.local('i32');
    const started = stepping ? f.let(i32.const(0)) : undefined;

    const instructionEip = () => i32.add(i32.load(0, STATE.CODE_EIP), i32.shr_u(i32.load16_u(pc, RECORD.PLACE), 4));

    const exit = f.openBlock();
    const targetFault = f.openBlock();
    const fault = f.openBlock();
    const dispatch = f.openLoop();
    if (started) {
      // After a jump of the stepped instruction.
      f.if(started, () => {
        f.store(0, i32.sub(target, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)), STATE.EIP);
        f.set(reason, EXIT.step);
        f.br(exit);
      });
    }
    f.block((found) => {
      f.scope(() => {
        const slot = f.let(i32.add(REGION.JUMP_CACHE, jumpSlot(target)));
        f.set(pc, i32.load(slot, 8));
        f.if(i32.and(i32.eq(i32.load(slot), target), i32.eq(i32.load(slot, 4), i32.load(0, STATE.CODE_TAG))), () => {
          const page = f.let(i32.and(target, ~(PAGE_SIZE - 1)));
          f.store(0, page, STATE.CODE_PAGE);
          f.store(0, i32.sub(page, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)), STATE.CODE_EIP);
          f.br(found);
        });
      });
      countedLookup(f, budget, pc, () => f.call(lookup, target));
      f.brIf(targetFault, i32.eqz(pc));
    });
    const taken = f.openLoop();
    f.if(i32.le_s(budget, 0), () => {
      // A record without place (end, goto) continues at DISP.
      f.store(0, instructionEip(), STATE.EIP);
      f.if(i32.lt_u(i32.sub(i32.load16_u(pc), HANDLER.end), 2), () =>
        f.store(0, i32.add(i32.load(0, STATE.CODE_EIP), i32.load(pc, RECORD.DISP)), STATE.EIP),
      );
      f.set(reason, EXIT.budget);
      f.br(exit);
    });
    if (started) {
      f.if(started, () => {
        f.store(0, instructionEip(), STATE.EIP);
        f.set(reason, EXIT.step);
        f.br(exit);
      });
    }
    const next = f.openLoop();
    if (started) {
      // The instruction is complete when the next record is not an address record's operation.
      f.if(i32.eq(started, 2), () => {
        f.store(0, instructionEip(), STATE.EIP);
        f.if(i32.lt_u(i32.sub(i32.load16_u(pc), HANDLER.end), 2), () =>
          f.store(0, i32.add(i32.load(0, STATE.CODE_EIP), i32.load(pc, RECORD.DISP)), STATE.EIP),
        );
        f.set(reason, EXIT.step);
        f.br(exit);
      });
      f.set(started, 2);
    }
    f.set(handler, i32.load16_u(pc));
    f.set(budget, i32.sub(budget, 1));
    const total = firstEmitted + tables.emitHandlers.length;
    // By handler number. The one for compiled regions comes first, so that it can go on with any other.
    const opened = Array.from({ length: total + 2 }, () => f.openBlock()).reverse();
    const labels = [...opened.slice(1, HANDLER.region + 1), opened[0]!, ...opened.slice(HANDLER.region + 1)];
    const frame: Frame = {
      f,
      pc,
      budget,
      tlbRead,
      tlbWrite,
      target,
      helper: labels[total]!,
      handler,
      next,
      taken,
      dispatch,
      fault,
      targetFault,
      slow,
      link,
      functions,
    };
    const advance = (): void => {
      f.set(pc, i32.add(pc, RECORD.SIZE));
      f.br(next);
    };

    f.brTable(handler, labels.slice(0, total), labels[total]!);
    const handlers: (() => void)[] = [
      // stale
      () => {
        f.set(target, i32.add(i32.load(0, STATE.CODE_PAGE), i32.shr_u(i32.load16_u(pc, RECORD.PLACE), 4)));
        f.set(budget, i32.add(budget, 1));
        countedLookup(f, budget, pc, () => f.call(lookup, target));
        f.brIf(targetFault, i32.eqz(pc));
        if (started) f.set(started, 0);
        f.brIf(taken, i32.load(0, STATE.STOP));
        f.br(next);
      },
      // end
      () => {
        f.set(budget, i32.add(budget, 1));
        f.set(target, i32.add(i32.load(0, STATE.CODE_PAGE), i32.load(pc, RECORD.DISP)));
        if (started) f.set(started, 0);
        // Into the next page the budget is looked at, so that code without branches ends too.
        f.brIf(dispatch, i32.ge_u(i32.load(pc, RECORD.DISP), PAGE_SIZE));
        countedLookup(f, budget, pc, () => f.call(lookup, target));
        f.brIf(targetFault, i32.eqz(pc));
        f.br(next);
      },
      // goto
      () => {
        f.set(budget, i32.add(budget, 1));
        if (started) f.set(started, 0);
        const record = f.let(i32.load(pc, RECORD.IMM));
        f.if(i32.eqz(record), () => {
          countedLookup(f, budget, record, () =>
            f.call(link, pc, i32.add(i32.load(0, STATE.CODE_PAGE), i32.load(pc, RECORD.DISP))),
          );
          f.brIf(targetFault, i32.eqz(record));
        });
        f.set(pc, record);
        f.br(next);
      },
      ...addressHandlers(frame, stepping ? started : undefined, advance),
      // region
      () => {
        f.set(budget, i32.add(budget, 1));
        const chosen = f.openBlock();
        const entry = f.let(entryOf(pc));
        if (!started) {
          // From region to region as long as branches lead there.
          const again = f.openLoop();
          const compiled = f.let(i32.load(entry, ENTRY_POINT.REGION));
          const valid = f.let(
            i32.and(
              i32.and(
                i32.eq(i32.load(compiled, COMPILED.TAG), i32.load(0, STATE.CODE_TAG)),
                // Which the tag does not tell.
                i32.eq(i32.load(compiled, COMPILED.CS_BASE), i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)),
              ),
              i32.eq(
                i32.add(i32.load(entry, ENTRY_POINT.PAGE), i32.load(compiled, COMPILED.DELTA)),
                i32.load(0, STATE.CODE_PAGE),
              ),
            ),
          );
          f.if(i32.eqz(valid), () => f.set(valid, f.call(validate, entry)));
          f.if(valid, () => {
            f.store(0, budget, STATE.BUDGET);
            f.set(
              reason,
              f.callIndirect(region, i32.load(compiled, COMPILED.SLOT), i32.load16_u(entry, ENTRY_POINT.INDEX)),
            );
            f.set(budget, i32.load(0, STATE.BUDGET));
            countAt(f, f.let(i32.add(REGION.EXIT_COUNTS, i32.shl(reason, 2))), 0);
            f.if(i32.eq(reason, LEAVE.helper), () => {
              f.set(reason, EXIT.helper);
              f.br(exit);
            });
            f.set(target, i32.add(i32.load(0, STATE.EIP), i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)));
            f.if(i32.ne(reason, LEAVE.side), () => f.store(0, target, STATE.LEFT_AT));
            // A branch out of the region: on the way to an interpreted one or the next region.
            f.if(i32.and(i32.eqz(reason), i32.gt_s(budget, 0)), () => {
              const slot = f.let(i32.add(REGION.JUMP_CACHE, jumpSlot(target)));
              f.brIf(
                dispatch,
                i32.or(i32.ne(i32.load(slot), target), i32.ne(i32.load(slot, 4), i32.load(0, STATE.CODE_TAG))),
              );
              f.set(pc, i32.load(slot, 8));
              const page = f.let(i32.and(target, ~(PAGE_SIZE - 1)));
              f.store(0, page, STATE.CODE_PAGE);
              f.store(0, i32.sub(page, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)), STATE.CODE_EIP);
              f.brIf(next, i32.ne(i32.load16_u(pc), HANDLER.region));
              f.set(entry, entryOf(pc));
              countAt(f, entry, ENTRY_POINT.ARRIVALS);
              f.store(entry, compiled, ENTRY_POINT.FROM);
              f.br(again);
            });
            countedLookup(f, budget, pc, () => f.call(lookup, target));
            f.brIf(targetFault, i32.eqz(pc));
            f.if(i32.eqz(reason), () => {
              f.store(0, instructionEip(), STATE.EIP);
              f.set(reason, EXIT.budgetCompiled);
              f.br(exit);
            });
            f.brIf(next, i32.ne(reason, LEAVE.side));
            const site = f.let(
              i32.add(
                REGION.EXIT_SITES,
                i32.shl(i32.and(i32.xor(target, i32.shr_u(target, 13)), REGION.EXIT_SITES_ENTRIES - 1), 3),
              ),
            );
            f.if(i32.ne(i32.load(site), target), () => {
              f.store(site, target);
              f.store(site, 0, 4);
            });
            countAt(f, site, 4);
            f.set(handler, i32.load16_u(pc));
            f.brIf(chosen, i32.ne(handler, HANDLER.region));
            f.set(entry, entryOf(pc));
            f.set(handler, i32.load16_u(entry, ENTRY_POINT.HANDLER));
            f.br(chosen);
          });
          f.end();
          countAt(f, f.let(i32.const(REGION.EXIT_COUNTS)), EXIT_COUNT.invalid);
        }
        f.set(handler, i32.load16_u(entry, ENTRY_POINT.HANDLER));
        f.end(); // chosen
        f.set(budget, i32.sub(budget, 1));
        f.brTable(
          handler,
          labels.slice(0, total).map((label, n) => (n === HANDLER.region ? labels[total]! : label)),
          labels[total]!,
        );
      },
    ];
    for (const build of [handlers.pop()!, ...handlers]) {
      f.end();
      f.scope(build);
    }
    for (const { emit, form, fusedCondition, fallback } of tables.emitHandlers) {
      f.end();
      f.scope(() => {
        // Stepping shows the flags after every instruction and stops between any two.
        const context = new InterpreterContext(frame, stepping ? { ...form, flagsUnused: false } : form, fallback);
        emit(context);
        if (fusedCondition !== undefined && !stepping) {
          const condition = context.conditionFromOperands(fusedCondition);
          if (!condition) throw new Error(`condition ${fusedCondition} cannot be told from the operands`);
          const taken = f.let(condition);
          f.set(pc, i32.add(pc, RECORD.SIZE));
          // A read of device memory may have taken the branch's record away.
          if (form.isMemory) f.brIf(next, i32.eq(i32.load16_u(pc), HANDLER.stale));
          f.set(budget, i32.sub(budget, 1));
          new InterpreterContext(frame, { ...form, width: 4, near: true }).branch(taken);
        }
        if (!context.ended) advance();
      });
    }
    // Helpers, and the record for an instruction longer than 15 bytes.
    f.end();
    f.if(i32.eq(handler, generalProtection), () => {
      f.store(0, VECTOR.GP, STATE.FAULT_VECTOR);
      f.store(0, 0, STATE.FAULT_ERROR);
      f.br(fault);
    });
    f.store(0, budget, STATE.BUDGET);
    f.if(i32.lt_u(handler, tables.firstHelper), () => {
      f.set(pc, f.call(cold, pc, handler, tlbRead, tlbWrite));
      f.set(budget, i32.load(0, STATE.BUDGET));
      f.brIf(next, i32.eqz(i32.and(pc, 1)));
      f.set(pc, i32.sub(pc, 1));
      f.br(fault);
    });
    f.if(f.call(helper, pc, handler), () => {
      f.set(reason, EXIT.helper);
      f.set(budget, i32.load(0, STATE.BUDGET));
      f.br(exit);
    });
    f.set(budget, i32.load(0, STATE.BUDGET));
    advance();
    f.end(); // spare innermost block
    f.unreachable();
    f.end(); // next
    f.unreachable();
    f.end(); // taken
    f.unreachable();
    f.end(); // dispatch
    f.unreachable();
    f.end(); // fault
    f.store(0, instructionEip(), STATE.EIP);
    f.set(reason, EXIT.fault);
    f.br(exit);
    f.end(); // targetFault
    f.set(reason, EXIT.fault);
    f.end(); // exit
    f.store(0, budget, STATE.BUDGET);
    f.return(reason as Local<'i32'>);
    f.unreachable();
  });
  m.export('run', run);
  m.export('lookup', lookup);
  for (const [name, ref] of functions) m.export(name, ref);
  return { bytes: m.build(), functions };
}

/** Address of the ENTRY_POINT of the block whose first record this is. */
export const entryOf = (record: Expr<'i32'>): Expr<'i32'> =>
  i32.add(REGION.ENTRY_POINTS, i32.mul(i32.load16_u(i32.sub(record, BLOCK.SIZE), BLOCK.ENTRY), ENTRY_POINT.SIZE));

function countAt(f: FunctionBuilder, address: Local<'i32'>, offset: number): void {
  f.store(address, i32.add(i32.load(address, offset), 1), offset);
}

/**
 * (entry point) -> 1 if the region's pages are mapped as compiled, all moved by the distance at which the entry's page is being
 * executed, and the code segment is the same. What has been found holds until CODE_TAG changes.
 */
function defineValidate(m: ModuleBuilder, probeCode: FunctionRef & { result: 'i32' }): FunctionRef & { result: 'i32' } {
  return m.function(['i32'], 'i32', (f) => {
    const [entry] = f.params as [Local<'i32'>];
    const compiled = f.let(i32.load(entry, ENTRY_POINT.REGION));
    f.if(
      i32.or(
        i32.ne(i32.load(compiled, COMPILED.CS_BASE), i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)),
        i32.ne(i32.load(compiled, COMPILED.CS_LIMIT), i32.load(0, STATE.SEGMENT_LIMIT + 4 * SEGMENT.CS)),
      ),
      () => f.return(0),
    );
    const delta = f.let(i32.sub(i32.load(0, STATE.CODE_PAGE), i32.load(entry, ENTRY_POINT.PAGE)));
    // Offsets beyond the end of a limited segment are part of the code as compiled.
    f.if(i32.and(i32.ne(delta, 0), i32.ne(i32.load(compiled, COMPILED.CS_LIMIT), -1)), () => f.return(0));
    const pair = f.let(i32.add(compiled, COMPILED.PAGES));
    const end = f.let(i32.add(pair, i32.shl(i32.load(compiled, COMPILED.PAGE_COUNT), 3)));
    f.loop((more) => {
      const linear = f.let(i32.add(i32.load(pair), delta));
      const mapped = f.let(i32.load(i32.add(i32.load(0, STATE.TLB_FETCH), i32.shl(i32.shr_u(linear, 12), 2))));
      f.if(
        i32.eq(i32.and(mapped, PAGE_SIZE - 1), TLB_SLOW),
        () => f.if(i32.eqz(f.call(probeCode, linear, i32.load(pair, 4))), () => f.return(0)),
        () => f.if(i32.ne(i32.add(linear, mapped), i32.load(pair, 4)), () => f.return(0)),
      );
      f.set(pair, i32.add(pair, 8));
      f.brIf(more, i32.lt_u(pair, end));
    });
    f.store(compiled, i32.load(0, STATE.CODE_TAG), COMPILED.TAG);
    f.store(compiled, delta, COMPILED.DELTA);
    f.return(1);
    f.unreachable();
  });
}

/**
 * (record, handler, read table, write table) -> record to go on with; record + 1 if it is the one for which STATE.FAULT_VECTOR is to be
 * delivered. Carries out cold handlers as long as they follow each other, for x87 and SSE come in runs; one if `stepping`.
 */
function defineCold(
  m: ModuleBuilder,
  tables: DecodeTables,
  slow: SlowAccess,
  link: Frame['link'],
  functions: ReadonlyMap<string, FunctionRef>,
  stepping: boolean,
): FunctionRef & { result: 'i32' } {
  return m.function(['i32', 'i32', 'i32', 'i32'], 'i32', (f) => {
    const [pc, handler, tlbRead, tlbWrite] = f.params as [Local<'i32'>, Local<'i32'>, Local<'i32'>, Local<'i32'>];
    const budget = f.let(i32.load(0, STATE.BUDGET));
    const fault = f.openBlock();
    const again = f.openLoop();
    const next = f.openBlock();
    // Cold handlers do not jump: the labels for that are those of the way on.
    const frame: Frame = {
      f,
      pc,
      budget,
      tlbRead,
      tlbWrite,
      target: budget,
      helper: next,
      handler: handler,
      next,
      taken: next,
      dispatch: next,
      fault,
      targetFault: fault,
      slow,
      link,
      functions,
    };
    const labels = tables.coldHandlers.map(() => f.openBlock()).reverse();
    f.brTable(i32.sub(handler, tables.firstCold), labels, labels[0]!);
    for (const { emit, form } of tables.coldHandlers) {
      f.end();
      f.scope(() => {
        const context = new InterpreterContext(frame, form);
        emit(context);
        if (context.ended) throw new Error('a cold handler must not end by a jump');
        f.br(next);
      });
    }
    f.end(); // next
    f.set(pc, i32.add(pc, RECORD.SIZE));
    if (!stepping) {
      f.set(handler, i32.load16_u(pc));
      f.if(i32.lt_u(i32.sub(handler, tables.firstCold), tables.coldHandlers.length), () => {
        f.set(budget, i32.sub(budget, 1));
        f.br(again);
      });
    }
    f.store(0, budget, STATE.BUDGET);
    f.return(pc);
    f.end(); // again
    f.unreachable();
    f.end(); // fault
    f.store(0, budget, STATE.BUDGET);
    f.return(i32.add(pc, 1));
    f.unreachable();
  });
}

/** The six address records: linear address of a memory operand into STATE.ADDRESS, segment limits checked. */
function addressHandlers(frame: Frame, started: Local<'i32'> | undefined, advance: () => void): (() => void)[] {
  const { f, pc, budget, fault } = frame;
  const field = (at: number) => i32.load8_u(pc, at);
  const finish = (address: Parameters<typeof f.store>[1]): void => {
    f.store(0, address, STATE.ADDRESS);
    f.set(budget, i32.add(budget, 1));
    if (started) f.set(started, 0);
    advance();
  };
  const offset32 = () =>
    i32.add(
      i32.add(
        i32.load(field(RECORD.RM)),
        i32.shl(i32.load(i32.and(field(RECORD.INDEX), 0xfc)), i32.and(field(RECORD.INDEX), 3)),
      ),
      i32.load(pc, RECORD.DISP),
    );
  const offset16 = () =>
    i32.and(
      i32.add(
        i32.add(i32.load(field(RECORD.RM)), i32.load(i32.and(field(RECORD.INDEX), 0xfc))),
        i32.load(pc, RECORD.DISP),
      ),
      0xffff,
    );
  const segmented = (offset: () => ReturnType<typeof offset32>, lo: number, hi: number) => () => {
    const at = f.let(offset());
    const segment = f.let(field(RECORD.SEGMENT));
    const bytes = f.let(i32.load(pc, RECORD.IMM));
    f.if(bytes, () => {
      const last = f.let(i32.add(at, i32.sub(bytes, 1)));
      f.if(
        i32.or(i32.or(i32.lt_u(at, i32.load(segment, lo)), i32.gt_u(last, i32.load(segment, hi))), i32.lt_u(last, at)),
        () => {
          // #SS for the stack segment, #GP for the others.
          f.store(0, i32.sub(VECTOR.GP, i32.eq(segment, 4 * SEGMENT.SS)), STATE.FAULT_VECTOR);
          f.store(0, 0, STATE.FAULT_ERROR);
          f.br(fault);
        },
      );
    });
    finish(i32.add(at, i32.load(segment, STATE.SEGMENT_BASE)));
  };
  return [
    () => finish(offset32()),
    segmented(offset32, STATE.SEGMENT_READ_LO, STATE.SEGMENT_READ_HI),
    segmented(offset32, STATE.SEGMENT_WRITE_LO, STATE.SEGMENT_WRITE_HI),
    () => finish(offset16()),
    segmented(offset16, STATE.SEGMENT_READ_LO, STATE.SEGMENT_READ_HI),
    segmented(offset16, STATE.SEGMENT_WRITE_LO, STATE.SEGMENT_WRITE_HI),
  ];
}
