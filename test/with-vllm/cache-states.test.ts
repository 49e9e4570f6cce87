// One engine, one request at a time, in vLLM's usual bfloat16: cold, warm from its own cache, warm from
// pega; then a second engine on the same server, and an engine that was started again.

import { beforeAll, describe, expect, test } from 'vitest';
import { askInTurn } from './support/expected.js';
import { median } from './support/paired-interval.js';
import { expectAnswers, suite } from './support/suite.js';
import { PATIENT, type Vllm } from './support/vllm.js';
import {
  BLOCK_TOKENS,
  type Expected,
  HIT_BLOCKS,
  HIT_TOKENS,
  PROMPT_TOKENS,
  prompts,
} from './support/workload.js';

const WARM_TTFT_SHARE_MAX = 0.4;
/** vLLM takes long for the log probabilities of 2,000 tokens. */
const PROBED_TOKENS = 400;
const PROBED_HIT_TOKENS = 3 * BLOCK_TOKENS;
const LONG_TOKENS = 6000;
const LONG_HIT_TOKENS = Math.floor((LONG_TOKENS - 1) / BLOCK_TOKENS) * BLOCK_TOKENS;

const { server, vllm, start } = suite({ 'pool-size': '512mb' }, [
  { name: 'states-plain', dtype: 'bfloat16', connector: false },
  { name: 'states-first', dtype: 'bfloat16', connector: true, settings: PATIENT },
]);

let states: Expected[];
let long: Expected[];
let apart: Expected[];
let shared: Expected[];
let probed: Expected;

beforeAll(async () => {
  const plain = vllm('states-plain');
  await plain.complete(prompts('warm-up', 10, 1)[0]?.tokens ?? [], { maxTokens: 2 });
  states = await askInTurn(plain, prompts('states', 11, 11));
  long = await askInTurn(plain, prompts('long', 12, 2, { length: LONG_TOKENS }));
  apart = await askInTurn(plain, prompts('apart', 13, 2));
  shared = await askInTurn(plain, prompts('shared', 14, 4));
  [probed] = (await askInTurn(plain, prompts('probed', 15, 1, { length: PROBED_TOKENS }))) as [
    Expected,
  ];
});

/** Computes, stores, and empties vLLM's own cache: what hits from now on comes from pega. */
async function makeHostWarm(engine: Vllm, expected: readonly Expected[]): Promise<void> {
  await expectAnswers(engine, expected);
  await server.untilIdle();
  await engine.reset();
}

describe('cold, warm from vLLM, warm from pega', () => {
  const ttftMs: Record<'cold' | 'engine' | 'host', number[]> = { cold: [], engine: [], host: [] };

  test('each state has the hits that it must have, and the same answer', async () => {
    const engine = vllm('states-first');
    const [warmUp, ...measured] = states as [Expected, ...Expected[]];
    await makeHostWarm(engine, [warmUp]);
    await expectAnswers(engine, [warmUp]);
    for (const { name, tokens, answerTokens, answer } of measured) {
      const ask = (state: keyof typeof ttftMs) =>
        engine.counting(async () => {
          const said = await engine.complete(tokens, { maxTokens: answerTokens });
          expect(said.tokens, `${name}, ${state}`).toEqual(answer);
          ttftMs[state].push(said.ttftMs);
        });
      expect(await ask('cold'), name).toMatchObject({ localHits: 0, externalHits: 0 });
      expect(await ask('engine'), name).toMatchObject({ localHits: HIT_TOKENS, externalHits: 0 });
      await server.untilIdle();
      await engine.reset();
      expect(await ask('host'), name).toMatchObject({
        localHits: 0,
        externalHits: HIT_TOKENS,
        promptTokens: PROMPT_TOKENS,
      });
    }
    expect((await server.look()).totals).toMatchObject({ evicted: 0, lost: 0 });
  });

  test(`warm from pega: TTFT at most ${WARM_TTFT_SHARE_MAX} of cold`, () => {
    const shares = ttftMs.host.map((host, index) => host / (ttftMs.cold[index] ?? 0));
    const medians = Object.entries(ttftMs).map(
      ([state, values]) => `${state} ${median(values).toFixed(1)} ms`,
    );
    process.stdout.write(
      `TTFT of ${PROMPT_TOKENS} tokens, medians of ${shares.length}: ${medians.join(', ')}; pega ÷ cold ${median(shares).toFixed(3)}\n`,
    );
    expect(median(shares)).toBeLessThanOrEqual(WARM_TTFT_SHARE_MAX);
  });
});

test('a prompt that is prefilled in three chunks is stored and hit whole', async () => {
  const engine = vllm('states-first');
  await makeHostWarm(engine, long);
  for (const one of long) {
    const counted = await engine.counting(() => expectAnswers(engine, [one]));
    expect(counted).toMatchObject({ localHits: 0, externalHits: LONG_HIT_TOKENS });
  }
});

test('a prompt that goes another way after nine blocks hits those nine', async () => {
  const engine = vllm('states-first');
  const [first, second] = shared as [Expected, Expected, ...Expected[]];
  const shares = 9 * BLOCK_TOKENS;
  const branch = {
    ...second,
    tokens: [...first.tokens.slice(0, shares + 5), ...second.tokens.slice(shares + 5)],
  };
  const [expected] = await askInTurn(vllm('states-plain'), [branch]);
  await makeHostWarm(engine, [first]);
  const counted = await engine.counting(() => expectAnswers(engine, [expected as Expected]));
  expect(counted).toMatchObject({ localHits: 0, externalHits: shares });
});

test('a cache_salt keeps its blocks apart', async () => {
  const engine = vllm('states-first');
  const ask = (one: Expected, cacheSalt: string) =>
    engine.counting(async () => {
      const said = await engine.complete(one.tokens, { maxTokens: one.answerTokens, cacheSalt });
      expect(said.tokens, `${one.name}, ${cacheSalt}`).toEqual(one.answer);
    });
  for (const one of apart) {
    expect(await ask(one, 'ours'), one.name).toMatchObject({ externalHits: 0 });
    await server.untilIdle();
    await engine.reset();
    expect(await ask(one, 'theirs')).toMatchObject({ localHits: 0, externalHits: 0 });
    const unsalted = await engine.counting(() => expectAnswers(engine, [one]));
    expect(unsalted).toMatchObject({ localHits: 0, externalHits: 0 });
    await server.untilIdle();
    await engine.reset();
    expect(await ask(one, 'ours')).toMatchObject({ localHits: 0, externalHits: HIT_TOKENS });
  }
});

test('prompt_logprobs computes the whole prompt, whatever is stored', async () => {
  const engine = vllm('states-first');
  await makeHostWarm(engine, [probed]);
  const expected = await vllm('states-plain').promptLogprobs(probed.tokens);
  expect(expected.logprobs).toHaveLength(PROBED_TOKENS);
  const counted = await engine.counting(async () => {
    expect(await engine.promptLogprobs(probed.tokens)).toEqual(expected);
  });
  expect(counted).toMatchObject({ localHits: 0, externalHits: 0 });
  await server.untilIdle();
  await engine.reset();
  const afterwards = await engine.counting(() => expectAnswers(engine, [probed]));
  expect(afterwards).toMatchObject({ externalHits: PROBED_HIT_TOKENS });
});

test('a second engine is warm from the first, and the first from the second', async () => {
  await vllm('states-plain').stop();
  const second = await start({
    name: 'states-second',
    dtype: 'bfloat16',
    socket: server.socket,
    settings: PATIENT,
  });
  await server.untilJoined(2);
  const first = vllm('states-first');
  const [fromFirst, fromSecond] = [shared.slice(0, 2), shared.slice(2)];
  await makeHostWarm(first, fromFirst);
  const sealedBefore = (await server.look()).blocks.sealed;
  expect(await second.counting(() => expectAnswers(second, fromFirst))).toMatchObject({
    localHits: 0,
    externalHits: HIT_TOKENS * fromFirst.length,
  });
  await expectAnswers(second, fromSecond);
  await server.untilIdle();
  // Nothing that one engine has stored is stored by the other again.
  expect((await server.look()).blocks.sealed - sealedBefore).toBe(fromSecond.length * HIT_BLOCKS);
  expect(await first.counting(() => expectAnswers(first, fromSecond))).toMatchObject({
    localHits: 0,
    externalHits: HIT_TOKENS * fromSecond.length,
  });
});

test('an engine that was started again is warm at once', async () => {
  await Promise.all([vllm('states-first').stop(), vllm('states-second').stop()]);
  await server.untilJoined(0);
  const again = await start({
    name: 'states-again',
    dtype: 'bfloat16',
    socket: server.socket,
    settings: PATIENT,
  });
  await server.untilJoined(1);
  const counted = await again.counting(() => expectAnswers(again, states));
  expect(counted).toMatchObject({ localHits: 0, externalHits: HIT_TOKENS * states.length });
});
