import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { VmcDocument } from '../../src/vmc/document.ts';
import { VmcError } from '../../src/vmc/errors.ts';
import { sharedPath } from '../vhd/shared-folder.ts';

const folder = sharedPath('samples/vmc');
const files: Record<string, { sha256: string; values: Record<string, string>; types: Record<string, string | null> }> =
  folder === undefined ? {} : JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8')).files;

function utf16(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));
}

const SMALL = [
  '<?xml version="1.0" encoding="UTF-16"?>',
  '<!-- <kept> as it is -->',
  '<preferences  x = "1">',
  '\t<a type="string">one &amp; two</a >',
  '\t<b type="string" />',
  '\t<c><d id="0" type="integer">7</d><d type=\'boolean\'>true</d></c>',
  '\t<e type="string"><![CDATA[<raw>]]></e><?hint x?>',
  '</preferences>',
  '',
].join('\r\n');

describe.skipIf(folder === undefined)('sample configurations (skipped: no ../shared/samples)', () => {
  for (const [name, expected] of Object.entries(files)) {
    it(`reads ${name} and writes it back byte for byte`, () => {
      const bytes = new Uint8Array(fs.readFileSync(path.join(folder!, name)));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected.sha256);
      const document = VmcDocument.parse(bytes, name);
      const leaves = document.leaves();
      expect(Object.fromEntries(leaves.map((leaf) => [leaf.key, leaf.text]))).toEqual(expected.values);
      expect(Object.fromEntries(leaves.map((leaf) => [leaf.key, leaf.type ?? null]))).toEqual(expected.types);
      for (const leaf of leaves) expect(document.get(leaf.key)?.type).toBe(leaf.type);
      expect(Buffer.from(document.toBytes()).equals(bytes)).toBe(true);
    });

    it(`changes one value of ${name} and nothing else`, () => {
      const bytes = new Uint8Array(fs.readFileSync(path.join(folder!, name)));
      const document = VmcDocument.parse(bytes, name);
      const before = document.integer('hardware/memory/ram_size')!;
      document.set('hardware/memory/ram_size', { type: 'integer', value: before + 1 });
      document.set('hardware/memory/ram_size', { type: 'integer', value: before });
      expect(Buffer.from(document.toBytes()).equals(bytes)).toBe(true);
    });
  }
});

describe('VmcDocument', () => {
  const encodings: Record<string, Uint8Array> = {
    'UTF-16LE with mark': utf16(SMALL),
    'UTF-16LE without mark': utf16(SMALL).subarray(2),
    'UTF-16BE with mark': new Uint8Array(Buffer.from(`\ufeff${SMALL}`, 'utf16le').swap16()),
    'UTF-16BE without mark': new Uint8Array(Buffer.from(SMALL, 'utf16le').swap16()),
    'UTF-8': new TextEncoder().encode(SMALL),
    'UTF-8 with mark': new TextEncoder().encode(`\ufeff${SMALL}`),
    'UTF-8 without declaration': new TextEncoder().encode(SMALL.slice(SMALL.indexOf('\n') + 1)),
    '8-bit': new Uint8Array(Buffer.from(SMALL.replace('one', 'n\xe4chste'), 'latin1')),
  };
  for (const [name, bytes] of Object.entries(encodings)) {
    it(`round-trips ${name}`, () => {
      const document = VmcDocument.parse(bytes, 'x.vmc');
      expect(document.string('a')).toMatch(/ & two$/);
      expect(document.string('b')).toBe('');
      expect(document.integer('c/d[@id=0]')).toBe(7);
      expect(document.boolean('c/d')).toBe(true);
      expect(document.string('e')).toBe('<raw>');
      expect([...document.toBytes()]).toEqual([...bytes]);
      document.set('a', { type: 'string', value: 'a<b' });
      const again = VmcDocument.parse(document.toBytes(), 'x.vmc');
      expect(again.string('a')).toBe('a<b');
      expect(again.string('e')).toBe('<raw>');
    });
  }

  it('edits, adds and removes keys and keeps the rest of the text', () => {
    const document = VmcDocument.parse(utf16(SMALL), 'x.vmc');
    document.set('b', { type: 'string', value: 'set' });
    document.set('c/d', { type: 'boolean', value: false });
    document.set('new/inner[@id=1]/leaf', { type: 'bytes', value: Uint8Array.of(0, 0xab) });
    document.set('new/empty', { type: 'string', value: '' });
    const text = new TextDecoder('utf-16le').decode(document.toBytes());
    const expected = SMALL.replace('<b type="string" />', '<b type="string">set</b>')
      .replace("<d type='boolean'>true</d>", "<d type='boolean'>false</d>")
      .replace(
        '\r\n</preferences>',
        [
          '',
          '\t<new>',
          '\t\t<inner id="1">',
          '\t\t\t<leaf type="bytes">00AB</leaf>',
          '\t\t</inner>',
          '\t\t<empty type="string" />',
          '\t</new>',
          '</preferences>',
        ].join('\r\n'),
      );
    expect(text).toBe(expected);
    expect(document.remove('new')).toBe(true);
    expect(document.remove('new')).toBe(false);
    expect(new TextDecoder('utf-16le').decode(document.toBytes())).toContain('<?hint x?>\r\n</preferences>');
  });

  it('stores negative integers as unsigned 32 bits', () => {
    const document = VmcDocument.create('x.vmc');
    document.set('settings/video/left_position', { type: 'integer', value: -5 });
    expect(document.integer('settings/video/left_position')).toBe(4294967291);
  });

  const refusals: [string, Uint8Array, string, number | undefined][] = [
    ['an empty file', new Uint8Array(), 'vmc-not-a-configuration', undefined],
    ['half a UTF-16 character', utf16(SMALL).subarray(0, 101), 'vmc-encoding', undefined],
    ['a truncated file', utf16(SMALL).subarray(0, 400), 'vmc-xml', undefined],
    ['a document type', utf16('<!DOCTYPE p [<!ENTITY x "y">]>\r\n<preferences>&x;</preferences>'), 'vmc-xml', 1],
    ['an unknown entity', utf16('<preferences>\r\n&nbsp;</preferences>'), 'vmc-xml', 2],
    ['crossed tags', utf16('<preferences>\n<a>\n</b>\n</preferences>'), 'vmc-xml', 3],
    ['another root', utf16('<vm_description/>'), 'vmc-not-a-configuration', 1],
    ['deep nesting', utf16(`<preferences>${'<a>'.repeat(10000)}`), 'vmc-too-large', undefined],
    ['a huge file', new Uint8Array(5_000_000), 'vmc-too-large', undefined],
  ];
  for (const [name, bytes, code, line] of refusals) {
    it(`refuses ${name}`, () => {
      const error = catchError(() => VmcDocument.parse(bytes, 'x.vmc'));
      expect(error).toBeInstanceOf(VmcError);
      expect(error).toMatchObject({ code, fileName: 'x.vmc', exitCode: 3 });
      if (line !== undefined) expect(error).toMatchObject({ line });
    });
  }

  it('names key and line of a bad value', () => {
    const bad = (type: string, text: string): VmcDocument =>
      VmcDocument.parse(utf16(`<preferences>\r\n<v type="${type}">${text}</v></preferences>`), 'x.vmc');
    for (const [type, text] of [
      ['integer', '4294967296'],
      ['integer', '-1'],
      ['integer', '1e3'],
      ['integer', ''],
      ['boolean', 'yes'],
      ['bytes', 'ABC'],
      ['bytes', 'zz'],
      ['float', '1'],
    ]) {
      expect(catchError(() => bad(type, text).get('v'))).toMatchObject({ code: 'vmc-bad-value', key: 'v', line: 2 });
    }
    expect(catchError(() => bad('integer', '9').integer('v', { min: 0, max: 8 }))).toMatchObject({ key: 'v' });
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
