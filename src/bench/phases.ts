// Runs the phases cold, hbm and host against one engine and proves each by the engine's counters.
//
// It starts and stops nothing: embedded.ts and own-vllm.ts do. Between phases it waits for what it can see (stores
// sealed, cache reset), never for a length of time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../progress.js';
import type { PegaClient } from '../rpc/client.js';
import { type Counters, subtractCounters } from '../vllm/counters.js';
import { cacheUse } from './claims.js';
import type { EngineApi } from './engine-api.js';
import { type LoadResult, runLoad } from './load.js';
import type { Completion } from './openai-client.js';
import { type PegaSnapshot, pegaSnapshot, untilReported, untilSealed } from './pega-view.js';
import type { PhaseName } from './result.js';
import type { Workload } from './workload.js';

export interface PhasesOptions<Name extends PhaseName> {
  /** Of PHASES, in their order. */
  names: readonly Name[];
  workload: Workload;
  engine: EngineApi;
  send: (prompt: readonly number[]) => Promise<Completion>;
  /** Null: bytes moved stay unknown. */
  pega: PegaClient | null;
  signal: AbortSignal;
  progress: Progress;
}

/** What one phase left behind, before it is judged. */
export interface PhaseRecord<Name extends PhaseName = PhaseName> {
  name: Name;
  load: LoadResult;
  counters: Counters;
  bytesLoaded: number | null;
  bytesStored: number | null;
  blockTokens: number | null;
}

const COUNTERS_TIMEOUT_MS = 3000;
const COUNTERS_AGAIN_MS = 50;

export async function runPhases<Name extends PhaseName>(
  options: PhasesOptions<Name>,
): Promise<PhaseRecord<Name>[]> {
  // Before anything is measured: an engine that cannot be reset has no host phase.
  await options.engine.resetPrefixCache();
  const records: PhaseRecord<Name>[] = [];
  for (const name of options.names) {
    if (name === 'host') {
      await options.engine.resetPrefixCache();
    }
    records.push(await runPhase(name, options));
  }
  return records;
}

async function runPhase<Name extends PhaseName>(
  name: Name,
  options: PhasesOptions<Name>,
): Promise<PhaseRecord<Name>> {
  const { workload, engine, pega, signal } = options;
  const countersBefore = await engine.counters();
  const pegaBefore = pega ? await pegaSnapshot(pega) : null;
  const line = options.progress.phase(name, workload.prompts.length);
  let load: LoadResult;
  try {
    load = await runLoad({ workload, send: options.send, signal, onDone: line.update });
  } finally {
    line.end();
  }
  const wanted = workload.prompts.reduce((sum, prompt) => sum + prompt.length, 0);
  const counters = await settledCounters(engine, countersBefore, wanted, signal);
  const bytes = pega && pegaBefore ? await bytesMoved(pega, pegaBefore, counters, signal) : UNKNOWN;
  const blockTokens = bytes.blockTokens ?? (await engine.blockTokens());
  return { name, load, counters, ...bytes, blockTokens };
}

/** @param wanted prompt tokens. Engines count a request shortly after its last chunk has left. */
export async function settledCounters(
  engine: EngineApi,
  before: Counters,
  wanted: number,
  signal: AbortSignal,
): Promise<Counters> {
  const deadlineMs = performance.now() + COUNTERS_TIMEOUT_MS;
  for (;;) {
    const delta = subtractCounters(await engine.counters(), before);
    const sources = delta.promptTokensBySource;
    const counted = sources && Object.values(sources).reduce((sum, tokens) => sum + tokens, 0);
    if (counted === null || counted >= wanted || performance.now() >= deadlineMs) {
      return delta;
    }
    await sleep(COUNTERS_AGAIN_MS, undefined, { signal });
  }
}

type Bytes = Pick<PhaseRecord, 'bytesLoaded' | 'bytesStored' | 'blockTokens'>;

const UNKNOWN: Bytes = { bytesLoaded: null, bytesStored: null, blockTokens: null };

async function bytesMoved(
  pega: PegaClient,
  before: PegaSnapshot,
  counters: Counters,
  signal: AbortSignal,
): Promise<Bytes> {
  await untilSealed(pega, signal);
  const sealed = await pegaSnapshot(pega);
  const { blockBytes, blockTokens, loadBytes, storeBytes } = sealed;
  if (loadBytes === null || storeBytes === null || blockBytes === null || !blockTokens) {
    return UNKNOWN;
  }
  // An engine without a report yet counted from 0.
  const startLoad = before.loadBytes ?? 0;
  const startStore = before.storeBytes ?? 0;
  const loadedBlocks = Math.floor((cacheUse(counters).externalTokens ?? 0) / blockTokens);
  const reported = await untilReported(
    pega,
    {
      loadBytes: startLoad + loadedBlocks * blockBytes,
      storeBytes: startStore + (sealed.sealedBlocks - before.sealedBlocks) * blockBytes,
    },
    signal,
  );
  return {
    bytesLoaded: (reported.loadBytes ?? startLoad) - startLoad,
    bytesStored: (reported.storeBytes ?? startStore) - startStore,
    blockTokens,
  };
}
