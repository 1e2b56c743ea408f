/** Addresses of adapters, against the documented rule of the product. */
import { describe, expect, it } from 'vitest';
import { dynamicMac, formatMac, isStationAddress, parseMac } from '../../src/network/mac-address.ts';

const mac = (text: string): Uint8Array => parseMac(text)!;
const NO_RANDOM = new Uint8Array(3);

describe('dynamic addresses', () => {
  it('have the prefix, the counter over byte 4, and bytes 5 and 6 of the host adapter', () => {
    const host = [mac('00-0D-60-AB-CD-EF')];
    expect([0, 1, 2, 255].map((number) => formatMac(dynamicMac(host, number, NO_RANDOM)))).toEqual([
      '00-03-FF-AB-CD-EF',
      '00-03-FF-AA-CD-EF',
      '00-03-FF-A9-CD-EF',
      '00-03-FF-54-CD-EF',
    ]);
  });

  it('take 256 from each adapter of the host, and then begin anew', () => {
    const host = [mac('00-0D-60-00-11-22'), mac('00-0D-60-80-33-44')];
    const at = (number: number): string => formatMac(dynamicMac(host, number, NO_RANDOM));
    expect([at(255), at(256), at(511), at(512)]).toEqual([
      '00-03-FF-FF-11-22',
      '00-03-FF-80-33-44',
      '00-03-FF-7F-33-44',
      '00-03-FF-00-11-22',
    ]);
    expect(new Set(Array.from({ length: 512 }, (_, number) => at(number))).size).toBe(512);
  });

  it('are random behind the prefix on a host without adapters', () => {
    expect(formatMac(dynamicMac([], 7, Uint8Array.of(1, 2, 3)))).toBe('00-03-FF-01-02-03');
  });
});

describe('reading', () => {
  it('takes the usual forms and nothing else', () => {
    for (const text of ['00-03-ff-12-34-56', '00:03:FF:12:34:56', '0003FF123456'])
      expect(formatMac(mac(text))).toBe('00-03-FF-12-34-56');
    for (const text of ['', '00-03-FF-12-34', '00-03:FF-12-34-56', '00-03-FF-12-34-5G', '0-3-FF-12-34-56'])
      expect(parseMac(text)).toBeUndefined();
  });

  it('knows group addresses', () => {
    expect(
      [mac('01-00-5E-00-00-01'), mac('00-00-00-00-00-00'), mac('02-00-00-00-00-00')].map(isStationAddress),
    ).toEqual([false, false, true]);
  });
});
