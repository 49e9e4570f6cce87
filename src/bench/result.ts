// The result of `pega bench ttft`: what --json prints. Numbers are SI or named in their key; what is not
// known is null, never 0.
//
// Types and the exit code that follows from a result. Keys are snake_case: this is a file format.
import { EXIT } from '../errors.js';
import type { TokensBySource } from '../vllm/counters.js';
import type { Summary } from './statistics.js';

export const PHASES = ['cold', 'hbm', 'host'] as const;
export type PhaseName = (typeof PHASES)[number];

export interface PhaseResult {
  /** Of completed requests; all null when none completed. */
  ttft_ms: Summary | { mean: null; p50: null; p99: null };
  /** Mean TTFT of cold ÷ mean TTFT of this phase. */
  speedup_over_cold: number | null;
  completed: number;
  failed: number;
  /** Each error once, at most five. */
  errors: string[];
  prompt_tokens: number;
  /** Prompt tokens that were not computed ÷ prompt tokens. */
  hit_share: number | null;
  prompt_tokens_by_source: TokensBySource | null;
  prefix_cache_hits: number | null;
  external_prefix_cache_hits: number | null;
  /** As the answers' usage says it. */
  cached_tokens: number | null;
  /** From pega into the engine, and back, during the phase. */
  bytes_loaded: number | null;
  bytes_stored: number | null;
  /** Every answer that came equals the same prompt's first answer; null: none could be compared. */
  token_identical: boolean | null;
  answers_that_differ: number;
  /** The engine's counters show that the phase was what its name says; null: there are no counters. */
  proven: boolean | null;
  duration_s: number;
  /** How late the latest request left, against its intended time. */
  latest_send_ms: number;
}

export interface Problem {
  kind: 'request_failed' | 'answer_differs' | 'phase_not_proven';
  phase: PhaseName;
  message: string;
}

export interface TtftResult {
  schema_version: 1;
  bench: 'ttft';
  /** Whose definition of TTFT: POST to the first chunk with choices. */
  ttft_definition: 'vllm-bench-serve-completions';
  passed: boolean;
  problems: Problem[];
  /** The log of a vLLM that was started for this run, kept because there are problems. */
  vllm_log: string | null;
  config: {
    engine: 'embedded' | 'url' | 'vllm';
    url: string | null;
    model: string;
    num_prompts: number;
    input_len: number;
    output_len: number;
    /** Requests per second; null: all at once. */
    request_rate: number | null;
    seed: number;
    block_tokens: number;
    server_pool_bytes: number | null;
  };
  machine: {
    cpu: string;
    cores: number;
    memory_bytes: number;
    kernel: string;
    architecture: string;
  };
  versions: { pega: string; node: string; pega_server: string | null; vllm: string | null };
  started_at: string;
  phases: Record<PhaseName, PhaseResult>;
}

/** A wrong answer weighs more than a phase that proves nothing. */
export function exitCodeOf(problems: readonly Problem[]): number {
  if (problems.some(({ kind }) => kind !== 'phase_not_proven')) {
    return EXIT.checkFailed;
  }
  return problems.length > 0 ? EXIT.invalidRun : EXIT.ok;
}
