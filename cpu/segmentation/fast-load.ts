/**
 * Loads of data segment registers that operating systems do on every entry and exit, as generated code: a present, writable,
 * accessed data segment of the GDT that grows up, or a null selector for FS and GS. Whatever else a selector may name, and every
 * change of DS or ES that decoded code could depend on, is left to `loadSegment`. Intel SDM volume 3, sections 3.4.5 and 5.5.
 */
import { type FunctionRef, i32, type Local, type ModuleBuilder, select } from '../emitter/index.ts';
import { PAGE_SIZE, REGION, SEGMENT, STATE } from '../layout.ts';
import { CR0, EFLAGS } from '../state.ts';

/** Bits of the attributes that must be so: present, not a system segment, data that grows up, writable, accessed. */
const KIND_MASK = 0x9f;
const KIND = 0x93;
const EMPTY_LO = -1;
const EMPTY_HI = 0;

/** `loadDataSegment`: (segment number * 4, selector) -> 1 if done, 0 if nothing has been done. Not for CS and SS. */
export function defineFastSegmentLoad(m: ModuleBuilder): Record<string, FunctionRef> {
  const loadDataSegment = m.function(['i32', 'i32'], 'i32', (f) => {
    const [segment, selector] = f.params as [Local<'i32'>, Local<'i32'>];
    const field = (at: number) => i32.load(segment, at);
    const put = (at: number, value: Parameters<typeof f.store>[1]): void => f.store(segment, value, at);
    const ranges = (lo: number, hi: Parameters<typeof f.store>[1]): void => {
      put(STATE.SEGMENT_READ_LO, lo);
      put(STATE.SEGMENT_READ_HI, hi);
      put(STATE.SEGMENT_WRITE_LO, lo);
      put(STATE.SEGMENT_WRITE_HI, hi);
    };
    f.if(
      i32.or(
        i32.or(i32.eqz(i32.and(i32.load(0, STATE.CR0), CR0.PE)), i32.and(i32.load(0, STATE.EFLAGS), EFLAGS.VM)),
        // Breakpoints watch the read of the descriptor too.
        i32.eq(i32.load(0, STATE.TLB_READ), REGION.TLB_ALL_SLOW),
      ),
      () => f.return(0),
    );
    const ordinary = f.let(i32.lt_u(segment, 4 * SEGMENT.FS));
    f.if(i32.eqz(i32.and(selector, 0xfffc)), () => {
      f.if(ordinary, () => f.return(0));
      put(STATE.SEGMENT_SELECTOR, selector);
      put(STATE.SEGMENT_BASE, 0);
      put(STATE.SEGMENT_LIMIT, 0);
      put(STATE.SEGMENT_ATTRIBUTES, 0);
      ranges(EMPTY_LO, EMPTY_HI);
      f.return(1);
    });
    const index = f.let(i32.and(selector, 0xfff8));
    f.if(i32.or(i32.and(selector, 4), i32.gt_u(i32.add(index, 7), i32.load(0, STATE.GDTR_LIMIT))), () => f.return(0));
    const linear = f.let(i32.add(i32.load(0, STATE.GDTR_BASE), index));
    const entry = f.let(i32.load(i32.shl(i32.shr_u(linear, 12), 2), REGION.TLB_SUPERVISOR_READ));
    f.if(i32.gt_u(i32.and(i32.or(linear, entry), PAGE_SIZE - 1), PAGE_SIZE - 8), () => f.return(0));
    const low = f.let(i32.load(i32.add(linear, entry)));
    const high = f.let(i32.load(i32.add(linear, entry), 4));
    const attributes = f.let(i32.and(i32.shr_u(high, 8), 0xf0ff));
    const privilege = f.let(i32.and(selector, 3));
    f.set(privilege, select(i32.gt_u(privilege, i32.load(0, STATE.CPL)), privilege, i32.load(0, STATE.CPL)));
    f.if(
      i32.or(i32.ne(i32.and(attributes, KIND_MASK), KIND), i32.gt_u(privilege, i32.and(i32.shr_u(attributes, 5), 3))),
      () => f.return(0),
    );
    const base = f.let(
      i32.or(i32.or(i32.shr_u(low, 16), i32.shl(i32.and(high, 0xff), 16)), i32.and(high, 0xff000000 | 0)),
    );
    const limit = f.let(i32.or(i32.and(low, 0xffff), i32.and(high, 0xf0000)));
    f.if(i32.and(attributes, 0x8000), () => f.set(limit, i32.or(i32.shl(limit, 12), 0xfff)));
    f.if(
      i32.and(
        ordinary,
        i32.or(
          i32.or(i32.ne(base, field(STATE.SEGMENT_BASE)), i32.ne(limit, field(STATE.SEGMENT_LIMIT))),
          i32.ne(i32.and(field(STATE.SEGMENT_ATTRIBUTES), KIND_MASK), KIND),
        ),
      ),
      () => f.return(0),
    );
    put(STATE.SEGMENT_SELECTOR, selector);
    put(STATE.SEGMENT_BASE, base);
    put(STATE.SEGMENT_LIMIT, limit);
    put(STATE.SEGMENT_ATTRIBUTES, attributes);
    ranges(0, limit);
    f.return(1);
    f.unreachable();
  });
  return { loadDataSegment };
}
