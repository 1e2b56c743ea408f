/** docs/disk-commands.md is what scripts rely on: it names every command and every problem. */
import fs from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { PassThrough } from 'node:stream';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { addDiskCommands } from '../../src/cli/disk-command.ts';

const root = path.join(import.meta.dirname, '..', '..');
const page = fs.readFileSync(path.join(root, 'docs', 'disk-commands.md'), 'utf8');

describe('docs/disk-commands.md', () => {
  it('names every problem', () => {
    const folder = path.join(root, 'src', 'inspect');
    const text = fs
      .readdirSync(folder)
      .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
      .join('\n');
    const codes = [...text.matchAll(/code: '([a-z-]+)'/g)].map(([, code]) => code!);
    const prefixed = codes.filter((code) => !code.startsWith('vmc-'));
    expect(prefixed.length).toBeGreaterThan(20);
    expect([...new Set(prefixed)].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });

  it('names every command and option', () => {
    const program = new Command();
    const stream = new PassThrough();
    const around = { terminal: undefined, input: stream, output: stream, talk: stream, signals: new EventEmitter() };
    addDiskCommands(program, around, () => undefined);
    const commands = program.commands.flatMap((family) => family.commands);
    expect(commands.length).toBeGreaterThan(15);
    const missing = commands.flatMap((command) => [
      ...(page.includes(command.name()) ? [] : [command.name()]),
      ...command.options.map(({ long }) => long ?? '').filter((long) => !HELPED.has(long) && !page.includes(long)),
    ]);
    expect(missing).toEqual([]);
  });
});

/** Short forms stand on the page, or the help says enough. */
const HELPED = new Set(['--quiet', '--long', '--recursive', '--keep-child']);
