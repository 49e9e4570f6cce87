// `pega bench ttft`: one call from options to result. Composes the parts; each has a file of its own.
import { randomInt } from 'node:crypto';
import type { ModelShape } from '../engine/reference-model.js';
import { PegaError } from '../errors.js';
import { PACKAGE_VERSION } from '../package.js';
import type { Progress } from '../progress.js';
import { WORKER_DEFAULTS } from '../reference/options.js';
import type { PegaTarget } from '../rpc/client.js';
import { withEmbedded } from './embedded.js';
import { baseUrl, withPega } from './engine-at-url.js';
import { describeMachine } from './machine.js';
import { withOwnVllm } from './own-vllm.js';
import { poolBytesFor, workerBlocksFor } from './reference-size.js';
import { PHASES, type TtftResult } from './result.js';
import { type RunningEngine, runOn } from './run.js';

export interface TtftOptions {
  promptCount: number;
  inputTokens: number;
  outputTokens: number;
  /** Infinity: all at once. */
  requestRate: number;
  /** Undefined: 0 for an engine of ours, a fresh one for an engine that may know older prompts. */
  seed?: number;
  engine: EmbeddedEngine | UrlEngine | VllmEngine;
  signal: AbortSignal;
  progress: Progress;
}

export interface EmbeddedEngine {
  kind: 'embedded';
  poolBytes?: number;
  /** Of the worker's model, where it is not the default. */
  shape?: Partial<ModelShape>;
}

/** An engine that runs already. */
export interface UrlEngine {
  kind: 'url';
  url: string;
  model?: string;
  vocabularySize: number;
  /** Where its server may be; required: it has to be there. */
  pega: PegaTarget;
  pegaIsRequired: boolean;
}

/** A vLLM that is started for the run. */
export interface VllmEngine {
  kind: 'vllm';
  /** A folder or a downloaded repository. */
  model: string;
  python?: string;
  extraArguments: readonly string[];
  poolBytes?: number;
  environment: NodeJS.ProcessEnv;
}

const SEED_MAX = 2 ** 31;

export async function benchTtft(options: TtftOptions): Promise<TtftResult> {
  try {
    return await benchEngine(options);
  } finally {
    options.progress.close();
  }
}

async function benchEngine(options: TtftOptions): Promise<TtftResult> {
  const { engine } = options;
  switch (engine.kind) {
    case 'url':
      return benchUrl(options, engine);
    case 'vllm':
      return benchVllm(options, engine);
    case 'embedded':
      return benchEmbedded(options, engine);
  }
}

function benchUrl(options: TtftOptions, engine: UrlEngine): Promise<TtftResult> {
  const url = baseUrl(engine.url);
  const { signal } = options;
  return withPega(engine, (pega) =>
    measure(options, {
      running: { url, pega, signal, ...modelOf(engine), keepLog: null },
      url,
      seed: options.seed ?? randomInt(SEED_MAX),
      poolBytes: null,
      vllmVersion: null,
    }),
  );
}

function modelOf({ model, vocabularySize }: UrlEngine) {
  return { model: model ?? null, vocabularySize };
}

function benchVllm(options: TtftOptions, engine: VllmEngine): Promise<TtftResult> {
  const { signal, progress } = options;
  return withOwnVllm({ ...engine, signal, progress, sizeOf: () => options }, (vllm) =>
    measure(options, {
      running: { ...vllm, vocabularySize: vllm.facts.vocabularySize },
      url: null,
      seed: options.seed ?? 0,
      poolBytes: vllm.poolBytes,
      vllmVersion: vllm.vllmVersion,
    }),
  );
}

function benchEmbedded(options: TtftOptions, engine: EmbeddedEngine): Promise<TtftResult> {
  const { signal, progress } = options;
  const shape = { ...WORKER_DEFAULTS.shape, ...engine.shape };
  requireContext(options, shape.context);
  const poolBytes = engine.poolBytes ?? poolBytesFor(options, shape);
  const blocks = workerBlocksFor(options, shape);
  return withEmbedded({ poolBytes, shape, blocks, signal, progress }, (embedded) =>
    measure(options, {
      running: { ...embedded, model: null, vocabularySize: shape.vocab, keepLog: null },
      url: null,
      seed: options.seed ?? 0,
      poolBytes,
      vllmVersion: null,
    }),
  );
}

interface Measured {
  running: RunningEngine;
  url: string | null;
  seed: number;
  poolBytes: number | null;
  vllmVersion: string | null;
}

async function measure(options: TtftOptions, measured: Measured): Promise<TtftResult> {
  const { running, seed, url } = measured;
  const startedAt = new Date();
  const noModel = (why: string) =>
    new PegaError('PEGA_USAGE', `${running.url}/v1/models ${why}; required is a model`, {
      suggestions: ['name it with --model', 'make sure that --url is an OpenAI-compatible engine'],
    });
  const outcome = await runOn(running, { ...options, seed, phases: PHASES, noModel });
  const { problems } = outcome;
  return {
    schema_version: 1,
    bench: 'ttft',
    ttft_definition: 'vllm-bench-serve-completions',
    passed: problems.length === 0,
    problems,
    vllm_log: problems.length > 0 && running.keepLog ? running.keepLog() : null,
    config: {
      engine: options.engine.kind,
      url,
      model: outcome.model,
      num_prompts: options.promptCount,
      input_len: options.inputTokens,
      output_len: options.outputTokens,
      request_rate: Number.isFinite(options.requestRate) ? options.requestRate : null,
      seed,
      block_tokens: outcome.blockTokens,
      server_pool_bytes: measured.poolBytes,
    },
    machine: describeMachine(),
    versions: {
      pega: PACKAGE_VERSION,
      node: process.versions.node,
      pega_server: outcome.serverVersion,
      vllm: measured.vllmVersion,
    },
    started_at: startedAt.toISOString(),
    phases: outcome.phases,
  };
}

function requireContext(options: TtftOptions, context: number): void {
  const tokens = options.inputTokens + options.outputTokens;
  if (tokens > context) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--input-len and --output-len together are ${tokens} tokens; the reference worker has ${context} positions`,
      { suggestions: ['ask for fewer tokens, or bench a real engine with --url or --model'] },
    );
  }
}
