/** What networks do with the host: files, sockets, threads. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameSplitter, withLength } from '../../src/network/frame-stream.ts';
import { Networks, NetworkError } from '../../src/network/networks.ts';
import type { AdapterCable } from '../../src/network/networks.ts';
import type { NetworkAdapterConfiguration } from '../../src/network/configuration.ts';
import { openFolder, openLeases, openSink } from '../../src/network/node-files.ts';
import { nodeNetworkServices } from '../../src/network/node-services.ts';
import { pcapngHeader, pcapngPacket } from '../../src/network/pcapng.ts';
import { VirtualNetwork } from '../../src/network/virtual-network.ts';
import { MockClock } from '../devices/support.ts';

const TSHARK = '/usr/bin/tshark';
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'vs-net-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(done()).toBe(true);
}

/** A broadcast frame. */
function frame(text: string): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.fill(255, 0, 6);
  bytes.set([2, 0, 0, 0, 0, 1], 6);
  bytes.set(new TextEncoder().encode(text), 14);
  return bytes;
}

class Cable implements AdapterCable {
  output: ((frame: Uint8Array) => void) | undefined;
  link = false;
  readonly got: string[] = [];
  input(bytes: Uint8Array): void {
    this.got.push(new TextDecoder().decode(bytes.subarray(14)).replace(/\0+$/, ''));
  }
}

function networks(adapters: NetworkAdapterConfiguration[], services = nodeNetworkServices) {
  const cables = adapters.map(() => new Cable());
  const problems: string[] = [];
  const all = new Networks({
    clock: new MockClock(),
    adapters,
    cables,
    services,
    wake: () => {},
    onProblem: (adapter, message) => void problems.push(`${adapter}: ${message}`),
    onLease: () => {},
  });
  return { all, cables, problems };
}

describe('connections', () => {
  it('of the same name are one network; an unplugged adapter has no link', () => {
    const { all, cables } = networks([
      { connection: { kind: 'internal', name: 'a' } },
      { connection: { kind: 'internal', name: 'a' } },
      { connection: { kind: 'internal', name: 'b' } },
      {},
    ]);
    cables[0]!.output!(frame('hello'));
    expect(cables.map(({ got, link }) => [got.length, link])).toEqual([
      [0, true],
      [1, true],
      [0, true],
      [0, false],
    ]);
    all.close();
  });

  it('by stream: one side waits, the other calls, whichever comes first', async () => {
    const path = join(folder, 'wire');
    const calling = networks([{ connection: { kind: 'stream', path } }]);
    await until(() => calling.problems.length === 1);
    const waiting = networks([{ connection: { kind: 'stream', path, listen: true } }]);
    const said = (): boolean => waiting.cables[0]!.got.length > 0;
    await until(() => {
      if (!said()) calling.cables[0]!.output!(frame('hello'));
      return said();
    });
    waiting.cables[0]!.output!(frame('and back'));
    await until(() => calling.cables[0]!.got.includes('and back'));
    calling.all.close();
    waiting.all.close();
  });

  it('by datagram', async () => {
    const [a, b] = [41_763, 41_764];
    const one = networks([{ connection: { kind: 'dgram', local: { port: a }, remote: { port: b } } }]);
    const two = networks([{ connection: { kind: 'dgram', local: { port: b }, remote: { port: a } } }]);
    await until(() => {
      one.cables[0]!.output!(frame('hello'));
      return two.cables[0]!.got.includes('hello');
    });
    one.all.close();
    two.all.close();
  });

  it('fail with a message where the host has nothing for them', () => {
    const bare = { wallClock: () => 0 };
    for (const adapter of [
      { connection: { kind: 'nat' } },
      { connection: { kind: 'stream', port: 1 } },
      { connection: { kind: 'internal' }, capture: 'x' },
      { connection: { kind: 'internal', dhcp: {}, pxe: { folder } } },
    ] satisfies NetworkAdapterConfiguration[])
      expect(() => networks([adapter], bare)).toThrow(NetworkError);
    const pxe = { kind: 'internal', dhcp: {}, pxe: { folder: join(folder, 'absent') } } as const;
    expect(() => networks([{ connection: pxe }])).toThrow(/absent/);
  });
});

describe('frames in a stream', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const frames = [60, 1514, 14, 0, 900].map((length) => new Uint8Array(length).fill(length));
    const stream = Buffer.concat(frames.map(withLength));
    for (const cut of [1, 3, 7, 1000, stream.length]) {
      const got: Uint8Array[] = [];
      const splitter = new FrameSplitter((one) => got.push(one));
      for (let at = 0; at < stream.length; at += cut) expect(splitter.push(stream.subarray(at, at + cut))).toBe(true);
      expect(got.map((one) => Buffer.from(one))).toEqual(frames.map((one) => Buffer.from(one)));
    }
  });

  it('longer than any frame end the stream', () => {
    expect(new FrameSplitter(() => {}).push(Uint8Array.of(0x7f, 0, 0, 0, 1))).toBe(false);
  });
});

describe('files', () => {
  it('of a folder are given out, and nothing beside it', () => {
    const root = join(folder, 'boot');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(root, 'sub', 'a'), 'content');
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(root, 'link'));
    const files = openFolder(root);
    for (const name of ['sub/a', '/sub/a', '\\sub\\a', '//sub/a']) {
      const file = files(name)!;
      expect([file.size, Buffer.from(file.read(2, 3)).toString()]).toEqual([7, 'nte']);
      file.close();
    }
    for (const name of [
      '',
      '/',
      'sub',
      '../secret',
      '/../secret',
      '..\\secret',
      'sub/../../secret',
      'link',
      'a\0b',
      'no',
    ])
      expect([name, files(name)]).toEqual([name, undefined]);
    expect(() => openFolder(join(root, 'sub', 'a'))).toThrow(NetworkError);
  });

  it('of leases survive; damaged ones count as empty', () => {
    const path = join(folder, 'leases.json');
    const store = openLeases(path);
    expect(store.load()).toEqual([]);
    const leases = [{ client: 'mac:0003ff000001', address: 0x0af40010, expires: Date.UTC(2030, 1, 1) }];
    store.save(leases);
    expect(readFileSync(path, 'utf8')).toContain('10.244.0.16');
    expect(openLeases(path).load()).toEqual(leases);
    for (const text of ['{', '{}', '[1, null, {"client": 5}]', '[{"client":"a","address":"x"}]']) {
      writeFileSync(path, text);
      expect(openLeases(path).load()).toEqual([]);
    }
  });

  it.skipIf(!existsSync(TSHARK) && !process.env['CI'])('of captures are read by tshark (needs tshark)', () => {
    const path = join(folder, 'capture.pcapng');
    const sink = openSink(path);
    sink.write(pcapngHeader('adapter 0'));
    for (const [seconds, length] of [
      [1_100_000_000n, 60],
      [1_100_000_001n, 61],
      [1_100_000_002n, 1514],
    ] as const)
      sink.write(
        pcapngPacket(
          seconds * 1_000_000_000n + 123_456_789n,
          frame('x').length === length ? frame('x') : new Uint8Array(length),
        ),
      );
    sink.close();
    const out = execFileSync(
      TSHARK,
      ['-r', path, '-T', 'fields', '-e', 'frame.time_epoch', '-e', 'frame.len', '-e', 'frame.interface_name'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    ).toString();
    expect(out.trim().split('\n')).toEqual([
      '1100000000.123456789\t60\tadapter 0',
      '1100000001.123456789\t61\tadapter 0',
      '1100000002.123456789\t1514\tadapter 0',
    ]);
  });
});

describe('a virtual network of the program', () => {
  it('joins stations over message ports', async () => {
    const network = new VirtualNetwork();
    const sides = [0, 1, 2].map(() => networks([{}]));
    const plugs = sides.map((_, i) => network.connect(String(i)));
    sides.forEach(({ all }, i) => all.connect(0, plugs[i]!.port));
    for (let i = 0; i < 300; i++) sides[0]!.cables[0]!.output!(frame(`frame ${i}`));
    await until(() => sides[2]!.cables[0]!.got.length === 300);
    expect(sides[1]!.cables[0]!.got).toEqual(Array.from({ length: 300 }, (_, i) => `frame ${i}`));
    plugs[1]!.close();
    await until(() => !sides[1]!.cables[0]!.link);
    expect(network.ports.length).toBe(2);
    for (const { all } of sides) all.close();
    network.close();
  });

  it('lets no station fill the memory of another', async () => {
    const network = new VirtualNetwork();
    const [a, b] = [network.connect('a'), network.connect('b')];
    const side = networks([{}]);
    side.all.connect(0, a.port);
    // Nobody reads at b.
    for (let i = 0; i < 20; i++) {
      for (let n = 0; n < 200; n++) side.cables[0]!.output!(frame('x'));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until(() => b.statistics.dropped > 0);
    expect(b.statistics.framesOut).toBeLessThanOrEqual(512);
    side.all.close();
    network.close();
  });
});

describe('address translation with the sockets of the host', () => {
  it('talks to a server on the loopback', async () => {
    const received: string[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (bytes) => received.push(bytes.toString()));
      socket.on('end', () => socket.end('bye'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const got: string[] = [];
    const calls: string[] = [];
    const socket = nodeNetworkServices.sockets!.connect('127.0.0.1', port, {
      connected: () => void calls.push('connected'),
      failed: (reason) => void calls.push(reason),
      data: (bytes) => void got.push(Buffer.from(bytes).toString()),
      ended: () => void calls.push('ended'),
      flushed: (count) => void calls.push(`flushed ${count}`),
      reset: () => void calls.push('reset'),
    });
    await until(() => calls.includes('connected'));
    socket.write(new TextEncoder().encode('hello'));
    socket.end();
    await until(() => calls.includes('ended'));
    expect([received, got]).toEqual([['hello'], ['bye']]);
    expect(calls).toEqual(['connected', 'flushed 5', 'ended']);
    server.close();
  });

  it('tells a refused connection, and forwards ports', async () => {
    const calls: string[] = [];
    const handlers = {
      connected: () => void calls.push('connected'),
      failed: (reason: string) => void calls.push(reason),
      data: (bytes: Uint8Array) => void calls.push(Buffer.from(bytes).toString()),
      ended: () => void calls.push('ended'),
      flushed: () => {},
      reset: () => void calls.push('reset'),
    };
    const { sockets } = nodeNetworkServices;
    const spare = createServer();
    await new Promise<void>((resolve) => spare.listen(0, '127.0.0.1', resolve));
    const { port } = spare.address() as { port: number };
    const taken: string[] = [];
    sockets!.listen(
      { address: '127.0.0.1', port },
      () => handlers,
      (message) => taken.push(message),
    );
    await until(() => taken.length === 1);
    await new Promise((resolve) => spare.close(resolve));
    sockets!.connect('127.0.0.1', port, handlers);
    await until(() => calls.includes('refused'));
    const listener = sockets!.listen(
      { address: '127.0.0.1', port },
      () => handlers,
      () => {},
    );
    const client = connect(port, '127.0.0.1', () => client.write('knock'));
    client.on('error', () => {});
    await until(() => calls.includes('knock'));
    listener.close();
  });
});
