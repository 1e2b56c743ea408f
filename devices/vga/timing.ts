/**
 * Where the beam is: display enable and vertical retrace computed from the CRTC registers and the time, so that
 * nothing runs while nobody looks.
 *
 * Source: IBM VGA XGA Technical Reference Manual, "CRT Controller" and "Sequencer Clocking Mode Register".
 * Does not model: skew of display enable, the odd frames of interlaced modes, blanking that differs from display enable.
 */
import type { Nanoseconds } from '../clock.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import { Crtc, Seq } from './registers.ts';

/** One frame of the picture, in nanoseconds and lines. */
export interface DisplayTiming {
  readonly lineTime: Nanoseconds;
  readonly frameTime: Nanoseconds;
  /** From the start of a line to the end of display enable. */
  readonly activeTime: Nanoseconds;
  readonly activeLines: number;
  readonly totalLines: number;
  /** First line of vertical retrace. */
  readonly retraceStart: number;
  /** Length of vertical retrace in lines, 1 .. 16. */
  readonly retraceLines: number;
}

/** The three 10-bit vertical counts that matter: total, display end and retrace start, in scan lines. */
export function verticalCounts(crtc: Uint8Array): { total: number; displayed: number; retraceStart: number } {
  const overflow = crtc[Crtc.Overflow]!;
  const bit = (from: number, to: number): number => ((overflow >> from) & 1) << to;
  // Mode Control bit 2 clocks the vertical counter with every second line.
  const by = crtc[Crtc.ModeControl]! & 0x04 ? 2 : 1;
  return {
    total: ((crtc[Crtc.VerticalTotal]! | bit(0, 8) | bit(5, 9)) + 2) * by,
    displayed: ((crtc[Crtc.VerticalDisplayEnd]! | bit(1, 8) | bit(6, 9)) + 1) * by,
    retraceStart: (crtc[Crtc.VerticalRetraceStart]! | bit(2, 8) | bit(7, 9)) * by,
  };
}

/** @param dotClock in hertz, before Clocking Mode bit 3 halves it */
export function crtcTiming(crtc: Uint8Array, seq: Uint8Array, dotClock: number): DisplayTiming {
  const clocking = seq[Seq.ClockingMode]!;
  const dots = clocking & 0x01 ? 8 : 9;
  const characterTime = (NANOSECONDS_PER_SECOND * dots * (clocking & 0x08 ? 2 : 1)) / dotClock;
  const { total, displayed, retraceStart } = verticalCounts(crtc);
  const lineTime = (crtc[Crtc.HorizontalTotal]! + 5) * characterTime;
  return {
    lineTime,
    frameTime: lineTime * total,
    activeTime: (crtc[Crtc.HorizontalDisplayEnd]! + 1) * characterTime,
    activeLines: displayed,
    totalLines: total,
    retraceStart,
    // The end is a compare of the low four bits of the line counter.
    retraceLines: (crtc[Crtc.VerticalRetraceEnd]! - crtc[Crtc.VerticalRetraceStart]!) & 0x0f || 16,
  };
}

/** Timing for a mode given by its size alone: 60 frames per second, blanking like the VESA monitor timings have it. */
export function genericTiming(lines: number): DisplayTiming {
  const totalLines = lines + Math.max(24, lines >> 5);
  const frameTime = NANOSECONDS_PER_SECOND / 60;
  const lineTime = frameTime / totalLines;
  return {
    lineTime,
    frameTime,
    activeTime: lineTime * 0.8,
    activeLines: lines,
    totalLines,
    retraceStart: lines + 10,
    retraceLines: 2,
  };
}

export interface BeamPosition {
  /** A visible pixel is being sent. */
  readonly displaying: boolean;
  readonly verticalRetrace: boolean;
}

export function beamAt(timing: DisplayTiming, now: Nanoseconds): BeamPosition {
  const inFrame = now % timing.frameTime;
  const line = Math.floor(inFrame / timing.lineTime);
  return {
    displaying: line < timing.activeLines && inFrame - line * timing.lineTime < timing.activeTime,
    verticalRetrace: line >= timing.retraceStart && line < timing.retraceStart + timing.retraceLines,
  };
}

/** Whether a vertical retrace began after `since`, up to `now`. */
export function retraceBegan(timing: DisplayTiming, since: Nanoseconds, now: Nanoseconds): boolean {
  if (timing.retraceStart >= timing.totalLines) return false;
  const phase = timing.retraceStart * timing.lineTime;
  const count = (at: Nanoseconds): number => Math.floor((at - phase) / timing.frameTime);
  return count(now) > count(since);
}

/** When the next vertical retrace begins after `now`; `undefined` if the registers never start one. */
export function nextRetrace(timing: DisplayTiming, now: Nanoseconds): Nanoseconds | undefined {
  if (timing.retraceStart >= timing.totalLines || !(timing.frameTime > 0)) return undefined;
  const phase = timing.retraceStart * timing.lineTime;
  const frames = Math.floor((now - phase) / timing.frameTime) + 1;
  const at = phase + frames * timing.frameTime;
  // Rounding may give the one that begins now.
  return at > now ? at : at + timing.frameTime;
}
