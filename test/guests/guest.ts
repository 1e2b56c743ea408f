/** Boots real systems with the built program, as a user does. `bash .ci/guests` makes the images. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const CLI = join(ROOT, 'dist', 'cli.js');
const IMAGES = join(ROOT, 'build', 'guests');

export const image = (name: string): string => join(IMAGES, name);

/** Without the images nothing can be booted; in CI that is a failure, not a reason to skip. */
export const missing = (name: string): boolean => !existsSync(image(name)) && !process.env['CI'];

export interface GuestEvent {
  readonly type: string;
  readonly reason?: string;
  readonly vtime: number;
  readonly data: { readonly state?: string; readonly bytes?: string; readonly port?: number };
}

export interface GuestRun {
  readonly code: number;
  readonly events: readonly GuestEvent[];
  /** States in order. */
  readonly states: readonly string[];
  /** What came out of COM1. */
  readonly serial: string;
  /** What the program said. */
  readonly talk: string;
}

/** States of a run that the guest ended by powering off. */
export const ORDERLY_RUN = ['TurningOn', 'Running', 'TurningOff', 'DeleteMachine', 'TurnedOff'];

/** Runs `virtualserver boot` unseen; a triple fault ends it. `limit`: seconds until it is killed. */
export async function boot(args: readonly string[], limit: number): Promise<GuestRun> {
  if (!existsSync(CLI)) throw new Error('dist/cli.js is missing: run npm run build');
  const fixed = ['--headless', '--undo', 'memory', '--triple-fault', 'stop', '--events', '-'];
  const child = spawn(process.execPath, [CLI, 'boot', ...args, ...fixed]);
  const output: Buffer[] = [];
  let talk = '';
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => (talk += bytes.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), limit * 1000);
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  clearTimeout(timer);
  const lines = Buffer.concat(output).toString().split('\n');
  // A killed program may leave its last line unfinished.
  const events = lines.slice(0, -1).map((line) => JSON.parse(line) as GuestEvent);
  const serial = Buffer.concat(
    events
      .filter(({ type, data }) => type === 'vm.serial.output' && data.port === 0)
      .map(({ data }) => Buffer.from(data.bytes!, 'base64')),
  ).toString();
  return { code, events, states: events.flatMap(({ data }) => data.state ?? []), serial, talk };
}
