// Identity → namespace: a digest over everything that keeps two engines' blocks apart, and the
// sentence that says which field differs.

import { createHash } from 'node:crypto';
import type { Identity } from '../rpc/messages.js';

/** 32 bytes. Equal exactly when all fields are: JSON of sorted fields is the canonical form. */
export function namespaceDigest(identity: Identity): Buffer {
  const fields = Object.entries(identity.fields).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify([
    'pega.v1.Identity',
    identity.blockTokens,
    identity.hashBytes,
    identity.rankCount,
    identity.rankSlotBytes,
    fields,
  ]);
  return createHash('sha256').update(canonical).digest();
}

/** "block_tokens is 32, the engine's first process said 16", or undefined where nothing differs. */
export function identityDifference(found: Identity, first: Identity): string | undefined {
  const says = (name: string, a: unknown, b: unknown): string =>
    `${name} is ${shown(a)}, the engine's first process said ${shown(b)}`;
  for (const key of [...new Set([...Object.keys(first.fields), ...Object.keys(found.fields)])]) {
    if (found.fields[key] !== first.fields[key]) {
      return says(`identity field "${key}"`, found.fields[key], first.fields[key]);
    }
  }
  const numbers = [
    ['block_tokens', found.blockTokens, first.blockTokens],
    ['hash_bytes', found.hashBytes, first.hashBytes],
    ['rank_count', found.rankCount, first.rankCount],
    ['rank_slot_bytes', found.rankSlotBytes.join(', '), first.rankSlotBytes.join(', ')],
  ] as const;
  const different = numbers.find(([, a, b]) => a !== b);
  return different === undefined
    ? undefined
    : says(`identity.${different[0]}`, different[1], different[2]);
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
