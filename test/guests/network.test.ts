/** Guests on networks: leases, the way out, one another, other emulators, network boots; and what the wire looked like. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setGuestArguments } from './grub-environment.ts';
import { boot, image, missing } from './guest.ts';

const LIMIT = 550;
const KERNEL = 'vmlinuz-686';
const INITRD = 'initrd-686.gz';
const TSHARK = '/usr/bin/tshark';
const QEMU = '/usr/bin/qemu-system-i386';
/** A tool may be missing on a user's machine, not in CI. */
const without = (tool: string): boolean => !existsSync(tool) && !process.env['CI'];

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'vs-network-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A shell command as a word of the kernel's command line. */
function command(text: string): string {
  const word = [...text].map((c) =>
    /[A-Za-z0-9/._:=;-]/.test(c) ? c : c === ' ' ? '+' : `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `cmd=${word.join('')}`;
}

/** Boots the kernel by itself with the driver of the adapter and no other. */
const linux = (words: string): string[] => [
  '--kernel',
  image(KERNEL),
  '--initrd',
  image(INITRD),
  '--append',
  `console=ttyS0 quiet mods=tulip ${words}`,
  '--memory',
  '128',
];

/** Frames of a capture that the analyser finds malformed or with wrong checksums. */
function wrongFrames(capture: string): string {
  const sums = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
  const wrong = '_ws.malformed || ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0';
  return execFileSync(TSHARK, [...sums, '-r', capture, '-Y', `(${wrong}) && !icmp.type==3`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
}

function framesOf(capture: string, filter: string): number {
  const out = execFileSync(TSHARK, ['-r', capture, '-Y', filter], { stdio: ['ignore', 'pipe', 'ignore'] });
  return out.toString().trimEnd().split('\n').filter(Boolean).length;
}

describe.skipIf(missing(KERNEL))('Linux with its tulip driver (needs bash .ci/guests)', () => {
  it('binds to four adapters, has link on all, and gets four leases', async () => {
    const macs = [1, 2, 3, 4].flatMap((n) => ['--net', 'nat', '--mac', `00-03-FF-00-00-0${n}`]);
    const links = 'for i in 0 1 2 3; do echo LINK $(cat /sys/class/net/eth$i/carrier); done';
    const run = await boot([...linux(`run=dhcp ${command(links)}`), ...macs], LIMIT);
    const marks = run.serial.split(/\r?\n/);
    const { serial } = run;
    expect(marks.filter((line) => /^@@PCI .*1011:0009.*driver tulip/.test(line)).length, serial).toBe(4);
    expect(marks.filter((line) => line === 'LINK 1').length, serial).toBe(4);
    const leases = marks.flatMap((line) => /^@@DHCP eth\d (10\.0\.2\.\d+)\/24/.exec(line)?.[1] ?? []);
    expect(new Set(leases).size, serial).toBe(4);
    expect(serial).toContain('3 packets transmitted, 3 packets received');
    expect(run.code).toBe(0);
  });

  it('fetches a file from the loopback of the host, intact over a line that loses and reorders', async () => {
    const data = Buffer.alloc(2 << 20);
    for (let i = 0, x = 1; i < data.length; i++) data[i] = (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24;
    const server = createServer((_request, response) => response.end(data));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const capture = join(folder, 'nat.pcapng');
    const fetchIt = command(`wget -q -O - http://10.0.2.2:${port}/ | md5sum`);
    const net = ['--net', 'nat', '--net-host', '--net-impair', 'loss=0.01,reorder=0.01', '--net-capture', capture];
    try {
      const run = await boot([...linux(`run=dhcp ${fetchIt}`), ...net], LIMIT);
      expect(run.serial).toContain(createHash('md5').update(data).digest('hex'));
      expect(run.code).toBe(0);
      if (without(TSHARK)) return;
      expect(wrongFrames(capture)).toBe('');
      expect(framesOf(capture, 'tcp')).toBeGreaterThan(1000);
    } finally {
      server.close();
    }
  });

  it('reaches neither the host nor anything else without being allowed', async () => {
    const server = createServer((_request, response) => response.end('secret'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const tries = ['10.0.2.2', '127.0.0.1'].map((host) => `wget -T 5 -O - http://${host}:${port}/`).join('; ');
    try {
      const run = await boot([...linux(`run=dhcp ${command(`${tries}; echo TRIED`)}`), '--net', 'nat'], LIMIT);
      expect(run.serial).toContain('TRIED');
      expect(run.serial).toContain('@@DHCP eth0 10.0.2.16');
      expect(run.serial).not.toContain('secret');
    } finally {
      server.close();
    }
  });
});

const SERVE = 'dd if=/dev/urandom of=/tmp/f bs=64k count=16; md5sum /tmp/f; httpd -h /tmp; sleep 500';
const FETCH = [
  'n=0; until ping -c 1 -W 1 10.9.0.1 || [ $n -gt 200 ]; do n=$((n+1)); sleep 1; done',
  'n=0; until wget -q -O /tmp/f http://10.9.0.1/f || [ $n -gt 100 ]; do n=$((n+1)); sleep 1; done; md5sum /tmp/f',
].join('; ');
const addressed = (address: string, rest: string): string =>
  command(`ip link set eth0 up; ip addr add ${address}/24 dev eth0; ${rest}`);
const SUM = /^([0-9a-f]{32}) {2}\/tmp\/f/m;

describe.skipIf(missing('linux-mini.raw'))('two guests (needs bash .ci/guests)', () => {
  it('in two workers talk over a virtual network of the program', async () => {
    const { createMachine, VirtualNetwork } = (await import(
      join(import.meta.dirname, '..', '..', 'dist', 'index.js')
    )) as typeof import('../../src/index.ts');
    const network = new VirtualNetwork();
    const machines = ['1', '2'].map((n) => {
      const disk = join(folder, `mini-${n}.raw`);
      copyFileSync(image('linux-mini.raw'), disk);
      setGuestArguments(disk, ['mods=ata_piix,sd_mod,tulip', addressed(`10.9.0.${n}`, n === '1' ? SERVE : FETCH)]);
      return createMachine({ name: n, hda: disk, network: [{ macAddress: `00-03-FF-00-00-0${n}` }] });
    });
    try {
      for (const machine of machines) {
        await machine.start();
        await machine.connectNetwork(0, network.connect(machine.name));
      }
      const [served, fetched] = await Promise.all(
        machines.map(({ serial }) => serial[0]!.waitForText(SUM, { timeoutMs: LIMIT * 1000 })),
      );
      expect(fetched).toBe(served);
      expect((await machines[1]!.networkStatistics(0)).bytesReceived).toBeGreaterThan(1 << 20);
    } finally {
      for (const machine of machines) await machine.close();
      network.close();
    }
  });

  it.skipIf(without(QEMU))('one of them in QEMU, over the stream socket (needs qemu-system-i386)', async () => {
    const socket = join(folder, 'wire');
    const words = `console=ttyS0 noapic nolapic quiet mods=tulip ${addressed('10.9.0.1', SERVE)}`;
    const qemu = spawn(QEMU, [
      ...['-m', '128', '-kernel', image(KERNEL), '-initrd', image(INITRD), '-append', words, '-display', 'none'],
      ...['-device', 'tulip,netdev=n0,mac=00:03:ff:00:00:01'],
      ...['-netdev', `stream,id=n0,server=on,addr.type=unix,addr.path=${socket}`],
      ...['-serial', 'stdio', '-monitor', 'none', '-no-reboot'],
    ]);
    let served = '';
    qemu.stdout.on('data', (bytes: Buffer) => (served += bytes.toString()));
    try {
      const run = await boot([...linux(addressed('10.9.0.2', FETCH)), '--net', `stream:${socket}`], LIMIT);
      expect(SUM.exec(run.serial)?.[1], served.slice(-1000)).toBe(SUM.exec(served)?.[1]);
      expect(SUM.exec(served)?.[1]).toBeDefined();
    } finally {
      qemu.kill('SIGKILL');
    }
  });
});

describe.skipIf(missing('ipxe.iso'))('iPXE (needs bash .ci/guests)', () => {
  it('gets a lease with its own driver and boots a kernel from a folder of the host', async () => {
    const files = mkdtempSync(join(folder, 'boot-'));
    copyFileSync(image(KERNEL), join(files, KERNEL));
    copyFileSync(image(INITRD), join(files, INITRD));
    const kernel = `kernel ${KERNEL} console=ttyS0 quiet mods=tulip\ninitrd ${INITRD}\nboot\n`;
    writeFileSync(join(files, 'boot.ipxe'), `#!ipxe\n${kernel}`);
    const run = await boot(['--cdrom', image('ipxe.iso'), '--pxe', files, '--memory', '128'], LIMIT);
    expect(run.serial, run.talk).toContain('@@READY');
    expect(run.code).toBe(0);
  });
});
