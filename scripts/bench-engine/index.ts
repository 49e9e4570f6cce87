// The block index with 4 Mi blocks in it: pega_index_bench (native/bench), without JavaScript.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { packageRoot } from '../../src/package.js';
import type { Figure } from './figures.js';

const TIMEOUT_MS = 120_000;

const RESULT = z.object({
  resident_blocks: z.number(),
  query_blocks_per_second: z.number(),
  reserve_seal_blocks_per_second: z.number(),
  index_bytes_per_block: z.number(),
  longest_call_cpu_us: z.object({ query: z.number(), reserve: z.number() }),
});

export async function measureIndex(): Promise<Figure[]> {
  const program = join(packageRoot(), 'build/release/bench/pega_index_bench');
  const { stdout } = await promisify(execFile)(program, { timeout: TIMEOUT_MS });
  const result = RESULT.parse(JSON.parse(stdout));
  const longest = (microseconds: number): string =>
    `longest call of 640 blocks ${microseconds.toFixed(0)} µs`;
  return [
    {
      name: 'index: query',
      value: result.query_blocks_per_second / 1e6,
      unit: 'M blocks/s',
      limit: { atLeast: 5.4 },
      note: `${longest(result.longest_call_cpu_us.query)}, ${result.resident_blocks} blocks resident`,
    },
    {
      name: 'index: reserve and seal, evicting',
      value: result.reserve_seal_blocks_per_second / 1e6,
      unit: 'M blocks/s',
      limit: { atLeast: 1 },
      note: longest(result.longest_call_cpu_us.reserve),
    },
    {
      name: 'index: memory',
      value: result.index_bytes_per_block,
      unit: 'bytes a block',
      limit: { atMost: 200 },
      note: 'with the owners of slots and the counts of one engine',
    },
  ];
}
