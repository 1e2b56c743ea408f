import { defineConfig } from 'vitest/config';

/** Folders whose tests boot whole guests or run long instruction streams: a process each, and minutes of time. */
const SLOW = ['test/guests/**/*.test.ts', 'test/conformance/**/*.test.ts'];

// The projects run one after the other (`groupOrder`), so that boots and timing are not disturbed by the rest.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: SLOW,
          sequence: { groupOrder: 0 },
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          exclude: process.env['VS_CONFORMANCE_DIR'] ? [] : ['test/conformance/folder.test.ts'],
          sequence: { groupOrder: 1 },
          pool: 'forks',
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'guests',
          include: ['test/guests/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          pool: 'forks',
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
