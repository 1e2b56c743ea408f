/**
 * States that earlier releases saved load in this one, and their guests go on. The files in fixtures/ are never changed; a release
 * that saves another way adds its own (`VS_WRITE_FIXTURE=name` writes the present one).
 */
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MachineOptions } from '../../src/machine/api.ts';
import { nodeStateFiles } from '../../src/machine/node-state-files.ts';
import { savedConfiguration } from '../../src/machine/saving.ts';
import { restoreBoard } from '../../src/machine/snapshot.ts';
import { SavedStateError, StateReader } from '../../src/saved-state/index.ts';
import { nodeCompression } from '../../src/saved-state/node-compression.ts';
import { NodeFile } from '../../src/disks/node-file.ts';
import { StateRig } from '../machine/state-rig.ts';

const FOLDER = join(import.meta.dirname, 'fixtures');
const fixtures = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.vsv')) : [];

/** The demonstration guest on a small machine: its prompt, reached after a second of its time. */
function demo(): StateRig {
  const bytes = new Uint8Array(1 << 20);
  bytes.set(readFileSync(join(import.meta.dirname, '..', '..', 'src', 'demo', 'demo.img')));
  const options: MachineOptions = { memoryMiB: 2, videoMemoryMiB: 1, hda: { bytes }, floppies: [], boot: ['disk'] };
  return new StateRig({ ...options, network: [{ macAddress: '00-03-FF-12-34-56' }] });
}

const written = process.env['VS_WRITE_FIXTURE'];
if (written)
  it('writes a fixture', () => {
    mkdirSync(FOLDER, { recursive: true });
    const rig = demo();
    rig.runUntil('Type a command');
    rig.save(join(FOLDER, `${written}.vsv`));
  });

/** Sends a line to COM1 and runs for some seconds of the guest's time. */
function say(rig: StateRig, line: string, seconds: number): void {
  rig.board.serial[0]!.send(new TextEncoder().encode(`${line}\r`));
  rig.run(rig.executed + 200e6, rig.scheduler.now() / 1e9 + seconds);
}

describe('a state of an earlier release', () => {
  it('is there', () => expect(fixtures.length).toBeGreaterThan(0));

  it.each(fixtures)('%s goes on', (name) => {
    const source = { path: join(FOLDER, name) };
    const rig = new StateRig(savedConfiguration(source, nodeStateFiles), source);
    say(rig, 'disk 4', 2);
    expect(rig.serial).toMatch(/4 interrupts, CRC-32 [0-9A-F]{8}/);
    say(rig, 'poweroff', 1);
    expect(rig.ended).toBe('off');
    rig.close();
  });

  it.each(fixtures)('%s says what it is', (name) => {
    const reader = new StateReader(NodeFile.open(join(FOLDER, name), true), nodeCompression);
    expect(reader.document).toMatchObject({ product: 'virtualserver', name: expect.any(String) });
    expect([...reader.memories.keys()]).toEqual(expect.arrayContaining(['ram', 'video', 'rom']));
    expect(Object.keys(reader.document['devices'] as object)).toEqual(
      expect.arrayContaining(['i8254', 'i8259', 'mc146818', 'piix4.ide', 'i440bx', 'board']),
    );
    reader.close();
  });
});

/** Every place in a value, as paths. */
function places(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

function replaced(value: unknown, [name, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (name === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  copy[name] = replaced(copy[name], rest, by);
  return copy;
}

const STRANGE: readonly unknown[] = [
  null,
  -1,
  2 ** 32,
  0.5,
  NaN,
  Infinity,
  'x',
  true,
  [],
  {},
  new Uint8Array(3),
  new Uint8Array(1 << 20),
  Array.from({ length: 1000 }, () => 7),
  undefined,
];

/** Damaged directories to try; `VS_STATE_MUTATIONS` says how many. */
const MUTATIONS = Number(process.env['VS_STATE_MUTATIONS'] ?? 60);

describe('a directory that was tampered with', () => {
  it('is refused with the name of the device, or its guest runs; nothing else happens', { timeout: 600_000 }, () => {
    const source = { path: join(FOLDER, fixtures[0]!) };
    const rig = new StateRig(savedConfiguration(source, nodeStateFiles), source);
    const reader = new StateReader(NodeFile.open(source.path, true), nodeCompression);
    const { document } = reader;
    const { clock, processor, devices } = document;
    const all = places({ clock, processor, devices }).filter(({ length }) => length > 0);
    let refused = 0;
    for (let n = 0; n < MUTATIONS; n++) {
      // A low-discrepancy walk: every part gets its share, the same in every run.
      const at = all[Math.floor(((n * 0.6180339887) % 1) * all.length)]!;
      const by = STRANGE[(n * 5) % STRANGE.length];
      const changed = replaced(document, at, by) as typeof document;
      restoreBoard(rig.board, document);
      try {
        restoreBoard(rig.board, changed);
        rig.run(rig.executed + 20_000, rig.scheduler.now() / 1e9 + 1);
      } catch (error) {
        if (!(error instanceof SavedStateError)) throw new Error(`${at.join('.')} = ${String(by)}`, { cause: error });
        expect(error.code).toMatch(/state-(device|damaged)/);
        refused++;
      }
    }
    rig.close();
    expect(refused).toBeGreaterThan(MUTATIONS / 4);
    reader.close();
  });
});
