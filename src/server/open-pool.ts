// Starts the pool: refuses one that the machine has no room for before a byte is touched, and waits
// for the engines of a former pool to unmap it.
//
// Order: look (a former pool's slabs count as room to come) → take the folder's lock, clear the former
// pool → look again, for up to 2 s → fill. Only the first look leaves a former pool as it was.

import type { ServeConfig } from '../config/serve-config.js';
import { Pool } from '../engine/pool.js';
import { PegaError, toPegaError } from '../errors.js';
import { refuseIfStillTooLarge, refuseIfTooLarge } from '../host/host-memory.js';
import { formerSlabBytes, poolFolderIn } from './former-pool.js';

export async function openPool(config: ServeConfig): Promise<Pool> {
  const dir = config.slabDir ?? config.poolDir;
  const former = formerSlabBytes(poolFolderIn(dir));
  refuseIfTooLarge(Math.max(0, config.poolBytes - former), dir);
  const pool = createPool(config);
  try {
    await refuseIfStillTooLarge(config.poolBytes, dir);
    pool.startFilling();
  } catch (failure) {
    pool.close();
    throw failure;
  }
  return pool;
}

function createPool({ poolDir, slabDir, group, poolBytes }: ServeConfig): Pool {
  try {
    return Pool.create({
      poolDir,
      slabDir: slabDir ?? '',
      group: group ?? '',
      poolBytes,
      deferFill: true,
    });
  } catch (thrown) {
    const { code, message } = toPegaError(thrown);
    if (code !== 'PEGA_UNSUPPORTED') {
      throw thrown;
    }
    throw new PegaError(code, message, {
      suggestions: ['name another folder with --pool-dir or --slab-dir, /dev/shm for one'],
      cause: thrown,
    });
  }
}
