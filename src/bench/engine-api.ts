// What the bench asks of an engine besides completions: its models, its counters, an empty prefix cache.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { PegaError } from '../errors.js';
import { type Counters, readBlockTokens, readCounters } from '../vllm/counters.js';
import { parseExposition } from '../vllm/exposition.js';

export interface EngineApi {
  /** The id of its first model, or why it has none; PEGA_UNAVAILABLE when it can't be reached. */
  firstModel(): Promise<FirstModel>;
  /** All null where there are no metrics. */
  counters(): Promise<Counters>;
  /** Tokens of a KV block; null where the engine does not say it. */
  blockTokens(): Promise<number | null>;
  /** Empties the engine's own prefix cache, repeating until blocks are free for it. */
  resetPrefixCache(): Promise<void>;
}

export type FirstModel = { id: string } | { why: string };

export interface EngineApiOptions {
  url: string;
  dispatcher: Dispatcher;
  signal: AbortSignal;
  resetTimeoutMs?: number;
}

const ANSWER_TIMEOUT_MS = 10_000;
/** Stores keep references for a moment; an engine with references cannot reset. */
const RESET_TIMEOUT_MS = 5000;
const RESET_AGAIN_MS = 50;
/** An engine that does not say whether it did it is asked for so long: until its references are gone. */
const RESET_UNSAID_MS = 1000;

const modelsShape = z.object({ data: z.array(z.object({ id: z.string() })) });

export function connectEngine(options: EngineApiOptions): EngineApi {
  const samples = async () => {
    const { status, text } = await ask(options, 'GET', '/metrics');
    return status === 200 ? parseExposition(text) : [];
  };
  return {
    firstModel: () => firstModel(options),
    counters: async () => readCounters(await samples()),
    blockTokens: async () => readBlockTokens(await samples()),
    resetPrefixCache: () => resetPrefixCache(options),
  };
}

async function firstModel(options: EngineApiOptions): Promise<FirstModel> {
  const { status, text } = await ask(options, 'GET', '/v1/models');
  if (status !== 200) {
    return { why: `answers HTTP ${status}` };
  }
  const models = modelsShape.safeParse(parseJson(text));
  if (!models.success) {
    return { why: 'answers no list of models' };
  }
  const [first] = models.data.data;
  return first ?? { why: 'answers an empty list' };
}

async function resetPrefixCache(options: EngineApiOptions): Promise<void> {
  const timeoutMs = options.resetTimeoutMs ?? RESET_TIMEOUT_MS;
  const startMs = performance.now();
  for (;;) {
    const { status, text } = await ask(options, 'POST', '/reset_prefix_cache');
    const elapsedMs = performance.now() - startMs;
    if (status === 404 || status === 405) {
      throw new PegaError(
        'PEGA_INVALID_RUN',
        `${options.url} has no /reset_prefix_cache (HTTP ${status}): hits in the engine's own cache and in pega cannot be told apart`,
        {
          suggestions: [
            'start vLLM with VLLM_SERVER_DEV_MODE=1, on a host that nobody else reaches',
          ],
        },
      );
    }
    const succeeded = status === 200 ? resetSucceeded(text) : false;
    if (succeeded === true || (succeeded === undefined && elapsedMs >= RESET_UNSAID_MS)) {
      return;
    }
    if (elapsedMs >= timeoutMs) {
      throw new PegaError(
        'PEGA_INVALID_RUN',
        `${options.url} did not reset its prefix cache in ${timeoutMs} ms (HTTP ${status}: ${text.slice(0, 200)})`,
        {
          suggestions: ['make sure that nothing else sends requests to this engine, and run again'],
        },
      );
    }
    await sleep(RESET_AGAIN_MS, undefined, { signal: options.signal });
  }
}

/** Undefined: older engines, as vLLM 0.24, answer 200 with nothing, whatever happened. */
function resetSucceeded(text: string): boolean | undefined {
  const answer = parseJson(text);
  return typeof answer === 'object' && answer !== null && 'success' in answer
    ? answer.success === true
    : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function ask(
  options: EngineApiOptions,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ status: number; text: string }> {
  const { origin, pathname } = new URL(`${options.url}${path}`);
  try {
    const response = await options.dispatcher.request({
      origin,
      path: pathname,
      method,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      signal: options.signal,
    });
    return { status: response.statusCode, text: await response.body.text() };
  } catch (thrown) {
    options.signal.throwIfAborted();
    const reason = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
    throw new PegaError('PEGA_UNAVAILABLE', `${options.url} can't be reached: ${reason}`, {
      cause: thrown,
      suggestions: ['start the engine, or correct --url'],
    });
  }
}
