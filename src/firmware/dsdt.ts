/**
 * The DSDT of the Virtual Server board: PCI root with interrupt routing, PIRQ links A-D over the PIIX4's PIRQRC
 * registers, the ISA devices with their resources, sleep states S0 and S5. No processor objects, no thermal zones.
 */
import {
  ELCR_PORT,
  FLOPPY,
  FW_CFG_BASE,
  PARALLEL_PORT,
  PCI_MEMORY_END,
  PIRQ_CHOICES,
  PM_BASE,
  SERIAL_PORTS,
  SMBUS_BASE,
  Slot,
  pirqOf,
} from '../machine/board-layout.ts';
import * as aml from './aml.ts';
import type { Aml } from './aml.ts';
import * as resource from './resources.ts';

export interface DsdtOptions {
  readonly memoryBytes: number;
  /** Which of COM1 and COM2 exist. */
  readonly serial: readonly boolean[];
  readonly parallel: boolean;
  readonly floppy: boolean;
}

const LINKS = ['LNKA', 'LNKB', 'LNKC', 'LNKD'];
const ROUTES = ['PIRA', 'PIRB', 'PIRC', 'PIRD'];
const PIRQRC = 0x60;
const PIRQ_DISABLED = 0x80;
/** _STA: present, enabled, shown, functioning; a disabled link lacks the second. */
const STATUS_ENABLED = 0x0b;
const STATUS_DISABLED = 0x09;
/** Video memory window. */
const VIDEO_WINDOW = [0xa0000, 0xbffff] as const;
const OPTION_ROMS = [0xc0000, 0xdffff] as const;
const MIB = 1 << 20;

const identified = (at: string, id: string, ...terms: Aml[]): Aml =>
  aml.device(at, aml.name('_HID', aml.eisaId(id)), ...terms);

const isaDevice = (at: string, id: string, ...descriptors: Aml[]): Aml =>
  identified(at, id, aml.name('_CRS', resource.template(...descriptors)));

/** A PIRQ link: its methods read and write one PIRQRC register. */
function link(index: number): Aml {
  const route = aml.path(`\\_SB.PCI0.ISA.${ROUTES[index]}`);
  const mask = 1; // offset of the interrupt mask in the descriptor
  return identified(
    LINKS[index]!,
    'PNP0C0F',
    aml.name('_UID', aml.integer(index + 1)),
    aml.name('_PRS', resource.template(resource.sharedIrq(PIRQ_CHOICES))),
    aml.method(
      '_STA',
      0,
      aml.when(aml.and(route, aml.integer(PIRQ_DISABLED)), aml.ret(aml.integer(STATUS_DISABLED))),
      aml.ret(aml.integer(STATUS_ENABLED)),
    ),
    aml.method('_DIS', 0, aml.or(route, aml.integer(PIRQ_DISABLED), route)),
    aml.name('BUFA', resource.template(resource.sharedIrq([]))),
    aml.method(
      '_CRS',
      0,
      aml.createWordField(aml.path('BUFA'), mask, 'IRQM'),
      aml.store(aml.integer(0), aml.path('IRQM')),
      aml.store(route, aml.LOCAL0),
      aml.when(
        aml.equal(aml.and(aml.LOCAL0, aml.integer(PIRQ_DISABLED)), aml.integer(0)),
        aml.shiftLeft(aml.integer(1), aml.LOCAL0, aml.path('IRQM')),
      ),
      aml.ret(aml.path('BUFA')),
    ),
    aml.method(
      '_SRS',
      1,
      aml.createWordField(aml.ARG0, mask, 'IRQM'),
      aml.findSetRightBit(aml.path('IRQM'), aml.LOCAL0),
      aml.when(aml.LOCAL0, aml.decrement(aml.LOCAL0), aml.store(aml.LOCAL0, route)),
    ),
  );
}

function routing(): Aml {
  const entries: Aml[] = [];
  for (let slot: number = Slot.SouthBridge; slot <= Slot.Last; slot++) {
    for (const pin of [1, 2, 3, 4] as const) {
      entries.push(
        aml.packageOf(
          aml.integer(slot * 0x10000 + 0xffff),
          aml.integer(pin - 1),
          aml.path(`\\_SB.PCI0.${LINKS[pirqOf(slot, pin)]}`),
          aml.integer(0),
        ),
      );
    }
  }
  return aml.packageOf(...entries);
}

function isaDevices(options: DsdtOptions): Aml[] {
  const { irq, ports, dma } = resource;
  const list = [
    isaDevice('PIC', 'PNP0000', ports(0x20, 2), ports(0xa0, 2), irq(2)),
    isaDevice('TMR', 'PNP0100', ports(0x40, 4), irq(0)),
    isaDevice('DMAC', 'PNP0200', ports(0x00, 16), ports(0x81, 15), ports(0xc0, 32), dma(4, true)),
    isaDevice('KBD', 'PNP0303', ports(0x60, 1), ports(0x64, 1), irq(1)),
    identified('MOU', 'PNP0F03', aml.name('_CID', aml.eisaId('PNP0F13')), aml.name('_CRS', resource.template(irq(12)))),
    isaDevice('RTC', 'PNP0B00', ports(0x70, 4), irq(8)),
    isaDevice('FPU', 'PNP0C04', ports(0xf0, 16), irq(13)),
    isaDevice('SPKR', 'PNP0800', ports(0x61, 1)),
  ];
  if (options.floppy)
    list.push(
      isaDevice('FDC', 'PNP0700', ports(FLOPPY.base, 6), ports(FLOPPY.base + 7, 1), irq(FLOPPY.irq), dma(FLOPPY.dma)),
    );
  SERIAL_PORTS.forEach(({ base, irq: number }, i) => {
    if (!options.serial[i]) return;
    const unique = aml.name('_UID', aml.integer(i + 1));
    list.push(
      identified(`COM${i + 1}`, 'PNP0501', unique, aml.name('_CRS', resource.template(ports(base, 8), irq(number)))),
    );
  });
  if (options.parallel)
    list.push(isaDevice('LPT', 'PNP0400', ports(PARALLEL_PORT.base, PARALLEL_PORT.length), irq(PARALLEL_PORT.irq)));
  return list;
}

/** What the board decodes and no device above claims. */
function motherboard(): Aml {
  const { ports } = resource;
  return isaDevice(
    'SYSR',
    'PNP0C02',
    ports(0x80, 1),
    ports(0x92, 1),
    ports(0xb2, 2),
    ports(0x370, 2),
    ports(PM_BASE, 64),
    ports(SMBUS_BASE, 16),
    ports(ELCR_PORT, 2),
    ports(FW_CFG_BASE, 12),
  );
}

/** The term list of the DSDT, without the table header. */
export function dsdtBody(options: DsdtOptions): Aml {
  const isa = aml.device(
    'ISA',
    aml.name('_ADR', aml.integer(Slot.SouthBridge * 0x10000)),
    aml.operationRegion('PIRQ', aml.RegionSpace.PciConfig, PIRQRC, 4),
    aml.byteFields('PIRQ', ROUTES),
    ...isaDevices(options),
  );
  const memoryFrom = Math.ceil(options.memoryBytes / MIB) * MIB;
  const root = identified(
    'PCI0',
    'PNP0A03',
    aml.name('_ADR', aml.integer(0)),
    aml.name('_BBN', aml.integer(0)),
    aml.name(
      '_CRS',
      resource.template(
        resource.busNumbers(0, 0xff),
        resource.ports(0xcf8, 8),
        resource.bridgePorts(0x0000, 0x0cf7),
        resource.bridgePorts(0x0d00, 0xffff),
        resource.bridgeMemory(...VIDEO_WINDOW),
        resource.bridgeMemory(...OPTION_ROMS),
        resource.bridgeMemory(memoryFrom, PCI_MEMORY_END - 1),
      ),
    ),
    aml.name('_PRT', routing()),
    isa,
    ...LINKS.map((_, i) => link(i)),
  );
  // Sleep types as the PIIX4 knows them: SUS_TYP 5 working, 0 soft off.
  const sleep = (type: number): Aml =>
    aml.packageOf(aml.integer(type), aml.integer(type), aml.integer(0), aml.integer(0));
  return [...aml.scope('\\_SB', root, motherboard()), ...aml.name('\\_S0', sleep(5)), ...aml.name('\\_S5', sleep(0))];
}
