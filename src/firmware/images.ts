/** Checks on firmware images, so that a wrong file is named at once instead of a machine that shows nothing. */
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';

/** The system BIOS and the video BIOS of a machine. */
export interface FirmwareImages {
  readonly bios: Uint8Array;
  readonly videoBios: Uint8Array;
}

const BIOS_SIZES = [0x10000, 0x20000, 0x40000];
const MAX_VIDEO_BIOS = 0x10000;
const BLOCK = 512;

function refuse(subject: string, message: string): never {
  throw new VirtualServerError(ErrorCode.Firmware, `${subject}: ${message}`, { subject });
}

/**
 * @param bios named in messages as `biosName`, likewise the video BIOS
 * @throws VirtualServerError `VS_FIRMWARE` if an image is not of its kind
 */
export function checkImages(images: FirmwareImages, biosName: string, videoBiosName: string): void {
  const { bios, videoBios } = images;
  if (!BIOS_SIZES.includes(bios.length))
    refuse(biosName, `a BIOS image has 64, 128 or 256 KiB; this file has ${bios.length} bytes`);
  // The processor starts 16 bytes below the end.
  if (bios.subarray(-16).every((byte) => byte === 0 || byte === 0xff))
    refuse(biosName, 'the image has no reset vector');
  if (videoBios.length < BLOCK || videoBios[0] !== 0x55 || videoBios[1] !== 0xaa)
    refuse(videoBiosName, 'not an option ROM: the signature 55 AA is missing');
  if (videoBios.length > MAX_VIDEO_BIOS) refuse(videoBiosName, `larger than ${MAX_VIDEO_BIOS} bytes`);
  if (videoBios[2]! * BLOCK > videoBios.length) refuse(videoBiosName, 'the file is shorter than its header says');
}
