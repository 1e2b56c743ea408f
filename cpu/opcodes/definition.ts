/**
 * One line per instruction form: the table that decoder, both tiers, tests and documentation read.
 *
 * Encoding, in the notation of the Intel SDM (volume 2, section 3.1.1), lower-case hex allowed:
 *   `00 /r`          opcode with ModRM          `80 /0`      opcode extended by ModRM.reg
 *   `0f 58 /r`       two-byte opcode            `66 0f 58`   with mandatory prefix (`np` none, 66, f3, f2)
 *   `50+r`           register in the low bits   `d8 c0+i`    x87 register form (modrm byte c0-ff, +i: low bits ST(i))
 *   `0f 38 00 /r`    three-byte maps
 *
 * Operands, after the SDM's appendix A: E/G general registers r/m and reg, M memory only, R register only, V/W XMM, P/Q MMX, I immediate, J relative,
 * A far pointer, O moffs, S segment register, C/D control and debug registers, Z register in opcode; sizes b w d v(=16/32) z q dq s(far pointer) a(bound) p, or a byte count `M10`.
 */
import type { InstructionContext } from '../semantics/context.ts';

export interface InstructionDefinition {
  readonly encoding: string;
  readonly mnemonic: string;
  /** Comma-separated operand codes, destination first; empty for none. */
  readonly operands: string;
  /** Meaning, written against the emitter; with `helper` too, the cases that it does not leave to the helper. */
  readonly emit?: (c: InstructionContext) => void;
  /** Name of a TypeScript helper; at least one of `emit` and `helper` is present. */
  readonly helper?: string;
  /** `emit` calls functions of the module by name (x87, MMX and SSE always may). */
  readonly callsFunctions?: boolean;
  /** Bytes the memory operand touches, for segment limit checks; default from the operand code. */
  readonly memoryBytes?: number;
  /** The memory operand is written (segment must be writable). */
  readonly writesMemory?: boolean;
  /** CPUID feature that the form belongs to; #UD without it. */
  readonly feature?: 'fpu' | 'mmx' | 'sse' | 'sse2' | 'sse3' | 'ssse3' | 'cmov' | 'cx8' | 'sep' | 'tsc' | 'fxsr';
  /** LOCK is allowed on the memory form; otherwise LOCK raises #UD. */
  readonly lockable?: boolean;
}
