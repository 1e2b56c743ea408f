/** Instruction groups of the conformance page: which forms of which files they hold. The first entry that fits a form counts. */

export interface InstructionGroup {
  readonly title: string;
  /** Groups of files (Suite.group) and the forms that belong here. */
  readonly files: readonly string[];
  readonly forms: RegExp;
}

const words = (...names: string[]): RegExp => new RegExp(`^(?:${names.join('|')})(?![a-z0-9])`, 'i');

const INTEGER = ['int', 'p16'];
const X87 = ['x87'];
const MEDIA = ['mmx', 'sse'];

export const GROUPS: readonly InstructionGroup[] = [
  // Integer
  {
    title: 'Addition, subtraction, comparison, logic: ADD ADC SUB SBB CMP INC DEC NEG AND OR XOR NOT TEST',
    files: INTEGER,
    forms: words('add', 'adc', 'sub', 'sbb', 'cmp', 'inc', 'dec', 'neg', 'and', 'or', 'xor', 'not', 'test'),
  },
  {
    title: 'Multiplication and division: MUL IMUL DIV IDIV',
    files: INTEGER,
    forms: words('mul', 'imul', 'div', 'idiv'),
  },
  {
    title: 'Shifts and rotates: ROL ROR RCL RCR SHL SHR SAR SHLD SHRD',
    files: INTEGER,
    forms: words('rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sal6', 'sar', 'shld', 'shrd'),
  },
  {
    title: 'Bits: BT BTS BTR BTC BSF BSR SETcc CMOVcc',
    files: INTEGER,
    forms: words('bt', 'bts', 'btr', 'btc', 'bsf', 'bsr', 'set[0-9a-f]', 'cmov[0-9a-f]'),
  },
  { title: 'Decimal adjustment: DAA DAS AAA AAS AAM AAD', files: INTEGER, forms: words('da[as]', 'aa[asmd]') },
  {
    title: 'Moves, exchange, conversion: MOV MOVZX MOVSX LEA XCHG XADD CMPXCHG CMPXCHG8B BSWAP CBW CWD XLAT',
    files: INTEGER,
    forms: words(
      'mov',
      'movzx',
      'movsx',
      'lea',
      'xchg',
      'xadd',
      'cmpxchg',
      'cmpxchg8b',
      'bswap',
      'cbw',
      'cwd',
      'xlat',
      'nop',
    ),
  },
  {
    title: 'Stack and frames: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE',
    files: INTEGER,
    forms: words('push', 'pop', 'pusha(?:16|32)', 'popa(?:16|32)', 'pushf(?:16|32)', 'popf(?:16|32)', 'enter', 'leave'),
  },
  {
    title: 'Branches: Jcc JMP CALL RET LOOP LOOPE LOOPNE JCXZ',
    files: INTEGER,
    forms: words('j[0-9a-f]', 'jmp', 'call', 'ret', 'loop', 'loope', 'loopne', 'jcxz'),
  },
  {
    title: 'Strings: MOVS CMPS STOS LODS SCAS, with and without REP',
    files: INTEGER,
    forms: words('rep', 'repne', '(?:movs|cmps|stos|lods|scas)(?:8|16|32)'),
  },
  {
    title: 'Flags: CLC STC CMC CLD STD CLI STI LAHF SAHF SALC',
    files: INTEGER,
    forms: words('clc', 'stc', 'cmc', 'cld', 'std', 'cli', 'sti', 'lahf', 'sahf', 'salc'),
  },
  {
    title: 'Far pointers, exceptions, the rest: LDS LES LFS LGS LSS BOUND INT INTO INT3 INT1 UD2',
    files: INTEGER,
    forms: /./,
  },
  // x87
  {
    title: 'x87 arithmetic: FADD FSUB FMUL FDIV and their integer and popping forms',
    files: X87,
    forms: words('fi?(?:add|subr?|mul|divr?)', 'f(?:add|subr?|mul|divr?)p'),
  },
  {
    title: 'x87 comparison: FCOM FUCOM FCOMI FUCOMI FICOM FTST FXAM',
    files: X87,
    forms: words('fu?com(?:p|pp|i|ip)?', 'ficomp?', 'ftst', 'fxam'),
  },
  {
    title: 'x87 moves and conversions: FLD FST FILD FIST FISTTP FBLD FBSTP FXCH FCMOVcc, constants',
    files: X87,
    forms: words(
      'fld',
      'fstp?',
      'fild',
      'fistp?',
      'fisttp',
      'fbld',
      'fbstp',
      'fxch',
      'fcmov[0-7]',
      'fld(?:1|z|pi|l2t|l2e|lg2|ln2)',
    ),
  },
  {
    title: 'x87 rounding, roots, remainders, scaling: FSQRT FRNDINT FSCALE FXTRACT FPREM FPREM1 FCHS FABS',
    files: X87,
    forms: words('fsqrt', 'frndint', 'fscale', 'fxtract', 'fprem1?', 'fchs', 'fabs'),
  },
  {
    title: 'x87 transcendental: F2XM1 FYL2X FYL2XP1 FSIN FCOS FSINCOS FPTAN FPATAN',
    files: X87,
    forms: words('f2xm1', 'fyl2x(?:p1)?', 'fsin', 'fcos', 'fsincos', 'fptan', 'fpatan'),
  },
  {
    title: 'x87 control and state: FINIT FLDCW FSTENV FSAVE FRSTOR FXSAVE FXRSTOR, pending #MF …',
    files: X87,
    forms: /./,
  },
  // MMX and SSE
  { title: 'SSSE3', files: MEDIA, forms: words('ssse3') },
  { title: 'SSE3', files: MEDIA, forms: words('sse3') },
  { title: 'MMX and its SSE additions', files: ['mmx'], forms: /./ },
  {
    title: 'SSE and SSE2 arithmetic: ADD SUB MUL DIV SQRT MIN MAX RCP RSQRT',
    files: ['sse'],
    forms: words('(?:add|sub|mul|div|sqrt|min|max)[sp][sd]', 'r(?:cp|sqrt)[sp]s'),
  },
  { title: 'SSE and SSE2 comparison: CMP COMI UCOMI', files: ['sse'], forms: words('cmp[sp][sd]', 'u?comis[sd]') },
  { title: 'SSE and SSE2 conversions: CVT*', files: ['sse'], forms: /^cvt/ },
  {
    title: 'SSE and SSE2 moves, logic, shuffles, MXCSR',
    files: ['sse'],
    forms: /^(?:mov|and|or|xor|unpck|shuf|maskmov|ldmxcsr|stmxcsr|fences)/,
  },
  { title: 'SSE2 integer', files: ['sse'], forms: /./ },
  // System
  { title: 'Segment limits and types on access', files: ['seg'], forms: words('access') },
  { title: 'Selector loads: MOV POP LDS LES LFS LGS LSS', files: ['seg'], forms: words('mov', 'pop', 'l[defgs]s') },
  { title: 'LAR LSL VERR VERW', files: ['seg'], forms: words('lar', 'lsl', 'ver[rw]') },
  { title: 'Far JMP, CALL, RET, IRET', files: ['seg'], forms: words('jmp', 'retf', 'iret') },
  { title: 'Privileged instructions at CPL 3, alignment check', files: ['seg'], forms: /./ },
  // Programs
  {
    title: 'Random programs: loops, calls, self-modifying code, x87 and SSE, faults in the middle',
    files: ['seq'],
    forms: /./,
  },
  { title: 'Real mode, one instruction each', files: ['realmode'], forms: /./ },
  {
    title: 'x87 against TestFloat: extended-precision arithmetic, comparison, conversion',
    files: ['testfloat'],
    forms: /extF80/,
  },
  { title: 'SSE and SSE2 against TestFloat: single and double precision', files: ['testfloat'], forms: /./ },
];

export function groupOf(fileGroup: string, form: string): string {
  const found = GROUPS.find(({ files, forms }) => files.includes(fileGroup) && forms.test(form));
  return found?.title ?? `Other forms of ${fileGroup}`;
}
