/** Emits one region's function: (entry number) -> LEAVE. */
import { type FunctionBuilder, type FunctionRef, i32, type I32, type Label, type Local } from '../emitter/index.ts';
import { HANDLER } from '../decoder/tables.ts';
import { LEAVE } from '../interpreter/generate.ts';
import { COMPILED, PAGE_SIZE, REGION, STATE, TARGET } from '../layout.ts';
import type { FlagOperands } from '../interpreter/operand-context.ts';
import { JitContext, type Transfer } from './context.ts';
import { RegionFrame } from './frame.ts';
import type { AddressRecord, Instruction } from './instruction.ts';
import type { Node, Selection } from './select.ts';
import { structure, type Structure } from './structure.ts';

/** RETs compare with up to this many places behind calls before they look into the region's table. */
const MAX_COMPARED = 3;

export interface Callouts {
  /** (record, handler) -> 1 if generated code must be left. */
  readonly helper: FunctionRef & { result: 'i32' };
  readonly functions: ReadonlyMap<string, FunctionRef>;
  /** JitOptions.forcedExits, 0 = none. */
  readonly forcedExits: number;
}

export interface EmittedRegion {
  /** Linear addresses of the roots in the order of their entry numbers. */
  readonly roots: readonly number[];
  /** What the table of computed branches is hashed with. */
  readonly shift: number;
}

/** Place of an EIP in the table of computed branches. */
export const targetPlace = (eip: number, shift: number): number => (eip ^ (eip >>> shift)) & (TARGET.ENTRIES - 1);

/** The shift that puts most places of their own to the roots. */
function bestShift(eips: readonly number[]): number {
  let best = 4;
  let most = 0;
  for (let shift = 1; shift <= 16; shift++) {
    const distinct = new Set(eips.map((eip) => targetPlace(eip, shift))).size;
    if (distinct > most) {
      most = distinct;
      best = shift;
    }
  }
  return best;
}

/** Emits into `f`. */
export function emitRegion(
  f: FunctionBuilder,
  selection: Selection,
  address: number,
  callouts: Callouts,
): EmittedRegion {
  return new RegionEmitter(f, selection, address, callouts).emit();
}

class RegionEmitter {
  readonly #f: FunctionBuilder;
  readonly #selection: Selection;
  readonly #address: number;
  readonly #helper: Callouts['helper'];
  readonly #frame: RegionFrame;
  readonly #structure: Structure;
  readonly #entries: Map<number, number>;
  readonly #labels = new Map<number, Label>();
  /** Roots whose label is still ahead, and nodes whose loop is open. */
  readonly #ahead = new Set<number>();
  readonly #open = new Set<number>();
  readonly #entry: Local<'i32'>;
  #dispatch!: Label;
  readonly #shift: number;
  /** What is known of the flags where the node about to be emitted begins. */
  #inherited: FlagOperands | undefined;

  constructor(f: FunctionBuilder, selection: Selection, address: number, callouts: Callouts) {
    this.#f = f;
    this.#selection = selection;
    this.#address = address;
    this.#helper = callouts.helper;
    this.#entry = f.params[0] as Local<'i32'>;
    this.#frame = new RegionFrame(f, selection.limit, callouts.functions, callouts.forcedExits);
    const { nodes } = selection;
    this.#structure = structure(
      nodes.keys(),
      (n) => {
        const { way } = nodes.get(n)!;
        if (way.kind === 'condition') return [way.taken, way.fall];
        return way.kind === 'fall' || way.kind === 'jump' ? [way.to] : [];
      },
      selection.roots,
    );
    this.#entries = new Map(this.#structure.roots.map((n, i) => [n, i]));
    this.#shift = bestShift(this.#structure.roots.map((n) => (n - selection.base) >>> 0));
  }

  emit(): EmittedRegion {
    const f = this.#f;
    const frame = this.#frame;
    const { roots } = this.#structure;
    frame.load();
    f.set(frame.tlbRead, i32.load(0, STATE.TLB_READ));
    f.set(frame.tlbWrite, i32.load(0, STATE.TLB_WRITE));
    f.set(frame.delta, i32.load(this.#address, COMPILED.DELTA));
    const reason = f.local('i32');
    const out = f.openBlock();
    const branch = f.openBlock();
    const fall = f.openBlock();
    const side = f.openBlock();
    frame.exits = { branch, fall, side };
    this.#dispatch = f.openLoop();
    const labels = roots.map(() => f.openBlock()).reverse();
    roots.forEach((root, i) => {
      this.#labels.set(root, labels[i]!);
      this.#ahead.add(root);
    });
    if (roots.length > 1) f.brTable(this.#entry, labels.slice(0, -1), labels[labels.length - 1]!);
    for (const root of roots) {
      f.end();
      this.#ahead.delete(root);
      this.#tree(root);
    }
    f.end(); // dispatch
    f.unreachable();
    for (const code of [LEAVE.side, LEAVE.fall, LEAVE.branch]) {
      f.end();
      f.set(reason, code);
      f.br(out);
    }
    f.end(); // out
    frame.store();
    f.store(0, i32.add(frame.exitEip, frame.delta), STATE.EIP);
    f.return(reason);
    f.unreachable();
    return { roots, shift: this.#shift };
  }

  // Structure

  #tree(node: number): void {
    const joined = this.#structure.joined(node);
    if (this.#structure.isLoop(node)) {
      this.#f.loop((label) => {
        this.#labels.set(node, label);
        this.#open.add(node);
        this.#within(node, joined);
      });
      this.#open.delete(node);
      this.#f.unreachable();
    } else this.#within(node, joined);
  }

  #within(node: number, joined: readonly number[]): void {
    const [first, ...rest] = joined;
    if (first === undefined) {
      this.#node(this.#selection.nodes.get(node)!);
      return;
    }
    if (this.#structure.isRoot(first)) {
      this.#within(node, rest);
      return;
    }
    this.#f.block((label) => {
      this.#labels.set(first, label);
      this.#within(node, rest);
    });
    this.#tree(first);
  }

  /** Control goes from one node to an address. `taken`: by a branch, so that the budget counts. */
  #goto(from: number, to: number, taken: boolean): void {
    const f = this.#f;
    const frame = this.#frame;
    const compiled = (to - this.#selection.base) >>> 0;
    if (!this.#selection.nodes.has(to)) {
      frame.leave(taken ? frame.exits.branch : frame.exits.fall, compiled);
      return;
    }
    if (taken) f.if(i32.le_s(frame.budget, 0), () => frame.leave(frame.exits.branch, compiled));
    const label = this.#labels.get(to);
    if (this.#structure.isRoot(to)) {
      if (label && (this.#ahead.has(to) || this.#open.has(to))) f.br(label);
      else {
        f.set(this.#entry, i32.const(this.#entries.get(to)!));
        f.br(this.#dispatch);
      }
    } else if (this.#structure.isBack(from, to) || this.#structure.isJoined(to)) f.br(label!);
    else {
      // The only way there.
      if (!this.#structure.isLoop(to)) this.#inherited = frame.flagOperands;
      this.#tree(to);
    }
  }

  // Nodes

  #node(node: Node): void {
    const frame = this.#frame;
    frame.flagOperands = this.#inherited;
    this.#inherited = undefined;
    frame.pending = 0;
    let transfer: Transfer | undefined;
    for (const instruction of node.instructions) {
      frame.currentEip = instruction.eip;
      this.#f.scope(() => {
        if (instruction.emitted) transfer = this.#instruction(instruction);
        else this.#callHelper(instruction, node.way.kind === 'none' && instruction === node.instructions.at(-1));
      });
      frame.pending++;
    }
    frame.settle();
    this.#way(node, transfer);
  }

  #way(node: Node, transfer: Transfer | undefined): void {
    const f = this.#f;
    const { way, linear } = node;
    switch (way.kind) {
      case 'none':
        f.unreachable();
        return;
      case 'fall':
        // Into the next page the budget is looked at, as the interpreter does.
        this.#goto(linear, way.to, (way.to & (PAGE_SIZE - 1)) === 0);
        return;
      case 'jump':
        this.#goto(linear, way.to, true);
        return;
      case 'condition': {
        if (transfer?.kind !== 'relative' || !transfer.condition)
          throw new Error('a conditional branch has no condition');
        const flags = this.#frame.flagOperands;
        f.if(transfer.condition, () => this.#goto(linear, way.taken, true));
        this.#frame.flagOperands = flags;
        this.#goto(linear, way.fall, (way.fall & (PAGE_SIZE - 1)) === 0);
        return;
      }
      case 'computed':
        this.#computed(node);
    }
  }

  /** To the address in `target`: a place in the region if it is one, else out. */
  #computed(node: Node): void {
    const f = this.#f;
    const frame = this.#frame;
    const { returns, base } = this.#selection;
    const leave = (): void => {
      f.set(frame.exitEip, i32.sub(frame.target, frame.delta));
      f.br(frame.exits.branch);
    };
    f.if(i32.le_s(frame.budget, 0), leave);
    const isReturn = node.instructions.at(-1)!.emitted!.mnemonic === 'ret';
    const compared = isReturn ? returns.slice(0, MAX_COMPARED) : [];
    for (const place of compared) {
      f.if(i32.eq(i32.sub(frame.target, frame.delta), (place - base) | 0), () => this.#enter(place));
    }
    if (isReturn && returns.length <= MAX_COMPARED) {
      leave();
      return;
    }
    f.scope(() => {
      const eip = f.let(i32.sub(frame.target, frame.delta));
      const place = i32.and(i32.xor(eip, i32.shr_u(eip, this.#shift)), TARGET.ENTRIES - 1);
      const table = REGION.TARGETS + ((this.#address - REGION.COMPILED) / COMPILED.SIZE) * TARGET.TABLE_SIZE;
      const at = f.let(i32.shl(place, 3));
      f.if(i32.eq(i32.load(at, table), eip), () => {
        f.set(this.#entry, i32.load(at, table + 4));
        f.br(this.#dispatch);
      });
    });
    leave();
  }

  #enter(root: number): void {
    const f = this.#f;
    const label = this.#labels.get(root);
    if (label && (this.#ahead.has(root) || this.#open.has(root))) f.br(label);
    else {
      f.set(this.#entry, i32.const(this.#entries.get(root)!));
      f.br(this.#dispatch);
    }
  }

  // Instructions

  #instruction(instruction: Instruction): Transfer | undefined {
    const emitted = instruction.emitted!;
    if (instruction.address) this.#address16or32(instruction.address);
    const context = new JitContext(this.#frame, instruction, emitted.form);
    emitted.emit(context);
    return context.transfer;
  }

  /** As the interpreter's address records: the linear address, after the segment's limit check. */
  #address16or32(record: AddressRecord): void {
    const f = this.#f;
    const frame = this.#frame;
    const register = (offset: number): I32 => frame.loadRegister(offset, 4);
    const wide = record.handler <= HANDLER.address32Write;
    const index = register(record.INDEX & 0xfc);
    const sum = i32.add(i32.add(register(record.RM), wide ? i32.shl(index, record.INDEX & 3) : index), record.DISP);
    const offset = wide ? sum : i32.and(sum, 0xffff);
    if (record.handler === HANDLER.address32 || record.handler === HANDLER.address16) {
      f.set(frame.addressLocal, offset);
      return;
    }
    const write = record.handler === HANDLER.address32Write || record.handler === HANDLER.address16Write;
    const at = f.let(offset);
    if (record.IMM) {
      const last = f.let(i32.add(at, record.IMM - 1));
      const lo = i32.load(0, record.SEGMENT + (write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO));
      const hi = i32.load(0, record.SEGMENT + (write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI));
      frame.leaveIf(i32.or(i32.or(i32.lt_u(at, lo), i32.gt_u(last, hi)), i32.lt_u(last, at)));
    }
    f.set(frame.addressLocal, i32.add(at, i32.load(0, record.SEGMENT + STATE.SEGMENT_BASE)));
  }

  /** Has a helper carry the instruction out, with the whole state in memory. */
  #callHelper(instruction: Instruction, last: boolean): void {
    const f = this.#f;
    const frame = this.#frame;
    if (instruction.address) {
      this.#address16or32(instruction.address);
      f.store(0, frame.addressLocal, STATE.ADDRESS);
    }
    frame.pending++;
    frame.settle();
    frame.store();
    const page = instruction.linear & ~(PAGE_SIZE - 1);
    f.store(0, i32.add(frame.delta, page), STATE.CODE_PAGE);
    f.store(0, i32.add(frame.delta, (page - this.#selection.base) | 0), STATE.CODE_EIP);
    f.if(f.call(this.#helper, instruction.record, instruction.handler), () => f.return(LEAVE.helper));
    if (last) {
      f.unreachable();
    } else {
      // A helper may have changed code.
      f.if(i32.eqz(i32.load(this.#address, COMPILED.ALIVE)), () => {
        f.store(0, frame.eip(instruction.nextEip), STATE.EIP);
        f.return(LEAVE.fall);
      });
      frame.load();
    }
    frame.flagOperands = undefined;
    frame.pending = -1;
  }
}
