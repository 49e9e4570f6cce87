// Before a vLLM of ours is measured: one prompt until it comes back from pega.
//
// First requests are slower than all others, and the connector maps the pool in the background while
// vLLM already answers. So this is also the proof that vLLM and pega work together at all.

import { PegaError } from '../errors.js';
import type { PegaClient } from '../rpc/client.js';
import { cacheUse } from './claims.js';
import type { EngineApi } from './engine-api.js';
import type { Completion } from './openai-client.js';
import { pegaSnapshot, untilReported, untilSealed } from './pega-view.js';
import { settledCounters } from './phases.js';

export interface WarmUpOptions {
  engine: EngineApi;
  pega: PegaClient;
  send: (prompt: readonly number[]) => Promise<Completion>;
  /** One that the run itself does not send. */
  prompt: readonly number[];
  signal: AbortSignal;
  /** For the advice: keeps vLLM's log and says where it is. */
  keepLog: () => string;
  timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;

export async function warmUp(options: WarmUpOptions): Promise<void> {
  const { engine, pega, signal, prompt } = options;
  const deadlineMs = performance.now() + (options.timeoutMs ?? TIMEOUT_MS);
  do {
    const tokens = await tokensFromPega(options);
    if (tokens > 0) {
      await untilAllIsReported(pega, tokens, signal);
      return;
    }
    const blockTokens = await engine.blockTokens();
    if (blockTokens !== null && prompt.length <= blockTokens) {
      return; // not one whole block: nothing can come from pega
    }
    await untilSealed(pega, signal);
    await engine.resetPrefixCache();
  } while (performance.now() < deadlineMs);
  throw new PegaError(
    'PEGA_INVALID_RUN',
    'vLLM answers, but nothing of a prompt that was sent before came from pega',
    { suggestions: [`read vLLM's log: ${options.keepLog()}`] },
  );
}

async function tokensFromPega(options: WarmUpOptions): Promise<number> {
  const { engine, prompt, signal } = options;
  const before = await engine.counters();
  const completion = await options.send(prompt);
  if (!completion.ok) {
    throw new PegaError('PEGA_UNAVAILABLE', `vLLM failed its first request: ${completion.error}`, {
      suggestions: [`read vLLM's log: ${options.keepLog()}`],
    });
  }
  const counters = await settledCounters(engine, before, prompt.length, signal);
  return cacheUse(counters).externalTokens ?? 0;
}

/** So that the first phase is not charged with what the warm-up moved. */
async function untilAllIsReported(
  pega: PegaClient,
  loadedTokens: number,
  signal: AbortSignal,
): Promise<void> {
  await untilSealed(pega, signal);
  const { blockTokens, blockBytes, sealedBlocks } = await pegaSnapshot(pega);
  if (blockTokens && blockBytes !== null) {
    const loadBytes = Math.floor(loadedTokens / blockTokens) * blockBytes;
    await untilReported(pega, { loadBytes, storeBytes: sealedBlocks * blockBytes }, signal);
  }
}
