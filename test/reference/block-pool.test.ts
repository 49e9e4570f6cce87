// The block pool against a plain model of it, over random schedules.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rootHash } from '../../src/reference/block-hash.js';
import { BlockPool } from '../../src/reference/block-pool.js';

const BLOCKS = 6;
const HASHES = Array.from({ length: 9 }, (_, i) => rootHash(String(i)));
const hashOf = (i: number) => HASHES[i % HASHES.length] ?? rootHash('');

/** The same rules with plain lists: `free` is in the order in which blocks are taken. */
class PlainPool {
  references = new Array<number>(BLOCKS).fill(0);
  free = Array.from({ length: BLOCKS }, (_, block) => block);
  held = new Map<number, number>();

  allocate(count: number): number[] | undefined {
    if (count > this.free.length) {
      return undefined;
    }
    const taken = this.free.splice(0, count);
    for (const block of taken) {
      this.references[block] = 1;
      this.held.delete(block);
    }
    return taken;
  }

  find(hash: number): number | undefined {
    return [...this.held].find(([, other]) => other === hash)?.[0];
  }

  acquire(block: number): void {
    this.free = this.free.filter((other) => other !== block);
    this.references[block] = (this.references[block] ?? 0) + 1;
  }

  release(block: number): void {
    this.references[block] = (this.references[block] ?? 0) - 1;
    if (this.references[block] === 0) {
      this.free.push(block);
    }
  }
}

type Command =
  | { kind: 'allocate'; count: number }
  | { kind: 'acquire' | 'publish'; pick: number; hash: number }
  | { kind: 'release'; pick: number }
  | { kind: 'reset' };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('allocate' as const), count: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    kind: fc.constantFrom('acquire' as const, 'publish' as const),
    pick: fc.nat(),
    hash: fc.nat({ max: HASHES.length - 1 }),
  }),
  fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('reset' as const) }),
);

function apply(pool: BlockPool, plain: PlainPool, step: Command): void {
  const used = plain.references.flatMap((count, block) => (count > 0 ? [block] : []));
  switch (step.kind) {
    case 'allocate':
      expect(pool.allocate(step.count)).toEqual(plain.allocate(step.count));
      break;
    case 'acquire': {
      const block = plain.find(step.hash);
      expect(pool.find(hashOf(step.hash))).toBe(block);
      if (block !== undefined) {
        pool.acquire([block]);
        plain.acquire(block);
      }
      break;
    }
    case 'publish': {
      const block = used.filter((candidate) => !plain.held.has(candidate))[step.pick % BLOCKS];
      if (block !== undefined) {
        const isNew = plain.find(step.hash) === undefined;
        expect(pool.publish(block, hashOf(step.hash))).toBe(isNew);
        if (isNew) {
          plain.held.set(block, step.hash);
        }
      }
      break;
    }
    case 'release': {
      const block = used[step.pick % BLOCKS];
      if (block !== undefined) {
        pool.release([block]);
        plain.release(block);
      }
      break;
    }
    case 'reset':
      expect(pool.reset()).toBe(used.length === 0);
      if (used.length === 0) {
        plain.held.clear();
      }
      break;
  }
}

test('random schedules: the same answers as plain lists give', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (steps) => {
      const pool = new BlockPool(BLOCKS);
      const plain = new PlainPool();
      for (const step of steps) {
        apply(pool, plain, step);
        expect(pool.freeCount).toBe(plain.free.length);
        expect(pool.publishedCount).toBe(plain.held.size);
        expect(HASHES.map((hash) => pool.find(hash))).toEqual(HASHES.map((_, i) => plain.find(i)));
      }
    }),
    { numRuns: 2000 },
  );
});

test('the end of a released chain is taken before its head', () => {
  const pool = new BlockPool(4);
  const chain = pool.allocate(4) ?? [];
  chain.forEach((block, index) => {
    pool.publish(block, hashOf(index));
  });
  pool.release(chain);
  expect(pool.allocate(2)).toEqual([chain[3], chain[2]]);
  expect(pool.findPrefix(HASHES.slice(0, 4))).toEqual(chain.slice(0, 2));
});

test('misuse is a bug and says so', () => {
  const pool = new BlockPool(2);
  expect(() => pool.release([0])).toThrow('has no reference');
  expect(() => pool.acquire([2])).toThrow('there is no block 2');
  expect(() => pool.publish(0, hashOf(0))).toThrow('while free');
});
