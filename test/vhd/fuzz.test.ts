import { expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';

/** More by `VHD_MUTATIONS=1000000 npx vitest run test/vhd/fuzz.test.ts`. */
const MUTATIONS = Number(process.env['VHD_MUTATIONS'] ?? 6000);

it(
  `${MUTATIONS} mutated VHDs give a named error or a disk that can be read and written`,
  () => {
    const result = fuzz(MUTATIONS);
    console.log(result);
    expect(result.opened).toBeGreaterThan(MUTATIONS / 12);
    expect(result.refused).toBeGreaterThan(MUTATIONS / 12);
    expect(result.slowest).toBeLessThan(1000);
    expect(result.largest).toBeLessThan(64 * 1024 * 1024);
  },
  20_000 + MUTATIONS * 2,
);
