// The reference model through the addon: one forward at a time, answers that don't depend on chunks.
import { expect, test } from 'vitest';

import { ReferenceModel } from '../../src/engine/reference-model.js';

const SHAPE = {
  ...{ layers: 2, heads: 4, kvHeads: 2, headDim: 16, ffn: 64, vocab: 128 },
  ...{ blockTokens: 4, context: 64 },
};
const create = (seed = 1) => ReferenceModel.create({ shape: SHAPE, seed, blockCount: 16 });
const TOKENS = Int32Array.from({ length: 10 }, (_, index) => (index * 37) % 128);
const TABLE = Uint32Array.from([5, 2, 9]);
const whole = { tokens: TOKENS, position: 0, blockTable: TABLE, sample: true };

test('the same seed gives the same weights and the same next token, chunked or not', async () => {
  const model = create();
  const again = create();
  expect(model.weightsDigest).toMatch(/^[0-9a-f]{16}$/);
  expect(again.weightsDigest).toBe(model.weightsDigest);
  expect(create(2).weightsDigest).not.toBe(model.weightsDigest);
  const [token] = await model.forward([whole]);
  const head = { tokens: TOKENS.subarray(0, 3), position: 0, blockTable: TABLE, sample: false };
  expect([...(await again.forward([head]))]).toEqual([-1]);
  const rest = { tokens: TOKENS.subarray(3), position: 3, blockTable: TABLE, sample: true };
  expect([...(await again.forward([rest]))]).toEqual([token]);
});

test('KV is one allocation a layer, in blocks', () => {
  const model = create();
  const kv = model.kv();
  expect(kv.map(({ bytes }) => bytes)).toEqual([16, 16].map((count) => count * model.kvBlockBytes));
  expect(kv.every(({ address }) => address > 0n)).toBe(true);
  expect(model.flopsAt(10)).toBeGreaterThan(model.flopsAt(0));
});

test('a second forward waits for its caller, and a wrong one computes nothing', async () => {
  const model = create();
  const invalid = { code: 'PEGA_INVALID_ARGUMENT' };
  const first = model.forward([whole]);
  await expect(model.forward([whole])).rejects.toMatchObject(invalid);
  await first;
  for (const wrong of [
    { ...whole, tokens: Int32Array.of(128) },
    { ...whole, tokens: Int32Array.of(-1) },
    { ...whole, position: 60 },
    { ...whole, blockTable: TABLE.subarray(0, 2) },
    { ...whole, blockTable: Uint32Array.of(5, 2, 16) },
  ]) {
    await expect(model.forward([wrong])).rejects.toMatchObject(invalid);
  }
  expect((await model.forward([whole]))[0]).toBe((await first)[0]);
});

test('a shape that does not divide is refused by name', () => {
  const refused = (changes: object) => () =>
    ReferenceModel.create({ shape: { ...SHAPE, ...changes }, seed: 1, blockCount: 4 });
  const invalid = expect.objectContaining({ code: 'PEGA_INVALID_ARGUMENT' });
  expect(refused({ heads: 3 })).toThrow(invalid);
  expect(refused({ headDim: 15 })).toThrow(invalid);
  expect(refused({ layers: 0 })).toThrow(invalid);
});
