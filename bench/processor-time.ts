/** Processor time of a process, from Linux's process file system: proc(5). */
import { readFileSync } from 'node:fs';

/** Clock ticks a second in /proc: a constant of Linux's interface to programs. */
const TICKS_PER_SECOND = 100;

/** Milliseconds a process has used, all threads, in user and system mode; undefined where there is no /proc. */
export function processorTimeOf(pid: number | undefined): number | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The same from the text of /proc/PID/stat. */
export function parseStat(stat: string): number {
  // The second field, in brackets, may hold blanks; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}

/** Milliseconds that this process has used. */
export function ownProcessorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
