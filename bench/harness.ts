/** Runs samples one after the other, each in a process of its own, the emulators taking turns. */
import { fork } from 'node:child_process';
import { loadavg } from 'node:os';
import type { NodeBinary } from './nodes.ts';
import type { Job, Outcome, Peer, Sample, Suite, SuiteSettings } from './types.ts';

/** A child that does not keep its own time limit gets this much longer, in milliseconds. */
const GRACE = 15_000;

export interface Turn<S = string, P = string> {
  readonly suite: S;
  readonly peer: P;
  readonly round: number;
}

/**
 * The order of samples: suite by suite, round by round, in each round every emulator of the suite once. What changes on the
 * host while a suite runs (other work, heat) then touches all emulators alike.
 */
export function interleave<S, P>(
  suites: readonly S[],
  peers: (suite: S) => readonly P[],
  rounds: number,
): Turn<S, P>[] {
  return suites.flatMap((suite) =>
    Array.from({ length: rounds }, (_, round) => peers(suite).map((peer) => ({ suite, peer, round }))).flat(),
  );
}

/** Ends a child and what it started; children lead a process group. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** One line for tables and pages: what comes below it (stacks, paths of this host) is of no use to their readers. */
export function firstLine(message: string): string {
  const line = message.trim().split('\n')[0] ?? '';
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/**
 * Runs a script of this folder in a process of its own and gives what it sends. Never rejects: what goes wrong is an answer
 * with `error`.
 * @param job given to the child as its only argument
 * @param limit milliseconds that the child keeps itself
 * @param grace milliseconds after which it is ended
 */
export function runChild<Answer extends object>(
  script: string,
  job: object,
  limit: number,
  node: NodeBinary,
  grace = GRACE,
): Promise<Answer | { readonly error: string }> {
  return new Promise((resolve) => {
    const child = fork(script, [JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      execPath: node.path,
    });
    let talk = '';
    let answer: Answer | { readonly error: string } | undefined;
    const listen = (chunk: Buffer): void => {
      talk = (talk + chunk.toString()).slice(-2000);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    const interrupted = (): void => {
      endGroup(child.pid);
      process.exit(130);
    };
    process.once('SIGINT', interrupted);
    process.once('SIGTERM', interrupted);
    const timer = setTimeout(() => {
      answer ??= { error: `the process did not end within ${(limit + grace) / 1000} s` };
      endGroup(child.pid);
    }, limit + grace);
    child.on('message', (message) => (answer = message as Answer));
    child.on('error', (error) => (answer ??= { error: error.message }));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', interrupted);
      endGroup(child.pid);
      resolve(answer ?? { error: `the process ended with ${signal ?? `code ${code}`}: ${talk.trim()}` });
    });
  });
}

/** Runs all turns. `finished` gets each sample as it is there, with the whole message of a failed one. */
export async function runAll(
  turns: readonly Turn<Suite, Peer>[],
  settings: SuiteSettings,
  script: string,
  node: NodeBinary,
  finished: (sample: Sample, details: string, seconds: number) => void,
): Promise<void> {
  for (const { suite, peer, round } of turns) {
    const load = loadavg()[0] ?? 0;
    const from = performance.now();
    const job: Job = { suite: suite.id, peer: peer.id, settings };
    const found = await runChild<Outcome>(script, job, suite.timeout, node);
    const failed = 'error' in found;
    const outcome = failed ? { error: firstLine(found.error) } : found;
    const sample: Sample = { suite: suite.id, peer: peer.id, round, load, outcome };
    finished(sample, failed ? found.error : '', (performance.now() - from) / 1000);
  }
}
