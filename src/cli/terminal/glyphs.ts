/** Characters of code page 437 on the host's terminal. */
import { CP437 } from '../../display/cp437.ts';

/** Nearest ASCII characters for terminals that do not take UTF-8: box drawing, shades, arrows, letters without accents. */
const ASCII_UPPER =
  'CueaaaaceeeiiiAAEaAooouuyOUcLYPf' +
  'aiounNao?--24!<>###|++++++|+++++' +
  '++++-++++++++=++++++++++++##||##' +
  'aBGpSsmtPTOd.fen=+><|| ~o..Vn2# ';
const ASCII_SYMBOLS = ' @@v*****o*o+*#*><|!PS-|^v><L-^v';

/** One glyph for each code. */
export function glyphs(unicode: boolean): readonly string[] {
  if (unicode) return CP437.map((glyph) => (glyph === '\u00a0' ? ' ' : glyph));
  return CP437.map((glyph, code) => {
    if (code < 0x20) return ASCII_SYMBOLS[code]!;
    if (code === 0x7f) return '^';
    return code < 0x80 ? glyph : ASCII_UPPER[code - 0x80]!;
  });
}
