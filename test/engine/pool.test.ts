// The pool through the addon: the way of a block, and every answer that the contract defines.
import { existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Pool } from '../../src/engine/pool.js';
import { LIMITS } from '../../src/limits.js';
import {
  addEngine,
  chain,
  filled,
  grantsAt,
  hashesOf,
  hashOf,
  MIB,
  makeTestPool,
  NO_PARENT,
  openTestPool,
  packU32,
  storeChain,
} from './pool-fixture.js';

let open: Awaited<ReturnType<typeof openTestPool>>;
let pool: Pool;

beforeEach(async () => {
  open = await openTestPool();
  pool = open.pool;
});

afterEach(() => {
  open.close();
});

test('a block is found once it is sealed, and leased with the slots that Reserve granted', async () => {
  const engine = addEngine(pool, [MIB, 2 * MIB]);
  const names = chain('a', 3);
  const { outcomes, reserved } = await pool.reserve(engine, 1, NO_PARENT, hashesOf(names));
  expect([...outcomes]).toEqual([0, 0, 0]);
  expect([...(await pool.lookup(engine, hashesOf(names)))]).toEqual([0, 0, 0]);

  const first = grantsAt(reserved, [0, 1], 2);
  expect(await pool.seal(engine, 1, packU32([0, 1]), first.generations)).toBe(2);
  expect([...(await pool.lookup(engine, hashesOf(names)))]).toEqual([1, 1, 0]);
  const lease = await pool.lease(engine, 2, hashesOf(names));
  expect(lease.hitBlocks).toBe(2);
  expect(lease.slots).toEqual(first.slots);
  expect(pool.stats()).toMatchObject({ blocksSealed: 2, blocksReserved: 1, blocksPinned: 2 });

  await pool.release(engine, 2);
  await pool.abandon(engine, 1);
  expect(pool.stats()).toMatchObject({ blocksReserved: 0, blocksPinned: 0, leases: 0 });
  pool.checkInvariants();
});

test('a lease takes at most blocksMax', async () => {
  const engine = addEngine(pool, [MIB]);
  await storeChain(pool, engine, 1, chain('a', 5));
  const lease = await pool.lease(engine, 2, hashesOf(chain('a', 5)), 3);
  expect(lease.hitBlocks).toBe(3);
  expect((await pool.lease(engine, 3, hashesOf(chain('a', 5)), 0)).hitBlocks).toBe(0);
});

test('Reserve answers sealed and in flight; a repeated Seal seals nothing more', async () => {
  const engine = addEngine(pool, [MIB]);
  const other = pool.addEngine(pool.engines()[0]?.namespace ?? -1);
  const names = chain('a', 2);
  const mine = await pool.reserve(engine, 1, NO_PARENT, hashesOf(names));
  const { generations } = grantsAt(mine.reserved, [0], 1);
  expect(await pool.seal(engine, 1, packU32([0]), generations)).toBe(1);
  expect(await pool.seal(engine, 1, packU32([0]), generations)).toBe(0);
  const theirs = await pool.reserve(other, 1, NO_PARENT, hashesOf(names));
  expect([...theirs.outcomes]).toEqual([1, 2]);
  expect(theirs.reserved.every((byte) => byte === 0)).toBe(true);
});

describe('ids', () => {
  test('are used once', async () => {
    const engine = addEngine(pool, [MIB]);
    await pool.lease(engine, 1, NO_PARENT);
    await expect(pool.lease(engine, 1, NO_PARENT)).rejects.toMatchObject({
      code: 'PEGA_ID_REUSED',
    });
    await expect(pool.reserve(engine, 1, NO_PARENT, NO_PARENT)).rejects.toMatchObject({
      code: 'PEGA_ID_REUSED',
    });
    await pool.release(engine, 1);
    await pool.release(engine, 1);
    await expect(pool.lease(engine, 1, NO_PARENT)).rejects.toMatchObject({
      code: 'PEGA_ID_REUSED',
    });
  });

  test('a Release or Abandon that comes first leaves a tombstone', async () => {
    const engine = addEngine(pool, [MIB]);
    await pool.release(engine, 7);
    await pool.abandon(engine, 8);
    expect(pool.stats().tombstones).toBe(2);
    await expect(pool.lease(engine, 7, hashOf('a'))).rejects.toMatchObject({
      code: 'PEGA_CANCELLED',
    });
    await expect(pool.reserve(engine, 8, NO_PARENT, hashOf('a'))).rejects.toMatchObject({
      code: 'PEGA_CANCELLED',
    });
    pool.raiseWatermark(engine, 9);
    expect(pool.stats().tombstones).toBe(0);
    await expect(pool.lease(engine, 7, hashOf('a'))).rejects.toMatchObject({
      code: 'PEGA_ID_REUSED',
    });
  });
});

test('a Seal of what was never reserved, was abandoned, or has another generation seals nothing', async () => {
  const engine = addEngine(pool, [MIB]);
  const { reserved } = await pool.reserve(engine, 1, NO_PARENT, hashesOf(chain('a', 2)));
  const right = grantsAt(reserved, [0, 1], 1).generations;
  const wrong = Buffer.from(right);
  wrong.writeBigUInt64LE(right.readBigUInt64LE(8) + 1n, 8);
  const notReserved = { code: 'PEGA_NOT_RESERVED' };
  await expect(pool.seal(engine, 1, packU32([0, 1]), wrong)).rejects.toMatchObject(notReserved);
  await expect(pool.seal(engine, 1, packU32([0, 2]), right)).rejects.toMatchObject(notReserved);
  await expect(pool.seal(engine, 9, packU32([0, 1]), right)).rejects.toMatchObject(notReserved);
  expect(pool.stats().sealedTotal).toBe(0);
  await pool.abandon(engine, 1, packU32([1]));
  await expect(pool.seal(engine, 1, packU32([0, 1]), right)).rejects.toMatchObject(notReserved);
  expect(await pool.seal(engine, 1, packU32([0]), right.subarray(0, 8))).toBe(1);
});

test('an engine holds at most half the pool', async () => {
  const engine = addEngine(pool, [4 * MIB]);
  const { outcomes } = await pool.reserve(engine, 1, NO_PARENT, hashesOf(chain('a', 10)));
  expect([...outcomes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 3, 3]);
  expect(pool.stats().fullTotal).toBe(2);
  expect(pool.engines()[0]?.heldBytes).toBe(32 * MIB);
});

test('the coldest chain goes first, and of a chain its end', async () => {
  const engine = addEngine(pool, [4 * MIB]);
  await storeChain(pool, engine, 1, chain('old', 8));
  await storeChain(pool, engine, 2, chain('young', 8));
  await pool.lookup(engine, hashesOf(chain('young', 8)));
  await storeChain(pool, engine, 3, chain('new', 3));
  const found = await pool.lookup(engine, hashesOf(chain('old', 8)));
  expect([...found]).toEqual([1, 1, 1, 1, 1, 0, 0, 0]);
  expect([...(await pool.lookup(engine, hashesOf(chain('young', 8))))]).toEqual(Array(8).fill(1));
  pool.checkInvariants();
});

test('an engine that ended gives all back, in two steps', async () => {
  const engine = addEngine(pool, [MIB]);
  await storeChain(pool, engine, 1, chain('a', 3));
  await pool.lease(engine, 2, hashesOf(chain('a', 3)));
  await pool.reserve(engine, 3, hashOf('a2'), hashesOf(chain('b', 3)));
  await expect(pool.endStores(engine)).rejects.toMatchObject({ code: 'PEGA_INVALID_ARGUMENT' });
  await pool.endLeases(engine);
  await expect(pool.lookup(engine, hashOf('a0'))).rejects.toMatchObject({ code: 'PEGA_NOT_FOUND' });
  expect(pool.stats()).toMatchObject({ leases: 0, blocksPinned: 0, blocksReserved: 3 });
  await pool.endStores(engine);
  expect(pool.stats()).toMatchObject({ blocksReserved: 0, blocksSealed: 3, reservations: 0 });
  expect(pool.engines()).toEqual([]);
  pool.checkInvariants();
});

test('a namespace is found again by its digest, and refused with another shape', () => {
  const digest = Buffer.alloc(32, 5);
  const handle = pool.openNamespace(digest, 16, [MIB]);
  expect(pool.openNamespace(digest, 16, [MIB])).toBe(handle);
  expect(() => pool.openNamespace(digest, 32, [MIB])).toThrow(
    expect.objectContaining({ code: 'PEGA_ALREADY_EXISTS' }),
  );
  expect(pool.namespaces()).toMatchObject([{ handle, hashBytes: 16, rankSlotBytes: [MIB] }]);
});

test('nothing is filled before startFilling when that was asked for', async () => {
  const deferred = makeTestPool({ deferFill: true });
  try {
    deferred.pool.poll();
    expect(deferred.pool.fillProgress()).toMatchObject({ filledBytes: 0, slabsReady: 0 });
    deferred.pool.startFilling();
    await filled(deferred.pool);
    expect(deferred.pool.stats().slabsReady).toBe(4);
  } finally {
    deferred.close();
  }
});

test('close removes slabs and marks and keeps the header', () => {
  const files = () => readdirSync(pool.folder.path).filter((name) => /^(slab|marks)-/.test(name));
  expect(files()).toHaveLength(5);
  pool.close();
  pool.close();
  expect(files()).toEqual([]);
  expect(existsSync(`${pool.folder.path}/header`)).toBe(true);
});

test('what an engine leases is bounded, however often it leases the same block', async () => {
  const engine = addEngine(pool, [4096]);
  await storeChain(pool, engine, 1, ['block']);
  const hashes = Buffer.concat(Array(LIMITS.hashesPerCallMax).fill(hashOf('block')));
  const leases = 2 ** 23 / LIMITS.hashesPerCallMax;
  for (let id = 2; id < 2 + leases; id += 1) {
    expect((await pool.lease(engine, id, hashes)).hitBlocks).toBe(LIMITS.hashesPerCallMax);
  }
  expect((await pool.lease(engine, 1000, hashes)).hitBlocks).toBe(0);
  await pool.release(engine, 2);
  expect((await pool.lease(engine, 1001, hashes)).hitBlocks).toBe(LIMITS.hashesPerCallMax);
  pool.checkInvariants();
});
