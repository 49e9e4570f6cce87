// Block hashes for tests: `count` of them, different for each seed, 16 bytes each.

import { createHash } from 'node:crypto';

export const HASH_BYTES = 16;

export function hashes(seed: string, count: number): Buffer {
  const parts = Array.from({ length: count }, (_, index) =>
    createHash('sha256').update(`${seed}:${index}`).digest().subarray(0, HASH_BYTES),
  );
  return Buffer.concat(parts);
}
