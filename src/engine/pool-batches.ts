// Lease and reserve over many batches. Each is one operation under one id: when a batch fails after
// others went well, what they took is given back.
import { PegaError, toPegaError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { NativePool } from './binding-types.js';
import { inBatches, untilDone } from './native-call.js';

/** Slots, of all ranks, that one native call works on: a few hundred microseconds. */
const SLOTS_PER_BATCH = 8192;

/** Blocks for one native call: each costs work for the slot of each rank. */
export function blocksPerBatch(rankCount: number): number {
  return Math.max(1, Math.min(LIMITS.hashesPerBatch, Math.floor(SLOTS_PER_BATCH / rankCount)));
}

interface Chain {
  engine: number;
  id: bigint;
  hashes: Uint8Array;
  hashBytes: number;
  count: number;
  /** Blocks a native call. */
  batch: number;
}

/** Most calls are one batch: no copy then. */
export function joinParts(parts: Buffer[]): Buffer {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

export async function leaseInBatches(
  pool: NativePool,
  { engine, id, hashes, hashBytes, count, batch }: Chain,
): Promise<{ hitBlocks: number; slots: Buffer }> {
  const parts: Buffer[] = [];
  let hitBlocks = 0;
  let begun = false;
  const step = (start: number, end: number): boolean => {
    const cut = hashes.subarray(start * hashBytes, end * hashBytes);
    const answer = pool.lease(engine, id, start === 0, cut);
    begun = true;
    hitBlocks += answer.hitBlocks;
    parts.push(answer.slots);
    return answer.hitBlocks === end - start;
  };
  try {
    await inBatches(count, batch, step);
  } catch (thrown) {
    throw await givenBack(thrown, begun, () => pool.release(engine, id, batch));
  }
  return { hitBlocks, slots: joinParts(parts) };
}

export async function reserveInBatches(
  pool: NativePool,
  { engine, id, parentHash, hashes, hashBytes, count, batch }: Chain & { parentHash: Uint8Array },
): Promise<{ outcomes: Buffer; reserved: Buffer }> {
  const outcomes: Buffer[] = [];
  const reserved: Buffer[] = [];
  let begun = false;
  const step = (start: number, end: number): boolean => {
    const parent =
      start === 0 ? parentHash : hashes.subarray((start - 1) * hashBytes, start * hashBytes);
    const cut = hashes.subarray(start * hashBytes, end * hashBytes);
    const answer = pool.reserve(engine, id, start === 0, parent, cut);
    begun = true;
    outcomes.push(answer.outcomes);
    reserved.push(answer.reserved);
    return true;
  };
  try {
    await inBatches(count, batch, step);
  } catch (thrown) {
    throw await givenBack(thrown, begun, () => pool.abandonAll(engine, id, batch));
  }
  return { outcomes: joinParts(outcomes), reserved: joinParts(reserved) };
}

/** Gives back what earlier batches took, then the error to throw. */
async function givenBack(
  thrown: unknown,
  begun: boolean,
  giveBack: () => boolean,
): Promise<PegaError> {
  const error = toPegaError(thrown);
  if (!begun) {
    return error;
  }
  if (error.code === 'PEGA_NOT_FOUND') {
    return new PegaError('PEGA_CANCELLED', 'it was ended between two batches of the call', {
      cause: error,
    });
  }
  try {
    await untilDone(giveBack);
  } catch (again) {
    // The engine or the pool was ended meanwhile, and with it all that the call took.
    error.cause ??= again;
  }
  return error;
}
