/** What a configuration asks for and this machine does not have. Nothing is left out in silence. */
import type { VmcConfiguration } from './configuration.ts';
import type { VmcDocument } from './document.ts';
import { isKnownKey } from './known-keys.ts';

export interface NotEmulated {
  readonly key: string;
  readonly reason: string;
}

/** What the machine that runs the configuration can do beyond the basic board. */
export interface EmulatedFeatures {
  readonly network?: boolean;
  readonly scsi?: boolean;
  readonly sound?: boolean;
  readonly hostSerialPort?: boolean;
  readonly hostParallelPort?: boolean;
  readonly hostCdDrive?: boolean;
  readonly hostFloppyDrive?: boolean;
  /** Absolute mouse, clock and heartbeat through the additions in the guest. */
  readonly additions?: boolean;
}

export function listNotEmulated(
  configuration: VmcConfiguration,
  document: VmcDocument,
  features: EmulatedFeatures = {},
): NotEmulated[] {
  const list: NotEmulated[] = [];
  const add = (missing: boolean, key: string, reason: string): void => void (missing && list.push({ key, reason }));
  if (features.network !== true) {
    for (const adapter of configuration.networkAdapters) add(true, adapter.key, 'network adapters are not emulated');
  }
  for (const drive of configuration.drives) {
    add(
      drive.bus === 'scsi' && features.scsi !== true,
      drive.key,
      'SCSI adapters are not emulated; the drive is missing',
    );
    add(drive.bus === 'scsi' && drive.kind === 'cd', drive.key, 'CD drives exist on IDE only');
    add(
      drive.hostDrive !== undefined && features.hostCdDrive !== true,
      drive.key,
      `CD drive ${drive.hostDrive}: of the host is not used; the guest sees an empty drive`,
    );
  }
  for (const port of configuration.serialPorts) {
    add(
      port.target.kind === 'host' && features.hostSerialPort !== true,
      port.key,
      'serial ports of the host are not used',
    );
  }
  const parallel = 'hardware/super_io/parallel_port/port_type';
  add(
    configuration.parallelPort.connected && features.hostParallelPort !== true,
    parallel,
    'the printer port of the host is not used',
  );
  const autoDetect = 'hardware/super_io/floppy/auto_detect';
  add(
    configuration.floppyAutoDetect && features.hostFloppyDrive !== true,
    autoDetect,
    'diskette drives of the host are not used',
  );
  const sound = 'settings/sound/sound_adapter/enable';
  add(
    configuration.soundEnabled && document.has(sound) && features.sound !== true,
    sound,
    'the Sound Blaster 16 is not emulated',
  );
  const assist = 'virtual_machines/hw_assist/enable_hw_assist';
  add(configuration.hardwareAssist, assist, 'the processor is emulated; help of the host processor is not used');
  add(
    configuration.savedState !== undefined,
    'settings/configuration/saved_state/path',
    'a saved state of the original product cannot be restored; discard it to start the machine from its disks',
  );
  if (features.additions !== true && configuration.integration.additionsVersion !== '') {
    const key = 'integration/microsoft/version/additions_number';
    add(true, key, 'the additions in the guest find no counterpart: relative mouse, no heartbeat, clock from the RTC');
  }
  return list;
}

/** Keys that no known product writes: customers' own, or of products yet unseen. They are kept and have no effect. */
export function listUnknownKeys(document: VmcDocument): string[] {
  return document
    .leaves()
    .map((leaf) => leaf.key)
    .filter((key) => !isKnownKey(key));
}
