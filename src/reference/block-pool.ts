// The device's KV blocks: who uses them, and which hold what.
//
// A block is free (no reference) or used. A published block keeps its hash when it becomes free, as a
// cached prefix, until it is taken for something else: the longest unused first. One block stands for
// a hash; a second block with the same content stays unpublished. Nothing here knows requests or KV.
import { PegaError } from '../errors.js';
import type { BlockHash } from './block-hash.js';

const NONE = -1;

export class BlockPool {
  readonly blockCount: number;
  readonly #references: Uint32Array;
  readonly #hashes: (string | undefined)[];
  readonly #byHash = new Map<string, number>();
  // The free blocks as a list: taken at the head, returned at the tail. Index blockCount is its anchor.
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #freeCount = 0;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.#references = new Uint32Array(blockCount);
    this.#hashes = new Array<string | undefined>(blockCount).fill(undefined);
    this.#next = new Int32Array(blockCount + 1).fill(blockCount);
    this.#previous = new Int32Array(blockCount + 1).fill(blockCount);
    for (let block = 0; block < blockCount; block += 1) {
      this.#append(block);
    }
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  get usedCount(): number {
    return this.blockCount - this.#freeCount;
  }

  get publishedCount(): number {
    return this.#byHash.size;
  }

  /** One reference each, content forgotten; undefined, and nothing changed, if so many aren't free. */
  allocate(count: number): number[] | undefined {
    if (count > this.#freeCount) {
      return undefined;
    }
    return Array.from({ length: count }, () => {
      const block = this.#next[this.blockCount] ?? NONE;
      this.#unpublish(block);
      this.acquire([block]);
      return block;
    });
  }

  /** The blocks of the longest published prefix. Takes no reference. */
  findPrefix(hashes: readonly BlockHash[]): number[] {
    const blocks: number[] = [];
    for (const hash of hashes) {
      const block = this.find(hash);
      if (block === undefined) {
        break;
      }
      blocks.push(block);
    }
    return blocks;
  }

  find(hash: BlockHash): number | undefined {
    return this.#byHash.get(keyOf(hash));
  }

  /** One more reference each: they are neither taken nor rewritten while it lasts. */
  acquire(blocks: readonly number[]): void {
    for (const block of blocks) {
      const references = this.#referencesOf(block);
      if (references === 0) {
        this.#remove(block);
      }
      this.#references[block] = references + 1;
    }
  }

  /** One reference less each. Of blocks that become free, the first given is the last to be taken. */
  release(blocks: readonly number[]): void {
    for (const block of blocks.toReversed()) {
      const references = this.#referencesOf(block);
      if (references === 0) {
        throw new PegaError('PEGA_INTERNAL', `block ${block} is released and has no reference`);
      }
      this.#references[block] = references - 1;
      if (references === 1) {
        this.#append(block);
      }
    }
  }

  /** Says what a used block holds, once its content is complete. False if another stands for it. */
  publish(block: number, hash: BlockHash): boolean {
    if (this.#referencesOf(block) === 0 || this.#hashes[block] !== undefined) {
      throw new PegaError('PEGA_INTERNAL', `block ${block} is published twice or while free`);
    }
    const key = keyOf(hash);
    if (this.#byHash.has(key)) {
      return false;
    }
    this.#byHash.set(key, block);
    this.#hashes[block] = key;
    return true;
  }

  /** Forgets all content. False, and nothing changed, while blocks are used. */
  reset(): boolean {
    if (this.usedCount > 0) {
      return false;
    }
    this.#byHash.clear();
    this.#hashes.fill(undefined);
    return true;
  }

  #referencesOf(block: number): number {
    const references = this.#references[block];
    if (references === undefined) {
      throw new PegaError('PEGA_INTERNAL', `there is no block ${block} of ${this.blockCount}`);
    }
    return references;
  }

  #unpublish(block: number): void {
    const key = this.#hashes[block];
    if (key !== undefined) {
      this.#byHash.delete(key);
      this.#hashes[block] = undefined;
    }
  }

  #append(block: number): void {
    const anchor = this.blockCount;
    const last = this.#previous[anchor] ?? anchor;
    this.#next[last] = block;
    this.#previous[block] = last;
    this.#next[block] = anchor;
    this.#previous[anchor] = block;
    this.#freeCount += 1;
  }

  #remove(block: number): void {
    const next = this.#next[block] ?? this.blockCount;
    const previous = this.#previous[block] ?? this.blockCount;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#freeCount -= 1;
  }
}

function keyOf(hash: BlockHash): string {
  return hash.toString('latin1');
}
