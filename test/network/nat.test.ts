/** Address translation with a guest made of packets and a host made of fakes. */
import { describe, expect, it } from 'vitest';
import { resolveDhcp } from '../../src/network/dhcp-settings.ts';
import { Gateway } from '../../src/network/gateway.ts';
import type { HostSockets, HostTcpHandlers, HostUdpListener } from '../../src/network/host-sockets.ts';
import type { PortForward } from '../../src/network/nat.ts';
import * as packet from '../../src/network/packet.ts';
import { Policy, parseRule } from '../../src/network/policy.ts';
import type { PolicyConfiguration } from '../../src/network/policy.ts';
import { VirtualSwitch } from '../../src/network/switch.ts';
import type { SwitchPort } from '../../src/network/switch.ts';
import { readTcp, tcpSegment } from '../../src/network/tcp-segment.ts';
import type { TcpSegment } from '../../src/network/tcp-segment.ts';
import { MockClock } from '../devices/support.ts';

const ip = (text: string): number => packet.parseIpv4(text)!;
const GUEST = ip('10.0.2.16');
const GATEWAY = ip('10.0.2.2');
const DNS = ip('10.0.2.3');
const OUTSIDE = ip('93.184.216.34');
const GUEST_MAC = Uint8Array.of(0, 3, 0xff, 1, 2, 3);
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

interface FakeTcp {
  readonly to: string;
  readonly handlers: HostTcpHandlers;
  readonly written: Uint8Array[];
  readonly calls: string[];
}

class FakeHost implements HostSockets {
  readonly tcp: FakeTcp[] = [];
  readonly udpSent: string[] = [];
  readonly udpListeners: HostUdpListener[] = [];
  accept: ((socket: FakeTcp) => HostTcpHandlers) | undefined;
  closed = 0;

  #socket(calls: string[], written: Uint8Array[]) {
    return {
      write: (bytes: Uint8Array) => void written.push(bytes),
      end: () => void calls.push('end'),
      destroy: () => void calls.push('destroy'),
      pause: () => void calls.push('pause'),
      resume: () => void calls.push('resume'),
    };
  }

  connect(address: string, port: number, handlers: HostTcpHandlers) {
    const entry: FakeTcp = { to: `${address}:${port}`, handlers, written: [], calls: [] };
    this.tcp.push(entry);
    return this.#socket(entry.calls, entry.written);
  }

  listen(
    endpoint: { address: string; port: number },
    accept: (socket: ReturnType<FakeHost['connect']>) => HostTcpHandlers,
  ) {
    this.accept = () => {
      const entry = { to: `${endpoint.address}:${endpoint.port}`, written: [] as Uint8Array[], calls: [] as string[] };
      const handlers = accept(this.#socket(entry.calls, entry.written));
      this.tcp.push({ ...entry, handlers });
      return handlers;
    };
    return { close: () => void this.closed++ };
  }

  udp(_endpoint: unknown, listener: HostUdpListener) {
    this.udpListeners.push(listener);
    return {
      send: (bytes: Uint8Array, address: string, port: number) =>
        void this.udpSent.push(`${address}:${port} ${new TextDecoder().decode(bytes)}`),
      close: () => void this.closed++,
    };
  }

  ownAddresses(): string[] {
    return ['192.168.7.7'];
  }

  nameServers(): string[] {
    return ['9.9.9.9'];
  }
}

class Rig {
  readonly clock = new MockClock();
  readonly host = new FakeHost();
  readonly frames: Uint8Array[] = [];
  readonly port: SwitchPort;
  readonly gateway: Gateway;

  constructor(policy: PolicyConfiguration = {}, forwards: PortForward[] = []) {
    const network = new VirtualSwitch();
    this.port = network.attach('guest', { receive: (frame) => this.frames.push(frame) > 0 });
    this.gateway = new Gateway({
      clock: this.clock,
      network,
      dhcp: resolveDhcp({ network: '10.0.2.0', serverAddress: '10.0.2.2', gateway: '10.0.2.2' }),
      now: () => 0,
      nat: { ...policy, sockets: this.host, dns: DNS, forwards, seed: 1 },
      onProblem: () => {},
    });
    // The gateway learns where the guest is.
    this.port.send(
      packet.arpFrame(packet.BROADCAST_MAC, {
        operation: packet.ARP_REQUEST,
        senderMac: GUEST_MAC,
        senderIp: GUEST,
        targetMac: new Uint8Array(6),
        targetIp: GATEWAY,
      }),
    );
  }

  get mac(): Uint8Array {
    return packet.readArp(this.frames[0]!)!.senderMac;
  }

  ip(destination: number, protocol: number, payload: Uint8Array, more: Partial<packet.Ipv4Out> = {}): void {
    const bytes = packet.ipv4Packet({ source: GUEST, destination, protocol, identification: 7, payload, ...more });
    this.port.send(packet.ethernetFrame(this.mac, GUEST_MAC, packet.EtherType.Ipv4, bytes));
  }

  tcp(destination: number, segment: Partial<TcpSegment>): void {
    const whole: TcpSegment = {
      sourcePort: 1234,
      destinationPort: 80,
      sequence: 1000,
      acknowledgement: 0,
      flags: SYN,
      window: 60_000,
      data: new Uint8Array(0),
      ...segment,
    };
    this.ip(destination, packet.IpProtocol.Tcp, tcpSegment(GUEST, destination, whole));
  }

  udp(destination: number, destinationPort: number, text: string, sourcePort = 5000): void {
    const data = new TextEncoder().encode(text);
    this.ip(
      destination,
      packet.IpProtocol.Udp,
      packet.udpSegment(GUEST, destination, { sourcePort, destinationPort, data }),
    );
  }

  /** Packets for the guest since the last call; all of them add up. */
  packets(): packet.Ipv4Packet[] {
    const list = this.frames.slice(1).map((frame) => packet.readIpv4(frame)!);
    this.frames.splice(1);
    expect(list.every((one) => one !== undefined)).toBe(true);
    return list;
  }

  segments(): TcpSegment[] {
    return this.packets()
      .filter(({ protocol }) => protocol === packet.IpProtocol.Tcp)
      .map(({ source, destination, payload }) => readTcp(source, destination, payload)!);
  }

  /** Type and code of the ICMP messages. */
  icmp(): string[] {
    return this.packets()
      .filter(({ protocol }) => protocol === packet.IpProtocol.Icmp)
      .map(({ payload }) => {
        expect(packet.checksum(payload, 0, payload.length)).toBe(0);
        return `${payload[0]}/${payload[1]}`;
      });
  }
}

describe('the gateway', () => {
  it('answers ARP for its addresses and no others, and echoes pings', () => {
    const rig = new Rig();
    expect(rig.frames.length).toBe(1);
    const ask = (target: string): void =>
      rig.port.send(
        packet.arpFrame(packet.BROADCAST_MAC, {
          operation: 1,
          senderMac: GUEST_MAC,
          senderIp: GUEST,
          targetMac: new Uint8Array(6),
          targetIp: ip(target),
        }),
      );
    ask('10.0.2.3');
    ask('10.0.2.9');
    expect(rig.frames.length).toBe(2);
    rig.frames.splice(1);
    const ping = Uint8Array.of(8, 0, 0, 0, 1, 2, 0, 1, 9, 9, 9);
    packet.write16(ping, 2, packet.checksum(ping, 0, ping.length));
    rig.ip(GATEWAY, packet.IpProtocol.Icmp, ping);
    expect(rig.icmp()).toEqual(['0/0']);
    rig.ip(OUTSIDE, packet.IpProtocol.Icmp, ping);
    expect(rig.icmp()).toEqual(['3/13']);
  });

  it('puts fragments together in any order, and sends them', () => {
    const rig = new Rig({ hostLoopback: true });
    const data = new TextEncoder().encode('x'.repeat(3000));
    const whole = packet.udpSegment(GUEST, GATEWAY, { sourcePort: 1, destinationPort: 9, data });
    const parts = [0, 1000, 2000].map((at) => ({ at, bytes: whole.subarray(at, at + 1000) }));
    parts.push({ at: 3000, bytes: whole.subarray(3000) });
    for (const { at, bytes } of [parts[2]!, parts[3]!, parts[0]!, parts[0]!, parts[1]!])
      rig.ip(GATEWAY, packet.IpProtocol.Udp, bytes, { fragmentOffset: at, moreFragments: at < 3000 });
    expect(rig.host.udpSent).toEqual([`127.0.0.1:9 ${'x'.repeat(3000)}`]);
    rig.host.udpListeners[0]!(data, '127.0.0.1', 9);
    const back = rig.packets();
    expect(back.map(({ fragmentOffset, moreFragments }) => [fragmentOffset, moreFragments])).toEqual([
      [0, true],
      [1480, true],
      [2960, false],
    ]);
    const joined = Uint8Array.of(...back.flatMap(({ payload }) => [...payload]));
    expect(packet.readUdp(GATEWAY, GUEST, joined)!.data.length).toBe(3000);
  });
});

describe('connections', () => {
  it('are answered when the host has connected, and carry data both ways', () => {
    const rig = new Rig();
    rig.tcp(OUTSIDE, {});
    rig.tcp(OUTSIDE, {});
    expect([rig.host.tcp.length, rig.host.tcp[0]!.to, rig.segments()]).toEqual([1, '93.184.216.34:80', []]);
    rig.host.tcp[0]!.handlers.connected();
    const [answer] = rig.segments();
    expect(answer).toMatchObject({ flags: SYN | ACK, acknowledgement: 1001, sourcePort: 80, destinationPort: 1234 });
    const next = (answer!.sequence + 1) >>> 0;
    const data = Uint8Array.of(1, 2, 3);
    rig.tcp(OUTSIDE, { flags: ACK, sequence: 1001, acknowledgement: next, data });
    expect(rig.host.tcp[0]!.written).toEqual([data]);
    rig.host.tcp[0]!.handlers.data(Uint8Array.of(7, 8));
    rig.host.tcp[0]!.handlers.ended();
    const sent = rig.segments();
    expect(sent.map(({ data }) => [...data])).toContainEqual([7, 8]);
    expect(sent.at(-1)!.flags & FIN).toBe(FIN);
    rig.tcp(OUTSIDE, { flags: ACK | FIN, sequence: 1004, acknowledgement: next + 3 });
    expect(rig.host.tcp[0]!.calls).toEqual(['end']);
    rig.clock.advance(10e9);
    expect(rig.gateway.nat!.open.tcp).toBe(0);
  });

  it('that the host cannot make are refused, or their place is unreachable', () => {
    const rig = new Rig();
    rig.tcp(OUTSIDE, {});
    rig.host.tcp[0]!.handlers.failed('refused');
    expect(rig.segments()).toMatchObject([{ flags: RST | ACK, acknowledgement: 1001 }]);
    rig.tcp(OUTSIDE, {});
    rig.host.tcp[1]!.handlers.failed('unreachable');
    expect(rig.icmp()).toEqual(['3/1']);
    rig.tcp(OUTSIDE, { flags: ACK, acknowledgement: 77 });
    expect(rig.segments()).toMatchObject([{ flags: RST, sequence: 77 }]);
  });

  it('pause the host while the guest does not keep up', () => {
    const rig = new Rig();
    rig.tcp(OUTSIDE, {});
    const { handlers, calls } = rig.host.tcp[0]!;
    handlers.connected();
    const [answer] = rig.segments();
    rig.tcp(OUTSIDE, { flags: ACK, sequence: 1001, acknowledgement: answer!.sequence + 1, window: 0 });
    for (let i = 0; i < 20; i++) handlers.data(new Uint8Array(64 << 10));
    expect(calls).toEqual(['pause']);
  });

  it('come in through a forwarded port', () => {
    const rig = new Rig({}, [{ protocol: 'tcp', hostPort: 2222, guestPort: 22 }]);
    rig.host.accept!(undefined as never);
    const [syn] = rig.segments();
    expect(syn).toMatchObject({ flags: SYN, destinationPort: 22 });
    const { handlers, written } = rig.host.tcp[0]!;
    handlers.data(Uint8Array.of(5));
    const from = { sourcePort: 22, destinationPort: syn!.sourcePort };
    rig.tcp(GATEWAY, { ...from, flags: SYN | ACK, sequence: 400, acknowledgement: syn!.sequence + 1 });
    expect(rig.segments().map(({ data }) => [...data])).toContainEqual([5]);
    rig.tcp(GATEWAY, {
      ...from,
      flags: ACK,
      sequence: 401,
      acknowledgement: syn!.sequence + 2,
      data: Uint8Array.of(6),
    });
    expect(written).toEqual([Uint8Array.of(6)]);
  });
});

describe('datagrams', () => {
  it('go out, and come back from those that were spoken to only', () => {
    const rig = new Rig();
    rig.udp(OUTSIDE, 123, 'time?');
    expect(rig.host.udpSent).toEqual(['93.184.216.34:123 time?']);
    const [listener] = rig.host.udpListeners;
    listener!(Uint8Array.of(1), '93.184.216.34', 123);
    listener!(Uint8Array.of(2), '93.184.216.34', 124);
    listener!(Uint8Array.of(3), '1.2.3.4', 123);
    const back = rig.packets().map(({ source, destination, payload }) => packet.readUdp(source, destination, payload)!);
    expect(back).toMatchObject([{ sourcePort: 123, destinationPort: 5000, data: Uint8Array.of(1) }]);
    rig.clock.advance(300e9);
    expect([rig.gateway.nat!.open.udp, rig.host.closed]).toEqual([0, 1]);
  });

  it('for the name server go to that of the host, and come back from where they were sent', () => {
    const rig = new Rig();
    rig.udp(DNS, 53, 'name?');
    expect(rig.host.udpSent).toEqual(['9.9.9.9:53 name?']);
    rig.host.udpListeners[0]!(Uint8Array.of(1), '9.9.9.9', 53);
    expect(rig.packets().map(({ source }) => source)).toEqual([DNS]);
  });
});

describe('the policy', () => {
  it('keeps guests from the host unless it is allowed', () => {
    const closed = new Rig();
    for (const place of ['10.0.2.2', '127.0.0.1', '192.168.7.7', '169.254.169.254', '0.0.0.0', '10.0.2.99'])
      closed.tcp(ip(place), {});
    expect([closed.host.tcp.length, closed.segments().every(({ flags }) => flags === (RST | ACK))]).toEqual([0, true]);
    closed.udp(GATEWAY, 53, 'x');
    expect(closed.icmp()).toEqual(['3/3']);
    const open = new Rig({ hostLoopback: true });
    for (const place of ['10.0.2.2', '127.0.0.1', '192.168.7.7', '169.254.169.254']) open.tcp(ip(place), {});
    expect(open.host.tcp.map(({ to }) => to)).toEqual(['127.0.0.1:80', '192.168.7.7:80']);
  });

  it('reaches what is listed and nothing else', () => {
    const rig = new Rig({ allow: ['93.184.216.0/24:80-81', '*:443'] });
    for (const [place, destinationPort] of [
      ['93.184.216.34', 80],
      ['93.184.216.34', 82],
      ['93.184.217.1', 80],
      ['8.8.8.8', 443],
    ] as const)
      rig.tcp(ip(place), { destinationPort });
    expect(rig.host.tcp.map(({ to }) => to)).toEqual(['93.184.216.34:80', '8.8.8.8:443']);
    rig.udp(DNS, 53, 'x');
    expect(rig.host.udpSent).toEqual([]);
    expect(new Policy({ allow: ['dns'] }, () => []).dns).toBe(true);
  });

  it('refuses rules that are none', () => {
    for (const text of ['', '10.0.0.0/33', '300.1.1.1', '*:0-70000', '*:9-8', 'example.org', '*/8'])
      expect(parseRule(text)).toBeUndefined();
  });
});

it('survives any packets', () => {
  const rig = new Rig();
  let x = 3;
  const random = (): number => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 3;
  };
  for (let i = 0; i < 20_000; i++) {
    const payload = new Uint8Array(random() % 100);
    for (let b = 0; b < payload.length; b++) payload[b] = random();
    const destination = [GATEWAY, DNS, OUTSIDE, random()][random() & 3]!;
    const protocol = [1, 6, 17, random() & 255][random() & 3]!;
    rig.ip(destination >>> 0, protocol, payload, {
      fragmentOffset: random() & 7 ? 0 : (random() & 0x1fff) * 8,
      moreFragments: (random() & 7) === 0,
    });
    const frame = rig.frames.at(-1)!.slice();
    for (let flips = 0; flips < 4; flips++) frame[random() % frame.length] = random();
    frame.set(rig.mac);
    rig.port.send(frame);
    if ((i & 63) === 0) {
      rig.frames.splice(1);
      rig.clock.advance(1e9);
    }
  }
  expect(rig.gateway.nat!.open.udp).toBeLessThanOrEqual(512);
});
