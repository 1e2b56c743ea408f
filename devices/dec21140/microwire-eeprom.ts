/**
 * 93C46 serial EEPROM, 64 words of 16 bits, behind three wires.
 *
 * Data sheet: National Semiconductor NM93C46 (DS011042). Models: READ with its dummy bit and sequential reading, WRITE,
 * ERASE, WRAL, ERAL, EWEN, EWDS. Does not model: the time a write takes (the chip is ready at once).
 */
import type { Field } from '../state.ts';

const WORDS = 64;
const ADDRESS_BITS = 6;
const COMMAND_BITS = 2 + ADDRESS_BITS;
const DATA_BITS = 16;

const Phase = { Standby: 0, Command: 1, Reading: 2, Data: 3, Done: 4 } as const;

export class MicrowireEeprom {
  readonly words = new Uint16Array(WORDS);
  /** DO; high while the chip does not drive it. */
  output = true;
  phase = 0;
  /** Bits shifted in or out in this phase. */
  count = 0;
  shift = 0;
  command = 0;
  writeEnabled = false;
  selected = false;
  clock = false;
  readonly fields: readonly Field[] = [
    { name: 'words', type: { u16s: WORDS } },
    { name: 'output', type: 'bool' },
    { name: 'phase', type: 'u8' },
    { name: 'count', type: 'u8' },
    { name: 'shift', type: 'u16' },
    { name: 'command', type: 'u8' },
    { name: 'writeEnabled', type: 'bool' },
    { name: 'selected', type: 'bool' },
    { name: 'clock', type: 'bool' },
  ];

  /** @param contents 128 bytes, low byte of each word first */
  constructor(contents: Uint8Array) {
    for (let i = 0; i < WORDS; i++) this.words[i] = contents[2 * i]! | (contents[2 * i + 1]! << 8);
  }

  /** Power-on: the interface, not the contents. */
  reset(): void {
    this.#standBy();
    this.writeEnabled = false;
    this.selected = false;
    this.clock = false;
  }

  #standBy(): void {
    this.phase = Phase.Standby;
    this.count = 0;
    this.shift = 0;
    this.output = true;
  }

  /** Drives the pins CS, SK and DI. */
  drive(select: boolean, clock: boolean, data: boolean): void {
    const rising = clock && !this.clock;
    this.clock = clock;
    if (!select) {
      if (this.selected && this.phase === Phase.Done) this.#carryOut();
      this.selected = false;
      this.#standBy();
      return;
    }
    this.selected = true;
    if (rising) this.#shift(data);
  }

  #shift(data: boolean): void {
    switch (this.phase) {
      case Phase.Standby:
        if (!data) return; // the start bit is a one
        this.phase = Phase.Command;
        this.count = 0;
        this.shift = 0;
        return;
      case Phase.Command:
        this.shift = (this.shift << 1) | Number(data);
        if (++this.count === COMMAND_BITS) this.#decode();
        return;
      case Phase.Reading: {
        const address = (this.command + (this.count >> 4)) % WORDS;
        this.output = ((this.words[address]! >> (15 - (this.count & 15))) & 1) === 1;
        this.count = (this.count + 1) & 0xff;
        if (this.count === 0) this.command = (this.command + 16) % WORDS;
        return;
      }
      case Phase.Data:
        this.shift = ((this.shift << 1) | Number(data)) & 0xffff;
        if (++this.count === DATA_BITS) this.phase = Phase.Done;
        return;
    }
  }

  #decode(): void {
    this.command = this.shift;
    this.count = 0;
    this.shift = 0;
    const opcode = this.command >> ADDRESS_BITS;
    const extended = (this.command >> 4) & 3;
    if (opcode === 2) {
      this.command &= WORDS - 1;
      this.output = false; // the dummy bit
      this.phase = Phase.Reading;
    } else if (opcode === 1 || (opcode === 0 && extended === 1)) {
      this.phase = Phase.Data;
    } else {
      this.phase = Phase.Done;
    }
  }

  /** The chip was deselected after a whole command. */
  #carryOut(): void {
    const opcode = this.command >> ADDRESS_BITS;
    const address = this.command & (WORDS - 1);
    const extended = address >> 4;
    if (opcode === 0 && extended === 3) this.writeEnabled = true;
    else if (opcode === 0 && extended === 0) this.writeEnabled = false;
    else if (!this.writeEnabled) return;
    else if (opcode === 1) this.words[address] = this.shift;
    else if (opcode === 3) this.words[address] = 0xffff;
    else this.words.fill(extended === 1 ? this.shift : 0xffff);
  }
}
