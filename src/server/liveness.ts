// Ends what dead engines held. Proof of life are the locks in hold files, nothing else (PROTOCOL §2):
// a closed session only says when to look, and no clock ends anything of a living process.
//
//   all locks of an engine free → its leases end at once
//                      + 500 ms → its stores end (DMA may outlast a lock)
//                    and then   → its hold file is removed, and the engine forgotten
//
// A dead rank of several ends nothing: the others may still read what the engine holds.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../engine/pool.js';
import type { Logger } from '../log.js';
import type { EngineEntry } from './engine-entry.js';
import type { HoldFiles } from './hold-files.js';
import type { Registry } from './registry.js';

const LOOK_EVERY_MS = 100;
const STORES_END_AFTER_MS = 500;
const PROVE_WITHIN_MS = 30_000;

export interface Liveness {
  /** Looks at all locks now: a session was closed. */
  look(): void;
  stop(): void;
}

export interface LivenessOptions {
  pool: Pool;
  registry: Registry;
  holdFiles: HoldFiles;
  log: Logger;
  /** Of a registered engine; 30 s but in tests. */
  proveWithinMs?: number;
}

export function watchLiveness(options: LivenessOptions): Liveness {
  const look = (): void => {
    for (const entry of [...options.registry.engines()]) {
      try {
        lookAt(entry, options);
      } catch (failure) {
        // One engine's file must not end the server; the next look tries again.
        options.log.error({ engine: entry.key, err: failure }, 'the locks could not be looked at');
      }
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return { look, stop: () => clearInterval(timer) };
}

function lookAt(entry: EngineEntry, options: LivenessOptions): void {
  if (entry.phase === 'alive' && entry.view?.anyAlive() === false) {
    entry.phase = 'dying';
    end(entry, options).catch((failure: unknown) =>
      options.log.error({ engine: entry.key, err: failure }, 'a dead engine could not be ended'),
    );
  } else if (
    entry.phase === 'registered' &&
    performance.now() - entry.registeredAtMs > (options.proveWithinMs ?? PROVE_WITHIN_MS)
  ) {
    forgetUnproved(entry, options);
  }
}

async function end(entry: EngineEntry, { pool, registry, log }: LivenessOptions): Promise<void> {
  log.info({ engine: entry.key }, 'all processes of the engine are dead: its leases end');
  const storesEnd = sleep(STORES_END_AFTER_MS, undefined, { ref: false });
  if (entry.handle !== undefined) {
    await pool.endLeases(entry.handle);
    await storesEnd;
    await pool.endStores(entry.handle);
  }
  await storesEnd;
  // A process that joined late keeps the file; it learns from its next call that it must start anew.
  while (entry.view?.removeIfDead() === false) {
    await sleep(LOOK_EVERY_MS, undefined, { ref: false });
  }
  registry.forget(entry);
  log.info({ engine: entry.key }, 'the engine is forgotten');
}

/** Registered, but no Session proved it: kept only while one of its locks is held. */
function forgetUnproved(entry: EngineEntry, { registry, holdFiles, log }: LivenessOptions): void {
  entry.view ??= holdFiles.tryOpen(entry.engineId, entry.identity.rankCount);
  if (entry.view?.removeIfDead() === false) {
    entry.registeredAtMs = performance.now();
    return;
  }
  registry.forget(entry);
  log.info({ engine: entry.key }, 'the engine registered and proved nothing in time: forgotten');
}
