import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.{ts,mts,mjs,js}'],
    exclude: ['__test__/seed-compat/**', '__test__/types/**'],
    // A process for each file: the runner slot is process-wide, and an addon is loaded once in a process.
    pool: 'forks',
    isolate: true,
    allowOnly: false,
    passWithNoTests: false,
  },
});
