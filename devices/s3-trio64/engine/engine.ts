/**
 * The 2D graphics engine: starts commands, feeds those that wait for the CPU, and says when it is busy.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13 "Enhanced mode programming" and registers 9AE8, 9EE8, E2E8.
 * Models: lines (Bresenham, radial, short strokes, two-point), rectangles, copies, pattern fills, polygons solid and
 * patterned, image transfers both ways; busy and FIFO status in virtual time from the number of pixels and MCLK.
 * Does not model: 4 bits per pixel, the time between a command and its pixels (they are there at once; only the status
 * takes its time), a full FIFO holding up the bus.
 */
import type { Clock, Nanoseconds } from '../../clock.ts';
import { NANOSECONDS_PER_SECOND } from '../../clock.ts';
import type { DeviceLog } from '../../device.ts';
import type { Field } from '../../state.ts';
import { drawBlock, drawPixels } from './blocks.ts';
import { Pipeline } from './pipeline.ts';
import { Edge, EDGE_FIELDS, drawTwoPointLine, fillPolygon } from './polygon.ts';
import { EngineRegisters, Misc, Multi, REGISTER_FIELDS } from './registers.ts';
import type { Layout, MarkDirty } from './surface.ts';
import { Surface } from './surface.ts';
import { Transfer, TRANSFER_FIELDS } from './transfer.ts';
import { Command, Walk, WALK_FIELDS, WalkKind } from './walk.ts';

/** Command bits 15-13, and bit 11 above them. */
const Kind = {
  Nop: 0,
  Line: 1,
  Rectangle: 2,
  Polygon: 3,
  Copy: 6,
  Pattern: 7,
  TwoPointLine: 9,
  PatternPolygon: 11,
} as const;

/** Bits of GP_STAT (9AE8 read). */
const STATUS_DATA_READY = 0x0100;
const STATUS_BUSY = 0x0200;
const STATUS_EMPTY = 0x0400;

/** Register writes that the FIFO takes. */
const FIFO_SLOTS = 8;
/** Memory clocks before the first pixel of a command. */
const SETUP_CLOCKS = 24;
/** Bytes that the memory interface moves in a clock. */
const BYTES_PER_CLOCK = 8;
const MIB = 1 << 20;

/** What the engine needs of the chip around it. */
export interface EngineHost {
  readonly clock: Clock;
  readonly log: DeviceLog;
  /** Pixel length and width by the chip's registers. */
  layout(): Pick<Layout, 'bytes' | 'pitch'>;
  /** Memory clock in hertz. */
  memoryClock(): number;
  /** The engine has work until `busyUntil`. */
  started(): void;
}

export class Engine {
  readonly regs = new EngineRegisters();
  readonly walk = new Walk();
  readonly transfer: Transfer;
  readonly edges: readonly [Edge, Edge] = [new Edge(), new Edge()];
  /** Corner of the pattern of a polygon (EAE8, EAEA). */
  patternX = 0;
  patternY = 0;
  busyUntil: Nanoseconds = 0;
  /** Register writes since the engine became busy. */
  queued = 0;
  readonly #host: EngineHost;
  readonly #surface: Surface;
  readonly #pipeline: Pipeline;

  constructor(memory: Uint8Array, markDirty: MarkDirty, host: EngineHost) {
    this.#host = host;
    this.#surface = new Surface(memory, markDirty);
    this.#pipeline = new Pipeline(this.#surface);
    this.transfer = new Transfer(this.regs, this.walk, this.#pipeline, this.#surface);
  }

  reset(): void {
    this.regs.reset();
    this.stop();
    this.patternX = this.patternY = 0;
    for (const edge of this.edges) edge.fresh = true;
  }

  /** Ends whatever runs. */
  stop(): void {
    this.transfer.end();
    this.busyUntil = 0;
    this.queued = 0;
  }

  /** After loading a state. */
  loaded(): void {
    for (const edge of this.edges) edge.loaded();
    if (!Number.isFinite(this.busyUntil)) this.busyUntil = 0;
    this.#prepare();
  }

  get busy(): boolean {
    return this.transfer.active || this.#host.clock.now() < this.busyUntil;
  }

  /** GP_STAT. */
  status(): number {
    const busy = this.busy;
    if (!busy) this.queued = 0;
    const used = Math.min(this.transfer.active ? 0 : this.queued, FIFO_SLOTS);
    return (
      ((1 << used) - 1) |
      (busy ? STATUS_BUSY : 0) |
      (used === 0 ? STATUS_EMPTY : 0) |
      (this.transfer.active && this.transfer.reading ? STATUS_DATA_READY : 0)
    );
  }

  /** A register was written: it takes a place in the FIFO while the engine works. */
  enqueue(): void {
    this.queued = this.busy ? Math.min(this.queued + 1, FIFO_SLOTS) : 0;
  }

  /** A word was written to 9AE8. */
  command(value: number): void {
    const { regs } = this;
    regs.command = value;
    regs.multi[Multi.Miscellaneous]! &= ~Misc.UpperWord;
    this.transfer.end();
    const kind = (value >> 13) | ((value & 0x0800) >> 8);
    if (kind === Kind.Nop) return;
    this.#prepare();
    const { walk } = this;
    const draw = (value & Command.Draw) !== 0;
    switch (kind) {
      case Kind.Line:
        if (value & Command.Radial) walk.radial(regs, value >> 5, regs.majorCount);
        else walk.line(regs);
        this.#run(draw);
        break;
      case Kind.Rectangle:
        walk.rectangle(regs);
        this.#run(draw);
        break;
      case Kind.Copy:
        walk.transfer(regs, WalkKind.Copy);
        this.#run(draw);
        break;
      case Kind.Pattern:
        walk.transfer(regs, WalkKind.Pattern);
        this.#run(draw);
        break;
      case Kind.TwoPointLine:
        this.#work(drawTwoPointLine(regs, walk, this.#pipeline, this.#surface));
        break;
      case Kind.Polygon:
      case Kind.PatternPolygon:
        this.#polygon(kind === Kind.PatternPolygon);
        break;
      default:
        this.#host.log.unimplemented('s3-trio64', 'graphics engine command', kind);
    }
  }

  /** A word was written to 9EE8: two strokes, direction in bits 7-5, bit 4 draws, length in bits 3-0. */
  shortStroke(value: number): void {
    this.regs.shortStroke = value;
    const swap = (this.regs.command & Command.ByteSwap) !== 0;
    this.#prepare();
    for (const stroke of swap ? [value, value >> 8] : [value >> 8, value]) {
      this.walk.radial(this.regs, (stroke >> 5) & 7, stroke & 15);
      this.#finish((stroke & Command.Draw) !== 0);
    }
  }

  /** Data written to E2E8 or to the image transfer window. */
  writePixels(size: number, value: number): void {
    if (!this.transfer.active || this.transfer.reading) return;
    const done = this.transfer.write(size, value);
    if (done) this.#position();
    this.#work(this.transfer.takePixels());
  }

  readPixels(size: number): number {
    const wasActive = this.transfer.active;
    const value = this.transfer.read(size);
    if (wasActive && !this.transfer.active) this.#position();
    this.#work(this.transfer.takePixels());
    return value;
  }

  #prepare(): void {
    const { regs } = this;
    const misc = regs.multi[Multi.Miscellaneous]!;
    const misc2 = regs.multi[Multi.Miscellaneous2]!;
    const { bytes, pitch } = this.#host.layout();
    const base = (mebibytes: number): number => (mebibytes * MIB) / bytes;
    this.#surface.use({
      bytes,
      pitch,
      destination: base(misc2 & 7 || misc & 3),
      source: base((misc2 >> 4) & 7 || (misc >> 2) & 3),
    });
    this.#pipeline.prepare(regs);
  }

  /** Carries a walk out, or leaves it to the data to come. */
  #run(draw: boolean): void {
    if (this.regs.command & Command.WaitForCpu) {
      this.transfer.begin();
      this.#host.started();
    } else {
      this.#finish(draw);
    }
  }

  #finish(draw: boolean): void {
    const { walk } = this;
    if (!draw) {
      this.#skip();
    } else if (walk.kind === WalkKind.Line) {
      const pixels = walk.left + 1;
      drawPixels(walk, this.#pipeline, this.#surface);
      this.#work(pixels);
    } else {
      const pixels = walk.width * (walk.rows + 1);
      drawBlock(walk, this.#pipeline, this.#surface);
      this.#work(pixels);
    }
    this.#position();
  }

  /** Moves without drawing. */
  #skip(): void {
    const { walk } = this;
    if (walk.kind === WalkKind.Line) while (walk.advance() === 0);
    else while (walk.nextRow() === 1);
  }

  /** The end position goes back to the registers that gave the start. */
  #position(): void {
    const { walk, regs } = this;
    if (walk.kind === WalkKind.Line || walk.kind === WalkKind.Rectangle) {
      regs.currentX = walk.x;
      regs.currentY = walk.y;
    } else {
      regs.destinationX = walk.x;
      regs.destinationY = walk.y;
    }
  }

  #polygon(patterned: boolean): void {
    const { walk, regs } = this;
    const pixels = fillPolygon(regs, this.edges, (from, count, y) => {
      walk.kind = patterned ? WalkKind.Pattern : WalkKind.Rectangle;
      walk.x = walk.startX = from & 0xfff;
      walk.y = y & 0xfff;
      walk.left = walk.steps = count - 1;
      walk.rows = 0;
      walk.majorX = walk.majorY = 1;
      walk.lastPixelOff = false;
      walk.sourceX = this.patternX;
      walk.sourceY = this.patternY;
      drawBlock(walk, this.#pipeline, this.#surface);
    });
    if (pixels > 0) this.#work(pixels);
  }

  /** Accounts for the time that pixels take. */
  #work(pixels: number): void {
    const clocks = SETUP_CLOCKS + (pixels * this.#surface.layout.bytes * 2) / BYTES_PER_CLOCK;
    const now = this.#host.clock.now();
    this.busyUntil = Math.max(this.busyUntil, now) + (clocks * NANOSECONDS_PER_SECOND) / this.#host.memoryClock();
    this.#host.started();
  }
}

/** What a saved state holds of an `Engine`. */
export const ENGINE_FIELDS: readonly Field[] = [
  { name: 'regs', type: { record: REGISTER_FIELDS } },
  { name: 'walk', type: { record: WALK_FIELDS } },
  { name: 'transfer', type: { record: TRANSFER_FIELDS } },
  { name: 'edges', type: { list: EDGE_FIELDS, length: 2 } },
  { name: 'patternX', type: 'u16' },
  { name: 'patternY', type: 'u16' },
  { name: 'busyUntil', type: 'f64' },
  { name: 'queued', type: 'u8' },
];
