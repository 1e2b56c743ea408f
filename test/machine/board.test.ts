import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import { Board } from '../../src/machine/board.ts';
import type { BoardSignals } from '../../src/machine/board.ts';
import type { MachineConfiguration } from '../../src/machine/configuration.ts';
import { resolveConfiguration } from '../../src/machine/defaults.ts';
import { openDriveMedia } from '../../src/machine/drives.ts';
import { bytesOpener } from '../../src/machine/media.ts';
import { Scheduler } from '../../src/machine/scheduler.ts';
import { FakeProcessor } from './fake-processor.ts';

const firmware = loadFirmware();

function setup(given: MachineConfiguration = {}) {
  const configuration = resolveConfiguration({ memoryMiB: 32, ...given });
  const scheduler = new Scheduler(10);
  const happened: string[] = [];
  const note =
    (what: string) =>
    (...args: unknown[]): void =>
      void happened.push([what, ...args].join(' '));
  const signals: BoardSignals = {
    onReset: note('reset'),
    onPowerOff: note('off'),
    onDebugExit: note('exit'),
    onSerialOutput: note('serial'),
    onParallelOutput: note('parallel'),
    onDebugOutput: note('debug'),
    onLeds: () => {},
    onTray: note('tray'),
    onDiskError: note('disk'),
    onHostFull: note('full'),
    onLog: () => {},
  };
  let cpu!: FakeProcessor;
  const board = new Board({
    configuration,
    firmware,
    media: openDriveMedia(configuration, bytesOpener),
    scheduler,
    createProcessor: (options, bus) => (cpu = new FakeProcessor(options, bus)),
    clockStart: Date.UTC(2006, 1, 22, 12, 34, 56),
    signals,
  });
  /** Lets virtual time pass with the processor halted. */
  const pass = (ns: number): void => {
    const end = scheduler.now() + ns;
    while (scheduler.nextDeadline <= end) {
      scheduler.advanceTo(scheduler.nextDeadline);
      scheduler.runDue();
    }
    scheduler.advanceTo(end);
  };
  return { board, cpu, scheduler, happened, pass };
}

/** What the firmware does to PAM0 and the PIIX4 during POST, ending with the write that comes before INT 19h. */
function post(cpu: FakeProcessor): void {
  for (let i = 0; i < 4; i++) cpu.pciWrite(7, 0, 0x60 + i, [10, 10, 11, 11][i]!, 1);
  cpu.out(0x4d0, 0);
  cpu.out(0x4d1, 0x0c);
  cpu.pciWrite(7, 3, 0x40, 0x601);
  cpu.pciWrite(7, 3, 0x80, 1, 1);
  cpu.pciWrite(0, 0, 0x59, 0x30, 1);
  for (let i = 1; i < 7; i++) cpu.pciWrite(0, 0, 0x59 + i, 0x33, 1);
  cpu.pciWrite(0, 0, 0x59, 0x10, 1);
}

describe('PCI', () => {
  it('enumerates as the original does', () => {
    const { cpu } = setup();
    post(cpu);
    const found: string[] = [];
    for (let slot = 0; slot < 32; slot++) {
      for (let number = 0; number < 8; number++) {
        const id = cpu.pciRead(slot, number, 0);
        if (id === 0xffffffff) continue;
        const revision = cpu.pciRead(slot, number, 8, 1);
        const hex = (value: number): string => value.toString(16).padStart(4, '0');
        found.push(`${slot}.${number} ${hex(id & 0xffff)}:${hex(id >>> 16)} rev ${revision}`);
      }
    }
    expect(found).toEqual([
      '0.0 8086:7192 rev 3',
      '7.0 8086:7110 rev 1',
      '7.1 8086:7111 rev 1',
      '7.3 8086:7113 rev 2',
      '8.0 5333:8811 rev 0',
    ]);
    expect(cpu.pciRead(7, 0, 0x0e, 1)).toBe(0x80);
  });

  it('shows the firmware another bridge, and hands over with the routing of the original', () => {
    const { board, cpu } = setup();
    expect(cpu.pciRead(0, 0, 0)).toBe(0x12378086);
    expect(cpu.pciRead(0, 0, 0x59, 1)).toBe(0x10);
    expect(cpu.pciRead(8, 0, 0)).toBe(0x11111234);
    post(cpu);
    expect(cpu.pciRead(8, 0, 0)).toBe(0x88115333);
    expect(cpu.pciRead(0, 0, 0)).toBe(0x71928086);
    expect(cpu.pciRead(7, 0, 0x60)).toBe(0x0b808009);
    expect(cpu.in(0x4d0) | (cpu.in(0x4d1) << 8)).toBe(0x0a00);
    expect(cpu.pciRead(7, 3, 0x3c, 1)).toBe(9);
    expect(cpu.pciRead(7, 3, 0x40)).toBe(0x401);
    board.reset(ResetCause.Hard);
    expect(cpu.pciRead(0, 0, 0)).toBe(0x12378086);
  });

  it('decodes the power management block where the tables say and where the firmware put it', () => {
    const { cpu, pass } = setup();
    post(cpu);
    pass(1e9);
    const timers = [0x408, 0x608].map((port) => cpu.in(port, 4));
    expect(timers[0]).toBe(timers[1]);
    // 3.579545 MHz for about a second.
    expect(timers[0]! / 3_579_545).toBeCloseTo(1, 3);
  });

  it('survives ranges placed over everything else', () => {
    const { cpu } = setup();
    cpu.pciWrite(8, 0, 0x04, 3, 2);
    for (const base of [0, 0x1000, 0xa0000, 0x100000, 0xfffc0000, 0xffffffff, 0xfec00000]) {
      cpu.pciWrite(8, 0, 0x10, base);
      cpu.store(0x2000, 0x5a);
      expect(cpu.load(0x2000)).toBe(0x5a);
      expect(cpu.load(0xfffffff0)).toBe(0xea);
    }
    cpu.pciWrite(7, 1, 0x04, 5, 2);
    for (const base of [0x20, 0x1f0, 0xcf8, 0xfff0]) cpu.pciWrite(7, 1, 0x20, base | 1);
    expect(cpu.pciRead(7, 1, 0)).toBe(0x71118086);
  });
});

describe('memory', () => {
  it('shadows the BIOS by PAM', () => {
    const { cpu } = setup();
    // ROM at the top of 4 GiB, and its copy that the bridge claims to be memory already.
    expect(cpu.load(0xfffffff0)).toBe(0xea);
    expect(cpu.load(0xffff0)).toBe(0xea);
    cpu.store(0xf8000, 0x12);
    expect(cpu.load(0xf8000)).not.toBe(0x12);
    cpu.pciWrite(0, 0, 0x59, 0x30, 1);
    cpu.store(0xf8000, 0x12);
    expect(cpu.load(0xf8000)).toBe(0x12);
    cpu.pciWrite(0, 0, 0x59, 0x10, 1);
    cpu.store(0xf8000, 0x34);
    expect(cpu.load(0xf8000)).toBe(0x12);
    cpu.pciWrite(0, 0, 0x59, 0x00, 1);
    expect(cpu.load(0xf8000)).toBe(firmware.bios[firmware.bios.length - 0x8000]);
    // Write-only: reads ROM, writes RAM; the classic way to shadow.
    cpu.pciWrite(0, 0, 0x59, 0x20, 1);
    cpu.store(0xffff0, 0x77);
    expect(cpu.load(0xffff0)).toBe(0xea);
    cpu.pciWrite(0, 0, 0x59, 0x10, 1);
    expect(cpu.load(0xffff0)).toBe(0x77);
  });

  it('restores the BIOS copy at a hard reset', () => {
    const { board, cpu } = setup();
    cpu.pciWrite(0, 0, 0x59, 0x30, 1);
    cpu.store(0xffff0, 0);
    board.reset(ResetCause.Hard);
    expect(cpu.load(0xffff0)).toBe(0xea);
    expect(cpu.resets).toBe(2);
  });

  it('opens SMRAM behind the video window', () => {
    const { cpu } = setup();
    cpu.pciWrite(8, 0, 0x04, 3, 2);
    cpu.pciWrite(0, 0, 0x72, 0x4a, 1);
    cpu.store(0xa0000, 0x99);
    expect(cpu.ram[0xa0000]).toBe(0x99);
    cpu.pciWrite(0, 0, 0x72, 0x0a, 1);
    cpu.store(0xa0000, 0x11);
    expect(cpu.ram[0xa0000]).toBe(0x99);
  });

  it('shows the memory of an S3 Trio64 where its registers say, once they open the window', () => {
    const { cpu } = setup();
    const crtc = (index: number, value: number): void => cpu.out(0x3d4, (value << 8) | index, 2);
    cpu.pciWrite(8, 0, 0x10, 0xe0000000);
    cpu.pciWrite(8, 0, 0x04, 3, 2);
    cpu.out(0x3c2, 0x03);
    crtc(0x38, 0x48);
    crtc(0x39, 0xa5);
    expect(cpu.load(0xe0012345)).toBe(0xff);
    crtc(0x58, 0x13);
    cpu.store(0xe0012345, 0x42);
    expect(cpu.video[0x12345]).toBe(0x42);
    crtc(0x59, 0xf0);
    expect(cpu.load(0xe0012345)).toBe(0xff);
    expect(cpu.load(0xf0012345)).toBe(0x42);
    expect(cpu.pciRead(8, 0, 0x10)).toBe(0xf0000000);
  });

  it('shows the memory of the DISPI adapter where its base address register says', () => {
    const { cpu } = setup({ videoAdapter: 'dispi' });
    cpu.pciWrite(8, 0, 0x10, 0xe0000000);
    cpu.pciWrite(8, 0, 0x04, 3, 2);
    cpu.store(0xe0012345, 0x42);
    expect(cpu.video[0x12345]).toBe(0x42);
    cpu.pciWrite(8, 0, 0x10, 0xf0000000);
    expect(cpu.load(0xe0012345)).toBe(0xff);
    expect(cpu.load(0xf0012345)).toBe(0x42);
    expect(cpu.load(0x04000000)).toBe(0xff);
  });
});

describe('firmware configuration', () => {
  it('answers by its ports', () => {
    const { cpu } = setup();
    cpu.out(0x510, 0, 2);
    expect([0, 0, 0, 0].map(() => String.fromCharCode(cpu.in(0x511))).join('')).toBe('QEMU');
    cpu.out(0x510, 0x19, 2);
    expect([0, 0, 0, 0].map(() => cpu.in(0x511)).at(-1)).toBeGreaterThan(8);
  });

  it('has CMOS say how much memory there is', () => {
    const { cpu } = setup({ memoryMiB: 64 });
    const cmos = (index: number): number => {
      cpu.out(0x70, index);
      return cpu.in(0x71);
    };
    expect((cmos(0x34) | (cmos(0x35) << 8)) * 65536 + (16 << 20)).toBe(64 << 20);
    expect(cmos(0x10)).toBe(0x40);
    let sum = 0;
    for (let i = 0x10; i <= 0x2d; i++) sum += cmos(i);
    expect((cmos(0x2e) << 8) | cmos(0x2f)).toBe(sum & 0xffff);
    expect(cmos(0x09)).toBe(0x06);
    expect(cmos(0x32)).toBe(0x20);
  });
});

describe('interrupts', () => {
  /** Usual initialisation of the pair: vectors 08h and 70h. */
  function initialise(cpu: FakeProcessor): void {
    for (const [port, words] of [
      [0x20, [0x11, 0x08, 0x04, 0x01]],
      [0xa0, [0x11, 0x70, 0x02, 0x01]],
    ] as const)
      words.forEach((word, i) => cpu.out(port + (i === 0 ? 0 : 1), word));
    cpu.out(0x21, 0);
    cpu.out(0xa1, 0);
  }

  it('timer 0 interrupts through the 8259 at its rate', () => {
    const { cpu, pass } = setup();
    initialise(cpu);
    cpu.out(0x43, 0x34);
    cpu.out(0x40, 0xa9);
    cpu.out(0x40, 0x04);
    let ticks = 0;
    for (let i = 0; i < 1000; i++) {
      pass(100_000);
      if (!cpu.interruptRequest) continue;
      expect(cpu.bus.acknowledgeInterrupt()).toBe(8);
      cpu.out(0x20, 0x20);
      ticks++;
    }
    // 1193182 Hz / 1193 = 1000.15 Hz, for 100 ms.
    expect(ticks).toBeGreaterThanOrEqual(99);
    expect(ticks).toBeLessThanOrEqual(101);
  });

  it('the power button raises the SCI on IRQ 9', () => {
    const { board, cpu } = setup();
    initialise(cpu);
    post(cpu);
    cpu.out(0xb2, 0xf1);
    expect(cpu.in(0x404, 2) & 1).toBe(1);
    cpu.out(0x402, 0x100, 2);
    expect(board.powerManagement.pressPowerButton()).toBe(true);
    expect(cpu.interruptRequest).toBe(true);
    expect(cpu.bus.acknowledgeInterrupt()).toBe(0x71);
    cpu.out(0x400, 0x100, 2);
    cpu.out(0xa0, 0x20);
    cpu.out(0x20, 0x20);
    expect(cpu.interruptRequest).toBe(false);
  });

  it('keys arrive on IRQ 1, at a pace', () => {
    const { board, cpu, pass } = setup();
    initialise(cpu);
    cpu.out(0x64, 0x60);
    cpu.out(0x60, 0x45);
    let done = false;
    board.inputs.queue(
      [
        { code: 'KeyA', down: true },
        { code: 'KeyA', down: false },
        { code: 'ArrowUp', down: true },
      ],
      () => (done = true),
    );
    const codes: number[] = [];
    for (let i = 0; i < 100; i++) {
      pass(1e6);
      if (!cpu.interruptRequest) continue;
      expect(cpu.bus.acknowledgeInterrupt()).toBe(9);
      codes.push(cpu.in(0x60));
      cpu.out(0x20, 0x20);
    }
    expect(codes).toEqual([0x1e, 0x9e, 0xe0, 0x48]);
    expect(done).toBe(true);
  });
});

describe('drives', () => {
  it('reads a disk by PIO, and both kinds of empty place answer', () => {
    const bytes = new Uint8Array(1 << 20);
    bytes.set([0xeb, 0x3c, 0x90]);
    bytes[510] = 0x55;
    bytes[511] = 0xaa;
    const { cpu, pass, board } = setup({ ide: [{ channel: 0, position: 0, kind: 'disk', media: { bytes } }] });
    // The firmware enables the decoders.
    cpu.pciWrite(7, 1, 0x40, 0x8000, 2);
    cpu.pciWrite(7, 1, 0x42, 0x8000, 2);
    cpu.pciWrite(7, 1, 0x04, 5, 2);
    pass(1e9);
    expect(cpu.in(0x1f7)).toBe(0x50);
    [0, 1, 0, 0, 0, 0xe0, 0x20].forEach((value, i) => i > 0 && cpu.out(0x1f1 + i, value));
    cpu.out(0x1f2, 1);
    cpu.out(0x1f3, 0);
    cpu.out(0x1f7, 0x20);
    pass(1e8);
    expect(cpu.in(0x1f7) & 0x88).toBe(0x08);
    const data = Array.from({ length: 256 }, () => cpu.in(0x1f0, 2));
    expect(data[0]).toBe(0x3ceb);
    expect(data[255]).toBe(0xaa55);
    expect(board.drives.bytesRead).toBe(512);
    // No drive on the secondary channel: the bus floats.
    expect(cpu.in(0x177)).toBe(0xff);
  });
});

describe('resets and power', () => {
  it('reports each way a guest resets or powers off', () => {
    const { cpu, happened } = setup();
    cpu.out(0x64, 0xfe);
    cpu.out(0x92, 0x01);
    cpu.out(0xcf9, 0x02);
    cpu.out(0xcf9, 0x06);
    post(cpu);
    cpu.out(0x404, 0x2001, 2);
    for (const letter of 'Shutdown') cpu.out(0x8900, letter.charCodeAt(0));
    cpu.out(0xf4, 5);
    const { Soft, Hard } = ResetCause;
    expect(happened).toEqual([`reset ${Soft}`, `reset ${Soft}`, `reset ${Hard}`, 'off', 'off', 'exit 5']);
  });

  it('enables A20 while either source asks for it', () => {
    const { cpu } = setup();
    const keyboard = (value: number): void => {
      cpu.out(0x64, 0xd1);
      cpu.out(0x60, value);
    };
    keyboard(0xdd);
    expect(cpu.a20).toBe(false);
    cpu.out(0x92, 2);
    expect(cpu.a20).toBe(true);
    cpu.out(0x92, 0);
    expect(cpu.a20).toBe(false);
    keyboard(0xdf);
    expect(cpu.a20).toBe(true);
  });

  it('a soft reset leaves memory and devices alone', () => {
    const { board, cpu } = setup();
    cpu.pciWrite(0, 0, 0x59, 0x30, 1);
    board.reset(ResetCause.Soft);
    expect(cpu.inits).toBe(1);
    expect(cpu.pciRead(0, 0, 0x59, 1)).toBe(0x30);
  });
});

describe('unknown addresses', () => {
  it('read as ones whatever the size, and any access to any port survives', () => {
    const { cpu } = setup();
    expect(cpu.in(0x7777, 4)).toBe(0xffffffff);
    expect(cpu.load(0xd0000000, 4)).toBe(0xffffffff);
    for (let port = 0; port < 0x10000; port++) {
      if (port >= 0xcf8 && port < 0xd00) continue;
      for (const size of [1, 2, 4] as const) {
        const value = cpu.in(port, size);
        expect(value >= 0 && value < 256 ** size).toBe(true);
        cpu.out(port, 0xffffffff >>> (32 - 8 * size), size);
      }
    }
  });
});
