/** Instruction bytes with labels: what a program consists of before its addresses are known. */
export interface Piece {
  readonly bytes: number[];
  /** A displacement of `size` bytes at the end of the piece, relative to it, or the absolute offset of the label. */
  readonly target?: { readonly label: number; readonly size: 1 | 2 | 4; readonly absolute?: number };
  /** Labels that name this piece. */
  readonly labels: number[];
}

export const little = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);

/** Lays the pieces out from `origin` on. @returns code and the offsets at which instructions start */
export function assemble(pieces: readonly Piece[]): { code: Uint8Array; starts: number[] } {
  const starts: number[] = [];
  const labels = new Map<number, number>();
  let length = 0;
  for (const { bytes, target, labels: names } of pieces) {
    starts.push(length);
    for (const name of names) labels.set(name, length);
    length += bytes.length + (target?.size ?? 0);
  }
  const code: number[] = [];
  for (const { bytes, target } of pieces) {
    code.push(...bytes);
    if (!target) continue;
    const to = labels.get(target.label) ?? length;
    const value = target.absolute === undefined ? to - (code.length + target.size) : to + target.absolute;
    code.push(...little(value, target.size));
  }
  return { code: Uint8Array.from(code), starts };
}
