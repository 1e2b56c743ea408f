// Writes docs/devices.md from the headers of the device files: `npm run docs`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The comment at the start of a file as one line per paragraph; undefined unless it says what is modelled. */
function header(text) {
  const block = /^\/\*\*([\s\S]*?)\*\//.exec(text);
  if (!block) return undefined;
  const lines = block[1].split('\n').map((line) => line.replace(/^\s*\* ?/, '').trim());
  const flat = lines
    .join('\n')
    .trim()
    .replace(/\n(?!\n)(?=(?:Data sheets?|Sources?|Standards?|Models|Does not model):)/g, '\n\n')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim());
  return flat.some((paragraph) => /Models?:/.test(paragraph)) ? flat : undefined;
}

const files = readdirSync(join(root, 'devices'), { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts') && name.includes('/'))
  .sort();

const sections = [];
for (const file of files) {
  const paragraphs = header(readFileSync(join(root, 'devices', file), 'utf8'));
  if (!paragraphs) continue;
  // Sentences that begin with one of the words become items of a list.
  const items = paragraphs.flatMap((paragraph) => paragraph.split(/ (?=(?:Models|Does not model):)/));
  const body = items
    .slice(1)
    .map((item) => item.replace(/^(Data sheets?|Sources?|Standards?|Models|Does not model):/, '**$1:**'))
    .map((item) => `- ${item.replaceAll('<', '&lt;')}`)
    .join('\n');
  sections.push(`## ${items[0].replace(/\.$/, '')}\n\n\`devices/${file}\`\n\n${body}\n`);
}

const page = `# Devices

Each device is a folder named by its part. This page is made from the headers of the files (\`npm run docs\`): what each
follows, what it models, and what it leaves out. A register or command that a guest uses and a device lacks is logged once
(\`--verbose\` shows it), never ignored in silence.

${sections.join('\n')}`;

writeFileSync(join(root, 'docs', 'devices.md'), page);
