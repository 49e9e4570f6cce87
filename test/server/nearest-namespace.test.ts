// Which namespace is nearest, and the line that says so.

import { expect, it } from 'vitest';
import type { Identity } from '../../src/rpc/messages.js';
import { namespaceDigest } from '../../src/server/identity.js';
import { nearestNamespace, nearestWords } from '../../src/server/nearest-namespace.js';

const identity = (fields: Record<string, string>, changes: Partial<Identity> = {}): Identity => ({
  fields,
  blockTokens: 16,
  hashBytes: 32,
  rankCount: 1,
  rankSlotBytes: [4096],
  ...changes,
});

const OWN = identity({ weights: 'w', dtype: 'float32' });

it('is the one with the fewest differences, numbers included', () => {
  const near = identity({ weights: 'w', dtype: 'float32', adapter: 'a' }, { blockTokens: 32 });
  const far = identity({ weights: 'v', dtype: 'float16' }, { blockTokens: 32 });
  expect(nearestNamespace(OWN, [far, near])).toEqual({
    namespaceDigest: namespaceDigest(near),
    differences: [
      { field: 'adapter', value: undefined, nearestValue: 'a' },
      { field: 'identity.block_tokens', value: '16', nearestValue: '32' },
    ],
  });
});

it('is none where nothing is resident, or the same is', () => {
  expect(nearestNamespace(OWN, [])).toBeUndefined();
  expect(nearestNamespace(OWN, [identity({ weights: 'x' }), { ...OWN }])).toBeUndefined();
});

it('is told in one line, long values cut', () => {
  const other = identity({ weights: 'v'.repeat(64), dtype: 'float32', adapter: '"a"\n' });
  const nearest = nearestNamespace(OWN, [other]);
  const digest = namespaceDigest(other).toString('hex').slice(0, 12);
  expect(nearest && nearestWords(nearest)).toBe(
    `nothing in the pool is of this engine's namespace; the nearest, ${digest}, differs in 2 fields: ` +
      `weights is "w", there "${'v'.repeat(39)}…"; adapter is missing, there "\\"a\\"\\n"`,
  );
});

it('names eight fields and counts the rest', () => {
  const many = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`k${index}`, 'v']));
  const nearest = nearestNamespace(identity(many), [identity({})]);
  const words = nearest === undefined ? '' : nearestWords(nearest);
  expect(words).toContain('differs in 10 fields: k0 is "v", there missing;');
  expect(words).toContain('k7 is "v", there missing; and 2 more');
});
