// What Reserve was asked and what it granted, block by block. No calls and no state: stores.ts has both.
import { RESERVED_BYTES_ON_WIRE, SLOT_BYTES_ON_WIRE } from '../limits.js';
import type { BlockHash } from './block-hash.js';
import type { Connection } from './connection.js';
import type { Request } from './request.js';

const OUTCOME = { granted: 0, inFlight: 2 };

/** Blocks in a row of one chain. */
export interface Wish {
  request: Request;
  parent: BlockHash | undefined;
  hashes: readonly BlockHash[];
  attempt: number;
}

export interface Reservation {
  connection: Connection;
  id: number;
  /** Blocks that are neither sealed nor abandoned yet. */
  open: number;
}

export interface ReservedBlock {
  reservation: Reservation;
  request: Request;
  index: number;
  hash: BlockHash;
  slot: Buffer;
  generation: Buffer;
}

/** The blocks that others are writing, as wishes for another time. */
export function inFlightRuns(wish: Wish, outcomes: Buffer): Wish[] {
  const { request, parent, hashes, attempt } = wish;
  const runs: Wish[] = [];
  for (let first = 0; first < hashes.length; first += 1) {
    let end = first;
    while (outcomes[end] === OUTCOME.inFlight) {
      end += 1;
    }
    if (end > first) {
      runs.push({
        request,
        parent: first > 0 ? hashes[first - 1] : parent,
        hashes: hashes.slice(first, end),
        attempt: attempt + 1,
      });
      first = end;
    }
  }
  return runs;
}

export function grantedBlocks(
  reservation: Reservation,
  request: Request,
  hashes: readonly BlockHash[],
  answer: { outcomes: Buffer; reserved: Buffer },
): ReservedBlock[] {
  return hashes.flatMap((hash, index) => {
    if (answer.outcomes[index] !== OUTCOME.granted) {
      return [];
    }
    const at = index * RESERVED_BYTES_ON_WIRE;
    const slot = answer.reserved.subarray(at, at + SLOT_BYTES_ON_WIRE);
    const generation = answer.reserved.subarray(
      at + SLOT_BYTES_ON_WIRE,
      at + RESERVED_BYTES_ON_WIRE,
    );
    return [{ reservation, request, index, hash, slot, generation }];
  });
}

export function slotsOf(blocks: readonly ReservedBlock[]): Buffer {
  return Buffer.concat(blocks.map(({ slot }) => slot));
}

export function keyOf(hash: BlockHash): string {
  return hash.toString('latin1');
}
