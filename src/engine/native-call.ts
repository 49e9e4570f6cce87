// Every call into the addon goes through here: native errors become PegaErrors, and long calls are
// cut into batches with a turn of the event loop between them.
import { setImmediate as nextTurn } from 'node:timers/promises';

import { toPegaError } from '../errors.js';

/** Runs a native call; what it throws becomes a PegaError. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw toPegaError(thrown);
  }
}

/** The same for a native call that returns a promise. */
export async function awaitNative<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw toPegaError(thrown);
  }
}

/** Repeats a call that works within a budget until it says that it is done. */
export async function untilDone(step: () => boolean): Promise<void> {
  while (!callNative(step)) {
    await nextTurn();
  }
}

/**
 * Calls `step` for each batch [start, end) of `count`, at least once, with a turn of the event loop
 * between two. `step` may end it early by returning false.
 */
export async function inBatches(
  count: number,
  batch: number,
  step: (start: number, end: number) => boolean,
): Promise<void> {
  for (let start = 0; ; start += batch) {
    const end = Math.min(start + batch, count);
    const goOn = callNative(() => step(start, end));
    if (!goOn || end >= count) {
      return;
    }
    await nextTurn();
  }
}
