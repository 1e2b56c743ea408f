/** From the values of a file to a typed configuration. Every value that is used is checked; problems name their key. */
import type {
  VmcBios,
  VmcConfiguration,
  VmcDrive,
  VmcFloppy,
  VmcNetworkAdapter,
  VmcPath,
  VmcProblem,
  VmcSerialPort,
} from './configuration.ts';
import type { VmcDocument } from './document.ts';
import { VmcError } from './errors.ts';

/** CMOS index of the first byte of the `cmos` value, and the number of bytes. */
export const CMOS_FIRST_INDEX = 0x0e;
const CMOS_LENGTH = 242;
const CMOS_BOOT_ORDER = 0x51;
/** Guest RAM in MiB that the product allows at most: 3.6 GB. */
export const MAXIMUM_MEMORY_MIB = 3712;

const IDE = 'hardware/pci_bus/ide_adapter';
const SCSI = 'hardware/pci_bus/scsi_adapter';
const ETHERNET = 'hardware/pci_bus/ethernet_adapter';
const SUPER_IO = 'hardware/super_io';
const BIOS = 'hardware/bios';
const HEARTBEAT = 'integration/microsoft/heartbeat';

/** Reads values and turns errors of single values into problems, so that one look finds all of them. */
class Reader {
  readonly problems: VmcProblem[] = [];
  readonly document: VmcDocument;

  constructor(document: VmcDocument) {
    this.document = document;
  }

  report(severity: VmcProblem['severity'], code: string, key: string, message: string): void {
    this.problems.push({ severity, code, key, message, line: this.lineOf(key) });
  }

  /** Undefined also for what is no key path: the whole machine, or an element with an id out of all bounds. */
  private lineOf(key: string): number | undefined {
    try {
      return this.document.lineOf(key);
    } catch (error) {
      if (error instanceof VmcError) return undefined;
      throw error;
    }
  }

  integer(key: string, fallback: number, min = 0, max = 0xffffffff): number {
    return this.guard(key, () => this.document.integer(key, { min, max })) ?? fallback;
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.guard(key, () => this.document.boolean(key)) ?? fallback;
  }

  string(key: string): string {
    return this.guard(key, () => this.document.string(key)) ?? '';
  }

  text(key: string): string | undefined {
    return this.string(key) || undefined;
  }

  bytes(key: string, length: number): Uint8Array | undefined {
    return this.guard(key, () => this.document.bytes(key, length));
  }

  path(key: string): VmcPath | undefined {
    const absolute = this.text(`${key}/absolute`);
    const relative = this.text(`${key}/relative`);
    return absolute === undefined && relative === undefined ? undefined : { absolute, relative };
  }

  /** Ids of numbered children, ascending; ids that are no number from 0 to `max` are reported. */
  ids(key: string, name: string, max: number): number[] {
    const ids: number[] = [];
    const raw = this.guard(key, () => this.document.ids(key, name)) ?? [];
    for (const id of raw) {
      const number = /^\d+$/.test(id) ? Number(id) : Number.NaN;
      if (!(number <= max)) {
        this.report('error', 'bad-id', `${key}/${name}[@id=${id}]`, `the id is not a number from 0 to ${max}`);
      } else if (ids.includes(number)) {
        this.report(
          'warning',
          'duplicate-id',
          `${key}/${name}[@id=${id}]`,
          'the id occurs twice; the first one counts',
        );
      } else {
        ids.push(number);
      }
    }
    return ids.sort((a, b) => a - b);
  }

  private guard<T>(key: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof VmcError)) throw error;
      const code = error.code.replace(/^vmc-/, '');
      this.problems.push({ severity: 'error', code, key, message: problemOf(error), line: error.line });
      return undefined;
    }
  }
}

/** The sentence of an error without its place and remedy. */
function problemOf(error: VmcError): string {
  const { message, fileName, key } = error;
  const prefix = [fileName, key].filter((part) => part !== undefined).join(': ');
  return message.slice(prefix === '' ? 0 : prefix.length + 2).replace(/(?: \(line \d+\))?\.$/, '');
}

export interface ReadResult {
  readonly configuration: VmcConfiguration;
  readonly problems: readonly VmcProblem[];
}

/**
 * Reads everything a machine needs. Never throws for contents: what is wrong is in `problems`, and such values have their defaults.
 */
export function readConfiguration(document: VmcDocument): ReadResult {
  const reader = new Reader(document);
  const ram = 'hardware/memory/ram_size';
  if (!document.has(ram)) reader.report('error', 'missing-key', ram, 'the size of the memory is missing');
  const bios = readBios(reader);
  const configuration: VmcConfiguration = {
    name: machineName(document.fileName),
    memoryMiB: reader.integer(ram, 0, 1, MAXIMUM_MEMORY_MIB),
    videoMemoryMiB: reader.integer('hardware/pci_bus/video_adapter/vram_size', 4, 1, 64),
    hardwareName: reader.string('hardware/standard/name'),
    drives: [...readDrives(reader, 'ide', IDE, 1, 1), ...readDrives(reader, 'scsi', SCSI, 3, 6)],
    floppies: readFloppies(reader),
    floppyAutoDetect: reader.boolean(`${SUPER_IO}/floppy/auto_detect`, false),
    serialPorts: readSerialPorts(reader),
    parallelPort: {
      connected: reader.integer(`${SUPER_IO}/parallel_port/port_type`, 0) !== 0,
      shared: reader.boolean(`${SUPER_IO}/parallel_port/port_shared`, false),
    },
    networkAdapters: readNetworkAdapters(reader),
    bios,
    bootOrder: ['floppy', 'cd', 'disk'],
    soundEnabled: reader.boolean('settings/sound/sound_adapter/enable', true),
    integration: {
      mouse: reader.boolean('integration/microsoft/mouse/allow', true),
      hostTimeSync: reader.boolean('integration/microsoft/host_time_sync/enabled', true),
      additionsVersion: reader.string('integration/microsoft/version/additions_number'),
      guestOs: reader.string('integration/microsoft/version/guest_os/long_name'),
      heartbeat: {
        rate: reader.integer(`${HEARTBEAT}/rate`, 10),
        seconds: reader.integer(`${HEARTBEAT}/time`, 60),
        failureInterval: reader.integer(`${HEARTBEAT}/failure_interval`, 10),
        failureAttempts: reader.integer(`${HEARTBEAT}/failure_attempts`, 12),
      },
    },
    undoDrives: {
      enabled: reader.boolean('settings/undo_drives/enabled', false),
      defaultAction: (['discard', 'keep', 'commit'] as const)[
        reader.integer('settings/undo_drives/default_action', 1, 0, 2)
      ],
      purposelyKept: reader.boolean('settings/undo_drives/purposely_kept', false),
    },
    savedState: reader.path('settings/configuration/saved_state/path'),
    notes: reader.string('settings/configuration/notes'),
    startup: {
      automatic: (['never', 'always', 'if-running'] as const)[
        reader.integer('settings/startup/automatic/type', 0, 0, 2)
      ],
      delaySeconds: reader.integer('settings/startup/automatic/delay', 0),
    },
    wasRunning: reader.boolean('settings/shutdown/quit/was_running', false),
    hardwareAssist: reader.boolean('virtual_machines/hw_assist/enable_hw_assist', false),
    allowPacketFiltering: reader.boolean('virtual_machines/allow_packet_filtering', false),
    allowPromiscuousMode: reader.boolean('virtual_machines/allow_promiscuous_mode', false),
    creator: readProduct(reader, 'properties/creator'),
    modifier: readProduct(reader, 'properties/modifier'),
  };
  checkTogether(reader, configuration);
  return { configuration, problems: reader.problems };
}

/** What single values cannot show. */
function checkTogether(reader: Reader, configuration: VmcConfiguration): void {
  const seen = new Map<string, string>();
  for (const drive of configuration.drives) {
    const image = drive.kind === 'disk' ? (drive.image?.relative ?? drive.image?.absolute) : undefined;
    const name = image?.toLowerCase();
    const other = name === undefined ? undefined : seen.get(name);
    if (other !== undefined)
      reader.report('error', 'duplicate-image', drive.key, `it has the same hard disk as ${other}`);
    else if (name !== undefined) seen.set(name, drive.key);
  }
  if (/[*?:<>/|\\"]/.test(configuration.name)) {
    const message = `the name "${configuration.name}" has a character that the original products do not accept`;
    reader.report('warning', 'machine-name', '', message);
  }
}

/** A machine is called like its file. */
export function machineName(fileName: string): string {
  return fileName.slice(Math.max(fileName.lastIndexOf('/'), fileName.lastIndexOf('\\')) + 1).replace(/\.vmc$/i, '');
}

function readProduct(reader: Reader, key: string): { name: string; build: string } {
  return { name: reader.string(`${key}/name`), build: reader.string(`${key}/build`) };
}

function readDrives(
  reader: Reader,
  bus: 'ide' | 'scsi',
  adapter: string,
  controllers: number,
  locations: number,
): VmcDrive[] {
  const drives: VmcDrive[] = [];
  for (const controller of reader.ids(adapter, `${bus}_controller`, controllers)) {
    const controllerKey = `${adapter}/${bus}_controller[@id=${controller}]`;
    for (const location of reader.ids(controllerKey, 'location', locations)) {
      const key = `${controllerKey}/location[@id=${location}]`;
      const type = reader.integer(`${key}/drive_type`, 0, 0, 2);
      if (type === 0) continue;
      const path = reader.path(`${key}/pathname`);
      const kind = type === 1 ? 'disk' : 'cd';
      if (kind === 'disk' && path === undefined) {
        reader.report('warning', 'no-image', key, 'a hard disk without a file; the location stays empty');
        continue;
      }
      const hostDrive = kind === 'cd' ? hostDriveOf(path) : undefined;
      drives.push({
        bus,
        controller,
        location,
        kind,
        image: hostDrive === undefined ? path : undefined,
        hostDrive,
        undo: reader.path(`${key}/undo_pathname`),
        key,
      });
    }
  }
  return drives;
}

/** A CD drive of the host is stored as its letter in place of a path. */
function hostDriveOf(path: VmcPath | undefined): string | undefined {
  const match = /^(?:\\\\\.\\)?([A-Za-z]):?\\?$/.exec(path?.absolute ?? '');
  return match === null || path?.relative !== undefined ? undefined : match[1].toUpperCase();
}

function readFloppies(reader: Reader): VmcFloppy[] {
  return reader.ids(SUPER_IO, 'floppy', 1).map((id) => {
    const key = `${SUPER_IO}/floppy[@id=${id}]`;
    return { id, image: reader.path(`${key}/pathname`), key };
  });
}

/** File values of `port_type` differ from the constants of the COM interface. */
const SERIAL_TARGETS = ['none', 'host', 'file', 'pipe'] as const;

function readSerialPorts(reader: Reader): VmcSerialPort[] {
  const common = reader.boolean(`${SUPER_IO}/serial_port/connect_immediately`, false);
  return reader.ids(SUPER_IO, 'serial_port', 1).map((id) => {
    const key = `${SUPER_IO}/serial_port[@id=${id}]`;
    const kind = SERIAL_TARGETS[reader.integer(`${key}/port_type`, 0, 0, 3)];
    const connectImmediately = reader.boolean(`${key}/connect_immediately`, common);
    if (kind === 'none') return { id, target: { kind }, connectImmediately, key };
    // Names of the other kinds may be left over from earlier settings.
    const nameKey = { host: 'port_name', file: 'text_file_path', pipe: 'pipe_name' }[kind];
    const name = reader.string(`${key}/${nameKey}`);
    if (name === '') {
      reader.report(
        'warning',
        'no-target',
        `${key}/${nameKey}`,
        `the ${kind} of the port is not named; it is not connected`,
      );
      return { id, target: { kind: 'none' }, connectImmediately, key };
    }
    return { id, target: { kind, name }, connectImmediately, key };
  });
}

function readNetworkAdapters(reader: Reader): VmcNetworkAdapter[] {
  const ids = reader.ids(ETHERNET, 'ethernet_controller', 3);
  // Adapters beyond the count were removed by the user; their settings only stay in the file.
  const count = reader.integer(`${ETHERNET}/controller_count`, 0, 0, 4);
  const adapters = ids.slice(0, count).map((id) => {
    const key = `${ETHERNET}/ethernet_controller[@id=${id}]`;
    return {
      id,
      macAddress: reader.bytes(`${key}/ethernet_card_address`, 6),
      networkId: reader.bytes(`${key}/virtual_network/id`, 16),
      networkName: reader.string(`${key}/virtual_network/name`),
      key,
    };
  });
  for (const [index, adapter] of adapters.entries()) {
    const key = `${adapter.key}/ethernet_card_address`;
    const mac = adapter.macAddress;
    if (mac === undefined) continue;
    if ((mac[0] & 1) !== 0)
      reader.report('error', 'bad-value', key, 'a group address cannot be the address of an adapter');
    if (adapters.slice(0, index).some((other) => other.macAddress?.every((byte, i) => byte === mac[i]))) {
      reader.report('error', 'duplicate-mac', key, 'two adapters have the same address');
    }
  }
  return adapters;
}

function readBios(reader: Reader): VmcBios {
  const cmos = reader.bytes(`${BIOS}/cmos`, CMOS_LENGTH);
  const bootOrderCode = cmos?.[CMOS_BOOT_ORDER - CMOS_FIRST_INDEX];
  if (cmos !== undefined && !cmosChecksumIsGood(cmos)) {
    reader.report(
      'warning',
      'cmos-checksum',
      `${BIOS}/cmos`,
      'the checksum of the settings is wrong; the defaults are used',
    );
  } else if (bootOrderCode !== undefined && bootOrderCode !== 0 && bootOrderCode !== DEFAULT_BOOT_ORDER) {
    const code = bootOrderCode.toString(16).toUpperCase();
    reader.report(
      'warning',
      'boot-order',
      `${BIOS}/cmos`,
      `the boot order ${code}h is not known; diskette, CD, disk is used`,
    );
  }
  return {
    cmos,
    timeBytes: reader.bytes(`${BIOS}/time_bytes`, 10),
    timeSyncAtBoot: reader.boolean(`${BIOS}/time_sync_at_boot`, true),
    guid: readGuid(reader, `${BIOS}/bios_guid`),
    serialNumber: reader.text(`${BIOS}/bios_serial_number`),
    baseBoardSerialNumber: reader.text(`${BIOS}/base_board/serial_number`),
    chassisAssetTag: reader.text(`${BIOS}/chassis/asset_tag`),
    chassisSerialNumber: reader.text(`${BIOS}/chassis/serial_number`),
    bootOrderCode,
  };
}

const DEFAULT_BOOT_ORDER = 0x52;

function readGuid(reader: Reader, key: string): string | undefined {
  const guid = reader.text(key);
  if (guid !== undefined && !/^\{[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}$/i.test(guid)) {
    reader.report('error', 'bad-value', key, 'it is not a GUID in braces');
    return undefined;
  }
  return guid;
}

/** CMOS 2Eh-2Fh hold the sum of 10h to 2Dh, high byte first. */
function cmosChecksumIsGood(cmos: Uint8Array): boolean {
  let sum = 0;
  for (let index = 0x10; index <= 0x2d; index++) sum += cmos[index - CMOS_FIRST_INDEX];
  return (cmos[0x2e - CMOS_FIRST_INDEX] << 8) + cmos[0x2f - CMOS_FIRST_INDEX] === sum;
}
