/** Clients that do not keep to the protocol, are slow, or go away in the middle. */
import net from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { RawImage, MemoryFile, DiskError, DiskErrorCode } from '../../vhd/index.ts';
import { exportOfImage, NbdServer, type NbdExport, type NbdServerOptions } from '../../src/nbd/index.ts';
import { seededRandom } from '../vhd/random.ts';

const SIZE = 64 << 20;
let server: NbdServer | undefined;
let port = 0;
let clients: net.Socket[] = [];
afterEach(async () => {
  for (const socket of clients) socket.destroy();
  clients = [];
  await server?.close();
});

async function start(options: NbdServerOptions = {}, disk?: Partial<NbdExport>): Promise<void> {
  const file = new MemoryFile('disk');
  file.truncate(SIZE);
  file.write(0, Buffer.alloc(1 << 20, 0x11));
  const whole = exportOfImage(new RawImage(file), 'disk', '');

  server = new NbdServer([{ ...whole, ...disk }], options);
  const at = await server.listen({ host: '127.0.0.1', port: 0 });
  port = (at as { port: number }).port;
}

/** A client that says and hears bytes. */
class Client {
  readonly socket: net.Socket;
  private bytes = Buffer.alloc(0);
  private changed = (): void => undefined;

  constructor() {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (part: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, part]);
      this.changed();
    });
    for (const event of ['end', 'close']) this.socket.on(event, () => this.changed());
    clients.push(this.socket);
  }

  async hear(length: number): Promise<Buffer> {
    while (this.bytes.length < length) {
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error('the server hung up');
      await new Promise<void>((resolve) => (this.changed = resolve));
    }
    const heard = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return heard;
  }

  say(...parts: (Buffer | string)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  }

  async hungUp(): Promise<boolean> {
    this.socket.resume();
    if (!this.socket.destroyed && !this.socket.readableEnded) await once(this.socket, 'close');
    return true;
  }

  /** Says hello; what comes next are options. */
  async hello(flags = 3): Promise<this> {
    expect((await this.hear(18)).subarray(0, 16).toString()).toBe('NBDMAGICIHAVEOPT');
    this.say(u32(flags));
    return this;
  }

  async option(option: number, data: Buffer = Buffer.alloc(0)): Promise<{ type: number; data: Buffer }> {
    this.say('IHAVEOPT', u32(option), u32(data.length), data);
    return await this.answer();
  }

  async answer(): Promise<{ type: number; data: Buffer }> {
    const header = await this.hear(20);
    expect(header.readBigUInt64BE(0)).toBe(0x3e889045565a9n);
    return { type: header.readUInt32BE(12), data: await this.hear(header.readUInt32BE(16)) };
  }

  /** Chooses the export the old way: no structured replies. */
  async attach(): Promise<this> {
    await this.hello();
    this.say('IHAVEOPT', u32(1), u32(0));
    expect((await this.hear(10)).readBigUInt64BE(0)).toBe(BigInt(SIZE));
    return this;
  }

  request(command: number, offset: number | bigint, length: number, flags = 0): void {
    const header = Buffer.alloc(28);
    header.writeUInt32BE(0x25609513, 0);
    header.writeUInt16BE(flags, 4);
    header.writeUInt16BE(command, 6);
    header.writeBigUInt64BE(7n, 8);
    header.writeBigUInt64BE(BigInt(offset), 16);
    header.writeUInt32BE(length, 24);
    this.say(header);
  }

  async reply(): Promise<number> {
    const header = await this.hear(16);
    expect([header.readUInt32BE(0), header.readBigUInt64BE(8)]).toEqual([0x67446698, 7n]);
    return header.readUInt32BE(4);
  }

  /** A request that works shows that the connection is in order. */
  async works(): Promise<boolean> {
    this.request(0, 0, 512);
    return (await this.reply()) === 0 && (await this.hear(512)).every((byte) => byte === 0x11);
  }
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0, 0);
  return bytes;
};

const [READ, WRITE, FLUSH, TRIM, ZEROES, STATUS] = [0, 1, 3, 4, 6, 7];
const [EINVAL, ENOSPC, EOVERFLOW, EIO] = [22, 28, 75, 5];

describe('requests that cannot be', () => {
  it.each([
    ['read behind the end', READ, SIZE - 100, 101, EINVAL],
    ['read far behind the end', READ, 2n ** 63n, 512, EINVAL],
    ['read of nothing', READ, 0, 0, EINVAL],
    ['read of more than 32 MiB', READ, 0, (32 << 20) + 1, EOVERFLOW],
    ['zeros behind the end', ZEROES, SIZE - 1, 2, ENOSPC],
    ['trim behind the end', TRIM, SIZE - 1, 0xffffffff, EINVAL],
    ['flush of a range', FLUSH, 1, 0, EINVAL],
    ['status without agreement', STATUS, 0, 512, EINVAL],
    ['unknown command', 99, 0, 512, EINVAL],
  ] as const)('%s', async (_, command, offset, length, error) => {
    await start();
    const client = await new Client().attach();
    client.request(command, offset, length);
    expect(await client.reply()).toBe(error);
    expect(await client.works()).toBe(true);
  });

  it('unknown flags', async () => {
    await start();
    const client = await new Client().attach();
    client.request(READ, 0, 512, 0x8000);
    expect(await client.reply()).toBe(EINVAL);
    expect(await client.works()).toBe(true);
  });

  it('the data of a write that is refused is skipped', async () => {
    await start();
    const client = await new Client().attach();
    client.request(WRITE, SIZE - 512, 1024);
    client.say(Buffer.alloc(1024, 0xee));
    expect(await client.reply()).toBe(ENOSPC);
    expect(await client.works()).toBe(true);
  });

  it('a write of more than 32 MiB ends the connection before anything is taken', async () => {
    await start();
    const client = await new Client().attach();
    client.request(WRITE, 0, 0xffffffff);
    expect(await client.hungUp()).toBe(true);
  });

  it('anything but a request ends the connection', async () => {
    await start();
    const client = await new Client().attach();
    client.say(Buffer.alloc(28, 0x41));
    expect(await client.hungUp()).toBe(true);
  });

  it('an error in the middle of the disk: the reply has it, or, when data was promised already, the connection ends', async () => {
    const broken = (offset: number, into: Uint8Array): void => {
      if (offset >= 2 << 20) throw new DiskError(DiskErrorCode.Io, 'broken');
      into.fill(0x11);
    };
    await start({}, { read: broken });
    const client = await new Client().attach();
    client.request(READ, 2 << 20, 512);
    expect(await client.reply()).toBe(EIO);
    expect(await client.works()).toBe(true);
    client.request(READ, 0, 4 << 20);
    expect(await client.hungUp()).toBe(true);
  });
});

describe('negotiation', () => {
  it('options of impossible length', async () => {
    await start();
    const client = await new Client().hello();
    client.say('IHAVEOPT', u32(7), u32(100_000), Buffer.alloc(100_000));
    expect((await client.answer()).type).toBe(0x80000009);
    client.say('IHAVEOPT', u32(7), u32(0xffffffff));
    expect(await client.hungUp()).toBe(true);
  });

  it('lengths inside an option that do not fit it', async () => {
    await start();
    const client = await new Client().hello();
    for (const data of [u32(0xffffffff), u32(4), Buffer.concat([u32(0), Buffer.of(0xff, 0xff)]), Buffer.alloc(0)]) {
      expect((await client.option(7, data)).type).toBe(0x80000003);
    }
    expect((await client.option(8, Buffer.alloc(1))).type).toBe(0x80000003);
    expect((await client.option(8)).type).toBe(1);
    for (const data of [Buffer.concat([u32(0), u32(0xffffffff)]), Buffer.concat([u32(0), u32(1), u32(100)]), u32(9)]) {
      expect((await client.option(10, data)).type).toBe(0x80000003);
    }
    // TLS and what came later is not had.
    expect((await client.option(5)).type).toBe(0x80000001);
    expect((await client.option(11)).type).toBe(0x80000001);
  });

  it('unknown client flags, another magic, endless options', async () => {
    await start();
    const first = new Client();
    await first.hear(18);
    first.say(u32(0xff));
    expect(await first.hungUp()).toBe(true);
    const second = await new Client().hello();
    second.say(Buffer.alloc(16, 0x20));
    expect(await second.hungUp()).toBe(true);
    const third = await new Client().hello();
    await expect(
      (async () => {
        for (let i = 0; i < 1000; i++) await third.option(99);
      })(),
    ).rejects.toThrow('hung up');
  });

  it('a client that does not choose is sent away', async () => {
    await start({ negotiationMs: 100 });
    const client = await new Client().hello();
    expect(await client.hungUp()).toBe(true);
  });

  it('a client that has chosen may be idle', async () => {
    await start({ negotiationMs: 50, stallMs: 50 });
    const client = await new Client().attach();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await client.works()).toBe(true);
  });
});

describe('slow and vanishing clients', () => {
  it('a client that does not read costs no more than a piece, and others are served', async () => {
    let read = 0;
    await start({}, { read: (_, into) => void ((read += into.length), into.fill(0x11)) });
    const slow = await new Client().attach();
    slow.socket.pause();
    for (let i = 0; i < 100; i++) slow.request(READ, 0, 32 << 20);
    const other = await new Client().attach();
    for (let i = 0; i < 20; i++) expect(await other.works()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Buffers of the host take a few megabytes; nothing like the 3 GiB asked for.
    expect(read).toBeLessThan(32 << 20);
  });

  it('a client that stalls in the middle of a request is cut off', async () => {
    await start({ stallMs: 100 });
    const client = await new Client().attach();
    client.request(WRITE, 0, 4096);
    client.say(Buffer.alloc(100));
    expect(await client.hungUp()).toBe(true);
  });

  it('clients that go away at any point leave the server in order', async () => {
    let count = 0;
    await start({ onClients: (now) => (count = now) });
    const random = seededRandom(3);
    const session = Buffer.concat([
      u32(3),
      Buffer.from('IHAVEOPT'),
      u32(1),
      u32(0),
      ...[READ, WRITE, READ].map((command) => {
        const header = Buffer.alloc(28);
        header.writeUInt32BE(0x25609513, 0);
        header.writeUInt16BE(command, 6);
        header.writeUInt32BE(1 << 20, 24);
        return command === WRITE ? Buffer.concat([header, Buffer.alloc(1 << 20)]) : header;
      }),
    ]);
    for (let i = 0; i < 60; i++) {
      const client = new Client();
      client.say(session.subarray(0, 1 + random(i % 2 === 0 ? 80 : session.length)));
      await new Promise((resolve) => setTimeout(resolve, random(4)));
      if (i % 3 === 0) client.socket.resetAndDestroy();
      else if (i % 3 === 1) client.socket.end();
      else client.socket.destroy();
    }
    const deadline = Date.now() + 5000;
    while (count > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(count).toBe(0);
    expect(await (await new Client().attach()).works()).toBe(true);
  });

  it('no more clients than allowed', async () => {
    await start({ connections: 2 });
    await new Client().attach();
    const second = await new Client().attach();
    expect(await new Client().hungUp()).toBe(true);
    second.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await (await new Client().attach()).works()).toBe(true);
  });

  // VS_FUZZ_COUNT runs more.
  const count = Number(process.env['VS_FUZZ_COUNT'] ?? 100);
  it(`${count} sessions of random bytes`, { timeout: 3_600_000 }, async () => {
    await start({ negotiationMs: 300, stallMs: 100 });
    for (let seed = 1; seed <= count; seed += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, i) => randomSession(seededRandom(seed + i))));
    }
    expect(await (await new Client().attach()).works()).toBe(true);
  });
});

/** Random bytes after a beginning that is good for some way; the server ends the connection sooner or later. */
async function randomSession(random: (limit: number) => number): Promise<void> {
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));
  const client = new Client();
  const parts: (Buffer | string)[] = [];
  if (random(4) > 0) parts.push(u32(random(4)));
  if (parts.length > 0 && random(4) > 0) parts.push('IHAVEOPT', u32(8), u32(0));
  if (parts.length > 0 && random(3) > 0) parts.push('IHAVEOPT', u32(random(12)), u32(random(40)));
  else if (parts.length > 0) {
    // Into the second part of the session, with requests that are nearly right.
    parts.push('IHAVEOPT', u32(1), u32(0));
    for (let i = 0; i < 1 + random(5); i++) {
      const header = bytes(28);
      header.writeUInt32BE(0x25609513, 0);
      header.writeUInt16BE(random(4) === 0 ? random(65_536) : 0, 4);
      header.writeUInt16BE(random(9), 6);
      if (random(4) > 0) header.writeBigUInt64BE(BigInt(random(SIZE)), 16);
      if (random(4) > 0) header.writeUInt32BE(random(100_000), 24);
      parts.push(header);
    }
  }
  client.say(...parts, bytes(random(300)));
  client.socket.end();
  await client.hungUp();
}
