/** Everything the firmware learns from the machine through fw_cfg. Source: SeaBIOS, docs/Runtime_config.md. */
import type { FwCfgFile } from '../../devices/fw-cfg/index.ts';
import { FwCfgKey } from '../../devices/fw-cfg/index.ts';
import type {
  BootDevice,
  FloppyDriveConfiguration,
  IdeDriveConfiguration,
  SmbiosConfiguration,
} from '../machine/configuration.ts';
import { RSDP_FILE, TABLES_FILE, buildAcpi } from './acpi.ts';
import { buildPciIrqRouting } from './pci-irq-routing.ts';
import { buildSmbios } from './smbios.ts';
import { TableLoader } from './table-loader.ts';

export interface FirmwareDescription {
  readonly memoryBytes: number;
  readonly serial: readonly boolean[];
  readonly parallel: boolean;
  readonly floppies: readonly FloppyDriveConfiguration[];
  readonly ide: readonly IdeDriveConfiguration[];
  readonly boot: readonly BootDevice[];
  readonly smbios: SmbiosConfiguration;
  readonly cpuVendor?: string;
  readonly videoBios: Uint8Array;
  /** PCI id of the display adapter the video BIOS belongs to. */
  readonly video: { readonly vendor: number; readonly device: number };
}

export interface FirmwareItems {
  readonly items: ReadonlyMap<number, Uint8Array>;
  readonly files: readonly FwCfgFile[];
}

const PIR_FILE = 'etc/pci-irq-routing';
/** The PCI specification's table is found on 16-byte boundaries of the F segment. */
const PARAGRAPH = 16;

/**
 * More processors than an APIC id can name: the firmware then builds neither its own `$PIR`, which describes another
 * board, nor an MP table, whose I/O APIC this machine lacks.
 */
const TOO_MANY_CPUS = 0x100;
/** Wait for ever with the message on the screen instead of booting again. */
const NO_RETRY = 0xffffffff;

const u16 = (value: number): Uint8Array => Uint8Array.of(value, value >> 8);
const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >> 8, value >> 16, value >> 24);

/**
 * Paths as the firmware names its boot devices, in the order to try them. Drives that are empty at power-on come last:
 * the firmware waits five seconds for a disc.
 */
export function bootOrder(description: Pick<FirmwareDescription, 'boot' | 'ide' | 'floppies'>): string[] {
  const byPlace = [...description.ide].sort((a, b) => a.channel * 2 + a.position - (b.channel * 2 + b.position));
  const places = description.boot.flatMap((device): { path: string; empty: boolean }[] => {
    switch (device) {
      case 'floppy':
        return description.floppies.map(({ media }, i) => ({
          path: `/pci@i0cf8/isa@7/fdc@03f0/floppy@${i}`,
          empty: media === undefined,
        }));
      case 'network':
        return [{ path: '/pci@i0cf8/*@a', empty: false }];
      default:
        return byPlace
          .filter(({ kind }) => kind === device)
          .map(({ channel, position, media }) => ({
            path: `/pci@i0cf8/*@7,1/drive@${channel}/disk@${position}`,
            empty: media === undefined,
          }));
    }
  });
  return [...places.filter(({ empty }) => !empty), ...places.filter(({ empty }) => empty)].map(({ path }) => path);
}

export function describeToFirmware(description: FirmwareDescription): FirmwareItems {
  const loader = new TableLoader();
  const acpi = buildAcpi(
    {
      memoryBytes: description.memoryBytes,
      serial: description.serial,
      parallel: description.parallel,
      floppy: description.floppies.length > 0,
    },
    loader,
  );
  loader.allocate(PIR_FILE, PARAGRAPH, 'fseg');
  const smbios = buildSmbios({
    ...description.smbios,
    memoryBytes: description.memoryBytes,
    ...(description.cpuVendor === undefined ? {} : { cpuVendor: description.cpuVendor }),
  });
  const hex = (value: number): string => value.toString(16).padStart(4, '0');
  const order = new TextEncoder().encode(`${bootOrder(description).join('\n')}\0`);
  return {
    items: new Map([
      [FwCfgKey.CpuCount, u16(1)],
      [FwCfgKey.MaxCpus, u16(TOO_MANY_CPUS)],
    ]),
    files: [
      { name: 'etc/table-loader', bytes: loader.build() },
      { name: TABLES_FILE, bytes: acpi.tables },
      { name: RSDP_FILE, bytes: acpi.rsdp },
      { name: PIR_FILE, bytes: buildPciIrqRouting() },
      { name: 'etc/smbios/smbios-anchor', bytes: smbios.anchor },
      { name: 'etc/smbios/smbios-tables', bytes: smbios.tables },
      { name: 'bootorder', bytes: order },
      { name: 'etc/show-boot-menu', bytes: u16(0) },
      { name: 'etc/boot-fail-wait', bytes: u32(NO_RETRY) },
      {
        name: `pci${hex(description.video.vendor)},${hex(description.video.device)}.rom`,
        bytes: description.videoBios,
      },
    ],
  };
}
