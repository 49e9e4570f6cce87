// How vitest finds and runs the tests with a real vLLM; `npm run test:vllm` (scripts/test-vllm.mjs) makes the
// environment first. One file after the other: each has up to three vLLMs, on two cores.
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    include: ['test/with-vllm/**/*.test.ts'],
    globalSetup: ['test/with-vllm/support/expected.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 3 * MINUTE_MS,
    // vLLMs start in hooks.
    hookTimeout: 6 * MINUTE_MS,
    teardownTimeout: MINUTE_MS,
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
