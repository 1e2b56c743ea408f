/**
 * Rectangles, copies and pattern fills that need no data of the CPU: a row at a time where all its pixels are treated
 * alike, else pixel by pixel.
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3.
 */
import type { Fixed } from './mix.ts';
import { fix } from './mix.ts';
import type { Pipeline } from './pipeline.ts';
import { Select, Source } from './pipeline.ts';
import type { Surface } from './surface.ts';
import type { Walk } from './walk.ts';
import { Step, WalkKind } from './walk.ts';

const COORDINATES = 0x1000;

/** Index of the video memory pixel that goes with the present pixel of a walk. */
export function sourceIndex(walk: Walk, surface: Surface): number {
  switch (walk.kind) {
    case WalkKind.Copy:
      return surface.sourceAt(walk.sourceX, walk.sourceY);
    case WalkKind.Pattern:
      return surface.sourceAt(walk.sourceX + (walk.x & 7), walk.sourceY + (walk.y & 7));
    default:
      return surface.at(walk.x, walk.y);
  }
}

/** Draws what is left of a walk. */
export function drawPixels(walk: Walk, pipeline: Pipeline, surface: Surface): void {
  do {
    if (!walk.skipped) pipeline.plot(walk.x, walk.y, sourceIndex(walk, surface), 0, false);
  } while (walk.advance() !== Step.Done);
}

/** Draws what is left of a rectangle, copy or pattern fill, from the start of a row. */
export function drawBlock(walk: Walk, pipeline: Pipeline, surface: Surface): void {
  const { width, kind } = walk;
  const forward = walk.majorX > 0;
  const first = forward ? walk.x : walk.x - width + 1;
  const sourceFirst = forward ? walk.sourceX : walk.sourceX - width + 1;
  // Rows that wrap around the coordinate space are rare; so are those with a source that does.
  const straight =
    first >= 0 &&
    first + width <= COORDINATES &&
    (kind !== WalkKind.Copy || (sourceFirst >= 0 && sourceFirst + width <= COORDINATES));
  const row = straight && pipeline.plain ? rowDrawer(walk, pipeline, surface, forward) : undefined;
  if (!row) {
    drawPixels(walk, pipeline, surface);
    return;
  }
  const from = Math.max(first, pipeline.left);
  const count = Math.min(first + width - 1, pipeline.right) - from + 1;
  do {
    const { y } = walk;
    if (count <= 0 || y < pipeline.top || y > pipeline.bottom) continue;
    const to = surface.at(from, y);
    let source = to;
    if (kind === WalkKind.Copy) source = surface.sourceAt(sourceFirst + from - first, walk.sourceY);
    else if (kind === WalkKind.Pattern) source = surface.sourceAt(walk.sourceX, walk.sourceY + (y & 7));
    row(to, source, count, from & 7);
  } while (walk.nextRow() !== Step.Done);
}

/** Draws `count` pixels from index `to`; a pattern row starts at index `source`, and with its pixel `phase`. */
type DrawRow = (to: number, source: number, count: number, phase: number) => void;

/** How rows of this command can be drawn at once, if they can. */
function rowDrawer(walk: Walk, pipeline: Pipeline, surface: Surface, forward: boolean): DrawRow | undefined {
  const patterned = walk.kind === WalkKind.Pattern;
  const eight = (row: number, pixel: (color: number) => Fixed): Fixed[] =>
    Array.from({ length: 8 }, (_, i) => pixel(surface.read(row + i)));
  const expansion = pipeline.expansion();
  if (expansion) {
    const { set, clear, mask } = expansion;
    if (!patterned) return (to, source, count) => surface.expand(to, source, count, forward, mask, set, clear);
    const choose = (color: number): Fixed => ((color & mask) === mask ? set : clear);
    return (to, source, count, phase) => surface.tile(to, count, eight(source, choose), phase);
  }
  if (pipeline.select !== Select.Foreground) return undefined;
  const { mix, source: kind } = pipeline.foreground;
  if (kind === Source.Cpu) return undefined;
  if (kind !== Source.VideoMemory) {
    const color = pipeline.color(kind);
    return (to, _source, count) => surface.fill(to, count, color, mix);
  }
  if (!patterned) return (to, source, count) => surface.copy(to, source, count, forward, mix);
  const mixed = (color: number): Fixed => fix(mix, color);
  return (to, source, count, phase) => surface.tile(to, count, eight(source, mixed), phase);
}
