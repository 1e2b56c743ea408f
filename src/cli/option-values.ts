/** Values of command-line options. Each parser throws `InvalidArgumentError`, which commander reports as a usage error. */
import { InvalidArgumentError } from 'commander';
import type { CpuidConfiguration } from '../../cpu/processor.ts';
import type {
  DebugExitPort,
  BootDevice,
  ClockConfiguration,
  DiskMode,
  ParallelConfiguration,
  SerialConfiguration,
} from '../machine/configuration.ts';
import { strokeFor } from '../machine/us-layout.ts';
import { parseEscape } from './escape.ts';

/** Sizes like `64`, `64M`, `512MiB`, `1G`: MiB without a unit. */
export function mebibytes(text: string): number {
  const match = /^(\d+)(?:([kmg])(?:i?b)?)?$/i.exec(text);
  if (!match) throw new InvalidArgumentError('A size is a number of MiB, or a number with K, M or G.');
  const factor = { k: 1 / 1024, m: 1, g: 1024 }[(match[2] ?? 'm').toLowerCase() as 'k' | 'm' | 'g'];
  return Number(match[1]) * factor;
}

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1e7)) throw new InvalidArgumentError('Not a number of seconds.');
  return value;
}

const BOOT_NAMES: Readonly<Record<string, BootDevice>> = {
  a: 'floppy',
  floppy: 'floppy',
  c: 'disk',
  disk: 'disk',
  hda: 'disk',
  d: 'cdrom',
  cd: 'cdrom',
  cdrom: 'cdrom',
  n: 'network',
  network: 'network',
};

/** `cdrom,disk` or letters as in `dca`. */
export function bootOrder(text: string): BootDevice[] {
  const lower = text.toLowerCase();
  const words = lower.includes(',') || lower in BOOT_NAMES ? lower.split(',') : [...lower];
  return words.map((word) => {
    const device = BOOT_NAMES[word.trim()];
    if (!device) throw new InvalidArgumentError('A boot order is a list of floppy, disk, cdrom, network.');
    return device;
  });
}

/** Where a serial port goes; `stdio` means the program's own terminal or standard streams. */
export type SerialTarget = SerialConfiguration | { readonly kind: 'stdio' };

export function serialTarget(text: string): SerialTarget {
  const [kind = '', rest = ''] = split(text, ':');
  const { value, flags } = withFlags(rest, kind === 'file' ? ['append'] : ['listen']);
  switch (kind) {
    case 'none':
    case 'events':
    case 'stdio':
      if (rest !== '') break;
      return { kind };
    case 'file':
      if (value === '') break;
      return { kind: 'file', path: value, ...(flags.has('append') ? { append: true } : {}) };
    case 'pipe':
    case 'unix':
      if (value === '') break;
      return { kind: 'pipe', path: value, ...(flags.has('listen') ? { listen: true } : {}) };
    case 'tcp': {
      const match = /^(?:(.*):)?(\d{1,5})$/.exec(value);
      if (!match || Number(match[2]) > 65535) break;
      return {
        kind: 'tcp',
        port: Number(match[2]),
        ...(match[1] ? { host: match[1] } : {}),
        ...(flags.has('listen') ? { listen: true } : {}),
      };
    }
    default:
      // A bare path of a socket or pipe is what people type.
      if (text.includes('/') || text.includes('\\')) return serialTarget(`pipe:${text}`);
  }
  throw new InvalidArgumentError('Use stdio, none, file:PATH, pipe:PATH[,listen] or tcp:[HOST:]PORT[,listen].');
}

export function parallelTarget(text: string): ParallelConfiguration {
  if (text === 'none') return { kind: 'none' };
  const [kind, rest = ''] = split(text, ':');
  const { value, flags } = withFlags(rest, ['append']);
  if (kind !== 'file' || value === '') throw new InvalidArgumentError('Use none or file:PATH[,append].');
  return { kind: 'file', path: value, ...(flags.has('append') ? { append: true } : {}) };
}

function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Known words behind commas at the end, apart from the value. */
function withFlags(text: string, known: readonly string[]): { value: string; flags: Set<string> } {
  const flags = new Set<string>();
  let value = text;
  for (;;) {
    const at = value.lastIndexOf(',');
    const word = at < 0 ? '' : value.slice(at + 1);
    if (!known.includes(word)) return { value, flags };
    flags.add(word);
    value = value.slice(0, at);
  }
}

/** Processors by name: family, model and stepping of a common part, and what it lacks. */
const PROCESSORS: Readonly<Record<string, CpuidConfiguration>> = {
  default: {},
  pentium2: { family: 6, model: 5, stepping: 2, features: { sse: false, sse2: false } },
  pentium3: { family: 6, model: 8, stepping: 6, features: { sse2: false } },
  pentium4: { family: 15, model: 2, stepping: 9 },
};

/** `pentium3`, `-sse2`, `+sse3`, `model=6`, `vendor=…`, `brand=…`, joined by commas. */
export function processor(text: string): CpuidConfiguration {
  let result: CpuidConfiguration = {};
  for (const word of text.split(',')) {
    const named = PROCESSORS[word];
    const feature = /^([-+])([a-z0-9_]+)$/.exec(word);
    const setting = /^(family|model|stepping|maxleaf)=(\d{1,3})$/i.exec(word);
    const identity = /^(vendor|brand)=(.+)$/.exec(word);
    if (named) result = { ...result, ...named, features: { ...result.features, ...named.features } };
    else if (feature) result = { ...result, features: { ...result.features, [feature[2]!]: feature[1] === '+' } };
    else if (setting) {
      const key = setting[1]!.toLowerCase() === 'maxleaf' ? 'maxLeaf' : setting[1]!.toLowerCase();
      result = { ...result, [key]: Number(setting[2]) };
    } else if (identity) result = { ...result, [identity[1]!]: identity[2]! };
    else {
      throw new InvalidArgumentError(
        `'${word}' is none of ${Object.keys(PROCESSORS).join(', ')}, +feature, -feature, family=N, model=N, stepping=N, maxleaf=N, vendor=TEXT, brand=TEXT.`,
      );
    }
  }
  return result;
}

/** `real`, `fast`, `fixed`, the last two with instructions per second: `fixed:50e6`. */
export function clockPolicy(text: string): ClockConfiguration {
  const [kind, rate] = split(text, ':');
  const instructionsPerSecond = rate === undefined ? undefined : Number(rate);
  if (kind === 'real' && rate === undefined) return { kind };
  if ((kind === 'fast' || kind === 'fixed') && !Number.isNaN(instructionsPerSecond)) {
    return { kind, ...(instructionsPerSecond === undefined ? {} : { instructionsPerSecond }) };
  }
  throw new InvalidArgumentError('Use real, fast[:INSTRUCTIONS_PER_SECOND] or fixed[:INSTRUCTIONS_PER_SECOND].');
}

/** `on` or `off`. */
export function onOrOff(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('Use on or off.');
  return text === 'on';
}

/** `host`, or a date the guest's clock starts at: `1999-12-31T23:59:00`. */
export function clockStart(text: string): 'host' | number {
  if (text === 'host') return 'host';
  const time = Date.parse(/(?:Z|[-+]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`);
  if (Number.isNaN(time)) throw new InvalidArgumentError('Use host or a date like 1999-12-31T23:59:00.');
  return Math.floor(time / 1000);
}

export function escapePrefix(text: string): number {
  const code = parseEscape(text);
  if (code === undefined) throw new InvalidArgumentError('Use a control character like ^A or ^].');
  return code;
}

/** Where changes of disks go. */
/** `session`: as the original product, see docs/disks.md. */
export type UndoPlace = DiskMode | 'session';

const UNDO_CHOICES: Readonly<Record<string, UndoPlace>> = {
  auto: 'auto',
  beside: 'undo',
  memory: 'memory',
  session: 'session',
};

export function undoPlace(text: string): UndoPlace {
  const mode = UNDO_CHOICES[text];
  if (!mode) throw new InvalidArgumentError(`Use ${Object.keys(UNDO_CHOICES).join(', ')}.`);
  return mode;
}

/** Backslash escapes in text to be typed or expected: `\n`, `\t`, `\b`, `\e`, `\\`. */
export function unescape(text: string): string {
  const known: Readonly<Record<string, string>> = { n: '\n', r: '\n', t: '\t', b: '\b', e: '\x1b', '\\': '\\' };
  return text.replace(/\\([nrtbe\\])/g, (_, letter: string) => known[letter]!);
}

/** `/expression/flags`, or text as it is. */
export function pattern(text: string): string | RegExp {
  const match = /^\/(.+)\/([imsu]*)$/s.exec(text);
  if (!match) return unescape(text);
  try {
    return new RegExp(match[1]!, match[2]);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** Names of keys as people say them. Letters, digits and function keys follow a rule; `KeyboardEvent.code` names pass. */
const KEY_NAMES: Readonly<Record<string, string>> = {
  ctrl: 'ControlLeft',
  control: 'ControlLeft',
  alt: 'AltLeft',
  altgr: 'AltRight',
  shift: 'ShiftLeft',
  win: 'MetaLeft',
  enter: 'Enter',
  return: 'Enter',
  esc: 'Escape',
  escape: 'Escape',
  tab: 'Tab',
  space: 'Space',
  backspace: 'Backspace',
  del: 'Delete',
  delete: 'Delete',
  ins: 'Insert',
  insert: 'Insert',
  home: 'Home',
  end: 'End',
  pgup: 'PageUp',
  pgdn: 'PageDown',
  up: 'ArrowUp',
  down: 'ArrowDown',
  left: 'ArrowLeft',
  right: 'ArrowRight',
  menu: 'ContextMenu',
  pause: 'Pause',
};

/** Keys pressed together: `ctrl-alt-delete`, `f8`, `ctrl-b`, `NumpadAdd`. */
export function keyChord(text: string): string[] {
  return text.split('-').map((word) => {
    const lower = word.toLowerCase();
    const named = KEY_NAMES[lower];
    if (named) return named;
    if (/^f([1-9]|1[0-2])$/.test(lower)) return lower.toUpperCase();
    const stroke = lower.length === 1 ? strokeFor(lower) : undefined;
    if (stroke && !stroke.shift) return stroke.code;
    if (/^[A-Z][A-Za-z]+[0-9]?$/.test(word)) return word;
    throw new InvalidArgumentError(`'${word}' is not a key; use names such as enter, f8, ctrl-b, ctrl-alt-delete.`);
  });
}

/** `F4`, `0xf4,1`: a port in hexadecimal and how many ports answer. */
export function debugExit(text: string): DebugExitPort {
  const found = /^(?:0x)?([0-9a-f]{1,4})h?(?:,([124]))?$/i.exec(text);
  if (!found) throw new InvalidArgumentError('Expected a port such as F4 or 0x501, and after a comma 1, 2 or 4.');
  const port = parseInt(found[1]!, 16);
  const size = Number(found[2] ?? 4) as 1 | 2 | 4;
  if (port + size > 0x10000) throw new InvalidArgumentError('The ports end at FFFFh.');
  return { port, size };
}

export type DebugConsole =
  { readonly kind: 'none' } | { readonly kind: 'stdio' } | { readonly kind: 'file'; readonly path: string };

/** `none`, `stdio` or `file:PATH`. */
export function debugConsole(text: string): DebugConsole {
  if (text === 'none' || text === 'stdio') return { kind: text };
  if (text.startsWith('file:') && text.length > 5) return { kind: 'file', path: text.slice(5) };
  throw new InvalidArgumentError('Expected none, stdio or file:PATH.');
}
