// A lease ends where its slots would not fit the answer. The pool is a stand-in here: real slots of so
// many blocks would need a pool of 4 GiB.

import { expect, it } from 'vitest';
import type { Pool } from '../../src/engine/pool.js';
import { LIMITS } from '../../src/limits.js';
import { query } from '../../src/server/calls/query.js';
import type { Registry } from '../../src/server/registry.js';

const RANKS = 64;
const HASH_BYTES = 8;
const SLOT_BYTES = 8;

it.each([
  [20_000, 0],
  [131_072, 0],
  [131_072, 100_000],
  [10, 3],
])('%d blocks, %d of them local', async (blocks, localHitBlocks) => {
  const pool = {
    lookup: async (_: number, hashes: Buffer) => Buffer.alloc(hashes.length / HASH_BYTES),
    lease: async (_: number, __: number, ___: Buffer, blocksMax: number) => ({
      hitBlocks: blocksMax,
      slots: Buffer.alloc(blocksMax * RANKS * SLOT_BYTES),
    }),
  } as unknown as Pool;
  const entry = { identity: { hashBytes: HASH_BYTES, rankCount: RANKS } };
  const registry = { authorize: () => ({ entry, handle: 1 }) } as unknown as Registry;
  const answer = await query(
    { pool, registry, bootNumber: 1 },
    { caller: null, leaseId: 1, hashes: Buffer.alloc(blocks * HASH_BYTES), localHitBlocks },
  );
  const packed = answer.sealedBefore.length + answer.slots.length;
  expect(packed).toBeLessThan(LIMITS.messageBytesMax);
  const couldHaveOneMore = packed + RANKS * SLOT_BYTES + 256 <= LIMITS.messageBytesMax;
  expect(answer.hitBlocks === blocks - localHitBlocks || !couldHaveOneMore).toBe(true);
});
