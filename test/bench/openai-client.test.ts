// The client against a real HTTP server that streams, stalls, breaks off and answers errors.
import { Agent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { type Completion, complete } from '../../src/bench/openai-client.js';
import { type FakeEngine, type FakeEngineOptions, send, startFakeEngine } from './fake-engine.js';

let engine: FakeEngine | undefined;
const dispatcher = new Agent();

afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

async function ask(
  completion: FakeEngineOptions['completion'],
  options: { outputTokens?: number; stallTimeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Completion> {
  engine = await startFakeEngine(completion ? { completion } : {});
  return complete(
    { prompt: [1, 2, 3], outputTokens: options.outputTokens ?? 2 },
    {
      url: engine.url,
      model: 'fake',
      dispatcher,
      stallTimeoutMs: options.stallTimeoutMs ?? 10_000,
      signal: options.signal ?? new AbortController().signal,
    },
  );
}

describe('complete', () => {
  it('streams an answer and asks for greedy tokens of a given number', async () => {
    expect(await ask(undefined)).toMatchObject({
      ok: true,
      answer: '1 2',
      promptTokens: 3,
      outputTokens: 2,
      cachedTokens: null,
    });
    expect(engine?.requests[0]).toMatchObject({
      model: 'fake',
      prompt: [1, 2, 3],
      max_tokens: 2,
      temperature: 0,
      stream: true,
    });
  });

  it('counts the first chunk with choices, even if its text is empty, and not what comes before', async () => {
    let release: () => void = () => undefined;
    const answer = ask((response) => {
      response.writeHead(200);
      response.write(': a comment\n\n');
      send(response, { choices: [] });
      release = () => {
        send(response, { choices: [{ text: '' }] });
        send(response, { choices: [{ text: 'ab' }] });
        response.end('data: [DONE]\n\n');
      };
      setImmediate(() => release());
    });
    const completion = await answer;
    expect(completion).toMatchObject({ ok: true, answer: 'ab', outputTokens: null });
    expect(completion.ok && completion.ttftMs <= completion.latencyMs).toBe(true);
  });

  it('puts events together that packets cut anywhere, also inside a character', async () => {
    const bytes = Buffer.from(
      'data: {"choices":[{"text":"é"}]}\r\n\r\ndata: {"choices":[{"text":"ß"}]}\n\ndata: [DONE]',
    );
    const completion = await ask((response) => {
      response.writeHead(200);
      response.socket?.setNoDelay(true);
      const writeFrom = (index: number) => {
        if (index === bytes.length) {
          response.end();
          return;
        }
        response.write(bytes.subarray(index, index + 1), () => setImmediate(writeFrom, index + 1));
      };
      writeFrom(0);
    });
    expect(completion).toMatchObject({ ok: true, answer: 'éß' });
  });

  it('reads cached tokens from the usage', async () => {
    const completion = await ask((response) => {
      response.writeHead(200);
      send(response, { choices: [{ text: 'x', token_ids: [9, 8] }] });
      send(response, {
        choices: [],
        usage: {
          prompt_tokens: 3,
          completion_tokens: 2,
          prompt_tokens_details: { cached_tokens: 2 },
        },
      });
      response.end('data: [DONE]\n\n');
    });
    expect(completion).toMatchObject({ ok: true, cachedTokens: 2, answer: '9 8' });
  });

  it.each<[string, NonNullable<FakeEngineOptions['completion']>, RegExp]>([
    [
      'HTTP 500',
      (response) => response.writeHead(500).end('{"error":"boom"}'),
      /^HTTP 500: .*boom/,
    ],
    [
      'a stream without choices',
      (response) => response.end('data: [DONE]\n\n'),
      /without one chunk/,
    ],
    [
      'a stream that ends early',
      (response) => {
        send(response, { choices: [{ text: 'a' }] });
        response.end();
      },
      /broke off before \[DONE\]/,
    ],
    [
      'a connection that breaks',
      (response) => {
        response.writeHead(200);
        response.write('data: {"choices":[{"text":"a"}]}\n\n', () => response.destroy());
      },
      /./,
    ],
    [
      'an error in the stream',
      (response) => {
        send(response, { error: { message: 'out of blocks' } });
        response.end('data: [DONE]\n\n');
      },
      /out of blocks/,
    ],
    ['no JSON', (response) => response.end('data: {"choices":\n\n'), /JSON/],
    [
      'fewer tokens than asked',
      (response) => {
        send(response, { choices: [{ token_ids: [1] }] });
        response.end('data: [DONE]\n\n');
      },
      /1 output tokens came, 2 were asked for/,
    ],
  ])('fails on %s', async (_, completion, error) => {
    expect(await ask(completion)).toMatchObject({ ok: false, error: expect.stringMatching(error) });
  });

  it.each<[string, NonNullable<FakeEngineOptions['completion']>]>([
    ['before the headers', () => undefined],
    [
      'in the middle',
      (response) => {
        response.writeHead(200);
        send(response, { choices: [{ text: 'a' }] });
      },
    ],
  ])('fails when the server stalls %s', async (_, completion) => {
    const answer = await ask(completion, { stallTimeoutMs: 1000 });
    expect(answer).toMatchObject({ ok: false, error: expect.stringMatching(/TIMEOUT/i) });
  });

  it('fails when nobody listens', async () => {
    engine = await startFakeEngine();
    const { url } = engine;
    await engine.close();
    engine = undefined;
    const signal = new AbortController().signal;
    const answer = await complete(
      { prompt: [1], outputTokens: 1 },
      { url, model: 'fake', dispatcher, stallTimeoutMs: 1000, signal },
    );
    expect(answer).toMatchObject({ ok: false, error: expect.stringMatching(/ECONNREFUSED/) });
  });

  it("rejects with the caller's reason when the caller aborts", async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const answer = ask(() => stop.abort(reason), { signal: stop.signal });
    await expect(answer).rejects.toBe(reason);
  });
});
