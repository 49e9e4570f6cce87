// One completion of a vLLM, streamed and timed token by token; or left in the middle.

import type { Dispatcher } from 'undici';
import { dataPayloads } from '../../../src/bench/event-stream.js';

export interface CompletionOptions {
  maxTokens: number;
  cacheSalt?: string;
  /** Closes the stream after this many tokens; 0 right after the request was sent. */
  leaveAfter?: number;
}

export interface Answer {
  tokens: number[];
  ttftMs: number;
  /** Between tokens. */
  gapsMs: number[];
}

interface Chunk {
  error?: unknown;
  choices?: { token_ids?: number[] | null }[];
}

/** Longer than any request of these tests, even while a server is away. */
const STALL_TIMEOUT_MS = 120_000;

export interface Endpoint {
  url: string;
  dispatcher: Dispatcher;
}

export async function complete(
  { url, dispatcher }: Endpoint,
  prompt: readonly number[],
  { maxTokens, cacheSalt, leaveAfter }: CompletionOptions,
): Promise<Answer> {
  const gone = new AbortController();
  const startMs = performance.now();
  const asking = dispatcher.request({
    ...post(url, {
      ...bodyOf(prompt, maxTokens),
      stream: true,
      ...(cacheSalt === undefined ? {} : { cache_salt: cacheSalt }),
    }),
    signal: gone.signal,
  });
  if (leaveAfter === 0) {
    setTimeout(() => gone.abort(), 5);
    await asking.then(({ body }) => body.dump()).catch(() => undefined);
    return { tokens: [], ttftMs: 0, gapsMs: [] };
  }
  const { statusCode, body } = await asking;
  if (statusCode !== 200) {
    throw new Error(`HTTP ${statusCode}: ${(await body.text()).slice(0, 500)}`);
  }
  const tokens: number[] = [];
  const times: number[] = [];
  for await (const payload of dataPayloads(body)) {
    const ids = payload === '[DONE]' ? [] : idsOf(payload);
    tokens.push(...ids);
    times.push(...ids.map(() => performance.now() - startMs));
    if (leaveAfter !== undefined && tokens.length >= leaveAfter) {
      gone.abort();
      return answerOf(tokens, times);
    }
  }
  if (tokens.length !== maxTokens) {
    throw new Error(`${tokens.length} tokens came, ${maxTokens} were asked for`);
  }
  return answerOf(tokens, times);
}

/** The log probability of each prompt token; vLLM does not stream these. */
export async function promptLogprobs(
  { url, dispatcher }: Endpoint,
  prompt: readonly number[],
): Promise<{ tokens: number[]; logprobs: (number | null)[] }> {
  const { statusCode, body } = await dispatcher.request(
    post(url, { ...bodyOf(prompt, 8), prompt_logprobs: 0 }),
  );
  const text = await body.text();
  if (statusCode !== 200) {
    throw new Error(`HTTP ${statusCode}: ${text.slice(0, 500)}`);
  }
  const { choices } = JSON.parse(text) as {
    choices: {
      token_ids: number[];
      prompt_logprobs: (Record<string, { logprob: number }> | null)[];
    }[];
  };
  const [choice] = choices;
  return {
    tokens: choice?.token_ids ?? [],
    logprobs: (choice?.prompt_logprobs ?? []).map((one, index) =>
      one === null ? null : (one[String(prompt[index])]?.logprob ?? null),
    ),
  };
}

function bodyOf(prompt: readonly number[], maxTokens: number): object {
  return {
    model: 'm',
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    ignore_eos: true,
    return_token_ids: true,
  };
}

function post(url: string, body: object): Dispatcher.RequestOptions {
  return {
    origin: url,
    path: '/v1/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    headersTimeout: STALL_TIMEOUT_MS,
    bodyTimeout: STALL_TIMEOUT_MS,
  };
}

function idsOf(payload: string): number[] {
  const { error, choices = [] } = JSON.parse(payload) as Chunk;
  if (error !== undefined && error !== null) {
    throw new Error(`in the stream: ${JSON.stringify(error)}`);
  }
  return choices.flatMap(({ token_ids }) => token_ids ?? []);
}

function answerOf(tokens: number[], times: number[]): Answer {
  return {
    tokens,
    ttftMs: times[0] ?? Number.NaN,
    gapsMs: times.slice(1).map((time, index) => time - (times[index] ?? time)),
  };
}
