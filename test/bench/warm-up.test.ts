// The warm-up of a vLLM of ours: until a prompt comes back from pega, or why that can't be.
import { Agent } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectEngine } from '../../src/bench/engine-api.js';
import { complete } from '../../src/bench/openai-client.js';
import { type WarmUpOptions, warmUp } from '../../src/bench/warm-up.js';
import { startTestServer, type TestServer } from '../server/support/test-server.js';
import { type FakeEngine, type FakeEngineOptions, startFakeEngine } from './fake-engine.js';

const PROMPT = Array.from({ length: 64 }, (_, index) => index + 300);

let server: TestServer;
let engine: FakeEngine;
let dispatcher: Agent;

beforeEach(async () => {
  server = await startTestServer();
  dispatcher = new Agent();
});

afterEach(async () => {
  await dispatcher.destroy();
  await engine.close();
  await server.stop();
});

async function warm(faults: FakeEngineOptions, options: Partial<WarmUpOptions> = {}) {
  engine = await startFakeEngine(faults);
  const { signal } = new AbortController();
  const { url } = engine;
  const call = { url, model: 'fake', dispatcher, signal, stallTimeoutMs: 10_000 };
  await warmUp({
    engine: connectEngine({ url, dispatcher, signal }),
    pega: server.client,
    send: (prompt) => complete({ prompt, outputTokens: 1 }, call),
    prompt: PROMPT,
    signal,
    keepLog: () => '/the/log',
    ...options,
  });
}

it('sends a prompt until it comes back from outside', async () => {
  await warm({});
  expect([engine.requests.length, engine.resets]).toEqual([2, 1]);
});

it('gives up where nothing ever comes from outside, and names the log', async () => {
  await expect(warm({ external: false }, { timeoutMs: 1 })).rejects.toMatchObject({
    code: 'PEGA_INVALID_RUN',
    suggestions: [expect.stringContaining('/the/log')],
  });
});

it('tells of an engine that fails its first request', async () => {
  const completion: FakeEngineOptions['completion'] = (response) => response.writeHead(500).end();
  await expect(warm({ completion })).rejects.toMatchObject({
    code: 'PEGA_UNAVAILABLE',
    message: expect.stringContaining('HTTP 500'),
  });
});
