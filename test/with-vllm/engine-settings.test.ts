// Engines with settings that change what happens to blocks: so little KV space that requests are preempted,
// and vLLM's own prefix cache switched off.

import { expect, inject, test } from 'vitest';
import { readExpected } from './support/expected.js';
import { expectAnswers, expectAnswersTogether, suite } from './support/suite.js';
import { PATIENT } from './support/vllm.js';
import { BLOCK_TOKENS, HIT_TOKENS } from './support/workload.js';

const { float32, growing } = readExpected(inject('grounds'));
/** Each of eight requests begins with 8 blocks and ends with 10. */
const FEW_BLOCKS = 66;

const { server, vllm } = suite({ 'pool-size': '512mb' }, [
  {
    name: 'preempting',
    dtype: 'float32',
    connector: true,
    settings: PATIENT,
    args: ['--num-gpu-blocks-override', String(FEW_BLOCKS)],
  },
  {
    name: 'uncached',
    dtype: 'float32',
    connector: true,
    settings: PATIENT,
    args: ['--no-enable-prefix-caching'],
  },
]);

test('requests that are preempted, cold and warm, get the same answers', async () => {
  const engine = vllm('preempting');
  const cold = await engine.counting(() => expectAnswersTogether(engine, growing));
  expect(cold.preemptions).toBeGreaterThan(0);
  await server.untilIdle();
  await engine.reset();
  // One after the other there is room to store what was dropped when blocks were scarce.
  await expectAnswers(engine, growing);
  await server.untilIdle();
  await engine.reset();
  const warm = await engine.counting(() => expectAnswersTogether(engine, growing));
  expect(warm.preemptions).toBeGreaterThan(0);
  const blocks = Math.floor((1000 - 1) / BLOCK_TOKENS);
  expect(warm.externalHits).toBeGreaterThanOrEqual(growing.length * blocks * BLOCK_TOKENS);
  await server.untilIdle();
});

test('with vLLM’s prefix caching off, pega alone is the cache', async () => {
  const engine = vllm('uncached');
  const asked = float32.slice(0, 6);
  const cold = await engine.counting(() => expectAnswers(engine, asked));
  expect(cold).toMatchObject({ localHits: 0, externalHits: 0 });
  await server.untilIdle();
  const warm = await engine.counting(() => expectAnswers(engine, asked));
  expect(warm).toMatchObject({ localHits: 0, externalHits: asked.length * HIT_TOKENS });
  const together = await engine.counting(() => expectAnswersTogether(engine, asked));
  expect(together).toMatchObject({ localHits: 0, externalHits: asked.length * HIT_TOKENS });
});
