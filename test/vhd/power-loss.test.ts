import { describe, it } from 'vitest';
import { SCENARIOS } from './power-loss.ts';

/** Seeds for each operation; more by `VHD_SEEDS=10000 npx vitest run test/vhd/power-loss.test.ts`. */
const SEEDS = Number(process.env['VHD_SEEDS'] ?? 40);

describe('a power failure, or the end of the process, at any moment', () => {
  for (const [name, run] of Object.entries(SCENARIOS)) {
    it(
      `leaves the old or the new state: ${name}, ${SEEDS} seeds`,
      () => {
        for (let seed = 1; seed <= SEEDS; seed++) {
          try {
            run(seed);
          } catch (error) {
            throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
          }
        }
      },
      20_000 + SEEDS * 200,
    );
  }
});
