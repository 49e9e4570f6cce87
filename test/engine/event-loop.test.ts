// Long calls give the event loop its turns: counted, not timed.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Pool } from '../../src/engine/pool.js';
import { LIMITS } from '../../src/limits.js';
import { addEngine, grantsAt, NO_PARENT, openTestPool, packU32 } from './pool-fixture.js';

const HASH_BYTES = 8;
const PAGE_BYTES = 4096;
const BATCHES = LIMITS.hashesPerCallMax / LIMITS.hashesPerBatch;

let open: Awaited<ReturnType<typeof openTestPool>>;
let pool: Pool;

beforeEach(async () => {
  open = await openTestPool();
  pool = open.pool;
});

afterEach(() => {
  open.close();
});

/** How often others had a turn while the call ran. */
async function turnsDuring<T>(call: () => Promise<T>): Promise<{ turns: number; value: T }> {
  let turns = 0;
  let counting: NodeJS.Immediate;
  const count = () => {
    turns += 1;
    counting = setImmediate(count);
  };
  counting = setImmediate(count);
  try {
    const value = await call();
    return { turns, value };
  } finally {
    clearImmediate(counting);
  }
}

test('131,072 hashes are looked up with a turn between the batches', async () => {
  const engine = addEngine(pool, [PAGE_BYTES], HASH_BYTES);
  const hashes = randomBytes(LIMITS.hashesPerCallMax * HASH_BYTES);
  const { turns, value } = await turnsDuring(() => pool.lookup(engine, hashes));
  expect(value.length).toBe(LIMITS.hashesPerCallMax);
  expect(turns).toBeGreaterThanOrEqual(BATCHES - 1);
});

test('one batch takes no turn', async () => {
  const engine = addEngine(pool, [PAGE_BYTES], HASH_BYTES);
  const hashes = randomBytes(LIMITS.hashesPerBatch * HASH_BYTES);
  expect((await turnsDuring(() => pool.lookup(engine, hashes))).turns).toBe(0);
  expect((await turnsDuring(() => pool.lease(engine, 1, hashes))).turns).toBe(0);
  expect((await turnsDuring(() => pool.release(engine, 1))).turns).toBe(0);
});

test('with many ranks a batch has fewer blocks: slots are the work', async () => {
  const ranks = 64;
  const engine = addEngine(pool, Array<number>(ranks).fill(PAGE_BYTES), HASH_BYTES);
  const count = 300; // one batch for one rank
  const hashes = randomBytes(count * HASH_BYTES);
  const stored = await turnsDuring(() => pool.reserve(engine, 1, NO_PARENT, hashes));
  expect(stored.turns).toBeGreaterThanOrEqual(2);
  expect(stored.value.outcomes.length).toBe(count);
  await pool.abandon(engine, 1);
  pool.checkInvariants();
});

test('a chain of many batches is one reservation and one lease, in turns throughout', async () => {
  const engine = addEngine(pool, [PAGE_BYTES], HASH_BYTES);
  const count = 3 * LIMITS.hashesPerBatch + 5;
  const hashes = randomBytes(count * HASH_BYTES);
  const indices = Array.from({ length: count }, (_, index) => index);

  const stored = await turnsDuring(() => pool.reserve(engine, 1, NO_PARENT, hashes));
  expect(stored.turns).toBeGreaterThanOrEqual(3);
  expect(stored.value.outcomes.every((outcome) => outcome === 0)).toBe(true);
  const { slots, generations } = grantsAt(stored.value.reserved, indices, 1);
  const sealed = await turnsDuring(() => pool.seal(engine, 1, packU32(indices), generations));
  expect(sealed.turns).toBeGreaterThanOrEqual(3);
  expect(sealed.value).toBe(count);

  const leased = await turnsDuring(() => pool.lease(engine, 2, hashes));
  expect(leased.turns).toBeGreaterThanOrEqual(3);
  expect(leased.value.hitBlocks).toBe(count);
  expect(leased.value.slots.equals(slots)).toBe(true);
  expect((await turnsDuring(() => pool.release(engine, 2))).turns).toBeGreaterThanOrEqual(3);
  pool.checkInvariants();
});

test('a lease that is released while it is granted leaves nothing pinned', async () => {
  const engine = addEngine(pool, [PAGE_BYTES], HASH_BYTES);
  const count = 2 * LIMITS.hashesPerBatch;
  const hashes = randomBytes(count * HASH_BYTES);
  const indices = Array.from({ length: count }, (_, index) => index);
  const { reserved } = await pool.reserve(engine, 1, NO_PARENT, hashes);
  await pool.seal(engine, 1, packU32(indices), grantsAt(reserved, indices, 1).generations);

  const lease = pool.lease(engine, 2, hashes);
  const release = pool.release(engine, 2);
  await expect(lease).rejects.toMatchObject({ code: 'PEGA_CANCELLED' });
  await release;
  expect(pool.stats()).toMatchObject({ leases: 0, blocksPinned: 0 });
  pool.checkInvariants();
});
