/** The line below the guest's screen. */
import type { MachineStatistics, VirtualMachine } from '../machine/api.ts';
import { escapeName } from './escape.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** unit;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function formatDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return whole < 3600 ? minutes : `${Math.floor(whole / 3600)}:${minutes}`;
}

/** State, uptime, speed while busy, share of time busy, disk traffic, and the way to the help text. */
export function statusLine(
  { name, state }: Pick<VirtualMachine, 'name' | 'state'>,
  statistics: MachineStatistics,
  escape: number,
): string {
  const { instructions, busySeconds, idleSeconds, virtualSeconds } = statistics;
  const host = busySeconds + idleSeconds;
  const parts = [name, state, formatDuration(virtualSeconds)];
  if (busySeconds > 0) parts.push(`${(instructions / busySeconds / 1e6).toFixed(0)} MIPS`);
  if (host > 0) parts.push(`${Math.round((100 * busySeconds) / host)}% busy`);
  parts.push(`disk ${formatBytes(statistics.diskBytesRead)} read, ${formatBytes(statistics.diskBytesWritten)} written`);
  return ` ${parts.join(' | ')} | ${escapeName(escape)} h help`;
}
