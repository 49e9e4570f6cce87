// Many requests at once, in float32, where batches change no token: 16 together, clients that leave, and a
// pool of a tenth of the working set.

import { expect, inject, test } from 'vitest';
import { answersOf, readExpected, TOGETHER } from './support/expected.js';
import { expectAnswers, expectAnswersTogether, suite } from './support/suite.js';
import { PATIENT } from './support/vllm.js';
import { HIT_BLOCKS, HIT_TOKENS } from './support/workload.js';

const { float32, together } = readExpected(inject('grounds'));
const BLOCK_BYTES = 512 * 1024;
const SMALL_POOL_BYTES = 16 * 1024 ** 2;
const AT_ONCE = 4;
const LEAVING_ROUNDS = 3;
const LEFT_ANSWER_TOKENS = 200;

const { server, vllm } = suite({ 'pool-size': '512mb' }, [
  { name: 'batches', dtype: 'float32', connector: true, settings: PATIENT },
]);

test('without a connector, batches change no token', () => {
  expect(together).toEqual(answersOf(float32.slice(0, TOGETHER)));
});

test('16 requests at once: cold, then warm from pega, then half and half', async () => {
  const engine = vllm('batches');
  const first = float32.slice(0, TOGETHER);
  const cold = await engine.counting(() => expectAnswersTogether(engine, first));
  expect(cold).toMatchObject({ localHits: 0, externalHits: 0 });
  await server.untilIdle();
  expect((await server.look()).blocks.sealed).toBeGreaterThanOrEqual(TOGETHER * HIT_BLOCKS);
  await engine.reset();

  const warm = await engine.counting(() => expectAnswersTogether(engine, first));
  expect(warm).toMatchObject({ localHits: 0, externalHits: TOGETHER * HIT_TOKENS });
  await server.untilIdle();
  await engine.reset();

  const half = float32.slice(TOGETHER / 2, TOGETHER + TOGETHER / 2);
  const mixed = await engine.counting(() => expectAnswersTogether(engine, half));
  expect(mixed).toMatchObject({ localHits: 0, externalHits: (TOGETHER / 2) * HIT_TOKENS });
});

test('equal prompts at once: each is answered, none is stored twice', async () => {
  const engine = vllm('batches');
  const [one] = float32.slice(30, 31) as [(typeof float32)[number]];
  const before = await server.look();
  await expectAnswersTogether(engine, [one, one, one, one]);
  await server.untilIdle();
  expect((await server.look()).blocks.sealed - before.blocks.sealed).toBe(HIT_BLOCKS);
  await engine.reset();
  const warm = await engine.counting(() => expectAnswersTogether(engine, [one, one, one, one]));
  expect(warm.externalHits).toBeGreaterThanOrEqual(HIT_TOKENS);
});

test('clients that leave midway, cold and warm, hold nothing afterwards and harm nobody', async () => {
  const engine = vllm('batches');
  const asked = float32.slice(16, 32);
  const leaving = asked.length / 2;
  const counted = await engine.counting(async () => {
    for (let round = 0; round < LEAVING_ROUNDS; round += 1) {
      await Promise.all(
        asked.map(async ({ name, tokens, answerTokens, answer }, index) => {
          const options =
            index % 2 === 0
              ? { maxTokens: LEFT_ANSWER_TOKENS, leaveAfter: (index / 2 + round) % 5 }
              : { maxTokens: answerTokens };
          const said = await engine.complete(tokens, options);
          expect(said.tokens, name).toEqual(answer.slice(0, said.tokens.length));
        }),
      );
      await server.untilIdle();
      await engine.reset();
    }
  });
  // The engine, too, stopped where they left.
  expect(counted.answerTokens).toBeLessThan(LEAVING_ROUNDS * leaving * LEFT_ANSWER_TOKENS * 0.5);
  expect(counted.externalHits).toBeGreaterThan(0);
  await expectAnswersTogether(engine, asked);
});

test('a pool of a tenth of the working set: evicted blocks are computed, the rest hits', async () => {
  const engine = vllm('batches');
  await server.stop();
  await server.start({ 'pool-size': '16mb' });
  await server.untilJoined(1);
  const blocks = float32.length * HIT_BLOCKS;
  expect(blocks * BLOCK_BYTES).toBeGreaterThan(10 * SMALL_POOL_BYTES);
  await engine.reset();
  const counted = await engine.counting(async () => {
    for (let at = 0; at < float32.length; at += AT_ONCE) {
      const some = float32.slice(at, at + AT_ONCE);
      await expectAnswersTogether(engine, some);
      await server.untilIdle();
      await engine.reset();
      // The last one may still be there.
      await expectAnswers(engine, some.slice(-1));
      await expectAnswersTogether(engine, some);
    }
  });
  const { totals, usedBytes } = await server.look();
  expect(totals.evicted).toBeGreaterThan(float32.length);
  expect(usedBytes).toBeLessThanOrEqual(SMALL_POOL_BYTES);
  expect(counted.externalHits).toBeGreaterThan(0);
});
