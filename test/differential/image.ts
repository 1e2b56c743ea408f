/** The image both processors run (harness and programs), and the report that the harness makes of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { little } from './assembler.ts';
import type { Program } from './generator.ts';

export const IMAGE_BASE = 0x100000;
export const ENTRY = IMAGE_BASE + 32;
/** Programs that fit into the 16 MiB of the machine with some room. */
export const MOST_PROGRAMS = 6000;

const RECORD = { BYTES: 2048, STATE: 8, FXSAVE: 128, STARTS: 640, CODE: 768, CONSTANTS: 1792 } as const;

/** @param folder where harness.bin is */
export function makeImage(folder: string, programs: readonly Program[]): Uint8Array {
  const harness = readFileSync(join(folder, 'harness.bin'));
  const image = new Uint8Array(harness.length + 16 + programs.length * RECORD.BYTES);
  image.set(harness);
  image.set(little(programs.length, 4), harness.length);
  programs.forEach((program, n) => {
    const at = harness.length + 16 + n * RECORD.BYTES;
    image.set(little(program.code.length, 4), at + 4);
    program.registers.forEach((value, i) => image.set(little(value, 4), at + RECORD.STATE + 4 * i));
    image.set(program.fpu, at + RECORD.FXSAVE);
    for (const start of program.starts) image[at + RECORD.STARTS + (start >> 3)]! |= 1 << (start & 7);
    image.set(program.code, at + RECORD.CODE);
    image.set(program.constants, at + RECORD.CONSTANTS);
  });
  return image;
}

/** The frame of the harness, in its order. */
export const FRAME = [
  ...['gs', 'fs', 'es', 'ds', 'edi', 'esi', 'ebp', 'unused', 'ebx', 'edx', 'ecx', 'eax'],
  ...['vector', 'error', 'eip', 'cs', 'eflags', 'esp', 'ss'],
] as const;
const FRAME_BYTES = FRAME.length * 4;

export type Frame = Record<(typeof FRAME)[number] | 'cr2', number>;

export interface Report {
  /** Exceptions in order. */
  readonly events: readonly Frame[];
  readonly final: Frame;
  /** One number for each KiB of the sandbox. */
  readonly hashes: readonly number[];
  /** The first 288 bytes of the FXSAVE image. */
  readonly fpu: Uint8Array;
}

function frame(view: DataView, at: number, cr2: boolean): Frame {
  const values = Object.fromEntries(FRAME.map((name, i) => [name, view.getUint32(at + 4 * i, true)]));
  return { ...values, cr2: cr2 ? view.getUint32(at + FRAME_BYTES, true) : 0 } as Frame;
}

/** Reads what the harness wrote, as far as it goes. @throws Error for bytes that are no report */
export function parseReports(output: Uint8Array): Report[] {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  const reports: Report[] = [];
  let events: Frame[] = [];
  for (let at = 0; at < output.length;) {
    const kind = String.fromCharCode(output[at]!);
    const bytes = kind === 'E' ? FRAME_BYTES + 4 : FRAME_BYTES + 64 + 288;
    if (kind !== 'E' && kind !== 'F') throw new Error(`byte ${output[at]} at ${at} begins no report`);
    if (at + 1 + bytes > output.length) break;
    if (kind === 'E') events.push(frame(view, at + 1, true));
    else {
      const hashesAt = at + 1 + FRAME_BYTES;
      reports.push({
        events,
        final: frame(view, at + 1, false),
        hashes: Array.from({ length: 16 }, (_, i) => view.getUint32(hashesAt + 4 * i, true)),
        fpu: output.slice(hashesAt + 64, hashesAt + 64 + 288),
      });
      events = [];
    }
    at += 1 + bytes;
  }
  return reports;
}
