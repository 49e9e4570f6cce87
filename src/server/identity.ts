// Identity → namespace: a digest over everything that keeps two engines' blocks apart, and the fields
// in which two identities differ.

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

/** A value that is undefined: that identity has no such field. */
export interface Difference {
  field: string;
  found: string | undefined;
  other: string | undefined;
}

/** Empty exactly when the two have one namespace. */
export function identityDifferences(found: Identity, other: Identity): Difference[] {
  const [a, b] = [valuesOf(found), valuesOf(other)];
  return [...new Set([...b.keys(), ...a.keys()])]
    .map((field) => ({ field, found: a.get(field), other: b.get(field) }))
    .filter((difference) => difference.found !== difference.other);
}

/** A key of `fields` may have the name of a number: the prefix keeps the two apart. */
function valuesOf(identity: Identity): Map<string, string> {
  return new Map([
    ...Object.entries(identity.fields),
    ['identity.block_tokens', String(identity.blockTokens)],
    ['identity.hash_bytes', String(identity.hashBytes)],
    ['identity.rank_count', String(identity.rankCount)],
    ['identity.rank_slot_bytes', identity.rankSlotBytes.join(', ')],
  ]);
}

/** `dtype is "a", the engine's first process said "b"`, or undefined where nothing differs. */
export function identityDifference(found: Identity, first: Identity): string | undefined {
  const [difference] = identityDifferences(found, first);
  return difference === undefined
    ? undefined
    : `${difference.field} is ${shown(difference.found)}, the engine's first process said ${shown(difference.other)}`;
}

/** Quoted, at most `charsMax` characters of it. */
export function shown(value: string | undefined, charsMax = Number.POSITIVE_INFINITY): string {
  if (value === undefined) {
    return 'missing';
  }
  return JSON.stringify(value.length > charsMax ? `${value.slice(0, charsMax - 1)}…` : value);
}
