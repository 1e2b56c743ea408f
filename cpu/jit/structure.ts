/**
 * Order and nesting of a region's nodes in structured control flow, after the dominator tree under a virtual root that reaches
 * all roots: a node is written inside its dominator, nodes with several predecessors get a label, loops a loop. Targets that
 * do not nest so (irreducible loops) become roots as well.
 */
export interface Structure {
  readonly roots: readonly number[];
  /** Children in the dominator tree that are joined from several places, last in order first. */
  joined(node: number): number[];
  isRoot(node: number): boolean;
  isLoop(node: number): boolean;
  isJoined(node: number): boolean;
  /** True if an edge goes back in the order. */
  isBack(from: number, to: number): boolean;
}

const ROOT = -1;

export function structure(
  nodes: Iterable<number>,
  successors: (node: number) => readonly number[],
  wantedRoots: Iterable<number>,
): Structure {
  const known = new Set(nodes);
  const next = (node: number): number[] => successors(node).filter((s) => known.has(s));
  let roots = [...wantedRoots];
  for (;;) {
    const { order, rank } = reversePostorder(roots, next);
    const predecessors = new Map<number, number[]>(order.map((n) => [n, []]));
    for (const n of order) for (const s of n === ROOT ? roots : next(n)) predecessors.get(s)!.push(n);
    const dominator = dominators(order, rank, predecessors);
    const dominates = (a: number, b: number): boolean => {
      while (b !== ROOT && b !== a) b = dominator.get(b)!;
      return a === b;
    };
    const grown = new Set(roots);
    for (const n of order) {
      if (n === ROOT) continue;
      if (dominator.get(n) === ROOT) grown.add(n);
      for (const s of next(n)) if (rank.get(s)! <= rank.get(n)! && !dominates(s, n)) grown.add(s);
    }
    if (grown.size > roots.length) {
      roots = [...grown];
      continue;
    }
    const isBack = (from: number, to: number): boolean => rank.get(to)! <= rank.get(from)!;
    const isLoop = (n: number): boolean => predecessors.get(n)!.some((p) => p !== ROOT && isBack(p, n));
    const isJoined = (n: number): boolean => predecessors.get(n)!.filter((p) => !isBack(p, n)).length >= 2;
    const children = new Map<number, number[]>(order.map((n) => [n, []]));
    for (const n of order) if (n !== ROOT) children.get(dominator.get(n)!)!.push(n);
    const rootSet = new Set(roots);
    return {
      roots: roots.sort((a, b) => rank.get(a)! - rank.get(b)!),
      joined: (n) =>
        children
          .get(n)!
          .filter(isJoined)
          .sort((a, b) => rank.get(b)! - rank.get(a)!),
      isRoot: (n) => rootSet.has(n),
      isLoop,
      isJoined,
      isBack,
    };
  }
}

function reversePostorder(
  roots: readonly number[],
  next: (node: number) => readonly number[],
): { order: number[]; rank: Map<number, number> } {
  const order: number[] = [];
  const seen = new Set<number>([ROOT]);
  const stack: { node: number; rest: number[] }[] = [{ node: ROOT, rest: [...roots].reverse() }];
  while (stack.length) {
    const top = stack[stack.length - 1]!;
    const successor = top.rest.pop();
    if (successor === undefined) {
      order.push(top.node);
      stack.pop();
    } else if (!seen.has(successor)) {
      seen.add(successor);
      stack.push({ node: successor, rest: [...next(successor)].reverse() });
    }
  }
  order.reverse();
  return { order, rank: new Map(order.map((n, i) => [n, i])) };
}

/** Immediate dominators, by the iteration of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm", 2001). */
function dominators(
  order: readonly number[],
  rank: ReadonlyMap<number, number>,
  predecessors: ReadonlyMap<number, readonly number[]>,
): Map<number, number> {
  const result = new Map<number, number>([[ROOT, ROOT]]);
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      while (rank.get(a)! > rank.get(b)!) a = result.get(a)!;
      while (rank.get(b)! > rank.get(a)!) b = result.get(b)!;
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const n of order) {
      if (n === ROOT) continue;
      let found: number | undefined;
      for (const p of predecessors.get(n)!) if (result.has(p)) found = found === undefined ? p : meet(found, p);
      if (result.get(n) !== found) {
        result.set(n, found!);
        changed = true;
      }
    }
  }
  return result;
}
