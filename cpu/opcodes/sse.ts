/** SSE, SSE2, SSE3 and SSSE3 on XMM registers. Opcode maps: Intel SDM volume 2, appendix A.3. */
import type { Emit } from '../media/access.ts';
import * as float from '../media/float.ts';
import * as integer from '../media/integer.ts';
import * as moves from '../media/moves.ts';
import * as packed from '../media/packed.ts';
import { bits } from '../media/simd.ts';
import type { InstructionDefinition } from './definition.ts';
import { SHARED, SHARED_38, SHIFTS } from './mmx.ts';

type More = Partial<InstructionDefinition>;

const hex = (n: number): string => n.toString(16).padStart(2, '0');
const written = { writesMemory: true };
const SSE = { feature: 'sse' } as const;
const SSE3 = { feature: 'sse3' } as const;

function line(
  encoding: string,
  mnemonic: string,
  operands: string,
  emit: Emit,
  more: More = {},
): InstructionDefinition {
  return { encoding, mnemonic, operands, emit, feature: 'sse2', ...more };
}

/** The four shapes of a floating-point instruction: prefix, suffix, operand, bytes of the memory operand, feature. */
const SHAPES = [
  ['np', 'ps', 'Vps,Wps', 16, 'sse'],
  ['f3', 'ss', 'Vss,Wss', 4, 'sse'],
  ['66', 'pd', 'Vpd,Wpd', 16, 'sse2'],
  ['f2', 'sd', 'Vsd,Wsd', 8, 'sse2'],
] as const;

const integers = [
  ...SHARED.map(([opcode, name, meaning]) => line(`66 0f ${hex(opcode)} /r`, name, 'Vdq,Wdq', integer.xmm(meaning))),
  ...SHARED_38.map(([opcode, name, meaning]) =>
    line(`66 0f 38 ${hex(opcode)} /r`, name, 'Vdq,Wdq', integer.xmm(meaning), { feature: 'ssse3' }),
  ),
  ...SHIFTS.flatMap(([opcode, immediateOpcode, digit, name, shift]) => [
    line(`66 0f ${hex(opcode)} /r`, name, 'Vdq,Wdq', integer.xmmShift(shift)),
    line(`66 0f ${hex(immediateOpcode)} /${digit}`, name, 'Udq,Ib', integer.xmmShiftImmediate(shift)),
  ]),
  line('66 0f 73 /3', 'psrldq', 'Udq,Ib', integer.xmmShiftBytes(false)),
  line('66 0f 73 /7', 'pslldq', 'Udq,Ib', integer.xmmShiftBytes(true)),
  line('66 0f 60 /r', 'punpcklbw', 'Vdq,Wdq', integer.xmm(packed.unpackLow(1))),
  line('66 0f 61 /r', 'punpcklwd', 'Vdq,Wdq', integer.xmm(packed.unpackLow(2))),
  line('66 0f 62 /r', 'punpckldq', 'Vdq,Wdq', integer.xmm(packed.unpackLow(4))),
  line('66 0f 6c /r', 'punpcklqdq', 'Vdq,Wdq', integer.xmm(packed.unpackLow(8))),
  line('66 0f 6d /r', 'punpckhqdq', 'Vdq,Wdq', integer.xmm(packed.unpackHigh(8))),
  line('66 0f 70 /r', 'pshufd', 'Vdq,Wdq,Ib', integer.xmmImmediate(packed.pshufd)),
  line('f3 0f 70 /r', 'pshufhw', 'Vdq,Wdq,Ib', integer.xmmImmediate(packed.pshufhw)),
  line('f2 0f 70 /r', 'pshuflw', 'Vdq,Wdq,Ib', integer.xmmImmediate(packed.pshuflw)),
  line('66 0f 3a 0f /r', 'palignr', 'Vdq,Wdq,Ib', integer.xmmImmediate(packed.palignr), { feature: 'ssse3' }),
  line('66 0f 6e /r', 'movd', 'Vdq,Ed', integer.movdToXmm),
  line('66 0f 7e /r', 'movd', 'Ed,Vd', integer.movdFromXmm, written),
  line('66 0f c4 /r', 'pinsrw', 'Vdq,Ed,Ib', integer.pinsrwXmm, { memoryBytes: 2 }),
  line('66 0f c5 /r', 'pextrw', 'Gd,Udq,Ib', integer.pextrwXmm),
  line('66 0f d7 /r', 'pmovmskb', 'Gd,Udq', integer.pmovmskbXmm),
  line('f3 0f d6 /r', 'movq2dq', 'Vdq,Nq', integer.movq2dq),
  line('f2 0f d6 /r', 'movdq2q', 'Pq,Udq', integer.movdq2q),
  { encoding: '66 0f f7 /r', mnemonic: 'maskmovdqu', operands: 'Vdq,Udq', helper: 'media_maskmovdqu', feature: 'sse2' },
] satisfies InstructionDefinition[];

/** PS in its 'np' form belongs to SSE, PD in its '66' form to SSE2. */
const pair = (
  opcode: string,
  name: string,
  operands: (suffix: 'ps' | 'pd') => string,
  emit: Emit,
  more: More = {},
): InstructionDefinition[] => [
  line(`np 0f ${opcode} /r`, `${name}ps`, operands('ps'), emit, { ...SSE, ...more }),
  line(`66 0f ${opcode} /r`, `${name}pd`, operands('pd'), emit, more),
];

const transfers = [
  ...pair('10', 'movu', (s) => `V${s},W${s}`, moves.load(false)),
  ...pair('11', 'movu', (s) => `W${s},V${s}`, moves.store(false), written),
  ...pair('28', 'mova', (s) => `V${s},W${s}`, moves.load(true)),
  ...pair('29', 'mova', (s) => `W${s},V${s}`, moves.store(true), written),
  ...pair('2b', 'movnt', (s) => `M${s},V${s}`, moves.store(true), written),
  line('66 0f 6f /r', 'movdqa', 'Vdq,Wdq', moves.load(true)),
  line('66 0f 7f /r', 'movdqa', 'Wdq,Vdq', moves.store(true), written),
  line('f3 0f 6f /r', 'movdqu', 'Vdq,Wdq', moves.load(false)),
  line('f3 0f 7f /r', 'movdqu', 'Wdq,Vdq', moves.store(false), written),
  line('66 0f e7 /r', 'movntdq', 'Mdq,Vdq', moves.store(true), written),
  line('f2 0f f0 /r', 'lddqu', 'Vdq,Mdq', moves.load(false), SSE3),
  line('f3 0f 10 /r', 'movss', 'Vss,Wss', moves.loadScalar(4), SSE),
  line('f3 0f 11 /r', 'movss', 'Wss,Vss', moves.storeScalar(4), { ...written, ...SSE }),
  line('f2 0f 10 /r', 'movsd', 'Vsd,Wsd', moves.loadScalar(8)),
  line('f2 0f 11 /r', 'movsd', 'Wsd,Vsd', moves.storeScalar(8), written),
  line('np 0f 12 /r', 'movlps', 'Vq,Wq', moves.loadLow, SSE),
  line('66 0f 12 /r', 'movlpd', 'Vq,Mq', moves.loadLow),
  line('np 0f 16 /r', 'movhps', 'Vq,Wq', moves.loadHigh, SSE),
  line('66 0f 16 /r', 'movhpd', 'Vq,Mq', moves.loadHigh),
  ...pair('13', 'movl', () => 'Mq,Vq', moves.storeHalf(0), written),
  ...pair('17', 'movh', () => 'Mq,Vq', moves.storeHalf(1), written),
  line('f3 0f 7e /r', 'movq', 'Vq,Wq', moves.loadQuadword),
  line('66 0f d6 /r', 'movq', 'Wq,Vq', moves.storeQuadword, written),
  line('f2 0f 12 /r', 'movddup', 'Vdq,Wq', moves.duplicate(8, [0, 0]), SSE3),
  line('f3 0f 12 /r', 'movsldup', 'Vdq,Wdq', moves.duplicate(4, [0, 0, 2, 2]), SSE3),
  line('f3 0f 16 /r', 'movshdup', 'Vdq,Wdq', moves.duplicate(4, [1, 1, 3, 3]), SSE3),
  line('np 0f 50 /r', 'movmskps', 'Gd,Ups', moves.signMask(4), SSE),
  line('66 0f 50 /r', 'movmskpd', 'Gd,Upd', moves.signMask(8)),
  line('np 0f c3 /r', 'movnti', 'Md,Gd', moves.movnti, written),
  ...pair('14', 'unpckl', (s) => `V${s},W${s}`, integer.xmm(packed.unpackLow(4))).map((d) =>
    d.mnemonic === 'unpcklpd' ? { ...d, emit: integer.xmm(packed.unpackLow(8)) } : d,
  ),
  ...pair('15', 'unpckh', (s) => `V${s},W${s}`, integer.xmm(packed.unpackHigh(4))).map((d) =>
    d.mnemonic === 'unpckhpd' ? { ...d, emit: integer.xmm(packed.unpackHigh(8)) } : d,
  ),
  line('np 0f c6 /r', 'shufps', 'Vps,Wps,Ib', integer.xmmImmediate(packed.shufps), SSE),
  line('66 0f c6 /r', 'shufpd', 'Vpd,Wpd,Ib', integer.xmmImmediate(packed.shufpd)),
  ...pair('54', 'and', (s) => `V${s},W${s}`, integer.xmm(bits.and)),
  ...pair('55', 'andn', (s) => `V${s},W${s}`, integer.xmm(packed.andNot)),
  ...pair('56', 'or', (s) => `V${s},W${s}`, integer.xmm(bits.or)),
  ...pair('57', 'xor', (s) => `V${s},W${s}`, integer.xmm(bits.xor)),
];

const ARITHMETIC = [
  [0x58, 'add'],
  [0x59, 'mul'],
  [0x5c, 'sub'],
  [0x5d, 'min'],
  [0x5e, 'div'],
  [0x5f, 'max'],
  [0x51, 'sqrt'],
] as const;

const arithmetic = [
  ...ARITHMETIC.flatMap(([opcode, name]) =>
    SHAPES.map(([prefix, suffix, operands, size, feature]) =>
      line(`${prefix} 0f ${hex(opcode)} /r`, name + suffix, operands, float.binary(name + suffix, size), { feature }),
    ),
  ),
  ...SHAPES.map(([prefix, suffix, operands, size, feature]) =>
    line(`${prefix} 0f c2 /r`, `cmp${suffix}`, `${operands},Ib`, float.compare(`cmp${suffix}`, size), { feature }),
  ),
  ...(
    [
      [0x52, 'rsqrt'],
      [0x53, 'rcp'],
    ] as const
  ).flatMap(([opcode, name]) =>
    SHAPES.slice(0, 2).map(([prefix, suffix, operands, size]) =>
      line(`${prefix} 0f ${hex(opcode)} /r`, name + suffix, operands, float.binary(name + suffix, size), SSE),
    ),
  ),
  line('np 0f 2e /r', 'ucomiss', 'Vss,Wss', float.compareFlags('ucomiss', 4), SSE),
  line('66 0f 2e /r', 'ucomisd', 'Vsd,Wsd', float.compareFlags('ucomisd', 8)),
  line('np 0f 2f /r', 'comiss', 'Vss,Wss', float.compareFlags('comiss', 4), SSE),
  line('66 0f 2f /r', 'comisd', 'Vsd,Wsd', float.compareFlags('comisd', 8)),
  ...(
    [
      ['66 0f 7c', 'haddpd'],
      ['f2 0f 7c', 'haddps'],
      ['66 0f 7d', 'hsubpd'],
      ['f2 0f 7d', 'hsubps'],
      ['66 0f d0', 'addsubpd'],
      ['f2 0f d0', 'addsubps'],
    ] as const
  ).map(([encoding, name]) => line(`${encoding} /r`, name, 'Vdq,Wdq', float.binary(name, 16), SSE3)),
];

const conversions = [
  line('np 0f 5a /r', 'cvtps2pd', 'Vpd,Wq', float.binary('cvtps2pd', 8)),
  line('66 0f 5a /r', 'cvtpd2ps', 'Vps,Wpd', float.binary('cvtpd2ps', 16)),
  line('f3 0f 5a /r', 'cvtss2sd', 'Vsd,Wss', float.binary('cvtss2sd', 4)),
  line('f2 0f 5a /r', 'cvtsd2ss', 'Vss,Wsd', float.binary('cvtsd2ss', 8)),
  line('np 0f 5b /r', 'cvtdq2ps', 'Vps,Wdq', float.binary('cvtdq2ps', 16)),
  line('66 0f 5b /r', 'cvtps2dq', 'Vdq,Wps', float.binary('cvtps2dq', 16)),
  line('f3 0f 5b /r', 'cvttps2dq', 'Vdq,Wps', float.binary('cvttps2dq', 16)),
  line('66 0f e6 /r', 'cvttpd2dq', 'Vdq,Wpd', float.binary('cvttpd2dq', 16)),
  line('f2 0f e6 /r', 'cvtpd2dq', 'Vdq,Wpd', float.binary('cvtpd2dq', 16)),
  line('f3 0f e6 /r', 'cvtdq2pd', 'Vpd,Wq', float.binary('cvtdq2pd', 8)),
  line('f3 0f 2a /r', 'cvtsi2ss', 'Vss,Ed', float.fromGeneral('cvtsi2ss'), SSE),
  line('f2 0f 2a /r', 'cvtsi2sd', 'Vsd,Ed', float.fromGeneral('cvtsi2sd')),
  line('f3 0f 2c /r', 'cvttss2si', 'Gd,Wss', float.toGeneral('cvttss2si', 4), SSE),
  line('f3 0f 2d /r', 'cvtss2si', 'Gd,Wss', float.toGeneral('cvtss2si', 4), SSE),
  line('f2 0f 2c /r', 'cvttsd2si', 'Gd,Wsd', float.toGeneral('cvttsd2si', 8)),
  line('f2 0f 2d /r', 'cvtsd2si', 'Gd,Wsd', float.toGeneral('cvtsd2si', 8)),
  line('np 0f 2a /r', 'cvtpi2ps', 'Vps,Qq', float.fromMmx('cvtpi2ps'), SSE),
  line('66 0f 2a /r', 'cvtpi2pd', 'Vpd,Qq', float.fromMmx('cvtdq2pd')),
  line('np 0f 2c /r', 'cvttps2pi', 'Pq,Wq', float.toMmx('cvttps2dq', 8), SSE),
  line('np 0f 2d /r', 'cvtps2pi', 'Pq,Wq', float.toMmx('cvtps2dq', 8), SSE),
  line('66 0f 2c /r', 'cvttpd2pi', 'Pq,Wpd', float.toMmx('cvttpd2dq', 16)),
  line('66 0f 2d /r', 'cvtpd2pi', 'Pq,Wpd', float.toMmx('cvtpd2dq', 16)),
];

const controls = [
  line('0f ae /2', 'ldmxcsr', 'Md', moves.loadMxcsr, SSE),
  line('0f ae /3', 'stmxcsr', 'Md', moves.storeMxcsr, { ...written, ...SSE }),
  line('0f ae e8', 'lfence', '', moves.fence),
  line('0f ae f0', 'mfence', '', moves.fence),
  line('0f ae f8', 'sfence', '', moves.fence, SSE),
];

export const sseDefinitions: readonly InstructionDefinition[] = [
  ...integers,
  ...transfers,
  ...arithmetic,
  ...conversions,
  ...controls,
];
