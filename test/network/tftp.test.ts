/** The TFTP server against a client made by hand from RFC 1350 and RFC 2347 to 2349, 7440. */
import { describe, expect, it } from 'vitest';
import { IpHost } from '../../src/network/ip-host.ts';
import * as packet from '../../src/network/packet.ts';
import { TftpServer } from '../../src/network/tftp-server.ts';
import { MockClock } from '../devices/support.ts';

const SERVER = packet.parseIpv4('10.0.0.1')!;
const CLIENT = packet.parseIpv4('10.0.0.20')!;
const SERVER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const CLIENT_MAC = Uint8Array.of(2, 0, 0, 0, 0, 2);

interface Got {
  readonly from: number;
  readonly opcode: number;
  readonly number: number;
  readonly data: Uint8Array;
}

function rig(files: Record<string, Uint8Array>) {
  const clock = new MockClock();
  const got: Got[] = [];
  let open = 0;
  const host = new IpHost({
    clock,
    macAddress: SERVER_MAC,
    addresses: [SERVER],
    network: packet.parseIpv4('10.0.0.0')!,
    mask: packet.parseIpv4('255.255.255.0')!,
    send: (frame) => {
      const ip = packet.readIpv4(frame)!;
      const { sourcePort, data } = packet.readUdp(ip.source, ip.destination, ip.payload)!;
      got.push({
        from: sourcePort,
        opcode: packet.read16(data, 0),
        number: packet.read16(data, 2),
        data: data.slice(packet.read16(data, 0) === 6 ? 2 : 4),
      });
    },
  });
  const server = new TftpServer(clock, host, (name) => {
    const bytes = files[name];
    if (!bytes) return undefined;
    open++;
    return {
      size: bytes.length,
      read: (offset, length) => bytes.subarray(offset, offset + length),
      close: () => void open--,
    };
  });
  const send = (port: number, data: Uint8Array, from = 3000): Got[] => {
    got.length = 0;
    const segment = packet.udpSegment(CLIENT, SERVER, { sourcePort: from, destinationPort: port, data });
    const bytes = packet.ipv4Packet({
      source: CLIENT,
      destination: SERVER,
      protocol: 17,
      identification: 1,
      payload: segment,
    });
    host.receive(packet.ethernetFrame(SERVER_MAC, CLIENT_MAC, packet.EtherType.Ipv4, bytes));
    return [...got];
  };
  const request = (name: string, ...options: string[]): Got[] =>
    send(69, Uint8Array.of(0, 1, ...new TextEncoder().encode([name, 'octet', ...options, ''].join('\0'))));
  const acknowledge = (port: number, number: number): Got[] =>
    send(port, Uint8Array.of(0, 4, number >> 8, number & 255));
  return { clock, server, got, request, acknowledge, send, open: () => open };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7);

describe('TFTP', () => {
  it('sends a file in blocks of 512, the last one short', () => {
    const { request, acknowledge, open } = rig({ f: bytes(1100) });
    const [first] = request('f');
    expect([first!.opcode, first!.number, first!.data.length]).toEqual([3, 1, 512]);
    expect(first!.from).not.toBe(69);
    const rest = [1, 2].map((number) => acknowledge(first!.from, number)[0]!);
    expect(rest.map(({ number, data }) => [number, data.length])).toEqual([
      [2, 512],
      [3, 76],
    ]);
    expect(Uint8Array.of(...first!.data, ...rest[0]!.data, ...rest[1]!.data)).toEqual(bytes(1100));
    expect(acknowledge(first!.from, 3)).toEqual([]);
    expect(open()).toBe(0);
  });

  it('ends a file of whole blocks with an empty one', () => {
    const { request, acknowledge } = rig({ f: bytes(512), empty: bytes(0) });
    const [first] = request('f');
    expect(acknowledge(first!.from, 1).map(({ data }) => data.length)).toEqual([0]);
    expect(request('empty').map(({ data }) => data.length)).toEqual([0]);
  });

  it('negotiates block size, size and window', () => {
    const { request, acknowledge } = rig({ f: bytes(5000) });
    const [answer] = request('f', 'blksize', '1024', 'tsize', '0', 'windowsize', '3', 'other', '1');
    expect([answer!.opcode, text(answer!.data)]).toEqual([6, 'blksize\x001024\0tsize\x005000\0windowsize\x003\0']);
    expect(acknowledge(answer!.from, 0).map(({ number }) => number)).toEqual([1, 2, 3]);
    // The second was lost: the client acknowledges what it has.
    expect(acknowledge(answer!.from, 1).map(({ number }) => number)).toEqual([2, 3, 4]);
    expect(acknowledge(answer!.from, 4).map(({ number, data }) => [number, data.length])).toEqual([[5, 904]]);
  });

  it('asks for no more than fits a frame', () => {
    const { request } = rig({ f: bytes(10) });
    expect(text(request('f', 'blksize', '65464')[0]!.data)).toBe('blksize\x001468\0');
  });

  it('repeats what is not acknowledged, and gives up', () => {
    const { clock, got, request, open } = rig({ f: bytes(10) });
    request('f');
    clock.advance(100e9);
    expect([got.length, open()]).toEqual([6, 0]);
    expect(clock.nextDeadline).toBe(Infinity);
  });

  it('counts blocks beyond 65535', () => {
    const { request, acknowledge } = rig({ f: bytes(8 * 65_540) });
    let [last] = request('f', 'blksize', '8');
    const { from } = last!;
    [last] = acknowledge(from, 0);
    for (let number = 1; number < 65_541; number++) [last] = acknowledge(from, number & 0xffff);
    expect([last!.number, last!.data.length]).toEqual([5, 0]);
  });

  it('refuses what is not there, and to write', () => {
    const { request, send } = rig({});
    expect(request('nothing').map(({ opcode, number, from }) => [opcode, number, from])).toEqual([[5, 1, 69]]);
    expect(send(69, Uint8Array.of(0, 2, 97, 0, 98, 0)).map(({ opcode, number }) => [opcode, number])).toEqual([[5, 2]]);
  });

  it('survives any bytes', () => {
    const { send } = rig({ f: bytes(10), '': bytes(3) });
    let x = 1;
    for (let i = 0; i < 5000; i++) {
      const data = new Uint8Array(i % 40);
      for (let b = 0; b < data.length; b++) data[b] = (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24;
      if (data.length > 1) data.set([0, 1 + (i % 6)]);
      send(i & 1 ? 69 : 32_768 + (i % 100), data, 3000 + (i % 100));
    }
  });
});
