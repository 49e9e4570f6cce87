// What the server does when nobody asks: takes filled slabs, goes on with clean-up, looks whether slab
// files are still what they were, and removes hold files of former pools' engines once those are dead.

import type { Pool } from '../engine/pool.js';
import type { Logger } from '../log.js';
import type { HoldFiles } from './hold-files.js';

const POLL_EVERY_MS = 100;
const CHECK_EVERY_MS = 1000;
/** Slab files looked at each time: two system calls each. */
const SLABS_PER_CHECK = 8;

export interface Housekeeping {
  stop(): void;
}

export function keepHouse(pool: Pool, holdFiles: HoldFiles, log: Logger): Housekeeping {
  let formerLeft = true;
  const checkSlabs = (): void => {
    const retired = pool.checkSlabs(SLABS_PER_CHECK);
    if (retired.length > 0) {
      log.error(
        { code: 'PEGA_SLAB_CHANGED', ordinals: retired },
        'slab files were changed from outside: they are retired, their blocks are misses now',
      );
    }
  };
  const check = (): void => {
    try {
      checkSlabs();
      if (formerLeft) {
        formerLeft = !holdFiles.removeFormer();
      }
    } catch (failure) {
      log.error({ err: failure }, 'a check of the pool folder failed; it is tried again');
    }
  };
  const timers = [
    setInterval(() => pool.poll(), POLL_EVERY_MS),
    setInterval(check, CHECK_EVERY_MS),
  ];
  return {
    stop: () => {
      for (const timer of timers) {
        clearInterval(timer);
      }
    },
  };
}
