// The reference worker's prefill against the machine's arithmetic peak: a slow prefill would flatter
// the warm figures of `pega bench ttft`.
import { availableParallelism } from 'node:os';
import { percentile } from '../../src/bench/statistics.js';
import { measureFmaPeak, measureSgemm } from '../../src/engine/measure.js';
import { ReferenceModel } from '../../src/engine/reference-model.js';
import { WORKER_DEFAULTS } from '../../src/reference/options.js';
import type { Figure } from './figures.js';

const { shape: SHAPE, chunkTokens: CHUNK_TOKENS } = WORKER_DEFAULTS;
const TOKENS = 2048;
const ROUNDS = 3;
const SGEMM_SIZE = 1024;
const PEAK_SECONDS = 1;

export async function measurePrefill(): Promise<Figure[]> {
  const threads = availableParallelism();
  const blockCount = TOKENS / SHAPE.blockTokens;
  const model = ReferenceModel.create({ shape: SHAPE, seed: 1, blockCount, threads });
  const rates: number[] = [];
  const fmaPeaks: number[] = [];
  const products: number[] = [];
  // In turns, so that a machine that slows down meanwhile slows all of them.
  for (let round = 0; round < ROUNDS; round += 1) {
    fmaPeaks.push(await measureFmaPeak(threads, PEAK_SECONDS));
    products.push(await measureSgemm(threads, SGEMM_SIZE, PEAK_SECONDS));
    rates.push(await prefill(model));
  }
  const rate = percentile(rates, 50);
  const fmaPeak = percentile(fmaPeaks, 50);
  const product = percentile(products, 50);
  return [
    {
      name: 'prefill of the reference worker',
      value: (100 * rate) / Math.max(fmaPeak, product),
      unit: '% of the peak',
      limit: { atLeast: 30 },
      note: `${(rate / 1e9).toFixed(1)} GFLOP/s, ${threads} threads, ${TOKENS} tokens by ${CHUNK_TOKENS}`,
    },
    { name: 'peak: fused multiply-adds in registers', value: fmaPeak / 1e9, unit: 'GFLOP/s' },
    {
      name: `peak: product of ${SGEMM_SIZE} × ${SGEMM_SIZE} matrices`,
      value: product / 1e9,
      unit: 'GFLOP/s',
    },
  ];
}

/** One prompt in chunks, as the worker computes it; FLOP/s. */
async function prefill(model: ReferenceModel): Promise<number> {
  const blockTable = Uint32Array.from({ length: TOKENS / SHAPE.blockTokens }, (_, block) => block);
  let flops = 0;
  const start = performance.now();
  for (let position = 0; position < TOKENS; position += CHUNK_TOKENS) {
    const tokens = Int32Array.from(
      { length: CHUNK_TOKENS },
      (_, index) => (7919 * (position + index)) % SHAPE.vocab,
    );
    await model.forward([
      { tokens, position, blockTable, sample: position + CHUNK_TOKENS === TOKENS },
    ]);
    for (let index = 0; index < CHUNK_TOKENS; index += 1) {
      flops += model.flopsAt(position + index);
    }
  }
  return flops / ((performance.now() - start) / 1000);
}
