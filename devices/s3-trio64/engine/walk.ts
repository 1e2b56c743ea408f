/**
 * The order in which a drawing command visits its pixels: lines by their error term or by direction, rectangles by rows.
 * All of it is plain numbers, so that a command which waits for data of the CPU can be saved half-way.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3 and register 9AE8.
 * Models: Bresenham and radial lines, rectangles, bit block and pattern transfers in all directions.
 * Does not model: rectangles filled by columns (command bit 6).
 */
import type { Field } from '../../state.ts';
import type { EngineRegisters } from './registers.ts';
import { Multi } from './registers.ts';

/** Bits of the command register 9AE8. */
export const Command = {
  Write: 0x0001,
  AcrossPlane: 0x0002,
  LastPixelOff: 0x0004,
  Radial: 0x0008,
  Draw: 0x0010,
  PositiveX: 0x0020,
  MajorY: 0x0040,
  PositiveY: 0x0080,
  WaitForCpu: 0x0100,
  ByteSwap: 0x1000,
} as const;

export const WalkKind = { Line: 1, Rectangle: 2, Copy: 6, Pattern: 7 } as const;

/** Result of `advance`. */
export const Step = { Pixel: 0, Row: 1, Done: 2 } as const;
export type Step = (typeof Step)[keyof typeof Step];

const COORDINATE = 0xfff;

/** Steps of the eight directions, 0 east, counter-clockwise by 45 degrees. */
export const DIRECTIONS: readonly (readonly [dx: number, dy: number])[] = [
  [1, 0],
  [1, -1],
  [0, -1],
  [-1, -1],
  [-1, 0],
  [-1, 1],
  [0, 1],
  [1, 1],
];

export class Walk {
  kind = 0;
  /** Where the next pixel goes. */
  x = 0;
  y = 0;
  /** Where it comes from, for copies; patterns keep their corner here. */
  sourceX = 0;
  sourceY = 0;
  /** Steps that remain in this row or line. */
  left = 0;
  /** Rows that remain after this one. */
  rows = 0;
  error = 0;
  axialStep = 0;
  diagonalStep = 0;
  majorX = 0;
  majorY = 0;
  minorX = 0;
  minorY = 0;
  lastPixelOff = false;
  /** Where rows start; steps in a row. */
  startX = 0;
  startSource = 0;
  steps = 0;

  /** Bresenham line by the step registers. */
  line(regs: EngineRegisters): void {
    const { command } = regs;
    const dx = command & Command.PositiveX ? 1 : -1;
    const dy = command & Command.PositiveY ? 1 : -1;
    const steep = (command & Command.MajorY) !== 0;
    this.#startLine(regs, regs.majorCount);
    this.error = regs.error;
    this.axialStep = regs.axialStep;
    this.diagonalStep = regs.diagonalStep;
    this.majorX = steep ? 0 : dx;
    this.majorY = steep ? dy : 0;
    this.minorX = steep ? dx : 0;
    this.minorY = steep ? 0 : dy;
  }

  /** Line in one of eight directions. @param length steps */
  radial(regs: EngineRegisters, direction: number, length: number): void {
    this.#startLine(regs, length);
    [this.majorX, this.majorY] = DIRECTIONS[direction & 7]! as [number, number];
    this.minorX = this.minorY = 0;
    this.error = this.axialStep = this.diagonalStep = -1;
  }

  #startLine(regs: EngineRegisters, length: number): void {
    this.kind = WalkKind.Line;
    this.x = regs.currentX;
    this.y = regs.currentY;
    this.left = length;
    this.rows = 0;
    this.lastPixelOff = (regs.command & Command.LastPixelOff) !== 0;
  }

  rectangle(regs: EngineRegisters): void {
    this.kind = WalkKind.Rectangle;
    this.#startRows(regs, regs.currentX, regs.currentY);
  }

  /** Copy or pattern fill. */
  transfer(regs: EngineRegisters, kind: typeof WalkKind.Copy | typeof WalkKind.Pattern): void {
    this.kind = kind;
    this.#startRows(regs, regs.destinationX & COORDINATE, regs.destinationY & COORDINATE);
    this.sourceX = this.startSource = regs.currentX;
    this.sourceY = regs.currentY;
  }

  #startRows(regs: EngineRegisters, x: number, y: number): void {
    const { command } = regs;
    this.x = this.startX = x;
    this.y = y;
    this.left = this.steps = regs.majorCount;
    this.rows = regs.multi[Multi.MinorAxisCount]!;
    this.majorX = command & Command.PositiveX ? 1 : -1;
    this.majorY = command & Command.PositiveY ? 1 : -1;
    this.lastPixelOff = false;
  }

  /** Pixels in a row. */
  get width(): number {
    return this.steps + 1;
  }

  /** The last pixel of a line is not drawn. */
  get skipped(): boolean {
    return this.lastPixelOff && this.left === 0;
  }

  /** Moves past the present pixel. */
  advance(): Step {
    if (this.kind === WalkKind.Line) return this.#advanceLine();
    if (this.left === 0) return this.nextRow();
    this.left--;
    this.x = (this.x + this.majorX) & COORDINATE;
    if (this.kind === WalkKind.Copy) this.sourceX = (this.sourceX + this.majorX) & COORDINATE;
    return Step.Pixel;
  }

  /** Moves to the start of the next row; at the end of the last one the position is in the row after it. */
  nextRow(): Step {
    this.y = (this.y + this.majorY) & COORDINATE;
    this.x = this.startX;
    this.left = this.steps;
    if (this.kind === WalkKind.Copy) {
      this.sourceX = this.startSource;
      this.sourceY = (this.sourceY + this.majorY) & COORDINATE;
    }
    if (this.rows === 0) return Step.Done;
    this.rows--;
    return Step.Row;
  }

  #advanceLine(): Step {
    if (this.left === 0) return Step.Done;
    this.left--;
    let dx = this.majorX;
    let dy = this.majorY;
    if (this.error >= 0) {
      this.error += this.diagonalStep;
      dx += this.minorX;
      dy += this.minorY;
    } else {
      this.error += this.axialStep;
    }
    this.x = (this.x + dx) & COORDINATE;
    this.y = (this.y + dy) & COORDINATE;
    return Step.Pixel;
  }
}

/** What a saved state holds of a `Walk`. */
export const WALK_FIELDS: readonly Field[] = [
  { name: 'kind', type: 'u8' },
  ...['x', 'y', 'sourceX', 'sourceY', 'left', 'rows', 'startX', 'startSource', 'steps'].map((name): Field => ({
    name,
    type: 'u16',
  })),
  ...['error', 'axialStep', 'diagonalStep', 'majorX', 'majorY', 'minorX', 'minorY'].map((name): Field => ({
    name,
    type: 'i32',
  })),
  { name: 'lastPixelOff', type: 'bool' },
];
