// Register's checks, field by field: what a worker may not say.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Identity, Layout, RegisterRequest } from '../../src/rpc/messages.js';
import { checkRegister } from '../../src/rpc/validate.js';

const SLOT_BYTES = 4096;
const BLOCKS = 10;

const identity = (changes: Partial<Identity> = {}): Identity => ({
  fields: { weights: 'w' },
  blockTokens: 16,
  hashBytes: 32,
  rankCount: 1,
  rankSlotBytes: [SLOT_BYTES],
  ...changes,
});

const layer = (changes: Partial<Layout['segments'][0]> = {}) => ({
  layer: 0,
  allocation: 0,
  offsetBytes: 0,
  blockStrideBytes: 2048,
  bytes: 2048,
  ...changes,
});

const layout = (changes: Partial<Layout> = {}): Layout => ({
  allocations: [{ bytes: 2048 * BLOCKS }, { bytes: 2048 * BLOCKS }],
  segments: [layer(), layer({ layer: 1, allocation: 1 })],
  blockCount: BLOCKS,
  ...changes,
});

const request = (changes: Partial<RegisterRequest> = {}): RegisterRequest => ({
  protocolVersion: 1,
  sharedLayoutVersion: 1,
  engineId: Buffer.alloc(16),
  role: 'ROLE_WORKER',
  rank: 0,
  identity: identity(),
  layout: layout(),
  device: 'cpu',
  client: 'test',
  pid: 1,
  ...changes,
});

const check = (
  changes: Partial<RegisterRequest> = {},
  ofEngine: () => Identity = () => {
    throw new Error('nobody asks for the identity of the engine');
  },
) => checkRegister(request(changes), ofEngine);

const refused = (
  changes: Partial<RegisterRequest>,
  words: string,
  code = 'PEGA_INVALID_ARGUMENT',
) =>
  expect(() => check(changes)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(words) }),
  );

describe('what is accepted', () => {
  it('a worker, and a scheduler without a layout', () => {
    expect(check()).toEqual(identity());
    expect(check({ role: 'ROLE_SCHEDULER', layout: null })).toEqual(identity());
  });

  it("a worker without an identity: its engine's", () => {
    const asked: Buffer[] = [];
    const found = checkRegister(request({ identity: null, rank: 1 }), (engineId) => {
      asked.push(engineId);
      return identity({ rankCount: 2, rankSlotBytes: [1, SLOT_BYTES] });
    });
    expect(found.rankCount).toBe(2);
    expect(asked).toEqual([Buffer.alloc(16)]);
  });

  it('K and V of all layers side by side in one allocation', () => {
    const stride = 4096;
    const interleaved = layout({
      allocations: [{ bytes: stride * BLOCKS }],
      segments: [0, 1, 2, 3].map((index) =>
        layer({
          layer: Math.floor(index / 2),
          offsetBytes: index * 1024,
          blockStrideBytes: stride,
          bytes: 1024,
        }),
      ),
    });
    expect(() => check({ layout: interleaved })).not.toThrow();
  });
});

describe('who registers', () => {
  it.each<[string, Partial<RegisterRequest>, string, string?]>([
    ['another protocol', { protocolVersion: 2 }, 'protocol_version is 2', 'PEGA_LAYOUT_VERSION'],
    ['a short engine id', { engineId: Buffer.alloc(15) }, 'engine_id has 15 bytes'],
    ['no role', { role: 'ROLE_UNSPECIFIED' }, 'role is ROLE_UNSPECIFIED'],
    ['a rank beyond the count', { rank: 1 }, 'rank is 1'],
    ['a scheduler with a rank', { role: 'ROLE_SCHEDULER', layout: null, rank: 1 }, 'rank of a'],
    ['a scheduler with a layout', { role: 'ROLE_SCHEDULER' }, 'only workers'],
    ['a worker without a layout', { layout: null }, 'layout is missing'],
    [
      'a scheduler without identity',
      { role: 'ROLE_SCHEDULER', layout: null, identity: null },
      'identity is missing',
    ],
    ['a long name', { client: 'x'.repeat(513) }, 'length of client is 513'],
  ])('refuses %s', (_, changes, words, code) => refused(changes, words, code));
});

describe('identity', () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v']));
  it.each<[string, Partial<Identity>, string]>([
    ['65 fields', { fields: many }, 'is 65'],
    ['a long key', { fields: { ['k'.repeat(65)]: '' } }, 'is 65'],
    ['a long value', { fields: { key: 'v'.repeat(513) } }, '"key" is 513'],
    ['blocks of no tokens', { blockTokens: 0 }, 'block_tokens is 0'],
    ['short hashes', { hashBytes: 7 }, 'hash_bytes is 7'],
    ['long hashes', { hashBytes: 33 }, 'hash_bytes is 33'],
    ['no ranks', { rankCount: 0 }, 'rank_count is 0'],
    ['too many ranks', { rankCount: 65 }, 'rank_count is 65'],
    ['a size too few', { rankCount: 2 }, 'one for each of 2 ranks'],
    ['a slot of no bytes', { rankSlotBytes: [0] }, 'rank_slot_bytes[0] is 0'],
    ['a slot of 2^63 bytes', { rankSlotBytes: [2 ** 63] }, 'rank_slot_bytes[0]'],
  ])('refuses %s', (_, changes, words) => refused({ identity: identity(changes) }, words));
});

describe('layout', () => {
  it("is checked against the engine's slot bytes where the worker gives no identity", () => {
    const ofEngine = () => identity({ rankSlotBytes: [SLOT_BYTES + 1] });
    expect(() => check({ identity: null }, ofEngine)).toThrow('add up to 4096 bytes');
    expect(() => check({ identity: null, rank: 1 }, ofEngine)).toThrow('rank is 1');
  });

  it.each<[string, Partial<Layout>, string]>([
    ['0 blocks', { blockCount: 0 }, 'block_count is 0'],
    ['2^63 blocks', { blockCount: 2 ** 63 }, 'block_count is 9223372036854775808'],
    ['2^32 + 1 blocks', { blockCount: 2 ** 32 + 1 }, 'block_count'],
    ['more blocks than fit', { blockCount: BLOCKS + 1 }, 'does not multiply out'],
    ['no allocations', { allocations: [] }, 'no allocations'],
    ['many allocations', { allocations: Array(8193).fill({ bytes: 1 }) }, 'at most 8192'],
    ['an empty allocation', { allocations: [{ bytes: 0 }] }, 'allocations[0] has 0 bytes'],
    ['no segments', { segments: [] }, 'no segments'],
    ['a missing layer', { segments: [layer(), layer({ layer: 2 })] }, 'layer 2 after layer 0'],
    ['a first layer that is not 0', { segments: [layer({ layer: 1 }), layer()] }, 'in order'],
    ['layers out of order', { segments: [layer(), layer({ layer: 1 }), layer()] }, 'in order'],
    ['an allocation that is not there', { segments: [layer({ allocation: 2 })] }, 'there are 2'],
    ['a segment of no bytes', { segments: [layer({ bytes: 0 })] }, 'has 0 bytes'],
    ['a stride below the bytes', { segments: [layer({ blockStrideBytes: 1 })] }, 'overlaps itself'],
    [
      'an offset beyond the end',
      { segments: [layer({ offsetBytes: 1 })] },
      'does not multiply out',
    ],
    ['a huge stride', { segments: [layer({ blockStrideBytes: 2 ** 63 })] }, 'multiply out'],
    ['a sum that is not the slot', { segments: [layer()] }, 'add up to 2048 bytes'],
    ['two layers in one place', { segments: [layer(), layer({ layer: 1 })] }, 'overlap'],
  ])('refuses %s', (_, changes, words) => refused({ layout: layout(changes) }, words));

  it.each([
    [1024, 2048, true],
    [2048, 2048, false],
    [0, 2048, true],
    [2047, 2048, true],
    // The second starts within the gap of the first and runs into its next block.
    [3072, 2048, true],
  ])('second segment at %d with %d bytes, stride 4096: overlap %s', (offset, bytes, overlaps) => {
    const checked = () =>
      check({
        layout: layout({
          allocations: [{ bytes: 4096 * (BLOCKS + 1) }],
          segments: [
            layer({ blockStrideBytes: 4096 }),
            layer({ layer: 1, offsetBytes: offset, blockStrideBytes: 4096, bytes }),
          ],
        }),
      });
    if (overlaps) {
      expect(checked).toThrow('overlap');
    } else {
      expect(checked).not.toThrow();
    }
  });

  it('agrees with a plain model on what overlaps', () => {
    const segment = fc.record({ offsetBytes: fc.nat(30), bytes: fc.integer({ min: 1, max: 4 }) });
    const cases = fc.record({
      stride: fc.integer({ min: 4, max: 12 }),
      blockCount: fc.integer({ min: 1, max: 5 }),
      pair: fc.tuple(segment, segment),
    });
    fc.assert(
      fc.property(cases, ({ stride, blockCount, pair }) => {
        const segments = pair.map((given, index) =>
          layer({ ...given, layer: index, blockStrideBytes: stride }),
        );
        const checked = () =>
          check({
            identity: identity({ rankSlotBytes: [segments.reduce((sum, s) => sum + s.bytes, 0)] }),
            layout: { allocations: [{ bytes: 1000 }], segments, blockCount },
          });
        if (shareAByte(segments, blockCount)) {
          expect(checked).toThrow('overlap');
        } else {
          expect(checked).not.toThrow();
        }
      }),
    );
  });
});

function shareAByte(segments: Layout['segments'], blockCount: number): boolean {
  const taken = new Set<number>();
  for (const { offsetBytes, blockStrideBytes, bytes } of segments) {
    for (let block = 0; block < blockCount; block += 1) {
      for (let byte = 0; byte < bytes; byte += 1) {
        const at = offsetBytes + block * blockStrideBytes + byte;
        if (taken.has(at)) {
          return true;
        }
        taken.add(at);
      }
    }
  }
  return false;
}
