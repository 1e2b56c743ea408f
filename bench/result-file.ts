/** Reads the JSON files that runs leave. */
import { readFileSync } from 'node:fs';
import type { Result } from './types.ts';

/** @throws Error when the text is not a result of this version */
export function parseResult(text: string, name: string): Result {
  const value = JSON.parse(text) as Partial<Result> | null;
  if (value?.format !== 2 || !Array.isArray(value.samples) || !Array.isArray(value.observations))
    throw new Error(`${name}: not a result of this version of the benchmarks`);
  if (value.clock !== 'host') throw new Error(`${name}: its times are processor time`);
  return value as Result;
}

/** Joins results of separate runs under the same Node, for instance of suites measured at different times. */
export function joinResults(results: readonly Result[]): Result {
  const rounds = new Map<string, number>();
  const samples = results.flatMap((result) => {
    // Rounds of the same suite in another file are other rounds: only what ran in turns is compared.
    const before = new Map(rounds);
    return result.samples.map((sample) => {
      const round = sample.round + (before.get(sample.suite) ?? 0);
      rounds.set(sample.suite, Math.max(rounds.get(sample.suite) ?? 0, round + 1));
      return { ...sample, round };
    });
  });
  return {
    format: 2,
    clock: 'host',
    machine: {
      ...results[0]!.machine,
      peers: Object.assign({}, ...results.map(({ machine }) => machine.peers)) as Record<string, string>,
    },
    samples,
    observations: results.flatMap(({ observations }) => observations),
    skips: results.flatMap(({ skips }) => skips),
  };
}

/** One result for each version of Node, in the order of the files. */
export function joinByNode(results: readonly Result[]): Result[] {
  const nodes = [...new Set(results.map(({ machine }) => machine.node))];
  return nodes.map((node) => joinResults(results.filter(({ machine }) => machine.node === node)));
}

/** @throws Error when a file is not there or holds something else */
export const readResults = (paths: readonly string[]): Result[] =>
  joinByNode(paths.map((path) => parseResult(readFileSync(path, 'utf8'), path)));
