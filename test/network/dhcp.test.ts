import { describe, expect, it } from 'vitest';
import { DhcpServer } from '../../src/network/dhcp-server.ts';
import type { Lease } from '../../src/network/dhcp-server.ts';
import { DhcpSettingsError, resolveDhcp } from '../../src/network/dhcp-settings.ts';
import type { DhcpConfiguration } from '../../src/network/dhcp-settings.ts';
import { formatIpv4, parseIpv4, read32 } from '../../src/network/packet.ts';

describe('settings', () => {
  it('reserve the first sixteen addresses: 10.244.0.0 gives leases from .16 to .254', () => {
    const { start, end, serverAddress } = resolveDhcp({ network: '10.244.0.0' });
    expect([start, end].map(formatIpv4)).toEqual(['10.244.0.16', '10.244.0.254']);
    expect(serverAddress).toBeLessThan(start);
  });

  const WRONG: readonly (readonly [setting: string, given: DhcpConfiguration])[] = [
    ['start', { start: '10.237.0.15' }],
    ['start', { start: '10.237.1.20' }],
    ['end', { end: '10.237.0.255' }],
    ['end', { start: '10.237.0.100', end: '10.237.0.99' }],
    ['serverAddress', { serverAddress: '10.237.0.16' }],
    ['serverAddress', { serverAddress: '10.237.0.0' }],
    ['network', { network: '10.237.0.1' }],
    ['network', { network: '10.237.0' }],
    ['mask', { mask: '255.0.255.0' }],
    ['mask', { mask: '255.255.255.240' }],
    ['gateway', { gateway: '10.237.0.256' }],
    ['dnsServers', { dnsServers: ['name'] }],
    ['leaseSeconds', { leaseSeconds: 59 }],
    ['renewalSeconds', { renewalSeconds: 29 }],
    ['rebindingSeconds', { renewalSeconds: 30, rebindingSeconds: 44 }],
    ['renewalSeconds', { renewalSeconds: 100, rebindingSeconds: 100 }],
    ['rebindingSeconds', { leaseSeconds: 100, renewalSeconds: 50, rebindingSeconds: 100 }],
  ];
  for (const [setting, given] of WRONG) {
    it(`refuse ${JSON.stringify(given)}`, () => {
      let error: unknown;
      try {
        resolveDhcp(given);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(DhcpSettingsError);
      expect((error as DhcpSettingsError).setting).toBe(setting);
    });
  }

  it('take the minimum times', () => {
    expect(resolveDhcp({ leaseSeconds: 60, renewalSeconds: 30, rebindingSeconds: 45 })).toMatchObject({
      leaseSeconds: 60,
      renewalSeconds: 30,
      rebindingSeconds: 45,
    });
    expect(resolveDhcp({ leaseSeconds: 60 })).toMatchObject({ renewalSeconds: 30, rebindingSeconds: 52 });
  });
});

const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const DECLINE = 4;
const ACK = 5;
const NAK = 6;
const RELEASE = 7;
const INFORM = 8;

interface Ask {
  readonly type: number;
  readonly client: number;
  readonly requested?: string;
  readonly server?: string;
  readonly ciaddr?: string;
  readonly broadcast?: boolean;
  readonly options?: readonly number[];
}

/** A message as RFC 2131, section 2 lays it out. */
function message({ type, client, requested, server, ciaddr, broadcast, options = [] }: Ask): Uint8Array {
  const address = (text: string): number[] => text.split('.').map(Number);
  const bytes = new Uint8Array(300);
  bytes.set([1, 1, 6, 0, 0x12, 0x34, 0x56, client]);
  if (broadcast) bytes[10] = 0x80;
  if (ciaddr) bytes.set(address(ciaddr), 12);
  bytes.set([0, 3, 0xff, 0, 0, client], 28);
  const tail = [0x63, 0x82, 0x53, 0x63, 53, 1, type, ...options];
  if (requested) tail.push(50, 4, ...address(requested));
  if (server) tail.push(54, 4, ...address(server));
  bytes.set([...tail, 255], 236);
  return bytes;
}

interface Told {
  readonly type: number;
  readonly address: string;
  readonly options: Map<number, number[]>;
  readonly destination: string;
  readonly next: string;
  readonly file: string;
}

function ask(server: DhcpServer, given: Ask): Told | undefined {
  const answer = server.handle(message(given));
  if (!answer) return undefined;
  const { bytes } = answer;
  expect([...bytes.subarray(0, 8)]).toEqual([2, 1, 6, 0, 0x12, 0x34, 0x56, given.client]);
  expect(bytes.length).toBeGreaterThanOrEqual(300);
  const options = new Map<number, number[]>();
  for (let at = 240; bytes[at] !== 255; at += 2 + bytes[at + 1]!)
    options.set(bytes[at]!, [...bytes.subarray(at + 2, at + 2 + bytes[at + 1]!)]);
  return {
    type: options.get(53)![0]!,
    address: formatIpv4(read32(bytes, 16)),
    options,
    destination: formatIpv4(answer.destination),
    next: formatIpv4(read32(bytes, 20)),
    file: new TextDecoder().decode(bytes.subarray(108, bytes.indexOf(0, 108))),
  };
}

function serving(given: DhcpConfiguration = {}, more: { kept?: Lease[]; ipxe?: boolean } = {}) {
  const time = { now: 1_000_000 };
  const kept = more.kept ?? [];
  const server = new DhcpServer({
    settings: resolveDhcp({ network: '10.244.0.0', ...given }),
    now: () => time.now,
    store: { load: () => kept, save: (leases) => void kept.splice(0, kept.length, ...leases) },
    ...(more.ipxe
      ? { boot: { server: parseIpv4('10.244.0.1')!, file: (user) => (user === 'iPXE' ? 'boot.ipxe' : 'pxelinux.0') } }
      : {}),
  });
  return { server, time, kept };
}

describe('leases', () => {
  it('offers and gives the first address after the reserved ones, with its options', () => {
    const { server } = serving({
      gateway: '10.244.0.1',
      dnsServers: ['10.1.1.1', '10.1.1.2'],
      winsServers: ['10.1.1.3'],
      leaseSeconds: 600,
      renewalSeconds: 300,
      rebindingSeconds: 500,
    });
    const offer = ask(server, { type: DISCOVER, client: 1 })!;
    expect([offer.type, offer.address, offer.destination]).toEqual([OFFER, '10.244.0.16', '10.244.0.16']);
    const ack = ask(server, { type: REQUEST, client: 1, requested: '10.244.0.16', server: '10.244.0.1' })!;
    expect([ack.type, ack.address]).toEqual([ACK, '10.244.0.16']);
    expect(Object.fromEntries(ack.options)).toEqual({
      53: [ACK],
      54: [10, 244, 0, 1],
      51: [0, 0, 2, 88],
      58: [0, 0, 1, 44],
      59: [0, 0, 1, 244],
      1: [255, 255, 255, 0],
      3: [10, 244, 0, 1],
      6: [10, 1, 1, 1, 10, 1, 1, 2],
      44: [10, 1, 1, 3],
    });
  });

  it('gives every client its own, and the same again', () => {
    const { server } = serving();
    const first = [1, 2, 3].map((client) => ask(server, { type: DISCOVER, client })!.address);
    expect(first).toEqual(['10.244.0.16', '10.244.0.17', '10.244.0.18']);
    expect([3, 2, 1].map((client) => ask(server, { type: DISCOVER, client })!.address)).toEqual(first.reverse());
  });

  it('keeps leases over a restart', () => {
    const { server, kept } = serving();
    ask(server, { type: DISCOVER, client: 1 });
    ask(server, { type: DISCOVER, client: 2 });
    ask(server, { type: REQUEST, client: 2, requested: '10.244.0.17' });
    const again = serving({}, { kept: structuredClone(kept) }).server;
    expect(ask(again, { type: DISCOVER, client: 2 })!.address).toBe('10.244.0.17');
    expect(ask(again, { type: REQUEST, client: 2, ciaddr: '10.244.0.17' })!.type).toBe(ACK);
    expect(ask(again, { type: REQUEST, client: 9, requested: '10.244.0.17' })!.type).toBe(NAK);
  });

  it('refuses what is not its to give, and is silent when another server was chosen', () => {
    const { server } = serving();
    for (const requested of ['10.244.0.15', '10.244.1.20', '192.168.0.5'])
      expect(ask(server, { type: REQUEST, client: 1, requested })).toMatchObject({ type: NAK, address: '0.0.0.0' });
    expect(ask(server, { type: REQUEST, client: 1, requested: '10.244.0.20', server: '10.244.0.9' })).toBeUndefined();
  });

  it('gives an address away again when its lease has ended and no other is left', () => {
    const { server, time } = serving({ end: '10.244.0.17', leaseSeconds: 60 });
    for (const [client, requested] of [
      [1, '10.244.0.16'],
      [2, '10.244.0.17'],
    ] as const) {
      ask(server, { type: DISCOVER, client });
      ask(server, { type: REQUEST, client, requested });
      time.now += 1000;
    }
    expect(ask(server, { type: DISCOVER, client: 3 })).toBeUndefined();
    time.now += 57_500;
    expect(ask(server, { type: DISCOVER, client: 4 })).toBeUndefined();
    time.now += 1000;
    expect(ask(server, { type: DISCOVER, client: 3 })!.address).toBe('10.244.0.16');
  });

  it('takes back what is released, and leaves alone what a client found in use', () => {
    const { server } = serving({ end: '10.244.0.17' });
    ask(server, { type: DISCOVER, client: 1 });
    ask(server, { type: REQUEST, client: 1, requested: '10.244.0.16' });
    ask(server, { type: RELEASE, client: 1, ciaddr: '10.244.0.16' });
    expect(ask(server, { type: REQUEST, client: 2, requested: '10.244.0.16' })!.type).toBe(ACK);
    ask(server, { type: DECLINE, client: 2, requested: '10.244.0.16' });
    expect(ask(server, { type: DISCOVER, client: 2 })!.address).toBe('10.244.0.17');
    expect(ask(server, { type: DISCOVER, client: 3 })).toBeUndefined();
  });

  it('answers by broadcast where asked to, and INFORM without an address', () => {
    const { server } = serving();
    expect(ask(server, { type: DISCOVER, client: 1, broadcast: true })!.destination).toBe('255.255.255.255');
    const inform = ask(server, { type: INFORM, client: 5, ciaddr: '10.244.0.9' })!;
    expect([inform.type, inform.address, inform.options.has(51), inform.destination]).toEqual([
      ACK,
      '0.0.0.0',
      false,
      '10.244.0.9',
    ]);
  });

  it('names a boot file by what the client is', () => {
    const { server } = serving({}, { ipxe: true });
    expect(ask(server, { type: DISCOVER, client: 1 })).toMatchObject({ next: '10.244.0.1', file: 'pxelinux.0' });
    const user = [77, 4, ...new TextEncoder().encode('iPXE')];
    expect(ask(server, { type: DISCOVER, client: 1, options: user })!.file).toBe('boot.ipxe');
  });

  it('survives any bytes', () => {
    const { server } = serving();
    let x = 1;
    for (let i = 0; i < 20_000; i++) {
      const bytes = message({ type: 1 + (i % 8), client: i & 255, requested: '10.244.0.99' });
      for (let flips = 0; flips < 8; flips++) {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        bytes[(x >>> 8) % bytes.length] = x >>> 24;
      }
      server.handle(bytes.subarray(0, i % 3 === 0 ? (x >>> 16) % 300 : 300));
    }
    expect(server.leases.length).toBeLessThan(500);
  });
});
