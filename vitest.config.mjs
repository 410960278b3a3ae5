import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.{ts,mts,mjs,js}'],
    exclude: ['__test__/seed-compat/**', '__test__/types/**'],
    // A process for each file: the runner slot is process-wide, and an addon is loaded once in a process.
    pool: 'forks',
    // Many files wait for child processes, so two at once pay off even on two cores, where vitest would run one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    isolate: true,
    allowOnly: false,
    passWithNoTests: false,
  },
});
