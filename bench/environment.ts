/** Describes the host, for the reader of a result. */
import { cpus, release, totalmem, type } from 'node:os';
import type { NodeBinary } from './nodes.ts';
import type { MachineDescription, Peer } from './types.ts';

export function describeMachine(peers: readonly Peer[], node: NodeBinary): MachineDescription {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    processor: processors[0]?.model.trim() ?? 'unknown processor',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: node.version,
    v8: node.v8,
    peers: Object.fromEntries(peers.map((peer) => [peer.id, peer.version()])),
  };
}
