/**
 * RCP and RSQRT (Intel SDM volume 2): approximations that the architecture bounds by a relative error of 1.5 * 2^-12; here they are
 * correctly rounded. They raise no exceptions; denormal operands count as zero, and tiny results become zero,
 * as does the smallest normal number.
 */
import {
  type Expr,
  f32,
  type FunctionRef,
  i32,
  i64,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { SINGLES, type Vector } from './vectors.ts';
import { SINGLE } from './soft-format.ts';
import { ZERO } from './simd.ts';

const ONE = 0x3f80_0000;

function defineLane(m: ModuleBuilder, root: boolean): FunctionRef & { result: 'i64' } {
  return m.function(['i64'], 'i64', (f) => {
    const a = f.params[0] as Local<'i64'>;
    const x = f.let(i64.and(a, SINGLE.sign - 1n));
    const sign = f.let(i64.and(a, SINGLE.sign));
    f.if(i64.gt_u(x, SINGLE.infinity), () => f.return(i64.or(a, SINGLE.quiet)));
    f.if(i64.lt_u(x, 1n << 23n), () => f.return(i64.or(sign, SINGLE.infinity)));
    if (root) f.if(i32.wrap(i64.shr_u(sign, 31n)), () => f.return(i64.const(SINGLE.indefinite)));
    const value = f32.reinterpret(i32.wrap(x));
    const quotient = f32.div(f32.reinterpret(ONE), root ? f32.sqrt(value) : value);
    const result = f.let(i64.extend_u(i32.reinterpret(quotient)));
    f.return(i64.or(sign, select(i64.le_u(result, 1n << 23n), i64.const(0n), result as Expr<'i64'>)));
    f.unreachable();
  });
}

export function defineApproximations(m: ModuleBuilder): Record<string, FunctionRef> {
  const functions: Record<string, FunctionRef> = {};
  for (const name of ['rcp', 'rsqrt'] as const) {
    const lane = defineLane(m, name === 'rsqrt');
    for (const [suffix, count] of [
      ['ps', 4],
      ['ss', 1],
    ] as const)
      functions[name + suffix] = m.function(['v128', 'v128'], 'v128', (f) => {
        const [a, b] = f.params as [Vector, Vector];
        const r = f.let((count === 1 ? a : ZERO) as Expr<'v128'>);
        for (let n = 0; n < count; n++) f.set(r, SINGLES.replace(r, n, f.call(lane, SINGLES.extract(b, n))));
        f.return(r);
        f.unreachable();
      });
  }
  return functions;
}
