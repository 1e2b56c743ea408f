/** Two ends of a connection over a line that loses, repeats and reorders; and an end against segments made by hand. */
import { describe, expect, it } from 'vitest';
import { Impairment } from '../../src/network/impairment.ts';
import type { ImpairmentConfiguration } from '../../src/network/impairment.ts';
import { RECEIVE_WINDOW, TcpConnection } from '../../src/network/tcp-connection.ts';
import type { TcpSegment } from '../../src/network/tcp-segment.ts';
import { readTcp, tcpSegment } from '../../src/network/tcp-segment.ts';
import { MockClock } from '../devices/support.ts';

const A = 0x0a000001;
const B = 0x0a000002;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

class End {
  connection: TcpConnection | undefined;
  readonly received: Uint8Array[] = [];
  connected = 0;
  ended = 0;
  closed: string | undefined;
  /** Whether what arrives is taken at once. */
  greedy = true;
  total = 0;
  readonly segments: TcpSegment[] = [];
  send: (segment: TcpSegment) => void = () => {};
  readonly clock: MockClock;

  constructor(clock: MockClock) {
    this.clock = clock;
  }

  options(initialSequence: number, localPort: number, remotePort: number): Parameters<typeof TcpConnection.open>[0] {
    return {
      clock: this.clock,
      name: `port ${localPort}`,
      localPort,
      remotePort,
      initialSequence,
      events: {
        send: (segment) => {
          this.segments.push(segment);
          this.send(segment);
        },
        connected: () => this.connected++,
        data: (bytes) => {
          this.received.push(bytes);
          this.total += bytes.length;
          if (this.greedy) this.connection!.consumed(bytes.length);
        },
        ended: () => this.ended++,
        drained: () => {},
        closed: (reason) => (this.closed = reason),
      },
    };
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.total);
    let at = 0;
    for (const piece of this.received) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** A caller and the one it calls, over a line in each direction. Sequence numbers wrap on the way. */
function pair(line: ImpairmentConfiguration = {}): { clock: MockClock; caller: End; callee: End } {
  const clock = new MockClock();
  const caller = new End(clock);
  const callee = new End(clock);
  const decode = (bytes: Uint8Array, from: number, to: number): TcpSegment => {
    const segment = readTcp(from, to, bytes);
    if (!segment) throw new Error('a segment with a wrong checksum');
    return segment;
  };
  const there = new Impairment(clock, { delayMs: 1, ...line }, (bytes) => {
    const segment = decode(bytes, A, B);
    if (callee.connection) callee.connection.receive(segment);
    else if (segment.flags & SYN)
      callee.connection = TcpConnection.accept(callee.options(0xfffff000, 80, 1000), segment);
  });
  const back = new Impairment(clock, { delayMs: 1, ...line, seed: (line.seed ?? 1) + 1 }, (bytes) =>
    caller.connection!.receive(decode(bytes, B, A)),
  );
  caller.send = (segment) => there.send(tcpSegment(A, B, segment));
  callee.send = (segment) => back.send(tcpSegment(B, A, segment));
  caller.connection = TcpConnection.open(caller.options(0xffffff00, 1000, 80));
  return { clock, caller, callee };
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

describe('two ends', () => {
  it('greet, talk both ways, and part', () => {
    const { clock, caller, callee } = pair();
    clock.advance(10e6);
    expect([caller.connected, callee.connected]).toEqual([1, 1]);
    caller.connection!.write(pattern(5000));
    callee.connection!.write(pattern(300));
    clock.advance(100e6);
    expect(Buffer.compare(callee.bytes, pattern(5000))).toBe(0);
    expect(Buffer.compare(caller.bytes, pattern(300))).toBe(0);
    caller.connection!.end();
    callee.connection!.end();
    clock.advance(10e9);
    expect([caller.closed, callee.closed, caller.ended, callee.ended]).toEqual(['done', 'done', 1, 1]);
    expect(clock.nextDeadline).toBe(Infinity);
  });

  it('half-closed, go on in the other direction', () => {
    const { clock, caller, callee } = pair();
    clock.advance(10e6);
    caller.connection!.end();
    clock.advance(10e6);
    expect([callee.ended, callee.closed]).toEqual([1, undefined]);
    const data = pattern(200_000);
    callee.connection!.write(data);
    clock.advance(1e9);
    expect(Buffer.compare(caller.bytes, data)).toBe(0);
    callee.connection!.end();
    clock.advance(10e9);
    expect([caller.closed, callee.closed]).toEqual(['done', 'done']);
  });

  const LINES: readonly ImpairmentConfiguration[] = [
    { loss: 0.01, reorder: 0.01 },
    { loss: 0.1 },
    { reorder: 0.3 },
    { loss: 0.05, reorder: 0.1, bandwidth: 10_000_000 },
    { loss: 0.3, seed: 5 },
    ...Array.from({ length: 10 }, (_, seed) => ({ loss: 0.15, reorder: 0.1, seed: seed + 10 })),
  ];
  for (const line of LINES) {
    it(`over a line with ${JSON.stringify(line)} carry everything, in order, once`, () => {
      const { clock, caller, callee } = pair(line);
      const [up, down] = [pattern(300_000), pattern(500_001)];
      caller.connection!.write(up);
      caller.connection!.end();
      clock.advanceUntil(() => callee.connection !== undefined, 60e9);
      callee.connection!.write(down);
      callee.connection!.end();
      clock.advanceUntil(() => caller.ended === 1 && callee.ended === 1, 3000e9);
      expect(Buffer.compare(callee.bytes, up)).toBe(0);
      expect(Buffer.compare(caller.bytes, down)).toBe(0);
      clock.advance(200e9);
      expect([caller.closed !== undefined, callee.closed !== undefined]).toEqual([true, true]);
    });
  }

  it('fill a fast line: a megabyte in the time of a few round trips', () => {
    const { clock, caller, callee } = pair();
    clock.advance(10e6);
    const start = clock.now();
    caller.connection!.write(pattern(1 << 20));
    clock.advanceUntil(() => callee.total === 1 << 20, 60e9);
    expect(clock.now() - start).toBeLessThan(50e6);
  });

  it('wait for a receiver that takes nothing, and go on when it does', () => {
    const { clock, caller, callee } = pair();
    clock.advance(10e6);
    callee.greedy = false;
    const data = pattern(3 << 20);
    caller.connection!.write(data);
    clock.advance(30e9);
    // The window is told in units of 64 bytes.
    expect(RECEIVE_WINDOW - callee.total).toBeLessThan(64);
    expect(caller.closed).toBeUndefined();
    // Small sips: the window opens late, not for each.
    callee.greedy = true;
    callee.connection!.consumed(callee.total);
    clock.advanceUntil(() => callee.total === data.length, 300e9);
    expect(Buffer.compare(callee.bytes, data)).toBe(0);
  });

  it('give up in the end when nobody answers', () => {
    const clock = new MockClock();
    const end = new End(clock);
    end.connection = TcpConnection.open(end.options(1, 1000, 80));
    clock.advance(2000e9);
    expect(end.closed).toBe('timeout');
    expect(end.segments.filter(({ flags }) => flags & SYN).length).toBeLessThan(20);
    expect(clock.nextDeadline).toBe(Infinity);
  });
});

/** The called end, with a peer that is played by hand. */
function byHand(mss: number | undefined = 1000, windowScale: number | undefined = undefined, window = 8000) {
  const clock = new MockClock();
  const end = new End(clock);
  const segment = (
    flags: number,
    sequence: number,
    acknowledgement: number,
    data: Uint8Array = new Uint8Array(0),
    w = window,
  ) =>
    ({
      sourcePort: 1000,
      destinationPort: 80,
      sequence,
      acknowledgement,
      flags,
      window: w,
      mss: undefined,
      windowScale: undefined,
      data,
    }) as TcpSegment;
  end.connection = TcpConnection.accept(end.options(5000, 80, 1000), { ...segment(SYN, 100, 0), mss, windowScale });
  const give = (
    flags: number,
    sequence: number,
    acknowledgement: number,
    data?: Uint8Array,
    w?: number,
  ): TcpSegment[] => {
    end.segments.length = 0;
    end.connection!.receive(segment(flags, sequence, acknowledgement, data, w));
    return [...end.segments];
  };
  return { clock, end, give };
}

describe('one end', () => {
  it('answers a SYN with its own options, scaling only if the peer does', () => {
    const plain = byHand().end.segments[0]!;
    expect(plain).toMatchObject({ flags: SYN | ACK, sequence: 5000, acknowledgement: 101, mss: 1460 });
    expect(plain.windowScale).toBeUndefined();
    expect(byHand(1460, 7).end.segments[0]!.windowScale).toBe(6);
  });

  it('keeps to the segment size and to the window of the peer', () => {
    const { end, give } = byHand(1000, undefined, 2500);
    give(ACK, 101, 5001);
    end.segments.length = 0;
    end.connection!.write(pattern(10_000));
    expect(end.segments.map(({ data }) => data.length)).toEqual([1000, 1000]);
    expect(give(ACK, 101, 7001, undefined, 5000).map(({ data }) => data.length)).toEqual([
      1000, 1000, 1000, 1000, 1000,
    ]);
  });

  it('sends a lost segment again after three duplicates, and only that', () => {
    const { end, give } = byHand();
    give(ACK, 101, 5001);
    end.segments.length = 0;
    end.connection!.write(pattern(5000));
    expect(end.segments.length).toBe(5);
    expect([give(ACK, 101, 5001), give(ACK, 101, 5001)].map((sent) => sent.length)).toEqual([0, 0]);
    expect(give(ACK, 101, 5001).map(({ sequence, data }) => [sequence, data.length])).toEqual([[5001, 1000]]);
    expect(give(ACK, 101, 10_001)).toEqual([]);
  });

  it('backs off: each time-out is twice the last', () => {
    const { clock, end, give } = byHand();
    give(ACK, 101, 5001);
    end.connection!.write(pattern(10));
    end.segments.length = 0;
    const times: number[] = [];
    for (let i = 0; i < 4; i++) {
      const seen = end.segments.length;
      clock.advanceUntil(() => end.segments.length > seen, 100e9);
      times.push(clock.now() / 1e9);
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(gaps.map((gap, i) => gap / (gaps[0]! * 2 ** i))).toEqual([1, 1, 1]);
  });

  it('puts segments in order, tells of holes at once, and cuts overlaps', () => {
    const { end, give } = byHand();
    give(ACK, 101, 5001);
    const data = pattern(300);
    const at = (from: number, to: number) => give(ACK, 101 + from, 5001, data.subarray(from, to));
    expect(at(100, 200).map(({ acknowledgement }) => acknowledgement)).toEqual([101]);
    expect(at(50, 150).map(({ acknowledgement }) => acknowledgement)).toEqual([101]);
    expect(at(0, 60).map(({ acknowledgement }) => acknowledgement)).toEqual([301]);
    at(0, 300);
    expect(Buffer.compare(end.bytes, data)).toBe(0);
  });

  it('acknowledges small segments soon, and tells of its window only when it has opened by much', () => {
    const { clock, end, give } = byHand(1000, 7);
    give(ACK, 101, 5001);
    // The window of the SYN could not be told in full: the first data tells of it.
    expect(give(ACK, 101, 5001, pattern(5)).length).toBe(1);
    expect(give(ACK, 106, 5001, pattern(5))).toEqual([]);
    clock.advance(2e6);
    expect(end.segments.map(({ acknowledgement }) => acknowledgement)).toEqual([111]);
    end.greedy = false;
    for (let i = 0; i < 100; i++) give(ACK, 111 + 1000 * i, 5001, pattern(1000));
    end.segments.length = 0;
    for (let i = 0; i < 100; i++) end.connection!.consumed(1000);
    expect(end.segments.length).toBe(1);
  });

  it('takes a FIN in its turn only', () => {
    const { end, give } = byHand();
    give(ACK, 101, 5001);
    give(ACK | FIN, 151, 5001, pattern(50));
    expect(end.ended).toBe(0);
    const sent = give(ACK, 101, 5001, pattern(50));
    expect([end.ended, sent.at(-1)!.acknowledgement]).toEqual([1, 202]);
  });

  it('believes a reset at the expected place only', () => {
    const { end, give } = byHand();
    give(ACK, 101, 5001);
    give(RST, 150, 0);
    expect(end.closed).toBeUndefined();
    give(RST, 101, 0);
    expect(end.closed).toBe('reset');
  });

  it('asks a closed window from time to time, for as long as the peer answers', () => {
    const { clock, end, give } = byHand();
    give(ACK, 101, 5001, undefined, 0);
    end.connection!.write(pattern(2000));
    for (let i = 0; i < 40; i++) {
      clock.advance(60e9);
      give(ACK, 101, 5001, undefined, 0);
    }
    expect(end.closed).toBeUndefined();
    const sent = give(ACK, 101, 5001, undefined, 8000);
    expect(sent.map(({ sequence, data }) => [sequence, data.length])).toEqual([
      [5001, 1000],
      [6001, 1000],
    ]);
  });

  it('survives any segments', () => {
    let x = 7;
    const random = (): number => {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      return x >>> 4;
    };
    for (let round = 0; round < 200; round++) {
      const { clock, end, give } = byHand(
        random() & 0x7ff,
        random() & 1 ? random() & 31 : undefined,
        random() & 0xffff,
      );
      for (let i = 0; i < 50; i++) {
        const near = random() & 3;
        give(
          random() & 0x3f,
          near ? (101 + (random() % 4000) - 100) >>> 0 : (random() << 4) >>> 0,
          near ? 5001 + (random() % 4000) - 100 : (random() << 4) >>> 0,
          pattern(random() % 1600),
          random() & 0xffff,
        );
        if (random() % 5 === 0) end.connection!.write(pattern(random() % 5000));
        if (random() % 40 === 0) end.connection!.end();
        if (random() % 3 === 0) clock.advance(random() % 3e9);
      }
      const before = clock.fired;
      clock.advance(10_000e9);
      expect(clock.fired - before).toBeLessThan(2000);
    }
  });
});
