// `pega hello`: one prompt twice, computed by vLLM and then brought back by pega, and what that saved.
//
// A look, no measurement: one sample each. `pega bench ttft` measures.
import { PACKAGE_VERSION } from '../package.js';
import type { Progress } from '../progress.js';
import { formatBytes } from '../units.js';
import type { ModelFacts } from '../vllm/model-facts.js';
import { type OwnVllm, withOwnVllm } from './own-vllm.js';
import type { PhaseResult, Problem } from './result.js';
import { type RunOutcome, runOn } from './run.js';

export interface HelloOptions {
  /** A folder or a downloaded repository; undefined: a tiny one is made. */
  model?: string;
  python?: string;
  extraArguments: readonly string[];
  inputTokens?: number;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
  progress: Progress;
}

/** What --json prints; what is not known is null. */
export interface HelloResult {
  schema_version: 1;
  passed: boolean;
  problems: Problem[];
  /** Kept because there are problems. */
  vllm_log: string | null;
  model: string;
  model_made_for_this_run: boolean;
  device: 'cpu' | 'gpu';
  prompt_tokens: number;
  output_tokens: number;
  cold_ttft_ms: number | null;
  warm_ttft_ms: number | null;
  /** Cold ÷ warm. */
  factor: number | null;
  tokens_from_pega: number | null;
  bytes_from_pega: number | null;
  same_answer: boolean | null;
  versions: { pega: string; vllm: string };
}

const PHASES = ['cold', 'host'] as const;
const OUTPUT_TOKENS = 16;
const INPUT_TOKENS_DEFAULT = 10_000;
/** Of what the model has room for. */
const INPUT_SHARE = 0.5;

export async function sayHello(options: HelloOptions): Promise<HelloResult> {
  const sizeOf = (facts: ModelFacts) => ({
    promptCount: 1,
    inputTokens: options.inputTokens ?? inputTokensFor(facts),
    outputTokens: OUTPUT_TOKENS,
  });
  const { progress } = options;
  try {
    return await withOwnVllm({ ...options, sizeOf }, async (vllm) => {
      const outcome = await runOn(
        { ...vllm, vocabularySize: vllm.facts.vocabularySize },
        {
          ...vllm.size,
          phases: PHASES,
          requestRate: Infinity,
          seed: 0,
          progress,
          noModel: (why) => new Error(`vLLM ${why}`),
        },
      );
      return resultOf(options, vllm, outcome);
    });
  } finally {
    progress.close();
  }
}

function inputTokensFor({ contextTokens }: ModelFacts): number {
  const most = contextTokens === null ? Infinity : Math.floor(contextTokens * INPUT_SHARE);
  return Math.min(INPUT_TOKENS_DEFAULT, most);
}

function resultOf(
  options: HelloOptions,
  vllm: OwnVllm,
  { phases, problems, model }: RunOutcome<(typeof PHASES)[number]>,
): HelloResult {
  const { cold, host } = phases;
  return {
    schema_version: 1,
    passed: problems.length === 0,
    problems,
    vllm_log: problems.length > 0 ? vllm.keepLog() : null,
    model,
    model_made_for_this_run: options.model === undefined,
    device: vllm.isCpuBuild ? 'cpu' : 'gpu',
    prompt_tokens: vllm.size.inputTokens,
    output_tokens: vllm.size.outputTokens,
    cold_ttft_ms: cold.ttft_ms.mean,
    warm_ttft_ms: host.ttft_ms.mean,
    factor: host.speedup_over_cold,
    tokens_from_pega: tokensFromPega(host),
    bytes_from_pega: host.bytes_loaded,
    same_answer: host.token_identical,
    versions: { pega: PACKAGE_VERSION, vllm: vllm.vllmVersion },
  };
}

function tokensFromPega(phase: PhaseResult): number | null {
  return phase.prompt_tokens_by_source?.external_kv_transfer ?? phase.external_prefix_cache_hits;
}

export function renderHello(result: HelloResult): string {
  const { cold_ttft_ms: cold, warm_ttft_ms: warm, factor } = result;
  const made = result.model_made_for_this_run ? ', made for this run' : '';
  const tokens = result.prompt_tokens.toLocaleString('en');
  const from = result.tokens_from_pega?.toLocaleString('en') ?? 'unknown';
  const bytes = result.bytes_from_pega === null ? '' : `, ${formatBytes(result.bytes_from_pega)}`;
  return [
    `Hello from vLLM ${result.versions.vllm} on the ${result.device.toUpperCase()} with ${result.model}${made}.`,
    `One prompt of ${tokens} tokens, sent twice. Time to the first token:`,
    '',
    `  cold ${shown(cold)}   vLLM computed it`,
    `  warm ${shown(warm)}   ${from} of its tokens came from pega${bytes}`,
    '',
    ...(result.passed && factor !== null
      ? [`${factor.toFixed(1)} times as fast, and the answer is the same.`]
      : result.problems.map(({ message }) => `Not as it should be: ${message}`)),
    ...(result.vllm_log === null ? [] : [`vLLM's log: ${result.vllm_log}`]),
    ...(result.device === 'cpu' ? ["A CPU's times say nothing about a GPU."] : []),
  ].join('\n');
}

function shown(ms: number | null): string {
  return ms === null ? '  unknown   ' : `${ms.toFixed(1).padStart(9)} ms`;
}
