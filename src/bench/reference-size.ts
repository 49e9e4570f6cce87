// How large worker and pool must be, so that a run measures copies and not eviction.
//
// The embedded worker runs its default shape; the numbers here mirror the defaults of `pega reference`
// and test/bench/embedded.test.ts compares them with what the worker registers.

export interface RunSize {
  promptCount: number;
  inputTokens: number;
  outputTokens: number;
}

export const REFERENCE_BLOCK_TOKENS = 16;
/** All layers of one block: 8 layers, 4 KV heads, 64 dimensions, K and V, fp32. */
export const REFERENCE_BLOCK_BYTES = 8 * REFERENCE_BLOCK_TOKENS * 4 * 64 * 2 * 4;
export const REFERENCE_VOCABULARY = 4096;
export const REFERENCE_CONTEXT = 8192;

const POOL_BYTES_MIN = 128 * 1024 ** 2;
const POOL_STEP_BYTES = 64 * 1024 ** 2;

export function blocksOf(size: RunSize): number {
  const perPrompt = Math.ceil((size.inputTokens + size.outputTokens) / REFERENCE_BLOCK_TOKENS);
  return size.promptCount * perPrompt;
}

/** Twice the working set, because an engine may hold half a pool at a time, and a slab more for the rest. */
export function poolBytesFor(size: RunSize): number {
  const wanted = 2 * blocksOf(size) * REFERENCE_BLOCK_BYTES + POOL_STEP_BYTES;
  return Math.max(POOL_BYTES_MIN, Math.ceil(wanted / POOL_STEP_BYTES) * POOL_STEP_BYTES);
}
