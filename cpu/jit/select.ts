/**
 * Choice of a region: from one or more hot places along branches that have been taken, calls and returns included, across pages,
 * up to a number of instructions. What comes out is a control-flow graph of decoded instructions.
 */
import type { DecodeTables } from '../decoder/tables.ts';
import { BLOCK, CODE_PAGE, COMPILED, PAGE_SIZE, REGION, SEGMENT, STATE, TLB_SLOW } from '../layout.ts';
import type { CpuState } from '../state.ts';
import { type Instruction, RecordReader } from './instruction.ts';

/** How control leaves a node; addresses are linear. */
export type Way =
  | { kind: 'fall'; to: number }
  | { kind: 'jump'; to: number }
  | { kind: 'condition'; taken: number; fall: number }
  | { kind: 'computed' }
  /** A helper that always leaves. */
  | { kind: 'none' };

/** A basic block. */
export interface Node {
  readonly linear: number;
  readonly instructions: Instruction[];
  way: Way;
}

export interface Page {
  readonly linear: number;
  readonly host: number;
}

export interface Selection {
  /** The hot places it was made around, and the mode key. */
  readonly starts: readonly number[];
  readonly key: number;
  readonly nodes: ReadonlyMap<number, Node>;
  /** Nodes control may come to from outside or by a computed branch. */
  readonly roots: ReadonlySet<number>;
  /** Places behind calls in the region: where its RETs mostly go. */
  readonly returns: readonly number[];
  readonly pages: readonly Page[];
  /** Header addresses of the decoded blocks the instructions come from. */
  readonly blocks: ReadonlySet<number>;
  /** Header address of the decoded block that begins at a root. */
  readonly rootBlocks: ReadonlyMap<number, number>;
  /** Linear addresses of its instructions. */
  readonly addresses: ReadonlySet<number>;
  readonly count: number;
  readonly base: number;
  readonly limit: number;
}

export const MAX_INSTRUCTIONS = 300;

interface Step {
  readonly instruction: Instruction;
  way: Way;
}

const hashSlot = (host: number): number => ((host ^ (host >>> 14)) & (REGION.BLOCK_HASH_ENTRIES - 1)) << 4;

export class Selector {
  readonly #state: CpuState;
  readonly #tables: DecodeTables;
  readonly #reader: RecordReader;

  constructor(state: CpuState, tables: DecodeTables) {
    this.#state = state;
    this.#tables = tables;
    this.#reader = new RecordReader(state, tables);
  }

  /** Header of the decoded block that begins at a linear address under the present mode, 0 = none. Notes its page. */
  blockAt(linear: number): number {
    const host = this.#host(linear);
    if (host === 0) return 0;
    const { i32, u16 } = this.#state;
    const key = this.#state.get(STATE.MODE_KEY);
    const slot = (REGION.BLOCK_HASH + hashSlot(host)) >> 2;
    if (i32[slot]! >>> 0 === host && i32[slot + 1] === key + 1) return i32[slot + 2]! - BLOCK.SIZE;
    // Another block has taken its place in the hash: it is still in the page's list.
    const descriptor = i32[(REGION.CODE_PAGES >> 2) + (host >>> 12)]!;
    if (descriptor === 0) return 0;
    const offset = host & (PAGE_SIZE - 1);
    for (let at = i32[(descriptor + CODE_PAGE.FIRST_BLOCK) >> 2]!; at !== 0; at = i32[(at + BLOCK.NEXT) >> 2]!)
      if (u16[(at + BLOCK.START) >> 1] === offset && i32[(at + BLOCK.KEY) >> 2] === key) return at;
    return 0;
  }

  #host(linear: number): number {
    const entry = this.#state.i32[(this.#state.get(STATE.TLB_FETCH) >> 2) + (linear >>> 12)]!;
    return (entry & (PAGE_SIZE - 1)) === TLB_SLOW ? 0 : (linear + entry) >>> 0;
  }

  /** The region around `starts` (linear addresses); undefined if there is nothing to compile at the first. */
  select(starts: readonly number[], limit = MAX_INSTRUCTIONS): Selection | undefined {
    const state = this.#state;
    const base = state.segmentBase(SEGMENT.CS);
    const steps = new Map<number, Step>();
    const pages = new Map<number, number>();
    const blocks = new Set<number>();
    const returns: number[] = [];
    const callTargets = new Set<number>();
    const queue = [...starts];
    const enter = (linear: number): boolean => {
      const page = linear & ~(PAGE_SIZE - 1);
      if (pages.has(page)) return true;
      if (pages.size >= COMPILED.MAX_PAGES) return false;
      const host = this.#host(page);
      if (host === 0) return false;
      pages.set(page, host);
      return true;
    };
    for (let i = 0; i < queue.length && steps.size < limit; i++) {
      let linear = queue[i]!;
      // Along one path until it branches for good, meets what is there already, or ends.
      path: while (!steps.has(linear)) {
        const header = this.blockAt(linear);
        if (header === 0 || !enter(linear)) break;
        const entry = state.u16[(header + BLOCK.ENTRY) >> 1]!;
        const page = linear & ~(PAGE_SIZE - 1);
        let record = header + BLOCK.SIZE;
        for (let first = true; ; first = false) {
          const read = this.#reader.read(record, page, base, first ? entry : 0);
          if (read.kind === 'none') break path;
          if (read.kind === 'continue') {
            linear = (page + read.offset) >>> 0;
            break;
          }
          const { instruction } = read;
          if (steps.has(instruction.linear)) break path;
          blocks.add(header);
          record = read.nextRecord;
          const step: Step = { instruction, way: { kind: 'fall', to: instruction.next } };
          steps.set(instruction.linear, step);
          const { emitted } = instruction;
          if (emitted?.fusedCondition !== undefined) {
            // The branch is the next record and a step of its own; the condition is told from the operands it kept.
            continue;
          }
          if (emitted?.transfer === 'indirect') {
            step.way = { kind: 'computed' };
            if (emitted.mnemonic === 'call') {
              returns.push(instruction.next);
              queue.push(instruction.next);
            }
            break path;
          }
          if (emitted?.transfer === 'relative') {
            const to = this.#branchTarget(instruction, base);
            if (emitted.mnemonic === 'jmp' || emitted.mnemonic === 'call') {
              step.way = { kind: 'jump', to };
              queue.push(to);
              if (emitted.mnemonic === 'call') {
                callTargets.add(to);
                returns.push(instruction.next);
                queue.push(instruction.next);
              }
              break path;
            }
            step.way = { kind: 'condition', taken: to, fall: instruction.next };
            // A near branch that has never been taken has no link yet.
            if (!emitted.form.near || instruction.IMM !== 0) queue.push(to);
          }
          if (!emitted && this.#alwaysLeaves(instruction.handler)) {
            step.way = { kind: 'none' };
            break path;
          }
          if (steps.size >= limit) break path;
        }
      }
    }
    if (!steps.has(starts[0]!)) return undefined;
    return this.#graph({ starts, steps, pages, blocks, returns, callTargets, base });
  }

  #branchTarget(instruction: Instruction, base: number): number {
    const eip = (instruction.nextEip + instruction.DISP) >>> 0;
    return (base + (instruction.emitted!.form.width === 2 ? eip & 0xffff : eip)) >>> 0;
  }

  #alwaysLeaves(handler: number): boolean {
    return this.#tables.leaves.has(handler);
  }

  #graph(found: {
    starts: readonly number[];
    steps: Map<number, Step>;
    pages: Map<number, number>;
    blocks: Set<number>;
    returns: number[];
    callTargets: Set<number>;
    base: number;
  }): Selection {
    const { steps, base } = found;
    const leaders = new Set<number>(found.starts);
    for (const { way } of steps.values()) {
      if (way.kind === 'jump') leaders.add(way.to);
      else if (way.kind === 'condition') {
        leaders.add(way.taken);
        leaders.add(way.fall);
      } else if (way.kind === 'fall' && (way.to & (PAGE_SIZE - 1)) === 0) leaders.add(way.to);
    }
    for (const linear of found.returns) leaders.add(linear);
    const nodes = new Map<number, Node>();
    for (const leader of leaders) {
      if (!steps.has(leader)) continue;
      const node: Node = { linear: leader, instructions: [], way: { kind: 'none' } };
      for (let at = leader; ;) {
        const step = steps.get(at);
        if (!step || (at !== leader && leaders.has(at))) {
          node.way = { kind: 'fall', to: at };
          break;
        }
        node.instructions.push(step.instruction);
        node.way = step.way;
        if (step.way.kind !== 'fall') break;
        at = step.way.to;
      }
      nodes.set(leader, node);
    }
    const rootBlocks = new Map<number, number>();
    const roots = new Set<number>();
    for (const linear of [...found.starts, ...found.returns, ...found.callTargets]) {
      if (!nodes.has(linear) || roots.has(linear)) continue;
      roots.add(linear);
      const header = this.blockAt(linear);
      if (header) rootBlocks.set(linear, header);
    }
    return {
      starts: found.starts,
      key: this.#state.get(STATE.MODE_KEY),
      nodes,
      roots,
      returns: [...new Set(found.returns)].filter((linear) => nodes.has(linear)),
      pages: [...found.pages].map(([linear, host]) => ({ linear, host })),
      blocks: found.blocks,
      rootBlocks,
      addresses: new Set(steps.keys()),
      count: steps.size,
      base,
      limit: this.#state.get(STATE.SEGMENT_LIMIT + 4 * SEGMENT.CS) >>> 0,
    };
  }
}
