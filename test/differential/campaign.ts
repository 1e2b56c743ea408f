/** Runs programs on both machines and reports in what they differ. */
import { compareReports } from './compare.ts';
import { generate, type Program } from './generator.ts';
import { makeImage, parseReports, type Report } from './image.ts';
import { Machine, runQemu } from './machines.ts';

export interface Difference {
  readonly seed: number;
  readonly program: Program;
  readonly differences: readonly string[];
}

export interface Outcome {
  /** Programs that ran on both, and those left out because they do not end. */
  readonly programs: number;
  readonly endless: number;
  /** Exceptions compared. */
  readonly events: number;
  /** Programs compared only as far as a difference that is known. */
  readonly cut: number;
  readonly different: readonly Difference[];
}

/** Reports of the processor; a program that does not end is taken out of the seeds and the rest run again. */
export function runOurs(
  folder: string,
  seeds: number[],
  endless: number[],
): { programs: Program[]; reports: Report[] } {
  for (;;) {
    const programs = seeds.map(generate);
    const machine = new Machine(makeImage(folder, programs));
    machine.run();
    const reports = parseReports(machine.output);
    if (machine.finished) return { programs, reports };
    if (reports.length >= seeds.length || endless.length > 20) throw new Error('the harness does not end');
    endless.push(seeds[reports.length]!);
    seeds.splice(reports.length, 1);
  }
}

/** @param folder where harness.bin is */
export function campaign(folder: string, firstSeed: number, count: number): Outcome {
  const seeds = Array.from({ length: count }, (_, i) => firstSeed + i);
  const endless: number[] = [];
  const { programs, reports } = runOurs(folder, seeds, endless);
  const theirs = parseReports(runQemu(makeImage(folder, programs)));
  const different: Difference[] = [];
  let events = 0;
  let cut = 0;
  reports.forEach((report, i) => {
    const other = theirs[i];
    events += report.events.length;
    const program = programs[i]!;
    const { differences, known } = other
      ? compareReports(program, report, other)
      : { differences: ['QEMU did not get to it'], known: undefined };
    if (known !== undefined) cut++;
    if (differences.length > 0) different.push({ seed: seeds[i]!, program, differences });
  });
  return { programs: programs.length, endless: endless.length, events, cut, different };
}
