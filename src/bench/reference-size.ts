// How large worker and pool must be, so that a run measures copies and not eviction.
import type { ModelShape } from '../engine/reference-model.js';

export interface RunSize {
  promptCount: number;
  inputTokens: number;
  outputTokens: number;
}

const FLOAT_BYTES = 4;
const POOL_BYTES_MIN = 128 * 1024 ** 2;
const POOL_STEP_BYTES = 64 * 1024 ** 2;
/** Blocks that the worker has beyond those of the prompts: none that a phase needs is evicted. */
const SPARE_SHARE = 0.25;
const SPARE_BLOCKS = 16;

/** All layers of one block: K and V. */
export function blockBytes(shape: ModelShape): number {
  return shape.layers * shape.blockTokens * shape.kvHeads * shape.headDim * 2 * FLOAT_BYTES;
}

export function workerBlocksFor(size: RunSize, shape: ModelShape): number {
  return Math.ceil(blocksOf(size, shape) * (1 + SPARE_SHARE)) + SPARE_BLOCKS;
}

/** Twice the working set, because an engine may hold half a pool at a time, and a slab more for the rest. */
export function poolBytesFor(size: RunSize, shape: ModelShape): number {
  const wanted = 2 * blocksOf(size, shape) * blockBytes(shape) + POOL_STEP_BYTES;
  return Math.max(POOL_BYTES_MIN, Math.ceil(wanted / POOL_STEP_BYTES) * POOL_STEP_BYTES);
}

function blocksOf(size: RunSize, shape: ModelShape): number {
  const perPrompt = Math.ceil((size.inputTokens + size.outputTokens) / shape.blockTokens);
  return size.promptCount * perPrompt;
}
