/** Reads the opcode table's notation: where a form sits in the decode tables and how its operands are encoded. */
import type { InstructionDefinition } from '../opcodes/definition.ts';

export type Prefix = 'np' | '66' | 'f3' | 'f2';

export interface Encoding {
  /** Mandatory prefix, undefined where prefixes keep their general meaning. */
  readonly prefix: Prefix | undefined;
  readonly map: 'one' | '0f' | '0f38' | '0f3a';
  readonly opcode: number;
  /** `/r`: any register field; `/digit`: that one; undefined: no ModRM (or an x87 register form). */
  readonly modrm: 'r' | number | undefined;
  /** Low three opcode bits name a register. */
  readonly plusRegister: boolean;
  /** x87 register form: ModRM byte, and whether its low bits name ST(i). */
  readonly x87: { readonly modrm: number; readonly plusStack: boolean } | undefined;
}

export function parseEncoding(text: string): Encoding {
  const tokens = text.trim().split(/\s+/);
  const fail = (): never => {
    throw new Error(`cannot read encoding '${text}'`);
  };
  let prefix: Prefix | undefined;
  if (tokens[0] === 'np' || (tokens.length > 1 && /^(66|f3|f2)$/.test(tokens[0]!) && tokens[1] === '0f'))
    prefix = tokens.shift() as Prefix;
  let map = 'one' as Encoding['map'];
  if (tokens[0] === '0f' && tokens.length > 1) {
    tokens.shift();
    map = '0f';
    const [head = '', after = ''] = tokens as string[];
    if ((head === '38' || head === '3a') && /^[0-9a-f]{2}/.test(after)) {
      map = head === '38' ? '0f38' : '0f3a';
      tokens.shift();
    }
  }
  const first = /^([0-9a-f]{2})(\+r)?$/.exec(tokens.shift() ?? '') ?? fail();
  const opcode = parseInt(first[1]!, 16);
  let modrm: Encoding['modrm'];
  let x87: Encoding['x87'];
  const rest = tokens.shift();
  if (rest !== undefined) {
    const digit = /^\/([0-7r])$/.exec(rest);
    const register = /^([c-f][0-9a-f])(\+i)?$/.exec(rest);
    if (digit) modrm = digit[1] === 'r' ? 'r' : Number(digit[1]);
    else if (register) x87 = { modrm: parseInt(register[1]!, 16), plusStack: register[2] !== undefined };
    else fail();
  }
  return { prefix, map, opcode, modrm, plusRegister: first[2] !== undefined, x87 };
}

export const IMMEDIATE = {
  none: 0,
  byte: 1,
  signedByte: 2,
  word: 3,
  dword: 4,
  /** Far pointer: offset of the operand size into DISP, selector into IMM. */
  far16: 5,
  far32: 6,
  relativeByte: 7,
  relativeWord: 8,
  relativeDword: 9,
  /** ENTER: 16-bit size into IMM, level byte into DISP. */
  wordAndByte: 10,
} as const;

/** How a register number becomes the byte in the record. */
const REGISTER = {
  none: 0,
  /** State offset of a byte register. */
  byte: 1,
  /** State offset of a word or dword register. */
  general: 2,
  /** 16 * number: XMM, MMX. */
  media: 3,
  /** The number itself. */
  number: 4,
} as const;

export interface OperandLayout {
  readonly width: 1 | 2 | 4;
  readonly immediate: number;
  readonly regKind: number;
  readonly rmKind: number;
  readonly memoryBytes: number;
  readonly memoryOnly: boolean;
  readonly registerOnly: boolean;
  readonly moffs: boolean;
  readonly relative: boolean;
  /** A register number fixed by the opcode (segment pushes), for REG. */
  readonly fixedReg: number | undefined;
}

const MEDIA_BYTES: Record<string, number> = {
  b: 1,
  w: 2,
  d: 4,
  ss: 4,
  q: 8,
  sd: 8,
  pi: 8,
  ps: 16,
  pd: 16,
  dq: 16,
  x: 16,
};

export function layoutOperands(definition: InstructionDefinition, operandSize: 2 | 4): OperandLayout {
  const operands = definition.operands === '' ? [] : definition.operands.split(',');
  const helper = definition.emit === undefined;
  let width: 1 | 2 | 4 | undefined;
  let immediate: number = IMMEDIATE.none;
  let regKind: number = REGISTER.none;
  let rmKind: number = REGISTER.none;
  let memoryBytes = 0;
  let memoryOnly = false;
  let registerOnly = false;
  let moffs = false;
  let relative = false;
  let fixedReg: number | undefined;
  const general = (size: string): number =>
    helper ? REGISTER.number : size === 'b' ? REGISTER.byte : REGISTER.general;
  const bytes = (size: string): 1 | 2 | 4 => (size === 'b' ? 1 : size === 'w' ? 2 : size === 'd' ? 4 : operandSize);
  for (const operand of operands) {
    const kind = operand[0]!;
    const size = operand.slice(1);
    switch (kind) {
      case 'E':
        rmKind = general(size);
        memoryBytes = bytes(size);
        width ??= bytes(size);
        break;
      case 'G':
        regKind = general(size);
        width ??= bytes(size);
        break;
      case 'Z':
        regKind = general(size);
        width ??= bytes(size);
        break;
      case 'R':
        rmKind = REGISTER.number;
        registerOnly = true;
        break;
      case 'M':
        memoryOnly = true;
        memoryBytes =
          size === 'p' ? operandSize + 2 : size === 'a' ? operandSize * 2 : (MEDIA_BYTES[size] ?? (Number(size) || 0));
        break;
      case 'S':
        if (/^[0-5]$/.test(size)) fixedReg = Number(size);
        else regKind = REGISTER.number;
        break;
      case 'C':
      case 'D':
        // CL, DX and the like are fixed operands.
        if (size === 'd') regKind = REGISTER.number;
        break;
      case 'V':
      case 'P':
        regKind = REGISTER.media;
        // Their size does not depend on the operand size: one handler serves both.
        width ??= 4;
        break;
      case 'W':
      case 'Q':
      case 'U':
      case 'N':
        rmKind = REGISTER.media;
        width ??= 4;
        if (kind === 'U' || kind === 'N') registerOnly = true;
        memoryBytes = MEDIA_BYTES[size] ?? (kind === 'Q' ? 8 : 16);
        break;
      case 'I':
        if (size === 'l') immediate = IMMEDIATE.wordAndByte;
        else if (size === 'b') immediate = IMMEDIATE.byte;
        else if (size === 's') immediate = IMMEDIATE.signedByte;
        else if (size === 'w') immediate = IMMEDIATE.word;
        else immediate = operandSize === 4 ? IMMEDIATE.dword : IMMEDIATE.word;
        break;
      case 'J':
        relative = true;
        immediate =
          size === 'b' ? IMMEDIATE.relativeByte : operandSize === 4 ? IMMEDIATE.relativeDword : IMMEDIATE.relativeWord;
        break;
      case 'A':
        if (operand === 'AL') width ??= 1;
        else immediate = operandSize === 4 ? IMMEDIATE.far32 : IMMEDIATE.far16;
        break;
      case 'O':
        moffs = true;
        memoryBytes = bytes(size);
        width ??= bytes(size);
        break;
      case 'X':
        width ??= bytes(size);
        break;
      case 'r': // rAX
        width ??= operandSize;
        break;
      default:
        // Fixed operands (1, CL, ST0) are part of the instruction's meaning.
        break;
    }
  }
  return {
    width: width ?? operandSize,
    immediate,
    regKind,
    rmKind,
    memoryBytes: definition.memoryBytes ?? memoryBytes,
    memoryOnly,
    registerOnly,
    moffs,
    relative,
    fixedReg,
  };
}
