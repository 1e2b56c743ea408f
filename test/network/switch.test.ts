import { describe, expect, it } from 'vitest';
import { ADDRESS_LIMIT, PORT_QUEUE_LIMIT, VirtualSwitch } from '../../src/network/switch.ts';
import type { SwitchPort } from '../../src/network/switch.ts';

const FRAMES = Number(process.env['VS_SWITCH_FRAMES'] ?? 100_000);

function mac(number: number): number[] {
  return [2, 0, number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
}

const BROADCAST = [255, 255, 255, 255, 255, 255];

function frame(to: number[], from: number[], length = 60): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(to);
  bytes.set(from, 6);
  return bytes;
}

interface TestStation {
  readonly got: Uint8Array[];
  busy: boolean;
  readonly port: SwitchPort;
}

function station(network: VirtualSwitch, name: string): TestStation {
  const got: Uint8Array[] = [];
  const self: TestStation = {
    got,
    busy: false,
    port: network.attach(name, {
      receive: (bytes) => {
        if (!self.busy) got.push(bytes);
        return !self.busy;
      },
    }),
  };
  return self;
}

describe('learning', () => {
  it('floods what it does not know, and sends to one port what it does', () => {
    const network = new VirtualSwitch();
    const [a, b, c] = [station(network, 'a'), station(network, 'b'), station(network, 'c')];
    a.port.send(frame(mac(2), mac(1)));
    expect([a, b, c].map(({ got }) => got.length)).toEqual([0, 1, 1]);
    b.port.send(frame(mac(1), mac(2)));
    expect([a, b, c].map(({ got }) => got.length)).toEqual([1, 1, 1]);
    a.port.send(frame(mac(2), mac(1)));
    expect([a, b, c].map(({ got }) => got.length)).toEqual([1, 2, 1]);
    a.port.send(frame(BROADCAST, mac(1)));
    expect([a, b, c].map(({ got }) => got.length)).toEqual([1, 3, 2]);
  });

  it('follows a station that moves, and forgets one that was unplugged', () => {
    const network = new VirtualSwitch();
    const a = station(network, 'a');
    const b = station(network, 'b');
    const c = station(network, 'c');
    a.port.send(frame(BROADCAST, mac(1)));
    b.port.send(frame(BROADCAST, mac(1)));
    c.port.send(frame(mac(1), mac(3)));
    expect([a.got.length, b.got.length]).toEqual([1, 2]);
    b.port.close();
    c.port.send(frame(mac(1), mac(3)));
    expect([a.got.length, b.got.length]).toEqual([2, 2]);
    b.port.send(frame(BROADCAST, mac(1)));
    expect(a.got.length).toBe(2);
  });

  it('shows a promiscuous port what is for others', () => {
    const network = new VirtualSwitch();
    const [a, b, c] = [station(network, 'a'), station(network, 'b'), station(network, 'c')];
    b.port.send(frame(BROADCAST, mac(2)));
    c.port.promiscuous = true;
    a.port.send(frame(mac(2), mac(1)));
    expect([a, b, c].map(({ got }) => got.length)).toEqual([1, 1, 2]);
  });

  it('remembers a bounded number of addresses', () => {
    const network = new VirtualSwitch();
    const [a, b, c] = [station(network, 'a'), station(network, 'b'), station(network, 'c')];
    a.port.send(frame(BROADCAST, mac(1)));
    for (let i = 0; i < ADDRESS_LIMIT; i++) b.port.send(frame(BROADCAST, mac(1000 + i)));
    const before = b.got.length;
    c.port.send(frame(mac(1), mac(3)));
    // Forgotten, hence flooded.
    expect(b.got.length).toBe(before + 1);
  });

  it('takes no frame of illegal size', () => {
    const network = new VirtualSwitch();
    const [a, b] = [station(network, 'a'), station(network, 'b')];
    for (const length of [12, 13, 14, 1518, 1519, 9000]) {
      const bytes = new Uint8Array(length);
      bytes.set(BROADCAST);
      a.port.send(bytes);
    }
    expect([b.got.map(({ length }) => length), a.port.statistics.dropped]).toEqual([[14, 1518], 4]);
  });
});

describe('queues', () => {
  it('holds frames for a busy station in order, and counts what is beyond the limit', () => {
    const network = new VirtualSwitch();
    const [a, b] = [station(network, 'a'), station(network, 'b')];
    b.busy = true;
    for (let i = 0; i < PORT_QUEUE_LIMIT + 10; i++) a.port.send(frame(BROADCAST, mac(1), 60 + (i % 1000)));
    expect([b.port.pending, b.port.statistics.dropped]).toEqual([PORT_QUEUE_LIMIT, 10]);
    b.busy = false;
    b.port.resume();
    expect(b.got.map(({ length }) => length)).toEqual(
      Array.from({ length: PORT_QUEUE_LIMIT }, (_, i) => 60 + (i % 1000)),
    );
  });

  it(
    `64 ports lose none of ${FRAMES} frames within the limits, and account for those beyond`,
    { timeout: 120_000 },
    () => {
      const network = new VirtualSwitch();
      const counts = new Array<number>(64).fill(0);
      const busy = new Array<boolean>(64).fill(false);
      const ports = counts.map((_, i) =>
        network.attach(String(i), {
          receive: () => {
            if (!busy[i]) counts[i]!++;
            return !busy[i];
          },
        }),
      );
      ports.forEach((port, i) => port.send(frame(BROADCAST, mac(i))));
      counts.fill(0);
      let x = 1;
      const random = (): number => {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        return x >>> 8;
      };
      const frames = ports.map((_, to) => frame(mac(to), mac(0)));
      for (let i = 0; i < FRAMES; i++) {
        const from = random() % 64;
        let to = random() % 64;
        if (to === from) to = (to + 1) % 64;
        const bytes = frames[to]!.slice();
        bytes.set(mac(from), 6);
        ports[from]!.send(bytes);
        if (random() % 50 === 0) {
          const at = random() % 64;
          busy[at] = !busy[at];
          if (!busy[at]) ports[at]!.resume();
        }
      }
      busy.fill(false);
      for (const port of ports) port.resume();
      const received = counts.reduce((sum, count) => sum + count, 0);
      const dropped = ports.reduce((sum, { statistics }) => sum + statistics.dropped, 0);
      expect(received + dropped).toBe(FRAMES);
      const sent = ports.reduce((sum, { statistics }) => sum + statistics.framesIn, 0);
      expect(sent).toBe(FRAMES + 64);
    },
  );
});
