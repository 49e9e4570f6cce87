// The worker's HTTP face as a client sees it: streams, errors, and the command's own ends.

import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promptOf, until, type WorkerClient, withScene } from './support/processes.js';

let worker: WorkerClient;
let finish = () => undefined as undefined;
let played: Promise<void>;

beforeAll(async () => {
  await new Promise<void>((resolve, reject) => {
    played = withScene(async (scene) => {
      worker = await scene.worker({ blocks: 70, model: 'tiny' });
      resolve();
      await new Promise<void>((end) => {
        finish = () => void end();
      });
    });
    played.catch(reject);
  });
});

afterAll(async () => {
  finish();
  await played;
});

const post = (body: unknown, init: RequestInit = {}) =>
  fetch(`${worker.url}/v1/completions`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });

test('a stream has a chunk a token, the usage and its end', async () => {
  const prompt = promptOf(20, 1);
  const whole = await worker.complete(prompt, 3);
  const text = await (
    await post({ prompt, max_tokens: 3, stream: true, stream_options: { include_usage: true } })
  ).text();
  const payloads = text.split('\n\n').flatMap((event) => event.match(/^data: (.*)$/)?.[1] ?? []);
  expect(payloads.at(-1)).toBe('[DONE]');
  const chunks = payloads.slice(0, -1).map((payload) => JSON.parse(payload));
  expect(chunks.flatMap(({ choices }) => choices[0]?.token_ids ?? [])).toEqual(whole.tokens);
  expect(chunks.map(({ choices }) => choices.length)).toEqual([1, 1, 1, 1, 0]);
  expect(chunks[3].choices[0].finish_reason).toBe('length');
  expect(chunks[4].usage).toEqual({
    prompt_tokens: 20,
    completion_tokens: 3,
    total_tokens: 23,
    prompt_tokens_details: { cached_tokens: 16 },
  });
});

test('words and ids are the same prompt', async () => {
  const body = { max_tokens: 4 };
  const ids = await (await post({ ...body, prompt: [5, 6, 7] })).json();
  const words = await (await post({ ...body, prompt: 't5 t6 t7' })).json();
  expect(words).toMatchObject({ choices: (ids as { choices: unknown }).choices });
});

test.each([
  ['{', 400, 'is not JSON'],
  [{ prompt: [600] }, 400, 'prompt[0] is 600'],
  [{ prompt: [1], model: 'other' }, 404, 'this worker has "tiny"'],
  [{ prompt: promptOf(1000, 1), max_tokens: 100 }, 400, 'the context has 1024'],
  [' '.repeat(17 * 1024 * 1024), 413, 'the body is larger'],
])('a bad body gets a sentence (%#)', async (body, status, sentence) => {
  const response = await post(body);
  expect(response.status).toBe(status);
  const { error } = (await response.json()) as { error: { message: string } };
  expect(error.message).toContain(sentence);
});

test('a prompt that needs more blocks than there are is refused', async () => {
  await withScene(async (scene) => {
    const small = await scene.worker({ blocks: 4 });
    await expect(small.complete(promptOf(100, 1))).rejects.toThrow('the worker has 4');
  });
});

test('other paths and methods are named', async () => {
  expect((await fetch(`${worker.url}/nothing`)).status).toBe(404);
  expect((await fetch(`${worker.url}/v1/completions`)).status).toBe(405);
  expect((await fetch(`${worker.url}/health`)).status).toBe(200);
  const address = new URL(worker.url);
  // Not a URL even beside a base: fetch would not send it.
  const odd = request({ host: address.hostname, port: address.port, path: '//' }).end();
  expect((await once(odd, 'response'))[0]).toMatchObject({ statusCode: 404 });
  const models = await (await fetch(`${worker.url}/v1/models`)).json();
  expect(models).toMatchObject({ data: [{ id: 'tiny', max_model_len: 1024 }] });
});

test('a client that goes away frees its blocks; until then the cache cannot be reset', async () => {
  const gone = new AbortController();
  const response = await post(
    { prompt: promptOf(50, 2), max_tokens: 900, stream: true },
    { signal: gone.signal },
  );
  await response.body?.getReader().read();
  const busy = await (await fetch(`${worker.url}/reset_prefix_cache`, { method: 'POST' })).json();
  expect(busy).toEqual({ success: false });
  gone.abort();
  await worker.reset();
  await until(
    'nothing runs',
    async () => (await worker.counter('vllm:num_requests_running')) === 0,
  );
});

test('SIGINT ends it with 0; a taken port and a bad shape do not start it', async () => {
  await withScene(async (scene) => {
    const one = await scene.worker();
    one.child.signal('SIGINT');
    expect((await one.child.ended).exitCode).toBe(0);
    const taken: Server = createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(scene.worker({ port })).rejects.toMatchObject({ code: 'PEGA_ADDRESS_IN_USE' });
    taken.close();
    await expect(scene.worker({ heads: 3 })).rejects.toThrow('heads is 3');
  });
});
