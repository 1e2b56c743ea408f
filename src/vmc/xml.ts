/**
 * XML that is written back exactly as it was read: every node keeps its own source text, and what nobody edits is never generated again.
 * `saxes` checks well-formedness; document types and entities other than the five predefined ones are refused.
 */
import { SaxesParser } from 'saxes';
import { VmcError, VmcErrorCode } from './errors.ts';

/** Deeper than any configuration; bounds recursion over the tree. */
const MAXIMUM_DEPTH = 64;

/** Text, comment, declaration, processing instruction or CDATA section. */
export interface XmlOther {
  readonly kind: 'text' | 'cdata' | 'markup';
  /** The source, delimiters included. */
  readonly raw: string;
  /** Decoded characters of text and CDATA sections; empty for markup. */
  readonly value: string;
}

export interface XmlElement {
  readonly kind: 'element';
  readonly name: string;
  readonly attributes: Map<string, string>;
  /** `<name …>` or `<name … />` as in the source. */
  openTag: string;
  /** `</name>`; empty for an element written as one tag. */
  closeTag: string;
  children: XmlNode[];
  readonly parent: XmlElement | undefined;
  /** Of the open tag in the source; 0 for elements that were added. */
  readonly line: number;
  readonly offset: number;
}

export type XmlNode = XmlOther | XmlElement;

/**
 * Takes XML text apart into nodes whose sources, joined, are the text.
 * @throws VmcError `vmc-xml` with line and offset; `vmc-too-large` for extreme nesting.
 */
export function parseXml(source: string, fileName: string): XmlNode[] {
  const parser = new SaxesParser();
  const roots: XmlNode[] = [];
  let current: XmlElement | undefined;
  let depth = 0;
  // Everything before this offset is in a node. Nodes begin where the last one ended: text cannot contain "<".
  let done = 0;
  let pendingText = '';
  const refuse = (problem: string, offset: number): never => {
    const line = source.slice(0, offset).split('\n').length;
    throw new VmcError(VmcErrorCode.Xml, problem, {
      fileName,
      line,
      offset,
      remedy: 'The file is damaged or not a machine configuration; restore it from a copy.',
    });
  };
  const add = (node: XmlNode): void => void (current === undefined ? roots : current.children).push(node);
  const takeText = (): void => {
    const start = source.indexOf('<', done);
    const end = start < 0 ? source.length : start;
    if (end > done) add({ kind: 'text', raw: source.slice(done, end), value: pendingText });
    pendingText = '';
    done = end;
  };
  const takeMarkup = (kind: 'cdata' | 'markup', end: number, value: string): void => {
    add({ kind, raw: source.slice(done, end), value });
    done = end;
  };
  parser.on('error', (error) =>
    refuse(error.message.replace(/^\d+:\d+: |\.$/g, ''), Math.min(parser.position, source.length)),
  );
  parser.on('doctype', () => refuse('a document type declaration is not allowed', done));
  parser.on('text', (text) => {
    pendingText += text;
  });
  parser.on('xmldecl', () => takeMarkup('markup', parser.position, ''));
  parser.on('processinginstruction', () => {
    takeText();
    takeMarkup('markup', parser.position, '');
  });
  parser.on('comment', () => {
    takeText();
    // The event comes before the final ">" is consumed.
    takeMarkup('markup', source.indexOf('-->', done + 4) + 3, '');
  });
  parser.on('cdata', (value) => {
    takeText();
    takeMarkup('cdata', parser.position, value);
  });
  parser.on('opentag', (tag) => {
    takeText();
    if (++depth > MAXIMUM_DEPTH) {
      throw new VmcError(VmcErrorCode.TooLarge, `elements are nested more than ${MAXIMUM_DEPTH} deep`, {
        fileName,
        offset: done,
      });
    }
    const element: XmlElement = {
      kind: 'element',
      name: tag.name,
      attributes: new Map(Object.entries(tag.attributes as Record<string, string>)),
      openTag: source.slice(done, parser.position),
      closeTag: '',
      children: [],
      parent: current,
      line: parser.line,
      offset: done,
    };
    add(element);
    current = element;
    done = parser.position;
  });
  parser.on('closetag', () => {
    if (done !== parser.position) {
      takeText();
      current!.closeTag = source.slice(done, parser.position);
      done = parser.position;
    }
    current = current!.parent;
    depth--;
  });
  parser.write(source).close();
  takeText();
  return roots;
}

/** The text of nodes, exactly as read where nothing was edited. */
export function printXml(nodes: readonly XmlNode[]): string {
  const parts: string[] = [];
  const print = (node: XmlNode): void => {
    if (node.kind !== 'element') {
      parts.push(node.raw);
      return;
    }
    parts.push(node.openTag);
    for (const child of node.children) print(child);
    parts.push(node.closeTag);
  };
  for (const node of nodes) print(node);
  return parts.join('');
}

export function childElements(element: XmlElement): XmlElement[] {
  return element.children.filter((child) => child.kind === 'element');
}

/** Decoded text of an element without child elements. */
export function textOf(element: XmlElement): string {
  return element.children.map((child) => (child.kind === 'element' ? '' : child.value)).join('');
}

/** Characters that cannot stand for themselves, as entities; with `asciiOnly` also what an 8-bit file cannot hold. */
export function escapeXml(text: string, eightBit: boolean): string {
  const escaped = text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;')
    .replaceAll('"', '&quot;');
  if (!eightBit) return escaped;
  return escaped.replace(/[^\0-\xff]/gu, (character) => `&#${character.codePointAt(0)};`);
}

/** Characters that XML 1.0 cannot hold in any form. */
export function hasForbiddenCharacters(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/u.test(text);
}
