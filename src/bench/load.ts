// Sends a workload at its intended times, whatever the answers do, and collects them.
//
// Open loop: a slow server gets no fewer requests. How late a request left is kept, so that a driver that
// could not keep up is seen.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Completion } from './openai-client.js';
import type { Workload } from './workload.js';

export interface LoadOptions {
  workload: Workload;
  send: (prompt: readonly number[]) => Promise<Completion>;
  signal: AbortSignal;
  onDone?: (done: number) => void;
}

export interface LoadResult {
  /** In the order of the prompts. */
  completions: Completion[];
  durationSeconds: number;
  latestSendMs: number;
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { prompts, sendTimes } = options.workload;
  // Each request in flight listens: many are no leak.
  setMaxListeners(0, options.signal);
  const startMs = performance.now();
  let done = 0;
  let latestSendMs = 0;
  const sendAt = async (prompt: readonly number[], intendedMs: number): Promise<Completion> => {
    const waitMs = startMs + intendedMs - performance.now();
    if (waitMs > 0) {
      await sleep(waitMs, undefined, { signal: options.signal });
    }
    latestSendMs = Math.max(latestSendMs, performance.now() - startMs - intendedMs);
    const completion = await options.send(prompt);
    done += 1;
    options.onDone?.(done);
    return completion;
  };
  const settled = await Promise.allSettled(
    prompts.map((prompt, index) => sendAt(prompt, (sendTimes[index] ?? 0) * 1000)),
  );
  options.signal.throwIfAborted();
  const completions = settled.map((outcome) => {
    if (outcome.status === 'rejected') {
      throw outcome.reason;
    }
    return outcome.value;
  });
  return {
    completions,
    durationSeconds: (performance.now() - startMs) / 1000,
    latestSendMs,
  };
}
