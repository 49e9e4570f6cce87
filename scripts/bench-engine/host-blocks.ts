// Blocks of 2 MiB in this process's memory, laid out like a model's KV cache: 32 layers of 64 KiB.
import { randomBytesFast } from '../../src/engine/measure.js';
import type { Layout } from '../../src/rpc/messages.js';

const LAYERS = 32;
const LAYER_BYTES = 64 * 1024;
export const BLOCK_BYTES = LAYERS * LAYER_BYTES;

export interface HostBlocks {
  memory: Buffer;
  layout: Layout;
}

export function allocateHostBlocks(blockCount: number): HostBlocks {
  const memory = randomBytesFast(blockCount * BLOCK_BYTES);
  const segments = Array.from({ length: LAYERS }, (_, layer) => ({
    layer,
    allocation: 0,
    offsetBytes: layer * blockCount * LAYER_BYTES,
    blockStrideBytes: LAYER_BYTES,
    bytes: LAYER_BYTES,
  }));
  return { memory, layout: { allocations: [{ bytes: memory.length }], segments, blockCount } };
}
