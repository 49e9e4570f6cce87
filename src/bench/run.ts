// One engine, one workload, the phases asked for: drives them and judges what they left behind.
//
// It starts and stops nothing; an engine that is there is its input.
import { Agent } from 'undici';
import type { Progress } from '../progress.js';
import type { PegaClient } from '../rpc/client.js';
import { assess } from './assess.js';
import { connectEngine, type EngineApi } from './engine-api.js';
import { complete } from './openai-client.js';
import { pegaSnapshot } from './pega-view.js';
import { runPhases } from './phases.js';
import type { RunSize } from './reference-size.js';
import type { PhaseName, PhaseResult, Problem } from './result.js';
import { warmUp } from './warm-up.js';
import { makeWorkload } from './workload.js';

/** An engine that serves, and what is known of it. */
export interface RunningEngine {
  url: string;
  /** Null: asked for at /v1/models. */
  model: string | null;
  vocabularySize: number;
  pega: PegaClient | null;
  /** Aborted when the run is to end, or when a process that should be there ended. */
  signal: AbortSignal;
  /** Set for a vLLM of ours, which is warmed up before it is measured; keeps its log. */
  keepLog: (() => string) | null;
}

export interface RunOptions<Name extends PhaseName> extends RunSize {
  phases: readonly Name[];
  requestRate: number;
  seed: number;
  progress: Progress;
  /** What to say where the engine names no model. */
  noModel: (why: string) => Error;
}

export interface RunOutcome<Name extends PhaseName> {
  model: string;
  blockTokens: number;
  phases: Record<Name, PhaseResult>;
  problems: Problem[];
  serverVersion: string | null;
}

/** A request that hears nothing for so long has failed. */
const STALL_TIMEOUT_MS = 300_000;
/** vLLM's on GPUs, where nobody says how many a block has. */
const BLOCK_TOKENS_DEFAULT = 16;

export async function runOn<Name extends PhaseName>(
  running: RunningEngine,
  options: RunOptions<Name>,
): Promise<RunOutcome<Name>> {
  const { url, pega, signal } = running;
  const dispatcher = new Agent({ connections: null });
  try {
    const engine = connectEngine({ url, dispatcher, signal });
    const model = await chooseModel(running, engine, options);
    const send = (prompt: readonly number[]) =>
      complete(
        { prompt, outputTokens: options.outputTokens },
        { url, model, dispatcher, signal, stallTimeoutMs: STALL_TIMEOUT_MS },
      );
    if (pega !== null && running.keepLog !== null) {
      options.progress.note('one prompt to warm up …');
      const prompt = warmUpPrompt(running, options);
      await warmUp({ engine, pega, send, prompt, signal, keepLog: running.keepLog });
    }
    const { vocabularySize } = running;
    const workload = makeWorkload({ ...options, vocabularySize });
    const parts = { workload, engine, send, pega, signal };
    const records = await runPhases({
      ...parts,
      names: options.phases,
      progress: options.progress,
    });
    const blockTokens =
      records.find((record) => record.blockTokens !== null)?.blockTokens ?? BLOCK_TOKENS_DEFAULT;
    const serverVersion = pega === null ? null : (await pegaSnapshot(pega)).serverVersion;
    return { model, blockTokens, serverVersion, ...assess(records, { ...options, blockTokens }) };
  } finally {
    await dispatcher.destroy();
  }
}

/** One that no phase sends. */
function warmUpPrompt(
  { vocabularySize }: RunningEngine,
  options: RunOptions<PhaseName>,
): readonly number[] {
  const seed = options.seed + 1;
  const { prompts } = makeWorkload({ ...options, promptCount: 1, seed, vocabularySize });
  return prompts[0] ?? [];
}

/** Asks the engine also when the model is named: an engine that is not there is told at once. */
async function chooseModel(
  running: RunningEngine,
  engine: EngineApi,
  options: RunOptions<PhaseName>,
): Promise<string> {
  const first = await engine.firstModel();
  if (running.model !== null) {
    return running.model;
  }
  if ('why' in first) {
    throw options.noModel(first.why);
  }
  return first.id;
}
