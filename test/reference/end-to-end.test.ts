// The worker with a real server over the real socket: whatever happens to the server, the same tokens.
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectPega } from '../../src/rpc/client.js';
import {
  BLOCK_TOKENS,
  promptOf,
  until,
  type WorkerClient,
  withScene,
} from './support/processes.js';

const EXTERNAL = 'vllm:prompt_tokens_by_source_total';
const EXTERNAL_LABEL = 'source="external_kv_transfer"';
const external = (worker: WorkerClient) => worker.counter(EXTERNAL, EXTERNAL_LABEL);

/** What a full hit saves: all full blocks but the one with the last token. */
const cacheable = (length: number) => Math.floor((length - 1) / BLOCK_TOKENS) * BLOCK_TOKENS;

test('cold, cached, from pega and without pega: the same tokens, and counters that say which', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    const server = await serve();
    const one = await worker({ socket });
    const lengths = [1, 15, 16, 17, 160, 333];
    const prompts = lengths.map(promptOf);
    const cold = await Promise.all(prompts.map((prompt) => one.complete(prompt)));
    expect(cold.map(({ cachedTokens }) => cachedTokens)).toEqual(lengths.map(() => 0));
    const saved = lengths.map(cacheable);
    const local = await Promise.all(prompts.map((prompt) => one.complete(prompt)));
    expect(local.map(({ tokens }) => tokens)).toEqual(cold.map(({ tokens }) => tokens));
    expect(local.map(({ cachedTokens }) => cachedTokens)).toEqual(saved);
    expect(await external(one)).toBe(0);

    await one.reset();
    const warm = await Promise.all(prompts.map((prompt) => one.complete(prompt)));
    expect(warm.map(({ tokens }) => tokens)).toEqual(cold.map(({ tokens }) => tokens));
    expect(warm.map(({ cachedTokens }) => cachedTokens)).toEqual(saved);
    const total = saved.reduce((sum, tokens) => sum + tokens, 0);
    expect(await external(one)).toBe(total);
    expect(await one.counter('vllm:external_prefix_cache_hits_total')).toBe(total);
    expect(await one.counter('vllm:prefix_cache_hits_total')).toBe(total);

    const other = await worker({ socket });
    const shared = await Promise.all(prompts.map((prompt) => other.complete(prompt)));
    expect(shared.map(({ tokens }) => tokens)).toEqual(cold.map(({ tokens }) => tokens));
    expect(shared.map(({ cachedTokens }) => cachedTokens)).toEqual(saved);

    const alone = await worker();
    const without = await Promise.all(prompts.map((prompt) => alone.complete(prompt)));
    expect(without.map(({ tokens }) => tokens)).toEqual(cold.map(({ tokens }) => tokens));
    expect((await server.stop()).exitCode).toBe(0);
    expect((await one.child.stop()).exitCode).toBe(0);
  });
});

test('blocks of answers are stored too', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    await serve();
    const one = await worker({ socket });
    const prompt = promptOf(40, 1);
    const first = await one.complete(prompt, 60);
    const longer = [...prompt, ...first.tokens];
    await one.reset();
    // The answer's last token was never computed, so the block that it fills is not there.
    const next = await one.complete(longer, 8);
    expect(next.cachedTokens).toBe(Math.floor((40 + 60 - 1) / BLOCK_TOKENS) * BLOCK_TOKENS);
    const alone = await worker();
    expect((await alone.complete(longer, 8)).tokens).toEqual(next.tokens);
  });
});

test('a server killed under load, and a new one: requests go on, then hits return', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    const alone = await worker();
    const prompts = Array.from({ length: 12 }, (_, salt) => promptOf(300, salt));
    const truth = await Promise.all(prompts.map((prompt) => alone.complete(prompt, 4)));
    const tokens = truth.map((answer) => answer.tokens);
    const answersOf = async (one: WorkerClient) =>
      (await Promise.all(prompts.map((prompt) => one.complete(prompt, 4)))).map((a) => a.tokens);

    const server = await serve();
    const one = await worker({ socket, blocks: 128, 'max-running': 4 });
    expect(await answersOf(one)).toEqual(tokens);
    const running = answersOf(one);
    server.signal('SIGKILL');
    await server.ended;
    expect(await running).toEqual(tokens);
    await one.reset();
    const before = await external(one);
    expect(await answersOf(one)).toEqual(tokens);
    expect(await external(one)).toBe(before);

    await serve();
    await until('the worker has registered with the new server', () => isConnected(one, 2));
    await one.reset();
    expect(await answersOf(one)).toEqual(tokens);
    await one.reset();
    expect(await answersOf(one)).toEqual(tokens);
    expect(await external(one)).toBeGreaterThan(before);
  });
});

test('a worker that starts before the server finds it', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    const one = await worker({ socket });
    const prompt = promptOf(100, 3);
    const cold = await one.complete(prompt);
    await serve();
    await until('the worker has registered', () => isConnected(one, 1));
    await one.reset();
    await one.complete(prompt);
    await one.reset();
    expect(await one.complete(prompt)).toEqual({ tokens: cold.tokens, cachedTokens: 96 });
  });
});

test('under eviction in worker and pool every answer is the same', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    // Blocks of 512 KiB: the pool has 32 of them, the worker 40, the prompts 172.
    const large = { layers: 4, heads: 8, 'kv-heads': 8, 'head-dim': 32, 'block-tokens': 64 };
    const prompts = Array.from({ length: 32 }, (_, i) =>
      promptOf(320, i % 4).concat(promptOf(320, 100 + i)),
    );
    await serve({ 'pool-size': '16mb' });
    const alone = await worker({ ...large, blocks: 400 });
    const truth = new Map<number[], number[]>();
    for (const prompt of prompts) {
      truth.set(prompt, (await alone.complete(prompt, 3)).tokens);
    }
    const one = await worker({ ...large, socket, blocks: 40, 'max-running': 3 });
    for (const order of [prompts, prompts.toReversed(), prompts]) {
      const answers = await Promise.all(order.map((prompt) => one.complete(prompt, 3)));
      expect(answers.map(({ tokens }) => tokens)).toEqual(order.map((p) => truth.get(p)));
    }
    const pega = connectPega({ socket });
    const { totals } = await pega.getPool({}).finally(() => pega.close());
    expect(totals?.evicted).toBeGreaterThan(100);
    expect(await external(one)).toBeGreaterThan(0);
  });
});

test('slab files destroyed from outside: loads fail, answers do not change', async () => {
  await withScene(async ({ folder, socket, serve, worker }) => {
    await serve();
    const one = await worker({ socket });
    const prompts = Array.from({ length: 4 }, (_, salt) => promptOf(200, salt));
    const cold = await Promise.all(prompts.map((prompt) => one.complete(prompt)));
    await one.reset();
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.includes('slab-'))) {
      truncateSync(join(folder, file), 0);
    }
    const after = await Promise.all(prompts.map((prompt) => one.complete(prompt)));
    expect(after).toEqual(cold);
    expect(await external(one)).toBe(0);
  });
});

test('equal prompts at the same time: the same tokens, each block once in the pool', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    await serve();
    const one = await worker({ socket });
    const two = await worker({ socket });
    const prompt = promptOf(320, 5);
    const answers = await Promise.all(
      [one, two, one, two].map((client) => client.complete(prompt, 4)),
    );
    expect(new Set(answers.map(({ tokens }) => tokens.join())).size).toBe(1);
    await one.reset();
    const pega = connectPega({ socket });
    try {
      await until('all blocks are sealed', async () => {
        const { namespaces } = await pega.getBlocks({});
        return namespaces.length === 1 && namespaces[0]?.sealed === 20;
      });
    } finally {
      pega.close();
    }
  });
});

test('a client that goes away leaves nothing pinned', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    await serve();
    const one = await worker({ socket, 'chunk-tokens': 16 });
    const pega = connectPega({ socket });
    try {
      const aborts = Array.from({ length: 8 }, (_, salt) => abandonAfterFirstToken(one, salt));
      await Promise.all(aborts);
      await one.reset();
      await until('no lease, no reserved block, no pinned byte', async () => {
        const { instances } = await pega.listInstances({});
        const [instance] = instances;
        const { pinnedBytes } = await pega.getPool({});
        return (
          instance?.leases === 0 &&
          instance.heldBytes === 0 &&
          instance.holdFileBytes === 0 &&
          pinnedBytes === 0
        );
      });
    } finally {
      pega.close();
    }
  });
});

test('a server that does not answer is a miss, not a wait', async () => {
  await withScene(async ({ socket, serve, worker }) => {
    const server = await serve();
    const one = await worker({ socket, 'query-deadline-ms': 100 });
    const prompt = promptOf(200, 6);
    const { tokens } = await one.complete(prompt);
    await one.reset();
    server.signal('SIGSTOP');
    expect(await one.complete(prompt)).toEqual({ tokens, cachedTokens: 0 });
    server.signal('SIGCONT');
    await one.reset();
    await until('hits are back', async () => {
      const answer = await one.complete(prompt);
      expect(answer.tokens).toEqual(tokens);
      await one.reset();
      return answer.cachedTokens === 192;
    });
  });
});

function isConnected(one: WorkerClient, times: number): boolean {
  const connects = one.child
    .stderrTail()
    .filter((line) => line.includes('connected to the server'));
  return connects.length >= times;
}

async function abandonAfterFirstToken(one: WorkerClient, salt: number): Promise<void> {
  const gone = new AbortController();
  const response = await fetch(`${one.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: promptOf(100, salt % 4), max_tokens: 900, stream: true }),
    signal: gone.signal,
  });
  await response.body?.getReader().read();
  gone.abort();
}
