/** Collects what the guest sends byte by byte, so that it leaves as a few events rather than thousands. */
import type { MachineEventData } from './events.ts';

type OutputType = 'vm.serial.output' | 'vm.parallel.output' | 'vm.debug.output';
type EmitOutput = <T extends OutputType>(type: T, data: MachineEventData<T>) => void;

/** Bytes of one event. */
const CHUNK = 16_384;
/** A debug line that does not end is cut. */
const MAX_LINE = 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

class Chunk {
  readonly #bytes = new Uint8Array(CHUNK);
  #length = 0;
  readonly #full: (bytes: Uint8Array) => void;

  constructor(full: (bytes: Uint8Array) => void) {
    this.#full = full;
  }

  add(byte: number): void {
    this.#bytes[this.#length++] = byte;
    if (this.#length === CHUNK) this.flush();
  }

  flush(): void {
    if (this.#length === 0) return;
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    this.#full(bytes);
  }
}

export class Outputs {
  readonly #emit: EmitOutput;
  readonly #serial: readonly Chunk[];
  readonly #parallel: Chunk;
  #line = '';

  constructor(emit: EmitOutput) {
    this.#emit = emit;
    this.#serial = [0, 1].map((port) => new Chunk((bytes) => emit('vm.serial.output', { port, bytes })));
    this.#parallel = new Chunk((bytes) => emit('vm.parallel.output', { bytes }));
  }

  serial(port: number, byte: number): void {
    this.#serial[port]!.add(byte);
  }

  parallel(byte: number): void {
    this.#parallel.add(byte);
  }

  debug(byte: number): void {
    if (byte === NEWLINE || this.#line.length >= MAX_LINE) {
      const text = this.#line;
      this.#line = '';
      this.#emit('vm.debug.output', { text });
    }
    if (byte !== NEWLINE && byte !== RETURN) this.#line += String.fromCharCode(byte);
  }

  /** The last of a run: the unfinished debug line too. */
  end(): void {
    if (this.#line !== '') this.debug(NEWLINE);
    this.flush();
  }

  /** Emits what has been collected; an unfinished debug line waits. */
  flush(): void {
    for (const chunk of this.#serial) chunk.flush();
    this.#parallel.flush();
  }
}
