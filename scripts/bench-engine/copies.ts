// Copies between blocks and slots of 2 MiB against the machine's own memcpy with as many threads, and
// against bare pwrite and pread of such pieces: the host device can't be faster than those (PROTOCOL §1).
import { availableParallelism } from 'node:os';
import { percentile } from '../../src/bench/statistics.js';
import { measureFileCopy, measureMemcpy } from '../../src/engine/measure.js';
import { startCopyingEngine } from './copying-engine.js';
import type { Figure } from './figures.js';
import { BLOCK_BYTES } from './host-blocks.js';
import { withServer } from './measured-server.js';
import { randomHashes, reserve } from './pool-member.js';

const BLOCKS = 128;
const ROUNDS = 9;
const ROUND_SECONDS = 0.1;

export async function measureCopies(): Promise<Figure[]> {
  return withServer({ poolBytes: 2 ** 30 }, async ({ client }) => {
    const engine = await startCopyingEngine(client, BLOCKS);
    const { slots } = await reserve(client, engine.scheduler, randomHashes(BLOCKS));
    const rates: Record<'store' | 'load-sync', number[]> = { store: [], 'load-sync': [] };
    const memcpyRates: number[] = [];
    const bareRates: Record<'store' | 'load-sync', number[]> = { store: [], 'load-sync': [] };
    const threads = availableParallelism();
    await engine.copy('store', slots);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const kind of ['store', 'load-sync'] as const) {
        const start = performance.now();
        await engine.copy(kind, slots);
        rates[kind].push((BLOCKS * BLOCK_BYTES) / ((performance.now() - start) / 1000));
        bareRates[kind].push(
          await measureFileCopy('/dev/shm', threads, BLOCK_BYTES, kind === 'store', ROUND_SECONDS),
        );
      }
      memcpyRates.push(await measureMemcpy(threads, BLOCK_BYTES, ROUND_SECONDS));
    }
    await engine.close();
    const memcpy = percentile(memcpyRates, 50);
    const against = (name: string, kind: 'store' | 'load-sync'): Figure => {
      const rate = percentile(rates[kind], 50);
      return {
        name,
        value: (100 * rate) / memcpy,
        unit: '% of memcpy',
        limit: { atLeast: 50 },
        note: `${(rate / 1e9).toFixed(1)} of ${(memcpy / 1e9).toFixed(1)} GB/s, ${threads} threads, ${BLOCKS} blocks a job`,
      };
    };
    const bare = (name: string, kind: 'store' | 'load-sync'): Figure => ({
      name,
      value: (100 * percentile(bareRates[kind], 50)) / memcpy,
      unit: '% of memcpy',
      note: `${(percentile(bareRates[kind], 50) / 1e9).toFixed(1)} GB/s`,
    });
    return [
      against('stores of 2 MiB slots', 'store'),
      bare('bare pwrite of 2 MiB', 'store'),
      against('loads of 2 MiB slots', 'load-sync'),
      bare('bare pread of 2 MiB', 'load-sync'),
    ];
  });
}
