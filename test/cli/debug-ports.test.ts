import { describe, expect, it } from 'vitest';
import { debugConsole, debugExit } from '../../src/cli/option-values.ts';

describe('--debug-exit', () => {
  it('takes a hexadecimal port and a size', () => {
    expect(debugExit('f4')).toEqual({ port: 0xf4, size: 4 });
    expect(debugExit('0x501,2')).toEqual({ port: 0x501, size: 2 });
    expect(debugExit('F4h,1')).toEqual({ port: 0xf4, size: 1 });
  });
  it.each(['', 'port', 'f4,3', '10000', 'ffff,4'])('refuses %j', (text) => {
    expect(() => debugExit(text)).toThrow();
  });
});

describe('--debug-console', () => {
  it('takes standard output, a file or nothing', () => {
    expect(debugConsole('stdio')).toEqual({ kind: 'stdio' });
    expect(debugConsole('file:out.txt')).toEqual({ kind: 'file', path: 'out.txt' });
    expect(debugConsole('none')).toEqual({ kind: 'none' });
  });
  it.each(['', 'file:', 'tcp:1'])('refuses %j', (text) => {
    expect(() => debugConsole(text)).toThrow();
  });
});
