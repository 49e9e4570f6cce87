// The last step of a stop: the pool's memory goes back, what takes too long after the server has ended.

import type { Pool } from '../engine/pool.js';
import type { Logger } from '../log.js';
import { removeInBackground } from '../process/remove-files.js';

/** Of the stop's 5 s calls in flight may take 3. */
const GIVE_BACK_MS = 1000;

export function closePool(pool: Pool, log: Logger): void {
  const left = pool.close(GIVE_BACK_MS);
  if (left.length > 0) {
    log.info({ slabs: left.length }, 'the rest of the memory goes back in the background');
    removeInBackground(left);
  }
}
