// The round trip through slabs with this process's own memory instead of a GPU's: what a worker of a CPU
// engine does. native/gauge/slab_round_trip.h is the same for a GPU.
import type { EngineMemory } from '../engine/engine-memory.js';
import { type JobKind, TransferEngine } from '../engine/transfer.js';

export interface RoundTripOptions {
  layers: number;
  layerBytes: number;
  /** 8 bytes each. */
  sources: Buffer;
  targets: Buffer;
  seconds: number;
}

const SLOT_WORD_BYTES = 8;

export async function measureHostRoundTrip(memory: EngineMemory, options: RoundTripOptions) {
  const { layers, layerBytes, sources, targets, seconds } = options;
  const blockCount = sources.length / SLOT_WORD_BYTES;
  const tensors = Array.from({ length: layers }, () => Buffer.alloc(layerBytes * blockCount));
  const engine = TransferEngine.create({
    memory,
    allocations: tensors,
    segments: tensors.map((_, layer) => ({
      ...{ layer, allocation: layer, offsetBytes: 0 },
      ...{ blockStrideBytes: layerBytes, bytes: layerBytes },
    })),
    blockCount,
  });
  // Backwards: no block lies where its neighbour in the slab would have it.
  const blocks = Uint32Array.from({ length: blockCount }, (_, index) => blockCount - 1 - index);
  const bytes = layers * layerBytes * blockCount;
  try {
    const rate = async (kind: JobKind, slots: Buffer) => {
      const startMs = performance.now();
      let rounds = 0;
      let tookSeconds = 0;
      for (; rounds === 0 || tookSeconds < seconds; rounds += 1) {
        await engine.submit(kind, blocks, slots).done();
        tookSeconds = (performance.now() - startMs) / 1000;
      }
      return (bytes * rounds) / tookSeconds;
    };
    const loadBytesPerSecond = await rate('load-sync', sources);
    return { bytes, loadBytesPerSecond, storeBytesPerSecond: await rate('store', targets) };
  } finally {
    await engine.close();
  }
}
