// Names of full blocks: each hash covers its own tokens and, through its parent, all before them.
//
// sha256(parent ‖ tokens as little-endian i32); the first block's parent is the seed's hash. Equal
// hashes mean equal prefixes, so a block's KV can be shared by hash alone.
import { createHash } from 'node:crypto';

/** 32 bytes. */
export type BlockHash = Buffer;

/** The parent of every chain. Another seed: other hashes for the same tokens. */
export function rootHash(seed: string): BlockHash {
  return createHash('sha256').update(seed).digest();
}

/** Hashes of the full blocks of `tokens`, which follow the block `parent`. */
export function hashBlocks(
  parent: BlockHash,
  tokens: Int32Array,
  blockTokens: number,
): BlockHash[] {
  const hashes: BlockHash[] = [];
  let previous = parent;
  for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
    previous = hashBlock(previous, tokens.subarray(end - blockTokens, end));
    hashes.push(previous);
  }
  return hashes;
}

function hashBlock(parent: BlockHash, tokens: Int32Array): BlockHash {
  const bytes = Buffer.alloc(tokens.length * 4);
  tokens.forEach((token, index) => {
    bytes.writeInt32LE(token, index * 4);
  });
  return createHash('sha256').update(parent).update(bytes).digest();
}
