// Admission, chunks, caching and ends, with a model that only counts.
import { expect, test } from 'vitest';
import type { SequenceChunk } from '../../src/engine/reference-model.js';
import { rootHash } from '../../src/reference/block-hash.js';
import { BlockPool } from '../../src/reference/block-pool.js';
import type { KvConnector } from '../../src/reference/kv-connector.js';
import { createRequest, type EndReason, type Request } from '../../src/reference/request.js';
import { Scheduler } from '../../src/reference/scheduler.js';

const BLOCK_TOKENS = 4;
const root = rootHash('test');

interface Ended {
  reason: EndReason;
  tokens: number[];
  failure?: Error | undefined;
}

interface Bench {
  pool: BlockPool;
  scheduler: Scheduler;
  steps: SequenceChunk[][];
  firstTokens: Request[];
  send(prompt: number[], maxTokens?: number): { request: Request; ended: Promise<Ended> };
}

function bench(options: {
  blocks?: number;
  maxRunning?: number;
  connector?: Partial<KvConnector>;
  forward?: (chunks: SequenceChunk[]) => Promise<Int32Array>;
}): Bench {
  const pool = new BlockPool(options.blocks ?? 32);
  const steps: SequenceChunk[][] = [];
  const firstTokens: Request[] = [];
  // The next token is the number of tokens before it.
  const count = async (chunks: SequenceChunk[]) =>
    Int32Array.from(chunks.map((c) => (c.sample ? c.position + c.tokens.length : -1)));
  const silent: KvConnector = {
    arrived: () => undefined,
    externalBlocks: () => 0,
    load: async () => false,
    admitted: () => undefined,
    published: () => undefined,
    ended: () => undefined,
    hasUnfinishedStores: () => false,
  };
  const scheduler = new Scheduler({
    forward: async (chunks) => {
      steps.push(chunks);
      return (options.forward ?? count)(chunks);
    },
    pool,
    connector: options.connector && { ...silent, ...options.connector },
    root,
    blockTokens: BLOCK_TOKENS,
    chunkTokens: 8,
    maxRunning: options.maxRunning ?? 4,
    observer: {
      onFirstToken: (request) => firstTokens.push(request),
      onPrefixLookup: () => undefined,
      onExternalLookup: () => undefined,
    },
  });
  const send = (prompt: number[], maxTokens = 1) => {
    const tokens: number[] = [];
    let request: Request | undefined;
    const ended = new Promise<Ended>((resolve) => {
      const listener = {
        onToken: (token: number) => tokens.push(token),
        onEnd: (reason: EndReason, failure?: Error) => resolve({ reason, tokens, failure }),
      };
      const blockTokens = BLOCK_TOKENS;
      request = createRequest({ id: 'r', prompt, maxTokens, root, blockTokens, listener });
      scheduler.submit(request);
    });
    if (request === undefined) {
      throw new Error('unreachable');
    }
    return { request, ended };
  };
  return { pool, scheduler, steps, firstTokens, send };
}

const prompt = (length: number, salt = 0) => Array.from({ length }, (_, i) => i + salt * 100);
const shapeOf = (step: SequenceChunk[] | undefined) =>
  step?.map(({ position, tokens, sample }) => [position, tokens.length, sample]);

test('a prompt is cut into chunks of the budget, then decoded', async () => {
  const { send, steps, scheduler, pool } = bench({});
  expect(await send(prompt(18), 3).ended).toMatchObject({ reason: 'length', tokens: [18, 19, 20] });
  expect(steps.map(shapeOf)).toEqual([
    [[0, 8, false]],
    [[8, 8, false]],
    [[16, 2, true]],
    [[18, 1, true]],
    [[19, 1, true]],
  ]);
  expect(pool.usedCount).toBe(0);
  await scheduler.stop();
});

test('decoding and prefill share a step; the older request goes first', async () => {
  const { send, steps, scheduler } = bench({});
  const first = send(prompt(8), 3);
  const second = send(prompt(12, 1), 1);
  await Promise.all([first.ended, second.ended]);
  expect(steps.map(shapeOf)).toEqual([
    [[0, 8, true]],
    [
      [8, 1, true],
      [0, 7, false],
    ],
    [
      [9, 1, true],
      [7, 5, true],
    ],
  ]);
  await scheduler.stop();
});

test('a cached prefix is not computed again, but its last token is', async () => {
  const { send, steps, scheduler } = bench({});
  await send(prompt(8)).ended;
  steps.length = 0;
  const { request, ended } = send(prompt(8));
  expect(await ended).toMatchObject({ tokens: [8] });
  expect(request.localTokens).toBe(4);
  expect(steps.map(shapeOf)).toEqual([[[4, 4, true]]]);
  expect(scheduler.resetPrefixCache()).toBe(true);
  const again = send(prompt(8));
  await again.ended;
  expect(again.request.localTokens).toBe(0);
  await scheduler.stop();
});

test('requests wait for blocks in the order they came, and for a place', async () => {
  const { send, scheduler, firstTokens } = bench({ blocks: 4, maxRunning: 2 });
  const sent = [send(prompt(12, 1), 4), send(prompt(12, 2), 4), send(prompt(4, 3), 1)];
  expect(scheduler.resetPrefixCache()).toBe(true);
  await Promise.all(sent.map(({ ended }) => ended));
  expect(firstTokens).toEqual(sent.map(({ request }) => request));
  await scheduler.stop();
});

test('external blocks are loaded before the rest is computed', async () => {
  const loads: number[][] = [];
  const { send, steps, scheduler } = bench({
    connector: {
      externalBlocks: (_, local, most) => most - local,
      load: async (_, first, blocks) => loads.push([first, blocks.length]) > 0,
    },
  });
  const { request, ended } = send(prompt(12), 2);
  expect(await ended).toMatchObject({ tokens: [12, 13] });
  expect(loads).toEqual([[0, 2]]);
  expect(request.externalTokens).toBe(8);
  expect(steps.map(shapeOf)).toEqual([[[8, 4, true]], [[12, 1, true]]]);
  await scheduler.stop();
});

test('a load that fails is computed instead, and nothing of it is published', async () => {
  const { send, steps, scheduler, pool } = bench({
    connector: {
      externalBlocks: (_, local, most) => most - local,
      load: async (request) => {
        expect(pool.findPrefix(request.hashes)).toEqual([]);
        return false;
      },
    },
  });
  const { request, ended } = send(prompt(12));
  expect(await ended).toMatchObject({ tokens: [12] });
  expect(request.externalTokens).toBe(0);
  expect(steps.map(shapeOf)).toEqual([[[0, 8, false]], [[8, 4, true]]]);
  await scheduler.stop();
});

test('a pending query holds back its own request only', async () => {
  let answered = false;
  const { send, scheduler, firstTokens } = bench({
    connector: {
      externalBlocks: (request) => (request.promptTokens === 8 && !answered ? 'pending' : 0),
    },
  });
  const slow = send(prompt(8));
  await send(prompt(4, 1)).ended;
  expect(firstTokens).toHaveLength(1);
  answered = true;
  scheduler.wake();
  expect((await slow.ended).reason).toBe('length');
  await scheduler.stop();
});

test('an aborted request gives its blocks back, waiting or running', async () => {
  const { send, scheduler, pool } = bench({ maxRunning: 1 });
  const running = send(prompt(8), 50);
  const waiting = send(prompt(8, 1), 50);
  scheduler.abort(waiting.request);
  scheduler.abort(running.request);
  expect((await running.ended).reason).toBe('aborted');
  expect((await waiting.ended).reason).toBe('aborted');
  expect(pool.usedCount).toBe(0);
  await scheduler.stop();
});

test('a step that fails fails its requests and no others', async () => {
  let calls = 0;
  const { send, scheduler, pool } = bench({
    forward: async (chunks) => {
      calls += 1;
      if (calls === 1) {
        throw new Error('no memory');
      }
      return Int32Array.from(chunks.map(() => 1));
    },
  });
  expect(await send(prompt(4)).ended).toMatchObject({
    reason: 'failed',
    failure: { message: 'no memory' },
  });
  expect((await send(prompt(4)).ended).reason).toBe('length');
  expect(pool.usedCount).toBe(0);
  await scheduler.stop();
});

test('stopping ends all requests', async () => {
  const { send, scheduler } = bench({ maxRunning: 1 });
  const sent = [send(prompt(8), 20), send(prompt(8, 1), 20)];
  await scheduler.stop();
  for (const { ended } of sent) {
    expect((await ended).reason).toBe('aborted');
  }
});

test('the cache cannot be reset while stores are unfinished', async () => {
  let unfinished = true;
  const { scheduler } = bench({ connector: { hasUnfinishedStores: () => unfinished } });
  expect(scheduler.resetPrefixCache()).toBe(false);
  unfinished = false;
  expect(scheduler.resetPrefixCache()).toBe(true);
  await scheduler.stop();
});
