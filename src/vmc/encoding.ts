/**
 * The encodings of configuration files. The products write UTF-16LE with a byte-order mark; generated files and templates also occur as
 * UTF-8 or 8-bit text, sometimes while their declaration says UTF-16. So the bytes decide: mark first, then zero bytes, then UTF-8.
 */
import { VmcError, VmcErrorCode } from './errors.ts';

export interface TextEncoding {
  readonly form: 'utf-16le' | 'utf-16be' | 'utf-8' | 'latin-1';
  /** The file begins with a byte-order mark. */
  readonly mark: boolean;
}

/** What the products write. */
export const PRODUCT_ENCODING: TextEncoding = { form: 'utf-16le', mark: true };

export function detectEncoding(bytes: Uint8Array): TextEncoding {
  const [first, second, third] = bytes;
  if (first === 0xff && second === 0xfe) return { form: 'utf-16le', mark: true };
  if (first === 0xfe && second === 0xff) return { form: 'utf-16be', mark: true };
  if (first === 0xef && second === 0xbb && third === 0xbf) return { form: 'utf-8', mark: true };
  if (first !== 0 && second === 0) return { form: 'utf-16le', mark: false };
  if (first === 0 && second !== 0) return { form: 'utf-16be', mark: false };
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { form: 'utf-8', mark: false };
  } catch {
    return { form: 'latin-1', mark: false };
  }
}

/**
 * @throws VmcError `vmc-encoding` for an odd number of UTF-16 bytes or invalid UTF-8.
 */
export function decodeText(bytes: Uint8Array, encoding: TextEncoding, fileName: string): string {
  switch (encoding.form) {
    case 'utf-16le':
    case 'utf-16be': {
      if (bytes.length % 2 !== 0) {
        throw new VmcError(VmcErrorCode.Encoding, 'the UTF-16 text ends in the middle of a character', {
          fileName,
          offset: bytes.length - 1,
          remedy: 'The file was probably cut off; restore it from a copy.',
        });
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const parts: string[] = [];
      for (let start = encoding.mark ? 2 : 0; start < bytes.length; start += 8192) {
        const units: number[] = [];
        const end = Math.min(start + 8192, bytes.length);
        for (let i = start; i < end; i += 2) units.push(view.getUint16(i, encoding.form === 'utf-16le'));
        parts.push(String.fromCharCode(...units));
      }
      return parts.join('');
    }
    case 'utf-8':
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(encoding.mark ? 3 : 0));
      } catch (cause) {
        throw new VmcError(VmcErrorCode.Encoding, 'the file begins as UTF-8 text but has bytes that are not', {
          fileName,
          remedy: 'The file is damaged; restore it from a copy.',
          cause,
        });
      }
    case 'latin-1':
      return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  }
}

export function encodeText(text: string, encoding: TextEncoding): Uint8Array {
  switch (encoding.form) {
    case 'utf-16le':
    case 'utf-16be': {
      const start = encoding.mark ? 2 : 0;
      const bytes = new Uint8Array(start + text.length * 2);
      const view = new DataView(bytes.buffer);
      const littleEndian = encoding.form === 'utf-16le';
      if (encoding.mark) view.setUint16(0, 0xfeff, littleEndian);
      for (let i = 0; i < text.length; i++) view.setUint16(start + i * 2, text.charCodeAt(i), littleEndian);
      return bytes;
    }
    case 'utf-8': {
      const body = new TextEncoder().encode(text);
      if (!encoding.mark) return body;
      const bytes = new Uint8Array(body.length + 3);
      bytes.set([0xef, 0xbb, 0xbf]);
      bytes.set(body, 3);
      return bytes;
    }
    case 'latin-1':
      return Uint8Array.from(text, (character) => character.charCodeAt(0));
  }
}
