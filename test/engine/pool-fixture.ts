// Pools on tmpfs for the tests of src/engine, and the packed words they speak.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Pool, type PoolOptions } from '../../src/engine/pool.js';

export const MIB = 1024 * 1024;
export const NO_PARENT = Buffer.alloc(0);

/** A pool in a folder of its own; closed and removed by `close`. */
export function makeTestPool(options: Partial<PoolOptions> = {}) {
  const dir = mkdtempSync('/dev/shm/pega-test-');
  const pool = Pool.create({ poolDir: dir, poolBytes: 64 * MIB, fillThreads: 1, ...options });
  const close = () => {
    pool.close();
    rmSync(dir, { recursive: true, force: true });
  };
  return { pool, dir, close };
}

/** The same, with its slabs ready. */
export async function openTestPool(options: Partial<PoolOptions> = {}) {
  const made = makeTestPool(options);
  try {
    await filled(made.pool);
  } catch (error) {
    made.close();
    throw error;
  }
  return made;
}

/** Resolves when every slab is ready; takes them with poll(). */
export async function filled(pool: Pool): Promise<void> {
  for (;;) {
    pool.poll();
    const { slabsReady, slabsTotal, error } = pool.fillProgress();
    if (error !== null) {
      throw new Error(`${error.code}: ${error.message}`);
    }
    if (slabsReady === slabsTotal && pool.stats().slabsReady === slabsTotal) {
      return;
    }
    await nextTurn();
  }
}

/** An engine of a new namespace. */
export function addEngine(pool: Pool, rankSlotBytes: number[], hashBytes = 16): number {
  return pool.addEngine(pool.openNamespace(randomBytes(32), hashBytes, rankSlotBytes));
}

/** A hash of hashBytes from a name: the same name, the same hash. */
export function hashOf(name: string, hashBytes = 16): Buffer {
  return createHash('sha256').update(name).digest().subarray(0, hashBytes);
}

export function hashesOf(names: string[], hashBytes = 16): Buffer {
  return Buffer.concat(names.map((name) => hashOf(name, hashBytes)));
}

/** `prefix0`, `prefix1`, …: the names of a chain's blocks. */
export function chain(prefix: string, length: number): string[] {
  return Array.from({ length }, (_, index) => `${prefix}${index}`);
}

export function packU32(words: number[]): Buffer {
  const packed = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) {
    packed.writeUInt32LE(word, index * 4);
  }
  return packed;
}

/** Of one block in Reserve's answer: its ranks' slots (8 bytes each) and generations (8 bytes each). */
export function grantAt(reserved: Buffer, block: number, ranks: number) {
  const cell = (rank: number, from: number, to: number) => {
    const start = (block * ranks + rank) * 16;
    return reserved.subarray(start + from, start + to);
  };
  const each = Array.from({ length: ranks }, (_, rank) => rank);
  return {
    slots: Buffer.concat(each.map((rank) => cell(rank, 0, 8))),
    generations: Buffer.concat(each.map((rank) => cell(rank, 8, 16))),
  };
}

/** Slots and generations of several blocks, in order. */
export function grantsAt(reserved: Buffer, blocks: number[], ranks: number) {
  const grants = blocks.map((block) => grantAt(reserved, block, ranks));
  return {
    slots: Buffer.concat(grants.map(({ slots }) => slots)),
    generations: Buffer.concat(grants.map(({ generations }) => generations)),
  };
}

/** Reserves and seals a whole chain, which must get all its slots. */
export async function storeChain(
  pool: Pool,
  engine: number,
  id: number,
  names: string[],
  ranks = 1,
): Promise<void> {
  const { outcomes, reserved } = await pool.reserve(engine, id, NO_PARENT, hashesOf(names));
  const granted = [...outcomes.keys()].filter((index) => outcomes[index] === 0);
  const { generations } = grantsAt(reserved, granted, ranks);
  await pool.seal(engine, id, packU32(granted), generations);
}
