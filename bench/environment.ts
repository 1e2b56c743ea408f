/** Describes the host, for the reader of a result. */
import { cpus, release, totalmem, type } from 'node:os';
import type { MachineDescription, Peer } from './types.ts';

export function describeMachine(peers: readonly Peer[]): MachineDescription {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    processor: processors[0]?.model.trim() ?? 'unknown processor',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    peers: Object.fromEntries(peers.map((peer) => [peer.id, peer.version()])),
  };
}
