/**
 * A process that writes to a disk until it is killed. Prints the number of each round after it was flushed. Round n fills sectors
 * that a generator seeded with n chooses, each with the bytes `pattern(1, n)`.
 */
import fs from 'node:fs';
import { openDisk, type WriteMode } from '../../src/disks/index.ts';
import { pattern, seededRandom } from '../vhd/random.ts';

const [, , diskPath, mode, first] = process.argv;
const disk = openDisk(diskPath, { mode: mode as WriteMode });
for (let round = Number(first); ; round++) {
  const random = seededRandom(round);
  for (let i = 0; i < 20; i++) disk.write(random(disk.sectorCount), pattern(1, round));
  disk.flush();
  fs.writeSync(1, `${round}\n`);
}
