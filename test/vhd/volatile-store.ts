/** Files on a computer that loses power: writes since the last flush may be lost, reordered and torn between sectors. */
import { baseName, DiskError, DiskErrorCode, MemoryFile, MemoryStore } from '../../vhd/index.ts';
import type { DiskStore, ParentResolver, RandomAccessFile } from '../../vhd/index.ts';
import type { Random } from './random.ts';

/** Thrown by the operation during which the power fails. */
export class PowerLoss extends Error {}

/** Counts down to the power failure, over all files together. */
export interface Power {
  operationsLeft: number;
}

function use(power: Power): void {
  if (power.operationsLeft-- <= 0) throw new PowerLoss();
}

type Change = { readonly offset: number; readonly bytes: Uint8Array } | { readonly size: number };

function apply(file: MemoryFile, change: Change): void {
  if ('size' in change) file.truncate(change.size);
  else file.write(change.offset, change.bytes);
}

export class VolatileFile implements RandomAccessFile {
  readonly readOnly = false;
  readonly name: string;
  private readonly power: Power;
  private readonly stable: MemoryFile;
  private readonly current: MemoryFile;
  private pending: Change[] = [];

  constructor(name: string, content: Uint8Array, power: Power) {
    this.name = name;
    this.power = power;
    this.stable = new MemoryFile('stable', content);
    this.current = new MemoryFile('current', content);
  }

  size(): number {
    return this.current.size();
  }

  read(offset: number, into: Uint8Array): number {
    return this.current.read(offset, into);
  }

  write(offset: number, from: Uint8Array): void {
    use(this.power);
    this.current.write(offset, from);
    for (let done = 0; done < from.length;) {
      const part = Math.min(512 - ((offset + done) % 512), from.length - done);
      this.pending.push({ offset: offset + done, bytes: from.slice(done, done + part) });
      done += part;
    }
  }

  truncate(size: number): void {
    use(this.power);
    this.current.truncate(size);
    this.pending.push({ size });
  }

  flush(): void {
    use(this.power);
    for (const change of this.pending) apply(this.stable, change);
    this.pending = [];
  }

  close(): void {}

  /** The file as the disk may hold it after power fails now. */
  afterPowerLoss(random: Random): Uint8Array {
    const file = new MemoryFile('survivor', this.stable.toBytes());
    const share = random(5);
    for (const change of this.pending) if (random(4) < share) apply(file, change);
    return file.toBytes();
  }

  /** The file as other processes see it after this one is killed now: every write was done. */
  afterKill(): Uint8Array {
    return this.current.toBytes();
  }
}

/** A folder of such files. Making, renaming and deleting a file each happen at once and for good, or not at all. */
export class VolatileStore implements DiskStore {
  readonly power: Power;
  readonly resolver: ParentResolver = {
    places: ({ text }) => [baseName(text)],
    open: (place) => this.files.get(place),
  };
  private readonly files = new Map<string, VolatileFile>();

  constructor(from: MemoryStore, operations: number) {
    this.power = { operationsLeft: operations };
    for (const [name, file] of from.files) this.files.set(name, new VolatileFile(name, file.toBytes(), this.power));
  }

  lock(): () => void {
    return () => {};
  }

  open(path: string): VolatileFile {
    const file = this.files.get(path);
    if (file === undefined) throw new DiskError(DiskErrorCode.NotFound, 'the file does not exist', { fileName: path });
    return file;
  }

  create(path: string): VolatileFile {
    use(this.power);
    const file = new VolatileFile(path, new Uint8Array(0), this.power);
    this.files.set(path, file);
    return file;
  }

  exists(path: string): boolean {
    return this.files.has(path);
  }

  replace(from: string, to: string): void {
    use(this.power);
    this.files.set(to, this.open(from));
    this.files.delete(from);
  }

  remove(path: string): void {
    use(this.power);
    this.files.delete(path);
  }

  /** The folder as the next program finds it; without `random` after a killed process, with it after a power failure. */
  survivor(random?: Random): MemoryStore {
    const store = new MemoryStore();
    for (const [name, file] of this.files) {
      const bytes = random === undefined ? file.afterKill() : file.afterPowerLoss(random);
      store.files.set(name, new MemoryFile(name, bytes));
    }
    return store;
  }
}
