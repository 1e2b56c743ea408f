/**
 * Polygons between two edges, and lines given by their end points.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3 "Polyline/2-Point Line" and "Polygon Fill", registers 82E8-8EEA.
 * Models: edges with twenty fraction bits that continue over several commands, solid and pattern fills, end points that
 * become starting points.
 * Does not model: polygons whose pixels come from the CPU.
 */
import type { Field } from '../../state.ts';
import { drawPixels } from './blocks.ts';
import type { Pipeline } from './pipeline.ts';
import type { EngineRegisters } from './registers.ts';
import type { Surface } from './surface.ts';
import type { Walk } from './walk.ts';

const FRACTION = 2 ** 20;
const COORDINATE = 0xfff;

/** Coordinates of these commands are signed. */
const signed12 = (value: number): number => (value << 20) >> 20;

/** One side of a polygon. */
export class Edge {
  /** Column at the present row, in units of 1/2^20 pixel. */
  x = 0;
  slope = 0;
  /** A coordinate of this edge was written since it was last followed. */
  fresh = true;

  /** Takes the edge from its present point to its end over. */
  load(fromX: number, fromY: number, toX: number, toY: number): void {
    if (!this.fresh) return;
    this.fresh = false;
    this.x = fromX * FRACTION;
    this.slope = Math.trunc(((toX - fromX) * FRACTION) / (toY - fromY));
  }

  /** Pixel at the present row; never outside the signed twelve bits of a coordinate. */
  get column(): number {
    return Math.max(-0x800, Math.min(Math.floor(this.x / FRACTION), 0x7ff));
  }

  /** After loading a state. */
  loaded(): void {
    if (!Number.isFinite(this.x) || !Number.isFinite(this.slope)) this.x = this.slope = 0;
  }
}

/** What a saved state holds of an `Edge`. */
export const EDGE_FIELDS: readonly Field[] = [
  { name: 'x', type: 'f64' },
  { name: 'slope', type: 'f64' },
  { name: 'fresh', type: 'bool' },
];

/**
 * Fills between the two edges down to where the upper of them ends. The end row is not drawn: the next part starts there.
 * @returns pixels visited
 */
export function fillPolygon(
  regs: EngineRegisters,
  edges: readonly [Edge, Edge],
  span: (from: number, count: number, y: number) => void,
): number {
  const endY = signed12(regs.destinationY);
  const endY2 = signed12(regs.destinationY2);
  let y = signed12(regs.currentY);
  // An edge without height only moves its point; drivers send the command after every coordinate.
  const flat = y >= endY;
  const flat2 = signed12(regs.currentY2) >= endY2;
  if (flat || flat2) {
    if (flat && y === endY) {
      regs.currentX = regs.destinationX & COORDINATE;
      edges[0].fresh = true;
    }
    if (flat2 && signed12(regs.currentY2) === endY2) {
      regs.currentX2 = regs.destinationX2 & COORDINATE;
      edges[1].fresh = true;
    }
    return 0;
  }
  edges[0].load(signed12(regs.currentX), y, signed12(regs.destinationX), endY);
  edges[1].load(signed12(regs.currentX2), signed12(regs.currentY2), signed12(regs.destinationX2), endY2);
  let visited = 0;
  for (const end = Math.min(endY, endY2); y < end; y++) {
    const a = edges[0].column;
    const b = edges[1].column;
    const count = Math.abs(a - b) + 1;
    span(Math.min(a, b), count, y);
    visited += count;
    for (const edge of edges) edge.x += edge.slope;
  }
  const finish = (edge: Edge, end: number, to: number): number => {
    if (y !== end) return edge.column & COORDINATE;
    edge.fresh = true;
    return to & COORDINATE;
  };
  regs.currentX = finish(edges[0], endY, regs.destinationX);
  regs.currentX2 = finish(edges[1], endY2, regs.destinationX2);
  regs.currentY = regs.currentY2 = y & COORDINATE;
  return visited;
}

/** Draws from the present point to the destination, which becomes the present point. Returns pixels visited. */
export function drawTwoPointLine(regs: EngineRegisters, walk: Walk, pipeline: Pipeline, surface: Surface): number {
  const dx = signed12(regs.destinationX) - signed12(regs.currentX);
  const dy = signed12(regs.destinationY) - signed12(regs.currentY);
  const steep = Math.abs(dy) > Math.abs(dx);
  const major = Math.max(Math.abs(dx), Math.abs(dy));
  const minor = Math.min(Math.abs(dx), Math.abs(dy));
  walk.radial(regs, 0, major);
  walk.majorX = steep ? 0 : Math.sign(dx);
  walk.majorY = steep ? Math.sign(dy) : 0;
  walk.minorX = steep ? Math.sign(dx) : 0;
  walk.minorY = steep ? 0 : Math.sign(dy);
  walk.axialStep = 2 * minor;
  walk.diagonalStep = 2 * (minor - major);
  // Half-way points go to the side of the start, whichever way the line runs.
  walk.error = 2 * minor - major - 1;
  drawPixels(walk, pipeline, surface);
  regs.currentX = regs.destinationX & COORDINATE;
  regs.currentY = regs.destinationY & COORDINATE;
  return major + 1;
}
