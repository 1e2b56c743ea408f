/**
 * Packet commands of the CD-ROM drive.
 * Sources: SFF-8020i 2.6 clause 10; MMC-2 (T10/1228D) clause 6; SPC-2 for the primary commands.
 */
import * as responses from './atapi-responses.ts';
import { Sense } from './atapi-responses.ts';
import type { AtapiCdrom } from './atapi-cdrom.ts';
import { msfToBlock } from './cd-sector.ts';
import type { CdMedia } from './media.ts';

const MSF = 0x02;
const NO_MEDIA_EVENT = 0;
/** Speeds below 1x do not exist. */
const MINIMUM_SPEED = 176;

type Handler = (drive: AtapiCdrom, packet: Uint8Array, disc: CdMedia) => void;

interface Command {
  readonly run: Handler;
  /** Needs a disc; without one the command ends with NOT READY. */
  readonly medium: boolean;
  /** Carried out even while a unit attention is pending. */
  readonly immune: boolean;
  /** Takes a parameter list, whose length this gives. */
  readonly parameters?: (packet: Uint8Array) => number;
}

const be16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const be24 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 16) | be16(bytes, at + 1);
const be32 = (bytes: Uint8Array, at: number): number => be16(bytes, at) * 0x10000 + be16(bytes, at + 2);

/** Sends an answer, or INVALID FIELD where there is none. */
function answer(drive: AtapiCdrom, bytes: number[] | undefined, allocation: number): void {
  if (bytes) drive.respond(bytes, allocation);
  else drive.check(Sense.InvalidField);
}

/** Whether `count` blocks from `block` on exist; ends the command if not. */
function withinDisc(drive: AtapiCdrom, disc: CdMedia, block: number, count: number): boolean {
  if (block >= 0 && block + count <= disc.blockCount) return true;
  drive.check(Sense.OutOfRange);
  return false;
}

function readBlocks(drive: AtapiCdrom, disc: CdMedia, block: number, count: number, flags?: number): void {
  if (withinDisc(drive, disc, block, count)) drive.sendBlocks(block, count, flags);
}

function requestSense(drive: AtapiCdrom, packet: Uint8Array): void {
  let sense: Sense = { key: drive.senseKey, asc: drive.senseCode, ascq: drive.senseQualifier };
  if (sense.key === 0) sense = takeAttention(drive) ?? sense;
  drive.setSense(Sense.None);
  drive.respond(responses.senseData(sense), packet[4]!);
}

/** The oldest pending unit attention, which is thereby reported. */
function takeAttention(drive: AtapiCdrom): Sense | undefined {
  if (drive.attentionReset) {
    drive.attentionReset = false;
    return Sense.Reset;
  }
  if (drive.attentionChanged) {
    drive.attentionChanged = false;
    return Sense.MediumChanged;
  }
  return undefined;
}

function startStop(drive: AtapiCdrom, packet: Uint8Array): void {
  const action = packet[4]!;
  const powerCondition = action >> 4;
  if (powerCondition === 0 && action & 0x02) {
    const open = !(action & 0x01);
    if (open && drive.locked) return drive.check(Sense.RemovalPrevented);
    drive.moveTray(open);
  }
  drive.good();
}

function modeSense(drive: AtapiCdrom, packet: Uint8Array, long: boolean): void {
  const control = packet[2]! >> 6;
  if (control === responses.PageControl.Saved) return drive.check(Sense.SavingNotSupported);
  const pages = responses.modePages(packet[2]! & 0x3f, control, drive);
  if (!pages) return drive.check(Sense.InvalidField);
  const data = responses.modeData(long, pages, drive.trayOpen, drive.disc !== undefined);
  drive.respond(data, long ? be16(packet, 7) : packet[4]!);
}

/** Takes over pages 01h and 0Eh, ignores 0Dh and 2Ah, refuses others; nothing changes unless the whole list is right. */
function modeSelect(drive: AtapiCdrom, list: Uint8Array, long: boolean): void {
  const headerLength = long ? 8 : 4;
  if (list.length === 0) return drive.good();
  if (list.length < headerLength) return drive.check(Sense.ParameterLength);
  const descriptors = long ? be16(list, 6) : list[3]!;
  const apply: (() => void)[] = [];
  for (let at = headerLength + descriptors; at < list.length;) {
    const end = at + 2 + (list[at + 1] ?? 0);
    if (end > list.length) return drive.check(Sense.ParameterLength);
    const page = list.slice(at, end);
    switch (page[0]! & 0x3f) {
      case 0x01:
        if (page.length !== 8) return drive.check(Sense.InvalidParameter);
        apply.push(() => drive.recovery.set(page.subarray(2, 4)));
        break;
      case 0x0e:
        if (page.length !== 16) return drive.check(Sense.InvalidParameter);
        apply.push(() => drive.audio.set(page.subarray(8, 16)));
        break;
      case 0x0d:
      case 0x2a:
        break;
      default:
        return drive.check(Sense.InvalidParameter);
    }
    at = end;
  }
  for (const change of apply) change();
  drive.good();
}

function eventStatus(drive: AtapiCdrom, packet: Uint8Array): void {
  if (!(packet[1]! & 0x01)) return drive.check(Sense.InvalidField); // only polling
  const allocation = be16(packet, 7);
  const mediaClass = (packet[4]! & 0x10) !== 0;
  const { mediaEvent, trayOpen } = drive;
  if (mediaClass && allocation > 4) drive.mediaEvent = NO_MEDIA_EVENT;
  drive.respond(responses.eventStatus(mediaClass, mediaEvent, trayOpen, drive.disc !== undefined), allocation);
}

function readToc(drive: AtapiCdrom, packet: Uint8Array, disc: CdMedia): void {
  // Drives before MMC took the format from the top of the control byte, and some drivers still put it there.
  const format = packet[2]! & 0x0f || packet[9]! >> 6;
  const msf = (packet[1]! & MSF) !== 0;
  answer(drive, responses.toc(format, msf, packet[6]!, disc.blockCount), be16(packet, 7));
}

function readTrackInformation(drive: AtapiCdrom, packet: Uint8Array, disc: CdMedia): void {
  const number = be32(packet, 2);
  const found = (packet[1]! & 3) === 0 ? number < disc.blockCount : number === 1;
  answer(drive, found ? responses.trackInformation(disc.blockCount) : undefined, be16(packet, 7));
}

/** READ CD and READ CD MSF, once the blocks are known. */
function readCd(drive: AtapiCdrom, packet: Uint8Array, disc: CdMedia, block: number, count: number): void {
  const expected = (packet[1]! >> 2) & 7;
  if (expected > 5 || packet[10]! & 7) return drive.check(Sense.InvalidField);
  if (count === 0) return drive.good();
  if (!withinDisc(drive, disc, block, count)) return;
  if (expected !== 0 && expected !== 2) return drive.check(Sense.IllegalTrackMode); // the track is mode 1
  drive.sendBlocks(block, count, packet[9]! & 0xfe);
}

function readCdMsf(drive: AtapiCdrom, packet: Uint8Array, disc: CdMedia): void {
  const start = msfToBlock(packet[3]!, packet[4]!, packet[5]!);
  const end = msfToBlock(packet[6]!, packet[7]!, packet[8]!);
  if (end < start) drive.check(Sense.InvalidField);
  else readCd(drive, packet, disc, start, end - start);
}

const needsDisc = (run: Handler): Command => ({ run, medium: true, immune: false });
const anyTime = (run: Handler): Command => ({ run, medium: false, immune: false });
const always = (run: Handler): Command => ({ run, medium: false, immune: true });
const withList = (parameters: (packet: Uint8Array) => number): Command => ({
  run: () => undefined,
  medium: false,
  immune: false,
  parameters,
});

const playAudio = needsDisc((drive) => drive.check(Sense.IllegalTrackMode));

const COMMANDS: Readonly<Record<number, Command>> = {
  0x00: needsDisc((drive) => drive.good()), // TEST UNIT READY
  0x03: always(requestSense),
  0x12: always((drive, packet) => {
    if (packet[1]! & 0x03)
      drive.check(Sense.InvalidField); // no vital product data
    else drive.respond(responses.inquiry('Msft', 'Virtual CD', '1.1'), be16(packet, 3));
  }),
  0x15: withList((packet) => packet[4]!), // MODE SELECT (6)
  0x1a: anyTime((drive, packet) => modeSense(drive, packet, false)),
  0x1b: anyTime(startStop),
  0x1e: anyTime((drive, packet) => {
    drive.locked = (packet[4]! & 0x01) !== 0; // PREVENT ALLOW MEDIUM REMOVAL
    drive.good();
  }),
  0x25: needsDisc((drive, _packet, disc) => drive.respond(responses.capacity(disc.blockCount), 8)),
  0x28: needsDisc((drive, packet, disc) => readBlocks(drive, disc, be32(packet, 2), be16(packet, 7))), // READ (10)
  0x2b: needsDisc((drive, packet, disc) => {
    if (withinDisc(drive, disc, be32(packet, 2), 1)) drive.good(); // SEEK (10)
  }),
  0x42: needsDisc((drive, packet) => {
    const [, flags, query] = packet;
    answer(
      drive,
      responses.subChannel(packet[3]!, (query! & 0x40) !== 0, (flags! & MSF) !== 0, drive.head),
      be16(packet, 7),
    );
  }),
  0x43: needsDisc(readToc),
  0x44: needsDisc((drive, packet, disc) => {
    const block = be32(packet, 2);
    if (!withinDisc(drive, disc, block, 1)) return;
    drive.respond(responses.header(block, (packet[1]! & MSF) !== 0), be16(packet, 7)); // READ HEADER
  }),
  0x45: playAudio,
  0x46: always((drive, packet) => {
    const request = packet[1]! & 3;
    if (request === 3) drive.check(Sense.InvalidField);
    else drive.respond(responses.configuration(request, be16(packet, 2), drive.disc !== undefined), be16(packet, 7));
  }),
  0x47: playAudio,
  0x48: playAudio,
  0x4a: always(eventStatus),
  0x4b: needsDisc((drive) => drive.check(Sense.SequenceError)), // PAUSE/RESUME: nothing plays
  0x4e: needsDisc((drive) => drive.good()), // STOP PLAY/SCAN
  0x51: needsDisc((drive, packet) => drive.respond(responses.discInformation(), be16(packet, 7))),
  0x52: needsDisc(readTrackInformation),
  0x55: withList((packet) => be16(packet, 7)), // MODE SELECT (10)
  0x5a: anyTime((drive, packet) => modeSense(drive, packet, true)),
  0xa5: playAudio,
  0xa8: needsDisc((drive, packet, disc) => readBlocks(drive, disc, be32(packet, 2), be32(packet, 6))), // READ (12)
  0xb9: needsDisc(readCdMsf),
  0xbb: anyTime((drive, packet) => {
    drive.speed = Math.min(responses.MAXIMUM_SPEED, Math.max(MINIMUM_SPEED, be16(packet, 2)));
    drive.good();
  }),
  0xbd: anyTime((drive, packet) => drive.respond(responses.mechanismStatus(drive.trayOpen), be16(packet, 8))),
  0xbe: needsDisc((drive, packet, disc) => readCd(drive, packet, disc, be32(packet, 2), be24(packet, 6))),
};

/**
 * Carries out `drive.packet` up to its first data phase or its end.
 * @param list the parameter list, when the command asked for one and it has arrived
 */
export function executePacket(drive: AtapiCdrom, list?: Uint8Array): void {
  const { packet } = drive;
  const opcode = packet[0]!;
  const command = COMMANDS[opcode];
  if (list) return modeSelect(drive, list, opcode === 0x55);
  if (!command) return drive.check(Sense.InvalidCommand);
  if (!command.immune) {
    const attention = takeAttention(drive);
    if (attention) return drive.check(attention);
  }
  // Sense data belongs to the command before; only REQUEST SENSE looks back.
  if (opcode !== 0x03) drive.setSense(Sense.None);
  if (command.parameters) return drive.receive(command.parameters(packet));
  const { disc } = drive;
  if (command.medium && !disc) {
    return drive.check(drive.trayOpen ? Sense.NoMediumTrayOpen : Sense.NoMediumTrayClosed);
  }
  command.run(drive, packet, disc ?? NO_DISC);
}

/** Stands for the disc in commands that do not look at it. */
const NO_DISC: CdMedia = { blockCount: 0, read: () => undefined };
