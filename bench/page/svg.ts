/** Writes Scalable Vector Graphics (W3C SVG 1.1) as text. */

/** A piece of finished markup; made by `element` and `text` only. */
export interface Markup {
  readonly markup: string;
}

export type Attributes = Readonly<Record<string, string | number>>;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (value: string): string => value.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);

/** At most two decimals: a hundredth of a pixel is enough, and a new run changes less of the file. */
const written = (value: string | number): string =>
  typeof value === 'number' ? String(Math.round(value * 100) / 100) : escape(value);

/** @throws RangeError for a number that is not finite: a renderer would drop the element without a word */
export function element(name: string, attributes: Attributes, ...children: readonly (Markup | string)[]): Markup {
  const list = Object.entries(attributes).map(([key, value]) => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${name} ${key}: ${value}`);
    return ` ${key}="${written(value)}"`;
  });
  const content = children.map((child) => (typeof child === 'string' ? escape(child) : child.markup)).join('');
  return { markup: content === '' ? `<${name}${list.join('')}/>` : `<${name}${list.join('')}>${content}</${name}>` };
}

/**
 * Colours by name, for a light and a dark surrounding: `fill="var(--name)"`. The picture paints its own paper, so that it can be
 * read also where a page's colours are not those that the browser prefers.
 */
export type Palette = Readonly<Record<string, readonly [light: string, dark: string]>>;

function styleSheet(palette: Palette): string {
  const variables = (index: 0 | 1): string =>
    Object.entries(palette)
      .map(([name, colours]) => `--${name}:${colours[index]}`)
      .join(';');
  return `svg{${variables(0)}}@media (prefers-color-scheme:dark){svg{${variables(1)}}}text{font-family:system-ui,sans-serif}`;
}

/**
 * A whole file, one element a line.
 * @param label what a screen reader says
 * @param palette needs `paper`
 */
export function svgFile(
  { width, height, label }: { readonly width: number; readonly height: number; readonly label: string },
  palette: Palette,
  children: readonly Markup[],
): string {
  const style = { markup: `<style>${styleSheet(palette)}</style>` };
  const paper = element('rect', { width, height, rx: 6, fill: 'var(--paper)' });
  const body = [element('title', {}, label), style, paper, ...children].map((child) => `\n${child.markup}`).join('');
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${written(width)} ${written(height)}" width="${written(width)}" height="${written(height)}" role="img">`;
  return `${open}${body}\n</svg>\n`;
}
