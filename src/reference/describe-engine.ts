// The worker as the server sees it: what its blocks mean (identity) and where they lie (layout).
import type { ReferenceModel } from '../engine/reference-model.js';
import type { EngineDescription } from './connection.js';
import type { WorkerOptions } from './options.js';

/** Also the seed of the block hashes: other seed, other namespace. */
export const HASH_SEED = 'pega-reference-1';
const HASH_BYTES = 32;

export function describeEngine(
  model: ReferenceModel,
  options: WorkerOptions,
  clientName: string,
): EngineDescription {
  const { shape, blocks } = options;
  const allocations = model.kv();
  const layerBytes = model.kvBlockBytes;
  return {
    identity: {
      fields: {
        engine: 'pega-reference',
        weights: model.weightsDigest,
        shape: Object.entries(shape)
          .map(([name, size]) => `${name}=${size}`)
          .join(' '),
        weights_epoch: '0',
        dtype: 'float32',
        kv_dtype: 'float32',
        layout: 'block, head, token, key-value',
        topology: 'tp=1 pp=1',
        hash_algorithm: 'sha256-chain-i32le',
        hash_seed: HASH_SEED,
      },
      blockTokens: shape.blockTokens,
      hashBytes: HASH_BYTES,
      rankCount: 1,
      rankSlotBytes: [layerBytes * shape.layers],
    },
    layout: {
      allocations: allocations.map(({ bytes }) => ({ bytes })),
      segments: allocations.map((_, layer) => ({
        layer,
        allocation: layer,
        offsetBytes: 0,
        blockStrideBytes: layerBytes,
        bytes: layerBytes,
      })),
      blockCount: blocks,
    },
    allocations,
    client: clientName,
    queryDeadlineMs: options.queryDeadlineMs,
    transferThreads: options.threads,
  };
}
