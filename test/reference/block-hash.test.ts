// Chained hashes: a block's name says everything before it.
import { expect, test } from 'vitest';
import { hashBlocks, rootHash } from '../../src/reference/block-hash.js';

const tokens = Int32Array.from({ length: 50 }, (_, i) => (i * 37) % 101);

test('one hash of 32 bytes for each full block', () => {
  const hashes = hashBlocks(rootHash('a'), tokens, 16);
  expect(hashes).toHaveLength(3);
  expect(hashes.every((hash) => hash.length === 32)).toBe(true);
});

test('a chain can be continued where it ended', () => {
  const root = rootHash('a');
  const whole = hashBlocks(root, tokens, 16);
  const first = hashBlocks(root, tokens.subarray(0, 16), 16);
  const rest = hashBlocks(first[0] ?? root, tokens.subarray(16), 16);
  expect([...first, ...rest]).toEqual(whole);
});

test('a changed token changes its block and all behind it, none before', () => {
  const changed = tokens.slice();
  changed[20] = 99;
  const before = hashBlocks(rootHash('a'), tokens, 16);
  const after = hashBlocks(rootHash('a'), changed, 16);
  expect(after[0]).toEqual(before[0]);
  expect(after[1]).not.toEqual(before[1]);
  expect(after[2]).not.toEqual(before[2]);
});

test('another seed: other hashes', () => {
  const [a] = hashBlocks(rootHash('a'), tokens, 16);
  const [b] = hashBlocks(rootHash('b'), tokens, 16);
  expect(a).not.toEqual(b);
});
