/**
 * The data a CD-ROM drive returns to packet commands, built byte by byte.
 * Sources: SFF-8020i 2.6 clause 10; MMC-2 (T10/1228D) clause 6; SPC-2 for INQUIRY and sense data. All numbers big endian.
 */
import { blockToMsf } from './cd-sector.ts';
import { CD_BLOCK_BYTES } from './media.ts';

/** Sense key, additional sense code and qualifier. */
export interface Sense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
}

export const Sense = {
  None: { key: 0, asc: 0, ascq: 0 },
  NoMediumTrayClosed: { key: 2, asc: 0x3a, ascq: 1 },
  NoMediumTrayOpen: { key: 2, asc: 0x3a, ascq: 2 },
  ReadError: { key: 3, asc: 0x11, ascq: 0 },
  InvalidCommand: { key: 5, asc: 0x20, ascq: 0 },
  OutOfRange: { key: 5, asc: 0x21, ascq: 0 },
  InvalidField: { key: 5, asc: 0x24, ascq: 0 },
  InvalidParameter: { key: 5, asc: 0x26, ascq: 0 },
  ParameterLength: { key: 5, asc: 0x1a, ascq: 0 },
  SequenceError: { key: 5, asc: 0x2c, ascq: 0 },
  SavingNotSupported: { key: 5, asc: 0x39, ascq: 0 },
  RemovalPrevented: { key: 5, asc: 0x53, ascq: 2 },
  IllegalTrackMode: { key: 5, asc: 0x64, ascq: 0 },
  MediumChanged: { key: 6, asc: 0x28, ascq: 0 },
  Reset: { key: 6, asc: 0x29, ascq: 0 },
} as const satisfies Record<string, Sense>;

export const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
export const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value)];

const ascii = (text: string, length: number): number[] =>
  Array.from({ length }, (_, i) => (i < text.length ? text.charCodeAt(i) & 0x7f : 0x20));

const DATA_TRACK = 0x14; // ADR 1, control 4: data, copying not permitted
const LEAD_OUT = 0xaa;

const address = (block: number, msf: boolean): number[] => (msf ? [0, ...blockToMsf(block)] : be32(block));

export function inquiry(vendor: string, product: string, revision: string): number[] {
  // CD-ROM, removable, ATAPI response format
  return [0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0, ...ascii(vendor, 8), ...ascii(product, 16), ...ascii(revision, 4)];
}

export function senseData({ key, asc, ascq }: Sense): number[] {
  return [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0];
}

export function capacity(blocks: number): number[] {
  return [...be32(Math.max(0, blocks - 1)), ...be32(CD_BLOCK_BYTES)];
}

/** READ TOC formats 0 (tracks), 1 (sessions), 2 (full). `undefined` for a track or format there is not. */
export function toc(format: number, msf: boolean, start: number, blocks: number): number[] | undefined {
  const leadOut = [0, DATA_TRACK, LEAD_OUT, 0, ...address(blocks, msf)];
  const track = [0, DATA_TRACK, 1, 0, ...address(0, msf)];
  const withHeader = (body: number[]): number[] => [...be16(body.length + 2), 1, 1, ...body];
  switch (format) {
    case 0:
      if (start <= 1) return withHeader([...track, ...leadOut]);
      return start === LEAD_OUT ? withHeader(leadOut) : undefined;
    case 1:
      return withHeader(track);
    case 2: {
      if (start > 1) return undefined;
      const point = (number: number, time: readonly number[]): number[] => [
        1,
        DATA_TRACK,
        0,
        number,
        0,
        0,
        0,
        0,
        ...time,
      ];
      return withHeader([
        ...point(0xa0, [1, 0, 0]),
        ...point(0xa1, [1, 0, 0]),
        ...point(0xa2, blockToMsf(blocks)),
        ...point(1, blockToMsf(0)),
      ]);
    }
    default:
      return undefined;
  }
}

/** READ SUB-CHANNEL with formats 1 (position), 2 (catalogue number), 3 (ISRC); no audio has been played. */
export function subChannel(format: number, subQ: boolean, msf: boolean, block: number): number[] | undefined {
  const withHeader = (body: number[]): number[] => [0, 0x15, ...be16(body.length), ...body];
  if (!subQ) return withHeader([]);
  switch (format) {
    case 1:
      return withHeader([
        1,
        DATA_TRACK,
        1,
        1,
        ...address(block, msf),
        ...(msf ? [0, ...relativeMsf(block)] : be32(block)),
      ]);
    case 2:
      return withHeader([2, ...new Array<number>(19).fill(0)]);
    case 3:
      return withHeader([3, DATA_TRACK, 1, 0, ...new Array<number>(16).fill(0)]);
    default:
      return undefined;
  }
}

/** Time from the start of the track, without the two seconds of lead-in. */
const relativeMsf = (block: number): number[] => {
  const seconds = Math.floor(block / 75);
  return [Math.floor(seconds / 60) & 0xff, seconds % 60, block % 75];
};

export function header(block: number, msf: boolean): number[] {
  return [1, 0, 0, 0, ...address(block, msf)];
}

export function discInformation(): number[] {
  const body = new Array<number>(32).fill(0);
  body[0] = 0x0e; // finalised, last session complete
  body[1] = 1;
  body[2] = 1;
  body[3] = 1;
  body[4] = 1;
  body[5] = 0x20; // unrestricted use
  body.fill(0xff, 14, 22); // no further lead-in and lead-out
  return [...be16(body.length), ...body];
}

export function trackInformation(blocks: number): number[] {
  return [
    ...be16(34),
    1,
    1,
    0,
    0x04,
    0x01,
    0,
    ...be32(0),
    ...be32(0),
    ...be32(0),
    ...be32(0),
    ...be32(blocks),
    ...be32(0),
    0,
    0,
    0,
    0,
  ];
}

export function mechanismStatus(trayOpen: boolean): number[] {
  return [0, trayOpen ? 0x10 : 0, 0, 0, 0, 1, 0, 0];
}

/** GET EVENT STATUS NOTIFICATION: media class or, if that was not asked for, a header that says which class there is. */
export function eventStatus(mediaClass: boolean, event: number, trayOpen: boolean, present: boolean): number[] {
  if (!mediaClass) return [0, 2, 0x80, 0x10];
  return [0, 6, 0x04, 0x10, event, (trayOpen ? 1 : 0) | (present ? 2 : 0), 0, 0];
}

const PROFILE_CD_ROM = 0x0008;

/**
 * GET CONFIGURATION.
 * @param request 0 all features from `start` on, 1 those that are current, 2 only `start`
 */
export function configuration(request: number, start: number, present: boolean): number[] {
  const feature = (code: number, version: number, persistent: boolean, current: boolean, data: number[]) => ({
    code,
    current,
    bytes: [...be16(code), (version << 2) | (persistent ? 2 : 0) | (current ? 1 : 0), data.length, ...data],
  });
  const features = [
    feature(0x0000, 0, true, true, [...be16(PROFILE_CD_ROM), present ? 1 : 0, 0]),
    feature(0x0001, 0, true, true, be32(2)), // core: ATAPI
    feature(0x0003, 0, true, true, [0x29, 0, 0, 0]), // tray, eject, lock
    feature(0x0010, 0, false, present, [...be32(CD_BLOCK_BYTES), ...be16(1), 0, 0]),
    feature(0x001e, 0, false, present, [0, 0, 0, 0]),
    feature(0x0100, 0, true, true, []), // power management
    feature(0x0105, 0, true, true, []), // timeout
  ];
  const chosen = features.filter(({ code, current }) => {
    if (request === 2) return code === start;
    return code >= start && (request === 0 || current);
  });
  const body = [0, 0, ...be16(present ? PROFILE_CD_ROM : 0), ...chosen.flatMap(({ bytes }) => bytes)];
  return [...be32(body.length), ...body];
}

/** What MODE SELECT can change: the error recovery parameters and the audio ports. */
export interface ModeParameters {
  /** Page 01h from byte 2 on: error recovery flags and retry count. */
  readonly recovery: Uint8Array;
  /** Page 0Eh from byte 8 on: channel and volume of four ports. */
  readonly audio: Uint8Array;
  /** Current speed in kB/s. */
  readonly speed: number;
  readonly locked: boolean;
}

export const DEFAULT_RECOVERY = [0x00, 0x03] as const;
export const DEFAULT_AUDIO = [1, 0xff, 2, 0xff, 0, 0, 0, 0] as const;
/** 40 x 176.4 kB/s. */
export const MAXIMUM_SPEED = 7056;

export const PageControl = { Current: 0, Changeable: 1, Default: 2, Saved: 3 } as const;

/** Mode pages 01h, 0Dh, 0Eh, 2Ah or all (3Fh); `undefined` if there is no such page. */
export function modePages(page: number, control: number, now: ModeParameters): number[] | undefined {
  const mask = control === PageControl.Changeable;
  const pick = (current: ArrayLike<number>, standard: readonly number[]): number[] => {
    if (mask) return standard.map(() => 0xff);
    return control === PageControl.Default ? [...standard] : Array.from(current);
  };
  const fixed = (bytes: number[]): number[] => (mask ? bytes.map(() => 0) : bytes);
  const pages: Record<number, () => number[]> = {
    0x01: () => [0x01, 6, ...pick(now.recovery, DEFAULT_RECOVERY), 0, 0, 0, 0],
    0x0d: () => [0x0d, 6, ...fixed([0, 0x0d, ...be16(60), ...be16(75)])],
    0x0e: () => [0x0e, 14, ...fixed([0x04, 0, 0, 0, 0, 75]), ...pick(now.audio, DEFAULT_AUDIO)],
    0x2a: () => [
      0x2a,
      18,
      ...fixed([
        0x07, // reads CD-R, CD-RW, fixed packets
        0x00,
        0x70, // multi-session, mode 2 forms 1 and 2
        0x00,
        0x29 | (now.locked ? 0x02 : 0), // tray, eject, lock
        0x00,
        ...be16(MAXIMUM_SPEED),
        ...be16(256),
        ...be16(128), // buffer in KiB
        ...be16(control === PageControl.Default ? MAXIMUM_SPEED : now.speed),
        0,
        0,
        0,
        0,
      ]),
    ],
  };
  if (page === 0x3f) return Object.values(pages).flatMap((build) => build());
  return pages[page]?.();
}

/** Header of MODE SENSE (6) or (10) before `pages`; there are no block descriptors. */
export function modeData(long: boolean, pages: number[], trayOpen: boolean, present: boolean): number[] {
  const medium = trayOpen ? 0x71 : present ? 0x01 : 0x70;
  const length = pages.length + (long ? 6 : 3);
  return long ? [...be16(length), medium, 0, 0, 0, 0, 0, ...pages] : [length & 0xff, medium, 0, 0, ...pages];
}
