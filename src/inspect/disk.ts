/** A disk with its whole chain: the layers from the newest changes down to the base, and what is on it. */
import fs from 'node:fs';
import path from 'node:path';
import { equalBytes } from '../../vhd/bytes.ts';
import { DiskError } from '../../vhd/errors.ts';
import { RawImage } from '../../vhd/flat-image.ts';
import { looksLikeVhd } from '../../vhd/footer.ts';
import { geometryBytes } from '../../vhd/geometry.ts';
import type { DiskImage } from '../../vhd/image.ts';
import { openVhd } from '../../vhd/open.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { undoPathFor } from '../disks/undo.ts';
import { DISK_EXTENSION } from '../disks/node-parents.ts';
import { FileSystemError, findVolumes, openFileSystem, sourceOfImage, type ByteSource } from '../filesystems/index.ts';
import { examineLayer, InspectingResolver, problemOfError, type ExaminedLayer } from './layers.ts';
import type { DiskReport, LayerReport, Problem, VolumeReport } from './report.ts';

/** Layers that are looked at; products made chains of a handful. */
const MAXIMUM_LAYERS = 1024;

/** Where a disk comes from. */
export interface DiskPlaces {
  /** The image as the configuration or the user names it. */
  readonly image: string;
  /** The undo disk that the configuration names: it holds the newest state. */
  readonly productUndo?: string | undefined;
  /** Where parents may be besides the folders of their children. */
  readonly folders: readonly string[];
}

/** Never throws for contents. */
export function inspectDisk({ image, productUndo, folders }: DiskPlaces): DiskReport {
  const problems: Problem[] = [];
  const top = path.resolve(productUndo ?? image);
  const everywhere = [...new Set([...folders, path.dirname(path.resolve(image)), path.dirname(top)])];
  const layers: ExaminedLayer[] = [];
  const ownUndo = undoPathFor(top);
  const hasOwnUndo = fs.existsSync(ownUndo);
  if (hasOwnUndo) layers.push(examineLayer(ownUndo, 'undo', everywhere, top));
  follow(top, productUndo === undefined ? 'image' : 'product-undo', everywhere, layers, problems);
  if (productUndo !== undefined) checkUndoBelongs(layers, path.resolve(image), path.resolve(productUndo), problems);
  compareNeighbours(layers, problems);
  const complete = layers.every(({ usable }) => usable) && !problems.some(({ severity }) => severity === 'error');
  const whole = complete && !layers.some(({ report }) => report.problems.some(isFatal));
  const content = whole ? readContent(top, hasOwnUndo ? ownUndo : undefined, everywhere, problems) : undefined;
  if (content !== undefined)
    compareWithGeometry(
      layers.map(({ report }) => report),
      content.volumes,
      content.size,
      problems,
    );
  return {
    ...(content === undefined ? {} : { size: content.size, partitionScheme: content.scheme }),
    layers: layers.map(({ report }) => report),
    volumes: content?.volumes ?? [],
    problems,
  };
}

const isFatal = ({ severity, code }: Problem): boolean => severity === 'error' && code.startsWith('disk-parent');

/** Adds a file and its parents down to the base. */
function follow(
  first: string,
  role: LayerReport['role'],
  folders: readonly string[],
  layers: ExaminedLayer[],
  problems: Problem[],
): void {
  const seen = new Set<string>();
  let at: string | undefined = first;
  let nextRole = role;
  while (at !== undefined) {
    if (seen.has(at) || layers.length >= MAXIMUM_LAYERS) {
      problems.push({
        severity: 'error',
        code: 'disk-chain-loop',
        place: first,
        message: `the chain of parents comes back to ${at}`,
        remedy: 'The ids or parent paths of these files were changed; restore them from a copy.',
      });
      return;
    }
    seen.add(at);
    const layer: ExaminedLayer = examineLayer(at, nextRole, folders);
    layers.push(layer);
    at = layer.parentPath;
    nextRole = nextRole === 'product-undo' ? 'image' : 'parent';
  }
}

function checkUndoBelongs(layers: readonly ExaminedLayer[], image: string, undo: string, problems: Problem[]): void {
  const reached = layers.some(({ report }) => report.path === image);
  const broken = layers.some(({ report }) => report.problems.some(isFatal));
  if (reached || broken) return;
  problems.push({
    severity: 'error',
    code: 'undo-of-another-disk',
    place: undo,
    message: `the undo disk does not belong to ${image}`,
    remedy:
      'Put the disk that it belongs to in that place, or the right undo disk here. Without the undo disk the image has the state before the session.',
  });
}

/** Sizes must agree all the way down, and our own undo disk must have been made over the very disk below it. */
function compareNeighbours(layers: readonly ExaminedLayer[], problems: Problem[]): void {
  for (const [index, layer] of layers.entries()) {
    const below = layers[index + 1];
    if (below === undefined) return;
    const { diskSize, path: place } = layer.report;
    const sizeBelow = below.report.diskSize;
    if (diskSize !== undefined && sizeBelow !== undefined && diskSize !== sizeBelow && below.report.format !== 'raw') {
      problems.push({
        severity: 'error',
        code: 'size-conflict',
        place,
        message: `it has ${diskSize} bytes, its parent ${below.report.path} has ${sizeBelow}`,
        remedy: 'The parent was resized after this disk was made; restore the parent from a copy.',
      });
    }
    if (layer.report.role !== 'undo' || layer.parentId === undefined || below.uniqueId === undefined) continue;
    if (!equalBytes(layer.parentId, below.uniqueId)) {
      problems.push({
        severity: 'error',
        code: 'disk-parent-mismatch',
        place,
        message: `the undo disk was made over a disk with another id than ${below.report.path} has now`,
        remedy: 'Put the original image back, or delete the undo disk and with it what the guest wrote.',
      });
    }
  }
}

interface Content {
  readonly size: number;
  readonly scheme: 'mbr' | 'gpt' | 'none';
  readonly volumes: VolumeReport[];
}

function readContent(
  top: string,
  ownUndo: string | undefined,
  folders: readonly string[],
  problems: Problem[],
): Content | undefined {
  let image: DiskImage | undefined;
  try {
    image = openForReading(top, folders);
    if (ownUndo !== undefined) {
      const file = openDiskFile(ownUndo, true);
      try {
        image = openVhd(file, { parent: image });
      } catch (error) {
        file.close();
        throw error;
      }
    }
    const source = sourceOfImage(image);
    return { size: source.size, ...describeVolumes(source, problems) };
  } catch (error) {
    problems.push(problemOfError(error, top));
    return undefined;
  } finally {
    image?.close();
  }
}

/** Opens a disk with its chain, looking at files that are in use too. @throws DiskError */
export function openForReading(place: string, folders: readonly string[]): DiskImage {
  const file = openDiskFile(place, true);
  try {
    const isVhd = looksLikeVhd(file) || DISK_EXTENSION.test(place);
    return isVhd ? openVhd(file, { resolver: new InspectingResolver(folders) }) : new RawImage(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The volumes of a disk or medium; what is wrong with them goes to `problems`. @throws DiskError */
export function describeVolumes(source: ByteSource, problems: Problem[]): Omit<Content, 'size'> {
  const found = findVolumes(source);
  for (const message of found.problems) {
    problems.push({ severity: 'warning', code: 'partition', place: source.name, message });
  }
  const volumes = found.volumes.map((volume): VolumeReport => {
    const { number, start, length, partition, fileSystem } = volume;
    const place = volume.source.name;
    let label = fileSystem?.label ?? '';
    if (fileSystem?.readable === true) {
      try {
        const system = openFileSystem(volume);
        label = system.label;
        for (const message of system.problems)
          problems.push({ severity: 'warning', code: 'file-system', place, message });
      } catch (error) {
        if (!(error instanceof FileSystemError) && !(error instanceof DiskError)) throw error;
        problems.push({ severity: 'error', code: error.code, place, message: error.message.replace(/\.$/, '') });
      }
    }
    return {
      number,
      start,
      length,
      ...(partition === undefined ? {} : { partitionType: { code: partition.typeCode, name: partition.typeName } }),
      active: partition?.active ?? false,
      ...(fileSystem === undefined ? {} : { fileSystem: { ...fileSystem, label } }),
    };
  });
  return { scheme: found.scheme, volumes };
}

/** A product that goes by geometry shows a guest less than the disk has. */
function compareWithGeometry(
  layers: readonly LayerReport[],
  volumes: readonly VolumeReport[],
  size: number,
  problems: Problem[],
): void {
  const { geometry, path: place } = layers.at(-1)!;
  if (geometry === undefined) return;
  const byGeometry = geometryBytes(geometry);
  if (byGeometry === 0 || byGeometry >= size) return;
  const last = volumes.find(({ number, start, length }) => number > 0 && start + length > byGeometry);
  if (last === undefined) return;
  problems.push({
    severity: 'note',
    code: 'size-conflict-partition',
    place,
    message: `partition ${last.number} ends behind the ${byGeometry} bytes that the geometry stands for; all ${size} bytes are used here`,
    remedy: 'Programs that go by the geometry cut its end off.',
  });
}
