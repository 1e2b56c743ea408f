/**
 * Code page 437, the characters of the PC's character generator, as Unicode.
 * Source: Unicode Consortium, MAPPINGS/VENDORS/MICSFT/PC/CP437.TXT for 80h-FFh; IBM Graphic Character Identifiers for the
 * symbols at 00h-1Fh and 7Fh.
 */
const SYMBOLS = '\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼';
const UPPER =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»' +
  '░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/** One Unicode character for each code. 00h is a blank, like on the screen. */
export const CP437: readonly string[] = Array.from({ length: 256 }, (_, code) => {
  if (code === 0) return ' ';
  if (code < 0x20) return SYMBOLS[code]!;
  if (code === 0x7f) return '⌂';
  return code < 0x80 ? String.fromCharCode(code) : UPPER[code - 0x80]!;
});

/** Codes as a string of the same length. */
export function fromCp437(codes: Uint8Array): string {
  let text = '';
  for (const code of codes) text += CP437[code];
  return text;
}
