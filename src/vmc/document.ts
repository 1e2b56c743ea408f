/** A machine configuration file as typed values under key paths, edited in place: what is not touched is saved byte for byte. */
import { decodeText, detectEncoding, encodeText, PRODUCT_ENCODING, type TextEncoding } from './encoding.ts';
import { VmcError, VmcErrorCode } from './errors.ts';
import {
  childElements,
  escapeXml,
  hasForbiddenCharacters,
  parseXml,
  printXml,
  textOf,
  type XmlElement,
  type XmlNode,
} from './xml.ts';

/** Bytes that a file may have; real ones have about 12,000. */
export const MAXIMUM_FILE_BYTES: number = 4 * 1024 * 1024;

/** A value with its `type` attribute. An element without the attribute counts as a string. */
export type VmcValue =
  | { readonly type: 'string'; readonly value: string }
  /** Unsigned 32 bits; the products store negative positions as two's complement. */
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'bytes'; readonly value: Uint8Array };

export type VmcType = VmcValue['type'];

/** A leaf as it stands in the file, unjudged. */
export interface VmcLeaf {
  readonly key: string;
  /** The `type` attribute; undefined when there is none. */
  readonly type: string | undefined;
  readonly text: string;
  readonly line: number;
}

interface KeyStep {
  readonly name: string;
  readonly id: string | undefined;
}

const STEP = /^([A-Za-z_][\w.-]*)(?:\[@id=([^\]'"<>&]+)\])?$/;

function parseKey(key: string): KeyStep[] {
  return key.split('/').map((text) => {
    const match = STEP.exec(text);
    if (match === null) {
      throw new VmcError(VmcErrorCode.BadKey, 'this is not a key path', {
        key,
        remedy: 'Write element names joined by "/", with [@id=n] where siblings are numbered.',
      });
    }
    return { name: match[1], id: match[2] };
  });
}

/** Key path of an element: names joined by `/`, `[@id=n]` where it has an id, the root left out. */
function keyOf(element: XmlElement): string {
  const steps: string[] = [];
  for (let at = element; at.parent !== undefined; at = at.parent) {
    const id = at.attributes.get('id');
    steps.unshift(id === undefined ? at.name : `${at.name}[@id=${id}]`);
  }
  return steps.join('/');
}

function isLeaf(element: XmlElement): boolean {
  return !element.children.some((child) => child.kind === 'element');
}

export class VmcDocument {
  readonly fileName: string;
  readonly encoding: TextEncoding;
  private readonly nodes: XmlNode[];
  private readonly root: XmlElement;
  private readonly newline: string;

  private constructor(fileName: string, encoding: TextEncoding, nodes: XmlNode[], root: XmlElement, newline: string) {
    this.fileName = fileName;
    this.encoding = encoding;
    this.nodes = nodes;
    this.root = root;
    this.newline = newline;
  }

  /**
   * @param bytes the whole file.
   * @throws VmcError `vmc-too-large`, `vmc-encoding`, `vmc-xml`, `vmc-not-a-configuration`.
   */
  static parse(bytes: Uint8Array, fileName: string): VmcDocument {
    if (bytes.length > MAXIMUM_FILE_BYTES) {
      throw new VmcError(VmcErrorCode.TooLarge, `${bytes.length} bytes are too many for a machine configuration`, {
        fileName,
      });
    }
    if (bytes.length === 0) {
      throw new VmcError(VmcErrorCode.NotAConfiguration, 'the file is empty', {
        fileName,
        remedy: 'Restore it from a copy; the products kept the former file as .vpcbackup.',
      });
    }
    const encoding = detectEncoding(bytes);
    const source = decodeText(bytes, encoding, fileName);
    const nodes = parseXml(source, fileName);
    const root = nodes.find((node) => node.kind === 'element');
    if (root === undefined || root.name !== 'preferences') {
      const found = root === undefined ? 'it has no element' : `its root element is "${root.name}", not "preferences"`;
      throw new VmcError(VmcErrorCode.NotAConfiguration, `this is not a machine configuration: ${found}`, {
        fileName,
        line: root?.line,
        offset: root?.offset,
      });
    }
    return new VmcDocument(
      fileName,
      encoding,
      nodes,
      root,
      source.includes('\r\n') || !source.includes('\n') ? '\r\n' : '\n',
    );
  }

  /** An empty configuration in the form that the products write. */
  static create(fileName: string): VmcDocument {
    const lines = [
      '<?xml version="1.0" encoding="UTF-16"?>',
      '<!-- Microsoft Virtual Machine Options and Settings -->',
      '<preferences>',
      '\t<version type="string">2.0</version>',
      '</preferences>',
      '',
    ];
    return VmcDocument.parse(encodeText(lines.join('\r\n'), PRODUCT_ENCODING), fileName);
  }

  /** The file's bytes. Without an edit they are those that were parsed. */
  toBytes(): Uint8Array {
    return encodeText(printXml(this.nodes), this.encoding);
  }

  /** Every leaf in document order. */
  leaves(): VmcLeaf[] {
    const leaves: VmcLeaf[] = [];
    const visit = (element: XmlElement): void => {
      if (isLeaf(element)) {
        const type = element.attributes.get('type');
        leaves.push({ key: keyOf(element), type, text: textOf(element), line: element.line });
      } else {
        for (const child of childElements(element)) visit(child);
      }
    };
    for (const child of childElements(this.root)) visit(child);
    return leaves;
  }

  /** Ids of the children `name` below the container `key`, in document order; undefined ids left out. */
  ids(key: string, name: string): string[] {
    const container = this.find(key);
    if (container === undefined) return [];
    const ids = childElements(container).map((child) => (child.name === name ? child.attributes.get('id') : undefined));
    return ids.filter((id) => id !== undefined);
  }

  has(key: string): boolean {
    return this.find(key) !== undefined;
  }

  /** Line of a key; undefined when it is absent or was added after parsing. */
  lineOf(key: string): number | undefined {
    return this.find(key)?.line || undefined;
  }

  /**
   * The value of a leaf by its own `type` attribute; undefined when there is no such key.
   * @throws VmcError `vmc-bad-value` when the text does not have the form of its type; `vmc-bad-key` for a container.
   */
  get(key: string): VmcValue | undefined {
    const type = this.leaf(key)?.attributes.get('type') ?? 'string';
    switch (type) {
      case 'integer':
        return optional('integer', this.integer(key));
      case 'boolean':
        return optional('boolean', this.boolean(key));
      case 'bytes':
        return optional('bytes', this.bytes(key));
      case 'string':
        return optional('string', this.string(key));
      default:
        throw this.bad(key, `its type "${type}" is not string, integer, boolean or bytes`);
    }
  }

  string(key: string): string | undefined {
    const leaf = this.leaf(key);
    return leaf === undefined ? undefined : textOf(leaf);
  }

  /** @throws VmcError `vmc-bad-value` unless decimal digits from 0 to 4294967295, or outside `range`. */
  integer(key: string, range?: { min: number; max: number }): number | undefined {
    const text = this.string(key)?.trim();
    if (text === undefined) return undefined;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= 0xffffffff)) throw this.bad(key, `"${shorten(text)}" is not an integer from 0 to 4294967295`);
    if (range !== undefined && (value < range.min || value > range.max)) {
      throw this.bad(key, `${value} is outside ${range.min} to ${range.max}`);
    }
    return value;
  }

  /** @throws VmcError `vmc-bad-value` unless `true` or `false`. */
  boolean(key: string): boolean | undefined {
    const text = this.string(key)?.trim().toLowerCase();
    if (text === undefined) return undefined;
    if (text !== 'true' && text !== 'false') throw this.bad(key, `"${shorten(text)}" is neither true nor false`);
    return text === 'true';
  }

  /** @throws VmcError `vmc-bad-value` unless pairs of hexadecimal digits, `length` of them if given. */
  bytes(key: string, length?: number): Uint8Array | undefined {
    const text = this.string(key)?.trim();
    if (text === undefined) return undefined;
    if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw this.bad(key, `"${shorten(text)}" is not hexadecimal bytes`);
    if (length !== undefined && text.length !== length * 2) {
      throw this.bad(key, `it has ${text.length / 2} bytes instead of ${length}`);
    }
    return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
  }

  /**
   * Sets a leaf, making it and its containers at the end of their parents when they are missing. Nothing else changes.
   * @throws VmcError `vmc-bad-key` for a container or a malformed path, `vmc-bad-value` for characters that XML cannot hold.
   */
  set(key: string, value: VmcValue): void {
    const text = printValue(value);
    if (hasForbiddenCharacters(text)) throw this.bad(key, 'the text has characters that XML cannot hold');
    let element = this.root;
    for (const step of parseKey(key)) element = this.child(element, step) ?? this.append(element, step);
    if (!isLeaf(element)) throw this.bad(key, 'it is a container and has no value', VmcErrorCode.BadKey);
    if (element.attributes.get('type') === value.type && textOf(element) === text) return;
    const fresh = element.attributes.get('type') === undefined && element.line === 0;
    if (element.attributes.get('type') !== value.type) {
      const attribute = ` type="${value.type}"`;
      const pattern = /\stype\s*=\s*(?:"[^"]*"|'[^']*')/;
      element.openTag =
        fresh || !pattern.test(element.openTag)
          ? element.openTag.replace(/\s*\/?>$/, (end) => attribute + end)
          : element.openTag.replace(pattern, attribute);
      element.attributes.set('type', value.type);
    }
    if (text === '') {
      element.openTag = element.openTag.replace(/\s*\/?>$/, ' />');
      element.closeTag = '';
      element.children = [];
    } else {
      element.openTag = element.openTag.replace(/\s*\/>$/, '>');
      element.closeTag = `</${element.name}>`;
      element.children = [{ kind: 'text', raw: escapeXml(text, this.encoding.form === 'latin-1'), value: text }];
    }
  }

  /** Removes a leaf or container with the white space before it. Returns false when there was none. */
  remove(key: string): boolean {
    const element = this.find(key);
    if (element?.parent === undefined) return false;
    const siblings = element.parent.children;
    const index = siblings.indexOf(element);
    const before = siblings[index - 1];
    const withSpace = before?.kind === 'text' && before.value.trim() === '';
    siblings.splice(withSpace ? index - 1 : index, withSpace ? 2 : 1);
    return true;
  }

  private find(key: string): XmlElement | undefined {
    let element: XmlElement | undefined = this.root;
    for (const step of parseKey(key)) element = element === undefined ? undefined : this.child(element, step);
    return element;
  }

  /** The first child of that name and id; a step without an id means the element without one. */
  private child(element: XmlElement, step: KeyStep): XmlElement | undefined {
    return childElements(element).find((child) => child.name === step.name && child.attributes.get('id') === step.id);
  }

  private leaf(key: string): XmlElement | undefined {
    const element = this.find(key);
    if (element !== undefined && !isLeaf(element)) {
      throw this.bad(key, 'it holds other keys instead of a value', VmcErrorCode.BadKey);
    }
    return element;
  }

  private append(parent: XmlElement, step: KeyStep): XmlElement {
    let depth = 1;
    for (let at = parent; at.parent !== undefined; at = at.parent) depth++;
    const child: XmlElement = {
      kind: 'element',
      name: step.name,
      attributes: new Map(step.id === undefined ? [] : [['id', step.id]]),
      openTag: step.id === undefined ? `<${step.name}>` : `<${step.name} id="${step.id}">`,
      closeTag: `</${step.name}>`,
      children: [],
      parent,
      line: 0,
      offset: 0,
    };
    const space = (tabs: number): XmlNode => {
      const text = this.newline + '\t'.repeat(tabs);
      return { kind: 'text', raw: text, value: text };
    };
    if (parent.closeTag === '') {
      parent.openTag = parent.openTag.replace(/\s*\/>$/, '>');
      parent.closeTag = `</${parent.name}>`;
    }
    const last = parent.children.at(-1);
    if (last?.kind === 'text' && last.value.trim() === '') parent.children.pop();
    parent.children.push(space(depth), child, space(depth - 1));
    return child;
  }

  private bad(key: string, problem: string, code: VmcErrorCode = VmcErrorCode.BadValue): VmcError {
    const element = this.find(key);
    return new VmcError(code, problem, {
      fileName: this.fileName,
      key,
      line: element?.line || undefined,
      offset: element === undefined || element.line === 0 ? undefined : element.offset,
    });
  }
}

function optional<T extends VmcType>(
  type: T,
  value: Extract<VmcValue, { type: T }>['value'] | undefined,
): VmcValue | undefined {
  return value === undefined ? undefined : ({ type, value } as VmcValue);
}

function printValue(value: VmcValue): string {
  switch (value.type) {
    case 'string':
      return value.value;
    case 'integer':
      if (!Number.isInteger(value.value) || value.value < -0x80000000 || value.value > 0xffffffff) {
        throw new VmcError(VmcErrorCode.BadValue, `${value.value} is not a 32-bit integer`);
      }
      return String(value.value >>> 0);
    case 'boolean':
      return String(value.value);
    case 'bytes':
      return Array.from(value.value, (byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('');
  }
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
