/**
 * Ports that exist in emulated machines only: a byte sink for diagnostics and a port that ends a test.
 *
 * Source: the conventions of Bochs (port E9h) and SeaBIOS (port 402h): a read gives E9h where the port exists.
 * Models: all there is. Does not model: nothing; there is no real part.
 */
import type { BusRegion } from '../bus.ts';
import type { Device } from '../device.ts';
import type { StateDeclaration } from '../state.ts';

/** What a read of a present debug port gives. */
const PRESENT = 0xe9;

/** Creates the one-port region of a debug console; each byte written goes to `onByte`. Wants no state. */
export function debugConsole(name: string, onByte: (byte: number) => void): BusRegion {
  return {
    name,
    length: 1,
    read: () => PRESENT,
    write: (_offset, _size, value) => onByte(value),
  };
}

/** A port that hands the value written to the host, as tests use to stop a machine with a result. */
export class DebugExit implements Device {
  readonly name = 'debug-exit';
  /** One, two or four ports, accessed in any width from the first. */
  readonly port: BusRegion;
  readonly state: StateDeclaration;
  private value = 0;

  /** @param length number of ports @param onExit called with the value written (8, 16 or 32 bits) */
  constructor(length: 1 | 2 | 4, onExit: (value: number) => void) {
    this.port = {
      name: 'debug exit',
      length,
      widest: length,
      read: (offset, size) => {
        const value = this.value >>> (8 * offset);
        return size === 4 ? value : value & (size === 2 ? 0xffff : 0xff);
      },
      write: (offset, _size, value) => {
        if (offset !== 0) return;
        this.value = value >>> 0;
        onExit(this.value);
      },
    };
    this.state = { target: this, version: 1, fields: [{ name: 'value', type: 'u32' }] };
  }

  reset(): void {
    this.value = 0;
  }
}
