/** A machine configuration as typed values. What the keys mean is described in docs of the `.vmc` format; absent keys mean defaults. */

/** A path as the file stores it, twice. At least one of the two is there and not empty. */
export interface VmcPath {
  /** As it was on the computer that saved the file; often stale, sometimes itself relative. */
  readonly absolute: string | undefined;
  /** From the folder of the `.vmc`, with backslashes. */
  readonly relative: string | undefined;
}

export interface VmcDrive {
  readonly bus: 'ide' | 'scsi';
  /** IDE: 0 primary, 1 secondary. SCSI: adapter 0 to 3. */
  readonly controller: number;
  /** IDE: 0 master, 1 slave. SCSI: id 0 to 6. */
  readonly location: number;
  readonly kind: 'disk' | 'cd';
  /** The image; undefined when nothing is inserted. */
  readonly image: VmcPath | undefined;
  /** A CD drive of the host, as a letter, instead of an image. */
  readonly hostDrive: string | undefined;
  /** The undo disk that holds the newest state. */
  readonly undo: VmcPath | undefined;
  /** Key path of the location. */
  readonly key: string;
}

export interface VmcFloppy {
  readonly id: number;
  readonly image: VmcPath | undefined;
  readonly key: string;
}

export interface VmcSerialPort {
  /** 0 = COM1, 1 = COM2. */
  readonly id: number;
  /** `host`: a port of the host; `file`: a text file; `pipe`: a named pipe. */
  readonly target: { readonly kind: 'none' } | { readonly kind: 'host' | 'file' | 'pipe'; readonly name: string };
  /** Connect at power-on instead of at the first use. */
  readonly connectImmediately: boolean;
  readonly key: string;
}

export interface VmcNetworkAdapter {
  readonly id: number;
  /** 6 bytes; undefined when one is to be made at the first start. */
  readonly macAddress: Uint8Array | undefined;
  /** 16 bytes. */
  readonly networkId: Uint8Array | undefined;
  /** Name of the virtual network or host adapter; empty = not connected. */
  readonly networkName: string;
  readonly key: string;
}

export interface VmcBios {
  /** CMOS RAM from index 0x0E to 0xFF, 242 bytes. */
  readonly cmos: Uint8Array | undefined;
  /** RTC registers 0 to 9, in BCD: the guest's clock when the file was saved last. */
  readonly timeBytes: Uint8Array | undefined;
  /** Set the guest's clock from the host at power-on. */
  readonly timeSyncAtBoot: boolean;
  /** `{GUID}`; SMBIOS system UUID. */
  readonly guid: string | undefined;
  readonly serialNumber: string | undefined;
  readonly baseBoardSerialNumber: string | undefined;
  readonly chassisAssetTag: string | undefined;
  readonly chassisSerialNumber: string | undefined;
  /** CMOS byte 0x51, where the product keeps the boot order; 0x52 is the default order. */
  readonly bootOrderCode: number | undefined;
}

export interface VmcProduct {
  readonly name: string;
  readonly build: string;
}

export interface VmcConfiguration {
  /** File name without folder and extension: the machine's name. */
  readonly name: string;
  /** Guest RAM in MiB. */
  readonly memoryMiB: number;
  /** Video memory in MiB. */
  readonly videoMemoryMiB: number;
  /** Hardware generation, for example `Virtual PC 2007`. */
  readonly hardwareName: string;
  readonly drives: readonly VmcDrive[];
  readonly floppies: readonly VmcFloppy[];
  /** Look for a diskette of the host by itself. */
  readonly floppyAutoDetect: boolean;
  readonly serialPorts: readonly VmcSerialPort[];
  readonly parallelPort: { readonly connected: boolean; readonly shared: boolean };
  /** The adapters that exist: at most `controller_count`. */
  readonly networkAdapters: readonly VmcNetworkAdapter[];
  readonly bios: VmcBios;
  /** First boot device first. */
  readonly bootOrder: readonly ('floppy' | 'cd' | 'disk')[];
  readonly soundEnabled: boolean;
  readonly integration: {
    readonly mouse: boolean;
    readonly hostTimeSync: boolean;
    /** Empty when no additions are installed in the guest. */
    readonly additionsVersion: string;
    readonly guestOs: string;
    readonly heartbeat: {
      /** Ticks in a block of `seconds`. */
      readonly rate: number;
      readonly seconds: number;
      readonly failureInterval: number;
      readonly failureAttempts: number;
    };
  };
  readonly undoDrives: {
    readonly enabled: boolean;
    readonly defaultAction: 'discard' | 'keep' | 'commit';
    readonly purposelyKept: boolean;
  };
  /** The saved state; a machine with one is not turned off but saved. */
  readonly savedState: VmcPath | undefined;
  readonly notes: string;
  readonly startup: { readonly automatic: 'never' | 'always' | 'if-running'; readonly delaySeconds: number };
  /** The machine ran when the program quit last. */
  readonly wasRunning: boolean;
  readonly hardwareAssist: boolean;
  readonly allowPacketFiltering: boolean;
  readonly allowPromiscuousMode: boolean;
  readonly creator: VmcProduct;
  readonly modifier: VmcProduct;
}

/** Something wrong with a configuration. With `error` the machine cannot be started. */
export interface VmcProblem {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly key: string;
  /** Without key and file name. */
  readonly message: string;
  readonly line: number | undefined;
}
