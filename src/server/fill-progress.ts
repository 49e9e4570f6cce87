// Watches the pool fill: tells when the first slab is usable, shows progress on stderr, and says
// what went wrong when memory ran out.

import type { Pool } from '../engine/pool.js';
import { PegaError } from '../errors.js';
import type { Logger } from '../log.js';
import { withResolvers } from '../promises.js';
import { formatBytes } from '../units.js';

const POLL_EVERY_MS = 20;
const SHOW_EVERY_MS = 1000;

export interface Filling {
  /** The first slab is usable; rejects when there will be none. */
  readonly usable: Promise<void>;
  /** No more slabs come, whether all are there or not. */
  readonly over: Promise<void>;
  stop(): void;
}

export function watchFilling(pool: Pool, log: Logger, stderr: NodeJS.WriteStream): Filling {
  const usable = withResolvers<void>();
  const over = withResolvers<void>();
  usable.promise.catch(() => undefined); // a server that stops early awaits it no more
  let shownAtMs = performance.now();
  const finish = (): void => {
    clearInterval(timer);
    over.resolve();
  };
  const timer = setInterval(() => {
    pool.poll();
    const progress = pool.fillProgress();
    if (progress.slabsReady > 0) {
      usable.resolve();
    }
    if (progress.error !== null) {
      report(progress.error, progress, log);
      usable.reject(outOfMemory(progress));
      finish();
    } else if (progress.slabsReady >= progress.slabsTotal) {
      log.info({ bytes: progress.totalBytes }, `pool filled: ${formatBytes(progress.totalBytes)}`);
      finish();
    } else if (performance.now() - shownAtMs >= SHOW_EVERY_MS) {
      shownAtMs = performance.now();
      show(progress, log, stderr);
    }
  }, POLL_EVERY_MS);
  return { usable: usable.promise, over: over.promise, stop: finish };
}

type Progress = ReturnType<Pool['fillProgress']>;

/** People at a terminal read a sentence, everything else reads the log. */
function show(
  { filledBytes, totalBytes }: Progress,
  log: Logger,
  stderr: NodeJS.WriteStream,
): void {
  const percent = Math.floor((100 * filledBytes) / totalBytes);
  const sentence = `filling the pool: ${formatBytes(filledBytes)} of ${formatBytes(totalBytes)} (${percent} %)`;
  if (stderr.isTTY) {
    stderr.write(`${sentence}\n`);
  } else {
    log.info({ filledBytes, totalBytes }, sentence);
  }
}

function report(error: { code: string; message: string }, progress: Progress, log: Logger): void {
  log.error(
    { code: error.code, filledBytes: progress.filledBytes, slabsReady: progress.slabsReady },
    `the pool could not be filled: ${error.message}; it goes on with ${progress.slabsReady} of ${progress.slabsTotal} slabs`,
  );
}

function outOfMemory({ error, totalBytes }: Progress): PegaError {
  return new PegaError(
    'PEGA_NO_SPACE',
    `not one slab of the pool of ${formatBytes(totalBytes)} could be filled: ${error?.message ?? 'no reason given'}`,
  );
}
