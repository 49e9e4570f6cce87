// A vLLM killed with -9 while it holds leases and reserved slots. What an engine holds stays as long as one
// of its processes lives, and is gone 1 s after the last one's end.

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, inject, test } from 'vitest';
import { leaksOf } from '../races/support/race.js';
import { signalAll, untilGone } from './support/engine-processes.js';
import { readExpected } from './support/expected.js';
import { engineOf, pauseWithEverything } from './support/interruptions.js';
import { expectAnswersTogether, suite } from './support/suite.js';
import { PATIENT } from './support/vllm.js';

const GONE_WITHIN_MS = 1000;
/** Longer than the server takes to end what a dead engine held. */
const STILL_AFTER_MS = 1500;

const stored = readExpected(inject('grounds')).float32.slice(0, 4);

const { server, vllm } = suite({ 'pool-size': '512mb' }, [
  { name: 'killed-api', dtype: 'float32', connector: true, settings: PATIENT },
  { name: 'killed-core', dtype: 'float32', connector: true, settings: PATIENT },
  { name: 'killed-whole', dtype: 'float32', connector: true, settings: PATIENT },
]);

beforeAll(async () => {
  await expectAnswersTogether(vllm('killed-api'), stored);
  await server.untilIdle();
});

/** REQUIRES: the engine's last process has just ended. */
async function expectNothingHeldSoon(): Promise<void> {
  const endedAtMs = performance.now();
  for (;;) {
    const [look, instances] = await Promise.all([server.look(), server.instances()]);
    const leases = instances.reduce((sum, one) => sum + one.leases, 0);
    const left = [...leaksOf(look), ...(leases > 0 ? [`${leases} leases`] : [])];
    if (left.length === 0) {
      return;
    }
    if (performance.now() - endedAtMs > GONE_WITHIN_MS) {
      expect(left, `${GONE_WITHIN_MS} ms after the last process's end`).toEqual([]);
    }
    await sleep(10);
  }
}

test('the API server killed: the engine lives and keeps what it holds; then it is killed too', async () => {
  const one = vllm('killed-api');
  const engine = engineOf(one);
  const { look } = await pauseWithEverything(server, one, stored);
  signalAll([one.pid], 'SIGKILL');
  await untilGone([one.pid]);
  await sleep(STILL_AFTER_MS);
  expect(await server.look()).toMatchObject({ pinnedBytes: look.pinnedBytes, blocks: look.blocks });
  signalAll(engine, 'SIGKILL');
  await untilGone(engine);
  await expectNothingHeldSoon();
});

test('EngineCore killed: what it holds stays while a worker lives, and goes with it', async () => {
  const one = vllm('killed-core');
  const { core, workers } = one.processes();
  const { look } = await pauseWithEverything(server, one, stored);
  signalAll([core], 'SIGKILL');
  await untilGone([core]);
  await sleep(STILL_AFTER_MS);
  expect(await server.look()).toMatchObject({ pinnedBytes: look.pinnedBytes, blocks: look.blocks });
  // vLLM's own worker ends when its engine is gone.
  signalAll(workers, 'SIGCONT');
  await untilGone(workers);
  await expectNothingHeldSoon();
});

test('all killed at once: the rest of the server’s engines goes on', async () => {
  const one = vllm('killed-whole');
  const all = [one.pid, ...engineOf(one)];
  await pauseWithEverything(server, one, stored);
  signalAll(all, 'SIGKILL');
  await untilGone(all);
  await expectNothingHeldSoon();
  expect((await server.look()).blocks.sealed).toBeGreaterThan(0);
});
