/** Text of `docs/conformance.md`, from a run over all vectors. */
import { DEVIATIONS } from './deviations.ts';
import { DIFFERENCES } from './differences.ts';
import { GROUPS, groupOf } from './groups.ts';
import type { Count, Tally } from './tally.ts';

export interface PageFile {
  readonly name: string;
  readonly group: string;
  readonly source: string;
  readonly tally: Tally;
}

const number = (value: number): string => value.toLocaleString('en-US');
const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;

/** Counts by instruction group; hardware files of 32-bit and 16-bit code apart. */
function countGroups(files: readonly PageFile[]): Map<string, Map<string, Count>> {
  const groups = new Map<string, Map<string, Count>>();
  for (const { group, name, tally } of files)
    for (const [form, { run, passed }] of tally.forms) {
      const title = groupOf(group, form);
      const counts = groups.get(title) ?? new Map<string, Count>();
      groups.set(title, counts);
      const count = counts.get(name) ?? { run: 0, passed: 0 };
      counts.set(name, { run: count.run + run, passed: count.passed + passed });
    }
  return groups;
}

export function page(files: readonly PageFile[]): string {
  const total = files.reduce((sum, { tally }) => sum + tally.total.run, 0);
  const passed = files.reduce((sum, { tally }) => sum + tally.total.passed, 0);
  const listed = new Map<string, number>();
  for (const { tally } of files) for (const [id, count] of tally.listed) listed.set(id, (listed.get(id) ?? 0) + count);
  const changed = [...listed.values()].reduce((sum, count) => sum + count, 0);
  const groups = countGroups(files);
  const order = [...GROUPS.map(({ title }) => title), ...groups.keys()];
  const lines = [
    '# Conformance of the processor',
    '',
    '<!-- Written by `npm run conformance -- --write docs/conformance.md`. -->',
    '',
    'What the processor does is compared with vectors that nobody wrote by reading it: captures of real processors and the answers of',
    'an independent test suite. A case passes when every register, flag, byte of memory, exception and error code is the same; flags',
    'and bits that the Intel SDM leaves undefined are masked in the vectors.',
    '',
    `**${number(passed)} of ${number(total)} cases pass**; for ${number(changed)} of them ` +
      `(${((100 * changed) / Math.max(total, 1)).toFixed(3)} %) the list of differences below changes what is expected.`,
    '',
    '`npm run conformance -- [folder or file …] [--filter form]` runs vectors of these formats from any folder and prints passed and',
    'failed per file and per failing form; the tests run those of the folder that `VS_CONFORMANCE_DIR` names along with the ones below.',
    '',
    '## Files',
    '',
    row('File', 'Source', 'Run', 'Passed'),
    row('---', '---', '---:', '---:'),
    ...files.map(({ name, source, tally }) =>
      row(`\`${name}\``, source, number(tally.total.run), number(tally.total.passed)),
    ),
    '',
    '## Instruction groups',
    '',
    row('Group', 'Vectors', 'Run', 'Passed'),
    row('---', '---', '---:', '---:'),
    ...[...new Set(order)].flatMap((title) =>
      [...(groups.get(title) ?? [])].map(([name, { run, passed: good }]) =>
        row(title, `\`${name}\``, number(run), number(good)),
      ),
    ),
    '',
    '## Differences from the captured processor',
    '',
    'The expectation of these cases is changed; everything else about them is compared.',
    '',
    ...DIFFERENCES.flatMap(({ id, title, reason, source }) => [
      `- **${title}** (\`${id}\`, ${number(listed.get(id) ?? 0)} cases). ${reason} ${source}.`,
    ]),
    '',
    '## Known deviations',
    '',
    'What a program could tell from a real part:',
    '',
    ...DEVIATIONS.map((deviation) => `- ${deviation}`),
    '',
  ];
  return lines.join('\n');
}
