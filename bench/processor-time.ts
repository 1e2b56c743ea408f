/** Processor time of a process, from Linux's process file system: proc(5) and the kernel's sched-stats.rst. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc: a constant of Linux's interface to programs. */
const TICKS_PER_SECOND = 100;

/** What a reader of /proc gives, or undefined where there is none. */
function found(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/**
 * Milliseconds that a process has used, all threads, in user and system mode; undefined where the host does not tell. There are
 * two sources, neither of which is ahead of the truth: the process's sum, which is cut down to ticks, and the scheduler's
 * account of each thread in nanoseconds, which is behind while the thread runs.
 */
export function processorTimeOf(pid: number | undefined): number | undefined {
  const folder = `/proc/${pid}`;
  const ticks = found(() => parseStat(readFileSync(`${folder}/stat`, 'latin1')));
  const threads = found(() =>
    readdirSync(`${folder}/task`)
      .map((thread) => parseSchedstat(readFileSync(`${folder}/task/${thread}/schedstat`, 'latin1')))
      .reduce((sum, used) => sum + used, 0),
  );
  return ticks === undefined ? threads : Math.max(ticks, threads ?? 0);
}

/** Milliseconds on a processor, from the text of a thread's `schedstat`: the first of three numbers, in nanoseconds. */
export const parseSchedstat = (text: string): number => Number(text.split(' ')[0]) / 1e6;

/** Milliseconds of user and system time, from the text of a process's `stat`. */
export function parseStat(stat: string): number {
  // The second field, in brackets, may hold blanks; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}

/** Milliseconds that this process has used, all threads. */
export function ownProcessorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
