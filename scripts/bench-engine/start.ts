// How long from the start of `pega serve` until its first slab can be used.
import { freemem } from 'node:os';
import { percentile } from '../../src/bench/statistics.js';
import { formatBytes } from '../../src/units.js';
import type { Figure } from './figures.js';
import { withServer } from './measured-server.js';

const DEFAULT_POOL_BYTES = 30 * 2 ** 30;
const STARTS = 3;

export async function measureStart(): Promise<Figure[]> {
  // Slabs are 1/32 of the pool: the larger the pool, the later the first one is full.
  const poolBytes = Math.min(DEFAULT_POOL_BYTES, Math.floor(freemem() / 3));
  const times: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    times.push(await withServer({ poolBytes }, async ({ readyMs }) => readyMs));
  }
  return [
    {
      name: 'first slab usable, from the start of the process',
      value: percentile(times, 50) / 1000,
      unit: 's',
      limit: { atMost: 1 },
      note: `median of ${STARTS} starts, pool of ${formatBytes(poolBytes)}`,
    },
  ];
}
