/** Processor time of a process, from Linux's process file system: proc(5) and the kernel's sched-stats.rst. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc: a constant of Linux's interface to programs. */
const TICKS_PER_SECOND = 100;

/**
 * Milliseconds that the living threads of a process have used, in user and system mode; undefined where the host does not tell.
 * The scheduler's figures (nanoseconds) are taken where there are any, else those in ticks.
 */
export function processorTimeOf(pid: number | undefined): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'),
    );
    return threads.reduce((sum, text) => sum + parseSchedstat(text), 0);
  } catch {
    try {
      return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return undefined;
    }
  }
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
