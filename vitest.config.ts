import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Tests that drive real processes can be late on a busy machine: there one more try, which the output names. A wrong result is wrong twice.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});
