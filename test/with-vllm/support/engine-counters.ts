// vLLM's own counters that say where tokens came from: what proves the state of a cache in these tests.

import { parseExposition } from '../../../src/vllm/exposition.js';

const NAMES = {
  /** Tokens that the engine's own cache was asked for, and had. */
  localQueries: 'vllm:prefix_cache_queries_total',
  localHits: 'vllm:prefix_cache_hits_total',
  /** Tokens that the connector was asked for, and had. */
  externalQueries: 'vllm:external_prefix_cache_queries_total',
  externalHits: 'vllm:external_prefix_cache_hits_total',
  promptTokens: 'vllm:prompt_tokens_total',
  preemptions: 'vllm:num_preemptions_total',
  answerTokens: 'vllm:generation_tokens_total',
} as const;

export type EngineCounters = Record<keyof typeof NAMES, number>;

export function readEngineCounters(text: string): EngineCounters {
  const samples = parseExposition(text);
  const total = (name: string): number =>
    samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
  return map((key) => total(NAMES[key]));
}

export function subtractEngineCounters(
  after: EngineCounters,
  before: EngineCounters,
): EngineCounters {
  return map((key) => after[key] - before[key]);
}

function map(value: (key: keyof EngineCounters) => number): EngineCounters {
  const keys = Object.keys(NAMES) as (keyof EngineCounters)[];
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as EngineCounters;
}
