// Blocks through real slabs: random layouts, groups, misses, and the life of jobs and engines.
import { randomBytes } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { EngineMemory } from '../../src/engine/engine-memory.js';
import { randomBytesFast } from '../../src/engine/measure.js';
import type { Pool } from '../../src/engine/pool.js';
import { TransferEngine, type TransferOptions } from '../../src/engine/transfer.js';
import { addEngine, grantsAt, hashesOf, NO_PARENT, openTestPool } from './pool-fixture.js';

let open: Awaited<ReturnType<typeof openTestPool>>;
let pool: Pool;
let memory: EngineMemory;
let reservations = 0;

beforeEach(async () => {
  open = await openTestPool();
  pool = open.pool;
  const { folder, poolId, slabBytes, ordinalCapacity, bootNumber } = pool;
  memory = EngineMemory.open({
    ...{ folder, poolId, slabBytes, ordinalCapacity, bootNumber, record: 1, rankCount: 1 },
    ...{ engineId: randomBytes(16), nonce: randomBytes(16) },
  });
});

afterEach(() => {
  memory.close();
  open.close();
});

/** Slots for `count` blocks of this size, in a namespace of their own. */
async function slotsFor(slotBytes: number, count: number): Promise<Buffer> {
  reservations += 1;
  const engine = addEngine(pool, [slotBytes]);
  const names = Array.from({ length: count }, (_, index) => `${reservations}/${index}`);
  const { outcomes, reserved } = await pool.reserve(engine, 1, NO_PARENT, hashesOf(names));
  expect([...outcomes]).toEqual(names.map(() => 0));
  const { slots } = grantsAt(reserved, [...names.keys()], 1);
  await pool.endLeases(engine);
  await pool.endStores(engine);
  return slots;
}

/** Layers of segments of these sizes, one allocation a layer, `gap` bytes between blocks. */
function layoutOf(layers: number[][], blockCount: number, gap: number) {
  const allocations = layers.map((segments) => {
    const stride = segments.reduce((sum, bytes) => sum + bytes + gap, 0);
    return randomBytesFast(stride * blockCount);
  });
  const segments: TransferOptions['segments'] = layers.flatMap((sizes, layer) => {
    const blockStrideBytes = sizes.reduce((sum, bytes) => sum + bytes + gap, 0);
    let offsetBytes = 0;
    return sizes.map((bytes) => {
      const segment = { layer, allocation: layer, offsetBytes, blockStrideBytes, bytes };
      offsetBytes += bytes + gap;
      return segment;
    });
  });
  return { allocations, segments, blockCount };
}

type Layout = ReturnType<typeof layoutOf>;

/** The bytes of one block in slot order. */
function blockBytes({ allocations, segments }: Layout, block: number): Buffer {
  return Buffer.concat(
    segments.map(({ allocation, offsetBytes, blockStrideBytes, bytes }) => {
      const start = offsetBytes + block * blockStrideBytes;
      return (allocations[allocation] ?? Buffer.alloc(0)).subarray(start, start + bytes);
    }),
  );
}

const simple = (blockCount: number, layers = 2) =>
  layoutOf(
    Array.from({ length: layers }, () => [65536]),
    blockCount,
    0,
  );

test('what was stored comes back in other blocks, whatever the layout', async () => {
  const random = fc.record({
    layers: fc.array(fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 5,
    }),
    blockCount: fc.integer({ min: 2, max: 12 }),
    gap: fc.integer({ min: 0, max: 300 }),
    groups: fc.nat({ max: 31 }),
    sync: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(random, async ({ layers, blockCount, gap, groups, sync }) => {
      const layout = layoutOf(layers, blockCount, gap);
      const engine = TransferEngine.create({ memory, threads: 2, ...layout });
      try {
        expect(engine.layerCount).toBe(layers.length);
        const count = Math.floor(blockCount / 2);
        const from = Uint32Array.from({ length: count }, (_, index) => index);
        const to = from.map((block) => blockCount - 1 - block);
        const slots = await slotsFor(engine.slotBytes, count);
        const stored = [...from].map((block) => Buffer.from(blockBytes(layout, block)));
        const others = layout.allocations.map((allocation) => Buffer.from(allocation));

        await engine.submit('store', from, slots).done();
        const inner = layers.map((_, layer) => layer).filter((layer) => layer > 0);
        const ends = [...inner.filter((layer) => (groups >> layer) & 1), layers.length];
        const job = engine.submit(sync ? 'load-sync' : 'load-async', to, slots, ends);
        expect(job.groups).toBe(ends.length);
        await Promise.all(ends.map((_, group) => job.group(group)));
        await job.done();

        for (const [index, block] of [...to].entries()) {
          expect(blockBytes(layout, block).equals(stored[index] ?? NO_PARENT)).toBe(true);
        }
        // Nothing else was touched: the gaps and the other blocks are as before.
        for (const [index, block] of [...to].entries()) {
          writeBlock({ ...layout, allocations: others }, block, stored[index] ?? NO_PARENT);
        }
        const same = layout.allocations.map((bytes, index) => others[index]?.equals(bytes));
        expect(same).toEqual(layers.map(() => true));
      } finally {
        await engine.close();
      }
    }),
    { numRuns: 60 },
  );
});

function writeBlock(layout: Layout, block: number, bytes: Buffer): void {
  let done = 0;
  for (const segment of layout.segments) {
    const start = segment.offsetBytes + block * segment.blockStrideBytes;
    const target = layout.allocations[segment.allocation] ?? NO_PARENT;
    done += bytes.copy(target, start, done, done + segment.bytes);
  }
}

test('groups may be asked for late, twice, or not at all', async () => {
  const engine = TransferEngine.create({ memory, ...simple(4) });
  const slots = await slotsFor(engine.slotBytes, 2);
  await engine.submit('store', new Uint32Array([0, 1]), slots).done();
  const job = engine.submit('load-sync', new Uint32Array([2, 3]), slots, [1, 2]);
  await job.done();
  await Promise.all([job.group(0), job.group(0), job.group(1), job.done()]);
  await expect(job.group(2)).rejects.toMatchObject({ code: 'PEGA_INVALID_ARGUMENT' });
  engine.submit('load-async', new Uint32Array([2, 3]), slots);
  await engine.close();
});

test('jobs that close() overtakes end, each well or cancelled', async () => {
  const engine = TransferEngine.create({ memory, threads: 1, ...simple(64) });
  const slots = await slotsFor(engine.slotBytes, 64);
  const blocks = Uint32Array.from({ length: 64 }, (_, index) => index);
  const jobs = Array.from({ length: 20 }, () => engine.submit('store', blocks, slots));
  const ends = jobs.map((job) => job.done().then(() => 'done', codeOf));
  await engine.close();
  for (const end of await Promise.all(ends)) {
    expect(['done', 'PEGA_CANCELLED']).toContain(end);
  }
  expect(() => engine.submit('store', blocks, slots)).toThrow(
    expect.objectContaining({ code: 'PEGA_CANCELLED' }),
  );
});

test('a slot that is nowhere, and a slab that was truncated, fail their job alone', async () => {
  const engine = TransferEngine.create({ memory, ...simple(2) });
  const good = await slotsFor(engine.slotBytes, 1);
  const nowhere = Buffer.from(good);
  nowhere.writeUInt32LE(4000, 0);
  await engine.submit('store', new Uint32Array([0]), good).done();
  await expect(
    engine.submit('load-sync', new Uint32Array([1]), nowhere, [1, 2]).group(0),
  ).rejects.toMatchObject({ code: 'PEGA_NOT_FOUND' });
  await engine.submit('load-sync', new Uint32Array([1]), good).done();

  for (const name of await readdir(pool.folder.slabPath)) {
    if (name.startsWith('slab-')) {
      truncateSync(`${pool.folder.slabPath}/${name}`, 0);
    }
  }
  await expect(engine.submit('load-sync', new Uint32Array([1]), good).done()).rejects.toMatchObject(
    { code: 'PEGA_SLAB_CHANGED' },
  );
  expect(engine.stats()).toMatchObject({ failedJobsTotal: 2, jobsNow: 0 });
  await engine.close();
});

test('the memory stays while an engine is open on it', async () => {
  const engine = TransferEngine.create({ memory, ...simple(2) });
  expect(() => memory.close()).toThrow(expect.objectContaining({ code: 'PEGA_INVALID_ARGUMENT' }));
  await engine.close();
});

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
