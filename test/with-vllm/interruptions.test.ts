// One engine whose server is killed with -9 at every moment of a load and of a store, and started again;
// whose server is paused; and that is itself paused in the middle of a copy. No request fails, no token
// is wrong, and pega is back within 3 s of its server.

import { expect, inject, test } from 'vitest';
import { startEngineProcess } from '../../fixtures/engine-process/engine-process.js';
import { PAGE_BYTES, RESERVED_BYTES_ON_WIRE } from '../../src/limits.js';
import { hashes } from '../server/support/hashes.js';
import { signalAll } from './support/engine-processes.js';
import { readExpected } from './support/expected.js';
import { type HeldSlots, openHeldSlots } from './support/held-slots.js';
import { engineOf, pauseInStore, pauseWithEverything, untilHeld } from './support/interruptions.js';
import { expectAnswers, expectAnswersTogether, suite } from './support/suite.js';
import { HIT_TOKENS } from './support/workload.js';

const BACK_WITHIN_MS = 3000;
/** Deadlines of calls and pauses of the breaker have to pass first; nobody was promised a time. */
const AFTER_PAUSE_MS = 20_000;
const BLOCK_BYTES = 512 * 1024;
const POOL_BLOCKS = 512;
const FLOOD_BLOCKS = 64;
const ROUNDS_MAX = 5;

const { float32 } = readExpected(inject('grounds'));
const asked = float32.slice(0, 8);
const others = float32.slice(8, 16);

const { server, vllm } = suite({ 'pool-size': '256mb' }, [
  { name: 'interrupted', dtype: 'float32', connector: true },
]);

/** REQUIRES: a server that has just become ready, or goes on. */
async function expectBack(salt: string, withinMs = BACK_WITHIN_MS): Promise<void> {
  const engine = vllm('interrupted');
  const readyAtMs = performance.now();
  for (let index = 0; ; index += 1) {
    const some = float32.slice(20 + (index % 20), 21 + (index % 20));
    await expectAnswers(engine, some, `${salt} ${index}`);
    await engine.reset();
    const { externalHits } = await engine.counting(() =>
      expectAnswers(engine, some, `${salt} ${index}`),
    );
    const tookMs = performance.now() - readyAtMs;
    expect(tookMs, 'until a newly stored prompt hits').toBeLessThan(withinMs);
    if (externalHits === HIT_TOKENS) {
      process.stdout.write(`${salt}: hit ${tookMs.toFixed(0)} ms after the server was ready\n`);
      return;
    }
  }
}

/** Five times the pool, stored by another engine, while this one is paused and holds slots. */
async function expectFloodToSpare(slots: HeldSlots): Promise<void> {
  const held = server.heldPages();
  const digest = slots.digest();
  const before = await server.look();
  const flood = await startEngineProcess({
    socket: server.socket,
    rankSlotBytes: [BLOCK_BYTES],
    fields: { weights: 'flood' },
  });
  try {
    for (let id = 1; id * FLOOD_BLOCKS <= 5 * POOL_BLOCKS; id += 1) {
      const answer = await flood.reserve(id, hashes(`flood ${id}`, FLOOD_BLOCKS));
      const granted = grantedPages(answer.outcomes, answer.reserved);
      expect(granted.filter((page) => held.has(page))).toEqual([]);
      await flood.sealAll(id, answer);
    }
  } finally {
    await flood.kill('SIGKILL');
  }
  expect((await server.look()).totals.evicted - before.totals.evicted).toBeGreaterThan(POOL_BLOCKS);
  expect(server.heldPages()).toEqual(held);
  expect(slots.digest()).toBe(digest);
}

/** First pages of the slots that were granted, as bits of a hold file count them. */
function grantedPages(outcomes: Uint8Array, reserved: Buffer): number[] {
  const slabPages = (16 * 1024 ** 2) / PAGE_BYTES;
  return [...outcomes.entries()]
    .filter(([, outcome]) => outcome === 0)
    .flatMap(([index]) => {
      const at = index * RESERVED_BYTES_ON_WIRE;
      const first = reserved.readUInt32LE(at) * slabPages + reserved.readUInt32LE(at + 4);
      return Array.from({ length: BLOCK_BYTES / PAGE_BYTES }, (_, page) => first + page);
    });
}

test('an engine paused in the middle of a store: nothing that it holds is given to another', async () => {
  const engine = vllm('interrupted');
  const paused = await pauseInStore(server, engine, others, BLOCK_BYTES);
  try {
    await expectFloodToSpare(paused.slots);
  } finally {
    signalAll(engineOf(engine), 'SIGCONT');
    paused.slots.close();
  }
  await paused.asked;
  await server.untilIdle();
  await engine.reset();
  const again = await engine.counting(() =>
    expectAnswersTogether(engine, others, paused.cacheSalt),
  );
  expect(again.externalHits).toBeGreaterThan(0);
});

test('an engine paused with leases and reserved slots: the same', async () => {
  const engine = vllm('interrupted');
  await expectAnswersTogether(engine, asked);
  await server.untilIdle();
  const paused = await pauseWithEverything(server, engine, asked);
  const slots = await openHeldSlots(server, BLOCK_BYTES);
  try {
    await expectFloodToSpare(slots);
  } finally {
    signalAll(engineOf(engine), 'SIGCONT');
    slots.close();
  }
  expect((await paused.asked).filter(({ status }) => status === 'rejected')).toEqual([]);
  await server.untilIdle();
});

test('a paused server: requests go on, cold, and hit again when it goes on', async () => {
  const engine = vllm('interrupted');
  await expectAnswersTogether(engine, asked);
  await server.untilIdle();
  await engine.reset();
  server.pause();
  const counted = await engine.counting(() => expectAnswersTogether(engine, asked));
  expect(counted).toMatchObject({ localHits: 0, externalHits: 0 });
  await expectAnswersTogether(engine, others, 'paused server');
  server.resume();
  await expectBack('after the pause', AFTER_PAUSE_MS);
  await server.untilIdle();
});

const ask = {
  /** Of prompts that are stored and no longer in vLLM's own cache. */
  load: () => expectAnswersTogether(vllm('interrupted'), asked),
  store: (salt: string) => expectAnswersTogether(vllm('interrupted'), asked, salt),
};

async function prepare(what: 'load' | 'store'): Promise<void> {
  if (what === 'load') {
    await expectAnswersTogether(vllm('interrupted'), asked);
  }
  await server.untilIdle();
  await vllm('interrupted').reset();
}

test.each(['load', 'store'] as const)('the server killed before a %s', async (what) => {
  await prepare(what);
  await server.kill();
  const counted = await vllm('interrupted').counting(() => ask[what](`before ${what}`));
  expect(counted).toMatchObject({ localHits: 0, externalHits: 0 });
  await server.start();
  await expectBack(`before ${what}`);
});

test.each(['load', 'store'] as const)('the server killed during a %s', async (what) => {
  let answered = Promise.resolve();
  // On a busy machine an engine may give up on a server that is slow, and hold nothing.
  for (let round = 0, held = false; !held; round += 1) {
    expect(round).toBeLessThan(ROUNDS_MAX);
    await answered;
    await prepare(what);
    answered = ask[what](`during ${what} ${round}`);
    held = await untilHeld(server, answered);
  }
  await server.kill();
  await answered;
  await server.start();
  await expectBack(`during ${what}`);
  await server.untilIdle();
});

test.each(['load', 'store'] as const)('the server killed after a %s', async (what) => {
  await prepare(what);
  await ask[what](`after ${what}`);
  await server.kill();
  await server.start();
  await expectBack(`after ${what}`);
  await ask[what](`after ${what}`);
  await server.untilIdle();
});
