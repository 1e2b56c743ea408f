/**
 * Rectangles, copies and pattern fills that need no data of the CPU: a row at a time where all its pixels are treated
 * alike, else pixel by pixel.
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3.
 */
import type { Pipeline } from './pipeline.ts';
import { Source } from './pipeline.ts';
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
  const { width } = walk;
  const forward = walk.majorX > 0;
  const first = forward ? walk.x : walk.x - width + 1;
  const copied = pipeline.foreground.source === Source.VideoMemory;
  const sourceFirst = forward ? walk.sourceX : walk.sourceX - width + 1;
  // Rows that wrap around the coordinate space are rare; so are those with a source that does.
  const straight =
    first >= 0 &&
    first + width <= COORDINATES &&
    (walk.kind !== WalkKind.Copy || (sourceFirst >= 0 && sourceFirst + width <= COORDINATES));
  if (!pipeline.uniform || !straight || pipeline.foreground.source === Source.Cpu) {
    drawPixels(walk, pipeline, surface);
    return;
  }
  const { mix, source } = pipeline.foreground;
  const from = Math.max(first, pipeline.left);
  const count = Math.min(first + width - 1, pipeline.right) - from + 1;
  const tile = new Int32Array(8);
  do {
    const { y } = walk;
    if (count <= 0 || y < pipeline.top || y > pipeline.bottom) continue;
    const to = surface.at(from, y);
    if (!copied) {
      surface.fill(to, count, pipeline.color(source), mix);
    } else if (walk.kind === WalkKind.Copy) {
      surface.copy(to, surface.sourceAt(sourceFirst + from - first, walk.sourceY), count, forward, mix);
    } else if (walk.kind === WalkKind.Pattern) {
      const row = surface.sourceAt(walk.sourceX, walk.sourceY + (y & 7));
      for (let i = 0; i < 8; i++) tile[i] = surface.read(row + i);
      surface.tile(to, count, tile, from & 7, mix);
    } else {
      surface.copy(to, to, count, forward, mix);
    }
  } while (walk.nextRow() !== Step.Done);
}
