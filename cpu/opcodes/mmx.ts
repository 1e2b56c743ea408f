/** MMX instructions with the additions of SSE, SSE2 and SSSE3 to MMX registers. Opcode maps: Intel SDM volume 2, appendix A.3. */
import * as integer from '../media/integer.ts';
import * as packed from '../media/packed.ts';
import { bits, i16x8, i32x4, i64x2, i8x16 } from '../media/simd.ts';
import type { Emit } from '../media/access.ts';
import type { InstructionDefinition } from './definition.ts';

type Feature = NonNullable<InstructionDefinition['feature']>;
type More = Partial<InstructionDefinition>;

function line(
  encoding: string,
  mnemonic: string,
  operands: string,
  emit: Emit,
  more: More = {},
): InstructionDefinition {
  return { encoding, mnemonic, operands, emit, feature: 'mmx', ...more };
}

/**
 * Operations that MMX and XMM registers share: opcode, mnemonic, meaning of the XMM form, feature of the MMX form, and the meaning of
 * that one where it is not the low half of the XMM form's.
 */
export const SHARED: readonly (readonly [number, string, packed.Packed, Feature?, packed.Packed?])[] = [
  [0x63, 'packsswb', i8x16.narrow_s, 'mmx', packed.packPair(i8x16.narrow_s)],
  [0x67, 'packuswb', i8x16.narrow_u, 'mmx', packed.packPair(i8x16.narrow_u)],
  [0x6b, 'packssdw', i16x8.narrow_s, 'mmx', packed.packPair(i16x8.narrow_s)],
  [0x68, 'punpckhbw', packed.unpackHigh(1), 'mmx', packed.highHalf(packed.unpackLow(1))],
  [0x69, 'punpckhwd', packed.unpackHigh(2), 'mmx', packed.highHalf(packed.unpackLow(2))],
  [0x6a, 'punpckhdq', packed.unpackHigh(4), 'mmx', packed.highHalf(packed.unpackLow(4))],
  [0x64, 'pcmpgtb', i8x16.gt_s],
  [0x65, 'pcmpgtw', i16x8.gt_s],
  [0x66, 'pcmpgtd', i32x4.gt_s],
  [0x74, 'pcmpeqb', i8x16.eq],
  [0x75, 'pcmpeqw', i16x8.eq],
  [0x76, 'pcmpeqd', i32x4.eq],
  [0xd4, 'paddq', i64x2.add, 'sse2'],
  [0xd5, 'pmullw', i16x8.mul],
  [0xd8, 'psubusb', i8x16.sub_sat_u],
  [0xd9, 'psubusw', i16x8.sub_sat_u],
  [0xda, 'pminub', i8x16.min_u, 'sse'],
  [0xdb, 'pand', bits.and],
  [0xdc, 'paddusb', i8x16.add_sat_u],
  [0xdd, 'paddusw', i16x8.add_sat_u],
  [0xde, 'pmaxub', i8x16.max_u, 'sse'],
  [0xdf, 'pandn', packed.andNot],
  [0xe0, 'pavgb', i8x16.avgr_u, 'sse'],
  [0xe3, 'pavgw', i16x8.avgr_u, 'sse'],
  [0xe4, 'pmulhuw', packed.multiplyHighUnsigned, 'sse'],
  [0xe5, 'pmulhw', packed.multiplyHighSigned],
  [0xe8, 'psubsb', i8x16.sub_sat_s],
  [0xe9, 'psubsw', i16x8.sub_sat_s],
  [0xea, 'pminsw', i16x8.min_s, 'sse'],
  [0xeb, 'por', bits.or],
  [0xec, 'paddsb', i8x16.add_sat_s],
  [0xed, 'paddsw', i16x8.add_sat_s],
  [0xee, 'pmaxsw', i16x8.max_s, 'sse'],
  [0xef, 'pxor', bits.xor],
  [0xf4, 'pmuludq', packed.multiplyEvenDwords, 'sse2'],
  [0xf5, 'pmaddwd', i32x4.dot],
  [0xf6, 'psadbw', packed.sumOfDifferences, 'sse'],
  [0xf8, 'psubb', i8x16.sub],
  [0xf9, 'psubw', i16x8.sub],
  [0xfa, 'psubd', i32x4.sub],
  [0xfb, 'psubq', i64x2.sub, 'sse2'],
  [0xfc, 'paddb', i8x16.add],
  [0xfd, 'paddw', i16x8.add],
  [0xfe, 'paddd', i32x4.add],
];

/** The same for SSSE3 in the 0F 38 map. */
export const SHARED_38: typeof SHARED = (
  [
    [0x00, 'pshufb', packed.shuffleBytes(false), packed.shuffleBytes(true)],
    [0x01, 'phaddw', packed.horizontalWords(i16x8.add), undefined],
    [0x02, 'phaddd', packed.horizontalDwords(i32x4.add), undefined],
    [0x03, 'phaddsw', packed.horizontalWords(i16x8.add_sat_s), undefined],
    [0x04, 'pmaddubsw', packed.multiplyAddBytes],
    [0x05, 'phsubw', packed.horizontalWords(i16x8.sub), undefined],
    [0x06, 'phsubd', packed.horizontalDwords(i32x4.sub), undefined],
    [0x07, 'phsubsw', packed.horizontalWords(i16x8.sub_sat_s), undefined],
    [0x08, 'psignb', packed.sign(i8x16)],
    [0x09, 'psignw', packed.sign(i16x8)],
    [0x0a, 'psignd', packed.sign(i32x4)],
    [0x0b, 'pmulhrsw', packed.multiplyHighRounded],
    [0x1c, 'pabsb', (_a, b) => i8x16.abs(b)],
    [0x1d, 'pabsw', (_a, b) => i16x8.abs(b)],
    [0x1e, 'pabsd', (_a, b) => i32x4.abs(b)],
  ] as [number, string, packed.Packed, packed.Packed?][]
).map(([opcode, name, meaning, mmx]) => [
  opcode,
  name,
  meaning,
  'ssse3',
  mmx ?? (name.startsWith('ph') ? packed.pairwise(meaning) : meaning),
]);

/** Shifts: opcode of the form with a count operand, opcode and digit of the form with immediate. */
export const SHIFTS: readonly (readonly [number, number, number, string, packed.Shift])[] = [
  [0xd1, 0x71, 2, 'psrlw', { width: 16, kind: 'right' }],
  [0xd2, 0x72, 2, 'psrld', { width: 32, kind: 'right' }],
  [0xd3, 0x73, 2, 'psrlq', { width: 64, kind: 'right' }],
  [0xe1, 0x71, 4, 'psraw', { width: 16, kind: 'arithmetic' }],
  [0xe2, 0x72, 4, 'psrad', { width: 32, kind: 'arithmetic' }],
  [0xf1, 0x71, 6, 'psllw', { width: 16, kind: 'left' }],
  [0xf2, 0x72, 6, 'pslld', { width: 32, kind: 'left' }],
  [0xf3, 0x73, 6, 'psllq', { width: 64, kind: 'left' }],
];

const hex = (n: number): string => n.toString(16).padStart(2, '0');

const shared = SHARED.map(([opcode, name, meaning, feature, mmx]) =>
  line(`np 0f ${hex(opcode)} /r`, name, 'Pq,Qq', integer.mmx(mmx ?? meaning), { feature: feature ?? 'mmx' }),
);
const shared38 = SHARED_38.map(([opcode, name, meaning, , mmx]) =>
  line(`np 0f 38 ${hex(opcode)} /r`, name, 'Pq,Qq', integer.mmx(mmx ?? meaning), { feature: 'ssse3' }),
);
const shifts = SHIFTS.flatMap(([opcode, immediateOpcode, digit, name, shift]) => [
  line(`np 0f ${hex(opcode)} /r`, name, 'Pq,Qq', integer.mmxShift(shift)),
  line(`np 0f ${hex(immediateOpcode)} /${digit}`, name, 'Nq,Ib', integer.mmxShiftImmediate(shift)),
]);

const written = { writesMemory: true };
const SSE = { feature: 'sse' } as const;

export const mmxDefinitions: readonly InstructionDefinition[] = [
  ...shared,
  ...shared38,
  ...shifts,
  line('np 0f 60 /r', 'punpcklbw', 'Pq,Qd', integer.mmx(packed.unpackLow(1), 4)),
  line('np 0f 61 /r', 'punpcklwd', 'Pq,Qd', integer.mmx(packed.unpackLow(2), 4)),
  line('np 0f 62 /r', 'punpckldq', 'Pq,Qd', integer.mmx(packed.unpackLow(4), 4)),
  line('np 0f 6e /r', 'movd', 'Pd,Ed', integer.movdToMmx),
  line('np 0f 7e /r', 'movd', 'Ed,Pd', integer.movdFromMmx, written),
  line('np 0f 6f /r', 'movq', 'Pq,Qq', integer.movqToMmx),
  line('np 0f 7f /r', 'movq', 'Qq,Pq', integer.movqFromMmx, written),
  line('np 0f e7 /r', 'movntq', 'Mq,Pq', integer.movqFromMmx, { ...written, ...SSE }),
  line('np 0f 77', 'emms', '', integer.emms),
  line('np 0f 70 /r', 'pshufw', 'Pq,Qq,Ib', integer.mmxImmediate(packed.pshuflw), SSE),
  line('np 0f c4 /r', 'pinsrw', 'Pq,Ed,Ib', integer.pinsrwMmx, { ...SSE, memoryBytes: 2 }),
  line('np 0f c5 /r', 'pextrw', 'Gd,Nq,Ib', integer.pextrwMmx, SSE),
  line('np 0f d7 /r', 'pmovmskb', 'Gd,Nq', integer.pmovmskbMmx, SSE),
  { encoding: 'np 0f f7 /r', mnemonic: 'maskmovq', operands: 'Pq,Nq', helper: 'media_maskmovq', feature: 'sse' },
  line('np 0f 3a 0f /r', 'palignr', 'Pq,Qq,Ib', integer.mmxAlign, { feature: 'ssse3' }),
];
