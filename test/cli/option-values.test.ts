import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import * as values from '../../src/cli/option-values.ts';
import { parseEscape } from '../../src/cli/escape.ts';
import { formatBytes, formatDuration } from '../../src/cli/status-line.ts';

describe('option values', () => {
  it.each([
    ['64', 64],
    ['64M', 64],
    ['512MiB', 512],
    ['1g', 1024],
    ['2GB', 2048],
    ['2048k', 2],
  ])('size %s is %d MiB', (text, mebibytes) => {
    expect(values.mebibytes(text)).toBe(mebibytes);
  });

  it.each([
    ['a', ['floppy']],
    ['disk', ['disk']],
    ['cdrom,disk', ['cdrom', 'disk']],
    ['dcan', ['cdrom', 'disk', 'floppy', 'network']],
  ])('boot order %s', (text, order) => {
    expect(values.bootOrder(text)).toEqual(order);
  });

  it.each([
    ['stdio', { kind: 'stdio' }],
    ['none', { kind: 'none' }],
    ['file:com1.log', { kind: 'file', path: 'com1.log' }],
    ['file:a,b.log,append', { kind: 'file', path: 'a,b.log', append: true }],
    ['pipe:/tmp/com1,listen', { kind: 'pipe', path: '/tmp/com1', listen: true }],
    ['unix:/tmp/com1', { kind: 'pipe', path: '/tmp/com1' }],
    ['/tmp/com1.sock', { kind: 'pipe', path: '/tmp/com1.sock' }],
    ['tcp:2000', { kind: 'tcp', port: 2000 }],
    ['tcp:0.0.0.0:2000,listen', { kind: 'tcp', host: '0.0.0.0', port: 2000, listen: true }],
  ])('serial target %s', (text, target) => {
    expect(values.serialTarget(text)).toEqual(target);
  });

  it.each(['', 'stdio:x', 'file:', 'tcp:', 'tcp:99999', 'com1'])('refuses the serial target %j', (text) => {
    expect(() => values.serialTarget(text)).toThrow(InvalidArgumentError);
  });

  it('processors', () => {
    expect(values.processor('pentium2')).toMatchObject({ family: 6, model: 5, features: { sse: false, sse2: false } });
    expect(values.processor('pentium2,+sse,stepping=3,vendor=AuthenticAMD')).toEqual({
      family: 6,
      model: 5,
      stepping: 3,
      vendor: 'AuthenticAMD',
      features: { sse: true, sse2: false },
    });
    expect(() => values.processor('z80')).toThrow(InvalidArgumentError);
  });

  it('clocks', () => {
    expect(values.clockPolicy('real')).toEqual({ kind: 'real' });
    expect(values.clockPolicy('fast')).toEqual({ kind: 'fast' });
    expect(values.clockPolicy('fixed:66e6')).toEqual({ kind: 'fixed', instructionsPerSecond: 66e6 });
    expect(() => values.clockPolicy('real:5')).toThrow(InvalidArgumentError);
    expect(() => values.clockPolicy('fixed:fast')).toThrow(InvalidArgumentError);
    expect(values.clockStart('2000-02-29T12:00:00')).toBe(Date.UTC(2000, 1, 29, 12) / 1000);
    expect(values.clockStart('2000-02-29')).toBe(Date.UTC(2000, 1, 29) / 1000);
    expect(() => values.clockStart('tomorrow')).toThrow(InvalidArgumentError);
  });

  it.each([
    ['enter', ['Enter']],
    ['F8', ['F8']],
    ['ctrl-alt-Delete', ['ControlLeft', 'AltLeft', 'Delete']],
    ['ctrl-b', ['ControlLeft', 'KeyB']],
    ['NumpadAdd', ['NumpadAdd']],
    ['alt-Numpad1', ['AltLeft', 'Numpad1']],
  ])('keys %s', (text, codes) => {
    expect(values.keyChord(text)).toEqual(codes);
  });

  it.each(['', 'f13', 'ctrl-', 'any key'])('refuses the keys %j', (text) => {
    expect(() => values.keyChord(text)).toThrow(InvalidArgumentError);
  });

  it('text to type and to expect', () => {
    expect(values.unescape('dir\\n\\\\n\\x')).toBe('dir\n\\n\\x');
    expect(values.pattern('C:\\\\>')).toBe('C:\\>');
    expect(values.pattern('/login: $/m')).toEqual(/login: $/m);
    expect(() => values.pattern('/(/')).toThrow(InvalidArgumentError);
  });

  it.each([
    ['^A', 1],
    ['^a', 1],
    ['^]', 0x1d],
    ['Ctrl-B', 2],
    ['ctrl+\\', 0x1c],
    ['\x05', 5],
    ['A', undefined],
    ['', undefined],
    ['^AB', undefined],
  ])('escape prefix %j', (text, code) => {
    expect(parseEscape(text)).toBe(code);
  });
});

describe('the status line', () => {
  it('rounds bytes for people', () => {
    expect([0, 1023, 1024, 1536, 200 * 1024, 5 * 2 ** 30].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '200 KiB',
      '5.0 GiB',
    ]);
  });

  it('shows hours only when there are some', () => {
    expect([0, 59.9, 61, 3600, 100_000].map(formatDuration)).toEqual([
      '00:00',
      '00:59',
      '01:01',
      '1:00:00',
      '27:46:40',
    ]);
  });
});
