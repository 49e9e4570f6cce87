// `pega bench ttft`: one call from options to result. Composes the parts; each has a file of its own.
import { randomInt } from 'node:crypto';
import { Agent } from 'undici';
import type { ModelShape } from '../engine/reference-model.js';
import { PegaError } from '../errors.js';
import { PACKAGE_VERSION } from '../package.js';
import { WORKER_DEFAULTS } from '../reference/options.js';
import { connectPega, type PegaClient, type PegaTarget } from '../rpc/client.js';
import { assess } from './assess.js';
import { withEmbedded } from './embedded.js';
import { connectEngine, type EngineApi } from './engine-api.js';
import { describeMachine } from './machine.js';
import { complete } from './openai-client.js';
import { pegaSnapshot } from './pega-view.js';
import { runPhases } from './phases.js';
import type { Progress } from './progress.js';
import { poolBytesFor, workerBlocksFor } from './reference-size.js';
import type { TtftResult } from './result.js';
import { makeWorkload } from './workload.js';

export interface TtftOptions {
  promptCount: number;
  inputTokens: number;
  outputTokens: number;
  /** Infinity: all at once. */
  requestRate: number;
  /** Undefined: 0 for the embedded worker, a fresh one for an engine that may know older prompts. */
  seed?: number;
  engine: EmbeddedEngine | UrlEngine;
  signal: AbortSignal;
  progress: Progress;
}

export interface EmbeddedEngine {
  kind: 'embedded';
  poolBytes?: number;
  /** Of the worker's model, where it is not the default. */
  shape?: Partial<ModelShape>;
}

export interface UrlEngine {
  kind: 'url';
  url: string;
  model?: string;
  vocabularySize: number;
  /** Where its server may be; required: it has to be there. */
  pega: PegaTarget;
  pegaIsRequired: boolean;
}

/** A request that hears nothing for so long has failed. */
const STALL_TIMEOUT_MS = 300_000;
const SEED_MAX = 2 ** 31;
/** vLLM's, where nobody says how many a block has. */
const BLOCK_TOKENS_DEFAULT = 16;

export async function benchTtft(options: TtftOptions): Promise<TtftResult> {
  try {
    return await benchEngine(options);
  } finally {
    options.progress.close();
  }
}

async function benchEngine(options: TtftOptions): Promise<TtftResult> {
  const { engine, signal } = options;
  if (engine.kind === 'url') {
    const url = baseUrl(engine.url);
    const { vocabularySize } = engine;
    return withPega(engine, (pega) =>
      measure(options, { url, pega, signal, poolBytes: null, vocabularySize }),
    );
  }
  const shape = { ...WORKER_DEFAULTS.shape, ...engine.shape };
  requireContext(options, shape.context);
  const poolBytes = engine.poolBytes ?? poolBytesFor(options, shape);
  const blocks = workerBlocksFor(options, shape);
  return withEmbedded(
    { poolBytes, shape, blocks, signal, progress: options.progress },
    (embedded) => measure(options, { ...embedded, poolBytes, vocabularySize: shape.vocab }),
  );
}

interface Environment {
  url: string;
  pega: PegaClient | null;
  signal: AbortSignal;
  poolBytes: number | null;
  vocabularySize: number;
}

async function measure(options: TtftOptions, environment: Environment): Promise<TtftResult> {
  const { url, pega, signal } = environment;
  const dispatcher = new Agent({ connections: null });
  try {
    const startedAt = new Date();
    const engine = connectEngine({ url, dispatcher, signal });
    const model = await chooseModel(options, engine, url);
    const seed = options.seed ?? (options.engine.kind === 'embedded' ? 0 : randomInt(SEED_MAX));
    const workload = makeWorkload({
      ...options,
      seed,
      vocabularySize: environment.vocabularySize,
    });
    const { outputTokens } = options;
    const send = (prompt: readonly number[]) =>
      complete(
        { prompt, outputTokens },
        { url, model, dispatcher, signal, stallTimeoutMs: STALL_TIMEOUT_MS },
      );
    const records = await runPhases({ ...options, workload, engine, send, pega, signal });
    const blockTokens =
      records.find((record) => record.blockTokens !== null)?.blockTokens ?? BLOCK_TOKENS_DEFAULT;
    const { phases, problems } = assess(records, { ...options, blockTokens });
    return {
      schema_version: 1,
      bench: 'ttft',
      ttft_definition: 'vllm-bench-serve-completions',
      passed: problems.length === 0,
      problems,
      config: {
        engine: options.engine.kind,
        url: options.engine.kind === 'url' ? url : null,
        model,
        num_prompts: options.promptCount,
        input_len: options.inputTokens,
        output_len: outputTokens,
        request_rate: Number.isFinite(options.requestRate) ? options.requestRate : null,
        seed,
        block_tokens: blockTokens,
        server_pool_bytes: environment.poolBytes,
      },
      machine: describeMachine(),
      versions: {
        pega: PACKAGE_VERSION,
        node: process.versions.node,
        pega_server: pega ? (await pegaSnapshot(pega)).serverVersion : null,
      },
      started_at: startedAt.toISOString(),
      phases,
    };
  } finally {
    await dispatcher.destroy();
  }
}

/** Asks the engine also when the model is named: an engine that is not there is told at once. */
async function chooseModel(options: TtftOptions, engine: EngineApi, url: string): Promise<string> {
  const first = await engine.firstModel();
  const named = options.engine.kind === 'url' ? options.engine.model : undefined;
  if (named !== undefined) {
    return named;
  }
  if ('why' in first) {
    throw new PegaError('PEGA_USAGE', `${url}/v1/models ${first.why}; required is a model`, {
      suggestions: ['name it with --model', 'make sure that --url is an OpenAI-compatible engine'],
    });
  }
  return first.id;
}

/** Bytes moved are known only where the server behind the engine can be asked. */
async function withPega<T>(
  engine: UrlEngine,
  use: (pega: PegaClient | null) => Promise<T>,
): Promise<T> {
  const pega = connectPega(engine.pega);
  try {
    const there = await pega.getPool({}, { deadlineMs: 2000 }).then(
      () => true,
      (error: unknown) => {
        if (engine.pegaIsRequired) {
          throw error;
        }
        return false;
      },
    );
    return await use(there ? pega : null);
  } finally {
    pega.close();
  }
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--url: "${text}" is not an http or https address`,
      {
        suggestions: ['write it like http://127.0.0.1:8000'],
      },
    );
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return `${url.origin}${path}`;
}

function requireContext(options: TtftOptions, context: number): void {
  const tokens = options.inputTokens + options.outputTokens;
  if (tokens > context) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--input-len and --output-len together are ${tokens} tokens; the reference worker has ${context} positions`,
      { suggestions: ['ask for fewer tokens, or bench a real engine with --url'] },
    );
  }
}
