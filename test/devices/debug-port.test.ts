import { describe, expect, it } from 'vitest';
import { DebugExit, debugConsole } from '../../devices/debug-port/debug-port.ts';
import { readPort, transferState, writePort } from './support.ts';

describe('debug console', () => {
  it('tells that it is there and passes bytes on', () => {
    const bytes: number[] = [];
    const port = debugConsole('firmware log', (byte) => bytes.push(byte));
    expect(port.read(0, 1)).toBe(0xe9);
    for (const letter of 'ok') port.write(0, 1, letter.charCodeAt(0));
    expect(String.fromCharCode(...bytes)).toBe('ok');
  });
});

describe('debug exit', () => {
  it('hands the value over in any width', () => {
    const values: number[] = [];
    const exit = new DebugExit(4, (value) => values.push(value));
    writePort(exit.port, 0, 0x31);
    writePort(exit.port, 0, 0x1234, 2);
    writePort(exit.port, 0, 0xdeadbeef, 4);
    expect(values).toEqual([0x31, 0x1234, 0xdeadbeef]);
    expect(readPort(exit.port, 0, 4)).toBe(0xdeadbeef);
    expect(readPort(exit.port, 1, 1)).toBe(0xbe);
    expect(readPort(exit.port, 2, 2)).toBe(0xdead);
  });

  it('moves its state and forgets it at reset', () => {
    const [a, b] = [new DebugExit(4, () => undefined), new DebugExit(4, () => undefined)];
    a.port.write(0, 4, 77);
    transferState(a, b);
    expect(b.port.read(0, 4)).toBe(77);
    b.reset();
    expect(b.port.read(0, 4)).toBe(0);
  });
});
