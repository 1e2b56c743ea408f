/** Text for people on a terminal or in a file: sizes, trees, and names that come out of images. */
import type { Writable } from 'node:stream';
import { colorDepth, takesUnicode } from './terminal/terminal.ts';
import { formatBytes } from './status-line.ts';

/** A name out of an image, without what a terminal would take as a command. */
export function printable(text: string): string {
  return text.replace(
    /[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `2.0 GiB (2147483648 bytes)`; small ones in bytes alone. */
export const sizeAndBytes = (bytes: number): string =>
  bytes < 1024 ? `${bytes} bytes` : `${formatBytes(bytes)} (${bytes} bytes)`;

/** How text may look where it goes. */
export interface Look {
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly bold: (text: string) => string;
  /** Lines of trees: to a child, to the last child, past children, past the last child. */
  readonly branches: readonly [string, string, string, string];
}

/** Colours only on a terminal that has them; lines of trees as the locale allows. */
export function lookOf(output: Writable, environment: NodeJS.ProcessEnv = process.env): Look {
  const isTerminal = (output as { isTTY?: boolean }).isTTY === true;
  const coloured = isTerminal && colorDepth(environment) !== 'none';
  const paint = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const branches = takesUnicode(environment, process.platform)
    ? (['├─ ', '└─ ', '│  ', '   '] as const)
    : (['|- ', '`- ', '|  ', '   '] as const);
  return { red: paint(31), yellow: paint(33), faint: paint(2), bold: paint(1), branches };
}

/** A line with lines below it. */
export interface TreeNode {
  readonly text: string;
  readonly children?: readonly TreeNode[] | undefined;
}

/** The lines of a tree; texts of several lines are indented as a whole. */
export function treeLines(node: TreeNode, { branches }: Look): string[] {
  const [first, ...rest] = node.text.split('\n');
  const children = node.children ?? [];
  const lines = [first ?? ''];
  const [toChild, toLast, past, pastLast] = branches;
  for (const line of rest) lines.push(`${children.length > 0 ? past : ''}${line}`);
  for (const [index, child] of children.entries()) {
    const isLast = index === children.length - 1;
    const [head, ...below] = treeLines(child, { branches } as Look);
    lines.push(`${isLast ? toLast : toChild}${head}`);
    for (const line of below) lines.push(`${isLast ? pastLast : past}${line}`);
  }
  return lines;
}

/** Breaks a text at spaces so that no line is wider than `width`, unless a word is. */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
