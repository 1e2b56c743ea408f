import { describe, expect, it } from 'vitest';
import { FLUSH_AFTER_MS, Unflushed } from '../../src/machine/unflushed.ts';

describe('writes that the guest does not flush', () => {
  it('are flushed once, a second after they were seen', () => {
    const unflushed = new Unflushed();
    const flushed: string[] = [];
    expect(unflushed.settle(0)).toBe(Infinity);
    unflushed.written('ide0', () => flushed.push('ide0'));
    expect(unflushed.settle(500)).toBe(FLUSH_AFTER_MS);
    unflushed.written('ide0', () => flushed.push('ide0'));
    // Later writes do not put it off.
    expect(unflushed.settle(1400)).toBe(100);
    expect(flushed).toEqual([]);
    expect(unflushed.settle(1500)).toBe(Infinity);
    expect(flushed).toEqual(['ide0']);
    expect(unflushed.settle(9000)).toBe(Infinity);
    expect(flushed).toEqual(['ide0']);
  });

  it('are left alone once the guest has flushed them', () => {
    const unflushed = new Unflushed();
    unflushed.written('ide0', () => expect.unreachable());
    unflushed.settle(0);
    unflushed.forget('ide0');
    expect(unflushed.settle(5000)).toBe(Infinity);
  });

  it('of one failing medium do not keep the others waiting', () => {
    const unflushed = new Unflushed();
    let flushed = 0;
    unflushed.written('ide0', () => {
      throw new Error('disk full');
    });
    unflushed.written('ide1', () => flushed++);
    unflushed.settle(0);
    unflushed.settle(FLUSH_AFTER_MS);
    expect(flushed).toBe(1);
  });
});
