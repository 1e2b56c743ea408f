/**
 * Which frames the 21140A takes: perfect, inverse and hash filtering as set up by a setup frame, and the mode bits.
 *
 * Data sheet: 21140A PCI Fast Ethernet LAN Controller Hardware Reference Manual, sections "Setup frame" and CSR6 (table of
 * filtering modes). Models: all four filter types, promiscuous mode, pass all multicast. Does not model: nothing;
 * broadcast frames pass in every mode but inverse filtering with the broadcast address listed.
 */
import type { Field } from '../state.ts';
import { crcRegister } from './ethernet-crc.ts';

/** Bytes of a setup frame. */
export const SETUP_FRAME = 192;
const ADDRESS = 6;
const PERFECT_ADDRESSES = 16;
/** Longword of a hash setup frame at which its one perfect address stands. */
const HASH_PERFECT_LONGWORD = 39;
const HASH_WORDS = 32;

/** FT1 and FT0 of the setup descriptor. */
export const FilterType = { Perfect: 0, HashPerfect: 1, InversePerfect: 2, HashOnly: 3 } as const;

/** What becomes of a frame: `fail` is taken by promiscuous modes only, and marked. */
export type Verdict = 'match' | 'fail';

export class AddressFilter {
  type = 0;
  /** Sixteen addresses, as many as the type uses. */
  readonly addresses = new Uint8Array(PERFECT_ADDRESSES * ADDRESS);
  /** 512 bits; bit n is bit n mod 8 of byte n / 8. */
  readonly hash = new Uint8Array(64);
  readonly fields: readonly Field[] = [
    { name: 'type', type: 'u8' },
    { name: 'addresses', type: { bytes: PERFECT_ADDRESSES * ADDRESS } },
    { name: 'hash', type: { bytes: 64 } },
  ];

  reset(): void {
    this.type = FilterType.Perfect;
    this.addresses.fill(0);
    this.hash.fill(0);
  }

  loaded(): void {
    this.type &= 3;
  }

  /** @param setup `SETUP_FRAME` bytes: 48 longwords of which the low halves count @param type FT1 FT0 */
  load(setup: Uint8Array, type: number): void {
    this.type = type & 3;
    if (this.type & 1) {
      for (let word = 0; word < HASH_WORDS; word++) {
        this.hash[2 * word] = setup[4 * word]!;
        this.hash[2 * word + 1] = setup[4 * word + 1]!;
      }
      this.#copyAddress(setup, HASH_PERFECT_LONGWORD, 0);
    } else {
      for (let i = 0; i < PERFECT_ADDRESSES; i++) this.#copyAddress(setup, 3 * i, i);
    }
  }

  #copyAddress(setup: Uint8Array, longword: number, to: number): void {
    for (let half = 0; half < 3; half++) {
      this.addresses[ADDRESS * to + 2 * half] = setup[4 * (longword + half)]!;
      this.addresses[ADDRESS * to + 2 * half + 1] = setup[4 * (longword + half) + 1]!;
    }
  }

  #listed(destination: Uint8Array, count: number): boolean {
    for (let i = 0; i < count; i++) {
      let same = true;
      for (let b = 0; b < ADDRESS && same; b++) same = this.addresses[ADDRESS * i + b] === destination[b];
      if (same) return true;
    }
    return false;
  }

  #hashed(destination: Uint8Array): boolean {
    const bit = crcRegister(destination) & 0x1ff;
    return ((this.hash[bit >> 3]! >> (bit & 7)) & 1) === 1;
  }

  /** @param destination the six bytes of the destination address */
  check(destination: Uint8Array): Verdict {
    const multicast = (destination[0]! & 1) !== 0;
    const broadcast = multicast && destination.every((byte) => byte === 0xff);
    switch (this.type) {
      case FilterType.InversePerfect:
        return this.#listed(destination, PERFECT_ADDRESSES) ? 'fail' : 'match';
      case FilterType.HashPerfect:
        if (broadcast) return 'match';
        return (multicast ? this.#hashed(destination) : this.#listed(destination, 1)) ? 'match' : 'fail';
      case FilterType.HashOnly:
        return broadcast || this.#hashed(destination) ? 'match' : 'fail';
      default:
        return broadcast || this.#listed(destination, PERFECT_ADDRESSES) ? 'match' : 'fail';
    }
  }
}
