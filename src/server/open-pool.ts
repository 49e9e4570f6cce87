// Starts the pool: refuses one that the machine has no room for before a byte is touched, and waits
// for the engines of a former pool to unmap it.
//
// Order: look (a former pool's slabs count as room to come) → take the folder's lock, clear the former
// pool → look again, for up to 2 s → fill. Only the first look leaves a former pool as it was.

import type { ServeConfig } from '../config/serve-config.js';
import { Pool, type PoolOptions } from '../engine/pool.js';
import { PegaError, toPegaError } from '../errors.js';
import { refuseIfStillTooLarge, refuseIfTooLarge } from '../host/host-memory.js';
import { formerSlabBytes, poolFolderIn } from './former-pool.js';
import { chooseHugePages } from './huge-pages.js';
import { chooseNumaNodes } from './numa-nodes.js';

const FOLDER_WAY = 'name another folder with --pool-dir or --slab-dir, /dev/shm for one';
const NUMA_WAY = 'leave --numa-node to auto, or allow the call (Docker: --cap-add SYS_NICE)';

export async function openPool(config: ServeConfig): Promise<Pool> {
  const dir = config.slabDir ?? config.poolDir;
  const former = formerSlabBytes(poolFolderIn(dir));
  refuseIfTooLarge(Math.max(0, config.poolBytes - former), dir);
  const memory = {
    hugePages: chooseHugePages(config.hugePages, dir),
    numaNodes: chooseNumaNodes(config),
    numaRequired: typeof config.numaNode === 'number',
  };
  const pool = createPool(config, memory);
  try {
    await refuseIfStillTooLarge(config.poolBytes, dir);
    pool.startFilling();
  } catch (failure) {
    pool.close();
    throw failure;
  }
  return pool;
}

type Memory = Required<Pick<PoolOptions, 'hugePages' | 'numaNodes' | 'numaRequired'>>;

function createPool(config: ServeConfig, memory: Memory): Pool {
  const { poolDir, slabDir, group, poolBytes } = config;
  try {
    return Pool.create({
      poolDir,
      slabDir: slabDir ?? '',
      group: group ?? '',
      poolBytes,
      deferFill: true,
      ...memory,
    });
  } catch (thrown) {
    const { code, message } = toPegaError(thrown);
    if (code !== 'PEGA_UNSUPPORTED') {
      throw thrown;
    }
    throw new PegaError(code, message, {
      suggestions: [message.startsWith('mbind') ? NUMA_WAY : FOLDER_WAY],
      cause: thrown,
    });
  }
}
