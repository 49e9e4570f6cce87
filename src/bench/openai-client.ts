// One streamed completion of an OpenAI-compatible server, timed as `vllm bench serve` times it.
//
// TTFT runs from just before the POST to the first chunk that has `choices`, even if its text is empty.
// A request that gets no such chunk, or whose stream breaks off, is failed: it never counts as 0 ms.
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { dataPayloads } from './event-stream.js';

export interface CompletionRequest {
  prompt: readonly number[];
  outputTokens: number;
}

export interface CompletionOptions {
  /** Of the server, without /v1. */
  url: string;
  model: string;
  dispatcher: Dispatcher;
  /** Longest silence, before the headers and between two packets. */
  stallTimeoutMs: number;
  signal: AbortSignal;
}

export type Completion = CompletedRequest | FailedRequest;

export interface CompletedRequest {
  ok: true;
  ttftMs: number;
  /** From the same start to the last chunk that has `choices`. */
  latencyMs: number;
  /** Token ids where the server gives them, else the text: what two answers are compared by. */
  answer: string;
  promptTokens: number | null;
  cachedTokens: number | null;
  outputTokens: number | null;
}

export interface FailedRequest {
  ok: false;
  error: string;
}

const ERROR_BODY_CHARS = 300;

const chunkShape = z.object({
  error: z.unknown().optional(),
  choices: z
    .array(
      z.object({
        text: z.string().nullish(),
        token_ids: z.array(z.number()).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z
    .object({
      prompt_tokens: z.number().nullish(),
      completion_tokens: z.number().nullish(),
      prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
    })
    .nullish(),
});

/** Never rejects but for the caller's own abort. */
export async function complete(
  request: CompletionRequest,
  options: CompletionOptions,
): Promise<Completion> {
  try {
    return await send(request, options);
  } catch (thrown) {
    options.signal.throwIfAborted();
    return { ok: false, error: thrown instanceof Error ? describe(thrown) : String(thrown) };
  }
}

async function send(request: CompletionRequest, options: CompletionOptions): Promise<Completion> {
  const body = JSON.stringify({
    model: options.model,
    prompt: request.prompt,
    max_tokens: request.outputTokens,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
    return_token_ids: true,
  });
  const { origin, pathname } = new URL(`${options.url}/v1/completions`);
  const startMs = performance.now();
  const response = await options.dispatcher.request({
    origin,
    path: pathname,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body,
    headersTimeout: options.stallTimeoutMs,
    bodyTimeout: options.stallTimeoutMs,
    signal: options.signal,
  });
  if (response.statusCode !== 200) {
    const text = (await response.body.text()).slice(0, ERROR_BODY_CHARS);
    return { ok: false, error: `HTTP ${response.statusCode}: ${text}` };
  }
  return readAnswer(response.body, startMs, request.outputTokens);
}

async function readAnswer(
  body: AsyncIterable<Uint8Array>,
  startMs: number,
  wantedTokens: number,
): Promise<Completion> {
  let ttftMs: number | undefined;
  let latencyMs = 0;
  let text = '';
  let finished = false;
  let ids: number[] = [];
  let usage: z.infer<typeof chunkShape>['usage'];
  for await (const payload of dataPayloads(body)) {
    if (payload === '[DONE]') {
      finished = true;
      continue;
    }
    const chunk = chunkShape.parse(JSON.parse(payload));
    if (chunk.error !== undefined && chunk.error !== null) {
      return { ok: false, error: `in the stream: ${JSON.stringify(chunk.error)}` };
    }
    const [choice] = chunk.choices ?? [];
    if (choice !== undefined) {
      latencyMs = performance.now() - startMs;
      ttftMs ??= latencyMs;
      text += choice.text ?? '';
      ids = ids.concat(choice.token_ids ?? []);
    }
    usage = chunk.usage ?? usage;
  }
  if (ttftMs === undefined) {
    return { ok: false, error: 'the stream ended without one chunk that has choices' };
  }
  if (!finished) {
    return { ok: false, error: 'the stream broke off before [DONE]' };
  }
  const outputTokens = usage?.completion_tokens ?? (ids.length > 0 ? ids.length : null);
  if (outputTokens !== null && outputTokens !== wantedTokens) {
    return {
      ok: false,
      error: `${outputTokens} output tokens came, ${wantedTokens} were asked for`,
    };
  }
  return {
    ok: true,
    ttftMs,
    latencyMs,
    answer: ids.length > 0 ? ids.join(' ') : text,
    promptTokens: usage?.prompt_tokens ?? null,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? null,
    outputTokens,
  };
}

function describe(error: Error): string {
  const code = (error as { code?: unknown }).code;
  const { cause } = error;
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  return `${typeof code === 'string' ? `${code}: ` : ''}${error.message}${reason}`;
}
