/** A machine's profile as a text for people. */
import type { MachineProfile } from '../machine/api.ts';
import { formatBytes } from './status-line.ts';

/** Lines of each table; the JSON form has more. */
const LINES = 12;

type Cell = string | number;

const address = (linear: number): string => linear.toString(16).toUpperCase().padStart(8, '0');
const share = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : '-');
const seconds = (value: number): string => `${value.toFixed(2)} s`;

/** Columns to the right, the first to the left; nothing for an empty table. */
function table(title: string, head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  if (rows.length === 0) return [];
  const lines = [head, ...rows.slice(0, LINES)].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const format = (line: readonly string[]): string =>
    `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd();
  const more = rows.length > LINES ? ['  and others'] : [];
  return ['', title, ...lines.map(format), ...more];
}

export function formatProfile({ statistics, processor, devices }: MachineProfile): string {
  const { instructions, busySeconds, idleSeconds } = statistics;
  const { samples, compiledSamples, userSamples, exits, compiler } = processor;
  const inDevices = devices.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
  const compiling = compiler.milliseconds / 1000;
  const ran = share(compiledSamples, samples);
  const lines = [
    'Profile',
    `  processor ${seconds(busySeconds)} (compiling ${seconds(compiling)}, devices ${seconds(inDevices)}), idle ${seconds(idleSeconds)}`,
    `  ${(instructions / 1e6).toFixed(1)} million instructions` +
      (busySeconds > 0 ? `, ${(instructions / busySeconds / 1e6).toFixed(0)} MIPS` : ''),
    samples > 0
      ? `  ${samples} samples, one every ${processor.sampleInterval} instructions: ${ran} in compiled code, ${share(userSamples, samples)} at privilege level 3`
      : '  nothing was sampled',
    `  compiled ${compiler.regions} regions in ${compiler.modules} modules (${compiler.liveRegions} in use): ` +
      `${compiler.instructions} instructions, ${formatBytes(compiler.bytes)} of WebAssembly`,
    `  ${compiler.blocksTakenBack} decoded blocks taken back, as their bytes changed`,
    ...table(
      'Hottest places',
      ['address', 'samples', 'share', 'compiled'],
      processor.places.map((place) => [
        address(place.linear),
        place.samples,
        share(place.samples, samples),
        share(place.compiled, place.samples),
      ]),
    ),
    ...table(
      'Compiled regions',
      ['made around', 'samples', 'share', 'instructions', 'entries', 'merged'],
      processor.regions.map((region) => [
        address(region.linear),
        region.samples,
        share(region.samples, samples),
        region.instructions,
        region.entries,
        region.merged,
      ]),
    ),
    ...table(
      'Compiled code was left',
      ['how', 'times'],
      Object.values(exits).some((count) => count > 0)
        ? [
            ['by a branch to other code', exits.branch],
            ['for one interpreted instruction', exits.side],
            ['at the end of the region', exits.fall],
            ['by a helper', exits.helper],
            ['(not entered: mapped elsewhere)', exits.invalid],
          ]
        : [],
    ),
    ...table(
      'Instructions left to the interpreter',
      ['address', 'times'],
      processor.sideExits.map(({ linear, count }) => [address(linear), count]),
    ),
    ...table(
      'Helpers',
      ['mnemonic', 'calls'],
      processor.helpers.map(({ mnemonic, count }) => [mnemonic, count]),
    ),
    ...table(
      'Device accesses',
      ['device', 'kind', 'reads', 'writes', 'time'],
      devices.map(({ device, kind, reads, writes, milliseconds }) => [
        device,
        kind,
        reads,
        writes,
        `${milliseconds.toFixed(1)} ms`,
      ]),
    ),
  ];
  return `${lines.join('\n')}\n`;
}
