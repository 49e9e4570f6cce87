// The hold files of this pool's engines, as the server opens them; and those of former pools, which
// are removed once their engines are dead.

import { HoldView, removeDeadHoldFile } from '../engine/hold-view.js';
import type { Pool } from '../engine/pool.js';
import { PAGE_BYTES } from '../limits.js';
import { formerHoldFiles } from './former-pool.js';

export interface HoldFiles {
  /** PEGA_NOT_SAME_HOST where the engine made no such file in this pool's folder. */
  open(engineId: Buffer, rankCount: number): HoldView;
  tryOpen(engineId: Buffer, rankCount: number): HoldView | undefined;
  /** Of engines that a former server's pool had; true when none is left. */
  removeFormer(): boolean;
}

export function holdFilesOf(pool: Pool): HoldFiles {
  const pageCount = pool.ordinalCapacity * (pool.slabBytes / PAGE_BYTES);
  const open = (engineId: Buffer, rankCount: number): HoldView =>
    HoldView.open(pool.folder, pool.poolId, engineId, rankCount, pageCount);
  let former = formerHoldFiles(pool.folder.path, pool.poolId);
  return {
    open,
    tryOpen: (engineId, rankCount) => {
      try {
        return open(engineId, rankCount);
      } catch {
        return undefined; // it never made the file
      }
    },
    removeFormer: () => {
      former = former.filter((path) => !removeDeadHoldFile(path));
      return former.length === 0;
    },
  };
}
