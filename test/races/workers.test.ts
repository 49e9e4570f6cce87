// The reference worker in the races that a proxy can force on it: every kind of answer lost, the server
// restarted while an answer or a Seal is on its way, the worker killed with something open. Its answers
// stay those of a worker without a server, and nothing stays held.

import { expect, test } from 'vitest';
import { type RpcProxy, startRpcProxy } from '../../fixtures/rpc-proxy/rpc-proxy.js';
import {
  promptOf,
  type Scene,
  type WorkerClient,
  withScene,
} from '../reference/support/processes.js';
import { until } from '../server/support/until.js';
import { leaksOf, lookAt } from './support/race.js';

const external = (worker: WorkerClient) =>
  worker.counter('vllm:prompt_tokens_by_source_total', 'source="external_kv_transfer"');
const CACHEABLE = 304; // of 320 tokens, in blocks of 16: all but the block with the last token

async function withProxy(
  play: (
    scene: Scene & { proxy: RpcProxy; truth: (prompt: number[]) => Promise<number[]> },
  ) => Promise<void>,
  model: Record<string, number> = {},
): Promise<void> {
  await withScene(async (scene) => {
    const proxy = await startRpcProxy(`${scene.folder}/proxy.sock`, scene.socket);
    const alone = await scene.worker(model);
    const truth = async (prompt: number[]) => (await alone.complete(prompt)).tokens;
    try {
      await play({ ...scene, proxy, truth });
    } finally {
      await proxy.stop();
    }
  });
}

const nothingHeld = (socket: string) =>
  until('nothing is held', async () => leaksOf(await lookAt(socket)).length === 0);

test.each(['Query', 'Release', 'Reserve', 'Seal'])(
  'an answer of %s never comes: the same tokens, each block sealed once, nothing stays held',
  async (method) => {
    await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
      await serve();
      const one = await worker({ socket: proxy.socket, 'query-deadline-ms': 1000 });
      const prompt = promptOf(320, 1);
      const tokens = await truth(prompt);
      const lost = proxy.catchNext(method, 'answer');
      for (let round = 0; round < 3; round += 1) {
        expect((await one.complete(prompt)).tokens).toEqual(tokens);
        await one.reset(); // succeeds when no store is under way
      }
      await lost.caught;
      expect(await one.complete(prompt)).toEqual({ tokens, cachedTokens: CACHEABLE });
      await nothingHeld(socket);
      const abandoned = method === 'Reserve' ? 20 : 0;
      expect((await lookAt(socket)).totals).toMatchObject({ sealed: 20, abandoned });
    });
  },
);

/** Many steps of some milliseconds each: time enough to be stopped in the prefill. */
const SLOW = { layers: 8, ffn: 1024, 'chunk-tokens': 16 };

test.each(['Reserve', 'Abandon'])(
  'a client leaves during the prefill, and the answer of %s never comes',
  async (method) => {
    await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
      await serve();
      const one = await worker({ ...SLOW, socket: proxy.socket });
      const prompt = promptOf(900, 2);
      const reserving = proxy.catchNext('Reserve', 'answer');
      const lost = method === 'Reserve' ? reserving : proxy.catchNext('Abandon', 'answer');
      const gone = new AbortController();
      const asking = fetch(`${one.url}/v1/completions`, {
        method: 'POST',
        body: JSON.stringify({ prompt, max_tokens: 100 }),
        signal: gone.signal,
      });
      asking.catch(() => undefined);
      await reserving.caught;
      one.child.signal('SIGSTOP');
      expect((await lookAt(socket)).blocks).toMatchObject({ reserved: 56, sealed: 0 });
      gone.abort();
      if (method === 'Abandon') {
        expect(await reserving.letGo()).toBeUndefined();
      }
      one.child.signal('SIGCONT');
      await lost.caught;
      await nothingHeld(socket);
      expect((await lookAt(socket)).totals.abandoned).toBeGreaterThan(0);
      await one.reset();
      const tokens = await truth(prompt);
      for (let round = 0; round < 2; round += 1) {
        expect((await one.complete(prompt)).tokens).toEqual(tokens);
        await one.reset();
      }
      await nothingHeld(socket);
    }, SLOW);
  },
);

test('the connection is cut in a Seal: the worker registers anew, and nothing of before stays held', async () => {
  await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
    await serve();
    const one = await worker({ socket: proxy.socket });
    const prompt = promptOf(320, 3);
    const tokens = await truth(prompt);
    const sealing = proxy.catchNext('Seal', 'request');
    expect((await one.complete(prompt)).tokens).toEqual(tokens);
    await sealing.caught;
    const sessions = proxy.seen('Session');
    sealing.cut();
    await until('it has registered again', () => proxy.seen('Session') >= sessions + 2);
    await nothingHeld(socket);
    // Late, from an engine that has ended.
    expect(await sealing.letGo()).toBe('PEGA_NOT_FOUND');
    for (let round = 0; round < 2; round += 1) {
      await one.reset();
      expect((await one.complete(prompt)).tokens).toEqual(tokens);
    }
    await one.reset();
    expect(await one.complete(prompt)).toEqual({ tokens, cachedTokens: CACHEABLE });
  });
});

test("Query's answer of the old server reaches the worker after a restart: a miss", async () => {
  await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
    const server = await serve();
    const one = await worker({ socket: proxy.socket });
    const prompt = promptOf(320, 4);
    const tokens = await truth(prompt);
    await one.complete(prompt);
    await one.reset();
    const granted = proxy.catchNext('Query', 'answer');
    const answer = one.complete(prompt);
    await granted.caught;
    // Paused before it can see that the session ended or that the header changed.
    one.child.signal('SIGSTOP');
    server.signal('SIGKILL');
    await server.ended;
    await serve();
    expect(await granted.letGo()).toBeUndefined();
    one.child.signal('SIGCONT');
    expect(await answer).toEqual({ tokens, cachedTokens: 0 });
    expect(await external(one)).toBe(0);
    await until('its blocks are stored at the new server', async () => {
      await one.reset();
      return (await one.complete(prompt)).cachedTokens === CACHEABLE;
    });
    await one.reset();
    expect((await one.complete(prompt)).tokens).toEqual(tokens);
    await nothingHeld(socket);
  });
});

test('a Seal of the old boot reaches the new server: nothing is sealed, the worker stores anew', async () => {
  await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
    const server = await serve();
    const one = await worker({ socket: proxy.socket });
    const prompt = promptOf(320, 5);
    const tokens = await truth(prompt);
    const sealing = proxy.catchNext('Seal', 'request');
    expect((await one.complete(prompt)).tokens).toEqual(tokens);
    await sealing.caught;
    server.signal('SIGKILL');
    await server.ended;
    await serve();
    expect(await sealing.letGo()).toBe('PEGA_STALE_BOOT');
    expect((await lookAt(socket)).totals).toMatchObject({ reserved: 0, sealed: 0 });
    await until('its blocks are stored at the new server', async () => {
      await one.reset();
      const again = await one.complete(prompt);
      expect(again.tokens).toEqual(tokens);
      return again.cachedTokens === CACHEABLE;
    });
    await nothingHeld(socket);
  });
});

test.each(['Seal', 'Query'])(
  'a worker killed while its %s is on the way leaves nothing',
  async (method) => {
    await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
      await serve();
      const one = await worker({ socket: proxy.socket });
      const other = await worker({ socket });
      const prompt = promptOf(320, 6);
      const tokens = await truth(prompt);
      if (method === 'Query') {
        expect((await other.complete(prompt)).tokens).toEqual(tokens);
        await until('stored', async () => (await lookAt(socket)).blocks.sealed === 20);
      }
      const call = proxy.catchNext(method, method === 'Seal' ? 'request' : 'answer');
      const answer = one.complete(prompt);
      answer.catch(() => undefined);
      await call.caught;
      one.child.signal('SIGSTOP');
      const { blocks } = await lookAt(socket);
      expect(method === 'Seal' ? blocks.reserved : blocks.pinned).toBeGreaterThan(0);
      one.child.signal('SIGKILL');
      await one.child.ended;
      await nothingHeld(socket);
      for (let round = 0; round < 2; round += 1) {
        expect((await other.complete(prompt)).tokens).toEqual(tokens);
        await other.reset();
      }
      expect(await other.complete(prompt)).toEqual({ tokens, cachedTokens: CACHEABLE });
    });
  },
);

test.each(['serve', 'reference'])(
  'a worker ends orderly beside a %s that is paused',
  async (paused) => {
    await withProxy(async ({ socket, serve, worker, proxy }) => {
      const server = await serve();
      const one = await worker({ socket: proxy.socket });
      const other = await worker({ socket });
      const reserving = proxy.catchNext('Seal', 'request');
      await one.complete(promptOf(320, 8));
      await reserving.caught;
      (paused === 'serve' ? server : other.child).signal('SIGSTOP');
      expect(await one.child.stop()).toEqual({ exitCode: 0, signal: undefined });
      (paused === 'serve' ? server : other.child).signal('SIGCONT');
      await nothingHeld(socket);
    });
  },
);

test('a worker whose Register is answered to nobody registers again', async () => {
  await withProxy(async ({ socket, serve, worker, proxy, truth }) => {
    await serve();
    const registering = proxy.catchNext('Register', 'answer');
    const starting = worker({ socket: proxy.socket });
    await registering.caught;
    registering.cut();
    const one = await starting;
    const prompt = promptOf(320, 9);
    const tokens = await truth(prompt);
    await until('its blocks are stored', async () => {
      await one.reset();
      const answer = await one.complete(prompt);
      expect(answer.tokens).toEqual(tokens);
      return answer.cachedTokens === CACHEABLE;
    });
    await nothingHeld(socket);
  });
});

test.each(['Register', 'Session'])('a worker ends while its %s is not answered', async (method) => {
  await withProxy(async ({ socket, serve, worker, proxy }) => {
    await serve();
    const one = await worker({ socket: proxy.socket });
    const sealing = proxy.catchNext('Seal', 'request');
    await one.complete(promptOf(320, 10));
    await sealing.caught;
    const asked = proxy.catchNext(method, 'request');
    sealing.cut(); // it connects again
    await asked.caught;
    expect(await one.child.stop()).toEqual({ exitCode: 0, signal: undefined });
    await nothingHeld(socket);
  });
});
