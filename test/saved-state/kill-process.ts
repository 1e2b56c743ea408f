/**
 * A process that is killed in the middle of something: `save FILE FIRST` writes states with rising numbers, and prints each number
 * when its state is there; `commit|discard IMAGE=UNDO …` ends an undo session.
 */
import fs from 'node:fs';
import { endUndoSession } from '../../src/disks/index.ts';
import { nodeStateFiles } from '../../src/machine/node-state-files.ts';
import { StateWriter, bytesSource } from '../../src/saved-state/index.ts';

const [, , what, ...args] = process.argv;

function save(path: string, first: number): void {
  const memory = new Uint8Array(2 << 20);
  for (let number = first; ; number++) {
    // Not compressible, so that writing takes its time.
    for (let i = 0; i < memory.length; i++) memory[i] = (Math.imul(i + number, 2654435761) >>> 13) & 0xff;
    const pending = nodeStateFiles.create(path);
    const writer = new StateWriter(pending.file, nodeStateFiles.compression);
    for (const _ of writer.addMemory('ram', bytesSource(memory)));
    writer.finish({ number });
    pending.commit();
    fs.writeSync(1, `${number}\n`);
  }
}

if (what === 'save') save(args[0]!, Number(args[1]));
else {
  const disks = args.map((pair) => {
    const [path, undoPath] = pair.split('=') as [string, string];
    return { path, undoPath };
  });
  fs.writeSync(1, 'begun\n');
  endUndoSession(disks, what as 'commit' | 'discard').runSync();
}
