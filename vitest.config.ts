// How vitest finds and runs the tests. `npm test` (scripts/test.mjs) builds first and adds a JSON report.
//
// Nothing is retried and nothing may be left `.only`. PEGA_TEST_LONG=1 (`npm run test:long`) is read by
// tests that have more to try: longer pauses, more random schedules.
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those are `npm run test:vllm`'s (vitest.vllm.config.ts).
    exclude: ['test/with-vllm/**'],
    pool: 'forks',
    maxWorkers: 2,
    // Tests start real processes; on two busy cores a start can take seconds.
    testTimeout: MINUTE_MS,
    hookTimeout: MINUTE_MS,
    teardownTimeout: MINUTE_MS / 2,
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
