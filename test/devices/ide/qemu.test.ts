/**
 * The same register scripts run on our PIIX4 and on QEMU's PIIX3 (through its qtest port, without a processor); what the
 * standards fix must come out the same. Skipped where QEMU is not installed, unless CI is set.
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessSize } from '../../../devices/bus.ts';
import { IdeRig, PatternCd, pattern, SparseDisk } from './rig.ts';

const QEMU = '/usr/bin/qemu-system-i386';
const present = fs.existsSync(QEMU) || process.env['CI'] !== undefined;

const SECTORS = 16_384;
const BLOCKS = 700;
const BM = 0xc000;

/** A computer whose ports and memory can be reached from outside. */
interface Subject {
  in(port: number, size?: AccessSize): Promise<number>;
  out(port: number, value: number, size?: AccessSize): Promise<void>;
  peek(address: number, length: number): Promise<Uint8Array>;
  poke(address: number, bytes: Uint8Array): Promise<void>;
  /** Lets some time pass. */
  pause(): Promise<void>;
}

function ours(): Subject {
  const rig = new IdeRig();
  rig.disk(new SparseDisk(SECTORS), { geometry: { cylinders: 16, heads: 16, sectorsPerTrack: 63 } });
  rig.cdrom({ media: new PatternCd(BLOCKS) }, 1, 0);
  rig.powerOn();
  rig.pci.write(7, 1, 0x20, BM | 1);
  return {
    in: async (port, size = 1) => rig.io.in(port, size),
    out: async (port, value, size = 1) => rig.io.out(port, value, size),
    peek: async (address, length) => rig.memory.bytes.slice(address, address + length),
    poke: async (address, bytes) => rig.memory.bytes.set(bytes, address),
    pause: async () => rig.clock.advance(5_000),
  };
}

class Qemu implements Subject {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(folder: string) {
    const disk = path.join(folder, 'disk.img');
    const cd = path.join(folder, 'disc.iso');
    fs.writeFileSync(disk, Buffer.concat(Array.from({ length: SECTORS }, (_, lba) => pattern(lba, 512))));
    fs.writeFileSync(cd, Buffer.concat(Array.from({ length: BLOCKS }, (_, block) => pattern(block, 2048))));
    this.#process = spawn(QEMU, [
      ...['-M', 'pc', '-S', '-qtest', 'stdio', '-qtest-log', 'none', '-display', 'none', '-nodefaults', '-m', '16'],
      ...['-drive', `file=${disk},format=raw,if=ide,index=0`],
      ...['-drive', `file=${cd},format=raw,media=cdrom,if=ide,index=2`],
    ]);
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      if (line.startsWith('OK') || line.startsWith('FAIL')) this.#waiting.shift()?.(line);
    });
  }

  async start(): Promise<void> {
    const function1 = 0x80000900; // 00:01.1
    await this.out(0xcf8, function1 | 0x20, 4);
    await this.out(0xcfc, BM | 1, 4);
    await this.out(0xcf8, function1 | 0x04, 4);
    await this.out(0xcfc, 5, 2);
  }

  stop(): void {
    this.#process.kill();
  }

  #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((line) => (line.startsWith('OK') ? resolve(line.slice(3)) : reject(new Error(line))));
      this.#process.stdin.write(`${command}\n`);
    });
  }

  async in(port: number, size: AccessSize = 1): Promise<number> {
    return Number(await this.#ask(`in${' bw l'[size]} ${port}`));
  }

  async out(port: number, value: number, size: AccessSize = 1): Promise<void> {
    await this.#ask(`out${' bw l'[size]} ${port} ${value >>> 0}`);
  }

  async peek(address: number, length: number): Promise<Uint8Array> {
    return new Uint8Array(Buffer.from((await this.#ask(`read ${address} ${length}`)).slice(2), 'hex'));
  }

  async poke(address: number, bytes: Uint8Array): Promise<void> {
    await this.#ask(`write ${address} ${bytes.length} 0x${Buffer.from(bytes).toString('hex')}`);
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Host software for one channel, as the ATA documents describe it. */
class Driver {
  readonly subject: Subject;
  readonly base: number;

  constructor(subject: Subject, base: number) {
    this.subject = subject;
    this.base = base;
  }

  get #bm(): number {
    return this.base === 0x1f0 ? BM : BM + 8;
  }

  async settle(): Promise<number> {
    for (let i = 0; i < 5000; i++) {
      const status = await this.subject.in(this.base + 0x206);
      if (!(status & 0x80)) return status;
      await this.subject.pause();
    }
    throw new Error('busy for ever');
  }

  async registers(...values: number[]): Promise<void> {
    // feature, count, low, mid, high, device
    for (const [i, value] of values.entries()) await this.subject.out(this.base + 1 + i, value);
  }

  /** Registers from `first` to `last`. */
  async show(first: number, last: number): Promise<number[]> {
    const values: number[] = [];
    for (let i = first; i <= last; i++) values.push(await this.subject.in(this.base + i));
    return values;
  }

  async lba28(lba: number, count: number): Promise<void> {
    await this.registers(0, count, lba & 0xff, (lba >> 8) & 0xff, (lba >> 16) & 0xff, 0xe0 | (lba >> 24));
  }

  async run(command: number): Promise<number> {
    await this.subject.out(this.base + 7, command);
    await this.settle();
    return this.subject.in(this.base + 7);
  }

  async words(count: number): Promise<Uint8Array> {
    const data = new Uint8Array(2 * count);
    for (let i = 0; i < count; i++) {
      const word = await this.subject.in(this.base, 2);
      data[2 * i] = word;
      data[2 * i + 1] = word >> 8;
    }
    return data;
  }

  async send(data: Uint8Array): Promise<void> {
    for (let i = 0; i < data.length; i += 2) await this.subject.out(this.base, data[i]! | (data[i + 1]! << 8), 2);
  }

  async reset(): Promise<number> {
    await this.subject.out(this.base + 0x206, 0x04);
    await this.subject.pause();
    await this.subject.out(this.base + 0x206, 0x00);
    return this.settle();
  }

  async prd(entries: readonly (readonly [number, number])[]): Promise<void> {
    const table = new DataView(new ArrayBuffer(8 * entries.length));
    entries.forEach(([address, bytes], i) => {
      table.setUint32(8 * i, address, true);
      table.setUint32(8 * i + 4, (bytes | (i === entries.length - 1 ? 0x80000000 : 0)) >>> 0, true);
    });
    await this.subject.poke(0x1000, new Uint8Array(table.buffer));
    await this.subject.out(this.#bm + 4, 0x1000, 4);
  }

  /** Runs a DMA command (or a packet already sent) to where nothing changes any more; gives bus master status, then stops. */
  async dma(toMemory: boolean, command?: number): Promise<{ busMaster: number; status: number }> {
    await this.subject.out(this.#bm + 2, 0x06);
    if (command !== undefined) await this.subject.out(this.base + 7, command);
    await this.subject.out(this.#bm, toMemory ? 0x09 : 0x01);
    let busMaster = 0;
    for (let i = 0; i < 200; i++) {
      await this.subject.pause();
      busMaster = (await this.subject.in(this.#bm + 2)) & 7;
      if (busMaster & 4 || !(busMaster & 1)) break;
    }
    const status = await this.subject.in(this.base + 7);
    await this.subject.out(this.#bm, 0);
    return { busMaster, status };
  }

  /** A packet command with its PIO data phases. */
  async packet(bytes: readonly number[], limit = 0xfffe, dma = false): Promise<{ status: number; data: Uint8Array }> {
    await this.registers(dma ? 1 : 0, 0, 0, limit & 0xff, limit >> 8, 0xa0);
    await this.run(0xa0);
    await this.send(Uint8Array.from({ length: 12 }, (_, i) => bytes[i] ?? 0));
    const parts: number[] = [];
    if (!dma) await this.settle();
    for (;;) {
      const status = dma ? 0 : await this.subject.in(this.base + 7);
      if ((status & 0x88) !== 0x08) return { status, data: Uint8Array.from(parts) };
      const [mid, high] = (await this.show(4, 5)) as [number, number];
      const length = mid | (high << 8);
      parts.push(...(await this.words((length + 1) >> 1)).subarray(0, length));
      await this.settle();
    }
  }

  /** Key and code of the sense data. */
  async sense(): Promise<string> {
    const { data } = await this.packet([0x03, 0, 0, 0, 18]);
    return `${data[2]!.toString(16)}/${data[12]!.toString(16)}`;
  }
}

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

/** Every script gives what it saw; the two sides must agree. */
const diskScripts: Record<string, (drive: Driver) => Promise<unknown>> = {
  'signature after software reset': async (drive) => [await drive.reset(), await drive.show(1, 5)],
  'signature after diagnostic': async (drive) => [await drive.run(0x90), await drive.show(1, 5)],
  'absent device 1': async (drive) => {
    await drive.subject.out(0x1f6, 0xb0);
    const seen = [await drive.subject.in(0x1f7), await drive.subject.in(0x3f6)];
    await drive.subject.out(0x1f6, 0xa0);
    return seen;
  },
  'identification: capacity and capabilities': async (drive) => {
    const status = await drive.run(0xec);
    const data = await drive.words(256);
    const word = (i: number): number => data[2 * i]! | (data[2 * i + 1]! << 8);
    return [
      status,
      word(0),
      word(49) & 0x0300,
      word(53),
      word(60),
      word(61),
      word(63) & 7,
      word(83) & 0xc400,
      word(100),
    ];
  },
  'reading sectors': async (drive) => {
    await drive.lba28(4000, 3);
    const seen: unknown[] = [await drive.run(0x20)];
    for (let i = 0; i < 3; i++) seen.push(await drive.words(256), await drive.settle());
    return seen;
  },
  'reading by cylinder, head and sector': async (drive) => {
    await drive.registers(0, 1, 17, 3, 0, 0xa5);
    return [await drive.run(0x20), await drive.words(256)];
  },
  'reading multiple sectors': async (drive) => {
    await drive.registers(0, 4);
    const seen: unknown[] = [await drive.run(0xc6)];
    await drive.lba28(100, 10);
    seen.push(await drive.run(0xc4));
    for (const sectors of [4, 4, 2]) seen.push(await drive.words(256 * sectors), await drive.settle());
    return seen;
  },
  'writing and reading back': async (drive) => {
    await drive.lba28(9000, 2);
    const seen: unknown[] = [await drive.run(0x30)];
    for (let i = 0; i < 2; i++) {
      await drive.send(pattern(77 + i, 512));
      seen.push(await drive.settle());
    }
    seen.push(await drive.run(0xe7));
    await drive.lba28(9000, 2);
    await drive.run(0x20);
    seen.push(await drive.words(256));
    await drive.settle();
    return [...seen, await drive.words(256)];
  },
  '48-bit reading': async (drive) => {
    await drive.registers(0, 0, 0, 0, 0, 0x40);
    await drive.registers(0, 1, 0x34, 0x12, 0);
    return [await drive.run(0x24), await drive.words(256)];
  },
  'a sector that is not there': async (drive) => {
    await drive.lba28(SECTORS, 1);
    return (await drive.run(0x20)) & 0x09;
  },
  'commands that are not there': async (drive) => {
    const seen: unknown[] = [];
    for (const command of [0x01, 0xa0, 0xa1, 0xff])
      seen.push([(await drive.run(command)) & 0x89, await drive.show(1, 1)]);
    return seen;
  },
  'power mode': async (drive) => [await drive.run(0xe5), await drive.show(2, 2)],
  'native capacity': async (drive) => {
    await drive.registers(0, 0, 0, 0, 0, 0xe0);
    return [await drive.run(0xf8), await drive.show(3, 5)];
  },
  'DMA read with scattered descriptors': async (drive) => {
    await drive.subject.poke(0x20000, filled(0x3000, 0));
    await drive.prd([
      [0x20000, 2],
      [0x20100, 510],
      [0x21000, 1026],
      [0x22000, 510],
    ]);
    await drive.lba28(77, 4);
    return [await drive.dma(true, 0xc8), await drive.subject.peek(0x20000, 0x3000)];
  },
  'DMA write': async (drive) => {
    await drive.subject.poke(0x20000, pattern(5, 1024));
    await drive.prd([
      [0x20000, 700],
      [0x202bc, 324],
    ]);
    await drive.lba28(500, 2);
    const seen = await drive.dma(false, 0xca);
    await drive.lba28(500, 1);
    await drive.run(0x20);
    return [seen, await drive.words(256)];
  },
  'DMA with a table that is longer': async (drive) => {
    await drive.prd([[0x20000, 4096]]);
    await drive.lba28(1, 1);
    return drive.dma(true, 0xc8);
  },
  'DMA with a table that is shorter': async (drive) => {
    await drive.prd([[0x20000, 512]]);
    await drive.lba28(1, 2);
    const { busMaster } = await drive.dma(true, 0xc8);
    return [busMaster, await drive.reset()];
  },
};

const cdScripts: Record<string, (drive: Driver) => Promise<unknown>> = {
  'signature after software reset': async (drive) => [await drive.reset(), await drive.show(1, 5)],
  'IDENTIFY DEVICE is aborted with the signature': async (drive) => {
    await drive.registers(0, 9, 9, 9, 9, 0xa0);
    return [(await drive.run(0xec)) & 0x89, await drive.show(1, 5)];
  },
  identification: async (drive) => {
    const status = await drive.run(0xa1);
    const data = await drive.words(256);
    return [status, data[0], data[1], data[2 * 49 + 1]! & 3];
  },
  'becoming ready': async (drive) => {
    for (let i = 0; i < 5; i++) {
      const { status } = await drive.packet([0x00]);
      if (!(status & 1)) return 'ready';
      await drive.sense();
    }
    return 'never';
  },
  capacity: (drive) => drive.packet([0x25]),
  'reading blocks': (drive) => drive.packet([0x28, 0, 0, 0, 0, 100, 0, 0, 5]),
  'reading blocks in small phases': (drive) => drive.packet([0xa8, 0, 0, 0, 1, 0, 0, 0, 0, 3], 512),
  'reading blocks by DMA': async (drive) => {
    await drive.prd([
      [0x20000, 3000],
      [0x30000, 3144],
    ]);
    await drive.packet([0x28, 0, 0, 0, 0, 7, 0, 0, 3], 0, true);
    const seen = await drive.dma(true);
    return [seen, await drive.subject.peek(0x20000, 3000), await drive.subject.peek(0x30000, 3144)];
  },
  // The lead-out's control nibble is left out: QEMU gives 6 to it, a data disc has 4 there as in its tracks.
  'table of contents': async (drive) => {
    const seen: unknown[] = [];
    for (const msf of [0, 2]) {
      const { status, data } = await drive.packet([0x43, msf, 0, 0, 0, 0, 0, 0, 64]);
      data[13] = 0;
      seen.push(status, data);
    }
    return seen;
  },
  // In the old place of the format; QEMU leaves the session's track out.
  sessions: async (drive) => (await drive.packet([0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0x40])).data.subarray(0, 4),
  'cut to the allocation length': (drive) => drive.packet([0x43, 0, 0, 0, 0, 0, 0, 0, 6]),
  'user data by READ CD': (drive) => drive.packet([0xbe, 0, 0, 0, 0, 20, 0, 0, 2, 0x10]),
  // QEMU leaves error detection and correction codes empty, and writes the address in binary where ECMA-130 has BCD.
  'sync, header and user data of a raw sector': async (drive) => {
    const { status, data } = await drive.packet([0xbe, 0, 0, 0, 0, 20, 0, 0, 1, 0xf8]);
    return [status, data.length, data.subarray(0, 12), data.subarray(15, 2064)];
  },
  mechanism: (drive) => drive.packet([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8]),
  // QEMU counts the length from behind the header, MMC from behind the length itself.
  'media events': async (drive) => {
    await drive.packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8]);
    return (await drive.packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])).data.subarray(2);
  },
  'first bytes of INQUIRY': async (drive) => (await drive.packet([0x12, 0, 0, 0, 36])).data.subarray(0, 5),
  refusals: async (drive) => {
    const seen: unknown[] = [];
    const refused = [
      [0xff],
      [0x28, 0, 0, 0, 0x10, 0, 0, 0, 1],
      [0x28, 0, 0, 0, 2, 0xbb, 0, 0, 2],
      [0x5a, 0, 0x1b, 0, 0, 0, 0, 0, 64],
      [0x5a, 0, 0xea, 0, 0, 0, 0, 0, 64],
      [0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8],
    ];
    for (const packet of refused) {
      const { status } = await drive.packet(packet);
      seen.push([status & 0x89, (await drive.show(1, 1))[0]! >> 4, await drive.sense()]);
    }
    return seen;
  },
  'a locked tray': async (drive) => {
    await drive.packet([0x1e, 0, 0, 0, 1]);
    const { status } = await drive.packet([0x1b, 0, 0, 0, 2]);
    const code = (await drive.sense()).split('/')[1];
    await drive.packet([0x1e]);
    return [status & 0x89, code];
  },
  'an open tray': async (drive) => {
    const seen: unknown[] = [await drive.packet([0x1b, 0, 0, 0, 2])];
    const { status } = await drive.packet([0x25]);
    seen.push(status & 0x89, await drive.sense());
    seen.push(await drive.packet([0x1b, 0, 0, 0, 3]));
    return seen;
  },
};

describe.skipIf(!present)('IDE beside QEMU (skipped: qemu-system-i386 is not installed)', () => {
  let folder: string;
  let qemu: Qemu;
  const mine = ours();

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ide-qemu-'));
    qemu = new Qemu(folder);
    await qemu.start();
  });
  afterAll(() => {
    qemu?.stop();
    fs.rmSync(folder, { recursive: true });
  });

  const compare = (base: number, scripts: typeof diskScripts): void => {
    for (const [name, script] of Object.entries(scripts)) {
      it(name, async () => {
        const theirs = await script(new Driver(qemu, base));
        expect(await script(new Driver(mine, base))).toEqual(theirs);
      });
    }
  };

  describe('disk', () => compare(0x1f0, diskScripts));
  describe('CD-ROM', () => compare(0x170, cdScripts));
});
