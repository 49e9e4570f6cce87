// Token identity under pressure: two workers on one pool a tenth of the working set, concurrent equal
// prompts, clients that leave in the middle of their stream, prefix-cache resets in between. Every token
// that anybody sees is that of a worker without a server. The seed is in the test's name; PEGA_TEST_SEED
// repeats it.

import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/bench/random.js';
import { type WorkerClient, withScene } from '../reference/support/processes.js';
import { until } from '../server/support/until.js';
import { leaksOf, lookAt } from './support/race.js';
import { streamTokens } from './support/stream.js';

const SEED = Number(process.env.PEGA_TEST_SEED ?? randomInt(2 ** 31));
const RUN_MS = process.env.PEGA_TEST_LONG === '1' ? 120_000 : 20_000;
const LEAST_REQUESTS = 60;
const CLIENTS = 6;
const ANSWER_TOKENS = 12;

/** Blocks of 512 KiB. */
const MODEL = { layers: 4, heads: 8, 'kv-heads': 8, 'head-dim': 32, 'block-tokens': 64 };
const BLOCK_TOKENS = MODEL['block-tokens'];
const BLOCK_BYTES = 512 * 1024;
const POOL_BYTES = 16 * 1024 ** 2;

interface Prompt {
  tokens: number[];
  truth: number[];
}

/** Families that share their first blocks; together at least ten pools of blocks. */
function makePrompts(random: Random): number[][] {
  const tokens = (count: number) => Array.from({ length: count }, () => random.integer(512));
  const prompts: number[][] = [];
  let blocks = 0;
  while (blocks * BLOCK_BYTES < 10 * POOL_BYTES) {
    const shared = tokens((1 + random.integer(4)) * BLOCK_TOKENS);
    blocks += shared.length / BLOCK_TOKENS;
    for (let member = 0; member < 3; member += 1) {
      const own = tokens(200 + random.integer(500));
      blocks += Math.floor(own.length / BLOCK_TOKENS);
      prompts.push([...shared, ...own]);
    }
  }
  return prompts;
}

test(`under eviction, aborts and resets every token is the same (seed ${SEED})`, async () => {
  await withScene(async ({ socket, serve, worker }) => {
    const random = seededRandom(SEED);
    await serve({ 'pool-size': '16mb' });
    const alone = await worker({ ...MODEL, blocks: 700, threads: 2 });
    const prompts = await Promise.all(
      makePrompts(random).map(async (tokens): Promise<Prompt> => {
        const { tokens: truth } = await alone.complete(tokens, ANSWER_TOKENS);
        return { tokens, truth };
      }),
    );
    await alone.child.stop();
    const flags = { ...MODEL, socket, blocks: 48, 'max-running': 4, 'chunk-tokens': 256 };
    const workers = [await worker(flags), await worker(flags)];

    const endMs = performance.now() + RUN_MS;
    let requests = 0;
    const client = async (): Promise<void> => {
      while (performance.now() < endMs || requests < LEAST_REQUESTS) {
        requests += 1;
        await oneRequest(random, workers, prompts);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));

    const look = await lookAt(socket);
    expect(look.totals.evicted).toBeGreaterThan(32);
    const hits = await Promise.all(
      workers.map((one) => one.counter('vllm:external_prefix_cache_hits_total')),
    );
    expect(Math.max(...hits)).toBeGreaterThan(0);
    await until('nothing is held', async () => leaksOf(await lookAt(socket)).length === 0);
  });
}, 240_000);

async function oneRequest(
  random: Random,
  workers: readonly WorkerClient[],
  prompts: readonly Prompt[],
): Promise<void> {
  // Some prompts come often, so that there is something to hit.
  const among = random.uniform() < 0.5 ? Math.ceil(prompts.length / 10) : prompts.length;
  const prompt = prompts[random.integer(among)];
  const one = workers[random.integer(workers.length)];
  if (prompt === undefined || one === undefined) {
    throw new Error('no prompt, no worker');
  }
  const length = 1 + random.integer(ANSWER_TOKENS);
  const expected = prompt.truth.slice(0, length);
  const dice = random.uniform();
  if (dice < 0.2) {
    const leaveAfter = random.integer(length + 1);
    const seen = await streamTokens(one.url, prompt.tokens, length, leaveAfter);
    expect(seen).toEqual(expected.slice(0, seen.length));
  } else if (dice < 0.4) {
    const answers = await Promise.all(
      [...workers, one].map((each) => each.complete(prompt.tokens, length)),
    );
    expect(answers.map(({ tokens }) => tokens)).toEqual([expected, expected, expected]);
  } else {
    expect((await one.complete(prompt.tokens, length)).tokens).toEqual(expected);
  }
  if (random.uniform() < 0.3) {
    // It may be refused: requests are running.
    await fetch(`${one.url}/reset_prefix_cache`, { method: 'POST' });
  }
}
