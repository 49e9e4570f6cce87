// An engine of two ranks: each stores and loads its half of every block, a block hits only when both have
// it; and one rank killed with -9.

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, inject, test } from 'vitest';
import { leaksOf } from '../races/support/race.js';
import { signalAll, untilGone } from './support/engine-processes.js';
import { readExpected } from './support/expected.js';
import { engineOf, pauseWithEverything } from './support/interruptions.js';
import { expectAnswers, expectAnswersTogether, suite } from './support/suite.js';
import { PATIENT } from './support/vllm.js';
import { HIT_BLOCKS, HIT_TOKENS } from './support/workload.js';

const GONE_WITHIN_MS = 1000;

const expected = readExpected(inject('grounds')).float32.slice(0, 8);

const { server, vllm } = suite({ 'pool-size': '512mb' }, [
  {
    name: 'two-ranks',
    dtype: 'float32',
    connector: true,
    settings: PATIENT,
    args: ['--tensor-parallel-size', '2'],
  },
]);

beforeAll(async () => {
  expect(vllm('two-ranks').processes().workers).toHaveLength(2);
  const [instance] = await server.instances();
  expect(instance?.identity).toMatchObject({ rankSlotBytes: [256 * 1024, 256 * 1024] });
});

test('cold, then warm from pega, in turn and at once: the answers of one rank', async () => {
  const engine = vllm('two-ranks');
  const cold = await engine.counting(() => expectAnswersTogether(engine, expected));
  expect(cold).toMatchObject({ localHits: 0, externalHits: 0 });
  await server.untilIdle();
  expect((await server.look()).blocks.sealed).toBe(expected.length * HIT_BLOCKS);
  await engine.reset();
  const together = await engine.counting(() => expectAnswersTogether(engine, expected));
  expect(together).toMatchObject({ externalHits: expected.length * HIT_TOKENS });
  await server.untilIdle();
  await engine.reset();
  const inTurn = await engine.counting(() => expectAnswers(engine, expected));
  expect(inTurn).toMatchObject({ externalHits: expected.length * HIT_TOKENS });
});

test('one rank of two killed: all that the engine holds is gone 1 s after its last process', async () => {
  const engine = vllm('two-ranks');
  await server.untilIdle();
  const all = engineOf(engine);
  const [, second] = engine.processes().workers;
  const { look } = await pauseWithEverything(server, engine, expected.slice(0, 4));
  signalAll([second ?? 0], 'SIGKILL');
  await untilGone([second ?? 0]);
  await sleep(1500);
  expect(await server.look()).toMatchObject({ pinnedBytes: look.pinnedBytes, blocks: look.blocks });
  // vLLM ends an engine that has lost a rank.
  signalAll(all, 'SIGCONT');
  await untilGone(all);
  const endedAtMs = performance.now();
  while (leaksOf(await server.look()).length > 0) {
    expect(performance.now() - endedAtMs).toBeLessThan(GONE_WITHIN_MS);
    await sleep(10);
  }
});
