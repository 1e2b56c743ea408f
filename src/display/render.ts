/** Any frame as a picture. */
import type { Frame, Picture } from './frame.ts';
import type { BlinkPhase } from './text.ts';
import { renderText } from './text.ts';

/** Draws a frame. The picture of a graphics frame shares its pixels. */
export function renderFrame(frame: Frame, phase?: BlinkPhase): Picture {
  if (frame.kind === 'text') return renderText(frame, phase);
  return { width: frame.width, height: frame.height, data: frame.pixels };
}
