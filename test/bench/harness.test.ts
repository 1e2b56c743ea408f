import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { suiteOf } from '../../bench/guests/index.ts';
import { runAll, runChild } from '../../bench/harness.ts';
import { findNode } from '../../bench/nodes.ts';
import { parseOptions } from '../../bench/options.ts';
import { virtualserver } from '../../bench/peers/virtualserver.ts';
import type { Sample } from '../../bench/types.ts';

const BENCH = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bench');
const node = findNode(undefined);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtualserver-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A script for a child process. */
function script(name: string, text: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, text);
  return path;
}

describe('a process for each sample', () => {
  it('gets its job and answers', async () => {
    const path = script('echo', 'process.send({ got: JSON.parse(process.argv[2]) }, () => process.exit());');
    expect(await runChild(path, { suite: 'x' }, 10_000, node)).toEqual({ got: { suite: 'x' } });
  });

  it('may end without an answer', async () => {
    const path = script('crash', 'console.error("out of luck"); process.exit(3);');
    expect(await runChild(path, {}, 10_000, node)).toEqual({ error: 'the process ended with code 3: out of luck' });
    const killed = script('killed', 'process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 9999);');
    expect(await runChild(killed, {}, 10_000, node)).toEqual({ error: 'the process ended with SIGKILL: ' });
  });

  it('may hang', async () => {
    const path = script('hang', 'setInterval(() => {}, 1000);');
    expect(await runChild(path, {}, 200, node, 100)).toEqual({ error: 'the process did not end within 0.3 s' });
  });

  it.skipIf(process.platform !== 'linux')(
    'ends with what it started when the parent is killed (Linux only)',
    async () => {
      const code = readFileSync(join(BENCH, 'parent.ts'), 'utf8');
      script('parent', transformSync(code, { loader: 'ts' }).code);
      const pids = join(folder, 'pids');
      const child = script(
        'orphan-child',
        `import { spawn } from 'node:child_process';
       import { writeFileSync } from 'node:fs';
       import { endWithParent } from './parent.mjs';
       endWithParent();
       const grandchild = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
       writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + grandchild.pid);`,
      );
      const parent = script(
        'orphan-parent',
        `import { fork } from 'node:child_process'; fork(${JSON.stringify(child)}, { detached: true });`,
      );
      const started = spawn(process.execPath, [parent], { stdio: 'ignore' });
      const alive = (pid: number): boolean => {
        try {
          // A process that nobody has waited for yet is dead all the same.
          return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
        } catch {
          return false;
        }
      };
      await vi.waitUntil(() => existsSync(pids) && readFileSync(pids, 'utf8').includes(' '), 10_000);
      const found = readFileSync(pids, 'utf8').split(' ').map(Number);
      expect(found.map(alive)).toEqual([true, true]);
      started.kill('SIGKILL');
      await vi.waitUntil(() => !found.some(alive), 10_000);
    },
  );

  it('need not exist', async () => {
    const answer = await runChild(script('none', ''), {}, 10_000, { ...node, path: join(folder, 'nowhere') });
    expect(answer).toHaveProperty('error', expect.stringContaining('ENOENT'));
  });

  it('gives samples in order, failures with one line', async () => {
    const path = script(
      'mixed',
      `const { peer, suite } = JSON.parse(process.argv[2]);
       const error = { error: 'first line\\n at somewhere' };
       process.send(peer === 'v86' ? error : { measurements: [{ item: suite, milliseconds: 1 }] }, () => process.exit());`,
    );
    const suite = suiteOf('kernels')!;
    const turns = [
      { suite, peer: virtualserver, round: 0 },
      { suite, peer: { ...virtualserver, id: 'v86' }, round: 0 },
    ];
    const heard: [Sample, string][] = [];
    await runAll(turns, parseOptions([], folder).settings, path, node, (sample, details) =>
      heard.push([sample, details]),
    );
    expect(heard.map(([{ peer, outcome }]) => [peer, outcome])).toEqual([
      ['virtualserver', { measurements: [{ item: 'kernels', milliseconds: 1 }] }],
      ['v86', { error: 'first line' }],
    ]);
    expect(heard.map(([, details]) => details)).toEqual(['', 'first line\n at somewhere']);
  });
});
